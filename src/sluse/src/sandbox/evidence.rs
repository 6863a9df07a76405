//! What a worker may say about a file: the parent's check of an untrusted report.

use std::collections::HashSet;

use sluse_sanitize::report::{plain, sha256_hex};
use sluse_sanitize::{Format, Removed, Report, Step, Verdict};

use super::parent::TaskFile;

/// What the parent itself knows about the file.
pub(super) struct Known<'a> {
    pub(super) file: &'a TaskFile,
    pub(super) limits: &'a sluse_sanitize::Limits,
    /// SHA-256 of every nested file that was shown to the parent.
    pub(super) members: &'a HashSet<String>,
    pub(super) rebuilt: Option<&'a [u8]>,
}

/// Checks a report against what is known and makes its texts fit to show.
///
/// # Errors
/// What is wrong with it; then nothing in it is to be believed.
pub(super) fn check(mut report: Report, known: &Known<'_>) -> Result<Report, &'static str> {
    if report.sha256 != known.file.sha256 || report.size != known.file.content.len() {
        return Err("a report on another file");
    }
    match (known.rebuilt, report.verdict) {
        (None, Verdict::Rebuilt) => return Err("the verdict rebuilt without a rebuilt file"),
        (Some(_), verdict) if verdict != Verdict::Rebuilt => {
            return Err("a rebuilt file with another verdict");
        }
        (Some(bytes), _) => {
            let size = u64::try_from(bytes.len()).ok();
            if report.rebuilt_size != size || report.rebuilt_sha256 != Some(sha256_hex(bytes)) {
                return Err("a rebuilt file that is not the reported one");
            }
        }
        (None, _) => {}
    }

    let mut tree = Tree { nodes: 0, infected: false, known };
    tree.check(&mut report, 0)?;
    if tree.infected && report.verdict != Verdict::Infected {
        return Err("an infected member in a file that is not reported as infected");
    }
    report.name = plain(&known.file.name);
    report.declared = plain(&known.file.media_type);
    Ok(report)
}

struct Tree<'a> {
    nodes: u32,
    infected: bool,
    known: &'a Known<'a>,
}

impl Tree<'_> {
    /// Depth is bounded by the JSON parser's own limit of nesting before it is held against ours.
    fn check(&mut self, report: &mut Report, depth: u32) -> Result<(), &'static str> {
        // One more node than may be examined is reported on: the one that was refused for being too many or too deep.
        self.nodes += 1;
        if self.nodes > self.known.limits.max_nodes.saturating_add(1) {
            return Err("a report with too many nodes");
        }
        if depth > self.known.limits.max_depth.saturating_add(1) {
            return Err("a report that is nested too deep");
        }
        report.name = plain(&report.name);
        report.declared = plain(&report.declared);
        report.reason = plain(&report.reason);
        if !report.found.is_empty() && !Format::ALL.iter().any(|format| format.name() == report.found) {
            return Err("a format that does not exist");
        }
        let rebuilt = (report.rebuilt_as, report.rebuilt_size, report.rebuilt_sha256.as_ref());
        match (report.verdict, rebuilt) {
            (Verdict::Rebuilt, (Some(format), Some(_), Some(_))) if format.is_rebuilt() => {}
            (Verdict::Rebuilt, _) => {
                return Err("a rebuilt file without a type that is rebuilt, size or digest");
            }
            (_, (None, None, None)) => {}
            _ => return Err("a rebuilt file with another verdict"),
        }
        digest(Some(&report.sha256))?;
        digest(report.rebuilt_sha256.as_ref())?;
        for Step { name, detail, result, microseconds: _ } in &mut report.steps {
            *name = plain(name);
            *detail = detail.as_deref().map(plain);
            *result = plain(result);
        }
        for Removed { what: _, r#where, count: _, sha256 } in &mut report.removed {
            *r#where = plain(r#where);
            digest(sha256.as_ref())?;
        }
        match report.verdict {
            Verdict::Passed => return Err("a verdict that is not a worker's to give"),
            Verdict::Rebuilt if depth > 0 && !self.known.members.contains(&report.sha256) => {
                return Err("a rebuilt member that was not shown to the scanners");
            }
            Verdict::Infected => self.infected = true,
            Verdict::Rebuilt | Verdict::Refused | Verdict::Unscannable => {}
        }
        report.children.iter_mut().try_for_each(|child| self.check(child, depth + 1))
    }
}

fn digest(text: Option<&String>) -> Result<(), &'static str> {
    match text {
        Some(text) if text.len() != 64 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) => {
            Err("a digest that is none")
        }
        _ => Ok(()),
    }
}
