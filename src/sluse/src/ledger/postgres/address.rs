//! Where a PostgreSQL server is and how a role proves who it is there. What libpq takes from the environment is not used.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;
use zeroize::Zeroizing;

use super::ServerError;

/// Connections that one process opens at most, unless told otherwise.
pub(crate) const MAX_CONNECTIONS: u32 = 8;

/// Why an address cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Another form.
    #[error(
        "is not of the form postgres://USER@HOST:PORT/DATABASE, or postgres://USER@%2Fvar%2Frun%2Fpostgresql/DATABASE for a socket"
    )]
    Form,
    /// A password where everybody reads it.
    #[error("has a password in it; put that into a file of mode 0600 and name it as password_file")]
    Password,
    /// Options of libpq.
    #[error(
        "has options after a question mark; TLS is always verified in full, and the rest has keys of its own"
    )]
    Options,
}

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    /// The folder of its Unix socket.
    Socket(PathBuf),
    /// An address of this machine.
    Loopback(IpAddr),
    /// Another machine, by name or address.
    Remote(String),
}

/// A PostgreSQL server, a database there, and who asks. Passwords and keys are not shown.
#[derive(Clone)]
pub struct ServerAddress {
    host: Host,
    port: u16,
    user: String,
    database: String,
    password: Option<Zeroizing<String>>,
    certificate: Option<(Vec<u8>, Zeroizing<Vec<u8>>)>,
    ca: Option<Vec<u8>>,
    max_connections: u32,
}

impl ServerAddress {
    /// Reads `postgres://USER@HOST:PORT/DATABASE`.
    ///
    /// # Errors
    /// What is wrong with it; never with a part of it, which may be a password.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let url = Url::parse(text).map_err(|_| AddressError::Form)?;
        if url.password().is_some() {
            return Err(AddressError::Password);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(AddressError::Options);
        }
        let plain = |text: &str| {
            let decoded = percent_encoding::percent_decode_str(text).decode_utf8().ok()?;
            (!decoded.is_empty() && !decoded.contains('\0')).then(|| decoded.into_owned())
        };
        let user = plain(url.username()).ok_or(AddressError::Form)?;
        let database = url.path().strip_prefix('/').and_then(plain).ok_or(AddressError::Form)?;
        let host = url.host_str().and_then(plain).ok_or(AddressError::Form)?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(AddressError::Form);
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let host = match bare.parse::<IpAddr>() {
            _ if host.starts_with('/') => Host::Socket(host.into()),
            Ok(ip) if ip.is_loopback() => Host::Loopback(ip),
            _ => Host::Remote(bare.to_owned()),
        };
        Ok(Self {
            host,
            port: url.port().unwrap_or(5432),
            user,
            database,
            password: None,
            certificate: None,
            ca: None,
            max_connections: MAX_CONNECTIONS,
        })
    }

    /// Logs in with a password.
    #[must_use]
    pub fn with_password(mut self, password: Zeroizing<String>) -> Self {
        self.password = Some(password);
        self
    }

    /// Logs in with a certificate chain and its private key, both PEM; over TLS.
    #[must_use]
    pub fn with_certificate(mut self, chain: Vec<u8>, key: Zeroizing<Vec<u8>>) -> Self {
        self.certificate = Some((chain, key));
        self
    }

    /// Believes these authorities (PEM) as well as the system's; over TLS.
    #[must_use]
    pub fn with_ca(mut self, ca: Vec<u8>) -> Self {
        self.ca = Some(ca);
        self
    }

    /// Opens at most this many connections.
    #[must_use]
    pub fn with_max_connections(mut self, max_connections: u32) -> Self {
        self.max_connections = max_connections;
        self
    }

    /// Whether the server is another machine, so that only TLS and a proof of who asks will do.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        matches!(self.host, Host::Remote(_))
    }

    /// Whether the connection is encrypted, and the server's name and certificate verified.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        match self.host {
            Host::Socket(_) => false,
            Host::Loopback(_) => self.ca.is_some() || self.certificate.is_some(),
            Host::Remote(_) => true,
        }
    }

    /// Who logs in.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    pub(super) fn max_connections(&self) -> u32 {
        self.max_connections
    }

    /// What the library connects with.
    ///
    /// Its defaults come from `PG*` variables: each is set here, and those that cannot be set back are refused.
    pub(super) fn options(&self) -> Result<PgConnectOptions, ServerError> {
        let mut beyond_reach = vec!["PGOPTIONS"];
        if self.certificate.is_none() {
            beyond_reach.extend(["PGSSLCERT", "PGSSLKEY"]);
        }
        if let Some(set) = beyond_reach.into_iter().find(|name| std::env::var_os(name).is_some()) {
            return Err(ServerError::Environment(set));
        }
        let mut options = PgConnectOptions::new_without_pgpass()
            .port(self.port)
            .username(&self.user)
            .database(&self.database)
            .password(self.password.as_ref().map_or("", |password| password.as_str()))
            .application_name("sluse")
            .ssl_root_cert_from_pem(self.ca.clone().unwrap_or_default())
            .ssl_mode(if self.is_tls() { PgSslMode::VerifyFull } else { PgSslMode::Disable })
            // What goes wrong is an error here; statements are not logged.
            .disable_statement_logging();
        options = match &self.host {
            Host::Socket(folder) => options.host(&folder.to_string_lossy()),
            Host::Loopback(ip) => options.host(&ip.to_string()),
            Host::Remote(name) => options.host(name),
        };
        if let Some((chain, key)) = &self.certificate {
            options = options.ssl_client_cert_from_pem(chain).ssl_client_key_from_pem(key.as_slice());
        }
        Ok(options)
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, port, database, .. } = self;
        match &self.host {
            Host::Socket(folder) => write!(f, "PostgreSQL {user}@{}:{port}/{database}", folder.display()),
            Host::Loopback(ip) => {
                write!(f, "PostgreSQL {user}@{}/{database}", std::net::SocketAddr::new(*ip, *port))
            }
            Host::Remote(name) => write!(f, "PostgreSQL {user}@{name}:{port}/{database}"),
        }
    }
}

