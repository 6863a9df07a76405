//! The text (MS-DOC 2.8.35, 2.9.38): pieces of the WordDocument stream, of one or two bytes for each character.
//!
//! Invariants: the pieces follow each other without a gap from character position 0 to the end of the document; each
//! lies in the stream, behind the information block. Pieces may share characters, as after a quick save they do, but
//! never half a character.

use std::ops::Range;

use super::bytes::{Reader, broken, slice, u32_of, usize_of};
use crate::failure::Failure;

/// Characters with a meaning of their own.
pub(super) const OBJECT: u16 = 0x01;
pub(super) const FIELD_BEGIN: u16 = 0x13;
pub(super) const FIELD_SEPARATOR: u16 = 0x14;
pub(super) const FIELD_END: u16 = 0x15;

#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// Character positions.
    pub(super) characters: Range<u32>,
    /// Where it begins in the stream.
    pub(super) at: u32,
    /// Two bytes for each character.
    pub(super) wide: bool,
    flags: u16,
    /// Formatting of all of it.
    prm: u16,
}

impl Piece {
    fn width(&self) -> u32 {
        if self.wide { 2 } else { 1 }
    }

    /// Its bytes in the stream.
    pub(super) fn bytes(&self) -> Range<u32> {
        self.at..self.at + (self.characters.end - self.characters.start) * self.width()
    }
}

/// Pieces that may begin within another: so many a search for the characters of a run passes in vain.
const MAX_SHARED: usize = 256;

#[derive(Debug)]
pub(super) struct Text {
    pub(super) pieces: Vec<Piece>,
    /// Numbers of the pieces in the order of the stream.
    by_place: Vec<usize>,
    /// The furthest end of these pieces up to each, in the same order.
    ends: Vec<u32>,
    /// One unit of UTF-16 for each character.
    pub(super) units: Vec<u16>,
    /// Formatting that pieces refer to.
    modifiers: Vec<Vec<u8>>,
}

