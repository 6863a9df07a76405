//! A strict reader of one part, event by event.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use memchr::{memchr, memchr3, memmem};

use super::spelling::{is_ncname, unescaped};
use super::{Attribute, Element, Event, Name, Node, Vocabulary, malformed};
use crate::failure::Failure;

/// Attributes of one element; honest ones have some dozens.
const MAX_ATTRIBUTES: usize = 500;

/// Namespaces that one element declares; root elements of LibreOffice have some forty.
const MAX_DECLARED: usize = 100;

/// Namespace declarations in force at once.
const MAX_BINDINGS: usize = 1000;

/// Bytes of declarations that all elements of a part have around them, those of the root left out: so much may be
/// written again when elements are lifted out of others.
const MAX_INHERITED: usize = 64 << 20;

/// Names that are found again without a search; a power of two.
const RECENT: usize = 256;

/// What the reader stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A start tag: [`Xml::element`].
    Start,
    /// All the text up to the next tag: [`Xml::text`].
    Text,
    End,
}

/// A strict reader of one part.
pub(crate) struct Xml<'a, N> {
    source: &'a str,
    /// Where it reads on.
    at: usize,
    /// The bytes of the event it stands at, and whether they are what would be written for it.
    event: Range<usize>,
    is_exact: bool,
    /// The tag of the last event ends itself.
    is_empty_tag: bool,
    /// Such a tag still owes its end.
    owes_end: bool,
    element: Element<'a, N>,
    characters: Cow<'a, str>,
    ended: &'a str,
    open: Vec<Open<'a>>,
    /// Prefixes that were declared, in order.
    declared: Vec<&'a str>,
    /// What each prefix stands for, the innermost last.
    bindings: HashMap<&'a str, Vec<N>>,
    /// Bytes of the declarations in force, and of those around all elements so far.
    declared_bytes: usize,
    inherited: usize,
    /// Which set of declarations is in force, and how many sets there were.
    scope: u32,
    scopes: u32,
    names: HashMap<(&'a str, Kind), Vec<Rc<Name<N>>>>,
    recent: Vec<Option<Recent<'a, N>>>,
    /// Attributes of the tag that is read, before their names are understood.
    raw: Vec<(&'a str, Cow<'a, str>)>,
    started: bool,
    next_id: u32,
    max_nesting: usize,
    skips_doctype: bool,
}

/// An element that is not ended yet, and what was in force outside it.
struct Open<'a> {
    name: &'a str,
    declared: usize,
    declared_bytes: usize,
    scope: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Element,
    Attribute,
}

/// What a spelling stood for where a set of declarations was in force.
struct Recent<'a, N> {
    spelling: &'a str,
    kind: Kind,
    scope: u32,
    name: Rc<Name<N>>,
}

/// A start tag to go back to.
#[derive(Debug)]
pub(crate) struct Mark {
    at: usize,
    depth: usize,
    id: u32,
    inherited: usize,
}

impl<'a, N: Vocabulary> Xml<'a, N> {
    pub(crate) fn new(source: &'a str, max_nesting: u32) -> Self {
        Self {
            source,
            at: 0,
            event: 0..0,
            is_exact: false,
            is_empty_tag: false,
            owes_end: false,
            element: Element {
                name: Name::new("", N::NONE),
                attributes: Vec::new(),
                children: Vec::new(),
                id: 0,
            },
            characters: Cow::Borrowed(""),
            ended: "",
            open: Vec::new(),
            declared: Vec::new(),
            bindings: HashMap::from([("xml", vec![N::XML])]),
            declared_bytes: 0,
            inherited: 0,
            scope: 0,
            scopes: 0,
            names: HashMap::new(),
            recent: (0..RECENT).map(|_| None).collect(),
            raw: Vec::new(),
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
    pub(crate) fn next(&mut self) -> Result<Option<Event<'_, 'a, N>>, Failure> {
        Ok(self.advance()?.map(|step| match step {
            Step::Start => Event::Start(&self.element),
            Step::Text => Event::Text(&self.characters),
            Step::End => Event::End,
        }))
    }

    /// The element whose start it stands at.
    pub(crate) fn element(&self) -> &Element<'a, N> {
        &self.element
    }

    /// The text it stands at.
    pub(crate) fn text(&self) -> &str {
        &self.characters
    }

    /// The qualified name of the element whose end it stands at.
    pub(crate) fn ended(&self) -> &'a str {
        self.ended
    }

