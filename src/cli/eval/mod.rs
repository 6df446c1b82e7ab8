//! `nearsight eval`: what an index delivers, and what that costs, measured on its own vectors.
//!
//! Against exact search on the full vectors in `.nearsight`: recall, rows scanned, cells, time and bytes for each
//! recall asked for, and whether the confidence stated is the recall delivered. With labels, how well pictures
//! of one label find each other too. Every mean has a bootstrap interval over queries (see `metrics`).

mod baselines;
mod bytes;
mod error;
mod gallery;
mod labels;
mod plot;
mod retrieval;
mod targets;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use serde::Serialize;

use super::output::{Output, count};
use crate::build::BuildError;
use crate::metrics::{Reliability, reliability};
use crate::quantize::Metric;
use crate::search::SearchOptions;
use baselines::Baselines;
use bytes::{Visitor, Weights, weights};
pub use error::EvalError;
use gallery::{Gallery, from_file, sampled};
use labels::Labels;
use retrieval::Retrieval;
use targets::{Target, measure, nearest};

/// Queries that are asked where nothing else is said: beyond them the intervals hardly narrow, and exact search over
/// a large index takes minutes.
const QUERIES: usize = 10_000;

/// Where the bins of stated confidence begin: finer near 1, where answers are; 1 has one of its own, since it is a
/// claim of another kind.
const EDGES: [f64; 13] = [
    0.0, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99, 1.0,
];

/// Measure an index: recall delivered, rows scanned, time, bytes, calibration
///
/// Holds the search that visitors get against exact search on the full vectors, which nearsight build keeps beside
/// the index. Each picture is a query once, and leaves itself out. Nothing is changed.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  nearsight eval site
  nearsight eval site --recall 0.9,0.99 -k 24 --queries 1000
  nearsight eval site --queries-from strangers.npy     vectors that nearsight embed or another program wrote
  nearsight eval site --baselines                      what simpler searches would scan
  nearsight eval site --labels folders                 do pictures of one folder find each other?
  nearsight eval site --labels labels.csv --svg eval.svg")]
pub struct Arguments {
    /// Folder that nearsight build wrote
    index: PathBuf,
    /// Number of hits that are held against the true nearest
    #[arg(short, long, default_value_t = 10, value_parser = at_least_one)]
    k: usize,
    /// Recalls to ask for, each above 0 and up to 1
    #[arg(long, value_delimiter = ',', default_values_t = [0.80, 0.90, 0.95, 0.99], value_parser = share)]
    recall: Vec<f32>,
    /// Queries, drawn from all [default: all, at most 10000]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    queries: Option<usize>,
    /// Of the draw and of the intervals
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Ask with the vectors of this file (.npy, .f32 or .parquet), made with the same model, instead of the index's own
    #[arg(long, value_name = "FILE", conflicts_with_all = ["keep_self", "labels"])]
    queries_from: Option<PathBuf>,
    /// Let a picture find itself
    #[arg(long)]
    keep_self: bool,
    /// Measure by labels too: the word folders, or a CSV with label and path, name or id
    #[arg(long, value_name = "WHERE")]
    labels: Option<String>,
    /// Measure simpler searches too, in memory: exact, random projections, the cells without the rule that stops a search
    #[arg(long)]
    baselines: bool,
    /// Draw recall against rows scanned, and the calibration
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// All that was measured.
#[derive(Serialize)]
struct Evaluation {
    epoch: u64,
    pictures: u64,
    cells: u64,
    dimension: usize,
    metric: Metric,
    k: usize,
    seed: u64,
    queries: usize,
    /// `pictures`, or the file.
    queries_from: String,
    keep_self: bool,
    targets: Vec<Target>,
    reliability: Reliability,
    bytes: Weights,
    labels: Option<Retrieval>,
    baselines: Option<Baselines>,
    took_ms: u64,
}

pub fn run(arguments: Arguments, output: &Output) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let gallery = Gallery::open(&arguments.index)?;
    // Read first: a wrong table should not cost the time of all that comes before.
    let labels = match &arguments.labels {
        Some(from) => Some(Labels::read(from, &gallery.records)?),
        None => None,
    };
    let mut strangers = Vec::new();
    let all = match &arguments.queries_from {
        Some(file) => from_file(
            file,
            gallery.dimension,
            gallery.index.metric(),
            &mut strangers,
        )?,
        None => gallery.queries(&(0..gallery.ids.len()).collect::<Vec<usize>>()),
    };
    let limit = arguments.queries.unwrap_or(QUERIES);
    let queries = sampled(&all, limit, arguments.seed);
    output.note(&format!(
        "asking with {} of {} vectors, {} in the index",
        queries.len(),
        all.len(),
        count(gallery.ids.len() as u64, "picture")
    ));

    let keep_self = arguments.keep_self;
    let truth = nearest(
        (gallery.index.metric(), gallery.rows()?),
        &gallery.ids,
        &queries,
        arguments.k,
        keep_self,
    );
    let visitor = Visitor::of(&gallery.index, &arguments.index)?;
    let (mut targets, mut said) = (Vec::new(), Vec::new());
    for &recall in &arguments.recall {
        let options = SearchOptions {
            k: arguments.k,
            recall,
            ..SearchOptions::default()
        };
        let measured = measure(
            (&gallery.index, &visitor),
            &queries,
            &truth,
            &options,
            keep_self,
            arguments.seed,
        )?;
        if let Some((target, answers)) = measured {
            targets.push(target);
            said.extend(answers);
        }
    }
    let labels = labels
        .map(|labels| {
            retrieval::measure(
                &gallery,
                &labels,
                arguments.k,
                &arguments.recall,
                limit,
                arguments.seed,
            )
        })
        .transpose()?;

    let baselines = arguments
        .baselines
        .then(|| {
            let (k, recall) = (arguments.k, &arguments.recall);
            baselines::measure(&gallery, &queries, &truth, k, recall, arguments.seed)
        })
        .transpose()?;

    let manifest = gallery.index.manifest();
    let found = Evaluation {
        epoch: manifest.epoch,
        pictures: manifest.counts.pictures,
        cells: u64::from(manifest.counts.cells),
        dimension: gallery.dimension,
        metric: gallery.index.metric(),
        k: arguments.k,
        seed: arguments.seed,
        queries: queries.len(),
        queries_from: match &arguments.queries_from {
            Some(file) => file.display().to_string(),
            None => "pictures".to_string(),
        },
        keep_self,
        targets,
        reliability: reliability(&said, &EDGES)
            .ok_or_else(|| EvalError::Empty(arguments.index.clone()))?,
        bytes: weights(&gallery.index, &arguments.index),
        labels,
        baselines,
        took_ms: began.elapsed().as_millis() as u64,
    };
    if let Some(file) = &arguments.svg {
        std::fs::write(file, plot::svg(&found))
            .map_err(|source| BuildError::io("write", file, source))?;
    }
    output.result(&found, || words::words(&found));
    Ok(ExitCode::SUCCESS)
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number from 1 up".to_string()),
        Ok(number) => Ok(number),
    }
}

fn share(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("expected a share above 0 and up to 1, such as 0.95".to_string()),
    }
}
