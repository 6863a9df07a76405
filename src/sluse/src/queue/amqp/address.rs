//! Which broker, which authority vouches for it, and who we are to it.
//!
//! Invariants: without TLS only this machine is reached; with TLS the broker's certificate must come from the one
//! authority that is named, never from the system's.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo, SASLMechanism};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::gate::FRAME_MAX;
use crate::secret_file::{self, SecretFileError};

/// A broker that is silent for this many seconds is taken for gone.
const HEARTBEAT_SECONDS: u16 = 20;

/// Why a broker's address cannot be used. Always the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum BrokerAddressError {
    /// The URL is none of a broker.
    #[error("{0:?} is not amqps://HOST:PORT/VHOST, without a user and without anything behind it")]
    Url(String),
    /// Plain text to another machine.
    #[error("{0} is another machine: use amqps://")]
    PlainText(String),
    /// TLS without an authority, or the other way round.
    #[error("amqps:// needs ca_file, and amqp:// takes none: the authority that vouches for the broker")]
    Authority,
    /// No login, or two.
    #[error("set either certificate_file and key_file, or user and password_file")]
    Login,
    /// A file cannot be used.
    #[error("{path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A file with a secret cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    /// Certificate and key do not fit each other, or are of a kind that is not known.
    #[error("certificate and key cannot be used together: {0}")]
    Pair(rustls::Error),
}

/// The files that an address names; paths are absolute or relative to the working folder.
#[derive(Debug, Clone, Copy, Default)]
pub struct BrokerFiles<'a> {
    /// PEM certificates of the authority that vouches for the broker.
    pub ca: Option<&'a Path>,
    /// PEM certificate chain that we log in with; its common name is the user.
    pub certificate: Option<&'a Path>,
    /// PEM private key of that certificate.
    pub key: Option<&'a Path>,
    /// User that logs in with a password.
    pub user: Option<&'a str>,
    /// File with the password on its first line.
    pub password: Option<&'a Path>,
    /// The operator's certificate chain and key; not read before [`BrokerAddress::for_operator`].
    pub operator: Option<(&'a Path, &'a Path)>,
}

/// A broker, and who we are to it.
#[derive(Clone)]
pub struct BrokerAddress {
    host: String,
    port: u16,
    vhost: String,
    tls: Option<Arc<ClientConfig>>,
    login: Option<Login>,
    operator: Option<Operator>,
}

/// What makes the operator's address of a role's.
#[derive(Clone, PartialEq, Eq)]
struct Operator {
    ca: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

/// A name and a password. Without one, the certificate is the login.
#[derive(Clone, PartialEq, Eq)]
struct Login {
    user: String,
    password: Zeroizing<String>,
}

impl BrokerAddress {
    /// Reads `amqps://HOST:PORT/VHOST` (or `amqp:` to this machine) and the files. Blocks.
    ///
    /// # Errors
    /// [`BrokerAddressError`].
    pub fn read(url: &str, files: BrokerFiles<'_>) -> Result<Self, BrokerAddressError> {
        let (encrypted, host, port, vhost) =
            parse(url).ok_or_else(|| BrokerAddressError::Url(url.to_owned()))?;
        if !encrypted && !is_this_machine(&host) {
            return Err(BrokerAddressError::PlainText(host));
        }
        let (certificate, login) = match (files.certificate, files.key, files.user, files.password) {
            (Some(certificate), Some(key), None, None) if encrypted => (Some((certificate, key)), None),
            (None, None, Some(user), Some(password)) => {
                (None, Some(Login { user: user.to_owned(), password: secret_file::secret_line(password)? }))
            }
            _ => return Err(BrokerAddressError::Login),
        };
        let tls = match (encrypted, files.ca) {
            (true, Some(ca)) => Some(Arc::new(tls_config(ca, certificate)?)),
            (false, None) => None,
            _ => return Err(BrokerAddressError::Authority),
        };
        let operator = match (files.ca, files.operator) {
            (Some(ca), Some((certificate, key))) => {
                let [ca, certificate, key] = [ca, certificate, key].map(Path::to_owned);
                Some(Operator { ca, certificate, key })
            }
            (_, None) => None,
            (None, Some(_)) => return Err(BrokerAddressError::Authority),
        };
        Ok(Self { host, port, vhost, tls, login, operator })
    }

    /// The same broker with the operator's login, where one is named: roles may not read dead letters. Blocks.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub fn for_operator(&self) -> Result<Self, BrokerAddressError> {
        let Some(Operator { ca, certificate, key }) = &self.operator else { return Ok(self.clone()) };
        let tls = Some(Arc::new(tls_config(ca, Some((certificate, key)))?));
        Ok(Self { tls, login: None, ..self.clone() })
    }

    /// The broker's name or address.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// TCP port.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// How the broker's certificate is checked and ours is shown; `None` without TLS.
    pub(super) fn tls(&self) -> Option<&Arc<ClientConfig>> {
        self.tls.as_ref()
    }

