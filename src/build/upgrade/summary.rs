//! What an upgrade has published → its report, kept beside the index too.

use std::time::Instant;

use super::{UpgradeReport, Upgrading};
use crate::build::moved::Moved;
use crate::build::output::{Durable, put};
use crate::build::{BuildError, load_index};
use crate::index::Record;

/// Names of pictures in a note.
const NAMED: usize = 3;
const REPORT_FILE: &str = "upgrade.json";

impl Upgrading<'_> {
    /// What is published now.
    pub(super) fn summary(mut self, began: Instant) -> Result<UpgradeReport, BuildError> {
        let index = load_index(self.output.folder())?;
        let moved = self.moved()?;
        let counts = &index.manifest().counts;
        let rows = moved.as_ref().map_or(0, |moved| moved.ids().len() as u64);
        let report = &mut self.report;
        report.epoch = index.manifest().epoch;
        report.pictures = counts.pictures;
        report.finished = moved.as_ref().is_none_or(Moved::is_finished);
        report.moved = rows;
        report.made = counts.pictures.saturating_sub(rows);
        if let Some(moved) = &moved {
            let is_left = |record: &Record| {
                moved.holds(record.id)
                    && (moved.is_finished() || !self.files.contains_key(&record.path))
            };
            let left: Vec<String> = index
                .records()
                .filter(is_left)
                .map(|record| record.path)
                .collect();
            report.left = left.len() as u64;
            if let Some(note) = left_behind(&left) {
                report.notes.push(note);
            }
        }
        report.took_ms = began.elapsed().as_millis() as u64;
        if !report.steps.is_empty() {
            let text = serde_json::to_vec_pretty(&report).expect("plain data");
            put(&self.output.state(), REPORT_FILE, &text, Durable::Later)?;
        }
        Ok(self.report)
    }
}

fn left_behind(left: &[String]) -> Option<String> {
    let first = left.get(..NAMED.min(left.len()))?.join(", ");
    let more = if left.len() > NAMED { ", …" } else { "" };
    (!left.is_empty()).then(|| {
        format!(
            "{} keep moved rows, because their files are not in the folder of the pictures, or cannot be read: {first}{more}; bring the files back and run this again, or remove them from the index",
            left.len()
        )
    })
}