impl Text {
    /// `clx`: the piece table. `first`: bytes of the stream before which no text may lie.
    pub(super) fn parse(clx: &[u8], word: &[u8], first: usize, characters: u32) -> Result<Self, Failure> {
        let mut reader = Reader::new(clx);
        let mut modifiers = Vec::new();
        let plc = loop {
            match reader.u8()? {
                1 => {
                    let length = reader.u16()?;
                    modifiers.push(reader.take(length.into())?.to_vec());
                }
                2 => {
                    let length = reader.u32()?;
                    break reader.take(usize_of(length)?)?;
                }
                _ => return Err(broken("the piece table is damaged")),
            }
        };
        let count = plc.len().checked_sub(4).filter(|length| length % 12 == 0).map(|length| length / 12);
        let count = count.filter(|&count| count > 0).ok_or_else(|| broken("the piece table is damaged"))?;
        let (positions, descriptors) =
            plc.split_at_checked(4 * (count + 1)).ok_or_else(|| broken("no pieces"))?;
        let (mut positions, mut descriptors) = (Reader::new(positions), Reader::new(descriptors));
        let mut start = positions.u32()?;
        if start != 0 {
            return Err(broken("the text does not begin at its beginning"));
        }
        let mut pieces = Vec::new();
        for _ in 0..count {
            let end = positions.u32()?.min(characters);
            let (flags, place, prm) = (descriptors.u16()?, descriptors.u32()?, descriptors.u16()?);
            let wide = place & 0x4000_0000 == 0;
            let place = place & 0x3fff_ffff;
            let piece = Piece {
                characters: start..end,
                at: if wide { place } else { place / 2 },
                wide,
                flags: flags & 1,
                prm,
            };
            if end < start || end - start > u32_of(word.len())? {
                return Err(broken("the pieces of the text are out of order"));
            }
            start = end;
            if piece.characters.is_empty() {
                continue;
            }
            let bytes = piece.bytes();
            if usize_of(bytes.start)? < first || usize_of(bytes.end)? > word.len() {
                return Err(broken("a piece of the text lies outside its stream"));
            }
            pieces.push(piece);
        }
        if start < characters || pieces.is_empty() {
            return Err(broken("the pieces are fewer than the text"));
        }
        let mut by_place: Vec<usize> = (0..pieces.len()).collect();
        by_place.sort_by_key(|&number| pieces.get(number).map(|piece| piece.at));
        let ends = ends(by_place.iter().filter_map(|&number| pieces.get(number)))?;
        if characters > u32_of(word.len())? {
            return Err(broken("the text has too many pieces"));
        }
        let mut units = Vec::new();
        for piece in &pieces {
            let bytes = piece.bytes();
            let bytes = slice(word, usize_of(bytes.start)?, usize_of(bytes.end - bytes.start)?)?;
            match piece.wide {
                true => units.extend(bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair))),
                false => units.extend(bytes.iter().map(|&byte| windows_1252(byte))),
            }
        }
        Ok(Self { pieces, by_place, ends, units, modifiers })
    }

    pub(super) fn unit(&self, position: u32) -> u16 {
        usize::try_from(position).ok().and_then(|at| self.units.get(at)).copied().unwrap_or_default()
    }

    /// The bytes of the stream within which all text lies.
    pub(super) fn extent(&self) -> Range<u32> {
        let pieces = || self.pieces.iter().map(Piece::bytes);
        pieces().map(|bytes| bytes.start).min().unwrap_or(0)
            ..pieces().map(|bytes| bytes.end).max().unwrap_or(0)
    }

    /// The character positions whose bytes lie in a part of the stream, in the order of the stream. Each comes with
    /// the bytes of one character.
    pub(super) fn within(&self, bytes: &Range<u32>) -> Vec<(Range<u32>, u32, u32)> {
        let first = self.ends.partition_point(|&end| end <= bytes.start);
        let pieces = self.by_place.iter().skip(first).filter_map(|&number| self.pieces.get(number));
        pieces
            .take_while(|piece| piece.at < bytes.end)
            .filter(|piece| piece.bytes().end > bytes.start)
            .map(|piece| {
                let width = piece.width();
                let skipped = bytes.start.saturating_sub(piece.at).div_ceil(width);
                let start = piece.characters.start.saturating_add(skipped);
                let all = bytes.end.saturating_sub(piece.at).div_ceil(width);
                let end = piece.characters.start.saturating_add(all).min(piece.characters.end);
                (start..end.max(start), piece.at + skipped * width, width)
            })
            .collect()
    }

    /// Whether a character in a part of the stream may stand for something.
    pub(super) fn has_object(&self, bytes: &Range<u32>) -> bool {
        self.within(bytes)
            .into_iter()
            .any(|(positions, ..)| positions.into_iter().any(|position| self.unit(position) == OBJECT))
    }

    /// Where each character is in the stream, and its bytes.
    pub(super) fn places(&self) -> impl Iterator<Item = (u32, u32)> {
        self.pieces.iter().flat_map(|piece| {
            let width = piece.width();
            (0..piece.characters.end - piece.characters.start)
                .map(move |index| (piece.at + index * width, width))
        })
    }

    /// Where a character is in the stream.
    pub(super) fn place(&self, position: u32) -> Option<usize> {
        let number = self.pieces.partition_point(|piece| piece.characters.end <= position);
        let piece = self.pieces.get(number).filter(|piece| piece.characters.contains(&position))?;
        usize::try_from(piece.at + (position - piece.characters.start) * piece.width()).ok()
    }

    /// The piece table anew. `clean` gives what may stay of a modifier.
    pub(super) fn write(&self, clean: impl Fn(&[u8]) -> Vec<u8>) -> Result<Vec<u8>, Failure> {
        let mut out = Vec::new();
        for modifier in &self.modifiers {
            let modifier = clean(modifier);
            out.push(1);
            out.extend(u16::try_from(modifier.len()).map_err(Failure::malformed)?.to_le_bytes());
            out.extend(modifier);
        }
        out.push(2);
        out.extend(u32_of(4 + 12 * self.pieces.len())?.to_le_bytes());
        out.extend(0_u32.to_le_bytes());
        for piece in &self.pieces {
            out.extend(piece.characters.end.to_le_bytes());
        }
        for piece in &self.pieces {
            let place = if piece.wide { piece.at } else { (piece.at * 2) | 0x4000_0000 };
            out.extend(piece.flags.to_le_bytes());
            out.extend(place.to_le_bytes());
            out.extend(self.prm(piece.prm).to_le_bytes());
        }
        Ok(out)
    }

    /// A piece's formatting, unless it is of a kind that may not stay or does not exist.
    fn prm(&self, prm: u16) -> u16 {
        // Numbers of single properties (MS-DOC 2.9.215): tracked changes, data, object, special character, object again.
        const NEVER: [u16; 6] = [0x41, 0x42, 0x47, 0x4b, 0x75, 0x76];
        let number = prm >> 1;
        let stays = match prm & 1 {
            0 => !NEVER.contains(&(number & 0x7f)),
            _ => usize::from(number) < self.modifiers.len(),
        };
        if stays { prm } else { 0 }
    }
}

/// The furthest end up to each of the pieces, which come in the order of the stream.
fn ends<'a>(pieces: impl Iterator<Item = &'a Piece>) -> Result<Vec<u32>, Failure> {
    let mut widest: Option<&Piece> = None;
    let mut within = 0;
    let mut ends = Vec::new();
    for piece in pieces {
        let over = widest.filter(|widest| piece.at < widest.bytes().end);
        if let Some(over) = over {
            within += 1;
            if over.wide != piece.wide || (piece.at - over.at) % piece.width() != 0 {
                return Err(broken("two pieces of the text read the same bytes in two ways"));
            }
        } else {
            within = 0;
        }
        if within > MAX_SHARED {
            return Err(broken("the text has too many pieces in common"));
        }
        let widest = match over.filter(|over| over.bytes().end >= piece.bytes().end) {
            Some(over) => widest.insert(over),
            None => widest.insert(piece),
        };
        ends.push(widest.bytes().end);
    }
    Ok(ends)
}

/// Characters of one byte (MS-DOC 2.9.73, FcCompressed).
fn windows_1252(byte: u8) -> u16 {
    const C1: [u16; 32] = [
        0x80, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0x8d,
        0x8e, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161,
        0x203a, 0x153, 0x9d, 0x9e, 0x178,
    ];
    match byte {
        0x80..=0x9f => C1.get(usize::from(byte - 0x80)).copied().unwrap_or_default(),
        _ => byte.into(),
    }
}
