//! Search through the public surface: what is asked is what comes back.

// These tests run a program, threads or files: on the machine, not in the browser.
#![cfg(not(target_arch = "wasm32"))]

mod small_index;

use std::cell::RefCell;
use std::collections::HashSet;

use nearsight::index::{Index, Part, Routing, Segment};
use nearsight::metrics::recall_at_k;
use nearsight::partition::Rows;
use nearsight::search::{
    Answer, Cells, Query, SearchOptions, Step, exact, search, search_filtered,
};
use small_index::{Numbers, index, options, vectors};

const DIMENSION: usize = 64;

fn ids(answer: &Answer) -> Vec<u32> {
    answer.hits.iter().map(|hit| hit.id).collect()
}

fn oracle(values: &[f32], query: &[f32], k: usize) -> Vec<u32> {
    let rows = Rows::new(values, DIMENSION).unwrap();
    let all: Vec<u32> = (0..rows.len() as u32).collect();
    exact(rows, &all, query, k)
        .iter()
        .map(|hit| hit.id)
        .collect()
}

/// Mean recall@10 against the oracle on full vectors, and the mean share of rows scanned.
fn measured(index: &Index, values: &[f32], queries: &[f32], options: &SearchOptions) -> (f64, f64) {
    let (mut recall, mut scanned, mut count) = (0.0, 0.0, 0.0);
    for query in queries.chunks_exact(DIMENSION) {
        let answer = search(index, query, options).unwrap();
        recall += recall_at_k(&ids(&answer), &oracle(values, query, options.k), options.k) as f64;
        scanned += answer.scanned as f64 / index.manifest().counts.pictures as f64;
        count += 1.0;
    }
    (recall / count, scanned / count)
}

#[test]
fn exact_gives_what_the_oracle_gives_on_the_same_vectors() {
    let values = vectors(600, DIMENSION, 24, 1);
    let index = index(&values, DIMENSION, Some(40));
    // The index holds codes: the oracle sees the vectors that these give back. What the estimate
    // corrects beyond them is small, so only pictures that are all but equally near may change places.
    let decoded: Vec<f32> = (0..600).flat_map(|id| index.vector(id).unwrap()).collect();
    for query in vectors(40, DIMENSION, 24, 1).chunks_exact(DIMENSION) {
        let answer = search(&index, query, &options(|options| options.exact = true)).unwrap();
        let expected = exact(
            Rows::new(&decoded, DIMENSION).unwrap(),
            &(0..600).collect::<Vec<_>>(),
            query,
            10,
        );
        assert_eq!(
            (answer.hits.len(), answer.scanned, answer.confidence),
            (10, 600, 1.0)
        );
        for (hit, expected) in answer.hits.iter().zip(&expected) {
            assert!(
                (hit.score - expected.score).abs() < 2e-3,
                "{hit:?} {expected:?}"
            );
            assert!((hit.distance - (2.0 - 2.0 * hit.score).max(0.0).sqrt()).abs() < 1e-6);
        }
    }
    let everything = options(|options| options.exact = true);
    let (recall, scanned) = measured(&index, &values, &values, &everything);
    assert!(recall > 0.99 && scanned == 1.0, "recall {recall}");
}

#[test]
fn recall_asked_is_recall_delivered_for_a_part_of_the_rows() {
    let all = vectors(2400, DIMENSION, 80, 2);
    let (values, queries) = all.split_at(2200 * DIMENSION);
    let index = index(values, DIMENSION, None);
    let (recall, scanned) = measured(&index, values, queries, &options(|_| {}));
    assert!(
        recall >= 0.95 && scanned < 0.4,
        "recall {recall}, scanned {scanned}"
    );
}

#[test]
fn more_recall_asked_never_opens_fewer_cells() {
    let values = vectors(1200, DIMENSION, 40, 3);
    let index = index(&values, DIMENSION, None);
    for query in values.chunks_exact(DIMENSION).take(60) {
        let probed: Vec<Vec<u32>> = [0.3, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 1.0]
            .iter()
            .map(|&recall| {
                search(&index, query, &options(|options| options.recall = recall))
                    .unwrap()
                    .probed
            })
            .collect();
        assert!(
            probed.windows(2).all(|pair| pair[1].starts_with(&pair[0])),
            "{probed:?}"
        );
        assert_eq!(
            probed.last().unwrap().len(),
            index.manifest().counts.cells as usize
        );
    }
    let mean = |recall: f32| {
        measured(
            &index,
            &values,
            &values,
            &options(|options| options.recall = recall),
        )
    };
    let (low, middle, high) = (mean(0.5), mean(0.9), mean(0.99));
    assert!(
        low.0 < middle.0 && middle.0 <= high.0,
        "recall {low:?} {middle:?} {high:?}"
    );
    assert!(
        low.1 < middle.1 && middle.1 < high.1,
        "scanned {low:?} {middle:?} {high:?}"
    );
}

