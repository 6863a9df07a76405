//! Which fields of the text stay (MS-DOC 2.8.25, 2.9.89)?
//!
//! ```text
//! 0x13  instruction  [nested field]  0x14  shown text  0x15
//! └─ blanked as a whole when refused ────┘  stays      └ blanked
//! ```
//!
//! The text alone says what a field is, whatever the table of fields said; the table is written anew for what stays. A
//! field that the table did not have is refused, for programs disagree on it; but marks of indexes and tables are never
//! in it. A field that shows a part of the document's description that is gone stays as the words it showed last.
//! Blanked characters become hidden spaces, so that no position changes.

use std::collections::BTreeMap;
use std::ops::Range;

use super::bytes::broken;
use super::text::{FIELD_BEGIN, FIELD_END, FIELD_SEPARATOR, Text};
use crate::failure::Failure;
use crate::ooxml::fields::{is_link, keyword, refused, self_shown};
use crate::options::{Metadata, Options};
use crate::report::What;

/// Tracked changes at a character.
pub(super) const IS_DELETED: u8 = 1;
pub(super) const IS_INSERTED: u8 = 2;

/// Characters that other structures count on: cell and paragraph marks, sections, notes, drawings.
const STRUCTURE: [u16; 6] = [0x02, 0x05, 0x07, 0x08, 0x0c, 0x0d];

/// Fields without a result that Word does not put into the table.
const MARKS: [&str; 3] = ["XE", "TC", "TA"];

/// Fields that show what no rebuilt document says of itself: only a later update would take their words away.
const GONE: [&str; 9] = [
    "COMMENTS",
    "DOCPROPERTY",
    "DOCVARIABLE",
    "EDITTIME",
    "INFO",
    "LASTSAVEDBY",
    "PRINTDATE",
    "REVNUM",
    "TEMPLATE",
];
/// Fields that show what is gone when metadata is removed.
const DESCRIPTION: [&str; 6] = ["AUTHOR", "CREATEDATE", "KEYWORDS", "SAVEDATE", "SUBJECT", "TITLE"];

/// Flags of a field's end that stay: differs, edited, locked, private.
const END_FLAGS: u8 = 0x01 | 0x08 | 0x10 | 0x20;
const NESTED: u8 = 0x40;
const HAS_SEPARATOR: u8 = 0x80;
/// A type that says: see the instruction.
const UNPARSED: u8 = 1;

/// What has been decided on the fields of one story.
#[derive(Debug, Default)]
pub(super) struct Decided {
    /// Character positions to blank.
    pub(super) blank: Vec<Range<u32>>,
    pub(super) refused: Vec<What>,
    /// The new table, positions relative to the story; `None`: no field is left.
    pub(super) table: Option<Vec<u8>>,
}

/// Entries of an old table by character position: the kind of character, and its type or flags.
pub(super) fn declared(plc: &[u8], story: &Range<u32>) -> BTreeMap<u32, (u16, u8)> {
    let count = plc.len().saturating_sub(4) / 6;
    let (positions, entries) = plc.split_at_checked(4 * (count + 1)).unwrap_or_default();
    let positions = positions.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
    let entries = entries.as_chunks::<2>().0.iter().map(|&[kind, value]| (u16::from(kind & 0x1f), value));
    positions.zip(entries).map(|(position, entry)| (story.start.saturating_add(position), entry)).collect()
}

