//! Pictures in LibreOffice's own metafile format.

use super::fixture::Fixture;
use crate::image::BLANK;
use crate::odf::svm;
use crate::report::What;

fn record(kind: u16, version: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap();
    [&kind.to_le_bytes()[..], &version.to_le_bytes(), &length.to_le_bytes(), body].concat()
}

fn metafile(records: &[Vec<u8>]) -> Vec<u8> {
    let map_mode = record(0, 1, &[0; 27]);
    let count = u32::try_from(records.len()).unwrap();
    let head = [&[0; 4][..], &map_mode[2..], &[9; 8], &count.to_le_bytes()].concat();
    let mut out = b"VCLMTF".to_vec();
    out.extend(&record(0, 1, &head)[2..]);
    out.extend(records.concat());
    out
}

fn rectangle() -> Vec<u8> {
    record(103, 1, &[1; 16])
}

fn text(wide: bool) -> Vec<u8> {
    let mut body = vec![0; 8];
    body.extend(if wide { &b"\x01\0\0\0a\0"[..] } else { &b"\x01\0a"[..] });
    body.extend(b"\0\0\x01\0\x01\0a\0");
    record(112, 2, &body)
}

fn font(charset: u16) -> Vec<u8> {
    let body = [&b"\x05\0Arial\0\0"[..], &[0; 8], &charset.to_le_bytes(), &[0; 34]].concat();
    record(138, 1, &record(0, 4, &body)[2..])
}

#[test]
fn drawing_records_stay_as_they_are() {
    let records = [rectangle(), font(1), text(false), font(0xffff), text(true), record(140, 1, b"")];
    let bytes = metafile(&records);
    assert_eq!(svm::rebuild(&bytes), Ok((bytes.clone(), 0)));
    assert!(svm::is_clean(&bytes));
}

#[test]
fn bitmaps_postscript_comments_and_unknown_records_go() {
    for gone in [
        record(116, 1, b"BM"),
        record(143, 1, b"%!PS"),
        record(147, 1, &metafile(&[rectangle()])),
        record(999, 1, b"x"),
        record(103, 7, &[1; 16]),
        record(512, 1, b"\x01\0x\0\0\0\0\x04\0\0\0evil"),
    ] {
        let bytes = metafile(&[rectangle(), gone.clone(), rectangle()]);
        let (rebuilt, _) = svm::rebuild(&bytes).unwrap();
        assert_eq!(rebuilt, metafile(&[rectangle(), rectangle()]));
    }
    assert!(!svm::is_clean(&metafile(&[record(143, 1, b"%!PS")])));
}

#[test]
fn records_that_hide_bytes_or_lie_about_their_length_go() {
    for gone in [
        record(103, 1, &[1; 17]),
        record(103, 1, &[1; 15]),
        record(109, 1, b"\xff\xff\0\0"),
        record(113, 1, b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff"),
        text(true),
    ] {
        let bytes = metafile(&[rectangle(), gone]);
        assert_eq!(svm::rebuild(&bytes), Ok((metafile(&[rectangle()]), 1)));
    }
}

#[test]
fn metafiles_that_are_cut_off_or_go_on() {
    let bytes = metafile(&[rectangle(), rectangle()]);
    for cut in 0..bytes.len() {
        assert!(svm::rebuild(&bytes[..cut]).is_err(), "{cut}");
    }
    assert!(svm::rebuild(&[&bytes[..], b"PK"].concat()).is_err());
}

#[test]
fn chart_becomes_the_metafile_that_stands_in_for_it() {
    let frame = "<text:p><draw:frame><draw:object xlink:href=\"./Object 1\"/><draw:image \
        xlink:href=\"./ObjectReplacements/Object 1\"/></draw:frame></text:p>";
    let good = metafile(&[rectangle()]);
    let rebuilt = Fixture::text(frame).member("ObjectReplacements/Object 1", &good).rebuilt();
    assert_eq!(rebuilt.member("Pictures/image1.svm"), good);
    let bad = metafile(&[record(143, 1, b"%!PS")]);
    let rebuilt = Fixture::text(frame).member("ObjectReplacements/Object 1", &bad).rebuilt();
    assert_eq!(rebuilt.member("Pictures/image1.png"), BLANK);
    assert!(rebuilt.lost(What::Picture));
}
