//! The recall that was asked for is the recall that is delivered, and the answer says so.

// These take a while: on the machine, not in the browser.
#![cfg(not(target_arch = "wasm32"))]

mod small_index;

use std::sync::OnceLock;

use nearsight::build::assemble::{Assembly, Encoding};
use nearsight::calibration::{CalibrationOptions, FEWEST_ROWS};
use nearsight::index::Index;
use nearsight::metrics::recall_at_k;
use nearsight::partition::{Alone, Rows};
use nearsight::quantize::CodeBits;
use nearsight::search::{
    Answer, Passing, SearchError, SearchOptions, exact, search, search_filtered, search_passing,
};
use small_index::{layout, vectors};

const DIMENSION: usize = 32;
const ROWS: usize = 12_000;
const QUERIES: usize = 1_500;

/// Of so few rows one cell is several points of recall, and an index lies beside what was asked by as much: what is promised of a mean
/// over queries is looked at over several indexes.
const SEEDS: [u64; 4] = [7, 8, 9, 10];

struct Calibrated {
    values: Vec<f32>,
    /// Drawn like the rows, and not among them.
    queries: Vec<f32>,
    index: Index,
}

/// In 2√n cells: of fewer, large ones a single one may hold more than is asked.
fn calibrated(values: &[f32], options: &CalibrationOptions) -> Index {
    let cells = (2.0 * ((values.len() / DIMENSION) as f64).sqrt()) as u32;
    let rows = Rows::new(values, DIMENSION).unwrap();
    let ids: Vec<u32> = (0..rows.len() as u32).collect();
    Assembly::of(rows, &ids)
        .in_layout(&layout(values, DIMENSION, Some(cells)))
        .and_then(|made| made.calibrated(rows, &ids, None, options))
        .unwrap()
        .index(None)
        .unwrap()
}

/// The index of rows drawn with `SEEDS[place]`.
fn drawn(place: usize) -> &'static Calibrated {
    static DRAWN: [OnceLock<Calibrated>; SEEDS.len()] = [const { OnceLock::new() }; SEEDS.len()];
    DRAWN[place].get_or_init(|| {
        let mut values = vectors(ROWS + QUERIES, DIMENSION, 60, SEEDS[place]);
        let queries = values.split_off(ROWS * DIMENSION);
        Calibrated {
            index: calibrated(&values, &CalibrationOptions::default()),
            values,
            queries,
        }
    })
}

fn all_drawn() -> impl Iterator<Item = &'static Calibrated> {
    (0..SEEDS.len()).map(drawn)
}

fn shared() -> &'static Calibrated {
    drawn(0)
}

struct Measured {
    recall: f64,
    said: f64,
    /// Of all rows.
    scanned: f64,
}

impl Measured {
    fn of(answer: &Answer, truth: &[u32]) -> Self {
        let found: Vec<u32> = answer.hits.iter().map(|hit| hit.id).collect();
        Self {
            recall: recall_at_k(&found, truth, truth.len()),
            said: f64::from(answer.confidence),
            scanned: answer.scanned as f64 / ROWS as f64,
        }
    }
}

fn mean<'a>(each: impl IntoIterator<Item = &'a Measured>) -> Measured {
    let (mut count, mut sum) = (0.0, [0.0; 3]);
    for one in each {
        count += 1.0;
        sum[0] += one.recall;
        sum[1] += one.said;
        sum[2] += one.scanned;
    }
    let [recall, said, scanned] = sum.map(|sum| sum / count);
    Measured {
        recall,
        said,
        scanned,
    }
}

fn measured(index: &Index, values: &[f32], queries: &[f32], k: usize, asked: f32) -> Measured {
    let rows = Rows::new(values, DIMENSION).unwrap();
    let ids: Vec<u32> = (0..rows.len() as u32).collect();
    let options = SearchOptions {
        k,
        recall: asked,
        ..SearchOptions::default()
    };
    let each: Vec<Measured> = queries
        .chunks_exact(DIMENSION)
        .map(|query| {
            let answer = search(index, query, &options).unwrap();
            let truth: Vec<u32> = exact(rows, &ids, query, k)
                .iter()
                .map(|hit| hit.id)
                .collect();
            Measured::of(&answer, &truth)
        })
        .collect();
    mean(&each)
}

