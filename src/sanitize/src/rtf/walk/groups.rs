//! Groups: what is each for, and may it be there?

use super::super::field::Stage;
use super::super::picture::Picture;
use super::super::token::Token;
use super::super::words::{self, Destination};
use super::{Content, Group, KNOWN_PROGRAM, Skipped, Walk};
use crate::failure::Failure;
use crate::options::Metadata;
use crate::report::What;

impl<'a> Walk<'a, '_, '_> {
    /// An opening brace: what the group is for shows by what follows.
    pub(super) fn open(&mut self, start: usize) -> Result<(), Failure> {
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
    pub(super) fn star(&mut self, is_implied: bool, start: usize) -> Result<(), Failure> {
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
    pub(super) fn enter(
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
            D::Text if is_implied && self.is_array() => D::Dropped(What::UnknownPart),
            destination => destination,
        };
        match destination {
            D::Text if self.is_array() => {
                self.push(C::ShapeArray, false)?;
                self.writer.word(name, None, starred);
                self.shape_array.clear();
            }
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
                self.drop_group(is_implied, None);
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
    pub(super) fn is_known_program(&mut self) -> Result<bool, Failure> {
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
    pub(super) fn in_place(&self, name: &str, destination: Destination) -> Destination {
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
            (C::ShapeName | C::ShapeArray | C::Properties | C::Levels, _) => false,
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
    pub(super) fn push_plain(&mut self, is_implied: bool) -> Result<(), Failure> {
        match self.content() {
            // The first half is the same text for readers without Unicode.
            Content::Twice | Content::ShapeProperty | Content::ShapeArray => {
                self.drop_group(is_implied, None);
                Ok(())
            }
            content => self.push_around(content, is_implied, self.around()),
        }
    }

    /// Whether the property that is open here has a list of numbers for its value.
    fn is_array(&self) -> bool {
        self.groups.last().is_some_and(|group| group.content == Content::ShapeProperty && group.is_array)
    }

    pub(super) fn around(&self) -> Content {
        self.groups.last().map_or(Content::Text, |group| group.around)
    }

    pub(super) fn push(&mut self, content: Content, is_implied: bool) -> Result<(), Failure> {
        self.push_around(content, is_implied, content)
    }

    /// A group whose own word goes; what is shown of it is of the kind that is around it.
    pub(super) fn push_unwrapped(&mut self, content: Content, is_implied: bool) -> Result<(), Failure> {
        self.push_around(content, is_implied, self.content())
    }

    pub(super) fn push_around(
        &mut self,
        content: Content,
        is_implied: bool,
        around: Content,
    ) -> Result<(), Failure> {
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
            is_array: false,
            is_number: false,
            before,
        };
        self.groups.push(group);
        self.writer.open();
        Ok(())
    }

    pub(super) fn drop_group(&mut self, is_implied: bool, digest: Option<(What, usize)>) {
        self.skipped = Some(Skipped { depth: 1, is_implied, digest });
    }

    /// A closing brace: it ends implied groups too.
    pub(super) fn close_input(&mut self) -> Result<(), Failure> {
        while self.groups.last().is_some_and(|group| group.is_implied) {
            self.close()?;
        }
        self.close()
    }

    /// Ends the innermost group.
    pub(super) fn close(&mut self) -> Result<(), Failure> {
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
            Content::ShapeArray => {
                self.judge_array();
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
    pub(super) fn write_number(&mut self) {
        if let Some(number) = self.number.take() {
            self.writer.groups(&number);
        }
    }
}
