//! Formatted pages (MS-DOC 2.9.34, 2.9.175): 512 bytes that give properties to runs of the WordDocument stream.
//!
//! ```text
//! offsets of runs: (n + 1) × 4 │ n × 1 (characters) or n × 13 (paragraphs) │ zeros │ … properties │ n
//!                                    └ where the properties are, in words ───────────▲
//! ```
//!
//! Pages are written anew, so nothing is left in the gaps of old ones.

use std::collections::{HashMap, HashSet};

use super::bytes::{Reader, broken, put, slice, u32_of, usize_of};
use crate::failure::Failure;

pub(super) const PAGE: usize = 512;
/// Length of a paragraph's entry: one byte and a cached height that is left 0.
const PARAGRAPH_ENTRY: usize = 13;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Characters,
    Paragraphs,
}

impl Kind {
    fn entry(self) -> usize {
        if self == Self::Characters { 1 } else { PARAGRAPH_ENTRY }
    }
}

/// Properties of a part of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Of characters: modifiers. Of paragraphs: number of the style, 2 bytes, and modifiers. Empty: nothing.
    pub(super) properties: Vec<u8>,
}

/// All runs of one kind. `plc`: which page is for which part of the stream. `charge` is told the bytes that a page comes to.
pub(super) fn read(
    kind: Kind,
    plc: &[u8],
    word: &[u8],
    mut charge: impl FnMut(u64) -> Result<(), Failure>,
) -> Result<Vec<Run>, Failure> {
    let count = plc.len().checked_sub(4).filter(|length| length % 8 == 0).map(|length| length / 8);
    let count = count.ok_or_else(|| broken("a table of formatting is damaged"))?;
    let mut numbers = Reader::new(plc.get(4 * (count + 1)..).unwrap_or_default());
    let mut runs: Vec<Run> = Vec::new();
    let mut seen = HashSet::new();
    for _ in 0..count {
        let number = usize_of(numbers.u32()? & 0x3f_ffff)?;
        if !seen.insert(number) {
            return Err(broken("a page of formatting is there twice"));
        }
        let known = runs.len();
        read_page(kind, slice(word, number.saturating_mul(PAGE), PAGE)?, &mut runs)?;
        let new = runs.iter().skip(known).map(|run| size_of::<Run>() + run.properties.len());
        charge(u64::try_from(new.sum::<usize>()).map_err(Failure::malformed)?)?;
        if runs.last().is_some_and(|run| usize_of(run.end).is_ok_and(|end| end > word.len())) {
            return Err(broken("formatting is for what lies behind the stream"));
        }
    }
    Ok(runs)
}

fn read_page(kind: Kind, page: &[u8], runs: &mut Vec<Run>) -> Result<(), Failure> {
    let count = usize::from(page.last().copied().unwrap_or_default());
    let body = page.get(..PAGE - 1).unwrap_or_default();
    let entries_at = 4 * (count + 1);
    let entries = slice(body, entries_at, count * kind.entry())?;
    let mut offsets = Reader::new(slice(body, 0, entries_at)?);
    let mut start = offsets.u32()?;
    for entry in entries.chunks_exact(kind.entry()) {
        let end = offsets.u32()?;
        let known = runs.last().map_or(0, |run| run.end);
        let run = Run { start: start.max(known), end, properties: properties(kind, entry, body)? };
        if run.start < run.end {
            runs.push(run);
        }
        start = end;
    }
    Ok(())
}

fn properties(kind: Kind, entry: &[u8], body: &[u8]) -> Result<Vec<u8>, Failure> {
    let at = 2 * usize::from(entry.first().copied().unwrap_or_default());
    if at == 0 {
        return Ok(Vec::new());
    }
    let mut reader = Reader::new(body.get(at..).unwrap_or_default());
    let length = match (kind, usize::from(reader.u8()?)) {
        (Kind::Characters, length) => length,
        (Kind::Paragraphs, 0) => 2 * usize::from(reader.u8()?),
        (Kind::Paragraphs, words) => 2 * words - 1,
    };
    reader.take(length).map(<[u8]>::to_vec)
}

