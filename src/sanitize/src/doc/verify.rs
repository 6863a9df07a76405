//! The proof: the new file is read from scratch, and what must be gone is searched for by lists of its own.
//!
//! Three things together: writing anew what is read gives the same bytes; every byte that no structure accounts for is 0; and
//! in the text, the formatting, the drawings and the Data stream nothing is found that fetches, runs or embeds.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use super::bytes::{slice, u32_at, usize_of};
use super::fib::{Fib, Story, Written};
use super::fkp::{self, Kind, PAGE, Run};
use super::text::{FIELD_BEGIN, FIELD_END, FIELD_SEPARATOR, Text};
use super::{CLASS, DATA, WORD, data, entry, fields, lists, sprm, styles, tables};
use crate::compound::{self, Compound};
use crate::failure::Failure;
use crate::format::Format;
use crate::job::Job;
use crate::markup::link::may_lead_to;
use crate::office_art::{Record, Records, is_dangerous, is_picture};
use crate::options::{Links, Metadata};
use crate::summary;

/// Structures of the table stream that may be there, by the number of their pair.
const STRUCTURES: &[usize] = &[
    1, 2, 3, 4, 5, 6, 11, 12, 13, 15, 16, 17, 18, 19, 21, 22, 23, 31, 33, 36, 37, 40, 41, 42, 43, 46, 47, 48,
    50, 51, 56, 57, 58, 59, 73, 74, 75, 76, 91,
];

/// Keywords of fields that fetch, run, embed, or hide another keyword.
const KEYWORDS: &[&str] = &[
    "DDE",
    "DDEAUTO",
    "INCLUDE",
    "INCLUDETEXT",
    "INCLUDEPICTURE",
    "LINK",
    "IMPORT",
    "RD",
    "DATABASE",
    "DATA",
    "CONTROL",
    "HTMLCONTROL",
    "HTMLACTIVEX",
    "AUTOEXEC",
    "EMBED",
    "MACROBUTTON",
    "PRINT",
    "ADDIN",
    "PRIVATE",
    "QUOTE",
    "GLOSSARY",
];

/// The same as types (MS-DOC 2.9.90).
const TYPES: [u8; 17] =
    [0x0b, 0x23, 0x24, 0x28, 0x2d, 0x2e, 0x2f, 0x30, 0x33, 0x37, 0x38, 0x3a, 0x43, 0x44, 0x4e, 0x57, 0x5b];

/// Modifiers that make an object of a character, or contain others.
const MODIFIERS: [u16; 4] = [0x080a, 0x0856, 0x680e, 0xca47];

/// Proves a rebuilt document.
pub(crate) fn verify(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<(), Failure> {
    search(bytes, job).map_err(|failure| match failure {
        Failure::Unproved(problem) => Failure::Unproved(problem),
        other => Failure::Unproved(other.to_string()),
    })
}

fn search(bytes: &[u8], job: &mut Job<'_>) -> Result<(), Failure> {
    let file = Compound::parse(bytes, job)?;
    if file.unreachable != compound::Unreachable::default() || !file.root.storages.is_empty() {
        return unproved("something lies beside the streams");
    }
    let word = file.root.stream(WORD)?.unwrap_or_default();
    let fib = Fib::parse(word)?;
    for stream in &file.root.streams {
        let is_kept = match stream.name.as_str() {
            WORD | DATA => true,
            summary::STREAM => {
                job.options.metadata == Metadata::Keep
                    && summary::rewritten(&stream.bytes).as_deref() == Some(&*stream.bytes)
            }
            name => name == fib.table_name(),
        };
        if !is_kept {
            return unproved("there is another stream");
        }
    }
    if file.root.class != CLASS || fib.has_glossary {
        return unproved("the document is more than one");
    }
    let table = file.root.stream(fib.table_name())?.unwrap_or_default();
    let data = file.root.stream(DATA)?.unwrap_or_default();
    let (metadata, links) = (job.options.metadata, job.options.links);
    Proof { fib, word, table, data, metadata, links }.all(job)
}

struct Proof<'a> {
    fib: Fib,
    word: &'a [u8],
    table: &'a [u8],
    data: &'a [u8],
    metadata: Metadata,
    links: Links,
}

