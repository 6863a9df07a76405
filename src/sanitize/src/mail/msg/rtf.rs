//! The body as compressed RTF (MS-OXRTFCP), and the HTML or text that it was made from (MS-OXRTFEX).
//!
//! Only what is needed to get that back: other RTF is read for its text.

use encoding_rs::{Encoding, WINDOWS_1252};

use super::properties::codepage;
use crate::failure::Failure;
use crate::job::Job;

/// What every dictionary begins with.
const DICTIONARY: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans \
SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";
const DICTIONARY_SIZE: usize = 4096;

/// Groups inside one another; real RTF has a few dozen.
const MAX_GROUPS: usize = 1000;

/// What the RTF was made from.
pub(super) enum Body {
    Html(String),
    Text(String),
}

/// Expands and reads a compressed RTF body.
pub(super) fn read(packed: &[u8], job: &mut Job<'_>) -> Result<Body, Failure> {
    let rtf = expand(packed, job)?;
    let text = Reader::new(&rtf).run()?;
    Ok(match is_from_html(&rtf) {
        true => Body::Html(text),
        false => Body::Text(text),
    })
}

fn is_from_html(rtf: &[u8]) -> bool {
    let head = rtf.get(..rtf.len().min(500)).unwrap_or_default();
    memchr::memmem::find(head, b"\\fromhtml1").is_some()
}

/// MS-OXRTFCP 2.2.
fn expand(packed: &[u8], job: &mut Job<'_>) -> Result<Vec<u8>, Failure> {
    let broken = || Failure::Malformed("the message has a compressed body that is not sound".to_owned());
    let word = |at: usize| Some(u32::from_le_bytes(packed.get(at..at + 4)?.try_into().ok()?));
    let size = word(4).ok_or_else(broken)?;
    job.expand(size.into())?;
    let size = usize::try_from(size).map_err(|_| broken())?;
    let body = packed.get(16..).ok_or_else(broken)?;
    match packed.get(8..12) {
        Some(b"MELA") => return Ok(body.get(..size.min(body.len())).unwrap_or_default().to_vec()),
        Some(b"LZFu") => {}
        _ => return Err(broken()),
    }
    let mut dictionary = DICTIONARY.to_vec();
    dictionary.resize(DICTIONARY_SIZE, 0);
    let mut write = DICTIONARY.len();
    let mut out = Vec::new();
    let mut input = body.iter().copied();
    while let Some(control) = input.next() {
        for bit in 0..8 {
            if control >> bit & 1 == 0 {
                let Some(literal) = input.next() else { return Ok(out) };
                put(&mut dictionary, &mut write, &mut out, literal);
            } else {
                let (Some(high), Some(low)) = (input.next(), input.next()) else { return Ok(out) };
                let reference = u16::from_be_bytes([high, low]);
                let offset = usize::from(reference >> 4);
                if offset == write {
                    return Ok(out);
                }
                for n in 0..usize::from(reference & 15) + 2 {
                    let byte = dictionary.get((offset + n) % DICTIONARY_SIZE).copied().unwrap_or_default();
                    put(&mut dictionary, &mut write, &mut out, byte);
                }
            }
            if out.len() > size {
                return Err(broken());
            }
        }
    }
    Ok(out)
}

fn put(dictionary: &mut [u8], write: &mut usize, out: &mut Vec<u8>, byte: u8) {
    out.push(byte);
    if let Some(place) = dictionary.get_mut(*write) {
        *place = byte;
    }
    *write = (*write + 1) % DICTIONARY_SIZE;
}

/// What holds in a group.
#[derive(Clone, Copy, Default)]
struct State {
    /// In a destination that is not the body's text.
    skips: bool,
    /// In the source of the HTML.
    in_tag: bool,
    /// In RTF that stands for HTML which is there too.
    in_rtf: bool,
    /// Characters that follow `\u` for readers who do not know it.
    unicode_skip: usize,
}

struct Reader<'a> {
    rest: &'a [u8],
    from_html: bool,
    charset: &'static Encoding,
    state: State,
    groups: Vec<State>,
    /// Characters to pass over behind `\u`.
    passing: usize,
    /// Bytes in the character set, not decoded yet.
    pending: Vec<u8>,
    out: String,
    surrogate: Option<u16>,
}

impl<'a> Reader<'a> {
    fn new(rtf: &'a [u8]) -> Self {
        Self {
            rest: rtf,
            from_html: is_from_html(rtf),
            charset: WINDOWS_1252,
            state: State { unicode_skip: 1, ..State::default() },
            groups: Vec::new(),
            passing: 0,
            pending: Vec::new(),
            out: String::new(),
            surrogate: None,
        }
    }

    fn run(mut self) -> Result<String, Failure> {
        while let Some((&byte, tail)) = self.rest.split_first() {
            self.rest = tail;
            match byte {
                b'{' => {
                    if self.groups.len() >= MAX_GROUPS {
                        return Err(Failure::Malformed("the message's RTF is nested too deep".to_owned()));
                    }
                    self.groups.push(self.state);
                }
                b'}' => {
                    self.passing = 0;
                    match self.groups.pop() {
                        Some(state) => self.state = state,
                        None => break,
                    }
                }
                b'\\' => self.control(),
                b'\r' | b'\n' => {}
                byte => self.byte(byte),
            }
        }
        self.flush();
        Ok(self.out)
    }

