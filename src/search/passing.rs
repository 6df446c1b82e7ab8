//! A filter and a loaded index → which rows of which cells pass: a search then reads no block of 32 rows in which none does.
//!
//! Asking the filter once a row costs about as much as a search of everything, so it is done once and serves all searches with
//! that filter. What passes of each cell also tells the stop rule where hits can still be.

use super::query::Filter;
use crate::index::{Index, Routing};
use crate::kernel::SCAN_ROWS;

/// The rows that pass, for one epoch.
#[derive(Debug, Clone)]
pub struct Passing {
    epoch: u64,
    /// By place: of the bases, then of the pieces (see `index::changes`).
    slots: Vec<Slot>,
    /// How many live rows of each cell pass, wherever they lie, and the part of its live rows that these are.
    cells: Vec<(u32, f32)>,
    /// One bit a row, the first row of a block lowest.
    masks: Vec<u32>,
    rows: u64,
    all: u64,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// Where its masks begin, and how many there are.
    start: usize,
    blocks: usize,
}

impl Passing {
    /// None unless all cells are at hand.
    pub fn of(index: &Index, filter: &Filter<'_>) -> Option<Self> {
        let routing = index.routing().filter(|_| index.ready())?;
        let mut made = Self {
            epoch: routing.epoch,
            slots: Vec::with_capacity(routing.places() as usize),
            cells: vec![(0, 0.0); routing.cells.len()],
            masks: Vec::new(),
            rows: 0,
            all: routing.rows(),
        };
        for place in 0..routing.places() {
            let piece = routing.piece(place)?;
            let segment = index.segment(piece.segment)?;
            let ids = &segment.cells.get(piece.slot as usize)?.ids;
            let passes = |id: u32| !routing.changes.is_dead_row(id) && filter(id);
            let start = made.masks.len();
            let masks = ids.chunks(SCAN_ROWS).map(|block| {
                let bits = block.iter().enumerate();
                bits.fold(0, |mask, (row, &id)| mask | u32::from(passes(id)) << row)
            });
            made.masks.extend(masks);
            let passing: u32 = made.masks[start..].iter().map(|m| m.count_ones()).sum();
            made.rows += u64::from(passing);
            made.cells[piece.cell as usize].0 += passing;
            made.slots.push(Slot {
                start,
                blocks: made.masks.len() - start,
            });
        }
        for (cell, (passing, share)) in made.cells.iter_mut().enumerate() {
            *share = *passing as f32 / routing.live_rows(cell as u32).max(1) as f32;
        }
        Some(made)
    }

    /// How many rows pass.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The part of all rows that passes.
    pub(super) fn overall(&self) -> f32 {
        self.rows as f32 / self.all.max(1) as f32
    }

    /// Whether it was made for these cells.
    pub(super) fn fits(&self, routing: &Routing) -> bool {
        self.epoch == routing.epoch && self.slots.len() == routing.places() as usize
    }

    /// The masks of the blocks at a place.
    pub(super) fn masks(&self, place: u32) -> &[u32] {
        let slot = self.slots[place as usize];
        &self.masks[slot.start..slot.start + slot.blocks]
    }

    /// Whether no row of a cell passes.
    pub(super) fn is_empty(&self, cell: u32) -> bool {
        self.cells[cell as usize].0 == 0
    }

    pub(super) fn share(&self, cell: u32) -> f32 {
        self.cells[cell as usize].1
    }
}
