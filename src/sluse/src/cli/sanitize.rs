//! `sluse sanitize`: the rebuilder by itself, each file in a worker of its own.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use sluse_sanitize::{Format, Report, Settings, Verdict};

use crate::cli::{CommandError, Done, output};
use crate::policy::WorkerLimits;
use crate::sandbox::{
    BUNDLED_RULES, Event, Sandbox, SandboxConfig, SandboxLimits, SealedMemory, Task, TaskFile,
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Files and folders; folders are walked.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Folder for the rebuilt files; paths below a given folder are kept.
    #[arg(short, long, required_unless_present = "dry_run")]
    output: Option<PathBuf>,
    /// Write nothing but the report.
    #[arg(long)]
    dry_run: bool,
    /// Write what was done to each file as JSON.
    #[arg(long)]
    report: Option<PathBuf>,
    /// For machines: one JSON object per file on standard output.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Entry {
    path: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<PathBuf>,
    report: Report,
}

/// A file to rebuild, and its path below the output folder.
struct Job {
    path: PathBuf,
    below: PathBuf,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Done, CommandError> {
    let mut jobs = Vec::new();
    for path in &arguments.paths {
        collect(path, &mut jobs)?;
    }
    jobs.sort_by(|a, b| a.path.cmp(&b.path));
    let sandbox = Arc::new(examiner()?);
    let bar = ProgressBar::new(jobs.len() as u64);
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos} of {len} files, {eta} left")?);
    let output = arguments.output.as_deref().filter(|_| !arguments.dry_run);
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let mut entries = Vec::with_capacity(jobs.len());
    let mut results = stream::iter(jobs).map(|job| rebuild(&sandbox, job, output)).buffered(at_once);
    while let Some(entry) = results.next().await {
        bar.inc(1);
        entries.push(entry?);
    }
    bar.finish_and_clear();
    if let Some(path) = &arguments.report {
        let mut text = serde_json::to_vec_pretty(&entries)?;
        text.push(b'\n');
        fs::write(path, text).map_err(|cause| format!("cannot write {}: {cause}", path.display()))?;
    }
    print(&entries, arguments.json);
    let findings = entries.iter().any(|entry| !entry.report.verdict.deliverable());
    Ok(if findings { Done::WithFindings } else { Done::Fully })
}

/// A sandbox for files of the command line: the default limits and the YARA rules that come with the program.
pub(crate) fn examiner() -> Result<Sandbox, CommandError> {
    let limits = SandboxLimits::from(&WorkerLimits::default());
    let rules: Vec<&str> = BUNDLED_RULES.iter().map(|(_, text)| *text).collect();
    Ok(Sandbox::new(SandboxConfig::new(limits, Arc::from(rules.join("\n"))))?)
}

fn collect(path: &Path, jobs: &mut Vec<Job>) -> Result<(), CommandError> {
    let unreadable = |path: &Path, cause| format!("cannot read {}: {cause}", path.display());
    let kind = fs::metadata(path).map_err(|cause| unreadable(path, cause))?;
    if !kind.is_dir() {
        let below = path.file_name().map(PathBuf::from).unwrap_or_default();
        jobs.push(Job { path: path.to_owned(), below });
        return Ok(());
    }
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|cause| unreadable(&folder, cause))? {
            let entry = entry.map_err(|cause| unreadable(&folder, cause))?;
            let kind = entry.file_type().map_err(|cause| unreadable(&entry.path(), cause))?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let below = entry.path().strip_prefix(path).map(Path::to_owned).unwrap_or_default();
                jobs.push(Job { path: entry.path(), below });
            }
        }
    }
    Ok(())
}

async fn rebuild(sandbox: &Sandbox, job: Job, output: Option<&Path>) -> Result<Entry, CommandError> {
    let (report, rebuilt) = examine(sandbox, &job.path).await?;
    let mut written = None;
    if let (Some(folder), Some((bytes, format))) = (output, &rebuilt) {
        let target = folder.join(with_extension(&job.below, *format));
        write(&target, bytes).map_err(|cause| format!("cannot write {}: {cause}", target.display()))?;
        written = Some(target);
    }
    Ok(Entry { path: job.path, output: written, report })
}

/// Examines one file in a worker of its own; a worker that fails makes the file unscannable.
pub(crate) async fn examine(
    sandbox: &Sandbox,
    path: &Path,
) -> Result<(Report, Option<(Vec<u8>, Format)>), CommandError> {
    let bytes = fs::read(path).map_err(|cause| format!("cannot read {}: {cause}", path.display()))?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let sha256 = sluse_sanitize::report::sha256_hex(&bytes);
    let mut unscannable = Report::unexamined(&name, "", bytes.len() as u64, &sha256);
    let content = Arc::new(SealedMemory::copy_of(&bytes)?);
    drop(bytes);
    let file = TaskFile { content, sha256, name, media_type: String::new() };
    let mut worker =
        sandbox.start(Task { fields: None, files: vec![file], settings: Settings::default() }).await?;
    loop {
        match worker.next().await {
            Ok(Some(Event::Finished { report, rebuilt, .. })) => return Ok((report, rebuilt)),
            Ok(Some(Event::Member { .. } | Event::Fields(_))) => {}
            Ok(None) => unscannable.reason = "the worker ended without an answer".to_owned(),
            Err(fault) => unscannable.reason = format!("the examination did not end well: {fault}"),
        }
        if !unscannable.reason.is_empty() {
            return Ok((unscannable, None));
        }
    }
}

/// The extension of what the file is now: `a.docm` becomes `a.docx`; a name that fits stays.
fn with_extension(path: &Path, format: Format) -> PathBuf {
    let fits = path.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| {
        format.extensions().iter().any(|known| extension.eq_ignore_ascii_case(known))
    });
    if fits { path.to_owned() } else { path.with_extension(format.extension()) }
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Two originals may have one name after rebuilding: neither may overwrite the other, nor a file that was there.
    fs::File::create_new(path)?.write_all(bytes)
}

fn print(entries: &[Entry], json: bool) {
    if json {
        entries.iter().for_each(output::json);
        return;
    }
    let mut table = output::table(&["file", "type", "verdict", "reason"]);
    for Entry { path, report, .. } in
        entries.iter().filter(|e| entries.len() <= 20 || !e.report.verdict.deliverable())
    {
        table.add_row([
            path.display().to_string(),
            report.found.clone(),
            report.verdict.as_str().to_owned(),
            report.reason.clone(),
        ]);
    }
    println!("{table}");
    let count = |verdict| entries.iter().filter(|entry| entry.report.verdict == verdict).count();
    println!(
        "{} files: {} rebuilt, {} refused, {} unscannable, {} infected",
        entries.len(),
        count(Verdict::Rebuilt),
        count(Verdict::Refused),
        count(Verdict::Unscannable),
        count(Verdict::Infected)
    );
}
