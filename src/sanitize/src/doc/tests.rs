//! Documents made here, named by the attack.

use std::collections::BTreeMap;

use super::fkp::{self, Kind, Run};
use super::text::Text;
use super::{CLASS, DATA, WORD, bytes, entry, sprm, verify};
use crate::compound::Storage;
use crate::compound::tests::damage;
use crate::failure::Failure;
use crate::format::Format;
use crate::identify::Declared;
use crate::image::BLANK;
use crate::job::{NoInspector, Sanitized, Settings, bench, bench_choosing, sanitize};
use crate::limits::Limits;
use crate::office_art::{kind, put};
use crate::options::{Links, Metadata, Options, Signed};
use crate::report::{Verdict, What};

/// Where the text begins.
const TEXT: usize = 2048;

/// A document of one story.
struct Fixture {
    /// Pieces: two bytes for each character?
    pieces: Vec<(bool, Vec<u16>)>,
    /// Formatting of characters, by position.
    runs: Vec<(std::ops::Range<usize>, Vec<u8>)>,
    structures: BTreeMap<usize, Vec<u8>>,
    data: Vec<u8>,
    /// Bytes of the WordDocument stream behind everything.
    behind: Vec<u8>,
    flags: u16,
    /// Which program wrote it.
    program: [u8; 8],
    root: Storage<'static>,
}

/// A document of this text, all fields declared.
fn with(text: &str) -> Fixture {
    let units: Vec<u16> = text.encode_utf16().collect();
    let mut fixture = Fixture {
        pieces: vec![(false, units.clone())],
        runs: Vec::new(),
        structures: BTreeMap::new(),
        data: Vec::new(),
        behind: Vec::new(),
        flags: 0x1200,
        program: [0; 8],
        root: Storage::new("Root Entry", CLASS),
    };
    let fields: Vec<(u32, u8)> = (0..)
        .zip(&units)
        .filter(|(_, unit)| (0x13..=0x15).contains(*unit))
        .map(|(position, unit)| (position, u8::try_from(*unit).unwrap()))
        .collect();
    if !fields.is_empty() {
        let mut plc: Vec<u8> = fields.iter().flat_map(|(position, _)| position.to_le_bytes()).collect();
        plc.extend(u32::try_from(units.len()).unwrap().to_le_bytes());
        plc.extend(fields.iter().flat_map(|(_, kind)| [*kind, if *kind == 0x13 { 1 } else { 0x80 }]));
        fixture.structures.insert(16, plc);
    }
    fixture
}

fn modifier(code: u16, operand: &[u8]) -> Vec<u8> {
    [&code.to_le_bytes(), operand].concat()
}

/// A special character that stands for something in the Data stream.
fn special(location: u32, marks: &[u16]) -> Vec<u8> {
    let mut list = modifier(sprm::PICTURE_LOCATION, &location.to_le_bytes());
    list.extend(modifier(sprm::SPECIAL, &[1]));
    list.extend(marks.iter().flat_map(|code| modifier(*code, &[1])));
    list
}

impl Fixture {
    fn bytes(mut self) -> Vec<u8> {
        let mut word = vec![0; TEXT];
        let mut clx = Vec::new();
        let mut descriptors = Vec::new();
        let mut places = Vec::new();
        clx.extend(0_u32.to_le_bytes());
        for (wide, units) in &self.pieces {
            let at = u32::try_from(word.len()).unwrap();
            let place = if *wide { at } else { (at * 2) | 0x4000_0000 };
            descriptors.extend([&[0, 0], place.to_le_bytes().as_slice(), &[0, 0]].concat());
            for unit in units {
                places.push(u32::try_from(word.len()).unwrap());
                match wide {
                    true => word.extend(unit.to_le_bytes()),
                    false => word.push(u8::try_from(*unit).unwrap()),
                }
            }
            clx.extend(u32::try_from(places.len()).unwrap().to_le_bytes());
        }
        let end = u32::try_from(word.len()).unwrap();
        places.push(end);
        clx.extend(descriptors);
        let length = u32::try_from(clx.len()).unwrap().to_le_bytes();
        self.structures.insert(entry::PIECES, [&[2], length.as_slice(), &clx].concat());

        let mut runs: Vec<Run> = Vec::new();
        let mut known = u32::try_from(TEXT).unwrap();
        for (range, list) in &self.runs {
            let (start, end) = (places[range.start], places[range.end]);
            runs.push(Run { start: known, end: start, properties: Vec::new() });
            runs.push(Run { start, end, properties: list.clone() });
            known = end;
        }
        runs.push(Run { start: known, end, properties: Vec::new() });
        let paragraphs = [Run { start: 2048, end, properties: vec![0, 0] }];
        for (kind, runs, index) in [
            (Kind::Characters, &runs[..], entry::CHARACTERS),
            (Kind::Paragraphs, &paragraphs[..], entry::PARAGRAPHS),
        ] {
            word.resize(word.len().next_multiple_of(512), 0);
            let page = u32::try_from(word.len() / 512).unwrap();
            let (pages, plc, _) = fkp::write(kind, runs, page).unwrap();
            word.extend(pages);
            self.structures.insert(index, plc);
        }
        word.extend(&self.behind);
        // No styles.
        self.structures.insert(entry::STYLES, [[18, 0, 0, 0, 10, 0].as_slice(), &[0; 14]].concat());

        let mut put = |at: usize, value: &[u8]| bytes::put(&mut word, at, value);
        put(0, &[0xec, 0xa5, 0xc1, 0]);
        put(10, &self.flags.to_le_bytes());
        put(32, &[14, 0]);
        put(34, &self.program);
        put(62, &[22, 0]);
        put(76, &u32::try_from(places.len() - 1).unwrap().to_le_bytes());
        put(152, &[0x6c, 0]);
        let mut table = Vec::new();
        for (index, structure) in &self.structures {
            put(154 + 8 * index, &u32::try_from(table.len()).unwrap().to_le_bytes());
            put(158 + 8 * index, &u32::try_from(structure.len()).unwrap().to_le_bytes());
            table.extend(structure);
        }
        self.root.add(WORD, word);
        self.root.add("1Table", table);
        if !self.data.is_empty() {
            self.root.add(DATA, self.data);
        }
        self.root.write().unwrap()
    }
}

