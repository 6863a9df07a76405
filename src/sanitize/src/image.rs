//! Pictures: only the pixels, what is needed to show them right, and nothing else.
//!
//! ```text
//! file ─▶ segments or chunks ─┬─ on the allow list ─▶ decoder ─▶ pixels ─▶ turned upright ─▶ encoder ─▶ file
//!                             ├─ orientation, resolution, colour profile: read here, checked, written anew
//!                             └─ everything else: reported, left behind; no decoder ever sees it
//! ```
//!
//! Invariants: width × height and the decoded size are checked before anything is decoded; rebuilding a rebuilt
//! picture changes no byte (JPEG: our own encoding is recognised, see [`jpeg::own`]; all others: lossless and
//! deterministic). HEIF is the exception to decoding, see [`heif`].

mod bmp;
mod exif;
mod gif;
mod heif;
mod icc;
mod jpeg;
mod png;
mod tiff;
mod webp;

use crate::failure::Failure;
use crate::format::{Format, Rewritten};
use crate::job::Job;
use crate::limits::Limits;

/// One transparent pixel; stands in for a picture that cannot be rebuilt, at whatever size the document gives it.
pub(crate) const BLANK: &[u8] = b"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\x0b\x49\x44\x41\x54\x78\xda\x63\x60\x00\x02\x00\x00\x05\x00\x01\xe9\xfa\xdc\xd8\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";

/// Writes a picture anew.
pub(crate) fn rebuild(bytes: &[u8], format: Format, job: &mut Job<'_>) -> Result<Rewritten, Failure> {
    let bytes = match format {
        Format::Jpeg => jpeg::rebuild(bytes, job)?,
        Format::Png => png::rebuild(bytes, job)?,
        Format::Gif => gif::rebuild(bytes, job)?,
        Format::Bmp => bmp::rebuild(bytes, job)?,
        Format::Webp => webp::rebuild(bytes, job)?,
        Format::Tiff => tiff::rebuild(bytes, job)?,
        Format::Heif => heif::rebuild(bytes, job)?,
        other => return Err(Failure::Refused(format!("pictures of type {other} are not accepted"))),
    };
    match u64::try_from(bytes.len()) {
        Ok(size) if size <= job.limits.max_bytes => Ok(Rewritten { bytes, format }),
        _ => Err(Failure::Limit {
            name: "max_bytes",
            what: "the rebuilt picture's size".to_owned(),
            limit: job.limits.max_bytes,
        }),
    }
}

/// Parses a rebuilt picture from scratch: only allow-listed parts, nothing behind them, and it decodes.
pub(crate) fn verify(bytes: &[u8], format: Format, job: &mut Job<'_>) -> Result<(), Failure> {
    let proof = match format {
        Format::Jpeg => jpeg::verify(bytes, job.options.jpeg_quality),
        Format::Gif => gif::verify(bytes, job.limits),
        Format::Bmp => bmp::verify(bytes, job.limits),
        Format::Webp => webp::verify(bytes, job.limits),
        Format::Tiff => tiff::verify(bytes, job),
        Format::Heif => heif::verify(bytes, job),
        _ => png::verify(bytes, job.limits),
    };
    proof.map_err(|failure| Failure::Unproved(failure.to_string()))
}

/// Checks a header's dimensions, and the decoded size at `bytes_per_pixel`: at most what 4 bytes for each of
/// `max_pixels` come to.
fn check_dimensions(width: u32, height: u32, bytes_per_pixel: u64, limits: &Limits) -> Result<(), Failure> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(Failure::Malformed("the picture has no pixels".to_owned()));
    }
    if pixels > limits.max_pixels
        || pixels.saturating_mul(bytes_per_pixel) > limits.max_pixels.saturating_mul(4)
    {
        return Err(Failure::Limit {
            name: "max_pixels",
            what: "the picture's number of pixels".to_owned(),
            limit: limits.max_pixels,
        });
    }
    Ok(())
}

/// Takes a picture that is decoded whole from what may still be expanded. A document with hundreds of photographs is
/// honest, and only one of them is in memory at a time: so an eighth of a byte for each pixel, which bounds the time that
/// many small files with large pictures take.
fn charge(width: u32, height: u32, job: &mut Job<'_>) -> Result<(), Failure> {
    job.expand((u64::from(width) * u64::from(height)).div_ceil(8))
}

#[cfg(test)]
pub(crate) mod tests;