/// Decides on the fields of a story. `changes`: tracked changes at each character of the whole document.
pub(super) fn decide(
    text: &Text,
    story: &Range<u32>,
    declared: &BTreeMap<u32, (u16, u8)>,
    changes: &[u8],
    options: &Options,
) -> Result<Decided, Failure> {
    let mut scan =
        Scan { text, declared, options, open: Vec::new(), kept: Vec::new(), decided: Decided::default() };
    for position in story.clone() {
        let unit = text.unit(position);
        match unit {
            FIELD_BEGIN => {
                if let Some(outer) = scan.open.iter_mut().rev().find(|open| open.separator.is_none()) {
                    outer.nest();
                }
                if scan.open.len() >= MAX_DEPTH {
                    return Err(broken("fields are nested too deep"));
                }
                let is_declared = scan.is_declared(position, unit);
                scan.open.push(Open { begin: position, is_declared, ..Open::default() });
            }
            FIELD_SEPARATOR => {
                let is_declared = scan.is_declared(position, unit);
                match scan.open.last_mut().filter(|open| open.separator.is_none()) {
                    Some(open) => {
                        open.separator = Some(position);
                        open.is_declared &= is_declared;
                    }
                    None => scan.blank(position..position + 1),
                }
            }
            FIELD_END => match scan.open.pop() {
                Some(open) => scan.close(&open, Some(position)),
                None => scan.blank(position..position + 1),
            },
            _ => {
                let change =
                    usize::try_from(position).ok().and_then(|at| changes.get(at)).copied().unwrap_or(0);
                if let Some(open) = scan.open.last_mut().filter(|open| open.separator.is_none()) {
                    open.push(position, unit, change);
                }
            }
        }
    }
    while let Some(open) = scan.open.pop() {
        scan.close(&open, None);
    }
    Ok(scan.finish(story))
}

/// One open field.
#[derive(Default)]
struct Open {
    begin: u32,
    separator: Option<u32>,
    is_declared: bool,
    has_nested: bool,
    /// A nested field stood where the keyword has to be.
    keyword_is_computed: bool,
    /// The instruction: all of it, with changes accepted, with changes rejected.
    all: Vec<u16>,
    accepted: Vec<u16>,
    rejected: Vec<u16>,
    /// Whether these three have more than white space.
    has_words: [bool; 3],
    /// Where the units of `all` are.
    positions: Vec<u32>,
}

/// Fields in fields; Word ends at 20.
const MAX_DEPTH: usize = 100;
/// More units of an instruction are not looked at; such a field is refused.
const MAX_INSTRUCTION: usize = 32 << 10;

impl Open {
    fn push(&mut self, position: u32, unit: u16, change: u8) {
        if self.all.len() > MAX_INSTRUCTION {
            return;
        }
        // What stands for something else is no letter of a word.
        let unit = if unit == super::text::OBJECT { 0x20 } else { unit };
        let is_word = char::from_u32(unit.into()).is_none_or(|c| !c.is_whitespace());
        let [in_all, in_accepted, in_rejected] = &mut self.has_words;
        self.all.push(unit);
        self.positions.push(position);
        *in_all |= is_word;
        if change & IS_DELETED == 0 {
            self.accepted.push(unit);
            *in_accepted |= is_word;
        }
        if change & IS_INSERTED == 0 {
            self.rejected.push(unit);
            *in_rejected |= is_word;
        }
    }

    fn nest(&mut self) {
        self.has_nested = true;
        self.keyword_is_computed |= self.has_words != [true; 3];
    }

    /// Whether it marks an entry of an index or table and shows nothing.
    fn is_mark(&self) -> bool {
        self.separator.is_none() && MARKS.contains(&keyword(&read(&self.all)).as_str())
    }

    fn refused(&self, options: &Options) -> Option<What> {
        let readings = [&self.all, &self.accepted, &self.rejected].map(|units| read(units));
        // What a nested field comes to may be the address.
        let is_computed = |text: &str| self.has_nested && is_link(text);
        let found = readings.iter().filter(|text| !text.trim().is_empty()).find_map(|text| {
            refused(text, options.links).or_else(|| is_computed(text).then_some(What::Link))
        });
        let is_empty = readings.iter().all(|text| text.trim().is_empty());
        let is_undeclared = !self.is_declared && !self.is_mark();
        let is_unsure = self.keyword_is_computed || is_undeclared || self.all.len() > MAX_INSTRUCTION;
        let keyword = keyword(&read(&self.all));
        let is_of = |fields: &[&str]| self.separator.is_some() && fields.contains(&keyword.as_str());
        let shows_gone = is_of(&GONE) || options.metadata == Metadata::Remove && is_of(&DESCRIPTION);
        found
            .or_else(|| (is_unsure || is_empty).then_some(What::Field))
            .or_else(|| shows_gone.then_some(What::Metadata))
    }
}

