//! Archives through the whole examination. Structural attacks have their tests in `zip_structure` too; here they must
//! keep back the archive with the right verdict.

use super::*;
use crate::identify::Declared;
use crate::job::{Inspector, NoInspector, Sanitized, Seen, Settings, bench, sanitize};
use crate::limits::Limits;
use crate::report::{Report, Step, Verdict, What};

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(&Limits { max_ratio: u64::MAX, ..Limits::default() });
    for (name, content) in members {
        writer.add(name, content).unwrap();
    }
    writer.finish().unwrap()
}

fn examined(bytes: &[u8]) -> Sanitized {
    sanitize(bytes, &Declared { name: "a.zip", media_type: "" }, &Settings::default(), &mut NoInspector)
}

fn rebuilt(bytes: &[u8]) -> (Vec<(String, Vec<u8>)>, Report) {
    let (file, report) = examined(bytes).into_parts();
    let (file, format) = file.unwrap_or_else(|| panic!("{}", report.reason));
    assert_eq!(format, Format::Zip);
    let (again, second) = examined(&file).into_parts();
    assert!(again.unwrap().0 == file && second.removed.is_empty(), "idempotent: {:?}", second.removed);
    let limits = Limits::default();
    let parsed = Zip::parse(&file, &limits).unwrap();
    let members =
        parsed.entries().iter().map(|entry| (entry.name.clone(), entry.expand().unwrap())).collect();
    (members, report)
}

fn kept_back(bytes: &[u8]) -> (Verdict, String) {
    let (file, report) = examined(bytes).into_parts();
    assert!(file.is_none());
    (report.verdict, report.reason)
}

#[test]
fn members_are_rebuilt_and_reported() {
    let (members, report) = rebuilt(&zip(&[("a/b.txt", b"text\0 here"), ("c.csv", b"a,b\n=1,2\n")]));
    assert_eq!(
        members,
        [("a/b.txt".to_owned(), b"text here".to_vec()), ("c.csv".to_owned(), b"a,b\n'=1,2\n".to_vec())]
    );
    let found: Vec<&str> = report.children.iter().map(|child| child.found.as_str()).collect();
    assert_eq!(found, ["text", "csv"]);
    assert!(
        report.children.iter().all(|child| child.verdict == Verdict::Rebuilt && child.removed.len() == 1)
    );
}

#[test]
fn names_get_the_extension_of_the_rebuilt_type() {
    let png = crate::image::tests::png(2, 2);
    let (members, _) =
        rebuilt(&zip(&[("README", b"x"), ("scan.v2", &png), ("README.txt", b"y"), ("É.TXT", b"z")]));
    let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["README.txt", "scan.v2.png", "README (2).txt", "É.TXT"]);
}

