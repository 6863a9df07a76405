//! What an OLE compound file is, by the names of its root's streams (MS-CFB 2.2 to 2.6).

use super::Kind;
use crate::format::Format;

/// Directory sectors looked at: room for 4,096 entries in 512-byte sectors.
const MAX_SECTORS: usize = 1024;

/// Names the kind of a file that begins like a compound file.
pub(super) fn kind(bytes: &[u8]) -> Kind {
    let entries = entries(bytes);
    let has = |name: &str| entries.iter().any(|entry| entry.name.eq_ignore_ascii_case(name));
    if has("EncryptedPackage") {
        return Kind::encrypted(Format::Cfb, "an encrypted Office document");
    }
    if entries.first().is_some_and(|root| is_installer(root.class)) {
        return Kind::refused(Format::Executable, "a Windows Installer package");
    }
    if has("WordDocument") {
        return Kind::of(Format::Doc);
    }
    if has("PowerPoint Document") {
        return Kind::of(Format::Ppt);
    }
    if has("Workbook") || has("Book") {
        return Kind::of(Format::Xls);
    }
    if has("__properties_version1.0") {
        return Kind::of(Format::Msg);
    }
    Kind::of(Format::Cfb)
}

/// Class identifiers of installer packages, transforms and patches: {000C1084…}, {000C1082…}, {000C1086…}.
fn is_installer(class: &[u8]) -> bool {
    class.get(4..) == Some(b"\0\0\0\0\xc0\0\0\0\0\0\0\x46")
        && matches!(class.get(..4), Some([0x82 | 0x84 | 0x86, 0x10, 0x0c, 0]))
}

struct Entry<'a> {
    name: String,
    class: &'a [u8],
}

fn entries(bytes: &[u8]) -> Vec<Entry<'_>> {
    let sectors = Sectors::new(bytes);
    let Some(sectors) = sectors else { return Vec::new() };
    sectors.directory().flat_map(|sector| sector.chunks_exact(128)).filter_map(entry).collect()
}

fn entry(record: &[u8]) -> Option<Entry<'_>> {
    if matches!(record.get(66), None | Some(0)) {
        return None;
    }
    let units = record.get(..64)?.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
    let name =
        char::decode_utf16(units.take_while(|&unit| unit != 0)).map(|c| c.unwrap_or('\u{fffd}')).collect();
    Some(Entry { name, class: record.get(80..96)? })
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

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}
