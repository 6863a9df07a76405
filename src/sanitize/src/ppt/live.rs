//! Which objects the document reaches, and under which numbers they are written.
//!
//! The document names masters, slides and notes in its three lists and two more masters in its atom (MS-PPT 2.4.1). All else that
//! the directories name - storages of OLE objects and macros, deleted slides - is not reached.

use std::collections::BTreeMap;

use super::edits::Edits;
use super::kind;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::office_art::Record;

/// The number of the document in what is written; PowerPoint wants this one.
pub(super) const DOCUMENT_NUMBER: u32 = 1;
/// Where the document's atom names the master of notes and the master of handouts.
pub(super) const MASTERS_IN_ATOM: [usize; 2] = [24, 28];

/// The live objects but the document, in the order in which they are written.
#[derive(Debug)]
pub(super) struct Live<'a> {
    pub(super) document: Record<'a>,
    /// With a name for reports.
    pub(super) objects: Vec<(String, Record<'a>)>,
    /// New numbers by old ones.
    numbers: BTreeMap<u32, u32>,
}

impl<'a> Live<'a> {
    /// Reads the document's lists.
    ///
    /// # Errors
    /// An object is not there or of a type that cannot be where it is; more objects than the limit of members.
    pub(super) fn read(edits: &Edits, stream: &'a [u8], limits: &Limits) -> Result<Self, Failure> {
        let document = edits.object(stream, edits.document)?;
        if document.kind != kind::DOCUMENT || !document.is_container() {
            return Err(Failure::Malformed("the presentation has no document".to_owned()));
        }
        let mut live = Self { document, objects: Vec::new(), numbers: BTreeMap::new() };
        live.numbers.insert(edits.document, DOCUMENT_NUMBER);
        for child in document.children() {
            let child = child?;
            match child.kind {
                kind::DOCUMENT_ATOM => {
                    let names = ["master of notes", "master of handouts"];
                    for (at, name) in MASTERS_IN_ATOM.into_iter().zip(names) {
                        let number = child.u32_at(at).unwrap_or_default();
                        if number != 0 && edits.objects.contains_key(&number) {
                            live.add(edits.object(stream, number)?, number, name.to_owned(), limits)?;
                        }
                    }
                }
                kind::SLIDE_LIST if child.is_container() => {
                    let name = match child.instance {
                        0 => "slide",
                        1 => "master",
                        _ => "notes",
                    };
                    let mut count = 0;
                    for entry in child.children() {
                        let entry = entry?;
                        let Some(number) = entry.u32_at(0).filter(|_| entry.kind == kind::SLIDE_PERSIST)
                        else {
                            continue;
                        };
                        count += 1;
                        live.add(edits.object(stream, number)?, number, format!("{name} {count}"), limits)?;
                    }
                }
                _ => {}
            }
        }
        Ok(live)
    }

    fn add(&mut self, object: Record<'a>, number: u32, name: String, limits: &Limits) -> Result<(), Failure> {
        if self.numbers.contains_key(&number) {
            return Ok(());
        }
        let known = [kind::SLIDE, kind::NOTES, kind::MAIN_MASTER, kind::HANDOUT];
        if !known.contains(&object.kind) || !object.is_container() {
            return Err(Failure::Malformed(format!("the presentation's {name} is something else")));
        }
        let new = u32::try_from(self.objects.len()).map_err(Failure::malformed)? + DOCUMENT_NUMBER + 1;
        if new > limits.max_members {
            return Err(Failure::Limit {
                name: "max_members",
                what: "the number of slides".to_owned(),
                limit: limits.max_members.into(),
            });
        }
        self.numbers.insert(number, new);
        self.objects.push((name, object));
        Ok(())
    }

    /// The new number of an object; `None`: it is not reached.
    pub(super) fn number(&self, old: u32) -> Option<u32> {
        self.numbers.get(&old).copied()
    }
}