fn run(bytes: &[u8], options: &Options) -> Sanitized {
    let settings = Settings { options: options.clone(), ..Settings::default() };
    sanitize(bytes, &Declared { name: "a.doc", media_type: "" }, &settings, &mut NoInspector)
}

/// Streams of a rebuilt document, what was removed from it.
struct Rebuilt {
    word: Vec<u8>,
    table: Vec<u8>,
    data: Vec<u8>,
    removed: Vec<What>,
}

impl Rebuilt {
    fn has(&self, text: &str) -> bool {
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        [&self.word, &self.table, &self.data].iter().any(|stream| {
            memchr::memmem::find(stream, text.as_bytes()).is_some()
                || memchr::memmem::find(stream, &wide).is_some()
        })
    }

    fn shows(&self, text: &str) -> bool {
        memchr::memmem::find(&self.word, text.as_bytes()).is_some()
    }

    fn has_lost(&self, what: What) -> bool {
        self.removed.contains(&what)
    }
}

fn rebuilt_with(fixture: Fixture, options: &Options) -> Rebuilt {
    let (file, report) = run(&fixture.bytes(), options).into_parts();
    let (file, _) = file.unwrap_or_else(|| panic!("{}", report.reason));
    let (again, second) = run(&file, options).into_parts();
    assert!(again.is_some_and(|(again, _)| again == file), "rebuilding again changes it: {}", second.reason);
    assert!(second.removed.is_empty(), "{:?}", second.removed);
    let streams = bench(&Limits::default(), |job| {
        let compound = crate::compound::Compound::parse(&file, job).unwrap();
        assert!(compound.root.storages.is_empty() && compound.root.streams.len() <= 3);
        [WORD, "1Table", DATA].map(|name| compound.root.stream(name).unwrap().unwrap_or_default().to_vec())
    });
    let [word, table, data] = streams.0;
    Rebuilt { word, table, data, removed: report.removed.iter().map(|removed| removed.what).collect() }
}

fn rebuilt(fixture: Fixture) -> Rebuilt {
    rebuilt_with(fixture, &Options::default())
}

fn reason(fixture: Fixture) -> (Verdict, String) {
    let (file, report) = run(&fixture.bytes(), &Options::default()).into_parts();
    assert!(file.is_none());
    (report.verdict, report.reason)
}

/// The verifier's opinion of a document that no rebuild has touched.
fn proof(fixture: Fixture) -> Result<(), Failure> {
    proof_choosing(fixture, &Options::default())
}

fn proof_choosing(fixture: Fixture, options: &Options) -> Result<(), Failure> {
    let bytes = fixture.bytes();
    bench_choosing(&Limits::default(), options, |job| verify(&bytes, Format::Doc, job)).0
}

const DDE: &str = "See \u{13} DDEAUTO c:\\\\x\\\\cmd.exe \"/k calc\" \u{14}the result\u{15}.\r";

#[test]
fn dde_field_loses_its_instruction_and_keeps_its_words() {
    let new = rebuilt(with(DDE));
    assert!(!new.has("DDE") && !new.has("calc") && new.shows("the result .\r"));
    assert!(new.has_lost(What::Field));
}

#[test]
fn dde_field_in_text_of_two_bytes_is_found() {
    let mut fixture = with(DDE);
    fixture.pieces[0].0 = true;
    let new = rebuilt(fixture);
    assert!(!new.has("DDE") && !new.has("calc") && new.has("the result"));
}

