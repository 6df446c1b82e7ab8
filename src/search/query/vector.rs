//! A vector as whoever searches has it → one that can be searched for.

use crate::search::SearchError;

/// Refuses a vector of another dimension, or with a value that is no number.
pub(super) fn check(vector: &[f32], dimension: usize) -> Result<(), SearchError> {
    if vector.len() != dimension {
        return Err(SearchError::Dimension {
            found: vector.len(),
            expected: dimension,
        });
    }
    if let Some(place) = vector.iter().position(|value| !value.is_finite()) {
        return Err(SearchError::NotFinite {
            place,
            value: vector[place],
        });
    }
    Ok(())
}

/// Checks a query's vector and gives it length 1.
pub(super) fn unit(vector: &[f32], dimension: usize) -> Result<Vec<f32>, SearchError> {
    check(vector, dimension)?;
    // In f64 no square of a finite f32 overflows or vanishes.
    let length = vector
        .iter()
        .map(|&value| f64::from(value) * f64::from(value))
        .sum::<f64>()
        .sqrt();
    if length < f64::from(f32::MIN_POSITIVE) {
        return Err(SearchError::NoDirection {
            length: length as f32,
        });
    }
    Ok(vector
        .iter()
        .map(|&value| (f64::from(value) / length) as f32)
        .collect())
}
