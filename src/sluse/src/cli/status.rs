//! `sluse status`: is anything stuck?

use std::path::Path;

use serde::Serialize;

use crate::cli::{CommandError, Done, output};
use crate::config::AnySettings;
use crate::stores;

#[derive(Serialize)]
struct Status {
    queues: Vec<QueueStatus>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    submissions: Vec<(String, u64)>,
}

#[derive(Serialize)]
struct QueueStatus {
    queue: String,
    ready: u64,
    leased: Option<u64>,
    delayed: u64,
    dead: u64,
    oldest_seconds: Option<u64>,
}

pub(crate) async fn run(config: &Path, json: bool) -> Result<Done, CommandError> {
    let settings = AnySettings::load(config)?;
    let mut status = Status { queues: Vec::new(), submissions: Vec::new() };
    for (address, names) in settings.queues() {
        let queues = stores::queues(&address)?;
        for name in names {
            let depth = stores::queue(&queues, &name, stores::NONE_AT_ONCE).depth().await;
            let depth = depth.map_err(|cause| format!("queue {name}: {cause}"))?;
            status.queues.push(QueueStatus {
                queue: name.to_string(),
                ready: depth.ready,
                leased: depth.leased,
                delayed: depth.delayed,
                dead: depth.dead,
                oldest_seconds: depth.oldest.map(|oldest| oldest.as_secs()),
            });
        }
    }
    if let AnySettings::Intake(settings) = &settings {
        let counts = stores::intake_ledger(&settings.ledger).await?.counts().await?;
        status.submissions =
            counts.into_iter().map(|(state, count)| (state.as_str().to_owned(), count)).collect();
    }
    if json {
        output::json(&status);
        return Ok(Done::Fully);
    }
    let mut table = output::table(&["queue", "ready", "leased", "delayed", "dead", "oldest"]);
    for queue in &status.queues {
        let oldest =
            queue.oldest_seconds.map_or_else(String::new, |s| output::age(std::time::Duration::from_secs(s)));
        table.add_row([
            queue.queue.clone(),
            queue.ready.to_string(),
            queue.leased.map_or_else(|| "?".to_owned(), |leased| leased.to_string()),
            queue.delayed.to_string(),
            queue.dead.to_string(),
            oldest,
        ]);
    }
    println!("{table}");
    if !status.submissions.is_empty() {
        let mut table = output::table(&["submissions", "count"]);
        for (state, count) in &status.submissions {
            table.add_row([state.clone(), count.to_string()]);
        }
        println!("{table}");
    }
    Ok(Done::Fully)
}
