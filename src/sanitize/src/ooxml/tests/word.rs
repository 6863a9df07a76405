//! Word: fields, objects, references to what is gone.

use super::fixture::{Fixture, OX};
use crate::options::{Links, Options};
use crate::report::What;

fn run(inner: &str) -> String {
    format!("<w:r>{inner}</w:r>")
}

fn begin() -> String {
    run("<w:fldChar w:fldCharType=\"begin\"/>")
}

fn code(text: &str) -> String {
    run(&format!("<w:instrText xml:space=\"preserve\">{text}</w:instrText>"))
}

fn separate() -> String {
    run("<w:fldChar w:fldCharType=\"separate\"/>")
}

fn end() -> String {
    run("<w:fldChar w:fldCharType=\"end\"/>")
}

fn shown(text: &str) -> String {
    run(&format!("<w:t>{text}</w:t>"))
}

/// A paragraph with a field whose instruction is `inner`.
fn field(inner: &str) -> Fixture {
    Fixture::word(&format!("<w:p>{}{inner}{}{}{}</w:p>", begin(), separate(), shown("result"), end()))
}

fn assert_field_gone(fixture: &Fixture, words: &[&str]) {
    let clean = fixture.rebuilt();
    clean.assert_gone(What::Field, words);
    let text = clean.text("word/document.xml");
    assert!(text.contains("result") && !text.contains("fldChar") && !text.contains("instrText"), "{text}");
}

#[test]
fn harmless_fields_stay() {
    for instruction in [
        "PAGE",
        " page \\* MERGEFORMAT ",
        "TOC \\o &quot;1-3&quot; \\h",
        "REF _Ref1 \\h",
        "=SUM(ABOVE)",
        "HYPERLINK &quot;https://example.org/&quot; \\o &quot;tip&quot;",
        "HYPERLINK \\l &quot;mark&quot;",
    ] {
        let clean = field(&code(instruction)).rebuilt();
        assert!(clean.removed.is_empty(), "{instruction}: {:?}", clean.removed);
        assert!(clean.text("word/document.xml").contains("instrText"));
    }
}

#[test]
fn fields_that_fetch_or_run() {
    for instruction in [
        "DDEAUTO c:\\\\evil",
        "dde evil",
        "DdeAuto evil",
        "INCLUDETEXT evil",
        "INCLUDEPICTURE evil",
        "INCLUDE evil",
        "LINK Excel evil",
        "IMPORT evil",
        "RD evil",
        "DATABASE \\d evil",
        "EMBED evil",
        "CONTROL evil",
        "MACROBUTTON evil x",
        "PRINT evil",
        "ADDIN evil",
        "QUOTE 68 68 69 evil",
        "HTMLCONTROL evil",
        "AUTOEXEC evil",
        "NOTYETKNOWN evil",
        "\\DDEAUTO evil",
        "&quot;DDEAUTO&quot; evil",
        "IF 1 = 1 dDe evil",
        "SET x INCLUDETEXT evil",
    ] {
        assert_field_gone(&field(&code(instruction)), &["evil"]);
    }
}

#[test]
fn a_macro_button_leaves_its_words() {
    let clean =
        Fixture::word(&format!("<w:p>{}{}{}</w:p>", begin(), code(" MACROBUTTON evil [Your name] "), end()))
            .rebuilt();
    clean.assert_gone(What::Field, &["evil", "MACROBUTTON"]);
    assert!(clean.text("word/document.xml").contains("<w:t xml:space=\"preserve\">[Your name]</w:t>"));
}

#[test]
fn dde_split_over_runs() {
    assert_field_gone(
        &field(
            &[code("D"), code("DE"), "<w:proofErr w:type=\"x\"/>".into(), code("AU"), code("TO evil")]
                .concat(),
        ),
        &["evil", "AU"],
    );
}

#[test]
fn dde_spelled_by_a_nested_quote() {
    let quote = format!(
        "{}{}{}{}{}",
        begin(),
        code("QUOTE 68 68 69 65 85 84 79"),
        separate(),
        shown("hidden"),
        end()
    );
    assert_field_gone(&field(&[quote.clone(), code(" evil")].concat()), &["evil", "QUOTE", "hidden"]);
    // What stands beside it is a keyword of its own.
    assert_field_gone(&field(&[quote, code(" PAGE evil")].concat()), &["evil", "QUOTE", "hidden"]);
}

