//! Device-independent bitmaps, as in BMP files and in metafile records (MS-WMF 2.2.2.9): header, colours, bits.
//!
//! ```text
//! header 12 or 40 … 124 bytes │ masks (BITFIELDS) │ colour table │ bits: lines padded to 4 bytes, or run-length codes
//! ```
//!
//! A header is written anew as BITMAPCOREHEADER, BITMAPINFOHEADER, or, for pixels with an alpha mask,
//! BITMAPV3INFOHEADER: the later ones only add colour spaces, among them the name of a profile file to load. The
//! colour table always has all the colours that a pixel can name; what pads a line is zero.

use std::borrow::Cow;

use crate::limits::Limits;
use crate::little_endian::{Fields, set_u32};

/// How the bits are stored (MS-WMF 2.1.1.7); JPEG and PNG for printers and CMYK are not accepted.
const RGB: u32 = 0;
const RLE8: u32 = 1;
const RLE4: u32 = 2;
const BITFIELDS: u32 = 3;

/// What the colour table holds (MS-WMF 2.1.1.6).
const PALETTE_NUMBERS: u32 = 1;
const NO_TABLE: u32 = 2;

/// A bitmap, checked.
pub(crate) struct Dib<'a> {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Header, masks and colour table, as they are to be written.
    pub(crate) info: Vec<u8>,
    /// Exactly the bits that the header calls for.
    pub(crate) bits: Cow<'a, [u8]>,
    /// There were bytes that belong to neither, or a colour profile or its name.
    pub(crate) slack: bool,
}

struct Header {
    width: u32,
    height: u32,
    depth: u16,
    compression: u32,
    /// Bytes of header and masks, and of one colour.
    length: usize,
    colours: usize,
    colour: usize,
    has_alpha: bool,
    has_profile: bool,
}

/// Bytes of header and colour table, which bits may follow; `None`: not a bitmap that is accepted.
pub(crate) fn info_length(info: &[u8], usage: u32) -> Option<usize> {
    Header::parse(info, usage)?.info_length()
}

impl<'a> Dib<'a> {
    /// From one run of bytes: header, colours and bits.
    pub(crate) fn packed(bytes: &'a [u8], usage: u32, lines: Option<u32>, limits: &Limits) -> Option<Self> {
        let (info, bits) = bytes.split_at_checked(info_length(bytes, usage)?)?;
        Self::parse(info, bits, usage, lines, limits)
    }

    /// From header and colours, and bits; `lines`: how many are there, where these are not all.
    pub(crate) fn parse(
        info: &'a [u8],
        bits: &'a [u8],
        usage: u32,
        lines: Option<u32>,
        limits: &Limits,
    ) -> Option<Self> {
        let header = Header::parse(info, usage)?;
        if u64::from(header.width) * u64::from(header.height) > limits.max_pixels {
            return None;
        }
        let lines = lines.map_or(header.height, |lines| lines.min(header.height));
        let kept = match header.compression {
            RLE8 | RLE4 => Cow::Borrowed(bits.get(..run_length(bits, &header)?)?),
            _ => header.lines(bits, lines)?,
        };
        let info_length = header.info_length()?;
        Some(Self {
            width: header.width,
            height: header.height,
            info: header.write(info, kept.len(), usage)?,
            slack: bits.len() > kept.len().next_multiple_of(4)
                || info.len() > info_length
                || header.has_profile,
            bits: kept,
        })
    }
}

impl Header {
    fn parse(info: &[u8], usage: u32) -> Option<Self> {
        let fields = Fields(info);
        let colour = |triple: bool| match usage {
            PALETTE_NUMBERS => 2,
            NO_TABLE => 0,
            _ if triple => 3,
            _ => 4,
        };
        let (size, planes, header) = match fields.u32(0)? {
            12 => {
                let depth = fields.u16(10)?;
                let header = Self {
                    width: fields.u16(4)?.into(),
                    height: fields.u16(6)?.into(),
                    depth,
                    compression: RGB,
                    length: 12,
                    colours: if depth <= 8 { 1 << depth } else { 0 },
                    colour: colour(true),
                    has_alpha: false,
                    has_profile: false,
                };
                (12, fields.u16(8)?, header)
            }
            size @ (40 | 52 | 56 | 64 | 108 | 124) => {
                let (depth, used, compression) = (fields.u16(14)?, fields.size(32)?, fields.u32(16)?);
                let masks = if size == 40 && compression == BITFIELDS { 12 } else { 0 };
                let header = Self {
                    width: u32::try_from(fields.i32(4)?).ok()?,
                    height: fields.i32(8)?.unsigned_abs(),
                    depth,
                    compression,
                    length: usize::try_from(size).ok()? + masks,
                    colours: if used == 0 && depth <= 8 { 1 << depth } else { used },
                    colour: colour(false),
                    has_alpha: size >= 56 && size != 64 && compression == BITFIELDS && fields.u32(52)? != 0,
                    has_profile: size == 124 && matches!(fields.bytes(56, 4)?, b"KNIL" | b"DEBM"),
                };
                if fields.i32(8)? < 0 && matches!(compression, RLE8 | RLE4) {
                    return None;
                }
                (size, fields.u16(12)?, header)
            }
            _ => return None,
        };
        let coding = matches!(
            (header.compression, header.depth),
            (RGB, 1 | 4 | 8 | 16 | 24 | 32) | (RLE8, 8) | (RLE4, 4) | (BITFIELDS, 16 | 32)
        );
        let sound = coding
            && planes == 1
            && header.width > 0
            && header.height > 0
            && !(size == 64 && header.compression == BITFIELDS)
            && header.colours <= if header.depth <= 8 { 1 << header.depth } else { 256 };
        sound.then_some(header)
    }

