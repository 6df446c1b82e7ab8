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
        let mut cells_opened = opened.iter().map(|ranked| ranked.place);
        let cell = cells_opened.find(|&cell| routing.cells[cell as usize].id == hit.cell);
        let Some(cell) = cell else {
            return Err(SearchError::NotLoaded { missing: 1 });
        };
        let mut centroid = vec![0.0; routing.dimension];
        routing.centroids.decode(cell as usize, &mut centroid);
        // The row is in the cell's base or in one of its pieces.
        for place in routing.places_of(cell) {
            let wrong = || query.wrong(place);
            let held = query.view(*cells, place)?.ok_or_else(wrong)?.cell;
            if let Some(row) = held.ids.iter().position(|&id| id == hit.id) {
                let mut vector = vec![0.0; routing.dimension];
                held.codes.decode(row, &centroid, &mut vector);
                return Ok(vector);
            }
        }
        Err(query.wrong(cell))
    }

    fn owner(&self, id: u32) -> Option<String> {
        self.0.owners.and_then(|owners| owners(id))
    }
}
