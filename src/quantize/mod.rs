//! Vector ⇄ code: int8 centroids, int8 residuals against the decoded centroid, and a 16-bit query.
//!
//! A row is stored as its difference from the centroid that the reader will decode, one signed byte a
//! dimension, and two factors that make the estimate of an inner product unbiased (`row`). The query
//! keeps 16 bits (`query`): with 8 it caps recall@10 at 0.994. Rounding and summation order are
//! fixed, so that the builder on a server and the builder in a browser write the same bytes.
mod centroids;
mod error;
mod query;
mod row;

#[cfg(test)]
mod recall;
#[cfg(test)]
mod reproducible;

pub use centroids::Centroids;
pub use error::{CODES, QuantizeError};
pub use query::PreparedQuery;
pub use row::{RowFactors, decode_row, encode_row, residual_norm};
