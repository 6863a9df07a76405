//! Properties of shapes (OfficeArtFOPT, MS-ODRAW 2.2.9 and 2.3): numbers, and longer values behind them.
//!
//! ```text
//! entry × instance: number 14 bits │ picture? │ longer? │ value u32 (picture: its place in the list; longer: bytes)   then the longer values
//! ```
//!
//! Numbers of the known groups stay; longer values only by the list [`LONGER`]. So no address, script, link, picture by name,
//! copy of the shape in another format, or HTML is kept.

use super::put;
#[cfg(test)]
use super::record::u32_at;
use super::record::{Record, u16_at};
use crate::failure::Failure;
use crate::report::What;

/// Bytes of an entry.
const ENTRY: usize = 6;
const IS_PICTURE: u16 = 0x4000;
const IS_LONGER: u16 = 0x8000;

/// Groups of properties whose numbers may stay: transform to diagram, the four sides of a text box' line, relative sizes.
const GROUPS: [std::ops::RangeInclusive<u16>; 3] = [0x0000..=0x03ff, 0x0500..=0x063f, 0x07c0..=0x07ff];

/// Numbers in these groups that may not: pictures by name and their flags, a picture for printing, OLE's number, link, scripts and
/// their language, a copy for Office 2007.
const NOT_NUMBERS: [u16; 18] = [
    0x0105, 0x0106, 0x010b, 0x010f, 0x0110, 0x0111, 0x0187, 0x0188, 0x01c6, 0x01c7, 0x0382, 0x038e, 0x0397,
    0x0398, 0x0399, 0x039a, 0x03a5, 0x03a9,
];

/// Properties that fetch or run something, or are files in themselves, for searches.
const FORBIDDEN: [u16; 15] = [
    0x0105, 0x0106, 0x0110, 0x0187, 0x0188, 0x01c6, 0x01c7, 0x0382, 0x038e, 0x0397, 0x0398, 0x0399, 0x039a,
    0x03a5, 0x03a9,
];

/// Places in the list of pictures: picture, fill, line fill.
const PICTURES: [u16; 3] = [0x0104, 0x0186, 0x01c5];

/// Names of pictures and the flags that say whether the picture is fetched by that name.
const NAMES_AND_FLAGS: [(u16, u16); 4] =
    [(0x0105, 0x0106), (0x0187, 0x0188), (0x01c6, 0x01c7), (0x0110, 0x0111)];
/// "Link to the file" and "the name is a URL" (MSOBLIPFLAGS).
const LINKED: u32 = 0x0a;

/// A longer value that may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Longer {
    /// UTF-16.
    Text,
    /// Elements behind a six-byte header: count u16, capacity u16, size of one u16.
    Array,
}

/// Longer values that may stay.
const LONGER: [(u16, Longer); 18] = [
    (0x00c0, Longer::Text),  // WordArt: text
    (0x00c5, Longer::Text),  // WordArt: font
    (0x0145, Longer::Array), // vertices
    (0x0146, Longer::Array), // segments
    (0x0151, Longer::Array), // connection sites
    (0x0152, Longer::Array), // their directions
    (0x0155, Longer::Array), // handles
    (0x0156, Longer::Array), // formulas of the outline
    (0x0157, Longer::Array), // text rectangles
    (0x0197, Longer::Array), // colours of a gradient
    (0x01cf, Longer::Array), // dashes of the line
    (0x0380, Longer::Text),  // name
    (0x0381, Longer::Text),  // alternative text
    (0x0383, Longer::Array), // wrap polygon
    (0x038d, Longer::Text),  // tool tip
    (0x03a0, Longer::Array), // heights of a table's rows
    (0x0504, Longer::Array), // relations of a diagram
    (0x0505, Longer::Array), // scale of a diagram
];

