//! Vector → hits: route, scan, rerank, expand; a query is a state machine that names the parts it needs.
//!
//! ```text
//! route    the cells in order of the distance from the query to their centroids
//! scan     the signs of one cell's rows → those that may be among the best
//! rerank   their full codes → the k best so far
//! stop     how much is expected to be missing? open the next cell, or answer
//! select   where asked: near-duplicates and too many of one owner go, and the search goes on for others
//! ```
//!
//! [`Query`] is the way in for whoever fetches parts as they are needed, [`search()`] for whoever
//! holds all of them, and [`exact`] the oracle that both are measured against. Cells are opened
//! strictly in routing order, so an answer does not depend on the order in which parts arrive. The stop rule rests on a
//! [`Calibration`] of the index at hand (`missing`, `stop`; fitted by the room `calibration`); an index without one falls back
//! on a ratio of distances (`confidence`). The angle and the distance differ in `measure` and nowhere else.

mod approximate;
mod calibration;
mod confidence;
mod error;
mod exact;
mod expand;
mod manner;
mod measure;
mod missing;
mod options;
mod passing;
mod query;
mod route;
mod scan;
mod select;
mod stop;
mod top_k;
mod trace;
mod whole;

pub use calibration::{Calibration, Ceilings, DEPTHS, FILTERED_SHARES, Filtered, TARGETS};
pub use error::{CODES, SearchError};
pub use exact::{NO_CELL, exact, exact_by};
pub(crate) use manner::Likeness;
pub use manner::{Manner, Usual};
pub(crate) use missing::is_asked;
pub use missing::{MissingModel, STAGE_1, STAGE_2};
pub use options::{Answer, Hit, SearchOptions};
pub use passing::Passing;
pub(crate) use query::WIDE_FROM;
pub use query::{Cells, Filter, Query, Step};
pub use route::Ranked;
pub use select::{NEARLY_THE_SAME, Owners, nearly_the_same};
pub(crate) use trace::Trace;
pub use whole::{search, search_filtered, search_passing};
