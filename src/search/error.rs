//! What can be wrong with a query, or with the cells it is given.

use crate::index::Piece;
use crate::quantize::QuantizeError;

/// The codes that errors of this room carry; stable, the same in TypeScript.
pub const CODES: &[&str] = &["query_invalid", "index_missing", "index_corrupt"];

/// Why a query got no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The query's vector was made by another model than the index, or cut.
    #[error(
        "the query has {found} values and the index {expected}; embed it with the model that the \
         index names"
    )]
    Dimension { found: usize, expected: usize },
    /// NaN or infinite values, which are similar to nothing.
    #[error("value {place} of the query is {value}; give finite numbers, embed the picture again")]
    NotFinite { place: usize, value: f32 },
    /// All zeros: no direction, so nothing is more similar than anything else.
    #[error("the query's length is {length}, so it has no direction; embed the picture again")]
    NoDirection { length: f32 },
    /// So far from all rows that their distances differ by nothing that could be told.
    #[error(
        "the query lies {times:e} times as far from the mean of the rows as they usually do; embed it with what made the rows"
    )]
    TooFar { times: f32 },
    /// The codes refused the vector.
    #[error(transparent)]
    Vector(#[from] QuantizeError),
    /// An option outside its range.
    #[error("{option} is {found}; give {expected}")]
    Option {
        option: &'static str,
        found: String,
        expected: &'static str,
    },
    /// The whole index was asked to answer but is not all there.
    #[error(
        "{missing} files of the index are not loaded; supply what `missing` lists, or drive a Query that asks for segments"
    )]
    NotLoaded { missing: usize },
    /// A segment that was handed over is not the one that the routing leads to.
    #[error(
        "segment {segment} does not hold cell {cell} as the routing says; hand over the segments of one epoch"
    )]
    Segment { segment: u32, cell: u32 },
}

impl SearchError {
    /// Its segment is another one.
    pub(super) fn of_piece(piece: &Piece, cell: u32) -> Self {
        let segment = piece.segment;
        Self::Segment { segment, cell }
    }

    /// The stable code of this error, one of [`CODES`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::Dimension { .. } | Self::NotFinite { .. } | Self::NoDirection { .. } => {
                "query_invalid"
            }
            Self::TooFar { .. } | Self::Vector(_) | Self::Option { .. } => "query_invalid",
            Self::NotLoaded { .. } => "index_missing",
            Self::Segment { .. } => "index_corrupt",
        }
    }
}
