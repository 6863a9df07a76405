//! Windows metafiles, plain and placeable (MS-WMF).

mod record;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Dropped, NO_OBJECT, SLACK, TRAILING, drop_one};
use crate::failure::Failure;
use crate::limits::Limits;
use crate::little_endian::{Fields, set_u32};
use record::{NULL_BRUSH, Use};

const PLACEABLE: [u8; 4] = [0xd7, 0xcd, 0xc6, 0x9a];
const PLACEABLE_BYTES: usize = 22;
const HEADER_BYTES: usize = 18;

const EOF: u16 = 0x0000;
const SAVE: u16 = 0x001e;
const RESTORE: u16 = 0x0127;

/// META_EOF.
const END: [u8; 6] = [3, 0, 0, 0, 0, 0];

pub(super) fn rewrite(bytes: &[u8], limits: &Limits) -> Result<(Vec<u8>, Dropped), Failure> {
    let malformed = |n: usize, function: u16| {
        Failure::Malformed(format!("record {n} (function {function:#06x}) is not valid"))
    };
    let mut dropped = Dropped::new();
    let mut out = Vec::new();
    let plain = match bytes.starts_with(&PLACEABLE) {
        true => {
            out = placeable(bytes).ok_or_else(|| malformed(0, 0))?;
            bytes.get(PLACEABLE_BYTES..).unwrap_or_default()
        }
        false => bytes,
    };
    let start = out.len();
    let slots = header(plain, &mut out).ok_or_else(|| malformed(0, 0))?;
    let mut records = Records { rest: plain.get(HEADER_BYTES..).unwrap_or_default() };
    let mut objects = Objects { live: Vec::new(), free: BinaryHeap::new(), slots };
    let (mut largest, mut saved) = (END.len(), 0_i32);
    for n in 1.. {
        let record = records.next().ok_or_else(|| Failure::Malformed(format!("record {n} is cut off")))?;
        let invalid = || malformed(n, record.function);
        match record.function {
            EOF => break,
            SAVE => saved = saved.saturating_add(1),
            RESTORE => match record.parameters().and_then(|p| super::restored(saved, p.i16(0)?.into())) {
                Some(left) => saved = left,
                None => {
                    drop_one(&mut dropped, NO_OBJECT);
                    continue;
                }
            },
            _ => {}
        }
        let is_live = match record::object(record.function, record.bytes) {
            Use::None => true,
            Use::Creates => {
                objects.create().ok_or_else(invalid)?;
                true
            }
            Use::Selects(number) => objects.is_live(number),
            Use::Deletes(number) => objects.delete(number),
        };
        if !is_live {
            drop_one(&mut dropped, NO_OBJECT);
            continue;
        }
        let before = out.len();
        match record::shape(record.function) {
            Some(shape) => {
                let (record, slack) = record::rewrite(shape, record.bytes, limits).ok_or_else(invalid)?;
                if slack {
                    drop_one(&mut dropped, SLACK);
                }
                out.extend_from_slice(&record);
            }
            None => {
                drop_one(&mut dropped, record::left_behind(record.function));
                // Objects are known by the order of their making: another takes its place.
                if matches!(record::object(record.function, record.bytes), Use::Creates) {
                    out.extend(NULL_BRUSH);
                }
            }
        }
        largest = largest.max(out.len() - before);
    }
    if !records.rest.is_empty() {
        drop_one(&mut dropped, TRAILING);
    }
    out.extend(END);
    finish(&mut out, start, objects.live.len(), largest)
        .ok_or_else(|| Failure::Malformed("it is too large".to_owned()))?;
    Ok((out, dropped))
}

/// The placeable header (MS-WMF 2.3.2.3) with its checksum: bounds and units for an inch.
fn placeable(bytes: &[u8]) -> Option<Vec<u8>> {
    let fields = Fields(bytes);
    let mut out = PLACEABLE.to_vec();
    out.extend([0, 0]);
    out.extend_from_slice(fields.bytes(6, 8)?);
    // Readers divide by it.
    out.extend(fields.u16(14).filter(|&inch| inch > 0)?.to_le_bytes());
    out.extend([0; 4]);
    let checksum = (0..20).step_by(2).try_fold(0, |sum, at| Some(sum ^ Fields(&out).u16(at)?))?;
    out.extend(checksum.to_le_bytes());
    Some(out)
}

