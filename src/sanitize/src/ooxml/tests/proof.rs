//! What the proof refuses, had the rebuild left it: packages that no rebuild writes.

use super::fixture::{Fixture, OX};
use crate::failure::Failure;
use crate::format::Format;
use crate::options::{Links, Metadata, Options};

const STYLES: &str = "<w:styles xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"/>";
const BODY: &str = "<w:p><w:r><w:t>Hello</w:t></w:r></w:p>";

fn refused_choosing(package: &Fixture, options: &Options, words: &str) {
    match package.proof(options) {
        Err(Failure::Unproved(problem)) => assert!(problem.contains(words), "{problem} ({words})"),
        other => panic!("{words}: {other:?}"),
    }
}

/// The proof refuses the package, for a reason that says this.
fn refused(package: &Fixture, words: &str) {
    refused_choosing(package, &Options::default(), words);
}

/// A document with a second part.
fn with_part(content_type: &str, relation: &str, content: &str) -> Fixture {
    Fixture::word(BODY).part("word/styles.xml", content_type, content).link(
        "word/document.xml",
        "rId1",
        relation,
        "word/styles.xml",
    )
}

#[test]
fn honest_packages_pass() {
    let styles = format!("{OX}wordprocessingml.styles+xml");
    let link = "<w:p><w:hyperlink r:id=\"rId5\"/></w:p>";
    for package in [
        with_part(&styles, "styles", STYLES),
        Fixture::word(link).external("word/document.xml", "rId5", "hyperlink", "https://example.org/"),
        Fixture::excel("<row r=\"1\"><c r=\"A1\"><f>SUM(B1:B2)</f></c></row>", ""),
        Fixture::slide("<p:sp><p:nvSpPr><p:cNvPr id=\"2\" name=\"s\"/></p:nvSpPr></p:sp>", ""),
    ] {
        package.proof(&Options::default()).unwrap();
    }
}

#[test]
fn types_of_parts_that_run_fetch_or_embed() {
    let own = [
        "wordprocessingml.document.glossary.macroEnabled+xml",
        "oleObject",
        "spreadsheetml.dialogsheet+xml",
        "spreadsheetml.externalLink+xml",
        "spreadsheetml.queryTable+xml",
        "spreadsheetml.connections+xml",
        "model+data",
        "obfuscatedFont",
        "spreadsheetml.printerSettings",
        "customXmlProperties+xml",
        "extended-properties+xml",
        "spreadsheetml.volatileDependencies+xml",
        "spreadsheetml.revisionLog+xml",
    ];
    let others = [
        "application/vnd.ms-word.document.macroEnabled.main+xml",
        "application/vnd.ms-office.vbaProject",
        "application/vnd.ms-word.vbaData+xml",
        "application/vnd.ms-office.activeX+xml",
        "application/vnd.ms-excel.macrosheet+xml",
        "application/vnd.ms-excel.intlmacrosheet+xml",
        "application/vnd.ms-excel.controlproperties+xml",
        "application/vnd.ms-office.webextension+xml",
        "application/vnd.ms-word.attachedToolbars",
        "application/vnd.ms-word.keyMapCustomizations+xml",
        "application/vnd.ms-excel.sheet.binary.main",
        "application/vnd.openxmlformats-package.digital-signature-xmlsignature+xml",
        "application/octet-stream",
        "text/html",
        "application/rtf",
        "audio/mpeg",
        "video/mp4",
        "image/svg+xml",
        "application/inkml+xml",
    ];
    for kind in own.map(|kind| format!("{OX}{kind}")).into_iter().chain(others.map(str::to_owned)) {
        refused(&with_part(&kind, "styles", STYLES), &format!("lists a part of type {kind}"));
        refused(&with_part(&kind.to_uppercase(), "styles", STYLES), "lists a part of type");
    }
}

#[test]
fn relationships_to_what_runs_fetches_or_embeds() {
    let own = [
        "attachedTemplate",
        "aFChunk",
        "subDocument",
        "oleObject",
        "control",
        "externalLink",
        "dialogsheet",
        "connections",
        "queryTable",
        "frame",
        "mailMergeSource",
        "recipientData",
        "ctrlProp",
        "package",
        "printerSettings",
        "customXml",
        "font",
        "video",
        "audio",
        "extended-properties",
    ];
    let others = [
        "http://schemas.microsoft.com/office/2006/relationships/vbaProject",
        "http://schemas.microsoft.com/office/2006/relationships/wordVbaData",
        "http://schemas.microsoft.com/office/2006/relationships/xlMacrosheet",
        "http://schemas.microsoft.com/office/2006/relationships/ui/extensibility",
        "http://schemas.microsoft.com/office/2007/relationships/ui/extensibility",
        "http://schemas.microsoft.com/office/2006/relationships/ui/userCustomization",
        "http://schemas.microsoft.com/office/2011/relationships/webextension",
        "http://schemas.microsoft.com/office/2006/relationships/attachedToolbars",
        "http://schemas.microsoft.com/office/2006/relationships/keyMapCustomizations",
        "http://schemas.microsoft.com/office/2007/relationships/media",
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships/powerPivotData",
        "http://schemas.openxmlformats.org/package/2006/relationships/digital-signature/origin",
        "http://schemas.openxmlformats.org/package/2006/relationships/metadata/thumbnail",
        "http://purl.oclc.org/ooxml/officeDocument/relationships/aFChunk",
    ];
    for kind in own.into_iter().chain(others) {
        let package = with_part(&format!("{OX}wordprocessingml.styles+xml"), kind, STYLES);
        refused(&package, "has a relationship of type");
    }
}

