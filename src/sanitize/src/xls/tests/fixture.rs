//! Workbooks made record by record.

use crate::compound::{Compound, Storage};
use crate::failure::Failure;
use crate::format::Format;
use crate::job::bench;
use crate::limits::Limits;
use crate::report::{Removed, What};
use crate::xls::record::{Writer, code, record_at};
use crate::xls::{rebuild, verify};

pub(super) type Records = Vec<(u16, Vec<u8>)>;

/// Sizes as they are stored.
pub(super) fn byte(size: usize) -> u8 {
    u8::try_from(size).unwrap()
}

pub(super) fn short(size: usize) -> [u8; 2] {
    u16::try_from(size).unwrap().to_le_bytes()
}

pub(super) fn long(size: usize) -> [u8; 4] {
    u32::try_from(size).unwrap().to_le_bytes()
}

/// A sheet of a workbook.
pub(super) struct Sheet {
    pub(super) name: &'static str,
    /// As its entry says: 0 sheet, 1 macro sheet, 2 chart, 6 VBA module.
    pub(super) listed: u8,
    /// As its BOF says.
    pub(super) kind: u16,
    pub(super) state: u8,
    pub(super) records: Records,
}

impl Sheet {
    pub(super) fn new(name: &'static str, records: Records) -> Self {
        Self { name, listed: 0, kind: 0x10, state: 0, records }
    }
}

/// A workbook.
#[derive(Default)]
pub(super) struct Book {
    /// Globals before the sheets' entries, and behind them.
    pub(super) before: Records,
    pub(super) behind: Records,
    pub(super) sheets: Vec<Sheet>,
}

impl Book {
    /// One sheet with these records.
    pub(super) fn with(records: Records) -> Self {
        Self { sheets: vec![Sheet::new("Sheet1", records)], ..Self::default() }
    }

    pub(super) fn globals(mut self, records: Records) -> Self {
        self.behind.extend(records);
        self
    }

    pub(super) fn sheet(mut self, sheet: Sheet) -> Self {
        self.sheets.push(sheet);
        self
    }

    pub(super) fn stream(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.put(code::BOF, &bof(0x0600, 5)).unwrap();
        let put = |to: &mut Writer, records: &Records| {
            records.iter().for_each(|(code, body)| to.put(*code, body).unwrap());
        };
        put(&mut to, &self.before);
        let mut places = Vec::new();
        for sheet in &self.sheets {
            places.push(to.out.len() + 4);
            let mut body = vec![0, 0, 0, 0, sheet.state, sheet.listed, byte(sheet.name.len()), 0];
            body.extend(sheet.name.bytes());
            to.put(code::BOUND_SHEET, &body).unwrap();
        }
        put(&mut to, &self.behind);
        to.put(code::EOF, &[]).unwrap();
        for (sheet, place) in self.sheets.iter().zip(places) {
            let start = long(to.out.len());
            to.out[place..place + 4].copy_from_slice(&start);
            to.put(code::BOF, &bof(0x0600, sheet.kind)).unwrap();
            put(&mut to, &sheet.records);
            to.put(code::EOF, &[]).unwrap();
        }
        to.out
    }

    pub(super) fn file(&self) -> Vec<u8> {
        file(self.stream())
    }

    pub(super) fn rebuilt(&self) -> Rebuilt {
        rebuilt(&self.file())
    }
}

pub(super) fn bof(version: u16, kind: u16) -> Vec<u8> {
    [version, kind, 0x0dbb, 0x07cc, 0x0041, 0, 6, 0].iter().flat_map(|short| short.to_le_bytes()).collect()
}

/// A compound file with this workbook stream.
pub(super) fn file(stream: Vec<u8>) -> Vec<u8> {
    let mut root = Storage::new("", [0; 16]);
    root.add("Workbook", stream);
    root.write().unwrap()
}

/// A rebuilt workbook and what was noted.
pub(super) struct Rebuilt {
    pub(super) bytes: Vec<u8>,
    pub(super) stream: Vec<u8>,
    pub(super) removed: Vec<Removed>,
}

impl Rebuilt {
    /// All records of this code.
    pub(super) fn all(&self, wanted: u16) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some((record, next)) = record_at(&self.stream, at) {
            if record.code == wanted {
                found.push(record.body.to_vec());
            }
            at = next;
        }
        found
    }

    pub(super) fn one(&self, wanted: u16) -> Vec<u8> {
        let all = self.all(wanted);
        assert_eq!(all.len(), 1, "records 0x{wanted:04x}");
        all[0].clone()
    }

    pub(super) fn has(&self, wanted: u16) -> bool {
        !self.all(wanted).is_empty()
    }

    pub(super) fn removed(&self, what: What) -> bool {
        self.removed.iter().any(|removed| removed.what == what)
    }

    /// Whether these bytes are anywhere in it.
    pub(super) fn holds(&self, bytes: &[u8]) -> bool {
        memchr::memmem::find(&self.bytes, bytes).is_some()
    }
}

