//! RTF as tokens (Rich Text Format Specification 1.9.1, "RTF Syntax").
//!
//! ```text
//! {            }            \word-12␠           \~        \'e9      plain bytes      \bin5␠ABCDE
//! Open         Close        Word(word, -12)     Symbol    Hex       Text             Binary
//! ```
//!
//! Invariants: every byte of the input belongs to one token or is a line break between tokens; a name has at most
//! [`MAX_NAME`] letters, a parameter fits 32 bits; binary data lies whole within the input.

use crate::failure::Failure;

/// Letters of a control word (specification: "Control words … 32 letters").
const MAX_NAME: usize = 32;

/// One token. What breaks a rule for names or parameters is a [`Token::Word`] without a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Open,
    Close,
    /// A control word without its backslash, and its parameter.
    Word(&'a str, Option<i32>),
    /// A control symbol: the byte behind the backslash.
    Symbol(u8),
    /// `\'hh`.
    Hex(u8),
    /// Bytes that stand for themselves; never empty.
    Text(&'a [u8]),
    /// The data of `\binN`.
    Binary(&'a [u8]),
}

/// Reads tokens one after the other; a copy looks ahead.
#[derive(Debug, Clone)]
pub(super) struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Offset of the next byte that is not read yet.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The next token; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Token<'a>>, Failure> {
        let is_break = |b: &&u8| matches!(b, b'\r' | b'\n');
        self.at += self.rest().iter().take_while(is_break).count();
        let Some(&first) = self.rest().first() else { return Ok(None) };
        Ok(Some(match first {
            b'{' => self.taken(1, Token::Open),
            b'}' => self.taken(1, Token::Close),
            b'\\' => return self.control(),
            _ => Token::Text(self.take(|b| !matches!(b, b'{' | b'}' | b'\\' | b'\r' | b'\n'))),
        }))
    }

    fn control(&mut self) -> Result<Option<Token<'a>>, Failure> {
        self.at += 1;
        let Some(&first) = self.rest().first() else { return Ok(None) };
        if first == b'\'' {
            let digit = |n| self.rest().get(n).and_then(|&b| char::from(b).to_digit(16));
            let byte = digit(1).zip(digit(2)).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
            return Ok(Some(match byte {
                Some(byte) => self.taken(3, Token::Hex(byte)),
                None => self.taken(1, Token::Symbol(b'\'')),
            }));
        }
        if !first.is_ascii_alphabetic() {
            return Ok(Some(self.taken(1, Token::Symbol(first))));
        }
        let name = self.take(|b| b.is_ascii_alphabetic());
        let name = std::str::from_utf8(name).ok().filter(|name| name.len() <= MAX_NAME);
        let parameter = self.parameter();
        if self.rest().first() == Some(&b' ') {
            self.at += 1;
        }
        let (Some(name), Ok(parameter)) = (name, parameter) else { return Ok(Some(Token::Word("", None))) };
        if name == "bin" {
            return self.binary(parameter.unwrap_or(0)).map(Some);
        }
        Ok(Some(Token::Word(name, parameter)))
    }

    /// `Err`: there is one, but it does not fit.
    fn parameter(&mut self) -> Result<Option<i32>, ()> {
        let rest = self.rest();
        let sign = usize::from(rest.first() == Some(&b'-'));
        if !rest.get(sign).is_some_and(u8::is_ascii_digit) {
            return Ok(None);
        }
        self.at += sign;
        let digits = self.take(|b| b.is_ascii_digit());
        let value = digits.iter().try_fold(0_i32, |sum, digit| {
            let digit = i32::from(digit - b'0');
            sum.checked_mul(10)?.checked_sub(digit)
        });
        // Counted downwards, where there is room for the smallest.
        let value = if sign == 1 { value } else { value.and_then(i32::checked_neg) };
        value.map(Some).ok_or(())
    }

    fn binary(&mut self, length: i32) -> Result<Token<'a>, Failure> {
        let cut_off = || Failure::Malformed("binary data in the RTF is longer than the file".to_owned());
        let length = usize::try_from(length).unwrap_or(0);
        let data = self.rest().get(..length).ok_or_else(cut_off)?;
        self.at += length;
        Ok(Token::Binary(data))
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn taken(&mut self, length: usize, token: Token<'a>) -> Token<'a> {
        self.at += length;
        token
    }

    fn take(&mut self, is_part: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let end = rest.iter().position(|&b| !is_part(b)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(bytes: &[u8]) -> Vec<Token<'_>> {
        let mut tokens = Tokens::new(bytes);
        std::iter::from_fn(|| tokens.next().unwrap()).collect()
    }

    #[test]
    fn words_take_one_space_and_a_parameter() {
        assert_eq!(
            tokens(b"{\\b  a\\fs-20\\i0x}"),
            [
                Token::Open,
                Token::Word("b", None),
                Token::Text(b" a"),
                Token::Word("fs", Some(-20)),
                Token::Word("i", Some(0)),
                Token::Text(b"x"),
                Token::Close,
            ]
        );
    }

    #[test]
    fn symbols_and_hexadecimal_bytes() {
        assert_eq!(
            tokens(b"\\~\\'e9\\'zz\\*\r\n\\\n\\"),
            [
                Token::Symbol(b'~'),
                Token::Hex(0xe9),
                Token::Symbol(b'\''),
                Token::Text(b"zz"),
                Token::Symbol(b'*'),
                Token::Symbol(b'\n'),
            ]
        );
    }

    #[test]
    fn overlong_names_and_parameters_are_no_words() {
        let long = [b"\\".as_slice(), &[b'a'; 33]].concat();
        assert_eq!(tokens(&long), [Token::Word("", None)]);
        assert_eq!(tokens(b"\\b2147483648 x"), [Token::Word("", None), Token::Text(b"x")]);
        assert_eq!(tokens(b"\\b-2147483648"), [Token::Word("b", Some(i32::MIN))]);
        assert_eq!(tokens(b"\\b2147483647"), [Token::Word("b", Some(i32::MAX))]);
        assert_eq!(tokens(b"\\objdata-"), [Token::Word("objdata", None), Token::Text(b"-")]);
    }

    #[test]
    fn binary_data_hides_braces_and_must_be_whole() {
        assert_eq!(tokens(b"{\\bin3 }{\\}"), [Token::Open, Token::Binary(b"}{\\"), Token::Close]);
        assert_eq!(tokens(b"\\bin-5 }"), [Token::Binary(b""), Token::Close]);
        assert!(Tokens::new(b"\\bin9 }").next().is_err());
    }
}