    /// Whether the element whose start or end it stands at is one tag.
    pub(crate) fn is_empty_tag(&self) -> bool {
        self.is_empty_tag
    }

    /// How many elements are open, one whose start it stands at included.
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Where in the source the event it stands at is, if it is spelled there as it would be written.
    pub(crate) fn exact(&self) -> Option<Range<usize>> {
        self.is_exact.then(|| self.event.clone())
    }

    /// Takes out the element whose start it stands at, without children.
    pub(crate) fn take(&mut self) -> Element<'a, N> {
        Element {
            name: Rc::clone(&self.element.name),
            attributes: std::mem::take(&mut self.element.attributes),
            children: Vec::new(),
            id: self.element.id,
        }
    }

    /// Takes out the element whose start it stands at, with all down to its end.
    pub(crate) fn subtree(&mut self) -> Result<Element<'a, N>, Failure> {
        let mut stack = Vec::new();
        let mut current = self.take();
        while let Some(step) = self.advance()? {
            match step {
                Step::Start => stack.push(std::mem::replace(&mut current, self.take())),
                Step::Text => current.children.push(Node::Text(std::mem::take(&mut self.characters))),
                Step::End => match stack.pop() {
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

    /// The start tag it stands at, to go [`back`](Self::back) to.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            at: self.event.start,
            depth: self.open.len().saturating_sub(1),
            id: self.element.id,
            inherited: self.inherited - self.open.last().map_or(0, |open| open.declared_bytes),
        }
    }

    /// Goes back to before a start tag whose element is not ended yet, or is the last to have ended.
    pub(crate) fn back(&mut self, mark: &Mark) {
        while self.open.len() > mark.depth {
            self.close();
        }
        self.at = mark.at;
        self.next_id = mark.id;
        self.inherited = mark.inherited;
        self.owes_end = false;
    }

    /// Goes on to the next event; `None` at the end of a whole document.
    pub(crate) fn advance(&mut self) -> Result<Option<Step>, Failure> {
        if self.at == 0 {
            self.check_characters()?;
        }
        if std::mem::take(&mut self.owes_end) {
            self.event = self.at..self.at;
            self.is_exact = true;
            return self.end_of_element();
        }
        let mut has_text = false;
        loop {
            let rest = self.source.get(self.at..).unwrap_or_default();
            match rest.as_bytes() {
                [b'<', b'!' | b'?', ..] => {
                    if let Some(piece) = self.skip(rest)? {
                        match has_text {
                            true => self.characters.to_mut().push_str(&piece),
                            false => self.characters = piece,
                        }
                        has_text |= !self.characters.is_empty();
                    }
                    self.is_exact = false;
                }
                [b'<', ..] | [] if has_text => {
                    self.event.end = self.at;
                    return Ok(Some(Step::Text));
                }
                [b'<', b'/', tag @ ..] => return self.end_tag(tag),
                [b'<', ..] => return self.start_tag(rest).map(|()| Some(Step::Start)),
                [] if self.open.is_empty() && self.started => return Ok(None),
                [] => return malformed("XML that is cut off"),
                bytes => {
                    let length = memchr(b'<', bytes).unwrap_or(bytes.len());
                    let piece = rest.get(..length).unwrap_or_default();
                    if self.open.is_empty() {
                        if !piece.bytes().all(is_blank) {
                            return malformed("XML with text outside its root element");
                        }
                    } else {
                        let (piece, is_exact) = match memchr3(b'&', b'\r', b'>', piece.as_bytes()) {
                            None => (Cow::Borrowed(piece), true),
                            Some(_) => unescaped(piece, Kind::Element)?,
                        };
                        if has_text {
                            self.characters.to_mut().push_str(&piece);
                            self.is_exact = false;
                        } else {
                            self.characters = piece;
                            self.event.start = self.at;
                            self.is_exact = is_exact;
                            has_text = true;
                        }
                    }
                    self.at += length;
                }
            }
        }
    }

    /// Passes over a comment, processing instruction, declaration or document type; gives the text of a CDATA section.
    fn skip(&mut self, rest: &'a str) -> Result<Option<Cow<'a, str>>, Failure> {
        let within = |open: &str, close: &str| {
            let inner = rest.strip_prefix(open)?;
            let length = memmem::find(inner.as_bytes(), close.as_bytes())?;
            Some((inner.get(..length)?, open.len() + length + close.len()))
        };
        if let Some((_, length)) = within("<!--", "-->") {
            self.at += length;
        } else if let Some((text, length)) = within("<![CDATA[", "]]>") {
            if self.open.is_empty() {
                return malformed("XML with text outside its root element");
            }
            self.at += length;
            return Ok(Some(match text.contains('\r') {
                true => Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")),
                false => Cow::Borrowed(text),
            }));
        } else if let Some((instruction, length)) = within("<?", "?>") {
            let target = instruction.split(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default();
            if target == "xml" {
                self.check_declaration(instruction.get(target.len()..).unwrap_or_default())?;
            } else if !is_ncname(target) {
                return malformed("XML with a processing instruction that is not sound");
            }
            self.at += length;
        } else if let Some((doctype, length)) = within("<!DOCTYPE", ">") {
            let is_plain = ['"', '\''].iter().all(|quote| doctype.matches(*quote).count() % 2 == 0);
            if !self.skips_doctype || self.started || !is_plain || doctype.contains('[') {
                return malformed("XML with a document type definition");
            }
            self.at += length;
        } else {
            return malformed("XML with a piece that is not sound");
        }
        Ok(None)
    }

    fn end_tag(&mut self, tag: &[u8]) -> Result<Option<Step>, Failure> {
        let Some(open) = self.open.last() else {
            return malformed("XML with an end tag too many");
        };
        let Some(rest) = tag.strip_prefix(open.name.as_bytes()) else {
            return malformed("XML with an end tag of another element");
        };
        let blank = rest.iter().take_while(|byte| is_blank(**byte)).count();
        if rest.get(blank) != Some(&b'>') {
            return malformed("XML with an end tag of another element");
        }
        let end = self.at + 2 + open.name.len() + blank + 1;
        self.event = self.at..end;
        self.is_exact = blank == 0;
        self.is_empty_tag = false;
        self.at = end;
        self.end_of_element()
    }

    fn end_of_element(&mut self) -> Result<Option<Step>, Failure> {
        match self.close() {
            Some(name) => {
                self.ended = name;
                Ok(Some(Step::End))
            }
            None => malformed("XML with an end tag too many"),
        }
    }

    /// Leaves the innermost element; its name.
    fn close(&mut self) -> Option<&'a str> {
        let open = self.open.pop()?;
        for prefix in self.declared.drain(open.declared..) {
            self.bindings.get_mut(prefix).and_then(Vec::pop);
        }
        self.declared_bytes = open.declared_bytes;
        self.scope = open.scope;
        Some(open.name)
    }

    fn start_tag(&mut self, rest: &'a str) -> Result<(), Failure> {
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
        self.started = true;
        self.is_exact = true;
        let (name, length) = self.read_tag(rest)?;
        self.event = self.at..self.at + length;
        self.at += length;
        self.owes_end = self.is_empty_tag;

        let (declared, declared_bytes, scope) = (self.declared.len(), self.declared_bytes, self.scope);
        self.open.push(Open { name, declared, declared_bytes, scope });
        let mut raw = std::mem::take(&mut self.raw);
        for &(key, ref value) in &raw {
            self.declare(key, value)?;
        }
        if self.declared.len() > declared {
            self.scopes = self.scopes.saturating_add(1);
            self.scope = self.scopes;
        }
        self.element.attributes.clear();
        for (key, value) in raw.drain(..) {
            let name = self.name(key, Kind::Attribute)?;
            self.element.attributes.push(Attribute { name, value });
        }
        self.raw = raw;
        if has_twice(&self.element.attributes) {
            return malformed("XML with the same attribute twice");
        }
        self.element.name = self.name(name, Kind::Element)?;
        self.element.id = self.next_id;
        self.next_id = self.next_id.saturating_add(1);
        Ok(())
    }

    /// Cuts the start tag at the beginning of `rest` into its name and attributes; the name, and the tag's length.
    fn read_tag(&mut self, rest: &'a str) -> Result<(&'a str, usize), Failure> {
        const BROKEN: &str = "XML with a tag that is not sound";
        let bytes = rest.as_bytes();
        let blanks = |at: usize| {
            bytes.get(at..).unwrap_or_default().iter().take_while(|byte| is_blank(**byte)).count()
        };
        let word = |at: usize| {
            let tail = bytes.get(at..).unwrap_or_default();
            let ends = |byte: &u8| {
                matches!(byte, b'=' | b' ' | b'>' | b'/' | b'\t' | b'\n' | b'\r' | b'"' | b'\'' | b'<')
            };
            rest.get(at..at + tail.iter().position(ends)?)
        };
        self.raw.clear();
        let Some(name) = word(1) else { return malformed("XML that is cut off") };
        let mut at = 1 + name.len();
        loop {
            let blank = blanks(at);
            at += blank;
            match bytes.get(at..) {
                Some([b'>', ..]) => {
                    self.is_exact &= blank == 0;
                    self.is_empty_tag = false;
                    return Ok((name, at + 1));
                }
                Some([b'/', b'>', ..]) => {
                    self.is_exact &= blank == 0;
                    self.is_empty_tag = true;
                    return Ok((name, at + 2));
                }
                _ if blank == 0 => return malformed(BROKEN),
                _ => {}
            }
            self.is_exact &= blank == 1 && bytes.get(at - 1) == Some(&b' ');
            let Some(key) = word(at) else { return malformed(BROKEN) };
            at += key.len();
            if bytes.get(at..at + 2) != Some(b"=\"") {
                self.is_exact = false;
                at += blanks(at);
                if bytes.get(at) != Some(&b'=') {
                    return malformed(BROKEN);
                }
                at += 1;
                at += blanks(at);
                at -= 1;
            }
            at += 2;
            let quote = match bytes.get(at - 1) {
                Some(&quote @ (b'"' | b'\'')) => quote,
                _ => return malformed(BROKEN),
            };
            let tail = bytes.get(at..).unwrap_or_default();
            let is_special =
                |byte: &u8| *byte == quote || matches!(byte, b'&' | b'<' | b'>' | b'\t' | b'\n' | b'\r');
            let plain = tail.iter().position(is_special);
            let is_plain = plain.is_some_and(|end| tail.get(end) == Some(&quote));
            let Some(length) = (if is_plain { plain } else { memchr(quote, tail) }) else {
                return malformed(BROKEN);
            };
            let value = rest.get(at..at + length).unwrap_or_default();
            let value = match is_plain {
                true => Cow::Borrowed(value),
                false => {
                    let (value, is_exact) = unescaped(value, Kind::Attribute)?;
                    self.is_exact &= is_exact;
                    value
                }
            };
            if self.raw.len() >= MAX_ATTRIBUTES {
                return malformed("XML with an element of too many attributes");
            }
            self.raw.push((key, value));
            at += length + 1;
        }
    }

    /// Puts a namespace declaration into force; other attributes are none.
    fn declare(&mut self, key: &'a str, value: &str) -> Result<(), Failure> {
        let Some(prefix) = key.strip_prefix("xmlns") else { return Ok(()) };
        let prefix = match prefix.strip_prefix(':') {
            Some(prefix) => prefix,
            None if prefix.is_empty() => "",
            None => return Ok(()),
        };
        if matches!(prefix, "xml" | "xmlns") || (value.is_empty() && !prefix.is_empty()) {
            return malformed("XML with a reserved namespace prefix");
        }
        self.bindings.entry(prefix).or_default().push(N::of(value));
        self.declared.push(prefix);
        let outside = self.open.last().map_or(0, |open| open.declared);
        if self.declared.len() > MAX_BINDINGS || self.declared.len() - outside > MAX_DECLARED {
            return malformed("XML with too many namespace declarations");
        }
        if self.open.len() > 1 {
            self.declared_bytes += key.len() + value.len();
        }
        Ok(())
    }

    /// What a name stands for here.
    fn name(&mut self, spelling: &'a str, kind: Kind) -> Result<Rc<Name<N>>, Failure> {
        let slot = slot(spelling, kind);
        if let Some(Some(known)) = self.recent.get(slot)
            && known.scope == self.scope
            && known.kind == kind
            && known.spelling == spelling
        {
            return Ok(Rc::clone(&known.name));
        }
        let ns = match (kind, spelling.split_once(':')) {
            (Kind::Attribute, Some(("xmlns", _))) => N::XMLNS,
            (_, Some((prefix, _))) => self.resolve(prefix)?,
            (Kind::Attribute, None) if spelling == "xmlns" => N::XMLNS,
            (Kind::Attribute, None) => N::NONE,
            (Kind::Element, None) => self.resolve("").unwrap_or(N::NONE),
        };
        let all = self.names.entry((spelling, kind)).or_default();
        let name = match all.iter().find(|name| name.ns == ns) {
            Some(known) => Rc::clone(known),
            None => {
                if spelling.split(':').count() > 2 || !spelling.split(':').all(is_ncname) {
                    return malformed("XML with a name that is not allowed");
                }
                let name = Name::new(spelling, ns);
                all.push(Rc::clone(&name));
                name
            }
        };
        if let Some(recent) = self.recent.get_mut(slot) {
            *recent = Some(Recent { spelling, kind, scope: self.scope, name: Rc::clone(&name) });
        }
        Ok(name)
    }

    fn resolve(&self, prefix: &str) -> Result<N, Failure> {
        match self.bindings.get(prefix).and_then(|all| all.last()) {
            Some(ns) => Ok(*ns),
            None => malformed("XML with a prefix that stands for nothing"),
        }
    }

    /// No character stands in the part that may not (XML 1.0, production 2).
    fn check_characters(&self) -> Result<(), Failure> {
        let bytes = self.source.as_bytes();
        // Without branches, so that many bytes are looked at together.
        let is_bad = |byte: u8| (byte < b' ') & (byte != b'\t') & (byte != b'\n') & (byte != b'\r');
        let has_control =
            bytes.chunks(4096).any(|chunk| chunk.iter().fold(false, |bad, byte| bad | is_bad(*byte)));
        if has_control || memmem::find_iter(bytes, b"\xef\xbf").any(|at| bytes.get(at + 2) >= Some(&0xbe)) {
            return malformed("XML with a character that is not allowed");
        }
        Ok(())
    }

    /// ` version="1.0" encoding="…" standalone="…"`, the last two left out or not.
    fn check_declaration(&self, declaration: &str) -> Result<(), Failure> {
        let mut rest = declaration.trim();
        let [version, encoding, _] = ["version", "encoding", "standalone"].map(|key| {
            let after = rest.strip_prefix(key)?.trim_start().strip_prefix('=')?.trim_start();
            let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            let (value, after) = after.get(1..)?.split_once(quote)?;
            rest = after.trim_start();
            Some(value)
        });
        if self.started || version != Some("1.0") || !rest.is_empty() {
            return malformed("XML that is not version 1.0");
        }
        match encoding.unwrap_or("utf-8").to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" | "utf-16" => Ok(()),
            "us-ascii" | "ascii" | "iso-8859-1" | "windows-1252" if self.source.is_ascii() => Ok(()),
            _ => malformed("XML in an encoding that is not accepted"),
        }
    }
}

