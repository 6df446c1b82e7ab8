//! What was fitted on an index, and how it answers "how far for this recall?".
//!
//! The gain at which a search stops was chosen by conformal risk control (Angelopoulos and others, ICLR 2024) on queries
//! held out from the fit, through the whole pipeline with its codes, for a few recalls and three k; in between it is interpolated.

use super::manner::{Manner, Usual};
use super::missing::{MissingModel, STAGE_1, STAGE_2};
use super::query::WIDE_FROM;

/// The recalls that were calibrated, ascending.
pub const TARGETS: [f32; 5] = [0.80, 0.90, 0.95, 0.98, 0.99];
/// The k that were calibrated, ascending.
pub const DEPTHS: [u32; 3] = [10, 24, 50];
/// Numbers in a file; those of before had no ceilings.
const FIRST_VALUES: usize = STAGE_1 + 1 + DEPTHS.len() * (STAGE_2 + TARGETS.len());
const VALUES: usize =
    FIRST_VALUES + 2 * DEPTHS.len() + FILTERED_SHARES.len() * (STAGE_2 + TARGETS.len());

/// By the bound, that of recalls up to 0.95 first, and by k: the share of the true nearest that a search finds in all cells.
pub type Ceilings = [[f32; DEPTHS.len()]; 2];

/// The shares of rows that passed when searches under a filter were calibrated, descending.
pub const FILTERED_SHARES: [f32; 2] = [0.05, 0.005];

/// What was fitted for searches under a filter.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Filtered {
    pub seen: [f32; STAGE_2],
    pub gains: [f32; TARGETS.len()],
}

/// The fitted model, and the gains at which to stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    pub geometry: [f32; STAGE_1],
    /// By k.
    pub seen: [[f32; STAGE_2]; DEPTHS.len()],
    /// What opening a cell costs, in scanned rows.
    pub opening_cost: f32,
    /// By k, then by recall: a search may stop when the next cell would gain less than this a unit of cost.
    pub gains: [[f32; TARGETS.len()]; DEPTHS.len()],
    pub ceilings: Ceilings,
    /// By share.
    pub filtered: [Filtered; FILTERED_SHARES.len()],
    /// What it was fitted with. These two are apart in a file: readers of before do without.
    pub manner: Manner,
    pub usual: Usual,
}

impl Calibration {
    /// Bytes in a file.
    pub const BYTES: usize = 4 * VALUES;

    /// The gain at which a search for `k` hits may stop, when this recall is asked.
    pub fn gain(&self, k: usize, recall: f32) -> f32 {
        let (below, above, share) = between(k);
        let first = gain_log(&self.gains[below], recall);
        let last = gain_log(&self.gains[above], recall);
        libm::exp(first + (last - first) * share) as f32
    }

    /// The weights of stage 2 and the gain under a filter that each of [`FILTERED_SHARES`] of the rows pass.
    pub fn filtered(&self, recall: f32) -> [([f32; STAGE_2], f32); FILTERED_SHARES.len()] {
        let one = |of: &Filtered| (of.seen, libm::exp(gain_log(&of.gains, recall)) as f32);
        self.filtered.each_ref().map(one)
    }

    /// The share of the true nearest that a search for `k` hits and this recall finds when it opens every cell: what no answer
    /// may state more than. A recall asked for beyond it is not delivered, and the answer's confidence says so.
    pub fn ceiling(&self, k: usize, recall: f32) -> f32 {
        let ceilings = &self.ceilings[usize::from(recall > WIDE_FROM)];
        let (below, above, share) = between(k);
        ceilings[below] + (ceilings[above] - ceilings[below]) * share as f32
    }

    /// The model for a search that keeps `k` hits.
    pub fn model(&self, k: usize) -> MissingModel {
        let (below, above, share) = between(k);
        let mut seen = self.seen[below];
        for (weight, above) in seen.iter_mut().zip(&self.seen[above]) {
            *weight += (above - *weight) * share as f32;
        }
        MissingModel {
            geometry: self.geometry,
            seen,
            manner: self.manner,
        }
    }

    /// With how many cells open a search for `k` hits that is like the rows may stop by the gain alone.
    pub fn usual_cells(&self, k: usize, recall: f32) -> f32 {
        let (below, above, share) = between(k);
        let first = gain_log(&self.usual.cells[below], recall);
        let last = gain_log(&self.usual.cells[above], recall);
        libm::exp(first + (last - first) * share) as f32
    }

    /// What [`Calibration::write`] leaves out, as a file holds it; none in the first manner.
    pub fn write_manner(&self) -> Option<Vec<u8>> {
        (self.manner == Manner::Closed).then(|| self.usual.write())
    }

    /// Takes in what a file holds beside [`Calibration::read`]; None if a number is missing or no positive one.
    pub fn with_manner(mut self, bytes: Option<&[u8]>) -> Option<Self> {
        if let Some(bytes) = bytes {
            (self.manner, self.usual) = (Manner::Closed, Usual::read(bytes)?);
        }
        Some(self)
    }

