//! Words and characters, by what the group around them is for.

use super::super::field::{Stage, encoding};
use super::super::shape;
use super::super::token::Token;
use super::super::words;
use super::{Content, LOOK_AHEAD, LOOK_AHEAD_BYTES, MAX_FONTS, MAX_SHAPE_NAME, PARAGRAPH_ENDS, Walk};
use crate::failure::Failure;
use crate::report::What;

impl Walk<'_, '_, '_> {
    pub(super) fn word(&mut self, name: &str, parameter: Option<i32>) -> Result<(), Failure> {
        let content = self.content();
        match name {
            "rtf" => return Ok(()),
            "pard" => self.in_list = false,
            "ls" => self.in_list = true,
            _ if PARAGRAPH_ENDS.contains(&name) => self.list_ahead = None,
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
                self.writer.word(name, None, false);
            }
            Content::Field
            | Content::Object
            | Content::Twice
            | Content::Properties
            | Content::ShapeProperty
            | Content::ShapeArray
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
    pub(super) fn instruction_word(&mut self, name: &str, parameter: Option<i32>, is_allowed: bool) {
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

    pub(super) fn symbol(&mut self, symbol: u8) -> Result<(), Failure> {
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
    pub(super) fn byte(&mut self, byte: u8, is_hex: bool) {
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
                if byte.is_ascii_alphanumeric() && self.shape_name.len() < MAX_SHAPE_NAME {
                    self.shape_name.push(char::from(byte));
                    self.writer.byte(byte);
                }
            }
            Content::ShapeArray => {
                // One more than fits, so that what is cut off is no list.
                if self.shape_array.len() <= shape::MAX_ARRAY {
                    self.shape_array.push(char::from(byte));
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

    pub(super) fn unicode(&mut self, parameter: i32) {
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

    pub(super) fn unit(&mut self, unit: u16) {
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
    pub(super) fn is_list_ahead(&mut self) -> Result<bool, Failure> {
        if let Some(known) = self.list_ahead {
            return Ok(known);
        }
        let end = self.tokens.position().saturating_add(LOOK_AHEAD_BYTES);
        let mut ahead = self.tokens.clone();
        let mut in_list = self.in_list;
        for _ in 0..LOOK_AHEAD {
            match ahead.next()? {
                Some(Token::Word("pard", _)) => in_list = false,
                Some(Token::Word("ls", _)) => in_list = true,
                Some(Token::Word(name, _)) if PARAGRAPH_ENDS.contains(&name) => break,
                None => break,
                Some(_) if ahead.position() > end => break,
                Some(_) => {}
            }
        }
        self.list_ahead = Some(in_list);
        Ok(in_list)
    }
}
