//! The role in the secure zone that keeps quarantine reports for security staff.
//!
//! Reports stay sealed to the quarantine key at rest; `sluse quarantine` opens them one at a time.

use std::sync::Arc;
use std::time::Duration;

use sluse_envelope::{Direction, SealedMessage, Suite};
use tokio_util::sync::CancellationToken;

use crate::config::console::Settings;
use crate::id::CodeWord;
use crate::ledger::reports::Reports;
use crate::model::quarantine::QuarantineReport;
use crate::queue::{Leased, Queue};
use crate::stores::{self, REPORTS};

const BATCH: usize = 32;
const LEASE_WAIT: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_secs(2);

/// A running console.
pub struct Console {
    settings: Settings,
    reports: Arc<dyn Queue>,
    ledger: Arc<dyn Reports>,
}

/// Why a report cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// It does not open: another key, or not the bridge's.
    #[error("the report does not open: {0}")]
    Sealed(String),
    /// Its content is not what this version writes.
    #[error(
        "the report cannot be read at line {line}, column {column}; it may be of another version of sluse"
    )]
    Content {
        /// Line in the JSON text.
        line: usize,
        /// Column in the line.
        column: usize,
    },
}

impl Console {
    /// Opens everything that the settings name.
    ///
    /// # Errors
    /// When a store cannot be opened.
    pub async fn open(settings: Settings) -> Result<Arc<Self>, stores::StartError> {
        let database = stores::queues(&settings.queue)?;
        Ok(Arc::new(Self {
            reports: stores::queue(&database, &CodeWord::constant(REPORTS), BATCH),
            ledger: stores::patiently(|| stores::report_ledger(&settings.ledger)).await?,
            settings,
        }))
    }

    /// Takes reports until `shutdown`.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        tracing::info!("console is ready");
        loop {
            let leased = tokio::select! {
                () = shutdown.cancelled() => break,
                leased = self.reports.lease(BATCH, LEASE_WAIT) => leased,
            };
            match leased {
                Ok(batch) => {
                    for leased in batch {
                        self.take(leased).await;
                    }
                }
                Err(cause) => {
                    tracing::error!(%cause, "reports cannot be read; trying again");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
        self.ledger.close().await;
    }

    /// Keeps a report as it is, once its signature is a listed bridge's.
    async fn take(&self, leased: Leased) {
        let id = leased.message.id;
        let signed = SealedMessage::parse(&leased.message.body)
            .is_ok_and(|message| message.verify(&self.settings.bridge_keys).is_ok());
        let settled = if signed {
            match self.ledger.put(id, leased.message.body).await {
                Ok(_) => {
                    tracing::info!(%id, "quarantine report kept");
                    self.reports.ack(leased.receipt).await
                }
                Err(cause) => {
                    tracing::error!(%id, %cause, "a report could not be kept; trying again");
                    self.reports.nack(leased.receipt, RETRY).await
                }
            }
        } else {
            tracing::error!(%id, "a report that no listed bridge signed was set aside");
            self.reports
                .dead_letter(leased.receipt, &CodeWord::constant("not_signed_by_a_listed_bridge"))
                .await
        };
        if let Err(cause) = settled {
            tracing::warn!(%id, %cause, "a report will be read again");
        }
    }
}

/// Opens one sealed report.
///
/// # Errors
/// [`ReportError`].
pub fn open_report(settings: &Settings, sealed: &[u8]) -> Result<QuarantineReport, ReportError> {
    let sealed_error = |cause: &dyn std::fmt::Display| ReportError::Sealed(cause.to_string());
    let opened = SealedMessage::parse(sealed)
        .map_err(|cause| sealed_error(&cause))?
        .verify(&settings.bridge_keys)
        .map_err(|cause| sealed_error(&cause))?
        .open(&settings.private_keys, Direction::Quarantine, Suite::ALL)
        .map_err(|cause| sealed_error(&cause))?;
    serde_json::from_slice(opened.content())
        .map_err(|cause| ReportError::Content { line: cause.line(), column: cause.column() })
}
