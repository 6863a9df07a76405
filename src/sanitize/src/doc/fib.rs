//! The file information block (MS-DOC 2.5): what the document consists of and where that lies.
//!
//! ```text
//! WordDocument: base 32 │ csw │ 14 words │ cslw │ 22 longs │ count │ (fc, lcb) … │ cswNew │ words │ … text …
//!                         │                   └ lengths of the       └ places of structures in the table stream
//!                         └ languages           sub-documents
//! ```

use std::ops::Range;

use super::bytes::{Reader, broken, slice, u16_at, u32_at, u32_of, usize_of};
use crate::failure::Failure;

/// `wIdent` and the oldest `nFib` of Word 97.
const MAGIC: u16 = 0xa5ec;
const WORD_97: u16 = 0xc1;
/// Pairs of (fc, lcb) in Word 97 and Word 2007.
const MIN_ENTRIES: usize = 0x5d;
const MAX_ENTRIES: usize = 0xb7;
/// Where the pairs begin.
const ENTRIES: usize = 154;

/// Bits of the flags at offset 10.
const GLOSSARY: u16 = 0x0002;
const ENCRYPTED: u16 = 0x0100;
const TABLE_1: u16 = 0x0200;
const OBFUSCATED: u16 = 0x8000;

/// Sub-documents in the order in which their text follows in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Story {
    Main,
    Footnotes,
    Headers,
    Comments,
    Endnotes,
    TextBoxes,
    HeaderTextBoxes,
}

impl Story {
    pub(super) const ALL: [Self; 7] = [
        Self::Main,
        Self::Footnotes,
        Self::Headers,
        Self::Comments,
        Self::Endnotes,
        Self::TextBoxes,
        Self::HeaderTextBoxes,
    ];
}

/// Place of the length of each story among the 22 longs; the one left out is that of macro text, always 0.
const LENGTHS: [usize; 7] = [3, 4, 5, 7, 8, 9, 10];
const MACRO_LENGTH: usize = 6;

/// What is read of the block.
#[derive(Debug)]
pub(super) struct Fib {
    version: u16,
    language: u16,
    flags: u16,
    flags2: u8,
    character_set: u16,
    far_east_language: u16,
    lengths: [u32; 7],
    entries: Vec<(u32, u32)>,
    new: Vec<u16>,
    /// Which program wrote the file.
    program: [u8; 8],
    /// A glossary document of AutoText entries follows somewhere in the stream.
    pub(super) has_glossary: bool,
}

impl Fib {
    pub(super) fn parse(word: &[u8]) -> Result<Self, Failure> {
        let magic = u16_at(word, 0)?;
        let version = u16_at(word, 2)?;
        if magic != MAGIC && (0xa500..0xa600).contains(&magic) || magic == MAGIC && version < WORD_97 {
            return Err(Failure::Refused("documents of Word 95 and older are not accepted".to_owned()));
        }
        if magic != MAGIC {
            return Err(broken("the document does not begin like one of Word"));
        }
        let flags = u16_at(word, 10)?;
        if flags & ENCRYPTED != 0 {
            return Err(Failure::Encrypted("the document is encrypted".to_owned()));
        }
        if u16_at(word, 32)? != 14 || u16_at(word, 62)? != 22 {
            return Err(broken("the document's information block has another layout"));
        }
        let long = |index: usize| u32_at(word, 64 + 4 * index);
        let mut lengths = [0; 7];
        for (length, index) in lengths.iter_mut().zip(LENGTHS) {
            *length = long(index)?;
            if *length > 0x3fff_ffff {
                return Err(broken("a part of the text has an impossible length"));
            }
        }
        if long(MACRO_LENGTH)? != 0 {
            return Err(broken("the document has text of a macro"));
        }
        let count = usize::from(u16_at(word, 152)?);
        if count < MIN_ENTRIES {
            return Err(broken("the document's information block is too short"));
        }
        let mut reader = Reader::new(word.get(ENTRIES..).unwrap_or_default());
        let mut entries =
            (0..count).map(|_| Ok((reader.u32()?, reader.u32()?))).collect::<Result<Vec<_>, Failure>>()?;
        entries.truncate(MAX_ENTRIES);
        let count = usize::from(reader.u16()?);
        let mut new = (0..count).map_while(|_| reader.u16().ok()).collect::<Vec<_>>();
        new.truncate(5);
        Ok(Self {
            version,
            language: u16_at(word, 6)?,
            flags,
            flags2: slice(word, 19, 1)?.first().copied().unwrap_or_default(),
            character_set: u16_at(word, 20)?,
            far_east_language: u16_at(word, 60)?,
            lengths,
            entries,
            new,
            program: slice(word, 34, 8)?.as_array().copied().unwrap_or_default(),
            has_glossary: u16_at(word, 8)? != 0,
        })
    }

