//! **The allow list**: which control words and destinations may be copied (Rich Text Format Specification 1.9.1).
//!
//! Words that are not here are dropped, alone or with the group they begin. Left out on purpose, beside all that embeds,
//! links, runs or protects: editing session numbers (`rsid`), XML markup, mail merge, old bullets (`pn`), user
//! interface settings.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::report::What;

/// What a group is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    /// Text and tables with their formatting.
    Text,
    /// Bytes below 32 are numbers (`leveltext`, `levelnumbers`).
    Levels,
    Field,
    Instruction,
    /// The shown text of a field.
    Shown,
    Object,
    /// What is shown in place of an object.
    ObjectShown,
    Picture,
    ShapeProperty,
    ShapeName,
    /// Text twice, without and with Unicode.
    Twice,
    Unicode,
    /// The number or bullet of a paragraph, as text.
    Number,
    /// The picture for current readers.
    NewPicture,
    /// The same picture for old readers.
    OldPicture,
    Properties,
    Dropped(What),
}

/// Character, paragraph, section, table and document formatting, without parameters' ranges.
const WORDS: &str = "\
    ab absh abslock absnoovrlp absw acaps acccircle acccomma accdot accnone accunderdot acf adeff adeflang adjustright \
    adn aenddoc aendnotes aexpnd af afelev afs aftnbj aftnnalc aftnnar aftnnauc aftnnchi aftnnchosung aftnncnum \
    aftnndbar aftnndbnum aftnndbnumd aftnndbnumk aftnndbnumt aftnnganada aftnngbnum aftnngbnumd aftnngbnumk \
    aftnngbnuml aftnnrlc aftnnruc aftnnzodiac aftnnzodiacd aftnnzodiacl aftnrestart aftnrstcont aftnstart aftntj ai \
    alang alntblind animtext ansi ansicpg aoutl ascaps ashad asianbrkrule aspalpha aspnum astrike aul auld auldb \
    aulnone aulw aup additive ApplyBrkRules \
    b bdbfhdr bdrrlswsix bgbdiag bgcross bgdcross bgdkbdiag bgdkcross bgdkdcross bgdkfdiag bgdkhoriz bgdkvert bgfdiag \
    bghoriz bgvert binfsxn binsxn bkmkcolf bkmkcoll blue bookfold bookfoldrev bookfoldsheets box brdrart brdrb \
    brdrbar brdrbtw brdrcf brdrdash brdrdashd brdrdashdd brdrdashdot brdrdashdotdot brdrdashdotstr brdrdashsm brdrdb \
    brdrdot brdremboss brdrengrave brdrframe brdrhair brdrinset brdrl brdrnil brdrnone brdroutset brdrr brdrs brdrsh \
    brdrt brdrtbl brdrth brdrthtnlg brdrthtnmg brdrthtnsg brdrtnthlg brdrtnthmg brdrtnthsg brdrtnthtnlg brdrtnthtnmg \
    brdrtnthtnsg brdrtriple brdrw brdrwavy brdrwavydb brkfrm brsp bxe \
    caccentfive caccentfour caccentone caccentsix caccentthree caccenttwo cachedcolbal caps cb cbackgroundone \
    cbackgroundtwo cbpat cchs cellx cf cfollowedhyperlink cfpat cgrid charscalex chbgbdiag chbgcross chbgdcross \
    chbgdkbdiag chbgdkcross chbgdkdcross chbgdkfdiag chbgdkhoriz chbgdkvert chbgfdiag chbghoriz chbgvert chbrdr \
    chcbpat chcfpat chhres chshdng chyperlink clFitText clNoWrap clbgbdiag clbgcross clbgdcross clbgdkbdiag \
    clbgdkcross clbgdkdcross clbgdkfdiag clbgdkhor clbgdkvert clbgfdiag clbghoriz clbgvert clbrdrb clbrdrl clbrdrr \
    clbrdrt clcbpat clcbpatraw clcfpat clcfpatraw cldel cldelauth cldeldttm cldgll cldglu clftsWidth clhidemark clins \
    clinsauth clinsdttm clmgf clmrg clmrgd clmrgdauth clmrgddttm clmrgdr clpadb clpadfb clpadfl clpadfr clpadft clpadl \
    clpadr clpadt clshdng clshdngraw clshdrawnil clspb clspfb clspfl clspfr clspft clspl clsplit clsplitr clspr clspt \
    cltxbtlr cltxlrtb cltxlrtbv cltxtbrl cltxtbrlv clvertalb clvertalc clvertalt clvmgf clvmrg clwWidth cmaindarkone \
    cmaindarktwo cmainlightone cmainlighttwo collapsed colno cols colsr colsx colw contextualspace cpg crauth crdate \
    cs cshade ctextone ctexttwo ctint cts cufi culi curi cvmme \
    dbch deff defformat deflang deflangfe defshp deftab deleted dfrauth dfrdate dfrmtxtx dfrmtxty dfrstart dfrstop \
    dfrxst dghorigin dghshow dghspace dgmargin dgsnap dgvorigin dgvshow dgvspace dn dntblnsbdb dobxcolumn dobxmargin \
    dobxpage dobymargin dobypage dobypara dodhgt dolock dpaendhol dpaendl dpaendsol dpaendw dparc dparcflipx dparcflipy \
    dpastarthol dpastartl dpastartsol dpastartw dpcallout dpcoa dpcoaccent dpcobestfit dpcoborder dpcodabs dpcodbottom \
    dpcodcenter dpcodescent dpcodtop dpcolength dpcominusx dpcominusy dpcooffset dpcosmarta dpcotdouble dpcotright \
    dpcotsingle dpcottriple dpcount dpellipse dpendgroup dpfillbgcb dpfillbgcg dpfillbgcr dpfillbggray dpfillbgpal \
    dpfillfgcb dpfillfgcg dpfillfgcr dpfillfggray dpfillfgpal dpfillpat dpgroup dpline dplinecob dplinecog dplinecor \
    dplinedado dplinedadodo dplinedash dplinedot dplinegray dplinehollow dplinepal dplinesolid dplinew dppolycount \
    dppolygon dppolyline dpptx dppty dprect dproundr dpshadow dpshadx dpshady dptxbtlr dptxbx dptxbxmar dptxlrtb \
    dptxlrtbv dptxtbrl dptxtbrlv dpx dpxsize dpy dpysize dropcapli dropcapt ds dxfrtext dy \
    embo enddoc endnhere endnotes expnd expndtw expshrtn \
    f faauto facenter facingp fafixed fahang faroman favar fbias fbidi fbidis fbimajor fbiminor fcharset fcs fdbmajor \
    fdbminor fdecor felnbrelev fet ffdefres ffhaslistbox ffhps ffmaxlen ffownhelp ffownstat ffprot ffrecalc ffres \
    ffsize fftype fftypetxt fhimajor fhiminor fi fittext fjgothic fjminchou fldlock flomajor flominor fmodern fn fnil \
    formdisp formshade fprq fracwidth frmtxbtlr frmtxlrtb frmtxlrtbv frmtxtbrl frmtxtbrlv froman fromtext fs fscript \
    fswiss ftech ftnalt ftnbj ftnil ftnlytwnine ftnnalc ftnnar ftnnauc ftnnchi ftnnchosung ftnncnum ftnndbar ftnndbnum \
    ftnndbnumd ftnndbnumk ftnndbnumt ftnnganada ftnngbnum ftnngbnumd ftnngbnumk ftnngbnuml ftnnrlc ftnnruc ftnnzodiac \
    ftnnzodiacd ftnnzodiacl ftnrestart ftnrstcont ftnrstpg ftnstart ftntj fttruetype footery \
    gcw green gutter gutterprl guttersxn \
    headery hich highlight horzdoc horzsect horzvert hr hres hrule htmautsp hwelev hyphauto hyphcaps hyphconsec \
    hyphhotz hyphpar \
    i ilvl impr indmirror indrlsweleven intbl irow irowband itap ixe ipgp \
    jclisttab jcompress jexpand jis jsksu \
    keep keepn kerning krnprsnet ksulang \
    landscape lang langfe langfenp langnp lastrow lbr level levelfollow levelindent leveljc leveljcn levellegal levelnfc \
    levelnfcn levelnorestart levelold levelpicture levelpicturenosize levelprev levelprevspace levelspace levelstartat \
    leveltemplateid li lin linebetcol linecont linemod lineppage linerestart linestart linestarts linex lisa lisb \
    listhybrid listid listoverridecount listoverrideformat listoverridestartat listrestarthdn listsimple liststyleid \
    listtemplateid lnbrkrule lndscpsxn lnongrid loch ls ltrch ltrdoc ltrpar ltrrow ltrsect lvltentative lytcalctblwd \
    lytexcttp lytprtmet lyttblrtgr \
    mac margSz margb margbsxn margl marglsxn margmirror margmirsxn margr margrsxn margt margtsxn mbrk mbrkBin mbrkBinSub \
    mcGp mcGpRule mcSp mdefJc mdiffSty mdispDef mdispdef min minterSp mintLim mintraSp mjc mlMargin mlit mmathFont mo \
    mnaryLim mnor mpostSp mpreSp mrMargin mrSp mrSpRule mscr msmallFrac msmcap msty mvauth mvdate mvf mvt mwrapIndent \
    mwrapRight \
    newtblstyruls noafcnsttbl nobrkwrptbl nocolbal nocompatoptions nocwrap nocxsptable noextrasprl nofeaturethrottle \
    nogrowautofit noindnmbrts nojkernpunct nolead noline nolnhtadjtbl nooverflow noproof noqfpromote nosectexpand \
    nosnaplinegrid nospaceforul nosupersub notabind notbrkcnstfrctbl notcvasp notvatxbx nouicompat noultrlspc \
    nowidctlpar nowrap nowwrap noxlattoyen \
    ogutter oldas oldlinewrap otblrul outl outlinelevel overlay \
    pagebb paperh paperw pard pc pca pgbrdrb pgbrdrfoot pgbrdrhead pgbrdrl pgbrdropt pgbrdrr pgbrdrsnap pgbrdrt pghsxn \
    pgnbidia pgnbidib pgnchosung pgncnum pgncont pgndbnum pgndbnumd pgndbnumk pgndbnumt pgndec pgndecd pgnganada \
    pgngbnum pgngbnumd pgngbnumk pgngbnuml pgnhindia pgnhindib pgnhindic pgnhindid pgnhn pgnhnsc pgnhnsh pgnhnsm \
    pgnhnsn pgnhnsp pgnid pgnlcltr pgnlcrm pgnrestart pgnstart pgnstarts pgnthaia pgnthaib pgnthaic pgnucltr pgnucrm \
    pgnvieta pgnx pgny pgnzodiac pgnzodiacd pgnzodiacl pgwsxn phcol phmrg phpg piccropb piccropl piccropr piccropt \
    pich pichgoal picscaled picscalex picscaley picw picwgoal pindtabqc pindtabql pindtabqr plain pmartabqc pmartabql \
    pmartabqr posnegx posnegy posx posxc posxi posxl posxo posxr posy posyb posyc posyil posyin posyout posyt prauth \
    prcolbl prdate psz ptabldot ptablmdot ptablminus ptablnone ptabluscore pvmrg pvpara pvpg \
    qc qd qj qk ql qr qt \
    rawclbgbdiag rawclbgcross rawclbgdcross rawclbgdkbdiag rawclbgdkcross rawclbgdkdcross rawclbgdkfdiag rawclbgdkhor \
    rawclbgdkvert rawclbgfdiag rawclbghoriz rawclbgvert red revauth revauthdel revbar revdttm revdttmdel revised \
    revisions revprop ri rin rtlch rtldoc rtlgutter rtlpar rtlrow rtlsect \
    s sa saauto saftnnalc saftnnar saftnnauc saftnnchi saftnnchosung saftnncnum saftnndbar saftnndbnum saftnndbnumd \
    saftnndbnumk saftnndbnumt saftnnganada saftnngbnum saftnngbnumd saftnngbnumk saftnngbnuml saftnnrlc saftnnruc \
    saftnnzodiac saftnnzodiacd saftnnzodiacl saftnrestart saftnrstcont saftnstart sautoupd sb sbasedon sbauto sbkcol \
    sbkeven sbknone sbkodd sbkpage sbys scaps sec sectd sectdefaultcl sectexpand sectlinegrid sectspecifycl \
    sectspecifygen sectspecifyl sectunlocked sftnbj sftnnalc sftnnar sftnnauc sftnnchi sftnnchosung \
    sftnncnum sftnndbar sftnndbnum sftnndbnumd sftnndbnumk sftnndbnumt sftnnganada sftnngbnum sftnngbnumd sftnngbnumk \
    sftnngbnuml sftnnrlc sftnnruc sftnnzodiac sftnnzodiacd sftnnzodiacl sftnrestart sftnrstcont sftnrstpg sftnstart \
    sftntj shad shading shidden shpbottom shpbxcolumn shpbxignore shpbxmargin shpbxpage shpbyignore shpbymargin \
    shpbypage shpbypara shpfblwtxt shpfhdr shpleft shplid shplockanchor shpright shptop shpwr shpwrk shpz sl slink \
    slmult slocked snaptogridincell snext softcol softlheight softline softpage spltpgpar splytwnine spriority sprsbsp \
    sprslnsp sprsspbf sprstsm sprstsp spv sqformat ssemihidden stextflow strike striked stshfbi stshfdbch stshfhich \
    stshfloch sub subfontbysize sunhideused super swpbdr \
    tabsnoovrlp taprtl tb tblind tblindtype tbllkbestfit tbllkborder tbllkcolor tbllkfont tbllkhdrcols tbllkhdrrows \
    tbllklastcol tbllklastrow tbllknocolband tbllknorowband tbllkshading tcelld tcf tcl tcn tdfrmtxtBottom tdfrmtxtLeft \
    tdfrmtxtRight tdfrmtxtTop themelang themelangcs themelangfe titlepg tldot tleq tlhyph tlmdot tlth tlul toplinepunct \
    tphcol tphmrg tphpg tposnegx tposnegy tposx tposxc tposxi tposxl tposxo tposxr tposy tposyb tposyc tposyil tposyin \
    tposyout tposyt tpvmrg tpvpara tpvpg tqc tqdec tqr transmf trauth trautofit trbgbdiag trbgcross trbgdcross \
    trbgdkbdiag trbgdkcross trbgdkdcross trbgdkfdiag trbgdkhor trbgdkvert trbgfdiag trbghoriz trbgvert trbrdrb trbrdrh \
    trbrdrl trbrdrr trbrdrt trbrdrv trcbpat trcfpat trdate trftsWidth trftsWidthA trftsWidthB trgaph trhdr trkeep \
    trkeepfollow trleft trowd trpaddb trpaddfb trpaddfl trpaddfr trpaddft trpaddl trpaddr trpaddt trpadob trpadofb \
    trpadofl trpadofr trpadoft trpadol trpador trpadot trpat trqc trql trqr trrh trshdng trspdb trspdfb trspdfl trspdfr \
    trspdft trspdl trspdr trspdt trspob trspofb trspofl trspofr trspoft trspol trspor trspot truncatefontheight truncex \
    trwWidth trwWidthA trwWidthB ts tsbgbdiag tsbgcross tsbgdcross tsbgdkbdiag tsbgdkcross tsbgdkdcross tsbgdkfdiag \
    tsbgdkhor tsbgdkvert tsbgfdiag tsbghoriz tsbgvert tsbrdrb tsbrdrdgl tsbrdrdgr tsbrdrh tsbrdrl tsbrdrr tsbrdrt \
    tsbrdrv tscbandhorzeven tscbandhorzodd tscbandsh tscbandsv tscbandverteven tscbandvertodd tscellcbpat tscellcfpat \
    tscellpaddb tscellpaddfb tscellpaddfl tscellpaddfr tscellpaddft tscellpaddl tscellpaddr tscellpaddt tscellpct \
    tscellwidth tscellwidthfts tscfirstcol tscfirstrow tsclastcol tsclastrow tscnecell tscnwcell tscsecell tscswcell \
    tsd tsnowrap tsrowd tsvertalb tsvertalc tsvertalt twoinone twoonone tx txbxtwalways txbxtwfirst txbxtwfirstlast \
    txbxtwlast txbxtwno \
    ul ulc uld uldash uldashd uldashdd uldb ulhair ulhwave ulldash ulnone ulth ulthd ulthdash ulthdashd ulthdashdd \
    ulthldash ululdbwave ulw ulwave up useltbaln usenormstyforlist utinl \
    v vertal vertalb vertalc vertalj vertalt vertdoc vertsect viewkind viewscale viewzk \
    webhidden widctlpar widowctrl wpjst wpsp wraparound wrapdefault wrapthrough wraptight wraptrsp wrppunct \
    xef yr yts yxe";

