//! The kernels with wasm's simd128: two registers hold the eight lanes of `scalar`.
//!
//! Relaxed SIMD is left out on purpose: its multiply-add may or may not be fused, as the browser
//! likes, and two visitors would then see two orders of hits.
use std::arch::wasm32::*;

use super::SCAN_ROWS;
use super::matmul::{Bounds, COLUMNS, Lanes};
use super::scalar::{self, LANES};

pub fn dot_f32(a: &[f32], b: &[f32]) -> f32 {
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    let (mut low, mut high) = (f32x4_splat(0.0), f32x4_splat(0.0));
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        let ((x_low, x_high), (y_low, y_high)) = (load(x), load(y));
        low = f32x4_add(low, f32x4_mul(x_low, y_low));
        high = f32x4_add(high, f32x4_mul(x_high, y_high));
    }
    let mut lanes = store(low, high);
    scalar::dot_rest(&mut lanes, a_rest, b_rest);
    scalar::sum_lanes(&lanes)
}

pub fn squared_distance_f32(a: &[f32], b: &[f32]) -> f32 {
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    let (mut low, mut high) = (f32x4_splat(0.0), f32x4_splat(0.0));
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        let ((x_low, x_high), (y_low, y_high)) = (load(x), load(y));
        let (d_low, d_high) = (f32x4_sub(x_low, y_low), f32x4_sub(x_high, y_high));
        low = f32x4_add(low, f32x4_mul(d_low, d_low));
        high = f32x4_add(high, f32x4_mul(d_high, d_high));
    }
    let mut lanes = store(low, high);
    scalar::squared_distance_rest(&mut lanes, a_rest, b_rest);
    scalar::sum_lanes(&lanes)
}

pub fn dot_i8_i16(code: &[i8], query: &[i16]) -> i32 {
    let (code_blocks, code_rest) = code.as_chunks::<16>();
    let (query_blocks, query_rest) = query.as_chunks::<16>();
    let (mut even, mut odd) = (i32x4_splat(0), i32x4_splat(0));
    for (c, q) in code_blocks.iter().zip(query_blocks) {
        // SAFETY: `c` is 16 bytes long and `q` 32, two registers; `v128_load` asks for no alignment.
        let (c, q_low, q_high) = unsafe {
            (
                v128_load(c.as_ptr().cast()),
                v128_load(q.as_ptr().cast()),
                v128_load(q.as_ptr().add(8).cast()),
            )
        };
        even = i32x4_add(even, i32x4_dot_i16x8(i16x8_extend_low_i8x16(c), q_low));
        odd = i32x4_add(odd, i32x4_dot_i16x8(i16x8_extend_high_i8x16(c), q_high));
    }
    let sum = i32x4_add(even, odd);
    i32x4_extract_lane::<0>(sum)
        .wrapping_add(i32x4_extract_lane::<1>(sum))
        .wrapping_add(i32x4_extract_lane::<2>(sum))
        .wrapping_add(i32x4_extract_lane::<3>(sum))
        .wrapping_add(scalar::dot_i8_i16(code_rest, query_rest))
}

