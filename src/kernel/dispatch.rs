//! A call → the fastest version this machine has.
//!
//! On x86-64 the choice is made at run time (the standard library keeps the answer, so that asking
//! costs a load); on wasm at compile time, because a module with simd128 in it does not load where
//! simd128 is missing. The functions that take many rows ask once for all of them.
use super::{SCAN_ROWS, scalar};

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
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return super::wasm::dot_i8_i16_rows(codes, query, out);
    #[allow(unreachable_code)]
    scalar::dot_i8_i16_rows(codes, query, out)
}

/// Σ fourᵢ·queryᵢ with four bits a dimension: those of dimension i lie in the lower half of byte i, those of dimension i + ⌈d / 2⌉ in its upper half.
/// Exact while the true sum fits 32 bits, wrapping beyond.
///
/// # Panics
/// When there are not ⌈d / 2⌉ bytes.
pub fn dot_u4_i16(nibbles: &[u8], query: &[i16]) -> i32 {
    assert_eq!(
        nibbles.len(),
        query.len().div_ceil(2),
        "dot_u4_i16 needs half a byte for each value of the query"
    );
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: AVX2 was just found.
        return unsafe { super::x86_64::dot_u4_i16(nibbles, query) };
    }
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return super::wasm::dot_u4_i16(nibbles, query);
    #[allow(unreachable_code)]
    scalar::dot_u4_i16(nibbles, query)
}

/// For each of 32 rows the sum of what its sign bits look up: a scan of 1-bit codes by shuffles (André, Kermarrec and
/// Le Scouarnec, VLDB 2015).
///
/// `block` holds 32 bytes for each pair of tables, byte `r` being row `r`'s: the low four bits look into the first table of
/// the pair, the high four into the second. `tables` holds 16 entries a table, each at most 127, so that the two entries of a byte
/// add without overflow. Sums beyond 16 bits wrap; `quantize::PreparedQuery` keeps the entries small enough.
///
/// # Panics
/// When block and tables are not of the same number of pairs.
pub fn scan_signs(block: &[u8], tables: &[u8], sums: &mut [u16; SCAN_ROWS]) {
    assert!(
        block.len() == tables.len() && block.len().is_multiple_of(SCAN_ROWS),
        "scan_signs needs 32 codes for each pair of tables"
    );
    debug_assert!(tables.iter().all(|&entry| entry < 128));
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: AVX2 was just found.
        return unsafe { super::x86_64::scan_signs(block, tables, sums) };
    }
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return super::wasm::scan_signs(block, tables, sums);
    #[allow(unreachable_code)]
    scalar::scan_signs(block, tables, sums)
}

/// Bit `i` is set when value `i` is at least `floor`; of NaN it is not.
pub fn not_below(values: &[f32; SCAN_ROWS], floor: f32) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: AVX2 was just found.
        return unsafe { super::x86_64::not_below(values, floor) };
    }
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return super::wasm::not_below(values, floor);
    #[allow(unreachable_code)]
    scalar::not_below(values, floor)
}
