//! JPEG: decoded and encoded anew at [`QUALITY`], unless it already is an encoding of ours.
//!
//! The decoder is given the coding segments and scans only. A missing end marker, as cameras and cut transmissions
//! leave it, is supplied; the decoder fills what is missing with grey, as viewers do.

mod own;
mod segments;

use image::codecs::jpeg::{JpegDecoder, JpegEncoder, PixelDensity, PixelDensityUnit};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageEncoder};

use super::{check_dimensions, icc};
use crate::failure::Failure;
use crate::job::Job;
use crate::report::{Removed, What};
use segments::{Jpeg, Segment};

/// Quality on libjpeg's scale: the usual "high quality", at which a single generation shows no loss on photographs and
/// scanned text. A constant, because [`own`] recognises its quantisation tables.
const QUALITY: u8 = 90;

/// What stands in a picture of ours besides pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Dressing {
    density: PixelDensity,
    profile: Option<Vec<u8>>,
}

/// Writes a JPEG anew.
pub(super) fn rebuild(bytes: &[u8], job: &mut Job<'_>) -> Result<Vec<u8>, Failure> {
    let jpeg = Jpeg::parse(bytes)?;
    check_dimensions(jpeg.width.into(), jpeg.height.into(), 4, job.limits)?;
    if own::check(bytes).is_ok() {
        return Ok(bytes.to_vec());
    }
    let channels = if jpeg.components == 1 { 1 } else { 3 };
    let profile = jpeg.profile();
    let sane = profile.as_deref().is_some_and(|profile| icc::is_sane(profile, channels));
    report(&jpeg, profile.is_some() && !sane, job);
    let dressing = Dressing { density: density(&jpeg), profile: profile.filter(|_| sane) };

    let image = decode(&jpeg.coding())?;
    let orientation = jpeg.exif().map_or(1, |exif| exif.orientation);
    encode(upright(image, orientation), &dressing)
}

/// It is an encoding of ours, and a decoder finds the same dimensions.
pub(super) fn verify(bytes: &[u8]) -> Result<(), Failure> {
    let (width, height) = own::check(bytes).map_err(|problem| Failure::Malformed(problem.to_owned()))?;
    let decoder = JpegDecoder::new(std::io::Cursor::new(bytes)).map_err(Failure::malformed)?;
    if decoder.dimensions() != (width.into(), height.into()) {
        return Err(Failure::Malformed("a decoder finds other dimensions".to_owned()));
    }
    Ok(())
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
    let image = match image {
        gray @ DynamicImage::ImageLuma8(_) => gray,
        other => DynamicImage::ImageRgb8(other.into_rgb8()),
    };
    let mut out = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut out, QUALITY);
    encoder.set_pixel_density(dressing.density);
    if let Some(profile) = &dressing.profile {
        encoder.set_icc_profile(profile.clone()).map_err(Failure::malformed)?;
    }
    encoder
        .write_image(image.as_bytes(), image.width(), image.height(), image.color().into())
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
    stated.filter(|stated| stated.density.0 > 0 && stated.density.1 > 0).unwrap_or_default()
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
