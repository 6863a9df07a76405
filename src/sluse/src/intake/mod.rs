//! The role in the DMZ that takes submissions from portals, seals them as they arrive and queues them for the bridge.
//!
//! It holds the bridge's *public* key: what it has queued it cannot read again.
//!
//! | module | question |
//! |---|---|
//! | `auth` | who is calling? |
//! | `submit` | how does a submission become durable? |
//! | `multipart`, `attachment`, `receipt` | the steps of it |
//! | `status` | what became of a submission? |
//! | `outcomes` | how does intake learn that? |
//! | `problem` | what is a portal told when it goes wrong? |

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::audit::{AuditLog, Event, Record, Role};
use crate::blobs::Blobs;
use crate::config::intake::Settings;
use crate::id::CodeWord;
use crate::ledger::intake::IntakeLedger;
use crate::queue::Queue;
use crate::schema::Schema;
use crate::stores::{OUTCOMES, SUBMISSIONS};
use crate::{http, stores};

mod attachment;
mod auth;
mod multipart;
mod outcomes;
mod problem;
mod receipt;
mod status;
mod submit;

/// Time between two runs of forgetting and orphan collection.
const HOUSEKEEPING: Duration = Duration::from_secs(3600);

/// A running intake.
pub struct Intake {
    settings: Settings,
    schemas: HashMap<(String, u32), Schema>,
    queue: Arc<dyn Queue>,
    outcomes: Arc<dyn Queue>,
    blobs: Arc<dyn Blobs>,
    ledger: IntakeLedger,
    audit: AuditLog,
    uploads: Semaphore,
    claims: Claims,
}

impl Intake {
    /// Opens everything that the settings name.
    ///
    /// # Errors
    /// When a store cannot be opened.
    pub fn open(settings: Settings) -> Result<Arc<Self>, stores::StartError> {
        let mut schemas = HashMap::new();
        for contract in settings.contracts.iter() {
            let schema = Schema::parse(&contract.schema)
                .map_err(|cause| stores::StartError::Schema { form: contract.form.clone(), cause })?;
            schemas.insert((contract.form.clone(), contract.version), schema);
        }
        let queues = stores::queues(&settings.queue)?;
        Ok(Arc::new(Self {
            schemas,
            queue: stores::queue(&queues, &CodeWord::constant(SUBMISSIONS)),
            outcomes: stores::queue(&queues, &CodeWord::constant(OUTCOMES)),
            blobs: stores::blobs(&settings.blobs, settings.min_free_bytes)?,
            ledger: stores::intake_ledger(&settings.ledger)?,
            audit: stores::audit(&settings.audit, Role::Intake, &settings.signing_key)?,
            uploads: Semaphore::new(settings.max_uploads),
            claims: Claims::default(),
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
        stores::close_audit(&self.audit).await;
        Ok(())
    }

    /// Notes in the audit log that a portal's submission is durable.
    async fn audit_received(
        &self,
        id: sluse_envelope::SubmissionId,
        portal: CodeWord,
    ) -> Result<(), problem::Problem> {
        match self.audit.append(Record::of(Event::Received).about(id).with("portal", portal)).await {
            Ok(_) => Ok(()),
            Err(cause) => Err(problem::ours("audit", &cause)),
        }
    }

    /// Forgets old ids and removes blobs that no message can name any more.
    async fn keep_house(&self, shutdown: &CancellationToken) {
        loop {
            let oldest = crate::clock::now() - self.settings.remember;
            if let Err(cause) = self.ledger.forget_before(oldest, u32::MAX).await {
                tracing::warn!(%cause, "old submissions could not be forgotten");
            }
            stores::collect_orphans(self.blobs.as_ref(), self.settings.remember).await;
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(HOUSEKEEPING) => {}
            }
        }
    }
}

/// `Idempotency-Key`s whose first request is still under way in this process.
#[derive(Default)]
struct Claims(Mutex<HashSet<[u8; 32]>>);

struct Claim<'a> {
    claims: &'a Claims,
    digest: [u8; 32],
}

impl Claims {
    fn claim(&self, digest: [u8; 32]) -> Option<Claim<'_>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(digest).then_some(Claim { claims: self, digest })
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.claims.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.digest);
    }
}
