//! What may be chosen about a rebuild.
//!
//! Every choice is between safe ways: none lets active content through. The defaults are the strictest that keep a
//! document useful.

use serde::{Deserialize, Serialize};

/// Choices for one call of [`sanitize`](crate::sanitize), nested content included.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Title, subject, author and dates of a document.
    pub metadata: Metadata,
    /// Links to `http`, `https` and `mailto` addresses; other schemes are always removed.
    pub links: Links,
    /// Documents with a digital signature, which no rebuild can keep valid.
    pub signed: Signed,
    /// Quality of pictures that are encoded as JPEG, 1 to 100.
    pub jpeg_quality: JpegQuality,
}

/// What becomes of a document's description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metadata {
    /// It is removed, and reported.
    #[default]
    Remove,
    /// Title, subject, keywords, author and dates are written anew as plain text; all else is removed. Pictures never
    /// keep any.
    Keep,
}

/// What becomes of links to web and mail addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Links {
    /// They stay.
    #[default]
    Keep,
    /// Their text stays, the address does not.
    Remove,
}

/// What becomes of a signed document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signed {
    /// It is rebuilt; the report names the lost signature.
    #[default]
    Rebuild,
    /// It is refused, so that somebody can look at the original and its signature.
    Quarantine,
    /// It is rebuilt, and whoever asked keeps the original too: the report names the lost signature.
    KeepOriginal,
}

/// Quality of a JPEG encoder, 1 to 100.
///
/// Invariant: 1 ≤ value ≤ 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct JpegQuality(u8);

impl JpegQuality {
    /// The number.
    #[must_use]
    pub fn value(self) -> u8 {
        self.0
    }
}

impl Default for JpegQuality {
    fn default() -> Self {
        Self(90)
    }
}

impl TryFrom<u8> for JpegQuality {
    type Error = &'static str;

    fn try_from(value: u8) -> Result<Self, Self::Error> {
        match value {
            1..=100 => Ok(Self(value)),
            _ => Err("jpeg_quality is from 1 to 100"),
        }
    }
}

impl From<JpegQuality> for u8 {
    fn from(quality: JpegQuality) -> Self {
        quality.0
    }
}
