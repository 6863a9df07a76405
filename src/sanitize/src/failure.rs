//! Why a file was not rebuilt.

use crate::report::Verdict;

/// The reason a file gets no rebuilt copy. Texts are plain words for security staff; text that came from outside
/// never enters them unescaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A scanner named something in the file or in what is nested in it.
    #[error("{0}")]
    Infected(String),
    /// A limit of [`Limits`](crate::Limits) was hit.
    #[error("{what} is over the limit {limit} ({name})")]
    Limit {
        /// The key in [`Limits`](crate::Limits).
        name: &'static str,
        /// What was too large, too many or too deep.
        what: String,
        /// The limit's value.
        limit: u64,
    },
    /// The content is encrypted or needs a password.
    #[error("{0}")]
    Encrypted(String),
    /// The content breaks its own format, or two readers disagree on it.
    #[error("{0}")]
    Malformed(String),
    /// The type is not one that is rebuilt, or it is not what its name or declared type says.
    #[error("{0}")]
    Refused(String),
    /// The rebuilt file did not pass verification: a defect of ours, so nothing is delivered.
    #[error("the rebuilt file did not pass verification: {0}")]
    Unproved(String),
}

impl Failure {
    /// The verdict this failure gives the file.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Infected(_) => Verdict::Infected,
            Self::Refused(_) => Verdict::Refused,
            Self::Limit { .. } | Self::Encrypted(_) | Self::Malformed(_) | Self::Unproved(_) => {
                Verdict::Unscannable
            }
        }
    }

    /// What it means when a rebuilt file is read: a failed proof; a limit that is hit stays one.
    pub(crate) fn unproved(self) -> Self {
        match self {
            Self::Unproved(_) | Self::Limit { .. } => self,
            other => Self::Unproved(other.to_string()),
        }
    }

    /// The [`Failure::Refused`] of a document that is signed, where a contract wants those looked at.
    pub(crate) fn signed() -> Self {
        Self::Refused("the document is signed, and a rebuild would break the signature".to_owned())
    }

    /// A [`Failure::Malformed`] from any displayable cause.
    pub(crate) fn malformed(cause: impl std::fmt::Display) -> Self {
        Self::Malformed(crate::report::plain(&cause.to_string()))
    }
}
