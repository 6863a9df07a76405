//! Old streams → new streams.
//!
//! ```text
//! WordDocument: information block │ zeros │ text where it was, zeros between │ pictures │ sections │ formatted pages
//! table:        listed structures, one after the other
//! Data:         what the text refers to
//! ```
//!
//! The text keeps its place, so that the places that formatting names stay true; all else is written anew.

use std::collections::HashMap;

use super::bytes::{Reader, broken, put, slice, u32_of, usize_of};
use super::data::Data;
use super::drawing::{self, Elsewhere};
use super::fib::{Fib, Story, Written};
use super::fields::{self, IS_DELETED, IS_INSERTED};
use super::fkp::{self, Kind, PAGE, Run};
use super::sprm::{self, Fate};
use super::text::{OBJECT, Text};
use super::{entry, lists, styles, tables};
use crate::failure::Failure;
use crate::job::Job;
use crate::report::{Removed, What};

/// Word writes no shorter streams.
const MIN_STREAM: usize = 4096;
/// Rounds of decisions on fields.
const MAX_ROUNDS: u32 = 8;

/// The streams of a document.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) word: Vec<u8>,
    pub(super) table: Vec<u8>,
    pub(super) data: Vec<u8>,
}

/// Writes the streams anew.
pub(super) fn rebuild(
    fib: &Fib,
    word: &[u8],
    table: &[u8],
    data: &[u8],
    job: &mut Job<'_>,
) -> Result<Streams, Failure> {
    let required = |index: usize, what: &str| {
        fib.structure(index, table)?.ok_or_else(|| Failure::Malformed(format!("the document has no {what}")))
    };
    let first = fib.written_length();
    let text = Text::parse(required(entry::PIECES, "text")?, word, first, fib.characters())?;
    let characters = required(entry::CHARACTERS, "formatting of characters")?;
    let characters = fkp::read(Kind::Characters, characters, word, |bytes| job.expand(bytes))?;
    let paragraphs = required(entry::PARAGRAPHS, "formatting of paragraphs")?;
    let paragraphs = fkp::read(Kind::Paragraphs, paragraphs, word, |bytes| job.expand(bytes))?;

    let mut new: Vec<Option<Vec<u8>>> = vec![None; fib.count()];
    let mut set = |index: usize, bytes: Vec<u8>| {
        if let Some(place) = new.get_mut(index) {
            *place = Some(bytes);
        }
    };
    let mut document = Document { blank: vec![false; word.len()], text, data: Data::new(data) };
    for (index, table) in document.fields(fib, table, &characters, job)? {
        set(index, table);
    }
    let characters = document.characters(&characters, job)?;
    let paragraphs = document.paragraphs(&paragraphs, job)?;

    let extent = document.text.extent();
    let base = usize_of(extent.end)?.max(first).next_multiple_of(PAGE);
    let mut elsewhere = Elsewhere { word, out: Vec::new(), base: u32_of(base)?, known: HashMap::new() };
    if let Some(drawings) = fib.structure(entry::DRAWINGS, table)? {
        set(entry::DRAWINGS, drawing::rebuild(drawings, &mut elsewhere, job)?);
    }
    let mut tail = elsewhere.out;
    if let Some(sections) = fib.structure(entry::SECTIONS, table)? {
        set(entry::SECTIONS, self::sections(sections, word, base, &mut tail, job)?);
    }
    tail.resize(tail.len().next_multiple_of(PAGE), 0);
    let mut pages = [(0, 0); 2];
    let kinds = [
        (Kind::Characters, characters, entry::CHARACTERS),
        (Kind::Paragraphs, paragraphs, entry::PARAGRAPHS),
    ];
    for ((kind, runs, index), range) in kinds.into_iter().zip(&mut pages) {
        let page = u32_of((base + tail.len()) / PAGE)?;
        let (written, plc, count) = fkp::write(kind, &runs, page)?;
        tail.extend(written);
        set(index, plc);
        *range = (page, count);
    }

    set(entry::PIECES, document.text.write(sprm::clean_shared)?);
    set(entry::STYLES, styles::rebuild(required(entry::STYLES, "styles")?)?);
    let mut levels = Vec::new();
    if let Some(bytes) = fib.open_ended(entry::LISTS, table)? {
        let (definitions, behind) = lists::definitions(bytes)?;
        set(entry::LISTS, definitions);
        levels = behind;
    }
    if let Some(bytes) = fib.open_ended(entry::LIST_USES, table)? {
        set(entry::LIST_USES, lists::uses(bytes)?);
    }
    for index in 0..fib.count() {
        let Ok(Some(old)) = fib.structure(index, table) else { continue };
        // Several may say to be the same bytes.
        job.expand(u64::try_from(old.len()).map_err(Failure::malformed)?)?;
        if let Some(copy) = tables::copy(index, old, job.options.metadata) {
            set(index, copy);
        } else if !entry::REBUILT.contains(&index)
            && let Some((what, name)) = tables::lost(index, old)
        {
            job.removed(Removed::new(what, name, 1));
        }
    }

    let is_there = |index: usize| {
        new.get(index).is_some_and(|structure| structure.as_ref().is_some_and(|s| !s.is_empty()))
    };
    for index in tables::incomplete(is_there) {
        const PLACE: &str = "notes, comments, bookmarks or boxes that are not whole";
        let structure = new.get_mut(index).and_then(Option::take).unwrap_or_default();
        // One position alone is a table of nothing.
        if structure.len() > 4 {
            job.removed(Removed::new(What::UnknownPart, PLACE, 1));
        }
    }

    let mut new_table = Vec::new();
    let mut entries = Vec::new();
    for (index, structure) in new.iter().enumerate() {
        let structure = structure.as_deref().unwrap_or_default();
        entries.push((u32_of(new_table.len())?, u32_of(structure.len())?));
        new_table.extend(structure);
        if index == entry::LISTS {
            new_table.extend(&levels);
        }
    }
    let length = (base + tail.len()).max(MIN_STREAM);
    let block = fib.write(&Written { length: u32_of(length)?, text: extent, pages, entries })?;
    let mut new_word = vec![0; base];
    put(&mut new_word, 0, &block);
    document.write_text(word, &mut new_word)?;
    new_word.extend(tail);
    let padded = |mut stream: Vec<u8>| {
        stream.resize(stream.len().max(MIN_STREAM), 0);
        stream
    };
    let data = document.data.new;
    let data = if data.is_empty() { data } else { padded(data) };
    Ok(Streams { word: padded(new_word), table: padded(new_table), data })
}

