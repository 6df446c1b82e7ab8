//! The kernels with AVX2: one register holds the eight lanes of `scalar`.
//!
//! Multiply and add stay apart on purpose: a fused one rounds once instead of twice, and the builder
//! would then make other bits than the browser.
use std::arch::x86_64::*;

use super::SCAN_ROWS;
use super::matmul::{Bounds, COLUMNS, Lanes};
use super::scalar::{self, LANES};

#[target_feature(enable = "avx2")]
pub fn dot_f32(a: &[f32], b: &[f32]) -> f32 {
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    let mut sum = _mm256_setzero_ps();
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        sum = _mm256_add_ps(sum, _mm256_mul_ps(load(x), load(y)));
    }
    let mut lanes = store(sum);
    scalar::dot_rest(&mut lanes, a_rest, b_rest);
    scalar::sum_lanes(&lanes)
}

#[target_feature(enable = "avx2")]
pub fn dot_f32_rows(vector: &[f32], rows: &[f32], out: &mut [f32]) {
    let dimension = vector.len();
    if dimension == 0 {
        return out.fill(0.0);
    }
    let (blocks, rest) = vector.as_chunks::<LANES>();
    let mut fours = rows.chunks_exact(4 * dimension);
    let (out_fours, out_rest) = out.as_chunks_mut::<4>();
    for (four, results) in fours.by_ref().zip(out_fours) {
        let (one, others) = four.split_at(dimension);
        let (two, others) = others.split_at(dimension);
        let (three, four) = others.split_at(dimension);
        let (one, one_rest) = one.as_chunks::<LANES>();
        let (two, two_rest) = two.as_chunks::<LANES>();
        let (three, three_rest) = three.as_chunks::<LANES>();
        let (four, four_rest) = four.as_chunks::<LANES>();
        let mut sums = [_mm256_setzero_ps(); 4];
        for ((((x, a), b), c), d) in blocks.iter().zip(one).zip(two).zip(three).zip(four) {
            let x = load(x);
            sums[0] = _mm256_add_ps(sums[0], _mm256_mul_ps(x, load(a)));
            sums[1] = _mm256_add_ps(sums[1], _mm256_mul_ps(x, load(b)));
            sums[2] = _mm256_add_ps(sums[2], _mm256_mul_ps(x, load(c)));
            sums[3] = _mm256_add_ps(sums[3], _mm256_mul_ps(x, load(d)));
        }
        for (j, row_rest) in [one_rest, two_rest, three_rest, four_rest]
            .into_iter()
            .enumerate()
        {
            let mut lanes = store(sums[j]);
            scalar::dot_rest(&mut lanes, rest, row_rest);
            results[j] = scalar::sum_lanes(&lanes);
        }
    }
    for (row, result) in fours.remainder().chunks_exact(dimension).zip(out_rest) {
        *result = dot_f32(vector, row);
    }
}

#[target_feature(enable = "avx2")]
pub fn squared_distance_f32(a: &[f32], b: &[f32]) -> f32 {
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    let mut sum = _mm256_setzero_ps();
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        let difference = _mm256_sub_ps(load(x), load(y));
        sum = _mm256_add_ps(sum, _mm256_mul_ps(difference, difference));
    }
    let mut lanes = store(sum);
    scalar::squared_distance_rest(&mut lanes, a_rest, b_rest);
    scalar::sum_lanes(&lanes)
}

#[target_feature(enable = "avx2")]
pub fn dot_i8_i16(code: &[i8], query: &[i16]) -> i32 {
    let (code_blocks, code_rest) = code.as_chunks::<16>();
    let (query_blocks, query_rest) = query.as_chunks::<16>();
    let mut sum = _mm256_setzero_si256();
    for (c, q) in code_blocks.iter().zip(query_blocks) {
        // SAFETY: `c` is 16 bytes long, `q` 32; unaligned loads are asked for.
        let (c, q) = unsafe {
            (
                _mm_loadu_si128(c.as_ptr().cast()),
                _mm256_loadu_si256(q.as_ptr().cast()),
            )
        };
        // i8 widened to i16 times i16, summed in pairs: at most 2·2²², so the pair never overflows.
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_cvtepi8_epi16(c), q));
    }
    let half = _mm_add_epi32(
        _mm256_castsi256_si128(sum),
        _mm256_extracti128_si256::<1>(sum),
    );
    let half = _mm_add_epi32(half, _mm_shuffle_epi32::<0b01_00_11_10>(half));
    let half = _mm_add_epi32(half, _mm_shuffle_epi32::<0b10_11_00_01>(half));
    _mm_cvtsi128_si32(half).wrapping_add(scalar::dot_i8_i16(code_rest, query_rest))
}

