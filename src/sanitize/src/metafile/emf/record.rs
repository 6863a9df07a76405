//! The records of an enhanced metafile that are kept, and how each is laid out (MS-EMF 2.3).

use super::STOCK;
use crate::dib::Dib;
use crate::limits::Limits;
use crate::little_endian::{Fields, set_u32};
use crate::report::What;

/// How a record is laid out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// So many bytes in all.
    Fixed(usize),
    /// A number at `count`, then, from `start`, that many items of `item` bytes.
    Items { count: usize, wide: bool, start: usize, item: usize },
    /// Bounds, count, points of this many bytes, a byte for each point.
    TypedPoints(usize),
    /// Bounds, number of lines, number of points, points of each line, points of this many bytes.
    Lines(usize),
    /// A region whose size is at `size` and which starts at `start`.
    Region { size: usize, start: usize },
    /// So many bytes, then bitmaps; for each: where its usage stands, and where its four offsets and sizes.
    Bitmaps { fixed: usize, places: &'static [(usize, usize)] },
    /// A pen: bitmap, then style entries.
    Pen,
    /// A font.
    Font,
    /// Text with one or two bytes for a character.
    Text(usize),
    /// Text without spacing.
    SmallText,
    /// Vertices and meshes.
    Gradient,
}

/// The shape of a type that is kept.
pub(super) fn shape(kind: u32) -> Option<Shape> {
    use Shape::{Bitmaps, Fixed, Font, Gradient, Items, Lines, Pen, Region, SmallText, Text, TypedPoints};
    Some(match kind {
        28 | 33 | 52 | 59..=61 | 65 | 66 | 68 => Fixed(8),
        16..=22 | 24 | 25 | 34 | 37 | 40 | 48 | 57 | 58 | 67 | 98 | 115 => Fixed(12),
        9..=13 | 26 | 27 | 51 | 54 | 120 => Fixed(16),
        15 => Fixed(20),
        29..=32 | 39 | 42 | 43 | 53 | 62..=64 => Fixed(24),
        38 | 41 => Fixed(28),
        23 | 35 | 44 => Fixed(32),
        36 => Fixed(36),
        45..=47 | 55 => Fixed(40),
        2..=6 => Items { count: 24, wide: true, start: 28, item: 8 },
        85..=89 => Items { count: 24, wide: true, start: 28, item: 4 },
        49 => Items { count: 14, wide: false, start: 16, item: 4 },
        50 => Items { count: 16, wide: true, start: 20, item: 4 },
        56 => TypedPoints(8),
        92 => TypedPoints(4),
        7 | 8 => Lines(8),
        90 | 91 => Lines(4),
        71 => Region { size: 24, start: 32 },
        72 => Region { size: 24, start: 40 },
        73 | 74 => Region { size: 24, start: 28 },
        75 => Region { size: 8, start: 16 },
        76 => Bitmaps { fixed: 100, places: &[(80, 84)] },
        77 | 114 | 116 => Bitmaps { fixed: 108, places: &[(80, 84)] },
        78 => Bitmaps { fixed: 128, places: &[(80, 84), (108, 112)] },
        79 => Bitmaps { fixed: 140, places: &[(92, 96), (120, 124)] },
        80 => Bitmaps { fixed: 76, places: &[(64, 48)] },
        81 => Bitmaps { fixed: 80, places: &[(64, 48)] },
        93 | 94 => Bitmaps { fixed: 32, places: &[(12, 16)] },
        95 => Pen,
        82 => Font,
        83 => Text(1),
        84 => Text(2),
        108 => SmallText,
        118 => Gradient,
        _ => return None,
    })
}

/// What a type that is not kept is.
pub(super) fn left_behind(kind: u32) -> (What, &'static str) {
    match kind {
        105 | 106 | 110 => (What::Action, "escape to a device driver"),
        102..=104 => (What::UnknownPart, "OpenGL record"),
        99..=101 | 111..=113 | 121 | 122 => (What::ExternalReference, "colour profile or its file name"),
        96 | 97 => (What::UnknownPart, "list of texts"),
        _ => (What::UnknownPart, "record of a type that is not known"),
    }
}

/// What a record does with a drawing object.
pub(super) enum Use {
    None,
    Creates(usize),
    Selects(usize),
    Deletes(usize),
}