/// The text, and what becomes of it.
struct Document<'a> {
    text: Text,
    /// Characters that become hidden spaces, by their places in the stream.
    blank: Vec<bool>,
    data: Data<'a>,
}

/// What the modifiers of a run say of its characters.
#[derive(Debug, Default, Clone, Copy)]
struct Marks {
    special: bool,
    data: bool,
    object: bool,
    location: Option<u32>,
    changes: u8,
}

impl Marks {
    fn of(list: &[u8]) -> Self {
        let mut marks = Self::default();
        for prl in sprm::prls(list) {
            let change = |bit: u8, changes: u8| if prl.is_on() { changes | bit } else { changes & !bit };
            match prl.code {
                sprm::SPECIAL => marks.special = prl.is_on(),
                sprm::DATA => marks.data = prl.is_on(),
                sprm::OLE_2 | sprm::OBJECT => marks.object |= prl.is_on(),
                sprm::PICTURE_LOCATION => (marks.location, marks.special) = (Some(prl.long()), true),
                sprm::DELETED => marks.changes = change(IS_DELETED, marks.changes),
                sprm::INSERTED => marks.changes = change(IS_INSERTED, marks.changes),
                _ => {}
            }
        }
        marks
    }
}

impl Document<'_> {
    /// Decides on all fields; gives the new tables of fields.
    fn fields(
        &mut self,
        fib: &Fib,
        table: &[u8],
        runs: &[Run],
        job: &mut Job<'_>,
    ) -> Result<Vec<(usize, Vec<u8>)>, Failure> {
        let mut changes = vec![0; self.text.units.len()];
        for run in runs {
            let marks = Marks::of(&run.properties);
            for (positions, ..) in
                self.text.within(&(run.start..run.end)).into_iter().filter(|_| marks.changes != 0)
            {
                let range = usize_of(positions.start)?..usize_of(positions.end)?;
                changes.get_mut(range).unwrap_or_default().fill(marks.changes);
            }
        }
        // Pieces that share characters may make a field of what another decision has left.
        for _ in 0..MAX_ROUNDS {
            let mut tables = Vec::new();
            let mut is_done = true;
            for story in Story::ALL {
                let (index, name) = entry::fields(story);
                let positions = fib.story(story);
                let declared = fields::declared(fib.structure(index, table)?.unwrap_or_default(), &positions);
                let decided = fields::decide(&self.text, &positions, &declared, &changes, job.options)?;
                for what in decided.refused {
                    job.removed(Removed::new(what, name, 1));
                }
                is_done &= decided.blank.is_empty();
                decided.blank.into_iter().flatten().for_each(|position| self.set_blank(position));
                tables.extend(decided.table.map(|table| (index, table)));
            }
            if is_done {
                return Ok(tables);
            }
            self.read_blanks();
        }
        Err(broken("the fields of the document depend on each other"))
    }

    fn set_blank(&mut self, position: u32) {
        if let Some(blank) = self.text.place(position).and_then(|at| self.blank.get_mut(at)) {
            *blank = true;
        }
    }

    /// Puts the spaces into the text.
    fn read_blanks(&mut self) {
        let units: Vec<u16> = self
            .text
            .places()
            .zip(&self.text.units)
            .map(|((at, _), unit)| if self.is_blank_at(at) { u16::from(b' ') } else { *unit })
            .collect();
        self.text.units = units;
    }

    fn is_blank_at(&self, at: u32) -> bool {
        usize::try_from(at).ok().and_then(|at| self.blank.get(at)).copied().unwrap_or(true)
    }

    fn is_blank(&self, position: u32) -> bool {
        self.text.place(position).and_then(|at| self.blank.get(at)).copied().unwrap_or(true)
    }

    /// The formatting of characters anew, cut where blanked characters begin and end.
    fn characters(&mut self, runs: &[Run], job: &mut Job<'_>) -> Result<Vec<Run>, Failure> {
        let mut new: Vec<Run> = Vec::new();
        for run in runs {
            let spans = self.text.within(&(run.start..run.end));
            let positions = || spans.iter().flat_map(|(positions, ..)| positions.clone());
            let marks = Marks::of(&run.properties);
            let objects: Vec<u32> =
                positions().filter(|&at| self.text.unit(at) == OBJECT && !self.is_blank(at)).collect();
            let mut location = None;
            let has_objects = !objects.is_empty();
            if marks.special && !objects.is_empty() {
                location = self.object(marks, job)?;
                if location.is_none() {
                    objects.into_iter().for_each(|position| self.set_blank(position));
                }
            }
            let shown = sprm::clean(&run.properties, |prl| match (prl.code, location) {
                (sprm::PICTURE_LOCATION, Some(location)) => Fate::Place(location),
                (sprm::PICTURE_LOCATION, None) if prl.long() == 0 && !has_objects => Fate::Place(0),
                _ => Fate::ByList,
            });
            // Whose data it is goes with the location.
            let shown = match location {
                Some(_) if marks.data => [&data_mark(), shown.as_slice()].concat(),
                _ => shown,
            };
            let mut start = run.start;
            for (bytes, blank) in self.parts(&spans) {
                if blank {
                    new.push(Run { start, end: bytes.start, properties: shown.clone() });
                    new.push(Run { start: bytes.start, end: bytes.end, properties: hidden(&run.properties) });
                    start = bytes.end;
                }
            }
            new.push(Run { start, end: run.end, properties: shown });
        }
        new.retain(|run| run.start < run.end);
        // Nothing is said of bytes that are no text.
        for run in &mut new {
            if self.text.within(&(run.start..run.end)).is_empty() {
                run.properties.clear();
            }
        }
        Ok(new)
    }

    /// The new place of what an object character stands for; `None`: it may not stay.
    fn object(&mut self, marks: Marks, job: &mut Job<'_>) -> Result<Option<u32>, Failure> {
        match marks.location {
            Some(_) if marks.object => {
                job.removed(Removed::new(What::EmbeddedObject, "object in the text", 1));
                Ok(None)
            }
            Some(at) if marks.data => self.data.form(at, job),
            Some(at) => self.data.picture(at, job),
            None => Ok(None),
        }
    }

    /// Parts of the stream in order, each blanked as a whole or not at all.
    fn parts(&self, spans: &[(std::ops::Range<u32>, u32, u32)]) -> Vec<(std::ops::Range<u32>, bool)> {
        let characters = |(positions, at, width): &(std::ops::Range<u32>, u32, u32)| {
            let (at, width) = (*at, *width);
            (0..positions.end - positions.start).map(move |index| (at + index * width, width))
        };
        let mut characters: Vec<(u32, u32)> = spans.iter().flat_map(characters).collect();
        characters.sort_unstable();
        characters.dedup();
        let mut parts: Vec<(std::ops::Range<u32>, bool)> = Vec::new();
        for (at, width) in characters {
            let blank = self.is_blank_at(at);
            match parts.last_mut() {
                Some((bytes, known)) if *known == blank && bytes.end == at => bytes.end += width,
                _ => parts.push((at..at + width, blank)),
            }
        }
        parts
    }

    /// The formatting of paragraphs anew.
    fn paragraphs(&mut self, runs: &[Run], job: &mut Job<'_>) -> Result<Vec<Run>, Failure> {
        let mut new = Vec::new();
        for run in runs {
            let is_live = !self.text.within(&(run.start..run.end)).is_empty();
            let (style, list) = run.properties.split_at_checked(2).unwrap_or_default();
            let mut properties = style.to_vec();
            for prl in sprm::prls(list) {
                let place = match prl.code {
                    sprm::DELETED | sprm::INSERTED => continue,
                    sprm::HUGE_PARAGRAPH | sprm::HUGE_PARAGRAPH_OLD | sprm::TABLE_PROPERTIES if is_live => {
                        self.data.modifiers(prl.long(), job)?
                    }
                    _ => None,
                };
                properties.extend(sprm::clean(prl.whole, |_| place.map_or(Fate::ByList, Fate::Place)));
            }
            if !is_live {
                properties.clear();
            }
            new.push(Run { start: run.start, end: run.end, properties });
        }
        Ok(new)
    }

    /// Copies the text; blanked characters become spaces.
    fn write_text(&self, old: &[u8], new: &mut [u8]) -> Result<(), Failure> {
        for piece in &self.text.pieces {
            let bytes = piece.bytes();
            let at = usize_of(bytes.start)?;
            put(new, at, slice(old, at, usize_of(bytes.end)? - at)?);
            let space: &[u8] = if piece.wide { &[0x20, 0] } else { &[0x20] };
            for (index, position) in piece.characters.clone().enumerate() {
                if self.is_blank(position) {
                    put(new, at + index * space.len(), space);
                }
            }
        }
        Ok(())
    }
}

