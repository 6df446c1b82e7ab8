//! Dot products and scans: the only room with SIMD, and the only one with `unsafe`.
//!
//! `scalar` is the truth. `x86_64` (AVX2, found at run time) and `wasm` (simd128, decided at compile
//! time) give the same bits: f32 sums run in eight lanes whose order is fixed (see `scalar`), no
//! fused multiply-add is used, and the integer dot product wraps. So the builder, the browser and a
//! machine without SIMD make the same cells, codes and scores. `dispatch` picks a version; callers
//! see only the functions exported here, which accept any length and refuse (panic on) unequal ones,
//! since that is a mistake of the caller and never a property of the data.
//!
//! Every version is compared with `scalar` by the tests in `agreement`. On wasm they run with
//! `wasm-pack test --headless --chrome -- --no-default-features --lib kernel`.
mod depthwise;
mod dispatch;
mod matmul;
mod scalar;

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(test)]
mod agreement;

pub use depthwise::{Sides, Window, depthwise};
pub use dispatch::{
    dot_f32, dot_f32_rows, dot_i8_i16, dot_i8_i16_rows, dot_u4_i16, not_below, scan_signs,
    squared_distance_f32,
};
pub use matmul::{Bounds, PackedMatrix, UNBOUNDED, matmul};

/// Rows of a block of signs: two registers of wasm's, one of AVX2's.
pub const SCAN_ROWS: usize = 32;
