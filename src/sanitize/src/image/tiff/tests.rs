//! TIFF: pages of every coding, and nothing but pages.

use super::super::icc;
use super::super::tests::{archive, difference, fails, holds, jpeg, rebuilt, unproved, verdict};
use super::*;
use crate::format::Format;
use crate::job::bench;
use crate::report::Verdict;

/// One page of a file: fields as tag, type, values; its strips.
#[derive(Clone)]
struct Sheet {
    fields: Vec<(u16, u16, Vec<u32>)>,
    raw: Vec<(u16, Vec<u8>)>,
    strips: Vec<Vec<u8>>,
}

impl Sheet {
    fn new(
        width: u32,
        height: u32,
        bits: &[u32],
        compression: u32,
        photometric: u32,
        strips: &[&[u8]],
    ) -> Self {
        let rows = height.div_ceil(u32::try_from(strips.len()).unwrap());
        let fields = vec![
            (256, 4, vec![width]),
            (257, 4, vec![height]),
            (258, 3, bits.to_vec()),
            (259, 3, vec![compression]),
            (262, 3, vec![photometric]),
            (277, 3, vec![u32::try_from(bits.len()).unwrap()]),
            (278, 4, vec![rows]),
        ];
        Self { fields, raw: Vec::new(), strips: strips.iter().map(|strip| strip.to_vec()).collect() }
    }

    fn with(mut self, tag: u16, kind: u16, values: &[u32]) -> Self {
        self.fields.retain(|(known, ..)| *known != tag);
        self.fields.push((tag, kind, values.to_vec()));
        self
    }

    fn with_raw(mut self, tag: u16, value: &[u8]) -> Self {
        self.raw.push((tag, value.to_vec()));
        self
    }
}

/// A file of these pages, in either byte order.
fn tiff(sheets: &[Sheet], big: bool) -> Vec<u8> {
    let short = |n: u16| if big { n.to_be_bytes() } else { n.to_le_bytes() };
    let long = |n: usize| {
        let n = u32::try_from(n).unwrap();
        if big { n.to_be_bytes() } else { n.to_le_bytes() }
    };
    let mut out = if big { b"MM\0*\0\0\0\0".to_vec() } else { b"II*\0\0\0\0\0".to_vec() };
    let mut link = 4;
    for sheet in sheets {
        let (mut starts, mut lengths) = (Vec::new(), Vec::new());
        for strip in &sheet.strips {
            starts.push(u32::try_from(out.len()).unwrap());
            lengths.push(u32::try_from(strip.len()).unwrap());
            out.extend(strip);
        }
        let mut fields = sheet.fields.clone();
        let is_tiled = fields.iter().any(|(tag, ..)| *tag == 322);
        let (places, sizes) = if is_tiled { (324, 325) } else { (273, 279) };
        fields.extend([(places, 4, starts), (sizes, 4, lengths)]);
        let mut entries: Vec<(u16, u16, usize, Vec<u8>)> = fields
            .into_iter()
            .map(|(tag, kind, values)| {
                let bytes = values.iter().flat_map(|&n| match kind {
                    3 => short(u16::try_from(n).unwrap()).to_vec(),
                    _ => long(usize::try_from(n).unwrap()).to_vec(),
                });
                (tag, kind, if kind == 5 { values.len() / 2 } else { values.len() }, bytes.collect())
            })
            .chain(sheet.raw.iter().map(|(tag, value)| (*tag, 7, value.len(), value.clone())))
            .collect();
        entries.sort();
        let mut directory = short(u16::try_from(entries.len()).unwrap()).to_vec();
        for (tag, kind, count, mut bytes) in entries {
            directory.extend([short(tag), short(kind)].concat());
            directory.extend(long(count));
            if bytes.len() > 4 {
                directory.extend(long(out.len()));
                out.extend(bytes);
            } else {
                bytes.resize(4, 0);
                directory.extend(bytes);
            }
        }
        let start = long(out.len());
        out[link..link + 4].copy_from_slice(&start);
        out.extend(directory);
        link = out.len();
        out.extend([0; 4]);
    }
    out
}

