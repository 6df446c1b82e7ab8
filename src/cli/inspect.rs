//! `nearsight inspect`: what an index holds, in figures.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use super::output::{Output, count, size};
use crate::build::{STATE_FOLDER, State, load_index};
use crate::index::Index;
use crate::quantize::Metric;

/// Show what an index holds: epoch, counts, sizes, cells, model
#[derive(clap::Args)]
#[command(after_help = "Examples:
  nearsight inspect site
  nearsight inspect site --json | jq .cell_rows")]
pub struct Arguments {
    /// Folder that nearsight build wrote
    index: PathBuf,
}

#[derive(Serialize)]
struct Inspection {
    epoch: u64,
    parent: Option<String>,
    pictures: u64,
    private: u64,
    dimension: usize,
    metric: Metric,
    /// Of a code, a dimension.
    bits: u32,
    cells: u64,
    /// Those that count, in a cell.
    cell_rows: Spread,
    /// Pieces of cells beside their bases, and the rows in them.
    pieces: u64,
    piece_rows: u64,
    /// Rows, and records, of removed pictures that are still stored.
    dead_rows: u64,
    dead_records: u64,
    model: Option<ModelFacts>,
    files: Files,
    /// Whether the full vectors are here, which repartition needs.
    state: bool,
    /// Whether a server has kept events here.
    events: bool,
}

/// Rows in a cell.
#[derive(Debug, PartialEq, Serialize)]
struct Spread {
    min: u64,
    median: u64,
    mean: f64,
    p95: u64,
    max: u64,
}

#[derive(Serialize)]
struct ModelFacts {
    generation: String,
    file: String,
    bytes: u64,
    /// Whether pages run it without the larger wasm module; not known of indexes of earlier versions.
    plain: Option<bool>,
}

#[derive(Serialize)]
struct Files {
    routing_bytes: u64,
    segments: u64,
    segment_bytes: u64,
    record_files: u64,
    record_bytes: u64,
    thumbnails: u64,
    thumbnail_bytes: u64,
    bytes_a_picture: f64,
}

pub fn run(arguments: Arguments, output: &Output) -> anyhow::Result<ExitCode> {
    let index = load_index(&arguments.index)?;
    let manifest = index.manifest();
    let rows = index.routing().map(|routing| {
        let cells = 0..routing.cells.len() as u32;
        cells
            .map(|cell| u64::from(routing.live_rows(cell)))
            .collect()
    });
    let changes = index.routing().map(|routing| routing.changes.clone());
    let changes = changes.unwrap_or_default();
    let record_is_dead = |id: &u32| index.is_removed(*id);
    let dead_records = index.stored_records().filter(record_is_dead).count();
    let state = arguments.index.join(STATE_FOLDER);
    let inspection = Inspection {
        epoch: manifest.epoch,
        parent: manifest.parent.clone(),
        pictures: manifest.counts.pictures,
        private: index.records().filter(|record| record.private).count() as u64,
        dimension: manifest.dimension,
        metric: manifest.metric,
        bits: index.code_bits().unwrap_or_default().count(),
        cells: u64::from(manifest.counts.cells),
        cell_rows: spread(rows.unwrap_or_default()),
        pieces: changes.pieces().len() as u64,
        piece_rows: changes
            .pieces()
            .iter()
            .map(|piece| u64::from(piece.rows))
            .sum(),
        dead_rows: changes.dead().rows.len(),
        dead_records: dead_records as u64,
        model: manifest.model.as_ref().map(|model| ModelFacts {
            generation: model.generation.clone(),
            file: model.onnx.name.clone(),
            bytes: model.onnx.bytes,
            plain: model.plain,
        }),
        files: files(&index, &arguments.index),
        state: State::open(&arguments.index).is_ok(),
        events: state.join("events.sqlite").is_file(),
    };
    output.result(&inspection, || words(&inspection));
    Ok(ExitCode::SUCCESS)
}

