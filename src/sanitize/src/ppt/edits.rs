//! Edits: each save may have added objects to the stream's end and a directory that says where they are now (MS-PPT 2.1.2, part 1).
//!
//! ```text
//! Current User ─ offset ─▶ newest UserEditAtom ─ offset ─▶ older one ─▶ … ─▶ 0
//!                              └─ offset ─▶ PersistDirectoryAtom: first number 20 bits │ count 12 bits │ offset × count, …
//! ```
//!
//! The newest directory that names an object says where it is.

use std::collections::{BTreeMap, BTreeSet};

use super::kind;
use crate::failure::Failure;
use crate::job::Job;
use crate::office_art::Record;

/// Marks of a plain and of an encrypted presentation in the current user's record.
pub(super) const PLAIN: u32 = 0xe391_c05f;
pub(super) const ENCRYPTED: u32 = 0xf3d1_c4df;
/// Bytes of an edit's record; one with encryption has four more.
const EDIT: usize = 28;
const EDIT_WITH_ENCRYPTION: usize = 32;
/// "View of the last user": a slide, where the number is none that is known.
const SLIDE_VIEW: u16 = 1;
const LAST_VIEW: u16 = 0x12;

/// What all edits come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edits {
    /// Where each object is, by number.
    pub(super) objects: BTreeMap<u32, u32>,
    /// The number of the document.
    pub(super) document: u32,
    /// Which slide was shown last.
    pub(super) last_slide: u32,
    /// How it was shown.
    pub(super) last_view: u16,
    /// Edits that newer ones were added to.
    pub(super) older: u32,
    /// The current user's record names somebody.
    pub(super) has_user: bool,
}

impl Edits {
    /// Follows the edits from the newest to the oldest.
    ///
    /// # Errors
    /// [`Failure::Encrypted`]; [`Failure::Malformed`]: an edit or a directory is not where it should be, or the edits run in a circle.
    pub(super) fn read(document: &[u8], current_user: &[u8], job: &mut Job<'_>) -> Result<Self, Failure> {
        let (user, _) = Record::parse(current_user)?;
        if user.kind != kind::CURRENT_USER {
            return Err(malformed("the current user's record is of another type"));
        }
        match user.u32_at(4) {
            Some(PLAIN) => {}
            Some(ENCRYPTED) => return Err(encrypted()),
            _ => return Err(malformed("the current user's record has no known mark")),
        }
        let mut offset = user.u32_at(8).ok_or_else(|| malformed("the current user's record is cut short"))?;
        let mut edits = Self {
            objects: BTreeMap::new(),
            document: 0,
            last_slide: 0,
            last_view: SLIDE_VIEW,
            older: 0,
            has_user: user.body.get(12..14).is_some_and(|length| length != [0, 0]),
        };
        let (mut seen, mut directories) = (BTreeSet::new(), BTreeSet::new());
        while seen.is_empty() || offset != 0 {
            if !seen.insert(offset) {
                return Err(malformed("the edits run in a circle"));
            }
            let edit = record_at(document, offset)?;
            if edit.kind != kind::USER_EDIT || !matches!(edit.body.len(), EDIT | EDIT_WITH_ENCRYPTION) {
                return Err(malformed("an edit is not where it should be"));
            }
            let number = |at| edit.u32_at(at).unwrap_or_default();
            if seen.len() == 1 {
                edits.last_slide = number(0);
                edits.document = number(16);
                edits.last_view = u16::try_from(number(24) & 0xffff)
                    .ok()
                    .filter(|view| (SLIDE_VIEW..=LAST_VIEW).contains(view))
                    .unwrap_or(SLIDE_VIEW);
            }
            let directory = record_at(document, number(12))?;
            if !directories.insert(number(12)) {
                return Err(malformed("two edits have one directory"));
            }
            job.expand(u64::try_from(directory.body.len()).unwrap_or(u64::MAX))?;
            edits.add_directory(directory)?;
            let session = number(28);
            if edit.body.len() == EDIT_WITH_ENCRYPTION && session != 0 && edits.is_session(document, session)
            {
                return Err(encrypted());
            }
            offset = number(8);
        }
        edits.older = u32::try_from(seen.len() - 1).unwrap_or(u32::MAX);
        Ok(edits)
    }

    fn add_directory(&mut self, directory: Record<'_>) -> Result<(), Failure> {
        if directory.kind != kind::PERSIST_DIRECTORY {
            return Err(malformed("a directory is not where it should be"));
        }
        let mut numbers = directory.body.as_chunks::<4>().0.iter().map(|four| u32::from_le_bytes(*four));
        while let Some(head) = numbers.next() {
            let (first, count) = (head & 0xf_ffff, head >> 20);
            for number in first..first.saturating_add(count) {
                let offset = numbers.next().ok_or_else(|| malformed("a directory is cut short"))?;
                self.objects.entry(number).or_insert(offset);
            }
        }
        Ok(())
    }

    fn is_session(&self, document: &[u8], number: u32) -> bool {
        let record = self.objects.get(&number).map(|&offset| record_at(document, offset));
        // What cannot be read may well be encrypted.
        !matches!(record, Some(Ok(record)) if record.kind != kind::CRYPT_SESSION)
    }

    /// The object of this number.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn object<'a>(&self, document: &'a [u8], number: u32) -> Result<Record<'a>, Failure> {
        let offset = self.objects.get(&number);
        record_at(document, *offset.ok_or_else(|| malformed("it refers to an object that is not there"))?)
    }
}

fn record_at(document: &[u8], offset: u32) -> Result<Record<'_>, Failure> {
    let from = usize::try_from(offset).ok().and_then(|offset| document.get(offset..));
    from.ok_or_else(|| malformed("an offset lies behind the stream's end"))
        .and_then(Record::parse)
        .map(|(record, _)| record)
}

fn malformed(problem: &str) -> Failure {
    Failure::Malformed(format!("the presentation is damaged: {problem}"))
}

fn encrypted() -> Failure {
    Failure::Encrypted("the presentation is encrypted".to_owned())
}
