//! A rotated query → integers and tables, with which codes are compared.
//!
//! 16 bits and not 8: an 8-bit query caps recall@10 at 0.994 and costs 0.2 points at 8-bit rows; 16-bit
//! ones are free of that, and wasm and AVX2 multiply i16 pairs in one instruction anyway.
use super::bits::CodeBits;
use super::codes::RowCodes;
use super::plane::SignPlane;
use super::tables::SignTables;
use super::{Centroids, FirstLevel, QuantizeError};
use crate::kernel::{self, SCAN_ROWS};

/// As for the rows of an index: squares and sums stay finite.
const LARGEST: f32 = 1e12;
/// 2⁸ · Σ|query| must stay below 2³¹, with a little room for the rounding of the scale, so that no integer sum wraps.
const LARGEST_SUM: f64 = 8_380_000.0;

/// No bound of a centroid is below it.
pub const LEAST_BOUND: f32 = -0.5 * f32::MAX;

/// A query as it was given and as integers: value ≈ code · scale.
#[derive(Clone, Debug)]
pub struct PreparedQuery {
    values: Vec<f32>,
    codes: Vec<i16>,
    scale: f32,
    /// Σ codes.
    total: i32,
    /// Σ values².
    squares: f32,
    signs: SignTables,
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

    /// An upper bound of what [`estimate`](Self::estimate) gives, from the signs and the upper four of the low bits. `bound` is what
    /// [`bounds`](Self::bounds) gave for the row with this `base` and `slack`: the product with its signs is taken from there.
    ///
    /// What is left out is a sum of small parts of either sign, so it is nearly normal, and one row in 30,000 is above the bound.
    ///
    /// # Panics
    /// When there is no such row, or the dimensions differ.
    pub fn nearer_bound(
        &self,
        codes: &RowCodes,
        row: usize,
        base: f32,
        slack: f32,
        bound: f32,
    ) -> f32 {
        let (plane, bits) = (codes.plane(), codes.bits);
        let (scales, offsets) = plane.block_factors(row / SCAN_ROWS);
        let sign_scale = plane.scale.value(u16::from(scales[row % SCAN_ROWS]));
        let sign_offset = plane.offset.value(u16::from(offsets[row % SCAN_ROWS]));
        // A row that lies on its centroid has no scale.
        if sign_scale <= 0.0 {
            return f32::INFINITY;
        }
        let signs = (bound - base - sign_offset) / sign_scale - slack;
        let total = self.total as f32 * self.scale;
        let upper = kernel::dot_u4_i16(codes.upper(row), &self.codes) as f32 * self.scale;
        // On average what is below the upper bits is in the middle of its range.
        let steps = (1 << bits.below_upper()) as f32;
        let low = steps * upper + 0.5 * steps * total;
        let code_dot = low - bits.half() as f32 * (0.5 * total - signs);
        let [scale, offset] = codes.factors(row);
        base + (scale * (code_dot + self.doubt(bits)) + offset)
    }

    /// How far, in units of a full code, the product with the upper bits may lie below that with all: the low bits are equally likely to be
    /// anything, and so is what the tables of the signs round.
    fn doubt(&self, bits: CodeBits) -> f32 {
        const DEVIATIONS: f32 = 4.0;
        let lower = (4f32.powi(bits.below_upper() as i32) - 1.0) * self.squares;
        let tables = (2 * self.codes.len().div_ceil(8)) as f32;
        let rounded = bits.half() as f32 * self.signs.step;
        DEVIATIONS * ((lower + rounded * rounded * tables) / 12.0).sqrt()
    }

