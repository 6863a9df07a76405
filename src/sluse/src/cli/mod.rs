//! What can be typed. Exit codes: 0 done; 1 failed; 2 usage; 3 something was refused, infected or unscannable.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::run::{self, Role};
use crate::setup::Zone;

mod audit;
mod check;
mod examiner;
mod init;
mod inspect;
mod ledger;
mod output;
mod quarantine;
mod queue;
mod sanitize;
mod send;
mod status;

/// How a command ended.
pub(crate) enum Done {
    /// All of it.
    Fully,
    /// It ran, and something was refused, infected or unscannable.
    WithFindings,
}

/// An error as the user reads it: what happened, to which file, what to do.
pub(crate) type CommandError = Box<dyn std::error::Error>;

#[derive(Parser)]
#[command(
    name = "sluse",
    version,
    about = "Secure asynchronous bridge from a municipality's DMZ to its secure zone"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run all four roles here, submit samples and show what becomes of them.
    #[command(after_help = "Example: sluse demo --once")]
    Demo(crate::demo::Arguments),
    /// Make the folder of a zone: configuration, rules, keys, and the public keys that other zones import.
    #[command(
        after_help = "Example: sluse init bridge --dir bridge --import dmz/public --import secure/public"
    )]
    Init {
        /// Which zone.
        zone: Zone,
        /// Folder to make or complete.
        #[arg(long)]
        dir: PathBuf,
        /// Folder `public/` of another zone; may be given again.
        #[arg(long)]
        import: Vec<PathBuf>,
    },
    /// Run one role until SIGTERM, then finish what is under way.
    #[command(after_help = "Example: sluse run bridge --config bridge/bridge.toml")]
    Run {
        /// Which role.
        role: Role,
        /// Its configuration.
        #[arg(long)]
        config: PathBuf,
    },
    /// Say whether a configuration, its keys, rules and stores are fit; non-zero when not.
    #[command(after_help = "Example: sluse check --config bridge/bridge.toml")]
    Check {
        /// The configuration; its role is told from its file name.
        #[arg(long)]
        config: PathBuf,
    },
    /// Submit a form with files, as a portal does.
    #[command(
        after_help = "Example: sluse send --to http://127.0.0.1:8443 --token-file dmz/portal.token --form parking-permit \
            --field name=Ada --field address='Torvet 1' --field registration='AB 12345' --wait proof.pdf"
    )]
    Send(send::Arguments),
    /// Rebuild files or folders without macros and other active content.
    #[command(after_help = "Example: sluse sanitize inbox/ -o clean/ --report report.json")]
    Sanitize(sanitize::Arguments),
    /// Say what a file is and what is in it; changes nothing.
    #[command(after_help = "Example: sluse inspect invoice.docm")]
    Inspect(inspect::Arguments),
    /// Look into a zone's queues.
    #[command(subcommand)]
    Queue(queue::Command),
    /// Read quarantine reports.
    #[command(subcommand)]
    Quarantine(quarantine::Command),
    /// Check an audit log.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Make the tables of a ledger that several instances share on PostgreSQL.
    #[command(subcommand)]
    Ledger(ledger::Command),
    /// Say how a role's stores are: queue depths, age of the oldest, outcomes.
    #[command(after_help = "Example: sluse status --config dmz/intake.toml")]
    Status {
        /// The role's configuration.
        #[arg(long)]
        config: PathBuf,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = with_runtime(arguments.command);
    match ended {
        Ok(Done::Fully) => ExitCode::SUCCESS,
        Ok(Done::WithFindings) => ExitCode::from(3),
        Err(cause) => {
            eprintln!("sluse: {cause}");
            ExitCode::FAILURE
        }
    }
}

fn with_runtime(command: Command) -> Result<Done, CommandError> {
    if let Command::Run { .. } = command {
        run::log_as_json();
        crate::sandbox::harden_parent();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Demo(arguments) => crate::demo::run(arguments).await.map(|()| Done::Fully),
            Command::Run { role, config } => Ok(run::role(role, &config).await.map(|()| Done::Fully)?),
            Command::Check { config } => check::run(&config).await,
            Command::Send(arguments) => send::run(arguments).await,
            Command::Queue(command) => queue::run(command).await,
            Command::Quarantine(command) => quarantine::run(command).await,
            Command::Audit(command) => audit::run(&command),
            Command::Ledger(command) => ledger::run(command).await,
            Command::Status { config, json } => status::run(&config, json).await,
            Command::Sanitize(arguments) => sanitize::run(arguments).await,
            Command::Inspect(arguments) => inspect::run(arguments).await,
            Command::Init { zone, dir, import } => init::run(zone, &dir, &import),
        }
    })
}
