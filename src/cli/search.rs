//! `nearsight search`: a picture → the most similar ones of an index.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use serde::Serialize;

use super::output::{Output, count};
use crate::build::{BuildError, Model, load_index};
use crate::image::Limits;
use crate::index::{Index, Record};
use crate::search::{Answer, SearchOptions, search_filtered};

/// Find the pictures of an index that are most similar to a picture
///
/// Decodes, embeds and searches with the code that runs in the browser, so the answer is the one that
/// a visitor gets. The model is the one that the index names.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  nearsight search site photo.jpg
  nearsight search site photo.jpg -k 5 --json
  nearsight search site photo.jpg --exact      open every cell; what a search can be held against")]
pub struct Arguments {
    /// Folder that nearsight build wrote
    index: PathBuf,
    /// JPEG, PNG, GIF or WebP
    picture: PathBuf,
    /// Number of hits
    #[arg(short, default_value_t = SearchOptions::default().k)]
    k: usize,
    /// Share of the true nearest that the answer should hold, above 0 and up to 1
    #[arg(long, default_value_t = SearchOptions::default().recall)]
    recall: f32,
    /// Leave out hits whose cosine is below this
    #[arg(long, value_name = "COSINE", allow_hyphen_values = true)]
    min_score: Option<f32>,
    /// Open every cell
    #[arg(long)]
    exact: bool,
    /// Show pictures that are marked private too
    #[arg(long)]
    include_private: bool,
}

#[derive(Serialize)]
struct Found {
    picture: String,
    epoch: u64,
    confidence: f32,
    capped: bool,
    scanned: u64,
    probed: Vec<u32>,
    embed_ms: f64,
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
    let embedder = Model::of_index(&arguments.index, index.manifest())?.load()?;
    let picture = &arguments.picture;
    let bytes = std::fs::read(picture).map_err(|source| BuildError::io("read", picture, source))?;

    let began = Instant::now();
    let (vector, _) = embedder
        .embed_bytes(&bytes, &Limits::default())
        .with_context(|| picture.display().to_string())?;
    let embed_ms = began.elapsed().as_secs_f64() * 1e3;
    let began = Instant::now();
    let options = SearchOptions {
        k: arguments.k,
        recall: arguments.recall,
        min_score: arguments.min_score,
        exact: arguments.exact,
        ..SearchOptions::default()
    };
    let shown =
        |id| arguments.include_private || index.record(id).is_none_or(|record| !record.private);
    let answer = search_filtered(&index, &vector, &options, &shown)?;
    let search_ms = began.elapsed().as_secs_f64() * 1e3;

    let found = found(
        picture.display().to_string(),
        &index,
        answer,
        embed_ms,
        search_ms,
    );
    output.result(&found, || words(&found));
    Ok(ExitCode::SUCCESS)
}

fn found(picture: String, index: &Index, answer: Answer, embed_ms: f64, search_ms: f64) -> Found {
    let hits = answer.hits.iter().map(|hit| FoundHit {
        score: hit.score,
        distance: hit.distance,
        cell: hit.cell,
        record: index.record(hit.id).unwrap_or(Record {
            id: hit.id,
            ..Record::default()
        }),
    });
    Found {
        picture,
        epoch: answer.epoch,
        confidence: answer.confidence,
        capped: answer.capped,
        scanned: answer.scanned,
        hits: hits.collect(),
        probed: answer.probed,
        embed_ms,
        search_ms,
    }
}

fn words(found: &Found) -> String {
    let mut lines: Vec<String> = found
        .hits
        .iter()
        .enumerate()
        .map(|(place, hit)| {
            let record = &hit.record;
            let more = [&record.title, &record.url].into_iter().flatten();
            let words: Vec<&str> = std::iter::once(&record.path)
                .chain(more)
                .map(String::as_str)
                .collect();
            format!("{:>3}  {:.4}  {}", place + 1, hit.score, words.join("  "))
        })
        .collect();
    if lines.is_empty() {
        lines.push("nothing found".to_string());
    }
    lines.push(format!(
        "{} of the true nearest expected{}; {} in {} of epoch {}, embedded in {:.0} ms, searched in {:.1} ms",
        percent(found.confidence),
        if found.capped { " (capped)" } else { "" },
        count(found.scanned, "row"),
        count(found.probed.len() as u64, "cell"),
        found.epoch,
        found.embed_ms,
        found.search_ms
    ));
    lines.join("\n")
}

fn percent(share: f32) -> String {
    format!("{:.0} %", share * 100.0)
}
