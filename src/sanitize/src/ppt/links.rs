//! Links and actions: to the web, to mail, or within the presentation; everything else goes.

use std::collections::{BTreeMap, BTreeSet};

use super::kind;
use crate::failure::Failure;
use crate::markup::link::{is_web, may_lead_to};
use crate::office_art::{Record, put};
use crate::options::Links;
use crate::report::What;

/// Instances of a link's strings: what it is called, where it leads, and to which place there.
const NAME: u16 = 0;
const TARGET: u16 = 1;
const PLACE: u16 = 3;

/// What an action does (MS-PPT 2.13.15).
const JUMP: u8 = 3;
const FOLLOW: u8 = 4;
const CUSTOM_SHOW: u8 = 7;
/// Bytes of an action's atom.
const ACTION_ATOM: usize = 16;

/// A link read from the list of external objects.
struct Link {
    number: u32,
    name: String,
    target: String,
    place: String,
}

impl Link {
    fn parse(record: &Record<'_>) -> Result<Option<Self>, Failure> {
        let mut link = Self { number: 0, name: String::new(), target: String::new(), place: String::new() };
        for child in record.children() {
            let child = child?;
            match (child.kind, child.instance) {
                (kind::LINK_ATOM, _) => link.number = child.u32_at(0).unwrap_or_default(),
                // Only shown, but so that nobody takes it for an address.
                (kind::STRING, NAME) => {
                    link.name = text(&child);
                    if !is_web(&link.name) && (link.name.contains([':', '\\']) || link.name.starts_with("//"))
                    {
                        link.name.clear();
                    }
                }
                (kind::STRING, TARGET) => link.target = text(&child),
                (kind::STRING, PLACE) => link.place = text(&child),
                _ => {}
            }
        }
        Ok((link.number != 0).then_some(link))
    }

    fn is_allowed(&self, links: Links) -> bool {
        let is_target = self.target.is_empty() || may_lead_to(&self.target, links);
        is_target && is_local(&self.place)
    }

    fn put(&self, out: &mut Vec<u8>) -> Result<(), Failure> {
        let mut body = Vec::new();
        put(&mut body, 0, 0, kind::LINK_ATOM, &self.number.to_le_bytes())?;
        for (instance, text) in [(NAME, &self.name), (TARGET, &self.target), (PLACE, &self.place)] {
            if !text.is_empty() {
                let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
                put(&mut body, 0, instance, kind::STRING, &units)?;
            }
        }
        put(out, 0xf, 0, kind::LINK, &body)
    }
}

/// Whether a place lies in what the link leads to: a slide by `number,position,title`, or a mark such as `part2`.
fn is_local(place: &str) -> bool {
    let mut parts = place.splitn(3, ',');
    let mut is_number =
        || parts.next().is_some_and(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    let is_slide = is_number() && is_number();
    !place.contains('\\') && (is_slide || !place.contains([':', '/']))
}

fn text(record: &Record<'_>) -> String {
    let units = record.body.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
    char::decode_utf16(units.take_while(|&unit| unit != 0)).map(|c| c.unwrap_or('\u{fffd}')).collect()
}

/// The list of external objects with nothing but allowed links.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The whole record; empty when there is no link.
    pub(super) list: Vec<u8>,
    /// Numbers of the links.
    pub(super) numbers: BTreeSet<u32>,
    /// What is not in it, and how many of them.
    pub(super) removed: BTreeMap<What, u32>,
}

impl Kept {
    /// Rewrites the list.
    ///
    /// # Errors
    /// A record in it is cut short.
    pub(super) fn read(list: &Record<'_>, links: Links) -> Result<Self, Failure> {
        let mut kept = Self::default();
        let mut body = Vec::new();
        for child in list.children() {
            let child = child?;
            match child.kind {
                kind::EXTERNAL_LIST_ATOM => {}
                kind::LINK if child.is_container() => match Link::parse(&child)? {
                    Some(link) if link.is_allowed(links) => {
                        link.put(&mut body)?;
                        kept.numbers.insert(link.number);
                    }
                    _ => *kept.removed.entry(What::Link).or_default() += 1,
                },
                other => *kept.removed.entry(super::grammar::what(other)).or_default() += 1,
            }
        }
        if let Some(greatest) = kept.numbers.last() {
            let mut whole = Vec::new();
            put(&mut whole, 0, 0, kind::EXTERNAL_LIST_ATOM, &greatest.to_le_bytes())?;
            whole.extend(body);
            put(&mut kept.list, 0xf, 0, kind::EXTERNAL_LIST, &whole)?;
        }
        Ok(kept)
    }
}

/// The action in a record, without sound, program and macro; or what it is that must go.
pub(super) fn action(record: &Record<'_>, links: &BTreeSet<u32>) -> Result<Result<Vec<u8>, What>, Failure> {
    let mut atom = None;
    for child in record.children() {
        let child = child?;
        if child.kind == kind::ACTION_ATOM && atom.is_none() {
            atom = child.body.first_chunk::<ACTION_ATOM>().copied();
        }
    }
    // Sound 4, link 4, action, verb, jump, flags, type of link, 3 unused.
    let Some([_, _, _, _, a, b, c, d, action, _, jump, flags, link_type, ..]) = atom else {
        return Ok(Err(What::Action));
    };
    let link = u32::from_le_bytes([a, b, c, d]);
    let link = match (action, links.contains(&link)) {
        (FOLLOW, false) => return Ok(Err(What::Link)),
        (FOLLOW | JUMP, true) => link,
        (JUMP | CUSTOM_SHOW, _) => 0,
        (6, _) => return Ok(Err(What::Multimedia)),
        _ => return Ok(Err(What::Action)),
    };
    let mut clean = vec![0; 4];
    clean.extend(link.to_le_bytes());
    clean.extend([action, 0, jump, flags, link_type, 0, 0, 0]);
    let mut body = Vec::new();
    put(&mut body, 0, 0, kind::ACTION_ATOM, &clean)?;
    let mut out = Vec::new();
    put(&mut out, 0xf, record.instance, kind::ACTION, &body)?;
    Ok(Ok(out))
}
