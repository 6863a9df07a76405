//! Where a queue, a blob store or a ledger is, as written in a configuration: a text for what is on this machine
//! (`queue = "sqlite:queue.db"`), a table for a server (`[queue]` with `url = "amqps://…"` and its files).

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::blobs::{BlobAddress, S3Address};
use crate::config::{ConfigError, Source, keys};

/// An address as written, before its keys are checked.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Written {
    /// Something on this machine.
    Local(String),
    /// A server.
    Server(toml::Table),
}

impl Written {
    /// The table of a server, with its keys checked against `T`.
    pub(crate) fn server<T: DeserializeOwned>(
        source: &Source,
        key: &'static str,
        table: toml::Table,
    ) -> Result<T, ConfigError> {
        table.try_into().map_err(|cause: toml::de::Error| source.wrong(key, cause.message()))
    }
}

/// Reads `sqlite:PATH`, the embedded queue.
pub(crate) fn queue_database(source: &Source, key: &'static str, text: &str) -> Result<PathBuf, ConfigError> {
    path_after(source, key, text, "sqlite:")
}

/// A bucket as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct S3File {
    url: String,
    endpoint: String,
    #[serde(default = "region")]
    region: String,
    access_key_file: PathBuf,
    secret_key_file: PathBuf,
    ca_file: Option<PathBuf>,
}

fn region() -> String {
    "us-east-1".to_owned()
}

/// Reads where blobs are: `dir:PATH`, or the table of a bucket.
pub(crate) fn blobs(
    source: &Source,
    key: &'static str,
    written: Written,
) -> Result<BlobAddress, ConfigError> {
    let table = match written {
        Written::Local(text) => {
            return Ok(BlobAddress::Directory(path_after(source, key, &text, "dir:")?));
        }
        Written::Server(table) => table,
    };
    let file: S3File = Written::server(source, key, table)?;
    let authorities = file.ca_file.map(|path| keys::certificates(source, key, &path)).transpose()?;
    S3Address::new(
        &file.url,
        &file.endpoint,
        &file.region,
        keys::secret(source, key, &file.access_key_file)?,
        keys::secret(source, key, &file.secret_key_file)?,
        authorities,
    )
    .map(|address| BlobAddress::S3(Box::new(address)))
    .map_err(|bad| source.wrong(key, bad.to_string()))
}

fn path_after(source: &Source, key: &'static str, text: &str, scheme: &str) -> Result<PathBuf, ConfigError> {
    match text.strip_prefix(scheme) {
        Some(path) if !path.is_empty() => Ok(source.resolve(path.as_ref())),
        _ => Err(source.wrong(key, format!("{text:?} is not {scheme} followed by a path"))),
    }
}
