//! Pictures (OfficeArtBlip, MS-ODRAW 2.2.23): taken out of their record, rebuilt by the rules of their own format, and put into a new record.
//!
//! ```text
//! bitmap    digest 16 (twice when the instance is odd) │ tag u8 │ file
//! metafile  digest 16 (twice when the instance is odd) │ size u32 │ bounds 16 │ size in EMU 8 │ stored u32 │ deflate? u8 │ 0xFE │ file
//! ```
//!
//! The record's type proves nothing: the content alone decides what a picture is. A device-independent bitmap has no file header
//! here, nor has a Windows metafile its placeable one; rebuilders want the first and may write the second.

use std::io::{Read as _, Write as _};

use super::record::u32_at;
use super::{Record, put};
use crate::failure::Failure;
use crate::format::Format;
use crate::identify::Declared;
use crate::image::BLANK;
use crate::job::Job;
use crate::report::{Removed, What, sha256_hex};

/// Bytes of a digest.
const DIGEST: usize = 16;
/// Bytes of a metafile's header: size, bounds, size in EMU, stored size, compression, filter.
const METAFILE_HEADER: usize = 34;
/// Bounds and size in EMU within it.
const MEASURES: std::ops::Range<usize> = 4..28;
/// "Compression" of a metafile that is stored as it is; 0 is deflate.
const STORED: u8 = 0xfe;
/// "Filter": none.
const NO_FILTER: u8 = 0xfe;
/// Tag of a bitmap in a file.
const TAG: u8 = 0xff;
/// A bitmap's file header, and a Windows metafile's placeable one.
const BITMAP_FILE_HEADER: usize = 14;
const PLACEABLE_HEADER: usize = 22;

/// Record types.
const EMF: u16 = 0xf01a;
const WMF: u16 = 0xf01b;
const PICT: u16 = 0xf01c;
const JPEG: u16 = 0xf01d;
const PNG: u16 = 0xf01e;
const DIB: u16 = 0xf01f;
const TIFF: u16 = 0xf029;
const JPEG_CMYK: u16 = 0xf02a;

/// A picture as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blip {
    /// The whole record.
    pub(crate) record: Vec<u8>,
    /// Its MSOBLIPTYPE (MS-ODRAW 2.4.1).
    pub(crate) number: u8,
    /// What tells it from others: the first half of SHA-256 over the record's file (Office: MD4; nobody checks it).
    pub(crate) digest: [u8; DIGEST],
}

/// A picture taken out of its record.
struct Taken {
    file: Vec<u8>,
    /// Bounds and size in EMU, where it was a metafile.
    measures: Option<Vec<u8>>,
}

impl Blip {
    /// Rebuilds the picture in a record; one that cannot be rebuilt, or that Office cannot show, becomes a blank one and is noted.
    ///
    /// # Errors
    /// An infection, or a limit on what is expanded.
    pub(crate) fn rebuild(record: &Record<'_>, place: &str, job: &mut Job<'_>) -> Result<Self, Failure> {
        let Some(taken) = take(record, job)? else { return Self::blank(record.body, place, job) };
        if taken.file == BLANK {
            return Self::of(BLANK, Format::Png, None);
        }
        let rebuilt = job.nested(&taken.file, &Declared::default())?;
        let shown = |format| match format {
            Format::Emf | Format::Wmf => taken.measures.is_some(),
            Format::Jpeg | Format::Png | Format::Bmp | Format::Tiff => true,
            _ => false,
        };
        match rebuilt {
            Some((file, format)) if shown(format) => Self::of(&file, format, taken.measures.as_deref()),
            _ => Self::blank(&taken.file, place, job),
        }
    }

    fn blank(instead_of: &[u8], place: &str, job: &mut Job<'_>) -> Result<Self, Failure> {
        job.removed(Removed {
            sha256: Some(sha256_hex(instead_of)),
            ..Removed::new(What::Picture, place, 1)
        });
        Self::of(BLANK, Format::Png, None)
    }

    /// Puts a rebuilt file into a record.
    fn of(file: &[u8], format: Format, measures: Option<&[u8]>) -> Result<Self, Failure> {
        let mut digest = [0; DIGEST];
        let hash = ring::digest::digest(&ring::digest::SHA256, file);
        digest.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
        let (kind, instance, number, file) = match format {
            Format::Emf => (EMF, 0x3d4, 2, file),
            Format::Wmf => (WMF, 0x216, 3, without_placeable_header(file)),
            Format::Jpeg => (JPEG, 0x46a, 5, file),
            Format::Bmp => (DIB, 0x7a8, 7, file.get(BITMAP_FILE_HEADER..).unwrap_or_default()),
            Format::Tiff => (TIFF, 0x6e4, 0x11, file),
            _ => (PNG, 0x6e0, 6, file),
        };
        let mut body = digest.to_vec();
        match measures.filter(|_| matches!(format, Format::Emf | Format::Wmf)) {
            Some(measures) => put_metafile(&mut body, file, measures)?,
            None => {
                body.push(TAG);
                body.extend(file);
            }
        }
        let mut record = Vec::with_capacity(body.len() + 8);
        put(&mut record, 0, instance, kind, &body)?;
        Ok(Self { record, number, digest })
    }
}

