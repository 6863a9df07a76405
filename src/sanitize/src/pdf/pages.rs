//! The new page tree, one level deep, its pages with what they inherited, and the places that lead to them.

use lopdf::{Dictionary, Object};

use super::schema::{INHERITED, Kind, PAGE};
use super::walk::{Made, Task, Walk};
use super::write;
use crate::failure::Failure;

impl<'d> Walk<'d, '_, '_> {
    pub(super) fn page_tree(&self) -> Object {
        let first = write::CATALOG + 2;
        let mut dict = Dictionary::new();
        dict.set("Type", "Pages");
        let kids = (first..).take(self.trees.pages.len()).map(|number| Object::Reference((number, 0)));
        dict.set("Kids", kids.collect::<Vec<_>>());
        dict.set("Count", i64::try_from(self.trees.pages.len()).unwrap_or(i64::MAX));
        Object::Dictionary(dict)
    }

    pub(super) fn page(&mut self, index: usize) -> Result<Object, Failure> {
        let mut new = Dictionary::new();
        let Some(page) = self.trees.pages.get(index) else { return Ok(Object::Null) };
        let (dict, inherited) = (page.dict, page.inherited);
        self.here = page.id;
        new.set("Type", "Page");
        new.set("Parent", Object::Reference((write::CATALOG + 1, 0)));
        self.fields(dict, &[PAGE], &[b"Type", b"Parent"], &mut new)?;
        for (key, value) in INHERITED.iter().zip(inherited) {
            if let Some(value) = value
                && !new.has(key.as_bytes())
                && let Some(value) = self.inherited_value(key, value)?
            {
                new.set(*key, value);
            }
        }
        if !new.has(b"MediaBox") {
            // Required; readers assume US Letter where it is missing.
            new.set("MediaBox", [0, 0, 612, 792].map(Object::from).to_vec());
        }
        Ok(Object::Dictionary(new))
    }

    /// A direct dictionary of resources that many pages inherit becomes one object.
    fn inherited_value(&mut self, key: &str, value: &'d Object) -> Made {
        if !matches!(value, Object::Dictionary(_)) {
            let kind = if key == "Resources" { Kind::Resources } else { Kind::Plain };
            return self.value(kind, value);
        }
        let address = std::ptr::from_ref(value);
        let number = match self.inherited.get(&address) {
            Some(number) => *number,
            None => {
                let number =
                    self.allocate(Task::Copy { id: self.here, object: value, kind: Kind::Resources });
                self.inherited.insert(address, number);
                number
            }
        };
        Ok(Some(Object::Reference((number, 0))))
    }

    pub(super) fn page_reference(&self, object: &Object) -> Option<Object> {
        let mut id = object.as_reference().ok()?;
        if !self.trees.page_numbers.contains_key(&id) {
            id = self.document.dereference(object).ok()?.0?;
        }
        self.trees.page_numbers.get(&id).map(|number| Object::Reference((*number, 0)))
    }

    pub(super) fn dest(&mut self, object: &'d Object) -> Made {
        match object {
            Object::Array(items) => {
                let mut new = Vec::with_capacity(items.len());
                for (n, item) in items.iter().enumerate() {
                    let made = match self.page_reference(item).filter(|_| n == 0) {
                        Some(page) => Some(page),
                        None => self.value(Kind::Plain, item)?,
                    };
                    new.push(made.unwrap_or(Object::Null));
                }
                Ok(Some(Object::Array(new)))
            }
            Object::Dictionary(dict) => {
                let mut new = Dictionary::new();
                if let Ok(inner) = dict.get(b"D")
                    && let Some(value) = self.value(Kind::Dest, inner)?
                {
                    new.set("D", value);
                }
                Ok(Some(Object::Dictionary(new)))
            }
            Object::Name(_) | Object::String(..) => Ok(Some(object.clone())),
            _ => Ok(None),
        }
    }
}
