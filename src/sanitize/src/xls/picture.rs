//! The workbook's table of pictures (MS-ODRAW 2.2.20 to 2.2.32): each picture through the rebuilder of its own format.
//!
//! ```text
//! DrawingGroup ─▶ Pictures ─▶ entry: 36 bytes │ picture: digest │ (metafile: sizes, zlib) or (tag) │ file
//! ```

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::art::{self, Art, Content, kind};
use super::record::u32_at;
use crate::failure::Failure;
use crate::format::Format;
use crate::identify::Declared;
use crate::image::BLANK;
use crate::job::Job;
use crate::report::{Removed, What, sha256_hex};

/// Bytes of an entry before its name and picture.
const ENTRY: usize = 36;
/// Bytes of a metafile's head: size, bounds, extent, stored size, compression, filter.
const METAFILE: usize = 34;
/// Where the picture's file begins in a bitmap file, whose first part a drawing leaves out.
const BITMAP_FILE: usize = 14;
const PLACEABLE: [u8; 4] = [0xd7, 0xcd, 0xc6, 0x9a];

/// A picture's record.
mod blip {
    pub(super) const EMF: u16 = 0xf01a;
    pub(super) const WMF: u16 = 0xf01b;
    pub(super) const JPEG: u16 = 0xf01d;
    pub(super) const PNG: u16 = 0xf01e;
    pub(super) const DIB: u16 = 0xf01f;
    pub(super) const TIFF: u16 = 0xf029;
    pub(super) const CMYK_JPEG: u16 = 0xf02a;
}

/// Writes the drawing group anew; `None`: it cannot be read.
pub(super) fn rebuild(body: &[u8], job: &mut Job<'_>) -> Result<Option<Vec<u8>>, Failure> {
    let Some(records) = art::parse(body, 0) else { return Ok(None) };
    let mut out = Vec::with_capacity(body.len());
    let mut group = Group { out: &mut out, pictures: 0 };
    let [record] = records.as_slice() else { return Ok(None) };
    if record.kind != kind::DRAWING_GROUP {
        return Ok(None);
    }
    group.put(record, job)?;
    Ok(Some(out))
}

struct Group<'a> {
    out: &'a mut Vec<u8>,
    pictures: u32,
}

impl Group<'_> {
    fn put(&mut self, record: &Art<'_>, job: &mut Job<'_>) -> Result<(), Failure> {
        match &record.content {
            Content::Container(records) if kind::CONTAINERS.contains(&record.kind) => {
                let start = art::open(record.tag, record.kind, self.out);
                for record in records {
                    self.put(record, job)?;
                }
                art::close(start, self.out);
            }
            Content::Atom(body) if record.kind == kind::PICTURE_ENTRY => self.entry(body, job)?,
            Content::Atom(body) if kind::PROPERTIES.contains(&record.kind) => {
                put_properties(record, body, "drawings", self.out, job);
            }
            Content::Atom(body) if kind::ATOMS.contains(&record.kind) => {
                let start = art::open(record.tag, record.kind, self.out);
                self.out.extend_from_slice(body);
                art::close(start, self.out);
            }
            Content::Atom(_) if (0xf018..=0xf117).contains(&record.kind) => {
                // A picture without its entry.
                let picture = self.picture(Some(record), job)?;
                self.put_entry(&[], picture.as_ref());
            }
            _ => job.removed(Removed::new(What::UnknownPart, &art::place(record.kind), 1)),
        }
        Ok(())
    }

    fn entry(&mut self, body: &[u8], job: &mut Job<'_>) -> Result<(), Failure> {
        let name = usize::from(body.get(33).copied().unwrap_or_default());
        let inner = body.get(ENTRY + name..).and_then(|rest| art::parse(rest, 0)).unwrap_or_default();
        let picture = match inner.first() {
            Some(record) => self.picture(Some(record), job)?,
            None if body.len() > ENTRY + name => self.picture(None, job)?,
            None => None,
        };
        self.put_entry(body, picture.as_ref());
        Ok(())
    }

    /// The picture rebuilt, or a blank one.
    fn picture(&mut self, record: Option<&Art<'_>>, job: &mut Job<'_>) -> Result<Option<Picture>, Failure> {
        self.pictures += 1;
        let place = format!("picture {}", self.pictures);
        let file = match record {
            Some(record) => file_of(record, job)?,
            None => None,
        };
        if file.as_deref() == Some(BLANK) {
            return Ok(Some(Picture::blank()));
        }
        let rebuilt = match &file {
            Some(file) => job.nested(file, &Declared { name: &place, media_type: "" })?,
            None => None,
        };
        let head = record.and_then(metafile_head);
        if let Some(picture) = rebuilt.and_then(|(bytes, format)| Picture::of(bytes, format, head)) {
            return Ok(Some(picture));
        }
        let sha256 = file.as_deref().map(sha256_hex);
        job.removed(Removed { sha256, ..Removed::new(What::Picture, &place, 1) });
        Ok(Some(Picture::blank()))
    }

    fn put_entry(&mut self, old: &[u8], picture: Option<&Picture>) {
        let shape = picture.map_or(0, |picture| picture.shape);
        let start = art::open(u16::from(shape) << 4 | 2, kind::PICTURE_ENTRY, self.out);
        let blip = picture.map(Picture::record).unwrap_or_default();
        self.out.extend([shape, shape]);
        self.out.extend(picture.map_or([0; 16], Picture::digest));
        self.out.extend([0xff, 0]);
        self.out.extend(u32::try_from(blip.len()).unwrap_or_default().to_le_bytes());
        self.out.extend(u32_at(old, 24).unwrap_or(1).to_le_bytes());
        self.out.extend([0; 8]);
        self.out.extend(blip);
        art::close(start, self.out);
    }
}

