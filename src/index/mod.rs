//! The files: container, routing, segments, records, manifest; nothing but bytes ⇄ values.
//!
//! | file | holds | read when |
//! | --- | --- | --- |
//! | `manifest.json` | names everything else by content hash; the only file that changes | first |
//! | `routing-HASH.nsr` | centroids, cell table, adjacency, merge tree | before the first query |
//! | `cells-HASH.nss` | a segment: ids and codes of neighbouring cells | when a query opens one of them: its parts, or whole |
//! | `records-HASH.nsd` | metadata in blocks by id | when a hit is shown |
//!
//! [`Index`] is the way in: it holds a manifest and what has been supplied of the files that it
//! names, says what is missing, and refuses whatever is not byte for byte what was published.
//! Little-endian throughout. Reading never panics and never allocates from a length that was not
//! checked against the bytes at hand. Nothing here opens a file or fetches an address.

mod advance;
mod blocks;
mod cell;
mod changes;
mod container;
mod error;
mod ids;
mod manifest;
mod names;
mod numbers;
mod open;
mod records;
mod routing;
mod segment;
mod spans;
mod sparse;

pub use blocks::{RecordBlock, RecordBlocks};
pub use cell::{Cell, GROUP_ROWS};
pub use changes::{Changes, Dead, Piece};
pub use error::{CODES, IndexError};
pub use manifest::{Counts, Manifest, ModelRef};
pub use names::{FileRef, content_name, hash_in_name};
pub use open::Index;
pub use records::{Record, Records};
pub(crate) use routing::check_tree;
pub use routing::{CellEntry, Routing};
pub use segment::Segment;
pub use spans::{CellSpan, Part, Spans};
pub use sparse::{FileRange, SparseCell};

/// The format that this program writes, and the only one it reads: format 1, of one signed byte a dimension, was
/// never released.
pub const FORMAT: u32 = 2;

/// Dimensions above this are refused: no embedding in use is longer, and the bound keeps products
/// of two sizes far from overflow.
pub const DIMENSION_LIMIT: usize = 8192;
