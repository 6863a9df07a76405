//! JSON (RFC 8259): read token by token, written anew; numbers keep their digits and objects their order.
//!
//! A reader of its own, because a number must survive without passing through a float, two equal keys must be an
//! error, and depth must cost no stack. The verifier has serde_json read the result as well.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::{check_size, decode};
use crate::failure::Failure;
use crate::limits::Limits;
use crate::report::{Removed, is_invisible, plain};

/// serde_json, the verifier's second reader, goes no deeper.
const MAX_DEPTH: u32 = 127;

/// Rewrites JSON: on one line where it came on one line, else indented by two blanks. Invisible characters in texts are
/// written as escapes, which mean the same.
pub(super) fn rewrite(bytes: &[u8], limits: &Limits) -> Result<(Vec<u8>, Vec<Removed>), Failure> {
    let text = decode::json(bytes)?;
    let max_depth = usize::try_from(limits.max_nesting.min(MAX_DEPTH)).unwrap_or(0);
    let mut open: Vec<Container> = Vec::new();
    let mut tokens = Tokens { rest: &text };
    let mut out = String::with_capacity(text.len());
    let indented = text.trim_matches(is_blank).contains(['\n', '\r']);
    let mut state = State::Value;
    loop {
        let token = tokens.next()?;
        let line = |out: &mut String, depth: usize| {
            if indented {
                out.push('\n');
                out.extend(std::iter::repeat_n("  ", depth));
            }
        };
        state = match (state, token) {
            (State::Done, None) => break,
            (State::First | State::FirstKey | State::Next, Some(Token::Close(close))) => {
                let closed = open.pop().map(|container| container.close());
                if closed != Some(close) {
                    return malformed("a bracket closes what was not opened");
                }
                if state == State::Next {
                    line(&mut out, open.len());
                }
                out.push(close);
                State::after_value(&open)
            }
            (State::FirstKey | State::Key, Some(Token::Text(key))) => {
                line(&mut out, open.len());
                write_text(&mut out, &key);
                out.push_str(if indented { ": " } else { ":" });
                if let Some(Container::Object(keys)) = open.last_mut()
                    && let Some(key) = keys.replace(key)
                {
                    return Err(Failure::Malformed(format!(
                        "the key \"{}\" occurs twice in one object",
                        plain(&key)
                    )));
                }
                if !matches!(tokens.next()?, Some(Token::Colon)) {
                    return malformed("a key is not followed by a colon");
                }
                State::Member
            }
            (State::Next, Some(Token::Comma)) => {
                out.push(',');
                match open.last() {
                    Some(Container::Object(_)) => State::Key,
                    _ => State::Item,
                }
            }
            (State::Value | State::First | State::Item | State::Member, Some(token)) => {
                if matches!(state, State::First | State::Item) {
                    line(&mut out, open.len());
                }
                match token {
                    Token::Open(bracket) => {
                        if open.len() >= max_depth {
                            return Err(Failure::Limit {
                                name: "max_nesting",
                                what: "the nesting of the JSON".to_owned(),
                                limit: max_depth as u64,
                            });
                        }
                        out.push(bracket);
                        let object = bracket == '{';
                        open.push(if object { Container::Object(HashSet::new()) } else { Container::Array });
                        if object { State::FirstKey } else { State::First }
                    }
                    Token::Text(text) => {
                        write_text(&mut out, &text);
                        State::after_value(&open)
                    }
                    Token::Literal(literal) => {
                        out.push_str(literal);
                        State::after_value(&open)
                    }
                    Token::Close(_) | Token::Comma | Token::Colon => return malformed("a value is missing"),
                }
            }
            (_, None) => return malformed("the JSON ends too early"),
            (State::Done, Some(_)) => return malformed("something follows the JSON value"),
            (_, Some(_)) => return malformed("the JSON has something where it may not be"),
        };
        check_size(&out, limits)?;
    }
    if indented {
        out.push('\n');
    }
    Ok((out.into_bytes(), Vec::new()))
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The one value of the text.
    Value,
    /// The first item of an array, or its end.
    First,
    /// An item, after a comma.
    Item,
    /// The first key of an object, or its end.
    FirstKey,
    /// A key, after a comma.
    Key,
    /// A member's value.
    Member,
    /// A comma, or the end of the container.
    Next,
    /// Nothing.
    Done,
}

impl State {
    fn after_value(open: &[Container]) -> Self {
        if open.is_empty() { Self::Done } else { Self::Next }
    }
}

enum Container {
    Array,
    /// With its keys so far.
    Object(HashSet<String>),
}

impl Container {
    fn close(&self) -> char {
        match self {
            Self::Array => ']',
            Self::Object(_) => '}',
        }
    }
}

enum Token<'a> {
    Open(char),
    Close(char),
    Comma,
    Colon,
    Text(String),
    /// Number, `true`, `false` or `null`.
    Literal(&'a str),
}

struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Result<Option<Token<'a>>, Failure> {
        self.rest = self.rest.trim_start_matches(is_blank);
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        let token = match first {
            '{' | '[' => Token::Open(first),
            '}' | ']' => Token::Close(first),
            ',' => Token::Comma,
            ':' => Token::Colon,
            '"' => return self.text().map(|text| Some(Token::Text(text))),
            _ => {
                let end =
                    self.rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.'));
                let (literal, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
                if !matches!(literal, "true" | "false" | "null") && !is_number(literal) {
                    return malformed("a value is neither text, number, true, false nor null");
                }
                self.rest = rest;
                return Ok(Some(Token::Literal(literal)));
            }
        };
        self.rest = self.rest.get(1..).unwrap_or_default();
        Ok(Some(token))
    }

    fn text(&mut self) -> Result<String, Failure> {
        let mut out = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        let hex4 = |characters: &mut dyn Iterator<Item = (usize, char)>| {
            (0..4).try_fold(0_u16, |value, _| {
                let digit = characters.next()?.1.to_digit(16)?;
                Some(value << 4 | u16::try_from(digit).ok()?)
            })
        };
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    self.rest = self.rest.get(at + 1..).unwrap_or_default();
                    return Ok(out);
                }
                '\\' => match characters.next().map(|(_, escape)| escape) {
                    Some(escape @ ('"' | '\\' | '/')) => out.push(escape),
                    Some('b') => out.push('\u{8}'),
                    Some('f') => out.push('\u{c}'),
                    Some('n') => out.push('\n'),
                    Some('r') => out.push('\r'),
                    Some('t') => out.push('\t'),
                    Some('u') => {
                        let Some(first) = hex4(&mut characters) else {
                            return malformed("an escape is not valid");
                        };
                        let mut units = vec![first];
                        if (0xd800..0xdc00).contains(&first) {
                            let escaped = characters.next().map(|(_, c)| c) == Some('\\')
                                && characters.next().map(|(_, c)| c) == Some('u');
                            units.extend(escaped.then(|| hex4(&mut characters)).flatten());
                        }
                        match String::from_utf16(&units) {
                            Ok(text) => out.push_str(&text),
                            Err(_) => return malformed("an escape is half of a character"),
                        }
                    }
                    _ => return malformed("an escape is not valid"),
                },
                c if c < ' ' => return malformed("a text has a control character"),
                c => out.push(c),
            }
        }
        malformed("a text is not closed")
    }
}

/// RFC 8259, section 6.
fn is_number(literal: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = literal.strip_prefix('-').unwrap_or(literal);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(digits)
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || is_invisible(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn malformed<T>(problem: &str) -> Result<T, Failure> {
    Err(Failure::Malformed(problem.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str) -> String {
        let limits = Limits::default();
        let (out, removed) = rewrite(text.as_bytes(), &limits).unwrap();
        assert!(removed.is_empty());
        assert_eq!(rewrite(&out, &limits).unwrap().0, out, "idempotent");
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(
            value,
            serde_json::from_str::<serde_json::Value>(text.trim_start_matches('\u{feff}')).unwrap()
        );
        String::from_utf8(out).unwrap()
    }

    fn fails(text: &str) -> Failure {
        rewrite(text.as_bytes(), &Limits::default()).unwrap_err()
    }

    #[test]
    fn digits_order_and_layout_survive() {
        let one_line = r#"{"z":1.10,"a":[12345678901234567890123,-0.0,1e5],"é":null}"#;
        assert_eq!(rewritten(one_line), one_line);
        let indented = "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}\n";
        assert_eq!(rewritten(indented), indented);
        assert_eq!(rewritten("{\"a\" :\r\n1}"), "{\n  \"a\": 1\n}\n");
        assert_eq!(rewritten("\u{feff} true "), "true");
    }

    #[test]
    fn texts_are_escaped_one_way() {
        assert_eq!(rewritten(r#""\u0041\/\ud83d\ude00\u0000\u202e""#), "\"A/😀\\u0000\\u202e\"");
        assert_eq!(rewritten("\"a\u{202e}b\""), "\"a\\u202eb\"");
    }

    #[test]
    fn two_equal_keys_are_malformed() {
        assert!(fails(r#"{"role":"user","r\u006fle":"admin"}"#).to_string().contains("twice"));
        assert_eq!(rewritten(r#"[{"a":1},{"a":1}]"#), r#"[{"a":1},{"a":1}]"#);
    }

    #[test]
    fn a_tower_of_brackets_is_over_the_limit() {
        assert!(matches!(fails(&"[".repeat(100_000)), Failure::Limit { name: "max_nesting", .. }));
    }

    #[test]
    fn what_is_almost_json_is_malformed() {
        for text in [
            "",
            "{",
            "[1",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "{'a':1}",
            "[01]",
            "[1.]",
            "[.5]",
            "[+1]",
            "[NaN]",
            "1 2",
            "[1]]",
            "[1}",
            "{\"a\"}",
            "{\"a\" 1}",
            "[1 2]",
            "[,1]",
            "\"\t\"",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"a",
            "// c\n1",
            "{\"a\":}",
            "[1e]",
            "[--1]",
            ":",
            "tru",
        ] {
            assert!(matches!(fails(text), Failure::Malformed(_)), "{text}");
        }
    }

    #[test]
    fn indentation_cannot_outgrow_the_limit() {
        let text = format!("{}\n{}1{}", "[".repeat(100), "1,".repeat(10_000), "]".repeat(100));
        let limits = Limits { max_bytes: 1 << 20, ..Limits::default() };
        assert!(matches!(rewrite(text.as_bytes(), &limits), Err(Failure::Limit { name: "max_bytes", .. })));
    }
}
