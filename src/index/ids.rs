//! Ascending picture ids ⇄ Rice-coded gaps: 11 bits an id at 100,000 pictures in 400 cells, instead of 32.
//!
//! The first id as it is (u32), one byte for the parameter r, then for each further id its gap less one: the
//! gap shifted right by r in unary (so many ones, then a zero), and its low r bits, from the lowest bit of each byte
//! up. Ids of one cell are spread over all of them at random, so gaps are geometric, which is what Rice's code is best for.

/// Encodes ascending ids.
pub(super) fn write(ids: &[u32], out: &mut Vec<u8>) {
    let Some(&first) = ids.first() else {
        return;
    };
    out.extend_from_slice(&first.to_le_bytes());
    let gaps = || ids.windows(2).map(|pair| pair[1] - pair[0] - 1);
    let sum: u64 = gaps().map(u64::from).sum();
    let mean = sum / (ids.len() as u64 - 1).max(1);
    let parameter = (mean + 1).ilog2().min(31);
    out.push(parameter as u8);
    let mut bits = Bits::default();
    for gap in gaps() {
        for _ in 0..gap >> parameter {
            bits.push(1, 1, out);
        }
        bits.push(0, 1, out);
        bits.push(gap & low_mask(parameter), parameter, out);
    }
    bits.finish(out);
}

/// Decodes exactly `count` ids; None if the bytes do not hold them, hold more, or an id would not fit.
pub(super) fn read(bytes: &[u8], count: usize) -> Option<Vec<u32>> {
    if count == 0 {
        return bytes.is_empty().then(Vec::new);
    }
    let (&first, rest) = bytes.split_first_chunk::<4>()?;
    let (&parameter, coded) = rest.split_first()?;
    let parameter = u32::from(parameter);
    // A gap takes at least a bit, so the count is bounded by bytes that are there.
    if parameter > 31 || count - 1 > coded.len().checked_mul(8)? {
        return None;
    }
    let mut ids = Vec::with_capacity(count);
    let mut id = u32::from_le_bytes(first);
    ids.push(id);
    let mut at = 0usize;
    let bit = |at: usize| Some(coded.get(at / 8)? >> (at % 8) & 1);
    for _ in 1..count {
        let mut gap = 0u64;
        while bit(at)? == 1 {
            gap += 1;
            at += 1;
        }
        at += 1;
        gap <<= parameter;
        for place in 0..parameter {
            gap |= u64::from(bit(at)?) << place;
            at += 1;
        }
        id = u32::try_from(u64::from(id) + gap + 1).ok()?;
        ids.push(id);
    }
    let padding_is_zero = (at..coded.len() * 8).all(|at| bit(at) == Some(0));
    (at.div_ceil(8) == coded.len() && padding_is_zero).then_some(ids)
}

fn low_mask(bits: u32) -> u32 {
    (1u32 << bits) - 1
}

#[derive(Default)]
struct Bits {
    held: u64,
    count: u32,
}

impl Bits {
    fn push(&mut self, value: u32, bits: u32, out: &mut Vec<u8>) {
        self.held |= u64::from(value) << self.count;
        self.count += bits;
        while self.count >= 8 {
            out.push(self.held as u8);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    fn finish(self, out: &mut Vec<u8>) {
        if self.count > 0 {
            out.push(self.held as u8);
        }
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn ids_come_back(gaps in prop::collection::vec(0u32..5_000, 0..300), first in any::<u16>()) {
            let mut next = u32::from(first);
            let ids: Vec<u32> = gaps.iter().map(|gap| { next += gap + 1; next }).collect();
            let mut bytes = Vec::new();
            write(&ids, &mut bytes);
            prop_assert_eq!(read(&bytes, ids.len()), Some(ids.clone()));
            prop_assert_eq!(read(&bytes, ids.len() + 1), None);
            if !ids.is_empty() {
                prop_assert!(read(&bytes[..bytes.len() - 1], ids.len()).is_none());
                bytes.push(0);
                prop_assert_eq!(read(&bytes, ids.len()), None);
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), count in 0usize..400) {
            if let Some(ids) = read(&bytes, count) {
                prop_assert_eq!(ids.len(), count);
                prop_assert!(ids.is_sorted_by(|a, b| a < b));
            }
        }
    }

    #[test]
    fn the_whole_range_of_ids_comes_back() {
        let ids = [0, 1, 2, u32::MAX - 1, u32::MAX];
        let mut bytes = Vec::new();
        write(&ids, &mut bytes);
        assert_eq!(read(&bytes, 5).as_deref(), Some(&ids[..]));
    }

    #[test]
    fn scattered_ids_take_little_more_than_their_entropy() {
        // 250 of 100,000: log₂(400) + 1.44 = 10.1 bits at least.
        let ids: Vec<u32> = (0..250u32).map(|i| i * 400 + i * i * 7_919 % 397).collect();
        let mut bytes = Vec::new();
        write(&ids, &mut bytes);
        assert!(bytes.len() * 8 < 250 * 11, "{} bytes", bytes.len());
    }
}
