mod hostile;
mod msg;
mod plain;

use crate::job::{NoInspector, Settings, sanitize};
use crate::options::{Options, Signed};
use crate::report::{Removed, Report, Verdict, What};
use crate::{Declared, Failure, Format};

/// Examines a mail by the whole way.
fn examined(mail: &[u8], name: &str, settings: &Settings) -> (Option<Vec<u8>>, Report) {
    let (file, report) =
        sanitize(mail, &Declared { name, media_type: "" }, settings, &mut NoInspector).into_parts();
    (file.map(|(bytes, format)| (bytes, assert_eq!(format, Format::Mime)).0), report)
}

/// The rebuilt mail, which must rebuild to itself, and the report.
fn rebuilt(mail: &[u8], name: &str) -> (String, Report) {
    let (done, report) = examined(mail, name, &Settings::default());
    let done = done.unwrap_or_else(|| panic!("{} {report:#?}", report.reason));
    let (again, second) = examined(&done, "again.eml", &Settings::default());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let done = text(done);
    assert_eq!(again.map(text).as_ref(), Some(&done), "idempotent");
    assert_eq!(second.removed, vec![], "idempotent");
    (done, report)
}

fn eml(mail: &str) -> (String, Vec<Removed>) {
    let (text, report) = rebuilt(crlf(mail).as_bytes(), "a.eml");
    (text, report.removed)
}

/// The verdict and reason of a mail that is not rebuilt.
fn fails(mail: &str) -> (Verdict, String) {
    fails_bytes(crlf(mail).as_bytes(), "a.eml")
}

fn fails_bytes(mail: &[u8], name: &str) -> (Verdict, String) {
    let (done, report) = examined(mail, name, &Settings::default());
    assert!(done.is_none(), "{}", String::from_utf8_lossy(&done.unwrap_or_default()));
    (report.verdict, report.reason)
}

fn crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

const HEAD: &str =
    "From: A <a@a.nl>\nTo: b@b.nl\nSubject: S\nDate: Wed, 20 Jul 2016 17:35:02 +0100\nMIME-Version: 1.0\n";

/// A mail of these parts.
fn mixed(parts: &[&str]) -> String {
    let parts: String = parts.iter().map(|part| format!("--xYx\n{part}\n")).collect();
    format!("{HEAD}Content-Type: multipart/mixed; boundary=xYx\n\n{parts}--xYx--\n")
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    text.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned() + "\n").collect()
}

/// An attached file.
fn attached(name: &str, bytes: &[u8]) -> String {
    format!(
        "Content-Type: application/octet-stream\nContent-Disposition: attachment; filename=\"{name}\"\nContent-Transfer-Encoding: base64\n\n{}",
        base64(bytes)
    )
}

fn png() -> Vec<u8> {
    crate::image::tests::png(3, 2)
}
