//! One value a query → their mean and how far it may be trusted: the percentile bootstrap over queries.
//!
//! Queries are drawn again with repetition, as many as there are, 1,000 times; the interval runs from the 2.5th to the
//! 97.5th percentile of the means (Efron, 1979). It answers for the choice of queries and for nothing else:
//! another model, another gallery or another partition is another measurement. Values that are all alike give an
//! interval without width, which says that this sample holds no doubt, not that there is none.
use serde::Serialize;

use crate::partition::Random;

/// Samples drawn for an interval. The ends then move by about a twentieth of the width from seed to seed.
pub const RESAMPLES: usize = 1_000;
/// The share of the samples that the interval holds.
pub const LEVEL: f64 = 0.95;

/// A mean over queries and its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Mean {
    pub mean: f64,
    /// Lower and upper end of the interval.
    pub low: f64,
    pub high: f64,
}

/// The mean of `values` and its interval; the same for the same seed. `None` without values.
pub fn mean_with_interval(values: &[f64], seed: u64) -> Option<Mean> {
    if values.is_empty() {
        return None;
    }
    let count = values.len() as f64;
    let mut random = Random::new(seed);
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let drawn = (0..values.len()).map(|_| values[random.below(values.len())]);
            drawn.sum::<f64>() / count
        })
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - LEVEL) / 2.0;
    Some(Mean {
        mean: values.iter().sum::<f64>() / count,
        low: quantile(&means, tail)?,
        high: quantile(&means, 1.0 - tail)?,
    })
}

/// The value below which `share` (0 to 1) of the ascending `sorted` lie, by straight lines between neighbours, as NumPy
/// does by default. `None` without values.
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * last as f64;
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    Some(sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_by_hand() {
        let sorted = [1.0, 2.0, 4.0, 8.0, 16.0];
        let at = |share| quantile(&sorted, share).unwrap();
        assert_eq!((at(0.0), at(0.5), at(1.0)), (1.0, 4.0, 16.0));
        // Place 3.8 of 0 to 4.
        assert!((at(0.95) - (8.0 + 0.8 * 8.0)).abs() < 1e-12);
        assert_eq!(quantile(&[3.0], 0.95), Some(3.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn nothing_has_no_mean_and_equal_values_no_width() {
        assert_eq!(mean_with_interval(&[], 1), None);
        let found = mean_with_interval(&[0.5; 40], 1).unwrap();
        assert_eq!((found.mean, found.low, found.high), (0.5, 0.5, 0.5));
    }

    #[test]
    fn a_seed_gives_one_interval_and_another_seed_nearly_the_same() {
        let values: Vec<f64> = (0..200).map(|i| f64::from(i % 3 == 0)).collect();
        let found = mean_with_interval(&values, 7).unwrap();
        assert_eq!(found, mean_with_interval(&values, 7).unwrap());
        let other = mean_with_interval(&values, 8).unwrap();
        assert_ne!(found, other);
        assert!((found.low - other.low).abs() < 0.02, "{found:?} {other:?}");
    }

    /// For shares the normal approximation is good at this size: 0.335 ± 1.96 · sqrt(0.335 · 0.665 / 200) = ± 0.0654.
    #[test]
    fn the_width_is_what_theory_expects() {
        let values: Vec<f64> = (0..200).map(|i| f64::from(i % 3 == 0)).collect();
        let found = mean_with_interval(&values, 3).unwrap();
        assert!((found.mean - 0.335).abs() < 1e-12);
        assert!((found.mean - found.low - 0.0654).abs() < 0.01, "{found:?}");
        assert!((found.high - found.mean - 0.0654).abs() < 0.01, "{found:?}");
    }

    /// 400 samples of 60 coins: about 95 % of the intervals must hold the truth, and not all.
    #[test]
    fn an_interval_holds_the_truth_about_as_often_as_it_says() {
        let mut random = Random::new(11);
        let held = (0..400)
            .filter(|&seed| {
                let coins: Vec<f64> = (0..60).map(|_| f64::from(random.unit() < 0.4)).collect();
                let found = mean_with_interval(&coins, seed).unwrap();
                (found.low..=found.high).contains(&0.4)
            })
            .count();
        assert!((360..=394).contains(&held), "{held} of 400");
    }
}
