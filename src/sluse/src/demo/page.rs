//! A plain portal: one form, a file picker, progress and outcome. What a municipality's own portal does, in small.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use sluse_envelope::SubmissionId;

use crate::portal::{Portal, PortalError};

const PAGE: &str = include_str!("assets/portal.html");
const STYLE: &str = include_str!("assets/portal.css");
const SCRIPT: &str = include_str!("assets/portal.js");

/// The page and the two calls that it makes.
pub(super) fn router(portal: Arc<Portal>) -> Router {
    Router::new()
        .route("/", get(|| async { asset("text/html; charset=utf-8", PAGE) }))
        .route("/portal.css", get(|| async { asset("text/css; charset=utf-8", STYLE) }))
        .route("/portal.js", get(|| async { asset("text/javascript; charset=utf-8", SCRIPT) }))
        .route("/submissions", post(submit))
        .route("/submissions/{id}", get(status))
        .with_state(portal)
}

fn asset(media_type: &'static str, text: &'static str) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"),
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Sends the form on to intake, with the portal's token.
async fn submit(State(portal): State<Arc<Portal>>, headers: HeaderMap, body: Body) -> Response {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let sent = portal.forward(content_type, reqwest::Body::wrap_stream(body.into_data_stream())).await;
    answer(sent)
}

async fn status(State(portal): State<Arc<Portal>>, Path(id): Path<SubmissionId>) -> Response {
    answer(portal.status(&id.to_string()).await)
}

fn answer(result: Result<serde_json::Value, PortalError>) -> Response {
    match result {
        Ok(answer) => Json(answer).into_response(),
        Err(PortalError::Refused { status, detail }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            (status, Json(serde_json::json!({ "detail": detail }))).into_response()
        }
        Err(cause) => (StatusCode::BAD_GATEWAY, Json(serde_json::json!({ "detail": cause.to_string() })))
            .into_response(),
    }
}
