//! EMF+ objects: brushes, pens, paths, regions, pictures, fonts and how text and pictures are set (MS-EMFPLUS 2.2).

use super::{BRUSH, FONT, IMAGE, PATH, PEN, Pictures, REGION, Reader};
use crate::failure::Failure;
use crate::fields::Fields;
use crate::format::Format;

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
    if kind == IMAGE {
        return image(data, pictures);
    }
    let mut reader = Reader(data);
    let read = match kind {
        BRUSH => reader.brush(),
        PEN => reader.pen(),
        PATH => reader.path(),
        REGION => reader.region(),
        FONT => reader.font(),
        STRING_FORMAT => reader.string_format(),
        IMAGE_ATTRIBUTES => reader.take(24).map(drop),
        LINE_CAP => reader.line_cap(),
        _ => None,
    };
    Ok(read.and_then(|()| data.get(..data.len() - reader.0.len())).map(<[u8]>::to_vec))
}

/// A bitmap in a file format of its own, or a metafile (MS-EMFPLUS 2.2.1.4): through its own rebuilder.
fn image(data: &[u8], pictures: &mut Pictures<'_>) -> Result<Option<Vec<u8>>, Failure> {
    const BITMAP: u32 = 1;
    const METAFILE: u32 = 2;
    const COMPRESSED: u32 = 1;
    let fields = Fields(data);
    let (head, file) = match (fields.u32(4), fields.u32(24)) {
        (Some(BITMAP), Some(COMPRESSED)) => (28, data.get(28..)),
        (Some(METAFILE), _) => (16, fields.size(12).and_then(|size| fields.bytes(16, size))),
        _ => return Ok(None),
    };
    let is_metafile = head == 16;
    let (Some(head), Some(mut file)) = (data.get(..head), file) else { return Ok(None) };
    if !is_metafile {
        // Objects are padded to 4 bytes; none of the formats below ends with a zero.
        for _ in 0..3 {
            file = file.strip_suffix(&[0]).unwrap_or(file);
        }
    }
    let Some((file, format)) = pictures(file)? else { return Ok(None) };
    Ok(match (is_metafile, format) {
        (false, Format::Png | Format::Jpeg | Format::Gif) => Some([head, file.as_slice()].concat()),
        (true, Format::Emf | Format::Wmf) => {
            // Kind of metafile: 1 and 2 are WMF without and with a placeable header, 3 EMF, 5 with EMF+ besides.
            let kind: u32 = match (format, file.starts_with(b"\xd7\xcd\xc6\x9a")) {
                (Format::Wmf, false) => 1,
                (Format::Wmf, true) => 2,
                _ => {
                    if memchr::memmem::find(&file, b"EMF+").is_some() {
                        5
                    } else {
                        3
                    }
                }
            };
            let size = u32::try_from(file.len()).map_err(Failure::malformed)?;
            let head = head.get(..8).unwrap_or_default();
            Some([head, &kind.to_le_bytes(), &size.to_le_bytes(), &file].concat())
        }
        _ => None,
    })
}

impl Reader<'_> {
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
