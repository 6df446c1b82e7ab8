//! What routing past a centroid, opening a cell and scanning a row cost in a search: `cargo bench --bench costs [-- ROWS]`.
//!
//! The same vectors (50,000 of 128 dimensions unless told otherwise) in several numbers of cells, asked for several recalls.
//! Each query's time, the least of several rounds, is explained as a sum of a constant and a cost for each centroid, each cell opened and
//! each row scanned, by least squares of the relative errors. `src/partition/cost.rs` has the ratios that came out;
//! `costs.mjs` measures the wasm module.
use std::time::Instant;

use nearsight::build::Threads;
use nearsight::build::assemble::{Assembly, Encoding};
use nearsight::calibration::CalibrationOptions;
use nearsight::partition::{PartitionOptions, Random, Rows, partition_on};
use nearsight::search::{SearchOptions, search};

#[path = "../src/partition/synthetic.rs"]
mod synthetic;

const DIMENSION: usize = 128;
const QUERIES: usize = 400;
const ROUNDS: usize = 7;
const CELLS: [u32; 4] = [150, 450, 1_000, 2_000];
const RECALLS: [f32; 4] = [0.8, 0.9, 0.95, 0.99];

/// What a query paid for, and the nanoseconds it took.
type Sample = ([f64; 4], f64);

fn main() {
    // `cargo test --benches` gives this, and there is nothing to measure then.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let count = std::env::args()
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(50_000);
    let mut values = synthetic::clustered(count + QUERIES, DIMENSION, 1);
    for row in values.chunks_exact_mut(DIMENSION) {
        let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
        row.iter_mut().for_each(|v| *v /= length);
    }
    let (queries, values) = values.split_at(QUERIES * DIMENSION);
    let rows = Rows::new(values, DIMENSION).unwrap_or_else(|error| panic!("{error}"));
    let ids: Vec<u32> = (0..count as u32).collect();
    let workers = Threads::new(None).unwrap_or_else(|error| panic!("{error}"));
    let encoding = Encoding {
        bits: None,
        workers: &workers,
        ..Encoding::default()
    };
    // Few probes: what matters here is that the rule that stops a search runs, not how well it does.
    let calibration = CalibrationOptions {
        fitted: 300,
        held_out: 300,
        ..CalibrationOptions::default()
    };
    let mut seen: Vec<Sample> = Vec::new();
    println!("cells  asked  opened  scanned  mean µs");
    for cells in CELLS {
        let options = PartitionOptions {
            cells: Some(cells),
            ..PartitionOptions::default()
        };
        let index = partition_on(rows, &options, &workers, &mut |_| ())
            .map_err(|error| error.to_string())
            .and_then(|layout| {
                Assembly::of(rows, &ids)
                    .encoding(encoding)
                    .in_layout(&layout)
                    .and_then(|made| made.calibrated_as(rows, &ids, None, &calibration, &encoding))
                    .and_then(|made| Ok(made.index(None)?))
                    .map_err(|error| error.to_string())
            })
            .unwrap_or_else(|error| panic!("{error}"));
        for recall in RECALLS {
            let options = SearchOptions {
                k: 10,
                recall,
                ..SearchOptions::default()
            };
            let before = seen.len();
            for query in queries.chunks_exact(DIMENSION) {
                let mut least = f64::INFINITY;
                let mut paid = [0.0; 4];
                for _ in 0..ROUNDS {
                    let started = Instant::now();
                    let answer =
                        search(&index, query, &options).unwrap_or_else(|error| panic!("{error}"));
                    least = least.min(started.elapsed().as_secs_f64() * 1e9);
                    let centroids = f64::from(index.manifest().counts.cells);
                    paid = [
                        1.0,
                        centroids,
                        answer.probed.len() as f64,
                        answer.scanned as f64,
                    ];
                }
                seen.push((paid, least));
            }
            let here = &seen[before..];
            let mean =
                |of: fn(&Sample) -> f64| here.iter().map(of).sum::<f64>() / here.len() as f64;
            println!(
                "{:>5}   {recall:.2}  {:>6.1}  {:>7.0}  {:>7.1}",
                mean(|s| s.0[1]),
                mean(|s| s.0[2]),
                mean(|s| s.0[3]),
                mean(|s| s.1) / 1e3
            );
        }
    }
    let [fixed, routed, opened, scanned] = least_squares(&seen);
    println!(
        "ns: {fixed:.0} for each query, {routed:.2} for each centroid, {opened:.1} for each cell opened, {scanned:.2} for each row scanned\n\
         in scanned rows: {:.2} for each centroid, {:.1} for each cell opened",
        routed / scanned,
        opened / scanned
    );
}

/// The costs whose sums come nearest to the times, relative to these.
fn least_squares(seen: &[Sample]) -> [f64; 4] {
    let mut a = [[0.0; 5]; 4];
    for (paid, time) in seen {
        let weight = 1.0 / (time * time);
        for i in 0..4 {
            for j in 0..4 {
                a[i][j] += weight * paid[i] * paid[j];
            }
            a[i][4] += weight * paid[i] * time;
        }
    }
    // Gauss and Jordan; four unknowns of a positive matrix need no pivots.
    for i in 0..4 {
        let pivot = a[i][i];
        a[i].iter_mut().for_each(|value| *value /= pivot);
        let row = a[i];
        for (other, line) in a.iter_mut().enumerate() {
            if other != i {
                let times = line[i];
                line.iter_mut()
                    .zip(row)
                    .for_each(|(value, of)| *value -= times * of);
            }
        }
    }
    a.map(|line| line[4])
}
