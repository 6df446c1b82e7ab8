//! Events: what a page reports, what is accepted, and what is estimated from it.
//!
//! Bytes of a request → [`Event`]s ([`parse_batch`]), events → [`Estimates`] per cell ([`estimate`]), or counts by picture ([`Showings`]).
//! Neither reads a clock, a file or a socket.

mod estimate;
mod event;
mod shown;
mod validate;
mod vector;

#[cfg(not(target_arch = "wasm32"))]
pub mod typescript;

pub use estimate::{CellTraffic, Estimates, Estimator, LoggedSearch, estimate};
pub use event::{Audit, Click, Event, Impression, Query, Shown};
pub use shown::Showings;
pub use validate::{EVENTS_LIMIT, FeedbackError, check, parse_batch};
pub use vector::decode_embedding;

/// The codes that [`FeedbackError::code`] can give.
pub const CODES: &[&str] = &["json_malformed", "batch_invalid", "event_invalid"];