#[test]
fn folders_and_litter_are_left_out() {
    let (members, report) = rebuilt(&zip(&[
        ("a/", b""),
        ("empty/", b""),
        ("a/b.txt", b"x"),
        ("__MACOSX/a/._b.txt", b"\0\x05\x16\x07"),
        ("a/.DS_Store", b"\0\0\0\x01Bud1"),
        ("Thumbs.db", b"\xd0\xcf\x11\xe0"),
    ]));
    assert_eq!(members.len(), 1);
    let removed: Vec<&str> = report.removed.iter().map(|removed| removed.r#where.as_str()).collect();
    assert_eq!(removed, ["empty folder empty/", "__MACOSX/a/._b.txt", "a/.DS_Store", "Thumbs.db"]);
}

#[test]
fn an_archive_without_members_is_malformed() {
    assert_eq!(kept_back(&zip(&[])).0, Verdict::Unscannable);
    assert_eq!(kept_back(&zip(&[("a/", b"")])).0, Verdict::Unscannable);
    assert_eq!(kept_back(&zip(&[(".DS_Store", b"x")])).0, Verdict::Unscannable);
}

#[test]
fn one_bad_member_keeps_back_the_archive_with_the_worst_verdict() {
    let (verdict, reason) = kept_back(&zip(&[("good.txt", b"x"), ("run.exe", b"MZ\x90\0\x03\0\0\0")]));
    assert_eq!(verdict, Verdict::Refused);
    assert!(reason.starts_with("the archive's member run.exe: "), "{reason}");
    let (verdict, reason) = kept_back(&zip(&[("run.exe", b"MZ\x90\0\x03\0\0\0"), ("bad.json", b"{")]));
    assert_eq!(verdict, Verdict::Unscannable);
    assert!(reason.contains("bad.json"), "{reason}");
}

#[test]
fn an_infection_in_the_last_member_wins() {
    struct Finds;
    impl Inspector for Finds {
        fn inspect(&mut self, bytes: &[u8], _: Seen) -> Result<Vec<Step>, Failure> {
            match bytes == b"evil" {
                true => Err(Failure::Infected("Test.Virus".to_owned())),
                false => Ok(Vec::new()),
            }
        }
    }
    let inner = zip(&[("x.txt", b"evil")]);
    let bytes = zip(&[("bad.json", b"{"), ("run.exe", b"MZ\0"), ("inner.zip", &inner)]);
    let result = sanitize(&bytes, &Declared::default(), &Settings::default(), &mut Finds);
    assert_eq!(result.report().verdict, Verdict::Infected);
    assert_eq!(result.report().children.len(), 3);
}

#[test]
fn nesting_beyond_the_limit() {
    let nested = |levels| {
        (0..levels).fold(b"text".to_vec(), |inner, level| match level {
            0 => zip(&[("a.txt", &inner)]),
            _ => zip(&[("a.zip", &inner)]),
        })
    };
    assert!(examined(&nested(4)).into_parts().0.is_some());
    let (verdict, reason) = kept_back(&nested(6));
    assert_eq!(verdict, Verdict::Unscannable);
    assert!(reason.contains("max_depth"), "{reason}");
}

#[test]
fn many_archives_in_archives_meet_the_limit_of_nodes() {
    let leaf = zip(&[("a.txt", b"a"), ("b.txt", b"b"), ("c.txt", b"c")]);
    let middle = zip(&[("a.zip", &leaf), ("b.zip", &leaf), ("c.zip", &leaf)]);
    let limits = Limits { max_nodes: 8, ..Limits::default() };
    let result = sanitize(
        &middle,
        &Declared::default(),
        &Settings { limits, ..Settings::default() },
        &mut NoInspector,
    );
    assert_eq!(result.report().verdict, Verdict::Unscannable);
    assert!(result.report().reason.contains("max_nodes"), "{}", result.report().reason);
}

#[test]
fn a_ratio_bomb_is_over_the_limit() {
    let (verdict, reason) = kept_back(&zip(&[("a.txt", &vec![b'0'; 8 << 20])]));
    assert_eq!(verdict, Verdict::Unscannable);
    assert!(reason.contains("max_ratio"), "{reason}");
}

#[test]
fn a_fan_of_nested_bombs_is_over_the_sum() {
    let leaf = zip(&[("a.txt", &vec![b'0'; 1 << 20])]);
    let members: Vec<(String, &[u8])> = (0..64).map(|n| (format!("{n}.zip"), leaf.as_slice())).collect();
    let members: Vec<(&str, &[u8])> = members.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    let limits = Limits { max_expanded_bytes: 16 << 20, ..Limits::default() };
    let result = sanitize(
        &zip(&members),
        &Declared::default(),
        &Settings { limits, ..Settings::default() },
        &mut NoInspector,
    );
    assert!(result.report().reason.contains("max_expanded_bytes"), "{}", result.report().reason);
}

/// Changes every place where `from` stands to `to`, of the same length.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut out = bytes.to_vec();
    let places: Vec<usize> = memchr::memmem::find_iter(bytes, from).collect();
    assert!(!places.is_empty());
    for at in places {
        out[at..at + to.len()].copy_from_slice(to);
    }
    out
}

#[test]
fn names_that_lead_elsewhere_or_deceive() {
    let honest = zip(&[("0123456789.txt", b"x")]);
    for name in [
        "../3456789.txt",
        "/123456789.txt",
        "C:/3456789.txt",
        "a/../56789.txt",
        "..\\3456789.txt",
        "\\\\host\\s.txt",
        "0.txt:evil.exe",
        "012345\u{202e}.txt",
        "012345678\0.txt",
    ] {
        let padded = format!("{name}{}", "0".repeat(14 - name.len()));
        let hostile = replaced(&honest, b"0123456789.txt", padded.as_bytes());
        assert_ne!(kept_back(&hostile).0, Verdict::Rebuilt, "{name:?}");
    }
    assert_eq!(kept_back(&zip(&[("invoice.pdf.exe", b"text")])).0, Verdict::Refused);
    assert_eq!(kept_back(&zip(&[("invoice.exe .", b"text")])).0, Verdict::Refused);
}