/// The object that a record names; a record too short for one names none that exists.
pub(super) fn object(kind: u32, record: &[u8]) -> Use {
    let number = |at: usize| Fields(record).size(at).unwrap_or(usize::MAX & !STOCK);
    match kind {
        38 | 39 | 49 | 82 | 93..=95 => Use::Creates(number(8)),
        37 | 48 | 50 | 51 => Use::Selects(number(8)),
        71 | 72 => Use::Selects(number(28)),
        40 => Use::Deletes(number(8)),
        _ => Use::None,
    }
}

/// Lays a record out anew; also says whether it had bytes that belong to nothing.
pub(super) fn rewrite(shape: Shape, record: &[u8], limits: &Limits) -> Option<(Vec<u8>, bool)> {
    let fields = Fields(record);
    let mut slack = false;
    let mut out = match shape {
        Shape::Fixed(size) => record.get(..size)?.to_vec(),
        Shape::Items { count, wide, start, item } => {
            let count = if wide { fields.size(count)? } else { fields.u16(count)?.into() };
            record.get(..count.checked_mul(item)?.checked_add(start)?)?.to_vec()
        }
        Shape::TypedPoints(point) => {
            let points = fields.size(24)?.checked_mul(point + 1)?;
            record.get(..points.checked_add(28)?)?.to_vec()
        }
        Shape::Lines(point) => lines(fields, point)?.to_vec(),
        Shape::Region { size, start } => region(fields, size, start)?,
        Shape::Bitmaps { fixed, places } => {
            let mut out = record.get(..fixed)?.to_vec();
            // EMR_SETDIBITSTODEVICE may carry some of the lines.
            let lines = if fixed == 76 { Some(fields.u32(72)?) } else { None };
            for &(usage, at) in places {
                slack |= bitmap(fields, fields.u32(usage)?, at, lines, &mut out, limits)?;
            }
            out
        }
        Shape::Pen => {
            let fixed = fields.size(48)?.checked_mul(4)?.checked_add(52)?;
            let mut out = record.get(..fixed)?.to_vec();
            slack = bitmap(fields, 0, 12, None, &mut out, limits)?;
            out
        }
        Shape::Font => font(fields)?,
        Shape::Text(width) => text(fields, width)?,
        Shape::SmallText => small_text(fields)?,
        Shape::Gradient => gradient(fields)?,
    };
    out.resize(out.len().next_multiple_of(4), 0);
    let size = out.len();
    set_u32(&mut out, 4, size)?;
    // Bitmaps say for themselves whether something was around them.
    let is_plain = !matches!(shape, Shape::Bitmaps { .. } | Shape::Pen | Shape::Font);
    slack |= is_plain && record.len() > size;
    Some((out, slack))
}

fn lines(fields: Fields<'_>, point: usize) -> Option<&[u8]> {
    let (lines, points) = (fields.size(24)?, fields.size(28)?);
    let lengths = fields.bytes(32, lines.checked_mul(4)?)?;
    let mut total = 0_usize;
    for at in (0..lengths.len()).step_by(4) {
        total = total.checked_add(Fields(lengths).size(at)?)?;
    }
    let size = points.checked_mul(point)?.checked_add(lengths.len())?.checked_add(32)?;
    (total == points).then_some(fields.0.get(..size)?)
}

/// Region data: a header of 32 bytes, then rectangles (MS-EMF 2.2.24).
fn region(fields: Fields<'_>, size: usize, start: usize) -> Option<Vec<u8>> {
    const HEADER: usize = 32;
    const RECTANGLE: usize = 16;
    let mut out = fields.0.get(..start)?.to_vec();
    let length = fields.size(size)?;
    if length == 0 && start == 16 {
        return Some(out); // EMR_EXTSELECTCLIPRGN without a region: no clipping
    }
    let data = Fields(fields.bytes(start, length)?);
    let rectangles = data.size(8)?.checked_mul(RECTANGLE)?;
    if data.size(0)? != HEADER || data.u32(4)? != 1 {
        return None;
    }
    let data = data.0.get(..rectangles.checked_add(HEADER)?)?;
    out.extend_from_slice(data);
    set_u32(&mut out, size, data.len())?;
    set_u32(&mut out, start + 12, rectangles)?;
    Some(out)
}