#[test]
fn dde_field_split_over_pieces_of_one_and_two_bytes_is_found() {
    let mut fixture = with(DDE);
    let units = fixture.pieces.remove(0).1;
    fixture.pieces = vec![(false, units[..8].to_vec()), (true, units[8..].to_vec())];
    let new = rebuilt(fixture);
    assert!(!new.has("DD") && !new.has("EAUTO") && !new.has("calc") && new.has("the result"));
}

#[test]
fn dde_field_that_no_table_declares_is_found() {
    let mut fixture = with(DDE);
    fixture.structures.clear();
    assert!(!rebuilt(fixture).has("DDE"));
}

#[test]
fn harmless_field_that_no_table_declares_goes_too() {
    let mut fixture = with("\u{13} PAGE \u{14}7\u{15}\r");
    fixture.structures.clear();
    let new = rebuilt(fixture);
    assert!(!new.has("PAGE") && new.shows("7"));
}

#[test]
fn field_that_shows_what_is_gone_stays_as_its_words() {
    let text = "\u{13} AUTHOR \u{14}Someone\u{15} \u{13} EDITTIME  \\* MERGEFORMAT \u{14}17\u{15} \u{13} PAGE \u{14}3\u{15}\r";
    let new = rebuilt(with(text));
    assert!(!new.has("AUTHOR") && !new.has("EDITTIME") && new.shows("PAGE"));
    assert!(new.shows("Someone") && new.shows("17") && new.has_lost(What::Metadata));
    let keep = Options { metadata: Metadata::Keep, ..Options::default() };
    let new = rebuilt_with(with(text), &keep);
    assert!(new.shows("AUTHOR") && !new.has("EDITTIME"));
    // Without words of its own nothing would be left of it.
    assert!(rebuilt(with("\u{13} AUTHOR \u{15}\r")).shows("AUTHOR"));
}

#[test]
fn dde_field_within_a_harmless_one_goes_alone() {
    let new = rebuilt(with("\u{13} IF 1=1 \"\u{13} DDE x y \u{14}in\u{15}\" \u{14}out\u{15}\r"));
    assert!(!new.has("DDE") && new.has("IF 1=1") && new.shows("out"));
}

#[test]
fn keyword_spelt_by_a_nested_field_is_refused() {
    let new = rebuilt(with("\u{13}\u{13} QUOTE 68 68 69 \u{15} cmd \u{14}shown\u{15}\r"));
    assert!(!new.has("QUOTE") && !new.has("cmd") && new.shows("shown"));
}

#[test]
fn keyword_among_deleted_letters_is_found() {
    // Accepted: DATE; rejected: DDE.
    let mut fixture = with("\u{13} DDATE x \u{14}shown\u{15}\r");
    fixture.runs = vec![(3..4, modifier(sprm::INSERTED, &[1])), (4..6, modifier(sprm::INSERTED, &[1]))];
    let new = rebuilt(fixture);
    assert!(!new.has("DDATE") && new.shows("shown"));
}

#[test]
fn field_that_never_ends_does_not_hide_the_text() {
    let new = rebuilt(with("a\u{13} PAGE and so on\r"));
    assert!(new.shows("PAGE and so on") && !new.shows("\u{13}"));
    let new = rebuilt(with("a\u{13} DDE x \u{14} and so on\r"));
    assert!(new.shows(" and so on") && !new.has("DDE"));
}

#[test]
fn field_types_that_lie_are_corrected() {
    let mut fixture = with("\u{13} PAGE \u{14}7\u{15}\r");
    let plc = fixture.structures.get_mut(&16).unwrap();
    // DDEAUTO, and "its result is out of date".
    (plc[17], plc[21]) = (0x2e, 0x84);
    let new = rebuilt(fixture);
    let at = memchr::memmem::find(&new.table, &[0x13, 0x21, 0x14, 0xff, 0x15, 0x80]);
    assert!(at.is_some());
}

#[test]
fn only_links_to_web_and_mail_stay() {
    for bad in ["file:///c:/x.exe", "\\\\\\\\server\\\\share", "javascript:x", "c:\\\\x", "mhtml:http://a!b"]
    {
        let new = rebuilt(with(&format!("\u{13} HYPERLINK \"{bad}\" \u{14}here\u{15}\r")));
        assert!(!new.has("HYPERLINK") && new.shows("here") && new.has_lost(What::Link), "{bad}");
    }
    let good = "\u{13} HYPERLINK \"https://a.example/\" \u{14}here\u{15}\r";
    assert!(rebuilt(with(good)).has("https://a.example/"));
    let options = Options { links: Links::Remove, ..Options::default() };
    let new = rebuilt_with(with(good), &options);
    assert!(!new.has("https") && new.shows("here"));
    assert!(proof_choosing(with(good), &options).unwrap_err().to_string().contains("links"));
}

#[test]
fn links_to_places_in_the_document_stay_whatever_becomes_of_the_web() {
    let options = Options { links: Links::Remove, ..Options::default() };
    let new = rebuilt_with(with("\u{13} HYPERLINK \\l \"place\" \u{14}here\u{15}\r"), &options);
    assert!(new.has("HYPERLINK") && !new.has_lost(What::Link));
}

