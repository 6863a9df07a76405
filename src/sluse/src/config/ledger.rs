//! Where a ledger is, as a configuration says it: `ledger = "sqlite:PATH"`, or a table `[ledger]` for a PostgreSQL server.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::config::address::Written;
use crate::config::{ConfigError, Source};
use crate::ledger::LedgerAddress;
use crate::ledger::postgres::{MAX_CONNECTIONS, ServerAddress};

/// Largest password, certificate or key file, in bytes.
const MAX_FILE_BYTES: u64 = 256 << 10;

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
        Written::Local(text) => {
            if text.starts_with("postgres:") || text.starts_with("postgresql:") {
                return Err(
                    source.wrong("ledger", "a server is written as a table: [ledger] with url = \"…\"")
                );
            }
            match text.strip_prefix("sqlite:") {
                Some(path) if !path.is_empty() => Ok(LedgerAddress::Sqlite(source.resolve(path.as_ref()))),
                _ => Err(source.wrong("ledger", format!("{text:?} is not sqlite: followed by a path"))),
            }
        }
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
    if let Some(path) = &table.ca_file {
        address = address.with_ca(read(source, "ledger.ca_file", path, false)?.to_vec());
    }
    match (&table.certificate_file, &table.key_file) {
        (Some(certificate), Some(key)) => {
            let chain = read(source, "ledger.certificate_file", certificate, false)?.to_vec();
            address = address.with_certificate(chain, read(source, "ledger.key_file", key, true)?);
        }
        (None, None) => {}
        _ => return Err(source.wrong("ledger.key_file", "set both certificate_file and key_file")),
    }
    if let Some(path) = &table.password_file {
        let bytes = read(source, "ledger.password_file", path, true)?;
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        let password = text.strip_suffix('\n').unwrap_or(text);
        if password.is_empty() || password.contains(['\n', '\r', '\0']) {
            return Err(source.wrong("ledger.password_file", "does not hold one line with a password"));
        }
        address = address.with_password(Zeroizing::new(password.to_owned()));
    }
    Ok(address)
}

/// A small file; one with a secret must be closed to group and others.
fn read(
    source: &Source,
    key: &'static str,
    path: &Path,
    secret: bool,
) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    let path = source.resolve(path);
    let failed = |cause| ConfigError::Read { path: path.clone(), cause };
    let file = File::open(&path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let mode = metadata.permissions().mode() & 0o7777;
    if secret && mode & 0o077 != 0 {
        let path = path.display();
        let problem = format!("{path} has mode {mode:04o}, so that others can reach it: chmod 600 {path}");
        return Err(source.wrong(key, problem));
    }
    if !metadata.is_file() || metadata.len() > MAX_FILE_BYTES {
        return Err(source.wrong(key, format!("{} is no file of at most 256 KiB", path.display())));
    }
    // Room for one byte too many, so that the buffer is never moved and a copy left behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1));
    #[expect(clippy::disallowed_methods, reason = "capped by take")]
    file.take(metadata.len()).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
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
            ("ledger = \"a.db\"".to_owned(), "ledger: \"a.db\" is not sqlite:"),
            ("ledger = \"postgres://u@db/d\"".to_owned(), "a server is written as a table"),
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
