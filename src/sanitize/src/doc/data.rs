//! The Data stream (MS-DOC 2.1.4): pictures in the text, form fields, and formatting too long for its page.
//!
//! ```text
//! picture   length u32 │ 68 u16 │ kind, sizes, borders … 62 │ shape │ pictures
//! form      length u32 │ 68 u16 │ zeros 62 │ FFFFFFFF │ bits, sizes │ name, default, texts, macro names │ choices
//! modifiers length u16 │ modifiers
//! ```
//!
//! Only what the text refers to is written, in the order of the text, each anew.

use std::collections::HashMap;

use super::bytes::{Reader, broken, put, slice, u32_of, usize_of};
use super::{drawing, sprm};
use crate::failure::Failure;
use crate::job::Job;
use crate::report::{Removed, What};

/// Bytes before a picture's shape or a form field's data.
const HEADER: usize = 68;
/// Kinds of pictures: a shape, or a shape behind the name of a file.
const SHAPE: u16 = 0x64;
const SHAPE_OF_FILE: u16 = 0x66;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Picture,
    Form,
    Modifiers,
}

/// The old stream and the new one.
#[derive(Debug)]
pub(super) struct Data<'a> {
    old: &'a [u8],
    pub(super) new: Vec<u8>,
    /// New places by old ones.
    known: HashMap<(Kind, u32), Option<u32>>,
}

impl<'a> Data<'a> {
    pub(super) fn new(old: &'a [u8]) -> Self {
        Self { old, new: Vec::new(), known: HashMap::new() }
    }

    /// The new place of the picture at `at`; `None`: there is none.
    pub(super) fn picture(&mut self, at: u32, job: &mut Job<'_>) -> Result<Option<u32>, Failure> {
        self.rebuilt(Kind::Picture, at, job, |old, job| picture(old, job).map(Some))
    }

    /// The new place of a form field's data at `at`; `None`: there is none, or other data.
    pub(super) fn form(&mut self, at: u32, job: &mut Job<'_>) -> Result<Option<u32>, Failure> {
        self.rebuilt(Kind::Form, at, job, |old, job| {
            job.expand(u64::try_from(parts(old)?.1.len()).map_err(Failure::malformed)?)?;
            form(old)
        })
    }

    /// The new place of the modifiers at `at`.
    pub(super) fn modifiers(&mut self, at: u32, job: &mut Job<'_>) -> Result<Option<u32>, Failure> {
        self.rebuilt(Kind::Modifiers, at, job, |old, job| {
            let mut reader = Reader::new(old);
            let length = reader.u16()?;
            job.expand(length.into())?;
            let list = sprm::clean_shared(reader.take(length.into())?);
            let length = u16::try_from(list.len()).map_err(Failure::malformed)?;
            Ok(Some([length.to_le_bytes().as_slice(), &list].concat()))
        })
    }

    fn rebuilt(
        &mut self,
        kind: Kind,
        at: u32,
        job: &mut Job<'_>,
        rebuild: impl FnOnce(&[u8], &mut Job<'_>) -> Result<Option<Vec<u8>>, Failure>,
    ) -> Result<Option<u32>, Failure> {
        if let Some(known) = self.known.get(&(kind, at)) {
            return Ok(*known);
        }
        let rebuilt = match self.old.get(usize_of(at)?..) {
            None | Some([]) => None,
            Some(old) => match rebuild(old, job) {
                Ok(rebuilt) => rebuilt,
                Err(Failure::Malformed(_)) => None,
                Err(other) => return Err(other),
            },
        };
        let place = match rebuilt {
            Some(rebuilt) => {
                let place = u32_of(self.new.len())?;
                job.expand(u64::try_from(rebuilt.len()).map_err(Failure::malformed)?)?;
                self.new.extend(rebuilt);
                Some(place)
            }
            None => None,
        };
        self.known.insert((kind, at), place);
        Ok(place)
    }
}

/// Header and content of a picture or a form field.
fn parts(old: &[u8]) -> Result<(&[u8], &[u8]), Failure> {
    let mut reader = Reader::new(old);
    let length = reader.u32()?;
    let whole = slice(old, 0, usize_of(length)?)?;
    match (reader.u16()?, whole.split_at_checked(HEADER)) {
        (68, Some(parts)) => Ok(parts),
        _ => Err(broken("a picture's header has another length")),
    }
}

fn picture(old: &[u8], job: &mut Job<'_>) -> Result<Vec<u8>, Failure> {
    let (old_header, content) = parts(old)?;
    job.expand(u64::try_from(content.len()).map_err(Failure::malformed)?)?;
    let mut reader = Reader::new(old_header.get(6..).unwrap_or_default());
    let content = match reader.u16()? {
        SHAPE => Some(content),
        SHAPE_OF_FILE => {
            job.removed(Removed::new(What::ExternalReference, "file name of a picture", 1));
            let name = content.first().copied().unwrap_or_default();
            content.get(1 + usize::from(name)..)
        }
        _ => None,
    };
    let content = match content.map(|content| drawing::rebuild_inline(content, job)) {
        Some(Ok(content)) => content,
        None | Some(Err(Failure::Malformed(_))) => {
            job.removed(Removed::bytes(What::Picture, "picture in the text", old_header));
            drawing::blank_inline(job)?
        }
        Some(Err(other)) => return Err(other),
    };
    let mut header = [0; HEADER];
    put(&mut header, 0, &u32_of(HEADER + content.len())?.to_le_bytes());
    put(&mut header, 4, &68_u16.to_le_bytes());
    put(&mut header, 6, &SHAPE.to_le_bytes());
    // Its sizes; goal, scale and crop; borders.
    for range in [8..12, 22..24, 28..44, 46..62] {
        put(&mut header, range.start, old_header.get(range).unwrap_or_default());
    }
    Ok([header.as_slice(), &content].concat())
}

/// A form field's data without its macros (MS-DOC 2.9.78).
pub(super) fn form(old: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
    const MARK: u32 = 0xffff_ffff;
    const HAS_CHOICES: u16 = 0x8000;
    let (_, content) = parts(old)?;
    let mut reader = Reader::new(content);
    if reader.u32()? != MARK {
        return Ok(None);
    }
    let mut out = vec![0; HEADER];
    out.extend(MARK.to_le_bytes());
    let bits = reader.u16()?;
    out.extend(bits.to_le_bytes());
    out.extend(reader.take(4)?);
    text(&mut reader, &mut out)?;
    match bits & 3 {
        0 => text(&mut reader, &mut out)?,
        1 | 2 => out.extend(reader.take(2)?),
        _ => return Ok(None),
    }
    // Format of the text, help, status line.
    for _ in 0..3 {
        text(&mut reader, &mut out)?;
    }
    // Macros on entry and on exit.
    for _ in 0..2 {
        text(&mut reader, &mut Vec::new())?;
        out.extend([0; 4]);
    }
    if bits & 3 == 2 && bits & HAS_CHOICES != 0 {
        super::tables::strings(&mut reader, &mut out, 0)?;
    }
    let length = u32_of(out.len())?;
    put(&mut out, 0, &length.to_le_bytes());
    put(&mut out, 4, &68_u16.to_le_bytes());
    Ok(Some(out))
}

/// A text with its length before and a zero behind it.
fn text(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), Failure> {
    let length = reader.u16()?;
    out.extend(length.to_le_bytes());
    out.extend(reader.take(2 * usize::from(length))?);
    reader.take(2)?;
    out.extend([0, 0]);
    Ok(())
}