/// Words that stand for text: a character, a break, a number that the reader computes.
const SYMBOLS: &[(&str, &str)] = &[
    ("bullet", "•"),
    ("cell", ""),
    ("chatn", ""),
    ("chdate", ""),
    ("chdpa", ""),
    ("chdpl", ""),
    ("chftn", ""),
    ("chftnsep", ""),
    ("chftnsepc", ""),
    ("chpgn", ""),
    ("chtime", ""),
    ("column", ""),
    ("emdash", "—"),
    ("emspace", " "),
    ("endash", "–"),
    ("enspace", " "),
    ("ldblquote", "“"),
    ("line", " "),
    ("lquote", "‘"),
    ("ltrmark", ""),
    ("nestcell", ""),
    ("nestrow", ""),
    ("page", ""),
    ("par", " "),
    ("qmspace", " "),
    ("rdblquote", "”"),
    ("row", ""),
    ("rquote", "’"),
    ("rtlmark", ""),
    ("sect", ""),
    ("sectnum", ""),
    ("tab", " "),
    ("zwbo", ""),
    ("zwj", ""),
    ("zwnbo", ""),
    ("zwnj", ""),
];

/// Groups of text and tables, headers and notes, lists, shapes, index entries and formulas.
const GROUPS: &str = "\
    aftncn aftnsep aftnsepc annotation atnauthor atndate atnicn atnid atnparent atnref atntime atrfend atrfstart \
    background bkmkend bkmkstart colortbl defchp defpap do dptxbxtext falt fchars ffdeftext ffformat ffhelptext ffl \
    ffname ffstattext fname fonttbl footer footerf footerl footerr footnote formfield ftncn ftnsep ftnsepc header headerf \
    headerl headerr lchars lfolevel list listlevel listname listoverride listoverridetable listpicture liststylename \
    listtable listtext nesttableprops nonesttables oldcprops oldpprops oldsprops oldtprops panose picprop pxe revtbl rxe \
    shp shpgrp shpinst shprslt shptxt stylesheet sv tc txe xe \
    macc maccPr maln malnScr margPr mbar mbarPr mbaseJc mbegChr mborderBox mborderBoxPr mbox mboxPr mchr mcount mctrlPr md \
    mdPr mdeg mdegHide mden mdiff me mendChr meqArr meqArrPr mf mfName mfPr mfunc mfuncPr mgroupChr mgroupChrPr mgrow \
    mhideBot mhideLeft mhideRight mhideTop mlim mlimLoc mlimloc mlimlow mlimlowPr mlimupp mlimuppPr mm mmPr mmath mmathPict \
    mmathPr mmaxDist mmaxdist mmc mmcJc mmcPr mmcs mmr mnary mnaryPr mnoBreak mnum moMath moMathPara moMathParaPr mobjDist \
    mopEmu mphant mphantPr mplcHide mpos mr mrPr mrad mradPr msPre msPrePr msSub msSubPr msSubSup msSubSupPr msSup msSupPr \
    msepChr mshow mshp mstrikeBLTR mstrikeH mstrikeTLBR mstrikeV msub msubHide msup msupHide mtransp mtype mvertJc mvfmf \
    mvfml mvtof mvtol mzeroAsc mzeroDesc mzeroWid";

