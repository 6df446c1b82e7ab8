//! What can be wrong with vectors, or with what is wanted of them.

pub const CODES: &[&str] = &["vectors_invalid", "nothing_to_index", "options_invalid"];

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PartitionError {
    #[error("vectors of dimension 0; give each at least one value")]
    NoDimension,
    #[error(
        "{values} values are not whole vectors of dimension {dimension}; the file was cut short, or the dimension is wrong"
    )]
    CutShort { values: usize, dimension: usize },
    #[error(
        "vector {row} has the value {value} at place {place}; every value must be a finite number of at most {limit:e} in size: embed that picture again, or leave it out"
    )]
    NotANumber {
        row: usize,
        place: usize,
        value: f32,
        limit: f32,
    },
    #[error(
        "{rows} vectors; ids have 32 bits, so give fewer than 4294967295, or build several indexes"
    )]
    TooMany { rows: usize },
    #[error("no vectors, so there is nothing to index; give at least one")]
    Empty,
    #[error(
        "0 cells were asked for; ask for at least 1, or for none in particular to have the number chosen"
    )]
    NoCells,
}

impl PartitionError {
    /// The same of rows that are some of a table, from the one with the number `first` on.
    pub(crate) fn counted_from(self, first: usize) -> Self {
        match self {
            Self::NotANumber {
                row,
                place,
                value,
                limit,
            } => Self::NotANumber {
                row: first + row,
                place,
                value,
                limit,
            },
            other => other,
        }
    }

    pub fn code(&self) -> &'static str {
        match self {
            Self::NoDimension
            | Self::CutShort { .. }
            | Self::NotANumber { .. }
            | Self::TooMany { .. } => "vectors_invalid",
            Self::Empty => "nothing_to_index",
            Self::NoCells => "options_invalid",
        }
    }
}