fn read(units: &[u16]) -> String {
    String::from_utf16_lossy(units)
}

struct Scan<'a> {
    text: &'a Text,
    declared: &'a BTreeMap<u32, (u16, u8)>,
    options: &'a Options,
    open: Vec<Open>,
    /// Fields that stay: begin with its type, separator, end with its flags.
    kept: Vec<(u32, u16, u8)>,
    decided: Decided,
}

impl Scan<'_> {
    fn is_declared(&self, position: u32, unit: u16) -> bool {
        self.declared.get(&position).is_some_and(|(kind, _)| *kind == unit)
    }

    fn value(&self, position: u32) -> u8 {
        self.declared.get(&position).map_or(0, |(_, value)| *value)
    }

    fn blank(&mut self, positions: Range<u32>) {
        if !positions.is_empty() {
            self.decided.blank.push(positions);
        }
    }

    /// Decides on a field; `end` is `None` when its story ended first.
    fn close(&mut self, open: &Open, end: Option<u32>) {
        let what = open.refused(self.options);
        let is_declared = open.is_declared && end.is_some_and(|end| self.is_declared(end, FIELD_END));
        let (Some(end), None, true) = (end, what, is_declared || open.is_mark()) else {
            self.refuse(open, end, what.unwrap_or(What::Field));
            return;
        };
        if !is_declared {
            return;
        }
        self.kept.push((open.begin, FIELD_BEGIN, flt(&read(&open.all), self.value(open.begin))));
        self.kept.extend(open.separator.map(|at| (at, FIELD_SEPARATOR, 0xff)));
        let separator = open.separator.map_or(0, |_| HAS_SEPARATOR);
        self.kept.push((end, FIELD_END, self.value(end) & END_FLAGS | separator));
    }

    fn refuse(&mut self, open: &Open, end: Option<u32>, what: What) {
        self.decided.refused.push(what);
        match (open.separator, end) {
            (Some(separator), _) => self.blank(open.begin..separator + 1),
            (None, None) => self.blank(open.begin..open.begin + 1),
            (None, Some(end)) => {
                // Some show their own last words.
                let instruction = read(&open.all);
                let shown = self_shown(&instruction).filter(|_| !open.has_nested).unwrap_or_default();
                let tail = instruction.trim_end().encode_utf16().count();
                let first = tail.saturating_sub(shown.encode_utf16().count());
                let first = open.positions.get(first..tail).and_then(|shown| shown.first()).copied();
                let first = first.filter(|_| !shown.is_empty()).unwrap_or(end);
                self.blank(open.begin..first);
            }
        }
        self.blank(end.into_iter().next().map_or(0..0, |end| end..end + 1));
    }

    fn finish(mut self, story: &Range<u32>) -> Decided {
        let mut blank = std::mem::take(&mut self.decided.blank);
        blank.sort_by_key(|range| range.start);
        let mut merged: Vec<Range<u32>> = Vec::new();
        for range in blank {
            match merged.last_mut().filter(|last| range.start <= last.end) {
                Some(last) => last.end = last.end.max(range.end),
                None => merged.push(range),
            }
        }
        let is_blank = |position: u32| {
            let after = merged.partition_point(|range| range.end <= position);
            merged.get(after).is_some_and(|range| range.contains(&position))
        };
        self.kept.retain(|(position, ..)| !is_blank(*position));
        self.kept.sort_unstable();
        self.decided.table = (!self.kept.is_empty()).then(|| table(&self.kept, story));
        self.decided.blank = merged
            .into_iter()
            .flat_map(|range| range.map(|position| position..position + 1))
            .filter(|range| !STRUCTURE.contains(&self.text.unit(range.start)))
            .collect();
        self.decided
    }
}

