//! Strings (MS-XLS 2.5.293 and 2.5.294) and the table of shared strings.
//!
//! ```text
//! length │ flags │ runs? │ extension size? │ characters, 1 or 2 bytes each │ runs │ extension (phonetic: not kept)
//!                                              └─ at a record's end: goes on in Continue, behind a new flags byte
//! ```

use super::record::{Group, MAX_BODY, Writer, code, u16_at, u32_at};
use crate::failure::Failure;
use crate::job::Job;
use crate::report::{Removed, What};

const WIDE: u8 = 1;
const EXTENDED: u8 = 4;
const RICH: u8 = 8;

/// Characters of a string with its flags byte at `at`; and the place behind it.
pub(super) fn characters(bytes: &[u8], at: usize, count: usize) -> Option<(String, usize)> {
    let wide = bytes.get(at)? & WIDE != 0;
    let start = at.checked_add(1)?;
    let end = start.checked_add(if wide { count.checked_mul(2)? } else { count })?;
    let raw = bytes.get(start..end)?;
    let text = match wide {
        true => {
            let units = raw.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        false => raw.iter().map(|&byte| char::from(byte)).collect(),
    };
    Some((text, end))
}

/// A string of ours behind a flags byte; gives its length in units.
pub(super) fn encoded(text: &str) -> (usize, Vec<u8>) {
    let units: Vec<u16> = text.encode_utf16().collect();
    let mut out = Vec::with_capacity(units.len() + 1);
    put_units(&units, &mut out);
    (units.len(), out)
}

fn is_narrow(units: &[u16]) -> bool {
    units.iter().all(|&unit| unit < 0x100)
}

fn put_units(units: &[u16], out: &mut Vec<u8>) {
    if is_narrow(units) {
        out.push(0);
        out.extend(units.iter().flat_map(|unit| unit.to_le_bytes().into_iter().take(1)));
    } else {
        out.push(WIDE);
        out.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    }
}

/// A shared string.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Text {
    units: Vec<u16>,
    /// First character and font, 2 bytes each; ascending.
    runs: Vec<u8>,
}

/// The table of shared strings.
#[derive(Debug, Default)]
pub(super) struct Strings {
    texts: Vec<Text>,
    /// How often they are used.
    uses: u32,
}

fn damaged() -> Failure {
    Failure::Malformed("the workbook's table of strings is damaged".to_owned())
}

/// Reads on from record to record.
struct Pieces<'a> {
    current: &'a [u8],
    further: std::vec::IntoIter<&'a [u8]>,
}

impl<'a> Pieces<'a> {
    fn of(group: &Group<'a>) -> Self {
        let further: Vec<&[u8]> = group.tail.iter().map(|record| record.body).collect();
        Self { current: group.head.body, further: further.into_iter() }
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        while self.current.is_empty() {
            self.current = self.further.next()?;
        }
        let (taken, rest) = self.current.split_at_checked(count)?;
        self.current = rest;
        Some(taken)
    }

    /// Bytes that may go on in the next record as they are.
    fn gather(&mut self, mut count: usize) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        while count > 0 {
            while self.current.is_empty() {
                self.current = self.further.next()?;
            }
            let piece = self.take(count.min(self.current.len()))?;
            out.extend_from_slice(piece);
            count -= piece.len();
        }
        Some(out)
    }

    /// Passes over bytes that may go on in the next record as they are.
    fn skip(&mut self, mut count: usize) -> Option<()> {
        while count > 0 {
            while self.current.is_empty() {
                self.current = self.further.next()?;
            }
            count -= self.take(count.min(self.current.len()))?.len();
        }
        Some(())
    }

    /// Characters; each further record begins with flags of its own.
    fn units(&mut self, count: usize, mut flags: u8) -> Option<Vec<u16>> {
        let mut units = Vec::new();
        while units.len() < count {
            if self.current.is_empty() {
                self.current = self.further.next()?;
                flags = *self.take(1)?.first()?;
                continue;
            }
            let left = count - units.len();
            match flags & WIDE {
                0 => {
                    let piece = self.take(left.min(self.current.len()))?;
                    units.extend(piece.iter().map(|&byte| u16::from(byte)));
                }
                _ => {
                    // A lone byte at a record's end cannot be a character.
                    let piece = self.take(2 * left.min(self.current.len() / 2).max(1))?;
                    units.extend(piece.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)));
                }
            }
        }
        Some(units)
    }
}

/// The runs of a text of so many characters that begin in it, each behind the one before.
fn sound_runs(runs: &[u8], characters: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut least = 0;
    for run in runs.as_chunks::<4>().0 {
        let first = u16_at(run, 0).map(usize::from).unwrap_or_default();
        if (least..characters).contains(&first) {
            out.extend_from_slice(run);
            least = first + 1;
        }
    }
    out
}

