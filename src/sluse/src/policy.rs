//! What holds for every form: `rules/policy.toml`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The rules that no contract can loosen. A missing key has the default; an unknown one is refused.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Limits of one attachment and all that is nested in it.
    pub limits: sluse_sanitize::Limits,
    /// Limits of one sandboxed worker.
    pub worker: WorkerLimits,
}

/// What one worker process may use, for one submission.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerLimits {
    /// Address space, in bytes.
    pub memory_bytes: u64,
    /// Processor time, in seconds.
    pub cpu_seconds: u64,
    /// Wall-clock time, in seconds.
    pub wall_seconds: u64,
    /// Everything that the worker may hand back, in bytes.
    pub output_bytes: u64,
}

impl Default for WorkerLimits {
    fn default() -> Self {
        Self { memory_bytes: 2 << 30, cpu_seconds: 60, wall_seconds: 120, output_bytes: 1 << 30 }
    }
}

impl From<&WorkerLimits> for SandboxLimits {
    fn from(limits: &WorkerLimits) -> Self {
        let WorkerLimits { memory_bytes, cpu_seconds, wall_seconds, output_bytes } = *limits;
        Self { memory_bytes, cpu_seconds, wall_seconds, output_bytes }
    }
}

/// Why the rules cannot be used. Always the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file could not be read.
    #[error("cannot read {path}: {cause}")]
    Read {
        /// What was read.
        path: PathBuf,
        /// Why not.
        cause: std::io::Error,
    },
    /// The file is no valid policy.
    #[error("{path}: {cause}")]
    Parse {
        /// The policy.
        path: PathBuf,
        /// What is wrong with it, with line and key.
        cause: String,
    },
}

impl Policy {
    /// Reads `policy.toml` in the rules folder.
    ///
    /// # Errors
    /// When it cannot be read or has an unknown key.
    pub fn load(rules: &Path) -> Result<Self, PolicyError> {
        let path = rules.join("policy.toml");
        let text = std::fs::read_to_string(&path)
            .map_err(|cause| PolicyError::Read { path: path.clone(), cause })?;
        toml::from_str(&text).map_err(|cause| PolicyError::Parse { path, cause: cause.to_string() })
    }
}

/// The YARA rules of the folder `yara/`, every `*.yar` joined in the order of their names.
///
/// # Errors
/// When the folder or a file cannot be read.
pub fn yara_rules(rules: &Path) -> Result<String, PolicyError> {
    let folder = rules.join("yara");
    let read = |path: &Path, cause| PolicyError::Read { path: path.to_owned(), cause };
    let mut paths = std::fs::read_dir(&folder)
        .and_then(|listing| listing.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>())
        .map_err(|cause| read(&folder, cause))?;
    paths.retain(|path| path.extension().is_some_and(|e| e == "yar"));
    paths.sort();
    let mut all = String::new();
    for path in paths {
        all.push_str(&std::fs::read_to_string(&path).map_err(|cause| read(&path, cause))?);
        all.push('\n');
    }
    Ok(all)
}
