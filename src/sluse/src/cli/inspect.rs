//! `sluse inspect`: what a file is and what a rebuild would remove.

use std::path::PathBuf;

use sluse_sanitize::{Report, Settings};

use crate::cli::examiner::Examiner;
use crate::cli::{CommandError, Done, output};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The file.
    file: PathBuf,
    /// For machines.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Done, CommandError> {
    let report = Examiner::new(Settings::default())?.one(&arguments.file).await?.report;
    if arguments.json {
        output::json(&report);
    } else {
        print_report(&report, 0);
    }
    Ok(if report.verdict.deliverable() { Done::Fully } else { Done::WithFindings })
}

/// A report as an indented tree.
pub(crate) fn print_report(report: &Report, depth: usize) {
    let indent = "  ".repeat(depth);
    println!("{indent}{} — {}, {}", report.name, report.found, output::size(report.size));
    println!("{indent}  sha256   {}", report.sha256);
    println!("{indent}  verdict  {}: {}", report.verdict.as_str(), report.reason);
    for step in &report.steps {
        let detail = step.detail.as_deref().map(|detail| format!(" ({detail})")).unwrap_or_default();
        println!("{indent}  step     {}{detail}: {} in {} µs", step.name, step.result, step.microseconds);
    }
    for removed in &report.removed {
        let what = serde_json::to_value(removed.what).unwrap_or_default();
        let what = what.as_str().unwrap_or_default().replace('_', " ");
        println!("{indent}  removed  {what}: {} × {}", removed.count, removed.r#where);
    }
    for child in &report.children {
        print_report(child, depth + 1);
    }
}
