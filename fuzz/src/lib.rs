//! What must hold for any bytes whatever under any of a format's names.

use sluse_sanitize::{Declared, Limits, NoInspector, Settings, sanitize};

/// There is an answer; what is rebuilt passed its verification, and rebuilds to itself without a further removal.
pub fn rebuilds_to_itself(bytes: &[u8], names: &[&str]) {
    let limits = Limits { max_bytes: 1 << 20, max_expanded_bytes: 8 << 20, max_pixels: 1 << 16, ..Limits::default() };
    let settings = Settings { limits, ..Settings::default() };
    for name in names {
        let declared = Declared { name, media_type: "" };
        let (file, report) = sanitize(bytes, &declared, &settings, &mut NoInspector).into_parts();
        assert!(!report.reason.contains("did not pass verification"), "{}", report.reason);
        let Some((file, format)) = file else { continue };
        let name = format!("a.{}", format.extension());
        let declared = Declared { name: &name, media_type: "" };
        let (again, report) = sanitize(&file, &declared, &settings, &mut NoInspector).into_parts();
        assert!(again.is_some_and(|(again, _)| again == file), "{}", report.reason);
        assert!(report.removed.is_empty(), "{:?}", report.removed);
    }
}
