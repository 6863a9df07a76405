//! The document's description, written anew as plain text: title, subject, keywords, who and when.

use super::namespace::Ns;
use super::xml::{Attribute, Element, Name, Node};
use crate::failure::Failure;
use crate::job::Job;
use crate::report::{Removed, What};

const KEPT: &[(Ns, &str)] = &[
    (Ns::Dc, "title"),
    (Ns::Dc, "subject"),
    (Ns::Meta, "keyword"),
    (Ns::Meta, "initial-creator"),
    (Ns::Meta, "creation-date"),
    (Ns::Dc, "creator"),
    (Ns::Dc, "date"),
];

const NAMESPACES: &[(&str, &str)] = &[
    ("xmlns:office", "urn:oasis:names:tc:opendocument:xmlns:office:1.0"),
    ("xmlns:meta", "urn:oasis:names:tc:opendocument:xmlns:meta:1.0"),
    ("xmlns:dc", "http://purl.org/dc/elements/1.1/"),
];

/// The part with what is kept of it; `None`: it cannot be read, and no document needs it.
pub(super) fn rewrite(
    text: &str,
    version: Option<&str>,
    job: &mut Job<'_>,
) -> Result<Option<Vec<u8>>, Failure> {
    let (name, root) = super::META;
    let old = match super::tree(text, job.limits.max_nesting) {
        Ok(old) if old.is(Ns::Office, root) => old,
        Err(failure @ Failure::Limit { .. }) => return Err(failure),
        _ => {
            job.removed(Removed::new(What::Metadata, name, 1));
            return Ok(None);
        }
    };
    let mut gone = 0;
    let mut children = Vec::new();
    for entry in old.elements().filter(|child| child.is(Ns::Office, "meta")).flat_map(Element::elements) {
        let is_plain = entry.elements().next().is_none() && entry.attributes.is_empty();
        let local = entry.name.local();
        if !is_plain || !KEPT.contains(&(entry.name.ns, local)) || !is_sound(local, &entry.text()) {
            gone += 1;
            continue;
        }
        let prefix = if entry.name.ns == Ns::Dc { "dc" } else { "meta" };
        let text = vec![Node::Text(entry.text().into())];
        children.push(Node::Element(element(&format!("{prefix}:{local}"), Vec::new(), text)));
    }
    if gone > 0 {
        job.removed(Removed::new(What::Metadata, name, gone));
    }
    let version = version.map(|version| ("office:version", version));
    let attributes = NAMESPACES
        .iter()
        .chain(&version)
        .map(|(name, value)| Attribute { name: Name::new(name, Ns::None), value: (*value).into() })
        .collect();
    let meta = element("office:meta", Vec::new(), children);
    Ok(Some(super::written(&element(&format!("office:{root}"), attributes, vec![Node::Element(meta)]))))
}

fn element<'a>(name: &str, attributes: Vec<Attribute<'a>>, children: Vec<Node<'a>>) -> Element<'a> {
    Element { name: Name::new(name, Ns::None), attributes, children, id: 0 }
}

/// Dates are only digits and their signs (XML Schema part 2, dateTime).
fn is_sound(local: &str, text: &str) -> bool {
    match local {
        "date" | "creation-date" => text.chars().all(|c| c.is_ascii_digit() || "T:.+-Z".contains(c)),
        _ => true,
    }
}
