//! Ranked ids and what was relevant → recall, precision, reciprocal rank, average precision, nDCG.
//!
//! Plain functions on slices, in f64, with no state: the builder's report, the repartition loop and
//! the tests all measure with these. `ranked` is best first and is taken as it comes: an id that a
//! caller repeats counts once, where it first appears, so that a list padded with copies of one good
//! hit measures no better than the hit alone.
mod ranking;
mod recall;

pub use ranking::{average_precision, mean_average_precision, mrr, ndcg, reciprocal_rank};
pub use recall::{precision_at_k, recall_at_k};