/// Copies a bitmap behind `out` and points the four fields at `at` to it; says whether something was around it.
fn bitmap(
    fields: Fields<'_>,
    usage: u32,
    at: usize,
    lines: Option<u32>,
    out: &mut Vec<u8>,
    limits: &Limits,
) -> Option<bool> {
    let number = |n: usize| fields.size(at + n * 4);
    let (info_at, info_size, bits_at, bits_size) = (number(0)?, number(1)?, number(2)?, number(3)?);
    if info_size == 0 || bits_size == 0 {
        for n in 0..4 {
            set_u32(out, at + n * 4, 0)?;
        }
        return Some(false);
    }
    let dib = Dib::parse(
        fields.bytes(info_at, info_size)?,
        fields.bytes(bits_at, bits_size)?,
        usage,
        lines,
        limits,
    )?;
    for (n, part) in [dib.info.as_slice(), &dib.bits].into_iter().enumerate() {
        out.resize(out.len().next_multiple_of(4), 0);
        let start = out.len();
        set_u32(out, at + n * 8, start)?;
        set_u32(out, at + n * 8 + 4, part.len())?;
        out.extend_from_slice(part);
    }
    Some(dib.slack)
}

/// A LogFont and a face name (MS-EMF 2.2.13), in the long form that every reader knows.
fn font(fields: Fields<'_>) -> Option<Vec<u8>> {
    const FACE: usize = 40;
    const FACE_BYTES: usize = 64;
    const LONG_FORM: usize = 332;
    let mut out = fields.bytes(0, FACE)?.to_vec();
    let face = fields.bytes(FACE, FACE_BYTES)?;
    let end = face.chunks_exact(2).position(|character| character == [0, 0]).unwrap_or(31).min(31);
    out.extend_from_slice(face.get(..end * 2)?);
    out.resize(LONG_FORM, 0);
    Some(out)
}

/// Bounds, mode, scales, then EmrText (MS-EMF 2.2.5): 76 bytes, the characters, their spacing.
fn text(fields: Fields<'_>, width: usize) -> Option<Vec<u8>> {
    const FIXED: usize = 76;
    const NO_RECTANGLE: u32 = 0x100;
    const PAIRS: u32 = 0x2000;
    let mut out = fields.bytes(0, FIXED)?.to_vec();
    let (characters, text_at, options, spacing_at) =
        (fields.size(44)?, fields.size(48)?, fields.u32(52)?, fields.size(72)?);
    // Readers disagree whether the flag takes the rectangle out of this record.
    set_u32(&mut out, 52, usize::try_from(options & !NO_RECTANGLE).ok()?)?;
    set_u32(&mut out, 48, FIXED)?;
    set_u32(&mut out, 72, 0)?;
    if characters > 0 {
        out.extend_from_slice(fields.bytes(text_at, characters.checked_mul(width)?)?);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    if spacing_at > 0 && characters > 0 {
        let each = if options & PAIRS == 0 { 4 } else { 8 };
        let start = out.len();
        set_u32(&mut out, 72, start)?;
        out.extend_from_slice(fields.bytes(spacing_at, characters.checked_mul(each)?)?);
    }
    Some(out)
}

/// EMR_SMALLTEXTOUT (MS-EMF 2.3.5.37).
fn small_text(fields: Fields<'_>) -> Option<Vec<u8>> {
    const NO_RECTANGLE: u32 = 0x100;
    const BYTES: u32 = 0x200;
    let (characters, options) = (fields.size(16)?, fields.u32(20)?);
    let fixed = if options & NO_RECTANGLE == 0 { 52 } else { 36 };
    let text = characters.checked_mul(if options & BYTES == 0 { 2 } else { 1 })?;
    Some(fields.bytes(0, text.checked_add(fixed)?)?.to_vec())
}

/// EMR_GRADIENTFILL (MS-EMF 2.3.5.12): every mesh names vertices that exist.
fn gradient(fields: Fields<'_>) -> Option<Vec<u8>> {
    const FIXED: usize = 36;
    const VERTEX: usize = 16;
    let (vertices, meshes, mode) = (fields.size(24)?, fields.size(28)?, fields.u32(32)?);
    let corners = match mode {
        0 | 1 => 2,
        2 => 3,
        _ => return None,
    };
    let start = vertices.checked_mul(VERTEX)?.checked_add(FIXED)?;
    let indexes = Fields(fields.bytes(start, meshes.checked_mul(corners * 4)?)?);
    for at in (0..indexes.0.len()).step_by(4) {
        if indexes.size(at)? >= vertices {
            return None;
        }
    }
    // For rectangles, room for a third corner follows.
    let padding = meshes.checked_mul(if corners == 2 { 4 } else { 0 })?;
    let mut out = fields.bytes(0, start.checked_add(indexes.0.len())?)?.to_vec();
    out.resize(out.len().checked_add(padding)?, 0);
    Some(out)
}
