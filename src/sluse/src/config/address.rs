//! Where a queue, a blob store or a ledger is, as written in a configuration: a text for what is on this machine
//! (`queue = "sqlite:queue.db"`), a table for a server (`[queue]` with `url = "amqps://…"` and its files).

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::config::{ConfigError, Source};

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

/// Reads `dir:PATH`, the blob directory.
pub(crate) fn blob_directory(source: &Source, key: &'static str, text: &str) -> Result<PathBuf, ConfigError> {
    path_after(source, key, text, "dir:")
}

fn path_after(source: &Source, key: &'static str, text: &str, scheme: &str) -> Result<PathBuf, ConfigError> {
    match text.strip_prefix(scheme) {
        Some(path) if !path.is_empty() => Ok(source.resolve(path.as_ref())),
        _ => Err(source.wrong(key, format!("{text:?} is not {scheme} followed by a path"))),
    }
}
