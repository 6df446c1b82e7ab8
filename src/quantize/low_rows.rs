//! The low bits of rows and the factors of their full codes, as a search reads them: the upper four bits first, of most rows nothing else.
//!
//! In a file a low row is one run of bytes (`bits`). Here its upper nibbles lie in one array, each row's behind its factors, and what refines them in
//! another: nine in ten rows that the signs leave in doubt are excluded by their upper nibbles, and memory is asked for half as much.

use super::bits::CodeBits;

/// Scale and offset, 16 bits each.
const FACTOR_BYTES: usize = 4;
/// What memory is read by.
const LINE: usize = 64;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct LowRows {
    bits: CodeBits,
    dimension: usize,
    /// Of each row the codes of its scale and its offset, little-endian, and the upper four of its low bits: of dimension i in the lower half
    /// of byte i, of dimension i + ⌈d / 2⌉ in its upper half.
    upper: Vec<u8>,
    /// Of each row what is below: four bits laid like the upper ones, one bit a dimension, or nothing.
    lower: Vec<u8>,
}

/// What a row's estimate is made of.
pub(super) struct Upper<'a> {
    /// Codes of scale and offset.
    pub(super) factors: [u16; 2],
    pub(super) nibbles: &'a [u8],
}

impl LowRows {
    /// From rows as a file has them, which are whole.
    pub(super) fn new(bits: CodeBits, dimension: usize, rows: &[u8]) -> LowRows {
        let count = rows.len() / bits.low_row_bytes(dimension);
        let mut low_rows = LowRows {
            bits,
            dimension,
            upper: vec![0; count * upper_bytes(dimension)],
            lower: vec![0; count * lower_bytes(bits, dimension)],
        };
        low_rows.put(0, rows);
        low_rows
    }

    fn len(&self) -> usize {
        self.upper.len() / upper_bytes(self.dimension)
    }

    /// Replaces rows from `first` on. False, and nothing done, where there are no such rows.
    pub(super) fn put(&mut self, first: usize, rows: &[u8]) -> bool {
        let bytes = self.bits.low_row_bytes(self.dimension);
        let end = first.checked_add(rows.len() / bytes);
        if !rows.len().is_multiple_of(bytes) || end.is_none_or(|end| end > self.len()) {
            return false;
        }
        let (upper_bytes, lower_bytes) = (
            upper_bytes(self.dimension),
            lower_bytes(self.bits, self.dimension),
        );
        let uppers = self.upper[first * upper_bytes..].chunks_exact_mut(upper_bytes);
        let mut lower = &mut self.lower[first * lower_bytes..];
        for (row, upper) in rows.chunks_exact(bytes).zip(uppers) {
            let (low, factors) = row.split_at(bytes - FACTOR_BYTES);
            let (own, behind) = lower.split_at_mut(lower_bytes);
            lower = behind;
            let (into, nibbles) = upper.split_at_mut(FACTOR_BYTES);
            into.copy_from_slice(factors);
            self.bits.split(low, nibbles, own);
        }
        true
    }

    /// As a file has them.
    pub(super) fn rows(&self) -> Vec<u8> {
        let bytes = self.bits.low_row_bytes(self.dimension);
        let mut rows = vec![0; self.len() * bytes];
        for (number, row) in rows.chunks_exact_mut(bytes).enumerate() {
            let (low, factors) = row.split_at_mut(bytes - FACTOR_BYTES);
            factors.copy_from_slice(
                &self.upper[number * upper_bytes(self.dimension)..][..FACTOR_BYTES],
            );
            self.bits
                .join(self.upper(number).nibbles, self.lower(number), low);
        }
        rows
    }