#[test]
fn the_confidence_said_is_at_least_the_recall_asked_unless_all_was_seen_or_capped() {
    let values = vectors(800, DIMENSION, 30, 4);
    let index = index(&values, DIMENSION, None);
    for query in values.chunks_exact(DIMENSION).take(50) {
        let answer = search(&index, query, &options(|_| {})).unwrap();
        assert!(answer.confidence >= 0.95 && !answer.capped, "{answer:?}");
        let capped = search(
            &index,
            query,
            &options(|options| options.max_cells = Some(1)),
        )
        .unwrap();
        assert_eq!(capped.probed.len(), 1);
        assert_eq!(capped.capped, capped.confidence < 0.95);
        assert_eq!(capped.probed[..], answer.probed[..1]);
    }
}

#[test]
fn k_hits_come_under_a_filter_when_k_exist() {
    let values = vectors(900, DIMENSION, 30, 5);
    let index = index(&values, DIMENSION, None);
    for (modulus, expected) in [(45, 10), (90, 10), (100, 9), (300, 3), (2000, 1)] {
        let filter = |id: u32| id.is_multiple_of(modulus);
        for query in values.chunks_exact(DIMENSION).take(20) {
            let answer = search_filtered(&index, query, &options(|_| {}), &filter).unwrap();
            assert_eq!(answer.hits.len(), expected, "every {modulus}th");
            assert!(answer.hits.iter().all(|hit| filter(hit.id)));
        }
    }
    // The nearest that pass, not just any that pass.
    let filter = |id: u32| id.is_multiple_of(7);
    let passing: Vec<f32> = (0..900)
        .step_by(7)
        .flat_map(|row| &values[row * DIMENSION..][..DIMENSION])
        .copied()
        .collect();
    let mut recall = 0.0;
    for query in values.chunks_exact(DIMENSION).take(100) {
        let found = ids(&search_filtered(&index, query, &options(|_| {}), &filter).unwrap());
        let wanted: Vec<u32> = oracle(&passing, query, 10)
            .iter()
            .map(|row| row * 7)
            .collect();
        recall += recall_at_k(&found, &wanted, 10) as f64 / 100.0;
    }
    assert!(recall >= 0.95, "recall {recall}");
}

#[test]
fn a_k_beyond_the_index_gives_every_picture_once() {
    let values = vectors(120, DIMENSION, 6, 6);
    let index = index(&values, DIMENSION, None);
    for k in [120, 121, usize::MAX] {
        let answer = search(
            &index,
            &values[..DIMENSION],
            &options(|options| options.k = k),
        )
        .unwrap();
        let mut found = ids(&answer);
        found.sort_unstable();
        assert_eq!(found, (0..120).collect::<Vec<_>>());
        assert!(answer.hits.is_sorted_by(|a, b| a.score >= b.score));
    }
}

#[test]
fn no_hit_is_below_the_least_score_and_none_above_it_is_lost() {
    let values = vectors(900, DIMENSION, 30, 7);
    let index = index(&values, DIMENSION, None);
    let (mut found, mut wanted, mut scanned) = (0, 0, 0);
    for query in values.chunks_exact(DIMENSION).take(100) {
        let answer = search(
            &index,
            query,
            &options(|options| (options.k, options.min_score) = (500, Some(0.8))),
        )
        .unwrap();
        assert!(answer.hits.iter().all(|hit| hit.score >= 0.8));
        let scores = values
            .chunks_exact(DIMENSION)
            .map(|row| row.iter().zip(query).map(|(a, b)| a * b).sum::<f32>());
        wanted += scores.filter(|&score| score >= 0.802).count();
        found += answer.hits.len();
        scanned += answer.scanned;
    }
    assert!(found as f64 >= 0.95 * wanted as f64, "{found} of {wanted}");
    assert!(
        scanned < 100 * 900,
        "a least score ends the search before every cell is opened"
    );
}

