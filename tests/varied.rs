//! Answers without near-duplicates and with few pictures of one owner: k of them when k exist, the nearest that may stay, and
//! the confidence that is delivered.

#![cfg(not(target_arch = "wasm32"))]

mod small_index;

use nearsight::build::assemble::Assembly;
use nearsight::calibration::CalibrationOptions;
use nearsight::index::{Index, Record};
use nearsight::metrics::recall_at_k;
use nearsight::partition::Rows;
use nearsight::search::{
    Answer, NEARLY_THE_SAME, Query, SearchError, SearchOptions, Step, exact, search,
    search_filtered,
};
use small_index::{Numbers, layout, unit, vectors};

const DIMENSION: usize = 32;
const ROWS: usize = 6_000;
const QUERIES: usize = 150;
/// One owner has most of the pictures, the others share the rest.
const OWNERS: usize = 60;

struct Site {
    values: Vec<f32>,
    queries: Vec<f32>,
    index: Index,
}

fn owner_of(id: u32) -> Option<String> {
    let mut numbers = Numbers(u64::from(id));
    match numbers.below(10) {
        0 => None,
        1..=6 => Some("the museum".to_owned()),
        _ => Some(format!("collector {}", numbers.below(OWNERS - 1))),
    }
}

/// A third of the rows are copies of others, nearly: up to eight of one.
fn site() -> Site {
    let mut values = vectors(ROWS + QUERIES, DIMENSION, 40, 3);
    let queries = values.split_off(ROWS * DIMENSION);
    let mut numbers = Numbers(9);
    let originals = ROWS * 2 / 3;
    for copy in originals..ROWS {
        let original = numbers.below(500);
        let row = values[original * DIMENSION..(original + 1) * DIMENSION].to_vec();
        let noisy = row.iter().map(|value| value + 0.015 * numbers.normal());
        values[copy * DIMENSION..(copy + 1) * DIMENSION].copy_from_slice(&unit(noisy.collect()));
    }
    let record = |id: u32| Record {
        id,
        owner: owner_of(id),
        ..Record::default()
    };
    let records: Vec<Record> = (0..ROWS as u32).map(record).collect();
    let rows = Rows::new(&values, DIMENSION).unwrap();
    let ids: Vec<u32> = (0..ROWS as u32).collect();
    let layout = layout(&values, DIMENSION, Some(150));
    let index = Assembly::of(rows, &ids)
        .records(&records)
        .in_layout(&layout)
        .and_then(|made| made.calibrated(rows, &ids, None, &CalibrationOptions::default()))
        .unwrap()
        .index(None)
        .unwrap();
    Site {
        values,
        queries,
        index,
    }
}

impl Site {
    fn row(&self, id: u32) -> &[f32] {
        &self.values[id as usize * DIMENSION..][..DIMENSION]
    }

    fn cosine(&self, a: u32, b: u32) -> f32 {
        self.row(a)
            .iter()
            .zip(self.row(b))
            .map(|(a, b)| a * b)
            .sum()
    }

    /// What should be answered, from the full vectors.
    fn oracle(&self, query: &[f32], options: &SearchOptions) -> Vec<u32> {
        let rows = Rows::new(&self.values, DIMENSION).unwrap();
        let ids: Vec<u32> = (0..ROWS as u32).collect();
        let mut chosen: Vec<u32> = Vec::new();
        for hit in exact(rows, &ids, query, ROWS) {
            let limit = options.distinct.unwrap_or(2.0);
            let is_copy = chosen
                .iter()
                .any(|&other| self.cosine(hit.id, other) >= limit);
            let owner = owner_of(hit.id);
            let had = chosen.iter().filter(|&&other| owner_of(other) == owner);
            let had = had.count() as u32;
            let is_too_many = owner.is_some() && options.per_owner.is_some_and(|n| had >= n);
            if !is_copy && !is_too_many && chosen.len() < options.k {
                chosen.push(hit.id);
            }
        }
        chosen
    }
}

fn ids(answer: &Answer) -> Vec<u32> {
    answer.hits.iter().map(|hit| hit.id).collect()
}

