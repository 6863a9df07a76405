//! The header of a 7z archive, strictly: known properties only, and nothing behind them.

use flate2::Crc;

use super::malformed;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::report::plain;

/// Bytes of the signature header.
const START: usize = 32;
const MAGIC: &[u8] = b"7z\xbc\xaf\x27\x1c\0";

/// Coders of one block; 7-Zip writes at most a handful.
const MAX_CODERS: u64 = 8;

/// Property numbers.
mod id {
    pub(super) const END: u8 = 0;
    pub(super) const HEADER: u8 = 1;
    pub(super) const MAIN_STREAMS: u8 = 4;
    pub(super) const FILES: u8 = 5;
    pub(super) const PACKED: u8 = 6;
    pub(super) const BLOCKS: u8 = 7;
    pub(super) const FILES_OF_BLOCKS: u8 = 8;
    pub(super) const SIZE: u8 = 9;
    pub(super) const CHECKSUM: u8 = 10;
    pub(super) const BLOCK: u8 = 11;
    pub(super) const UNPACKED_SIZE: u8 = 12;
    pub(super) const NUMBER_OF_FILES: u8 = 13;
    pub(super) const EMPTY_STREAM: u8 = 14;
    pub(super) const EMPTY_FILE: u8 = 15;
    pub(super) const ANTI: u8 = 16;
    pub(super) const NAMES: u8 = 17;
    pub(super) const CREATED: u8 = 18;
    pub(super) const ACCESSED: u8 = 19;
    pub(super) const MODIFIED: u8 = 20;
    pub(super) const ATTRIBUTES: u8 = 21;
    pub(super) const PACKED_HEADER: u8 = 23;
    pub(super) const PADDING: u8 = 25;
}

/// What a header says.
pub(super) enum Parsed {
    Directory(Directory),
    /// The header itself is packed in this block.
    Packed(Block),
}

/// Blocks and files, in the archive's order.
#[derive(Debug, Default)]
pub(super) struct Directory {
    pub(super) blocks: Vec<Block>,
    pub(super) files: Vec<File>,
}

/// One file or folder.
#[derive(Debug)]
pub(super) struct File {
    /// A path; a folder's ends with `/`.
    pub(super) name: String,
    pub(super) has_content: bool,
}

/// A coder with one input and one output.
#[derive(Debug)]
pub(super) struct Coder {
    pub(super) method: Vec<u8>,
    pub(super) properties: Vec<u8>,
    /// Bytes that it gives.
    pub(super) size: u64,
}

/// Where a file lies in its block's bytes, and its checksum.
pub(super) type Cut = (std::ops::Range<usize>, Option<u32>);

/// A packed stream and what becomes of it.
#[derive(Debug)]
pub(super) struct Block {
    /// In the order in which they run.
    pub(super) coders: Vec<Coder>,
    checksum: Option<u32>,
    packed: std::ops::Range<u64>,
    /// Size and checksum of each file in it.
    pub(super) files: Vec<(u64, Option<u32>)>,
}

impl Block {
    /// Bytes when unpacked.
    pub(super) fn size(&self) -> u64 {
        self.coders.iter().map(|coder| coder.size).max().unwrap_or(0)
    }

    pub(super) fn packed<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8], Failure> {
        let place = |at: u64| usize::try_from(at).ok();
        let range = place(self.packed.start).zip(place(self.packed.end));
        range.and_then(|(start, end)| bytes.get(start..end)).ok_or_else(unsound)
    }

    pub(super) fn is_intact(&self, unpacked: &[u8]) -> bool {
        self.checksum.is_none_or(|expected| checksum(unpacked) == expected)
    }

    /// Where each file lies in the unpacked bytes, the first one last.
    pub(super) fn cuts(&self) -> Result<Vec<Cut>, Failure> {
        let mut at = 0_usize;
        let mut cuts = Vec::with_capacity(self.files.len());
        for &(size, checksum) in &self.files {
            let end = usize::try_from(size).ok().and_then(|size| at.checked_add(size)).ok_or_else(unsound)?;
            cuts.push((at..end, checksum));
            at = end;
        }
        cuts.reverse();
        Ok(cuts)
    }
}

