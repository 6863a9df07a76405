//! `sluse quarantine`: what was withheld, and why.

use std::path::PathBuf;

use serde::Serialize;
use sluse_envelope::SubmissionId;

use crate::cli::inspect::print_report;
use crate::cli::{CommandError, Done, output};
use crate::config::console::Settings;
use crate::console::open_report;
use crate::model::quarantine::QuarantinedAttachment;
use crate::stores;

/// Reports listed.
const LISTED: u32 = 1000;

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
    examined_at: String,
    form: String,
    state: &'static str,
    findings: Vec<String>,
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
    let mut lines = Vec::new();
    for kept in ledger.list(None, None, LISTED).await? {
        let Some((_, sealed)) = ledger.find(kept.id).await? else { continue };
        let report = open_report(&settings, &sealed)?;
        let findings = report
            .attachments
            .iter()
            .filter_map(|attachment| {
                let QuarantinedAttachment { report, kept, .. } = attachment;
                match (report.verdict.deliverable(), kept) {
                    (false, _) => Some(format!("{}: {}", report.name, report.reason)),
                    (true, Some(_)) => Some(format!("{}: the original is kept", report.name)),
                    (true, None) => None,
                }
            })
            .chain(report.problem.clone())
            .collect();
        lines.push(Line {
            id: report.id,
            examined_at: report.examined_at,
            form: report.form,
            state: report.state.as_str(),
            findings,
        });
    }
    if json {
        lines.iter().for_each(output::json);
    } else if lines.is_empty() {
        println!("nothing was withheld");
    } else {
        let mut table = output::table(&["submission", "examined", "form", "state", "findings"]);
        for line in &lines {
            table.add_row([
                line.id.to_string(),
                line.examined_at.clone(),
                line.form.clone(),
                line.state.to_owned(),
                line.findings.join("\n"),
            ]);
        }
        println!("{table}");
    }
    Ok(Done::Fully)
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
