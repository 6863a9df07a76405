//! XML as the rebuilders read and write it: strict on the way in, one spelling on the way out.
//!
//! What is written is always our own serialisation of what was understood, so that no other reader can see something
//! in it that we did not. Read: UTF-8 or UTF-16 with a mark, XML 1.0, one root, namespaces declared, no document type, no entity but the
//! five predefined and character numbers, a bounded depth. Comments and processing instructions are not passed on.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::hash::Hash;
use std::rc::Rc;

use quick_xml::events::{BytesDecl, BytesStart, Event as Raw};
use quick_xml::reader::Reader;
use quick_xml::{XmlVersion, escape};

use crate::failure::Failure;

/// Microsoft Office's spelling, line break included, so that its parts come out as they went in.
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\r\n";

/// Attributes of one element; honest ones have some dozens.
const MAX_ATTRIBUTES: usize = 500;

/// Namespaces that one element declares; root elements of LibreOffice have some forty.
const MAX_DECLARED: usize = 100;

/// Namespace declarations in force at once.
const MAX_BINDINGS: usize = 1000;

/// Bytes of declarations that all elements of a part have around them, those of the root left out: so much may be
/// written again when elements are lifted out of others.
const MAX_INHERITED: usize = 64 << 20;

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
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Name<N> {
    /// As written, with prefix.
    pub(crate) qualified: String,
    pub(crate) ns: N,
    /// Bytes of the prefix and its colon.
    prefix: usize,
}

impl<N> Name<N> {
    pub(crate) fn new(qualified: &str, ns: N) -> Rc<Self> {
        let prefix = qualified.find(':').map_or(0, |colon| colon + 1);
        Rc::new(Self { qualified: qualified.to_owned(), ns, prefix })
    }

    pub(crate) fn local(&self) -> &str {
        self.qualified.get(self.prefix..).unwrap_or_default()
    }

    /// The prefix without colon; empty where there is none.
    pub(crate) fn prefix(&self) -> &str {
        self.qualified.get(..self.prefix.saturating_sub(1)).unwrap_or_default()
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Attribute<N> {
    pub(crate) name: Rc<Name<N>>,
    pub(crate) value: String,
}

impl<N: Vocabulary> Attribute<N> {
    pub(crate) fn is(&self, ns: N, local: &str) -> bool {
        self.name.ns == ns && self.name.local() == local
    }
}

/// An element; its children are filled in by [`Xml::subtree`] only.
#[derive(Debug, Clone)]
pub(crate) struct Element<N> {
    pub(crate) name: Rc<Name<N>>,
    pub(crate) attributes: Vec<Attribute<N>>,
    pub(crate) children: Vec<Node<N>>,
    /// Which start tag of the part it is, counted from 0.
    pub(crate) id: u32,
}

#[derive(Debug, Clone)]
pub(crate) enum Node<N> {
    Element(Element<N>),
    Text(String),
}

#[derive(Debug)]
pub(crate) enum Event<N> {
    Start(Element<N>),
    Text(String),
    End,
}

impl<N: Vocabulary> Element<N> {
    pub(crate) fn is(&self, ns: N, local: &str) -> bool {
        self.name.ns == ns && self.name.local() == local
    }

    /// The value of an attribute in the element's own vocabulary or in none: producers write either.
    pub(crate) fn attribute(&self, local: &str) -> Option<&str> {
        let own = |attribute: &&Attribute<N>| {
            attribute.name.local() == local
                && (attribute.name.ns == N::NONE || attribute.name.ns == self.name.ns)
        };
        self.attributes.iter().find(own).map(|attribute| attribute.value.as_str())
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
                Node::Text(text) => Some(text.as_str()),
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
    pub(crate) fn lifted(self) -> Vec<Node<N>> {
        let mut children = self.children;
        for node in &mut children {
            if let Node::Element(child) = node {
                child.inherit(&self.attributes);
            }
        }
        children
    }

    /// Takes over the namespace declarations of an element that it is lifted out of.
    pub(crate) fn inherit(&mut self, outer: &[Attribute<N>]) {
        for declaration in outer.iter().filter(|attribute| attribute.name.ns == N::XMLNS) {
            if !self.attributes.iter().any(|own| own.name.qualified == declaration.name.qualified) {
                self.attributes.push(declaration.clone());
            }
        }
    }
}

/// The bytes of a part as text.
pub(crate) fn decode(bytes: &[u8]) -> Result<String, Failure> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks();
        let units = pairs.iter().map(|pair| unit(*pair));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        match text {
            Ok(text) if rest.is_empty() => Ok(text),
            _ => malformed("XML that is no valid UTF-16"),
        }
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            match std::str::from_utf8(bytes) {
                Ok(text) => Ok(text.to_owned()),
                Err(_) => malformed("XML that is no valid UTF-8"),
            }
        }
    }
}

