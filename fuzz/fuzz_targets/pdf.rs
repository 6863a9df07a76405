#![no_main]
//! Any bytes named `.pdf`: no panic, and what is rebuilt rebuilds to itself without a further removal.

use libfuzzer_sys::fuzz_target;
use sluse_sanitize::{Declared, Limits, NoInspector, sanitize};

fuzz_target!(|bytes: &[u8]| {
    let declared = Declared { name: "a.pdf", media_type: "application/pdf" };
    let limits = Limits { max_bytes: 1 << 20, max_expanded_bytes: 8 << 20, ..Limits::default() };
    let mut run = |bytes: &[u8]| sanitize(bytes, &declared, &limits, &mut NoInspector).into_parts();
    if let (Some((file, _)), report) = run(bytes) {
        assert_eq!(report.found, "pdf");
        let (again, second) = run(&file);
        assert_eq!(again.map(|(file, _)| file), Some(file));
        assert!(second.removed.is_empty());
    }
});
