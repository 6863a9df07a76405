//! Shapes, objects and pictures.

use super::fixture::*;
use crate::image::BLANK;
use crate::image::tests::png;
use crate::report::What;
use crate::xls::link;
use crate::xls::record::{MAX_BODY, code};

fn art(tag: u16, kind: u16, body: &[u8]) -> Vec<u8> {
    let mut out = tag.to_le_bytes().to_vec();
    out.extend(kind.to_le_bytes());
    out.extend(long(body.len()));
    out.extend_from_slice(body);
    out
}

/// A picture table with these picture records.
fn group(pictures: &[Vec<u8>]) -> (u16, Vec<u8>) {
    let entries: Vec<u8> = pictures
        .iter()
        .flat_map(|picture| {
            let mut body = vec![6, 6];
            body.extend([0; 18]);
            body.extend(long(picture.len()));
            body.extend([1, 0, 0, 0]);
            body.extend([0; 8]);
            body.extend_from_slice(picture);
            art(6 << 4 | 2, 0xf007, &body)
        })
        .collect();
    let inner = [art(0, 0xf006, &[0; 24]), art(0xf, 0xf001, &entries)].concat();
    (code::MSO_DRAWING_GROUP, art(0xf, 0xf000, &inner))
}

fn png_record(file: &[u8]) -> Vec<u8> {
    art(0x6e0 << 4, 0xf01e, &[&[7; 16], &[0xff][..], file].concat())
}

/// Properties: number and value, or number and data.
fn properties(simple: &[(u16, u32)], complex: &[(u16, &[u8])]) -> Vec<u8> {
    let mut table: Vec<u8> = Vec::new();
    let mut data = Vec::new();
    for (id, value) in simple {
        table.extend(id.to_le_bytes());
        table.extend(value.to_le_bytes());
    }
    for (id, bytes) in complex {
        table.extend((id | 0x8000).to_le_bytes());
        table.extend(long(bytes.len()));
        data.extend_from_slice(bytes);
    }
    let count = u16::try_from(simple.len() + complex.len()).unwrap();
    art(count << 4 | 3, 0xf00b, &[table, data].concat())
}

/// A shape with these properties, up to its client data.
fn shape(properties: &[u8]) -> Vec<u8> {
    let inner = [&art(2, 0xf00a, &[1, 4, 0, 0, 0x10, 0x0a, 0, 0]), properties, &art(0, 0xf011, &[])].concat();
    art(0xf, 0xf004, &inner)
}

fn drawing(shapes: &[Vec<u8>]) -> Vec<u8> {
    art(0xf, 0xf002, &[art(0x10, 0xf008, &[0; 8]), art(0xf, 0xf003, &shapes.concat())].concat())
}

/// An object of this kind with these further parts.
fn object(kind: u16, parts: &[(u16, &[u8])]) -> (u16, Vec<u8>) {
    let mut body = vec![0x15, 0, 0x12, 0];
    body.extend(kind.to_le_bytes());
    body.extend([1, 0, 0x11, 0x60]);
    body.extend([0; 12]);
    for (part, data) in parts {
        body.extend(part.to_le_bytes());
        body.extend(short(data.len()));
        body.extend_from_slice(data);
    }
    body.extend([0; 4]);
    (code::OBJ, body)
}

fn book(drawing: Vec<u8>, objects: Records) -> Book {
    let mut records = vec![(code::MSO_DRAWING, drawing)];
    records.extend(objects);
    Book::with(records).globals(vec![group(&[])])
}

fn one_shape(properties: &[u8]) -> Book {
    book(drawing(&[shape(properties)]), vec![object(2, &[])])
}

#[test]
fn macros_and_formulas_of_objects_are_gone() {
    let formula: &[u8] = &[5, 0, 0, 0, 0, 0, 0x23, 1, 0, 0, 0, 0];
    for (kind, part, what) in [
        (2, (0x04, formula), What::Macro),
        (8, (0x09, formula), What::EmbeddedObject),
        (0xb, (0x14, formula), What::Control),
        (0x11, (0x0e, formula), What::Control),
        (8, (0x08, &[0x11, 0][..]), What::Control),
    ] {
        let book = book(drawing(&[shape(&[])]), vec![object(kind, &[part])]);
        is_seen(&book);
        let rebuilt = book.rebuilt();
        assert!(rebuilt.removed(what), "{part:?}");
        assert!(!rebuilt.holds(formula));
        // The shape is no OLE object's any more.
        assert!(rebuilt.holds(&[1, 4, 0, 0, 0, 0x0a, 0, 0]));
    }
}