fn put_metafile(body: &mut Vec<u8>, file: &[u8], measures: &[u8]) -> Result<(), Failure> {
    let mut deflater = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    let stored = deflater.write_all(file).and_then(|()| deflater.finish()).map_err(Failure::malformed)?;
    body.extend(u32::try_from(file.len()).map_err(Failure::malformed)?.to_le_bytes());
    body.extend(measures);
    body.extend(u32::try_from(stored.len()).map_err(Failure::malformed)?.to_le_bytes());
    body.extend([0, NO_FILTER]);
    body.extend(stored);
    Ok(())
}

/// The file in a record; `None`: there is none to be had.
fn take(record: &Record<'_>, job: &mut Job<'_>) -> Result<Option<Taken>, Failure> {
    job.expand(u64::try_from(record.body.len()).unwrap_or(u64::MAX))?;
    let digests = DIGEST * usize::from(1 + (record.instance & 1));
    let Some(body) = record.body.get(digests..) else { return Ok(None) };
    let file = match record.kind {
        EMF | WMF | PICT => {
            let Some((header, stored)) = body.split_at_checked(METAFILE_HEADER) else { return Ok(None) };
            let measures = header.get(MEASURES).map(<[u8]>::to_vec);
            let file = expanded(header, stored, job)?;
            return Ok(file.map(|file| Taken { file, measures }));
        }
        JPEG | JPEG_CMYK | PNG | TIFF => body.get(1..),
        DIB => {
            let Some(bitmap) = body.get(1..) else { return Ok(None) };
            return Ok(bitmap_file(bitmap).map(|file| Taken { file, measures: None }));
        }
        _ => None,
    };
    Ok(file.map(|file| Taken { file: file.to_vec(), measures: None }))
}

/// A metafile's bytes. Old writers say a wrong size, so only its limits are held against it.
fn expanded(header: &[u8], stored: &[u8], job: &mut Job<'_>) -> Result<Option<Vec<u8>>, Failure> {
    let length = u32_at(header, 28).and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
    let stored = stored.get(..length).unwrap_or(stored);
    if header.get(32) == Some(&STORED) {
        return Ok(Some(stored.to_vec()));
    }
    let mut file = Vec::new();
    let limit = job.expandable();
    #[expect(clippy::disallowed_methods, reason = "capped by `take`")]
    let read = flate2::read::ZlibDecoder::new(stored).take(limit.saturating_add(1)).read_to_end(&mut file);
    let size = u64::try_from(file.len()).unwrap_or(u64::MAX);
    job.expand(size)?;
    Ok(read.is_ok().then_some(file))
}

/// A device-independent bitmap with the file header that a BMP file has (MS-WMF 2.2.2.9 and BITMAPFILEHEADER).
pub(super) fn bitmap_file(bitmap: &[u8]) -> Option<Vec<u8>> {
    let header = u32_at(bitmap, 0)?;
    let short = |at| super::record::u16_at(bitmap, at).map(u32::from);
    let (palette, masks) = match header {
        12 => (3 * palette_colours(short(10)?, 0), 0),
        40..=124 => {
            let masks = if header == 40 && u32_at(bitmap, 16)? == 3 { 12 } else { 0 };
            (4 * palette_colours(short(14)?, u32_at(bitmap, 32)?), masks)
        }
        _ => return None,
    };
    let file_header = u32::try_from(BITMAP_FILE_HEADER).ok()?;
    let size = u32::try_from(bitmap.len()).ok()?.checked_add(file_header)?;
    let pixels = file_header.checked_add(header)?.checked_add(palette)?.checked_add(masks)?;
    let mut file = b"BM".to_vec();
    file.extend(size.to_le_bytes());
    file.extend([0; 4]);
    file.extend(pixels.to_le_bytes());
    file.extend(bitmap);
    Some(file)
}

/// Colours in a bitmap's palette.
fn palette_colours(bits: u32, used: u32) -> u32 {
    match (bits, used) {
        (1 | 4 | 8, 0) => 1 << bits,
        (_, used) => used.min(256),
    }
}

fn without_placeable_header(file: &[u8]) -> &[u8] {
    match file.starts_with(b"\xd7\xcd\xc6\x9a") {
        true => file.get(PLACEABLE_HEADER..).unwrap_or_default(),
        false => file,
    }
}
