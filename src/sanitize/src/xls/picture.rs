//! The workbook's drawing group: its table of pictures, each rebuilt, and the properties that all shapes share.
//!
//! ```text
//! DrawingGroup ─▶ Pictures ─▶ entry │ picture
//! ```

use super::art::{self, Art, Content, Once, kind};
use crate::failure::Failure;
use crate::job::Job;
use crate::office_art::{Blip, Entry, Properties};
use crate::report::{Removed, What};

/// Writes the drawing group anew; `None`: it cannot be read.
pub(super) fn rebuild(body: &[u8], job: &mut Job<'_>) -> Result<Option<Vec<u8>>, Failure> {
    let Some(records) = art::parse(body, 0) else { return Ok(None) };
    let [record] = records.as_slice() else { return Ok(None) };
    if record.kind != kind::DRAWING_GROUP || !matches!(record.content, Content::Container(_)) {
        return Ok(None);
    }
    let mut group = Group { out: Vec::with_capacity(body.len()), pictures: 0 };
    group.put(record, job)?;
    Ok(Some(group.out))
}

struct Group {
    out: Vec<u8>,
    pictures: u32,
}

impl Group {
    fn put(&mut self, record: &Art<'_>, job: &mut Job<'_>) -> Result<(), Failure> {
        match &record.content {
            Content::Container(records) if kind::CONTAINERS.contains(&record.kind) => {
                let start = art::open(record.tag, record.kind, &mut self.out);
                let mut once = Once::default();
                for inner in records {
                    match record.kind {
                        kind::PICTURES => self.entry(inner, job)?,
                        container if once.admits(container, inner) => self.put(inner, job)?,
                        _ => job.removed(Removed::new(What::UnknownPart, &art::place(inner.kind), 1)),
                    }
                }
                art::close(start, &mut self.out);
            }
            Content::Atom(body) if kind::PROPERTIES.contains(&record.kind) => {
                put_properties(record, body, &mut self.out, job)?;
            }
            Content::Atom(body) => match art::numbers(record, body) {
                Some(body) => {
                    let start = art::open(record.tag, record.kind, &mut self.out);
                    self.out.extend(body);
                    art::close(start, &mut self.out);
                }
                None => job.removed(Removed::new(What::UnknownPart, &art::place(record.kind), 1)),
            },
            Content::Container(_) => {
                job.removed(Removed::new(What::UnknownPart, &art::place(record.kind), 1));
            }
        }
        Ok(())
    }

    /// An entry keeps its place whatever becomes of its picture: shapes know pictures by their place.
    fn entry(&mut self, record: &Art<'_>, job: &mut Job<'_>) -> Result<(), Failure> {
        self.pictures += 1;
        let place = format!("picture {}", self.pictures);
        let record = record.plain().filter(|record| record.is_blip() || record.kind == kind::PICTURE_ENTRY);
        match record.map(|record| (Entry::parse(record), record)) {
            Some((Ok(Entry::Here(blip)), entry)) => {
                let references = if entry.is_blip() { 1 } else { entry.u32_at(24).unwrap_or(1) };
                Entry::put(&mut self.out, &Blip::rebuild(&blip, &place, job)?, references, None)
            }
            Some((Ok(Entry::Empty), _)) => Entry::put_empty(&mut self.out),
            _ => {
                job.removed(Removed::new(What::Picture, &place, 1));
                Entry::put_empty(&mut self.out)
            }
        }
    }
}

/// Writes a table of properties anew, or leaves it out when it cannot be read.
pub(super) fn put_properties(
    record: &Art<'_>,
    body: &[u8],
    out: &mut Vec<u8>,
    job: &mut Job<'_>,
) -> Result<(), Failure> {
    match Properties::parse(&record.with(body)) {
        Ok(properties) => {
            for (what, place) in &properties.removed {
                job.removed(Removed::new(*what, place, 1));
            }
            properties.put(out, record.kind)
        }
        Err(failure) => {
            job.removed(Removed::new(What::UnknownPart, &failure.to_string(), 1));
            Ok(())
        }
    }
}
