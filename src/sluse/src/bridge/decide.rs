//! What becomes of an examined submission: the contract's word, and the proof that `relay` asks for.

use sluse_sanitize::{Report, Verdict};

use crate::bridge::examine::{Cleared, Examined, ExaminedAttachment, ValidFields};
use crate::contract::{Contract, PartFailure};
use crate::model::outcome::{AttachmentCode, State};
use crate::schema::FieldError;

/// Permission to relay: valid fields and cleared files, and nothing else.
///
/// Invariant: made by [`decide`] alone, from an [`Examined`].
pub(super) struct Clearance {
    fields: ValidFields,
    files: Vec<(usize, Cleared)>,
}

impl Clearance {
    /// The form's data.
    pub(super) fn fields(&self) -> &ValidFields {
        &self.fields
    }

    /// The files, by their position in the submission.
    pub(super) fn files(&self) -> &[(usize, Cleared)] {
        &self.files
    }
}

/// What becomes of a submission.
pub(super) struct Decision {
    /// What the portal learns.
    pub(super) state: State,
    /// What the portal learns of each attachment.
    pub(super) codes: Vec<AttachmentCode>,
    /// The evidence for each attachment.
    pub(super) reports: Vec<Report>,
    /// What is wrong with the submission as a whole.
    pub(super) problem: Option<String>,
    /// What may be relayed.
    pub(super) clearance: Option<Clearance>,
}

/// Applies the contract.
pub(super) fn decide(contract: &Contract, examined: Examined) -> Decision {
    let whole = examined.attachments.iter().all(|attachment| attachment.report().verdict.deliverable());
    let fields = match examined.fields {
        Err(errors) => return hold(State::Rejected, Some(explain(&errors)), examined.attachments),
        Ok(_) if !whole && contract.on_part_failure == PartFailure::Hold => {
            return hold(State::Quarantined, None, examined.attachments);
        }
        Ok(fields) => fields,
    };
    let mut decision = Decision {
        state: if whole { State::Relayed } else { State::RelayedInPart },
        codes: Vec::new(),
        reports: Vec::new(),
        problem: None,
        clearance: None,
    };
    let mut files = Vec::new();
    for (index, attachment) in examined.attachments.into_iter().enumerate() {
        let (report, cleared) = attachment.into_parts();
        decision.codes.push(code(report.verdict, AttachmentCode::Relayed));
        decision.reports.push(report);
        files.extend(cleared.map(|cleared| (index, cleared)));
    }
    decision.clearance = Some(Clearance { fields, files });
    decision
}

/// Nothing is relayed; good attachments are held with the bad.
fn hold(state: State, problem: Option<String>, attachments: Vec<ExaminedAttachment>) -> Decision {
    let reports: Vec<Report> = attachments.into_iter().map(|attachment| attachment.into_parts().0).collect();
    let codes = reports.iter().map(|report| code(report.verdict, AttachmentCode::Held)).collect();
    Decision { state, codes, reports, problem, clearance: None }
}

/// A submission that could not be examined at all: held whole.
pub(super) fn hold_unexamined(state: State, problem: String, reports: Vec<Report>) -> Decision {
    let codes = reports.iter().map(|_| AttachmentCode::Held).collect();
    Decision { state, codes, reports, problem: Some(problem), clearance: None }
}

fn code(verdict: Verdict, good: AttachmentCode) -> AttachmentCode {
    match verdict {
        Verdict::Rebuilt | Verdict::Passed => good,
        Verdict::Refused => AttachmentCode::Refused,
        Verdict::Unscannable => AttachmentCode::Unscannable,
        Verdict::Infected => AttachmentCode::Infected,
    }
}

fn explain(errors: &[FieldError]) -> String {
    let listed: Vec<String> =
        errors.iter().map(|error| format!("{}: {}", error.pointer, error.message)).collect();
    format!("the fields do not fit the form's schema: {}", listed.join("; "))
}
