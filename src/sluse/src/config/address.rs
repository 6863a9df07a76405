//! Where a queue or a blob store is, as written in a configuration.

use std::path::PathBuf;

use crate::config::{ConfigError, Source};

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
