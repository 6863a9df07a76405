//! Sheets: which stay, which are emptied, where they are.

use super::fixture::*;
use crate::failure::Failure;
use crate::report::What;
use crate::xls::record::{code, record_at, u32_at};

fn refusal(bytes: &[u8]) -> Failure {
    run(bytes).map(|_| ()).unwrap_err()
}

/// Code and body of every record of the sheet with this number.
fn sheet(rebuilt: &Rebuilt, number: usize) -> Records {
    let entry = &rebuilt.all(code::BOUND_SHEET)[number];
    let mut at = usize::try_from(u32_at(entry, 0).unwrap()).unwrap();
    let mut records = Vec::new();
    loop {
        let (record, next) = record_at(&rebuilt.stream, at).unwrap();
        records.push((record.code, record.body.to_vec()));
        if record.code == code::EOF {
            return records;
        }
        at = next;
    }
}

#[test]
fn macro_sheets_are_emptied_however_hidden() {
    for (listed, kind, state, what) in [
        (1, 0x40, 0, What::MacroSheet),
        (1, 0x40, 1, What::MacroSheet),
        (1, 0x40, 2, What::MacroSheet),
        // Said to be an ordinary sheet.
        (0, 0x40, 0, What::MacroSheet),
        // An ordinary sheet said to be one of macros.
        (1, 0x10, 2, What::MacroSheet),
        (6, 0x06, 0, What::Macro),
        (6, 0x10, 0, What::Macro),
        (0, 0x0100, 0, What::UnknownPart),
        (2, 0x10, 0, What::UnknownPart),
        (0, 0x20, 0, What::UnknownPart),
        (9, 0x10, 0, What::UnknownPart),
    ] {
        let cells = vec![(0x0203, vec![1; 14]), formula(number(1.0), &[0x41, 110, 0], &[])];
        let macros = Sheet { listed, kind, state, ..Sheet::new("Macro1", cells) };
        let book =
            Book::with(vec![formula(number(7.0), &far(0), &[]), formula_at(1, number(8.0), &far(1), &[])])
                .sheet(macros)
                .sheet(Sheet::new("Last", vec![(0x0203, vec![3; 14])]))
                .globals(vec![own_book(3), links(&[(0, 1, 1), (0, 2, 2)])]);
        is_seen(&book);
        let rebuilt = book.rebuilt();
        assert!(rebuilt.removed(what), "{listed} {kind}");
        let entries = rebuilt.all(code::BOUND_SHEET);
        assert_eq!(entries[1][4..], [&[state, 0, 6, 0][..], b"Macro1"].concat());
        let codes: Vec<u16> = sheet(&rebuilt, 1).iter().map(|(code, _)| *code).collect();
        assert_eq!(codes, [code::BOF, 0x0200, 0x023e, code::EOF]);
        // The others are where they were, and what refers to the emptied one shows its last value.
        assert_eq!(sheet(&rebuilt, 2)[1], (0x0203, vec![3; 14]));
        assert_eq!(sheet(&rebuilt, 0)[1].0, code::NUMBER);
        assert_eq!(sheet(&rebuilt, 0)[2].0, code::FORMULA);
    }
}

#[test]
fn a_range_of_sheets_with_a_macro_sheet_in_it_is_not_read() {
    let macros = Sheet { listed: 1, kind: 0x40, ..Sheet::new("Macro1", vec![]) };
    let book = Book::with(vec![formula(number(7.0), &far(0), &[])])
        .sheet(macros)
        .sheet(Sheet::new("Last", vec![]))
        .globals(vec![own_book(3), links(&[(0, 0, 2)])]);
    assert!(!book.rebuilt().has(code::FORMULA));
}

#[test]
fn dialogs_are_emptied() {
    let book =
        Book::with(vec![]).sheet(Sheet::new("Dialog1", vec![(0x0081, vec![0x10, 0]), (0x0203, vec![1; 14])]));
    let rebuilt = book.rebuilt();
    assert!(rebuilt.removed(What::Control) && !rebuilt.has(0x0203));
}

#[test]
fn module_without_records_is_an_empty_sheet() {
    let module = Sheet { listed: 6, ..Sheet::new("Module1", vec![]) };
    let mut stream = Book::with(vec![]).sheet(module).stream();
    // Its entry names no place, and its records are not there.
    let at = memchr::memmem::find(&stream, b"\x06\x07\0Module1").unwrap() - 5;
    stream.truncate(stream.len() - 24);
    stream[at..at + 4].fill(0);
    let rebuilt = rebuilt(&file(stream));
    assert_eq!(sheet(&rebuilt, 1).len(), 4);
}

#[test]
fn sheets_that_share_records_are_refused() {
    let book = Book::with(vec![(0x0203, vec![1; 14])]).sheet(Sheet::new("Sheet2", vec![]));
    let mut stream = book.stream();
    let first = memchr::memmem::find(&stream, b"\x06\0Sheet1").unwrap() - 6;
    let second = memchr::memmem::find(&stream, b"\x06\0Sheet2").unwrap() - 6;
    stream.copy_within(first..first + 4, second);
    assert!(refusal(&file(stream)).to_string().contains("share"));
}

