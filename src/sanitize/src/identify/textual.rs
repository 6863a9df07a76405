//! What a text is, by how it begins; plain text, CSV and JSON by the name.

use quick_xml::events::{BytesStart, Event};

use super::{Declared, Kind, name};
use crate::format::Format;
use crate::text::decode;

/// Whether the bytes are text: few control characters, or a byte order mark.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    const PER_CONTROL: usize = 64;
    if matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'<', 0, _, 0, ..] | [0, b'<', 0, _, ..]) {
        let head = decode::head(bytes);
        let odd = head.chars().filter(|&c| c == '\u{fffd}' || (c.is_control() && !c.is_whitespace())).count();
        return odd <= 1 + head.len() / PER_CONTROL;
    }
    let is_odd = |b: &&u8| (**b < b' ' && !matches!(**b, b'\t' | b'\n' | b'\r' | 0x0c)) || **b == 0x7f;
    bytes.iter().filter(is_odd).count() <= 1 + bytes.len() / PER_CONTROL
}

/// Names the kind of a text.
pub(super) fn kind(bytes: &[u8], declared: &Declared<'_>) -> Kind {
    let head = decode::head(bytes);
    let text = head.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\0'));
    let wants = |format| name::wants(declared, format);
    if let Some(kind) = telltale(text) {
        return kind;
    }
    if is_sylk(text) {
        return Kind::refused(Format::Unknown, "a SYLK spreadsheet, which can hold formulas and macros");
    }
    if text.starts_with('<')
        && let Some(kind) = markup(text, wants(Format::Xml), wants(Format::Html))
    {
        return kind;
    }
    if name::is_script(declared) {
        return Kind::refused(Format::Executable, "a script");
    }
    if is_mail(text, declared) {
        return Kind::of(Format::Mime);
    }
    if wants(Format::Json)
        && text.starts_with(|c: char| matches!(c, '{' | '[' | '"' | '-' | 't' | 'f' | 'n' | '0'..='9'))
    {
        return Kind::of(Format::Json);
    }
    if wants(Format::Csv) {
        return Kind::of(Format::Csv);
    }
    if wants(Format::Text) {
        return Kind::of(Format::Text);
    }
    let looks_like_json = text.starts_with(['{', '['])
        && decode::json(bytes).is_ok_and(|json| serde_json::from_str::<serde::de::IgnoredAny>(&json).is_ok());
    Kind::of(match () {
        () if looks_like_json => Format::Json,
        () if looks_like_csv(text) => Format::Csv,
        () => Format::Text,
    })
}

const DAMAGED_RTF: &str = "an RTF document whose first word is not {\\rtf1";

/// RTF, whatever bytes follow: `{\rtf`, `{\rtf0` or `{\rtf1` after white space at most. Word takes all from `{\rt` on for RTF;
/// where other readers do not, it is refused.
pub(super) fn rtf(bytes: &[u8]) -> Option<Kind> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    if let Some(rest) = text.strip_prefix(b"{\\rtf") {
        let rest = rest.strip_prefix(b"0").or_else(|| rest.strip_prefix(b"1")).unwrap_or(rest);
        if rest.first().is_some_and(|b| !b.is_ascii_alphanumeric() && *b != b'-') {
            return Some(Kind::of(Format::Rtf));
        }
    }
    let is_blank = |b: &u8| b.is_ascii_whitespace() || *b == 0;
    let start = text.iter().position(|b| !is_blank(b)).and_then(|at| text.get(at..)?.get(..4))?;
    start.eq_ignore_ascii_case(b"{\\rt").then_some(Kind::refused(Format::Rtf, DAMAGED_RTF))
}

