//! The queues' names, and opening what a role's settings name: queues, blobs, audit log; and the chores that every role does on them.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sluse_envelope::{Domain, Signature, SigningKey, VerifyingKey};
use tokio_util::sync::CancellationToken;

use crate::audit::{AuditError, AuditLog, AuditOptions, Role};
use crate::blobs::{BlobAddress, BlobError, Blobs, DirectoryBlobs, DirectoryOptions, ORPHAN_AGE, S3Blobs};
use crate::http::TlsError;
use crate::id::CodeWord;
use crate::ledger::intake::IntakeLedger;
use crate::ledger::outlet::OutletLedger;
use crate::ledger::reports::Reports;
use crate::ledger::{LedgerAddress, LedgerError, intake, outlet, reports};
use crate::queue::amqp::{AmqpOptions, AmqpQueues};
pub(crate) use crate::queue::names::{OUTCOMES, REPORTS, SUBMISSIONS, delivery_queue};
use crate::queue::{Queue, QueueAddress, QueueOptions, SqliteQueues};
use crate::sandbox;
use crate::schema::SchemaError;
use crate::sqlite::DatabaseError;

/// Why a role cannot start. Always the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A queue cannot be opened.
    #[error(transparent)]
    Queue(#[from] DatabaseError),
    /// A blob store cannot be opened.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// A ledger cannot be opened.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The audit log cannot be continued.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The TLS certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No worker can be started.
    #[error(transparent)]
    Sandbox(#[from] sandbox::StartError),
    /// A contract's schema cannot be used.
    #[error("form {form:?}: {cause}")]
    Schema {
        /// The form.
        form: String,
        /// What is wrong.
        cause: SchemaError,
    },
    /// A folder cannot be made.
    #[error("cannot make {path}: {cause}")]
    Folder {
        /// The folder.
        path: String,
        /// Why not.
        cause: std::io::Error,
    },
}

/// An open queue database, or a broker that is connected to when it is needed.
pub(crate) enum Queues {
    Sqlite(SqliteQueues),
    Amqp(AmqpQueues),
}

/// Opens an embedded queue database; a broker may be away still.
pub(crate) fn queues(address: &QueueAddress) -> Result<Queues, StartError> {
    match address {
        QueueAddress::Sqlite(database) => {
            parent(database)?;
            Ok(Queues::Sqlite(SqliteQueues::open(database, QueueOptions::default())?))
        }
        QueueAddress::Amqp(broker) => Ok(Queues::Amqp(AmqpQueues::new(broker, AmqpOptions::default()))),
    }
}

/// One queue, of which this role works on up to `at_once` messages at once: a broker hands it no more.
pub(crate) fn queue(queues: &Queues, name: &CodeWord, at_once: usize) -> Arc<dyn Queue> {
    match queues {
        Queues::Sqlite(database) => Arc::new(database.queue(name)),
        Queues::Amqp(broker) => Arc::new(broker.queue(name, u16::try_from(at_once).unwrap_or(u16::MAX))),
    }
}

/// At-once of a role that leases nothing from a queue.
pub(crate) const NONE_AT_ONCE: usize = 0;

/// Opens a blob store; a folder leaves `min_free_bytes` of its disk free. A server may be down still.
pub(crate) fn blobs(address: &BlobAddress, min_free_bytes: u64) -> Result<Arc<dyn Blobs>, StartError> {
    match address {
        BlobAddress::Directory(directory) => {
            folder(directory)?;
            let options = DirectoryOptions { min_free_bytes, ..DirectoryOptions::default() };
            Ok(Arc::new(DirectoryBlobs::open(directory, options)?))
        }
        BlobAddress::S3(address) => Ok(Arc::new(S3Blobs::new(address)?)),
    }
}

/// Continues the audit log of a role, signed with the role's key.
pub(crate) fn audit(directory: &Path, role: Role, key: &Arc<SigningKey>) -> Result<AuditLog, StartError> {
    let (signer, public) = (Arc::clone(key), key.verifying_key().clone());
    let sign = move |bytes: &[u8]| signer.sign(AUDIT_HEAD, bytes).to_bytes();
    let check = move |bytes: &[u8], signature: &[u8; 64]| is_audit_signature(&public, bytes, signature);
    Ok(AuditLog::open(directory, role, AuditOptions::default(), sign, &check)?)
}

/// What the head of an audit log is signed as.
const AUDIT_HEAD: Domain = Domain::new("sluse audit head/1");

/// Whether a role's key signed the head of an audit log.
pub(crate) fn is_audit_signature(key: &VerifyingKey, bytes: &[u8], signature: &[u8; 64]) -> bool {
    key.verify(AUDIT_HEAD, bytes, &Signature::from_bytes(*signature)).is_ok()
}

/// Signs the head of an audit log that ends in order.
pub(crate) async fn close_audit(audit: &AuditLog) {
    if let Err(cause) = audit.close().await {
        tracing::error!(%cause, "the audit log could not be closed in order");
    }
}

/// Opens intake's ledger.
pub(crate) async fn intake_ledger(address: &LedgerAddress) -> Result<Arc<dyn IntakeLedger>, StartError> {
    ledger_folder(address)?;
    Ok(intake::open(address).await?)
}

/// Opens the outlet's ledger.
pub(crate) async fn outlet_ledger(address: &LedgerAddress) -> Result<Arc<dyn OutletLedger>, StartError> {
    ledger_folder(address)?;
    Ok(outlet::open(address).await?)
}

/// Opens the console's ledger of reports.
pub(crate) async fn report_ledger(address: &LedgerAddress) -> Result<Arc<dyn Reports>, StartError> {
    ledger_folder(address)?;
    Ok(reports::open(address).await?)
}

/// Opens a ledger for a role: one whose server is away, as after a power cut of the whole house, is waited for.
pub(crate) async fn patiently<T>(open: impl AsyncFn() -> Result<T, StartError>) -> Result<T, StartError> {
    /// Pause between two tries.
    const PAUSE: Duration = Duration::from_secs(2);
    let mut is_told = false;
    loop {
        match open().await {
            Err(StartError::Ledger(cause)) if cause.may_pass() => {
                if !is_told {
                    tracing::warn!(%cause, "the ledger is out of reach; trying until it is there");
                    is_told = true;
                }
                tokio::time::sleep(PAUSE).await;
            }
            opened => return opened,
        }
    }
}

/// Makes the folder of a ledger's file.
fn ledger_folder(address: &LedgerAddress) -> Result<(), StartError> {
    match address {
        LedgerAddress::Sqlite(file) => parent(file),
        LedgerAddress::Postgres(_) => Ok(()),
    }
}

/// Makes the folder that a file lies in.
pub(crate) fn parent(file: &Path) -> Result<(), StartError> {
    file.parent().map_or(Ok(()), folder)
}

/// Makes a folder that survives a power cut.
pub(crate) fn durable_folder(path: &Path) -> Result<(), StartError> {
    let made = crate::durable::create_dir(path);
    made.map_err(|cause| StartError::Folder { path: path.display().to_string(), cause })
}

/// Makes a folder that only its owner can enter.
pub(crate) fn folder(path: &Path) -> Result<(), StartError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|cause| StartError::Folder { path: path.display().to_string(), cause })
}