    #[inline]
    pub(super) fn upper(&self, row: usize) -> Upper<'_> {
        let bytes = upper_bytes(self.dimension);
        let (factors, nibbles) = self.upper[row * bytes..(row + 1) * bytes].split_at(FACTOR_BYTES);
        let factor = |at: usize| u16::from_le_bytes([factors[at], factors[at + 1]]);
        Upper {
            factors: [factor(0), factor(2)],
            nibbles,
        }
    }

    #[inline]
    pub(super) fn lower(&self, row: usize) -> &[u8] {
        let bytes = lower_bytes(self.bits, self.dimension);
        &self.lower[row * bytes..(row + 1) * bytes]
    }

    pub(super) fn touch_upper(&self, rows: &[u32]) {
        touch(&self.upper, upper_bytes(self.dimension), rows);
    }

    pub(super) fn touch_lower(&self, rows: &[u32]) {
        touch(&self.lower, lower_bytes(self.bits, self.dimension), rows);
    }
}

/// Reads a byte of each line of these rows, all at once: they lie far apart, and the memory answers many such questions in the time
/// of one. Rows read in full one after another would each wait for their own.
///
/// A function of its own: the fewer instructions lie between two reads, the more of them are under way at once.
#[inline(never)]
fn touch(all: &[u8], bytes: usize, rows: &[u32]) {
    let mut sum = 0u8;
    for &row in rows {
        let start = row as usize * bytes;
        let Some(row) = all.get(start..start + bytes) else {
            continue;
        };
        for line in row.chunks(LINE) {
            sum = sum.wrapping_add(line[0]);
        }
        // The last byte may lie a line further.
        if let Some(last) = row.last() {
            sum = sum.wrapping_add(*last);
        }
    }
    // Otherwise the compiler would see that nobody asks for the sum.
    std::hint::black_box(sum);
}

fn upper_bytes(dimension: usize) -> usize {
    FACTOR_BYTES + dimension.div_ceil(2)
}

fn lower_bytes(bits: CodeBits, dimension: usize) -> usize {
    match bits {
        CodeBits::Nine => dimension.div_ceil(2),
        CodeBits::Six | CodeBits::Five => bits.low_bytes(dimension) - dimension.div_ceil(2),
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WIDTHS: [CodeBits; 3] = [CodeBits::Nine, CodeBits::Six, CodeBits::Five];

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn rows_come_out_as_they_went_in_all_at_once_or_some_later(
            dimension in 1..70usize,
            count in 0..6usize,
            width in 0..3usize,
            seed in any::<u64>(),
            later in 0..6usize,
        ) {
            let bits = WIDTHS[width];
            let bytes = bits.low_row_bytes(dimension);
            let mut random = crate::partition::Random::new(seed);
            // Bits that no dimension has are zeros where codes are packed.
            let rows: Vec<u8> = (0..count).flat_map(|_| {
                let values: Vec<u8> = (0..dimension)
                    .map(|_| (random.unit() * f64::from(bits.half())) as u8)
                    .collect();
                let mut row = vec![0; bytes];
                super::super::bits::pack(bits, &values, &mut row[..bits.low_bytes(dimension)]);
                row[bytes - 1] = (random.unit() * 256.0) as u8;
                row
            }).collect();
            let at_once = LowRows::new(bits, dimension, &rows);
            prop_assert_eq!(at_once.rows(), rows.clone());
            let mut bit_by_bit = LowRows::new(bits, dimension, &vec![0; rows.len()]);
            let later = later.min(count);
            prop_assert!(bit_by_bit.put(later, &rows[later * bytes..]));
            prop_assert!(bit_by_bit.put(0, &rows[..later * bytes]));
            prop_assert_eq!(bit_by_bit, at_once);
        }
    }

    #[test]
    fn rows_that_are_not_there_are_not_replaced() {
        let bytes = CodeBits::Nine.low_row_bytes(5);
        let before = LowRows::new(CodeBits::Nine, 5, &vec![7; 3 * bytes]);
        for (first, length) in [
            (2, 2 * bytes),
            (4, bytes),
            (0, bytes - 1),
            (usize::MAX, bytes),
        ] {
            let mut rows = before.clone();
            assert!(!rows.put(first, &vec![1; length]), "{first}, {length}");
            assert_eq!(rows, before);
        }
    }
}
