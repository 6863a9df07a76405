//! Does this ZIP say one thing only? A strict structural reader (APPNOTE.TXT 6.3.10).
//!
//! Programs read ZIP files from the front, from the back, by the central directory or by the local headers, and keep
//! the first or the last of two equal names. A file that gives them different answers can hide a member from us or
//! from a scanner. This reader accepts only files to which every such reading gives the same answer:
//!
//! ```text
//! 0                                                                                          end of file
//! ├ local header │ data │ descriptor? ┼ local … ┼ central directory ┼ zip64 end, locator? ┼ end │ comment ┤
//!   every byte belongs to exactly one record; each local header agrees with exactly one directory entry
//! ```
//!
//! Invariants of a parsed [`Zip`]: members do not overlap and leave no gaps; names are relative paths that mean the
//! same on every system and differ even when case, trailing dots and %-escapes are ignored; nothing is encrypted; each
//! member is stored or deflated, and its declared size is within the limits.

pub(crate) mod names;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use flate2::{Crc, Decompress, FlushDecompress, Status};

use crate::failure::Failure;
use crate::job::Job;
use crate::limits::Limits;
use crate::report::plain;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END64: u32 = 0x0606_4b50;
const END64_LOCATOR: u32 = 0x0706_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;

const END_BYTES: usize = 22;
const END64_BYTES: usize = 56;
const LOCATOR_BYTES: usize = 20;
const LOCAL_BYTES: usize = 30;
const CENTRAL_BYTES: usize = 46;

/// Flag bits: encrypted (0), strong encryption (6), masked local headers (13).
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
/// Flag bit: sizes follow the data.
const HAS_DESCRIPTOR: u16 = 1 << 3;
/// Flag bit: compressed patched data.
const PATCHED: u16 = 1 << 5;
/// Flag bit: the name is UTF-8.
pub(crate) const UTF8: u16 = 1 << 11;

/// Extra field that holds 64-bit sizes and offsets.
const EXTRA_ZIP64: u16 = 0x0001;
/// Extra field that holds the name in UTF-8 (Info-ZIP).
const EXTRA_UNICODE_PATH: u16 = 0x7075;

/// Expansion below this size is not held against `max_ratio`: runs of blanks are common in small members.
const RATIO_FREE_BYTES: u64 = 1 << 20;

/// Whether a member of this size, stored in so many bytes, expands more than `max_ratio` allows.
pub(crate) fn expands_beyond(size: u64, stored: u64, max_ratio: u64) -> bool {
    size > RATIO_FREE_BYTES && size / stored.max(1) > max_ratio
}

/// How a member's bytes are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Stored,
    Deflated,
}

impl Method {
    /// The number in the headers.
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::Stored => 0,
            Self::Deflated => 8,
        }
    }
}

/// One member. Invariant: its local header says the same as the directory.
#[derive(Debug, Clone)]
pub(crate) struct Entry<'a> {
    /// Relative path with `/`; a directory's ends with one.
    pub(crate) name: String,
    /// Size in bytes when expanded, as declared; [`Entry::read`] proves it.
    pub(crate) size: u64,
    /// CRC-32 of the expanded bytes, as declared; [`Entry::read`] proves it.
    pub(crate) crc32: u32,
    /// How `compressed` is kept.
    pub(crate) method: Method,
    /// The bytes as kept in the file.
    pub(crate) compressed: &'a [u8],
    /// A directory: no content.
    pub(crate) is_dir: bool,
}

/// A ZIP file whose structure is sound.
#[derive(Debug)]
pub(crate) struct Zip<'a> {
    entries: Vec<Entry<'a>>,
}

