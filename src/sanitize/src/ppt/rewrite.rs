//! Copies live objects by the grammar. Lengths are computed, versions are those of the grammar, and nothing stands between records.

use std::collections::BTreeSet;

use memchr::memmem;

use super::edits::Edits;
use super::grammar::{self, Rule, Special};
use super::kind;
use super::links::{self, Kept};
use super::live::{Live, MASTERS_IN_ATOM};
use super::pictures::{self, Uses};
use super::removals::{self, Tally};
use super::write::{self, Written};
use crate::compound;
use crate::failure::Failure;
use crate::job::Job;
use crate::office_art::{
    Blip, Properties, Record, Records, close, group_length, hides_file, kind as art, open, put,
};
use crate::report::What;

/// The version of a record whose body is records.
const CONTAINER: u8 = 0xf;
/// "OLE object" among a shape's flags.
const IS_OLE: u8 = 0x10;
/// Shape types: a picture, and a control.
const PICTURE_FRAME: u16 = 75;
const HOST_CONTROL: u16 = 201;
/// "Sound" among the flags of a slide change and of an animation; with "loop it" of the one and "stop it" of the other.
const HAS_SOUND: u8 = 0x10;
const SLIDE_SOUND: u8 = 0x50;
const ANIMATION_SOUND: u8 = 0x50;
/// Records that a container has but one of.
const ONCE: [u16; 5] = [art::DGG, art::DG, art::REGROUP_ITEMS, art::RECENT_COLOURS, art::MENU_COLOURS];
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
    removals::note(edits, &live, &links, stream, job);

    let mut rewriter = Rewriter {
        live: &live,
        links: &links.numbers,
        list_of_links: links.list,
        uses: Uses::new(),
        pictures,
        new_pictures: None,
        tally: Tally::default(),
        job,
    };
    let mut objects = vec![Vec::new()];
    for (name, object) in &live.objects {
        objects.push(rewriter.object(name, object)?);
    }
    // Last, for it has the list of pictures, and the slides say which of these are used.
    let document = rewriter.object("document", &live.document)?;
    if let Some(first) = objects.first_mut() {
        *first = document;
    }
    let new_pictures = rewriter.new_pictures.unwrap_or_default();
    write::streams(&objects, new_pictures, edits.last_slide, edits.last_view)
}

struct Rewriter<'r, 'a, 'j> {
    live: &'r Live<'a>,
    /// Numbers of the links that stay.
    links: &'r BTreeSet<u32>,
    /// Until it is written.
    list_of_links: Vec<u8>,
    uses: Uses,
    pictures: &'a [u8],
    /// Once they are written.
    new_pictures: Option<Vec<u8>>,
    tally: Tally,
    job: &'r mut Job<'j>,
}

