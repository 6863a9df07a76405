use std::collections::BTreeMap;

use super::*;
use crate::failure::Failure;
use crate::job::bench;
use crate::limits::Limits;

fn parse(bytes: &[u8]) -> Result<Compound<'_>, Failure> {
    bench(&Limits::default(), |job| Compound::parse(bytes, job)).0
}

fn refusal(bytes: &[u8]) -> String {
    parse(bytes).unwrap_err().to_string()
}

/// That the stream is there without bytes: who asks for them fails, and so does who would write it.
fn is_unreadable(bytes: &[u8], name: &str) -> bool {
    let read = parse(bytes).unwrap();
    assert_eq!(read.root.unreadable == [name], read.unreachable.unreadable == [name]);
    assert_eq!(read.root.stream(name).is_err(), read.root.write().is_err());
    read.root.unreadable == [name] && read.root.stream(name).is_err()
}

/// Bytes that differ from sector to sector and never are zero.
fn noise(size: usize) -> Vec<u8> {
    (0..size).map(|n| u8::try_from((n / 7 + n / 512 * 3) % 255).unwrap() + 1).collect()
}

fn with(streams: &[(&str, usize)]) -> Storage<'static> {
    let mut root = Storage::new("", [7; 16]);
    for (name, size) in streams {
        root.add(name, noise(*size));
    }
    root
}

fn link_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn word(bytes: &[u8], at: usize) -> usize {
    usize::try_from(link_at(bytes, at)).unwrap()
}

