//! What a calibration was made with → how a search judges itself.
//!
//! Weights and gains hold for searches that are judged by the same sums, and for the outcome that they were fitted to. So the manner
//! belongs to the calibration, and indexes of before are searched as before.
//!
//! Of a few queries much is missing wherever they stop, and the next cell brings little. Queries that are like the rows may stop then;
//! those that are not are held to the share missing, and to a smaller one, since a model that was fitted on rows is too sure of them. A query is strange
//! when many cells are nearly as far as the nearest: it lies between them. Of 1,000 midpoints of random pairs of rows 27 % are among
//! the strangest 5 % of the rows (100,000 x 128, 685 cells); no other figure of a query told more of them.

use super::approximate::{exp, ln};
use super::calibration::{DEPTHS, TARGETS};

/// How a search with a calibration judges itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Manner {
    /// Of calibrations that do not say. What codes lose in open cells counts as if closed ones held it.
    First,
    /// Missing is what closed cells hold; what codes lose is what the ceilings say.
    #[default]
    Closed,
}

/// Cells that the sums run over at first in the first manner; four times as many when half of them are open.
const FIRST_WINDOW: usize = 96;

/// Closed cells that the sums run over at least, and the cells that come into sight together. What lies farther tells little, and would be
/// worked out at each judgement.
const AHEAD: usize = 24;
const TOGETHER: usize = 16;

/// The cost of a cell rises with this power of the cells open before it (and a few more): late cells make the slowest searches slower. With
/// 0 in place of 0.5 about 1 % fewer rows are scanned on average, and in the slowest twentieth of the searches 6 % more.
const RISE: f32 = 0.5;
const RISES_FROM: f32 = 5.0;

/// Cells in which the wide bound is whole. Few of the nearest lie in later ones, so that few are lost there, while
/// most of the rows that a long search reads in full do.
const WIDE_CELLS: usize = 16;

impl Manner {
    /// The width of the bound of the signs in the cell of this rank, where it is `wide` in the first.
    pub(super) fn wide(self, rank: usize, narrow: f32, wide: f32) -> f32 {
        match self {
            Self::Closed if rank >= WIDE_CELLS => {
                narrow + (wide - narrow) * (WIDE_CELLS as f32 / (rank + 1) as f32)
            }
            _ => wide,
        }
    }

    /// How many cells the sums run over when so many are open and so many were in sight before.
    pub(super) fn in_sight(self, opened: usize, before: usize) -> usize {
        match self {
            Self::First => {
                let mut wanted = before.max(FIRST_WINDOW);
                while opened * 2 > wanted {
                    wanted *= 4;
                }
                wanted
            }
            Self::Closed => (opened + AHEAD).next_multiple_of(TOGETHER).max(before),
        }
    }

    /// The cost of opening the next cell, in rows.
    pub(super) fn cost(self, opened: usize, rows: f32, opening: f32) -> f32 {
        let rise = match self {
            Self::First => 1.0,
            Self::Closed => exp(RISE * ln(opened as f32 + RISES_FROM)),
        };
        (rows + opening) * rise
    }

    /// The share expected to be missing from an answer, when the model says `missing` and codes hold `ceiling` of what is in open cells.
    pub(crate) fn of_answer(self, missing: f32, ceiling: f32) -> f32 {
        match self {
            Self::First => missing.max(1.0 - ceiling),
            Self::Closed => 1.0 - (1.0 - missing) * ceiling,
        }
    }

    /// The share missing from an answer above which a search goes on whatever the gain: a query unlike all that was seen at build time
    /// finds little anywhere, so its gain is small everywhere. Queries of another distribution get what was asked less 0.03 by it.
    pub(crate) fn allowed(self, recall: f32, likeness: Likeness) -> f32 {
        let asked = 1.0 - recall;
        let beyond = match (self, likeness) {
            (Self::First, _) => (2.0 * asked).min(0.02),
            (Self::Closed, Likeness::Strange) => (2.0 * asked).min(0.01),
            // Less room at low recalls would bind the easy queries too, and deliver more than was asked.
            (Self::Closed, _) => (2.0 * asked).min(0.015).max(0.21 * asked),
        };
        asked + beyond
    }
}

