//! Streams: how they are stored, what they may decode to, and the few whose content is looked at.

use std::borrow::Cow;
use std::io::Write;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Decompress, FlushDecompress, Status};
use lopdf::{Dictionary, Document, Object, Stream};

use super::content;
use super::schema::Use;
use crate::failure::Failure;
use crate::job::Job;

/// Filters in one chain. Real files use one or two.
const MAX_FILTERS: usize = 3;
/// Below this size an uncompressed stream is left as it is.
const COMPRESS_FROM: usize = 1024;
/// What documents have left uncompressed need not be as small as can be: four times as fast as the usual 6.
const LEVEL: Compression = Compression::new(1);
/// Below this size no ratio is looked at (see [`Limits::max_ratio`](crate::Limits::max_ratio)).
const RATIO_FROM: u64 = 1 << 20;
/// A type 4 function's program; real ones are a few lines.
const MAX_PROGRAM: u64 = 64 << 10;

/// Filter names and their abbreviations (ISO 32000-2, tables 6 and 92), and whether they give a picture.
const FILTERS: [(&[u8], &[u8], bool); 9] = [
    (b"FlateDecode", b"Fl", false),
    (b"LZWDecode", b"LZW", false),
    (b"ASCII85Decode", b"A85", false),
    (b"ASCIIHexDecode", b"AHx", false),
    (b"RunLengthDecode", b"RL", false),
    (b"DCTDecode", b"DCT", true),
    (b"CCITTFaxDecode", b"CCF", true),
    (b"JBIG2Decode", b"", true),
    (b"JPXDecode", b"", true),
];

/// The stream's filters by their full names, in decoding order.
pub(super) fn filters(document: &Document, stream: &Stream) -> Result<Vec<&'static [u8]>, Failure> {
    let Ok(entry) = stream.dict.get_deref(b"Filter", document) else { return Ok(Vec::new()) };
    let names: Vec<&Object> = match entry {
        Object::Array(items) => items
            .iter()
            .map(|item| document.dereference(item).map_or(&Object::Null, |(_, object)| object))
            .collect(),
        Object::Null => Vec::new(),
        other => vec![other],
    };
    if names.len() > MAX_FILTERS {
        return Err(Failure::Malformed(format!("a stream has a chain of {} filters", names.len())));
    }
    names.into_iter().filter(|name| !name.is_null()).map(filter).collect()
}

fn filter(name: &Object) -> Result<&'static [u8], Failure> {
    let name =
        name.as_name().map_err(|_| Failure::Malformed("a stream's filter is not a name".to_owned()))?;
    FILTERS
        .iter()
        .find(|(full, short, _)| name == *full || name == *short)
        .map(|(full, _, _)| *full)
        .ok_or_else(|| {
            Failure::malformed(format!("a stream has the filter {}", String::from_utf8_lossy(name)))
        })
}

fn is_picture_filter(name: &[u8]) -> bool {
    FILTERS.iter().any(|(full, _, picture)| *picture && *full == name)
}

/// Whether a stream may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// This many of its bytes; what follows is no part of the compressed data.
    Yes(usize),
    /// Up to where its compressed data breaks.
    Damaged,
    /// This many of its decoded bytes; behind them its operators break.
    Cut(usize),
    /// No: it is kept elsewhere.
    No,
    /// No: it is a program that is more than a formula.
    Program,
}

/// Holds the stream against the limits.
pub(super) fn check(
    document: &Document,
    stream: &Stream,
    usage: Use,
    inflater: &mut Inflater,
    job: &mut Job<'_>,
) -> Result<Fit, Failure> {
    let filters = filters(document, stream)?;
    if usage == Use::Function && number(document, &stream.dict, b"FunctionType") == Some(4) {
        let formula = decode(document, stream, &filters, MAX_PROGRAM)
            .is_some_and(|program| is_calculator(&program, job.limits.max_nesting));
        return Ok(if formula { Fit::Yes(stream.content.len()) } else { Fit::Program });
    }
    let area = picture_bytes(document, stream, usage, job)?;
    let stored = u64::try_from(stream.content.len()).unwrap_or(u64::MAX);
    let allowed = area.unwrap_or(0).max(RATIO_FROM).max(stored.saturating_mul(job.limits.max_ratio));
    let keep = if usage == Use::Content { allowed } else { 0 };
    let decoded = decoded(document, stream, &filters, (job.expandable(), keep), inflater)?;
    job.expand(decoded.size)?;
    if decoded.size > allowed {
        return Err(Failure::Limit {
            name: "max_ratio",
            what: "a stream's decoded size".to_owned(),
            limit: job.limits.max_ratio,
        });
    }
    if usage == Use::Content { content_fit(&filters, &decoded) } else { Ok(decoded.fit) }
}

