//! Lines as Excel 5.0 stored them. Programs that write such Obj records into newer workbooks draw the borders of their
//! tables with them; readers take them where a sheet has no drawing.
//!
//! ```text
//! 1 u32 │ kind u16 │ number u16 │ flags u16 │ where it is 8 × u16 │ size of a macro u16 │ 0 u16 │ size of a name u16 │ 0 u16
//!       │ colour u8 │ pattern u8 │ width u8 │ automatic u8 │ arrow heads u16 │ corner it begins in u8 │ 0 u8
//! ```
//!
//! Numbers alone, of this one size. The line's own number is large, so that for who takes the record for one of today's,
//! in parts with a size each, the second part is longer than the record.

use super::record::u16_at;

const SIZE: usize = 42;
const LINE: u16 = 1;
/// Of the first line on a sheet.
const FIRST: u16 = 0x0400;

/// Writes a line anew, as that with this index on its sheet; `None`: it is something else, or has a macro or a name.
pub(super) fn rebuild(body: &[u8], index: usize) -> Option<Vec<u8>> {
    let is_plain = u16_at(body, 26) == Some(0) && u16_at(body, 30) == Some(0);
    (body.len() == SIZE && u16_at(body, 4) == Some(LINE) && is_plain).then_some(())?;
    let number = FIRST.checked_add(u16::try_from(index).ok()?)?;
    let mut out = vec![1, 0, 0, 0];
    out.extend(LINE.to_le_bytes());
    out.extend(number.to_le_bytes());
    out.extend_from_slice(body.get(8..26)?);
    out.extend([0; 8]);
    out.extend_from_slice(body.get(34..41)?);
    out.push(0);
    Some(out)
}

/// Whether it is a line as [`rebuild`] writes it.
pub(super) fn is_rebuilt(body: &[u8]) -> bool {
    let index = u16_at(body, 6).and_then(|number| number.checked_sub(FIRST)).map(usize::from);
    index.is_some_and(|index| rebuild(body, index).as_deref() == Some(body))
}
