//! What security staff get: a report, and the originals that were withheld, sealed to the quarantine key; so too the
//! originals of signed documents, where a contract keeps them beside the rebuilt copies.
//!
//! Invariant: infected bytes are not kept; of them there are digests and a report.

use sluse_envelope::{Attachment, BlobPlace, BlobRef, BlobSealer, Direction};
use sluse_sanitize::Report;
use sluse_sanitize::report::{What, plain};

use crate::bridge::Bridge;
use crate::bridge::decide::Decision;
use crate::bridge::fetch::{FetchError, Opening};
use crate::bridge::process::Waits;
use crate::bridge::receive::Received;
use crate::clock;
use crate::model::outcome::AttachmentCode;
use crate::model::quarantine::{Kept, QuarantineReport, QuarantinedAttachment};
use crate::queue::Message;

/// Largest report, in bytes of JSON: with fields and padding it stays under the queue's limit of one message.
const MAX_REPORT_BYTES: usize = 3 << 20;
/// Removals that an attachment keeps in a report that would be too large.
const MAX_REMOVED_LEFT: usize = 20;

impl Bridge {
    /// Puts a report for whatever is not relayed, or is kept beside what is, into the secure zone's queue of reports.
    pub(super) async fn quarantine(
        &self,
        received: &Received,
        decision: &Decision,
        keeps_signed: bool,
    ) -> Result<(), Waits> {
        let mut attachments = Vec::with_capacity(decision.reports.len());
        let parts = received.manifest.attachments.iter().zip(&decision.codes).zip(&decision.reports);
        for (index, ((attachment, code), report)) in (0_u32..).zip(parts) {
            let keep = match code {
                AttachmentCode::Infected => false,
                AttachmentCode::Relayed => keeps_signed && lost_signature(report),
                AttachmentCode::Held | AttachmentCode::Unscannable | AttachmentCode::Refused => true,
            };
            let kept = if keep { self.keep_original(received, index, attachment).await? } else { None };
            attachments.push(QuarantinedAttachment { code: *code, report: report.clone(), kept });
        }
        let id = received.header.submission;
        let mut report = QuarantineReport {
            id,
            state: decision.state,
            form: plain(&received.manifest.form),
            version: received.manifest.version,
            sealed_at: clock::rfc3339(clock::from_millis(received.header.created.0)),
            examined_at: clock::rfc3339(clock::now()),
            problem: decision.problem.clone(),
            fields: decision.clearance.is_none().then(|| received.manifest.fields.clone()),
            attachments,
        };
        let content = zeroize::Zeroizing::new(fitting_json(&mut report).map_err(Waits::ours)?);
        let body = self.seal(id, Direction::Quarantine, &self.settings.quarantine_key, &content)?;
        self.reports.put(Message { id, body }).await.map_err(Waits::secure_queue)?;
        Ok(())
    }

    /// Seals an original anew while it streams from one store to the other. `None`: its sealed bytes do not open, so there is nothing to keep.
    async fn keep_original(
        &self,
        received: &Received,
        index: u32,
        attachment: &Attachment,
    ) -> Result<Option<Kept>, Waits> {
        let submission = received.header.submission;
        let mut opening = match Opening::start(&self.dmz_blobs, submission, index, attachment).await {
            Ok(opening) => opening,
            Err(FetchError::Tampered(_)) => return Ok(None),
            Err(cause) => return Err(Waits::fetch(&cause)),
        };
        let place = BlobPlace { submission, index, direction: Direction::Quarantine };
        let mut sealer = BlobSealer::new(&place).map_err(Waits::ours)?;
        let blob = BlobRef::generate().map_err(Waits::ours)?;
        let mut writer = self.quarantine_blobs.create(&blob).await.map_err(Waits::secure)?;
        let mut sealed = Vec::new();
        loop {
            match opening.next().await {
                Ok(Some(bytes)) => sealer.update(bytes, &mut sealed).map_err(Waits::ours)?,
                Ok(None) => break,
                Err(FetchError::Tampered(_)) => return Ok(None),
                Err(cause) => return Err(Waits::fetch(&cause)),
            }
            writer.write(&sealed).await.map_err(Waits::secure)?;
            sealed.clear();
        }
        let done = sealer.finish(&mut sealed).map_err(Waits::ours)?;
        writer.write(&sealed).await.map_err(Waits::secure)?;
        writer.finish().await.map_err(Waits::secure)?;
        Ok(Some(Kept { blob, key: done.key, size: done.size, sha256: done.sha256.to_string() }))
    }
}

/// Whether a rebuild cost the file, or a file in it, its digital signature.
pub(super) fn lost_signature(report: &Report) -> bool {
    report.removed.iter().any(|removed| removed.what == What::Signature)
        || report.children.iter().any(lost_signature)
}

/// The report as JSON that fits a queue message: when it would not, the nesting of its largest parts is left out, and said to be.
fn fitting_json(report: &mut QuarantineReport) -> serde_json::Result<Vec<u8>> {
    let json = serde_json::to_vec(report)?;
    if json.len() <= MAX_REPORT_BYTES {
        return Ok(json);
    }
    for attachment in &mut report.attachments {
        let report = &mut attachment.report;
        if !report.children.is_empty() {
            report.reason.push_str(" (the reports of nested files are left out: there are too many)");
            report.children.clear();
        }
        report.removed.truncate(MAX_REMOVED_LEFT);
    }
    serde_json::to_vec(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::State;

    #[test]
    fn a_report_of_very_many_nested_files_still_fits_a_message() {
        let nested =
            |n: usize| Report::unexamined(&format!("{n}{}", "n".repeat(190)), "", 1, &"0".repeat(64));
        let mut outer = nested(0);
        outer.children = (0..10_000).map(nested).collect();
        let mut report = QuarantineReport {
            id: crate::id::tests::new_id(),
            state: State::Quarantined,
            form: "form".to_owned(),
            version: 1,
            sealed_at: String::new(),
            examined_at: String::new(),
            problem: None,
            fields: None,
            attachments: vec![QuarantinedAttachment {
                code: AttachmentCode::Refused,
                report: outer,
                kept: None,
            }],
        };
        let json = fitting_json(&mut report).unwrap();
        assert!(json.len() <= MAX_REPORT_BYTES);
        assert!(String::from_utf8(json).unwrap().contains("are left out"));
    }
}
