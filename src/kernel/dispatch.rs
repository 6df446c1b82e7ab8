//! A call → the fastest version this machine has.
//!
//! On x86-64 the choice is made at run time (the standard library keeps the answer, so that asking
//! costs a load); on wasm at compile time, because a module with simd128 in it does not load where
//! simd128 is missing. The functions that take many rows ask once for all of them.
use super::scalar;

/// Σ aᵢ·bᵢ
///
/// # Panics
/// When the lengths differ.
pub fn dot_f32(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "dot_f32 needs two vectors of one length");
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: AVX2 was just found.
        return unsafe { super::x86_64::dot_f32(a, b) };
    }
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return super::wasm::dot_f32(a, b);
    #[allow(unreachable_code)]
    scalar::dot_f32(a, b)
}

/// `out[i]` = the dot product of `vector` and the i-th row of `rows`, which holds `out.len()` rows of
/// the vector's length. The bits are those of `dot_f32`; four rows run side by side, which hides the
/// latency of one row's chain of additions.
///
/// # Panics
/// When `rows` does not hold exactly `out.len()` rows.
pub fn dot_f32_rows(vector: &[f32], rows: &[f32], out: &mut [f32]) {
    assert_eq!(
        rows.len(),
        vector.len() * out.len(),
        "dot_f32_rows needs one row for each result"
    );
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: AVX2 was just found.
        return unsafe { super::x86_64::dot_f32_rows(vector, rows, out) };
    }
    if vector.is_empty() {
        return out.fill(0.0);
    }
    for (row, result) in rows.chunks_exact(vector.len()).zip(out) {
        *result = dot_f32(vector, row);
    }
}

/// Σ (aᵢ − bᵢ)²
///
/// # Panics
/// When the lengths differ.
pub fn squared_distance_f32(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(
        a.len(),
        b.len(),
        "squared_distance_f32 needs two vectors of one length"
    );
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: AVX2 was just found.
        return unsafe { super::x86_64::squared_distance_f32(a, b) };
    }
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return super::wasm::squared_distance_f32(a, b);
    #[allow(unreachable_code)]
    scalar::squared_distance_f32(a, b)
}

/// Σ codeᵢ·queryᵢ, exact while the true sum fits 32 bits, wrapping beyond.
///
/// # Panics
/// When the lengths differ.
pub fn dot_i8_i16(code: &[i8], query: &[i16]) -> i32 {
    assert_eq!(
        code.len(),
        query.len(),
        "dot_i8_i16 needs a code and a query of one length"
    );
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: AVX2 was just found.
        return unsafe { super::x86_64::dot_i8_i16(code, query) };
    }
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return super::wasm::dot_i8_i16(code, query);
    #[allow(unreachable_code)]
    scalar::dot_i8_i16(code, query)
}

/// The scan of a cell: `out[i]` = `dot_i8_i16` of the i-th row of `codes` and `query`.
///
/// # Panics
/// When `codes` does not hold exactly `out.len()` rows.
pub fn dot_i8_i16_rows(codes: &[i8], query: &[i16], out: &mut [i32]) {
    assert_eq!(
        codes.len(),
        query.len() * out.len(),
        "dot_i8_i16_rows needs one code for each result"
    );
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: AVX2 was just found.
        return unsafe { super::x86_64::dot_i8_i16_rows(codes, query, out) };
    }
    if query.is_empty() {
        return out.fill(0);
    }
    for (code, result) in codes.chunks_exact(query.len()).zip(out) {
        *result = dot_i8_i16(code, query);
    }
}
