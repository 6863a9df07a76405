//! One submission from its lease to what is to be done with the lease.

use std::time::{Duration, SystemTime};

use sluse_envelope::jws;
use sluse_envelope::{BlobRef, Direction, PublicKey, Sealing, SubmissionId, UnixMillis};
use sluse_sanitize::options::Signed;

use crate::audit::{Event, Record};
use crate::blobs::BlobError;
use crate::bridge::Bridge;
use crate::bridge::decide::{Decision, decide, hold_unexamined};
use crate::bridge::examine::{NoVerdict, unexamined};
use crate::bridge::fetch::FetchError;
use crate::bridge::quarantine::lost_signature;
use crate::bridge::receive::{NotReceived, Received, Unusable, receive};
use crate::id::CodeWord;
use crate::model::outcome::{AttachmentCode, Outcome, State};
use crate::queue::{Message, QueueError};

/// An examination that lasts longer is announced to the portal.
const ANNOUNCE_AFTER: Duration = Duration::from_secs(1);
/// Age at which an attachment that is not in the DMZ's blobs is not waited for any more. It may be the second copy of a
/// submission that was settled, whose blobs are removed; a portal is told nothing about it then.
const GONE_FOR_GOOD: Duration = Duration::from_secs(86_400);

/// How the work on a leased submission ended.
pub(super) enum Ended {
    /// Everything is durable: acknowledge, then remove the DMZ's blobs.
    Done {
        /// The submission's blobs.
        blobs: Vec<BlobRef>,
    },
    /// No submission of ours, or undeliverable: keep the sealed bytes as a dead letter.
    SetAside {
        /// Why, in one word.
        code: &'static str,
    },
    /// Something is down: try again later.
    Wait {
        /// What, for the log.
        cause: String,
        /// Whether other submissions would meet the same.
        is_outage: bool,
    },
}

impl From<Waits> for Ended {
    fn from(waits: Waits) -> Self {
        Self::Wait {
            cause: waits.to_string(),
            is_outage: !matches!(waits, Waits::Gone(_) | Waits::OneQueue(_)),
        }
    }
}

/// Something that is not the submission's fault is in the way.
#[derive(Debug, thiserror::Error)]
pub(super) enum Waits {
    /// The DMZ's queue or blobs.
    #[error("DMZ side: {0}")]
    Dmz(String),
    /// An attachment is not among the DMZ's blobs.
    #[error("DMZ side: {0}")]
    Gone(String),
    /// The secure zone's broker or blobs.
    #[error("secure side: {0}")]
    Secure(String),
    /// One queue of the secure zone, while others may be well.
    #[error("secure side: {0}")]
    OneQueue(String),
    /// Scanner or worker.
    #[error("examination: {0}")]
    Examination(String),
    /// This bridge itself.
    #[error("here: {0}")]
    Ours(String),
}

impl Waits {
    pub(super) fn dmz(cause: impl std::fmt::Display) -> Self {
        Self::Dmz(cause.to_string())
    }

    pub(super) fn secure(cause: impl std::fmt::Display) -> Self {
        Self::Secure(cause.to_string())
    }

    /// A put into one of the secure zone's queues failed.
    pub(super) fn secure_queue(cause: QueueError) -> Self {
        match cause {
            QueueError::Full | QueueError::Unroutable(_) => Self::OneQueue(cause.to_string()),
            _ => Self::secure(cause),
        }
    }

    /// An attachment could not be had from the DMZ's blobs.
    pub(super) fn fetch(cause: &FetchError) -> Self {
        match cause {
            FetchError::Store(BlobError::Missing(_)) => Self::Gone(cause.to_string()),
            _ => Self::dmz(cause),
        }
    }

    pub(super) fn ours(cause: impl std::fmt::Display) -> Self {
        Self::Ours(cause.to_string())
    }
}

impl Bridge {
    /// Works on one leased message. Whatever happens in here can happen again: nothing is settled before the end.
    pub(super) async fn process(&self, message: &Message, attempt: u32, enqueued_at: SystemTime) -> Ended {
        let waits = match self.try_process(message, attempt).await {
            Ok(ended) => return ended,
            Err(waits) => waits,
        };
        match waits {
            Waits::Gone(cause) if enqueued_at.elapsed().is_ok_and(|age| age > GONE_FOR_GOOD) => {
                let unusable = Unusable { code: "attachment_is_gone", outcome: None, cause };
                self.set_aside(message.id, unusable).await.unwrap_or_else(Ended::from)
            }
            waits => waits.into(),
        }
    }

    async fn try_process(&self, message: &Message, attempt: u32) -> Result<Ended, Waits> {
        let received = match receive(&self.settings, message) {
            Ok(received) => received,
            Err(NotReceived::Unusable(unusable)) => return self.set_aside(message.id, unusable).await,
            Err(NotReceived::Early(cause)) => return Ok(Ended::Wait { cause, is_outage: false }),
        };
        let id = received.header.submission;
        if attempt > self.settings.max_attempts {
            let cause = format!("{} bridges died over it", attempt - 1);
            let unusable = Unusable { code: "too_many_attempts", outcome: None, cause };
            return self.set_aside(id, unusable).await;
        }

        // What could not be passed on would be examined, and its copies stored, in vain.
        self.reports.ready().await.map_err(Waits::secure)?;
        self.outcomes.ready().await.map_err(Waits::dmz)?;
        let _memory = self.reserve_memory(&received).await?;
        let decision = {
            let _turn = self.examining.acquire().await.map_err(Waits::ours)?;
            let mut deciding = std::pin::pin!(self.examine_and_decide(&received));
            tokio::select! {
                decision = &mut deciding => decision?,
                () = tokio::time::sleep(ANNOUNCE_AFTER) => {
                    let announcing = self.announce(id, State::Examining, Vec::new());
                    let (announced, decision) = tokio::join!(announcing, deciding);
                    if let Err(cause) = announced {
                        tracing::warn!(%id, %cause, "a long examination could not be announced");
                    }
                    decision?
                }
            }
        };
        self.carry_out(&received, decision).await?;
        let blobs = received.manifest.attachments.into_iter().map(|attachment| attachment.blob).collect();
        Ok(Ended::Done { blobs })
    }

