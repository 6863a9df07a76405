//! The workbook stream as records (MS-XLS 2.1.4): `code │ size │ body`, and the way back.
//!
//! A record holds at most 8,224 bytes; what is longer goes on in continuation records behind it.
//!
//! ```text
//! BOF globals … BoundSheet ─┐ … EOF │ BOF sheet … Obj, BOF chart … EOF … EOF │ BOF sheet …
//!                           └───────▶ (position in the stream)
//! ```

use crate::failure::Failure;
use crate::job::Job;
pub(super) use crate::little_endian::{u16_at, u32_at};

/// Substreams in substreams, at most: charts on sheets.
const MAX_DEPTH: u32 = 2;

/// Bytes of a record's body, at most.
pub(super) const MAX_BODY: usize = 8224;

/// Codes of the records that this module and several others know by name.
pub(super) mod code {
    pub(crate) const EOF: u16 = 0x000a;
    pub(crate) const EXTERN_SHEET: u16 = 0x0017;
    pub(crate) const LBL: u16 = 0x0018;
    pub(crate) const NOTE: u16 = 0x001c;
    pub(crate) const EXTERN_NAME: u16 = 0x0023;
    pub(crate) const FILE_PASS: u16 = 0x002f;
    pub(crate) const CONTINUE: u16 = 0x003c;
    pub(crate) const OBJ: u16 = 0x005d;
    pub(crate) const BOUND_SHEET: u16 = 0x0085;
    pub(crate) const MSO_DRAWING_GROUP: u16 = 0x00eb;
    pub(crate) const MSO_DRAWING: u16 = 0x00ec;
    pub(crate) const SST: u16 = 0x00fc;
    pub(crate) const LABEL_SST: u16 = 0x00fd;
    pub(crate) const SUP_BOOK: u16 = 0x01ae;
    pub(crate) const CONDITION: u16 = 0x01b1;
    pub(crate) const TXO: u16 = 0x01b6;
    pub(crate) const HLINK: u16 = 0x01b8;
    pub(crate) const VALIDATIONS: u16 = 0x01b2;
    pub(crate) const VALIDATION: u16 = 0x01be;
    pub(crate) const BLANK: u16 = 0x0201;
    pub(crate) const NUMBER: u16 = 0x0203;
    pub(crate) const BOOL_ERR: u16 = 0x0205;
    pub(crate) const FORMULA: u16 = 0x0006;
    pub(crate) const STRING: u16 = 0x0207;
    pub(crate) const ARRAY: u16 = 0x0221;
    pub(crate) const SHARED_FORMULA: u16 = 0x04bc;
    pub(crate) const HLINK_TOOLTIP: u16 = 0x0800;
    pub(crate) const BOF: u16 = 0x0809;
    pub(crate) const FEATURE_HEADER: u16 = 0x0867;
    pub(crate) const FEATURE: u16 = 0x0868;
    pub(crate) const CHART_REFERENCE: u16 = 0x1051;
    pub(crate) const CHART_FILL: u16 = 0x1066;
}

/// Kinds of substreams, as their BOF tells.
pub(super) mod kind {
    pub(crate) const GLOBALS: u16 = 0x0005;
    pub(crate) const SHEET: u16 = 0x0010;
    pub(crate) const CHART: u16 = 0x0020;
}

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) code: u16,
    pub(super) body: &'a [u8],
}

impl Record<'_> {
    /// Whether it goes on where the record before it ends: Continue and its three kin of later versions.
    fn continues(&self) -> bool {
        matches!(self.code, code::CONTINUE | 0x0812 | 0x0875 | 0x087f)
    }
}

/// A record and what continues it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group<'a> {
    pub(super) head: Record<'a>,
    pub(super) tail: &'a [Record<'a>],
}

impl Group<'_> {
    /// All the bodies as one.
    pub(super) fn whole(&self) -> Vec<u8> {
        let mut whole = self.head.body.to_vec();
        self.tail.iter().for_each(|record| whole.extend_from_slice(record.body));
        whole
    }
}

/// The record at a place, and the place behind it.
pub(super) fn record_at(stream: &[u8], at: usize) -> Option<(Record<'_>, usize)> {
    let code = u16_at(stream, at)?;
    let size = usize::from(u16_at(stream, at.checked_add(2)?)?);
    let end = at + 4 + size;
    Some((Record { code, body: stream.get(at + 4..end)? }, end))
}

/// The records of the substream that begins at a place, from its BOF to its EOF, and the place behind it.
pub(super) fn substream<'a>(
    stream: &'a [u8],
    start: usize,
    job: &mut Job<'_>,
) -> Result<(Vec<Record<'a>>, usize), Failure> {
    let mut records = Vec::new();
    let mut at = start;
    let mut open = 0_u32;
    loop {
        let Some((record, next)) = record_at(stream, at) else {
            return Err(Failure::Malformed("the workbook's records are cut short".to_owned()));
        };
        match record.code {
            code::BOF if open >= MAX_DEPTH => {
                return Err(Failure::Malformed("the workbook's charts hold charts".to_owned()));
            }
            code::BOF => open += 1,
            _ if open == 0 => {
                return Err(Failure::Malformed("a sheet of the workbook has no beginning".to_owned()));
            }
            code::EOF => open -= 1,
            _ => {}
        }
        job.expand(u64::try_from(size_of::<Record<'_>>()).unwrap_or(u64::MAX))?;
        records.push(record);
        at = next;
        if open == 0 {
            return Ok((records, at));
        }
    }
}

/// Records with what continues them.
pub(super) fn groups<'a>(records: &'a [Record<'a>]) -> Vec<Group<'a>> {
    let mut groups = Vec::new();
    let mut rest = records;
    while let Some((head, behind)) = rest.split_first() {
        let count = behind.iter().take_while(|record| record.continues()).count();
        let (tail, next) = behind.split_at(count);
        groups.push(Group { head: *head, tail });
        rest = next;
    }
    groups
}

/// Writes records.
#[derive(Debug, Default)]
pub(super) struct Writer {
    pub(super) out: Vec<u8>,
}

impl Writer {
    /// Appends a record. Bodies are parts of records that were read, or shorter than [`MAX_BODY`].
    pub(super) fn put(&mut self, code: u16, body: &[u8]) -> Result<(), Failure> {
        let size = u16::try_from(body.len())
            .map_err(|_| Failure::Malformed("a record of the workbook is too long".to_owned()))?;
        self.out.extend(code.to_le_bytes());
        self.out.extend(size.to_le_bytes());
        self.out.extend_from_slice(body);
        Ok(())
    }

    /// Appends a body of any length: `first` for the first piece, then `second`, then Continue.
    pub(super) fn put_long(
        &mut self,
        first: u16,
        second: u16,
        body: &[u8],
        piece: usize,
    ) -> Result<(), Failure> {
        let codes = [first, second].into_iter().chain(std::iter::repeat(code::CONTINUE));
        body.chunks(piece.min(MAX_BODY)).zip(codes).try_for_each(|(piece, code)| self.put(code, piece))
    }
}