#[target_feature(enable = "avx2")]
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
        let mut sums = [_mm256_setzero_si256(); 4];
        for (place, q) in query_blocks.iter().enumerate() {
            // SAFETY: `q` is 32 bytes long; an unaligned load is asked for.
            let q = unsafe { _mm256_loadu_si256(q.as_ptr().cast()) };
            for (sum, (blocks, _)) in sums.iter_mut().zip(rows) {
                // SAFETY: the block is 16 bytes long; an unaligned load is asked for.
                let c = unsafe { _mm_loadu_si128(blocks[place].as_ptr().cast()) };
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(_mm256_cvtepi8_epi16(c), q));
            }
        }
        let ab = _mm256_hadd_epi32(sums[0], sums[1]);
        let cd = _mm256_hadd_epi32(sums[2], sums[3]);
        let all = _mm256_hadd_epi32(ab, cd);
        let all = _mm_add_epi32(
            _mm256_castsi256_si128(all),
            _mm256_extracti128_si256::<1>(all),
        );
        // SAFETY: four i32 are 16 bytes; an unaligned store is asked for.
        unsafe { _mm_storeu_si128(results.as_mut_ptr().cast(), all) };
        for (result, (_, rest)) in results.iter_mut().zip(rows) {
            *result = result.wrapping_add(scalar::dot_i8_i16(rest, query_rest));
        }
    }
    for (code, result) in fours.remainder().chunks_exact(dimension).zip(out_rest) {
        *result = dot_i8_i16(code, query);
    }
}

#[target_feature(enable = "avx2")]
pub fn dot_u4_i16(nibbles: &[u8], query: &[i16]) -> i32 {
    let (first, second) = query.split_at(nibbles.len());
    // With an odd dimension the last nibble has no value: whole blocks are those of the shorter half.
    let blocks = second.len() / 16;
    let (first_blocks, second_blocks) = (first.as_chunks::<16>().0, second.as_chunks::<16>().0);
    let four = _mm_set1_epi8(15);
    let mut sum = _mm256_setzero_si256();
    let sixteens = nibbles.as_chunks::<16>().0.iter();
    for ((both, q_lower), q_upper) in sixteens.zip(first_blocks).zip(second_blocks) {
        // SAFETY: `both` is 16 bytes long, the others 32; unaligned loads are asked for.
        let (both, q_lower, q_upper) = unsafe {
            (
                _mm_loadu_si128(both.as_ptr().cast()),
                _mm256_loadu_si256(q_lower.as_ptr().cast()),
                _mm256_loadu_si256(q_upper.as_ptr().cast()),
            )
        };
        let lower = _mm256_cvtepu8_epi16(_mm_and_si128(both, four));
        let upper = _mm256_cvtepu8_epi16(_mm_and_si128(_mm_srli_epi16::<4>(both), four));
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(lower, q_lower));
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(upper, q_upper));
    }
    let half = _mm_add_epi32(
        _mm256_castsi256_si128(sum),
        _mm256_extracti128_si256::<1>(sum),
    );
    let half = _mm_add_epi32(half, _mm_shuffle_epi32::<0b01_00_11_10>(half));
    let half = _mm_add_epi32(half, _mm_shuffle_epi32::<0b10_11_00_01>(half));
    let rest = 16 * blocks;
    _mm_cvtsi128_si32(half).wrapping_add(scalar::dot_nibbles(
        &nibbles[rest..],
        &first[rest..],
        &second[rest..],
    ))
}

