//! What stands in texts, drawings and presentations.

use super::super::verify::{ATTRIBUTES, ELEMENTS};
use super::fixture::{Fixture, verified};
use crate::failure::Failure;
use crate::image::BLANK;
use crate::options::{Links, Options};
use crate::report::What;

fn paragraph(inner: &str) -> Fixture {
    Fixture::text(&format!("<text:p>kept {inner} words</text:p>"))
}

#[test]
fn ordinary_content_stays_as_it_is() {
    let content = "<text:h text:outline-level=\"1\">Title</text:h><text:p text:style-name=\"P1\">a<text:s text:c=\"2\"/>b\
        <text:a xlink:type=\"simple\" xlink:href=\"https://example.org/?a=1&amp;b=2\">link</text:a><text:a \
        xlink:href=\"#there\">place</text:a><office:annotation><dc:creator>A</dc:creator><text:p>note</text:p>\
        </office:annotation><text:date text:date-value=\"2020-01-01\">1.1.2020</text:date></text:p><text:list><text:list-item>\
        <text:p>item</text:p></text:list-item></text:list>";
    let rebuilt = Fixture::text(content).rebuilt();
    rebuilt.has(&[content], &[]);
    assert!(rebuilt.removed.is_empty(), "{:?}", rebuilt.removed);
}

#[test]
fn event_listeners_at_every_place() {
    let listeners = "<office:event-listeners><script:event-listener script:language=\"ooo:script\" \
        script:event-name=\"dom:click\" xlink:href=\"vnd.sun.star.script:Standard.M.Main?language=Basic\"/>\
        <presentation:event-listener script:event-name=\"dom:click\" presentation:action=\"execute\" \
        xlink:href=\"file:///bin/sh\"/></office:event-listeners>";
    for content in [
        format!("<office:scripts>{listeners}</office:scripts><text:p>kept</text:p>"),
        format!("<text:p>kept<text:a xlink:href=\"#x\">{listeners}</text:a></text:p>"),
        format!("<text:p>kept<draw:rect>{listeners}</draw:rect></text:p>"),
        format!("<text:p>kept<draw:frame><draw:text-box/>{listeners}</draw:frame></text:p>"),
        format!("<office:forms><form:form>{listeners}</form:form></office:forms><text:p>kept</text:p>"),
        format!("<text:p>kept<loext:content-control>{listeners}</loext:content-control></text:p>"),
    ] {
        let rebuilt = Fixture::text(&content).rebuilt();
        rebuilt.has(&["kept"], &["listener", "sun.star", "execute", "/bin/sh"]);
        assert!(rebuilt.lost(What::Macro) && rebuilt.lost(What::Action));
    }
}

#[test]
fn scripts_before_the_body() {
    let rebuilt = Fixture::head(
        "<office:scripts><office:script script:language=\"ooo:Basic\">Shell \"calc\"</office:script></office:scripts>",
    )
    .rebuilt();
    rebuilt.has(&["kept words"], &["script", "Shell"]);
    assert!(rebuilt.lost(What::Macro));
}

#[test]
fn scripts_and_macro_fields_in_the_text() {
    let inner = "<text:script script:language=\"JavaScript\">evil()</text:script><text:execute-macro \
        text:name=\"Standard.M.Main\">shown<office:event-listeners/></text:execute-macro>";
    let rebuilt = paragraph(inner).rebuilt();
    rebuilt.has(&["kept shown words"], &["evil", "macro"]);
    assert!(rebuilt.lost(What::Macro));
}

#[test]
fn script_links_in_every_spelling() {
    for address in [
        "vnd.sun.star.script:Standard.M.Main?language=Basic&amp;location=document",
        "VND.SUN.STAR.SCRIPT:x",
        " vnd.sun.star.script:x",
        "vnd.sun.star.expand:$X",
        "macro:///Standard.M.Main",
        "script:x",
        ".uno:Save",
        "slot:5000",
        "service:com.sun.star.x",
        "javascript:alert(1)",
        "java&#9;script:alert(1)",
        "file:///c:/x.exe",
        "\\\\server\\share",
        "//server/share",
        "smb://server/share",
        "../other.odt",
        "other.odt",
        "ftp://h/x",
        "data:text/html,x",
        "http:\\\\h",
    ] {
        let link = format!(
            "<text:a text:style-name=\"T1\" xlink:href=\"{address}\" xlink:type=\"simple\">linked</text:a>"
        );
        let rebuilt = paragraph(&link).rebuilt();
        rebuilt.has(&["<text:span text:style-name=\"T1\">linked</text:span>"], &["href", "text:a"]);
        assert!(rebuilt.lost(What::Link), "{address}");
        let drawn = format!("<draw:a xlink:href=\"{address}\"><draw:rect draw:name=\"r\"/></draw:a>");
        paragraph(&drawn).rebuilt().has(&["<draw:rect draw:name=\"r\"/>"], &["href", "draw:a"]);
    }
}

