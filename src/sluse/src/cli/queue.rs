//! `sluse queue`: what waits, and what was set aside.

use std::path::PathBuf;
use std::time::SystemTime;

use serde::Serialize;
use sluse_envelope::SubmissionId;

use crate::cli::{CommandError, Done, output};
use crate::config::AnySettings;
use crate::contract::is_plain_name;
use crate::id::CodeWord;
use crate::queue::QueueError;
use crate::queue::amqp::definitions::{Plan, Zone, definitions};
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
    /// Print what a RabbitMQ broker needs: queues, users and their rights, for `rabbitmqctl import_definitions`.
    #[command(
        after_help = "Example: sluse queue definitions secure --destination parking --destination building-cases > secure.json"
    )]
    Definitions(Definitions),
}

/// What a broker's definitions are made of.
#[derive(clap::Args)]
pub(crate) struct Definitions {
    /// Which broker.
    zone: Zone,
    /// A destination that a contract names; may be given again.
    #[arg(long = "destination", value_name = "NAME")]
    destinations: Vec<CodeWord>,
    /// Virtual host.
    #[arg(long, default_value = "sluse")]
    vhost: String,
    /// Members of the cluster that keep each queue; without it the broker decides.
    #[arg(long)]
    replicas: Option<u8>,
    /// Holders that may die over one message before the broker sets it aside; above the bridge's max_attempts.
    #[arg(long, default_value_t = 200)]
    delivery_limit: u32,
    /// Bytes that one queue may hold; what is put beyond it is refused.
    #[arg(long, default_value_t = 10 << 30)]
    max_bytes: u64,
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
        Command::Definitions(wanted) => define(wanted),
        Command::Redrive { config, queue, id } => {
            let known = AnySettings::load(&config)?.queues();
            let (address, name) = known
                .into_iter()
                .find_map(|(address, names)| {
                    names.into_iter().find(|name| name.as_str() == queue).map(|name| (address, name))
                })
                .ok_or_else(|| format!("{} names no queue {queue:?}", config.display()))?;
            let queues = stores::queues(&address.for_operator()?)?;
            let queue = stores::queue(&queues, &name, stores::NONE_AT_ONCE);
            if queue.redrive(id).await? {
                println!("{id} waits in {name} again");
                Ok(Done::Fully)
            } else {
                Err(format!("{name} has no dead letter {id}; `sluse queue ls` lists them").into())
            }
        }
    }
}

fn define(wanted: Definitions) -> Result<Done, CommandError> {
    let Definitions { zone, destinations, vhost, replicas, delivery_limit, max_bytes } = wanted;
    if (zone == Zone::Secure) == destinations.is_empty() {
        return Err("name each --destination of the secure zone; the DMZ has none".into());
    }
    if let Some(name) = destinations.iter().find(|name| !is_plain_name(name.as_str())) {
        return Err(format!("{name} is not 1 to 48 lower-case letters, digits and hyphens").into());
    }
    let plan = Plan { zone, vhost, destinations, replicas, delivery_limit, max_bytes };
    println!("{}", serde_json::to_string_pretty(&definitions(&plan))?);
    Ok(Done::Fully)
}

async fn list(config: &std::path::Path, json: bool) -> Result<Done, CommandError> {
    let age = |since: SystemTime| since.elapsed().unwrap_or_default().as_secs();
    let mut lines = Vec::new();
    let mut unread = Vec::new();
    let settings = AnySettings::load(config)?;
    let mut all = Vec::new();
    for (address, names) in settings.queues() {
        let queues = stores::queues(&address.for_operator()?)?;
        all.extend(names.into_iter().map(|name| (stores::queue(&queues, &name, stores::NONE_AT_ONCE), name)));
    }
    for (queue, name) in all {
        let waiting = match queue.list(LISTED).await {
            Err(cause @ QueueError::NotListed) => {
                eprintln!("{name}: what waits is not shown: {cause}");
                Vec::new()
            }
            listed => listed?,
        };
        for message in waiting {
            lines.push(Line {
                queue: name.to_string(),
                id: message.id,
                place: format!("{:?}", message.place).to_lowercase(),
                attempt: message.attempt,
                bytes: message.bytes,
                age_seconds: age(message.enqueued_at),
            });
        }
        let dead = match queue.dead_letters(LISTED).await {
            Ok(dead) => dead,
            Err(cause) => {
                unread.push(format!("{name}: {cause}"));
                continue;
            }
        };
        for letter in dead {
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
    if !unread.is_empty() && lines.is_empty() {
        return Err(unread.join("\n").into());
    }
    unread.iter().for_each(|line| eprintln!("sluse: {line}"));
    if json {
        lines.iter().for_each(output::json);
    } else if lines.is_empty() {
        println!("nothing to show");
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
