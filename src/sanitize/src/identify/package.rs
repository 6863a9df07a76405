//! What a ZIP is: an Office or OpenDocument package, a program, or just an archive.
//!
//! This reader only names the kind. It trusts nothing: whether the ZIP says one thing only is checked by
//! `zip_structure` before anything is rebuilt from it.

use std::io::Read;

use quick_xml::events::Event;

use super::Kind;
use crate::format::Format;
use crate::little_endian::{u16_at, u64_at};
use crate::text::decode;

/// Expanded size, in bytes, beyond which `[Content_Types].xml` and the root relationships are not read: far more than
/// the largest workbooks have.
pub(super) const MAX_PART: u64 = 4 << 20;

/// Directory entries looked at.
const MAX_MEMBERS: usize = 65_536;

/// Names the kind of a file that begins like a ZIP.
pub(super) fn kind(bytes: &[u8]) -> Kind {
    let Some(directory) = Directory::find(bytes) else {
        return Kind::narrow(Format::Zip, "a ZIP that is damaged or has other data behind it", &["zip"]);
    };
    let member = |name: &str| directory.members().find(|m| m.name.eq_ignore_ascii_case(name.as_bytes()));
    if let Some(types) = member("[Content_Types].xml") {
        let rels = member("_rels/.rels");
        return rels
            .and_then(|rels| office(&directory.read(&types)?, &directory.read(&rels)?))
            .unwrap_or(Kind::refused(Format::Unknown, "an Office package of a kind that is not known"));
    }
    if let Some(kind) = member("mimetype").and_then(|m| directory.read(&m)).and_then(|m| open_document(&m)) {
        return kind;
    }
    const PROGRAMS: [&str; 4] =
        ["META-INF/MANIFEST.MF", "AndroidManifest.xml", "classes.dex", "WEB-INF/web.xml"];
    if PROGRAMS.iter().any(|name| member(name).is_some()) {
        return Kind::refused(Format::Executable, "a Java or Android program");
    }
    Kind::of(Format::Zip)
}

/// Whether the data of an archive's member begins at `at`: a stored file, not a second format.
pub(super) fn is_member_data(bytes: &[u8], at: usize) -> bool {
    bytes.starts_with(b"PK\x03\x04")
        && Directory::find(bytes).is_some_and(|directory| {
            directory
                .members()
                .any(|member| member.header < at && local_data(bytes, member.header) == Some(at))
        })
}

/// The main document's type: what the root relationships call the office document, looked up in the content types
/// (ECMA-376 part 2, 10.1.2 and 9.3).
fn office(types: &[u8], rels: &[u8]) -> Option<Kind> {
    const MAIN: [&str; 2] = [
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument",
        "http://purl.oclc.org/ooxml/officeDocument/relationships/officeDocument",
    ];
    let mut mains = elements(rels, "Relationship")?.into_iter().filter(|relation| {
        relation.iter().any(|(name, value)| name == "Type" && MAIN.contains(&value.as_str()))
    });
    let main = mains.next()?;
    if mains.next().is_some() {
        return Some(Kind::refused(Format::Unknown, "an Office package with two main documents"));
    }
    let target = attribute(&main, "Target")?;
    let target = target.strip_prefix("./").unwrap_or(target);
    let part = format!("/{}", target.strip_prefix('/').unwrap_or(target));
    let extension = part.rsplit_once('.').map_or("", |(_, extension)| extension);

    let by_name = elements(types, "Override")?
        .into_iter()
        .find(|o| attribute(o, "PartName").is_some_and(|name| name.eq_ignore_ascii_case(&part)));
    let found = match by_name {
        Some(o) => o,
        None => elements(types, "Default")?
            .into_iter()
            .find(|d| attribute(d, "Extension").is_some_and(|e| e.eq_ignore_ascii_case(extension)))?,
    };
    main_type(attribute(&found, "ContentType")?)
}

