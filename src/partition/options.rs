//! What a caller may ask of a layout, and what it hears while one is made.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Micro-clusters, Ward, balance, two Lloyd steps: the layout to publish.
    #[default]
    Ward,
    /// k-means over all rows, then balance and Lloyd steps as for `Ward`: the yardstick for it, 1 to 13 % more to scan.
    KMeans,
    /// 2-means again and again: several times faster to build, 1.5 to 5 times more to scan.
    BinaryTree,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionOptions {
    /// None: with `Method::Ward` and 5,000 rows or more the cheapest of a few numbers around 2·√n for a recall of 0.95, else
    /// 2·√n. Fewer mean longer scans, more mean longer routing. Never more than there are rows. What comes out may differ by some, because of the bounds on sizes.
    pub cells: Option<u32>,
    /// Any number; the same one gives the same layout.
    pub seed: u64,
    pub method: Method,
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

/// The number of cells when none is given, or the middle of those that are weighed.
pub fn default_cells(rows: usize) -> usize {
    ((2.0 * (rows as f64).sqrt()).round() as usize).clamp(1, rows.max(1))
}
