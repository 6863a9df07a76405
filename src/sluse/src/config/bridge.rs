//! `bridge.toml`: what examines, between the zones.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use sluse_envelope::{PrivateKeyRing, PublicKey, SigningKey, Suite, VerifyingKeyRing};

use crate::blobs::{BlobAddress, MAX_MESSAGE_AGE};
use crate::config::address::Written;
use crate::config::{ConfigError, Source, address, keys};
use crate::contract::Contracts;
use crate::policy::{Policy, yara_rules};
use crate::queue::QueueAddress;
use crate::sandbox::{SandboxConfig, SandboxLimits};
use crate::scan::{AddressError, Clamd, ClamdAddress, ClamdConfig};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rules_dir: PathBuf,
    dmz_queue: Written,
    dmz_blobs: Written,
    secure_queue: Written,
    secure_blobs: Written,
    quarantine_blobs: Written,
    audit_dir: PathBuf,
    signing_key_file: PathBuf,
    private_key_files: Vec<PathBuf>,
    intake_verify_key_files: Vec<PathBuf>,
    outlet_public_key_file: PathBuf,
    quarantine_public_key_file: PathBuf,
    #[serde(default = "accepted_suites")]
    accepted_suites: Vec<Suite>,
    clamd: String,
    #[serde(default = "clamd_max_stream_bytes")]
    clamd_max_stream_bytes: u64,
    #[serde(default = "clamd_timeout_seconds")]
    clamd_timeout_seconds: u64,
    #[serde(default = "self_test_seconds")]
    self_test_seconds: u64,
    #[serde(default = "workers")]
    workers: u64,
    #[serde(default = "memory_budget_bytes")]
    memory_budget_bytes: u64,
    #[serde(default = "max_age_days")]
    max_age_days: u64,
    #[serde(default = "max_attempts")]
    max_attempts: u32,
    #[serde(default = "outcomes")]
    outcomes: bool,
}

fn accepted_suites() -> Vec<Suite> {
    vec![Suite::XWing, Suite::X25519]
}
fn clamd_max_stream_bytes() -> u64 {
    100 << 20
}
fn clamd_timeout_seconds() -> u64 {
    120
}
fn self_test_seconds() -> u64 {
    60
}
fn workers() -> u64 {
    4
}
fn memory_budget_bytes() -> u64 {
    1 << 30
}
fn max_age_days() -> u64 {
    30
}
fn max_attempts() -> u32 {
    100
}
fn outcomes() -> bool {
    true
}

/// Checked settings of a bridge.
#[derive(Debug)]
pub struct Settings {
    /// What may be submitted, and where it goes.
    pub contracts: Contracts,
    /// What holds for every form.
    pub policy: Policy,
    /// YARA rules as text.
    pub yara_rules: String,
    /// The DMZ's queues.
    pub dmz_queue: QueueAddress,
    /// The DMZ's blob store.
    pub dmz_blobs: BlobAddress,
    /// The secure zone's queues.
    pub secure_queue: QueueAddress,
    /// The secure zone's blob store.
    pub secure_blobs: BlobAddress,
    /// Blob store for withheld originals.
    pub quarantine_blobs: BlobAddress,
    /// Audit log.
    pub audit: PathBuf,
    /// Signs what is relayed, outcomes and reports.
    pub signing_key: Arc<SigningKey>,
    /// Opens submissions.
    pub private_keys: PrivateKeyRing,
    /// Intakes (and portals that seal) whose submissions are opened.
    pub intake_keys: VerifyingKeyRing,
    /// Deliveries are sealed to it.
    pub outlet_key: PublicKey,
    /// Reports and quarantined originals are sealed to it.
    pub quarantine_key: PublicKey,
    /// HPKE suites that are opened.
    pub accepted_suites: Vec<Suite>,
    /// Where clamd is. A configuration always names it; only `sluse demo` may do without.
    pub clamd: Option<ClamdAddress>,
    /// Largest content that is sent to clamd, in bytes; not over its `StreamMaxLength` and `MaxFileSize`.
    pub clamd_max_stream_bytes: u64,
    /// Longest wait for one answer of clamd.
    pub clamd_timeout: Duration,
    /// Time between two tests that clamd still finds EICAR.
    pub self_test_every: Duration,
    /// Submissions examined at once.
    pub workers: usize,
    /// Plaintext held at once, in bytes, over all submissions.
    pub memory_budget_bytes: u64,
    /// Oldest submission that is opened.
    pub max_age: Duration,
    /// Examinations begun before a submission is set aside as undeliverable.
    pub max_attempts: u32,
    /// Whether outcome codes flow back to the DMZ.
    pub outcomes: bool,
}

impl Settings {
    /// The virus scanner, where one is named.
    pub(crate) fn scanner(&self) -> Option<Clamd> {
        let config = ClamdConfig {
            address: self.clamd.clone()?,
            max_stream_bytes: self.clamd_max_stream_bytes,
            timeout: self.clamd_timeout,
            max_concurrent: self.workers,
        };
        Some(Clamd::new(config))
    }

    /// How workers are made; their schemas are the contracts', in their order.
    pub(crate) fn sandbox(&self) -> SandboxConfig {
        let limits = SandboxLimits::from(&self.policy.worker);
        let schemas = self.contracts.iter().map(|contract| contract.schema.clone()).collect();
        SandboxConfig { schemas, ..SandboxConfig::new(limits, self.yara_rules.as_str().into()) }
    }