/// A strict reader of one part.
pub(crate) struct Xml<'a, N> {
    reader: Reader<&'a [u8]>,
    /// Read already, but a text before it had to be handed out first.
    pending: Option<Raw<'a>>,
    is_ascii: bool,
    /// Open elements: how many namespace declarations were in force outside, and their bytes without the root's.
    open: Vec<(usize, usize)>,
    /// Prefixes that were declared, in order.
    declared: Vec<Rc<str>>,
    /// What each prefix stands for, the innermost last.
    bindings: HashMap<Rc<str>, Vec<N>>,
    /// Bytes of the declarations in force, and of those around all elements so far.
    declared_bytes: usize,
    inherited: usize,
    names: HashMap<String, Vec<Rc<Name<N>>>>,
    /// A self-closing tag still owes its end.
    owes_end: bool,
    started: bool,
    next_id: u32,
    max_nesting: usize,
    skips_doctype: bool,
}

impl<'a, N: Vocabulary> Xml<'a, N> {
    pub(crate) fn new(text: &'a str, max_nesting: u32) -> Self {
        Self {
            reader: Reader::from_str(text),
            pending: None,
            is_ascii: text.is_ascii(),
            open: Vec::new(),
            declared: Vec::new(),
            bindings: HashMap::from([(Rc::from("xml"), vec![N::XML])]),
            declared_bytes: 0,
            inherited: 0,
            names: HashMap::new(),
            owes_end: false,
            started: false,
            next_id: 0,
            max_nesting: usize::try_from(max_nesting).unwrap_or(usize::MAX),
            skips_doctype: false,
        }
    }

    /// Passes over a document type that only names a definition elsewhere, which is never read.
    pub(crate) fn skipping_doctype(mut self) -> Self {
        self.skips_doctype = true;
        self
    }

    /// The next event; `None` at the end of a whole document.
    pub(crate) fn next(&mut self) -> Result<Option<Event<N>>, Failure> {
        if std::mem::take(&mut self.owes_end) {
            return self.end();
        }
        let mut text = String::new();
        loop {
            let event = match self.pending.take() {
                Some(event) => event,
                None => self.reader.read_event().map_err(Failure::malformed)?,
            };
            let piece = match event {
                Raw::Text(piece) => piece.xml10_content().into_owned(),
                Raw::CData(piece) => piece.xml10_content().into_owned(),
                Raw::GeneralRef(name) => match name.resolve_char_ref().map_err(Failure::malformed)? {
                    Some(c) => c.to_string(),
                    None => match escape::resolve_predefined_entity(&name.into_inner()) {
                        Some(known) => known.to_owned(),
                        None => return malformed("XML with an entity of its own"),
                    },
                },
                Raw::Comment(_) | Raw::PI(_) => continue,
                other if !text.is_empty() => {
                    self.pending = Some(other);
                    return Ok(Some(Event::Text(text)));
                }
                Raw::Start(tag) => return self.start(&tag).map(|element| Some(Event::Start(element))),
                Raw::Empty(tag) => {
                    self.owes_end = true;
                    return self.start(&tag).map(|element| Some(Event::Start(element)));
                }
                Raw::End(_) => return self.end(),
                Raw::Decl(declaration) => {
                    self.check_declaration(&declaration)?;
                    continue;
                }
                Raw::DocType(doctype) if self.skips_doctype && !doctype.contains('[') => continue,
                Raw::DocType(_) => return malformed("XML with a document type definition"),
                Raw::Eof if self.open.is_empty() && self.started => return Ok(None),
                Raw::Eof => return malformed("XML that is cut off"),
            };
            if !piece.chars().all(is_xml_char) {
                return malformed("XML with a character that is not allowed");
            }
            if self.open.is_empty() {
                if !piece.trim_matches([' ', '\t', '\r', '\n']).is_empty() {
                    return malformed("XML with text outside its root element");
                }
                continue;
            }
            text.push_str(&piece);
        }
    }

