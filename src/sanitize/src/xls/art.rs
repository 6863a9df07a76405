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
    /// Containers that hold several of a kind: rules.
    pub(crate) const RULES: u16 = 0xf005;
    /// The table of all drawings.
    pub(crate) const DRAWINGS: u16 = 0xf006;
    /// Numbers and positions of a fixed size: drawing, group, anchors, rules, split colours.
    pub(crate) const ATOMS: [(u16, usize); 9] = [
        (0xf008, 8),
        (0xf009, 16),
        (0xf00f, 16),
        (0xf010, 18),
        (0xf012, 24),
        (0xf014, 8),
        (0xf017, 8),
        (0xf11d, 4),
        (0xf11e, 16),
    ];
    /// As many numbers of 4 bytes as their instance tells: groups of moved shapes, colours used last.
    pub(crate) const LISTS: [u16; 2] = [0xf118, 0xf11a];
}

/// Bytes of the head of the table of drawings, and of an entry.
const DRAWINGS_HEAD: usize = 16;
const DRAWINGS_ENTRY: usize = 8;
/// Entries of such a list, at most.
const MAX_LIST: u16 = 64;

/// The body of a record of numbers and positions as it may stay; `None`: it has another size than such a record has.
pub(super) fn numbers(record: &Art<'_>, body: &[u8]) -> Option<Vec<u8>> {
    let instance = record.tag >> 4;
    match record.kind {
        kind::DRAWINGS => drawings(body),
        kind if kind::LISTS.contains(&kind) => {
            (instance <= MAX_LIST && body.len() == usize::from(instance) * 4).then(|| body.to_vec())
        }
        kind => kind::ATOMS.contains(&(kind, body.len())).then(|| body.to_vec()),
    }
}

/// Highest shape, number of entries and one, shapes, drawings; then of each entry the drawing and its shapes.
fn drawings(body: &[u8]) -> Option<Vec<u8>> {
    let (head, entries) = body.split_at_checked(DRAWINGS_HEAD)?;
    let count = usize::try_from(u32_at(head, 4)?.saturating_sub(1)).ok()?;
    let mut out = head.to_vec();
    let entries = entries.chunks_exact(DRAWINGS_ENTRY).take(count);
    let written = u32::try_from(entries.len()).ok()?.checked_add(1)?;
    out.get_mut(4..8)?.copy_from_slice(&written.to_le_bytes());
    for entry in entries {
        // Both numbers are small.
        out.extend((u32_at(entry, 0)? & 0xffff).to_le_bytes());
        out.extend((u32_at(entry, 4)?.min(0x400)).to_le_bytes());
    }
    Some(out)
}

/// Which kinds of records a container has already: all but rules stand in it once.
#[derive(Debug, Default)]
pub(super) struct Once {
    seen: Vec<u16>,
}

impl Once {
    /// Whether `record` may stand in a container of this kind.
    pub(super) fn admits(&mut self, container: u16, record: &Art<'_>) -> bool {
        if container == kind::RULES || matches!(record.content, Content::Container(_)) {
            return true;
        }
        // Only kinds that are known are remembered, so that the list is short.
        let is_known = kind::ATOMS.iter().any(|(known, _)| *known == record.kind)
            || kind::LISTS.contains(&record.kind)
            || kind::PROPERTIES.contains(&record.kind)
            || matches!(record.kind, kind::DRAWINGS | kind::SHAPE | kind::TEXT | kind::CLIENT_DATA);
        if !is_known {
            return true;
        }
        let is_first = !self.seen.contains(&record.kind);
        if is_first {
            self.seen.push(record.kind);
        }
        is_first
    }
}
