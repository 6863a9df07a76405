//! What an OLE compound file is, by the names of its root's streams (MS-CFB 2.2 to 2.6).

use std::collections::HashSet;

use super::Kind;
use crate::format::Format;
use crate::little_endian::u32_at;

/// Directory sectors looked at: room for 4,096 entries in 512-byte sectors.
const MAX_SECTORS: usize = 1024;

/// "None" where an entry names another.
const NO_ENTRY: u32 = 0xffff_ffff;

/// Names the kind of a file that begins like a compound file: by what lies in its root, for objects in a document's storages
/// are documents too; by all that it has, when nothing in the root says it.
pub(super) fn kind(bytes: &[u8]) -> Kind {
    let entries = entries(bytes);
    if entries.first().is_some_and(|root| root.as_ref().is_some_and(|root| is_installer(root.class))) {
        return Kind::refused(Format::Executable, "a Windows Installer package");
    }
    let all = || entries.iter().flatten().map(|entry| entry.name.as_str()).collect::<Vec<_>>();
    let named = by_names(&in_root(&entries)).or_else(|| by_names(&all()));
    named.unwrap_or(Kind::of(Format::Cfb))
}

fn by_names(names: &[&str]) -> Option<Kind> {
    let has = |wanted: &str| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
    if has("EncryptedPackage") {
        return Some(Kind::encrypted(Format::Cfb, "an encrypted Office document"));
    }
    // The storage: a presentation for PowerPoint 95 as well as 97.
    const NAMES: [(&str, Format); 6] = [
        ("WordDocument", Format::Doc),
        ("PP97_DUALSTORAGE", Format::Ppt),
        ("PowerPoint Document", Format::Ppt),
        ("Workbook", Format::Xls),
        ("Book", Format::Xls),
        ("__properties_version1.0", Format::Msg),
    ];
    NAMES.iter().find(|(name, _)| has(name)).map(|(_, format)| Kind::of(*format))
}

/// Names of what lies in the root: the tree of siblings below its child.
fn in_root<'e>(entries: &'e [Option<Entry<'_>>]) -> Vec<&'e str> {
    let mut names = Vec::new();
    let mut seen = HashSet::new();
    let mut queue: Vec<u32> = entries.first().into_iter().flatten().map(|root| root.child).collect();
    while let Some(number) = queue.pop() {
        if number == 0 || number == NO_ENTRY || !seen.insert(number) {
            continue;
        }
        let entry = usize::try_from(number).ok().and_then(|number| entries.get(number)?.as_ref());
        if let Some(entry) = entry {
            names.push(entry.name.as_str());
            queue.extend(entry.siblings);
        }
    }
    names
}

/// Class identifiers of installer packages, transforms and patches: {000C1084…}, {000C1082…}, {000C1086…}.
fn is_installer(class: &[u8]) -> bool {
    class.get(4..) == Some(b"\0\0\0\0\xc0\0\0\0\0\0\0\x46")
        && matches!(class.get(..4), Some([0x82 | 0x84 | 0x86, 0x10, 0x0c, 0]))
}

struct Entry<'a> {
    name: String,
    class: &'a [u8],
    siblings: [u32; 2],
    child: u32,
}

/// The directory's entries, in their places; `None`: unused.
fn entries(bytes: &[u8]) -> Vec<Option<Entry<'_>>> {
    let sectors = Sectors::new(bytes);
    let Some(sectors) = sectors else { return Vec::new() };
    sectors.directory().flat_map(|sector| sector.chunks_exact(128)).map(entry).collect()
}

fn entry(record: &[u8]) -> Option<Entry<'_>> {
    if matches!(record.get(66), None | Some(0)) {
        return None;
    }
    let units = record.get(..64)?.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
    let name =
        char::decode_utf16(units.take_while(|&unit| unit != 0)).map(|c| c.unwrap_or('\u{fffd}')).collect();
    Some(Entry {
        name,
        class: record.get(80..96)?,
        siblings: [u32_at(record, 68)?, u32_at(record, 72)?],
        child: u32_at(record, 76)?,
    })
}

struct Sectors<'a> {
    bytes: &'a [u8],
    shift: u16,
}

impl<'a> Sectors<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let shift = u16::from_le_bytes(bytes.get(30..32)?.try_into().ok()?);
        matches!(shift, 9 | 12).then_some(Self { bytes, shift })
    }

    fn get(&self, number: u32) -> Option<&'a [u8]> {
        let start = usize::try_from((u64::from(number) + 1) << self.shift).ok()?;
        let rest = self.bytes.get(start..)?;
        Some(rest.get(..1 << self.shift).unwrap_or(rest))
    }

    /// The sector after `number`, by the allocation table: its sectors are listed in the header (the first 109, which
    /// address 7 MB and more; directories begin early enough).
    fn after(&self, number: u32) -> Option<u32> {
        let per_sector = 1_u32 << (self.shift - 2);
        let slot = 76 + usize::try_from(number / per_sector).ok().filter(|&n| n < 109)? * 4;
        let table = self.get(u32_at(self.bytes, slot)?)?;
        u32_at(table, usize::try_from(number % per_sector).ok()? * 4)
    }

    fn directory(&self) -> impl Iterator<Item = &'a [u8]> {
        let first = u32_at(self.bytes, 48).filter(|_| self.bytes.len() > 512);
        std::iter::successors(first, |&number| self.after(number))
            .take(MAX_SECTORS)
            .map_while(|number| self.get(number))
    }
}
