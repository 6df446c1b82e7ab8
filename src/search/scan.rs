//! The codes of one cell → the k best hits so far.
//!
//! The signs of all rows are read, 32 at a time, and give each row an upper bound of its similarity. Of rows that could
//! be among the best the upper half of the low bits gives a nearer one, and those that are left are read in full: so the worst of the best is a
//! distance as good as the codes allow after every cell.

use super::measure::Measure;
use super::top_k::TopK;
use super::{Hit, Ranked};
use crate::index::{Cell, CellEntry, Changes};
use crate::kernel::{self, SCAN_ROWS};
use crate::quantize::{PreparedQuery, slack};

/// What a scan works with, kept from cell to cell.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Upper bound and number of the rows whose signs do not exclude them.
    candidates: Vec<(f32, u32)>,
    /// Those that are still to be read in full, and their numbers alone.
    left: Vec<(f32, u32)>,
    rows: Vec<u32>,
    /// Candidates that the filter was asked about, and that passed.
    asked: u64,
    passed: u64,
    /// Rows whose low bits were read.
    pub(super) reranked: u64,
}

/// A cell that is being opened, or a further piece of it.
pub(super) struct Opening<'a> {
    pub(super) cell: &'a Cell,
    pub(super) entry: &'a CellEntry,
    pub(super) ranked: Ranked,
    /// How many cells were opened before it.
    pub(super) rank: u32,
    /// The rows that pass, block by block; none: all.
    pub(super) masks: Option<&'a [u32]>,
}

/// What rows are wanted, besides near ones.
pub(super) struct Wanted<'a> {
    pub(super) measure: Measure,
    /// Width of the error bound in standard deviations; infinite to read every row in full.
    pub(super) deviations: f32,
    pub(super) min_score: Option<f32>,
    /// Rows whose bound is below it are not read in full.
    pub(super) floor: f32,
    /// Rows that are stored and count no more: they are out before anything is judged.
    pub(super) changes: &'a Changes,
    /// None: all of them.
    pub(super) passes: Option<&'a dyn Fn(u32) -> bool>,
}

impl Scan {
    /// Reads the signs of a cell's rows, and in full those whose bound does not exclude them; offers those that pass. Gives how
    /// many rows' signs were read: those of blocks in which none passes are not.
    pub(super) fn cell(
        &mut self,
        opening: &Opening<'_>,
        query: &PreparedQuery,
        wanted: &Wanted<'_>,
        best: &mut TopK,
    ) -> u64 {
        let least = wanted.min_score.unwrap_or(f32::NEG_INFINITY);
        let floor = least.max(best.floor()).max(wanted.floor);
        let read = self.find_candidates(opening, query, wanted, floor);
        // The most promising first, as long as there is room: they raise the floor for the others.
        let room = best.room();
        if room > 0 && room < self.candidates.len() {
            self.candidates
                .select_nth_unstable_by(room, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        }
        let candidates = std::mem::take(&mut self.candidates);
        let (first, rest) = candidates.split_at(room.min(candidates.len()));
        for some in [first, rest] {
            self.read_in_full(some, opening, query, wanted, best);
        }
        self.candidates = candidates;
        read
    }

    /// Offers those of the candidates that pass and that neither bound excludes.
    fn read_in_full(
        &mut self,
        candidates: &[(f32, u32)],
        opening: &Opening<'_>,
        query: &PreparedQuery,
        wanted: &Wanted<'_>,
        best: &mut TopK,
    ) {
        let (codes, ids, base) = (&opening.cell.codes, &opening.cell.ids, opening.ranked.base);
        let least = wanted.min_score.unwrap_or(f32::NEG_INFINITY);
        let floor = least.max(best.floor());
        self.left.clear();
        self.rows.clear();
        for &(bound, row) in candidates {
            if bound < floor {
                continue;
            }
            if let Some(passes) = wanted.passes {
                self.asked += 1;
                if !passes(ids[row as usize]) {
                    continue;
                }
                self.passed += 1;
            }
            self.left.push((bound, row));
            self.rows.push(row);
        }
        self.reranked += self.left.len() as u64;
        codes.touch_upper(&self.rows);
        // While there is room every row is a hit, and where all are to be read in full none has a bound.
        if floor > f32::NEG_INFINITY && wanted.deviations.is_finite() {
            let slack = slack(
                query.dimension(),
                opening.ranked.distance,
                wanted.deviations,
            );
            let nearer = query.nearer(codes, base, slack);
            self.rows.clear();
            self.left.retain_mut(|(bound, row)| {
                // A row may lie above the bound of its signs. With the other in its place some would come back, and it would depend on the order of
                // rows which.
                *bound = bound.min(nearer.of(*row as usize, *bound));
                let stays = *bound >= floor;
                if stays {
                    self.rows.push(*row);
                }
                stays
            });
        }
        codes.touch_lower(&self.rows);
        for &(bound, row) in &self.left {
            if bound < best.floor() {
                continue;
            }
            let score = wanted
                .measure
                .score(query.estimate(codes, row as usize, base));
            // The id of a row that is no hit is not even read: it may lie in memory that is far away.
            if score < least.max(best.floor()) {
                continue;
            }
            let hit = Hit {
                id: ids[row as usize],
                score,
                distance: wanted.measure.distance(score),
                cell: opening.entry.id,
            };
            best.offer(hit, opening.rank);
        }
    }

    /// Which share of the rows seen passes the filter, as far as can be told.
    pub(super) fn passing(&self) -> f32 {
        (self.passed + 1) as f32 / (self.asked + 1) as f32
    }

    fn find_candidates(
        &mut self,
        opening: &Opening<'_>,
        query: &PreparedQuery,
        wanted: &Wanted<'_>,
        floor: f32,
    ) -> u64 {
        let (cell, ranked, masks) = (opening.cell, &opening.ranked, opening.masks);
        self.candidates.clear();
        let rows = cell.codes.len();
        // A block without a mask is whole.
        let passing = |block: usize| {
            let filled = (rows - block * SCAN_ROWS).min(SCAN_ROWS) as u32;
            let mask = masks.map_or(u32::MAX, |masks| {
                masks.get(block).copied().unwrap_or(u32::MAX)
            });
            (filled, mask & (u32::MAX >> (32 - filled)))
        };
        let mut read = 0;
        if wanted.deviations.is_infinite() {
            for block in 0..cell.codes.plane().blocks() {
                let mut left = passing(block).1;
                read += u64::from(left.count_ones());
                while left != 0 {
                    let row = (block * SCAN_ROWS) as u32 + left.trailing_zeros();
                    left &= left - 1;
                    if !wanted.changes.is_dead_row(cell.ids[row as usize]) {
                        self.candidates.push((f32::INFINITY, row));
                    }
                }
            }
            return read;
        }
        let slack = slack(query.dimension(), ranked.distance, wanted.deviations);
        let mut bounds = [0.0; SCAN_ROWS];
        for block in 0..cell.codes.plane().blocks() {
            let (filled, mask) = passing(block);
            if mask == 0 {
                continue;
            }
            read += u64::from(filled);
            query.bounds(cell.codes.plane(), block, ranked.base, slack, &mut bounds);
            let first = block * SCAN_ROWS;
            let mut left = kernel::not_below(&bounds, floor) & mask;
            while left != 0 {
                let row = left.trailing_zeros();
                left &= left - 1;
                let bound = bounds[row as usize];
                let row = first as u32 + row;
                if !wanted.changes.is_dead_row(cell.ids[row as usize]) {
                    self.candidates.push((bound, row));
                }
            }
        }
        read
    }
}
