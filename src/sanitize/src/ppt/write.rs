//! The streams of a presentation of one edit.
//!
//! ```text
//! PowerPoint Document: document │ object │ object │ … │ directory │ edit        Current User: ─ offset ─▶ edit
//! ```

use super::edits::PLAIN;
use super::kind;
use super::live::DOCUMENT_NUMBER;
use crate::failure::Failure;
use crate::office_art::put;

/// Objects that one entry of a directory can name.
const RUN: usize = 0xfff;

/// The three streams.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) document: Vec<u8>,
    pub(super) current_user: Vec<u8>,
    pub(super) pictures: Vec<u8>,
}

/// Lays out whole records, the document first, numbered from 1 in this order.
///
/// # Errors
/// The stream would be longer than 4 GiB.
pub(super) fn streams(
    objects: &[Vec<u8>],
    pictures: Vec<u8>,
    last_slide: u32,
    last_view: u16,
) -> Result<Written, Failure> {
    let mut document = Vec::new();
    let mut offsets = Vec::new();
    let position = |stream: &Vec<u8>| u32::try_from(stream.len()).map_err(Failure::malformed);
    for object in objects {
        offsets.push(position(&document)?);
        document.extend(object);
    }

    let mut directory = Vec::new();
    let mut first = DOCUMENT_NUMBER;
    for run in offsets.chunks(RUN) {
        let count = u32::try_from(run.len()).map_err(Failure::malformed)?;
        directory.extend((count << 20 | first).to_le_bytes());
        directory.extend(run.iter().flat_map(|offset| offset.to_le_bytes()));
        first += count;
    }
    let directory_at = position(&document)?;
    put(&mut document, 0, 0, kind::PERSIST_DIRECTORY, &directory)?;

    let edit_at = position(&document)?;
    let mut edit = Vec::new();
    edit.extend(last_slide.to_le_bytes());
    edit.extend([0, 0, 0, 3]); // build, minor and major version
    edit.extend(0_u32.to_le_bytes()); // no older edit
    edit.extend(directory_at.to_le_bytes());
    edit.extend(DOCUMENT_NUMBER.to_le_bytes());
    edit.extend((first - 1).to_le_bytes()); // the greatest number in use
    edit.extend(last_view.to_le_bytes());
    edit.extend([0; 2]);
    put(&mut document, 0, 0, kind::USER_EDIT, &edit)?;

    let mut user = Vec::new();
    user.extend(20_u32.to_le_bytes()); // bytes of the numbers
    user.extend(PLAIN.to_le_bytes());
    user.extend(edit_at.to_le_bytes());
    user.extend([0; 2]); // length of the user's name
    user.extend(0x03f4_u16.to_le_bytes()); // version of the format
    user.extend([3, 0, 0, 0]); // major and minor version
    user.extend(8_u32.to_le_bytes()); // one main master or more
    let mut current_user = Vec::new();
    put(&mut current_user, 0, 0, kind::CURRENT_USER, &user)?;
    Ok(Written { document, current_user, pictures })
}
