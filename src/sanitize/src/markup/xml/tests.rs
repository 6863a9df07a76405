//! Namespaces, and how many of them.

use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Ns {
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
