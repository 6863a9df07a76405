//! StarView metafiles: how LibreOffice keeps the pictures of charts, formulas and other objects.
//!
//! ```text
//! "VCLMTF" │ header: compression, map mode, size, number of records │ record │ record │ …
//!                                             record: type (2) │ version (2) │ length (4) │ body
//! ```
//!
//! Only records that draw are copied, and only when their body has exactly the shape of their type (LibreOffice,
//! vcl/source/filter/svm/SvmReader.cxx). Bitmaps, PostScript, transparent groups and comments stay behind.

use crate::failure::Failure;

/// The media type in manifests.
pub(super) const MEDIA_TYPE: &str = "image/x-svm";

const MAGIC: &[u8] = b"VCLMTF";
/// A record's type, version and length.
const RECORD_HEAD: usize = 8;

/// A piece of a record's body.
#[derive(Debug, Clone, Copy)]
enum Piece {
    /// So many bytes of numbers.
    Numbers(usize),
    /// Length (2), then bytes.
    Name,
    /// The same, or when the last font is a Unicode one: number of characters (4), then UTF-16.
    Text,
    /// Number of characters (2), then UTF-16.
    WideText,
    /// Count (4), then numbers of 4 bytes.
    Array,
    /// Count (2), then points.
    Polygon,
    /// Count (2), then polygons.
    Polygons,
    /// Flag (1): the polygon once more follows, with its curves.
    Curve,
    /// Count (2), then index (2) and polygon with curves each.
    Curves,
    /// Version (2), length (4), then so many bytes of numbers at least and at most.
    Block(usize, usize),
    /// A block of two texts and 44 bytes at most.
    Font,
    /// A block of version, kind and bands.
    Region,
}

use Piece::{Array, Block, Curve, Curves, Font, Name, Numbers, Polygon, Polygons, Region, Text, WideText};

const POINT: Piece = Numbers(8);
const RECT: Piece = Numbers(16);
const LINE: Piece = Block(6, 58);
const GRADIENT: Piece = Block(24, 40);

/// The body of a record by its type and version; `None`: it is not copied.
fn shape(kind: u16, version: u16) -> Option<&'static [Piece]> {
    Some(match (kind, version) {
        (100, 1) => &[POINT, Numbers(4)],
        (101, 1) => &[POINT],
        (102, 1) => &[POINT, POINT],
        (102, 2) => &[POINT, POINT, LINE],
        (103 | 105, 1) => &[RECT],
        (104, 1) => &[RECT, Numbers(8)],
        (106..=108, 1) => &[RECT, POINT, POINT],
        (109 | 110, 1) => &[Polygon],
        (109, 2) => &[Polygon, LINE],
        (109, 3) => &[Polygon, LINE, Curve],
        (110, 2) => &[Polygon, Curve],
        (111, 1) => &[Polygons],
        (111, 2) => &[Polygons, Curves],
        (112, 1) => &[POINT, Text, Numbers(4)],
        (112, 2) => &[POINT, Text, Numbers(4), WideText],
        (113, 1) => &[POINT, Text, Numbers(4), Array],
        (113, 2) => &[POINT, Text, Numbers(4), Array, WideText],
        (114, 1) => &[POINT, Text, Numbers(8)],
        (114, 2) => &[POINT, Text, Numbers(8), WideText],
        (115, 1) => &[RECT, Text, Numbers(2)],
        (115, 2) => &[RECT, Text, Numbers(2), WideText],
        (125, 1) => &[RECT, GRADIENT],
        (128, 1) => &[Region, Numbers(1)],
        (129, 1) => &[RECT],
        (130, 1) => &[Region],
        (131, 1) => &[Numbers(8)],
        (132 | 133 | 135 | 145 | 151, 1) => &[Numbers(5)],
        (134, 1) => &[Numbers(4)],
        (136 | 139 | 141 | 150, 1) => &[Numbers(2)],
        (137, 1) => &[Block(27, 27)],
        (FONT, 1) => &[Font],
        (140, 1) => &[],
        (142, 1) => &[Polygons, Numbers(2)],
        (144, 1) => &[Numbers(9)],
        (146, 1) => &[POINT, Numbers(12)],
        (146, 2) => &[POINT, Numbers(16)],
        (148, 1) => &[Polygons, GRADIENT],
        (149, 1) => &[Numbers(4)],
        // Which of the two ways to draw a gradient is meant.
        (COMMENT, 1) => &[Name, Numbers(8)],
        _ => return None,
    })
}

