//! Parts and relationships.

use super::fixture::{Fixture, OX};
use crate::failure::Failure;
use crate::format::Format;
use crate::options::{Metadata, Options, Signed};
use crate::report::What;

const VBA: &str = "application/vnd.ms-office.vbaProject";
const VBA_RELATION: &str = "http://schemas.microsoft.com/office/2006/relationships/vbaProject";
const HELLO: &str = "<w:p><w:r><w:t>Hello</w:t></w:r></w:p>";

fn hello() -> Fixture {
    Fixture::word(HELLO)
}

#[test]
fn a_clean_document_loses_nothing() {
    let clean = hello().rebuilt();
    assert!(clean.removed.is_empty(), "{:?}", clean.removed);
    assert!(clean.text("word/document.xml").contains(HELLO));
    assert_eq!(clean.names(), ["[Content_Types].xml", "_rels/.rels", "word/document.xml"]);
}

#[test]
fn macro_part_and_macro_type() {
    let clean = hello()
        .typed("word/document.xml", "application/vnd.ms-word.document.macroEnabled.main+xml")
        .declared(Format::Docm)
        .part("word/vbaProject.bin", VBA, "macro code")
        .link("word/document.xml", "rId9", VBA_RELATION, "word/vbaProject.bin")
        .rebuilt();
    clean.assert_gone(What::Macro, &["vbaProject", "macro code", "macroEnabled"]);
    assert_eq!(clean.format, Format::Docx);
    assert!(clean.removed[0].sha256.is_some());
}

#[test]
fn macro_part_renamed_and_found_only_by_its_relation() {
    let clean = hello()
        .part("word/styles2.xml", "application/xml", "macro code")
        .link("word/document.xml", "rId9", VBA_RELATION, "word/styles2.xml")
        .rebuilt();
    clean.assert_gone(What::Macro, &["macro code", "styles2"]);
}

#[test]
fn macro_part_renamed_and_found_only_by_its_type() {
    let clean = hello()
        .part("word/harmless.bin", VBA, "macro code")
        .link("word/document.xml", "rId9", "styles", "word/harmless.bin")
        .rebuilt();
    clean.assert_gone(What::Macro, &["macro code", "harmless"]);
}

#[test]
fn macro_type_by_default_extension() {
    let clean = hello()
        .default_type("bin", VBA)
        .untyped("word/x.bin", b"macro code")
        .link("word/document.xml", "rId9", "settings", "word/x.bin")
        .rebuilt();
    clean.assert_gone(What::Macro, &["macro code", "x.bin", VBA]);
}

#[test]
fn innocent_type_on_a_macro_relation() {
    let clean = hello()
        .part("word/s.xml", &format!("{OX}wordprocessingml.styles+xml"), "<w:styles/>")
        .link("word/document.xml", "rId9", VBA_RELATION, "word/s.xml")
        .rebuilt();
    clean.assert_gone(What::Macro, &["word/s.xml"]);
}

#[test]
fn a_part_that_is_not_what_its_type_says() {
    let chart = format!("{OX}drawingml.chart+xml");
    let clean = hello()
        .part("word/c.xml", &chart, "<ocx xmlns=\"http://schemas.microsoft.com/office/2006/activeX\"/>")
        .link("word/document.xml", "rId9", "chart", "word/c.xml")
        .rebuilt();
    clean.assert_gone(What::UnknownPart, &["ocx", "chart1"]);
}

#[test]
fn parts_that_no_relationship_reaches() {
    let clean = hello().part("word/orphan.xml", "application/xml", "<secret/>").rebuilt();
    clean.assert_gone(What::Unreachable, &["secret", "orphan"]);
}

#[test]
fn unknown_relations_and_types() {
    let clean = hello()
        .part("word/new.xml", "application/vnd.ms-word.tomorrow+xml", "<new/>")
        .link(
            "word/document.xml",
            "rId9",
            "http://schemas.microsoft.com/office/2099/relationships/new",
            "word/new.xml",
        )
        .rebuilt();
    clean.assert_gone(What::UnknownPart, &["new.xml", "2099"]);
}

#[test]
fn parts_that_differ_only_in_case_or_escapes() {
    for twin in ["word/Document.xml", "WORD/document.XML", "word/%64ocument.xml"] {
        let failure = hello().untyped(twin, b"<other/>").refusal();
        assert!(matches!(failure, Failure::Malformed(_)), "{failure}");
    }
}

#[test]
fn the_same_part_with_two_types() {
    let failure = hello().edit("none", |text| text).default_type("XML", VBA).refusal();
    assert!(failure.to_string().contains("two content types"), "{failure}");
}

