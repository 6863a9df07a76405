//! Entries of the list of pictures (OfficeArtFBSE, MS-ODRAW 2.2.32).
//!
//! ```text
//! type on Windows u8 │ on Mac u8 │ digest 16 │ tag u16 │ size u32 │ references u32 │ offset u32 │ usage u8 │ name length u8 │ 2 │ name │ BLIP
//! ```

use super::record::Record;
use super::{Blip, kind, put};
use crate::failure::Failure;

/// Bytes before the name.
const FIXED: usize = 36;
/// The offset of an entry whose picture lies nowhere.
const NOWHERE: u32 = 0xffff_ffff;
/// "Internal resource tag" of files.
const TAG: u16 = 0x00ff;

/// Where an entry says its picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry<'a> {
    /// There is none: it was deleted, or is linked.
    Empty,
    /// Right behind the entry.
    Here(Record<'a>),
    /// At this offset of the stream for pictures.
    Elsewhere(u32),
}

impl<'a> Entry<'a> {
    /// Reads an FBSE, or a BLIP that stands in the list by itself.
    ///
    /// # Errors
    /// It is neither, or cut short.
    pub(crate) fn parse(record: Record<'a>) -> Result<Self, Failure> {
        if record.is_blip() {
            return Ok(Self::Here(record));
        }
        let cut = || Failure::Malformed("an entry of the list of pictures is cut short".to_owned());
        if record.kind != kind::STORE_ENTRY {
            return Err(Failure::Malformed("the list of pictures has an unknown entry".to_owned()));
        }
        let offset = record.u32_at(28).ok_or_else(cut)?;
        let size = record.u32_at(20).ok_or_else(cut)?;
        let name = usize::from(*record.body.get(33).ok_or_else(cut)?);
        let (_, behind) = record.body.split_at_checked(FIXED).ok_or_else(cut)?;
        let behind = behind.get(name..).unwrap_or_default();
        Ok(match Record::parse(behind) {
            Ok((blip, _)) if blip.is_blip() => Self::Here(blip),
            _ if offset == NOWHERE || size == 0 => Self::Empty,
            _ => Self::Elsewhere(offset),
        })
    }

    /// Writes an FBSE for a picture that `references` shapes use and that lies at `offset`; `None`: right behind.
    ///
    /// # Errors
    /// The picture is longer than 4 GiB.
    pub(crate) fn put(
        out: &mut Vec<u8>,
        blip: &Blip,
        references: u32,
        offset: Option<u32>,
    ) -> Result<(), Failure> {
        let size = u32::try_from(blip.record.len()).map_err(Failure::malformed)?;
        let mut body = Vec::with_capacity(FIXED);
        body.extend([blip.number, blip.number]);
        body.extend(blip.digest);
        body.extend(TAG.to_le_bytes());
        body.extend(size.to_le_bytes());
        body.extend(references.to_le_bytes());
        body.extend(offset.unwrap_or(0).to_le_bytes());
        body.extend([0; 4]);
        if offset.is_none() {
            body.extend(&blip.record);
        }
        put(out, 2, blip.number.into(), kind::STORE_ENTRY, &body)
    }

    /// Writes an FBSE without a picture: it keeps its place, for shapes name pictures by their place.
    ///
    /// # Errors
    /// None in practice; see [`put`].
    pub(crate) fn put_empty(out: &mut Vec<u8>) -> Result<(), Failure> {
        let mut body = [0; FIXED];
        let (tag, offset) = (TAG.to_le_bytes(), NOWHERE.to_le_bytes());
        for (at, byte) in (18_usize..).zip(tag).chain((28_usize..).zip(offset)) {
            if let Some(place) = body.get_mut(at) {
                *place = byte;
            }
        }
        put(out, 2, 0, kind::STORE_ENTRY, &body)
    }
}
