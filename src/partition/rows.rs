//! A flat slice of f32 → vectors that are whole, finite and of one length.
//!
//! The check happens once, here, so that nothing behind it has to think of a NaN: k-means, Ward, the
//! codes and the scan all compare numbers that compare.
use super::PartitionError;

/// The largest size of a value. Squares of it, summed over thousands of dimensions and millions of rows, stay far from the
/// end of f32, so no distance or merge height becomes infinite. Embeddings are near 1.
const LARGEST: f32 = 1e12;

/// Borrowed vectors of one dimension, in a row-major slice. Every value is finite.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    values: &'a [f32],
    dimension: usize,
}

impl<'a> Rows<'a> {
    /// Reads every value once. No rows at all are fine here; `partition` refuses them.
    pub fn new(values: &'a [f32], dimension: usize) -> Result<Rows<'a>, PartitionError> {
        if dimension == 0 {
            return Err(PartitionError::NoDimension);
        }
        if !values.len().is_multiple_of(dimension) {
            return Err(PartitionError::CutShort {
                values: values.len(),
                dimension,
            });
        }
        let rows = values.len() / dimension;
        if rows >= u32::MAX as usize {
            return Err(PartitionError::TooMany { rows });
        }
        // No range contains a NaN.
        if let Some(at) = values
            .iter()
            .position(|value| !(0.0..=LARGEST).contains(&value.abs()))
        {
            return Err(PartitionError::NotANumber {
                row: at / dimension,
                place: at % dimension,
                value: values[at],
                limit: LARGEST,
            });
        }
        Ok(Rows { values, dimension })
    }

    /// For means of rows, and slices of rows, that were checked before.
    pub(super) fn trusted(values: &'a [f32], dimension: usize) -> Rows<'a> {
        debug_assert!(Rows::new(values, dimension).is_ok());
        Rows { values, dimension }
    }

    pub fn len(&self) -> usize {
        self.values.len() / self.dimension
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub fn dimension(&self) -> usize {
        self.dimension
    }

    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// # Panics
    /// When there is no row `i`.
    pub fn row(&self, i: usize) -> &'a [f32] {
        &self.values[i * self.dimension..(i + 1) * self.dimension]
    }

    pub fn iter(&self) -> impl Iterator<Item = &'a [f32]> + use<'a> {
        self.values.chunks_exact(self.dimension)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_in_order() {
        let rows = Rows::new(&[1.0, 2.0, 3.0, 4.0], 2).unwrap();
        assert_eq!((rows.len(), rows.dimension()), (2, 2));
        assert_eq!(rows.row(1), [3.0, 4.0]);
        assert_eq!(rows.iter().count(), 2);
    }

    #[test]
    fn a_value_that_is_no_number_is_named_by_row_and_place() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e13] {
            let error = Rows::new(&[1.0, 2.0, 3.0, value], 2).unwrap_err();
            assert_eq!(error.code(), "vectors_invalid");
            assert!(error.to_string().contains("vector 1"), "{error}");
            assert!(error.to_string().contains("place 1"), "{error}");
        }
    }

    #[test]
    fn half_a_vector_and_no_dimension_are_refused() {
        assert_eq!(
            Rows::new(&[1.0; 5], 2).unwrap_err(),
            PartitionError::CutShort {
                values: 5,
                dimension: 2
            }
        );
        assert_eq!(Rows::new(&[], 0).unwrap_err(), PartitionError::NoDimension);
        assert!(Rows::new(&[], 3).unwrap().is_empty());
    }
}
