//! The YARA rules that come with the program, as files for a new zone's `rules` folder.

/// Path below `rules/`, and text.
pub const BUNDLED_RULES: [(&str, &str); 5] = [
    ("yara/disguise.yar", include_str!("../../../../rules/yara/disguise.yar")),
    ("yara/eicar.yar", include_str!("../../../../rules/yara/eicar.yar")),
    ("yara/office.yar", include_str!("../../../../rules/yara/office.yar")),
    ("yara/pdf.yar", include_str!("../../../../rules/yara/pdf.yar")),
    ("yara/rtf.yar", include_str!("../../../../rules/yara/rtf.yar")),
];

#[cfg(test)]
mod tests {
    use sluse_sanitize::Failure;

    use super::BUNDLED_RULES;
    use crate::sandbox::Rules;
    use crate::scan::test_virus;

    fn rules() -> Rules {
        let text: Vec<&str> = BUNDLED_RULES.iter().map(|(_, text)| *text).collect();
        Rules::compile(&text.join("\n")).unwrap()
    }

    #[track_caller]
    fn finds(bytes: &[u8], rule: &str) {
        assert_eq!(rules().inspect(bytes), Err(Failure::Infected(format!("YARA rule {rule}"))));
    }

    #[track_caller]
    fn finds_nothing(bytes: &[u8]) {
        assert_eq!(rules().inspect(bytes).map(|step| step.result), Ok("ok".to_owned()));
    }

    /// A compound file's start, then these texts in UTF-16.
    fn compound(texts: &[&str]) -> Vec<u8> {
        let mut bytes = vec![0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
        for text in texts {
            bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
            bytes.extend([0; 2]);
        }
        bytes
    }

    /// The start of a Windows program.
    fn program() -> Vec<u8> {
        let mut bytes = vec![0; 0x80];
        bytes[..2].copy_from_slice(b"MZ");
        bytes[0x3c] = 0x80;
        bytes[0x4e..0x4e + 26].copy_from_slice(b"This program cannot be run");
        bytes[0x4e + 26..0x4e + 38].copy_from_slice(b" in DOS mode");
        bytes.extend(b"PE\0\0");
        bytes
    }

    #[test]
    fn every_rule_says_what_it_is_for() {
        for (path, text) in BUNDLED_RULES {
            let count = |word: &str| text.lines().filter(|line| line.trim_start().starts_with(word)).count();
            assert_eq!(count("rule "), count("description ="), "{path}");
        }
    }

    #[test]
    fn no_rule_file_is_found_by_its_own_rules() {
        for (path, text) in BUNDLED_RULES {
            assert!(rules().inspect(text.as_bytes()).is_ok(), "{path}");
        }
    }

    #[test]
    fn eicar() {
        finds(&test_virus(), "eicar_test_file");
        finds_nothing(&[b"A text about ".to_vec(), test_virus()].concat());
    }

    #[test]
    fn a_program_in_a_picture_or_document() {
        finds(&[b"\x89PNG\r\n\x1a\n".to_vec(), program()].concat(), "program_in_document");
        finds(&[compound(&["Ole10Native"]), program()].concat(), "program_in_document");
        finds_nothing(b"\x89PNG This program cannot be run in DOS mode");
        finds_nothing(b"%PDF-1.7 (This program cannot be run in DOS mode is what Windows says)");
    }

    #[test]
    fn a_shortcut_to_powershell() {
        let mut link = vec![0x4c, 0, 0, 0, 1, 0x14, 2, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];
        finds_nothing(&link);
        link.extend("POWERSHELL.exe".encode_utf16().flat_map(u16::to_le_bytes));
        finds(&link, "shortcut_that_runs_commands");
    }

    #[test]
    fn html_smuggling() {
        let page = |data: &str| {
            format!("<html><script>var b=atob('{data}');URL.createObjectURL(new Blob([b]))</script></html>")
        };
        finds(page("TVqQAAMAAAAEAAAA//8AALgAAAA").as_bytes(), "page_that_assembles_a_program");
        finds_nothing(page("aGVq").as_bytes());
    }

    #[test]
    fn rtf_that_attacks_word() {
        let equation =
            r"{\object\objemb\objupdate{\*\objdata 0105000002000000 0b0000004571756174696F6E2E33}}";
        finds(format!(r"{{\rtf1{equation}}}").as_bytes(), "rtf_equation_editor_object");
        let link = r"{\object\objautlink{\*\objdata E0C9EA79F9BACE118C8200AA004BA90B}}";
        finds(format!(r"{{\rtf1{link}}}").as_bytes(), "rtf_link_that_loads_itself");
        finds(br"{\rtxx\object{\*\objdata 00}}", "rtf_object_under_a_broken_header");
        finds_nothing(br"{\rtf1\ansi A letter with an equation {\object{\*\objdata 4571756174696f6e2e33}}}");
    }

    #[test]
    fn a_macro_that_downloads_and_runs() {
        let attack = ["_VBA_PROJECT", "Document_Open", "URLDownloadToFileA", "WScript.Shell"];
        finds(&compound(&attack), "macro_that_downloads_and_runs");
        for missing in 0..attack.len() {
            let mut rest = attack.to_vec();
            rest.remove(missing);
            finds_nothing(&compound(&rest));
        }
    }

    #[test]
    fn dde_that_runs_a_command() {
        finds(br#"DDEAUTO "C:\\Windows\\System32\\cmd.exe" "/k calc""#, "dde_that_runs_commands");
        finds(b"a,b\n=cmd|'/C calc'!A0,1\n", "dde_that_runs_commands");
        finds_nothing(b"The DDE standard, and cmd in the next sentence.\n");
        finds_nothing(b"usage: tool [-cmd|-file] | grep\n");
    }

    #[test]
    fn pdf_that_runs_something() {
        finds(b"%PDF-1.4\n<< /S /Launch /Win << /F (cmd.exe) /P (/c calc) >> >>", "pdf_launches_a_command");
        finds(b"%PDF-1.4\nthis.exportDataObject({ cName: \"a\", nLaunch: 2 });", "pdf_opens_its_attachment");
        finds_nothing(b"%PDF-1.4\n<< /S /Launch /F (manual.pdf) >>");
    }
}