/// Every page's size and pixels.
fn pages(bytes: &[u8]) -> Vec<(u32, u32, String)> {
    let (result, ..) = bench(&Limits::default(), |job| {
        let directories = Directories::parse(bytes, job.limits).unwrap();
        let words = |page: &Page<'_>, job: &mut Job<'_>| match Picture::decode(page, job).unwrap() {
            Picture::Bilevel { width, height, lines } => (width, height, hex::encode(lines)),
            Picture::Samples(samples) => (samples.width, samples.height, hex::encode(samples.bytes)),
            Picture::Jpeg(own) => (own.width, own.height, "jpeg".to_owned()),
        };
        directories.pages.iter().map(|page| words(page, job)).collect::<Vec<_>>()
    });
    result
}

fn gray() -> Sheet {
    Sheet::new(4, 2, &[8], 1, 1, &[&[1, 2, 3, 4], &[5, 6, 7, 8]])
}

/// The pages of the rebuilt file, whose original has nothing to remove.
fn kept(sheets: &[Sheet]) -> Vec<(u32, u32, String)> {
    let little = rebuilt(&tiff(sheets, false), Format::Tiff);
    let big = rebuilt(&tiff(sheets, true), Format::Tiff);
    assert_eq!(little, big);
    assert!(little.1.is_empty(), "{:?}", little.1);
    pages(&little.0)
}

fn one(sheet: Sheet) -> (u32, u32, String) {
    kept(&[sheet]).remove(0)
}

#[test]
fn samples_of_every_kind_are_kept() {
    assert_eq!(one(gray()), (4, 2, "0102030405060708".to_owned()));
    assert_eq!(one(gray().with(262, 3, &[0])), (4, 2, "fefdfcfbfaf9f8f7".to_owned()), "white is zero");
    let rgb = Sheet::new(2, 1, &[8, 8, 8], 1, 2, &[&[1, 2, 3, 4, 5, 6]]);
    assert_eq!(one(rgb.clone()), (2, 1, "010203040506".to_owned()));
    let planar = Sheet { strips: vec![vec![1, 4], vec![2, 5], vec![3, 6]], ..rgb }.with(284, 3, &[2]).with(
        278,
        4,
        &[1],
    );
    assert_eq!(one(planar), (2, 1, "010203040506".to_owned()));
    let alpha = Sheet::new(1, 1, &[8; 4], 1, 2, &[&[1, 2, 3, 4]]);
    assert_eq!(one(alpha.clone().with(338, 3, &[2])).2, "01020304");
    assert_eq!(one(alpha.clone().with(338, 3, &[0])).2, "010203", "a sample that means nothing");
    assert_eq!(one(alpha.with(262, 3, &[5])).2, "01020304", "CMYK");
    let colours: Vec<u32> = (0..12).map(|n| n * 5000).collect();
    let palette = Sheet::new(5, 1, &[2], 1, 3, &[&[0b0001_1011, 0b0100_0000]]).with(320, 3, &colours);
    assert_eq!(one(palette), (5, 1, "0001020301".to_owned()));
    let four = Sheet::new(3, 1, &[4], 1, 1, &[&[0x0f, 0x80]]);
    assert_eq!(one(four), (3, 1, "00ff88".to_owned()));
    let tiles = Sheet::new(3, 3, &[8], 1, 1, &[&[1, 2, 4, 5], &[3, 0, 6, 0], &[7, 8, 0, 0], &[9, 0, 0, 0]]);
    let tiles = tiles.with(322, 4, &[2]).with(323, 4, &[2]);
    assert_eq!(one(tiles), (3, 3, "010203040506070809".to_owned()));
}

#[test]
fn sixteen_bits_are_kept_in_either_byte_order() {
    let wide = |strip: &[u8]| Sheet::new(2, 1, &[16], 1, 1, &[strip]);
    let little = rebuilt(&tiff(&[wide(&[1, 2, 3, 4])], false), Format::Tiff).0;
    let big = rebuilt(&tiff(&[wide(&[2, 1, 4, 3])], true), Format::Tiff).0;
    assert_eq!(little, big);
    assert_eq!(pages(&little)[0].2, "01020304");
}

