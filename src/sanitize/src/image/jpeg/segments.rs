//! JPEG's segments and scans (ITU-T T.81, annex B), sorted into what codes the picture and what does not.
//!
//! ```text
//! SOI │ segment … │ SOS header, entropy-coded data │ segment … │ SOS …  │ EOI │ trailing bytes
//! ```

use super::super::exif::Exif;
use super::super::icc;
use crate::failure::Failure;

/// Segments, scans included, of one picture: progressive encoders write tens.
const MAX_SEGMENTS: usize = 4096;

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;

/// What a segment is for. Coding segments carry their bytes from the marker on; scans include their data.
#[derive(Debug)]
pub(super) enum Segment<'a> {
    /// Tables, frame and scan headers, scans, and Adobe's colour transform.
    Coding(&'a [u8]),
    Jfif(&'a [u8]),
    /// Number, of how many, and data.
    Profile(&'a [u8]),
    Exif(Exif),
    Xmp,
    Photoshop,
    MultiPicture,
    Thumbnail,
    Comment,
    Unknown(u8),
}

/// A JPEG's parts.
#[derive(Debug)]
pub(super) struct Jpeg<'a> {
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) components: u8,
    /// Horizontal and vertical sampling factor of the first component.
    pub(super) sampling: (u8, u8),
    pub(super) segments: Vec<Segment<'a>>,
    /// What follows the picture.
    pub(super) trailing: &'a [u8],
}

impl<'a> Jpeg<'a> {
    /// Takes a file apart.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Failure> {
        let mut rest =
            bytes.strip_prefix(&[0xff, SOI]).ok_or_else(|| malformed("it does not begin like a JPEG"))?;
        let mut jpeg = Self {
            width: 0,
            height: 0,
            components: 0,
            sampling: (1, 1),
            segments: Vec::new(),
            trailing: &[],
        };
        let mut scans = 0;
        loop {
            if jpeg.segments.len() >= MAX_SEGMENTS {
                return Err(malformed("it has too many segments"));
            }
            // Any number of fill bytes may precede a marker.
            let fill = rest.iter().take_while(|&&b| b == 0xff).count();
            let (before, after) = rest.split_at(fill.saturating_sub(1));
            let marker = match (before, after) {
                (_, [0xff, marker, ..]) => *marker,
                // Cut off between segments, or one stray byte after a scan: an end marker is missing.
                _ if scans > 0 && rest.len() <= 1 => break,
                _ => return Err(malformed("there is no marker where one must be")),
            };
            if marker == EOI {
                jpeg.trailing = after.get(2..).unwrap_or_default();
                break;
            }
            let length = after.get(2..4).and_then(|b| b.try_into().ok()).map(u16::from_be_bytes);
            let body = length.and_then(|length| after.get(4..2 + usize::from(length)));
            let Some(body) = body else {
                if scans > 0 {
                    break; // cut off within a segment behind a scan
                }
                return Err(malformed("a segment is cut off"));
            };
            let mut end = 4 + body.len();
            match marker {
                SOS => {
                    scans += 1;
                    end += scan_length(after.get(end..).unwrap_or_default());
                    jpeg.segments.push(Segment::Coding(after.get(..end).unwrap_or_default()));
                }
                0xc0..=0xc2 => {
                    jpeg.frame(body)?;
                    jpeg.segments.push(Segment::Coding(after.get(..end).unwrap_or_default()));
                }
                // Huffman and quantisation tables, restart interval.
                0xc4 | 0xdb | 0xdd => {
                    jpeg.segments.push(Segment::Coding(after.get(..end).unwrap_or_default()));
                }
                0xe0..=0xef | 0xfe => {
                    let segment = after.get(..end).unwrap_or_default();
                    jpeg.segments.extend(application(marker, body, segment));
                }
                0xc3 | 0xc5..=0xcf => {
                    let problem =
                        "lossless, hierarchical and arithmetic-coded JPEG pictures are not accepted";
                    return Err(Failure::Refused(problem.to_owned()));
                }
                _ => return Err(malformed("it has a segment that does not belong there")),
            }
            rest = after.get(end..).unwrap_or_default();
        }
        if scans == 0 || jpeg.width == 0 || jpeg.height == 0 {
            return Err(malformed("it has no picture"));
        }
        Ok(jpeg)
    }

    fn frame(&mut self, body: &[u8]) -> Result<(), Failure> {
        let [precision, h1, h0, w1, w0, components @ 1..=4, _id, factors, ..] = *body else {
            return Err(malformed("its frame header is not valid"));
        };
        if self.components != 0 {
            return Err(malformed("it has two frames"));
        }
        if precision != 8 {
            return Err(Failure::Refused(
                "JPEG pictures with more than 8 bits for a sample are not accepted".to_owned(),
            ));
        }
        (self.height, self.width) = (u16::from_be_bytes([h1, h0]), u16::from_be_bytes([w1, w0]));
        self.components = components;
        self.sampling = (factors >> 4, factors & 0x0f);
        Ok(())
    }

    /// Whether an Adobe segment says how the colours are meant; with it, four colours are inverted CMYK or YCCK.
    pub(super) fn says_transform(&self) -> bool {
        let is_adobe = |segment: &Segment<'_>| matches!(segment, Segment::Coding([0xff, 0xee, ..]));
        self.segments.iter().any(is_adobe)
    }

    /// A JPEG of the coding parts only.
    pub(super) fn coding(&self) -> Vec<u8> {
        let mut out = vec![0xff, SOI];
        for segment in &self.segments {
            if let Segment::Coding(bytes) = segment {
                out.extend_from_slice(bytes);
            }
        }
        out.extend([0xff, EOI]);
        out
    }

    /// The same, with an Adobe segment that says how three colours are meant: 0 is RGB, 1 is YCbCr.
    pub(super) fn coding_as(&self, transform: u8) -> Vec<u8> {
        let mut out = vec![0xff, SOI];
        if self.components == 3 {
            out.extend([0xff, 0xee, 0, 14]);
            out.extend(b"Adobe\0\x64\0\0\0\0");
            out.push(transform);
        }
        for segment in &self.segments {
            if let Segment::Coding(bytes) = segment
                && !bytes.starts_with(&[0xff, 0xee])
            {
                out.extend_from_slice(bytes);
            }
        }
        out.extend([0xff, EOI]);
        out
    }

    /// The JFIF header's content, from its identifier on.
    pub(super) fn jfif(&self) -> Option<&'a [u8]> {
        self.segments.iter().find_map(|segment| match segment {
            Segment::Jfif(body) => Some(*body),
            _ => None,
        })
    }

    /// The first EXIF block.
    pub(super) fn exif(&self) -> Option<Exif> {
        self.segments.iter().find_map(|segment| match segment {
            Segment::Exif(exif) => Some(*exif),
            _ => None,
        })
    }

    /// The colour profile, put together from its numbered pieces (ICC.1, annex B.4); empty where they do not fit.
    pub(super) fn profile(&self) -> Option<Vec<u8>> {
        let mut pieces: Vec<&[u8]> = Vec::new();
        for segment in &self.segments {
            if let Segment::Profile(piece) = segment {
                pieces.push(piece);
            }
        }
        if pieces.is_empty() {
            return None;
        }
        pieces.sort_by_key(|piece| piece.first().copied());
        let mut profile = Vec::new();
        for (n, piece) in pieces.iter().enumerate() {
            let [number, of, data @ ..] = piece else { return Some(Vec::new()) };
            let fits = usize::from(*number) == n + 1 && usize::from(*of) == pieces.len();
            if !fits || profile.len() + data.len() > icc::MAX_BYTES {
                return Some(Vec::new());
            }
            profile.extend_from_slice(data);
        }
        Some(profile)
    }
}

