//! Reads a rebuilt file from scratch and searches all of it, reachable or not, for what must be gone.
//!
//! Writing what was read must give the same bytes: so nothing lies before, between or after the objects, there is one
//! revision, and no name is spelt in two ways.

use std::cell::LazyCell;
use std::collections::HashSet;
use std::sync::Arc;

use hayro_syntax::Pdf;
use lopdf::{Dictionary, Document, LoadOptions, Object, ObjectId};

use super::forbidden::{FORBIDDEN_ACTIONS, FORBIDDEN_KEYS, FORBIDDEN_TYPES};
use super::load::reached;
use super::{action, tree, write};
use crate::failure::Failure;
use crate::options::{Links, Metadata, Options};

/// Keys whose dictionaries map names of the author's choice, which say nothing.
const MAPS: &[&str] = &[
    "XObject",
    "Font",
    "ExtGState",
    "ColorSpace",
    "Pattern",
    "Shading",
    "Properties",
    "CharProcs",
    "Colorants",
    "RoleMap",
    "ClassMap",
];

pub(super) fn verify(bytes: &[u8], chosen: &Options) -> Result<(), Failure> {
    let options = LoadOptions { strict: true, ..LoadOptions::default() };
    let document = Document::load_mem_with_options(bytes, options).map_err(unproved)?;
    if document.encryption_state.is_some() || document.trailer.has(b"Encrypt") {
        return Err(unproved("it is encrypted"));
    }
    let info = described(&document, chosen.metadata)?;
    same_bytes(&document, bytes, info)?;
    everything_reached(&document)?;
    let maps = LazyCell::new(|| maps(&document));
    for (id, object) in &document.objects {
        // In a map less is refused; few documents need to know which those are.
        search(object, false, chosen.links).or_else(|failure| match maps.contains(id) {
            true => search(object, true, chosen.links),
            false => Err(failure),
        })?;
    }
    let catalog = document.catalog().map_err(unproved)?;
    let pages = tree::pages(&document, catalog)?.len();
    let stated = catalog.get_deref(b"Pages", &document).and_then(Object::as_dict);
    let stated = stated.and_then(|tree| tree.get(b"Count")).and_then(Object::as_i64).map_err(unproved)?;
    drop(document);
    let seen = page_count(bytes)?;
    if pages == 0 || pages != seen {
        return Err(unproved(format!("two readers disagree on the number of pages ({pages} and {seen})")));
    }
    // The rebuild states how many pages the original has.
    if usize::try_from(stated) != Ok(pages) {
        return Err(unproved(format!("it has {pages} pages where there were {stated}")));
    }
    Ok(())
}

/// Pages the second reader sees.
fn page_count(bytes: &[u8]) -> Result<usize, Failure> {
    let pdf = Pdf::new(Arc::new(bytes.to_vec())).map_err(|_| unproved("the second reader cannot read it"))?;
    Ok(pdf.pages().len())
}

fn unproved(cause: impl std::fmt::Display) -> Failure {
    Failure::Unproved(crate::report::plain(&cause.to_string()))
}

/// The number of the information dictionary, which is there only where metadata is kept and says nothing else.
fn described(document: &Document, metadata: Metadata) -> Result<Option<u32>, Failure> {
    let Ok(info) = document.trailer.get(b"Info") else { return Ok(None) };
    let (number, _) = info.as_reference().map_err(unproved)?;
    let dict = document.get_dictionary((number, 0)).map_err(unproved)?;
    let is_text = |(key, value): (&Vec<u8>, &Object)| {
        ["Title", "Author", "Subject", "Keywords", "CreationDate", "ModDate"]
            .iter()
            .any(|known| known.as_bytes() == key)
            && matches!(value, Object::String(..))
    };
    match metadata == Metadata::Keep && dict.iter().all(is_text) {
        true => Ok(Some(number)),
        false => Err(unproved("metadata is left")),
    }
}

