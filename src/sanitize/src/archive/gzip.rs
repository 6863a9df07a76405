//! gzip (RFC 1952): one stream, whose content is examined like a file of its own.
//!
//! Readers go on with the next stream, stop at the first, or pass over what follows it; so nothing may follow. The name
//! inside is not copied; the content's name is the file's own without `.gz`.

use flate2::{Compression, Crc, Decompress, FlushDecompress, Status};
use std::io::Write as _;

use crate::failure::Failure;
use crate::format::{Format, Rewritten};
use crate::identify::{Declared, extension, fits_extension, identify, is_known_extension};
use crate::job::Job;
use crate::report::{Removed, Verdict, What};

/// Header and trailer without optional fields.
const HEADER: usize = 10;
const TRAILER: usize = 8;

const HAS_CHECKSUM: u8 = 1 << 1;
const HAS_EXTRA: u8 = 1 << 2;
const HAS_NAME: u8 = 1 << 3;
const HAS_COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// Expansion below this size is not held against `max_ratio`.
const RATIO_FREE_BYTES: usize = 1 << 20;

/// Bytes that are expanded at once.
const STEP: usize = 64 << 10;

/// Writes the stream anew around its rebuilt content.
pub(crate) fn rebuild(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<Rewritten, Failure> {
    let (stream, has_details) = stream(bytes)?;
    let content = expand(stream, job.expandable(), job.limits.max_ratio, job.limits.max_expanded_bytes)?;
    job.expand(u64::try_from(content.len()).unwrap_or(u64::MAX))?;
    let name = inner_name(job.name);
    let Some((rebuilt, format)) = job.nested(&content, &Declared { name: &name, media_type: "" })? else {
        let (verdict, reason) = job
            .last_child()
            .map_or((Verdict::Unscannable, String::new()), |child| (child.verdict, child.reason.clone()));
        let reason = format!("the compressed file: {reason}");
        return Err(if verdict == Verdict::Refused {
            Failure::Refused(reason)
        } else {
            Failure::Malformed(reason)
        });
    };
    // Its name lies in ours, which is not ours to change.
    if extension(&name).is_some_and(|e| is_known_extension(&e) && !fits_extension(format, &e)) {
        return Err(Failure::Refused(format!(
            "the compressed file comes out as {format}, which its name does not say"
        )));
    }
    if has_details {
        job.removed(Removed::new(What::Metadata, "name, time or comment in the header", 1));
    }
    Ok(Rewritten { bytes: compress(&rebuilt)?, format: Format::Gzip })
}

/// Reads the stream again: our own header, and content of a type that is rebuilt.
pub(crate) fn verify(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<(), Failure> {
    let unproved = |failure: Failure| Failure::Unproved(failure.to_string());
    let (stream, has_details) = stream(bytes).map_err(unproved)?;
    let content = expand(stream, job.limits.max_bytes, u64::MAX, job.limits.max_bytes).map_err(unproved)?;
    let name = inner_name(job.name);
    let found = identify(&content, &Declared { name: &name, media_type: "" });
    match has_details || !found.format.is_rebuilt() || found.objection.is_some() {
        true => Err(Failure::Unproved("the compressed file is still there".to_owned())),
        false => Ok(()),
    }
}

/// `report.csv` of `report.csv.gz`, `a.tar` of `a.tgz`.
fn inner_name(name: &str) -> String {
    let cut = |ending: &str| {
        let at = name.len().checked_sub(ending.len())?;
        name.get(at..)?.eq_ignore_ascii_case(ending).then(|| name.get(..at).unwrap_or_default())
    };
    match (cut(".gz"), cut(".tgz")) {
        (Some(bare), _) => bare.to_owned(),
        (None, Some(bare)) => format!("{bare}.tar"),
        (None, None) => String::new(),
    }
}

/// The deflate stream with its trailer, and whether the header tells more than it must.
fn stream(bytes: &[u8]) -> Result<(&[u8], bool), Failure> {
    let cut_off = || Failure::Malformed("the gzip header is cut off".to_owned());
    let head: &[u8; HEADER] = bytes.first_chunk().ok_or_else(cut_off)?;
    let [0x1f, 0x8b, 8, flags, time @ .., _, _] = head else {
        return Err(Failure::Malformed("the gzip header is not sound".to_owned()));
    };
    if flags & RESERVED != 0 {
        return Err(Failure::Malformed("the gzip header has flags that are not defined".to_owned()));
    }
    let mut rest = bytes.get(HEADER..).unwrap_or_default();
    if flags & HAS_EXTRA != 0 {
        let length = rest.first_chunk().map(|length| usize::from(u16::from_le_bytes(*length)));
        rest = length.and_then(|length| rest.get(2 + length..)).ok_or_else(cut_off)?;
    }
    for flag in [HAS_NAME, HAS_COMMENT] {
        if flags & flag != 0 {
            let end = memchr::memchr(0, rest).ok_or_else(cut_off)?;
            rest = rest.get(end + 1..).unwrap_or_default();
        }
    }
    if flags & HAS_CHECKSUM != 0 {
        rest = rest.get(2..).ok_or_else(cut_off)?;
    }
    Ok((rest, *flags != 0 || time.iter().any(|&b| b != 0)))
}

/// Expands a stream and proves its trailer; nothing may follow.
fn expand(stream: &[u8], cap: u64, max_ratio: u64, limit: u64) -> Result<Vec<u8>, Failure> {
    let malformed = |problem: &str| Err(Failure::Malformed(problem.to_owned()));
    let mut out = Vec::new();
    let mut inflater = Decompress::new(false);
    loop {
        let read = usize::try_from(inflater.total_in()).unwrap_or(usize::MAX);
        let (before, input) = (out.len(), stream.get(read..).unwrap_or_default());
        out.reserve(STEP);
        let status = inflater.decompress_vec(input, &mut out, FlushDecompress::None);
        let size = u64::try_from(out.len()).unwrap_or(u64::MAX);
        if size > cap {
            return Err(Failure::Limit {
                name: "max_expanded_bytes",
                what: "the expanded content".to_owned(),
                limit,
            });
        }
        if out.len() > RATIO_FREE_BYTES && size / inflater.total_in().max(1) > max_ratio {
            return Err(Failure::Limit {
                name: "max_ratio",
                what: "the expansion".to_owned(),
                limit: max_ratio,
            });
        }
        match status {
            Ok(Status::StreamEnd) => break,
            Ok(_) if out.len() > before || inflater.total_in() > u64::try_from(read).unwrap_or(u64::MAX) => {}
            _ => return malformed("the gzip stream is damaged or cut off"),
        }
    }
    let read = usize::try_from(inflater.total_in()).unwrap_or(usize::MAX);
    let trailer = stream.get(read..).unwrap_or_default();
    let mut crc = Crc::new();
    crc.update(&out);
    let mut expected = crc.sum().to_le_bytes().to_vec();
    expected.extend(crc.amount().to_le_bytes());
    if trailer.get(..TRAILER) != Some(expected.as_slice()) {
        return malformed("the gzip stream does not match its size or checksum");
    }
    match trailer.get(TRAILER..) {
        None | Some([]) => Ok(out),
        Some([0x1f, 0x8b, ..]) => malformed("the gzip file has several streams"),
        Some(_) => malformed("there are bytes after the gzip stream"),
    }
}

/// One stream without name, time and system.
fn compress(content: &[u8]) -> Result<Vec<u8>, Failure> {
    let head = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    let mut encoder = flate2::write::DeflateEncoder::new(head, Compression::default());
    let mut out = encoder.write_all(content).and_then(|()| encoder.finish()).map_err(Failure::malformed)?;
    let mut crc = Crc::new();
    crc.update(content);
    out.extend(crc.sum().to_le_bytes());
    out.extend(crc.amount().to_le_bytes());
    Ok(out)
}

#[cfg(test)]
mod tests;