    /// Reads and checks the file, the keys and the rules that it names.
    ///
    /// # Errors
    /// The first thing that does not fit, with file and key.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let (source, file): (Source, File) = Source::read(path)?;
        let rules = source.resolve(&file.rules_dir);
        if file.accepted_suites.is_empty() {
            return Err(source.wrong("accepted_suites", "is empty: nothing could ever be opened"));
        }
        let clamd =
            file.clamd.parse().map_err(|cause: AddressError| source.wrong("clamd", cause.to_string()))?;
        let dmz_blobs = address::blobs(&source, "dmz_blobs", file.dmz_blobs)?;
        let secure_blobs = address::blobs(&source, "secure_blobs", file.secure_blobs)?;
        let quarantine_blobs = address::blobs(&source, "quarantine_blobs", file.quarantine_blobs)?;
        if [&dmz_blobs, &secure_blobs].into_iter().any(|blobs| blobs.is_same(&quarantine_blobs)) {
            let problem = "is the same store as dmz_blobs or secure_blobs, where old blobs are removed; withheld originals are \
                kept: name a folder, bucket or prefix of its own";
            return Err(source.wrong("quarantine_blobs", problem));
        }
        let workers = source.within("workers", file.workers, 1..=1024)?;
        Ok(Self {
            contracts: Contracts::load(&rules.join("contracts"))?,
            policy: Policy::load(&rules)?,
            yara_rules: yara_rules(&rules)?,
            dmz_queue: address::queue(&source, "dmz_queue", file.dmz_queue)?,
            dmz_blobs,
            secure_queue: address::queue(&source, "secure_queue", file.secure_queue)?,
            secure_blobs,
            quarantine_blobs,
            audit: source.resolve(&file.audit_dir),
            signing_key: keys::signing(&source, &file.signing_key_file)?,
            private_keys: keys::ring(&source, "private_key_files", &file.private_key_files)?,
            intake_keys: keys::verifying(&source, "intake_verify_key_files", &file.intake_verify_key_files)?,
            outlet_key: keys::public(&source, &file.outlet_public_key_file)?,
            quarantine_key: keys::public(&source, &file.quarantine_public_key_file)?,
            accepted_suites: file.accepted_suites,
            clamd: Some(clamd),
            clamd_max_stream_bytes: file.clamd_max_stream_bytes,
            clamd_timeout: Duration::from_secs(source.within(
                "clamd_timeout_seconds",
                file.clamd_timeout_seconds,
                1..=3600,
            )?),
            self_test_every: Duration::from_secs(source.within(
                "self_test_seconds",
                file.self_test_seconds,
                1..=3600,
            )?),
            workers: usize::try_from(workers).unwrap_or(1),
            memory_budget_bytes: source.within(
                "memory_budget_bytes",
                file.memory_budget_bytes,
                (1 << 20)..=(1 << 40),
            )?,
            max_age: Duration::from_secs(
                source.within("max_age_days", file.max_age_days, 1..=MAX_MESSAGE_AGE.as_secs() / 86_400)?
                    * 86_400,
            ),
            max_attempts: u32::try_from(source.within(
                "max_attempts",
                file.max_attempts.into(),
                1..=1_000_000,
            )?)
            .unwrap_or(u32::MAX),
            outcomes: file.outcomes,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::setup::{Zone, zone};

    #[test]
    fn withheld_originals_share_no_store_with_what_is_collected() {
        let folder = tempfile::tempdir().unwrap();
        let [dmz, bridge, secure] = ["dmz", "bridge", "secure"].map(|name| folder.path().join(name));
        zone(Zone::Dmz, &dmz, &[]).unwrap();
        zone(Zone::Secure, &secure, &[]).unwrap();
        zone(Zone::Bridge, &bridge, &[dmz.join("public"), secure.join("public")]).unwrap();
        let path = bridge.join("bridge.toml");
        let text = fs::read_to_string(&path).unwrap();
        Settings::load(&path).unwrap();

        fs::create_dir(secure.join("blobs")).unwrap();
        for place in ["dir:../secure/blobs", "dir:../bridge/../secure/blobs/", "dir:../dmz/blobs"] {
            let line = "\nquarantine_blobs = \"dir:../secure/quarantine\"";
            assert!(text.contains(line));
            fs::write(&path, text.replace(line, &format!("\nquarantine_blobs = \"{place}\""))).unwrap();
            let error = Settings::load(&path).unwrap_err().to_string();
            assert!(error.contains("quarantine_blobs: is the same store"), "{place}: {error}");
        }

        for name in ["a.key", "s.key"] {
            crate::durable::write(&bridge.join("keys").join(name), b"key").unwrap();
        }
        let table = |url: &str| {
            format!(
                "{{ url = \"{url}\", endpoint = \"https://s3\", access_key_file = \"keys/a.key\", secret_key_file = \"keys/s.key\" }}"
            )
        };
        for (secure, quarantine, fits) in [
            ("s3://bucket/blobs", "s3://bucket/blobs/", false),
            ("s3://bucket", "s3://bucket/", false),
            ("s3://bucket/blobs", "s3://bucket/quarantine", true),
            ("s3://bucket/blobs", "s3://another/blobs", true),
        ] {
            let text = text
                .replace("\"dir:../secure/quarantine\"", &table(quarantine))
                .replace("\"dir:../secure/blobs\"", &table(secure));
            fs::write(&path, text).unwrap();
            assert_eq!(Settings::load(&path).is_ok(), fits, "{secure} {quarantine}");
        }
    }
}