fn same_bytes(document: &Document, bytes: &[u8], info: Option<u32>) -> Result<(), Failure> {
    let mut writer = write::Writer::new();
    let mut written = Vec::new();
    let mut rest = bytes;
    let mut expect = |written: &[u8]| {
        rest = rest.strip_prefix(written)?;
        Some(rest.len())
    };
    let hidden = || unproved("it has bytes that no object accounts for");
    for (expected, (id, object)) in (write::CATALOG..).zip(&document.objects) {
        if *id != (expected, 0) {
            return Err(unproved(format!("object {expected} is missing")));
        }
        match object {
            Object::Stream(stream) => writer.stream(&stream.dict, &stream.content),
            other => writer.object(other),
        }
        writer.take(&mut written);
        expect(&written).ok_or_else(hidden)?;
    }
    if expect(&writer.finish(info)) == Some(0) { Ok(()) } else { Err(hidden()) }
}

fn everything_reached(document: &Document) -> Result<(), Failure> {
    let reached = reached(document);
    match document.objects.keys().find(|id| !reached.contains(id)) {
        Some((number, _)) => Err(unproved(format!("nothing refers to object {number}"))),
        None => Ok(()),
    }
}

fn is_map(key: &[u8]) -> bool {
    MAPS.iter().any(|known| known.as_bytes() == key)
}

/// Objects that are such maps of names, and nothing else anywhere.
fn maps(document: &Document) -> HashSet<ObjectId> {
    let (mut maps, mut others) = (HashSet::new(), HashSet::new());
    let mut open: Vec<(&Object, bool)> = document.objects.values().map(|object| (object, false)).collect();
    open.extend(document.trailer.iter().map(|(_, value)| (value, false)));
    while let Some((object, as_map)) = open.pop() {
        match object {
            Object::Reference(id) if as_map => drop(maps.insert(*id)),
            Object::Reference(id) => drop(others.insert(*id)),
            Object::Array(items) => open.extend(items.iter().map(|item| (item, false))),
            Object::Dictionary(dict) => open.extend(dict.iter().map(|(key, value)| (value, is_map(key)))),
            Object::Stream(stream) => {
                open.extend(stream.dict.iter().map(|(key, value)| (value, is_map(key))));
            }
            _ => {}
        }
    }
    &maps - &others
}

fn search(object: &Object, map: bool, links: Links) -> Result<(), Failure> {
    match object {
        Object::Array(items) => items.iter().try_for_each(|item| search(item, false, links)),
        Object::Dictionary(dict) => search_dictionary(dict, map, links),
        Object::Stream(stream) => {
            if let Some(key) = ["F", "FFilter"].iter().find(|key| stream.dict.has(key.as_bytes())) {
                return Err(unproved(format!("a stream has /{key}")));
            }
            search_dictionary(&stream.dict, false, links)
        }
        _ => Ok(()),
    }
}

fn search_dictionary(dict: &Dictionary, map: bool, links: Links) -> Result<(), Failure> {
    let name = |key: &[u8]| dict.get(key).and_then(Object::as_name).unwrap_or_default();
    let listed =
        |list: &[&'static str], name: &[u8]| list.iter().find(|known| known.as_bytes() == name).copied();
    let element = dict.has_type(b"StructElem");
    if let Some(action) = listed(FORBIDDEN_ACTIONS, name(b"S")).filter(|_| !element && !map) {
        return Err(unproved(format!("an action /{action} is left")));
    }
    for key in [b"Type".as_slice(), b"Subtype"] {
        if let Some(found) = listed(FORBIDDEN_TYPES, name(key)).filter(|_| !map) {
            return Err(unproved(format!("a part of type /{found} is left")));
        }
    }
    if let Ok(Object::String(uri, _)) = dict.get(b"URI")
        && (links == Links::Remove || !action::is_web_link(uri))
    {
        return Err(unproved("a link that must not stay is left"));
    }
    for (key, value) in dict {
        // Names of the author's choice may collide; their values may not be what the key would mean.
        if let Some(found) = listed(FORBIDDEN_KEYS, key)
            && !(map && matches!(value, Object::Reference(_) | Object::Name(_) | Object::Array(_)))
        {
            return Err(unproved(format!("a key /{found} is left")));
        }
        search(value, is_map(key), links)?;
    }
    Ok(())
}
