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

    /// Keeps a report as it is, once its signature is a listed bridge's and it is the report of the submission that it is
    /// queued as: under another's id it would take the place of that one's own.
    async fn take(&self, leased: Leased) {
        let id = leased.message.id;
        let fault = match SealedMessage::parse(&leased.message.body)
            .map(|it| it.verify(&self.settings.bridge_keys))
        {
            Ok(Ok(report)) if report.header().submission == id => None,
            Ok(Ok(_)) => Some("queued_as_another_submission"),
            Ok(Err(_)) | Err(_) => Some("not_signed_by_a_listed_bridge"),
        };
        let settled = if let Some(code) = fault {
            tracing::error!(%id, code, "a report was set aside");
            self.reports.dead_letter(leased.receipt, &CodeWord::constant(code)).await
        } else {
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

#[cfg(test)]
pub(crate) mod tests {
    use sluse_envelope::key_file::{read_private, read_public};
    use sluse_envelope::{PublicKey, Sealing, SigningKey, SubmissionId, UnixMillis};

    use super::*;
    use crate::id::tests::new_id;
    use crate::queue::Message;
    use crate::setup::{Zone, zone};

    /// A console of a secure zone that was just made, and what the bridge seals its reports with.
    pub(crate) struct Secure {
        console: Arc<Console>,
        pub(crate) bridge: SigningKey,
        quarantine: PublicKey,
        _folder: tempfile::TempDir,
    }

    impl Secure {
        pub(crate) async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let (bridge, secure) = (folder.path().join("bridge"), folder.path().join("secure"));
            zone(Zone::Bridge, &bridge, &[]).unwrap();
            zone(Zone::Secure, &secure, &[bridge.join("public")]).unwrap();
            let settings = Settings::load(&secure.join("console.toml")).unwrap();
            Self {
                console: Console::open(settings).await.unwrap(),
                bridge: read_private(&bridge.join("keys/bridge-sign.key"), None).unwrap(),
                quarantine: read_public(&secure.join("public/quarantine-seal.pub")).unwrap(),
                _folder: folder,
            }
        }

        pub(crate) fn settings(&self) -> &Settings {
            &self.console.settings
        }

        pub(crate) fn reports(&self) -> &dyn Reports {
            self.console.ledger.as_ref()
        }

        pub(crate) fn report(
            &self,
            submission: SubmissionId,
            content: &[u8],
            sealer: &SigningKey,
        ) -> Vec<u8> {
            let sealing = Sealing {
                direction: Direction::Quarantine,
                submission,
                created: UnixMillis::now(),
                recipient: &self.quarantine,
                sealer,
            };
            sealing.seal(content).unwrap()
        }

        /// Takes a report that is queued under `id`; why it was set aside, if it was.
        async fn take(&self, id: SubmissionId, body: Vec<u8>) -> Option<String> {
            let reports = &self.console.reports;
            reports.put(Message { id, body }).await.unwrap();
            for leased in reports.lease(1, Duration::ZERO).await.unwrap() {
                self.console.take(leased).await;
            }
            assert_eq!(reports.depth().await.unwrap().ready, 0);
            let dead = reports.dead_letters(10).await.unwrap();
            dead.into_iter().find(|dead| dead.id == id).map(|dead| dead.reason.to_string())
        }
    }

    #[tokio::test]
    async fn a_signed_report_under_another_id_does_not_take_the_place_of_the_real_one() {
        let secure = Secure::new().await;
        let (id, other) = (new_id(), new_id());
        let of_other = secure.report(other, b"{}", &secure.bridge);
        assert_eq!(secure.take(id, of_other).await.as_deref(), Some("queued_as_another_submission"));
        assert!(secure.console.ledger.find(id).await.unwrap().is_none());

        let forged = secure.report(other, b"{}", &SigningKey::generate().unwrap());
        assert_eq!(secure.take(other, forged).await.as_deref(), Some("not_signed_by_a_listed_bridge"));

        let id = new_id();
        let real = secure.report(id, b"{}", &secure.bridge);
        assert_eq!(secure.take(id, real.clone()).await, None);
        assert_eq!(secure.console.ledger.find(id).await.unwrap().unwrap().1, real);
    }
}
