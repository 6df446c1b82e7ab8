//! A query and the centroids → the cells in order of their distance.
//!
//! One level: every centroid is decoded and compared. Above a few thousand cells that costs more
//! than the scan, and a second level would pay. With all cells ranked, the neighbours that an
//! expansion tries next are simply the next in order, so the routing's adjacency is not consulted.

use crate::index::Routing;
use crate::kernel;

/// A cell in the order in which a query would open it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// Its place in the routing.
    pub place: u32,
    /// Distance from the query to its centroid.
    pub distance: f32,
    /// No row of this cell or of those after it is nearer than this: the least distance less radius.
    pub nearest_row_left: f32,
}

/// All cells, nearest first; of equally far ones the lower place first.
pub(super) fn route(routing: &Routing, query: &[f32]) -> Vec<Ranked> {
    let mut centroid = vec![0.0; routing.dimension];
    let mut ranked: Vec<Ranked> = (0..routing.cells.len())
        .map(|place| {
            routing.centroids.decode(place, &mut centroid);
            let distance = kernel::squared_distance_f32(query, &centroid).sqrt();
            Ranked {
                place: place as u32,
                distance,
                nearest_row_left: distance - routing.cells[place].radius,
            }
        })
        .collect();
    ranked.sort_unstable_by(|a, b| {
        a.distance
            .total_cmp(&b.distance)
            .then(a.place.cmp(&b.place))
    });
    let mut nearest = f32::INFINITY;
    for cell in ranked.iter_mut().rev() {
        nearest = nearest.min(cell.nearest_row_left);
        cell.nearest_row_left = nearest;
    }
    ranked
}
