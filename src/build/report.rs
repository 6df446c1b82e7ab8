//! What a build did: for the terminal, for `--json`, and for `.nearsight/report.json`.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;

use super::walk::Problem;
use crate::index::Index;
use crate::partition::Candidate;

/// A stage that has begun, or a picture that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The folder was read: so many pictures, so many of them known from an earlier run.
    Walked {
        pictures: u64,
        reused: u64,
    },
    /// The model is being loaded and checked.
    Model,
    Picture {
        done: u64,
        of: u64,
        failed: u64,
    },
    Partition {
        done: u64,
        of: u64,
    },
    Writing,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// Of the index that is published now.
    pub epoch: u64,
    /// Whether this run published it.
    pub published: bool,
    /// Whether the cells of the epoch before went on, with pictures added and removed.
    pub kept_cells: bool,
    pub pictures: u64,
    pub cells: u64,
    /// Pieces of cells beside their bases: rows that came since they were written whole.
    pub pieces: u64,
    /// Rows of removed pictures that are still stored.
    pub dead_rows: u64,
    /// Numbers of cells that were weighed, of which one was chosen; empty where it was given, or by rule.
    pub candidates: Vec<Candidate>,
    pub dimension: usize,
    /// Of a code, a dimension.
    pub bits: u32,
    pub model: String,
    /// The kind of the projection that vectors go through, if they do.
    pub projection: Option<String>,
    /// What was taken for granted about a model without sidecar.
    pub model_assumed: Vec<String>,
    /// Embedded in this run.
    pub embedded: u64,
    /// Taken over from an earlier run, or from a file with the same content.
    pub reused: u64,
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
    /// Left out because the metadata says private.
    pub private: u64,
    pub files_seen: u64,
    pub hidden: u64,
    /// Files of other kinds, by extension.
    pub skipped: BTreeMap<String, u64>,
    pub problems: Vec<Problem>,
    pub notes: Vec<String>,
    /// Index files without model, thumbnails and page.
    pub index_bytes: u64,
    /// Of these, files that the epoch before did not have: what a page fetches that holds it. 0 when nothing was published.
    pub new_files: u64,
    pub new_bytes: u64,
    pub model_bytes: u64,
    /// Old files that were removed.
    pub pruned: u64,
    /// Files of the page beside the index; none when only the index was written.
    pub page_files: Option<u64>,
    pub took_ms: u64,
}

impl Report {
    /// What the published index says.
    pub(super) fn finish(&mut self, index: &Index, began: Instant) {
        let manifest = index.manifest();
        self.epoch = manifest.epoch;
        self.pictures = manifest.counts.pictures;
        self.cells = u64::from(manifest.counts.cells);
        self.pieces = u64::from(manifest.counts.pieces);
        let changes = index.routing().map(|routing| &routing.changes);
        self.dead_rows = changes.map_or(0, |changes| changes.dead().rows.len());
        self.bits = index.code_bits().unwrap_or_default().count();
        let model = manifest
            .model
            .iter()
            .flat_map(|model| [&model.onnx, &model.sidecar]);
        self.model_bytes = model.map(|file| file.bytes).sum();
        let all: u64 = manifest.files().map(|file| file.bytes).sum();
        self.index_bytes = all - self.model_bytes;
        self.took_ms = began.elapsed().as_millis() as u64;
    }
}

/// `3 .heic, 2 .txt`: the most frequent first, at most five kinds.
pub fn kinds(skipped: &BTreeMap<String, u64>) -> String {
    let mut kinds: Vec<_> = skipped.iter().collect();
    kinds.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let mut words: Vec<String> = kinds
        .iter()
        .take(5)
        .map(|(extension, count)| match extension.as_str() {
            "" => format!("{count} without extension"),
            extension => format!("{count} .{extension}"),
        })
        .collect();
    if kinds.len() > 5 {
        words.push(format!("{} other kinds", kinds.len() - 5));
    }
    words.join(", ")
}
