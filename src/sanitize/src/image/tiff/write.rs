//! The one layout in which TIFF files are written.
//!
//! ```text
//! "II*\0" │ first directory u32 │ { strip │ long values │ directory │ next directory u32 } for each page
//! ```

use std::io::Write as _;

use super::directory::Resolution;
use crate::failure::Failure;

/// Compression (TIFF 6.0; Technical Note 2).
pub(super) const GROUP4: u16 = 4;
pub(super) const LZW: u16 = 5;
pub(super) const JPEG: u16 = 7;

/// What samples mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    WhiteIsZero,
    Gray,
    Rgb,
    /// 256 reds, greens and blues.
    Palette(Vec<u16>),
    Cmyk,
    /// Chroma is coarser by these factors.
    YCbCr((u8, u8)),
}

impl Meaning {
    pub(super) fn samples(&self) -> u16 {
        match self {
            Self::WhiteIsZero | Self::Gray | Self::Palette(_) => 1,
            Self::Rgb | Self::YCbCr(_) => 3,
            Self::Cmyk => 4,
        }
    }

    fn number(&self) -> u16 {
        match self {
            Self::WhiteIsZero => 0,
            Self::Gray => 1,
            Self::Rgb => 2,
            Self::Palette(_) => 3,
            Self::Cmyk => 5,
            Self::YCbCr(_) => 6,
        }
    }
}

/// A page, encoded, with all that its directory says.
pub(super) struct Encoded<'a> {
    width: u32,
    height: u32,
    bits: u16,
    meaning: Meaning,
    compression: u16,
    data: Vec<u8>,
    pub(super) predictor: bool,
    pub(super) alpha: Option<u16>,
    pub(super) resolution: Option<Resolution>,
    pub(super) profile: Option<&'a [u8]>,
}

impl Encoded<'_> {
    pub(super) fn new(
        width: u32,
        height: u32,
        bits: u16,
        meaning: Meaning,
        compression: u16,
        data: Vec<u8>,
    ) -> Self {
        let (predictor, alpha, resolution, profile) = (false, None, None, None);
        Self { width, height, bits, meaning, compression, data, predictor, alpha, resolution, profile }
    }
}

/// The whole file; `None`: it is larger than its offsets can say.
pub(super) fn file(pages: &[Encoded<'_>]) -> Option<Vec<u8>> {
    let mut out = b"II*\0\0\0\0\0".to_vec();
    let mut link = 4;
    for page in pages {
        let strip = position(&mut out)?;
        out.extend_from_slice(&page.data);
        let mut directory = Directory { out: &mut out, entries: Vec::new() };
        directory.page(page, strip)?;
        let Directory { entries, .. } = directory;
        let start = position(&mut out)?;
        out.get_mut(link..link + 4)?.copy_from_slice(&start.to_le_bytes());
        out.extend(u16::try_from(entries.len()).ok()?.to_le_bytes());
        out.extend(entries.concat());
        link = out.len();
        out.extend([0; 4]);
    }
    Some(out)
}

/// Where the next thing goes: at an even place.
fn position(out: &mut Vec<u8>) -> Option<u32> {
    out.resize(out.len().next_multiple_of(2), 0);
    u32::try_from(out.len()).ok()
}

struct Directory<'a> {
    out: &'a mut Vec<u8>,
    entries: Vec<[u8; 12]>,
}

impl Directory<'_> {
    fn page(&mut self, page: &Encoded<'_>, strip: u32) -> Option<()> {
        let samples = page.meaning.samples() + u16::from(page.alpha.is_some());
        self.longs(256, &[page.width])?;
        self.longs(257, &[page.height])?;
        self.shorts(258, &vec![page.bits; samples.into()])?;
        self.shorts(259, &[page.compression])?;
        self.shorts(262, &[page.meaning.number()])?;
        self.longs(273, &[strip])?;
        self.shorts(277, &[samples])?;
        self.longs(278, &[page.height])?;
        self.longs(279, &[u32::try_from(page.data.len()).ok()?])?;
        if let Some(resolution) = page.resolution {
            self.fraction(282, resolution.x)?;
            self.fraction(283, resolution.y)?;
            self.shorts(296, &[resolution.unit])?;
        }
        if page.predictor {
            self.shorts(317, &[2])?;
        }
        if let Meaning::Palette(colours) = &page.meaning {
            self.shorts(320, colours)?;
        }
        if let Some(alpha) = page.alpha {
            self.shorts(338, &[alpha])?;
        }
        if let Meaning::YCbCr((horizontal, vertical)) = page.meaning {
            self.shorts(530, &[horizontal.into(), vertical.into()])?;
        }
        if let Some(profile) = page.profile {
            self.put(34675, 7, profile.len(), profile)?;
        }
        Some(())
    }

    fn shorts(&mut self, tag: u16, values: &[u16]) -> Option<()> {
        self.put(tag, 3, values.len(), &values.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>())
    }

    fn longs(&mut self, tag: u16, values: &[u32]) -> Option<()> {
        self.put(tag, 4, values.len(), &values.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>())
    }

    fn fraction(&mut self, tag: u16, (above, below): (u32, u32)) -> Option<()> {
        self.put(tag, 5, 1, &[above.to_le_bytes(), below.to_le_bytes()].concat())
    }

    /// A field; its values go behind the strip when they are longer than four bytes.
    fn put(&mut self, tag: u16, kind: u16, count: usize, values: &[u8]) -> Option<()> {
        let mut value = [0; 4];
        match value.get_mut(..values.len()) {
            Some(place) => place.copy_from_slice(values),
            None => {
                value = position(self.out)?.to_le_bytes();
                self.out.extend_from_slice(values);
            }
        }
        let count = u32::try_from(count).ok()?;
        let entry =
            [&tag.to_le_bytes(), &kind.to_le_bytes(), count.to_le_bytes().as_slice(), &value].concat();
        self.entries.push(entry.try_into().ok()?);
        Some(())
    }
}

pub(super) fn lzw(bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    let mut encoder = weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8);
    encoder.into_stream(&mut out).encode_all(bytes).status.map_err(Failure::malformed)?;
    out.flush().map_err(Failure::malformed)?;
    Ok(out)
}

/// Each sample less the one of the pixel before it (TIFF 6.0, section 14).
pub(super) fn differences(bytes: &mut [u8], width: usize, samples: usize, depth: usize) {
    let pixel = samples * depth;
    for line in bytes.chunks_exact_mut((width * pixel).max(1)) {
        for at in (pixel..line.len()).step_by(depth).rev() {
            let (before, rest) = line.split_at_mut(at);
            let previous = before.get(at - pixel..).unwrap_or_default();
            match (previous, rest) {
                ([a, ..], [b, ..]) if depth == 1 => *b = b.wrapping_sub(*a),
                ([a0, a1, ..], [b0, b1, ..]) => {
                    let difference =
                        u16::from_le_bytes([*b0, *b1]).wrapping_sub(u16::from_le_bytes([*a0, *a1]));
                    [*b0, *b1] = difference.to_le_bytes();
                }
                _ => {}
            }
        }
    }
}