#[test]
fn script_links_in_other_attributes() {
    for element in [
        "<draw:rect draw:id=\"vnd.sun.star.script:x\"/>",
        "<draw:rect xlink:href=\"http://h/\"/>",
        "<text:span text:style-name=\"s\" script:x=\"y\">s</text:span>",
        "<text:bookmark text:name=\"b\" loext:source-uri=\"http://h/\"/>",
        "<text:variable-set text:name=\"v\" text:formula=\"of:=WEBSERVICE(&quot;http://h&quot;)\">1</text:variable-set>",
        "<draw:rect xlink:base=\"http://h/\" xml:base=\"http://h/\"/>",
    ] {
        let rebuilt = paragraph(element).rebuilt();
        rebuilt.has(&["kept"], &["vnd.", "http://h", "script:x=", "WEBSERVICE"]);
        assert!(!rebuilt.removed.is_empty(), "{element}");
    }
}

#[test]
fn image_maps_go() {
    let map = "<draw:frame><draw:text-box/><draw:image-map><draw:area-rectangle xlink:href=\"macro:x\"/></draw:image-map>\
        </draw:frame>";
    let rebuilt = paragraph(map).rebuilt();
    rebuilt.has(&["<draw:text-box/>"], &["area", "image-map"]);
    assert!(rebuilt.lost(What::Link));
}

#[test]
fn web_links_go_when_the_options_say_so() {
    let mut fixture =
        paragraph("<text:a xlink:href=\"http://h/\">linked</text:a><text:a xlink:href=\"#x\">near</text:a>");
    fixture.options = Options { links: Links::Remove, ..Options::default() };
    let rebuilt = fixture.rebuilt();
    rebuilt.has(&["linked", "xlink:href=\"#x\""], &["http://h/"]);
    assert!(rebuilt.lost(What::Link));
}

#[test]
fn dde_sections_declarations_and_fields() {
    let content = "<text:dde-connection-decls><text:dde-connection-decl office:name=\"d\" office:dde-application=\"cmd\" \
        office:dde-topic=\"/c calc\" office:dde-item=\"x\" office:automatic-update=\"true\"/></text:dde-connection-decls>\
        <text:p>kept <text:dde-connection text:connection-name=\"d\">value</text:dde-connection></text:p><text:section \
        text:name=\"s\"><office:dde-source office:dde-application=\"cmd\"/><text:p>inside</text:p></text:section>";
    let rebuilt = Fixture::text(content).rebuilt();
    rebuilt.has(&["kept value", "inside"], &["dde", "cmd"]);
    assert!(rebuilt.lost(What::ExternalReference) && rebuilt.lost(What::Field));
}

#[test]
fn linked_sections_and_indexes() {
    let content = "<text:section text:name=\"s\"><text:section-source xlink:href=\"http://h/x.odt\" \
        text:filter-name=\"writer8\"/><text:p>inside</text:p></text:section><text:alphabetical-index-auto-mark-file \
        xlink:href=\"file:///x\"/>";
    let rebuilt = Fixture::text(content).rebuilt();
    rebuilt.has(&["inside"], &["http://h", "file:", "source"]);
    assert!(rebuilt.lost(What::ExternalReference));
}

#[test]
fn objects_of_every_kind_leave_their_picture() {
    for object in [
        "<draw:object xlink:href=\"./Object 1\"/>",
        "<draw:object-ole xlink:href=\"./Object 1\" draw:class-id=\"x\"/>",
        "<draw:object><office:document/></draw:object>",
        "<draw:plugin xlink:href=\"../../x.mp4\" draw:mime-type=\"video/mp4\"><draw:param/></draw:plugin>",
        "<draw:applet draw:code=\"E\" xlink:href=\"http://h/\"/>",
        "<draw:floating-frame xlink:href=\"http://h/\"/>",
        "<loext:object xlink:href=\"./Object 1\"/>",
    ] {
        let frame = format!(
            "<draw:frame draw:name=\"f\">{object}<draw:image xlink:href=\"./ObjectReplacements/Object 1\"/></draw:frame>"
        );
        let rebuilt = paragraph(&frame)
            .part("Object 1/content.xml", "<x/>")
            .member("ObjectReplacements/Object 1", BLANK)
            .rebuilt();
        rebuilt.has(
            &["<draw:frame draw:name=\"f\"><draw:image xlink:href=\"Pictures/image1.png\"/></draw:frame>"],
            &["object", "Object", "http://h"],
        );
        assert_eq!(
            rebuilt.names(),
            ["mimetype", "content.xml", "Pictures/image1.png", "META-INF/manifest.xml"],
            "{object}"
        );
    }
}

