//! What nearsight is measured against: ferrovec, as its makers export it, and an exact scan of floats.
//!
//! Built with simd128 for wasm by `bench/run.mjs`; see bench/README.md.

mod exact;

pub use exact::Exact;
/// Its class reaches JavaScript because it is linked here; nothing is added to it.
pub use ferrovec::FerrovecCore;
