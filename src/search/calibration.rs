//! What was fitted on an index, and how it answers "how far for this recall?".
//!
//! The gain at which a search stops was chosen by conformal risk control (Angelopoulos and others, ICLR 2024) on queries
//! held out from the fit, through the whole pipeline with its codes, for a few recalls and two k; in between it is interpolated.

use super::missing::{MissingModel, STAGE_1, STAGE_2};

/// The recalls that were calibrated, ascending.
pub const TARGETS: [f32; 5] = [0.80, 0.90, 0.95, 0.98, 0.99];
/// The k that were calibrated, ascending.
pub const DEPTHS: [u32; 2] = [10, 50];
/// Numbers in a file.
const VALUES: usize = STAGE_1 + STAGE_2 + 1 + DEPTHS.len() * TARGETS.len();

/// The fitted model, and the gains at which to stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    pub model: MissingModel,
    /// What opening a cell costs, in scanned rows.
    pub opening_cost: f32,
    /// By k, then by recall: a search may stop when the next cell would gain less than this a unit of cost.
    pub gains: [[f32; TARGETS.len()]; DEPTHS.len()],
}

impl Calibration {
    /// Bytes in a file.
    pub const BYTES: usize = 4 * VALUES;

    /// The gain at which a search for `k` hits may stop, when this recall is asked.
    pub fn gain(&self, k: usize, recall: f32) -> f32 {
        let log = |x: f64| x.max(1e-12).ln();
        let of_depth = |gains: &[f32; TARGETS.len()]| {
            // ln gain is nearly linear in ln of the share that may be missing.
            let at = log(1.0 - f64::from(recall));
            let place = |target: f32| log(1.0 - f64::from(target));
            let upper = TARGETS
                .iter()
                .position(|&target| target >= recall)
                .unwrap_or(TARGETS.len() - 1)
                .clamp(1, TARGETS.len() - 1);
            let (left, right) = (place(TARGETS[upper - 1]), place(TARGETS[upper]));
            let (low, high) = (
                log(f64::from(gains[upper - 1])),
                log(f64::from(gains[upper])),
            );
            low + (high - low) * (at - left) / (right - left)
        };
        let (first, last) = (of_depth(&self.gains[0]), of_depth(&self.gains[1]));
        let depth = log(k as f64).clamp(log(f64::from(DEPTHS[0])), log(f64::from(DEPTHS[1])));
        let share = (depth - log(f64::from(DEPTHS[0])))
            / (log(f64::from(DEPTHS[1])) - log(f64::from(DEPTHS[0])));
        (first + (last - first) * share).exp() as f32
    }

    /// The share missing above which a search goes on whatever the gain: a query unlike all that was seen at build time
    /// finds little anywhere, so its gain is small everywhere.
    pub fn missing(recall: f32) -> f32 {
        2.0 * (1.0 - recall)
    }

    /// As a file holds it.
    pub fn write(&self) -> Vec<u8> {
        let gains = self.gains.iter().flatten();
        self.model
            .geometry
            .iter()
            .chain(&self.model.seen)
            .chain([&self.opening_cost])
            .chain(gains)
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }

    /// From a file; None if a number is missing, not finite, or a gain or cost is negative.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != Self::BYTES {
            return None;
        }
        let mut values = bytes
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        let mut calibration = Self {
            model: MissingModel::default(),
            opening_cost: 0.0,
            gains: Default::default(),
        };
        let weights = calibration.model.geometry.iter_mut();
        for weight in weights.chain(&mut calibration.model.seen) {
            *weight = values.next().filter(|value| value.is_finite())?;
        }
        let positive = |value: &f32| value.is_finite() && *value >= 0.0;
        calibration.opening_cost = values.next().filter(positive)?;
        for gain in calibration.gains.iter_mut().flatten() {
            *gain = values.next().filter(positive)?;
        }
        Some(calibration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Calibration {
        Calibration {
            model: MissingModel {
                geometry: [0.1, -0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
                seen: [0.25; STAGE_2],
            },
            opening_cost: 30.0,
            gains: [
                [1e-2, 5e-3, 2e-3, 8e-4, 4e-4],
                [1e-1, 5e-2, 2e-2, 8e-3, 4e-3],
            ],
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = sample().write();
        assert_eq!(bytes.len(), Calibration::BYTES);
        assert_eq!(Calibration::read(&bytes), Some(sample()));
        assert_eq!(Calibration::read(&bytes[4..]), None);
        for (place, value) in [(0, f32::NAN), (20, -1.0), (25, f32::INFINITY), (30, -1e-9)] {
            let mut broken = bytes.clone();
            broken[4 * place..4 * place + 4].copy_from_slice(&value.to_le_bytes());
            assert_eq!(Calibration::read(&broken), None, "{value} at {place}");
        }
    }

    #[test]
    fn a_gain_lies_between_those_that_were_calibrated() {
        let sample = sample();
        for (place, target) in TARGETS.into_iter().enumerate() {
            for (depth, k) in DEPTHS.into_iter().enumerate() {
                let exact = sample.gains[depth][place];
                let found = sample.gain(k as usize, target);
                assert!((found / exact - 1.0).abs() < 1e-3, "{found} {exact}");
            }
        }
        let asked = [0.5, 0.8, 0.85, 0.9, 0.97, 0.99, 0.995, 0.999].map(|t| sample.gain(10, t));
        assert!(asked.is_sorted_by(|a, b| a > b), "{asked:?}");
        assert_eq!(sample.gain(1, 0.9), sample.gain(10, 0.9));
        assert_eq!(sample.gain(5_000, 0.9), sample.gain(50, 0.9));
        assert!(sample.gain(24, 0.9) > sample.gain(10, 0.9));
        assert!(sample.gain(10, 1.0) >= 0.0);
    }
}
