//! Indexes that were built before are read, and answer as they did.
//!
//! `tests/compat/v2` holds three of format 2, of generated vectors: one of 9 bits with records, one of 6 bits, and one with pieces and
//! dead rows; and `answers.json`, what an exact search of each gave on the day they were made.
//! `cargo test --release --test compat -- --ignored` makes those of which there is no folder, and leaves the others.

#![cfg(not(target_arch = "wasm32"))]

mod small_index;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use nearsight::build::assemble::{Assembly, Encoding};
use nearsight::build::{VectorOptions, VectorUpdate, build_vectors, load_index, update_vectors};
use nearsight::calibration::CalibrationOptions;
use nearsight::index::{Index, Part, Record};
use nearsight::metrics::recall_at_k;
use nearsight::partition::{Alone, PartitionOptions, Rows};
use nearsight::quantize::CodeBits;
use nearsight::search::{Query, SearchOptions, Step, search};
use serde::{Deserialize, Serialize};
use small_index::{layout, vectors};

const DIMENSION: usize = 24;
const ROWS: usize = 900;
const QUERIES: usize = 20;
const KINDS: [(&str, u32); 3] = [("nine", 9), ("six", 6), ("pieces", 9)];
/// Rows of "pieces" that came later, and every so manieth of all that went.
const ADDED: usize = 60;
const REMOVED: usize = 13;

#[derive(Serialize, Deserialize)]
struct Expected {
    query: Vec<f32>,
    ids: Vec<u32>,
    scores: Vec<f32>,
}

fn folder(kind: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/compat/v2")).join(kind)
}