/// What an application segment or comment is.
fn application<'a>(marker: u8, body: &'a [u8], segment: &'a [u8]) -> Vec<Segment<'a>> {
    let is = |identifier: &[u8]| body.starts_with(identifier);
    vec![match marker {
        0xe0 if is(b"JFIF\0") => {
            let thumbnail = body.get(12..14).is_some_and(|size| size != [0, 0]) || body.len() > 14;
            return [Segment::Jfif(body)]
                .into_iter()
                .chain(thumbnail.then_some(Segment::Thumbnail))
                .collect();
        }
        0xe0 if is(b"JFXX\0") => Segment::Thumbnail,
        0xe1 if is(b"Exif\0") => Segment::Exif(Exif::parse(body.get(6..).unwrap_or_default())),
        0xe1 if is(b"http://ns.adobe.com/") => Segment::Xmp,
        0xe2 if is(b"ICC_PROFILE\0") => Segment::Profile(body.get(12..).unwrap_or_default()),
        0xe2 if is(b"MPF\0") => Segment::MultiPicture,
        0xed => Segment::Photoshop,
        // Decoders need its colour transform.
        0xee if is(b"Adobe") && body.len() == 12 => Segment::Coding(segment),
        0xfe => Segment::Comment,
        _ => Segment::Unknown(marker),
    }]
}

/// Entropy-coded bytes up to the next marker that is no restart marker.
fn scan_length(data: &[u8]) -> usize {
    memchr::memchr_iter(0xff, data)
        .find(|&at| !matches!(data.get(at + 1), None | Some(0 | 0xd0..=0xd7 | 0xff)))
        .unwrap_or(data.len())
}

fn malformed(problem: &str) -> Failure {
    Failure::Malformed(problem.to_owned())
}