/// Writes a table of properties anew, or leaves it out when it cannot be read.
pub(super) fn put_properties(
    record: &Art<'_>,
    body: &[u8],
    place: &str,
    out: &mut Vec<u8>,
    job: &mut Job<'_>,
) {
    let links = job.options.links == crate::options::Links::Keep;
    match art::properties(body, record.tag >> 4, links) {
        Some(properties) => {
            for what in properties.removed {
                job.removed(Removed::new(what, place, 1));
            }
            let start = art::open(properties.count << 4 | record.tag & 0xf, record.kind, out);
            out.extend(properties.bytes);
            art::close(start, out);
        }
        None => job.removed(Removed::new(What::UnknownPart, place, 1)),
    }
}

/// Bytes of the digest or digests at a picture's beginning: odd instances have two.
fn digests(record: &Art<'_>) -> usize {
    if record.tag >> 4 & 1 == 1 { 32 } else { 16 }
}

fn metafile_head(record: &Art<'_>) -> Option<[u8; METAFILE]> {
    match record.content {
        Content::Atom(body) if matches!(record.kind, blip::EMF | blip::WMF) => {
            let start = digests(record);
            body.get(start..start + METAFILE)?.try_into().ok()
        }
        _ => None,
    }
}

/// The picture as a file of its own.
pub(super) fn file_of(record: &Art<'_>, job: &mut Job<'_>) -> Result<Option<Vec<u8>>, Failure> {
    let Content::Atom(body) = record.content else { return Ok(None) };
    let start = digests(record);
    Ok(match record.kind {
        blip::EMF | blip::WMF => {
            let (Some(head), Some(data)) = (body.get(start..start + METAFILE), body.get(start + METAFILE..))
            else {
                return Ok(None);
            };
            match head.get(32) {
                Some(0) => inflate(data, job)?,
                Some(0xfe) => Some(data.to_vec()),
                _ => None,
            }
        }
        blip::JPEG | blip::CMYK_JPEG | blip::PNG | blip::TIFF => body.get(start + 1..).map(<[u8]>::to_vec),
        blip::DIB => body.get(start + 1..).and_then(bitmap_file),
        _ => None,
    })
}

