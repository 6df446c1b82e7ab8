//! The rows of a cell, as residuals → nested codes: a sign for each dimension, and the bits that refine it; and back.
//!
//! With the residual r = x − c of a rotated vector against the *decoded* centroid, the code of dimension i is
//! sign(rᵢ) · (mᵢ + ½), with mᵢ of B − 1 bits (RaBitQ and its extension, Gao and Long, SIGMOD 2024, Gao and others, SIGMOD
//! 2025). The signs alone are a code too, of one bit a dimension: a scan reads nothing else, and only the rows that its error
//! bound cannot exclude are read in full. Both codes estimate an inner product as
//!
//! ```text
//! ⟨x, q⟩ ≈ ⟨c, q⟩ + scale · ⟨code, q⟩ + offset     scale = ‖r‖² / ⟨r, code⟩     offset = ⟨r, c⟩ − scale · ⟨code, c⟩
//! ```
//!
//! `scale` makes the code's part along r as long as r, and `offset` measures the error from q − c instead of q, which is
//! the shorter vector for every query that opens the cell. Where the distance counts, the same product with other offsets estimates
//! it, and everything that reads codes stays as it is:
//!
//! ```text
//! −‖x − q‖² / 2 ≈ −‖c − q‖² / 2 + scale · ⟨code, q⟩ + offset     offset = −‖r‖² / 2 − scale · ⟨code, c⟩
//! ```
//!
//! | part, for each row | bytes at d = 128, B = 9 |
//! | --- | --- |
//! | signs, in blocks of 32 rows for `kernel::scan_signs` | 16 |
//! | scale and offset of the signs, 8 bits each between a least and a largest of the cell | 2 |
//! | low bits in two's complement: code = low − 2^(B−1) · [negative] + ½ | 128 |
//! | scale and offset of the full code, 16 bits each | 4 |
//!
//! Measured on 100,000 clustered rows at d = 128, every row ranked: recall@10 0.998 with 9 bits, 0.983 with 6, 0.965 with 5.
use super::{Metric, QuantizeError};
use crate::kernel::SCAN_ROWS;

/// Bits a dimension of the full code, its sign included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CodeBits {
    /// The default: the low bits are a byte a dimension.
    #[default]
    Nine,
    /// For compact indexes: 105 bytes a row instead of 153 at d = 128.
    Six,
    /// 89 bytes a row; a recall@10 above 0.96 is out of its reach.
    Five,
}

impl CodeBits {
    /// The one with so many bits, if there is one.
    pub fn new(bits: u32) -> Option<CodeBits> {
        match bits {
            9 => Some(Self::Nine),
            6 => Some(Self::Six),
            5 => Some(Self::Five),
            _ => None,
        }
    }

    /// 9, 6 or 5.
    pub fn count(self) -> u32 {
        match self {
            Self::Nine => 9,
            Self::Six => 6,
            Self::Five => 5,
        }
    }

    /// Bytes of a row's low bits.
    pub fn low_bytes(self, dimension: usize) -> usize {
        match self {
            Self::Nine => dimension,
            Self::Six => dimension.div_ceil(2) + dimension.div_ceil(8),
            Self::Five => dimension.div_ceil(2),
        }
    }

    /// 2^(B−1): what a negative sign takes away.
    pub(super) fn half(self) -> i32 {
        1 << (self.count() - 1)
    }
}

/// What an 8- or 16-bit factor stands for: least + code · step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FactorRange {
    pub least: f32,
    pub step: f32,
}

impl FactorRange {
    fn of(values: impl Iterator<Item = f64> + Clone, steps: f64) -> FactorRange {
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let largest = values.fold(f64::NEG_INFINITY, f64::max);
        if least > largest {
            return FactorRange::default();
        }
        FactorRange {
            least: least as f32,
            step: ((largest - least) / steps) as f32,
        }
    }

    fn code(self, value: f64, steps: f64) -> u16 {
        // Without a spread 0/0 or x/0 comes out, which the clamp and the cast turn into a code that decodes alike.
        ((value - f64::from(self.least)) / f64::from(self.step))
            .round()
            .clamp(0.0, steps) as u16
    }

    /// The factor behind a code.
    #[inline]
    pub fn value(self, code: u16) -> f32 {
        self.least + self.step * f32::from(code)
    }
}