impl fmt::Debug for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerAddress({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_and_sockets_do_without_tls() {
        for (text, tls, remote) in [
            ("postgres://u@db.example.dk/d", true, true),
            ("postgres://u@localhost/d", true, true),
            ("postgresql://u@10.0.0.1:5433/d", true, true),
            ("postgres://u@[2001:db8::1]/d", true, true),
            ("postgres://u@127.0.0.1/d", false, false),
            ("postgres://u@[::1]:5433/d", false, false),
            ("postgres://u@%2Frun%2Fpostgresql/d", false, false),
        ] {
            let address = ServerAddress::parse(text).unwrap();
            assert_eq!((address.is_tls(), address.is_remote()), (tls, remote), "{text}");
        }
        assert!(ServerAddress::parse("postgres://u@127.0.0.1/d").unwrap().with_ca(vec![]).is_tls());
    }

    #[test]
    fn password_in_the_address_is_refused_and_not_repeated() {
        let error = ServerAddress::parse("postgres://u:geheim@db/d").unwrap_err();
        assert_eq!(error, AddressError::Password);
        assert!(error.to_string().contains("password_file") && !error.to_string().contains("geheim"));
    }

    #[test]
    fn anything_else_is_no_address() {
        for text in [
            "",
            "db",
            "mysql://u@h/d",
            "postgres://h/d",
            "postgres://u@h",
            "postgres://u@h/",
            "postgres://u@/d",
            "postgres://u@h:port/d",
            "postgres://u%00@h/d",
            "postgres:///d",
        ] {
            assert_eq!(ServerAddress::parse(text).unwrap_err(), AddressError::Form, "{text}");
        }
        for text in ["postgres://u@h/d?sslmode=disable", "postgres://u@h/d?", "postgres://u@h/d#x"] {
            assert_eq!(ServerAddress::parse(text).unwrap_err(), AddressError::Options, "{text}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let address = ServerAddress::parse("postgres://u@h/d")
            .unwrap()
            .with_password(Zeroizing::new("geheim".to_owned()))
            .with_certificate(b"chain".to_vec(), Zeroizing::new(b"geheim".to_vec()));
        assert_eq!(format!("{address:?}"), "ServerAddress(PostgreSQL u@h:5432/d)");
    }
}
