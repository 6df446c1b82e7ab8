//! Queries, their true nearest and a recall asked for → recall delivered, and what it cost.
//!
//! The true nearest come from exact search on the full vectors, on all threads. The searches that are timed run one
//! after the other on one thread, as in a visitor's worker.

use std::time::Instant;

use rayon::prelude::*;
use serde::Serialize;

use super::bytes::Visitor;
use super::gallery::Query;
use crate::index::Index;
use crate::metrics::{Mean, mean_with_interval, quantile, recall_of_nearest};
use crate::partition::Rows;
use crate::quantize::Metric;
use crate::search::{SearchOptions, exact_by, search};

/// Searches before the first that is timed: they bring the index into the caches.
const WARMING: usize = 50;

/// The first k, and whatever ties with the k-th: picture and score.
pub type Nearest = Vec<(u32, f32)>;

/// What a recall asked for gave and cost.
#[derive(Debug, Serialize)]
pub struct Target {
    /// Asked for.
    pub target: f32,
    pub recall: Mean,
    /// Mean of what the answers say of themselves.
    pub confidence: f64,
    /// Share of the rows scanned.
    pub scanned: Spread,
    /// Cells opened.
    pub cells: Spread,
    pub latency_us: Latency,
    pub fetched: Fetching,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub struct Spread {
    pub mean: f64,
    pub p95: f64,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latency {
    pub median: f64,
    pub p95: f64,
}

/// Of a visitor who holds manifest and routing and nothing else.
#[derive(Debug, Serialize)]
pub struct Fetching {
    /// One after the other.
    pub rounds: Spread,
    /// In all rounds.
    pub requests: Spread,
    pub segment_bytes: Spread,
    pub record_bytes: Spread,
}

/// An answer's confidence and its recall.
pub type Said = (f64, f64);

pub fn nearest(
    (metric, rows): (Metric, Rows<'_>),
    ids: &[u32],
    queries: &[Query<'_>],
    k: usize,
    keep_self: bool,
) -> Vec<Nearest> {
    queries
        .par_iter()
        .map(|query| {
            let own = query.own.filter(|_| !keep_self);
            nearest_of((metric, rows), ids, query.vector, own, k)
        })
        .collect()
}

fn nearest_of(
    (metric, rows): (Metric, Rows<'_>),
    ids: &[u32],
    vector: &[f32],
    own: Option<u32>,
    k: usize,
) -> Nearest {
    // One for the picture itself and one to see whether the k-th ties with the next.
    let mut asked = k.saturating_add(2);
    loop {
        let hits: Nearest = exact_by(metric, rows, ids, vector, asked)
            .iter()
            .filter(|hit| Some(hit.id) != own)
            .map(|hit| (hit.id, hit.score))
            .collect();
        let border = hits.get(k - 1).map(|hit| hit.1);
        let all = asked >= rows.len();
        match border {
            Some(border) if !all && hits.last().is_some_and(|last| last.1 >= border) => {
                asked = asked.saturating_mul(2);
            }
            Some(border) => return hits.into_iter().take_while(|hit| hit.1 >= border).collect(),
            None => return hits,
        }
    }
}

/// Asks all queries for `target`. Gives the figures, and what each answer said and held.
pub fn measure(
    (index, visitor): (&Index, &Visitor),
    queries: &[Query<'_>],
    nearest: &[Nearest],
    options: &SearchOptions,
    keep_self: bool,
    seed: u64,
) -> anyhow::Result<Option<(Target, Vec<Said>)>> {
    let rows = index.manifest().counts.pictures.max(1) as f64;
    let asked = |query: &Query<'_>| SearchOptions {
        exclude: query.own.filter(|_| !keep_self),
        ..options.clone()
    };
    for query in queries.iter().take(WARMING) {
        search(index, query.vector, &asked(query))?;
    }
    let mut seen = Seen::default();
    for (query, nearest) in queries.iter().zip(nearest) {
        let options = asked(query);
        let began = Instant::now();
        let answer = search(index, query.vector, &options)?;
        seen.latency_us.push(began.elapsed().as_secs_f64() * 1e6);
        let found: Vec<u32> = answer.hits.iter().map(|hit| hit.id).collect();
        seen.recall
            .push(recall_of_nearest(&found, nearest, options.k));
        seen.confidence.push(plain(answer.confidence));
        seen.scanned.push(answer.scanned as f64 / rows);
        seen.cells.push(answer.probed.len() as f64);
        let fetched = visitor.fetch(query.vector, &options)?;
        seen.rounds.push(fetched.rounds as f64);
        seen.requests.push(fetched.requests as f64);
        seen.segment_bytes.push(fetched.segment_bytes as f64);
        seen.record_bytes.push(fetched.record_bytes as f64);
    }
    Ok(seen.told(options.recall, seed))
}

/// An f32 as it was written: 0.95 and not 0.949999988, which would fall into the bin below.
fn plain(share: f32) -> f64 {
    (f64::from(share) * 1e6).round() / 1e6
}

#[derive(Default)]
struct Seen {
    recall: Vec<f64>,
    confidence: Vec<f64>,
    scanned: Vec<f64>,
    cells: Vec<f64>,
    latency_us: Vec<f64>,
    rounds: Vec<f64>,
    requests: Vec<f64>,
    segment_bytes: Vec<f64>,
    record_bytes: Vec<f64>,
}

impl Seen {
    /// None where nothing was asked.
    fn told(self, target: f32, seed: u64) -> Option<(Target, Vec<Said>)> {
        let latency_us = sorted(&self.latency_us);
        let target = Target {
            target,
            recall: mean_with_interval(&self.recall, seed)?,
            confidence: spread(&self.confidence)?.mean,
            scanned: spread(&self.scanned)?,
            cells: spread(&self.cells)?,
            latency_us: Latency {
                median: quantile(&latency_us, 0.5)?,
                p95: quantile(&latency_us, 0.95)?,
            },
            fetched: Fetching {
                rounds: spread(&self.rounds)?,
                requests: spread(&self.requests)?,
                segment_bytes: spread(&self.segment_bytes)?,
                record_bytes: spread(&self.record_bytes)?,
            },
        };
        let said = self.confidence.into_iter().zip(self.recall).collect();
        Some((target, said))
    }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

fn spread(values: &[f64]) -> Option<Spread> {
    Some(Spread {
        mean: values.iter().sum::<f64>() / values.len().max(1) as f64,
        p95: quantile(&sorted(values), 0.95)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_end_with_all_that_tie_and_leave_out_the_picture_itself() {
        // Rows 0 to 5: itself, three copies of one, one farther, one far.
        let values = [1.0, 0.0, 0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.5, 0.5, 0.0, 1.0];
        let rows = Rows::new(&values, 2).unwrap();
        let ids = [10, 11, 12, 13, 14, 15];
        let found = |k, own| -> Vec<u32> {
            let nearest = nearest_of((Metric::Cosine, rows), &ids, &[1.0, 0.0], own, k);
            nearest.iter().map(|(id, _)| *id).collect()
        };
        assert_eq!(found(1, Some(10)), [11, 12, 13]);
        assert_eq!(found(3, Some(10)), [11, 12, 13]);
        assert_eq!(found(4, Some(10)), [11, 12, 13, 14]);
        assert_eq!(found(1, None), [10]);
        assert_eq!(found(9, Some(10)), [11, 12, 13, 14, 15]);
    }
}
