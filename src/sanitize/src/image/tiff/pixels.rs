//! A page's pixels, in the few forms that are written, upright.

use image::{DynamicImage, GenericImage as _, GrayImage, RgbImage};

use super::super::jpeg::{self, OwnEncoding};
use super::super::{check_dimensions, icc};
use super::directory::{Coding, Colours, Page};
use super::strips::{Raster, raster};
use super::write::{Encoded, Meaning};
use super::{ccitt, write};
use crate::failure::Failure;
use crate::job::Job;

/// A page's pixels.
pub(super) enum Picture {
    /// Packed lines, black is 1.
    Bilevel {
        width: u32,
        height: u32,
        lines: Vec<u8>,
    },
    /// Samples of `width` bytes, 16-bit ones little-endian, pixel after pixel.
    Samples(Samples),
    Jpeg(OwnEncoding),
}

pub(super) struct Samples {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bytes of one sample: 1 or 2.
    pub(super) depth: usize,
    pub(super) meaning: Meaning,
    /// The kind of alpha sample behind the colours.
    pub(super) alpha: Option<u16>,
    pub(super) bytes: Vec<u8>,
}

impl Picture {
    pub(super) fn decode(page: &Page<'_>, job: &mut Job<'_>) -> Result<Self, Failure> {
        match page.coding {
            Coding::Jpeg | Coding::OldJpeg => decode_jpeg(page, job),
            _ => decode_samples(page, job),
        }
    }

    /// Whether a colour profile is sane and made for these colours.
    pub(super) fn suits(&self, profile: &[u8]) -> bool {
        match self {
            Self::Bilevel { .. } => false,
            Self::Samples(Samples { meaning: Meaning::Gray, .. }) => icc::is_sane(profile, 1),
            Self::Samples(Samples { meaning: Meaning::Cmyk, .. }) => icc::is_sane(profile, 4),
            Self::Jpeg(OwnEncoding { sampling: None, .. }) => icc::is_sane(profile, 1),
            Self::Samples(_) | Self::Jpeg(_) => icc::is_sane(profile, 3),
        }
    }

    pub(super) fn encode<'a>(
        self,
        page: &Page<'a>,
        profile: Option<&'a [u8]>,
    ) -> Result<Encoded<'a>, Failure> {
        let resolution = page.resolution.map(|resolution| match page.orientation {
            5..=8 => super::directory::Resolution { x: resolution.y, y: resolution.x, ..resolution },
            _ => resolution,
        });
        let mut encoded = match self {
            Self::Bilevel { width, height, lines } => {
                let fax = ccitt::encode(&lines, width);
                // Dithered pictures and noise are more than fax codings are made for.
                let (compression, data) = match fax.filter(|data| data.len() < lines.len() / 4) {
                    Some(data) => (write::GROUP4, data),
                    None => (write::LZW, write::lzw(&lines)?),
                };
                Encoded::new(width, height, 1, Meaning::WhiteIsZero, compression, data)
            }
            Self::Samples(samples) => {
                let Samples { width, height, depth, meaning, alpha, mut bytes } = samples;
                let count = usize::from(meaning.samples()) + usize::from(alpha.is_some());
                let differs = !matches!(meaning, Meaning::Palette(_));
                if differs {
                    write::differences(
                        &mut bytes,
                        usize::try_from(width).map_err(Failure::malformed)?,
                        count,
                        depth,
                    );
                }
                let bits = if depth == 1 { 8 } else { 16 };
                let mut encoded = Encoded::new(width, height, bits, meaning, write::LZW, write::lzw(&bytes)?);
                encoded.predictor = differs;
                encoded.alpha = alpha;
                encoded
            }
            Self::Jpeg(OwnEncoding { width, height, sampling, bytes }) => {
                let meaning = sampling.map_or(Meaning::Gray, Meaning::YCbCr);
                Encoded::new(width, height, 8, meaning, write::JPEG, bytes)
            }
        };
        (encoded.resolution, encoded.profile) = (resolution, profile);
        Ok(encoded)
    }
}

