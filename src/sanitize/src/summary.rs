//! The description of a legacy document: the stream `\u{5}SummaryInformation` (MS-OLEPS 2.21 and 2.25.1).
//!
//! ```text
//! FE FF │ version u16 │ system u32 │ class 16 │ sets u32 │ which set 16 │ offset u32 ─▶ size u32 │ count u32 │ (number u32 │ offset u32) × count │ values
//! ```
//!
//! Title, subject, author, keywords and the dates of making and saving are read and written anew, as UTF-8 and without control
//! characters. Everything else - thumbnail, editing time, program, template, last author - is left behind.

use std::collections::BTreeMap;

use crate::little_endian::u32_at;
use encoding_rs::Encoding;

/// Name of the stream.
pub(crate) const STREAM: &str = "\u{5}SummaryInformation";

/// {F29F85E0-4FF9-1068-AB91-08002B27B3D9}
const SET: [u8; 16] =
    [0xe0, 0x85, 0x9f, 0xf2, 0xf9, 0x4f, 0x68, 0x10, 0xab, 0x91, 0x08, 0x00, 0x2b, 0x27, 0xb3, 0xd9];
/// Bytes before the set.
const HEADER: u32 = 48;

/// Numbers of what is kept: title, subject, author, keywords; made, saved.
const TEXTS: [u32; 4] = [2, 3, 4, 5];
const DATES: [u32; 2] = [12, 13];
/// The number of the code page that texts are in.
const CODE_PAGE: u32 = 1;
const UTF_8: u16 = 65001;
const UTF_16: u16 = 1200;
/// Characters that are kept of a text.
const MAX_CHARS: usize = 1000;

/// Types of values.
const SHORT: u32 = 2;
const TEXT: u32 = 30;
const WIDE_TEXT: u32 = 31;
const DATE: u32 = 64;

