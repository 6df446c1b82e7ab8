//! A query and the centroids → the cells in order of their distance.
//!
//! Up to some thousand cells the query meets every centroid, int8 against int16 (`one_level`); above that it meets their signs first,
//! and in full those that can be among the nearest (`two_levels`). Cells are put in order as far as they are looked at, since a query
//! opens a few of hundreds. With all cells at hand, the neighbours that an expansion tries next are simply the next in
//! order, so the routing's adjacency is not consulted.

mod one_level;
mod two_levels;

use std::sync::Arc;

use one_level::OneLevel;
use two_levels::TwoLevels;

use crate::index::Routing;
use crate::kernel;
use crate::quantize::PreparedQuery;

/// Cells that are put in order at first: as many as the rule that stops most searches looks at. Each further time so many times as many.
const FIRST: usize = 64;
const GROWTH: usize = 2;

/// The cell whose distance tells, beside the first, whether a query lies between cells.
const STEEP_AT: usize = 9;

/// A cell in the order in which a query would open it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// Its place in the routing.
    pub place: u32,
    /// Distance from the query to its centroid.
    pub distance: f32,
    /// What the estimates of its rows start from: the inner product of the query and its centroid, or where the distance counts, minus
    /// half the squared distance to it.
    pub base: f32,
    /// No row of this cell is nearer than this: the distance less its radius.
    pub nearest_row: f32,
}

/// The cells, nearest first; of equally far ones the lower place first.
#[derive(Debug)]
pub(super) struct Route {
    levels: Levels,
    ranked: Vec<Ranked>,
    /// What no row of the cells that are not in order is nearer than, once it was asked for.
    nearest_row_of_rest: Option<f32>,
}

#[derive(Debug)]
enum Levels {
    One(OneLevel),
    Two(TwoLevels),
}

/// Squared distance and place as one number, whose order is theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u64);

impl Key {
    /// Of a square that is not negative.
    fn new(squared: f32, place: usize) -> Self {
        Self(u64::from(squared.to_bits()) << 32 | place as u64)
    }

    fn squared(self) -> f32 {
        f32::from_bits((self.0 >> 32) as u32)
    }

    fn place(self) -> usize {
        self.0 as u32 as usize
    }

    /// Sorts the least `wanted` of some keys; gives them, and leaves the others.
    fn take_least(keys: &mut Vec<Key>, wanted: usize) -> Vec<Key> {
        if wanted < keys.len() {
            keys.select_nth_unstable(wanted);
        }
        let rest = keys.split_off(wanted.min(keys.len()));
        let mut least = std::mem::replace(keys, rest);
        least.sort_unstable();
        least
    }
}

/// How a query stands to centroids.
#[derive(Debug, Clone, Copy)]
struct Distances {
    /// The square of the query's length.
    own: f32,
    /// Whether the distance counts, and not the angle.
    by_distance: bool,
}

impl Distances {
    fn of(routing: &Routing, query: &PreparedQuery) -> Self {
        let by_distance = routing.frame.is_some();
        let own = match by_distance {
            false => 1.0,
            true => kernel::dot_f32(query.values(), query.values()),
        };
        Self { own, by_distance }
    }

    /// ‖q − c‖². Rounding may take it below 0, whose bits would sort last.
    fn squared(self, dot: f32, square: f32) -> f32 {
        let squared = self.own + square - 2.0 * dot;
        // `f32::max` is a call in wasm, for what it does with NaN.
        if squared > 0.0 { squared } else { 0.0 }
    }

    fn base(self, dot: f32, squared: f32) -> f32 {
        if self.by_distance {
            -0.5 * squared
        } else {
            dot
        }
    }
}

impl Route {
    pub(super) fn new(routing: &Routing, query: &Arc<PreparedQuery>) -> Self {
        let distances = Distances::of(routing, query);
        let levels = match routing.centroids.first_level() {
            None => Levels::One(OneLevel::new(routing, query, distances)),
            Some(level) => Levels::Two(TwoLevels::new(level, Arc::clone(query), distances)),
        };
        Self {
            levels,
            ranked: Vec::new(),
            nearest_row_of_rest: None,
        }
    }

    /// Puts at least so many cells in order, or all.
    pub(super) fn ensure(&mut self, routing: &Routing, cells: usize) {
        let (start, all) = (self.ranked.len(), routing.cells.len());
        if cells <= start || start == all {
            return;
        }
        let end = (start * GROWTH).max(FIRST).max(cells).min(all);
        let keys = match &mut self.levels {
            Levels::One(level) => level.next(start, end - start),
            Levels::Two(level) => level.next(routing, start, end - start),
        };
        let levels = &self.levels;
        self.ranked.extend(keys.into_iter().map(|key| {
            let (place, distance) = (key.place(), key.squared().sqrt());
            let base = match levels {
                Levels::One(level) => level.base(key),
                Levels::Two(level) => level.base(routing, key),
            };
            Ranked {
                place: place as u32,
                distance,
                base,
                nearest_row: distance - routing.cells[place].radius,
            }
        }));
        self.nearest_row_of_rest = None;
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
        let levels = &mut self.levels;
        *self.nearest_row_of_rest.get_or_insert_with(|| {
            let rest = match levels {
                Levels::One(level) => level.rest(),
                Levels::Two(level) => level.rest(routing),
            };
            rest.into_iter()
                .map(|key| key.squared().sqrt() - routing.cells[key.place()].radius)
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
            frame: None,
            adjacency: vec![vec![]; cells],
            merges: vec![],
            calibration: None,
            changes: Default::default(),
            spans: None,
            record_blocks: None,
        }
    }

    /// Centroids and radii drawn at random, and a vector of length 1 that is as far from them as they are from each other.
    fn drawn(cells: usize, dimension: usize) -> (Routing, Vec<f32>) {
        let mut random = Random::new(3);
        let mut values =
            |count: usize| -> Vec<f32> { (0..count).map(|_| random.unit() as f32 - 0.5).collect() };
        let centroids = values(cells * dimension);
        let radii = values(cells);
        let mut vector = values(dimension);
        let length = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|v| *v /= length);
        let routing = routing(&centroids, dimension, |id| radii[id].abs());
        (routing, vector)
    }

