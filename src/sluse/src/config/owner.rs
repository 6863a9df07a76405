//! The owner's file for `sluse ledger migrate`: whose ledger, where, and which user works on it. No role reads it.

use std::fmt;
use std::path::Path;

use serde::Deserialize;

use crate::config::address::Written;
use crate::config::{ConfigError, Source, ledger};
use crate::ledger::postgres::{ServerAddress, Tables};
use crate::ledger::{LedgerAddress, intake, outlet, reports};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    role: Ledger,
    grant_to: String,
    ledger: Written,
}

/// Which ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ledger {
    /// The intake's, in the DMZ.
    Intake,
    /// The outlet's, in the secure zone.
    Outlet,
    /// The console's, in the secure zone.
    Console,
}

impl Ledger {
    /// Its tables.
    #[must_use]
    pub fn tables(self) -> &'static Tables {
        match self {
            Self::Intake => &intake::TABLES,
            Self::Outlet => &outlet::TABLES,
            Self::Console => &reports::TABLES,
        }
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tables().ledger)
    }
}

/// Checked settings of a migration.
#[derive(Debug)]
pub struct Settings {
    /// Which ledger.
    pub ledger: Ledger,
    /// The server, and the owner as user.
    pub address: ServerAddress,
    /// The role's user, which gets the rights that it needs.
    pub grant_to: String,
}

impl Settings {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// The first thing that does not fit, with file and key.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let (source, file): (Source, File) = Source::read(path)?;
        let LedgerAddress::Postgres(address) = ledger::ledger(&source, file.ledger)? else {
            return Err(
                source.wrong("ledger", "is a file, whose tables the role makes by itself: nothing to do")
            );
        };
        if file.grant_to.is_empty() {
            return Err(source.wrong("grant_to", "is empty: name the user of the role"));
        }
        if file.grant_to == address.user() {
            let problem = "is the user of ledger.url, the owner: a role that owned its tables could change or drop them; \
                name the role's own user";
            return Err(source.wrong("grant_to", problem));
        }
        Ok(Self { ledger: file.role, address: *address, grant_to: file.grant_to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_is_no_roles_user() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("owner.toml");
        let load = |grant_to: &str, ledger: &str| {
            std::fs::write(&path, format!("role = \"intake\"\ngrant_to = \"{grant_to}\"\n{ledger}")).unwrap();
            Settings::load(&path).map(|settings| settings.grant_to).map_err(|cause| cause.to_string())
        };
        let server = "[ledger]\nurl = \"postgres://sluse_owner@127.0.0.1/sluse\"";
        assert_eq!(load("sluse_intake", server).unwrap(), "sluse_intake");
        assert!(load("sluse_owner", server).unwrap_err().contains("grant_to: is the user of ledger.url"));
        assert!(load("", server).unwrap_err().contains("grant_to: is empty"));
        assert!(load("sluse_intake", "ledger = \"sqlite:a.db\"").unwrap_err().contains("is a file"));
    }
}
