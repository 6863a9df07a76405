//! Which structures of the table stream are copied: **the allow list**, and what the others are called.
//!
//! Numbers are those of the pairs in the information block (MS-DOC 2.5.6 to 2.5.10). Styles, sections, formatting, pieces,
//! fields, lists and drawings are not here: they are written anew.

use super::bytes::{Reader, broken};
use crate::failure::Failure;
use crate::office_art::hides_file;
use crate::options::Metadata;
use crate::report::What;

/// How a structure is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Ascending character positions, and so many bytes for each but the last.
    Positions(usize),
    /// The same, where the last position has no meaning.
    Texts(usize),
    /// Strings with data of this length.
    Strings(u16),
    /// Fonts.
    Fonts,
    /// Strings one after the other.
    Names,
    /// Settings of the document.
    Settings,
}

/// Structures that are copied.
const COPIED: &[(usize, Shape)] = &[
    (2, Shape::Positions(2)),   // footnote references
    (3, Shape::Texts(0)),       // footnote texts
    (4, Shape::Positions(30)),  // comment references
    (5, Shape::Texts(0)),       // comment texts
    (11, Shape::Texts(0)),      // headers
    (15, Shape::Fonts),         // fonts
    (21, Shape::Strings(0)),    // bookmarks: names,
    (22, Shape::Positions(4)),  // starts,
    (23, Shape::Positions(0)),  // ends
    (31, Shape::Settings),      // settings
    (36, Shape::Names),         // authors of comments
    (37, Shape::Strings(10)),   // parts of the text that comments are on: data,
    (40, Shape::Positions(26)), // anchors of shapes in the text,
    (41, Shape::Positions(26)), // and in headers
    (42, Shape::Positions(4)),  // (37:) starts,
    (43, Shape::Positions(0)),  // ends
    (46, Shape::Positions(2)),  // endnote references
    (47, Shape::Texts(0)),      // endnote texts
    (51, Shape::Strings(0)),    // authors of tracked changes
    (56, Shape::Texts(22)),     // text boxes in the text,
    (58, Shape::Texts(22)),     // and in headers
    (75, Shape::Positions(6)),  // (56:) where they break,
    (76, Shape::Positions(6)),  // (58:) and here
    (91, Shape::Strings(0)),    // names of lists
];

/// Structures that make no sense without each other: the number of each that must be there for it to be of use, and theirs.
const GROUPS: &[(Option<usize>, &[usize])] = &[
    (None, &[2, 3]),
    (None, &[4, 5, 36]),
    (Some(4), &[37, 42, 43]),
    (None, &[21, 22, 23]),
    (None, &[46, 47]),
    (None, &[56, 75]),
    (None, &[58, 76]),
];

/// Structures that only say where on the screen or on the page something was, or that Word makes anew.
const CACHES: &[usize] = &[
    0, 7, 8, 14, 25, 30, 34, 38, 39, 49, 60, 62, 63, 64, 65, 66, 67, 68, 77, 78, 79, 80, 81, 82, 83, 86, 87,
    88, 89, 93, 94, 95, 96, 98, 99, 101, 102, 103, 104, 105, 106, 107, 108, 110, 111, 113, 116, 118, 119,
    128, 129, 130, 131, 132, 133, 134, 135, 145, 146, 147, 148, 149, 150, 151, 152, 153, 154, 155, 156, 157,
    158, 159, 160, 161, 162, 163, 171, 172, 173, 178, 179, 180,
];

/// What others are, for the report.
const NAMED: &[(usize, What, &str)] = &[
    (9, What::UnknownPart, "AutoText entries"),
    (10, What::UnknownPart, "AutoText entries"),
    (20, What::Macro, "fields of macros"),
    (24, What::Extension, "menus, toolbars and keys"),
    (26, What::Macro, "names of macros"),
    (27, What::PrinterSettings, "printer"),
    (28, What::PrinterSettings, "printer"),
    (29, What::PrinterSettings, "printer"),
    (32, What::Metadata, "template, title, authors"),
    (35, What::Metadata, "place of an automatic copy"),
    (44, What::DataConnection, "mail merge"),
    (45, What::DataConnection, "mail merge"),
    (52, What::Metadata, "captions"),
    (53, What::Metadata, "captions"),
    (54, What::ExternalReference, "sub-documents"),
    (55, What::Metadata, "spelling"),
    (61, What::Font, "embedded fonts"),
    (70, What::Metadata, "routing slip"),
    (71, What::Metadata, "names of those who saved it"),
    (72, What::ExternalReference, "names of files"),
    (84, What::Metadata, "grammar"),
    (85, What::Control, "controls"),
    (90, What::Metadata, "grammar"),
    (92, What::Metadata, "names of users"),
    (97, What::Metadata, "mail envelope"),
    (100, What::Metadata, "grammar"),
    (112, What::Metadata, "dates of comments"),
    (126, What::DataConnection, "mail merge"),
    (127, What::DataConnection, "mail merge"),
    (144, What::Metadata, "names of users"),
    (181, What::UnknownPart, "theme"),
    (182, What::UnknownPart, "theme"),
];

