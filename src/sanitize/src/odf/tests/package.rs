//! Members, manifest, settings and description.

use super::fixture::{Fixture, NAMESPACES, Rebuilt, fails};
use crate::failure::Failure;
use crate::format::Format;
use crate::job::{NoInspector, Settings, sanitize};
use crate::options::{Metadata, Options, Signed};
use crate::report::What;
use crate::zip_structure::{Method, Zip};

#[test]
fn only_the_four_parts_and_shown_pictures_are_copied() {
    let mut fixture =
        Fixture::head("").part("styles.xml", &format!("<office:document-styles {NAMESPACES}/>"));
    let lost = [
        ("Basic/Standard/M.xml", What::Macro),
        ("Basic/script-lc.xml", What::Macro),
        ("Scripts/python/e.py", What::Script),
        ("Dialogs/Standard/d.xml", What::Macro),
        ("Object 1/content.xml", What::EmbeddedObject),
        ("Obj100", What::EmbeddedObject),
        ("ObjectReplacements/Object 1", What::EmbeddedObject),
        ("Configurations2/accelerator/current.xml", What::Extension),
        ("Thumbnails/thumbnail.png", What::Metadata),
        ("manifest.rdf", What::Metadata),
        ("META-INF/documentsignatures.xml", What::Signature),
        ("META-INF/macrosignatures.xml", What::Signature),
        ("META-INF/our-signatures-2.xml", What::Signature),
        ("layout-cache", What::Unreachable),
        ("Versions/Version1", What::Unreachable),
        ("Pictures/unused.png", What::Unreachable),
        ("Fonts/f.ttf", What::Font),
        ("media/a.mp4", What::Multimedia),
        ("evil.exe", What::UnknownPart),
    ];
    for (name, _) in lost {
        fixture = fixture.member(name, b"content");
    }
    let rebuilt = fixture.unlisted("hidden.bin", b"content").rebuilt();
    assert_eq!(rebuilt.names(), ["mimetype", "content.xml", "styles.xml", "META-INF/manifest.xml"]);
    for (name, what) in lost {
        let noted = rebuilt.removed.iter().find(|removed| removed.r#where == name);
        assert_eq!(noted.map(|noted| noted.what), Some(what), "{name}");
        assert!(noted.is_some_and(|noted| noted.sha256.is_some()), "{name}");
    }
    assert!(rebuilt.removed.iter().any(|removed| removed.r#where == "hidden.bin"));
}

#[test]
fn type_comes_first_and_stored_and_the_manifest_lists_what_is_there() {
    for format in [Format::Odt, Format::Ott] {
        let mut fixture = Fixture::head("");
        let old = fixture.format.media_type();
        fixture = fixture.listed(old, format.media_type());
        fixture.format = format;
        let rebuilt = fixture.rebuilt();
        let zip = Zip::parse(&rebuilt.bytes, &crate::limits::Limits::default()).unwrap();
        let first = zip.entries().first().unwrap();
        assert_eq!((first.name.as_str(), first.method), ("mimetype", Method::Stored));
        assert_eq!(first.compressed, format.media_type().as_bytes());
        let manifest = rebuilt.part("META-INF/manifest.xml");
        assert!(manifest.contains(format.media_type()) && manifest.contains("full-path=\"content.xml\""));
        assert!(
            manifest.contains("manifest:version=\"1.3\""),
            "LibreOffice wants the content's version: {manifest}"
        );
    }
}

#[test]
fn encrypted_members() {
    let fixture = Fixture::head("").listed(
        "m:full-path=\"content.xml\" m:media-type=\"\"/>",
        "m:full-path=\"content.xml\" m:media-type=\"\"><m:encryption-data/></m:file-entry>",
    );
    assert!(matches!(fixture.failure(), Failure::Encrypted(_)));
}

#[test]
fn manifest_that_gives_another_type() {
    let fixture = Fixture::head("").listed("opendocument.text", "opendocument.spreadsheet");
    assert!(matches!(fixture.failure(), Failure::Malformed(_)));
}

#[test]
fn body_of_another_type() {
    let mut fixture = Fixture::slide("").listed("opendocument.presentation", "opendocument.text");
    fixture.format = Format::Odt;
    assert!(matches!(fixture.failure(), Failure::Malformed(_)));
}

#[test]
fn parts_under_wrong_roots() {
    let fixture = Fixture::head("").part("content.xml", "<x/>");
    assert!(matches!(fixture.failure(), Failure::Malformed(_)));
    let fixture = Fixture::head("").part("styles.xml", &format!("<office:document-content {NAMESPACES}/>"));
    assert!(matches!(fixture.failure(), Failure::Malformed(_)));
}

#[test]
fn entities_are_refused_and_a_definition_elsewhere_is_not_read() {
    let fixture = Fixture::head("");
    let old = "<!DOCTYPE m:manifest PUBLIC \"-//OpenOffice.org//DTD Manifest 1.0//EN\" \"Manifest.dtd\">";
    Rebuilt::of(&fixture.bytes(old), Format::Odt, &Options::default()).has(&["kept words"], &[]);
    let bomb = "<!DOCTYPE m:manifest [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>";
    assert!(matches!(fails(&fixture.bytes(bomb), Format::Odt), Failure::Malformed(_)));
    for doctype in
        ["<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>", "<!DOCTYPE x SYSTEM \"http://h/\">"]
    {
        let content = format!(
            "<?xml version=\"1.0\"?>{doctype}<office:document-content {NAMESPACES}><office:body/></office:document-content>"
        );
        let fixture = Fixture::head("").part("content.xml", &content);
        assert!(matches!(fixture.failure(), Failure::Malformed(_)), "{doctype}");
    }
}

#[test]
fn depth_is_limited() {
    let deep = format!("{}{}", "<text:list>".repeat(300), "</text:list>".repeat(300));
    assert!(matches!(Fixture::text(&deep).failure(), Failure::Limit { name: "max_nesting", .. }));
}

#[test]
fn signed_documents_are_put_aside_when_the_options_say_so() {
    let fixture = Fixture::head("").member("META-INF/documentsignatures.xml", b"<x/>");
    assert!(fixture.rebuilt().lost(What::Signature));
    let settings = Settings {
        options: Options { signed: Signed::Quarantine, ..Options::default() },
        ..Settings::default()
    };
    let declared = crate::identify::Declared { name: "a.odt", media_type: "" };
    let done = sanitize(&fixture.bytes(""), &declared, &settings, &mut NoInspector);
    assert_eq!(done.report().verdict, crate::report::Verdict::Refused);
}

#[test]
fn settings_that_name_printers_sources_and_templates() {
    let item = |name: &str, kind: &str, value: &str| {
        format!(
            "<config:config-item config:name=\"{name}\" config:type=\"{kind}\">{value}</config:config-item>"
        )
    };
    let items = [
        item("AddParaTableSpacing", "boolean", "true"),
        item("PrinterSetup", "base64Binary", "c2VjcmV0"),
        item("PrinterName", "string", "secret"),
        item("CurrentDatabaseDataSource", "string", "secret"),
        item("ColorTableURL", "string", "file:///secret"),
        item("LinkUpdateMode", "short", "2"),
        item("TabOverflow", "boolean", "file:///secret"),
        item("Rsid", "int", "4711"),
        item("ViewId", "string", "view2"),
    ]
    .concat();
    let settings = format!(
        "<office:document-settings {NAMESPACES} office:version=\"1.2\"><office:settings><config:config-item-set \
         config:name=\"ooo:configuration-settings\">{items}</config:config-item-set><config:config-item-set \
         config:name=\"evil\">{items}</config:config-item-set></office:settings></office:document-settings>"
    );
    let rebuilt = Fixture::head("").part("settings.xml", &settings).rebuilt();
    let left = rebuilt.part("settings.xml");
    assert_eq!(left.matches("<config:config-item ").count(), 2, "{left}");
    assert!(
        left.contains("AddParaTableSpacing")
            && left.contains("view2")
            && left.contains("office:version=\"1.3\"")
    );
    assert!(rebuilt.lost(What::PrinterSettings));
}

#[test]
fn description_goes_or_is_written_anew() {
    let meta = format!(
        "<office:document-meta {NAMESPACES}><office:meta><dc:title>A &lt;title&gt;</dc:title><meta:initial-creator>who\
         </meta:initial-creator><dc:date>2020-01-01T00:00:00</dc:date><meta:creation-date>evil</meta:creation-date>\
         <meta:generator>secret</meta:generator><meta:template xlink:href=\"file:///secret\"/><meta:user-defined \
         meta:name=\"n\">secret</meta:user-defined></office:meta></office:document-meta>"
    );
    let mut fixture = Fixture::head("").part("meta.xml", &meta);
    let rebuilt = fixture.rebuilt();
    assert!(rebuilt.lost(What::Metadata) && !rebuilt.names().contains(&"meta.xml".to_owned()));
    fixture.options = Options { metadata: Metadata::Keep, ..Options::default() };
    let rebuilt = fixture.rebuilt();
    let left = rebuilt.part("meta.xml");
    for kept in ["<dc:title>A &lt;title&gt;</dc:title>", ">who<", "2020-01-01"] {
        assert!(left.contains(kept), "{left}");
    }
    assert!(!left.contains("secret") && !left.contains("evil") && rebuilt.lost(What::Metadata));
}

#[test]
fn flat_documents_are_refused() {
    let flat = format!("<?xml version=\"1.0\"?><office:document {NAMESPACES} office:mimetype=\"x\"/>");
    for name in ["a.fodt", "a.xml", "a.odt", ""] {
        let declared = crate::identify::Declared { name, media_type: "" };
        let done = sanitize(flat.as_bytes(), &declared, &Settings::default(), &mut NoInspector);
        assert_eq!(done.report().verdict, crate::report::Verdict::Refused, "{name}");
    }
}