impl<'a> Zip<'a> {
    /// Checks the structure of a whole file, without expanding anything.
    pub(crate) fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, Failure> {
        let end = End::locate(bytes)?;
        if end.entries > u64::from(limits.max_members) {
            return Err(Failure::Limit {
                name: "max_members",
                what: "the number of members in the archive".to_owned(),
                limit: limits.max_members.into(),
            });
        }
        let directory = read_directory(bytes, &end, limits)?;
        let mut order: Vec<usize> = (0..directory.len()).collect();
        order.sort_by_key(|&n| directory.get(n).map(|central| central.local_offset));

        let offset = |n: usize| {
            let central = order.get(n).and_then(|&index| directory.get(index));
            central.map_or(end.directory_start, |central| central.local_offset)
        };
        if offset(0) != 0 {
            return malformed("there are bytes before the archive");
        }
        let mut compressed = HashMap::with_capacity(directory.len());
        for (n, &index) in order.iter().enumerate() {
            let Some(central) = directory.get(index) else { continue };
            compressed.insert(index, check_local(bytes, central, offset(n + 1))?);
        }
        names::check_distinct(directory.iter().map(|central| central.name.as_str()))?;
        let entries = directory
            .into_iter()
            .enumerate()
            .map(|(n, central)| Entry {
                is_dir: central.name.ends_with('/'),
                name: central.name,
                size: central.size,
                crc32: central.crc32,
                method: central.method,
                compressed: compressed.get(&n).copied().unwrap_or_default(),
            })
            .collect();
        Ok(Self { entries })
    }

    /// The members in the directory's order.
    pub(crate) fn entries(&self) -> &[Entry<'a>] {
        &self.entries
    }
}

impl Entry<'_> {
    /// Expands the member under the job's limits and proves its size and checksum.
    pub(crate) fn read(&self, job: &mut Job<'_>) -> Result<Vec<u8>, Failure> {
        if expands_beyond(self.size, as_u64(self.compressed.len()), job.limits.max_ratio) {
            return Err(Failure::Limit {
                name: "max_ratio",
                what: format!("the expansion of {}", plain(&self.name)),
                limit: job.limits.max_ratio,
            });
        }
        job.expand(self.size)?;
        self.expand()
    }

    /// Expands the member and proves its size and checksum; for archives that we wrote ourselves, whose members count
    /// against no limit again.
    pub(crate) fn expand(&self) -> Result<Vec<u8>, Failure> {
        let out = match self.method {
            Method::Stored => self.compressed.to_vec(),
            Method::Deflated => self.inflate()?,
        };
        let mut crc = Crc::new();
        crc.update(&out);
        if as_u64(out.len()) != self.size || crc.sum() != self.crc32 {
            return self.fail("does not match its size or checksum");
        }
        Ok(out)
    }

    fn inflate(&self) -> Result<Vec<u8>, Failure> {
        let Ok(size) = usize::try_from(self.size) else { return self.fail("is too large for this machine") };
        // One byte more than declared shows a stream that goes on.
        let mut out = Vec::with_capacity(size.saturating_add(1));
        let mut inflater = Decompress::new(false);
        let status = inflater.decompress_vec(self.compressed, &mut out, FlushDecompress::Finish);
        if !matches!(status, Ok(Status::StreamEnd)) || inflater.total_in() != as_u64(self.compressed.len()) {
            return self.fail("is not exactly one deflate stream of its declared size");
        }
        Ok(out)
    }

    fn fail<T>(&self, problem: &str) -> Result<T, Failure> {
        member_fails(&self.name, problem)
    }
}

/// The end of the directory, zip64 resolved.
struct End {
    entries: u64,
    /// Offset of the first byte after the directory.
    directory_end: usize,
    directory_start: usize,
}

