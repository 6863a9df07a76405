//! HEIF's boxes: items, their references, properties and places (ISO/IEC 14496-12, 8.11; 23008-12, 9.3).

use std::collections::BTreeMap;

use super::hevc;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::report::{Removed, What, plain};

/// A property, as it stands in `ipco`.
pub(super) struct Property<'a> {
    pub(super) name: [u8; 4],
    pub(super) body: &'a [u8],
}

impl Property<'_> {
    /// How many bytes say a NAL unit's length; `None`: this is no sound `hvcC`.
    pub(super) fn hevc_length_size(&self) -> Option<usize> {
        (self.name == *b"hvcC").then(|| hevc::configuration(self.body).map(|(_, size)| size))?
    }
}

/// An item.
pub(super) struct Item {
    pub(super) kind: [u8; 4],
    pub(super) is_hidden: bool,
    pub(super) is_protected: bool,
    /// Start and end in the file of its pieces; `None`: they are elsewhere, or not in the file.
    pieces: Option<Vec<(usize, usize)>>,
}

impl Item {
    /// The pieces put together: at most the file's size, so that pieces cannot be told over and over.
    pub(super) fn data(&self, file: &[u8]) -> Result<Vec<u8>, Failure> {
        let absent = || malformed("an item's data are not in the file");
        let mut out = Vec::new();
        for &(start, end) in self.pieces.as_ref().ok_or_else(absent)? {
            out.extend_from_slice(file.get(start..end).ok_or_else(absent)?);
            if out.len() > file.len() {
                return Err(malformed("an item's data overlap"));
            }
        }
        Ok(out)
    }
}

/// A parsed file.
pub(super) struct Source<'a> {
    pub(super) brands: Vec<[u8; 4]>,
    pub(super) primary: u32,
    pub(super) items: BTreeMap<u32, Item>,
    /// By kind and by what refers.
    references: BTreeMap<([u8; 4], u32), Vec<u32>>,
    properties: Vec<Property<'a>>,
    /// Numbers of properties, from 1 on, and whether each is essential.
    associations: BTreeMap<u32, Vec<(usize, bool)>>,
    pub(super) left_behind: Vec<Removed>,
}