/// CRC-32.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// The header's bytes, which end the file.
pub(super) fn locate(bytes: &[u8]) -> Result<&[u8], Failure> {
    let (start, rest) = bytes.split_first_chunk::<START>().ok_or_else(unsound)?;
    let mut fields = Reader(start);
    if fields.take(MAGIC.len())? != MAGIC {
        return malformed("the archive is of a version that is not accepted");
    }
    fields.byte()?;
    let own = u32::from_le_bytes(fields.array()?);
    if checksum(fields.0) != own {
        return malformed("the archive's start does not match its checksum");
    }
    let (offset, size) = (u64::from_le_bytes(fields.array()?), u64::from_le_bytes(fields.array()?));
    let expected = u32::from_le_bytes(fields.array()?);
    let header = usize::try_from(offset).ok().and_then(|offset| rest.get(offset..)).ok_or_else(unsound)?;
    if u64::try_from(header.len()) != Ok(size) {
        return malformed("there are bytes after the archive, or it is cut off");
    }
    if checksum(header) != expected {
        return malformed("the archive's header does not match its checksum");
    }
    Ok(header)
}

/// Reads a header.
pub(super) fn parse(raw: &[u8], limits: &Limits) -> Result<Parsed, Failure> {
    let mut reader = Reader(raw);
    let most = u64::from(limits.max_members);
    match reader.byte()? {
        id::PACKED_HEADER => {
            let mut blocks = streams(&mut reader, most)?;
            match (blocks.pop(), blocks.is_empty(), reader.0) {
                (Some(block), true, []) => Ok(Parsed::Packed(block)),
                _ => Err(unsound()),
            }
        }
        id::HEADER => {
            let mut directory = Directory::default();
            let mut next = reader.byte()?;
            if next == id::MAIN_STREAMS {
                directory.blocks = streams(&mut reader, most)?;
                next = reader.byte()?;
            }
            if next == id::FILES {
                directory.files = files(&mut reader, limits)?;
                next = reader.byte()?;
            }
            match (next, reader.0) {
                (id::END, []) => Ok(Parsed::Directory(directory)),
                _ => Err(unsound()),
            }
        }
        _ => Err(unsound()),
    }
}

/// Packed streams, blocks and the files in them.
fn streams(reader: &mut Reader<'_>, most: u64) -> Result<Vec<Block>, Failure> {
    reader.expect(id::PACKED)?;
    let mut at = reader.number()?.checked_add(START as u64).ok_or_else(unsound)?;
    let count = reader.count(most)?;
    let mut packed = Vec::with_capacity(count);
    let mut next = reader.byte()?;
    if next == id::SIZE {
        for _ in 0..count {
            let end = reader.number()?.checked_add(at).ok_or_else(unsound)?;
            packed.push(at..end);
            at = end;
        }
        next = reader.byte()?;
    }
    if next == id::CHECKSUM {
        reader.checksums(count)?;
        next = reader.byte()?;
    }
    if next != id::END || packed.len() != count {
        return Err(unsound());
    }

    reader.expect(id::BLOCKS)?;
    reader.expect(id::BLOCK)?;
    if reader.count(most)? != count || reader.byte()? != 0 {
        return malformed("the archive has blocks of several streams, which are not accepted");
    }
    let mut blocks = Vec::with_capacity(count);
    for packed in packed {
        blocks.push(Block { coders: coders(reader)?, checksum: None, packed, files: Vec::new() });
    }
    reader.expect(id::UNPACKED_SIZE)?;
    for block in &mut blocks {
        for coder in &mut block.coders {
            coder.size = reader.number()?;
        }
        // They are listed from the file back to the packed stream.
        block.coders.reverse();
    }
    let mut next = reader.byte()?;
    if next == id::CHECKSUM {
        let checksums = reader.checksums(count)?;
        blocks.iter_mut().zip(checksums).for_each(|(block, checksum)| block.checksum = checksum);
        next = reader.byte()?;
    }
    if next != id::END {
        return Err(unsound());
    }
    let last_size = |block: &Block| block.coders.last().map_or(0, |coder| coder.size);
    for block in &mut blocks {
        block.files = vec![(last_size(block), block.checksum)];
    }
    if reader.byte()? == id::FILES_OF_BLOCKS {
        files_of_blocks(reader, &mut blocks, most)?;
        reader.expect(id::END)?;
    }
    Ok(blocks)
}

