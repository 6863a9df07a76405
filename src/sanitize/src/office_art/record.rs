//! Records: an eight-byte header and a body (MS-ODRAW 2.2.1, the same as MS-PPT 2.3.1).

use crate::failure::Failure;
pub(super) use crate::little_endian::{u16_at, u32_at};

/// Bytes of a header.
const HEADER: usize = 8;
/// The version of a record whose body is records.
const CONTAINER: u8 = 0xf;

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// 0 to 15.
    pub(crate) version: u8,
    /// 0 to 4095; its meaning depends on the type.
    pub(crate) instance: u16,
    pub(crate) kind: u16,
    pub(crate) body: &'a [u8],
}

impl<'a> Record<'a> {
    /// The record at the start of `bytes`, and what follows it.
    ///
    /// # Errors
    /// It is cut short.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Failure> {
        let cut = || Failure::Malformed("a record is cut short".to_owned());
        let (&[a, b, c, d, e, f, g, h], rest) = bytes.split_first_chunk::<HEADER>().ok_or_else(cut)?;
        let start = u16::from_le_bytes([a, b]);
        let kind = u16::from_le_bytes([c, d]);
        let length = usize::try_from(u32::from_le_bytes([e, f, g, h])).map_err(|_| cut())?;
        let (body, rest) = rest.split_at_checked(length).ok_or_else(|| {
            Failure::Malformed(format!("a record of type {kind:#06x} runs past what it stands in"))
        })?;
        let record = Self { version: a & 0xf, instance: start >> 4, kind, body };
        Ok((record, rest))
    }

    pub(crate) fn is_container(&self) -> bool {
        self.version == CONTAINER
    }

    /// Whether its type is that of a picture (MS-ODRAW 2.2.23).
    pub(crate) fn is_blip(&self) -> bool {
        (0xf018..=0xf117).contains(&self.kind)
    }

    /// The records in its body.
    pub(crate) fn children(&self) -> Records<'a> {
        Records(self.body)
    }

    /// The number at `at` in its body.
    pub(crate) fn u32_at(&self, at: usize) -> Option<u32> {
        u32_at(self.body, at)
    }
}

/// The records of a run of bytes, one after the other; fewer bytes than a header at the end are no record.
#[derive(Debug, Clone)]
pub(crate) struct Records<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.len() < HEADER {
            return None;
        }
        let parsed = Record::parse(self.0);
        self.0 = parsed.as_ref().map_or(&[], |(_, rest)| *rest);
        Some(parsed.map(|(record, _)| record))
    }
}

/// Writes a record.
///
/// # Errors
/// The body is longer than 4 GiB.
pub(crate) fn put(
    out: &mut Vec<u8>,
    version: u8,
    instance: u16,
    kind: u16,
    body: &[u8],
) -> Result<(), Failure> {
    let at = open(out, version, instance, kind);
    out.extend(body);
    close(out, at)
}

/// Begins a record whose body is written next; the result is for [`close`].
pub(crate) fn open(out: &mut Vec<u8>, version: u8, instance: u16, kind: u16) -> usize {
    let at = out.len();
    out.extend((instance << 4 | u16::from(version & 0xf)).to_le_bytes());
    out.extend(kind.to_le_bytes());
    out.extend([0; 4]);
    at
}

/// Ends the record that began at `at`: its header gets the length.
///
/// # Errors
/// The body is longer than 4 GiB.
pub(crate) fn close(out: &mut [u8], at: usize) -> Result<(), Failure> {
    let length = u32::try_from(out.len().saturating_sub(at + HEADER)).map_err(Failure::malformed)?;
    if let Some(place) = out.get_mut(at + 4..at + HEADER) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    Ok(())
}