#[test]
fn object_without_a_picture_leaves_a_blank_one() {
    let rebuilt = paragraph("<draw:frame><draw:object xlink:href=\"./Object 1\"/></draw:frame>").rebuilt();
    rebuilt.has(&["<draw:image xlink:href=\"Pictures/image1.png\"/>"], &["object"]);
    assert_eq!(rebuilt.member("Pictures/image1.png"), BLANK);
    assert!(rebuilt.lost(What::EmbeddedObject));
}

#[test]
fn object_without_an_address_leaves_the_place_of_its_picture() {
    for (object, kept) in [
        ("<draw:object><loext:p/></draw:object><draw:image xlink:href=\"./ObjectReplacements/\"/>", 1),
        ("<draw:object/><draw:image/>", 0),
        ("<draw:object/>", 0),
    ] {
        let rebuilt = paragraph(&format!("<draw:frame>{object}</draw:frame>")).rebuilt();
        assert_eq!(rebuilt.content().matches("Pictures/image1.png").count(), kept, "{object}");
    }
}

#[test]
fn objects_under_other_prefixes_and_spellings() {
    let object = "<d:frame xmlns:d=\"urn:oasis:names:tc:opendocument:xmlns:drawing:1.0\"><d:object \
        xlink:href=\"./Object 1\"/></d:frame><frame xmlns=\"urn:oasis:names:tc:opendocument:xmlns:drawing:1.0\"><object \
        l:href=\"./Object 1\" xmlns:l=\"http://www.w3.org/1999/xlink\"/></frame><x:object \
        xmlns:x=\"urn:oasis:names:tc:opendocument:xmlns:drawing:1.1\" xlink:href=\"http://h/\"/>";
    paragraph(object).rebuilt().has(&["kept"], &["object", "http://h"]);
}

#[test]
fn remote_pictures_at_every_place() {
    for address in
        ["http://h/x.png", "file:///x.png", "\\\\h\\x.png", "//h/x.png", "../x.png", "/x.png", "x%3a//h"]
    {
        let frame = format!("<draw:frame><draw:image xlink:href=\"{address}\"/></draw:frame>");
        let rebuilt = paragraph(&frame).rebuilt();
        rebuilt.has(&["Pictures/image1.png"], &[address]);
        assert!(rebuilt.lost(What::ExternalReference), "{address}");
    }
    for element in ["style:background-image", "draw:fill-image", "text:list-level-style-image"] {
        let style = format!(
            "<office:automatic-styles><{element} xlink:href=\"http://h/x.png\"/></office:automatic-styles>"
        );
        let rebuilt = Fixture::head(&style).rebuilt();
        rebuilt.has(&[element, "Pictures/image1.png"], &["http://h"]);
        assert!(rebuilt.lost(What::ExternalReference), "{element}");
    }
}

#[test]
fn what_is_no_picture_becomes_a_blank_one() {
    let frame = "<draw:frame><draw:image xlink:href=\"Pictures/a.png\"/></draw:frame>";
    let rebuilt = paragraph(frame).member("Pictures/a.png", b"MZ\x90\0 a program").rebuilt();
    assert_eq!(rebuilt.member("Pictures/image1.png"), BLANK);
    assert!(rebuilt.lost(What::Picture));
}

#[test]
fn picture_that_cannot_be_rebuilt_gives_way_to_its_alternative() {
    let frame = "<draw:frame><draw:image xlink:href=\"Pictures/a.svg\"/><draw:image xlink:href=\"Pictures/b.png\"/></draw:frame>";
    let rebuilt = paragraph(frame).member("Pictures/a.svg", b"MZ").member("Pictures/b.png", BLANK).rebuilt();
    rebuilt.has(&["<draw:frame><draw:image xlink:href=\"Pictures/image1.png\"/></draw:frame>"], &[]);
}

