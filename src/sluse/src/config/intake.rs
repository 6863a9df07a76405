//! `intake.toml`: what takes submissions in the DMZ.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use sluse_envelope::{PublicKey, SigningKey, VerifyingKeyRing};

use crate::blobs::BlobAddress;
use crate::config::address::Written;
use crate::config::{ConfigError, Source, address, keys, ledger};
use crate::contract::Contracts;
use crate::id::CodeWord;
use crate::ledger::LedgerAddress;
use crate::queue::QueueAddress;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: SocketAddr,
    tls_certificate_file: Option<PathBuf>,
    tls_key_file: Option<PathBuf>,
    rules_dir: PathBuf,
    queue: Written,
    blobs: Written,
    ledger: Written,
    audit_dir: PathBuf,
    signing_key_file: PathBuf,
    bridge_public_key_file: PathBuf,
    outcome_key_files: Vec<PathBuf>,
    #[serde(default = "min_free_bytes")]
    min_free_bytes: u64,
    #[serde(default = "max_uploads")]
    max_uploads: u64,
    #[serde(default = "idle_seconds")]
    idle_seconds: u64,
    #[serde(default = "remember_days")]
    remember_days: u64,
    portals: Vec<Portal>,
}

fn min_free_bytes() -> u64 {
    1 << 30
}
fn max_uploads() -> u64 {
    64
}
fn idle_seconds() -> u64 {
    30
}
fn remember_days() -> u64 {
    90
}

/// A portal that may submit.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Portal {
    /// Its name in ledger, log and audit.
    pub name: CodeWord,
    /// SHA-256 (hex) of its bearer token; the token itself is not kept here.
    pub token_sha256: String,
    /// Forms that it may submit.
    pub forms: Vec<String>,
}

/// Checked settings of an intake.
#[derive(Debug)]
pub struct Settings {
    /// Where portals connect.
    pub listen: SocketAddr,
    /// Certificate chain and private key (PEM files) for HTTPS; without them only loopback is served.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// What may be submitted.
    pub contracts: Contracts,
    /// The DMZ's queues.
    pub queue: QueueAddress,
    /// The DMZ's blob store.
    pub blobs: BlobAddress,
    /// Ids, states and receipts.
    pub ledger: LedgerAddress,
    /// Audit log.
    pub audit: PathBuf,
    /// Signs receipts and sealed messages.
    pub signing_key: Arc<SigningKey>,
    /// Submissions are sealed to it.
    pub bridge_key: PublicKey,
    /// Bridges whose outcomes are believed.
    pub outcome_keys: VerifyingKeyRing,
    /// Free space that blobs must leave on the disk, in bytes.
    pub min_free_bytes: u64,
    /// Submissions taken at once; more are answered 503.
    pub max_uploads: usize,
    /// How long a sender may be silent.
    pub idle: Duration,
    /// How long ids, receipts and idempotency keys are remembered.
    pub remember: Duration,
    /// Who may submit.
    pub portals: Vec<Portal>,
}

impl Settings {
    /// Reads and checks the file, the keys and the rules that it names.
    ///
    /// # Errors
    /// The first thing that does not fit, with file and key.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let (source, file): (Source, File) = Source::read(path)?;
        let contracts = Contracts::load(&source.resolve(&file.rules_dir).join("contracts"))?;
        check_portals(&source, &file.portals, &contracts)?;
        let tls = match (file.tls_certificate_file, file.tls_key_file) {
            (Some(certificate), Some(key)) => Some((source.resolve(&certificate), source.resolve(&key))),
            (None, None) if file.listen.ip().is_loopback() => None,
            (None, None) => {
                return Err(source.wrong(
                    "listen",
                    format!(
                        "{} is not a loopback address: set tls_certificate_file and tls_key_file",
                        file.listen
                    ),
                ));
            }
            _ => return Err(source.wrong("tls_key_file", "set both tls_certificate_file and tls_key_file")),
        };
        let max_uploads = source.within("max_uploads", file.max_uploads, 1..=10_000)?;
        let remember_days = source.within("remember_days", file.remember_days, 1..=3650)?;
        let idle_seconds = source.within("idle_seconds", file.idle_seconds, 1..=3600)?;
        Ok(Self {
            listen: file.listen,
            tls,
            contracts,
            queue: address::queue(&source, "queue", file.queue)?,
            blobs: address::blobs(&source, "blobs", file.blobs)?,
            ledger: ledger::ledger(&source, file.ledger)?,
            audit: source.resolve(&file.audit_dir),
            signing_key: keys::signing(&source, &file.signing_key_file)?,
            bridge_key: keys::public(&source, &file.bridge_public_key_file)?,
            outcome_keys: keys::verifying(&source, "outcome_key_files", &file.outcome_key_files)?,
            min_free_bytes: file.min_free_bytes,
            max_uploads: usize::try_from(max_uploads).unwrap_or(usize::MAX),
            idle: Duration::from_secs(idle_seconds),
            remember: Duration::from_secs(remember_days * 86_400),
            portals: file.portals,
        })
    }
}

fn check_portals(source: &Source, portals: &[Portal], contracts: &Contracts) -> Result<(), ConfigError> {
    if portals.is_empty() {
        return Err(source.wrong("portals", "is empty: nobody could submit; add a [[portals]] section"));
    }
    for portal in portals {
        let digest = hex::decode(&portal.token_sha256).unwrap_or_default();
        if digest.len() != 32 {
            let problem = format!("of portal {} is not 64 hexadecimal digits", portal.name);
            return Err(source.wrong("portals.token_sha256", problem));
        }
        if let Some(unknown) = portal.forms.iter().find(|form| !contracts.knows(form)) {
            let problem = format!("portal {}: no contract defines the form {unknown:?}", portal.name);
            return Err(source.wrong("portals.forms", problem));
        }
    }
    Ok(())
}