/// Holds a content stream's operators against [`content::sound_length`].
fn content_fit(filters: &[&[u8]], decoded: &Decoded<'_>) -> Result<Fit, Failure> {
    let whole = decoded.bytes.as_deref().filter(|_| !filters.iter().any(|name| is_picture_filter(name)));
    let whole = whole.ok_or_else(|| Failure::Malformed("a content stream cannot be decoded".to_owned()))?;
    match (content::sound_length(whole), filters) {
        (sound, _) if sound == whole.len() => Ok(decoded.fit),
        (sound, [] | [b"FlateDecode"]) => Ok(Fit::Cut(sound)),
        _ => Err(Failure::Malformed("a content stream has operators that break off".to_owned())),
    }
}

/// All that a deflated stream holds; its size was held against the limits before.
fn inflated(data: &[u8]) -> Vec<u8> {
    let mut readable = Vec::new();
    Inflater::new().inflate(data, u64::MAX, |piece| readable.extend_from_slice(piece));
    readable
}

/// Bytes a picture has when decoded, with room for rounding; `None` for anything else.
fn picture_bytes(
    document: &Document,
    stream: &Stream,
    usage: Use,
    job: &Job<'_>,
) -> Result<Option<u64>, Failure> {
    if usage != Use::Picture {
        return Ok(None);
    }
    let side = |key| number(document, &stream.dict, key).and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
    let pixels = side(b"Width").saturating_mul(side(b"Height"));
    if pixels > job.limits.max_pixels {
        return Err(Failure::Limit {
            name: "max_pixels",
            what: "a picture".to_owned(),
            limit: job.limits.max_pixels,
        });
    }
    // At most 32 components of 16 bits are usual; 8 bytes per pixel cover CMYK at 16 bits.
    Ok(Some(pixels.saturating_mul(8).saturating_add(RATIO_FROM)))
}

fn number(document: &Document, dict: &Dictionary, key: &[u8]) -> Option<i64> {
    dict.get_deref(key, document).ok()?.as_i64().ok()
}

/// What is left of a stream after the filters before the first picture filter.
struct Decoded<'d> {
    /// In bytes.
    size: u64,
    /// How much of the stream that took.
    fit: Fit,
    /// The bytes, where they were asked for; `None`: they cannot be decoded.
    bytes: Option<Cow<'d, [u8]>>,
}

/// Counts what the stream decodes to, up to `cap`, and keeps the bytes; of a deflated stream at most `keep`.
fn decoded<'d>(
    document: &Document,
    stream: &'d Stream,
    filters: &[&[u8]],
    (cap, keep): (u64, u64),
    inflater: &mut Inflater,
) -> Result<Decoded<'d>, Failure> {
    let plain = filters.iter().take_while(|name| !is_picture_filter(name)).count();
    let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let all = Fit::Yes(stream.content.len());
    let decoded = match filters.get(..plain) {
        None | Some([]) => {
            let bytes = Some(Cow::Borrowed(stream.content.as_slice()));
            Decoded { size: length(&stream.content), fit: all, bytes }
        }
        // The usual case needs memory for content only.
        Some([b"FlateDecode"]) => {
            let mut bytes = Vec::new();
            let (size, used) = inflater.inflate(&stream.content, cap, |piece| {
                if length(&bytes).saturating_add(length(piece)) <= keep {
                    bytes.extend_from_slice(piece);
                }
            });
            let fit = if filters.len() > 1 { all } else { used.map_or(Fit::Damaged, Fit::Yes) };
            Decoded { size, fit, bytes: Some(Cow::Owned(bytes)) }
        }
        Some(chain) => {
            let bytes = decode(document, stream, chain, cap);
            let size = bytes.as_deref().map_or(length(&stream.content), length);
            Decoded { size, fit: all, bytes: bytes.map(Cow::Owned) }
        }
    };
    if decoded.size > cap {
        return Err(Failure::Limit {
            name: "max_expanded_bytes",
            what: "a stream's decoded size".to_owned(),
            limit: cap,
        });
    }
    Ok(decoded)
}

