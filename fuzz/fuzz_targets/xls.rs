//! Arbitrary bytes as a legacy workbook, and as the records of one: what is rebuilt passes verification and rebuilds to
//! itself.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    sluse_fuzz::rebuilds_to_itself(bytes, &["a.xls"]);
    sluse_fuzz::rebuilds_to_itself(&compound(bytes), &["a.xls"]);
});

/// A compound file of version 3 whose only stream, Workbook, holds these bytes and zeros behind them, 4,096 at least, so
/// that it is a chain of sectors: header │ FAT │ directory │ stream. One FAT sector is enough for 64,512 bytes.
fn compound(stream: &[u8]) -> Vec<u8> {
    let mut stream = stream.get(..125 * 512).unwrap_or(stream).to_vec();
    stream.resize(stream.len().max(4096).next_multiple_of(512), 0);
    let mut out = vec![0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
    out.resize(24, 0);
    for short in [0x3e_u16, 3, 0xfffe, 9, 6] {
        out.extend(short.to_le_bytes());
    }
    out.resize(44, 0);
    for long in [1_u32, 1, 0, 4096, 0xffff_fffe, 0, 0xffff_fffe, 0, 0] {
        out.extend(long.to_le_bytes());
    }
    out.resize(512, 0xff);
    let mut fat = vec![0xffff_fffd, 0xffff_fffe];
    let sectors = u32::try_from(stream.len() / 512).unwrap_or_default();
    fat.extend((3..2 + sectors).chain([0xffff_fffe]));
    fat.resize(128, 0xffff_ffff);
    out.extend(fat.iter().flat_map(|link: &u32| link.to_le_bytes()));
    for (name, kind, child, start, size) in
        [("Root Entry", 5, 1, 0xffff_fffe, 0), ("Workbook", 2, 0xffff_ffff_u32, 2_u32, stream.len())]
    {
        let end = out.len() + 64;
        out.extend(name.bytes().flat_map(|letter| [letter, 0]));
        out.resize(end, 0);
        out.extend([u8::try_from(name.len() * 2 + 2).unwrap_or_default(), 0, kind, 1]);
        out.extend([0xff; 8]);
        out.extend(child.to_le_bytes());
        out.extend([0; 36]);
        out.extend(start.to_le_bytes());
        out.extend(u32::try_from(size).unwrap_or_default().to_le_bytes());
        out.extend([0; 4]);
    }
    out.resize(out.len().next_multiple_of(512), 0);
    out.append(&mut stream);
    out
}
