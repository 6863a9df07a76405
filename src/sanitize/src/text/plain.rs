//! Plain text: UTF-8 without control and direction-changing characters.

use super::decode;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::report::{Removed, What, is_invisible};

/// The mark that tells other programs that a text is UTF-8.
pub(super) const MARK: &str = "\u{feff}";

/// Rewrites plain text. It gets a byte order mark where it came in another encoding or with a mark.
pub(super) fn rewrite(bytes: &[u8], _: &Limits) -> Result<(Vec<u8>, Vec<Removed>), Failure> {
    let decoded = decode::text(bytes)?;
    let (cleaned, removed) = clean(&decoded.text);
    if cleaned.is_empty() {
        return Err(Failure::Malformed("the text has no visible characters".to_owned()));
    }
    let mark = if decoded.marked { MARK } else { "" };
    Ok(([mark, &cleaned].concat().into_bytes(), removed))
}

/// Removes control characters but tab, CR and LF, and characters that are not shown or turn the direction of others.
/// Line and paragraph separators (U+2028, U+2029) become line feeds.
pub(crate) fn clean(text: &str) -> (String, Vec<Removed>) {
    let (mut controls, mut hidden) = (0_u32, 0_u32);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' | '\r' | '\n' => out.push(c),
            c if c.is_control() => controls = controls.saturating_add(1),
            c if is_writing(c) || !is_invisible(c) => out.push(c),
            c => {
                hidden = hidden.saturating_add(1);
                if matches!(c, '\u{2028}' | '\u{2029}') {
                    out.push('\n');
                }
            }
        }
    }
    let mut removed = Vec::new();
    if controls > 0 {
        removed.push(Removed::new(What::ControlCharacter, "control characters", controls));
    }
    if hidden > 0 {
        removed.push(Removed::new(
            What::ControlCharacter,
            "invisible or direction-changing characters",
            hidden,
        ));
    }
    (out, removed)
}

/// Invisible characters that orthographies need and that change only their neighbours: joiners and marks.
fn is_writing(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200c}'..='\u{200f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(bytes: &[u8]) -> (String, usize) {
        let (out, removed) = rewrite(bytes, &Limits::default()).unwrap();
        assert_eq!(rewrite(&out, &Limits::default()).unwrap(), (out.clone(), Vec::new()), "idempotent");
        (String::from_utf8(out).unwrap(), removed.len())
    }

    #[test]
    fn clean_text_is_kept_byte_for_byte() {
        let text = "Straße\t1\r\nfrançais, ελληνικά, فارسی می\u{200c}خواهم 👩\u{200d}🚀\n";
        assert_eq!(rewritten(text.as_bytes()), (text.to_owned(), 0));
    }

    #[test]
    fn nuls_escapes_and_direction_overrides_go() {
        assert_eq!(rewritten(b"a\0b\x1b[2Jc\x7f"), ("ab[2Jc".to_owned(), 1));
        assert_eq!(
            rewritten("invoice\u{202e}fdp\u{2066}.\u{200b}\u{e0041}".as_bytes()),
            ("invoicefdp.".to_owned(), 1)
        );
        assert_eq!(rewritten("a\u{2028}b".as_bytes()), ("a\nb".to_owned(), 1));
    }

    #[test]
    fn other_encodings_come_out_as_marked_utf8() {
        assert_eq!(rewritten(b"caf\xe9").0, "\u{feff}café");
        assert_eq!(rewritten(b"\xff\xfea\0\xe9\0").0, "\u{feff}aé");
        assert_eq!(rewritten("\u{feff}a".as_bytes()).0, "\u{feff}a");
    }

    #[test]
    fn nothing_visible_is_malformed() {
        assert!(matches!(rewrite(b"\0\0", &Limits::default()), Err(Failure::Malformed(_))));
    }
}
