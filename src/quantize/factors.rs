//! Numbers of the rows of a cell ⇄ 8 or 16 bits each, between the least and the largest of them.

/// What an 8- or 16-bit factor stands for: least + code · step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FactorRange {
    pub least: f32,
    pub step: f32,
}

impl FactorRange {
    pub(super) fn of(values: impl Iterator<Item = f64> + Clone, steps: f64) -> FactorRange {
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

    pub(super) fn code(self, value: f64, steps: f64) -> u16 {
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
