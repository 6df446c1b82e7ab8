//! A request's path → a file of DIST, how long it may be kept, and what it is called.

use std::path::{Path, PathBuf};

/// How long a browser may keep a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Named by its content: for ever.
    Immutable,
    /// Asked about each time.
    Revalidate,
}

impl Keep {
    pub fn cache_control(self) -> &'static str {
        match self {
            Keep::Immutable => "public, max-age=31536000, immutable",
            Keep::Revalidate => "no-cache",
        }
    }
}

/// The path inside DIST that a request's path names, parts joined by `/`; `None` for anything that
/// is not plainly a file below DIST: a part that begins with a dot (`..` is one), an empty part, a
/// backslash, a colon, a control character, bytes that are not UTF-8. A path ending in `/` means its
/// `index.html`.
pub fn inside(path: &str) -> Option<String> {
    let path = path.strip_prefix('/')?;
    let mut parts = Vec::new();
    let mut pieces = path.split('/').peekable();
    while let Some(piece) = pieces.next() {
        if piece.is_empty() && pieces.peek().is_none() {
            parts.push("index.html".to_string());
            break;
        }
        let part = percent_decoded(piece)?;
        let refused = part.is_empty()
            || part.starts_with('.')
            || part
                .chars()
                .any(|c| matches!(c, '/' | '\\' | ':') || c.is_control());
        if refused {
            return None;
        }
        parts.push(part);
    }
    Some(parts.join("/"))
}

/// Where the file lies, when it exists, is a plain file or a folder, and lies below `dist` (canonical)
/// with no dotted part, symbolic links followed.
pub fn locate(dist: &Path, inside: &str) -> Option<PathBuf> {
    let real = dist.join(inside).canonicalize().ok()?;
    let below = real.strip_prefix(dist).ok()?;
    let dotted = below
        .components()
        .any(|part| part.as_os_str().to_string_lossy().starts_with('.'));
    (!dotted).then_some(real)
}

fn percent_decoded(piece: &str) -> Option<String> {
    let mut bytes = piece.bytes();
    let mut out = Vec::with_capacity(piece.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            out.push((high * 16 + low) as u8);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

/// The content hash in a file's name, where the name is made of one: `cells-HASH.nss`,
/// `thumbs/HASH.jpg`, `model/HASH.onnx`, `assets/page-HASH.js`.
pub fn hash_in_name(inside: &str) -> Option<&str> {
    let (folder, file) = inside.rsplit_once('/').unwrap_or(("", inside));
    let stem = file.split_once('.').map_or(file, |(stem, _)| stem);
    let is_hex = |text: &str, least: usize| {
        text.len() >= least
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let top = folder.split('/').next().unwrap_or_default();
    if matches!(top, "thumbs" | "model") && is_hex(stem, 16) {
        return Some(stem);
    }
    let (_, last) = stem.rsplit_once('-')?;
    // The bundler's hashes are eight characters of base 32 in capitals.
    let bundled = folder.split('/').any(|part| part == "assets")
        && (is_hex(last, 8)
            || (last.len() == 8
                && last
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b))));
    (is_hex(last, 16) || bundled).then_some(last)
}

/// How long a file may be kept.
pub fn keep(inside: &str) -> Keep {
    match hash_in_name(inside) {
        Some(_) => Keep::Immutable,
        None => Keep::Revalidate,
    }
}

fn extension(inside: &str) -> String {
    let file = inside.rsplit('/').next().unwrap_or(inside);
    file.rsplit_once('.')
        .map(|(_, extension)| extension.to_ascii_lowercase())
        .unwrap_or_default()
}

/// `Content-Type` by extension; browsers are told not to guess.
pub fn content_type(inside: &str) -> &'static str {
    match extension(inside).as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "txt" | "md" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// Whether compressing can pay: pictures and fonts are compressed already.
pub fn compressible(inside: &str) -> bool {
    matches!(
        extension(inside).as_str(),
        "html"
            | "htm"
            | "js"
            | "mjs"
            | "css"
            | "json"
            | "map"
            | "webmanifest"
            | "wasm"
            | "txt"
            | "md"
            | "svg"
            | "onnx"
            | "nsr"
            | "nss"
            | "nsd"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_path_stays_inside() {
        assert_eq!(inside("/manifest.json").as_deref(), Some("manifest.json"));
        assert_eq!(inside("/").as_deref(), Some("index.html"));
        assert_eq!(inside("/sub/").as_deref(), Some("sub/index.html"));
        assert_eq!(inside("/a%20b/c%C3%A9.jpg").as_deref(), Some("a b/cé.jpg"));
    }

    #[test]
    fn paths_that_leave_or_hide_are_refused() {
        for path in [
            "/.nearsight/events.sqlite",
            "/../etc/passwd",
            "/a/../b",
            "/%2e%2e/x",
            "/%2Enearsight/x",
            "/a//b",
            "//host/x",
            "/a%2Fb",
            "/a%5Cb",
            "/..\\x",
            "/c:/x",
            "/a%00b",
            "/%ff",
            "/%2",
            "/%zz",
            "/.",
            "/a/.git/config",
            "x",
            "/a/%2e%2e%2fb",
        ] {
            assert_eq!(inside(path), None, "{path}");
        }
    }

    #[test]
    fn only_names_made_of_a_hash_are_kept_for_ever() {
        let hex = "0123456789abcdef0123456789abcdef";
        for name in [
            format!("cells-{hex}.nss"),
            format!("thumbs/{hex}.jpg"),
            format!("model/{hex}.onnx"),
            format!("model/{hex}.json"),
            "assets/page-3Q7K2LXB.js".into(),
            format!("assets/worker-{hex}.wasm"),
            format!("thumbs/ab/{hex}.jpg"),
        ] {
            assert_eq!(keep(&name), Keep::Immutable, "{name}");
        }
        for name in [
            "manifest.json",
            "index.html",
            "assets/my-document.js",
            "page-3Q7K2LXB.js",
            "cells-12.nss",
            "thumbs/photo.jpg",
            "model/model.json",
            "assets/page.css",
            "-.js",
        ] {
            assert_eq!(keep(name), Keep::Revalidate, "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_out_or_into_the_state_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let dist = folder.path().canonicalize().unwrap().join("dist");
        std::fs::create_dir_all(dist.join(".nearsight")).unwrap();
        std::fs::write(folder.path().join("secret"), "s").unwrap();
        std::fs::write(dist.join(".nearsight/events"), "s").unwrap();
        std::fs::write(dist.join("plain"), "p").unwrap();
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, dist.join(name)).unwrap();
        link("../secret", "out");
        link(".nearsight/events", "state");
        link("plain", "fine");
        assert_eq!(locate(&dist, "out"), None);
        assert_eq!(locate(&dist, "state"), None);
        assert_eq!(locate(&dist, "fine"), Some(dist.join("plain")));
        assert_eq!(locate(&dist, "absent"), None);
    }
}