#[test]
fn picture_that_is_shown_often_is_expanded_once() {
    let frame = "<draw:frame><draw:image xlink:href=\"Pictures/a.png\"/></draw:frame>".repeat(3000);
    let large = [b"no picture".to_vec(), vec![0; 1 << 18]].concat();
    let rebuilt = paragraph(&frame).member("Pictures/a.png", &large).rebuilt();
    assert_eq!(rebuilt.removed.iter().filter(|removed| removed.what == What::Picture).count(), 1);
}

#[test]
fn inline_pictures_go() {
    let frame = "<draw:frame><draw:image><office:binary-data>TVqQ</office:binary-data></draw:image><draw:text-box/></draw:frame>";
    paragraph(frame).rebuilt().has(&["<draw:text-box/>"], &["binary", "TVqQ"]);
}

#[test]
fn sounds_and_commands_in_slides() {
    let slide = "<draw:frame><draw:text-box><text:p>kept</text:p></draw:text-box></draw:frame><anim:par><anim:audio \
        xlink:href=\"http://h/x.wav\"/><anim:command anim:command=\"verb\"/></anim:par><presentation:sound \
        xlink:href=\"file:///x.wav\"/>";
    let rebuilt = Fixture::slide(slide).rebuilt();
    rebuilt.has(&["kept", "anim:par"], &["audio", "command", "sound", "http://h"]);
    assert!(rebuilt.lost(What::Multimedia) && rebuilt.lost(What::Action));
}

#[test]
fn database_fields_keep_their_text() {
    let inner = "<text:database-display text:database-name=\"d\" text:table-name=\"t\" \
        text:column-name=\"c\"><form:connection-resource xlink:href=\"http://h/\"/>value</text:database-display>\
        <text:database-next text:database-name=\"d\"/>";
    let rebuilt = paragraph(inner).rebuilt();
    rebuilt.has(&["kept value words"], &["database", "http://h"]);
    assert!(rebuilt.lost(What::DataConnection));
}

#[test]
fn fields_of_the_description_keep_their_text() {
    let inner = "<text:title>the title</text:title>, <text:initial-creator>who</text:initial-creator>, \
        <text:user-defined text:name=\"n\">what</text:user-defined>, <text:file-name>name</text:file-name>";
    paragraph(inner).rebuilt().has(&["kept the title, who, what, name words"], &["<text:title"]);
}

#[test]
fn forms_stay_only_as_far_as_they_are_inert() {
    let forms = "<office:forms form:automatic-focus=\"false\"><form:form form:name=\"f\" xlink:href=\"http://h/submit\" \
        form:datasource=\"d\" form:command=\"SELECT\" form:command-type=\"table\" form:method=\"post\" \
        office:target-frame=\"_blank\" form:control-implementation=\"ooo:com.sun.star.form.component.Form\">\
        <form:properties><form:property form:property-name=\"DefaultControl\" office:value-type=\"string\" \
        office:string-value=\"com.sun.star.form.control.TextField\"/><form:property form:property-name=\"HelpURL\" \
        office:value-type=\"string\" office:string-value=\"macro:x\"/></form:properties>\
        <form:connection-resource xlink:href=\"jdbc:x\"/>\
        <form:checkbox form:name=\"c\" form:label=\"yes\" form:control-implementation=\"ooo:com.sun.star.form.component.CheckBox\"/>\
        <form:button form:button-type=\"url\" xlink:href=\"http://h/button\" form:image-data=\"http://h/i\" \
        form:control-implementation=\"ooo:com.sun.star.evil.Service\"/><form:listbox form:list-source=\"SELECT\"/>\
        <form:file/><form:grid/><form:generic-control form:control-implementation=\"x\"/></form:form><xforms:model><x/></xforms:model>\
        </office:forms><text:p>kept</text:p>";
    let rebuilt = Fixture::text(forms).rebuilt();
    rebuilt.has(
        &[
            "form:checkbox",
            "form:label=\"yes\"",
            "form.component.CheckBox",
            "control.TextField",
            "<form:button/>",
            "kept",
        ],
        &[
            "http://h",
            "SELECT",
            "jdbc",
            "evil",
            "HelpURL",
            "grid",
            "form:file",
            "generic",
            "model",
            "_blank",
            "post",
        ],
    );
    assert!(rebuilt.lost(What::DataConnection) && rebuilt.lost(What::Control) && rebuilt.lost(What::Form));
}

