//! Every file of a submission looked at by every scanner, at every level of nesting, and rebuilt by a worker that holds nothing.
//!
//! ```text
//!             ┌─▶ clamd: original ──────────────────────────────┐
//! memory ─────┤                                                 ├─▶ verdict: the worst of them
//!             └─▶ worker: identify, YARA, rebuild, verify, YARA ┤
//!                   ├─ each archive member ─▶ clamd ────────────┤
//!                   └─ rebuilt copy ─▶ clamd ───────────────────┘
//! ```
//!
//! Invariant: a [`Cleared`] is made here alone, from bytes that the worker rebuilt and verified, after the original, every member and
//! the rebuilt bytes themselves were found clean. A scanner that is down ends the examination without any verdict.

use std::sync::Arc;
use std::time::Instant;

use sluse_envelope::{Attachment, SubmissionId};
use sluse_sanitize::{Format, Report, Settings, Step, Verdict};

use crate::bridge::Bridge;
use crate::bridge::fetch::{FetchError, fetch};
use crate::contract::Contract;
use crate::sandbox::{Event, Fault, FieldsTask, SealedMemory, StartError, Task, TaskFile};
use crate::scan::{Scan, ScanError, Verdict as ScanVerdict};
use crate::schema::FieldError;

/// Rebuilt bytes that may be relayed.
pub(super) struct Cleared {
    bytes: Vec<u8>,
    format: Format,
}

impl Cleared {
    /// The rebuilt bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What they are.
    pub(super) fn format(&self) -> Format {
        self.format
    }
}

/// One attachment, examined.
///
/// Invariant: `cleared` is `Some` exactly when the report's verdict is deliverable.
pub(super) struct ExaminedAttachment {
    report: Report,
    cleared: Option<Cleared>,
}

impl ExaminedAttachment {
    /// The evidence.
    pub(super) fn report(&self) -> &Report {
        &self.report
    }

    /// The evidence, and what may be relayed.
    pub(super) fn into_parts(self) -> (Report, Option<Cleared>) {
        (self.report, self.cleared)
    }
}

/// Fields that fit the contract's schema, written anew by the worker.
pub(super) struct ValidFields(Vec<u8>);

impl ValidFields {
    /// JSON text.
    pub(super) fn json(&self) -> &[u8] {
        &self.0
    }
}

/// A whole submission, examined.
pub(super) struct Examined {
    /// The form's data, or what is wrong with it.
    pub(super) fields: Result<ValidFields, Vec<FieldError>>,
    /// Every attachment, in order.
    pub(super) attachments: Vec<ExaminedAttachment>,
}

/// Why there is no verdict: the submission waits.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoVerdict {
    /// The virus scanner is down.
    #[error("virus scanner: {0}")]
    Scanner(ScanError),
    /// The DMZ's blob store failed.
    #[error("blob store: {0}")]
    Fetch(FetchError),
    /// No worker could be started.
    #[error("worker: {0}")]
    Worker(StartError),
    /// The worker was ended from outside, or lost: nothing of it is the content's doing.
    #[error("worker: {0}")]
    Interrupted(Fault),
}

/// An attachment on its way through the examination.
struct Pending<'a> {
    attachment: &'a Attachment,
    content: Option<Arc<SealedMemory>>,
    report: Report,
    rebuilt: Option<(Vec<u8>, Format)>,
    /// The worst that anything but the worker has said; whatever the worker says later does not mend it.
    finding: Option<(Verdict, String)>,
}

impl Pending<'_> {
    /// Adds a finding: it stays, and what was rebuilt is gone.
    fn condemn(&mut self, verdict: Verdict, reason: String) {
        if self.finding.as_ref().is_none_or(|(known, _)| verdict > *known) {
            self.finding = Some((verdict, reason));
        }
        self.apply_finding();
    }

    /// Holds the report to the worst finding.
    fn apply_finding(&mut self) {
        let Some((verdict, reason)) = &self.finding else { return };
        if *verdict >= self.report.verdict || self.rebuilt.is_some() {
            self.report.verdict = *verdict;
            self.report.reason.clone_from(reason);
        }
        self.rebuilt = None;
        self.report.rebuilt_as = None;
        self.report.rebuilt_size = None;
        self.report.rebuilt_sha256 = None;
    }

    fn note(&mut self, started: Instant, scan: &Scan, subject: &str) {
        self.report.steps.push(Step {
            name: "clamd".to_owned(),
            detail: Some(format!("{}: {subject}", scan.engine)),
            result: match &scan.verdict {
                ScanVerdict::Clean => "ok".to_owned(),
                ScanVerdict::Infected { name } => format!("found {name}"),
            },
            microseconds: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        });
        if let ScanVerdict::Infected { name } = &scan.verdict {
            self.condemn(Verdict::Infected, format!("clamd found {name} in {subject}"));
        }
    }
}

