//! A vector → the same vector turned by a fixed random rotation; and back.
//!
//! After it no coordinate is special, so a sign for each is a fair code of any residual, and its error bound
//! holds for every set of vectors (RaBitQ, Gao and Long, SIGMOD 2024). Lengths, distances and inner products stay.
//! The matrix is never formed: a round is a random sign for each coordinate and a fast Hadamard transform, which
//! costs d log d additions. A power of two takes three rounds. Any other dimension takes four, each on the first
//! or the last 2^⌊log₂ d⌋ coordinates in turn, and after each the two halves are turned against each other by 45°.
//!
//! The signs depend on the dimension alone, so an index states no matrix. Additions run in a fixed order: the same
//! bits on every machine.
use crate::partition::Random;

/// Other signs would be another format: every code changes.
const SEED: u64 = 0x6e65_6172_7369_6768;

/// The rotation of one dimension.
#[derive(Clone, Debug)]
pub struct Rotation {
    dimension: usize,
    /// Length of a Hadamard transform: the largest power of two that fits.
    span: usize,
    /// ±1 for each coordinate, round after round.
    signs: Vec<f32>,
}

impl Rotation {
    /// The rotation of vectors with so many values; of 0 or 1 value it is the identity or a sign.
    pub fn new(dimension: usize) -> Rotation {
        let span = if dimension == 0 {
            0
        } else {
            1 << dimension.ilog2()
        };
        let rounds = if span == dimension { 3 } else { 4 };
        let mut random = Random::new(SEED ^ dimension as u64);
        let signs = (0..rounds * dimension)
            .map(|_| {
                if random.next_u64() >> 63 == 0 {
                    1.0
                } else {
                    -1.0
                }
            })
            .collect();
        Rotation {
            dimension,
            span,
            signs,
        }
    }

    /// How many values a vector has.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// # Panics
    /// When the vector is not of this dimension.
    pub fn apply(&self, vector: &mut [f32]) {
        self.check(vector);
        for (round, signs) in self.rounds() {
            for (value, sign) in vector.iter_mut().zip(signs) {
                *value *= sign;
            }
            hadamard(&mut vector[self.place(round)]);
            if self.mixes() {
                turn_halves(vector);
            }
        }
    }

    /// Undoes [`apply`](Self::apply), up to rounding.
    ///
    /// # Panics
    /// When the vector is not of this dimension.
    pub fn undo(&self, vector: &mut [f32]) {
        self.check(vector);
        for (round, signs) in self.rounds().collect::<Vec<_>>().into_iter().rev() {
            if self.mixes() {
                turn_halves(vector);
            }
            hadamard(&mut vector[self.place(round)]);
            for (value, sign) in vector.iter_mut().zip(signs) {
                *value *= sign;
            }
        }
    }

    /// Every row turned, row-major.
    ///
    /// # Panics
    /// When `rows` is no whole number of vectors.
    pub fn apply_rows(&self, rows: &[f32]) -> Vec<f32> {
        let mut turned = rows.to_vec();
        if self.dimension > 0 {
            turned
                .chunks_mut(self.dimension)
                .for_each(|row| self.apply(row));
        }
        turned
    }

    fn check(&self, vector: &[f32]) {
        assert_eq!(
            vector.len(),
            self.dimension,
            "a rotation turns vectors of its dimension"
        );
    }

    fn rounds(&self) -> impl Iterator<Item = (usize, &[f32])> {
        self.signs.chunks(self.dimension.max(1)).enumerate()
    }

    fn mixes(&self) -> bool {
        self.span != self.dimension
    }

    /// Even rounds transform the first coordinates, odd ones the last.
    fn place(&self, round: usize) -> std::ops::Range<usize> {
        if round.is_multiple_of(2) {
            0..self.span
        } else {
            self.dimension - self.span..self.dimension
        }
    }
}

/// The normalised Walsh-Hadamard transform, its own inverse. The length is a power of two, or 0.
fn hadamard(values: &mut [f32]) {
    let mut half = 1;
    while half < values.len() {
        for block in values.chunks_exact_mut(2 * half) {
            let (left, right) = block.split_at_mut(half);
            for (a, b) in left.iter_mut().zip(right) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
    let scale = 1.0 / (values.len() as f32).sqrt();
    values.iter_mut().for_each(|value| *value *= scale);
}

/// Pairs each value of the first half with its counterpart in the second; its own inverse.
fn turn_halves(values: &mut [f32]) {
    let (left, right) = values.split_at_mut(values.len() / 2);
    for (a, b) in left.iter_mut().zip(right) {
        (*a, *b) = (
            (*a + *b) * std::f32::consts::FRAC_1_SQRT_2,
            (*a - *b) * std::f32::consts::FRAC_1_SQRT_2,
        );
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::kernel::dot_f32;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn inner_products_stay_and_undoing_gives_the_vector_back(
            pairs in prop::collection::vec((-1f32..1.0, -1f32..1.0), 1..300),
        ) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let rotation = Rotation::new(a.len());
            let turned = [rotation.apply_rows(&a), rotation.apply_rows(&b)];
            let size = (dot_f32(&a, &a) * dot_f32(&b, &b)).sqrt().max(1e-3);
            prop_assert!((dot_f32(&turned[0], &turned[1]) - dot_f32(&a, &b)).abs() < 2e-5 * size.max(1.0));
            let mut back = turned[0].clone();
            rotation.undo(&mut back);
            for (x, y) in a.iter().zip(&back) {
                prop_assert!((x - y).abs() < 2e-5, "{x} {y}");
            }
        }
    }

    /// What a code of signs needs: a vector with one large value is spread over all coordinates.
    #[test]
    fn one_large_value_is_spread_over_every_coordinate() {
        for dimension in [4, 27, 64, 96, 128, 200, 512, 1_000] {
            let rotation = Rotation::new(dimension);
            for place in [0, dimension / 3, dimension - 1] {
                let mut vector = vec![0.0; dimension];
                vector[place] = 1.0;
                rotation.apply(&mut vector);
                let largest = vector.iter().fold(0.0f32, |m, v| m.max(v.abs()));
                let even = 1.0 / (dimension as f32).sqrt();
                assert!(
                    largest < 5.0 * even,
                    "{largest} at dimension {dimension}, {even} if even"
                );
            }
        }
    }

    #[test]
    fn vectors_of_no_value_and_of_one_keep_their_length() {
        Rotation::new(0).apply(&mut []);
        let mut one = [0.7];
        Rotation::new(1).apply(&mut one);
        assert_eq!(one[0].abs(), 0.7);
    }
}
