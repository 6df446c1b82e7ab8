//! The hits of a query, best first → those that are answered: nothing that is nearly a better hit again, and no more than so
//! many of one owner.
//!
//! Greedy: a hit is held against the better ones that stay. What is left out makes room for the next, so a query whose hits do
//! not suffice is asked for more of them (`query`); the first k that stay are the same however many there are to choose from.

use std::collections::HashMap;

use super::measure::Measure;
use super::{Hit, SearchError, SearchOptions};
use crate::kernel;
use crate::quantize::Metric;

/// A similarity from which on two pictures are nearly the same, for callers that name none. With the built-in model, of 369 rendered
/// pictures and 395 photos with shorter sides of 224 pixels (`cargo bench --bench copies`): every copy that was encoded again lies above
/// it (the least at 0.985), half of those that were halved do (0.97 in the middle: they lack what the model sees), and 1.4 % of the
/// rendered ones with a picture that is another one. Photos of one subject taken one after another do too: 38 %.
pub const NEARLY_THE_SAME: f32 = 0.97;

/// What near-duplicates without a number are in an index. By distance there is nothing that it could be: its unit is the vectors' own.
pub fn nearly_the_same(metric: Metric) -> Result<f32, SearchError> {
    match metric {
        Metric::Cosine => Ok(NEARLY_THE_SAME),
        Metric::Euclidean => Err(SearchError::Option {
            option: "distinct",
            found: "without a number".to_owned(),
            expected: "the distance up to which two vectors count as the same: this index compares by Euclidean distance",
        }),
    }
}

/// Whose picture it is; none: nobody's, and not limited.
pub type Owners<'a> = dyn Fn(u32) -> Option<String> + 'a;

/// What is known of hits beside their scores.
pub(super) trait Known {
    /// The vector of a hit, of any length.
    fn vector(&self, hit: &Hit) -> Result<Vec<f32>, SearchError>;
    fn owner(&self, id: u32) -> Option<String>;
}

impl SearchOptions {
    /// Whether hits are chosen among, so that more than k may have to be found.
    pub(super) fn chooses(&self) -> bool {
        self.distinct.is_some() || self.per_owner.is_some()
    }
}

/// The first k that stay.
pub(super) fn choose(
    hits: &[Hit],
    options: &SearchOptions,
    measure: Measure,
    known: &impl Known,
) -> Result<Vec<Hit>, SearchError> {
    let mut chosen: Vec<Hit> = Vec::new();
    let mut vectors: Vec<Vec<f32>> = Vec::new();
    let mut of_owner: HashMap<String, u32> = HashMap::new();
    for hit in hits {
        if chosen.len() == options.k {
            break;
        }
        let owner = match options.per_owner {
            Some(most) => match known.owner(hit.id) {
                Some(owner) if of_owner.get(&owner).is_some_and(|&had| had >= most) => continue,
                owner => owner,
            },
            None => None,
        };
        if let Some(limit) = options.distinct {
            let vector = match measure {
                Measure::Cosine => unit(known.vector(hit)?),
                Measure::Euclidean { .. } => known.vector(hit)?,
            };
            let is_like = |other: &Vec<f32>| measure.is_alike(other, &vector, limit);
            if vectors.iter().any(is_like) {
                continue;
            }
            vectors.push(vector);
        }
        if let Some(owner) = owner {
            *of_owner.entry(owner).or_default() += 1;
        }
        chosen.push(*hit);
    }
    Ok(chosen)
}

/// How many hits to ask for next, when `stayed` of `had` stayed and k are wanted.
pub(super) fn more(k: usize, had: usize, stayed: usize) -> usize {
    let lacking = k.saturating_sub(stayed);
    // As many go as went so far, and a quarter more; never less than that quarter, nor more than four times what it was.
    let at_this_rate = had.saturating_mul(k) / stayed.max(1);
    let wanted = at_this_rate.saturating_add(at_this_rate / 4);
    wanted
        .max(had.saturating_add(2 * lacking))
        .clamp(had + had / 4 + 1, had.saturating_mul(4).max(had + 1))
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = kernel::dot_f32(&vector, &vector).sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of two numbers at these angles; owner: the tens of the id.
    struct Angles(Vec<f32>);

    impl Known for Angles {
        fn vector(&self, hit: &Hit) -> Result<Vec<f32>, SearchError> {
            let angle = self.0[hit.id as usize].to_radians();
            Ok(vec![7.0 * angle.cos(), 7.0 * angle.sin()])
        }

        fn owner(&self, id: u32) -> Option<String> {
            (id < 40).then(|| (id / 10).to_string())
        }
    }

    fn chosen(known: &Angles, ids: &[u32], change: impl Fn(&mut SearchOptions)) -> Vec<u32> {
        let hits: Vec<Hit> = ids
            .iter()
            .map(|&id| Hit {
                id,
                score: 0.0,
                distance: 0.0,
                cell: 0,
            })
            .collect();
        let mut options = SearchOptions {
            k: 3,
            ..SearchOptions::default()
        };
        change(&mut options);
        let chosen = choose(&hits, &options, Measure::Cosine, known).unwrap();
        chosen.iter().map(|hit| hit.id).collect()
    }

    #[test]
    fn what_is_like_a_better_hit_goes_and_what_is_like_one_that_went_stays() {
        // 1 is within 10° of 0, 2 within 10° of 1 but not of 0.
        let known = Angles(vec![0.0, 8.0, 16.0, 90.0, 91.0, 180.0]);
        let limit = 10.0f32.to_radians().cos();
        let found = chosen(&known, &[0, 1, 2, 3, 4, 5], |options| {
            options.distinct = Some(limit);
        });
        assert_eq!(found, [0, 2, 3]);
    }

    #[test]
    fn an_owner_has_no_more_than_its_share_and_nobody_s_pictures_are_not_limited() {
        let known = Angles(vec![0.0; 50]);
        let ids = [1, 2, 3, 11, 12, 4, 21];
        let two = |options: &mut SearchOptions| options.per_owner = Some(2);
        assert_eq!(chosen(&known, &ids, two), [1, 2, 11]);
        assert_eq!(chosen(&known, &[45, 46, 47, 1], two), [45, 46, 47]);
        let one = |options: &mut SearchOptions| options.per_owner = Some(1);
        assert_eq!(chosen(&known, &ids, one), [1, 11, 21]);
    }

    #[test]
    fn more_are_asked_for_at_the_rate_at_which_they_went() {
        assert_eq!(more(24, 24, 23), 31);
        assert_eq!(more(24, 24, 12), 60);
        assert_eq!(more(24, 24, 0), 96);
        assert_eq!(more(3, 10, 1), 37);
        assert!(more(usize::MAX, 10, 1) <= 40);
    }
}