#[test]
fn macro_button_keeps_the_words_it_shows() {
    let new = rebuilt(with("\u{13} MACROBUTTON Run.Me Click here \u{15}\r"));
    assert!(!new.has("MACROBUTTON") && !new.has("Run.Me") && new.shows("Click here"));
}

#[test]
fn mark_of_an_index_stays_undeclared() {
    let mut fixture = with("word\u{13} XE \"word\" \u{15}\r");
    fixture.structures.clear();
    assert!(rebuilt(fixture).has("\u{13} XE \"word\" \u{15}"));
}

#[test]
fn object_and_its_storage_are_gone_and_its_picture_stays() {
    let mut fixture = with("\u{13} EMBED Package \u{1}\u{14}\u{1}\u{15}\r");
    fixture.data = picture(0x64, b"");
    fixture.runs =
        vec![(16..17, special(0x1234_5678, &[sprm::OLE_2, sprm::OBJECT])), (18..19, special(0, &[]))];
    let mut pool = Storage::new("ObjectPool", [0; 16]);
    pool.add("_1234567890", b"MZ evil".as_slice());
    fixture.root.storages.push(pool);
    let new = rebuilt(fixture);
    assert!(!new.has("EMBED") && new.has_lost(What::EmbeddedObject));
    assert!(memchr::memmem::find(&new.data, BLANK).is_some());
    assert!(new.word[TEXT..].starts_with(b"                 \x20\x01\x20\r"));
}

#[test]
fn object_character_outside_any_field_is_blanked() {
    let mut fixture = with("a\u{1}b\r");
    fixture.runs = vec![(1..2, special(77, &[sprm::OLE_2]))];
    let new = rebuilt(fixture);
    assert!(new.shows("a b\r") && new.has_lost(What::EmbeddedObject));
}

#[test]
fn name_of_a_linked_picture_and_unused_data_are_gone() {
    let mut fixture = with("\u{1}\r");
    fixture.data = [b"orphaned".as_slice(), &picture(0x66, b"\x0c\\\\server\\pic"), b"more"].concat();
    fixture.runs = vec![(0..1, special(8, &[]))];
    let new = rebuilt(fixture);
    assert!(!new.has("server") && !new.has("orphaned") && !new.has("more"));
    assert!(new.has_lost(What::ExternalReference) && memchr::memmem::find(&new.data, BLANK).is_some());
}

#[test]
fn picture_that_is_none_becomes_blank() {
    let mut fixture = with("\u{1}\r");
    fixture.data = picture(0x64, b"");
    let at = memchr::memmem::find(&fixture.data, BLANK).unwrap();
    fixture.data[at..at + 8].copy_from_slice(b"MZ\x90\0evil");
    fixture.runs = vec![(0..1, special(0, &[]))];
    let new = rebuilt(fixture);
    assert!(
        !new.has("evil") && new.has_lost(What::Picture) && memchr::memmem::find(&new.data, BLANK).is_some()
    );
}

#[test]
fn picture_outside_the_data_stream_is_none() {
    let mut fixture = with("a\u{1}b\r");
    fixture.data = b"short".to_vec();
    fixture.runs = vec![(1..2, special(0x3fff_0000, &[]))];
    let new = rebuilt(fixture);
    assert!(new.shows("a b\r") && new.data.is_empty());
}

#[test]
fn form_field_loses_its_macros() {
    let mut fixture = with("\u{13} FORMTEXT \u{1}\u{14}answer\u{15}\r");
    let text = |text: &str| -> Vec<u8> {
        let units: Vec<u16> = text.encode_utf16().collect();
        let length = u16::try_from(units.len()).unwrap();
        std::iter::once(length).chain(units).chain([0]).flat_map(u16::to_le_bytes).collect()
    };
    let mut form = vec![0; 68];
    form.extend([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0]);
    for value in ["Text1", "default", "", "help", "status", "EvilEntry", "EvilExit"] {
        form.extend(text(value));
    }
    let length = u32::try_from(form.len()).unwrap();
    bytes::put(&mut form, 0, &length.to_le_bytes());
    bytes::put(&mut form, 4, &[68, 0]);
    fixture.data = form;
    fixture.runs = vec![(11..12, special(0, &[sprm::DATA]))];
    let new = rebuilt(fixture);
    assert!(new.has("default") && new.has("Text1") && !new.has("Evil") && new.has("FORMTEXT"));
}

#[test]
fn macros_toolbars_history_and_template_are_gone() {
    let mut fixture = with("text\r");
    fixture.root.storages.push(Storage::new("Macros", [0; 16]));
    fixture.root.add("Stray", b"Attribut\0e VB_Name".as_slice());
    for index in [24, 26, 27, 32, 45, 61, 71, 72, 85, 90, 97] {
        fixture.structures.insert(index, format!("secret{index}").into_bytes());
    }
    let new = rebuilt(fixture);
    assert!(!new.has("secret") && new.shows("text"));
    for what in [
        What::Macro,
        What::Metadata,
        What::PrinterSettings,
        What::Control,
        What::Font,
        What::ExternalReference,
    ] {
        assert!(new.has_lost(what), "{what:?}");
    }
}

