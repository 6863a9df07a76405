//! `sluse quarantine`: what was withheld, and why.

use std::path::PathBuf;

use serde::Serialize;
use sluse_envelope::SubmissionId;

use crate::cli::inspect::print_report;
use crate::cli::{CommandError, Done, output};
use crate::config::console::Settings;
use crate::console::open_report;
use crate::ledger::LedgerError;
use crate::ledger::reports::Reports;
use crate::model::quarantine::{QuarantineReport, QuarantinedAttachment};
use crate::stores;

/// Reports asked of the ledger at once.
const PAGE: u32 = 256;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List reports, newest first.
    #[command(after_help = "Example: sluse quarantine ls --config secure/console.toml")]
    Ls {
        /// The console's configuration.
        #[arg(long)]
        config: PathBuf,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Show one report, with the nesting and each step.
    #[command(after_help = "Example: sluse quarantine show --config secure/console.toml 0198…")]
    Show {
        /// The console's configuration.
        #[arg(long)]
        config: PathBuf,
        /// For machines.
        #[arg(long)]
        json: bool,
        /// The submission.
        id: SubmissionId,
    },
}

#[derive(Serialize)]
struct Line {
    id: SubmissionId,
    #[serde(flatten)]
    told: Told,
}

/// What a report says, or why it does not.
#[derive(Serialize)]
#[serde(untagged)]
enum Told {
    Opened { examined_at: String, form: String, state: &'static str, findings: Vec<String> },
    NotOpened { error: String },
}

pub(crate) async fn run(command: Command) -> Result<Done, CommandError> {
    match command {
        Command::Ls { config, json } => list(&config, json).await,
        Command::Show { config, json, id } => show(&config, json, id).await,
    }
}

async fn list(config: &std::path::Path, json: bool) -> Result<Done, CommandError> {
    let settings = Settings::load(config)?;
    let ledger = stores::report_ledger(&settings.ledger).await?;
    if json {
        each(&settings, ledger.as_ref(), PAGE, |line| output::json(&line)).await?;
        return Ok(Done::Fully);
    }
    let mut table = output::table(&["submission", "examined", "form", "state", "findings"]);
    each(&settings, ledger.as_ref(), PAGE, |line| {
        let id = line.id.to_string();
        match line.told {
            Told::Opened { examined_at, form, state, findings } => {
                table.add_row([id, examined_at, form, state.to_owned(), findings.join("\n")])
            }
            Told::NotOpened { error } => {
                table.add_row([id, String::new(), String::new(), String::new(), error])
            }
        };
    })
    .await?;
    if table.is_empty() {
        println!("nothing was withheld");
    } else {
        println!("{table}");
    }
    Ok(Done::Fully)
}

/// Gives a line of every report, newest first. One that does not open, as with a key that is not listed any more, takes
/// nothing from the others.
async fn each(
    settings: &Settings,
    ledger: &dyn Reports,
    page: u32,
    mut give: impl FnMut(Line),
) -> Result<(), LedgerError> {
    let mut below = None;
    loop {
        let listed = ledger.list(None, below, page).await?;
        let Some(last) = listed.last() else { return Ok(()) };
        below = Some(last.number);
        for kept in &listed {
            let Some((_, sealed)) = ledger.find(kept.id).await? else { continue };
            let told = match open_report(settings, &sealed) {
                Ok(report) => Told::Opened {
                    findings: findings(&report),
                    examined_at: report.examined_at,
                    form: report.form,
                    state: report.state.as_str(),
                },
                Err(cause) => Told::NotOpened { error: cause.to_string() },
            };
            give(Line { id: kept.id, told });
        }
    }
}

fn findings(report: &QuarantineReport) -> Vec<String> {
    let of_attachments = report.attachments.iter().filter_map(|attachment| {
        let QuarantinedAttachment { report, kept, .. } = attachment;
        match (report.verdict.deliverable(), kept) {
            (false, _) => Some(format!("{}: {}", report.name, report.reason)),
            (true, Some(_)) => Some(format!("{}: the original is kept", report.name)),
            (true, None) => None,
        }
    });
    of_attachments.chain(report.problem.clone()).collect()
}

async fn show(config: &std::path::Path, json: bool, id: SubmissionId) -> Result<Done, CommandError> {
    let settings = Settings::load(config)?;
    let ledger = stores::report_ledger(&settings.ledger).await?;
    let (_, sealed) = ledger
        .find(id)
        .await?
        .ok_or_else(|| format!("no report of {id}; `sluse quarantine ls` lists them"))?;
    let report = open_report(&settings, &sealed)?;
    if json {
        // Keys to withheld originals stay where they are.
        let shown: Vec<_> = report.attachments.iter().map(|attachment| &attachment.report).collect();
        output::json(&serde_json::json!({
            "id": report.id, "state": report.state, "form": report.form, "version": report.version,
            "sealed_at": report.sealed_at, "examined_at": report.examined_at, "problem": report.problem,
            "attachments": shown,
        }));
        return Ok(Done::Fully);
    }
    println!("submission  {}", report.id);
    println!("form        {} version {}", report.form, report.version);
    println!("state       {}", report.state.as_str());
    println!("sealed      {}", report.sealed_at);
    println!("examined    {}", report.examined_at);
    if let Some(problem) = &report.problem {
        println!("problem     {problem}");
    }
    for attachment in &report.attachments {
        println!();
        print_report(&attachment.report, 0);
        match &attachment.kept {
            Some(kept) => println!("  kept     sealed to the quarantine key, {}", output::size(kept.size)),
            None => println!("  kept     no"),
        }
    }
    Ok(Done::Fully)
}

#[cfg(test)]
mod tests {
    use sluse_envelope::SigningKey;

    use super::*;
    use crate::console::tests::Secure;
    use crate::id::tests::new_id;

    #[tokio::test]
    async fn every_report_has_a_line_also_beside_one_that_does_not_open() {
        let secure = Secure::new().await;
        let reports = secure.reports();
        let ids: Vec<_> = (0..5).map(|_| new_id()).collect();
        let report = |id: &SubmissionId| {
            serde_json::json!({ "id": id, "state": "quarantined", "form": "parking-permit", "version": 1,
                "sealed_at": "", "examined_at": "", "problem": "too much", "attachments": [] })
        };
        for (n, id) in ids.iter().enumerate() {
            let stranger = SigningKey::generate().unwrap();
            let sealed = match n {
                1 => secure.report(*id, b"{}", &secure.bridge),
                3 => secure.report(*id, report(id).to_string().as_bytes(), &stranger),
                _ => secure.report(*id, report(id).to_string().as_bytes(), &secure.bridge),
            };
            assert!(reports.put(*id, sealed).await.unwrap());
        }
        let mut told = Vec::new();
        each(secure.settings(), reports, 2, |line| told.push((line.id, serde_json::to_value(line).unwrap())))
            .await
            .unwrap();
        assert!(told.iter().map(|(id, _)| id).eq(ids.iter().rev()), "{told:?}");
        for (n, (_, line)) in told.iter().rev().enumerate() {
            match n {
                1 => assert!(line["error"].as_str().unwrap().contains("cannot be read at line 1"), "{line}"),
                3 => assert!(line["error"].as_str().unwrap().contains("does not open"), "{line}"),
                _ => assert_eq!(line["findings"][0], "too much", "{line}"),
            }
        }
    }
}
