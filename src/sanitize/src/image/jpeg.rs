//! JPEG: decoded and encoded anew at the caller's quality, unless it already is an encoding of ours at that quality.
//!
//! The decoder is given the coding segments and scans only. A missing end marker, as cameras and cut transmissions
//! leave it, is supplied; the decoder fills what is missing with grey, as viewers do.

mod own;
mod segments;

use image::codecs::jpeg::JpegDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder};
use jpeg_encoder::{
    ChromaSubsamplingMethod, ColorType, Encoder, PixelDensity, PixelDensityUnit, SamplingFactor,
};

use super::{charge, check_dimensions, icc};
use crate::failure::Failure;
use crate::job::Job;
use crate::options::JpegQuality;
use crate::report::{Removed, What};
use segments::{Jpeg, Segment};

/// How a picture of ours is encoded, besides its pixels.
#[derive(Debug, Clone)]
struct Dressing {
    density: PixelDensity,
    profile: Option<Vec<u8>>,
    /// Chroma samples for each luma sample, as the original had them: more would only be larger.
    sampling: SamplingFactor,
    /// On libjpeg's scale.
    quality: JpegQuality,
}

/// Writes a JPEG anew.
pub(super) fn rebuild(bytes: &[u8], job: &mut Job<'_>) -> Result<Vec<u8>, Failure> {
    let jpeg = Jpeg::parse(bytes)?;
    check_dimensions(jpeg.width.into(), jpeg.height.into(), 4, job.limits)?;
    charge(jpeg.width.into(), jpeg.height.into(), job)?;
    if own::check(bytes, job.options.jpeg_quality).is_ok() {
        return Ok(bytes.to_vec());
    }
    if jpeg.components == 4 && !jpeg.says_transform() {
        let problem = "it has four colours and does not say which; readers would show it as its own negative";
        return Err(Failure::Refused(problem.to_owned()));
    }
    let channels = if jpeg.components == 1 { 1 } else { 3 };
    let profile = jpeg.profile();
    let sane = profile.as_deref().is_some_and(|profile| icc::is_sane(profile, channels));
    report(&jpeg, profile.is_some() && !sane, job);
    let orientation = jpeg.exif().map_or(1, |exif| exif.orientation);
    let sampling = factor(jpeg.sampling, orientation);
    let dressing = Dressing {
        density: density(&jpeg),
        profile: profile.filter(|_| sane),
        sampling,
        quality: job.options.jpeg_quality,
    };
    encode(upright(decode(&jpeg.coding())?, orientation), &dressing)
}

/// It is an encoding of ours, and a decoder finds the same dimensions.
pub(super) fn verify(bytes: &[u8], quality: JpegQuality) -> Result<(), Failure> {
    let (width, height) =
        own::check(bytes, quality).map_err(|problem| Failure::Malformed(problem.to_owned()))?;
    let decoder = JpegDecoder::new(std::io::Cursor::new(bytes)).map_err(Failure::malformed)?;
    if decoder.dimensions() != (width.into(), height.into()) {
        return Err(Failure::Malformed("a decoder finds other dimensions".to_owned()));
    }
    Ok(())
}

/// A JPEG that is an encoding of ours.
#[derive(Debug)]
pub(super) struct OwnEncoding {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Sampling of the luminance; `None`: it is gray.
    pub(super) sampling: Option<(u8, u8)>,
    pub(super) bytes: Vec<u8>,
}

/// Recognises an encoding of ours, or says why it is none.
pub(super) fn own_encoding(bytes: &[u8], quality: JpegQuality) -> Result<OwnEncoding, &'static str> {
    let (width, height) = own::check(bytes, quality)?;
    let jpeg = Jpeg::parse(bytes).map_err(|_| "it is not JPEG")?;
    let sampling = (jpeg.components > 1).then_some(jpeg.sampling);
    Ok(OwnEncoding { width: width.into(), height: height.into(), sampling, bytes: bytes.to_vec() })
}

/// A strip or tile of a TIFF page: tables may be apart (TIFF Technical Note 2).
fn joined(piece: &[u8], tables: Option<&[u8]>) -> Vec<u8> {
    let tables = tables.and_then(|tables| tables.strip_suffix(&[0xff, 0xd9]));
    match (tables, piece.strip_prefix(&[0xff, 0xd8])) {
        (Some(tables), Some(rest)) => [tables, rest].concat(),
        _ => piece.to_vec(),
    }
}

/// Width and height of a strip or tile.
pub(super) fn dimensions_of_piece(piece: &[u8], tables: Option<&[u8]>) -> Result<(u32, u32), Failure> {
    let bytes = joined(piece, tables);
    let jpeg = Jpeg::parse(&bytes)?;
    Ok((jpeg.width.into(), jpeg.height.into()))
}