#[test]
fn external_in_any_spelling_never_leads_to_a_part() {
    let styles = |mode: &str| {
        let xml = "<w:styles xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"/>";
        hello()
            .part("word/styles.xml", &format!("{OX}wordprocessingml.styles+xml"), xml)
            .raw_link("word/document.xml", "rId9", "styles", "styles.xml", mode)
            .rebuilt()
    };
    assert!(styles("").names().contains(&"word/styles.xml"));
    assert!(styles("TargetMode=\"Internal\"").names().contains(&"word/styles.xml"));
    for mode in ["External", "external", " EXTERNAL ", "Outside"] {
        let clean = styles(&format!("TargetMode=\"{mode}\""));
        clean.assert_gone(What::ExternalReference, &["w:styles"]);
    }
}

#[test]
fn vba_stomping_leaves_nothing_of_the_project() {
    // The source is emptied, and what runs is the compiled code beside it.
    let project = "\0\0_VBA_PROJECT compiled evil code, and no source";
    let clean = hello()
        .part("word/vbaProject.bin", VBA, project)
        .link("word/document.xml", "rId9", VBA_RELATION, "word/vbaProject.bin")
        .rebuilt();
    clean.assert_gone(What::Macro, &["evil", "vba"]);
}

#[test]
fn outside_targets_under_external_in_any_spelling() {
    for mode in ["External", "external", " EXTERNAL ", "Outside"] {
        let clean = hello()
            .raw_link(
                "word/document.xml",
                "rId9",
                "attachedTemplate",
                "http://evil/t.dotm",
                &format!("TargetMode=\"{mode}\""),
            )
            .raw_link(
                "word/document.xml",
                "rId8",
                "image",
                "http://evil/i.png",
                &format!("TargetMode=\"{mode}\""),
            )
            .rebuilt();
        clean.assert_gone(What::ExternalReference, &["evil"]);
    }
}

#[test]
fn outside_targets_under_internal() {
    for target in [
        "\\\\evil\\share\\x",
        "//evil/x",
        "file:///evil",
        "http://evil/",
        "mhtml:http://evil/!x-usc:x",
        "%5C%5Cevil/x",
        "C:/evil",
    ] {
        let clean = hello()
            .raw_link("word/document.xml", "rId9", "image", target, "TargetMode=\"Internal\"")
            .raw_link("word/document.xml", "rId8", "hyperlink", target, "")
            .rebuilt();
        clean.assert_gone(What::ExternalReference, &["evil"]);
        assert!(clean.lost(What::Link));
    }
    // A program that takes it for a path finds a part that is there.
    let xml = "<w:styles xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"/>";
    let clean = hello()
        .part("word/styles.xml", &format!("{OX}wordprocessingml.styles+xml"), xml)
        .raw_link("word/document.xml", "rId9", "styles", "//evil/../word/styles.xml", "")
        .rebuilt();
    clean.assert_gone(What::ExternalReference, &["evil", "w:styles"]);
}

#[test]
fn hyperlinks_to_the_web_stay_and_others_go() {
    let body = "<w:p><w:hyperlink r:id=\"rId5\"><w:r><w:t>good</w:t></w:r></w:hyperlink>\
                <w:hyperlink r:id=\"rId6\"><w:r><w:t>bad</w:t></w:r></w:hyperlink></w:p>";
    for bad in [
        "mhtml:http://evil/!x-usc:x",
        "file://evil/x",
        "\\\\evil\\x",
        "javascript:evil",
        "ms-word:ofe|u|http://evil",
        "evil.docx",
    ] {
        let clean = Fixture::word(body)
            .external("word/document.xml", "rId5", "hyperlink", "https://example.org/")
            .external("word/document.xml", "rId6", "hyperlink", bad)
            .rebuilt();
        clean.assert_gone(What::Link, &["evil", "rId6"]);
        let text = clean.text("word/document.xml");
        assert!(text.contains("<w:hyperlink r:id=\"rId5\">") && text.contains(">bad<"), "{text}");
    }
}

#[test]
fn strict_namespaces_hide_nothing() {
    let strict = |text: String| {
        text.replace(
            "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
            "http://purl.oclc.org/ooxml/wordprocessingml/main",
        )
        .replace(
            "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
            "http://purl.oclc.org/ooxml/officeDocument/relationships",
        )
    };
    let clean = Fixture::word("<w:altChunk r:id=\"rId9\"/><w:p><w:fldSimple w:instr=\" DDEAUTO c:\\evil \"><w:r><w:t>shown</w:t></w:r></w:fldSimple></w:p>")
        .edit("word/document.xml", strict)
        .part("word/chunk.html", "text/html", "evil")
        .raw_link("word/document.xml", "rId9", "http://purl.oclc.org/ooxml/officeDocument/relationships/aFChunk", "chunk.html", "")
        .rebuilt();
    clean.assert_gone(What::EmbeddedObject, &["evil", "altChunk", "DDEAUTO"]);
    assert!(clean.text("word/document.xml").contains("shown"));
}

