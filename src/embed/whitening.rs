//! Vectors of a gallery → the projection onto its own axes of most variance, partly whitened.
//!
//! Principal axes of the covariance, which is shrunk towards a multiple of the identity by the share that Ledoit and Wolf derive ("A
//! well-conditioned estimator for large-dimensional covariance matrices", 2004): few pictures in many dimensions overstate large
//! variances and understate small ones. Each axis is then divided by a power of its shrunk variance, so that a few loud axes do not drown the others.
//!
//! Everything is summed in the order of the rows in double precision, without fused operations: the same vectors give the same projection
//! on every machine.

use nalgebra::{DMatrix, SymmetricEigen};

use super::{EmbedError, Projection};

/// Axes are divided by `variance^(WHITENING / 2)`: 0 keeps the variances, 1 makes them equal. A quarter was the best
/// compromise of two labelled sets (`models/PROJECTIONS.md`).
pub const WHITENING: f64 = 0.25;

/// What a projection of this kind calls itself.
pub const KIND: &str = "pca";

/// Of a map's numbers: steps of a thousandth of the largest move a vector by a millionth in cosine.
const LARGEST: f32 = 999.0;

/// Multiplications that a covariance may take; of more rows, so many are taken at equal steps.
const MOST_PRODUCTS: usize = 20_000_000_000;

/// Fits a projection of `rows` (each of `input` numbers) to `output` numbers. Needs more rows than `output`.
pub fn fit(rows: &[f32], input: usize, output: usize) -> Result<Projection, EmbedError> {
    let count = rows.len().checked_div(input).unwrap_or(0);
    if output == 0 || output > input || count <= output {
        return Err(EmbedError::Projection {
            found: format!("{count} pictures with vectors of {input} numbers"),
            expected: format!(
                "more pictures than {output}, and vectors of at least so many numbers"
            ),
        });
    }
    let most = (MOST_PRODUCTS / (input * input)).max(2 * input);
    let step = count.div_ceil(most);
    let sample: Vec<&[f32]> = rows.chunks_exact(input).step_by(step).collect();
    let mean = mean(&sample, input);
    let (covariance, shrinkage) = covariance(&sample, &mean);
    let average = covariance.trace() / input as f64;
    let SymmetricEigen {
        eigenvalues,
        eigenvectors,
    } = SymmetricEigen::new(covariance);
    let mut order: Vec<usize> = (0..input).collect();
    order.sort_by(|&a, &b| eigenvalues[b].total_cmp(&eigenvalues[a]).then(a.cmp(&b)));
    let mut matrix = Vec::with_capacity(output * input);
    let mut offset = Vec::with_capacity(output);
    for &axis in &order[..output] {
        let variance = (1.0 - shrinkage) * eigenvalues[axis].max(0.0) + shrinkage * average;
        // A gallery of copies varies in no direction: its axes stay as they are.
        let scale = match variance > 1e-12 {
            true => libm::pow(variance, -WHITENING / 2.0),
            false => 0.0,
        };
        let column = eigenvectors.column(axis);
        let largest = column.iter().fold(0.0f64, |a, &b| match b.abs() > a.abs() {
            true => b,
            false => a,
        });
        // An axis points either way; always the same one, for the same bytes.
        let scale = scale * largest.signum();
        matrix.extend(column.iter().map(|value| (value * scale) as f32));
        let product: f64 = column.iter().zip(&mean).map(|(v, m)| v * m).sum();
        offset.push((-product * scale) as f32);
    }
    shorten(&mut matrix, &mut offset);
    let mut projection = Projection::new(KIND, input, matrix, offset)?;
    projection.fitted_on = count as u64;
    Ok(projection)
}

/// Scales the map so that its largest number is [`LARGEST`], and rounds. What comes out is brought to unit length, so the scale does not
/// matter; short numbers take half the bytes in a sidecar that every page loads.
fn shorten(matrix: &mut [f32], offset: &mut [f32]) {
    let largest = matrix
        .iter()
        .fold(0.0f32, |most, value| most.max(value.abs()));
    if largest > 0.0 {
        let scale = LARGEST / largest;
        let numbers = matrix.iter_mut().chain(offset);
        numbers.for_each(|value| *value = (*value * scale).round());
    }
}

