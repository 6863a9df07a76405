//! Which bucket, on which server, with which key; checked when it is made.

use std::fmt;
use std::net::IpAddr;

use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

/// Longest secret that is taken, in bytes.
const MAX_SECRET_BYTES: usize = 1024;
/// Longest prefix that is taken, in bytes; an S3 key has at most 1,024.
const MAX_PREFIX_BYTES: usize = 512;

/// What is wrong with one part of an address: its key in the configuration, and the problem in plain words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{part}: {problem}")]
pub struct BadS3Address {
    /// `url`, `endpoint`, `region`, …
    pub part: &'static str,
    /// What is wrong, and what to write instead.
    pub problem: &'static str,
}

/// A text that is never shown and is wiped from memory.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text of a secret's file: 1 to 1,024 visible ASCII characters, spaces and line ends around them ignored.
    /// `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = (1..=MAX_SECRET_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The text itself.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// A bucket, or a part of one, on a server that speaks S3.
#[derive(Debug, Clone)]
pub struct S3Address {
    /// Invariant: 3 to 63 of `a-z 0-9 . -`.
    pub(super) bucket: String,
    /// Invariant: empty, or segments of `A-Z a-z 0-9 . _ -` joined by `/`, none of which begins with a dot.
    pub(super) prefix: String,
    /// Invariant: scheme, host and port alone; `http` with a loopback host only.
    pub(super) endpoint: String,
    pub(super) region: String,
    pub(super) access_key: Secret,
    pub(super) secret_key: Secret,
    /// Certificates that the server's must go back to; `None`: those of the system.
    pub(super) authorities: Option<Vec<CertificateDer<'static>>>,
}

impl S3Address {
    /// Checks the parts of an address: `s3://BUCKET[/PREFIX]`, `https://HOST[:PORT]`, a region's name, the two halves of an
    /// access key, and the certificates that alone are trusted.
    ///
    /// # Errors
    /// The first part that does not fit.
    pub fn new(
        url: &str,
        endpoint: &str,
        region: &str,
        access_key: Secret,
        secret_key: Secret,
        authorities: Option<Vec<CertificateDer<'static>>>,
    ) -> Result<Self, BadS3Address> {
        let (bucket, prefix) = bucket_and_prefix(url)
            .ok_or(BadS3Address { part: "url", problem: "is not s3://BUCKET or s3://BUCKET/PREFIX" })?;
        let endpoint = origin(endpoint)?;
        if !(1..=64).contains(&region.len())
            || !region.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        {
            let problem = "is not 1 to 64 lower-case letters, digits and hyphens";
            return Err(BadS3Address { part: "region", problem });
        }
        Ok(Self { bucket, prefix, endpoint, region: region.to_owned(), access_key, secret_key, authorities })
    }
}

impl S3Address {
    /// Whether both are one bucket and prefix; whose key is used does not matter.
    pub(in crate::blobs) fn is_same(&self, other: &Self) -> bool {
        let place =
            |address: &Self| (address.endpoint.clone(), address.bucket.clone(), address.prefix.clone());
        place(self) == place(other)
    }
}

impl fmt::Display for S3Address {
    /// Server and bucket, for messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.endpoint, self.bucket)
    }
}

fn bucket_and_prefix(url: &str) -> Option<(String, String)> {
    let (bucket, prefix) = match url.strip_prefix("s3://")?.split_once('/') {
        Some((bucket, prefix)) => (bucket, prefix.strip_suffix('/').unwrap_or(prefix)),
        None => (url.strip_prefix("s3://")?, ""),
    };
    let in_bucket = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    let bucket_fits = (3..=63).contains(&bucket.len())
        && bucket.bytes().all(in_bucket)
        && edge(bucket.bytes().next())
        && edge(bucket.bytes().last());
    let in_segment = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let segment_fits = |s: &str| !s.is_empty() && !s.starts_with('.') && s.bytes().all(in_segment);
    let prefix_fits =
        prefix.is_empty() || prefix.len() <= MAX_PREFIX_BYTES && prefix.split('/').all(segment_fits);
    (bucket_fits && prefix_fits).then(|| (bucket.to_owned(), prefix.to_owned()))
}

/// Scheme, host and port; nothing else may be there.
fn origin(endpoint: &str) -> Result<String, BadS3Address> {
    let bad = |problem| BadS3Address { part: "endpoint", problem };
    let shape = "is not https://HOST or https://HOST:PORT";
    let url = reqwest::Url::parse(endpoint).map_err(|_| bad(shape))?;
    let bare = url.username().is_empty()
        && url.password().is_none()
        && matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none();
    let host = url.host_str().filter(|_| bare).ok_or(bad(shape))?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(host) => {}
        "http" => return Err(bad("is http: only https is taken, or http to this machine")),
        _ => return Err(bad(shape)),
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str, endpoint: &str, region: &str) -> Result<S3Address, BadS3Address> {
        let key = Secret::parse("key").unwrap();
        S3Address::new(url, endpoint, region, key.clone(), key, None)
    }

    #[test]
    fn urls_name_a_bucket_and_perhaps_a_prefix() {
        let good =
            [("s3://abc", "abc", ""), ("s3://abc/", "abc", ""), ("s3://a.b-c/x/Y_1/", "a.b-c", "x/Y_1")];
        for (url, bucket, prefix) in good {
            let address = address(url, "https://s3.example", "eu").unwrap();
            assert_eq!((address.bucket.as_str(), address.prefix.as_str()), (bucket, prefix));
        }
        for bad in [
            "",
            "s3://",
            "s3://ab",
            "s3:///x",
            "s3://Abc",
            "s3://-abc",
            "s3://abc/../x",
            "s3://abc//x",
            "s3://abc/a b",
            "s3://abc?x",
            "s3://user@abc",
            "http://abc",
        ] {
            assert_eq!(address(bad, "https://s3.example", "eu").unwrap_err().part, "url", "{bad}");
        }
    }

    #[test]
    fn plain_http_goes_to_this_machine_only() {
        for good in
            ["https://s3.example:9000/", "http://127.0.0.1:9000", "http://localhost:1", "http://[::1]:1"]
        {
            let address = address("s3://abc", good, "eu").unwrap();
            assert_eq!(address.endpoint, good.trim_end_matches('/'));
        }
        for bad in [
            "http://s3.example",
            "http://10.0.0.1",
            "http://localhost.example",
            "http://127.0.0.1.example",
            "ftp://s3.example",
            "s3.example",
            "https://",
            "https://user:secret@s3.example",
            "https://s3.example/path",
            "https://s3.example/?q",
        ] {
            assert_eq!(address("s3://abc", bad, "eu").unwrap_err().part, "endpoint", "{bad}");
        }
        assert_eq!(address("s3://abc", "https://s3.example", "eu west").unwrap_err().part, "region");
    }

    #[test]
    fn secrets_are_not_shown() {
        let secret = Secret::parse(" hush\n").unwrap();
        assert_eq!(secret.reveal(), "hush");
        assert!(!format!("{:?}", address("s3://abc", "https://s3.example", "eu").unwrap()).contains("key\""));
        assert!(!format!("{secret:?}").contains("hush"));
        for bad in ["", " \n", "two words", "l\u{f8}s"] {
            assert!(Secret::parse(bad).is_none(), "{bad:?}");
        }
    }
}