    /// The name of the table stream in use.
    pub(super) fn table_name(&self) -> &'static str {
        if self.flags & TABLE_1 == 0 { "0Table" } else { "1Table" }
    }

    /// Entries in the block.
    pub(super) fn count(&self) -> usize {
        self.entries.len()
    }

    /// The structure of entry `index`, as far as its length says; `None`: the document has none.
    pub(super) fn structure<'t>(&self, index: usize, table: &'t [u8]) -> Result<Option<&'t [u8]>, Failure> {
        let Some(&(at, length)) = self.entries.get(index) else { return Ok(None) };
        if length == 0 {
            return Ok(None);
        }
        slice(table, usize_of(at)?, usize_of(length)?).map(Some)
    }

    /// The table stream from where the structure of entry `index` begins; for those whose length leaves something out.
    pub(super) fn open_ended<'t>(&self, index: usize, table: &'t [u8]) -> Result<Option<&'t [u8]>, Failure> {
        let Some(&(at, length)) = self.entries.get(index) else { return Ok(None) };
        if length == 0 {
            return Ok(None);
        }
        table.get(usize_of(at)?..).map(Some).ok_or_else(|| broken("a structure lies outside its stream"))
    }

    /// Positions of all characters: of every story, and one more behind them when there is any but the main one.
    pub(super) fn characters(&self) -> u32 {
        let all = self.lengths.iter().fold(0_u32, |sum, length| sum.saturating_add(*length));
        let others = self.lengths.iter().skip(1).any(|&length| length > 0);
        all.saturating_add(u32::from(others))
    }

    /// The character positions of a story.
    pub(super) fn story(&self, story: Story) -> Range<u32> {
        let mut start = 0_u32;
        for (length, candidate) in self.lengths.iter().zip(Story::ALL) {
            let end = start.saturating_add(*length);
            if candidate == story {
                return start..end;
            }
            start = end;
        }
        start..start
    }

    /// Bytes of the block as [`Fib::write`] gives it.
    pub(super) fn written_length(&self) -> usize {
        ENTRIES + 8 * self.entries.len() + 2 + 2 * self.new.len()
    }

    /// Writes the block anew. `entries` are the new places, by index; the rest is 0.
    pub(super) fn write(&self, new: &Written) -> Result<Vec<u8>, Failure> {
        let mut out = Vec::new();
        let words =
            |out: &mut Vec<u8>, words: &[u16]| out.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        // Magic, version, unused, language, place of the glossary, flags, oldest compatible version, key.
        let flags = self.flags & !(GLOSSARY | OBFUSCATED);
        words(&mut out, &[MAGIC, self.version, 0, self.language, 0, flags, 0xbf, 0, 0]);
        out.extend([0, self.flags2 & 0x1f]);
        words(&mut out, &[self.character_set, self.character_set]);
        out.extend(new.text.start.to_le_bytes());
        out.extend(new.text.end.to_le_bytes());
        words(&mut out, &[14]);
        out.extend(self.program);
        words(&mut out, &[0, 0, 0, 0, 0, 0, 0, 0, 0, self.far_east_language, 22]);
        let mut longs = [0_u32; 22];
        let mut set = |index: usize, value: u32| {
            if let Some(long) = longs.get_mut(index) {
                *long = value;
            }
        };
        set(0, new.length);
        LENGTHS.iter().zip(self.lengths).for_each(|(&index, length)| set(index, length));
        let [(first_character, characters), (first_paragraph, paragraphs)] = new.pages;
        let pages = [
            0xf_ffff,
            first_character,
            characters,
            0xf_ffff,
            first_paragraph,
            paragraphs,
            0xf_ffff,
            0xf_ffff,
            0,
        ];
        (11..).zip(pages).for_each(|(index, page)| set(index, page));
        out.extend(longs.iter().flat_map(|long| long.to_le_bytes()));
        words(&mut out, &[u16::try_from(self.entries.len()).map_err(Failure::malformed)?]);
        for index in 0..self.entries.len() {
            let (at, length) = new.entries.get(index).copied().unwrap_or_default();
            out.extend(at.to_le_bytes());
            out.extend(length.to_le_bytes());
        }
        words(&mut out, &[u16::try_from(self.new.len()).map_err(Failure::malformed)?]);
        words(&mut out, &self.new);
        u32_of(out.len()).map(|_| out)
    }
}

/// What the new block says of the new streams.
#[derive(Debug)]
pub(super) struct Written {
    /// Bytes of the WordDocument stream.
    pub(super) length: u32,
    /// Bytes in it within which all text lies.
    pub(super) text: Range<u32>,
    /// First page and number of pages with character and with paragraph formatting.
    pub(super) pages: [(u32, u32); 2],
    /// Places of structures in the table stream.
    pub(super) entries: Vec<(u32, u32)>,
}
