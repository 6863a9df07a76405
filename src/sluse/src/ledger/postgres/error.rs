//! Why a server did not do the work, and whose fault that is.

use sqlx::error::DatabaseError;

/// Why a PostgreSQL server did not do the work. `server` is its address as the configuration has it.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// No connection, or it broke.
    #[error("{server}: {cause}")]
    Away {
        /// The server.
        server: String,
        /// What the system or the protocol said.
        cause: sqlx::Error,
    },
    /// No answer in time, or no free connection.
    #[error("{server}: no answer within {seconds} s")]
    Silent {
        /// The server.
        server: String,
        /// How long was waited.
        seconds: u64,
    },
    /// No secure connection.
    #[error(
        "{server}: no TLS connection that can be trusted: {cause}; ca_file must name who signed the server's certificate, and the certificate the host of the url"
    )]
    Tls {
        /// The server.
        server: String,
        /// What is wrong.
        cause: String,
    },
    /// The server does not let this user in.
    #[error(
        "{server}: {cause}; check the user in url, password_file or certificate_file, and the server's pg_hba.conf"
    )]
    Login {
        /// The server.
        server: String,
        /// What the server said.
        cause: String,
    },
    /// Something in this process's environment would change the connection.
    #[error("the environment variable {0} is set and would change the connection to PostgreSQL: unset it")]
    Environment(&'static str),
    /// The server would confirm what it has not written.
    #[error("{server}: {setting}, so that a crash loses what was confirmed: turn it on for this user")]
    NotDurable {
        /// The server.
        server: String,
        /// The setting that is wrong.
        setting: String,
    },
    /// No tables, or none that this user may see.
    #[error(
        "{server}: has no ledger of {ledger} that this user may use: run `sluse ledger migrate` as its owner, with this user as grant_to"
    )]
    NotMigrated {
        /// The server.
        server: String,
        /// Whose ledger.
        ledger: &'static str,
    },
    /// The tables are of an older version of the program.
    #[error(
        "{server}: the ledger of {ledger} has version {found}, and this program needs {known}: run `sluse ledger migrate` as its owner"
    )]
    Older {
        /// The server.
        server: String,
        /// Whose ledger.
        ledger: &'static str,
        /// Version of the tables.
        found: i64,
        /// Version that this program knows.
        known: i64,
    },
    /// The tables are of a newer version of the program.
    #[error(
        "{server}: the ledger of {ledger} has version {found}, made by a newer version of sluse; this one knows up to {known}: update it"
    )]
    Newer {
        /// The server.
        server: String,
        /// Whose ledger.
        ledger: &'static str,
        /// Version of the tables.
        found: i64,
        /// Newest version known here.
        known: i64,
    },
    /// A column holds what it should not.
    #[error("{server}: column {column} holds what no ledger writes; restore the database from a copy")]
    Content {
        /// The server.
        server: String,
        /// The column.
        column: &'static str,
    },
    /// Anything else that the server reports.
    #[error("{server}: {cause} (SQLSTATE {code})")]
    Sql {
        /// The server.
        server: String,
        /// The five characters of the SQL standard and PostgreSQL's appendix A.
        code: String,
        /// What the server said.
        cause: String,
    },
}

impl ServerError {
    /// The error of a server as the library reports it.
    pub(super) fn of(server: &str, error: sqlx::Error) -> Self {
        let server = server.to_owned();
        match error {
            sqlx::Error::Database(cause) => Self::reported(server, cause.as_ref()),
            sqlx::Error::Tls(cause) => Self::Tls { server, cause: cause.to_string() },
            // rustls' complaints arrive as failed reads and writes.
            sqlx::Error::Io(cause) if cause.kind() == std::io::ErrorKind::InvalidData => {
                Self::Tls { server, cause: cause.to_string() }
            }
            sqlx::Error::PoolTimedOut => Self::Silent { server, seconds: super::ACQUIRE.as_secs() },
            cause => Self::Away { server, cause },
        }
    }

    fn reported(server: String, error: &dyn DatabaseError) -> Self {
        let code = error.code().unwrap_or_default().into_owned();
        let cause = error.message().to_owned();
        match code.as_str() {
            // invalid_authorization_specification, invalid_password; a role or database that is not there.
            "28000" | "28P01" | "3D000" => Self::Login { server, cause },
            _ => Self::Sql { server, code, cause },
        }
    }

    /// Whether there is no room left: `disk_full`.
    pub(in crate::ledger) fn is_full(&self) -> bool {
        matches!(self, Self::Sql { code, .. } if code == "53100")
    }

    /// Whether the server is not there, not yet or not any more.
    pub(in crate::ledger) fn is_away(&self) -> bool {
        match self {
            Self::Away { .. } | Self::Silent { .. } => true,
            // Class 57P: shutting down, crashed, starting up. 53300: too_many_connections.
            Self::Sql { code, .. } => code.starts_with("57P") || code == "53300",
            _ => false,
        }
    }

    /// Whether trying again does not help: other tables than this program's, or damaged ones.
    pub(in crate::ledger) fn is_lasting(&self) -> bool {
        match self {
            Self::NotMigrated { .. } | Self::Older { .. } | Self::Newer { .. } | Self::Content { .. } => true,
            // Schemas, tables and columns that are not there; data_corrupted, index_corrupted.
            Self::Sql { code, .. } => {
                matches!(code.as_str(), "3F000" | "42P01" | "42703" | "XX001" | "XX002")
            }
            _ => false,
        }
    }
}