fn patch(bytes: &mut [u8], at: usize, value: impl TryInto<u32>) {
    let value = value.try_into().unwrap_or_else(|_| panic!("too large"));
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// Where the directory entry of this name begins. The directory is at the first sectors.
fn entry(bytes: &[u8], name: &str) -> usize {
    let name: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    (512..bytes.len()).step_by(ENTRY).find(|&at| bytes[at..].starts_with(&name)).unwrap()
}

/// Where the FAT has the link of a sector.
fn link(bytes: &[u8], sector: usize) -> usize {
    let table = word(bytes, 76 + sector / 128 * 4);
    (table + 1) * 512 + sector % 128 * 4
}

/// Makes a stream begin behind the file.
pub(crate) fn damage(bytes: &mut [u8], name: &str) {
    let at = entry(bytes, name) + 116;
    patch(bytes, at, 0x00ff_ffff_u32);
}

fn start(bytes: &[u8], name: &str) -> usize {
    word(bytes, entry(bytes, name) + 116)
}

/// A flat list of what is in a storage, to compare regardless of order.
fn listing(storage: &Storage<'_>, path: &str, into: &mut BTreeMap<String, Vec<u8>>) {
    for stream in &storage.streams {
        into.insert(format!("{path}/{}", stream.name), stream.bytes.to_vec());
    }
    for inner in &storage.storages {
        into.insert(format!("{path}/{}/", inner.name), inner.class.to_vec());
        listing(inner, &format!("{path}/{}", inner.name), into);
    }
}

fn round_trip(root: &Storage<'_>) {
    let written = root.write().unwrap();
    let read = parse(&written).unwrap();
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    listing(root, "", &mut before);
    listing(&read.root, "", &mut after);
    assert!(before == after);
    assert_eq!(read.root.class, root.class);
    assert_eq!(read.unreachable, Unreachable::default());
    assert!(read.root.write().unwrap() == written, "writing what was read changes bytes");
}

#[test]
fn streams_of_every_kind_of_size_come_back() {
    let sizes = [0, 1, 63, 64, 65, 511, 512, 513, 4095, 4096, 4097, 70_000];
    for size in sizes {
        round_trip(&with(&[("a", size)]));
        round_trip(&with(&[("a", size), ("b", 5000), ("c", 100), ("d", size)]));
    }
}

#[test]
fn every_number_of_entries_makes_a_sound_red_black_tree() {
    for count in 0..40_usize {
        let names: Vec<String> = (0..count).map(|n| "x".repeat(n % 5 + 1) + &n.to_string()).collect();
        let streams: Vec<(&str, usize)> = names.iter().map(|name| (name.as_str(), count)).collect();
        let root = with(&streams);
        round_trip(&root);
        let bytes = root.write().unwrap();
        let directory = &bytes[512..];
        let top = link_at(directory, 76);
        if count > 0 {
            assert_eq!(directory[ENTRY * word(directory, 76) + 67], 1, "the top is black");
        }
        let mut sorted = Vec::new();
        blacks(directory, top, false, &mut sorted);
        assert_eq!(sorted.len(), count);
        assert!(sorted.windows(2).all(|pair| order(&pair[0], &pair[1]).is_lt()));
    }
}

/// Checks the tree below `at` and gives its black height; appends its names in order.
fn blacks(directory: &[u8], at: u32, below_red: bool, names: &mut Vec<String>) -> usize {
    if at == NO_ENTRY {
        return 0;
    }
    let entry = &directory[ENTRY * usize::try_from(at).unwrap()..][..ENTRY];
    let red = entry[67] == 0;
    assert!(!(red && below_red), "a red entry below a red one");
    let left = blacks(directory, link_at(entry, 68), red, names);
    let units: Vec<u16> =
        entry[..64].as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
    names.push(String::from_utf16(&units).unwrap().trim_end_matches('\0').to_owned());
    let right = blacks(directory, link_at(entry, 72), red, names);
    assert_eq!(left, right, "black heights");
    left + usize::from(!red)
}

#[test]
fn storages_in_storages_come_back() {
    let mut root = with(&[("top", 10), ("large", 9000)]);
    let mut outer = Storage::new("Outer", [1; 16]);
    outer.add("x", noise(4096));
    for n in 0..9 {
        let mut inner = Storage::new(&format!("inner{n}"), [n; 16]);
        inner.add("\u{5}SummaryInformation", noise(usize::from(n) * 700));
        inner.storages.push(Storage::new("empty", [0; 16]));
        outer.storages.push(inner);
    }
    root.storages.push(outer);
    round_trip(&root);
}

#[test]
fn a_large_file_has_further_allocation_tables() {
    let root = with(&[("a", 7_200_000), ("b", 3_000), ("c", 100_000)]);
    let bytes = root.write().unwrap();
    assert!(word(&bytes, 72) > 0, "it has a DIFAT sector");
    round_trip(&root);
    // The table's own sectors are the ones that need one more.
    for sectors in 13_730..13_760 {
        round_trip(&with(&[("a", sectors * 512)]));
    }
}

#[test]
fn names_are_ordered_by_length_then_upper_case() {
    assert!(order("zz", "aaa").is_lt());
    assert!(order("b", "C").is_lt());
    assert!(order("Äx", "äX").is_eq());
    // ß has no upper case of one unit.
    assert!(order("ß", "ẞ").is_ne());
    let root = with(&[("WordDocument", 5)]);
    assert_eq!(root.stream("WORDDOCUMENT").unwrap().map(<[u8]>::len), Some(5));
}

#[test]
fn names_that_no_file_can_have_are_not_written() {
    for name in ["", "a\0b", &"x".repeat(32)] {
        assert!(with(&[(name, 1)]).write().is_err(), "{name:?}");
    }
    assert!(with(&[("a", 1), ("A", 1)]).write().is_err());
    round_trip(&with(&[(&"x".repeat(31), 1)]));
}

#[test]
fn scattered_streams_are_put_together() {
    let mut bytes = with(&[("a", 5000)]).write().unwrap();
    let first = start(&bytes, "a");
    // Exchanges the second and third sector of the chain.
    let (second, third) = ((first + 2) * 512, (first + 3) * 512);
    let held = bytes[second..second + 512].to_vec();
    bytes.copy_within(third..third + 512, second);
    bytes[third..third + 512].copy_from_slice(&held);
    for (at, next) in [(first, first + 2), (first + 2, first + 1), (first + 1, first + 3)] {
        let at = link(&bytes, at);
        patch(&mut bytes, at, next);
    }
    let read = parse(&bytes).unwrap();
    assert!(read.root.stream("a").unwrap() == Some(&noise(5000)));
    let limits = Limits { max_expanded_bytes: 4999, ..Limits::default() };
    let failure = bench(&limits, |job| Compound::parse(&bytes, job).map(|_| ())).0.unwrap_err();
    assert!(failure.to_string().contains("max_expanded_bytes"), "{failure}");
}

#[test]
fn version_4_has_larger_sectors() {
    // Header, directory, FAT, a stream: each a sector of 4,096 bytes.
    let old = with(&[("a", 4096)]).write().unwrap();
    let mut bytes = old[..512].to_vec();
    bytes[26] = 4;
    bytes[30] = 12;
    patch(&mut bytes, 44, 1);
    patch(&mut bytes, 76, 1);
    bytes.resize(4096, 0);
    bytes.extend(&old[512..1024]);
    let at = entry(&bytes, "a");
    patch(&mut bytes, at + 116, 2);
    bytes.resize(8192, 0);
    bytes.extend([END_OF_CHAIN, FAT_SECTOR, END_OF_CHAIN].iter().flat_map(|link| link.to_le_bytes()));
    bytes.resize(12288, 0xff);
    bytes.extend(noise(4096));
    let read = parse(&bytes).unwrap();
    assert!(read.root.stream("a").unwrap() == Some(&noise(4096)));
    patch(&mut bytes, at + 124, 1);
    assert!(is_unreadable(&bytes, "a"), "the upper half of the size counts");
}

#[test]
fn garbage_in_the_upper_half_of_a_version_3_size_is_ignored() {
    let mut bytes = with(&[("a", 5000)]).write().unwrap();
    let at = entry(&bytes, "a") + 124;
    patch(&mut bytes, at, 0xdead_beef_u32);
    assert!(parse(&bytes).unwrap().root.stream("a").unwrap() == Some(&noise(5000)));
}

#[test]
fn the_last_sector_may_be_cut_behind_its_last_byte() {
    let mut bytes = with(&[("a", 5000)]).write().unwrap();
    // Puts the table before the stream: it is the last sector, so the stream's last sector changes places with it.
    let table = word(&bytes, 76);
    let last = table - 1;
    let (a, b) = ((last + 1) * 512, (table + 1) * 512);
    let held = bytes[a..a + 512].to_vec();
    bytes.copy_within(b..b + 512, a);
    bytes[b..b + 512].copy_from_slice(&held);
    patch(&mut bytes, 76, last);
    let (at, own, new) = (link(&bytes, last - 1), link(&bytes, last), link(&bytes, table));
    patch(&mut bytes, at, table);
    patch(&mut bytes, own, FAT_SECTOR);
    patch(&mut bytes, new, END_OF_CHAIN);
    bytes.truncate(b + 5000 % 512);
    assert!(parse(&bytes).unwrap().root.stream("a").unwrap() == Some(&noise(5000)));
    bytes.pop();
    assert!(is_unreadable(&bytes, "a"));
}

#[test]
fn chain_that_loops() {
    let mut bytes = with(&[("a", 5000)]).write().unwrap();
    let first = start(&bytes, "a");
    let at = link(&bytes, first + 3);
    patch(&mut bytes, at, first);
    assert!(refusal(&bytes).contains("used twice"));
}

#[test]
fn chain_of_short_streams_that_loops() {
    let mut bytes = with(&[("a", 300)]).write().unwrap();
    let table = (word(&bytes, 60) + 1) * 512;
    patch(&mut bytes, table + 8, 0);
    assert!(refusal(&bytes).contains("used twice"));
}

#[test]
fn sector_used_by_two_streams() {
    let mut bytes = with(&[("a", 5000), ("b", 5000)]).write().unwrap();
    let first = start(&bytes, "a");
    let at = entry(&bytes, "b") + 116;
    patch(&mut bytes, at, first);
    assert!(refusal(&bytes).contains("used twice"));
    let mut bytes = with(&[("a", 50), ("b", 50)]).write().unwrap();
    let at = entry(&bytes, "b") + 116;
    patch(&mut bytes, at, 0_u32);
    assert!(refusal(&bytes).contains("used twice"));
}

#[test]
fn stream_that_reads_the_directory_or_the_tables() {
    let bytes = with(&[("a", 5000)]).write().unwrap();
    for sector in [0, word(&bytes, 76)] {
        let mut bytes = bytes.clone();
        let at = entry(&bytes, "a") + 116;
        patch(&mut bytes, at, sector);
        assert!(refusal(&bytes).contains("used twice"), "{sector}");
    }
}

#[test]
fn directory_that_loops() {
    let bytes = with(&[("a", 1), ("b", 1), ("c", 1)]).write().unwrap();
    for (name, link, to) in [("a", 68, 1), ("a", 72, 2), ("b", 68, 0), ("c", 72, 3)] {
        let mut bytes = bytes.clone();
        let at = entry(&bytes, name) + link;
        patch(&mut bytes, at, to);
        assert!(refusal(&bytes).contains("loop"), "{name} {link}");
    }
    let mut root = Storage::new("", [0; 16]);
    root.storages.push(Storage::new("s", [0; 16]));
    let mut bytes = root.write().unwrap();
    let at = entry(&bytes, "s") + 76;
    patch(&mut bytes, at, 1);
    assert!(refusal(&bytes).contains("loop"));
}

#[test]
fn directory_that_names_an_entry_outside() {
    let mut bytes = with(&[("a", 1)]).write().unwrap();
    let at = entry(&bytes, "a") + 68;
    patch(&mut bytes, at, 77);
    assert!(refusal(&bytes).contains("not there"));
}

#[test]
fn size_lies() {
    for (size, lie) in [(5000, 5121), (5000, u32::MAX), (300, 321), (300, 4095), (5000, 300)] {
        let mut bytes = with(&[("a", size)]).write().unwrap();
        let at = entry(&bytes, "a") + 120;
        patch(&mut bytes, at, lie);
        assert!(is_unreadable(&bytes, "a"), "{size} {lie}");
    }
    let mut bytes = with(&[("a", 300)]).write().unwrap();
    let at = entry(&bytes, "a") + 120;
    patch(&mut bytes, at, 5000);
    assert!(refusal(&bytes).contains("used twice"), "its first sector is the directory's");
    // Shorter than its chain: the rest is left behind, and noted.
    for (size, lie) in [(9000, 4200), (900, 100)] {
        let mut bytes = with(&[("a", size)]).write().unwrap();
        let at = entry(&bytes, "a") + 120;
        patch(&mut bytes, at, lie);
        let read = parse(&bytes).unwrap();
        assert_eq!(read.root.stream("a").unwrap().map(<[u8]>::len), usize::try_from(lie).ok());
        assert!(read.unreachable.sectors > 0);
    }
}

#[test]
fn orphaned_stream() {
    let mut bytes = with(&[("Macros", 5000), ("a", 5000)]).write().unwrap();
    let kept = (entry(&bytes, "a") - 512) / ENTRY;
    let (at, own) = (512 + 76, 512 + kept * ENTRY);
    patch(&mut bytes, at, kept);
    patch(&mut bytes, own + 68, NO_ENTRY);
    patch(&mut bytes, own + 72, NO_ENTRY);
    let read = parse(&bytes).unwrap();
    assert_eq!(read.unreachable.orphans, ["Macros"]);
    assert_eq!(read.unreachable.sectors, 10);
    assert!(read.root.stream("Macros").unwrap().is_none());
    let written = read.root.write().unwrap();
    assert_eq!(written, with(&[("a", 5000)]).write().unwrap());
    let (_, removed, _) = bench(&Limits::default(), |job| read.unreachable.note(job));
    assert_eq!(removed.len(), 2);
    assert!(removed.iter().all(|removed| removed.what == What::Unreachable));
}

#[test]
fn data_in_free_sectors() {
    let mut bytes = with(&[("a", 5000)]).write().unwrap();
    let count = bytes.len() / 512 - 1;
    let at = link(&bytes, count);
    bytes.extend(noise(512));
    // An empty sector in use behind it.
    bytes.extend([0; 512]);
    let first = start(&bytes, "a");
    let end = link(&bytes, first + 9);
    patch(&mut bytes, end, count + 1);
    patch(&mut bytes, at + 4, END_OF_CHAIN);
    let size = entry(&bytes, "a") + 120;
    patch(&mut bytes, size, 5500);
    let read = parse(&bytes).unwrap();
    assert_eq!(read.unreachable, Unreachable { sectors: 1, ..Unreachable::default() });
}

#[test]
fn data_in_free_short_sectors() {
    let mut bytes = with(&[("a", 64), ("b", 64)]).write().unwrap();
    let at = entry(&bytes, "b") + 120;
    patch(&mut bytes, at, 0_u32);
    assert_eq!(parse(&bytes).unwrap().unreachable.sectors, 1);
}

#[test]
fn bytes_behind_the_file() {
    let clean = with(&[("a", 5000)]).write().unwrap();
    let mut bytes = clean.clone();
    bytes.extend(b"PK\x03\x04");
    let read = parse(&bytes).unwrap();
    assert_eq!(read.unreachable, Unreachable { behind: 4, ..Unreachable::default() });
    assert_eq!(read.root.write().unwrap(), clean);
    let mut bytes = clean;
    bytes.extend([0; 4096]);
    assert_eq!(parse(&bytes).unwrap().unreachable, Unreachable::default());
}

#[test]
fn slack_is_not_copied() {
    let clean = with(&[("a", 5000), ("b", 10)]).write().unwrap();
    let mut bytes = clean.clone();
    let at = (start(&bytes, "a") + 10) * 512 + 5000 % 512;
    bytes[at..at + 4].copy_from_slice(b"PK\x03\x04");
    let read = parse(&bytes).unwrap();
    assert_eq!(read.root.write().unwrap(), clean);
}

#[test]
fn lists_of_tables_that_lie() {
    let bytes = with(&[("a", 5000)]).write().unwrap();
    let table = link_at(&bytes, 76);
    for (at, lie) in [(44, 0), (44, 2), (44, u32::MAX), (68, 0), (72, 1), (76, table + 1), (64, 1), (60, 0)] {
        let mut bytes = bytes.clone();
        patch(&mut bytes, at, lie);
        assert!(parse(&bytes).is_err(), "{at} {lie}");
    }
    let bytes = with(&[("a", 7_200_000)]).write().unwrap();
    let difat = word(&bytes, 68);
    let mut looped = bytes.clone();
    patch(&mut looped, 72, 2);
    patch(&mut looped, (difat + 2) * 512 - 4, difat);
    assert!(refusal(&looped).contains("used twice"));
    let mut endless = bytes.clone();
    patch(&mut endless, 72, u32::MAX);
    assert!(parse(&endless).is_err());
}

#[test]
fn tables_listed_behind_their_number_do_not_count() {
    let clean = with(&[("a", 70_000)]).write().unwrap();
    let tables = word(&clean, 44);
    for lie in [0_u32, 5, 0xffff_ffea] {
        let mut bytes = clean.clone();
        patch(&mut bytes, 76 + tables * 4, lie);
        assert!(parse(&bytes).unwrap().root.write().unwrap() == clean, "{lie}");
    }
    // Nor do the links that are in them.
    let mut bytes = clean;
    patch(&mut bytes, 44, tables - 1);
    assert!(is_unreadable(&bytes, "a"));
}

#[test]
fn what_is_linked_behind_a_stream_is_not_followed() {
    let mut bytes = with(&[("a", 5000), ("b", 5000), ("c", 300), ("d", 300)]).write().unwrap();
    let clean = bytes.clone();
    let (a, b) = (start(&bytes, "a"), start(&bytes, "b"));
    let table = (word(&bytes, 60) + 1) * 512;
    for to in [u32::try_from(a).unwrap(), u32::try_from(b).unwrap(), 0x00ff_ffff, FREE, FAT_SECTOR] {
        let at = link(&bytes, a + 9);
        patch(&mut bytes, at, to);
        patch(&mut bytes, table + start(&clean, "c") * 4 + 16, to);
        let read = parse(&bytes).unwrap();
        assert!(read.root.write().unwrap() == clean, "{to}");
        assert_eq!(read.unreachable, Unreachable::default(), "{to}");
    }
}

#[test]
fn chain_that_leaves_the_file_or_ends_early_costs_its_stream_alone() {
    let clean = with(&[("a", 5000), ("b", 5000), ("c", 300), ("d", 300)]).write().unwrap();
    let table = (word(&clean, 60) + 1) * 512;
    let large = link(&clean, start(&clean, "a") + 3);
    let short = table + start(&clean, "c") * 4;
    for lie in [0x00ff_ffff, END_OF_CHAIN, FREE, FAT_SECTOR, 0x8000_0000] {
        for (at, hit, others) in [(large, "a", ["b", "c", "d"]), (short, "c", ["a", "b", "d"])] {
            let mut bytes = clean.clone();
            patch(&mut bytes, at, lie);
            assert!(is_unreadable(&bytes, hit), "{lie:x} {hit}");
            let read = parse(&bytes).unwrap();
            let kept = parse(&clean).unwrap();
            for other in others {
                assert!(
                    read.root.stream(other).unwrap() == kept.root.stream(other).unwrap(),
                    "{lie:x} {other}"
                );
            }
            let (_, removed, _) = bench(&Limits::default(), |job| read.unreachable.note(job));
            assert!(removed.iter().any(|removed| removed.r#where.contains("unreadable ")));
        }
    }
}

#[test]
fn short_streams_go_with_the_stream_that_holds_them() {
    let mut bytes = with(&[("a", 300), ("b", 5000)]).write().unwrap();
    patch(&mut bytes, 512 + 116, 0x00ff_ffff_u32);
    assert!(is_unreadable(&bytes, "a"));
    assert!(parse(&bytes).unwrap().root.stream("b").unwrap() == Some(&noise(5000)));
}

#[test]
fn stream_that_shares_sectors_with_an_unreadable_one() {
    let mut bytes = with(&[("a", 5000), ("b", 5000)]).write().unwrap();
    let (a, b) = (start(&bytes, "a"), start(&bytes, "b"));
    // One chain runs into the other, which leaves the file.
    let (first, second) = (link(&bytes, a + 3), link(&bytes, b + 7));
    patch(&mut bytes, first, b);
    patch(&mut bytes, second, 0x00ff_ffff_u32);
    assert!(refusal(&bytes).contains("used twice"));
}

#[test]
fn directory_that_leaves_the_file() {
    let bytes = with(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)]).write().unwrap();
    for lie in [0x00ff_ffff, FREE, FAT_SECTOR] {
        let mut bytes = bytes.clone();
        let at = link(&bytes, 0);
        patch(&mut bytes, at, lie);
        assert!(refusal(&bytes).contains("a table's chain"), "{lie:x}");
    }
}

#[test]
fn names_that_readers_see_differently() {
    let bytes = with(&[("ab", 1), ("cd", 1)]).write().unwrap();
    let at = entry(&bytes, "ab");
    let change = |place: usize, to: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at + place..at + place + to.len()].copy_from_slice(to);
        refusal(&bytes)
    };
    assert!(change(0, b"C\0D\0").contains("same name"));
    assert!(change(0, b"\0\0").contains("proper name"));
    assert!(change(0, b"\0\xd8").contains("proper name"), "half a character");
    assert!(change(4, b"x\0").contains("proper name"), "no end");
    assert!(change(64, b"\x05").contains("proper name"), "odd length");
    assert!(change(64, b"\x42").contains("proper name"), "too long");
    assert!(change(64, b"\x02").contains("proper name"), "empty");
    assert!(change(66, b"\x05").contains("neither"), "a second root");
}