    fn control(&mut self) {
        let Some((&first, tail)) = self.rest.split_first() else { return };
        if !first.is_ascii_alphabetic() {
            self.rest = tail;
            match first {
                b'\'' => {
                    let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                    if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                        self.rest = tail.get(2..).unwrap_or_default();
                        self.byte(byte);
                    }
                }
                b'*' => self.state.skips |= !self.starts_tag(),
                b'~' => self.character("\u{a0}"),
                b'_' => self.character("\u{2011}"),
                b'\\' | b'{' | b'}' => self.byte(first),
                b'\r' | b'\n' => self.character("\r\n"),
                _ => {}
            }
            return;
        }
        let end = self
            .rest
            .iter()
            .take(32)
            .position(|b| !b.is_ascii_alphabetic())
            .unwrap_or(self.rest.len().min(32));
        let (word, tail) = self.rest.split_at(end);
        let sign = usize::from(tail.first() == Some(&b'-'));
        let digits = tail.iter().skip(sign).take(10).take_while(|b| b.is_ascii_digit()).count();
        let (number, tail) = if digits == 0 { (&[][..], tail) } else { tail.split_at(sign + digits) };
        self.rest = tail.strip_prefix(b" ").unwrap_or(tail);
        let value = std::str::from_utf8(number).ok().and_then(|number| number.parse::<i64>().ok());
        self.word(word, value);
    }

    /// Whether the destination that `\*` announces is a piece of the HTML.
    fn starts_tag(&self) -> bool {
        self.from_html && self.rest.starts_with(b"\\htmltag")
    }

    fn word(&mut self, word: &[u8], value: Option<i64>) {
        match word {
            b"htmltag" => (self.state.in_tag, self.state.in_rtf) = (true, false),
            b"htmlrtf" => self.state.in_rtf = value != Some(0),
            b"fonttbl" | b"colortbl" | b"stylesheet" | b"info" | b"pict" | b"pntext" | b"listtext"
            | b"header" | b"footer" | b"headerl" | b"headerr" | b"headerf" | b"footerl" | b"footerr"
            | b"footerf" | b"footnote" | b"object" | b"fldinst" | b"themedata" | b"datastore"
            | b"filetbl" | b"revtbl" | b"nonshppict" => self.state.skips = true,
            b"ansicpg" => {
                self.flush();
                let known = value.and_then(|value| codepage(u32::try_from(value).ok()?));
                self.charset = known.unwrap_or(WINDOWS_1252);
            }
            b"uc" => {
                self.state.unicode_skip = value.and_then(|n| usize::try_from(n).ok()).unwrap_or(1).min(16);
            }
            b"u" => self.unicode(value.unwrap_or_default()),
            b"bin" => {
                let length = value.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
                self.rest = self.rest.get(length.min(self.rest.len())..).unwrap_or_default();
            }
            b"par" | b"line" | b"sect" | b"page" | b"row" => self.character("\r\n"),
            b"tab" | b"cell" => self.character("\t"),
            b"lquote" => self.character("\u{2018}"),
            b"rquote" => self.character("\u{2019}"),
            b"ldblquote" => self.character("\u{201c}"),
            b"rdblquote" => self.character("\u{201d}"),
            b"bullet" => self.character("\u{2022}"),
            b"endash" => self.character("\u{2013}"),
            b"emdash" => self.character("\u{2014}"),
            b"emspace" | b"enspace" => self.character(" "),
            _ => {}
        }
    }

    fn is_shown(&self) -> bool {
        !self.state.skips && (self.state.in_tag || !self.state.in_rtf)
    }

    fn byte(&mut self, byte: u8) {
        if self.passing > 0 {
            self.passing -= 1;
        } else if self.is_shown() {
            self.pending.push(byte);
        }
    }

    fn character(&mut self, text: &str) {
        if self.passing > 0 {
            self.passing -= 1;
        } else if self.is_shown() {
            self.flush();
            self.out.push_str(text);
        }
    }

    /// A UTF-16 unit, as a signed number.
    fn unicode(&mut self, value: i64) {
        self.flush();
        let unit = u16::try_from(value.rem_euclid(65_536)).unwrap_or_default();
        self.passing = self.state.unicode_skip;
        if !self.is_shown() {
            return;
        }
        let units: Vec<u16> = self.surrogate.take().into_iter().chain([unit]).collect();
        match String::from_utf16(&units) {
            Ok(text) => self.out.push_str(&text),
            Err(_) if (0xd800..0xdc00).contains(&unit) => self.surrogate = Some(unit),
            Err(_) => self.out.push('\u{fffd}'),
        }
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            self.out.push_str(&self.charset.decode_without_bom_handling(&self.pending).0);
            self.pending.clear();
        }
    }
}