impl<'a> Source<'a> {
    pub(super) fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, Failure> {
        let mut left_behind = Vec::new();
        let mut leave = |what, place: &str| left_behind.push(Removed::new(what, place, 1));
        let (mut brands, mut meta) = (None, None);
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some((name, body, after)) = next_box(rest) else {
                leave(What::Unreachable, "bytes behind the last box");
                break;
            };
            match name {
                b"ftyp" if brands.is_none() => brands = Some(body),
                b"meta" if meta.is_none() => meta = Some(body),
                b"ftyp" | b"meta" => return Err(malformed("a box is there twice")),
                b"mdat" => {}
                b"free" | b"skip" if body.iter().all(|&b| b == 0) => {}
                b"free" | b"skip" => leave(What::Unreachable, "data in free space"),
                b"moov" | b"moof" => leave(What::Multimedia, "film"),
                name => leave(What::UnknownPart, &format!("box {}", plain(&String::from_utf8_lossy(name)))),
            }
            rest = after;
        }
        let brands = brands.ok_or_else(|| malformed("its type is missing"))?;
        let meta = meta.and_then(|meta| meta.get(4..)).ok_or_else(|| malformed("it has no still picture"))?;
        let mut source = Self {
            brands: brands
                .as_chunks()
                .0
                .iter()
                .enumerate()
                .filter(|(n, _)| *n != 1)
                .map(|(_, b)| *b)
                .collect(),
            primary: 0,
            items: BTreeMap::new(),
            references: BTreeMap::new(),
            properties: Vec::new(),
            associations: BTreeMap::new(),
            left_behind,
        };
        source.meta(meta, bytes, limits)?;
        Ok(source)
    }

    fn meta(&mut self, meta: &'a [u8], file: &'a [u8], limits: &Limits) -> Result<(), Failure> {
        let mut found: BTreeMap<[u8; 4], &'a [u8]> = BTreeMap::new();
        for (name, body) in boxes(meta)? {
            match name {
                b"hdlr" | b"pitm" | b"iinf" | b"iref" | b"iprp" | b"iloc" | b"idat" => {
                    if found.insert(*name, body).is_some() {
                        return Err(malformed("a box is there twice"));
                    }
                }
                b"dinf" | b"free" => {}
                name => {
                    let place = format!("box meta/{}", plain(&String::from_utf8_lossy(name)));
                    self.left_behind.push(Removed::new(What::UnknownPart, &place, 1));
                }
            }
        }
        let get = |name: &[u8; 4]| found.get(name).copied();
        let required = |name: &[u8; 4]| get(name).ok_or_else(|| malformed("a box is missing"));
        let cut = |part: Option<()>| part.ok_or_else(|| malformed("a box is cut off"));
        if required(b"hdlr")?.get(8..12) != Some(b"pict") {
            return Err(malformed("it is not a picture"));
        }
        let mut pitm = Reader(required(b"pitm")?);
        self.primary =
            pitm.full().and_then(|version| pitm.id(version)).ok_or_else(|| malformed("a box is cut off"))?;
        cut(self.item_information(required(b"iinf")?, limits))?;
        if let Some(iref) = get(b"iref") {
            cut(self.item_references(iref, limits))?;
        }
        let idat = get(b"idat").map(|body| (body.as_ptr().addr() - file.as_ptr().addr(), body.len()));
        cut(self.locations(required(b"iloc")?, idat))?;
        let max_members = usize::try_from(limits.max_members).unwrap_or(usize::MAX);
        for (name, body) in boxes(required(b"iprp")?)? {
            match name {
                b"ipco" if self.properties.is_empty() => {
                    self.properties =
                        boxes(body)?.into_iter().map(|(name, body)| Property { name: *name, body }).collect();
                }
                b"ipma" => cut(self.item_properties(body, max_members))?,
                _ => return Err(malformed("its properties are not in order")),
            }
            if self.properties.len() > max_members {
                return Err(malformed("it has too many properties"));
            }
        }
        Ok(())
    }

    fn item_information(&mut self, body: &'a [u8], limits: &Limits) -> Option<()> {
        let mut reader = Reader(body);
        let version = reader.full()?;
        reader.number(if version == 0 { 2 } else { 4 })?;
        for (name, body) in boxes(reader.0).ok()? {
            let mut entry = Reader(body);
            let head = entry.take(4)?;
            let (version, is_hidden) = (*head.first()?, head.last()? & 1 != 0);
            if name != b"infe" || !matches!(version, 2 | 3) {
                return None;
            }
            let id = entry.id(version - 2)?;
            let is_protected = entry.number(2)? != 0;
            let kind = entry.take(4)?.try_into().ok()?;
            let item = Item { kind, is_hidden, is_protected, pieces: None };
            let known = self.items.insert(id, item);
            if known.is_some() || self.items.len() > usize::try_from(limits.max_members).ok()? {
                return None;
            }
        }
        Some(())
    }

    fn item_references(&mut self, body: &'a [u8], limits: &Limits) -> Option<()> {
        let mut reader = Reader(body);
        let version = reader.full()?;
        for (name, body) in boxes(reader.0).ok()? {
            let mut list = Reader(body);
            let from = list.id(version)?;
            let count = list.number(2)?;
            let to = self.references.entry((*name, from)).or_default();
            for _ in 0..count {
                to.push(list.id(version)?);
            }
            let longest = to.len();
            if self.references.len().max(longest) > usize::try_from(limits.max_members).ok()? {
                return None;
            }
        }
        Some(())
    }

    fn locations(&mut self, body: &'a [u8], idat: Option<(usize, usize)>) -> Option<()> {
        let mut reader = Reader(body);
        let version = reader.full()?;
        let &[sizes, more] = reader.take(2)? else { return None };
        let (offset_size, length_size) = (usize::from(sizes >> 4), usize::from(sizes & 15));
        let (base_size, index_size) =
            (usize::from(more >> 4), if version > 0 { usize::from(more & 15) } else { 0 });
        let count = reader.number(if version < 2 { 2 } else { 4 })?;
        for _ in 0..count {
            let id = if version < 2 { u32::try_from(reader.number(2)?).ok()? } else { reader.id(1)? };
            let method = if version > 0 { reader.number(2)? & 15 } else { 0 };
            let elsewhere = reader.number(2)? != 0;
            let base = reader.number(base_size)?;
            let extents = reader.number(2)?;
            // Pieces without a length take no bytes in the list either.
            if extents > 1 && length_size == 0 {
                return None;
            }
            let mut pieces = Vec::new();
            for _ in 0..extents {
                reader.take(index_size)?;
                let start = usize::try_from(base.checked_add(reader.number(offset_size)?)?).ok()?;
                let length = usize::try_from(reader.number(length_size)?).ok()?;
                let end = start.checked_add(length)?;
                pieces.push(match (method, idat) {
                    (1, Some((at, size))) if end <= size => (at + start, at + end),
                    (1, _) => (1, 0), // not a place in any file
                    _ => (start, end),
                });
            }
            if let Some(item) = self.items.get_mut(&id) {
                // Whole files and pieces of other items are not accepted.
                let is_plain = !elsewhere && method < 2 && length_size > 0;
                item.pieces = is_plain.then_some(pieces);
            }
        }
        Some(())
    }

    fn item_properties(&mut self, body: &'a [u8], max_members: usize) -> Option<()> {
        let mut reader = Reader(body);
        let head = reader.take(4)?;
        let (version, wide) = (*head.first()?, head.last()? & 1 != 0);
        let count = reader.number(4)?;
        for _ in 0..count {
            let id = reader.id(version)?;
            let numbers = reader.number(1)?;
            let list = self.associations.entry(id).or_default();
            for _ in 0..numbers {
                let value = reader.number(if wide { 2 } else { 1 })?;
                let essential = if wide { 1 << 15 } else { 1 << 7 };
                // Number 0 stands for no property.
                if value & (essential - 1) != 0 {
                    list.push((usize::try_from(value & (essential - 1)).ok()?, value & essential != 0));
                }
            }
            if list.len() > max_members {
                return None;
            }
        }
        Some(())
    }

    pub(super) fn item(&self, id: u32) -> Result<&Item, Failure> {
        self.items.get(&id).ok_or_else(|| malformed("a picture refers to an item that does not exist"))
    }

    /// Items that `from` refers to.
    pub(super) fn references(&self, kind: &[u8; 4], from: u32) -> &[u32] {
        self.references.get(&(*kind, from)).map(Vec::as_slice).unwrap_or_default()
    }

    /// What refers to `to`.
    pub(super) fn referring(&self, kind: &[u8; 4], to: u32) -> Vec<u32> {
        let all = self.references.iter().filter(|((name, _), list)| name == kind && list.contains(&to));
        all.map(|((_, from), _)| *from).collect()
    }

    /// A property by its number, which counts from 1.
    pub(super) fn property(&self, number: usize) -> Option<&Property<'a>> {
        self.properties.get(number.checked_sub(1)?)
    }

    /// Bytes of all properties of an item.
    pub(super) fn size_of_properties(&self, id: u32) -> u64 {
        let sizes = self.associations(id).iter().filter_map(|&(n, _)| self.property(n));
        sizes.fold(0_u64, |sum, one| sum.saturating_add(u64::try_from(one.body.len()).unwrap_or(u64::MAX)))
    }

    /// An item's decoder settings.
    pub(super) fn hevc_settings(&self, id: u32) -> Option<&'a [u8]> {
        let mut known = self.associations(id).iter().filter_map(|&(n, _)| self.property(n));
        known.find(|property| property.name == *b"hvcC").map(|property| property.body)
    }

    /// Numbers of an item's properties, and whether each is essential.
    pub(super) fn associations(&self, id: u32) -> &[(usize, bool)] {
        self.associations.get(&id).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Name, content, and what follows the box; `None`: it is cut off.
pub(super) fn next_box(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (size, rest) = bytes.split_first_chunk::<4>()?;
    let (name, rest) = rest.split_first_chunk::<4>()?;
    let (head, size) = match u32::from_be_bytes(*size) {
        0 => (8, bytes.len()),
        1 => (16, usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?),
        size => (8, usize::try_from(size).ok()?),
    };
    Some((name, bytes.get(head..size)?, bytes.get(size..)?))
}

/// A box's name and content.
type Named<'a> = (&'a [u8; 4], &'a [u8]);

/// All boxes of a container, which they fill.
fn boxes(bytes: &[u8]) -> Result<Vec<Named<'_>>, Failure> {
    let (mut out, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let (name, body, after) = next_box(rest).ok_or_else(|| malformed("a box is cut off"))?;
        out.push((name, body));
        rest = after;
    }
    Ok(out)
}

/// Big-endian numbers one after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of 0 to 8 bytes.
    fn number(&mut self, bytes: usize) -> Option<u64> {
        let taken = if bytes <= 8 { self.take(bytes)? } else { return None };
        Some(taken.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    /// Version of a full box; its flags are skipped.
    fn full(&mut self) -> Option<u8> {
        self.take(4)?.first().copied()
    }

    /// An item's number: 16 bits in version 0, 32 bits later.
    fn id(&mut self, version: u8) -> Option<u32> {
        u32::try_from(self.number(if version == 0 { 2 } else { 4 })?).ok()
    }
}

fn malformed(problem: &str) -> Failure {
    Failure::Malformed(problem.to_owned())
}
