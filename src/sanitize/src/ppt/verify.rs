//! The proof: the new file is read from scratch, and everything that must be gone is searched for by a list of its own.
//!
//! It follows no pointer to find a record: it goes through every byte, and into every record whose version or type says that it
//! holds others, as any reader might.

use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem;

use super::{CLASS, CURRENT_USER, DOCUMENT, PICTURES};
use crate::compound::{self, Compound};
use crate::failure::Failure;
use crate::format::Format;
use crate::job::Job;
use crate::markup::link::is_web;
use crate::office_art::{Record, Records, is_dangerous, is_picture};
use crate::options::Metadata;
use crate::summary;

/// Types that must not be there, wherever they would stand.
const FORBIDDEN: &[(std::ops::RangeInclusive<u16>, &str)] = &[
    (0x03ff..=0x0400, "a macro project"),
    (0x0402..=0x0402, "linked properties"),
    (0x0406..=0x0406, "a routing slip"),
    (0x040e..=0x040f, "a theme in another format"),
    (0x041c..=0x0423, "a copy for 2007"),
    (0x0426..=0x0428, "a copy for 2007"),
    (0x07e3..=0x07e9, "a sound or bookmark"),
    (0x0bc1..=0x0bc1, "a reference to an object"),
    (0x0fb8..=0x0fb8, "an embedded font"),
    (0x0fc1..=0x0fc5, "an object"),
    (0x0fcc..=0x0fcf, "an object"),
    (0x0fd1..=0x0fd1, "a link to a file"),
    (0x0fe4..=0x0fe4, "a second link"),
    (0x0fea..=0x0fee, "a control"),
    (0x0ffb..=0x0ffb, "a control"),
    (0x1001..=0x1013, "media or an object"),
    (0x1016..=0x1019, "flags of a link"),
    (0x1389..=0x1389, "a tag of an add-in"),
    (0x177a..=0x1789, "publishing or mail"),
    (0x2b0b..=0x2b0d, "a copy for 2007"),
    (0x2ee6..=0x2ee7, "a linked review"),
    (0x2eec..=0x2fff, "a review or encryption"),
    (0x32c8..=0x3fff, "a later addition"),
    (0xf018..=0xf117, "a picture in the document"),
    (0xf132..=0xf132, "a command in an animation"),
];

/// Exceptions to the above: header placeholder, animation, and a bullet's picture, which is looked at where it stands.
const FORBIDDEN_BUT: [u16; 1] = [0x0420];

