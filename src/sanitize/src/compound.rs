//! OLE compound files (MS-CFB): a file system in a file, which legacy Office and Outlook keep their documents in.
//!
//! ```text
//! header │ sector 0 │ sector 1 │ …                  FAT: which sector follows which; DIFAT: which sectors hold the FAT
//!            └─ directory ─▶ Root Entry ─▶ tree of ─┬─ storages (folders)
//!                                │                  └─ streams ─┬─ 4,096 bytes and more: a chain of sectors
//!                                └─ mini stream ◀───────────────┴─ less: a chain of 64-byte pieces (miniFAT)
//! ```
//!
//! Invariants of what is read: no sector belongs to two chains, every stream has all its bytes or is unreadable, no two
//! names in a storage are equal, the tree has no loop. What is written is sorted and balanced, has no time stamps, and
//! zeros wherever nothing belongs; the same tree gives the same bytes.
//!
//! | module | question it answers |
//! |---|---|
//! | `read` | which storages and streams does the file have, and what lies beside them? |
//! | `write` | how is such a file written? |

mod read;
#[cfg(test)]
pub(crate) mod tests;
mod write;

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::failure::Failure;
use crate::job::Job;
use crate::report::{Removed, What};

/// The first eight bytes.
pub(crate) const MAGIC: [u8; 8] = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];

/// Special sector numbers (MS-CFB 2.1); a number up to `MAX_REGULAR` is a sector's.
const MAX_REGULAR: u32 = 0xffff_fffa;
const DIFAT_SECTOR: u32 = 0xffff_fffc;
const FAT_SECTOR: u32 = 0xffff_fffd;
const END_OF_CHAIN: u32 = 0xffff_fffe;
const FREE: u32 = 0xffff_ffff;
/// "None" where a directory entry names another.
const NO_ENTRY: u32 = 0xffff_ffff;

/// Streams shorter than this live in the mini stream.
const MINI_CUTOFF: u64 = 4096;
/// Size of a mini sector.
const MINI_SECTOR: usize = 64;
/// Size of a directory entry.
const ENTRY: usize = 128;
/// FAT sectors listed in the header.
const HEADER_DIFAT: usize = 109;
/// UTF-16 units of a name, without the NUL behind it.
const MAX_NAME: usize = 31;

/// Class identifier of a storage, as stored: which program made it.
pub(crate) type Class = [u8; 16];

/// A compound file as it was read.
#[derive(Debug)]
pub(crate) struct Compound<'a> {
    /// The root storage.
    pub(crate) root: Storage<'a>,
    /// What lies in the file beside it.
    pub(crate) unreachable: Unreachable,
}

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Storage<'a> {
    /// Its name; of no importance in the root.
    pub(crate) name: String,
    pub(crate) class: Class,
    pub(crate) storages: Vec<Storage<'a>>,
    pub(crate) streams: Vec<Stream<'a>>,
    /// Names of its streams of which the file lacks a part. Invariant: none is a name in `streams`.
    pub(crate) unreadable: Vec<String>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stream<'a> {
    pub(crate) name: String,
    pub(crate) bytes: Cow<'a, [u8]>,
}

/// What no program that reads the file by its rules would find.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Unreachable {
    /// Names of directory entries outside the tree; as they came, not to be trusted.
    pub(crate) orphans: Vec<String>,
    /// Names of streams that the file has a part of at most; as they came, too.
    pub(crate) unreadable: Vec<String>,
    /// Sectors and mini sectors that are not all zero, belong to nothing, and lie before the last one in use.
    pub(crate) sectors: u32,
    /// Bytes behind the last sector in use, when not all of them are zero.
    pub(crate) behind: u64,
}

impl Unreachable {
    /// Notes in the job that the rebuilt file has none of it.
    pub(crate) fn note(&self, job: &mut Job<'_>) {
        for name in &self.orphans {
            job.removed(Removed::new(What::Unreachable, &format!("orphaned entry {name}"), 1));
        }
        for name in &self.unreadable {
            job.removed(Removed::new(What::Unreachable, &format!("unreadable stream {name}"), 1));
        }
        if self.sectors > 0 {
            job.removed(Removed::new(What::Unreachable, "free sectors with data", self.sectors));
        }
        if self.behind > 0 {
            job.removed(Removed::new(What::Unreachable, "bytes behind the last sector", 1));
        }
    }
}

impl<'a> Storage<'a> {
    /// An empty storage; the root may have any name.
    pub(crate) fn new(name: &str, class: Class) -> Self {
        Self { name: name.to_owned(), class, ..Self::default() }
    }

    /// Puts a stream into it.
    pub(crate) fn add(&mut self, name: &str, bytes: impl Into<Cow<'a, [u8]>>) {
        self.streams.push(Stream { name: name.to_owned(), bytes: bytes.into() });
    }

    /// The bytes of its stream of this name; upper and lower case are the same. Fails when the stream is unreadable.
    pub(crate) fn stream(&self, name: &str) -> Result<Option<&[u8]>, Failure> {
        let is_same = |other: &str| order(other, name) == Ordering::Equal;
        if self.unreadable.iter().any(|other| is_same(other)) {
            return Err(unreadable());
        }
        Ok(self.streams.iter().find(|stream| is_same(&stream.name)).map(|stream| &*stream.bytes))
    }

    /// Fails when one of its streams is unreadable, whichever.
    pub(crate) fn check_is_whole(&self) -> Result<(), Failure> {
        match self.unreadable.is_empty() {
            true => Ok(()),
            false => Err(unreadable()),
        }
    }

    /// Its storage of this name; upper and lower case are the same.
    pub(crate) fn storage(&self, name: &str) -> Option<&Storage<'a>> {
        self.storages.iter().find(|storage| order(&storage.name, name) == Ordering::Equal)
    }
}

fn unreadable() -> Failure {
    Failure::Malformed(
        "the compound file is damaged: a stream that is needed is not there in full".to_owned(),
    )
}

/// The order of names (MS-CFB 2.6.4): the shorter first, then by upper-cased UTF-16 units.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    let key = |name: &str| -> Vec<u16> { name.encode_utf16().map(upper).collect() };
    let (a, b) = (key(a), key(b));
    a.len().cmp(&b.len()).then_with(|| a.cmp(&b))
}

/// Simple upper case of one unit: where it is again one unit.
fn upper(unit: u16) -> u16 {
    let Some(c) = char::from_u32(unit.into()) else { return unit };
    let mut upper = c.to_uppercase();
    match (upper.next().and_then(|c| u16::try_from(u32::from(c)).ok()), upper.next()) {
        (Some(upper), None) => upper,
        _ => unit,
    }
}
