//! What a scanner's reply means.

use sluse_sanitize::report::plain;

/// What the scanner said about some content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// What it found.
    pub verdict: Verdict,
    /// Engine and signature version, as the scanner tells it, escaped.
    pub engine: String,
}

/// What the scanner found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Clean,
    /// Something.
    Infected {
        /// The signature's name, escaped.
        name: String,
    },
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Clean => f.write_str("ok"),
            Self::Infected { name } => write!(f, "found {name}"),
        }
    }
}

/// Why there is no verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// The scanner cannot be reached, or a self-test right after an error failed too. Nobody's content is at fault.
    #[error("the scanner is down: {0}")]
    Down(String),
    /// The content is larger than [`ClamdConfig::max_stream_bytes`](super::ClamdConfig::max_stream_bytes), or than
    /// clamd's `StreamMaxLength` when that is lower than it should be.
    #[error("the content is larger than the scanner takes")]
    SizeLimit,
    /// The scanner gave up on the content at one of its limits.
    #[error("the scanner gave up at one of its limits ({name})")]
    LimitsExceeded {
        /// What it said, escaped.
        name: String,
    },
    /// The content is encrypted, so the scanner cannot look into it.
    #[error("the content is encrypted ({name})")]
    Encrypted {
        /// What it said, escaped.
        name: String,
    },
    /// No reply in time.
    #[error("the scanner did not answer in {seconds} seconds")]
    TimedOut {
        /// [`ClamdConfig::timeout`](super::ClamdConfig::timeout), in seconds.
        seconds: u64,
    },
    /// The connection ended before there was a reply, or in the middle of one.
    #[error("the scanner broke off")]
    Cut,
    /// The reply is none that a scanner gives.
    #[error("the scanner's reply makes no sense: {0:?}")]
    Garbage(String),
    /// The scanner says that it failed.
    #[error("the scanner failed: {0}")]
    Engine(String),
    /// The content could not be read: our own machine's fault.
    #[error("reading the content: {0}")]
    Content(std::io::ErrorKind),
}

impl ScanError {
    /// Whether to try the submission again later. Otherwise the content cannot be scanned, and never will be.
    #[must_use]
    pub fn is_down(&self) -> bool {
        matches!(self, Self::Down(_) | Self::Content(_))
    }

    /// Whether the error could as well be the scanner's as the content's fault.
    pub(super) fn is_doubtful(&self) -> bool {
        matches!(self, Self::TimedOut { .. } | Self::Cut | Self::Garbage(_) | Self::Engine(_))
    }
}

/// What the scanner sent until the connection ended.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) bytes: Vec<u8>,
    /// Whether the scanner ended the connection in order, so that nothing can be missing.
    pub(super) whole: bool,
}

/// The verdict in a reply, given that the scanner had the whole content.
pub(super) fn verdict(reply: &Reply) -> Result<Verdict, ScanError> {
    if reply.whole { read(&reply.bytes) } else { Err(ScanError::Cut) }
}

fn read(reply: &[u8]) -> Result<Verdict, ScanError> {
    let line = line(reply)?;
    let garbage = || ScanError::Garbage(plain(line));
    let said = line.strip_prefix("stream: ");
    if said == Some("OK") {
        return Ok(Verdict::Clean);
    }
    if let Some(name) = said.and_then(|said| said.strip_suffix(" FOUND")) {
        // Signature names have no white space; with it the line could as well be two.
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(garbage());
        }
        let name = plain(name);
        return if name.starts_with("Heuristics.Limits.Exceeded") {
            Err(ScanError::LimitsExceeded { name })
        } else if name.starts_with("Heuristics.Encrypted.") {
            Err(ScanError::Encrypted { name })
        } else {
            Ok(Verdict::Infected { name })
        };
    }
    match line.strip_suffix(" ERROR") {
        Some("INSTREAM size limit exceeded.") => Err(ScanError::SizeLimit),
        Some(text) => Err(ScanError::Engine(plain(text))),
        None => Err(garbage()),
    }
}

/// The error in a reply that came before the scanner had the whole content: it cannot be a verdict. That the connection
/// was reset after it is usual then.
pub(super) fn early_error(reply: &Reply) -> ScanError {
    match read(&reply.bytes) {
        Err(error) => error,
        Ok(_) => ScanError::Garbage("a verdict on a part of the content".to_owned()),
    }
}