#[test]
fn lists_keep_their_lines_but_no_formula() {
    // Formula of 12 bytes, two lines, shown as texts.
    let rest: &[u8] = &[2, 0, 1, 0, 2, 0, 0, 0, 1, 0, 0, b'a', 1, 0, 0, b'b'];
    let list = [&[12, 0][..], &[9; 12], rest].concat();
    let mut record = object(0x12, &[(0x13, &list)]);
    let whole = book(drawing(&[shape(&[])]), vec![record.clone()]);
    is_seen(&whole);
    let rebuilt = whole.rebuilt();
    assert!(rebuilt.removed(What::Control));
    assert!(rebuilt.one(code::OBJ).windows(rest.len()).any(|window| window == rest));
    // One whose lines are not there.
    record.1.truncate(record.1.len() - 10);
    let rebuilt = book(drawing(&[shape(&[])]), vec![record]).rebuilt();
    assert!(rebuilt.one(code::OBJ).ends_with(&[0x13, 0, 0, 0, 0, 0, 0, 0]));
}

#[test]
fn properties_that_reach_out_are_gone() {
    let address = "\\\\server\\share\\a.png\0".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let script = b"alert(1)".as_slice();
    let package = b"PK\x03\x04package".as_slice();
    let mut link = link::CLASS.to_vec();
    link.extend([2, 0, 0, 0, 0x08, 0, 0, 0, 9, 0, 0, 0]);
    link.extend("\\\\server\0".encode_utf16().flat_map(u16::to_le_bytes));
    for (simple, complex, what) in [
        (vec![(0x106_u16, 0x0a_u32)], vec![(0x105_u16, address.as_slice())], What::ExternalReference),
        (vec![(0x188, 0x0e)], vec![(0x187, address.as_slice())], What::ExternalReference),
        (vec![(0x1c7, 0x02)], vec![(0x1c6, address.as_slice())], What::ExternalReference),
        (vec![], vec![(0x38e, script)], What::Script),
        (vec![], vec![(0x3a9, package)], What::UnknownPart),
        (vec![], vec![(0x104, BLANK)], What::UnknownPart),
        (vec![], vec![(0x186, BLANK)], What::UnknownPart),
        (vec![], vec![(0x382, link.as_slice())], What::Link),
        (vec![], vec![(0x382, b"whatever".as_slice())], What::Link),
    ] {
        let book = one_shape(&properties(&simple, &complex));
        is_seen(&book);
        let rebuilt = book.rebuilt();
        assert!(rebuilt.removed(what), "{complex:?}");
        assert!(complex.iter().all(|(_, data)| !rebuilt.holds(data)));
    }
}

#[test]
fn harmless_properties_stay_as_they_are() {
    let points = [2, 0, 2, 0, 0xf0, 0xff, 1, 0, 1, 0, 2, 0, 2, 0];
    let table = properties(&[(0x4104, 1), (0x181, 0xff)], &[(0x145, &points), (0x380, b"n\0a\0")]);
    let rebuilt = one_shape(&table).rebuilt();
    assert!(rebuilt.holds(&table));
    assert!(!rebuilt.removed(What::Link) && !rebuilt.removed(What::UnknownPart));
    // An array whose size leaves out its head.
    let mut short = properties(&[], &[(0x145, &points)]);
    short[10] -= 6;
    assert!(one_shape(&short).rebuilt().holds(&properties(&[], &[(0x145, &points)])));
}

#[test]
fn properties_that_cannot_be_read_are_gone() {
    let mut table = properties(&[], &[(0x380, b"abcd")]);
    table[10] = 200;
    let rebuilt = one_shape(&table).rebuilt();
    assert!(rebuilt.removed(What::UnknownPart) && !rebuilt.holds(b"abcd"));
}

#[test]
fn drawing_is_cut_where_it_was() {
    let parts =
        [shape(&properties(&[(0x181, 1)], &[])), shape(&properties(&[(0x181, 2)], &[(0x3a9, &[1; 40])]))];
    let whole = drawing(&parts);
    let cut = whole.len() - parts[1].len();
    let text = (code::TXO, [&[0; 10][..], &[2, 0, 16, 0], &[0; 4]].concat());
    let records = vec![
        (code::MSO_DRAWING, whole[..cut].to_vec()),
        object(6, &[]),
        text.clone(),
        (code::CONTINUE, b"\0hi".to_vec()),
        (code::CONTINUE, vec![0; 16]),
        // The rest of the drawing goes on behind the text.
        (code::CONTINUE, whole[cut..].to_vec()),
        object(2, &[]),
    ];
    let rebuilt = Book::with(records).globals(vec![group(&[])]).rebuilt();
    let pieces = rebuilt.all(code::MSO_DRAWING);
    assert_eq!(pieces.len(), 2);
    let joined = drawing(&[parts[0].clone(), shape(&properties(&[(0x181, 2)], &[]))]);
    let plain =
        |bytes: &[u8]| bytes.iter().map(|&byte| if byte == 0x10 { 0 } else { byte }).collect::<Vec<u8>>();
    assert_eq!(plain(&pieces.concat()), plain(&joined));
    assert_eq!(rebuilt.one(code::TXO), text.1);
    assert_eq!(rebuilt.all(code::CONTINUE), [b"\0hi".to_vec(), vec![0; 16]]);
}

