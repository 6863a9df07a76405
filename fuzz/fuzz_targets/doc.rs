//! Legacy Word documents.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sluse_fuzz::rebuilds_to_itself(bytes, &["a.doc"]));