const FONT: u16 = 138;
const COMMENT: u16 = 512;
const GRADIENT_COMMENTS: [&[u8]; 2] = [b"XGRAD_SEQ_BEGIN", b"XGRAD_SEQ_END"];

/// Whether the bytes begin like a StarView metafile.
pub(super) fn is_svm(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// The metafile with its drawing records only, and the number of those that stay behind, comments not counted.
pub(super) fn rebuild(bytes: &[u8]) -> Result<(Vec<u8>, u32), Failure> {
    let mut cursor = Cursor(bytes);
    let malformed = || Failure::Malformed("a metafile that is not sound".to_owned());
    let (start, count) = head(&mut cursor).ok_or_else(malformed)?;
    let mut out = bytes.get(..start).unwrap_or_default().to_vec();
    let (mut kept, mut gone) = (0_u32, 0_u32);
    let mut is_wide = false;
    for _ in 0..count {
        let record = cursor.0;
        let (kind, body) = next(&mut cursor).ok_or_else(malformed)?;
        if is_drawn(kind, record, body, is_wide) {
            if kind == FONT {
                is_wide = Cursor(body).is_wide_font().ok_or_else(malformed)?;
            }
            let length = RECORD_HEAD + body.len();
            out.extend(record.get(..length).unwrap_or_default());
            kept += 1;
        } else if kind != COMMENT {
            gone += 1;
        }
    }
    if !cursor.0.is_empty() || kept == 0 {
        return Err(malformed());
    }
    let count_at = count_at(&out).ok_or_else(malformed)?;
    if let Some(place) = out.get_mut(count_at..count_at + 4) {
        place.copy_from_slice(&kept.to_le_bytes());
    }
    Ok((out, gone))
}

/// Whether every record draws, and nothing else is there; read from scratch for verification.
pub(super) fn is_clean(bytes: &[u8]) -> bool {
    let mut cursor = Cursor(bytes);
    let Some((_, count)) = head(&mut cursor) else { return false };
    for _ in 0..count {
        let Some((kind, body)) = next(&mut cursor) else { return false };
        // Bitmaps and masks, PostScript, nested metafiles, comments with data.
        let refused = matches!(kind, 116..=124 | 127 | 143 | 147 | 152..) && kind != COMMENT;
        if refused || (kind == COMMENT && body.len() > 32) {
            return false;
        }
    }
    cursor.0.is_empty()
}

fn is_drawn(kind: u16, record: &[u8], body: &[u8], is_wide: bool) -> bool {
    let version = Cursor(record.get(2..).unwrap_or_default()).u16().unwrap_or_default();
    let Some(pieces) = shape(kind, version) else { return false };
    let is_gradient = GRADIENT_COMMENTS.iter().any(|text| body.get(2..2 + text.len()) == Some(text));
    if kind == COMMENT && (!is_gradient || body.len() > 32) {
        return false;
    }
    let mut cursor = Cursor(body);
    pieces.iter().all(|piece| cursor.piece(*piece, is_wide).is_some()) && cursor.0.is_empty()
}

/// Reads the header; gives its length and the number of records.
fn head(cursor: &mut Cursor<'_>) -> Option<(usize, u32)> {
    let whole = cursor.0.len();
    (cursor.take(MAGIC.len())? == MAGIC).then_some(())?;
    let version = cursor.u16()?;
    let length = cursor.length()?;
    let mut body = Cursor(cursor.take(length)?);
    (body.u32()? <= 1).then_some(())?;
    body.piece(Block(27, 27), false)?;
    body.take(8)?;
    let count = body.u32()?;
    let rest = if version >= 2 { 1 } else { 0 };
    (body.0.len() == rest).then_some((whole - cursor.0.len(), count))
}

/// Where in a sound metafile the number of records stands.
fn count_at(bytes: &[u8]) -> Option<usize> {
    let mut cursor = Cursor(bytes);
    let (start, _) = head(&mut cursor)?;
    let version = Cursor(bytes.get(MAGIC.len()..)?).u16()?;
    start.checked_sub(if version >= 2 { 5 } else { 4 })
}

fn next<'a>(cursor: &mut Cursor<'a>) -> Option<(u16, &'a [u8])> {
    let kind = cursor.u16()?;
    cursor.u16()?;
    let length = cursor.length()?;
    Some((kind, cursor.take(length)?))
}

