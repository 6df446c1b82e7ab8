//! A rotated query → integers and tables, with which codes are compared.
//!
//! 16 bits and not 8: an 8-bit query caps recall@10 at 0.994 and costs 0.2 points at 8-bit rows; 16-bit
//! ones are free of that, and wasm and AVX2 multiply i16 pairs in one instruction anyway.
use super::bits::CodeBits;
use super::codes::RowCodes;
use super::tables::SignTables;
use super::{Centroids, QuantizeError};
use crate::kernel;

/// As for the rows of an index: squares and sums stay finite.
const LARGEST: f32 = 1e12;
/// 2⁸ · Σ|query| must stay below 2³¹, with a little room for the rounding of the scale, so that no integer sum wraps.
const LARGEST_SUM: f64 = 8_380_000.0;

/// A query as it was given and as integers: value ≈ code · scale.
#[derive(Clone, Debug)]
pub struct PreparedQuery {
    values: Vec<f32>,
    codes: Vec<i16>,
    scale: f32,
    /// Σ codes.
    pub(super) total: i32,
    /// Σ values².
    pub(super) squares: f32,
    pub(super) signs: SignTables,
}

impl PreparedQuery {
    /// Refuses values that are no numbers. The vector need not be of unit length.
    pub fn new(vector: &[f32]) -> Result<PreparedQuery, QuantizeError> {
        if let Some(place) = vector
            .iter()
            .position(|value| !(0.0..=LARGEST).contains(&value.abs()))
        {
            return Err(QuantizeError::QueryNotANumber {
                place,
                value: vector[place],
                limit: LARGEST,
            });
        }
        let largest = vector
            .iter()
            .fold(0.0f64, |m, &v| m.max(f64::from(v).abs()));
        let sum: f64 = vector.iter().map(|&v| f64::from(v).abs()).sum();
        // Rounding adds at most a half to each value. Above about 250 dimensions of equal size the sum is what limits.
        let room = (LARGEST_SUM - 0.5 * vector.len() as f64).max(0.0);
        let steps = f64::from(i16::MAX).min(room * largest / sum);
        let scale = (largest / steps) as f32;
        let scale = if scale.is_finite() { scale } else { 0.0 };
        let codes: Vec<i16> = vector
            .iter()
            .map(|&value| {
                // Truncated towards zero where rounding up might pass `steps`; 0/0 gives 0.
                (f64::from(value) / f64::from(scale))
                    .round()
                    .clamp(-steps, steps) as i16
            })
            .collect();
        Ok(PreparedQuery {
            values: vector.to_vec(),
            squares: kernel::dot_f32(vector, vector),
            total: codes.iter().map(|&code| i32::from(code)).sum(),
            signs: SignTables::new(&codes, scale),
            codes,
            scale,
        })
    }

    pub fn values(&self) -> &[f32] {
        &self.values
    }

    pub fn codes(&self) -> &[i16] {
        &self.codes
    }

    pub fn scale(&self) -> f32 {
        self.scale
    }

    pub fn dimension(&self) -> usize {
        self.values.len()
    }

    /// The inner product with a row, from its full code; `centroid_dot` is the product with its cell's centroid.
    ///
    /// # Panics
    /// When there is no such row, or the dimensions differ.
    pub fn estimate(&self, codes: &RowCodes, row: usize, centroid_dot: f32) -> f32 {
        let upper = kernel::dot_u4_i16(codes.upper(row), &self.codes);
        let lower = self.lower_dot(codes, row);
        let low_dot = (upper << codes.bits.below_upper()).wrapping_add(lower);
        let positive = self.signs.of_row(codes.plane(), row);
        let negative = self.total.wrapping_sub(positive);
        let whole = low_dot.wrapping_sub(codes.bits.half().wrapping_mul(negative));
        let code_dot = (whole as f32 + 0.5 * self.total as f32) * self.scale;
        let [scale, offset] = codes.factors(row);
        centroid_dot + (scale * code_dot + offset)
    }

    /// The product with what lies below the upper four of a row's low bits.
    fn lower_dot(&self, codes: &RowCodes, row: usize) -> i32 {
        let lower = codes.lower(row);
        match codes.bits {
            CodeBits::Nine => kernel::dot_u4_i16(lower, &self.codes),
            CodeBits::Six => {
                let eights = self.codes.chunks(8).zip(lower);
                eights.fold(0, |sum, (eight, &bits)| {
                    let set = eight.iter().enumerate();
                    sum + set
                        .map(|(place, &code)| i32::from(code) * i32::from(bits >> place & 1))
                        .sum::<i32>()
                })
            }
            CodeBits::Five => 0,
        }
    }

    /// The inner product with the decoded centroid at this place.
    ///
    /// # Panics
    /// When there is none, or the dimensions differ.
    pub fn centroid_dot(&self, centroids: &Centroids, place: usize) -> f32 {
        let sum = kernel::dot_i8_i16(centroids.code(place), &self.codes);
        sum as f32 * (centroids.scales()[place] * self.scale)
    }

