//! `POST /v1/submissions`: from the first byte to a durable, sealed submission and a signed receipt.
//!
//! ```text
//! token ─▶ early limits ─▶ ledger: begin ─▶ part `submission` ─▶ parts `file` ─▶ seal message ─▶ queue: put ─▶ ledger: received ─▶ 202
//!                                              (contract, schema)   (sealed as they come)                durable
//! ```
//!
//! Invariants: 202 only when message and blobs are durable; on any other answer nothing is kept; a repeated `Idempotency-Key`
//! gives the same id and receipt, also when the first answer was lost on its way or the process died before sending it; with
//! other content it is refused.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sluse_envelope::{Direction, Manifest, Sealing, SubmissionId, UnixMillis};

use crate::clock;
use crate::contract::Contract;
use crate::id::CodeWord;
use crate::intake::Intake;
use crate::intake::attachment::Attachments;
use crate::intake::auth::{Caller, authenticate};
use crate::intake::claim::{LocalClaim, Receiving};
use crate::intake::multipart::Parts;
use crate::intake::problem::{self, Problem, ours};
use crate::intake::receipt::{self, Accepted, IdempotencyKey};
use crate::ledger::intake::Begun;
use crate::queue::{Message, Put, QueueError};

/// Largest `submission` part, in bytes.
const MAX_SUBMISSION_BYTES: usize = 1 << 20;
/// What headers and boundaries may add to the attachments in a request's Content-Length, in bytes.
const FRAMING_BYTES: u64 = (MAX_SUBMISSION_BYTES as u64) + (1 << 20);

/// The part `submission`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Submission {
    form: String,
    version: u32,
    fields: Box<RawValue>,
    #[serde(default)]
    reply_to: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    id: SubmissionId,
    receipt: String,
}

/// Handles the request.
pub(super) async fn submit(State(intake): State<Arc<Intake>>, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let caller = authenticate(&intake.settings.portals, &head.headers)?;
    let key = IdempotencyKey::of(&head.headers)?;
    refuse_early(&intake, caller, &head.headers)?;
    let slot = Arc::clone(&intake.uploads).try_acquire_owned().map_err(|_| Problem::Busy)?;
    let digest = key.as_ref().map(IdempotencyKey::digest);
    let local = digest
        .map(|digest| LocalClaim::take(&intake.claims, caller.name(), digest).ok_or(Problem::InProgress))
        .transpose()?;

    let fresh = SubmissionId::new(UnixMillis::now()).map_err(|cause| ours("begin", &cause))?;
    let begun = intake.ledger.begin(caller.name(), digest, fresh).await;
    let receiving = match begun.map_err(|cause| ours("begin", &cause))? {
        Begun::Claimed(claim) => Receiving::begin(&intake.ledger, claim, key.is_some()),
        Begun::Held => return Err(Problem::InProgress),
        Begun::Done { id, receipt, content } => {
            let key = key.ok_or(Problem::Unavailable)?;
            let taken = take(&intake, caller, id, &head.headers, body).await?;
            if content.is_some_and(|content| content != key.fingerprint(&taken.manifest)) {
                return Err(Problem::KeyReused);
            }
            let receipt = key.reveal(id, &receipt).ok_or(Problem::Unavailable)?;
            return Ok(accepted(id, receipt));
        }
    };
    let id = receiving.id();
    // Before the body: what no broker takes would be stored in vain.
    if let Err(cause) = intake.queue.ready().await {
        receiving.end().await;
        return Err(problem::queue("queue", &cause));
    }
    let taken = match take(&intake, caller, id, &head.headers, body).await {
        Ok(taken) => taken,
        Err(problem) => {
            receiving.end().await;
            return Err(problem);
        }
    };

    // What is whole is kept also when the portal hangs up now.
    let portal = caller.name().clone();
    let keeping = intake.keeping.spawn({
        let intake = Arc::clone(&intake);
        async move {
            let _held = (slot, local);
            let mut receiving = receiving;
            let kept = keep(&intake, portal, key, &mut receiving, taken).await;
            receiving.end().await;
            kept
        }
    });
    let receipt = keeping.await.map_err(|cause| ours("keep", &cause))??;
    Ok(accepted(id, receipt))
}

/// Refuses a request whose announced length no form of this portal allows, before anything of it is read.
fn refuse_early(intake: &Intake, caller: Caller<'_>, headers: &HeaderMap) -> Result<(), Problem> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok());
    let contracts = intake.settings.contracts.iter().filter(|contract| caller.may_submit(&contract.form));
    let limit = contracts.map(|contract| contract.attachments.max_total_bytes).max().unwrap_or(0);
    match announced {
        Some(length) if length > limit.saturating_add(FRAMING_BYTES) => Err(Problem::TooLarge {
            what: "the request".to_owned(),
            key: "attachments.max_total_bytes",
            limit,
        }),
        _ => Ok(()),
    }
}

/// A submission that has been read to its end.
struct Taken {
    manifest: Manifest,
    attachments: Attachments,
}

