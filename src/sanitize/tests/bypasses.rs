//! Is every bypass in `BYPASSES.md` followed by tests that exist?
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::path::{Path, PathBuf};

/// The source file of a test, and the test's own name: `a::b::tests::name` is in `a/b/tests.rs`, or else in `a/b.rs`.
fn place(test: &str) -> Option<(PathBuf, &str)> {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (root, path) = match test.split_once("::")? {
        ("system", path) => (crate_folder.join("../../tests/system"), path),
        ("scan", _) => (crate_folder.join("../sluse/src"), test),
        _ => (crate_folder.join("src"), test),
    };
    let (module, name) = path.rsplit_once("::")?;
    let inner = root.join(module.replace("::", "/")).with_extension("rs");
    let outer = inner.parent()?.with_extension("rs");
    [inner, outer].into_iter().find(|file| file.is_file()).map(|file| (file, name))
}

fn is_test(test: &str) -> bool {
    let Some((file, name)) = place(test) else { return false };
    let source = std::fs::read_to_string(file).unwrap();
    let Some((before, _)) = source.split_once(&format!("fn {name}(")) else { return false };
    let attributes = before.rsplit("\n\n").next().unwrap_or_default();
    attributes.contains("#[test]") || attributes.contains("#[tokio::test")
}

#[test]
fn every_bypass_has_a_test_that_exists() {
    let list = include_str!("../BYPASSES.md");
    let rows: Vec<&str> = list
        .lines()
        .filter(|line| line.starts_with('|') && !line.starts_with("| bypass |") && !line.starts_with("|--"))
        .collect();
    assert!(rows.len() > 70, "{}", rows.len());
    for row in rows {
        let cell = row.trim_end_matches(['|', ' ']).rsplit(" | ").next().unwrap_or_default();
        let tests: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test: {row}");
        for test in tests {
            assert!(is_test(test), "{test} is no test");
        }
    }
}
