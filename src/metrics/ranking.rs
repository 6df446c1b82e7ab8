//! Where in the ranking the right ids stand: reciprocal rank and average precision.
//!
//! mAP is defined as in `models/recipe/evaluate.py`, so that the figures of the recipe and of `nearsight eval` can be
//! compared: average precision over the *full* ranking (of all others where each picture is a query once, of the gallery
//! where queries are apart), not interpolated, not cut at k; then the mean over the queries that have at least
//! one relevant picture to find.
use std::collections::HashSet;

/// 1 / the place of the first relevant id (first place 1), 0 when `ranked` has none. `None` when nothing is relevant.
pub fn reciprocal_rank(ranked: &[u32], relevant: &[u32]) -> Option<f64> {
    let relevant: HashSet<u32> = relevant.iter().copied().collect();
    if relevant.is_empty() {
        return None;
    }
    let first = ranked.iter().position(|id| relevant.contains(id));
    Some(first.map_or(0.0, |place| 1.0 / (place + 1) as f64))
}

/// Mean reciprocal rank over the queries that count, each a pair of ranked and relevant ids. 0 without any.
pub fn mrr<R: AsRef<[u32]>, S: AsRef<[u32]>>(queries: &[(R, S)]) -> f64 {
    mean(&per_query(queries, reciprocal_rank))
}

/// The mean, over all relevant ids, of the precision at the place where each stands; one that `ranked` lacks adds 0.
/// `None` when nothing is relevant.
pub fn average_precision(ranked: &[u32], relevant: &[u32]) -> Option<f64> {
    let relevant: HashSet<u32> = relevant.iter().copied().collect();
    if relevant.is_empty() {
        return None;
    }
    let mut found = HashSet::new();
    // A repeated id takes no place: it is not in the ranking a second time.
    let mut met = HashSet::new();
    let mut sum = 0.0;
    for id in ranked {
        if met.insert(*id) && relevant.contains(id) {
            found.insert(*id);
            sum += found.len() as f64 / met.len() as f64;
        }
    }
    Some(sum / relevant.len() as f64)
}

/// Mean average precision (mAP) over the queries that count. 0 without any.
pub fn mean_average_precision<R: AsRef<[u32]>, S: AsRef<[u32]>>(queries: &[(R, S)]) -> f64 {
    mean(&per_query(queries, average_precision))
}

/// One value for each query that counts, in the order of the queries: for [`mean_with_interval`](super::mean_with_interval).
pub fn per_query<R: AsRef<[u32]>, S: AsRef<[u32]>>(
    queries: &[(R, S)],
    measure: impl Fn(&[u32], &[u32]) -> Option<f64>,
) -> Vec<f64> {
    queries
        .iter()
        .filter_map(|(ranked, relevant)| measure(ranked.as_ref(), relevant.as_ref()))
        .collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    }

    #[test]
    fn reciprocal_rank_looks_at_the_first_relevant_place_only() {
        near(reciprocal_rank(&[7, 8, 1, 2], &[1, 2]).unwrap(), 1.0 / 3.0);
        near(reciprocal_rank(&[1, 8], &[1]).unwrap(), 1.0);
        near(reciprocal_rank(&[7, 8], &[1]).unwrap(), 0.0);
        near(reciprocal_rank(&[], &[1]).unwrap(), 0.0);
        assert_eq!(reciprocal_rank(&[7, 8], &[]), None);
    }

    #[test]
    fn mrr_is_the_mean_of_the_reciprocal_ranks() {
        near(
            mrr(&[
                (vec![1, 2], vec![1]),
                (vec![2, 1], vec![1]),
                (vec![3], vec![1]),
            ]),
            0.5,
        );
        near(mrr::<Vec<u32>, Vec<u32>>(&[]), 0.0);
    }

    #[test]
    fn average_precision_by_hand() {
        // Places 1, 3 and 6 of six: (1/1 + 2/3 + 3/6) / 3.
        near(
            average_precision(&[1, 9, 2, 8, 7, 3], &[1, 2, 3]).unwrap(),
            (1.0 + 2.0 / 3.0 + 0.5) / 3.0,
        );
        // The third relevant id is never found: fewer results than there are relevant ones.
        near(
            average_precision(&[1, 9, 2], &[1, 2, 3]).unwrap(),
            (1.0 + 2.0 / 3.0) / 3.0,
        );
        near(average_precision(&[], &[1, 2]).unwrap(), 0.0);
        assert_eq!(average_precision(&[4], &[]), None);
    }

    #[test]
    fn a_repeated_id_neither_gains_nor_pushes_others_down() {
        near(average_precision(&[1, 1, 1], &[1, 2]).unwrap(), 0.5);
        near(average_precision(&[9, 9, 1], &[1]).unwrap(), 0.5);
    }

    #[test]
    fn of_pictures_that_tie_the_order_given_decides() {
        // Three rows of one score, one of them relevant: what the caller puts first is first.
        let by_place: Vec<f64> = [[5, 6, 7], [6, 5, 7], [6, 7, 5]]
            .iter()
            .map(|ranked| average_precision(ranked, &[5]).unwrap())
            .collect();
        assert_eq!(by_place, [1.0, 0.5, 1.0 / 3.0]);
    }

    #[test]
    fn mean_average_precision_weighs_queries_alike_and_leaves_out_those_with_nothing_to_find() {
        near(
            mean_average_precision(&[([1, 2], [1, 2]), ([9, 1], [1, 1])]),
            0.75,
        );
        let queries = [
            (vec![1, 2], vec![1]),
            (vec![1, 2], vec![]),
            (vec![1, 2], vec![2]),
        ];
        near(mean_average_precision(&queries), 0.75);
        assert_eq!(per_query(&queries, average_precision), [1.0, 0.5]);
    }

    /// `scores` of models/recipe/evaluate.py, written down again: mean(arange(1, found + 1) / (found + 1)).
    #[test]
    fn it_is_the_average_precision_of_the_recipe() {
        let right = [false, true, true, false, false, true, false, true];
        let ranked: Vec<u32> = (0..8).collect();
        let relevant: Vec<u32> = (0..8).filter(|&i| right[i as usize]).collect();
        let places: Vec<f64> = relevant.iter().map(|&i| f64::from(i)).collect();
        let recipe = places
            .iter()
            .enumerate()
            .map(|(i, place)| (i + 1) as f64 / (place + 1.0))
            .sum::<f64>()
            / places.len() as f64;
        near(average_precision(&ranked, &relevant).unwrap(), recipe);
        near(recipe, (0.5 + 2.0 / 3.0 + 0.5 + 0.5) / 4.0);
    }
}