    /// The inner products with all decoded centroids, in their order.
    ///
    /// # Panics
    /// When the dimensions differ.
    pub fn centroid_dots(&self, centroids: &Centroids) -> Vec<f32> {
        assert_eq!(
            self.dimension(),
            centroids.dimension(),
            "a query and the centroids have one dimension"
        );
        let mut sums = vec![0; centroids.len()];
        kernel::dot_i8_i16_rows(centroids.codes(), &self.codes, &mut sums);
        sums.into_iter()
            .zip(centroids.scales())
            .map(|(sum, scale)| sum as f32 * (scale * self.scale))
            .collect()
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::kernel::SCAN_ROWS;
    use crate::partition::Rows;
    use proptest::prelude::*;

    fn norm(values: impl Iterator<Item = f64>) -> f64 {
        values.map(|v| v * v).sum::<f64>().sqrt()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_query_keeps_15_bits_and_a_sign(values in prop::collection::vec(-1f32..1.0, 1..400)) {
            let query = PreparedQuery::new(&values).unwrap();
            let total: f32 = values.iter().map(|v| v.abs()).sum();
            // Above about 250 dimensions the sum limits the steps.
            let step = query.scale().max(total / 8.4e6);
            for (value, &code) in values.iter().zip(query.codes()) {
                prop_assert!((value - f32::from(code) * query.scale()).abs() <= 1.01 * step);
            }
        }

        #[test]
        fn the_estimate_is_the_product_with_the_decoded_row_up_to_its_offset(
            triples in prop::collection::vec((-1f32..1.0, -0.3f32..0.3, -1f32..1.0), 1..200),
            wide in 0..3usize,
        ) {
            let bits = [CodeBits::Nine, CodeBits::Six, CodeBits::Five][wide];
            let length = triples.iter().map(|t| t.2 * t.2).sum::<f32>().sqrt().max(0.1);
            let values: Vec<f32> = triples.iter().map(|t| t.2 / length).collect();
            let near: Vec<f32> = triples.iter().map(|t| t.0 / length).collect();
            let centroids = Centroids::encode(Rows::new(&near, near.len()).unwrap());
            let mut centroid = vec![0.0; near.len()];
            centroids.decode(0, &mut centroid);
            let vector: Vec<f32> = triples.iter().map(|t| (t.0 + t.1) / length).collect();
            let codes = RowCodes::encode(&[&vector], &centroid, bits);
            let query = PreparedQuery::new(&values).unwrap();
            let base = query.centroid_dots(&centroids)[0];
            let estimate = f64::from(query.estimate(&codes, 0, base));
            let mut decoded = vec![0.0; near.len()];
            codes.decode(0, &centroid, &mut decoded);
            let product: f64 = decoded.iter().zip(&values).map(|(&x, &q)| f64::from(x) * f64::from(q)).sum();
            let offset = f64::from(codes.factors(0)[1]);
            prop_assert!((estimate - product - offset).abs() < 2e-4, "{estimate} {product} {offset}");
            // What a wide code promises: the error is at most the part of the residual it lost times ‖q − c‖.
            let exact: f64 = vector.iter().zip(&values).map(|(&x, &q)| f64::from(x) * f64::from(q)).sum();
            let lost = norm(vector.iter().zip(&decoded).map(|(&x, &y)| f64::from(x) - f64::from(y)));
            let away = norm(values.iter().zip(&centroid).map(|(&q, &c)| f64::from(q) - f64::from(c)));
            prop_assert!((estimate - exact).abs() <= lost * away + 2e-4, "{estimate} for {exact}, lost {lost}");
        }
    }

    #[test]
    fn no_code_can_make_an_integer_sum_wrap() {
        for dimension in [1, 250, 512, 513, 4_096, 8_192] {
            let values = vec![-0.7; dimension];
            let query = PreparedQuery::new(&values).unwrap();
            let low = vec![255; dimension.div_ceil(2)];
            let sum: i64 = query.codes().iter().map(|&q| 15 * i64::from(q)).sum();
            let upper = kernel::dot_u4_i16(&low, query.codes());
            assert_eq!(i64::from(upper), sum, "dimension {dimension}");
            assert_eq!(i64::from(upper << 4), 16 * sum, "dimension {dimension}");
            let rows = [&vec![0.3; dimension][..], &vec![-0.3; dimension][..]];
            let codes = RowCodes::encode(&rows, &vec![0.0; dimension], CodeBits::Nine);
            let expected = 0.7 * 0.3 * dimension as f32;
            for (row, sign) in [-1.0, 1.0].into_iter().enumerate() {
                let estimate = query.estimate(&codes, row, 0.0);
                assert!(
                    (estimate - sign * expected).abs() < 1e-3 * expected,
                    "{estimate} for {expected} at dimension {dimension}"
                );
                let mut bounds = [0.0; SCAN_ROWS];
                query.bounds(codes.plane(), 0, 0.0, 0.0, &mut bounds);
                assert!((bounds[row] - sign * expected).abs() < 0.02 * expected);
            }
        }
    }

    #[test]
    fn a_query_of_zeros_or_of_nothing_is_prepared() {
        for values in [vec![], vec![0.0; 5], vec![1e-45; 3]] {
            let query = PreparedQuery::new(&values).unwrap();
            assert_eq!(query.codes().len(), values.len());
            assert!(query.scale().is_finite());
        }
    }

    #[test]
    fn a_query_with_a_value_that_is_no_number_is_refused() {
        for value in [f32::NAN, f32::INFINITY, -1e30] {
            let error = PreparedQuery::new(&[0.0, value]).unwrap_err();
            assert_eq!(error.code(), "query_invalid");
        }
    }
}
