//! The agreement on one e-service: what may be submitted, where it goes, what happens when part of it fails.
//!
//! One TOML file each in `rules/contracts/`; several versions of a form may run in parallel. The same files serve intake
//! (early answers to the portal) and bridge (the decision).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sluse_sanitize::{Format, Options};

use crate::id::CodeWord;

/// A contract file as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Name of the form, as portals submit it: lower-case letters, digits and hyphens.
    pub form: String,
    /// Version of the form's fields.
    pub version: u32,
    /// Who answers for the service; shown in reports.
    pub owner: String,
    /// JSON Schema (draft 2020-12) for the fields: a file beside the contract.
    pub schema_file: PathBuf,
    /// Name of the outlet's destination.
    pub destination: CodeWord,
    /// What to do when an attachment cannot be delivered.
    pub on_part_failure: PartFailure,
    /// What may be attached.
    pub attachments: AttachmentRules,
    /// The schema's text, read from `schema_file`.
    #[serde(skip)]
    pub schema: String,
}

/// What to do with a submission of which some attachment is infected, unscannable or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartFailure {
    /// Deliver the form and the good attachments; the manifest names those withheld.
    DeliverInPart,
    /// Deliver nothing; the whole submission waits in quarantine.
    Hold,
}

/// What may be attached to a form.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttachmentRules {
    /// Formats that are accepted, by the names in the format table.
    pub formats: Vec<String>,
    /// How many attachments.
    pub max_count: u32,
    /// Size of one attachment, in bytes.
    pub max_bytes: u64,
    /// Size of all attachments together, in bytes.
    pub max_total_bytes: u64,
    /// What is kept of a document when it is rebuilt.
    #[serde(default)]
    pub rebuild: Options,
}

impl Contract {
    /// Whether attachments of this format are accepted.
    #[must_use]
    pub fn accepts(&self, format: Format) -> bool {
        self.attachments.formats.iter().any(|name| name == format.name())
    }
}

/// Why the contracts cannot be used. Always the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// A file or folder could not be read.
    #[error("cannot read {path}: {cause}")]
    Read {
        /// What was read.
        path: PathBuf,
        /// Why not.
        cause: std::io::Error,
    },
    /// A file is no valid contract.
    #[error("{path}: {cause}")]
    Parse {
        /// The contract.
        path: PathBuf,
        /// What is wrong with it, with line and key.
        cause: String,
    },
    /// A value is outside what is allowed.
    #[error("{path}: {key}: {problem}")]
    Value {
        /// The contract.
        path: PathBuf,
        /// Which key.
        key: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// Two files define the same form and version.
    #[error(
        "{path}: form {form:?} version {version} is already defined by another contract; raise the version"
    )]
    Twice {
        /// The second file.
        path: PathBuf,
        /// The form.
        form: String,
        /// The version.
        version: u32,
    },
    /// The folder has no contract.
    #[error("{0} has no contract (*.toml): without one no form is accepted")]
    None(PathBuf),
}

/// All contracts, by form and version.
#[derive(Debug, Clone)]
pub struct Contracts(BTreeMap<(String, u32), Contract>);

impl Contracts {
    /// Reads and checks every `*.toml` in the folder, and the schemas they name.
    ///
    /// # Errors
    /// The first file that cannot be used, and what to do.
    pub fn load(folder: &Path) -> Result<Self, ContractError> {
        let read = |path: &Path| {
            let bytes =
                std::fs::read(path).map_err(|cause| ContractError::Read { path: path.to_owned(), cause })?;
            String::from_utf8(bytes).map_err(|_| ContractError::Parse {
                path: path.to_owned(),
                cause: "not UTF-8 text".to_owned(),
            })
        };
        let mut all = BTreeMap::new();
        let listing = std::fs::read_dir(folder)
            .map_err(|cause| ContractError::Read { path: folder.to_owned(), cause })?;
        let mut paths = listing
            .map(|entry| entry.map(|e| e.path()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|cause| ContractError::Read { path: folder.to_owned(), cause })?;
        paths.retain(|path| path.extension().is_some_and(|e| e == "toml"));
        paths.sort();
        for path in paths {
            let mut contract: Contract = toml::from_str(&read(&path)?)
                .map_err(|cause| ContractError::Parse { path: path.clone(), cause: cause.to_string() })?;
            contract.schema = read(&folder.join(&contract.schema_file))?;
            check(&contract, &path)?;
            let key = (contract.form.clone(), contract.version);
            if all.insert(key, contract.clone()).is_some() {
                return Err(ContractError::Twice { path, form: contract.form, version: contract.version });
            }
        }
        if all.is_empty() {
            return Err(ContractError::None(folder.to_owned()));
        }
        Ok(Self(all))
    }

    /// The contract for a form and version.
    #[must_use]
    pub fn find(&self, form: &str, version: u32) -> Option<&Contract> {
        // The pair is small and from outside; a map of owned keys wants an owned one.
        self.0.get(&(form.to_owned(), version))
    }

    /// Whether any version of the form is known.
    #[must_use]
    pub fn knows(&self, form: &str) -> bool {
        self.0.keys().any(|(known, _)| known == form)
    }

    /// Every contract, by form and version.
    pub fn iter(&self) -> impl Iterator<Item = &Contract> {
        self.0.values()
    }
}

/// Longest form or destination name: with its prefix it is a queue's name.
const MAX_NAME_LEN: usize = 48;

/// Form and destination names: they become queue and folder names.
pub(crate) fn is_plain_name(name: &str) -> bool {
    (1..=MAX_NAME_LEN).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !name.starts_with('-')
}

fn check(contract: &Contract, path: &Path) -> Result<(), ContractError> {
    let wrong = |key, problem: String| Err(ContractError::Value { path: path.to_owned(), key, problem });
    for (key, name) in [("form", contract.form.as_str()), ("destination", contract.destination.as_str())] {
        if !is_plain_name(name) {
            return wrong(key, format!("{name:?} is not 1 to 48 lower-case letters, digits and hyphens"));
        }
    }
    for name in &contract.attachments.formats {
        match Format::ALL.iter().find(|format| format.name() == name) {
            None => return wrong("attachments.formats", format!("{name:?} is no known format")),
            Some(format) if !format.is_rebuilt() => {
                return wrong(
                    "attachments.formats",
                    format!("{name} files cannot be rebuilt, so they cannot be accepted"),
                );
            }
            Some(_) => {}
        }
    }
    let AttachmentRules { max_bytes, max_total_bytes, max_count, .. } = contract.attachments;
    if max_bytes > max_total_bytes {
        return wrong(
            "attachments.max_bytes",
            format!("{max_bytes} is more than max_total_bytes {max_total_bytes}"),
        );
    }
    if max_count > 100 {
        return wrong("attachments.max_count", format!("{max_count} is more than 100"));
    }
    if let Err(problem) = crate::schema::Schema::parse(contract.schema.as_bytes()) {
        return wrong("schema_file", problem.to_string());
    }
    Ok(())
}
