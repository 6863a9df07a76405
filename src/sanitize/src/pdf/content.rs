//! Is a content stream made of whole tokens (ISO 32000-2, 7.8.2)?
//!
//! What its operators draw is not looked at. But a string that never ends or a number beyond any integer is read in
//! another way by every viewer, so what follows the last whole operator before such a token is cut off.

use std::iter::Peekable;

use memchr::memmem;

/// Longest integer, in digits, that every reader holds.
const MAX_DIGITS: usize = 18;

/// How many bytes of `content` are sound: all, or those up to the last operator before the first broken token.
pub(super) fn sound_length(content: &[u8]) -> usize {
    let begins_a_word = |at: &usize| content.get(at.wrapping_sub(1)).is_some_and(|byte| is_space(*byte));
    let mut alone = memmem::find_iter(content, b"EI")
        .filter(|at| begins_a_word(at) && ends_a_word(content, *at))
        .peekable();
    let mut sound = 0;
    let mut at = 0;
    while let Some(&byte) = content.get(at) {
        let end = match byte {
            b'%' => Some(at + run(content, at, |b| !matches!(b, b'\r' | b'\n'))),
            b'(' => string(content, at),
            b'<' if content.get(at + 1) == Some(&b'<') => Some(at + 2),
            b'<' => hexadecimal(content, at),
            b'>' if content.get(at + 1) == Some(&b'>') => Some(at + 2),
            b'>' | b')' => None,
            b'[' | b']' | b'{' | b'}' => Some(at + 1),
            b'/' => Some(at + 1 + run(content, at + 1, is_regular)),
            byte if is_space(byte) => Some(at + 1),
            _ => {
                let end = at + run(content, at, is_regular);
                match content.get(at..end).unwrap_or_default() {
                    b"ID" => inline_image(content, end, &mut alone).inspect(|end| sound = *end),
                    word if is_number(word) => (digits(word) <= MAX_DIGITS).then_some(end),
                    _ => {
                        sound = end;
                        Some(end)
                    }
                }
            }
        };
        match end {
            Some(end) => at = end,
            None => return sound,
        }
    }
    content.len()
}

fn run(content: &[u8], from: usize, belongs: impl Fn(u8) -> bool) -> usize {
    content.get(from..).unwrap_or_default().iter().take_while(|byte| belongs(**byte)).count()
}

fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

fn is_regular(byte: u8) -> bool {
    // One list, which compiles to one look into a bit mask.
    !matches!(
        byte,
        0 | b'\t'
            | b'\n'
            | 0x0c
            | b'\r'
            | b' '
            | b'('
            | b')'
            | b'<'
            | b'>'
            | b'['
            | b']'
            | b'{'
            | b'}'
            | b'/'
            | b'%'
    )
}

fn is_number(word: &[u8]) -> bool {
    word.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.'))
}

/// How many digits a number has before its point, without those that say nothing.
fn digits(word: &[u8]) -> usize {
    let whole = word.split(|byte| *byte == b'.').next().unwrap_or_default();
    let first = whole.iter().position(|byte| matches!(byte, b'1'..=b'9')).unwrap_or(whole.len());
    whole.len() - first
}

/// The position behind a literal string; `None`: it does not end.
fn string(content: &[u8], from: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = from;
    loop {
        match content.get(at)? {
            b'\\' => at += 1,
            b'(' => depth += 1,
            b')' if depth == 1 => return Some(at + 1),
            b')' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
}

/// The position behind a hexadecimal string; `None`: it does not end or has other characters.
fn hexadecimal(content: &[u8], from: usize) -> Option<usize> {
    let end = from + 1 + run(content, from + 1, |byte| byte.is_ascii_hexdigit() || is_space(byte));
    (content.get(end) == Some(&b'>')).then_some(end + 1)
}

/// The position behind the data of an inline image, which ends with `EI` (8.9.7): the next one between spaces, of which
/// `alone` has all in order, or where there is none, one before a space, as some producers write it. `None`: it does
/// not end.
fn inline_image(
    content: &[u8],
    from: usize,
    alone: &mut Peekable<impl Iterator<Item = usize>>,
) -> Option<usize> {
    while alone.next_if(|at| *at < from).is_some() {}
    let any = || {
        let data = content.get(from..)?;
        { memmem::find_iter(data, b"EI") }.map(|at| from + at).find(|at| ends_a_word(content, *at))
    };
    alone.peek().copied().or_else(any).map(|at| at + 2)
}

fn ends_a_word(content: &[u8], at: usize) -> bool {
    content.get(at + 2).is_none_or(|byte| is_space(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(content: &str) -> &str {
        &content[..sound_length(content.as_bytes())]
    }

    #[test]
    fn whole_tokens_are_sound() {
        for content in [
            "",
            "q 1 0 0 1 72.5 -720 cm BT /F1 12 Tf (a\\)b(c)d) Tj [<0041 42> -120 (x)] TJ ET Q % done",
            "/P <</MCID 0/A[1 2]>> BDC EMC",
            "BI /W 2 /H 2 ID \u{1}EI(>)\u{2} EI Q",
            "BI /W 2 /H 2 ID \u{1}\u{2}EI\nQ",
            "0000000000000000000000001 w 0.1234567890123456789012 w",
            "] TJ [", // arrays may go on in the page's next stream
        ] {
            assert_eq!(cut(content), content);
        }
    }

    #[test]
    fn what_follows_the_last_operator_before_a_broken_token_goes() {
        assert_eq!(cut("q 1 w (never ends Tj"), "q 1 w");
        assert_eq!(cut("q 1 w 0 0 <41xx> Tj Q"), "q 1 w");
        assert_eq!(cut("q 346531362769151227144 w Q"), "q");
        assert_eq!(cut("BT (a) Tj ) Tj"), "BT (a) Tj");
        assert_eq!(cut("q BI /W 2 ID \u{1}\u{2}\u{3}"), "q BI");
    }
}
