//! Vectors → cells: micro-clusters joined by Ward linkage, cut, then balanced.
//!
//! Deterministic for a seed: sums run in a fixed order, ties go to the lower index, and the generator is the room's own. It
//! never reads a clock, a file or a random source, and uses threads only if the caller lends some (`workers`).
//!
//! The way (`cells`): k-means gives several micro-clusters for each cell wanted (`micro`), Ward's criterion
//! joins them (`ward`), the tree is cut, sizes are brought between bounds (`balance`), two Lloyd steps move the
//! centroids to where the rows are, and what those steps pushed over a bound is put right. Measured at
//! 100,000 rows and 400 cells: 13 % fewer rows scanned for a recall of 0.95 than with equally treated
//! k-means, and Ward without the steps behind it is worse than k-means. The binary 2-means tree (`tree`)
//! builds several times faster and scans 1.5 to 2 times more.
mod adjacency;
#[cfg(not(target_arch = "wasm32"))]
mod among;
mod balance;
mod cells;
mod cost;
mod error;
mod kmeans;
mod layout;
mod micro;
mod nearest;
mod options;
mod random;
mod rows;
mod split;
mod tree;
mod ward;
mod workers;

#[cfg(test)]
mod soundness;
#[cfg(test)]
mod synthetic;

pub use adjacency::{adjacency, adjacency_on};
#[cfg(not(target_arch = "wasm32"))]
pub use among::{Sorted, sort_among};
pub use cells::{partition, partition_on};
pub use cost::{Candidate, OPENING_COST};
pub use error::{CODES, PartitionError};
pub use layout::Layout;
pub(crate) use nearest::nearest;
pub use options::{Method, PartitionOptions, Progress, Stage, default_cells};
pub use random::Random;
pub use rows::Rows;
pub use split::split_cell;
pub use ward::{Merge, leaf_order, merge_tree};
pub use workers::{Alone, Workers};

#[cfg(test)]
pub(crate) use synthetic::clustered;
#[cfg(all(test, not(target_arch = "wasm32")))]
pub(crate) use workers::Several;