/// A decompressor for one stream after another.
pub(super) struct Inflater {
    state: Decompress,
    piece: Vec<u8>,
}

impl Inflater {
    pub(super) fn new() -> Self {
        Self { state: Decompress::new(true), piece: vec![0; 32 << 10] }
    }

    /// Hands out the decompressed data piece by piece and gives its size, which goes past `cap` by one piece at most, and
    /// how many bytes it took. `None`: the data breaks before its end.
    fn inflate(&mut self, data: &[u8], cap: u64, mut each: impl FnMut(&[u8])) -> (u64, Option<usize>) {
        let Self { state, piece } = self;
        state.reset(true);
        loop {
            let (before_in, before_out) = (state.total_in(), state.total_out());
            let rest = usize::try_from(before_in).ok().and_then(|used| data.get(used..)).unwrap_or_default();
            let status = state.decompress(rest, piece, FlushDecompress::None);
            let made = usize::try_from(state.total_out() - before_out).unwrap_or_default();
            each(piece.get(..made).unwrap_or_default());
            let stuck = made == 0 && state.total_in() == before_in;
            match status {
                Ok(Status::StreamEnd) => {
                    return (state.total_out(), usize::try_from(state.total_in()).ok());
                }
                Ok(_) if !stuck && state.total_out() <= cap => {}
                _ => return (state.total_out(), None),
            }
        }
    }
}

/// The content after `chain`; `None` when it cannot be decoded. Over the cap it is cut one byte past it.
fn decode(document: &Document, stream: &Stream, chain: &[&[u8]], cap: u64) -> Option<Vec<u8>> {
    if chain.is_empty() {
        return Some(stream.content.clone());
    }
    let mut dict = Dictionary::new();
    dict.set("Filter", chain.iter().map(|name| Object::Name(name.to_vec())).collect::<Vec<_>>());
    if let Ok(parms) = stream.dict.get_deref(b"DecodeParms", document) {
        let parms = match parms {
            Object::Array(items) => items.clone(),
            single => vec![single.clone()],
        };
        let resolved =
            parms.iter().map(|item| document.dereference(item).map_or(Object::Null, |(_, o)| o.clone()));
        dict.set("DecodeParms", resolved.collect::<Vec<_>>());
    }
    let cap = usize::try_from(cap).unwrap_or(usize::MAX);
    match Stream::new(dict, stream.content.clone()).decompressed_content_with_limit(cap) {
        Ok(data) => Some(data),
        Err(lopdf::Error::Decompress(lopdf::DecompressError::MemoryLimitExceeded { .. })) => {
            Some(vec![0; cap.saturating_add(1)])
        }
        Err(_) => None,
    }
}

/// The bytes to store, and the filters they then have. JPEG goes without the segments that only carry metadata or trail it,
/// large plain content is deflated, damaged content is deflated anew as far as it is sound; all else stays as it is.
pub(super) fn stored<'d>(
    filters: &[&'static [u8]],
    content: &'d [u8],
    fit: Fit,
) -> (Vec<&'static [u8]>, Cow<'d, [u8]>) {
    match filters {
        [b"FlateDecode"] => match fit {
            Fit::Yes(used) => (filters.to_vec(), Cow::Borrowed(content.get(..used).unwrap_or(content))),
            Fit::Cut(sound) => {
                let mut whole = inflated(content);
                whole.truncate(sound);
                plain(Cow::Owned(whole))
            }
            _ => plain(Cow::Owned(inflated(content))),
        },
        [b"DCTDecode"] => (filters.to_vec(), jpeg(content).map_or(Cow::Borrowed(content), Cow::Owned)),
        [] => match fit {
            Fit::Cut(sound) => plain(Cow::Borrowed(content.get(..sound).unwrap_or(content))),
            _ => plain(Cow::Borrowed(content)),
        },
        _ => (filters.to_vec(), Cow::Borrowed(content)),
    }
}

