//! All rows × query → the best by inner product: what any index must beat, and the truth that it is held against.
//!
//! Four sums of four lanes at once, so that adding does not wait for the sum before. The rows lie
//! in the module's memory once; JavaScript reads the saved file straight into it.

use std::arch::wasm32::{
    f32x4_add, f32x4_extract_lane, f32x4_mul, f32x4_splat, v128, v128_load,
};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
pub struct Exact {
    rows: Vec<f32>,
    dimension: usize,
    /// (score, row) of the best so far, best first.
    best: Vec<(f32, u32)>,
    ids: Vec<u32>,
}

#[wasm_bindgen]
impl Exact {
    /// Room for so many rows, all zero. The dimension is a multiple of 16.
    #[wasm_bindgen(constructor)]
    pub fn new(rows: usize, dimension: usize) -> Result<Exact, JsError> {
        if dimension == 0 || !dimension.is_multiple_of(16) {
            return Err(JsError::new(&format!(
                "the dimension is {dimension}; the exact scan takes multiples of 16"
            )));
        }
        Ok(Exact {
            rows: vec![0.0; rows * dimension],
            dimension,
            best: Vec::new(),
            ids: Vec::new(),
        })
    }

    /// Where the rows lie in the module's memory, for filling them in place.
    pub fn pointer(&mut self) -> *mut f32 {
        self.rows.as_mut_ptr()
    }

    /// Row numbers of the `k` best, best first.
    pub fn nearest(&mut self, query: &[f32], k: usize) -> Result<Vec<u32>, JsError> {
        if query.len() != self.dimension {
            return Err(JsError::new("the query has another dimension"));
        }
        self.best.clear();
        let mut least = f32::NEG_INFINITY;
        for (number, row) in self.rows.chunks_exact(self.dimension).enumerate() {
            let score = dot(row, query);
            if score > least || self.best.len() < k {
                let place = self.best.partition_point(|&(other, _)| other >= score);
                self.best.insert(place, (score, number as u32));
                self.best.truncate(k);
                if self.best.len() == k {
                    least = self.best[k - 1].0;
                }
            }
        }
        self.ids.clear();
        self.ids.extend(self.best.iter().map(|&(_, row)| row));
        Ok(self.ids.clone())
    }
}

/// Both have the same length, a multiple of 16.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [f32x4_splat(0.0); 4];
    for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
        for (lane, sum) in sums.iter_mut().enumerate() {
            // SAFETY: both chunks have 16 floats, and lane is below 4; a v128 may be loaded from any address.
            let (a, b) = unsafe {
                (
                    v128_load(a.as_ptr().add(4 * lane).cast::<v128>()),
                    v128_load(b.as_ptr().add(4 * lane).cast::<v128>()),
                )
            };
            *sum = f32x4_add(*sum, f32x4_mul(a, b));
        }
    }
    let sum = f32x4_add(f32x4_add(sums[0], sums[1]), f32x4_add(sums[2], sums[3]));
    f32x4_extract_lane::<0>(sum)
        + f32x4_extract_lane::<1>(sum)
        + f32x4_extract_lane::<2>(sum)
        + f32x4_extract_lane::<3>(sum)
}
