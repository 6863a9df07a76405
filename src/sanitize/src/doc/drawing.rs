//! Shapes (MS-DOC 2.9.172; MS-ODRAW): records of listed types, with listed properties and rebuilt pictures.
//!
//! ```text
//! table stream: DggContainer ─ list of pictures ─ offset ─┐   then, for text and for headers: 0 or 1 │ DgContainer ─ shapes
//! WordDocument: …                                          └▶ BLIP …
//! ```

use std::collections::{HashMap, HashSet};

use super::bytes::{broken, u32_of, usize_of};
use crate::failure::Failure;
use crate::job::Job;
use crate::office_art::{Blip, Entry, Properties, Record, Records, group_length, hides_file, kind, put};
use crate::report::{Removed, What};

/// Containers within containers.
const MAX_DEPTH: u32 = 32;

/// Records that are copied, and the most bytes their bodies may have.
const COPIED: &[(u16, usize)] = &[
    (kind::DGG, 64 << 10),
    (kind::DG, 8),
    (kind::GROUP, 16),
    (kind::SHAPE, 8),
    (kind::CLIENT_TEXTBOX, 4),
    (kind::CHILD_ANCHOR, 16),
    (kind::CLIENT_ANCHOR, 20),
    (kind::CLIENT_DATA, 4),
    (kind::CONNECTOR_RULE, 24),
    (kind::ARC_RULE, 8),
    (kind::CALLOUT_RULE, 8),
    (kind::REGROUP_ITEMS, 64 << 10),
    (kind::RECENT_COLOURS, 64),
    (kind::MENU_COLOURS, 16),
];

/// Records that a container has but one of.
const ONCE: [u16; 5] = [kind::DGG, kind::DG, kind::REGROUP_ITEMS, kind::RECENT_COLOURS, kind::MENU_COLOURS];

/// Containers whose children are looked at one by one.
const CONTAINERS: [u16; 5] = [
    kind::DGG_CONTAINER,
    kind::DG_CONTAINER,
    kind::GROUP_CONTAINER,
    kind::SHAPE_CONTAINER,
    kind::SOLVER_CONTAINER,
];

/// Where pictures are read from and written to that lie in the WordDocument stream.
#[derive(Debug)]
pub(super) struct Elsewhere<'a> {
    pub(super) word: &'a [u8],
    /// Pictures so far.
    pub(super) out: Vec<u8>,
    /// Where the first of them will lie.
    pub(super) base: u32,
    /// New pictures and their places, by old places.
    pub(super) known: HashMap<u32, Option<(Blip, u32)>>,
}

impl Elsewhere<'_> {
    /// The place that a picture gets.
    fn add(&mut self, blip: &Blip) -> Result<u32, Failure> {
        let at = self.base + u32_of(self.out.len())?;
        self.out.extend(&blip.record);
        Ok(at)
    }

    /// The picture that was at `at`, once for all that name it; `None`: there is none.
    fn moved(&mut self, at: u32, place: &str, job: &mut Job<'_>) -> Result<&Option<(Blip, u32)>, Failure> {
        if !self.known.contains_key(&at) {
            let record = self.word.get(usize_of(at)?..).map(Record::parse);
            let picture = match record {
                Some(Ok((record, _))) => {
                    let blip = Blip::rebuild(&record, place, job)?;
                    let new = self.add(&blip)?;
                    Some((blip, new))
                }
                _ => None,
            };
            self.known.insert(at, picture);
        }
        Ok(self.known.get(&at).unwrap_or(&None))
    }
}

/// All drawings of a document anew.
pub(super) fn rebuild(
    content: &[u8],
    elsewhere: &mut Elsewhere<'_>,
    job: &mut Job<'_>,
) -> Result<Vec<u8>, Failure> {
    let (group, mut rest) = Record::parse(content)?;
    if group.kind != kind::DGG_CONTAINER {
        return Err(broken("the drawings do not begin with what they have in common"));
    }
    let mut out = Vec::new();
    copy(&group, &mut out, Some(elsewhere), 0, job)?;
    while let Some((&story, drawing)) = rest.split_first() {
        let Ok((drawing, after)) = Record::parse(drawing) else { break };
        if story > 1 || drawing.kind != kind::DG_CONTAINER {
            break;
        }
        out.push(story);
        copy(&drawing, &mut out, None, 0, job)?;
        rest = after;
    }
    Ok(out)
}

/// The shape and the pictures of a picture in the text.
pub(super) fn rebuild_inline(content: &[u8], job: &mut Job<'_>) -> Result<Vec<u8>, Failure> {
    let (shape, pictures) = Record::parse(content)?;
    if shape.kind != kind::SHAPE_CONTAINER {
        return Err(broken("a picture does not begin with its shape"));
    }
    let mut out = Vec::new();
    copy(&shape, &mut out, None, 0, job)?;
    for picture in Records(pictures) {
        match Entry::parse(picture?)? {
            Entry::Here(record) => {
                Entry::put(&mut out, &Blip::rebuild(&record, "picture in the text", job)?, 1, None)?;
            }
            Entry::Empty | Entry::Elsewhere(_) => Entry::put_empty(&mut out)?,
        }
    }
    Ok(out)
}

