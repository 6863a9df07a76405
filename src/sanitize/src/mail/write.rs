//! A mail of our own: ASCII only, lines of at most 998 characters, nothing that was not encoded here.
//!
//! Boundaries are `=_sluse_N_`: no quoted-printable or base64 text has `=_` (RFC 2045, 6.7), and numbers that attached mails
//! have are passed over.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;

use super::{Mail, Mailbox, Part};
use crate::format::Format;
use crate::report::is_invisible;

/// Longest line of an encoded body.
const LINE: usize = 76;

/// Stands for an address that is none on the Internet (RFC 2606).
pub(super) const NO_ADDRESS: &str = "unknown@sluse.invalid";

pub(super) fn write(mail: &Mail) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, mailboxes) in [("From", &mail.from), ("To", &mail.to), ("Cc", &mail.cc)] {
        let written: Vec<String> = mailboxes.iter().map(mailbox).collect();
        if !written.is_empty() {
            field(&mut out, name, &written.join(",\r\n "));
        }
    }
    let subject = one_line(&mail.subject);
    if !subject.is_empty() {
        field(&mut out, "Subject", &unstructured(&subject));
    }
    if let Some(date) = &mail.date {
        field(&mut out, "Date", date);
    }
    if let Some(id) = &mail.message_id {
        field(&mut out, "Message-ID", id);
    }
    field(&mut out, "MIME-Version", "1.0");
    let nothing = Part::Text(String::new());
    let content = mail.content.as_ref().unwrap_or(&nothing);
    let mut boundaries = Boundaries::default();
    boundaries.note(content);
    part(&mut out, content, &mut boundaries);
    out
}

fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn part(out: &mut Vec<u8>, written: &Part, boundaries: &mut Boundaries) {
    match written {
        Part::Text(text) => body(out, "text/plain; charset=utf-8", text),
        Part::Html(page) => body(out, "text/html; charset=utf-8", page),
        Part::Picture { id, name, format, bytes } => {
            field(out, "Content-Type", format.media_type());
            field(out, "Content-ID", &format!("<{id}>"));
            file(out, "inline", name, bytes);
        }
        Part::File { name, format: Format::Mime, bytes } => {
            field(out, "Content-Type", Format::Mime.media_type());
            field(out, "Content-Disposition", &format!("attachment;\r\n {}", file_name(name)));
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(bytes);
        }
        Part::File { name, format, bytes } => {
            field(out, "Content-Type", format.media_type());
            file(out, "attachment", name, bytes);
        }
        Part::Many(kind, parts) => {
            let boundary = boundaries.next();
            field(out, "Content-Type", &format!("{};\r\n boundary=\"{boundary}\"", kind.media_type()));
            for child in parts {
                out.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
                part(out, child, boundaries);
            }
            out.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        }
    }
}

/// Numbers of the boundaries that are given out, or that attached mails have.
#[derive(Default)]
struct Boundaries {
    taken: HashSet<u32>,
    last: u32,
}

impl Boundaries {
    const START: &[u8] = b"=_sluse_";

    /// Reads every attached mail once.
    fn note(&mut self, part: &Part) {
        match part {
            Part::File { format: Format::Mime, bytes, .. } => {
                for at in memmem::find_iter(bytes, Self::START) {
                    let digits = bytes.get(at + Self::START.len()..).unwrap_or_default().iter();
                    let digits: String =
                        digits.take_while(|b| b.is_ascii_digit()).take(10).map(|&b| char::from(b)).collect();
                    self.taken.extend(digits.parse::<u32>());
                }
            }
            Part::Many(_, parts) => parts.iter().for_each(|part| self.note(part)),
            _ => {}
        }
    }

    fn next(&mut self) -> String {
        self.last = self.last.saturating_add(1);
        while self.taken.contains(&self.last) {
            self.last = self.last.saturating_add(1);
        }
        format!("=_sluse_{}_", self.last)
    }
}

fn body(out: &mut Vec<u8>, media_type: &str, text: &str) {
    field(out, "Content-Type", media_type);
    field(out, "Content-Transfer-Encoding", "quoted-printable");
    out.extend_from_slice(b"\r\n");
    quoted_printable(out, text);
}