#[test]
fn older_text_and_bytes_behind_everything_are_gone() {
    let mut fixture = with("new text\r");
    fixture.behind = b"older revision".to_vec();
    let mut bytes = fixture.bytes();
    // Between the information block and the text.
    let at = memchr::memmem::find(&bytes, b"new text\r").unwrap();
    bytes[at - 20..at - 9].copy_from_slice(b"quick saved");
    let (file, _) = run(&bytes, &Options::default()).into_parts();
    let (file, _) = file.unwrap();
    assert!(memchr::memmem::find(&file, b"new text").is_some());
    assert!(
        memchr::memmem::find(&file, b"older").is_none() && memchr::memmem::find(&file, b"quick").is_none()
    );
}

#[test]
fn damaged_stream_matters_where_it_is_needed() {
    let file = || {
        let mut fixture = with("text\r");
        fixture.data = vec![7; 5000];
        for name in ["\u{1}CompObj", "\u{5}SummaryInformation", "_signatures"] {
            fixture.root.add(name, vec![7; 5000]);
        }
        fixture.bytes()
    };
    for (name, is_needed) in [
        (WORD, true),
        ("1Table", true),
        (DATA, true),
        ("\u{1}CompObj", false),
        ("\u{5}SummaryInformation", false),
        ("_signatures", false),
    ] {
        let mut bytes = file();
        damage(&mut bytes, name);
        let (rebuilt, report) = run(&bytes, &Options::default()).into_parts();
        assert_eq!(rebuilt.is_none(), is_needed, "{name}: {}", report.reason);
        assert!(is_needed || report.removed.iter().any(|removed| removed.what == What::Unreachable));
        assert!(!is_needed || report.reason.contains("not there in full"), "{}", report.reason);
    }
    // A signature that cannot be read is one.
    let mut bytes = file();
    damage(&mut bytes, "_signatures");
    let options = Options { signed: Signed::Quarantine, ..Options::default() };
    assert!(run(&bytes, &options).into_parts().0.is_none());
}

#[test]
fn encrypted_documents_are_told() {
    let mut fixture = with("text\r");
    fixture.flags |= 0x100;
    let (verdict, reason) = reason(fixture);
    assert!(verdict == Verdict::Unscannable && reason.contains("encrypted"));
}

#[test]
fn documents_of_word_95_are_refused() {
    let mut word = vec![0; 4096];
    word[..4].copy_from_slice(&[0xdc, 0xa5, 0x68, 0]);
    let mut root = Storage::new("Root Entry", CLASS);
    root.add(WORD, word);
    let (_, report) = run(&root.write().unwrap(), &Options::default()).into_parts();
    assert!(report.verdict == Verdict::Refused && report.reason.contains("Word 95"), "{}", report.reason);
}

#[test]
fn signed_documents_can_be_kept_back() {
    let options = Options { signed: Signed::Quarantine, ..Options::default() };
    let mut fixture = with("text\r");
    fixture.root.add("_signatures", b"x".as_slice());
    let (file, report) = run(&fixture.bytes(), &options).into_parts();
    assert!(file.is_none() && report.reason.contains("signature"));
}

#[test]
fn bytes_that_two_pieces_read_in_two_ways_are_refused() {
    let mut fixture = with(DDE);
    let units = fixture.pieces.remove(0).1;
    fixture.pieces =
        vec![(false, units[..units.len() / 2].to_vec()), (false, units[units.len() / 2..].to_vec())];
    let mut bytes = fixture.bytes();
    // The second piece: the same bytes as the first, two for each character.
    let place = ((2048 + u32::try_from(DDE.len() / 2).unwrap()) * 2) | 0x4000_0000;
    let at = memchr::memmem::find(&bytes, &place.to_le_bytes()).unwrap();
    bytes[at..at + 4].copy_from_slice(&2048_u32.to_le_bytes());
    let (file, report) = run(&bytes, &Options::default()).into_parts();
    assert!(file.is_none() && report.reason.contains("two ways"), "{}", report.reason);
}

#[test]
fn the_proof_finds_what_a_rebuild_would_have_left() {
    let mut object = with("a\u{1}b\r");
    object.runs = vec![(1..2, special(0, &[sprm::OLE_2]))];
    let mut stream = with("text\r");
    stream.root.add("Stray", b"x".as_slice());
    let mut structure = with("text\r");
    structure.structures.insert(71, b"saved by".to_vec());
    let mut behind = with("text\r");
    behind.behind = b"older".to_vec();
    for (fixture, words) in [
        (with(DDE), "field"),
        (with("\u{13} HYPERLINK \"file:///c:/x\" \u{14}x\u{15}\r"), "links"),
        (object, "object"),
        (stream, "stream"),
        (structure, "structure"),
        (behind, "accounts"),
    ] {
        let problem = proof(fixture).unwrap_err().to_string();
        assert!(problem.contains(words), "{problem} ({words})");
    }
}