/// Whether two of these are one attribute, be it under two prefixes.
fn has_twice<N: Vocabulary>(attributes: &[Attribute<'_, N>]) -> bool {
    const FEW: usize = 8;
    if attributes.len() > FEW {
        let mut seen = HashSet::new();
        return !attributes.iter().all(|attribute| seen.insert(identity(&attribute.name)));
    }
    let mut rest = attributes;
    while let [first, others @ ..] = rest {
        let first = identity(&first.name);
        if others.iter().any(|other| identity(&other.name) == first) {
            return true;
        }
        rest = others;
    }
    false
}

/// What makes an attribute another one: mostly not its prefix.
fn identity<N: Vocabulary>(name: &Name<N>) -> (N, &str) {
    let by_spelling = name.ns == N::XMLNS || name.ns.is_mixed();
    (name.ns, if by_spelling { &name.qualified } else { name.local() })
}

/// Where a spelling is kept among [`Xml::recent`].
fn slot(spelling: &str, kind: Kind) -> usize {
    let bytes = spelling.as_bytes();
    let tail = match bytes.last_chunk() {
        Some(tail) => u32::from_le_bytes(*tail),
        None => bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)),
    };
    let length = u32::try_from(bytes.len()).unwrap_or_default();
    let mixed = (tail ^ length << 25 ^ u32::from(kind == Kind::Element)).wrapping_mul(0x9e37_79b1);
    usize::try_from(mixed >> 24).unwrap_or_default() % RECENT
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