impl Bridge {
    /// Examines fields and attachments of one submission.
    pub(super) async fn examine(
        &self,
        id: SubmissionId,
        contract: &Contract,
        fields: &[u8],
        attachments: &[Attachment],
    ) -> Result<Examined, NoVerdict> {
        let mut pending = Vec::with_capacity(attachments.len());
        let mut before = 0_u64;
        for (index, attachment) in attachments.iter().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            pending.push(self.admit(id, index, before, contract, attachment).await?);
            before = before.saturating_add(attachment.size);
        }
        for file in &mut pending {
            self.scan_original(file).await?;
        }
        let fields = self.work_through(contract, fields, &mut pending).await?;
        let mut examined = Vec::with_capacity(pending.len());
        for mut file in pending {
            self.scan_rebuilt(&mut file).await?;
            examined.push(finish(contract, file));
        }
        Ok(Examined { fields, attachments: examined })
    }

    /// Fetches an attachment, unless a limit already says what becomes of it.
    async fn admit<'a>(
        &self,
        id: SubmissionId,
        index: u32,
        before: u64,
        contract: &Contract,
        attachment: &'a Attachment,
    ) -> Result<Pending<'a>, NoVerdict> {
        let report = unexamined(attachment, "");
        let mut file = Pending { attachment, content: None, report, rebuilt: None, finding: None };
        let limits = &self.settings.policy.limits;
        let over = if index >= contract.attachments.max_count {
            Some(("attachments.max_count", u64::from(contract.attachments.max_count)))
        } else if attachment.size > contract.attachments.max_bytes {
            Some(("attachments.max_bytes", contract.attachments.max_bytes))
        } else if before.saturating_add(attachment.size) > contract.attachments.max_total_bytes {
            Some(("attachments.max_total_bytes", contract.attachments.max_total_bytes))
        } else if attachment.size > limits.max_bytes {
            Some(("limits.max_bytes", limits.max_bytes))
        } else if attachment.size > self.settings.clamd_max_stream_bytes {
            Some(("clamd_max_stream_bytes", self.settings.clamd_max_stream_bytes))
        } else {
            None
        };
        if let Some((key, limit)) = over {
            let reason = format!("the attachment is over the limit {limit} ({key}) and was not examined");
            file.condemn(Verdict::Unscannable, reason);
            return Ok(file);
        }
        match fetch(&self.dmz_blobs, id, index, attachment).await {
            Ok(content) => file.content = Some(Arc::new(content)),
            Err(cause @ FetchError::Tampered(_)) => file.condemn(Verdict::Unscannable, cause.to_string()),
            Err(cause) => return Err(NoVerdict::Fetch(cause)),
        }
        Ok(file)
    }

    async fn scan_original(&self, file: &mut Pending<'_>) -> Result<(), NoVerdict> {
        let (Some(clamd), Some(content)) = (&self.clamd, file.content.clone()) else { return Ok(()) };
        let started = Instant::now();
        let scan = clamd.scan(content.as_ref()).await;
        self.judge(file, started, scan, "the file as it came")
    }

    async fn scan_bytes(&self, file: &mut Pending<'_>, bytes: &[u8], subject: &str) -> Result<(), NoVerdict> {
        let Some(clamd) = &self.clamd else { return Ok(()) };
        let started = Instant::now();
        let scan = clamd.scan(bytes).await;
        self.judge(file, started, scan, subject)
    }

    async fn scan_rebuilt(&self, file: &mut Pending<'_>) -> Result<(), NoVerdict> {
        let Some((bytes, format)) = file.rebuilt.take() else { return Ok(()) };
        let verdict = file.report.verdict;
        self.scan_bytes(file, &bytes, "the rebuilt file").await?;
        if file.report.verdict == verdict {
            file.rebuilt = Some((bytes, format));
        }
        Ok(())
    }

    fn judge(
        &self,
        file: &mut Pending<'_>,
        started: Instant,
        scan: Result<Scan, ScanError>,
        subject: &str,
    ) -> Result<(), NoVerdict> {
        match scan {
            Ok(scan) => {
                file.note(started, &scan, subject);
                Ok(())
            }
            Err(cause) if cause.is_down() => {
                self.scanner_is_down();
                Err(NoVerdict::Scanner(cause))
            }
            Err(cause) => {
                file.condemn(Verdict::Unscannable, format!("clamd could not scan {subject}: {cause}"));
                Ok(())
            }
        }
    }

    /// Gives fields and files to a worker; a worker that fails condemns the file it had in hand, and the rest get a fresh one.
    async fn work_through(
        &self,
        contract: &Contract,
        fields: &[u8],
        pending: &mut [Pending<'_>],
    ) -> Result<Result<ValidFields, Vec<FieldError>>, NoVerdict> {
        let mut checked = None;
        // One of those that the sandbox was made with, in the same order.
        let schema = self.settings.contracts.iter().position(|known| std::ptr::eq(known, contract));
        let schema = schema.unwrap_or(usize::MAX);
        let mut waiting: Vec<usize> = (0..pending.len())
            .filter(|n| {
                pending
                    .get(*n)
                    .is_some_and(|file| file.content.is_some() && file.report.verdict != Verdict::Infected)
            })
            .collect();
        loop {
            let task = Task {
                fields: checked.is_none().then(|| FieldsTask { json: fields.to_vec(), schema }),
                files: waiting.iter().filter_map(|n| pending.get(*n)).filter_map(task_file).collect(),
                settings: Settings {
                    limits: self.settings.policy.limits.clone(),
                    options: contract.attachments.rebuild.clone(),
                },
            };
            let mut worker = self.sandbox.start(task).await.map_err(NoVerdict::Worker)?;
            let mut finished = 0;
            let fault = loop {
                match worker.next().await {
                    Ok(Some(Event::Fields(result))) => checked = Some(result.map(ValidFields)),
                    Ok(Some(Event::Member { file, bytes, .. })) => {
                        if let Some(file) = waiting.get(file).and_then(|n| pending.get_mut(*n)) {
                            self.scan_bytes(file, &bytes, "a file in it").await?;
                        }
                    }
                    Ok(Some(Event::Finished { file, report, rebuilt })) => {
                        finished = file + 1;
                        if let Some(file) = waiting.get(file).and_then(|n| pending.get_mut(*n)) {
                            merge(file, report, rebuilt);
                        }
                    }
                    Ok(None) => break None,
                    Err(fault) if is_ours(&fault) => return Err(NoVerdict::Interrupted(fault)),
                    Err(fault) => break Some(fault),
                }
            };
            let Some(fault) = fault else {
                return Ok(checked.unwrap_or_else(|| Err(unchecked(&"the worker gave no answer"))));
            };
            tracing::warn!(%fault, "a worker failed; what it had in hand is unscannable");
            if checked.is_none() {
                checked = Some(Err(unchecked(&fault)));
            } else if let Some(in_hand) = worker.current().filter(|n| *n < waiting.len()) {
                // What was said of the file in hand before the fault no longer counts.
                finished = in_hand;
                if let Some(file) = waiting.get(in_hand).and_then(|n| pending.get_mut(*n)) {
                    file.condemn(Verdict::Unscannable, format!("the examination did not end well: {fault}"));
                }
                finished += 1;
            }
            waiting.drain(..finished.min(waiting.len()));
            if waiting.is_empty() {
                return Ok(checked.unwrap_or_else(|| Err(unchecked(&fault))));
            }
        }
    }
}

