//! Copies what the allow lists name into a new document, object by object.
//!
//! ```text
//! trailer ─▶ catalog ─▶ queue of (new number, source object, Kind) ─▶ writer
//!                          ▲                          │
//!                          └── references met on the way: a number each, once per (object, Kind)
//! ```
//!
//! Invariants: objects are written in the order in which they got their numbers; an object reached as two kinds is copied
//! twice, under each kind's own list, so nothing kept under one list is ever read as something else; references are never
//! followed by recursion, only direct values are, which the reader nests at most 100 deep.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};

use lopdf::{Dictionary, Document, Object, ObjectId, Stream};

use super::load::Loaded;
use super::removals::{Removals, place, what_of_dictionary, what_of_key};
use super::schema::{
    CATALOG, FORBIDDEN_KEYS, Field, INHERITED, INTERACTIVE_FORM, Kind, PAGE, STRUCT_ELEMENT, STRUCT_TREE, Shape, Use, shape,
};
use super::stream::Fit;
use super::tree::{self, PageSource, Parents};
use super::{action, stream, write};
use crate::failure::Failure;
use crate::job::Job;
use crate::report::What;

type Made = Result<Option<Object>, Failure>;

/// A new object that is still to be written.
enum Task<'d> {
    PageTree,
    Page(usize),
    Outlines,
    OutlineItem(usize),
    Copy { id: Option<ObjectId>, object: &'d Object, kind: Kind },
}

/// A finished object.
enum Built<'d> {
    Object(Object),
    Stream(Dictionary, Cow<'d, [u8]>),
}

/// The trees as [`tree`] took them down, with the new numbers of their nodes.
#[derive(Default)]
struct Trees<'d> {
    pages: Vec<PageSource<'d>>,
    page_numbers: HashMap<ObjectId, u32>,
    fields: Parents,
    structure: Parents,
    structure_root: u32,
    outline: Vec<tree::OutlineItem<'d>>,
    outline_top: Vec<usize>,
    outline_root: u32,
    /// Items visible below each item when it is open (ISO 32000-2, table 151).
    outline_shown: Vec<i64>,
}

pub(super) struct Walk<'d, 'j, 'l> {
    document: &'d Document,
    loaded: &'d Loaded,
    job: &'j mut Job<'l>,
    removals: Removals,
    trees: Trees<'d>,
    numbers: HashMap<(ObjectId, Kind), Option<u32>>,
    /// New objects made of inherited values that are no objects of their own, by address.
    inherited: HashMap<*const Object, u32>,
    /// Streams already held against the limits, by address.
    checked: HashMap<(*const Stream, Use), Fit>,
    queue: VecDeque<Task<'d>>,
    next: u32,
    /// The source object being copied, for the report.
    here: Option<ObjectId>,
}

/// Writes the new document. The first page object has number 3.
pub(super) fn copy(loaded: &Loaded, job: &mut Job<'_>) -> Result<(Vec<u8>, usize), Failure> {
    let document = &loaded.document;
    let catalog = document.catalog().map_err(|_| Failure::Malformed("the document has no catalog".to_owned()))?;
    let mut walk = Walk {
        document,
        loaded,
        job,
        removals: Removals::default(),
        trees: Trees { pages: tree::pages(document, catalog)?, ..Trees::default() },
        numbers: HashMap::new(),
        inherited: HashMap::new(),
        checked: HashMap::new(),
        queue: VecDeque::new(),
        next: write::CATALOG + 1,
        here: None,
    };
    let pages = walk.trees.pages.len();
    if pages == 0 {
        return Err(Failure::Malformed("the document has no pages".to_owned()));
    }
    if pages != loaded.pages_seen {
        return Err(Failure::Malformed(format!(
            "two readers disagree on the number of pages ({pages} and {})",
            loaded.pages_seen
        )));
    }
    if let Some(form) = tree::lookup(document, catalog, b"AcroForm").and_then(|form| form.as_dict().ok()) {
        walk.trees.fields = tree::fields(document, form);
    }
    super::removals::scripts(document, &mut walk.removals);
    super::removals::unreached(document, &loaded.reached, &mut walk.removals);
    let bytes = walk.run(catalog)?;
    walk.removals.report(walk.job);
    Ok((bytes, pages))
}

