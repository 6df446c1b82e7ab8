//! The present epoch and its full vectors → cells with their members, ready to be changed.
//!
//! The vectors of pictures that were removed are left out here: a row is a live picture, in the order
//! of the ids.

use super::RepartitionError;
use crate::index::Index;
use crate::partition::Rows;

/// A cell as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct CellState {
    /// Stable id.
    pub id: u32,
    /// The segment it lies in.
    pub segment: u32,
    /// Numbers of rows of the snapshot, ascending.
    pub members: Vec<u32>,
    /// As decoded, which is how a search sees it.
    pub centroid: Vec<f32>,
}

/// One epoch, complete.
pub struct Snapshot<'a> {
    pub index: &'a Index,
    /// By place in the routing.
    pub cells: Vec<CellState>,
    /// The picture of each row, ascending.
    pub ids: Vec<u32>,
    values: Vec<f32>,
    dimension: usize,
}

impl<'a> Snapshot<'a> {
    /// Joins an index, all of it loaded, with the vectors it was made of: row `i` of `vectors` is
    /// picture `i`.
    pub fn new(
        index: &'a Index,
        vectors: &[f32],
        dimension: usize,
    ) -> Result<Snapshot<'a>, RepartitionError> {
        let routing = match index.routing() {
            Some(routing) if index.ready() => routing,
            _ => {
                return Err(RepartitionError::NotLoaded {
                    missing: index.missing_for_search().len(),
                });
            }
        };
        if dimension != routing.dimension {
            return Err(RepartitionError::Dimension {
                found: dimension,
                expected: routing.dimension,
            });
        }
        let all = Rows::new(vectors, dimension)?;
        let not_loaded = RepartitionError::NotLoaded { missing: 1 };
        let mut cells = Vec::with_capacity(routing.cells.len());
        let mut ids = Vec::new();
        for (place, entry) in routing.cells.iter().enumerate() {
            let Some(members) = index.pictures_of(place as u32) else {
                return Err(not_loaded);
            };
            ids.extend_from_slice(&members);
            cells.push(CellState {
                id: entry.id,
                segment: entry.segment,
                members,
                centroid: routing.centroid(place),
            });
        }
        ids.sort_unstable();
        if let Some(&id) = ids.last()
            && id as usize >= all.len()
        {
            return Err(RepartitionError::NoVector {
                id,
                vectors: all.len(),
            });
        }
        let mut values = Vec::with_capacity(ids.len() * dimension);
        for &id in &ids {
            values.extend_from_slice(all.row(id as usize));
        }
        // From pictures to rows: the ids are ascending, so the place of an id is its row.
        for cell in &mut cells {
            for member in &mut cell.members {
                *member = ids.partition_point(|id| id < member) as u32;
            }
        }
        Ok(Snapshot {
            index,
            cells,
            ids,
            values,
            dimension,
        })
    }

    /// The vectors of the live pictures.
    pub fn rows(&self) -> Result<Rows<'_>, RepartitionError> {
        Ok(Rows::new(&self.values, self.dimension)?)
    }

    /// Values of a vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The vector of a picture, if it is live.
    pub fn vector_of(&self, id: u32) -> Option<&[f32]> {
        let row = self.ids.binary_search(&id).ok()?;
        self.values
            .get(row * self.dimension..(row + 1) * self.dimension)
    }

    /// Mean of some rows.
    pub fn mean(&self, members: &[u32]) -> Vec<f32> {
        let mut sums = vec![0f64; self.dimension];
        for &member in members {
            let start = member as usize * self.dimension;
            for (sum, value) in sums
                .iter_mut()
                .zip(&self.values[start..start + self.dimension])
            {
                *sum += f64::from(*value);
            }
        }
        let count = members.len().max(1) as f64;
        sums.iter().map(|sum| (sum / count) as f32).collect()
    }

    /// Rows a cell on average.
    pub fn mean_rows(&self) -> f64 {
        self.ids.len() as f64 / (self.cells.len() as f64).max(1.0)
    }
}
