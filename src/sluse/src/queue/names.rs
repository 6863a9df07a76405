//! The queues' names.

use crate::id::CodeWord;

/// From intake to bridge: sealed submissions.
pub(crate) const SUBMISSIONS: &str = "submissions";
/// From bridge to intake: signed outcome codes.
pub(crate) const OUTCOMES: &str = "outcomes";
/// From bridge to console: sealed quarantine reports.
pub(crate) const REPORTS: &str = "reports";

/// From bridge to outlet: sealed deliveries for one destination.
pub(crate) fn delivery_queue(destination: &CodeWord) -> CodeWord {
    CodeWord::joined("deliver", destination)
}
