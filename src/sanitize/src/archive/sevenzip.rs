//! 7z archives (7-Zip's `7zFormat.txt`): read under limits, written as ZIP.
//!
//! ```text
//! ├ 32 bytes: where the header is │ packed streams │ header, mostly packed itself ┤
//!   header: blocks (packed stream ─▶ coders ─▶ bytes), each block's bytes cut into files, names, attributes
//! ```
//!
//! Before a block is unpacked its declared size is within the limits, and the dictionary is no larger than that size; so
//! unpacking takes at most three times `max_bytes`. Accepted coders are one after the other: stored, LZMA, LZMA2, deflate and
//! delta. Encryption and filters for programs are refused with the reason.

mod coder;
mod header;

use header::{Block, Cut, Directory};

use super::members::Members;
use crate::failure::Failure;
use crate::format::{Format, Rewritten};
use crate::job::Job;
use crate::report::plain;
use crate::zip_structure::names;
use crate::zip_write::ZipWriter;

/// Expansion below this size is not held against `max_ratio`.
const RATIO_FREE_BYTES: u64 = 1 << 20;

/// Writes a ZIP archive of the rebuilt members.
pub(crate) fn rebuild(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<Rewritten, Failure> {
    let directory = directory(bytes, job)?;
    for file in &directory.files {
        names::check(&file.name, job.limits)?;
    }
    names::check_distinct(directory.files.iter().map(|file| file.name.as_str()))?;
    let mut members = Members::of(directory.files.iter().map(|file| file.name.as_str()));
    let mut writer = ZipWriter::new(job.limits);
    let mut contents = Contents { blocks: directory.blocks.iter(), unpacked: Vec::new(), cuts: Vec::new() };
    for file in &directory.files {
        let content = if file.has_content { contents.next(bytes, job)? } else { Vec::new() };
        if members.leaves_out(&file.name, job) {
            continue;
        }
        if let Some((name, rebuilt)) = members.examine(&file.name, &content, job)? {
            writer.add(&name, &rebuilt)?;
        }
    }
    if !contents.is_at_end() {
        return malformed("the archive has content that belongs to no member");
    }
    members.finish()?;
    Ok(Rewritten { bytes: writer.finish()?, format: Format::Zip })
}

/// The header, unpacked.
fn directory(bytes: &[u8], job: &mut Job<'_>) -> Result<Directory, Failure> {
    /// A header that is packed, whose header is packed: two levels are what 7-Zip writes at most.
    const LEVELS: u32 = 3;
    let mut raw = header::locate(bytes)?.to_vec();
    for _ in 0..LEVELS {
        match header::parse(&raw, job.limits)? {
            header::Parsed::Directory(directory) => return Ok(directory),
            header::Parsed::Packed(block) => raw = unpack(bytes, &block, job)?,
        }
    }
    malformed("the archive's header is packed too often")
}

/// Unpacks a block under the job's limits.
fn unpack(bytes: &[u8], block: &Block, job: &mut Job<'_>) -> Result<Vec<u8>, Failure> {
    let packed = block.packed(bytes)?;
    let size = block.size();
    let stored = u64::try_from(packed.len()).unwrap_or(u64::MAX);
    if size > RATIO_FREE_BYTES && size / stored.max(1) > job.limits.max_ratio {
        return Err(Failure::Limit {
            name: "max_ratio",
            what: "the expansion of the archive".to_owned(),
            limit: job.limits.max_ratio,
        });
    }
    if size > job.limits.max_bytes {
        return Err(Failure::Limit {
            name: "max_bytes",
            what: "the size of a block of the archive".to_owned(),
            limit: job.limits.max_bytes,
        });
    }
    job.expand(size)?;
    let unpacked = coder::unpack(packed, block)?;
    match block.is_intact(&unpacked) {
        true => Ok(unpacked),
        false => malformed("the archive's content does not match its checksum"),
    }
}

/// The members' contents, one after the other.
struct Contents<'d> {
    blocks: std::slice::Iter<'d, Block>,
    unpacked: Vec<u8>,
    /// Files of the block that is unpacked and not yet given, the next one last.
    cuts: Vec<Cut>,
}

impl Contents<'_> {
    fn next(&mut self, bytes: &[u8], job: &mut Job<'_>) -> Result<Vec<u8>, Failure> {
        while self.cuts.is_empty() {
            let Some(block) = self.blocks.next() else {
                return malformed("the archive lacks the content of a member");
            };
            // The old block goes before the new one comes.
            self.unpacked = Vec::new();
            self.unpacked = unpack(bytes, block, job)?;
            self.cuts = block.cuts()?;
        }
        let (range, checksum) = self.cuts.pop().unwrap_or_default();
        let content = self.unpacked.get(range).unwrap_or_default();
        match checksum.is_none_or(|checksum| header::checksum(content) == checksum) {
            true => Ok(content.to_vec()),
            false => malformed("a member of the archive does not match its checksum"),
        }
    }

    fn is_at_end(&mut self) -> bool {
        self.cuts.is_empty() && self.blocks.all(|block| block.files.is_empty())
    }
}

fn malformed<T>(problem: &str) -> Result<T, Failure> {
    Err(Failure::Malformed(plain(problem)))
}

#[cfg(test)]
mod tests;
