//! Hostile presentations, named by the attack, and ordinary ones that must keep their content.

mod actions;
mod edits;
mod fixture;
mod objects;
mod pictures;

use fixture::{Deck, atom, container, failure, rebuild_within, string, tag};

use crate::failure::Failure;
use crate::limits::Limits;
use crate::report::What;

#[test]
fn a_clean_presentation_keeps_its_text() {
    let deck = Deck { data: vec![atom(0x0bc3, &[0, 0, 0, 0, 13, 0, 0, 0])], ..Deck::default() };
    let clean = deck.rebuilt();
    assert!(clean.removed.is_empty(), "{:?}", clean.removed);
    assert!(clean.has_text("words"));
    assert_eq!(clean.records(0x0bc3).next().unwrap(), [0, 0, 0, 0, 13, 0, 0, 0]);
}

#[test]
fn what_later_versions_added_stays_when_it_is_known() {
    let comment = container(0x2ee0, &[string(0, "author"), string(1, "remark"), atom(0x2ee1, &[0; 28])]);
    let node = container(0xf144, &[atom(0xf127, &[0; 32]), container(0xf13d, &[])]);
    let slide = vec![tag("___PPT10", &[comment, node])];
    let data = vec![tag("___PPT9", &[atom(0x0fac, &[5; 12])])];
    let clean = Deck { slide, data, ..Deck::default() }.rebuilt();
    assert!(clean.removed.is_empty(), "{:?}", clean.removed);
    assert!(clean.has_text("remark") && clean.has(&[5; 12]) && clean.has_record(0xf144));
}

#[test]
fn a_record_of_an_unknown_type() {
    let clean = Deck { slide: vec![atom(0x7777, b"unknown")], ..Deck::default() }.rebuilt();
    clean.assert_gone(What::UnknownPart, &["unknown"]);
}

#[test]
fn a_known_record_where_it_does_not_belong() {
    let slide = vec![container(0x0409, &[string(0, "misplaced")]), atom(0x0fa8, b"misplaced")];
    Deck { slide, ..Deck::default() }.rebuilt().assert_gone(What::UnknownPart, &["misplaced"]);
}

#[test]
fn a_container_that_says_it_is_an_atom_and_the_reverse() {
    let slide = vec![
        atom(0x0fd9, &string(0, "payload")),
        container(0x0fba, &[atom(0x1011, b"payload")]),
        container(0x03f9, &[atom(0x1011, b"payload")]),
    ];
    Deck { slide, ..Deck::default() }.rebuilt().assert_gone(What::UnknownPart, &["payload"]);
}

#[test]
fn bytes_behind_the_end_of_an_atom() {
    let slide = vec![container(0x0fd9, &[atom(0x0fda, b"\0\0\0\0payload")])];
    let clean = Deck { slide, ..Deck::default() }.rebuilt();
    assert!(clean.has_record(0x0fda) && !clean.has_text("payload"));
}

#[test]
fn bytes_behind_the_last_record_of_a_container() {
    let mut header = container(0x0fd9, &[atom(0x0fda, &[0; 4])]);
    header.extend(b"payload");
    header[4] += 7;
    let clean = Deck { slide: vec![header], ..Deck::default() }.rebuilt();
    assert!(clean.has_record(0x0fda) && !clean.has_text("payload"));
}

#[test]
fn a_record_that_runs_past_its_container() {
    let mut header = container(0x0fd9, &[atom(0x0fda, &[0; 4])]);
    header[12] = 200;
    let failure = failure(&Deck { slide: vec![header], ..Deck::default() }.bytes());
    assert!(matches!(&failure, Failure::Malformed(words) if words.contains("runs past")), "{failure}");
}

#[test]
fn groups_nested_without_end() {
    let mut group = container(0xf003, &[]);
    for _ in 0..2000 {
        group = container(0xf003, &[group]);
    }
    let drawing = container(0x040c, &[container(0xf002, &[group])]);
    let failure = failure(&Deck { slide: vec![drawing], ..Deck::default() }.bytes());
    assert!(matches!(failure, Failure::Limit { name: "max_nesting", .. }), "{failure}");
}

