//! Vector ⇄ code: a rotation, int8 centroids, nested codes of the residuals, and a 16-bit query.
//!
//! A vector is turned by a fixed random rotation (`rotation`), and a row is stored as its difference from the centroid that
//! the reader will decode: a plane of signs that a scan reads (`plane`), and low bits that only a rerank reads (`codes`, `low_rows`). The query keeps 16
//! bits (`query`), and says of rows how near they can be at most (`bounds`). What is compared by distance and not by angle is put into a frame of its own first (`frame`). Rounding and summation order are fixed, so that the builder on a server and the builder in a
//! browser write the same bytes.
mod bits;
mod bounds;
mod centroids;
mod codes;
mod error;
mod factors;
mod frame;
mod low_rows;
mod plane;
mod query;
mod rotation;
mod tables;

#[cfg(test)]
mod recall;
#[cfg(test)]
mod reproducible;

pub use bits::CodeBits;
pub use bounds::{LEAST_BOUND, NearerBounds, slack};
pub use centroids::{Centroids, FirstLevel};
pub use codes::{CodeParts, FactorRanges, RowCodes};
pub use error::{CODES, QuantizeError};
pub use factors::FactorRange;
pub use frame::{Frame, Metric};
pub use plane::{SignPlane, sign_bytes};
pub use query::PreparedQuery;
pub use rotation::Rotation;
