//! The list of pictures and the stream `Pictures`: each picture that a shape uses, rebuilt; the others leave an empty place.

use std::collections::{BTreeMap, HashMap};

use crate::failure::Failure;
use crate::job::Job;
use crate::office_art::{Blip, Entry, Record};
use crate::report::{Removed, What};

/// How many shapes use each picture, by its place in the list, counted from 1.
pub(super) type Uses = BTreeMap<u32, u32>;

/// Rebuilds the pictures of a list: the body of the new list, the number of its entries, and the new stream.
///
/// # Errors
/// An infection, a limit, or an entry that is none.
pub(super) fn rebuild(
    list: &Record<'_>,
    stream: &[u8],
    uses: &Uses,
    job: &mut Job<'_>,
) -> Result<(Vec<u8>, u16, Vec<u8>), Failure> {
    let mut body = Vec::new();
    let mut pictures = Vec::new();
    let mut placed: HashMap<u32, (Blip, u32)> = HashMap::new();
    let mut place = 0_u16;
    for entry in list.children() {
        place = place.checked_add(1).ok_or_else(|| Failure::Malformed("too many pictures".to_owned()))?;
        let name = format!("picture {place}");
        let entry = Entry::parse(entry?)?;
        let Some(&references) = uses.get(&place.into()) else {
            if entry != Entry::Empty {
                job.removed(Removed::new(What::Unreachable, "picture that no shape uses", 1));
            }
            Entry::put_empty(&mut body)?;
            continue;
        };
        let offset = match entry {
            Entry::Elsewhere(offset) => Some(offset),
            _ => None,
        };
        if let Some((blip, at)) = offset.and_then(|offset| placed.get(&offset)) {
            Entry::put(&mut body, blip, references, Some(*at))?;
            continue;
        }
        let Some(record) = find(&entry, stream) else {
            if entry != Entry::Empty {
                job.removed(Removed::new(What::Picture, &name, 1));
            }
            Entry::put_empty(&mut body)?;
            continue;
        };
        let blip = Blip::rebuild(&record, &name, job)?;
        let at = u32::try_from(pictures.len()).map_err(Failure::malformed)?;
        pictures.extend(&blip.record);
        Entry::put(&mut body, &blip, references, Some(at))?;
        if let Some(offset) = offset {
            placed.insert(offset, (blip, at));
        }
    }
    Ok((body, place, pictures))
}

fn find<'a>(entry: &Entry<'a>, stream: &'a [u8]) -> Option<Record<'a>> {
    match *entry {
        Entry::Empty => None,
        Entry::Here(record) => Some(record),
        Entry::Elsewhere(offset) => {
            let from = stream.get(usize::try_from(offset).ok()?..)?;
            Record::parse(from).ok().map(|(record, _)| record).filter(Record::is_blip)
        }
    }
}
