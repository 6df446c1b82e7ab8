//! A seed → numbers that are the same on every machine: SplitMix64 fills xoshiro256** (Blackman and Vigna, 2018).
//!
//! An own generator of thirty lines, because the bytes of an index depend on it, and a library may
//! change its sequence between releases.

#[derive(Clone, Debug)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    pub fn new(seed: u64) -> Random {
        let mut counter = seed;
        Random {
            state: std::array::from_fn(|_| split_mix(&mut counter)),
        }
    }

    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Evenly from 0 up to, not including, `end`; 0 when `end` is 0. (Multiply and shift: the bias is below end / 2⁶⁴.)
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next_u64()) * end as u128) >> 64) as usize
    }

    /// Evenly from [0, 1), 53 bits.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// `count` distinct numbers below `end`, rising; all of them when there are no more.
    pub fn sample(&mut self, end: usize, count: usize) -> Vec<usize> {
        let mut chosen = Vec::with_capacity(count.min(end));
        // Knuth's selection sampling: each number is taken with the chance that fills what is left.
        for i in 0..end {
            let left = count.min(end) - chosen.len();
            if left == 0 {
                break;
            }
            if self.below(end - i) < left {
                chosen.push(i);
            }
        }
        chosen
    }
}

fn split_mix(counter: &mut u64) -> u64 {
    *counter = counter.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *counter;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_mix_gives_its_published_sequence() {
        let mut counter = 1_234_567;
        assert_eq!(split_mix(&mut counter), 6_457_827_717_110_365_317);
        assert_eq!(split_mix(&mut counter), 3_203_168_211_198_807_973);
    }

    #[test]
    fn xoshiro_gives_its_published_sequence() {
        let mut random = Random {
            state: [1, 2, 3, 4],
        };
        let first: Vec<u64> = (0..4).map(|_| random.next_u64()).collect();
        assert_eq!(first, [11_520, 0, 1_509_978_240, 1_215_971_899_390_074_240]);
    }

    #[test]
    fn a_sample_is_distinct_rising_and_of_the_size_asked() {
        let mut random = Random::new(7);
        for (end, count) in [(10, 3), (10, 10), (3, 9), (0, 4), (1000, 999)] {
            let sample = random.sample(end, count);
            assert_eq!(sample.len(), count.min(end));
            assert!(sample.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(sample.iter().all(|&i| i < end));
        }
    }

    #[test]
    fn draws_are_spread_evenly() {
        let mut random = Random::new(3);
        let mut counts = [0usize; 10];
        for _ in 0..10_000 {
            counts[random.below(10)] += 1;
        }
        assert!(
            counts.iter().all(|&count| (850..1150).contains(&count)),
            "{counts:?}"
        );
        assert_eq!(random.below(0), 0);
    }
}