#[test]
fn drawing_goes_on_behind_a_chart() {
    let parts = [shape(&properties(&[(0x181, 1)], &[])), shape(&properties(&[(0x181, 2)], &[]))];
    let whole = drawing(&parts);
    let cut = whole.len() - parts[1].len();
    let records = vec![
        (code::MSO_DRAWING, whole[..cut].to_vec()),
        object(5, &[]),
        (code::BOF, bof(0x0600, 0x20)),
        (0x1002, vec![0; 16]),
        (code::EOF, vec![]),
        (code::CONTINUE, whole[cut..].to_vec()),
        object(2, &[]),
    ];
    let rebuilt = Book::with(records).globals(vec![group(&[])]).rebuilt();
    assert_eq!(rebuilt.all(code::OBJ).len(), 2);
    assert!(rebuilt.has(0x1002) && !rebuilt.removed(What::UnknownPart));
}

#[test]
fn drawings_that_cannot_be_read_are_gone_as_a_whole() {
    let whole = drawing(&[shape(&[])]);
    let chart = vec![(code::BOF, bof(0x0600, 0x20)), (0x1002, vec![0; 16]), (code::EOF, vec![])];
    let mut deep = art(0, 0xf00a, &[0; 8]);
    for _ in 0..60 {
        deep = art(0xf, 0xf003, &deep);
    }
    for bytes in [whole[..whole.len() - 1].to_vec(), deep, vec![1; 7]] {
        let mut objects = vec![object(5, &[])];
        objects.extend(chart.clone());
        let rebuilt = book(bytes, objects).rebuilt();
        assert!(!rebuilt.has(code::OBJ) && !rebuilt.has(code::MSO_DRAWING) && !rebuilt.has(0x1002));
        assert!(rebuilt.removed(What::UnknownPart));
    }
    // An object where the drawing is not cut.
    let mut records = vec![(code::MSO_DRAWING, whole[..20].to_vec()), object(2, &[])];
    records.push((code::MSO_DRAWING, whole[20..].to_vec()));
    assert!(!Book::with(records).globals(vec![group(&[])]).rebuilt().has(code::OBJ));
    // No picture table: no drawings.
    assert!(!Book::with(vec![(code::MSO_DRAWING, whole), object(2, &[])]).rebuilt().has(code::OBJ));
}

/// A line of Excel 5.0.
fn line(number: u16) -> Vec<u8> {
    let mut body = vec![number.to_le_bytes()[0], 0, 0, 0, 1, 0];
    body.extend(number.to_le_bytes());
    body.extend([2, 4, 2, 0, 0, 0, 8, 0, 0, 0, 0x18, 0, 0, 4, 8, 0, 0, 0]);
    body.extend([0; 8]);
    body.extend([0x11, 5, 0, 0, 0, 1, 0, 0]);
    body
}

#[test]
fn lines_of_older_versions_stay() {
    let records = (1..=300).map(|number| (code::OBJ, line(number))).collect();
    let rebuilt = Book::with(records).rebuilt();
    let lines = rebuilt.all(code::OBJ);
    assert_eq!(lines.len(), 300);
    for (written, number) in lines.iter().zip(1..) {
        assert_eq!(written[8..], line(number)[8..]);
        // Read in parts that have a size each, the second is longer than the record.
        assert_eq!(written[..4], [1, 0, 0, 0]);
        assert!(usize::from(u16::from_le_bytes([written[6], written[7]])) > written.len());
    }
    assert_eq!(rebuilt.removed, []);
}