/// Of several indexes, each with the queries drawn for it.
fn measured_over<'a>(
    indexes: impl IntoIterator<Item = (&'a Index, &'static Calibrated)>,
    k: usize,
    asked: f32,
) -> Measured {
    let each: Vec<Measured> = indexes
        .into_iter()
        .map(|(index, of)| measured(index, &of.values, &of.queries, k, asked))
        .collect();
    mean(&each)
}

fn own_indexes() -> impl Iterator<Item = (&'static Index, &'static Calibrated)> {
    all_drawn().map(|of| (&of.index, of))
}

/// Below what was asked by no more than the mean varies by with the queries. Above it by more: an easy query's first cells hold more than is
/// asked, and hard ones are not left with too little to make up for it.
fn is_delivered(asked: f64, recall: f64) -> bool {
    (asked - 0.007..asked + 0.02).contains(&recall)
}

#[test]
fn strangers_get_the_recall_that_was_asked_for() {
    for (k, asked) in [(10, 0.90), (10, 0.95), (10, 0.99), (24, 0.95), (50, 0.95)] {
        let found = measured_over(own_indexes(), k, asked);
        println!(
            "k {k}, asked {asked}: {:.4}, said {:.4}, {:.3} scanned",
            found.recall, found.said, found.scanned
        );
        assert!(
            is_delivered(f64::from(asked), found.recall),
            "k {k}, asked {asked}: {}",
            found.recall
        );
        assert!((found.said - found.recall).abs() < 0.01, "{}", found.said);
    }
}

#[test]
fn a_higher_recall_costs_more_and_a_fraction_of_the_whole() {
    let shared = shared();
    let scanned: Vec<f64> = [0.8, 0.9, 0.95, 0.99]
        .map(|asked| measured(&shared.index, &shared.values, &shared.queries, 10, asked).scanned)
        .to_vec();
    assert!(scanned.is_sorted_by(|a, b| a < b), "{scanned:?}");
    assert!(scanned[3] < 0.2, "{scanned:?}");
}

#[test]
fn queries_unlike_the_rows_get_nearly_what_was_asked_for() {
    let shared = shared();
    let rows = &shared.values;
    let row = |i: usize| &rows[i * DIMENSION..(i + 1) * DIMENSION];
    let midpoints: Vec<f32> = (0..600)
        .flat_map(|i| {
            let (a, b) = (row(i * 7), row(ROWS - 1 - i * 13));
            small_index::unit(a.iter().zip(b).map(|(a, b)| a + b).collect())
        })
        .collect();
    let others = vectors(600, DIMENSION, 60, 1_234);
    for (name, queries) in [("midpoints", midpoints), ("others", others)] {
        let found = measured(&shared.index, rows, &queries, 10, 0.95);
        println!(
            "{name}: {:.4}, said {:.4}, {:.3} scanned",
            found.recall, found.said, found.scanned
        );
        assert!(found.recall >= 0.92, "{name}: {}", found.recall);
    }
}

/// The check above can fail: weights that belong to other features deliver another recall, or scan far more.
#[test]
fn a_model_whose_weights_are_shuffled_does_not_pass_for_calibrated() {
    let shuffled = |of: &Calibrated| {
        let mut routing = of.index.routing().unwrap().clone();
        let calibration = routing.calibration.as_mut().unwrap();
        calibration.geometry.rotate_left(2);
        with_routing(&of.index, &routing)
    };
    let broken: Vec<Index> = all_drawn().map(shuffled).collect();
    let good = measured_over(own_indexes(), 10, 0.95);
    let bad = measured_over(broken.iter().zip(all_drawn()), 10, 0.95);
    println!(
        "recall {:.4} and {:.4}, scanned {:.3} and {:.3}",
        good.recall, bad.recall, good.scanned, bad.scanned
    );
    assert!(is_delivered(0.95, good.recall));
    assert!(!is_delivered(0.95, bad.recall), "{}", bad.recall);
}

