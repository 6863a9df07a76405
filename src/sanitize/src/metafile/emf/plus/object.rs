//! EMF+ objects: brushes, pens, paths, regions, pictures, fonts and how text and pictures are set (MS-EMFPLUS 2.2).

use super::{BRUSH, FONT, IMAGE, PATH, PEN, Pictures, REGION, Reader};
use crate::failure::Failure;
use crate::format::Format;
use crate::little_endian::Fields;

const STRING_FORMAT: u8 = 7;
const IMAGE_ATTRIBUTES: u8 = 8;
const LINE_CAP: u8 = 9;

/// Regions within regions.
const MAX_DEPTH: u32 = 64;

/// The object's data as they are to be written; `None`: it is not accepted.
pub(super) fn rewrite(
    kind: u8,
    data: &[u8],
    pictures: &mut Pictures<'_>,
) -> Result<Option<Vec<u8>>, Failure> {
    let reader = Reader(data);
    Ok(match kind {
        IMAGE => image(data, pictures)?,
        BRUSH => brush(data, pictures)?,
        PEN => reader.whole(Reader::pen),
        PATH => reader.whole(Reader::path),
        REGION => reader.whole(Reader::region),
        FONT => reader.whole(Reader::font),
        STRING_FORMAT => reader.whole(Reader::string_format),
        IMAGE_ATTRIBUTES => reader.whole(|reader| reader.take(24).map(drop)),
        LINE_CAP => reader.whole(Reader::line_cap),
        _ => None,
    })
}

/// A picture: pixels, a file of its own, or a metafile (MS-EMFPLUS 2.2.1.4); files go through their own rebuilders.
fn image(data: &[u8], pictures: &mut Pictures<'_>) -> Result<Option<Vec<u8>>, Failure> {
    const BITMAP: u32 = 1;
    const METAFILE: u32 = 2;
    const PIXELS: u32 = 0;
    const COMPRESSED: u32 = 1;
    let fields = Fields(data);
    match (fields.u32(4), fields.u32(24)) {
        (Some(BITMAP), Some(PIXELS)) => Ok(pixels(data)),
        (Some(BITMAP), Some(COMPRESSED)) => bitmap_file(data, pictures),
        (Some(METAFILE), _) => metafile(data, pictures),
        _ => Ok(None),
    }
}

/// Width, height, bytes of a line, pixel format; then lines, with zeros behind their pixels.
fn pixels(data: &[u8]) -> Option<Vec<u8>> {
    const HEAD: usize = 28;
    const INDEXED: u32 = 0x1_0000;
    let fields = Fields(data);
    let (width, height, stride, format) =
        (fields.size(8)?, fields.size(12)?, fields.size(16)?, fields.u32(20)?);
    let used = width.checked_mul(usize::try_from(format >> 8 & 0xff).ok()?)?.div_ceil(8);
    if format & INDEXED != 0
        || used == 0
        || height == 0
        || !(used..=used.next_multiple_of(4)).contains(&stride)
    {
        return None;
    }
    let mut out = data.get(..stride.checked_mul(height)?.checked_add(HEAD)?)?.to_vec();
    for line in out.get_mut(HEAD..)?.chunks_mut(stride) {
        line.get_mut(used..)?.fill(0);
    }
    Some(out)
}

fn bitmap_file(data: &[u8], pictures: &mut Pictures<'_>) -> Result<Option<Vec<u8>>, Failure> {
    let Some((head, mut file)) = data.split_at_checked(28) else { return Ok(None) };
    // Objects are padded to 4 bytes; none of the formats below ends with a zero.
    for _ in 0..3 {
        file = file.strip_suffix(&[0]).unwrap_or(file);
    }
    Ok(match pictures(file)? {
        Some((file, Format::Png | Format::Jpeg | Format::Gif)) => Some([head, file.as_slice()].concat()),
        _ => None,
    })
}

fn metafile(data: &[u8], pictures: &mut Pictures<'_>) -> Result<Option<Vec<u8>>, Failure> {
    let file = Fields(data).size(12).and_then(|size| Fields(data).bytes(16, size));
    let (Some(head), Some(file)) = (data.get(..8), file) else { return Ok(None) };
    let Some((file, format)) = pictures(file)? else { return Ok(None) };
    // WMF without and with a placeable header, EMF, EMF with EMF+ besides (MS-EMFPLUS 2.1.1.21).
    let kind: u32 = match format {
        Format::Wmf if file.starts_with(b"\xd7\xcd\xc6\x9a") => 2,
        Format::Wmf => 1,
        Format::Emf if memchr::memmem::find(&file, b"EMF+").is_some() => 5,
        Format::Emf => 3,
        _ => return Ok(None),
    };
    let size = u32::try_from(file.len()).map_err(Failure::malformed)?;
    Ok(Some([head, &kind.to_le_bytes(), &size.to_le_bytes(), &file].concat()))
}