#[test]
fn damage_never_panics() {
    let mut fixture = with("\u{13} PAGE \u{14}7\u{15}\u{1}\r");
    fixture.data = picture(0x64, b"");
    fixture.runs = vec![(10..11, special(0, &[]))];
    let bytes = fixture.bytes();
    let used: Vec<usize> = (512..bytes.len()).filter(|&at| bytes[at] != 0).collect();
    for at in used {
        for value in [0, 0x7f, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] = value;
            let (_, report) = run(&damaged, &Options::default()).into_parts();
            assert!(!report.reason.contains("did not pass verification"), "{at} {value}: {}", report.reason);
        }
    }
}

/// A picture in the text: a transparent PNG of one pixel. `name`: what stands before the shape.
fn picture(kind_of_picture: u16, name: &[u8]) -> Vec<u8> {
    let mut shape = Vec::new();
    put(&mut shape, 2, 75, kind::SHAPE, &[1, 4, 0, 0, 0, 0x0a, 0, 0]).unwrap();
    put(&mut shape, 3, 1, kind::PROPERTIES, &[4, 0x41, 1, 0, 0, 0]).unwrap();
    let mut blip = Vec::new();
    put(&mut blip, 0, 0x6e0, 0xf01e, &[&[0; 17], BLANK].concat()).unwrap();
    let mut entry = vec![0; 36];
    bytes::put(&mut entry, 0, &[6, 6]);
    bytes::put(&mut entry, 20, &u32::try_from(blip.len()).unwrap().to_le_bytes());
    entry.extend(blip);
    let mut content = name.to_vec();
    put(&mut content, 0xf, 0, kind::SHAPE_CONTAINER, &shape).unwrap();
    put(&mut content, 2, 6, kind::STORE_ENTRY, &entry).unwrap();
    let mut out = vec![0; 68];
    bytes::put(&mut out, 0, &u32::try_from(68 + content.len()).unwrap().to_le_bytes());
    bytes::put(&mut out, 4, &[68, 0]);
    bytes::put(&mut out, 6, &kind_of_picture.to_le_bytes());
    out.extend(content);
    out
}

/// A piece table of these pieces: first character position behind each, place, formatting.
fn pieces(modifiers: &[&[u8]], pieces: &[(u32, u32, u16)]) -> Vec<u8> {
    let mut clx = Vec::new();
    for list in modifiers {
        clx.push(1);
        clx.extend(u16::try_from(list.len()).unwrap().to_le_bytes());
        clx.extend(*list);
    }
    clx.push(2);
    clx.extend(u32::try_from(4 + 12 * pieces.len()).unwrap().to_le_bytes());
    clx.extend([0; 4]);
    clx.extend(pieces.iter().flat_map(|(end, ..)| end.to_le_bytes()));
    for (_, at, prm) in pieces {
        clx.extend([0, 0]);
        clx.extend(((at * 2) | 0x4000_0000).to_le_bytes());
        clx.extend(prm.to_le_bytes());
    }
    clx
}

#[test]
fn run_that_never_ends_overflows_nothing() {
    let text = Text::parse(&pieces(&[], &[(10, 10, 0), (15, 5, 0)]), &[b'x'; 20], 0, 15).unwrap();
    assert_eq!(text.within(&(0..u32::MAX)), [(10..15, 5, 1), (0..10, 10, 1)]);
}

#[test]
fn formatting_behind_the_stream_or_there_twice_is_refused() {
    let runs = |end| [Run { start: 0, end, properties: vec![0x35, 8, 1] }];
    let read = |end: u32, pages: &[u32]| {
        let (page, ..) = fkp::write(Kind::Characters, &runs(end), 0).unwrap();
        let mut plc = vec![0; 4 * (pages.len() + 1)];
        plc.extend(pages.iter().flat_map(|page| page.to_le_bytes()));
        fkp::read(Kind::Characters, &plc, &page, |_| Ok(()))
    };
    assert!(read(512, &[0]).is_ok());
    assert!(read(u32::MAX, &[0]).is_err());
    assert!(read(512, &[0, 0]).is_err());
}

#[test]
fn many_pieces_within_one_are_refused() {
    let many: Vec<(u32, u32, u16)> = (1..=400).map(|end| (end, 0, 0)).collect();
    assert!(Text::parse(&pieces(&[], &many), &[b'x'; 500], 0, 400).is_err());
    let few: Vec<(u32, u32, u16)> = (1..=100).map(|end| (end, 0, 0)).collect();
    assert!(Text::parse(&pieces(&[], &few), &[b'x'; 500], 0, 100).is_ok());
}

