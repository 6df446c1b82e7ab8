//! How many of the right ids are among the first k.
use std::collections::HashSet;

/// The share of the distinct `relevant` ids that stand among the first `k` of `ranked`. 1 when nothing is relevant: nothing
/// was missed. With the true k nearest as `relevant` this is the recall@k of nearest-neighbour search.
pub fn recall_at_k(ranked: &[u32], relevant: &[u32], k: usize) -> f64 {
    let relevant: HashSet<u32> = relevant.iter().copied().collect();
    if relevant.is_empty() {
        return 1.0;
    }
    found_in_first(ranked, &relevant, k) as f64 / relevant.len() as f64
}

/// Recall@k of nearest-neighbour search where rows may tie. `nearest` are the true nearest, best first, each with its score:
/// the first `k`, and all further ones that tie with the k-th. Any of those that tie is as right as another, so copies
/// of one picture at the border do not count as missed. The share is of `k`, or of `nearest` when it is shorter; 1 when it is empty.
pub fn recall_of_nearest(ranked: &[u32], nearest: &[(u32, f32)], k: usize) -> f64 {
    let wanted = k.min(nearest.len());
    let Some(&(_, border)) = wanted.checked_sub(1).and_then(|last| nearest.get(last)) else {
        return 1.0;
    };
    let those = |keep: &dyn Fn(f32) -> bool| -> HashSet<u32> {
        let kept = nearest.iter().filter(|(_, score)| keep(*score));
        kept.map(|(id, _)| *id).collect()
    };
    let nearer = those(&|score| score > border);
    let tied = those(&|score| score == border);
    // What ties shares the places that the nearer ones leave.
    let places = wanted.saturating_sub(nearer.len());
    let found = found_in_first(ranked, &nearer, k) + found_in_first(ranked, &tied, k).min(places);
    found as f64 / wanted as f64
}

/// The share of the first `k` places that hold a relevant id. Places that `ranked` leaves empty count as
/// misses, so that answering less does not look better. 0 when `k` is 0.
pub fn precision_at_k(ranked: &[u32], relevant: &[u32], k: usize) -> f64 {
    if k == 0 {
        return 0.0;
    }
    let relevant: HashSet<u32> = relevant.iter().copied().collect();
    found_in_first(ranked, &relevant, k) as f64 / k as f64
}

fn found_in_first(ranked: &[u32], relevant: &HashSet<u32>, k: usize) -> usize {
    let found: HashSet<u32> = ranked
        .iter()
        .take(k)
        .copied()
        .filter(|id| relevant.contains(id))
        .collect();
    found.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recall_counts_the_relevant_ids_among_the_first_k() {
        // Of {1, 2, 3, 4}, the first three places hold 1 and 3, the first five 1, 3 and 4.
        let ranked = [9, 1, 3, 8, 4];
        assert_eq!(recall_at_k(&ranked, &[1, 2, 3, 4], 3), 0.5);
        assert_eq!(recall_at_k(&ranked, &[1, 2, 3, 4], 5), 0.75);
        assert_eq!(recall_at_k(&ranked, &[1, 2, 3, 4], 0), 0.0);
        assert_eq!(recall_at_k(&ranked, &[9, 1], 2), 1.0);
    }

    #[test]
    fn nothing_relevant_means_nothing_missed() {
        assert_eq!(recall_at_k(&[1, 2], &[], 2), 1.0);
        assert_eq!(recall_at_k(&[], &[1], 2), 0.0);
    }

    #[test]
    fn precision_divides_by_the_places_asked_for() {
        assert_eq!(precision_at_k(&[9, 1, 3, 8], &[1, 3, 5], 4), 0.5);
        assert_eq!(precision_at_k(&[9, 1, 3, 8], &[1, 3, 5], 2), 0.5);
        assert_eq!(precision_at_k(&[1], &[1, 3, 5], 4), 0.25);
        assert_eq!(precision_at_k(&[1], &[1], 0), 0.0);
    }

    #[test]
    fn of_rows_that_tie_at_the_border_any_is_right() {
        // The third place is shared by 3, 4 and 5.
        let nearest = [(1, 0.9), (2, 0.8), (3, 0.7), (4, 0.7), (5, 0.7)];
        assert_eq!(recall_of_nearest(&[1, 2, 5], &nearest, 3), 1.0);
        assert_eq!(recall_of_nearest(&[1, 2, 9], &nearest, 3), 2.0 / 3.0);
        // They do not stand in for what is nearer: there is one place for the three of them.
        assert_eq!(recall_of_nearest(&[3, 4, 5], &nearest, 3), 1.0 / 3.0);
        // Without ties it is recall@k.
        assert_eq!(recall_of_nearest(&[1, 3, 2], &nearest[..2], 2), 0.5);
        assert_eq!(recall_at_k(&[1, 3, 2], &[1, 2], 2), 0.5);
    }

    #[test]
    fn fewer_rows_than_k_are_all_that_can_be_found() {
        let nearest = [(1, 0.9), (2, 0.8)];
        assert_eq!(recall_of_nearest(&[2, 1], &nearest, 10), 1.0);
        assert_eq!(recall_of_nearest(&[2], &nearest, 10), 0.5);
        assert_eq!(recall_of_nearest(&[], &[], 10), 1.0);
        assert_eq!(recall_of_nearest(&[1], &nearest, 0), 1.0);
    }

    #[test]
    fn a_repeated_id_counts_once() {
        assert_eq!(recall_at_k(&[1, 1, 1], &[1, 2], 3), 0.5);
        assert_eq!(recall_at_k(&[1, 2], &[1, 2, 2], 2), 1.0);
        assert_eq!(precision_at_k(&[1, 1, 1, 1], &[1], 4), 0.25);
    }
}
