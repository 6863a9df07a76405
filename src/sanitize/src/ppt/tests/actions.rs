//! Links, actions, sounds and animations.

use super::fixture::{Deck, action, atom, container, failure, link, record, tag};
use crate::failure::Failure;
use crate::job::bench;
use crate::limits::Limits;
use crate::report::What;

#[test]
fn links_to_the_web_and_to_slides_stay() {
    let external = vec![
        link(1, &[(0, "our site"), (1, "https://example.org/"), (3, "part2")]),
        link(2, &[(0, "Next"), (3, "256,1,Part 1: Start")]),
    ];
    let data = vec![action(4, 0, 1), action(4, 0, 2), action(3, 1, 0), action(7, 0, 0)];
    let clean = Deck { external, data, ..Deck::default() }.rebuilt();
    assert!(clean.removed.is_empty(), "{:?}", clean.removed);
    assert!(clean.has_text("https://example.org/") && clean.has_text("256,1,Part 1: Start"));
    assert_eq!(clean.records(0x0ff3).count(), 4);
    assert!(!clean.has_text("EvilMacro"));
}

#[test]
fn actions_that_run_a_macro_a_program_or_a_verb() {
    for does in [0, 1, 2, 5, 8, 255] {
        let clean = Deck { data: vec![action(does, 0, 0)], ..Deck::default() }.rebuilt();
        clean.assert_gone(What::Action, &["EvilMacro"]);
        assert!(!clean.has_record(0x0ff2), "{does}");
    }
}

#[test]
fn an_action_with_a_second_atom() {
    let good = action(3, 1, 0);
    let evil = action(1, 0, 0);
    let both = container(0x0ff2, &[good[8..32].to_vec(), evil[8..32].to_vec()]);
    let clean = Deck { data: vec![both], ..Deck::default() }.rebuilt();
    let atoms: Vec<_> = clean.records(0x0ff3).collect();
    assert_eq!(atoms.len(), 1);
    assert_eq!(atoms[0][8], 3);
}

#[test]
fn links_with_other_schemes() {
    for target in [
        "file:///c:/evil.exe",
        "javascript:evil()",
        "\\\\evil\\share",
        "//evil/share",
        "c:\\evil.exe",
        "evil.ppt",
        "mhtml:http://evil!x",
        " http://evil",
        "ms-msdt:/evil",
    ] {
        let deck =
            Deck { external: vec![link(1, &[(1, target)])], data: vec![action(4, 0, 1)], ..Deck::default() };
        let clean = deck.rebuilt();
        clean.assert_gone(What::Link, &["evil"]);
        assert!(!clean.has_record(0x0ff2) && !clean.has_record(0x0409), "{target}");
    }
}

#[test]
fn a_file_as_the_place_or_the_name_of_a_link() {
    for place in ["c:\\evil.exe", "\\\\evil\\share", "file:///evil", "/evil", "256,1,\\\\evil\\share"] {
        let clean = Deck { external: vec![link(1, &[(3, place)])], ..Deck::default() }.rebuilt();
        clean.assert_gone(What::Link, &["evil"]);
    }
    let strings = [(0, "file:///evil"), (1, "http://example.org/")];
    let clean = Deck { external: vec![link(1, &strings)], ..Deck::default() }.rebuilt();
    assert!(clean.has_text("http://example.org/") && !clean.has_text("evil"));
}

#[test]
fn a_link_hidden_behind_a_harmless_one_of_the_same_number() {
    let external = vec![link(1, &[(1, "http://example.org/")]), link(1, &[(1, "file:///evil")])];
    let clean = Deck { external, data: vec![action(4, 0, 1)], ..Deck::default() }.rebuilt();
    clean.assert_gone(What::Link, &["evil"]);
    assert!(clean.has_record(0x0ff2));
}

#[test]
fn text_loses_its_link_with_the_action() {
    let range = record(0, 0, 0x0fdf, &[0, 0, 0, 0, 3, 0, 0, 0]);
    let text = vec![action(1, 0, 0), range.clone(), action(3, 1, 0), range.clone(), range];
    let clean = Deck { text, ..Deck::default() }.rebuilt();
    assert!(clean.lost(What::Action));
    assert_eq!((clean.records(0x0ff2).count(), clean.records(0x0fdf).count()), (1, 1));
}

