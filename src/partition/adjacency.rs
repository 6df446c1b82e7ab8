//! Centroids → for each the nearest others: where a search looks next.
use std::ops::Range;

use super::Rows;
use super::workers::{Alone, Workers};
use crate::kernel;

/// Centroids whose neighbours are found in one piece of work.
const CHUNK: usize = 32;

/// The `neighbours` nearest centroids of each, nearest first, ties by lower number; fewer when there are fewer others.
pub fn adjacency(centroids: Rows, neighbours: usize) -> Vec<Vec<u32>> {
    adjacency_on(centroids, neighbours, &Alone)
}

/// [`adjacency`], by several.
pub fn adjacency_on(centroids: Rows, neighbours: usize, workers: &dyn Workers) -> Vec<Vec<u32>> {
    let parts = workers.map_chunks(centroids.len(), CHUNK, |chunk| {
        of_some(centroids, neighbours, chunk)
    });
    parts.into_iter().flatten().collect()
}

fn of_some(centroids: Rows, neighbours: usize, some: Range<usize>) -> Vec<Vec<u32>> {
    let mut nearest = Vec::with_capacity(some.len());
    let mut candidates: Vec<(f32, u32)> = Vec::with_capacity(centroids.len());
    for i in some {
        let centroid = centroids.row(i);
        candidates.clear();
        for (j, other) in centroids.iter().enumerate() {
            if i != j {
                candidates.push((kernel::squared_distance_f32(centroid, other), j as u32));
            }
        }
        let order = |a: &(f32, u32), b: &(f32, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        let wanted = neighbours.min(candidates.len());
        if wanted < candidates.len() {
            candidates.select_nth_unstable_by(wanted, order);
            candidates.truncate(wanted);
        }
        candidates.sort_unstable_by(order);
        nearest.push(candidates.iter().map(|&(_, j)| j).collect());
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_come_nearest_first_and_never_oneself() {
        let rows = Rows::new(&[0.0, 1.0, 3.0, 7.0], 1).unwrap();
        assert_eq!(
            adjacency(rows, 2),
            [vec![1, 2], vec![0, 2], vec![1, 0], vec![2, 1]]
        );
    }

    #[test]
    fn ties_go_to_the_lower_number_and_there_may_be_few_others() {
        let same = Rows::new(&[5.0; 4], 1).unwrap();
        assert_eq!(adjacency(same, 2), [[1, 2], [0, 2], [0, 1], [0, 1]]);
        assert_eq!(adjacency(same, 99)[3], [0, 1, 2]);
        assert_eq!(adjacency(same, 0)[3], [0u32; 0]);
        assert_eq!(adjacency(Rows::new(&[5.0], 1).unwrap(), 3), [[0u32; 0]]);
    }
}
