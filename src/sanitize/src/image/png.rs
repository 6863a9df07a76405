//! PNG: decoded and encoded anew with the same colour type, depth, palette and transparency (PNG 3rd edition, W3C).
//!
//! The decoder is given header, palette, transparency and image data only. Kept besides: resolution, gamma,
//! chromaticities, sRGB intent and a sane colour profile, each checked and written anew in a fixed order.

pub(super) mod chunks;

use std::io::{Cursor, Read as _, Write as _};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder};

use super::exif::Exif;
use super::{charge, icc};
use crate::failure::Failure;
use crate::job::Job;
use crate::limits::Limits;
use crate::report::{Removed, What, plain};
use chunks::{Chunk, Header, SIGNATURE, put};

/// Deflate level: five times as fast as the usual 6, for files 2 to 6 % larger.
const LEVEL: u8 = 4;

/// Ancillary chunks that are kept, in the order in which they are written, and their exact length.
const KEPT: [(&[u8; 4], usize); 4] = [(b"cHRM", 32), (b"gAMA", 4), (b"sRGB", 1), (b"pHYs", 9)];

/// Writes a PNG anew.
pub(super) fn rebuild(bytes: &[u8], job: &mut Job<'_>) -> Result<Vec<u8>, Failure> {
    let (chunks, trailing) = chunks::parse(bytes)?;
    let header = Header::parse(&chunks)?;
    header.check(job.limits)?;
    charge(header.width, header.height, job)?;
    report(&chunks, &header, trailing, job);

    let coding = coding(&chunks, &header)?;
    let mut dressing = Vec::new();
    match profile(&chunks, header.channels()) {
        Some(Ok(profile)) => put(&mut dressing, b"iCCP", &compressed(&profile)?),
        Some(Err(())) => job.removed(Removed::new(What::Metadata, "colour profile that is not sound", 1)),
        None => {}
    }
    for (name, length) in KEPT {
        if let Some(chunk) = chunks.iter().find(|chunk| chunk.name == *name) {
            match chunk.data.len() == length && chunk.is_intact() {
                true => put(&mut dressing, name, chunk.data),
                false => job.removed(Removed::new(
                    What::UnknownPart,
                    "colour or resolution chunk that is not valid",
                    1,
                )),
            }
        }
    }
    let exif = chunks.iter().find(|chunk| chunk.name == *b"eXIf").map(|chunk| Exif::parse(chunk.data));
    match exif.and_then(|exif| Orientation::from_exif(exif.orientation)) {
        None | Some(Orientation::NoTransforms) => encode(&coding, &dressing),
        Some(orientation) => encode(&turned(&coding, orientation)?, &dressing),
    }
}

/// Only allow-listed chunks, each intact and in place, nothing behind them; it decodes.
pub(super) fn verify(bytes: &[u8], limits: &Limits) -> Result<(), Failure> {
    let (chunks, trailing) = chunks::parse(bytes)?;
    let header = Header::parse(&chunks)?;
    header.check(limits)?;
    let allowed = |chunk: &&Chunk<'_>| {
        chunk.name == *b"iCCP"
            || header.is_coding(chunk, &chunks)
            || KEPT.iter().any(|(name, length)| **name == chunk.name && chunk.data.len() == *length)
    };
    if let Some(chunk) = chunks.iter().find(|chunk| !allowed(chunk) || !chunk.is_intact()) {
        return Err(Failure::Malformed(format!("the chunk {} is still there or damaged", chunk.words())));
    }
    if !trailing.is_empty() {
        return Err(Failure::Malformed("bytes follow the picture".to_owned()));
    }
    if profile(&chunks, header.channels()).is_some_and(|profile| profile.is_err()) {
        return Err(Failure::Malformed("the colour profile is not sound".to_owned()));
    }
    let decoder = image::codecs::png::PngDecoder::new(Cursor::new(bytes)).map_err(Failure::malformed)?;
    if decoder.dimensions() != (header.width, header.height) {
        return Err(Failure::Malformed("a decoder finds other dimensions".to_owned()));
    }
    DynamicImage::from_decoder(decoder).map(|_| ()).map_err(Failure::malformed)
}