/// A brush, which may hold a picture to paint with.
fn brush(data: &[u8], pictures: &mut Pictures<'_>) -> Result<Option<Vec<u8>>, Failure> {
    const TEXTURE: u32 = 2;
    const TRANSFORM: u32 = 2;
    let fields = Fields(data);
    let (Some(TEXTURE), Some(flags)) = (fields.u32(4), fields.u32(8)) else {
        return Ok(Reader(data).whole(Reader::brush));
    };
    let Some((head, picture)) = data.split_at_checked(if flags & TRANSFORM == 0 { 16 } else { 40 }) else {
        return Ok(None);
    };
    Ok(image(picture, pictures)?.map(|picture| [head, picture.as_slice()].concat()))
}

impl Reader<'_> {
    /// What `read` reads.
    fn whole(mut self, read: impl Fn(&mut Self) -> Option<()>) -> Option<Vec<u8>> {
        let all = self.0;
        read(&mut self)?;
        all.get(..all.len() - self.0.len()).map(<[u8]>::to_vec)
    }

    fn brush(&mut self) -> Option<()> {
        const TRANSFORM: usize = 2;
        const COLOURS: usize = 4;
        const FACTORS: usize = 8;
        self.take(4)?;
        match self.number()? {
            0 => self.take(4).map(drop),
            1 => self.take(12).map(drop),
            3 => {
                let flags = self.number()?;
                self.take(16)?;
                self.items(4)?;
                match flags & 1 {
                    0 => self.items(8)?,
                    _ => self.sized(Self::path)?,
                }
                self.take(if flags & TRANSFORM == 0 { 0 } else { 24 })?;
                self.blend(flags & (COLOURS | FACTORS) != 0)?;
                self.take(if flags & 0x40 == 0 { 0 } else { 12 }).map(drop)
            }
            4 => {
                let flags = self.number()?;
                self.take(36)?;
                self.take(if flags & TRANSFORM == 0 { 0 } else { 24 })?;
                self.blend(flags & (COLOURS | FACTORS) != 0)?;
                // A second blend, for the other direction.
                self.blend(flags & 0x10 != 0)
            }
            _ => None,
        }
    }

    /// A count, as many positions, as many colours or factors.
    fn blend(&mut self, is_there: bool) -> Option<()> {
        if is_there { self.items(8) } else { Some(()) }
    }

    fn pen(&mut self) -> Option<()> {
        self.take(8)?;
        let flags = self.number()?;
        self.take(8)?;
        let has = |bit: usize| flags & bit != 0;
        self.take(if has(1) { 24 } else { 0 })?;
        for bit in [2, 4, 8, 0x10, 0x20, 0x40, 0x80] {
            self.take(if has(bit) { 4 } else { 0 })?;
        }
        if has(0x100) {
            self.items(4)?;
        }
        self.take(if has(0x200) { 4 } else { 0 })?;
        if has(0x400) {
            self.items(4)?;
        }
        for bit in [0x800, 0x1000] {
            if has(bit) {
                self.sized(Self::line_cap)?;
            }
        }
        self.brush()
    }

    fn line_cap(&mut self) -> Option<()> {
        self.take(4)?;
        match self.number()? {
            0 => {
                let flags = self.number()?;
                self.take(44)?;
                for bit in [1, 2] {
                    if flags & bit != 0 {
                        self.sized(Self::path)?;
                    }
                }
                Some(())
            }
            1 => self.take(52).map(drop),
            _ => None,
        }
    }

    fn path(&mut self) -> Option<()> {
        const RUNS: u16 = 0x1000;
        self.take(4)?;
        let count = self.number()?;
        let flags = u16::try_from(self.number()? & 0xffff).ok()?;
        self.points(count, flags)?;
        let mut types = 0;
        while types < count {
            // A type, or a run of one: its length in the low six bits of the first byte.
            match flags & RUNS {
                0 => {
                    self.take(count)?;
                    types = count;
                }
                _ => types += usize::from(*self.take(2)?.first()? & 0x3f).max(1),
            }
        }
        Some(())
    }

    fn region(&mut self) -> Option<()> {
        self.take(8)?;
        self.region_node(MAX_DEPTH)
    }

    fn region_node(&mut self, depth: u32) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match self.number()? {
            1..=5 => {
                self.region_node(depth)?;
                self.region_node(depth)
            }
            0x1000_0000 => self.take(16).map(drop),
            0x1000_0001 => self.sized(Self::path),
            0x1000_0002 | 0x1000_0003 => Some(()),
            _ => None,
        }
    }

    fn font(&mut self) -> Option<()> {
        self.take(20)?;
        self.items(2)
    }

    fn string_format(&mut self) -> Option<()> {
        self.take(52)?;
        let (tabs, ranges) = (self.number()?, self.number()?);
        self.take(tabs.checked_mul(4)?.checked_add(ranges.checked_mul(8)?)?).map(drop)
    }

    /// A length, then a part that does not go beyond it.
    fn sized(&mut self, read: impl Fn(&mut Self) -> Option<()>) -> Option<()> {
        let length = self.number()?;
        let bytes = self.take(length)?;
        let mut inner = Reader(bytes);
        read(&mut inner)?;
        // Padding, which holds nothing.
        (inner.0.len() < 4 && inner.0.iter().all(|&b| b == 0)).then_some(())
    }
}
