//! Tree → bytes, version 3.
//!
//! ```text
//! header │ directory │ miniFAT │ mini stream │ streams … │ FAT │ DIFAT
//! ```

use super::{
    DIFAT_SECTOR, END_OF_CHAIN, ENTRY, FAT_SECTOR, FREE, HEADER_DIFAT, MAGIC, MAX_NAME, MINI_CUTOFF,
    MINI_SECTOR, NO_ENTRY, Storage, Stream, order,
};
use crate::failure::Failure;

const SECTOR: usize = 512;
/// Files of version 3 end at 2 GiB.
const MAX_SECTORS: u32 = (2 << 30) / 512 - 1;
/// Sector numbers in a sector.
const LINKS: usize = SECTOR / 4;
/// Colours of directory entries.
const RED: u8 = 0;
const BLACK: u8 = 1;

impl Storage<'_> {
    /// Writes the file that has this storage as its root.
    ///
    /// # Errors
    /// [`Failure::Malformed`] for names that no compound file can have (empty, longer than 31 UTF-16 units, the same
    /// twice in a storage) and for more than 2 GiB.
    pub(crate) fn write(&self) -> Result<Vec<u8>, Failure> {
        let mut slots = slots(self)?;
        let mut body = Vec::new();
        let mut fat = Vec::new();

        let mut mini_stream = Vec::new();
        let mut mini_fat = Vec::new();
        for slot in slots.iter_mut().filter(|slot| slot.is_mini()) {
            slot.start = append(slot.bytes, MINI_SECTOR, &mut mini_stream, &mut mini_fat)?;
        }
        // The directory comes first, before it is known where the streams start: it is written again in the end.
        let size = slots.len().next_multiple_of(SECTOR / ENTRY) * ENTRY;
        append(&vec![0; size], SECTOR, &mut body, &mut fat)?;
        let table = words(&mini_fat);
        let mini_fat_sectors = table.len().div_ceil(SECTOR);
        let mini_fat_start = append(&table, SECTOR, &mut body, &mut fat)?;
        if let Some(tail) = (mini_fat_sectors * SECTOR).checked_sub(table.len()) {
            let end = body.len();
            body.get_mut(end - tail..).unwrap_or_default().fill(0xff);
        }
        let mini_start = append(&mini_stream, SECTOR, &mut body, &mut fat)?;
        if let Some(root) = slots.first_mut() {
            root.start = mini_start;
            root.size = mini_stream.len();
        }
        for slot in slots.iter_mut().filter(|slot| slot.kind == Kind::Stream && !slot.is_mini()) {
            slot.start = append(slot.bytes, SECTOR, &mut body, &mut fat)?;
        }
        let directory = directory(&slots)?;
        if let Some(place) = body.get_mut(..directory.len()) {
            place.copy_from_slice(&directory);
        }

        let tables = Tables::covering(fat.len());
        let first = number(fat.len())?;
        fat.extend(std::iter::repeat_n(FAT_SECTOR, tables.fat));
        fat.extend(std::iter::repeat_n(DIFAT_SECTOR, tables.difat));
        number(fat.len())?;
        fat.resize(tables.fat * LINKS, FREE);
        body.extend(words(&fat));
        let mut listed: Vec<u32> = (first..).take(tables.fat).collect();
        let mut further = listed.split_off(listed.len().min(HEADER_DIFAT));
        let difat_start = first + number(tables.fat)?;
        further.resize(tables.difat * (LINKS - 1), FREE);
        for (list, next) in further.chunks(LINKS - 1).zip(difat_start + 1..) {
            let last = usize::try_from(next - difat_start).is_ok_and(|n| n == tables.difat);
            body.extend(words(list));
            body.extend(if last { END_OF_CHAIN } else { next }.to_le_bytes());
        }
        listed.resize(HEADER_DIFAT, FREE);

        let mut out = Vec::with_capacity(SECTOR + body.len());
        out.extend(MAGIC);
        out.extend([0; 16]);
        // Minor and major version, byte order, shifts of sector and mini sector.
        for short in [0x3e_u16, 3, 0xfffe, 9, 6] {
            out.extend(short.to_le_bytes());
        }
        out.extend([0; 10]);
        let difat_start = if tables.difat == 0 { END_OF_CHAIN } else { difat_start };
        // FAT sectors, directory, transaction, cutoff, miniFAT, DIFAT.
        let cutoff = u32::try_from(MINI_CUTOFF).unwrap_or_default();
        let (mini_sectors, difat) = (number(mini_fat_sectors)?, number(tables.difat)?);
        out.extend(words(&[
            number(tables.fat)?,
            0,
            0,
            cutoff,
            mini_fat_start,
            mini_sectors,
            difat_start,
            difat,
        ]));
        out.extend(words(&listed));
        out.append(&mut body);
        Ok(out)
    }
}

