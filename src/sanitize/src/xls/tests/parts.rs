//! What else a file and its records may hold.

use super::fixture::*;
use crate::compound::Storage;
use crate::compound::tests::damage;
use crate::failure::Failure;
use crate::report::What;
use crate::xls::link;
use crate::xls::record::code;

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A link behind A1, with a moniker or text and a place.
fn hlink(flags: u8, rest: &[u8]) -> (u16, Vec<u8>) {
    let mut body = vec![0; 8];
    body.extend(link::CLASS);
    body.extend([2, 0, 0, 0]);
    body.extend(u32::from(flags).to_le_bytes());
    body.extend(rest);
    (code::HLINK, body)
}

fn text(text: &str) -> Vec<u8> {
    let text = wide(&format!("{text}\0"));
    [&long(text.len() / 2)[..], &text].concat()
}

fn url(address: &str) -> Vec<u8> {
    let address = wide(&format!("{address}\0"));
    let class = [0xe0, 0xc9, 0xea, 0x79, 0xf9, 0xba, 0xce, 0x11, 0x8c, 0x82, 0, 0xaa, 0, 0x4b, 0xa9, 0x0b];
    [&class[..], &long(address.len()), &address].concat()
}

#[test]
fn everything_beside_the_workbook_is_gone() {
    let mut root = Storage::new("", [9; 16]);
    root.add("Workbook", Book::with(vec![]).stream());
    root.add("Book", b"older".to_vec());
    root.add("\u{5}SummaryInformation", b"who".to_vec());
    root.add("Ctls", b"control".to_vec());
    let mut vba = Storage::new("_VBA_PROJECT_CUR", [0; 16]);
    vba.add("dir", b"Attribut\0e".to_vec());
    root.storages.push(vba);
    root.storages.push(Storage::new("MBD00A1B2C3", [0; 16]));
    root.storages.push(Storage::new("_SX_DB_CUR", [0; 16]));
    root.storages.push(Storage::new("_xmlsignatures", [0; 16]));
    let rebuilt = rebuilt(&root.write().unwrap());
    for what in [
        What::Macro,
        What::EmbeddedObject,
        What::Metadata,
        What::Control,
        What::DataConnection,
        What::Signature,
    ] {
        assert!(rebuilt.removed(what), "{what:?}");
    }
    assert!(rebuilt.bytes == Book::with(vec![]).rebuilt().bytes);
}

#[test]
fn damaged_stream_matters_where_it_is_the_workbook() {
    let file = |name: &str| {
        let mut root = Storage::new("", [0; 16]);
        root.add("Workbook", Book::with(vec![(0x0203, vec![1; 14]); 400]).stream());
        root.add("Book", vec![7; 5000]);
        let mut bytes = root.write().unwrap();
        damage(&mut bytes, name);
        bytes
    };
    assert!(rebuilt(&file("Book")).removed(What::Unreachable));
    // Nor does an older copy take its place.
    assert!(matches!(run(&file("Workbook")), Err(Failure::Malformed(_))));
}

#[test]
fn orphaned_vba_stream_is_gone() {
    let mut root = Storage::new("", [0; 16]);
    root.add("Workbook", Book::with(vec![(0x0203, vec![1; 14]); 400]).stream());
    root.add("VBA", vec![b'v'; 5000]);
    let mut bytes = root.write().unwrap();
    // The directory is the first sector; VBA's entry is the second, Workbook's the third and top.
    let entry = |n: usize| 512 + n * 128;
    let vba = (1..3).find(|n| bytes[entry(*n)] == b'V').unwrap();
    let book = 3 - vba;
    bytes[512 + 76] = byte(book);
    bytes[entry(book) + 68..entry(book) + 76].fill(0xff);
    let rebuilt = rebuilt(&bytes);
    assert!(rebuilt.removed(What::Unreachable) && !rebuilt.holds(&[b'v'; 64]));
}

#[test]
fn records_off_the_list_are_gone() {
    for (record, what) in [
        (0x00d3, What::Macro),
        (0x01ba, What::Macro),
        (0x01bd, What::Macro),
        (0x0897, What::Macro),
        (0x00dc, What::DataConnection),
        (0x01ad, What::DataConnection),
        (0x00b0, What::DataConnection),
        (0x0803, What::DataConnection),
        (0x0876, What::DataConnection),
        (0x0051, What::DataConnection),
        (0x004d, What::PrinterSettings),
        (0x005b, What::Metadata),
        (0x01a9, What::Metadata),
        (0x00e9, What::Picture),
        (0x0866, What::Picture),
        (0x007f, What::Picture),
        (0x0801, What::Extension),
        // RealTimeData, and one that nobody knows.
        (0x0813, What::UnknownPart),
        (0x7777, What::UnknownPart),
    ] {
        let body = b"payload of the record".to_vec();
        let further = (code::CONTINUE, b"and more payload".to_vec());
        for book in [
            Book::with(vec![(record, body.clone()), further.clone()]),
            Book::with(vec![]).globals(vec![(record, body.clone()), further.clone()]),
        ] {
            let rebuilt = book.rebuilt();
            assert!(rebuilt.removed(what), "{record:#x}");
            assert!(!rebuilt.has(record) && !rebuilt.holds(b"payload"), "{record:#x}");
        }
    }
}

