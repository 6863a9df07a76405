//! Office drawings (MS-ODRAW) as a tree that knows where its records ended, for Excel cuts it into pieces.
//!
//! ```text
//! version and instance │ type │ size │ body; a container (version 15) holds records
//! ```

use super::record::{u16_at, u32_at};
use crate::office_art::Record;

/// Containers in containers, at most; groups of shapes nest.
const MAX_DEPTH: u32 = 40;

/// A record of a drawing.
#[derive(Debug)]
pub(super) struct Art<'a> {
    /// Version (4 bits) and instance (12).
    pub(super) tag: u16,
    pub(super) kind: u16,
    pub(super) content: Content<'a>,
    /// Where it ends in what was read.
    pub(super) end: usize,
}

impl<'a> Art<'a> {
    /// The same as a record with this body.
    pub(super) fn with(&self, body: &'a [u8]) -> Record<'a> {
        let version = self.tag.to_le_bytes().first().map_or(0, |low| low & 0xf);
        Record { version, instance: self.tag >> 4, kind: self.kind, body }
    }

    /// The same as a record, if it holds none.
    pub(super) fn plain(&self) -> Option<Record<'a>> {
        match self.content {
            Content::Atom(body) => Some(self.with(body)),
            Content::Container(_) => None,
        }
    }
}

#[derive(Debug)]
pub(super) enum Content<'a> {
    Container(Vec<Art<'a>>),
    Atom(&'a [u8]),
}

/// Reads all records in `bytes`, which begin at `base` of the whole.
pub(super) fn parse(bytes: &[u8], base: usize) -> Option<Vec<Art<'_>>> {
    parse_at(bytes, base, 0)
}

fn parse_at(bytes: &[u8], base: usize, depth: u32) -> Option<Vec<Art<'_>>> {
    (depth <= MAX_DEPTH).then_some(())?;
    let mut records = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let (tag, kind) = (u16_at(bytes, at)?, u16_at(bytes, at + 2)?);
        let size = usize::try_from(u32_at(bytes, at + 4)?).ok()?;
        let start = at + 8;
        at = start.checked_add(size)?;
        let body = bytes.get(start..at)?;
        // Some writers forget the version of containers.
        let (tag, content) = match (tag & 0xf, kind) {
            (0xf, _) | (0, 0xf000..=0xf005) => {
                (tag | 0xf, Content::Container(parse_at(body, base + start, depth + 1)?))
            }
            _ => (tag, Content::Atom(body)),
        };
        records.push(Art { tag, kind, content, end: base + at });
    }
    Some(records)
}

/// Appends a record's head, to be closed by [`close`] when its body is written.
pub(super) fn open(tag: u16, kind: u16, out: &mut Vec<u8>) -> usize {
    out.extend(tag.to_le_bytes());
    out.extend(kind.to_le_bytes());
    out.extend([0; 4]);
    out.len()
}

/// Writes the size of the record whose body began at `start`.
pub(super) fn close(start: usize, out: &mut [u8]) {
    let size = u32::try_from(out.len().saturating_sub(start)).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start - 4..start) {
        place.copy_from_slice(&size.to_le_bytes());
    }
}

/// What a record is called in a report.
pub(super) fn place(kind: u16) -> String {
    format!("drawing record 0x{kind:04x}")
}

/// Kinds of records.
pub(super) mod kind {
    pub(crate) const DRAWING_GROUP: u16 = 0xf000;
    pub(crate) const PICTURES: u16 = 0xf001;
    pub(crate) const PICTURE_ENTRY: u16 = 0xf007;
    pub(crate) const SHAPE: u16 = 0xf00a;
    pub(crate) const TEXT: u16 = 0xf00d;
    pub(crate) const CLIENT_DATA: u16 = 0xf011;
    pub(crate) const PROPERTIES: [u16; 3] = [0xf00b, 0xf121, 0xf122];
    /// Containers: drawing, group of shapes, shape, rules.
    pub(crate) const CONTAINERS: [u16; 6] = [DRAWING_GROUP, PICTURES, 0xf002, 0xf003, 0xf004, 0xf005];
    /// Numbers and positions.
    pub(crate) const ATOMS: [u16; 12] =
        [0xf006, 0xf008, 0xf009, 0xf00f, 0xf010, 0xf012, 0xf014, 0xf017, 0xf118, 0xf11a, 0xf11d, 0xf11e];
}
