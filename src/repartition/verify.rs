//! The present epoch and the next → whether the next may be published.
//!
//! Both answer the same questions through the real search, and both are compared with the exact answer
//! on full vectors: the logged searches, which are what the change is for, and rows drawn
//! from the whole index, which must not pay for it. A row that is its own query is left out of its answer.

use std::fmt;

use serde::Serialize;

use super::{Policy, Probe, RepartitionError, Snapshot};
use crate::index::Index;
use crate::metrics::recall_at_k;
use crate::partition::Random;
use crate::search::{SearchOptions, exact_by, search};

/// Neighbours that are compared.
const K: usize = 10;
/// Logged searches that are replayed.
const LOGGED_LIMIT: usize = 400;
/// How much more the rest of the index may cost, as a share.
const REST_TOLERANCE: f64 = 0.02;

/// Means over one set of queries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Measured {
    pub queries: usize,
    /// recall@10 against the exact answer.
    pub recall: f64,
    pub rows_scanned: f64,
    pub cells_opened: f64,
    /// Rows scanned and cells opened, in rows.
    pub cost: f64,
}

/// What the replay found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verification {
    pub logged_before: Measured,
    pub logged_after: Measured,
    pub rows_before: Measured,
    pub rows_after: Measured,
    /// Why the next epoch must not be published, if so.
    pub refused: Option<String>,
}

/// Asks both epochs. `forced` says that the plan splits cells over the cap, which is done for the worst
/// search and need not make the mean cheaper.
pub fn verify(
    snapshot: &Snapshot,
    next: &Index,
    probes: &[Probe],
    forced: bool,
    policy: &Policy,
) -> Result<Verification, RepartitionError> {
    let logged: Vec<(&[f32], Option<u32>)> = probes
        .iter()
        .take(LOGGED_LIMIT)
        .map(|probe| (probe.vector.as_slice(), probe.exclude))
        .collect();
    let rows = snapshot.rows()?;
    let drawn: Vec<(&[f32], Option<u32>)> = Random::new(policy.seed)
        .sample(rows.len(), policy.replay_rows)
        .into_iter()
        .map(|row| (rows.row(row), Some(snapshot.ids[row])))
        .collect();
    let (logged_before, logged_after) = compare(snapshot, next, &logged, policy)?;
    let (rows_before, rows_after) = compare(snapshot, next, &drawn, policy)?;
    let mut verification = Verification {
        logged_before,
        logged_after,
        rows_before,
        rows_after,
        refused: None,
    };
    verification.refused = verification.judge(forced, policy);
    Ok(verification)
}

fn compare(
    snapshot: &Snapshot,
    next: &Index,
    queries: &[(&[f32], Option<u32>)],
    policy: &Policy,
) -> Result<(Measured, Measured), RepartitionError> {
    let rows = snapshot.rows()?;
    let metric = snapshot.index.metric();
    let (mut before, mut after) = (Measured::default(), Measured::default());
    for &(vector, exclude) in queries {
        let truth: Vec<u32> = exact_by(metric, rows, &snapshot.ids, vector, K + 1)
            .into_iter()
            .map(|hit| hit.id)
            .filter(|id| Some(*id) != exclude)
            .take(K)
            .collect();
        // As many hits as a page asks for: the cost is that of real searches.
        let options = SearchOptions {
            exclude,
            ..SearchOptions::default()
        };
        for (index, measured) in [(snapshot.index, &mut before), (next, &mut after)] {
            let answer = search(index, vector, &options)?;
            let ranked: Vec<u32> = answer.hits.iter().map(|hit| hit.id).collect();
            measured.queries += 1;
            measured.recall += recall_at_k(&ranked, &truth, K);
            measured.rows_scanned += answer.scanned as f64;
            measured.cells_opened += answer.probed.len() as f64;
        }
    }
    for measured in [&mut before, &mut after] {
        let count = (measured.queries as f64).max(1.0);
        measured.recall /= count;
        measured.rows_scanned /= count;
        measured.cells_opened /= count;
        measured.cost = measured.rows_scanned + policy.opening_cost * measured.cells_opened;
    }
    Ok((before, after))
}

/// The recall that pages ask for when they say nothing.
fn asked() -> f64 {
    f64::from(SearchOptions::default().recall)
}

impl Verification {
    fn judge(&self, forced: bool, policy: &Policy) -> Option<String> {
        let sets = [
            ("logged searches", &self.logged_before, &self.logged_after),
            ("rows of the index", &self.rows_before, &self.rows_after),
        ];
        for (name, before, after) in sets {
            // Of a few searches one neighbour more or less is all that can be seen.
            let one = 1.0 / (K as f64 * (before.queries as f64).max(1.0));
            let tolerance = policy.recall_tolerance.max(one);
            // What lies above the recall that was asked is no loss: each epoch is calibrated to deliver what is asked,
            // and one that delivered more than that cost more than it had to.
            let least = (before.recall - tolerance).min(asked());
            if before.queries > 0 && after.recall < least {
                return Some(format!(
                    "recall@10 of {name} would fall from {:.4} to {:.4}",
                    before.recall, after.recall
                ));
            }
        }
        let (logged, rest) = (self.logged_before.queries > 0, self.rows_before.cost);
        if !forced && logged && self.logged_after.cost >= self.logged_before.cost {
            return Some(format!(
                "logged searches would cost {:.1} rows instead of {:.1}",
                self.logged_after.cost, self.logged_before.cost
            ));
        }
        if !forced && self.rows_after.cost > rest * (1.0 + REST_TOLERANCE) {
            return Some(format!(
                "other searches would cost {:.1} rows instead of {rest:.1}",
                self.rows_after.cost
            ));
        }
        None
    }
}

impl fmt::Display for Verification {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, before, after) in [
            ("logged searches", &self.logged_before, &self.logged_after),
            ("rows of the index", &self.rows_before, &self.rows_after),
        ] {
            writeln!(
                out,
                "replay of {} {name}: recall@10 {:.4} → {:.4}, rows scanned {:.1} → {:.1}, cells opened {:.1} → {:.1}, cost {:.1} → {:.1}",
                before.queries,
                before.recall,
                after.recall,
                before.rows_scanned,
                after.rows_scanned,
                before.cells_opened,
                after.cells_opened,
                before.cost,
                after.cost
            )?;
        }
        match &self.refused {
            Some(reason) => write!(out, "not to be published: {reason}"),
            None => write!(out, "stands the replay"),
        }
    }
}