    /// What lapin needs to introduce itself. It holds the password: never to be logged.
    pub(super) fn uri(&self) -> AMQPUri {
        let (mechanism, userinfo) = match &self.login {
            None => {
                (SASLMechanism::External, AMQPUserInfo { username: String::new(), password: String::new() })
            }
            Some(Login { user, password }) => (
                SASLMechanism::Plain,
                AMQPUserInfo { username: user.clone(), password: password.as_str().to_owned() },
            ),
        };
        AMQPUri {
            scheme: if self.tls.is_some() { AMQPScheme::AMQPS } else { AMQPScheme::AMQP },
            authority: AMQPAuthority { userinfo, host: self.host.clone(), port: self.port },
            vhost: self.vhost.clone(),
            query: AMQPQueryString {
                heartbeat: Some(HEARTBEAT_SECONDS),
                // The library makes buffers of many times what the broker would like.
                frame_max: Some(FRAME_MAX),
                auth_mechanism: Some(mechanism),
                ..AMQPQueryString::default()
            },
        }
    }
}

impl fmt::Display for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "amqps" } else { "amqp" };
        write!(f, "{scheme}://{}:{}/{}", self.host, self.port, self.vhost)
    }
}

impl fmt::Debug for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for BrokerAddress {
    fn eq(&self, other: &Self) -> bool {
        let tls = match (&self.tls, &other.tls) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        tls && (&self.host, self.port, &self.vhost, &self.login)
            == (&other.host, other.port, &other.vhost, &other.login)
    }
}

impl Eq for BrokerAddress {}

/// Whether it is encrypted, host, port and virtual host.
fn parse(url: &str) -> Option<(bool, String, u16, String)> {
    let (encrypted, rest) = match url.split_once("://")? {
        ("amqps", rest) => (true, rest),
        ("amqp", rest) => (false, rest),
        _ => return None,
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, port.strip_prefix(':').or(port.is_empty().then_some("")))
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, Some("")),
        },
    };
    let port = match port? {
        "" if encrypted => 5671,
        "" => 5672,
        port => port.parse().ok().filter(|port| *port > 0)?,
    };
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
    let is_vhost = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let vhost = if path.is_empty() { "/" } else { path };
    let fits = !host.is_empty()
        && host.chars().all(is_host)
        && (vhost == "/" || vhost.len() <= 127 && vhost.chars().all(is_vhost));
    fits.then(|| (encrypted, host.to_owned(), port, vhost.to_owned()))
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn tls_config(ca: &Path, login: Option<(&Path, &Path)>) -> Result<ClientConfig, BrokerAddressError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate).map_err(|cause| unusable(ca, cause))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(BrokerAddressError::Pair)?
        .with_root_certificates(roots);
    let Some((certificate, key)) = login else { return Ok(builder.with_no_client_auth()) };
    let private = secret_file::secret(key)?;
    let private = PrivateKeyDer::from_pem_slice(&private).map_err(|cause| unusable(key, cause))?;
    builder.with_client_auth_cert(certificates(certificate)?, private).map_err(BrokerAddressError::Pair)
}

/// The certificates of a PEM file; at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BrokerAddressError> {
    let bytes = secret_file::public(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let certificates = certificates.map_err(|cause| unusable(path, cause))?;
    if certificates.is_empty() { Err(unusable(path, "holds no certificate")) } else { Ok(certificates) }
}

fn unusable(path: &Path, cause: impl fmt::Display) -> BrokerAddressError {
    BrokerAddressError::File { path: path.display().to_string(), cause: cause.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_host_a_port_and_a_virtual_host() {
        let told =
            |url: &str| parse(url).map(|(tls, host, port, vhost)| format!("{tls} {host} {port} {vhost}"));
        assert_eq!(told("amqps://broker.example/sluse").unwrap(), "true broker.example 5671 sluse");
        assert_eq!(told("amqps://broker.example:99").unwrap(), "true broker.example 99 /");
        assert_eq!(told("amqp://[::1]:5673/a.b").unwrap(), "false ::1 5673 a.b");
        for bad in [
            "amqps://",
            "amqps:///v",
            "http://a/v",
            "amqps://user@a/v",
            "amqps://user:secret@a/v",
            "amqps://a/v?auth_mechanism=plain",
            "amqps://a/v#x",
            "amqps://a/v/w",
            "amqps://a:0/v",
            "amqps://a:65536/v",
            "amqps://[a]/v",
            "amqps://[::1]x/v",
            "a:5671",
        ] {
            assert_eq!(told(bad), None, "{bad}");
        }
    }

    #[test]
    fn plain_text_goes_to_this_machine_alone() {
        let dir = tempfile::tempdir().unwrap();
        let secret = dir.path().join("password");
        std::fs::write(&secret, "secret\n").unwrap();
        let files = BrokerFiles { user: Some("u"), password: Some(&secret), ..BrokerFiles::default() };
        let read = |url: &str| BrokerAddress::read(url, files);
        assert!(matches!(read("amqp://127.0.0.1/v"), Err(BrokerAddressError::Secret(_))), "mode 0644");
        std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let address = read("amqp://127.0.0.1/v").unwrap();
        assert!(!format!("{address:?}").contains("secret"));
        assert!(matches!(read("amqp://10.0.0.1/v"), Err(BrokerAddressError::PlainText(_))));
        assert!(matches!(read("amqp://127.0.0.1.example/v"), Err(BrokerAddressError::PlainText(_))));
        assert!(matches!(read("amqps://127.0.0.1/v"), Err(BrokerAddressError::Authority)));
        let neither = BrokerFiles::default();
        assert!(matches!(BrokerAddress::read("amqp://127.0.0.1/v", neither), Err(BrokerAddressError::Login)));
    }
}