/// The four ranges of a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FactorRanges {
    pub sign_scale: FactorRange,
    pub sign_offset: FactorRange,
    pub scale: FactorRange,
    pub offset: FactorRange,
}

/// The codes of the rows of one cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowCodes {
    pub(super) dimension: usize,
    pub(super) bits: CodeBits,
    rows: usize,
    /// A block for 32 rows, filled up with zeros; see `kernel::scan_signs`.
    pub(super) signs: Vec<u8>,
    pub(super) sign_scales: Vec<u8>,
    pub(super) sign_offsets: Vec<u8>,
    /// [`CodeBits::low_bytes`] a row.
    pub(super) low: Vec<u8>,
    /// Scale and offset of the full code, a row.
    pub(super) factors: Vec<[u16; 2]>,
    pub(super) ranges: FactorRanges,
}

/// The arrays of [`RowCodes`] as a file holds them: without the rows that fill up the last block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CodeParts {
    pub sign_scales: Vec<u8>,
    pub sign_offsets: Vec<u8>,
    /// Of each block one run of bytes for each pair of tables, as long as the block has rows.
    pub signs: Vec<u8>,
    pub low: Vec<u8>,
    pub factors: Vec<[u16; 2]>,
    pub ranges: FactorRanges,
}

/// Bytes of the signs of one row.
pub fn sign_bytes(dimension: usize) -> usize {
    dimension.div_ceil(8)
}

impl RowCodes {
    /// Encodes rotated vectors against their cell's centroid, which must be the rotated and decoded one: what is decoded
    /// later is added to what was subtracted here.
    ///
    /// # Panics
    /// When a length differs from the centroid's.
    pub fn encode(vectors: &[&[f32]], centroid: &[f32], bits: CodeBits) -> RowCodes {
        RowCodes::encode_for(vectors, centroid, bits, Metric::Cosine)
    }

    /// [`encode`](Self::encode) for what a metric's estimate says: the inner product with the query, or minus half the squared
    /// distance to it. They differ in the offsets alone, so whatever reads codes reads both.
    ///
    /// # Panics
    /// When a length differs from the centroid's.
    pub fn encode_for(
        vectors: &[&[f32]],
        centroid: &[f32],
        bits: CodeBits,
        metric: Metric,
    ) -> RowCodes {
        let dimension = centroid.len();
        let mut codes = RowCodes {
            dimension,
            bits,
            rows: vectors.len(),
            ..RowCodes::default()
        };
        let blocks = vectors.len().div_ceil(SCAN_ROWS);
        let block_bytes = sign_bytes(dimension) * SCAN_ROWS;
        codes.signs = vec![0; blocks * block_bytes];
        codes.low = vec![0; vectors.len() * bits.low_bytes(dimension)];
        let mut factors = Vec::with_capacity(vectors.len());
        let mut magnitudes = vec![0u8; dimension];
        let low_bytes = bits.low_bytes(dimension).max(1);
        for (row, vector) in vectors.iter().enumerate() {
            assert_eq!(
                vector.len(),
                dimension,
                "a row and its centroid have one dimension"
            );
            factors.push(encode_row(vector, centroid, bits, metric, &mut magnitudes));
            let block = &mut codes.signs[row / SCAN_ROWS * block_bytes..];
            for (place, (&x, &c)) in vector.iter().zip(centroid).enumerate() {
                if is_positive(x, c) {
                    block[place / 8 * SCAN_ROWS + row % SCAN_ROWS] |= 1 << (place % 8);
                } else {
                    // Two's complement: the low bits of −(m + ½) − ½.
                    magnitudes[place] = (bits.half() - 1) as u8 - magnitudes[place];
                }
            }
            if let Some(low) = codes.low.chunks_exact_mut(low_bytes).nth(row) {
                pack(bits, &magnitudes, low);
            }
        }
        codes.take_factors(&factors);
        codes
    }