impl Strings {
    pub(super) fn parse(group: &Group<'_>, job: &mut Job<'_>) -> Result<Self, Failure> {
        let mut pieces = Pieces::of(group);
        let head = pieces.take(8).ok_or_else(damaged)?;
        let (uses, count) = (u32_at(head, 0).ok_or_else(damaged)?, u32_at(head, 4).ok_or_else(damaged)?);
        let mut strings = Self { texts: Vec::new(), uses };
        let mut guides = 0_u32;
        for _ in 0..count {
            let (text, phonetic) = Self::text(&mut pieces).ok_or_else(damaged)?;
            guides += u32::from(phonetic);
            let size = size_of::<Text>() + text.units.len() * 2 + text.runs.len();
            job.expand(u64::try_from(size).unwrap_or(u64::MAX))?;
            strings.texts.push(text);
        }
        if guides > 0 {
            job.removed(Removed::new(What::UnknownPart, "phonetic guides", guides));
        }
        Ok(strings)
    }

    /// A string without its phonetic guide, and whether it had one.
    fn text(pieces: &mut Pieces<'_>) -> Option<(Text, bool)> {
        let head = pieces.take(3)?;
        let (count, flags) = (usize::from(u16_at(head, 0)?), *head.get(2)?);
        let runs = if flags & RICH == 0 { 0 } else { usize::from(u16_at(pieces.take(2)?, 0)?) };
        let phonetic =
            if flags & EXTENDED == 0 { 0 } else { usize::try_from(u32_at(pieces.take(4)?, 0)?).ok()? };
        let units = pieces.units(count, flags)?;
        let runs = sound_runs(&pieces.gather(runs * 4)?, units.len());
        pieces.skip(phonetic)?;
        Some((Text { units, runs }, phonetic > 0))
    }

    /// Adds a string and gives its number.
    pub(super) fn add(&mut self, text: &str) -> Result<u32, Failure> {
        let number = u32::try_from(self.texts.len()).map_err(|_| damaged())?;
        self.texts.push(Text { units: text.encode_utf16().take(32_767).collect(), ..Text::default() });
        self.uses = self.uses.saturating_add(1);
        Ok(number)
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(super) fn write(&self, to: &mut Writer) -> Result<(), Failure> {
        let count = u32::try_from(self.texts.len()).map_err(|_| damaged())?;
        let mut out = Pages { to, code: code::SST, page: Vec::new() };
        out.page.extend(self.uses.to_le_bytes());
        out.page.extend(count.to_le_bytes());
        for text in &self.texts {
            out.text(text)?;
        }
        out.turn()
    }
}

/// Fills record after record.
struct Pages<'a> {
    to: &'a mut Writer,
    code: u16,
    page: Vec<u8>,
}

impl Pages<'_> {
    fn turn(&mut self) -> Result<(), Failure> {
        self.to.put(self.code, &self.page)?;
        self.page.clear();
        self.code = code::CONTINUE;
        Ok(())
    }

    fn room(&self) -> usize {
        MAX_BODY - self.page.len()
    }

    fn text(&mut self, text: &Text) -> Result<(), Failure> {
        let narrow = is_narrow(&text.units);
        let width = if narrow { 1 } else { 2 };
        let mut flags = u8::from(!narrow);
        let mut head = Vec::with_capacity(9);
        head.extend(u16::try_from(text.units.len()).map_err(|_| damaged())?.to_le_bytes());
        head.push(0);
        if !text.runs.is_empty() {
            flags |= RICH;
            head.extend(u16::try_from(text.runs.len() / 4).map_err(|_| damaged())?.to_le_bytes());
        }
        if let Some(place) = head.get_mut(2) {
            *place = flags;
        }
        // A string begins in a record that has room for its head and a character.
        if self.room() < head.len() + width {
            self.turn()?;
        }
        self.page.append(&mut head);
        let mut rest = text.units.as_slice();
        while !rest.is_empty() {
            if self.room() < width {
                self.turn()?;
                self.page.push(u8::from(!narrow));
            }
            let (now, later) = rest.split_at((self.room() / width).min(rest.len()));
            self.page.extend(now.iter().flat_map(|unit| unit.to_le_bytes().into_iter().take(width)));
            rest = later;
        }
        for run in text.runs.chunks(4) {
            if self.room() < run.len() {
                self.turn()?;
            }
            self.page.extend_from_slice(run);
        }
        Ok(())
    }
}

/// Writes a formula's value as a String record.
pub(super) fn put_value(text: &str, to: &mut Writer) -> Result<(), Failure> {
    let text = Text { units: text.encode_utf16().take(32_767).collect(), ..Text::default() };
    let mut out = Pages { to, code: code::STRING, page: Vec::new() };
    out.text(&text)?;
    out.turn()
}

/// The string of a String record, which may go on in others.
pub(super) fn of_group(group: &Group<'_>) -> Option<String> {
    let mut pieces = Pieces::of(group);
    let head = pieces.take(3)?;
    let units = pieces.units(usize::from(u16_at(head, 0)?), *head.get(2)?)?;
    Some(String::from_utf16_lossy(&units))
}
