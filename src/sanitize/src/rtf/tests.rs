//! Documents made here, named by what they try.

use super::*;
use crate::identify::Declared;
use crate::job::{NoInspector, Settings, bench_choosing, sanitize};
use crate::limits::Limits;
use crate::options::{Links, Metadata, Options};
use crate::report::{Report, Verdict, What};

fn examined(bytes: &[u8], options: &Options) -> (Option<Vec<u8>>, Report) {
    let settings = Settings { options: options.clone(), ..Settings::default() };
    let declared = Declared { name: "a.rtf", media_type: "" };
    let (file, report) = sanitize(bytes, &declared, &settings, &mut NoInspector).into_parts();
    (file.map(|(file, _)| file), report)
}

fn rebuilt_with(bytes: &[u8], options: &Options) -> (String, Vec<What>) {
    let (file, report) = examined(bytes, options);
    let file = file.unwrap_or_else(|| panic!("{}", report.reason));
    let (again, second) = examined(&file, options);
    let text = String::from_utf8(file).unwrap();
    assert_eq!(
        again.map(|again| String::from_utf8(again).unwrap()).as_ref(),
        Some(&text),
        "idempotent: {}",
        second.reason
    );
    assert!(second.removed.is_empty(), "idempotent: {:?}", second.removed);
    (text, report.removed.iter().map(|removed| removed.what).collect())
}

/// The document with this body, without its frame and line breaks; and what was removed.
fn body(body: &str) -> (String, Vec<What>) {
    let (text, removed) = rebuilt_with(format!("{{\\rtf1 {body}}}").as_bytes(), &Options::default());
    let text = text.strip_prefix("{\\rtf1").unwrap().strip_suffix('}').unwrap();
    (text.trim_start().replace("\\par\n", "\\par ").replace('\n', ""), removed)
}

fn kept(text: &str) {
    assert_eq!(body(text), (text.to_owned(), Vec::new()));
}

fn refused(bytes: &[u8]) -> (Verdict, String) {
    let (file, report) = examined(bytes, &Options::default());
    assert!(file.is_none(), "{}", String::from_utf8_lossy(bytes));
    (report.verdict, report.reason)
}

/// The instruction does not stay, what it shows does.
fn field_goes(instruction: &str) {
    let (text, removed) = body(&format!("a{{\\field{{\\*\\fldinst {instruction}}}{{\\fldrslt shown}}}}b"));
    assert_eq!(text, "a{{shown}}b", "{instruction}");
    let is_told = removed.iter().any(|what| matches!(what, What::Field | What::Link));
    assert!(is_told, "{instruction}: {removed:?}");
}

fn field_stays(instruction: &str) {
    kept(&format!("a{{\\field{{\\*\\fldinst {instruction}}}{{\\fldrslt shown}}}}b"));
}

fn hex_of(bytes: &[u8]) -> String {
    hex::encode(bytes)
}

// --- text and formatting ---

#[test]
fn text_formatting_and_tables_are_kept() {
    kept(
        "{\\fonttbl{\\f0\\fswiss\\fcharset128 MS Gothic;}}{\\colortbl;\\red255\\green0\\blue0;}\\f0 a\\'e9\\u8364?\\b0 b\\~\\-\\_c\\\\\\{\\}\\par x",
    );
    kept(
        "\\trowd\\cellx100\\intbl a\\cell\\row{\\header h}{\\footnote\\chftn n}{\\stylesheet{\\s1 x;}{\\*\\cs2\\additive y;}}",
    );
    kept(
        "{\\*\\listtable{\\list{\\listlevel{\\leveltext\\'01\\u-3913?;}{\\levelnumbers\\'01;}}\\listid1}}{\\listtext 1.}\\ls1 a",
    );
}

#[test]
fn double_byte_text_keeps_its_bytes() {
    kept("{\\fonttbl{\\f0\\fcharset128 x;}}\\f0\\'83A\\'83\\'5c\\'82\\'a0");
    assert_eq!(body("\u{e9}").0, "\\'c3\\'a9");
}

