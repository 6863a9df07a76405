//! Does a spreadsheet formula reach outside its workbook?

use crate::markup::formula::{Token, refused_call, tokens};
use crate::options::Links;
use crate::report::What;

/// The first reason why the formula may not stay.
pub(super) fn reaches_out(formula: &str, gone_sheets: &[String], links: Links) -> Option<What> {
    let tokens = tokens(formula);
    let at = |n: usize| tokens.get(n);
    for (n, token) in tokens.iter().enumerate() {
        let after = at(n + 1);
        let names_a_sheet = after == Some(&Token::Sign('!')) || after == Some(&Token::Sign(':'));
        match token {
            Token::Sign('|') => return Some(What::ExternalReference),
            // A structured reference's bracket follows its table's name; any other opens another workbook.
            Token::Bracket { joined: false, .. } => return Some(What::ExternalReference),
            Token::Quoted(name) if name.contains(['[', '|', '\\', '/']) => {
                return Some(What::ExternalReference);
            }
            Token::Quoted(name) | Token::Word(name) if names_a_sheet && is_gone(name, gone_sheets) => {
                return Some(What::MacroSheet);
            }
            Token::Word(word) if after == Some(&Token::Sign('(')) => {
                if let Some(what) = refused_call(word, at(n + 2), at(n + 3), links) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn what(formula: &str) -> Option<What> {
        reaches_out(formula, &["macro1".to_owned(), "it's".to_owned()], Links::Keep)
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
            "A1 [1]S!A1",
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
