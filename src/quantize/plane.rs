//! Vectors around a centre → a plane of signs, one bit a dimension, from which a scan estimates how near they lie; and back.
//!
//! The rows of a cell lie around its centroid. The centroids themselves, where they are many, lie around their mean.
use super::Metric;
use super::factors::FactorRange;
use crate::kernel::SCAN_ROWS;

/// The signs of vectors' residuals in blocks of 32, and the two factors of each vector.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SignPlane {
    dimension: usize,
    rows: usize,
    /// For 32 rows each, filled up with zeros: the signs, see `kernel::scan_signs`, a byte of scale and one of offset a row. What a
    /// scan reads lies in one run, since a cell of a large index comes from memory that each run makes wait anew.
    blocks: Vec<u8>,
    pub(super) scale: FactorRange,
    pub(super) offset: FactorRange,
}

/// The arrays of a plane as a file holds them: without the rows that fill up the last block.
pub(super) struct PlaneParts {
    pub(super) signs: Vec<u8>,
    pub(super) scales: Vec<u8>,
    pub(super) offsets: Vec<u8>,
    pub(super) scale: FactorRange,
    pub(super) offset: FactorRange,
}

impl SignPlane {
    /// Encodes rotated vectors against a centre, for what a metric's estimate says: see [`RowCodes`](super::RowCodes).
    ///
    /// # Panics
    /// When a length differs from the centre's.
    pub fn encode(
        vectors: impl ExactSizeIterator<Item: AsRef<[f32]>>,
        centre: &[f32],
        metric: Metric,
    ) -> SignPlane {
        let (dimension, rows) = (centre.len(), vectors.len());
        let mut blocks = vec![0; rows.div_ceil(SCAN_ROWS) * block_bytes(dimension)];
        let mut factors = Vec::with_capacity(rows);
        for (row, vector) in vectors.enumerate() {
            let vector = vector.as_ref();
            assert_eq!(
                vector.len(),
                dimension,
                "a vector and its centre have one dimension"
            );
            factors.push(factors_of(vector, centre, metric));
            let block = &mut blocks[row / SCAN_ROWS * block_bytes(dimension)..];
            for (run, (xs, cs)) in vector.chunks(8).zip(centre.chunks(8)).enumerate() {
                let both = xs.iter().zip(cs).enumerate();
                block[run * SCAN_ROWS + row % SCAN_ROWS] = both.fold(0, |byte, (bit, (&x, &c))| {
                    byte | u8::from(is_positive(x, c)) << bit
                });
            }
        }
        let scale = FactorRange::of(factors.iter().map(|&[scale, _]| scale), 255.0);
        let offset = FactorRange::of(factors.iter().map(|&[_, offset]| offset), 255.0);
        for (row, factors) in factors.iter().enumerate() {
            let block = &mut blocks[row / SCAN_ROWS * block_bytes(dimension)..];
            let at = sign_bytes(dimension) * SCAN_ROWS + row % SCAN_ROWS;
            block[at] = scale.code(factors[0], 255.0) as u8;
            block[at + SCAN_ROWS] = offset.code(factors[1], 255.0) as u8;
        }
        SignPlane {
            dimension,
            rows,
            blocks,
            scale,
            offset,
        }
    }

    /// From a file, whose lengths agree with the rows.
    pub(super) fn from_parts(dimension: usize, rows: usize, parts: PlaneParts) -> SignPlane {
        let mut blocks = Vec::with_capacity(rows.div_ceil(SCAN_ROWS) * block_bytes(dimension));
        let mut signs = parts.signs.as_slice();
        let factors = parts
            .scales
            .chunks(SCAN_ROWS)
            .zip(parts.offsets.chunks(SCAN_ROWS));
        for (scales, offsets) in factors {
            let (own, behind) = signs.split_at(sign_bytes(dimension) * scales.len());
            signs = behind;
            if scales.len() == SCAN_ROWS {
                blocks.extend_from_slice(own);
            } else {
                own.chunks_exact(scales.len())
                    .for_each(|run| fill_up(&mut blocks, run));
            }
            fill_up(&mut blocks, scales);
            fill_up(&mut blocks, offsets);
        }
        SignPlane {
            dimension,
            rows,
            blocks,
            scale: parts.scale,
            offset: parts.offset,
        }
    }