fn decode_samples(page: &Page<'_>, job: &mut Job<'_>) -> Result<Picture, Failure> {
    let refused = |what: &str| Failure::Refused(format!("TIFF pages with {what} are not accepted"));
    let (meaning, colours) = match page.colours {
        Colours::WhiteIsZero | Colours::BlackIsZero => (Meaning::Gray, 1),
        Colours::Rgb => (Meaning::Rgb, 3),
        Colours::Palette => (Meaning::Palette(palette(page)?), 1),
        Colours::Cmyk => (Meaning::Cmyk, 4),
        Colours::YCbCr => return Err(refused("luminance and chrominance that are not JPEG")),
    };
    let samples = usize::from(page.samples);
    if samples < colours || samples > 16 || page.bits < 8 && samples != 1 {
        return Err(refused("this number of samples"));
    }
    let Raster { bytes, stride } = raster(page, job)?;
    let width = usize::try_from(page.width).map_err(Failure::malformed)?;
    let is_gray = meaning == Meaning::Gray;
    if page.bits == 1 && is_gray {
        let lines = bilevel(bytes, stride, page);
        let (width, height, lines) = match page.orientation {
            1 => (page.width, page.height, lines),
            _ => {
                let pixels = unpacked(&lines, stride, width, 1);
                let (pixels, width, height) = turn(&pixels, page.width, page.height, 1, page.orientation);
                (width, height, packed(&pixels, usize::try_from(width).map_err(Failure::malformed)?))
            }
        };
        return Ok(Picture::Bilevel { width, height, lines });
    }
    let mut bytes = if page.bits < 8 { unpacked(&bytes, stride, width, page.bits) } else { bytes };
    if is_gray && page.bits < 8 {
        let step = 255 / ((1 << page.bits) - 1);
        bytes.iter_mut().for_each(|b| *b *= step);
    }
    if page.colours == Colours::WhiteIsZero {
        bytes.iter_mut().for_each(|b| *b = !*b);
    }
    if meaning == Meaning::Palette(Vec::new()) {
        return Err(Failure::Malformed("a page has no colours".to_owned()));
    }
    let depth = usize::from(page.bits.div_ceil(8));
    let alpha = (samples > colours && matches!(page.extra, 1 | 2)).then_some(page.extra);
    let kept = colours + usize::from(alpha.is_some());
    if kept < samples {
        bytes = bytes
            .chunks_exact(samples * depth)
            .flat_map(|pixel| pixel.iter().take(kept * depth).copied())
            .collect();
    }
    let (bytes, width, height) = turn(&bytes, page.width, page.height, kept * depth, page.orientation);
    Ok(Picture::Samples(Samples { width, height, depth, meaning, alpha, bytes }))
}

/// All 256 colours: reds, greens, blues.
fn palette(page: &Page<'_>) -> Result<Vec<u16>, Failure> {
    let colours = 1_usize << page.bits.min(8);
    let malformed = || Failure::Malformed("a page has no sound palette".to_owned());
    if page.bits > 8 || page.palette.len() < 3 * colours {
        return Err(malformed());
    }
    let mut out = Vec::with_capacity(3 * 256);
    for third in page.palette.chunks(page.palette.len() / 3).take(3) {
        for n in 0..256 {
            let value = if n < colours { third.get(n).copied().unwrap_or(0) } else { 0 };
            out.push(u16::try_from(value).map_err(|_| malformed())?);
        }
    }
    Ok(out)
}

/// Lines in which black is 1 and what pads them 0. In CCITT codings white is 0, whatever the page says of others.
fn bilevel(mut lines: Vec<u8>, stride: usize, page: &Page<'_>) -> Vec<u8> {
    let inverts = page.colours == Colours::BlackIsZero;
    let spare = stride * 8 - usize::try_from(page.width).unwrap_or(0);
    for line in lines.chunks_mut(stride.max(1)) {
        if inverts {
            line.iter_mut().for_each(|b| *b = !*b);
        }
        if let Some(last) = line.last_mut() {
            *last &= u8::MAX << spare.min(7);
        }
    }
    lines
}

/// A byte for each sample of 1, 2 or 4 bits.
fn unpacked(lines: &[u8], stride: usize, width: usize, bits: u16) -> Vec<u8> {
    let per_byte = usize::from(8 / bits);
    let mask = u8::MAX >> (8 - bits);
    let sample = |line: &[u8], x: usize| {
        let shift = 8 - usize::from(bits) * (x % per_byte + 1);
        line.get(x / per_byte).copied().unwrap_or(0) >> shift & mask
    };
    lines.chunks(stride.max(1)).flat_map(|line| (0..width).map(move |x| sample(line, x))).collect()
}

fn packed(pixels: &[u8], width: usize) -> Vec<u8> {
    let line = |line: &[u8]| -> Vec<u8> {
        let byte = |pixels: &[u8]| (0..8).fold(0, |byte, n| byte << 1 | pixels.get(n).copied().unwrap_or(0));
        line.chunks(8).map(byte).collect()
    };
    pixels.chunks(width.max(1)).flat_map(line).collect()
}

