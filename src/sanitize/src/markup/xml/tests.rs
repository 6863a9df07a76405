//! Namespaces, and how many of them.

use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Ns {
    None,
    Xml,
    Xmlns,
    A,
    B,
}

impl Vocabulary for Ns {
    const NONE: Self = Self::None;
    const XML: Self = Self::Xml;
    const XMLNS: Self = Self::Xmlns;

    fn of(uri: &str) -> Self {
        if uri.starts_with("urn:a") { Self::A } else { Self::B }
    }

    fn is_mixed(self) -> bool {
        false
    }
}

/// The vocabularies of the elements, in order.
fn read(text: &str) -> Result<Vec<Ns>, Failure> {
    let mut xml: Xml<'_, Ns> = Xml::new(text, 2000);
    let mut found = Vec::new();
    while let Some(event) = xml.next()? {
        if let Event::Start(element) = event {
            found.push(element.name.ns);
        }
    }
    Ok(found)
}

fn declarations(count: usize, uri: &str) -> String {
    (0..count).map(|n| format!(" xmlns:p{n}=\"{uri}\"")).collect()
}

#[test]
fn prefixes_stand_for_the_innermost_declaration() {
    let text = "<x xmlns=\"urn:a\"><p:y xmlns:p=\"urn:b\"><p:z xmlns:p=\"urn:a\"/><p:z/></p:y><x/></x>";
    assert_eq!(read(text).unwrap(), [Ns::A, Ns::B, Ns::A, Ns::B, Ns::A]);
    assert!(read("<x><p:y xmlns:p=\"urn:b\"/><p:y/></x>").is_err());
}

#[test]
fn attributes_and_declarations_without_end() {
    let attributes: String = (0..501).map(|n| format!(" a{n}=\"\"")).collect();
    assert!(read(&format!("<x{attributes}/>")).is_err());
    assert!(read(&format!("<x{}/>", declarations(100, "urn:a"))).is_ok());
    assert!(read(&format!("<x{}/>", declarations(101, "urn:a"))).is_err());
    let nested = |depth: usize| {
        let start = format!("<x{}>", declarations(100, "urn:a"));
        format!("{}{}", start.repeat(depth), "</x>".repeat(depth))
    };
    assert!(read(&nested(10)).is_ok());
    assert!(read(&nested(11)).is_err());
}

#[test]
fn long_declarations_around_many_elements() {
    let text = |outer: usize, inner: usize| {
        let long = format!(" xmlns:p=\"urn:{}\"", "a".repeat(outer));
        format!("<x{long}><y xmlns:q=\"urn:{}\">{}</y></x>", "a".repeat(inner), "<z/>".repeat(1000))
    };
    assert!(read(&text(1 << 17, 1 << 10)).is_ok());
    assert!(read(&text(1, 1 << 17)).is_err());
}