fn data_mark() -> [u8; 3] {
    let [low, high] = sprm::DATA.to_le_bytes();
    [low, high, 1]
}

/// The formatting of blanked characters: hidden, and not special.
fn hidden(list: &[u8]) -> Vec<u8> {
    const LONGEST: usize = 255;
    let [low, high] = sprm::HIDDEN.to_le_bytes();
    let mut list = sprm::clean(list, |prl| match prl.code {
        sprm::SPECIAL | sprm::HIDDEN => Fate::Drop,
        _ => Fate::ByList,
    });
    if list.len() + 3 > LONGEST {
        list.clear();
    }
    list.extend([low, high, 1]);
    list
}

/// The table of sections, and their formatting, which goes to the end of `tail`, at `base` of the stream.
fn sections(
    plc: &[u8],
    word: &[u8],
    base: usize,
    tail: &mut Vec<u8>,
    job: &mut Job<'_>,
) -> Result<Vec<u8>, Failure> {
    const ENTRY: usize = 12;
    const NONE: u32 = 0xffff_ffff;
    let positions = tables::texts(plc, ENTRY).ok_or_else(|| broken("the table of sections is damaged"))?;
    let entries = plc.get(4 * positions.len()..).unwrap_or_default();
    let mut out: Vec<u8> = positions.iter().flat_map(|position| position.to_le_bytes()).collect();
    let mut known = HashMap::new();
    for entry in entries.chunks_exact(ENTRY) {
        let mut reader = Reader::new(entry);
        let (head, mut place) = (reader.u16()?, reader.u32()?);
        if let Some(known) = known.get(&place) {
            place = *known;
        } else if place != NONE {
            let old = place;
            let mut section = Reader::new(word.get(usize_of(place)?..).unwrap_or_default());
            let length = section.u16()?;
            job.expand(length.into())?;
            let list = sprm::clean_shared(section.take(length.into())?);
            tail.resize(tail.len().next_multiple_of(2), 0);
            place = u32_of(base + tail.len())?;
            tail.extend(u16::try_from(list.len()).map_err(Failure::malformed)?.to_le_bytes());
            tail.extend(list);
            known.insert(old, place);
        }
        out.extend(head.to_le_bytes());
        out.extend(place.to_le_bytes());
        out.extend([0, 0]);
        out.extend(NONE.to_le_bytes());
    }
    Ok(out)
}
