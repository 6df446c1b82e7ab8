//! Products of matrices in f32, for networks: rows are pixels, columns are channels.
//!
//! Every output is one chain of additions in a fixed order, whatever the width of the registers: lanes lie across outputs
//! and never within a sum, and no fused multiply-add is used. So the scalar version, simd128 and AVX2 give the same bits. The way
//! through the matrix is written once, over [`Lanes`]: eight sums that a machine holds in one register, two, or none.
//! (Left to the compiler, plain arrays became registers for wasm, at 20 GFLOP/s, and not for AVX2, at 3.)

/// Outputs that are computed side by side: weights are packed in blocks of as many columns.
pub const COLUMNS: usize = 8;
/// Rows of a tile. Six, which would still fit the registers of x86-64, took 1.25 times as long: pictures have powers of two of
/// pixels, and fewer rows leave no rest.
const ROWS: usize = 4;
/// Bytes of input that are gone through for each block of columns: they should stay in the first two caches.
const CHUNK_BYTES: usize = 64 << 10;

/// Weights of a product, packed: for each block of [`COLUMNS`] outputs, for each input, the block's weights.
#[derive(Debug, Clone, PartialEq)]
pub struct PackedMatrix {
    inner: usize,
    outputs: usize,
    weights: Vec<[f32; COLUMNS]>,
    bias: Vec<[f32; COLUMNS]>,
}

impl PackedMatrix {
    /// `weight(output, input)` for each pair; `bias` has one number for each output.
    pub fn new(inner: usize, bias: &[f32], weight: impl Fn(usize, usize) -> f32) -> Self {
        let outputs = bias.len();
        let at = |block: usize, column: usize| {
            Some(block * COLUMNS + column).filter(|&output| output < outputs)
        };
        let blocks = outputs.div_ceil(COLUMNS);
        let weights = (0..blocks * inner)
            .map(|place| {
                let (block, input) = (place / inner, place % inner);
                std::array::from_fn(|column| at(block, column).map_or(0.0, |o| weight(o, input)))
            })
            .collect();
        let bias = (0..blocks)
            .map(|block| std::array::from_fn(|column| at(block, column).map_or(0.0, |o| bias[o])))
            .collect();
        Self {
            inner,
            outputs,
            weights,
            bias,
        }
    }

    /// Numbers in a row that goes in.
    pub fn inner(&self) -> usize {
        self.inner
    }

    /// Numbers in a row that comes out.
    pub fn outputs(&self) -> usize {
        self.outputs
    }
}

/// Values below the first are raised to it, values above the second lowered.
pub type Bounds = (f32, f32);

/// Bounds that change nothing.
pub const UNBOUNDED: Bounds = (f32::NEG_INFINITY, f32::INFINITY);

