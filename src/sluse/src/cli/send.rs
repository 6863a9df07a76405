//! `sluse send`: a portal's client.

use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value};
use tokio_util::io::ReaderStream;

use crate::cli::{CommandError, Done, output};

/// Time between two looks at a submission's state.
const POLL: Duration = Duration::from_millis(200);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Intake's address, such as <https://intake.example:8443>.
    #[arg(long)]
    to: String,
    /// File that holds the portal's token.
    #[arg(long)]
    token_file: PathBuf,
    /// Name of the form.
    #[arg(long)]
    form: String,
    /// Version of the form.
    #[arg(long, default_value_t = 1)]
    form_version: u32,
    /// A field, as NAME=VALUE; a value that is JSON is sent as such.
    #[arg(long = "field", value_name = "NAME=VALUE")]
    fields: Vec<String>,
    /// Gives the same receipt again when the same submission is sent again.
    #[arg(long)]
    idempotency_key: Option<String>,
    /// Wait for the outcome.
    #[arg(long)]
    wait: bool,
    /// For machines.
    #[arg(long)]
    json: bool,
    /// Files to attach.
    files: Vec<PathBuf>,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Done, CommandError> {
    let token = tokio::fs::read_to_string(&arguments.token_file)
        .await
        .map_err(|cause| format!("cannot read {}: {cause}", arguments.token_file.display()))?;
    let portal = Portal::new(&arguments.to, token.trim())?;
    let submission = serde_json::json!({
        "form": arguments.form,
        "version": arguments.form_version,
        "fields": fields(&arguments.fields)?,
    });
    let answer = portal.submit(&submission, &arguments.files, arguments.idempotency_key.as_deref()).await?;
    let id = answer.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    if !arguments.wait {
        if arguments.json {
            output::json(&answer);
        } else {
            println!("accepted: {id}");
            println!("receipt:  {}", answer.get("receipt").and_then(Value::as_str).unwrap_or_default());
        }
        return Ok(Done::Fully);
    }
    let status = portal.wait(&id).await?;
    if arguments.json {
        output::json(&status);
    } else {
        print_status(&status, &arguments.files);
    }
    let state = status.get("status").and_then(Value::as_str).unwrap_or_default();
    Ok(if state == "relayed" { Done::Fully } else { Done::WithFindings })
}

fn print_status(status: &Value, files: &[PathBuf]) {
    let word = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    println!("{}: {}", word(status.get("id")), word(status.get("status")));
    let codes = status.get("attachments").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if !codes.is_empty() {
        let mut table = output::table(&["file", "outcome"]);
        for (file, code) in files.iter().zip(codes) {
            table.add_row([file.display().to_string(), word(code.get("code"))]);
        }
        println!("{table}");
    }
}

fn fields(given: &[String]) -> Result<Map<String, Value>, CommandError> {
    let mut fields = Map::new();
    for field in given {
        let (name, value) =
            field.split_once('=').ok_or_else(|| format!("--field {field:?} is not NAME=VALUE"))?;
        let value = match serde_json::from_str(value) {
            Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::Array(_) | Value::Object(_))) => value,
            _ => Value::String(value.to_owned()),
        };
        fields.insert(name.to_owned(), value);
    }
    Ok(fields)
}

/// Intake as a portal sees it.
pub(crate) struct Portal {
    client: reqwest::Client,
    submissions: String,
    token: String,
}

impl Portal {
    /// A client of the intake at `base`.
    pub(crate) fn new(base: &str, token: &str) -> Result<Self, CommandError> {
        // Already installed when a client was made before: that is what is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let submissions = format!("{}/v1/submissions", base.trim_end_matches('/'));
        Ok(Self { client: reqwest::Client::builder().build()?, submissions, token: token.to_owned() })
    }

    /// Sends one submission; the answer holds id and receipt.
    pub(crate) async fn submit(
        &self,
        submission: &Value,
        files: &[PathBuf],
        idempotency_key: Option<&str>,
    ) -> Result<Value, CommandError> {
        let json = reqwest::multipart::Part::text(submission.to_string()).mime_str("application/json")?;
        let mut form = reqwest::multipart::Form::new().part("submission", json);
        let progress = progress(files)?;
        for path in files {
            form = form.part("file", file_part(path, &progress).await?);
        }
        let mut request = self.client.post(&self.submissions).bearer_auth(&self.token).multipart(form);
        if let Some(key) = idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        let answer = answer(request.send().await?).await;
        progress.finish_and_clear();
        answer
    }

    /// Waits until nothing more will happen to a submission in the DMZ's sight.
    pub(crate) async fn wait(&self, id: &str) -> Result<Value, CommandError> {
        loop {
            let url = format!("{}/{id}", self.submissions);
            let status = answer(self.client.get(url).bearer_auth(&self.token).send().await?).await?;
            match status.get("status").and_then(Value::as_str) {
                Some("received" | "examining") => tokio::time::sleep(POLL).await,
                _ => return Ok(status),
            }
        }
    }
}

async fn answer(response: reqwest::Response) -> Result<Value, CommandError> {
    let status = response.status();
    let body: Value = response.json().await.unwrap_or_default();
    if status.is_success() {
        return Ok(body);
    }
    let detail = body.get("detail").and_then(Value::as_str).unwrap_or("no details were given");
    let mut text = format!("not accepted ({status}): {detail}");
    for error in body.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default() {
        let part = |name| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        text.push_str(&format!("\n  {}: {}", part("pointer"), part("message")));
    }
    Err(text.into())
}

fn progress(files: &[PathBuf]) -> Result<ProgressBar, CommandError> {
    let mut total = 0;
    for path in files {
        total += std::fs::metadata(path).map_err(|cause| format!("cannot read {}: {cause}", path.display()))?.len();
    }
    let bar = ProgressBar::new(total);
    bar.set_style(ProgressStyle::with_template("{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}")?);
    Ok(bar)
}

async fn file_part(path: &Path, progress: &ProgressBar) -> Result<reqwest::multipart::Part, CommandError> {
    use futures_util::TryStreamExt as _;
    let unreadable = |cause| format!("cannot read {}: {cause}", path.display());
    let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    let length = file.metadata().await.map_err(unreadable)?.len();
    let progress = progress.clone();
    let stream = ReaderStream::new(file).inspect_ok(move |bytes| progress.inc(bytes.len() as u64));
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(reqwest::multipart::Part::stream_with_length(reqwest::Body::wrap_stream(stream), length).file_name(name))
}
