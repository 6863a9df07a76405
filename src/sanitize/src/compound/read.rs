//! Bytes → tree. Everything a file says of itself is checked before it is used; nothing is allocated that the file's own
//! size does not pay for.
//!
//! One rule for files that lie or were cut off: **what is needed is read as it says and is whole, or it is not read.**
//! Of a stream just the sectors are needed that its size asks for, of the list of FAT sectors as many as the header
//! says; what is linked or listed behind them is not followed. A stream that lacks a sector it needs is unreadable: it
//! has a name and no bytes, and who asks for them fails. The tables, the directory and the tree are always needed. Two
//! uses of one sector, loops among them, fail the whole file: which of them is right nobody can tell.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{
    Class, Compound, END_OF_CHAIN, ENTRY, FREE, MAGIC, MAX_NAME, MAX_REGULAR, MINI_CUTOFF, MINI_SECTOR,
    NO_ENTRY, Storage, Stream, Unreachable, upper,
};
use crate::failure::Failure;
use crate::job::Job;
use crate::limits::Limits;
use crate::little_endian::{u16_at, u32_at, u64_at};

const STORAGE: u8 = 1;
const STREAM: u8 = 2;
const ROOT: u8 = 5;

impl<'a> Compound<'a> {
    /// Reads all storages and streams. Streams in one piece are borrowed; what is copied is taken from the job's budget.
    pub(crate) fn parse(bytes: &'a [u8], job: &mut Job<'_>) -> Result<Self, Failure> {
        let header = Header::parse(bytes)?;
        let mut sectors = Sectors::new(bytes, header.shift);
        sectors.load_fat(&header)?;
        let directory = sectors.directory(header.directory)?;
        let mini = Mini::load(&mut sectors, &header, directory.first(), job)?;
        let mut tree = Tree {
            wide: header.major == 4,
            seen: vec![false; directory.len()],
            directory,
            sectors,
            mini,
            entries: 0,
            unreadable: Vec::new(),
        };
        let root = tree.root(job)?;
        let unreachable = tree.unreachable(job.limits)?;
        Ok(Self { root, unreachable })
    }
}

fn malformed<T>(what: &str) -> Result<T, Failure> {
    Err(Failure::Malformed(format!("the compound file is damaged: {what}")))
}

/// As an index into memory; a number that no memory holds is beyond every end.
fn index(number: impl TryInto<usize>) -> usize {
    number.try_into().unwrap_or(usize::MAX)
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word))
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}

/// Takes a sector that nothing else has; `None`: the file has no such sector.
fn claim(number: u32, used: &mut [bool]) -> Result<Option<usize>, Failure> {
    let number = index(number);
    match used.get_mut(number) {
        None => Ok(None),
        Some(true) => malformed("a sector is used twice"),
        Some(free) => {
            *free = true;
            Ok(Some(number))
        }
    }
}

/// Takes the first `count` sectors of a chain; `None`: it leaves the file or ends before. Each sector is taken once.
fn chain(start: u32, count: usize, fat: &[u32], used: &mut [bool]) -> Result<Option<Vec<usize>>, Failure> {
    let mut chain = Vec::new();
    let mut next = start;
    while chain.len() < count {
        let Some(number) = claim(next, used)? else { return Ok(None) };
        chain.push(number);
        next = fat.get(number).copied().unwrap_or(END_OF_CHAIN);
    }
    Ok(Some(chain))
}

/// Takes the sectors of a chain of which only the end tells its length.
fn whole_chain(start: u32, fat: &[u32], used: &mut [bool]) -> Result<Vec<usize>, Failure> {
    let mut chain = Vec::new();
    let mut next = start;
    while next <= MAX_REGULAR {
        let Some(number) = claim(next, used)? else { return malformed("a table's chain leaves the file") };
        chain.push(number);
        next = match fat.get(number) {
            Some(&next) => next,
            None => return malformed("a table's chain leaves its own table"),
        };
    }
    match next {
        END_OF_CHAIN => Ok(chain),
        _ => malformed("a table's chain does not end"),
    }
}

