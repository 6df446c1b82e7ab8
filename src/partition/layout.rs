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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel;
    use crate::metrics::recall_at_k;
    use crate::partition::balance::bounds;
    use crate::partition::clustered;

    const DIMENSION: usize = 32;

    fn layout_of(values: &[f32], options: &PartitionOptions) -> Layout {
        partition(Rows::new(values, DIMENSION).unwrap(), options, &mut |_| ()).unwrap()
    }

    /// What every layout owes, whatever the rows were.
    fn is_sound(layout: &Layout, rows: usize) {
        let cells = layout.cells();
        assert_eq!(layout.centroids.len(), cells * layout.dimension);
        assert!(layout.centroids.iter().all(|value| value.is_finite()));
        assert_eq!(layout.cell_of_row.len(), rows);
        assert!(layout.members().iter().all(|members| !members.is_empty()));
        assert_eq!(layout.merges.len(), cells - 1);
        for (cell, neighbours) in layout.adjacency.iter().enumerate() {
            assert_eq!(neighbours.len(), NEIGHBOURS.min(cells - 1));
            assert!(!neighbours.contains(&(cell as u32)));
        }
        let rising: Vec<u32> = (0..cells as u32).collect();
        assert_eq!(
            leaf_order(cells, &layout.merges),
            rising,
            "cells are numbered in tree order"
        );
    }

    fn order<'a>(query: &[f32], vectors: impl Iterator<Item = &'a [f32]>) -> Vec<u32> {
        let distances: Vec<f32> = vectors
            .map(|v| kernel::squared_distance_f32(query, v))
            .collect();
        let mut order: Vec<u32> = (0..distances.len() as u32).collect();
        order.sort_by(|&a, &b| distances[a as usize].total_cmp(&distances[b as usize]));
        order
    }

    /// Mean recall@10 of searching cells, nearest first, until `budget` rows are scanned.
    fn recall_within(layout: &Layout, rows: Rows, queries: Rows, budget: usize) -> f64 {
        let members = layout.members();
        let mut recall = 0.0;
        for query in queries.iter() {
            let truth = order(query, rows.iter());
            let mut scanned: Vec<u32> = Vec::new();
            for cell in order(query, layout.centroids.chunks_exact(DIMENSION)) {
                let left = budget - scanned.len();
                let members = &members[cell as usize];
                scanned.extend(members.iter().take(left));
            }
            recall += recall_at_k(&scanned, &truth[..10], budget);
        }
        recall / queries.len() as f64
    }

    #[test]
    fn ward_finds_more_than_the_binary_tree_for_the_same_rows_scanned() {
        for seed in [1, 2] {
            let values = clustered(4_150, DIMENSION, seed);
            let (queries, values) = values.split_at(150 * DIMENSION);
            let (queries, rows) = (
                Rows::new(queries, DIMENSION).unwrap(),
                Rows::new(values, DIMENSION).unwrap(),
            );
            let ward = layout_of(values, &PartitionOptions::default());
            let tree = layout_of(
                values,
                &PartitionOptions {
                    method: Method::BinaryTree,
                    ..Default::default()
                },
            );
            for budget in [200, 600] {
                let (ward, tree) = (
                    recall_within(&ward, rows, queries, budget),
                    recall_within(&tree, rows, queries, budget),
                );
                assert!(
                    ward >= tree,
                    "{ward} by Ward, {tree} by the tree, {budget} rows, seed {seed}"
                );
            }
        }
    }

    #[test]
    fn a_tenth_of_the_rows_holds_nine_of_ten_neighbours() {
        let values = clustered(4_150, DIMENSION, 3);
        let (queries, values) = values.split_at(150 * DIMENSION);
        let (queries, rows) = (
            Rows::new(queries, DIMENSION).unwrap(),
            Rows::new(values, DIMENSION).unwrap(),
        );
        let recall = recall_within(
            &layout_of(values, &PartitionOptions::default()),
            rows,
            queries,
            400,
        );
        assert!(recall > 0.9, "{recall}");
    }

    #[test]
    fn cells_stay_between_a_quarter_and_twice_the_mean() {
        for (count, cells) in [
            (3_000, None),
            (3_000, Some(10)),
            (3_000, Some(300)),
            (500, Some(2)),
            (60, Some(40)),
        ] {
            let values = clustered(count, DIMENSION, 8);
            let layout = layout_of(
                &values,
                &PartitionOptions {
                    cells,
                    ..Default::default()
                },
            );
            is_sound(&layout, count);
            let wanted = cells.map_or(default_cells(count), |cells| cells as usize);
            let (floor, cap) = bounds(count as f64 / wanted as f64);
            for members in layout.members() {
                assert!(
                    (floor..=cap).contains(&members.len()),
                    "{} rows, not {floor} to {cap}",
                    members.len()
                );
            }
            let share = layout.cells() as f64 / wanted as f64;
            assert!(
                (0.5..=1.5).contains(&share),
                "{} cells for {wanted} wanted",
                layout.cells()
            );
        }
    }

    #[test]
    fn each_centroid_is_the_mean_of_its_rows() {
        let values = clustered(1_000, DIMENSION, 6);
        let rows = Rows::new(&values, DIMENSION).unwrap();
        for method in [Method::Ward, Method::BinaryTree] {
            let layout = layout_of(
                &values,
                &PartitionOptions {
                    method,
                    ..Default::default()
                },
            );
            is_sound(&layout, 1_000);
            for (members, centroid) in layout
                .members()
                .iter()
                .zip(layout.centroids.chunks_exact(DIMENSION))
            {
                for (place, value) in centroid.iter().enumerate() {
                    let sum: f64 = members
                        .iter()
                        .map(|&row| f64::from(rows.row(row as usize)[place]))
                        .sum();
                    assert!((f64::from(*value) - sum / members.len() as f64).abs() < 1e-6);
                }
            }
        }
    }

    #[test]
    fn a_seed_always_gives_the_same_layout_and_another_seed_another() {
        let values = clustered(2_000, DIMENSION, 4);
        for method in [Method::Ward, Method::BinaryTree] {
            let options = |seed| PartitionOptions {
                seed,
                method,
                cells: None,
            };
            let first = layout_of(&values, &options(11));
            assert_eq!(first, layout_of(&values, &options(11)));
            assert_ne!(
                first.cell_of_row,
                layout_of(&values, &options(12)).cell_of_row
            );
        }
    }

    #[test]
    fn one_row_few_rows_and_equal_rows_have_a_layout() {
        let equal = vec![0.125; 700 * DIMENSION];
        let few = clustered(5, DIMENSION, 1);
        let zeros = vec![0.0; 3 * DIMENSION];
        for method in [Method::Ward, Method::BinaryTree] {
            for (values, cells) in [
                (&few[..DIMENSION], None),
                (&few[..DIMENSION], Some(9)),
                (&few[..2 * DIMENSION], Some(1)),
                (&few, Some(99)),
                (&zeros, None),
                (&equal, None),
                (&equal, Some(700)),
            ] {
                let count = values.len() / DIMENSION;
                let layout = layout_of(
                    values,
                    &PartitionOptions {
                        cells,
                        method,
                        seed: 1,
                    },
                );
                is_sound(&layout, count);
                let wanted =
                    cells.map_or(default_cells(count), |cells| (cells as usize).min(count));
                let cap = layout.members().iter().map(Vec::len).max().unwrap();
                assert!(
                    cap <= bounds(count as f64 / wanted as f64).1,
                    "{cap} rows in a cell of {count}"
                );
            }
        }
    }

    #[test]
    fn rows_of_the_largest_and_the_smallest_numbers_have_a_layout() {
        for size in [1e12, 1e-20, 1e-44] {
            let values: Vec<f32> = clustered(300, DIMENSION, 1)
                .iter()
                .map(|v| v * size)
                .collect();
            is_sound(&layout_of(&values, &PartitionOptions::default()), 300);
        }
    }

    #[test]
    fn no_rows_and_no_cells_are_refused() {
        let none = partition(
            Rows::new(&[], 4).unwrap(),
            &PartitionOptions::default(),
            &mut |_| (),
        );
        assert_eq!(none.unwrap_err().code(), "nothing_to_index");
        let options = PartitionOptions {
            cells: Some(0),
            ..Default::default()
        };
        let zero = partition(Rows::new(&[1.0], 1).unwrap(), &options, &mut |_| ());
        assert_eq!(zero.unwrap_err().code(), "options_invalid");
    }

    #[test]
    fn progress_never_runs_backwards_and_ends_full() {
        let values = clustered(2_000, DIMENSION, 4);
        let mut seen: Vec<Progress> = Vec::new();
        partition(
            Rows::new(&values, DIMENSION).unwrap(),
            &PartitionOptions::default(),
            &mut |progress| seen.push(progress),
        )
        .unwrap();
        for pair in seen.windows(2) {
            if pair[0].stage == pair[1].stage {
                assert!(
                    pair[0].done <= pair[1].done && pair[0].total == pair[1].total,
                    "{pair:?}"
                );
            } else {
                assert_eq!(pair[0].done, pair[0].total, "{pair:?}");
            }
        }
        let last = seen.last().unwrap();
        assert_eq!((last.stage, last.done), (Stage::Connect, last.total));
    }
}