fn too_large() -> Failure {
    Failure::Malformed("the compound file would be too large".to_owned())
}

/// A count or place as a sector number.
fn number(count: usize) -> Result<u32, Failure> {
    u32::try_from(count).ok().filter(|&n| n <= MAX_SECTORS).ok_or_else(too_large)
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Appends a chain of sectors and gives its start.
fn append(bytes: &[u8], sector: usize, to: &mut Vec<u8>, fat: &mut Vec<u32>) -> Result<u32, Failure> {
    let count = bytes.len().div_ceil(sector);
    if count == 0 {
        return Ok(END_OF_CHAIN);
    }
    let start = number(fat.len())?;
    let end = number(fat.len() + count)?;
    to.extend_from_slice(bytes);
    to.resize(to.len().next_multiple_of(sector), 0);
    fat.extend(start + 1..end);
    fat.push(END_OF_CHAIN);
    Ok(start)
}

/// Sectors of the tables that allocate the other sectors and themselves.
struct Tables {
    fat: usize,
    difat: usize,
}

impl Tables {
    fn covering(others: usize) -> Self {
        let mut tables = Self { fat: 0, difat: 0 };
        loop {
            let fat = (others + tables.fat + tables.difat).div_ceil(LINKS);
            let difat = fat.saturating_sub(HEADER_DIFAT).div_ceil(LINKS - 1);
            if (fat, difat) == (tables.fat, tables.difat) {
                return tables;
            }
            tables = Self { fat, difat };
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Storage = 1,
    Stream = 2,
    Root = 5,
}

/// A directory entry in the making.
struct Slot<'a> {
    name: &'a str,
    kind: Kind,
    class: [u8; 16],
    bytes: &'a [u8],
    colour: u8,
    left: u32,
    right: u32,
    child: u32,
    start: u32,
    size: usize,
}

impl<'a> Slot<'a> {
    fn new(name: &'a str, kind: Kind, class: [u8; 16], bytes: &'a [u8]) -> Self {
        Self {
            name,
            kind,
            class,
            bytes,
            colour: BLACK,
            left: NO_ENTRY,
            right: NO_ENTRY,
            child: NO_ENTRY,
            start: if kind == Kind::Storage { 0 } else { END_OF_CHAIN },
            size: bytes.len(),
        }
    }

    fn is_mini(&self) -> bool {
        self.kind == Kind::Stream && u64::try_from(self.bytes.len()).is_ok_and(|size| size < MINI_CUTOFF)
    }
}

enum Child<'a> {
    Storage(&'a Storage<'a>),
    Stream(&'a Stream<'a>),
}

impl<'a> Child<'a> {
    fn name(&self) -> &'a str {
        match self {
            Self::Storage(storage) => &storage.name,
            Self::Stream(stream) => &stream.name,
        }
    }
}