fn file(out: &mut Vec<u8>, disposition: &str, name: &str, bytes: &[u8]) {
    field(out, "Content-Disposition", &format!("{disposition};\r\n {}", file_name(name)));
    field(out, "Content-Transfer-Encoding", "base64");
    out.extend_from_slice(b"\r\n");
    for (n, line) in bytes.chunks(LINE / 4 * 3).enumerate() {
        if n > 0 {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(STANDARD.encode(line).as_bytes());
    }
}

/// Bytes that a character of a file name takes where the name is encoded.
pub(super) fn encoded_length(c: char) -> usize {
    if c.is_ascii_alphanumeric() || "-._".contains(c) { 1 } else { 3 * c.len_utf8() }
}

/// RFC 2231 where the name needs it.
fn file_name(name: &str) -> String {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"-._ ".contains(&b);
    if name.bytes().all(is_token) {
        return format!("filename=\"{name}\"");
    }
    let mut encoded = String::new();
    for b in name.bytes() {
        match b {
            b if is_token(b) && b != b' ' => encoded.push(char::from(b)),
            b => encoded.push_str(&format!("%{b:02X}")),
        }
    }
    format!("filename*=utf-8''{encoded}")
}

/// Without line breaks and other characters that are not shown; blanks count once.
pub(super) fn one_line(text: &str) -> String {
    const MAX_CHARS: usize = 1000;
    let shown: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .filter(|c| !is_invisible(*c))
        .take(MAX_CHARS)
        .collect();
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn mailbox(mailbox: &Mailbox) -> String {
    let name = one_line(&mailbox.name);
    let is_sound = is_address(&mailbox.address);
    let (name, address) = match (is_sound, name.is_empty()) {
        (true, _) => (name, mailbox.address.as_str()),
        (false, false) => (name, NO_ADDRESS),
        (false, true) => (one_line(&mailbox.address), NO_ADDRESS),
    };
    match (name.is_empty(), is_atoms(&name)) {
        (true, _) => format!("<{address}>"),
        (false, true) => format!("{name} <{address}>"),
        (false, false) => format!("{}\r\n <{address}>", encoded_words(&name)),
    }
}

/// `local@domain` without anything that would need quoting.
pub(super) fn is_address(address: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    let sound = |half: &str| !half.is_empty() && half.bytes().all(allowed) && !half.contains("=?");
    address.len() <= 254
        && address.split_once('@').is_some_and(|(local, domain)| sound(local) && sound(domain))
}

fn is_atoms(name: &str) -> bool {
    name.len() <= 60 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ' || b == b'-')
}

fn unstructured(text: &str) -> String {
    let is_plain =
        text.len() <= 60 && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ') && !text.contains("=?");
    if is_plain { text.to_owned() } else { encoded_words(text) }
}

/// RFC 2047, one word a line.
fn encoded_words(text: &str) -> String {
    const MAX_BYTES: usize = 42;
    let mut words = vec![String::new()];
    for c in text.chars() {
        if words.last().is_some_and(|word| word.len() + c.len_utf8() > MAX_BYTES) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    let words: Vec<String> =
        words.iter().map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word))).collect();
    words.join("\r\n ")
}

/// RFC 2045, 6.7.
fn quoted_printable(out: &mut Vec<u8>, text: &str) {
    for (n, line) in text.split('\n').enumerate() {
        if n > 0 {
            out.extend_from_slice(b"\r\n");
        }
        let mut width = 0;
        let length = line.len();
        for (at, b) in line.bytes().enumerate() {
            let is_last = at + 1 == length;
            if width + 3 >= LINE {
                out.extend_from_slice(b"=\r\n");
                width = 0;
            }
            // A dot or `From ` at a line's start means something to mail servers.
            let is_literal = match b {
                b' ' | b'\t' => !is_last,
                b'=' => false,
                b'.' | b'F' => width > 0,
                b => b.is_ascii_graphic(),
            };
            let needs = if is_literal { 1 } else { 3 };
            match is_literal {
                true => out.push(b),
                false => out.extend_from_slice(format!("={b:02X}").as_bytes()),
            }
            width += needs;
        }
    }
}
