//! A query and the centroids → the cells in order of their distance.
//!
//! One level: the query meets every centroid, int8 against int16. Cells are put in order as far as they are looked at, since a
//! query opens a few of hundreds; among many, a sample of the distances tells how far that is, so that the rest is looked at
//! once and not sorted out. With all cells at hand, the neighbours that an expansion tries next are simply the next in
//! order, so the routing's adjacency is not consulted.

use std::ops::Range;

use crate::index::Routing;
use crate::quantize::PreparedQuery;

/// Cells that are put in order at first: as many as the rule that stops most searches looks at. Each further time so many times as many.
const FIRST: usize = 64;
const GROWTH: usize = 2;

/// The cell whose distance tells, beside the first, whether a query lies between cells.
const STEEP_AT: usize = 9;

/// Where so many times as many cells are left as are wanted, a sample of about [`SAMPLE`] bounds those that are sorted.
const MANY: usize = 8;
const SAMPLE: usize = 256;

/// A cell in the order in which a query would open it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// Its place in the routing.
    pub place: u32,
    /// Distance from the query to its centroid.
    pub distance: f32,
    /// Inner product of the query and its centroid.
    pub dot: f32,
    /// No row of this cell is nearer than this: the distance less its radius.
    pub nearest_row: f32,
}

/// The cells, nearest first; of equally far ones the lower place first.
#[derive(Debug)]
pub(super) struct Route {
    /// By place.
    dots: Vec<f32>,
    squared_distances: Vec<f32>,
    /// The key of the last cell in order.
    last: Option<u64>,
    ranked: Vec<Ranked>,
    /// What no row of the cells that are not in order is nearer than, once it was asked for.
    nearest_row_of_rest: Option<f32>,
}

/// Squared distance and place as one number, whose order is theirs.
fn key(squared: f32, place: usize) -> u64 {
    u64::from(squared.to_bits()) << 32 | place as u64
}

impl Route {
    pub(super) fn new(routing: &Routing, query: &PreparedQuery) -> Self {
        let dots = query.centroid_dots(&routing.centroids);
        // ‖q − c‖² for a query of length 1. Rounding may take it below 0, whose bits would sort last.
        let squared_distances: Vec<f32> = dots
            .iter()
            .zip(routing.centroids.squares())
            .map(|(dot, square)| {
                let squared = 1.0 + square - 2.0 * dot;
                // `f32::max` is a call in wasm, for what it does with NaN.
                if squared > 0.0 { squared } else { 0.0 }
            })
            .collect();
        Self {
            dots,
            squared_distances,
            last: None,
            ranked: Vec::new(),
            nearest_row_of_rest: None,
        }
    }

    /// Puts at least so many cells in order, or all.
    pub(super) fn ensure(&mut self, routing: &Routing, cells: usize) {
        let (start, all) = (self.ranked.len(), self.squared_distances.len());
        if cells <= start || start == all {
            return;
        }
        let end = (start * GROWTH).max(FIRST).max(cells).min(all);
        let wanted = end - start;
        let mut keys = match self.bound(wanted, all - start) {
            Some(bound) => self.keys(2 * wanted, |squared| squared <= bound),
            None => Vec::new(),
        };
        if keys.len() < wanted {
            keys = self.keys(all - start, |_| true);
        }
        if wanted < keys.len() {
            keys.select_nth_unstable(wanted - 1);
            keys.truncate(wanted);
        }
        keys.sort_unstable();
        self.last = keys.last().copied();
        self.ranked.extend(keys.iter().map(|&key| {
            let place = key as u32;
            let distance = self.squared_distances[place as usize].sqrt();
            Ranked {
                place,
                distance,
                dot: self.dots[place as usize],
                nearest_row: distance - routing.cells[place as usize].radius,
            }
        }));
        self.nearest_row_of_rest = None;
    }

    /// A squared distance that a few more than `wanted` of the cells that are `left` are probably within; none where sorting
    /// them out costs no more.
    fn bound(&self, wanted: usize, left: usize) -> Option<f32> {
        if left < MANY * wanted {
            return None;
        }
        let all = self.squared_distances.len();
        let mut sample: Vec<f32> = self
            .squared_distances
            .iter()
            .copied()
            .step_by(all.div_ceil(SAMPLE))
            .collect();
        // Those in order are the nearest: they are in the sample too. A few more, since a sample errs.
        let within = (self.ranked.len() + wanted) * sample.len() / all;
        let place = within + within / 2 + 4;
        if place >= sample.len() {
            return None;
        }
        Some(*sample.select_nth_unstable_by(place, f32::total_cmp).1)
    }

