//! Cells and their traffic → those that ask to be changed, and why.

use serde::Serialize;

use super::{Policy, Snapshot};
use crate::feedback::Estimates;

/// Why a cell is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// More rows than a cell may have.
    OverCap,
    /// Its traffic times its rows is this many times the mean.
    Hot { multiple: f64 },
    /// At least this share of the searches opens it.
    Busy { share: f64 },
    /// Fewer rows than a cell of its own is worth.
    Sparse,
}

/// The cells to look at, by place, in the order of the routing. A cell that is both over the cap and hot
/// counts as over the cap.
pub fn triggers(
    snapshot: &Snapshot,
    estimates: &Estimates,
    policy: &Policy,
) -> Vec<(u32, Trigger)> {
    let mean_rows = snapshot.mean_rows();
    let cap = policy.cap_rows(mean_rows);
    let floor = policy.floor_rows(mean_rows);
    let mean_cost = mean_cost(snapshot, estimates);
    let enough =
        estimates.searches >= policy.min_searches && estimates.sessions >= policy.min_sessions;
    let mut found = Vec::new();
    for (place, cell) in snapshot.cells.iter().enumerate() {
        let rows = cell.members.len();
        let multiple = match mean_cost > 0.0 {
            true => estimates.share(cell.id) * rows as f64 / mean_cost,
            false => 0.0,
        };
        let trigger = if rows > cap {
            Trigger::OverCap
        } else if enough && multiple > policy.cost_multiple && rows >= 2 * floor {
            Trigger::Hot { multiple }
        } else if enough && estimates.share(cell.id) >= policy.busy_share {
            Trigger::Busy {
                share: estimates.share(cell.id),
            }
        } else if enough && (rows as f64) < policy.sparse_share * mean_rows {
            // Without traffic nothing says that joining pays, and the parts of the last split would go
            // together again.
            Trigger::Sparse
        } else {
            continue;
        };
        found.push((place as u32, trigger));
    }
    found
}

/// Traffic times rows, mean over the cells: what a cell costs a search.
pub fn mean_cost(snapshot: &Snapshot, estimates: &Estimates) -> f64 {
    let total: f64 = snapshot
        .cells
        .iter()
        .map(|cell| estimates.share(cell.id) * cell.members.len() as f64)
        .sum();
    total / (snapshot.cells.len() as f64).max(1.0)
}