    fn info_length(&self) -> Option<usize> {
        self.length.checked_add(self.colours.checked_mul(self.colour)?)
    }

    /// So many lines of pixels, each padded with zeros. The padding of the last may be missing.
    fn lines<'a>(&self, bits: &'a [u8], lines: u32) -> Option<Cow<'a, [u8]>> {
        let used_bits = u64::from(self.width) * u64::from(self.depth);
        let used = usize::try_from(used_bits.div_ceil(8)).ok()?;
        let stride = used.next_multiple_of(4);
        let length = usize::try_from(lines).ok()?.checked_mul(stride)?;
        let spare = u32::try_from(used_bits.next_multiple_of(8) - used_bits).ok()?;
        let mask = u8::MAX << spare;
        let is_clean = |line: &[u8]| {
            line.get(used..).is_some_and(|padding| padding.iter().all(|&b| b == 0))
                && line.get(used - 1).is_some_and(|last| last & !mask == 0)
        };
        match bits.get(..length) {
            Some(whole) if whole.chunks(stride).all(is_clean) => Some(Cow::Borrowed(whole)),
            found => {
                let mut copy = found.or(bits.get(..length - (stride - used)))?.to_vec();
                copy.resize(length, 0);
                for line in copy.chunks_mut(stride) {
                    line.get_mut(used..)?.fill(0);
                    *line.get_mut(used - 1)? &= mask;
                }
                Some(Cow::Owned(copy))
            }
        }
    }

    /// Header, masks and colours anew.
    fn write(&self, info: &[u8], bits: usize, usage: u32) -> Option<Vec<u8>> {
        let is_core = self.length == 12;
        let mut out = info.get(..if is_core { 12 } else { 40 })?.to_vec();
        if !is_core {
            set_u32(&mut out, 0, if self.has_alpha { 56 } else { 40 })?;
            set_u32(&mut out, 20, bits)?;
            set_u32(&mut out, 32, 0)?;
            set_u32(&mut out, 36, 0)?;
            if self.compression == BITFIELDS {
                out.extend_from_slice(info.get(40..if self.has_alpha { 56 } else { 52 })?);
            }
        }
        if self.depth <= 8 {
            let start = out.len();
            out.extend_from_slice(Fields(info).bytes(self.length, self.colours.checked_mul(self.colour)?)?);
            out.resize(start + (self.colour << self.depth), 0);
            if self.colour == 4 && usage != PALETTE_NUMBERS {
                // The fourth byte of a colour is reserved.
                out.iter_mut().skip(start + 3).step_by(4).for_each(|reserved| *reserved = 0);
            }
        }
        Some(out)
    }
}

/// Bytes of run-length codes up to and with the end mark; no code leads out of the picture.
fn run_length(bits: &[u8], header: &Header) -> Option<usize> {
    let (mut at, mut x, mut y) = (0, 0_u32, 0_u32);
    loop {
        let &[count, value] = bits.get(at..at + 2)? else { return None };
        at += 2;
        match (count, value) {
            (0, 0) => (x, y) = (0, y.checked_add(1)?),
            (0, 1) => return Some(at),
            (0, 2) => {
                let &[right, up] = bits.get(at..at + 2)? else { return None };
                (x, y) = (x.checked_add(right.into())?, y.checked_add(up.into())?);
                at += 2;
            }
            (0, literal) => {
                x = x.checked_add(literal.into())?;
                let bytes = usize::from(literal).div_ceil(if header.compression == RLE8 { 1 } else { 2 });
                at = at.checked_add(bytes.next_multiple_of(2))?;
            }
            (run, _) => x = x.checked_add(run.into())?,
        }
        // Encoders may round a line's last run up to whole bytes.
        if x > header.width.next_multiple_of(4) || y > header.height {
            return None;
        }
    }
}
