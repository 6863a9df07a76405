//! Styles (MS-DOC 2.9.271): a list of named sets of formatting.
//!
//! ```text
//! length │ head: number of styles, length of their fixed part, … │ length │ fixed part │ name │ formatting … │ length …
//! ```

use super::bytes::{Reader, broken, put, u16_at, u32_of, usize_of};
use super::sprm;
use crate::failure::Failure;

/// Kinds of styles by number, with what formatting they have: paragraph (with a style's number before the modifiers) or not.
const FORMATTING: [&[bool]; 5] = [&[], &[true, false], &[false], &[false, true, false], &[true]];

/// Lengths that a style's fixed part has: up to Word 97, and since then.
const FIXED: [usize; 2] = [10, 18];

/// The style sheet anew.
pub(super) fn rebuild(sheet: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut reader = Reader::new(sheet);
    let head_length = reader.u16()?;
    let head = reader.take(head_length.into())?;
    let count = u16_at(head, 0)?;
    let fixed = usize::from(u16_at(head, 2)?);
    if !FIXED.contains(&fixed) || count > 4095 {
        return Err(broken("the style sheet is damaged"));
    }
    let head = rebuild_head(head)?;
    let mut out = u16::try_from(head.len()).map_err(Failure::malformed)?.to_le_bytes().to_vec();
    out.extend(head);
    for _ in 0..count {
        let length = usize::from(reader.u16()?);
        let style = reader.take(length)?;
        if length % 2 == 1 && !reader.rest().is_empty() {
            reader.take(1)?;
        }
        let style = if style.is_empty() { Vec::new() } else { rebuild_style(style, fixed)? };
        out.extend(u16::try_from(style.len()).map_err(Failure::malformed)?.to_le_bytes());
        out.extend(&style);
    }
    Ok(out)
}

/// The head: numbers, a font, what hides and orders styles, formatting that is the default; and nothing behind these.
fn rebuild_head(head: &[u8]) -> Result<Vec<u8>, Failure> {
    const NUMBERS: usize = 18;
    const WITH_FONT: usize = 20;
    const LATENT: usize = 4;
    let mut out = head.get(..NUMBERS).ok_or_else(|| broken("the style sheet is damaged"))?.to_vec();
    let Some(font) = head.get(NUMBERS..WITH_FONT) else { return Ok(out) };
    out.extend(font);
    let mut reader = Reader::new(head.get(WITH_FONT..).unwrap_or_default());
    let count = usize::from(u16_at(head, 6)?);
    let Some(latent) = reader.u16().ok().filter(|&size| usize::from(size) == LATENT) else { return Ok(out) };
    let Ok(entries) = reader.take(LATENT * count) else { return Ok(out) };
    out.extend(latent.to_le_bytes());
    out.extend(entries);
    // For characters, for paragraphs.
    let mut defaults = Vec::new();
    for _ in 0..2 {
        let Some(list) = reader.u32().ok().and_then(|length| reader.take(usize_of(length).ok()?).ok()) else {
            return Ok(out);
        };
        let list = sprm::clean_shared(list);
        defaults.extend(u32_of(list.len())?.to_le_bytes());
        defaults.extend(list);
    }
    out.extend(defaults);
    Ok(out)
}

fn rebuild_style(style: &[u8], fixed: usize) -> Result<Vec<u8>, Failure> {
    let mut reader = Reader::new(style);
    let base = reader.take(fixed)?;
    let name_length = reader.u16()?;
    let name = reader.take(2 * usize::from(name_length))?;
    reader.take(2)?;
    let kind = usize::from(u16_at(base, 2)? & 0xf);
    let packed = u16_at(base, 4)?;
    let formatting = FORMATTING.get(kind).ok_or_else(|| broken("a style is of no known kind"))?;

    let mut out = base.to_vec();
    out.extend(name_length.to_le_bytes());
    out.extend(name);
    out.extend([0, 0]);
    out.resize(out.len().next_multiple_of(2), 0);
    let mut count = 0;
    for &is_paragraph in formatting.iter().take(usize::from(packed & 0xf)) {
        let at = style.len() - reader.rest().len();
        if at % 2 == 1 && reader.take(1).is_err() {
            break;
        }
        let Ok(length) = reader.u16() else { break };
        let list = reader.take(length.into())?;
        let (number, list) = list.split_at_checked(if is_paragraph { 2 } else { 0 }).unwrap_or_default();
        let list = sprm::clean_shared(list);
        out.extend(u16::try_from(number.len() + list.len()).map_err(Failure::malformed)?.to_le_bytes());
        out.extend(number);
        out.extend(list);
        out.resize(out.len().next_multiple_of(2), 0);
        count += 1;
    }
    // How the style was before a tracked change is left out.
    const HAD_OTHER_FORMATTING: u8 = 0x10;
    put(&mut out, 4, &(packed & !0xf | count).to_le_bytes());
    let length = u16::try_from(out.len()).map_err(Failure::malformed)?;
    put(&mut out, 6, &length.to_le_bytes());
    if let Some(byte) = out.get_mut(11).filter(|_| fixed >= 12) {
        *byte &= !HAD_OTHER_FORMATTING;
    }
    Ok(out)
}