/// What is left to read; numbers are little-endian.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.u32()?).ok()
    }

    fn block(&mut self) -> Option<Cursor<'a>> {
        self.u16()?;
        let length = self.length()?;
        self.take(length).map(Cursor)
    }

    /// Whether a font's texts are in UTF-16: its character set is behind its names and size.
    fn is_wide_font(&mut self) -> Option<bool> {
        const UNICODE: u16 = 0xffff;
        let mut block = self.block()?;
        block.piece(Name, false)?;
        block.piece(Name, false)?;
        block.take(8)?;
        Some(block.u16()? == UNICODE)
    }

    /// A block of a polygon and a byte for each of its points: corner, smooth or control.
    fn curve(&mut self) -> Option<()> {
        let mut block = self.block()?;
        let count = usize::from(Cursor(block.0).u16()?);
        block.piece(Polygon, false)?;
        match block.take(1)? {
            [0] => {}
            _ => block.take(count).filter(|kinds| kinds.iter().all(|kind| *kind <= 3)).map(|_| ())?,
        }
        block.0.is_empty().then_some(())
    }

    fn piece(&mut self, piece: Piece, is_wide: bool) -> Option<()> {
        match piece {
            Numbers(length) => self.take(length).map(|_| ()),
            Text if is_wide => {
                let count = self.length()?;
                self.take(count.checked_mul(2)?).map(|_| ())
            }
            Name | Text => {
                let length = self.u16()?;
                self.take(length.into()).map(|_| ())
            }
            WideText => {
                let count = usize::from(self.u16()?);
                self.take(count * 2).map(|_| ())
            }
            Array => {
                let count = self.length()?;
                self.take(count.checked_mul(4)?).map(|_| ())
            }
            Polygon => {
                let count = usize::from(self.u16()?);
                self.take(count * 8).map(|_| ())
            }
            Polygons => {
                let count = self.u16()?;
                (0..count).try_for_each(|_| self.piece(Polygon, false))
            }
            Curve => match self.take(1)? {
                [0] => Some(()),
                [1] => self.curve(),
                _ => None,
            },
            Curves => {
                let count = self.u16()?;
                (0..count).try_for_each(|_| {
                    self.u16()?;
                    self.curve()
                })
            }
            Block(least, most) => (least..=most).contains(&self.block()?.0.len()).then_some(()),
            Font => {
                const MOST: usize = 48;
                let mut block = self.block()?;
                block.piece(Name, false)?;
                block.piece(Name, false)?;
                (block.0.len() <= MOST).then_some(())
            }
            Region => {
                const NONE: u16 = 1;
                let mut block = self.block()?;
                block.u16()?;
                if block.u16()? > NONE {
                    loop {
                        match block.u16()? {
                            0 | 1 => block.take(8)?,
                            2 => break,
                            _ => return None,
                        };
                    }
                }
                // A flag of version 2: no polygons follow.
                matches!(block.0, [] | [0]).then_some(())
            }
        }
    }
}
