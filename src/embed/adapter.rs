//! Vectors of the same pictures by two networks → an affine map from the one space into the other, and how far it can be trusted.
//!
//! Least squares with a penalty (ridge), in closed form. Rows that go through such a map can be searched by queries of the other network, which
//! is how an index moves over to a new model before its pictures are embedded again (`models/GENERATIONS.md`). A fifth of the pictures is held
//! out: they choose the penalty, and they tell how well the map does where it was not fitted. No labels are needed for that: the new network's own
//! ranking is what rows should give, and what moved rows give is compared with what the old rows gave.
//!
//! Sums run in the order of the rows in double precision, so the same vectors give the same map everywhere.

use nalgebra::{DMatrix, DVector};
use serde::Serialize;

use super::{EmbedError, Projection, project};
use crate::kernel;
use crate::partition::Random;

/// What a map of this kind calls itself.
pub const KIND: &str = "ridge";

/// Penalties that are tried, each times the mean variance of a number of the source.
const STRENGTHS: [f64; 4] = [1e-4, 1e-3, 1e-2, 1e-1];
/// One in so many pictures is held out.
const HELD_OUT: usize = 5;
/// Pictures that are held out below which nothing is known of the map.
const FEWEST_HELD_OUT: usize = 10;
/// How many nearest pictures are compared, at most.
const NEIGHBOURS: usize = 10;
/// Moved rows should keep this share of what old rows gave.
const KEPT: f64 = 0.97;

/// The same pictures by both networks, row by row; rows of unit length.
#[derive(Debug, Clone, Copy)]
pub struct Pairs<'a> {
    pub source: &'a [f32],
    pub input: usize,
    pub target: &'a [f32],
    pub output: usize,
}

/// What the held-out pictures say of a map. Shares are of the pictures that the new network finds nearest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Agreement {
    /// Pictures with vectors of both networks.
    pub pairs: usize,
    /// Those of them that were not fitted on, and say the rest.
    pub held_out: usize,
    /// The penalty that was chosen.
    pub strength: f64,
    /// Mean cosine of a moved row to the vector that the new network gives, and to that of another picture.
    pub cosine: f64,
    pub cosine_of_others: f64,
    /// How many nearest were compared.
    pub neighbours: usize,
    /// The share of them that a query of the new network finds among moved rows, that the old network found, and that chance finds.
    pub moved: f64,
    pub old: f64,
    pub chance: f64,
}

impl Agreement {
    /// Whether moved rows answer about as well as the old ones did, as far as can be told.
    pub fn is_good(&self) -> bool {
        self.held_out >= FEWEST_HELD_OUT && self.moved >= KEPT * self.old
    }
}

/// A map of `source` to `target`, fitted on all pairs with the penalty that does best on those held out, and what those say. The seed
/// chooses which are.
pub fn fit(pairs: Pairs, seed: u64) -> Result<(Projection, Agreement), EmbedError> {
    let all: Vec<usize> = (0..pairs.len()?).collect();
    let mut order = all.clone();
    let mut random = Random::new(seed);
    for last in (1..order.len()).rev() {
        order.swap(last, random.below(last + 1));
    }
    let (held, fitted) = order.split_at(order.len() / HELD_OUT);
    let mut best: Option<(f64, f64, Projection)> = None;
    for strength in STRENGTHS {
        let map = ridge(pairs, fitted, strength)?;
        let cosine = pairs.cosine(&map, held, 0)?;
        if best.as_ref().is_none_or(|(most, ..)| cosine > *most) {
            best = Some((cosine, strength, map));
        }
    }
    let (cosine, strength, map) = best.ok_or_else(|| pairs.too_few())?;
    let neighbours = NEIGHBOURS.min(held.len() / 4);
    let agreement = Agreement {
        pairs: all.len(),
        held_out: held.len(),
        strength,
        cosine,
        cosine_of_others: pairs.cosine(&map, held, 1)?,
        neighbours,
        chance: neighbours as f64 / held.len().saturating_sub(1).max(1) as f64,
        ..pairs.neighbours(&map, held, neighbours)?
    };
    Ok((ridge(pairs, &all, strength)?, agreement))
}

