//! The instruction of one field: its text as one string, whatever it is split over and however it is spelled.
//!
//! The text that is judged is the text that is written: bytes are decoded by the document's code page and written anew, so
//! that no reader can see another instruction.

use encoding_rs::Encoding;

use super::write::{Mark, Writer};
use crate::ooxml::fields;
use crate::options::Links;
use crate::report::What;

/// A field being read.
#[derive(Debug)]
pub(super) struct Field {
    /// Before the group's brace.
    pub(super) before: Mark,
    /// Behind the group's brace.
    pub(super) inside: Mark,
    /// Groups that are open within the field itself: its own.
    pub(super) level: usize,
    /// It stands in another field's instruction.
    pub(super) is_nested: bool,
    pub(super) stage: Stage,
    /// Its instruction is gone.
    pub(super) is_unwrapped: bool,
    text: String,
    bytes: Vec<u8>,
    unit: Option<u16>,
    /// A nested field stands where the keyword has to be.
    is_computed: bool,
    has_nested: bool,
}

/// How far a field is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Start,
    Instruction,
    Judged,
    Shown,
}

impl Field {
    pub(super) fn new(before: Mark, inside: Mark, level: usize, is_nested: bool) -> Self {
        Self {
            before,
            inside,
            level,
            is_nested,
            stage: Stage::Start,
            is_unwrapped: false,
            text: String::new(),
            bytes: Vec::new(),
            unit: None,
            is_computed: false,
            has_nested: false,
        }
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.unit = None;
        self.bytes.push(byte);
    }

    /// One unit of UTF-16.
    pub(super) fn unit(&mut self, unit: u16, encoding: &'static Encoding, writer: &mut Writer) {
        self.flush(encoding, writer);
        let pair = self.unit.take().into_iter().chain([unit]);
        for c in char::decode_utf16(pair) {
            match c {
                Ok(c) => {
                    self.unit = None;
                    self.push(c.encode_utf8(&mut [0; 4]), writer);
                }
                Err(half) if half.unpaired_surrogate() < 0xdc00 => {
                    self.unit = Some(half.unpaired_surrogate());
                }
                Err(_) => {}
            }
        }
    }

    /// Text that is known as such.
    pub(super) fn push_text(&mut self, text: &str, encoding: &'static Encoding, writer: &mut Writer) {
        self.flush(encoding, writer);
        self.push(text, writer);
    }

    /// Decodes and writes the bytes that were read; called before anything else is written.
    pub(super) fn flush(&mut self, encoding: &'static Encoding, writer: &mut Writer) {
        if !self.bytes.is_empty() {
            let bytes = std::mem::take(&mut self.bytes);
            let (text, _) = encoding.decode_without_bom_handling(&bytes);
            self.push(&text, writer);
        }
    }

    /// A field begins within the instruction.
    pub(super) fn nest(&mut self) {
        self.has_nested = true;
        self.is_computed |= self.text.trim().is_empty();
    }

    /// Why the field may not stay.
    pub(super) fn refused(&self, links: Links) -> Option<What> {
        match fields::refused(&self.text, links) {
            Some(what) => Some(what),
            None if self.is_computed => Some(What::Field),
            // What a nested field shows may become the address.
            None if self.has_nested && fields::is_link(&self.text) => Some(What::Link),
            None => None,
        }
    }

    /// The words that the field shows itself, where it has no shown text.
    pub(super) fn self_shown(&self) -> Option<String> {
        fields::self_shown(&self.text)
    }

    fn push(&mut self, text: &str, writer: &mut Writer) {
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        writer.text(&text);
        self.text.push_str(&text);
    }
}

/// The encoding of a code page's number; Windows-1252 for those that are not known.
pub(super) fn encoding(code_page: i32) -> &'static Encoding {
    match code_page {
        866 => encoding_rs::IBM866,
        874 => encoding_rs::WINDOWS_874,
        932 => encoding_rs::SHIFT_JIS,
        936 => encoding_rs::GBK,
        949 => encoding_rs::EUC_KR,
        950 => encoding_rs::BIG5,
        1250 => encoding_rs::WINDOWS_1250,
        1251 => encoding_rs::WINDOWS_1251,
        1253 => encoding_rs::WINDOWS_1253,
        1254 => encoding_rs::WINDOWS_1254,
        1255 => encoding_rs::WINDOWS_1255,
        1256 => encoding_rs::WINDOWS_1256,
        1257 => encoding_rs::WINDOWS_1257,
        1258 => encoding_rs::WINDOWS_1258,
        10000 => encoding_rs::MACINTOSH,
        65001 => encoding_rs::UTF_8,
        _ => encoding_rs::WINDOWS_1252,
    }
}