    #[test]
    fn many_cells_come_nearly_in_order_and_each_comes_once() {
        let (cells, dimension) = (5_000, 40);
        let (routing, vector) = drawn(cells, dimension);
        assert!(routing.centroids.first_level().is_some());
        let query = Arc::new(PreparedQuery::new(&vector).unwrap());
        let mut exact: Vec<Key> = (0..cells)
            .map(|place| {
                let dot = query.centroid_dot(&routing.centroids, place);
                let square = routing.centroids.squares()[place];
                Key::new(Distances::of(&routing, &query).squared(dot, square), place)
            })
            .collect();
        exact.sort_unstable();
        let mut route = Route::new(&routing, &query);
        for wanted in [1, 64, 65, 400, 2_000, 9_000] {
            route.ensure(&routing, wanted);
            let ranked = route.ranked();
            assert!(ranked.len() >= wanted.min(cells));
            let nearest: Vec<u32> = exact[..ranked.len()]
                .iter()
                .map(|key| key.place() as u32)
                .collect();
            let among = ranked
                .iter()
                .filter(|cell| nearest.contains(&cell.place))
                .count();
            assert!(
                among * 10 >= ranked.len() * 9,
                "{among} of the nearest {} cells are in order",
                ranked.len()
            );
            assert_eq!(ranked[0].place, nearest[0]);
        }
        let mut places: Vec<u32> = route.ranked().iter().map(|cell| cell.place).collect();
        places.sort_unstable();
        assert_eq!(places, (0..cells as u32).collect::<Vec<_>>());
        for (cell, key) in route.ranked()[..64].iter().zip(&exact) {
            assert!((cell.distance - key.squared().sqrt()).abs() < 1e-5);
            let dot = query.centroid_dot(&routing.centroids, cell.place as usize);
            assert!((cell.base - dot).abs() < 1e-5);
        }
    }

    #[test]
    fn centroids_that_no_number_holds_come_once_too() {
        for scale in [f32::MAX, 1e20, 0.0] {
            let cells = 4_000;
            let codes = (0..cells * 2).map(|place| (place % 251) as u8 as i8);
            let mut routing = routing(&vec![0.5; cells * 2], 2, |_| 0.1);
            let scales = (0..cells).map(|cell| if cell % 2 == 0 { scale } else { 0.01 });
            routing.centroids =
                Centroids::from_parts(2, codes.collect(), scales.collect()).unwrap();
            let query = Arc::new(PreparedQuery::new(&[0.6, 0.8]).unwrap());
            let mut route = Route::new(&routing, &query);
            for wanted in [1, 2_500, cells] {
                route.ensure(&routing, wanted);
                assert!(route.ranked().len() >= wanted);
            }
            let mut places: Vec<u32> = route.ranked().iter().map(|cell| cell.place).collect();
            places.sort_unstable();
            assert_eq!(places, (0..cells as u32).collect::<Vec<_>>());
        }
    }

    #[test]
    fn few_of_many_cells_are_looked_at_in_full() {
        let (routing, vector) = drawn(5_000, 40);
        let query = Arc::new(PreparedQuery::new(&vector).unwrap());
        let mut route = Route::new(&routing, &query);
        route.ensure(&routing, 1);
        let Levels::Two(level) = &route.levels else {
            panic!("5,000 cells have two levels");
        };
        let looked_at = level.looked_at() + route.ranked().len();
        assert!(looked_at < 1_500, "{looked_at}");
    }

    #[test]
    fn no_more_cells_are_excluded_than_one_level_excludes() {
        let (routing, vector) = drawn(5_000, 40);
        let query = Arc::new(PreparedQuery::new(&vector).unwrap());
        let distances = Distances::of(&routing, &query);
        let one = OneLevel::new(&routing, &query, distances);
        let nearest = one
            .rest()
            .into_iter()
            .map(|key| key.squared().sqrt() - routing.cells[key.place()].radius)
            .fold(f32::INFINITY, f32::min);
        let mut route = Route::new(&routing, &query);
        route.ensure(&routing, 100);
        assert!(!route.excludes_rest(&routing, 0, nearest));
        assert!(route.excludes_rest(&routing, 0, nearest - 1e-6));
    }

    #[test]
    fn cells_come_in_order_however_few_are_asked_for_at_a_time() {
        // So many that at first a sample bounds what is sorted.
        let (cells, dimension) = (2_900, 6);
        let (routing, vector) = drawn(cells, dimension);
        let query = Arc::new(PreparedQuery::new(&vector).unwrap());
        let mut whole = Route::new(&routing, &query);
        whole.ensure(&routing, cells);
        let mut stepwise = Route::new(&routing, &query);
        for wanted in [1, 64, 65, 400, 2_899, 2_900, 9_000] {
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
}
