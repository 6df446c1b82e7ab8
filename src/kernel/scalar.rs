//! Two slices → a number, in plain Rust: the truth that every SIMD version must equal bit for bit.
//!
//! The order of an f32 sum: eight lanes; value i goes to lane i mod 8, in rising i, each as a
//! rounded product added to the lane (never fused); then lane j takes in lane j + 4 (j < 4), then
//! lane j + 2 (j < 2), then lane 1. Eight lanes are one AVX register or two of wasm's, and they are
//! what a compiler turns into SSE on its own, so the reference is not slow either.

use super::SCAN_ROWS;

pub const LANES: usize = 8;

pub fn dot_f32(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        for j in 0..LANES {
            lanes[j] += x[j] * y[j];
        }
    }
    dot_rest(&mut lanes, a_rest, b_rest);
    sum_lanes(&lanes)
}

pub fn squared_distance_f32(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        for j in 0..LANES {
            let difference = x[j] - y[j];
            lanes[j] += difference * difference;
        }
    }
    squared_distance_rest(&mut lanes, a_rest, b_rest);
    sum_lanes(&lanes)
}

/// Exact while the true sum fits 32 bits (`quantize::PreparedQuery` sees to that); wraps beyond, in every version alike.
pub fn dot_i8_i16(code: &[i8], query: &[i16]) -> i32 {
    code.iter().zip(query).fold(0i32, |sum, (&c, &q)| {
        sum.wrapping_add(i32::from(c) * i32::from(q))
    })
}

pub fn dot_i8_i16_rows(codes: &[i8], query: &[i16], out: &mut [i32]) {
    if query.is_empty() {
        return out.fill(0);
    }
    for (code, result) in codes.chunks_exact(query.len()).zip(out) {
        *result = dot_i8_i16(code, query);
    }
}

/// See `dispatch::dot_u4_i16`; wraps as `dot_i8_i16` does.
pub fn dot_u4_i16(nibbles: &[u8], query: &[i16]) -> i32 {
    let (first, second) = query.split_at(nibbles.len());
    dot_nibbles(nibbles, first, second)
}

/// The lower nibbles and `first`, the upper ones and `second`, which may be shorter.
pub fn dot_nibbles(nibbles: &[u8], first: &[i16], second: &[i16]) -> i32 {
    let lower = nibbles.iter().zip(first).map(|(&both, &q)| (both & 15, q));
    let upper = nibbles.iter().zip(second).map(|(&both, &q)| (both >> 4, q));
    lower.chain(upper).fold(0i32, |sum, (four, q)| {
        sum.wrapping_add(i32::from(four) * i32::from(q))
    })
}

pub fn not_below(values: &[f32; SCAN_ROWS], floor: f32) -> u32 {
    values.iter().enumerate().fold(0, |mask, (place, &value)| {
        mask | u32::from(value >= floor) << place
    })
}

/// See `dispatch::scan_signs`. Two entries are below 256, so a pair of look-ups never overflows a byte in any version.
pub fn scan_signs(block: &[u8], tables: &[u8], sums: &mut [u16; SCAN_ROWS]) {
    sums.fill(0);
    for (codes, pair) in block.chunks_exact(SCAN_ROWS).zip(tables.chunks_exact(32)) {
        let (low, high) = pair.split_at(16);
        for (sum, &code) in sums.iter_mut().zip(codes) {
            let both = low[usize::from(code & 15)] + high[usize::from(code >> 4)];
            *sum = sum.wrapping_add(u16::from(both));
        }
    }
}

/// The values behind the last whole block, fewer than eight: value j goes to lane j.
pub fn dot_rest(lanes: &mut [f32; LANES], a: &[f32], b: &[f32]) {
    for (lane, (x, y)) in lanes.iter_mut().zip(a.iter().zip(b)) {
        *lane += x * y;
    }
}

pub fn squared_distance_rest(lanes: &mut [f32; LANES], a: &[f32], b: &[f32]) {
    for (lane, (x, y)) in lanes.iter_mut().zip(a.iter().zip(b)) {
        let difference = x - y;
        *lane += difference * difference;
    }
}

pub fn sum_lanes(lanes: &[f32; LANES]) -> f32 {
    let four = [
        lanes[0] + lanes[4],
        lanes[1] + lanes[5],
        lanes[2] + lanes[6],
        lanes[3] + lanes[7],
    ];
    (four[0] + four[2]) + (four[1] + four[3])
}
