//! Names of delivered files: what the citizen called them, as far as any file system and any reader can bear.

use std::collections::HashSet;

use sluse_sanitize::Format;

use crate::untrusted::Untrusted;

/// Longest stem of a delivered name, in bytes of UTF-8.
const MAX_STEM_BYTES: usize = 100;

/// Names that Windows takes for devices, whatever their extension.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9",
    "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// Gives out names that are safe and differ, also where case does not count.
#[derive(Debug, Default)]
pub struct CleanNames {
    given: HashSet<String>,
}

impl CleanNames {
    /// A safe name for a file of this format: letters, digits, space, `-`, `_`, `(`, `)` and the format's extension.
    pub fn give(&mut self, name: &Untrusted<String>, format: Format) -> String {
        let stem = stem(name.as_untrusted());
        let mut candidate = format!("{stem}.{}", format.extension());
        let mut n = 2_u32;
        while !self.given.insert(candidate.to_lowercase()) {
            candidate = format!("{stem} ({n}).{}", format.extension());
            n += 1;
        }
        candidate
    }
}

fn stem(name: &str) -> String {
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let base = base.rsplit_once('.').map_or(base, |(stem, _)| stem);
    let mut clean = String::new();
    for c in base.chars() {
        let c = if c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '(' | ')') { c } else { '_' };
        if clean.len() + c.len_utf8() > MAX_STEM_BYTES {
            break;
        }
        clean.push(c);
    }
    let clean = clean.trim();
    if clean.is_empty() {
        "file".to_owned()
    } else if DEVICES.contains(&clean.to_lowercase().as_str())
        || clean.starts_with('-')
        || clean.eq_ignore_ascii_case("manifest")
    {
        format!("_{clean}")
    } else {
        clean.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn give(names: &mut CleanNames, name: &str) -> String {
        names.give(&Untrusted::new(name.to_owned()), Format::Docx)
    }

    #[test]
    fn names_keep_their_letters_and_get_the_rebuilt_type() {
        let mut names = CleanNames::default();
        assert_eq!(give(&mut names, "Ansøgning åäö.docm"), "Ansøgning åäö.docx");
    }

    #[test]
    fn paths_streams_overrides_and_devices_do_not_survive() {
        let mut names = CleanNames::default();
        assert_eq!(give(&mut names, "../../etc/passwd"), "passwd.docx");
        assert_eq!(give(&mut names, "C:\\x\\a:b.doc"), "a_b.docx");
        assert_eq!(give(&mut names, "invoice\u{202e}xcod.exe"), "invoice_xcod.docx");
        assert_eq!(give(&mut names, "NUL.docx"), "_NUL.docx");
        assert_eq!(give(&mut names, "..."), "__.docx");
        assert_eq!(give(&mut names, ""), "file.docx");
        assert_eq!(give(&mut names, "-rf"), "_-rf.docx");
        // What lies beside the files in a delivery.
        assert_eq!(give(&mut names, "Manifest.json"), "_Manifest.docx");
    }

    #[test]
    fn names_differ_also_where_case_does_not_count() {
        let mut names = CleanNames::default();
        assert_eq!(give(&mut names, "a.docx"), "a.docx");
        assert_eq!(give(&mut names, "A.docx"), "A (2).docx");
    }

    #[test]
    fn a_long_name_is_cut_at_a_character() {
        let name = give(&mut CleanNames::default(), &"å".repeat(300));
        assert_eq!(name, format!("{}.docx", "å".repeat(50)));
    }
}
