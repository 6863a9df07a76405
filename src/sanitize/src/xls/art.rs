//! Office drawings (MS-ODRAW): records in records, and the properties of shapes.
//!
//! ```text
//! version and instance │ type │ size │ body; a container (version 15) holds records
//! ```

use super::link;
use super::record::{u16_at, u32_at};
use crate::report::What;

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

/// Properties with data of their own that may stay: text and font of word art, points and formulas of outlines,
/// colours of gradients, dashes, name, description, wrapping, tooltip.
const COMPLEX: &[u16] = &[
    0x0c0, 0x0c5, 0x145, 0x146, 0x151, 0x152, 0x153, 0x154, 0x155, 0x156, 0x157, 0x197, 0x1cf, 0x380, 0x381,
    0x383, 0x38d,
];
/// Of these the ones that are arrays, whose size may leave out their head of 6 bytes.
const ARRAYS: &[u16] = &[0x145, 0x146, 0x151, 0x152, 0x153, 0x154, 0x155, 0x156, 0x157, 0x197, 0x1cf, 0x383];
/// Hyperlink of a shape.
const HYPERLINK: u16 = 0x382;
/// Picture, and pictures of fills and lines: numbers of entries in the picture table.
const PICTURES: [u16; 3] = [0x104, 0x186, 0x1c5];
/// Their names, and flags that say that the name is a file or an address.
const PICTURE_NAMES: [u16; 3] = [0x105, 0x187, 0x1c6];
const PICTURE_FLAGS: [u16; 3] = [0x106, 0x188, 0x1c7];
const LINKED: u32 = 0x0a;
const SCRIPT: u16 = 0x38e;

/// A table of properties without what may not stay; `None`: it cannot be read.
pub(super) struct Properties {
    pub(super) count: u16,
    pub(super) bytes: Vec<u8>,
    pub(super) removed: Vec<What>,
}

/// Reads a table of `count` properties and writes it anew; `links`: whether web links may stay.
pub(super) fn properties(body: &[u8], count: u16, links: bool) -> Option<Properties> {
    let head = usize::from(count) * 6;
    let (table, mut data) = body.split_at_checked(head)?;
    let mut fixed = Vec::new();
    let mut complex = Vec::new();
    let mut removed = Vec::new();
    let mut kept = 0_u16;
    for entry in table.chunks(6) {
        let (id, value) = (u16_at(entry, 0)?, u32_at(entry, 2)?);
        let property = id & 0x3fff;
        let mut keep = |value: u32, bytes: &[u8]| {
            kept += 1;
            fixed.extend(id.to_le_bytes());
            fixed.extend(value.to_le_bytes());
            complex.extend_from_slice(bytes);
        };
        if id & 0x8000 == 0 {
            if PICTURE_FLAGS.contains(&property) {
                if value & LINKED != 0 {
                    removed.push(What::ExternalReference);
                }
            } else if PICTURE_NAMES.contains(&property) || property == HYPERLINK || property == SCRIPT {
                // Without data they say nothing.
            } else {
                keep(value, &[]);
            }
            continue;
        }
        let size = complex_size(property, usize::try_from(value).ok()?, data)?;
        let (own, rest) = data.split_at_checked(size)?;
        data = rest;
        if property == HYPERLINK && !own.is_empty() {
            let link = own.strip_prefix(&link::CLASS).and_then(link::Link::parse);
            match link.filter(|link| links || link.address.is_none()) {
                Some(link) => {
                    let mut new = link::CLASS.to_vec();
                    new.extend(link.write());
                    keep(u32::try_from(new.len()).ok()?, &new);
                }
                None => removed.push(What::Link),
            }
        } else if COMPLEX.contains(&property) {
            keep(u32::try_from(own.len()).ok()?, own);
        } else if own.is_empty() || PICTURE_NAMES.contains(&property) {
            // Says nothing, or what the picture's file was called.
        } else if PICTURES.contains(&property) {
            removed.push(What::Picture);
        } else if property == SCRIPT {
            removed.push(What::Script);
        } else {
            removed.push(What::UnknownPart);
        }
    }
    fixed.append(&mut complex);
    Some(Properties { count: kept, bytes: fixed, removed })
}

fn complex_size(property: u16, size: usize, data: &[u8]) -> Option<usize> {
    if !ARRAYS.contains(&property) || size == 0 {
        return Some(size);
    }
    let (count, each) = (usize::from(u16_at(data, 0)?), u16_at(data, 4)?);
    // 0xfff0: points of four bytes.
    let each = if each == 0xfff0 { 4 } else { usize::from(each) };
    let whole = 6 + count * each;
    Some(if whole == size + 6 { whole } else { size })
}
