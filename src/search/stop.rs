//! A moment of a query → how complete its answer is expected to be, and whether that is enough.
//!
//! With a calibrated index a search stops when the next cell's gain is not worth its cost, and the share expected to be
//! missing is small; a query that is like the rows, with many cells open, by the gain alone. No more is promised than the codes hold. Both are taken as the least seen so far, so that asking for more never opens fewer cells: on that
//! the calibration rests. Without a calibration the ratio of distances decides.

use super::approximate::{exp, ln};
use super::calibration::FILTERED_SHARES;
use super::confidence::{Seen, by_distance};
use super::manner::{Likeness, Usual};
use super::missing::{MissingModel, Moment, Origin, STAGE_2, Surroundings, is_asked};
use super::passing::Passing;
use super::route::Route;
use crate::index::Routing;

/// Decides for one query.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    Ratio { recall: f32, confidence: f32 },
    Calibrated(Box<Calibrated>),
}

#[derive(Debug, Clone)]
pub(super) struct Calibrated {
    model: MissingModel,
    /// Weights of stage 2 and gain under filters that [`FILTERED_SHARES`] of the rows pass.
    filtered: [([f32; STAGE_2], f32); FILTERED_SHARES.len()],
    opening_cost: f32,
    recall: f32,
    ceiling: f32,
    gain_enough: f32,
    /// What tells whether the query is strange; if it is not, from so many cells on it may stop by the gain alone.
    usual: Usual,
    usual_cells: f32,
    surroundings: Surroundings,
    least_gain: f32,
    least_missing: f32,
}

/// What a query is made in: the cells, and which of their rows pass, where that is known.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) routing: &'a Routing,
    pub(super) passing: Option<&'a Passing>,
}

/// What the query knows beside the cells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) opened: usize,
    pub(super) reach: f32,
    /// Hits within reach, and how many are kept at most.
    pub(super) hits: usize,
    pub(super) kept: usize,
    pub(super) origin: Origin,
    pub(super) passing: f32,
}

impl Rule {
    pub(super) fn new(routing: &Routing, kept: usize, recall: f32) -> Self {
        match routing.calibration {
            None => Self::Ratio {
                recall,
                confidence: 0.0,
            },
            Some(calibration) => Self::Calibrated(Box::new(Calibrated {
                gain_enough: calibration.gain(kept, recall),
                model: calibration.model(kept),
                filtered: calibration.filtered(recall),
                opening_cost: calibration.opening_cost,
                usual_cells: calibration.usual_cells(kept, recall),
                usual: calibration.usual,
                recall,
                ceiling: calibration.ceiling(kept, recall),
                surroundings: Surroundings::default(),
                least_gain: f32::INFINITY,
                least_missing: 1.0,
            })),
        }
    }

    /// Whether the answer of now is worth judging: the model is not asked after every cell.
    pub(super) fn is_due(&self, opened: usize) -> bool {
        match self {
            Self::Ratio { .. } => true,
            Self::Calibrated(_) => is_asked(opened),
        }
    }

    /// Takes in what the query stands at; gives whether it may stop.
    pub(super) fn enough(
        &mut self,
        ground: Ground<'_>,
        route: &mut Route,
        standing: &Standing,
    ) -> bool {
        let (routing, opened) = (ground.routing, standing.opened);
        route.ensure(routing, opened + 1);
        let certain = route.excludes_rest(routing, opened, standing.reach);
        let seen = Seen {
            cells: routing.cells.len(),
            ranked: route.ranked(),
            opened,
            reach: standing.reach,
            certain,
        };
        match self {
            Self::Ratio { recall, confidence } => {
                // A cell that was opened takes nothing away from what is known.
                *confidence = confidence.max(by_distance(&seen).clamp(0.0, 1.0));
                *confidence >= *recall
            }
            Self::Calibrated(_) if standing.reach.is_infinite() => false,
            Self::Calibrated(rule) if certain => {
                (rule.least_missing, rule.least_gain) = (0.0, 0.0);
                true
            }
            Self::Calibrated(rule) => rule.enough(ground, route, standing),
        }
    }

