//! An index and a later manifest → the next epoch's index, holding already what did not change.
//!
//! Shared parts are shared, not copied: a query that runs on the earlier epoch goes on there.

use std::sync::Arc;

use super::{Index, IndexError};

impl Index {
    /// Opens the epoch of `manifest` with every part of this one that it names too;
    /// [`missing`](Self::missing) of the result is what must be fetched.
    ///
    /// Refuses an earlier epoch, which some cache kept, and another manifest of the same epoch.
    pub fn advance(&self, manifest: &[u8]) -> Result<Self, IndexError> {
        let mut next = Self::open(manifest)?;
        if next.manifest.epoch < self.manifest.epoch {
            return Err(IndexError::Older {
                found: next.manifest.epoch,
                held: self.manifest.epoch,
            });
        }
        if next.manifest.epoch == self.manifest.epoch && next.manifest != self.manifest {
            return Err(IndexError::Fork {
                epoch: next.manifest.epoch,
            });
        }
        let same_length = next.manifest.dimension == self.manifest.dimension;
        // The routing states its epoch, so it is shared with the very same epoch only.
        if next.manifest == self.manifest {
            next.routing = self.routing.clone();
        }
        for (number, file) in next.manifest.segments.iter().enumerate() {
            let held = self
                .manifest
                .segments
                .iter()
                .position(|own| own == file && same_length);
            for (slot, cell) in held
                .into_iter()
                .flat_map(|held| self.sparse_of(held as u32))
            {
                next.ids.extend(&cell.cell().ids);
                next.sparse.insert((number as u32, slot), Arc::clone(cell));
            }
            if let Some(segment) = held.and_then(|held| self.segments[held].as_ref()) {
                next.ids
                    .extend(segment.cells.iter().flat_map(|cell| &cell.ids));
                next.segments[number] = Some(Arc::clone(segment));
            }
        }
        for (number, file) in next.manifest.records.iter().enumerate() {
            let held = self.manifest.records.iter().position(|own| own == file);
            if let Some(records) = held.and_then(|held| self.records[held].as_ref()) {
                next.check_records(number, records)?;
                next.records[number] = Some(Arc::clone(records));
            }
            let of = held.map_or(u32::MAX, |held| held as u32);
            for (&(_, place), block) in self.blocks.range((of, 0)..=(of, u32::MAX)) {
                next.blocks
                    .insert((number as u32, place), Arc::clone(block));
            }
        }
        Ok(next)
    }
}
