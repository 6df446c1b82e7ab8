//! Finished cells → the layout: numbers in tree order, neighbours, and the tree itself.
use super::balance::members_of;
use super::kmeans::Means;
use super::workers::Workers;
use super::{Candidate, Merge, Rows, adjacency_on, leaf_order, merge_tree};

/// Neighbours kept for each cell: where a search goes on once its own ranking is used up.
pub(super) const NEIGHBOURS: usize = 16;

/// Cells are numbered in the order of the tree's branches, so that neighbours in number are neighbours in space.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    pub dimension: usize,
    /// Row-major; each the mean of its cell's rows.
    pub centroids: Vec<f32>,
    /// Every cell has at least one row.
    pub cell_of_row: Vec<u32>,
    /// For each cell up to 16 others, nearest first.
    pub adjacency: Vec<Vec<u32>>,
    /// Ward's tree over the final cells, weighted by their rows.
    pub merges: Vec<Merge>,
    /// The numbers of cells that were weighed; none where it was given, or by rule.
    pub candidates: Vec<Candidate>,
}

impl Layout {
    pub fn cells(&self) -> usize {
        self.adjacency.len()
    }

    /// The rows of each cell, rising.
    pub fn members(&self) -> Vec<Vec<u32>> {
        let mut members = vec![Vec::new(); self.cells()];
        for (row, &cell) in self.cell_of_row.iter().enumerate() {
            members[cell as usize].push(row as u32);
        }
        members
    }

    /// Tree, numbering and neighbours of finished cells.
    pub(super) fn connect(rows: Rows, means: Means, workers: &dyn Workers) -> Layout {
        let dimension = rows.dimension();
        let members = members_of(&means, dimension);
        let weights: Vec<f32> = members.iter().map(|m| m.len() as f32).collect();
        let mut merges = merge_tree(Rows::trusted(&means.centroids, dimension), &weights);
        let order = leaf_order(members.len(), &merges);
        let mut number = vec![0u32; order.len()];
        let mut centroids = Vec::with_capacity(means.centroids.len());
        for (new, &old) in order.iter().enumerate() {
            number[old as usize] = new as u32;
            let at = old as usize * dimension;
            centroids.extend_from_slice(&means.centroids[at..at + dimension]);
        }
        for node in merges.iter_mut().flat_map(|m| [&mut m.left, &mut m.right]) {
            if let Some(&new) = number.get(*node as usize) {
                *node = new;
            }
        }
        Layout {
            dimension,
            adjacency: adjacency_on(Rows::trusted(&centroids, dimension), NEIGHBOURS, workers),
            cell_of_row: means
                .nearest
                .iter()
                .map(|&cell| number[cell as usize])
                .collect(),
            centroids,
            merges,
            candidates: Vec::new(),
        }
    }
}
