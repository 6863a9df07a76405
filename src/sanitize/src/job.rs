//! The way of one file, and of all that is nested in it, from bytes to verdict.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::format::Format;
use crate::identify::{Declared, identify};
use crate::limits::Limits;
use crate::options::Options;
use crate::removals::Removals;
use crate::report::{Removed, Report, Step, Verdict, sha256_hex};

/// What holds for one call of [`sanitize`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Upper bounds.
    pub limits: Limits,
    /// Choices.
    pub options: Options,
}

/// Looks at the bytes of every file, at every level, before it is parsed: the caller's scanners.
pub trait Inspector {
    /// Called once for the file given to [`sanitize`] (depth 0), once for each archive member (depth 1 and more),
    /// and once for each rebuilt top-level file (depth 0, `rebuilt`).
    ///
    /// # Errors
    /// [`Failure::Infected`] when something is found; any other failure when the bytes could not be looked at.
    /// Both end the examination of the file.
    fn inspect(&mut self, bytes: &[u8], seen: Seen) -> Result<Vec<Step>, Failure>;
}

/// Which bytes an [`Inspector`] is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// 0 for the top-level file, 1 for a member of it, and so on.
    pub depth: u32,
    /// The bytes are our own rebuilt copy, not what came in.
    pub rebuilt: bool,
}

/// Looks at nothing; for callers that only want to rebuild.
#[derive(Debug, Default)]
pub struct NoInspector;

impl Inspector for NoInspector {
    fn inspect(&mut self, _: &[u8], _: Seen) -> Result<Vec<Step>, Failure> {
        Ok(Vec::new())
    }
}

/// The result of [`sanitize`].
///
/// Invariant: `file` is `Some` exactly when the report's verdict is [`Verdict::Rebuilt`].
#[derive(Debug)]
pub struct Sanitized {
    file: Option<(Vec<u8>, Format)>,
    report: Report,
}

impl Sanitized {
    /// The evidence.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The rebuilt file and its format, when there is one, and the evidence.
    #[must_use]
    pub fn into_parts(self) -> (Option<(Vec<u8>, Format)>, Report) {
        (self.file, self.report)
    }
}

/// Identifies, inspects, rebuilds and verifies one file.
///
/// Never fails: what goes wrong is the verdict and reason in the report, and then there are no rebuilt bytes.
/// May overflow the stack or take long on hostile input, as third-party parsers may: run it where that is harmless.
pub fn sanitize(
    bytes: &[u8],
    declared: &Declared<'_>,
    settings: &Settings,
    inspector: &mut dyn Inspector,
) -> Sanitized {
    let mut budget = Budget::of(&settings.limits);
    sanitize_at(bytes, declared, 0, (&settings.limits, &settings.options), &mut budget, inspector)
}

/// What is left of the limits that count over the whole top-level file.
struct Budget {
    expanded: u64,
    nodes: u32,
}

impl Budget {
    fn of(limits: &Limits) -> Self {
        Self { expanded: limits.max_expanded_bytes, nodes: limits.max_nodes }
    }
}

/// The examination of one file: limits, what was removed, and the way down to nested files.
pub(crate) struct Job<'a> {
    /// The caller's limits.
    pub(crate) limits: &'a Limits,
    /// The caller's choices.
    pub(crate) options: &'a Options,
    /// The file's name as declared; empty where there is none.
    pub(crate) name: &'a str,
    depth: u32,
    budget: &'a mut Budget,
    inspector: &'a mut dyn Inspector,
    removed: Removals,
    children: Vec<Report>,
    /// What the report says of the rebuild besides.
    note: Option<&'static str>,
}

impl Job<'_> {
    /// Notes something that the rebuilt copy does not have.
    pub(crate) fn removed(&mut self, removed: Removed) {
        self.removed.add(removed);
    }

    /// Says something about the rebuild that its step in the report shows.
    pub(crate) fn note(&mut self, words: &'static str) {
        self.note = Some(words);
    }

    /// Takes `bytes` from what may still be expanded; call it before (or while) expanding.
    pub(crate) fn expand(&mut self, bytes: u64) -> Result<(), Failure> {
        self.budget.expanded = self.budget.expanded.checked_sub(bytes).ok_or_else(|| Failure::Limit {
            name: "max_expanded_bytes",
            what: "the sum of expanded content".to_owned(),
            limit: self.limits.max_expanded_bytes,
        })?;
        Ok(())
    }

    /// Bytes that may still be expanded; the cap to hand to a decompressor.
    pub(crate) fn expandable(&self) -> u64 {
        self.budget.expanded.min(self.limits.max_bytes)
    }

    /// Examines a nested file by the same path, one level deeper, and keeps its report as a child.
    /// `Ok(None)`: it was not rebuilt, for a reason in its report; the caller drops it or fails. Infection always fails the whole.
    pub(crate) fn nested(
        &mut self,
        bytes: &[u8],
        declared: &Declared<'_>,
    ) -> Result<Option<(Vec<u8>, Format)>, Failure> {
        let settings = (self.limits, self.options);
        let (file, report) =
            sanitize_at(bytes, declared, self.depth + 1, settings, self.budget, self.inspector).into_parts();
        let infected = (report.verdict == Verdict::Infected).then(|| report.reason.clone());
        self.children.push(report);
        match infected {
            Some(reason) => Err(Failure::Infected(reason)),
            None => Ok(file),
        }
    }

    /// Shows the inspector content that is no file of its own: a mail's text, decoded.
    pub(crate) fn inspect(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.inspector.inspect(bytes, Seen { depth: self.depth + 1, rebuilt: false }).map(|_| ())
    }

    /// The report of the last file given to [`Job::nested`].
    pub(crate) fn last_child(&self) -> Option<&Report> {
        self.children.last()
    }
}

