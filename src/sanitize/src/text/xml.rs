//! XML 1.0 as data: elements, attributes and character data, written anew as UTF-8.
//!
//! Left behind: the document type and its entities, processing instructions, comments. A document that needs an entity
//! of its own, or whose vocabulary is more than data (XHTML, SVG, XSLT, XInclude, Office), is not rebuilt.

use std::collections::{BTreeMap, HashMap, HashSet};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::PrefixDeclaration;

use super::{check_size, decode};
use crate::failure::Failure;
use crate::identify::refused_vocabulary;
use crate::limits::Limits;
use crate::markup::xml::{is_name, is_xml_char};
use crate::report::{Removed, What, is_invisible, plain};

/// Rewrites XML.
pub(super) fn rewrite(bytes: &[u8], limits: &Limits) -> Result<(Vec<u8>, Vec<Removed>), Failure> {
    let text = decode::xml(bytes)?;
    let mut reader = Reader::from_str(&text);
    reader.config_mut().check_comments = true;
    let mut out = String::with_capacity(text.len());
    out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut removed = BTreeMap::new();
    let mut note = |what: What, place: String| *removed.entry((what, place)).or_insert(0_u32) += 1;
    let mut scopes = Scopes::default();
    let (mut depth, mut roots, mut events) = (0_u32, 0_u32, 0_u64);
    loop {
        events += 1;
        match reader.read_event().map_err(Failure::malformed)? {
            Event::Decl(declaration) => {
                if events != 1 || declaration.version().is_ok_and(|version| version != "1.0") {
                    return malformed("its XML declaration is not at the start, or not for XML 1.0");
                }
            }
            Event::Start(element) => {
                roots += u32::from(depth == 0);
                depth += 1;
                if depth > limits.max_nesting {
                    return Err(Failure::Limit {
                        name: "max_nesting",
                        what: "the nesting of the XML".to_owned(),
                        limit: limits.max_nesting.into(),
                    });
                }
                scopes.enter(write_tag(&mut out, &element)?)?;
                out.push('>');
            }
            Event::Empty(element) => {
                roots += u32::from(depth == 0);
                scopes.enter(write_tag(&mut out, &element)?)?;
                scopes.leave();
                out.push_str("/>");
            }
            Event::End(element) => {
                depth -= 1; // the reader has checked that it was open
                scopes.leave();
                out.extend(["</", element.name().as_ref(), ">"]);
            }
            Event::Text(text) if depth == 0 => {
                if !text.trim_matches(is_blank).is_empty() {
                    return malformed("text stands outside the root element");
                }
            }
            Event::Text(text) => write_text(&mut out, &text.xml10_content(), false)?,
            Event::CData(text) if depth > 0 => write_text(&mut out, &text.xml10_content(), false)?,
            Event::GeneralRef(reference) if depth > 0 => {
                let resolved = resolve(&reference)?;
                write_text(&mut out, resolved.encode_utf8(&mut [0; 4]), true)?;
            }
            Event::CData(_) | Event::GeneralRef(_) => {
                return malformed("text stands outside the root element");
            }
            Event::Comment(_) => note(What::Metadata, "comments".to_owned()),
            Event::PI(instruction) => {
                let target = instruction.target();
                if target.eq_ignore_ascii_case("xml") {
                    return malformed("its XML declaration is not at the start");
                }
                let what = if target.eq_ignore_ascii_case("xml-stylesheet") {
                    What::ExternalReference
                } else {
                    What::UnknownPart
                };
                note(what, format!("processing instruction {}", plain(target)));
            }
            Event::DocType(_) => {
                if roots > 0 {
                    return malformed("a document type declaration stands behind the root element");
                }
                note(What::Entity, "document type declaration".to_owned());
            }
            Event::Eof => break,
        }
        check_size(&out, limits)?;
        if roots > 1 {
            return malformed("there is more than one root element");
        }
    }
    if depth != 0 || roots != 1 {
        return malformed("an element is not closed, or there is none");
    }
    out.push('\n');
    let removed =
        removed.into_iter().map(|((what, place), count)| Removed::new(what, &place, count)).collect();
    Ok((out.into_bytes(), removed))
}

/// The namespace prefixes of one element.
#[derive(Default)]
struct Prefixes {
    declared: Vec<String>,
    used: Vec<String>,
}

/// Which prefixes are declared where the reader stands (Namespaces in XML 1.0).
#[derive(Default)]
struct Scopes {
    open: Vec<Vec<String>>,
    /// How many open elements declare a prefix.
    bound: HashMap<String, u32>,
}

impl Scopes {
    fn enter(&mut self, prefixes: Prefixes) -> Result<(), Failure> {
        for prefix in &prefixes.declared {
            *self.bound.entry(prefix.clone()).or_insert(0) += 1;
        }
        self.open.push(prefixes.declared);
        match prefixes.used.iter().find(|prefix| *prefix != "xml" && !self.bound.contains_key(*prefix)) {
            Some(prefix) => Err(Failure::Malformed(format!("the prefix {} has no namespace", plain(prefix)))),
            None => Ok(()),
        }
    }

