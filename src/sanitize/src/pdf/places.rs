//! Places whose values are not copied by a table alone: links, form fields, name and number trees.

use std::collections::HashSet;

use lopdf::{Dictionary, Object};

use super::schema::{INTERACTIVE_FORM, Kind};
use super::walk::{Made, Task, Walk};
use super::{action, tree};
use crate::failure::Failure;

impl<'d> Walk<'d, '_, '_> {
    pub(super) fn special(&mut self, kind: Kind, object: &'d Object) -> Made {
        let document = self.document;
        let Some((id, target)) = tree::resolve(document, object) else { return Ok(None) };
        match kind {
            Kind::PageRef => Ok(self.page_reference(object)),
            Kind::Uri => {
                Ok(target.as_str().ok().filter(|uri| action::is_web_link(uri)).map(|_| target.clone()))
            }
            Kind::Dest => match object {
                Object::Reference(_) => self.reference(kind, object),
                direct if self.admits(kind, direct)? => self.dest(direct),
                _ => Ok(None),
            },
            Kind::AnnotParent => {
                let parent = self.here.and_then(|here| self.trees.fields.get(&here).copied().flatten());
                if id.is_some() && parent == id { self.value(Kind::Annot, object) } else { Ok(None) }
            }
            Kind::FieldKids => match target {
                Object::Array(items) => self.field_kids(items).map(Some),
                _ => Ok(None),
            },
            Kind::StructRef => self.reference(kind, object),
            Kind::StructParent => {
                let Some(parent) = self.here.and_then(|here| self.trees.structure.get(&here).copied()) else {
                    return Ok(None);
                };
                Ok(Some(match parent {
                    None => Object::Reference((self.trees.structure_root, 0)),
                    Some(parent) => match self.numbers.get(&(parent, Kind::StructRef)).copied().flatten() {
                        Some(number) => Object::Reference((number, 0)),
                        None => return Ok(None),
                    },
                }))
            }
            Kind::StructTree => {
                let Ok(dict) = target.as_dict() else { return Ok(None) };
                self.trees.structure = tree::structure(document, dict);
                self.trees.structure_root = self.allocate(Task::Copy { id, object: target, kind });
                Ok(Some(Object::Reference((self.trees.structure_root, 0))))
            }
            Kind::InteractiveForm => {
                let Ok(dict) = target.as_dict() else { return Ok(None) };
                let mut new = Dictionary::new();
                let here = std::mem::take(&mut self.here);
                self.fields(dict, &[INTERACTIVE_FORM], &[], &mut new)?;
                self.here = here;
                Ok(Some(Object::Dictionary(new)))
            }
            Kind::Outlines => Ok(target.as_dict().ok().and_then(|dict| self.outlines(dict))),
            Kind::NamedDests => {
                let Ok(dict) = target.as_dict() else { return Ok(None) };
                for (key, value) in dict {
                    if key != b"Dests" {
                        self.unlisted(key, value);
                    }
                }
                let Ok(root) = dict.get(b"Dests") else { return Ok(None) };
                let names = self.name_tree(root)?;
                let mut leaf = Dictionary::new();
                leaf.set("Names", names);
                let mut new = Dictionary::new();
                new.set("Dests", leaf);
                Ok(Some(Object::Dictionary(new)))
            }
            Kind::PageLabels => self.number_tree(object, Kind::PageLabel).map(Some),
            Kind::ParentTree => self.number_tree(object, Kind::ParentTreeValue).map(Some),
            _ => Ok(None),
        }
    }

    fn field_kids(&mut self, items: &'d [Object]) -> Result<Object, Failure> {
        let here = self.here;
        let mut seen = HashSet::new();
        let mut new = Vec::with_capacity(items.len());
        for item in items {
            let Some((Some(id), _)) = tree::resolve(self.document, item) else { continue };
            if self.trees.fields.get(&id) != Some(&here) || !seen.insert(id) {
                continue;
            }
            match self.value(Kind::Annot, item)? {
                Some(value) => new.push(value),
                None => self.rejected(b"Kids", item),
            }
        }
        Ok(Object::Array(new))
    }

    fn name_tree(&mut self, root: &'d Object) -> Result<Object, Failure> {
        let mut found = tree::entries(self.document, root, b"Names");
        found.retain(|(key, _)| key.as_str().is_ok());
        found.sort_by(|(a, _), (b, _)| a.as_str().unwrap_or_default().cmp(b.as_str().unwrap_or_default()));
        found.dedup_by(|(b, _), (a, _)| a.as_str().ok() == b.as_str().ok());
        let mut new = Vec::with_capacity(found.len() * 2);
        for (key, value) in found {
            if let Some(value) = self.value(Kind::Dest, value)? {
                new.extend([key.clone(), value]);
            }
        }
        Ok(Object::Array(new))
    }

    fn number_tree(&mut self, root: &'d Object, kind: Kind) -> Result<Object, Failure> {
        let mut found = tree::entries(self.document, root, b"Nums");
        found.retain(|(key, _)| key.as_i64().is_ok());
        found.sort_by_key(|(key, _)| key.as_i64().unwrap_or_default());
        found.dedup_by_key(|(key, _)| key.as_i64().unwrap_or_default());
        let mut new = Vec::with_capacity(found.len() * 2);
        for (key, value) in found {
            if let Some(value) = self.value(kind, value)? {
                new.extend([key.clone(), value]);
            }
        }
        let mut dict = Dictionary::new();
        dict.set("Nums", new);
        Ok(Object::Dictionary(dict))
    }
}
