//! What an update did → words, for `add`, `remove` and `compact`.

use std::path::Path;

use super::output::{count, size};
use crate::build::{Report, kinds};

/// Problems shown one by one; the report file has all.
const SHOWN: usize = 5;

pub fn words(report: &Report, dist: &Path) -> String {
    let folder = dist.display();
    let noun = if report.model.is_empty() {
        "vector"
    } else {
        "picture"
    };
    let all = count(report.pictures, noun);
    let mut lines = Vec::new();
    if report.published {
        lines.push(format!(
            "{folder}: epoch {} with {all} in {} and {}; {} added, {} changed, {} removed, in {:.1} s",
            report.epoch,
            count(report.cells, "cell"),
            count(report.pieces, "further piece"),
            report.added,
            report.changed,
            report.removed,
            report.took_ms as f64 / 1e3
        ));
        lines.push(format!(
            "  a page that is open fetches {} of {} at most, in {}",
            size(report.new_bytes),
            size(report.index_bytes),
            count(report.new_files, "file")
        ));
    } else {
        lines.push(format!(
            "{folder}: nothing changed, epoch {} stays ({all})",
            report.epoch
        ));
    }
    if report.dead_rows > 0 {
        let rows = count(report.dead_rows, "row");
        lines.push(format!(
            "  {rows} of removed {noun}s still stored; nearsight compact {folder} gives the bytes back"
        ));
    }
    if report.private > 0 {
        let left = count(report.private, noun);
        lines.push(format!("  {left} left out as private"));
    }
    if !report.skipped.is_empty() {
        let others = count(report.skipped.values().sum(), "file");
        lines.push(format!(
            "  {others} of other kinds: {}",
            kinds(&report.skipped)
        ));
    }
    for problem in report.problems.iter().take(SHOWN) {
        lines.push(format!("  left out: {}: {}", problem.path, problem.message));
    }
    if report.problems.len() > SHOWN {
        lines.push(format!("  … {} in all", report.problems.len()));
    }
    lines.extend(report.notes.iter().map(|note| format!("  {note}")));
    lines.join("\n")
}
