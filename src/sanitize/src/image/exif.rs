//! The few facts of an EXIF block that matter (TIFF 6.0, section 2; EXIF 2.32): which way is up, and what is given away.

/// Facts of an EXIF block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exif {
    /// 1 to 8; 1 where it is absent or out of range.
    pub(super) orientation: u8,
    pub(super) has_position: bool,
    pub(super) has_thumbnail: bool,
}

impl Exif {
    const NOTHING: Self = Self { orientation: 1, has_position: false, has_thumbnail: false };

    /// Reads a TIFF block, as far as it can be read.
    pub(super) fn parse(tiff: &[u8]) -> Self {
        Self::read(tiff).unwrap_or(Self::NOTHING)
    }

    fn read(tiff: &[u8]) -> Option<Self> {
        const ORIENTATION: u16 = 0x0112;
        const GPS: u16 = 0x8825;
        const SHORT: u16 = 3;
        let block = Block { big_endian: tiff.starts_with(b"MM\0*"), bytes: tiff };
        if !block.big_endian && !tiff.starts_with(b"II*\0") {
            return None;
        }
        let directory = usize::try_from(block.u32(4)?).ok()?;
        let entries = usize::from(block.u16(directory)?);
        let mut exif = Self::NOTHING;
        for n in 0..entries {
            let entry = directory.checked_add(2 + n * 12)?;
            // A directory that is cut off still says what it said so far.
            let Some(tag) = block.u16(entry) else { return Some(exif) };
            if tag == GPS {
                exif.has_position = true;
            }
            if tag == ORIENTATION
                && block.u16(entry + 2) == Some(SHORT)
                && let Some(value @ 1..=8) = block.u16(entry + 8).and_then(|v| u8::try_from(v).ok())
            {
                exif.orientation = value;
            }
        }
        exif.has_thumbnail = block.u32(directory + 2 + entries * 12).is_some_and(|next| next != 0);
        Some(exif)
    }

    /// In plain words, for the report.
    pub(super) fn words(&self) -> &'static str {
        match (self.has_position, self.has_thumbnail) {
            (true, true) => "EXIF with GPS position and thumbnail",
            (true, false) => "EXIF with GPS position",
            (false, true) => "EXIF with thumbnail",
            (false, false) => "EXIF",
        }
    }
}

struct Block<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl Block<'_> {
    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }
}

/// A block with these entries, for tests: little-endian, one directory, all values of type SHORT.
#[cfg(test)]
pub(super) fn block(entries: &[(u16, u16)]) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0".to_vec();
    tiff.extend(u16::try_from(entries.len()).unwrap().to_le_bytes());
    for (tag, value) in entries {
        tiff.extend(tag.to_le_bytes());
        tiff.extend([3, 0, 1, 0, 0, 0]);
        tiff.extend(value.to_le_bytes());
        tiff.extend([0, 0]);
    }
    tiff.extend([0; 4]);
    tiff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orientation_and_position_are_found() {
        let exif = Exif::parse(&block(&[(0x0112, 6), (0x8825, 99)]));
        assert_eq!(exif, Exif { orientation: 6, has_position: true, has_thumbnail: false });
        assert_eq!(
            Exif::parse(b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0\0\0\0\x09").orientation,
            8
        );
    }

    #[test]
    fn hostile_blocks_say_nothing() {
        for hostile in [&b""[..], b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff"] {
            assert_eq!(Exif::parse(hostile), Exif::NOTHING);
        }
        assert_eq!(Exif::parse(&block(&[(0x0112, 9)])).orientation, 1);
        assert_eq!(Exif::parse(&block(&[(0x0112, 256 + 6)])).orientation, 1);
    }
}