/// Whether a fault says nothing of the content: the socket failed, or somebody ended the worker as this bridge is ended.
fn is_ours(fault: &Fault) -> bool {
    const HANGUP: i32 = 1;
    const INTERRUPT: i32 = 2;
    const TERMINATE: i32 = 15;
    matches!(
        fault,
        Fault::Socket(_) | Fault::Gone | Fault::Crashed { signal: HANGUP | INTERRUPT | TERMINATE }
    )
}

/// Fields that no worker could check are not valid.
fn unchecked(cause: &dyn std::fmt::Display) -> Vec<FieldError> {
    vec![FieldError { pointer: String::new(), message: format!("the fields could not be checked: {cause}") }]
}

fn task_file(file: &Pending<'_>) -> Option<TaskFile> {
    Some(TaskFile {
        content: Arc::clone(file.content.as_ref()?),
        name: file.attachment.name.clone(),
        media_type: file.attachment.media_type.clone(),
        sha256: file.attachment.sha256.to_string(),
    })
}

/// Takes over what the worker says of a file, unless clamd has said worse.
fn merge(file: &mut Pending<'_>, report: Report, rebuilt: Option<(Vec<u8>, Format)>) {
    let before = std::mem::replace(&mut file.report, report);
    let mut steps = before.steps;
    steps.append(&mut file.report.steps);
    file.report.steps = steps;
    file.rebuilt = rebuilt;
    file.apply_finding();
}

