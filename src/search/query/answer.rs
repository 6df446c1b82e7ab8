//! What a query ends with: the answer and its confidence, or another beginning where too few hits stayed.

use super::{Ahead, KEPT_AT_LEAST, Query};
use crate::search::scan::Scan;
use crate::search::stop::Rule;
use crate::search::top_k::TopK;
use crate::search::{Answer, Hit};

impl Query<'_> {
    /// From the first cell, for so many hits: rows that were too far for fewer are read now.
    pub(super) fn begin_again(&mut self, kept: usize) {
        self.rule = Rule::new(self.routing, kept, self.options.recall_asked());
        self.scan = Scan::default();
        self.ahead = Ahead::default();
        (self.opened, self.scanned) = (0, 0);
        self.best = TopK::new(kept);
    }

    /// The confidence, where more hits were kept than were needed to choose k: that of those needed.
    fn confidence(&mut self, hits: &[Hit]) -> f32 {
        let said = match self.opened >= self.routing.cells.len() {
            true => self.rule.confidence_in_all(),
            false => self.rule.confidence(),
        };
        let (true, Some(last)) = (self.options.chooses(), hits.last()) else {
            return said;
        };
        let needed = self.best.rank_of(last) + 1;
        let needed = needed.max(self.options.k).max(KEPT_AT_LEAST);
        if needed >= self.best.limit() || hits.len() < self.options.k {
            return said;
        }
        let standing = self.standing_with(&self.best.first(needed), self.opened);
        let mut rule = Rule::new(self.routing, needed, self.options.recall_asked());
        rule.enough(self.ground(), &mut self.route, &standing);
        said.max(rule.confidence())
    }

    pub(super) fn answer(&mut self, hits: Vec<Hit>, capped: bool) -> Answer {
        let confidence = self.confidence(&hits);
        let hits = hits.into_iter().map(|hit| self.measure.told(hit)).collect();
        let opened = &self.route.ranked()[..self.opened];
        Answer {
            hits,
            probed: opened
                .iter()
                .filter(|ranked| {
                    self.passing
                        .is_none_or(|passing| !passing.is_empty(ranked.place))
                })
                .map(|ranked| self.routing.cells[ranked.place as usize].id)
                .collect(),
            scanned: self.scanned,
            reranked: self.scan.reranked,
            confidence,
            capped,
            epoch: self.routing.epoch,
        }
    }
}