/// Words that readers take for formatting even behind `\*`: styles that are not for paragraphs.
const STARRED: &[&str] = &["cs", "ds", "ts", "tsrowd"];

/// The parts of a document's properties that may be kept.
pub(super) const PROPERTIES: &[&str] = &["author", "creatim", "keywords", "revtim", "subject", "title"];

/// Destinations that go with their text. What is not here and begins with `\*` goes as well.
const DROPPED: &[(What, &str)] = &[
    (What::EmbeddedObject, "objalias objclass objdata objname objsect objtime oleclsid"),
    (What::ExternalReference, "file filetbl hlinkbase nextfile template xform"),
    (What::Link, "hl hlfr hlloc hlsrc"),
    (What::Macro, "ffentrymcr ffexitmcr"),
    (What::Font, "fontemb fontfile"),
    (
        What::DataConnection,
        "mailmerge mmaddfieldname mmconnectstr mmconnectstrdata mmdatasource mmdefaultsql mmheadersource mmmailsubject \
         mmodso mmodsofilter mmodsofldmpdata mmodsomappedname mmodsoname mmodsorecipdata mmodsosort mmodsosrc mmodsotable \
         mmodsoudl mmodsoudldata mmodsouniquetag mmquery",
    ),
    (
        What::Metadata,
        "blipuid buptim category comment company datafield datastore doccomm docvar factoidname generator linkval manager \
         operator password passwordhash printim private propname protend protstart protusertbl rsidtbl staticval userprops \
         windowcaption writereservation writereservhash xmlattrname xmlattrvalue xmlclose xmlname xmlnstbl xmlopen",
    ),
    (
        What::UnknownPart,
        "colorschememapping ebcend ebcstart fldtype g gridtbl htmltag keycode latentstyles lsdlockedexcept mhtmltag pgp \
         pgptbl pn pnseclvl pntxta pntxtb svb themedata wgrffmtfilter",
    ),
];

