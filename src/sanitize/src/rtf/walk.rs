//! What stays of each group?
//!
//! ```text
//! {\b {\*\fldinst …} text}      one state per group that is written; a group that is dropped has none
//!  \b\field …}                  a destination in the middle of a group: as if it began a group that ends with this one
//! ```
//!
//! Invariants: as many states as groups written and not yet closed; at most `max_nesting` of them; whatever the input
//! leaves open is closed.

use std::collections::BTreeMap;

use encoding_rs::Encoding;

use super::field::{Field, Stage, encoding};
use super::picture::Picture;
use super::shape;
use super::token::{Token, Tokens};
use super::words::{self, Destination};
use super::write::{Mark, Writer};
use crate::failure::Failure;
use crate::job::Job;
use crate::options::Metadata;
use crate::report::{Removed, What};

/// Fonts of one document; honest ones have some hundreds.
const MAX_FONTS: u32 = 10_000;

/// Tokens that are looked through for the end of a paragraph.
const LOOK_AHEAD: usize = 500;

/// What stays of a generator's name.
pub(super) const KNOWN_PROGRAM: &str = "LibreOffice";

/// Places of removals that are told apart.
const MAX_PLACES: usize = 100;

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
    encoding: &'static Encoding,
    /// Characters still to be left out behind `\u`.
    to_skip: usize,
    /// The paragraph is in a list.
    in_list: bool,
    /// Its number, to be written before its text.
    number: Option<Vec<u8>>,
    /// Level of the font table while it is open, and the fonts in it.
    font_table: Option<usize>,
    fonts: u32,
    removed: BTreeMap<(What, String), u32>,
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
        encoding: encoding(1252),
        to_skip: 0,
        in_list: false,
        number: None,
        font_table: None,
        fonts: 0,
        removed: BTreeMap::new(),
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

    fn finish(mut self) -> Result<Vec<u8>, Failure> {
        let behind = self.bytes.get(self.tokens.position()..).unwrap_or_default();
        if behind.iter().any(|b| !b.is_ascii_whitespace() && *b != 0) {
            self.job.removed(Removed::bytes(What::Unreachable, "bytes behind the document", behind));
        }
        for ((what, place), count) in std::mem::take(&mut self.removed) {
            self.job.removed(Removed::new(what, &place, count));
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
        let mut key = (what, place.to_owned());
        if self.removed.len() >= MAX_PLACES && !self.removed.contains_key(&key) {
            key.1 = "elsewhere".to_owned();
        }
        let count = self.removed.entry(key).or_default();
        *count = count.saturating_add(1);
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

    // --- groups ---

    /// An opening brace: what the group is for shows by what follows.
    fn open(&mut self, start: usize) -> Result<(), Failure> {
        let mut ahead = self.tokens.clone();
        match ahead.next()? {
            Some(Token::Symbol(b'*')) => {
                self.tokens = ahead;
                return self.star(false, start);
            }
            Some(Token::Word(name, parameter)) => {
                if let Some(destination) = words::destination(name) {
                    self.tokens = ahead;
                    return self.enter(name, parameter, destination, false, false, start);
                }
            }
            _ => {}
        }
        self.push_plain(false)
    }

    /// `\*`: a destination follows, else the group goes.
    fn star(&mut self, is_implied: bool, start: usize) -> Result<(), Failure> {
        let mut ahead = self.tokens.clone();
        let Some(Token::Word(name, parameter)) = ahead.next()? else {
            return if is_implied { Ok(()) } else { self.push_plain(false) };
        };
        self.tokens = ahead;
        if let Some(destination) = words::destination(name) {
            return self.enter(name, parameter, destination, true, is_implied, start);
        }
        if words::may_be_starred(name) && words::is_allowed(name) && self.content() == Content::Text {
            if !is_implied {
                self.push_plain(false)?;
            }
            self.writer.word(name, parameter, true);
            return Ok(());
        }
        self.note(What::UnknownPart, &format!("{{\\*\\{name}}}"));
        self.drop_group(is_implied, None);
        Ok(())
    }

    /// A group that begins with a destination's word, or a destination's word in the middle of one.
    fn enter(
        &mut self,
        name: &'a str,
        parameter: Option<i32>,
        destination: Destination,
        starred: bool,
        is_implied: bool,
        start: usize,
    ) -> Result<(), Failure> {
        use Content as C;
        use Destination as D;
        let destination = match self.in_place(name, destination) {
            // It would end with the property whose name it is.
            D::ShapeName if is_implied => D::Dropped(What::UnknownPart),
            destination => destination,
        };
        match destination {
            D::Text | D::Levels | D::NewPicture | D::OldPicture => {
                let content = if destination == D::Levels { C::Levels } else { C::Text };
                if destination == D::NewPicture {
                    self.groups.last_mut().into_iter().for_each(|group| group.has_new_picture = true);
                }
                self.push(content, is_implied)?;
                self.writer.word(name, parameter, starred);
                if name == "fonttbl" {
                    self.font_table = Some(self.groups.len());
                }
            }
            D::Number => {
                let in_list = self.is_list_ahead()?;
                self.push(C::Text, is_implied)?;
                match in_list {
                    true => self.writer.word("listtext", None, false),
                    false => self.groups.last_mut().into_iter().for_each(|group| group.is_number = true),
                }
            }
            D::Field => self.field(is_implied)?,
            D::Instruction => {
                self.push(C::Instruction, is_implied)?;
                self.writer.word(name, None, true);
                self.fields.last_mut().into_iter().for_each(|field| field.stage = Stage::Instruction);
            }
            D::Shown => self.shown(is_implied)?,
            D::Object => {
                self.note(What::EmbeddedObject, "{\\object}");
                self.push_unwrapped(C::Object, is_implied)?;
            }
            D::Twice => self.push_unwrapped(C::Twice, is_implied)?,
            D::ObjectShown | D::Unicode => {
                let around = self.groups.last().map_or(C::Text, |group| match group.content {
                    C::Object | C::Twice => group.around,
                    content => content,
                });
                self.push(around, is_implied)?;
            }
            D::Picture => {
                self.push(C::Picture, is_implied)?;
                self.writer.word(name, None, starred);
                self.picture = Some(Picture::default());
            }
            D::ShapeProperty => {
                self.push(C::ShapeProperty, is_implied)?;
                self.writer.word(name, None, starred);
                self.shape_name.clear();
            }
            D::ShapeName => {
                self.push(C::ShapeName, is_implied)?;
                self.writer.word(name, None, starred);
            }
            D::Properties => {
                self.push(C::Properties, is_implied)?;
                self.writer.word(name, None, false);
            }
            D::Dropped(_) if name == "generator" && self.is_known_program()? => {
                self.drop_group(is_implied, None)
            }
            D::Dropped(what) => {
                self.note(what, &format!("{{\\{name}}}"));
                let digest = (name == "objdata").then_some((what, start));
                self.drop_group(is_implied, digest);
            }
        }
        Ok(())
    }

    /// LibreOffice lays out its own files in another way, so its name stays, without version and system.
    fn is_known_program(&mut self) -> Result<bool, Failure> {
        let Some(Token::Text(program)) = self.tokens.clone().next()? else { return Ok(false) };
        if !program.starts_with(KNOWN_PROGRAM.as_bytes()) || self.content() != Content::Text {
            return Ok(false);
        }
        if program != KNOWN_PROGRAM.as_bytes() {
            self.note(What::Metadata, "{\\generator}");
        }
        self.push(Content::Text, false)?;
        self.writer.word("generator", None, true);
        self.writer.text(KNOWN_PROGRAM);
        self.close()?;
        Ok(true)
    }

    /// The destination, or [`Destination::Dropped`] where it has no business.
    fn in_place(&self, name: &str, destination: Destination) -> Destination {
        use Content as C;
        use Destination as D;
        let group = self.groups.last();
        let is_own_child = self.fields.last().is_some_and(|field| field.level == self.groups.len());
        let stage = self.fields.last().map(|field| field.stage);
        let is_named = group.is_some_and(|group| group.is_named);
        let fits = match (self.content(), destination) {
            (_, D::Dropped(_)) if self.content() == C::Properties && words::PROPERTIES.contains(&name) => {
                return D::Text;
            }
            (_, D::Dropped(_)) => true,
            (C::Field, D::Instruction) => is_own_child && stage == Some(Stage::Start),
            (C::Field, D::Shown) => is_own_child && matches!(stage, Some(Stage::Start | Stage::Judged)),
            (C::Field, _) | (_, D::Instruction | D::Shown) => false,
            (C::Instruction, _) if group.is_some_and(|group| group.is_deleted) => false,
            (C::Instruction, D::Field | D::Twice) => true,
            (C::Instruction, D::Text) => name == "formfield",
            (C::Instruction, _) => false,
            (C::Object, _) => destination == D::ObjectShown,
            (C::Twice, _) => destination == D::Unicode,
            (C::Picture, _) => name == "picprop",
            (C::ShapeProperty, D::ShapeName) => !is_named,
            (C::ShapeProperty, _) => is_named && name == "sv",
            (C::ShapeName | C::Properties | C::Levels, _) => false,
            (C::Text, D::Picture) => self.picture.is_none(),
            (C::Text, D::OldPicture) => !group.is_some_and(|group| group.has_new_picture),
            (C::Text, D::Properties) => self.job.options.metadata == Metadata::Keep,
            (C::Text, D::ShapeName) => false,
            (C::Text, _) => name != "sv",
        };
        match (fits, destination) {
            (true, destination) => destination,
            (false, D::Properties) => D::Dropped(What::Metadata),
            (false, D::Object) => D::Dropped(What::EmbeddedObject),
            (false, D::Field | D::Instruction) => D::Dropped(What::Field),
            (false, _) => D::Dropped(What::UnknownPart),
        }
    }

    /// A group without a destination of its own.
    fn push_plain(&mut self, is_implied: bool) -> Result<(), Failure> {
        match self.content() {
            // The first half is the same text for readers without Unicode.
            Content::Twice | Content::ShapeProperty => {
                self.drop_group(is_implied, None);
                Ok(())
            }
            content => self.push_around(content, is_implied, self.around()),
        }
    }

    fn around(&self) -> Content {
        self.groups.last().map_or(Content::Text, |group| group.around)
    }

    fn push(&mut self, content: Content, is_implied: bool) -> Result<(), Failure> {
        self.push_around(content, is_implied, content)
    }

    /// A group whose own word goes; what is shown of it is of the kind that is around it.
    fn push_unwrapped(&mut self, content: Content, is_implied: bool) -> Result<(), Failure> {
        self.push_around(content, is_implied, self.content())
    }

    fn push_around(&mut self, content: Content, is_implied: bool, around: Content) -> Result<(), Failure> {
        if self.groups.len() >= usize::try_from(self.job.limits.max_nesting).unwrap_or(usize::MAX) {
            return Err(Failure::Limit {
                name: "max_nesting",
                what: "the number of groups open at once".to_owned(),
                limit: self.job.limits.max_nesting.into(),
            });
        }
        self.flush();
        self.write_number();
        let before = self.writer.mark();
        let outer = self.groups.last();
        let group = Group {
            content,
            around,
            fallback: outer.map_or(1, |group| group.fallback),
            is_implied,
            is_deleted: outer.is_some_and(|group| group.is_deleted && content == Content::Instruction),
            has_new_picture: false,
            is_named: false,
            is_number: false,
            before,
        };
        self.groups.push(group);
        self.writer.open();
        Ok(())
    }

    fn drop_group(&mut self, is_implied: bool, digest: Option<(What, usize)>) {
        self.skipped = Some(Skipped { depth: 1, is_implied, digest });
    }

    /// A closing brace: it ends implied groups too.
    fn close_input(&mut self) -> Result<(), Failure> {
        while self.groups.last().is_some_and(|group| group.is_implied) {
            self.close()?;
        }
        self.close()
    }

    /// Ends the innermost group.
    fn close(&mut self) -> Result<(), Failure> {
        self.flush();
        self.write_number();
        let level = self.groups.len();
        let Some(group) = self.groups.pop() else { return Ok(()) };
        self.font_table = self.font_table.filter(|&table| table < level);
        let is_inner = self.groups.last().is_some_and(|outer| outer.content == group.content);
        match group.content {
            Content::Picture if !is_inner => {
                if let Some(picture) = self.picture.take() {
                    picture.write(&mut self.writer, self.job)?;
                }
            }
            Content::Instruction if self.fields.last().is_some_and(|field| field.level + 1 == level) => {
                self.writer.close();
                self.judge();
                return Ok(());
            }
            Content::Field if self.fields.last().is_some_and(|field| field.level == level) => {
                self.close_field();
                return Ok(());
            }
            Content::ShapeName if !is_inner => {
                self.writer.close();
                self.judge_shape();
                return Ok(());
            }
            _ => {}
        }
        self.writer.close();
        if group.is_number {
            self.number = Some(self.writer.take(group.before));
        }
        Ok(())
    }

    /// Writes the paragraph's number, before anything that is shown.
    fn write_number(&mut self) {
        if let Some(number) = self.number.take() {
            self.writer.groups(&number);
        }
    }

    // --- fields ---

    fn field(&mut self, is_implied: bool) -> Result<(), Failure> {
        let is_nested = self.content() == Content::Instruction;
        self.flush();
        self.write_number();
        if is_nested && let Some(outer) = self.fields.last_mut() {
            outer.nest();
        }
        let before = self.writer.mark();
        self.push_unwrapped(Content::Field, is_implied)?;
        self.fields.push(Field::new(before, self.writer.mark(), self.groups.len(), is_nested));
        self.writer.word("field", None, false);
        Ok(())
    }

    /// The instruction has ended.
    fn judge(&mut self) {
        let links = self.job.options.links;
        let Some(field) = self.fields.last_mut() else { return };
        field.stage = Stage::Judged;
        if let Some(what) = field.refused(links) {
            field.is_unwrapped = true;
            self.writer.truncate(field.inside);
            self.note(what, "{\\*\\fldinst}");
        }
    }

    fn shown(&mut self, is_implied: bool) -> Result<(), Failure> {
        let Some(field) = self.fields.last_mut() else { return Ok(()) };
        if field.stage == Stage::Start {
            field.is_unwrapped = true;
            self.writer.truncate(field.inside);
        }
        field.stage = Stage::Shown;
        let (is_unwrapped, is_nested) = (field.is_unwrapped, field.is_nested);
        let around = self.around();
        // Within an instruction, shown text is no part of the instruction.
        let content = if is_nested { Content::Text } else { around };
        self.push(content, is_implied)?;
        if !is_unwrapped {
            self.writer.word("fldrslt", None, false);
        }
        Ok(())
    }

    fn close_field(&mut self) {
        let Some(field) = self.fields.pop() else { return };
        let is_unwrapped = field.is_unwrapped || field.stage == Stage::Start;
        if is_unwrapped && field.is_nested {
            self.writer.truncate(field.before);
            return;
        }
        if field.stage == Stage::Start {
            self.writer.truncate(field.inside);
        } else if is_unwrapped
            && field.stage == Stage::Judged
            && let Some(shown) = field.self_shown()
        {
            self.writer.text(&shown);
        }
        self.writer.close();
    }

    /// Writes what is read of an instruction, before anything else is written.
    fn flush(&mut self) {
        if self.content() == Content::Instruction
            && let Some(field) = self.fields.last_mut()
        {
            field.flush(self.encoding, &mut self.writer);
        }
    }

    // --- shapes ---

    /// The property's name has ended: it stays, or the property goes.
    fn judge_shape(&mut self) {
        let name = std::mem::take(&mut self.shape_name);
        let Some(what) = shape::refused(&name) else {
            self.groups.last_mut().into_iter().for_each(|property| property.is_named = true);
            return;
        };
        self.note(what, &format!("shape property {name}"));
        if let Some(property) = self.groups.pop() {
            self.writer.truncate(property.before);
            self.drop_group(property.is_implied, None);
        }
    }

    // --- content ---

    fn word(&mut self, name: &str, parameter: Option<i32>) -> Result<(), Failure> {
        let content = self.content();
        match name {
            "rtf" => return Ok(()),
            "pard" => self.in_list = false,
            "ls" => self.in_list = true,
            "ansicpg" => self.encoding = encoding(parameter.unwrap_or(1252)),
            "mac" => self.encoding = encoding(10000),
            "f" if self.font_table.is_some() => {
                self.fonts += 1;
                if self.fonts > MAX_FONTS {
                    return Err(Failure::Malformed("the RTF's font table is too large".to_owned()));
                }
            }
            _ => {}
        }
        let is_allowed = words::is_allowed(name) && words::is_sane(name, parameter);
        match content {
            Content::Instruction => self.instruction_word(name, parameter, is_allowed),
            Content::Picture => {
                let takes = self.picture.as_mut().is_some_and(|picture| picture.takes(name, parameter));
                if !takes && is_allowed && name.starts_with("pic") {
                    self.writer.word(name, parameter, false);
                }
            }
            Content::Field
                if name == "fldlock" && self.fields.last().is_some_and(|f| f.stage == Stage::Start) =>
            {
                self.writer.word(name, None, false)
            }
            Content::Field
            | Content::Object
            | Content::Twice
            | Content::Properties
            | Content::ShapeProperty
            | Content::ShapeName => {}
            Content::Text if name == "pard" && self.groups.iter().any(|group| group.is_number) => {}
            Content::Text | Content::Levels => {
                if words::symbol(name).is_some() {
                    self.write_number();
                }
                if is_allowed {
                    self.writer.word(name, parameter, false);
                } else {
                    let name = if name.is_empty() { "…" } else { name };
                    self.note(words::kind_of_dropped(name), &format!("\\{name}"));
                }
            }
        }
        Ok(())
    }

    /// A word in an instruction: a character, or formatting that cannot hide any of it.
    fn instruction_word(&mut self, name: &str, parameter: Option<i32>, is_allowed: bool) {
        if name == "deleted" {
            self.groups.last_mut().into_iter().for_each(|group| group.is_deleted = parameter != Some(0));
            return;
        }
        let is_deleted = self.groups.last().is_some_and(|group| group.is_deleted);
        let Some(field) = self.fields.last_mut() else { return };
        match words::symbol(name) {
            Some(text) if !is_deleted => field.push_text(text, self.encoding, &mut self.writer),
            Some(_) => {}
            None if is_allowed && !matches!(name, "revised" | "plain" | "pard" | "fldlock") => {
                field.flush(self.encoding, &mut self.writer);
                self.writer.word(name, parameter, false);
            }
            None => {}
        }
    }

    fn symbol(&mut self, symbol: u8) -> Result<(), Failure> {
        match symbol {
            b'\r' | b'\n' => return self.word("par", None),
            b'\t' => return self.word("tab", None),
            b'\\' | b'{' | b'}' => self.byte(symbol, false),
            b'~' if self.content() == Content::Instruction => self.byte(b' ', false),
            b'~' | b'-' | b'_' | b':' | b'|' if matches!(self.content(), Content::Text | Content::Levels) => {
                self.write_number();
                self.writer.symbol(symbol);
            }
            _ => {}
        }
        Ok(())
    }

    /// One byte of text; `is_hex`: it was spelled as such, and may be half of a character.
    fn byte(&mut self, byte: u8, is_hex: bool) {
        self.write_number();
        match self.content() {
            Content::Picture => {
                if !is_hex && let Some(picture) = &mut self.picture {
                    picture.digits(&[byte]);
                }
            }
            Content::Instruction => {
                let is_deleted = self.groups.last().is_some_and(|group| group.is_deleted);
                if let Some(field) = self.fields.last_mut().filter(|_| !is_deleted) {
                    field.byte(byte);
                }
            }
            Content::ShapeName => {
                if byte.is_ascii_alphanumeric() {
                    self.shape_name.push(char::from(byte));
                    self.writer.byte(byte);
                }
            }
            Content::Field
            | Content::Object
            | Content::ShapeProperty
            | Content::Twice
            | Content::Properties => {}
            Content::Levels if is_hex => self.writer.hex(byte),
            Content::Text | Content::Levels => match byte {
                b'\t' => self.writer.word("tab", None, false),
                0..=0x1f | 0x7f => self.note(What::ControlCharacter, "control characters"),
                _ if is_hex => self.writer.hex(byte),
                _ => self.writer.byte(byte),
            },
        }
    }

    fn unicode(&mut self, parameter: i32) {
        self.to_skip = self.groups.last().map_or(1, |group| group.fallback);
        // A signed or an unsigned number of 16 bits; some writers give the character's whole number.
        let number = if parameter < 0 { parameter.wrapping_add(0x1_0000) } else { parameter };
        let Some(c) = u32::try_from(number).ok().filter(|&number| number <= 0x10_ffff) else { return };
        let mut units = [0; 2];
        let units: &[u16] = match (u16::try_from(c), char::from_u32(c)) {
            (Ok(unit), _) => {
                units[0] = unit;
                units.get(..1).unwrap_or_default()
            }
            (_, Some(c)) => c.encode_utf16(&mut units),
            _ => return,
        };
        for &unit in units {
            self.unit(unit);
        }
    }

    fn unit(&mut self, unit: u16) {
        self.write_number();
        match self.content() {
            Content::Instruction => {
                let is_deleted = self.groups.last().is_some_and(|group| group.is_deleted);
                if let Some(field) = self.fields.last_mut().filter(|_| !is_deleted) {
                    field.unit(unit, self.encoding, &mut self.writer);
                }
            }
            Content::Levels => self.writer.unit(unit),
            Content::Text => match unit {
                9 => self.writer.word("tab", None, false),
                0..=0x1f | 0x7f => self.note(What::ControlCharacter, "control characters"),
                _ => self.writer.unit(unit),
            },
            _ => {}
        }
    }

    /// Whether the paragraph that begins here is in a list, so that readers make its number themselves.
    fn is_list_ahead(&self) -> Result<bool, Failure> {
        let mut ahead = self.tokens.clone();
        let mut in_list = self.in_list;
        for _ in 0..LOOK_AHEAD {
            match ahead.next()? {
                Some(Token::Word("pard", _)) => in_list = false,
                Some(Token::Word("ls", _)) => in_list = true,
                Some(Token::Word("par" | "cell" | "nestcell" | "row" | "sect", _)) | None => break,
                Some(_) => {}
            }
        }
        Ok(in_list)
    }
}
