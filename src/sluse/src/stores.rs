//! Opens what a role's settings name: queues, blobs, audit log; and the chores that every role does on them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sluse_envelope::SigningKey;

use crate::audit::{Audit, AuditError};
use crate::blobs::{BlobError, Blobs, directory::BlobDirectory};
use crate::http::TlsError;
use crate::ledger::LedgerError;
use crate::queue::{Queue, QueueError, sqlite::SqliteQueue};
use crate::scan::ScanError;
use crate::schema::SchemaError;

/// Why a role cannot start. Always the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A queue cannot be opened.
    #[error(transparent)]
    Queue(#[from] QueueError),
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
    /// The scanner does not do its work.
    #[error("clamd is not fit: {0}")]
    Scanner(#[from] ScanError),
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

/// Opens one named queue of an embedded queue database.
pub(crate) async fn queue(database: &Path, name: &str) -> Result<Arc<dyn Queue>, StartError> {
    parent(database)?;
    Ok(Arc::new(SqliteQueue::open(database, name).await?))
}

/// Opens a blob directory that leaves `min_free_bytes` of its disk free.
pub(crate) async fn blobs(directory: &Path, min_free_bytes: u64) -> Result<Arc<dyn Blobs>, StartError> {
    folder(directory)?;
    Ok(Arc::new(BlobDirectory::open(directory, min_free_bytes).await?))
}

/// Continues the audit log of a role.
pub(crate) async fn audit(
    directory: &Path,
    role: &'static str,
    key: &SigningKey,
) -> Result<Audit, StartError> {
    folder(directory)?;
    Ok(Audit::open(directory, role, key.clone()).await?)
}

/// Makes the folder that a file lies in.
pub(crate) fn parent(file: &Path) -> Result<(), StartError> {
    file.parent().map_or(Ok(()), folder)
}

/// Makes a folder that only its owner can enter.
pub(crate) fn folder(path: &Path) -> Result<(), StartError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|cause| StartError::Folder { path: path.display().to_string(), cause })
}

/// Removes blobs older than anything that could still name them.
pub(crate) async fn collect_orphans(blobs: &dyn Blobs, older_than: Duration) {
    match blobs.list(older_than).await {
        Ok(orphans) => {
            for orphan in orphans {
                if let Err(cause) = blobs.delete(&orphan).await {
                    tracing::warn!(%cause, "an orphaned blob could not be removed");
                }
            }
        }
        Err(cause) => tracing::warn!(%cause, "orphaned blobs could not be listed"),
    }
}
