//! Copies live objects by the grammar. Lengths are computed, versions are those of the grammar, and nothing stands between records.

use super::edits::Edits;
use super::grammar::{self, Rule, Special};
use super::kind;
use super::links::{self, Kept};
use super::live::{Live, MASTERS_IN_ATOM};
use super::pictures::{self, Uses};
use super::write::{self, Written};
use crate::failure::Failure;
use crate::job::Job;
use crate::office_art::{Blip, Properties, Record, Records, kind as art, put};
use crate::report::{Removed, What, sha256_hex};

/// The version of a record whose body is records.
const CONTAINER: u8 = 0xf;
/// "OLE object" among a shape's flags.
const IS_OLE: u8 = 0x10;
/// Shape types: a picture, and a control.
const PICTURE_FRAME: u16 = 75;
const HOST_CONTROL: u16 = 201;
/// "Sound" and "loop it" among the flags of a slide show; "sound" and "stop it" among those of an animation.
const SLIDE_SOUND: u8 = 0x50;
const ANIMATION_SOUND: u8 = 0x50;
/// A time node's type: media.
const MEDIA: u32 = 4;

/// Writes the presentation of these edits.
///
/// # Errors
/// A record that must be there is not, is cut short or of another type; a limit; an infected picture.
pub(super) fn presentation(
    edits: &Edits,
    stream: &[u8],
    pictures: &[u8],
    job: &mut Job<'_>,
) -> Result<Written, Failure> {
    let live = Live::read(edits, stream, job.limits)?;
    let mut links = Kept::default();
    for child in live.document.children() {
        let child = child?;
        if child.kind == kind::EXTERNAL_LIST && child.is_container() && links.list.is_empty() {
            links = Kept::read(&child, job.options.links)?;
        }
    }
    note_left_behind(edits, &live, stream, job);
    for what in std::mem::take(&mut links.removed) {
        job.removed(Removed::new(what, "list of objects and links", 1));
    }

    let mut rewriter = Rewriter {
        live: &live,
        links: &links,
        uses: Uses::new(),
        pictures,
        new_pictures: Vec::new(),
        place: String::new(),
        job,
    };
    let mut objects = vec![Vec::new()];
    for (name, object) in &live.objects {
        rewriter.place.clone_from(name);
        objects.push(rewriter.object(object)?);
    }
    // Last, for it has the list of pictures, and the slides say which of these are used.
    "document".clone_into(&mut rewriter.place);
    let document = rewriter.object(&live.document)?;
    if let Some(first) = objects.first_mut() {
        *first = document;
    }
    let new_pictures = rewriter.new_pictures;
    write::streams(&objects, new_pictures, edits.last_slide, edits.last_view)
}

/// Notes older edits, the user's name, and objects that the document does not reach.
fn note_left_behind(edits: &Edits, live: &Live<'_>, stream: &[u8], job: &mut Job<'_>) {
    if edits.has_user {
        job.removed(Removed::new(What::Metadata, "name of the last user", 1));
    }
    if edits.older > 0 {
        job.removed(Removed::new(What::Unreachable, "older edits", edits.older));
    }
    for &number in edits.objects.keys().filter(|&&number| live.number(number).is_none()) {
        let Ok(object) = edits.object(stream, number) else { continue };
        let removed = match object.kind {
            kind::OLE_STORAGE => Removed {
                sha256: Some(sha256_hex(object.body)),
                ..Removed::new(What::EmbeddedObject, "storage of an object, control or macro project", 1)
            },
            _ => Removed::new(What::Unreachable, "object that the document does not reach", 1),
        };
        job.removed(removed);
    }
}

struct Rewriter<'r, 'a, 'j> {
    live: &'r Live<'a>,
    links: &'r Kept,
    uses: Uses,
    pictures: &'a [u8],
    new_pictures: Vec<u8>,
    /// Where it is, for reports.
    place: String,
    job: &'r mut Job<'j>,
}

