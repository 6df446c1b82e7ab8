//! Probes → the weights of the model of what is missing.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use super::Probe;
use super::regress::{Link, Samples};
use crate::index::{Index, Routing};
use crate::partition::Workers;
use crate::search::{MissingModel, STAGE_1, STAGE_2, SearchError, SearchOptions, Trace, is_asked};

/// The hits that the model is fitted for. The weights hold for 24 and 50 as well: what depends on k is the reach.
const K: usize = 10;
/// Reaches that stage 1 is fitted at: the distances of these neighbours. Several make it a function of the reach.
const REACHES: [usize; 3] = [K, 2 * K, 4 * K];
/// Neighbours that must be known of each probe: for the calibration of k = 50 as well.
pub(super) const DEEPEST: usize = 50;
/// Cells that stage 1 is fitted on, and that a trace opens at most.
pub(super) const CELLS: usize = 250;

/// None if there is nothing to be learnt: all rows alike, or a single cell.
pub(super) fn fit(
    index: &Index,
    routing: &Routing,
    probes: &[Probe],
    workers: &dyn Workers,
) -> Result<Option<MissingModel>, SearchError> {
    let homes = homes(index, routing);
    let mut model = MissingModel::default();
    // Traces run side by side; what they tell is gathered in the order of the probes.
    let mut geometry = Samples::default();
    for told in workers.map(probes.len(), |number| {
        lie_of_the_land(routing, &homes, &probes[number])
    }) {
        told?
            .into_iter()
            .for_each(|(f, count)| geometry.push(f, count));
    }
    let Some(weights) = geometry.fit(Link::Poisson, workers) else {
        return Ok(None);
    };
    model.geometry = weights;

    let mut seen = Samples::default();
    for told in workers.map(probes.len(), |number| {
        on_the_way(index, routing, &model, &probes[number])
    }) {
        told?.into_iter().for_each(|(f, share)| seen.push(f, share));
    }
    let Some(weights) = seen.fit(Link::Logistic, workers) else {
        return Ok(None);
    };
    model.seen = weights;
    Ok(Some(model))
}

/// Stage 1: what is known of a cell before it is opened, and how many of a probe's neighbours are in it.
fn lie_of_the_land(
    routing: &Routing,
    homes: &Homes,
    probe: &Probe,
) -> Result<Vec<([f32; STAGE_1], f32)>, SearchError> {
    let mut told = Vec::new();
    let mut trace = Trace::new(routing, probe.vector, options(probe.id, K, 0.95))?;
    for reach in REACHES {
        let Some(&(dot, _)) = probe.nearest.get(reach - 1) else {
            continue;
        };
        let distance = (2.0 - 2.0 * dot).max(0.0).sqrt();
        if distance < 1e-4 {
            // Copies of the query: a reach of nothing teaches nothing.
            continue;
        }
        let mut counts: HashMap<u32, u32, BuildHasherDefault<DefaultHasher>> = HashMap::default();
        for (_, id) in &probe.nearest[..reach] {
            if let Some(&place) = homes.get(id) {
                *counts.entry(place).or_default() += 1;
            }
        }
        for (place, features) in trace.geometry(CELLS, distance) {
            let count = counts.get(&place).copied().unwrap_or(0);
            told.push((features, count as f32));
        }
    }
    Ok(told)
}

/// Stage 2: what a search has seen so far, and the share of a probe's neighbours that it still misses.
fn on_the_way(
    index: &Index,
    routing: &Routing,
    model: &MissingModel,
    probe: &Probe,
) -> Result<Vec<([f32; STAGE_2], f32)>, SearchError> {
    let mut told = Vec::new();
    let truth = neighbours(probe, K);
    let mut trace = Trace::new(routing, probe.vector, options(probe.id, K, 0.95))?;
    for opened in 1..=CELLS.min(routing.cells.len().saturating_sub(1)) {
        if !trace.advance(index)? {
            break;
        }
        if !is_asked(opened) {
            continue;
        }
        let Some(features) = trace.seen(model) else {
            continue;
        };
        let found = trace.best(K).filter(|id| truth.contains(id)).count();
        told.push((features, 1.0 - found as f32 / truth.len().max(1) as f32));
    }
    Ok(told)
}

/// The pictures nearest to a probe.
pub(super) fn neighbours(probe: &Probe, k: usize) -> Vec<u32> {
    probe.nearest.iter().take(k).map(|near| near.1).collect()
}

/// A search of a row for its neighbours. The recall says how wide the bound of the signs is.
pub(super) fn options(id: u32, k: usize, recall: f32) -> SearchOptions {
    SearchOptions {
        k,
        recall,
        exclude: Some(id),
        ..SearchOptions::default()
    }
}

/// The place of the cell of every picture.
type Homes = HashMap<u32, u32, BuildHasherDefault<DefaultHasher>>;

fn homes(index: &Index, routing: &Routing) -> Homes {
    let mut homes = HashMap::default();
    for (place, entry) in routing.cells.iter().enumerate() {
        let cell = index
            .segment(entry.segment)
            .and_then(|segment| segment.cells.get(entry.slot as usize));
        if let Some(cell) = cell {
            homes.extend(cell.ids.iter().map(|&id| (id, place as u32)));
        }
    }
    homes
}
