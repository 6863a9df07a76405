//! The new structure tree: every element below the one parent that [`tree::structure`] gave it.

use std::collections::HashSet;

use lopdf::{Dictionary, Object};

use super::schema::{Field, Kind, STRUCT_ELEMENT, STRUCT_TREE};
use super::tree;
use super::walk::Walk;
use crate::failure::Failure;

impl<'d> Walk<'d, '_, '_> {
    pub(super) fn struct_tree(&mut self, dict: &'d Dictionary) -> Result<Object, Failure> {
        let mut new = Dictionary::new();
        new.set("Type", "StructTreeRoot");
        self.here = None;
        self.struct_fields(dict, STRUCT_TREE, &mut new)?;
        Ok(Object::Dictionary(new))
    }

    pub(super) fn struct_element(&mut self, dict: &'d Dictionary) -> Result<Object, Failure> {
        let mut new = Dictionary::new();
        new.set("Type", "StructElem");
        self.struct_fields(dict, STRUCT_ELEMENT, &mut new)?;
        Ok(Object::Dictionary(new))
    }

    fn struct_fields(
        &mut self,
        dict: &'d Dictionary,
        table: &[Field],
        new: &mut Dictionary,
    ) -> Result<(), Failure> {
        for (key, value) in dict {
            match table.iter().find(|(name, _)| name.as_bytes() == key) {
                Some((_, Kind::StructKids)) => {
                    let kids = self.struct_kids(dict)?;
                    new.set("K", kids);
                }
                Some((_, kind)) => {
                    if let Some(value) = self.value(*kind, value)? {
                        new.set(key.clone(), value);
                    }
                }
                None => self.unlisted(key, value),
            }
        }
        Ok(())
    }

    fn struct_kids(&mut self, dict: &'d Dictionary) -> Result<Object, Failure> {
        let document = self.document;
        let here = self.here;
        let mut seen = HashSet::new();
        let mut new = Vec::new();
        for item in tree::struct_kids(document, dict) {
            let Some((id, target)) = tree::resolve(document, item) else { continue };
            let made = match (target, id) {
                (Object::Integer(_), _) => Some(target.clone()),
                (Object::Dictionary(dict), _) if tree::is_struct_content(dict) => {
                    self.value(Kind::StructContent, item)?
                }
                (Object::Dictionary(_), Some(id))
                    if self.trees.structure.get(&id) == Some(&here) && seen.insert(id) =>
                {
                    self.value(Kind::StructRef, item)?
                }
                _ => None,
            };
            new.extend(made);
        }
        Ok(Object::Array(new))
    }
}
