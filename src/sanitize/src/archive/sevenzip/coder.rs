//! Unpacks one block: its coders, one after the other, each to exactly its declared size.

use std::io::Read;

use lzma_rust2::filter::delta::DeltaReader;
use lzma_rust2::{Lzma2Reader, LzmaReader};

use super::header::{Block, Coder};
use super::malformed;
use crate::failure::Failure;

/// A method's number, as bytes.
const STORED: &[u8] = &[0];
const DELTA: &[u8] = &[3];
const LZMA2: &[u8] = &[0x21];
const LZMA: &[u8] = &[3, 1, 1];
const DEFLATE: &[u8] = &[4, 1, 8];
const AES: &[u8] = &[6, 0xf1, 7, 1];

/// Smallest dictionary that a decoder takes.
const MIN_DICTIONARY: u64 = 4096;

/// The unpacked bytes; their size has been taken from the job's limits.
pub(super) fn unpack(packed: &[u8], block: &Block) -> Result<Vec<u8>, Failure> {
    let mut bytes = packed.to_vec();
    for coder in &block.coders {
        bytes = run(&bytes, coder)?;
    }
    Ok(bytes)
}

fn run(packed: &[u8], coder: &Coder) -> Result<Vec<u8>, Failure> {
    let unsound = || Failure::Malformed("a coder of the archive is not sound".to_owned());
    match coder.method.as_slice() {
        STORED => exactly(packed, coder.size),
        DELTA => {
            let &[distance] = coder.properties.as_slice() else { return Err(unsound()) };
            exactly(DeltaReader::new(packed, usize::from(distance) + 1), coder.size)
        }
        LZMA2 => {
            // 2 or 3 times a power of two; 40 is 4 GiB less one byte.
            let &[bits] = coder.properties.as_slice() else { return Err(unsound()) };
            if bits > 40 {
                return Err(unsound());
            }
            let declared = (2 | u64::from(bits & 1)) << (bits / 2 + 11);
            exactly(Lzma2Reader::new(packed, dictionary(declared, coder.size), None), coder.size)
        }
        LZMA => {
            let &[props, a, b, c, d] = coder.properties.as_slice() else { return Err(unsound()) };
            let dictionary = dictionary(u32::from_le_bytes([a, b, c, d]).into(), coder.size);
            let reader = LzmaReader::new_with_props(packed, coder.size, props, dictionary, None);
            exactly(reader.map_err(Failure::malformed)?, coder.size)
        }
        DEFLATE => exactly(flate2::read::DeflateDecoder::new(packed), coder.size),
        AES => Err(Failure::Encrypted("the archive is encrypted".to_owned())),
        // BCJ and its kin, which turn jumps of programs into what packs better.
        [3, 3, ..] | [4..=0x0b] => malformed("the archive uses a filter for programs, which is not accepted"),
        _ => malformed("the archive is packed by a method that is not accepted"),
    }
}

/// No distance reaches farther back than the output is long.
pub(super) fn dictionary(declared: u64, size: u64) -> u32 {
    u32::try_from(declared.min(size.max(MIN_DICTIONARY))).unwrap_or(u32::MAX - 15)
}

/// The reader's bytes, which are as many as declared.
fn exactly(reader: impl Read, size: u64) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "capped by `take`")]
    let read = reader.take(size.saturating_add(1)).read_to_end(&mut out).map_err(Failure::malformed)?;
    match u64::try_from(read) == Ok(size) {
        true => Ok(out),
        false => malformed("the archive's content is not as large as declared"),
    }
}
