//! Enhanced metafiles (MS-EMF).

pub(super) mod plus;
mod record;

use super::{Dropped, NO_OBJECT, SLACK, TRAILING, drop_one};
use crate::failure::Failure;
use crate::limits::Limits;
use crate::little_endian::{Fields, set_u32};
use crate::report::What;
use record::Use;

const HEADER: u32 = 1;
const EOF: u32 = 14;
const SAVE: u32 = 33;
const RESTORE: u32 = 34;
const COMMENT: u32 = 70;

/// EMR_EOF without a palette: type, size, two fields of the palette, and the size again.
const END: [u8; 20] = [14, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 20, 0, 0, 0];

pub(super) fn rewrite(
    bytes: &[u8],
    limits: &Limits,
    pictures: &mut plus::Pictures<'_>,
) -> Result<(Vec<u8>, Dropped), Failure> {
    let malformed =
        |n: usize, kind: u32| Failure::Malformed(format!("record {n} (type {kind}) is not valid"));
    let mut dropped = Dropped::new();
    let mut records = Records { rest: bytes };
    let header = records.next().filter(|record| record.kind == HEADER);
    let header = header.and_then(|header| Header::parse(header.bytes, &mut dropped));
    let header = header.ok_or_else(|| malformed(0, HEADER))?;

    let comments = plus_comments(Records { rest: records.rest });
    let mut second = plus::rewrite(&comments, pictures)?.map(Vec::into_iter);
    if second.is_none() && !plus::is_dual(&comments) {
        return Err(Failure::Malformed(
            "its drawing is in EMF+ alone, of a kind that is not accepted".to_owned(),
        ));
    }

    let mut out = header.bytes;
    let mut objects = Objects { live: vec![false; header.handles] };
    let (mut written, mut highest, mut saved) = (2_usize, 0, 0_i32);
    for n in 1.. {
        let record = records.next().ok_or_else(|| Failure::Malformed(format!("record {n} is cut off")))?;
        match record.kind {
            EOF => break,
            COMMENT => {
                let kept = plus_comment(record.bytes).and(second.as_mut()).and_then(Iterator::next);
                match kept.and_then(|data| comment_of(&data)) {
                    Some(comment) => {
                        out.extend(comment);
                        written += 1;
                    }
                    None => drop_one(&mut dropped, comment(record.bytes)),
                }
                continue;
            }
            SAVE => saved = saved.saturating_add(1),
            RESTORE => match Fields(record.bytes).i32(8).and_then(|level| super::restored(saved, level)) {
                Some(left) => saved = left,
                None => {
                    drop_one(&mut dropped, NO_OBJECT);
                    continue;
                }
            },
            _ => {}
        }
        let Some(shape) = record::shape(record.kind) else {
            drop_one(&mut dropped, record::left_behind(record.kind));
            continue;
        };
        let invalid = || malformed(n, record.kind);
        match record::object(record.kind, record.bytes) {
            Use::None => {}
            Use::Creates(number) => {
                objects.create(number).ok_or_else(invalid)?;
                highest = highest.max(number);
            }
            Use::Deletes(number) if objects.delete(number) => {}
            Use::Selects(number) if number & STOCK != 0 || objects.is_live(number) => {}
            Use::Deletes(_) | Use::Selects(_) => {
                drop_one(&mut dropped, NO_OBJECT);
                continue;
            }
        }
        let (record, slack) = record::rewrite(shape, record.bytes, limits).ok_or_else(invalid)?;
        if slack {
            drop_one(&mut dropped, SLACK);
        }
        out.extend_from_slice(&record);
        written += 1;
    }
    if !records.rest.is_empty() {
        drop_one(&mut dropped, TRAILING);
    }
    out.extend(END);
    finish(&mut out, written, highest)
        .ok_or_else(|| Failure::Malformed("it has too many records".to_owned()))?;
    Ok((out, dropped))
}

/// Marks an object that every system has, rather than one of the metafile (MS-EMF 2.1.31).
const STOCK: usize = 0x8000_0000;

/// Puts the totals into the header.
fn finish(out: &mut [u8], records: usize, highest: usize) -> Option<()> {
    set_u32(out, 48, out.len())?;
    set_u32(out, 52, records)?;
    set_u32(out, 56, highest + 1)
}

/// One record; `bytes` from its type on, a multiple of 4.
struct Record<'a> {
    kind: u32,
    bytes: &'a [u8],
}

struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    fn next(&mut self) -> Option<Record<'a>> {
        let fields = Fields(self.rest);
        let (kind, size) = (fields.u32(0)?, fields.size(4)?);
        if size < 8 || !size.is_multiple_of(4) {
            return None;
        }
        let (bytes, rest) = self.rest.split_at_checked(size)?;
        self.rest = rest;
        Some(Record { kind, bytes })
    }
}

/// EMR_HEADER, without description and pixel format.
struct Header {
    bytes: Vec<u8>,
    /// Object numbers are below this; 0 is the metafile itself.
    handles: usize,
}

