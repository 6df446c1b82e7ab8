//! A query's integers → a table of 16 entries for each four dimensions: what the four bits of a sign code add to the product with the
//! query. A scan reads 7-bit entries, a rerank the exact integers.
use super::plane::{SignPlane, sign_bytes};
use crate::kernel::SCAN_ROWS;

/// 16 entries for each four dimensions; an even number of tables, the missing dimensions being zeros.
#[derive(Clone, Debug)]
pub(super) struct SignTables {
    /// 7 bits, or less above 2,064 dimensions, so that no sum of 16 bits overflows.
    pub(super) entries: Vec<u8>,
    /// The same in the units of the codes, exact.
    exact: Vec<i32>,
    /// ⟨signs − ½, query⟩ ≈ sum of entries · step + shift.
    pub(super) step: f32,
    pub(super) shift: f32,
}

impl SignTables {
    /// Of a query's integers, `scale` large a unit.
    pub(super) fn new(codes: &[i16], scale: f32) -> SignTables {
        let tables = 2 * sign_bytes(codes.len());
        let mut exact = vec![0i32; 16 * tables];
        let (mut least_of_all, mut widest) = (0i32, 0i32);
        for (table, four) in exact.chunks_exact_mut(16).zip(codes.chunks(4)) {
            let (mut least, mut width) = (0, 0);
            for (bit, &code) in four.iter().enumerate() {
                let code = i32::from(code);
                least += code.min(0);
                width += code.abs();
                // The entries with this bit are those without it, and the code.
                let (without, with) = table[..2 << bit].split_at_mut(1 << bit);
                for (with, without) in with.iter_mut().zip(without) {
                    *with = *without + code;
                }
            }
            // Dimensions that a last table lacks are zeros: the entries repeat.
            for place in 1 << four.len()..16 {
                table[place] = table[place & ((1 << four.len()) - 1)];
            }
            least_of_all += least;
            widest = widest.max(width);
        }
        let most = 127.min(65_535 / tables.max(1)).max(1);
        let step = widest.max(1) as f32 / most as f32;
        let per_step = 1.0 / step;
        let mut entries = vec![0u8; exact.len()];
        for (entries, table) in entries.chunks_exact_mut(16).zip(exact.chunks_exact(16)) {
            let least = table.iter().fold(0, |least, &entry| least.min(entry));
            for (entry, &exact) in entries.iter_mut().zip(table) {
                let steps = ((exact - least) as f32 * per_step + 0.5) as i32;
                *entry = steps.min(most as i32) as u8;
            }
        }
        let total: i32 = codes.iter().map(|&code| i32::from(code)).sum();
        SignTables {
            entries,
            exact,
            step: step * scale,
            shift: (least_of_all as f32 - 0.5 * total as f32) * scale,
        }
    }

    /// Σ of the query's integers over the dimensions in which the residual of a row is positive.
    #[inline]
    pub(super) fn of_row(&self, plane: &SignPlane, row: usize) -> i32 {
        let runs = plane
            .block_signs(row / SCAN_ROWS)
            .as_chunks::<SCAN_ROWS>()
            .0;
        let mut positive = 0i32;
        for (pair, run) in self.exact.as_chunks::<32>().0.iter().zip(runs) {
            let both = run[row % SCAN_ROWS];
            positive = positive
                .wrapping_add(pair[usize::from(both & 15)])
                .wrapping_add(pair[16 + usize::from(both >> 4)]);
        }
        positive
    }
}
