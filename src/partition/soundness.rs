//! What every layout owes, whatever the rows were and however its cells were found.
use super::balance::bounds;
use super::layout::NEIGHBOURS;
use super::*;
use crate::kernel;
use crate::metrics::recall_at_k;

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
    for method in [Method::Ward, Method::KMeans, Method::BinaryTree] {
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
    for method in [Method::Ward, Method::KMeans, Method::BinaryTree] {
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

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn any_number_of_workers_gives_the_same_layout() {
    // Enough values that sums and comparisons are handed out in pieces.
    let values = clustered(12_000, DIMENSION, 5);
    let rows = Rows::new(&values, DIMENSION).unwrap();
    for method in [Method::Ward, Method::KMeans, Method::BinaryTree] {
        let options = PartitionOptions {
            method,
            ..Default::default()
        };
        let alone = partition(rows, &options, &mut |_| ()).unwrap();
        for count in 1..=3 {
            let several = partition_on(rows, &options, &Several(count), &mut |_| ()).unwrap();
            assert_eq!(alone, several, "{method:?}, {count} workers");
        }
    }
}

#[test]
fn one_row_few_rows_and_equal_rows_have_a_layout() {
    let equal = vec![0.125; 700 * DIMENSION];
    let few = clustered(5, DIMENSION, 1);
    let zeros = vec![0.0; 3 * DIMENSION];
    for method in [Method::Ward, Method::KMeans, Method::BinaryTree] {
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
            let wanted = cells.map_or(default_cells(count), |cells| (cells as usize).min(count));
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
