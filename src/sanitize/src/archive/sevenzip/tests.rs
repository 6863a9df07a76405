//! Archives made here, by another writer and by hand, named by what they try.

use sevenz_rust2::{ArchiveEntry, ArchiveWriter, EncoderConfiguration, EncoderMethod};

use super::*;
use crate::identify::Declared;
use crate::job::{NoInspector, Settings, sanitize};
use crate::report::{Report, Verdict};
use crate::zip_structure::Zip;

fn written(method: EncoderMethod, members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ArchiveWriter::new(std::io::Cursor::new(Vec::new())).unwrap();
    writer.set_content_methods(vec![EncoderConfiguration::new(method)]);
    for (name, content) in members {
        let entry = match name.ends_with('/') {
            true => ArchiveEntry::new_directory(name.trim_end_matches('/')),
            false => ArchiveEntry::new_file(name),
        };
        let content = (!name.ends_with('/')).then_some(*content);
        writer.push_archive_entry(entry, content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn examined(bytes: &[u8]) -> (Option<(Vec<u8>, Format)>, Report) {
    let declared = Declared { name: "a.7z", media_type: "" };
    sanitize(bytes, &declared, &Settings::default(), &mut NoInspector).into_parts()
}

/// Names and contents of the ZIP archive that comes out.
fn rebuilt(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let (file, report) = examined(bytes);
    let (file, format) = file.unwrap_or_else(|| panic!("{}", report.reason));
    assert_eq!(format, Format::Zip);
    let zip = Zip::parse(&file, &crate::Limits::default()).unwrap();
    zip.entries().iter().map(|entry| (entry.name.clone(), entry.expand().unwrap())).collect()
}

fn refused(bytes: &[u8], words: &str) {
    let (file, report) = examined(bytes);
    assert!(file.is_none());
    assert!(report.reason.contains(words), "{words}: {}", report.reason);
}

/// A file in the making by hand: one block of stored bytes.
struct Raw {
    coders: Vec<u8>,
    size: u8,
    packed: Vec<u8>,
    files: Vec<u8>,
}

impl Raw {
    /// One file of 4 stored bytes, `name` in UTF-16.
    fn of(name: &str) -> Self {
        let names: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        let length = u8::try_from(names.len() + 1).unwrap();
        Self {
            coders: vec![1, 1, 0],
            size: 4,
            packed: b"text".to_vec(),
            files: [&[1, 17, length, 0][..], &names].concat(),
        }
    }

    fn with_property(mut self, property: &[u8]) -> Self {
        self.files.extend(property);
        self
    }

    fn with_coders(mut self, coders: &[u8]) -> Self {
        self.coders = coders.to_vec();
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let packed_size = u8::try_from(self.packed.len()).unwrap();
        let header = [
            &[1, 4, 6, 0, 1, 9, packed_size, 0, 7, 11, 1, 0][..],
            &self.coders,
            &[12, self.size, 0, 0, 5],
            &self.files,
            &[0, 0],
        ]
        .concat();
        let mut start = Vec::new();
        start.extend(u64::from(packed_size).to_le_bytes());
        start.extend(u64::try_from(header.len()).unwrap().to_le_bytes());
        start.extend(header::checksum(&header).to_le_bytes());
        let checksum = header::checksum(&start).to_le_bytes();
        [b"7z\xbc\xaf\x27\x1c\0\x04", &checksum[..], &start, &self.packed, &header].concat()
    }
}

#[test]
fn archives_of_another_writer_come_out_as_zip() {
    let long = b"the same words ".repeat(200);
    let members: [(&str, &[u8]); 4] =
        [("a/", b""), ("a/b.txt", &long), ("c.csv", b"a,b\n=1,2\n"), ("größe.txt", b"x")];
    for method in [EncoderMethod::COPY, EncoderMethod::LZMA, EncoderMethod::LZMA2] {
        let mut names = rebuilt(&written(method, &members));
        names.sort();
        let expected = [
            ("a/b.txt".to_owned(), long.clone()),
            ("c.csv".to_owned(), b"a,b\n'=1,2\n".to_vec()),
            ("größe.txt".to_owned(), b"x".to_vec()),
        ];
        assert_eq!(names, expected);
    }
}

#[test]
fn the_archive_by_hand_is_sound() {
    assert_eq!(rebuilt(&Raw::of("a.txt").bytes()), [("a.txt".to_owned(), b"text".to_vec())]);
}

#[test]
fn names_that_lead_elsewhere_or_deceive() {
    for name in [
        "../a.txt",
        "/a.txt",
        "C:/a.txt",
        "a/../b.txt",
        "..\\a.txt",
        "a.txt:b.txt",
        "a\u{202e}.txt",
        "",
        "a\nb",
    ] {
        let (file, report) = examined(&Raw::of(name).bytes());
        assert!(file.is_none() && report.verdict == Verdict::Unscannable, "{name:?}: {}", report.reason);
    }
    refused(&Raw::of("a.exe").bytes(), "exe");
}

#[test]
fn duplicate_names() {
    refused(&written(EncoderMethod::COPY, &[("a.txt", b"x"), ("A.txt", b"y")]), "twice");
}

#[test]
fn links_and_special_files() {
    for attributes in [0xa1ff_8020_u32, 0x0400, 0x61ff_8000, 0x21ff_8000, 0x41ff_8000, 0x40] {
        let property = [&[21, 6, 1, 0][..], &attributes.to_le_bytes()].concat();
        refused(&Raw::of("a.txt").with_property(&property).bytes(), "special file");
    }
    let property = [&[21, 6, 1, 0][..], &0x81a4_8020_u32.to_le_bytes()].concat();
    assert_eq!(rebuilt(&Raw::of("a.txt").with_property(&property).bytes()).len(), 1);
    refused(&Raw::of("a.txt").with_property(&[16, 1, 0]).bytes(), "deletes");
}

#[test]
fn encrypted_content() {
    let (file, report) = examined(&Raw::of("a.txt").with_coders(&[1, 0x24, 6, 0xf1, 7, 1, 1, 0]).bytes());
    assert!(file.is_none() && report.reason.contains("encrypted"), "{}", report.reason);
}

#[test]
fn coders_that_are_not_accepted() {
    refused(&Raw::of("a.txt").with_coders(&[1, 4, 3, 3, 1, 3]).bytes(), "filter");
    refused(&Raw::of("a.txt").with_coders(&[1, 0x14, 3, 3, 1, 0x1b, 4, 1]).bytes(), "filter");
    refused(&Raw::of("a.txt").with_coders(&[1, 3, 4, 2, 2]).bytes(), "method");
    refused(&Raw::of("a.txt").with_coders(&[9]).bytes(), "max_members");
    refused(&Raw::of("a.txt").with_coders(&[0]).bytes(), "not sound");
}

#[test]
fn a_dictionary_of_four_gigabytes_is_not_allocated() {
    // An LZMA2 chunk of stored bytes, whose declared dictionary is the largest there is.
    let mut raw = Raw::of("a.txt").with_coders(&[1, 0x21, 0x21, 1, 40]);
    raw.packed = b"\x01\0\x03text\0".to_vec();
    assert_eq!(rebuilt(&raw.bytes()), [("a.txt".to_owned(), b"text".to_vec())]);
    assert_eq!(coder::dictionary(u32::MAX.into(), 4), 4096);
    assert_eq!(coder::dictionary(u32::MAX.into(), 1 << 20), 1 << 20);
    let raw = Raw::of("a.txt").with_coders(&[1, 0x21, 0x21, 1, 41]);
    refused(&raw.bytes(), "not sound");
}

#[test]
fn sizes_that_lie() {
    let mut raw = Raw::of("a.txt");
    raw.size = 5;
    refused(&raw.bytes(), "not as large");
    raw.size = 3;
    refused(&raw.bytes(), "not as large");
}

#[test]
fn a_ratio_bomb_is_over_the_limit() {
    refused(&written(EncoderMethod::LZMA2, &[("a.txt", &vec![b'0'; 8 << 20])]), "max_ratio");
}

#[test]
fn bytes_before_and_behind() {
    let honest = Raw::of("a.txt").bytes();
    refused(&[honest.as_slice(), b"x"].concat(), "bytes after");
    refused(&[b"x", honest.as_slice()].concat(), "");
    for length in 6..honest.len() {
        assert!(examined(&honest[..length]).0.is_none(), "{length}");
    }
}

#[test]
fn checksums_that_do_not_match() {
    let mut wrong = Raw::of("a.txt").bytes();
    wrong[13] ^= 1;
    refused(&wrong, "checksum");
    let mut wrong = Raw::of("a.txt").bytes();
    let end = wrong.len();
    wrong[end - 4] ^= 1;
    refused(&wrong, "checksum");
    let mut wrong = written(EncoderMethod::COPY, &[("a.txt", b"text")]);
    wrong[32] ^= 1;
    refused(&wrong, "checksum");
}

#[test]
fn every_flipped_bit_is_an_error_or_harmless() {
    let honest =
        written(EncoderMethod::LZMA, &[("a.txt", b"text text text"), ("b/", b""), ("b/c.txt", b"y")]);
    for at in 0..honest.len() {
        let mut bytes = honest.clone();
        bytes[at] ^= 1;
        examined(&bytes);
    }
}
