//! What can be wrong with a query vector, or with the parts of stored centroids.

pub const CODES: &[&str] = &["query_invalid", "index_corrupt"];

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum QuantizeError {
    #[error(
        "the query has the value {value} at place {place}; every value must be a finite number of at most {limit:e} in size: embed the picture again"
    )]
    QueryNotANumber {
        place: usize,
        value: f32,
        limit: f32,
    },
    #[error("centroids of dimension 0; the index is damaged, publish it again")]
    NoDimension,
    #[error(
        "{codes} centroid values for {scales} centroids of dimension {dimension}; the index is damaged, publish it again"
    )]
    PartsDisagree {
        codes: usize,
        scales: usize,
        dimension: usize,
    },
    #[error(
        "centroid {centroid} has the scale {scale}; expected a finite number of at least 0: the index is damaged, publish it again"
    )]
    BadScale { centroid: usize, scale: f32 },
    #[error(
        "the codes of {rows} rows of dimension {dimension} have other lengths; the index is damaged, publish it again"
    )]
    CodesDisagree { rows: usize, dimension: usize },
    #[error(
        "factors run from {least} in steps of {step}; expected finite numbers, steps of at least 0: the index is damaged, publish it again"
    )]
    BadFactor { least: f32, step: f32 },
}

impl QuantizeError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::QueryNotANumber { .. } => "query_invalid",
            Self::NoDimension
            | Self::PartsDisagree { .. }
            | Self::BadScale { .. }
            | Self::CodesDisagree { .. }
            | Self::BadFactor { .. } => "index_corrupt",
        }
    }
}
