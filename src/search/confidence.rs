//! What a query has seen → the share of the true nearest that its answer is expected to hold.
//!
//! [`DistanceRatio`] is the simple judge: it compares how far the next cell's centroid is with how
//! far a row may be to change the answer. It is **not calibrated on the index at hand**: its two
//! constants were set on photo embeddings so that what is delivered is more than what is said, and
//! other vectors may get more or less. By the ratio alone, delivered recall@10 / share of rows scanned, 128 dimensions:
//!
//! | asked | 640 photos, 52 cells | 5,125 photos, 159 cells | 4,625 photos, strangers as queries | 20,000 synthetic of high dimension |
//! | --- | --- | --- | --- | --- |
//! | 0.80 | 0.979 / 0.172 | 0.952 / 0.047 | 0.952 / 0.053 | 0.992 / 0.108 |
//! | 0.95 | 0.994 / 0.286 | 0.985 / 0.091 | 0.986 / 0.104 | 0.997 / 0.267 |
//! | 0.99 | 0.997 / 0.440 | 0.994 / 0.173 | 0.995 / 0.192 | 0.997 / 0.500 |
//!
//! The last column shows the price: where distances are all alike it opens far more than it needs.
//! A model that is fitted and calibrated on each index at build time comes as another
//! implementation of [`Confidence`]; nothing else in this room has to change for it.

use super::route::Ranked;
use crate::index::Routing;

/// What a query has seen, for whoever judges whether that is enough.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The tables: rows, radius and spread of every cell.
    pub routing: &'a Routing,
    /// All cells in the order in which they are opened.
    pub ranked: &'a [Ranked],
    /// How many of them have been opened, at least one.
    pub opened: usize,
    /// A row farther from the query than this changes nothing: the distance of the k-th best hit,
    /// or of `min_score`; infinite while fewer than k hits are known.
    pub reach: f32,
}

/// Judges whether what has been seen is enough.
pub trait Confidence {
    /// The expected share, 0 to 1, of the true nearest among the hits so far.
    fn expected_recall(&self, seen: &Seen<'_>) -> f32;
}

/// The ratio of the next centroid's distance to the reach, as a share.
///
/// With ratio ρ, raised a little by the share of cells that is already open, the share said is 1 − 0.05 · exp(−12 (ρ − 1.27)): 0.95 at ρ = 1.27, more beyond it.
/// Certainty is said where the cells' radii exclude every row that is left.
#[derive(Debug, Clone, Copy, Default)]
pub struct DistanceRatio;

/// The ratio at which a share of 0.95 is said. Lower scans less and delivers less: on photo
/// embeddings a ratio of 1.0 delivered 0.90 to 0.96, 1.2 0.97 to 0.99, 1.27 0.985 to 0.997.
const RATIO_AT_95: f32 = 1.27;

/// What having opened all cells would add to the ratio: what is left to miss shrinks with the cells left,
/// which counts where they are few. 738 rendered pictures in 58 cells: 0.997 for 60 % of the rows without it
/// (`cargo bench --bench recall -- DIST`); 5,125 photos open a tenth of their cells and hardly notice.
const PER_SHARE: f32 = 0.35;

/// How fast the share missed falls with the ratio: by a factor of about 3.3 for each 0.1 between the
/// ratios 1.0 and 1.3, so exp(−12 · 0.1). Smaller spreads the recalls that can be asked for over
/// more cells, larger over fewer.
const FALL: f32 = 12.0;

impl Confidence for DistanceRatio {
    fn expected_recall(&self, seen: &Seen<'_>) -> f32 {
        let Some(next) = seen.ranked.get(seen.opened) else {
            return 1.0;
        };
        if seen.reach.is_infinite() {
            return 0.0;
        }
        if next.nearest_row_left > seen.reach {
            return 1.0;
        }
        // A reach of 0 (the query's own copies fill the answer) gives an infinite ratio, and 0 / 0
        // a NaN, which `max` turns into no confidence.
        let opened_share = seen.opened as f32 / seen.ranked.len() as f32;
        let ratio = next.distance / seen.reach + PER_SHARE * opened_share;
        (1.0 - 0.05 * (-FALL * (ratio - RATIO_AT_95)).exp()).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::CellEntry;
    use crate::quantize::Centroids;

    fn judged(distances: &[f32], radius: f32, opened: usize, reach: f32) -> f32 {
        let cells = distances.len();
        let entry = |id| CellEntry {
            id,
            segment: 0,
            slot: id,
            rows: 1,
            radius,
            spread: radius,
        };
        let routing = Routing {
            epoch: 0,
            dimension: 1,
            segments: 1,
            cells: (0..cells as u32).map(entry).collect(),
            centroids: Centroids::from_parts(1, vec![0; cells], vec![1.0; cells]).unwrap(),
            adjacency: vec![vec![]; cells],
            merges: vec![],
        };
        let nearest = |rank: usize| {
            distances[rank..]
                .iter()
                .copied()
                .fold(f32::INFINITY, f32::min)
                - radius
        };
        let ranked: Vec<Ranked> = distances
            .iter()
            .enumerate()
            .map(|(rank, &distance)| Ranked {
                place: rank as u32,
                distance,
                nearest_row_left: nearest(rank),
            })
            .collect();
        DistanceRatio.expected_recall(&Seen {
            routing: &routing,
            ranked: &ranked,
            opened,
            reach,
        })
    }

    #[test]
    fn a_farther_next_cell_and_a_nearer_worst_hit_both_raise_it() {
        let shares: Vec<f32> = [0.6, 0.8, 1.0, 1.2]
            .map(|next| judged(&[0.5, next], 0.9, 1, 0.7))
            .to_vec();
        assert!(shares.is_sorted() && shares[0] < shares[3], "{shares:?}");
        let shares: Vec<f32> = [1.0, 0.8, 0.7, 0.5]
            .map(|reach| judged(&[0.5, 0.9], 0.9, 1, reach))
            .to_vec();
        assert!(shares.is_sorted() && shares[0] < shares[3], "{shares:?}");
        // One cell of two is open, which adds half of `PER_SHARE` to the ratio.
        let next = (RATIO_AT_95 - PER_SHARE / 2.0) * 0.7;
        assert!((judged(&[0.5, next], 0.9, 1, 0.7) - 0.95).abs() < 1e-5);
    }

    #[test]
    fn nothing_is_claimed_while_hits_are_wanting() {
        assert_eq!(judged(&[0.5, 1.9], 0.1, 1, f32::INFINITY), 0.0);
        assert_eq!(judged(&[0.0, 0.0], 0.1, 1, 0.0), 0.0);
    }

    #[test]
    fn certainty_needs_every_row_excluded_or_every_cell_opened() {
        assert_eq!(judged(&[0.5, 1.0], 0.2, 1, 0.7), 1.0);
        assert!(judged(&[0.5, 1.0], 0.4, 1, 0.7) < 1.0);
        assert_eq!(judged(&[0.5, 1.0], 0.9, 2, 0.7), 1.0);
    }
}
