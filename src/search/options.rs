//! What a caller asks of a search, and what it gets.

use serde::{Deserialize, Serialize};

use super::SearchError;

/// What is wanted of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SearchOptions {
    /// How many hits, at least 1. Fewer come when fewer exist.
    pub k: usize,
    /// The share of the true k nearest that the answer should hold on average, above 0 and up to 1.
    /// Higher opens more cells; 1 opens all of them, since nothing less can promise it. Short codes hold less than all: a recall
    /// beyond what they hold is not delivered, and the answer's `confidence` stays below it.
    pub recall: f32,
    /// Leave out hits whose score is below this: a cosine, -1 to 1; of an index that compares by Euclidean distance, minus the
    /// largest distance, 0 or less.
    pub min_score: Option<f32>,
    /// Open every cell.
    pub exact: bool,
    /// Open at most this many cells, at least 1. An answer that wanted more says `capped`.
    pub max_cells: Option<u32>,
    /// Leave out this picture: for "more like this one".
    pub exclude: Option<u32>,
    /// Leave out a hit whose cosine with a better hit is this or more: copies of one picture count once. -1 to 1;
    /// [`NEARLY_THE_SAME`](super::NEARLY_THE_SAME) where nothing else is known. Of an index that compares by Euclidean distance, a hit
    /// whose distance from a better hit is this or less.
    pub distinct: Option<f32>,
    /// At most so many hits of one owner, at least 1. Pictures without an owner are not limited.
    pub per_owner: Option<u32>,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self {
            k: 24,
            recall: 0.95,
            min_score: None,
            exact: false,
            max_cells: None,
            exclude: None,
            distinct: None,
            per_owner: None,
        }
    }
}

impl SearchOptions {
    /// An exact search asks for everything.
    pub(super) fn recall_asked(&self) -> f32 {
        match self.exact {
            true => 1.0,
            false => self.recall,
        }
    }

    /// What holds for every index; the rest is up to its `measure`.
    pub(super) fn validate(&self) -> Result<(), SearchError> {
        let wrong = |option, found: String, expected| {
            Err(SearchError::Option {
                option,
                found,
                expected,
            })
        };
        if self.k == 0 {
            return wrong("k", "0".to_owned(), "the number of hits wanted, at least 1");
        }
        if !(self.recall > 0.0 && self.recall <= 1.0) {
            return wrong(
                "recall",
                self.recall.to_string(),
                "a share above 0 and up to 1",
            );
        }
        if self.per_owner == Some(0) {
            return wrong("per_owner", "0".to_owned(), "at least 1, or leave it out");
        }
        if self.max_cells == Some(0) {
            return wrong("max_cells", "0".to_owned(), "at least 1, or leave it out");
        }
        Ok(())
    }
}

/// A picture that is similar.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// The picture.
    pub id: u32,
    /// Cosine of the angle to the query; of an index that compares by Euclidean distance, minus the distance.
    pub score: f32,
    /// Distance between the two unit vectors, 0 to 2; of an index that compares by Euclidean distance, that of the vectors as they were
    /// given.
    pub distance: f32,
    /// Stable id of the cell it was found in.
    pub cell: u32,
}

/// The hits, and how they were found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Best first; of equal ones the lower id first.
    pub hits: Vec<Hit>,
    /// Stable ids of the cells opened, in order.
    pub probed: Vec<u32>,
    /// Rows whose signs were read; of a search that had to look for more hits than `k`, in its last and widest pass.
    pub scanned: u64,
    /// Of these, rows whose low bits were read, of most of them the upper four alone.
    pub reranked: u64,
    /// The share of the true nearest that this answer is expected to hold. Below the recall that was asked for where `max_cells`
    /// ended the search (`capped`), or where the codes hold no more: then more cells would not help, and it is not `capped`.
    pub confidence: f32,
    /// Whether `max_cells` ended the search before it was confident enough.
    pub capped: bool,
    /// The epoch that answered.
    pub epoch: u64,
}
