//! What a verifier asks of rebuilt drawings: is a picture what its record says, does a record hide a file, is it as long as it says?

use std::borrow::Cow;
use std::io::Read as _;

use super::blip::bitmap_file;
use super::record::Record;
use crate::failure::Failure;
use crate::format::Format;
use crate::identify::{Declared, identify};
use crate::job::Job;

/// Files that would be found in the middle of another: compound, ZIP, PDF, program.
const SIGNATURES: [&[u8]; 4] = [&crate::compound::MAGIC, b"PK\x03\x04", b"%PDF-", b"MZ\x90\0"];

/// Whether bytes that are no text have the beginning of a file in them.
pub(crate) fn hides_file(bytes: &[u8]) -> bool {
    SIGNATURES.iter().any(|signature| memchr::memmem::find(bytes, signature).is_some())
}

/// The length of the body of the record on all drawings (OfficeArtFDGGBlock, MS-ODRAW 2.2.48), by what it says itself: 16 bytes, and
/// 8 for each of so many less one.
pub(crate) fn group_length(record: &Record<'_>) -> Option<usize> {
    let count = usize::try_from(record.u32_at(4)?).ok()?;
    count.saturating_sub(1).checked_mul(8)?.checked_add(16)
}

/// The record's file is a picture of the type that the record says, and proved as one that was rebuilt.
pub(crate) fn is_picture(record: &Record<'_>, job: &mut Job<'_>) -> Result<(), Failure> {
    let file = record.body.get(17..).unwrap_or_default();
    let (format, file) = match (record.kind, record.instance) {
        (0xf01a, 0x3d4) => (Format::Emf, Cow::Owned(inflated(record, job)?)),
        (0xf01b, 0x216) => (Format::Wmf, Cow::Owned(inflated(record, job)?)),
        (0xf01d, 0x46a) => (Format::Jpeg, Cow::Borrowed(file)),
        (0xf01e, 0x6e0) => (Format::Png, Cow::Borrowed(file)),
        (0xf029, 0x6e4) => (Format::Tiff, Cow::Borrowed(file)),
        (0xf01f, 0x7a8) => (Format::Bmp, Cow::Owned(bitmap_file(file).unwrap_or_default())),
        _ => return unproved("there is a picture of an unknown kind"),
    };
    let found = identify(&file, &Declared::default());
    match format.rebuilder() {
        Some((_, verify)) if found.format == format && found.objection.is_none() => {
            verify(&file, format, job)
        }
        _ => unproved("there is a picture that is none"),
    }
}

/// The file in a metafile's record: digest 16, size u32, measures 24, stored size u32, deflate 0, filter 0xFE.
fn inflated(record: &Record<'_>, job: &Job<'_>) -> Result<Vec<u8>, Failure> {
    let stored = record.body.get(50..).unwrap_or_default();
    let size = record.u32_at(16).unwrap_or_default();
    let is_sound = u64::from(size) <= job.limits.max_bytes
        && record.u32_at(44).and_then(|length| usize::try_from(length).ok()) == Some(stored.len())
        && record.body.get(48..50) == Some(&[0, 0xfe]);
    let mut file = Vec::new();
    let mut inflater = flate2::read::ZlibDecoder::new(stored);
    let most = if is_sound { u64::from(size) + 1 } else { 0 };
    #[expect(clippy::disallowed_methods, reason = "capped by `take`")]
    let read = inflater.by_ref().take(most).read_to_end(&mut file);
    let is_whole = inflater.total_in() == record.body.len().saturating_sub(50) as u64;
    match is_sound && is_whole && read.ok() == usize::try_from(size).ok() {
        true => Ok(file),
        false => unproved("a metafile is not stored as it should be"),
    }
}

fn unproved<T>(problem: &str) -> Result<T, Failure> {
    Err(Failure::Unproved(problem.to_owned()))
}