#[test]
fn every_coding_is_read() {
    use std::io::Write as _;
    let lines = [1, 1, 1, 1, 5, 6, 7, 8];
    let mut deflate = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    deflate.write_all(&lines).unwrap();
    let lzw = weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8).encode(&lines).unwrap();
    for (compression, strip) in
        [(8, deflate.finish().unwrap()), (5, lzw), (32773, vec![0xfd, 1, 0x80, 3, 5, 6, 7, 8])]
    {
        let sheet = Sheet::new(4, 2, &[8], compression, 1, &[&strip]);
        assert_eq!(one(sheet), (4, 2, "0101010105060708".to_owned()), "{compression}");
    }
    let differences = weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8);
    let differences = { differences }.encode(&[1, 1, 1, 1]).unwrap();
    let sheet = Sheet::new(4, 1, &[8], 5, 1, &[&differences]).with(317, 3, &[2]);
    assert_eq!(one(sheet), (4, 1, "01020304".to_owned()));
}

/// Bits, from text.
fn bits(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|b| *b != b' ').map(|b| b - b'0').collect();
    digits.chunks(8).map(|byte| (0..8).fold(0, |n, at| n << 1 | byte.get(at).unwrap_or(&0))).collect()
}

#[test]
fn black_and_white_of_every_coding_is_kept() {
    // Eight pixels: two white, three black, three white. White 2: 0111, black 3: 10, white 3: 1000.
    let run = "0111 10 1000";
    let end = "000000000001";
    let huffman = bits(&format!("{run} 000000 {run}"));
    let one_way = bits(&format!("{end} {run} {end} {run}"));
    // The second line as the first: three vertical codes.
    let two_ways = bits(&format!("{end}1 {run} {end}0 1 1 1"));
    let group4 = bits(&format!("001 0111 10 1 1 1 1 {end}{end}"));
    let raw = vec![0b0011_1000; 2];
    for (compression, strip, options) in
        [(2, huffman, 0), (3, one_way, 0), (3, two_ways, 1), (4, group4.clone(), 0), (1, raw, 0)]
    {
        let sheet = Sheet::new(8, 2, &[1], compression, 0, &[&strip]).with(292, 4, &[options]);
        assert_eq!(one(sheet), (8, 2, "3838".to_owned()), "{compression} {options}");
    }
    let reversed: Vec<u8> = group4.iter().map(|b| b.reverse_bits()).collect();
    let sheet = Sheet::new(8, 2, &[1], 4, 1, &[&reversed]).with(266, 3, &[2]);
    assert_eq!(one(sheet), (8, 2, "c7c7".to_owned()), "white is one, bits reversed");
}

#[test]
fn a_damaged_fax_shows_what_there_is() {
    let sheet = Sheet::new(8, 3, &[1], 4, 0, &[&bits("001 0111 10 1 00000000 00000000 0000")]);
    assert_eq!(one(sheet), (8, 3, "380000".to_owned()));
}

#[test]
fn jpeg_pages_stay_jpeg_and_settle() {
    let strip = jpeg(40, 30);
    let sheet = |photometric| Sheet::new(40, 30, &[8; 3], 7, photometric, &[&strip]);
    let (out, removed) = rebuilt(&tiff(&[sheet(6)], false), Format::Tiff);
    assert!(removed.is_empty());
    let start = memchr::memmem::find(&out, b"\xff\xd8\xff").unwrap();
    let after = image::load_from_memory(&out[start..]).unwrap();
    assert!(difference(&image::load_from_memory(&strip).unwrap(), &after) < 4.0);
    let old = Sheet::new(40, 30, &[8; 3], 6, 6, &[&strip]).with(513, 4, &[8]);
    assert_eq!(rebuilt(&tiff(&[old], false), Format::Tiff).0, out);

    // The page says that the samples are RGB, whatever the strip says.
    let (out, _) = rebuilt(&tiff(&[sheet(2)], false), Format::Tiff);
    let start = memchr::memmem::find(&out, b"\xff\xd8\xff").unwrap();
    assert!(difference(&after, &image::load_from_memory(&out[start..]).unwrap()) > 20.0);
}

