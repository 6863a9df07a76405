//! How names and texts of XML are spelled: which characters a name has, and what references stand for.

use std::borrow::Cow;

use super::read::Kind;
use super::{is_xml_char, malformed};
use crate::failure::Failure;

/// What a text or an attribute's value means, and whether it is spelled as it would be written, or almost: quotes, and
/// `>` in text, may be spelled either way.
pub(super) fn unescaped(raw: &str, kind: Kind) -> Result<(Cow<'_, str>, bool), Failure> {
    let mut out = String::with_capacity(raw.len());
    let mut is_exact = true;
    let mut rest = raw;
    while let Some(at) = rest.bytes().position(|byte| {
        matches!(byte, b'&' | b'<' | b'>' | b'\r')
            || (kind == Kind::Attribute && matches!(byte, b'\t' | b'\n'))
    }) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let length = match from.as_bytes() {
            [b'&', ..] => {
                let Some((reference, _)) = from.split_once(';') else {
                    return malformed("XML with an ampersand that begins no reference");
                };
                let name = reference.get(1..).unwrap_or_default();
                let (c, is_usual) = referred(name, kind)?;
                out.push(c);
                is_exact &= is_usual;
                reference.len() + 1
            }
            [b'<', ..] => return malformed("XML with a character that is not allowed"),
            [b'>', ..] => {
                // Harmless in text, where it ends nothing.
                is_exact &= kind == Kind::Element && !out.ends_with("]]");
                out.push('>');
                1
            }
            blank => {
                out.push(if kind == Kind::Attribute { ' ' } else { '\n' });
                is_exact = false;
                if blank.starts_with(b"\r\n") { 2 } else { 1 }
            }
        };
        rest = from.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    Ok((Cow::Owned(out), is_exact))
}

/// The character that a reference stands for, and whether it would be written like that.
fn referred(name: &str, kind: Kind) -> Result<(char, bool), Failure> {
    let number = |digits: &str, radix| {
        let digits = Some(digits).filter(|digits| digits.chars().all(|c| c.is_digit(radix)))?;
        u32::from_str_radix(digits, radix).ok().and_then(char::from_u32).filter(|c| is_xml_char(*c))
    };
    Ok(match name {
        "amp" => ('&', true),
        "lt" => ('<', true),
        "gt" => ('>', true),
        "quot" => ('"', true),
        "apos" => ('\'', true),
        "#13" => ('\r', true),
        "#10" => ('\n', kind == Kind::Attribute),
        "#9" => ('\t', kind == Kind::Attribute),
        _ => {
            let found = match (name.strip_prefix("#x"), name.strip_prefix('#')) {
                (Some(hexadecimal), _) => number(hexadecimal, 16),
                (None, Some(decimal)) => number(decimal, 10),
                (None, None) => return malformed("XML with an entity of its own"),
            };
            match found {
                Some(c) => (c, false),
                None => return malformed("XML with a reference that stands for no character"),
            }
        }
    })
}

/// `Name` of XML 1.0, 2.3.
pub(crate) fn is_name(name: &str) -> bool {
    name.split(':').all(|part| part.chars().all(is_name_char))
        && name.starts_with(|c| c == ':' || is_name_start(c))
}

/// Namespaces in XML 1.0, production 4: a name without a colon.
pub(super) fn is_ncname(name: &str) -> bool {
    name.starts_with(is_name_start) && name.chars().all(is_name_char)
}

fn is_name_start(c: char) -> bool {
    matches!(c, 'A'..='Z' | '_' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
        | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}' | '\u{200d}' | '\u{2070}'..='\u{218f}'
        | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
        | '\u{10000}'..='\u{effff}')
}

fn is_name_char(c: char) -> bool {
    is_name_start(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}' | '\u{2040}')
}
