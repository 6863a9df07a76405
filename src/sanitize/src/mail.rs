//! Mail: examined part by part and written anew as a plain mail (RFC 5322, MIME) of our own.
//!
//! ```text
//! EML, MHT ─▶ structure (strict) ═ mail-parser (must agree) ─▶ eml ─┐            text ──▶ cleaned
//!                                                                   ├▶ parts ─┬─ HTML ──▶ html (pictures by cid:)
//! MSG ──▶ compound ─▶ properties ─▶ rtf ─────────────────────▶ msg ─┘         ├─ picture, attachment ─▶ nested examination
//!                                                                             └─ signature: noted
//!                                                    Mail ─▶ write ─▶ EML ─▶ verify: structure again, every part by its type
//! ```
//!
//! Invariants: an attachment that is not rebuilt keeps back the whole mail, as in an archive; a picture in the text is
//! replaced instead. Fields are decoded and encoded anew, so no field can bring another one. The same mail gives the
//! same bytes, and a rebuilt mail rebuilds to itself.
//!
//! | module | question it answers |
//! |---|---|
//! | `structure` | which parts does a mail have, read so that nothing can be read in two ways? |
//! | `eml` | what do a mail's parts and fields say? |
//! | `msg` | what does an Outlook message say? |
//! | `parts` | what becomes of each text, picture and attachment? |
//! | `write` | how is a mail written? |
//! | `verify` | is everything in a rebuilt mail what it may be? |

mod eml;
pub(crate) mod msg;
mod parts;
mod structure;
#[cfg(test)]
mod tests;
mod verify;
mod write;

use crate::failure::Failure;
use crate::format::{Format, Rewritten};
use crate::job::Job;

pub(crate) use verify::verify;

/// A mail as it is written.
#[derive(Debug, Default)]
struct Mail {
    from: Vec<Mailbox>,
    to: Vec<Mailbox>,
    cc: Vec<Mailbox>,
    subject: String,
    /// As in RFC 5322, 3.3.
    date: Option<String>,
    /// With its angle brackets.
    message_id: Option<String>,
    content: Option<Part>,
}

/// A person: either may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Mailbox {
    name: String,
    address: String,
}

/// A piece of a mail that is written.
#[derive(Debug)]
enum Part {
    Text(String),
    Html(String),
    /// Shown in the HTML by its `cid:`.
    Picture {
        id: String,
        name: String,
        format: Format,
        bytes: Vec<u8>,
    },
    /// Attached.
    File {
        name: String,
        format: Format,
        bytes: Vec<u8>,
    },
    Many(Kind, Vec<Part>),
}

/// How the pieces of a multipart belong together (RFC 2046, 5.1; RFC 2387).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mixed,
    /// The same in several ways.
    Alternative,
    /// The first, and what it shows.
    Related,
}

impl Kind {
    fn media_type(self) -> &'static str {
        match self {
            Self::Mixed => "multipart/mixed",
            Self::Alternative => "multipart/alternative",
            Self::Related => "multipart/related",
        }
    }
}

/// Writes a mail anew.
pub(crate) fn rebuild(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<Rewritten, Failure> {
    let mail = eml::read(bytes, job)?;
    finish(&mail, job)
}

fn finish(mail: &Mail, job: &Job<'_>) -> Result<Rewritten, Failure> {
    let bytes = write::write(mail);
    match u64::try_from(bytes.len()) {
        Ok(size) if size <= job.limits.max_bytes => Ok(Rewritten { bytes, format: Format::Mime }),
        _ => Err(Failure::Limit {
            name: "max_bytes",
            what: "the rebuilt mail".to_owned(),
            limit: job.limits.max_bytes,
        }),
    }
}
