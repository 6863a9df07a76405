//! Names of things: submissions, blobs, and words of a small alphabet.
//!
//! Whatever reaches a file name, a table or a log as a name is one of these types, so that its alphabet and
//! length were checked once, at the edge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name was not written the way its type requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {0}")]
pub struct BadName(&'static str);

impl BadName {
    /// The error for a name of this kind.
    pub(crate) fn of(kind: &'static str) -> Self {
        Self(kind)
    }
}

/// A submission's identity through every zone: a UUID of version 7 (RFC 9562), so ids sort by the time they were made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SubmissionId([u8; 16]);

impl SubmissionId {
    /// A new id, unique and unguessable enough for a name, but not a secret.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "every call gives another value")]
    pub fn new() -> Self {
        Self(uuid::Uuid::now_v7().into_bytes())
    }

    /// The id that these bytes are.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The id's 16 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for SubmissionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_bytes(self.0).hyphenated().fmt(f)
    }
}

impl fmt::Debug for SubmissionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for SubmissionId {
    type Err = BadName;

    /// Takes the one form that `Display` writes: lower-case, hyphenated.
    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = BadName("submission id");
        let id = Self(uuid::Uuid::try_parse(text).map_err(|_| bad)?.into_bytes());
        if id.to_string() == text { Ok(id) } else { Err(bad) }
    }
}

impl From<SubmissionId> for String {
    fn from(id: SubmissionId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for SubmissionId {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

/// The name of one blob: 32 lower-case hexadecimal characters, random, so it says nothing about the content.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct BlobRef(String);

impl BlobRef {
    /// A new random name.
    #[must_use]
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().simple().to_string())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BlobRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BlobRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BlobRef {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        if text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadName("blob name"))
        }
    }
}

impl From<BlobRef> for String {
    fn from(name: BlobRef) -> Self {
        name.0
    }
}

impl TryFrom<String> for BlobRef {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

/// A code, or the name of a queue, portal, destination or account: 1 to 64 characters of `a-z 0-9 . _ -`, beginning
/// with a letter or digit. It cannot hold a sentence, a path that climbs, or markup.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct CodeWord(String);

impl CodeWord {
    /// Longest code word, in characters.
    pub const MAX: usize = 64;

    /// The word as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CodeWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CodeWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for CodeWord {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let alphabet = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if first && text.len() <= Self::MAX && text.bytes().all(alphabet) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadName("code word"))
        }
    }
}

impl From<[u8; 32]> for CodeWord {
    /// A digest, as 64 hexadecimal characters.
    fn from(digest: [u8; 32]) -> Self {
        Self(hex::encode(digest))
    }
}

impl From<SubmissionId> for CodeWord {
    fn from(id: SubmissionId) -> Self {
        Self(id.to_string())
    }
}

impl From<CodeWord> for String {
    fn from(word: CodeWord) -> Self {
        word.0
    }
}

impl TryFrom<String> for CodeWord {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn submission_id_has_one_spelling() {
        let id = SubmissionId::new();
        let text = id.to_string();
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(&text[14..15], "7");
        for other in [text.to_uppercase(), text.replace('-', ""), format!("{{{text}}}"), String::new()] {
            assert!(other.parse::<SubmissionId>().is_err(), "{other}");
        }
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{text}\""));
    }

    #[test]
    fn blob_name_that_climbs_is_refused() {
        let name = BlobRef::random();
        assert_eq!(name.as_str().parse(), Ok(name));
        for bad in
            ["", "../../../../../../../../etc/passwd", "0123456789ABCDEF0123456789abcdef", "0123456789abcdef"]
        {
            assert!(bad.parse::<BlobRef>().is_err(), "{bad}");
        }
    }

    #[test]
    fn code_word_holds_no_sentence() {
        assert!("macro_removed".parse::<CodeWord>().is_ok());
        let long = "a".repeat(65);
        for bad in ["", ".", "..", "-x", "a b", "a/b", "Æ", "A", "<b>", "a\n", long.as_str()] {
            assert!(bad.parse::<CodeWord>().is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<CodeWord>("\"../x\"").is_err());
    }
}
