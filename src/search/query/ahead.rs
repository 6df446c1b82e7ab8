//! The cells that come next, read by their signs → which parts of them are needed, many at a time.
//!
//! An index that is fetched in parts pays for rounds of requests more than for bytes, so cells are planned in batches. First
//! the scan parts of a batch are asked for. Their signs bound each row's similarity from both sides: a row whose upper bound
//! is below the k-th largest lower bound of its own and the earlier cells cannot be a hit when its cell is opened, and
//! its low bits are not fetched. All others of the batch are asked for in one round, and with them the scan parts
//! of the batch after, as far as the stop rule would go with the hits that the signs promise.
//!
//! The floor of a cell looks at no later cell. So after each cell hits and judgement are those of an index that is all at
//! hand, up to rows that the bounds wrong. A plan depends on nothing that happens to be at hand: a query that is
//! made anew with what the one before it asked for asks for the rest.

use super::{Cells, Part, Query, SearchError, View};
use crate::index::GROUP_ROWS;
use crate::kernel::SCAN_ROWS;
use crate::quantize::slack;
use crate::search::Hit;
use crate::search::top_k::TopK;

/// Cells of the first batch.
const FIRST: usize = 8;
/// A batch for which nothing is expected has so many cells at least, or half of those open.
const LATER: usize = 4;
/// A batch goes no further than so many times the cells before its end.
const FARTHEST: usize = 4;

/// The lower bounds of the signs are so many times as wide as the upper ones. Only the k-th largest of them counts, and that
/// one of them is wrong moves it little. 100,000 x 128, recall 0.95, first answers: 134 kB with 1, 106 kB with 0.5, each with all hits
/// of a loaded index, 93 kB with 0.25, which loses one hit of 2,000 (`cargo bench --bench ranges`).
const LOWER: f32 = 0.5;

/// The batch that is planned, once all its parts are at hand.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// Rank of its first cell.
    start: usize,
    /// For each cell, the score below which no row is read in full.
    floors: Vec<f32>,
    /// Where the batch after it is expected to end.
    next_end: usize,
}

impl Ahead {
    /// The floor of a cell of the batch.
    pub(super) fn floor(&self, rank: usize) -> Option<f32> {
        self.floors.get(rank.checked_sub(self.start)?).copied()
    }
}