#[test]
fn keyword_from_a_nested_field_of_an_allowed_kind() {
    let inner = format!("{}{}{}{}{}", begin(), code("DOCVARIABLE x"), separate(), shown("DDEAUTO"), end());
    assert_field_gone(&field(&[inner.clone(), code(" evil")].concat()), &["evil", "DDEAUTO"]);
    assert_field_gone(&field(&[inner, code(" PAGE evil")].concat()), &["evil", "DDEAUTO"]);
}

#[test]
fn dde_nested_in_an_allowed_field() {
    let inner = format!("{}{}{}{}{}", begin(), code("DDEAUTO evil"), separate(), shown("x"), end());
    let clean = field(&[code("IF 1 = 1 "), inner].concat()).rebuilt();
    clean.assert_gone(What::Field, &["evil", "DDEAUTO"]);
    assert!(clean.text("word/document.xml").contains("IF 1 = 1"));
}

#[test]
fn dde_as_fld_simple() {
    let body =
        "<w:p><w:fldSimple w:instr=\" dDeAuTo c:\\evil \"><w:r><w:t>result</w:t></w:r></w:fldSimple></w:p>";
    let clean = Fixture::word(body).rebuilt();
    clean.assert_gone(What::Field, &["evil", "fldSimple"]);
    assert!(clean.text("word/document.xml").contains("result"));
}

#[test]
fn dde_that_shows_only_when_a_change_is_accepted() {
    let deleted =
        format!("<w:del w:id=\"1\" w:author=\"x\">{}</w:del>", run("<w:delInstrText>PAGE </w:delInstrText>"));
    let inserted = format!("<w:ins w:id=\"1\" w:author=\"x\">{}</w:ins>", code("PAGE "));
    for instruction in ["DDEAUTO evil", "IMPORT evil"] {
        for changed in [&deleted, &inserted] {
            assert_field_gone(&field(&[changed, code(instruction).as_str()].concat()), &["evil"]);
        }
    }
}

#[test]
fn dde_in_one_branch_of_alternate_content() {
    for instruction in ["DDEAUTO evil", " IMPORT evil"] {
        let body = format!(
            "<w:p>{}<w:r><mc:AlternateContent><mc:Choice Requires=\"v\"><w:instrText>PAGE</w:instrText></mc:Choice>\
             <mc:Fallback><w:instrText>{instruction}</w:instrText></mc:Fallback></mc:AlternateContent></w:r>{}{}{}</w:p>",
            begin(),
            separate(),
            shown("result"),
            end()
        );
        assert_field_gone(&Fixture::word(&body), &["evil"]);
    }
}

#[test]
fn dde_over_paragraphs_and_without_an_end() {
    let body = format!(
        "<w:p>{}{}</w:p><w:p>{}{}{}</w:p>",
        begin(),
        code("DDE"),
        code("AUTO evil"),
        separate(),
        shown("result")
    );
    assert_field_gone(&Fixture::word(&body), &["evil"]);
    // What comes behind it may be its instruction, or its result.
    let body = format!("<w:p>{}{}{}{}</w:p>", begin(), code("PAGE"), separate(), shown("result"));
    assert_field_gone(&Fixture::word(&body), &["PAGE"]);
}

#[test]
fn instructions_outside_any_field() {
    let clean = Fixture::word(&format!("<w:p>{}</w:p>", code("DDEAUTO evil"))).rebuilt();
    assert!(!clean.everything().contains("evil"));
}

#[test]
fn link_fields_that_leave_the_web() {
    for target in ["file:///evil", "\\\\\\\\evil\\\\x", "mhtml:evil", "javascript:evil", "evil.exe"] {
        for instruction in [
            format!("HYPERLINK &quot;{target}&quot;"),
            format!("HYPERLINK \\o &quot;tip&quot; &quot;{target}&quot;"),
            format!("HYPERLINK \\h {target}"),
        ] {
            let clean = field(&code(&instruction)).rebuilt();
            clean.assert_gone(What::Link, &["evil"]);
            assert!(clean.text("word/document.xml").contains("result"));
        }
        let split = [code("HYPERLINK \\l place "), code(&format!("&quot;{target}&quot;"))].concat();
        field(&split).rebuilt().assert_gone(What::Link, &["evil"]);
    }
}