fn expected(kind: &str) -> Vec<Expected> {
    let text = std::fs::read(folder(kind).join("answers.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn exact() -> SearchOptions {
    SearchOptions {
        k: 10,
        exact: true,
        ..SearchOptions::default()
    }
}

fn check(hits: &[nearsight::search::Hit], expected: &Expected, what: &str) {
    let ids: Vec<u32> = hits.iter().map(|hit| hit.id).collect();
    assert_eq!(ids, expected.ids, "{what}");
    for (hit, score) in hits.iter().zip(&expected.scores) {
        assert!((hit.score - score).abs() < 1e-6, "{what}: {hit:?} {score}");
    }
}

#[test]
fn indexes_of_format_2_are_read_and_answer_as_on_the_day_they_were_made() {
    for (kind, bits) in KINDS {
        let index = load_index(&folder(kind)).unwrap();
        assert!(index.ready() && index.missing().is_empty());
        assert_eq!(index.code_bits().map(CodeBits::count), Some(bits));
        let routing = index.routing().unwrap();
        assert!(routing.calibration.is_some() && routing.spans.is_some());
        let expected = expected(kind);
        assert_eq!(expected.len(), QUERIES);
        let (mut recall, mut scanned) = (0.0, 0);
        for expected in &expected {
            let answer = search(&index, &expected.query, &exact()).unwrap();
            check(&answer.hits, expected, kind);
            let usual = SearchOptions {
                k: 10,
                ..SearchOptions::default()
            };
            let answer = search(&index, &expected.query, &usual).unwrap();
            let ids: Vec<u32> = answer.hits.iter().map(|hit| hit.id).collect();
            recall += recall_at_k(&ids, &expected.ids, 10) / QUERIES as f64;
            scanned += answer.scanned;
        }
        assert!(recall >= 0.9, "{kind}: {recall}");
        assert!(
            scanned < (QUERIES * ROWS / 2) as u64,
            "{kind}: the calibration in it is used, {scanned} rows"
        );
    }
}

#[test]
fn the_records_of_format_2_are_read() {
    let index = load_index(&folder("nine")).unwrap();
    assert_eq!(index.records().count(), ROWS);
    let record = index.record(25).unwrap();
    assert_eq!(
        (record.path.as_str(), record.title.as_deref()),
        ("shelf-4/25.jpg", Some("Picture 25"))
    );
    assert_eq!(record.tags, ["sale"]);
}

#[test]
fn pieces_and_dead_rows_of_format_2_are_read() {
    let index = load_index(&folder("pieces")).unwrap();
    let changes = &index.routing().unwrap().changes;
    assert!(!changes.pieces().is_empty() && !changes.dead().rows.is_empty());
    let live = (0..ROWS as u32).filter(|id| !id.is_multiple_of(REMOVED as u32));
    assert_eq!(index.pictures(), Some(live.collect()));
}

/// Nothing but routing at first; what a query asks for comes as ranges of the files.
#[test]
fn indexes_of_format_2_are_read_by_ranges() {
    for (kind, _) in KINDS {
        let place = folder(kind);
        let mut index = Index::open(&std::fs::read(place.join("manifest.json")).unwrap()).unwrap();
        let name = index.manifest().routing.name.clone();
        index
            .supply(&name, std::fs::read(place.join(&name)).unwrap())
            .unwrap();
        let vector = expected(kind)[0].query.clone();
        let options = SearchOptions {
            k: 10,
            ..SearchOptions::default()
        };
        let mut ranges = 0;
        let answer = loop {
            let routing = index.routing().unwrap().clone();
            let step = Query::new(&routing, &vector, options.clone())
                .unwrap()
                .step(&index)
                .unwrap();
            let parts: Vec<Part> = match step {
                Step::Done(answer) => break answer,
                Step::Need(parts) => parts,
            };
            for range in index.ranges(&parts) {
                let file = std::fs::read(place.join(&range.name)).unwrap();
                let offset = range.offset.expect("a range, not a file") as usize;
                let bytes = &file[offset..offset + range.bytes as usize];
                index
                    .supply_range(&range.name, offset as u64, bytes)
                    .unwrap();
                ranges += 1;
            }
        };
        let whole = search(&load_index(&place).unwrap(), &vector, &options).unwrap();
        assert_eq!(answer.hits, whole.hits, "{kind}");
        assert!(ranges > 0, "{kind}");
    }
}

/// The files of an epoch of one go.
fn make(kind: &str, bits: u32) -> Vec<(String, Vec<u8>)> {
    let values = vectors(ROWS, DIMENSION, 30, 2);
    let rows = Rows::new(&values, DIMENSION).unwrap();
    let ids: Vec<u32> = (0..ROWS as u32).collect();
    let records: Vec<Record> = match kind {
        "nine" => small_index::records(ROWS),
        _ => Vec::new(),
    };
    let encoding = Encoding {
        bits: CodeBits::new(bits),
        workers: &Alone,
        ..Encoding::default()
    };
    let layout = layout(&values, DIMENSION, Some(40));
    let made = Assembly::of(rows, &ids)
        .records(&records)
        .encoding(encoding)
        .in_layout(&layout)
        .and_then(|made| made.calibrated(rows, &ids, None, &CalibrationOptions::default()))
        .unwrap();
    let manifest = made.manifest.to_json().into_bytes();
    let mut files = made.files;
    files.push(("manifest.json".to_owned(), manifest));
    files
}

/// The files of an epoch after rows came and went.
fn make_in_pieces() -> Vec<(String, Vec<u8>)> {
    let values = vectors(ROWS, DIMENSION, 30, 2);
    let scratch = tempfile::tempdir().unwrap();
    let site = scratch.path().join("site");
    let (first, more) = values.split_at((ROWS - ADDED) * DIMENSION);
    let file = |name: &str, values: &[f32]| {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let path = scratch.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let never = AtomicBool::new(false);
    let options = VectorOptions {
        file: file("first.f32", first),
        dimension: Some(DIMENSION),
        column: None,
        output: site.clone(),
        partition: PartitionOptions {
            cells: Some(40),
            ..PartitionOptions::default()
        },
        metric: None,
        bits: None,
        jobs: Some(1),
        page: None,
        prune: false,
    };
    build_vectors(&options, &mut |_| (), &never).unwrap();
    let gone = (0..ROWS as u32).step_by(REMOVED).collect();
    let file = file("more.f32", more);
    for update in [
        VectorUpdate::Add { file, column: None },
        VectorUpdate::Remove(gone),
    ] {
        update_vectors(&site, &update, Some(1), true, &mut |_| (), &never).unwrap();
    }
    let entries = std::fs::read_dir(&site).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.path().is_file());
    files
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[test]
#[ignore = "writes the indexes of which there is no folder"]
fn write_the_folders() {
    for (kind, bits) in KINDS {
        let place = folder(kind);
        if place.exists() {
            continue;
        }
        let files = match kind {
            "pieces" => make_in_pieces(),
            _ => make(kind, bits),
        };
        std::fs::create_dir_all(&place).unwrap();
        for (name, bytes) in files {
            std::fs::write(place.join(name), bytes).unwrap();
        }
        let index = load_index(&place).unwrap();
        let queries = vectors(QUERIES, DIMENSION, 30, 2);
        let answers: Vec<Expected> = queries
            .chunks_exact(DIMENSION)
            .enumerate()
            .map(|(number, query)| {
                // A little beside a row, and longer than 1.
                let other = &queries[(number * 7 + 3) % QUERIES * DIMENSION..][..DIMENSION];
                let query: Vec<f32> = query.iter().zip(other).map(|(a, b)| 2.0 * a + b).collect();
                let answer = search(&index, &query, &exact()).unwrap();
                Expected {
                    query,
                    ids: answer.hits.iter().map(|hit| hit.id).collect(),
                    scores: answer.hits.iter().map(|hit| hit.score).collect(),
                }
            })
            .collect();
        let text = serde_json::to_vec(&answers).unwrap();
        std::fs::write(place.join("answers.json"), text).unwrap();
    }
}