/// Pause before a message is tried again: a quarter of its age, so that the pauses grow, within 1 s and 60 s.
pub(crate) fn retry_delay(enqueued_at: SystemTime) -> Duration {
    let age = enqueued_at.elapsed().unwrap_or_default();
    (age / 4).clamp(Duration::from_secs(1), Duration::from_secs(60))
}

/// Does a chore now and every hour; stops where it is on `shutdown`.
pub(crate) async fn every_hour<F: Future<Output = ()>>(shutdown: &CancellationToken, chore: impl Fn() -> F) {
    /// Time between two runs.
    const PAUSE: Duration = Duration::from_secs(3600);
    let chores = async {
        loop {
            chore().await;
            tokio::time::sleep(PAUSE).await;
        }
    };
    let _: Option<()> = shutdown.run_until_cancelled(chores).await;
}

/// Has a ledger forget what is older than `remember`, so much at once that it is not held up.
pub(crate) async fn forget<F: Future<Output = Result<usize, LedgerError>>>(
    remember: Duration,
    forget_before: impl Fn(SystemTime, u32) -> F,
) -> Result<(), LedgerError> {
    /// Entries forgotten at once.
    const BATCH: u32 = 1000;
    let oldest = crate::clock::now() - remember;
    while forget_before(oldest, BATCH).await? == BATCH as usize {}
    Ok(())
}

/// Removes blobs older than anything that could still name them: see [`crate::blobs`].
pub(crate) async fn collect_orphans(blobs: &dyn Blobs) {
    /// Blobs removed in one run.
    const BATCH: usize = 10_000;
    match blobs.list(ORPHAN_AGE, BATCH).await {
        Ok(orphans) => {
            for orphan in orphans {
                if let Err(cause) = blobs.delete(&orphan.name).await {
                    tracing::warn!(%cause, "an orphaned blob could not be removed");
                }
            }
        }
        Err(cause) => tracing::warn!(%cause, "orphaned blobs could not be listed"),
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Notify;

    use super::*;
    use crate::blobs::silent::Silent;

    #[tokio::test]
    async fn who_looks_for_orphans_ends_when_it_is_told() {
        let asked = Arc::new(Notify::new());
        let blobs = Silent::new({
            let asked = Arc::clone(&asked);
            move || asked.notify_one()
        });
        let shutdown = CancellationToken::new();
        let told = async {
            asked.notified().await;
            shutdown.cancel();
        };
        let both = async { tokio::join!(every_hour(&shutdown, || collect_orphans(&blobs)), told) };
        tokio::time::timeout(Duration::from_secs(30), both).await.expect("it goes on");
    }
}
