//! How intake learns what became of a submission: the bridge's signed codes, from their queue into the ledger.

use std::time::Duration;

use sluse_envelope::jws;
use tokio_util::sync::CancellationToken;

use crate::id::CodeWord;
use crate::intake::Intake;
use crate::ledger::LedgerError;
use crate::ledger::intake::Recorded;
use crate::model::outcome::{Outcome, State};
use crate::queue::Leased;

/// Outcomes leased at once.
pub(super) const BATCH: usize = 64;
const WAIT: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_secs(2);

/// Takes outcomes until `shutdown`.
pub(super) async fn follow(intake: &Intake, shutdown: &CancellationToken) {
    loop {
        let leased = tokio::select! {
            () = shutdown.cancelled() => return,
            leased = intake.outcomes.lease(BATCH, WAIT) => leased,
        };
        match leased {
            Ok(batch) => {
                for leased in batch {
                    // With a ledger that does not answer, a batch takes long. What is left comes back by itself.
                    if shutdown.is_cancelled() {
                        return;
                    }
                    note(intake, leased).await;
                }
            }
            Err(cause) => {
                tracing::error!(%cause, "outcomes cannot be read; trying again");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

async fn note(intake: &Intake, leased: Leased) {
    let settled = match parse(intake, &leased.message.body) {
        None => {
            tracing::error!("an outcome that no listed bridge signed was set aside");
            let reason = CodeWord::constant("not_signed_by_a_listed_bridge");
            intake.outcomes.dead_letter(leased.receipt, &reason).await
        }
        Some(outcome) => match record(intake, &outcome).await {
            Ok(_) => intake.outcomes.ack(leased.receipt).await,
            Err(cause) => {
                tracing::error!(%cause, id = %outcome.id, "an outcome could not be noted; trying again");
                intake.outcomes.nack(leased.receipt, RETRY).await
            }
        },
    };
    if let Err(cause) = settled {
        tracing::warn!(%cause, "an outcome will be read again");
    }
}

async fn record(intake: &Intake, outcome: &Outcome) -> Result<Recorded, LedgerError> {
    let codes: Vec<CodeWord> = outcome.attachments.iter().map(|code| code.word()).collect();
    intake.ledger.outcome(outcome.id, outcome.state, &codes).await
}

fn parse(intake: &Intake, body: &[u8]) -> Option<Outcome> {
    let text = std::str::from_utf8(body).ok()?;
    let payload = jws::verify(&intake.settings.outcome_keys, jws::OUTCOME, text).ok()?;
    let outcome: Outcome = serde_json::from_slice(&payload).ok()?;
    (outcome.state > State::Received).then_some(outcome)
}
