//! CSV: parsed, cells that a spreadsheet program would calculate are neutralised, written anew with the same delimiter.
//!
//! A spreadsheet program decides by its own language settings which delimiter it splits at, so a cell is also
//! searched for what would become a cell of its own elsewhere: `a;=cmd|…` in a file delimited by commas.

use std::borrow::Cow;

use super::{check_size, decode, plain};
use crate::failure::Failure;
use crate::limits::Limits;
use crate::report::{Removed, What};

/// Delimiters that programs split at, the likeliest first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Rewrites CSV.
pub(super) fn rewrite(bytes: &[u8], limits: &Limits) -> Result<(Vec<u8>, Vec<Removed>), Failure> {
    let decoded = decode::text(bytes)?;
    let (text, mut removed) = plain::clean(&decoded.text);
    let delimiter = delimiter(&text)?;
    let crlf = text.find('\n').is_some_and(|at| text.get(..at).is_some_and(|line| line.ends_with('\r')));

    let mut writer = csv::WriterBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .terminator(if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') })
        .from_writer(Vec::new());
    let (mut formulas, mut first) = (0_u32, None);
    let mut records = reader(delimiter, &text);
    let mut record = csv::StringRecord::new();
    let mut row = 0_u64;
    while records.read_record(&mut record).map_err(Failure::malformed)? {
        row += 1;
        for (column, cell) in record.iter().enumerate() {
            let neutral = neutralised(cell);
            if let Cow::Owned(_) = neutral {
                formulas = formulas.saturating_add(1);
                first.get_or_insert((row, column + 1));
            }
            writer.write_field(neutral.as_ref()).map_err(Failure::malformed)?;
        }
        writer.write_record(None::<&[u8]>).map_err(Failure::malformed)?;
    }
    let written = writer.into_inner().map_err(Failure::malformed)?;
    let written = String::from_utf8(written).map_err(Failure::malformed)?;
    if written.is_empty() {
        return Err(Failure::Malformed("the file has no rows".to_owned()));
    }
    check_size(&written, limits)?;
    if self::delimiter(&written)? != delimiter {
        return Err(Failure::Malformed("its delimiter is ambiguous".to_owned()));
    }
    if let Some((row, column)) = first {
        let place = format!("made plain text by an apostrophe, the first in row {row}, column {column}");
        removed.push(Removed::new(What::FormulaCell, &place, formulas));
    }
    let mark = if decoded.marked { plain::MARK } else { "" };
    Ok(([mark, &written].concat().into_bytes(), removed))
}

fn reader(delimiter: u8, text: &str) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes())
}

/// What Excel's first line `sep=;` says, else the delimiter that gives the most rows of one width.
fn delimiter(text: &str) -> Result<u8, Failure> {
    const SAMPLE_BYTES: usize = 64 << 10;
    const SAMPLE_ROWS: usize = 50;
    let first_line = text.lines().next().unwrap_or_default();
    if let Some(sep) = first_line.trim_matches('"').strip_prefix("sep=")
        && sep.len() == 1
    {
        let named = sep.bytes().next().filter(|b| DELIMITERS.contains(b));
        return named
            .ok_or_else(|| Failure::Malformed("it names a delimiter that is not accepted".to_owned()));
    }
    let mut end = text.len().min(SAMPLE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let sample = text.get(..end).unwrap_or_default();
    let score = |delimiter: u8| {
        let widths: Vec<usize> = reader(delimiter, sample)
            .into_records()
            .take(SAMPLE_ROWS)
            .map_while(Result::ok)
            .map(|r| r.len())
            .collect();
        let rows_of = |width: usize| widths.iter().filter(|&&w| w == width).count();
        widths.iter().filter(|&&width| width > 1).map(|&width| (rows_of(width), width)).max()
    };
    // `max_by_key` takes the last of equals, so the likeliest comes last.
    let best = DELIMITERS.into_iter().rev().max_by_key(|&delimiter| score(delimiter));
    Ok(best.unwrap_or(b','))
}

/// The cell, with an apostrophe wherever a spreadsheet program would begin to calculate.
fn neutralised(cell: &str) -> Cow<'_, str> {
    let starts_formula = begins_formula(cell) && !is_number(cell);
    let hidden: Vec<usize> = cell
        .char_indices()
        .filter(|(_, c)| matches!(c, ',' | ';' | '\t' | '|' | '\n' | '\r'))
        .map(|(at, _)| at + 1)
        .filter(|&at| cell.get(at..).is_some_and(calls))
        .collect();
    if !starts_formula && hidden.is_empty() {
        return Cow::Borrowed(cell);
    }
    let mut out = String::with_capacity(cell.len() + 1 + hidden.len());
    out.push_str(if starts_formula { "'" } else { "" });
    let mut from = 0;
    for at in hidden {
        out.push_str(cell.get(from..at).unwrap_or_default());
        out.push('\'');
        from = at;
    }
    out.push_str(cell.get(from..).unwrap_or_default());
    Cow::Owned(out)
}