/// Holds the verdict against the contract and gives out the proof.
fn finish(contract: &Contract, mut file: Pending<'_>) -> ExaminedAttachment {
    if file.rebuilt.is_some()
        && let Some(refused) = not_accepted(contract, &file.report)
    {
        file.condemn(Verdict::Refused, format!("this form does not accept files of type {refused}"));
    }
    let cleared = match file.rebuilt {
        Some((bytes, format)) if file.report.verdict.deliverable() => Some(Cleared { bytes, format }),
        _ => None,
    };
    ExaminedAttachment { report: file.report, cleared }
}

/// The first format, of the file or of the files in an archive or mail, that the contract does not list.
fn not_accepted(contract: &Contract, report: &Report) -> Option<String> {
    match report.rebuilt_as {
        Some(format) if contract.accepts(format) => {}
        Some(format) => return Some(format.name().to_owned()),
        None => return Some(report.found.clone()),
    }
    if !report.rebuilt_as.is_some_and(Format::is_container) {
        return None;
    }
    report
        .children
        .iter()
        .filter(|child| child.verdict.deliverable())
        .find_map(|child| not_accepted(contract, child))
}

/// The report of an attachment that nothing has looked at.
pub(super) fn unexamined(attachment: &Attachment, reason: &str) -> Report {
    let Attachment { name, media_type, size, sha256, .. } = attachment;
    Report { reason: reason.to_owned(), ..Report::unexamined(name, media_type, *size, &sha256.to_string()) }
}

#[cfg(test)]
mod tests {
    use sluse_envelope::{BlobKey, BlobRef, Sha256};

    use super::*;

    fn attachment() -> Attachment {
        Attachment {
            name: "a.txt".to_owned(),
            media_type: String::new(),
            size: 1,
            sha256: Sha256::of(b"a"),
            blob: BlobRef::generate().unwrap(),
            key: BlobKey::generate().unwrap(),
        }
    }

    fn pending(attachment: &Attachment) -> Pending<'_> {
        let report = unexamined(attachment, "");
        Pending { attachment, content: None, report, rebuilt: None, finding: None }
    }

    fn rebuilt(attachment: &Attachment) -> Report {
        Report {
            verdict: Verdict::Rebuilt,
            rebuilt_as: Some(Format::Text),
            ..unexamined(attachment, "rebuilt")
        }
    }

    #[test]
    fn what_clamd_could_not_scan_stays_unscannable_whatever_the_worker_says_later() {
        let attachment = attachment();
        let mut file = pending(&attachment);
        file.condemn(Verdict::Unscannable, "clamd could not scan a file in it".to_owned());
        merge(&mut file, rebuilt(&attachment), Some((b"a".to_vec(), Format::Text)));
        assert_eq!(file.report.verdict, Verdict::Unscannable);
        assert_eq!(file.report.reason, "clamd could not scan a file in it");
        assert!(file.rebuilt.is_none() && file.report.rebuilt_as.is_none());
    }

    #[test]
    fn a_finding_after_the_rebuild_takes_the_rebuilt_file_away() {
        let attachment = attachment();
        let mut file = pending(&attachment);
        merge(&mut file, rebuilt(&attachment), Some((b"a".to_vec(), Format::Text)));
        assert!(file.rebuilt.is_some());
        file.condemn(Verdict::Infected, "found".to_owned());
        assert!(file.rebuilt.is_none());
        // A milder finding afterwards changes nothing.
        file.condemn(Verdict::Unscannable, "later".to_owned());
        assert_eq!((file.report.verdict, file.report.reason.as_str()), (Verdict::Infected, "found"));
    }
    #[test]
    fn a_container_does_not_bring_along_what_the_contract_does_not_list() {
        let contract: Contract = toml::from_str(
            r#"form = "a"
            version = 1
            owner = "b"
            schema_file = "c"
            destination = "d"
            on_part_failure = "hold"
            attachments = { formats = ["zip", "mime", "tar", "docx", "text"], max_count = 1, max_bytes = 1, max_total_bytes = 1 }"#,
        )
        .unwrap();
        let attachment = attachment();
        let of = |format| Report { rebuilt_as: Some(format), ..rebuilt(&attachment) };
        for container in [Format::Zip, Format::Mime, Format::Tar] {
            let with = |format| Report { children: vec![of(format)], ..of(container) };
            assert_eq!(not_accepted(&contract, &with(Format::Text)), None);
            assert_eq!(not_accepted(&contract, &with(Format::Pdf)).as_deref(), Some("pdf"));
        }
        // A document's pictures are part of it.
        let document = Report { children: vec![of(Format::Png)], ..of(Format::Docx) };
        assert_eq!(not_accepted(&contract, &document), None);
    }
}