/// The text, written as it is read; `None`: byte for byte.
fn same(text: &str) -> Option<String> {
    let mut xml: Xml<'_, Ns> = Xml::new(text, 100);
    let mut writer = Writer::copying(text);
    while let Some(step) = xml.advance().unwrap() {
        match step {
            Step::Start => writer.same_start(&xml),
            Step::Text => writer.same_text(&xml),
            Step::End => writer.same_end(&xml),
        }
    }
    writer.changed().map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn our_own_spelling_is_copied() {
    for text in [
        "<a/>",
        "<a></a>",
        "<a>1 > 2</a>\n",
        "<?xml version=\"1.0\" encoding=\"utf-8\" standalone=\"no\"?><a/>",
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\r\n<a b=\"'1'\" c=\"&lt;&#10;&quot;\">x\n<b/>y</a>",
        "<?xml version='1.0' encoding='UTF-8'?>\n<p:a xmlns:p=\"urn:a\" p:b=\"ä\">&amp;&quot;\"&apos;&#13;</p:a>",
    ] {
        assert_eq!(same(text), None, "{text}");
    }
}

#[test]
fn any_other_spelling_becomes_ours_once() {
    for (text, ours) in [
        ("<a ></a >", "<a></a>"),
        ("<a  b=\"1\"\tc=\"2\" />", "<a b=\"1\" c=\"2\"/>"),
        ("<a b='\"' c = \"&#x41;\"/>", "<a b=\"&quot;\" c=\"A\"/>"),
        ("<a b=\"x\r\ny\tz\"/>", "<a b=\"x y z\"/>"),
        ("<a b=\">\">]]>\r\n\r</a>", "<a b=\"&gt;\">]]&gt;\n\n</a>"),
        ("<a>1<!-- 2 -->3<?x?><![CDATA[<&]]><b/></a>", "<a>13&lt;&amp;<b/></a>"),
        ("<a>&#65;</a><!-- x -->\n", "<a>A</a>"),
    ] {
        assert_eq!(same(text).as_deref(), Some(ours), "{text}");
        assert_eq!(same(ours), None, "{ours}");
    }
    for declared in ["version=\"1.0\"", "version=\"1.0\"  encoding='UTF-8'", "version='1.0' encoding='ascii'"]
    {
        let ours = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\r\n<a/>";
        assert_eq!(same(&format!("<?xml {declared}?><a/>")).as_deref(), Some(ours), "{declared}");
    }
}

#[test]
fn what_is_almost_xml_is_malformed() {
    for text in [
        "",
        "<a",
        "<a>",
        "<a></b>",
        "<a></ab>",
        "<a/></a>",
        "<a/><b/>",
        "<a/>x",
        "x<a/>",
        "<![CDATA[]]><a/>",
        "<a b=1/>",
        "<a b/>",
        "<a b=\"1/>",
        "<a b=\"1\"c=\"2\"/>",
        "<a b=\"1\" b=\"2\"/>",
        "<a b=\"<\"/>",
        "<a b=\"&\"/>",
        "<a / >",
        "<1/>",
        "<a:b:c xmlns:a=\"urn:a\"/>",
        "<a xmlns:=\"urn:a\"/>",
        "<a xmlns:p=\"\"/>",
        "<a>&b;</a>",
        "<a>&#0;</a>",
        "<a>&#x+41;</a>",
        "<a>\u{1}</a>",
        "<a>\u{ffff}</a>",
        "<a><!-- </a>",
        "<a><![CDATA[ </a>",
        "<!DOCTYPE a><a/>",
        "<?xml version=\"1.1\"?><a/>",
        "<?xml encoding=\"utf-8\" version=\"1.0\"?><a/>",
        "<?xml version=\"1.0\" encoding=\"utf-7\"?><a/>",
        "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><a>ä</a>",
        "<a><?xml version=\"1.0\"?></a>",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
    let two_prefixes = |count: usize| {
        let others: String = (0..count).map(|n| format!(" p:o{n}=\"\"")).collect();
        format!("<a xmlns:p=\"urn:a\" xmlns:q=\"urn:a\" p:x=\"\" q:x=\"\"{others}/>")
    };
    assert!(read(&two_prefixes(0)).is_err() && read(&two_prefixes(20)).is_err());
}

#[test]
fn going_back_forgets_all_since() {
    let text = "<a xmlns:p=\"urn:a\"><p:b xmlns:p=\"urn:b\"><p:c/><p:d/></p:b><p:e/></a>";
    let mut xml: Xml<'_, Ns> = Xml::new(text, 100);
    xml.advance().unwrap();
    xml.advance().unwrap();
    let mark = xml.mark();
    for steps in 0..5 {
        for _ in 0..steps {
            xml.advance().unwrap();
        }
        xml.back(&mark);
        assert_eq!(xml.advance().unwrap(), Some(Step::Start));
        assert_eq!((xml.element().id, xml.element().name.ns, xml.depth()), (1, Ns::B, 2));
    }
    let unit = xml.subtree().unwrap();
    assert_eq!(
        unit.elements().map(|child| (child.id, child.name.ns)).collect::<Vec<_>>(),
        [(2, Ns::B), (3, Ns::B)]
    );
    assert_eq!(xml.advance().unwrap(), Some(Step::Start));
    assert_eq!((xml.element().id, xml.element().name.ns), (4, Ns::A));
}
