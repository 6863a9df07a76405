//! OpenDocument files; also as the content and a picture of one, with a NUL between them.
#![no_main]

use libfuzzer_sys::fuzz_target;

const MIMETYPE: &[u8] = b"application/vnd.oasis.opendocument.text";
const MANIFEST: &[u8] = b"<m:manifest xmlns:m=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\"/>";

fuzz_target!(|bytes: &[u8]| {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let (content, picture) = bytes.split_at(end);
    let members = [
        ("mimetype", MIMETYPE),
        ("content.xml", content),
        ("Pictures/a", picture.get(1..).unwrap_or_default()),
        ("META-INF/manifest.xml", MANIFEST),
    ];
    for bytes in [bytes, &archive(&members)] {
        sluse_fuzz::rebuilds_to_itself(bytes, &["a.odt"]);
    }
});

/// A ZIP of stored members.
fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in members {
        let offset = out.len() as u32;
        let mut head = vec![20, 0, 0, 0, 0, 0, 0, 0, 33, 0];
        head.extend(crc(bytes).to_le_bytes());
        head.extend([(bytes.len() as u32).to_le_bytes(); 2].concat());
        head.extend((name.len() as u16).to_le_bytes());
        head.extend([0, 0]);
        out.extend([b"PK\x03\x04", &head[..], name.as_bytes(), bytes].concat());
        directory.extend([b"PK\x01\x02\x14\0", &head[..], &[0; 10], &offset.to_le_bytes(), name.as_bytes()].concat());
    }
    let count = (members.len() as u16).to_le_bytes();
    let (size, offset) = ((directory.len() as u32).to_le_bytes(), (out.len() as u32).to_le_bytes());
    out.extend(directory);
    out.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count, &size, &offset, &[0, 0]].concat());
    out
}

/// CRC-32 as in ZIP.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}