/// Proves a rebuilt presentation.
pub(crate) fn verify(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<(), Failure> {
    search(bytes, job).map_err(Failure::unproved)
}

fn search(bytes: &[u8], job: &mut Job<'_>) -> Result<(), Failure> {
    let file = Compound::parse(bytes, job)?;
    if file.unreachable != compound::Unreachable::default() || !file.root.storages.is_empty() {
        return unproved("something lies beside the streams");
    }
    if file.root.class != CLASS {
        return unproved("the root is not a presentation's");
    }
    for stream in &file.root.streams {
        let is_kept = match stream.name.as_str() {
            DOCUMENT | CURRENT_USER | PICTURES => true,
            summary::STREAM => {
                job.options.metadata == Metadata::Keep
                    && summary::rewritten(&stream.bytes).as_deref() == Some(&*stream.bytes)
            }
            _ => false,
        };
        if !is_kept {
            return unproved("there is another stream");
        }
    }
    let document = file.root.stream(DOCUMENT)?.unwrap_or_default();
    let current_user = file.root.stream(CURRENT_USER)?.unwrap_or_default();
    let pictures = file.root.stream(PICTURES)?.unwrap_or_default();

    layout(document, current_user)?;
    if memmem::find(document, &compound::MAGIC).is_some() {
        return unproved("there is a compound file in the document");
    }
    let found = walk(document, job)?;
    if found.actions.iter().any(|link| *link != 0 && !found.links.contains(link)) {
        return unproved("an action leads to no link");
    }
    blips(pictures, &found.pictures, job)
}

/// One edit, one directory, and every object in it.
fn layout(document: &[u8], current_user: &[u8]) -> Result<(), Failure> {
    let (user, behind) = Record::parse(current_user)?;
    if user.kind != 0x0ff6
        || !behind.is_empty()
        || user.body.len() != 24
        || user.u32_at(4) != Some(0xe391_c05f)
    {
        return unproved("the current user's record says more than it should");
    }
    let mut offsets = Vec::new();
    let mut rest = document;
    while !rest.is_empty() {
        let offset = u32::try_from(document.len() - rest.len()).map_err(Failure::malformed)?;
        let (record, behind) = Record::parse(rest)?;
        offsets.push((offset, record));
        rest = behind;
    }
    let (Some((edit_at, edit)), Some((directory_at, directory))) = (offsets.pop(), offsets.pop()) else {
        return unproved("there is no edit");
    };
    let is_single = edit.kind == 0x0ff5
        && edit.body.len() == 28
        && user.u32_at(8) == Some(edit_at)
        && edit.u32_at(8) == Some(0)
        && edit.u32_at(12) == Some(directory_at)
        && edit.u32_at(16) == Some(1);
    if !is_single || directory.kind != 0x1772 {
        return unproved("there is more than one edit");
    }
    let mut named = BTreeMap::new();
    let mut numbers = directory.body.as_chunks::<4>().0.iter().map(|four| u32::from_le_bytes(*four));
    while let Some(head) = numbers.next() {
        for number in (head & 0xf_ffff..).take(usize::try_from(head >> 20).unwrap_or_default()) {
            named.insert(numbers.next().unwrap_or(u32::MAX), number);
        }
    }
    let types = [0x03ee, 0x03f0, 0x03f8, 0x0fc9];
    let is_known = |(place, (offset, record)): (usize, &(u32, Record<'_>))| {
        let number = named.get(offset).and_then(|number| usize::try_from(*number).ok());
        number == Some(place + 1)
            && if place == 0 { record.kind == 0x03e8 } else { types.contains(&record.kind) }
    };
    match named.len() == offsets.len() && offsets.iter().enumerate().all(is_known) {
        true => Ok(()),
        false => unproved("there is an object that the directory does not name"),
    }
}

/// What the walk comes by.
#[derive(Default)]
struct Found {
    links: BTreeSet<u32>,
    /// Links that actions lead to.
    actions: BTreeSet<u32>,
    /// Entries of the list of pictures: offset, size.
    pictures: Vec<(u32, u32)>,
}

fn walk(document: &[u8], job: &mut Job<'_>) -> Result<Found, Failure> {
    let mut found = Found::default();
    let mut levels = vec![(0_u16, Records(document))];
    while let Some((parent, records)) = levels.last_mut() {
        let parent = *parent;
        let Some(record) = records.next() else {
            if !records.0.is_empty() {
                return unproved("there are bytes behind the last record");
            }
            levels.pop();
            continue;
        };
        let record = record?;
        check(parent, &record, &mut found, job)?;
        if record.version == 0xf || record.kind == 0x138b {
            levels.push((record.kind, record.children()));
        }
    }
    Ok(found)
}

fn check(parent: u16, record: &Record<'_>, found: &mut Found, job: &mut Job<'_>) -> Result<(), Failure> {
    let forbidden = FORBIDDEN.iter().find(|(kinds, _)| kinds.contains(&record.kind));
    if let Some((_, words)) = forbidden.filter(|_| !FORBIDDEN_BUT.contains(&record.kind)) {
        return unproved(&format!("it has {words} (record {:#06x})", record.kind));
    }
    let zero = |range| record.body.get(range).is_none_or(|bytes: &[u8]| bytes.iter().all(|&b| b == 0));
    match record.kind {
        0x0fba if parent == 0x0fd7 => {
            let units: Vec<u16> =
                record.body.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
            let text = String::from_utf16_lossy(&units);
            let is_address = record.instance == 1
                || text.contains('\\')
                || text.split([',', '/']).next().unwrap_or_default().contains(':');
            if is_address && !is_web(&text) {
                return unproved("it has a link to something else than the web or mail");
            }
        }
        0x0fd3 => found.links.extend(record.u32_at(0)),
        0x0ff3 => {
            if !matches!(record.body.get(8), Some(3 | 4 | 7)) || !zero(0..4) || !zero(9..10) {
                return unproved("it has an action that runs something");
            }
            found.actions.extend(record.u32_at(4));
        }
        0x0ff1 if !zero(8..12) || !zero(25..26) => return unproved("an animation plays or commands"),
        0x03f9 if !zero(4..8) => return unproved("a slide plays a sound"),
        0xf127 if record.u32_at(8) == Some(4) => return unproved("an animation plays media"),
        0xf00a if record.u32_at(4).is_none_or(|flags| flags & 0x10 != 0) => {
            return unproved("a shape is an object");
        }
        0xf00b | 0xf121 | 0xf122 if is_dangerous(record) => {
            return unproved("a shape has a property that fetches or runs something");
        }
        0xf007 => match (record.body.len(), record.u32_at(20), record.u32_at(28)) {
            (36, Some(0), Some(u32::MAX)) => {}
            (36, Some(size), Some(offset)) => found.pictures.push((offset, size)),
            _ => return unproved("the list of pictures has an entry with more than it needs"),
        },
        0x07f9 => {
            let blip = record.body.get(2..).unwrap_or_default();
            let (picture, behind) = Record::parse(blip)?;
            if !behind.is_empty() {
                return unproved("a bullet's picture has more than it needs");
            }
            is_picture(&picture, job)?;
        }
        _ => {}
    }
    Ok(())
}

/// The stream of pictures is the pictures of the list, without anything between.
fn blips(stream: &[u8], entries: &[(u32, u32)], job: &mut Job<'_>) -> Result<(), Failure> {
    let listed: BTreeSet<(u32, u32)> = entries.iter().copied().collect();
    let mut rest = stream;
    let mut there = BTreeSet::new();
    while !rest.is_empty() {
        let offset = u32::try_from(stream.len() - rest.len()).map_err(Failure::malformed)?;
        let (picture, behind) = Record::parse(rest)?;
        is_picture(&picture, job)?;
        there.insert((offset, u32::try_from(rest.len() - behind.len()).map_err(Failure::malformed)?));
        rest = behind;
    }
    match there == listed {
        true => Ok(()),
        false => unproved("there is a picture that the list does not name"),
    }
}

fn unproved<T>(problem: &str) -> Result<T, Failure> {
    Err(Failure::Unproved(problem.to_owned()))
}