/// What the header says (MS-CFB 2.2).
struct Header {
    major: u16,
    shift: u16,
    fat_sectors: u32,
    directory: u32,
    mini_fat: u32,
    mini_fat_sectors: u32,
    difat: u32,
    difat_sectors: u32,
    first_fat: Vec<u32>,
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        let Some(header) = bytes.get(..512) else { return malformed("it has no header") };
        let short = |at| u16_at(header, at).unwrap_or_default();
        let long = |at| u32_at(header, at).unwrap_or_default();
        if !header.starts_with(&MAGIC) || short(28) != 0xfffe {
            return malformed("it does not begin as it should");
        }
        let (major, shift) = (short(26), short(30));
        if !matches!((major, shift), (3, 9) | (4, 12)) || short(32) != 6 || u64::from(long(56)) != MINI_CUTOFF
        {
            return malformed("its sector sizes are not those of version 3 or 4");
        }
        Ok(Self {
            major,
            shift,
            fat_sectors: long(44),
            directory: long(48),
            mini_fat: long(60),
            mini_fat_sectors: long(64),
            difat: long(68),
            difat_sectors: long(72),
            first_fat: words(header.get(76..).unwrap_or_default()).collect(),
        })
    }
}

/// The sectors and their allocation.
struct Sectors<'a> {
    bytes: &'a [u8],
    size: usize,
    fat: Vec<u32>,
    /// Which sectors belong to something, one for each sector in the file, the last one possibly cut short.
    used: Vec<bool>,
}

impl<'a> Sectors<'a> {
    fn new(bytes: &'a [u8], shift: u16) -> Self {
        let size = 1_usize << shift;
        let count = bytes.len().saturating_sub(size).div_ceil(size);
        Self { bytes, size, fat: Vec::new(), used: vec![false; count] }
    }

    /// What the file has of a sector; the last one may be short.
    fn get(&self, number: usize) -> &'a [u8] {
        let start = number.saturating_add(1).saturating_mul(self.size);
        let rest = self.bytes.get(start..).unwrap_or_default();
        rest.get(..self.size).unwrap_or(rest)
    }

    /// Takes a sector of a list or a FAT, which must be there in full.
    fn table(&mut self, number: u32) -> Result<&'a [u8], Failure> {
        match claim(number, &mut self.used)?.map(|number| self.get(number)) {
            Some(whole) if whole.len() == self.size => Ok(whole),
            _ => malformed("a table is cut short"),
        }
    }

    fn load_fat(&mut self, header: &Header) -> Result<(), Failure> {
        let mut listed = header.first_fat.clone();
        let mut next = header.difat;
        for _ in 0..header.difat_sectors {
            let sector = self.table(next)?;
            let (list, link) = sector.split_at(self.size - 4);
            listed.extend(words(list));
            next = u32_at(link, 0).unwrap_or(END_OF_CHAIN);
        }
        // FREE: what some writers end the list with.
        if !matches!(next, END_OF_CHAIN | FREE) {
            return malformed("its list of tables does not end");
        }
        listed.truncate(index(header.fat_sectors));
        if listed.len() != index(header.fat_sectors) {
            return malformed("its list of tables is not as long as it says");
        }
        for number in listed {
            let sector = self.table(number)?;
            self.fat.extend(words(sector));
        }
        Ok(())
    }

    /// The sectors of a table; the last sector of the file may be short.
    fn tables(&mut self, start: u32) -> Result<Vec<&'a [u8]>, Failure> {
        let chain = whole_chain(start, &self.fat, &mut self.used)?;
        let sectors: Vec<&[u8]> = chain.into_iter().map(|number| self.get(number)).collect();
        match sectors.iter().rev().skip(1).all(|sector| sector.len() == self.size) {
            true => Ok(sectors),
            false => malformed("a table is cut short"),
        }
    }

    /// The first `size` bytes of a chain; `None`: not all of them are there.
    fn read(&mut self, start: u32, size: u64, job: &mut Job<'_>) -> Result<Option<Cow<'a, [u8]>>, Failure> {
        let needed = index(size);
        let Some(chain) = chain(start, needed.div_ceil(self.size), &self.fat, &mut self.used)? else {
            return Ok(None);
        };
        let in_one_piece = chain.windows(2).all(|pair| matches!(pair, [a, b] if a + 1 == *b));
        if let (true, Some(first)) = (in_one_piece, chain.first()) {
            let start = (first + 1) * self.size;
            return Ok(self.bytes.get(start..start.saturating_add(needed)).map(Cow::Borrowed));
        }
        let there: usize = chain.iter().map(|&number| self.get(number).len()).sum();
        let cut = chain.iter().rev().skip(1).any(|&number| self.get(number).len() < self.size);
        if cut || there < needed {
            return Ok(None);
        }
        job.expand(size)?;
        let mut out = Vec::with_capacity(there);
        for &number in &chain {
            out.extend_from_slice(self.get(number));
        }
        out.truncate(needed);
        Ok(Some(Cow::Owned(out)))
    }

    fn directory(&mut self, start: u32) -> Result<Vec<&'a [u8]>, Failure> {
        let sectors = self.tables(start)?;
        let entries = sectors.into_iter().flat_map(|sector| sector.as_chunks::<ENTRY>().0);
        Ok(entries.map(<[u8; ENTRY]>::as_slice).collect())
    }
}