impl End {
    fn locate(bytes: &[u8]) -> Result<Self, Failure> {
        // Mail and version control systems add a line break; it hides nothing.
        let bytes = bytes.strip_suffix(b"\r\n").or_else(|| bytes.strip_suffix(b"\n")).unwrap_or(bytes);
        let at = Self::record(bytes)?;
        let record = Fields(bytes.get(at..).unwrap_or_default());
        let (Some(disk), Some(directory_disk), Some(here), Some(entries), Some(size), Some(offset)) =
            (record.u16(4), record.u16(6), record.u16(8), record.u16(10), record.u32(12), record.u32(16))
        else {
            return malformed("the archive's end record is cut off");
        };
        let mut end = Values {
            disk: disk.into(),
            directory_disk: directory_disk.into(),
            here: here.into(),
            entries: entries.into(),
            size: size.into(),
            offset: offset.into(),
        };
        let mut directory_end = at;
        let locator_at = at.checked_sub(LOCATOR_BYTES);
        let locator = Fields(locator_at.and_then(|from| bytes.get(from..at)).unwrap_or_default());
        if locator.u32(0) == Some(END64_LOCATOR) {
            let (wide, start) = Values::read(bytes, &locator, at - LOCATOR_BYTES)?;
            wide.agrees_with(&end)?;
            end = wide;
            directory_end = start;
        }
        if end.disk != 0 || end.directory_disk != 0 || end.here != end.entries {
            return malformed("the archive spans several disks");
        }
        let (Ok(offset), Ok(size)) = (usize::try_from(end.offset), usize::try_from(end.size)) else {
            return malformed("the archive's directory lies outside the file");
        };
        if offset.checked_add(size) != Some(directory_end) {
            return malformed(match bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
                true => "the archive's directory is not where its end record says",
                false => "there are bytes before the archive",
            });
        }
        Ok(Self { entries: end.entries, directory_end, directory_start: offset })
    }

    /// Offset of the one end record whose comment ends with the file.
    fn record(bytes: &[u8]) -> Result<usize, Failure> {
        let from = bytes.len().saturating_sub(END_BYTES + usize::from(u16::MAX));
        let tail = bytes.get(from..).unwrap_or_default();
        let mut last = None;
        let mut whole = 0;
        for (n, _) in tail.windows(4).enumerate().filter(|(_, window)| *window == END.to_le_bytes()) {
            let comment = Fields(tail.get(n..).unwrap_or_default()).u16(20);
            let ends = comment.map(|length| n + END_BYTES + usize::from(length));
            let is_whole = ends == Some(tail.len());
            whole += u32::from(is_whole);
            last = Some((from + n, is_whole));
        }
        match last {
            None => malformed("the archive has no end record"),
            Some((at, true)) if whole == 1 => Ok(at),
            Some((_, true)) => malformed("the archive has two end records"),
            Some((_, false)) => malformed("there are bytes after the archive"),
        }
    }
}

/// The values of an end record, in either width.
struct Values {
    disk: u32,
    directory_disk: u32,
    here: u64,
    entries: u64,
    size: u64,
    offset: u64,
}

impl Values {
    fn read(bytes: &[u8], locator: &Fields<'_>, locator_at: usize) -> Result<(Self, usize), Failure> {
        let lie = || Failure::Malformed("the archive's zip64 end record is not sound".to_owned());
        let start = locator_at.checked_sub(END64_BYTES).ok_or_else(lie)?;
        let record = Fields(bytes.get(start..locator_at).unwrap_or_default());
        let sound = record.u32(0) == Some(END64)
            && record.u64(4) == Some(as_u64(END64_BYTES) - 12)
            && locator.u32(4) == Some(0)
            && locator.u64(8) == Some(as_u64(start))
            && matches!(locator.u32(16), Some(0 | 1));
        match (record.u32(16), record.u32(20), record.u64(24), record.u64(32), record.u64(40), record.u64(48))
        {
            (Some(disk), Some(directory_disk), Some(here), Some(entries), Some(size), Some(offset))
                if sound =>
            {
                Ok((Self { disk, directory_disk, here, entries, size, offset }, start))
            }
            _ => Err(lie()),
        }
    }

    /// Every value that fits the narrow record must be there too.
    fn agrees_with(&self, narrow: &Self) -> Result<(), Failure> {
        let same = |wide: u64, narrow: u64, full: u64| narrow == wide || narrow == full;
        let (short, long) = (u64::from(u16::MAX), u64::from(u32::MAX));
        if same(self.disk.into(), narrow.disk.into(), short)
            && same(self.directory_disk.into(), narrow.directory_disk.into(), short)
            && same(self.here, narrow.here, short)
            && same(self.entries, narrow.entries, short)
            && same(self.size, narrow.size, long)
            && same(self.offset, narrow.offset, long)
        {
            Ok(())
        } else {
            malformed("the archive's two end records disagree")
        }
    }
}

/// One directory entry.
struct Central<'a> {
    name: String,
    raw_name: &'a [u8],
    flags: u16,
    method: Method,
    crc32: u32,
    compressed: u64,
    size: u64,
    local_offset: usize,
}

impl Central<'_> {
    fn fail<T>(&self, problem: &str) -> Result<T, Failure> {
        member_fails(&self.name, problem)
    }
}

