//! PDF: a new document from the reachable graph, under an allow-listed catalog, in one revision.
//!
//! | module | question it answers |
//! |---|---|
//! | `load` | do two readers agree on this file? |
//! | `schema` | which keys of which dictionaries are kept? |
//! | `forbidden` | which names may nowhere be left? |
//! | `tree` | what are the pages, fields, structure elements, tree entries? |
//! | `action` | which actions, destinations and links are kept? |
//! | `content` | is a content stream made of whole tokens? |
//! | `stream` | may this stream be kept, and how is it stored? |
//! | `walk` | how does it all get into the new document? |
//! | `pages`, `places`, `structure`, `outline` | the same, where a table does not say enough |
//! | `info` | what does the document say of itself, and is it signed? |
//! | `removals` | what was left behind? |
//! | `write` | how are objects turned into bytes? |
//! | `verify` | is everything gone that must be gone? |

mod action;
mod content;
mod forbidden;
mod info;
mod load;
mod outline;
mod pages;
mod places;
mod removals;
mod schema;
mod stream;
mod structure;
mod tree;
mod verify;
mod walk;
mod write;

#[cfg(test)]
mod tests;

use crate::failure::Failure;
use crate::format::{Format, Rewritten};
use crate::job::Job;

/// Writes a new PDF from what the allow lists name.
pub(crate) fn rebuild(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<Rewritten, Failure> {
    let loaded = load::load(bytes, job)?;
    let bytes = walk::copy(&loaded, job)?;
    Ok(Rewritten { bytes, format: Format::Pdf })
}

/// Reads a rebuilt PDF from scratch and searches all of it for what must be gone.
pub(crate) fn verify(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<(), Failure> {
    verify::verify(bytes, job.options)
}
