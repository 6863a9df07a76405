//! PowerPoint 97–2003 presentations (MS-PPT): the newest edit's live objects, written anew as a file of one edit.
//!
//! ```text
//! compound file ─┬─ Current User ─▶ newest edit ─▶ older edit ─▶ …        edits: where is object n now?
//!                │                       └─ persist directory
//!                ├─ PowerPoint Document ─▶ document ─▶ masters, slides, notes, handout    live
//!                │                              └─ each through the grammar               rewrite
//!                ├─ Pictures ─▶ each that a shape uses, rebuilt by its own format         pictures
//!                └─ everything else: left behind
//! ```
//!
//! Invariants of what is written: every object is reached from the document and every byte belongs to an object, the one directory
//! or the one edit; there is no object, control, sound, film, program or macro, and no link but to the web, to mail or to a slide.
//!
//! | module | question it answers |
//! |---|---|
//! | `edits` | where in the stream does each object live? |
//! | `live` | which objects does the document reach, and under which numbers are they written? |
//! | `grammar` | which records may stand in which? **the allow list** |
//! | `rewrite` | how are they copied? |
//! | `links` | which links and actions may stay? |
//! | `pictures` | what becomes of pictures? |
//! | `removals` | what is left behind, in the report's words? |
//! | `write` | how is a stream of one edit written? |
//! | `verify` | is everything that must be gone gone? |

mod edits;
mod grammar;
mod links;
mod live;
mod pictures;
mod removals;
mod rewrite;
#[cfg(test)]
mod tests;
mod verify;
mod write;

use crate::compound::{self, Compound, Storage};
use crate::failure::Failure;
use crate::format::{Format, Rewritten};
use crate::job::Job;
use crate::options::{Metadata, Signed};
use crate::summary;

pub(crate) use verify::verify;

/// Names of streams and of a storage (MS-PPT 2.1).
const DOCUMENT: &str = "PowerPoint Document";
const CURRENT_USER: &str = "Current User";
const PICTURES: &str = "Pictures";
/// In a file for PowerPoint 95 as well: the storage that has these streams; beside it lies the presentation in the older format.
const DUAL_STORAGE: &str = "PP97_DUALSTORAGE";

/// Class of the root: {64818D10-4F9B-11CF-86EA-00AA00B929E8}, a PowerPoint presentation.
const CLASS: compound::Class =
    [0x10, 0x8d, 0x81, 0x64, 0x9b, 0x4f, 0xcf, 0x11, 0x86, 0xea, 0x00, 0xaa, 0x00, 0xb9, 0x29, 0xe8];

/// Record types (MS-PPT 2.13.24) that are named more than once; the grammar has the others.
mod kind {
    pub(super) const DOCUMENT: u16 = 0x03e8;
    pub(super) const DOCUMENT_ATOM: u16 = 0x03e9;
    pub(super) const SLIDE: u16 = 0x03ee;
    pub(super) const NOTES: u16 = 0x03f0;
    pub(super) const SLIDE_PERSIST: u16 = 0x03f3;
    pub(super) const MAIN_MASTER: u16 = 0x03f8;
    pub(super) const SLIDE_SHOW_INFO: u16 = 0x03f9;
    pub(super) const EXTERNAL_LIST: u16 = 0x0409;
    pub(super) const EXTERNAL_LIST_ATOM: u16 = 0x040a;
    pub(super) const BULLET_PICTURE: u16 = 0x07f9;
    pub(super) const FONT: u16 = 0x0fb7;
    pub(super) const STRING: u16 = 0x0fba;
    pub(super) const HANDOUT: u16 = 0x0fc9;
    pub(super) const LINK_ATOM: u16 = 0x0fd3;
    pub(super) const LINK: u16 = 0x0fd7;
    pub(super) const TEXT_ACTION: u16 = 0x0fdf;
    pub(super) const SLIDE_LIST: u16 = 0x0ff0;
    pub(super) const ANIMATION: u16 = 0x0ff1;
    pub(super) const ACTION: u16 = 0x0ff2;
    pub(super) const ACTION_ATOM: u16 = 0x0ff3;
    pub(super) const USER_EDIT: u16 = 0x0ff5;
    pub(super) const CURRENT_USER: u16 = 0x0ff6;
    pub(super) const OLE_STORAGE: u16 = 0x1011;
    pub(super) const TAGS: u16 = 0x1388;
    pub(super) const BINARY_TAG: u16 = 0x138a;
    pub(super) const BINARY_TAG_DATA: u16 = 0x138b;
    pub(super) const PERSIST_DIRECTORY: u16 = 0x1772;
    pub(super) const CRYPT_SESSION: u16 = 0x2f14;
    pub(super) const TIME_NODE_ATOM: u16 = 0xf127;
    pub(super) const TIME_COMMAND: u16 = 0xf132;
    pub(super) const TIME_NODE: u16 = 0xf144;
}

/// Writes the presentation anew from what the newest edit reaches and the grammar allows.
pub(crate) fn rebuild(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<Rewritten, Failure> {
    let file = Compound::parse(bytes, job)?;
    let storage = presentation(&file.root);
    check_signature(&file.root, job)?;
    let document = storage.stream(DOCUMENT)?.ok_or_else(|| missing(DOCUMENT))?;
    let current_user = storage.stream(CURRENT_USER)?.ok_or_else(|| missing(CURRENT_USER))?;
    let pictures = storage.stream(PICTURES)?.unwrap_or_default();

    let edits = edits::Edits::read(document, current_user, job)?;
    let written = rewrite::presentation(&edits, document, pictures, job)?;
    file.unreachable.note(job);
    let summary = storage.stream(summary::STREAM).ok().flatten();
    let summary = summary.filter(|_| job.options.metadata == Metadata::Keep).and_then(summary::rewritten);
    removals::note_streams(&file.root, summary.as_deref(), job);

    let mut root = Storage::new("", CLASS);
    if let Some(summary) = summary {
        root.add(summary::STREAM, summary);
    }
    root.add(CURRENT_USER, written.current_user);
    root.add(DOCUMENT, written.document);
    if !written.pictures.is_empty() {
        root.add(PICTURES, written.pictures);
    }
    Ok(Rewritten { bytes: root.write()?, format: Format::Ppt })
}

/// The storage with the presentation that PowerPoint 97 and later show.
fn presentation<'s, 'a>(root: &'s Storage<'a>) -> &'s Storage<'a> {
    root.storage(DUAL_STORAGE).unwrap_or(root)
}

fn missing(stream: &str) -> Failure {
    Failure::Malformed(format!("the presentation has no stream \"{stream}\""))
}

fn check_signature(root: &Storage<'_>, job: &mut Job<'_>) -> Result<(), Failure> {
    let signed = root.storage("_xmlsignatures").is_some() || root.stream("_signatures")?.is_some();
    match (signed, job.options.signed) {
        (true, Signed::Quarantine) => Err(Failure::Refused("the presentation is signed".to_owned())),
        _ => Ok(()),
    }
}