#[test]
fn a_link_whose_address_a_nested_field_may_give() {
    let nested = format!("{}{}{}{}{}", begin(), code("REF evil"), separate(), shown("file://evil/x"), end());
    for instruction in [
        format!("{}{nested}", code("HYPERLINK \\l &quot;place&quot; ")),
        code("HYPERLINK \\s &quot;file://evil/x&quot; \\l &quot;place&quot;"),
        code("HYPERLINK \\* &quot;file://evil/x&quot; \\l &quot;place&quot;"),
    ] {
        let clean = field(&instruction).rebuilt();
        assert!(clean.lost(What::Link), "{:?}", clean.removed);
        let text = clean.text("word/document.xml");
        assert!(!text.contains("HYPERLINK") && text.contains("result"), "{text}");
    }
    // Only with the change accepted it is a link.
    let deleted =
        format!("<w:del w:id=\"1\" w:author=\"x\">{}</w:del>", run("<w:delInstrText>PAGE </w:delInstrText>"));
    let link = code("HYPERLINK \\l &quot;place&quot; ");
    field(&format!("{deleted}{link}{nested}")).rebuilt().assert_gone(What::Link, &["HYPERLINK"]);
    let kept = field(&code("HYPERLINK \\l &quot;place&quot; \\* MERGEFORMAT")).rebuilt();
    assert_eq!(kept.removed, []);
}

#[test]
fn web_links_go_on_request() {
    let without = Options { links: Links::Remove, ..Options::default() };
    let body = "<w:p><w:hyperlink r:id=\"rId5\"><w:r><w:t>shown</w:t></w:r></w:hyperlink>\
                <w:r><w:pict><v:rect href=\"https://example.org/\"/></w:pict></w:r></w:p>";
    let linked =
        Fixture::word(body).external("word/document.xml", "rId5", "hyperlink", "https://example.org/");
    let clean = linked.rebuilt_choosing(&without);
    clean.assert_gone(What::Link, &["example.org"]);
    assert!(clean.text("word/document.xml").contains("shown"));
    assert!(linked.rebuilt().everything().contains("example.org"));

    let clean = field(&code("HYPERLINK &quot;https://example.org/&quot;")).rebuilt_choosing(&without);
    clean.assert_gone(What::Link, &["example.org"]);
    assert!(clean.text("word/document.xml").contains("result"));
    let local = field(&code("HYPERLINK \\l &quot;place&quot;")).rebuilt_choosing(&without);
    assert_eq!(local.removed, []);
}

#[test]
fn fields_in_headers_and_notes() {
    let xml = format!(
        "<w:hdr xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"><w:p>{}{}{}</w:p></w:hdr>",
        begin(),
        code("DDEAUTO evil"),
        end()
    );
    let clean = Fixture::word("")
        .part("word/header1.xml", &format!("{OX}wordprocessingml.header+xml"), &xml)
        .link("word/document.xml", "rId5", "header", "word/header1.xml")
        .rebuilt();
    clean.assert_gone(What::Field, &["evil"]);
}

#[test]
fn ole_object_goes_and_its_picture_stays() {
    let body = "<w:p><w:r><w:object w:dxaOrig=\"1\"><v:shape id=\"s\"><v:imagedata r:id=\"rId6\" o:title=\"\"/></v:shape>\
                <o:OLEObject Type=\"Embed\" ProgID=\"Package\" ShapeID=\"s\" ObjectID=\"1\" r:id=\"rId5\"/></w:object></w:r></w:p>";
    let clean = Fixture::word(body)
        .part("word/embeddings/oleObject1.bin", &format!("{OX}oleObject"), "payload")
        .link("word/document.xml", "rId5", "oleObject", "word/embeddings/oleObject1.bin")
        .part("word/media/image1.png", "image/png", "no picture")
        .link("word/document.xml", "rId6", "image", "word/media/image1.png")
        .rebuilt();
    clean.assert_gone(What::EmbeddedObject, &["payload", "OLEObject", "oleObject", "rId5", "w:object"]);
    assert!(clean.text("word/document.xml").contains("<w:pict><v:shape id=\"s\"><v:imagedata r:id=\"rId6\""));
}

