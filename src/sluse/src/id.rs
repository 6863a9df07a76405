//! Names that are safe everywhere: submission ids, blob references, code words.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
pub use sluse_envelope::{BlobRef, SubmissionId};

/// The text is no code word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a {0}")]
pub struct BadName(&'static str);

impl BadName {
    /// The text is no such thing.
    pub(crate) const fn of(what: &'static str) -> Self {
        Self(what)
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

    /// A word of this program's own.
    #[must_use]
    pub(crate) fn constant(word: &'static str) -> Self {
        debug_assert!(word.parse::<Self>().is_ok(), "{word}");
        Self(word.to_owned())
    }

    /// Two words of which the first is this program's own, joined by a dot; cut where it grows too long.
    #[must_use]
    pub(crate) fn joined(first: &'static str, second: &Self) -> Self {
        let mut word = format!("{first}.{second}");
        word.truncate(Self::MAX);
        Self(word)
    }

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
            Err(BadName::of(
                "code word (1 to 64 characters of a-z, 0-9, '.', '_', '-', beginning with a letter or digit)",
            ))
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
pub(crate) mod tests {
    use sluse_envelope::UnixMillis;

    use super::*;

    /// A new id.
    pub(crate) fn new_id() -> SubmissionId {
        SubmissionId::new(UnixMillis::now()).unwrap()
    }

    #[test]
    fn code_words_hold_no_path_sentence_or_markup() {
        for good in ["a", "deliver.building-cases", "0_x"] {
            assert_eq!(good.parse::<CodeWord>().unwrap().as_str(), good);
        }
        for bad in ["", "..", ".a", "a b", "A", "a/b", "<b>", "å", &"a".repeat(65)] {
            assert!(bad.parse::<CodeWord>().is_err(), "{bad}");
        }
    }
}