fn inflate(data: &[u8], job: &mut Job<'_>) -> Result<Option<Vec<u8>>, Failure> {
    let stored = u64::try_from(data.len()).unwrap_or(u64::MAX);
    let cap = job.expandable().min(stored.saturating_mul(job.limits.max_ratio).max(1 << 20));
    let mut out = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "capped by `take`")]
    let read = ZlibDecoder::new(data).take(cap.saturating_add(1)).read_to_end(&mut out);
    let size = u64::try_from(out.len()).unwrap_or(u64::MAX);
    if read.is_err() || size > cap {
        return Ok(None);
    }
    job.expand(size)?;
    Ok(Some(out))
}

/// A bitmap with the file header that drawings leave out.
fn bitmap_file(dib: &[u8]) -> Option<Vec<u8>> {
    let head = usize::try_from(u32_at(dib, 0)?).ok().filter(|&head| (12..=124).contains(&head))?;
    let depth = super::record::u16_at(dib, if head == 12 { 10 } else { 14 })?;
    let used = if head == 12 { 0 } else { usize::try_from(u32_at(dib, 32)?).ok()? };
    let masks = if head == 40 && u32_at(dib, 16)? == 3 { 12 } else { 0 };
    let colours = match (used, depth) {
        (0, 1..=8) => 1 << depth,
        (used, _) => used.min(256),
    };
    let pixels = BITMAP_FILE + head + masks + colours * if head == 12 { 3 } else { 4 };
    let mut out = b"BM".to_vec();
    out.extend(u32::try_from(dib.len() + BITMAP_FILE).ok()?.to_le_bytes());
    out.extend([0; 4]);
    out.extend(u32::try_from(pixels).ok()?.to_le_bytes());
    out.extend_from_slice(dib);
    Some(out)
}

/// A picture as it is written.
struct Picture {
    /// Its number among the picture types.
    shape: u8,
    instance: u16,
    kind: u16,
    /// What stands between digest and data.
    head: Vec<u8>,
    data: Vec<u8>,
}

impl Picture {
    fn blank() -> Self {
        Self::plain(6, 0x6e0, blip::PNG, BLANK.to_vec())
    }

    fn plain(shape: u8, instance: u16, kind: u16, data: Vec<u8>) -> Self {
        Self { shape, instance, kind, head: vec![0xff], data }
    }

    fn of(bytes: Vec<u8>, format: Format, metafile: Option<[u8; METAFILE]>) -> Option<Self> {
        Some(match format {
            Format::Png => Self::plain(6, 0x6e0, blip::PNG, bytes),
            Format::Jpeg => Self::plain(5, 0x46a, blip::JPEG, bytes),
            Format::Tiff => Self::plain(0x11, 0x6e4, blip::TIFF, bytes),
            Format::Bmp => Self::plain(7, 0x7a8, blip::DIB, bytes.get(BITMAP_FILE..)?.to_vec()),
            Format::Emf => Self::metafile(2, 0x3d4, blip::EMF, &bytes, metafile?)?,
            Format::Wmf => {
                let bare = if bytes.starts_with(&PLACEABLE) { bytes.get(22..)? } else { &bytes };
                Self::metafile(3, 0x216, blip::WMF, bare, metafile?)?
            }
            _ => return None,
        })
    }

    fn metafile(shape: u8, instance: u16, kind: u16, file: &[u8], old: [u8; METAFILE]) -> Option<Self> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        let data = encoder.write_all(file).and_then(|()| encoder.finish()).ok()?;
        let mut head = u32::try_from(file.len()).ok()?.to_le_bytes().to_vec();
        head.extend_from_slice(old.get(4..28)?);
        head.extend(u32::try_from(data.len()).ok()?.to_le_bytes());
        head.extend([0, 0xfe]);
        Some(Self { shape, instance, kind, head, data })
    }

    /// Tells pictures apart; any 16 bytes serve.
    fn digest(&self) -> [u8; 16] {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.data);
        digest.as_ref().first_chunk().copied().unwrap_or_default()
    }

    fn record(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.data.len() + 64);
        let start = art::open(self.instance << 4, self.kind, &mut out);
        out.extend(self.digest());
        out.extend_from_slice(&self.head);
        out.extend_from_slice(&self.data);
        art::close(start, &mut out);
        out
    }
}
