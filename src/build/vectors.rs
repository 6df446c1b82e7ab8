//! A file of vectors made elsewhere → rows, of unit length where the angle counts.
//!
//! The ending says what a file is: `.npy` (NumPy), `.parquet` (a column of lists), or `.f32` (raw rows,
//! which do not say how long a row is). A file that is not exactly what it claims to be is refused, with what was found: a row cut
//! in half or read in the wrong order would be searched without any error, and never found.

mod npy;
mod parquet;

use std::fs;
use std::path::Path;

use super::{BuildError, made_comparable};
use crate::quantize::Metric;

/// Rows of one length, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    pub values: Vec<f32>,
    pub dimension: usize,
}

/// What the file must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Rows and columns.
    Table,
    /// The same, or one row without the brackets around it.
    TableOrRow,
}

/// A file, and what is known of it from elsewhere.
#[derive(Debug, Clone, Copy)]
pub struct VectorFile<'a> {
    pub path: &'a Path,
    /// Numbers in a row. A raw file needs it; another must agree with it.
    pub dimension: Option<usize>,
    /// Which column of a Parquet file; none: the only one that holds vectors.
    pub column: Option<&'a str>,
    pub shape: Shape,
    /// What rows are compared by.
    pub metric: Metric,
}

impl VectorFile<'_> {
    /// Reads the file, and where the angle counts brings every row to unit length. A row with a value that is no number is refused, and
    /// one of zeros where it would need a direction.
    pub fn read(&self) -> Result<Vectors, BuildError> {
        let bytes =
            fs::read(self.path).map_err(|source| BuildError::io("read", self.path, source))?;
        let refused = |found: String| BuildError::Vectors {
            path: self.path.to_path_buf(),
            found,
        };
        let mut vectors = self.parse(bytes).map_err(refused)?;
        if vectors.values.is_empty() {
            return Err(refused("it has no rows; expected at least one".into()));
        }
        made_comparable(&mut vectors.values, vectors.dimension, self.metric)
            .map_err(|error| refused(error.to_string()))?;
        Ok(vectors)
    }

    fn parse(&self, bytes: Vec<u8>) -> Result<Vectors, String> {
        let ending = self.path.extension().unwrap_or_default();
        let vectors = match (
            ending.to_string_lossy().to_ascii_lowercase().as_str(),
            self.column,
        ) {
            ("parquet", column) => parquet::parse(bytes, column)?,
            ("npy", None) => npy::parse(&bytes, self.shape)?,
            ("f32", None) => raw(&bytes, self.dimension)?,
            ("npy" | "f32", Some(_)) => {
                return Err("it has no columns with names; leave --column out".into());
            }
            (other, _) => {
                return Err(format!(
                    "its ending is {other:?}; expected .npy (NumPy), .parquet, or .f32 (raw little-endian rows)"
                ));
            }
        };
        match self.dimension {
            Some(wanted) if wanted != vectors.dimension => Err(format!(
                "its rows have {} numbers; expected {wanted}",
                vectors.dimension
            )),
            _ => Ok(vectors),
        }
    }
}

/// Rows without a header.
fn raw(bytes: &[u8], dimension: Option<usize>) -> Result<Vectors, String> {
    let Some(dimension) = dimension.filter(|&dimension| dimension > 0) else {
        return Err("a raw file does not say how long its rows are; give --dimension".into());
    };
    if !bytes.len().is_multiple_of(4 * dimension) {
        return Err(format!(
            "it has {} bytes, and rows of {dimension} numbers have {} each: {} are left over; \
             check --dimension, or copy the file again",
            bytes.len(),
            4 * dimension,
            bytes.len() % (4 * dimension)
        ));
    }
    let (numbers, _) = bytes.as_chunks();
    Ok(Vectors {
        values: numbers.iter().copied().map(f32::from_le_bytes).collect(),
        dimension,
    })
}

impl Vectors {
    pub fn rows(&self) -> usize {
        self.values.len() / self.dimension
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, bytes: &[u8], dimension: Option<usize>) -> Result<Vectors, BuildError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let shape = Shape::Table;
        VectorFile {
            path: &path,
            dimension,
            column: None,
            shape,
            metric: Metric::Cosine,
        }
        .read()
    }

    fn refused(name: &str, bytes: &[u8], dimension: Option<usize>, words: &str) {
        let error = read(name, bytes, dimension).unwrap_err();
        assert_eq!(error.code(), "vectors_invalid");
        assert!(error.to_string().contains(words), "{error}");
    }

    fn bytes(values: &[f32]) -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }

    #[test]
    fn raw_rows_come_out_in_order_and_of_unit_length() {
        let found = read("v.F32", &bytes(&[3.0, 4.0, 0.0, -1e30]), Some(2)).unwrap();
        assert_eq!(found.values, [0.6, 0.8, 0.0, -1.0]);
        assert_eq!((found.rows(), found.dimension), (2, 2));
    }

    #[test]
    fn a_raw_file_of_unknown_or_wrong_row_length_is_refused() {
        refused("v.f32", &bytes(&[1.0; 6]), None, "--dimension");
        refused("v.f32", &bytes(&[1.0; 6]), Some(0), "--dimension");
        refused("v.f32", &bytes(&[1.0; 6]), Some(4), "8 are left over");
        refused("v.f32", &[0; 7], Some(1), "3 are left over");
        refused("v.f32", &[], Some(4), "no rows");
    }

    #[test]
    fn a_row_without_direction_is_refused_by_its_number() {
        refused("v.f32", &bytes(&[1.0, 0.0, 0.0, 0.0]), Some(2), "row 1 ");
        refused("v.f32", &bytes(&[1.0, f32::NAN]), Some(2), "NaN at place 1");
        let infinite = bytes(&[1.0, 0.0, 0.0, 2.0, f32::INFINITY, 1.0]);
        refused("v.f32", &infinite, Some(2), "row 2 ");
    }

    #[test]
    fn an_unknown_ending_is_refused() {
        refused("v.csv", b"1,2", None, "\"csv\"");
    }
}
