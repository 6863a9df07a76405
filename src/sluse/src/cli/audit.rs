//! `sluse audit`: has anybody changed what is on record?

use std::path::PathBuf;

use sluse_envelope::VerifyingKey;
use sluse_envelope::key_file::read_public;

use crate::cli::{CommandError, Done};
use crate::{audit, stores};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Check the chain of an audit log and the signature of its head.
    #[command(after_help = "Example: sluse audit verify bridge/audit --key bridge/public/bridge-sign.pub")]
    Verify {
        /// The log's folder.
        dir: PathBuf,
        /// Public signing key of the role that wrote it.
        #[arg(long)]
        key: PathBuf,
    },
}

pub(crate) fn run(command: &Command) -> Result<Done, CommandError> {
    let Command::Verify { dir, key } = command;
    let key: VerifyingKey = read_public(key)?;
    let check = |bytes: &[u8], signature: &[u8; 64]| stores::is_audit_signature(&key, bytes, signature);
    let summary = audit::verify(dir, &check, &[])?;
    println!(
        "the log of {} is whole: entries {} to {}, signed up to {} at {}",
        summary.role.as_str(),
        summary.first,
        summary.last.seq,
        summary.signed.seq,
        crate::clock::rfc3339(summary.signed_at)
    );
    Ok(Done::Fully)
}
