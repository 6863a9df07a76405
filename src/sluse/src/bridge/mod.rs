//! The role between the zones: opens a submission, examines every file, rebuilds it and passes on what is proved good.
//!
//! ```text
//! queue::lease ─▶ receive ─▶ examine ────────────────▶ decide ─▶ relay ─────▶ report outcome ─▶ queue::ack
//!                (verify,    (fetch, clamd, worker,    (contract) (seal to      (code to DMZ)
//!                 open)       members, rebuilt copy)               the outlet)
//!                                                          └─▶ quarantine (sealed to the quarantine key)
//! ```
//!
//! Each arrow is one call that takes the value the step before made; what is not examined cannot be spelled as an argument of `relay`.
//! Nothing is acknowledged before everything after it is durable, so a bridge that dies leaves the submission to the next one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use sluse_envelope::BlobRef;
use tokio::sync::{Mutex, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audit::{AuditLog, Role};
use crate::blobs::Blobs;
use crate::bridge::leftovers::Leftovers;
use crate::bridge::process::Ended;
use crate::config::bridge::Settings;
use crate::id::CodeWord;
use crate::queue::{Leased, Queue, while_leased};
use crate::sandbox::Sandbox;
use crate::scan::Clamd;
use crate::stores;
use crate::stores::{NONE_AT_ONCE, OUTCOMES, REPORTS, SUBMISSIONS, delivery_queue};

mod decide;
mod examine;
mod fetch;
mod leftovers;
mod process;
mod quarantine;
mod receive;
mod relay;
mod self_test;

/// Submissions under way for each one that may be examined: the others wait for brokers and stores, not for the processor.
const UNDER_WAY: usize = 3;
/// Longest wait of one lease call.
const LEASE_WAIT: Duration = Duration::from_secs(5);
/// Time between two looks for blobs of settled submissions that may go.
const CLEAR_EVERY: Duration = Duration::from_secs(1);
/// Blobs that are removed at once.
const CLEAR_AT_ONCE: usize = 8;
/// Longest time for the last blobs when the bridge ends; what is left then is an orphan.
const LAST_CLEARING: Duration = Duration::from_secs(10);
/// Pause of a worker after a first outage; each further one doubles it.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
/// Longest pause of a worker during an outage.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A running bridge.
pub struct Bridge {
    settings: Settings,
    submissions: Arc<dyn Queue>,
    outcomes: Arc<dyn Queue>,
    reports: Arc<dyn Queue>,
    deliveries: HashMap<CodeWord, Arc<dyn Queue>>,
    dmz_blobs: Arc<dyn Blobs>,
    secure_blobs: Arc<dyn Blobs>,
    quarantine_blobs: Arc<dyn Blobs>,
    audit: AuditLog,
    clamd: Option<Clamd>,
    sandbox: Sandbox,
    /// KiB of plaintext that may still be held.
    memory: Semaphore,
    /// Workers that may still be started.
    examining: Semaphore,
    /// Held while submissions are asked for.
    asking: Mutex<()>,
    /// Whether the scanner passed its last self-test.
    scanner_fit: watch::Sender<bool>,
    leftovers: Leftovers,
}

impl Bridge {
    /// Opens everything that the settings name. The scanner may be down still: submissions wait for it.
    ///
    /// # Errors
    /// When a store cannot be opened.
    pub fn open(settings: Settings) -> Result<Arc<Self>, stores::StartError> {
        let (dmz, secure) = (stores::queues(&settings.dmz_queue)?, stores::queues(&settings.secure_queue)?);
        let mut deliveries = HashMap::new();
        for contract in settings.contracts.iter() {
            let queue = stores::queue(&secure, &delivery_queue(&contract.destination), NONE_AT_ONCE);
            deliveries.insert(contract.destination.clone(), queue);
        }
        let clamd = settings.scanner();
        let budget = usize::try_from(settings.memory_budget_bytes >> 10).unwrap_or(Semaphore::MAX_PERMITS);
        let at_once = settings.workers * UNDER_WAY;
        let submissions = stores::queue(&dmz, &CodeWord::constant(SUBMISSIONS), at_once);
        Ok(Arc::new(Self {
            leftovers: Leftovers::new(submissions.ack_may_be_lost()),
            submissions,
            outcomes: stores::queue(&dmz, &CodeWord::constant(OUTCOMES), NONE_AT_ONCE),
            reports: stores::queue(&secure, &CodeWord::constant(REPORTS), NONE_AT_ONCE),
            deliveries,
            dmz_blobs: stores::blobs(&settings.dmz_blobs, 0)?,
            secure_blobs: stores::blobs(&settings.secure_blobs, 0)?,
            quarantine_blobs: stores::blobs(&settings.quarantine_blobs, 0)?,
            audit: stores::audit(&settings.audit, Role::Bridge, &settings.signing_key)?,
            scanner_fit: watch::Sender::new(clamd.is_none()),
            clamd,
            sandbox: Sandbox::new(settings.sandbox())?,
            memory: Semaphore::new(budget.min(Semaphore::MAX_PERMITS)),
            examining: Semaphore::new(settings.workers),
            asking: Mutex::default(),
            settings,
        }))
    }

    /// Examines and relays until `shutdown`, then finishes what is under way. A worker that panics ends the others, too, by
    /// `shutdown`: a bridge that is alive and deaf would show nowhere.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let tasks = TaskTracker::new();
        for _ in 0..self.settings.workers * UNDER_WAY {
            tasks.spawn(Arc::clone(&self).work(shutdown.clone()));
        }
        tasks.spawn(Arc::clone(&self).test_scanner(shutdown.clone()));
        tasks.spawn(Arc::clone(&self).clear_leftovers(shutdown.clone()));
        tasks.spawn(Arc::clone(&self).clear_orphans(shutdown));
        tasks.close();
        tracing::info!(workers = self.settings.workers, "bridge is ready");
        tasks.wait().await;
        stores::close_audit(&self.audit).await;
        let _ = tokio::time::timeout(LAST_CLEARING, self.remove_blobs(self.leftovers.all())).await;
    }

    async fn work(self: Arc<Self>, shutdown: CancellationToken) {
        let _ends_all = shutdown.clone().drop_guard();
        let mut fit = self.scanner_fit.subscribe();
        let mut outages = 0;
        loop {
            let leased = tokio::select! {
                () = shutdown.cancelled() => return,
                leased = async {
                    // With something down all that is examined now would be examined in vain.
                    tokio::time::sleep(pause(outages)).await;
                    let _ = fit.wait_for(|fit| *fit).await;
                    // One asks at a time: an embedded queue is looked at again and again while it is empty.
                    let _asking = self.asking.lock().await;
                    self.submissions.lease(1, LEASE_WAIT).await
                } => leased,
            };
            match leased {
                Ok(batch) => {
                    for leased in batch {
                        match self.handle(leased).await {
                            Met::Outage => outages += 1,
                            Met::Nothing => outages = 0,
                        }
                    }
                }
                Err(cause) => {
                    tracing::error!(%cause, "the DMZ's queue cannot be read; trying again");
                    outages += 1;
                }
            }
        }
    }

    /// Works on one submission while keeping its lease, then settles it.
    async fn handle(&self, leased: Leased) -> Met {
        let Leased { message, attempt, receipt, enqueued_at } = leased;
        let id = message.id;
        let work = self.process(&message, attempt, enqueued_at);
        let Some(ended) = while_leased(self.submissions.as_ref(), &receipt, work).await else {
            tracing::warn!(%id, "another bridge has this submission now; left to it");
            return Met::Nothing;
        };
        let mut met = Met::Nothing;
        let settled = match ended {
            Ended::Done { blobs } => {
                let settled = self.submissions.ack(receipt).await;
                if settled.is_ok() {
                    self.leftovers.settled(blobs, Instant::now());
                }
                settled
            }
            Ended::SetAside { code } => {
                self.submissions.dead_letter(receipt, &CodeWord::constant(code)).await
            }
            Ended::Wait { cause, is_outage } => {
                let delay = stores::retry_delay(enqueued_at);
                tracing::warn!(%id, attempt, cause, delay_seconds = delay.as_secs(), "submission waits and is tried again");
                if is_outage {
                    met = Met::Outage;
                }
                self.submissions.nack(receipt, delay).await
            }
        };
        if let Err(cause) = settled {
            tracing::warn!(%id, %cause, "submission will be examined again");
        }
        met
    }

    async fn clear_leftovers(self: Arc<Self>, shutdown: CancellationToken) {
        let _ends_all = shutdown.clone().drop_guard();
        let clearing = async {
            loop {
                match self.leftovers.due(Instant::now()) {
                    due if due.is_empty() => tokio::time::sleep(CLEAR_EVERY).await,
                    due => self.remove_blobs(due).await,
                }
            }
        };
        shutdown.run_until_cancelled(clearing).await;
    }

    async fn clear_orphans(self: Arc<Self>, shutdown: CancellationToken) {
        let _ends_all = shutdown.clone().drop_guard();
        stores::every_hour(&shutdown, || stores::collect_orphans(self.dmz_blobs.as_ref())).await;
    }

    async fn remove_blobs(&self, blobs: Vec<BlobRef>) {
        let remove = async |blob| {
            if let Err(cause) = self.dmz_blobs.delete(&blob).await {
                tracing::warn!(%cause, "a blob of a settled submission stays until orphans are collected");
            }
        };
        futures_util::stream::iter(blobs).for_each_concurrent(CLEAR_AT_ONCE, remove).await;
    }
}

/// What stood in a submission's way that would stand in the next one's, too.
enum Met {
    Nothing,
    Outage,
}

/// Pause of a worker after that many outages in a row.
fn pause(outages: u32) -> Duration {
    match outages.checked_sub(1) {
        None => Duration::ZERO,
        Some(before) => SHORTEST_PAUSE.saturating_mul(1 << before.min(10)).min(LONGEST_PAUSE),
    }
}