async fn take(
    intake: &Intake,
    caller: Caller<'_>,
    id: SubmissionId,
    headers: &HeaderMap,
    body: Body,
) -> Result<Taken, Problem> {
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    let mut parts = Parts::new(headers, body, intake.settings.idle)?;
    let missing = || Problem::Malformed("the first part is not named \"submission\"".to_owned());
    let mut first = parts.next().await?.ok_or_else(missing)?;
    if first.name() != Some("submission") {
        return Err(missing());
    }
    let json =
        parts.whole(&mut first, "the part \"submission\"", "1 MiB, fixed", MAX_SUBMISSION_BYTES).await?;
    drop(first);
    let submission: Submission = serde_json::from_slice(&json).map_err(|cause| {
        Problem::Malformed(format!(
            "the part \"submission\" is no JSON object of form, version, fields and optionally reply_to (line {}, column {})",
            cause.line(),
            cause.column()
        ))
    })?;
    if submission
        .reply_to
        .as_ref()
        .is_some_and(|address| address.len() > sluse_envelope::manifest::MAX_TEXT_LEN)
    {
        return Err(Problem::Malformed("reply_to is longer than 1024 bytes".to_owned()));
    }
    let contract = contract_for(intake, caller, &submission)?;
    let rules = &contract.attachments;
    if announced.is_some_and(|length| length > rules.max_total_bytes.saturating_add(FRAMING_BYTES)) {
        return Err(Problem::TooLarge {
            what: "the request".to_owned(),
            key: "attachments.max_total_bytes",
            limit: rules.max_total_bytes,
        });
    }

    let mut attachments = Attachments::new(Arc::clone(&intake.blobs));
    while let Some(mut part) = parts.next().await? {
        if part.name() != Some("file") {
            return Err(Problem::Malformed("a part after the first is not named \"file\"".to_owned()));
        }
        attachments.take(id, rules, &parts, &mut part).await?;
    }
    let manifest = Manifest {
        form: submission.form,
        version: submission.version,
        fields: submission.fields,
        reply_to: submission.reply_to,
        attachments: attachments.listed().to_vec(),
    };
    Ok(Taken { manifest, attachments })
}

fn contract_for<'a>(
    intake: &'a Intake,
    caller: Caller<'_>,
    submission: &Submission,
) -> Result<&'a Contract, Problem> {
    let contracts = &intake.settings.contracts;
    if !contracts.knows(&submission.form) {
        return Err(Problem::UnknownForm);
    }
    if !caller.may_submit(&submission.form) {
        return Err(Problem::FormNotAllowed);
    }
    let contract = contracts.find(&submission.form, submission.version).ok_or(Problem::UnknownVersion)?;
    let schema =
        intake.schemas.get(&(contract.form.clone(), contract.version)).ok_or(Problem::UnknownVersion)?;
    schema.check(submission.fields.get().as_bytes()).map_err(Problem::FieldsInvalid)?;
    Ok(contract)
}

/// Makes a whole submission durable and signs the receipt.
async fn keep(
    intake: &Intake,
    portal: CodeWord,
    key: Option<IdempotencyKey>,
    receiving: &mut Receiving,
    taken: Taken,
) -> Result<String, Problem> {
    let id = receiving.id();
    let Taken { manifest, attachments } = taken;
    match &key {
        Some(key) => receiving.fix_content(key.fingerprint(&manifest)).await?,
        // Nobody can ask for it again; and once it may be queued it is not taken back.
        None => receiving.settle(),
    }
    let now = clock::now();
    let fields = manifest.fields.get().as_bytes();
    let content = manifest.to_json().map_err(|cause| ours("seal", &cause))?;
    let sealing = Sealing {
        direction: Direction::Dmz,
        submission: id,
        created: UnixMillis(clock::millis(now)),
        recipient: &intake.settings.bridge_key,
        sealer: &intake.settings.signing_key,
    };
    let body = sealing.seal(&content).map_err(|cause| ours("seal", &cause))?;

    let received_at = clock::rfc3339(now);
    let receipt = receipt::sign(
        &intake.settings.signing_key,
        &Accepted {
            id,
            received_at: &received_at,
            form: &manifest.form,
            version: manifest.version,
            fields,
            attachments: &manifest.attachments,
        },
    );
    let concealed = key.as_ref().and_then(|key| key.conceal(id, &receipt)).unwrap_or_default();

    match intake.queue.put(Message { id, body }).await {
        Ok(Put::Stored) => attachments.keep(),
        // An earlier try of the same Idempotency-Key is queued: that one counts, with its blobs.
        Ok(Put::AlreadyThere) => drop(attachments),
        Err(cause @ QueueError::Full) => return Err(problem::queue("queue", &cause)),
        Err(cause) => {
            // It may be queued all the same: blobs that no message names are collected later.
            attachments.keep();
            return Err(problem::queue("queue", &cause));
        }
    }
    // Queued is accepted: from here on nothing may say otherwise to the portal.
    let known = match intake.ledger.received(id, concealed).await {
        Ok(known) => {
            receiving.settle();
            known
        }
        Err(cause) => {
            tracing::error!(%id, %cause, "a queued submission could not be noted as received");
            None
        }
    };
    intake.audit_received(id, portal).await;
    // An earlier try of the same Idempotency-Key may have given a receipt already: it is the one that counts.
    Ok(key.zip(known).and_then(|(key, known)| key.reveal(id, &known)).unwrap_or(receipt))
}

fn accepted(id: SubmissionId, receipt: String) -> Response {
    let mut response = (StatusCode::ACCEPTED, Json(Answer { id, receipt })).into_response();
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/submissions/{id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
