//! `GET /v1/submissions/{id}`: what became of a submission, for the portal that sent it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{self, Path};
use axum::http::HeaderMap;
use serde::Serialize;
use sluse_envelope::SubmissionId;

use crate::id::CodeWord;
use crate::intake::Intake;
use crate::intake::auth::authenticate;
use crate::intake::problem::{Problem, ours};
use crate::model::outcome::State;

#[derive(Serialize)]
pub(super) struct Status {
    id: SubmissionId,
    status: State,
    attachments: Vec<AttachmentStatus>,
}

#[derive(Serialize)]
struct AttachmentStatus {
    index: usize,
    code: CodeWord,
}

/// Handles the request. An id of another portal is as unknown as one that never was.
pub(super) async fn status(
    extract::State(intake): extract::State<Arc<Intake>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Status>, Problem> {
    let caller = authenticate(&intake.settings.portals, &headers)?;
    let id: SubmissionId = id.parse().map_err(|_| Problem::NotFound)?;
    let found = intake.ledger.find(caller.name(), id).await.map_err(|cause| ours("look up", &cause))?;
    let found = found.filter(|found| found.state != State::Pending).ok_or(Problem::NotFound)?;
    let attachments =
        found.codes.into_iter().enumerate().map(|(index, code)| AttachmentStatus { index, code }).collect();
    Ok(Json(Status { id, status: found.state, attachments }))
}