/// With core properties.
fn described(inner: &str) -> Fixture {
    let xml = format!(
        "<cp:coreProperties xmlns:cp='urn:cp' xmlns:dc='urn:dc' xmlns:dcterms='urn:dcterms'>{inner}</cp:coreProperties>"
    );
    hello()
        .part("docProps/core.xml", "application/vnd.openxmlformats-package.core-properties+xml", &xml)
        .link(
            "",
            "rId2",
            "http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties",
            "docProps/core.xml",
        )
}

#[test]
fn a_description_is_kept_on_request_as_plain_text() {
    let keep = Options { metadata: Metadata::Keep, ..Options::default() };
    let full = described(
        "<dc:title>Plan\r\n&#13;&amp; map</dc:title><dc:creator a='evil'>Ada<evil>hidden</evil></dc:creator>\
         <cp:lastModifiedBy>hidden</cp:lastModifiedBy><dcterms:created>2026-01-02T03:04:05Z</dcterms:created>\
         <dcterms:modified>evil()</dcterms:modified>",
    );
    let clean = full.rebuilt_choosing(&keep);
    let core = clean.text("docProps/core.xml");
    for kept in
        ["<dc:title>Plan &amp; map</dc:title>", "<dc:creator>Ada</dc:creator>", "2026-01-02T03:04:05Z"]
    {
        assert!(core.contains(kept), "{core}");
    }
    clean.assert_gone(What::Metadata, &["evil", "hidden"]);
    full.rebuilt().assert_gone(What::Metadata, &["Ada", "docProps"]);
}

#[test]
fn signed_documents_are_held_back_on_request() {
    let held = Options { signed: Signed::Quarantine, ..Options::default() };
    let signed = hello().part(
        "_xmlsignatures/sig1.xml",
        "application/vnd.openxmlformats-package.digital-signature-xmlsignature+xml",
        "<Signature/>",
    );
    assert!(matches!(signed.refusal_choosing(&held), Failure::Refused(reason) if reason.contains("signed")));
    hello().rebuilt_choosing(&held);
}

#[test]
fn document_properties_and_signatures() {
    let clean = described("<dc:creator>Erika Mustermann</dc:creator>")
        .part(
            "_xmlsignatures/origin.sigs",
            "application/vnd.openxmlformats-package.digital-signature-origin",
            "",
        )
        .link(
            "",
            "rId3",
            "http://schemas.openxmlformats.org/package/2006/relationships/digital-signature/origin",
            "_xmlsignatures/origin.sigs",
        )
        .rebuilt();
    clean.assert_gone(What::Metadata, &["Mustermann", "signature"]);
    assert!(clean.lost(What::Signature));
}

#[test]
fn custom_ui_and_web_extensions() {
    let clean = hello()
        .part("customUI/customUI.xml", "application/xml", "<customUI onLoad=\"evil\"/>")
        .link(
            "",
            "rId2",
            "http://schemas.microsoft.com/office/2006/relationships/ui/extensibility",
            "customUI/customUI.xml",
        )
        .part(
            "word/webextensions/taskpanes.xml",
            "application/vnd.ms-office.webextensiontaskpanes+xml",
            "<evil/>",
        )
        .link(
            "",
            "rId3",
            "http://schemas.microsoft.com/office/2011/relationships/webextensiontaskpanes",
            "word/webextensions/taskpanes.xml",
        )
        .rebuilt();
    clean.assert_gone(What::Extension, &["customUI", "evil", "taskpanes"]);
}

#[test]
fn without_the_list_of_types_or_the_main_part() {
    let no_main = Fixture::word("").link("", "rId2", "officeDocument", "word/other.xml");
    assert!(no_main.refusal().to_string().contains("two main parts"));
    assert!(hello().declared(Format::Xlsx).refusal().to_string().contains("not of the document's type"));
}

