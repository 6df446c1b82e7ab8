//! Numbers one after the other → rows, some at a time.

use std::io::Read;

use super::{Input, Sink, Stop};

/// Numbers that are read at once, where a row is not longer.
const BATCH: usize = 1 << 16;

/// What a number is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Width {
    Half,
    Single,
    Double,
}

/// A table that begins here.
pub(super) struct Numbers {
    pub(super) bytes: Box<dyn Read>,
    pub(super) width: Width,
    pub(super) rows: usize,
    /// At least one.
    pub(super) dimension: usize,
}

/// Rows without a header.
pub(super) fn raw(input: Input, dimension: Option<usize>) -> Result<Numbers, Stop> {
    let Some(dimension) = dimension.filter(|&dimension| dimension > 0) else {
        let found = "a raw file does not say how long its rows are; give --dimension";
        return Err(Stop::Refused(found.into()));
    };
    let (length, row) = (input.length(), 4 * dimension as u64);
    if !length.is_multiple_of(row) {
        return Err(Stop::Refused(format!(
            "it has {length} bytes, and rows of {dimension} numbers have {row} each: {} are left over; \
             check --dimension, or copy the file again",
            length % row
        )));
    }
    Ok(Numbers {
        bytes: input.begin_at(0)?,
        width: Width::Single,
        rows: (length / row) as usize,
        dimension,
    })
}

impl Width {
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Half => 2,
            Self::Single => 4,
            Self::Double => 8,
        }
    }

    fn read(self, bytes: &[u8], values: &mut Vec<f32>) {
        match self {
            Self::Half => convert(bytes, values, |bytes| half(u16::from_le_bytes(bytes))),
            Self::Single => convert(bytes, values, f32::from_le_bytes),
            // A value beyond f32 becomes infinite, and is refused as such with its row.
            Self::Double => convert(bytes, values, |bytes| f64::from_le_bytes(bytes) as f32),
        }
    }
}

impl Numbers {
    pub(super) fn read(mut self, sink: &mut Sink) -> Result<(), Stop> {
        let at_once = (BATCH / self.dimension).max(1);
        let (mut bytes, mut values) = (Vec::new(), Vec::new());
        let mut left = self.rows;
        while left > 0 {
            let rows = left.min(at_once);
            bytes.resize(rows * self.dimension * self.width.bytes(), 0);
            self.bytes.read_exact(&mut bytes)?;
            values.clear();
            self.width.read(&bytes, &mut values);
            sink(&mut values, self.dimension)?;
            left -= rows;
        }
        Ok(())
    }
}

fn convert<const BYTES: usize>(
    bytes: &[u8],
    values: &mut Vec<f32>,
    number: impl Fn([u8; BYTES]) -> f32,
) {
    let (numbers, _) = bytes.as_chunks();
    values.extend(numbers.iter().copied().map(number));
}

/// A float of 16 bits (1 sign, 5 exponent, 10 fraction), exactly.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let fraction = f32::from(bits & 0x3ff);
    match i32::from(bits >> 10 & 0x1f) {
        0 => sign * fraction * (-24f32).exp2(),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        exponent => sign * (1024.0 + fraction) * ((exponent - 25) as f32).exp2(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_read_at_the_ends_of_their_range() {
        let known = [
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 6.097_555e-5),
            (0x0400, 6.103_515_6e-5),
            (0x7bff, 65_504.0),
            (0xfc00, f32::NEG_INFINITY),
            (0x8000, -0.0),
        ];
        for (bits, number) in known {
            assert_eq!(half(bits).to_bits(), f32::to_bits(number), "{bits:#x}");
        }
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn a_table_of_several_batches_comes_out_whole_and_in_order() {
        let values: Vec<f32> = (0..7 * 28_100u32).map(|n| n as f32).collect();
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        let numbers = raw(Input::Held(bytes.collect()), Some(7)).ok().unwrap();
        let (mut found, mut parts) = (Vec::new(), 0);
        let mut sink = |part: &mut [f32], dimension: usize| {
            assert_eq!((part.len() % 7, dimension), (0, 7));
            found.extend_from_slice(part);
            parts += 1;
            Ok(())
        };
        assert!(numbers.read(&mut sink).is_ok());
        assert!(values.len() > 3 * BATCH && parts > 3 && found == values);
    }
}
