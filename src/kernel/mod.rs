//! Dot products and scans: the only room with SIMD, and the only one with `unsafe`.