#[test]
fn linked_ole_object() {
    let body = "<w:p><w:r><w:object><o:OLEObject Type=\"Link\" ProgID=\"htmlfile\" r:id=\"rId5\"/></w:object></w:r></w:p>";
    let clean = Fixture::word(body)
        .external("word/document.xml", "rId5", "oleObject", "mhtml:http://evil/!x-usc:http://evil/")
        .rebuilt();
    clean.assert_gone(What::ExternalReference, &["evil", "OLEObject"]);
}

#[test]
fn active_x_control() {
    let body =
        "<w:p><w:r><w:object><v:shape/><w:control r:id=\"rId5\" w:name=\"evil\"/></w:object></w:r></w:p>";
    let clean = Fixture::word(body)
        .part(
            "word/activeX/activeX1.xml",
            "application/vnd.ms-office.activeX+xml",
            "<ax:ocx xmlns:ax=\"urn:a\"/>",
        )
        .link("word/document.xml", "rId5", "control", "word/activeX/activeX1.xml")
        .part("word/activeX/activeX1.bin", "application/vnd.ms-office.activeX", "evil")
        .link(
            "word/activeX/activeX1.xml",
            "rId1",
            "http://schemas.microsoft.com/office/2006/relationships/activeXControlBinary",
            "word/activeX/activeX1.bin",
        )
        .rebuilt();
    clean.assert_gone(What::Control, &["evil", "activeX", "control"]);
    assert_eq!(clean.removed.len(), 2, "{:?}", clean.removed);
}

#[test]
fn alt_chunk_and_subdocument() {
    let clean = Fixture::word(
        "<w:tbl><w:tc><w:altChunk r:id=\"rId5\"/></w:tc></w:tbl><w:subDoc r:id=\"rId6\"/><w:p><w:r><w:t>text</w:t></w:r></w:p>",
    )
    .part("word/chunk.docx", &format!("{OX}wordprocessingml.document.main+xml"), "evil")
    .link("word/document.xml", "rId5", "aFChunk", "word/chunk.docx")
    .external("word/document.xml", "rId6", "subDocument", "evil.docx")
    .rebuilt();
    clean.assert_gone(What::EmbeddedObject, &["evil", "altChunk", "subDoc"]);
    assert!(clean.text("word/document.xml").contains("<w:tc><w:p/></w:tc>"));
    assert!(clean.lost(What::ExternalReference));
}

fn with_settings(inner: &str) -> Fixture {
    let xml = format!(
        "<w:settings xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\" \
         xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><w:zoom w:percent=\"100\"/>{inner}</w:settings>"
    );
    Fixture::word("").part("word/settings.xml", &format!("{OX}wordprocessingml.settings+xml"), &xml).link(
        "word/document.xml",
        "rId5",
        "settings",
        "word/settings.xml",
    )
}

#[test]
fn attached_template() {
    let clean = with_settings("<w:attachedTemplate r:id=\"rId1\"/>")
        .external("word/settings.xml", "rId1", "attachedTemplate", "https://evil/t.dotm")
        .rebuilt();
    clean.assert_gone(What::ExternalReference, &["evil", "attachedTemplate"]);
    assert!(clean.text("word/settings.xml").contains("w:zoom"));
}

#[test]
fn mail_merge_source() {
    let clean = with_settings(
        "<w:mailMerge><w:connectString w:val=\"evil\"/><w:dataSource r:id=\"rId1\"/></w:mailMerge>",
    )
    .external("word/settings.xml", "rId1", "mailMergeSource", "file:///evil.mdb")
    .rebuilt();
    clean.assert_gone(What::DataConnection, &["evil", "mailMerge"]);
}

#[test]
fn frames_in_web_settings() {
    let xml = "<w:webSettings xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\" \
               xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><w:frameset><w:frame><w:sourceFileName r:id=\"rId1\"/></w:frame></w:frameset></w:webSettings>";
    let clean = Fixture::word("")
        .part("word/webSettings.xml", &format!("{OX}wordprocessingml.webSettings+xml"), xml)
        .link("word/document.xml", "rId5", "webSettings", "word/webSettings.xml")
        .external("word/webSettings.xml", "rId1", "frame", "http://evil/")
        .rebuilt();
    clean.assert_gone(What::ExternalReference, &["evil", "frameset"]);
}

