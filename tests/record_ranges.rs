//! Records of a few hits by ranges: the very records of the whole file, few bytes, every byte checked.

// These tests run a program, threads or files: on the machine, not in the browser.
#![cfg(not(target_arch = "wasm32"))]

mod small_index;

use nearsight::build::assemble::Assembled;
use nearsight::index::{FileRange, FileRef, Index, IndexError, RecordBlock, RecordBlocks};
use small_index::{assembled, records, vectors};

const DIMENSION: usize = 8;
/// More than one file of records holds.
const PICTURES: usize = 2500;

fn sample() -> Assembled {
    assembled(&vectors(PICTURES, DIMENSION, 12, 3), DIMENSION, Some(12))
}

/// The index with its routing, or another one with these blocks in it.
fn with_routing(
    assembled: &Assembled,
    change: impl FnOnce(&mut Option<RecordBlocks>),
) -> Result<Index, IndexError> {
    let whole = assembled.index(None).unwrap();
    let mut routing = whole.routing().unwrap().clone();
    change(&mut routing.record_blocks);
    let bytes = routing.write();
    let mut manifest = assembled.manifest.clone();
    manifest.routing = FileRef::of("routing", &bytes, "nsr");
    let mut index = Index::open(manifest.to_json().as_bytes())?;
    index.supply(&manifest.routing.name, bytes)?;
    Ok(index)
}

fn content<'a>(assembled: &'a Assembled, range: &FileRange) -> &'a [u8] {
    let (_, bytes) = assembled
        .files
        .iter()
        .find(|(name, _)| *name == range.name)
        .unwrap();
    let start = range.offset.unwrap_or(0) as usize;
    &bytes[start..start + range.bytes as usize]
}

fn bring(index: &mut Index, assembled: &Assembled, ranges: &[FileRange]) {
    for range in ranges {
        let bytes = content(assembled, range);
        match range.offset {
            Some(offset) => index.supply_range(&range.name, offset, bytes).unwrap(),
            None => index.supply(&range.name, bytes.to_vec()).unwrap(),
        }
    }
}

#[test]
fn the_records_of_ten_hits_come_by_ranges_and_are_those_of_the_files() {
    let assembled = sample();
    let mut index = with_routing(&assembled, |_| ()).unwrap();
    let asked: Vec<u32> = (0..10).map(|number| number * 241 + 3).collect();
    let ranges = index.record_ranges(&asked);
    let bytes: u64 = ranges.iter().map(|range| range.bytes).sum();
    let all: u64 = assembled
        .manifest
        .records
        .iter()
        .map(|file| file.bytes)
        .sum();
    assert!(ranges.iter().all(|range| range.offset.is_some()));
    assert!(bytes * 5 < all, "{bytes} of {all}");
    bring(&mut index, &assembled, &ranges);
    assert_eq!(index.record_ranges(&asked), []);
    for record in records(PICTURES) {
        let found = index.record(record.id);
        assert!(found.is_none_or(|found| found == record));
    }
    assert!(asked.iter().all(|&id| index.record(id).is_some()));
    // Nobody has them, so nothing is fetched for them.
    assert_eq!(index.record(PICTURES as u32), None);
}

#[test]
fn blocks_that_are_here_stay_in_the_next_epoch_and_give_way_to_their_file() {
    let assembled = sample();
    let mut index = with_routing(&assembled, |_| ()).unwrap();
    let ranges = index.record_ranges(&[700]);
    bring(&mut index, &assembled, &ranges);
    let manifest = index.manifest().to_json();
    let mut next = index.advance(manifest.as_bytes()).unwrap();
    assert_eq!(next.record_ranges(&[700]), []);
    let file = assembled.manifest.records[0].clone();
    let bytes = &assembled
        .files
        .iter()
        .find(|(name, _)| *name == file.name)
        .unwrap()
        .1;
    next.supply(&file.name, bytes.clone()).unwrap();
    assert_eq!(next.record(700), records(PICTURES).get(700).cloned());
    assert_eq!(next.record_ranges(&[700, 701, 1000]), []);
}

#[test]
fn an_index_without_blocks_names_whole_files() {
    let assembled = sample();
    for without in [None, Some(RecordBlocks(vec![vec![]; 3]))] {
        let mut index = with_routing(&assembled, |blocks| *blocks = without).unwrap();
        let ranges = index.record_ranges(&[5, 9, 2000]);
        assert_eq!(ranges.len(), 2);
        assert!(ranges.iter().all(|range| range.offset.is_none()));
        let part = &content(&assembled, &ranges[0])[..100];
        assert!(index.supply_range(&ranges[0].name, 0, part).is_err());
        bring(&mut index, &assembled, &ranges);
        assert_eq!(index.record(9), records(PICTURES).get(9).cloned());
    }
}

#[test]
fn a_range_that_is_cut_or_damaged_is_refused_and_changes_nothing() {
    let assembled = sample();
    let mut index = with_routing(&assembled, |_| ()).unwrap();
    let range = index.record_ranges(&[40])[0].clone();
    let (name, offset) = (range.name.as_str(), range.offset.unwrap());
    let good = content(&assembled, &range).to_vec();
    let mut flipped = good.clone();
    flipped[20] ^= 1;
    assert!(matches!(
        index.supply_range(name, offset, &flipped),
        Err(IndexError::Checksum { .. })
    ));
    let page = b"<!doctype html><p>not found".repeat(good.len() / 27 + 1);
    assert!(matches!(
        index.supply_range(name, offset, &page[..good.len()]),
        Err(IndexError::Html { .. })
    ));
    for (offset, bytes) in [
        (offset, &good[..good.len() - 1]),
        (offset + 1, &good[1..]),
        (offset, &[][..]),
        (u64::MAX, &good),
    ] {
        let refused = index.supply_range(name, offset, bytes);
        assert!(
            matches!(refused, Err(IndexError::Inconsistent { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(index.record(40), None);
    index.supply_range(name, offset, &good).unwrap();
    assert!(index.record(40).is_some());
}

#[test]
fn blocks_that_lead_out_of_their_file_or_to_other_records_are_refused() {
    type Change = fn(&mut Vec<Vec<RecordBlock>>);
    let assembled = sample();
    let cases: [(&str, Change); 4] = [
        ("a file too many", |files| files.push(vec![])),
        ("beyond the end", |files| {
            files[0].last_mut().unwrap().bytes += 1 << 20
        }),
        ("ids of the next file", |files| {
            files[0].last_mut().unwrap().first_id = 1024
        }),
        ("ids of the file before", |files| {
            files[1][0].first_id = 1000
        }),
    ];
    for (what, change) in cases {
        let refused = with_routing(&assembled, |blocks| change(&mut blocks.as_mut().unwrap().0));
        assert!(
            matches!(refused, Err(IndexError::Inconsistent { .. })),
            "{what}"
        );
    }
    // A check that fits bytes which hold other records.
    let mut index = with_routing(&assembled, |blocks| {
        let first = &mut blocks.as_mut().unwrap().0[0][1];
        first.first_id += 1;
    })
    .unwrap();
    let ranges = index.record_ranges(&[40]);
    let refused = index.supply_range(
        &ranges[0].name,
        ranges[0].offset.unwrap(),
        content(&assembled, &ranges[0]),
    );
    assert!(
        matches!(refused, Err(IndexError::Inconsistent { .. })),
        "{refused:?}"
    );
    assert_eq!(index.record(40), None);
}
