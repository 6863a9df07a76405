//! Rich Text Format (specification 1.9.1): read as tokens, written anew in one normal form.
//!
//! ```text
//!          token              walk + words                             write             verify
//! bytes ─▶ tokens ─▶ groups on the list, with words on the list ─▶ {\rtf1…} ─▶ read by a reader of its own ─▶ proof
//!                      ├─ field: the instruction is judged, the shown text stays
//!                      ├─ picture: digits ─▶ rebuilder of its own format ─▶ digits
//!                      ├─ object: only what it shows stays
//!                      └─ unknown: `{\*\…}` goes whole, a word goes alone
//! ```
//!
//! Readers of RTF disagree on all that is malformed, and attacks live on that. Nothing of the input's spelling comes
//! through: the file that is written has no binary data, balanced groups, short words and nothing before or behind.
//!
//! | module | question it answers |
//! |---|---|
//! | `token` | what are the file's tokens? |
//! | `words`, `shape` | which words, groups and shape properties may be copied? **the allow lists** |
//! | `walk` | what stays of each group? |
//! | `field`, `picture` | what becomes of an instruction, and of a picture's data? |
//! | `write` | how is it written? |
//! | `verify` | is everything that must be gone gone? |

mod field;
mod picture;
mod shape;
#[cfg(test)]
mod tests;
mod token;
mod verify;
mod walk;
mod words;
mod write;

use crate::failure::Failure;
use crate::format::{Format, Rewritten};
use crate::job::Job;

pub(crate) use verify::verify;

/// Writes the document anew from what is on the allow list.
pub(crate) fn rebuild(bytes: &[u8], format: Format, job: &mut Job<'_>) -> Result<Rewritten, Failure> {
    let bytes = walk::rebuild(bytes, job)?;
    Ok(Rewritten { bytes, format })
}
