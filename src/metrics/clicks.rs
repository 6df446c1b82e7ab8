//! What was shown and what was clicked → click-through of a search.
//!
//! Two readings of CTR, both one value a search, so that searches and not pictures are drawn again for the interval
//! (the pictures of one search are not independent of each other).
use std::collections::HashSet;

/// The share of the distinct pictures shown that were clicked. A click on what was not shown does not count, a second
/// click on one picture neither. `None` when nothing was shown.
pub fn click_through(shown: &[u32], clicked: &[u32]) -> Option<f64> {
    let shown: HashSet<u32> = shown.iter().copied().collect();
    let clicked: HashSet<u32> = clicked.iter().copied().collect();
    match shown.len() {
        0 => None,
        all => Some(shown.intersection(&clicked).count() as f64 / all as f64),
    }
}

/// 1 when any picture shown was clicked, 0 otherwise; its mean is the share of searches that led to a click.
/// `None` when nothing was shown.
pub fn any_click(shown: &[u32], clicked: &[u32]) -> Option<f64> {
    click_through(shown, clicked).map(|share| f64::from(share > 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::per_query;

    #[test]
    fn click_through_by_hand() {
        assert_eq!(click_through(&[1, 2, 3, 4], &[2]), Some(0.25));
        assert_eq!(click_through(&[1, 2, 3, 4], &[2, 2, 4]), Some(0.5));
        assert_eq!(click_through(&[1, 2], &[9]), Some(0.0));
        assert_eq!(click_through(&[1, 2], &[]), Some(0.0));
        assert_eq!(click_through(&[], &[1]), None);
    }

    #[test]
    fn a_search_led_to_a_click_or_not() {
        let searches = [
            (vec![1, 2], vec![1, 2]),
            (vec![1, 2], vec![]),
            (vec![], vec![]),
        ];
        assert_eq!(per_query(&searches, any_click), [1.0, 0.0]);
        assert_eq!(per_query(&searches, click_through), [1.0, 0.0]);
    }
}
