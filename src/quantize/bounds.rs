//! Upper bounds of what a row's full code would say: from its signs, and from the upper half of its low bits. What they exclude is never read.
use super::FirstLevel;
use super::bits::CodeBits;
use super::codes::RowCodes;
use super::plane::SignPlane;
use super::query::PreparedQuery;
use crate::kernel::{self, SCAN_ROWS};

/// No bound of a centroid is below it.
pub const LEAST_BOUND: f32 = -0.5 * f32::MAX;

impl PreparedQuery {
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
        let squared = kernel::squared_distance_f32(self.values(), &level.mean);
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

    /// Nearer bounds than those of [`bounds`](Self::bounds), which the rows of a cell got with this `base` and `slack`.
    pub fn nearer<'a>(&'a self, codes: &'a RowCodes, base: f32, slack: f32) -> NearerBounds<'a> {
        NearerBounds {
            query: self,
            codes,
            base,
            slack,
            total: self.total as f32 * self.scale(),
            doubt: self.doubt(codes.bits),
        }
    }

    /// How far, in units of a full code, the product with the upper bits may lie below that with all: the low bits are equally likely to be
    /// anything, and so is what the tables of the signs round.
    fn doubt(&self, bits: CodeBits) -> f32 {
        // In wasm 5 takes 2 % longer at a recall of 0.99; with either all of 1,000 answers are those of rows read in full (100,000 and 1,000,000 x 128).
        const DEVIATIONS: f32 = 4.0;
        let steps = (1 << bits.below_upper()) as f32;
        let tables = (2 * self.codes().len().div_ceil(8)) as f32;
        let rounded = bits.half() as f32 * self.signs.step;
        let lower = (steps * steps - 1.0) * self.squares;
        DEVIATIONS * ((lower + rounded * rounded * tables) / 12.0).sqrt()
    }
}

/// Upper bounds of what [`PreparedQuery::estimate`] gives for rows of a cell, from their signs and the upper four of their low bits.
///
/// What is left out is a sum of small parts of either sign, so it is nearly normal, and one row in 30,000 is above its bound.
pub struct NearerBounds<'a> {
    query: &'a PreparedQuery,
    codes: &'a RowCodes,
    base: f32,
    slack: f32,
    /// Sum of the query's values, as its integers have them.
    total: f32,
    doubt: f32,
}

impl NearerBounds<'_> {
    /// Of a row, whose bound from the signs alone is given: the product with its signs is taken from there.
    ///
    /// # Panics
    /// When there is no such row, or the dimensions differ.
    pub fn of(&self, row: usize, bound: f32) -> f32 {
        let (plane, bits) = (self.codes.plane(), self.codes.bits);
        let (scales, offsets) = plane.block_factors(row / SCAN_ROWS);
        let sign_scale = plane.scale.value(u16::from(scales[row % SCAN_ROWS]));
        let sign_offset = plane.offset.value(u16::from(offsets[row % SCAN_ROWS]));
        // A row that lies on its centroid has no scale.
        if sign_scale <= 0.0 {
            return f32::INFINITY;
        }
        let signs = (bound - self.base - sign_offset) / sign_scale - self.slack;
        let upper = kernel::dot_u4_i16(self.codes.upper(row), self.query.codes()) as f32;
        // On average what is below the upper bits is in the middle of its range.
        let steps = (1 << bits.below_upper()) as f32;
        let low = steps * (upper * self.query.scale() + 0.5 * self.total);
        let code_dot = low - bits.half() as f32 * (0.5 * self.total - signs);
        let [scale, offset] = self.codes.factors(row);
        self.base + (scale * (code_dot + self.doubt) + offset)
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
    use crate::quantize::sign_bytes;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

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
            let nearer_bounds = query.nearer(&codes, base, slack);
            let (mut bounds, mut above, mut farthest) = ([0.0; SCAN_ROWS], 0, 0.0f32);
            for row in 0..rows {
                let place = row % SCAN_ROWS;
                if place == 0 {
                    query.bounds(codes.plane(), row / SCAN_ROWS, base, slack, &mut bounds);
                }
                let nearer = nearer_bounds.of(row, bounds[place]);
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
}
