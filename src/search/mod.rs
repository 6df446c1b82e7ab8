//! Vector → hits: route, scan, expand; a query is a state machine that names the segments it needs.
//!
//! ```text
//! route    the cells in order of the distance from the query to their centroids
//! scan     the codes of one cell → the k best so far
//! expand   is that enough, or is the next cell opened?
//! ```
//!
//! [`Query`] is the way in for whoever fetches segments as they are needed, [`search()`] for whoever
//! holds all of them, and [`exact`] the oracle that both are measured against. Cells are opened
//! strictly in routing order, so an answer does not depend on the order in which segments arrive.

mod confidence;
mod error;
mod exact;
mod expand;
mod options;
mod query;
mod route;
mod scan;

pub use confidence::{Confidence, DistanceRatio, Seen};
pub use error::{CODES, SearchError};
pub use exact::{NO_CELL, exact};
pub use options::{Answer, Hit, SearchOptions};
pub use query::{Cells, Filter, Query, Step, search, search_filtered};
pub use route::Ranked;