#[test]
fn an_excluded_picture_does_not_come_back() {
    let values = vectors(300, DIMENSION, 12, 8);
    let index = index(&values, DIMENSION, None);
    for id in [0u32, 17, 299] {
        let query = index.vector(id).unwrap();
        assert_eq!(
            search(&index, &query, &options(|_| {})).unwrap().hits[0].id,
            id
        );
        let without = search(
            &index,
            &query,
            &options(|options| options.exclude = Some(id)),
        )
        .unwrap();
        assert_eq!(without.hits.len(), 10);
        assert!(!ids(&without).contains(&id));
    }
}

#[test]
fn what_is_no_query_is_refused_with_its_code() {
    let values = vectors(100, DIMENSION, 5, 9);
    let index = index(&values, DIMENSION, None);
    let query = values[..DIMENSION].to_vec();
    let with = |place: usize, value: f32| {
        let mut broken = query.clone();
        broken[place] = value;
        broken
    };
    let vectors = [
        query[1..].to_vec(),
        [query.clone(), vec![0.0]].concat(),
        Vec::new(),
        vec![0.0; DIMENSION],
        with(0, f32::NAN),
        with(63, f32::INFINITY),
        with(5, f32::NEG_INFINITY),
    ];
    for vector in &vectors {
        assert_eq!(
            search(&index, vector, &options(|_| {})).unwrap_err().code(),
            "query_invalid",
            "{vector:?}"
        );
    }
    let wrong: [fn(&mut SearchOptions); 7] = [
        |options| options.k = 0,
        |options| options.recall = 0.0,
        |options| options.recall = 1.01,
        |options| options.recall = f32::NAN,
        |options| options.min_score = Some(f32::NAN),
        |options| options.min_score = Some(1.5),
        |options| options.max_cells = Some(0),
    ];
    for (number, change) in wrong.into_iter().enumerate() {
        assert_eq!(
            search(&index, &query, &options(change)).unwrap_err().code(),
            "query_invalid",
            "case {number}"
        );
    }
}

#[test]
fn the_length_of_a_query_does_not_matter() {
    let values = vectors(300, DIMENSION, 12, 10);
    let index = index(&values, DIMENSION, None);
    let query = &values[DIMENSION..2 * DIMENSION];
    let expected = ids(&search(&index, query, &options(|_| {})).unwrap());
    for factor in [1e-30, 0.01, 7.0, 1e30] {
        let longer: Vec<f32> = query.iter().map(|value| value * factor).collect();
        assert_eq!(
            ids(&search(&index, &longer, &options(|_| {})).unwrap()),
            expected,
            "× {factor}"
        );
    }
}

#[test]
fn equally_near_pictures_come_in_order_of_their_ids() {
    // 30 copies of one picture among others: which of them are found is decided by their ids.
    let mut values = vectors(200, DIMENSION, 8, 11);
    let copy = values[..DIMENSION].to_vec();
    for row in (20..200).step_by(6) {
        values[row * DIMENSION..(row + 1) * DIMENSION].copy_from_slice(&copy);
    }
    let index = index(&values, DIMENSION, Some(10));
    let answer = search(&index, &copy, &options(|options| options.exact = true)).unwrap();
    let alike = answer
        .hits
        .iter()
        .filter(|hit| hit.score == answer.hits[0].score);
    let alike: Vec<u32> = alike.map(|hit| hit.id).collect();
    assert!(alike.len() >= 9 && alike.is_sorted(), "{alike:?}");
    let expected: Vec<u32> = std::iter::once(0)
        .chain((20..).step_by(6))
        .take(10)
        .collect();
    assert_eq!(ids(&answer), expected);
}

/// Hands out the segments that were fetched, and remembers which were read.
struct Shelf<'a> {
    index: &'a Index,
    held: HashSet<u32>,
    read: RefCell<HashSet<u32>>,
}

impl Cells for Shelf<'_> {
    fn segment(&self, number: u32) -> Option<&Segment> {
        self.read.borrow_mut().insert(number);
        self.held
            .contains(&number)
            .then(|| self.index.segment(number).unwrap())
    }
}

/// The routing of an index that is not made for ranges.
fn without_spans(index: &Index) -> Routing {
    let mut routing = index.routing().unwrap().clone();
    routing.spans = None;
    routing
}

fn number(part: &Part) -> u32 {
    match part {
        Part::Segment { number } => *number,
        part => panic!("{part:?} of an index without spans"),
    }
}