impl Pairs<'_> {
    fn len(&self) -> Result<usize, EmbedError> {
        let rows = self.source.len().checked_div(self.input).unwrap_or(0);
        let fits = rows * self.input == self.source.len()
            && rows * self.output == self.target.len()
            && self.output > 0;
        match fits && rows > 1 {
            true => Ok(rows),
            false => Err(self.too_few()),
        }
    }

    fn too_few(&self) -> EmbedError {
        let rows = |values: &[f32], numbers: usize| values.len().checked_div(numbers).unwrap_or(0);
        EmbedError::Projection {
            found: format!(
                "{} vectors of {} numbers beside {} of {}",
                rows(self.source, self.input),
                self.input,
                rows(self.target, self.output),
                self.output
            ),
            expected: "two pictures or more, each with both its vectors, that are not all the same"
                .to_owned(),
        }
    }

    fn source(&self, row: usize) -> &[f32] {
        &self.source[row * self.input..(row + 1) * self.input]
    }

    fn target(&self, row: usize) -> &[f32] {
        &self.target[row * self.output..(row + 1) * self.output]
    }

    /// Mean cosine of moved rows to the targets `apart` places further on.
    fn cosine(&self, map: &Projection, rows: &[usize], apart: usize) -> Result<f64, EmbedError> {
        let mut sum = 0.0;
        for (at, &row) in rows.iter().enumerate() {
            let other = rows[(at + apart) % rows.len()];
            let moved = project(map, self.source(row))?;
            sum += f64::from(kernel::dot_f32(&moved, self.target(other)));
        }
        Ok(sum / rows.len().max(1) as f64)
    }

    /// How many of the new network's `count` nearest of each row its query finds among moved rows, and the old network among its own.
    fn neighbours(
        &self,
        map: &Projection,
        rows: &[usize],
        count: usize,
    ) -> Result<Agreement, EmbedError> {
        let mut moved = Vec::with_capacity(rows.len());
        for &row in rows {
            moved.push(project(map, self.source(row))?);
        }
        let (mut with_moved, mut with_old) = (0, 0);
        for (at, &row) in rows.iter().enumerate() {
            let query = self.target(row);
            let truth = nearest(rows.len(), at, count, |other| {
                kernel::dot_f32(query, self.target(rows[other]))
            });
            let by_moved = nearest(rows.len(), at, count, |other| {
                kernel::dot_f32(query, &moved[other])
            });
            let by_old = nearest(rows.len(), at, count, |other| {
                kernel::dot_f32(self.source(row), self.source(rows[other]))
            });
            let shared = |found: &[usize]| found.iter().filter(|at| truth.contains(at)).count();
            with_moved += shared(&by_moved);
            with_old += shared(&by_old);
        }
        let all = (rows.len() * count).max(1) as f64;
        Ok(Agreement {
            moved: with_moved as f64 / all,
            old: with_old as f64 / all,
            ..Agreement::default()
        })
    }
}

/// The `count` of so many with the highest similarity, itself left out; of equal ones the first.
fn nearest(
    of: usize,
    itself: usize,
    count: usize,
    similarity: impl Fn(usize) -> f32,
) -> Vec<usize> {
    let mut found: Vec<(f32, usize)> = (0..of)
        .filter(|&other| other != itself)
        .map(|other| (similarity(other), other))
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    found.into_iter().take(count).map(|(_, at)| at).collect()
}

/// Least squares on some of the pairs, with a penalty of `strength` times the mean variance of the source.
fn ridge(pairs: Pairs, rows: &[usize], strength: f64) -> Result<Projection, EmbedError> {
    let (input, output, count) = (pairs.input, pairs.output, rows.len() as f64);
    let mut mean = DVector::<f64>::zeros(input);
    let mut aim = DVector::<f64>::zeros(output);
    for &row in rows {
        add(&mut mean, pairs.source(row));
        add(&mut aim, pairs.target(row));
    }
    mean /= count;
    aim /= count;
    let mut covariance = DMatrix::<f64>::zeros(input, input);
    let mut shared = DMatrix::<f64>::zeros(input, output);
    for &row in rows {
        let x: Vec<f64> = from(pairs.source(row), &mean);
        let y: Vec<f64> = from(pairs.target(row), &aim);
        for (at, mut column) in covariance.column_iter_mut().enumerate() {
            add_scaled(column.as_mut_slice(), &x, x[at]);
        }
        for (at, mut column) in shared.column_iter_mut().enumerate() {
            add_scaled(column.as_mut_slice(), &x, y[at]);
        }
    }
    let penalty = strength * covariance.trace() / input as f64;
    for at in 0..input {
        covariance[(at, at)] += penalty;
    }
    let solved = covariance
        .cholesky()
        .ok_or_else(|| pairs.too_few())?
        .solve(&shared);
    let offset = &aim - solved.transpose() * &mean;
    // Column by column: the rows of the transposed.
    let matrix = solved.iter().map(|&value| value as f32).collect();
    let offset = offset.iter().map(|&value| value as f32).collect();
    let mut map = Projection::new(KIND, input, matrix, offset)?;
    map.fitted_on = rows.len() as u64;
    Ok(map)
}

fn add(sum: &mut DVector<f64>, row: &[f32]) {
    sum.iter_mut()
        .zip(row)
        .for_each(|(sum, &value)| *sum += f64::from(value));
}

fn from(row: &[f32], mean: &DVector<f64>) -> Vec<f64> {
    let numbers = row.iter().zip(mean.iter());
    numbers
        .map(|(&value, mean)| f64::from(value) - mean)
        .collect()
}