/// A chain of coders, the last one first.
fn coders(reader: &mut Reader<'_>) -> Result<Vec<Coder>, Failure> {
    let count = reader.count(MAX_CODERS)?;
    if count == 0 {
        return Err(unsound());
    }
    let mut coders = Vec::with_capacity(count);
    for _ in 0..count {
        let flags = reader.byte()?;
        if flags & 0xc0 != 0 {
            return Err(unsound());
        }
        let method = reader.take(usize::from(flags & 0x0f))?.to_vec();
        if flags & 0x10 != 0 {
            return malformed("the archive uses a filter for programs, which is not accepted");
        }
        let length = if flags & 0x20 != 0 { reader.count(64)? } else { 0 };
        coders.push(Coder { method, properties: reader.take(length)?.to_vec(), size: 0 });
    }
    // Bind pairs: the input of one coder is the output of the next.
    for n in 1..count {
        let (input, output) = (reader.number()?, reader.number()?);
        if usize::try_from(input) != Ok(n - 1) || usize::try_from(output) != Ok(n) {
            return malformed("the archive's coders are not one after the other");
        }
    }
    Ok(coders)
}

/// How each block is cut into files.
fn files_of_blocks(reader: &mut Reader<'_>, blocks: &mut [Block], most: u64) -> Result<(), Failure> {
    let mut next = reader.byte()?;
    let mut total = 0_u64;
    if next == id::NUMBER_OF_FILES {
        for block in blocks.iter_mut() {
            let count = reader.count(most)?;
            total = total.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
            if total > most {
                return Err(too_many(most));
            }
            let whole = block.files.first().copied().unwrap_or_default();
            block.files = match count {
                1 => vec![whole],
                count => vec![(0, None); count],
            };
        }
        next = reader.byte()?;
    }
    let has_sizes = next == id::SIZE;
    for block in blocks.iter_mut().filter(|block| block.files.len() > 1) {
        let mut left = block.coders.last().map_or(0, |coder| coder.size);
        let last = block.files.len() - 1;
        for (n, file) in block.files.iter_mut().enumerate() {
            let size = if n == last {
                left
            } else if has_sizes {
                reader.number()?
            } else {
                return Err(unsound());
            };
            left = left.checked_sub(size).ok_or_else(unsound)?;
            file.0 = size;
        }
    }
    if has_sizes {
        next = reader.byte()?;
    }
    if next == id::CHECKSUM {
        let unknown = || blocks.iter().flat_map(|block| &block.files).filter(|file| file.1.is_none());
        let checksums = reader.checksums(unknown().count())?;
        let unknown = blocks.iter_mut().flat_map(|block| &mut block.files).filter(|file| file.1.is_none());
        unknown.zip(checksums).for_each(|(file, checksum)| file.1 = checksum);
        next = reader.byte()?;
    }
    if next == id::END { Ok(()) } else { Err(unsound()) }
}

/// Names and kinds of the files.
fn files(reader: &mut Reader<'_>, limits: &Limits) -> Result<Vec<File>, Failure> {
    let count = reader.count(limits.max_members.into())?;
    let mut names: Option<Vec<String>> = None;
    let mut empty = vec![false; count];
    let mut empty_files: Option<Vec<bool>> = None;
    let mut attributes = vec![None; count];
    loop {
        let kind = reader.byte()?;
        if kind == id::END {
            break;
        }
        let length = usize::try_from(reader.number()?).map_err(|_| unsound())?;
        let mut data = Reader(reader.take(length)?);
        match kind {
            id::EMPTY_STREAM => empty = data.bits(count)?,
            id::EMPTY_FILE => {
                empty_files = Some(data.bits(empty.iter().filter(|&&is_empty| is_empty).count())?);
            }
            id::NAMES if names.is_none() => names = Some(data.names(count)?),
            id::ATTRIBUTES => attributes = data.attributes(count)?,
            id::ANTI => return malformed("the archive deletes files"),
            id::CREATED | id::ACCESSED | id::MODIFIED | id::PADDING => continue,
            _ => return malformed("the archive's header has a property that is not known"),
        }
        if !data.0.is_empty() {
            return Err(unsound());
        }
    }
    let names = names.filter(|names| names.len() == count).ok_or_else(unsound)?;
    let mut empty_files = empty_files.unwrap_or_default().into_iter();
    let mut files = Vec::with_capacity(count);
    for ((mut name, is_empty), attributes) in names.into_iter().zip(empty).zip(attributes) {
        let is_folder = is_empty && !empty_files.next().unwrap_or(false);
        check_kind(&name, is_folder, attributes)?;
        if is_folder {
            name.push('/');
        }
        files.push(File { name, has_content: !is_empty });
    }
    Ok(files)
}

