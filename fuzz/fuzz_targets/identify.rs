//! Arbitrary bytes under arbitrary names: an answer for each; and bytes that a name makes acceptable are of the same
//! format without it, or of another text format.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluse_sanitize::{Declared, Format, identify};

fuzz_target!(|input: (&str, &str, &[u8])| {
    let (name, media_type, bytes) = input;
    let named = identify(bytes, &Declared { name, media_type });
    let nameless = identify(bytes, &Declared::default());
    let textual = |format| matches!(format, Format::Text | Format::Csv | Format::Json | Format::Xml);
    let chosen_by_name = |format| textual(format) || matches!(format, Format::Html | Format::Mime);
    if named.objection.is_none() && named.format != nameless.format {
        assert!(chosen_by_name(named.format) && chosen_by_name(nameless.format), "{named:?} {nameless:?}");
    }
});