#[test]
fn a_page_is_turned_upright() {
    let expected = ["0102030405060708", "0403020108070605", "0807060504030201", "0506070801020304"];
    for (orientation, pixels) in (1..).zip(expected) {
        let page = one(gray().with(274, 3, &[orientation]));
        assert_eq!(page, (4, 2, pixels.to_owned()), "{orientation}");
    }
    let expected = ["0105020603070408", "0501060207030804", "0804070306020501", "0408030702060105"];
    for (orientation, pixels) in (5..).zip(expected) {
        let page = one(gray().with(274, 3, &[orientation]).with(282, 5, &[300, 1]).with(283, 5, &[200, 1]));
        assert_eq!(page, (2, 4, pixels.to_owned()), "{orientation}");
    }
    let dots = Sheet::new(8, 2, &[1], 1, 0, &[&[0b1100_0000, 0]]).with(274, 3, &[6]);
    assert_eq!(one(dots), (2, 8, "4040000000000000".to_owned()));
}

#[test]
fn all_pages_are_kept_but_smaller_copies_are_not() {
    let second = Sheet::new(1, 1, &[8], 1, 1, &[&[9]]).with(282, 5, &[300, 1]).with(283, 5, &[300, 1]);
    assert_eq!(kept(&[gray(), second.clone()]).len(), 2);
    let (out, removed) = rebuilt(&tiff(&[gray(), second.with(254, 4, &[1])], false), Format::Tiff);
    assert_eq!((pages(&out).len(), removed.len()), (1, 1));
}

#[test]
fn metadata_unknown_fields_and_bytes_of_no_page_go() {
    let profile = icc::profile(b"CMYK", b"wtpt", b"");
    let tags = [270, 271, 305, 315, 700, 33723, 34665, 34853, 34377, 330, 50000];
    let mut sheet = gray().with_raw(34675, &profile);
    for tag in tags {
        sheet = sheet.with_raw(tag, b"payload");
    }
    let bytes = [tiff(&[sheet], false), b"payload".to_vec()].concat();
    let (out, removed) = rebuilt(&bytes, Format::Tiff);
    assert_eq!(out, rebuilt(&tiff(&[gray()], false), Format::Tiff).0);
    assert!(removed.len() >= 9 && !holds(&out, b"payload") && !holds(&out, b"acsp"), "{removed:?}");
}

#[test]
fn resolution_and_a_sane_profile_are_kept() {
    let profile = icc::profile(b"GRAY", b"wtpt", b"");
    let sheet =
        gray().with_raw(34675, &profile).with(282, 5, &[600, 2]).with(283, 5, &[300, 1]).with(296, 3, &[2]);
    let (out, removed) = rebuilt(&tiff(&[sheet], true), Format::Tiff);
    assert!(removed.is_empty() && holds(&out, &profile) && holds(&out, &[0x58, 2, 0, 0, 2, 0, 0, 0]));
}

