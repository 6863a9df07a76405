//! `sluse sanitize`: the rebuilder by itself, on files and folders, in parallel.

use std::collections::HashSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use futures_util::{StreamExt as _, stream};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use sluse_sanitize::options::{JpegQuality, Links, Metadata, Options, Signed};
use sluse_sanitize::{Format, Limits, Report, Settings, Verdict};

use crate::cli::examiner::{Examined, Examiner, loads};
use crate::cli::{CommandError, Done, output};

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
    /// Keep title, subject, keywords, author and dates of documents.
    #[arg(long)]
    keep_metadata: bool,
    /// Remove links to web and mail addresses; their text stays.
    #[arg(long)]
    remove_links: bool,
    /// Refuse documents with a digital signature instead of rebuilding them without it.
    #[arg(long)]
    refuse_signed: bool,
    /// Quality of rebuilt JPEG pictures, 1 to 100.
    #[arg(long, default_value_t = JpegQuality::default().value(), value_parser = clap::value_parser!(u8).range(1..=100))]
    jpeg_quality: u8,
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

/// A file to rebuild.
#[derive(Clone)]
struct Job {
    path: PathBuf,
    /// Its path below the output folder.
    below: PathBuf,
    size: u64,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Done, CommandError> {
    let mut jobs = Vec::new();
    for path in &arguments.paths {
        collect(path, &mut jobs)?;
    }
    jobs.sort_by(|a, b| a.path.cmp(&b.path));
    let taken: HashSet<PathBuf> = jobs.iter().map(|job| job.below.clone()).collect();
    let bar = ProgressBar::new(jobs.len() as u64);
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos} of {len} files, {eta} left")?);
    let run = Run {
        examiner: Examiner::new(Settings { limits: Limits::default(), options: options(&arguments)? })?,
        output: arguments.output.as_deref().filter(|_| !arguments.dry_run),
        taken,
        bar: &bar,
    };
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let mut entries = Vec::with_capacity(jobs.len());
    let mut results = stream::iter(loads(jobs, |job| job.size)).map(|load| run.load(load)).buffered(at_once);
    while let Some(load) = results.next().await {
        entries.extend(load?);
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

fn options(arguments: &Arguments) -> Result<Options, CommandError> {
    let metadata = if arguments.keep_metadata { Metadata::Keep } else { Metadata::Remove };
    let links = if arguments.remove_links { Links::Remove } else { Links::Keep };
    let signed = if arguments.refuse_signed { Signed::Quarantine } else { Signed::Rebuild };
    Ok(Options { metadata, links, signed, jpeg_quality: JpegQuality::try_from(arguments.jpeg_quality)? })
}

fn collect(path: &Path, jobs: &mut Vec<Job>) -> Result<(), CommandError> {
    let unreadable = |path: &Path, cause| format!("cannot read {}: {cause}", path.display());
    let about = fs::metadata(path).map_err(|cause| unreadable(path, cause))?;
    if !about.is_dir() {
        let below = path.file_name().map(PathBuf::from).unwrap_or_default();
        jobs.push(Job { path: path.to_owned(), below, size: about.len() });
        return Ok(());
    }
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|cause| unreadable(&folder, cause))? {
            let entry = entry.map_err(|cause| unreadable(&folder, cause))?;
            let about = entry.metadata().map_err(|cause| unreadable(&entry.path(), cause))?;
            if about.is_dir() {
                folders.push(entry.path());
            } else if about.is_file() {
                let below = entry.path().strip_prefix(path).map(Path::to_owned).unwrap_or_default();
                jobs.push(Job { path: entry.path(), below, size: about.len() });
            }
        }
    }
    Ok(())
}

struct Run<'a> {
    examiner: Examiner,
    output: Option<&'a Path>,
    /// Paths below the output folder under which files came in.
    taken: HashSet<PathBuf>,
    bar: &'a ProgressBar,
}

impl Run<'_> {
    /// Examines the files of one load and writes what was rebuilt.
    async fn load(&self, load: Vec<Job>) -> Result<Vec<Entry>, CommandError> {
        let paths: Vec<PathBuf> = load.iter().map(|job| job.path.clone()).collect();
        let mut entries = Vec::with_capacity(load.len());
        for (job, examined) in load.into_iter().zip(self.examiner.all(&paths).await?) {
            let Examined { report, rebuilt } = examined;
            let mut output = None;
            if let (Some(folder), Some((bytes, format))) = (self.output, rebuilt) {
                let target = folder.join(self.named(&job.below, format));
                write(&target, &bytes)
                    .map_err(|cause| format!("cannot write {}: {cause}", target.display()))?;
                output = Some(target);
            }
            entries.push(Entry { path: job.path, output, report });
            self.bar.inc(1);
        }
        Ok(entries)
    }

    /// A name with the extension of what the file is now: `a.docm` becomes `a.docx`, or `a.docm.docx` beside another
    /// file `a.docx`. A name that fits stays.
    fn named(&self, path: &Path, format: Format) -> PathBuf {
        let fits = path.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| {
            format.extensions().iter().any(|known| extension.eq_ignore_ascii_case(known))
        });
        if fits {
            return path.to_owned();
        }
        let renamed = path.with_extension(format.extension());
        if !self.taken.contains(&renamed) {
            return renamed;
        }
        let mut longer = path.as_os_str().to_owned();
        longer.push(".");
        longer.push(format.extension());
        longer.into()
    }
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Nothing that was there is overwritten.
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
