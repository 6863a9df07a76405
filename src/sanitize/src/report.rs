//! What was found, done and removed: the evidence for one file.

use serde::{Deserialize, Serialize};

use crate::format::Format;

/// What became of one file. The order is by severity: a container is at least as bad as its worst child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Known format, rewritten; `removed` lists what went.
    Rebuilt,
    /// Opaque but scanned, and allowed by name in this contract.
    Passed,
    /// Type not allowed here, or content and name or declared type disagree.
    Refused,
    /// Encrypted, over a limit, malformed, scanner error, or parsers that disagree.
    Unscannable,
    /// A scanner names something.
    Infected,
}

impl Verdict {
    /// The word used in reports, interfaces and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rebuilt => "rebuilt",
            Self::Passed => "passed",
            Self::Refused => "refused",
            Self::Unscannable => "unscannable",
            Self::Infected => "infected",
        }
    }

    /// Whether a file with this verdict may be delivered.
    #[must_use]
    pub fn deliverable(self) -> bool {
        matches!(self, Self::Rebuilt | Self::Passed)
    }
}

/// Kinds of content that a rebuild leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// VBA or other macro code.
    Macro,
    /// Excel 4.0 macro sheet or automatic name.
    MacroSheet,
    /// ActiveX, form or content control that runs code.
    Control,
    /// OLE object, package or embedded file.
    EmbeddedObject,
    /// JavaScript or other script.
    Script,
    /// Action run on opening, closing, printing or clicking.
    Action,
    /// Reference that is fetched from outside (template, frame, link, image).
    ExternalReference,
    /// Link with a scheme that is not allowed.
    Link,
    /// Field that fetches or runs (DDE, INCLUDETEXT and the like).
    Field,
    /// Data connection, query table or data model.
    DataConnection,
    /// Attached file.
    Attachment,
    /// Interactive form of a kind that is not kept (XFA).
    Form,
    /// Audio, video, 3D or other rich media.
    Multimedia,
    /// Digital signature: it cannot survive a rebuild.
    Signature,
    /// Embedded font.
    Font,
    /// Metadata: names, positions, thumbnails, custom properties.
    Metadata,
    /// User-interface extension or add-in.
    Extension,
    /// Printer settings and other device data.
    PrinterSettings,
    /// Part, object or data that no kept structure reaches: orphans, older revisions, trailing bytes.
    Unreachable,
    /// Part, element or chunk that is not on the allow list.
    UnknownPart,
    /// Document type definition or entity.
    Entity,
    /// Spreadsheet cell that starts a formula in a text format.
    FormulaCell,
    /// Control or bidirectional-override character.
    ControlCharacter,
    /// A picture that could not be rebuilt and was replaced by a blank one.
    Picture,
    /// Member of an archive that was left out.
    Member,
}

/// One kind of thing that was removed from one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removed {
    /// What it was.
    pub what: What,
    /// Where: a part name, object number or similar, escaped by [`plain`].
    pub r#where: String,
    /// How many of them.
    pub count: u32,
    /// SHA-256 (hex) of what was removed, where it was one run of bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl Removed {
    /// `count` things of one kind at one place.
    #[must_use]
    pub fn new(what: What, place: &str, count: u32) -> Self {
        Self { what, r#where: plain(place), count, sha256: None }
    }

    /// One run of bytes, with its digest.
    #[must_use]
    pub fn bytes(what: What, place: &str, bytes: &[u8]) -> Self {
        Self { what, r#where: plain(place), count: 1, sha256: Some(sha256_hex(bytes)) }
    }
}

/// One step of an examination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Who did it: `identify`, `yara`, `clamd`, `rebuild`, `verify`.
    pub name: String,
    /// Engine and signature version, or format rebuilt, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// `ok`, or what went wrong in plain words.
    pub result: String,
    /// Time taken, in microseconds.
    pub microseconds: u64,
}

/// The evidence for one file and for all that is nested in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The file's name as it came, escaped by [`plain`]; empty where it had none.
    pub name: String,
    /// Media type as declared by the sender, escaped; empty where there was none.
    pub declared: String,
    /// What the content is: [`Format`]'s name, or `unknown`.
    pub found: String,
    /// Size in bytes as it came.
    pub size: u64,
    /// SHA-256 (hex) as it came.
    pub sha256: String,
    /// The rebuilt copy's format (`docm` comes out as `docx`), where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebuilt_as: Option<Format>,
    /// Size in bytes after rebuilding, where there is a rebuilt copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebuilt_size: Option<u64>,
    /// SHA-256 (hex) of the rebuilt copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebuilt_sha256: Option<String>,
    /// What was done, in order.
    pub steps: Vec<Step>,
    /// What the rebuilt copy no longer has.
    pub removed: Vec<Removed>,
    /// What became of the file.
    pub verdict: Verdict,
    /// Why, in plain words.
    pub reason: String,
    /// Archive members and nested documents.
    pub children: Vec<Report>,
}

impl Report {
    /// The report of a file that nothing has looked at yet: unscannable until something says otherwise.
    #[must_use]
    pub fn unexamined(name: &str, media_type: &str, size: u64, sha256: &str) -> Self {
        Self {
            name: plain(name),
            declared: plain(media_type),
            found: Format::Unknown.name().to_owned(),
            size,
            sha256: sha256.to_owned(),
            rebuilt_as: None,
            rebuilt_size: None,
            rebuilt_sha256: None,
            steps: Vec::new(),
            removed: Vec::new(),
            verdict: Verdict::Unscannable,
            reason: String::new(),
            children: Vec::new(),
        }
    }
}

/// SHA-256 as lower-case hexadecimal.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(ring::digest::digest(&ring::digest::SHA256, bytes))
}

/// Text from outside made fit to show: control, bidirectional and other invisible characters are escaped, and it is cut at 200 characters.
#[must_use]
pub fn plain(text: &str) -> String {
    const MAX_CHARS: usize = 200;
    let mut out = String::with_capacity(text.len().min(MAX_CHARS));
    for (n, c) in text.chars().enumerate() {
        if n == MAX_CHARS {
            out.push('…');
            break;
        }
        if c.is_control() || is_invisible(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Characters that change how other text is shown, or are not shown at all (Unicode Bidi_Control, zero-width, tags, line separators).
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_to_left_override_is_shown_escaped() {
        assert_eq!(plain("invoice\u{202e}fdp.exe"), "invoice\\u{202e}fdp.exe");
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(plain(&"a".repeat(300)).chars().count(), 201);
    }

    #[test]
    fn a_worse_verdict_is_greater() {
        assert!(Verdict::Infected > Verdict::Unscannable && Verdict::Unscannable > Verdict::Rebuilt);
    }
}
