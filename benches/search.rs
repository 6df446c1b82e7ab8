//! How long an index takes to build and a search to answer on this machine, and what it delivers: vectors from files, one
//! thread that searches.
//!
//! ```text
//! cargo bench --bench search -- PREFIX DIMENSION [K]
//! ```
//!
//! reads `PREFIX.base.f32` and `PREFIX.query.f32`, raw little-endian rows. Times are medians over the queries of the least of
//! several rounds; recall is against exact search on the full vectors. `CELLS`, `BITS` and `JOBS` in the environment set the
//! number of cells, the bits of a code and the threads that build. Then the same with filters that 50 %, 5 % and 0.5 % of the rows pass.
use std::time::Instant;

use nearsight::build::Threads;
use nearsight::build::assemble::{Assembly, Encoding};
use nearsight::calibration::CalibrationOptions;
use nearsight::index::Index;
use nearsight::metrics::recall_at_k;
use nearsight::partition::{PartitionOptions, Rows, partition_on};
use nearsight::quantize::CodeBits;
use nearsight::search::{
    Answer, Passing, SearchError, SearchOptions, exact, search, search_filtered, search_passing,
};

const ROUNDS: usize = 5;
const QUERIES: usize = 1_000;

fn main() {
    // `cargo bench` adds `--bench`; `cargo test --benches` gives nothing, and there is nothing to measure then.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let (Some(prefix), Some(dimension)) = (arguments.first(), arguments.get(1)) else {
        eprintln!("usage: cargo bench --bench search -- PREFIX DIMENSION [K]");
        return;
    };
    let dimension: usize = dimension.parse().expect("DIMENSION is a number");
    let k: usize = arguments
        .get(2)
        .map_or(10, |k| k.parse().expect("K is a number"));
    let base = unit_rows(&format!("{prefix}.base.f32"), dimension);
    let queries = unit_rows(&format!("{prefix}.query.f32"), dimension);
    let rows = Rows::new(&base, dimension).unwrap_or_else(|error| panic!("{error}"));
    let ids: Vec<u32> = (0..rows.len() as u32).collect();

    let number = |name: &str| std::env::var(name).ok()?.parse().ok();
    let workers = Threads::new(number("JOBS")).unwrap_or_else(|error| panic!("{error}"));
    let encoding = Encoding {
        bits: number("BITS").and_then(|bits| CodeBits::new(bits as u32)),
        workers: &workers,
        ..Encoding::default()
    };
    let started = Instant::now();
    let options = PartitionOptions {
        cells: number("CELLS").map(|cells| cells as u32),
        ..PartitionOptions::default()
    };
    let layout = partition_on(rows, &options, &workers, &mut |_| ())
        .unwrap_or_else(|error| panic!("{error}"));
    let laid_out = started.elapsed();
    let assembled = Assembly::of(rows, &ids)
        .encoding(encoding)
        .in_layout(&layout)
        .unwrap_or_else(|error| panic!("{error}"));
    let encoded = started.elapsed();
    let calibration = CalibrationOptions::default();
    let assembled = assembled
        .calibrated_as(rows, &ids, None, &calibration, &encoding)
        .unwrap_or_else(|error| panic!("{error}"));
    let bytes: usize = assembled.files.iter().map(|(_, bytes)| bytes.len()).sum();
    let index = assembled
        .index(None)
        .unwrap_or_else(|error| panic!("{error}"));
    println!(
        "{} rows of {dimension}, {} cells; layout {:.1} s, codes {:.1} s, calibration {:.1} s; {:.1} bytes a row",
        rows.len(),
        layout.cells(),
        laid_out.as_secs_f64(),
        (encoded - laid_out).as_secs_f64(),
        (started.elapsed() - encoded).as_secs_f64(),
        bytes as f64 / rows.len() as f64,
    );

    let queries: Vec<&[f32]> = queries.chunks_exact(dimension).take(QUERIES).collect();
    let truth: Vec<Vec<u32>> = queries
        .iter()
        .map(|query| {
            exact(rows, &ids, query, k)
                .iter()
                .map(|hit| hit.id)
                .collect()
        })
        .collect();
    println!("asked   recall  said    scanned     p95  cells  in full  median µs  p95 µs");
    for recall in [0.8, 0.9, 0.95, 0.98, 0.99] {
        let options = SearchOptions {
            k,
            recall,
            ..SearchOptions::default()
        };
        let (mut delivered, mut said, mut opened, mut reranked) = (0.0, 0.0, 0.0, 0.0);
        let mut scanned = Vec::with_capacity(queries.len());
        let mut times = vec![f64::INFINITY; queries.len()];
        for round in 0..ROUNDS {
            for (number, query) in queries.iter().enumerate() {
                let started = Instant::now();
                let answer =
                    search(&index, query, &options).unwrap_or_else(|error| panic!("{error}"));
                times[number] = times[number].min(started.elapsed().as_secs_f64() * 1e6);
                if round == 0 {
                    let found: Vec<u32> = answer.hits.iter().map(|hit| hit.id).collect();
                    delivered += recall_at_k(&found, &truth[number], k);
                    said += f64::from(answer.confidence);
                    opened += answer.probed.len() as f64;
                    reranked += answer.reranked as f64;
                    scanned.push(answer.scanned as f64);
                }
            }
        }
        let count = queries.len() as f64;
        let mean = scanned.iter().sum::<f64>() / count;
        println!(
            "{recall:.2}    {:.4}  {:.4}  {mean:>7.0}  {:>6.0}  {:>5.1}  {:>7.0}  {:>9.1}  {:>6.1}",
            delivered / count,
            said / count,
            quantile(&mut scanned, 0.95),
            opened / count,
            reranked / count,
            quantile(&mut times, 0.5),
            quantile(&mut times, 0.95),
        );
    }
    filtered(&index, rows, &queries, k);
}

