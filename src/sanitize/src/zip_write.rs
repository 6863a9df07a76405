//! Writes ZIP files that say one thing only, the same bytes for the same members.
//!
//! No extra fields, comments, data descriptors or zip64; every time is 1980-01-01 00:00, every name is UTF-8. What it
//! writes, [`Zip::parse`](crate::zip_structure::Zip::parse) accepts.

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

use crate::failure::Failure;
use crate::limits::Limits;
use crate::report::plain;
use crate::zip_structure::{Entry, Method, UTF8, expands_beyond};

/// `version needed`: 2.0, deflate and directories.
const VERSION: u16 = 20;
/// 1980-01-01 in MS-DOS form; the time is zero.
const DATE: u16 = 1 << 5 | 1;

/// A ZIP file in the making.
#[derive(Debug)]
pub(crate) struct ZipWriter {
    max_ratio: u64,
    /// Set back for each member, as making one takes longer than deflating a small member.
    deflater: Compress,
    out: Vec<u8>,
    directory: Vec<u8>,
    entries: u16,
}

impl ZipWriter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            max_ratio: limits.max_ratio,
            deflater: Compress::new(Compression::default(), false),
            out: Vec::new(),
            directory: Vec::new(),
            entries: 0,
        }
    }

    /// Adds a member as it is: readers look for it at a fixed place, or it is compressed in itself.
    pub(crate) fn add_stored(&mut self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let mut crc = Crc::new();
        crc.update(bytes);
        self.put(name, Method::Stored, crc.sum(), bytes.len(), bytes)
    }

    /// Adds a member, deflated where that is shorter, but not so much that it would be taken for a bomb.
    pub(crate) fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let mut crc = Crc::new();
        crc.update(bytes);
        // What does not end within its own size is not shorter.
        let mut deflated = Vec::with_capacity(bytes.len());
        self.deflater.reset();
        let status = self
            .deflater
            .compress_vec(bytes, &mut deflated, FlushCompress::Finish)
            .map_err(Failure::malformed)?;
        let is_whole = status == Status::StreamEnd && deflated.len() < bytes.len();
        let is_bomb = expands_beyond(bytes.len() as u64, deflated.len() as u64, self.max_ratio);
        let (method, data) = match is_whole && !is_bomb {
            true => (Method::Deflated, deflated.as_slice()),
            false => (Method::Stored, bytes),
        };
        self.put(name, method, crc.sum(), bytes.len(), data)
    }

    /// Copies a member's compressed bytes. The caller has had [`Entry::read`] prove them.
    pub(crate) fn add_raw(&mut self, name: &str, entry: &Entry<'_>) -> Result<(), Failure> {
        let size = usize::try_from(entry.size).map_err(|_| too_large(name))?;
        self.put(name, entry.method, entry.crc32, size, entry.compressed)
    }

    /// The finished file.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, Failure> {
        let offset = u32::try_from(self.out.len()).map_err(|_| too_large("the archive"))?;
        let size = u32::try_from(self.directory.len()).map_err(|_| too_large("the archive"))?;
        self.out.append(&mut self.directory);
        self.out.extend(b"PK\x05\x06\0\0\0\0");
        self.out.extend(self.entries.to_le_bytes());
        self.out.extend(self.entries.to_le_bytes());
        self.out.extend(size.to_le_bytes());
        self.out.extend(offset.to_le_bytes());
        self.out.extend([0, 0]);
        Ok(self.out)
    }

    fn put(
        &mut self,
        name: &str,
        method: Method,
        crc32: u32,
        size: usize,
        data: &[u8],
    ) -> Result<(), Failure> {
        let narrow = |number: usize| u32::try_from(number).map_err(|_| too_large(name));
        let offset = narrow(self.out.len())?;
        let (size, compressed) = (narrow(size)?, narrow(data.len())?);
        let name_length = u16::try_from(name.len()).map_err(|_| too_large(name))?;
        self.entries =
            self.entries.checked_add(1).filter(|&n| n < u16::MAX).ok_or_else(|| too_large(name))?;

        let mut common = Vec::with_capacity(26);
        common.extend(VERSION.to_le_bytes());
        common.extend(if name.is_ascii() { 0 } else { UTF8 }.to_le_bytes());
        common.extend(method.code().to_le_bytes());
        common.extend(0_u16.to_le_bytes());
        common.extend(DATE.to_le_bytes());
        common.extend(crc32.to_le_bytes());
        common.extend(compressed.to_le_bytes());
        common.extend(size.to_le_bytes());
        common.extend(name_length.to_le_bytes());
        common.extend([0, 0]);

        self.out.extend(b"PK\x03\x04");
        self.out.extend(&common);
        self.out.extend(name.as_bytes());
        self.out.extend(data);

        self.directory.extend(b"PK\x01\x02");
        self.directory.extend(VERSION.to_le_bytes());
        self.directory.extend(&common);
        self.directory.extend([0; 10]);
        self.directory.extend(offset.to_le_bytes());
        self.directory.extend(name.as_bytes());
        Ok(())
    }
}

fn too_large(name: &str) -> Failure {
    Failure::Limit {
        name: "max_bytes",
        what: format!("the archive that would hold {}", plain(name)),
        limit: u32::MAX.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::job::bench;
    use crate::zip_structure::Zip;

    fn sample() -> Vec<u8> {
        let mut writer = ZipWriter::new(&Limits::default());
        writer.add("text.txt", &b"the same words ".repeat(100)).unwrap();
        writer.add("größe/noise.bin", &[7, 200, 13]).unwrap();
        writer.add("empty", b"").unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn another_reader_reads_the_same() {
        let mut other = zip::ZipArchive::new(std::io::Cursor::new(sample())).unwrap();
        let names: Vec<_> = other.file_names().map(|name| name.unwrap().into_owned()).collect();
        assert_eq!(names, ["text.txt", "größe/noise.bin", "empty"]);
        let mut text = String::new();
        other.by_index(0).unwrap().take(10_000).read_to_string(&mut text).unwrap();
        assert_eq!(text, "the same words ".repeat(100));
    }

    #[test]
    fn copying_each_member_gives_the_same_bytes() {
        let bytes = sample();
        let zip = Zip::parse(&bytes, &Limits::default()).unwrap();
        let mut writer = ZipWriter::new(&Limits::default());
        for entry in zip.entries() {
            writer.add_raw(&entry.name, entry).unwrap();
        }
        assert_eq!(writer.finish().unwrap(), bytes);
    }

    #[test]
    fn what_would_be_taken_for_a_bomb_is_stored() {
        let blank = vec![0; 3 << 20];
        let mut writer = ZipWriter::new(&Limits::default());
        writer.add("blank", &blank).unwrap();
        let bytes = writer.finish().unwrap();
        let zip = Zip::parse(&bytes, &Limits::default()).unwrap();
        let read = bench(&Limits::default(), |job| zip.entries()[0].read(job)).0;
        assert_eq!(read.unwrap(), blank);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let bytes = sample();
        let zip = Zip::parse(&bytes, &Limits::default()).unwrap();
        let (texts, ..) = bench(&Limits::default(), |job| {
            zip.entries().iter().map(|entry| entry.read(job).unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(texts, [b"the same words ".repeat(100), vec![7, 200, 13], Vec::new()]);
    }
}