/// The stream written anew; `None`: it says nothing that is kept.
pub(crate) fn rewritten(stream: &[u8]) -> Option<Vec<u8>> {
    let values = read(stream)?;
    if values.is_empty() {
        return None;
    }
    let mut table = Vec::new();
    let mut body = Vec::new();
    let page = [SHORT.to_le_bytes(), u32::from(UTF_8).to_le_bytes()].concat();
    let count = u32::try_from(values.len()).ok()? + 1;
    for (number, value) in std::iter::once((CODE_PAGE, page)).chain(values) {
        let offset = u32::try_from(body.len()).ok()? + 8 + count * 8;
        table.extend([number.to_le_bytes(), offset.to_le_bytes()].concat());
        body.extend(value);
    }
    let size = u32::try_from(table.len() + body.len()).ok()? + 8;
    let mut out = vec![0xfe, 0xff, 0, 0];
    out.extend([0; 20]);
    out.extend(1_u32.to_le_bytes());
    out.extend(SET);
    out.extend(HEADER.to_le_bytes());
    out.extend(size.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(table);
    out.extend(body);
    Some(out)
}

/// What is kept, each as a typed value.
fn read(stream: &[u8]) -> Option<BTreeMap<u32, Vec<u8>>> {
    let is_summary = stream.get(..2)? == [0xfe, 0xff] && stream.get(28..44)? == SET;
    let set = stream.get(usize::try_from(u32_at(stream, 44)?).ok()?..).filter(|_| is_summary)?;
    let count = usize::try_from(u32_at(set, 4)?).ok()?;
    let table = set.get(8..)?.as_chunks::<8>().0;
    let value = |wanted| {
        let entry = table.iter().take(count).find(|entry| u32_at(entry.as_slice(), 0) == Some(wanted))?;
        set.get(usize::try_from(u32_at(entry.as_slice(), 4)?).ok()?..)
    };
    let page = value(CODE_PAGE).and_then(|value| value.get(4..6)?.first_chunk().copied());
    let page = page.map_or(UTF_8, u16::from_le_bytes);
    let mut kept = BTreeMap::new();
    for number in TEXTS {
        if let Some(text) = value(number).and_then(|value| text(value, page)).filter(|text| !text.is_empty())
        {
            let mut bytes = text.into_bytes();
            bytes.push(0);
            let mut value = TEXT.to_le_bytes().to_vec();
            value.extend(u32::try_from(bytes.len()).ok()?.to_le_bytes());
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            value.extend(bytes);
            kept.insert(number, value);
        }
    }
    for number in DATES {
        let date = value(number).and_then(|value| value.get(..12)).filter(|date| {
            u32_at(date, 0) == Some(DATE) && date.get(4..).is_some_and(|date| date.iter().any(|&b| b != 0))
        });
        if let Some(date) = date {
            kept.insert(number, date.to_vec());
        }
    }
    Some(kept)
}

fn text(value: &[u8], page: u16) -> Option<String> {
    let kind = u32_at(value, 0)?;
    let length = usize::try_from(u32_at(value, 4)?).ok()?;
    let rest = value.get(8..)?;
    let wide = |bytes: &[u8]| {
        let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
        String::from_utf16_lossy(&units)
    };
    let text = match (kind, page) {
        (WIDE_TEXT, _) => wide(rest.get(..length.checked_mul(2)?)?),
        (TEXT, UTF_16) => wide(rest.get(..length)?),
        (TEXT, page) => encoding(page)?.decode_without_bom_handling(rest.get(..length)?).0.into_owned(),
        _ => return None,
    };
    let text = text.split('\0').next().unwrap_or_default();
    let is_shown = |c: &char| !c.is_control() && !crate::report::is_invisible(*c);
    let text: String = text.chars().filter(is_shown).take(MAX_CHARS).collect();
    Some(text.trim().to_owned())
}

/// The encoding that a Windows code page stands for.
fn encoding(page: u16) -> Option<&'static Encoding> {
    let label = match page {
        UTF_8 => "utf-8".to_owned(),
        932 => "shift_jis".to_owned(),
        936 => "gbk".to_owned(),
        949 => "euc-kr".to_owned(),
        950 => "big5".to_owned(),
        10000 => "macintosh".to_owned(),
        page => format!("windows-{page}"),
    };
    Encoding::for_label(label.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream of these values, each with its number.
    fn stream(values: &[(u32, Vec<u8>)]) -> Vec<u8> {
        let mut table = Vec::new();
        let mut body: Vec<u8> = Vec::new();
        for (number, value) in values {
            table.extend(number.to_le_bytes());
            table.extend(u32::try_from(8 + values.len() * 8 + body.len()).unwrap().to_le_bytes());
            body.extend(value);
        }
        let mut out = vec![0xfe, 0xff, 0, 0];
        out.extend([9; 20]);
        out.extend(1_u32.to_le_bytes());
        out.extend(SET);
        out.extend(HEADER.to_le_bytes());
        out.extend(u32::try_from(8 + table.len() + body.len()).unwrap().to_le_bytes());
        out.extend(u32::try_from(values.len()).unwrap().to_le_bytes());
        out.extend(table);
        out.extend(body);
        out
    }

    fn value(kind: u32, length: usize, bytes: &[u8]) -> Vec<u8> {
        [&kind.to_le_bytes(), &u32::try_from(length).unwrap().to_le_bytes(), bytes].concat()
    }

    fn has(bytes: &[u8], text: &str) -> bool {
        memchr::memmem::find(bytes, text.as_bytes()).is_some()
    }

    #[test]
    fn title_author_and_dates_are_written_anew() {
        let old = stream(&[
            (1, [SHORT.to_le_bytes(), 1252_u32.to_le_bytes()].concat()),
            (2, value(TEXT, 7, b"Stra\xdfe\0\0")),
            (4, value(WIDE_TEXT, 3, b"A\0n\0\n\0")),
            (8, value(TEXT, 8, b"somebody")),
            (12, [DATE.to_le_bytes().as_slice(), &[5; 8]].concat()),
            (17, value(71, 8, b"thumbnail")),
        ]);
        let new = rewritten(&old).unwrap();
        assert!(
            has(&new, "Straße\0")
                && has(&new, "An\0")
                && has(&new, "\u{5}\u{5}\u{5}\u{5}\u{5}\u{5}\u{5}\u{5}")
        );
        assert!(!has(&new, "somebody") && !has(&new, "thumbnail") && !has(&new, "\t\t\t"));
        assert_eq!(rewritten(&new).unwrap(), new);
    }

    #[test]
    fn nothing_comes_of_nothing_and_of_damage() {
        assert_eq!(rewritten(b""), None);
        assert_eq!(rewritten(&stream(&[(8, value(TEXT, 8, b"somebody"))])), None);
        assert_eq!(rewritten(&stream(&[(2, value(TEXT, 80, b"too short"))])), None);
        let good = stream(&[(2, value(TEXT, 4, b"name"))]);
        assert!(rewritten(&good).is_some());
        for end in 0..good.len() {
            rewritten(&good[..end]);
        }
    }
}
