//! An index held in memory that searches when told to: for a comparison whose rounds another program interleaves.
//!
//! ```text
//! cargo bench --bench answers -- INDEX QUERIES.f32 COUNT K
//! ```
//!
//! INDEX is a folder that `nearsight build --vectors` wrote, QUERIES.f32 raw little-endian rows of its dimension, of which
//! the first COUNT are asked. Says one line of JSON when it is ready. Each line on standard input is a recall to ask for, and
//! is answered by one line of JSON: microseconds, ids and rows scanned of every query. One thread. `bench/native/` reads it.
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use nearsight::build::load_index;
use nearsight::search::{SearchOptions, search};
use serde_json::json;

fn main() -> anyhow::Result<()> {
    // `cargo bench` adds `--bench`; `cargo test --benches` gives nothing, and there is nothing to measure then.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let [folder, file, count, k] = arguments.as_slice() else {
        eprintln!("usage: cargo bench --bench answers -- INDEX QUERIES.f32 COUNT K");
        return Ok(());
    };
    let (count, k): (usize, usize) = (count.parse()?, k.parse()?);
    let index = load_index(Path::new(folder))?;
    let dimension = index
        .routing()
        .context("the index has no routing")?
        .dimension;
    let bytes = std::fs::read(file).with_context(|| file.clone())?;
    let rows = bytes.len() / (4 * dimension);
    ensure!(
        rows >= count,
        "{file} holds {rows} rows of {dimension}, but {count} were asked for"
    );
    let values: Vec<f32> = bytes
        .chunks_exact(4)
        .take(count * dimension)
        .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .collect();

    let mut output = std::io::stdout().lock();
    writeln!(output, "{}", json!({ "dimension": dimension }))?;
    output.flush()?;
    for line in std::io::stdin().lock().lines() {
        let options = SearchOptions {
            k,
            recall: line?.trim().parse()?,
            ..SearchOptions::default()
        };
        let (mut times, mut ids, mut scanned) = (Vec::new(), Vec::new(), Vec::new());
        for query in values.chunks_exact(dimension) {
            let started = Instant::now();
            let answer = search(&index, query, &options)?;
            times.push(started.elapsed().as_secs_f64() * 1e6);
            ids.push(answer.hits.iter().map(|hit| hit.id).collect::<Vec<u32>>());
            scanned.push(answer.scanned);
        }
        writeln!(
            output,
            "{}",
            json!({ "times": times, "ids": ids, "scanned": scanned })
        )?;
        output.flush()?;
    }
    Ok(())
}
