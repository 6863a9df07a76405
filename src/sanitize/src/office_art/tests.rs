//! Shapes and pictures, without a document around them.

use super::*;
use crate::Limits;
use crate::image::BLANK;
use crate::job::bench;
use crate::report::{Removed, What};

fn record(version: u8, instance: u16, kind: u16, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, version, instance, kind, body).unwrap();
    out
}

fn parsed(bytes: &[u8]) -> Record<'_> {
    Record::parse(bytes).unwrap().0
}

/// What becomes of properties: the kept ones' record, and what is noted.
fn kept(entries: &[(u16, u32)], longer: &[u8]) -> (Vec<u8>, Vec<What>) {
    let mut body: Vec<u8> = entries
        .iter()
        .flat_map(|(id, value)| id.to_le_bytes().into_iter().chain(value.to_le_bytes()))
        .collect();
    body.extend(longer);
    let whole = record(3, u16::try_from(entries.len()).unwrap(), kind::PROPERTIES, &body);
    let properties = Properties::parse(&parsed(&whole)).unwrap();
    let mut out = Vec::new();
    properties.put(&mut out, kind::PROPERTIES).unwrap();
    (out, properties.removed.iter().map(|(what, _)| *what).collect())
}

fn rebuilt(bytes: &[u8], limits: &Limits) -> (Result<Blip, crate::Failure>, Vec<Removed>) {
    let (blip, removed, _) = bench(limits, |job| Blip::rebuild(&parsed(bytes), "picture", job));
    (blip, removed)
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let bytes = record(5, 0xabc, 0x1234, b"body");
    let (read, rest) = Record::parse(&bytes).unwrap();
    assert_eq!((read.version, read.instance, read.kind, read.body), (5, 0xabc, 0x1234, b"body".as_slice()));
    assert!(rest.is_empty());
    assert!(Record::parse(&bytes[..11]).is_err() && Record::parse(&bytes[..7]).is_err());
}

#[test]
fn harmless_properties_stay_as_they_are() {
    let array = [2, 0, 2, 0, 0xf0, 0xff, 1, 2, 3, 4, 5, 6, 7, 8];
    let (out, removed) = kept(&[(0x4104, 1), (0x8145, 14), (0x01bf, 0x10_0010)], &array);
    assert!(removed.is_empty());
    assert!(out.ends_with(&array));
    assert_eq!(parsed(&out).instance, 3);
}

#[test]
fn an_array_whose_header_is_not_counted() {
    let array = [2, 0, 2, 0, 4, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    let (out, removed) = kept(&[(0x8145, 8), (0x8380, 2)], &[array.as_slice(), b"n\0"].concat());
    assert!(removed.is_empty() && out.ends_with(b"n\0"));
    assert_eq!(number_of(&parsed(&out), 0x0145), Some(14));
}

#[test]
fn bytes_behind_an_array() {
    let array = b"\x01\0\x01\0\x04\0abcdpayload";
    let (out, _) = kept(&[(0x8145, 17)], array);
    assert!(out.ends_with(b"abcd"));
}

#[test]
fn properties_cut_short() {
    let (out, removed) = kept(&[(0x8380, 100), (0x0004, 1)], b"short");
    assert_eq!(removed, [What::UnknownPart]);
    assert_eq!(parsed(&out).body, [4, 0, 1, 0, 0, 0]);
    let whole = record(3, 9, kind::PROPERTIES, b"short");
    assert!(Properties::parse(&parsed(&whole)).is_err());
}

#[test]
fn a_picture_inside_a_property() {
    let (out, removed) = kept(&[(0xc104, 7)], b"payload");
    assert!(out.is_empty());
    assert_eq!(removed, [What::UnknownPart]);
}

#[test]
fn a_picture_by_the_wrong_name_of_its_type() {
    let body = [&[7; 32], &[0xff][..], BLANK].concat();
    let (blip, removed) = rebuilt(&record(0, 0x46b, 0xf01d, &body), &Limits::default());
    let blip = blip.unwrap();
    assert!(removed.is_empty());
    let picture = parsed(&blip.record);
    assert_eq!((picture.kind, picture.instance, blip.number), (0xf01e, 0x6e0, 6));
    assert!(picture.body.ends_with(BLANK));
    assert_eq!(rebuilt(&blip.record, &Limits::default()).0.unwrap(), blip);
}

#[test]
fn pictures_cut_short_or_of_unknown_type() {
    for bytes in [
        record(0, 0x6e0, 0xf01e, &[7; 10]),
        record(0, 0x3d4, 0xf01a, &[7; 20]),
        record(0, 0x7a8, 0xf01f, &[7; 18]),
        record(0, 0, 0xf020, BLANK),
        record(0, 0x542, 0xf01c, &[7; 600]),
    ] {
        let (blip, removed) = rebuilt(&bytes, &Limits::default());
        assert!(blip.unwrap().record.ends_with(BLANK));
        assert_eq!(removed[0].what, What::Picture);
    }
}

#[test]
fn a_metafile_that_expands_without_end() {
    let mut deflater = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut deflater, &vec![0; 5 << 20]).unwrap();
    let stored = deflater.finish().unwrap();
    let mut body = vec![7; 16];
    body.extend([0; 28]);
    body.extend(u32::try_from(stored.len()).unwrap().to_le_bytes());
    body.extend([0, 0xfe]);
    body.extend(stored);
    let limits = Limits { max_expanded_bytes: 1 << 20, ..Limits::default() };
    let (blip, _) = rebuilt(&record(0, 0x3d4, 0xf01a, &body), &limits);
    assert!(matches!(blip, Err(crate::Failure::Limit { name: "max_expanded_bytes", .. })), "{blip:?}");
}