    fn take_factors(&mut self, factors: &[Factors]) {
        let of = |get: fn(&Factors) -> f64, steps| FactorRange::of(factors.iter().map(get), steps);
        self.ranges = FactorRanges {
            sign_scale: of(|f| f.sign_scale, 255.0),
            sign_offset: of(|f| f.sign_offset, 255.0),
            scale: of(|f| f.scale, 65_535.0),
            offset: of(|f| f.offset, 65_535.0),
        };
        let filled = factors.len().next_multiple_of(SCAN_ROWS);
        let bytes = |get: fn(&Factors) -> f64, range: FactorRange| {
            let mut codes: Vec<u8> = factors
                .iter()
                .map(|f| range.code(get(f), 255.0) as u8)
                .collect();
            codes.resize(filled, 0);
            codes
        };
        self.sign_scales = bytes(|f| f.sign_scale, self.ranges.sign_scale);
        self.sign_offsets = bytes(|f| f.sign_offset, self.ranges.sign_offset);
        let ranges = self.ranges;
        self.factors = factors
            .iter()
            .map(|f| {
                [
                    ranges.scale.code(f.scale, 65_535.0),
                    ranges.offset.code(f.offset, 65_535.0),
                ]
            })
            .collect();
    }

    /// From a file.
    pub fn from_parts(
        dimension: usize,
        bits: CodeBits,
        parts: CodeParts,
    ) -> Result<RowCodes, QuantizeError> {
        let rows = parts.factors.len();
        let expected = |bytes: usize| rows.checked_mul(bytes);
        if Some(parts.signs.len()) != expected(sign_bytes(dimension))
            || Some(parts.low.len()) != expected(bits.low_bytes(dimension))
            || parts.sign_scales.len() != rows
            || parts.sign_offsets.len() != rows
        {
            return Err(QuantizeError::CodesDisagree { rows, dimension });
        }
        let ranges = parts.ranges;
        for range in [
            ranges.sign_scale,
            ranges.sign_offset,
            ranges.scale,
            ranges.offset,
        ] {
            let largest = f64::from(range.least) + 65_535.0 * f64::from(range.step);
            if !(range.least.is_finite() && range.step >= 0.0 && (largest as f32).is_finite()) {
                return Err(QuantizeError::BadFactor {
                    least: range.least,
                    step: range.step,
                });
            }
        }
        let filled = rows.next_multiple_of(SCAN_ROWS);
        let fill = |mut codes: Vec<u8>| {
            codes.resize(filled, 0);
            codes
        };
        Ok(RowCodes {
            dimension,
            bits,
            rows,
            signs: filled_blocks(&parts.signs, rows, sign_bytes(dimension)),
            sign_scales: fill(parts.sign_scales),
            sign_offsets: fill(parts.sign_offsets),
            low: parts.low,
            factors: parts.factors,
            ranges,
        })
    }

    /// For a file.
    pub fn parts(&self) -> CodeParts {
        let mut signs = Vec::with_capacity(self.rows * sign_bytes(self.dimension));
        let block_bytes = (sign_bytes(self.dimension) * SCAN_ROWS).max(1);
        for (number, block) in self.signs.chunks_exact(block_bytes).enumerate() {
            let rows = (self.rows - number * SCAN_ROWS).min(SCAN_ROWS);
            for run in block.chunks_exact(SCAN_ROWS) {
                signs.extend_from_slice(&run[..rows]);
            }
        }
        CodeParts {
            sign_scales: self.sign_scales[..self.rows].to_vec(),
            sign_offsets: self.sign_offsets[..self.rows].to_vec(),
            signs,
            low: self.low.clone(),
            factors: self.factors.clone(),
            ranges: self.ranges,
        }
    }