#[test]
fn duplicate_names() {
    for other in ["b.txt", "A.txt"] {
        let bytes = replaced(&zip(&[("a.txt", b"x"), ("b.txt", b"y")]), b"b.txt", b"a.txt");
        let bytes = if other == "A.txt" { zip(&[("a.txt", b"x"), ("A.txt", b"y")]) } else { bytes };
        assert_eq!(kept_back(&bytes).0, Verdict::Unscannable);
    }
}

#[test]
fn local_header_and_directory_disagree() {
    let bytes = zip(&[("a.txt", b"x")]);
    let mut hostile = bytes.clone();
    hostile[30..35].copy_from_slice(b"b.txt");
    assert_eq!(kept_back(&hostile).0, Verdict::Unscannable);
}

#[test]
fn prefix_and_trailing_bytes() {
    let bytes = zip(&[("a.txt", b"x")]);
    assert_ne!(kept_back(&[b"GIF89a", bytes.as_slice()].concat()).0, Verdict::Rebuilt);
    assert_ne!(kept_back(&[bytes.as_slice(), b"trailing"].concat()).0, Verdict::Rebuilt);
}

#[test]
fn encrypted_member_and_unsupported_method() {
    let bytes = zip(&[("a.txt", b"x")]);
    let flagged = |at_local: usize, at_directory: usize, value: u8| {
        let directory = memchr::memmem::find(&bytes, b"PK\x01\x02").unwrap();
        let mut bytes = bytes.clone();
        bytes[at_local] = value;
        bytes[directory + at_directory] = value;
        kept_back(&bytes)
    };
    let (verdict, reason) = flagged(6, 8, 1);
    assert_eq!(verdict, Verdict::Unscannable);
    assert!(reason.contains("encrypted"), "{reason}");
    assert_eq!(flagged(8, 10, 12).0, Verdict::Unscannable);
}

#[test]
fn symbolic_links() {
    let bytes = zip(&[("a.txt", b"/etc/passwd")]);
    let directory = memchr::memmem::find(&bytes, b"PK\x01\x02").unwrap();
    let mut hostile = bytes;
    hostile[directory + 5] = 3;
    hostile[directory + 38..directory + 42].copy_from_slice(&0xa1ff_0000_u32.to_le_bytes());
    assert_eq!(kept_back(&hostile).0, Verdict::Unscannable);
}

#[test]
fn an_archive_that_contains_itself_ends_at_the_depth_limit() {
    // What a quine amounts to for a reader: the same archive on every level.
    let mut bytes = zip(&[("r.zip", b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")]);
    for _ in 0..8 {
        bytes = zip(&[("r.zip", &bytes)]);
    }
    let (verdict, reason) = kept_back(&bytes);
    assert_eq!(verdict, Verdict::Unscannable);
    assert!(reason.contains("max_depth"), "{reason}");
}

#[test]
fn the_proof_refuses_what_no_rebuild_writes() {
    let proof = |bytes: &[u8]| bench(&Limits::default(), |job| verify(bytes, Format::Zip, job)).0;
    proof(&zip(&[("a/b.txt", b"text")])).unwrap();
    let damaged = replaced(&zip(&[("a.txt", b"text")]), b"text", b"tex!");
    for bytes in [
        zip(&[]),
        zip(&[("a.txt", b"x"), ("folder/", b"")]),
        zip(&[("a.txt", b"x"), ("__MACOSX/a.txt", b"text")]),
        zip(&[("a.rar", b"Rar!\x1a\x07\0")]),
        zip(&[("a.txt", b"MZ\x90\0\x03\0\0\0")]),
        zip(&[("a.pdf", b"text")]),
        zip(&[("invoice.pdf.exe", b"text")]),
        zip(&[("a.txt", b"text"), ("A.TXT", b"text")]),
        zip(&[("../a.txt", b"text")]),
        [b"MZ", zip(&[("a.txt", b"text")]).as_slice()].concat(),
        damaged,
    ] {
        assert!(matches!(proof(&bytes), Err(Failure::Unproved(_))), "{:?}", proof(&bytes));
    }
}

#[test]
fn empty_members_are_left_out() {
    let (members, report) = rebuilt(&zip(&[("a.txt", b"x"), ("__init__.txt", b""), ("leeg.pdf", b"")]));
    assert_eq!(members.len(), 1);
    let removed: Vec<(What, &str)> =
        report.removed.iter().map(|removed| (removed.what, removed.r#where.as_str())).collect();
    assert_eq!(removed, [(What::Member, "empty file __init__.txt"), (What::Member, "empty file leeg.pdf")]);
    assert_eq!(kept_back(&zip(&[("a.txt", b"")])).0, Verdict::Unscannable);
}
