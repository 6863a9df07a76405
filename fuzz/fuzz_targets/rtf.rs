//! Rich Text Format, also behind a header that spares the fuzzer from finding it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for head in ["", "{\\rtf1 "] {
        sluse_fuzz::rebuilds_to_itself(&[head.as_bytes(), bytes].concat(), &["a.rtf"]);
    }
});
