//! A published folder → a web site: static files, and the intake of events.
//!
//! Three doors: the files of DIST, `POST /v1/events`, `GET /v1/health`. Binds to loopback unless told
//! otherwise, has no credentials to lose, and answers with the same safety headers everywhere. Never
//! serves a path that has a part beginning with a dot: the vectors, the events and the log live there.

mod accept;
mod compressed;
mod encoding;
mod guard;
mod intake;
pub mod maintenance;
mod paths;
mod static_files;
pub mod traffic;

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use thiserror::Error;
use tokio::net::TcpListener;

use crate::store::{EventStore, SqliteStore, StoreError};
use compressed::Compressed;
use guard::Guard;

pub use guard::CONTENT_SECURITY_POLICY;

/// The folder of a published index that is never served.
const STATE_FOLDER: &str = ".nearsight";

/// What to serve, and to whom.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The published folder; it holds `manifest.json`.
    pub dist: PathBuf,
    /// An address or a name. Anything but loopback opens the folder to the network.
    pub host: String,
    /// 0 takes a free one; [`Server::address`] tells which.
    pub port: u16,
    /// Names under which the server may be addressed beside loopback's own, as a proxy in front of it
    /// passes them on. While bound to loopback other names are refused, so that a page elsewhere
    /// cannot point its own name at this machine and read the pictures.
    pub allowed_hosts: Vec<String>,
    /// Origins (`https://shop.example`) whose pages may send events beside the server's own; needed
    /// behind a proxy that rewrites `Host`.
    pub allowed_origins: Vec<String>,
    /// Whether events are taken, into `DIST/.nearsight/events.sqlite`.
    pub events: bool,
    /// Largest size of that file. 0 would refuse every event; past it they are refused with 503.
    pub events_limit_bytes: u64,
    /// Whether to compress in the background, into `DIST/.nearsight/compressed`.
    pub compress: bool,
}

impl ServeOptions {
    /// Loopback, port 8080, events and compression on.
    pub fn new(dist: impl Into<PathBuf>) -> ServeOptions {
        ServeOptions {
            dist: dist.into(),
            host: "127.0.0.1".into(),
            port: 8080,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            events: true,
            events_limit_bytes: 4 << 30,
            compress: true,
        }
    }
}

/// Why the server did not start, or stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServerError {
    #[error("{}: no manifest.json in it; name the folder that `build` wrote", .dist.display())]
    NotAnIndex { dist: PathBuf },
    #[error("{host}:{port}: {source}; choose another --port or --host")]
    Bind {
        host: String,
        port: u16,
        source: std::io::Error,
    },
    #[error("{}: {source}", .path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ServerError {
    /// Stable, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            ServerError::NotAnIndex { .. } => "index_missing",
            ServerError::Bind { .. } => "bind_failed",
            ServerError::Io { .. } => "io_failed",
            ServerError::Store(error) => error.code(),
        }
    }
}

/// The codes that [`ServerError::code`] can give beside the store's.
pub const CODES: &[&str] = &["index_missing", "bind_failed", "io_failed"];

/// What the handlers share.
struct Site {
    /// Canonical.
    dist: PathBuf,
    store: Option<Arc<dyn EventStore>>,
    /// One append at a time; the others wait here and not in threads.
    appending: Arc<tokio::sync::Semaphore>,
    guard: Guard,
    compressed: Arc<Compressed>,
}

/// A server that holds its port and does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    site: Arc<Site>,
    compress: bool,
}

/// Binds, opens the event store, and gives the server; [`Server::run`] answers.
pub async fn bind(options: ServeOptions) -> Result<Server, ServerError> {
    let dist = options
        .dist
        .canonicalize()
        .map_err(|source| ServerError::Io {
            path: options.dist.clone(),
            source,
        })?;
    if !dist.join("manifest.json").is_file() {
        return Err(ServerError::NotAnIndex { dist: options.dist });
    }
    let bind_failed = |source| ServerError::Bind {
        host: options.host.clone(),
        port: options.port,
        source,
    };
    let listener = TcpListener::bind((options.host.trim_matches(['[', ']']), options.port))
        .await
        .map_err(bind_failed)?;
    let address = listener.local_addr().map_err(bind_failed)?;
    let store: Option<Arc<dyn EventStore>> = if options.events {
        Some(Arc::new(SqliteStore::open(
            &events_path(&dist),
            Some(options.events_limit_bytes),
        )?))
    } else {
        None
    };
    if !address.ip().is_loopback() {
        tracing::warn!(
            "listening on {address}: everybody who reaches this machine can see the pictures of {}",
            dist.display()
        );
    }
    Ok(Server {
        listener,
        address,
        compress: options.compress,
        site: Arc::new(Site {
            compressed: Arc::new(Compressed::new(&dist)),
            guard: Guard::new(
                address.ip().is_loopback(),
                options.allowed_hosts,
                options.allowed_origins,
            ),
            dist,
            store,
            appending: Arc::new(tokio::sync::Semaphore::new(1)),
        }),
    })
}

/// Where the events of a published folder are kept.
pub fn events_path(dist: &Path) -> PathBuf {
    dist.join(STATE_FOLDER).join("events.sqlite")
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown` is ready; then takes no new connection, finishes the requests under
    /// way (ten seconds at most), and closes the event store.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
        let worker = self.compress.then(|| self.site.compressed.start());
        accept::run(self.listener, router(self.site.clone()), shutdown).await;
        self.site.compressed.stop();
        let store = self.site.store.clone();
        let closing = tokio::task::spawn_blocking(move || {
            if let Some(worker) = worker {
                // A panic in there was reported when it happened, and lost nothing but speed.
                let _ = worker.join();
            }
            store.map_or(Ok(()), |store| store.flush())
        });
        match closing.await {
            Ok(flushed) => Ok(flushed?),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
}

/// [`bind`] and [`Server::run`] in one.
pub async fn serve(
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServerError> {
    bind(options).await?.run(shutdown).await
}

/// Ready when the process is asked to end: Ctrl-C, or SIGTERM.
pub async fn ended_by_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

fn router(site: Arc<Site>) -> Router {
    Router::new()
        .route("/v1/events", post(intake::take))
        .route("/v1/health", get(health))
        .fallback(static_files::serve)
        .layer(axum::middleware::from_fn_with_state(
            site.clone(),
            guard::watch,
        ))
        .with_state(site)
}

/// Whether the published index can be read, and which epoch it is.
async fn health(State(site): State<Arc<Site>>) -> Response {
    #[derive(serde::Deserialize)]
    struct Epoch {
        epoch: u64,
    }
    let manifest = tokio::fs::read(site.dist.join("manifest.json")).await;
    let epoch = manifest
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Epoch>(&bytes).ok());
    let (status, body) = match epoch {
        Some(Epoch { epoch }) => (
            StatusCode::OK,
            serde_json::json!({"status": "ok", "epoch": epoch, "events": site.store.is_some()}),
        ),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            serde_json::json!({"status": "manifest.json cannot be read"}),
        ),
    };
    (
        status,
        [(header::CACHE_CONTROL, "no-store")],
        axum::Json(body),
    )
        .into_response()
}

/// `{"error": {code, message}}`, as every refusal looks.
fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    let body = serde_json::json!({"error": {"code": code, "message": message}});
    (
        status,
        [(header::CACHE_CONTROL, "no-store")],
        axum::Json(body),
    )
        .into_response()
}
