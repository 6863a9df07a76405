//! The role in the DMZ that takes submissions from portals, seals them as they arrive and queues them for the bridge.
//!
//! It holds the bridge's *public* key: what it has queued it cannot read again.
//!
//! | module | question |
//! |---|---|
//! | `auth` | who is calling? |
//! | `submit` | how does a submission become durable? |
//! | `multipart`, `attachment`, `claim`, `receipt` | the steps of it |
//! | `status` | what became of a submission? |
//! | `outcomes` | how does intake learn that? |
//! | `problem` | what is a portal told when it goes wrong? |

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audit::{AuditLog, Event, Record, Role};
use crate::blobs::Blobs;
use crate::config::intake::Settings;
use crate::id::CodeWord;
use crate::ledger::intake::IntakeLedger;
use crate::queue::Queue;
use crate::schema::Schema;
use crate::stores::{NONE_AT_ONCE, OUTCOMES, SUBMISSIONS};
use crate::{http, stores};

mod attachment;
mod auth;
mod claim;
mod multipart;
mod outcomes;
mod problem;
mod receipt;
mod status;
mod submit;
#[cfg(test)]
mod tests;

/// Longest wait at the end for submissions that are whole and whose portal hung up: queue, ledger and audit log each
/// answer within seconds. Comes after [`http::DRAIN`] and must fit into the unit's `TimeoutStopSec` with it.
const KEEPING: Duration = Duration::from_secs(20);

/// A running intake.
pub struct Intake {
    settings: Settings,
    schemas: HashMap<(String, u32), Schema>,
    queue: Arc<dyn Queue>,
    outcomes: Arc<dyn Queue>,
    blobs: Arc<dyn Blobs>,
    ledger: Arc<dyn IntakeLedger>,
    audit: AuditLog,
    uploads: Arc<Semaphore>,
    claims: claim::Claims,
    /// Whole submissions on their way into the queue, also when their portal hung up.
    keeping: TaskTracker,
}

impl Intake {
    /// Opens everything that the settings name.
    ///
    /// # Errors
    /// When a store cannot be opened.
    pub async fn open(settings: Settings) -> Result<Arc<Self>, stores::StartError> {
        let mut schemas = HashMap::new();
        for contract in settings.contracts.iter() {
            let schema = Schema::parse(contract.schema.as_bytes())
                .map_err(|cause| stores::StartError::Schema { form: contract.form.clone(), cause })?;
            schemas.insert((contract.form.clone(), contract.version), schema);
        }
        let queues = stores::queues(&settings.queue)?;
        Ok(Arc::new(Self {
            schemas,
            queue: stores::queue(&queues, &CodeWord::constant(SUBMISSIONS), NONE_AT_ONCE),
            outcomes: stores::queue(&queues, &CodeWord::constant(OUTCOMES), outcomes::BATCH),
            blobs: stores::blobs(&settings.blobs, settings.min_free_bytes)?,
            ledger: stores::patiently(|| stores::intake_ledger(&settings.ledger)).await?,
            audit: stores::audit(&settings.audit, Role::Intake, &settings.signing_key)?,
            uploads: Arc::new(Semaphore::new(settings.max_uploads)),
            claims: claim::Claims::default(),
            keeping: TaskTracker::new(),
            settings,
        }))
    }

    /// Serves portals on `listener` until `shutdown`, then finishes what is under way.
    ///
    /// # Errors
    /// When the TLS certificate cannot be used.
    pub async fn run(
        self: Arc<Self>,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> Result<(), stores::StartError> {
        let tls = match &self.settings.tls {
            Some((certificate, key)) => Some(http::tls_acceptor(certificate, key)?),
            None => None,
        };
        let router = Router::new()
            .route("/v1/submissions", post(submit::submit))
            .route("/v1/submissions/{id}", get(status::status))
            .route("/healthz", get(|| async { "ok\n" }))
            .with_state(Arc::clone(&self));
        let address = listener.local_addr().unwrap_or(self.settings.listen);
        tracing::info!(listen = %address, tls = tls.is_some(), "intake is ready");
        tokio::join!(
            http::serve(listener, tls, router, shutdown.clone()),
            outcomes::follow(&self, &shutdown),
            self.keep_house(&shutdown),
        );
        self.finish_keeping().await;
        self.ledger.close().await;
        stores::close_audit(&self.audit).await;
        Ok(())
    }

    /// Waits until what is whole is queued, noted and audited, before ledger and audit log are closed.
    async fn finish_keeping(&self) {
        self.keeping.close();
        if tokio::time::timeout(KEEPING, self.keeping.wait()).await.is_err() {
            tracing::error!(submissions = self.keeping.len(), "stopping before all that is whole was kept");
        }
    }

    /// Notes in the audit log that a portal's submission is durable.
    async fn audit_received(&self, id: sluse_envelope::SubmissionId, portal: CodeWord) {
        let record = Record::of(Event::Received).about(id).with("portal", portal);
        if let Err(cause) = self.audit.append(record).await {
            tracing::error!(%id, %cause, "the audit log cannot be written");
        }
    }

    /// Forgets old ids; stops where it is on `shutdown`.
    async fn keep_house(&self, shutdown: &CancellationToken) {
        let forget = |oldest, most| self.ledger.forget_before(oldest, most);
        stores::every_hour(shutdown, || async {
            if let Err(cause) = stores::forget(self.settings.remember, forget).await {
                tracing::warn!(%cause, "old submissions could not be forgotten");
            }
        })
        .await;
    }
}
