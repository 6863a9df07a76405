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
use std::collections::{HashMap, VecDeque};

use lopdf::{Dictionary, Document, Object, ObjectId, Stream};

use super::forbidden::FORBIDDEN_KEYS;
use super::load::Loaded;
use super::outline::OutlineItem;
use super::removals::{Removals, place, what_of_dictionary, what_of_key};
use super::schema::{CATALOG, Field, Kind, Shape, Use, shape};
use super::stream::Fit;
use super::tree::{self, PageSource, Parents};
use super::{action, info, stream, write};
use crate::failure::Failure;
use crate::job::Job;
use crate::options::Signed;
use crate::report::What;

/// A new value; `None`: the old one does not belong there.
pub(super) type Made = Result<Option<Object>, Failure>;

/// A new object that is still to be written.
pub(super) enum Task<'d> {
    PageTree,
    Page(usize),
    Outlines,
    OutlineItem(usize),
    Info(Dictionary),
    Copy { id: Option<ObjectId>, object: &'d Object, kind: Kind },
}

/// A finished object.
enum Built<'d> {
    Object(Object),
    Stream(Dictionary, Cow<'d, [u8]>),
}

/// The trees as [`tree`] took them down, with the new numbers of their nodes.
#[derive(Default)]
pub(super) struct Trees<'d> {
    pub(super) pages: Vec<PageSource<'d>>,
    pub(super) page_numbers: HashMap<ObjectId, u32>,
    pub(super) fields: Parents,
    pub(super) structure: Parents,
    pub(super) structure_root: u32,
    pub(super) outline: Vec<OutlineItem<'d>>,
    pub(super) outline_top: Vec<usize>,
    pub(super) outline_root: u32,
    /// Items visible below each item when it is open (ISO 32000-2, table 151).
    pub(super) outline_shown: Vec<i64>,
}

pub(super) struct Walk<'d, 'j, 'l> {
    pub(super) document: &'d Document,
    pub(super) loaded: &'d Loaded,
    pub(super) job: &'j mut Job<'l>,
    pub(super) removals: Removals,
    pub(super) trees: Trees<'d>,
    pub(super) numbers: HashMap<(ObjectId, Kind), Option<u32>>,
    /// New objects made of inherited values that are no objects of their own, by address.
    pub(super) inherited: HashMap<*const Object, u32>,
    /// Streams already held against the limits, by address.
    pub(super) checked: HashMap<(*const Stream, Use), Fit>,
    inflater: stream::Inflater,
    pub(super) queue: VecDeque<Task<'d>>,
    pub(super) next: u32,
    /// The source object being copied, for the report.
    pub(super) here: Option<ObjectId>,
}