#[test]
fn substitutes_for_unicode_are_normalised() {
    assert_eq!(
        body("\\u233e\\uc2\\u24180\\'94\\'4e\\uc0\\u233x{\\uc3\\u8364abc}").0,
        "\\u233?\\u24180?\\u233?x{\\u8364?}"
    );
    assert_eq!(body("\\u61623?\\u128512?").0, "\\u-3913?\\u-10179?\\u-8704?");
}

#[test]
fn line_breaks_behind_a_backslash_are_paragraphs() {
    assert_eq!(body("a\\\nb\\\r\nc").0, "a\\par b\\par c");
}

#[test]
fn control_characters_go() {
    assert_eq!(body("a\0b\\'00\\u0?\\'09c\x01"), ("ab\\tab c".to_owned(), vec![What::ControlCharacter]));
}

#[test]
fn words_that_are_not_on_the_list_go_and_their_text_stays() {
    assert_eq!(body("{\\unknownword5 text}{\\b x}\\formprot\\insrsid7 y").0, "{text}{\\b x}y");
}

#[test]
fn unknown_destinations_go_whole() {
    assert_eq!(body("a{\\*\\unknown b{c}\\bin3 }}}d}e{\\b\\*\\unknown f}g").0, "ae{\\b}g");
}

#[test]
fn nested_headers_are_plain_groups() {
    assert_eq!(body("{\\rtf1\\ansi a}").0, "{\\ansi a}");
}

// --- the frame ---

#[test]
fn bytes_behind_the_last_brace() {
    let (text, removed) = rebuilt_with(b"{\\rtf1 a}{\\object\\objdata 00}", &Options::default());
    assert_eq!((text.as_str(), removed), ("{\\rtf1 a}", vec![What::Unreachable]));
    let (text, removed) = rebuilt_with(b"\xef\xbb\xbf\n{\\rtf1 a}\r\n\0", &Options::default());
    assert_eq!((text.as_str(), removed), ("{\\rtf1 a}", Vec::new()));
}

#[test]
fn unbalanced_braces_are_balanced() {
    assert_eq!(rebuilt_with(b"{\\rtf1 {\\b a", &Options::default()).0, "{\\rtf1{\\b a}\n}");
    assert_eq!(rebuilt_with(b"{\\rtf1 a}}}} b", &Options::default()).0, "{\\rtf1 a}");
    assert_eq!(rebuilt_with(b"{\\rtf1 a{\\*\\objdata 0102", &Options::default()).0, "{\\rtf1 a}");
}

#[test]
fn other_beginnings_are_refused() {
    for head in
        ["{\\rt", "{\\rtx", "{\\rtf2", "{\\rtf10", "{\\rtfx", "{\\RTF1", "\0{\\rtf1", "{\\rtf-1", "{\\rt\\f1"]
    {
        assert_eq!(
            refused(format!("{head} {{\\object\\objdata 00}}}}").as_bytes()).0,
            Verdict::Refused,
            "{head:?}"
        );
    }
    assert_eq!(rebuilt_with(b"{\\rtf\\ansi a}", &Options::default()).0, "{\\rtf1\\ansi a}");
}

#[test]
fn groups_beyond_the_limit() {
    let deep = format!("{{\\rtf1 {}{}}}", "{".repeat(300), "}".repeat(300));
    assert!(refused(deep.as_bytes()).1.contains("max_nesting"));
    // What is dropped may be as deep as it likes.
    let deep = format!("{{\\*\\unknown {}{}}}", "{".repeat(100_000), "}".repeat(100_000));
    assert_eq!(body(&deep).0, "");
}

#[test]
fn binary_data_that_lies_about_its_length() {
    assert_eq!(refused(b"{\\rtf1 {\\pict\\bin1000 x}}").0, Verdict::Unscannable);
    assert_eq!(body("a\\bin-4 b\\bin4 }}}}c").0, "abc");
}

#[test]
fn parameters_that_overflow() {
    assert_eq!(body(&format!("\\b{} a\\fs99999999999 b", "1".repeat(4096))).0, "ab");
    assert_eq!(
        body("{\\*\\listoverridetable{\\listoverride\\listoverridecount25}}").0,
        "{\\*\\listoverridetable{\\listoverride}}"
    );
}

