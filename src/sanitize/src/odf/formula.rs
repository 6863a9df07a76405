//! Does a formula, a condition or a range of cells reach outside its document?
//!
//! OpenDocument 1.3 part 4 (OpenFormula), 5.8: a reference stands in brackets, and one to another file begins with its
//! address and `#`. What Excel's and older grammars would see in the same text is looked for too, whatever prefix it has.

use crate::markup::formula::{Token, refused_call, tokens};
use crate::options::Links;
use crate::report::What;

/// Brackets in brackets that honest formulas have: references to columns of tables.
const MAX_DEPTH: u32 = 4;

/// The first reason why the text may not stay; `links`: what becomes of addresses in the web.
pub(super) fn reaches_out(text: &str, links: Links) -> Option<What> {
    search(text, links, MAX_DEPTH)
}

fn search(text: &str, links: Links, depth: u32) -> Option<What> {
    let tokens = tokens(text);
    let at = |n: usize| tokens.get(n);
    let has_item = tokens.contains(&Token::Sign('!'));
    for (n, token) in tokens.iter().enumerate() {
        let before = n.checked_sub(1).and_then(at);
        let after = at(n + 1);
        let is_quoted = |token: Option<&Token<'_>>| matches!(token, Some(Token::Quoted(_)));
        match token {
            Token::Sign('|') if has_item || is_quoted(before) || is_quoted(after) => {
                return Some(What::ExternalReference);
            }
            Token::Sign('#') if !is_error(before, after) => return Some(What::ExternalReference),
            Token::Bracket { joined, inner } => {
                let inner = inner.strip_prefix('[').unwrap_or(inner);
                let inner = inner.strip_suffix(']').unwrap_or(inner);
                if depth == 0 || (!joined && !is_reference(inner)) {
                    return Some(What::ExternalReference);
                }
                if let Some(what) = search(inner, links, depth - 1) {
                    return Some(what);
                }
            }
            Token::Quoted(name) if name.contains(['|', '\\']) || name.contains("//") => {
                return Some(What::ExternalReference);
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

/// `#REF!` and the other error values, behind nothing or behind the point of a sheet's name.
fn is_error(before: Option<&Token<'_>>, after: Option<&Token<'_>>) -> bool {
    let stands_free = match before {
        Some(Token::Word(word)) => word.ends_with(['.', '$']),
        Some(Token::Quoted(_)) => false,
        _ => true,
    };
    stands_free
        && matches!(after, Some(Token::Word(word)) if matches!(*word, "REF" | "N" | "NAME" | "NAME?" | "VALUE" | "DIV" | "NUM" | "NULL"))
}

/// A reference to cells has the point between sheet and cell, or is an error.
fn is_reference(inner: &str) -> bool {
    tokens(inner).iter().any(|token| match token {
        Token::Word(word) => word.contains('.') || *word == "REF",
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_formulas_stay() {
        for formula in [
            "of:=SUM([.A1:.B2])*2",
            "of:=[$'My Sheet'.$A$1]&\"cmd|'/c calc'!A0\"",
            "of:=[.#REF!]+[$Sheet1.#REF!]+#N/A+[#REF!]",
            "of:=IF([.A1]=\"file:///x\";1;2)",
            "of:=HYPERLINK(\"https://example.org/\";\"x\")",
            "of:=HYPERLINK(\"#Sheet2.A1\")",
            "of:=COM.MICROSOFT.XLOOKUP([.A1];[.B:.B];[.C:.C])",
            "ooow:sum <B2:B4>",
            "ooow:page > 1",
            "cell-content-is-in-list(\"a\";\"b\")",
            "value()>=0",
            "$Sheet1.$A$1:.$B$2",
            "'My Sheet'.A1:'My Sheet'.B2 Sheet2.C3",
        ] {
            assert_eq!(reaches_out(formula, Links::Keep), None, "{formula}");
        }
    }

    #[test]
    fn other_files_dde_and_calls_out() {
        for formula in [
            "of:=['file:///tmp/x.ods'#$Sheet1.A1]",
            "of:=[file:///tmp/x.ods#$Sheet1.A1]",
            "of:='http://h/x.ods'#Name",
            "of:=DDE(\"soffice\";\"x.ods\";\"a1\")",
            "of:=COM.MICROSOFT.WEBSERVICE(\"http://h\")",
            "oooc:=webservice([.A1])",
            "msoxl:=cmd|'/c calc'!A0",
            "msoxl:=cmd|x!A0",
            "msoxl:=[1]Sheet1!A1",
            "msoxl:='C:\\x\\[b.xls]S'!A1",
            "of:=HYPERLINK(\"file:///c:/x\")",
            "of:=HYPERLINK([.A1])",
            "'file:///tmp/x.ods'#$Sheet1.A1:.B2",
        ] {
            assert!(reaches_out(formula, Links::Keep).is_some(), "{formula}");
        }
    }

    #[test]
    fn brackets_in_brackets_without_end() {
        assert!(reaches_out(&"a[".repeat(100_000), Links::Keep).is_some());
    }

    #[test]
    fn web_addresses_in_calls_go_with_all_links() {
        for formula in [
            "of:=HYPERLINK(\"https://example.org/\";\"x\")",
            "of:=1+hyperlink (\"mailto:a@b.de\")",
            "of:=COM.MICROSOFT.HYPERLINK(\"https://h\")",
        ] {
            assert_eq!(reaches_out(formula, Links::Remove), Some(What::Link), "{formula}");
        }
        assert_eq!(reaches_out("of:=HYPERLINK(\"#Sheet2.A1\")", Links::Remove), None);
    }
}
