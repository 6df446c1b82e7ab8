//! The server through its door: a real one on a free port, and a plain HTTP client.

#![cfg(not(target_arch = "wasm32"))]

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use nearsight::server::{CONTENT_SECURITY_POLICY, ServeOptions, bind, events_path};
use nearsight::store::{EventStore, SqliteStore};
use serde_json::{Value, json};
use tokio::sync::oneshot;

const HASH: &str = "0123456789abcdef0123456789abcdef";

/// A server in a thread of its own, ended when dropped.
struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Running {
    fn start(dist: &Path) -> Running {
        Running::with(dist, |_| {})
    }

    fn with(dist: &Path, change: impl FnOnce(&mut ServeOptions)) -> Running {
        let mut options = ServeOptions::new(dist);
        options.port = 0;
        change(&mut options);
        let (stop, stopped) = oneshot::channel();
        let (ready, address) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let server = bind(options).await.unwrap();
                ready.send(server.address()).unwrap();
                let ended = async {
                    let _ = stopped.await;
                };
                server.run(ended).await.unwrap();
            });
        });
        Running {
            address: address.recv().unwrap(),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = agent().get(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.call().unwrap())
    }

    fn post(&self, body: &[u8], headers: &[(&str, &str)]) -> Answer {
        // A body that is refused by its length alone is answered before all of it was sent: on a busy machine the client
        // may find the connection closed before it has read the answer, and asks again.
        for _ in 0..20 {
            let mut request = agent().post(self.url("/v1/events"));
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            match request.send(body) {
                Err(ureq::Error::Io(error))
                    if matches!(
                        error.kind(),
                        std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::ConnectionReset
                    ) => {}
                answer => return Answer::of(answer.unwrap()),
            }
        }
        panic!("the server never answered a body of {} bytes", body.len());
    }

    fn post_json(&self, body: &Value) -> Answer {
        self.post(
            body.to_string().as_bytes(),
            &[("content-type", "application/json")],
        )
    }

    /// Bytes as they are, past any client that would put a path in order first.
    fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into()
}

struct Answer {
    status: u16,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn of(mut response: ureq::http::Response<ureq::Body>) -> Answer {
        Answer {
            status: response.status().as_u16(),
            headers: response
                .headers()
                .iter()
                .map(|(name, value)| {
                    (
                        name.to_string(),
                        String::from_utf8_lossy(value.as_bytes()).into_owned(),
                    )
                })
                .collect(),
            body: response.body_mut().read_to_vec().unwrap(),
        }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn error(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap().to_string()
    }
}

fn site() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    write("manifest.json", b"{\"format\":1,\"epoch\":4}");
    write("index.html", b"<!doctype html><title>t</title>");
    write(
        "page.js",
        "export const answer = 42;\n".repeat(400).as_bytes(),
    );
    write("sub/index.html", b"<p>sub</p>");
    write("module.wasm", &[0u8; 5000]);
    write(&format!("cells-{HASH}.nss"), &bytes_of(4096));
    write(&format!("thumbs/{HASH}.jpg"), b"jpeg");
    write(&format!("model/{HASH}.onnx"), &[1u8; 3000]);
    write("assets/page-3Q7K2LXB.js", b"1");
    write(".nearsight/vectors.f32", b"secret");
    write(".htaccess", b"secret");
    folder
}

/// Bytes that do not compress.
fn bytes_of(length: usize) -> Vec<u8> {
    let mut state = 1u64;
    (0..length)
        .map(|_| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 56) as u8
        })
        .collect()
}

fn impression(id: &str) -> Value {
    json!({
        "type": "impression", "event_id": id, "session": "s1", "search_id": "q1", "epoch": 4,
        "query": null, "shown": [{"image_id": 1, "position": 0, "cell": 2}], "probed": [2, 3],
        "scanned": 30, "took_ms": 1.25, "at": 1.7e12
    })
}

fn click(id: &str) -> Value {
    json!({
        "type": "click", "event_id": id, "session": "s1", "search_id": "q1", "image_id": 1,
        "position": 0, "at": 1.7e12
    })
}

