//! Writes objects as a PDF file of one revision: the same objects always give the same bytes.
//!
//! ```text
//! %PDF-1.7            header and binary mark
//! 1 0 obj … endobj    the catalog
//! 2 0 obj … endobj    numbered without gaps, in this order
//! xref                one table, twenty bytes per entry
//! trailer             Size, Root, Info where metadata is kept, ID (made from the digest of all objects)
//! startxref … %%EOF   nothing follows
//! ```

use std::io::Write;

use lopdf::{Dictionary, Object};
use ring::digest::{Context, SHA256};

/// The number of the catalog in every file written here.
pub(super) const CATALOG: u32 = 1;

const HEADER: &[u8] = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n";

/// A PDF file in the making.
pub(super) struct Writer {
    /// What was written since the last [`Writer::take`].
    bytes: Vec<u8>,
    /// How much was taken.
    taken: usize,
    digest: Context,
    offsets: Vec<usize>,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { bytes: HEADER.to_vec(), taken: 0, digest: Context::new(&SHA256), offsets: Vec::new() }
    }

    /// Adds the next object; the first is number 1.
    pub(super) fn object(&mut self, object: &Object) {
        self.open();
        write_value(&mut self.bytes, object);
        self.close();
    }

    /// Adds the next object, a stream. `dict` need not have a length.
    pub(super) fn stream(&mut self, dict: &Dictionary, content: &[u8]) {
        self.open();
        write_dictionary(&mut self.bytes, dict, Some(content.len()));
        self.bytes.extend_from_slice(b"\nstream\n");
        self.bytes.extend_from_slice(content);
        self.bytes.extend_from_slice(b"\nendstream");
        self.close();
    }

    /// Size in bytes so far.
    pub(super) fn len(&self) -> usize {
        self.taken + self.bytes.len()
    }

    /// Moves what was written since the last time into `out`, in place of what was there, so that it need not be kept.
    pub(super) fn take(&mut self, out: &mut Vec<u8>) {
        self.digest.update(&self.bytes);
        self.taken = self.len();
        out.clear();
        std::mem::swap(&mut self.bytes, out);
    }

    /// Writes the cross-reference table and the trailer, which names the information dictionary if there is one, and hands out what was not taken yet.
    pub(super) fn finish(mut self, info: Option<u32>) -> Vec<u8> {
        self.digest.update(&self.bytes);
        let start = self.len();
        let Self { mut bytes, digest, offsets, .. } = self;
        let id = digest.finish();
        let id = hex::encode(id.as_ref().get(..16).unwrap_or_default());
        let size = offsets.len() + 1;
        put(&mut bytes, format_args!("xref\n0 {size}\n0000000000 65535 f \n"));
        for offset in &offsets {
            put(&mut bytes, format_args!("{offset:010} 00000 n \n"));
        }
        put(&mut bytes, format_args!("trailer\n<</Size {size}/Root {CATALOG} 0 R"));
        if let Some(info) = info {
            put(&mut bytes, format_args!("/Info {info} 0 R"));
        }
        put(&mut bytes, format_args!("/ID[<{id}><{id}>]>>\nstartxref\n{start}\n%%EOF\n"));
        bytes
    }

    fn open(&mut self) {
        self.offsets.push(self.len());
        put(&mut self.bytes, format_args!("{} 0 obj\n", self.offsets.len()));
    }

    fn close(&mut self) {
        self.bytes.extend_from_slice(b"\nendobj\n");
    }
}

/// Writing to a vector cannot fail.
fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

/// Recursion is bounded: the reader nests direct objects at most 100 deep.
fn write_value(out: &mut Vec<u8>, object: &Object) {
    match object {
        Object::Null => out.extend_from_slice(b"null"),
        Object::Boolean(value) => put(out, format_args!("{value}")),
        Object::Integer(value) => put(out, format_args!("{value}")),
        Object::Real(value) => write_real(out, *value),
        Object::Name(name) => write_name(out, name),
        Object::String(text, _) => write_string(out, text),
        Object::Array(items) => {
            out.push(b'[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(b' ');
                }
                write_value(out, item);
            }
            out.push(b']');
        }
        Object::Dictionary(dict) => write_dictionary(out, dict, None),
        // Streams are objects of their own.
        Object::Stream(_) => out.extend_from_slice(b"null"),
        Object::Reference((number, generation)) => put(out, format_args!("{number} {generation} R")),
    }
}

fn write_dictionary(out: &mut Vec<u8>, dict: &Dictionary, length: Option<usize>) {
    out.extend_from_slice(b"<<");
    for (key, value) in dict {
        if length.is_some() && key == b"Length" {
            continue;
        }
        write_name(out, key);
        if !matches!(value, Object::Name(_) | Object::String(..) | Object::Array(_) | Object::Dictionary(_)) {
            out.push(b' ');
        }
        write_value(out, value);
    }
    if let Some(length) = length {
        put(out, format_args!("/Length {length}"));
    }
    out.extend_from_slice(b">>");
}

fn write_real(out: &mut Vec<u8>, value: f32) {
    if !value.is_finite() || value == 0.0 {
        out.push(b'0');
        return;
    }
    let text = value.to_string();
    out.extend_from_slice(text.as_bytes());
    // Past the range of integers a number without a point would be read as a damaged one.
    if value.abs() >= 1e9 && !text.contains('.') {
        out.extend_from_slice(b".0");
    }
}

fn write_name(out: &mut Vec<u8>, name: &[u8]) {
    out.push(b'/');
    for &byte in name {
        if matches!(byte, b'!'..=b'~') && !b"#()<>[]{}/%".contains(&byte) {
            out.push(byte);
        } else {
            put(out, format_args!("#{byte:02X}"));
        }
    }
}

/// Printable text as a literal, anything else in hexadecimal.
fn write_string(out: &mut Vec<u8>, text: &[u8]) {
    if text.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        out.push(b'(');
        for &byte in text {
            if b"()\\".contains(&byte) {
                out.push(b'\\');
            }
            out.push(byte);
        }
        out.push(b')');
    } else {
        out.push(b'<');
        out.extend_from_slice(hex::encode(text).as_bytes());
        out.push(b'>');
    }
}
