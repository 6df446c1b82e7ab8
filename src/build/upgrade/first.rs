//! An index of an old model → the same rows in the space of the new one, by a map fitted on some of its own pictures.
//!
//! The pictures are drawn over the whole index, since a map that was fitted on others misses what is particular to it (`models/GENERATIONS.md`). What the old model gave is put
//! aside before the first of them is embedded: the log keeps one vector a picture, and an interrupted upgrade must come to the same map.

use std::collections::HashSet;
use std::sync::atomic::AtomicBool;

use super::Upgrading;
use crate::build::held::Held;
use crate::build::learn::learn;
use crate::build::moved::{Kind, Moved};
use crate::build::pipeline::settings;
use crate::build::resume::{Entry, Log, Outcome};
use crate::build::walk::Found;
use crate::build::{BuildError, Report, Step};
use crate::embed::adapter::{self, Agreement, Pairs};
use crate::embed::{Projection, project};
use crate::index::{Index, Record};
use crate::partition::Random;

/// What was fitted and kept.
pub struct Moving {
    /// None where the pictures give no map at all.
    pub agreement: Option<Agreement>,
    /// Rows that are moved, as they are kept for the epochs to come.
    pub moved: u64,
}

/// Embeds the pictures that are drawn, and keeps the rows of all others as the map gives them. Publishes nothing.
pub fn move_rows(
    upgrading: &Upgrading,
    index: &Index,
    report: &mut Report,
    watch: &mut dyn FnMut(Step),
    cancelled: &AtomicBool,
) -> Result<Moving, BuildError> {
    let (output, build) = (upgrading.output, &upgrading.build);
    let mut log = Log::open(&output.state().join("pictures.log"))?;
    let mut records: Vec<Record> = index.records().collect();
    records.sort_by_key(|record| record.id);
    let before = put_aside(upgrading, index, &records, &log)?;
    let drawn = drawn(upgrading, &records);
    learn(build, output, &drawn, &mut log, report, watch, cancelled)?;

    let settings = settings(build);
    // What the new model gave for a picture, be it drawn or known from before.
    let made = |record: &Record| -> Option<&Entry> {
        let found = upgrading.files.get(&record.path)?;
        let entry = log.get(&record.path)?;
        let is_vector = entry.vector.len() == build.model.network_dimension();
        (entry.holds(found, &settings) && is_vector).then_some(entry)
    };
    let (mut source, mut target) = (Vec::new(), Vec::new());
    let drawn: HashSet<&str> = drawn.iter().map(|found| found.path.as_str()).collect();
    for record in &records {
        let entry = made(record).filter(|entry| is_of(entry, record));
        let entry = entry.filter(|entry| drawn.contains(entry.path.as_str()));
        if let (Some(entry), Some(row)) = (entry, before.row(record.id)) {
            source.extend_from_slice(row);
            target.extend_from_slice(&entry.vector);
        }
    }
    let pairs = Pairs {
        source: &source,
        input: before.dimension(),
        target: &target,
        output: build.model.network_dimension(),
    };
    let Ok((map, agreement)) = adapter::fit(pairs, build.seed) else {
        return Ok(Moving {
            agreement: None,
            moved: 0,
        });
    };
    let ids = records.iter().filter(|record| made(record).is_none());
    let moved = through(&map, &before, ids.map(|record| record.id).collect())?;
    moved.save(output, Kind::Moved, &build.model)?;
    Ok(Moving {
        agreement: Some(agreement),
        moved: moved.ids().len() as u64,
    })
}

/// The old vectors of all pictures: the network's own, or the index's rows where these are all that is left of some.
fn put_aside(
    upgrading: &Upgrading,
    index: &Index,
    records: &[Record],
    log: &Log,
) -> Result<Moved, BuildError> {
    let (output, model) = (upgrading.output, &upgrading.build.model);
    let kept = Moved::read(output, Kind::From, model)?;
    if let Some(kept) = &kept
        && records.iter().all(|record| kept.holds(record.id))
    {
        return Ok(kept.clone());
    }
    let held = Held::of(output, index)?;
    let dimension = held.model().network_dimension();
    let of_network = |record: &Record| {
        let kept = kept.as_ref().and_then(|kept| kept.row(record.id));
        let kept = kept.filter(|row| row.len() == dimension);
        Some(match kept {
            Some(row) => row.to_vec(),
            None => held.network(record, log)?.to_vec(),
        })
    };
    let ids = records.iter().map(|record| record.id).collect();
    let before = match records.iter().map(of_network).collect::<Option<Vec<_>>>() {
        Some(rows) => Moved::new(dimension, ids, rows.concat()),
        None => {
            let rows: Result<Vec<&[f32]>, _> = records.iter().map(|r| held.row(r)).collect();
            Moved::new(held.dimension(), ids, rows?.concat())
        }
    };
    before.save(output, Kind::From, model)?;
    Ok(before)
}

/// Pictures to fit a map on: always the same ones of the same index.
fn drawn<'u>(upgrading: &'u Upgrading, records: &[Record]) -> Vec<&'u Found> {
    let files = records.iter().map(|record| &record.path);
    let mut there: Vec<&Found> = files.filter_map(|path| upgrading.files.get(path)).collect();
    there.sort_by(|a, b| a.path.cmp(&b.path));
    let count = upgrading.options.fit.min(there.len());
    let mut drawn = Random::new(upgrading.build.seed).sample(there.len(), count);
    drawn.sort_unstable();
    drawn.into_iter().map(|at| there[at]).collect()
}

/// Whether an entry tells of the picture that the record does: its file may be another by now.
fn is_of(entry: &Entry, record: &Record) -> bool {
    match &entry.outcome {
        Outcome::Embedded { thumb, .. } => record.thumb.as_ref() == Some(thumb),
        Outcome::Broken { .. } => false,
    }
}

fn through(map: &Projection, before: &Moved, ids: Vec<u32>) -> Result<Moved, BuildError> {
    let mut rows = Vec::with_capacity(ids.len() * map.output);
    for &id in &ids {
        let row = before.row(id).unwrap_or_default();
        rows.extend(project(map, row)?);
    }
    Ok(Moved::new(map.output, ids, rows))
}
