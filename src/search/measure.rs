//! What an estimate says, inside a query and to whoever asked: the only place where the two metrics differ while a query runs.
//!
//! | | cosine | Euclidean |
//! | --- | --- | --- |
//! | score inside | the cosine | −d² / 2, d in the frame |
//! | distance inside | of two unit vectors, √(2 − 2 · score) | d in the frame, √(−2 · score) |
//! | score told | the same | minus the distance told |
//! | distance told | the same | as between the vectors that were given |
//!
//! Inside, both scores are what codes estimate, both fall with the distance, and routing, bounds and the rule that stops a search look
//! at distances only.

use super::{Hit, SearchError, SearchOptions};
use crate::index::Routing;
use crate::kernel;

/// How a query's scores and distances are read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Measure {
    Cosine,
    /// A distance in the frame is `scale` times as long outside.
    Euclidean {
        scale: f32,
    },
}

impl Measure {
    pub(super) fn of(routing: &Routing) -> Self {
        match &routing.frame {
            None => Self::Cosine,
            Some(frame) => Self::Euclidean {
                scale: frame.scale(),
            },
        }
    }

    /// An estimate, which rounding and codes may take beyond what is possible. `clamp` lets NaN through; factors are finite, but
    /// their products need not be.
    pub(super) fn score(self, estimate: f32) -> f32 {
        match self {
            Self::Cosine if estimate.is_nan() => -1.0,
            Self::Cosine => estimate.clamp(-1.0, 1.0),
            Self::Euclidean { .. } if estimate.is_nan() => f32::MIN,
            Self::Euclidean { .. } => estimate.clamp(f32::MIN, 0.0),
        }
    }

    /// The distance inside.
    pub(super) fn distance(self, score: f32) -> f32 {
        match self {
            Self::Cosine => of_cosine(score),
            Self::Euclidean { .. } => (-2.0 * score).max(0.0).sqrt(),
        }
    }

    /// A hit as it is answered.
    pub(super) fn told(self, hit: Hit) -> Hit {
        match self {
            Self::Cosine => hit,
            Self::Euclidean { scale } => by_distance(hit, hit.distance * scale),
        }
    }

    /// Options as a query goes by them, once they are found valid.
    pub(super) fn inside(self, options: SearchOptions) -> Result<SearchOptions, SearchError> {
        options.validate()?;
        let wrong = |option, found: f32, expected| SearchError::Option {
            option,
            found: found.to_string(),
            expected,
        };
        let (mut min_score, mut distinct) = (options.min_score, options.distinct);
        match self {
            Self::Cosine => {
                let is_cosine = |value: &f32| (-1.0..=1.0).contains(value);
                if let Some(score) = min_score.filter(|score| !is_cosine(score)) {
                    return Err(wrong("min_score", score, "a cosine from -1 to 1"));
                }
                if let Some(cosine) = distinct.filter(|cosine| !is_cosine(cosine)) {
                    return Err(wrong("distinct", cosine, "a cosine from -1 to 1"));
                }
            }
            Self::Euclidean { scale } => {
                if let Some(score) = &mut min_score {
                    // Written so that NaN is refused too.
                    if !(f32::NEG_INFINITY..=0.0).contains(score) {
                        let expected = "minus the largest distance, so 0 or less: this index compares by Euclidean distance";
                        return Err(wrong("min_score", *score, expected));
                    }
                    let farthest = *score / scale;
                    *score = -0.5 * farthest * farthest;
                }
                if let Some(distance) = &mut distinct {
                    if !(0.0..=f32::INFINITY).contains(distance) {
                        let expected =
                            "a distance, 0 or more: this index compares by Euclidean distance";
                        return Err(wrong("distinct", *distance, expected));
                    }
                    *distance /= scale;
                }
            }
        }
        Ok(SearchOptions {
            min_score,
            distinct,
            ..options
        })
    }

    /// Whether vectors, as codes give them back, are so near that the worse of two hits goes; `limit` as it is inside.
    pub(super) fn is_alike(self, one: &[f32], other: &[f32], limit: f32) -> bool {
        match self {
            Self::Cosine => kernel::dot_f32(one, other) >= limit,
            Self::Euclidean { .. } => kernel::squared_distance_f32(one, other) <= limit * limit,
        }
    }
}

/// The distance of two unit vectors with this cosine.
pub(super) fn of_cosine(score: f32) -> f32 {
    (2.0 - 2.0 * score).max(0.0).sqrt()
}

/// A hit of an index that compares by distance: the score is minus the distance, so that more is better, as everywhere.
pub(super) fn by_distance(hit: Hit, distance: f32) -> Hit {
    Hit {
        score: -distance,
        distance,
        ..hit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: Measure = Measure::Euclidean { scale: 4.0 };

    fn options(min_score: Option<f32>, distinct: Option<f32>) -> SearchOptions {
        SearchOptions {
            min_score,
            distinct,
            ..SearchOptions::default()
        }
    }

    #[test]
    fn a_least_score_by_distance_is_that_of_a_hit_told_with_it() {
        let inside = FAR.inside(options(Some(-6.0), Some(2.0))).unwrap();
        let score = inside.min_score.unwrap();
        let hit = Hit {
            id: 1,
            score,
            distance: FAR.distance(score),
            cell: 0,
        };
        let told = FAR.told(hit);
        assert_eq!((told.score, told.distance), (-6.0, 6.0));
        assert_eq!(inside.distinct, Some(0.5));
        assert!(FAR.is_alike(&[1.0, 0.0], &[1.0, 0.5], 0.5));
        assert!(!FAR.is_alike(&[1.0, 0.0], &[1.0, 0.6], 0.5));
    }

    #[test]
    fn numbers_of_the_other_metric_are_refused() {
        for (measure, min_score, distinct) in [
            (FAR, Some(0.5), None),
            (FAR, Some(f32::NAN), None),
            (FAR, None, Some(-0.5)),
            (Measure::Cosine, Some(-7.0), None),
            (Measure::Cosine, None, Some(3.0)),
        ] {
            let error = measure.inside(options(min_score, distinct)).unwrap_err();
            assert_eq!(error.code(), "query_invalid");
        }
    }

    #[test]
    fn what_is_no_number_is_farther_than_everything() {
        for measure in [FAR, Measure::Cosine] {
            let least = measure.score(f32::NAN);
            assert!(least <= measure.score(-1e30) && least.is_finite());
            assert!(measure.distance(least) >= measure.distance(-0.9));
            assert_eq!(measure.distance(measure.score(1.5)), 0.0);
        }
    }
}
