//! Metafiles: records between a sound header and end.
#![no_main]

use libfuzzer_sys::fuzz_target;

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
    let Some((first, records)) = bytes.split_first() else { return };
    let bytes = if first % 2 == 0 { emf(records) } else { wmf(records) };
    sluse_fuzz::rebuilds_to_itself(&bytes, &[""]);
});
