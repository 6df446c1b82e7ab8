//! What an upgrade did: for the terminal, for `--json`, and for `.nearsight/upgrade.json`.

use serde::Serialize;

use crate::build::{Problem, Report};
use crate::embed::adapter::Agreement;

/// One epoch of an upgrade.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UpgradeStep {
    pub epoch: u64,
    /// Rows that the new model made, and rows that are moved, in this epoch.
    pub made: u64,
    pub moved: u64,
    pub cells: u64,
    /// What a page fetches that holds the epoch before, beside a model that is new to it.
    pub new_files: u64,
    pub new_bytes: u64,
    pub index_bytes: u64,
    pub took_ms: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct UpgradeReport {
    /// Of the index that is published now.
    pub epoch: u64,
    pub pictures: u64,
    /// The model that the index had when this run began, and the one that it moves over to.
    pub from: String,
    pub to: String,
    /// Whether all is done that can be: the index is what a build with the new model makes, but for pictures that are left.
    pub finished: bool,
    /// Embedded in this run.
    pub embedded: u64,
    /// Rows of the published index that the new model made, and rows that are moved from an older one.
    pub made: u64,
    pub moved: u64,
    /// Moved rows whose pictures are gone or cannot be read: they stay so.
    pub left: u64,
    /// What held-out pictures say of moved rows; null where none was fitted in this run.
    pub agreement: Option<Agreement>,
    /// Why no epoch with moved rows was published; null where one was, or was before.
    pub at_once: Option<String>,
    /// The epochs that this run published.
    pub steps: Vec<UpgradeStep>,
    /// Pictures that could not be embedded, and why.
    pub problems: Vec<Problem>,
    pub notes: Vec<String>,
    pub took_ms: u64,
}

impl UpgradeReport {
    /// What one epoch added. `moved` rows are moved ones in it.
    pub(super) fn add(&mut self, step: Report, moved: u64) {
        self.embedded += step.embedded;
        for problem in step.problems {
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
        }
        if step.published {
            self.steps.push(UpgradeStep {
                epoch: step.epoch,
                made: step.pictures.saturating_sub(moved),
                moved,
                cells: step.cells,
                new_files: step.new_files,
                new_bytes: step.new_bytes,
                index_bytes: step.index_bytes,
                took_ms: step.took_ms,
            });
        }
    }
}
