//! EMF+, the second drawing that comments of an enhanced metafile carry (MS-EMFPLUS).
//!
//! ```text
//! comment: "EMF+" │ record │ record …       record: type u16 │ flags u16 │ size u32 │ data size u32 │ data
//! ```
//!
//! All of it stays or none: records refer to objects that earlier comments made. It stays when every record is on the
//! allow list, has exactly the data that its type calls for, and names only objects that exist and are of the right kind.
//! Pictures inside go through their own rebuilders.

mod object;

use crate::failure::Failure;
use crate::format::Format;
use crate::little_endian::Fields;

/// Rebuilds a picture, or gives `None`.
pub(in crate::metafile) type Pictures<'a> =
    dyn FnMut(&[u8]) -> Result<Option<(Vec<u8>, Format)>, Failure> + 'a;

const HEADER: u16 = 0x4001;
const COMMENT: u16 = 0x4003;
const OBJECT: u16 = 0x4008;

/// Flags: integers of 16 bits instead of floats; points relative to the one before; a colour instead of a brush.
const COMPACT: u16 = 0x4000;
const RELATIVE: u16 = 0x0800;
const COLOUR: u16 = 0x8000;
const CONTINUED: u16 = 0x8000;

/// Kinds of objects (MS-EMFPLUS 2.1.1.22).
const BRUSH: u8 = 1;
const PEN: u8 = 2;
const PATH: u8 = 3;
const REGION: u8 = 4;
const IMAGE: u8 = 5;
const FONT: u8 = 6;

/// What the comments hold, rewritten, one for one; `None`: something in it is not accepted.
pub(super) fn rewrite(
    comments: &[&[u8]],
    pictures: &mut Pictures<'_>,
) -> Result<Option<Vec<Vec<u8>>>, Failure> {
    let mut state = State { objects: [None; 64], open: None };
    let mut out = Vec::with_capacity(comments.len());
    for comment in comments {
        let mut rewritten = b"EMF+".to_vec();
        let mut rest = *comment;
        while !rest.is_empty() {
            let Some((record, after)) = Record::next(rest) else { return Ok(None) };
            match state.record(&record, pictures)? {
                Some(Some(data)) => record.write(&data, &mut rewritten),
                Some(None) => {}
                None => return Ok(None),
            }
            rest = after;
        }
        out.push(rewritten);
    }
    Ok(state.open.is_none().then_some(out))
}

/// Whether the plain records draw everything too: the header says so.
pub(super) fn is_dual(comments: &[&[u8]]) -> bool {
    let first = comments.first().and_then(|comment| Record::next(comment));
    first.is_none_or(|(record, _)| record.kind == HEADER && record.flags & 1 != 0)
}

/// Only types that are kept, for a search of the result.
pub(super) fn only_draws(mut comment: &[u8]) -> bool {
    while !comment.is_empty() {
        match Record::next(comment) {
            Some((record, rest)) if record.kind == OBJECT || shape(record.kind).is_some() => comment = rest,
            _ => return false,
        }
    }
    true
}

struct Record<'a> {
    kind: u16,
    flags: u16,
    data: &'a [u8],
}

impl<'a> Record<'a> {
    fn next(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let fields = Fields(bytes);
        let (size, data) = (fields.size(4)?, fields.size(8)?);
        let record = Self { kind: fields.u16(0)?, flags: fields.u16(2)?, data: fields.bytes(12, data)? };
        let fits = size.is_multiple_of(4) && size.checked_sub(12)? >= data;
        fits.then_some((record, bytes.get(size..)?))
    }

    fn write(&self, data: &[u8], out: &mut Vec<u8>) {
        let length = data.len().next_multiple_of(4);
        let word = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
        let flags = if self.kind == OBJECT { self.flags & !CONTINUED } else { self.flags };
        out.extend([self.kind.to_le_bytes(), flags.to_le_bytes()].concat());
        out.extend([word(length + 12), word(length)].concat());
        out.extend_from_slice(data);
        out.resize(out.len() + length - data.len(), 0);
    }
}

/// An object that comes in pieces: flags, size in all, and what is there.
struct Open {
    flags: u16,
    total: usize,
    data: Vec<u8>,
}