#[test]
fn broken_xml_in_the_main_part() {
    let document = |inner: &str| {
        format!(
            "<w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\">{inner}</w:document>"
        )
    };
    let empty = document("");
    for broken in [
        String::new(),
        "<w:document".to_owned(),
        empty.replace("</w:document>", ""),
        document("<w:p><w:r></w:p></w:r>"),
        format!("<?xml version=\"1.1\"?>{empty}"),
        format!("<?xml version=\"1.0\" encoding=\"UTF-7\"?>{empty}"),
        format!("<?xml version=\"1.0\"?><!DOCTYPE a>{empty}"),
        format!("<!DOCTYPE a SYSTEM \"http://evil/\">{empty}"),
        format!("<!DOCTYPE a [<!ENTITY x \"y\">]>{}", document("&x;")),
        document("&unknown;"),
        document("<w:p w:x=\"&unknown;\"/>"),
        document("\u{1}"),
        document("&#1;"),
        document("<w:p w:x=\"&#1;\"/>"),
        document("<w:p x=\"1\" x=\"2\"/>"),
        document("<p:a/>"),
        document("<w:p p:a=\"1\"/>"),
        format!("{empty}<b/>"),
        format!("text{empty}"),
        format!("{empty}text"),
    ] {
        let failure = hello().edit("word/document.xml", |_| broken.clone()).refusal();
        let is_sound =
            !matches!(failure, Failure::Malformed(_)) || failure.to_string().contains("root element is");
        assert!(!is_sound, "{broken}: {failure}");
    }
    assert!(hello().edit("word/document.xml", |_| empty.clone()).rebuilt().removed.is_empty());
}

#[test]
fn xml_that_is_too_deep() {
    let deep = "<w:p>".repeat(300) + &"</w:p>".repeat(300);
    assert!(matches!(Fixture::word(&deep).refusal(), Failure::Limit { name: "max_nesting", .. }));
}

#[test]
fn xml_as_deep_as_allowed() {
    let deep = "<w:sdt>".repeat(250) + &"</w:sdt>".repeat(250);
    assert!(Fixture::word(&deep).rebuilt().removed.is_empty());
}

#[test]
fn an_element_of_an_unknown_kind_goes_alone() {
    let clean = Fixture::word(&format!("{HELLO}<q:evil xmlns:q=\"urn:q\"><w:p/></q:evil>")).rebuilt();
    clean.assert_gone(What::UnknownPart, &["evil"]);
    assert!(clean.text("word/document.xml").contains(HELLO));
}

#[test]
fn utf_16_comes_out_as_utf_8() {
    let fixture = hello();
    let text =
        fixture.rebuilt().text("word/document.xml").replace("encoding=\"UTF-8\"", "encoding=\"UTF-16\"");
    let wide: Vec<u8> =
        [0xfe_u8, 0xff].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect();
    let clean = fixture.untyped("word/document.xml", &wide).rebuilt();
    assert!(clean.text("word/document.xml").contains(HELLO));
}

#[test]
fn comments_and_instructions_are_not_passed_on() {
    let clean = hello()
        .edit("word/document.xml", |text| {
            format!("<?xml-stylesheet href=\"http://evil/\"?><!-- evil -->{text}")
        })
        .rebuilt();
    assert!(!clean.everything().contains("evil"));
}

#[test]
fn loops_between_parts_end() {
    let header = format!("{OX}wordprocessingml.header+xml");
    let xml = "<w:hdr xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"/>";
    let clean = hello()
        .part("word/a.xml", &header, xml)
        .part("word/b.xml", &header, xml)
        .link("word/document.xml", "rId1", "header", "word/a.xml")
        .link("word/a.xml", "rId1", "header", "word/b.xml")
        .link("word/b.xml", "rId1", "header", "word/a.xml")
        .rebuilt();
    assert!(clean.names().contains(&"word/header2.xml"));
}

#[test]
fn pictures_that_cannot_be_rebuilt_become_blank() {
    let clean = Fixture::word("<w:p><w:r><w:drawing><a:blip r:embed=\"rId5\"/></w:drawing></w:r></w:p>")
        .part("word/media/image1.emf", "image/x-emf", "no picture at all")
        .link("word/document.xml", "rId5", "image", "word/media/image1.emf")
        .rebuilt();
    clean.assert_gone(What::Picture, &["no picture at all", "emf"]);
    assert!(clean.names().contains(&"word/media/image1.png"));
    assert!(clean.text("word/document.xml").contains("r:embed=\"rId5\""));
}

#[test]
fn metafiles_are_kept_under_the_type_that_office_programs_know() {
    let metafile = crate::metafile::tests::emf(&[]);
    let clean = Fixture::word("<w:p><w:r><w:drawing><a:blip r:embed=\"rId5\"/></w:drawing></w:r></w:p>")
        .untyped("word/media/picture.bin", &metafile)
        .typed("word/media/picture.bin", "image/x-emf")
        .link("word/document.xml", "rId5", "image", "word/media/picture.bin")
        .rebuilt();
    assert!(clean.names().contains(&"word/media/image1.emf"));
    assert!(clean.text("[Content_Types].xml").contains("Extension=\"emf\" ContentType=\"image/x-emf\""));
}
