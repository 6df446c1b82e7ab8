//! The codes of one cell → the k best hits so far.
//!
//! A row's similarity is <c,q> + scale · <code,q> + offset: one product a cell in f32, one a row
//! between int8 and int16, and two factors (see `quantize`).

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::Hit;
use crate::index::{Cell, CellEntry};
use crate::kernel;
use crate::quantize::PreparedQuery;

/// The distance of two unit vectors with this cosine.
pub(super) fn distance_of(score: f32) -> f32 {
    (2.0 - 2.0 * score).max(0.0).sqrt()
}

/// The k best hits: higher scores first, of equal ones the lower id.
#[derive(Debug)]
pub(super) struct TopK {
    k: usize,
    /// The worst of them on top.
    heap: BinaryHeap<Ordered>,
}

/// A hit that is greater the worse it is.
#[derive(Debug)]
struct Ordered(Hit);

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .0
            .score
            .total_cmp(&self.0.score)
            .then(self.0.id.cmp(&other.0.id))
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ordered {}

impl TopK {
    /// `k` is at most the number of rows, so the room taken is bounded by what is there.
    pub(super) fn new(k: usize) -> Self {
        Self {
            k,
            heap: BinaryHeap::new(),
        }
    }

    pub(super) fn offer(&mut self, hit: Hit) {
        if self.heap.len() < self.k {
            self.heap.push(Ordered(hit));
        } else if let Some(mut worst) = self.heap.peek_mut()
            && Ordered(hit) < *worst
        {
            *worst = Ordered(hit);
        }
    }

    /// Whether `offer` could keep a hit of this score: a cheap test before the filter is asked.
    fn admits(&self, score: f32) -> bool {
        self.heap.len() < self.k || self.heap.peek().is_some_and(|worst| score >= worst.0.score)
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    /// The distance of the worst hit kept; none before there are `enough` of them.
    pub(super) fn worst_distance(&self, enough: usize) -> Option<f32> {
        if self.heap.len() < enough {
            return None;
        }
        self.heap.peek().map(|worst| worst.0.distance)
    }

    pub(super) fn into_hits(self) -> Vec<Hit> {
        self.heap
            .into_sorted_vec()
            .into_iter()
            .map(|ordered| ordered.0)
            .collect()
    }

    /// The best `limit` hits so far, best first.
    pub(super) fn hits(&self, limit: usize) -> Vec<Hit> {
        let mut hits: Vec<&Ordered> = self.heap.iter().collect();
        hits.sort();
        hits.into_iter()
            .take(limit)
            .map(|ordered| ordered.0)
            .collect()
    }
}

/// Reads every row of a cell and offers those that pass.
pub(super) fn scan(
    cell: &Cell,
    entry: &CellEntry,
    centroid: &[f32],
    query: &PreparedQuery,
    min_score: Option<f32>,
    passes: &dyn Fn(u32) -> bool,
    best: &mut TopK,
) {
    let base = kernel::dot_f32(centroid, query.values());
    let mut products = vec![0; cell.ids.len()];
    kernel::dot_i8_i16_rows(&cell.codes, query.codes(), &mut products);
    for ((&id, factors), &product) in cell.ids.iter().zip(&cell.factors).zip(&products) {
        let estimate = factors.estimate(base, product as f32 * query.scale());
        // `clamp` lets NaN through; factors are finite, but their products need not be.
        let score = if estimate.is_nan() {
            -1.0
        } else {
            estimate.clamp(-1.0, 1.0)
        };
        if min_score.is_some_and(|least| score < least) || !best.admits(score) || !passes(id) {
            continue;
        }
        best.offer(Hit {
            id,
            score,
            distance: distance_of(score),
            cell: entry.id,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(id: u32, score: f32) -> Hit {
        Hit {
            id,
            score,
            distance: distance_of(score),
            cell: 0,
        }
    }

    #[test]
    fn the_best_are_kept_and_ties_go_to_the_lower_id_whatever_the_order() {
        let offers = [
            hit(5, 0.5),
            hit(3, 0.9),
            hit(4, 0.5),
            hit(9, 0.5),
            hit(1, 0.1),
            hit(2, 0.5),
        ];
        for rotation in 0..offers.len() {
            let mut best = TopK::new(3);
            for number in 0..offers.len() {
                best.offer(offers[(number + rotation) % offers.len()]);
            }
            let ids: Vec<u32> = best.hits(3).iter().map(|hit| hit.id).collect();
            assert_eq!(ids, [3, 2, 4], "rotation {rotation}");
            assert_eq!(best.worst_distance(3), Some(distance_of(0.5)));
            assert_eq!(
                best.into_hits()
                    .iter()
                    .map(|hit| hit.id)
                    .collect::<Vec<_>>(),
                ids
            );
        }
    }

    #[test]
    fn no_distance_is_named_while_there_is_room() {
        let mut best = TopK::new(2);
        best.offer(hit(1, 0.5));
        assert_eq!((best.len(), best.worst_distance(2)), (1, None));
        best.offer(hit(2, 0.25));
        assert_eq!(best.worst_distance(2), Some(distance_of(0.25)));
    }

    #[test]
    fn none_wanted_keeps_none() {
        let mut best = TopK::new(0);
        best.offer(hit(1, 0.5));
        assert_eq!(best.len(), 0);
    }
}
