//! The cells of the epoch before, and what came and went → the cells of the next.
//!
//! A few new pictures are no reason to sort all anew: they go to the cells they are nearest to, all
//! cells keep their ids and centroids, and only the segments that really changed get new bytes, so a
//! browser fetches little. What use has taught (`repartition`) stays as well. This is given up for a
//! fresh partition when the options or the model changed, when a fifth of the pictures came or went
//! since the last one, or when a cell would hold more than [`CROWDED`] times the mean.

use std::collections::HashMap;

use super::assemble::CellSpec;
use crate::index::Index;
use crate::kernel::squared_distance_f32;
use crate::partition::Rows;

/// Came and went, as a share of the pictures of the last fresh partition.
const CHURN: f64 = 0.2;
/// `repartition` splits above twice the mean; a build leaves it some room before it starts over.
const CROWDED: usize = 4;
/// Below this many pictures a fresh partition costs nothing, and no rule about means holds.
const FEW: usize = 256;

/// Whether so much came and went since a partition of `at_partition` pictures that it is stale.
pub fn stale(at_partition: u64, churn: u64) -> bool {
    (at_partition as usize) < FEW || churn as f64 > CHURN * at_partition as f64
}

/// The cells of `index` with the rows of now: picture `ids[i]` has row `i`. None when they do not fit, or one is crowded.
pub fn keep_cells(rows: Rows, ids: &[u32], index: &Index) -> Option<Vec<CellSpec>> {
    let specs = cells_as_they_are(rows, ids, index)?;
    let mean = ids.len().div_ceil(specs.len().max(1));
    let is_crowded = |spec: &CellSpec| spec.members.len() > CROWDED * mean;
    (!specs.iter().any(is_crowded)).then_some(specs)
}

/// The same, however many rows are in one.
pub fn cells_as_they_are(rows: Rows, ids: &[u32], index: &Index) -> Option<Vec<CellSpec>> {
    let routing = index.routing()?;
    let dimension = routing.dimension;
    if dimension != rows.dimension() {
        return None;
    }
    let mut home: HashMap<u32, usize> = HashMap::with_capacity(ids.len());
    for place in 0..routing.cells.len() {
        let pictures = index.pictures_of(place as u32)?;
        home.extend(pictures.into_iter().map(|id| (id, place)));
    }
    let centroids: Vec<f32> = (0..routing.cells.len())
        .flat_map(|place| routing.centroid(place))
        .collect();
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); routing.cells.len()];
    for (row, id) in ids.iter().enumerate() {
        let place = home
            .get(id)
            .copied()
            .unwrap_or_else(|| nearest(rows.row(row), &centroids));
        members[place].push(row as u32);
    }
    let specs = routing
        .cells
        .iter()
        .zip(members)
        .zip(centroids.chunks_exact(dimension));
    Some(
        specs
            .filter(|((_, members), _)| !members.is_empty())
            .map(|((entry, members), centroid)| CellSpec {
                id: Some(entry.id),
                segment_of: Some(entry.segment),
                centroid: centroid.to_vec(),
                members,
            })
            .collect(),
    )
}

/// By squared distance; of equal ones the first.
fn nearest(row: &[f32], centroids: &[f32]) -> usize {
    let mut best = (f32::INFINITY, 0);
    for (place, centroid) in centroids.chunks_exact(row.len()).enumerate() {
        let distance = squared_distance_f32(row, centroid);
        if distance < best.0 {
            best = (distance, place);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_of_change_asks_for_a_fresh_partition() {
        assert!(!stale(1000, 200));
        assert!(stale(1000, 201));
        assert!(stale(100, 0));
    }

    #[test]
    fn the_nearest_centroid_is_by_distance_and_not_by_angle() {
        let centroids = [1.0, 0.0, 0.1, 0.09];
        assert_eq!(nearest(&[0.99, 0.1], &centroids), 0);
        assert_eq!(nearest(&[0.0, 1.0], &centroids), 1);
    }
}
