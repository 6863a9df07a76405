//! What stays of each group?
//!
//! ```text
//! {\b {\*\fldinst …} text}      one state per group that is written; a group that is dropped has none
//!  \b\field …}                  a destination in the middle of a group: as if it began a group that ends with this one
//! ```
//!
//! Invariants: as many states as groups written and not yet closed; at most `max_nesting` of them; whatever the input
//! leaves open is closed.

mod content;
mod fields;
mod groups;

use encoding_rs::Encoding;

use super::field::{Field, encoding};
use super::picture::Picture;
use super::token::{Token, Tokens};
use super::words;
use super::write::{Mark, Writer};
use crate::failure::Failure;
use crate::job::Job;
use crate::report::{Removed, What};

/// Fonts of one document; honest ones have some hundreds.
const MAX_FONTS: u32 = 10_000;

/// Letters of a shape property's name; all on the list are shorter.
const MAX_SHAPE_NAME: usize = 64;

/// Tokens and bytes that are looked through for the end of a paragraph.
const LOOK_AHEAD: usize = 500;
const LOOK_AHEAD_BYTES: usize = 64 << 10;

/// Words that end a paragraph.
const PARAGRAPH_ENDS: &[&str] = &["par", "cell", "nestcell", "row", "sect"];

/// What stays of a generator's name.
pub(super) const KNOWN_PROGRAM: &str = "LibreOffice";

/// What the content of a group means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Text,
    Levels,
    Field,
    Instruction,
    Object,
    Picture,
    ShapeProperty,
    ShapeName,
    /// A property's list of numbers.
    ShapeArray,
    Twice,
    Properties,
}

/// One group that is written.
#[derive(Debug, Clone)]
struct Group {
    content: Content,
    /// What stands inside an unwrapped group is of this kind.
    around: Content,
    /// Characters behind `\u` that are for other readers.
    fallback: usize,
    /// It ends with the group around it.
    is_implied: bool,
    /// Deleted text of an instruction (tracked changes).
    is_deleted: bool,
    has_new_picture: bool,
    /// A shape's property, whose name is on the list.
    is_named: bool,
    /// Its value is a list of numbers.
    is_array: bool,
    /// A paragraph's number, which is written with the paragraph's text.
    is_number: bool,
    before: Mark,
}

/// A group that is not written.
#[derive(Debug)]
struct Skipped {
    /// Groups open within it, itself included.
    depth: usize,
    is_implied: bool,
    /// What to report, and the offset at which it began.
    digest: Option<(What, usize)>,
}

struct Walk<'a, 'j, 'l> {
    bytes: &'a [u8],
    tokens: Tokens<'a>,
    job: &'j mut Job<'l>,
    writer: Writer,
    groups: Vec<Group>,
    skipped: Option<Skipped>,
    fields: Vec<Field>,
    picture: Option<Picture>,
    shape_name: String,
    shape_array: String,
    encoding: &'static Encoding,
    /// Characters still to be left out behind `\u`.
    to_skip: usize,
    /// The paragraph is in a list.
    in_list: bool,
    /// The same where it ends, once that was looked for.
    list_ahead: Option<bool>,
    /// Its number, to be written before its text.
    number: Option<Vec<u8>>,
    /// Level of the font table while it is open, and the fonts in it.
    font_table: Option<usize>,
    fonts: u32,
}

/// Writes the document anew.
pub(super) fn rebuild(bytes: &[u8], job: &mut Job<'_>) -> Result<Vec<u8>, Failure> {
    let body = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let mut tokens = Tokens::new(body);
    let starts = tokens.next()? == Some(Token::Open)
        && matches!(tokens.next()?, Some(Token::Word("rtf", None | Some(0 | 1))));
    if !starts {
        return Err(Failure::Malformed("the RTF does not begin as one".to_owned()));
    }
    let mut walk = Walk {
        bytes: body,
        tokens,
        job,
        writer: Writer::default(),
        groups: Vec::new(),
        skipped: None,
        fields: Vec::new(),
        picture: None,
        shape_name: String::new(),
        shape_array: String::new(),
        encoding: encoding(1252),
        to_skip: 0,
        in_list: false,
        list_ahead: None,
        number: None,
        font_table: None,
        fonts: 0,
    };
    walk.push(Content::Text, false)?;
    walk.writer.word("rtf", Some(1), false);
    walk.run()?;
    walk.finish()
}

