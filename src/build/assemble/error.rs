//! Why no epoch could be made of the rows and cells that were given.

use crate::index::IndexError;
use crate::partition::PartitionError;
use crate::search::SearchError;

/// The codes that errors of assembling carry.
pub const CODES: &[&str] = &["nothing_to_index", "vectors_invalid", "layout_invalid"];

/// Why no epoch could be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AssembleError {
    #[error("there are no pictures to index; give at least one that can be read")]
    Nothing,
    #[error("{rows} vectors but {ids} ids; give one id for each vector")]
    Ids { rows: usize, ids: usize },
    #[error("picture id {id} occurs twice; give each picture an id of its own")]
    Twice { id: u32 },
    #[error(
        "the vector of picture {id} has length {length}, not 1; normalise the vectors before they are indexed"
    )]
    NotUnit { id: u32, length: f32 },
    #[error(
        "a record is for picture {id}, which has no vector; leave it out, or embed the picture"
    )]
    StrayRecord { id: u32 },
    #[error(
        "the vectors have {found} values and the epoch before has {expected}; no cell of it can go on"
    )]
    Dimension { found: usize, expected: usize },
    #[error("{what}")]
    Row { what: String },
    #[error("row {row} is in {cells} cells; every row must be in exactly one")]
    Unplaced { row: u32, cells: u32 },
    #[error("cell {cell}: {what}")]
    Layout { cell: usize, what: &'static str },
    #[error("the merge tree does not fit the cells: {what}")]
    Tree { what: String },
    #[error("what came and went does not fit the cells: {what}")]
    Changes { what: String },
    /// What should lie outside of memory could not be put there.
    #[error("{what}")]
    Scratch { code: &'static str, what: String },
    #[error("the epoch before is not all loaded ({missing} files are missing); supply them first")]
    Previous { missing: usize },
    #[error("the index could not be calibrated: {0}")]
    Calibration(#[from] SearchError),
    #[error(transparent)]
    Vectors(#[from] PartitionError),
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl AssembleError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing_to_index",
            Self::Ids { .. }
            | Self::Twice { .. }
            | Self::NotUnit { .. }
            | Self::Row { .. }
            | Self::StrayRecord { .. } => "vectors_invalid",
            Self::Dimension { .. } => "vectors_invalid",
            Self::Unplaced { .. }
            | Self::Layout { .. }
            | Self::Tree { .. }
            | Self::Changes { .. } => "layout_invalid",
            Self::Scratch { code, .. } => code,
            Self::Previous { .. } => "index_missing",
            Self::Vectors(error) => error.code(),
            Self::Calibration(error) => error.code(),
            Self::Index(error) => error.code(),
        }
    }
}
