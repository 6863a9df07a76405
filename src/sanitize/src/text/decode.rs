//! From bytes to characters, strictly: a byte order mark, else what the format declares, else UTF-8, else windows-1252.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::failure::Failure;
use crate::report::plain;

/// Bytes looked at to tell a text's kind.
const HEAD: usize = 64 << 10;

/// The start of a text, for looking at only: undecodable bytes are replaced, a byte order mark is dropped.
pub(crate) fn head(bytes: &[u8]) -> Cow<'_, str> {
    let head = bytes.get(..bytes.len().min(HEAD)).unwrap_or_default();
    let (encoding, mark) = unmistakable(head).unwrap_or((UTF_8, 0));
    encoding.decode_without_bom_handling(head.get(mark..).unwrap_or_default()).0
}

/// A text's characters, and whether its encoding was anything but UTF-8 without a mark.
pub(super) struct Decoded<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) marked: bool,
}

/// Decodes plain text or CSV.
pub(super) fn text(bytes: &[u8]) -> Result<Decoded<'_>, Failure> {
    let (encoding, rest) = match Encoding::for_bom(bytes) {
        Some((encoding, mark)) => (encoding, bytes.get(mark..).unwrap_or_default()),
        None => match std::str::from_utf8(bytes) {
            Ok(text) => return Ok(Decoded { text: text.into(), marked: false }),
            Err(_) => (WINDOWS_1252, bytes),
        },
    };
    Ok(Decoded { text: strict(encoding, rest)?, marked: true })
}

/// Decodes JSON: UTF-8, or UTF-16 with a mark (RFC 8259, 8.1; RFC 7159 allowed the latter).
pub(crate) fn json(bytes: &[u8]) -> Result<Cow<'_, str>, Failure> {
    let (encoding, mark) = Encoding::for_bom(bytes).unwrap_or((UTF_8, 0));
    strict(encoding, bytes.get(mark..).unwrap_or_default())
}

/// Decodes XML (XML 1.0, appendix F): a mark or the first characters and the declaration must agree. UTF-7 and all but
/// the listed encodings are refused, as is a declaration that switches the encoding.
pub(crate) fn xml(bytes: &[u8]) -> Result<Cow<'_, str>, Failure> {
    const ACCEPTED: [&Encoding; 5] = [UTF_8, UTF_16LE, UTF_16BE, WINDOWS_1252, encoding_rs::ISO_8859_15];
    let seen = unmistakable(bytes);
    let (family, mark) = seen.unwrap_or((UTF_8, 0));
    let body = bytes.get(mark..).unwrap_or_default();

    let start = body.get(..body.len().min(512)).unwrap_or_default();
    let declared = match declared_encoding(&family.decode_without_bom_handling(start).0) {
        Some(label) => {
            let encoding = Encoding::for_label(label.as_bytes()).filter(|e| ACCEPTED.contains(e));
            Some(encoding.ok_or_else(|| {
                Failure::Malformed(format!("XML encoding {} is not accepted", plain(&label)))
            })?)
        }
        None => None,
    };
    let is_wide = |encoding: &Encoding| encoding == UTF_16LE || encoding == UTF_16BE;
    let encoding = match (seen, declared) {
        // "UTF-16" names both byte orders: the bytes decide.
        (Some((seen, _)), Some(declared)) if is_wide(seen) && is_wide(declared) => seen,
        (Some((seen, _)), Some(declared)) if seen == declared => seen,
        (Some((seen, _)), None) => seen,
        (None, Some(declared)) if !is_wide(declared) => declared,
        (None, None) => UTF_8,
        _ => return Err(Failure::Malformed("the XML declares another encoding than it has".to_owned())),
    };
    strict(encoding, body)
}

/// The encoding that the first bytes leave no doubt about, and the length of the byte order mark.
fn unmistakable(bytes: &[u8]) -> Option<(&'static Encoding, usize)> {
    Encoding::for_bom(bytes).or_else(|| match bytes.get(..4) {
        Some([b'<', 0, _, 0]) => Some((UTF_16LE, 0)),
        Some([0, b'<', 0, _]) => Some((UTF_16BE, 0)),
        _ => None,
    })
}

fn declared_encoding(start: &str) -> Option<String> {
    let declaration = start.strip_prefix("<?xml")?.split_once("?>")?.0;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value.get(1..)?.split_once(quote).map(|(label, _)| label.to_owned())
}

fn strict<'a>(encoding: &'static Encoding, bytes: &'a [u8]) -> Result<Cow<'a, str>, Failure> {
    encoding
        .decode_without_bom_handling_and_without_replacement(bytes)
        .ok_or_else(|| Failure::Malformed(format!("the text is not valid {}", encoding.name())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn xml_encodings_that_agree_are_read() {
        let marked =
            [b"\xff\xfe".to_vec(), utf16("<?xml version=\"1.0\" encoding=\"UTF-16\"?><a/>")].concat();
        assert!(xml(&marked).unwrap().ends_with("<a/>"));
        assert!(xml(&utf16("<?xml version='1.0' encoding='utf-16'?><a/>")).is_ok());
        assert_eq!(
            xml(b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>").unwrap().chars().nth_back(4),
            Some('é')
        );
        assert!(xml("\u{feff}<a>é</a>".as_bytes()).is_ok());
    }

    #[test]
    fn a_declaration_that_switches_the_encoding_is_malformed() {
        for hostile in [
            b"<?xml version='1.0' encoding='UTF-7'?><a>+ADw-script+AD4-</a>".to_vec(),
            b"<?xml version='1.0' encoding='UTF-16'?><a/>".to_vec(),
            b"<?xml version='1.0' encoding='x-user-defined'?><a/>".to_vec(),
            b"\xef\xbb\xbf<?xml version='1.0' encoding='windows-1252'?><a/>".to_vec(),
            utf16("<?xml version='1.0' encoding='UTF-8'?><a/>"),
            b"<a>\xe9</a>".to_vec(),
        ] {
            assert!(matches!(xml(&hostile), Err(Failure::Malformed(_))), "{hostile:?}");
        }
    }

    #[test]
    fn text_falls_back_to_windows_1252() {
        let decoded = text(b"caf\xe9 \x80").unwrap();
        assert_eq!((&*decoded.text, decoded.marked), ("café €", true));
    }
}
