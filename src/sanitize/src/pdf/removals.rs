//! What the walk leaves behind, gathered so that one file's report stays short.

use std::collections::{BTreeMap, HashSet};

use lopdf::{Dictionary, Document, Object, ObjectId};

use crate::job::Job;
use crate::report::{Removed, What, plain};

/// Places named per kind of content; what is found at further places is counted together.
const MAX_PLACES: usize = 50;

/// Counts by kind and place.
#[derive(Default)]
pub(super) struct Removals {
    found: BTreeMap<(What, String), u32>,
    places: BTreeMap<What, usize>,
}

impl Removals {
    pub(super) fn add(&mut self, what: What, place: &str) {
        let mut key = (what, plain(place));
        if !self.found.contains_key(&key) {
            let places = self.places.entry(what).or_default();
            if *places >= MAX_PLACES {
                key.1 = "further places".to_owned();
            } else {
                *places += 1;
            }
        }
        let count = self.found.entry(key).or_default();
        *count = count.saturating_add(1);
    }

    pub(super) fn report(self, job: &mut Job<'_>) {
        for ((what, place), count) in self.found {
            job.removed(Removed::new(what, &place, count));
        }
    }
}

/// `object 12 0`, or where there is no number, `the catalog`.
pub(super) fn place(id: Option<ObjectId>) -> String {
    id.map_or_else(|| "the catalog".to_owned(), |(number, generation)| format!("object {number} {generation}"))
}

/// What a dictionary entry is that is not on the list for its place.
pub(super) fn what_of_key(key: &[u8]) -> What {
    match key {
        b"AA" | b"OpenAction" | b"A" | b"PA" | b"Next" | b"Trans" => What::Action,
        b"JS" | b"JavaScript" | b"CO" => What::Script,
        b"EmbeddedFiles" | b"EmbeddedFile" | b"AF" | b"EF" | b"FS" | b"Collection" => What::Attachment,
        b"XFA" | b"NeedsRendering" => What::Form,
        b"Perms" | b"DSS" | b"Legal" | b"Lock" | b"SV" | b"SigFlags" => What::Signature,
        b"RichMediaContent" | b"RichMediaSettings" | b"Renditions" | b"Movie" | b"Sound" | b"3DD" | b"3DV" | b"3DA" => {
            What::Multimedia
        }
        b"OPI" | b"Ref" | b"F" | b"FFilter" | b"FDecodeParms" | b"URI" | b"URLS" | b"DestOutputProfileRef" => {
            What::ExternalReference
        }
        b"Metadata" | b"PieceInfo" | b"SpiderInfo" | b"Thumb" | b"LastModified" | b"ID" | b"IDTree" | b"Creator" | b"Info"
        | b"CreatorInfo" | b"RegistryName" => What::Metadata,
        _ => What::UnknownPart,
    }
}

/// What an action or annotation is that is not on the list; `None` for any other value.
pub(super) fn what_of_dictionary(document: &Document, dict: &Dictionary) -> Option<What> {
    let name = |key| dict.get_deref(key, document).and_then(Object::as_name).ok();
    match name(b"Subtype") {
        Some(b"FileAttachment") => return Some(What::Attachment),
        Some(b"Movie" | b"Sound" | b"Screen" | b"RichMedia" | b"3D") => return Some(What::Multimedia),
        _ => {}
    }
    if dict.has(b"ByteRange") {
        return Some(What::Signature);
    }
    match name(b"S") {
        Some(b"JavaScript") => Some(What::Script),
        Some(b"URI") => Some(What::Link),
        Some(b"Movie" | b"Sound" | b"Rendition" | b"RichMediaExecute" | b"GoTo3DView") => Some(What::Multimedia),
        Some(_) => Some(What::Action),
        None => None,
    }
}

/// Notes every script among the objects as they came, reachable or not.
pub(super) fn scripts(document: &Document, removals: &mut Removals) {
    for (id, object) in &document.objects {
        // Direct objects nest at most 100 deep.
        fn search(document: &Document, object: &Object, found: &mut u32) {
            match object {
                Object::Array(items) => items.iter().for_each(|item| search(document, item, found)),
                Object::Dictionary(dict) => search_dictionary(document, dict, found),
                Object::Stream(stream) => search_dictionary(document, &stream.dict, found),
                _ => {}
            }
        }
        fn search_dictionary(document: &Document, dict: &Dictionary, found: &mut u32) {
            let action = dict.get_deref(b"S", document).and_then(Object::as_name).is_ok_and(|name| name == b"JavaScript");
            // A resource may be called JS; a script is a string or a stream.
            let script = dict.get_deref(b"JS", document).is_ok_and(|js| js.as_str().is_ok() || js.as_stream().is_ok());
            if script || action {
                *found += 1;
            }
            dict.iter().for_each(|(_, value)| search(document, value, found));
        }
        let mut found = 0;
        search(document, object, &mut found);
        for _ in 0..found {
            removals.add(What::Script, &place(Some(*id)));
        }
    }
}

/// Notes objects that nothing refers to, and revisions that a later one replaced.
pub(super) fn unreached(document: &Document, reached: &HashSet<ObjectId>, removals: &mut Removals) {
    for (id, object) in &document.objects {
        let structural = object.as_stream().is_ok_and(|s| s.dict.has_type(b"ObjStm") || s.dict.has_type(b"XRef"))
            || object.as_dict().is_ok_and(|dict| dict.has(b"Linearized"))
            || object.is_null();
        if !structural && !reached.contains(id) {
            removals.add(What::Unreachable, "objects that nothing refers to");
        }
    }
    for _ in 1..document.revision_count() {
        removals.add(What::Unreachable, "older revisions");
    }
}