impl Header {
    /// Reads one of the three forms of the header, told apart as MS-EMF 2.3.4.2 does.
    fn parse(record: &[u8], dropped: &mut Dropped) -> Option<Self> {
        const FORMS: [usize; 3] = [108, 100, 88];
        let fields = Fields(record);
        let (characters, description) = (fields.size(60)?, fields.size(64)?);
        let mut length = record.len();
        if characters > 0 && description >= 88 && description.checked_add(characters * 2)? <= record.len() {
            length = description;
        }
        let (format, format_at) = (fields.size(88).unwrap_or(0), fields.size(92).unwrap_or(0));
        if length >= 100 && format > 0 && format_at >= 100 && format_at.checked_add(format)? <= record.len() {
            length = length.min(format_at);
        }
        let form = FORMS.into_iter().find(|&form| form <= length)?;
        let mut bytes = record.get(..form)?.to_vec();
        // Sizes of the device that it was drawn for: readers divide by them.
        let is_size = |at: usize| fields.i32(at).is_some_and(|n| (1..=MAX_DEVICE).contains(&n));
        let sound = fields.bytes(40, 4)? == b" EMF" && [72, 76, 80, 84].into_iter().all(is_size);
        let handles = usize::from(fields.u16(56)?).max(1);
        if !sound {
            return None;
        }
        if characters > 0 {
            drop_one(dropped, (What::Metadata, "description"));
        } else if record.len() > form {
            drop_one(dropped, SLACK);
        }
        set_u32(&mut bytes, 4, form)?;
        set_u32(&mut bytes, 44, 0x0001_0000)?;
        for at in [60, 64, 68, 88, 92, 96].into_iter().filter(|&at| at < form) {
            set_u32(&mut bytes, at, 0)?;
        }
        Some(Self { bytes, handles })
    }
}

/// Pixels or millimetres of a device; a paper roll of 100 m at 1,200 dpi has fewer.
const MAX_DEVICE: i32 = 10_000_000;

/// The drawing objects that exist.
struct Objects {
    live: Vec<bool>,
}

impl Objects {
    /// `None`: the number is not below the header's count.
    fn create(&mut self, number: usize) -> Option<()> {
        *self.live.get_mut(number).filter(|_| number > 0)? = true;
        Some(())
    }

    fn delete(&mut self, number: usize) -> bool {
        self.live.get_mut(number).is_some_and(std::mem::take)
    }

    fn is_live(&self, number: usize) -> bool {
        self.live.get(number).copied().unwrap_or(false)
    }
}

/// The EMF+ records of a comment.
fn plus_comment(record: &[u8]) -> Option<&[u8]> {
    Fields(record).bytes(12, Fields(record).size(8)?)?.strip_prefix(b"EMF+")
}

fn plus_comments<'a>(mut records: Records<'a>) -> Vec<&'a [u8]> {
    let mut comments = Vec::new();
    while let Some(record) = records.next() {
        match record.kind {
            EOF => break,
            COMMENT => comments.extend(plus_comment(record.bytes)),
            _ => {}
        }
    }
    comments
}

/// EMR_COMMENT; `None`: nothing is left in it.
fn comment_of(data: &[u8]) -> Option<Vec<u8>> {
    let size = u32::try_from(data.len().next_multiple_of(4).checked_add(12)?).ok()?;
    let length = u32::try_from(data.len()).ok()?;
    let mut out = [COMMENT, size, length].map(u32::to_le_bytes).concat();
    out.extend_from_slice(data);
    out.resize(out.len().next_multiple_of(4), 0);
    (data.len() > 4).then_some(out)
}

/// What a comment that is left behind is (MS-EMF 2.3.3).
fn comment(record: &[u8]) -> (What, &'static str) {
    const METAFILE: u32 = 0x8000_0001;
    const FORMATS: u32 = 0x4000_0004;
    let fields = Fields(record);
    match (fields.bytes(12, 4), fields.u32(16)) {
        (Some(b"EMF+"), _) => (What::UnknownPart, "EMF+ drawing"),
        (Some(b"GDIC"), Some(METAFILE | FORMATS)) => (What::EmbeddedObject, "the drawing in another format"),
        (Some(b"GDIC"), _) => (What::Metadata, "names of groups"),
        _ => (What::UnknownPart, "private comment"),
    }
}

/// Searches a rebuilt metafile on its own: only types that draw, sizes and counts that add up.
pub(super) fn only_draws(bytes: &[u8]) -> bool {
    let word = |at: usize| bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    let (mut at, mut count, mut last) = (0_usize, 0_u32, 0);
    while at < bytes.len() {
        let (Some(kind), Some(size)) = (word(at), word(at + 4)) else { return false };
        let draws = matches!(kind,
            1..=68 | 71..=82 | 83..=95 | 98 | 108 | 114..=116 | 118 | 120);
        let end = at.saturating_add(usize::try_from(size).unwrap_or(usize::MAX));
        let is_plus = kind == COMMENT && {
            let data = bytes.get(at + 12..end).and_then(|data| data.strip_prefix(b"EMF+"));
            data.is_some_and(plus::only_draws)
        };
        let is_placed = (kind == HEADER) == (at == 0) && last != EOF;
        if !(draws || is_plus) || !is_placed || size < 8 || !size.is_multiple_of(4) {
            return false;
        }
        (last, count) = (kind, count.wrapping_add(1));
        at = end;
    }
    let no_description = word(60) == Some(0) && word(64) == Some(0);
    at == bytes.len()
        && last == EOF
        && no_description
        && word(52) == Some(count)
        && word(48).is_some_and(|size| usize::try_from(size) == Ok(bytes.len()))
}