/// Whether a cell with this text is calculated or, as OWASP's "CSV injection" warns, might be after trimming.
fn begins_formula(cell: &str) -> bool {
    cell.starts_with(['\t', '\r', '\n'])
        || cell
            .trim_start_matches([' ', '"', '\u{a0}'])
            .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

/// Whether text behind a foreign delimiter would, as a cell of its own, do more than arithmetic: call a function,
/// another program or another workbook. Mere signs are left alone there (`€ 12,- per stuk`).
fn calls(rest: &str) -> bool {
    let cell = rest.split([',', ';', '\t', '\n', '\r']).next().unwrap_or(rest);
    begins_formula(cell) && !cell.starts_with(['\t', '\r', '\n']) && cell.contains(['(', '|', '!', '['])
}

/// Signs, digits, separators and currency signs only, or an exponent: amounts, telephone numbers, dashes. Without a
/// letter or `=` there is nothing to call or refer to.
fn is_number(cell: &str) -> bool {
    let mut previous = ' ';
    let mut characters = cell.trim().chars().peekable();
    while let Some(c) = characters.next() {
        let fits = match c {
            '0'..='9'
            | ' '
            | '\u{a0}'
            | '.'
            | ','
            | '('
            | ')'
            | '+'
            | '-'
            | '/'
            | ':'
            | '%'
            | '€'
            | '$'
            | '£' => true,
            'e' | 'E' => {
                previous.is_ascii_digit()
                    && characters
                        .peek()
                        .is_some_and(|next| next.is_ascii_digit() || matches!(next, '+' | '-'))
            }
            _ => false,
        };
        if !fits {
            return false;
        }
        previous = c;
    }
    !cell.starts_with(['\t', '\r', '\n'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str) -> (String, u32) {
        let limits = Limits::default();
        let (out, removed) = rewrite(text.as_bytes(), &limits).unwrap();
        assert_eq!(rewrite(&out, &limits).unwrap(), (out.clone(), Vec::new()), "idempotent");
        (String::from_utf8(out).unwrap(), removed.iter().map(|r| r.count).sum())
    }

    #[test]
    fn honest_csv_is_kept_byte_for_byte() {
        for text in [
            "naam,bedrag,tel\r\nJansen,\"-12,5\",+45 12345678\r\n\"a \"\"b\"\"\",-3.1E-5,+31 (0)20 123\r\n",
            "naam;bedrag;opmerking\nJansen;€ 12,- per stuk;-\nDe Vries;-€ 3,50;x-y\n",
            "sep=;\na;b\n",
            "a\tb\n1\t-2\n",
            "één kolom\n1\n",
        ] {
            assert_eq!(rewritten(text), (text.to_owned(), 0));
        }
    }

    #[test]
    fn formula_cells_are_neutralised() {
        assert_eq!(
            rewritten("a,b\n=1+1,@SUM(A1)\n-2+A1,+cmd\n"),
            ("a,b\n'=1+1,'@SUM(A1)\n'-2+A1,'+cmd\n".to_owned(), 4)
        );
        assert_eq!(rewritten("a,b\n =1,\"\t=1\"\n").1, 2);
        assert_eq!(rewritten("a,b\n＝1,\"\n=1\"\n").1, 2);
    }

    #[test]
    fn dde_behind_quotes_is_neutralised() {
        let (out, _) = rewritten("a,b\n\"=cmd|' /C calc'!A0\",\"\"\"=cmd|' /C calc'!A0\"\n");
        assert_eq!(out, "a,b\n'=cmd|' /C calc'!A0,\"'\"\"=cmd|' /C calc'!A0\"\n");
        assert_eq!(rewritten("a,b\n\"x\"=1,2\n").0, "a,b\nx=1,2\n", "what follows a closing quote");
    }

    #[test]
    fn a_formula_behind_another_delimiter_is_neutralised() {
        assert_eq!(rewritten("a,b\nx;=cmd|' /C calc'!A0;y,1\n").0, "a,b\nx;'=cmd|' /C calc'!A0;y,1\n");
        assert_eq!(rewritten("a;b\n\"x\n=HYPERLINK(1)\";1\n").0, "a;b\n\"x\n'=HYPERLINK(1)\";1\n");
    }

    #[test]
    fn a_text_that_would_be_split_elsewhere_once_written_is_malformed() {
        let failure = rewrite(b"\"a;b\",\"c;d\"\n", &Limits::default()).unwrap_err();
        assert!(failure.to_string().contains("delimiter is ambiguous"), "{failure}");
    }

    #[test]
    fn a_named_delimiter_must_be_a_known_one() {
        assert_eq!(rewritten("sep=;\na,b;=1\n").0, "sep=;\na,b;'=1\n");
        assert!(rewrite(b"sep=x\naxb\n", &Limits::default()).is_err());
    }
}