impl Rewriter<'_, '_, '_> {
    /// A live object as a whole record.
    fn object(&mut self, object: &Record<'_>) -> Result<Vec<u8>, Failure> {
        self.job.expand(u64::try_from(object.body.len()).unwrap_or(u64::MAX))?;
        let Some(Rule::Container(children)) = grammar::rule(object.kind) else {
            return Err(Failure::Malformed(format!("the presentation's {} is something else", self.place)));
        };
        let body = self.body(object.children(), children, self.job.limits.max_nesting)?;
        let mut out = Vec::with_capacity(body.len() + 8);
        put(&mut out, CONTAINER, object.instance, object.kind, &body)?;
        Ok(out)
    }

    /// The records of these types; `depth`: how deep they may nest.
    fn body(&mut self, records: Records<'_>, allowed: &[u16], depth: u32) -> Result<Vec<u8>, Failure> {
        let depth = depth.checked_sub(1).ok_or_else(|| Failure::Limit {
            name: "max_nesting",
            what: "the nesting of records".to_owned(),
            limit: self.job.limits.max_nesting.into(),
        })?;
        let mut out = Vec::new();
        // Whether the last action was kept: the text behind it belongs to it.
        let mut after_action = false;
        for record in records {
            let record = record?;
            let rule = grammar::rule(record.kind).filter(|_| allowed.contains(&record.kind));
            let before = out.len();
            match rule {
                Some(Rule::Container(children)) if record.is_container() => {
                    let body = self.body(record.children(), children, depth)?;
                    if !body.is_empty() || !is_pointless_when_empty(record.kind) {
                        put(&mut out, CONTAINER, record.instance, record.kind, &body)?;
                    }
                }
                Some(Rule::Special(Special::TextAction)) => {
                    if let Some(range) = record.body.get(..8).filter(|_| after_action) {
                        put(&mut out, 0, record.instance, record.kind, range)?;
                    }
                }
                Some(Rule::Special(special)) => self.special(special, &record, &mut out, depth)?,
                Some(Rule::Fixed(length)) if !record.is_container() && record.body.len() >= length => {
                    let body = record.body.get(..length).unwrap_or_default();
                    put(&mut out, record.version, record.instance, record.kind, body)?;
                }
                Some(Rule::Bytes) if !record.is_container() => {
                    put(&mut out, record.version, record.instance, record.kind, record.body)?;
                }
                _ => self.drop(&record),
            }
            after_action = record.kind == kind::ACTION && out.len() > before;
        }
        Ok(out)
    }

    fn drop(&mut self, record: &Record<'_>) {
        // An atom of zeros says that there is no project.
        let is_empty_project = record.kind == 0x03ff && record.body.iter().skip(8).take(8).all(|&b| b == 0);
        if !is_empty_project {
            let place = format!("{}: record {:#06x}", self.place, record.kind);
            self.job.removed(Removed::new(grammar::what(record.kind), &place, 1));
        }
    }

    fn note(&mut self, what: What, words: &str) {
        self.job.removed(Removed::new(what, &format!("{}: {words}", self.place), 1));
    }

    fn special(
        &mut self,
        special: Special,
        record: &Record<'_>,
        out: &mut Vec<u8>,
        depth: u32,
    ) -> Result<(), Failure> {
        match special {
            Special::DocumentAtom => return self.document_atom(record, out),
            Special::ExternalList => out.extend(&self.links.list),
            Special::SlidePersist => return self.slide_persist(record, out),
            Special::SlideShowInfo => {
                // Time 4, sound 4, direction, effect, flags 2, speed, 3 unused.
                let Some(mut body) = fixed::<16>(record) else { return self.dropped(record) };
                if body[4..8] != [0; 4] || body[10] & SLIDE_SOUND != 0 {
                    self.note(What::Multimedia, "sound of a slide change");
                }
                body[4..8].fill(0);
                body[10] &= !SLIDE_SOUND;
                put(out, record.version, record.instance, record.kind, &body)?;
            }
            Special::Animation => {
                // Colour 4, flags 4, sound 4, delay 4, order 2, slides 2, build, effect, direction, after, text, verb, 2 unused.
                let Some(mut body) = fixed::<28>(record) else { return self.dropped(record) };
                if body[8..12] != [0; 4] || body[4] & ANIMATION_SOUND != 0 {
                    self.note(What::Multimedia, "sound of an animation");
                }
                body[4] &= !ANIMATION_SOUND;
                body[8..12].fill(0);
                body[25..].fill(0);
                put(out, record.version, record.instance, record.kind, &body)?;
            }
            Special::Action => match links::action(record, &self.links.numbers)? {
                Ok(action) => out.extend(action),
                Err(what) => self.note(what, "action"),
            },
            Special::TextAction => {}
            Special::Font => {
                // Name 64, character set, flags, type, pitch.
                let Some(mut body) = fixed::<68>(record) else { return self.dropped(record) };
                body[65] = 0;
                put(out, record.version, record.instance, record.kind, &body)?;
            }
            Special::BinaryTag => return self.binary_tag(record, out, depth),
            Special::TimeNode => return self.time_node(record, out, depth),
            Special::BulletPicture => {
                let Some(Ok((blip, _))) = record.body.get(2..).map(Record::parse) else {
                    return self.dropped(record);
                };
                let place = format!("{}: picture of a bullet", self.place);
                let blip = Blip::rebuild(&blip, &place, self.job)?;
                let mut body = vec![blip.number, 0];
                body.extend(&blip.record);
                put(out, 0, record.instance, record.kind, &body)?;
            }
            Special::DrawingGroup => return self.drawing_group(record, out, depth),
            Special::Shape => {
                // Number 4, flags 4; the instance is the type of shape.
                let Some(mut body) = fixed::<8>(record) else { return self.dropped(record) };
                body[4] &= !IS_OLE;
                let instance = match record.instance {
                    HOST_CONTROL => PICTURE_FRAME,
                    other => other,
                };
                put(out, record.version, instance, record.kind, &body)?;
            }
            Special::Properties => {
                let properties = Properties::parse(record)?;
                for &(what, words) in &properties.removed {
                    self.note(what, words);
                }
                for picture in properties.pictures() {
                    *self.uses.entry(picture).or_default() += 1;
                }
                properties.put(out, record.kind)?;
            }
            Special::Anchor => {
                let length = if record.body.len() < 16 { 8 } else { 16 };
                let Some(body) = record.body.get(..length) else { return self.dropped(record) };
                put(out, 0, record.instance, record.kind, body)?;
            }
        }
        Ok(())
    }

    fn dropped(&mut self, record: &Record<'_>) -> Result<(), Failure> {
        self.drop(record);
        Ok(())
    }

    fn document_atom(&mut self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<(), Failure> {
        // Sizes 24, master of notes 4, master of handouts 4, first number 2, type 2, fonts?, titles?, right to left?, comments?
        let mut body = fixed::<40>(record)
            .ok_or_else(|| Failure::Malformed("the document's atom is cut short".to_owned()))?;
        for at in MASTERS_IN_ATOM {
            let old = record.u32_at(at).unwrap_or_default();
            let new = self.live.number(old).unwrap_or_default();
            if let Some(place) = body.get_mut(at..at + 4) {
                place.copy_from_slice(&new.to_le_bytes());
            }
        }
        body[36] = 0;
        put(out, record.version, record.instance, record.kind, &body)
    }

    fn slide_persist(&mut self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<(), Failure> {
        // Number 4, flags 4, texts 4, slide 4, 4 unused.
        let number = record.u32_at(0).and_then(|old| self.live.number(old));
        let (Some(mut body), Some(number)) = (fixed::<20>(record), number) else {
            return Err(Failure::Malformed("a slide's entry is cut short".to_owned()));
        };
        body[..4].copy_from_slice(&number.to_le_bytes());
        body[16..].fill(0);
        put(out, record.version, record.instance, record.kind, &body)
    }

    fn binary_tag(&mut self, record: &Record<'_>, out: &mut Vec<u8>, depth: u32) -> Result<(), Failure> {
        let mut name = None;
        let mut data = None;
        for child in record.children() {
            let child = child?;
            match child.kind {
                kind::STRING if name.is_none() => name = Some(child.body),
                kind::BINARY_TAG_DATA if data.is_none() => data = Some(child.body),
                _ => self.drop(&child),
            }
        }
        let known = grammar::BINARY_TAGS.iter().find(|(known, _)| {
            let units = known.encode_utf16().flat_map(u16::to_le_bytes);
            name.is_some_and(|name| units.eq(name.iter().copied()))
        });
        let (Some((name, allowed)), Some(data)) = (known, data) else { return self.dropped(record) };
        let data = self.body(Records(data), allowed, depth)?;
        if data.is_empty() {
            return Ok(());
        }
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut body = Vec::with_capacity(data.len() + 32);
        put(&mut body, 0, 0, kind::STRING, &name)?;
        put(&mut body, 0, 0, kind::BINARY_TAG_DATA, &data)?;
        put(out, CONTAINER, record.instance, record.kind, &body)
    }

    /// A time node without those that play media or give commands.
    fn time_node(&mut self, record: &Record<'_>, out: &mut Vec<u8>, depth: u32) -> Result<(), Failure> {
        for child in record.children() {
            let child = child?;
            let is_media = child.kind == kind::TIME_NODE_ATOM && child.u32_at(8) == Some(MEDIA);
            if is_media || child.kind == kind::TIME_COMMAND {
                self.note(
                    if is_media { What::Multimedia } else { What::Action },
                    "animation that plays or commands",
                );
                return Ok(());
            }
        }
        if !record.is_container() {
            return self.dropped(record);
        }
        let body = self.body(record.children(), grammar::TIME_NODE, depth)?;
        put(out, CONTAINER, record.instance, record.kind, &body)
    }

    fn drawing_group(&mut self, record: &Record<'_>, out: &mut Vec<u8>, depth: u32) -> Result<(), Failure> {
        const BESIDE: &[u16] = &[
            art::DGG,
            art::PROPERTIES,
            art::SECOND_PROPERTIES,
            art::THIRD_PROPERTIES,
            art::RECENT_COLOURS,
            art::MENU_COLOURS,
        ];
        let mut list = None;
        let mut before = 0;
        let mut beside = Vec::new();
        for child in record.children() {
            let child = child?;
            if child.kind == art::STORE_CONTAINER && child.is_container() && list.is_none() {
                list = Some(child);
                before = beside.len();
                continue;
            }
            let mut whole = Vec::new();
            put(&mut whole, child.version, child.instance, child.kind, child.body)?;
            beside.extend(self.body(Records(&whole), BESIDE, depth)?);
        }
        let (first, last) = beside.split_at_checked(before).unwrap_or_default();
        let mut body = first.to_vec();
        if let Some(list) = list {
            let (entries, count, pictures) = pictures::rebuild(&list, self.pictures, &self.uses, self.job)?;
            put(&mut body, CONTAINER, count, art::STORE_CONTAINER, &entries)?;
            self.new_pictures = pictures;
        }
        body.extend(last);
        put(out, CONTAINER, record.instance, record.kind, &body)
    }
}

/// Containers that mean nothing without content.
fn is_pointless_when_empty(kind: u16) -> bool {
    matches!(kind, kind::TAGS | 0x1014 | 0x07f8 | 0x2b08 | 0x2b04 | 0x2b06 | art::CLIENT_DATA)
}

/// The first bytes of an atom.
fn fixed<const N: usize>(record: &Record<'_>) -> Option<[u8; N]> {
    record.body.first_chunk::<N>().copied().filter(|_| !record.is_container())
}
