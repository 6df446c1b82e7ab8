//! What answers say of themselves and what they hold → whether the confidence can be believed.
//!
//! Answers are put into bins by the confidence they state; in each the mean stated is held against the mean delivered.
//! The calibration error is the mean gap, weighed by answers (ECE; Naeini et al., 2015). It hides a sign, so
//! the overstatement stands beside it: above 0, answers promise more than they hold.
use serde::Serialize;

/// The answers that state about the same confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// States at least this.
    pub from: f64,
    /// And less than this; the last bin is for those that state exactly its `from`.
    pub to: f64,
    pub answers: usize,
    /// Mean stated.
    pub confidence: f64,
    /// Mean delivered.
    pub recall: f64,
}

/// How what is stated compares with what is delivered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reliability {
    /// Those that hold an answer, ascending.
    pub bins: Vec<Bin>,
    /// Mean distance between stated and delivered over the bins, weighed by answers.
    pub calibration_error: f64,
    /// Mean stated less mean delivered over all answers.
    pub overstatement: f64,
}

/// Sorts `answers`, pairs of stated confidence and delivered recall, into bins that begin at the ascending `edges`. The
/// last edge has a bin of its own for all that reach it: certainty, where it is 1. An answer below the first edge is in
/// the first bin. `None` without answers or edges.
pub fn reliability(answers: &[(f64, f64)], edges: &[f64]) -> Option<Reliability> {
    if answers.is_empty() || edges.is_empty() {
        return None;
    }
    let mut sums = vec![(0usize, 0.0, 0.0); edges.len()];
    for &(stated, delivered) in answers {
        let place = edges.partition_point(|&edge| edge <= stated);
        let (count, confidence, recall) = &mut sums[place.saturating_sub(1)];
        *count += 1;
        *confidence += stated;
        *recall += delivered;
    }
    let bins: Vec<Bin> = sums
        .into_iter()
        .enumerate()
        .filter(|(_, (answers, _, _))| *answers > 0)
        .map(|(place, (answers, confidence, recall))| Bin {
            from: edges[place],
            to: edges[(place + 1).min(edges.len() - 1)],
            answers,
            confidence: confidence / answers as f64,
            recall: recall / answers as f64,
        })
        .collect();
    let weighed = |gap: fn(f64) -> f64| {
        let sum: f64 = bins
            .iter()
            .map(|bin| bin.answers as f64 * gap(bin.confidence - bin.recall))
            .sum();
        sum / answers.len() as f64
    };
    Some(Reliability {
        calibration_error: weighed(f64::abs),
        overstatement: weighed(|gap| gap),
        bins,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_and_errors_by_hand() {
        let answers = [(0.5, 0.7), (0.7, 0.7), (0.9, 0.8), (1.0, 1.0), (1.0, 0.9)];
        let found = reliability(&answers, &[0.0, 0.8, 0.9, 1.0]).unwrap();
        let shapes: Vec<(f64, f64, usize)> = found
            .bins
            .iter()
            .map(|bin| (bin.from, bin.to, bin.answers))
            .collect();
        assert_eq!(shapes, [(0.0, 0.8, 2), (0.9, 1.0, 1), (1.0, 1.0, 2)]);
        // Gaps: 0.6 − 0.7, 0.9 − 0.8, 1.0 − 0.95.
        let error = (2.0 * 0.1 + 0.1 + 2.0 * 0.05) / 5.0;
        assert!((found.calibration_error - error).abs() < 1e-12);
        let over = (-2.0 * 0.1 + 0.1 + 2.0 * 0.05) / 5.0;
        assert!((found.overstatement - over).abs() < 1e-12);
    }

    #[test]
    fn what_lies_outside_the_edges_is_not_lost() {
        let found = reliability(&[(0.1, 0.0), (1.5, 1.0)], &[0.5, 1.0]).unwrap();
        assert_eq!(found.bins.iter().map(|bin| bin.answers).sum::<usize>(), 2);
    }

    #[test]
    fn no_answers_say_nothing() {
        assert_eq!(reliability(&[], &[0.0, 1.0]), None);
        assert_eq!(reliability(&[(0.5, 0.5)], &[]), None);
    }
}