#[test]
fn records_of_a_wrong_size_or_with_something_behind_are_gone() {
    // Row, Protect: too long; Selection: too short; a Row that is continued.
    let rebuilt =
        Book::with(vec![(0x0208, vec![7; 400]), (0x0012, vec![1; 3]), (0x001d, vec![0; 3])]).rebuilt();
    assert!(!rebuilt.has(0x0208) && !rebuilt.has(0x0012) && !rebuilt.has(0x001d));
    let rebuilt = Book::with(vec![(0x0208, vec![7; 16]), (code::CONTINUE, b"payload".to_vec())]).rebuilt();
    assert!(rebuilt.has(0x0208) && !rebuilt.holds(b"payload"));
}

#[test]
fn bytes_behind_what_a_record_counts_are_gone() {
    let cells = [0, 0, 1, 0];
    for (code, counted) in [
        (0x0014_u16, b"\x02\0\0hi".to_vec()),
        (0x001a, vec![1, 0, 3, 0, 0, 0, 9, 0]),
        (0x001d, vec![3, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
        (0x0090, b"\x08\0\x01\0\0\0A\0".to_vec()),
        (0x009e, [&[0; 4][..], &[6, 2, 0, 0, 0, 0, 1, 0, 0, 0], &[0; 10], b"\0x"].concat()),
        (0x00d6, [&cells[..], &[15, 0], b"\x02\0\0hi\x01\0\0\0\x05\0"].concat()),
        (0x00e5, vec![1, 0, 0, 0, 1, 0, 0, 0, 1, 0]),
        (0x00ef, vec![0, 0, 0, 0, 0, 0]),
        (0x01b0, vec![0; 14]),
        (0x0204, [&cells[..], &[15, 0], b"\x02\0\x01h\0i\0"].concat()),
        (0x089c, [&[0; 30][..], &[1, 0, 0, 0, 0, 0, 0, 0], b"\x01\0\0a"].concat()),
    ] {
        let longer = [&counted[..], b"payload"].concat();
        let rebuilt = Book::with(vec![(code, longer)]).rebuilt();
        assert_eq!(rebuilt.one(code), counted, "{code:#x}");
        assert!(rebuilt.removed(What::UnknownPart), "{code:#x}");
        // Less than it counts.
        let shorter = counted[..counted.len() - 1].to_vec();
        assert!(!Book::with(vec![(code, shorter)]).rebuilt().has(code), "{code:#x}");
    }
    for (code, counted) in [
        (0x0031_u16, [&[0; 14][..], b"\x02\0hi"].concat()),
        (0x0092, vec![1, 0, 1, 2, 3, 0]),
        (0x013d, vec![1, 0]),
        (0x0293, vec![0, 0x80, 0, 0xff]),
        (0x041e, b"\xa5\0\x02\0\0ab".to_vec()),
        (0x087d, [&[0; 18][..], &[1, 0, 0x0f, 0, 6, 0, 1, 0]].concat()),
        (0x088d, [&[0; 16][..], &[1, 0, 0, 0, 6, 0, 1, 0]].concat()),
        (0x088e, [&[0; 16][..], &[1, 0, 0, 0, b'a', 0]].concat()),
        (0x088f, [&[0; 18][..], &[1, 0, b'a', 0]].concat()),
        (0x0892, [&[0; 16][..], &[1, 0, b'a', 0, 0, 0, 0, 0]].concat()),
    ] {
        let longer = [&counted[..], b"payload"].concat();
        let rebuilt = Book::with(vec![]).globals(vec![(code, longer)]).rebuilt();
        assert_eq!(rebuilt.one(code), counted, "{code:#x}");
        assert!(!rebuilt.holds(b"payload"), "{code:#x}");
    }
    let contents = [&[0; 14][..], b"\x01\0\0;"].concat();
    let longer = vec![(0x086b, [&contents[..], b"payload"].concat())];
    let chart = Sheet { listed: 2, kind: 0x20, ..Sheet::new("Chart1", longer) };
    assert_eq!(Book::with(vec![]).sheet(chart).rebuilt().one(0x086b), contents);
    // Cells from one column to another: what stands at the end counts.
    let row = |columns: u8| [&[0, 0, 2, 0][..], &b"abcdef".repeat(3), &[columns, 0]].concat();
    for (columns, stays) in [(4, true), (3, false), (1, false), (5, false)] {
        assert_eq!(Book::with(vec![(0x00bd, row(columns))]).rebuilt().has(0x00bd), stays);
    }
}

#[test]
fn features_of_a_wrong_size_are_gone() {
    let feature = |size: u32, rest: usize| {
        let mut body = vec![0x67, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1];
        body.extend(size.to_le_bytes());
        body.extend(vec![0; rest]);
        (code::FEATURE_HEADER, body)
    };
    assert!(Book::with(vec![feature(u32::MAX, 4)]).rebuilt().has(code::FEATURE_HEADER));
    for (size, rest) in [(4, 4), (u32::MAX, 0), (u32::MAX, 40), (0, 4), (0x7fff_ffff, 4)] {
        let rebuilt = Book::with(vec![feature(size, rest)]).rebuilt();
        assert!(!rebuilt.has(code::FEATURE_HEADER), "{size} {rest}");
        assert!(rebuilt.removed(What::UnknownPart));
    }
}

#[test]
fn saved_views_are_gone_with_all_they_hold() {
    let rebuilt = Book::with(vec![
        (0x01aa, vec![0; 64]),
        (0x0014, b"\x04\0\0hide".to_vec()),
        (0x01ab, vec![1, 0]),
        (0x0014, b"\x04\0\0show".to_vec()),
    ])
    .rebuilt();
    assert_eq!(rebuilt.one(0x0014), b"\x04\0\0show");
    assert!(rebuilt.removed(What::Metadata));
}

#[test]
fn who_saved_it_is_not_told() {
    let mut body = b"\x08\0\0Somebody".to_vec();
    body.resize(112, b' ');
    let book = Book { before: vec![(0x005c, body)], ..Book::with(vec![]) };
    is_seen(&book);
    let rebuilt = book.rebuilt();
    assert!(!rebuilt.holds(b"Somebody") && rebuilt.removed(What::Metadata));
    assert_eq!(rebuilt.one(0x005c).len(), 112);
}

#[test]
fn nothing_is_refreshed_on_opening() {
    let book = Book::with(vec![]).globals(vec![(0x01b7, vec![1, 0]), (0x00da, vec![0x18, 0])]);
    is_seen(&book);
    assert_eq!(book.rebuilt().one(0x01b7), [0, 0]);
}

#[test]
fn theme_with_a_package_goes_with_the_formatting_that_needs_it() {
    let theme = |rest: &[u8]| {
        let mut body = vec![0x96, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        body.extend(124_226_u32.to_le_bytes());
        body.extend(rest);
        (0x0896, body)
    };
    let formatting = vec![(0x087c, vec![0; 20]), (0x087d, vec![0; 25]), (0x0892, vec![0; 30])];
    let book = Book::with(vec![]).globals(formatting.clone()).globals(vec![theme(b"PK\x03\x04")]);
    is_seen(&book);
    let rebuilt = book.rebuilt();
    assert!(!rebuilt.has(0x0896) && !rebuilt.has(0x087c) && !rebuilt.has(0x087d) && !rebuilt.has(0x0892));
    let rebuilt = Book::with(vec![]).globals(formatting).globals(vec![theme(b"")]).rebuilt();
    assert!(rebuilt.has(0x0896) && rebuilt.has(0x087d));
}

#[test]
fn links_to_the_web_mail_and_within_stay() {
    for (flags, rest) in [
        (0x03, url("https://a.example/?b")),
        (0x17, [text("shown"), url("mailto:a@b.example")].concat()),
        (0x08, text("Sheet1!A1")),
        (0x0b, [url("http://a.example/"), text("place")].concat()),
    ] {
        let record = hlink(flags, &rest);
        let rebuilt = Book::with(vec![record.clone(), (code::HLINK_TOOLTIP, vec![0; 20])]).rebuilt();
        assert_eq!(rebuilt.one(code::HLINK), record.1, "{flags}");
        assert!(rebuilt.has(code::HLINK_TOOLTIP) && !rebuilt.removed(What::Link));
    }
}

#[test]
fn links_elsewhere_are_gone() {
    let file_class = [3, 3, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];
    let file = [&file_class[..], &[0, 0, 6, 0, 0, 0], b"x.exe\0", &[0xff; 4], &[0; 20], &[0; 4]].concat();
    for (flags, rest) in [
        (0x03_u16, url("javascript:x")),
        (0x03, url("file:///c:/x.exe")),
        (0x03, url("\\\\server\\share")),
        (0x03, url("ms-msdt:/id")),
        (0x03, url("http:\\\\a")),
        (0x103, text("\\\\server\\share")),
        (0x103, text("x.doc")),
        (0x03, file),
        (0x03, url("")),
        (0x08, text("'[http://a.example/x.xls]Sheet1'!A1")),
        (0x08, text("\\\\server\\share\\x.xls")),
        (0x00, vec![]),
        (0x03, vec![0; 16]),
    ] {
        let mut record = hlink(0, &rest);
        record.1[28..30].copy_from_slice(&flags.to_le_bytes());
        let book = Book::with(vec![record, (code::HLINK_TOOLTIP, vec![0; 20])]);
        is_seen(&book);
        let rebuilt = book.rebuilt();
        assert!(!rebuilt.has(code::HLINK) && rebuilt.removed(What::Link), "{rest:?}");
        assert!(!rebuilt.has(code::HLINK_TOOLTIP));
    }
}

#[test]
fn target_frame_and_moniker_extras_are_not_copied() {
    let with_frame = [&text("frame")[..], &url("http://a.example/")].concat();
    let rebuilt = Book::with(vec![hlink(0x83, &with_frame)]).rebuilt();
    assert_eq!(rebuilt.one(code::HLINK), hlink(0x03, &url("http://a.example/")).1);
}