#[test]
fn a_font_table_that_overflows() {
    assert_eq!(body("{\\fonttbl{\\f70000 x;}{\\f-1 y;}}").0, "{\\fonttbl{ x;}{ y;}}".replace("{ ", "{"));
    let many = format!("{{\\rtf1{{\\fonttbl{}}}}}", "{\\f1 x;}".repeat(10_001));
    assert!(refused(many.as_bytes()).1.contains("font table"));
}

// --- what embeds, links and runs ---

#[test]
fn objects_leave_what_they_show() {
    let (text, removed) = body(
        "a{\\object\\objemb\\objupdate\\objw10{\\*\\objclass Package}{\\*\\objdata 0105}{\\result{\\b shown}}}b",
    );
    assert_eq!(text, "a{{{\\b shown}}}b");
    assert_eq!(removed, [What::EmbeddedObject; 4]);
}

#[test]
fn object_data_however_it_is_hidden() {
    for hidden in [
        "{\\object\\objocx{\\*\\objdata 01{\\par}05}}",
        "{\\objdata 0105}",
        "{\\*\\objdata 0105}",
        "{\\b\\objdata 0105}",
        "{\\b\\*\\objdata 0105}",
        "{\\object{\\objdata\\'01\\'0505}}",
        "{\\object{\\*\\objdata{\\*\\x y}01\n05\t}}",
        "{\\object{\\*\\objdata \\bin2 \x01\x05}}",
        "{\\object{{\\*\\objdata 0105}}}",
        "{\\*\r\n\\objdata 0105}",
        "{\\field{\\fldrslt{\\object\\objautlink{\\*\\objdata 0105}}}}",
        "{\\upr{x}{\\*\\ud{\\object{\\*\\objdata 0105}}}}",
        "{\\pict{\\object{\\*\\objdata 0105}}}",
        "{\\object\\objhtml\\objlink{\\*\\objname 0105}{\\*\\objalias 0105}}",
        "\\object\\objdata 0105",
        "{\\*\\datastore 0105}",
        "{\\datastore 0105}",
    ] {
        let (text, _) = body(hidden);
        assert!(!text.contains("0105") && !text.contains("obj"), "{hidden:?}: {text}");
    }
}

#[test]
fn templates_files_and_merges() {
    for hidden in [
        "{\\*\\template \\\\\\\\host\\\\share\\\\x.dot}",
        "{\\template http://host/x}",
        "{\\*\\filetbl{\\file\\fid0 host}}",
        "{\\*\\nextfile host}",
        "{\\*\\mailmerge{\\mmdatasource host}{\\mmquery host}}",
        "{\\*\\fontemb{\\fontfile host}}",
        "{\\fonttbl{\\f0{\\*\\fontfile host}}}",
        "{\\*\\hlinkbase host}",
        "{\\subdocument0 }",
        "{\\*\\themedata 00}{\\*\\colorschememapping 00}",
        "{\\*\\passwordhash 00}{\\*\\protusertbl{host}}",
        "{\\*\\docvar{host}{host}}",
        "\\linkstyles",
    ] {
        let (text, removed) = body(hidden);
        assert!(!removed.is_empty() && !text.contains("host") && !text.contains("00"), "{hidden}: {text}");
    }
}

#[test]
fn macros_of_form_fields_go_and_the_field_stays() {
    let (text, removed) = body(
        "{\\field{\\*\\fldinst FORMTEXT {\\*\\formfield{\\fftype0{\\*\\ffname a}{\\*\\ffentrymcr Evil}}}}{\\fldrslt x}}",
    );
    assert_eq!(
        text,
        "{\\field{\\*\\fldinst FORMTEXT {\\*\\formfield{\\fftype0{\\*\\ffname a}}}}{\\fldrslt x}}"
    );
    assert_eq!(removed, [What::Macro]);
}

