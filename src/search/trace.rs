//! A query that opens cells one by one and tells what the model sees: what a calibration is fitted on.
//!
//! It runs the very code of a search: codes, bounds, order of cells and hits are those that visitors get.

use super::missing::{MissingModel, Moment, STAGE_1, STAGE_2, Surroundings};
use super::query::{Cells, Filter, Query};
use super::stop::moment;
use super::{SearchError, SearchOptions};
use crate::index::Routing;

/// One query under observation.
pub(crate) struct Trace<'a> {
    routing: &'a Routing,
    query: Query<'a>,
    surroundings: Surroundings,
}

impl<'a> Trace<'a> {
    /// The vector is in the frame where there is one, as all vectors that a calibration looks at.
    pub(crate) fn new(
        routing: &'a Routing,
        vector: &[f32],
        options: SearchOptions,
    ) -> Result<Self, SearchError> {
        let mut query = match routing.frame {
            None => Query::new(routing, vector, options)?,
            Some(_) => Query::inside(routing, vector.to_vec(), options)?,
        };
        query.route.ensure(routing, 1);
        Ok(Self {
            routing,
            query,
            surroundings: Surroundings::default(),
        })
    }

    /// Sees only pictures that pass.
    pub(crate) fn with_filter(self, filter: &'a Filter<'a>) -> Self {
        Self {
            query: self.query.with_filter(filter),
            ..self
        }
    }

    /// Opens the next cell; false when there is none.
    pub(crate) fn advance(&mut self, cells: &dyn Cells) -> Result<bool, SearchError> {
        if self.query.opened >= self.routing.cells.len() {
            return Ok(false);
        }
        self.query.route.ensure(self.routing, self.query.opened + 1);
        self.query.open_next(cells)?;
        Ok(true)
    }

    /// The place of the cell that was opened last.
    pub(crate) fn last(&self) -> Option<u32> {
        let rank = self.query.opened.checked_sub(1)?;
        Some(self.query.route.ranked().get(rank)?.place)
    }

    /// How many times as far as the first cell the ninth is.
    pub(crate) fn steepness(&mut self) -> f32 {
        self.query.route.steepness(self.routing)
    }

    /// The pictures that would be answered now, the best `limit`.
    pub(crate) fn best(&self, limit: usize) -> impl Iterator<Item = u32> {
        self.query.best.hits(limit).into_iter().map(|hit| hit.id)
    }

    /// The features of stage 2 as they are now; none while hits are wanting.
    pub(crate) fn seen(&mut self, model: &MissingModel) -> Option<[f32; STAGE_2]> {
        let moment = self.moment(model)?;
        Some(model.features(&mut self.surroundings, &moment))
    }

    /// What the model expects now: the share missing and the gain of the next cell; none while hits are wanting.
    pub(crate) fn expected(
        &mut self,
        model: &MissingModel,
        opening_cost: f32,
    ) -> Option<(f32, f32)> {
        let moment = self.moment(model)?;
        let expected = model.expected(&mut self.surroundings, &moment, opening_cost);
        Some((expected.missing, expected.gain))
    }

    /// What the query stands at, with the cells around it looked at; none while hits are wanting.
    fn moment(&mut self, model: &MissingModel) -> Option<Moment> {
        let standing = self.query.standing();
        if standing.reach.is_infinite() {
            return None;
        }
        self.surroundings.look(
            self.query.ground(),
            &mut self.query.route,
            model.manner,
            standing.opened,
        );
        self.query.route.ensure(self.routing, standing.opened + 1);
        Some(moment(self.routing, &self.query.route, &standing))
    }

    /// The features of stage 1 of the nearest cells for a reach, and the places of those cells.
    pub(crate) fn geometry(&mut self, cells: usize, reach: f32) -> Vec<(u32, [f32; STAGE_1])> {
        self.surroundings
            .look_at(self.query.ground(), &mut self.query.route, cells);
        let cells = cells.min(self.surroundings.len());
        (0..cells)
            .map(|rank| {
                let place = self.query.route.ranked()[rank].place;
                (place, self.surroundings.features(rank, reach))
            })
            .collect()
    }
}
