//! Connections → requests, within limits, until asked to end.
//!
//! axum's own loop sets no time limit on headers and no limit on connections, so a handful of idle
//! sockets could hold it. Here a connection has 15 seconds for each request head (idle keep-alive
//! counts), 64 KiB of head, and an hour of life; at most 512 are open, further ones wait in the
//! kernel's queue.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

const CONNECTIONS_LIMIT: u32 = 512;
const HEAD_LIMIT_BYTES: usize = 64 * 1024;
const HEADERS_LIMIT: usize = 100;
const HEAD_TIME: Duration = Duration::from_secs(15);
/// Long enough for a large model over a slow line, short enough that a reader which stopped reading
/// does not hold a place for ever.
const CONNECTION_TIME: Duration = Duration::from_secs(3_600);
/// How long requests under way may take after the server was asked to end.
const GRACE_TIME: Duration = Duration::from_secs(10);

/// Serves until `shutdown` is ready and the requests under way are answered.
pub async fn run(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) {
    let mut shutdown = pin!(shutdown);
    let places = Arc::new(Semaphore::new(CONNECTIONS_LIMIT as usize));
    let (closing, closed) = watch::channel(());
    loop {
        let place = tokio::select! {
            () = &mut shutdown => break,
            place = places.clone().acquire_owned() => place,
        };
        let stream = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, mostly: others must close first.
                    tracing::warn!("a connection was not accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let answering = answer(stream, router.clone(), closed.clone());
        tokio::spawn(async move {
            answering.await;
            drop(place);
        });
    }
    drop(listener);
    drop(closed);
    drop(closing);
    // All places free means that no request is under way.
    let waited = tokio::time::timeout(GRACE_TIME, places.acquire_many(CONNECTIONS_LIMIT)).await;
    if waited.is_err() {
        tracing::warn!(
            "some requests took longer than {} s to end and were cut",
            GRACE_TIME.as_secs()
        );
    }
}

async fn answer(stream: TcpStream, router: Router, mut closed: watch::Receiver<()>) {
    // Small answers should not wait for more.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_headers(HEADERS_LIMIT)
        .max_buf_size(HEAD_LIMIT_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let ended = async {
        tokio::select! {
            result = connection.as_mut() => return result,
            _ = closed.changed() => {}
        }
        connection.as_mut().graceful_shutdown();
        connection.await
    };
    match tokio::time::timeout(CONNECTION_TIME, ended).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!("a connection ended early: {error}"),
        Err(_) => tracing::debug!("a connection was cut after an hour"),
    }
}
