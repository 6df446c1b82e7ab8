//! Queries of an index that comes in parts: the answers of a loaded one, for few bytes in few rounds.

// These tests run a program, threads or files: on the machine, not in the browser.
#![cfg(not(target_arch = "wasm32"))]

mod small_index;

use std::collections::HashSet;

use nearsight::build::assemble::Assembled;
use nearsight::calibration::CalibrationOptions;
use nearsight::index::{FileRange, Index, Part};
use nearsight::partition::Rows;
use nearsight::search::{Answer, Filter, Query, SearchOptions, Step, search_filtered};
use small_index::{Numbers, assembled, options, vectors};

const DIMENSION: usize = 64;
const PICTURES: usize = 4000;

/// An index with its routing, and a server that counts.
struct Served {
    assembled: Assembled,
    index: Index,
    rounds: usize,
    bytes: u64,
    asked: HashSet<FileRange>,
    /// Whether the server answers ranges.
    ranges: bool,
}

impl Served {
    fn new(assembled: &Assembled) -> Self {
        let mut index = Index::open(assembled.manifest.to_json().as_bytes()).unwrap();
        let (name, routing) = &assembled.files[0];
        index.supply(name, routing.clone()).unwrap();
        Self {
            assembled: assembled.clone(),
            index,
            rounds: 0,
            bytes: 0,
            asked: HashSet::new(),
            ranges: true,
        }
    }

    fn bring(&mut self, range: &FileRange) {
        let file = self.assembled.files.iter();
        let (name, bytes) = file.clone().find(|(name, _)| *name == range.name).unwrap();
        assert!(
            self.asked.insert(range.clone()),
            "{range:?} is asked for twice"
        );
        match range.offset.filter(|_| self.ranges) {
            Some(offset) => {
                let part = &bytes[offset as usize..][..range.bytes as usize];
                self.bytes += range.bytes;
                self.index.supply_range(name, offset, part).unwrap();
            }
            None => {
                self.bytes += bytes.len() as u64;
                self.index.supply(name, bytes.clone()).unwrap();
            }
        }
    }

    fn round(&mut self, parts: &[Part]) {
        assert!(!parts.is_empty());
        let distinct: HashSet<&Part> = parts.iter().collect();
        assert_eq!(distinct.len(), parts.len(), "a part is named twice");
        self.rounds += 1;
        for range in self.index.ranges(parts) {
            self.bring(&range);
        }
    }

    /// One query, kept or made anew each round: gives the answer, rounds and bytes.
    fn answer(
        &mut self,
        query: &[f32],
        options: &SearchOptions,
        filter: &Filter<'_>,
    ) -> (Answer, usize, u64) {
        let (rounds, bytes) = (self.rounds, self.bytes);
        loop {
            let routing = self.index.routing().unwrap().clone();
            let state = Query::new(&routing, query, options.clone()).unwrap();
            match state.with_filter(filter).step(&self.index).unwrap() {
                Step::Done(answer) => {
                    return (answer, self.rounds - rounds, self.bytes - bytes);
                }
                Step::Need(parts) => self.round(&parts),
            }
        }
    }
}

fn ids(answer: &Answer) -> HashSet<u32> {
    answer.hits.iter().map(|hit| hit.id).collect()
}

/// The rows, strangers as queries, and the epoch, with a calibration.
fn sample() -> (Vec<f32>, Vec<f32>, Assembled) {
    let mut values = vectors(PICTURES + 200, DIMENSION, 80, 21);
    let queries = values.split_off(PICTURES * DIMENSION);
    let assembled = assembled(&values, DIMENSION, None);
    let ids: Vec<u32> = (0..PICTURES as u32).collect();
    let rows = Rows::new(&values, DIMENSION).unwrap();
    let calibrated = assembled
        .calibrated(rows, &ids, None, &CalibrationOptions::default())
        .unwrap();
    (values, queries, calibrated)
}