    /// As a file holds it.
    pub fn write(&self) -> Vec<u8> {
        self.geometry
            .iter()
            .chain(self.seen.iter().flatten())
            .chain([&self.opening_cost])
            .chain(self.gains.iter().flatten())
            .chain(self.ceilings.iter().flatten())
            .chain(
                self.filtered
                    .iter()
                    .flat_map(|of| of.seen.iter().chain(&of.gains)),
            )
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }

    /// From a file; None if a number is missing, not finite, a gain or cost negative, or a ceiling no share. Where nobody measured
    /// what the codes hold, they hold all.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != Self::BYTES && bytes.len() != 4 * FIRST_VALUES {
            return None;
        }
        let mut values = bytes
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        let mut calibration = Self {
            geometry: Default::default(),
            seen: Default::default(),
            opening_cost: 0.0,
            gains: Default::default(),
            ceilings: [[1.0; DEPTHS.len()]; 2],
            filtered: Default::default(),
            manner: Manner::First,
            usual: Usual::default(),
        };
        let weights = calibration.geometry.iter_mut();
        for weight in weights.chain(calibration.seen.iter_mut().flatten()) {
            *weight = values.next().filter(|value| value.is_finite())?;
        }
        let positive = |value: &f32| value.is_finite() && *value >= 0.0;
        calibration.opening_cost = values.next().filter(positive)?;
        for gain in calibration.gains.iter_mut().flatten() {
            *gain = values.next().filter(positive)?;
        }
        if bytes.len() == Self::BYTES {
            for ceiling in calibration.ceilings.iter_mut().flatten() {
                *ceiling = values.next().filter(|value| (0.0..=1.0).contains(value))?;
            }
            for of in &mut calibration.filtered {
                for weight in &mut of.seen {
                    *weight = values.next().filter(|value| value.is_finite())?;
                }
                for gain in &mut of.gains {
                    *gain = values.next().filter(positive)?;
                }
            }
        } else {
            let (seen, gains) = (calibration.seen[0], calibration.gains[0]);
            calibration.filtered = [Filtered { seen, gains }; FILTERED_SHARES.len()];
        }
        Some(calibration)
    }
}

/// ln of the gain for a recall, from those of [`TARGETS`].
fn gain_log(gains: &[f32; TARGETS.len()], recall: f32) -> f64 {
    let log = |x: f64| libm::log(x.max(1e-12));
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
}

/// The places in [`DEPTHS`] on both sides of `k`, and how far it lies from the first to the second, by its logarithm.
fn between(k: usize) -> (usize, usize, f64) {
    let last = DEPTHS.len() - 1;
    let above = DEPTHS
        .iter()
        .position(|&depth| depth as usize >= k)
        .unwrap_or(last)
        .clamp(1, last);
    let log = |depth: u32| libm::log(f64::from(depth));
    let (low, high) = (log(DEPTHS[above - 1]), log(DEPTHS[above]));
    let at = libm::log(k.max(1) as f64).clamp(low, high);
    (above - 1, above, (at - low) / (high - low))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Calibration {
        Calibration {
            geometry: [0.1, -0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
            seen: [[0.25; STAGE_2], [0.5; STAGE_2], [1.0; STAGE_2]],
            opening_cost: 30.0,
            gains: [
                [1e-2, 5e-3, 2e-3, 8e-4, 4e-4],
                [3e-2, 2e-2, 8e-3, 3e-3, 1e-3],
                [1e-1, 5e-2, 2e-2, 8e-3, 4e-3],
            ],
            ceilings: [[0.96, 0.97, 0.98], [0.97, 0.98, 0.99]],
            filtered: [Filtered {
                seen: [0.75; STAGE_2],
                gains: [1e-3, 5e-4, 2e-4, 8e-5, 4e-5],
            }; 2],
            manner: Manner::First,
            usual: Usual::default(),
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = sample().write();
        assert_eq!(bytes.len(), Calibration::BYTES);
        assert_eq!(Calibration::read(&bytes), Some(sample()));
        assert_eq!(Calibration::read(&bytes[4..]), None);
        let of_before = Calibration::read(&bytes[..4 * FIRST_VALUES]).unwrap();
        assert_eq!(of_before.gains, sample().gains);
        assert_eq!(of_before.ceiling(24, 0.99), 1.0);
        assert_eq!(of_before.filtered[1].gains, sample().gains[0]);
        for (place, value) in [
            (0, f32::NAN),
            (44, -1.0),
            (50, f32::INFINITY),
            (59, -1e-9),
            (62, 1.01),
            (65, f32::NAN),
        ] {
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
        assert!(sample.gain(16, 0.9) > sample.gain(10, 0.9));
        assert!(sample.gain(16, 0.9) < sample.gain(24, 0.9));
        for (k, weight) in [(1, 0.25), (10, 0.25), (24, 0.5), (50, 1.0), (900, 1.0)] {
            assert!((sample.model(k).seen[3] - weight).abs() < 1e-6, "k {k}");
        }
        assert!((0.5..1.0).contains(&sample.model(30).seen[0]));
        assert!(sample.gain(10, 1.0) >= 0.0);
        for (k, recall, ceiling) in [(1, 0.95, 0.96), (24, 0.951, 0.98), (90, 1.0, 0.99)] {
            assert_eq!(sample.ceiling(k, recall), ceiling);
        }
    }
}