    async fn examine_and_decide(&self, received: &Received) -> Result<Decision, Waits> {
        let manifest = &received.manifest;
        let Some(contract) = self.settings.contracts.find(&manifest.form, manifest.version) else {
            let reports =
                manifest.attachments.iter().map(|a| unexamined(a, "held with the submission")).collect();
            let problem = "this bridge has no contract for the form and version".to_owned();
            return Ok(hold_unexamined(State::Quarantined, problem, reports));
        };
        let fields = manifest.fields.get().as_bytes();
        let examined = self
            .examine(received.header.submission, contract, fields, &manifest.attachments)
            .await
            .map_err(|cause| match cause {
                NoVerdict::Fetch(cause) => Waits::fetch(&cause),
                _ => Waits::Examination(cause.to_string()),
            })?;
        Ok(decide(contract, examined))
    }

    /// Takes memory for originals and rebuilt copies from the budget; waits while others hold it.
    async fn reserve_memory(&self, received: &Received) -> Result<tokio::sync::SemaphorePermit<'_>, Waits> {
        let budget = self.settings.memory_budget_bytes;
        let sizes = received.manifest.attachments.iter().map(|a| a.size);
        let wanted = sizes.fold(0_u64, u64::saturating_add).saturating_mul(2).min(budget);
        let permits = u32::try_from(wanted >> 10).unwrap_or(u32::MAX);
        self.memory.acquire_many(permits).await.map_err(Waits::ours)
    }

    /// Makes a decision true: audit first, then report, delivery, and the code for the portal.
    async fn carry_out(&self, received: &Received, decision: Decision) -> Result<(), Waits> {
        let id = received.header.submission;
        let verdicts: Vec<CodeWord> =
            decision.reports.iter().map(|report| CodeWord::constant(report.verdict.as_str())).collect();
        let event = match decision.state {
            State::RelayedInPart => Event::RelayedInPart,
            State::Quarantined => Event::Quarantined,
            State::Rejected => Event::Rejected,
            _ => Event::Relayed,
        };
        let record = Record::of(event).about(id).with("verdicts", verdicts);
        let position = self.audit.append(record).await.map_err(Waits::ours)?;
        let contract = self.settings.contracts.find(&received.manifest.form, received.manifest.version);
        let keeps_signed = contract.is_some_and(|c| c.attachments.rebuild.signed == Signed::KeepOriginal);
        if decision.state != State::Relayed || (keeps_signed && decision.reports.iter().any(lost_signature)) {
            self.quarantine(received, &decision, keeps_signed).await?;
        }
        if let (Some(clearance), Some(contract)) = (&decision.clearance, contract) {
            self.relay(received, contract, clearance, &decision.reports, position).await?;
        }
        tracing::info!(%id, state = decision.state.as_str(), attachments = decision.codes.len(), "submission decided");
        self.announce(id, decision.state, decision.codes).await
    }

    /// Sends a code to the DMZ, unless that is turned off.
    async fn announce(
        &self,
        id: SubmissionId,
        state: State,
        attachments: Vec<AttachmentCode>,
    ) -> Result<(), Waits> {
        if !self.settings.outcomes {
            return Ok(());
        }
        let outcome = serde_json::to_vec(&Outcome { id, state, attachments }).map_err(Waits::ours)?;
        let body = jws::sign(&self.settings.signing_key, jws::OUTCOME, &outcome).into_bytes();
        // A message of its own: several outcomes of one submission may be queued at once.
        let id = SubmissionId::new(UnixMillis::now()).map_err(Waits::ours)?;
        self.outcomes.put(Message { id, body }).await.map_err(Waits::dmz)?;
        Ok(())
    }

    async fn set_aside(&self, id: SubmissionId, unusable: Unusable) -> Result<Ended, Waits> {
        let Unusable { code, outcome, cause } = unusable;
        tracing::error!(%id, code, cause, "a message was set aside; `sluse queue ls` lists it");
        let record = Record::of(Event::DeadLettered).about(id).with("reason", CodeWord::constant(code));
        self.audit.append(record).await.map_err(Waits::ours)?;
        if let Some(state) = outcome {
            self.announce(id, state, Vec::new()).await?;
        }
        Ok(Ended::SetAside { code })
    }

    /// Seals content to a key of the secure zone.
    pub(super) fn seal(
        &self,
        submission: SubmissionId,
        direction: Direction,
        recipient: &PublicKey,
        content: &[u8],
    ) -> Result<Vec<u8>, Waits> {
        let created = UnixMillis::now();
        Sealing { direction, submission, created, recipient, sealer: &self.settings.signing_key }
            .seal(content)
            .map_err(Waits::ours)
    }
}