/// The share of the hits that both answers have.
fn shared(
    served: &mut Served,
    queries: &[f32],
    options: &SearchOptions,
    filter: &Filter<'_>,
) -> f64 {
    let whole = served.assembled.index(None).unwrap();
    let (mut common, mut all) = (0, 0);
    for query in queries.chunks_exact(DIMENSION) {
        let (answer, ..) = served.answer(query, options, filter);
        let expected = search_filtered(&whole, query, options, filter).unwrap();
        common += ids(&answer).intersection(&ids(&expected)).count();
        all += expected.hits.len();
        assert_eq!(answer.hits.len(), expected.hits.len());
    }
    f64::from(common as u32) / f64::from(all as u32)
}

#[test]
fn the_hits_are_those_of_a_loaded_index() {
    let (_, queries, assembled) = sample();
    assert!(
        assembled
            .index(None)
            .unwrap()
            .routing()
            .unwrap()
            .calibration
            .is_some()
    );
    let mut bare = assembled.clone();
    // Without a calibration another rule stops.
    let mut routing = assembled.index(None).unwrap().routing().unwrap().clone();
    routing.calibration = None;
    let bytes = routing.write();
    bare.manifest.routing = nearsight::index::FileRef::of("routing", &bytes, "nsr");
    bare.files[0] = (bare.manifest.routing.name.clone(), bytes);
    for assembled in [assembled, bare] {
        for recall in [0.8, 0.95, 0.99] {
            let wanted = options(|options| options.recall = recall);
            let mut served = Served::new(&assembled);
            let share = shared(&mut served, &queries, &wanted, &|_| true);
            assert!(share >= 0.995, "{share} at a recall of {recall}");
        }
    }
}

#[test]
fn the_first_answer_takes_few_rounds_and_a_part_of_the_bytes() {
    let (_, queries, assembled) = sample();
    let files: u64 = assembled
        .manifest
        .segments
        .iter()
        .map(|file| file.bytes)
        .sum();
    let (mut rounds, mut bytes) = (Vec::new(), Vec::new());
    for query in queries.chunks_exact(DIMENSION).take(50) {
        let mut served = Served::new(&assembled);
        let (_, first_rounds, first_bytes) = served.answer(query, &options(|_| {}), &|_| true);
        rounds.push(first_rounds);
        bytes.push(first_bytes);
        let again = served.answer(query, &options(|_| {}), &|_| true);
        assert_eq!((again.1, again.2), (0, 0), "nothing is fetched twice");
    }
    rounds.sort_unstable();
    bytes.sort_unstable();
    assert!(rounds[25] <= 3 && rounds[49] <= 8, "{rounds:?}");
    assert!(bytes[25] * 4 < files, "{bytes:?} of {files}");
}