/// The pages, the table of them, and how many they are. `first`: number of the first page.
pub(super) fn write(kind: Kind, runs: &[Run], first: u32) -> Result<(Vec<u8>, Vec<u8>, u32), Failure> {
    let mut pages = Vec::new();
    let mut starts = Vec::new();
    let mut page = Page::new(kind);
    let mut end = 0;
    for run in filled(runs) {
        if !page.add(&run) {
            starts.push(page.start());
            page.finish(&mut pages)?;
            page = Page::new(kind);
            if !page.add(&run) {
                return Err(broken("formatting is longer than a page"));
            }
        }
        end = run.end;
    }
    if !page.runs.is_empty() || starts.is_empty() {
        starts.push(page.start());
        page.finish(&mut pages)?;
    }
    let count = u32_of(starts.len())?;
    let mut plc: Vec<u8> = starts.iter().chain([&end]).flat_map(|start| start.to_le_bytes()).collect();
    plc.extend((first..first + count).flat_map(u32::to_le_bytes));
    Ok((pages, plc, count))
}

/// The runs without gaps; neighbours with the same character properties stay apart, as paragraphs must.
fn filled(runs: &[Run]) -> impl Iterator<Item = Run> {
    let mut known = runs.first().map_or(0, |run| run.start);
    runs.iter().flat_map(move |run| {
        let gap = Run { start: known, end: run.start, properties: Vec::new() };
        known = run.end;
        [Some(gap).filter(|gap| gap.start < gap.end), Some(run.clone())].into_iter().flatten()
    })
}

/// A page being filled.
struct Page {
    kind: Kind,
    /// Start, end, and place of the properties in words.
    runs: Vec<(u32, u32, u8)>,
    bytes: [u8; PAGE],
    /// Where the properties begin.
    floor: usize,
    known: HashMap<Vec<u8>, u8>,
}

impl Page {
    fn new(kind: Kind) -> Self {
        Self { kind, runs: Vec::new(), bytes: [0; PAGE], floor: PAGE - 1, known: HashMap::new() }
    }

    fn start(&self) -> u32 {
        self.runs.first().map_or(0, |(start, _, _)| *start)
    }

    /// Whether the run has found room.
    fn add(&mut self, run: &Run) -> bool {
        let count = self.runs.len() + 1;
        let head = 4 * (count + 1) + count * self.kind.entry();
        let Some(record) = self.record(&run.properties) else { return false };
        let (place, floor) = match self.known.get(&record) {
            _ if record.is_empty() => (0, self.floor),
            Some(&place) => (place, self.floor),
            None => {
                let Some(floor) = self.floor.checked_sub(record.len()).map(|floor| floor & !1) else {
                    return false;
                };
                (u8::try_from(floor / 2).unwrap_or_default(), floor)
            }
        };
        if head > floor || count > 255 {
            return false;
        }
        if floor < self.floor {
            put(&mut self.bytes, floor, &record);
            self.floor = floor;
            self.known.insert(record, place);
        }
        self.runs.push((run.start, run.end, place));
        true
    }

    /// The properties with their length; `None`: longer than any may be.
    fn record(&self, properties: &[u8]) -> Option<Vec<u8>> {
        if properties.is_empty() {
            return Some(Vec::new());
        }
        let mut record = match (self.kind, properties.len() % 2) {
            (Kind::Characters, _) => vec![u8::try_from(properties.len()).ok()?],
            (Kind::Paragraphs, 0) => vec![0, u8::try_from(properties.len() / 2).ok()?],
            (Kind::Paragraphs, _) => vec![u8::try_from(properties.len().div_ceil(2)).ok()?],
        };
        record.extend(properties);
        Some(record)
    }

    fn finish(mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        let count = self.runs.len();
        let mut at = 0;
        let ends = self.runs.last().map(|(_, end, _)| *end);
        for offset in self.runs.iter().map(|(start, _, _)| *start).chain(ends) {
            put(&mut self.bytes, at, &offset.to_le_bytes());
            at += 4;
        }
        for (_, _, place) in &self.runs {
            put(&mut self.bytes, at, &[*place]);
            at += self.kind.entry();
        }
        put(&mut self.bytes, PAGE - 1, &[u8::try_from(count).map_err(Failure::malformed)?]);
        out.extend(self.bytes);
        Ok(())
    }
}