impl Proof<'_> {
    fn all(&self, job: &mut Job<'_>) -> Result<(), Failure> {
        let entries = self.structures()?;
        let first = self.fib.written_length();
        let text = Text::parse(self.required(entry::PIECES)?, self.word, first, self.fib.characters())?;
        if text.write(sprm::clean_shared)? != self.required(entry::PIECES)? {
            return unproved("the pieces of the text say more than they should");
        }
        let mut word = Cover::new();
        word.add(0..first);
        let mut pieces: Vec<Range<u32>> = text.pieces.iter().map(super::text::Piece::bytes).collect();
        pieces.sort_unstable_by_key(|bytes| bytes.start);
        for bytes in pieces {
            word.add(usize_of(bytes.start)?..usize_of(bytes.end)?);
        }
        self.fields(&text)?;

        let mut data = Cover::new();
        let characters = self.pages(Kind::Characters, entry::CHARACTERS, &mut word)?;
        let paragraphs = self.pages(Kind::Paragraphs, entry::PARAGRAPHS, &mut word)?;
        for run in &characters.0 {
            self.characters(run, &text, &mut data, job)?;
        }
        for run in &paragraphs.0 {
            self.paragraphs(run, &mut data)?;
        }
        data.prove(self.data, true)?;
        if let Some(drawings) = self.structure(entry::DRAWINGS)? {
            self.drawings(drawings, &mut word, job)?;
        }
        self.sections(&mut word)?;
        word.prove(self.word, false)?;

        let written = Written {
            length: u32::try_from(self.word.len()).map_err(Failure::malformed)?,
            text: text.extent(),
            pages: [characters.1, paragraphs.1],
            entries,
        };
        match self.word.get(..first) == Some(&self.fib.write(&written)?) {
            true => Ok(()),
            false => unproved("the information block says more than it should"),
        }
    }

    fn structure(&self, index: usize) -> Result<Option<&[u8]>, Failure> {
        self.fib.structure(index, self.table)
    }

    fn required(&self, index: usize) -> Result<&[u8], Failure> {
        self.structure(index)?.ok_or_else(|| Failure::Unproved("a structure is missing".to_owned()))
    }

    /// The structures of the table stream follow each other in order and are as they would be written.
    fn structures(&self) -> Result<Vec<(u32, u32)>, Failure> {
        let mut entries = Vec::new();
        let mut expected = Vec::new();
        for index in 0..self.fib.count() {
            let structure = self.structure(index)?;
            if structure.is_some() && !STRUCTURES.contains(&index) {
                return unproved(&format!("there is a structure of kind {index}"));
            }
            let at = u32::try_from(expected.len()).map_err(Failure::malformed)?;
            let structure = structure.unwrap_or_default();
            let mut behind = Vec::new();
            let mut is_same = true;
            if !structure.is_empty() {
                let open_ended = self.fib.open_ended(index, self.table)?.unwrap_or_default();
                is_same = match index {
                    entry::STYLES => styles::rebuild(structure)? == structure,
                    entry::LISTS => {
                        let (definitions, levels) = lists::definitions(open_ended)?;
                        behind = levels;
                        definitions == structure
                    }
                    entry::LIST_USES => lists::uses(open_ended)? == structure,
                    index if entry::REBUILT.contains(&index) => true,
                    index => tables::copy(index, structure, self.metadata).as_deref() == Some(structure),
                };
            }
            if !is_same {
                return unproved(&format!("the structure of kind {index} says more than it should"));
            }
            entries.push((at, u32::try_from(structure.len()).map_err(Failure::malformed)?));
            expected.extend(structure);
            expected.extend(behind);
        }
        let is_there = |index| self.structure(index).is_ok_and(|structure| structure.is_some());
        if !tables::incomplete(is_there).is_empty() {
            return unproved("structures are there without others that they need");
        }
        let (there, behind) = self.table.split_at_checked(expected.len()).unwrap_or_default();
        match there == expected && behind.iter().all(|&byte| byte == 0) {
            true => Ok(entries),
            false => unproved("there are bytes between the structures"),
        }
    }

    /// No field in the text, declared or not, does what it may not.
    fn fields(&self, text: &Text) -> Result<(), Failure> {
        for (begin, _) in text.units.iter().enumerate().filter(|(_, unit)| **unit == FIELD_BEGIN) {
            let rest = text.units.get(begin + 1..).unwrap_or_default();
            let end = rest.iter().position(|unit| matches!(*unit, FIELD_SEPARATOR | FIELD_END));
            let units = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            instruction(&String::from_utf16_lossy(units), self.links)?;
        }
        // However the bytes are read.
        let extent = text.extent();
        let bytes = slice(self.word, usize_of(extent.start)?, usize_of(extent.end - extent.start)?)?;
        for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| u16::from(**byte) == FIELD_BEGIN) {
            for step in [1, 2] {
                let units = bytes.iter().skip(at + step).step_by(step).take(64);
                keyword(&units.map(|byte| char::from(*byte)).collect::<String>())?;
            }
        }
        for story in Story::ALL {
            let (index, _) = entry::fields(story);
            let Some(plc) = self.structure(index)? else { continue };
            let declared = fields::declared(plc, &self.fib.story(story));
            let is_begin = |kind: u16| kind == FIELD_BEGIN;
            if declared.iter().any(|(at, (kind, _))| text.unit(*at) != *kind) {
                return unproved("a field is declared where none is");
            }
            if declared.values().any(|(kind, value)| is_begin(*kind) && TYPES.contains(value)) {
                return unproved("a field is declared to be what may not be");
            }
            if declared.len() * 6 + 4 != plc.len() {
                return unproved("a field is declared twice");
            }
        }
        Ok(())
    }

    /// The runs of all pages of one kind, and which pages they are.
    fn pages(&self, kind: Kind, index: usize, word: &mut Cover) -> Result<(Vec<Run>, (u32, u32)), Failure> {
        let plc = self.required(index)?;
        let count = plc.len().saturating_sub(4) / 8;
        let first = u32_at(plc, 4 * (count + 1))?;
        let runs = fkp::read(kind, plc, self.word, |_| Ok(()))?;
        let (pages, table, count) = fkp::write(kind, &runs, first)?;
        let at = usize_of(first)?.saturating_mul(PAGE);
        if slice(self.word, at, pages.len())? != pages || table != plc {
            return unproved("formatting says more than it should");
        }
        word.add(at..at + pages.len());
        Ok((runs, (first, count)))
    }

    fn characters(
        &self,
        run: &Run,
        text: &Text,
        cover: &mut Cover,
        job: &mut Job<'_>,
    ) -> Result<(), Failure> {
        let mut location = None;
        let mut is_data = false;
        for prl in sprm::prls(&run.properties) {
            if MODIFIERS.contains(&prl.code) {
                return unproved("a character is an object");
            }
            match prl.code {
                sprm::PICTURE_LOCATION => location = Some(prl.long()),
                sprm::DATA => is_data = prl.is_on(),
                code if sprm::LISTED.binary_search(&code).is_ok() => {}
                _ => return unproved("a character has a property that is not known"),
            }
        }
        let Some(at) = location else { return Ok(()) };
        let at = usize_of(at)?;
        // Nothing stands for anything.
        if at == 0 && !text.has_object(&(run.start..run.end)) {
            return Ok(());
        }
        let whole = slice(self.data, at, usize_of(u32_at(self.data, at)?)?)?;
        cover.add_again(at..at + whole.len());
        if is_data {
            return match data::form(whole)?.as_deref() == Some(whole) {
                true => Ok(()),
                false => unproved("a form field says more than it should"),
            };
        }
        if whole.get(4..8) != Some(&[68, 0, 0x64, 0]) {
            return unproved("a picture in the text is of another kind");
        }
        self.records(whole.get(68..).unwrap_or_default(), None, job)
    }

    fn paragraphs(&self, run: &Run, cover: &mut Cover) -> Result<(), Failure> {
        for prl in sprm::prls(run.properties.get(2..).unwrap_or_default()) {
            match prl.code {
                sprm::HUGE_PARAGRAPH | sprm::HUGE_PARAGRAPH_OLD | sprm::TABLE_PROPERTIES => {
                    let at = usize_of(prl.long())?;
                    let length = usize::from(super::bytes::u16_at(self.data, at)?);
                    let list = slice(self.data, at.saturating_add(2), length)?;
                    if sprm::clean_shared(list) != list {
                        return unproved("formatting says more than it should");
                    }
                    cover.add_again(at..at + 2 + length);
                }
                sprm::DELETED | sprm::INSERTED => return unproved("a paragraph hides a part of a field"),
                code if sprm::LISTED.binary_search(&code).is_ok() && !MODIFIERS.contains(&code) => {}
                _ => return unproved("a paragraph has a property that is not known"),
            }
        }
        Ok(())
    }

    fn sections(&self, word: &mut Cover) -> Result<(), Failure> {
        let Some(plc) = self.structure(entry::SECTIONS)? else { return Ok(()) };
        let entries = 4 * (plc.len().saturating_sub(4) / 16 + 1);
        let is_sound = tables::texts(plc, 12).is_some_and(|positions| {
            let positions: Vec<u8> = positions.iter().flat_map(|position| position.to_le_bytes()).collect();
            plc.starts_with(&positions)
        });
        if !is_sound {
            return unproved("the sections are out of order");
        }
        for entry in plc.get(entries..).unwrap_or_default().as_chunks::<12>().0 {
            let at = u32_at(entry.as_slice(), 2)?;
            if at == u32::MAX {
                continue;
            }
            let at = usize_of(at)?;
            let length = usize::from(super::bytes::u16_at(self.word, at)?);
            let list = slice(self.word, at.saturating_add(2), length)?;
            if sprm::clean_shared(list) != list || entry.get(6..) != Some(&[0, 0, 0xff, 0xff, 0xff, 0xff]) {
                return unproved("a section says more than it should");
            }
            word.add(at..at + 2 + length);
        }
        Ok(())
    }

    fn drawings(&self, drawings: &[u8], word: &mut Cover, job: &mut Job<'_>) -> Result<(), Failure> {
        let (_, mut rest) = Record::parse(drawings)?;
        self.records(drawings.get(..drawings.len() - rest.len()).unwrap_or_default(), Some(word), job)?;
        while let Some((_, drawing)) = rest.split_first() {
            let (_, behind) = Record::parse(drawing)?;
            self.records(drawing.get(..drawing.len() - behind.len()).unwrap_or_default(), None, job)?;
            rest = behind;
        }
        Ok(())
    }

    /// Records and all that is in them. `word`: pictures may lie in the WordDocument stream.
    fn records(
        &self,
        records: &[u8],
        mut word: Option<&mut Cover>,
        job: &mut Job<'_>,
    ) -> Result<(), Failure> {
        let mut levels = vec![(Records(records), HashSet::new())];
        while let Some((records, seen)) = levels.last_mut() {
            let Some(record) = records.next() else {
                if !records.0.is_empty() {
                    return unproved("there are bytes behind the last drawing record");
                }
                levels.pop();
                continue;
            };
            let record = record?;
            match record.kind {
                0xf006 | 0xf008 | 0xf118 | 0xf11a | 0xf11e if !seen.insert(record.kind) => {
                    return unproved("a drawing record is there twice");
                }
                0xf00a if record.u32_at(4).is_none_or(|flags| flags & 0x10 != 0) => {
                    return unproved("a shape is an object");
                }
                0xf00b | 0xf121 | 0xf122 if is_dangerous(&record) => {
                    return unproved("a shape has a property that fetches or runs something");
                }
                0xf007 => self.picture(&record, word.as_deref_mut(), job)?,
                0xf000..=0xf005 | 0xf006..=0xf012 | 0xf014 | 0xf017 | 0xf118..=0xf122 => {}
                _ => return unproved("there is a drawing record of an unknown kind"),
            }
            if record.version == 0xf {
                levels.push((record.children(), HashSet::new()));
            }
        }
        Ok(())
    }

    /// An entry of a list of pictures, and its picture.
    fn picture(
        &self,
        entry: &Record<'_>,
        word: Option<&mut Cover>,
        job: &mut Job<'_>,
    ) -> Result<(), Failure> {
        let size = usize_of(entry.u32_at(20).unwrap_or_default())?;
        let at = entry.u32_at(28).unwrap_or_default();
        let whole = match (entry.body.len(), word) {
            (36, _) if size == 0 && at == u32::MAX => return Ok(()),
            (36, Some(word)) => {
                let at = usize_of(at)?;
                word.add(at..at.saturating_add(size));
                slice(self.word, at, size)?
            }
            (length, None) if length == 36 + size => slice(entry.body, 36, size)?,
            _ => return unproved("an entry of a list of pictures says more than it should"),
        };
        let (picture, behind) = Record::parse(whole)?;
        match behind.is_empty() {
            true => is_picture(&picture, job),
            false => unproved("there are bytes behind a picture"),
        }
    }
}

