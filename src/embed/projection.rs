//! A network's vector → a shorter one that tells the pictures of a gallery apart as well or better: `y = A x + b`, then unit length.
//!
//! A projection travels inside the sidecar of the model that it belongs to, so whoever holds an index's model has its projection too,
//! and builder and browser apply the same numbers with the same kernel. Fitted by `whitening` on a gallery's own vectors, or made elsewhere (see
//! `models/PROJECTIONS.md`).

use serde::{Deserialize, Serialize};

use super::EmbedError;
use crate::kernel;

const FORMAT: u32 = 1;
/// Of a matrix: 16,384 numbers to 1,024, more than any embedder has use for.
const MOST_NUMBERS: usize = 1 << 24;

/// An affine map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Projection {
    pub format: u32,
    /// How it was found, for people: `pca`, `aesvc`, `ss2d`.
    pub kind: String,
    /// Numbers of the network's vector.
    pub input: usize,
    /// Numbers that are left.
    pub output: usize,
    /// `output` rows of `input` numbers.
    pub matrix: Vec<f32>,
    /// Added to the product: `output` numbers.
    pub offset: Vec<f32>,
    /// How many vectors it was fitted on; 0 where that is not known.
    #[serde(default)]
    pub fitted_on: u64,
}

impl Projection {
    /// Checks that the numbers fit together. `matrix` holds `offset.len()` rows of `input` numbers.
    pub fn new(
        kind: &str,
        input: usize,
        matrix: Vec<f32>,
        offset: Vec<f32>,
    ) -> Result<Self, EmbedError> {
        let projection = Self {
            format: FORMAT,
            kind: kind.to_owned(),
            input,
            output: offset.len(),
            matrix,
            offset,
            fitted_on: 0,
        };
        projection.check()?;
        Ok(projection)
    }

    /// Reads a file of its own, as the recipe writes it.
    pub fn parse(bytes: &[u8]) -> Result<Self, EmbedError> {
        let projection: Self =
            serde_json::from_slice(bytes).map_err(|error| invalid(error.to_string()))?;
        projection.check()?;
        Ok(projection)
    }

    /// `x` has [`input`](Self::input) numbers; what comes out is not of unit length yet.
    pub fn apply(&self, x: &[f32]) -> Vec<f32> {
        let mut y = vec![0.0; self.output];
        kernel::dot_f32_rows(x, &self.matrix, &mut y);
        y.iter_mut().zip(&self.offset).for_each(|(y, b)| *y += b);
        y
    }

    /// Whether the numbers fit together.
    pub(super) fn check(&self) -> Result<(), EmbedError> {
        if self.format != FORMAT {
            return Err(invalid(format!(
                "format {} was found, this version reads format {FORMAT}",
                self.format
            )));
        }
        let numbers = self.input.checked_mul(self.output);
        if self.input == 0 || self.output == 0 || numbers.is_none_or(|n| n > MOST_NUMBERS) {
            return Err(invalid(format!(
                "from {} numbers to {} is not possible",
                self.input, self.output
            )));
        }
        if numbers != Some(self.matrix.len()) || self.offset.len() != self.output {
            return Err(invalid(format!(
                "a map from {} numbers to {} has a matrix of {} and an offset of {}",
                self.input,
                self.output,
                self.matrix.len(),
                self.offset.len()
            )));
        }
        let mut all = self.matrix.iter().chain(&self.offset);
        match all.all(|value| value.is_finite()) {
            true => Ok(()),
            false => Err(invalid("not all of its numbers are finite")),
        }
    }
}

fn invalid(reason: impl AsRef<str>) -> EmbedError {
    EmbedError::Sidecar {
        reason: format!("projection: {}", reason.as_ref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projection_multiplies_and_adds() {
        let map = Projection::new(
            "pca",
            3,
            vec![1.0, 0.0, 2.0, 0.0, -1.0, 0.0],
            vec![0.5, 0.25],
        );
        assert_eq!(map.unwrap().apply(&[1.0, 2.0, 3.0]), [7.5, -1.75]);
    }

    #[test]
    fn numbers_that_do_not_fit_together_are_refused_by_name() {
        let cases = [
            (
                r#"{"format":2,"kind":"pca","input":1,"output":1,"matrix":[1],"offset":[0]}"#,
                "format 2",
            ),
            (
                r#"{"format":1,"kind":"pca","input":2,"output":1,"matrix":[1],"offset":[0]}"#,
                "a matrix of 1",
            ),
            (
                r#"{"format":1,"kind":"pca","input":1,"output":1,"matrix":[1],"offset":[]}"#,
                "an offset of 0",
            ),
            (
                r#"{"format":1,"kind":"pca","input":0,"output":1,"matrix":[],"offset":[0]}"#,
                "from 0",
            ),
            (
                r#"{"format":1,"kind":"pca","input":4294967296,"output":4294967296,"matrix":[],"offset":[]}"#,
                "not possible",
            ),
            (
                r#"{"format":1,"kind":"pca","input":1,"output":1,"matrix":[1e39],"offset":[0]}"#,
                "finite",
            ),
        ];
        for (text, named) in cases {
            let error = Projection::parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.code(), "model_sidecar_invalid");
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
