//! Vectors of widely varying length, near by their Euclidean distance: an index of them answers what brute force answers, as well as
//! was asked, in the unit of the vectors, loaded or fetched in parts; and says no where it is used as one of angles.

// These tests run threads and many queries: on the machine, not in the browser.
#![cfg(not(target_arch = "wasm32"))]

mod small_index;

use std::collections::HashSet;
use std::sync::LazyLock;

use nearsight::build::assemble::{Assembled, Encoding};
use nearsight::build::fresh;
use nearsight::index::{Index, Manifest};
use nearsight::partition::{PartitionOptions, Rows};
use nearsight::quantize::{CodeBits, Frame, Metric, PreparedQuery, RowCodes};
use nearsight::search::{
    Query, SearchOptions, Step, exact_by, nearly_the_same, search, search_filtered,
};
use proptest::prelude::*;
use small_index::{Numbers, options, vectors};

const DIMENSION: usize = 24;
const ROWS: usize = 4_000;
const STRANGERS: usize = 300;

/// Rows and strangers, their lengths evenly spread over 0.2 to 20 by their logarithms.
fn sample() -> (Vec<f32>, Vec<f32>) {
    let mut values = vectors(ROWS + STRANGERS, DIMENSION, 60, 5);
    let mut numbers = Numbers(8);
    for row in values.chunks_mut(DIMENSION) {
        let length = 0.2 * 100f32.powf(numbers.below(10_000) as f32 / 1e4);
        row.iter_mut().for_each(|value| *value *= length);
    }
    let strangers = values.split_off(ROWS * DIMENSION);
    (values, strangers)
}

fn built(values: &[f32]) -> Assembled {
    let rows = Rows::new(values, DIMENSION).unwrap();
    let ids: Vec<u32> = (0..rows.len() as u32).collect();
    let encoding = Encoding {
        metric: Some(Metric::Euclidean),
        ..Encoding::default()
    };
    let options = PartitionOptions::default();
    let made = fresh(rows, &ids, &options, &encoding, &mut |_| ()).unwrap();
    made.assembled
}

fn index(values: &[f32]) -> Index {
    built(values).index(None).unwrap()
}

/// Of the rows of [`sample`].
static BUILT: LazyLock<Assembled> = LazyLock::new(|| built(&sample().0));
static INDEX: LazyLock<Index> = LazyLock::new(|| BUILT.index(None).unwrap());

/// By brute force in doubles: distance and row, nearest first.
fn nearest(values: &[f32], query: &[f32]) -> Vec<(f64, u32)> {
    let distance = |row: &[f32]| {
        let squares = row
            .iter()
            .zip(query)
            .map(|(&x, &q)| f64::from(x) - f64::from(q));
        squares.map(|away| away * away).sum::<f64>().sqrt()
    };
    let rows = values.chunks(DIMENSION).map(distance).zip(0..);
    let mut nearest: Vec<(f64, u32)> = rows.collect();
    nearest.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    nearest
}

/// The mean share of the ten true nearest, and the mean that the answers state.
fn recall(index: &Index, values: &[f32], queries: &[f32], options: &SearchOptions) -> (f64, f64) {
    let (mut held, mut stated) = (0.0, 0.0);
    let count = (queries.len() / DIMENSION) as f64;
    for query in queries.chunks(DIMENSION) {
        let truth = nearest(values, query);
        let truth: HashSet<u32> = truth[..10].iter().map(|near| near.1).collect();
        let answer = search(index, query, options).unwrap();
        let found = answer.hits.iter().filter(|hit| truth.contains(&hit.id));
        held += found.count() as f64 / 10.0;
        stated += f64::from(answer.confidence);
    }
    (held / count, stated / count)
}

