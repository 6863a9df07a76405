//! The way from the current user to the objects.

use super::fixture::{Clean, Deck, atom, current_user, edit_atom, failure};
use crate::compound::Storage;
use crate::failure::Failure;
use crate::report::What;

fn with(user: Vec<u8>, stream: &[u8]) -> Vec<u8> {
    let mut root = Storage::new("", [0; 16]);
    root.add("Current User", user);
    root.add("PowerPoint Document", stream.to_vec());
    root.write().unwrap()
}

fn malformed(bytes: &[u8], words: &str) {
    let failure = failure(bytes);
    assert!(matches!(&failure, Failure::Malformed(text) if text.contains(words)), "{failure}");
}

#[test]
fn an_older_edit() {
    let old = Deck { text: vec![atom(0x0fa8, b"secret draft")], ..Deck::default() };
    let (stream, older) = old.stream();
    let new = Deck::default();
    let (stream, edit) = new.stream_after(stream, older);
    let clean = Clean::of(&new.file(&stream, edit).write().unwrap());
    clean.assert_gone(What::Unreachable, &["secret draft"]);
    assert!(clean.has_text("words"));
    assert_eq!(clean.bytes, new.rebuilt().bytes);
}

#[test]
fn an_object_that_only_an_older_directory_names() {
    let deck = Deck::default();
    let (mut stream, older) = deck.stream();
    let directory = u32::try_from(stream.len()).unwrap();
    stream.extend(atom(0x1772, &[]));
    let edit = u32::try_from(stream.len()).unwrap();
    stream.extend(edit_atom(older, directory, &[]));
    assert!(Clean::of(&deck.file(&stream, edit).write().unwrap()).has_text("words"));
}

#[test]
fn edits_in_a_circle() {
    let deck = Deck::default();
    let (stream, edit) = deck.stream();
    let (looped, _) = deck.stream_after(Vec::new(), edit);
    assert_eq!(stream.len(), looped.len());
    malformed(&with(current_user(0xe391_c05f, edit, ""), &looped), "circle");
}

#[test]
fn bytes_between_the_objects() {
    let deck =
        Deck { between: b"payload".to_vec(), objects: vec![atom(0x03ee, b"payload")], ..Deck::default() };
    deck.rebuilt().assert_gone(What::Unreachable, &["payload"]);
}

#[test]
fn an_encrypted_presentation() {
    let (stream, edit) = Deck::default().stream();
    let bytes = with(current_user(0xf3d1_c4df, edit, ""), &stream);
    assert!(matches!(failure(&bytes), Failure::Encrypted(_)));
}

#[test]
fn an_encrypted_presentation_with_the_mark_of_a_plain_one() {
    for session in [atom(0x2f14, b"cipher"), b"\xff\xff\xff\xff\xff\xff\xff\xffx".to_vec()] {
        let deck = Deck { objects: vec![session], ..Deck::default() };
        let (mut stream, edit) = deck.stream();
        let at = usize::try_from(edit).unwrap();
        let directory = u32::from_le_bytes(stream[at + 20..at + 24].try_into().unwrap());
        stream.truncate(at);
        stream.extend(edit_atom(0, directory, &10_u32.to_le_bytes()));
        assert!(matches!(
            failure(&with(current_user(0xe391_c05f, edit, ""), &stream)),
            Failure::Encrypted(_)
        ));
    }
}

#[test]
fn offsets_that_lead_astray() {
    let (stream, edit) = Deck::default().stream();
    malformed(&with(current_user(0xe391_c05f, u32::MAX, ""), &stream), "behind the stream's end");
    malformed(&with(current_user(0xe391_c05f, 0, ""), &stream), "an edit is not where it should be");
    malformed(&with(current_user(0, edit, ""), &stream), "no known mark");
    malformed(&with(atom(0x0fba, &[0; 24]), &stream), "another type");
    let at = usize::try_from(edit).unwrap();
    let mut damaged = stream.clone();
    damaged[at + 20..at + 24].fill(0);
    malformed(&with(current_user(0xe391_c05f, edit, ""), &damaged), "a directory is not where it should be");
    let mut damaged = stream;
    damaged[at + 24] = 77;
    malformed(&with(current_user(0xe391_c05f, edit, ""), &damaged), "an object that is not there");
}

#[test]
fn a_directory_that_promises_more_than_it_has() {
    let deck = Deck::default();
    let (mut stream, _) = deck.stream();
    let directory = u32::try_from(stream.len()).unwrap();
    stream.extend(atom(0x1772, &[1, 0, 0xf0, 0xff, 0, 0, 0, 0]));
    let edit = u32::try_from(stream.len()).unwrap();
    stream.extend(edit_atom(0, directory, &[]));
    malformed(&with(current_user(0xe391_c05f, edit, ""), &stream), "cut short");
}

#[test]
fn a_slide_that_is_a_storage_of_macros() {
    let deck = Deck { instead_of_slide: Some(atom(0x1011, b"payload")), ..Deck::default() };
    malformed(&deck.bytes(), "slide 1 is something else");
}

#[test]
fn a_signed_presentation_is_kept_back_when_wanted() {
    let deck = Deck::default();
    let (stream, edit) = deck.stream();
    let mut file = deck.file(&stream, edit);
    file.add("_signatures", b"signature".to_vec());
    let bytes = file.write().unwrap();
    Clean::of(&bytes).assert_gone(What::Signature, &["signature"]);
    let options = crate::Options { signed: crate::options::Signed::Quarantine, ..crate::Options::default() };
    let settings = crate::Settings { options, ..crate::Settings::default() };
    let done = crate::sanitize(&bytes, &crate::Declared::default(), &settings, &mut crate::NoInspector);
    assert_eq!(done.report().verdict, crate::Verdict::Refused);
}

#[test]
fn edits_that_share_a_directory() {
    let deck = Deck::default();
    let (mut stream, older) = deck.stream();
    let at = usize::try_from(older).unwrap();
    let directory = u32::from_le_bytes(stream[at + 20..at + 24].try_into().unwrap());
    let edit = u32::try_from(stream.len()).unwrap();
    stream.extend(edit_atom(older, directory, &[]));
    malformed(&with(current_user(0xe391_c05f, edit, ""), &stream), "one directory");
}
