//! PNG's chunks: `length │ name │ data │ CRC`, from the signature to IEND.

use super::super::check_dimensions;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::report::plain;

pub(in crate::image) const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

/// Chunks of one file; a picture of `max_pixels` in IDAT chunks of 8 KiB has fewer.
const MAX_CHUNKS: usize = 100_000;

/// One chunk.
pub(super) struct Chunk<'a> {
    pub(super) name: [u8; 4],
    pub(super) data: &'a [u8],
    crc: u32,
}

impl Chunk<'_> {
    /// Whether the checksum is right.
    pub(super) fn is_intact(&self) -> bool {
        self.crc == crc(&self.name, self.data)
    }

    /// The name, fit to show.
    pub(super) fn words(&self) -> String {
        plain(&String::from_utf8_lossy(&self.name))
    }
}

/// Takes a file apart; the second value is what follows IEND. Order and number of critical chunks are checked.
pub(super) fn parse(bytes: &[u8]) -> Result<(Vec<Chunk<'_>>, &[u8]), Failure> {
    let mut rest = bytes.strip_prefix(SIGNATURE).ok_or_else(|| malformed("it does not begin like a PNG"))?;
    let mut chunks = Vec::new();
    loop {
        let (chunk, behind) = next(rest).ok_or_else(|| malformed("a chunk is cut off"))?;
        rest = behind;
        let last = chunk.name == *b"IEND";
        chunks.push(chunk);
        if last {
            break;
        }
        if chunks.len() >= MAX_CHUNKS {
            return Err(malformed("it has too many chunks"));
        }
    }
    check_order(&chunks)?;
    Ok((chunks, rest))
}

fn next(bytes: &[u8]) -> Option<(Chunk<'_>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (name, rest) = rest.split_first_chunk()?;
    let (data, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let (crc, rest) = rest.split_first_chunk()?;
    Some((Chunk { name: *name, data, crc: u32::from_be_bytes(*crc) }, rest))
}

/// IHDR first, one palette and transparency before the image data, that in one run, one IEND; nothing else critical.
fn check_order(chunks: &[Chunk<'_>]) -> Result<(), Failure> {
    let mut names = chunks.iter().map(|chunk| &chunk.name);
    if names.next() != Some(b"IHDR") {
        return Err(malformed("its first chunk is not the header"));
    }
    let (mut palettes, mut transparencies, mut profiles, mut runs, mut previous) = (0, 0, 0, 0, b"IHDR");
    for name in names {
        match name {
            b"PLTE" => palettes += 1 + runs,
            b"tRNS" => transparencies += 1 + runs,
            b"iCCP" => profiles += 1,
            b"IDAT" => runs += i32::from(previous != b"IDAT"),
            b"IEND" => {}
            // The fifth bit of the first letter: critical chunks must be understood.
            [first, ..] if first & 0x20 == 0 => {
                return Err(malformed("it has a critical chunk that is not known"));
            }
            _ => {}
        }
        previous = name;
    }
    match runs == 1 && palettes <= 1 && transparencies <= 1 && profiles <= 1 {
        true => Ok(()),
        false => Err(malformed("its chunks are not in order")),
    }
}

/// The header's fields.
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    depth: u8,
    colour: u8,
}

impl Header {
    pub(super) fn parse(chunks: &[Chunk<'_>]) -> Result<Self, Failure> {
        let data = chunks.first().map(|chunk| chunk.data).unwrap_or_default();
        let [w3, w2, w1, w0, h3, h2, h1, h0, depth, colour, 0, 0, 0 | 1] = *data else {
            return Err(malformed("its header is not valid"));
        };
        let (width, height) = (u32::from_be_bytes([w3, w2, w1, w0]), u32::from_be_bytes([h3, h2, h1, h0]));
        Ok(Self { width, height, depth, colour })
    }

    /// Colour channels, without alpha.
    pub(super) fn channels(&self) -> u8 {
        if matches!(self.colour, 0 | 4) { 1 } else { 3 }
    }

    /// Holds dimensions and the decoded size, palette expanded, against the limits.
    pub(super) fn check(&self, limits: &Limits) -> Result<(), Failure> {
        let samples = match self.colour {
            0 => 1,
            4 => 2,
            2 => 3,
            _ => 4,
        };
        check_dimensions(self.width, self.height, samples * u64::from(self.depth.div_ceil(8)), limits)
    }
}

/// Writes a chunk.
pub(in crate::image) fn put(out: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    // Chunks come from a file or a compressor under the limits, far below 4 GiB.
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    out.extend(length.to_be_bytes());
    out.extend(name);
    out.extend(data);
    out.extend(crc(name, data).to_be_bytes());
}

fn crc(name: &[u8; 4], data: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(name);
    crc.update(data);
    crc.sum()
}

fn malformed(problem: &str) -> Failure {
    Failure::Malformed(problem.to_owned())
}