#[test]
fn every_file_has_its_type_and_hashed_names_are_kept_for_ever() {
    let site = site();
    let server = Running::start(site.path());
    let immutable = "public, max-age=31536000, immutable";
    for (path, kind, cache) in [
        ("/".to_string(), "text/html; charset=utf-8", "no-cache"),
        (
            "/page.js".into(),
            "text/javascript; charset=utf-8",
            "no-cache",
        ),
        ("/module.wasm".into(), "application/wasm", "no-cache"),
        ("/manifest.json".into(), "application/json", "no-cache"),
        (
            format!("/cells-{HASH}.nss"),
            "application/octet-stream",
            immutable,
        ),
        (format!("/thumbs/{HASH}.jpg"), "image/jpeg", immutable),
        (
            format!("/model/{HASH}.onnx"),
            "application/octet-stream",
            immutable,
        ),
        (
            "/assets/page-3Q7K2LXB.js".into(),
            "text/javascript; charset=utf-8",
            immutable,
        ),
        ("/sub/".into(), "text/html; charset=utf-8", "no-cache"),
    ] {
        let answer = server.get(&path, &[]);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), kind, "{path}");
        assert_eq!(answer.header("cache-control"), cache, "{path}");
        assert_eq!(
            answer.header("content-length"),
            answer.body.len().to_string(),
            "{path}"
        );
        assert!(answer.header("etag").starts_with('"'), "{path}");
    }
    let moved = server.get("/sub", &[]);
    assert_eq!((moved.status, moved.header("location")), (308, "/sub/"));
}

#[test]
fn every_answer_wears_the_safety_headers() {
    let site = site();
    let server = Running::start(site.path());
    for path in ["/", "/manifest.json", "/absent", "/v1/health", "/v1/events"] {
        let answer = server.get(path, &[]);
        assert_eq!(
            answer.header("content-security-policy"),
            CONTENT_SECURITY_POLICY,
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
    }
    assert!(!CONTENT_SECURITY_POLICY.contains("unsafe-inline"));
}

#[test]
fn what_begins_with_a_dot_and_what_lies_outside_is_never_served() {
    let site = site();
    let server = Running::start(site.path());
    for path in [
        "/.nearsight/vectors.f32",
        "/.htaccess",
        "/%2enearsight/vectors.f32",
        "/sub/../.nearsight/vectors.f32",
        "/sub/%2e%2e/.nearsight/vectors.f32",
        "/..%2f..%2fetc/passwd",
        "/../../../../../../../../etc/passwd",
        "/sub/..%5c..%5cmanifest.json",
        "//etc/passwd",
        "/%00",
    ] {
        let answer = server.raw(&format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            server.address
        ));
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
        assert!(
            !answer.contains("secret") && !answer.contains("root:"),
            "{path}"
        );
    }
    let answer = server.raw(&format!(
        "DELETE /manifest.json HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
        server.address
    ));
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
}

#[test]
fn a_name_that_is_not_the_servers_own_is_refused_on_loopback() {
    let site = site();
    let server = Running::with(site.path(), |options| {
        options.allowed_hosts = vec!["shop.example".into()];
    });
    let status = |host: &str| {
        let answer = server.raw(&format!(
            "GET /manifest.json HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
        ));
        answer[9..12].to_string()
    };
    assert_eq!(status("rebound.example"), "403");
    assert_eq!(status("shop.example"), "200");
    assert_eq!(status("localhost:9999"), "200");
}

#[test]
fn an_unchanged_file_is_not_sent_again_and_a_changed_one_is() {
    let site = site();
    let server = Running::start(site.path());
    let first = server.get("/manifest.json", &[]);
    assert_eq!(first.header("x-nearsight-events"), "/v1/events");
    let tag = first.header("etag").to_string();
    let again = server.get("/manifest.json", &[("if-none-match", &tag)]);
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(again.header("etag"), tag);
    assert_eq!(again.header("x-nearsight-events"), "/v1/events");

    // As another process publishes: a file beside it, then a rename over it. Same length, new content.
    let beside = site.path().join(".manifest.new");
    std::fs::write(&beside, b"{\"format\":1,\"epoch\":5}").unwrap();
    std::fs::rename(&beside, site.path().join("manifest.json")).unwrap();
    let changed = server.get("/manifest.json", &[("if-none-match", &tag)]);
    assert_eq!(
        (changed.status, changed.body.as_slice()),
        (200, b"{\"format\":1,\"epoch\":5}".as_slice())
    );
    assert_ne!(changed.header("etag"), tag);
    assert_eq!(server.get("/v1/health", &[]).json()["epoch"], 5);
}