struct State {
    objects: [Option<u8>; 64],
    open: Option<Open>,
}

impl State {
    /// The record's data to be written; inner `None`: nothing of it is; outer `None`: it is not accepted.
    fn record(
        &mut self,
        record: &Record<'_>,
        pictures: &mut Pictures<'_>,
    ) -> Result<Option<Option<Vec<u8>>>, Failure> {
        match record.kind {
            COMMENT => Ok(Some(None)),
            OBJECT => self.object(record, pictures),
            _ => Ok(self.plain(record).map(Some)),
        }
    }

    fn plain(&self, record: &Record<'_>) -> Option<Vec<u8>> {
        let shape = shape(record.kind)?;
        if self.open.is_some() {
            return None;
        }
        let named = record.flags & 0xff;
        if let Some(kind) = shape.flags_name {
            self.is(named.into(), kind)?;
        }
        let mut reader = Reader(record.data);
        match shape.first {
            First::Brush if record.flags & COLOUR == 0 => self.is(reader.number()?, BRUSH)?,
            First::Brush => drop(reader.number()?),
            First::Pen => self.is(reader.number()?, PEN)?,
            First::Nothing => {}
        }
        for part in shape.parts {
            reader.part(*part, record.flags)?;
        }
        let used = record.data.len() - reader.0.len();
        record.data.get(..used).map(<[u8]>::to_vec)
    }

    /// Whether an object exists and is of this kind.
    fn is(&self, number: usize, kind: u8) -> Option<()> {
        (self.objects.get(number).copied()? == Some(kind)).then_some(())
    }

    fn object(
        &mut self,
        record: &Record<'_>,
        pictures: &mut Pictures<'_>,
    ) -> Result<Option<Option<Vec<u8>>>, Failure> {
        let whole;
        let data = match (record.flags & CONTINUED != 0, self.open.take()) {
            (false, None) => record.data,
            (_, open) => {
                let continued = record.flags & CONTINUED != 0;
                let mut open = open.unwrap_or(Open { flags: record.flags, total: 0, data: Vec::new() });
                // Each piece but the last says the size in all first.
                let piece = if continued { record.data.get(4..) } else { Some(record.data) };
                let total = if continued { Fields(record.data).size(0) } else { Some(open.total) };
                let (Some(piece), Some(total)) = (piece, total) else { return Ok(None) };
                if (open.flags ^ record.flags) & !CONTINUED != 0 {
                    return Ok(None);
                }
                open.total = total;
                open.data.extend_from_slice(piece);
                if open.data.len() < total {
                    self.open = Some(open);
                    return Ok(Some(None));
                }
                whole = open.data;
                &whole
            }
        };
        let (number, kind) =
            (usize::from(record.flags & 0xff), u8::try_from(record.flags >> 8 & 0x7f).unwrap_or(0));
        let rewritten = object::rewrite(kind, data, pictures)?;
        Ok(match (self.objects.get_mut(number), rewritten) {
            (Some(place), Some(data)) => {
                *place = Some(kind);
                Some(Some(data))
            }
            _ => None,
        })
    }
}

/// What a record's data begin with.
#[derive(Clone, Copy)]
enum First {
    Nothing,
    Brush,
    Pen,
}

/// What follows.
#[derive(Clone, Copy)]
enum Part {
    Bytes(usize),
    Rectangle,
    /// A count, then as many rectangles.
    Rectangles,
    /// A count, then as many points.
    Points,
    /// A count, then what stands before the points, then as many points.
    Count(usize),
    /// Length, layout rectangle, characters.
    Text,
    /// Options, whether there is a matrix, count, glyphs, positions, matrix.
    Glyphs,
}

struct Shape {
    /// The kind of the object that the flags name.
    flags_name: Option<u8>,
    first: First,
    parts: &'static [Part],
}