#[test]
fn headers_that_lie() {
    let bytes = with(&[("a", 5000)]).write().unwrap();
    for (at, lie) in [(0, 0), (26, 4), (26, 5), (28, 0), (30, 12), (30, 40), (32, 9), (57, 0), (512 + 66, 1)]
    {
        let mut bytes = bytes.clone();
        bytes[at] = lie;
        assert!(parse(&bytes).is_err(), "{at} {lie}");
    }
    for end in [0, 8, 511, 512, 600, 1023, 1024, 2000] {
        assert!(parse(&bytes[..end]).is_err(), "{end}");
    }
}

#[test]
fn orphaned_entries_count_too() {
    let mut bytes = with(&[("a", 1), ("b", 1), ("c", 1)]).write().unwrap();
    // The root names no entry any more.
    patch(&mut bytes, 512 + 76, NO_ENTRY);
    for (max_members, is_refused) in [(2, true), (3, false)] {
        let limits = Limits { max_members, ..Limits::default() };
        let result = bench(&limits, |job| Compound::parse(&bytes, job).map(|_| ())).0;
        assert_eq!(result.is_err_and(|failure| failure.to_string().contains("max_members")), is_refused);
    }
}

#[test]
fn limits_hold() {
    let bytes = with(&[("a", 1), ("b", 1), ("c", 1)]).write().unwrap();
    let limits = Limits { max_members: 3, ..Limits::default() };
    let failure = bench(&limits, |job| Compound::parse(&bytes, job).map(|_| ())).0.unwrap_err();
    assert!(failure.to_string().contains("max_members"), "{failure}");
    let mut deep = Storage::new("s", [0; 16]);
    for _ in 0..9 {
        let mut outer = Storage::new("s", [0; 16]);
        outer.storages.push(deep);
        deep = outer;
    }
    let bytes = deep.write().unwrap();
    let limits = Limits { max_nesting: 9, ..Limits::default() };
    let failure = bench(&limits, |job| Compound::parse(&bytes, job).map(|_| ())).0.unwrap_err();
    assert!(failure.to_string().contains("max_nesting"), "{failure}");
}