    fn leave(&mut self) {
        for prefix in self.open.pop().unwrap_or_default() {
            if let Some(count) = self.bound.get_mut(&prefix) {
                *count -= 1;
                if *count == 0 {
                    self.bound.remove(&prefix);
                }
            }
        }
    }
}

/// Writes `<name attribute="value"…` without its end.
fn write_tag(out: &mut String, element: &BytesStart<'_>) -> Result<Prefixes, Failure> {
    let mut prefixes = Prefixes::default();
    let element_name = element.name();
    out.push('<');
    out.push_str(checked_name(element_name.as_ref())?);
    prefixes.used.extend(element_name.prefix().map(|prefix| prefix.as_ref().to_owned()));
    let mut seen = HashSet::new();
    // Our own set finds repeated names in linear time.
    for attribute in element.attributes().with_checks(false) {
        let attribute = attribute.map_err(Failure::malformed)?;
        let name = checked_name(attribute.key.as_ref())?;
        if !seen.insert(name.to_owned()) {
            return Err(Failure::Malformed(format!("an element has the attribute {} twice", plain(name))));
        }
        let value = attribute_value(&attribute.value)?;
        match attribute.key.as_namespace_binding() {
            Some(binding) => {
                if let Some(words) = refused_vocabulary(&value) {
                    return Err(Failure::Refused(format!("part of the XML is {words}")));
                }
                if let PrefixDeclaration::Named(prefix) = binding {
                    prefixes.declared.push(prefix.to_owned());
                }
            }
            None => prefixes.used.extend(attribute.key.prefix().map(|prefix| prefix.as_ref().to_owned())),
        }
        out.extend([" ", name, "=\""]);
        write_text(out, &value, true)?;
        out.push('"');
    }
    Ok(prefixes)
}

/// An attribute's value, normalised and with its references resolved (XML 1.0, 3.3.3).
fn attribute_value(raw: &str) -> Result<String, Failure> {
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '<', '\t', '\n', '\r']) {
        let (before, from) = rest.split_at(at);
        value.push_str(before);
        rest = match from.as_bytes() {
            [b'&', ..] => {
                let Some((reference, behind)) = from.split_once(';') else {
                    return malformed("an ampersand begins no reference");
                };
                value.push(resolve(reference.get(1..).unwrap_or_default())?);
                behind
            }
            [b'<', ..] => return malformed("an attribute's value has a <"),
            _ => {
                value.push(' ');
                from.strip_prefix("\r\n").or(from.get(1..)).unwrap_or_default()
            }
        };
    }
    value.push_str(rest);
    Ok(value)
}

/// The character that a reference, without its `&` and `;`, stands for.
fn resolve(reference: &str) -> Result<char, Failure> {
    let number = |digits: &str, radix| {
        let digits = Some(digits).filter(|d| d.chars().all(|c| c.is_digit(radix)))?;
        u32::from_str_radix(digits, radix).ok().and_then(char::from_u32).filter(|&c| is_xml_char(c))
    };
    let character = match reference {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match (reference.strip_prefix("#x"), reference.strip_prefix('#')) {
            (Some(hexadecimal), _) => number(hexadecimal, 16),
            (None, Some(decimal)) => number(decimal, 10),
            (None, None) => {
                let name = plain(reference);
                return Err(Failure::Malformed(format!("the XML uses an entity of its own: {name}")));
            }
        },
    };
    character.ok_or_else(|| Failure::Malformed("a reference stands for no character".to_owned()))
}

/// Writes character data; `exact` keeps line ends and tabs from being normalised by the next reader.
fn write_text(out: &mut String, text: &str, exact: bool) -> Result<(), Failure> {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' if exact => out.push_str("&quot;"),
            c if !is_xml_char(c) => return malformed("a character is not allowed in XML"),
            '\t' | '\n' if !exact => out.push(c),
            // Shown as what they are; they mean the same.
            c if c.is_control() || is_invisible(c) => out.push_str(&format!("&#x{:X};", u32::from(c))),
            c => out.push(c),
        }
    }
    Ok(())
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn checked_name(name: &str) -> Result<&str, Failure> {
    if is_name(name) {
        return Ok(name);
    }
    Err(Failure::Malformed(format!("{} is no XML name", plain(name))))
}