#[test]
fn tracked_changes_of_pieces_and_styles_do_not_respell_a_field() {
    let deleted = modifier(sprm::DELETED, &[1]);
    // Deleted, inserted, bold; a list.
    let old = pieces(&[&deleted], &[(1, 0, 0x182), (2, 1, 0x184), (3, 2, 0x16a), (4, 3, 1)]);
    let text = Text::parse(&old, b"text", 0, 4).unwrap();
    let new = pieces(&[&[]], &[(1, 0, 0), (2, 1, 0), (3, 2, 0x16a), (4, 3, 1)]);
    assert_eq!(text.write(sprm::clean_shared).unwrap(), new);
    assert!(sprm::clean_shared(&modifier(sprm::INSERTED, &[1])).is_empty());
}

#[test]
fn link_with_a_computed_address_goes() {
    for text in [
        "\u{13} HYPERLINK \\l \"x\" \u{13} REF bm \u{14}file:///c:/x\u{15} \u{14}here\u{15}\r",
        "\u{13} HYPERLINK \u{13} REF bm \u{15} \\l \"x\" \u{14}here\u{15}\r",
    ] {
        let new = rebuilt(with(text));
        assert!(!new.has("HYPERLINK") && new.shows("here") && new.has_lost(What::Link), "{text}");
        assert!(proof(with(text)).unwrap_err().to_string().contains("links"), "{text}");
    }
}

#[test]
fn the_proof_reads_all_arguments_of_a_link() {
    for bad in ["\\l \"x\" \"file:///c:/x\"", "\\o \"tip\" c:\\x", "https://a.example/ file:///c:/x", "\\n"] {
        let text = format!("\u{13} HYPERLINK {bad} \u{14}here\u{15}\r");
        assert!(proof(with(&text)).unwrap_err().to_string().contains("links"), "{bad}");
    }
    for good in
        ["\"https://a.example/\" \\l \"a\" \\t \"_blank\"", "\\l \"a b\" \\o \"c:/\"", "\"\" \\l a", "#a"]
    {
        assert!(
            rebuilt(with(&format!("\u{13} HYPERLINK {good} \u{14}here\u{15}\r"))).has("HYPERLINK"),
            "{good}"
        );
    }
}

#[test]
fn one_section_named_often_is_written_once() {
    // Length 3, one modifier.
    let mut fixture = with("\u{3}\0\t\u{30}\u{1}\r");
    let section = [&[0, 0], 2048_u32.to_le_bytes().as_slice(), &[0; 6]].concat();
    let positions: Vec<u8> = [0_u32, 2, 6].iter().flat_map(|position| position.to_le_bytes()).collect();
    fixture.structures.insert(entry::SECTIONS, [positions, section.clone(), section].concat());
    let new = rebuilt(fixture);
    assert_eq!(memchr::memmem::find_iter(&new.word, b"\x03\0\t\x30\x01").count(), 2);
}

#[test]
fn one_picture_named_often_is_written_once() {
    let mut fixture = with("text\r");
    let mut blip = Vec::new();
    put(&mut blip, 0, 0x6e0, 0xf01e, &[&[0; 17], BLANK].concat()).unwrap();
    let mut entry = vec![6; 36];
    bytes::put(&mut entry, 20, &u32::try_from(blip.len()).unwrap().to_le_bytes());
    // Behind text and two pages.
    bytes::put(&mut entry, 28, &3584_u32.to_le_bytes());
    bytes::put(&mut entry, 32, &[0; 4]);
    fixture.behind = blip;
    let (mut entries, mut store, mut drawings) = (Vec::new(), Vec::new(), Vec::new());
    put(&mut entries, 2, 6, kind::STORE_ENTRY, &entry).unwrap();
    put(&mut entries, 2, 6, kind::STORE_ENTRY, &entry).unwrap();
    put(&mut store, 0xf, 2, kind::STORE_CONTAINER, &entries).unwrap();
    put(&mut drawings, 0xf, 0, kind::DGG_CONTAINER, &store).unwrap();
    fixture.structures.insert(entry::DRAWINGS, drawings);
    let new = rebuilt(fixture);
    assert_eq!(memchr::memmem::find_iter(&new.word, BLANK).count(), 1);
}

#[test]
fn modifiers_are_charged_as_they_are_read() {
    let limits = Limits { max_expanded_bytes: 100, ..Limits::default() };
    // All of it is dropped.
    let old = [&200_u16.to_le_bytes(), [0xff; 200].as_slice()].concat();
    let (result, ..) = bench(&limits, |job| super::data::Data::new(&old).modifiers(0, job));
    assert!(matches!(result, Err(Failure::Limit { .. })));
}

