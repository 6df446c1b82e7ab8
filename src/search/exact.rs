//! Full vectors and a query → the true nearest: the oracle that recall is measured against.

use super::Hit;
use super::measure::{by_distance, of_cosine};
use super::top_k::TopK;
use crate::kernel;
use crate::partition::Rows;
use crate::quantize::Metric;

/// The cell of a hit that was found without cells.
pub const NO_CELL: u32 = u32::MAX;

/// The `k` rows most similar to `vector` by the angle, whose lengths need not be 1; row `i` is picture `ids[i]`.
/// Rows beyond the shorter of `rows` and `ids`, and a query of another dimension, give no hits.
pub fn exact(rows: Rows, ids: &[u32], vector: &[f32], k: usize) -> Vec<Hit> {
    exact_by(Metric::Cosine, rows, ids, vector, k)
}

/// [`exact`] by any metric. Scores and distances are those that an index of that metric answers with.
pub fn exact_by(metric: Metric, rows: Rows, ids: &[u32], vector: &[f32], k: usize) -> Vec<Hit> {
    if vector.len() != rows.dimension() {
        return Vec::new();
    }
    let mut best = TopK::new(k.min(rows.len()));
    let query_length = kernel::dot_f32(vector, vector).sqrt();
    for (row, &id) in rows.iter().zip(ids) {
        let bare = Hit {
            id,
            score: 0.0,
            distance: 0.0,
            cell: NO_CELL,
        };
        let hit = match metric {
            Metric::Cosine => {
                let lengths = kernel::dot_f32(row, row).sqrt() * query_length;
                let cosine = if lengths > 0.0 {
                    kernel::dot_f32(row, vector) / lengths
                } else {
                    0.0
                };
                let score = cosine.clamp(-1.0, 1.0);
                Hit {
                    score,
                    distance: of_cosine(score),
                    ..bare
                }
            }
            Metric::Euclidean => by_distance(bare, distance(row, vector)),
        };
        best.offer(hit, 0);
    }
    best.into_hits()
}

/// Squares of what is below 1e-19 vanish, where a distance does not.
const SMALL: f32 = 1e-30;

fn distance(one: &[f32], other: &[f32]) -> f32 {
    let squared = kernel::squared_distance_f32(one, other);
    if squared > SMALL {
        return squared.sqrt();
    }
    let pairs = one.iter().zip(other);
    let apart = pairs.map(|(&a, &b)| f64::from(a) - f64::from(b));
    apart.map(|value| value * value).sum::<f64>().sqrt() as f32
}