/// A file or a folder: no links, devices or sockets.
fn check_kind(name: &str, is_folder: bool, attributes: Option<u32>) -> Result<(), Failure> {
    const REPARSE_POINT: u32 = 0x400;
    const DEVICE: u32 = 0x40;
    const HAS_MODE: u32 = 0x8000;
    let attributes = attributes.unwrap_or(0);
    let mode = if attributes & HAS_MODE != 0 { (attributes >> 16) & 0o170_000 } else { 0 };
    let is_plain = match mode {
        0 => true,
        0o100_000 => !is_folder,
        0o040_000 => is_folder,
        _ => false,
    };
    match is_plain && attributes & (REPARSE_POINT | DEVICE) == 0 {
        true => Ok(()),
        false => {
            malformed(&format!("the archive's member {} is a link or another special file", plain(name)))
        }
    }
}

/// Bytes of a header that are not read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Failure> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(unsound)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Failure> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or_else(unsound)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, Failure> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn expect(&mut self, id: u8) -> Result<(), Failure> {
        if self.byte()? == id { Ok(()) } else { Err(unsound()) }
    }

    /// The ones that begin the first byte say how many bytes follow it.
    fn number(&mut self) -> Result<u64, Failure> {
        let first = self.byte()?;
        let more = usize::try_from(first.leading_ones()).unwrap_or(8);
        let mut low = [0; 8];
        low.iter_mut().zip(self.take(more)?).for_each(|(to, from)| *to = *from);
        let high = if more < 7 { u64::from(first) & (0x7f >> more) } else { 0 };
        Ok(u64::from_le_bytes(low) | if more < 8 { high << (8 * more) } else { 0 })
    }

    /// A number that things are allocated by.
    fn count(&mut self, most: u64) -> Result<usize, Failure> {
        let number = self.number()?;
        if number > most {
            return Err(too_many(most));
        }
        usize::try_from(number).map_err(|_| unsound())
    }

    fn bits(&mut self, count: usize) -> Result<Vec<bool>, Failure> {
        let bytes = self.take(count.div_ceil(8))?;
        let bits = bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte & (0x80 >> bit) != 0));
        Ok(bits.take(count).collect())
    }

    /// Which of them are given.
    fn given(&mut self, count: usize) -> Result<Vec<bool>, Failure> {
        match self.byte()? {
            0 => self.bits(count),
            _ => Ok(vec![true; count]),
        }
    }

    fn numbers(&mut self, given: Vec<bool>) -> Result<Vec<Option<u32>>, Failure> {
        given
            .into_iter()
            .map(
                |is_given| {
                    if is_given { self.array().map(|b| Some(u32::from_le_bytes(b))) } else { Ok(None) }
                },
            )
            .collect()
    }

    fn checksums(&mut self, count: usize) -> Result<Vec<Option<u32>>, Failure> {
        let given = self.given(count)?;
        self.numbers(given)
    }

    fn attributes(&mut self, count: usize) -> Result<Vec<Option<u32>>, Failure> {
        let given = self.given(count)?;
        self.expect(0)?; // not kept elsewhere
        self.numbers(given)
    }

    /// Names in UTF-16, each ended by a zero.
    fn names(&mut self, count: usize) -> Result<Vec<String>, Failure> {
        self.expect(0)?; // not kept elsewhere
        let mut names = Vec::with_capacity(count);
        let mut units = Vec::new();
        while !self.0.is_empty() {
            match u16::from_le_bytes(self.array()?) {
                0 => {
                    names.push(String::from_utf16(&units).map_err(|_| unsound())?);
                    units.clear();
                }
                unit => units.push(unit),
            }
        }
        if units.is_empty() { Ok(names) } else { Err(unsound()) }
    }
}

fn too_many(limit: u64) -> Failure {
    Failure::Limit { name: "max_members", what: "the number of members in the archive".to_owned(), limit }
}

fn unsound() -> Failure {
    Failure::Malformed("the archive's header is not sound".to_owned())
}
