//! All rows of an index → its layout: cells, their centroids, their neighbours and their tree.
use super::balance::{balance, lloyd_step, members_of, settle};
use super::kmeans::{Means, move_to_means};
use super::micro::micro_clusters;
use super::tree::binary_tree;
use super::ward::cut;
use super::{Merge, PartitionError, Random, Rows, adjacency, leaf_order, merge_tree};

/// Neighbours kept for each cell: where a search goes on once its own ranking is used up.
const NEIGHBOURS: usize = 16;
const LLOYD_STEPS: u64 = 2;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Micro-clusters, Ward, balance, two Lloyd steps: the layout to publish.
    #[default]
    Ward,
    /// 2-means again and again: several times faster to build, 1.5 to 5 times more to scan.
    BinaryTree,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartitionOptions {
    /// None: 2·√n, which is within 15 % of the cheapest from 1.3·√n to 2.6·√n. Fewer mean longer scans, more mean
    /// longer routing. Never more than there are rows. What comes out may differ by some, because of the bounds on sizes.
    pub cells: Option<u32>,
    /// Any number; the same one gives the same layout.
    pub seed: u64,
    pub method: Method,
}

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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Micro-clusters, or the leaves of the binary tree.
    Cluster,
    Join,
    Balance,
    Refine,
    Connect,
}

/// How much of a stage is done: rows of `Cluster`, leaves of the binary tree, steps of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub stage: Stage,
    pub done: u64,
    pub total: u64,
}

/// The number of cells when none is given.
pub fn default_cells(rows: usize) -> usize {
    ((2.0 * (rows as f64).sqrt()).round() as usize).clamp(1, rows.max(1))
}

/// Puts every row in a cell. With `Method::Ward` no cell holds more than twice, nor less than a quarter of, the rows of an
/// average cell of the number asked for (rounded outwards to whole rows). Refuses an empty set of rows, and a wish for 0 cells.
pub fn partition(
    rows: Rows,
    options: &PartitionOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<Layout, PartitionError> {
    if rows.is_empty() {
        return Err(PartitionError::Empty);
    }
    let cells = match options.cells {
        Some(0) => return Err(PartitionError::NoCells),
        Some(cells) => (cells as usize).min(rows.len()),
        None => default_cells(rows.len()),
    };
    let mut random = Random::new(options.seed);
    let means = match options.method {
        Method::Ward => ward_cells(rows, cells, &mut random, progress),
        Method::BinaryTree => binary_tree(rows, cells, &mut random, &mut |done, total| {
            progress(Progress {
                stage: Stage::Cluster,
                done,
                total,
            });
        }),
    };
    let mut tell = |done| {
        progress(Progress {
            stage: Stage::Connect,
            done,
            total: 1,
        });
    };
    tell(0);
    let layout = connect(rows, means);
    tell(1);
    Ok(layout)
}

fn ward_cells(
    rows: Rows,
    cells: usize,
    random: &mut Random,
    progress: &mut dyn FnMut(Progress),
) -> Means {
    let dimension = rows.dimension();
    let mean_size = rows.len() as f64 / cells as f64;
    let mut tell = |stage, done, total| progress(Progress { stage, done, total });
    let total = rows.len() as u64;
    tell(Stage::Cluster, 0, total);
    let micro = micro_clusters(
        rows,
        cells * micros_per_cell(cells),
        random,
        &mut |done, total| tell(Stage::Cluster, done, total),
    );
    tell(Stage::Cluster, total, total);

    tell(Stage::Join, 0, 1);
    let weights: Vec<f32> = members_of(&micro, dimension)
        .iter()
        .map(|m| m.len() as f32)
        .collect();
    let leaves = weights.len();
    let merges = merge_tree(Rows::trusted(&micro.centroids, dimension), &weights);
    let branch_of = cut(leaves, &merges, cells);
    let nearest: Vec<u32> = micro
        .nearest
        .iter()
        .map(|&leaf| branch_of[leaf as usize])
        .collect();
    let branches = branch_of.iter().max().map_or(0, |&last| last as usize + 1);
    let mut means = Means {
        centroids: vec![0.0; branches * dimension],
        nearest,
    };
    let everyone: Vec<u32> = (0..rows.len() as u32).collect();
    move_to_means(rows, &everyone, &means.nearest, &mut means.centroids);
    tell(Stage::Join, 1, 1);

    tell(Stage::Balance, 0, 1);
    balance(rows, &mut means, mean_size, random);
    tell(Stage::Balance, 1, 1);

    tell(Stage::Refine, 0, LLOYD_STEPS + 1);
    for step in 0..LLOYD_STEPS {
        lloyd_step(rows, &mut means);
        tell(Stage::Refine, step + 1, LLOYD_STEPS + 1);
    }
    settle(rows, &mut means, mean_size, random);
    tell(Stage::Refine, LLOYD_STEPS + 1, LLOYD_STEPS + 1);
    means
}

/// Eight where micro-clusters are cheap; fewer for many cells, as in the measurements (8, 6, 4 at 400, 800, 1600 cells).
fn micros_per_cell(cells: usize) -> usize {
    match cells {
        0..=512 => 8,
        513..=1_024 => 6,
        _ => 4,
    }
}

/// Tree, numbering and neighbours of finished cells.
fn connect(rows: Rows, means: Means) -> Layout {
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
        adjacency: adjacency(Rows::trusted(&centroids, dimension), NEIGHBOURS),
        cell_of_row: means
            .nearest
            .iter()
            .map(|&cell| number[cell as usize])
            .collect(),
        centroids,
        merges,
    }
}
