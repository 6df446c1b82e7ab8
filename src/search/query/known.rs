//! A hit → its vector and its owner, for the choice among hits.

use super::{Cells, Query};
use crate::search::select::Known;
use crate::search::{Hit, SearchError};

/// What a query knows of its hits: their cells are at hand, since they were read in full.
pub(super) struct AtHand<'q, 'a>(pub(super) &'q Query<'a>, pub(super) &'q dyn Cells);

impl Known for AtHand<'_, '_> {
    fn vector(&self, hit: &Hit) -> Result<Vec<f32>, SearchError> {
        let AtHand(query, cells) = self;
        let routing = query.routing;
        let opened = &query.route.ranked()[..query.opened];
        let mut places = opened.iter().map(|ranked| ranked.place);
        let place = places.find(|&place| routing.cells[place as usize].id == hit.cell);
        let Some(place) = place else {
            return Err(SearchError::NotLoaded { missing: 1 });
        };
        let wrong = || SearchError::of_cell(&routing.cells[place as usize]);
        let cell = query.view(*cells, place)?.ok_or_else(wrong)?.cell;
        let row = cell.ids.iter().position(|&id| id == hit.id);
        let mut centroid = vec![0.0; routing.dimension];
        routing.centroids.decode(place as usize, &mut centroid);
        let mut vector = vec![0.0; routing.dimension];
        cell.codes
            .decode(row.ok_or_else(wrong)?, &centroid, &mut vector);
        Ok(vector)
    }

    fn owner(&self, id: u32) -> Option<String> {
        self.0.owners.and_then(|owners| owners(id))
    }
}