/// The kind of package that a main part of this content type makes.
fn main_type(content_type: &str) -> Option<Kind> {
    const OPEN: &str = "application/vnd.openxmlformats-officedocument.";
    const MICROSOFT: &str = "application/vnd.ms-";
    let lower = content_type.trim().to_ascii_lowercase();
    let format = if let Some(rest) = lower.strip_prefix(OPEN) {
        match rest {
            "wordprocessingml.document.main+xml" => Format::Docx,
            "wordprocessingml.template.main+xml" => Format::Dotx,
            "spreadsheetml.sheet.main+xml" => Format::Xlsx,
            "spreadsheetml.template.main+xml" => Format::Xltx,
            "presentationml.presentation.main+xml" => Format::Pptx,
            "presentationml.template.main+xml" => Format::Potx,
            "presentationml.slideshow.main+xml" => Format::Ppsx,
            _ => return None,
        }
    } else {
        match lower.strip_prefix(MICROSOFT)? {
            "word.document.macroenabled.main+xml" => Format::Docm,
            "word.template.macroenabledtemplate.main+xml" => Format::Dotm,
            "excel.sheet.macroenabled.main+xml" => Format::Xlsm,
            "excel.template.macroenabled.main+xml" => Format::Xltm,
            "excel.sheet.binary.macroenabled.main" => Format::Xlsb,
            "excel.addin.macroenabled.main+xml" | "powerpoint.addin.macroenabled.main+xml" => {
                Format::OfficeAddin
            }
            "powerpoint.presentation.macroenabled.main+xml" => Format::Pptm,
            "powerpoint.template.macroenabled.main+xml" => Format::Potm,
            "powerpoint.slideshow.macroenabled.main+xml" => Format::Ppsm,
            _ => return None,
        }
    };
    Some(Kind::of(format))
}

/// The attributes of every element with this local name; `None` where the part cannot be read.
fn elements(part: &[u8], local_name: &str) -> Option<Vec<Vec<(String, String)>>> {
    let text = decode::xml(part).ok()?;
    let mut reader = quick_xml::Reader::from_str(&text);
    let mut found = Vec::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(e) | Event::Empty(e) if e.local_name().as_ref() == local_name => {
                let mut attributes = Vec::new();
                for attribute in e.attributes() {
                    let attribute = attribute.ok()?;
                    let value = quick_xml::escape::unescape(&attribute.value).ok()?.into_owned();
                    attributes.push((attribute.key.as_ref().to_owned(), value));
                }
                found.push(attributes);
            }
            Event::Eof => return Some(found),
            _ => {}
        }
    }
}

fn attribute<'a>(attributes: &'a [(String, String)], name: &str) -> Option<&'a str> {
    attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// OpenDocument 1.3 part 2, 3.3: the media type is the content of the member `mimetype`.
fn open_document(media_type: &[u8]) -> Option<Kind> {
    let media_type = std::str::from_utf8(media_type).ok()?.trim();
    let Some(odf) = media_type.strip_prefix("application/vnd.oasis.opendocument.") else {
        return media_type
            .starts_with("application/")
            .then_some(Kind::refused(Format::Unknown, "a package of a kind that is not accepted"));
    };
    Some(match odf {
        "text" => Kind::of(Format::Odt),
        "text-template" => Kind::of(Format::Ott),
        "spreadsheet" => Kind::of(Format::Ods),
        "spreadsheet-template" => Kind::of(Format::Ots),
        "presentation" => Kind::of(Format::Odp),
        "presentation-template" => Kind::of(Format::Otp),
        "graphics" => Kind::of(Format::Odg),
        "graphics-template" => Kind::of(Format::Otg),
        _ => Kind::refused(Format::Unknown, "an OpenDocument file of a kind that is not accepted"),
    })
}

/// The central directory of a ZIP whose end record closes the file (APPNOTE 6.3.10, 4.3.12 to 4.3.16).
pub(super) struct Directory<'a> {
    bytes: &'a [u8],
    entries: &'a [u8],
    /// Bytes before the archive: added to every offset it states.
    prefix: usize,
}