/// What a query is beside the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Likeness {
    Usual,
    Strange,
    /// Under a filter the cells around a query do not tell.
    Untold,
}

/// Which queries are like the rows, and how many cells these are held to the share missing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usual {
    /// A query is strange when its ninth cell is not so many times as far as its first.
    pub ratio: f32,
    /// By k, then by recall: with so many cells open a query that is not strange may stop by the gain alone.
    pub cells: [[f32; TARGETS.len()]; DEPTHS.len()],
}

/// All queries are held to the share missing.
impl Default for Usual {
    fn default() -> Self {
        Self {
            ratio: f32::INFINITY,
            cells: [[f32::MAX; TARGETS.len()]; DEPTHS.len()],
        }
    }
}

impl Usual {
    /// `steepness` is how many times as far as the first cell the ninth is; none under a filter.
    pub(crate) fn likeness(&self, steepness: Option<f32>) -> Likeness {
        match steepness {
            None => Likeness::Untold,
            Some(steepness) if steepness >= self.ratio => Likeness::Usual,
            Some(_) => Likeness::Strange,
        }
    }

    const BYTES: usize = 4 * (1 + TARGETS.len() * DEPTHS.len());

    /// As a file holds it.
    pub(super) fn write(&self) -> Vec<u8> {
        [self.ratio]
            .iter()
            .chain(self.cells.iter().flatten())
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }

    /// From a file; None if a number is missing or no positive one.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != Self::BYTES {
            return None;
        }
        let mut values = bytes
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
            .filter(|value| value.is_finite() && *value > 0.0);
        let mut usual = Self {
            ratio: values.next()?,
            ..Self::default()
        };
        for cells in usual.cells.iter_mut().flatten() {
            *cells = values.next()?;
        }
        Some(usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_cells_are_in_sight_however_many_are_open() {
        for manner in [Manner::First, Manner::Closed] {
            let mut before = 0;
            for opened in 1..500 {
                let wanted = manner.in_sight(opened, before);
                assert!(wanted >= before && wanted >= opened + AHEAD.min(opened));
                before = wanted;
            }
        }
    }

    #[test]
    fn what_codes_lose_is_missing_too() {
        assert_eq!(Manner::First.of_answer(0.01, 0.98), 1.0 - 0.98);
        assert_eq!(Manner::First.of_answer(0.05, 0.98), 0.05);
        assert_eq!(Manner::Closed.of_answer(0.0, 0.98), 1.0 - 0.98);
        assert!((Manner::Closed.of_answer(0.05, 0.98) - 0.069).abs() < 1e-6);
    }

    #[test]
    fn strange_queries_are_allowed_less_and_nobody_less_than_was_asked() {
        for recall in [0.5, 0.8, 0.9, 0.95, 0.99] {
            let allowed = |likeness| Manner::Closed.allowed(recall, likeness);
            let strange = allowed(Likeness::Strange);
            assert!(strange > 1.0 - recall && strange < allowed(Likeness::Usual));
            assert_eq!(allowed(Likeness::Usual), allowed(Likeness::Untold));
        }
    }

    #[test]
    fn a_query_between_cells_is_strange_and_a_filter_leaves_it_untold() {
        let usual = Usual {
            ratio: 1.125,
            ..Usual::default()
        };
        assert_eq!(usual.likeness(Some(1.2)), Likeness::Usual);
        assert_eq!(usual.likeness(Some(1.1)), Likeness::Strange);
        assert_eq!(usual.likeness(None), Likeness::Untold);
    }

    #[test]
    fn what_was_written_is_read_and_broken_numbers_are_not() {
        let usual = Usual {
            ratio: 1.125,
            cells: [[3.0, 4.0, 5.0, 6.0, 7.0]; DEPTHS.len()],
        };
        let bytes = usual.write();
        assert_eq!(Usual::read(&bytes), Some(usual));
        assert_eq!(Usual::read(&bytes[4..]), None);
        for (place, value) in [(0, f32::NAN), (0, 0.0), (7, f32::INFINITY), (15, -1.0)] {
            let mut broken = bytes.clone();
            broken[4 * place..4 * place + 4].copy_from_slice(&value.to_le_bytes());
            assert_eq!(Usual::read(&broken), None, "{value} at {place}");
        }
    }
}
