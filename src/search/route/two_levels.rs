//! The query meets the signs of the centroids, and in full those whose signs do not exclude them from the next in order.
//!
//! The signs give each distance a bound that it is seldom below. Cells are looked at in full up to a bound; those of them that lie
//! within it are before nearly all the others, and are put in order. Where too few do, the bound is moved out. A cell whose signs deceive
//! comes a little late: it is looked at with the cells that follow.

use std::sync::Arc;

use super::{Distances, Key};
use crate::index::Routing;
use crate::kernel::{SCAN_ROWS, not_below};
use crate::quantize::{FirstLevel, LEAST_BOUND, PreparedQuery};

/// The width of the bounds in standard deviations. Wider ones deceive less and exclude less: 1,000,000 x 128 in 4,283 cells, in wasm, beside
/// one level, a search for 0.95 takes 1.00 times as long with 2.5 and 0.88 with 1.0, for 0.99 0.98 and 0.94; of 1,000 answers 9 and 7 differ
/// with 1.0, and recalls are the same to 0.0001.
const DEVIATIONS: f32 = 1.0;
/// Cells looked at in full for each that is wanted, at first; and how many times as many when they were too few.
const LOOKED_AT: usize = 3;
const GROWTH: usize = 2;
/// About so many bounds tell which square a number of cells may be within.
const SAMPLE: usize = 256;
/// The square that every bound allows.
const EVERYWHERE: f32 = -2.0 * LEAST_BOUND;

/// What is known of the distances to the centroids.
#[derive(Debug)]
pub(super) struct TwoLevels {
    query: Arc<PreparedQuery>,
    distances: Distances,
    /// By place, upper bounds of minus half the squared distance; minus infinity once a cell was looked at in full.
    bounds: Vec<[f32; SCAN_ROWS]>,
    /// Looked at in full and not in order.
    waiting: Vec<Key>,
    /// Cells whose square may be up to this were looked at in full.
    within: f32,
}

impl TwoLevels {
    pub(super) fn new(level: &FirstLevel, query: Arc<PreparedQuery>, distances: Distances) -> Self {
        Self {
            bounds: query.centroid_bounds(level, DEVIATIONS),
            query,
            distances,
            waiting: Vec::new(),
            within: f32::NEG_INFINITY,
        }
    }

    /// As one level has it, but for rounding.
    pub(super) fn base(&self, routing: &Routing, key: Key) -> f32 {
        let square = routing.centroids.squares()[key.place()];
        let dot = 0.5 * (self.distances.own + square - key.squared());
        self.distances.base(dot, key.squared())
    }

    /// The next `wanted` cells, where `start` are in order and no fewer are left.
    pub(super) fn next(&mut self, routing: &Routing, start: usize, wanted: usize) -> Vec<Key> {
        let all = routing.cells.len();
        let mut look_at = LOOKED_AT * (start + wanted);
        loop {
            let sure = |key: &&Key| key.squared() <= self.within;
            // Of a broken file some square may be infinite, and so never sure.
            if self.within >= EVERYWHERE || self.waiting.iter().filter(sure).count() >= wanted {
                return Key::take_least(&mut self.waiting, wanted);
            }
            let looked_at = start + self.waiting.len();
            let within = match look_at < all {
                true => self.within_which(look_at.saturating_sub(looked_at), all),
                false => EVERYWHERE,
            };
            self.look_at(routing, within);
            look_at *= GROWTH;
        }
    }

    /// A square that some `more` of the cells that were not looked at may be within.
    fn within_which(&self, more: usize, all: usize) -> f32 {
        let bounds = self.bounds.as_flattened()[..all].iter().copied();
        let mut sample: Vec<f32> = bounds.step_by(all.div_ceil(SAMPLE)).collect();
        let place = (more * sample.len() / all).min(sample.len() - 1);
        let (_, bound, _) = sample.select_nth_unstable_by(place, |a, b| b.total_cmp(a));
        // Where the sample has no more of them, they are few.
        match bound.is_finite() {
            true => self.within.max(-2.0 * *bound),
            false => EVERYWHERE,
        }
    }

    /// Looks in full at the cells whose square may be up to this.
    fn look_at(&mut self, routing: &Routing, within: f32) {
        self.within = within;
        for (block, bounds) in self.bounds.iter_mut().enumerate() {
            let mut left = not_below(bounds, -0.5 * within);
            while left != 0 {
                let row = left.trailing_zeros() as usize;
                left &= left - 1;
                bounds[row] = f32::NEG_INFINITY;
                let place = block * SCAN_ROWS + row;
                let dot = self.query.centroid_dot(&routing.centroids, place);
                let square = routing.centroids.squares()[place];
                let squared = self.distances.squared(dot, square);
                self.waiting.push(Key::new(squared, place));
            }
        }
    }

    /// How many cells that are not in order were looked at in full.
    #[cfg(test)]
    pub(super) fn looked_at(&self) -> usize {
        self.waiting.len()
    }

    /// The cells that are not in order.
    pub(super) fn rest(&mut self, routing: &Routing) -> Vec<Key> {
        self.look_at(routing, EVERYWHERE);
        self.waiting.clone()
    }
}