/// Root, its children in their order, their children, and so on.
fn slots<'a>(root: &'a Storage<'a>) -> Result<Vec<Slot<'a>>, Failure> {
    let mut slots = vec![Slot::new("Root Entry", Kind::Root, root.class, &[])];
    let mut waiting = std::collections::VecDeque::from([(root, 0)]);
    while let Some((storage, parent)) = waiting.pop_front() {
        storage.check_is_whole()?;
        let storages = storage.storages.iter().map(Child::Storage);
        let mut children: Vec<Child<'a>> =
            storages.chain(storage.streams.iter().map(Child::Stream)).collect();
        children.sort_by(|a, b| order(a.name(), b.name()));
        if children.windows(2).any(|pair| matches!(pair, [a, b] if order(a.name(), b.name()).is_eq())) {
            return Err(Failure::Malformed("a storage would have two entries of the same name".to_owned()));
        }
        let first = slots.len();
        for (n, child) in children.iter().enumerate() {
            slots.push(match child {
                Child::Stream(stream) => Slot::new(&stream.name, Kind::Stream, [0; 16], &stream.bytes),
                Child::Storage(inner) => {
                    waiting.push_back((inner, first + n));
                    Slot::new(&inner.name, Kind::Storage, inner.class, &[])
                }
            });
        }
        let top = balance(&mut slots, first)?;
        if let Some(slot) = slots.get_mut(parent) {
            slot.child = top;
        }
    }
    Ok(slots)
}

/// Links the sorted slots from `first` on into a red-black tree and gives its top.
///
/// Halving gives a tree whose levels are full but the last one. With the last one red, when it is not full, and all
/// others black every way down has the same number of black ones, and no red one is below a red one.
fn balance(slots: &mut [Slot<'_>], first: usize) -> Result<u32, Failure> {
    let count = slots.len() - first;
    let Some(levels) = count.checked_ilog2() else { return Ok(NO_ENTRY) };
    let full = (count + 1).is_power_of_two();
    let middle = |low: usize, high: usize| low + (high - low) / 2;
    let mut waiting = vec![(first, slots.len(), 0)];
    while let Some((low, high, level)) = waiting.pop() {
        let at = middle(low, high);
        let side = |low, high| if low < high { number(middle(low, high)) } else { Ok(NO_ENTRY) };
        let (left, right) = (side(low, at)?, side(at + 1, high)?);
        if let Some(slot) = slots.get_mut(at) {
            (slot.left, slot.right) = (left, right);
            slot.colour = if level == levels && !full { RED } else { BLACK };
        }
        waiting.extend(
            [(low, at, level + 1), (at + 1, high, level + 1)].into_iter().filter(|(low, high, _)| low < high),
        );
    }
    number(middle(first, slots.len()))
}

fn directory(slots: &[Slot<'_>]) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::with_capacity(slots.len().next_multiple_of(SECTOR / ENTRY) * ENTRY);
    for slot in slots {
        let units: Vec<u16> = slot.name.encode_utf16().collect();
        if units.is_empty() || units.len() > MAX_NAME || units.contains(&0) {
            return Err(Failure::Malformed("a compound file's entry would have no proper name".to_owned()));
        }
        let end = out.len() + 64;
        out.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
        out.resize(end, 0);
        let length = u16::try_from((units.len() + 1) * 2).map_err(|_| too_large())?;
        out.extend(length.to_le_bytes());
        out.extend([slot.kind as u8, slot.colour]);
        out.extend(words(&[slot.left, slot.right, slot.child]));
        out.extend(slot.class);
        // State bits, creation and modification time.
        out.extend([0; 20]);
        out.extend(slot.start.to_le_bytes());
        out.extend(u32::try_from(slot.size).map_err(|_| too_large())?.to_le_bytes());
        out.extend([0; 4]);
    }
    while out.len() % SECTOR != 0 {
        out.extend([0; 68]);
        out.extend(words(&[NO_ENTRY; 3]));
        out.extend([0; 48]);
    }
    Ok(out)
}
