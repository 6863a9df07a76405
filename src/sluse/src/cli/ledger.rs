//! `sluse ledger`: the tables of ledgers on a server.

use std::path::PathBuf;

use crate::cli::{CommandError, Done};
use crate::config::owner::Settings;
use crate::ledger::postgres;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make the tables of a ledger on PostgreSQL, or bring them up to date, and give the role's user its rights.
    #[command(after_help = "Example: sluse ledger migrate --config deploy/postgresql/owner-intake.toml")]
    Migrate {
        /// The owner's configuration, which no role has.
        #[arg(long)]
        config: PathBuf,
    },
}

pub(crate) async fn run(command: Command) -> Result<Done, CommandError> {
    match command {
        Command::Migrate { config } => {
            let Settings { ledger, address, grant_to } = Settings::load(&config)?;
            let done = postgres::migrate(&address, ledger.tables(), &grant_to).await?;
            let (from, to) = (done.from, done.to);
            println!("ledger of {ledger}: version {from} before, {to} now; {grant_to} may use it");
            Ok(Done::Fully)
        }
    }
}