fn read_directory<'a>(bytes: &'a [u8], end: &End, limits: &Limits) -> Result<Vec<Central<'a>>, Failure> {
    let directory = bytes.get(end.directory_start..end.directory_end).unwrap_or_default();
    let mut entries = Vec::new();
    let mut at = 0;
    while at < directory.len() {
        let (entry, length) = read_central(directory.get(at..).unwrap_or_default(), limits)?;
        entries.push(entry);
        at += length;
        if as_u64(entries.len()) > end.entries {
            break;
        }
    }
    if as_u64(entries.len()) != end.entries || at != directory.len() {
        return malformed("the archive's directory does not have as many entries as its end record says");
    }
    Ok(entries)
}

fn read_central<'a>(bytes: &'a [u8], limits: &Limits) -> Result<(Central<'a>, usize), Failure> {
    let cut_off = || Failure::Malformed("the archive's directory is cut off".to_owned());
    let head = Fields(bytes);
    if head.u32(0) != Some(CENTRAL) {
        return malformed("the archive's directory holds something else than entries");
    }
    let u16_at = |at| head.u16(at).ok_or_else(cut_off);
    let u32_at = |at| head.u32(at).ok_or_else(cut_off);
    let (made_by, flags, method) = (u16_at(4)?, u16_at(8)?, u16_at(10)?);
    let (name_length, extra_length, comment_length) =
        (usize::from(u16_at(28)?), usize::from(u16_at(30)?), usize::from(u16_at(32)?));
    let extra_at = CENTRAL_BYTES + name_length;
    let length = extra_at + extra_length + comment_length;
    if bytes.len() < length {
        return Err(cut_off());
    }
    let raw_name = bytes.get(CENTRAL_BYTES..extra_at).unwrap_or_default();
    let extra = Extra(bytes.get(extra_at..extra_at + extra_length).unwrap_or_default());
    let name = names::decode(raw_name, extra.find(EXTRA_UNICODE_PATH))?;
    names::check(&name, limits)?;
    let fail = |problem: &str| member_fails(&name, problem);

    let narrow = [u32_at(24)?, u32_at(20)?, u32_at(42)?];
    let Some([size, compressed, local_offset]) = extra.widen(narrow) else {
        return fail("has a zip64 field that is not sound");
    };
    let disk = u16_at(34)?;
    if disk != 0 {
        return fail("is on another disk");
    }
    if flags & ENCRYPTED != 0 {
        return Err(Failure::Encrypted(format!("the archive's member {} is encrypted", plain(&name))));
    }
    if flags & PATCHED != 0 {
        return fail("is compressed patched data");
    }
    let method = match method {
        0 => Method::Stored,
        8 => Method::Deflated,
        other => return fail(&format!("is compressed by a method that is not accepted (number {other})")),
    };
    names::check_kind(&name, made_by, u32_at(38)?, size)?;
    if method == Method::Stored && size != compressed {
        return fail("is stored but has two sizes");
    }
    if size > limits.max_bytes {
        return Err(Failure::Limit {
            name: "max_bytes",
            what: format!("the size of {}", plain(&name)),
            limit: limits.max_bytes,
        });
    }
    let Ok(local_offset) = usize::try_from(local_offset) else { return fail("lies outside the file") };
    let entry = Central { raw_name, flags, method, crc32: u32_at(16)?, compressed, size, local_offset, name };
    Ok((entry, length))
}