#[test]
fn old_bullets_become_text() {
    let (text, _) = body(
        "\\pard{\\pntext\\pard\\f1\\'b7\\tab}{\\*\\pn\\pnlvlblt{\\pntxtb\\'b7}}\\li720 a\\par{\\pntext 2.\\tab}b\\par",
    );
    assert_eq!(text, "\\pard\\li720{\\f1\\'b7\\tab}a\\par {2.\\tab}b\\par ");
    let (text, _) = body("{\\pntext 1.\\tab}\\pard{\\*\\pn\\pndec}\\ls1 a\\par");
    assert_eq!(text, "{\\listtext 1.\\tab}\\pard\\ls1 a\\par ");
}

#[test]
fn text_in_two_spellings_is_kept_once() {
    assert_eq!(
        body("{\\upr{\\*\\bkmkstart a}{\\*\\ud{\\*\\bkmkstart \\u233?}}}b").0,
        "{{{\\*\\bkmkstart\\u233?}}}b"
    );
}

// --- fields ---

#[test]
fn harmless_fields_stay() {
    for instruction in [
        "PAGE",
        "TOC \\\\o \"1-3\"",
        "HYPERLINK \"https://a.b/c\"",
        "HYPERLINK \"mailto:a@b.c\"",
        "REF x \\\\h",
    ] {
        field_stays(instruction);
    }
    field_stays("IF 1 = {\\field{\\*\\fldinst MERGEFIELD x}{\\fldrslt y}} a");
}

#[test]
fn fields_that_fetch_or_run() {
    for instruction in [
        "DDE Excel x",
        "DDEAUTO c:\\\\\\\\windows\\\\\\\\system32\\\\\\\\cmd.exe \"/k calc\"",
        "ddeauto x",
        "INCLUDETEXT \"http://host/x\"",
        "INCLUDEPICTURE \"\\\\\\\\\\\\\\\\host\\\\\\\\x\" \\\\d",
        "INCLUDE x",
        "IMPORT x",
        "LINK Excel.Sheet x",
        "DATABASE \\\\c x",
        "RD x",
        "EMBED Package",
        "QUOTE 68 68 69",
        "HYPERLINK \"file:///c:/x\"",
        "HYPERLINK \"\\\\\\\\\\\\\\\\host\\\\\\\\x\"",
        "HYPERLINK \"javascript:x\"",
        "HYPERLINK \"ms-msdt:/id\"",
        "",
    ] {
        field_goes(instruction);
    }
}

#[test]
fn a_link_whose_address_a_nested_field_may_give() {
    field_goes("HYPERLINK \\\\l \"place\" {\\field{\\*\\fldinst REF x}{\\fldrslt file://host/x}}");
    field_stays("HYPERLINK \\\\l \"place\"");
}

#[test]
fn instructions_split_and_spelled_otherwise() {
    for instruction in [
        "D{D}E{AU}TO x",
        "{\\b D}{\\i0 D}E x",
        "\\'44\\'44\\'45 x",
        "\\u68?\\u68?\\u69? x",
        "\\uc3\\u68abc\\u68 bcdE x",
        "D\\-D\\_E\\:AUTO x",
        "D\nD\r\nE x",
        "D\\bin3 x}{DE x",
        "D{\\*\\unknown x}DE x",
        "\\ltrch\\loch D\\hich D\\dbch E x",
        "{\\upr{PAGE}{\\*\\ud{DDE x}}}",
        "{\\deleted PAGE }DDE x",
        "{\\deleted REF x }{\\revised DDE x}",
        "\\~DDE x",
        "\\tab DDE x",
    ] {
        field_goes(instruction);
    }
}

#[test]
fn a_keyword_that_another_field_gives() {
    field_goes("{\\field{\\*\\fldinst QUOTE 68 68 69}{\\fldrslt DDE}} x");
    field_goes("{\\field{\\*\\fldinst REF a}{\\fldrslt DDE}} x");
    field_goes("{\\field{\\*\\fldinst REF a}{\\fldrslt DDE}} PAGE");
    field_goes("{\\b{\\field{\\*\\fldinst REF a}{\\fldrslt DDE}}}PAGE");
    let (text, _) = body(
        "{\\field{\\*\\fldinst IF 1 = 1 {\\field{\\*\\fldinst DDE x}{\\fldrslt y}} z}{\\fldrslt shown}}",
    );
    assert_eq!(text, "{\\field{\\*\\fldinst IF 1 = 1  z}{\\fldrslt shown}}");
}