/// Texts that betray themselves by their first characters and that no name makes acceptable.
fn telltale(text: &str) -> Option<Kind> {
    const TELLTALES: [(&str, Format, &str); 17] = [
        ("{\\rt", Format::Rtf, DAMAGED_RTF),
        ("web\n", Format::Unknown, "an Excel web query"),
        ("web\r\n", Format::Unknown, "an Excel web query"),
        ("#!", Format::Executable, "a script"),
        ("<?php", Format::Executable, "a PHP script"),
        ("<%@", Format::Executable, "a server page"),
        ("[internetshortcut", Format::Executable, "an Internet shortcut"),
        ("[desktop entry]", Format::Executable, "a desktop shortcut"),
        ("[shell]", Format::Executable, "an Explorer command file"),
        ("windows registry editor", Format::Executable, "a Windows registry file"),
        ("regedit4", Format::Executable, "a Windows registry file"),
        ("%!ps", Format::Unknown, "a PostScript program"),
        ("+/v8", Format::Unknown, "a text in UTF-7"),
        ("+/v9", Format::Unknown, "a text in UTF-7"),
        ("+/v+", Format::Unknown, "a text in UTF-7"),
        ("+/v/", Format::Unknown, "a text in UTF-7"),
        ("%fdf-", Format::Unknown, "PDF form data"),
    ];
    let starts = |prefix: &str| {
        text.as_bytes().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    TELLTALES
        .iter()
        .find(|(prefix, ..)| starts(prefix))
        .map(|&(_, format, words)| Kind::refused(format, words))
}

/// SYLK: an ID record, then records that set cells, names or formats. `ID;Plaats` alone is the first line of a CSV.
fn is_sylk(text: &str) -> bool {
    const RECORDS: [&str; 9] = ["B;", "C;", "F;", "NE;", "NN;", "NU;", "O;", "P;", "W;"];
    let mut lines = text.lines();
    lines.next().is_some_and(|first| first.starts_with("ID;"))
        && lines.any(|line| RECORDS.iter().any(|record| line.starts_with(record)))
}

/// HTML, SVG or XML; `None` where a `<` just begins a text.
fn markup(text: &str, wants_xml: bool, wants_html: bool) -> Option<Kind> {
    let declared_xml = text.starts_with("<?xml");
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    let root = loop {
        match reader.read_event() {
            Ok(Event::Start(root) | Event::Empty(root)) => break Some(root),
            Ok(Event::DocType(doctype)) if is_html_name(doctype.split_ascii_whitespace().next()) => {
                return Some(Kind::of(Format::Html));
            }
            Ok(Event::PI(pi)) if pi.target().eq_ignore_ascii_case("mso-application") => {
                return Some(Kind::refused(Format::Unknown, OFFICE_XML));
            }
            Ok(Event::Text(text)) if !text.trim().is_empty() => break None,
            Ok(Event::Eof) | Err(_) => break None,
            Ok(_) => {}
        }
    };
    let Some(root) = root else {
        return (declared_xml || wants_xml).then_some(Kind::of(Format::Xml));
    };
    if let Some(kind) = vocabulary(&root) {
        return Some(kind);
    }
    let name = root.local_name();
    let is_html = match (declared_xml, wants_html) {
        (false, true) => true,
        (true, true) => is_html_fragment(name.as_ref()),
        (_, false) => !declared_xml && !wants_xml && is_html_fragment(name.as_ref()),
    };
    if is_html_name(Some(name.as_ref())) || (is_html && !name.as_ref().eq_ignore_ascii_case("svg")) {
        return Some(Kind::of(Format::Html));
    }
    if name.as_ref().eq_ignore_ascii_case("svg") {
        return Some(Kind::of(Format::Svg));
    }
    // `<jan@voorbeeld.nl> wrote:` is no element.
    let is_element =
        name.as_ref().bytes().all(|b| b.is_ascii_alphanumeric() || !b.is_ascii() || b"-_.".contains(&b))
            && root.attributes().all(|attribute| attribute.is_ok());
    (declared_xml || wants_xml || is_element).then_some(Kind::of(Format::Xml))
}

/// The root's own namespace declarations, held against [`refused_vocabulary`].
fn vocabulary(root: &BytesStart<'_>) -> Option<Kind> {
    root.attributes().flatten().filter(|a| a.key.as_namespace_binding().is_some()).find_map(|attribute| {
        let value = quick_xml::escape::unescape(&attribute.value).ok()?.into_owned();
        let words = refused_vocabulary(&value)?;
        Some(match words {
            XHTML => Kind::of(Format::Html),
            SVG => Kind::of(Format::Svg),
            _ => Kind::refused(Format::Unknown, words),
        })
    })
}

const XHTML: &str = "a web page (XHTML)";
const SVG: &str = "an SVG drawing";
const OFFICE_XML: &str = "an Office document in a single XML file";

/// What an XML namespace makes of a document, where that is more than data: it may be run, drawn or opened by Office.
pub(crate) fn refused_vocabulary(namespace: &str) -> Option<&'static str> {
    const VOCABULARIES: [(&str, &str); 11] = [
        ("http://www.w3.org/1999/xhtml", XHTML),
        ("http://www.w3.org/2000/svg", SVG),
        ("http://www.w3.org/1999/xsl/transform", "an XSLT program"),
        ("http://www.w3.org/tr/wd-xsl", "an XSLT program"),
        ("http://schemas.microsoft.com/office/2006/xmlpackage", OFFICE_XML),
        ("http://schemas.microsoft.com/office/word/2003/wordml", OFFICE_XML),
        ("http://schemas.microsoft.com/visio/2003/core", OFFICE_XML),
        ("urn:oasis:names:tc:opendocument:xmlns:office:1.0", "an OpenDocument file in a single XML file"),
        ("http://www.w3.org/2001/xinclude", "an XML document that includes others (XInclude)"),
        ("http://www.mozilla.org/keymaster/gatekeeper/there.is.only.xul", "a XUL program"),
        ("http://schemas.microsoft.com/winfx/2006/xaml", "a XAML program"),
    ];
    let lower = namespace.trim().trim_end_matches('/').to_ascii_lowercase();
    if lower.starts_with("urn:schemas-microsoft-com:office:")
        || lower.starts_with("urn:schemas-microsoft-com:vml")
    {
        return Some(OFFICE_XML);
    }
    VOCABULARIES.iter().find(|(known, _)| lower.starts_with(known)).map(|(_, words)| *words)
}

