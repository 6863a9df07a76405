//! New text from events and trees.

use std::ops::Range;

use super::read::Xml;
use super::{Element, Node, Vocabulary};

/// Microsoft Office's spelling, line break included, so that its parts come out as they went in.
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\r\n";

/// Text in the making.
///
/// Invariant: all that is copied from the source is spelled as it would be written.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    out: String,
    source: &'a str,
    /// Copied from the source, but not yet in `out`.
    run: Range<usize>,
}

/// A place to go back to.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    out: usize,
    run: Range<usize>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new() -> Self {
        Self { out: DECLARATION.to_owned(), source: "", run: 0..0 }
    }

    /// Writes what is read from `source`, so that runs of it can be copied.
    pub(crate) fn copying(source: &'a str) -> Self {
        match declaration(source) {
            Some(length) => Self { out: String::new(), source, run: 0..length },
            None if source.starts_with("<?") => Self { source, ..Self::new() },
            None => Self { out: String::new(), source, run: 0..0 },
        }
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.flush();
        self.out.into_bytes()
    }

    /// As [`Self::finish`]; `None`: it is the source, byte for byte, if need be with its blanks at the end.
    pub(crate) fn changed(self) -> Option<Vec<u8>> {
        let behind = self.source.get(self.run.end..).unwrap_or_default();
        let is_source = self.out.is_empty() && self.run.start == 0 && behind.trim_ascii().is_empty();
        (!is_source).then(|| self.finish())
    }

    pub(crate) fn mark(&self) -> Written {
        Written { out: self.out.len(), run: self.run.clone() }
    }

    /// Takes back what was written since `mark`.
    pub(crate) fn back(&mut self, mark: Written) {
        self.out.truncate(mark.out);
        self.run = mark.run;
    }

    /// Writes the start tag that `xml` stands at.
    pub(crate) fn same_start<N: Vocabulary>(&mut self, xml: &Xml<'a, N>) {
        if !self.copies(xml) {
            self.start(xml.element(), xml.is_empty_tag());
        }
    }

    /// Writes the text that `xml` stands at.
    pub(crate) fn same_text<N: Vocabulary>(&mut self, xml: &Xml<'a, N>) {
        if !self.copies(xml) {
            self.text(xml.text());
        }
    }

    /// Writes the end that `xml` stands at; nothing, where the start tag said so already.
    pub(crate) fn same_end<N: Vocabulary>(&mut self, xml: &Xml<'a, N>) {
        if !xml.is_empty_tag() && !self.copies(xml) {
            self.end(xml.ended());
        }
    }

    fn copies<N: Vocabulary>(&mut self, xml: &Xml<'a, N>) -> bool {
        let Some(piece) = xml.exact() else { return false };
        if self.run.end == piece.start {
            self.run.end = piece.end;
        } else {
            self.flush();
            self.run = piece;
        }
        true
    }

    fn flush(&mut self) {
        self.out.push_str(self.source.get(self.run.clone()).unwrap_or_default());
        self.run = 0..0;
    }

    fn end(&mut self, qualified: &str) {
        self.flush();
        self.out.push_str("</");
        self.out.push_str(qualified);
        self.out.push('>');
    }

    fn text(&mut self, text: &str) {
        self.flush();
        let escaped = |c| match c {
            b'&' => Some("&amp;"),
            b'<' => Some("&lt;"),
            b'>' => Some("&gt;"),
            b'\r' => Some("&#13;"),
            _ => None,
        };
        push_escaped(&mut self.out, text, escaped);
    }

    pub(crate) fn nodes<N: Vocabulary>(&mut self, nodes: &[Node<'_, N>]) {
        for node in nodes {
            match node {
                Node::Text(text) => self.text(text),
                Node::Element(element) => {
                    let is_empty = element.children.is_empty();
                    self.start(element, is_empty);
                    if !is_empty {
                        self.nodes(&element.children);
                        self.end(&element.name.qualified);
                    }
                }
            }
        }
    }

    pub(crate) fn start<N: Vocabulary>(&mut self, element: &Element<'_, N>, is_empty: bool) {
        self.flush();
        self.out.push('<');
        self.out.push_str(&element.name.qualified);
        let escaped = |c| match c {
            b'&' => Some("&amp;"),
            b'<' => Some("&lt;"),
            b'>' => Some("&gt;"),
            b'"' => Some("&quot;"),
            b'\n' => Some("&#10;"),
            b'\r' => Some("&#13;"),
            b'\t' => Some("&#9;"),
            _ => None,
        };
        for attribute in &element.attributes {
            self.out.push(' ');
            self.out.push_str(&attribute.name.qualified);
            self.out.push_str("=\"");
            push_escaped(&mut self.out, &attribute.value, escaped);
            self.out.push('"');
        }
        self.out.push_str(if is_empty { "/>" } else { ">" });
    }
}

/// The length of a declaration that may stay as it is, with the line break behind it: for UTF-8, without odd blanks.
fn declaration(source: &str) -> Option<usize> {
    const USUAL: [&str; 3] = [
        "xml version=\"1.0\" encoding=\"UTF-8\"",
        "xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"",
        "xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"",
    ];
    let (head, rest) = source.strip_prefix("<?").and_then(|source| source.split_once("?>"))?;
    let head = head.replace('\'', "\"").replace("utf-8", "UTF-8");
    let rest = rest.strip_prefix("\r\n").or(rest.strip_prefix('\n')).unwrap_or(rest);
    USUAL.contains(&head.as_str()).then(|| source.len() - rest.len())
}

fn push_escaped(out: &mut String, text: &str, escaped: impl Fn(u8) -> Option<&'static str>) {
    let mut rest = text;
    while let Some((at, instead)) =
        rest.bytes().enumerate().find_map(|(at, byte)| escaped(byte).map(|instead| (at, instead)))
    {
        out.push_str(rest.get(..at).unwrap_or_default());
        out.push_str(instead);
        rest = rest.get(at + 1..).unwrap_or_default();
    }
    out.push_str(rest);
}
