//! What the verifier says to files that a rebuild must never give, whatever the rebuild would do.

use super::*;
use crate::format::Format;
use crate::job::bench_choosing;

/// As after a rebuild.
fn verify(bytes: &[u8], options: &Options) -> Result<(), Failure> {
    bench_choosing(&Limits::default(), options, |job| crate::pdf::verify(bytes, Format::Pdf, job)).0
}

#[track_caller]
fn refused(bytes: &[u8], why: &str) {
    match verify(bytes, &Options::default()) {
        Err(Failure::Unproved(reason)) => assert!(reason.contains(why), "{why}: {reason}"),
        other => panic!("{why}: {other:?}"),
    }
}

/// Our own writer, given objects that it should not be given.
fn written(source: &[u8], info: Option<u32>) -> Vec<u8> {
    let source = Document::load_mem(source).unwrap();
    let mut writer = crate::pdf::write::Writer::new();
    for object in source.objects.values() {
        match object {
            Object::Stream(stream) => writer.stream(&stream.dict, &stream.content),
            other => writer.object(other),
        }
    }
    writer.finish(info)
}

/// A file with these entries in its catalog, and an object 6.
fn with(catalog: &str, sixth: &[u8]) -> Vec<u8> {
    written(&Fixture::new().catalog(catalog).object(6, sixth).build(), None)
}

fn clean() -> Vec<u8> {
    rebuilt(&Fixture::new().build()).1
}

#[test]
fn an_object_without_meaning_is_let_through() {
    verify(&with("/X 6 0 R", b"<<>>"), &Options::default()).unwrap();
}

#[test]
fn keys_that_run_fetch_or_carry() {
    for key in [
        "AA",
        "AF",
        "Collection",
        "EF",
        "EmbeddedFiles",
        "JS",
        "JavaScript",
        "Launch",
        "OPI",
        "OpenAction",
        "Renditions",
        "RichMediaContent",
        "URLS",
        "Win",
        "XFA",
        "Metadata",
        "PieceInfo",
        "Perms",
    ] {
        refused(&with(&format!("/{key} 6 0 R"), b"<<>>"), &format!("a key /{key} is left"));
        // However deep, and whatever the value is.
        refused(
            &with("/X 6 0 R", format!("[[<</Y[<</{key} 1>>]>>]]").as_bytes()),
            &format!("/{key} is left"),
        );
    }
}

#[test]
fn actions_that_run_fetch_or_send() {
    for action in [
        "GoToE",
        "GoToR",
        "Hide",
        "ImportData",
        "JavaScript",
        "Launch",
        "Movie",
        "Rendition",
        "RichMediaExecute",
        "SetOCGState",
        "Sound",
        "SubmitForm",
    ] {
        let why = format!("an action /{action} is left");
        refused(&with("/X 6 0 R", format!("<</S/{action}>>").as_bytes()), &why);
        let outline = format!("<</First<</Title(One)/A<</S/{action}>>>>>>");
        refused(&with("/Outlines 6 0 R", outline.as_bytes()), &why);
        refused(&with("/X 6 0 R", format!("<</S/GoTo/Next[<</S/{action}>>]>>").as_bytes()), &why);
    }
}

#[test]
fn types_that_carry_files_media_or_programs() {
    for kind in
        ["3D", "EmbeddedFile", "FileAttachment", "Filespec", "Movie", "PS", "RichMedia", "Sig", "Sound"]
    {
        let why = format!("a part of type /{kind} is left");
        refused(&with("/X 6 0 R", format!("<</Type/{kind}>>").as_bytes()), &why);
        refused(&with("/X 6 0 R", &stream(&format!("/Subtype/{kind}"), b"")), &why);
    }
}

#[test]
fn names_of_the_authors_choice_that_mean_something() {
    refused(&with("/X<</Font<</JS(evil())>>>>/Y 6 0 R", b"<<>>"), "a key /JS is left");
    refused(&with("/X<</Font<</AA<</O 6 0 R>>>>>>", b"<<>>"), "a key /AA is left");
    verify(&with("/X<</Font<</JS 6 0 R>>>>", b"<<>>"), &Options::default()).unwrap();
    // An object of its own is such a map where it is nothing else.
    verify(&with("/X<</Font 6 0 R>>", b"<</JS/x>>"), &Options::default()).unwrap();
    refused(&with("/X<</Font 6 0 R>>/Y 6 0 R", b"<</JS/x>>"), "a key /JS is left");
    refused(&with("/X<</Font 6 0 R/Y<</Z[6 0 R]>>>>", b"<</S/JavaScript>>"), "an action /JavaScript is left");
}

