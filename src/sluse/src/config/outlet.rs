//! `outlet.toml`: what delivers in the secure zone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use sluse_envelope::{PrivateKeyRing, SigningKey, VerifyingKeyRing};

use crate::blobs::BlobAddress;
use crate::config::address::Written;
use crate::config::{ConfigError, Source, address, keys, ledger};
use crate::contract::is_plain_name;
use crate::id::CodeWord;
use crate::ledger::LedgerAddress;
use crate::queue::QueueAddress;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    queue: Written,
    blobs: Written,
    ledger: Written,
    audit_dir: PathBuf,
    signing_key_file: PathBuf,
    private_key_files: Vec<PathBuf>,
    bridge_verify_key_files: Vec<PathBuf>,
    #[serde(default = "remember_days")]
    remember_days: u64,
    destinations: BTreeMap<CodeWord, DestinationFile>,
}

fn remember_days() -> u64 {
    400
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DestinationFile {
    folder: PathBuf,
}

/// Where one case system fetches its submissions.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Name, as contracts say it.
    pub name: CodeWord,
    /// A folder for each submission appears here, whole, by one rename.
    pub folder: PathBuf,
}

/// Checked settings of an outlet.
#[derive(Debug)]
pub struct Settings {
    /// The secure zone's queues.
    pub queue: QueueAddress,
    /// The secure zone's blob store.
    pub blobs: BlobAddress,
    /// Delivered ids.
    pub ledger: LedgerAddress,
    /// Audit log.
    pub audit: PathBuf,
    /// Signs the audit log.
    pub signing_key: Arc<SigningKey>,
    /// Opens deliveries.
    pub private_keys: PrivateKeyRing,
    /// Bridges whose deliveries are believed.
    pub bridge_keys: VerifyingKeyRing,
    /// How long delivered ids are remembered; longer than anything of that id is delivered ([`crate::blobs::MAX_MESSAGE_AGE`]).
    pub remember: Duration,
    /// Case systems.
    pub destinations: Vec<Destination>,
}

impl Settings {
    /// Reads and checks the file and the keys that it names.
    ///
    /// # Errors
    /// The first thing that does not fit, with file and key.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let (source, file): (Source, File) = Source::read(path)?;
        if file.destinations.is_empty() {
            return Err(source.wrong("destinations", "is empty: add a [destinations.NAME] section"));
        }
        if let Some(name) = file.destinations.keys().find(|name| !is_plain_name(name.as_str())) {
            let problem = format!("{name:?} is not 1 to 48 lower-case letters, digits and hyphens");
            return Err(source.wrong("destinations", problem));
        }
        let remember_days = source.within("remember_days", file.remember_days, 366..=3650)?;
        Ok(Self {
            queue: address::queue(&source, "queue", file.queue)?,
            blobs: address::blobs(&source, "blobs", file.blobs)?,
            ledger: ledger::ledger(&source, file.ledger)?,
            audit: source.resolve(&file.audit_dir),
            signing_key: keys::signing(&source, &file.signing_key_file)?,
            private_keys: keys::ring(&source, "private_key_files", &file.private_key_files)?,
            bridge_keys: keys::verifying(&source, "bridge_verify_key_files", &file.bridge_verify_key_files)?,
            remember: Duration::from_secs(remember_days * 86_400),
            destinations: file
                .destinations
                .into_iter()
                .map(|(name, destination)| Destination { name, folder: source.resolve(&destination.folder) })
                .collect(),
        })
    }
}
