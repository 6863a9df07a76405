//! What are these bytes, and does the name tell the truth?
//!
//! ```text
//! bytes ─▶ signature ─┬─ ZIP ──▶ package   (OOXML by its main part's type, ODF by its mimetype member, jar, …)
//!                     ├─ CFB ──▶ compound  (Word, Excel, …, or an encrypted package: by the streams' names)
//!                     ├─ other binary signatures, PDF
//!                     └─ text ─▶ textual   (XML, HTML, SVG, mail, RTF, scripts, SYLK, …, else as the name says)
//!         ─▶ polyglot? (a second format in the same bytes) ─▶ name: extension and media type against the finding
//! ```
//!
//! Invariants: the content decides, the name only chooses among text formats that the content cannot tell apart
//! (plain text, CSV, JSON). Nothing is expanded beyond `package::MAX_PART` bytes. What cannot be placed is
//! [`Format::Unknown`], which is refused.

mod compound;
mod name;
mod package;
mod textual;

use memchr::memmem;

use crate::failure::Failure;
use crate::format::Format;
pub(crate) use name::{extension, fits_extension, is_known_extension};
pub(crate) use textual::refused_vocabulary;

/// What the sender says about a file. Both are untrusted and may be empty.
#[derive(Debug, Clone, Copy, Default)]
pub struct Declared<'a> {
    /// File name.
    pub name: &'a str,
    /// Media type.
    pub media_type: &'a str,
}

/// What the content is, and whether the declared name and type fit it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The format that the content shows.
    pub format: Format,
    /// Why it is not rebuilt, whatever its format: [`Failure::Encrypted`], or [`Failure::Refused`] because the declared
    /// name or type does not fit, or the content itself is ambiguous or of a kind that no name makes acceptable.
    pub objection: Option<Failure>,
}

/// Tells the format of `bytes` from its structure, then holds the declared name and type against it.
#[must_use]
pub fn identify(bytes: &[u8], declared: &Declared<'_>) -> Identified {
    let kind = kind(bytes, declared);
    let refused = || {
        second_format(bytes, kind.format)
            .map(|second| format!("the content is {} and {second} at once", kind.words))
            .or_else(|| name::disagreement(&kind, declared))
            .or_else(|| kind.hazard.map(|hazard| format!("the content is {hazard}")))
    };
    let objection = match kind.encrypted {
        true => Some(Failure::Encrypted(format!("the content is {}", kind.words))),
        false => refused().map(Failure::Refused),
    };
    Identified { format: kind.format, objection }
}

/// A finding finer than a [`Format`].
#[derive(Debug, Clone, Copy)]
struct Kind {
    format: Format,
    /// Name in plain words, with its article.
    words: &'static str,
    /// The extensions this kind may have, where these are fewer than the format's.
    extensions: Option<&'static [&'static str]>,
    /// What makes this content unacceptable whatever its name is.
    hazard: Option<&'static str>,
    /// The content cannot be read without a password, so its name cannot be held against it.
    encrypted: bool,
}

impl Kind {
    const fn of(format: Format) -> Self {
        Self { format, words: words(format), extensions: None, hazard: None, encrypted: false }
    }