/// One directory entry.
pub(super) struct Member<'a> {
    name: &'a [u8],
    method: u16,
    stored_size: usize,
    header: usize,
}

impl<'a> Directory<'a> {
    /// Finds the end record: its comment must end where the file ends.
    pub(super) fn find(bytes: &'a [u8]) -> Option<Self> {
        const RECORD: usize = 22;
        // As in `zip_structure`: a line break added in transport hides nothing.
        let bytes = bytes.strip_suffix(b"\r\n").or_else(|| bytes.strip_suffix(b"\n")).unwrap_or(bytes);
        let first = bytes.len().saturating_sub(RECORD + usize::from(u16::MAX));
        let end = memchr::memmem::rfind_iter(bytes.get(first..)?, b"PK\x05\x06").map(|at| first + at).find(
            |&at| {
                u16_at(bytes, at + 20)
                    .is_some_and(|comment| at + RECORD + usize::from(comment) == bytes.len())
            },
        )?;

        let (mut end, mut size, mut offset) = (end, size_at(bytes, end + 12)?, size_at(bytes, end + 16)?);
        let locator = end.checked_sub(20).filter(|&at| bytes.get(at..at + 4) == Some(b"PK\x06\x07"));
        if let Some(locator) = locator {
            end = usize::try_from(u64_at(bytes, locator + 8)?).ok()?;
            if bytes.get(end..end.checked_add(4)?) != Some(b"PK\x06\x06") {
                return None;
            }
            size = usize::try_from(u64_at(bytes, end + 40)?).ok()?;
            offset = usize::try_from(u64_at(bytes, end + 48)?).ok()?;
        }
        let start = end.checked_sub(size)?;
        Some(Self { bytes, entries: bytes.get(start..end)?, prefix: start.checked_sub(offset)? })
    }

    /// The entries in order, as far as they can be read.
    pub(super) fn members(&self) -> impl Iterator<Item = Member<'a>> + use<'a> {
        let (entries, prefix) = (self.entries, self.prefix);
        let mut at = 0;
        std::iter::from_fn(move || {
            if entries.get(at..at + 4)? != b"PK\x01\x02" {
                return None;
            }
            let lengths: [usize; 3] = [
                u16_at(entries, at + 28)?.into(),
                u16_at(entries, at + 30)?.into(),
                u16_at(entries, at + 32)?.into(),
            ];
            let name_at = at + 46;
            let member = Member {
                name: entries.get(name_at..name_at + lengths.first()?)?,
                method: u16_at(entries, at + 10)?,
                stored_size: size_at(entries, at + 20)?,
                header: size_at(entries, at + 42)?.checked_add(prefix)?,
            };
            at = name_at + lengths.iter().sum::<usize>();
            Some(member)
        })
        .take(MAX_MEMBERS)
    }

    /// A member's content; `None` where it is too large or cannot be read.
    fn read(&self, member: &Member<'_>) -> Option<Vec<u8>> {
        let start = local_data(self.bytes, member.header)?;
        let stored = self.bytes.get(start..start.checked_add(member.stored_size)?)?;
        let mut expanded: Box<dyn Read> = match member.method {
            0 => Box::new(stored),
            8 => Box::new(flate2::read::DeflateDecoder::new(stored)),
            _ => return None,
        };
        let mut content = Vec::new();
        #[expect(clippy::disallowed_methods, reason = "capped by `take`")]
        let read = expanded.by_ref().take(MAX_PART + 1).read_to_end(&mut content);
        u64::try_from(read.ok()?).is_ok_and(|read| read <= MAX_PART).then_some(content)
    }
}

/// Where the data behind the local header at `header` begins.
fn local_data(bytes: &[u8], header: usize) -> Option<usize> {
    if bytes.get(header..header.checked_add(4)?) != Some(b"PK\x03\x04") {
        return None;
    }
    let (name, extra) = (u16_at(bytes, header + 26)?, u16_at(bytes, header + 28)?);
    Some(header + 30 + usize::from(name) + usize::from(extra))
}

fn size_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?)).ok()
}