fn table(kept: &[(u32, u16, u8)], story: &Range<u32>) -> Vec<u8> {
    let positions = kept.iter().map(|(position, ..)| position - story.start);
    let mut out: Vec<u8> = positions.chain([story.end - story.start]).flat_map(u32::to_le_bytes).collect();
    let mut depth = 0_u32;
    for &(_, kind, value) in kept {
        let value = match kind {
            FIELD_BEGIN => {
                depth += 1;
                value
            }
            FIELD_END => {
                depth = depth.saturating_sub(1);
                value | if depth > 0 { NESTED } else { 0 }
            }
            _ => value,
        };
        out.extend([u8::try_from(kind).unwrap_or_default(), value]);
    }
    out
}

/// The type of a field (MS-DOC 2.9.90): as it was, where that fits the instruction.
fn flt(instruction: &str, known: u8) -> u8 {
    let keyword = keyword(instruction);
    let by_keyword = TYPES.iter().find(|(name, _)| *name == keyword).map(|(_, flt)| *flt);
    match by_keyword {
        Some(flt) if known != UNPARSED => flt,
        _ => UNPARSED,
    }
}

const TYPES: &[(&str, u8)] = &[
    ("REF", 0x03),
    ("XE", 0x04),
    ("SET", 0x06),
    ("IF", 0x07),
    ("INDEX", 0x08),
    ("TC", 0x09),
    ("STYLEREF", 0x0a),
    ("SEQ", 0x0c),
    ("TOC", 0x0d),
    ("INFO", 0x0e),
    ("TITLE", 0x0f),
    ("SUBJECT", 0x10),
    ("AUTHOR", 0x11),
    ("KEYWORDS", 0x12),
    ("COMMENTS", 0x13),
    ("LASTSAVEDBY", 0x14),
    ("CREATEDATE", 0x15),
    ("SAVEDATE", 0x16),
    ("PRINTDATE", 0x17),
    ("REVNUM", 0x18),
    ("EDITTIME", 0x19),
    ("NUMPAGES", 0x1a),
    ("NUMWORDS", 0x1b),
    ("NUMCHARS", 0x1c),
    ("FILENAME", 0x1d),
    ("TEMPLATE", 0x1e),
    ("DATE", 0x1f),
    ("TIME", 0x20),
    ("PAGE", 0x21),
    ("=", 0x22),
    ("PAGEREF", 0x25),
    ("ASK", 0x26),
    ("FILLIN", 0x27),
    ("NEXT", 0x29),
    ("NEXTIF", 0x2a),
    ("SKIPIF", 0x2b),
    ("MERGEREC", 0x2c),
    ("EQ", 0x31),
    ("AUTONUMOUT", 0x34),
    ("AUTONUMLGL", 0x35),
    ("AUTONUM", 0x36),
    ("SYMBOL", 0x39),
    ("MERGEFIELD", 0x3b),
    ("USERNAME", 0x3c),
    ("USERINITIALS", 0x3d),
    ("USERADDRESS", 0x3e),
    ("BARCODE", 0x3f),
    ("DOCVARIABLE", 0x40),
    ("SECTION", 0x41),
    ("SECTIONPAGES", 0x42),
    ("FILESIZE", 0x45),
    ("FORMTEXT", 0x46),
    ("FORMCHECKBOX", 0x47),
    ("NOTEREF", 0x48),
    ("TOA", 0x49),
    ("TA", 0x4a),
    ("MERGESEQ", 0x4b),
    ("AUTOTEXT", 0x4f),
    ("COMPARE", 0x50),
    ("FORMDROPDOWN", 0x53),
    ("ADVANCE", 0x54),
    ("DOCPROPERTY", 0x55),
    ("HYPERLINK", 0x58),
    ("AUTOTEXTLIST", 0x59),
    ("LISTNUM", 0x5a),
    ("BIDIOUTLINE", 0x5c),
    ("ADDRESSBLOCK", 0x5d),
    ("GREETINGLINE", 0x5e),
    ("SHAPE", 0x5f),
];