#[target_feature(enable = "avx2")]
pub fn not_below(values: &[f32; SCAN_ROWS], floor: f32) -> u32 {
    let floor = _mm256_set1_ps(floor);
    let (eights, _) = values.as_chunks::<LANES>();
    eights.iter().enumerate().fold(0, |mask, (place, eight)| {
        let above = _mm256_cmp_ps::<_CMP_GE_OQ>(load(eight), floor);
        mask | (_mm256_movemask_ps(above) as u32) << (8 * place)
    })
}

#[target_feature(enable = "avx2")]
pub fn scan_signs(block: &[u8], tables: &[u8], sums: &mut [u16; SCAN_ROWS]) {
    let nibble = _mm256_set1_epi8(15);
    let (mut first, mut second) = (_mm256_setzero_si256(), _mm256_setzero_si256());
    let (codes, _) = block.as_chunks::<SCAN_ROWS>();
    let (pairs, _) = tables.as_chunks::<32>();
    for (codes, pair) in codes.iter().zip(pairs) {
        // SAFETY: `codes` and `pair` are 32 bytes long; unaligned loads are asked for.
        let (codes, pair) = unsafe {
            (
                _mm256_loadu_si256(codes.as_ptr().cast()),
                _mm256_loadu_si256(pair.as_ptr().cast()),
            )
        };
        let low = _mm256_permute2x128_si256::<0x00>(pair, pair);
        let high = _mm256_permute2x128_si256::<0x11>(pair, pair);
        let both = _mm256_add_epi8(
            _mm256_shuffle_epi8(low, _mm256_and_si256(codes, nibble)),
            _mm256_shuffle_epi8(
                high,
                _mm256_and_si256(_mm256_srli_epi16::<4>(codes), nibble),
            ),
        );
        first = _mm256_add_epi16(first, _mm256_cvtepu8_epi16(_mm256_castsi256_si128(both)));
        second = _mm256_add_epi16(
            second,
            _mm256_cvtepu8_epi16(_mm256_extracti128_si256::<1>(both)),
        );
    }
    // SAFETY: two registers of sixteen u16 fill the 32 places; unaligned stores are asked for.
    unsafe {
        _mm256_storeu_si256(sums.as_mut_ptr().cast(), first);
        _mm256_storeu_si256(sums.as_mut_ptr().add(16).cast(), second);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(block: &[f32; LANES]) -> __m256 {
    // SAFETY: the block is eight f32 long; an unaligned load is asked for.
    unsafe { _mm256_loadu_ps(block.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(register: __m256) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    // SAFETY: the array is eight f32 long; an unaligned store is asked for.
    unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), register) };
    lanes
}

/// Eight sums in one register. Only for functions that were entered because AVX2 is there: the trait's have no such mark, and
/// are inlined into those that do.
#[derive(Clone, Copy)]
pub(super) struct Eight(__m256);

impl Lanes for Eight {
    #[inline(always)]
    fn load(values: &[f32; COLUMNS]) -> Self {
        // SAFETY: eight f32, and AVX2, as the type says.
        Self(unsafe { _mm256_loadu_ps(values.as_ptr()) })
    }

    #[inline(always)]
    fn add(self, value: f32, weights: Self) -> Self {
        // SAFETY: AVX2, as the type says.
        Self(unsafe { _mm256_add_ps(self.0, _mm256_mul_ps(_mm256_set1_ps(value), weights.0)) })
    }

    /// Of two values of which one is none, `max` and `min` give the second.
    #[inline(always)]
    fn within(self, (least, most): Bounds) -> Self {
        // SAFETY: AVX2, as the type says.
        Self(unsafe {
            let raised = _mm256_max_ps(_mm256_set1_ps(least), self.0);
            _mm256_min_ps(_mm256_set1_ps(most), raised)
        })
    }

    #[inline(always)]
    fn store(self, out: &mut [f32; COLUMNS]) {
        // SAFETY: eight f32, and AVX2, as the type says.
        unsafe { _mm256_storeu_ps(out.as_mut_ptr(), self.0) };
    }
}
