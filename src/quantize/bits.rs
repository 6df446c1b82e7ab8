//! How many bits a code has, and how the low ones of a row lie in bytes.

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

    /// Bytes of a low row: the low bits, and the scale and the offset of the full code.
    pub fn low_row_bytes(self, dimension: usize) -> usize {
        self.low_bytes(dimension) + 4
    }

    /// How many of the low bits lie below the upper four.
    pub(super) fn below_upper(self) -> u32 {
        self.count() - 5
    }

    /// A row's low bits as a file has them → the upper four of each dimension, and what is below them.
    pub(super) fn split(self, low: &[u8], upper: &mut [u8], lower: &mut [u8]) {
        if self != Self::Nine {
            let (nibbles, plane) = low.split_at(upper.len());
            upper.copy_from_slice(nibbles);
            lower.copy_from_slice(plane);
            return;
        }
        let (first, second) = low.split_at(upper.len());
        for ((upper, lower), &low) in upper.iter_mut().zip(&mut *lower).zip(first) {
            (*upper, *lower) = (low >> 4, low & 15);
        }
        for ((upper, lower), &low) in upper.iter_mut().zip(lower).zip(second) {
            *upper |= low & 0xf0;
            *lower |= low << 4;
        }
    }

    /// Undoes [`split`](Self::split).
    pub(super) fn join(self, upper: &[u8], lower: &[u8], low: &mut [u8]) {
        let (first, second) = low.split_at_mut(upper.len());
        if self != Self::Nine {
            first.copy_from_slice(upper);
            second.copy_from_slice(lower);
            return;
        }
        for ((low, &upper), &lower) in first.iter_mut().zip(upper).zip(lower) {
            *low = upper << 4 | lower & 15;
        }
        for ((low, &upper), &lower) in second.iter_mut().zip(upper).zip(lower) {
            *low = upper & 0xf0 | lower >> 4;
        }
    }

    /// 2^(B−1): what a negative sign takes away.
    pub(super) fn half(self) -> i32 {
        1 << (self.count() - 1)
    }
}

/// How much narrower than the largest residual the range of the code may be: with few bits it pays to cut the largest
/// values off (the choice of t in extended RaBitQ); from 7 bits on it does not.
pub(super) fn widths(bits: CodeBits) -> &'static [f64] {
    const FEW: [f64; 16] = [
        1.0, 1.06, 1.12, 1.18, 1.25, 1.32, 1.4, 1.48, 1.57, 1.66, 1.76, 1.87, 1.98, 2.1, 2.23, 2.36,
    ];
    match bits {
        CodeBits::Nine => &[1.0],
        CodeBits::Six | CodeBits::Five => &FEW,
    }
}

/// Five low bits lie as four and one: the upper four of each two dimensions in a byte, then the lowest of each eight.
pub(super) fn pack(bits: CodeBits, values: &[u8], out: &mut [u8]) {
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
