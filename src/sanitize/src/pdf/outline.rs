//! The outline (bookmarks): taken down in reading order and linked anew.

use std::collections::HashSet;

use lopdf::{Dictionary, Document, Object, ObjectId};

use super::schema::{Field, Kind};
use super::tree::{dict_of, lookup};
use super::walk::{Task, Walk};
use crate::failure::Failure;

/// An outline item; indices are into the vector that [`outlines`] returns.
pub(super) struct OutlineItem<'d> {
    pub(super) id: Option<ObjectId>,
    pub(super) dict: &'d Dictionary,
    /// `None`: directly below the root.
    pub(super) parent: Option<usize>,
    pub(super) children: Vec<usize>,
}

impl OutlineItem<'_> {
    /// Whether its children are shown when the document opens.
    pub(super) fn is_open(&self, document: &Document) -> bool {
        lookup(document, self.dict, b"Count")
            .and_then(|count| count.as_i64().ok())
            .is_some_and(|count| count > 0)
    }
}

/// The outline's items, each before its children, and the indices of the topmost ones.
pub(super) fn outlines<'d>(
    document: &'d Document,
    root: &'d Dictionary,
) -> (Vec<OutlineItem<'d>>, Vec<usize>) {
    let mut items: Vec<OutlineItem<'d>> = Vec::new();
    let mut top = Vec::new();
    let mut seen = HashSet::new();
    // The next item to visit on each level that is open, with its parent.
    let mut stack = vec![(None, root.get(b"First").ok())];
    while let Some((parent, next)) = stack.pop() {
        let Some((id, dict)) = next.and_then(|next| dict_of(document, next)) else { continue };
        if id.is_none_or(|id| !seen.insert(id)) {
            continue;
        }
        let index = items.len();
        items.push(OutlineItem { id, dict, parent, children: Vec::new() });
        match parent.and_then(|parent: usize| items.get_mut(parent)) {
            Some(above) => above.children.push(index),
            None => top.push(index),
        }
        stack.push((parent, dict.get(b"Next").ok()));
        stack.push((Some(index), dict.get(b"First").ok()));
    }
    (items, top)
}

impl<'d> Walk<'d, '_, '_> {
    /// Gives every item a number; `None`: there is no item.
    pub(super) fn outlines(&mut self, root: &'d Dictionary) -> Option<Object> {
        (self.trees.outline, self.trees.outline_top) = outlines(self.document, root);
        if self.trees.outline.is_empty() {
            return None;
        }
        // Children come after their parents, so from the end every sum is ready when it is asked for.
        self.trees.outline_shown = vec![0; self.trees.outline.len()];
        for index in (0..self.trees.outline.len()).rev() {
            let children = self.trees.outline.get(index).map(|item| item.children.as_slice());
            let shown = self.shown_below(children.unwrap_or_default());
            if let Some(slot) = self.trees.outline_shown.get_mut(index) {
                *slot = shown;
            }
        }
        self.trees.outline_root = self.allocate(Task::Outlines);
        for index in 0..self.trees.outline.len() {
            self.allocate(Task::OutlineItem(index));
        }
        Some(Object::Reference((self.trees.outline_root, 0)))
    }

    fn outline_number(&self, index: usize) -> Object {
        let number =
            u32::try_from(index).map_or(0, |index| self.trees.outline_root.saturating_add(1 + index));
        Object::Reference((number, 0))
    }

    pub(super) fn outline_root(&self) -> Object {
        let mut dict = Dictionary::new();
        dict.set("Type", "Outlines");
        self.outline_links(&self.trees.outline_top, &mut dict);
        dict.set("Count", self.shown_below(&self.trees.outline_top));
        Object::Dictionary(dict)
    }

    fn outline_links(&self, children: &[usize], dict: &mut Dictionary) {
        if let (Some(first), Some(last)) = (children.first(), children.last()) {
            dict.set("First", self.outline_number(*first));
            dict.set("Last", self.outline_number(*last));
        }
    }

    fn shown_below(&self, children: &[usize]) -> i64 {
        children
            .iter()
            .map(|&child| match self.trees.outline.get(child) {
                Some(item) if item.is_open(self.document) => {
                    1 + self.trees.outline_shown.get(child).copied().unwrap_or_default()
                }
                _ => 1,
            })
            .sum()
    }

    pub(super) fn outline_item(&mut self, index: usize) -> Result<Object, Failure> {
        let mut new = Dictionary::new();
        let Some(item) = self.trees.outline.get(index) else { return Ok(Object::Null) };
        let (dict, children, parent) = (item.dict, item.children.clone(), item.parent);
        let open = item.is_open(self.document);
        self.here = item.id;
        let siblings = match parent.and_then(|parent| self.trees.outline.get(parent)) {
            Some(parent) => &parent.children,
            None => &self.trees.outline_top,
        };
        let place = siblings.binary_search(&index).unwrap_or_default();
        let beside = |at: Option<usize>| {
            at.and_then(|at| siblings.get(at)).map(|sibling| self.outline_number(*sibling))
        };
        let (previous, next) = (beside(place.checked_sub(1)), beside(place.checked_add(1)));
        new.set(
            "Parent",
            parent.map_or(Object::Reference((self.trees.outline_root, 0)), |p| self.outline_number(p)),
        );
        for (key, link) in [("Prev", previous), ("Next", next)] {
            if let Some(link) = link {
                new.set(key, link);
            }
        }
        self.outline_links(&children, &mut new);
        if !children.is_empty() {
            let shown = self.trees.outline_shown.get(index).copied().unwrap_or_default();
            new.set("Count", if open { shown } else { -shown });
        }
        const KEPT: &[Field] = &[
            ("Title", Kind::Plain),
            ("Dest", Kind::Dest),
            ("A", Kind::Action),
            ("C", Kind::Plain),
            ("F", Kind::Plain),
        ];
        self.fields(
            dict,
            &[KEPT],
            &[b"Parent", b"Prev", b"Next", b"First", b"Last", b"Count", b"SE"],
            &mut new,
        )?;
        Ok(Object::Dictionary(new))
    }
}
