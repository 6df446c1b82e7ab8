//! A GET of a file of DIST → its bytes, compressed where the client takes it.
//!
//! Names made of a content hash are kept for ever by browsers; all others are asked about each time,
//! by an entity tag that is the hash of their content. Small files of the second kind (the manifest,
//! the page) are read whole, so that tag and body are of one moment even while a new epoch is
//! published over them. Byte ranges are of the uncompressed file.

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tower_http::services::ServeFile;

use super::encoding::{Encoding, accepted};
use super::paths::{self, Keep};
use super::{Site, refusal};

/// Up to this size a file that may change is read whole.
const WHOLE_LIMIT_BYTES: u64 = 1 << 20;

/// The file to answer from, and what is known of it.
struct Found {
    inside: String,
    path: PathBuf,
    length: u64,
    /// The entity tag without quotes and without the encoding's ending.
    tag: String,
    /// Read already, when small and changeable.
    bytes: Option<Vec<u8>>,
    /// The name under which compressed forms are kept.
    content_hash: Option<String>,
}

/// Everything that is not `/v1/…`.
pub async fn serve(State(site): State<Arc<Site>>, request: Request) -> Response {
    let (request, _) = request.into_parts();
    if request.method != Method::GET && request.method != Method::HEAD {
        let mut response = refusal(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_refused",
            "files can be read with GET and HEAD only",
        );
        response
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match answer(&site, &request).await {
        Ok(Some(mut response)) => {
            if site.store.is_some() && request.uri.path() == "/manifest.json" {
                // How a page learns, without another request, that this site takes events.
                response
                    .headers_mut()
                    .insert("x-nearsight-events", HeaderValue::from_static("/v1/events"));
            }
            response
        }
        Ok(None) => refusal(
            StatusCode::NOT_FOUND,
            "not_found",
            "there is no such file on this site",
        ),
        Err(error) => {
            tracing::error!("{}: {error}", request.uri.path());
            refusal(
                StatusCode::INTERNAL_SERVER_ERROR,
                "io_failed",
                "the file could not be read; the server's log says why",
            )
        }
    }
}

async fn answer(site: &Arc<Site>, request: &Parts) -> std::io::Result<Option<Response>> {
    let Some(inside) = paths::inside(request.uri.path()) else {
        return Ok(None);
    };
    let (dist, name) = (site.dist.clone(), inside.clone());
    let Some(path) = blocking(move || Ok(paths::locate(&dist, &name))).await? else {
        return Ok(None);
    };
    let metadata = match tokio::fs::metadata(&path).await {
        Ok(metadata) => metadata,
        // Gone since it was located.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if metadata.is_dir() {
        // The relative links of a page need the slash.
        let to = HeaderValue::from_str(&format!("{}/", request.uri.path()));
        return Ok(to
            .ok()
            .map(|to| (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, to)]).into_response()));
    }
    if !metadata.is_file() {
        return Ok(None);
    }
    let found = examine(site, inside, path, metadata).await?;
    respond(site, request, found).await.map(Some)
}

/// Finds tag and content hash, reading the file where that is the only way.
async fn examine(
    site: &Arc<Site>,
    inside: String,
    path: PathBuf,
    metadata: std::fs::Metadata,
) -> std::io::Result<Found> {
    if let Some(hash) = paths::hash_in_name(&inside) {
        let tag = hash.to_string();
        let content_hash = site.compressed.hash_of(&inside, &metadata);
        return Ok(Found {
            inside,
            path,
            length: metadata.len(),
            tag,
            bytes: None,
            content_hash,
        });
    }
    let (bytes, hash) = if metadata.len() <= WHOLE_LIMIT_BYTES {
        let bytes = tokio::fs::read(&path).await?;
        let hash = super::compressed::hash_bytes(&bytes);
        (Some(bytes), hash)
    } else {
        let (compressed, name, file) = (site.compressed.clone(), inside.clone(), path.clone());
        let hash = blocking(move || compressed.hash_file(&name, &file)).await?;
        (None, hash)
    };
    Ok(Found {
        inside,
        path,
        length: metadata.len(),
        tag: hash.clone(),
        bytes,
        content_hash: Some(hash),
    })
}

