//! Streams made here, named by what they try.

use super::*;
use crate::job::{NoInspector, Settings, sanitize};
use crate::limits::Limits;
use crate::report::Report;

fn examined(bytes: &[u8], name: &str) -> (Option<Vec<u8>>, Report) {
    let declared = Declared { name, media_type: "" };
    let (file, report) = sanitize(bytes, &declared, &Settings::default(), &mut NoInspector).into_parts();
    (file.map(|(file, _)| file), report)
}

/// The content of the rebuilt stream.
fn rebuilt(bytes: &[u8], name: &str) -> Vec<u8> {
    let (file, report) = examined(bytes, name);
    let file = file.unwrap_or_else(|| panic!("{}", report.reason));
    let (again, second) = examined(&file, name);
    assert!(again.unwrap() == file && second.removed.is_empty(), "idempotent: {:?}", second.removed);
    expand(stream(&file).unwrap().0, 1 << 30, 1 << 30, 0).unwrap()
}

fn refused(bytes: &[u8], name: &str, words: &str) {
    let (file, report) = examined(bytes, name);
    assert!(file.is_none());
    assert!(report.reason.contains(words), "{words}: {}", report.reason);
}

fn gzip(content: &[u8]) -> Vec<u8> {
    compress(content).unwrap()
}

/// With name, comment, extra field, header checksum and time.
fn detailed(content: &[u8]) -> Vec<u8> {
    let plain = gzip(content);
    [b"\x1f\x8b\x08\x1e\x01\x02\x03\x04\x00\x03\x02\x00ab../evil.exe\0comment\0cc", &plain[10..]].concat()
}

#[test]
fn the_content_is_rebuilt_and_the_details_go() {
    assert_eq!(rebuilt(&gzip(b"text\0"), "a.txt.gz"), b"text");
    let (file, report) = examined(&detailed(b"text"), "a.gz");
    assert_eq!(file, Some(gzip(b"text")));
    assert_eq!(report.removed.len(), 1);
}

#[test]
fn the_content_goes_by_the_files_name() {
    assert_eq!(rebuilt(&gzip(b"=cmd|'/c calc'!A1\n"), "a.csv.gz"), b"'=cmd|'/c calc'!A1\n");
    refused(&gzip(b"text"), "a.exe.gz", "exe");
    refused(&gzip(b"text"), "a.pdf.gz", "pdf");
    refused(&gzip(b"text"), "a.tgz", "tar");
    refused(&gzip(b"MZ\x90\0\x03\0\0\0"), "a.gz", "the compressed file");
}

#[test]
fn several_streams_and_trailing_bytes() {
    refused(&[gzip(b"a"), gzip(b"b")].concat(), "a.gz", "several streams");
    refused(&[gzip(b"a"), b"x".to_vec()].concat(), "a.gz", "bytes after");
    refused(&[gzip(b"a"), vec![0; 512]].concat(), "a.gz", "bytes after");
}

#[test]
fn headers_and_trailers_that_lie() {
    let honest = gzip(b"some text");
    let with = |at: usize, byte: u8| {
        let mut bytes = honest.clone();
        bytes[at] = byte;
        bytes
    };
    let end = honest.len();
    refused(&with(3, 0x20), "a.gz", "flags");
    refused(&with(end - 1, 9), "a.gz", "size or checksum");
    refused(&with(end - 8, honest[end - 8] ^ 1), "a.gz", "size or checksum");
    for length in 3..end {
        assert!(examined(&honest[..length], "a.gz").0.is_none(), "{length}");
    }
    refused(b"\x1f\x8b\x08\x08\0\0\0\0\0\x03name", "a.gz", "cut off");
    refused(b"\x1f\x8b\x08\x04\0\0\0\0\0\x03\xff\xff", "a.gz", "cut off");
}

#[test]
fn a_ratio_bomb_is_over_the_limit() {
    refused(&gzip(&vec![b'0'; 8 << 20]), "a.gz", "max_ratio");
}

#[test]
fn an_expansion_over_the_sum() {
    let limits = Limits { max_expanded_bytes: 1 << 18, ..Limits::default() };
    let settings = Settings { limits, ..Settings::default() };
    let done = sanitize(&gzip(&vec![b'0'; 1 << 19]), &Declared::default(), &settings, &mut NoInspector);
    assert!(done.report().reason.contains("max_expanded_bytes"), "{}", done.report().reason);
}

#[test]
fn streams_in_streams_end_at_the_depth_limit() {
    let mut bytes = b"text".to_vec();
    for _ in 0..8 {
        bytes = gzip(&bytes);
    }
    refused(&bytes, "a.gz", "max_depth");
}
