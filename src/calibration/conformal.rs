//! Held-out probes → for each k and recall the largest gain at which a search may stop.
//!
//! Conformal risk control (Angelopoulos and others, ICLR 2024): the loss 1 − recall does not fall when the gain rises,
//! because a search goes by the least gain so far. With n probes, the largest gain with
//! n / (n + 1) · mean loss + 1 / (n + 1) ≤ 1 − target promises the target on average over calibrations.

use std::collections::HashSet;

use super::Probe;
use super::filtered::passes;
use super::fit::{CELLS, neighbours, options};
use crate::index::{Index, Routing};
use crate::partition::Workers;
use crate::search::{
    Calibration, DEPTHS, MissingModel, SearchError, TARGETS, Trace, WIDE_FROM, is_asked,
};

/// A moment at which a search may stop.
pub(super) struct Moment {
    least_gain: f32,
    least_missing: f32,
    loss: f32,
}

/// A trace ends when less than this is expected to be missing.
const DONE: f32 = 0.002;
/// Where the recall asked for cannot be had: the part of the share it leaves that may be missing beside what cannot be had.
const BEYOND: f64 = 0.1;
/// Gains that are tried; ln of the least and of the largest.
const LOGS: std::ops::Range<f64> = -25.0..1.0;

/// What a search is asked: k, the recall, and the share of the rows that pass its filter.
pub(super) type Asked = (usize, f32, Option<f32>);

pub(super) fn gains(
    index: &Index,
    routing: &Routing,
    calibration: &Calibration,
    probes: &[Probe],
    workers: &dyn Workers,
) -> Result<[[f32; TARGETS.len()]; DEPTHS.len()], SearchError> {
    let mut gains = [[0.0; TARGETS.len()]; DEPTHS.len()];
    for (gains, k) in gains.iter_mut().zip(DEPTHS) {
        let k = k as usize;
        let model = calibration.model(k);
        *gains = gains_of(
            |recall| {
                let traces = workers.map(probes.len(), |number| {
                    let probe = &probes[number];
                    let truth = neighbours(probe, k).into_iter().collect();
                    let model = (&model, calibration.opening_cost);
                    moments(index, routing, model, probe, &truth, (k, recall, None))
                });
                traces.into_iter().collect()
            },
            |target| calibration.ceiling(k, target),
        )?;
    }
    Ok(gains)
}

/// The gains for all recalls, from the traces of searches for one of each kind.
pub(super) fn gains_of(
    traces: impl Fn(f32) -> Result<Vec<Vec<Moment>>, SearchError>,
    ceiling: impl Fn(f32) -> f32,
) -> Result<[f32; TARGETS.len()], SearchError> {
    let mut gains = [0.0; TARGETS.len()];
    // Searches of up to `WIDE_FROM` read fewer rows in full than those above: two pipelines, two sets of traces.
    for narrow in [true, false] {
        let wanted = |target: f32| (target <= WIDE_FROM) == narrow;
        let Some(recall) = TARGETS.into_iter().find(|&target| wanted(target)) else {
            continue;
        };
        let traces = traces(recall)?;
        for (gain, target) in gains.iter_mut().zip(TARGETS) {
            if wanted(target) {
                *gain = largest_gain(&traces, target, ceiling(target));
            }
        }
    }
    // A higher recall never stops earlier, whatever chance did to the samples.
    for place in 1..gains.len() {
        gains[place] = gains[place].min(gains[place - 1]);
    }
    Ok(gains)
}

pub(super) fn moments(
    index: &Index,
    routing: &Routing,
    (model, opening_cost): (&MissingModel, f32),
    probe: &Probe,
    truth: &HashSet<u32>,
    (k, recall, share): Asked,
) -> Result<Vec<Moment>, SearchError> {
    let passes = |id: u32| share.is_none_or(|share| passes(probe.id, share, id));
    let mut trace = Trace::new(routing, probe.vector, options(probe.id, k, recall))?;
    if share.is_some() {
        trace = trace.with_filter(&passes);
    }
    let mut moments: Vec<Moment> = Vec::new();
    let (mut least_gain, mut least_missing) = (f32::INFINITY, 1.0f32);
    for opened in 1..=CELLS.min(routing.cells.len()) {
        if !trace.advance(index)? {
            break;
        }
        if !is_asked(opened) && opened < routing.cells.len() {
            continue;
        }
        let Some((missing, gain)) = trace.expected(model, opening_cost) else {
            continue;
        };
        least_gain = least_gain.min(gain);
        least_missing = least_missing.min(missing);
        let found = trace.best(k).filter(|id| truth.contains(id)).count();
        moments.push(Moment {
            least_gain,
            least_missing,
            loss: 1.0 - found as f32 / truth.len().max(1) as f32,
        });
        if least_missing < DONE && opened >= 8 {
            break;
        }
    }
    Ok(moments)
}

fn largest_gain(traces: &[Vec<Moment>], target: f32, ceiling: f32) -> f32 {
    let mut allowed = f64::from(1.0 - target);
    let count = traces.len() as f64;
    let missing = Calibration::missing(target.min(ceiling));
    let risk = |gain: f32| {
        let sum: f64 = traces
            .iter()
            .map(|moments| {
                let stop = moments
                    .iter()
                    .find(|m| m.least_gain <= gain && m.least_missing <= missing);
                let loss = stop.or(moments.last()).map_or(1.0, |moment| moment.loss);
                f64::from(loss)
            })
            .sum();
        (sum + 1.0) / (count + 1.0)
    };
    let at = |log: f64| libm::exp(log) as f32;
    let (mut low, mut high) = (LOGS.start, LOGS.end);
    if risk(at(high)) <= allowed {
        return at(high);
    }
    // Where even the least gain risks too much (codes too short, too few probes), what is asked cannot be had. Then a search goes
    // nearly as far as anything is to be had, and not to the last cell for nothing.
    let least = risk(at(low));
    if least > allowed {
        allowed = least + BEYOND * allowed;
    }
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if risk(at(middle)) <= allowed {
            low = middle;
        } else {
            high = middle;
        }
    }
    at(low)
}