#[test]
fn embedded_fonts() {
    let xml = "<w:fonts xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\" \
               xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><w:font w:name=\"A\"><w:embedRegular r:id=\"rId1\" w:fontKey=\"{}\"/></w:font></w:fonts>";
    let clean = Fixture::word("")
        .part("word/fontTable.xml", &format!("{OX}wordprocessingml.fontTable+xml"), xml)
        .link("word/document.xml", "rId5", "fontTable", "word/fontTable.xml")
        .part("word/fonts/font1.odttf", &format!("{OX}obfuscatedFont"), "font")
        .link("word/fontTable.xml", "rId1", "font", "word/fonts/font1.odttf")
        .rebuilt();
    clean.assert_gone(What::Font, &["embedRegular", "odttf"]);
}

#[test]
fn custom_xml_and_its_bindings() {
    let clean = Fixture::word("<w:sdt><w:sdtPr><w:dataBinding w:xpath=\"/x\" w:storeItemID=\"{}\"/></w:sdtPr><w:sdtContent><w:p><w:r><w:t>kept</w:t></w:r></w:p></w:sdtContent></w:sdt>")
        .part("customXml/item1.xml", "application/xml", "<secret/>")
        .link("word/document.xml", "rId5", "customXml", "customXml/item1.xml")
        .rebuilt();
    clean.assert_gone(What::Metadata, &["secret", "dataBinding"]);
    assert!(clean.text("word/document.xml").contains("kept"));
}

#[test]
fn linked_picture_keeps_its_place_only() {
    let body = "<w:p><w:r><w:drawing><a:blip r:link=\"rId5\"/></w:drawing><w:pict><v:shape><v:imagedata r:id=\"rId6\" src=\"http://evil/\" o:href=\"http://evil/\"/></v:shape></w:pict></w:r></w:p>";
    let clean = Fixture::word(body)
        .external("word/document.xml", "rId5", "image", "http://evil/i.png")
        .external("word/document.xml", "rId6", "image", "\\\\evil\\i.png")
        .rebuilt();
    clean.assert_gone(What::ExternalReference, &["evil", "rId5", "rId6"]);
}

#[test]
fn vml_links_and_scripts() {
    let body = "<w:p><w:r><w:pict><v:rect href=\"javascript:evil\" onclick=\"evil()\" style=\"behavior:url(evil)\"/>\
                <v:rect href=\"https://example.org/\"/></w:pict></w:r></w:p>";
    let clean = Fixture::word(body).rebuilt();
    clean.assert_gone(What::Script, &["evil"]);
    assert!(clean.text("word/document.xml").contains("href=\"https://example.org/\""));
}

#[test]
fn form_field_macros() {
    let body = format!(
        "<w:p><w:r><w:fldChar w:fldCharType=\"begin\"><w:ffData><w:name w:val=\"f\"/><w:entryMacro w:val=\"evil\"/></w:ffData><w:fldData>evil</w:fldData></w:fldChar></w:r>{}{}</w:p>",
        code("FORMTEXT"),
        end()
    );
    let clean = Fixture::word(&body).rebuilt();
    clean.assert_gone(What::Macro, &["evil"]);
    assert!(clean.text("word/document.xml").contains("FORMTEXT"));
}

#[test]
fn both_branches_of_alternate_content_are_cleaned() {
    let body = "<w:p><w:r><mc:AlternateContent><mc:Choice Requires=\"v\"><w:pict><v:rect href=\"file:evil1\"/></w:pict></mc:Choice>\
                <mc:Fallback><w:pict><v:rect href=\"file:evil2\"/></w:pict></mc:Fallback></mc:AlternateContent></w:r></w:p>";
    Fixture::word(body).rebuilt().assert_gone(What::Link, &["evil"]);
}

#[test]
fn a_choice_of_an_unknown_kind_leaves_its_fallback() {
    let body = "<w:p><w:r><mc:AlternateContent xmlns:q=\"urn:q\"><mc:Choice Requires=\"q\"><q:evil/></mc:Choice>\
                <mc:Fallback><w:t q:evil=\"1\">plain</w:t></mc:Fallback></mc:AlternateContent></w:r></w:p>";
    let clean = Fixture::word(body).rebuilt();
    clean.assert_gone(What::UnknownPart, &["evil", "AlternateContent"]);
    assert!(clean.text("word/document.xml").contains(">plain</w:t>"));
}