    const fn narrow(format: Format, words: &'static str, extensions: &'static [&'static str]) -> Self {
        Self { format, words, extensions: Some(extensions), hazard: None, encrypted: false }
    }

    const fn refused(format: Format, words: &'static str) -> Self {
        Self { format, words, extensions: None, hazard: Some(words), encrypted: false }
    }

    const fn encrypted(format: Format, words: &'static str) -> Self {
        Self { format, words, extensions: None, hazard: None, encrypted: true }
    }
}

const fn words(format: Format) -> &'static str {
    match format {
        Format::Docx => "a Word document (docx)",
        Format::Docm => "a Word document with macros (docm)",
        Format::Dotx => "a Word template (dotx)",
        Format::Dotm => "a Word template with macros (dotm)",
        Format::Xlsx => "an Excel workbook (xlsx)",
        Format::Xlsm => "an Excel workbook with macros (xlsm)",
        Format::Xltx => "an Excel template (xltx)",
        Format::Xltm => "an Excel template with macros (xltm)",
        Format::Pptx => "a PowerPoint presentation (pptx)",
        Format::Pptm => "a PowerPoint presentation with macros (pptm)",
        Format::Potx => "a PowerPoint template (potx)",
        Format::Potm => "a PowerPoint template with macros (potm)",
        Format::Ppsx => "a PowerPoint slide show (ppsx)",
        Format::Ppsm => "a PowerPoint slide show with macros (ppsm)",
        Format::Xlsb => "a binary Excel workbook (xlsb)",
        Format::OfficeAddin => "an Office add-in",
        Format::Doc => "a legacy Word document (doc)",
        Format::Xls => "a legacy Excel workbook (xls)",
        Format::Ppt => "a legacy PowerPoint presentation (ppt)",
        Format::Msg => "an Outlook message (msg)",
        Format::Cfb => "an OLE compound file",
        Format::Odt => "an OpenDocument text",
        Format::Ods => "an OpenDocument spreadsheet",
        Format::Odp => "an OpenDocument presentation",
        Format::Odg => "an OpenDocument drawing",
        Format::Ott => "an OpenDocument text template",
        Format::Ots => "an OpenDocument spreadsheet template",
        Format::Otp => "an OpenDocument presentation template",
        Format::Otg => "an OpenDocument drawing template",
        Format::Pdf => "a PDF document",
        Format::Rtf => "an RTF document",
        Format::Jpeg => "a JPEG picture",
        Format::Png => "a PNG picture",
        Format::Gif => "a GIF picture",
        Format::Tiff => "a TIFF picture",
        Format::Bmp => "a BMP picture",
        Format::Webp => "a WebP picture",
        Format::Heif => "a HEIF picture",
        Format::Emf => "an enhanced metafile",
        Format::Wmf => "a Windows metafile",
        Format::Svg => "an SVG drawing",
        Format::Html => "an HTML page",
        Format::Xml => "an XML document",
        Format::Json => "a JSON document",
        Format::Csv => "comma-separated values",
        Format::Text => "plain text",
        Format::Mime => "a mail message or web archive",
        Format::Zip => "a ZIP archive",
        Format::Gzip => "a gzip stream",
        Format::Tar => "a tar archive",
        Format::SevenZip => "a 7z archive",
        Format::Rar => "a RAR archive",
        Format::Executable => "a program",
        Format::Unknown => "of no known type",
    }
}

fn kind(bytes: &[u8], declared: &Declared<'_>) -> Kind {
    if let Some(kind) = textual::rtf(bytes) {
        return kind;
    }
    match signature(bytes) {
        Some(Format::Zip) => package::kind(bytes),
        Some(Format::Cfb) => compound::kind(bytes),
        Some(Format::Executable) => Kind::refused(Format::Executable, "a program"),
        Some(format) => Kind::of(format),
        None if textual::is_text(bytes) => textual::kind(bytes, declared),
        None if starts(bytes, b"MZ") => Kind::refused(Format::Executable, "a Windows or DOS program"),
        None => match zip_behind(bytes) {
            true => Kind::refused(Format::Zip, "a ZIP archive with other data before it"),
            false => Kind::of(Format::Unknown),
        },
    }
}

/// The formats with a binary signature, and PDF.
fn signature(bytes: &[u8]) -> Option<Format> {
    const PROGRAMS: [&[u8]; 12] = [
        b"\x7fELF",
        b"\xfe\xed\xfa\xce",
        b"\xfe\xed\xfa\xcf",
        b"\xce\xfa\xed\xfe",
        b"\xcf\xfa\xed\xfe",
        b"\xca\xfe\xba\xbe", // Java class and universal Mach-O
        b"\xca\xfe\xd0\x0d", // packed jar
        b"\0asm",
        b"dex\n0",
        b"\x4c\0\0\0\x01\x14\x02\0", // LNK
        b"ITSF",                     // CHM
        b"#!",
    ];
    const SIGNATURES: [(&[u8], Format); 16] = [
        (b"PK\x03\x04", Format::Zip),
        (b"PK\x05\x06", Format::Zip),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Format::Cfb),
        (b"\xff\xd8\xff", Format::Jpeg),
        (b"\x89PNG\r\n\x1a\n", Format::Png),
        (b"GIF87a", Format::Gif),
        (b"GIF89a", Format::Gif),
        (b"II*\0", Format::Tiff),
        (b"MM\0*", Format::Tiff),
        (b"II+\0", Format::Tiff),
        (b"MM\0+", Format::Tiff),
        (b"\x1f\x8b\x08", Format::Gzip),
        (b"7z\xbc\xaf\x27\x1c", Format::SevenZip),
        (b"Rar!\x1a\x07", Format::Rar),
        (b"PK\x07\x08PK\x03\x04", Format::Zip), // split-archive marker
        (b"PK00PK\x03\x04", Format::Zip),
    ];
    if PROGRAMS.iter().any(|program| starts(bytes, program)) {
        return Some(Format::Executable);
    }
    if let Some((_, format)) = SIGNATURES.iter().find(|(magic, _)| starts(bytes, magic)) {
        return Some(*format);
    }
    if starts(bytes, b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Some(Format::Webp);
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        const HEIF: [&[u8; 4]; 8] = [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"];
        return HEIF.iter().any(|b| bytes.get(8..12) == Some(b.as_slice())).then_some(Format::Heif);
    }
    if is_emf(bytes) {
        return Some(Format::Emf);
    }
    if is_wmf(bytes) {
        return Some(Format::Wmf);
    }
    if starts(bytes, b"BM") && is_bmp(bytes) {
        return Some(Format::Bmp);
    }
    if is_tar(bytes) {
        return Some(Format::Tar);
    }
    pdf_header(bytes).map(|_| Format::Pdf)
}

