//! What the DMZ learns of a submission: one code, and one for each attachment. Nothing else ever flows back.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sluse_envelope::SubmissionId;

use crate::id::{BadName, CodeWord};

/// Where a submission is, as the DMZ knows it. A state further down never goes back up, and a terminal one never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Being received; nothing was promised yet, and no portal sees it.
    Pending,
    /// Durable in the DMZ, waiting for the bridge.
    Received,
    /// The bridge has begun.
    Examining,
    /// Passed on whole.
    Relayed,
    /// Passed on without the attachments whose codes say so.
    RelayedInPart,
    /// Held in the secure zone for security staff.
    Quarantined,
    /// Not usable: the content breaks the contract.
    Rejected,
    /// Not examined within its maximum age.
    Expired,
}

impl State {
    /// Every state, in order.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Received,
        Self::Examining,
        Self::Relayed,
        Self::RelayedInPart,
        Self::Quarantined,
        Self::Rejected,
        Self::Expired,
    ];

    /// Whether nothing more will happen in the DMZ's sight.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        self > Self::Examining
    }

    /// The word used in interfaces, ledgers and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Received => "received",
            Self::Examining => "examining",
            Self::Relayed => "relayed",
            Self::RelayedInPart => "relayed_in_part",
            Self::Quarantined => "quarantined",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }
}

impl FromStr for State {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(BadName::of("submission state"))
    }
}

/// What became of one attachment, as a portal may show it to a citizen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttachmentCode {
    /// Passed on.
    Relayed,
    /// Good, but held because another attachment was not.
    Held,
    /// A scanner found something; the file is gone.
    Infected,
    /// Could not be examined: encrypted, damaged or over a limit.
    Unscannable,
    /// Not a type that this form accepts.
    Refused,
}

impl AttachmentCode {
    /// The code as a ledger keeps it.
    #[must_use]
    pub fn word(self) -> CodeWord {
        CodeWord::constant(match self {
            Self::Relayed => "relayed",
            Self::Held => "held",
            Self::Infected => "infected",
            Self::Unscannable => "unscannable",
            Self::Refused => "refused",
        })
    }
}

/// The message from bridge to intake, carried as a JWS of [`OUTCOME`](sluse_envelope::jws::OUTCOME).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Which submission.
    pub id: SubmissionId,
    /// What became of it; never [`State::Received`].
    pub state: State,
    /// One code for each attachment, in order; empty when it was not examined.
    pub attachments: Vec<AttachmentCode>,
}