#[test]
fn byte_ranges_are_those_of_the_file() {
    let site = site();
    let server = Running::start(site.path());
    let path = format!("/cells-{HASH}.nss");
    let part = server.get(
        &path,
        &[("range", "bytes=100-199"), ("accept-encoding", "br, gzip")],
    );
    assert_eq!(part.status, 206);
    assert_eq!(part.header("content-range"), "bytes 100-199/4096");
    assert_eq!(part.body, bytes_of(4096)[100..200]);
    assert_eq!(server.get(&path, &[("range", "bytes=5000-")]).status, 416);
    let tag = server.get(&path, &[]).header("etag").to_string();
    let held = server.get(&path, &[("range", "bytes=0-9"), ("if-range", &tag)]);
    let other = server.get(&path, &[("range", "bytes=0-9"), ("if-range", "\"other\"")]);
    assert_eq!((held.status, held.body.len()), (206, 10));
    assert_eq!((other.status, other.body.len()), (200, 4096));
}

#[test]
fn head_gives_the_headers_without_the_body() {
    let site = site();
    let server = Running::start(site.path());
    for path in ["/manifest.json".to_string(), format!("/cells-{HASH}.nss")] {
        let get = server.get(&path, &[]);
        let head = Answer::of(agent().head(server.url(&path)).call().unwrap());
        assert_eq!((head.status, head.body.len()), (200, 0));
        for name in ["content-length", "content-type", "etag", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "never came: {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn files_are_sent_compressed_to_those_who_take_it_and_decode_to_the_same_bytes() {
    let site = site();
    let server = Running::start(site.path());
    let plain = server.get("/page.js", &[]);
    assert_eq!(
        (plain.header("content-encoding"), plain.header("vary")),
        ("", "accept-encoding")
    );
    until("a brotli form", || {
        server
            .get("/page.js", &[("accept-encoding", "gzip, br")])
            .header("content-encoding")
            == "br"
    });
    let brotli = server.get("/page.js", &[("accept-encoding", "gzip, br")]);
    let gzip = server.get("/page.js", &[("accept-encoding", "gzip, br;q=0")]);
    assert_eq!(gzip.header("content-encoding"), "gzip");
    let mut decoded = Vec::new();
    brotli::Decompressor::new(brotli.body.as_slice(), 4096)
        .read_to_end(&mut decoded)
        .unwrap();
    assert_eq!(decoded, plain.body);
    decoded.clear();
    flate2::read::GzDecoder::new(gzip.body.as_slice())
        .read_to_end(&mut decoded)
        .unwrap();
    assert_eq!(decoded, plain.body);
    for answer in [&brotli, &gzip] {
        assert_eq!(
            answer.header("content-type"),
            "text/javascript; charset=utf-8"
        );
        assert_eq!(
            answer.header("content-length"),
            answer.body.len().to_string()
        );
        assert_eq!(answer.header("vary"), "accept-encoding");
        assert_ne!(answer.header("etag"), plain.header("etag"));
        let again = server.get("/page.js", &[("if-none-match", answer.header("etag"))]);
        assert_eq!(again.status, 304);
    }
    // Noise and pictures are sent as they are.
    for path in [format!("/cells-{HASH}.nss"), format!("/thumbs/{HASH}.jpg")] {
        let answer = server.get(&path, &[("accept-encoding", "br, gzip")]);
        assert_eq!(answer.header("content-encoding"), "", "{path}");
    }

    // A changed page is never answered with the compressed form of the old one.
    std::fs::write(
        site.path().join("page.js"),
        "export const answer = 43;\n".repeat(400),
    )
    .unwrap();
    let fresh = server.get("/page.js", &[("accept-encoding", "br")]);
    assert_eq!(fresh.header("content-encoding"), "");
    assert!(fresh.body.starts_with(b"export const answer = 43;"));
    until("a brotli form of the new page", || {
        server
            .get("/page.js", &[("accept-encoding", "br")])
            .header("content-encoding")
            == "br"
    });
}

#[test]
fn a_second_start_finds_the_compressed_forms_made() {
    let site = site();
    let compressed = site.path().join(".nearsight/compressed");
    let made = || {
        let mut names: Vec<_> = std::fs::read_dir(&compressed)
            .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
            .unwrap_or_default();
        names.sort();
        names
    };
    let first = Running::start(site.path());
    // page.js, module.wasm and the model in two forms, the cells in none.
    until("all forms", || made().len() == 7);
    drop(first);
    let before: Vec<_> = made()
        .iter()
        .map(|path| std::fs::metadata(path).unwrap().modified().unwrap())
        .collect();
    std::fs::write(
        compressed.join("feedfeedfeedfeedfeedfeedfeedfeed.br"),
        "of no file",
    )
    .unwrap();
    let second = Running::start(site.path());
    until("compressed answers", || {
        second
            .get("/module.wasm", &[("accept-encoding", "br")])
            .header("content-encoding")
            == "br"
    });
    let after: Vec<_> = made()
        .iter()
        .map(|path| std::fs::metadata(path).unwrap().modified().unwrap())
        .collect();
    assert_eq!(
        before, after,
        "made again, or what belongs to no file was not tidied away"
    );
}

#[test]
fn an_event_is_kept_before_it_is_acknowledged_and_counted_once() {
    let site = site();
    let server = Running::start(site.path());
    let batch = json!({"events": [impression("e1"), click("e2"), click("e2")]});
    let first = server.post_json(&batch);
    assert_eq!(
        (first.status, first.json()),
        (202, json!({"accepted": 2, "duplicates": 1}))
    );
    let again = server.post_json(&batch);
    assert_eq!(
        (again.status, again.json()),
        (202, json!({"accepted": 0, "duplicates": 3}))
    );
    // Read by another connection while the server runs.
    let store = SqliteStore::open(&events_path(site.path()), None).unwrap();
    let kept = store.read_since(0, 10).unwrap();
    let bodies: Vec<Value> = kept.iter().map(|stored| json!(stored.event)).collect();
    assert_eq!(bodies, [impression("e1"), click("e2")]);
    assert!(kept[0].received_at_ms > 1_600_000_000_000);
}

#[test]
fn a_malformed_event_is_refused_with_its_place_and_nothing_is_kept() {
    let site = site();
    let server = Running::start(site.path());
    let mut bad = impression("e2");
    bad["took_ms"] = json!(-3);
    let answer = server.post_json(&json!({"events": [impression("e1"), bad]}));
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (400, "event_invalid")
    );
    assert_eq!(answer.json()["error"]["event"], 1);
    assert!(
        answer.json()["error"]["message"]
            .as_str()
            .unwrap()
            .contains("took_ms")
    );
    let cut = server.post(b"{\"events\": [", &[("content-type", "application/json")]);
    assert_eq!((cut.status, cut.error().as_str()), (400, "json_malformed"));
    assert!(
        cut.json()["error"]["message"]
            .as_str()
            .unwrap()
            .contains("line 1, column 12")
    );
    assert_eq!(
        server.post_json(&json!({"events": []})).error(),
        "batch_invalid"
    );
    let store = SqliteStore::open(&events_path(site.path()), None).unwrap();
    assert!(store.is_empty().unwrap());
}

#[test]
fn what_is_too_large_of_another_type_or_from_another_page_is_refused() {
    let site = site();
    let server = Running::with(site.path(), |options| {
        options.allowed_origins = vec!["https://shop.example".into()];
    });
    let good = json!({"events": [impression("e1")]})
        .to_string()
        .into_bytes();
    let json_type = ("content-type", "application/json");
    let large = vec![b' '; 256 * 1024 + 1];
    let refused = server.post(&large, &[json_type]);
    assert_eq!(
        (refused.status, refused.error().as_str()),
        (413, "body_too_large")
    );
    // The same without its length announced.
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n{:x}\r\n",
        server.address,
        large.len()
    );
    let chunked = server.raw(&(head + &" ".repeat(large.len()) + "\r\n0\r\n\r\n"));
    assert!(chunked.starts_with("HTTP/1.1 413"), "{chunked}");

    let text = server.post(&good, &[("content-type", "text/plain")]);
    assert_eq!(
        (text.status, text.error().as_str()),
        (415, "media_type_refused")
    );
    let foreign = server.post(&good, &[json_type, ("origin", "https://evil.example")]);
    assert_eq!(
        (foreign.status, foreign.error().as_str()),
        (403, "origin_refused")
    );
    let own = format!("http://{}", server.address);
    for origin in [own.as_str(), "https://shop.example"] {
        assert_eq!(
            server.post(&good, &[json_type, ("origin", origin)]).status,
            202,
            "{origin}"
        );
    }
}

