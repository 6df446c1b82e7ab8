//! An index → what its files weigh, and what an answer makes a visitor fetch.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use serde::Serialize;

use crate::build::MANIFEST;
use crate::index::{FileRef, Index};
use crate::search::Answer;

/// Bytes of one kind of file.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Weight {
    pub bytes: u64,
    /// By the number of pictures.
    pub per_vector: f64,
}

/// The files of an index by kind. Thumbnails and the model are none of the index.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Weights {
    pub manifest: Weight,
    pub routing: Weight,
    pub segments: Weight,
    pub records: Weight,
    pub total: Weight,
}

pub fn weights(index: &Index, dist: &Path) -> Weights {
    let manifest = index.manifest();
    let sum = |files: &[FileRef]| files.iter().map(|file| file.bytes).sum::<u64>();
    let text = std::fs::metadata(dist.join(MANIFEST)).map_or(0, |found| found.len());
    let (segments, records) = (sum(&manifest.segments), sum(&manifest.records));
    let weight = |bytes: u64| Weight {
        bytes,
        per_vector: bytes as f64 / manifest.counts.pictures.max(1) as f64,
    };
    Weights {
        manifest: weight(text),
        routing: weight(manifest.routing.bytes),
        segments: weight(segments),
        records: weight(records),
        total: weight(text + manifest.routing.bytes + segments + records),
    }
}

/// Which file holds a cell.
pub struct Fetches<'a> {
    index: &'a Index,
    segment_of: HashMap<u32, u32>,
}

/// What one answer needs beyond manifest and routing, nothing of it being there yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetched {
    /// Files.
    pub segments: usize,
    pub segment_bytes: u64,
    /// Of the files with the records of its hits.
    pub record_bytes: u64,
}

impl<'a> Fetches<'a> {
    pub fn of(index: &'a Index) -> Self {
        let cells = index.routing().map(|routing| routing.cells.iter());
        let segment_of = cells
            .into_iter()
            .flatten()
            .map(|cell| (cell.id, cell.segment))
            .collect();
        Self { index, segment_of }
    }

    pub fn of_answer(&self, answer: &Answer) -> Fetched {
        let segments: BTreeSet<u32> = answer
            .probed
            .iter()
            .filter_map(|cell| self.segment_of.get(cell).copied())
            .collect();
        let segment_bytes = segments
            .iter()
            .filter_map(|&number| self.index.segment_file(number))
            .map(|file| file.bytes)
            .sum();
        let records: BTreeSet<(&str, u64)> = answer
            .hits
            .iter()
            .filter_map(|hit| self.index.record_file(hit.id))
            .map(|file| (file.name.as_str(), file.bytes))
            .collect();
        Fetched {
            segments: segments.len(),
            segment_bytes,
            record_bytes: records.iter().map(|(_, bytes)| bytes).sum(),
        }
    }
}