fn is_html_name(name: Option<&str>) -> bool {
    name.is_some_and(|name| name.eq_ignore_ascii_case("html"))
}

/// Elements that make browsers take a text for HTML (WHATWG MIME Sniffing, 7.1), and their usual companions.
fn is_html_fragment(name: &str) -> bool {
    const NAMES: [&str; 24] = [
        "head", "script", "iframe", "h1", "h2", "div", "font", "table", "a", "style", "title", "b", "body",
        "br", "p", "meta", "link", "form", "img", "span", "object", "embed", "center", "base",
    ];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// A header section (RFC 5322) at the start: `MIME-Version` alone is enough, as for Office; other fields must be several.
fn is_mail(text: &str, declared: &Declared<'_>) -> bool {
    const FIELDS: [&str; 16] = [
        "from",
        "to",
        "cc",
        "date",
        "subject",
        "message-id",
        "received",
        "return-path",
        "reply-to",
        "sender",
        "delivered-to",
        "content-type",
        "content-transfer-encoding",
        "mime-version",
        "dkim-signature",
        "references",
    ];
    const MAX_LINES: usize = 400;
    let mut known = 0;
    let mut lines = text.lines().take(MAX_LINES).peekable();
    lines.next_if(|line| line.starts_with("From "));
    for line in lines.take_while(|line| !line.is_empty()) {
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let Some((field, _)) = line.split_once(':') else { break };
        let field = field.trim_end().to_ascii_lowercase();
        if field.is_empty() || !field.bytes().all(|b| b.is_ascii_graphic()) {
            break;
        }
        if field == "mime-version" {
            return true;
        }
        known += usize::from(FIELDS.contains(&field.as_str()));
    }
    match () {
        () if name::wants(declared, Format::Mime) => known >= 1,
        () if name::wants(declared, Format::Text) => known >= 5,
        () => known >= 3,
    }
}

/// Several lines with the same number of one delimiter.
fn looks_like_csv(text: &str) -> bool {
    const LINES: usize = 10;
    [',', ';', '\t'].iter().any(|&delimiter| {
        let mut counts =
            text.lines().take(LINES).filter(|l| !l.is_empty()).map(|l| l.matches(delimiter).count());
        let Some(first) = counts.next().filter(|&n| n > 0) else { return false };
        let mut rest = counts.peekable();
        rest.peek().is_some() && rest.all(|n| n == first)
    })
}