#[test]
fn a_full_store_is_told_and_loses_nothing() {
    let site = site();
    let server = Running::with(site.path(), |options| {
        options.events_limit_bytes = 64 * 1024
    });
    let mut kept = 0;
    let refused = loop {
        let events: Vec<Value> = (0..100)
            .map(|i| impression(&format!("e{kept}-{i}")))
            .collect();
        let answer = server.post_json(&json!({"events": events}));
        match answer.status {
            202 => kept += 100,
            _ => break answer,
        }
        assert!(kept < 10_000, "the limit has no effect");
    };
    assert_eq!(
        (refused.status, refused.error().as_str()),
        (503, "disk_full")
    );
    assert_ne!(refused.header("retry-after"), "");
    assert!(
        !refused.json().to_string().contains("events.sqlite"),
        "a path of this machine is told"
    );
    let store = SqliteStore::open(&events_path(site.path()), None).unwrap();
    assert_eq!(store.len().unwrap(), kept);
    assert_eq!(server.get("/manifest.json", &[]).status, 200);
}

#[test]
fn without_events_the_site_says_so_by_the_missing_header() {
    let site = site();
    let server = Running::with(site.path(), |options| options.events = false);
    assert_eq!(
        server
            .get("/manifest.json", &[])
            .header("x-nearsight-events"),
        ""
    );
    assert_eq!(
        server.post_json(&json!({"events": [click("e")]})).error(),
        "events_off"
    );
    assert!(!events_path(site.path()).exists());
}

