//! Structured and plain texts.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sluse_fuzz::rebuilds_to_itself(bytes, &["a.xml", "a.json", "a.csv", "a.txt"]));