/// What a structure is that has not been kept; `None`: nothing is lost with it.
pub(super) fn lost(index: usize, bytes: &[u8]) -> Option<(What, &'static str)> {
    // Version, and no toolbars.
    const NO_COMMANDS: &[u8] = &[0xff, 0x40];
    if CACHES.contains(&index) || bytes.starts_with(NO_COMMANDS) || bytes.iter().all(|&byte| byte == 0) {
        return None;
    }
    let named = NAMED.iter().find(|(known, ..)| *known == index);
    let custom = (114..=125).contains(&index) || (136..=144).contains(&index);
    Some(match named {
        Some((_, what, name)) => (*what, name),
        None if custom => (What::Metadata, "smart tags, custom XML, protected ranges"),
        None => (What::UnknownPart, "structure that is not known"),
    })
}

/// Copies a structure; `None`: it is not on the list, or not sound.
pub(super) fn copy(index: usize, bytes: &[u8], metadata: Metadata) -> Option<Vec<u8>> {
    let (_, shape) = COPIED.iter().find(|(known, _)| *known == index)?;
    let mut reader = Reader::new(bytes);
    let mut out = Vec::new();
    match shape {
        Shape::Positions(size) => {
            positions(bytes, *size)?;
            out = bytes.to_vec();
        }
        Shape::Texts(size) => {
            let positions = texts(bytes, *size)?;
            out.extend(positions.iter().flat_map(|position| position.to_le_bytes()));
            out.extend(bytes.get(4 * positions.len()..)?);
        }
        Shape::Strings(extra) => {
            strings(&mut reader, &mut out, *extra).ok()?;
            return Some(out);
        }
        Shape::Fonts => fonts(&mut reader, &mut out).ok()?,
        Shape::Names => {
            while !reader.rest().is_empty() {
                let length = reader.u16().ok()?;
                out.extend(length.to_le_bytes());
                out.extend(reader.take(2 * usize::from(length)).ok()?);
            }
        }
        Shape::Settings => out = settings(bytes, metadata),
    }
    (!hides_file(&out)).then_some(out)
}

/// The structures that are of no use, because others are not there.
pub(super) fn incomplete(is_there: impl Fn(usize) -> bool) -> Vec<usize> {
    let of_no_use = |base: &Option<usize>, group: &[usize]| {
        base.is_some_and(|base| !is_there(base)) || !group.iter().all(|&index| is_there(index))
    };
    let groups = GROUPS.iter().filter(|(base, group)| of_no_use(base, group));
    groups.flat_map(|(_, group)| group.iter().copied()).filter(|&index| is_there(index)).collect()
}

/// The character positions of a structure whose last one has no meaning and is written anew where it is out of order; `None`: it is
/// not sound.
pub(super) fn texts(bytes: &[u8], size: usize) -> Option<Vec<u32>> {
    let mut positions = all_positions(bytes, size)?;
    let (last, others) = positions.split_last_mut()?;
    *last = others.last().map_or(0, |before| (*last).max(*before));
    positions.is_sorted().then_some(positions)
}

/// The character positions of a structure; `None`: it is not sound.
pub(super) fn positions(bytes: &[u8], size: usize) -> Option<Vec<u32>> {
    all_positions(bytes, size).filter(|positions| positions.is_sorted())
}

fn all_positions(bytes: &[u8], size: usize) -> Option<Vec<u32>> {
    let count = bytes.len().checked_sub(4)? / (4 + size);
    if 4 + count * (4 + size) != bytes.len() {
        return None;
    }
    let (positions, _) = bytes.get(..4 * (count + 1))?.as_chunks::<4>();
    Some(positions.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect())
}

/// A table of strings (STTB), each with this many bytes of data.
pub(super) fn strings(reader: &mut Reader<'_>, out: &mut Vec<u8>, known: u16) -> Result<(), Failure> {
    let mut count = reader.u16()?;
    let wide = count == 0xffff;
    if wide {
        out.extend(count.to_le_bytes());
        count = reader.u16()?;
    }
    let extra = reader.u16()?;
    if extra != known {
        return Err(broken("a table of strings has other data"));
    }
    out.extend(count.to_le_bytes());
    out.extend(extra.to_le_bytes());
    for _ in 0..count {
        if wide {
            let length = reader.u16()?;
            out.extend(length.to_le_bytes());
            out.extend(reader.take(2 * usize::from(length))?);
        } else {
            let length = reader.u8()?;
            out.push(length);
            out.extend(reader.take(length.into())?);
        }
        out.extend(reader.take(extra.into())?);
    }
    Ok(())
}

/// The table of fonts: each a fixed part and names.
fn fonts(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), Failure> {
    let count = reader.u16()?;
    let extra = reader.u16()?;
    if extra != 0 {
        return Err(broken("the table of fonts is damaged"));
    }
    out.extend(count.to_le_bytes());
    out.extend(extra.to_le_bytes());
    for _ in 0..count {
        let length = reader.u8()?;
        out.push(length);
        out.extend(reader.take(length.into())?);
    }
    Ok(())
}

/// The settings (DOP, MS-DOC 2.7.2), not longer than those of Word 2013, without dates and counts of its making.
fn settings(bytes: &[u8], metadata: Metadata) -> Vec<u8> {
    const LONGEST: usize = 694;
    let mut out = bytes.get(..LONGEST).unwrap_or(bytes).to_vec();
    if metadata == Metadata::Remove {
        // Created, revised, printed; revisions, minutes of editing.
        out.iter_mut().skip(20).take(18).for_each(|byte| *byte = 0);
    }
    out
}