fn sanitize_at(
    bytes: &[u8],
    declared: &Declared<'_>,
    depth: u32,
    (limits, options): (&Limits, &Options),
    budget: &mut Budget,
    inspector: &mut dyn Inspector,
) -> Sanitized {
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let mut report = Report::unexamined(declared.name, declared.media_type, size, &sha256_hex(bytes));
    let mut job = Job {
        limits,
        options,
        name: declared.name,
        depth,
        budget,
        inspector,
        removed: Removals::default(),
        children: Vec::new(),
        note: None,
    };
    let result = job.run(bytes, declared, &mut report);
    report.removed = std::mem::take(&mut job.removed).finish();
    report.children = std::mem::take(&mut job.children);
    let file = match result {
        Ok(rewritten) => {
            report.verdict = Verdict::Rebuilt;
            report.reason = match report.removed.len() {
                0 => "rebuilt; nothing had to be removed".to_owned(),
                n => format!("rebuilt without {n} kind(s) of content listed under removed"),
            };
            report.rebuilt_as = Some(rewritten.1);
            report.rebuilt_size = u64::try_from(rewritten.0.len()).ok();
            report.rebuilt_sha256 = Some(sha256_hex(&rewritten.0));
            Some(rewritten)
        }
        Err(failure) => {
            report.verdict = failure.verdict();
            report.reason = failure.to_string();
            None
        }
    };
    Sanitized { file, report }
}

impl Job<'_> {
    fn run(
        &mut self,
        bytes: &[u8],
        declared: &Declared<'_>,
        report: &mut Report,
    ) -> Result<(Vec<u8>, Format), Failure> {
        self.check_limits(bytes, declared)?;

        let identified = timed(&mut report.steps, "identify", || Ok(identify(bytes, declared)))?;
        report.found = identified.format.name().to_owned();

        let seen = Seen { depth: self.depth, rebuilt: false };
        report.steps.extend(self.inspector.inspect(bytes, seen)?);

        if let Some(objection) = identified.objection {
            return Err(objection);
        }
        let format = identified.format;
        let Some((rebuild, verify)) = format.rebuilder() else {
            return Err(Failure::Refused(match format {
                Format::Unknown => "the content is of no known type".to_owned(),
                known => format!("files of type {known} are not accepted"),
            }));
        };
        let rewritten = timed(&mut report.steps, "rebuild", || rebuild(bytes, format, self))?;
        if let Some(step) = report.steps.last_mut() {
            step.detail = self.note.take().map(str::to_owned);
        }
        self.check_size(&rewritten.bytes, "the rebuilt file's size")?;
        timed(&mut report.steps, "verify", || verify(&rewritten.bytes, rewritten.format, self))?;
        if self.depth == 0 {
            let seen = Seen { depth: 0, rebuilt: true };
            report.steps.extend(self.inspector.inspect(&rewritten.bytes, seen)?);
        }
        Ok((rewritten.bytes, rewritten.format))
    }

    fn check_size(&self, bytes: &[u8], what: &str) -> Result<(), Failure> {
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > self.limits.max_bytes {
            let limit = self.limits.max_bytes;
            return Err(Failure::Limit { name: "max_bytes", what: what.to_owned(), limit });
        }
        Ok(())
    }

    fn check_limits(&mut self, bytes: &[u8], declared: &Declared<'_>) -> Result<(), Failure> {
        let over = |name, what: &str, limit| Err(Failure::Limit { name, what: what.to_owned(), limit });
        if self.depth > self.limits.max_depth {
            return over("max_depth", "nesting", self.limits.max_depth.into());
        }
        self.budget.nodes = match self.budget.nodes.checked_sub(1) {
            Some(left) => left,
            None => return over("max_nodes", "the number of nested files", self.limits.max_nodes.into()),
        };
        self.check_size(bytes, "the file's size")?;
        if u32::try_from(declared.name.len()).unwrap_or(u32::MAX) > self.limits.max_name_bytes {
            return over("max_name_bytes", "the file name's length", self.limits.max_name_bytes.into());
        }
        if bytes.is_empty() {
            return Err(Failure::Malformed("the file is empty".to_owned()));
        }
        Ok(())
    }
}

fn timed<T>(
    steps: &mut Vec<Step>,
    name: &str,
    act: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let start = Instant::now();
    let result = act();
    steps.push(Step {
        name: name.to_owned(),
        detail: None,
        result: match &result {
            Ok(_) => "ok".to_owned(),
            Err(failure) => failure.to_string(),
        },
        microseconds: u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX),
    });
    result
}

/// Runs `test` with a job of its own; gives back its result, what it noted as removed, and the children's reports.
#[cfg(test)]
pub(crate) fn bench<T>(
    limits: &Limits,
    test: impl FnOnce(&mut Job<'_>) -> T,
) -> (T, Vec<Removed>, Vec<Report>) {
    bench_choosing(limits, &Options::default(), test)
}

/// As [`bench`], with options.
#[cfg(test)]
pub(crate) fn bench_choosing<T>(
    limits: &Limits,
    options: &Options,
    test: impl FnOnce(&mut Job<'_>) -> T,
) -> (T, Vec<Removed>, Vec<Report>) {
    let mut budget = Budget::of(limits);
    let mut inspector = NoInspector;
    let mut job = Job {
        limits,
        options,
        name: "",
        depth: 0,
        budget: &mut budget,
        inspector: &mut inspector,
        removed: Removals::default(),
        children: Vec::new(),
        note: None,
    };
    let result = test(&mut job);
    (result, job.removed.finish(), job.children)
}
