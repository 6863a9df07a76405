//! The signs that spreadsheet formulas are made of, and the functions that may not be called.
//!
//! A formula is cut into strings, quoted names, words and signs as ECMA-376 part 1, 18.17.2 and OpenDocument 1.3 part 4,
//! 5 spell them; whatever is called, linked or talked to by DDE is then seen whatever surrounds it.

use super::link;
use crate::options::Links;
use crate::report::What;

/// Functions that fetch, run, or read from a connection; matched without `_xlfn.` and the like, and without case.
const REFUSED: &[(&str, What)] = &[
    ("CALL", What::MacroSheet),
    ("REGISTER", What::MacroSheet),
    ("REGISTER.ID", What::MacroSheet),
    ("UNREGISTER", What::MacroSheet),
    ("EXEC", What::MacroSheet),
    ("EXECUTE", What::MacroSheet),
    ("EVALUATE", What::MacroSheet),
    ("FOPEN", What::MacroSheet),
    ("FWRITE", What::MacroSheet),
    ("FWRITELN", What::MacroSheet),
    ("RUN", What::MacroSheet),
    ("GET.CELL", What::MacroSheet),
    ("GET.WORKSPACE", What::MacroSheet),
    ("GET.DOCUMENT", What::MacroSheet),
    ("FORMULA.FILL", What::MacroSheet),
    ("SEND.KEYS", What::MacroSheet),
    ("INITIATE", What::MacroSheet),
    ("POKE", What::MacroSheet),
    ("REQUEST", What::MacroSheet),
    ("APP.ACTIVATE", What::MacroSheet),
    ("URLDOWNLOADTOFILE", What::MacroSheet),
    ("DDE", What::ExternalReference),
    ("DDEINITIATE", What::ExternalReference),
    ("DDEEXECUTE", What::ExternalReference),
    ("DDEPOKE", What::ExternalReference),
    ("DDEREQUEST", What::ExternalReference),
    ("RTD", What::ExternalReference),
    ("WEBSERVICE", What::ExternalReference),
    ("IMAGE", What::ExternalReference),
    ("IMPORTDATA", What::ExternalReference),
    ("IMPORTXML", What::ExternalReference),
    ("IMPORTHTML", What::ExternalReference),
    ("IMPORTFEED", What::ExternalReference),
    ("IMPORTRANGE", What::ExternalReference),
    ("STOCKHISTORY", What::ExternalReference),
    ("TRANSLATE", What::ExternalReference),
    ("COPILOT", What::ExternalReference),
    ("PY", What::Script),
    ("SQL.REQUEST", What::DataConnection),
    ("CUBEKPIMEMBER", What::DataConnection),
    ("CUBEMEMBER", What::DataConnection),
    ("CUBEMEMBERPROPERTY", What::DataConnection),
    ("CUBERANKEDMEMBER", What::DataConnection),
    ("CUBESET", What::DataConnection),
    ("CUBESETCOUNT", What::DataConnection),
    ("CUBEVALUE", What::DataConnection),
];

#[derive(Debug, PartialEq)]
pub(crate) enum Token<'a> {
    /// `"text"`, without its quotes.
    Text(&'a str),
    /// `'sheet'`, without its quotes.
    Quoted(&'a str),
    /// Letters, digits, `_ . \ ? $` and everything that is no ASCII.
    Word(&'a str),
    /// A bracket and all up to its partner, both included; `joined`: right behind a word.
    Bracket {
        joined: bool,
        inner: &'a str,
    },
    Sign(char),
}

/// Why the function `word` may not be called with these first two tokens as arguments.
pub(crate) fn refused_call(
    word: &str,
    first: Option<&Token<'_>>,
    second: Option<&Token<'_>>,
    links: Links,
) -> Option<What> {
    let mut name = word.to_ascii_uppercase();
    while let Some(rest) = ["_XLFN.", "_XLWS.", "_XLUDF.", "COM.MICROSOFT.", "COM.SUN.STAR."]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
    {
        name = rest.to_owned();
    }
    if name.starts_with("_XLL.") {
        return Some(What::Extension);
    }
    if name == "HYPERLINK" {
        let allowed = match first {
            Some(Token::Text(address)) => {
                address.starts_with('#')
                    || link::may_lead_to(address, links)
                    || (address.is_empty() && second.is_none())
            }
            _ => false,
        };
        return (!allowed).then_some(What::Link);
    }
    REFUSED.iter().find(|(refused, _)| *refused == name).map(|(_, what)| *what)
}

/// The formula, cut up; blanks are left out.
pub(crate) fn tokens(formula: &str) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    let mut rest = formula;
    let mut follows_word = false;
    while let Some(c) = rest.chars().next() {
        let (token, length) = match c {
            '"' | '\'' => {
                let length = quoted(rest, c);
                let inner = rest.get(1..length.saturating_sub(1)).unwrap_or_default();
                (Some(if c == '"' { Token::Text(inner) } else { Token::Quoted(inner) }), length)
            }
            '[' => {
                let length = bracketed(rest);
                let inner = rest.get(..length).unwrap_or_default();
                (Some(Token::Bracket { joined: follows_word, inner }), length)
            }
            c if is_word(c) => {
                let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                (Some(Token::Word(rest.get(..length).unwrap_or_default())), length)
            }
            c if c.is_whitespace() => (None, c.len_utf8()),
            c => (Some(Token::Sign(c)), c.len_utf8()),
        };
        follows_word = matches!(token, Some(Token::Word(_)));
        out.extend(token);
        rest = rest.get(length..).unwrap_or_default();
    }
    out
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '\\' | '?' | '$') || (!c.is_ascii() && !c.is_whitespace())
}

/// Length of a quoted run, its quotes included; a doubled quote does not end it.
fn quoted(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            match chars.peek() {
                Some((_, next)) if *next == quote => {
                    chars.next();
                }
                _ => return at + c.len_utf8(),
            }
        }
    }
    text.len()
}

/// Length of a bracketed run, nested brackets included; `'` escapes the next character in it.
fn bracketed(text: &str) -> usize {
    let mut depth = 0_u32;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => {
                chars.next();
            }
            '[' => depth += 1,
            ']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}
