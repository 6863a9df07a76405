//! Does a spreadsheet formula reach outside its workbook?
//!
//! The formula is cut into strings, quoted names, words and signs as ECMA-376 part 1, 18.17.2 spells them; whatever is
//! called, linked or talked to by DDE is then seen whatever surrounds it.

use super::link;
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
enum Token<'a> {
    /// `"text"`, without its quotes.
    Text(&'a str),
    /// `'sheet'`, without its quotes.
    Quoted(&'a str),
    /// Letters, digits, `_ . \ ? $` and everything that is no ASCII.
    Word(&'a str),
    /// A bracket and all up to its partner.
    Bracket(&'a str),
    Sign(char),
}

/// The first reason why the formula may not stay.
pub(super) fn reaches_out(formula: &str, gone_sheets: &[String]) -> Option<What> {
    let tokens = tokens(formula);
    let at = |n: usize| tokens.get(n);
    for (n, token) in tokens.iter().enumerate() {
        let before = n.checked_sub(1).and_then(at);
        let after = at(n + 1);
        let names_a_sheet = after == Some(&Token::Sign('!')) || after == Some(&Token::Sign(':'));
        match token {
            Token::Sign('|') => return Some(What::ExternalReference),
            // A structured reference's bracket follows its table's name; any other opens another workbook.
            Token::Bracket(_) if !matches!(before, Some(Token::Word(_))) => {
                return Some(What::ExternalReference);
            }
            Token::Quoted(name) if name.contains(['[', '|', '\\', '/']) => {
                return Some(What::ExternalReference);
            }
            Token::Quoted(name) | Token::Word(name) if names_a_sheet && is_gone(name, gone_sheets) => {
                return Some(What::MacroSheet);
            }
            Token::Word(word) if after == Some(&Token::Sign('(')) => {
                if let Some(what) = refused_call(word, at(n + 2), at(n + 3)) {
                    return Some(what);
                }
            }
            Token::Word(word) if word.contains('\\') && after == Some(&Token::Sign('!')) => {
                return Some(What::ExternalReference);
            }
            _ => {}
        }
    }
    None
}

fn is_gone(name: &str, gone: &[String]) -> bool {
    let name = name.replace("''", "'").to_lowercase();
    gone.contains(&name)
}

fn refused_call(word: &str, first: Option<&Token<'_>>, second: Option<&Token<'_>>) -> Option<What> {
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
                address.starts_with('#') || link::is_web(address) || (address.is_empty() && second.is_none())
            }
            _ => false,
        };
        return (!allowed).then_some(What::Link);
    }
    REFUSED.iter().find(|(refused, _)| *refused == name).map(|(_, what)| *what)
}

fn tokens(formula: &str) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    let mut rest = formula;
    while let Some(c) = rest.chars().next() {
        let (token, length) = match c {
            '"' | '\'' => {
                let length = quoted(rest, c);
                let inner = rest.get(1..length.saturating_sub(1)).unwrap_or_default();
                (Some(if c == '"' { Token::Text(inner) } else { Token::Quoted(inner) }), length)
            }
            '[' => {
                let length = bracketed(rest);
                (Some(Token::Bracket(rest.get(..length).unwrap_or_default())), length)
            }
            c if is_word(c) => {
                let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                (Some(Token::Word(rest.get(..length).unwrap_or_default())), length)
            }
            c if c.is_whitespace() => (None, c.len_utf8()),
            c => (Some(Token::Sign(c)), c.len_utf8()),
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn what(formula: &str) -> Option<What> {
        reaches_out(formula, &["macro1".to_owned(), "it's".to_owned()])
    }

    #[test]
    fn ordinary_formulas_stay() {
        for formula in [
            "SUM(A1:B2)*2",
            "Table1[[#This Row],[Total]]",
            "SUM(Table1[Amount])",
            "Table1[[#All],[1]:[2]]",
            "'My sheet'!A1&\"cmd|'/c calc'!A0\"",
            "IF(A1=\"[1]Sheet!A1\",1,2)",
            "HYPERLINK(\"https://example.org/\"&A1,\"x\")",
            "HYPERLINK(\"#Sheet2!A1\")",
            "_xlfn.XLOOKUP(A1,B:B,C:C)",
            "MYCALL(1)",
            "REGISTERED",
        ] {
            assert_eq!(what(formula), None, "{formula}");
        }
    }

    #[test]
    fn dde_in_every_spelling() {
        for formula in [
            "cmd|'/c calc'!A0",
            "'cmd'|'/c calc'!A0",
            "1+cmd |'/c calc'!_xlbgnm.A1",
            "'cmd|/c calc'!A0",
            "@SUM(1)*cmd|' /C x'!A0",
        ] {
            assert_eq!(what(formula), Some(What::ExternalReference), "{formula}");
        }
    }

    #[test]
    fn other_workbooks() {
        for formula in [
            "[1]Sheet1!A1",
            "SUM([2]Data!$A$1:$A$3)",
            "'[1]My sheet'!A1",
            "'C:\\x\\[b.xls]S'!A1",
            "1+[Book1.xlsx]S!A1",
            "[1]!Name",
        ] {
            assert_eq!(what(formula), Some(What::ExternalReference), "{formula}");
        }
    }

    #[test]
    fn functions_that_fetch_or_run() {
        for formula in [
            "WEBSERVICE(\"http://x\")",
            "_xlfn.webservice(A1)",
            "RTD(\"a\",,\"b\")",
            "call (\"Kernel32\",\"WinExec\")",
            "1+_xlfn._xlws.PY(1)",
            "_xll.Evil(1)",
        ] {
            assert!(what(formula).is_some(), "{formula}");
        }
        for formula in [
            "HYPERLINK(\"file:///c:/x\")",
            "HYPERLINK(A1)",
            "hyperlink(\"\\\\srv\\x\",1)",
            "HYPERLINK(\"\"&A1)",
        ] {
            assert_eq!(what(formula), Some(What::Link), "{formula}");
        }
    }

    #[test]
    fn sheets_that_are_gone() {
        assert_eq!(what("Macro1!A1"), Some(What::MacroSheet));
        assert_eq!(what("'it''s'!A1"), Some(What::MacroSheet));
    }
}
