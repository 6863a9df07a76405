//! Fields and shape properties: they are written until they are judged, and taken back where they may not stay.

use super::super::field::{Field, Stage};
use super::super::shape;
use super::{Content, Walk};
use crate::failure::Failure;
use crate::report::What;

impl Walk<'_, '_, '_> {
    pub(super) fn field(&mut self, is_implied: bool) -> Result<(), Failure> {
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
    pub(super) fn judge(&mut self) {
        let links = self.job.options.links;
        let Some(field) = self.fields.last_mut() else { return };
        field.stage = Stage::Judged;
        if let Some(what) = field.refused(links) {
            field.is_unwrapped = true;
            self.writer.truncate(field.inside);
            self.note(what, "{\\*\\fldinst}");
        }
    }

    pub(super) fn shown(&mut self, is_implied: bool) -> Result<(), Failure> {
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

    pub(super) fn close_field(&mut self) {
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
    pub(super) fn flush(&mut self) {
        if self.content() == Content::Instruction
            && let Some(field) = self.fields.last_mut()
        {
            field.flush(self.encoding, &mut self.writer);
        }
    }

    /// The property's name has ended: it stays, or the property goes.
    pub(super) fn judge_shape(&mut self) {
        let name = std::mem::take(&mut self.shape_name);
        let Some(what) = shape::refused(&name) else {
            if let Some(property) = self.groups.last_mut() {
                (property.is_named, property.is_array) = (true, shape::is_array(&name));
            }
            return;
        };
        self.note(what, &format!("shape property {name}"));
        self.drop_property();
    }

    /// A property's list of numbers has ended: it is written, or the property goes.
    pub(super) fn judge_array(&mut self) {
        let text = std::mem::take(&mut self.shape_array);
        if let Some(array) = shape::array(&text).filter(|_| text.len() <= shape::MAX_ARRAY) {
            self.writer.text(&array);
            self.writer.close();
            return;
        }
        self.note(What::UnknownPart, "shape property that is no list of numbers");
        self.drop_property();
    }

    fn drop_property(&mut self) {
        if let Some(property) = self.groups.pop() {
            self.writer.truncate(property.before);
            self.drop_group(property.is_implied, None);
        }
    }
}
