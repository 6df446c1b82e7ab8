//! `POST /v1/events` → the store.
//!
//! 202 means kept: it is sent after the commit. 400, 403, 413 and 415 mean that sending the same
//! again is of no use; 503 means that nothing of the batch was kept and the page should try later.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{Site, refusal};
use crate::feedback::parse_batch;
use crate::store::StoreError;

/// A hundred events with what a search of a large index opens fit in it.
const BODY_LIMIT_BYTES: usize = 256 * 1024;

/// Takes a batch.
pub async fn take(State(site): State<Arc<Site>>, request: Request) -> Response {
    let Some(store) = site.store.clone() else {
        return refusal(
            StatusCode::NOT_FOUND,
            "events_off",
            "this server takes no events",
        );
    };
    let headers = request.headers();
    if !site.guard.origin_allowed(headers) {
        return refusal(
            StatusCode::FORBIDDEN,
            "origin_refused",
            "events are taken from pages of this server only; start it with --allow-origin ORIGIN to permit another",
        );
    }
    if !is_json(headers) {
        return refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media_type_refused",
            "send events as application/json",
        );
    }
    let too_large = || {
        refusal(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            &format!("the body may hold {BODY_LIMIT_BYTES} bytes; send fewer events at a time"),
        )
    };
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > BODY_LIMIT_BYTES as u64) {
        return too_large();
    }
    let body = match to_bytes(request.into_body(), BODY_LIMIT_BYTES).await {
        Ok(body) => body,
        Err(error) if is_limit(&error) => return too_large(),
        Err(error) => {
            return refusal(
                StatusCode::BAD_REQUEST,
                "body_cut",
                &format!("the body ended early: {error}"),
            );
        }
    };
    let events = match parse_batch(&body) {
        Ok(events) => events,
        Err(error) => {
            let mut answer =
                serde_json::json!({"error": {"code": error.code(), "message": error.to_string()}});
            if let Some(event) = error.event() {
                answer["error"]["event"] = event.into();
            }
            return (
                StatusCode::BAD_REQUEST,
                [(header::CACHE_CONTROL, "no-store")],
                axum::Json(answer),
            )
                .into_response();
        }
    };
    let received_at_ms = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64);
    let Ok(turn) = site.appending.clone().acquire_owned().await else {
        return store_failed("store_failed", "the store is closed");
    };
    let kept = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        store.append(&events, received_at_ms)
    });
    match kept.await {
        Ok(Ok(appended)) => (
            StatusCode::ACCEPTED,
            [(header::CACHE_CONTROL, "no-store")],
            axum::Json(appended),
        )
            .into_response(),
        Ok(Err(error)) => {
            tracing::error!("events were not kept: {error}");
            store_failed(error.code(), public_reason(&error))
        }
        Err(panicked) => {
            tracing::error!("events were not kept: {panicked}");
            store_failed("store_failed", "the store failed")
        }
    }
}

/// Without the paths of this machine, which are for its log only.
fn public_reason(error: &StoreError) -> &'static str {
    match error {
        StoreError::Full { .. } => "the store is full; nothing of this batch was kept",
        StoreError::Busy { .. } => {
            "the store is busy; nothing of this batch was kept, send it again"
        }
        _ => "the store failed; nothing of this batch was kept",
    }
}

fn store_failed(code: &str, message: &str) -> Response {
    let mut response = refusal(StatusCode::SERVICE_UNAVAILABLE, code, message);
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
    response
}

/// A page elsewhere cannot send this type without asking first, which is half of the protection.
fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn is_limit(error: &axum::Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = source {
        if one.to_string() == "length limit exceeded" {
            return true;
        }
        source = one.source();
    }
    false
}