    /// For a file.
    pub(super) fn parts(&self) -> PlaneParts {
        let mut parts = PlaneParts {
            signs: Vec::with_capacity(self.rows * sign_bytes(self.dimension)),
            scales: Vec::with_capacity(self.rows),
            offsets: Vec::with_capacity(self.rows),
            scale: self.scale,
            offset: self.offset,
        };
        for block in 0..self.blocks() {
            let rows = (self.rows - block * SCAN_ROWS).min(SCAN_ROWS);
            for run in self.block_signs(block).chunks_exact(SCAN_ROWS) {
                parts.signs.extend_from_slice(&run[..rows]);
            }
            let (scales, offsets) = self.block_factors(block);
            parts.scales.extend_from_slice(&scales[..rows]);
            parts.offsets.extend_from_slice(&offsets[..rows]);
        }
        parts
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

    /// Blocks of 32 rows, the last one perhaps not full.
    pub fn blocks(&self) -> usize {
        self.rows.div_ceil(SCAN_ROWS)
    }

    fn block(&self, block: usize) -> &[u8] {
        let bytes = block_bytes(self.dimension);
        &self.blocks[block * bytes..(block + 1) * bytes]
    }

    /// For `kernel::scan_signs`.
    pub(super) fn block_signs(&self, block: usize) -> &[u8] {
        &self.block(block)[..sign_bytes(self.dimension) * SCAN_ROWS]
    }

    /// The codes of a block's scales and of its offsets.
    pub(super) fn block_factors(&self, block: usize) -> (&[u8; SCAN_ROWS], &[u8; SCAN_ROWS]) {
        let runs = self.block(block).as_chunks::<SCAN_ROWS>().0;
        let first = sign_bytes(self.dimension);
        (&runs[first], &runs[first + 1])
    }

    /// Whether the residual of a row is positive in this dimension, or 0.
    pub(super) fn is_positive(&self, row: usize, place: usize) -> bool {
        let block = self.block_signs(row / SCAN_ROWS);
        block[place / 8 * SCAN_ROWS + row % SCAN_ROWS] >> (place % 8) & 1 == 1
    }
}

/// Bytes of the signs of one row.
pub fn sign_bytes(dimension: usize) -> usize {
    dimension.div_ceil(8)
}

/// A residual of 0 counts as positive.
pub(super) fn is_positive(x: f32, c: f32) -> bool {
    f64::from(x) - f64::from(c) >= 0.0
}

/// Scale and offset, in f64: the offsets are small differences of large sums.
fn factors_of(vector: &[f32], centre: &[f32], metric: Metric) -> [f64; 2] {
    let (mut squares, mut sizes, mut with_centre, mut sign_with_centre) = (0.0f64, 0.0, 0.0, 0.0);
    for (&x, &c) in vector.iter().zip(centre) {
        let (r, c) = (f64::from(x) - f64::from(c), f64::from(c));
        squares += r * r;
        sizes += r.abs();
        with_centre += r * c;
        sign_with_centre += if r >= 0.0 { 0.5 * c } else { -0.5 * c };
    }
    if squares < NOTHING {
        return [0.0; 2];
    }
    let scale = squares / (0.5 * sizes);
    [
        scale,
        own(metric, with_centre, squares) - scale * sign_with_centre,
    ]
}

/// The square of a residual below which a vector is its centre: it lies on it, or so near that the square vanishes.
pub(super) const NOTHING: f64 = 1e-60;

/// What a residual adds to the estimate but for its product with the query's. With x = c + r and what stands for ⟨q − c, r⟩:
/// ⟨q, x⟩ = ⟨q, c⟩ + ⟨c, r⟩ + ⟨q − c, r⟩, and −‖q − x‖² / 2 = −‖q − c‖² / 2 − ‖r‖² / 2 + ⟨q − c, r⟩.
pub(super) fn own(metric: Metric, with_centre: f64, squares: f64) -> f64 {
    match metric {
        Metric::Cosine => with_centre,
        Metric::Euclidean => -0.5 * squares,
    }
}

/// Bytes of a block: of the signs, the scales and the offsets of its rows.
fn block_bytes(dimension: usize) -> usize {
    (sign_bytes(dimension) + 2) * SCAN_ROWS
}

/// Adds a run of a block, and zeros for the rows that it lacks.
fn fill_up(blocks: &mut Vec<u8>, run: &[u8]) {
    blocks.extend_from_slice(run);
    blocks.resize(blocks.len() + SCAN_ROWS - run.len(), 0);
}