    /// The children of an element whose start was the last event, down to its end.
    pub(crate) fn subtree(&mut self, root: Element<N>) -> Result<Element<N>, Failure> {
        let mut stack = Vec::new();
        let mut current = root;
        while let Some(event) = self.next()? {
            match event {
                Event::Start(element) => stack.push(std::mem::replace(&mut current, element)),
                Event::Text(text) => current.children.push(Node::Text(text)),
                Event::End => match stack.pop() {
                    None => return Ok(current),
                    Some(parent) => {
                        let done = std::mem::replace(&mut current, parent);
                        current.children.push(Node::Element(done));
                    }
                },
            }
        }
        malformed("XML that is cut off")
    }

    fn end(&mut self) -> Result<Option<Event<N>>, Failure> {
        let Some((outside, bytes)) = self.open.pop() else {
            return malformed("XML with an end tag too many");
        };
        for prefix in self.declared.drain(outside..) {
            self.bindings.get_mut(&prefix).and_then(Vec::pop);
        }
        self.declared_bytes = bytes;
        Ok(Some(Event::End))
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<Element<N>, Failure> {
        if self.open.is_empty() && self.started {
            return malformed("XML with two root elements");
        }
        if self.open.len() >= self.max_nesting {
            return Err(Failure::Limit {
                name: "max_nesting",
                what: "the depth of XML".to_owned(),
                limit: u64::try_from(self.max_nesting).unwrap_or(u64::MAX),
            });
        }
        self.inherited = self.inherited.saturating_add(self.declared_bytes);
        if self.inherited > MAX_INHERITED {
            return malformed("XML with too many namespace declarations");
        }
        if tag.attributes().with_checks(false).count() > MAX_ATTRIBUTES {
            return malformed("XML with an element of too many attributes");
        }
        self.started = true;
        let is_root = self.open.is_empty();
        let outside = self.declared.len();
        self.open.push((outside, self.declared_bytes));
        let mut raw = Vec::new();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(Failure::malformed)?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(Failure::malformed)?;
            if attribute.value.contains('<') || !value.chars().all(is_xml_char) {
                return malformed("XML with a character that is not allowed");
            }
            let key = attribute.key.as_ref();
            let declared = match key.split_once(':') {
                None if key == "xmlns" => Some(""),
                Some(("xmlns", prefix)) => Some(prefix),
                _ => None,
            };
            if let Some(prefix) = declared {
                if matches!(prefix, "xml" | "xmlns") || (value.is_empty() && !prefix.is_empty()) {
                    return malformed("XML with a reserved namespace prefix");
                }
                let prefix = Rc::<str>::from(prefix);
                self.bindings.entry(Rc::clone(&prefix)).or_default().push(N::of(&value));
                self.declared.push(prefix);
                if self.declared.len() > MAX_BINDINGS || self.declared.len() - outside > MAX_DECLARED {
                    return malformed("XML with too many namespace declarations");
                }
                if !is_root {
                    self.declared_bytes += key.len() + value.len();
                }
            }
            raw.push((key.to_owned(), declared.is_some(), value.into_owned()));
        }
        let mut attributes = Vec::with_capacity(raw.len());
        for (key, is_declaration, value) in raw {
            let ns = match key.split_once(':') {
                _ if is_declaration => N::XMLNS,
                None => N::NONE,
                Some((prefix, _)) => self.resolve(prefix)?,
            };
            attributes.push(Attribute { name: self.name(&key, ns)?, value });
        }
        // The reader has refused equal spellings; two prefixes may still stand for one vocabulary.
        let is_prefixed = |attribute: &&Attribute<N>| {
            !attribute.name.prefix().is_empty()
                && attribute.name.ns != N::XMLNS
                && !attribute.name.ns.is_mixed()
        };
        let mut seen = HashSet::new();
        if !attributes
            .iter()
            .filter(is_prefixed)
            .all(|attribute| seen.insert((attribute.name.ns, attribute.name.local())))
        {
            return malformed("XML with the same attribute twice");
        }
        let qualified = tag.name();
        let qualified: &str = qualified.as_ref();
        let ns = match qualified.split_once(':') {
            Some((prefix, _)) => self.resolve(prefix)?,
            None => self.resolve("").unwrap_or(N::NONE),
        };
        let id = self.next_id;
        self.next_id = id.saturating_add(1);
        Ok(Element { name: self.name(qualified, ns)?, attributes, children: Vec::new(), id })
    }