impl<'a> Walk<'a, '_, '_> {
    fn run(&mut self) -> Result<(), Failure> {
        while !self.groups.is_empty() {
            let start = self.tokens.position();
            let Some(token) = self.tokens.next()? else { break };
            match &mut self.skipped {
                Some(_) => self.skip(token)?,
                None => self.token(token, start)?,
            }
            self.check_size()?;
        }
        // What the input leaves open.
        if let Some(skipped) = self.skipped.take() {
            self.report_skipped(&skipped, self.bytes.len());
        }
        while !self.groups.is_empty() {
            self.close()?;
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<u8>, Failure> {
        let behind = self.bytes.get(self.tokens.position()..).unwrap_or_default();
        if behind.iter().any(|b| !b.is_ascii_whitespace() && *b != 0) {
            self.job.removed(Removed::bytes(What::Unreachable, "bytes behind the document", behind));
        }
        Ok(self.writer.finish())
    }

    fn check_size(&self) -> Result<(), Failure> {
        match u64::try_from(self.writer.len()) {
            Ok(size) if size <= self.job.limits.max_bytes => Ok(()),
            _ => Err(Failure::Limit {
                name: "max_bytes",
                what: "the rebuilt document's size".to_owned(),
                limit: self.job.limits.max_bytes,
            }),
        }
    }

    fn note(&mut self, what: What, place: &str) {
        self.job.removed(Removed::new(what, place, 1));
    }

    fn content(&self) -> Content {
        self.groups.last().map_or(Content::Text, |group| group.content)
    }

    // --- tokens ---

    fn token(&mut self, token: Token<'a>, start: usize) -> Result<(), Failure> {
        match token {
            Token::Open => {
                self.to_skip = 0;
                self.open(start)
            }
            Token::Close => {
                self.to_skip = 0;
                self.close_input()
            }
            Token::Text(text) => {
                for &byte in text {
                    if !self.is_fallback() {
                        self.byte(byte, false);
                    }
                }
                Ok(())
            }
            Token::Word(name, parameter) => match name {
                "u" => {
                    self.to_skip = 0;
                    self.unicode(parameter.unwrap_or(0));
                    Ok(())
                }
                "uc" => {
                    let count = usize::try_from(parameter.unwrap_or(1)).unwrap_or(0);
                    self.groups.last_mut().into_iter().for_each(|group| group.fallback = count);
                    Ok(())
                }
                _ if words::symbol(name).is_some() && self.is_fallback() => Ok(()),
                _ => match words::destination(name) {
                    Some(destination) => self.enter(name, parameter, destination, false, true, start),
                    None => self.word(name, parameter),
                },
            },
            _ if self.is_fallback() => Ok(()),
            Token::Hex(byte) => {
                self.byte(byte, true);
                Ok(())
            }
            Token::Symbol(b'*') => self.star(true, start),
            Token::Symbol(symbol) => self.symbol(symbol),
            Token::Binary(data) => {
                match (&mut self.picture, self.groups.last().map(|group| group.content)) {
                    (Some(picture), Some(Content::Picture)) => picture.binary(data),
                    _ => self.note(What::UnknownPart, "binary data"),
                }
                Ok(())
            }
        }
    }

    /// Whether the next character is one for readers without Unicode.
    fn is_fallback(&mut self) -> bool {
        let is_fallback = self.to_skip > 0;
        self.to_skip = self.to_skip.saturating_sub(1);
        is_fallback
    }

    fn skip(&mut self, token: Token<'a>) -> Result<(), Failure> {
        let Some(skipped) = &mut self.skipped else { return Ok(()) };
        match token {
            Token::Open => skipped.depth += 1,
            Token::Close => {
                skipped.depth -= 1;
                if skipped.depth == 0
                    && let Some(skipped) = self.skipped.take()
                {
                    self.report_skipped(&skipped, self.tokens.position());
                    if skipped.is_implied {
                        return self.close_input();
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn report_skipped(&mut self, skipped: &Skipped, end: usize) {
        if let Some((what, start)) = skipped.digest {
            let bytes = self.bytes.get(start..end).unwrap_or_default();
            self.job.removed(Removed::bytes(what, "data of an object", bytes));
        }
    }
}
