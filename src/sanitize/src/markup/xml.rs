//! XML as the rebuilders read and write it: strict on the way in, one spelling on the way out.
//!
//! What is written is always our own serialisation of what was understood, so that no other reader can see something
//! in it that we did not. Read: UTF-8 or UTF-16 with a mark, XML 1.0, one root, namespaces declared, no document type, no entity but the
//! five predefined and character numbers, a bounded depth. Comments and processing instructions are not passed on.
//!
//! ```text
//! text ──▶ Xml: one event at a time, names known once, values borrowed ──▶ Writer ──▶ new text
//!                └─ an event that is spelled as we would spell it, and stays ──▶ the same bytes, in one run
//! ```

mod read;
#[cfg(test)]
mod second_reader;
mod spelling;
#[cfg(test)]
mod tests;
mod write;

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt::Debug;
use std::hash::Hash;
use std::rc::Rc;

use crate::failure::Failure;

pub(crate) use read::{Step, Xml};
pub(crate) use spelling::is_name;
pub(crate) use write::Writer;

/// The namespaces that one family of formats tells apart.
pub(crate) trait Vocabulary: Copy + Eq + Hash + Debug {
    /// No namespace.
    const NONE: Self;
    /// `xml:`.
    const XML: Self;
    /// `xmlns` declarations.
    const XMLNS: Self;

    /// The vocabulary behind a namespace URI.
    fn of(uri: &str) -> Self;

    /// Whether it stands for several URIs, so that two attributes of one local name may differ after all.
    fn is_mixed(self) -> bool;
}

/// A qualified name and its vocabulary.
#[derive(Debug)]
pub(crate) struct Name<N> {
    /// As written, with prefix.
    pub(crate) qualified: Box<str>,
    pub(crate) ns: N,
    /// Bytes of the prefix and its colon.
    prefix: usize,
    is_notable: Cell<Option<bool>>,
}

impl<N> Name<N> {
    pub(crate) fn new(qualified: &str, ns: N) -> Rc<Self> {
        let prefix = qualified.find(':').map_or(0, |colon| colon + 1);
        Rc::new(Self { qualified: qualified.into(), ns, prefix, is_notable: Cell::new(None) })
    }

    pub(crate) fn local(&self) -> &str {
        self.qualified.get(self.prefix..).unwrap_or_default()
    }

    /// The prefix without colon; empty where there is none.
    pub(crate) fn prefix(&self) -> &str {
        self.qualified.get(..self.prefix.saturating_sub(1)).unwrap_or_default()
    }

    /// What `judge` says of the name, asked once. Whoever reads a part asks one question of its elements' names and one
    /// of its attributes' names; a reader gives out different names for them.
    pub(crate) fn is_notable(&self, judge: impl FnOnce(&Self) -> bool) -> bool {
        self.is_notable.get().unwrap_or_else(|| {
            let notable = judge(self);
            self.is_notable.set(Some(notable));
            notable
        })
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Attribute<'a, N> {
    pub(crate) name: Rc<Name<N>>,
    pub(crate) value: Cow<'a, str>,
}

impl<N: Vocabulary> Attribute<'_, N> {
    pub(crate) fn is(&self, ns: N, local: &str) -> bool {
        self.name.ns == ns && self.name.local() == local
    }
}

/// An element; its children are filled in by [`Xml::subtree`] only.
#[derive(Debug, Clone)]
pub(crate) struct Element<'a, N> {
    pub(crate) name: Rc<Name<N>>,
    pub(crate) attributes: Vec<Attribute<'a, N>>,
    pub(crate) children: Vec<Node<'a, N>>,
    /// Which start tag of the part it is, counted from 0.
    pub(crate) id: u32,
}

#[derive(Debug, Clone)]
pub(crate) enum Node<'a, N> {
    Element(Element<'a, N>),
    Text(Cow<'a, str>),
}

#[derive(Debug)]
pub(crate) enum Event<'x, 'a, N> {
    Start(&'x Element<'a, N>),
    Text(&'x str),
    End,
}

impl<'a, N: Vocabulary> Element<'a, N> {
    pub(crate) fn is(&self, ns: N, local: &str) -> bool {
        self.name.ns == ns && self.name.local() == local
    }

    /// The value of an attribute in the element's own vocabulary or in none: producers write either.
    pub(crate) fn attribute(&self, local: &str) -> Option<&str> {
        let own = |attribute: &&Attribute<'a, N>| {
            attribute.name.local() == local
                && (attribute.name.ns == N::NONE || attribute.name.ns == self.name.ns)
        };
        self.attributes.iter().find(own).map(|attribute| attribute.value.as_ref())
    }

    pub(crate) fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The text directly in the element.
    pub(crate) fn text(&self) -> String {
        self.children
            .iter()
            .filter_map(|node| match node {
                Node::Text(text) => Some(text.as_ref()),
                Node::Element(_) => None,
            })
            .collect()
    }

    /// The first element in document order that `wanted` holds for, this one included.
    pub(crate) fn find(&self, wanted: &dyn Fn(&Self) -> bool) -> Option<&Self> {
        if wanted(self) {
            return Some(self);
        }
        self.elements().find_map(|child| child.find(wanted))
    }

    /// The children, for the element's place.
    pub(crate) fn lifted(self) -> Vec<Node<'a, N>> {
        let mut children = self.children;
        for node in &mut children {
            if let Node::Element(child) = node {
                child.inherit(&self.attributes);
            }
        }
        children
    }

    /// Takes over the namespace declarations of an element that it is lifted out of.
    pub(crate) fn inherit(&mut self, outer: &[Attribute<'a, N>]) {
        for declaration in outer.iter().filter(|attribute| attribute.name.ns == N::XMLNS) {
            if !self.attributes.iter().any(|own| own.name.qualified == declaration.name.qualified) {
                self.attributes.push(declaration.clone());
            }
        }
    }
}

/// The bytes of a part as text.
pub(crate) fn decode(bytes: Vec<u8>) -> Result<String, Failure> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks();
        let units = pairs.iter().map(|pair| unit(*pair));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        match text {
            Ok(text) if rest.is_empty() => Ok(text),
            _ => malformed("XML that is no valid UTF-16"),
        }
    };
    match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => {
            let Ok(mut text) = String::from_utf8(bytes) else {
                return malformed("XML that is no valid UTF-8");
            };
            if text.starts_with('\u{feff}') {
                text.remove(0);
            }
            Ok(text)
        }
    }
}

/// XML 1.0, production 2.
pub(crate) fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn malformed<T>(problem: &str) -> Result<T, Failure> {
    Err(Failure::Malformed(problem.to_owned()))
}
