//! What an update of an index ships, what searches cost after it, and what is left when it is compacted.
//!
//! ```text
//! cargo bench --bench updates -- PREFIX DIMENSION [K]
//! ```
//!
//! reads `PREFIX.base.f32` and `PREFIX.query.f32`, raw little-endian rows. Builds an index of all but the last twentieth of the rows, adds that,
//! removes every tenth, and compacts, each epoch calibrated and each through a folder as the commands do it; beside it stands a
//! rebuild of the same rows. Recall is against exact search on the full vectors.
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use nearsight::build::{
    Report, State, VectorOptions, VectorUpdate, build_vectors, load_index, update_vectors,
};
use nearsight::index::Index;
use nearsight::metrics::recall_at_k;
use nearsight::partition::{PartitionOptions, Rows};
use nearsight::search::{SearchOptions, exact, search};

const QUERIES: usize = 1_000;
const RECALL: f32 = 0.95;

fn main() {
    // `cargo bench` adds `--bench`; `cargo test --benches` gives nothing, and there is nothing to measure then.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let (Some(prefix), Some(dimension)) = (arguments.first(), arguments.get(1)) else {
        eprintln!("usage: cargo bench --bench updates -- PREFIX DIMENSION [K]");
        return;
    };
    let dimension: usize = dimension.parse().expect("DIMENSION is a number");
    let k = arguments
        .get(2)
        .map_or(10, |k| k.parse().expect("K is a number"));
    let read = |name: &str| {
        let path = format!("{prefix}.{name}.f32");
        std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let (base, queries) = (read("base"), read("query"));
    let row_bytes = 4 * dimension;
    let rows = base.len() / row_bytes;
    let first = rows - rows / 20;
    let folder = std::env::temp_dir().join(format!("nearsight-updates-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the index");
    let bench = Bench {
        queries: floats(&queries),
        dimension,
        k,
        site: folder.join("site"),
        folder: folder.clone(),
    };

    println!(
        "epoch                     rows  pieces   dead  index MB  fetched MB  share  recall  said   scanned   p95  cells  answers of removed  seconds"
    );
    let report = bench.build("site", &base[..first * row_bytes]);
    bench.say("built", &report, 0, &[]);
    let file = bench.write("more.f32", &base[first * row_bytes..]);
    let report = bench.update(&VectorUpdate::Add { file, column: None });
    bench.say("a twentieth added", &report, report.new_bytes, &[]);
    let rebuilt = bench.build("whole", &base);
    bench.say_of(
        "whole",
        "rebuilt with it",
        &rebuilt,
        rebuilt.index_bytes,
        &[],
    );

    let removed: Vec<u32> = (0..rows as u32).step_by(10).collect();
    let report = bench.update(&VectorUpdate::Remove(removed.clone()));
    bench.say("every tenth removed", &report, report.new_bytes, &removed);
    let report = bench.update(&VectorUpdate::Compact);
    bench.say("compacted", &report, report.new_bytes, &removed);
    let left: Vec<u8> = base
        .chunks_exact(row_bytes)
        .enumerate()
        .filter(|(row, _)| row % 10 != 0)
        .flat_map(|(_, row)| row.iter().copied())
        .collect();
    let rebuilt = bench.build("left", &left);
    bench.say_of(
        "left",
        "rebuilt of what is left",
        &rebuilt,
        rebuilt.index_bytes,
        &[],
    );
    println!(
        "compacted: {:.2} % more bytes than the rebuild",
        100.0 * (report.index_bytes as f64 / rebuilt.index_bytes as f64 - 1.0)
    );
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}

struct Bench {
    queries: Vec<f32>,
    dimension: usize,
    k: usize,
    folder: PathBuf,
    site: PathBuf,
}

impl Bench {
    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        path
    }

    fn build(&self, site: &str, bytes: &[u8]) -> Report {
        let options = VectorOptions {
            file: self.write("all.f32", bytes),
            dimension: Some(self.dimension),
            column: None,
            output: self.folder.join(site),
            partition: PartitionOptions::default(),
            metric: None,
            bits: None,
            jobs: None,
            page: None,
            prune: false,
        };
        let never = AtomicBool::new(false);
        build_vectors(&options, &mut |_| (), &never).unwrap_or_else(|error| panic!("{error}"))
    }

    fn update(&self, update: &VectorUpdate) -> Report {
        let never = AtomicBool::new(false);
        update_vectors(&self.site, update, None, false, &mut |_| (), &never)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    fn say(&self, what: &str, report: &Report, fetched: u64, removed: &[u32]) {
        self.say_of("site", what, report, fetched, removed);
    }

    fn say_of(&self, site: &str, what: &str, report: &Report, fetched: u64, removed: &[u32]) {
        let folder = self.folder.join(site);
        let measured = self.measure(&folder, removed);
        println!(
            "{what:<24} {:>6}  {:>6} {:>6}  {:>8.2}  {:>10.2}  {:>4.1}%  {:.4}  {:.4} {:>7.0} {:>6.0}  {:>5.1}  {:>18}  {:>7.1}",
            report.pictures,
            report.pieces,
            report.dead_rows,
            report.index_bytes as f64 / 1e6,
            fetched as f64 / 1e6,
            100.0 * fetched as f64 / report.index_bytes as f64,
            measured.recall,
            measured.said,
            measured.scanned,
            measured.p95,
            measured.opened,
            measured.of_removed,
            report.took_ms as f64 / 1e3,
        );
    }

    fn measure(&self, folder: &Path, removed: &[u32]) -> Measured {
        let index = load_index(folder).unwrap_or_else(|error| panic!("{error}"));
        let state = State::open(folder).unwrap_or_else(|error| panic!("{error}"));
        let ids = index.pictures().unwrap_or_default();
        let row = |id: &u32| state.row(*id).unwrap_or_default();
        let live: Vec<f32> = ids.iter().flat_map(row).copied().collect();
        let rows = Rows::new(&live, self.dimension).unwrap_or_else(|error| panic!("{error}"));
        let mut measured = Measured::default();
        let mut scanned = Vec::new();
        let queries = self.queries.chunks_exact(self.dimension).take(QUERIES);
        for query in queries {
            let truth: Vec<u32> = exact(rows, &ids, query, self.k)
                .iter()
                .map(|h| h.id)
                .collect();
            let options = SearchOptions {
                k: self.k,
                recall: RECALL,
                ..SearchOptions::default()
            };
            let answer = ask(&index, query, &options);
            let found: Vec<u32> = answer.hits.iter().map(|hit| hit.id).collect();
            measured.recall += recall_at_k(&found, &truth, self.k);
            measured.said += f64::from(answer.confidence);
            measured.opened += answer.probed.len() as f64;
            scanned.push(answer.scanned as f64);
            measured.of_removed += of(&found, removed);
            // Every row is looked at.
            let all = SearchOptions {
                exact: true,
                ..options
            };
            let every: Vec<u32> = match removed.is_empty() {
                true => Vec::new(),
                false => ask(&index, query, &all).hits.iter().map(|h| h.id).collect(),
            };
            measured.of_removed += of(&every, removed);
        }
        let count = scanned.len() as f64;
        scanned.sort_unstable_by(f64::total_cmp);
        measured.p95 = scanned[(count * 0.95) as usize];
        measured.scanned = scanned.iter().sum::<f64>() / count;
        measured.recall /= count;
        measured.said /= count;
        measured.opened /= count;
        measured
    }
}

#[derive(Default)]
struct Measured {
    recall: f64,
    said: f64,
    scanned: f64,
    p95: f64,
    opened: f64,
    /// Hits that were removed, of a search for the recall asked and of an exact one.
    of_removed: usize,
}

fn ask(index: &Index, query: &[f32], options: &SearchOptions) -> nearsight::search::Answer {
    search(index, query, options).unwrap_or_else(|error| panic!("{error}"))
}

fn of(found: &[u32], removed: &[u32]) -> usize {
    let is_removed = |id: &&u32| removed.binary_search(id).is_ok();
    found.iter().filter(is_removed).count()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let fours = bytes.chunks_exact(4);
    fours
        .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .collect()
}
