//! What makes two vectors near, and the frame in which vectors that are compared by distance are coded.
//!
//! Vectors that are compared by their angle have unit length and need no frame. Where the Euclidean distance counts, vectors are of
//! any length: they are moved so that the mean of the rows is the origin, and divided by a power of two near the rows' usual distance
//! from it. Neither changes which is nearer. Moved, the 8 bits of a centroid and the 16 of a query are spent on what tells vectors
//! apart and not on what all of them share; divided, nothing that is computed with them overflows or vanishes.

use serde::{Deserialize, Serialize};

use crate::partition::Rows;

/// What makes two vectors near.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// The angle between them. Their lengths say nothing: rows and queries are brought to unit length.
    #[default]
    Cosine,
    /// The Euclidean distance. Their lengths count.
    Euclidean,
}

impl Metric {
    /// In words and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Euclidean => "euclidean",
        }
    }

    /// Whether it is the one that holds where nothing is said.
    pub fn is_cosine(&self) -> bool {
        *self == Self::Cosine
    }
}

impl std::fmt::Display for Metric {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name())
    }
}

/// Powers of two, and one over them, are exact numbers of 32 bits between these.
const EXPONENTS: std::ops::RangeInclusive<i32> = -100..=100;

/// Where the origin of coded vectors lies, and how long their unit is.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    centre: Vec<f32>,
    scale: f32,
}

impl Frame {
    /// The frame of rows: their mean, and the power of two at or below the root of their mean squared distance from it. The sums
    /// run in one order, so the bits are the same everywhere.
    pub fn of(rows: Rows) -> Frame {
        let count = (rows.len() as f64).max(1.0);
        let mut sums = vec![0.0f64; rows.dimension()];
        for row in rows.iter() {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += f64::from(value);
            }
        }
        let centre: Vec<f32> = sums.iter().map(|sum| (sum / count) as f32).collect();
        let mut squares = 0.0f64;
        for row in rows.iter() {
            for (&value, &middle) in row.iter().zip(&centre) {
                let away = f64::from(value) - f64::from(middle);
                squares += away * away;
            }
        }
        let usual = (squares / count).sqrt();
        // The exponent of a double; of 0, where all rows are one point, it would be far below.
        let exponent = (usual.to_bits() >> 52) as i32 - 1023;
        let exponent = if usual > 0.0 { exponent } else { 0 };
        Frame {
            centre,
            scale: power_of_two(exponent.clamp(*EXPONENTS.start(), *EXPONENTS.end())),
        }
    }

    /// From a file. None when a number is no number, or the scale is no power of two that a frame can have.
    pub fn from_parts(centre: Vec<f32>, scale: f32) -> Option<Frame> {
        let is_power = scale.is_normal() && scale > 0.0 && scale.to_bits() & 0x7f_ffff == 0;
        let exponent = (scale.to_bits() >> 23) as i32 - 127;
        let is_sound = is_power && EXPONENTS.contains(&exponent);
        // `Rows` refuses what no row may be, and so no mean of rows.
        let sound = is_sound && Rows::new(&centre, centre.len()).is_ok();
        sound.then_some(Frame { centre, scale })
    }

    pub fn centre(&self) -> &[f32] {
        &self.centre
    }

    /// A distance in the frame is so many times as long outside.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// A vector as it was given → in the frame.
    pub fn enter(&self, vector: &mut [f32]) {
        let per_unit = 1.0 / self.scale;
        for (value, middle) in vector.iter_mut().zip(&self.centre) {
            *value = (*value - middle) * per_unit;
        }
    }

    /// Undoes [`enter`](Self::enter), up to rounding.
    pub fn leave(&self, vector: &mut [f32]) {
        for (value, middle) in vector.iter_mut().zip(&self.centre) {
            *value = *value * self.scale + middle;
        }
    }

    /// Every row in the frame, row-major.
    pub fn enter_rows(&self, values: &[f32]) -> Vec<f32> {
        let mut moved = values.to_vec();
        let rows = moved.chunks_mut(self.centre.len().max(1));
        rows.for_each(|row| self.enter(row));
        moved
    }
}

fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits(((exponent + 127) as u32) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_lie_around_the_origin_of_their_frame_and_come_back() {
        let values = [1_003.0, -4.0, 1_001.0, 0.0, 1_003.0, 4.0, 1_005.0, 0.0];
        let frame = Frame::of(Rows::new(&values, 2).unwrap());
        assert_eq!(frame.centre(), [1_003.0, 0.0]);
        // The usual distance is √10.
        assert_eq!(frame.scale(), 2.0);
        let mut moved = frame.enter_rows(&values);
        assert_eq!(moved, [0.0, -2.0, -1.0, 0.0, 0.0, 2.0, 1.0, 0.0]);
        moved.chunks_mut(2).for_each(|row| frame.leave(row));
        assert_eq!(moved, values);
    }

    #[test]
    fn rows_of_any_size_have_a_frame_in_which_they_are_about_one() {
        for size in [1e-30f32, 1e-12, 0.3, 1.0, 70.0, 1e12] {
            let values = [size, 0.0, -size, 0.0, 0.0, size, 0.0, -size];
            let frame = Frame::of(Rows::new(&values, 2).unwrap());
            let largest = frame.enter_rows(&values).into_iter().fold(0.0, f32::max);
            assert!((1.0..2.0).contains(&largest), "{largest} of {size}");
            let parts = Frame::from_parts(frame.centre().to_vec(), frame.scale());
            assert_eq!(parts, Some(frame));
        }
        let alike = Frame::of(Rows::new(&[3.0, 4.0, 3.0, 4.0], 2).unwrap());
        assert_eq!(alike.scale(), 1.0);
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for scale in [0.0, -2.0, 3.0, f32::NAN, f32::INFINITY, 1e-40] {
            assert_eq!(Frame::from_parts(vec![0.0], scale), None, "{scale}");
        }
        assert_eq!(Frame::from_parts(vec![f32::NAN], 1.0), None);
        assert_eq!(Frame::from_parts(Vec::new(), 1.0), None);
    }
}
