//! A file of vectors made elsewhere → rows, some at a time, of unit length where the angle counts.
//!
//! The ending says what a file is: `.npy` (NumPy), `.parquet` (a column of lists), or `.f32` (raw rows,
//! which do not say how long a row is). A file that is not exactly what it claims to be is refused, with what was found: a row cut
//! in half or read in the wrong order would be searched without any error, and never found.

mod npy;
mod numbers;
mod parquet;

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use self::numbers::Numbers;
use super::BuildError;
use super::fresh::made_comparable_from;
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

/// A file that is open, and seems to be what it claims.
pub struct VectorReader<'a> {
    file: VectorFile<'a>,
    kind: Kind,
}

enum Kind {
    Numbers(Numbers),
    Parquet(Input),
}

/// The bytes of a file: on the disk, or here, where they came through a pipe.
enum Input {
    File(File, u64),
    Held(Vec<u8>),
}

/// Why no more is read.
enum Stop {
    /// What is wrong with the file.
    Refused(String),
    Unread(io::Error),
    /// What went wrong with the rows, elsewhere.
    Failed(BuildError),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Unread(error)
    }
}

impl From<String> for Stop {
    fn from(found: String) -> Self {
        Self::Refused(found)
    }
}

impl Input {
    fn length(&self) -> u64 {
        match self {
            Self::File(_, length) => *length,
            Self::Held(bytes) => bytes.len() as u64,
        }
    }

    /// At most so many bytes of the beginning.
    fn head(&self, most: u64) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        match self {
            Self::File(file, _) => file.take(most).read_to_end(&mut head)?,
            Self::Held(bytes) => bytes.take(most).read_to_end(&mut head)?,
        };
        Ok(head)
    }

    /// All from this byte on.
    fn begin_at(self, start: u64) -> io::Result<Box<dyn Read>> {
        Ok(match self {
            Self::File(mut file, _) => {
                file.seek(SeekFrom::Start(start))?;
                Box::new(file)
            }
            Self::Held(bytes) => {
                let mut bytes = Cursor::new(bytes);
                bytes.set_position(start);
                Box::new(bytes)
            }
        })
    }
}

/// Takes rows as they are found, and their length.
type Sink<'s> = dyn FnMut(&mut [f32], usize) -> Result<(), Stop> + 's;

impl<'a> VectorFile<'a> {
    /// Reads the file, and where the angle counts brings every row to unit length. A row with a value that is no number is refused, and
    /// one of zeros where it would need a direction.
    pub fn read(&self) -> Result<Vectors, BuildError> {
        let mut values = Vec::new();
        let dimension = self.open()?.rows(&mut |rows| {
            values.extend_from_slice(rows);
            Ok(())
        })?;
        Ok(Vectors { values, dimension })
    }

    /// Opens the file and looks at what it says of itself.
    pub fn open(&self) -> Result<VectorReader<'a>, BuildError> {
        let failed = |source| BuildError::io("read", self.path, source);
        let mut file = File::open(self.path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        let input = match about.is_file() {
            true => Input::File(file, about.len()),
            false => {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).map_err(failed)?;
                Input::Held(bytes)
            }
        };
        let kind = self.kind(input).map_err(|stop| self.error(stop))?;
        Ok(VectorReader { file: *self, kind })
    }

    fn kind(&self, input: Input) -> Result<Kind, Stop> {
        let ending = self.path.extension().unwrap_or_default();
        let ending = ending.to_string_lossy().to_ascii_lowercase();
        let numbers = match (ending.as_str(), self.column) {
            ("parquet", _) => return Ok(Kind::Parquet(input)),
            ("npy", None) => npy::open(input, self.shape)?,
            ("f32", None) => numbers::raw(input, self.dimension)?,
            ("npy" | "f32", Some(_)) => {
                return Err(Stop::Refused(
                    "it has no columns with names; leave --column out".into(),
                ));
            }
            (other, _) => {
                return Err(Stop::Refused(format!(
                    "its ending is {other:?}; expected .npy (NumPy), .parquet, or .f32 (raw little-endian rows)"
                )));
            }
        };
        self.check(numbers.dimension)?;
        Ok(Kind::Numbers(numbers))
    }

    fn check(&self, dimension: usize) -> Result<(), Stop> {
        match self.dimension {
            Some(wanted) if wanted != dimension => Err(Stop::Refused(format!(
                "its rows have {dimension} numbers; expected {wanted}"
            ))),
            _ => Ok(()),
        }
    }

    fn error(&self, stop: Stop) -> BuildError {
        match stop {
            Stop::Refused(found) => BuildError::Vectors {
                path: self.path.to_path_buf(),
                found,
            },
            Stop::Unread(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
                let found = "it became shorter while it was read; run the same command again";
                self.error(Stop::Refused(found.into()))
            }
            Stop::Unread(source) => BuildError::io("read", self.path, source),
            Stop::Failed(error) => error,
        }
    }
}

impl VectorReader<'_> {
    /// Gives all rows to `take`, some whole ones at a time, as [`VectorFile::read`] would; and how long they are. What it takes of a
    /// file that is refused further on it must forget.
    pub fn rows(
        self,
        take: &mut dyn FnMut(&[f32]) -> Result<(), BuildError>,
    ) -> Result<usize, BuildError> {
        let file = self.file;
        let (mut first, mut length) = (0, 1);
        let mut sink = |values: &mut [f32], dimension: usize| {
            file.check(dimension)?;
            made_comparable_from(first, values, dimension, file.metric)
                .map_err(|error| error.to_string())?;
            (first, length) = (first + values.len() / dimension, dimension);
            take(values).map_err(Stop::Failed)
        };
        let read = match self.kind {
            Kind::Numbers(numbers) => numbers.read(&mut sink),
            Kind::Parquet(input) => parquet::read(input, file.column, &mut sink),
        };
        read.map_err(|stop| file.error(stop))?;
        match first {
            0 => {
                let found = "it has no rows; expected at least one";
                Err(file.error(Stop::Refused(found.into())))
            }
            _ => Ok(length),
        }
    }
}

impl Vectors {
    pub fn rows(&self) -> usize {
        self.values.len() / self.dimension
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

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