#[test]
fn filters_least_scores_caps_and_many_hits_are_answered_by_parts_too() {
    let (_, queries, assembled) = sample();
    let some = &queries[..60 * DIMENSION];
    let everything: &Filter<'_> = &|_| true;
    let few: &Filter<'_> = &|id| id.is_multiple_of(50);
    let cases: [(SearchOptions, &Filter<'_>); 7] = [
        (options(|_| {}), few),
        (options(|options| options.min_score = Some(0.9)), everything),
        (options(|options| options.min_score = Some(0.8)), few),
        (options(|options| options.max_cells = Some(3)), everything),
        (options(|options| options.k = 1), everything),
        (options(|options| options.k = 300), everything),
        (options(|options| options.exclude = Some(7)), everything),
    ];
    for (number, (wanted, filter)) in cases.into_iter().enumerate() {
        let mut served = Served::new(&assembled);
        let share = shared(&mut served, some, &wanted, filter);
        assert!(share >= 0.99, "case {number}: {share}");
    }
}

#[test]
fn where_every_row_counts_whole_segments_are_asked_for_in_one_round() {
    let (_, queries, assembled) = sample();
    for change in [
        |options: &mut SearchOptions| options.exact = true,
        |options: &mut SearchOptions| options.recall = 1.0,
    ] {
        let mut served = Served::new(&assembled);
        // Some parts are here already.
        served.answer(&queries[..DIMENSION], &options(|_| {}), &|_| true);
        let query = &queries[DIMENSION..2 * DIMENSION];
        let (answer, rounds, _) = served.answer(query, &options(change), &|_| true);
        assert_eq!((rounds, answer.scanned), (1, PICTURES as u64));
        let whole = assembled.index(None).unwrap();
        let expected = search_filtered(&whole, query, &options(change), &|_| true).unwrap();
        assert_eq!(answer, expected);
        assert!(served.index.ready());
    }
}

#[test]
fn a_server_without_ranges_sends_each_file_once() {
    let (_, queries, assembled) = sample();
    let files: u64 = assembled
        .manifest
        .segments
        .iter()
        .map(|file| file.bytes)
        .sum();
    let mut served = Served::new(&assembled);
    served.ranges = false;
    for query in queries.chunks_exact(DIMENSION).take(40) {
        let wanted = options(|_| {});
        let whole = assembled.index(None).unwrap();
        let expected = search_filtered(&whole, query, &wanted, &|_| true).unwrap();
        let mut fetched = HashSet::new();
        loop {
            let routing = served.index.routing().unwrap();
            let mut state = Query::new(routing, query, wanted.clone()).unwrap();
            match state.step(&served.index).unwrap() {
                Step::Done(answer) => {
                    assert_eq!(ids(&answer), ids(&expected));
                    break;
                }
                Step::Need(parts) => {
                    for range in served.index.ranges(&parts) {
                        if fetched.insert(range.name.clone()) {
                            served.asked.clear();
                            served.bring(&range);
                        }
                    }
                }
            }
        }
    }
    assert!(served.bytes <= files, "{} of {files}", served.bytes);
}

#[test]
fn parts_may_come_one_by_one_in_any_order() {
    let (_, queries, assembled) = sample();
    let mut numbers = Numbers(9);
    for query in queries.chunks_exact(DIMENSION).take(10) {
        let (expected, ..) = Served::new(&assembled).answer(query, &options(|_| {}), &|_| true);
        let mut served = Served::new(&assembled);
        let answer = loop {
            let routing = served.index.routing().unwrap();
            let mut state = Query::new(routing, query, options(|_| {})).unwrap();
            match state.step(&served.index).unwrap() {
                Step::Done(answer) => break answer,
                Step::Need(parts) => {
                    let part = parts[numbers.below(parts.len())];
                    served.round(&[part]);
                }
            }
        };
        assert_eq!(answer, expected);
    }
}

#[test]
fn a_query_that_is_kept_answers_as_one_that_is_made_anew() {
    let (_, queries, assembled) = sample();
    for query in queries.chunks_exact(DIMENSION).take(30) {
        let wanted = options(|options| options.recall = 0.98);
        let (expected, rounds, bytes) = Served::new(&assembled).answer(query, &wanted, &|_| true);
        let mut served = Served::new(&assembled);
        let routing = served.index.routing().unwrap().clone();
        let mut state = Query::new(&routing, query, wanted).unwrap();
        let answer = loop {
            match state.step(&served.index).unwrap() {
                Step::Done(answer) => break answer,
                Step::Need(parts) => served.round(&parts),
            }
        };
        assert_eq!(
            (answer, served.rounds, served.bytes),
            (expected, rounds, bytes)
        );
    }
}

#[test]
fn segments_that_are_here_as_a_whole_go_together_with_parts_of_others() {
    let (_, queries, assembled) = sample();
    let whole = assembled.index(None).unwrap();
    let mut served = Served::new(&assembled);
    for file in assembled.manifest.segments.iter().step_by(2) {
        let held = assembled.files.iter().find(|(name, _)| *name == file.name);
        let (name, bytes) = held.unwrap();
        served.index.supply(name, bytes.clone()).unwrap();
    }
    let wanted = options(|_| {});
    let share = shared(&mut served, &queries, &wanted, &|_| true);
    assert!(share >= 0.995, "{share}");
    // The next epoch's index has them all, and its routing is checked against them.
    let mut next = served
        .index
        .advance(assembled.manifest.to_json().as_bytes());
    let next = next.as_mut().unwrap();
    let (name, routing) = &assembled.files[0];
    next.supply(name, routing.clone()).unwrap();
    for query in queries.chunks_exact(DIMENSION).take(20) {
        let mut state = Query::new(next.routing().unwrap(), query, wanted.clone()).unwrap();
        let Step::Done(answer) = state.step(next).unwrap() else {
            panic!("something is fetched again");
        };
        let expected = search_filtered(&whole, query, &wanted, &|_| true).unwrap();
        assert_eq!(ids(&answer), ids(&expected));
    }
}
