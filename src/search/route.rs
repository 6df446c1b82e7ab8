//! A query and the centroids → the cells in order of their distance.
//!
//! One level: the query meets every centroid, int8 against int16. Above a few thousand cells that costs more
//! than the scan, and a second level would pay. Cells are put in order as far as they are looked at, since a query opens
//! a few of hundreds. With all cells at hand, the neighbours that an expansion tries next are simply the next in
//! order, so the routing's adjacency is not consulted.

use crate::index::Routing;
use crate::quantize::PreparedQuery;

/// Cells that are put in order at first; each further time so many times as many.
const FIRST: usize = 64;
const GROWTH: usize = 4;

/// A cell in the order in which a query would open it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// Its place in the routing.
    pub place: u32,
    /// Distance from the query to its centroid.
    pub distance: f32,
    /// Inner product of the query and its centroid.
    pub dot: f32,
    /// No row of this cell or of those after it is nearer than this: the least distance less radius.
    pub nearest_row_left: f32,
}

/// The cells, nearest first; of equally far ones the lower place first.
#[derive(Debug)]
pub(super) struct Route {
    /// By place.
    dots: Vec<f32>,
    squared_distances: Vec<f32>,
    /// Squared distance and place as one number, whose order is theirs. Those behind `ranked` are in no order.
    keys: Vec<u64>,
    ranked: Vec<Ranked>,
}

impl Route {
    pub(super) fn new(routing: &Routing, query: &PreparedQuery) -> Self {
        let dots = query.centroid_dots(&routing.centroids);
        // ‖q − c‖² for a query of length 1. Rounding may take it below 0, whose bits would sort last.
        let squared_distances: Vec<f32> = dots
            .iter()
            .zip(routing.centroids.squares())
            .map(|(dot, square)| (1.0 + square - 2.0 * dot).max(0.0))
            .collect();
        let key =
            |(place, squared): (usize, &f32)| u64::from(squared.to_bits()) << 32 | place as u64;
        Self {
            keys: squared_distances.iter().enumerate().map(key).collect(),
            dots,
            squared_distances,
            ranked: Vec::new(),
        }
    }

    /// Puts at least so many cells in order, or all.
    pub(super) fn ensure(&mut self, routing: &Routing, cells: usize) {
        let start = self.ranked.len();
        if cells <= start || start == self.keys.len() {
            return;
        }
        let end = (start * GROWTH).max(FIRST).max(cells).min(self.keys.len());
        let rest = &mut self.keys[start..];
        if end - start < rest.len() {
            rest.select_nth_unstable(end - start - 1);
        }
        rest[..end - start].sort_unstable();
        let nearest_row = |key: u64| {
            let place = (key as u32) as usize;
            self.squared_distances[place].sqrt() - routing.cells[place].radius
        };
        let mut nearest = self.keys[end..]
            .iter()
            .fold(f32::INFINITY, |least, &key| least.min(nearest_row(key)));
        self.ranked.extend(self.keys[start..end].iter().map(|&key| {
            let place = key as u32;
            Ranked {
                place,
                distance: self.squared_distances[place as usize].sqrt(),
                dot: self.dots[place as usize],
                nearest_row_left: nearest_row(key),
            }
        }));
        // Those before `start` were given all of the rest into account when they were ranked.
        for cell in self.ranked[start..].iter_mut().rev() {
            nearest = nearest.min(cell.nearest_row_left);
            cell.nearest_row_left = nearest;
        }
    }

    /// Those that are in order.
    pub(super) fn ranked(&self) -> &[Ranked] {
        &self.ranked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::CellEntry;
    use crate::partition::{Random, Rows};
    use crate::quantize::{Centroids, Rotation};

    #[test]
    fn cells_come_in_order_however_few_are_asked_for_at_a_time() {
        let (cells, dimension) = (500, 6);
        let mut random = Random::new(3);
        let mut values =
            |count: usize| -> Vec<f32> { (0..count).map(|_| random.unit() as f32 - 0.5).collect() };
        let centroids = values(cells * dimension);
        let radii = values(cells);
        let entry = |id: u32| CellEntry {
            id,
            segment: 0,
            slot: id,
            rows: 1,
            radius: radii[id as usize].abs(),
            spread: 0.1,
        };
        let routing = Routing {
            epoch: 0,
            dimension,
            segments: 1,
            cells: (0..cells as u32).map(entry).collect(),
            centroids: Centroids::encode(Rows::new(&centroids, dimension).unwrap()),
            rotation: Rotation::new(dimension),
            adjacency: vec![vec![]; cells],
            merges: vec![],
            calibration: None,
            changes: Default::default(),
            spans: None,
        };
        let mut vector = values(dimension);
        let length = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|v| *v /= length);
        let query = PreparedQuery::new(&vector).unwrap();
        let mut whole = Route::new(&routing, &query);
        whole.ensure(&routing, cells);
        let mut stepwise = Route::new(&routing, &query);
        for wanted in [1, 64, 65, 200, 499, 500, 900] {
            stepwise.ensure(&routing, wanted);
        }
        assert_eq!(stepwise.ranked(), whole.ranked());
        let all = whole.ranked();
        assert_eq!(all.len(), cells);
        assert!(all.is_sorted_by(|a, b| (a.distance, a.place) <= (b.distance, b.place)));
        for (rank, cell) in all.iter().enumerate() {
            let mut centroid = vec![0.0; dimension];
            routing.centroids.decode(cell.place as usize, &mut centroid);
            let exact = crate::kernel::squared_distance_f32(&vector, &centroid).sqrt();
            assert!(
                (exact - cell.distance).abs() < 1e-3,
                "{exact} {}",
                cell.distance
            );
            let nearest = all[rank..]
                .iter()
                .map(|c| c.distance - routing.cells[c.place as usize].radius)
                .fold(f32::INFINITY, f32::min);
            assert_eq!(cell.nearest_row_left, nearest);
        }
    }
}