/// A second format that readers may find in the same bytes, in plain words.
fn second_format(bytes: &[u8], first: Format) -> Option<&'static str> {
    if first != Format::Pdf
        && let Some(at) = pdf_header(bytes)
        && !package::is_member_data(bytes, at)
        && !(first == Format::Emf && is_emf_comment(bytes, at))
    {
        return Some(words(Format::Pdf));
    }
    let has_zip_head = starts(bytes, b"PK");
    if !has_zip_head && first != Format::Zip && zip_behind(bytes) {
        return Some(words(Format::Zip));
    }
    (first != Format::Tar && is_tar(bytes)).then_some(words(Format::Tar))
}

/// Position of a PDF header that readers accept: within the first 1,024 bytes (Adobe's implementation note 13 to
/// PDF 1.7). Away from byte 0 it must be followed by an object, so that a text about PDF is not taken for one.
fn pdf_header(bytes: &[u8]) -> Option<usize> {
    const WINDOW: usize = 1024;
    let window = bytes.get(..bytes.len().min(WINDOW + 5))?;
    let at =
        memmem::find_iter(window, b"%PDF-").find(|at| bytes.get(at + 5).is_some_and(u8::is_ascii_digit))?;
    (at == 0 || memmem::find(bytes.get(at..)?, b" obj").is_some()).then_some(at)
}

/// A ZIP end record that closes the file and has a directory before it.
fn zip_behind(bytes: &[u8]) -> bool {
    package::Directory::find(bytes).is_some_and(|directory| directory.members().next().is_some())
}

/// An EMR_HEADER record with its signature (MS-EMF 2.3.4.2).
fn is_emf(bytes: &[u8]) -> bool {
    starts(bytes, b"\x01\0\0\0") && bytes.get(40..44) == Some(b" EMF")
}

/// Whether `at` lies in a comment of an enhanced metafile: some writers leave the drawing as a PDF there, for their own use.
fn is_emf_comment(bytes: &[u8], at: usize) -> bool {
    const COMMENT: [u8; 4] = [70, 0, 0, 0];
    let mut start = 0_usize;
    while let Some(size) =
        bytes.get(start + 4..start + 8).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes)
    {
        let end = start.saturating_add(usize::try_from(size).unwrap_or(usize::MAX).max(8));
        if at < end {
            return at >= start + 8 && bytes.get(start..start + 4) == Some(COMMENT.as_slice());
        }
        start = end;
    }
    false
}

/// The placeable header's key, or a plain META_HEADER in memory or on disk of version 1.0 or 3.0 (MS-WMF 2.3.2.1 to 2.3.2.3).
fn is_wmf(bytes: &[u8]) -> bool {
    starts(bytes, b"\xd7\xcd\xc6\x9a")
        || (matches!(bytes.get(..4), Some([1 | 2, 0, 9, 0])) && matches!(bytes.get(4..6), Some([0, 1 | 3])))
}

fn is_bmp(bytes: &[u8]) -> bool {
    let header_size = bytes.get(14..18).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    matches!(header_size, Some(12 | 16 | 40 | 52 | 56 | 64 | 108 | 124))
}

/// The POSIX magic, or an old header whose checksum is right (POSIX.1-1988, ustar).
fn is_tar(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..512) else { return false };
    if header.get(257..262) == Some(b"ustar") {
        return true;
    }
    let field = header.get(148..156).unwrap_or_default();
    let digits: String = field
        .iter()
        .map(|&b| char::from(b))
        .skip_while(|&c| c == ' ')
        .take_while(char::is_ascii_digit)
        .collect();
    let sum: u32 = header
        .iter()
        .enumerate()
        .map(|(n, &b)| if (148..156).contains(&n) { 32 } else { u32::from(b) })
        .sum();
    digits.len() >= 3 && u32::from_str_radix(&digits, 8) == Ok(sum)
}

fn starts(bytes: &[u8], prefix: &[u8]) -> bool {
    bytes.starts_with(prefix)
}

#[cfg(test)]
mod tests;
