//! Pictures.

use super::fixture::{Deck, atom, blip, container, properties, record, store_entry, tag};
use crate::image::BLANK;
use crate::office_art::{Record, Records};
use crate::report::What;

fn shows(picture: u32) -> Vec<Vec<u8>> {
    vec![properties(&[(0x4104, picture)], b"")]
}

#[test]
fn a_picture_stays_and_its_entry_is_corrected() {
    let picture = blip(BLANK);
    let deck = Deck {
        shape: shows(1),
        store: vec![store_entry(5, picture.len())],
        pictures: [b"slack", picture.as_slice()].concat(),
        ..Deck::default()
    };
    let clean = deck.rebuilt();
    assert!(clean.removed.is_empty(), "{:?}", clean.removed);
    let entry = clean.records(0xf007).next().unwrap();
    assert_eq!(entry[28..32], [0; 4]);
    let (picture, behind) = Record::parse(&clean.pictures).unwrap();
    assert!(behind.is_empty() && picture.body.ends_with(BLANK));
    assert_eq!(usize::from(entry[20]), clean.pictures.len());
}

#[test]
fn a_program_as_a_picture() {
    let evil = blip(b"MZ this is a program payload");
    let deck =
        Deck { shape: shows(1), store: vec![store_entry(0, evil.len())], pictures: evil, ..Deck::default() };
    let clean = deck.rebuilt();
    clean.assert_gone(What::Picture, &["payload"]);
    assert!(clean.pictures.ends_with(BLANK));
    assert_eq!(clean.children.len(), 1);
}

#[test]
fn a_picture_that_no_shape_uses() {
    let picture = blip(BLANK);
    let evil = blip(b"payload");
    let deck = Deck {
        shape: shows(2),
        store: vec![
            store_entry(0, evil.len()),
            store_entry(u32::try_from(evil.len()).unwrap(), picture.len()),
        ],
        pictures: [evil, picture].concat(),
        ..Deck::default()
    };
    let clean = deck.rebuilt();
    clean.assert_gone(What::Unreachable, &["payload"]);
    assert_eq!(clean.records(0xf007).count(), 2, "the second picture is no longer the second");
    assert_eq!(Records(&clean.pictures).count(), 1);
}

#[test]
fn one_picture_named_by_many_entries_is_written_once() {
    let picture = blip(BLANK);
    let shape = (1..=50).map(|number| properties(&[(0x4104, number)], b"")).collect();
    let store = vec![store_entry(0, picture.len()); 50];
    let clean = Deck { shape, store, pictures: picture, ..Deck::default() }.rebuilt();
    assert_eq!(Records(&clean.pictures).count(), 1);
    assert_eq!(clean.children.len(), 0);
}

#[test]
fn an_entry_that_leads_nowhere() {
    for offset in [1, 77, u32::MAX - 1] {
        let picture = blip(BLANK);
        let store = vec![store_entry(offset, picture.len())];
        let clean = Deck { shape: shows(1), store, pictures: picture, ..Deck::default() }.rebuilt();
        assert!(clean.lost(What::Picture) && clean.pictures.is_empty(), "{offset}");
    }
}

#[test]
fn a_picture_fetched_by_its_name() {
    let name = super::fixture::utf16("\\\\evil\\track.png\0");
    let entries = [(0x8105, u32::try_from(name.len()).unwrap()), (0x0106, 0x0a)];
    let clean = Deck { shape: vec![properties(&entries, &name)], ..Deck::default() }.rebuilt();
    clean.assert_gone(What::ExternalReference, &["evil"]);
    assert!(!clean.has(&[0x05, 0x81]));
}

#[test]
fn a_shape_with_a_link_a_script_or_a_package() {
    for (id, what) in
        [(0x8382, What::Link), (0x838e, What::Script), (0x83a9, What::UnknownPart), (0x8682, What::Extension)]
    {
        let shape = vec![properties(&[(0x0004, 9), (id, 8)], b"PK\x03\x04evil")];
        let clean = Deck { shape, ..Deck::default() }.rebuilt();
        clean.assert_gone(what, &["evil"]);
        assert!(clean.has(&[0x04, 0, 9, 0, 0, 0]));
    }
}

#[test]
fn a_program_as_a_bullet() {
    let evil = [&[6, 0], blip(b"payload").as_slice()].concat();
    let bullets = container(0x07f8, &[record(0, 0, 0x07f9, &evil)]);
    let settings = vec![tag("___PPT9", &[bullets])];
    let clean = Deck { settings, ..Deck::default() }.rebuilt();
    clean.assert_gone(What::Picture, &["payload"]);
    assert!(clean.has_record(0x07f9));
}

#[test]
fn a_picture_in_the_list_itself() {
    let mut entry = store_entry(0, 0)[8..].to_vec();
    entry.extend(blip(BLANK));
    entry.extend(atom(0x1011, b"payload"));
    let deck = Deck { shape: shows(1), store: vec![record(2, 6, 0xf007, &entry)], ..Deck::default() };
    let clean = deck.rebuilt();
    assert!(clean.pictures.ends_with(BLANK) && !clean.has_text("payload"));
}
