//! Metafiles through rebuild and verify; all made here.

use super::*;
use crate::identify::{Declared, identify};
use crate::job::bench;
use crate::limits::Limits;

/// An EMF record: type, size, data padded to 4 bytes.
fn emr(kind: u32, data: &[u8]) -> Vec<u8> {
    let size = (8 + data.len()).next_multiple_of(4);
    let mut out = [kind.to_le_bytes(), u32::try_from(size).unwrap().to_le_bytes()].concat();
    out.extend(data);
    out.resize(size, 0);
    out
}

fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

/// An EMF of these records, with a right header and end.
pub(crate) fn emf(records: &[Vec<u8>]) -> Vec<u8> {
    emf_with(records, &[])
}

/// The same, with a description of these bytes.
fn emf_with(records: &[Vec<u8>], description: &[u8]) -> Vec<u8> {
    let mut header = words(&[0, 0, 100, 100, 0, 0, 2540, 2540, 0x464d_4520, 0x1_0000, 0, 0, 9]);
    let (length, at) = (description.len() / 2, if description.is_empty() { 0 } else { 108 });
    header.extend(words(&[
        u32::try_from(length).unwrap(),
        at,
        0,
        1920,
        1080,
        480,
        270,
        0,
        0,
        0,
        480_000,
        270_000,
    ]));
    header.extend(description);
    let mut out = emr(1, &header);
    out.extend(records.concat());
    out.extend(emr(14, &words(&[0, 16, 20])));
    let size = u32::try_from(out.len()).unwrap();
    out[48..52].copy_from_slice(&size.to_le_bytes());
    out[52..56].copy_from_slice(&u32::try_from(records.len() + 2).unwrap().to_le_bytes());
    out
}

/// A comment with this identifier.
fn comment(data: &[u8]) -> Vec<u8> {
    emr(70, &[words(&[u32::try_from(data.len()).unwrap()]), data.to_vec()].concat())
}

/// A 40-byte header for a bitmap without a colour table.
fn info(width: u32, height: u32, depth: u32, compression: u32) -> Vec<u8> {
    words(&[40, width, height, 1 | depth << 16, compression, 0, 0, 0, 0, 0])
}

/// Two lines of two pixels of 24 bits, padded.
const BITS: [u8; 16] = [9, 9, 9, 9, 9, 9, 0, 0, 9, 9, 9, 9, 9, 9, 0, 0];

/// EMR_STRETCHDIBITS of this header and these bits.
fn stretch(info: &[u8], bits: &[u8]) -> Vec<u8> {
    let length = |part: &[u8]| u32::try_from(part.len()).unwrap();
    let mut data = words(&[0, 0, 9, 9, 0, 0, 0, 0, 2, 2, 80, length(info), 80 + length(info), length(bits)]);
    data.extend(words(&[0, 0x00cc_0020, 9, 9]));
    emr(81, &[data.as_slice(), info, bits].concat())
}

/// A WMF record: size in words, function, parameters.
fn meta(function: u16, parameters: &[u8]) -> Vec<u8> {
    let size = u32::try_from((6 + parameters.len()).div_ceil(2)).unwrap();
    let mut out = size.to_le_bytes().to_vec();
    out.extend(function.to_le_bytes());
    out.extend(parameters);
    out.resize(out.len().next_multiple_of(2), 0);
    out
}