#[test]
fn copies_and_owners_are_limited_with_the_recall_and_the_confidence_that_are_asked_for() {
    let site = site();
    let cases: [(&str, Option<f32>, Option<u32>); 4] = [
        ("neither", None, None),
        ("no copies", Some(NEARLY_THE_SAME), None),
        ("two of an owner", None, Some(2)),
        ("both", Some(NEARLY_THE_SAME), Some(1)),
    ];
    for (name, distinct, per_owner) in cases {
        let options = SearchOptions {
            k: 24,
            distinct,
            per_owner,
            ..SearchOptions::default()
        };
        let (mut recall, mut said, mut scanned) = (0.0, 0.0, 0.0);
        for query in site.queries.chunks_exact(DIMENSION) {
            let answer = search(&site.index, query, &options).unwrap();
            let found = ids(&answer);
            assert_eq!(found.len(), 24, "{name}");
            assert!(answer.hits.is_sorted_by(|a, b| a.score >= b.score));
            for (place, &id) in found.iter().enumerate() {
                for &better in &found[..place] {
                    // Codes give the cosine of two rows to about two digits less than a row's own with a query.
                    let limit = distinct.map_or(2.0, |limit| limit + 0.01);
                    assert!(site.cosine(id, better) < limit, "{name}: {id} and {better}");
                }
                let owner = owner_of(id);
                let same = found.iter().filter(|&&other| owner_of(other) == owner);
                let same = same.count() as u32;
                assert!(
                    owner.is_none() || per_owner.is_none_or(|n| same <= n),
                    "{name}"
                );
            }
            let count = QUERIES as f64;
            recall += recall_at_k(&found, &site.oracle(query, &options), 24) / count;
            said += f64::from(answer.confidence) / count;
            scanned += answer.scanned as f64 / ROWS as f64 / count;
        }
        println!("{name}: recall {recall:.4}, said {said:.4}, {scanned:.3} scanned");
        assert!(recall >= 0.93, "{name}: {recall}");
        assert!((said - recall).abs() < 0.03, "{name}: {said} for {recall}");
        assert!(scanned < 0.6, "{name}: {scanned}");
    }
}

#[test]
fn hits_that_are_all_different_cost_nothing_more() {
    let site = site();
    for query in site.queries.chunks_exact(DIMENSION).take(40) {
        let plain = SearchOptions::default();
        let varied = SearchOptions {
            distinct: Some(1.0),
            per_owner: Some(24),
            ..plain.clone()
        };
        let answer = search(&site.index, query, &plain).unwrap();
        assert_eq!(search(&site.index, query, &varied).unwrap(), answer);
    }
}

#[test]
fn fewer_than_k_come_only_when_fewer_exist() {
    let site = site();
    let query = &site.queries[..DIMENSION];
    let options = SearchOptions {
        k: 100,
        per_owner: Some(1),
        ..SearchOptions::default()
    };
    let owned = |id: u32| owner_of(id).is_some();
    let answer = search_filtered(&site.index, query, &options, &owned).unwrap();
    assert_eq!(answer.hits.len(), OWNERS);
    assert!(!answer.capped && answer.scanned == ROWS as u64);
    let capped = SearchOptions {
        max_cells: Some(3),
        ..options
    };
    let answer = search_filtered(&site.index, query, &capped, &owned).unwrap();
    assert!(answer.capped && answer.probed.len() == 3 && answer.hits.len() < OWNERS);
}

#[test]
fn an_index_that_comes_in_ranges_gives_the_same_answer() {
    let site = site();
    let owners = |id: u32| owner_of(id);
    let options = SearchOptions {
        distinct: Some(NEARLY_THE_SAME),
        per_owner: Some(2),
        ..SearchOptions::default()
    };
    let files = |name: &str| -> Vec<u8> {
        let manifest = site.index.manifest();
        if name == manifest.routing.name {
            return site.index.routing().unwrap().write();
        }
        let number = manifest.segments.iter().position(|file| file.name == name);
        let number = number.unwrap() as u32;
        site.index.segment(number).unwrap().write()
    };
    for query in site.queries.chunks_exact(DIMENSION).take(10) {
        let manifest = site.index.manifest().to_json();
        let mut partial = Index::open(manifest.as_bytes()).unwrap();
        let name = partial.manifest().routing.name.clone();
        partial.supply(&name, files(&name)).unwrap();
        let answer = loop {
            let routing = partial.routing().unwrap().clone();
            let mut state = Query::new(&routing, query, options.clone())
                .unwrap()
                .with_owners(&owners);
            let parts = match state.step(&partial).unwrap() {
                Step::Done(answer) => break answer,
                Step::Need(parts) => parts,
            };
            assert!(!parts.is_empty());
            for range in partial.ranges(&parts) {
                let bytes = files(&range.name);
                let offset = range.offset.unwrap();
                let part = &bytes[offset as usize..(offset + range.bytes) as usize];
                partial.supply_range(&range.name, offset, part).unwrap();
            }
        };
        let whole = search(&site.index, query, &options).unwrap();
        assert_eq!(ids(&answer), ids(&whole));
    }
}

#[test]
fn limits_that_mean_nothing_are_refused() {
    let site = site();
    let query = &site.queries[..DIMENSION];
    let wrong: [fn(&mut SearchOptions); 3] = [
        |options| options.distinct = Some(f32::NAN),
        |options| options.distinct = Some(1.5),
        |options| options.per_owner = Some(0),
    ];
    for change in wrong {
        let mut options = SearchOptions::default();
        change(&mut options);
        let error = search(&site.index, query, &options).unwrap_err();
        assert_eq!(error.code(), "query_invalid");
    }
    let options = SearchOptions {
        per_owner: Some(1),
        ..SearchOptions::default()
    };
    // Nobody has said whose the pictures are: that must not pass for "nobody's".
    let mut state = Query::new(site.index.routing().unwrap(), query, options).unwrap();
    let error = state.step(&site.index).unwrap_err();
    assert!(matches!(error, SearchError::Option { .. }), "{error}");
}