/// META_HEADER (MS-WMF 2.3.2.2), its sizes still to be put in; gives the number of objects.
fn header(plain: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let fields = Fields(plain);
    let version = fields.u16(4).filter(|version| matches!(version, 0x100 | 0x300))?;
    let sound = matches!(fields.u16(0)?, 1 | 2) && fields.u16(2)? == 9 && plain.len() >= HEADER_BYTES;
    out.extend([1, 0, 9, 0]);
    out.extend(version.to_le_bytes());
    out.extend([0; 12]);
    sound.then_some(fields.u16(10)?.into())
}

/// Puts the totals into the header at `start`: all in words of two bytes.
fn finish(out: &mut [u8], start: usize, objects: usize, largest: usize) -> Option<()> {
    let size = out.len() - start;
    let objects = u16::try_from(objects).ok()?;
    set_u32(out, start + 6, size / 2)?;
    out.get_mut(start + 10..start + 12)?.copy_from_slice(&objects.to_le_bytes());
    set_u32(out, start + 12, largest / 2)
}

/// One record; `bytes` from its size on, a multiple of 2.
struct Record<'a> {
    function: u16,
    bytes: &'a [u8],
}

impl<'a> Record<'a> {
    fn parameters(&self) -> Option<Fields<'a>> {
        self.bytes.get(6..).map(Fields)
    }
}

struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    fn next(&mut self) -> Option<Record<'a>> {
        let fields = Fields(self.rest);
        let size = fields.size(0)?.checked_mul(2).filter(|&size| size >= 6)?;
        let (bytes, rest) = self.rest.split_at_checked(size)?;
        self.rest = rest;
        Some(Record { function: fields.u16(4)?, bytes })
    }
}

/// The drawing objects that exist; a new one takes the lowest free number (MS-WMF 3.1.4.1).
struct Objects {
    live: Vec<bool>,
    /// Numbers of those that were deleted.
    free: BinaryHeap<Reverse<usize>>,
    /// How many there may be at once.
    slots: usize,
}

impl Objects {
    /// `None`: there are more than the header said.
    fn create(&mut self) -> Option<()> {
        if let Some(Reverse(free)) = self.free.pop() {
            *self.live.get_mut(free)? = true;
            return Some(());
        }
        (self.live.len() < self.slots).then(|| self.live.push(true))
    }

    fn delete(&mut self, number: usize) -> bool {
        let was_live = self.live.get_mut(number).is_some_and(std::mem::take);
        if was_live {
            self.free.push(Reverse(number));
        }
        was_live
    }

    fn is_live(&self, number: usize) -> bool {
        self.live.get(number).copied().unwrap_or(false)
    }
}

/// Searches a rebuilt metafile on its own: no escape, only functions that draw, sizes that add up.
pub(super) fn only_draws(bytes: &[u8]) -> bool {
    let plain = match bytes.strip_prefix(&PLACEABLE) {
        Some(rest) => rest.get(PLACEABLE_BYTES - 4..).unwrap_or_default(),
        None => bytes,
    };
    let word = |at: usize| plain.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    let (mut at, mut last, mut largest) = (HEADER_BYTES, u16::MAX, 0);
    while at < plain.len() {
        let function = plain.get(at + 4..at + 6).and_then(|b| b.try_into().ok()).map(u16::from_le_bytes);
        let (Some(words), Some(function)) = (word(at), function) else { return false };
        if words < 3 || last == EOF || !DRAWS.contains(&function) {
            return false;
        }
        (last, largest) = (function, largest.max(words));
        at = at.saturating_add(usize::try_from(words).unwrap_or(usize::MAX).saturating_mul(2));
    }
    at == plain.len()
        && last == EOF
        && word(6).is_some_and(|words| usize::try_from(words) == Ok(plain.len() / 2))
        && word(12) == Some(largest)
}

/// Functions that only draw or say how (MS-WMF 2.1.1.1).
const DRAWS: [u16; 59] = [
    0x0000, 0x001e, 0x0035, 0x0037, 0x00f7, 0x0102, 0x0103, 0x0104, 0x0106, 0x0107, 0x0108, 0x0127, 0x012d,
    0x012e, 0x0139, 0x0142, 0x0149, 0x01f0, 0x0201, 0x0209, 0x020a, 0x020b, 0x020c, 0x020d, 0x020e, 0x020f,
    0x0211, 0x0213, 0x0214, 0x0220, 0x0231, 0x0234, 0x02fa, 0x02fb, 0x02fc, 0x0324, 0x0325, 0x0410, 0x0412,
    0x0415, 0x0416, 0x0418, 0x0419, 0x041b, 0x041f, 0x0436, 0x0521, 0x0538, 0x0548, 0x061c, 0x061d, 0x0817,
    0x081a, 0x0830, 0x0940, 0x0a32, 0x0b41, 0x0d33, 0x0f43,
];