static ALLOWED: LazyLock<HashSet<&'static str>> = LazyLock::new(|| WORDS.split_ascii_whitespace().collect());
static KEPT_GROUPS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| GROUPS.split_ascii_whitespace().collect());

/// What a group is for that begins with this word; `None`: the word begins no group.
pub(super) fn destination(name: &str) -> Option<Destination> {
    if KEPT_GROUPS.contains(name) {
        return Some(Destination::Text);
    }
    Some(match name {
        "leveltext" | "levelnumbers" => Destination::Levels,
        "field" => Destination::Field,
        "fldinst" => Destination::Instruction,
        "fldrslt" => Destination::Shown,
        "object" => Destination::Object,
        "result" => Destination::ObjectShown,
        "pict" => Destination::Picture,
        "sp" => Destination::ShapeProperty,
        "sn" => Destination::ShapeName,
        "upr" => Destination::Twice,
        "ud" => Destination::Unicode,
        "pntext" => Destination::Number,
        "shppict" => Destination::NewPicture,
        "nonshppict" => Destination::OldPicture,
        "info" => Destination::Properties,
        name if PROPERTIES.contains(&name) => Destination::Dropped(What::Metadata),
        name => {
            let is_listed = |names: &str| names.split_ascii_whitespace().any(|listed| listed == name);
            Destination::Dropped(DROPPED.iter().find(|(_, names)| is_listed(names))?.0)
        }
    })
}

