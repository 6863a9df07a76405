//! Arbitrary bytes as an OpenDocument file, and as the content and a picture of one: what is rebuilt passes verification
//! and rebuilds to itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluse_sanitize::{Declared, Limits, NoInspector, Settings, sanitize};

const MIMETYPE: &[u8] = b"application/vnd.oasis.opendocument.text";
const MANIFEST: &[u8] = b"<m:manifest xmlns:m=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\"/>";

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { max_bytes: 1 << 20, max_expanded_bytes: 8 << 20, max_pixels: 1 << 16, ..Limits::default() };
    let settings = Settings { limits, ..Settings::default() };
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let (content, picture) = bytes.split_at(end);
    let members = [
        ("mimetype", MIMETYPE),
        ("content.xml", content),
        ("Pictures/a", picture.get(1..).unwrap_or_default()),
        ("META-INF/manifest.xml", MANIFEST),
    ];
    for bytes in [bytes, &archive(&members)] {
        let declared = Declared { name: "a.odt", media_type: "" };
        let (file, report) = sanitize(bytes, &declared, &settings, &mut NoInspector).into_parts();
        assert!(!report.reason.contains("did not pass verification"), "{}", report.reason);
        let Some((file, _)) = file else { continue };
        let (again, report) = sanitize(&file, &declared, &settings, &mut NoInspector).into_parts();
        assert!(again.is_some_and(|(again, _)| again == file), "{}", report.reason);
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