fn shorts(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

/// A plain WMF of these records that may have so many objects.
fn wmf(objects: u16, records: &[Vec<u8>]) -> Vec<u8> {
    let body = [records.concat(), vec![3, 0, 0, 0, 0, 0]].concat();
    let largest = records.iter().map(|record| record.len() / 2).max().unwrap_or(0).max(3);
    let mut out = shorts(&[1, 9, 0x300]);
    out.extend(u32::try_from((18 + body.len()) / 2).unwrap().to_le_bytes());
    out.extend(objects.to_le_bytes());
    out.extend(u32::try_from(largest).unwrap().to_le_bytes());
    out.extend([0, 0]);
    out.extend(body);
    out
}

fn tried(bytes: &[u8], format: Format) -> (Result<Vec<u8>, Failure>, Vec<Removed>) {
    let (result, removed, _) = bench(&Limits::default(), |job| {
        let rewritten = rebuild(bytes, format, job)?;
        verify(&rewritten.bytes, format, job)?;
        Ok(rewritten.bytes)
    });
    (result, removed)
}

/// The rebuilt metafile and the places of what it no longer has.
fn rebuilt(bytes: &[u8], format: Format) -> (Vec<u8>, Vec<String>) {
    let (result, removed) = tried(bytes, format);
    let out = result.unwrap();
    assert_eq!(identify(&out, &Declared::default()).format, format);
    (out, removed.into_iter().map(|r| r.r#where).collect())
}

fn assert_malformed(bytes: &[u8], format: Format) {
    let result = tried(bytes, format).0;
    assert!(matches!(result, Err(Failure::Malformed(_))), "{result:?}");
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(bytes, needle).is_some()
}

/// A line, a shape, text, a font, a bitmap, a region and a gradient.
fn drawing() -> Vec<Vec<u8>> {
    let face: Vec<u8> = "Arial".encode_utf16().chain([0; 27]).flat_map(u16::to_le_bytes).collect();
    let font = [words(&[1]), vec![0; 28], face, vec![0; 228]].concat();
    let mut text = words(&[0, 0, 9, 9, 2, 0, 0, 5, 5, 2, 76, 0, 0, 0, 0, 0, 80]);
    text.extend(b"H\0i\0");
    text.extend(words(&[7, 7]));
    vec![
        emr(27, &words(&[1, 1])),
        emr(54, &words(&[9, 9])),
        emr(86, &words(&[0, 0, 9, 9, 3, 0x0001_0001, 0x0009_0001, 0x0009_0009])),
        emr(91, &words(&[0, 0, 9, 9, 2, 4, 2, 2, 1, 2, 3, 4])),
        emr(82, &font),
        emr(37, &words(&[1])),
        emr(84, &text),
        emr(37, &words(&[0x8000_000d])),
        emr(40, &words(&[1])),
        stretch(&info(2, 2, 24, 0), &BITS),
        emr(75, &words(&[48, 5, 32, 1, 1, 16, 0, 0, 9, 9, 0, 0, 9, 9])),
        emr(118, &words(&[0, 0, 9, 9, 2, 1, 0, 0, 0, 0, 0, 9, 9, 0, 0, 0, 1, 0])),
    ]
}

#[test]
fn an_emf_keeps_its_drawing_byte_for_byte() {
    let bytes = emf(&drawing());
    let (out, places) = rebuilt(&bytes, Format::Emf);
    assert!(places.is_empty(), "{places:?}");
    // But for the number of objects and the size of the bitmap's bits, which were not given.
    assert_eq!(out.len(), bytes.len());
    assert!(holds(&out, b"H\0i\0") && holds(&out, &BITS));
    assert_eq!(out[56], 2);
}

#[test]
fn a_wmf_keeps_its_drawing_byte_for_byte() {
    let rop = shorts(&[0x20, 0xcc, 0, 2, 2, 0, 0, 9, 9, 0, 0]);
    let mut bitmap = info(2, 2, 24, 0);
    bitmap[20] = 16;
    let records = [
        meta(0x020b, &shorts(&[0, 0])),
        meta(0x02fa, &shorts(&[0, 1, 0, 0, 0])),
        meta(0x012d, &shorts(&[0])),
        meta(0x0325, &shorts(&[2, 0, 0, 9, 9])),
        meta(0x0521, &[2, 0, b'H', b'i', 5, 0, 5, 0]),
        meta(0x0a32, &[5, 0, 5, 0, 2, 0, 0, 0, b'H', b'i', 7, 0, 7, 0]),
        meta(0x0f43, &[rop, bitmap, BITS.to_vec()].concat()),
        meta(0x01f0, &shorts(&[0])),
    ];
    let plain = wmf(1, &records);
    let (out, places) = rebuilt(&plain, Format::Wmf);
    assert_eq!((out.as_slice(), places.len()), (plain.as_slice(), 0));

    let mut placeable = shorts(&[0xcdd7, 0x9ac6, 0, 0, 0, 9, 9, 96, 0, 0]);
    let sum = shorts(&[0xcdd7 ^ 0x9ac6 ^ 96]);
    placeable.extend(&sum);
    let placeable = [placeable, plain].concat();
    let (out, places) = rebuilt(&placeable, Format::Wmf);
    assert_eq!((out.as_slice(), places.len()), (placeable.as_slice(), 0));
}

#[test]
fn set_abort_procedure_and_other_escapes_go() {
    for function in [9_u16, 15, 38, 4096] {
        let escape = meta(0x0626, &[&shorts(&[function, 8]), b"\xccpayload".as_slice()].concat());
        let (out, places) = rebuilt(&wmf(0, &[escape]), Format::Wmf);
        assert_eq!(places, ["escape to a device driver"]);
        assert!(!holds(&out, b"payload") && out == wmf(0, &[]));
    }
    for kind in [105, 106, 110] {
        let (out, places) = rebuilt(&emf(&[emr(kind, b"payload.")]), Format::Emf);
        assert_eq!(places, ["escape to a device driver"]);
        assert!(!holds(&out, b"payload"));
    }
}

#[test]
fn comments_opengl_colour_profiles_and_unknown_records_go() {
    for data in [&b"GDIC\x04\0\0\x40payload %!PS-Adobe"[..], b"GDIC\x01\0\0\x80payload", b"payload"] {
        let (out, places) = rebuilt(&emf(&[comment(data)]), Format::Emf);
        assert!(places.len() == 1 && !holds(&out, b"payload"));
        assert_eq!(out, rebuilt(&emf(&[]), Format::Emf).0);
    }
    for kind in [69, 96, 99, 102, 103, 104, 107, 109, 111, 112, 113, 117, 119, 121, 122, 123, 3840, u32::MAX]
    {
        let (out, places) = rebuilt(&emf(&[emr(kind, b"payload.")]), Format::Emf);
        assert!(places.len() == 1 && !holds(&out, b"payload"), "{kind}");
    }
    for function in [0x0105, 0x0922, 0x0b23, 0x0626, 0x012c, 0x0228, 0x7777] {
        let (out, places) = rebuilt(&wmf(0, &[meta(function, b"payload.")]), Format::Wmf);
        assert!(places.len() == 1 && !holds(&out, b"payload"), "{function:#x}");
    }
}

#[test]
fn description_pixel_format_and_trailing_bytes_go() {
    let description: Vec<u8> = "Draw\0Jane Doe\0\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bytes = [emf_with(&drawing(), &description), b"payload".to_vec()].concat();
    let (out, places) = rebuilt(&bytes, Format::Emf);
    assert_eq!(places, ["description", "bytes behind the drawing"]);
    assert_eq!(out, rebuilt(&emf(&drawing()), Format::Emf).0);
    let (out, places) = rebuilt(&[wmf(0, &[]), b"payload".to_vec()].concat(), Format::Wmf);
    assert_eq!((out, places), (wmf(0, &[]), vec!["bytes behind the drawing".to_owned()]));
}

#[test]
fn bytes_in_gaps_of_records_go() {
    let payload = b"payload.";
    let line = emr(54, &[&words(&[9, 9]), payload.as_slice()].concat());
    let points = emr(87, &[&words(&[0, 0, 9, 9, 1, 0]), payload.as_slice()].concat());
    let picture =
        stretch(&[&info(2, 2, 24, 0), payload.as_slice()].concat(), &[&BITS, payload.as_slice()].concat());
    let font = emr(82, &[words(&[1]), vec![0; 30], b"\0\0".to_vec(), payload.repeat(37)].concat());
    for record in [line, points, picture, font] {
        let (out, _) = rebuilt(&emf(&[record]), Format::Emf);
        assert!(!holds(&out, payload));
    }
    let line = meta(0x0213, &[&shorts(&[9, 9]), payload.as_slice()].concat());
    let font = meta(0x02fb, &[&[0; 18], b"Arial\0".as_slice(), payload].concat());
    for record in [line, font] {
        let (out, _) = rebuilt(&wmf(1, &[record]), Format::Wmf);
        assert!(!holds(&out, payload));
    }
}

#[test]
fn a_linked_colour_profile_goes() {
    let mut v5 = info(2, 2, 24, 0);
    v5[0] = 124;
    v5.resize(124, 0);
    v5[56..60].copy_from_slice(b"KNIL");
    v5[112..120].copy_from_slice(b"\\\\evil\\p");
    let (out, places) = rebuilt(&emf(&[stretch(&v5, &BITS)]), Format::Emf);
    assert_eq!(places, ["bytes behind a record's data"]);
    assert!(!holds(&out, b"KNIL") && !holds(&out, b"evil"));
}

#[test]
fn bitmaps_that_do_not_fit_their_header_are_malformed() {
    let table_missing = info(2, 2, 8, 0);
    let mut wide = info(2, 2, 24, 0);
    wide[4..8].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    let mut colours = info(2, 2, 1, 0);
    colours[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
    for (info, bits) in [
        (info(2, 2, 24, 0), &BITS[..12]),
        (info(2, 2, 24, 0), &BITS[..8]),
        (table_missing, &BITS),
        (wide, &BITS),
        (colours, &BITS),
        (info(2, 2, 24, 4), b"\xff\xd8\xff\xe0 JPEG..."),
        (info(2, 2, 24, 5), b"\x89PNG...."),
        (info(0, 2, 24, 0), &BITS),
        (info(2, 2, 7, 0), &BITS),
        (vec![40, 0, 0], &BITS),
    ] {
        assert_malformed(&emf(&[stretch(&info, bits)]), Format::Emf);
        let packed = [shorts(&[0x20, 0xcc, 0, 2, 2, 0, 0, 9, 9, 0, 0]), info, bits.to_vec()].concat();
        assert_malformed(&wmf(0, &[meta(0x0f43, &packed)]), Format::Wmf);
    }
}

#[test]
fn run_lengths_that_leave_the_picture_are_malformed() {
    let head = [info(4, 2, 8, 1), vec![0; 1024]].concat();
    let honest = [4, 1, 0, 0, 0, 3, 1, 2, 3, 0, 1, 1, 0, 1, 0, 0];
    let (out, _) = rebuilt(&emf(&[stretch(&head, &honest)]), Format::Emf);
    assert!(holds(&out, &honest[..14]));
    for bits in [
        &[200, 1, 0, 1][..],
        &[0, 0, 0, 0, 0, 0, 0, 1],
        &[0, 2, 0, 200, 0, 1],
        &[0, 200, 1, 2],
        &[4, 1, 0, 0],
    ] {
        assert_malformed(&emf(&[stretch(&head, bits)]), Format::Emf);
    }
}

#[test]
fn lying_counts_sizes_and_offsets_are_malformed() {
    let far = words(&[0, 0, 9, 9, 2, 0, 0, 5, 5, 2, 0xffff_fff0, 0, 0, 0, 0, 0, 0]);
    for record in [
        emr(86, &words(&[0, 0, 9, 9, 0x4000_0001, 0])),
        emr(91, &words(&[0, 0, 9, 9, 2, 5, 2, 2, 1, 2, 3, 4])),
        emr(91, &words(&[0, 0, 9, 9, u32::MAX, 0])),
        emr(84, &far),
        emr(75, &words(&[0x7fff_ffff, 5, 32, 1, 1, 16])),
        emr(118, &words(&[0, 0, 9, 9, 1, 1, 0, 0, 0, 0, 0, 0, 5])),
        emr(54, &words(&[9])),
        emr(82, &words(&[1, 0])),
        words(&[54, 4, 0, 0]),
        words(&[54, 10, 0, 0]),
        words(&[54, u32::MAX, 0, 0]),
    ] {
        assert_malformed(&emf(&[record]), Format::Emf);
    }
    for record in [
        meta(0x0325, &shorts(&[0xffff, 0])),
        meta(0x0538, &shorts(&[2, 0xffff, 0xffff])),
        meta(0x0521, &shorts(&[0xffff, 0])),
        meta(0x0a32, &shorts(&[0, 0, 0xffff, 0])),
        meta(0x02fa, &shorts(&[0])),
        vec![0xff, 0xff, 0xff, 0xff, 0x13, 2],
        vec![0, 0, 0, 0, 0x13, 2],
    ] {
        assert_malformed(&wmf(9, &[record]), Format::Wmf);
    }
}

#[test]
fn headers_without_an_end_or_size_are_malformed() {
    let whole = emf(&drawing());
    assert_malformed(&whole[..whole.len() - 20], Format::Emf);
    let mut no_device = whole.clone();
    no_device[72..76].fill(0);
    assert_malformed(&no_device, Format::Emf);
    assert_malformed(&wmf(0, &[])[..18], Format::Wmf);
    let placeable = [shorts(&[0xcdd7, 0x9ac6, 0, 0, 0, 9, 9, 0, 0, 0, 0]), wmf(0, &[])].concat();
    assert_malformed(&placeable, Format::Wmf);
}

#[test]
fn objects_are_used_only_while_they_exist() {
    let pen = emr(38, &words(&[1, 0, 1, 1, 0]));
    let after =
        [pen, emr(40, &words(&[1])), emr(37, &words(&[1])), emr(40, &words(&[1])), emr(34, &words(&[5]))];
    let (out, places) = rebuilt(&emf(&after), Format::Emf);
    assert_eq!((out.clone(), places.len()), (rebuilt(&emf(&after[..2]), Format::Emf).0, 1));
    assert_malformed(&emf(&[emr(38, &words(&[9, 0, 1, 1, 0]))]), Format::Emf);
    assert_malformed(&emf(&[emr(38, &words(&[0, 0, 1, 1, 0]))]), Format::Emf);

    let pen = meta(0x02fa, &shorts(&[0, 1, 0, 0, 0]));
    let after =
        [pen.clone(), meta(0x01f0, &shorts(&[0])), meta(0x012d, &shorts(&[0])), meta(0x0127, &shorts(&[1]))];
    let (out, places) = rebuilt(&wmf(1, &after), Format::Wmf);
    assert_eq!((out, places.len()), (wmf(1, &after[..2]), 1));
    assert_malformed(&wmf(1, &[pen.clone(), pen]), Format::Wmf);
}

#[test]
fn an_object_that_goes_leaves_its_number_taken() {
    let region = meta(0x06ff, b"payload.");
    let pen = meta(0x02fa, &shorts(&[0, 1, 0, 0, 0]));
    let records = [region, pen, meta(0x012d, &shorts(&[1])), meta(0x012d, &shorts(&[0]))];
    let (out, places) = rebuilt(&wmf(2, &records), Format::Wmf);
    let brush = meta(0x02fc, &shorts(&[1, 0, 0, 0]));
    assert_eq!(out, wmf(2, &[&[brush], &records[1..]].concat()));
    assert_eq!(places, ["region"]);
}

#[test]
fn a_new_object_takes_the_lowest_free_number_however_many_there_are() {
    let pen = meta(0x02fa, &shorts(&[0, 1, 0, 0, 0]));
    let deleted = |n: u16| meta(0x01f0, &shorts(&[n]));
    let selected = |n: u16| meta(0x012d, &shorts(&[n]));
    let mut records = vec![pen.clone(); 3];
    records.extend([deleted(2), deleted(0), pen.clone(), selected(0), selected(2), pen.clone(), selected(2)]);
    let (out, places) = rebuilt(&wmf(3, &records), Format::Wmf);
    records.remove(7);
    assert_eq!((out, places.len()), (wmf(3, &records), 1));

    let mut records = vec![pen.clone(); 30_000];
    records.extend((0..30_000).flat_map(|_| [deleted(29_999), pen.clone()]));
    assert!(tried(&wmf(30_000, &records), Format::Wmf).0.is_ok());
}

#[test]
fn verification_finds_what_a_rebuild_would_have_left() {
    let hostile = [
        emf(&[comment(b"payload")]),
        emf(&[emr(106, b"payload.")]),
        [emf(&[]), b"payload".to_vec()].concat(),
    ];
    for bytes in hostile {
        let (result, ..) = bench(&Limits::default(), |job| verify(&bytes, Format::Emf, job));
        assert!(matches!(result, Err(Failure::Unproved(_))));
        assert!(!emf::only_draws(&bytes));
    }
    let escape = wmf(0, &[meta(0x0626, &shorts(&[9, 0]))]);
    assert!(!wmf::only_draws(&escape) && wmf::only_draws(&wmf(0, &[])));
}

#[test]
fn a_pdf_in_a_comment_is_no_second_format_but_one_in_a_bitmap_is() {
    let pdf = b"GDIC\x04\0\0\x40 %PDF-1.7\n1 0 obj\n<<>>\nendobj\n";
    let bytes = emf(&[comment(pdf)]);
    assert_eq!(identify(&bytes, &Declared::default()).objection, None);
    assert!(!holds(&rebuilt(&bytes, Format::Emf).0, b"PDF"));
    let bytes = emf(&[stretch(&info(8, 2, 24, 0), &pdf.repeat(2)[..48])]);
    assert!(matches!(identify(&bytes, &Declared::default()).objection, Some(Failure::Refused(_))));
}

/// An EMF+ record.
fn plus(kind: u16, flags: u16, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len().next_multiple_of(4)).unwrap();
    let mut out = shorts(&[kind, flags]);
    out.extend(words(&[length + 12, length]));
    out.extend(data);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

/// A comment of these EMF+ records.
fn plus_comment(records: &[Vec<u8>]) -> Vec<u8> {
    comment(&[b"EMF+".to_vec(), records.concat()].concat())
}

const VERSION: u32 = 0xdbc0_1002;

/// Header with or without a plain drawing beside it.
fn plus_header(is_dual: bool) -> Vec<u8> {
    plus(0x4001, is_dual.into(), &words(&[VERSION, 0, 96, 96]))
}

/// A path of two points as object 1, a black pen as object 2.
fn plus_objects() -> Vec<Vec<u8>> {
    let path = words(&[VERSION, 2, 0x4000, 0x0001_0001, 0x0009_0009, 0x0100]);
    let pen = words(&[VERSION, 0, 0, 0, 0, VERSION, 0, 0xff00_0000]);
    vec![plus(0x4008, 0x0301, &path), plus(0x4008, 0x0202, &pen)]
}

/// An EMF+ picture object that holds this file.
fn plus_picture(file: &[u8]) -> Vec<u8> {
    plus(0x4008, 0x0503, &[words(&[VERSION, 1, 0, 0, 0, 0, 1]), file.to_vec()].concat())
}

/// The result of an EMF with these EMF+ records behind header and objects.
fn with_plus(records: &[Vec<u8>]) -> (Vec<u8>, Vec<String>) {
    let all = [&[plus_header(true)], plus_objects().as_slice(), records].concat();
    rebuilt(&emf(&[plus_comment(&all)]), Format::Emf)
}

#[test]
fn an_emf_plus_drawing_is_kept_byte_for_byte() {
    let records = [
        plus(0x4015, 1, &words(&[2])),
        plus(0x400a, 0xc000, &words(&[0xff00_00ff, 1, 0, 0x0009_0009])),
        plus(0x402a, 0, &[0; 24]),
        plus(0x4002, 0, b""),
    ];
    let all = [&[plus_header(true)], plus_objects().as_slice(), &records].concat();
    let (out, places) = rebuilt(&emf(&[plus_comment(&all)]), Format::Emf);
    assert!(places.is_empty(), "{places:?}");
    assert!(holds(&out, &plus_comment(&all)));
}

#[test]
fn a_picture_in_emf_plus_is_rebuilt() {
    let png = crate::image::tests::png(4, 4);
    let text = [&png[..33], b"\0\0\0\x0etEXtauthor\0payload\xe6\x0e\x24\x2b", &png[33..]].concat();
    let (out, places) = with_plus(&[plus_picture(&text)]);
    assert!(places.is_empty() && holds(&out, b"IHDR") && !holds(&out, b"payload"));

    let inner = emf(&[comment(b"payload"), emr(106, b"payload.")]);
    let size = u32::try_from(inner.len()).unwrap();
    let metafile = [words(&[VERSION, 2, 5, size]), inner].concat();
    let (out, places) = with_plus(&[plus(0x4008, 0x0503, &metafile)]);
    assert!(places.is_empty() && !holds(&out, b"payload"));
    assert_eq!(memchr::memmem::find_iter(&out, b" EMF").count(), 2);
}

#[test]
fn an_object_in_pieces_is_put_together() {
    let path = words(&[VERSION, 2, 0x4000, 0x0001_0001, 0x0009_0009, 0x0100]);
    let pieces = [
        plus_comment(&[plus_header(true), plus(0x4008, 0x8301, &[&words(&[24]), &path[..8]].concat())]),
        plus_comment(&[plus(0x4008, 0x8301, &[&words(&[24]), &path[8..16]].concat())]),
        plus_comment(&[plus(0x4008, 0x0301, &path[16..])]),
    ];
    let (out, _) = rebuilt(&emf(&pieces), Format::Emf);
    assert!(holds(&out, &plus(0x4008, 0x0301, &path)));
}

#[test]
fn emf_plus_that_is_not_accepted_goes_as_a_whole() {
    // A sound region, of a hundred within each other.
    let deep = [words(&[VERSION, 200]), words(&[1]).repeat(100), words(&[0x1000_0002]).repeat(101)].concat();
    let far_region = plus(0x4008, 0x0404, &deep);
    for (name, record) in [
        ("unknown record", plus(0x4044, 0, b"payload.")),
        ("serialised object", plus(0x4038, 0, b"payload.")),
        ("terminal server", plus(0x4039, 0, b"payload.")),
        ("path used as a pen", plus(0x4015, 1, &words(&[1]))),
        ("pen used as a picture", plus(0x401a, 2, &[0; 40])),
        ("object that does not exist", plus(0x4014, 0x8009, &words(&[0]))),
        ("object number out of range", plus(0x4014, 0x80ff, &words(&[0]))),
        ("object of no kind", plus(0x4008, 0x7f05, b"payload.")),
        ("object number too large", plus(0x4008, 0x0340, &words(&[VERSION, 0, 0]))),
        ("more points than there are", plus(0x400d, 0x4002, &words(&[9, 1]))),
        ("as many as possible", plus(0x400d, 0x4002, &words(&[u32::MAX, 1]))),
        ("a picture that is none", plus_picture(b"payload")),
        ("pixels cut off", plus(0x4008, 0x0503, &words(&[VERSION, 1, 9, 9, 36, 0x0002_2009, 0, 1]))),
        ("an object never ended", plus(0x4008, 0x8301, &words(&[999, VERSION]))),
        ("regions in regions", far_region),
        ("a lying size", [shorts(&[0x4002, 0]), words(&[999, 0])].concat()),
        ("a size of nothing", [shorts(&[0x4002, 0]), words(&[0, 0])].concat()),
    ] {
        let (out, places) = with_plus(&[record]);
        assert_eq!(places, ["EMF+ drawing"], "{name}");
        assert_eq!(out, rebuilt(&emf(&[]), Format::Emf).0, "{name}");
    }
}

#[test]
fn emf_plus_comments_and_slack_go_alone() {
    let slack = plus(0x4002, 0, b"payload.");
    let (out, places) = with_plus(&[plus(0x4003, 0, b"payload."), slack]);
    assert!(places.is_empty() && holds(&out, b"EMF+") && !holds(&out, b"payload"));
}

#[test]
fn emf_plus_alone_that_is_not_accepted_is_malformed() {
    let bytes = emf(&[plus_comment(&[plus_header(false), plus(0x4044, 0, b"")])]);
    assert_malformed(&bytes, Format::Emf);
    let bytes = emf(&[plus_comment(&[plus_header(false), plus(0x4002, 0, b"")])]);
    assert!(holds(&rebuilt(&bytes, Format::Emf).0, b"EMF+"));
}
