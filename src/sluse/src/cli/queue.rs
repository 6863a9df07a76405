//! `sluse queue`: what waits, and what was set aside.

use std::path::PathBuf;
use std::time::SystemTime;

use serde::Serialize;
use sluse_envelope::SubmissionId;

use crate::cli::{CommandError, Done, output};
use crate::config::AnySettings;
use crate::stores;

/// Messages listed per queue.
const LISTED: u32 = 1000;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List waiting messages and dead letters.
    #[command(after_help = "Example: sluse queue ls --config dmz/intake.toml")]
    Ls {
        /// A role's configuration.
        #[arg(long)]
        config: PathBuf,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Put a dead letter back, once its cause is mended.
    #[command(after_help = "Example: sluse queue redrive --config bridge/bridge.toml submissions 0198…")]
    Redrive {
        /// A role's configuration.
        #[arg(long)]
        config: PathBuf,
        /// The queue's name, as `ls` shows it.
        queue: String,
        /// The submission.
        id: SubmissionId,
    },
}

#[derive(Serialize)]
struct Line {
    queue: String,
    id: SubmissionId,
    place: String,
    attempt: u32,
    bytes: u64,
    age_seconds: u64,
}

pub(crate) async fn run(command: Command) -> Result<Done, CommandError> {
    match command {
        Command::Ls { config, json } => list(&config, json).await,
        Command::Redrive { config, queue, id } => {
            let known = AnySettings::load(&config)?.queues();
            let (database, name) = known
                .into_iter()
                .find(|(_, name)| name.as_str() == queue)
                .ok_or_else(|| format!("{} names no queue {queue:?}", config.display()))?;
            let queue = stores::queue(&stores::queues(&database)?, &name);
            if queue.redrive(id).await? {
                println!("{id} waits in {name} again");
                Ok(Done::Fully)
            } else {
                Err(format!("{name} has no dead letter {id}; `sluse queue ls` lists them").into())
            }
        }
    }
}

async fn list(config: &std::path::Path, json: bool) -> Result<Done, CommandError> {
    let age = |since: SystemTime| since.elapsed().unwrap_or_default().as_secs();
    let mut lines = Vec::new();
    for (database, name) in AnySettings::load(config)?.queues() {
        let queue = stores::queue(&stores::queues(&database)?, &name);
        for message in queue.list(LISTED).await? {
            lines.push(Line {
                queue: name.to_string(),
                id: message.id,
                place: format!("{:?}", message.place).to_lowercase(),
                attempt: message.attempt,
                bytes: message.bytes,
                age_seconds: age(message.enqueued_at),
            });
        }
        for letter in queue.dead_letters(LISTED).await? {
            lines.push(Line {
                queue: name.to_string(),
                id: letter.id,
                place: format!("dead: {}", letter.reason),
                attempt: letter.attempt,
                bytes: letter.bytes,
                age_seconds: age(letter.enqueued_at),
            });
        }
    }
    if json {
        lines.iter().for_each(output::json);
    } else if lines.is_empty() {
        println!("nothing waits and nothing was set aside");
    } else {
        let mut table = output::table(&["queue", "submission", "place", "attempts", "size", "age"]);
        for line in &lines {
            table.add_row([
                line.queue.clone(),
                line.id.to_string(),
                line.place.clone(),
                line.attempt.to_string(),
                output::size(line.bytes),
                output::age(std::time::Duration::from_secs(line.age_seconds)),
            ]);
        }
        println!("{table}");
    }
    Ok(Done::Fully)
}