    fn resolve(&self, prefix: &str) -> Result<N, Failure> {
        match self.bindings.get(prefix).and_then(|all| all.last()) {
            Some(ns) => Ok(*ns),
            None => malformed("XML with a prefix that stands for nothing"),
        }
    }

    fn name(&mut self, qualified: &str, ns: N) -> Result<Rc<Name<N>>, Failure> {
        let known = self.names.get(qualified).and_then(|all| all.iter().find(|name| name.ns == ns));
        if let Some(known) = known {
            return Ok(Rc::clone(known));
        }
        if qualified.split(':').count() > 2 || !qualified.split(':').all(is_ncname) {
            return malformed("XML with a name that is not allowed");
        }
        let name = Name::new(qualified, ns);
        self.names.entry(qualified.to_owned()).or_default().push(Rc::clone(&name));
        Ok(name)
    }

    fn check_declaration(&self, declaration: &BytesDecl<'_>) -> Result<(), Failure> {
        if self.started || declaration.version().map_err(Failure::malformed)? != "1.0" {
            return malformed("XML that is not version 1.0");
        }
        let Some(encoding) = declaration.encoding() else { return Ok(()) };
        let encoding = encoding.map_err(Failure::malformed)?.to_ascii_lowercase();
        match encoding.as_str() {
            "utf-8" | "utf8" | "utf-16" => Ok(()),
            "us-ascii" | "ascii" | "iso-8859-1" | "windows-1252" if self.is_ascii => Ok(()),
            _ => malformed("XML in an encoding that is not accepted"),
        }
    }
}

/// Text in the making.
#[derive(Debug)]
pub(crate) struct Writer {
    out: String,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self { out: DECLARATION.to_owned() }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.out.into_bytes()
    }

    pub(crate) fn start<N: Vocabulary>(&mut self, element: &Element<N>) {
        self.tag(element);
        self.out.push('>');
    }

    pub(crate) fn end<N: Vocabulary>(&mut self, name: &Name<N>) {
        self.out.push_str("</");
        self.out.push_str(&name.qualified);
        self.out.push('>');
    }

    pub(crate) fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '\r' => self.out.push_str("&#13;"),
                c => self.out.push(c),
            }
        }
    }

    pub(crate) fn nodes<N: Vocabulary>(&mut self, nodes: &[Node<N>]) {
        for node in nodes {
            match node {
                Node::Text(text) => self.text(text),
                Node::Element(element) if element.children.is_empty() => {
                    self.tag(element);
                    self.out.push_str("/>");
                }
                Node::Element(element) => {
                    self.start(element);
                    self.nodes(&element.children);
                    self.end(&element.name);
                }
            }
        }
    }

    fn tag<N: Vocabulary>(&mut self, element: &Element<N>) {
        self.out.push('<');
        self.out.push_str(&element.name.qualified);
        for attribute in &element.attributes {
            self.out.push(' ');
            self.out.push_str(&attribute.name.qualified);
            self.out.push_str("=\"");
            for c in attribute.value.chars() {
                match c {
                    '&' => self.out.push_str("&amp;"),
                    '<' => self.out.push_str("&lt;"),
                    '>' => self.out.push_str("&gt;"),
                    '"' => self.out.push_str("&quot;"),
                    '\n' => self.out.push_str("&#10;"),
                    '\r' => self.out.push_str("&#13;"),
                    '\t' => self.out.push_str("&#9;"),
                    c => self.out.push(c),
                }
            }
            self.out.push('"');
        }
    }
}

/// XML 1.0, production 2.
pub(crate) fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Namespaces in XML 1.0, production 4.
fn is_ncname(name: &str) -> bool {
    let is_start = |c: char| {
        matches!(c, 'A'..='Z' | '_' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
            | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}' | '\u{200d}' | '\u{2070}'..='\u{218f}'
            | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
            | '\u{10000}'..='\u{effff}')
    };
    let is_rest = |c: char| {
        is_start(c)
            || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}' | '\u{2040}')
    };
    name.starts_with(is_start) && name.chars().all(is_rest)
}

fn malformed<T>(problem: &str) -> Result<T, Failure> {
    Err(Failure::Malformed(problem.to_owned()))
}
