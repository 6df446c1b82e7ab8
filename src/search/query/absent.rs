//! What a query lacks before its next cell can be opened.

use super::{Cells, Query};
use crate::index::Part;
use crate::search::SearchError;

impl Query<'_> {
    /// What is absent and must be fetched before the next cell can be opened.
    pub(super) fn needed(&mut self, cells: &dyn Cells) -> Result<Vec<Part>, SearchError> {
        let next = self.route.ranked()[self.opened].place;
        // What lies ahead is fetched along with an absent next cell, not before one that is here.
        if self.absent_segments(cells, next).next().is_none() {
            return Ok(Vec::new());
        }
        if self.routing.spans.is_some() && self.deviations(self.opened).is_finite() {
            return self.plan(cells);
        }
        Ok(self.needed_segments(cells))
    }

    /// The segments with rows of a cell that are not at hand as a whole.
    fn absent_segments(&self, cells: &dyn Cells, cell: u32) -> impl Iterator<Item = u32> {
        let pieces = self.routing.places_of(cell);
        let segments = pieces.filter_map(|place| Some(self.routing.piece(place)?.segment));
        segments.filter(|&number| cells.segment(number).is_none())
    }

    /// Segments that are absent and needed for certain: the next cell's, and those of the cells after it as long as even
    /// all rows before them together are fewer than the hits wanted.
    fn needed_segments(&mut self, cells: &dyn Cells) -> Vec<Part> {
        self.route.ensure(self.routing, self.routing.cells.len());
        let mut needed: Vec<Part> = Vec::new();
        let cap = self
            .options
            .max_cells
            .map_or(usize::MAX, |cap| cap as usize);
        let mut rows_at_most = self.best.len() as u64;
        let ranked = self.route.ranked().iter().enumerate();
        for (rank, ranked) in ranked.take(cap).skip(self.opened) {
            let place = ranked.place;
            // Without `min_score` a query goes on while it has fewer than k hits.
            let certain = rank == self.opened
                || self.deviations(rank).is_infinite()
                || (self.options.min_score.is_none() && rows_at_most < self.options.k as u64);
            if !certain {
                break;
            }
            for number in self.absent_segments(cells, place) {
                let part = Part::Segment { number };
                if !needed.contains(&part) {
                    needed.push(part);
                }
            }
            rows_at_most += u64::from(self.routing.live_rows(place));
        }
        needed
    }
}