    /// Replaces the low bits and the factors of the rows from `first` on: of codes whose low bits come later than their signs.
    ///
    /// # Panics
    /// When there are no such rows, or not [`CodeBits::low_bytes`] for each pair of factors.
    pub fn put_low(&mut self, first: usize, low: &[u8], factors: &[[u16; 2]]) {
        let bytes = self.bits.low_bytes(self.dimension);
        self.low[first * bytes..(first + factors.len()) * bytes].copy_from_slice(low);
        self.factors[first..first + factors.len()].copy_from_slice(factors);
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    pub fn dimension(&self) -> usize {
        self.dimension
    }

    pub fn bits(&self) -> CodeBits {
        self.bits
    }

    /// Blocks of 32 rows, the last one perhaps not full.
    pub fn blocks(&self) -> usize {
        self.rows.div_ceil(SCAN_ROWS)
    }

    /// The vector that a row's code stands for, rotated as the centroid is. Its inner product with a query differs from the
    /// estimate by the offset, which belongs to the estimate only.
    ///
    /// # Panics
    /// When there is no such row, or a length is not the dimension.
    pub fn decode(&self, row: usize, centroid: &[f32], out: &mut [f32]) {
        assert_eq!(
            (centroid.len(), out.len()),
            (self.dimension, self.dimension),
            "a row, its centroid and the result have one dimension"
        );
        let scale = self.ranges.scale.value(self.factors[row][0]);
        let mut low = vec![0; self.dimension];
        unpack(self.bits, self.low_of(row), &mut low);
        let block = self.block_signs(row / SCAN_ROWS);
        for (place, (value, &c)) in out.iter_mut().zip(centroid).enumerate() {
            let positive = block[place / 8 * SCAN_ROWS + row % SCAN_ROWS] >> (place % 8) & 1 == 1;
            let taken = if positive { 0 } else { self.bits.half() };
            *value = c + scale * ((i32::from(low[place]) - taken) as f32 + 0.5);
        }
    }

    /// Reads a little of each of these rows' low bits and factors, all at once: they lie far apart, and the memory answers many such
    /// questions in the time of one. Rows read in full one after another would each wait for their own.
    pub fn touch(&self, rows: impl Iterator<Item = u32>) {
        const LINE: usize = 64;
        let bytes = self.bits.low_bytes(self.dimension);
        let mut sum = 0u8;
        for row in rows {
            let factors = self.factors.get(row as usize);
            sum = sum.wrapping_add(factors.map_or(0, |factors| factors[0] as u8));
            let start = row as usize * bytes;
            for at in (start..start + bytes).step_by(LINE) {
                sum = sum.wrapping_add(self.low.get(at).copied().unwrap_or(0));
            }
        }
        // Otherwise the compiler would see that nobody asks for the sum.
        std::hint::black_box(sum);
    }

    pub(super) fn block_signs(&self, block: usize) -> &[u8] {
        let bytes = sign_bytes(self.dimension) * SCAN_ROWS;
        &self.signs[block * bytes..(block + 1) * bytes]
    }

    pub(super) fn low_of(&self, row: usize) -> &[u8] {
        let bytes = self.bits.low_bytes(self.dimension);
        &self.low[row * bytes..(row + 1) * bytes]
    }
}

/// A residual of 0 counts as positive.
fn is_positive(x: f32, c: f32) -> bool {
    f64::from(x) - f64::from(c) >= 0.0
}

/// In f64: the offsets are small differences of large sums.
struct Factors {
    sign_scale: f64,
    sign_offset: f64,
    scale: f64,
    offset: f64,
}

/// Fills `magnitudes` with the m of every dimension. One pass for each width tried, in order, so the bits are the same everywhere.
fn encode_row(
    vector: &[f32],
    centroid: &[f32],
    bits: CodeBits,
    metric: Metric,
    magnitudes: &mut [u8],
) -> Factors {
    let residual = |place: usize| f64::from(vector[place]) - f64::from(centroid[place]);
    let places = 0..vector.len();
    let (mut largest, mut squares, mut sizes, mut with_centroid, mut sign_with_centroid) =
        (0.0f64, 0.0, 0.0, 0.0, 0.0);
    for place in places.clone() {
        let (r, c) = (residual(place), f64::from(centroid[place]));
        largest = largest.max(r.abs());
        squares += r * r;
        sizes += r.abs();
        with_centroid += r * c;
        sign_with_centroid += if r >= 0.0 { 0.5 * c } else { -0.5 * c };
    }
    magnitudes.fill(0);
    // A row on its centroid, or so near that its square vanishes, is its centroid.
    if squares < 1e-60 {
        return Factors {
            sign_scale: 0.0,
            sign_offset: 0.0,
            scale: 0.0,
            offset: 0.0,
        };
    }
    let sign_scale = squares / (0.5 * sizes);
    let most = f64::from(bits.half() - 1);
    let mut best: Option<(f64, f64, f64, f64)> = None;
    for &narrower in widths(bits) {
        let per_step = f64::from(bits.half()) * narrower / largest;
        let (mut along, mut code_squares, mut code_with_centroid) = (0.0, 0.0, 0.0);
        for place in places.clone() {
            let r = residual(place);
            let code = (r.abs() * per_step).floor().min(most) + 0.5;
            along += r.abs() * code;
            code_squares += code * code;
            let c = f64::from(centroid[place]);
            code_with_centroid += if r >= 0.0 { code * c } else { -code * c };
        }
        // The cosine between row and code, but for the row's length.
        let fit = along / code_squares.sqrt();
        if best.is_none_or(|(found, ..)| fit > found) {
            best = Some((fit, per_step, along, code_with_centroid));
        }
    }
    let (_, per_step, along, code_with_centroid) = best.unwrap_or((0.0, 0.0, squares, 0.0));
    for place in places {
        magnitudes[place] = (residual(place).abs() * per_step).floor().min(most) as u8;
    }
    let scale = squares / along;
    // With x = c + r and what stands for ⟨q − c, r⟩: ⟨q, x⟩ = ⟨q, c⟩ + ⟨c, r⟩ + ⟨q − c, r⟩, and
    // −‖q − x‖² / 2 = −‖q − c‖² / 2 − ‖r‖² / 2 + ⟨q − c, r⟩.
    let own = match metric {
        Metric::Cosine => with_centroid,
        Metric::Euclidean => -0.5 * squares,
    };
    Factors {
        sign_scale,
        sign_offset: own - sign_scale * sign_with_centroid,
        scale,
        offset: own - scale * code_with_centroid,
    }
}

/// How much narrower than the largest residual the range of the code may be: with few bits it pays to cut the largest
/// values off (the choice of t in extended RaBitQ); from 7 bits on it does not.
fn widths(bits: CodeBits) -> &'static [f64] {
    const FEW: [f64; 16] = [
        1.0, 1.06, 1.12, 1.18, 1.25, 1.32, 1.4, 1.48, 1.57, 1.66, 1.76, 1.87, 1.98, 2.1, 2.23, 2.36,
    ];
    match bits {
        CodeBits::Nine => &[1.0],
        CodeBits::Six | CodeBits::Five => &FEW,
    }
}

