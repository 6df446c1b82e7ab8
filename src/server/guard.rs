//! What holds for every request: who may ask, how long it may take, which headers the answer wears.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::{Site, refusal};

/// Nothing but the site's own files; `wasm-unsafe-eval` is what compiling wasm is called.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
worker-src 'self'; connect-src 'self'; img-src 'self' blob: data:; style-src 'self'; base-uri 'none'; \
form-action 'none'; frame-ancestors 'none'";

/// From the request's head to the answer's head; sending the body may take longer.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// Whom the server listens to.
pub struct Guard {
    loopback: bool,
    allowed_hosts: Vec<String>,
    allowed_origins: Vec<String>,
}

impl Guard {
    pub fn new(loopback: bool, allowed_hosts: Vec<String>, allowed_origins: Vec<String>) -> Guard {
        Guard {
            loopback,
            allowed_hosts,
            allowed_origins,
        }
    }

    /// Whether the name under which the server was addressed is one of its own. Without this a page
    /// elsewhere could let its own name resolve to 127.0.0.1 and read what loopback was to protect.
    fn host_allowed(&self, headers: &HeaderMap) -> bool {
        if !self.loopback && self.allowed_hosts.is_empty() {
            return true;
        }
        let Some(host) = headers.get(header::HOST) else {
            // HTTP/1.0: not a browser.
            return true;
        };
        let Ok(host) = host.to_str() else {
            return false;
        };
        let name = name_of(host);
        let own = self.loopback
            && (name.eq_ignore_ascii_case("localhost")
                || name
                    .trim_matches(['[', ']'])
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback()));
        own || self
            .allowed_hosts
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(name) || allowed.eq_ignore_ascii_case(host))
    }

    /// Whether a page may send events: it comes from this server, or from an origin on the list.
    /// Requests without `Origin` do not come from a page.
    pub fn origin_allowed(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else {
            return true;
        };
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        if self
            .allowed_origins
            .iter()
            .any(|allowed| allowed.trim_end_matches('/').eq_ignore_ascii_case(origin))
        {
            return true;
        }
        let authority = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"));
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        match (authority, host) {
            (Some(authority), Some(host)) => authority.eq_ignore_ascii_case(host),
            _ => false,
        }
    }
}

/// The name in `name:port` or `[address]:port`.
fn name_of(host: &str) -> &str {
    match host.rfind(':') {
        Some(colon) if !host[colon..].contains(']') => &host[..colon],
        _ => host,
    }
}

/// Around every handler.
pub async fn watch(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let mut response = if site.guard.host_allowed(request.headers()) {
        match tokio::time::timeout(ANSWER_TIME, next.run(request)).await {
            Ok(response) => response,
            Err(_) => refusal(
                StatusCode::REQUEST_TIMEOUT,
                "timed_out",
                "the request took longer than 30 seconds; send it again",
            ),
        }
    } else {
        refusal(
            StatusCode::FORBIDDEN,
            "host_refused",
            "this server was addressed by a name that is not its own; start it with --allow-host NAME to permit it",
        )
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn on_loopback_only_loopbacks_names_and_allowed_ones_are_heard() {
        let guard = Guard::new(true, vec!["shop.example".into()], vec![]);
        for host in [
            "localhost:8080",
            "127.0.0.1:1",
            "[::1]:8080",
            "LOCALHOST",
            "shop.example",
        ] {
            assert!(guard.host_allowed(&headers(&[("host", host)])), "{host}");
        }
        for host in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil:80",
            "10.0.0.1",
        ] {
            assert!(!guard.host_allowed(&headers(&[("host", host)])), "{host}");
        }
        assert!(Guard::new(false, vec![], vec![]).host_allowed(&headers(&[("host", "any")])));
    }

    #[test]
    fn only_pages_of_this_server_or_of_the_list_may_send_events() {
        let guard = Guard::new(true, vec![], vec!["https://shop.example".into()]);
        let allowed =
            |origin| guard.origin_allowed(&headers(&[("host", "localhost:1"), ("origin", origin)]));
        assert!(allowed("http://localhost:1"));
        assert!(allowed("https://shop.example"));
        for origin in [
            "null",
            "http://localhost:2",
            "https://evil.example",
            "file://localhost:1",
            "http://localhost:1.evil",
        ] {
            assert!(!allowed(origin), "{origin}");
        }
        assert!(guard.origin_allowed(&headers(&[("host", "localhost:1")])));
    }
}
