//! What can be on record: the vocabulary of the audit log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{CodeWord, SubmissionId};

/// Whose log it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Receives submissions in the DMZ.
    Intake,
    /// Examines them between the zones.
    Bridge,
    /// Delivers them in the secure zone.
    Outlet,
    /// Serves security staff.
    Console,
}

impl Role {
    /// The role's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Bridge => "bridge",
            Self::Outlet => "outlet",
            Self::Console => "console",
        }
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The role began to work; details: version, digests of its configuration and rules.
    Started,
    /// The role ended in order.
    Stopped,
    /// A crash had cut the log's last line short; it was moved aside. Details: how many bytes.
    LogRepaired,
    /// The configuration, policy, contracts or signatures in use changed.
    RulesChanged,
    /// A key was made, imported, retired or destroyed.
    KeysChanged,
    /// A submission was accepted and is durable.
    Received,
    /// A submission was refused while it was being received.
    Refused,
    /// A submission was opened and examined; details: a verdict per attachment.
    Examined,
    /// All of a submission went to the secure zone.
    Relayed,
    /// Some of a submission went to the secure zone.
    RelayedInPart,
    /// A submission, or part of it, was set aside for staff.
    Quarantined,
    /// A submission was refused for good.
    Rejected,
    /// A submission was given up for its age.
    Expired,
    /// A message was set aside for the operator.
    DeadLettered,
    /// The destination has the submission.
    Delivered,
    /// A delivery did not work and will be tried again.
    DeliveryFailed,
    /// A submission arrived again and was not delivered twice.
    Duplicate,
    /// What came from another zone did not verify.
    Distrusted,
    /// Someone signed in.
    SignedIn,
    /// A sign-in was refused.
    SignInRefused,
    /// Someone opened a report, and so saw what it holds.
    ReportOpened,
    /// Someone proposed the release of a quarantined item.
    ReleaseProposed,
    /// Another person approved it.
    ReleaseApproved,
    /// A quarantined item went on to the outlet.
    Released,
    /// A quarantined item was destroyed.
    Destroyed,
    /// Someone took data out.
    Exported,
    /// An account or its rights changed.
    AccountChanged,
    /// Records past their retention were removed.
    Forgotten,
}

/// One fact about an event. There is no variant that takes free text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Detail {
    /// A yes or no.
    Flag(bool),
    /// A number; its key says of what unit.
    Count(u64),
    /// A code, name, digest or id.
    Word(CodeWord),
    /// One code per attachment or step, in order.
    Words(Vec<CodeWord>),
}

impl From<bool> for Detail {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<u64> for Detail {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<CodeWord> for Detail {
    fn from(word: CodeWord) -> Self {
        Self::Word(word)
    }
}

impl From<Vec<CodeWord>> for Detail {
    fn from(words: Vec<CodeWord>) -> Self {
        Self::Words(words)
    }
}

impl From<[u8; 32]> for Detail {
    /// A SHA-256, as hexadecimal.
    fn from(digest: [u8; 32]) -> Self {
        Self::Word(CodeWord::from(digest))
    }
}

impl From<SubmissionId> for Detail {
    fn from(id: SubmissionId) -> Self {
        Self::Word(CodeWord::from(id))
    }
}

/// What the caller puts on record: `Record::of(Event::Relayed).about(id).with("attachments", 3)`.
#[derive(Debug, Clone)]
pub struct Record {
    pub(super) event: Event,
    pub(super) id: Option<SubmissionId>,
    pub(super) detail: BTreeMap<&'static str, Detail>,
}

impl Record {
    /// A record that this happened.
    #[must_use]
    pub fn of(event: Event) -> Self {
        Self { event, id: None, detail: BTreeMap::new() }
    }

    /// The submission that it is about.
    #[must_use]
    pub fn about(mut self, id: SubmissionId) -> Self {
        self.id = Some(id);
        self
    }

    /// Adds a fact; keys name their unit (`size_bytes`).
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<Detail>) -> Self {
        self.detail.insert(key, value.into());
        self
    }
}
