//! The folder of the page → its files beside the index.
//!
//! Only what changed is written, `index.html` last, so that a page never asks for a script that is
//! not there yet. A list of what was copied lies in the state; what a later page no longer has is
//! removed by that list and by nothing else.
//!
//! Of the two wasm modules for pictures a site gets the one that its model needs. Which file of the page is which, `www/build.mjs`
//! notes beside the page; a page without such a note is copied whole.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::BuildError;
use super::output::{Durable, MANIFEST, STATE_FOLDER, put};
use crate::index::ModelRef;

/// In the page's folder; no part of the page.
const MODULES: &str = ".modules.json";
const LIST: &str = "page.json";
const INDEX: &str = "index.html";

/// The page that belongs to this program: `www/dist` in the folder of the program or in one above it.
pub fn beside_program() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?.canonicalize().ok()?;
    program
        .ancestors()
        .skip(1)
        .map(|folder| folder.join("www").join("dist"))
        .find(|page| page.join(INDEX).is_file())
}

/// The modules for pictures among the files of a page.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Modules {
    /// Without the general runtime.
    plain: Option<String>,
    /// With it. None: the page was built without this module.
    any_model: Option<String>,
}

impl Modules {
    /// None where nothing is known of a page.
    fn of(page: &Path) -> Result<Option<Self>, BuildError> {
        let path = page.join(MODULES);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(BuildError::io("read", &path, source)),
        };
        let damaged = |error: serde_json::Error| BuildError::io("read", &path, error.into());
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }
}

/// Refuses a page that is known to lack the module for a model: nobody could search with a picture there.
pub fn check(page: &Path, plain: bool) -> Result<(), BuildError> {
    match Modules::of(page)? {
        Some(modules) if !plain && modules.any_model.is_none() => {
            Err(BuildError::PageIncomplete(page.to_path_buf()))
        }
        _ => Ok(()),
    }
}

/// Copies `page` into `dist`, for an index with this model; gives how many files it has there.
pub fn copy(page: &Path, dist: &Path, model: Option<&ModelRef>) -> Result<u64, BuildError> {
    let plain = model.map_or(Some(true), |model| model.plain);
    let modules = Modules::of(page)?.unwrap_or_default();
    // A page tries one and then the other where the manifest does not say.
    let needless = match plain {
        Some(true) => modules.any_model,
        Some(false) => modules.plain,
        None => None,
    };
    let mut files = BTreeSet::new();
    for entry in walkdir::WalkDir::new(page)
        .follow_links(true)
        .sort_by_file_name()
    {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(page).to_path_buf();
            BuildError::io("read", &path, error.into())
        })?;
        let Ok(inside) = entry.path().strip_prefix(page) else {
            continue;
        };
        let parts: Vec<String> = inside
            .components()
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .collect();
        let name = parts.join("/");
        if entry.file_type().is_file()
            && !parts.iter().any(|part| part.starts_with('.'))
            && name != MANIFEST
            && Some(&name) != needless.as_ref()
        {
            files.insert(name);
        }
    }
    if !files.contains(INDEX) {
        let path = page.join(INDEX);
        return Err(BuildError::io(
            "read",
            &path,
            std::io::ErrorKind::NotFound.into(),
        ));
    }
    let state = dist.join(STATE_FOLDER);
    let before: BTreeSet<String> = fs::read(state.join(LIST))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    // Names of both lists until all is done: a crash in between must not orphan a file.
    remember(&state, &before.union(&files).cloned().collect())?;
    let ordered = files.iter().filter(|name| *name != INDEX);
    for name in ordered.map(String::as_str).chain([INDEX]) {
        let path = page.join(name);
        let bytes = fs::read(&path).map_err(|source| BuildError::io("read", &path, source))?;
        put(dist, name, &bytes, Durable::Later)?;
    }
    for name in before.difference(&files) {
        let path = dist.join(name);
        let plain = !name
            .split('/')
            .any(|part| part.is_empty() || part.starts_with('.'));
        match plain.then(|| fs::remove_file(&path)) {
            Some(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(BuildError::io("remove", &path, error));
            }
            _ => {}
        }
    }
    remember(&state, &files)?;
    Ok(files.len() as u64)
}

fn remember(state: &Path, files: &BTreeSet<String>) -> Result<(), BuildError> {
    let text = serde_json::to_vec_pretty(files).expect("plain data");
    put(state, LIST, &text, Durable::Later).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::FileRef;

    #[test]
    fn a_new_page_replaces_the_old_one_and_nothing_else() {
        let page = tempfile::tempdir().unwrap();
        let dist = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = page.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        write("index.html", "<p>1");
        write("assets/page-1.js", "one");
        write("manifest.json", "not ours");
        fs::write(dist.path().join("robots.txt"), "mine").unwrap();
        assert_eq!(copy(page.path(), dist.path(), None).unwrap(), 2);
        fs::remove_file(page.path().join("assets/page-1.js")).unwrap();
        write("assets/page-2.js", "two");
        assert_eq!(copy(page.path(), dist.path(), None).unwrap(), 2);
        let there = |name: &str| dist.path().join(name).exists();
        assert!(there("index.html") && there("assets/page-2.js") && there("robots.txt"));
        assert!(!there("assets/page-1.js") && !there("manifest.json"));
    }

    #[test]
    fn a_site_gets_the_module_that_its_model_needs() {
        let page = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(page.path().join(name), text).unwrap();
        write("index.html", "<p>1");
        write("small.wasm", "plain");
        write("large.wasm", "any");
        let model = |plain: Option<bool>| ModelRef {
            generation: "g1".to_owned(),
            plain,
            sidecar: FileRef::of("model/", b"{}", "json"),
            onnx: FileRef::of("model/", b"onnx", "onnx"),
        };
        let modules = || {
            [Some(true), Some(false), None].map(|plain| {
                let dist = tempfile::tempdir().unwrap();
                copy(page.path(), dist.path(), Some(&model(plain))).unwrap();
                ["small.wasm", "large.wasm"].map(|name| dist.path().join(name).exists())
            })
        };
        assert_eq!(modules(), [[true; 2]; 3], "a page that says nothing");
        assert!(check(page.path(), false).is_ok());
        write(
            MODULES,
            r#"{"plain":"small.wasm","any_model":"large.wasm"}"#,
        );
        assert_eq!(modules(), [[true, false], [false, true], [true, true]]);
        assert!(check(page.path(), false).is_ok());
        write(MODULES, r#"{"plain":"small.wasm","any_model":null}"#);
        assert!(check(page.path(), true).is_ok());
        let error = check(page.path(), false).unwrap_err();
        assert_eq!(error.code(), "page_incomplete");
    }

    #[test]
    fn a_folder_without_index_html_is_no_page() {
        let page = tempfile::tempdir().unwrap();
        let dist = tempfile::tempdir().unwrap();
        let error = copy(page.path(), dist.path(), None).unwrap_err();
        assert!(error.to_string().contains("index.html"), "{error}");
    }
}
