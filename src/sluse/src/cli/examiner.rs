//! Files of the command line, examined by sandboxed workers: the default limits, and the YARA rules that come with
//! the program.
//!
//! A worker takes a few files, one after the other: for a form-sized file a process of its own costs as much as the
//! examination. What a worker fails on is examined once more alone, so one file's fault is never laid at another's door.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sluse_sanitize::report::sha256_hex;
use sluse_sanitize::{Format, Report, Settings};

use crate::cli::CommandError;
use crate::policy::WorkerLimits;
use crate::sandbox::{
    BUNDLED_RULES, Event, Fault, Sandbox, SandboxConfig, SandboxLimits, SealedMemory, Task, TaskFile,
};

/// Most files that one worker takes.
const WORKER_FILES: usize = 16;

/// Most bytes of files that one worker takes, but for a single larger file.
const WORKER_BYTES: u64 = 64 << 20;

/// What became of one file.
pub(crate) struct Examined {
    pub(crate) report: Report,
    pub(crate) rebuilt: Option<(Vec<u8>, Format)>,
}

pub(crate) struct Examiner {
    sandbox: Sandbox,
    settings: Settings,
}

impl Examiner {
    pub(crate) fn new(settings: Settings) -> Result<Self, CommandError> {
        let limits = SandboxLimits::from(&WorkerLimits::default());
        let rules: Vec<&str> = BUNDLED_RULES.iter().map(|(_, text)| *text).collect();
        let sandbox = Sandbox::new(SandboxConfig::new(limits, Arc::from(rules.join("\n"))))?;
        Ok(Self { sandbox, settings })
    }

    /// Examines one file.
    pub(crate) async fn one(&self, path: &Path) -> Result<Examined, CommandError> {
        fs::File::open(path).map_err(|cause| format!("cannot read {}: {cause}", path.display()))?;
        let mut all = self.all(&[path.to_owned()]).await?;
        all.pop().ok_or_else(|| "nothing was examined".into())
    }

    /// Examines the files in their order. A file that cannot be read, or that a worker fails on, is unscannable.
    pub(crate) async fn all(&self, paths: &[PathBuf]) -> Result<Vec<Examined>, CommandError> {
        let mut all = Vec::with_capacity(paths.len());
        let mut waiting = VecDeque::new();
        for (n, path) in paths.iter().enumerate() {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let reason = match fs::read(path) {
                Ok(bytes) => {
                    let sha256 = sha256_hex(&bytes);
                    let content = Arc::new(SealedMemory::copy_of(&bytes)?);
                    let media_type = String::new();
                    waiting.push_back((n, TaskFile { content, sha256, name: name.clone(), media_type }));
                    "the worker gave no answer".to_owned()
                }
                Err(cause) => format!("cannot be read: {cause}"),
            };
            all.push(Examined { report: unscannable(&name, 0, "", reason), rebuilt: None });
        }
        while !waiting.is_empty() {
            let (finished, mut fault) = self.worker(waiting.make_contiguous(), &mut all).await?;
            let was_alone = waiting.len() == 1;
            waiting.drain(..finished);
            let Some(failed) = waiting.pop_front() else { break };
            if !was_alone {
                // Earlier files of the same worker may have used up its memory or time.
                (_, fault) = self.worker(std::slice::from_ref(&failed), &mut all).await?;
            }
            let (n, TaskFile { content, sha256, name, .. }) = failed;
            if let (Some(fault), Some(examined)) = (fault, all.get_mut(n)) {
                let reason = format!("the examination did not end well: {fault}");
                let report = unscannable(&name, content.len(), &sha256, reason);
                *examined = Examined { report, rebuilt: None };
            }
        }
        Ok(all)
    }

    /// Lets one worker examine files; how many it is done with, and the fault in which it ended, if any.
    async fn worker(
        &self,
        files: &[(usize, TaskFile)],
        all: &mut [Examined],
    ) -> Result<(usize, Option<Fault>), CommandError> {
        let task = Task {
            fields: None,
            files: files.iter().map(|(_, file)| file.clone()).collect(),
            settings: self.settings.clone(),
        };
        let mut worker = self.sandbox.start(task).await?;
        loop {
            match worker.next().await {
                Ok(Some(Event::Finished { file, report, rebuilt })) => {
                    if let Some(examined) = files.get(file).and_then(|(n, _)| all.get_mut(*n)) {
                        *examined = Examined { report, rebuilt };
                    }
                }
                Ok(Some(Event::Member { .. } | Event::Fields(_))) => {}
                Ok(None) => return Ok((files.len(), None)),
                Err(fault) => return Ok((worker.current().unwrap_or(0), Some(fault))),
            }
        }
    }
}

fn unscannable(name: &str, size: u64, sha256: &str, reason: String) -> Report {
    Report { reason, ..Report::unexamined(name, "", size, sha256) }
}

/// Splits files, in their order and with their sizes, into loads for one worker each.
pub(crate) fn loads<T>(files: Vec<T>, size: impl Fn(&T) -> u64) -> Vec<Vec<T>> {
    let mut loads: Vec<Vec<T>> = Vec::new();
    let mut bytes = 0;
    for file in files {
        let more = size(&file);
        match loads.last_mut() {
            Some(load) if load.len() < WORKER_FILES && bytes + more <= WORKER_BYTES => {
                load.push(file);
                bytes += more;
            }
            _ => {
                loads.push(vec![file]);
                bytes = more;
            }
        }
    }
    loads
}

#[cfg(test)]
mod tests {
    use sluse_sanitize::Verdict;

    use super::*;

    /// The test program is its own worker, which a file may tell to attack (see `sandbox::attacks`).
    #[tokio::test]
    async fn a_worker_that_fails_on_one_file_costs_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = ["one", "attack panic", "two", "attack garbage", "three"]
            .iter()
            .enumerate()
            .map(|(n, text)| {
                let path = folder.path().join(format!("{n}.txt"));
                fs::write(&path, text).unwrap();
                path
            })
            .chain([folder.path().join("missing.txt")])
            .collect();
        let all = Examiner::new(Settings::default()).unwrap().all(&paths).await.unwrap();
        let verdicts: Vec<Verdict> = all.iter().map(|examined| examined.report.verdict).collect();
        let (good, bad) = (Verdict::Rebuilt, Verdict::Unscannable);
        assert_eq!(verdicts, [good, bad, good, bad, good, bad]);
        let texts: Vec<Option<&[u8]>> =
            all.iter().map(|examined| examined.rebuilt.as_ref().map(|(bytes, _)| bytes.as_slice())).collect();
        assert_eq!(texts, [Some(&b"one"[..]), None, Some(b"two"), None, Some(b"three"), None]);
        for (n, words) in [(1, "did not end well"), (3, "did not end well"), (5, "cannot be read")] {
            assert!(all[n].report.reason.contains(words), "{}", all[n].report.reason);
        }
    }

    #[test]
    fn loads_are_bounded_by_number_and_size() {
        let sizes = |loads: Vec<Vec<u64>>| loads.iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(loads(vec![1; 20], |size| *size)), [16, 4]);
        assert_eq!(sizes(loads(vec![1, 65 << 20, 1, 40 << 20, 40 << 20], |size| *size)), [1, 1, 2, 1]);
    }
}
