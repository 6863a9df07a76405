//! The operator's YARA rules, run inside the worker.

use std::time::{Duration, Instant};

use boreal::Compiler;
use boreal::compiler::CompilerParams;
use boreal::scanner::{ScanError, ScanParams, Scanner};
use sluse_sanitize::report::{plain, sha256_hex};
use sluse_sanitize::{Failure, Step};

/// Longest time over one file. The engine needs about a second for 100 MB of ordinary content.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Rules that do not compile: the operator's fault. The text names the line.
#[derive(Debug, thiserror::Error)]
#[error("YARA rules: {0}")]
pub struct RulesError(String);

/// Compiled rules.
#[derive(Debug)]
pub struct Rules {
    scanner: Scanner,
    /// What the report says was used: the number of rules and the start of their text's digest.
    name: String,
}

impl Rules {
    /// Compiles the text of one or more rule files. `include` is not followed.
    ///
    /// # Errors
    /// [`RulesError`] with the place and what is wrong there.
    pub fn compile(text: &str) -> Result<Self, RulesError> {
        let mut compiler = Compiler::new();
        compiler.set_params(CompilerParams::default().disable_includes(true));
        compiler.add_rules_str(text).map_err(|error| RulesError(error.to_string()))?;
        let mut scanner = compiler.finalize();
        scanner.set_scan_params(ScanParams::default().timeout_duration(Some(TIMEOUT)));
        let digest = sha256_hex(text.as_bytes());
        let name =
            format!("{} rules, sha256 {}", scanner.rules().count(), digest.get(..16).unwrap_or_default());
        Ok(Self { scanner, name })
    }

    /// How many rules there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.scanner.rules().count()
    }

    /// Runs every rule over `bytes`.
    ///
    /// # Errors
    /// [`Failure::Infected`] with the names of the rules that match; [`Failure::Malformed`] when the bytes could not
    /// be looked at, which is never taken for clean.
    pub fn inspect(&self, bytes: &[u8]) -> Result<Step, Failure> {
        let start = Instant::now();
        let result = self.scanner.scan_mem(bytes);
        // A rule that matched before the scan broke off is a match all the same.
        let (found, error) = match result {
            Ok(found) => (found, None),
            Err((error, found)) => (found, Some(error)),
        };
        let names: Vec<String> = found.rules.iter().map(|rule| plain(rule.name)).collect();
        match (names.as_slice(), error) {
            ([], None) => Ok(Step {
                name: "yara".to_owned(),
                detail: Some(self.name.clone()),
                result: "ok".to_owned(),
                microseconds: u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX),
            }),
            ([], Some(ScanError::Timeout)) => Err(Failure::Malformed(format!(
                "YARA could not look through it in {} seconds",
                TIMEOUT.as_secs()
            ))),
            ([], Some(error)) => Err(Failure::Malformed(format!("YARA could not look at it: {error}"))),
            ([name], _) => Err(Failure::Infected(format!("YARA rule {name}"))),
            (names, _) => Err(Failure::Infected(format!("YARA rules {}", names.join(", ")))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_match_is_an_infection_that_names_the_rule() {
        let rules = Rules::compile(r#"rule bad { strings: $a = "evil" condition: $a }"#).unwrap();
        assert_eq!(rules.inspect(b"an evil text"), Err(Failure::Infected("YARA rule bad".to_owned())));
        assert_eq!(rules.inspect(b"a good text").unwrap().result, "ok");
    }

    #[test]
    fn rules_that_are_wrong_do_not_compile() {
        assert!(Rules::compile("rule bad { condition: }").is_err());
    }

    #[test]
    fn include_reads_no_file() {
        assert!(Rules::compile("include \"/etc/hostname\"\nrule a { condition: true }").is_err());
    }

    #[test]
    fn no_rules_are_no_error() {
        assert_eq!(
            Rules::compile("").unwrap().inspect(b"x").unwrap().detail.unwrap().split(',').next(),
            Some("0 rules")
        );
    }
}