fn mean(sample: &[&[f32]], input: usize) -> Vec<f64> {
    let mut mean = vec![0.0; input];
    for row in sample {
        mean.iter_mut()
            .zip(*row)
            .for_each(|(m, &v)| *m += f64::from(v));
    }
    mean.iter_mut().for_each(|m| *m /= sample.len() as f64);
    mean
}

/// The covariance, and the share of the identity that it should be mixed with.
fn covariance(sample: &[&[f32]], mean: &[f64]) -> (DMatrix<f64>, f64) {
    let (input, count) = (mean.len(), sample.len() as f64);
    let mut upper = vec![0.0f64; input * input];
    let mut centred = vec![0.0; input];
    let mut fourth = 0.0;
    for row in sample {
        let from = row.iter().zip(mean);
        centred
            .iter_mut()
            .zip(from)
            .for_each(|(c, (&v, m))| *c = f64::from(v) - m);
        let square: f64 = centred.iter().map(|c| c * c).sum();
        fourth += square * square;
        for (at, &value) in centred.iter().enumerate() {
            let line = &mut upper[at * input + at..(at + 1) * input];
            let products = line.iter_mut().zip(&centred[at..]);
            products.for_each(|(sum, other)| *sum += value * other);
        }
    }
    let at = |a: usize, b: usize| upper[a.min(b) * input + a.max(b)] / count;
    let covariance = DMatrix::from_fn(input, input, at);
    let average = covariance.trace() / input as f64;
    let squares: f64 = covariance.iter().map(|value| value * value).sum();
    let from_identity = squares - input as f64 * average * average;
    let noise = (fourth / count - squares) / count;
    let shrinkage = match from_identity > 0.0 {
        true => (noise / from_identity).clamp(0.0, 1.0),
        false => 1.0,
    };
    (covariance, shrinkage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::Random;

    /// Rows whose axis `i` deviates by `deviations[i]`, turned by nothing, around 0.3.
    fn rows(deviations: &[f32], count: usize) -> Vec<f32> {
        let mut random = Random::new(7);
        let row = |_| -> Vec<f32> {
            // Twelve even draws are nearly normal.
            let one =
                |d: &f32| 0.3 + d * ((0..12).map(|_| random.unit()).sum::<f64>() - 6.0) as f32;
            deviations.iter().map(one).collect()
        };
        (0..count).flat_map(row).collect()
    }

    #[test]
    fn the_axes_of_most_variance_stay_and_the_mean_goes_to_zero() {
        let rows = rows(&[0.01, 2.0, 0.02, 1.0], 4000);
        let map = fit(&rows, 4, 2).unwrap();
        let mut sums = [0.0f64; 2];
        let mut squares = [0.0f64; 2];
        for row in rows.chunks_exact(4) {
            for (at, value) in map.apply(row).into_iter().enumerate() {
                sums[at] += f64::from(value);
                squares[at] += f64::from(value) * f64::from(value);
            }
        }
        let deviations = squares.map(|square| (square / 4000.0).sqrt());
        let middle = |at: usize| (sums[at] / 4000.0 / deviations[at]).abs();
        assert!(middle(0) < 0.01 && middle(1) < 0.01, "{sums:?}");
        // A deviation s becomes s^(1 - WHITENING), on a scale that does not matter.
        let (found, expected) = (deviations[0] / deviations[1], 2f64.powf(1.0 - WHITENING));
        assert!((found / expected - 1.0).abs() < 0.05, "{found} {expected}");
    }

    #[test]
    fn few_rows_are_shrunk_and_many_are_not() {
        let shrinkage = |count| {
            let rows = rows(&[1.0; 16], count);
            let mut skewed = rows.clone();
            skewed
                .iter_mut()
                .step_by(16)
                .for_each(|value| *value *= 3.0);
            let sample: Vec<&[f32]> = skewed.chunks_exact(16).collect();
            covariance(&sample, &mean(&sample, 16)).1
        };
        let (few, many) = (shrinkage(20), shrinkage(20_000));
        assert!(few > 0.1 && many < 0.01, "{few} {many}");
    }

    #[test]
    fn the_same_rows_give_the_same_projection_and_too_few_none() {
        let rows = rows(&[1.0, 0.5, 0.25], 50);
        assert_eq!(fit(&rows, 3, 2).unwrap(), fit(&rows, 3, 2).unwrap());
        let error = fit(&rows[..6], 3, 2).unwrap_err();
        assert_eq!(error.code(), "projection_impossible");
        assert!(error.to_string().contains("2 pictures"), "{error}");
    }
}