/// `out[p][n]` = bias `n` + Σ `rows[p][k]` · weight `(n, k)`, within `bounds`.
///
/// # Panics
/// When `rows` and `out` are not of the same number of rows.
pub fn matmul(rows: &[f32], matrix: &PackedMatrix, bounds: Bounds, out: &mut [f32]) {
    let (inner, outputs) = (matrix.inner, matrix.outputs);
    assert!(
        inner > 0 && outputs > 0 && rows.len().is_multiple_of(inner),
        "matmul needs whole rows"
    );
    assert_eq!(
        rows.len() / inner,
        out.len() / outputs,
        "matmul needs a row out for each row in"
    );
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: AVX2 was just found.
        return unsafe { avx2(rows, matrix, bounds, out) };
    }
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return product::<super::wasm::Pair>(rows, matrix, bounds, out);
    #[allow(unreachable_code)]
    product::<Scalar>(rows, matrix, bounds, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(rows: &[f32], matrix: &PackedMatrix, bounds: Bounds, out: &mut [f32]) {
    product::<super::x86_64::Eight>(rows, matrix, bounds, out);
}

/// [`COLUMNS`] sums side by side.
pub(super) trait Lanes: Copy {
    fn load(values: &[f32; COLUMNS]) -> Self;
    /// Each sum plus `value` times its weight, rounded twice.
    fn add(self, value: f32, weights: Self) -> Self;
    /// As [`bound`] has it.
    fn within(self, bounds: Bounds) -> Self;
    fn store(self, out: &mut [f32; COLUMNS]);
}

/// What the others have to equal.
#[derive(Clone, Copy)]
pub(super) struct Scalar([f32; COLUMNS]);

impl Lanes for Scalar {
    #[inline(always)]
    fn load(values: &[f32; COLUMNS]) -> Self {
        Self(*values)
    }

    #[inline(always)]
    fn add(mut self, value: f32, weights: Self) -> Self {
        for (sum, weight) in self.0.iter_mut().zip(weights.0) {
            *sum += value * weight;
        }
        self
    }

    #[inline(always)]
    fn within(mut self, bounds: Bounds) -> Self {
        bound(&mut self.0, bounds);
        self
    }

    #[inline(always)]
    fn store(self, out: &mut [f32; COLUMNS]) {
        *out = self.0;
    }
}

#[inline(always)]
pub(super) fn product<L: Lanes>(
    rows: &[f32],
    matrix: &PackedMatrix,
    bounds: Bounds,
    out: &mut [f32],
) {
    let (inner, outputs) = (matrix.inner, matrix.outputs);
    let tiles = (CHUNK_BYTES / (4 * inner * ROWS)).max(1);
    let chunks = rows.chunks(tiles * ROWS * inner);
    for (rows, out) in chunks.zip(out.chunks_mut(tiles * ROWS * outputs)) {
        let blocks = matrix.weights.chunks_exact(inner).zip(&matrix.bias);
        for (block, (weights, bias)) in blocks.enumerate() {
            let first = block * COLUMNS;
            let place = Place {
                outputs,
                first,
                columns: COLUMNS.min(outputs - first),
                bounds,
            };
            let tiles = rows.chunks(ROWS * inner);
            for (rows, out) in tiles.zip(out.chunks_mut(ROWS * outputs)) {
                match rows.len() / inner {
                    4 => tile::<L, 4>(rows, weights, bias, place, out),
                    3 => tile::<L, 3>(rows, weights, bias, place, out),
                    2 => tile::<L, 2>(rows, weights, bias, place, out),
                    _ => tile::<L, 1>(rows, weights, bias, place, out),
                }
            }
        }
    }
}

/// Where a tile's results go.
#[derive(Clone, Copy)]
struct Place {
    outputs: usize,
    first: usize,
    columns: usize,
    bounds: Bounds,
}

#[inline(always)]
fn tile<L: Lanes, const R: usize>(
    rows: &[f32],
    weights: &[[f32; COLUMNS]],
    bias: &[f32; COLUMNS],
    place: Place,
    out: &mut [f32],
) {
    let inner = weights.len();
    assert!(rows.len() >= R * inner);
    let mut sums = [L::load(bias); R];
    // A pointer a row: from one index the compiler works out R addresses for each input, which for wasm costs as much as the sums.
    let mut inputs: [*const f32; R] = std::array::from_fn(|r| rows[r * inner..].as_ptr());
    for weights in weights {
        let weights = L::load(weights);
        for (sum, input) in sums.iter_mut().zip(&mut inputs) {
            // SAFETY: each is moved on `inner` times, and begins `inner` numbers or more before the end of `rows`, as was just held. Bounds
            // checked for every product cost as much as the products.
            unsafe {
                *sum = sum.add(**input, weights);
                *input = input.add(1);
            }
        }
    }
    for (sum, out) in sums.into_iter().zip(out.chunks_exact_mut(place.outputs)) {
        let sum = sum.within(place.bounds);
        let out = &mut out[place.first..];
        match out.first_chunk_mut::<COLUMNS>() {
            Some(whole) if place.columns == COLUMNS => sum.store(whole),
            _ => {
                let mut lanes = [0.0; COLUMNS];
                sum.store(&mut lanes);
                out[..place.columns].copy_from_slice(&lanes[..place.columns]);
            }
        }
    }
}

/// The same comparison in every build; a value that is no number stays one.
#[inline(always)]
pub(crate) fn bound(values: &mut [f32], (least, most): Bounds) {
    for value in values {
        *value = if *value < least { least } else { *value };
        *value = if *value > most { most } else { *value };
    }
}