fn spread(mut rows: Vec<u64>) -> Spread {
    rows.sort_unstable();
    let at = |share: f64| {
        let place = (rows.len() as f64 * share) as usize;
        rows.get(place.min(rows.len().saturating_sub(1)))
            .copied()
            .unwrap_or(0)
    };
    Spread {
        min: at(0.0),
        median: at(0.5),
        mean: rows.iter().sum::<u64>() as f64 / rows.len().max(1) as f64,
        p95: at(0.95),
        max: at(1.0),
    }
}

fn files(index: &Index, dist: &std::path::Path) -> Files {
    let manifest = index.manifest();
    let sum = |files: &[crate::index::FileRef]| files.iter().map(|file| file.bytes).sum::<u64>();
    let mut thumbnails: Vec<String> = index.records().filter_map(|record| record.thumb).collect();
    thumbnails.sort();
    thumbnails.dedup();
    let lengths = thumbnails
        .iter()
        .filter_map(|name| std::fs::metadata(dist.join(name)).ok());
    let search_bytes = manifest.routing.bytes + sum(&manifest.segments);
    Files {
        routing_bytes: manifest.routing.bytes,
        segments: manifest.segments.len() as u64,
        segment_bytes: sum(&manifest.segments),
        record_files: manifest.records.len() as u64,
        record_bytes: sum(&manifest.records),
        thumbnails: thumbnails.len() as u64,
        thumbnail_bytes: lengths.map(|found| found.len()).sum(),
        bytes_a_picture: search_bytes as f64 / manifest.counts.pictures.max(1) as f64,
    }
}

fn words(found: &Inspection) -> String {
    let rows = &found.cell_rows;
    let files = &found.files;
    let yes = |there: bool| if there { "yes" } else { "no" };
    let mut lines = vec![
        format!("epoch       {}", found.epoch),
        format!("pictures    {} ({} private)", found.pictures, found.private),
        format!(
            "cells       {}, rows in one: {} to {}, median {}, mean {:.1}, 95 % up to {}",
            found.cells, rows.min, rows.max, rows.median, rows.mean, rows.p95
        ),
    ];
    if found.pieces + found.dead_rows + found.dead_records > 0 {
        lines.push(format!(
            "changes     {} with {}; {} and {} of removed pictures still stored",
            count(found.pieces, "further piece"),
            count(found.piece_rows, "row"),
            count(found.dead_rows, "row"),
            count(found.dead_records, "record")
        ));
    }
    lines.push(match &found.model {
        Some(model) => format!(
            "model       {} with {} numbers, {}{} ({})",
            model.generation,
            found.dimension,
            size(model.bytes),
            match model.plain {
                Some(true) => ", plain",
                Some(false) => ", not plain",
                None => "",
            },
            model.file
        ),
        None => format!(
            "model       none; vectors of {} numbers from elsewhere{}",
            found.dimension,
            match found.metric {
                Metric::Cosine => "",
                Metric::Euclidean => ", near by Euclidean distance",
            }
        ),
    });
    lines.extend([
        format!("routing     {}", size(files.routing_bytes)),
        format!(
            "segments    {} in {}",
            size(files.segment_bytes),
            count(files.segments, "file")
        ),
        format!(
            "            {:.1} bytes a picture, routing and segments; codes of {} bits a dimension",
            files.bytes_a_picture, found.bits
        ),
        format!(
            "records     {} in {}",
            size(files.record_bytes),
            count(files.record_files, "file")
        ),
        format!(
            "thumbnails  {} in {}",
            size(files.thumbnail_bytes),
            count(files.thumbnails, "file")
        ),
        format!("vectors     {} (repartition needs them)", yes(found.state)),
        format!("events      {}", yes(found.events)),
    ]);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_of_nothing_and_of_a_few_is_right() {
        assert_eq!(spread(vec![]).max, 0);
        let spread = spread(vec![5, 1, 3, 2, 4]);
        assert_eq!((spread.min, spread.median, spread.max), (1, 3, 5));
        assert_eq!(spread.mean, 3.0);
    }
}