    /// For each row of a block an upper bound of what is estimated, from the signs alone; `base` is the estimate of the rows'
    /// centre. `slack` widens it: see [`slack`]. Places behind the last row hold numbers without meaning.
    ///
    /// # Panics
    /// When there is no such block, or the dimensions differ.
    pub fn bounds(
        &self,
        plane: &SignPlane,
        block: usize,
        base: f32,
        slack: f32,
        bounds: &mut [f32; SCAN_ROWS],
    ) {
        let mut sums = [0; SCAN_ROWS];
        kernel::scan_signs(plane.block_signs(block), &self.signs.entries, &mut sums);
        let (scale, offset) = (plane.scale, plane.offset);
        let (scales, offsets) = plane.block_factors(block);
        let base = base + offset.least;
        let shift = self.signs.shift + slack;
        for row in 0..SCAN_ROWS {
            let product = self.signs.step * f32::from(sums[row]) + shift;
            let row_scale = scale.least + scale.step * f32::from(scales[row]);
            let row_offset = offset.step * f32::from(offsets[row]);
            bounds[row] = base + row_offset + row_scale * product;
        }
    }

    /// For each centroid an upper bound of minus half the squared distance to it, from the signs alone, `deviations` standard
    /// deviations wide (see [`slack`]), and at least [`LEAST_BOUND`], whatever a file says of the centroids; in blocks of 32, those behind the
    /// last centroid minus infinity.
    ///
    /// # Panics
    /// When the dimensions differ.
    pub fn centroid_bounds(&self, level: &FirstLevel, deviations: f32) -> Vec<[f32; SCAN_ROWS]> {
        let squared = kernel::squared_distance_f32(&self.values, &level.mean);
        let slack = slack(self.dimension(), squared.sqrt(), deviations);
        let mut all = vec![[0.0; SCAN_ROWS]; level.plane.blocks()];
        for (block, bounds) in all.iter_mut().enumerate() {
            self.bounds(&level.plane, block, -0.5 * squared, slack, bounds);
        }
        let (bounds, behind) = all.as_flattened_mut().split_at_mut(level.plane.len());
        for bound in bounds {
            if bound.is_nan() || *bound < LEAST_BOUND {
                *bound = LEAST_BOUND;
            }
        }
        behind.fill(f32::NEG_INFINITY);
        all
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

/// How far the product of the signs with a query may lie above its estimate, where the query is `away` from the centroid:
/// `deviations` standard deviations of a normal error (RaBitQ, theorem 3.2). 1.9 leave 2.8 % of the rows above the bound.
///
/// The cosine of a residual and its signs is taken as √(2/π), which it approaches with the dimension; measured at d = 128
/// 0.7995 ± 0.0187. That spares a third factor a row and leaves the bound within −9 to +11 % of its true size.
pub fn slack(dimension: usize, away: f32, deviations: f32) -> f32 {
    let spread = (1.0 - std::f32::consts::FRAC_2_PI).sqrt();
    let dimension = dimension.max(2) as f32;
    0.5 * spread * (dimension / (dimension - 1.0)).sqrt() * deviations * away
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::partition::Rows;
    use crate::quantize::sign_bytes;
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

        #[test]
        fn the_tables_of_the_signs_give_the_product_within_their_step(
            pairs in prop::collection::vec((-1f32..1.0, -1f32..1.0), 8..200),
        ) {
            let (vector, values): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let centroid = vec![0.0; vector.len()];
            let codes = RowCodes::encode(&[&vector], &centroid, CodeBits::Nine);
            let query = PreparedQuery::new(&values).unwrap();
            let mut bounds = [0.0; SCAN_ROWS];
            query.bounds(codes.plane(), 0, 0.0, 0.0, &mut bounds);
            let signs: f64 = vector.iter().zip(&values).map(|(x, &q)| f64::from(q) * if *x >= 0.0 { 0.5 } else { -0.5 }).sum();
            let scale = f64::from(codes.plane().scale.least);
            let expected = signs * scale + f64::from(codes.plane().offset.least);
            let tables = 2.0 * sign_bytes(vector.len()) as f64;
            let step = f64::from(query.signs.step) * scale;
            prop_assert!((f64::from(bounds[0]) - expected).abs() <= 0.51 * tables * step + 1e-4, "{} {expected}", bounds[0]);
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

    /// The error of the signs is normal: about 2.8 % of the rows lie beyond 1.9 deviations, few beyond 3.
    #[test]
    fn the_bound_excludes_what_it_says_it_excludes() {
        let (dimension, rows) = (128, 4_000);
        let mut random = crate::partition::Random::new(5);
        let mut vector = |size: f32| -> Vec<f32> {
            let normal = |r: &mut crate::partition::Random| {
                (0..12).map(|_| r.unit() as f32).sum::<f32>() - 6.0
            };
            let values: Vec<f32> = (0..dimension).map(|_| normal(&mut random)).collect();
            let length = kernel::dot_f32(&values, &values).sqrt();
            values.iter().map(|v| v * size / length).collect()
        };
        let centroid = vector(0.8);
        let query_values = vector(1.0);
        let query = PreparedQuery::new(&query_values).unwrap();
        let away = kernel::squared_distance_f32(&query_values, &centroid).sqrt();
        let values: Vec<Vec<f32>> = (0..rows)
            .map(|_| {
                vector(0.7)
                    .iter()
                    .zip(&centroid)
                    .map(|(r, c)| r + c)
                    .collect()
            })
            .collect();
        let views: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
        let codes = RowCodes::encode(&views, &centroid, CodeBits::Nine);
        let base = kernel::dot_f32(&centroid, &query_values);
        let beyond = |deviations: f32| {
            let slack = slack(dimension, away, deviations);
            let mut bounds = [0.0; SCAN_ROWS];
            let mut count = 0;
            for (row, value) in values.iter().enumerate() {
                if row % SCAN_ROWS == 0 {
                    query.bounds(codes.plane(), row / SCAN_ROWS, base, slack, &mut bounds);
                }
                let exact = kernel::dot_f32(value, &query_values);
                count += usize::from(exact > bounds[row % SCAN_ROWS]);
            }
            count as f64 / rows as f64
        };
        let shares = [1.6, 1.9, 3.0].map(beyond);
        assert!((0.04..0.07).contains(&shares[0]), "{shares:?}");
        assert!((0.018..0.04).contains(&shares[1]), "{shares:?}");
        assert!(shares[2] < 0.005, "{shares:?}");
    }

    /// Four deviations of a sum of many small parts, at each width of the codes; with five bits the tables of the signs alone are in doubt.
    #[test]
    fn the_nearer_bound_is_close_above_the_estimate() {
        let (dimension, rows) = (96, 4_000);
        let mut random = crate::partition::Random::new(9);
        let mut vector = |size: f32| -> Vec<f32> {
            (0..dimension)
                .map(|_| size * (random.unit() as f32 - 0.5))
                .collect()
        };
        let centroid = vector(0.2);
        let asked = vector(0.6);
        let values: Vec<Vec<f32>> = (0..rows)
            .map(|_| {
                let residual = vector(0.3);
                residual.iter().zip(&centroid).map(|(r, c)| r + c).collect()
            })
            .collect();
        let views: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
        let query = PreparedQuery::new(&asked).unwrap();
        let base = kernel::dot_f32(&centroid, &asked);
        let slack = 0.3;
        for (bits, most) in [
            (CodeBits::Nine, 0.05),
            (CodeBits::Six, 0.05),
            (CodeBits::Five, 0.02),
        ] {
            let codes = RowCodes::encode(&views, &centroid, bits);
            let (mut bounds, mut above, mut farthest) = ([0.0; SCAN_ROWS], 0, 0.0f32);
            for row in 0..rows {
                let place = row % SCAN_ROWS;
                if place == 0 {
                    query.bounds(codes.plane(), row / SCAN_ROWS, base, slack, &mut bounds);
                }
                let nearer = query.nearer_bound(&codes, row, base, slack, bounds[place]);
                let estimate = query.estimate(&codes, row, base);
                above += usize::from(estimate > nearer);
                farthest = farthest.max(nearer - estimate);
            }
            assert!(
                above <= 2,
                "{bits:?}: {above} of {rows} lie above their bound"
            );
            assert!(
                farthest < most,
                "{bits:?}: a bound {farthest} above its estimate"
            );
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