#[test]
fn an_exact_search_agrees_with_brute_force_up_to_what_codes_lose() {
    let (values, strangers) = sample();
    let index = &*INDEX;
    assert_eq!(index.metric(), Metric::Euclidean);
    let everything = options(|options| options.exact = true);
    let (held, _) = recall(index, &values, &strangers, &everything);
    assert!(held > 0.985, "{held}");
    for query in strangers.chunks(DIMENSION).take(60) {
        let answer = search(index, query, &everything).unwrap();
        let truth = nearest(&values, query);
        for (hit, near) in answer.hits.iter().zip(&truth) {
            let distance = f64::from(hit.distance);
            assert!(
                (distance / near.0 - 1.0).abs() < 0.02,
                "{distance} for {}",
                near.0
            );
            assert_eq!(hit.score, -hit.distance);
        }
        let rows = Rows::new(&values, DIMENSION).unwrap();
        let ids: Vec<u32> = (0..ROWS as u32).collect();
        let oracle = exact_by(Metric::Euclidean, rows, &ids, query, 10);
        for (hit, near) in oracle.iter().zip(&truth) {
            assert!((f64::from(hit.distance) / near.0 - 1.0).abs() < 1e-4);
        }
    }
}

#[test]
fn the_recall_asked_for_is_delivered_and_stated() {
    let (values, strangers) = sample();
    let index = &*INDEX;
    for asked in [0.90, 0.95] {
        let wanted = options(|options| options.recall = asked);
        let (held, stated) = recall(index, &values, &strangers, &wanted);
        let asked = f64::from(asked);
        assert!(held > asked - 0.01, "{held} for {asked}");
        // Strangers are farther from everything than the rows that the index was calibrated on.
        assert!(held > stated - 0.02, "{held} where {stated} is stated");
    }
    // Rows as queries, each its own nearest.
    let own = &values[..200 * DIMENSION];
    let (held, stated) = recall(index, &values, own, &options(|_| ()));
    assert!(
        held > 0.94 && (held - stated).abs() < 0.03,
        "{held} {stated}"
    );
}

#[test]
fn lengths_count() {
    let mut values = sample().0;
    let row = values[..DIMENSION].to_vec();
    let longer: Vec<f32> = row.iter().map(|value| 3.0 * value).collect();
    values.extend(&longer);
    // A row of zeros is as good as any.
    values.extend([0.0; DIMENSION]);
    let index = index(&values);
    let first = |query: &[f32]| search(&index, query, &options(|_| ())).unwrap().hits[0].id;
    assert_eq!(first(&row), 0);
    assert_eq!(first(&longer), ROWS as u32);
    let zeros = search(&index, &[0.0; DIMENSION], &options(|_| ())).unwrap();
    assert_eq!(zeros.hits[0].id, ROWS as u32 + 1);
    assert!(zeros.hits[0].distance < 0.02, "{:?}", zeros.hits[0]);
}

#[test]
fn where_the_rows_lie_and_how_large_they_are_changes_no_answer() {
    let (values, strangers) = sample();
    let here = &*INDEX;
    // A power of two, so that nothing is rounded; what is added rounds the rows in their sixth digit.
    for (size, shift) in [(1.0 / 1_048_576.0, 0.0), (4_096.0, 0.0), (1.0, 64.0)] {
        let moved = |values: &[f32]| -> Vec<f32> {
            values.iter().map(|value| value * size + shift).collect()
        };
        let there = index(&moved(&values));
        let (mut shared, mut all) = (0, 0);
        for query in strangers.chunks(DIMENSION).take(100) {
            let one = search(here, query, &options(|options| options.exact = true)).unwrap();
            let other = options(|options| options.exact = true);
            let other = search(&there, &moved(query), &other).unwrap();
            let ids: HashSet<u32> = one.hits.iter().map(|hit| hit.id).collect();
            shared += other
                .hits
                .iter()
                .filter(|hit| ids.contains(&hit.id))
                .count();
            all += one.hits.len();
            let nearest = (one.hits[0].distance, other.hits[0].distance / size);
            assert!((nearest.1 / nearest.0 - 1.0).abs() < 0.02, "{nearest:?}");
        }
        let share = shared as f64 / f64::from(all as u32);
        assert!(share > 0.97, "{share} with {size} and {shift}");
    }
}