/// The mini stream and its allocation.
struct Mini<'a> {
    /// Empty when it is unreadable: then every short stream is.
    stream: Cow<'a, [u8]>,
    fat: Vec<u32>,
    used: Vec<bool>,
}

impl<'a> Mini<'a> {
    fn load(
        sectors: &mut Sectors<'a>,
        header: &Header,
        root: Option<&&[u8]>,
        job: &mut Job<'_>,
    ) -> Result<Self, Failure> {
        let Some(root) = root.map(|entry| Entry(entry)).filter(|entry| entry.kind() == ROOT) else {
            return malformed("it has no root");
        };
        let tables = match (header.mini_fat_sectors, header.mini_fat) {
            (0, END_OF_CHAIN | FREE) => Vec::new(),
            (_, start) => sectors.tables(start)?,
        };
        if tables.len() != index(header.mini_fat_sectors) {
            return malformed("its table of short streams is not as long as it says");
        }
        let fat = tables.into_iter().flat_map(words).collect();
        let stream = match root.size(header.major == 4) {
            0 => None,
            size => sectors.read(root.start(), size, job)?,
        };
        let stream = stream.unwrap_or_default();
        let used = vec![false; stream.len().div_ceil(MINI_SECTOR)];
        Ok(Self { stream, fat, used })
    }

    /// The first `size` bytes of a chain; `None`: not all of them are there.
    fn read(&mut self, start: u32, size: u64, job: &mut Job<'_>) -> Result<Option<Vec<u8>>, Failure> {
        let needed = index(size);
        let Some(chain) = chain(start, needed.div_ceil(MINI_SECTOR), &self.fat, &mut self.used)? else {
            return Ok(None);
        };
        job.expand(size)?;
        let mut out = Vec::with_capacity(chain.len() * MINI_SECTOR);
        for &number in &chain {
            out.extend_from_slice(self.get(number));
        }
        let is_whole = out.len() >= needed;
        out.truncate(needed);
        Ok(Some(out).filter(|_| is_whole))
    }

    fn get(&self, number: usize) -> &[u8] {
        let rest = self.stream.get(number.saturating_mul(MINI_SECTOR)..).unwrap_or_default();
        rest.get(..MINI_SECTOR).unwrap_or(rest)
    }

    /// Mini sectors with data that belong to no stream.
    fn leftover(&self) -> usize {
        (0..self.used.len()).filter(|&n| self.used.get(n) == Some(&false) && !is_zero(self.get(n))).count()
    }
}

/// A directory entry (MS-CFB 2.6.1).
#[derive(Clone, Copy)]
struct Entry<'a>(&'a [u8]);

impl Entry<'_> {
    fn kind(self) -> u8 {
        self.0.get(66).copied().unwrap_or_default()
    }

    fn link(self, at: usize) -> u32 {
        u32_at(self.0, at).unwrap_or(NO_ENTRY)
    }

    fn left(self) -> u32 {
        self.link(68)
    }

    fn right(self) -> u32 {
        self.link(72)
    }

    fn child(self) -> u32 {
        self.link(76)
    }

    fn class(self) -> Class {
        self.0.get(80..96).and_then(|class| class.try_into().ok()).unwrap_or_default()
    }

    fn start(self) -> u32 {
        self.link(116)
    }

    /// Size of the stream; files of version 3 may have anything in the upper half (MS-CFB 2.6.3).
    fn size(self, wide: bool) -> u64 {
        let size = u64_at(self.0, 120).unwrap_or_default();
        if wide { size } else { size & u64::from(u32::MAX) }
    }

    /// The name, as far as it has one.
    fn name(self) -> Option<String> {
        let bytes = usize::from(u16_at(self.0, 64)?);
        let units = (bytes / 2).checked_sub(1).filter(|&units| bytes % 2 == 0 && units <= MAX_NAME)?;
        let mut text = self.0.get(..bytes)?.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
        let name: Vec<u16> = text.by_ref().take(units).collect();
        let named = !name.is_empty() && !name.contains(&0) && text.next() == Some(0);
        String::from_utf16(&name).ok().filter(|_| named)
    }
}

/// The way through the directory.
struct Tree<'a> {
    wide: bool,
    directory: Vec<&'a [u8]>,
    seen: Vec<bool>,
    sectors: Sectors<'a>,
    mini: Mini<'a>,
    entries: u32,
    /// Names of the streams that are unreadable, wherever they are.
    unreadable: Vec<String>,
}

