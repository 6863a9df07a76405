//! `sluse send`: a portal's client.

use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value};

use crate::cli::{CommandError, Done, output};
use crate::portal::Portal;

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
    let bar = progress(&arguments.files)?;
    let sent = {
        let bar = bar.clone();
        move |bytes| bar.inc(bytes)
    };
    let answer =
        portal.submit(&submission, &arguments.files, arguments.idempotency_key.as_deref(), sent).await;
    bar.finish_and_clear();
    let answer = answer?;
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

fn progress(files: &[PathBuf]) -> Result<ProgressBar, CommandError> {
    let mut total = 0;
    for path in files {
        total += std::fs::metadata(path)
            .map_err(|cause| format!("cannot read {}: {cause}", path.display()))?
            .len();
    }
    let bar = ProgressBar::new(total);
    bar.set_style(ProgressStyle::with_template("{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}")?);
    Ok(bar)
}