impl Query<'_> {
    /// The parts that the batch of the next cell lacks; none: its cells can be opened.
    pub(super) fn plan(&mut self, cells: &dyn Cells) -> Result<Vec<Part>, SearchError> {
        if self.ahead.floor(self.opened).is_some() {
            return Ok(Vec::new());
        }
        let last = self
            .options
            .max_cells
            .map_or(usize::MAX, |cap| cap as usize);
        let last = last.min(self.routing.cells.len());
        let start = self.opened;
        let expected = match self.ahead.next_end {
            _ if start == 0 => FIRST,
            end if end > start => end,
            _ => start + LATER.max(start / 2),
        };
        let end = expected.min(last);
        self.route.ensure(self.routing, end);
        let mut needed = self.absent_scans(cells, start..end)?;
        if !needed.is_empty() {
            return Ok(needed);
        }
        let mut promised = self.best.clone();
        let floors = self.read_signs(cells, start..end, &mut promised, &mut needed)?;
        let next_end = self.expected_end(&promised, end).min(last);
        if !needed.is_empty() {
            needed.extend(self.absent_scans(cells, end..next_end)?);
            return Ok(needed);
        }
        self.ahead = Ahead {
            start,
            floors,
            next_end,
        };
        Ok(needed)
    }

    fn absent_scans(
        &self,
        cells: &dyn Cells,
        ranks: std::ops::Range<usize>,
    ) -> Result<Vec<Part>, SearchError> {
        let mut absent = Vec::new();
        for ranked in &self.route.ranked()[ranks] {
            for place in self.routing.places_of(ranked.place) {
                if self.view(cells, place)?.is_none() {
                    absent.push(Part::Scan { place });
                }
            }
        }
        Ok(absent)
    }

    /// The floors of cells whose scan parts are at hand. Adds the groups of low rows that are not to `needed`, and to `promised` the
    /// hits that the signs estimate.
    fn read_signs(
        &self,
        cells: &dyn Cells,
        ranks: std::ops::Range<usize>,
        promised: &mut TopK,
        needed: &mut Vec<Part>,
    ) -> Result<Vec<f32>, SearchError> {
        let least = self.options.min_score.unwrap_or(f32::NEG_INFINITY);
        let mut lower = self.best.clone();
        let mut floors = Vec::with_capacity(ranks.len());
        let (mut views, mut uppers) = (Vec::new(), Vec::new());
        let (mut above, mut below) = ([0.0; SCAN_ROWS], [0.0; SCAN_ROWS]);
        for rank in ranks {
            let ranked = self.route.ranked()[rank];
            let cell_id = self.routing.cells[ranked.place as usize].id;
            let slack = slack(
                self.vector.dimension(),
                ranked.distance,
                self.deviations(rank),
            );
            views.clear();
            uppers.clear();
            for place in self.routing.places_of(ranked.place) {
                let view = self.view(cells, place)?.ok_or_else(|| self.wrong(place))?;
                let cell = view.cell;
                views.push((place, view));
                for block in 0..cell.codes.plane().blocks() {
                    let bounds = |slack, into: &mut [f32; SCAN_ROWS]| {
                        self.vector
                            .bounds(cell.codes.plane(), block, ranked.base, slack, into);
                    };
                    bounds(slack, &mut above);
                    bounds(-LOWER * slack, &mut below);
                    let first = block * SCAN_ROWS;
                    let both = above.iter().zip(&below);
                    for (&id, (&upper, &low)) in cell.ids[first..].iter().zip(both) {
                        uppers.push(upper);
                        // Products of finite factors need not be numbers. Such a row promises nothing.
                        let is_wanted = low <= upper && upper >= least.max(lower.floor());
                        if !is_wanted || !self.passes(id) {
                            continue;
                        }
                        let hit = |score: f32| Hit {
                            id,
                            score,
                            distance: self.measure.distance(score),
                            cell: cell_id,
                        };
                        lower.offer(hit(low), rank as u32);
                        // Rather too little: too short a batch costs two rounds, too long a one some bytes.
                        let estimate = (LOWER * upper + low) / (1.0 + LOWER);
                        let promise = self.measure.score(2.0 * estimate - upper);
                        if promise >= least {
                            promised.offer(hit(promise), rank as u32);
                        }
                    }
                }
            }
            let floor = least.max(lower.floor());
            floors.push(floor);
            let mut rest = uppers.as_slice();
            for &(place, View { cell, sparse }) in &views {
                let (own, after) = rest.split_at(cell.ids.len());
                rest = after;
                let Some(sparse) = sparse else {
                    continue;
                };
                for (row, (&upper, &id)) in (0..).zip(own.iter().zip(&cell.ids)) {
                    let group = row / GROUP_ROWS as u32;
                    let part = Part::Low { place, group };
                    if upper >= floor
                        && !sparse.holds(row)
                        && needed.last() != Some(&part)
                        && self.passes(id)
                    {
                        needed.push(part);
                    }
                }
            }
        }
        Ok(floors)
    }

    /// After how many cells the stop rule would have enough if these were the hits from now on.
    fn expected_end(&mut self, promised: &TopK, end: usize) -> usize {
        let farthest = (end * FARTHEST).min(self.routing.cells.len());
        let mut rule = self.rule.clone();
        for opened in end..farthest {
            let standing = self.standing_with(promised, opened);
            let is_due = opened == end || rule.is_due(opened);
            if is_due && rule.enough(self.ground(), &mut self.route, &standing) {
                return opened;
            }
        }
        self.route.ensure(self.routing, farthest);
        farthest
    }
}
