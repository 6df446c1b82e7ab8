//! `nearsight search`: a picture, or a vector made elsewhere → the most similar ones of an index.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use serde::Serialize;

use super::output::{Output, count};
use crate::build::{BuildError, Model, Shape, VectorFile, load_index};
use crate::image::Limits;
use crate::index::{Index, Record};
use crate::quantize::Metric;
use crate::search::{Answer, SearchOptions, nearly_the_same, search_filtered};

/// Find the pictures of an index that are most similar to a picture
///
/// Decodes, embeds and searches with the code that runs in the browser, so the answer is the one that
/// a visitor gets. The model is the one that the index names.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  nearsight search site photo.jpg
  nearsight search site photo.jpg -k 5 --json
  nearsight search site photo.jpg --distinct --per-owner 2
  nearsight search site --vector query.npy     the first row of a NumPy file, for an index of vectors
  nearsight search site photo.jpg --exact      open every cell; what a search can be held against")]
pub struct Arguments {
    /// Folder that nearsight build wrote
    index: PathBuf,
    /// JPEG, PNG, GIF or WebP
    #[arg(required_unless_present = "vector")]
    picture: Option<PathBuf>,
    /// Search with the first row of this file instead of a picture
    #[arg(
        long,
        value_name = "FILE.npy|.parquet|.f32",
        conflicts_with = "picture"
    )]
    vector: Option<PathBuf>,
    /// Number of hits
    #[arg(short, default_value_t = SearchOptions::default().k)]
    k: usize,
    /// Share of the true nearest that the answer should hold, above 0 and up to 1
    #[arg(long, default_value_t = SearchOptions::default().recall)]
    recall: f32,
    /// Leave out hits whose score is below this: a cosine, or minus a distance where the index compares by Euclidean distance
    #[arg(long, value_name = "SCORE", allow_hyphen_values = true)]
    min_score: Option<f32>,
    /// Leave out hits that are nearly the same as a better one: whose cosine with it is this or more [without a number: 0.97]; where the
    /// index compares by Euclidean distance, whose distance from it is this or less
    #[arg(
        long,
        value_name = "COSINE|DISTANCE",
        num_args = 0..=1,
        require_equals = true,
        allow_hyphen_values = true
    )]
    distinct: Option<Option<f32>>,
    /// At most so many hits of one owner; pictures without an owner are not limited
    #[arg(long, value_name = "N")]
    per_owner: Option<u32>,
    /// Open every cell
    #[arg(long)]
    exact: bool,
    /// Show pictures that are marked private too
    #[arg(long)]
    include_private: bool,
}

#[derive(Serialize)]
struct Found {
    picture: Option<String>,
    vector: Option<String>,
    /// What scores are: cosines, or minus distances.
    metric: Metric,
    epoch: u64,
    confidence: f32,
    capped: bool,
    scanned: u64,
    probed: Vec<u32>,
    embed_ms: Option<f64>,
    search_ms: f64,
    hits: Vec<FoundHit>,
}

#[derive(Serialize)]
struct FoundHit {
    score: f32,
    distance: f32,
    cell: u32,
    #[serde(flatten)]
    record: Record,
}

