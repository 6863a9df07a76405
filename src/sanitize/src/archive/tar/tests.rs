//! Archives made here, named by what they try.

use super::*;
use crate::identify::Declared;
use crate::job::{NoInspector, Settings, sanitize};
use crate::report::{Report, Verdict};

/// A header with this type and name before this content, its checksum right.
fn member(kind: u8, name: &str, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    header::write(&mut out, "", content).unwrap();
    out[..name.len()].copy_from_slice(name.as_bytes());
    out[156] = kind;
    summed(out)
}

fn summed(mut member: Vec<u8>) -> Vec<u8> {
    let sum: u32 = (0..BLOCK).map(|n| if (148..156).contains(&n) { 32 } else { u32::from(member[n]) }).sum();
    member[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    member
}

fn changed(mut member: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    member[at..at + bytes.len()].copy_from_slice(bytes);
    summed(member)
}

fn archive(members: &[Vec<u8>]) -> Vec<u8> {
    [members.concat(), vec![0; 1024]].concat()
}

fn file(name: &str) -> Vec<u8> {
    member(b'0', name, b"text")
}

fn record(key: &str, value: &str) -> Vec<u8> {
    let bare = key.len() + value.len() + 3;
    let length = bare + if bare + 1 > 9 { 2 } else { 1 };
    member(b'x', "pax", format!("{length} {key}={value}\n").as_bytes())
}

fn examined(bytes: &[u8]) -> (Option<Vec<u8>>, Report) {
    let declared = Declared { name: "a.tar", media_type: "" };
    let (file, report) = sanitize(bytes, &declared, &Settings::default(), &mut NoInspector).into_parts();
    (file.map(|(file, _)| file), report)
}

/// The names of the rebuilt archive.
fn rebuilt(bytes: &[u8]) -> Vec<String> {
    let (file, report) = examined(bytes);
    let file = file.unwrap_or_else(|| panic!("{}", report.reason));
    let (again, second) = examined(&file);
    assert!(again.unwrap() == file && second.removed.is_empty(), "idempotent: {:?}", second.removed);
    parse(&file, &Limits::default()).unwrap().into_iter().map(|entry| entry.name).collect()
}

fn refused(members: &[Vec<u8>], words: &str) {
    refused_bytes(&archive(members), words);
}

fn refused_bytes(bytes: &[u8], words: &str) {
    let (file, report) = examined(bytes);
    assert!(file.is_none() && report.verdict != Verdict::Rebuilt);
    assert!(report.reason.contains(words), "{words}: {}", report.reason);
}

#[test]
fn an_honest_archive_is_rebuilt() {
    let members = [
        member(b'5', "./", b""),
        member(b'5', "./a/", b""),
        file("./a/b.txt"),
        file("a/c"),
        member(0, "d.txt", b"x"),
    ];
    assert_eq!(rebuilt(&archive(&members)), ["a/b.txt", "a/c.txt", "d.txt"]);
    let (out, _) = examined(&archive(&members));
    assert!(out.unwrap().windows(4).all(|window| window != b"root"));
}

#[test]
fn members_are_rebuilt_themselves() {
    let (file, _) = examined(&archive(&[member(b'0', "a.csv", b"a,b\n=1,2\n")]));
    assert_eq!(parse(&file.unwrap(), &Limits::default()).unwrap()[0].content, b"a,b\n'=1,2\n");
}

#[test]
fn long_and_foreign_names() {
    let long = format!("{}/größe.txt", "x".repeat(120));
    assert_eq!(
        rebuilt(&archive(&[member(b'L', "././@LongLink", format!("{long}\0").as_bytes()), file("x.txt")])),
        [long.as_str()]
    );
    let mut out = Vec::new();
    header::write(&mut out, &long, b"text").unwrap();
    assert_eq!(rebuilt(&archive(&[out])), [long.as_str()]);
    let prefixed = changed(file("b.txt"), 345, b"folder");
    assert_eq!(rebuilt(&archive(&[prefixed])), ["folder/b.txt"]);
}

#[test]
fn names_that_lead_elsewhere_or_deceive() {
    for name in [
        "../a.txt",
        "/a.txt",
        "C:/a.txt",
        "a/../b.txt",
        "..\\a.txt",
        "\\\\host\\a",
        "a.txt:b.txt",
        "a\u{202e}.txt",
        "./../a.txt",
        "a//b.txt",
    ] {
        let (out, report) = examined(&archive(&[file(name)]));
        assert!(out.is_none() && report.verdict == Verdict::Unscannable, "{name:?}");
        let (out, _) = examined(&archive(&[record("path", name), file("x.txt")]));
        assert!(out.is_none(), "{name:?} in a record");
        let (out, _) = examined(&archive(&[member(b'L', "x", name.as_bytes()), file("x.txt")]));
        assert!(out.is_none(), "{name:?} as long name");
        let (out, _) = examined(&archive(&[changed(file(name.rsplit('/').next().unwrap()), 345, b"..")]));
        assert!(out.is_none(), "{name:?} with a prefix");
    }
    refused(&[file("a.pdf.exe")], "exe");
}

#[test]
fn links_devices_and_sparse_files() {
    for kind in [b'1', b'2', b'K'] {
        refused(&[member(kind, "a", b""), file("b.txt")], "link");
    }
    for kind in [b'3', b'4', b'6'] {
        refused(&[member(kind, "a", b""), file("b.txt")], "device");
    }
    refused(&[member(b'S', "a", b""), file("b.txt")], "sparse");
    for key in ["GNU.sparse.major", "GNU.sparse.name", "GNU.sparse.realsize"] {
        refused(&[record(key, "a"), file("b.txt")], "sparse");
    }
    refused(&[record("linkpath", "a"), file("b.txt")], "link");
    for kind in [b'7', b'D', b'M', b'N', b'V', b'X', b'Z'] {
        refused(&[member(kind, "a", b""), file("b.txt")], "not accepted");
    }
}

#[test]
fn duplicate_names() {
    refused(&[file("a.txt"), file("a.txt")], "twice");
    refused(&[file("a.txt"), file("A.TXT")], "twice");
    refused(&[file("a.txt"), file("./a.txt")], "twice");
    refused(&[file("a"), file("a/b.txt")], "a file");
}

#[test]
fn a_member_with_two_names_or_sizes() {
    refused(&[record("path", "a.txt"), member(b'L', "x", b"b.txt"), file("c.txt")], "two names");
    refused(&[record("path", "a.txt"), record("path", "b.txt"), file("c.txt")], "two names");
    refused(&[member(b'L', "x", b"a.txt"), member(b'L', "x", b"b.txt"), file("c.txt")], "two names");
    refused(&[record("size", "3"), file("c.txt")], "two sizes");
    refused(&[member(b'g', "x", b"14 path=a.txt\n"), file("c.txt")], "one name");
    refused(&[changed(changed(file("a.txt"), 257, b"ustar  \0"), 345, b"b")], "prefix");
    refused(&[record("hdrcharset", "BINARY"), file("c.txt")], "encoding");
}

#[test]
fn records_that_are_not_sound() {
    for bad in [
        "5 a=b",
        "99 path=a\n",
        "x path=a\n",
        "-9 path=a\n",
        "4 a\n",
        "0 path=a\n",
        "18446744073709551616 a=b\n",
    ] {
        refused(&[member(b'x', "pax", bad.as_bytes()), file("c.txt")], "not sound");
    }
    refused(&[record("path", "a.txt")], "does not come");
}

#[test]
fn headers_that_are_not_sound() {
    let mut wrong = archive(&[file("a.txt"), file("b.txt")]);
    wrong[1024] = b'c';
    refused_bytes(&wrong, "checksum");
    refused(&[file("a.txt"), changed(file("b.txt"), 124, b"0000000009x\0")], "size");
    refused(&[file("a.txt"), changed(member(b'5', "b/", b""), 124, b"00000000004\0")], "directory");
    refused(&[changed(file("a.txt"), 124, b"77777777777\0")], "cut off");
    refused(&[changed(file("a.txt"), 124, b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff")], "cut off");
    refused(&[member(b'0', "a/", b"text")], "directory");
}

#[test]
fn bytes_behind_the_archive() {
    refused_bytes(&[archive(&[file("a.txt")]), file("b.txt")].concat(), "after the archive");
    refused_bytes(&[file("a.txt"), vec![0; 512], file("b.txt")].concat(), "after the archive");
    refused_bytes(&[archive(&[file("a.txt")]), b"x".to_vec()].concat(), "after the archive");
    assert_eq!(rebuilt(&[archive(&[file("a.txt")]), vec![0; 8192]].concat()), ["a.txt"]);
    assert_eq!(rebuilt(&file("a.txt")), ["a.txt"]);
}

#[test]
fn an_archive_without_members() {
    refused(&[member(b'5', "a/", b"")], "no members");
}

#[test]
fn one_bad_member_keeps_back_the_archive() {
    refused(&[file("a.txt"), member(b'0', "b", b"MZ\x90\0\x03\0\0\0")], "member b");
}

#[test]
fn too_many_members() {
    let limits = Limits { max_members: 1, ..Limits::default() };
    let settings = Settings { limits, ..Settings::default() };
    let bytes = archive(&[file("a.txt"), file("b.txt")]);
    let done = sanitize(&bytes, &Declared::default(), &settings, &mut NoInspector);
    assert!(done.report().reason.contains("max_members"));
}

#[test]
fn verification_finds_a_link() {
    let (proof, ..) = crate::job::bench(&Limits::default(), |job| {
        verify(&archive(&[member(b'2', "a", b"")]), Format::Tar, job)
    });
    assert!(matches!(proof, Err(Failure::Unproved(_))));
}