fn plain(content: Cow<'_, [u8]>) -> (Vec<&'static [u8]>, Cow<'_, [u8]>) {
    match deflate(&content) {
        Some(small) if content.len() >= COMPRESS_FROM => (vec![b"FlateDecode"], Cow::Owned(small)),
        _ => (Vec::new(), content),
    }
}

fn deflate(content: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), LEVEL);
    encoder.write_all(content).ok()?;
    encoder.finish().ok().filter(|small| small.len() < content.len())
}

/// A JPEG from its first to its last marker, with JFIF and Adobe segments but no other application data or comments
/// (ISO 10918-1, B.1). `None` when the marker structure cannot be followed.
fn jpeg(content: &[u8]) -> Option<Vec<u8>> {
    const KEPT_APPLICATION: [u8; 2] = [0xe0, 0xee];
    let start = content.windows(3).take(64).position(|w| w == [0xff, 0xd8, 0xff])?;
    let mut rest = content.get(start + 2..)?;
    let mut out = Vec::with_capacity(content.len());
    out.extend_from_slice(&[0xff, 0xd8]);
    loop {
        let marker_at = rest.iter().position(|&byte| byte != 0xff).filter(|&n| n > 0)?;
        let marker = *rest.get(marker_at)?;
        rest = rest.get(marker_at + 1..)?;
        if marker == 0xd9 {
            out.extend_from_slice(&[0xff, 0xd9]);
            return Some(out);
        }
        if matches!(marker, 0xd0..=0xd7 | 0x01) {
            out.extend_from_slice(&[0xff, marker]);
            continue;
        }
        let length = usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
        let segment = rest.get(..length).filter(|segment| segment.len() >= 2)?;
        let dropped = matches!(marker, 0xe0..=0xef | 0xfe) && !KEPT_APPLICATION.contains(&marker);
        if !dropped {
            out.extend_from_slice(&[0xff, marker]);
            out.extend_from_slice(segment);
        }
        rest = rest.get(length..)?;
        if marker == 0xda {
            let scan = entropy_coded(rest);
            out.extend_from_slice(rest.get(..scan)?);
            rest = rest.get(scan..)?;
            if rest.is_empty() {
                // Cut off: viewers show what there is.
                return Some(out);
            }
        }
    }
}

/// Length of the entropy-coded data up to the next marker that is neither stuffing nor a restart.
fn entropy_coded(data: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = data.get(at..).and_then(|rest| rest.iter().position(|&byte| byte == 0xff)) {
        at += found;
        match data.get(at + 1) {
            Some(0x00 | 0xd0..=0xd7) => at += 2,
            Some(0xff) => at += 1,
            Some(_) => return at,
            None => break,
        }
    }
    data.len()
}

/// Operators of type 4 functions (ISO 32000-2, 7.10.5).
const CALCULATOR: &[&str] = &[
    "abs", "add", "atan", "ceiling", "cos", "cvi", "cvr", "div", "exp", "floor", "idiv", "ln", "log", "mod",
    "mul", "neg", "round", "sin", "sqrt", "sub", "truncate", "and", "bitshift", "eq", "false", "ge", "gt",
    "le", "lt", "ne", "not", "or", "true", "xor", "if", "ifelse", "copy", "dup", "exch", "index", "pop",
    "roll",
];

/// Whether `program` is one braced block of numbers, calculator operators and nested blocks.
fn is_calculator(program: &[u8], max_depth: u32) -> bool {
    let Ok(text) = std::str::from_utf8(program) else { return false };
    let lines = text.split(['\r', '\n']).map(|line| line.split('%').next().unwrap_or_default());
    let spaced = lines.collect::<Vec<_>>().join(" ").replace('{', " { ").replace('}', " } ");
    let (mut depth, mut blocks) = (0_u32, 0_u32);
    for token in spaced.split([' ', '\t', '\0', '\x0c']).filter(|token| !token.is_empty()) {
        match token {
            "{" => {
                if depth == 0 {
                    blocks += 1;
                }
                depth += 1;
            }
            "}" if depth > 0 => depth -= 1,
            _ if depth == 0 => return false,
            operator if CALCULATOR.contains(&operator) => {}
            number => {
                if !number.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
                {
                    return false;
                }
            }
        }
        if depth > max_depth {
            return false;
        }
    }
    depth == 0 && blocks == 1
}
