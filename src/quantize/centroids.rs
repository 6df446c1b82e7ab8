//! f32 centroids ⇄ one signed byte a dimension and one scale a centroid.
//!
//! Rows are coded against the *decoded* centroid, so what is lost here costs nothing in the answer: it
//! only moves the point that residuals start from, by at most half a step in each dimension.
use super::{Metric, QuantizeError, SignPlane};
use crate::partition::Rows;

/// From so many centroids on a query meets their signs first. Fewer are met in the time that two levels would take.
const TWO_LEVELS_FROM: usize = 3_000;

#[derive(Clone, Debug, PartialEq)]
pub struct Centroids {
    dimension: usize,
    codes: Vec<i8>,
    scales: Vec<f32>,
    /// The squared length of each decoded centroid.
    squares: Vec<f32>,
    first_level: Option<FirstLevel>,
}

/// What tells of many centroids which are near: their signs around their mean, an eighth of their bytes. It is worked out from the
/// codes and not stored. Scores say minus half the squared distance to a query, whatever the rows are compared by.
#[derive(Clone, Debug, PartialEq)]
pub struct FirstLevel {
    pub(super) mean: Vec<f32>,
    pub(super) plane: SignPlane,
}

impl Centroids {
    /// Value = code · scale, with scale = the centroid's largest value / 127. A centroid of zeros has the scale 0.
    pub fn encode(rows: Rows) -> Centroids {
        let mut codes = Vec::with_capacity(rows.values().len());
        let mut scales = Vec::with_capacity(rows.len());
        for row in rows.iter() {
            let largest = row.iter().fold(0.0f32, |m, value| m.max(value.abs()));
            let scale = largest / 127.0;
            scales.push(scale);
            // f64: a scale near the end of f32 has no reciprocal there. The cast saturates, and 0/0 gives 0.
            codes.extend(row.iter().map(|&value| {
                let code = (f64::from(value) / f64::from(scale)).round();
                code.clamp(-127.0, 127.0) as i8
            }));
        }
        Centroids::of(rows.dimension(), codes, scales)
    }

    /// From a file: row-major codes, and the scales, whose number is the number of centroids.
    pub fn from_parts(
        dimension: usize,
        codes: Vec<i8>,
        scales: Vec<f32>,
    ) -> Result<Centroids, QuantizeError> {
        if dimension == 0 {
            return Err(QuantizeError::NoDimension);
        }
        if Some(codes.len()) != scales.len().checked_mul(dimension) {
            return Err(QuantizeError::PartsDisagree {
                codes: codes.len(),
                scales: scales.len(),
                dimension,
            });
        }
        if let Some(centroid) = scales
            .iter()
            .position(|scale| !(scale.is_finite() && *scale >= 0.0))
        {
            return Err(QuantizeError::BadScale {
                centroid,
                scale: scales[centroid],
            });
        }
        Ok(Centroids::of(dimension, codes, scales))
    }

    fn of(dimension: usize, codes: Vec<i8>, scales: Vec<f32>) -> Centroids {
        // The sum of squares of integers is exact: at most 2¹⁴ · 8,192.
        let squares = codes
            .chunks_exact(dimension)
            .zip(&scales)
            .map(|(code, &scale)| {
                let sum: u32 = code
                    .iter()
                    .map(|&c| (i32::from(c) * i32::from(c)) as u32)
                    .sum();
                sum as f32 * (scale * scale)
            })
            .collect();
        let mut centroids = Centroids {
            dimension,
            codes,
            scales,
            squares,
            first_level: None,
        };
        if centroids.len() >= TWO_LEVELS_FROM {
            centroids.first_level = Some(FirstLevel::of(&centroids));
        }
        centroids
    }

    /// Where the centroids are many.
    pub fn first_level(&self) -> Option<&FirstLevel> {
        self.first_level.as_ref()
    }

    pub fn len(&self) -> usize {
        self.scales.len()
    }

    pub fn is_empty(&self) -> bool {
        self.scales.is_empty()
    }

    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// All codes, row-major: what a file holds, and what `kernel::dot_i8_i16_rows` routes over.
    pub fn codes(&self) -> &[i8] {
        &self.codes
    }