/// Five low bits lie as four and one: the upper four of each two dimensions in a byte, then the lowest of each eight.
fn pack(bits: CodeBits, values: &[u8], out: &mut [u8]) {
    let half = values.len().div_ceil(2);
    let shift = match bits {
        CodeBits::Nine => return out.copy_from_slice(values),
        CodeBits::Six => 1,
        CodeBits::Five => 0,
    };
    let (nibbles, plane) = out.split_at_mut(half);
    for (place, &value) in values.iter().enumerate() {
        let four = value >> shift;
        nibbles[place % half] |= if place < half { four } else { four << 4 };
        if shift == 1 {
            plane[place / 8] |= (value & 1) << (place % 8);
        }
    }
}

/// Undoes [`pack`].
pub(super) fn unpack(bits: CodeBits, stored: &[u8], out: &mut [u8]) {
    let half = out.len().div_ceil(2);
    let shift = match bits {
        CodeBits::Nine => return out.copy_from_slice(stored),
        CodeBits::Six => 1,
        CodeBits::Five => 0,
    };
    let (nibbles, plane) = stored.split_at(half);
    let (first, second) = out.split_at_mut(half);
    for (value, &both) in first.iter_mut().zip(nibbles) {
        *value = (both & 15) << shift;
    }
    for (value, &both) in second.iter_mut().zip(nibbles) {
        *value = (both >> 4) << shift;
    }
    if shift == 1 {
        for (values, &eight) in out.chunks_mut(8).zip(plane) {
            for (place, value) in values.iter_mut().enumerate() {
                *value |= eight >> place & 1;
            }
        }
    }
}

/// Signs as a file holds them → whole blocks.
fn filled_blocks(stored: &[u8], rows: usize, runs: usize) -> Vec<u8> {
    let whole = rows / SCAN_ROWS * SCAN_ROWS * runs;
    let mut signs = Vec::with_capacity(rows.next_multiple_of(SCAN_ROWS) * runs);
    signs.extend_from_slice(&stored[..whole]);
    let left = rows % SCAN_ROWS;
    if left > 0 {
        for run in stored[whole..].chunks_exact(left) {
            signs.extend_from_slice(run);
            signs.resize(signs.len() + SCAN_ROWS - left, 0);
        }
    }
    signs
}
