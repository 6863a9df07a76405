//! Where a ledger is, as a configuration says it: `ledger = "sqlite:PATH"`, or a table `[ledger]` for a PostgreSQL server.

use std::path::PathBuf;

use serde::Deserialize;

use crate::config::address::{Written, path_after};
use crate::config::{ConfigError, Source};
use crate::ledger::LedgerAddress;
use crate::ledger::postgres::{MAX_CONNECTIONS, ServerAddress};
use crate::secret_file::{self, SecretFileError};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    url: String,
    password_file: Option<PathBuf>,
    certificate_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    #[serde(default = "max_connections")]
    max_connections: u64,
}

fn max_connections() -> u64 {
    MAX_CONNECTIONS.into()
}

/// Reads and checks the key `ledger`, and the files that it names.
pub(crate) fn ledger(source: &Source, written: Written) -> Result<LedgerAddress, ConfigError> {
    match written {
        Written::Local(text) => path_after(source, "ledger", &text, "sqlite:").map(LedgerAddress::Sqlite),
        Written::Server(table) => {
            let table: Table = Written::server(source, "ledger", table)?;
            Ok(LedgerAddress::Postgres(Box::new(server(source, &table)?)))
        }
    }
}

fn server(source: &Source, table: &Table) -> Result<ServerAddress, ConfigError> {
    let mut address =
        ServerAddress::parse(&table.url).map_err(|cause| source.wrong("ledger.url", cause.to_string()))?;
    let most = source.within("ledger.max_connections", table.max_connections, 1..=1000)?;
    address = address.with_max_connections(u32::try_from(most).unwrap_or(MAX_CONNECTIONS));
    if address.is_remote() && table.password_file.is_none() && table.certificate_file.is_none() {
        let problem = "is missing: set password_file, or certificate_file and key_file";
        return Err(source.wrong("ledger.password_file", problem));
    }
    let wrong = |key, cause: SecretFileError| source.wrong(key, cause.to_string());
    let public =
        |key, path: &PathBuf| secret_file::public(&source.resolve(path)).map_err(|cause| wrong(key, cause));
    if let Some(path) = &table.ca_file {
        address = address.with_ca(public("ledger.ca_file", path)?);
    }
    match (&table.certificate_file, &table.key_file) {
        (Some(certificate), Some(key)) => {
            let chain = public("ledger.certificate_file", certificate)?;
            let key = secret_file::secret(&source.resolve(key));
            address = address.with_certificate(chain, key.map_err(|cause| wrong("ledger.key_file", cause))?);
        }
        (None, None) => {}
        _ => return Err(source.wrong("ledger.key_file", "set both certificate_file and key_file")),
    }
    if let Some(path) = &table.password_file {
        let password = secret_file::secret_line(&source.resolve(path));
        address = address.with_password(password.map_err(|cause| wrong("ledger.password_file", cause))?);
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Example {
        ledger: Written,
    }

    /// What a configuration with this text is read as, beside the files `secret` (0600) and `open` (0644).
    fn read_text(text: &str) -> Result<LedgerAddress, String> {
        let dir = tempfile::tempdir().unwrap();
        for (name, mode) in [("secret", 0o600), ("open", 0o644)] {
            let path = dir.path().join(name);
            std::fs::write(&path, "geheim\n").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let path = dir.path().join("intake.toml");
        std::fs::write(&path, text).unwrap();
        let (source, example): (Source, Example) = Source::read(&path).map_err(|cause| cause.to_string())?;
        let read = ledger(&source, example.ledger).map_err(|cause| cause.to_string());
        if let Ok(LedgerAddress::Sqlite(path)) = &read {
            assert_eq!(path, &dir.path().join("a.db"));
        }
        read
    }

    #[test]
    fn file_and_server_are_told_apart() {
        assert!(matches!(read_text("ledger = \"sqlite:a.db\""), Ok(LedgerAddress::Sqlite(_))));
        let table = "[ledger]\nurl = \"postgres://u@db/d\"\npassword_file = \"secret\"\nmax_connections = 3";
        assert!(matches!(read_text(table), Ok(LedgerAddress::Postgres(_))));
        assert!(read_text("[ledger]\nurl = \"postgres://u@127.0.0.1/d\"").is_ok());
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_key() {
        let with = |rest: &str| format!("[ledger]\nurl = \"postgres://u@db/d\"\n{rest}");
        for (text, said) in [
            ("ledger = \"a.db\"".to_owned(), "ledger: is not sqlite:"),
            ("ledger = \"postgres://u:geheim@db/d\"".to_owned(), "a server is written as a table: [ledger]"),
            ("[ledger]\nurl = \"postgres://u:geheim@db/d\"".to_owned(), "ledger.url: has a password in it"),
            (with(""), "ledger.password_file: is missing"),
            (with("password_file = \"open\""), "has mode 0644"),
            (with("password_file = \"gone\""), "cannot read"),
            (with("certificate_file = \"open\""), "set both certificate_file and key_file"),
            (with("certificate_file = \"open\"\nkey_file = \"open\""), "ledger.key_file: "),
            (with("password_file = \"secret\"\nmax_connections = 0"), "is not within 1 to 1000"),
            (with("password = \"geheim\""), "unknown field `password`"),
        ] {
            let error = read_text(&text).unwrap_err();
            assert!(error.contains(said) && !error.contains("geheim"), "{text}: {error}");
        }
    }
}
