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
    /// By place.
    cells: Vec<Cell>,
    /// One bit a row, the first row of a block lowest.
    masks: Vec<u32>,
    rows: u64,
    all: u64,
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    /// Where its masks begin, and how many there are.
    start: usize,
    blocks: usize,
    passing: u32,
    /// The part of its rows that passes.
    share: f32,
}

impl Passing {
    /// None unless all cells are at hand.
    pub fn of(index: &Index, filter: &Filter<'_>) -> Option<Self> {
        let routing = index.routing().filter(|_| index.ready())?;
        let mut made = Self {
            epoch: routing.epoch,
            cells: Vec::with_capacity(routing.cells.len()),
            masks: Vec::new(),
            rows: 0,
            all: routing.rows(),
        };
        for entry in &routing.cells {
            let segment = index.segment(entry.segment)?;
            let ids = &segment.cells.get(entry.slot as usize)?.ids;
            let start = made.masks.len();
            let masks = ids.chunks(SCAN_ROWS).map(|block| {
                let bits = block.iter().enumerate();
                bits.fold(0, |mask, (row, &id)| mask | u32::from(filter(id)) << row)
            });
            made.masks.extend(masks);
            let passing: u32 = made.masks[start..].iter().map(|m| m.count_ones()).sum();
            made.rows += u64::from(passing);
            made.cells.push(Cell {
                start,
                blocks: made.masks.len() - start,
                passing,
                share: passing as f32 / ids.len().max(1) as f32,
            });
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
        self.epoch == routing.epoch && self.cells.len() == routing.cells.len()
    }

    /// The masks of a cell's blocks.
    pub(super) fn masks(&self, place: u32) -> &[u32] {
        let cell = self.cells[place as usize];
        &self.masks[cell.start..cell.start + cell.blocks]
    }

    pub(super) fn is_empty(&self, place: u32) -> bool {
        self.cells[place as usize].passing == 0
    }

    pub(super) fn share(&self, place: u32) -> f32 {
        self.cells[place as usize].share
    }
}
