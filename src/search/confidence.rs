//! What a query has seen → the share of the true nearest that its answer is expected to hold, without a calibration.
//!
//! For indexes of a few hundred pictures, which are too few to calibrate anything on, and for those whose builder left
//! it out. It compares how far the next cell's centroid is with how far a row may be to change the answer. Its constants were set on
//! photo embeddings so that what is delivered is more than what is said; other vectors may get more or less, and where
//! distances are all alike it opens far more than it needs: 20,000 synthetic rows of high dimension gave 0.997 for half of the rows
//! when asked for 0.99.

use super::approximate::exp;
use super::route::Ranked;

/// What a query has seen, for whoever judges whether that is enough.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    /// How many cells there are.
    pub(super) cells: usize,
    /// The cells in the order in which they are opened, one more than `opened` at least, if there are as many.
    pub(super) ranked: &'a [Ranked],
    /// How many of them have been opened, at least one.
    pub(super) opened: usize,
    /// A row farther from the query than this changes nothing: the distance of the k-th best hit,
    /// or of `min_score`; infinite while fewer than k hits are known.
    pub(super) reach: f32,
    /// Whether the radii of the cells left exclude every row in them.
    pub(super) certain: bool,
}

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

/// The expected share, 0 to 1, of the true nearest among the hits so far.
///
/// The ratio of the next centroid's distance to the reach, as a share.
///
/// With ratio ρ, raised a little by the share of cells that is already open, the share said is 1 − 0.05 · exp(−12 (ρ − 1.27)): 0.95 at ρ = 1.27, more beyond it.
/// Certainty is said where the cells' radii exclude every row that is left.
pub(super) fn by_distance(seen: &Seen<'_>) -> f32 {
    let Some(next) = seen.ranked.get(seen.opened) else {
        return 1.0;
    };
    if seen.reach.is_infinite() {
        return 0.0;
    }
    if seen.certain {
        return 1.0;
    }
    // A reach of 0 (the query's own copies fill the answer) gives an infinite ratio, and 0 / 0
    // a NaN, which `max` turns into no confidence.
    let opened_share = seen.opened as f32 / seen.cells as f32;
    let ratio = next.distance / seen.reach + PER_SHARE * opened_share;
    (1.0 - 0.05 * exp(-FALL * (ratio - RATIO_AT_95))).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(distances: &[f32], radius: f32, opened: usize, reach: f32) -> f32 {
        let cells = distances.len();
        let ranked: Vec<Ranked> = distances
            .iter()
            .enumerate()
            .map(|(rank, &distance)| Ranked {
                place: rank as u32,
                distance,
                base: 0.0,
                nearest_row: distance - radius,
            })
            .collect();
        let certain = ranked[opened..].iter().all(|cell| cell.nearest_row > reach);
        by_distance(&Seen {
            cells,
            ranked: &ranked,
            opened,
            reach,
            certain,
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
