//! A published index of vectors made elsewhere, and what shall come or go → the next epoch of it.
//!
//! As in a build, nothing that grows with the rows but their codes need fit into memory. Rows that are added get the ids after the highest ever given; a row is removed by its id.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::assemble::{AssembleError, Encoding, Lying, Scratch};
use super::last::{LastBuild, forget_input};
use super::output::{Durable, Output, put};
use super::publish::{prune, publish};
use super::report::{Report, Step};
use super::row_file::RowFile;
use super::scratch::OnDisk;
use super::state::ids_given;
use super::successor::Successor;
use super::threads::Threads;
use super::{BuildError, Kept, Shape, State, VectorFile, load_index};
use crate::partition::Rows;

/// Rows that are copied at once.
const GATHERED: usize = 4_096;

/// What shall be done.
#[derive(Debug, Clone, PartialEq)]
pub enum VectorUpdate {
    /// The rows of this file come.
    Add {
        file: PathBuf,
        /// Which column of a Parquet file.
        column: Option<String>,
    },
    /// The rows of these ids go.
    Remove(Vec<u32>),
    /// Cells with further pieces or dead rows are written whole.
    Compact,
}

/// Publishes the next epoch of the index in `dist`, or nothing where nothing changes. `prune` removes the files of earlier ones.
pub fn update_vectors(
    dist: &Path,
    update: &VectorUpdate,
    jobs: Option<usize>,
    prune_old: bool,
    watch: &mut dyn FnMut(Step),
    cancelled: &AtomicBool,
) -> Result<Report, BuildError> {
    let began = Instant::now();
    // Before the lock, which would make a state folder in a folder that is no index.
    load_index(dist)?;
    let output = Output::claim(dist)?;
    let index = load_index(dist)?;
    if index.manifest().model.is_some() || !index.manifest().records.is_empty() {
        return Err(BuildError::OutputOther {
            folder: dist.to_path_buf(),
            holds: "pictures",
        });
    }
    let state = State::open(dist)?;
    let dimension = state.vectors().1;
    // All rows, where there are more now than in the state.
    let mut grown = None;
    let mut ids = index.pictures().unwrap_or_default();
    let mut report = Report {
        dimension,
        ..Report::default()
    };
    match update {
        VectorUpdate::Add { file, column } => {
            let added = VectorFile {
                path: file,
                dimension: Some(dimension),
                column: column.as_deref(),
                shape: Shape::Table,
                metric: index.metric(),
            };
            let mut file = RowFile::create(&output.state())?;
            file.push(state.vectors().0)?;
            // A row lies at its id, so those that a run gave and did not publish stay empty.
            let given = ids_given(dist).max(state.rows());
            let empty = vec![0.0; dimension];
            for _ in state.rows()..given {
                file.push(&empty)?;
            }
            let (first, mut count) = (given as u64, 0);
            added.open()?.rows(&mut |rows| {
                count += (rows.len() / dimension) as u64;
                match cancelled.load(Ordering::Relaxed) {
                    true => Err(BuildError::Interrupted),
                    false => file.push(rows),
                }
            })?;
            if first + count >= u64::from(u32::MAX) {
                let pictures = first + count;
                return Err(BuildError::TooMany { pictures });
            }
            ids.extend(first as u32..(first + count) as u32);
            grown = Some(file.finish()?);
            report.added = count;
        }
        VectorUpdate::Remove(which) => {
            let which: BTreeSet<u32> = which.iter().copied().collect();
            if let Some(id) = which.iter().find(|id| ids.binary_search(id).is_err()) {
                return Err(BuildError::Unknown {
                    folder: dist.to_path_buf(),
                    what: format!("vector with id {id}"),
                });
            }
            ids.retain(|id| !which.contains(id));
            report.removed = which.len() as u64;
            if ids.is_empty() {
                return Err(BuildError::NothingToIndex {
                    folder: dist.to_path_buf(),
                    why: "all its vectors would be removed; delete the folder instead".to_owned(),
                });
            }
        }
        VectorUpdate::Compact => {}
    }
    watch(Step::Walked {
        pictures: ids.len() as u64,
        reused: ids.len() as u64 - report.added,
    });
    let compact = *update == VectorUpdate::Compact;
    let is_idle = match compact {
        true => index.is_whole(),
        false => report.added + report.removed == 0,
    };
    let index = match is_idle {
        true => index,
        false => {
            let last = LastBuild::read(&output);
            let workers = Threads::new(jobs).map_err(BuildError::threads)?;
            let scratch = OnDisk::new(&output.state());
            let all = match &grown {
                Some(grown) => &grown.values[..],
                None => state.vectors().0,
            };
            if ids
                .last()
                .is_some_and(|&id| id as usize >= all.len() / dimension)
            {
                return Err(BuildError::StateStale {
                    path: state.file().to_path_buf(),
                    why: "a vector of the index is not in it",
                });
            }
            let gathered = gathered(all, &ids, dimension, &scratch)?;
            let rows = match &gathered {
                Some(gathered) => gathered,
                None => &all[..ids.len() * dimension],
            };
            let successor = Successor {
                rows: Rows::new(rows, dimension)?,
                ids: &ids,
                records: &[],
                model: None,
                previous: Some(&index),
                last: last.as_ref(),
                wanted: last
                    .as_ref()
                    .and_then(|last| last.wanted)
                    .unwrap_or_default(),
                churn: report.added + report.removed,
                same_vectors: true,
                renewed: &HashSet::new(),
                same_cells: compact,
                encoding: Encoding {
                    metric: None,
                    bits: None,
                    whole: compact,
                    workers: &workers,
                    scratch: &scratch,
                },
            };
            let (assembled, mut last, weighed) = successor.make(watch)?;
            if cancelled.load(Ordering::Relaxed) {
                return Err(BuildError::Interrupted);
            }
            watch(Step::Writing);
            let vectors = match grown {
                Some(grown) => Kept::written(grown, dimension, dist)?,
                None => state.kept().clone(),
            };
            forget_input(&output)?;
            publish(dist, &assembled, &vectors)?;
            // What a build of the whole file would find is not known here.
            if !compact {
                last.input.clear();
            }
            last.write(&output)?;
            report.kept_cells = weighed.is_none();
            report.candidates = weighed.unwrap_or_default();
            report.published = true;
            report.new_files = assembled.new_files().count() as u64;
            report.new_bytes = assembled.new_bytes();
            load_index(dist)?
        }
    };
    if prune_old {
        report.pruned = prune(dist, &Default::default())?;
    }
    report.finish(&index, began);
    let text = serde_json::to_vec_pretty(&report).expect("plain data");
    put(&output.state(), "report.json", &text, Durable::Later)?;
    Ok(report)
}

/// The rows of these ids, which rise; none where they are the first of all, as they lie.
fn gathered(
    all: &[f32],
    ids: &[u32],
    dimension: usize,
    scratch: &dyn Scratch,
) -> Result<Option<Lying<f32>>, BuildError> {
    if ids.last().is_some_and(|&id| id as usize + 1 == ids.len()) {
        return Ok(None);
    }
    let of_id = |&id: &u32| &all[id as usize * dimension..(id as usize + 1) * dimension];
    let mut parts = ids
        .chunks(GATHERED)
        .map(|ids| ids.iter().flat_map(of_id).copied().collect());
    let rows = scratch.values(ids.len() * dimension, &mut parts);
    Ok(Some(rows.map_err(AssembleError::from)?))
}