#[test]
fn no_links_when_none_are_wanted() {
    let external = vec![link(1, &[(1, "http://example.org/")]), link(2, &[(3, "256,1,Start")])];
    let deck = Deck { external, data: vec![action(4, 0, 1), action(4, 0, 2)], ..Deck::default() };
    let options = crate::Options { links: crate::options::Links::Remove, ..crate::Options::default() };
    let settings = crate::Settings { options, ..crate::Settings::default() };
    let done =
        crate::sanitize(&deck.bytes(), &crate::Declared::default(), &settings, &mut crate::NoInspector);
    let (bytes, format) = done.into_parts().0.unwrap();
    assert_eq!(format, crate::Format::Ppt);
    let clean = super::fixture::Clean::of(&bytes);
    assert!(!clean.has_text("example.org") && clean.has_text("256,1,Start"));
    assert_eq!(clean.records(0x0ff3).count(), 1);
}

#[test]
fn sounds_and_films() {
    let sound = container(0x07e4, &[container(0x07e6, &[atom(0x07e7, b"RIFFpayload")])]);
    let external = vec![
        container(0x1006, &[super::string(0, "\\\\evil\\film.avi")]),
        container(0x100f, &[atom(0x1013, &[1; 8])]),
        container(0x1010, &[super::string(0, "\\\\evil\\sound.wav")]),
    ];
    let mut change = [0; 16];
    change[4] = 1;
    change[10] = 0x51;
    let mut play = [0; 28];
    play[4] = 0x14;
    play[8] = 1;
    play[25] = 1;
    let deck = Deck {
        external,
        document: vec![sound],
        slide: vec![atom(0x03f9, &change)],
        data: vec![container(0x1014, &[atom(0x0ff1, &play), container(0x07e6, &[])]), action(6, 0, 1)],
        ..Deck::default()
    };
    let clean = deck.rebuilt();
    clean.assert_gone(What::Multimedia, &["evil", "payload"]);
    let change = clean.records(0x03f9).next().unwrap();
    assert_eq!((change[4], change[10]), (0, 1));
    let play = clean.records(0x0ff1).next().unwrap();
    assert_eq!((play[4], play[8], play[25]), (4, 0, 0));
    assert!(!clean.has_record(0x07e6) && !clean.has_record(0x0ff2));
}

#[test]
fn animations_that_play_or_command() {
    let mut media = [0; 32];
    media[8] = 4;
    let command = container(0xf132, &[atom(0xf13b, &[0; 12]), super::string(0, "payload")]);
    let nodes = [
        container(0xf144, &[atom(0xf127, &media), super::string(0, "payload")]),
        container(0xf144, &[atom(0xf127, &[0; 32]), command]),
    ];
    let timing = container(0xf144, &[atom(0xf127, &[0; 32]), nodes.concat()]);
    let clean = Deck { slide: vec![tag("___PPT10", &[timing])], ..Deck::default() }.rebuilt();
    clean.assert_gone(What::Action, &["payload"]);
    assert!(clean.lost(What::Multimedia));
    assert_eq!(clean.records(0xf144).count(), 1);
}

#[test]
fn verification_finds_what_a_rebuild_would_have_to_remove() {
    let evil = [
        Deck { data: vec![action(1, 0, 0)], ..Deck::default() },
        Deck { external: vec![link(1, &[(1, "file:///evil")])], ..Deck::default() },
        Deck { slide: vec![container(0x03ff, &[])], ..Deck::default() },
        Deck { data: vec![atom(0x0bc1, &[1, 0, 0, 0])], ..Deck::default() },
        Deck { flags: 0x10, ..Deck::default() },
        Deck { shape: vec![super::fixture::properties(&[(0x0382, 0)], b"")], ..Deck::default() },
        Deck { objects: vec![atom(0x1011, b"")], ..Deck::default() },
        Deck { between: atom(0x03ee, b""), ..Deck::default() },
        Deck { pictures: super::fixture::blip(crate::image::BLANK), ..Deck::default() },
        Deck { user: "jane", ..Deck::default() },
    ];
    let prove = |deck: &Deck| {
        let (stream, edit) = deck.stream();
        let mut file = deck.file(&stream, edit);
        file.class = crate::ppt::CLASS;
        let bytes = file.write().unwrap();
        bench(&Limits::default(), |job| crate::ppt::verify(&bytes, crate::Format::Ppt, job)).0
    };
    prove(&Deck::default()).unwrap();
    for (place, deck) in evil.iter().enumerate() {
        assert!(matches!(prove(deck), Err(Failure::Unproved(_))), "{place}");
    }
}

#[test]
fn an_action_cut_short() {
    let clean = Deck { data: vec![container(0x0ff2, &[atom(0x0ff3, &[0; 8])])], ..Deck::default() }.rebuilt();
    assert!(clean.lost(What::Action) && !clean.has_record(0x0ff2));
    let cut =
        Deck { data: vec![container(0x0ff2, &[atom(0x0ff3, &[0; 16])[..12].to_vec()])], ..Deck::default() };
    assert!(matches!(failure(&cut.bytes()), Failure::Malformed(_)));
}
