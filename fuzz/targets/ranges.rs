#![no_main]
//! Ranges of segments and of files of records: places and bytes from elsewhere are refused, or searched, without a panic.
//!
//! The first two bytes say how much of the input is the routing, the rest is a segment's file.

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use nearsight::index::{FileRef, Index, Manifest, Part};
use nearsight::search::{Query, SearchOptions, Step};
use nearsight_fuzz::seal;

/// Written by `cargo run --release --example seeds`.
static MANIFEST: LazyLock<Manifest> = LazyLock::new(|| {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/manifest/small");
    let bytes = std::fs::read(file).expect("seeds: cargo run --release --example seeds");
    Manifest::parse(&bytes).expect("a manifest")
});

fuzz_target!(|bytes: &[u8]| {
    let Some((length, rest)) = bytes.split_first_chunk() else {
        return;
    };
    let (routing, segment) = rest.split_at(rest.len().min(usize::from(u16::from_le_bytes(*length))));
    let routing = seal(routing, b"ROUT");
    let mut manifest = MANIFEST.clone();
    manifest.routing = FileRef::of("routing", &routing, "nsr");
    let name = manifest.routing.name.clone();
    let Ok(mut index) = Index::open(manifest.to_json().as_bytes()) else {
        return;
    };
    if index.supply(&name, routing).is_err() {
        return;
    }
    let places = 0..manifest.counts.cells;
    let mut parts: Vec<Part> = places.clone().map(|place| Part::Scan { place }).collect();
    parts.extend(places.map(|place| Part::Low { place, group: 0 }));
    for part in parts {
        for range in index.ranges(&[part]) {
            let offset = range.offset.unwrap_or(0);
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(segment.len());
            let end = start.saturating_add(usize::try_from(range.bytes).unwrap_or(usize::MAX));
            let _ = index.supply_range(&range.name, offset, &segment[start..end.min(segment.len())]);
        }
    }
    for range in index.record_ranges(&(0..64).collect::<Vec<u32>>()) {
        let length = usize::try_from(range.bytes).unwrap_or(usize::MAX);
        let _ = index.supply_range(&range.name, range.offset.unwrap_or(0), &segment[..segment.len().min(length)]);
    }
    let _ = (0..64).filter_map(|id| index.record(id)).count();
    let Some(routing) = index.routing().cloned() else {
        return;
    };
    let vector = vec![1.0; routing.dimension];
    if let Ok(mut query) = Query::new(&routing, &vector, SearchOptions::default()) {
        if let Ok(Step::Need(parts)) = query.step(&index) {
            let _ = index.ranges(&parts);
        }
    }
});
