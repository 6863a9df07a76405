//! Configuration: one TOML file per role. Unknown keys are refused, bad values are refused, nothing is clamped.
//! Relative paths are relative to the folder of the file.
//!
//! | module | file |
//! |---|---|
//! | [`intake`] | `intake.toml` |
//! | [`bridge`] | `bridge.toml` |
//! | [`outlet`] | `outlet.toml` |
//! | [`console`] | `console.toml` |
//! | [`owner`] | for `sluse ledger migrate` |

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::id::CodeWord;
use crate::queue::QueueAddress;
use crate::stores;

pub mod address;
pub mod bridge;
pub mod console;
pub mod intake;
pub mod keys;
pub(crate) mod ledger;
pub mod outlet;
pub mod owner;

/// Why a configuration cannot be used. Always the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read {path}: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: std::io::Error,
    },
    /// The file has a syntax error, an unknown key, a missing key or a value of the wrong type.
    #[error("{path}: {cause}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and key.
        cause: String,
    },
    /// A value is outside what is allowed.
    #[error("{path}: {key}: {problem}")]
    Value {
        /// The file.
        path: PathBuf,
        /// Which key.
        key: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The file's name says no role.
    #[error("{0}: name it intake.toml, bridge.toml, outlet.toml or console.toml")]
    Name(PathBuf),
    /// A key file cannot be used.
    #[error(transparent)]
    Key(#[from] sluse_envelope::key_file::KeyFileError),
    /// The contracts cannot be used.
    #[error(transparent)]
    Contract(#[from] crate::contract::ContractError),
    /// The policy cannot be used.
    #[error(transparent)]
    Policy(#[from] crate::policy::PolicyError),
}

/// Any role's settings; the role is told from the file's name.
#[derive(Debug)]
pub enum AnySettings {
    /// `intake.toml`
    Intake(Box<intake::Settings>),
    /// `bridge.toml`
    Bridge(Box<bridge::Settings>),
    /// `outlet.toml`
    Outlet(Box<outlet::Settings>),
    /// `console.toml`
    Console(Box<console::Settings>),
}

impl AnySettings {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// The first thing that does not fit, with file and key.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        match name.as_str() {
            "intake" => Ok(Self::Intake(Box::new(intake::Settings::load(path)?))),
            "bridge" => Ok(Self::Bridge(Box::new(bridge::Settings::load(path)?))),
            "outlet" => Ok(Self::Outlet(Box::new(outlet::Settings::load(path)?))),
            "console" => Ok(Self::Console(Box::new(console::Settings::load(path)?))),
            _ => Err(ConfigError::Name(path.to_owned())),
        }
    }

    /// The queues that the role reads or writes: where they are, and their names there.
    #[must_use]
    pub fn queues(&self) -> Vec<(QueueAddress, Vec<CodeWord>)> {
        let dmz = || [stores::SUBMISSIONS, stores::OUTCOMES].map(CodeWord::constant).to_vec();
        let reports = || CodeWord::constant(stores::REPORTS);
        match self {
            Self::Intake(settings) => vec![(settings.queue.clone(), dmz())],
            Self::Bridge(settings) => {
                let destinations: BTreeSet<_> = settings.contracts.iter().map(|c| &c.destination).collect();
                let mut secure: Vec<_> = destinations.into_iter().map(stores::delivery_queue).collect();
                secure.push(reports());
                vec![(settings.dmz_queue.clone(), dmz()), (settings.secure_queue.clone(), secure)]
            }
            Self::Outlet(settings) => {
                let names = settings.destinations.iter().map(|d| stores::delivery_queue(&d.name)).collect();
                vec![(settings.queue.clone(), names)]
            }
            Self::Console(settings) => vec![(settings.queue.clone(), vec![reports()])],
        }
    }
}

/// A configuration file as read, and where it is.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    folder: PathBuf,
}

impl Source {
    /// Reads and parses a file.
    pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<(Self, T), ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|cause| ConfigError::Read { path: path.to_owned(), cause })?;
        let parsed = toml::from_str(&text)
            .map_err(|cause| ConfigError::Parse { path: path.to_owned(), cause: cause.to_string() })?;
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
        Ok((Self { path: path.to_owned(), folder }, parsed))
    }

    /// A path of the file, relative to its folder.
    pub(crate) fn resolve(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// A bad value.
    pub(crate) fn wrong(&self, key: &'static str, problem: impl Into<String>) -> ConfigError {
        ConfigError::Value { path: self.path.clone(), key, problem: problem.into() }
    }

    /// Refuses a number outside `range`.
    pub(crate) fn within(
        &self,
        key: &'static str,
        value: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, ConfigError> {
        if range.contains(&value) {
            Ok(value)
        } else {
            Err(self.wrong(key, format!("{value} is not within {} to {}", range.start(), range.end())))
        }
    }
}