async fn respond(site: &Arc<Site>, request: &Parts, found: Found) -> std::io::Result<Response> {
    let headers = &request.headers;
    let keep = paths::keep(&found.inside);
    let ranged = found.bytes.is_none() && range_holds(headers, &found.tag);
    let encodings = if ranged {
        Vec::new()
    } else {
        stored_encodings(site, headers, &found)
    };
    if let Some(held) = headers.get(header::IF_NONE_MATCH)
        && let Some(tag) = matching_tag(held, &found.tag)
    {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        dress(&mut response, &found.inside, keep, &tag);
        return Ok(response);
    }
    for (encoding, file) in encodings {
        let mut response = from_file(&file, &request.method, None).await?;
        // Tidied away since it was listed: send the next best form.
        if response.status() != StatusCode::OK {
            continue;
        }
        if let Some(name) = encoding.name() {
            response
                .headers_mut()
                .insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        response.headers_mut().remove(header::ACCEPT_RANGES);
        let tag = quoted(&found.tag, encoding);
        dress(&mut response, &found.inside, keep, &tag);
        return Ok(response);
    }
    if paths::compressible(&found.inside) {
        site.compressed
            .wake_for(found.content_hash.as_deref(), found.length);
    }
    let tag = quoted(&found.tag, Encoding::Identity);
    let mut response = match found.bytes {
        Some(bytes) => {
            let length = bytes.len();
            let body = match request.method {
                Method::HEAD => Body::empty(),
                _ => Body::from(bytes),
            };
            ([(header::CONTENT_LENGTH, length)], body).into_response()
        }
        None => {
            let range = ranged.then(|| headers.get(header::RANGE)).flatten();
            from_file(&found.path, &request.method, range).await?
        }
    };
    if response.status().is_success() {
        dress(&mut response, &found.inside, keep, &tag);
    }
    if found.inside == "manifest.json" && site.store.is_some() {
        // How a page learns, without another request, that this site takes events.
        response
            .headers_mut()
            .insert("x-nearsight-events", HeaderValue::from_static("/v1/events"));
    }
    Ok(response)
}

/// The compressed forms at hand that the client takes, best first.
fn stored_encodings(
    site: &Arc<Site>,
    headers: &HeaderMap,
    found: &Found,
) -> Vec<(Encoding, PathBuf)> {
    let (Some(hash), Some(header)) = (
        found.content_hash.as_deref(),
        headers
            .get(header::ACCEPT_ENCODING)
            .and_then(|header| header.to_str().ok()),
    ) else {
        return Vec::new();
    };
    let accepted = accepted(header);
    [
        (Encoding::Brotli, accepted.brotli),
        (Encoding::Gzip, accepted.gzip),
    ]
    .into_iter()
    .filter(|(_, accepted)| *accepted)
    .filter_map(|(encoding, _)| Some((encoding, site.compressed.form(hash, encoding)?)))
    .collect()
}

/// Streams a file; ServeFile does ranges and lengths. Conditions are judged here, by content, and so
/// are not passed on.
async fn from_file(
    path: &std::path::Path,
    method: &Method,
    range: Option<&HeaderValue>,
) -> std::io::Result<Response> {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method.clone();
    if let Some(range) = range {
        request.headers_mut().insert(header::RANGE, range.clone());
    }
    let response = ServeFile::new(path).try_call(request).await?;
    let mut response = response.map(Body::new);
    response.headers_mut().remove(header::LAST_MODIFIED);
    response.headers_mut().remove(header::ETAG);
    Ok(response)
}

/// The headers of a file, whatever its form.
fn dress(response: &mut Response, inside: &str, keep: Keep, tag: &str) {
    let headers = response.headers_mut();
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static(keep.cache_control()),
    );
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    if paths::compressible(inside) {
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(paths::content_type(inside)),
    );
}

fn quoted(tag: &str, encoding: Encoding) -> String {
    format!("\"{tag}{}\"", encoding.tag())
}

/// The tag that the client holds, when it is the present content in whatever encoding: all decode to
/// the same bytes, so none has to be sent again.
fn matching_tag(held: &HeaderValue, tag: &str) -> Option<String> {
    let held = held.to_str().ok()?;
    if held.trim() == "*" {
        return Some(quoted(tag, Encoding::Identity));
    }
    held.split(',')
        .map(|one| one.trim().trim_start_matches("W/"))
        .find(|one| {
            [Encoding::Identity, Encoding::Gzip, Encoding::Brotli]
                .iter()
                .any(|encoding| *one == quoted(tag, *encoding))
        })
        .map(str::to_string)
}

/// Whether a range was asked for, and of the file as it is now.
fn range_holds(headers: &HeaderMap, tag: &str) -> bool {
    headers.contains_key(header::RANGE)
        && headers.get(header::IF_RANGE).is_none_or(|condition| {
            condition.as_bytes() == quoted(tag, Encoding::Identity).as_bytes()
        })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(std::io::Error::other)?
}
