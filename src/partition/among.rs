//! Cells whose rows have moved → about as many cells of the same rows, where the rows are now.
//!
//! For a part of a layout that must not touch the rest: the rows of these cells stay among themselves. Two Lloyd steps from the means of the
//! cells as they are, then the bounds that every layout keeps, measured by the mean size of these cells.

use super::balance::{lloyd_step, members_of, settle};
use super::kmeans::{Means, move_to_means};
use super::{PartitionError, Random, Rows, Workers};

const STEPS: usize = 2;

/// A cell: its mean, and its rows, ascending.
pub type Sorted = (Vec<f32>, Vec<u32>);

/// `cells` hold row numbers of `rows`, each row once at most. No cell that comes out is empty.
pub fn sort_among(
    rows: Rows,
    cells: &[Vec<u32>],
    seed: u64,
    workers: &dyn Workers,
) -> Result<Vec<Sorted>, PartitionError> {
    let dimension = rows.dimension();
    let members: Vec<u32> = cells.iter().flatten().copied().collect();
    if members.is_empty() {
        return Ok(Vec::new());
    }
    let values: Vec<f32> = members
        .iter()
        .flat_map(|&row| rows.row(row as usize))
        .copied()
        .collect();
    let own = Rows::new(&values, dimension)?;
    let filled = cells.iter().filter(|cell| !cell.is_empty());
    let numbered = filled.clone().zip(0u32..);
    let mut means = Means {
        centroids: vec![0.0; filled.clone().count() * dimension],
        nearest: numbered
            .flat_map(|(cell, number)| cell.iter().map(move |_| number))
            .collect(),
    };
    let everyone: Vec<u32> = (0..own.len() as u32).collect();
    let nearest = means.nearest.clone();
    move_to_means(own, &everyone, &nearest, &mut means.centroids, workers);
    let mean_size = own.len() as f64 / filled.count() as f64;
    for _ in 0..STEPS {
        lloyd_step(own, &mut means, workers);
    }
    settle(own, &mut means, mean_size, &mut Random::new(seed), workers);
    let sorted = members_of(&means, dimension);
    let centroids = means.centroids.chunks_exact(dimension);
    let of = |cell: Vec<u32>| {
        let mut cell: Vec<u32> = cell.iter().map(|&at| members[at as usize]).collect();
        cell.sort_unstable();
        cell
    };
    Ok(centroids
        .zip(sorted)
        .map(|(centroid, cell)| (centroid.to_vec(), of(cell)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::super::{Alone, clustered};
    use super::*;

    #[test]
    fn rows_that_moved_find_new_cells_among_themselves_and_none_is_lost() {
        let values = clustered(400, 8, 3);
        let rows = Rows::new(&values, 8).unwrap();
        // Ten cells that were cut without looking, of the even rows.
        let cells: Vec<Vec<u32>> = (0..10)
            .map(|cell| (0..20).map(|at| 2 * (20 * cell + at)).collect())
            .collect();
        let reach = |cells: &[Sorted]| -> f64 {
            let distance = |centroid: &[f32], &row: &u32| {
                let row = rows.row(row as usize);
                let squares = centroid.iter().zip(row).map(|(a, b)| (a - b).powi(2));
                f64::from(squares.sum::<f32>())
            };
            let of = |(centroid, cell): &Sorted| -> f64 {
                cell.iter().map(|row| distance(centroid, row)).sum()
            };
            cells.iter().map(of).sum()
        };
        let sorted = sort_among(rows, &cells, 1, &Alone).unwrap();
        let mut all: Vec<u32> = sorted.iter().flat_map(|(_, cell)| cell.clone()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..200).map(|at| 2 * at).collect::<Vec<u32>>());
        assert!(
            sorted
                .iter()
                .all(|(_, cell)| (5..=40).contains(&cell.len()))
        );
        let as_they_were: Vec<Sorted> = cells
            .iter()
            .map(|cell| (super::super::balance::mean_of(rows, cell), cell.clone()))
            .collect();
        assert!(reach(&sorted) < 0.8 * reach(&as_they_were));
    }

    #[test]
    fn of_no_rows_come_no_cells() {
        let values = clustered(4, 8, 3);
        let rows = Rows::new(&values, 8).unwrap();
        assert_eq!(sort_among(rows, &[Vec::new()], 1, &Alone).unwrap(), []);
    }
}