#[test]
fn objects_of_older_versions_that_are_no_plain_lines_are_gone() {
    let change = |at: usize, to: u8| {
        let mut body = line(1);
        body[at] = to;
        body
    };
    let longer = |bytes: &[u8]| [line(1).as_slice(), bytes].concat();
    // With a macro, with a name, of another kind, longer, shorter.
    for body in [change(26, 2), change(30, 1), change(4, 8), longer(&[0; 2]), line(1)[..40].to_vec()] {
        let book = Book::with(vec![(code::OBJ, body)]);
        is_seen(&book);
        let rebuilt = book.rebuilt();
        assert!(!rebuilt.has(code::OBJ) && rebuilt.removed(What::UnknownPart));
    }
    // In a sheet with a drawing they are something else.
    let records = vec![(code::MSO_DRAWING, drawing(&[shape(&[])])), (code::OBJ, line(1))];
    assert!(!Book::with(records).globals(vec![group(&[])]).rebuilt().has(code::OBJ));
}

#[test]
fn line_of_an_older_version_that_hides_a_macro_in_parts() {
    // Read in parts: a common part of 18 bytes, then a macro's formula.
    let mut body = line(1);
    body[..4].copy_from_slice(&[0x15, 0, 0x12, 0]);
    body[22..26].copy_from_slice(&[4, 0, 0x10, 0]);
    let book = Book::with(vec![(code::OBJ, body.clone())]);
    is_seen(&book);
    let rebuilt = book.rebuilt();
    assert!(!rebuilt.holds(&body[..4]) && rebuilt.one(code::OBJ)[..4] == [1, 0, 0, 0]);
    // Or it would be skipped to by the line's own number.
    let mut body = line(2);
    body[10..14].copy_from_slice(&[4, 0, 0x1c, 0]);
    let book = Book::with(vec![(code::OBJ, body)]);
    is_seen(&book);
    assert_eq!(book.rebuilt().one(code::OBJ)[6..8], [0, 4]);
}

#[test]
fn unknown_records_of_drawings_are_gone() {
    let inner = [shape(&[]), art(0, 0xf0aa, b"payload")].concat();
    let rebuilt = book(drawing(&[inner]), vec![object(2, &[])]).rebuilt();
    assert!(rebuilt.has(code::OBJ) && !rebuilt.holds(b"payload"));
}

#[test]
fn numbers_of_drawings_have_their_size_and_stand_once() {
    let payload = b"payload payload ";
    for (kind, size) in
        [(0xf009_u16, 16), (0xf00f, 16), (0xf010, 18), (0xf012, 24), (0xf014, 8), (0xf118, 0), (0xf11e, 16)]
    {
        let longer = [&vec![0; size][..], payload].concat();
        let inner = [art(0, kind, &longer), shape(&[])].concat();
        let rebuilt = book(drawing(&[inner]), vec![object(2, &[])]).rebuilt();
        assert!(rebuilt.has(code::OBJ) && !rebuilt.holds(payload), "{kind:#x}");
        assert!(rebuilt.removed(What::UnknownPart), "{kind:#x}");
    }
    // The second of a kind, again and again.
    let inner = [&art(1, 0xf009, &[0; 16])[..], &art(1, 0xf009, payload).repeat(9), &shape(&[])].concat();
    let rebuilt = book(drawing(&[inner]), vec![object(2, &[])]).rebuilt();
    assert!(rebuilt.has(code::OBJ) && !rebuilt.holds(payload));
    // In the drawing group: colours by the hundred, a table of drawings with more than it counts.
    let table = [&[0; 4][..], &[2, 0, 0, 0], &[0; 8], &[1, 0, 0, 0, 9, 0, 0, 0], payload].concat();
    for record in [art(16, 0xf11a, payload), art(0, 0xf006, &table), art(0, 0xf11e, &payload.repeat(2))] {
        let whole = (code::MSO_DRAWING_GROUP, art(0xf, 0xf000, &record));
        let rebuilt = Book::with(vec![]).globals(vec![whole]).rebuilt();
        assert!(rebuilt.has(code::MSO_DRAWING_GROUP) && !rebuilt.holds(payload));
    }
}

#[test]
fn a_table_of_drawings_that_is_no_container_takes_the_drawings_with_it() {
    let table = (code::MSO_DRAWING_GROUP, art(0x98, 0xf000, b"payload"));
    let records = vec![(code::MSO_DRAWING, drawing(&[shape(&[])])), object(2, &[])];
    let rebuilt = Book::with(records).globals(vec![table]).rebuilt();
    assert!(!rebuilt.has(code::MSO_DRAWING) && !rebuilt.holds(b"payload"));
}