/// Whether a word that begins no group may be copied.
pub(super) fn is_allowed(name: &str) -> bool {
    ALLOWED.contains(name) || symbol(name).is_some()
}

/// Whether a group may begin with this word behind `\*`, though it is formatting.
pub(super) fn may_be_starred(name: &str) -> bool {
    STARRED.contains(&name)
}

/// The text that a word stands for in a field's instruction, where it stands for text at all.
pub(super) fn symbol(name: &str) -> Option<&'static str> {
    SYMBOLS
        .binary_search_by_key(&name, |(known, _)| known)
        .ok()
        .and_then(|at| SYMBOLS.get(at))
        .map(|(_, text)| *text)
}

/// Whether a parameter is one that readers can take. The limits are those of known attacks on readers.
pub(super) fn is_sane(name: &str, parameter: Option<i32>) -> bool {
    match (name, parameter) {
        // CVE-2014-1761: more overrides than a list has levels.
        ("listoverridecount", Some(count)) => matches!(count, 0 | 1 | 9),
        // CVE-2023-21716: a font table beyond 16 bits.
        ("f" | "af" | "deff" | "adeff", Some(number)) => (0..=i32::from(i16::MAX)).contains(&number),
        _ => true,
    }
}

/// What a dropped word that begins no group was for.
pub(super) fn kind_of_dropped(name: &str) -> What {
    match name {
        _ if name.contains("rsid") => What::Metadata,
        "edmins" | "id" | "nofchars" | "nofcharsws" | "nofpages" | "nofwords" | "version" | "vern" => {
            What::Metadata
        }
        "subdocument" | "linkstyles" => What::ExternalReference,
        _ if name.starts_with("obj") => What::EmbeddedObject,
        _ => What::UnknownPart,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_do_not_contradict_each_other() {
        let dropped = DROPPED.iter().flat_map(|(_, names)| names.split_ascii_whitespace());
        for name in dropped.chain(PROPERTIES.iter().copied()) {
            assert!(!is_allowed(name) && !KEPT_GROUPS.contains(name), "{name}");
        }
        for name in KEPT_GROUPS.iter() {
            assert!(!is_allowed(name), "{name}");
        }
        assert!(SYMBOLS.is_sorted());
    }

    #[test]
    fn what_embeds_links_runs_or_protects_is_on_no_list() {
        for name in [
            "object",
            "objdata",
            "objupdate",
            "objemb",
            "objlink",
            "objautlink",
            "objocx",
            "objhtml",
            "objclass",
            "objname",
            "template",
            "subdocument",
            "mailmerge",
            "filetbl",
            "nextfile",
            "fontfile",
            "fontemb",
            "datastore",
            "themedata",
            "colorschememapping",
            "pn",
            "userprops",
            "password",
            "passwordhash",
            "protusertbl",
            "linkstyles",
            "bin",
            "uc",
            "ffentrymcr",
            "ffexitmcr",
            "hl",
            "docvar",
            "insrsid",
            "xmlopen",
            "formprot",
            "enforceprot",
            "rtf",
            "u",
        ] {
            let kept = matches!(destination(name), Some(Destination::Text | Destination::Levels));
            assert!(!is_allowed(name) && !kept, "{name}");
        }
    }
}