#[test]
fn relationships_to_the_outside() {
    let external = |kind: &str, target: &str, mode: &str| {
        Fixture::word(BODY).raw_link("word/document.xml", "rId5", kind, target, mode)
    };
    for mode in ["External", "external", " External", "Internal"] {
        let mode = format!("TargetMode=\"{mode}\"");
        refused(&external("image", "https://evil/i.png", &mode), "to the outside");
        refused(&external("hyperlink", "file:///evil", &mode), "to the outside");
        refused(&external("hyperlink", "mhtml:http://evil/!x-usc:x", &mode), "to the outside");
    }
    for target in ["\\\\evil\\x", "//evil/x", "mhtml:x", "file:///x", "%5c%5cevil/x", "c:/x"] {
        refused(&external("hyperlink", target, ""), "to the outside");
    }
    let without = Options { links: Links::Remove, ..Options::default() };
    let web = external("hyperlink", "https://example.org/", "TargetMode=\"External\"");
    web.proof(&Options::default()).unwrap();
    refused_choosing(&web, &without, "to the outside");
}

#[test]
fn parts_that_nothing_leads_to_and_links_that_lead_nowhere() {
    let styles = format!("{OX}wordprocessingml.styles+xml");
    refused(&Fixture::word(BODY).part("word/styles.xml", &styles, STYLES), "reached by no relationship");
    let nowhere = Fixture::word(BODY).link("word/document.xml", "rId1", "styles", "word/styles.xml");
    refused(&nowhere, "a part that is not there");
}

#[test]
fn parts_without_a_type_or_under_an_odd_name() {
    let linked = |name: &str| {
        Fixture::word(BODY).link("word/document.xml", "rId1", "image", name).untyped(name, b"GIF8")
    };
    refused(&linked("word/media/image1.gif"), "has no content type");
    let listed = |name: &str| linked(name).default_type("gif", "image/gif").default_type("bin", "image/x");
    listed("word/media/image1.gif").proof(&Options::default()).unwrap();
    refused(&listed("word/media/image 1.gif"), "unusual name");
    refused(&listed("word/media/image1.bin"), "is no picture of the kind its name says");
    let program = listed("word/media/image1.gif").untyped("word/media/image1.gif", b"MZ\x90\0");
    refused(&program, "is no picture of the kind its name says");
    refused(&linked("word/x.xml").untyped("word/x.xml", STYLES.as_bytes()), "has no content type");
}

#[test]
fn parts_that_differ_only_in_case_or_escapes() {
    refused(&Fixture::word(BODY).untyped("word/Document.xml", STYLES.as_bytes()), "is there twice");
}

#[test]
fn a_main_part_of_another_type() {
    refused(&Fixture::word(BODY).declared(Format::Dotx), "has no main part of its type");
}

#[test]
fn elements_whatever_their_vocabulary() {
    for name in [
        "altChunk",
        "subDoc",
        "OLEObject",
        "oleObj",
        "oleObject",
        "control",
        "ocx",
        "attachedTemplate",
        "mailMerge",
        "ddeLink",
        "oleLink",
        "externalReference",
        "externalData",
        "frameset",
        "binData",
        "objectEmbed",
        "fldData",
        "entryMacro",
        "exitMacro",
        "FmlaMacro",
        "ScriptText",
        "macrosheet",
        "dialogsheet",
        "customUI",
        "webextension",
        "connection",
        "queryTable",
        "dataModel15",
        "binaryItem",
        "audioFile",
        "videoFile",
        "cmd",
        "contentPart",
        "embedRegular",
        "dataBinding",
        "script",
        "object",
        "iframe",
        "printerSettings",
    ] {
        for namespace in ["urn:other", "http://purl.oclc.org/ooxml/wordprocessingml/main"] {
            let body = format!("<q:{name} xmlns:q=\"{namespace}\"/>");
            refused(&Fixture::word(&body), &format!("has the element {name}"));
        }
    }
}

#[test]
fn both_branches_of_alternate_content() {
    for branch in ["Choice Requires=\"v\"", "Fallback"] {
        let name = branch.split(' ').next().unwrap();
        let body = format!(
            "<mc:AlternateContent><mc:{branch}><w:pict><v:rect href=\"file:evil\"/></w:pict></mc:{name}></mc:AlternateContent>"
        );
        refused(&Fixture::word(&body), "which fetches something");
    }
}