/// Holds the local header at `central.local_offset` against its directory entry; the member must end exactly at `next`.
fn check_local<'a>(bytes: &'a [u8], central: &Central<'_>, next: usize) -> Result<&'a [u8], Failure> {
    let record = bytes.get(central.local_offset..next).unwrap_or_default();
    let head = Fields(record);
    if record.len() < LOCAL_BYTES {
        return central.fail("overlaps another member");
    }
    if head.u32(0) != Some(LOCAL) {
        return central.fail("has no local header where the directory says");
    }
    let (Some(flags), Some(method), Some(crc32), Some(compressed), Some(size), Some(name), Some(extra)) =
        (head.u16(6), head.u16(8), head.u32(14), head.u32(18), head.u32(22), head.u16(26), head.u16(28))
    else {
        return central.fail("overlaps another member");
    };
    let extra_at = LOCAL_BYTES + usize::from(name);
    let data_at = extra_at + usize::from(extra);
    let Some(data_end) =
        usize::try_from(central.compressed).ok().and_then(|length| length.checked_add(data_at))
    else {
        return central.fail("lies outside the file");
    };
    let (Some(raw_name), Some(extra), Some(data), Some(rest)) = (
        record.get(LOCAL_BYTES..extra_at),
        record.get(extra_at..data_at),
        record.get(data_at..data_end),
        record.get(data_end..),
    ) else {
        return central.fail("overlaps another member");
    };
    if flags & ENCRYPTED != 0 {
        return Err(Failure::Encrypted(format!(
            "the archive's member {} is encrypted",
            plain(&central.name)
        )));
    }
    let Some([size, compressed]) = Extra(extra).widen([size, compressed]) else {
        return central.fail("has a zip64 field that is not sound");
    };
    let deferred = flags & HAS_DESCRIPTOR != 0;
    let same = |local: u64, listed: u64| local == listed || (deferred && local == 0);
    if raw_name != central.raw_name {
        return central.fail("has another name in its local header");
    }
    let names_differ_by_flag = (flags ^ central.flags) & UTF8 != 0 && !raw_name.is_ascii();
    if method != central.method.code()
        || names_differ_by_flag
        || !same(crc32.into(), central.crc32.into())
        || !same(size, central.size)
        || !same(compressed, central.compressed)
    {
        return central.fail("has a local header that disagrees with the directory");
    }
    let described = rest.is_empty() || (deferred && is_descriptor(rest, central));
    if !described {
        return malformed("there are hidden bytes between the archive's members");
    }
    if deferred && rest.is_empty() && (size, compressed) != (central.size, central.compressed) {
        return central.fail("lacks its data descriptor");
    }
    if deferred && central.method == Method::Stored && !data.is_empty() && size == 0 {
        return central
            .fail("is stored without a size in front, so that readers may see different ends of it");
    }
    Ok(data)
}

/// A data descriptor (APPNOTE 4.3.9) in one of its four forms, with the directory's values.
fn is_descriptor(bytes: &[u8], central: &Central<'_>) -> bool {
    let body = match (bytes.len(), Fields(bytes).u32(0)) {
        (16 | 24, Some(DESCRIPTOR)) => bytes.get(4..).unwrap_or_default(),
        (12 | 20, _) => bytes,
        _ => return false,
    };
    let fields = Fields(body);
    let sizes = match body.len() {
        12 => (fields.u32(4).map(u64::from), fields.u32(8).map(u64::from)),
        _ => (fields.u64(4), fields.u64(12)),
    };
    fields.u32(0) == Some(central.crc32) && sizes == (Some(central.compressed), Some(central.size))
}

/// The extra fields of a header: `(id, length, data)`, one after the other.
struct Extra<'a>(&'a [u8]);

impl<'a> Extra<'a> {
    /// The first field with this id.
    fn find(&self, wanted: u16) -> Option<&'a [u8]> {
        let mut rest = self.0;
        while let (Some(id), Some(length)) = (Fields(rest).u16(0), Fields(rest).u16(2)) {
            let end = 4 + usize::from(length);
            let data = rest.get(4..end)?;
            if id == wanted {
                return Some(data);
            }
            rest = rest.get(end..)?;
        }
        None
    }

    /// Replaces each value that is `u32::MAX` by the next 64-bit value of the zip64 field (APPNOTE 4.5.3).
    fn widen<const N: usize>(&self, narrow: [u32; N]) -> Option<[u64; N]> {
        let field = Fields(self.find(EXTRA_ZIP64).unwrap_or_default());
        let mut at = 0;
        let mut wide = [0; N];
        for (to, from) in wide.iter_mut().zip(narrow) {
            *to = from.into();
            if from == u32::MAX {
                *to = field.u64(at)?;
                at += 8;
            }
        }
        Some(wide)
    }
}

/// Little-endian numbers at byte offsets.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..)?.first_chunk().copied()
    }

    fn u16(&self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_le_bytes)
    }

    fn u32(&self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_le_bytes)
    }

    fn u64(&self, at: usize) -> Option<u64> {
        self.array(at).map(u64::from_le_bytes)
    }
}

fn as_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn malformed<T>(problem: &str) -> Result<T, Failure> {
    Err(Failure::Malformed(problem.to_owned()))
}

fn member_fails<T>(name: &str, problem: &str) -> Result<T, Failure> {
    Err(Failure::Malformed(format!("the archive's member {} {problem}", plain(name))))
}
