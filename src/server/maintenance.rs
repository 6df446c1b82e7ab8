//! A published folder and its events → the next epoch, or the reason why not.
//!
//! Works while a server serves the same folder: the events are read beside it, new files come first
//! and the manifest last. One run at a time, by the lock of the folder. Each run that looked
//! leaves a line in `DIST/.nearsight/decisions.jsonl`: what was decided, on which figures, and what came of it.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use thiserror::Error;

use super::events_path;
use crate::build::assemble::{AssembleError, Assembled, Assembly, Previous};
use crate::build::{BuildError, Kept, Output, STATE_FOLDER, State, load_index, publish};
use crate::calibration::CalibrationOptions;
use crate::feedback::{Estimates, Estimator};
use crate::index::{Index, IndexError, Record};
use crate::repartition::{
    Plan, Policy, Probe, RepartitionError, Snapshot, Trigger, Verification, apply, plan, replay,
    verify,
};
use crate::store::{SqliteStore, StoreError, for_each_since};

/// What came of a run.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// A new epoch is published.
    Published {
        epoch: u64,
        /// Files that visitors do not have yet.
        new_files: usize,
        /// Their bytes, and those of all files a search may need.
        new_bytes: u64,
        index_bytes: u64,
    },
    /// It would have been published.
    WouldPublish {
        epoch: u64,
        new_files: usize,
        new_bytes: u64,
        index_bytes: u64,
    },
    /// The plan did not stand the replay.
    Refused { reason: String },
    /// There is nothing to do.
    Nothing { reason: String },
}

/// All that a run found.
#[derive(Debug, Clone, Serialize)]
pub struct Maintenance {
    #[serde(flatten)]
    pub outcome: Outcome,
    pub plan: Plan,
    pub estimates: Estimates,
    /// Absent where there was nothing to do.
    pub verification: Option<Verification>,
}

/// Why a run could not be done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MaintenanceError {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Repartition(#[from] RepartitionError),
    #[error(transparent)]
    Assemble(#[from] AssembleError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("{}: {source}", .path.display())]
    Log {
        path: PathBuf,
        source: std::io::Error,
    },
}

impl MaintenanceError {
    /// Stable, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            MaintenanceError::Build(error) => error.code(),
            MaintenanceError::Store(error) => error.code(),
            MaintenanceError::Repartition(error) => error.code(),
            MaintenanceError::Assemble(error) => error.code(),
            MaintenanceError::Index(error) => error.code(),
            MaintenanceError::Log { .. } => "io_failed",
        }
    }
}

/// Makes a plan for the folder, tries it, and publishes it unless `dry_run`.
pub fn maintain(
    dist: &Path,
    policy: &Policy,
    dry_run: bool,
) -> Result<Maintenance, MaintenanceError> {
    // Before the lock, which would make a state folder of its own in a folder that is no index.
    let epoch = load_index(dist)?.epoch();
    let _lock = Output::claim(dist)?;
    let index = load_index(dist)?;
    debug_assert!(index.epoch() >= epoch);
    let state = State::open(dist)?;
    let (vectors, dimension) = state.vectors();
    let snapshot = Snapshot::new(&index, vectors, dimension)?;
    let estimates = read_estimates(dist, index.epoch())?;
    let probes = replay(&snapshot, &estimates.logged)?;
    let mut found = plan(&snapshot, &estimates, &probes, policy)?;
    let records: Vec<Record> = index.records().collect();
    let (mut verification, mut assembled) = (None, None);
    while found.nothing.is_none() {
        let next = assemble_plan(&snapshot, &found, &records)?;
        let verified = try_plan(&snapshot, &next, &probes, &found, policy)?;
        let stands = verified.refused.is_none();
        verification = Some(verified);
        match found.halved() {
            // What saves most comes first: perhaps the rest was too much.
            Some(half) if !stands => found = half,
            _ => {
                assembled = stands.then_some(next);
                break;
            }
        }
    }
    let outcome = match (&found.nothing, &assembled) {
        (Some(reason), _) => Outcome::Nothing {
            reason: reason.clone(),
        },
        (None, None) => Outcome::Refused {
            reason: verification
                .as_ref()
                .and_then(|verified| verified.refused.clone())
                .unwrap_or_default(),
        },
        (None, Some(assembled)) => release(dist, assembled, state.kept(), dry_run)?,
    };
    let run = Maintenance {
        outcome,
        plan: found,
        estimates,
        verification,
    };
    if !dry_run {
        remember(dist, &run)?;
    }
    Ok(run)
}

fn read_estimates(dist: &Path, epoch: u64) -> Result<Estimates, MaintenanceError> {
    let mut estimator = Estimator::new(epoch);
    let path = events_path(dist);
    // No server has taken events here: that is no reason to make a database.
    if path.exists() {
        let store = SqliteStore::open(&path, None)?;
        for_each_since(&store, 0, &mut |stored| estimator.take(&stored.event))?;
    }
    Ok(estimator.finish())
}

fn assemble_plan(
    snapshot: &Snapshot,
    found: &Plan,
    records: &[Record],
) -> Result<Assembled, MaintenanceError> {
    let assembled = Assembly::of(snapshot.rows()?, &snapshot.ids)
        .records(records)
        .model(snapshot.index.manifest().model.clone())
        .after(Some(&Previous::new(snapshot.index)?))
        .in_cells(&apply(snapshot, found))?;
    // Other cells, another calibration; the replay then compares what visitors would get.
    Ok(assembled.calibrated(
        snapshot.rows()?,
        &snapshot.ids,
        Some(snapshot.index),
        &CalibrationOptions::default(),
    )?)
}

fn try_plan(
    snapshot: &Snapshot,
    next: &Assembled,
    probes: &[Probe],
    found: &Plan,
    policy: &Policy,
) -> Result<Verification, MaintenanceError> {
    let next: Index = next.index(Some(snapshot.index))?;
    let forced = found
        .actions()
        .any(|decision| decision.trigger == Trigger::OverCap);
    Ok(verify(snapshot, &next, probes, forced, policy)?)
}

fn release(
    dist: &Path,
    assembled: &Assembled,
    vectors: &Kept,
    dry_run: bool,
) -> Result<Outcome, MaintenanceError> {
    let epoch = assembled.manifest.epoch;
    let new_files = assembled.new_files().count();
    let new_bytes = assembled.new_bytes();
    let manifest = &assembled.manifest;
    let searched = manifest.segments.iter().chain([&manifest.routing]);
    let index_bytes = searched.map(|file| file.bytes).sum();
    if dry_run {
        return Ok(Outcome::WouldPublish {
            epoch,
            new_files,
            new_bytes,
            index_bytes,
        });
    }
    publish(dist, assembled, vectors)?;
    Ok(Outcome::Published {
        epoch,
        new_files,
        new_bytes,
        index_bytes,
    })
}

/// One line a run, so that a decision can be understood months later.
fn remember(dist: &Path, run: &Maintenance) -> Result<(), MaintenanceError> {
    #[derive(Serialize)]
    struct Line<'a> {
        at_ms: u64,
        #[serde(flatten)]
        run: &'a Maintenance,
    }
    let path = dist.join(STATE_FOLDER).join("decisions.jsonl");
    let failed = |source| MaintenanceError::Log {
        path: path.clone(),
        source,
    };
    let at_ms = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64);
    let mut text = serde_json::to_string(&Line { at_ms, run })
        .map_err(|error| failed(std::io::Error::other(error)))?;
    text.push('\n');
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(failed)
}
