//! A published index of pictures, and what shall come or go → the next epoch of it.
//!
//! As a build of the whole folder would, but looking only at what is named: pictures that are added are walked and embedded, all others
//! go on with the records and vectors that the index and its state have. A picture that is there already under its path is left alone
//! while its file is the same, and replaced when it is not: then it has a new id, and the old one is gone.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::gather::Chosen;
use super::last::LastBuild;
use super::output::Output;
use super::pipeline::{BuildOptions, Task, chosen};
use super::projection::Projecting;
use super::report::{Report, Step};
use super::walk::{Walk, walk};
use super::{BuildError, Model, load_index, metadata};
use crate::image::Limits;
use crate::index::{Index, Record};

/// What shall be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Update {
    /// These pictures, and those in these folders, are to be in the index.
    Add(Vec<PathBuf>),
    /// These are not to be in it any more: ids, or paths as the index has them or as the disk has them; a folder means all below it.
    Remove(Vec<String>),
    /// Cells with further pieces or dead rows are written whole, and what is left of removed pictures goes.
    Compact,
}

/// How pictures are taken in; `output` must hold an index.
pub struct UpdateOptions {
    pub output: PathBuf,
    /// None: `metadata.csv` or `metadata.json` in the folder that the index was built from, or in the first that is added.
    pub metadata: Option<PathBuf>,
    pub include_private: bool,
    /// None: one a processor.
    pub jobs: Option<usize>,
    /// Remove the files of earlier epochs.
    pub prune: bool,
    pub limits: Limits,
}

/// The longer side of thumbnails where no build has said it.
pub(super) const THUMBNAIL_SIDE: u32 = 256;

/// Publishes the next epoch, or nothing where nothing changes. `watch` and `cancelled` as for a build.
pub fn update(
    update: &Update,
    options: &UpdateOptions,
    watch: &mut dyn FnMut(Step),
    cancelled: &AtomicBool,
) -> Result<Report, BuildError> {
    let began = Instant::now();
    // Before the lock, which would make a state folder in a folder that is no index.
    load_index(&options.output)?;
    let output = Output::claim(&options.output)?;
    let index = load_index(output.folder())?;
    let last = LastBuild::read(&output).unwrap_or_default();
    let model = Model::of_index(output.folder(), index.manifest())?;
    let wanted = last.wanted.unwrap_or_default();
    let beside_all = || last.photos.as_deref().and_then(metadata::beside);
    let mut build = BuildOptions {
        photos: options.output.clone(),
        output: options.output.clone(),
        model,
        projection: Projecting::AsBefore,
        cells: wanted.cells,
        seed: wanted.seed,
        method: wanted.method,
        bits: None,
        metadata: options.metadata.clone().or_else(beside_all),
        include_private: options.include_private,
        thumbnail_side: last.thumbnail_side.unwrap_or(THUMBNAIL_SIDE),
        jobs: options.jobs,
        page: None,
        prune: options.prune,
        limits: options.limits,
    };
    let mut report = Report {
        dimension: build.model.dimension(),
        model: build.model.name().to_string(),
        ..Report::default()
    };
    let mut walked = Walk::default();
    if let Update::Add(paths) = update {
        walked = walk_all(paths, last.photos.as_deref())?;
        report.files_seen = walked.seen;
        report.hidden = walked.hidden;
        report.skipped = walked.skipped.clone();
        report.problems = walked.problems.clone();
        if let Some(first) = paths.first() {
            build.photos = first.clone();
        }
    }
    let paths: Vec<String> = index.records().map(|record| record.path).collect();
    let (files, rows) = match update {
        Update::Add(_) => chosen(&build, &walked, &paths, &mut report)?,
        Update::Remove(_) | Update::Compact => (Vec::new(), HashMap::new()),
    };
    let removed = match update {
        Update::Remove(which) => meant(which, &index, &options.output)?,
        Update::Add(_) | Update::Compact => HashSet::new(),
    };
    if !removed.is_empty() && removed.len() == paths.len() {
        return Err(BuildError::NothingToIndex {
            folder: options.output.clone(),
            why: "all its pictures would be removed; delete the folder instead".to_owned(),
        });
    }
    let task = Task {
        options: &build,
        output: &output,
        chosen: Chosen {
            files: &files,
            rows: &rows,
            rest: &|record: &Record| !removed.contains(&record.id),
        },
        whole: false,
        compact: *update == Update::Compact,
        photos: last.photos,
    };
    task.run(report, began, watch, cancelled)
}