#[test]
fn instructions_out_of_place() {
    for hidden in [
        "{\\*\\fldinst DDE x}",
        "{\\fldinst DDE x}",
        "{\\field{{\\*\\fldinst DDE x}}}",
        "{\\field{\\fldrslt y}{\\*\\fldinst DDE x}}",
        "{\\field{\\*\\fldinst PAGE}{\\*\\fldinst DDE x}}",
        "{\\field\\fldinst DDE x}",
        "{\\b\\field{\\*\\fldinst DDE x}}",
        "{\\b\\field\\*\\fldinst DDE x}",
        "{\\field{\\*\\fldtype DDE x}}",
        "\\field{\\*\\fldinst DDE x",
    ] {
        let (text, _) = body(hidden);
        assert!(!text.contains("DDE"), "{hidden}: {text}");
    }
}

#[test]
fn a_button_shows_its_own_words() {
    assert_eq!(body("{\\field{\\*\\fldinst MACROBUTTON Evil Click here}}").0, "{Click here}");
}

#[test]
fn what_is_shown_may_span_paragraphs() {
    kept("{\\field{\\*\\fldinst HYPERLINK \"https://a\"}{\\fldrslt{a\\par b}}}");
    assert_eq!(body("{\\field{\\*\\fldinst LINK x}{\\fldrslt{a\\par b}}}").0, "{{{a\\par b}}}");
}

#[test]
fn links_by_option() {
    let options = Options { links: Links::Remove, ..Options::default() };
    let link = b"{\\rtf1{\\field{\\*\\fldinst hyperlink \"https://a\"}{\\fldrslt b}}}";
    assert_eq!(rebuilt_with(link, &options), ("{\\rtf1{{b}}\n}".to_owned(), vec![What::Link]));
    let local = "{\\rtf1{\\field{\\*\\fldinst HYPERLINK \\\\l \"place\"}{\\fldrslt b}}\n}";
    assert_eq!(rebuilt_with(local.as_bytes(), &options), (local.to_owned(), Vec::new()));
}

#[test]
fn the_proof_refuses_fields_that_a_rebuild_would_have_left() {
    let proof = |instruction: &str, links: Links| {
        let text = format!("{{\\rtf1 {{\\field{{\\*\\fldinst {instruction}}}{{\\fldrslt x}}}}}}");
        let options = Options { links, ..Options::default() };
        bench_choosing(&Limits::default(), &options, |job| verify(text.as_bytes(), Format::Rtf, job)).0
    };
    let nested = "{\\field{\\*\\fldinst REF x}{\\fldrslt y}}";
    let web = "HYPERLINK \"https://a\"";
    for honest in [format!("IF 1 = {nested}"), "HYPERLINK \\\\l \"place\"".to_owned(), web.to_owned()] {
        proof(&honest, Links::Keep).unwrap();
    }
    for left in
        ["DDE x".to_owned(), format!("{nested} PAGE"), format!("HYPERLINK \\\\l place {{\\b {nested}}}")]
    {
        assert!(matches!(proof(&left, Links::Keep), Err(Failure::Unproved(_))), "{left}");
    }
    assert!(matches!(proof(web, Links::Remove), Err(Failure::Unproved(_))));
}

#[test]
fn characters_of_an_instruction_are_decoded() {
    assert_eq!(
        body("\\ansicpg1251{\\field{\\*\\fldinst REF \\'e0\\'e1}{\\fldrslt x}}").0,
        "\\ansicpg1251{\\field{\\*\\fldinst REF \\u1072?\\u1073?}{\\fldrslt x}}"
    );
}

// --- properties ---

