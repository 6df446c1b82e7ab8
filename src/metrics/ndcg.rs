//! How much of the gain that was to be had stands near the top: nDCG, for graded relevance and for yes or no.
use std::collections::HashMap;

/// Normalised discounted cumulative gain of the first `k`, for graded relevance: `grades` gives the grade of each id
/// that has one (a negative one counts as 0; the highest of several for one id). Gain 2^grade − 1, discount
/// 1 / log₂(place + 1), divided by the best order's sum. `None` when no id has a grade above 0, or `k` is 0.
pub fn ndcg(ranked: &[u32], grades: &[(u32, f64)], k: usize) -> Option<f64> {
    let mut grade_of: HashMap<u32, f64> = HashMap::new();
    for &(id, grade) in grades {
        let best = grade_of.entry(id).or_insert(0.0);
        *best = best.max(grade);
    }
    let mut best: Vec<f64> = grade_of.values().copied().collect();
    best.sort_unstable_by(|a, b| b.total_cmp(a));
    let ideal = discounted(best.into_iter().take(k));
    if ideal == 0.0 {
        return None;
    }
    // `remove`: a repeated id gains once, and its later places gain nothing.
    let gained = ranked
        .iter()
        .take(k)
        .map(|id| grade_of.remove(id).unwrap_or(0.0));
    Some(discounted(gained) / ideal)
}

/// The same where a picture is relevant or not: every relevant id gains 1, and the best order has them all in front.
pub fn ndcg_binary(ranked: &[u32], relevant: &[u32], k: usize) -> Option<f64> {
    let grades: Vec<(u32, f64)> = relevant.iter().map(|&id| (id, 1.0)).collect();
    ndcg(ranked, &grades, k)
}

fn discounted(grades: impl Iterator<Item = f64>) -> f64 {
    grades
        .enumerate()
        .map(|(place, grade)| (grade.exp2() - 1.0) / ((place + 2) as f64).log2())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: Option<f64>, b: f64) {
        assert!((a.unwrap() - b).abs() < 1e-12, "{a:?} is not {b}");
    }

    fn third() -> f64 {
        1.0 / 3f64.log2()
    }

    #[test]
    fn graded_by_hand() {
        let grades = [(1, 3.0), (2, 2.0), (3, 1.0)];
        // Gains 7, 3, 1; discounts 1, 1/log2(3), 1/2.
        let ideal = 7.0 + 3.0 * third() + 0.5;
        near(ndcg(&[1, 2, 3], &grades, 3), 1.0);
        near(ndcg(&[3, 9, 1], &grades, 3), (1.0 + 7.0 * 0.5) / ideal);
        near(ndcg(&[2, 1], &grades, 1), 3.0 / 7.0);
    }

    #[test]
    fn pictures_of_one_grade_may_change_places_for_free() {
        let grades = [(1, 2.0), (2, 2.0), (3, 1.0)];
        near(ndcg(&[1, 2, 3], &grades, 3), 1.0);
        near(ndcg(&[2, 1, 3], &grades, 3), 1.0);
    }

    #[test]
    fn binary_by_hand() {
        // Three relevant, two found at places 2 and 3 of three; the best order fills all three.
        near(
            ndcg_binary(&[9, 1, 2], &[1, 2, 3], 3),
            (third() + 0.5) / (1.0 + third() + 0.5),
        );
        // More relevant than k: the best order is full of them.
        near(ndcg_binary(&[1, 2], &[1, 2, 3, 4], 2), 1.0);
        // Fewer results than k.
        near(ndcg_binary(&[1], &[1, 2], 10), 1.0 / (1.0 + third()));
        near(ndcg_binary(&[], &[1], 10), 0.0);
        assert_eq!(ndcg_binary(&[1], &[], 10), None);
        assert_eq!(ndcg_binary(&[1], &[1], 0), None);
    }

    #[test]
    fn repeated_unknown_or_worthless_ids_gain_nothing() {
        near(
            ndcg(&[1, 1, 1], &[(1, 1.0), (2, 1.0)], 3),
            1.0 / (1.0 + third()),
        );
        near(ndcg(&[5, 6], &[(1, 1.0)], 2), 0.0);
        assert_eq!(ndcg(&[5, 6], &[], 2), None);
        assert_eq!(ndcg(&[5], &[(5, -2.0)], 1), None);
    }
}
