//! The trees of a PDF, taken down without recursion and without following any node twice: pages, form fields,
//! structure elements, outline items, name and number trees.
//!
//! Invariant: what comes out is a tree, whatever loops the input had. A node belongs to the first parent that names it.

use std::collections::{HashMap, HashSet};

use lopdf::{Dictionary, Document, Object, ObjectId};

use super::schema::INHERITED;
use crate::failure::Failure;

/// Child to parent; `None`: the root.
pub(super) type Parents = HashMap<ObjectId, Option<ObjectId>>;

/// A page, and what it inherits.
pub(super) struct PageSource<'d> {
    /// `None` for a page that is not an object of its own.
    pub(super) id: Option<ObjectId>,
    pub(super) dict: &'d Dictionary,
    /// In the order of [`INHERITED`].
    pub(super) inherited: [Option<&'d Object>; INHERITED.len()],
}

/// Follows references to a value; the id is the last one passed.
pub(super) fn resolve<'d>(document: &'d Document, object: &'d Object) -> Option<(Option<ObjectId>, &'d Object)> {
    document.dereference(object).ok().filter(|(_, object)| !object.is_null())
}

pub(super) fn dict_of<'d>(document: &'d Document, object: &'d Object) -> Option<(Option<ObjectId>, &'d Dictionary)> {
    let (id, object) = resolve(document, object)?;
    Some((id, object.as_dict().ok()?))
}

pub(super) fn lookup<'d>(document: &'d Document, dict: &'d Dictionary, key: &[u8]) -> Option<&'d Object> {
    resolve(document, dict.get(key).ok()?).map(|(_, object)| object)
}

pub(super) fn array_of<'d>(document: &'d Document, dict: &'d Dictionary, key: &[u8]) -> Option<&'d Vec<Object>> {
    lookup(document, dict, key)?.as_array().ok()
}

/// The pages in their order.
pub(super) fn pages<'d>(document: &'d Document, catalog: &'d Dictionary) -> Result<Vec<PageSource<'d>>, Failure> {
    let root = catalog
        .get(b"Pages")
        .ok()
        .and_then(|pages| dict_of(document, pages))
        .ok_or_else(|| Failure::Malformed("the document has no page tree".to_owned()))?;
    let mut seen = HashSet::new();
    seen.extend(root.0);
    let mut pages = Vec::new();
    let mut stack = vec![(kids(document, root.1), inherit(document, root.1, [None; INHERITED.len()]))];
    while let Some((level, inherited)) = stack.last_mut() {
        let Some(kid) = level.next() else {
            stack.pop();
            continue;
        };
        let Some((id, dict)) = dict_of(document, kid) else { continue };
        if id.is_some_and(|id| !seen.insert(id)) {
            return Err(Failure::Malformed("the page tree names a page or a node of its own twice".to_owned()));
        }
        let inherited = *inherited;
        if dict.has_type(b"Pages") || (!dict.has_type(b"Page") && array_of(document, dict, b"Kids").is_some()) {
            stack.push((kids(document, dict), inherit(document, dict, inherited)));
        } else {
            pages.push(PageSource { id, dict, inherited });
        }
    }
    Ok(pages)
}

fn kids<'d>(document: &'d Document, node: &'d Dictionary) -> std::slice::Iter<'d, Object> {
    array_of(document, node, b"Kids").map(|kids| kids.iter()).unwrap_or_default()
}

fn inherit<'d>(
    document: &Document,
    node: &'d Dictionary,
    above: [Option<&'d Object>; INHERITED.len()],
) -> [Option<&'d Object>; INHERITED.len()] {
    let mut own = above;
    for (slot, key) in own.iter_mut().zip(INHERITED) {
        if let Ok(value) = node.get(key.as_bytes())
            && resolve(document, value).is_some()
        {
            *slot = Some(value);
        }
    }
    own
}

/// The form's fields and their widgets, from `Fields` down through `Kids`.
pub(super) fn fields(document: &Document, form: &Dictionary) -> Parents {
    let mut parents = Parents::new();
    let mut stack = vec![(None, kids_of(document, form, b"Fields"))];
    while let Some((parent, level)) = stack.last_mut() {
        let Some(kid) = level.next() else {
            stack.pop();
            continue;
        };
        let Some((Some(id), dict)) = dict_of(document, kid) else { continue };
        if parents.contains_key(&id) {
            continue;
        }
        parents.insert(id, *parent);
        stack.push((Some(id), kids_of(document, dict, b"Kids")));
    }
    parents
}

fn kids_of<'d>(document: &'d Document, dict: &'d Dictionary, key: &[u8]) -> std::slice::Iter<'d, Object> {
    array_of(document, dict, key).map(|kids| kids.iter()).unwrap_or_default()
}

/// Whether `dict` says which content a structure element has, and is not an element itself.
pub(super) fn is_struct_content(dict: &Dictionary) -> bool {
    dict.has_type(b"MCR") || dict.has_type(b"OBJR")
}

/// The structure elements below the root, through `K`.
pub(super) fn structure(document: &Document, root: &Dictionary) -> Parents {
    let mut parents = Parents::new();
    let mut stack = vec![(None, struct_kids(document, root))];
    while let Some((parent, level)) = stack.last_mut() {
        let Some(kid) = level.next() else {
            stack.pop();
            continue;
        };
        let Some((Some(id), dict)) = dict_of(document, kid) else { continue };
        if is_struct_content(dict) || parents.contains_key(&id) {
            continue;
        }
        parents.insert(id, *parent);
        stack.push((Some(id), struct_kids(document, dict)));
    }
    parents
}

/// `K` is one kid or an array of them.
pub(super) fn struct_kids<'d>(document: &'d Document, dict: &'d Dictionary) -> std::slice::Iter<'d, Object> {
    let Ok(value) = dict.get(b"K") else { return std::slice::Iter::default() };
    match resolve(document, value) {
        Some((_, Object::Array(items))) => items.iter(),
        Some(_) => std::slice::from_ref(value).iter(),
        None => std::slice::Iter::default(),
    }
}

/// The entries of a name tree (`pairs` is `Names`) or number tree (`Nums`), in the order of the leaves.
pub(super) fn entries<'d>(document: &'d Document, root: &'d Object, pairs: &[u8]) -> Vec<(&'d Object, &'d Object)> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut stack = vec![root];
    while let Some(node) = stack.pop() {
        let Some((id, dict)) = dict_of(document, node) else { continue };
        if id.is_some_and(|id| !seen.insert(id)) {
            continue;
        }
        let leaf = array_of(document, dict, pairs).map(Vec::as_slice).unwrap_or_default();
        for pair in leaf.chunks_exact(2) {
            if let [key, value] = pair
                && let Some((_, key)) = resolve(document, key)
            {
                found.push((key, value));
            }
        }
        stack.extend(kids(document, dict).rev());
    }
    found
}

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
        lookup(document, self.dict, b"Count").and_then(|count| count.as_i64().ok()).is_some_and(|count| count > 0)
    }
}

/// The outline's items, each before its children, and the indices of the topmost ones.
pub(super) fn outlines<'d>(document: &'d Document, root: &'d Dictionary) -> (Vec<OutlineItem<'d>>, Vec<usize>) {
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