#[test]
fn embedded_fonts() {
    let head = "<office:font-face-decls><style:font-face style:name=\"F\" svg:font-family=\"F\"><svg:font-face-src>\
        <svg:font-face-uri xlink:href=\"Fonts/f.ttf\"/></svg:font-face-src></style:font-face></office:font-face-decls>";
    let rebuilt = Fixture::head(head).member("Fonts/f.ttf", b"font").rebuilt();
    rebuilt.has(&["style:font-face"], &["uri", "Fonts"]);
    assert!(rebuilt.lost(What::Font));
}

#[test]
fn field_codes_of_word() {
    let inner = "<field:fieldmark-start xmlns:field=\"urn:openoffice:names:experimental:ooo-ms-interop:xmlns:field:1.0\" \
        text:name=\"f\" field:type=\"ecma.office-open-xml.field.DDEAUTO\"><field:param \
        field:name=\"vnd.oasis.opendocument.field.code\" field:value=\"DDEAUTO cmd\"/></field:fieldmark-start>shown";
    let rebuilt = paragraph(inner).rebuilt();
    rebuilt.has(&["shown words"], &["DDEAUTO", "ecma", "param"]);
    assert!(rebuilt.lost(What::Field));
    let form =
        inner.replace("ecma.office-open-xml.field.DDEAUTO", "vnd.oasis.opendocument.field.FORMCHECKBOX");
    let form =
        form.replace("vnd.oasis.opendocument.field.code", "Checkbox_Checked").replace("DDEAUTO cmd", "true");
    let rebuilt = paragraph(&form).rebuilt();
    rebuilt.has(&["field.FORMCHECKBOX", "Checkbox_Checked"], &[]);
    assert!(rebuilt.removed.is_empty());
}

#[test]
fn unknown_vocabularies() {
    let inner = "<x:y xmlns:x=\"urn:evil\">gone</x:y><text:span xmlns:x=\"urn:evil\" x:z=\"gone\">stays</text:span><y>gone</y>";
    let rebuilt = paragraph(inner).rebuilt();
    rebuilt.has(&["stays"], &["gone", "evil"]);
    assert!(rebuilt.lost(What::UnknownPart));
}

#[test]
fn unknown_names_in_known_vocabularies() {
    let inner = "<draw:evil draw:name=\"gone\">gone</draw:evil><text:later text:by=\"gone\">stays</text:later>\
        <loext:later><text:span>stays too</text:span></loext:later><loext:data-stream-source loext:mode=\"gone\"/>\
        <text:span text:style-name=\"S\" text:evil=\"gone\" loext:evil=\"gone\" fo:evil=\"gone\" \
        xmlns:fo=\"urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0\">and this</text:span>";
    let rebuilt = paragraph(inner).rebuilt();
    rebuilt.has(
        &["kept stays", "<text:span>stays too</text:span>", "text:style-name=\"S\"", "and this"],
        &["gone", "evil", "later", "stream"],
    );
    assert!(rebuilt.lost(What::UnknownPart));
}

#[test]
fn addresses_in_any_attribute() {
    for attribute in [
        "text:url=\"\\\\host\\share\"",
        "text:url=\"file:///c:/x\"",
        "text:url=\"ms-msdt:/id x\"",
        "text:url=\"smb://host/x\"",
        "text:url=\"x.odt\"",
        "loext:local-url=\"file:///x\"",
        "loext:local-url=\"/x\"",
        "loext:target-url=\"\\\\host\\x\"",
        "text:id=\"\\\\host\\share\"",
        "text:id=\"//host/share\"",
        "text:id=\"smb://host/x\"",
        "text:id=\" h\tttp://host/x\"",
        "text:id=\"ms-msdt:/id x\"",
        "text:id=\"search-ms:query\"",
        "draw:style-id=\"mhtml:http://host\"",
    ] {
        let mark = format!("<text:bibliography-mark {attribute}>[1]</text:bibliography-mark>");
        let rebuilt = paragraph(&mark).rebuilt();
        rebuilt.has(&["<text:bibliography-mark>[1]"], &["host", "ms-msdt", "search", "file:", "x.odt"]);
        assert!(!rebuilt.removed.is_empty(), "{attribute}");
    }
}

