//! Arbitrary records between a sound header and end: what is rebuilt passes verification and rebuilds to itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluse_sanitize::{Declared, Limits, NoInspector, Settings, sanitize};

/// EMR_HEADER for 16 objects, with a device of 9 × 9 pixels.
fn emf(records: &[u8]) -> Vec<u8> {
    let mut head = vec![1, 0, 0, 0, 88, 0, 0, 0];
    head.resize(40, 0);
    head.extend(b" EMF\0\0\x01\0\0\0\0\0\0\0\0\0\x10\0\0\0");
    head.resize(72, 0);
    head.extend([9, 0, 0, 0].repeat(4));
    [&head, records, &[14, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 20, 0, 0, 0]].concat()
}

/// META_HEADER for 16 objects.
fn wmf(records: &[u8]) -> Vec<u8> {
    let head = b"\x01\0\x09\0\0\x03\0\0\0\0\x10\0\0\0\0\0\0\0";
    [head, records, &[3, 0, 0, 0, 0, 0]].concat()
}

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { max_bytes: 1 << 20, max_expanded_bytes: 4 << 20, max_pixels: 1 << 16, ..Limits::default() };
    let settings = Settings { limits, ..Settings::default() };
    let declared = Declared { name: "", media_type: "" };
    let Some((first, records)) = bytes.split_first() else { return };
    let bytes = if first % 2 == 0 { emf(records) } else { wmf(records) };
    let (file, report) = sanitize(&bytes, &declared, &settings, &mut NoInspector).into_parts();
    assert!(!report.reason.contains("did not pass verification"), "{}", report.reason);
    let Some((file, _)) = file else { return };
    let (again, report) = sanitize(&file, &declared, &settings, &mut NoInspector).into_parts();
    assert!(again.is_some_and(|(again, _)| again == file), "{}", report.reason);
    assert!(report.removed.is_empty(), "{:?}", report.removed);
});
