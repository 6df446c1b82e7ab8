//! Probes → the weights of the model of what is missing.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use super::filtered::passes;
use super::regress::{Link, Samples};
use super::{Probe, Subject};
use crate::index::{Index, Routing};
use crate::partition::Workers;
use crate::search::{
    DEPTHS, MissingModel, STAGE_1, STAGE_2, SearchError, SearchOptions, Trace, is_asked,
};

/// Reaches that stage 1 is fitted at: the distances of these neighbours. Several make it a function of the reach.
const REACHES: [usize; 3] = [10, 20, 40];
/// Neighbours that must be known of each probe.
pub(super) const DEEPEST: usize = DEPTHS[DEPTHS.len() - 1] as usize;
/// Cells that stage 1 is fitted on, and that a trace opens at most.
pub(super) const CELLS: usize = 250;

/// Of stage 1, and of stage 2 for each k.
pub(super) type Weights = ([f32; STAGE_1], [[f32; STAGE_2]; DEPTHS.len()]);

/// None if there is nothing to be learnt: all rows alike, or a single cell.
pub(super) fn fit(
    subject: &Subject<'_>,
    probes: &[Probe],
    workers: &dyn Workers,
) -> Result<Option<Weights>, SearchError> {
    // Traces run side by side; what they tell is gathered in the order of the probes.
    let mut geometry = Samples::default();
    for told in workers.map(probes.len(), |number| {
        lie_of_the_land(subject, &probes[number])
    }) {
        told?
            .into_iter()
            .for_each(|(f, count)| geometry.push(f, count));
    }
    let Some(geometry) = geometry.fit(Link::Poisson, workers) else {
        return Ok(None);
    };
    let model = MissingModel {
        geometry,
        ..MissingModel::default()
    };
    let mut weights = [[0.0; STAGE_2]; DEPTHS.len()];
    for (weights, k) in weights.iter_mut().zip(DEPTHS) {
        let mut samples = seen(subject, &model, probes, k as usize, workers)?;
        match samples.fit_shares(workers) {
            Some(found) => *weights = found,
            None => return Ok(None),
        }
    }
    Ok(Some((geometry, weights)))
}

/// What stage 2 sees at every moment of a search for `k` hits, and which share of them is missing then.
fn seen(
    subject: &Subject<'_>,
    model: &MissingModel,
    probes: &[Probe],
    k: usize,
    workers: &dyn Workers,
) -> Result<Samples<STAGE_2>, SearchError> {
    let mut seen = Samples::default();
    for told in workers.map(probes.len(), |number| {
        on_the_way(subject, model, &probes[number], k, None)
    }) {
        told?.into_iter().for_each(|(f, share)| seen.push(f, share));
    }
    Ok(seen)
}

/// Stage 1: what is known of a cell before it is opened, and how many of a probe's neighbours are in it.
fn lie_of_the_land(
    subject: &Subject<'_>,
    probe: &Probe,
) -> Result<Vec<([f32; STAGE_1], f32)>, SearchError> {
    let mut told = Vec::new();
    let mut trace = Trace::new(
        subject.routing,
        probe.vector,
        options(probe.id, DEEPEST, 0.95),
    )?;
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
            if let Some(&place) = subject.homes.get(id) {
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

/// Stage 2 of one probe: what a search has seen at each moment, and the share of the neighbours that cells which are closed then hold.
pub(super) fn on_the_way(
    &Subject {
        index,
        routing,
        ref homes,
    }: &Subject<'_>,
    model: &MissingModel,
    probe: &Probe,
    k: usize,
    share: Option<f32>,
) -> Result<Vec<([f32; STAGE_2], f32)>, SearchError> {
    let mut told = Vec::new();
    let truth = neighbours(probe, k);
    let passes = |id: u32| share.is_none_or(|share| passes(probe.id, share, id));
    let mut trace = Trace::new(routing, probe.vector, options(probe.id, k, 0.95))?;
    if share.is_some() {
        trace = trace.with_filter(&passes);
    }
    let mut closed: Vec<u32> = truth
        .iter()
        .filter_map(|id| homes.get(id))
        .copied()
        .collect();
    for opened in 1..=CELLS.min(routing.cells.len().saturating_sub(1)) {
        if !trace.advance(index)? {
            break;
        }
        let open = trace.last();
        closed.retain(|&home| Some(home) != open);
        if !is_asked(opened) {
            continue;
        }
        let Some(features) = trace.seen(model) else {
            continue;
        };
        told.push((features, closed.len() as f32 / truth.len().max(1) as f32));
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
pub(super) type Homes = HashMap<u32, u32, BuildHasherDefault<DefaultHasher>>;

pub(super) fn homes(index: &Index, routing: &Routing) -> Homes {
    let mut homes = HashMap::default();
    for place in 0..routing.cells.len() as u32 {
        let pictures = index.pictures_of(place).unwrap_or_default();
        homes.extend(pictures.into_iter().map(|id| (id, place)));
    }
    homes
}