/// The shape of a blank picture in the text.
pub(super) fn blank_inline(job: &mut Job<'_>) -> Result<Vec<u8>, Failure> {
    const FRAME: u16 = 75;
    const PNG: u16 = 0xf01e;
    // Shape type and anchor are given; number 1 of its drawing.
    const SHAPE: [u8; 8] = [1, 4, 0, 0, 0, 0x0a, 0, 0];
    // The picture is the first of its list.
    const PICTURE: [u8; 6] = [4, 0x41, 1, 0, 0, 0];
    let mut children = Vec::new();
    put(&mut children, 2, FRAME, kind::SHAPE, &SHAPE)?;
    put(&mut children, 3, 1, kind::PROPERTIES, &PICTURE)?;
    put(&mut children, 0, 0, kind::CLIENT_ANCHOR, &[0, 0, 0, 0x80])?;
    let mut out = Vec::new();
    put(&mut out, 0xf, 0, kind::SHAPE_CONTAINER, &children)?;
    let body = [&[0; 17], crate::image::BLANK].concat();
    let record = Record { version: 0, instance: 0x6e0, kind: PNG, body: &body };
    Entry::put(&mut out, &Blip::rebuild(&record, "picture in the text", job)?, 1, None)?;
    Ok(out)
}

fn copy(
    record: &Record<'_>,
    out: &mut Vec<u8>,
    mut elsewhere: Option<&mut Elsewhere<'_>>,
    depth: u32,
    job: &mut Job<'_>,
) -> Result<(), Failure> {
    if depth > MAX_DEPTH {
        return Err(Failure::Malformed("shapes are nested too deep".to_owned()));
    }
    let mut body = Vec::new();
    match record.kind {
        kind::STORE_CONTAINER => {
            let Some(elsewhere) = elsewhere else { return Ok(()) };
            return store(record, out, elsewhere, job);
        }
        container if CONTAINERS.contains(&container) && record.is_container() => {
            let mut seen = HashSet::new();
            for child in record.children() {
                let child = child?;
                if ONCE.contains(&child.kind) && !seen.insert(child.kind) {
                    job.removed(Removed::new(What::UnknownPart, "drawing record that is there twice", 1));
                    continue;
                }
                copy(&child, &mut body, elsewhere.as_deref_mut(), depth + 1, job)?;
            }
        }
        kind::PROPERTIES | kind::SECOND_PROPERTIES | kind::THIRD_PROPERTIES => {
            let properties = Properties::parse(record)?;
            for (what, place) in &properties.removed {
                job.removed(Removed::new(*what, place, 1));
            }
            return properties.put(out, record.kind);
        }
        copied
            if !record.is_container()
                && COPIED.iter().any(|(kind, max)| *kind == copied && record.body.len() <= *max)
                && !hides_file(record.body)
                && (copied != kind::DGG || is_whole_group(record)) =>
        {
            body.extend(record.body);
            if copied == kind::SHAPE {
                const IS_OLE_OBJECT: u8 = 0x10;
                body.iter_mut().skip(4).take(1).for_each(|flags| *flags &= !IS_OLE_OBJECT);
            }
        }
        _ => {
            job.removed(Removed::new(What::UnknownPart, &format!("drawing record {:#06x}", record.kind), 1));
            return Ok(());
        }
    }
    put(out, record.version, record.instance, record.kind, &body)
}

/// Whether the record on all drawings has as many entries as it says, of eight bytes, behind its 16.
fn is_whole_group(record: &Record<'_>) -> bool {
    group_length(record) == Some(record.body.len())
}

/// The list of pictures; the pictures themselves go to `elsewhere`.
fn store(
    record: &Record<'_>,
    out: &mut Vec<u8>,
    elsewhere: &mut Elsewhere<'_>,
    job: &mut Job<'_>,
) -> Result<(), Failure> {
    const PLACE: &str = "picture of a shape";
    let mut body = Vec::new();
    let mut count = 0_u16;
    for entry in record.children() {
        count = count
            .checked_add(1)
            .filter(|&count| count < 1 << 12)
            .ok_or_else(|| broken("too many pictures"))?;
        let entry = entry?;
        let references = entry.u32_at(24).unwrap_or(1).min(1 << 16);
        let picture = match Entry::parse(entry)? {
            Entry::Empty => None,
            Entry::Here(record) => {
                let blip = Blip::rebuild(&record, PLACE, job)?;
                let at = elsewhere.add(&blip)?;
                Some((blip, at))
            }
            Entry::Elsewhere(at) => elsewhere.moved(at, PLACE, job)?.clone(),
        };
        match picture {
            Some((blip, at)) => Entry::put(&mut body, &blip, references, Some(at))?,
            None => Entry::put_empty(&mut body)?,
        }
    }
    put(out, 0xf, count, kind::STORE_CONTAINER, &body)
}