/// The properties that one record has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Properties<'a> {
    entries: Vec<Property<'a>>,
    /// What was left out of them.
    pub(crate) removed: Vec<(What, &'static str)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Property<'a> {
    id: u16,
    is_picture: bool,
    value: u32,
    longer: Option<&'a [u8]>,
}

impl<'a> Properties<'a> {
    /// Reads what may stay of a record of properties.
    ///
    /// # Errors
    /// It has fewer entries than it says.
    pub(crate) fn parse(record: &Record<'a>) -> Result<Self, Failure> {
        let cut = || Failure::Malformed("the properties of a shape are cut short".to_owned());
        let count = usize::from(record.instance);
        let (table, mut values) = record.body.split_at_checked(count * ENTRY).ok_or_else(cut)?;
        let mut properties = Self { entries: Vec::with_capacity(count), removed: Vec::new() };
        for entry in table.as_chunks::<ENTRY>().0 {
            let [a, b, c, d, e, f] = *entry;
            let head = u16::from_le_bytes([a, b]);
            let value = u32::from_le_bytes([c, d, e, f]);
            let id = head & !(IS_PICTURE | IS_LONGER);
            let mut property = Property { id, is_picture: head & IS_PICTURE != 0, value, longer: None };
            if head & IS_LONGER != 0 {
                let known = LONGER.iter().find(|(known, _)| *known == id).map(|(_, longer)| *longer);
                let length = length(values, value, known);
                let Some((longer, rest)) = values.split_at_checked(length) else {
                    // As readers do: what is not there is not read, nor is what would follow it.
                    properties.removed.push((What::UnknownPart, "shape property that is cut short"));
                    values = &[];
                    continue;
                };
                values = rest;
                // An array ends where its own header says, so there is no room to hide in behind it.
                let used = array_length(longer).filter(|_| known == Some(Longer::Array));
                property.longer = Some(used.and_then(|used| longer.get(..used)).unwrap_or(longer));
            }
            properties.entries.push(property);
        }
        properties.keep_allowed();
        Ok(properties)
    }

    fn keep_allowed(&mut self) {
        let number = |entries: &[Property<'_>], id| {
            entries.iter().find(|property| property.id == id).map_or(0, |property| property.value)
        };
        let linked: Vec<u16> = NAMES_AND_FLAGS
            .iter()
            .filter(|(_, flags)| number(&self.entries, *flags) & LINKED != 0)
            .map(|(name, _)| *name)
            .collect();
        let removed = &mut self.removed;
        self.entries.retain(|property| {
            let gone = match property.id {
                id if property.is_allowed() => {
                    debug_assert!(!linked.contains(&id));
                    return true;
                }
                id if linked.contains(&id) => Some((What::ExternalReference, "picture fetched by name")),
                0x0105 | 0x0187 | 0x01c6 | 0x0110 => Some((What::Metadata, "file name of a picture")),
                0x0382 => Some((What::Link, "link of a shape")),
                0x038e | 0x0397..=0x039a | 0x03a5 => Some((What::Script, "script of a shape")),
                0x03a9 => Some((What::UnknownPart, "a shape's second copy for Office 2007")),
                0x0680..=0x06bf => Some((What::Extension, "web component")),
                id if property.longer.is_none() && NOT_NUMBERS.contains(&id) => None,
                _ => Some((What::UnknownPart, "shape property that is not known")),
            };
            removed.extend(gone);
            false
        });
    }

    /// Places in the list of pictures, counted from 1, that are used.
    pub(crate) fn pictures(&self) -> impl Iterator<Item = u32> {
        self.entries
            .iter()
            .filter(|property| PICTURES.contains(&property.id) && property.value != 0)
            .map(|property| property.value)
    }

    /// Writes a record of these properties; none when there are none.
    ///
    /// # Errors
    /// It would be longer than 4 GiB.
    pub(crate) fn put(&self, out: &mut Vec<u8>, kind: u16) -> Result<(), Failure> {
        let count = u16::try_from(self.entries.len()).map_err(Failure::malformed)?;
        if count == 0 {
            return Ok(());
        }
        let mut body = Vec::new();
        for property in &self.entries {
            let (flag, value) = match property.longer {
                Some(longer) => (IS_LONGER, u32::try_from(longer.len()).map_err(Failure::malformed)?),
                None => (0, property.value),
            };
            let picture = if property.is_picture { IS_PICTURE } else { 0 };
            body.extend((property.id | flag | picture).to_le_bytes());
            body.extend(value.to_le_bytes());
        }
        for longer in self.entries.iter().filter_map(|property| property.longer) {
            body.extend(longer);
        }
        put(out, 3, count, kind, &body)
    }
}

impl Property<'_> {
    fn is_allowed(&self) -> bool {
        match self.longer {
            Some(longer) => LONGER.iter().any(|(id, kind)| *id == self.id && kind.fits(longer)),
            None => {
                GROUPS.iter().any(|group| group.contains(&self.id))
                    && !NOT_NUMBERS.contains(&self.id)
                    && (!self.is_picture || PICTURES.contains(&self.id))
            }
        }
    }
}

impl Longer {
    fn fits(self, value: &[u8]) -> bool {
        match self {
            Self::Text => value.len().is_multiple_of(2),
            Self::Array => value.is_empty() || array_length(value) == Some(value.len()),
        }
    }
}

/// The length of a longer value. Some writers leave an array's header out of the length they say.
fn length(values: &[u8], said: u32, known: Option<Longer>) -> usize {
    let said = usize::try_from(said).unwrap_or(usize::MAX);
    match known {
        Some(Longer::Array) if said > 0 && array_length(values) == said.checked_add(6) => {
            said.saturating_add(6)
        }
        _ => said,
    }
}

/// The length of the array at the start of `values`, by its own header. A negative size of an element stands for its
/// quarter (0xFFF0: 4 bytes).
fn array_length(values: &[u8]) -> Option<usize> {
    let count = usize::from(u16_at(values, 0)?);
    let size = u16_at(values, 4)?;
    let size = if size > 0x7fff { size.wrapping_neg() >> 2 } else { size };
    Some(6 + count * usize::from(size))
}

/// Whether a record of properties has one that fetches or runs something or is a file in itself, or is cut short.
pub(crate) fn is_dangerous(record: &Record<'_>) -> bool {
    let Some(table) = record.body.get(..usize::from(record.instance) * ENTRY) else { return true };
    table.as_chunks::<ENTRY>().0.iter().any(|&[a, b, ..]| {
        let id = u16::from_le_bytes([a, b]) & !(IS_PICTURE | IS_LONGER);
        FORBIDDEN.contains(&id) || (0x0680..=0x06bf).contains(&id)
    })
}

/// The value of a property in a record, whatever it is.
#[cfg(test)]
pub(crate) fn number_of(record: &Record<'_>, id: u16) -> Option<u32> {
    let table = record.body.get(..usize::from(record.instance) * ENTRY)?;
    let entry = table
        .as_chunks::<ENTRY>()
        .0
        .iter()
        .find(|entry| u16_at(entry.as_slice(), 0).is_some_and(|head| head & 0x3fff == id))?;
    u32_at(entry.as_slice(), 2)
}