fn malformed<T>(problem: &str) -> Result<T, Failure> {
    Err(Failure::Malformed(problem.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

    fn rewritten(text: &str) -> (String, Vec<(What, String, u32)>) {
        let limits = Limits::default();
        let (out, removed) = rewrite(text.as_bytes(), &limits).unwrap();
        assert_eq!(rewrite(&out, &limits).unwrap(), (out.clone(), Vec::new()), "idempotent");
        let removed = removed.into_iter().map(|r| (r.what, r.r#where, r.count)).collect();
        (String::from_utf8(out).unwrap().strip_prefix(HEAD).unwrap().to_owned(), removed)
    }

    fn fails(text: &str) -> Failure {
        rewrite(text.as_bytes(), &Limits::default()).unwrap_err()
    }

    #[test]
    fn data_is_kept() {
        let data = "<a xmlns:n=\"urn:x\" n:b=\"1 &lt; 2 &quot;\">\n\t<c/>é &amp; 'ü' \"q\"<c></c> </a>\n";
        assert_eq!(rewritten(data), (data.to_owned(), vec![]));
        assert_eq!(
            rewritten("<a b='x\ty&#10;'>1\r\n2&#13;<![CDATA[<&]]></a>").0,
            "<a b=\"x y&#xA;\">1\n2&#xD;&lt;&amp;</a>\n"
        );
    }

    #[test]
    fn document_type_instructions_and_comments_go() {
        let (out, removed) = rewritten(
            "<?xml-stylesheet href='http://evil/x.xsl'?><!DOCTYPE a SYSTEM 'http://evil/a.dtd'><!-- x --><a><?php x?><!-- y --></a>",
        );
        assert_eq!(out, "<a></a>\n");
        assert_eq!(
            removed,
            [
                (What::ExternalReference, "processing instruction xml-stylesheet".to_owned(), 1),
                (What::Metadata, "comments".to_owned(), 2),
                (What::UnknownPart, "processing instruction php".to_owned(), 1),
                (What::Entity, "document type declaration".to_owned(), 1),
            ]
        );
    }

    #[test]
    fn billion_laughs_is_malformed() {
        let bomb = "<!DOCTYPE a [<!ENTITY b 'ha'><!ENTITY c '&b;&b;&b;'>]><a>&c;</a>";
        assert!(fails(bomb).to_string().contains("entity of its own"));
        assert!(
            fails("<!DOCTYPE a [<!ENTITY b 'ha'>]><a x='&b;'/>").to_string().contains("entity of its own")
        );
    }

    #[test]
    fn external_entity_is_malformed_when_used_and_gone_when_not() {
        assert!(
            fails("<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>")
                .to_string()
                .contains("entity")
        );
        let (out, removed) = rewritten("<!DOCTYPE a [<!ENTITY % b SYSTEM 'http://evil/'> %b;]><a/>");
        assert_eq!((out.as_str(), removed.len()), ("<a/>\n", 1));
    }

    #[test]
    fn scripts_in_foreign_vocabularies_are_refused() {
        for text in [
            "<a><s:script xmlns:s='http://www.w3.org/1999/xhtml'>alert(1)</s:script></a>",
            "<a><script xmlns='&#104;ttp://www.w3.org/1999/xhtml'>alert(1)</script></a>",
            "<a><svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/></a>",
            "<a xmlns:x='http://www.w3.org/1999/XSL/Transform'/>",
            "<a xmlns:xi='http://www.w3.org/2001/XInclude'><xi:include href='file:///etc/passwd'/></a>",
            "<a xmlns:pkg='http://schemas.microsoft.com/office/2006/xmlPackage'/>",
            "<a xmlns='urn:schemas-microsoft-com:office:spreadsheet'/>",
        ] {
            assert!(matches!(fails(text), Failure::Refused(_)), "{text}");
        }
    }

    #[test]
    fn a_tower_of_elements_is_over_the_limit() {
        assert!(matches!(fails(&"<a>".repeat(100_000)), Failure::Limit { name: "max_nesting", .. }));
    }

    #[test]
    fn what_is_almost_xml_is_malformed() {
        for text in [
            "",
            " ",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>x",
            "x<a/>",
            "<a b=1/>",
            "<a b='1' b='2'/>",
            "<a b='<'/>",
            "<a>&</a>",
            "<a>&#0;</a>",
            "<a>&#x1F;</a>",
            "<a>\u{1}</a>",
            "<a b='&#xFFFE;'/>",
            "<a>&#+65;</a>",
            "<1/>",
            "<a 1=''/>",
            "<?xml version=\"1.1\"?><a/>",
            "<a/><?xml version=\"1.0\"?>",
            " <?xml version=\"1.0\"?><a/>",
            "<a/><!DOCTYPE a>",
            "<a/>&amp;",
            "<![CDATA[x]]><a/>",
            "<a><!-- -- --></a>",
            "<a",
            "<a></a b>",
            "<n:a/>",
            "<a n:b=''/>",
            "<a><b xmlns:n='urn:x'/><n:c/></a>",
        ] {
            assert!(matches!(fails(text), Failure::Malformed(_)), "{text} {:?}", fails(text));
        }
    }

    #[test]
    fn direction_overrides_are_written_as_references() {
        assert_eq!(rewritten("<a>x\u{202e}y</a>").0, "<a>x&#x202E;y</a>\n");
    }
}