/// A strip or tile's pixels and sampling; the page, not the strip, says whether its colours are RGB or YCbCr.
pub(super) fn decode_piece(
    piece: &[u8],
    tables: Option<&[u8]>,
    is_rgb: bool,
) -> Result<(DynamicImage, (u8, u8)), Failure> {
    let bytes = joined(piece, tables);
    let jpeg = Jpeg::parse(&bytes)?;
    if !matches!(jpeg.components, 1 | 3) {
        return Err(Failure::Malformed("a strip's colours are not its page's".to_owned()));
    }
    Ok((decode(&jpeg.coding_as(if is_rgb { 0 } else { 1 }))?, jpeg.sampling))
}

/// Encodes a TIFF page.
pub(super) fn encode_page(
    image: DynamicImage,
    orientation: u8,
    sampling: (u8, u8),
    quality: JpegQuality,
) -> Result<Vec<u8>, Failure> {
    let density = PixelDensity { density: (1, 1), unit: PixelDensityUnit::PixelAspectRatio };
    let sampling = factor(sampling, orientation);
    encode(upright(image, orientation), &Dressing { density, profile: None, sampling, quality })
}

fn factor(sampling: (u8, u8), orientation: u8) -> SamplingFactor {
    match sampling {
        (2, 2) => SamplingFactor::R_4_2_0,
        (2, 1) if orientation < 5 => SamplingFactor::R_4_2_2,
        _ => SamplingFactor::R_4_4_4,
    }
}

fn decode(coding: &[u8]) -> Result<DynamicImage, Failure> {
    let decoder = JpegDecoder::new(std::io::Cursor::new(coding)).map_err(Failure::malformed)?;
    DynamicImage::from_decoder(decoder).map_err(Failure::malformed)
}

fn upright(mut image: DynamicImage, orientation: u8) -> DynamicImage {
    image.apply_orientation(Orientation::from_exif(orientation).unwrap_or(Orientation::NoTransforms));
    image
}

fn encode(image: DynamicImage, dressing: &Dressing) -> Result<Vec<u8>, Failure> {
    let (image, colours) = match image {
        gray @ DynamicImage::ImageLuma8(_) => (gray, ColorType::Luma),
        other => (DynamicImage::ImageRgb8(other.into_rgb8()), ColorType::Rgb),
    };
    let side = |length: u32| u16::try_from(length).map_err(Failure::malformed);
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, dressing.quality.value());
    encoder.set_density(dressing.density);
    encoder.set_sampling_factor(dressing.sampling);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    if let Some(profile) = &dressing.profile {
        encoder.add_icc_profile(profile).map_err(Failure::malformed)?;
    }
    encoder
        .encode(image.as_bytes(), side(image.width())?, side(image.height())?, colours)
        .map_err(Failure::malformed)?;
    Ok(out)
}

/// The resolution that the JFIF header states; scans are printed by it.
fn density(jpeg: &Jpeg<'_>) -> PixelDensity {
    let stated = jpeg.jfif().and_then(|jfif| {
        let unit = match jfif.get(7)? {
            0 => PixelDensityUnit::PixelAspectRatio,
            1 => PixelDensityUnit::Inches,
            2 => PixelDensityUnit::Centimeters,
            _ => return None,
        };
        let number = |at: usize| Some(u16::from_be_bytes(jfif.get(at..at + 2)?.try_into().ok()?));
        Some(PixelDensity { density: (number(8)?, number(10)?), unit })
    });
    let none = PixelDensity { density: (1, 1), unit: PixelDensityUnit::PixelAspectRatio };
    stated.filter(|stated| stated.density.0 > 0 && stated.density.1 > 0).unwrap_or(none)
}

fn report(jpeg: &Jpeg<'_>, drops_profile: bool, job: &mut Job<'_>) {
    for segment in &jpeg.segments {
        let place = match segment {
            Segment::Exif(exif) => exif.words(),
            Segment::Comment => "comment",
            Segment::Xmp => "XMP",
            Segment::Photoshop => "IPTC and Photoshop data",
            Segment::MultiPicture => "index of further pictures",
            Segment::Thumbnail => "JFIF thumbnail",
            Segment::Unknown(marker) => {
                let place = format!("segment APP{}", marker.saturating_sub(0xe0));
                job.removed(Removed::new(What::UnknownPart, &place, 1));
                continue;
            }
            Segment::Jfif(_) | Segment::Profile(_) | Segment::Coding(_) => continue,
        };
        job.removed(Removed::new(What::Metadata, place, 1));
    }
    if drops_profile {
        job.removed(Removed::new(What::Metadata, "colour profile that is not sound", 1));
    }
    if !jpeg.trailing.is_empty() {
        job.removed(Removed::bytes(What::Unreachable, "bytes behind the picture", jpeg.trailing));
    }
}