impl Rewriter<'_, '_, '_> {
    /// A live object as a whole record.
    fn object(&mut self, name: &str, object: &Record<'_>) -> Result<Vec<u8>, Failure> {
        self.job.expand(u64::try_from(object.body.len()).unwrap_or(u64::MAX))?;
        let Some(Rule::Container(children)) = grammar::rule(object.kind) else {
            return Err(Failure::Malformed(format!("the presentation's {name} is something else")));
        };
        let mut out = Vec::new();
        self.container(object, children, self.job.limits.max_nesting, &mut out)?;
        self.tally.note(name, self.job);
        if memmem::find(&out, &compound::MAGIC).is_some() {
            return Err(Failure::Malformed(format!("the presentation's {name} hides a compound file")));
        }
        Ok(out)
    }

    fn container(
        &mut self,
        record: &Record<'_>,
        children: &[u16],
        depth: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let at = open(out, CONTAINER, record.instance, record.kind);
        let start = out.len();
        self.body(record.children(), children, depth, out)?;
        if out.len() == start && is_pointless_when_empty(record.kind) {
            out.truncate(at);
            return Ok(());
        }
        close(out, at)
    }

    /// The records of these types; `depth`: how deep they may nest.
    fn body(
        &mut self,
        records: Records<'_>,
        allowed: &[u16],
        depth: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let depth = depth.checked_sub(1).ok_or_else(|| Failure::Limit {
            name: "max_nesting",
            what: "the nesting of records".to_owned(),
            limit: self.job.limits.max_nesting.into(),
        })?;
        // Whether the last action was kept: the text behind it belongs to it.
        let mut after_action = false;
        let mut seen = BTreeSet::new();
        for record in records {
            let record = record?;
            if ONCE.contains(&record.kind) && !seen.insert(record.kind) {
                self.tally.record(&record);
                continue;
            }
            let rule = grammar::rule(record.kind).filter(|_| allowed.contains(&record.kind));
            let before = out.len();
            match rule {
                Some(Rule::Container(children)) if record.is_container() => {
                    self.container(&record, children, depth, out)?;
                }
                Some(Rule::Special(Special::TextAction)) => {
                    if let Some(range) = record.body.get(..8).filter(|_| after_action) {
                        put(out, 0, record.instance, record.kind, range)?;
                    }
                }
                Some(Rule::Special(special)) => self.special(special, &record, out, depth)?,
                Some(rule)
                    if !record.is_container() && (is_text(record.kind) || !hides_file(record.body)) =>
                {
                    match length(rule, &record).and_then(|length| record.body.get(..length)) {
                        Some(body) => put(out, record.version, record.instance, record.kind, body)?,
                        None => self.tally.record(&record),
                    }
                }
                _ => self.tally.record(&record),
            }
            after_action = record.kind == kind::ACTION && out.len() > before;
        }
        Ok(())
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
            Special::ExternalList => out.append(&mut self.list_of_links),
            Special::SlidePersist => return self.slide_persist(record, out),
            Special::SlideShowInfo => {
                // Time 4, sound 4, direction, effect, flags 2, speed, 3 unused.
                let Some(mut body) = fixed::<16>(record) else { return self.dropped(record) };
                if body[10] & HAS_SOUND != 0 && body[4..8] != [0; 4] {
                    self.tally.thing(What::Multimedia, "sound of a slide change");
                }
                body[4..8].fill(0);
                body[10] &= !SLIDE_SOUND;
                put(out, record.version, record.instance, record.kind, &body)?;
            }
            Special::Animation => {
                // Colour 4, flags 4, sound 4, delay 4, order 2, slides 2, build, effect, direction, after, text, verb, 2 unused.
                let Some(mut body) = fixed::<28>(record) else { return self.dropped(record) };
                if body[4] & HAS_SOUND != 0 && body[8..12] != [0; 4] {
                    self.tally.thing(What::Multimedia, "sound of an animation");
                }
                body[4] &= !ANIMATION_SOUND;
                body[8..12].fill(0);
                body[25..].fill(0);
                put(out, record.version, record.instance, record.kind, &body)?;
            }
            Special::Action => match links::action(record, self.links)? {
                Ok(action) => out.extend(action),
                Err(what) => self.tally.thing(what, "action"),
            },
            Special::TextAction => {}
            Special::Font => {
                // Name 64, character set, flags, type, pitch.
                // Fonts are known by their place, so one that is cut short keeps it.
                let mut body = [0; 68];
                body.iter_mut().zip(record.body).for_each(|(to, from)| *to = *from);
                body[65] = 0;
                put(out, record.version, record.instance, record.kind, &body)?;
            }
            Special::BinaryTag => return self.binary_tag(record, out, depth),
            Special::TimeNode => return self.time_node(record, out, depth),
            Special::BulletPicture => {
                let Some(Ok((blip, _))) = record.body.get(2..).map(Record::parse) else {
                    return self.dropped(record);
                };
                let blip = Blip::rebuild(&blip, "picture of a bullet", self.job)?;
                let at = open(out, 0, record.instance, record.kind);
                out.extend([blip.number, 0]);
                out.extend(&blip.record);
                close(out, at)?;
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
                    self.tally.thing(what, words);
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
        self.tally.record(record);
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
                _ => self.tally.record(&child),
            }
        }
        let known = grammar::BINARY_TAGS.iter().find(|(known, _)| {
            let units = known.encode_utf16().flat_map(u16::to_le_bytes);
            name.is_some_and(|name| units.eq(name.iter().copied()))
        });
        let (Some((name, allowed)), Some(data)) = (known, data) else { return self.dropped(record) };
        let at = open(out, CONTAINER, record.instance, record.kind);
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        put(out, 0, 0, kind::STRING, &name)?;
        let data_at = open(out, 0, 0, kind::BINARY_TAG_DATA);
        let start = out.len();
        self.body(Records(data), allowed, depth, out)?;
        if out.len() == start {
            out.truncate(at);
            return Ok(());
        }
        close(out, data_at)?;
        close(out, at)
    }

    /// A time node without those that play media or give commands.
    fn time_node(&mut self, record: &Record<'_>, out: &mut Vec<u8>, depth: u32) -> Result<(), Failure> {
        for child in record.children() {
            let child = child?;
            let is_media = child.kind == kind::TIME_NODE_ATOM && child.u32_at(8) == Some(MEDIA);
            if is_media || child.kind == kind::TIME_COMMAND {
                self.tally.thing(
                    if is_media { What::Multimedia } else { What::Action },
                    "animation that plays or commands",
                );
                return Ok(());
            }
        }
        if !record.is_container() {
            return self.dropped(record);
        }
        self.container(record, grammar::TIME_NODE, depth, out)
    }

    /// The list of pictures comes before a part of what says which of them are used, so that is written first.
    fn drawing_group(&mut self, record: &Record<'_>, out: &mut Vec<u8>, depth: u32) -> Result<(), Failure> {
        if self.new_pictures.is_some() || !record.is_container() {
            return self.dropped(record);
        }
        let mut before = Vec::new();
        let mut behind = Vec::new();
        let mut list = None;
        let mut rest = Records(record.body);
        let mut seen = BTreeSet::new();
        loop {
            let from = rest.0;
            let Some(child) = rest.next() else { break };
            let child = child?;
            if child.kind == art::STORE_CONTAINER && child.is_container() && list.is_none() {
                list = Some(child);
                continue;
            }
            if ONCE.contains(&child.kind) && !seen.insert(child.kind) {
                self.tally.record(&child);
                continue;
            }
            let whole = from.get(..from.len() - rest.0.len()).unwrap_or_default();
            let side = if list.is_some() { &mut behind } else { &mut before };
            self.body(Records(whole), grammar::DRAWING_GROUP, depth, side)?;
        }
        let at = open(out, CONTAINER, record.instance, record.kind);
        out.extend(before);
        self.new_pictures = Some(match list {
            Some(list) => {
                let (entries, count, pictures) =
                    pictures::rebuild(&list, self.pictures, &self.uses, self.job)?;
                put(out, CONTAINER, count, art::STORE_CONTAINER, &entries)?;
                pictures
            }
            None => Vec::new(),
        });
        out.extend(behind);
        close(out, at)
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

/// Whether a record is text in bytes or in UTF-16.
fn is_text(record: u16) -> bool {
    matches!(record, kind::STRING | 0x0fa0 | 0x0fa8)
}

/// How much of a record's body stays; `None`: it has less than it needs.
fn length(rule: Rule, record: &Record<'_>) -> Option<usize> {
    let there = record.body.len();
    match rule {
        Rule::Fixed(length) => Some(length),
        Rule::Parts(head, part) => there.checked_sub(head).map(|parts| head + parts / part * part),
        Rule::Group => group_length(record),
        // Yes or no, a number, a fraction, a text.
        Rule::Variant => match record.body.first()? {
            0 => Some(2),
            1 | 2 => Some(5),
            3 => Some((there - 1) / 2 * 2 + 1),
            _ => None,
        },
        Rule::Bytes => Some(there),
        Rule::Container(_) | Rule::Special(_) => None,
    }
}
