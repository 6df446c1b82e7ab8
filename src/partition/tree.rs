//! Rows → cells by halving: the largest leaf is split by 2-means until there are as many as wanted.
//!
//! A quick preview and the yardstick for the real layout. Measured at 100,000 rows: builds 6 to 15 times faster, and
//! its cells, routed by centroid, scan 1.5 to 5 times as many rows for the same recall, because a border drawn early is
//! never drawn again.
use std::collections::BinaryHeap;

use super::balance::mean_of;
use super::kmeans::Means;
use super::split::split_on;
use super::workers::Workers;
use super::{Random, Rows};

/// `cells` leaves, each with at least one row; fewer only when there are fewer rows.
pub(super) fn binary_tree(
    rows: Rows,
    cells: usize,
    random: &mut Random,
    workers: &dyn Workers,
    progress: &mut dyn FnMut(u64, u64),
) -> Means {
    // By size, then by the lowest row (larger first in the heap, so negated): the order depends on nothing else.
    let mut leaves = BinaryHeap::new();
    let push = |leaves: &mut BinaryHeap<_>, members: Vec<u32>| {
        leaves.push((members.len(), std::cmp::Reverse(members[0]), members));
    };
    push(&mut leaves, (0..rows.len() as u32).collect());
    while leaves.len() < cells {
        let Some((size, lowest, members)) = leaves.pop() else {
            break;
        };
        if size < 2 {
            leaves.push((size, lowest, members));
            break;
        }
        for half in split_on(rows, &members, 2, random.next_u64(), workers) {
            push(&mut leaves, half);
        }
        progress(leaves.len() as u64, cells as u64);
    }
    let mut means = Means {
        centroids: Vec::with_capacity(leaves.len() * rows.dimension()),
        nearest: vec![0; rows.len()],
    };
    let mut leaves: Vec<Vec<u32>> = leaves.into_iter().map(|(_, _, members)| members).collect();
    leaves.sort_unstable_by_key(|members| members[0]);
    for (cell, members) in leaves.iter().enumerate() {
        means.centroids.extend(mean_of(rows, members));
        for &row in members {
            means.nearest[row as usize] = cell as u32;
        }
    }
    means
}