/// Four rows share the loads of the query, and their sums meet in one register.
pub fn dot_i8_i16_rows(codes: &[i8], query: &[i16], out: &mut [i32]) {
    let dimension = query.len();
    if dimension == 0 {
        return out.fill(0);
    }
    let (query_blocks, query_rest) = query.as_chunks::<16>();
    let mut fours = codes.chunks_exact(4 * dimension);
    let (out_fours, out_rest) = out.as_chunks_mut::<4>();
    for (four, results) in fours.by_ref().zip(out_fours) {
        let (one, others) = four.split_at(dimension);
        let (two, others) = others.split_at(dimension);
        let (three, four) = others.split_at(dimension);
        let rows = [one, two, three, four].map(|row| row.as_chunks::<16>());
        let mut sums = [i32x4_splat(0); 4];
        for (place, q) in query_blocks.iter().enumerate() {
            // SAFETY: `q` is 32 bytes long, two registers; `v128_load` asks for no alignment.
            let (q_low, q_high) = unsafe {
                (
                    v128_load(q.as_ptr().cast()),
                    v128_load(q.as_ptr().add(8).cast()),
                )
            };
            for (sum, (blocks, _)) in sums.iter_mut().zip(rows) {
                // SAFETY: the block is 16 bytes long, one register.
                let c = unsafe { v128_load(blocks[place].as_ptr().cast()) };
                *sum = i32x4_add(*sum, i32x4_dot_i16x8(i16x8_extend_low_i8x16(c), q_low));
                *sum = i32x4_add(*sum, i32x4_dot_i16x8(i16x8_extend_high_i8x16(c), q_high));
            }
        }
        let [a, b, c, d] = sums;
        let ab = i32x4_add(
            i32x4_shuffle::<0, 4, 1, 5>(a, b),
            i32x4_shuffle::<2, 6, 3, 7>(a, b),
        );
        let cd = i32x4_add(
            i32x4_shuffle::<0, 4, 1, 5>(c, d),
            i32x4_shuffle::<2, 6, 3, 7>(c, d),
        );
        let all = i32x4_add(
            i32x4_shuffle::<0, 1, 4, 5>(ab, cd),
            i32x4_shuffle::<2, 3, 6, 7>(ab, cd),
        );
        // SAFETY: four i32 are one register; `v128_store` asks for no alignment.
        unsafe { v128_store(results.as_mut_ptr().cast(), all) };
        for (result, (_, rest)) in results.iter_mut().zip(rows) {
            *result = result.wrapping_add(scalar::dot_i8_i16(rest, query_rest));
        }
    }
    for (code, result) in fours.remainder().chunks_exact(dimension).zip(out_rest) {
        *result = dot_i8_i16(code, query);
    }
}

pub fn dot_u4_i16(nibbles: &[u8], query: &[i16]) -> i32 {
    let (first, second) = query.split_at(nibbles.len());
    // With an odd dimension the last nibble has no value: whole blocks are those of the shorter half.
    let blocks = second.len() / 16;
    let (first_blocks, second_blocks) = (first.as_chunks::<16>().0, second.as_chunks::<16>().0);
    let four = u8x16_splat(15);
    let (mut even, mut odd) = (i32x4_splat(0), i32x4_splat(0));
    let sixteens = nibbles.as_chunks::<16>().0.iter();
    for ((both, q_lower), q_upper) in sixteens.zip(first_blocks).zip(second_blocks) {
        // SAFETY: `both` is 16 bytes long, a register, and the others 32, two; `v128_load` asks for no alignment.
        let (both, [a, b], [c, d]) = unsafe {
            let two = |q: &[i16; 16]| {
                [
                    v128_load(q.as_ptr().cast()),
                    v128_load(q.as_ptr().add(8).cast()),
                ]
            };
            (v128_load(both.as_ptr().cast()), two(q_lower), two(q_upper))
        };
        let (lower, upper) = (v128_and(both, four), u8x16_shr(both, 4));
        even = i32x4_add(even, i32x4_dot_i16x8(i16x8_extend_low_u8x16(lower), a));
        odd = i32x4_add(odd, i32x4_dot_i16x8(i16x8_extend_high_u8x16(lower), b));
        even = i32x4_add(even, i32x4_dot_i16x8(i16x8_extend_low_u8x16(upper), c));
        odd = i32x4_add(odd, i32x4_dot_i16x8(i16x8_extend_high_u8x16(upper), d));
    }
    let sum = i32x4_add(even, odd);
    let rest = 16 * blocks;
    i32x4_extract_lane::<0>(sum)
        .wrapping_add(i32x4_extract_lane::<1>(sum))
        .wrapping_add(i32x4_extract_lane::<2>(sum))
        .wrapping_add(i32x4_extract_lane::<3>(sum))
        .wrapping_add(scalar::dot_nibbles(
            &nibbles[rest..],
            &first[rest..],
            &second[rest..],
        ))
}

