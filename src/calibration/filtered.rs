//! Probes and a filter that few rows pass → the weights and the gains of a search under a filter.
//!
//! The nearest that pass lie as far as neighbours many times as deep, in many times as many cells: what was fitted without a filter
//! misjudges that. Two shares are fitted, [`FILTERED_SHARES`], for [`K`] hits; between them and no filter a search interpolates.
//! 12,000 rows of 32 numbers, 0.95 asked, 5 and 0.5 % pass: 0.949 and 0.938 are delivered for 5 and 38 % of the rows; without it 0.986 and 0.998
//! for 14 % and all of them (`tests/calibration.rs`).

use std::collections::HashSet;

use super::conformal::{limits_of, moments};
use super::fit::on_the_way;
use super::regress::Samples;
use super::{Drawn, Probe, Subject};
use crate::partition::{Workers, nearest};
use crate::search::{Calibration, DEPTHS, FILTERED_SHARES, Filtered, MissingModel, SearchError};

/// Rows that the weights are fitted on, and that choose the gains.
const FITTED: usize = 300;
const HELD_OUT: usize = 600;
const K: usize = DEPTHS[0] as usize;
/// Neighbours looked through for `K` that pass are so many times as many as are needed on average.
const DEEP: f32 = 1.6;

/// Whether a picture passes for this probe, others for each probe.
pub(super) fn passes(probe: u32, share: f32, id: u32) -> bool {
    let mut bits = (u64::from(probe) << 32 | u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((bits >> 32) as u32) < (share * u32::MAX as f32) as u32
}

/// Where nothing can be learnt of a share, what is known of the one before it, at first of no filter.
pub(super) fn filtered(
    subject: &Subject<'_>,
    calibration: &Calibration,
    drawn: &Drawn<'_>,
    workers: &dyn Workers,
) -> Result<[Filtered; FILTERED_SHARES.len()], SearchError> {
    let fitted = FITTED.min(drawn.fitted);
    let held_out = HELD_OUT.min(drawn.rows.len() - drawn.fitted);
    let wanted: Vec<u32> = drawn.rows[..fitted]
        .iter()
        .chain(&drawn.rows[drawn.fitted..drawn.fitted + held_out])
        .copied()
        .collect();
    let deepest = FILTERED_SHARES[FILTERED_SHARES.len() - 1];
    let deep = (DEEP * K as f32 / deepest) as usize;
    let deep = nearest(drawn.of, &wanted, deep, workers);
    let mut known = Filtered {
        seen: calibration.seen[0],
        gains: calibration.gains[0],
    };
    let mut all = [known; FILTERED_SHARES.len()];
    for (filtered, share) in all.iter_mut().zip(FILTERED_SHARES) {
        let probes: Vec<Probe> = wanted
            .iter()
            .zip(&deep)
            .map(|(&row, nearest)| {
                let id = drawn.ids[row as usize];
                let named = nearest
                    .iter()
                    .map(|&(dot, row)| (dot, drawn.ids[row as usize]));
                let passing = named.filter(|near| passes(id, share, near.1));
                Probe {
                    id,
                    vector: drawn.of.row(row as usize),
                    nearest: passing.take(K).collect(),
                }
            })
            .collect();
        let (fitting, choosing) = probes.split_at(fitted);
        let mut model = MissingModel {
            geometry: calibration.geometry,
            seen: known.seen,
            manner: calibration.manner,
        };
        let mut samples = Samples::default();
        for told in workers.map(fitting.len(), |number| {
            on_the_way(subject, &model, &fitting[number], K, Some(share))
        }) {
            told?
                .into_iter()
                .for_each(|(f, share)| samples.push(f, share));
        }
        if let Some(seen) = samples.fit_shares(workers) {
            model.seen = seen;
            let (gains, _) = limits_of(
                |recall| {
                    let traces = workers.map(choosing.len(), |number| {
                        let probe = &choosing[number];
                        let truth: HashSet<u32> = probe.nearest.iter().map(|near| near.1).collect();
                        let asked = (K, recall, Some(share));
                        moments(subject, (&model, calibration), probe, &truth, asked)
                    });
                    traces.into_iter().collect()
                },
                calibration,
                K,
            )?;
            known = Filtered { seen, gains };
        }
        *filtered = known;
    }
    Ok(all)
}