#[test]
fn a_search_that_fetches_parts_answers_as_a_loaded_index_does() {
    let (_, strangers) = sample();
    let (assembled, whole) = (&*BUILT, &*INDEX);
    let mut same = 0;
    for query in strangers.chunks(DIMENSION).take(40) {
        let mut index = Index::open(assembled.manifest.to_json().as_bytes()).unwrap();
        let (name, routing) = &assembled.files[0];
        index.supply(name, routing.clone()).unwrap();
        let answer = loop {
            let routing = index.routing().unwrap().clone();
            let mut state = Query::new(&routing, query, options(|_| ())).unwrap();
            let parts = match state.step(&index).unwrap() {
                Step::Done(answer) => break answer,
                Step::Need(parts) => parts,
            };
            for range in index.ranges(&parts) {
                let file = assembled.files.iter().find(|(name, _)| *name == range.name);
                let (name, bytes) = file.unwrap();
                match range.offset {
                    Some(offset) => {
                        let part = &bytes[offset as usize..][..range.bytes as usize];
                        index.supply_range(name, offset, part).unwrap();
                    }
                    None => index.supply(name, bytes.clone()).unwrap(),
                }
            }
        };
        let loaded = search(whole, query, &options(|_| ())).unwrap();
        assert!(answer.hits[0].distance <= loaded.hits[0].distance * 1.001);
        same += usize::from(answer.hits == loaded.hits);
    }
    assert!(same >= 38, "{same} of 40");
}

#[test]
fn a_least_score_is_minus_a_largest_distance() {
    let (values, strangers) = sample();
    let index = &*INDEX;
    for query in strangers.chunks(DIMENSION).take(30) {
        let all = search(index, query, &options(|options| options.exact = true)).unwrap();
        let reach = 0.5 * (all.hits[4].distance + all.hits[5].distance);
        let within = options(|options| (options.exact, options.min_score) = (true, Some(-reach)));
        let within = search(index, query, &within).unwrap();
        assert_eq!(within.hits, all.hits[..5]);
    }
    let even = |id: u32| id.is_multiple_of(2);
    let query = &strangers[..DIMENSION];
    let exactly = options(|options| options.exact = true);
    let answer = search_filtered(index, query, &exactly, &even).unwrap();
    let truth = nearest(&values, query);
    let passing = truth.iter().filter(|near| even(near.1));
    let found: HashSet<u32> = answer.hits.iter().map(|hit| hit.id).collect();
    let held = passing.take(10).filter(|near| found.contains(&near.1));
    assert!(held.count() >= 9 && answer.hits.iter().all(|hit| even(hit.id)));
}

#[test]
fn what_is_nearly_a_better_hit_again_is_told_by_its_distance() {
    let (mut values, _) = sample();
    let row = values[7 * DIMENSION..][..DIMENSION].to_vec();
    let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
    // Three copies, a hundredth of its length away; and one that has its direction and not its place.
    for copy in 0..3 {
        let mut near = row.clone();
        near[copy] += 0.01 * length;
        values.extend(near);
    }
    values.extend(row.iter().map(|value| 1.5 * value));
    let index = index(&values);
    let found = |distinct| {
        let wanted = options(|options| (options.exact, options.distinct) = (true, distinct));
        let answer = search(&index, &row, &wanted).unwrap();
        answer.hits.iter().map(|hit| hit.id).collect::<Vec<u32>>()
    };
    let copies = ROWS as u32..ROWS as u32 + 3;
    let all = found(None);
    assert!(copies.clone().all(|copy| all.contains(&copy)), "{all:?}");
    let apart = found(Some(0.05 * length));
    assert_eq!(apart.len(), 10);
    assert_eq!(
        apart
            .iter()
            .filter(|id| copies.contains(id) || **id == 7)
            .count(),
        1
    );
    let error = nearly_the_same(Metric::Euclidean).unwrap_err();
    assert!(error.to_string().contains("Euclidean"), "{error}");
}

