//! WebP: one picture, decoded and encoded anew without loss (RFC 9649).
//!
//! ```text
//! "RIFF" size "WEBP" │ VP8X: flags, canvas │ ICCP │ ALPH │ VP8 or VP8L │ EXIF │ XMP
//! ```
//!
//! The decoder is given canvas, alpha and image data only. Animations are refused.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer};
use image_webp::{ColorType, WebPDecoder, WebPEncoder};

use super::exif::Exif;
use super::{charge, check_dimensions, icc};
use crate::failure::Failure;
use crate::job::Job;
use crate::limits::Limits;
use crate::little_endian::Fields;
use crate::report::{Removed, What, plain};

const ALPHA_FLAG: u8 = 0x10;

/// Writes a WebP anew.
pub(super) fn rebuild(bytes: &[u8], job: &mut Job<'_>) -> Result<Vec<u8>, Failure> {
    let parts = Parts::parse(bytes)?;
    let (width, height) = parts.dimensions()?;
    check_dimensions(width, height, 4, job.limits)?;
    charge(width, height, job)?;
    report(&parts, job);
    let image = decode(&parts.coding()?, (width, height))?;
    let exif = parts.find(b"EXIF").map(|body| Exif::parse(body.strip_prefix(b"Exif\0\0").unwrap_or(body)));
    let orientation = Orientation::from_exif(exif.map_or(1, |exif| exif.orientation));
    encode(image, orientation.unwrap_or(Orientation::NoTransforms), parts.profile())
}

/// Only a picture and a sane profile, nothing behind them, and it decodes.
pub(super) fn verify(bytes: &[u8], limits: &Limits) -> Result<(), Failure> {
    let parts = Parts::parse(bytes)?;
    let (width, height) = parts.dimensions()?;
    check_dimensions(width, height, 4, limits)?;
    let allowed = |chunk: &Chunk<'_>| matches!(chunk.name, b"VP8X" | b"VP8L" | b"ICCP");
    if !parts.chunks.iter().all(allowed) || !parts.trailing.is_empty() {
        return Err(Failure::Malformed("more than the picture is left".to_owned()));
    }
    if parts.find(b"ICCP").is_some() && parts.profile().is_none() {
        return Err(Failure::Malformed("the colour profile is not sound".to_owned()));
    }
    decode(&parts.coding()?, (width, height)).map(|_| ())
}

struct Chunk<'a> {
    name: &'a [u8; 4],
    body: &'a [u8],
}

struct Parts<'a> {
    chunks: Vec<Chunk<'a>>,
    trailing: &'a [u8],
}

impl<'a> Parts<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Failure> {
        const MAX_CHUNKS: usize = 1000;
        let cut = || Failure::Malformed("a chunk is cut off".to_owned());
        let size = Fields(bytes).size(4).ok_or_else(cut)?;
        let end = size.checked_add(8).filter(|&end| end <= bytes.len()).ok_or_else(cut)?;
        let (file, trailing) = bytes.split_at_checked(end).ok_or_else(cut)?;
        let mut rest = file.get(12..).ok_or_else(cut)?;
        let mut chunks = Vec::new();
        while !rest.is_empty() {
            let (name, sized) = rest.split_first_chunk().ok_or_else(cut)?;
            let length = Fields(sized).size(0).ok_or_else(cut)?;
            let body = Fields(sized).bytes(4, length).ok_or_else(cut)?;
            // The last chunk's padding may be missing.
            rest = sized.get(4 + length.next_multiple_of(2)..).unwrap_or_default();
            chunks.push(Chunk { name, body });
            if chunks.len() > MAX_CHUNKS {
                return Err(Failure::Malformed("it has too many chunks".to_owned()));
            }
        }
        let parts = Self { chunks, trailing };
        if parts.find(b"ANIM").is_some() || parts.find(b"ANMF").is_some() {
            return Err(Failure::Refused("animated WebP pictures are not accepted".to_owned()));
        }
        let twice = |name: &[u8; 4]| parts.chunks.iter().filter(|chunk| chunk.name == name).count() > 1;
        match [b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ICCP", b"EXIF"].into_iter().any(twice) {
            true => Err(Failure::Malformed("it has a chunk twice".to_owned())),
            false => Ok(parts),
        }
    }

    fn find(&self, name: &[u8; 4]) -> Option<&'a [u8]> {
        self.chunks.iter().find(|chunk| chunk.name == name).map(|chunk| chunk.body)
    }

    /// Of the image data, which must agree with the canvas.
    fn dimensions(&self) -> Result<(u32, u32), Failure> {
        let malformed = |problem: &str| Failure::Malformed(problem.to_owned());
        let lossy = self.find(b"VP8 ").map(|frame| {
            let side = |at: usize| Some(u32::from(Fields(frame).u16(at)? & 0x3fff));
            Some((side(6)?, side(8)?))
        });
        let lossless = self.find(b"VP8L").map(|frame| {
            let bits = Fields(frame).u32(1)?;
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        });
        let ((Some(Some(frame)), None) | (None, Some(Some(frame)))) = (lossy, lossless) else {
            return Err(malformed("it does not have one picture"));
        };
        let canvas = self.find(b"VP8X").map(|body| {
            let side = |at: usize| match body.get(at..at + 3)? {
                &[a, b, c] => Some(1 + u32::from_le_bytes([a, b, c, 0])),
                _ => None,
            };
            (side(4), side(7))
        });
        match canvas {
            Some(canvas) if canvas != (Some(frame.0), Some(frame.1)) => {
                Err(malformed("its canvas and its picture differ in size"))
            }
            _ => Ok(frame),
        }
    }

    /// A WebP of the coding chunks only.
    fn coding(&self) -> Result<Vec<u8>, Failure> {
        let mut out = b"RIFF\0\0\0\0WEBP".to_vec();
        if let (Some(alpha), Some(_), Some(canvas)) =
            (self.find(b"ALPH"), self.find(b"VP8 "), self.find(b"VP8X"))
        {
            let size = canvas.get(4..10).unwrap_or_default();
            put(&mut out, b"VP8X", &[&[ALPHA_FLAG, 0, 0, 0], size].concat());
            put(&mut out, b"ALPH", alpha);
        }
        for name in [b"VP8 ", b"VP8L"] {
            if let Some(body) = self.find(name) {
                put(&mut out, name, body);
            }
        }
        let size = u32::try_from(out.len() - 8).map_err(Failure::malformed)?;
        out.splice(4..8, size.to_le_bytes());
        Ok(out)
    }

    fn profile(&self) -> Option<&'a [u8]> {
        self.find(b"ICCP").filter(|profile| icc::is_sane(profile, 3))
    }
}