    pub fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// The squared length of each centroid as decoded.
    pub fn squares(&self) -> &[f32] {
        &self.squares
    }

    /// # Panics
    /// When there is no centroid `i`.
    pub fn code(&self, i: usize) -> &[i8] {
        &self.codes[i * self.dimension..(i + 1) * self.dimension]
    }

    /// # Panics
    /// When there is no centroid `i`, or `out` is not of the centroids' dimension.
    pub fn decode(&self, i: usize, out: &mut [f32]) {
        let code = self.code(i);
        assert_eq!(
            out.len(),
            code.len(),
            "a centroid decodes into a vector of its dimension"
        );
        for (value, &c) in out.iter_mut().zip(code) {
            *value = f32::from(c) * self.scales[i];
        }
    }

    /// Every centroid decoded, row-major.
    pub fn decode_all(&self) -> Vec<f32> {
        let mut values = vec![0.0; self.codes.len()];
        for (i, out) in values.chunks_exact_mut(self.dimension).enumerate() {
            self.decode(i, out);
        }
        values
    }
}

impl FirstLevel {
    fn of(centroids: &Centroids) -> FirstLevel {
        // One after another: all of them decoded would be four times the room of the codes.
        let decoded = (0..centroids.len()).map(|place| {
            let mut values = vec![0.0; centroids.dimension];
            centroids.decode(place, &mut values);
            values
        });
        let mut sums = vec![0.0f64; centroids.dimension];
        for values in decoded.clone() {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += f64::from(value);
            }
        }
        let count = centroids.len().max(1) as f64;
        let mean: Vec<f32> = sums.into_iter().map(|sum| (sum / count) as f32).collect();
        let plane = SignPlane::encode(decoded, &mean, Metric::Euclidean);
        FirstLevel { mean, plane }
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_decoded_centroid_is_within_half_a_step_everywhere(values in prop::collection::vec(-2f32..2.0, 1..100)) {
            let centroids = Centroids::encode(Rows::new(&values, values.len()).unwrap());
            let mut decoded = vec![0.0; values.len()];
            centroids.decode(0, &mut decoded);
            let half_step = 0.5 * centroids.scales()[0];
            for (value, decoded) in values.iter().zip(&decoded) {
                prop_assert!((value - decoded).abs() <= half_step * 1.0001);
            }
        }

        #[test]
        fn the_parts_of_centroids_make_them_again(values in prop::collection::vec(-2f32..2.0, 12)) {
            let centroids = Centroids::encode(Rows::new(&values, 4).unwrap());
            let again = Centroids::from_parts(4, centroids.codes().to_vec(), centroids.scales().to_vec()).unwrap();
            prop_assert_eq!(again.decode_all(), centroids.decode_all());
            prop_assert_eq!(again.len(), 3);
        }
    }

    #[test]
    fn zeros_and_the_smallest_numbers_decode_to_something_finite() {
        for value in [0.0, f32::MIN_POSITIVE, 1e-45, -1e12] {
            let values = [value, 0.0, value / 2.0];
            let centroids = Centroids::encode(Rows::new(&values, 3).unwrap());
            let decoded = centroids.decode_all();
            for (value, decoded) in values.iter().zip(&decoded) {
                assert!(
                    (value - decoded).abs() <= (value.abs() / 100.0).max(1e-43),
                    "{value} {decoded}"
                );
            }
        }
    }

    #[test]
    fn parts_that_disagree_are_refused() {
        let refused = |dimension, codes, scales| {
            Centroids::from_parts(dimension, vec![1; codes], scales)
                .unwrap_err()
                .code()
        };
        assert_eq!(refused(4, 7, vec![1.0, 1.0]), "index_corrupt");
        assert_eq!(refused(0, 0, vec![]), "index_corrupt");
        assert_eq!(refused(4, 4, vec![f32::NAN]), "index_corrupt");
        assert_eq!(refused(4, 4, vec![-1.0]), "index_corrupt");
        assert_eq!(refused(usize::MAX, 4, vec![1.0, 2.0]), "index_corrupt");
    }
}
