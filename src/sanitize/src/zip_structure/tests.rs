//! Hostile archives, named by the attack, built byte by byte.

use super::*;
use crate::job::bench;
use crate::zip_write::ZipWriter;

/// One member as a hostile writer would spell it; `Raw::new` is honest.
#[derive(Clone)]
struct Raw {
    local_name: Vec<u8>,
    name: Vec<u8>,
    data: Vec<u8>,
    size: u32,
    crc32: u32,
    flags: u16,
    method: u16,
    local_method: u16,
    local_sizes: (u32, u32),
    local_crc32: Option<u32>,
    local_flags: Option<u16>,
    after: Vec<u8>,
    made_by: u16,
    attributes: u32,
    extra: Vec<u8>,
    offset: Option<u32>,
    listed: bool,
}

impl Raw {
    fn new(name: &str, content: &[u8]) -> Self {
        let mut crc = Crc::new();
        crc.update(content);
        let size = u32::try_from(content.len()).unwrap();
        Self {
            local_name: name.as_bytes().to_vec(),
            name: name.as_bytes().to_vec(),
            data: content.to_vec(),
            size,
            crc32: crc.sum(),
            flags: 0,
            method: 0,
            local_method: 0,
            local_sizes: (size, size),
            local_crc32: None,
            local_flags: None,
            after: Vec::new(),
            made_by: 20,
            attributes: 0,
            extra: Vec::new(),
            offset: None,
            listed: true,
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

fn archive(members: &[Raw]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    let mut listed = 0_u16;
    for member in members {
        let offset = u32::try_from(out.len()).unwrap();
        out.extend(b"PK\x03\x04\x14\0");
        out.extend(member.local_flags.unwrap_or(member.flags).to_le_bytes());
        out.extend(member.local_method.to_le_bytes());
        out.extend([0, 0, 33, 0]);
        out.extend(member.local_crc32.unwrap_or(member.crc32).to_le_bytes());
        out.extend(member.local_sizes.0.to_le_bytes());
        out.extend(member.local_sizes.1.to_le_bytes());
        out.extend(u16::try_from(member.local_name.len()).unwrap().to_le_bytes());
        out.extend([0, 0]);
        out.extend(&member.local_name);
        out.extend(&member.data);
        out.extend(&member.after);
        if !member.listed {
            continue;
        }
        listed += 1;
        directory.extend(b"PK\x01\x02");
        directory.extend(member.made_by.to_le_bytes());
        directory.extend([20, 0]);
        directory.extend(member.flags.to_le_bytes());
        directory.extend(member.method.to_le_bytes());
        directory.extend([0, 0, 33, 0]);
        directory.extend(member.crc32.to_le_bytes());
        directory.extend(u32::try_from(member.data.len()).unwrap().to_le_bytes());
        directory.extend(member.size.to_le_bytes());
        directory.extend(u16::try_from(member.name.len()).unwrap().to_le_bytes());
        directory.extend(u16::try_from(member.extra.len()).unwrap().to_le_bytes());
        directory.extend([0; 6]);
        directory.extend(member.attributes.to_le_bytes());
        directory.extend(member.offset.unwrap_or(offset).to_le_bytes());
        directory.extend(&member.name);
        directory.extend(&member.extra);
    }
    let start = u32::try_from(out.len()).unwrap();
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(listed.to_le_bytes());
    out.extend(listed.to_le_bytes());
    out.extend(u32::try_from(directory.len()).unwrap().to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}

fn refusal(bytes: &[u8]) -> String {
    Zip::parse(bytes, &Limits::default()).unwrap_err().to_string()
}

fn refused_name(name: &str) -> String {
    refusal(&archive(&[Raw::new(name, b"x")]))
}

fn honest() -> Vec<Raw> {
    vec![Raw::new("one.txt", b"first"), Raw::new("folder/two.txt", b"second")]
}

fn content(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
    let zip = Zip::parse(bytes, &Limits::default())?;
    bench(&Limits::default(), |job| zip.entries().iter().map(|entry| entry.read(job)).collect()).0
}

#[test]
fn an_honest_archive_is_read() {
    assert_eq!(content(&archive(&honest())).unwrap(), [b"first".to_vec(), b"second".to_vec()]);
}

#[test]
fn an_empty_archive_is_read() {
    assert!(content(&archive(&[])).unwrap().is_empty());
}

#[test]
fn a_comment_to_the_end_of_the_file_is_accepted() {
    let mut bytes = archive(&honest());
    let length = bytes.len();
    bytes[length - 2] = 3;
    bytes.extend(b"abc");
    assert!(content(&bytes).is_ok());
}

#[test]
fn trailing_bytes() {
    let mut bytes = archive(&honest());
    bytes.extend(b"<script>");
    assert_eq!(refusal(&bytes), "there are bytes after the archive");
}

#[test]
fn a_line_break_behind_the_archive_is_accepted() {
    for line_break in ["\n", "\r\n"] {
        let bytes = [&archive(&honest()), line_break.as_bytes()].concat();
        assert!(content(&bytes).is_ok());
    }
}

#[test]
fn prefix_bytes_with_offsets_left_as_they_were() {
    let mut bytes = b"MZ program".to_vec();
    bytes.extend(archive(&honest()));
    assert_eq!(refusal(&bytes), "there are bytes before the archive");
}

#[test]
fn prefix_bytes_with_offsets_moved() {
    let hidden = Raw::new("hidden", b"payload").with(|raw| raw.listed = false);
    let mut bytes = archive(&[hidden, Raw::new("a", b"x")]);
    bytes[..2].copy_from_slice(b"MZ");
    assert_eq!(refusal(&bytes), "there are bytes before the archive");
}

#[test]
fn an_archive_in_the_comment_of_an_archive() {
    let outer = archive(&honest());
    let inner = archive(&[Raw::new("other", b"x")]);
    let mut bytes = outer;
    let length = bytes.len();
    bytes[length - 2..].copy_from_slice(&u16::try_from(inner.len()).unwrap().to_le_bytes());
    bytes.extend(inner);
    assert_eq!(refusal(&bytes), "the archive has two end records");
}

#[test]
fn an_entry_absent_from_the_directory() {
    let hidden = Raw::new("hidden", b"payload").with(|raw| raw.listed = false);
    let bytes = archive(&[Raw::new("a", b"x"), hidden.clone(), Raw::new("b", b"y")]);
    assert_eq!(refusal(&bytes), "there are hidden bytes between the archive's members");
    let bytes = archive(&[Raw::new("a", b"x"), hidden]);
    assert_eq!(refusal(&bytes), "there are hidden bytes between the archive's members");
}

#[test]
fn overlapping_entries() {
    let second = Raw::new("b", b"same").with(|raw| raw.offset = Some(0));
    assert!(refusal(&archive(&[Raw::new("a", b"same"), second])).contains("overlaps"));
    let long = Raw::new("a", b"x").with(|raw| {
        raw.size = 90;
        raw.local_sizes = (90, 90);
        raw.method = 8;
        raw.local_method = 8;
    });
    let mut bytes = archive(&[long, Raw::new("b", b"y")]);
    let central = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    bytes[central + 20] = 90;
    assert!(refusal(&bytes).contains("overlaps"), "{}", refusal(&bytes));
}

#[test]
fn duplicate_names() {
    for (one, two) in [
        ("a.txt", "a.txt"),
        ("word/document.xml", "Word/DOCUMENT.xml"),
        ("word/document.xml", "word/%64ocument.xml"),
        ("a.txt", "a.txt."),
        ("a/b", "a /b"),
        ("a", "a/"),
    ] {
        let refused =
            refusal(&archive(&[Raw::new(one, b"1"), Raw::new(two, b"").with(|raw| raw.data.clear())]));
        assert!(refused.contains("is there twice"), "{one} {two}: {refused}");
    }
}

#[test]
fn a_file_where_a_folder_is_needed() {
    let refused = refusal(&archive(&[Raw::new("a", b"1"), Raw::new("a/b", b"2")]));
    assert!(refused.contains("also a file"), "{refused}");
}

#[test]
fn local_header_with_another_name() {
    let member = Raw::new("good.txt", b"x").with(|raw| raw.local_name = b"evil.exe".to_vec());
    assert!(refusal(&archive(&[member])).contains("another name"));
}

#[test]
fn local_header_with_another_method_size_or_checksum() {
    let changes: [fn(&mut Raw); 6] = [
        |raw| raw.local_method = 8,
        |raw| raw.local_sizes = (1, 1),
        |raw| raw.local_sizes = (4, 9),
        |raw| raw.local_sizes = (9, 4),
        |raw| raw.local_crc32 = Some(raw.crc32 ^ 1),
        |raw| raw.local_flags = Some(UTF8),
    ];
    for change in changes {
        let refused = refusal(&archive(&[Raw::new("ä", b"four").with(change)]));
        assert!(refused.contains("disagrees with the directory"), "{refused}");
    }
}

#[test]
fn a_wrong_checksum_is_found_on_reading() {
    let bytes = archive(&[Raw::new("a", b"four").with(|raw| raw.crc32 ^= 1)]);
    assert!(content(&bytes).unwrap_err().to_string().contains("checksum"));
}

fn deflated(name: &str, content: &[u8]) -> Raw {
    let mut writer = ZipWriter::new(&Limits { max_ratio: u64::MAX, ..Limits::default() });
    writer.add(name, content).unwrap();
    let bytes = writer.finish().unwrap();
    let zip = Zip::parse(&bytes, &Limits::default()).unwrap();
    let data = zip.entries()[0].compressed.to_vec();
    Raw::new(name, content).with(|raw| {
        raw.local_sizes = (u32::try_from(data.len()).unwrap(), raw.size);
        raw.data = data;
        (raw.method, raw.local_method) = (8, 8);
    })
}

#[test]
fn data_descriptors_in_their_four_forms() {
    for form in 0..4 {
        let member = deflated("a", &[b'a'; 500]).with(|raw| {
            let length = u32::try_from(raw.data.len()).unwrap();
            if form % 2 == 0 {
                raw.after.extend(b"PK\x07\x08");
            }
            raw.after.extend(raw.crc32.to_le_bytes());
            for number in [length, raw.size] {
                raw.after.extend(number.to_le_bytes());
                raw.after.extend(if form < 2 { &[0; 4][..] } else { &[] });
            }
            raw.flags = HAS_DESCRIPTOR;
            raw.local_sizes = (0, 0);
        });
        assert_eq!(content(&archive(&[member])).unwrap(), [vec![b'a'; 500]]);
    }
}

#[test]
fn a_data_descriptor_that_lies() {
    let member = deflated("a", &[b'a'; 500]).with(|raw| {
        raw.after =
            [b"PK\x07\x08".as_slice(), &raw.crc32.to_le_bytes(), &[9, 0, 0, 0], &[9, 0, 0, 0]].concat();
        raw.flags = HAS_DESCRIPTOR;
        raw.local_sizes = (0, 0);
    });
    assert!(refusal(&archive(&[member])).contains("hidden bytes"));
}

#[test]
fn a_deflate_stream_with_bytes_behind_its_end() {
    let member = deflated("a", &[b'a'; 500]).with(|raw| {
        raw.data.extend(b"hidden");
        raw.local_sizes.0 += 6;
    });
    assert!(content(&archive(&[member])).unwrap_err().to_string().contains("exactly one deflate stream"));
}

#[test]
fn a_member_larger_than_declared() {
    let member = deflated("a", &[b'a'; 500]).with(|raw| {
        raw.size = 100;
        raw.local_sizes.1 = 100;
    });
    assert!(content(&archive(&[member])).unwrap_err().to_string().contains("exactly one deflate stream"));
}

#[test]
fn a_bomb_is_over_the_ratio() {
    let bytes = archive(&[deflated("a", &vec![0; 3 << 20])]);
    let failure = content(&bytes).unwrap_err();
    assert!(matches!(failure, Failure::Limit { name: "max_ratio", .. }), "{failure}");
}

#[test]
fn many_members_together_are_over_the_sum() {
    let bytes = archive(&[Raw::new("a", &[1; 600]), Raw::new("b", &[1; 600])]);
    let limits = Limits { max_expanded_bytes: 1000, ..Limits::default() };
    let zip = Zip::parse(&bytes, &limits).unwrap();
    let (result, ..) = bench(&limits, |job| {
        zip.entries().iter().map(|entry| entry.read(job)).collect::<Result<Vec<_>, _>>()
    });
    assert!(matches!(result, Err(Failure::Limit { name: "max_expanded_bytes", .. })));
}

#[test]
fn too_many_members() {
    let members: Vec<Raw> = (0..5).map(|n| Raw::new(&n.to_string(), b"")).collect();
    let limits = Limits { max_members: 4, ..Limits::default() };
    let failure = Zip::parse(&archive(&members), &limits).unwrap_err();
    assert!(matches!(failure, Failure::Limit { name: "max_members", .. }));
}

#[test]
fn encrypted_members() {
    for flag in [1, 1 | 1 << 6, 1 << 13] {
        for (listed, local) in [(flag, flag), (flag, 0), (0, flag)] {
            let member = Raw::new("a", b"x").with(|raw| (raw.flags, raw.local_flags) = (listed, Some(local)));
            let bytes = archive(&[member]);
            assert!(matches!(Zip::parse(&bytes, &Limits::default()), Err(Failure::Encrypted(_))));
        }
    }
}

#[test]
fn unsupported_methods() {
    for method in [1, 9, 12, 14, 93, 95, 98, 99] {
        let member = Raw::new("a", b"x").with(|raw| (raw.method, raw.local_method) = (method, method));
        assert!(refusal(&archive(&[member])).contains("method that is not accepted"));
    }
}

#[test]
fn several_disks() {
    let mut bytes = archive(&honest());
    let length = bytes.len();
    bytes[length - 18] = 1;
    assert_eq!(refusal(&bytes), "the archive spans several disks");
}

#[test]
fn zip64_lies() {
    let honest = archive(&honest());
    let end = honest.len() - END_BYTES;
    let start = u32::from_le_bytes(*honest[end + 16..].first_chunk().unwrap());
    let with64 = |entries: u64, offset: u64| {
        let mut bytes = honest[..end].to_vec();
        bytes.extend(b"PK\x06\x06");
        bytes.extend(44_u64.to_le_bytes());
        bytes.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(entries.to_le_bytes());
        bytes.extend(entries.to_le_bytes());
        bytes.extend(u64::try_from(end - usize::try_from(start).unwrap()).unwrap().to_le_bytes());
        bytes.extend(offset.to_le_bytes());
        bytes.extend(b"PK\x06\x07\0\0\0\0");
        bytes.extend(u64::try_from(end).unwrap().to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(&honest[end..]);
        bytes
    };
    assert!(content(&with64(2, start.into())).is_ok());
    assert_eq!(refusal(&with64(3, start.into())), "the archive's two end records disagree");
    assert_eq!(refusal(&with64(2, 0)), "the archive's two end records disagree");
    // The record's size, the locator's disk, where it says the record is, and how many disks it says there are.
    let locator = end + END64_BYTES;
    for (at, value) in [(end + 4, 60), (locator + 4, 1), (locator + 8, 0), (locator + 16, 2)] {
        let mut lying = with64(2, start.into());
        assert_ne!(lying[at], value);
        lying[at] = value;
        assert_eq!(refusal(&lying), "the archive's zip64 end record is not sound", "{at}");
    }
}

#[test]
fn a_zip64_size_without_its_field() {
    let member = Raw::new("a", b"x").with(|raw| raw.size = u32::MAX);
    assert!(refusal(&archive(&[member])).contains("zip64 field"));
}

#[test]
fn names_that_lead_elsewhere() {
    for (name, reason) in [
        ("../evil", "leads out"),
        ("a/../../evil", "leads out"),
        ("/etc/passwd", "absolute"),
        ("C:evil", "drive"),
        ("C:/evil", "drive"),
        ("readme.txt:evil.exe", "NTFS stream"),
        ("..\\evil", "backslash"),
        ("a\0.txt", "control"),
        ("a\n", "control"),
        ("gpj.\u{202e}exe", "direction-changing"),
        ("a//b", "empty step"),
        ("./a", "empty step"),
    ] {
        assert!(refused_name(name).contains(reason), "{name:?}: {}", refused_name(name));
    }
    assert!(refused_name(&"a".repeat(2000)).contains("max_name_bytes"));
    assert!(refused_name("").contains("no name"));
}

#[test]
fn symbolic_links_and_devices() {
    for mode in [0o120_777_u32, 0o020_644, 0o060_644, 0o010_644, 0o140_644] {
        let member = Raw::new("a", b"/etc/passwd").with(|raw| {
            raw.made_by = 3 << 8 | 20;
            raw.attributes = mode << 16;
        });
        assert!(refusal(&archive(&[member])).contains("special file"));
    }
}

#[test]
fn a_unicode_path_that_differs() {
    let field = |raw: &[u8], name: &str| {
        let mut crc = Crc::new();
        crc.update(raw);
        let data = [&[1], crc.sum().to_le_bytes().as_slice(), name.as_bytes()].concat();
        [
            &EXTRA_UNICODE_PATH.to_le_bytes(),
            u16::try_from(data.len()).unwrap().to_le_bytes().as_slice(),
            &data,
        ]
        .concat()
    };
    let lying = Raw::new("good.txt", b"x").with(|raw| raw.extra = field(b"good.txt", "evil.exe"));
    assert!(refusal(&archive(&[lying])).contains("two names"));

    let honest = Raw::new("x", b"x").with(|raw| {
        raw.name = b"gr\xe1n.txt".to_vec();
        raw.local_name = raw.name.clone();
        raw.extra = field(&raw.name, "grün.txt");
    });
    let bytes = archive(&[honest]);
    assert_eq!(Zip::parse(&bytes, &Limits::default()).unwrap().entries()[0].name, "grün.txt");
}

#[test]
fn names_in_code_page_437() {
    let member = Raw::new("x", b"x").with(|raw| {
        raw.name = b"gr\x81n.txt".to_vec();
        raw.local_name = raw.name.clone();
    });
    let bytes = archive(&[member]);
    assert_eq!(Zip::parse(&bytes, &Limits::default()).unwrap().entries()[0].name, "grün.txt");
}