/// Writes the new document, whose page tree states how many pages there were. The first page object has number 3.
pub(super) fn copy(loaded: &Loaded, job: &mut Job<'_>) -> Result<Vec<u8>, Failure> {
    let document = &loaded.document;
    let catalog =
        document.catalog().map_err(|_| Failure::Malformed("the document has no catalog".to_owned()))?;
    let mut walk = Walk {
        document,
        loaded,
        job,
        removals: Removals::default(),
        trees: Trees { pages: tree::pages(document, catalog)?, ..Trees::default() },
        numbers: HashMap::new(),
        inherited: HashMap::new(),
        checked: HashMap::new(),
        inflater: stream::Inflater::new(),
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
    if walk.job.options.signed == Signed::Quarantine && info::is_signed(document) {
        return Err(Failure::signed());
    }
    super::removals::scripts(document, &mut walk.removals);
    super::removals::unreached(document, &loaded.reached, &mut walk.removals);
    let bytes = walk.run(catalog)?;
    walk.removals.report(walk.job);
    Ok(bytes)
}

impl<'d> Walk<'d, '_, '_> {
    fn run(&mut self, catalog: &'d Dictionary) -> Result<Vec<u8>, Failure> {
        let mut writer = write::Writer::new();
        let (info, is_lossy) = info::kept(self.document, self.job.options.metadata);
        if is_lossy {
            self.removals.add(What::Metadata, "/Info");
        }
        let page_tree = self.allocate(Task::PageTree);
        for index in 0..self.trees.pages.len() {
            let number = self.allocate(Task::Page(index));
            if let Some(id) = self.trees.pages.get(index).and_then(|page| page.id) {
                self.trees.page_numbers.insert(id, number);
            }
        }
        let info = (!info.is_empty()).then(|| self.allocate(Task::Info(info)));
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
        Ok(writer.finish(info))
    }

    pub(super) fn allocate(&mut self, task: Task<'d>) -> u32 {
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
            Task::Info(info) => Ok(Built::Object(Object::Dictionary(info.clone()))),
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
    pub(super) fn value(&mut self, kind: Kind, object: &'d Object) -> Made {
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

    /// As [`value`](Self::value), as an object of its own.
    fn apart(&mut self, kind: Kind, object: &'d Object) -> Made {
        let kinds = match shape(kind) {
            Shape::Any(kinds) => kinds,
            Shape::Special => return Ok(None),
            _ => &[kind],
        };
        for &kind in kinds {
            if self.admits(kind, object)? {
                let number = self.allocate(Task::Copy { id: self.here, object, kind });
                return Ok(Some(Object::Reference((number, 0))));
            }
        }
        Ok(None)
    }

    pub(super) fn reference(&mut self, kind: Kind, object: &'d Object) -> Made {
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
    pub(super) fn admits(&mut self, kind: Kind, object: &'d Object) -> Result<bool, Failure> {
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
                        Kind::Action => {
                            let links = self.job.options.links;
                            action::is_kept(self.document, dict, &self.trees.page_numbers, links)
                        }
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
        tree::lookup(self.document, dict, tag.as_bytes())
            .and_then(|name| name.as_name().ok())
            .unwrap_or_default()
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
                    stream::check(self.document, stream, usage, &mut self.inflater, self.job)?
                };
                if fit == Fit::Program {
                    self.note(What::Script);
                }
                self.checked.insert(key, fit);
                fit
            }
        };
        Ok(matches!(fit, Fit::Yes(_) | Fit::Damaged | Fit::Cut(_)))
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
                let Some((head, kinds, rest)) = self.tuple(heads, object) else {
                    return Ok(Built::Object(Object::Null));
                };
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
                    let made = match value {
                        _ if !forbidden => self.value(inner, value)?,
                        // Whatever its name, what is behind it is no part of this dictionary.
                        Object::Dictionary(_) if resource => self.apart(inner, value)?,
                        _ if resource => self.value(inner, value)?,
                        _ => None,
                    };
                    match made {
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
                let Some((name, usage, tables)) = each.iter().find(|(known, ..)| known.as_bytes() == name)
                else {
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
            (Shape::Special, Object::Dictionary(dict)) if kind == Kind::StructRef => {
                self.struct_element(dict)?
            }
            (Shape::Special, object) if kind == Kind::Dest => self.dest(object)?.unwrap_or(Object::Null),
            (Shape::Special, Object::Dictionary(dict)) if kind == Kind::StructTree => {
                self.struct_tree(dict)?
            }
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
        let fit = self.checked.get(&(std::ptr::from_ref(stream), usage)).copied().unwrap_or(Fit::No);
        if matches!(fit, Fit::Damaged | Fit::Cut(_)) {
            self.removals.add(What::UnknownPart, "the unreadable rest of a damaged stream");
        }
        let (stored, content) = stream::stored(&filters, &stream.content, fit);
        match stored.as_slice() {
            [] => {}
            [one] => new.set("Filter", Object::Name(one.to_vec())),
            more => {
                new.set("Filter", more.iter().map(|name| Object::Name(name.to_vec())).collect::<Vec<_>>());
            }
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
    pub(super) fn fields(
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

    pub(super) fn unlisted(&mut self, key: &[u8], value: &'d Object) {
        if tree::resolve(self.document, value).is_none() || matches!(key, b"Type" | b"Length") {
            return;
        }
        match what_of_key(key) {
            What::UnknownPart => {
                self.removals.add(What::UnknownPart, &format!("/{}", String::from_utf8_lossy(key)));
            }
            // Scripts were all counted beforehand.
            What::Script => {}
            what => {
                let place = format!("{} /{}", place(self.here), String::from_utf8_lossy(key));
                self.removals.add(what, &place);
            }
        }
    }

    pub(super) fn rejected(&mut self, key: &[u8], value: &'d Object) {
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
}

fn is_scalar(object: &Object) -> bool {
    matches!(
        object,
        Object::Boolean(_) | Object::Integer(_) | Object::Real(_) | Object::Name(_) | Object::String(..)
    )
}