#[test]
fn a_query_asks_only_for_segments_that_it_then_reads() {
    let values = vectors(2000, DIMENSION, 60, 12);
    let index = index(&values, DIMENSION, None);
    let routing = without_spans(&index);
    let segments = index.manifest().segments.len();
    assert!(segments > 8, "{segments} segments");
    let mut fetched = 0;
    for query in values.chunks_exact(DIMENSION).take(50) {
        let mut shelf = Shelf {
            index: &index,
            held: HashSet::new(),
            read: RefCell::default(),
        };
        let mut state = Query::new(&routing, query, options(|_| {})).unwrap();
        let answer = loop {
            match state.step(&shelf).unwrap() {
                Step::Done(answer) => break answer,
                Step::Need(needed) => {
                    assert!(
                        !needed.is_empty()
                            && needed.iter().all(|part| shelf.held.insert(number(part)))
                    );
                }
            }
        };
        let opened: HashSet<u32> = routing
            .cells
            .iter()
            .filter(|cell| answer.probed.contains(&cell.id))
            .map(|cell| cell.segment)
            .collect();
        assert_eq!(
            shelf.held, opened,
            "what was asked for is what the opened cells lie in"
        );
        assert_eq!(answer, search(&index, query, &options(|_| {})).unwrap());
        assert_eq!(
            state.step(&shelf).unwrap(),
            Step::Done(answer),
            "a further step gives the answer again"
        );
        fetched += shelf.held.len();
    }
    assert!(
        fetched < 50 * segments / 2,
        "{fetched} of {} segments",
        50 * segments
    );
}

#[test]
fn the_answer_does_not_depend_on_the_order_in_which_segments_arrive() {
    let values = vectors(1500, DIMENSION, 50, 13);
    let index = index(&values, DIMENSION, None);
    let routing = without_spans(&index);
    let mut numbers = Numbers(5);
    for query in values.chunks_exact(DIMENSION).take(20) {
        let expected = search(&index, query, &options(|_| {})).unwrap();
        for _ in 0..4 {
            let mut order: Vec<u32> = (0..index.manifest().segments.len() as u32).collect();
            for place in (1..order.len()).rev() {
                order.swap(place, numbers.below(place + 1));
            }
            let mut shelf = Shelf {
                index: &index,
                held: HashSet::new(),
                read: RefCell::default(),
            };
            let mut state = Query::new(&routing, query, options(|_| {})).unwrap();
            let answer = loop {
                match state.step(&shelf).unwrap() {
                    Step::Done(answer) => break answer,
                    // One segment more, asked for or not.
                    Step::Need(_) => assert!(shelf.held.insert(order.pop().unwrap())),
                }
            };
            assert_eq!(answer, expected);
        }
    }
}

#[test]
fn a_segment_of_another_epoch_is_noticed() {
    let values = vectors(400, DIMENSION, 16, 14);
    let (one, other) = (
        index(&values, DIMENSION, Some(20)),
        index(&values, DIMENSION, Some(12)),
    );
    let answered = values.chunks_exact(DIMENSION).map(|query| {
        let everything = options(|options| options.exact = true);
        Query::new(one.routing().unwrap(), query, everything)
            .unwrap()
            .step(&other)
    });
    for outcome in answered {
        assert!(
            matches!(outcome, Ok(Step::Need(_)))
                || outcome.is_err_and(|error| error.code() == "index_corrupt"),
            "an answer came from cells that do not belong to the routing"
        );
    }
}

/// Every segment has lost the last row of its first cell.
struct Short(Vec<Segment>);

impl Cells for Short {
    fn segment(&self, number: u32) -> Option<&Segment> {
        self.0.get(number as usize)
    }
}

#[test]
fn a_cell_with_fewer_rows_than_the_routing_says_is_noticed() {
    let values = vectors(400, DIMENSION, 16, 14);
    let index = index(&values, DIMENSION, Some(20));
    let count = index.manifest().segments.len() as u32;
    let mut short: Vec<Segment> = (0..count)
        .map(|number| index.segment(number).unwrap().clone())
        .collect();
    for segment in &mut short {
        let cell = &mut segment.cells[0];
        cell.ids.pop();
    }
    let everything = options(|options| options.exact = true);
    let mut query = Query::new(index.routing().unwrap(), &values[..DIMENSION], everything).unwrap();
    assert_eq!(
        query.step(&Short(short)).unwrap_err().code(),
        "index_corrupt"
    );
}

#[test]
fn an_index_that_is_not_all_loaded_says_so() {
    let values = vectors(200, DIMENSION, 8, 15);
    let assembled = small_index::assembled(&values, DIMENSION, None);
    let index = Index::open(assembled.manifest.to_json().as_bytes()).unwrap();
    let error = search(&index, &values[..DIMENSION], &options(|_| {})).unwrap_err();
    assert_eq!(error.code(), "index_missing");
}