/// The one line of a reply: text that ends with the only NUL in it (the `z` form of clamd's protocol).
pub(super) fn line(reply: &[u8]) -> Result<&str, ScanError> {
    let (end, text) = reply.split_last().ok_or(ScanError::Cut)?;
    if *end != 0 {
        return Err(ScanError::Cut);
    }
    match std::str::from_utf8(text) {
        Ok(text) if !text.contains(['\0', '\n', '\r']) => Ok(text),
        _ => Err(ScanError::Garbage(plain(&String::from_utf8_lossy(text)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn early(reply: &[u8]) -> ScanError {
        early_error(&Reply { bytes: reply.to_vec(), whole: false })
    }

    #[test]
    fn a_reply_whose_connection_broke_is_no_verdict() {
        assert_eq!(verdict(&Reply { bytes: b"stream: OK\0".to_vec(), whole: false }), Err(ScanError::Cut));
    }

    #[test]
    fn only_the_exact_reply_is_clean() {
        assert_eq!(read(b"stream: OK\0"), Ok(Verdict::Clean));
        for other in [
            &b""[..],
            b"\0",
            b"OK\0",
            b"stream: OK",
            b"stream: OK\n",
            b"stream: OK\0\0",
            b"stream: OK \0",
            b"stream:OK\0",
            b"stream: ok\0",
            b"STREAM: OK\0",
            b" stream: OK\0",
            b"1: stream: OK\0",
            b"2: stream: OK\0",
            b"/tmp/clamd: OK\0",
            b"stream: OK\0stream: OK\0",
            b"stream: OK\nstream: OK\0",
            b"stream: Eicar FOUND\0stream: OK\0",
            b"stream: OK\0stream: Eicar FOUND\0",
            b"stream: OKFOUND\0",
            b"stream: OK\xff\0",
            b"stream: Empty file OK\0",
            b"stream: Excluded\0",
            b"stream:  OK\0",
            b"UNKNOWN COMMAND\0",
        ] {
            assert!(!matches!(read(other), Ok(Verdict::Clean)), "{:?}", String::from_utf8_lossy(other));
            assert!(read(other).is_err(), "{:?}", String::from_utf8_lossy(other));
        }
    }

    #[test]
    fn a_name_found_is_an_infection() {
        let found = Verdict::Infected { name: "Win.Test.EICAR_HDB-1".to_owned() };
        assert_eq!(read(b"stream: Win.Test.EICAR_HDB-1 FOUND\0"), Ok(found));
        assert_eq!(read(b"stream: OK FOUND\0"), Ok(Verdict::Infected { name: "OK".to_owned() }));
        assert!(matches!(read(b"stream:  FOUND\0"), Err(ScanError::Garbage(_))));
        assert!(matches!(read(b"stream: FOUND\0"), Err(ScanError::Garbage(_))));
        assert!(matches!(read(b"stream: A FOUND stream: B FOUND\0"), Err(ScanError::Garbage(_))));
    }

    #[test]
    fn limits_and_encryption_are_no_infection() {
        assert!(matches!(
            read(b"stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0"),
            Err(ScanError::LimitsExceeded { .. })
        ));
        assert!(matches!(
            read(b"stream: Heuristics.Encrypted.PDF FOUND\0"),
            Err(ScanError::Encrypted { .. })
        ));
        assert_eq!(read(b"INSTREAM size limit exceeded. ERROR\0"), Err(ScanError::SizeLimit));
    }

    #[test]
    fn an_error_is_told() {
        assert_eq!(
            read(b"stream: Can't allocate memory ERROR\0"),
            Err(ScanError::Engine("stream: Can't allocate memory".to_owned()))
        );
    }

    #[test]
    fn a_verdict_on_a_part_of_the_content_is_none() {
        assert!(matches!(early(b"stream: OK\0"), ScanError::Garbage(_)));
        assert!(matches!(early(b"stream: Eicar FOUND\0"), ScanError::Garbage(_)));
        assert_eq!(early(b"INSTREAM size limit exceeded. ERROR\0"), ScanError::SizeLimit);
    }
}
