//! The files of an epoch → a folder that serves it, at one instant.
//!
//! Everything new is written and synced first; then `manifest.json` is replaced by one rename. Until
//! that rename a reader sees the old epoch and all its files, after it the new one, and a crash at
//! any point leaves one of the two. Old files stay, because browsers still hold the old manifest.
//! An epoch never changes: one that is not higher than the published one is refused, unless it is
//! that very one again.

use std::fs;
use std::path::Path;

use super::BuildError;
use super::assemble::Assembled;
use super::output::{Durable, MANIFEST, put};
use crate::index::{IndexError, Manifest};

/// Publishes `assembled` in `dist`. The caller holds [`super::Output`]. Files that the manifest names
/// and that `assembled` does not bring (kept segments, the model) must lie there already.
pub fn publish(dist: &Path, assembled: &Assembled) -> Result<(), BuildError> {
    let text = assembled.manifest.to_json();
    if let Some((published, manifest)) = published(dist)? {
        if published != text.as_bytes() && manifest.epoch >= assembled.manifest.epoch {
            return Err(BuildError::EpochRefused {
                published: manifest.epoch,
                offered: assembled.manifest.epoch,
            });
        }
    }
    for (name, bytes) in &assembled.files {
        if name != MANIFEST {
            put(dist, name, bytes, Durable::Now)?;
        }
    }
    for file in assembled.manifest.files() {
        let path = dist.join(&file.name);
        let found = fs::metadata(&path).map_err(|source| BuildError::io("read", &path, source))?;
        if found.len() != file.bytes {
            return Err(BuildError::Index(IndexError::Size {
                name: file.name.clone(),
                found_bytes: found.len(),
                expected_bytes: file.bytes,
            }));
        }
    }
    put(dist, MANIFEST, text.as_bytes(), Durable::Now)?;
    Ok(())
}

/// The manifest that `dist` serves now, and its bytes; none when nothing is published.
pub fn published(dist: &Path) -> Result<Option<(Vec<u8>, Manifest)>, BuildError> {
    let path = dist.join(MANIFEST);
    match fs::read(&path) {
        Ok(bytes) => {
            let manifest = Manifest::parse(&bytes)?;
            Ok(Some((bytes, manifest)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(BuildError::io("read", &path, source)),
    }
}

/// Removes index files and thumbnails that the published epoch does not name: by the pattern of our own
/// names only, nothing else. Gives how many went.
pub fn prune(dist: &Path, thumbs: &std::collections::HashSet<String>) -> Result<u64, BuildError> {
    let Some((_, manifest)) = published(dist)? else {
        return Ok(0);
    };
    let named: std::collections::HashSet<&str> = manifest
        .files()
        .map(|file| file.name.as_str())
        .chain(thumbs.iter().map(String::as_str))
        .collect();
    let mut removed = 0;
    for folder in ["", "thumbs", "model"] {
        let path = dist.join(folder);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => return Err(BuildError::io("read", &path, source)),
        };
        for entry in entries {
            let entry = entry.map_err(|source| BuildError::io("read", &path, source))?;
            let file = entry.file_name().to_string_lossy().into_owned();
            let name = match folder {
                "" => file.clone(),
                folder => format!("{folder}/{file}"),
            };
            if made_here(folder, &file) && !named.contains(name.as_str()) {
                fs::remove_file(entry.path())
                    .map_err(|source| BuildError::io("remove", &entry.path(), source))?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

fn made_here(folder: &str, file: &str) -> bool {
    let kinds: &[(&str, &str)] = match folder {
        "thumbs" => &[("", ".jpg")],
        "model" => &[("", ".onnx"), ("", ".json")],
        _ => &[
            ("routing-", ".nsr"),
            ("cells-", ".nss"),
            ("records-", ".nsd"),
        ],
    };
    kinds.iter().any(|(start, end)| {
        file.strip_prefix(start)
            .and_then(|rest| rest.strip_suffix(end))
            .is_some_and(|hash| {
                hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
            })
    })
}
