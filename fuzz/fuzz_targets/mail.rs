//! Arbitrary bytes under the names of mails, pages and drawings: what is rebuilt passes verification and rebuilds to itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluse_sanitize::{Declared, Limits, NoInspector, Settings, sanitize};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { max_bytes: 1 << 20, max_expanded_bytes: 8 << 20, max_pixels: 1 << 16, ..Limits::default() };
    let settings = Settings { limits, ..Settings::default() };
    for name in ["a.eml", "a.msg", "a.html", "a.svg"] {
        let (file, report) = sanitize(bytes, &Declared { name, media_type: "" }, &settings, &mut NoInspector).into_parts();
        assert!(!report.reason.contains("did not pass verification"), "{}", report.reason);
        let Some((file, format)) = file else { continue };
        let name = format!("a.{}", format.extension());
        let (again, second) =
            sanitize(&file, &Declared { name: &name, media_type: "" }, &settings, &mut NoInspector).into_parts();
        assert!(again.is_some_and(|(again, _)| again == file), "{}", second.reason);
    }
});