/// Searches for 0.95 among a part of the rows: with the filter asked as they come up, and with one that was asked before.
fn filtered(index: &Index, rows: Rows, queries: &[&[f32]], k: usize) {
    let options = SearchOptions {
        k,
        ..SearchOptions::default()
    };
    println!("pass     filter   recall  said    hits   scanned  cells  median µs  p95 µs");
    for share in [0.5, 0.05, 0.005] {
        let limit = (share * f64::from(1u32 << 16)) as u32;
        let passes = |id: u32| id.wrapping_mul(2_654_435_761) >> 16 < limit;
        let kept: Vec<u32> = (0..rows.len() as u32).filter(|&id| passes(id)).collect();
        let of_kept = kept.iter().map(|&id| rows.row(id as usize));
        let values: Vec<f32> = of_kept.flatten().copied().collect();
        let those = Rows::new(&values, rows.dimension()).unwrap_or_else(|error| panic!("{error}"));
        let truth: Vec<Vec<u32>> = queries
            .iter()
            .map(|query| {
                let nearest = exact(those, &kept, query, k);
                nearest.iter().map(|hit| hit.id).collect()
            })
            .collect();
        let started = Instant::now();
        let passing = Passing::of(index, &passes).expect("all is loaded");
        let asked = started.elapsed();
        type Search<'s> = &'s dyn Fn(&[f32]) -> Result<Answer, SearchError>;
        let as_asked: Search = &|query| search_filtered(index, query, &options, &passes);
        let before: Search = &|query| search_passing(index, query, &options, &passing);
        for (name, search) in [("asked", as_asked), ("known", before)] {
            let mut times = vec![f64::INFINITY; queries.len()];
            let (mut recall, mut said, mut hits, mut scanned, mut cells) = (0.0, 0.0, 0, 0.0, 0.0);
            for round in 0..ROUNDS {
                for (number, query) in queries.iter().enumerate() {
                    let started = Instant::now();
                    let answer = search(query).unwrap_or_else(|error| panic!("{error}"));
                    times[number] = times[number].min(started.elapsed().as_secs_f64() * 1e6);
                    if round == 0 {
                        let found: Vec<u32> = answer.hits.iter().map(|hit| hit.id).collect();
                        recall += recall_at_k(&found, &truth[number], k);
                        said += f64::from(answer.confidence);
                        hits += usize::from(found.len() == k.min(kept.len()));
                        scanned += answer.scanned as f64;
                        cells += answer.probed.len() as f64;
                    }
                }
            }
            let count = queries.len() as f64;
            println!(
                "{:>5.1} %  {name:<7}  {:.4}  {:.4}  {:>4.0} %  {:>7.0}  {:>5.1}  {:>9.1}  {:>6.1}",
                100.0 * share,
                recall / count,
                said / count,
                100.0 * hits as f64 / count,
                scanned / count,
                cells / count,
                quantile(&mut times, 0.5),
                quantile(&mut times, 0.95),
            );
        }
        println!("         to know: {:.0} µs", asked.as_secs_f64() * 1e6);
    }
}

fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share) as usize]
}

/// The rows of a file, made of unit length.
fn unit_rows(path: &str, dimension: usize) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut values: Vec<f32> = bytes
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .collect();
    for row in values.chunks_exact_mut(dimension) {
        let length = row
            .iter()
            .map(|v| f64::from(*v).powi(2))
            .sum::<f64>()
            .sqrt();
        row.iter_mut()
            .for_each(|v| *v = (f64::from(*v) / length) as f32);
    }
    values
}
