//! What a visitor fetches who does not preload: rounds of requests and bytes, through the very state machine, no network.
//!
//! ```text
//! nearsight build --vectors BASE -o DIST
//! cargo bench --bench ranges -- DIST QUERIES.f32 [K]
//! ```
//!
//! QUERIES.f32 holds raw little-endian rows. First answers are each of a visitor of their own, who has manifest and routing;
//! later ones are of one visitor who asks everything in turn. Medians, and the tenth that fetches most.
use std::collections::HashMap;
use std::path::Path;

use nearsight::index::{FileRange, Index};
use nearsight::search::{Query, SearchOptions, Step, search};

const QUERIES: usize = 200;

#[derive(Default)]
struct Costs {
    rounds: Vec<f64>,
    requests: Vec<f64>,
    bytes: Vec<f64>,
}

fn main() {
    // `cargo bench` adds `--bench`; `cargo test --benches` gives nothing, and there is nothing to measure then.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let (Some(folder), Some(queries)) = (arguments.first(), arguments.get(1)) else {
        eprintln!("usage: cargo bench --bench ranges -- DIST QUERIES.f32 [K]");
        return;
    };
    let k: usize = arguments
        .get(2)
        .map_or(10, |k| k.parse().expect("K is a number"));
    let folder = Path::new(folder);
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let mut fresh = Index::open(&read("manifest.json")).unwrap_or_else(|error| panic!("{error}"));
    let routing = fresh.manifest().routing.name.clone();
    let supply = |index: &mut Index, name: &str, bytes: Vec<u8>| {
        index
            .supply(name, bytes)
            .unwrap_or_else(|error| panic!("{error}"));
    };
    supply(&mut fresh, &routing, read(&routing));
    let mut whole = fresh.clone();
    let files: HashMap<String, Vec<u8>> = whole
        .missing_for_search()
        .into_iter()
        .map(|file| (file.name.clone(), read(&file.name)))
        .collect();
    for (name, bytes) in &files {
        supply(&mut whole, name, bytes.clone());
    }
    let manifest = fresh.manifest();
    let segments: u64 = manifest.segments.iter().map(|file| file.bytes).sum();
    println!(
        "{} rows of {}, {} cells in {} segments of {segments} bytes, routing {} bytes: {:.1} bytes a row",
        manifest.counts.pictures,
        manifest.dimension,
        manifest.counts.cells,
        manifest.segments.len(),
        manifest.routing.bytes,
        (segments + manifest.routing.bytes) as f64 / manifest.counts.pictures as f64,
    );
    let bytes = std::fs::read(queries).unwrap_or_else(|error| panic!("{queries}: {error}"));
    let values: Vec<f32> = bytes
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .collect();
    let queries: Vec<&[f32]> = values
        .chunks_exact(manifest.dimension)
        .take(QUERIES)
        .collect();

    println!("asked           rounds  p90  requests  p90  bytes    p90      shared hits");
    for recall in [0.8, 0.9, 0.95, 0.98, 0.99] {
        let options = SearchOptions {
            k,
            recall,
            ..SearchOptions::default()
        };
        let (mut first, mut later) = (Costs::default(), Costs::default());
        let mut visitor = fresh.clone();
        let (mut shared, mut all) = ([0, 0], 0);
        for (number, query) in queries.iter().enumerate() {
            let expected: Vec<u32> = search(&whole, query, &options)
                .unwrap_or_else(|error| panic!("{error}"))
                .hits
                .iter()
                .map(|hit| hit.id)
                .collect();
            all += expected.len();
            let count = |found: Vec<u32>| found.iter().filter(|id| expected.contains(id)).count();
            shared[0] += count(answer(
                &mut fresh.clone(),
                &files,
                query,
                &options,
                &mut first,
            ));
            let mut costs = Costs::default();
            let kept = if number == 0 { &mut costs } else { &mut later };
            shared[1] += count(answer(&mut visitor, &files, query, &options, kept));
        }
        for (name, costs, shared) in [("first", first, shared[0]), ("later", later, shared[1])] {
            println!(
                "{recall:.2}  {name:<9} {}  {}  {}  {:.4}",
                row(costs.rounds, 6, 3),
                row(costs.requests, 8, 3),
                row(costs.bytes, 7, 7),
                shared as f64 / all as f64
            );
        }
    }
}

/// One query, which brings what it asks for.
fn answer(
    index: &mut Index,
    files: &HashMap<String, Vec<u8>>,
    query: &[f32],
    options: &SearchOptions,
    costs: &mut Costs,
) -> Vec<u32> {
    let (mut rounds, mut requests, mut bytes) = (0.0, 0.0, 0.0);
    loop {
        let routing = index.routing().expect("the routing was supplied");
        let mut state =
            Query::new(routing, query, options.clone()).unwrap_or_else(|error| panic!("{error}"));
        match state.step(index).unwrap_or_else(|error| panic!("{error}")) {
            Step::Done(answer) => {
                costs.rounds.push(rounds);
                costs.requests.push(requests);
                costs.bytes.push(bytes);
                return answer.hits.iter().map(|hit| hit.id).collect();
            }
            Step::Need(parts) => {
                let ranges = index.ranges(&parts);
                rounds += 1.0;
                requests += ranges.len() as f64;
                for range in &ranges {
                    bytes += range.bytes as f64;
                    bring(index, files, range);
                }
            }
        }
    }
}

fn bring(index: &mut Index, files: &HashMap<String, Vec<u8>>, range: &FileRange) {
    let file = &files[&range.name];
    let taken = match range.offset {
        Some(offset) => {
            let part = &file[offset as usize..][..range.bytes as usize];
            index.supply_range(&range.name, offset, part)
        }
        None => index.supply(&range.name, file.clone()),
    };
    taken.unwrap_or_else(|error| panic!("{error}"));
}

fn row(mut values: Vec<f64>, wide: usize, less_wide: usize) -> String {
    values.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share) as usize];
    format!("{:>wide$}  {:>less_wide$}", at(0.5), at(0.9))
}