/// The index with another routing in place of its own.
fn with_routing(index: &Index, routing: &nearsight::index::Routing) -> Index {
    let bytes = routing.write();
    let mut manifest = index.manifest().clone();
    manifest.routing = nearsight::index::FileRef::of("routing", &bytes, "nsr");
    let mut changed = Index::open(manifest.to_json().as_bytes()).unwrap();
    changed.supply(&manifest.routing.name, bytes).unwrap();
    for (number, file) in manifest.segments.iter().enumerate() {
        let segment = index.segment(number as u32).unwrap();
        changed.supply(&file.name, segment.write()).unwrap();
    }
    changed
}

#[test]
fn a_filter_gets_its_hits_and_nearly_its_recall() {
    for (share, every) in [(0.5, 2), (0.05, 20), (0.005, 200)] {
        let passes =
            |id: u32| id.wrapping_mul(2_654_435_761) >> 16 & 0xffff < (65_536.0 * share) as u32;
        let kept: Vec<u32> = (0..ROWS as u32).filter(|&id| passes(id)).collect();
        assert!(
            kept.len().abs_diff(ROWS / every) < ROWS / every / 2,
            "{}",
            kept.len()
        );
        let each: Vec<[Measured; 2]> = all_drawn()
            .map(|of| measured_filtered(of, &passes, &kept))
            .collect();
        let asked = mean(each.iter().map(|[asked, _]| asked));
        let known = mean(each.iter().map(|[_, known]| known));
        for (way, found) in [("asked", &asked), ("known", &known)] {
            println!(
                "{share} pass, {way}: {:.4}, said {:.4}, {:.3} scanned",
                found.recall, found.said, found.scanned
            );
            assert!((found.recall - 0.95).abs() < 0.02, "{share} pass, {way}");
        }
        // Blocks of 32 rows in which none passes are not read.
        assert!(known.scanned <= asked.scanned * 1.05, "{share} pass");
        assert!(share > 0.01 || known.scanned < 0.25, "{}", known.scanned);
    }
}

/// With a filter that is asked row by row, and with one whose rows are known; `kept` are those that pass.
fn measured_filtered(
    of: &Calibrated,
    passes: &impl Fn(u32) -> bool,
    kept: &[u32],
) -> [Measured; 2] {
    const QUERIES: usize = 250;
    let rows = Rows::new(&of.values, DIMENSION).unwrap();
    let values: Vec<f32> = kept
        .iter()
        .flat_map(|&id| rows.row(id as usize).to_vec())
        .collect();
    let passing = Rows::new(&values, DIMENSION).unwrap();
    let options = SearchOptions {
        k: 10,
        ..SearchOptions::default()
    };
    let known = Passing::of(&of.index, passes).unwrap();
    assert_eq!(known.rows(), kept.len() as u64);
    let mut ways = [const { Vec::new() }; 2];
    for query in of.queries.chunks_exact(DIMENSION).take(QUERIES) {
        let answers = [
            search_filtered(&of.index, query, &options, passes).unwrap(),
            search_passing(&of.index, query, &options, &known).unwrap(),
        ];
        let truth: Vec<u32> = exact(passing, kept, query, 10)
            .iter()
            .map(|hit| hit.id)
            .collect();
        for (way, answer) in ways.iter_mut().zip(&answers) {
            assert_eq!(answer.hits.len(), 10);
            assert!(answer.hits.iter().all(|hit| passes(hit.id)));
            way.push(Measured::of(answer, &truth));
        }
    }
    ways.map(|way| mean(&way))
}