#[test]
fn web_addresses_stay_on_links_and_in_texts_only() {
    let mark = "<text:bibliography-mark text:url=\"https://h/a\" text:note=\"https://h/b\">[1]</text:bibliography-mark>";
    let mut fixture = paragraph(mark);
    let rebuilt = fixture.rebuilt();
    rebuilt.has(&[mark], &[]);
    assert!(rebuilt.removed.is_empty());
    fixture.options = Options { links: Links::Remove, ..Options::default() };
    let rebuilt = fixture.rebuilt();
    rebuilt.has(&["https://h/b"], &["https://h/a"]);
    assert!(rebuilt.lost(What::Link));
    let sheet = "<table:table table:name=\"t\" table:protected=\"true\" table:protection-key=\"x\" \
        table:protection-key-digest-algorithm=\"http://www.w3.org/2000/09/xmldsig#sha256\"/>";
    assert!(Fixture::sheets(sheet).rebuilt().removed.is_empty());
}

#[test]
fn whatever_verification_refuses_the_rebuild_leaves_out() {
    const PREFIXES: [&str; 14] = [
        "office",
        "style",
        "text",
        "table",
        "draw",
        "presentation",
        "anim",
        "form",
        "script",
        "config",
        "meta",
        "svg",
        "loext",
        "xforms",
    ];
    const VALUES: [&str; 6] = [
        "vnd.sun.star.script:x",
        "file:///x",
        "macro:x",
        "ecma.office-open-xml.field.DDE",
        "of:=DDE(1)",
        "http://h/",
    ];
    let attributes = [
        "href",
        "type",
        "id",
        "style",
        "formula",
        "condition",
        "expression",
        "cell-range-address",
        "name",
        "current-value",
    ];
    for prefix in PREFIXES {
        let elements: String = ELEMENTS.iter().map(|local| format!("<{prefix}:{local}/>")).collect();
        paragraph(&elements).rebuilt();
        let named: String =
            ATTRIBUTES.iter().map(|local| format!("<text:span {prefix}:{local}=\"x\"/>")).collect();
        paragraph(&named).rebuilt();
        for value in VALUES {
            let valued: String = attributes
                .iter()
                .flat_map(|local| {
                    [
                        "text:span",
                        "draw:rect",
                        "loext:x",
                        "form:form",
                        "table:table-cell",
                        "table:named-range",
                    ]
                    .map(|element| format!("<{element} {prefix}:{local}=\"{value}\"/>"))
                })
                .collect();
            paragraph(&valued).rebuilt();
        }
    }
}

#[test]
fn verification_finds_what_the_rebuild_would_miss() {
    verified(|content| content).unwrap();
    for (name, inner) in [
        ("listener", "<office:event-listeners/>"),
        ("object", "<draw:object/>"),
        ("object under another prefix", "<loext:object/>"),
        ("plugin", "<draw:plugin/>"),
        ("link", "<text:a xlink:href=\"file:///x\"/>"),
        ("script link", "<text:a xlink:href=\"vnd.sun.star.script:x\"/>"),
        ("remote picture", "<draw:image xlink:href=\"http://h/\"/>"),
        ("missing picture", "<draw:image xlink:href=\"Pictures/image1.png\"/>"),
        ("address elsewhere", "<draw:rect draw:id=\"vnd.sun.star.script:x\"/>"),
        ("server elsewhere", "<draw:rect draw:id=\"\\\\host\\x\"/>"),
        ("server without a scheme", "<draw:rect draw:id=\"//host/x\"/>"),
        ("unknown scheme", "<draw:rect draw:id=\"ldap://host/x\"/>"),
        ("program", "<draw:rect draw:id=\"ms-msdt:/id\"/>"),
        ("address of a book", "<text:bibliography-mark text:url=\"\\\\host\\x\"/>"),
        ("file of a book", "<text:bibliography-mark loext:local-url=\"file:///x\"/>"),
        ("formula", "<text:variable-set text:formula=\"of:=DDE(1)\"/>"),
        ("linked section", "<text:section-source/>"),
        ("macro", "<text:execute-macro/>"),
        ("macro name", "<text:p script:macro-name=\"x\"/>"),
        ("database", "<text:p text:database-name=\"x\"/>"),
        ("dde", "<text:dde-connection/>"),
        ("font", "<svg:font-face-uri/>"),
        ("field", "<loext:x loext:type=\"ecma.office-open-xml.field.DDE\"/>"),
    ] {
        let change = |content: String| {
            content
                .replace("kept words", &format!("kept {inner}"))
                .replace("xmlns:script", "xmlns:y")
                .replacen(
                    "xmlns:office",
                    "xmlns:script=\"urn:oasis:names:tc:opendocument:xmlns:script:1.0\" xmlns:office",
                    1,
                )
        };
        assert!(matches!(verified(change), Err(Failure::Unproved(_))), "{name}");
    }
}