#[test]
fn a_picture_s_own_vector_comes_back_with_its_length() {
    let (values, _) = sample();
    let index = &*INDEX;
    for id in (0..ROWS as u32).step_by(97) {
        let row = &values[id as usize * DIMENSION..][..DIMENSION];
        let back = index.vector(id).unwrap();
        let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
        let away = row.iter().zip(&back).map(|(x, y)| (x - y) * (x - y));
        let away = away.sum::<f32>().sqrt();
        assert!(away < 0.01 * length.max(1.0), "{away} of {length}");
    }
}

#[test]
fn numbers_that_only_an_index_of_angles_has_are_refused() {
    let (_, strangers) = sample();
    let index = &*INDEX;
    let query = &strangers[..DIMENSION];
    for wanted in [
        options(|options| options.min_score = Some(0.5)),
        options(|options| options.distinct = Some(-0.1)),
    ] {
        let error = search(index, query, &wanted).unwrap_err();
        assert_eq!(error.code(), "query_invalid");
        assert!(error.to_string().contains("Euclidean"), "{error}");
    }
}

#[test]
fn a_manifest_and_a_routing_of_two_metrics_are_refused() {
    let assembled = &*BUILT;
    assert!(
        assembled
            .manifest
            .to_json()
            .contains("\"metric\": \"euclidean\"")
    );
    let lying = Manifest {
        metric: Metric::Cosine,
        ..assembled.manifest.clone()
    };
    let mut index = Index::open(lying.to_json().as_bytes()).unwrap();
    let (name, routing) = &assembled.files[0];
    let error = index.supply(name, routing.clone()).unwrap_err();
    assert_eq!(error.code(), "index_corrupt");
    assert!(error.to_string().contains("metric"), "{error}");
    // A reader of before does not know the section, and refuses a file with one that it may not skip.
    let at = routing.windows(4).position(|four| four == b"EUCL").unwrap();
    assert_eq!(routing[at + 4..at + 8], 1u32.to_le_bytes(), "required");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn estimates_order_rows_as_distances_do(
        seed in 0u64..1 << 40,
        dimension in 2usize..80,
        size in -12i32..12,
        shift in -30f32..30.0,
    ) {
        let mut numbers = Numbers(seed);
        let size = 2f32.powi(size);
        let mut vector = |length: f32| -> Vec<f32> {
            (0..dimension).map(|_| size * (length * numbers.normal() + shift)).collect()
        };
        let values: Vec<f32> = (0..40).flat_map(|row| vector(0.2 * 1.12f32.powi(row))).collect();
        let asked = vector(3.0);
        let frame = Frame::of(Rows::new(&values, dimension).unwrap());
        let moved = frame.enter_rows(&values);
        let rows: Vec<&[f32]> = moved.chunks(dimension).collect();
        let mut inside = asked.clone();
        frame.enter(&mut inside);
        let centroid = vec![0.0; dimension];
        let codes = RowCodes::encode_for(&rows, &centroid, CodeBits::Nine, Metric::Euclidean);
        let query = PreparedQuery::new(&inside).unwrap();
        let own: f32 = inside.iter().map(|value| value * value).sum();
        let away = f64::from(own.sqrt());
        let scale = f64::from(frame.scale());
        let told: Vec<(f64, f64, f64)> = rows.iter().zip(values.chunks(dimension)).enumerate().map(|(number, (row, given))| {
            let estimate = f64::from(query.estimate(&codes, number, -0.5 * own));
            let squared: f64 = given.iter().zip(&asked).map(|(&x, &q)| (f64::from(x) - f64::from(q)).powi(2)).sum();
            let length = row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
            // A code of 8 bits and a sign loses a small part of the residual, of which the query sees what lies its way; and factors have
            // 16 bits.
            let lost = 0.012 * length * away + 2e-4 * (1.0 + away);
            (estimate, -0.5 * squared / (scale * scale), lost)
        }).collect();
        for (one, exact, lost) in &told {
            prop_assert!((one - exact).abs() <= *lost, "{one} for {exact}, may lose {lost}");
        }
        // So two rows whose distances differ by more than both may lose stand in their order.
        for (one, exact, lost) in &told {
            for (other, farther, more) in &told {
                if exact - farther > lost + more {
                    prop_assert!(one > other);
                }
            }
        }
    }
}