impl<'d> Walk<'d, '_, '_> {
    fn run(&mut self, catalog: &'d Dictionary) -> Result<Vec<u8>, Failure> {
        let mut writer = write::Writer::new();
        let page_tree = self.allocate(Task::PageTree);
        for index in 0..self.trees.pages.len() {
            let number = self.allocate(Task::Page(index));
            if let Some(id) = self.trees.pages.get(index).and_then(|page| page.id) {
                self.trees.page_numbers.insert(id, number);
            }
        }
        let mut dict = Dictionary::new();
        dict.set("Type", "Catalog");
        dict.set("Pages", Object::Reference((page_tree, 0)));
        self.fields(catalog, &[CATALOG], &[b"Type", b"Pages", b"Version"], &mut dict)?;
        writer.object(&Object::Dictionary(dict));
        while let Some(task) = self.queue.pop_front() {
            match self.build_task(&task)? {
                Built::Object(object) => writer.object(&object),
                Built::Stream(dict, content) => writer.stream(&dict, &content),
            }
            let size = u64::try_from(writer.len()).unwrap_or(u64::MAX);
            if size > self.job.limits.max_bytes {
                return Err(Failure::Limit {
                    name: "max_bytes",
                    what: "the rebuilt file's size".to_owned(),
                    limit: self.job.limits.max_bytes,
                });
            }
        }
        Ok(writer.finish())
    }

    fn allocate(&mut self, task: Task<'d>) -> u32 {
        let number = self.next;
        self.next += 1;
        self.queue.push_back(task);
        number
    }