#[test]
fn sheet_inside_a_sheet_is_refused() {
    let inner = vec![(code::BOF, bof(0x0600, 0x10)), (code::EOF, vec![])];
    let book = Book::with(inner).sheet(Sheet::new("Sheet2", vec![]));
    let mut stream = book.stream();
    let place = memchr::memmem::find(&stream, b"\x06\0Sheet2").unwrap() - 6;
    let start = u32_at(&stream, memchr::memmem::find(&stream, b"\x06\0Sheet1").unwrap() - 6).unwrap() + 20;
    stream[place..place + 4].copy_from_slice(&start.to_le_bytes());
    assert!(refusal(&file(stream)).to_string().contains("share"));
}

#[test]
fn sheet_that_is_nowhere_or_does_not_end_is_refused() {
    let book = Book::with(vec![]);
    let stream = book.stream();
    let place = memchr::memmem::find(&stream, b"\x06\0Sheet1").unwrap() - 6;
    for position in [long(1), long(3), [0xff; 4], long(stream.len())] {
        let mut stream = stream.clone();
        stream[place..place + 4].copy_from_slice(&position);
        assert!(matches!(refusal(&file(stream)), Failure::Malformed(_)), "{position:?}");
    }
    for cut in 1..24 {
        assert!(
            matches!(refusal(&file(stream[..stream.len() - cut].to_vec())), Failure::Malformed(_)),
            "{cut}"
        );
    }
}

#[test]
fn records_between_and_behind_the_sheets_are_left_behind() {
    let mut stream = Book::with(vec![]).stream();
    stream.extend(b"PK\x03\x04payload");
    let rebuilt = rebuilt(&file(stream));
    assert!(rebuilt.removed(What::Unreachable) && !rebuilt.holds(b"payload"));
    let mut stream = Book::with(vec![]).stream();
    stream.extend([0; 300]);
    assert!(!super::fixture::rebuilt(&file(stream)).removed(What::Unreachable));
}

#[test]
fn substream_of_another_kind_inside_a_sheet_is_gone() {
    for kind in [0x40, 0x10, 0x20] {
        let inner = vec![
            (code::BOF, bof(0x0600, kind)),
            formula(number(1.0), &[0x41, 110, 0], &[]),
            (code::EOF, vec![]),
        ];
        let rebuilt = Book::with(inner).rebuilt();
        assert!(rebuilt.removed(What::UnknownPart) && !rebuilt.has(code::NUMBER), "{kind}");
    }
}

#[test]
fn beginnings_and_ends_hold_nothing() {
    let mut to = crate::xls::record::Writer::default();
    let mut stream = Book::with(vec![(0x0203, vec![1; 14])]).stream();
    let start = memchr::memmem::rfind(&stream, &bof(0x0600, 0x10)).unwrap() - 4;
    stream.truncate(start);
    to.put(code::BOF, &[&bof(0x0600, 0x10)[..], b"payload"].concat()).unwrap();
    to.put(0x0203, &[1; 14]).unwrap();
    to.put(code::EOF, b"payload").unwrap();
    stream.extend(to.out);
    let bytes = file(stream);
    let rebuilt = rebuilt(&bytes);
    assert!(!rebuilt.holds(b"payload"));
    assert!(rebuilt.bytes == Book::with(vec![(0x0203, vec![1; 14])]).rebuilt().bytes);
    let (seen, ..) = crate::job::bench(&crate::limits::Limits::default(), |job| {
        crate::xls::verify(&bytes, crate::format::Format::Xls, job)
    });
    assert!(matches!(seen, Err(Failure::Unproved(_))));
}

#[test]
fn charts_in_charts_without_end_are_refused() {
    let nested = |depth: usize| {
        let mut records = vec![(code::BOF, bof(0x0600, 0x20)); depth];
        records.extend(vec![(code::EOF, vec![]); depth]);
        Book::with(records).file()
    };
    assert!(run(&nested(1)).is_ok());
    for depth in [2, 100_000] {
        assert!(matches!(refusal(&nested(depth)), Failure::Malformed(_)), "{depth}");
    }
}

#[test]
fn encrypted_workbook_is_told() {
    let book = Book { before: vec![(code::FILE_PASS, vec![1; 54])], ..Book::with(vec![]) };
    is_seen(&book);
    assert!(matches!(refusal(&book.file()), Failure::Encrypted(_)));
}

#[test]
fn older_workbooks_are_refused() {
    let mut stream = Book::with(vec![]).stream();
    stream[4..6].copy_from_slice(&0x0500_u16.to_le_bytes());
    assert!(refusal(&file(stream)).to_string().contains("5.0"));
    for code in [0x0009_u16, 0x0209, 0x0409] {
        let mut stream = Book::with(vec![]).stream();
        stream[..2].copy_from_slice(&code.to_le_bytes());
        assert!(matches!(refusal(&file(stream)), Failure::Refused(_)));
    }
}

#[test]
fn sheet_of_an_older_version_in_a_new_workbook_is_emptied() {
    let mut stream = Book::with(vec![(0x0203, vec![1; 14])]).stream();
    let at = memchr::memmem::rfind(&stream, &bof(0x0600, 0x10)).unwrap();
    stream[at..at + 2].copy_from_slice(&0x0500_u16.to_le_bytes());
    assert!(rebuilt(&file(stream)).removed(What::UnknownPart));
}