#[test]
fn properties_by_option() {
    let document = b"{\\rtf1{\\info{\\title T}{\\author A}{\\*\\company C}{\\creatim\\yr2020\\mo1}\\version3}{\\*\\userprops{\\propname P}}{\\*\\generator G}a}";
    assert_eq!(rebuilt_with(document, &Options::default()).0, "{\\rtf1 a}");
    let keep = Options { metadata: Metadata::Keep, ..Options::default() };
    assert_eq!(
        rebuilt_with(document, &keep).0,
        "{\\rtf1{\\info{\\title T}{\\author A}{\\creatim\\yr2020\\mo1}}\na}"
    );
}

#[test]
fn one_programs_name_stays_without_its_version() {
    let (text, removed) = body("{\\*\\generator LibreOffice/7.4$Linux}a");
    assert_eq!((text.as_str(), removed), ("{\\*\\generator LibreOffice}a", vec![What::Metadata]));
}

#[test]
fn numbers_look_ahead_once_a_paragraph_and_not_far() {
    let next = "{\\pntext 2.}\\pard\\ls1 a\\par";
    for paragraph in [
        format!("{{\\pntext 1.}}{}\\ls1\\par", "x".repeat(1 << 16)),
        format!("{}\\ls1\\par", "{\\pntext 1.}".repeat(100)),
    ] {
        let (text, _) = body(&format!("{paragraph}{next}"));
        assert!(text.contains("{\\listtext 2.}"));
        assert_eq!(text.contains("{\\listtext 1.}"), paragraph.len() < 1 << 16);
    }
    // The first answer holds for the whole paragraph, wherever its later numbers could look.
    let (text, _) = body(&format!("{}\\ls1\\par{next}", "{\\pntext 1.}".repeat(2000)));
    assert!(text.contains("{\\listtext 2.}") && !text.contains("{\\listtext 1.}"));
}

// --- shapes and pictures ---

#[test]
fn shape_arrays_that_say_other_lengths() {
    let shape = |name: &str, value: &str| {
        format!(
            "{{\\shp{{\\*\\shpinst{{\\sp{{\\sn {name}}}{{\\sv {value}}}}}{{\\sp{{\\sn fFlipH}}{{\\sv 0}}}}{{\\shptxt x}}}}}}"
        )
    };
    for value in ["8;2;(0,0);(10,-10)", "2;3;16384;45824;1", "4;0", "7"] {
        kept(&shape("pVerticies", value));
    }
    for name in
        ["pVerticies", "pSegmentInfo", "pGuides", "pAdjustHandles", "pWrapPolygonVertices", "fillShadeColors"]
    {
        for value in [
            "1;1;0123456789abcdef",
            "8;9;(0,0)",
            "8;1;(0,0){\\b x}y",
            "8;1;\\'41",
            "x",
            "{\\object x}",
            "\\u233?",
        ] {
            let (text, _) = body(&shape(name, value));
            assert_eq!(
                text, "{\\shp{\\*\\shpinst{\\sp{\\sn fFlipH}{\\sv 0}}{\\shptxt x}}}",
                "{name} {value}"
            );
        }
        let (text, _) = body(&format!("{{\\sp{{\\sn {name}}}\\sv 1;1;acc8}}x"));
        assert!(!text.contains("acc8") && text.ends_with('x'), "{text}");
    }
}

#[test]
fn shape_properties_that_name_something_outside() {
    let shape = |name: &str| {
        format!(
            "{{\\shp{{\\*\\shpinst{{\\sp{{\\sn {name}}}{{\\sv host}}}}{{\\sp{{\\sn fFlipH}}{{\\sv 0}}}}{{\\shptxt x}}}}}}"
        )
    };
    kept(&shape("fillColor"));
    for name in [
        "pihlShape",
        "pibName",
        "fillBlipName",
        "metroBlob",
        "pFragments",
        "wzScript",
        "unknown",
        "pib\\'4eame",
        "",
    ] {
        let (text, removed) = body(&shape(name));
        assert_eq!(text, "{\\shp{\\*\\shpinst{\\sp{\\sn fFlipH}{\\sv 0}}{\\shptxt x}}}", "{name}");
        assert_eq!(removed.len(), 1, "{name}");
    }
    for hidden in [
        "{\\sp{\\sv host}{\\sn fillColor}}",
        "{\\sp{\\sv host}}",
        "{\\sp\\sn pibName\\sv host}",
        "{\\sv host}",
        "{\\sn host}",
    ] {
        let (text, _) = body(hidden);
        assert!(!text.contains("host"), "{hidden}: {text}");
    }
}

