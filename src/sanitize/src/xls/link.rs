//! Hyperlink objects (MS-OSHARED 2.3.7.1), behind cells and behind shapes.
//!
//! ```text
//! version 2 │ flags │ display name? │ frame? │ moniker? │ place in the target? │ GUID? │ time?
//! ```
//!
//! Only addresses of the web and mail, and places in the workbook itself, are written anew; everything else is gone.

use super::record::u32_at;
use crate::markup::link::is_web;

/// Class of hyperlink objects, {79EAC9D0-BAF9-11CE-8C82-00AA004BA90B}.
pub(super) const CLASS: [u8; 16] =
    [0xd0, 0xc9, 0xea, 0x79, 0xf9, 0xba, 0xce, 0x11, 0x8c, 0x82, 0, 0xaa, 0, 0x4b, 0xa9, 0x0b];
/// Class of URL monikers, {79EAC9E0-BAF9-11CE-8C82-00AA004BA90B}.
const URL: [u8; 16] =
    [0xe0, 0xc9, 0xea, 0x79, 0xf9, 0xba, 0xce, 0x11, 0x8c, 0x82, 0, 0xaa, 0, 0x4b, 0xa9, 0x0b];

const HAS_MONIKER: u32 = 0x01;
const IS_ABSOLUTE: u32 = 0x02;
const SITE_GAVE_NAME: u32 = 0x04;
const HAS_PLACE: u32 = 0x08;
const HAS_NAME: u32 = 0x10;
const HAS_GUID: u32 = 0x20;
const HAS_TIME: u32 = 0x40;
const HAS_FRAME: u32 = 0x80;
const MONIKER_IS_TEXT: u32 = 0x100;

/// What a link points to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Link {
    name: Option<String>,
    /// A web or mail address.
    pub(super) address: Option<String>,
    place: Option<String>,
}

impl Link {
    /// Reads a hyperlink object; `None`: it points elsewhere, or cannot be read.
    pub(super) fn parse(object: &[u8]) -> Option<Self> {
        let mut reader = Reader { bytes: object, at: 0 };
        (reader.long()? == 2).then_some(())?;
        let flags = reader.long()?;
        let has = |flag| flags & flag != 0;
        let name = if has(HAS_NAME) { Some(reader.text()?) } else { None };
        if has(HAS_FRAME) {
            reader.text()?;
        }
        let address = match (has(HAS_MONIKER), has(MONIKER_IS_TEXT)) {
            (true, true) => Some(reader.text()?),
            (true, false) => Some(reader.moniker()?),
            (false, _) => None,
        };
        let place = if has(HAS_PLACE) { Some(reader.text()?) } else { None };
        if has(HAS_GUID) {
            reader.take(16)?;
        }
        if has(HAS_TIME) {
            reader.take(8)?;
        }
        let link = Self { name, address, place };
        link.is_harmless().then_some(link)
    }

    fn is_harmless(&self) -> bool {
        let inside = |place: &str| !place.contains(['[', '\\', '|']) && !place.contains("://");
        match (&self.address, &self.place) {
            (Some(address), _) => is_web(address),
            (None, Some(place)) => inside(place),
            (None, None) => false,
        }
    }

    /// Writes it anew.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut flags = 0;
        let mut parts = Vec::new();
        if let Some(name) = &self.name {
            flags |= HAS_NAME | SITE_GAVE_NAME;
            put(name, &mut parts);
        }
        if let Some(address) = &self.address {
            flags |= HAS_MONIKER | IS_ABSOLUTE;
            let units: Vec<u8> = address.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
            parts.extend(URL);
            parts.extend(u32::try_from(units.len()).unwrap_or_default().to_le_bytes());
            parts.extend(units);
        }
        if let Some(place) = &self.place {
            flags |= HAS_PLACE;
            put(place, &mut parts);
        }
        let mut out = 2_u32.to_le_bytes().to_vec();
        out.extend(flags.to_le_bytes());
        out.append(&mut parts);
        out
    }
}

/// Length in units, with the NUL that follows.
fn put(text: &str, out: &mut Vec<u8>) {
    let units: Vec<u16> = text.encode_utf16().chain([0]).collect();
    out.extend(u32::try_from(units.len()).unwrap_or_default().to_le_bytes());
    out.extend(units.into_iter().flat_map(u16::to_le_bytes));
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn long(&mut self) -> Option<u32> {
        u32_at(self.take(4)?, 0)
    }

    fn text(&mut self) -> Option<String> {
        let units = usize::try_from(self.long()?).ok()?;
        text(self.take(units.checked_mul(2)?)?)
    }

    fn moniker(&mut self) -> Option<String> {
        (self.take(16)? == URL).then_some(())?;
        let size = usize::try_from(self.long()?).ok()?;
        text(self.take(size)?)
    }
}

/// Up to the first NUL.
fn text(bytes: &[u8]) -> Option<String> {
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
    let units: Vec<u16> = units.take_while(|&unit| unit != 0).collect();
    String::from_utf16(&units).ok()
}