fn shape(kind: u16) -> Option<Shape> {
    use First::{Brush, Nothing, Pen};
    use Part::{Bytes, Count, Glyphs, Points, Rectangle, Rectangles, Text};
    let (flags_name, first, parts): (Option<u8>, First, &[Part]) = match kind {
        HEADER => (None, Nothing, &[Bytes(16)]),
        // End of file, device context, modes, resets.
        0x4002 | 0x4004 | 0x401e..=0x4024 | 0x402b | 0x4031 => (None, Nothing, &[]),
        0x4009 | 0x4025 | 0x4026 | 0x4028 | 0x4029 | 0x402f | 0x4030 => (None, Nothing, &[Bytes(4)]),
        0x401d | 0x402d | 0x402e | 0x4035 => (None, Nothing, &[Bytes(8)]),
        0x4032 => (None, Nothing, &[Bytes(16)]),
        0x402a | 0x402c => (None, Nothing, &[Bytes(24)]),
        0x4027 => (None, Nothing, &[Bytes(36)]),
        0x400a => (None, Brush, &[Rectangles]),
        0x400b => (Some(PEN), Nothing, &[Rectangles]),
        0x400c => (None, Brush, &[Points]),
        0x400d | 0x4019 => (Some(PEN), Nothing, &[Points]),
        0x400e => (None, Brush, &[Rectangle]),
        0x400f => (Some(PEN), Nothing, &[Rectangle]),
        0x4010 => (None, Brush, &[Bytes(8), Rectangle]),
        0x4011 | 0x4012 => (Some(PEN), Nothing, &[Bytes(8), Rectangle]),
        0x4013 => (Some(REGION), Brush, &[]),
        0x4014 => (Some(PATH), Brush, &[]),
        0x4015 => (Some(PATH), Pen, &[]),
        0x4016 => (None, Brush, &[Bytes(4), Points]),
        0x4017 => (Some(PEN), Nothing, &[Bytes(4), Points]),
        0x4018 => (Some(PEN), Nothing, &[Count(12)]),
        0x401a => (Some(IMAGE), Nothing, &[Bytes(24), Rectangle]),
        0x401b => (Some(IMAGE), Nothing, &[Bytes(24), Points]),
        0x401c => (Some(FONT), Brush, &[Bytes(4), Text]),
        0x4033 => (Some(PATH), Nothing, &[]),
        0x4034 => (Some(REGION), Nothing, &[]),
        0x4036 => (Some(FONT), Brush, &[Glyphs]),
        _ => return None,
    };
    Some(Shape { flags_name, first, parts })
}

/// Little-endian data, read from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<usize> {
        Fields(self.take(4)?).size(0)
    }

    /// A count, then as many items of so many bytes.
    fn items(&mut self, size: usize) -> Option<()> {
        let count = self.number()?;
        self.take(count.checked_mul(size)?).map(drop)
    }

    fn part(&mut self, part: Part, flags: u16) -> Option<()> {
        let rectangle = if flags & COMPACT == 0 { 16 } else { 8 };
        match part {
            Part::Bytes(count) => self.take(count).map(drop),
            Part::Rectangle => self.take(rectangle).map(drop),
            Part::Rectangles => self.items(rectangle),
            Part::Points => {
                let count = self.number()?;
                self.points(count, flags)
            }
            Part::Count(before) => {
                self.take(before)?;
                let count = self.number()?;
                self.points(count, flags)
            }
            Part::Text => {
                let characters = self.number()?;
                self.take(16)?;
                self.take(characters.checked_mul(2)?).map(drop)
            }
            Part::Glyphs => {
                self.take(4)?;
                let (matrix, count) = (self.number()?, self.number()?);
                self.take(count.checked_mul(2)?.next_multiple_of(4))?;
                self.take(count.checked_mul(8)?)?;
                self.take(if matrix == 0 { 0 } else { 24 }).map(drop)
            }
        }
    }

    /// Points as pairs of floats, of 16-bit integers, or of steps of one or two bytes each.
    fn points(&mut self, count: usize, flags: u16) -> Option<()> {
        if flags & RELATIVE == 0 {
            let size = if flags & COMPACT == 0 { 8 } else { 4 };
            return self.take(count.checked_mul(size)?).map(drop);
        }
        for _ in 0..count.checked_mul(2)? {
            let first = *self.take(1)?.first()?;
            self.take(usize::from(first >> 7))?;
        }
        Some(())
    }
}
