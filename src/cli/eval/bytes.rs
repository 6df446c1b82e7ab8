//! An index → what its files weigh, and what an answer makes a visitor fetch.

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;

use crate::build::{MANIFEST, read_named};
use crate::index::{FileRange, FileRef, Index};
use crate::search::{Answer, Query, SearchOptions, Step};

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

/// One who holds manifest and routing and fetches what a search asks for, as a page does.
pub struct Visitor {
    fresh: Index,
    segments: HashMap<String, Vec<u8>>,
}

/// What one answer needs beyond manifest and routing, nothing of it being there yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fetched {
    /// One after the other.
    pub rounds: u64,
    /// Ranges of segments, or whole ones, in all rounds.
    pub requests: u64,
    pub segment_bytes: u64,
    /// Of the blocks with the records of its hits.
    pub record_bytes: u64,
}

impl Visitor {
    pub fn of(index: &Index, dist: &Path) -> anyhow::Result<Self> {
        let manifest = index.manifest();
        let mut fresh = Index::open(manifest.to_json().as_bytes())?;
        fresh.supply(&manifest.routing.name, read_named(dist, &manifest.routing)?)?;
        let read = |file: &FileRef| Ok((file.name.clone(), read_named(dist, file)?));
        let segments = manifest.segments.iter().map(read);
        Ok(Self {
            fresh,
            segments: segments.collect::<anyhow::Result<_>>()?,
        })
    }

    /// Searches as the first thing.
    pub fn fetch(&self, vector: &[f32], options: &SearchOptions) -> anyhow::Result<Fetched> {
        let mut index = self.fresh.clone();
        let mut fetched = Fetched::default();
        loop {
            let Some(routing) = index.routing() else {
                anyhow::bail!("the routing is missing");
            };
            let parts = match Query::new(routing, vector, options.clone())?.step(&index)? {
                Step::Need(parts) => parts,
                Step::Done(answer) => {
                    fetched.record_bytes = record_bytes(&index, &answer);
                    return Ok(fetched);
                }
            };
            fetched.rounds += 1;
            for range in index.ranges(&parts) {
                fetched.requests += 1;
                fetched.segment_bytes += range.bytes;
                self.bring(&mut index, &range)?;
            }
        }
    }

    fn bring(&self, index: &mut Index, range: &FileRange) -> anyhow::Result<()> {
        let lost = || anyhow::anyhow!("{} ends before byte {:?}", range.name, range.offset);
        let file = self.segments.get(&range.name).ok_or_else(lost)?;
        match range.offset {
            None => index.supply(&range.name, file.clone())?,
            Some(offset) => {
                let part = file.get(offset as usize..(offset + range.bytes) as usize);
                index.supply_range(&range.name, offset, part.ok_or_else(lost)?)?;
            }
        }
        Ok(())
    }
}

fn record_bytes(index: &Index, answer: &Answer) -> u64 {
    let ids: Vec<u32> = answer.hits.iter().map(|hit| hit.id).collect();
    let ranges = index.record_ranges(&ids);
    ranges.iter().map(|range| range.bytes).sum()
}
