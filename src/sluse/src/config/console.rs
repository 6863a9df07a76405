//! `console.toml`: what keeps quarantine reports for security staff.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sluse_envelope::{PrivateKeyRing, VerifyingKeyRing};

use crate::config::address::Written;
use crate::config::{ConfigError, Source, address, keys, ledger};
use crate::ledger::LedgerAddress;
use crate::queue::QueueAddress;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    queue: Written,
    ledger: Written,
    private_key_files: Vec<PathBuf>,
    bridge_verify_key_files: Vec<PathBuf>,
}

/// Checked settings of a console.
#[derive(Debug)]
pub struct Settings {
    /// The secure zone's queues.
    pub queue: QueueAddress,
    /// Sealed reports.
    pub ledger: LedgerAddress,
    /// Opens reports and quarantined originals.
    pub private_keys: PrivateKeyRing,
    /// Bridges whose reports are believed.
    pub bridge_keys: VerifyingKeyRing,
}

impl Settings {
    /// Reads and checks the file and the keys that it names.
    ///
    /// # Errors
    /// The first thing that does not fit, with file and key.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let (source, file): (Source, File) = Source::read(path)?;
        Ok(Self {
            queue: address::queue(&source, "queue", file.queue)?,
            ledger: ledger::ledger(&source, file.ledger)?,
            private_keys: keys::ring(&source, "private_key_files", &file.private_key_files)?,
            bridge_keys: keys::verifying(&source, "bridge_verify_key_files", &file.bridge_verify_key_files)?,
        })
    }
}
