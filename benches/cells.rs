//! How long the kernels and a layout take, and how many rows Ward's cells spare: `cargo bench --bench cells [-- ROWS]`.
//!
//! 20,000 rows of 128 dimensions unless told otherwise; 100,000 take about a minute. Times are the least of several tries;
//! on a busy machine read the ratios. Rows scanned are exact counts and do not depend on the machine.
use std::hint::black_box;
use std::time::Instant;

use nearsight::kernel;
use nearsight::partition::{Layout, Method, PartitionOptions, Random, Rows, partition};

#[path = "../src/partition/synthetic.rs"]
mod synthetic;

const DIMENSION: usize = 128;
const QUERIES: usize = 300;
const NEAREST: usize = 10;

fn main() {
    let count = std::env::args()
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(20_000);
    kernels();
    let values = synthetic::clustered(count + QUERIES, DIMENSION, 1);
    let (queries, values) = values.split_at(QUERIES * DIMENSION);
    let (Ok(queries), Ok(rows)) = (Rows::new(queries, DIMENSION), Rows::new(values, DIMENSION))
    else {
        panic!("the generator makes finite numbers");
    };
    let truth: Vec<Vec<u32>> = queries.iter().map(|query| nearest(rows, query)).collect();
    println!("\n{count} rows of {DIMENSION} dimensions, {QUERIES} queries, the nearest {NEAREST}");
    for method in [Method::Ward, Method::BinaryTree] {
        let started = Instant::now();
        let options = PartitionOptions {
            method,
            ..PartitionOptions::default()
        };
        let Ok(layout) = partition(rows, &options, &mut |_| ()) else {
            panic!("finite rows have a layout");
        };
        let took = started.elapsed().as_secs_f64();
        let mut sizes: Vec<usize> = layout.members().iter().map(Vec::len).collect();
        sizes.sort_unstable();
        let at = |share: f64| sizes[((sizes.len() - 1) as f64 * share) as usize];
        println!(
            "{method:?}: {took:.2} s, {} cells of {}/{}/{} rows (least, median, most); rows scanned for recall 0.90 / 0.95 / 0.99: {:.0} / {:.0} / {:.0}",
            sizes.len(),
            at(0.0),
            at(0.5),
            at(1.0),
            scanned(&layout, queries, &truth, 0.90),
            scanned(&layout, queries, &truth, 0.95),
            scanned(&layout, queries, &truth, 0.99),
        );
    }
}

fn kernels() {
    let mut random = Random::new(1);
    let floats: Vec<f32> = (0..1_024 * DIMENSION)
        .map(|_| random.unit() as f32 - 0.5)
        .collect();
    let codes: Vec<i8> = (0..1_024 * DIMENSION)
        .map(|_| random.next_u64() as i8)
        .collect();
    let query: Vec<i16> = (0..DIMENSION).map(|_| random.next_u64() as i16).collect();
    let vector = &floats[..DIMENSION];
    let (mut dots, mut sums) = (vec![0.0f32; 1_024], vec![0i32; 1_024]);
    let plain = nanoseconds_a_row(|| {
        for (row, dot) in floats.chunks_exact(DIMENSION).zip(&mut dots) {
            *dot = black_box(vector).iter().zip(row).map(|(a, b)| a * b).sum();
        }
        black_box(&dots);
    });
    let one_by_one = nanoseconds_a_row(|| {
        for (row, dot) in floats.chunks_exact(DIMENSION).zip(&mut dots) {
            *dot = kernel::dot_f32(black_box(vector), row);
        }
        black_box(&dots);
    });
    let together = nanoseconds_a_row(|| {
        kernel::dot_f32_rows(black_box(vector), &floats, &mut dots);
        black_box(&dots);
    });
    let integers = nanoseconds_a_row(|| {
        kernel::dot_i8_i16_rows(&codes, black_box(&query), &mut sums);
        black_box(&sums);
    });
    println!(
        "ns a row of {DIMENSION}: plain f32 loop {plain:.1}; dot_f32 {one_by_one:.1}; dot_f32_rows {together:.1}; dot_i8_i16_rows {integers:.1}"
    );
    println!(
        "times the plain loop: {:.1}, {:.1}, {:.1}",
        plain / one_by_one,
        plain / together,
        plain / integers
    );
}

/// `work` goes over 1,024 rows.
fn nanoseconds_a_row(mut work: impl FnMut()) -> f64 {
    let mut least = f64::INFINITY;
    for _ in 0..200 {
        let started = Instant::now();
        work();
        least = least.min(started.elapsed().as_secs_f64());
    }
    least * 1e9 / 1_024.0
}

fn nearest(rows: Rows, query: &[f32]) -> Vec<u32> {
    let mut dots = vec![0.0; rows.len()];
    kernel::dot_f32_rows(query, rows.values(), &mut dots);
    let mut order: Vec<u32> = (0..rows.len() as u32).collect();
    let best_first = |a: &u32, b: &u32| {
        dots[*b as usize]
            .total_cmp(&dots[*a as usize])
            .then(a.cmp(b))
    };
    if order.len() > NEAREST {
        order.select_nth_unstable_by(NEAREST, best_first);
        order.truncate(NEAREST);
    }
    order
}

/// The mean number of rows in the nearest p cells, for the least p at which the mean recall is `recall`.
fn scanned(layout: &Layout, queries: Rows, truth: &[Vec<u32>], recall: f64) -> f64 {
    let sizes: Vec<usize> = layout.members().iter().map(Vec::len).collect();
    let mut found = vec![0.0; sizes.len()];
    let mut rows = vec![0.0; sizes.len()];
    for (query, truth) in queries.iter().zip(truth) {
        let mut order: Vec<(f32, u32)> = layout
            .centroids
            .chunks_exact(layout.dimension)
            .enumerate()
            .map(|(cell, centroid)| (kernel::squared_distance_f32(query, centroid), cell as u32))
            .collect();
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (place, &(_, cell)) in order.iter().enumerate() {
            let here = truth
                .iter()
                .filter(|&&row| layout.cell_of_row[row as usize] == cell)
                .count();
            found[place] += here as f64;
            rows[place] += sizes[cell as usize] as f64;
        }
    }
    let wanted = recall * (queries.len() * NEAREST) as f64;
    let (mut hits, mut cost) = (0.0, 0.0);
    for (found, rows) in found.iter().zip(&rows) {
        (hits, cost) = (hits + found, cost + rows);
        if hits >= wanted {
            break;
        }
    }
    cost / queries.len() as f64
}