pub fn not_below(values: &[f32; SCAN_ROWS], floor: f32) -> u32 {
    let floor = f32x4_splat(floor);
    values
        .as_chunks::<4>()
        .0
        .iter()
        .enumerate()
        .fold(0, |mask, (place, four)| {
            // SAFETY: four f32 are one register; `v128_load` asks for no alignment.
            let four = unsafe { v128_load(four.as_ptr().cast()) };
            mask | u32::from(i32x4_bitmask(f32x4_ge(four, floor))) << (4 * place)
        })
}

pub fn scan_signs(block: &[u8], tables: &[u8], sums: &mut [u16; SCAN_ROWS]) {
    let nibble = u8x16_splat(15);
    let mut totals = [u16x8_splat(0); 4];
    let (codes, _) = block.as_chunks::<SCAN_ROWS>();
    let (pairs, _) = tables.as_chunks::<32>();
    for (codes, pair) in codes.iter().zip(pairs) {
        // SAFETY: both arrays are 32 bytes long, two registers each; `v128_load` asks for no alignment.
        let (first, second, low, high) = unsafe {
            (
                v128_load(codes.as_ptr().cast()),
                v128_load(codes.as_ptr().add(16).cast()),
                v128_load(pair.as_ptr().cast()),
                v128_load(pair.as_ptr().add(16).cast()),
            )
        };
        for (half, codes) in [first, second].into_iter().enumerate() {
            let both = u8x16_add(
                u8x16_swizzle(low, v128_and(codes, nibble)),
                u8x16_swizzle(high, u8x16_shr(codes, 4)),
            );
            totals[2 * half] = u16x8_add(totals[2 * half], u16x8_extend_low_u8x16(both));
            totals[2 * half + 1] = u16x8_add(totals[2 * half + 1], u16x8_extend_high_u8x16(both));
        }
    }
    for (place, total) in totals.into_iter().enumerate() {
        // SAFETY: four registers of eight u16 fill the 32 places.
        unsafe { v128_store(sums.as_mut_ptr().add(8 * place).cast(), total) };
    }
}

#[inline]
fn load(block: &[f32; LANES]) -> (v128, v128) {
    // SAFETY: the block is eight f32 long, two registers; `v128_load` asks for no alignment.
    unsafe {
        (
            v128_load(block.as_ptr().cast()),
            v128_load(block.as_ptr().add(4).cast()),
        )
    }
}

#[inline]
fn store(low: v128, high: v128) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    // SAFETY: the array is eight f32 long, two registers; `v128_store` asks for no alignment.
    unsafe {
        v128_store(lanes.as_mut_ptr().cast(), low);
        v128_store(lanes.as_mut_ptr().add(4).cast(), high);
    }
    lanes
}

/// Eight sums in two registers.
#[derive(Clone, Copy)]
pub(super) struct Pair(v128, v128);

impl Lanes for Pair {
    #[inline(always)]
    fn load(values: &[f32; COLUMNS]) -> Self {
        let (low, high) = load(values);
        Self(low, high)
    }

    #[inline(always)]
    fn add(self, value: f32, weights: Self) -> Self {
        let value = f32x4_splat(value);
        Self(
            f32x4_add(self.0, f32x4_mul(value, weights.0)),
            f32x4_add(self.1, f32x4_mul(value, weights.1)),
        )
    }

    /// `pmax` and `pmin` give the first value unless the second is beyond it, so one that is no number stays.
    #[inline(always)]
    fn within(self, (least, most): Bounds) -> Self {
        let (least, most) = (f32x4_splat(least), f32x4_splat(most));
        let within = |values| f32x4_pmin(f32x4_pmax(values, least), most);
        Self(within(self.0), within(self.1))
    }

    #[inline(always)]
    fn store(self, out: &mut [f32; COLUMNS]) {
        // SAFETY: the array is eight f32 long, two registers; `v128_store` asks for no alignment.
        unsafe {
            v128_store(out.as_mut_ptr().cast(), self.0);
            v128_store(out.as_mut_ptr().add(4).cast(), self.1);
        }
    }
}