#[test]
fn bombs_loops_and_lies_fail() {
    let giant = gray().with(256, 4, &[0x7fff_ffff]).with(257, 4, &[0x7fff_ffff]);
    let giant = tiff(&[giant], false);
    let failure = fails(&giant, Format::Tiff);
    assert!(matches!(failure, Failure::Limit { name: "max_pixels", .. }), "{failure:?}");
    unproved(&giant, Format::Tiff, "max_pixels");
    let many = vec![Sheet::new(8000, 8000, &[8], 5, 1, &[&[]]); 20];
    let failure = fails(&tiff(&many, false), Format::Tiff);
    assert!(matches!(failure, Failure::Limit { name: "max_expanded_bytes", .. }), "{failure:?}");

    let mut looped = tiff(&[gray()], false);
    let (start, end) = (looped[4], looped.len());
    looped[end - 4] = start;
    let mut far = tiff(&[gray()], false);
    far[4..8].fill(0xff);
    let fields = [(273, vec![]), (278, vec![0]), (257, vec![0]), (256, vec![0])];
    let lies = fields.map(|(tag, values)| tiff(&[gray().with(tag, 4, &values)], false));
    for hostile in [looped, far, b"II*\0".to_vec()].into_iter().chain(lies.into_iter().skip(1)) {
        assert!(matches!(fails(&hostile, Format::Tiff), Failure::Malformed(_)));
    }
    let cases = [
        gray().with(258, 3, &[32]),
        gray().with(259, 3, &[50000]),
        gray().with(262, 3, &[8]),
        gray().with(339, 3, &[3]),
        gray().with(262, 3, &[6]),
    ];
    for refused in cases {
        assert!(matches!(fails(&tiff(&[refused], false), Format::Tiff), Failure::Refused(_)));
    }
    assert!(matches!(fails(b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0", Format::Tiff), Failure::Refused(_)));
}

#[test]
fn verifier_refuses_a_tiff_with_more_than_its_pages() {
    unproved(&tiff(&[gray().with_raw(270, b"payload")], false), Format::Tiff, "more than pages");
    unproved(&tiff(&[gray(), gray().with(254, 4, &[1])], false), Format::Tiff, "more than pages");
    let (own, _) = rebuilt(&tiff(&[gray()], false), Format::Tiff);
    unproved(&[&own, b"payload".as_slice()].concat(), Format::Tiff, "belong to no page");
    let undecodable = tiff(&[Sheet::new(4, 2, &[8], 8, 1, &[b"payload"])], false);
    unproved(&undecodable, Format::Tiff, "");
}

#[test]
fn a_tiff_that_is_also_an_archive_is_refused() {
    assert_eq!(verdict(&[tiff(&[gray()], false), archive()].concat(), "a.tif"), Verdict::Refused);
}

#[test]
fn a_tile_of_any_height_fails() {
    let tile = gray().with(322, 4, &[16]).with(323, 4, &[u32::MAX]);
    assert!(matches!(fails(&tiff(&[tile], false), Format::Tiff), Failure::Malformed(_)));
    // Tiles that a small page may have, but so many that they are more than may be expanded.
    let many = vec![gray().with(322, 4, &[4096]).with(323, 4, &[4096]); 40];
    let failure = fails(&tiff(&many, false), Format::Tiff);
    assert!(matches!(failure, Failure::Limit { name: "max_expanded_bytes", .. }), "{failure:?}");
}

#[test]
fn planes_of_single_bits_count() {
    let sheet = Sheet::new(8000, 8000, &[1], 1, 1, &[&[0]]).with(277, 3, &[65535]).with(284, 3, &[2]);
    let planes = tiff(&[sheet], false);
    let failure = fails(&planes, Format::Tiff);
    assert!(matches!(failure, Failure::Limit { name: "max_pixels", .. }), "{failure:?}");
    unproved(&planes, Format::Tiff, "max_pixels");
}

#[test]
fn a_strip_without_a_sound_length_ends_at_the_next() {
    let lying = tiff(&[gray().with(279, 3, &[65535, 65535])], false);
    let directories = Directories::parse(&lying, &Limits::default()).unwrap();
    let lengths: Vec<usize> = directories.pages[0].chunks.iter().map(|chunk| chunk.len()).collect();
    assert_eq!(lengths, [4, lying.len() - 12]);
}

#[test]
fn strips_that_lie_on_one_another_are_charged() {
    let told = |strips: usize| {
        let strip = [1; 60_000];
        let sheet = Sheet::new(1, 20_000, &[8], 1, 1, &[&strip]).with(278, 4, &[1]);
        let starts = vec![8; strips];
        tiff(&[sheet.with(273, 3, &starts).with(279, 3, &vec![60_000; strips])], false)
    };
    let is_over = |failure: Failure| matches!(failure, Failure::Limit { name: "max_expanded_bytes", .. });
    let failure = Directories::parse(&told(20_000), &Limits::default()).err().unwrap();
    assert!(is_over(failure), "before they take memory");
    let (result, ..) = bench(&Limits::default(), |job| {
        job.expand(job.limits.max_expanded_bytes / 2).unwrap();
        rebuild(&told(8_000), job)
    });
    assert!(is_over(result.unwrap_err()), "with all that was expanded before");
}