    fn build_task(&mut self, task: &Task<'d>) -> Result<Built<'d>, Failure> {
        match task {
            Task::PageTree => Ok(Built::Object(self.page_tree())),
            Task::Page(index) => self.page(*index).map(Built::Object),
            Task::Outlines => Ok(Built::Object(self.outline_root())),
            Task::OutlineItem(index) => self.outline_item(*index).map(Built::Object),
            Task::Copy { id, object, kind } => {
                self.here = *id;
                self.build(*kind, object)
            }
        }
    }

    fn note(&mut self, what: What) {
        let place = place(self.here);
        self.removals.add(what, &place);
    }

    // ---- values ---------------------------------------------------------------------------------

    /// The new value for `object` at a place of this kind; `None`: it does not belong there.
    fn value(&mut self, kind: Kind, object: &'d Object) -> Made {
        match shape(kind) {
            Shape::Any(kinds) => {
                let Some((_, target)) = tree::resolve(self.document, object) else { return Ok(None) };
                for &kind in kinds {
                    if self.admits(kind, target)? {
                        return self.value(kind, object);
                    }
                }
                Ok(None)
            }
            Shape::Special => self.special(kind, object),
            _ => match object {
                Object::Reference(_) => self.reference(kind, object),
                direct if self.admits(kind, direct)? => match self.build(kind, direct)? {
                    Built::Object(object) => Ok(Some(object)),
                    Built::Stream(..) => Ok(None),
                },
                _ => Ok(None),
            },
        }
    }

    fn reference(&mut self, kind: Kind, object: &'d Object) -> Made {
        let Some((Some(id), target)) = tree::resolve(self.document, object) else { return Ok(None) };
        let number = match self.numbers.get(&(id, kind)) {
            Some(known) => *known,
            None => {
                let number = if self.may_be(kind, id, target)? {
                    Some(self.allocate(Task::Copy { id: Some(id), object: target, kind }))
                } else {
                    None
                };
                self.numbers.insert((id, kind), number);
                number
            }
        };
        Ok(number.map(|number| Object::Reference((number, 0))))
    }

    fn may_be(&mut self, kind: Kind, id: ObjectId, target: &'d Object) -> Result<bool, Failure> {
        match kind {
            Kind::StructRef => Ok(self.trees.structure.contains_key(&id) && target.as_dict().is_ok()),
            Kind::Annot if target.as_dict().is_ok_and(|dict| !dict.has(b"Subtype")) => {
                Ok(self.trees.fields.contains_key(&id))
            }
            _ => {
                if target.as_stream().is_ok() {
                    self.loaded.undisputed(id)?;
                }
                self.admits(kind, target)
            }
        }
    }

    /// Whether a resolved object fits the kind, by a look at its surface.
    fn admits(&mut self, kind: Kind, object: &'d Object) -> Result<bool, Failure> {
        Ok(match shape(kind) {
            Shape::Plain => !matches!(
                object,
                Object::Null | Object::Reference(_) | Object::Dictionary(_) | Object::Stream(_)
            ),
            Shape::Data => !matches!(object, Object::Null | Object::Reference(_) | Object::Stream(_)),
            Shape::Name(names) => {
                object.as_name().is_ok_and(|name| names.iter().any(|allowed| allowed.as_bytes() == name))
            }
            Shape::Dict(_) | Shape::Map(_) => object.as_dict().is_ok(),
            Shape::Stream(_, usage) => match object {
                Object::Stream(stream) => self.stream_fits(stream, usage)?,
                _ => false,
            },
            Shape::List(_) | Shape::Places(_) => object.as_array().is_ok(),
            Shape::Tuple(heads) => self.tuple(heads, object).is_some(),
            Shape::Tagged { tag, each, .. } => {
                let dict = match object {
                    Object::Dictionary(dict) => dict,
                    Object::Stream(stream) => &stream.dict,
                    _ => return Ok(false),
                };
                let name = self.tag(tag, dict);
                match (each.iter().find(|(known, ..)| known.as_bytes() == name), object) {
                    (None, _) | (Some((_, Use::None, _)), Object::Stream(_)) => false,
                    (Some(_), Object::Dictionary(_)) => match kind {
                        Kind::XObject => false,
                        Kind::Action => action::is_kept(self.document, dict, &self.trees.page_numbers),
                        _ => true,
                    },
                    (Some((_, usage, _)), Object::Stream(stream)) => self.stream_fits(stream, *usage)?,
                    _ => false,
                }
            }
            Shape::Any(kinds) => {
                for &kind in kinds {
                    if self.admits(kind, object)? {
                        return Ok(true);
                    }
                }
                false
            }
            Shape::Special => match kind {
                Kind::Dest => action::is_dest(self.document, object, &self.trees.page_numbers),
                Kind::StructRef => object.as_dict().is_ok(),
                _ => false,
            },
        })
    }

    fn tag(&self, tag: &str, dict: &'d Dictionary) -> &'d [u8] {
        tree::lookup(self.document, dict, tag.as_bytes()).and_then(|name| name.as_name().ok()).unwrap_or_default()
    }

    fn tuple(
        &self,
        heads: &'static [(&'static str, &'static [Kind])],
        object: &'d Object,
    ) -> Option<(&'static str, &'static [Kind], &'d [Object])> {
        let (head, rest) = object.as_array().ok()?.split_first()?;
        let (_, head) = tree::resolve(self.document, head)?;
        let name = head.as_name().ok()?;
        heads.iter().find(|(known, _)| known.as_bytes() == name).map(|(known, kinds)| (*known, *kinds, rest))
    }

    fn stream_fits(&mut self, stream: &'d Stream, usage: Use) -> Result<bool, Failure> {
        let key = (std::ptr::from_ref(stream), usage);
        let fit = match self.checked.get(&key) {
            Some(known) => *known,
            None => {
                let fit = if stream.dict.has(b"F") {
                    self.note(What::ExternalReference);
                    Fit::No
                } else {
                    stream::check(self.document, stream, usage, self.job)?
                };
                if fit == Fit::Program {
                    self.note(What::Script);
                }
                self.checked.insert(key, fit);
                fit
            }
        };
        Ok(matches!(fit, Fit::Yes | Fit::Damaged))
    }

    /// The new object for one that the kind admits.
    fn build(&mut self, kind: Kind, object: &'d Object) -> Result<Built<'d>, Failure> {
        Ok(Built::Object(match (shape(kind), object) {
            (Shape::Data, Object::Dictionary(dict)) => {
                let mut new = Dictionary::new();
                for (key, value) in dict {
                    let name = String::from_utf8_lossy(key);
                    if FORBIDDEN_KEYS.contains(&&*name) || matches!(&*name, "S" | "Type" | "Subtype") {
                        self.removals.add(what_of_key(key), &format!("/{name}"));
                    } else if let Some(value) = self.value(kind, value)? {
                        new.set(key.clone(), value);
                    }
                }
                Object::Dictionary(new)
            }
            (Shape::Plain | Shape::Data | Shape::Places(_), Object::Array(items)) => {
                let kind = if let Shape::Places(inner) = shape(kind) { inner } else { kind };
                let mut new = Vec::with_capacity(items.len());
                for item in items {
                    // A number in an array of fonts or functions is a size; scalars are harmless anywhere.
                    let made = match self.value(kind, item)? {
                        None if is_scalar(item) => Some(item.clone()),
                        made => made,
                    };
                    new.push(made.unwrap_or(Object::Null));
                }
                Object::Array(new)
            }
            (Shape::List(inner), Object::Array(items)) => {
                let mut new = Vec::with_capacity(items.len());
                for item in items {
                    match self.value(inner, item)? {
                        Some(value) => new.push(value),
                        None => self.rejected(b"", item),
                    }
                }
                Object::Array(new)
            }
            (Shape::Tuple(heads), object) => {
                let Some((head, kinds, rest)) = self.tuple(heads, object) else { return Ok(Built::Object(Object::Null)) };
                let mut new = vec![Object::from(head)];
                for (kind, item) in kinds.iter().zip(rest) {
                    new.push(self.value(*kind, item)?.unwrap_or(Object::Null));
                }
                Object::Array(new)
            }
            (Shape::Map(inner), Object::Dictionary(dict)) => {
                let resource = !matches!(kind, Kind::Dests | Kind::AppearanceForms);
                let mut new = Dictionary::new();
                for (key, value) in dict {
                    let forbidden = FORBIDDEN_KEYS.iter().any(|name| name.as_bytes() == key);
                    match if resource || !forbidden { self.value(inner, value)? } else { None } {
                        Some(value) => new.set(key.clone(), value),
                        None => self.rejected(key, value),
                    }
                }
                Object::Dictionary(new)
            }
            (Shape::Dict(fields), Object::Dictionary(dict)) => {
                let mut new = Dictionary::new();
                self.fields(dict, &[fields], &[], &mut new)?;
                Object::Dictionary(new)
            }
            (Shape::Stream(fields, usage), Object::Stream(stream)) => {
                return self.stream(stream, usage, &[fields], None);
            }
            (Shape::Tagged { tag, common, each }, Object::Dictionary(_) | Object::Stream(_)) => {
                let dict = match object {
                    Object::Stream(stream) => &stream.dict,
                    other => other.as_dict().map_err(Failure::malformed)?,
                };
                let name = self.tag(tag, dict);
                let Some((name, usage, tables)) = each.iter().find(|(known, ..)| known.as_bytes() == name) else {
                    return Ok(Built::Object(Object::Null));
                };
                let tables: Vec<&[Field]> = std::iter::once(common).chain(tables.iter().copied()).collect();
                let tag = (!tag.is_empty()).then_some((tag, *name));
                if let Object::Stream(stream) = object {
                    return self.stream(stream, *usage, &tables, tag);
                }
                let mut new = Dictionary::new();
                self.tagged(dict, &tables, tag, &mut new)?;
                Object::Dictionary(new)
            }
            (Shape::Special, Object::Dictionary(dict)) if kind == Kind::StructRef => self.struct_element(dict)?,
            (Shape::Special, object) if kind == Kind::Dest => self.dest(object)?.unwrap_or(Object::Null),
            (Shape::Special, Object::Dictionary(dict)) if kind == Kind::StructTree => self.struct_tree(dict)?,
            (Shape::Plain | Shape::Data | Shape::Name(_), scalar) => scalar.clone(),
            _ => Object::Null,
        }))
    }

    fn stream(
        &mut self,
        stream: &'d Stream,
        usage: Use,
        tables: &[&[Field]],
        tag: Option<(&str, &str)>,
    ) -> Result<Built<'d>, Failure> {
        let mut new = Dictionary::new();
        self.tagged(&stream.dict, tables, tag, &mut new)?;
        let filters = stream::filters(self.document, stream)?;
        let damaged = self.checked.get(&(std::ptr::from_ref(stream), usage)) == Some(&Fit::Damaged);
        if damaged {
            self.removals.add(What::UnknownPart, "the unreadable rest of a damaged stream");
        }
        let (stored, content) = stream::stored(&filters, &stream.content, damaged);
        match stored.as_slice() {
            [] => {}
            [one] => new.set("Filter", Object::Name(one.to_vec())),
            more => new.set("Filter", more.iter().map(|name| Object::Name(name.to_vec())).collect::<Vec<_>>()),
        }
        if !filters.is_empty()
            && !stored.is_empty()
            && let Ok(parms) = stream.dict.get(b"DecodeParms")
            && let Some(parms) = self.value(Kind::DecodeParms, parms)?
        {
            new.set("DecodeParms", parms);
        }
        Ok(Built::Stream(new, content))
    }

    fn tagged(
        &mut self,
        dict: &'d Dictionary,
        tables: &[&[Field]],
        tag: Option<(&str, &str)>,
        new: &mut Dictionary,
    ) -> Result<(), Failure> {
        if let Some((tag, name)) = tag.filter(|(_, name)| !name.is_empty()) {
            new.set(tag, name);
        }
        let handled: &[&[u8]] = match tag {
            Some((tag, _)) => &[tag.as_bytes(), b"Length", b"Filter", b"DecodeParms"],
            None => &[b"Length", b"Filter", b"DecodeParms"],
        };
        self.fields(dict, tables, handled, new)
    }

    /// Copies the entries that the tables name, in the order of the source; notes the others but those in `handled`.
    fn fields(
        &mut self,
        dict: &'d Dictionary,
        tables: &[&[Field]],
        handled: &[&[u8]],
        new: &mut Dictionary,
    ) -> Result<(), Failure> {
        for (key, value) in dict {
            if value.is_null() || handled.contains(&key.as_slice()) {
                continue;
            }
            let field = tables.iter().flat_map(|table| table.iter()).find(|(name, _)| name.as_bytes() == key);
            let Some((_, kind)) = field else {
                self.unlisted(key, value);
                continue;
            };
            match self.parent_aware(*kind, dict, value)? {
                Some(value) => new.set(key.clone(), value),
                // An empty outline or a name tree without destinations says nothing.
                None if matches!(kind, Kind::Outlines | Kind::NamedDests) => {}
                None => self.rejected(key, value),
            }
        }
        Ok(())
    }

    fn parent_aware(&mut self, kind: Kind, dict: &'d Dictionary, value: &'d Object) -> Made {
        let kind = match kind {
            Kind::AnnotParent if self.tag("Subtype", dict) == b"Popup" => Kind::Annot,
            kind => kind,
        };
        self.value(kind, value)
    }

    fn unlisted(&mut self, key: &[u8], value: &'d Object) {
        if tree::resolve(self.document, value).is_none() || matches!(key, b"Type" | b"Length") {
            return;
        }
        match what_of_key(key) {
            What::UnknownPart => self.removals.add(What::UnknownPart, &format!("/{}", String::from_utf8_lossy(key))),
            // Scripts were all counted beforehand.
            What::Script => {}
            what => {
                let place = format!("{} /{}", place(self.here), String::from_utf8_lossy(key));
                self.removals.add(what, &place);
            }
        }
    }

    fn rejected(&mut self, key: &[u8], value: &'d Object) {
        let Some((id, target)) = tree::resolve(self.document, value) else { return };
        let dict = match target {
            Object::Dictionary(dict) => Some(dict),
            Object::Stream(stream) => Some(&stream.dict),
            _ => None,
        };
        let what = dict.and_then(|dict| what_of_dictionary(self.document, dict)).unwrap_or(match key {
            b"V" if dict.is_some() => What::Form,
            _ => What::UnknownPart,
        });
        if what == What::Script {
            return;
        }
        let place = match what {
            What::UnknownPart => format!("value of /{}", String::from_utf8_lossy(key)),
            _ => place(id.or(self.here)),
        };
        self.removals.add(what, &place);
    }

    // ---- places with code of their own ----------------------------------------------------------

    fn special(&mut self, kind: Kind, object: &'d Object) -> Made {
        let document = self.document;
        let Some((id, target)) = tree::resolve(document, object) else { return Ok(None) };
        match kind {
            Kind::PageRef => Ok(self.page_reference(object)),
            Kind::Uri => Ok(target.as_str().ok().filter(|uri| action::is_web_link(uri)).map(|_| target.clone())),
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
            Kind::Outlines => {
                let Ok(dict) = target.as_dict() else { return Ok(None) };
                (self.trees.outline, self.trees.outline_top) = tree::outlines(document, dict);
                if self.trees.outline.is_empty() {
                    return Ok(None);
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
                Ok(Some(Object::Reference((self.trees.outline_root, 0))))
            }
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

    fn page_reference(&self, object: &Object) -> Option<Object> {
        let mut id = object.as_reference().ok()?;
        if !self.trees.page_numbers.contains_key(&id) {
            id = self.document.dereference(object).ok()?.0?;
        }
        self.trees.page_numbers.get(&id).map(|number| Object::Reference((*number, 0)))
    }

    fn page_tree(&self) -> Object {
        let first = write::CATALOG + 2;
        let mut dict = Dictionary::new();
        dict.set("Type", "Pages");
        let kids = (first..).take(self.trees.pages.len()).map(|number| Object::Reference((number, 0)));
        dict.set("Kids", kids.collect::<Vec<_>>());
        dict.set("Count", i64::try_from(self.trees.pages.len()).unwrap_or(i64::MAX));
        Object::Dictionary(dict)
    }

    fn page(&mut self, index: usize) -> Result<Object, Failure> {
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
                let number = self.allocate(Task::Copy { id: self.here, object: value, kind: Kind::Resources });
                self.inherited.insert(address, number);
                number
            }
        };
        Ok(Some(Object::Reference((number, 0))))
    }

    fn dest(&mut self, object: &'d Object) -> Made {
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

    fn struct_tree(&mut self, dict: &'d Dictionary) -> Result<Object, Failure> {
        let mut new = Dictionary::new();
        new.set("Type", "StructTreeRoot");
        self.here = None;
        self.struct_fields(dict, STRUCT_TREE, &mut new)?;
        Ok(Object::Dictionary(new))
    }

    fn struct_element(&mut self, dict: &'d Dictionary) -> Result<Object, Failure> {
        let mut new = Dictionary::new();
        new.set("Type", "StructElem");
        self.struct_fields(dict, STRUCT_ELEMENT, &mut new)?;
        Ok(Object::Dictionary(new))
    }

    fn struct_fields(&mut self, dict: &'d Dictionary, table: &[Field], new: &mut Dictionary) -> Result<(), Failure> {
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
                (Object::Dictionary(_), Some(id)) if self.trees.structure.get(&id) == Some(&here) && seen.insert(id) => {
                    self.value(Kind::StructRef, item)?
                }
                _ => None,
            };
            new.extend(made);
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

    // ---- outlines -------------------------------------------------------------------------------

    fn outline_number(&self, index: usize) -> Object {
        let number = u32::try_from(index).map_or(0, |index| self.trees.outline_root.saturating_add(1 + index));
        Object::Reference((number, 0))
    }

    fn outline_root(&self) -> Object {
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

    fn outline_item(&mut self, index: usize) -> Result<Object, Failure> {
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
        let beside = |at: Option<usize>| at.and_then(|at| siblings.get(at)).map(|sibling| self.outline_number(*sibling));
        let (previous, next) = (beside(place.checked_sub(1)), beside(place.checked_add(1)));
        new.set("Parent", parent.map_or(Object::Reference((self.trees.outline_root, 0)), |p| self.outline_number(p)));
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
        self.fields(dict, &[KEPT], &[b"Parent", b"Prev", b"Next", b"First", b"Last", b"Count", b"SE"], &mut new)?;
        Ok(Object::Dictionary(new))
    }
}

fn is_scalar(object: &Object) -> bool {
    matches!(object, Object::Boolean(_) | Object::Integer(_) | Object::Real(_) | Object::Name(_) | Object::String(..))
}