/// Rebuilds, verifies, and rebuilds again: no byte changes, nothing more is removed.
pub(super) fn rebuilt(bytes: &[u8]) -> Rebuilt {
    let first = run(bytes).unwrap();
    let again = run(&first.bytes).unwrap();
    assert!(again.bytes == first.bytes, "rebuilding a rebuilt workbook changes it");
    assert_eq!(again.removed, [], "rebuilding a rebuilt workbook removes more");
    first
}

pub(super) fn run(bytes: &[u8]) -> Result<Rebuilt, Failure> {
    let (result, removed, _) = bench(&Limits::default(), |job| {
        let rewritten = rebuild(bytes, Format::Xls, job)?;
        verify(&rewritten.bytes, Format::Xls, job)?;
        let compound = Compound::parse(&rewritten.bytes, job)?;
        let stream = compound.root.stream("Workbook").unwrap().unwrap().to_vec();
        Ok((rewritten.bytes, stream))
    });
    result.map(|(bytes, stream)| Rebuilt { bytes, stream, removed })
}

/// The search does not let the unchanged file pass.
pub(super) fn is_seen(book: &Book) {
    let bytes = book.file();
    let (result, ..) = bench(&Limits::default(), |job| verify(&bytes, Format::Xls, job));
    assert!(matches!(result, Err(Failure::Unproved(_))), "verification does not see it");
}

/// A formula cell in A1, its value, its tokens and constants.
pub(super) fn formula(value: [u8; 8], tokens: &[u8], behind: &[u8]) -> (u16, Vec<u8>) {
    formula_at(0, value, tokens, behind)
}

pub(super) fn formula_at(row: u16, value: [u8; 8], tokens: &[u8], behind: &[u8]) -> (u16, Vec<u8>) {
    let mut body = row.to_le_bytes().to_vec();
    body.extend([0, 0, 15, 0]);
    body.extend(value);
    body.extend([0; 6]);
    body.extend(short(tokens.len()));
    body.extend_from_slice(tokens);
    body.extend_from_slice(behind);
    (code::FORMULA, body)
}

pub(super) fn number(value: f64) -> [u8; 8] {
    value.to_le_bytes()
}

/// A name: its bits, text, tokens.
pub(super) fn name(flags: u16, text: &str, tokens: &[u8]) -> (u16, Vec<u8>) {
    let mut body = flags.to_le_bytes().to_vec();
    body.extend([b'k', byte(text.len())]);
    body.extend(short(tokens.len()));
    body.extend([0; 8]);
    body.push(0);
    body.extend(text.bytes());
    body.extend_from_slice(tokens);
    (code::LBL, body)
}

pub(super) fn own_book(sheets: u8) -> (u16, Vec<u8>) {
    (code::SUP_BOOK, vec![sheets, 0, 1, 4])
}

/// A link to another file, with one sheet.
pub(super) fn other_book(target: &str) -> (u16, Vec<u8>) {
    let mut body = vec![1, 0, byte(target.len()), 0, 0];
    body.extend(target.bytes());
    body.extend(b"\x06\0\0Sheet1");
    (code::SUP_BOOK, body)
}

pub(super) fn add_in_book(names: &[&str]) -> Records {
    let mut records = vec![(code::SUP_BOOK, vec![1, 0, 1, 0x3a])];
    for name in names {
        let mut body = vec![0, 0, 0, 0, 0, 0, byte(name.len()), 0];
        body.extend(name.bytes());
        body.extend([2, 0, 0x1c, 0x17]);
        records.push((code::EXTERN_NAME, body));
    }
    records
}

/// EXTERNSHEET with these entries: book, first and last sheet.
pub(super) fn links(entries: &[(u16, u16, u16)]) -> (u16, Vec<u8>) {
    let mut body = short(entries.len()).to_vec();
    for (book, first, last) in entries {
        body.extend([book, first, last].iter().flat_map(|short| short.to_le_bytes()));
    }
    (code::EXTERN_SHEET, body)
}

/// A reference to A1 on the sheets of an EXTERNSHEET entry.
pub(super) fn far(entry: u16) -> Vec<u8> {
    let [low, high] = entry.to_le_bytes();
    vec![0x5a, low, high, 0, 0, 0, 0]
}
