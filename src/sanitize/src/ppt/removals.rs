//! What is left behind, in the report's words.

use std::collections::BTreeMap;

use super::edits::Edits;
use super::links::Kept;
use super::live::Live;
use super::{CURRENT_USER, DOCUMENT, DUAL_STORAGE, PICTURES, grammar, kind};
use crate::compound::Storage;
use crate::job::Job;
use crate::office_art::Record;
use crate::report::{Removed, What};
use crate::summary;

/// What one object loses; counted first, for a hostile one may lose millions of things.
#[derive(Debug, Default)]
pub(super) struct Tally {
    records: BTreeMap<u16, u32>,
    things: BTreeMap<(What, &'static str), u32>,
}

impl Tally {
    /// A record that is not copied.
    pub(super) fn record(&mut self, record: &Record<'_>) {
        // An atom of zeros says that there is no project.
        let is_empty_project = record.kind == 0x03ff && record.body.iter().skip(8).take(8).all(|&b| b == 0);
        match words(record.kind) {
            _ if is_empty_project => {}
            Some(words) => self.thing(grammar::what(record.kind), words),
            None => *self.records.entry(record.kind).or_default() += 1,
        }
    }

    /// A part of a record that is copied.
    pub(super) fn thing(&mut self, what: What, words: &'static str) {
        *self.things.entry((what, words)).or_default() += 1;
    }

    /// Notes it all in the job, and begins anew.
    pub(super) fn note(&mut self, place: &str, job: &mut Job<'_>) {
        for (kind, count) in std::mem::take(&mut self.records) {
            job.removed(Removed::new(grammar::what(kind), &format!("{place}: record {kind:#06x}"), count));
        }
        for ((what, words), count) in std::mem::take(&mut self.things) {
            job.removed(Removed::new(what, &format!("{place}: {words}"), count));
        }
    }
}

/// Common records that are left behind, in plain words.
fn words(kind: u16) -> Option<&'static str> {
    Some(match kind {
        0x03ff => "macro project",
        0x040e..=0x0428 | 0x2b0b..=0x2b0d => "second copy for Office 2007",
        0x07e4..=0x07e7 => "sound",
        0x0bc1 => "reference to an object or film",
        0x0fb8 => "embedded font",
        0x0fcc => "object",
        0x0fce => "linked object",
        0x0fee => "control",
        0x1389 => "tag of an add-in",
        _ => return None,
    })
}

/// Notes older edits, the user's name, links, and objects that the document does not reach.
pub(super) fn note(edits: &Edits, live: &Live<'_>, links: &Kept, stream: &[u8], job: &mut Job<'_>) {
    for (&what, &count) in &links.removed {
        job.removed(Removed::new(what, "list of objects and links", count));
    }
    if edits.has_user {
        job.removed(Removed::new(What::Metadata, "name of the last user", 1));
    }
    if edits.older > 0 {
        job.removed(Removed::new(What::Unreachable, "older edits", edits.older));
    }
    let mut storages = 0;
    let mut others = 0;
    for &number in edits.objects.keys().filter(|&&number| live.number(number).is_none()) {
        match edits.object(stream, number) {
            Ok(object) if object.kind == kind::OLE_STORAGE => storages += 1,
            Ok(_) => others += 1,
            Err(_) => {}
        }
    }
    if storages > 0 {
        let place = "storage of an object, control or macro project";
        job.removed(Removed::new(What::EmbeddedObject, place, storages));
    }
    if others > 0 {
        job.removed(Removed::new(What::Unreachable, "object that the document does not reach", others));
    }
}

/// Notes what else the file has. A summary that stays byte by byte has lost nothing.
pub(super) fn note_streams(root: &Storage<'_>, summary: Option<&[u8]>, job: &mut Job<'_>) {
    for stream in &root.streams {
        let name = stream.name.as_str();
        let what = match name {
            DOCUMENT | CURRENT_USER | PICTURES => match root.storage(DUAL_STORAGE) {
                Some(_) => What::Unreachable,
                None => continue,
            },
            summary::STREAM if summary == Some(&*stream.bytes) => continue,
            summary::STREAM | "\u{5}DocumentSummaryInformation" | "\u{1}Ole" | "\u{1}CompObj" => {
                What::Metadata
            }
            "_signatures" => What::Signature,
            "PP40" | "PersistentStorage Directory" | "Header" | "Text_Content" => What::Unreachable,
            _ => What::UnknownPart,
        };
        job.removed(Removed::new(what, &format!("stream {name}"), 1));
    }
    for storage in &root.storages {
        let name = storage.name.as_str();
        let what = match name {
            DUAL_STORAGE => continue,
            "_xmlsignatures" => What::Signature,
            "Macros" | "_VBA_PROJECT_CUR" | "VBA" => What::Macro,
            "MsoDataStore" => What::Metadata,
            _ => What::EmbeddedObject,
        };
        job.removed(Removed::new(what, &format!("storage {name}"), 1));
    }
}
