//! Intake as a portal sees it: a small client of its HTTP interface.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use serde_json::Value;
use tokio_util::io::ReaderStream;

/// Time between two looks at a submission's state.
const POLL: Duration = Duration::from_millis(200);

/// Why a submission was not accepted or its state not told.
#[derive(Debug, thiserror::Error)]
pub enum PortalError {
    /// No connection, or it broke.
    #[error("{url} cannot be reached: {cause}")]
    Connection {
        /// Where.
        url: String,
        /// Why not.
        cause: reqwest::Error,
    },
    /// A file to attach cannot be read.
    #[error("cannot read {path}: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: std::io::Error,
    },
    /// Intake said no.
    #[error("not accepted ({status}): {detail}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Intake's words.
        detail: String,
    },
}

/// A portal's connection to an intake.
#[derive(Debug, Clone)]
pub struct Portal {
    client: reqwest::Client,
    submissions: String,
    token: String,
}

impl Portal {
    /// A client of the intake at `base`, with the portal's token.
    ///
    /// # Errors
    /// When no client can be made on this machine.
    pub fn new(base: &str, token: &str) -> Result<Self, PortalError> {
        // An error says that an earlier client installed it: that is what is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let submissions = format!("{}/v1/submissions", base.trim_end_matches('/'));
        let client = reqwest::Client::builder().build().map_err(|cause| lost(&submissions, cause))?;
        Ok(Self { client, submissions, token: token.to_owned() })
    }

    /// Sends one submission; the answer holds id and receipt. `sent` is told how many bytes of files went out.
    ///
    /// # Errors
    /// [`PortalError`]: then nothing was accepted, as far as is known here.
    pub async fn submit(
        &self,
        submission: &Value,
        files: &[PathBuf],
        idempotency_key: Option<&str>,
        sent: impl Fn(u64) + Clone + Send + Sync + 'static,
    ) -> Result<Value, PortalError> {
        let json = reqwest::multipart::Part::text(submission.to_string());
        let mut form = reqwest::multipart::Form::new().part("submission", json);
        for path in files {
            form = form.part("file", part(path, sent.clone()).await?);
        }
        let mut request = self.client.post(&self.submissions).bearer_auth(&self.token).multipart(form);
        if let Some(key) = idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        self.answer(request).await
    }

    /// Sends a `multipart/form-data` body on, as it comes.
    ///
    /// # Errors
    /// [`PortalError`].
    pub(crate) async fn forward(
        &self,
        content_type: &str,
        body: reqwest::Body,
    ) -> Result<Value, PortalError> {
        let request = self.client.post(&self.submissions).bearer_auth(&self.token);
        self.answer(request.header("Content-Type", content_type).body(body)).await
    }

    /// The state of a submission.
    ///
    /// # Errors
    /// [`PortalError`].
    pub async fn status(&self, id: &str) -> Result<Value, PortalError> {
        let url = format!("{}/{id}", self.submissions);
        self.answer(self.client.get(url).bearer_auth(&self.token)).await
    }

    /// Waits until nothing more will happen to a submission in the DMZ's sight.
    ///
    /// # Errors
    /// [`PortalError`].
    pub async fn wait(&self, id: &str) -> Result<Value, PortalError> {
        loop {
            let status = self.status(id).await?;
            match status.get("status").and_then(Value::as_str) {
                Some("received" | "examining") => tokio::time::sleep(POLL).await,
                _ => return Ok(status),
            }
        }
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Value, PortalError> {
        let response = request.send().await.map_err(|cause| lost(&self.submissions, cause))?;
        let status = response.status();
        let body: Value = response.json().await.unwrap_or_default();
        if status.is_success() {
            return Ok(body);
        }
        let word =
            |value: &Value, name| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut detail = word(&body, "detail");
        for error in body.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default() {
            detail.push_str(&format!("\n  {}: {}", word(error, "pointer"), word(error, "message")));
        }
        Err(PortalError::Refused { status: status.as_u16(), detail })
    }
}

fn lost(url: &str, cause: reqwest::Error) -> PortalError {
    PortalError::Connection { url: url.to_owned(), cause }
}

/// A file as a streamed part.
async fn part(
    path: &Path,
    sent: impl Fn(u64) + Send + Sync + 'static,
) -> Result<reqwest::multipart::Part, PortalError> {
    let unreadable = |cause| PortalError::File { path: path.to_owned(), cause };
    let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    let length = file.metadata().await.map_err(unreadable)?.len();
    let stream = ReaderStream::new(file).inspect_ok(move |bytes| sent(bytes.len() as u64));
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(reqwest::multipart::Part::stream_with_length(reqwest::Body::wrap_stream(stream), length)
        .file_name(name))
}
