//! The records of a Windows metafile that are kept, and how each is laid out (MS-WMF 2.3).

use crate::dib::Dib;
use crate::limits::Limits;
use crate::little_endian::{Fields, set_u32};
use crate::report::What;

/// META_CREATEBRUSHINDIRECT of a brush that paints nothing.
pub(super) const NULL_BRUSH: [u8; 14] = [7, 0, 0, 0, 0xfc, 2, 1, 0, 0, 0, 0, 0, 0, 0];

/// Bytes before a record's parameters: size and function.
const START: usize = 6;

/// How a record's parameters are laid out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// So many words.
    Words(usize),
    /// So many words, the last of which counts the items that follow, of so many words.
    Items(usize, usize),
    /// Number of polygons, points of each, points.
    Polygons,
    /// So many words, then a bitmap; the word at the second place says what its colours are.
    Bitmap { words: usize, usage: Option<usize> },
    /// So many words, of which one more, unused, stands before the last four when there is no bitmap.
    Transfer(usize),
    /// A font.
    Font,
    /// Length, characters, position.
    Text,
    /// Position, length, options, rectangle, characters, spacing.
    ExtendedText,
}

/// The shape of a function that is kept.
pub(super) fn shape(function: u16) -> Option<Shape> {
    use Shape::{Bitmap, ExtendedText, Font, Items, Polygons, Text, Transfer, Words};
    Some(match function {
        0x001e | 0x0035 => Words(0),
        0x0102..=0x0104 | 0x0106..=0x0108 | 0x0127 | 0x012d | 0x012e | 0x0139 | 0x0149 | 0x01f0 | 0x0234 => {
            Words(1)
        }
        0x0201 | 0x0209..=0x020f | 0x0211 | 0x0213 | 0x0214 | 0x0220 | 0x0231 => Words(2),
        0x02fc | 0x0410 | 0x0412 | 0x0415 | 0x0416 | 0x0418 | 0x0419 | 0x041b | 0x041f => Words(4),
        0x02fa | 0x0548 => Words(5),
        0x061c | 0x061d => Words(6),
        0x0817 | 0x081a | 0x0830 => Words(8),
        0x0037 | 0x00f7 | 0x0436 => Items(2, 2),
        0x0324 | 0x0325 => Items(1, 2),
        0x0538 => Polygons,
        0x0142 => Bitmap { words: 2, usage: Some(1) },
        0x0d33 => Bitmap { words: 9, usage: Some(0) },
        0x0f43 => Bitmap { words: 11, usage: Some(2) },
        0x0940 => Transfer(8),
        0x0b41 => Transfer(10),
        0x02fb => Font,
        0x0521 => Text,
        0x0a32 => ExtendedText,
        _ => return None,
    })
}

/// What a function that is not kept is.
pub(super) fn left_behind(function: u16) -> (What, &'static str) {
    match function {
        0x0626 => (What::Action, "escape to a device driver"),
        0x06ff | 0x012a..=0x012c | 0x0228 | 0x0429 => (What::UnknownPart, "region"),
        0x01f9 | 0x0922 | 0x0b23 => (What::UnknownPart, "bitmap for one kind of device"),
        _ => (What::UnknownPart, "record of a function that is not known"),
    }
}

/// What a record does with a drawing object.
pub(super) enum Use {
    None,
    Creates,
    Selects(usize),
    Deletes(usize),
}

/// The object that a record names; a record too short for one names none that exists.
pub(super) fn object(function: u16, record: &[u8]) -> Use {
    let number = || Fields(record).u16(START).map_or(usize::MAX, usize::from);
    match function {
        0x012d | 0x0234 => Use::Selects(number()),
        0x01f0 => Use::Deletes(number()),
        // Pens, brushes, fonts, palettes, patterns, regions, and what old versions called bitmaps.
        0x00f7 | 0x00f8 | 0x0142 | 0x01f9 | 0x02fa..=0x02fd | 0x06fe | 0x06ff => Use::Creates,
        _ => Use::None,
    }
}

