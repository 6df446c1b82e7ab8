//! Pictures whose rows are moved → those that are embedded next.
//!
//! The busiest cells first, so that what people look at is right soonest. How busy a cell is, its pictures tell: how often searches showed them, in any epoch. The
//! cells that searches opened would say it more directly, but a cell ends when its pictures are embedded anew, and with it what was known
//! of it; pictures keep their ids. Cells that share a file go together, because a page fetches whole files: of these, the file with the most
//! searches a picture comes first. Without any traffic it is the order of the files.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use crate::index::Index;

/// Pictures of `wanted`, whole cells at a time, until there are `at_least`.
pub fn busiest(
    index: &Index,
    wanted: &HashSet<u32>,
    shown: &HashMap<u32, u64>,
    at_least: usize,
) -> HashSet<u32> {
    let mut cells: Vec<(u32, Vec<u32>)> = Vec::new();
    let entries = index.routing().map(|routing| routing.cells.as_slice());
    for (place, entry) in (0..).zip(entries.unwrap_or_default()) {
        let mut pictures = index.pictures_of(place).unwrap_or_default();
        pictures.retain(|id| wanted.contains(id));
        if !pictures.is_empty() {
            cells.push((entry.segment, pictures));
        }
    }
    let mut files: HashMap<u32, Busy> = HashMap::new();
    for (file, pictures) in &cells {
        files.entry(*file).or_default().add(pictures, shown);
    }
    cells.sort_by_cached_key(|(file, pictures)| {
        let mut cell = Busy::default();
        cell.add(pictures, shown);
        (Reverse(files[file].share()), *file, Reverse(cell.share()))
    });
    let mut taken = HashSet::new();
    for (_, pictures) in cells {
        if taken.len() >= at_least {
            break;
        }
        taken.extend(pictures);
    }
    taken
}

/// How often pictures were shown.
#[derive(Default)]
struct Busy {
    shown: u64,
    pictures: u64,
}

impl Busy {
    fn add(&mut self, pictures: &[u32], shown: &HashMap<u32, u64>) {
        self.pictures += pictures.len() as u64;
        self.shown += pictures
            .iter()
            .map(|id| shown.get(id).copied().unwrap_or(0))
            .sum::<u64>();
    }

    /// Of a thousand pictures, in whole numbers so that it can be sorted by.
    fn share(&self) -> u64 {
        self.shown.saturating_mul(1000) / self.pictures.max(1)
    }
}