pub fn run(arguments: Arguments, output: &Output) -> anyhow::Result<ExitCode> {
    let index = load_index(&arguments.index)?;
    let (vector, embed_ms) = match (&arguments.vector, &arguments.picture) {
        (Some(file), _) => (first_row(file, &index)?, None),
        (None, Some(picture)) => {
            let (vector, took_ms) = embed(&arguments.index, &index, picture)?;
            (vector, Some(took_ms))
        }
        (None, None) => anyhow::bail!("give a picture, or --vector FILE"),
    };
    let distinct = match arguments.distinct {
        Some(Some(limit)) => Some(limit),
        Some(None) => Some(nearly_the_same(index.metric())?),
        None => None,
    };
    let began = Instant::now();
    let options = SearchOptions {
        k: arguments.k,
        recall: arguments.recall,
        min_score: arguments.min_score,
        exact: arguments.exact,
        distinct,
        per_owner: arguments.per_owner,
        ..SearchOptions::default()
    };
    let shown =
        |id| arguments.include_private || index.record(id).is_none_or(|record| !record.private);
    let answer = search_filtered(&index, &vector, &options, &shown)?;
    let search_ms = began.elapsed().as_secs_f64() * 1e3;

    let name = |path: &PathBuf| path.display().to_string();
    let found = Found {
        picture: arguments.picture.as_ref().map(name),
        vector: arguments.vector.as_ref().map(name),
        hits: found_hits(&index, &answer),
        metric: index.metric(),
        epoch: answer.epoch,
        confidence: answer.confidence,
        capped: answer.capped,
        scanned: answer.scanned,
        probed: answer.probed,
        embed_ms,
        search_ms,
    };
    output.result(&found, || words(&found));
    Ok(ExitCode::SUCCESS)
}

/// With the model that the index names, as a visitor's browser does it.
fn embed(folder: &Path, index: &Index, picture: &Path) -> anyhow::Result<(Vec<f32>, f64)> {
    let embedder = Model::of_index(folder, index.manifest())?.load()?;
    let bytes = std::fs::read(picture).map_err(|source| BuildError::io("read", picture, source))?;
    let began = Instant::now();
    let (vector, _) = embedder
        .embed_bytes(&bytes, &Limits::default())
        .with_context(|| picture.display().to_string())?;
    Ok((vector, began.elapsed().as_secs_f64() * 1e3))
}

fn first_row(file: &Path, index: &Index) -> Result<Vec<f32>, BuildError> {
    let dimension = index.manifest().dimension;
    let file = VectorFile {
        path: file,
        dimension: Some(dimension),
        column: None,
        shape: Shape::TableOrRow,
        metric: index.metric(),
    };
    let mut vectors = file.read()?;
    vectors.values.truncate(dimension);
    Ok(vectors.values)
}

fn found_hits(index: &Index, answer: &Answer) -> Vec<FoundHit> {
    let hits = answer.hits.iter().map(|hit| FoundHit {
        score: hit.score,
        distance: hit.distance,
        cell: hit.cell,
        record: index.record(hit.id).unwrap_or(Record {
            id: hit.id,
            ..Record::default()
        }),
    });
    hits.collect()
}

fn words(found: &Found) -> String {
    let mut lines: Vec<String> = found
        .hits
        .iter()
        .enumerate()
        .map(|(place, hit)| {
            let record = &hit.record;
            // An index of vectors made elsewhere knows a hit by its row only.
            let name = match record.path.is_empty() {
                true => format!("row {}", record.id),
                false => record.path.clone(),
            };
            let more = [&record.title, &record.url].into_iter().flatten();
            let words: Vec<&str> = std::iter::once(&name)
                .chain(more)
                .map(String::as_str)
                .collect();
            let near = match found.metric {
                Metric::Cosine => format!("{:.4}", hit.score),
                Metric::Euclidean => in_any_unit(hit.distance),
            };
            format!("{:>3}  {near}  {}", place + 1, words.join("  "))
        })
        .collect();
    if lines.is_empty() {
        lines.push("nothing found".to_string());
    }
    let embedded = found
        .embed_ms
        .map(|took| format!(", embedded in {took:.0} ms"))
        .unwrap_or_default();
    lines.push(format!(
        "{} of the true nearest expected{}; {} in {} of epoch {}{embedded}, searched in {:.1} ms",
        percent(found.confidence),
        if found.capped { " (capped)" } else { "" },
        count(found.scanned, "row"),
        count(found.probed.len() as u64, "cell"),
        found.epoch,
        found.search_ms
    ));
    lines.join("\n")
}

/// A distance, whose unit is the vectors' own.
fn in_any_unit(distance: f32) -> String {
    match distance {
        0.0 | 1e-3..1e6 => format!("{distance:.4}"),
        _ => format!("{distance:.4e}"),
    }
}

fn percent(share: f32) -> String {
    format!("{:.0} %", share * 100.0)
}