/// Walks all, and names files below `photos` as a build of that folder does; others by their path below what was given.
fn walk_all(paths: &[PathBuf], photos: Option<&Path>) -> Result<Walk, BuildError> {
    let mut all = Walk::default();
    let mut places: BTreeMap<String, PathBuf> = BTreeMap::new();
    for given in paths {
        let walked = walk(given)?;
        let base = match given.is_dir() {
            true => Some(given.as_path()),
            false => given.parent(),
        };
        let base = base.filter(|base| !base.as_os_str().is_empty());
        let base = std::fs::canonicalize(base.unwrap_or(Path::new("."))).ok();
        let below = base.as_deref().zip(photos);
        let below = below.and_then(|(base, photos)| base.strip_prefix(photos).ok());
        let prefix: String = below
            .into_iter()
            .flat_map(Path::components)
            .map(|part| format!("{}/", part.as_os_str().to_string_lossy()))
            .collect();
        for mut found in walked.found {
            found.path.insert_str(0, &prefix);
            let same_file = |held: &PathBuf| {
                let real = std::fs::canonicalize(held).ok();
                real.is_some() && real == std::fs::canonicalize(&found.file).ok()
            };
            match places.get(&found.path) {
                Some(held) if same_file(held) => {}
                Some(held) => {
                    return Err(BuildError::SamePath {
                        one: held.clone(),
                        other: found.file,
                        path: found.path,
                    });
                }
                None => {
                    places.insert(found.path.clone(), found.file.clone());
                    all.found.push(found);
                }
            }
        }
        all.problems.extend(walked.problems);
        all.seen += walked.seen;
        all.hidden += walked.hidden;
        for (extension, count) in walked.skipped {
            *all.skipped.entry(extension).or_default() += count;
        }
    }
    all.found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(all)
}

/// The ids of what was named; an error where one of the names is of nothing.
fn meant(which: &[String], index: &Index, folder: &Path) -> Result<HashSet<u32>, BuildError> {
    let records: Vec<Record> = index.records().collect();
    let by_path: HashMap<&str, u32> = records
        .iter()
        .map(|record| (record.path.as_str(), record.id))
        .collect();
    let is_live: HashSet<u32> = by_path.values().copied().collect();
    let mut meant = HashSet::new();
    for name in which {
        let path = name.replace('\\', "/");
        let trimmed = path.trim_start_matches("./").trim_end_matches('/');
        if let Some(&id) = by_path.get(name.as_str()).or_else(|| by_path.get(trimmed)) {
            meant.insert(id);
            continue;
        }
        if let Some(id) = name.parse().ok().filter(|id| is_live.contains(id)) {
            meant.insert(id);
            continue;
        }
        let below = |path: &str| {
            let rest = path.strip_prefix(trimmed);
            !trimmed.is_empty() && rest.is_some_and(|rest| rest.starts_with('/'))
        };
        let before = meant.len();
        meant.extend(records.iter().filter(|r| below(&r.path)).map(|r| r.id));
        if meant.len() > before {
            continue;
        }
        // A path of the disk ends with the path that the index has; the longest such is meant.
        let ends = trimmed.match_indices('/').map(|(at, _)| &trimmed[at + 1..]);
        match ends.filter_map(|end| by_path.get(end)).next() {
            Some(&id) => {
                meant.insert(id);
            }
            None => {
                return Err(BuildError::Unknown {
                    folder: folder.to_path_buf(),
                    what: format!("picture {name:?}"),
                });
            }
        }
    }
    Ok(meant)
}
