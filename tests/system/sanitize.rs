//! `sluse sanitize`: the rebuilder by itself.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use zip::write::{SimpleFileOptions, ZipWriter};

fn sluse(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sluse")).current_dir(folder).args(arguments).output().unwrap()
}

/// A Word document with a macro part.
fn docm() -> Vec<u8> {
    const RELATION: &str =
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument";
    const LISTS: &str = "http://schemas.openxmlformats.org/package/2006";
    let types = format!(
        "<Types xmlns='{LISTS}/content-types'><Default Extension='xml' ContentType='application/xml'/>\
         <Default Extension='rels' ContentType='application/vnd.openxmlformats-package.relationships+xml'/>\
         <Default Extension='bin' ContentType='application/vnd.ms-office.vbaProject'/><Override \
         PartName='/word/document.xml' ContentType='application/vnd.ms-word.document.macroEnabled.main+xml'/></Types>"
    );
    let root = format!(
        "<Relationships xmlns='{LISTS}/relationships'><Relationship Id='r1' Type='{RELATION}' \
         Target='word/document.xml'/></Relationships>"
    );
    let body = "<w:document xmlns:w='http://schemas.openxmlformats.org/wordprocessingml/2006/main'><w:body><w:p><w:r>\
                <w:t>Hello</w:t></w:r></w:p></w:body></w:document>";
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in [
        ("[Content_Types].xml", types.as_str()),
        ("_rels/.rels", &root),
        ("word/document.xml", body),
        ("word/vbaProject.bin", "Attribut\0e VB_Name"),
    ] {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn report(path: &Path) -> BTreeMap<String, Value> {
    let entries: Vec<Value> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    entries.into_iter().map(|entry| (entry["path"].as_str().unwrap().to_owned(), entry)).collect()
}

#[test]
fn a_folder_keeps_its_paths_and_gets_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    fs::create_dir_all(at("in/deep/er")).unwrap();
    fs::write(at("in/deep/er/letter.docm"), docm()).unwrap();
    fs::write(at("in/deep/note.txt"), "Hello\u{202e}").unwrap();
    fs::write(at("in/program.exe"), b"MZ\x90\0").unwrap();

    let dry = sluse(folder.path(), &["sanitize", "in", "--dry-run", "--report", "dry.json"]);
    assert_eq!(dry.status.code(), Some(3), "{}", String::from_utf8_lossy(&dry.stderr));
    assert_eq!(report(&at("dry.json")).len(), 3);

    let done = sluse(folder.path(), &["sanitize", "in", "-o", "out", "--report", "report.json"]);
    assert_eq!(done.status.code(), Some(3), "{}", String::from_utf8_lossy(&done.stderr));
    let shown = String::from_utf8(done.stdout).unwrap();
    assert!(shown.contains("3 files: 2 rebuilt, 1 refused"), "{shown}");
    assert_eq!(fs::read_to_string(at("out/deep/note.txt")).unwrap(), "Hello");
    assert!(!at("out/program.exe").exists());
    let rebuilt = fs::read(at("out/deep/er/letter.docx")).unwrap();
    assert!(!String::from_utf8_lossy(&rebuilt).contains("vbaProject"));

    let report = report(&at("report.json"));
    let letter = &report["in/deep/er/letter.docm"];
    assert_eq!(letter["output"], "out/deep/er/letter.docx");
    assert_eq!(letter["report"]["verdict"], "rebuilt");
    assert_eq!(letter["report"]["removed"][0]["what"], "macro");
    assert_eq!(report["in/program.exe"]["report"]["verdict"], "refused");
}

#[test]
fn two_files_never_come_out_under_one_name_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    fs::create_dir(at("in")).unwrap();
    fs::write(at("in/a.docm"), docm()).unwrap();
    let first = sluse(folder.path(), &["sanitize", "in", "-o", "first"]);
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
    fs::copy(at("first/a.docx"), at("in/a.docx")).unwrap();
    let both = sluse(folder.path(), &["sanitize", "in", "-o", "both"]);
    assert_eq!(both.status.code(), Some(0), "{}", String::from_utf8_lossy(&both.stderr));
    assert!(at("both/a.docx").exists() && at("both/a.docm.docx").exists());

    let again = sluse(folder.path(), &["sanitize", "in/a.docx", "-o", "first"]);
    assert_eq!(again.status.code(), Some(1));
    let error = String::from_utf8(again.stderr).unwrap();
    assert!(error.contains("first/a.docx") && error.contains("exists"), "{error}");
}

#[test]
fn what_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["sanitize", "nowhere", "-o", "out"][..], &["inspect", "nowhere"]] {
        let failed = sluse(folder.path(), arguments);
        assert_eq!(failed.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&failed.stderr).contains("cannot read nowhere"));
    }
    let usage = sluse(folder.path(), &["sanitize", "nowhere", "-o", "out", "--jpeg-quality", "0"]);
    assert_eq!(usage.status.code(), Some(2));
}