/// A field's whole instruction, nested fields included.
fn instruction(instruction: &str, links: Links) -> Result<(), Failure> {
    keyword(instruction)?;
    let is_never = |word: &str| ["DDE", "DDEAUTO"].iter().any(|never| word.eq_ignore_ascii_case(never));
    let words = instruction.trim_start();
    let Some(link) = words.get(..9).filter(|word| word.eq_ignore_ascii_case("HYPERLINK")) else {
        let quotes = ["REF", "PAGEREF", "TOC", "XE", "TC", "TA", "SEQ"];
        let first = words.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let may_quote = quotes.iter().any(|word| first.eq_ignore_ascii_case(word));
        return match !may_quote && instruction.split(|c: char| !c.is_ascii_alphanumeric()).any(is_never) {
            true => unproved("a field runs a program"),
            false => Ok(()),
        };
    };
    match words.get(link.len()..).is_some_and(|arguments| is_safe_link(arguments, links)) {
        true => Ok(()),
        false => unproved("a field links to something that no link may lead to"),
    }
}

/// Whether everything among a link's arguments that is not a switch's own is a place in the document, or an address of the
/// web or mail where such links are kept.
fn is_safe_link(arguments: &str, links: Links) -> bool {
    const QUOTES: [char; 4] = ['"', '\u{201c}', '\u{201d}', '\u{201e}'];
    const WITH_ARGUMENT: &str = "lots*";
    // What a field in it would come to is not known.
    if arguments.contains(char::from(0x13)) {
        return false;
    }
    let mut is_switch_argument = false;
    let mut has_address = false;
    let mut is_local = false;
    let mut rest = arguments.trim_start_matches(is_space);
    while let Some(first) = rest.chars().next() {
        if first == '\\' && !rest.starts_with("\\\\") {
            let switch = rest.chars().nth(1).unwrap_or(' ').to_ascii_lowercase();
            is_switch_argument = WITH_ARGUMENT.contains(switch);
            is_local |= switch == 'l';
            rest = rest.get(1..).unwrap_or_default();
            rest = rest.get(rest.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
        } else {
            let is_quoted = QUOTES.contains(&first);
            let body = rest.get(if is_quoted { first.len_utf8() } else { 0 }..).unwrap_or_default();
            let end = body.find(|c| if is_quoted { QUOTES.contains(&c) } else { is_space(c) });
            let (argument, behind) = body.split_at(end.unwrap_or(body.len()));
            if !std::mem::take(&mut is_switch_argument) && !argument.is_empty() {
                if !argument.starts_with('#') && !may_lead_to(argument, links) {
                    return false;
                }
                has_address = true;
            }
            rest = behind.strip_prefix(|c| is_quoted && QUOTES.contains(&c)).unwrap_or(behind);
        }
        rest = rest.trim_start_matches(is_space);
    }
    has_address || is_local
}

/// White space, and what stands for something else than a letter.
fn is_space(c: char) -> bool {
    c.is_whitespace() || c == char::from(1)
}

/// What follows the beginning of a field.
fn keyword(text: &str) -> Result<(), Failure> {
    let text =
        text.trim_start_matches(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\\'));
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    let word = text.get(..end).unwrap_or_default();
    match KEYWORDS.iter().any(|keyword| word.eq_ignore_ascii_case(keyword)) {
        true => unproved("a field fetches or runs something"),
        false => Ok(()),
    }
}

/// Parts of a stream that structures account for.
struct Cover {
    /// Ends by starts.
    parts: BTreeMap<usize, usize>,
    overlaps: bool,
}

impl Cover {
    fn new() -> Self {
        Self { parts: BTreeMap::new(), overlaps: false }
    }

    fn add(&mut self, part: Range<usize>) {
        if part.is_empty() {
            return;
        }
        let end = self.parts.entry(part.start).or_insert(part.end);
        *end = part.end.max(*end);
    }

    /// A part that several may refer to, but only as a whole.
    fn add_again(&mut self, part: Range<usize>) {
        self.overlaps |= self.parts.get(&part.start).is_some_and(|end| *end != part.end);
        self.add(part);
    }

    /// All else in the stream is 0. `is_tight`: and nothing but zeros at the end is between the parts.
    fn prove(&self, stream: &[u8], is_tight: bool) -> Result<(), Failure> {
        let mut done = 0;
        for (&start, &end) in &self.parts {
            let gap = stream.get(done..start.max(done)).unwrap_or_default();
            if gap.iter().any(|&byte| byte != 0) || is_tight && start != done {
                return unproved("there are bytes that nothing accounts for");
            }
            done = end.max(done);
        }
        let is_rest_zero = stream.get(done..).is_some_and(|rest| rest.iter().all(|&byte| byte == 0));
        match is_rest_zero && !self.overlaps {
            true => Ok(()),
            false => unproved("there are bytes that nothing accounts for"),
        }
    }
}

fn unproved<T>(problem: &str) -> Result<T, Failure> {
    Err(Failure::Unproved(problem.to_owned()))
}
