//! Strings, and the table of those that are shared.

use super::fixture::*;
use crate::job::bench;
use crate::limits::Limits;
use crate::xls::record::{Group, MAX_BODY, Record, Writer, code, groups, record_at};
use crate::xls::text::{Strings, of_group};

fn records(stream: &[u8]) -> Vec<Record<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((record, next)) = record_at(stream, at) {
        found.push(record);
        at = next;
    }
    assert_eq!(at, stream.len());
    found
}

fn parse(group: &Group<'_>) -> Strings {
    bench(&Limits::default(), |job| Strings::parse(group, job)).0.unwrap()
}

#[test]
fn tables_of_every_length_come_back() {
    for (count, length, wide) in [
        (0, 0, false),
        (1, 0, false),
        (3, 5000, false),
        (3, 5000, true),
        (900, 37, true),
        (4000, 9, false),
        (1, 32_767, true),
    ] {
        let mut strings = Strings::default();
        for n in 0..count {
            let text: String = (0..length + n % 3)
                .map(|n| if wide && n % 2 == 0 { 'ж' } else { 'a' })
                .take(32_767)
                .collect();
            strings.add(&text).unwrap();
        }
        let mut first = Writer::default();
        strings.write(&mut first).unwrap();
        let list = records(&first.out);
        assert!(list.iter().all(|record| record.body.len() <= MAX_BODY));
        let groups = groups(&list);
        assert_eq!(groups.len(), 1);
        let read = parse(&groups[0]);
        assert_eq!(read.len(), count);
        let mut second = Writer::default();
        read.write(&mut second).unwrap();
        assert!(first.out == second.out, "{count} {length}");
    }
}

#[test]
fn a_string_may_change_its_width_from_record_to_record() {
    let mut to = Writer::default();
    to.put(code::SST, b"\x01\0\0\0\x01\0\0\0\x05\0\x08\x01\0ab").unwrap();
    to.put(code::CONTINUE, b"\x01\x36\x04\x36\x04").unwrap();
    to.put(code::CONTINUE, b"\0c\x01\0\x05\0").unwrap();
    let list = records(&to.out);
    let groups = groups(&list);
    let mut out = Writer::default();
    parse(&groups[0]).write(&mut out).unwrap();
    assert_eq!(out.out[4..], *b"\x01\0\0\0\x01\0\0\0\x05\0\x09\x01\0a\0b\0\x36\x04\x36\x04c\0\x01\0\x05\0");
}

#[test]
fn tables_that_lie_are_refused() {
    for body in [
        &b"\xff\xff\xff\xff\xff\xff\xff\xff"[..],
        b"\x01\0\0\0\x02\0\0\0\x01\0\0a",
        b"\x01\0\0\0\x01\0\0\0\xff\xff\0a",
        b"\x01\0\0\0\x01\0\0\0\x01\0\x04\xff\xff\xff\xffa",
        b"\x01\0\0\0\x01\0\0\0\x01\0\x08\xff\xffa",
        b"\x01\0\0\0\x01\0\0\0\x01\0\x01a",
        b"\x01\0",
    ] {
        assert!(
            run(&Book::with(vec![]).globals(vec![(code::SST, body.to_vec())]).file()).is_err(),
            "{body:?}"
        );
    }
    // Three bytes of a string are many of ours.
    let many = [&[0xff, 0, 0, 0, 0x00, 0x04, 0, 0][..], &[0; 3 * 1024]].concat();
    let limits = Limits { max_expanded_bytes: 40_000, ..Limits::default() };
    let record = Record { code: code::SST, body: &many };
    let result = bench(&limits, |job| Strings::parse(&Group { head: record, tail: &[] }, job)).0;
    assert!(result.unwrap_err().to_string().contains("max_expanded_bytes"));
}

#[test]
fn cell_with_a_string_that_is_not_there_is_empty() {
    let cell = |n: u8| (code::LABEL_SST, vec![0, 0, n, 0, 15, 0, n, 0, 0, 0]);
    let table = (code::SST, b"\x01\0\0\0\x01\0\0\0\x01\0\0a".to_vec());
    let rebuilt = Book::with(vec![cell(0), cell(1)]).globals(vec![table]).rebuilt();
    assert_eq!(rebuilt.one(code::LABEL_SST), cell(0).1);
    assert_eq!(rebuilt.one(code::BLANK), [0, 0, 1, 0, 15, 0]);
}

#[test]
fn phonetic_guides_and_runs_that_lie_are_gone() {
    let mut table = b"\x01\0\0\0\x01\0\0\0\x03\0\x0c\x04\0\x07\0\0\0abc".to_vec();
    // Runs: two good ones, one that goes back, one behind the end.
    table.extend([0, 0, 5, 0, 2, 0, 6, 0, 1, 0, 0xaa, 0xaa, 3, 0, 0xbb, 0xbb]);
    table.extend(b"payload");
    let rebuilt = Book::with(vec![]).globals(vec![(code::SST, table)]).rebuilt();
    let kept = b"\x01\0\0\0\x01\0\0\0\x03\0\x08\x02\0abc\0\0\x05\0\x02\0\x06\0";
    assert_eq!(rebuilt.one(code::SST), kept);
    assert!(rebuilt.removed(crate::report::What::UnknownPart));
}

#[test]
fn bytes_behind_the_value_of_a_formula_are_gone() {
    let value = [0, 0, 0, 0, 0, 0, 0xff, 0xff];
    let records = vec![
        formula(value, &[0x1e, 1, 0], &[]),
        (code::STRING, b"\x02\0\0hipayload".to_vec()),
        (code::CONTINUE, b"payload".to_vec()),
    ];
    let rebuilt = Book::with(records).rebuilt();
    assert_eq!(rebuilt.one(code::STRING), b"\x02\0\0hi");
    assert!(!rebuilt.holds(b"payload"));
}

#[test]
fn long_values_of_formulas_come_back() {
    let value = [0, 0, 0, 0, 0, 0, 0xff, 0xff];
    let text = [&[0x10, 0x27, 0][..], &[b'x'; 8221]].concat();
    let rest = [&[0][..], &[b'y'; 10_000 - 8221]].concat();
    let records = vec![
        formula(value, &[0x1e, 1, 0], &[]),
        (code::STRING, text.clone()),
        (code::CONTINUE, rest.clone()),
    ];
    let rebuilt = Book::with(records).rebuilt();
    assert_eq!(rebuilt.one(code::STRING), text);
    assert_eq!(rebuilt.one(code::CONTINUE), rest);
    let tail = [Record { code: code::CONTINUE, body: &rest }];
    let group = Group { head: Record { code: code::STRING, body: &text }, tail: &tail };
    assert_eq!(of_group(&group).unwrap().len(), 10_000);
}
