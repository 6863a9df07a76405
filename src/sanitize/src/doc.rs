//! Word 97–2003 documents (MS-DOC): new streams of what the text needs, in a new compound file.
//!
//! ```text
//! compound ─▶ WordDocument, table, Data ─▶ fib ─▶ text ─▶ fields ─▶ formatting ─▶ structures by list ─▶ new streams
//!                 everything else stays behind                        └▶ pictures, each rebuilt
//! ```
//!
//! Macros, objects, toolbars, printer data, names of users and of files, older revisions and all bytes that no listed
//! structure accounts for do not come along. Fields, pictures and links follow the rules of the newer formats.
//!
//! | module | question it answers |
//! |---|---|
//! | `fib` | what does the document consist of, and where? |
//! | `text` | which characters are there, and where? |
//! | `fields` | which fields stay? |
//! | `sprm`, `fkp`, `styles`, `lists` | which formatting stays, and how is it stored? |
//! | `tables`, `entry` | which other structures stay? **the allow list** |
//! | `data`, `drawing` | what becomes of pictures, forms and shapes? |
//! | `rewrite` | how do the new streams come about? |
//! | `verify` | is everything that must be gone gone? |

mod bytes;
mod data;
mod drawing;
mod entry;
mod fib;
mod fields;
mod fkp;
mod lists;
mod rewrite;
mod sprm;
mod styles;
mod tables;
#[cfg(test)]
mod tests;
mod text;
mod verify;

use crate::compound::{Compound, Storage};
use crate::failure::Failure;
use crate::format::{Format, Rewritten};
use crate::job::Job;
use crate::options::{Metadata, Signed};
use crate::report::{Removed, What};
use crate::summary;

pub(crate) use verify::verify;

const WORD: &str = "WordDocument";
const DATA: &str = "Data";
/// Class of a Word document's root storage: {00020906-0000-0000-C000-000000000046}.
const CLASS: [u8; 16] = [0x06, 0x09, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];

/// Writes the document anew from what is on the allow lists.
pub(crate) fn rebuild(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<Rewritten, Failure> {
    let compound = Compound::parse(bytes, job)?;
    let root = &compound.root;
    let missing = |name: &str| Failure::Malformed(format!("the document has no stream {name}"));
    let word = root.stream(WORD)?.ok_or_else(|| missing(WORD))?;
    let fib = fib::Fib::parse(word)?;
    let table = root.stream(fib.table_name())?.ok_or_else(|| missing(fib.table_name()))?;
    let data = root.stream(DATA)?.unwrap_or_default();
    let summary = root.stream(summary::STREAM).ok().flatten();
    let summary = summary.filter(|_| job.options.metadata == Metadata::Keep).and_then(summary::rewritten);
    report(root, fib.table_name(), summary.as_deref(), job)?;
    compound.unreachable.note(job);
    if fib.has_glossary {
        job.removed(Removed::new(What::UnknownPart, "AutoText entries", 1));
    }

    let new = rewrite::rebuild(&fib, word, table, data, job)?;
    let mut root = Storage::new("Root Entry", CLASS);
    root.add(WORD, new.word);
    root.add(fib.table_name(), new.table);
    if !new.data.is_empty() {
        root.add(DATA, new.data);
    }
    if let Some(summary) = summary {
        root.add(summary::STREAM, summary);
    }
    Ok(Rewritten { bytes: root.write()?, format: Format::Doc })
}

/// Notes the streams and storages that stay behind. A summary that stays byte by byte has lost nothing.
fn report(root: &Storage<'_>, table: &str, summary: Option<&[u8]>, job: &mut Job<'_>) -> Result<(), Failure> {
    /// Words in lower-case names that tell what they are.
    const WORDS: &[(&str, What)] = &[
        ("macros", What::Macro),
        ("vba", What::Macro),
        ("objectpool", What::EmbeddedObject),
        ("ole10", What::EmbeddedObject),
        ("signature", What::Signature),
        ("summaryinformation", What::Metadata),
        ("msodatastore", What::Metadata),
    ];
    let names = root
        .storages
        .iter()
        .map(|storage| &storage.name)
        .chain(root.streams.iter().map(|stream| &stream.name))
        .chain(&root.unreadable);
    for name in names {
        let is_kept = |kept: &str| name.eq_ignore_ascii_case(kept);
        if name == summary::STREAM
            && summary.is_some()
            && root.stream(name).is_ok_and(|stream| stream == summary)
        {
            continue;
        }
        // Which program made it; nothing is lost with that.
        if is_kept(WORD) || is_kept(table) || is_kept(DATA) || is_kept("\u{1}CompObj") {
            continue;
        }
        let lower = name.to_ascii_lowercase();
        let what =
            WORDS.iter().find(|(word, _)| lower.contains(word)).map_or(What::UnknownPart, |(_, what)| *what);
        if what == What::Signature && job.options.signed == Signed::Quarantine {
            return Err(Failure::Refused("the document has a digital signature".to_owned()));
        }
        job.removed(Removed::new(what, name, 1));
    }
    Ok(())
}
