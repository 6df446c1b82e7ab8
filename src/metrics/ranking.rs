//! Where in the ranking the right ids stand: reciprocal rank, average precision, nDCG.
use std::collections::{HashMap, HashSet};

/// 1 / the place of the first relevant id (first place 1), 0 when there is none.
pub fn reciprocal_rank(ranked: &[u32], relevant: &[u32]) -> f64 {
    let relevant: HashSet<u32> = relevant.iter().copied().collect();
    ranked
        .iter()
        .position(|id| relevant.contains(id))
        .map_or(0.0, |place| 1.0 / (place + 1) as f64)
}

/// Mean reciprocal rank over queries, each a pair of ranked and relevant ids. 0 without queries.
pub fn mrr<R: AsRef<[u32]>, S: AsRef<[u32]>>(queries: &[(R, S)]) -> f64 {
    mean(queries, reciprocal_rank)
}

/// The mean, over all relevant ids, of the precision at the place where each stands; one that `ranked` lacks adds 0.
/// 1 when nothing is relevant, as in `recall_at_k`.
pub fn average_precision(ranked: &[u32], relevant: &[u32]) -> f64 {
    let relevant: HashSet<u32> = relevant.iter().copied().collect();
    if relevant.is_empty() {
        return 1.0;
    }
    let mut found = HashSet::new();
    let mut sum = 0.0;
    for (place, id) in ranked.iter().enumerate() {
        if relevant.contains(id) && found.insert(*id) {
            sum += found.len() as f64 / (place + 1) as f64;
        }
    }
    sum / relevant.len() as f64
}

/// Mean average precision (mAP) over queries. 0 without queries.
pub fn mean_average_precision<R: AsRef<[u32]>, S: AsRef<[u32]>>(queries: &[(R, S)]) -> f64 {
    mean(queries, average_precision)
}

/// Normalised discounted cumulative gain of the first `k`, for graded relevance: `grades` gives the grade of each id
/// that has one (a negative one counts as 0; the highest of several for one id). Gain 2^grade − 1, discount
/// 1 / log₂(place + 1), divided by the best order's sum. 1 when no id has a grade above 0.
pub fn ndcg(ranked: &[u32], grades: &[(u32, f64)], k: usize) -> f64 {
    let mut grade_of: HashMap<u32, f64> = HashMap::new();
    for &(id, grade) in grades {
        let best = grade_of.entry(id).or_insert(0.0);
        *best = best.max(grade);
    }
    let mut best: Vec<f64> = grade_of.values().copied().collect();
    best.sort_unstable_by(|a, b| b.total_cmp(a));
    let ideal = discounted(best.into_iter().take(k));
    if ideal == 0.0 {
        return 1.0;
    }
    // `remove`: a repeated id gains once, and its later places gain nothing.
    let gained = ranked
        .iter()
        .take(k)
        .map(|id| grade_of.remove(id).unwrap_or(0.0));
    discounted(gained) / ideal
}

fn discounted(grades: impl Iterator<Item = f64>) -> f64 {
    grades
        .enumerate()
        .map(|(place, grade)| (grade.exp2() - 1.0) / ((place + 2) as f64).log2())
        .sum()
}

fn mean<R: AsRef<[u32]>, S: AsRef<[u32]>>(
    queries: &[(R, S)],
    measure: fn(&[u32], &[u32]) -> f64,
) -> f64 {
    if queries.is_empty() {
        return 0.0;
    }
    let sum: f64 = queries
        .iter()
        .map(|(ranked, relevant)| measure(ranked.as_ref(), relevant.as_ref()))
        .sum();
    sum / queries.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    }

    #[test]
    fn reciprocal_rank_looks_at_the_first_relevant_place_only() {
        near(reciprocal_rank(&[7, 8, 1, 2], &[1, 2]), 1.0 / 3.0);
        near(reciprocal_rank(&[1, 8], &[1]), 1.0);
        near(reciprocal_rank(&[7, 8], &[1]), 0.0);
        near(reciprocal_rank(&[], &[1]), 0.0);
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
            average_precision(&[1, 9, 2, 8, 7, 3], &[1, 2, 3]),
            (1.0 + 2.0 / 3.0 + 0.5) / 3.0,
        );
        // The third relevant id is never found.
        near(
            average_precision(&[1, 9, 2], &[1, 2, 3]),
            (1.0 + 2.0 / 3.0) / 3.0,
        );
        near(average_precision(&[1, 1, 1], &[1, 2]), 0.5);
        near(average_precision(&[4], &[]), 1.0);
    }

    #[test]
    fn mean_average_precision_weighs_queries_alike() {
        near(
            mean_average_precision(&[([1, 2], [1, 2]), ([9, 1], [1, 1])]),
            0.75,
        );
    }

    #[test]
    fn ndcg_by_hand() {
        let grades = [(1, 3.0), (2, 2.0), (3, 1.0)];
        // Gains 7, 3, 1; discounts 1, 1/log2(3), 1/2.
        let third = 1.0 / 3f64.log2();
        let ideal = 7.0 + 3.0 * third + 0.5;
        near(ndcg(&[1, 2, 3], &grades, 3), 1.0);
        near(
            ndcg(&[3, 9, 1], &grades, 3),
            (1.0 + 0.0 * third + 7.0 * 0.5) / ideal,
        );
        near(ndcg(&[2, 1], &grades, 1), 3.0 / 7.0);
    }

    #[test]
    fn ndcg_of_repeated_unknown_or_worthless_ids() {
        near(
            ndcg(&[1, 1, 1], &[(1, 1.0), (2, 1.0)], 3),
            1.0 / (1.0 + 1.0 / 3f64.log2()),
        );
        near(ndcg(&[5, 6], &[(1, 1.0)], 2), 0.0);
        near(ndcg(&[5, 6], &[], 2), 1.0);
        near(ndcg(&[5], &[(5, -2.0)], 1), 1.0);
    }
}
