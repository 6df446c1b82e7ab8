//! Logged searches → the same questions asked again of the present epoch.
//!
//! A search for a picture of the index, or with a reported embedding, is repeated as it was. Of a
//! visitor's own picture nothing is known but what was shown: the best hit stands for it; so it does for a reported embedding where the
//! Euclidean distance counts.

use super::{RepartitionError, Snapshot};
use crate::feedback::{LoggedSearch, Query, decode_embedding};
use crate::kernel::squared_distance_f32;
use crate::search::{SearchOptions, search};

/// A search goes on to cells whose centroid is within this many times the distance of its last hit;
/// the rule of `search` at its default recall. It only predicts; the replay of the real search decides.
const STOP_RATIO: f32 = 1.2;

/// A search that was asked again.
#[derive(Debug, Clone)]
pub struct Probe {
    pub vector: Vec<f32>,
    /// The picture that is the query itself and not an answer.
    pub exclude: Option<u32>,
    /// Rows of its hits, ascending.
    pub hits: Vec<u32>,
    /// Cells that it opened, by place in the routing.
    pub opened: Vec<u32>,
    /// Squared distance up to which it opens cells: at least to the farthest that it opened, less than
    /// to the nearest that it did not open.
    pub reach_squared: f32,
}

impl Probe {
    /// Whether it would open a cell of these rows: the centroid lies within its reach, or the cell holds
    /// one of its hits. Not opening what holds a hit would be a loss, and is not to count as a saving.
    pub fn would_open(&self, centroid: &[f32], members: &[u32]) -> bool {
        squared_distance_f32(&self.vector, centroid) <= self.reach_squared
            || members
                .iter()
                .any(|row| self.hits.binary_search(row).is_ok())
    }
}

/// Asks each search again; those of which nothing is known any more are left out.
pub fn replay(
    snapshot: &Snapshot,
    logged: &[LoggedSearch],
) -> Result<Vec<Probe>, RepartitionError> {
    let mut places: Vec<(u32, u32)> = snapshot
        .cells
        .iter()
        .enumerate()
        .map(|(place, cell)| (cell.id, place as u32))
        .collect();
    places.sort_unstable();
    let mut probes = Vec::new();
    for search_of in logged {
        let Some((vector, exclude)) = question(snapshot, search_of) else {
            continue;
        };
        let options = SearchOptions {
            exclude,
            ..SearchOptions::default()
        };
        let answer = search(snapshot.index, &vector, &options)?;
        let opened: Vec<u32> = answer
            .probed
            .iter()
            .filter_map(|id| {
                let at = places.binary_search_by_key(id, |(id, _)| *id).ok()?;
                Some(places[at].1)
            })
            .collect();
        let last_hit = answer.hits.last().map_or(f32::INFINITY, |hit| hit.distance);
        let reach_squared = reach_squared(snapshot, &vector, &opened, last_hit);
        let mut hits: Vec<u32> = answer
            .hits
            .iter()
            .filter_map(|hit| Some(snapshot.ids.binary_search(&hit.id).ok()? as u32))
            .collect();
        hits.sort_unstable();
        probes.push(Probe {
            vector,
            exclude,
            hits,
            opened,
            reach_squared,
        });
    }
    Ok(probes)
}

fn reach_squared(snapshot: &Snapshot, vector: &[f32], opened: &[u32], last_hit: f32) -> f32 {
    let (mut farthest_opened, mut nearest_left) = (0f32, f32::INFINITY);
    for (place, cell) in snapshot.cells.iter().enumerate() {
        let squared = squared_distance_f32(vector, &cell.centroid);
        if opened.contains(&(place as u32)) {
            farthest_opened = farthest_opened.max(squared);
        } else {
            nearest_left = nearest_left.min(squared);
        }
    }
    let stop = STOP_RATIO * last_hit;
    farthest_opened.max(nearest_left.min(stop * stop))
}

fn question(snapshot: &Snapshot, logged: &LoggedSearch) -> Option<(Vec<f32>, Option<u32>)> {
    let of_picture = |id: u32| Some((snapshot.vector_of(id)?.to_vec(), Some(id)));
    match &logged.query {
        Some(Query::ImageId(id)) => of_picture(*id),
        // A reported embedding has no length, without which nothing can be said of its distances.
        Some(Query::Embedding(text)) if snapshot.index.metric().is_cosine() => {
            Some((decode_embedding(text, snapshot.dimension())?, None))
        }
        Some(Query::Embedding(_)) | None => of_picture(logged.best_shown?),
    }
}