#[test]
fn place_of_no_picture_stays_zero_and_programs_mark_stays() {
    let mut fixture = with("text\r");
    fixture.program = *b"bjbj\x01\x02\x03\x04";
    let list = [modifier(sprm::PICTURE_LOCATION, &[0; 4]), modifier(0x0835, &[1])].concat();
    fixture.runs = vec![(0..2, list.clone()), (2..3, modifier(sprm::PICTURE_LOCATION, &[7, 0, 0, 0]))];
    let new = rebuilt(fixture);
    assert!(memchr::memmem::find(&new.word, &list).is_some());
    assert!(memchr::memmem::find(&new.word, &modifier(sprm::PICTURE_LOCATION, &[7])).is_none());
    assert_eq!(&new.word[34..42], b"bjbj\x01\x02\x03\x04");
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

#[test]
fn last_position_without_a_meaning_is_written_anew() {
    let mut fixture = with("text\r");
    fixture.structures.insert(11, numbers(&[0, 5, 9, 0]));
    let new = rebuilt(fixture);
    assert!(memchr::memmem::find(&new.table, &numbers(&[0, 5, 9, 9])).is_some());
    let mut fixture = with("text\r");
    fixture.structures.insert(11, numbers(&[0, 9, 5, 10]));
    let new = rebuilt(fixture);
    assert!(memchr::memmem::find(&new.table, &numbers(&[0, 9, 5])).is_none());
}

#[test]
fn half_of_a_group_of_structures_goes() {
    let mut fixture = with("text\r");
    fixture.structures.insert(2, [numbers(&[1, 2]), vec![1, 0]].concat());
    let reference = numbers(&[1, 2]);
    let new = rebuilt(fixture);
    assert!(memchr::memmem::find(&new.table, &reference).is_none() && new.has_lost(What::UnknownPart));
    let mut fixture = with("text\r");
    fixture.structures.insert(2, [numbers(&[1, 2]), vec![1, 0]].concat());
    fixture.structures.insert(3, numbers(&[0, 1, 2]));
    assert!(memchr::memmem::find(&rebuilt(fixture).table, &reference).is_some());
}

#[test]
fn data_between_strings_is_no_place_to_hide() {
    let mut fixture = with("text\r");
    let name = [3, 0, b'a', 0, b'b', 0, b'c', 0];
    let names = [[0xff, 0xff, 1, 0, 6, 0].as_slice(), &name, b"hidden"].concat();
    fixture.structures.insert(51, names);
    assert!(!rebuilt(fixture).has("hidden"));
}

#[test]
fn files_in_what_is_no_text_are_found() {
    for file in [&crate::compound::MAGIC[..], b"PK\x03\x04payload", b"%PDF-1.7", b"MZ\x90\0payload"] {
        let mut fixture = with("text\r");
        fixture.structures.insert(31, [&[0; 84], file, &[0; 16]].concat());
        // A tab list and a border.
        let list = [[0x15, 0xc6, u8::try_from(file.len()).unwrap()].as_slice(), file].concat();
        fixture.runs = vec![(0..2, list)];
        let new = rebuilt(fixture);
        for stream in [&new.word, &new.table] {
            assert!(memchr::memmem::find(stream, file).is_none());
        }
    }
}

#[test]
fn modifiers_longer_than_their_kind_go() {
    let short = [0x71, 0xca, 10, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1];
    assert_eq!(sprm::clean_shared(&short), short);
    assert!(sprm::clean_shared(&[0x71, 0xca, 11, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]).is_empty());
}

#[test]
fn head_of_the_styles_has_nothing_behind_its_parts() {
    let head = |more: &[u8]| {
        let mut head = [0; 20];
        head[2] = 10;
        head[6] = 1;
        let head = [&head, [4, 0, 1, 2, 3, 4].as_slice(), more].concat();
        [u16::try_from(head.len()).unwrap().to_le_bytes().as_slice(), &head].concat()
    };
    let bold = [3, 0, 0, 0, 0x35, 8, 1, 0, 0, 0, 0];
    assert_eq!(super::styles::rebuild(&head(&bold)).unwrap(), head(&bold));
    let long = [bold.as_slice(), b"payload"].concat();
    assert_eq!(super::styles::rebuild(&head(&long)).unwrap(), head(&bold));
    assert_eq!(super::styles::rebuild(&head(b"payload")).unwrap(), head(b""));
    let mut other = head(b"");
    other[4] = 200;
    assert!(super::styles::rebuild(&other).is_err());
}

#[test]
fn records_of_a_drawing_that_are_there_twice_or_too_long_go() {
    let drawings = |group: &[u8], times: usize| {
        let (mut children, mut drawings) = (Vec::new(), Vec::new());
        for _ in 0..times {
            put(&mut children, 0, 0, kind::DGG, group).unwrap();
        }
        put(&mut drawings, 0xf, 0, kind::DGG_CONTAINER, &children).unwrap();
        let mut fixture = with("text\r");
        fixture.structures.insert(entry::DRAWINGS, drawings);
        rebuilt(fixture)
    };
    let group = numbers(&[0x401, 2, 1, 1, 1, 1]);
    let count = |new: &Rebuilt| memchr::memmem::find_iter(&new.table, &group).count();
    assert_eq!(count(&drawings(&group, 2)), 1);
    assert_eq!(count(&drawings(&[&group, b"payload.".as_slice()].concat(), 1)), 0);
}
