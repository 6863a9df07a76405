//! The role in the secure zone that hands submissions to case systems, each once.
//!
//! ```text
//! queue::lease ─▶ accept (verify, open, verify the manifest) ─▶ deliver (stage, note, rename) ─▶ queue::ack ─▶ remove blobs
//! ```
//!
//! One task per destination: one that is stuck does not slow another.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audit::{AuditLog, Event, Record, Role};
use crate::blobs::Blobs;
use crate::config::outlet::{Destination, Settings};
use crate::id::CodeWord;
use crate::ledger::outlet::OutletLedger;
use crate::queue::{Leased, Queue, while_leased};
use crate::stores::{self, delivery_queue};

mod accept;
mod deliver;
#[cfg(test)]
mod tests;

/// Submissions leased at once for one destination.
const BATCH: usize = 8;
const LEASE_WAIT: Duration = Duration::from_secs(5);

/// A running outlet.
pub struct Outlet {
    settings: Settings,
    queues: Vec<(Destination, Arc<dyn Queue>)>,
    blobs: Arc<dyn Blobs>,
    ledger: Arc<dyn OutletLedger>,
    audit: AuditLog,
}

impl Outlet {
    /// Opens everything that the settings name.
    ///
    /// # Errors
    /// When a store cannot be opened or a destination's folder cannot be made.
    pub async fn open(settings: Settings) -> Result<Arc<Self>, stores::StartError> {
        let database = stores::queues(&settings.queue)?;
        let mut queues = Vec::new();
        for destination in &settings.destinations {
            // Made here alone: a folder that is gone later is an error, never a delivery that was taken away.
            let staging = destination.folder.join(deliver::STAGING);
            stores::durable_folder(&staging)?;
            deliver::mark(destination)
                .map_err(|cause| stores::StartError::Folder { path: staging.display().to_string(), cause })?;
            let queue = stores::queue(&database, &delivery_queue(&destination.name), BATCH);
            queues.push((destination.clone(), queue));
        }
        Ok(Arc::new(Self {
            queues,
            blobs: stores::blobs(&settings.blobs, 0)?,
            ledger: stores::patiently(|| stores::outlet_ledger(&settings.ledger)).await?,
            audit: stores::audit(&settings.audit, Role::Outlet, &settings.signing_key)?,
            settings,
        }))
    }

    /// Delivers until `shutdown`, then finishes what is under way. A task that panics ends the others, too, by `shutdown`: an
    /// outlet that is alive and deaf to one destination would show nowhere.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let tasks = TaskTracker::new();
        for n in 0..self.queues.len() {
            tasks.spawn(Arc::clone(&self).serve(n, shutdown.clone()));
        }
        tasks.spawn(Arc::clone(&self).keep_house(shutdown));
        tasks.close();
        tracing::info!(destinations = self.queues.len(), "outlet is ready");
        tasks.wait().await;
        self.ledger.close().await;
        stores::close_audit(&self.audit).await;
    }

    async fn serve(self: Arc<Self>, n: usize, shutdown: CancellationToken) {
        let _ends_all = shutdown.clone().drop_guard();
        let Some((destination, queue)) = self.queues.get(n) else { return };
        loop {
            let leased = tokio::select! {
                () = shutdown.cancelled() => return,
                leased = queue.lease(BATCH, LEASE_WAIT) => leased,
            };
            match leased {
                Ok(batch) => {
                    let works =
                        batch.into_iter().map(|leased| self.handle(destination, queue.as_ref(), leased));
                    futures_util::future::join_all(works).await;
                }
                Err(cause) => {
                    tracing::error!(destination = %destination.name, %cause, "the queue cannot be read; trying again");
                    tokio::time::sleep(Duration::from_secs(2)).await;
                }
            }
        }
    }

    /// Delivers one submission while keeping its lease, then settles it.
    async fn handle(&self, destination: &Destination, queue: &dyn Queue, leased: Leased) {
        let Leased { message, attempt, receipt, enqueued_at } = leased;
        let id = message.id;
        let work = self.process(destination, id, &message.body);
        let Some(ended) = while_leased(queue, &receipt, work).await else {
            tracing::warn!(%id, "another outlet has this submission now; left to it");
            return;
        };
        let settled = match ended {
            Ok(blobs) => {
                let settled = queue.ack(receipt).await;
                for blob in blobs.iter().filter(|_| settled.is_ok()) {
                    if let Err(cause) = self.blobs.delete(blob).await {
                        tracing::warn!(%id, %cause, "a delivered blob stays until orphans are collected");
                    }
                }
                settled
            }
            Err(Stopped::Unusable { code, cause }) => {
                tracing::error!(%id, code, cause, "a delivery was set aside; `sluse queue ls` lists it");
                let record =
                    Record::of(Event::DeadLettered).about(id).with("reason", CodeWord::constant(code));
                if let Err(cause) = self.audit.append(record).await {
                    tracing::error!(%id, %cause, "the audit log cannot be written");
                }
                queue.dead_letter(receipt, &CodeWord::constant(code)).await
            }
            Err(Stopped::Waits(cause)) => {
                let delay = stores::retry_delay(enqueued_at);
                tracing::warn!(%id, attempt, cause, delay_seconds = delay.as_secs(), "delivery waits and is tried again");
                queue.nack(receipt, delay).await
            }
        };
        if let Err(cause) = settled {
            tracing::warn!(%id, %cause, "delivery will be looked at again");
        }
    }

    /// Forgets deliveries older than any message can be, and removes blobs that no message can name any more and tries that
    /// nobody will deliver; stops where it is on `shutdown`.
    async fn keep_house(self: Arc<Self>, shutdown: CancellationToken) {
        let _ends_all = shutdown.clone().drop_guard();
        let forget = |oldest, most| self.ledger.forget_before(oldest, most);
        stores::every_hour(&shutdown, || async {
            if let Err(cause) = stores::forget(self.settings.remember, forget).await {
                tracing::warn!(%cause, "old deliveries could not be forgotten");
            }
            self.clear_leftovers().await;
            stores::collect_orphans(self.blobs.as_ref()).await;
        })
        .await;
    }
}

/// Why a delivery was not made.
#[derive(Debug)]
enum Stopped {
    /// It is no delivery of ours, and never will be.
    Unusable { code: &'static str, cause: String },
    /// Something is in the way that can go away.
    Waits(String),
}

impl Stopped {
    fn waits(cause: impl std::fmt::Display) -> Self {
        Self::Waits(cause.to_string())
    }
}
