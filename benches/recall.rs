//! What a published folder's search delivers, against exact search on the full vectors:
//! recall@10 and the share of vectors scanned, every picture being the query once.
//!
//! ```text
//! cargo bench --bench recall -- DIST [RECALL]
//! ```

use nearsight::build::{State, load_index};
use nearsight::metrics::recall_at_k;
use nearsight::partition::Rows;
use nearsight::search::{SearchOptions, exact, search};
use std::path::Path;

fn main() {
    // `cargo bench` adds `--bench`; `cargo test --benches` gives nothing, and there is nothing to measure then.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let Some(dist) = arguments.first() else {
        eprintln!("usage: cargo bench --bench recall -- DIST [RECALL]");
        return;
    };
    let mut options = SearchOptions {
        k: 10,
        ..SearchOptions::default()
    };
    if let Some(recall) = arguments.get(1) {
        options.recall = recall.parse().expect("RECALL is a number between 0 and 1");
    }
    let index = load_index(Path::new(dist)).unwrap_or_else(|error| panic!("{error}"));
    let state = State::open(Path::new(dist)).unwrap_or_else(|error| panic!("{error}"));
    let (values, dimension) = state.vectors();
    let ids: Vec<u32> = index.records().map(|record| record.id).collect();
    let kept: Vec<f32> = ids
        .iter()
        .flat_map(|&id| state.row(id).unwrap().to_vec())
        .collect();
    let rows = Rows::new(&kept, dimension).unwrap_or_else(|error| panic!("{error}"));
    let (mut recall, mut scanned, mut cells) = (0.0, 0.0, 0.0);
    for i in 0..rows.len() {
        let answer =
            search(&index, rows.row(i), &options).unwrap_or_else(|error| panic!("{error}"));
        let found: Vec<u32> = answer.hits.iter().map(|hit| hit.id).collect();
        let truth: Vec<u32> = exact(rows, &ids, rows.row(i), 10)
            .iter()
            .map(|hit| hit.id)
            .collect();
        recall += recall_at_k(&found, &truth, 10);
        scanned += answer.scanned as f64 / rows.len() as f64;
        cells += answer.probed.len() as f64;
    }
    let queries = rows.len() as f64;
    println!(
        "{} pictures ({} vectors kept), asked for {}: recall@10 {:.4}, {:.2} % scanned, {:.1} cells opened",
        rows.len(),
        values.len() / dimension,
        options.recall,
        recall / queries,
        100.0 * scanned / queries,
        cells / queries
    );
}
