//! Obj records (MS-XLS 2.4.181): what kind of thing a shape is, in parts.
//!
//! Kept are the parts that describe a chart, a comment, a picture, a form element. Gone are all formulas: macros on a
//! click, the formula of a picture (which makes it an OLE object, a control, a camera), cells that a form element is
//! linked to. An embedded object so becomes the picture that was shown for it.

use super::record::u16_at;
use crate::report::What;

const COMMON: u16 = 0x15;
const END: u16 = 0x00;
const LIST: u16 = 0x13;
const MACRO: u16 = 0x04;
const PICTURE_FLAGS: u16 = 0x08;
const PICTURE_FORMULA: u16 = 0x09;
const SCROLL_FORMULA: u16 = 0x0e;
const CHECK_BOX_FORMULA: u16 = 0x14;

/// Kept parts and their sizes.
const KEPT: &[(u16, usize)] = &[
    (0x06, 2),
    (0x07, 2),
    (0x0a, 12),
    (0x0b, 6),
    (0x0c, 20),
    (0x0d, 22),
    (0x0f, 6),
    (0x10, 8),
    (0x11, 4),
    (0x12, 8),
];

/// Kinds of objects.
pub(super) const CHART: u16 = 5;

/// An object as it stays.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) kind: u16,
    /// Its number on the sheet.
    pub(super) id: u16,
    pub(super) bytes: Vec<u8>,
    /// What was left out.
    pub(super) removed: Vec<What>,
}

/// Reads an Obj record and writes it without what may not stay; `None`: it cannot be read.
pub(super) fn rebuild(body: &[u8]) -> Option<Object> {
    let mut at = 0;
    let mut kind = None;
    let mut bytes = Vec::new();
    let mut removed = Vec::new();
    while let Some(part) = u16_at(body, at) {
        let size = usize::from(u16_at(body, at + 2)?);
        let data = body.get(at + 4..at + 4 + size);
        match (part, kind) {
            (COMMON, None) => {
                let data = data.filter(|data| data.len() == 18)?;
                kind = u16_at(data, 0);
                bytes.extend([0x15, 0, 0x12, 0]);
                bytes.extend_from_slice(data.get(..6)?);
                bytes.extend([0; 12]);
            }
            (_, None) => return None,
            (END, Some(_)) => break,
            (LIST, Some(kind)) => {
                let list = list(body.get(at + 4..)?, size, kind == 0x14, &mut removed);
                bytes.extend(list.unwrap_or_else(|| vec![0x13, 0, 0, 0]));
                break;
            }
            (PICTURE_FLAGS, Some(_)) => {
                let flags = u16_at(data?, 0)?;
                bytes.extend([8, 0, 2, 0]);
                bytes.extend((flags & 1).to_le_bytes());
                if flags & 0x10 != 0 {
                    removed.push(What::Control);
                }
            }
            (PICTURE_FORMULA, Some(_)) => removed.push(What::EmbeddedObject),
            (MACRO, Some(_)) if size > 0 => removed.push(What::Macro),
            (SCROLL_FORMULA | CHECK_BOX_FORMULA, Some(_)) => removed.push(What::Control),
            (part, Some(_)) if KEPT.contains(&(part, size)) => {
                bytes.extend(part.to_le_bytes());
                bytes.extend(u16::try_from(size).ok()?.to_le_bytes());
                bytes.extend_from_slice(data?);
            }
            _ => {}
        }
        at += 4 + size;
    }
    bytes.extend([0; 4]);
    Some(Object { kind: kind?, id: u16_at(&bytes, 6)?, bytes, removed })
}

/// The part of list and drop-down boxes (MS-XLS 2.5.147), whose size field tells nothing.
fn list(data: &[u8], size: usize, drops_down: bool, removed: &mut Vec<What>) -> Option<Vec<u8>> {
    if size == 0 {
        return None;
    }
    let formula = usize::from(u16_at(data, 0)?);
    if formula > 0 {
        removed.push(What::Control);
    }
    let start = formula + 2;
    let rest = data.get(start..)?;
    let (lines, flags) = (usize::from(u16_at(rest, 0)?), u16_at(rest, 4)?);
    let mut end = 8;
    if drops_down {
        let count = usize::from(u16_at(rest, end + 6)?);
        let text = match count {
            0 => end + 8,
            count => super::text::characters(rest, end + 8, count)?.1,
        };
        // Filled up to a whole number of words.
        let odd = (text - end) % 2;
        end = text + odd;
    }
    if flags & 0x02 != 0 {
        for _ in 0..lines {
            let count = usize::from(u16_at(rest, end)?);
            end = super::text::characters(rest, end + 2, count)?.1;
        }
    }
    if flags & 0x30 != 0 {
        end += lines;
    }
    let mut out = vec![0x13, 0];
    out.extend(u16::try_from(size).ok()?.to_le_bytes());
    out.extend([0; 2]);
    out.extend_from_slice(rest.get(..end.min(rest.len()))?);
    Some(out)
}
