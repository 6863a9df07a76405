//! **The allow list**: which part a relationship may lead to, of which type, with which root element.
//!
//! A part is copied only when a kept part leads to it by a relationship in this table and its declared content type and
//! its root element are the ones the same line names. Everything else stays behind.

use super::namespace::Ns;
use crate::format::Format;
use crate::report::What;

/// One line: relationship type, content type, root element, and what the part is called in the new package.
#[derive(Debug)]
pub(super) struct Rule {
    /// As [`short`] gives it.
    pub(super) relation: &'static str,
    pub(super) root: (Ns, &'static str),
    /// Path below the main folder, without number and extension.
    pub(super) stem: &'static str,
    /// The document is not itself without this part: if it cannot be read, the whole fails.
    pub(super) essential: bool,
    /// The content type, [`OX`] as `~`.
    written: &'static str,
}

macro_rules! rules {
    ($($relation:literal $ns:ident $root:literal $stem:literal $essential:literal $written:literal;)*) => {
        &[$(Rule {
            relation: $relation, root: (Ns::$ns, $root), stem: $stem, essential: $essential, written: $written,
        },)*]
    };
}

/// Prefix of the content types of ECMA-376.
const OX: &str = "application/vnd.openxmlformats-officedocument.";

/// `OX` is written as `~` here.
pub(super) const RULES: &[Rule] = rules! {
    "styles" W "styles" "styles" true "~wordprocessingml.styles+xml";
    "ms:2007/relationships/stylesWithEffects" W "styles" "stylesWithEffects" false "application/vnd.ms-word.stylesWithEffects+xml";
    "settings" W "settings" "settings" true "~wordprocessingml.settings+xml";
    "webSettings" W "webSettings" "webSettings" false "~wordprocessingml.webSettings+xml";
    "fontTable" W "fonts" "fontTable" false "~wordprocessingml.fontTable+xml";
    "numbering" W "numbering" "numbering" true "~wordprocessingml.numbering+xml";
    "header" W "hdr" "header" true "~wordprocessingml.header+xml";
    "footer" W "ftr" "footer" true "~wordprocessingml.footer+xml";
    "footnotes" W "footnotes" "footnotes" true "~wordprocessingml.footnotes+xml";
    "endnotes" W "endnotes" "endnotes" true "~wordprocessingml.endnotes+xml";
    "comments" W "comments" "comments" true "~wordprocessingml.comments+xml";
    "glossaryDocument" W "glossaryDocument" "glossary/document" false "~wordprocessingml.document.glossary+xml";
    "ms:2011/relationships/commentsExtended" Ms "commentsEx" "commentsExtended" false "~wordprocessingml.commentsExtended+xml";
    "ms:2016/09/relationships/commentsIds" Ms "commentsIds" "commentsIds" false "~wordprocessingml.commentsIds+xml";
    "ms:2018/08/relationships/commentsExtensible" Ms "commentsExtensible" "commentsExtensible" false "~wordprocessingml.commentsExtensible+xml";
    "ms:2011/relationships/people" Ms "people" "people" false "~wordprocessingml.people+xml";

    "worksheet" S "worksheet" "worksheets/sheet" true "~spreadsheetml.worksheet+xml";
    "chartsheet" S "chartsheet" "chartsheets/sheet" true "~spreadsheetml.chartsheet+xml";
    "styles" S "styleSheet" "styles" true "~spreadsheetml.styles+xml";
    "sharedStrings" S "sst" "sharedStrings" true "~spreadsheetml.sharedStrings+xml";
    "sheetMetadata" S "metadata" "metadata" false "~spreadsheetml.sheetMetadata+xml";
    "comments" S "comments" "comments" false "~spreadsheetml.comments+xml";
    "table" S "table" "tables/table" false "~spreadsheetml.table+xml";
    "pivotTable" S "pivotTableDefinition" "pivotTables/pivotTable" false "~spreadsheetml.pivotTable+xml";
    "pivotCacheDefinition" S "pivotCacheDefinition" "pivotCache/pivotCacheDefinition" false "~spreadsheetml.pivotCacheDefinition+xml";
    "pivotCacheRecords" S "pivotCacheRecords" "pivotCache/pivotCacheRecords" false "~spreadsheetml.pivotCacheRecords+xml";
    "ms:2017/10/relationships/threadedComment" Ms "ThreadedComments" "threadedComments/threadedComment" false "application/vnd.ms-excel.threadedcomments+xml";
    "ms:2017/10/relationships/person" Ms "personList" "persons/person" false "application/vnd.ms-excel.person+xml";
    "ms:2019/04/relationships/namedSheetView" Ms "namedSheetViews" "namedSheetViews/namedSheetView" false "application/vnd.ms-excel.namedsheetviews+xml";
    "ms:2022/11/relationships/FeaturePropertyBag" Ms "FeaturePropertyBags" "featurePropertyBag/featurePropertyBag" false "application/vnd.ms-excel.featurepropertybag+xml";

    "slide" P "sld" "slides/slide" true "~presentationml.slide+xml";
    "slideLayout" P "sldLayout" "slideLayouts/slideLayout" true "~presentationml.slideLayout+xml";
    "slideMaster" P "sldMaster" "slideMasters/slideMaster" true "~presentationml.slideMaster+xml";
    "notesSlide" P "notes" "notesSlides/notesSlide" true "~presentationml.notesSlide+xml";
    "notesMaster" P "notesMaster" "notesMasters/notesMaster" true "~presentationml.notesMaster+xml";
    "handoutMaster" P "handoutMaster" "handoutMasters/handoutMaster" false "~presentationml.handoutMaster+xml";
    "presProps" P "presentationPr" "presProps" false "~presentationml.presProps+xml";
    "viewProps" P "viewPr" "viewProps" false "~presentationml.viewProps+xml";
    "tableStyles" A "tblStyleLst" "tableStyles" false "~presentationml.tableStyles+xml";
    "commentAuthors" P "cmAuthorLst" "commentAuthors" false "~presentationml.commentAuthors+xml";
    "comments" P "cmLst" "comments/comment" false "~presentationml.comments+xml";
    "ms:2018/10/relationships/authors" Ms "authorLst" "authors" false "application/vnd.ms-powerpoint.authors+xml";
    "ms:2018/10/relationships/comments" Ms "cmLst" "comments/modernComment" false "application/vnd.ms-powerpoint.comments+xml";

    "theme" A "theme" "theme/theme" false "~theme+xml";
    "themeOverride" A "themeOverride" "theme/themeOverride" false "~themeOverride+xml";
    "drawing" Xdr "wsDr" "drawings/drawing" false "~drawing+xml";
    "vmlDrawing" None "xml" "drawings/vmlDrawing" false "~vmlDrawing";
    "chart" C "chartSpace" "charts/chart" false "~drawingml.chart+xml";
    "chartUserShapes" C "userShapes" "drawings/chartDrawing" false "~drawingml.chartshapes+xml";
    "ms:2014/relationships/chartEx" Ms "chartSpace" "charts/chartEx" false "application/vnd.ms-office.chartex+xml";
    "ms:2011/relationships/chartStyle" Ms "chartStyle" "charts/style" false "application/vnd.ms-office.chartstyle+xml";
    "ms:2011/relationships/chartColorStyle" Ms "colorStyle" "charts/colors" false "application/vnd.ms-office.chartcolorstyle+xml";
    "diagramData" Dgm "dataModel" "diagrams/data" false "~drawingml.diagramData+xml";
    "diagramLayout" Dgm "layoutDef" "diagrams/layout" false "~drawingml.diagramLayout+xml";
    "diagramQuickStyle" Dgm "styleDef" "diagrams/quickStyle" false "~drawingml.diagramStyle+xml";
    "diagramColors" Dgm "colorsDef" "diagrams/colors" false "~drawingml.diagramColors+xml";
    "ms:2007/relationships/diagramDrawing" Ms "drawing" "diagrams/drawing" false "application/vnd.ms-office.drawingml.diagramDrawing+xml";
};

/// A main part: the formats it makes, and where it goes.
#[derive(Debug)]
pub(super) struct Main {
    pub(super) root: (Ns, &'static str),
    pub(super) folder: &'static str,
    pub(super) file: &'static str,
}

/// The three applications' main parts.
pub(super) const WORD: Main = Main { root: (Ns::W, "document"), folder: "word/", file: "word/document.xml" };
pub(super) const EXCEL: Main = Main { root: (Ns::S, "workbook"), folder: "xl/", file: "xl/workbook.xml" };
pub(super) const POWERPOINT: Main =
    Main { root: (Ns::P, "presentation"), folder: "ppt/", file: "ppt/presentation.xml" };

/// What a format's main part is, the content types it may have come with, and the plain format it becomes.
pub(super) fn main_part(format: Format) -> Option<(&'static Main, &'static [&'static str], Format)> {
    const WORD_DOCUMENT: &[&str] = &[
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
        "application/vnd.ms-word.document.macroenabled.main+xml",
    ];
    const WORD_TEMPLATE: &[&str] = &[
        "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
        "application/vnd.ms-word.template.macroenabledtemplate.main+xml",
    ];
    const WORKBOOK: &[&str] = &[
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
        "application/vnd.ms-excel.sheet.macroenabled.main+xml",
    ];
    const WORKBOOK_TEMPLATE: &[&str] = &[
        "application/vnd.openxmlformats-officedocument.spreadsheetml.template.main+xml",
        "application/vnd.ms-excel.template.macroenabled.main+xml",
    ];
    const PRESENTATION: &[&str] = &[
        "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml",
        "application/vnd.ms-powerpoint.presentation.macroenabled.main+xml",
    ];
    const PRESENTATION_TEMPLATE: &[&str] = &[
        "application/vnd.openxmlformats-officedocument.presentationml.template.main+xml",
        "application/vnd.ms-powerpoint.template.macroenabled.main+xml",
    ];
    const SLIDESHOW: &[&str] = &[
        "application/vnd.openxmlformats-officedocument.presentationml.slideshow.main+xml",
        "application/vnd.ms-powerpoint.slideshow.macroenabled.main+xml",
    ];
    Some(match format {
        Format::Docx | Format::Docm => (&WORD, WORD_DOCUMENT, Format::Docx),
        Format::Dotx | Format::Dotm => (&WORD, WORD_TEMPLATE, Format::Dotx),
        Format::Xlsx | Format::Xlsm => (&EXCEL, WORKBOOK, Format::Xlsx),
        Format::Xltx | Format::Xltm => (&EXCEL, WORKBOOK_TEMPLATE, Format::Xltx),
        Format::Pptx | Format::Pptm => (&POWERPOINT, PRESENTATION, Format::Pptx),
        Format::Potx | Format::Potm => (&POWERPOINT, PRESENTATION_TEMPLATE, Format::Potx),
        Format::Ppsx | Format::Ppsm => (&POWERPOINT, SLIDESHOW, Format::Ppsx),
        _ => return None,
    })
}

impl Rule {
    /// The line for a relationship type and a content type in lower case.
    pub(super) fn find(relation: &str, content_type: &str) -> Option<&'static Self> {
        RULES.iter().find(|rule| rule.relation == relation && rule.has_type(content_type))
    }

    /// Whether its content type is this one, given in lower case.
    fn has_type(&self, content_type: &str) -> bool {
        match self.written.strip_prefix('~') {
            Some(own) => content_type.strip_prefix(OX).is_some_and(|given| own.eq_ignore_ascii_case(given)),
            None => self.written.eq_ignore_ascii_case(content_type),
        }
    }

    pub(super) fn content_type(&self) -> String {
        match self.written.strip_prefix('~') {
            Some(rest) => format!("{OX}{rest}"),
            None => self.written.to_owned(),
        }
    }
}

/// A relationship type without the prefix that Transitional and Strict give it; Microsoft's own begin with `ms:`.
pub(super) fn short(kind: &str) -> String {
    const OFFICE: [&str; 2] = [
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships/",
        "http://purl.oclc.org/ooxml/officeDocument/relationships/",
    ];
    if let Some(name) = OFFICE.iter().find_map(|prefix| kind.strip_prefix(prefix)) {
        return name.to_owned();
    }
    match kind.strip_prefix("http://schemas.microsoft.com/office/") {
        Some(path) => format!("ms:{path}"),
        None => kind.to_owned(),
    }
}

/// What is lost with a relationship or part that is not on the list, by the last words of its types.
pub(super) fn lost(kind: &str, content_type: &str) -> What {
    const WORDS: &[(&str, What)] = &[
        ("macrosheet", What::MacroSheet),
        ("dialogsheet", What::MacroSheet),
        ("vba", What::Macro),
        ("keymap", What::Macro),
        ("attachedtoolbars", What::Extension),
        ("activex", What::Control),
        ("control", What::Control),
        ("ctrlprop", What::Control),
        ("oleobject", What::EmbeddedObject),
        ("/package ", What::EmbeddedObject),
        ("afchunk", What::EmbeddedObject),
        ("signature", What::Signature),
        ("hyperlink", What::Link),
        ("connections", What::DataConnection),
        ("querytable", What::DataConnection),
        ("powerpivotdata", What::DataConnection),
        ("model+data", What::DataConnection),
        ("mailmerge", What::DataConnection),
        ("recipientdata", What::DataConnection),
        ("xmlmaps", What::DataConnection),
        ("tablesinglecells", What::DataConnection),
        ("volatiledependencies", What::DataConnection),
        ("externallink", What::ExternalReference),
        ("attachedtemplate", What::ExternalReference),
        ("subdocument", What::ExternalReference),
        ("/frame ", What::ExternalReference),
        ("extensibility", What::Extension),
        ("customui", What::Extension),
        ("webextension", What::Extension),
        ("usercustomization", What::Extension),
        ("printersettings", What::PrinterSettings),
        ("obfuscatedfont", What::Font),
        ("x-fontdata", What::Font),
        ("/font", What::Font),
        ("/audio", What::Multimedia),
        ("/video", What::Multimedia),
        ("/media", What::Multimedia),
        ("audio/", What::Multimedia),
        ("video/", What::Multimedia),
        ("customxml", What::Metadata),
        ("properties", What::Metadata),
        ("thumbnail", What::Metadata),
        ("/tags ", What::Metadata),
        ("revision", What::Metadata),
        ("usernames", What::Metadata),
        ("classificationlabels", What::Metadata),
        ("bibliography", What::Metadata),
        ("/image", What::Picture),
        ("image/", What::Picture),
    ];
    let haystack = format!("/{kind} {content_type}").to_ascii_lowercase();
    WORDS.iter().find(|(word, _)| haystack.contains(word)).map_or(What::UnknownPart, |(_, what)| *what)
}

/// Caches that the application makes anew; nothing is lost with them.
pub(super) fn is_cache(relation: &str) -> bool {
    relation == "calcChain"
}

impl Rule {
    /// Whether even the first part of the kind has a number in its name, as is usual.
    pub(super) fn is_numbered(&self) -> bool {
        const SINGLE: &[&str] = &[
            "styles",
            "stylesWithEffects",
            "settings",
            "webSettings",
            "fontTable",
            "numbering",
            "footnotes",
            "endnotes",
            "glossary/document",
            "commentsExtended",
            "commentsIds",
            "commentsExtensible",
            "people",
            "sharedStrings",
            "metadata",
            "presProps",
            "viewProps",
            "tableStyles",
            "commentAuthors",
            "authors",
        ];
        !SINGLE.contains(&self.stem)
    }
}