fn put(out: &mut Vec<u8>, name: &[u8; 4], body: &[u8]) {
    out.extend(name);
    // A chunk comes from a file under the limits, far below 4 GiB.
    out.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(body);
    out.resize(out.len().next_multiple_of(2), 0);
}

fn decode(coding: &[u8], dimensions: (u32, u32)) -> Result<DynamicImage, Failure> {
    let mut decoder = WebPDecoder::new(Cursor::new(coding)).map_err(Failure::malformed)?;
    let size = decoder.output_buffer_size().filter(|_| decoder.dimensions() == dimensions);
    let size = size.ok_or_else(|| Failure::Malformed("a decoder finds other dimensions".to_owned()))?;
    let mut pixels = vec![0; size];
    decoder.read_image(&mut pixels).map_err(Failure::malformed)?;
    let (width, height) = dimensions;
    let image = match decoder.has_alpha() {
        true => ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageRgba8),
        false => ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8),
    };
    image.ok_or_else(|| Failure::Malformed("a decoder finds other dimensions".to_owned()))
}

fn encode(
    mut image: DynamicImage,
    orientation: Orientation,
    profile: Option<&[u8]>,
) -> Result<Vec<u8>, Failure> {
    image.apply_orientation(orientation);
    let mut out = Vec::new();
    let mut encoder = WebPEncoder::new(&mut out);
    if let Some(profile) = profile {
        encoder.set_icc_profile(profile.to_vec());
    }
    let colours = if image.color().has_alpha() { ColorType::Rgba8 } else { ColorType::Rgb8 };
    encoder.encode(image.as_bytes(), image.width(), image.height(), colours).map_err(Failure::malformed)?;
    Ok(out)
}

fn report(parts: &Parts<'_>, job: &mut Job<'_>) {
    for chunk in &parts.chunks {
        let (what, place) = match chunk.name {
            b"VP8X" | b"VP8 " | b"VP8L" | b"ALPH" => continue,
            b"ICCP" if parts.profile().is_some() => continue,
            b"ICCP" => (What::Metadata, "colour profile that is not sound".to_owned()),
            b"EXIF" => (What::Metadata, Exif::parse(chunk.body).words().to_owned()),
            b"XMP " => (What::Metadata, "XMP".to_owned()),
            name => (What::UnknownPart, format!("chunk {}", plain(&String::from_utf8_lossy(name)))),
        };
        job.removed(Removed::new(what, &place, 1));
    }
    if !parts.trailing.is_empty() {
        job.removed(Removed::bytes(What::Unreachable, "bytes behind the picture", parts.trailing));
    }
}