impl<'a> Tree<'a> {
    fn root(&mut self, job: &mut Job<'_>) -> Result<Storage<'a>, Failure> {
        let root = self.visit(0, job.limits)?;
        let mut storage = Storage::new("Root Entry", root.class());
        self.fill(&mut storage, root.child(), 1, job)?;
        Ok(storage)
    }

    fn visit(&mut self, number: u32, limits: &Limits) -> Result<Entry<'a>, Failure> {
        self.entries += 1;
        if self.entries > limits.max_members {
            return Err(too_many(limits));
        }
        match (self.directory.get(index(number)), self.seen.get_mut(index(number))) {
            (Some(entry), Some(seen)) if !*seen => {
                *seen = true;
                Ok(Entry(entry))
            }
            (Some(_), Some(_)) => malformed("its directory has a loop"),
            _ => malformed("its directory names an entry that is not there"),
        }
    }

    /// Adds everything in the tree below `top` to the storage.
    fn fill(
        &mut self,
        into: &mut Storage<'a>,
        top: u32,
        depth: u32,
        job: &mut Job<'_>,
    ) -> Result<(), Failure> {
        if depth > job.limits.max_nesting {
            return Err(Failure::Limit {
                name: "max_nesting",
                what: "the nesting of the compound file's storages".to_owned(),
                limit: job.limits.max_nesting.into(),
            });
        }
        let mut names = HashSet::new();
        let mut waiting = vec![top];
        while let Some(number) = waiting.pop() {
            if number == NO_ENTRY {
                continue;
            }
            let entry = self.visit(number, job.limits)?;
            waiting.extend([entry.right(), entry.left()]);
            let Some(name) = entry.name() else { return malformed("an entry has no proper name") };
            if !names.insert(name.encode_utf16().map(upper).collect::<Vec<u16>>()) {
                return malformed("two entries have the same name");
            }
            match entry.kind() {
                STORAGE => {
                    let mut storage = Storage::new(&name, entry.class());
                    self.fill(&mut storage, entry.child(), depth + 1, job)?;
                    into.storages.push(storage);
                }
                STREAM => match self.bytes_of(entry, job)? {
                    Some(bytes) => into.streams.push(Stream { name, bytes }),
                    None => {
                        self.unreadable.push(name.clone());
                        into.unreadable.push(name);
                    }
                },
                _ => return malformed("an entry is neither storage nor stream"),
            }
        }
        Ok(())
    }

    fn bytes_of(&mut self, entry: Entry<'_>, job: &mut Job<'_>) -> Result<Option<Cow<'a, [u8]>>, Failure> {
        match entry.size(self.wide) {
            0 => Ok(Some(Cow::Borrowed(&[]))),
            size if size < MINI_CUTOFF => Ok(self.mini.read(entry.start(), size, job)?.map(Cow::Owned)),
            size => self.sectors.read(entry.start(), size, job),
        }
    }

    fn unreachable(&self, limits: &Limits) -> Result<Unreachable, Failure> {
        let entries = self.directory.iter().zip(&self.seen);
        let most = usize::try_from(limits.max_members).unwrap_or(usize::MAX);
        let orphans: Vec<String> = entries
            .map(|(entry, seen)| (Entry(entry), seen))
            .filter(|(entry, seen)| !**seen && entry.kind() != 0)
            .map(|(entry, _)| entry.name().unwrap_or_else(|| "without a name".to_owned()))
            .take(most.saturating_add(1))
            .collect();
        if orphans.len() > most {
            return Err(too_many(limits));
        }
        let used = &self.sectors.used;
        let end = used.iter().rposition(|used| *used).map_or(0, |last| last + 1);
        let free = (0..end).filter(|&n| used.get(n) == Some(&false) && !is_zero(self.sectors.get(n))).count();
        let behind =
            self.sectors.bytes.get((end + 1).saturating_mul(self.sectors.size)..).unwrap_or_default();
        Ok(Unreachable {
            orphans,
            unreadable: self.unreadable.clone(),
            sectors: u32::try_from(free + self.mini.leftover()).unwrap_or(u32::MAX),
            behind: if is_zero(behind) { 0 } else { u64::try_from(behind.len()).unwrap_or(u64::MAX) },
        })
    }
}

fn too_many(limits: &Limits) -> Failure {
    Failure::Limit {
        name: "max_members",
        what: "the number of the compound file's entries".to_owned(),
        limit: limits.max_members.into(),
    }
}