fn png() -> Vec<u8> {
    let file = crate::image::tests::png(3, 2);
    let declared = Declared::default();
    sanitize(&file, &declared, &Settings::default(), &mut NoInspector).into_parts().0.unwrap().0
}

#[test]
fn pictures_are_rebuilt() {
    let png = png();
    let trailing = [png.as_slice(), b"<script>"].concat();
    let (text, removed) = body(&format!(
        "{{\\*\\shppict{{\\pict{{\\*\\picprop}}\\picw3\\pngblip\n{}}}}}{{\\nonshppict{{\\pict 00}}}}",
        hex_of(&trailing)
    ));
    assert_eq!(text, format!("{{\\*\\shppict{{\\pict{{\\*\\picprop}}\\picw3\\pngblip{}}}}}", hex_of(&png)));
    assert_eq!(removed, [What::UnknownPart]);
}

#[test]
fn binary_pictures_come_out_as_digits() {
    let png = png();
    let start = format!("{{\\rtf1{{\\pict\\jpegblip\\bin{} ", png.len());
    let (text, _) = rebuilt_with(&[start.as_bytes(), &png, b"}}"].concat(), &Options::default());
    assert_eq!(text.replace('\n', ""), format!("{{\\rtf1{{\\pict\\pngblip{}}}}}", hex_of(&png)));
}

#[test]
fn pictures_that_are_none_are_blank() {
    let blank = hex_of(crate::image::BLANK);
    for data in ["4d5a9000", "d0cf11e0a1b11ae1", "00", "504b0304"] {
        let (text, removed) = body(&format!("{{\\pict\\picwgoal100\\pngblip {data}}}"));
        assert_eq!(
            (text, removed),
            (format!("{{\\pict\\picwgoal100\\pngblip{blank}}}"), vec![What::Picture])
        );
    }
    let (text, _) = body("{\\pict\\wmetafile8\\picw2540\\pich5080 00}");
    assert_eq!(text, format!("{{\\pict\\picw2540\\pich5080\\picwgoal1440\\pichgoal2880\\pngblip{blank}}}"));
}

#[test]
fn verification_finds_what_rebuilding_might_leave() {
    let limits = Limits::default();
    for bad in [
        "{\\rtf1{\\object}}",
        "{\\rtf1{\\*\\objdata 00}}",
        "{\\rtf1{\\*\\template x}}",
        "{\\rtf1\\bin0 }",
        "{\\rtf1{\\field{\\*\\fldinst DDE x}{\\fldrslt y}}}",
        "{\\rtf1{\\field{\\*\\fldinst D{D}\\u69? x}{\\fldrslt y}}}",
        "{\\rtf1{\\field{\\*\\fldinst{\\field{\\*\\fldinst REF x}}DE x}}}",
        "{\\rtf1{\\sp{\\sn pihlShape}{\\sv x}}}",
        "{\\rtf1{\\*\\unknown x}}",
        "{\\rtf1\\unknown }",
        "{\\rtf1{\\pict\\pngblip 4d5a}}",
        "{\\rtf1{\\info{\\author x}}}",
        "{\\rtf1{\\*\\generator x}}",
        "{\\rtf1 a}}",
        "{\\rtf1 a} ",
        "{\\rtf1 a",
        "{\\rtf1 \u{e9}}",
        "{\\rtf1{\\b\\footnote}}",
        "{\\rtf1{\\rtf1}}",
    ] {
        let (proof, ..) = crate::job::bench(&limits, |job| verify(bad.as_bytes(), Format::Rtf, job));
        assert!(matches!(proof, Err(Failure::Unproved(_))), "{bad}");
    }
}
