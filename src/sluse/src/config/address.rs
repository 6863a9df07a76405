//! Where a queue, a blob store or a ledger is, as written in a configuration: a text for what is on this machine
//! (`queue = "sqlite:queue.db"`), a table for a server (`[queue]` with `url = "amqps://…"` and its files).

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::blobs::{BlobAddress, S3Address};
use crate::config::{ConfigError, Source, keys};
use crate::queue::QueueAddress;
use crate::queue::amqp::{BrokerAddress, BrokerFiles};

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

/// A broker as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Broker {
    url: String,
    ca_file: Option<PathBuf>,
    certificate_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    operator_certificate_file: Option<PathBuf>,
    operator_key_file: Option<PathBuf>,
}

/// Reads `sqlite:PATH`, the embedded queue, or the table of a broker.
pub(crate) fn queue(
    source: &Source,
    key: &'static str,
    written: Written,
) -> Result<QueueAddress, ConfigError> {
    let table = match written {
        Written::Local(text) => return path_after(source, key, &text, "sqlite:").map(QueueAddress::Sqlite),
        Written::Server(table) => table,
    };
    let broker: Broker = Written::server(source, key, table)?;
    let resolved = |path: &Option<PathBuf>| path.as_deref().map(|path| source.resolve(path));
    let (ca, certificate) = (resolved(&broker.ca_file), resolved(&broker.certificate_file));
    let (key_file, password) = (resolved(&broker.key_file), resolved(&broker.password_file));
    let operator = match (resolved(&broker.operator_certificate_file), resolved(&broker.operator_key_file)) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => return Err(source.wrong(key, "set both operator_certificate_file and operator_key_file")),
    };
    let files = BrokerFiles {
        ca: ca.as_deref(),
        certificate: certificate.as_deref(),
        key: key_file.as_deref(),
        user: broker.user.as_deref(),
        password: password.as_deref(),
        operator: operator.as_ref().map(|(certificate, key)| (certificate.as_path(), key.as_path())),
    };
    let address = BrokerAddress::read(&broker.url, files);
    address.map(QueueAddress::Amqp).map_err(|cause| source.wrong(key, cause.to_string()))
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

/// The path in a text such as `sqlite:PATH`. Whoever writes a server there may have written its password too, so an error
/// names the scheme alone.
pub(crate) fn path_after(
    source: &Source,
    key: &'static str,
    text: &str,
    scheme: &str,
) -> Result<PathBuf, ConfigError> {
    match text.strip_prefix(scheme) {
        Some(path) if !path.is_empty() => return Ok(source.resolve(path.as_ref())),
        _ => {}
    }
    Err(match text.split_once("://") {
        Some((other, _)) if is_scheme(other) => {
            let hint = format!("a server is written as a table: [{key}] with url = \"{other}://…\"");
            source.wrong(key, format!("{other}: is not {scheme} followed by a path; {hint}"))
        }
        _ => source.wrong(key, format!("is not {scheme} followed by a path")),
    })
}

/// Whether it is a scheme as in RFC 3986 section 3.1, and of a length that schemes have.
fn is_scheme(text: &str) -> bool {
    let is_of_scheme = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
    text.len() <= 16 && text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(is_of_scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Example {
        at: Written,
    }

    #[test]
    fn a_server_written_as_text_is_told_without_its_password() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("example.toml");
        let refused = |text: &str| {
            std::fs::write(&file, format!("at = {text:?}")).unwrap();
            let read = || Source::read::<Example>(&file).unwrap();
            let ((source, queued), (_, stored)) = (read(), read());
            let queue = queue(&source, "queue", queued.at).unwrap_err().to_string();
            let blobs = blobs(&source, "blobs", stored.at).unwrap_err().to_string();
            assert!(!queue.contains("geheim") && !blobs.contains("geheim"), "{queue} {blobs}");
            assert!(queue.contains("is not sqlite: followed by a path"), "{queue}");
            assert!(blobs.contains("is not dir: followed by a path"), "{blobs}");
            queue
        };
        let told = refused("amqps://user:geheim@broker/v");
        assert!(told.contains("amqps: is not sqlite:"), "{told}");
        assert!(told.contains("a server is written as a table: [queue] with url = \"amqps://…\""), "{told}");
        assert!(refused("s3://geheim").contains("table"));
        for other in ["geheim", "geheim:x", "a:geheim://x", "1geheim://x", "", "sqlite", "dir", "://geheim"] {
            assert!(!refused(other).contains("table"), "{other}");
        }
    }

    #[test]
    fn a_path_is_beside_the_configuration() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("example.toml");
        std::fs::write(&file, "at = \"dir:blobs\"").unwrap();
        let (source, example): (_, Example) = Source::read(&file).unwrap();
        let read = blobs(&source, "blobs", example.at).unwrap();
        assert!(matches!(read, BlobAddress::Directory(path) if path == dir.path().join("blobs")));
    }
}