#[test]
fn links_to_elsewhere_and_streams_kept_elsewhere() {
    refused(&with("/X 6 0 R", b"<</S/URI/URI(file:x)>>"), "a link that must not stay");
    refused(&with("/X 6 0 R", &stream("/F(x)", b"")), "a stream has /F");
    refused(&with("/X 6 0 R", &stream("/FFilter/x", b"")), "a stream has /FFilter");
}

#[test]
fn descriptions() {
    let source = Fixture::new().object(6, "<</Producer(x)>>").build();
    refused(&written(&source, Some(6)), "metadata is left");
    let keep = Options { metadata: Metadata::Keep, ..Options::default() };
    assert!(
        matches!(verify(&written(&source, Some(6)), &keep), Err(Failure::Unproved(why)) if why.contains("metadata"))
    );
}

#[test]
fn bytes_that_no_object_accounts_for() {
    let hidden = "no object accounts for";
    refused(&[&clean(), b"payload".as_slice()].concat(), hidden);
    refused(&[&clean(), b"\n".as_slice()].concat(), hidden);
    let mut between = clean();
    let at = between.windows(6).position(|w| w == b"endobj").unwrap();
    between[at - 1] = b'\t';
    refused(&between, hidden);
    assert!(verify(&[b"payload\n".as_slice(), &clean()].concat(), &Options::default()).is_err());
}

#[test]
fn a_name_spelt_in_another_way() {
    let text = clean();
    let at = text.windows(10).position(|w| w == b"/Helvetica").unwrap();
    let spelt = [&text[..at], b"/Helv#65ca", &text[at + 10..]].concat();
    refused(&spelt, "no object accounts for");
}

#[test]
fn a_second_revision() {
    let old = clean();
    let start = old.windows(5).rposition(|w| w == b"\nxref").unwrap() + 1;
    let catalog = (1, b"<</Type/Catalog/Pages 2 0 R>>".to_vec());
    refused(&append(old, &[catalog], &format!("/Prev {start}")), "no object accounts for");
}

#[test]
fn an_object_stream() {
    refused(&object_stream("[3 0 R/Fit]"), "no object accounts for");
}

#[test]
fn a_table_with_gaps() {
    let own = clean();
    let table = own.windows(5).rposition(|w| w == b"\nxref").unwrap();
    let (objects, rest) = own.split_at(table);
    let mut renumbered = objects.to_vec();
    for old in [b"\n5 0 obj".as_slice(), b" 5 0 R"] {
        let at = renumbered.windows(old.len()).position(|w| w == old).unwrap();
        renumbered[at + 1] = b'6';
    }
    let rest = std::str::from_utf8(rest).unwrap().replace("xref\n0 6\n", "xref\n0 5\n");
    let last = rest.find("trailer").unwrap() - 20;
    let table = format!("{}6 1\n{}", &rest[..last], rest[last..].replace("/Size 6", "/Size 7"));
    let source = [&renumbered, table.as_bytes()].concat();
    refused(&source, "object 5 is missing");
}

#[test]
fn objects_that_nothing_refers_to() {
    refused(&with("", b"<<>>"), "nothing refers to object 6");
}

#[test]
fn encryption() {
    refused(&encrypted(""), "it is encrypted");
}

#[test]
fn page_trees_that_readers_do_not_agree_on_or_that_are_empty() {
    let mut objects = Fixture::new().catalog("/X 3 0 R").objects();
    objects[1].1 = b"<</Type/Pages/Kids[]/Count 1>>".to_vec();
    refused(&written(&write(&objects, ""), None), "the number of pages (0 and");
    objects[1].1 = b"<</Type/Pages/Kids[3 0 R]/Count 2>>".to_vec();
    refused(&written(&write(&objects, ""), None), "it has 1 pages where there were 2");
    objects[1].1 = b"<</Type/Pages/Kids[6 0 R]/Count 2>>".to_vec();
    objects.push((6, b"<</Kids[3 0 R 7 0 R]/Count 2>>".to_vec()));
    objects.push((7, b"<</Type/Page/Parent 6 0 R>>".to_vec()));
    refused(&written(&write(&objects, ""), None), "two readers disagree on the number of pages");
}