/// Lays a record out anew; also says whether it had bytes that belong to nothing.
pub(super) fn rewrite(shape: Shape, record: &[u8], limits: &Limits) -> Option<(Vec<u8>, bool)> {
    let fields = Fields(record);
    let word = |n: usize| fields.u16(START + 2 * n);
    let words = |n: usize| record.get(..n.checked_mul(2)?.checked_add(START)?).map(<[u8]>::to_vec);
    let mut slack = false;
    let mut out = match shape {
        Shape::Words(n) => words(n)?,
        Shape::Items(n, item) => words(n + usize::from(word(n - 1)?) * item)?,
        Shape::Polygons => {
            let polygons = usize::from(word(0)?);
            let points = (0..polygons).try_fold(0, |sum, n| Some(sum + usize::from(word(1 + n)?)))?;
            words(1 + polygons + points * 2)?
        }
        Shape::Bitmap { words: n, usage } => {
            let usage = usage.map_or(Some(0), word)?;
            // META_SETDIBTODEV may carry some of the lines.
            let lines = if n == 9 { Some(word(1)?.into()) } else { None };
            let (dib, around) = bitmap(record.get(START + 2 * n..)?, usage.into(), lines, limits)?;
            slack = around;
            [words(n)?, dib].concat()
        }
        Shape::Transfer(n) => {
            // Without a bitmap: size − 3 is the number of words (MS-WMF 2.3.1.2).
            let without = n + 1;
            if record.len() == START + 2 * without {
                words(without)?
            } else {
                let (dib, around) = bitmap(record.get(START + 2 * n..)?, 0, None, limits)?;
                slack = around;
                [words(n)?, dib].concat()
            }
        }
        Shape::Font => font(record)?,
        Shape::Text => {
            let text = usize::from(word(0)?).next_multiple_of(2);
            words(1 + text / 2 + 2)?
        }
        Shape::ExtendedText => extended_text(fields)?,
    };
    out.resize(out.len().next_multiple_of(2), 0);
    let size = out.len();
    set_u32(&mut out, 0, size / 2)?;
    let is_plain = !matches!(shape, Shape::Bitmap { .. } | Shape::Transfer(_) | Shape::Font);
    // Many a writer leaves a word, unused, behind modes.
    slack |= is_plain && record.len() > size + 2;
    Some((out, slack))
}

fn bitmap(bytes: &[u8], usage: u32, lines: Option<u32>, limits: &Limits) -> Option<(Vec<u8>, bool)> {
    let dib = Dib::packed(bytes, usage, lines, limits)?;
    Some(([dib.info.as_slice(), &dib.bits].concat(), dib.slack))
}

/// A font and its face name (MS-WMF 2.2.1.2), ended by a zero.
fn font(record: &[u8]) -> Option<Vec<u8>> {
    const FIXED: usize = START + 18;
    const FACE: usize = 31;
    let (fixed, face) = record.split_at_checked(FIXED)?;
    let face = face.get(..face.len().min(FACE))?;
    let face = face.split(|&b| b == 0).next().unwrap_or_default();
    Some([fixed, face, &[0]].concat())
}

/// META_EXTTEXTOUT (MS-WMF 2.3.3.5).
fn extended_text(fields: Fields<'_>) -> Option<Vec<u8>> {
    const OPAQUE_OR_CLIPPED: u16 = 2 | 4;
    let (length, options) = (usize::from(fields.u16(START + 4)?), fields.u16(START + 6)?);
    let rectangle = if options & OPAQUE_OR_CLIPPED != 0 { 8 } else { 0 };
    let fixed = START + 8 + rectangle;
    let text = fields.bytes(fixed, length)?;
    let mut out = fields.bytes(0, fixed)?.to_vec();
    out.extend_from_slice(text);
    out.resize(out.len().next_multiple_of(2), 0);
    // Spacing is there or not.
    if let Some(spacing) = fields.bytes(fixed + length.next_multiple_of(2), length.checked_mul(2)?) {
        out.extend_from_slice(spacing);
    }
    Some(out)
}