#[test]
fn tags_of_add_ins() {
    let words = container(0x1389, &[string(0, "ADDIN"), string(1, "payload")]);
    let slide = vec![container(0x1388, &[words]), tag("___PPT99", &[atom(0x0fac, b"payload")])];
    let clean = Deck { slide, ..Deck::default() }.rebuilt();
    clean.assert_gone(What::Extension, &["payload", "ADDIN", "___PPT99"]);
    assert!(!clean.has_record(0x1388));
}

#[test]
fn packages_of_2007_in_the_records() {
    let slide = vec![atom(0x040e, b"PK\x03\x04payload"), atom(0x041e, b"PK\x03\x04payload")];
    Deck { slide, ..Deck::default() }.rebuilt().assert_gone(What::UnknownPart, &["payload", "PK\x03\x04"]);
}

#[test]
fn embedded_fonts() {
    let mut font = [0; 68];
    font[65] = 1;
    let fonts = vec![atom(0x0fb7, &font), atom(0x0fb8, b"font program")];
    let clean = Deck { fonts, ..Deck::default() }.rebuilt();
    clean.assert_gone(What::Font, &["font program"]);
    assert_eq!(clean.records(0x0fb7).next().unwrap(), [0; 68]);
    assert_eq!(clean.records(0x03e9).next().unwrap()[36], 0);
}

#[test]
fn a_font_cut_short_keeps_its_place() {
    let clean =
        Deck { fonts: vec![atom(0x0fb7, b"A\0"), atom(0x0fb7, &[7; 68])], ..Deck::default() }.rebuilt();
    let fonts: Vec<_> = clean.records(0x0fb7).collect();
    assert_eq!(fonts.len(), 2);
    assert_eq!(fonts[0].len(), 68);
}

#[test]
fn routing_slips_and_user_names() {
    let document = vec![atom(0x0406, b"jane@example.org"), container(0x0402, &[string(0, "linked")])];
    let clean = Deck { document, user: "jane", ..Deck::default() }.rebuilt();
    clean.assert_gone(What::Metadata, &["jane", "linked"]);
}

#[test]
fn other_streams_and_storages() {
    let deck = Deck::default();
    let (stream, edit) = deck.stream();
    let mut file = deck.file(&stream, edit);
    file.add("\u{5}SummaryInformation", b"jane".to_vec());
    file.add("\u{1}Ole10Native", b"payload".to_vec());
    let mut macros = crate::compound::Storage::new("Macros", [0; 16]);
    macros.add("dir", b"payload".to_vec());
    file.storages.push(macros);
    let clean = fixture::Clean::of(&file.write().unwrap());
    clean.assert_gone(What::Macro, &["jane", "payload", "Macros", "\u{1}Ole10Native"]);
    assert!(clean.lost(What::Metadata) && clean.lost(What::UnknownPart));
}

#[test]
fn the_presentation_for_95_beside_that_for_97() {
    let deck = Deck::default();
    let (stream, edit) = deck.stream();
    let mut inner = deck.file(&stream, edit);
    "PP97_DUALSTORAGE".clone_into(&mut inner.name);
    let mut file = crate::compound::Storage::new("", [0; 16]);
    file.add("PP40", b"payload".to_vec());
    file.add("PowerPoint Document", b"payload".to_vec());
    file.storages.push(inner);
    let clean = fixture::Clean::of(&file.write().unwrap());
    clean.assert_gone(What::Unreachable, &["payload", "PP40", "PP97_DUALSTORAGE"]);
    assert!(clean.has_text("words"));
}

#[test]
fn more_slides_than_members_allowed() {
    let objects = vec![Deck::default().slide(); 20];
    let persist = |number: u32| atom(0x03f3, &[number, 0, 0, 256 + number, 0].map(u32::to_le_bytes).concat());
    let list = container(0x0ff0, &(10..30).map(persist).collect::<Vec<_>>());
    let deck = Deck { objects, document: vec![list], ..Deck::default() };
    deck.rebuilt();
    let limits = Limits { max_members: 20, ..Limits::default() };
    let failure = rebuild_within(&deck.bytes(), &limits).0.unwrap_err();
    assert!(failure.to_string().starts_with("the number of slides"), "{failure}");
}

