//! Arbitrary archives: what is rebuilt passes verification and rebuilds to itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluse_sanitize::{Declared, Limits, NoInspector, Settings, sanitize};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { max_bytes: 1 << 20, max_expanded_bytes: 4 << 20, max_pixels: 1 << 16, ..Limits::default() };
    let settings = Settings { limits, ..Settings::default() };
    let (file, report) = sanitize(bytes, &Declared::default(), &settings, &mut NoInspector).into_parts();
    assert!(!report.reason.contains("did not pass verification"), "{}", report.reason);
    let Some((file, _)) = file else { return };
    let (again, report) = sanitize(&file, &Declared::default(), &settings, &mut NoInspector).into_parts();
    assert!(again.is_some_and(|(again, _)| again == file), "{}", report.reason);
    assert!(report.removed.is_empty(), "{:?}", report.removed);
});