#[test]
fn bytes_behind_the_text_of_a_shape_are_gone() {
    let text = (code::TXO, [&[0; 10][..], &[2, 0, 16, 0], &[0; 4]].concat());
    let records = [
        object(6, &[]),
        text,
        (code::CONTINUE, b"\0hipayload".to_vec()),
        (code::CONTINUE, [&[0; 16][..], b"payload"].concat()),
    ];
    let inner = [&art(2, 0xf00a, &[1, 4, 0, 0, 0, 0x0a, 0, 0])[..], &art(0, 0xf011, &[])].concat();
    let rest = art(0, 0xf00d, &[]);
    let parts = art(0xf, 0xf004, &[inner, rest].concat());
    let whole = drawing(&[parts]);
    let cut = whole.len() - 8;
    let mut all = vec![(code::MSO_DRAWING, whole[..cut].to_vec()), records[0].clone()];
    all.push((code::MSO_DRAWING, whole[cut..].to_vec()));
    all.extend_from_slice(&records[1..]);
    let rebuilt = Book::with(all).globals(vec![group(&[])]).rebuilt();
    assert!(rebuilt.holds(b"\0hi") && !rebuilt.holds(b"payload"));
}

#[test]
fn comment_without_its_box_is_gone() {
    let note = |id: u8| (code::NOTE, vec![0, 0, 0, 0, 0, 0, id, 0, 2, 0, 0, b'm', b'e', 0]);
    let rebuilt = book(drawing(&[shape(&[])]), vec![object(0x19, &[]), note(1), note(2)]).rebuilt();
    assert_eq!(rebuilt.one(code::NOTE), note(1).1);
    assert!(rebuilt.removed(What::UnknownPart));
    // The drawing was dropped.
    let rebuilt = book(b"broken".to_vec(), vec![object(0x19, &[]), note(1)]).rebuilt();
    assert!(!rebuilt.has(code::OBJ) && !rebuilt.has(code::NOTE));
}

#[test]
fn fill_of_a_chart_is_read_as_that_of_a_shape() {
    let fill = properties(&[(0x181, 7)], &[(0x186, BLANK)]);
    let chart = Sheet { listed: 2, kind: 0x20, ..Sheet::new("Chart1", vec![(code::CHART_FILL, fill)]) };
    let rebuilt = Book::with(vec![]).sheet(chart).rebuilt();
    assert_eq!(rebuilt.one(code::CHART_FILL), properties(&[(0x181, 7)], &[]));
}

#[test]
fn pictures_are_rebuilt_or_blank() {
    let png = [&png(3, 3)[..], b"payload"].concat();
    let rebuilt = Book::with(vec![]).globals(vec![group(&[png_record(&png)])]).rebuilt();
    assert!(rebuilt.holds(b"IEND") && !rebuilt.holds(b"payload") && !rebuilt.removed(What::Picture));
    for bad in [
        png_record(b"MZ\x90payload"),
        art(0x543 << 4, 0xf01c, b"payload payload payload payload payload payload"),
        art(0x3d4 << 4, 0xf01a, b"payload"),
        art(0x7a8 << 4, 0xf01f, b"payload payload payload"),
        art(0, 0xf044, b"payload"),
        b"payload".to_vec(),
    ] {
        let book = Book::with(vec![]).globals(vec![group(&[bad])]);
        is_seen(&book);
        let rebuilt = book.rebuilt();
        assert!(rebuilt.removed(What::Picture) && !rebuilt.holds(b"payload"));
    }
    assert!(Book::with(vec![]).globals(vec![group(&[png_record(b"MZ")])]).rebuilt().holds(BLANK));
    // An empty place stays one.
    let rebuilt = Book::with(vec![]).globals(vec![group(&[vec![]])]).rebuilt();
    assert!(!rebuilt.removed(What::Picture) && !rebuilt.holds(BLANK));
}

#[test]
fn long_picture_tables_go_on_as_excel_wants_it() {
    let mut seed = 1_u32;
    let noise = std::iter::repeat_with(|| {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        seed.to_le_bytes()[3]
    });
    let noise = noise.take(100 * 100 * 3).collect();
    let image = image::RgbImage::from_raw(100, 100, noise).unwrap();
    let mut png = std::io::Cursor::new(Vec::new());
    image.write_to(&mut png, image::ImageFormat::Png).unwrap();
    let png = png.into_inner();
    let (_, table) = group(&[png_record(&png)]);
    assert!(table.len() > 3 * MAX_BODY);
    let mut records: Records = table.chunks(MAX_BODY).map(|piece| (code::CONTINUE, piece.to_vec())).collect();
    records[0].0 = code::MSO_DRAWING_GROUP;
    let rebuilt = Book::with(vec![]).globals(records).rebuilt();
    let pieces = rebuilt.all(code::MSO_DRAWING_GROUP);
    assert_eq!(pieces.len(), 2, "two records of its own code, then Continue");
    assert!(pieces.iter().all(|piece| piece.len() == MAX_BODY));
    assert!(rebuilt.all(code::CONTINUE).len() > 1);
}