/// Each half is cut or changed; whatever comes out must have passed verification, and nothing may panic.
#[test]
fn damage_anywhere() {
    let deck = Deck { slide: vec![tag("___PPT10", &[atom(0x2eeb, &[1; 8])])], ..Deck::default() };
    let (stream, edit) = deck.stream();
    for at in 0..stream.len() {
        for value in [0, 0xff] {
            let mut damaged = stream.clone();
            damaged[at] = value;
            let result = rebuild_within(&deck.file(&damaged, edit).write().unwrap(), &Limits::default()).0;
            assert!(!matches!(result, Err(Failure::Unproved(_))), "{at}: {result:?}");
        }
    }
}

#[test]
fn the_description_stays_when_wanted() {
    let title = [30_u32, 8].map(u32::to_le_bytes).concat();
    let set = [48_u32, 32, 1, 2, 16].map(u32::to_le_bytes).concat();
    let summary = [
        &[0xfe, 0xff, 0, 0],
        [9; 20].as_slice(),
        &[1, 0, 0, 0],
        b"\xe0\x85\x9f\xf2\xf9\x4f\x68\x10\xab\x91\x08\x00\x2b\x27\xb3\xd9",
        &set,
        &title,
        b"A title\0",
    ]
    .concat();
    let deck = Deck::default();
    let (stream, edit) = deck.stream();
    let mut file = deck.file(&stream, edit);
    file.add("\u{5}SummaryInformation", summary);
    let bytes = file.write().unwrap();
    fixture::Clean::of(&bytes).assert_gone(What::Metadata, &["A title"]);

    let options = crate::Options { metadata: crate::options::Metadata::Keep, ..crate::Options::default() };
    let settings = crate::Settings { options, ..crate::Settings::default() };
    let sanitize = |bytes: &[u8]| {
        let declared = crate::Declared::default();
        crate::sanitize(bytes, &declared, &settings, &mut crate::NoInspector).into_parts()
    };
    let (file, report) = sanitize(&bytes);
    let once = file.expect(&report.reason).0;
    assert!(memchr::memmem::find(&once, b"A title").is_some());
    assert!(memchr::memmem::find(&once, &[9; 20]).is_none());
    let (again, report) = sanitize(&once);
    assert_eq!(again.unwrap().0, once);
    assert!(report.removed.is_empty());
}

#[test]
fn bytes_behind_what_a_record_has_by_its_kind() {
    let variant = |kind: u8, value: &[u8]| atom(0xf142, &[&[kind], value].concat());
    let colours = [[0; 12].as_slice(), &[3; 44]].concat();
    for (record, kind, length) in [
        (atom(0xf138, &[[0; 20].as_slice(), b"payload"].concat()), 0xf138, 20),
        (variant(0, b"\0payload"), 0xf142, 2),
        (variant(1, b"\0\0\0\0payload"), 0xf142, 5),
        (variant(9, b"payload"), 0xf142, 0),
        (atom(0x0fe7, &[&colours, b"payload".as_slice()].concat()), 0x0fe7, 56),
        (atom(0x0fa2, b"\0\0\0\0\0\0payl"), 0x0fa2, 6),
        (atom(0x0fa1, b"\0\0\0\0PK\x03\x04payload"), 0x0fa1, 0),
    ] {
        let deck = match kind {
            0xf138 => {
                let node = container(0xf144, &[atom(0xf127, &[0; 32]), container(0xf12f, &[record])]);
                Deck { slide: vec![tag("___PPT10", &[node])], ..Deck::default() }
            }
            0xf142 => {
                let node = container(0xf144, &[atom(0xf127, &[0; 32]), container(0xf13d, &[record])]);
                Deck { slide: vec![tag("___PPT10", &[node])], ..Deck::default() }
            }
            0x0fe7 => Deck { data: vec![record], ..Deck::default() },
            _ => Deck { text: vec![record], ..Deck::default() },
        };
        let clean = deck.rebuilt();
        assert!(!clean.has_text("payl"), "{kind:#06x}");
        assert_eq!(clean.records(kind).next().map_or(0, |body| body.len()), length, "{kind:#06x}");
    }
}