fn add_scaled(sums: &mut [f64], values: &[f64], factor: f64) {
    sums.iter_mut()
        .zip(values)
        .for_each(|(sum, value)| *sum += value * factor);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unit rows in groups, as pictures of a gallery lie.
    fn gallery(count: usize, dimension: usize, seed: u64) -> Vec<f32> {
        let mut random = Random::new(seed);
        let mut even = || random.unit() as f32 - 0.5;
        let centres: Vec<f32> = (0..8 * dimension).map(|_| even()).collect();
        let mut rows = Vec::with_capacity(count * dimension);
        for row in 0..count {
            let centre = &centres[row % 8 * dimension..][..dimension];
            rows.extend(unit(
                centre.iter().map(|value| value + 0.8 * even()).collect(),
            ));
        }
        rows
    }

    fn unit(row: Vec<f32>) -> Vec<f32> {
        let length = kernel::dot_f32(&row, &row).sqrt();
        row.into_iter().map(|value| value / length).collect()
    }

    /// The other network: a fixed turn into `output` numbers, with noise.
    fn seen_by_another(rows: &[f32], input: usize, output: usize, noise: f32) -> Vec<f32> {
        let mut random = Random::new(77);
        let mut even = || random.unit() as f32 - 0.5;
        let turn: Vec<f32> = (0..input * output).map(|_| even()).collect();
        let mut seen = Vec::new();
        for row in rows.chunks_exact(input) {
            let numbers = turn.chunks_exact(input);
            let row: Vec<f32> = numbers
                .map(|line| kernel::dot_f32(line, row) + noise * even())
                .collect();
            seen.extend(unit(row));
        }
        seen
    }

    fn fitted(count: usize, noise: f32) -> (Projection, Agreement) {
        let source = gallery(count, 16, 5);
        let target = seen_by_another(&source, 16, 12, noise);
        let pairs = Pairs {
            source: &source,
            input: 16,
            target: &target,
            output: 12,
        };
        fit(pairs, 1).unwrap()
    }

    #[test]
    fn a_space_that_was_turned_is_found_again_and_ranks_as_the_new_one_does() {
        let (map, agreement) = fitted(400, 0.0);
        assert_eq!((map.input, map.output, map.fitted_on), (16, 12, 400));
        assert_eq!((agreement.pairs, agreement.held_out), (400, 80));
        assert!(agreement.cosine > 0.98, "{agreement:?}");
        assert!(agreement.cosine_of_others < 0.9, "{agreement:?}");
        assert!(agreement.moved > 0.8, "{agreement:?}");
        assert!(agreement.moved > agreement.old && agreement.is_good());
    }

    #[test]
    fn spaces_that_have_nothing_in_common_are_told_by_the_pictures_held_out() {
        let source = gallery(400, 16, 5);
        // Pictures of another gallery, drawn without looking at the first.
        let mut target = Vec::new();
        let other = gallery(400, 16, 9);
        let mut random = Random::new(3);
        for _ in 0..400 {
            let at = random.below(400);
            target.extend_from_slice(&other[at * 16..(at + 1) * 16]);
        }
        let pairs = Pairs {
            source: &source,
            input: 16,
            target: &target,
            output: 16,
        };
        let (_, agreement) = fit(pairs, 1).unwrap();
        assert!(agreement.moved < 3.0 * agreement.chance, "{agreement:?}");
        assert!(agreement.cosine - agreement.cosine_of_others < 0.05);
    }

    #[test]
    fn a_map_that_gives_less_than_the_old_rows_gave_is_no_good_and_neither_is_an_unmeasured_one() {
        let good = Agreement {
            held_out: 100,
            moved: 0.5,
            old: 0.5,
            ..Agreement::default()
        };
        assert!(good.is_good());
        assert!(
            !Agreement {
                moved: 0.48,
                ..good
            }
            .is_good()
        );
        assert!(
            !Agreement {
                held_out: 9,
                ..good
            }
            .is_good()
        );
    }

    #[test]
    fn the_same_pairs_give_the_same_map_and_none_gives_none() {
        assert_eq!(fitted(60, 0.1), fitted(60, 0.1));
        let pairs = |source, target| Pairs {
            source,
            input: 2,
            target,
            output: 1,
        };
        let one: &[f32] = &[1.0, 0.0];
        for pairs in [
            pairs(&[], &[]),
            pairs(one, &[1.0]),
            pairs(&[1.0, 0.0, 1.0, 0.0], &[1.0]),
        ] {
            assert_eq!(fit(pairs, 0).unwrap_err().code(), "projection_impossible");
        }
        // All the same: there is nothing to tell them apart by.
        let same = pairs(&[1.0, 0.0, 1.0, 0.0, 1.0, 0.0], &[1.0, 1.0, 1.0]);
        assert_eq!(fit(same, 0).unwrap_err().code(), "projection_impossible");
    }
}