/// The pixels turned upright (EXIF 2.32, Orientation), with their new width and height.
fn turn(pixels: &[u8], width: u32, height: u32, size: usize, orientation: u8) -> (Vec<u8>, u32, u32) {
    let (Ok(w), Ok(h)) = (usize::try_from(width), usize::try_from(height)) else {
        return (Vec::new(), 0, 0);
    };
    let (new_w, new_h) = if orientation >= 5 { (h, w) } else { (w, h) };
    let from = |x: usize, y: usize| match orientation {
        2 => (w - 1 - x, y),
        3 => (w - 1 - x, h - 1 - y),
        4 => (x, h - 1 - y),
        5 => (y, x),
        6 => (y, h - 1 - x),
        7 => (w - 1 - y, h - 1 - x),
        8 => (w - 1 - y, x),
        _ => (x, y),
    };
    if !matches!(orientation, 2..=8) {
        return (pixels.to_vec(), width, height);
    }
    let mut out = Vec::with_capacity(pixels.len());
    for y in 0..new_h {
        for x in 0..new_w {
            let (x, y) = from(x, y);
            let start = (y * w + x) * size;
            out.extend_from_slice(pixels.get(start..start + size).unwrap_or_default());
        }
    }
    if orientation >= 5 { (out, height, width) } else { (out, width, height) }
}

/// A page whose strips are JPEG: an encoding of ours stays as it is.
fn decode_jpeg(page: &Page<'_>, job: &mut Job<'_>) -> Result<Picture, Failure> {
    let malformed = |problem: &str| Failure::Malformed(problem.to_owned());
    let is_gray = match page.colours {
        Colours::BlackIsZero => true,
        Colours::Rgb | Colours::YCbCr => false,
        _ => {
            return Err(Failure::Refused(
                "TIFF pages with JPEG in these colours are not accepted".to_owned(),
            ));
        }
    };
    if page.bits != 8 || page.samples != if is_gray { 1 } else { 3 } || page.planar {
        return Err(malformed("a page's samples do not fit its coding"));
    }
    let chunks = match (page.coding, page.old_jpeg) {
        (Coding::OldJpeg, Some(whole)) => vec![whole],
        (Coding::OldJpeg, None) => {
            return Err(Failure::Refused(
                "TIFF pages with JPEG of the old kind, in pieces, are not accepted".to_owned(),
            ));
        }
        _ => page.chunks.clone(),
    };
    let quality = job.options.jpeg_quality;
    if let ([own], 1, None) = (chunks.as_slice(), page.orientation, page.jpeg_tables)
        && page.colours != Colours::Rgb
        && let Ok(found) = jpeg::own_encoding(own, quality)
        && (found.width, found.height) == (page.width, page.height)
        && found.sampling.is_none() == is_gray
    {
        return Ok(Picture::Jpeg(found));
    }
    let mut image = match is_gray {
        true => DynamicImage::ImageLuma8(GrayImage::new(page.width, page.height)),
        false => DynamicImage::ImageRgb8(RgbImage::new(page.width, page.height)),
    };
    let (chunk_width, chunk_height) =
        if page.coding == Coding::OldJpeg { (page.width, page.height) } else { page.chunk };
    if chunk_width == 0 || chunk_height == 0 {
        return Err(malformed("a page's strips have no size"));
    }
    let across = page.width.div_ceil(chunk_width);
    let places =
        (0..page.height.div_ceil(chunk_height)).flat_map(|row| (0..across).map(move |column| (column, row)));
    let mut chunks = chunks.into_iter();
    let mut chosen = None;
    for (column, row) in places {
        let chunk = chunks.next().ok_or_else(|| malformed("a page has too few strips"))?;
        let is_rgb = page.colours == Colours::Rgb;
        let (width, height) = jpeg::dimensions_of_piece(chunk, page.jpeg_tables)?;
        check_dimensions(width, height, 4, job.limits)?;
        job.expand(u64::from(width) * u64::from(height) * 3)?;
        let (piece, sampling) = jpeg::decode_piece(chunk, page.jpeg_tables, is_rgb)?;
        chosen = chosen.or(Some(sampling));
        let (x, y) = (column * chunk_width, row * chunk_height);
        let (width, height) = (chunk_width.min(page.width - x), chunk_height.min(page.height - y));
        if piece.width() < width || piece.height() < height {
            return Err(malformed("a strip is smaller than its page says"));
        }
        let piece = piece.crop_imm(0, 0, width, height);
        match &mut image {
            DynamicImage::ImageLuma8(image) => image.copy_from(&piece.into_luma8(), x, y),
            DynamicImage::ImageRgb8(image) => image.copy_from(&piece.into_rgb8(), x, y),
            _ => Ok(()),
        }
        .map_err(Failure::malformed)?;
    }
    let bytes = jpeg::encode_page(image, page.orientation, chosen.unwrap_or((1, 1)), quality)?;
    jpeg::own_encoding(&bytes, quality).map(Picture::Jpeg).map_err(malformed)
}