    /// The width of the wide bound in the cell of this rank.
    pub(super) fn wide(&self, rank: usize, narrow: f32, wide: f32) -> f32 {
        match self {
            Self::Ratio { .. } => wide,
            Self::Calibrated(rule) => rule.model.manner.wide(rank, narrow, wide),
        }
    }

    /// The expected share of the true nearest among the hits.
    pub(super) fn confidence(&self) -> f32 {
        match self {
            Self::Ratio { confidence, .. } => *confidence,
            Self::Calibrated(rule) => 1.0 - rule.missing(),
        }
    }

    /// The same when every cell is open: what the codes hold.
    pub(super) fn confidence_in_all(&self) -> f32 {
        match self {
            Self::Ratio { .. } => 1.0,
            Self::Calibrated(rule) => rule.ceiling,
        }
    }
}

impl Calibrated {
    /// The model and the gain for a filter that this share of the rows passes.
    fn under(&self, passing: f32) -> (MissingModel, f32) {
        let (mut model, mut gain) = (self.model, self.gain_enough);
        let mut from = 1.0;
        for ((seen, filtered_gain), share) in self.filtered.iter().zip(FILTERED_SHARES) {
            if passing >= from {
                break;
            }
            let towards = (ln(passing / from) / ln(share / from)).clamp(0.0, 1.0);
            for (weight, filtered) in model.seen.iter_mut().zip(seen) {
                *weight += (filtered - *weight) * towards;
            }
            let (log, filtered) = (ln(gain), ln(*filtered_gain));
            gain = exp(log + (filtered - log) * towards);
            from = share;
        }
        (model, gain)
    }

    /// The least share of the true nearest that was expected to be missing.
    fn missing(&self) -> f32 {
        let manner = self.model.manner;
        manner.of_answer(self.least_missing, self.ceiling)
    }

    fn likeness(&self, ground: Ground<'_>, route: &mut Route, standing: &Standing) -> Likeness {
        let is_filtered = ground.passing.is_some() || standing.passing < 1.0;
        let steepness = (!is_filtered).then(|| route.steepness(ground.routing));
        self.usual.likeness(steepness)
    }

    fn enough(&mut self, ground: Ground<'_>, route: &mut Route, standing: &Standing) -> bool {
        let manner = self.model.manner;
        self.surroundings
            .look(ground, route, manner, standing.opened);
        let moment = moment(ground.routing, route, standing);
        let passing = ground.passing.map_or(standing.passing, Passing::overall);
        let (model, gain_enough) = self.under(passing);
        let expected = model.expected(&mut self.surroundings, &moment, self.opening_cost);
        if standing.hits < standing.kept {
            // Only with a least score, whose distance is then the reach: what is missing are rows within it, however few.
            let closed = self.surroundings.closed(standing.opened) * standing.passing;
            let missing = closed / (closed + standing.hits as f32 + 1e-3);
            self.least_missing = self.least_missing.min(missing);
            return self.least_missing <= 1.0 - self.recall;
        }
        self.least_missing = self.least_missing.min(expected.missing);
        self.least_gain = self.least_gain.min(expected.gain);
        if self.least_gain > gain_enough {
            return false;
        }
        let likeness = self.likeness(ground, route, standing);
        self.missing() <= manner.allowed(self.recall.min(self.ceiling), likeness)
            || likeness == Likeness::Usual && standing.opened as f32 >= self.usual_cells
    }
}

/// The numbers of the model at this moment. At least one cell is open.
pub(super) fn moment(routing: &Routing, route: &Route, standing: &Standing) -> Moment {
    let ranked = route.ranked();
    let next = ranked.get(standing.opened).unwrap_or(&ranked[0]);
    Moment {
        opened: standing.opened,
        reach: standing.reach,
        origin: standing.origin,
        first: ranked[0].distance,
        next: next.distance,
        next_rows: routing.live_rows(next.place) as f32,
        kept: standing.kept as f32,
        passing: standing.passing,
    }
}
