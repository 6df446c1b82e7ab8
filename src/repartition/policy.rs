//! When to act, and how much: every threshold with its range and its reason.

use serde::Serialize;

use crate::partition::OPENING_COST;

/// What a maintenance run may do. The defaults are what `nearsight repartition` documents.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Policy {
    /// Fewer searches of the present epoch than this say nothing: no cost is acted upon. Ten name a
    /// place that is asked again and again; a busy site sets hundreds.
    pub min_searches: u64,
    /// Fewer sessions than this say nothing. 1 suits one's own pictures; a public site sets 20, so
    /// that no single visitor decides.
    pub min_sessions: u64,
    /// A cell is hot when its traffic times its rows is more than this many times the mean over all
    /// cells. At 1 every second cell is looked at; high values look at none.
    pub cost_multiple: f64,
    /// A cell that at least this share of the searches opens is busy: joining it with a neighbour that
    /// is opened with it is considered.
    pub busy_share: f64,
    /// A cell over this many times the mean rows is split whatever its traffic: it bounds the worst
    /// search. The builder's own limit is 1.8.
    pub cap_multiple: f64,
    /// A cell under this share of the mean rows is joined with its nearest neighbour if that saves.
    pub sparse_share: f64,
    /// No child smaller than this share of the mean rows, and never below four rows: what is
    /// less is not worth a cell.
    pub floor_share: f64,
    /// What opening a cell costs, in rows scanned: [`OPENING_COST`]. At 0 parts are always better
    /// than the whole, high values join whatever is opened together.
    pub opening_cost: f64,
    /// An action must save this much a search, in rows scanned, else it is not worth a visitor's download.
    pub min_gain: f64,
    /// At most this share of the cells changes in one epoch.
    pub cells_share: f64,
    /// At most this share of the segments' bytes is written anew, which is what visitors fetch again.
    pub bytes_share: f64,
    /// How much recall@10 may be lower in the replay: less than its sampling error.
    pub recall_tolerance: f64,
    /// Rows of the index that are asked as queries in the replay, beside the logged searches.
    pub replay_rows: usize,
    /// The same seed makes the same plan.
    pub seed: u64,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            min_searches: 10,
            min_sessions: 1,
            cost_multiple: 2.0,
            busy_share: 0.5,
            cap_multiple: 2.0,
            sparse_share: 0.35,
            floor_share: 0.25,
            opening_cost: OPENING_COST,
            min_gain: 1.0,
            cells_share: 0.25,
            bytes_share: 0.33,
            recall_tolerance: 0.002,
            replay_rows: 400,
            seed: 1,
        }
    }
}

impl Policy {
    /// Rows below which no child is made.
    pub fn floor_rows(&self, mean_rows: f64) -> usize {
        ((self.floor_share * mean_rows).round() as usize).max(4)
    }

    /// Rows above which a cell is split whatever its traffic.
    pub fn cap_rows(&self, mean_rows: f64) -> usize {
        ((self.cap_multiple * mean_rows).ceil() as usize).max(2 * self.floor_rows(mean_rows))
    }
}