#[test]
fn attributes_that_run_or_fetch() {
    for (element, words) in [
        ("<w:drawing r:id=\"rId9\"/>", "leads to no relationship"),
        ("<v:imagedata o:relid=\"rId9\"/>", "leads to no relationship"),
        ("<w:x macro=\"evil\"/>", "calls a macro"),
        ("<w:x onAction=\"evil\"/>", "calls a macro"),
        ("<a:hlinkClick action=\"ppaction://macro?name=evil\"/>", "runs an action"),
        ("<a:hlinkClick action=\"PPACTION://program\"/>", "runs an action"),
        ("<a:hlinkClick action=\"ppaction://ole?verb=0\"/>", "runs an action"),
        ("<a:hlinkClick action=\"ppaction://hlinkfile\"/>", "runs an action"),
        ("<a:hlinkClick action=\"ppaction://hlinkpres?slide=1\"/>", "runs an action"),
        ("<v:rect href=\"\\\\evil\\x\"/>", "fetches something"),
        ("<v:imagedata src=\"file:///x\"/>", "fetches something"),
        ("<w:x url=\"ftp://evil\"/>", "fetches something"),
        ("<w:x w:any=\"javascript:evil()\"/>", "fetches or runs something"),
        ("<w:x w:any=\" MHTML:http://evil/!x\"/>", "fetches or runs something"),
    ] {
        refused(&Fixture::word(element), words);
    }
    let words = "<w:p w:rsidR=\"1\"><w:x name=\"javascript:said\" action=\"ppaction://hlinksldjump\" href=\"#place\"/></w:p>";
    Fixture::word(words).proof(&Options::default()).unwrap();
}

#[test]
fn fields_that_run_or_fetch() {
    let chars = |kind: &str| format!("<w:r><w:fldChar w:fldCharType=\"{kind}\"/></w:r>");
    let code = |text: &str| format!("<w:r><w:instrText>{text}</w:instrText></w:r>");
    let split = [&chars("begin"), &code("D"), &code("DE"), &code("AUTO x"), &chars("end")];
    let split = split.map(String::as_str).concat();
    let quote = [&chars("begin"), &chars("begin"), &code("QUOTE 68 68 69"), &chars("end"), &code(" x")];
    let quote = quote.map(String::as_str).concat() + &chars("end");
    for field in [split, quote, "<w:fldSimple w:instr=\" dDeAuTo x\"/>".to_owned(), code("DDEAUTO x")] {
        refused(&Fixture::word(&format!("<w:p>{field}</w:p>")), "has a field that must not stay");
    }
    let web = Fixture::word("<w:p><w:fldSimple w:instr=\"HYPERLINK https://example.org/\"/></w:p>");
    web.proof(&Options::default()).unwrap();
    let without = Options { links: Links::Remove, ..Options::default() };
    refused_choosing(&web, &without, "has a field that must not stay");
}

#[test]
fn formulas_and_names_that_run_or_fetch() {
    let cell = |formula: &str| format!("<row r=\"1\"><c r=\"A1\"><f>{formula}</f></c></row>");
    for formula in ["cmd|'/c evil'!A0", "WEBSERVICE(\"https://evil\")", "[1]evil!A1", "CALL(\"evil\")"] {
        refused(&Fixture::excel(&cell(formula), ""), "has a formula that reaches outside");
        let name = format!("<definedNames><definedName name=\"N\">{formula}</definedName></definedNames>");
        refused(&Fixture::excel("", &name), "has a formula that reaches outside");
    }
    for name in [
        "name=\"_xlnm.Auto_Open\"",
        "name=\"AUTO_CLOSE\"",
        "name=\"n\" xlm=\"1\"",
        "name=\"n\" vbProcedure=\"true\"",
    ] {
        let names = format!("<definedNames><definedName {name}>1</definedName></definedNames>");
        refused(&Fixture::excel("", &names), "has a name that runs a macro");
    }
}

#[test]
fn a_description_that_was_to_go_or_says_more() {
    let described = |inner: &str| {
        let xml =
            format!("<cp:coreProperties xmlns:cp='urn:cp' xmlns:dc='urn:dc'>{inner}</cp:coreProperties>");
        Fixture::word(BODY)
            .part("docProps/core.xml", "application/vnd.openxmlformats-package.core-properties+xml", &xml)
            .link(
                "",
                "rId2",
                "http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties",
                "docProps/core.xml",
            )
    };
    let keep = Options { metadata: Metadata::Keep, ..Options::default() };
    refused(&described("<dc:title>Plan</dc:title>"), "lists a part of type");
    refused_choosing(&described("<cp:lastModifiedBy>Ada</cp:lastModifiedBy>"), &keep, "has metadata");
}