#[test]
fn entries_say_where_their_picture_is() {
    let picture = Blip { record: record(0, 0x6e0, 0xf01e, BLANK), number: 6, digest: [1; 16] };
    let mut out = Vec::new();
    Entry::put(&mut out, &picture, 2, Some(40)).unwrap();
    Entry::put(&mut out, &picture, 2, None).unwrap();
    Entry::put_empty(&mut out).unwrap();
    let entries: Vec<_> = Records(&out).map(|entry| Entry::parse(entry.unwrap()).unwrap()).collect();
    assert_eq!(entries, [Entry::Elsewhere(40), Entry::Here(parsed(&picture.record)), Entry::Empty]);
    assert!(Entry::parse(parsed(&record(2, 0, kind::STORE_ENTRY, &[0; 35]))).is_err());
    assert!(Entry::parse(parsed(&record(2, 0, kind::SHAPE, &[0; 36]))).is_err());
}

#[test]
fn forbidden_properties_that_pose_as_numbers() {
    for id in [0x0105_u16, 0x0187, 0x01c6, 0x0382, 0x038e, 0x0397, 0x039a, 0x03a9] {
        let body = [&id.to_le_bytes(), [7, 0, 0, 0].as_slice()].concat();
        let record = Record { version: 3, instance: 1, kind: kind::PROPERTIES, body: &body };
        assert!(is_dangerous(&record));
        let properties = Properties::parse(&record).unwrap();
        assert_eq!(properties.removed.len(), 1, "{id:#06x}");
        let mut out = Vec::new();
        properties.put(&mut out, kind::PROPERTIES).unwrap();
        assert!(out.is_empty());
    }
}

#[test]
fn properties_cut_short_are_unproved() {
    let body = [0x80, 3, 0, 0, 0, 0];
    assert!(!is_dangerous(&Record { version: 3, instance: 1, kind: kind::PROPERTIES, body: &body }));
    assert!(is_dangerous(&Record { version: 3, instance: 2, kind: kind::PROPERTIES, body: &body }));
}

#[test]
fn picture_with_something_behind_it_is_unproved() {
    let proof = |file: &[u8]| {
        let body = [&[0; 17], file].concat();
        let record = Record { version: 0, instance: 0x6e0, kind: 0xf01e, body: &body };
        bench(&Limits::default(), |job| is_picture(&record, job)).0
    };
    proof(BLANK).unwrap();
    assert!(proof(&[BLANK, b"MZ payload"].concat()).is_err());
}