/// A PNG of the coding chunks only, all of them intact.
fn coding(chunks: &[Chunk<'_>], header: &Header) -> Result<Vec<u8>, Failure> {
    let mut out = SIGNATURE.to_vec();
    for chunk in chunks.iter().filter(|chunk| header.is_coding(chunk, chunks)) {
        if !chunk.is_intact() {
            return Err(Failure::Malformed(format!("the chunk {} is damaged", chunk.words())));
        }
        put(&mut out, &chunk.name, chunk.data);
    }
    Ok(out)
}

/// Decodes and encodes anew; `dressing` are whole chunks that go behind the header.
fn encode(coding: &[u8], dressing: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut decoder = png::Decoder::new(Cursor::new(coding));
    decoder.set_transformations(png::Transformations::IDENTITY);
    let mut reader = decoder.read_info().map_err(Failure::malformed)?;
    let size = reader.output_buffer_size().ok_or_else(|| Failure::Malformed("it is too large".to_owned()))?;
    let mut pixels = vec![0; size];
    reader.next_frame(&mut pixels).map_err(Failure::malformed)?;
    let info = reader.info();
    check_palette(info, &pixels)?;

    let mut encoded = Vec::new();
    let mut encoder = png::Encoder::new(&mut encoded, info.width, info.height);
    encoder.set_color(info.color_type);
    encoder.set_depth(info.bit_depth);
    encoder.set_deflate_compression(png::DeflateCompression::Level(LEVEL));
    let is_numbered = info.color_type == png::ColorType::Indexed || (info.bit_depth as u8) < 8;
    encoder.set_filter(if is_numbered { png::Filter::NoFilter } else { png::Filter::Adaptive });
    // As in the file: the decoder's own copy of the transparency is in another form.
    let (chunks, _) = chunks::parse(coding)?;
    for chunk in &chunks {
        match &chunk.name {
            b"PLTE" => encoder.set_palette(chunk.data),
            b"tRNS" => encoder.set_trns(chunk.data),
            _ => {}
        }
    }
    let mut writer = encoder.write_header().map_err(Failure::malformed)?;
    writer.write_image_data(&pixels).map_err(Failure::malformed)?;
    writer.finish().map_err(Failure::malformed)?;

    const HEADER_END: usize = SIGNATURE.len() + 25;
    let (header, rest) = encoded.split_at(HEADER_END.min(encoded.len()));
    Ok([header, dressing, rest].concat())
}

/// Every pixel names a colour that exists.
fn check_palette(info: &png::Info<'_>, pixels: &[u8]) -> Result<(), Failure> {
    if info.color_type != png::ColorType::Indexed {
        return Ok(());
    }
    let colours = info.palette.as_ref().map_or(0, |palette| palette.len() / 3);
    let depth = u32::from(info.bit_depth as u8);
    let width = usize::try_from(info.width).map_err(Failure::malformed)?;
    let line = info.raw_row_length_from_width(info.width).saturating_sub(1).max(1);
    let per_byte = usize::try_from(8 / depth).map_err(Failure::malformed)?;
    let mask = (1_u16 << depth) - 1;
    let outside = pixels.chunks(line).any(|row| {
        (0..width).any(|x| {
            let byte = row.get(x / per_byte).copied().unwrap_or(0);
            let shift = 8 - depth * (u32::try_from(x % per_byte).unwrap_or(0) + 1);
            usize::from(u16::from(byte) >> shift & mask) >= colours
        })
    });
    match outside {
        true => Err(Failure::Malformed("a pixel names a colour that the palette does not have".to_owned())),
        false => Ok(()),
    }
}

/// The picture turned upright, as a PNG of coding chunks only.
fn turned(coding: &[u8], orientation: Orientation) -> Result<Vec<u8>, Failure> {
    let decoder = image::codecs::png::PngDecoder::new(Cursor::new(coding)).map_err(Failure::malformed)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(Failure::malformed)?;
    image.apply_orientation(orientation);
    let mut out = Vec::new();
    image.write_with_encoder(image::codecs::png::PngEncoder::new(&mut out)).map_err(Failure::malformed)?;
    Ok(out)
}

/// The expanded colour profile; `Err`: there is one, but it is not sane.
fn profile(chunks: &[Chunk<'_>], channels: u8) -> Option<Result<Vec<u8>, ()>> {
    let chunk = chunks.iter().find(|chunk| chunk.name == *b"iCCP")?;
    let name_end = chunk.data.iter().take(80).position(|&b| b == 0);
    let Some([0, 0, stream @ ..]) = name_end.and_then(|end| chunk.data.get(end..)) else {
        return Some(Err(()));
    };
    let mut profile = Vec::new();
    let limit = icc::MAX_BYTES as u64 + 1;
    #[expect(clippy::disallowed_methods, reason = "capped by `take`")]
    let read = flate2::read::ZlibDecoder::new(stream).take(limit).read_to_end(&mut profile);
    let sane = read.is_ok() && chunk.is_intact() && icc::is_sane(&profile, channels);
    Some(if sane { Ok(profile) } else { Err(()) })
}

/// The content of an `iCCP` chunk.
fn compressed(profile: &[u8]) -> Result<Vec<u8>, Failure> {
    let start = b"ICC profile\0\0".to_vec();
    let mut encoder = flate2::write::ZlibEncoder::new(start, flate2::Compression::default());
    encoder.write_all(profile).and_then(|()| encoder.finish()).map_err(Failure::malformed)
}

fn report(chunks: &[Chunk<'_>], header: &Header, trailing: &[u8], job: &mut Job<'_>) {
    for chunk in chunks {
        let (what, place) = match &chunk.name {
            b"iCCP" => continue,
            _ if header.is_coding(chunk, chunks) => continue,
            name if KEPT.iter().any(|(kept, _)| *kept == name) => continue,
            b"eXIf" => (What::Metadata, Exif::parse(chunk.data).words().to_owned()),
            b"tEXt" | b"zTXt" | b"iTXt" => {
                let keyword = chunk.data.split(|&b| b == 0).next().unwrap_or_default();
                (What::Metadata, format!("text \"{}\"", plain(&String::from_utf8_lossy(keyword))))
            }
            b"tIME" => (What::Metadata, "time of last change".to_owned()),
            b"acTL" | b"fcTL" | b"fdAT" => (What::Multimedia, "animation".to_owned()),
            _ => (What::UnknownPart, format!("chunk {}", chunk.words())),
        };
        job.removed(Removed::new(what, &place, 1));
    }
    if !trailing.is_empty() {
        job.removed(Removed::bytes(What::Unreachable, "bytes behind the picture", trailing));
    }
}
