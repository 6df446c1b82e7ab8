//! An index and the vectors it was made of → how far a search must go for the recall that is asked.
//!
//! Rows drawn at random stand in for the queries of visitors; each is left out of its own answer. One part of them fits the
//! model of what is missing (`fit`), another, which the fit has not seen, chooses for each recall the gain at which a search
//! stops (`conformal`), both through the very pipeline of a search, with its codes and bounds. What these lose even when every cell
//! is open is measured too (`ceiling`). It belongs to one epoch: other cells,
//! another calibration. Deterministic for a seed.
//!
//! Measured, 100,000 synthetic rows: see `benches/search.rs`.

mod ceiling;
mod conformal;
mod filtered;
mod fit;
mod regress;

use crate::index::{Index, Routing};
use crate::partition::{OPENING_COST, Random, Rows, Workers, nearest};
use crate::search::{Calibration, Manner, SearchError, Trace, Usual};

/// How many rows are drawn, and for what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrationOptions {
    /// Rows that the model is fitted on.
    pub fitted: usize,
    /// Rows that choose the gains. Fewer are cautious: with n of them a recall of t is aimed at t + (1 − t) / n and more, and the
    /// mean recall of an index varies around what was asked by about 0.11 / √n at 0.95.
    pub held_out: usize,
    /// What opening a cell costs, in scanned rows.
    pub opening_cost: f32,
    pub seed: u64,
}

impl Default for CalibrationOptions {
    fn default() -> Self {
        Self {
            fitted: 1_000,
            held_out: 2_000,
            opening_cost: OPENING_COST as f32,
            seed: 1,
        }
    }
}

/// Below so many rows there is none: a few hundred queries say nothing about one recall in a hundred.
pub const FEWEST_ROWS: usize = 400;

/// So many of the probes count as strange. With 0.1 in place of 0.05 the slowest twentieth of the searches is made of them.
const STRANGE: f64 = 0.05;

/// A row that stands in for a query, and the truth about it.
pub(crate) struct Probe<'a> {
    pub(crate) id: u32,
    pub(crate) vector: &'a [f32],
    /// Nearest first, without itself: 1 − d² / 2 of its distance d, which of unit vectors is the inner product, and the picture.
    pub(crate) nearest: Vec<(f32, u32)>,
}

/// What is calibrated.
struct Subject<'a> {
    index: &'a Index,
    routing: &'a Routing,
    homes: fit::Homes,
}

/// The rows that are probes, those that the model is fitted on first.
struct Drawn<'a> {
    of: Rows<'a>,
    ids: &'a [u32],
    rows: &'a [u32],
    fitted: usize,
}

/// Calibrates an index, all of it loaded. Row `i` of `rows`, in the frame of the index where it has one, is picture `ids[i]`. None where there are too few rows, or where
/// they are so alike that no model can be fitted. The workers change nothing but the time.
pub fn calibrate(
    index: &Index,
    rows: Rows,
    ids: &[u32],
    options: &CalibrationOptions,
    workers: &dyn Workers,
) -> Result<Option<Calibration>, SearchError> {
    let missing = index.missing_for_search().len();
    let Some(routing) = index.routing().filter(|_| index.ready()) else {
        return Err(SearchError::NotLoaded { missing });
    };
    if rows.len() < FEWEST_ROWS || rows.len() != ids.len() {
        return Ok(None);
    }
    // A third of a small index fits, the rest chooses.
    let fitted = options.fitted.min(rows.len() / 3);
    let held_out = options.held_out.min(rows.len() - fitted);
    let mut random = Random::new(options.seed);
    let mut drawn: Vec<u32> = random
        .sample(rows.len(), fitted + held_out)
        .into_iter()
        .map(|row| row as u32)
        .collect();
    // They rise, and neighbours in a folder are alike: both parts must be of all of it.
    for end in (1..drawn.len()).rev() {
        drawn.swap(end, random.below(end + 1));
    }
    let truth = nearest(rows, &drawn, fit::DEEPEST, workers);
    let mut probes: Vec<Probe> = drawn
        .iter()
        .zip(truth)
        .map(|(&row, nearest)| Probe {
            id: ids[row as usize],
            vector: rows.row(row as usize),
            nearest: nearest
                .into_iter()
                .map(|(dot, row)| (dot, ids[row as usize]))
                .collect(),
        })
        .collect();
    let held_out = probes.split_off(fitted);
    let subject = Subject {
        index,
        routing,
        homes: fit::homes(index, routing),
    };
    let Some((geometry, seen)) = fit::fit(&subject, &probes, workers)? else {
        return Ok(None);
    };
    let mut calibration = Calibration {
        geometry,
        seen,
        opening_cost: options.opening_cost,
        gains: Default::default(),
        filtered: Default::default(),
        ceilings: ceiling::ceilings(index, routing, &held_out, workers)?,
        manner: Manner::default(),
        usual: Usual {
            ratio: strangest(&subject, &held_out, workers)?,
            ..Usual::default()
        },
    };
    let limits = conformal::gains(&subject, &calibration, &held_out, workers)?;
    calibration.gains = limits.map(|(gains, _)| gains);
    calibration.usual.cells = limits.map(|(_, cells)| cells);
    let drawn = Drawn {
        of: rows,
        ids,
        rows: &drawn,
        fitted,
    };
    calibration.filtered = filtered::filtered(&subject, &calibration, &drawn, workers)?;
    Ok(Some(calibration))
}

/// The ratio of distances below which a query is strange.
fn strangest(
    subject: &Subject<'_>,
    probes: &[Probe],
    workers: &dyn Workers,
) -> Result<f32, SearchError> {
    let ratios = workers.map(probes.len(), |number| -> Result<f32, SearchError> {
        let probe = &probes[number];
        let options = fit::options(probe.id, fit::DEEPEST, 0.95);
        Ok(Trace::new(subject.routing, probe.vector, options)?.steepness())
    });
    let mut ratios = ratios.into_iter().collect::<Result<Vec<f32>, _>>()?;
    ratios.sort_unstable_by(f32::total_cmp);
    let place = (STRANGE * ratios.len() as f64) as usize;
    Ok(ratios.get(place).copied().unwrap_or(1.0))
}
