//! The query meets every centroid. Where far more cells are left than are wanted, a sample of the distances tells how far that is, so
//! that the rest is looked at once and not sorted out.

use std::ops::Range;

use super::{Distances, Key};
use crate::index::Routing;
use crate::quantize::PreparedQuery;

/// Where so many times as many cells are left as are wanted, a sample of about [`SAMPLE`] bounds those that are sorted.
const MANY: usize = 8;
const SAMPLE: usize = 256;

/// The distances to all centroids.
#[derive(Debug)]
pub(super) struct OneLevel {
    /// By place.
    bases: Vec<f32>,
    squared_distances: Vec<f32>,
    /// The key of the last cell in order.
    last: Option<Key>,
}

impl OneLevel {
    pub(super) fn new(routing: &Routing, query: &PreparedQuery, distances: Distances) -> Self {
        let mut bases = query.centroid_dots(&routing.centroids);
        let squared_distances: Vec<f32> = bases
            .iter()
            .zip(routing.centroids.squares())
            .map(|(&dot, &square)| distances.squared(dot, square))
            .collect();
        if distances.by_distance {
            let squared = squared_distances.iter();
            bases = bases
                .iter()
                .zip(squared)
                .map(|(&dot, &squared)| distances.base(dot, squared))
                .collect();
        }
        Self {
            bases,
            squared_distances,
            last: None,
        }
    }

    pub(super) fn base(&self, key: Key) -> f32 {
        self.bases[key.place()]
    }

    /// The next `wanted` cells, where `start` are in order and no fewer are left.
    pub(super) fn next(&mut self, start: usize, wanted: usize) -> Vec<Key> {
        let left = self.squared_distances.len() - start;
        let mut keys = match self.bound(start, wanted) {
            Some(bound) => self.keys(2 * wanted, |squared| squared <= bound),
            None => Vec::new(),
        };
        if keys.len() < wanted {
            keys = self.keys(left, |_| true);
        }
        let next = Key::take_least(&mut keys, wanted);
        self.last = next.last().copied();
        next
    }

    /// A squared distance that a few more than `wanted` of the cells that are left are probably within; none where sorting
    /// them out costs no more.
    fn bound(&self, start: usize, wanted: usize) -> Option<f32> {
        let all = self.squared_distances.len();
        if all - start < MANY * wanted {
            return None;
        }
        let mut sample: Vec<f32> = self
            .squared_distances
            .iter()
            .copied()
            .step_by(all.div_ceil(SAMPLE))
            .collect();
        // Those in order are the nearest: they are in the sample too. A few more, since a sample errs.
        let within = (start + wanted) * sample.len() / all;
        let place = within + within / 2 + 4;
        if place >= sample.len() {
            return None;
        }
        Some(*sample.select_nth_unstable_by(place, f32::total_cmp).1)
    }

    /// The keys of the cells that are not in order and that `within` lets pass, which are `about` so many.
    fn keys(&self, about: usize, within: impl Fn(f32) -> bool) -> Vec<Key> {
        let mut keys = Vec::with_capacity(about);
        // Places are numbered along a tree, so those within stand together: most eights are skipped as a whole.
        let (eights, rest) = self.squared_distances.as_chunks::<8>();
        let mut take = |places: Range<usize>| {
            for place in places {
                let squared = self.squared_distances[place];
                let key = Key::new(squared, place);
                if within(squared) && self.last.is_none_or(|last| key > last) {
                    keys.push(key);
                }
            }
        };
        for (number, eight) in eights.iter().enumerate() {
            let any = eight
                .iter()
                .fold(false, |any, &squared| any | within(squared));
            if any {
                take(8 * number..8 * (number + 1));
            }
        }
        let start = self.squared_distances.len() - rest.len();
        take(start..self.squared_distances.len());
        keys
    }

    /// The cells that are not in order.
    pub(super) fn rest(&self) -> Vec<Key> {
        self.keys(0, |_| true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_a_sample_misleads_about_are_in_order_all_the_same() {
        // Every cell that the sample sees is near, and the others are far: it promises more cells than there are.
        let cells = 4_096;
        let mut level = OneLevel {
            bases: vec![0.0; cells],
            squared_distances: (0..cells)
                .map(|place| match place % (cells / SAMPLE) {
                    0 => place as f32 * 1e-6,
                    _ => 1.0 + place as f32 * 1e-6,
                })
                .collect(),
            last: None,
        };
        let mut expected = level.rest();
        expected.sort_unstable();
        let mut ranked = Vec::new();
        for wanted in [1, 300, cells] {
            ranked.extend(level.next(ranked.len(), wanted - ranked.len()));
            assert_eq!(ranked, expected[..wanted]);
        }
    }
}