    /// The keys of the cells that are not in order and that `within` lets pass, which are `about` so many.
    fn keys(&self, about: usize, within: impl Fn(f32) -> bool) -> Vec<u64> {
        let mut keys = Vec::with_capacity(about);
        // Places are numbered along a tree, so those within stand together: most eights are skipped as a whole.
        let (eights, rest) = self.squared_distances.as_chunks::<8>();
        let mut take = |places: Range<usize>| {
            for place in places {
                let squared = self.squared_distances[place];
                let key = key(squared, place);
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

    /// Those that are in order.
    pub(super) fn ranked(&self) -> &[Ranked] {
        &self.ranked
    }

    /// How many times as far as the first cell the ninth is, or the last where there are fewer: little more than once where a query lies
    /// between cells.
    pub(super) fn steepness(&mut self, routing: &Routing) -> f32 {
        self.ensure(routing, STEEP_AT);
        match (
            self.ranked.first(),
            self.ranked.iter().take(STEEP_AT).next_back(),
        ) {
            (Some(first), Some(last)) => last.distance / first.distance.max(1e-6),
            _ => 1.0,
        }
    }

    /// Whether the radii of all cells but the first `opened` exclude every row nearer than `reach`, or as near.
    pub(super) fn excludes_rest(&mut self, routing: &Routing, opened: usize, reach: f32) -> bool {
        let mut ranked = self.ranked.iter().skip(opened);
        // Nearly always the next cell says no.
        ranked.all(|cell| cell.nearest_row > reach) && self.nearest_row_of_rest(routing) > reach
    }

    fn nearest_row_of_rest(&mut self, routing: &Routing) -> f32 {
        let Self {
            last,
            squared_distances,
            ..
        } = self;
        *self.nearest_row_of_rest.get_or_insert_with(|| {
            let cells = squared_distances.iter().zip(&routing.cells).enumerate();
            cells
                .filter(|&(place, (&squared, _))| {
                    last.is_none_or(|last| key(squared, place) > last)
                })
                .map(|(_, (squared, cell))| squared.sqrt() - cell.radius)
                .fold(f32::INFINITY, f32::min)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::CellEntry;
    use crate::partition::{Random, Rows};
    use crate::quantize::{Centroids, Rotation};

    fn routing(centroids: &[f32], dimension: usize, radius: impl Fn(usize) -> f32) -> Routing {
        let cells = centroids.len() / dimension;
        let entry = |id: u32| CellEntry {
            id,
            segment: 0,
            slot: id,
            rows: 1,
            radius: radius(id as usize),
            spread: 0.1,
        };
        Routing {
            epoch: 0,
            dimension,
            segments: 1,
            cells: (0..cells as u32).map(entry).collect(),
            centroids: Centroids::encode(Rows::new(centroids, dimension).unwrap()),
            rotation: Rotation::new(dimension),
            adjacency: vec![vec![]; cells],
            merges: vec![],
            calibration: None,
            changes: Default::default(),
            spans: None,
        }
    }

    #[test]
    fn cells_come_in_order_however_few_are_asked_for_at_a_time() {
        // So many that at first a sample bounds what is sorted.
        let (cells, dimension) = (3_000, 6);
        let mut random = Random::new(3);
        let mut values =
            |count: usize| -> Vec<f32> { (0..count).map(|_| random.unit() as f32 - 0.5).collect() };
        let centroids = values(cells * dimension);
        let radii = values(cells);
        let routing = routing(&centroids, dimension, |id| radii[id].abs());
        let mut vector = values(dimension);
        let length = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|v| *v /= length);
        let query = PreparedQuery::new(&vector).unwrap();
        let mut whole = Route::new(&routing, &query);
        whole.ensure(&routing, cells);
        let mut stepwise = Route::new(&routing, &query);
        for wanted in [1, 64, 65, 400, 2_999, 3_000, 9_000] {
            stepwise.ensure(&routing, wanted);
        }
        assert_eq!(stepwise.ranked(), whole.ranked());
        let all = whole.ranked().to_vec();
        assert_eq!(all.len(), cells);
        // Squares that differ may have one root, so places tell nothing here; the other test holds the order against the keys.
        assert!(all.is_sorted_by(|a, b| a.distance <= b.distance));
        for cell in &all {
            let mut centroid = vec![0.0; dimension];
            routing.centroids.decode(cell.place as usize, &mut centroid);
            let exact = crate::kernel::squared_distance_f32(&vector, &centroid).sqrt();
            assert!(
                (exact - cell.distance).abs() < 1e-3,
                "{exact} {}",
                cell.distance
            );
            let radius = routing.cells[cell.place as usize].radius;
            assert_eq!(cell.nearest_row, cell.distance - radius);
        }
        let mut few = Route::new(&routing, &query);
        few.ensure(&routing, 1);
        assert!(few.ranked().len() < 200, "{}", few.ranked().len());
        for opened in [0, 3, 60, few.ranked().len()] {
            let nearest = all[opened..]
                .iter()
                .map(|cell| cell.nearest_row)
                .fold(f32::INFINITY, f32::min);
            for route in [&mut few, &mut whole] {
                assert!(!route.excludes_rest(&routing, opened, nearest));
                assert!(route.excludes_rest(&routing, opened, nearest - 1e-6));
            }
        }
        assert!(whole.excludes_rest(&routing, cells, f32::MAX));
    }

    #[test]
    fn cells_that_a_sample_misleads_about_are_in_order_all_the_same() {
        // Every cell that the sample sees is near, and the others are far: it promises more cells than there are.
        let cells = 4_096;
        let mut route = Route {
            dots: vec![0.0; cells],
            squared_distances: (0..cells)
                .map(|place| match place % (cells / SAMPLE) {
                    0 => place as f32 * 1e-6,
                    _ => 1.0 + place as f32 * 1e-6,
                })
                .collect(),
            last: None,
            ranked: Vec::new(),
            nearest_row_of_rest: None,
        };
        let sorted = {
            let mut keys = route.keys(cells, |_| true);
            keys.sort_unstable();
            keys
        };
        let routing = routing(&vec![0.0; cells * 2], 2, |_| 0.1);
        for wanted in [1, 300, cells] {
            route.ensure(&routing, wanted);
            let places: Vec<u64> = route.ranked().iter().map(|c| u64::from(c.place)).collect();
            let expected: Vec<u64> = sorted.iter().map(|&key| key & 0xffff_ffff).collect();
            assert_eq!(places, expected[..places.len()]);
            assert!(places.len() >= wanted);
        }
    }
}
