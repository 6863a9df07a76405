//! Macros, controls, OLE objects.

use super::fixture::{Deck, atom, container, failure, record, string, tag};
use crate::failure::Failure;
use crate::report::What;

/// A compound file's first bytes and a word of a macro.
const STORAGE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1Attribut\0e VB_Name";

#[test]
fn a_macro_project_in_the_main_stream() {
    let info = container(0x03ff, &[record(2, 0, 0x0400, &[10, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0])]);
    let deck = Deck { settings: vec![info], objects: vec![atom(0x1011, STORAGE)], ..Deck::default() };
    let clean = deck.rebuilt();
    clean.assert_gone(What::Macro, &["Attribut", "VB_Name"]);
    assert!(clean.lost(What::EmbeddedObject));
    assert!(!clean.has_record(0x03ff) && !clean.has_record(0x1011));
}

#[test]
fn a_note_that_there_is_no_macro_project() {
    let info = container(0x03ff, &[record(2, 0, 0x0400, &[0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0])]);
    let clean = Deck { settings: vec![info], ..Deck::default() }.rebuilt();
    assert!(clean.removed.is_empty() && !clean.has_record(0x03ff));
}

#[test]
fn objects_links_and_controls() {
    for (kind, atom_kind, what) in [
        (0x0fcc, 0x0fcd, What::EmbeddedObject),
        (0x0fce, 0x0fd1, What::ExternalReference),
        (0x0fee, 0x0ffb, What::Control),
    ] {
        let mut object = vec![1; 24];
        object[16] = 10;
        let children = [
            atom(atom_kind, &[1; 8]),
            record(1, 0, 0x0fc3, &object),
            string(2, "Evil.Object"),
            atom(0x0fc1, b"evil"),
        ];
        let deck = Deck {
            external: vec![container(kind, &children)],
            data: vec![atom(0x0bc1, &[1, 0, 0, 0])],
            objects: vec![record(0, 1, 0x1011, STORAGE)],
            flags: 0x10,
            shape_type: 201,
            ..Deck::default()
        };
        let clean = deck.rebuilt();
        clean.assert_gone(what, &["Evil", "evil", "Attribut"]);
        for gone in [kind, 0x0bc1, 0x0fc3, 0x1011, 0x0409, 0xf011] {
            assert!(!clean.has_record(gone), "{gone:#06x}");
        }
        assert_eq!(clean.records(0xf00a).next().unwrap()[4..], [0, 0x0a, 0, 0]);
        assert!(clean.has(&[0xb2, 4, 0x0a, 0xf0, 8, 0, 0, 0]), "the shape is no plain picture");
        assert!(clean.has_text("words"));
    }
}

#[test]
fn a_storage_inside_a_tag_of_a_later_version() {
    let slide = vec![tag("___PPT10", &[atom(0x1011, STORAGE), atom(0x2eeb, &[1; 8])])];
    let clean = Deck { slide, ..Deck::default() }.rebuilt();
    clean.assert_gone(What::EmbeddedObject, &["Attribut"]);
    assert!(clean.has_record(0x2eeb));
}

#[test]
fn an_object_in_a_list_that_stands_elsewhere() {
    let object = container(0x0fcc, &[string(0, "evil")]);
    let slide = vec![object.clone(), container(0x0fd9, &[object])];
    Deck { slide, ..Deck::default() }.rebuilt().assert_gone(What::EmbeddedObject, &["evil"]);
}

#[test]
fn a_storage_inside_a_text() {
    let failure = failure(&Deck { text: vec![atom(0x0fa8, STORAGE)], ..Deck::default() }.bytes());
    assert!(matches!(&failure, Failure::Malformed(words) if words.contains("hides")), "{failure}");
}
