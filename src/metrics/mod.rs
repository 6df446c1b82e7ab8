//! Ranked ids and what was relevant → recall, precision, reciprocal rank, average precision, nDCG, click-through.
//!
//! Plain functions on slices, in f64, with no state: `nearsight eval`, the repartition loop and the tests all measure with
//! these. A measure gives one value a query; [`mean_with_interval`] makes a mean and its bootstrap interval of them, and
//! [`reliability`] holds what a search says of itself against what it delivered.
//!
//! `ranked` is best first and is taken as it comes, so whoever ranks decides what happens to ties (here everywhere: the
//! lower id first). An id that a caller repeats counts once, where it first appears, so that a list padded with copies
//! of one good hit measures no better than the hit alone. Where nothing is relevant, the measures that ask *where* the
//! relevant ids stand have no value, `None`, and the query does not count.
mod calibration;
mod clicks;
mod interval;
mod ndcg;
mod ranking;
mod recall;

pub use calibration::{Bin, Reliability, reliability};
pub use clicks::{any_click, click_through};
pub use interval::{LEVEL, Mean, RESAMPLES, mean_with_interval, quantile};
pub use ndcg::{ndcg, ndcg_binary};
pub use ranking::{average_precision, mean_average_precision, mrr, per_query, reciprocal_rank};
pub use recall::{precision_at_k, recall_at_k, recall_of_nearest};
