//! BMP: the one bitmap, its header, colours and pixels written anew without gaps.
//!
//! ```text
//! "BM" │ file size u32 │ 0 u32 │ where the bits begin u32 │ header, masks, colours │ bits
//! ```

use std::io::Cursor;

use image::ImageDecoder;
use image::codecs::bmp::BmpDecoder;

use super::check_dimensions;
use crate::dib::{self, Dib};
use crate::failure::Failure;
use crate::job::Job;
use crate::limits::Limits;
use crate::little_endian::Fields;
use crate::report::{Removed, What};

const FILE_HEADER: usize = 14;

/// Writes a BMP anew.
pub(super) fn rebuild(bytes: &[u8], job: &mut Job<'_>) -> Result<Vec<u8>, Failure> {
    let (dib, slack) = parse(bytes, job.limits)?;
    if slack {
        job.removed(Removed::new(What::Unreachable, "bytes beside the picture", 1));
    }
    write(&dib).ok_or_else(|| Failure::Malformed("it is too large".to_owned()))
}

/// It is laid out as written here, and a decoder finds the same dimensions.
pub(super) fn verify(bytes: &[u8], limits: &Limits) -> Result<(), Failure> {
    let (dib, slack) = parse(bytes, limits)?;
    if slack || write(&dib).as_deref() != Some(bytes) {
        return Err(Failure::Malformed("it has bytes that belong to no pixel".to_owned()));
    }
    let decoder = BmpDecoder::new(Cursor::new(bytes)).map_err(Failure::malformed)?;
    match decoder.dimensions() == (dib.width, dib.height) {
        true => Ok(()),
        false => Err(Failure::Malformed("a decoder finds other dimensions".to_owned())),
    }
}

/// The bitmap, and whether there is something beside it.
fn parse<'a>(bytes: &'a [u8], limits: &Limits) -> Result<(Dib<'a>, bool), Failure> {
    let malformed = || Failure::Malformed("its header and its pixels do not fit together".to_owned());
    let rest = bytes.get(FILE_HEADER..).ok_or_else(malformed)?;
    let start = Fields(bytes).size(10).and_then(|at| at.checked_sub(FILE_HEADER)).ok_or_else(malformed)?;
    check(rest, limits)?;
    let (info, bits) = rest.split_at_checked(start).ok_or_else(malformed)?;
    let dib = Dib::parse(info, bits, 0, None, limits).ok_or_else(malformed)?;
    let slack = dib.slack || Fields(bytes).u32(6) != Some(0);
    Ok((dib, slack))
}

/// Holds the dimensions against the limits, for a reason of its own.
fn check(info: &[u8], limits: &Limits) -> Result<(), Failure> {
    let fields = Fields(info);
    let dimensions = match fields.u32(0) {
        Some(12) => (fields.u16(4).map(u32::from), fields.u16(6).map(u32::from)),
        _ => (fields.u32(4), fields.i32(8).map(i32::unsigned_abs)),
    };
    let (Some(width), Some(height)) = dimensions else {
        return Err(Failure::Malformed("its header is cut off".to_owned()));
    };
    check_dimensions(width, height, 4, limits)?;
    match dib::info_length(info, 0) {
        Some(_) => Ok(()),
        None => Err(Failure::Malformed("it is coded in a way that is not accepted".to_owned())),
    }
}

fn write(dib: &Dib<'_>) -> Option<Vec<u8>> {
    let start = FILE_HEADER + dib.info.len();
    let size = u32::try_from(start + dib.bits.len()).ok()?;
    let start = u32::try_from(start).ok()?;
    Some([b"BM", size.to_le_bytes().as_slice(), &[0; 4], &start.to_le_bytes(), &dib.info, &dib.bits].concat())
}