#[test]
fn the_same_rows_and_seed_give_the_same_calibration_and_few_rows_none() {
    let values = vectors(FEWEST_ROWS + 200, DIMENSION, 12, 3);
    let options = CalibrationOptions::default();
    let once = calibrated(&values, &options);
    assert!(once.routing().unwrap().calibration.is_some());
    assert_eq!(once.manifest(), calibrated(&values, &options).manifest());
    let other = CalibrationOptions { seed: 2, ..options };
    assert_ne!(once.manifest(), calibrated(&values, &other).manifest());
    let few = calibrated(&values[..(FEWEST_ROWS - 1) * DIMENSION], &options);
    assert!(few.routing().unwrap().calibration.is_none());
    let query = &values[..DIMENSION];
    assert_eq!(
        search(&few, query, &SearchOptions::default())
            .unwrap()
            .hits
            .len(),
        24
    );
}

#[test]
fn rows_that_are_all_alike_are_indexed_and_found() {
    let mut values = vectors(1, DIMENSION, 1, 3).repeat(FEWEST_ROWS + 100);
    values.extend(vectors(30, DIMENSION, 3, 9));
    let index = calibrated(&values, &CalibrationOptions::default());
    let answer = search(&index, &values[..DIMENSION], &SearchOptions::default()).unwrap();
    assert_eq!(answer.hits.len(), 24);
    assert!(answer.hits.iter().all(|hit| hit.score > 0.999));
}

#[test]
fn short_codes_state_no_more_than_they_deliver() {
    let shared = shared();
    let rows = Rows::new(&shared.values, DIMENSION).unwrap();
    let ids: Vec<u32> = (0..ROWS as u32).collect();
    let cells = (2.0 * (ROWS as f64).sqrt()) as u32;
    let layout = layout(&shared.values, DIMENSION, Some(cells));
    let encoding = Encoding {
        bits: CodeBits::new(6),
        workers: &Alone,
        ..Encoding::default()
    };
    let index = Assembly::of(rows, &ids)
        .encoding(encoding)
        .in_layout(&layout)
        .and_then(|made| made.calibrated(rows, &ids, None, &CalibrationOptions::default()))
        .unwrap()
        .index(None)
        .unwrap();
    let calibration = index.routing().unwrap().calibration.unwrap();
    let ceiling = calibration.ceiling(10, 0.99);
    assert!(ceiling < 0.99, "codes of 6 bits hold {ceiling}");
    // 1 opens every cell.
    for asked in [0.95, 0.99, 1.0] {
        let found = measured(&index, &shared.values, &shared.queries, 10, asked);
        println!(
            "6 bits, asked {asked}: {:.4}, said {:.4}, {:.3} scanned; held {ceiling:.4}",
            found.recall, found.said, found.scanned
        );
        assert!((found.said - found.recall).abs() < 0.01, "asked {asked}");
        assert!(found.said <= f64::from(ceiling) + 1e-6);
        assert!(asked >= 1.0 || found.scanned < 0.5, "{}", found.scanned);
    }
    let beyond = SearchOptions {
        recall: 0.99,
        ..SearchOptions::default()
    };
    let answer = search(&index, &shared.queries[..DIMENSION], &beyond).unwrap();
    assert!(answer.confidence < 0.99 && !answer.capped);
}

#[test]
fn a_filter_that_was_asked_before_answers_exactly_as_one_that_is_asked() {
    let shared = shared();
    let exact = SearchOptions {
        exact: true,
        ..SearchOptions::default()
    };
    for every in [1, 3, 50, 4_000, u32::MAX] {
        let passes = |id: u32| id % every == every / 2;
        let known = Passing::of(&shared.index, &passes).unwrap();
        for query in shared.queries.chunks_exact(DIMENSION).take(5) {
            let asked = search_filtered(&shared.index, query, &exact, &passes).unwrap();
            let answer = search_passing(&shared.index, query, &exact, &known).unwrap();
            assert_eq!(answer.hits, asked.hits, "every {every}th");
            assert_eq!(answer.scanned, known.rows());
        }
    }
    let few = calibrated(
        &shared.values[..2_000 * DIMENSION],
        &CalibrationOptions::default(),
    );
    let other = Passing::of(&few, &|_| true).unwrap();
    let error = search_passing(&shared.index, &shared.queries[..DIMENSION], &exact, &other);
    assert!(matches!(error, Err(SearchError::Option { .. })));
}
