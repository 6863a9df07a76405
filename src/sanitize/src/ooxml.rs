//! Office Open XML (ECMA-376, ISO/IEC 29500): Word, Excel and PowerPoint, rebuilt from their root relationships.
//!
//! ```text
//!            zip_structure        package            walk + table           rewrite + rules         zip_write
//! bytes ──▶ one sound ZIP ──▶ parts, types, ──▶ only listed relationships ──▶ only harmless ──▶ a new package
//!                             relationships     to listed types            elements, fields,      names all ours
//!                                                                          formulas, links
//!                                                    verify: the new package read from scratch, by a list of its own ──▶ proof
//! ```
//!
//! Macro types come out as their plain type. Document properties (unless the caller keeps them), thumbnails and printer settings are not copied;
//! pictures pass through the rebuilders of their own formats.
//!
//! | module | question it answers |
//! |---|---|
//! | `package` | which parts and relationships does the file say it has? |
//! | `table` | which of them may be copied? **the allow list** |
//! | `walk` | what is reached by the list? |
//! | `write` | in which order and under which names does it go into the new package? |
//! | `rewrite`, `rules` | what may not stand inside a kept part? |
//! | `description` | what may the document say of itself? |
//! | `fields`, `formula` | which Word fields and formulas may stay? |
//! | `objects` | which pictures stand in for objects? |
//! | `xml`, `namespace` | which XML vocabularies are known? |
//! | `verify` | is everything that must be gone gone? |

mod description;
pub(crate) mod fields;
mod formula;
mod namespace;
mod objects;
mod package;
mod rewrite;
mod rules;
mod table;
#[cfg(test)]
mod tests;
mod verify;
mod walk;
mod write;
mod xml;

use crate::failure::Failure;
use crate::format::{Format, Rewritten};
use crate::job::Job;

pub(crate) use verify::verify;

/// Writes the document anew from what is on the allow list.
pub(crate) fn rebuild(bytes: &[u8], format: Format, job: &mut Job<'_>) -> Result<Rewritten, Failure> {
    walk::rebuild(bytes, format, job)
}
