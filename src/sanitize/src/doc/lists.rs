//! Numbered and bulleted lists (MS-DOC 2.9.150, 2.9.132, 2.9.131).
//!
//! ```text
//! definitions: count │ 28 bytes each ║ levels of each: 28 bytes │ paragraph formatting │ character formatting │ text
//!              └─ length in the information block ─┘
//! uses:        count │ 16 bytes each │ for each: position │ for each overridden level: 8 bytes │ level
//! ```

use super::bytes::{Reader, broken, put};
use super::sprm;
use crate::failure::Failure;

/// Lists or uses of lists that a document may have.
const MAX: u32 = 4096;
const LEVEL: usize = 28;

/// The definitions anew: the part whose length the information block gives, and the levels behind it.
pub(super) fn definitions(bytes: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Failure> {
    let mut reader = Reader::new(bytes);
    let count = reader.u16()?;
    let mut head = count.to_le_bytes().to_vec();
    let mut levels = Vec::new();
    if u32::from(count) > MAX {
        return Err(broken("the document has too many lists"));
    }
    let mut simple = Vec::new();
    for _ in 0..count {
        let definition = reader.take(28)?;
        simple.push(definition.get(26).is_some_and(|flags| flags & 1 == 1));
        head.extend(definition);
    }
    for is_simple in simple {
        for _ in 0..if is_simple { 1 } else { 9 } {
            levels.extend(level(&mut reader)?);
        }
    }
    Ok((head, levels))
}

/// The uses anew.
pub(super) fn uses(bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut reader = Reader::new(bytes);
    let count = reader.u32()?;
    if count > MAX {
        return Err(broken("the document uses too many lists"));
    }
    let mut out = count.to_le_bytes().to_vec();
    let mut overridden = Vec::new();
    for _ in 0..count {
        let usage = reader.take(16)?;
        overridden.push(usage.get(12).copied().unwrap_or_default());
        out.extend(usage);
    }
    for count in overridden {
        out.extend(reader.take(4)?);
        for _ in 0..count {
            let head = reader.take(8)?;
            out.extend(head);
            const HAS_LEVEL: u8 = 0x20;
            if head.get(4).is_some_and(|flags| flags & HAS_LEVEL != 0) {
                out.extend(level(&mut reader)?);
            }
        }
    }
    Ok(out)
}

fn level(reader: &mut Reader<'_>) -> Result<Vec<u8>, Failure> {
    let mut out = reader.take(LEVEL)?.to_vec();
    let length = |at: usize| usize::from(out.get(at).copied().unwrap_or_default());
    let (characters, paragraph) = (length(24), length(25));
    let paragraph = sprm::clean_shared(reader.take(paragraph)?);
    let characters = sprm::clean_shared(reader.take(characters)?);
    let units = reader.u16()?;
    let text = reader.take(2 * usize::from(units))?;
    let short = |list: &[u8]| u8::try_from(list.len()).map_err(Failure::malformed);
    put(&mut out, 24, &[short(&characters)?, short(&paragraph)?]);
    out.extend(paragraph);
    out.extend(characters);
    out.extend(units.to_le_bytes());
    out.extend(text);
    Ok(out)
}