#[test]
fn a_request_under_way_is_answered_before_the_server_ends() {
    let site = site();
    let mut server = Running::start(site.path());
    let body = json!({"events": [impression("late")]}).to_string();
    let (first, rest) = body.split_at(20);
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    write!(
        stream,
        "POST /v1/events HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{first}",
        server.address,
        body.len()
    )
    .unwrap();
    // The head must have been read, else the connection counts as idle.
    std::thread::sleep(Duration::from_millis(300));
    drop(server.stop.take());
    until("refused connections", || {
        TcpStream::connect(server.address).is_err()
    });
    stream.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    server.end();
    let store = SqliteStore::open(&events_path(site.path()), None).unwrap();
    assert_eq!(store.len().unwrap(), 1);
}

#[test]
fn a_folder_without_a_manifest_is_not_served() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut options = ServeOptions::new(folder.path());
    options.port = 0;
    let error = runtime.block_on(bind(options)).err().unwrap();
    assert_eq!(error.code(), "index_missing");
    assert!(!folder.path().join(".nearsight").exists());
}

#[test]
fn many_pages_at_once_are_each_counted_once() {
    let site = site();
    let server = Running::start(site.path());
    let accepted: u64 = std::thread::scope(|scope| {
        let posts: Vec<_> = (0..8)
            .map(|page| {
                let server = &server;
                scope.spawn(move || {
                    (0..10)
                        .map(|i| {
                            // Each event comes from two pages.
                            let id = format!("e{}-{i}", page / 2);
                            let answer = server.post_json(&json!({"events": [impression(&id)]}));
                            assert_eq!(answer.status, 202);
                            answer.json()["accepted"].as_u64().unwrap()
                        })
                        .sum::<u64>()
                })
            })
            .collect();
        posts.into_iter().map(|post| post.join().unwrap()).sum()
    });
    let store = SqliteStore::open(&events_path(site.path()), None).unwrap();
    assert_eq!((accepted, store.len().unwrap()), (40, 40));
}
