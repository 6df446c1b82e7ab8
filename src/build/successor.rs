//! Rows of now and the epoch before → the next epoch, calibrated; not published.
//!
//! The cells of the epoch before go on where they fit (see `incremental`), and then only what came and went is shipped. Else the
//! rows are partitioned anew; a cell that comes out exactly as it was goes on all the same.

use std::collections::HashSet;

use super::assemble::{Assembled, Assembly, CellSpec, Encoding, Previous};
use super::divide::divide;
use super::incremental::{cells_as_they_are, keep_cells, stale};
use super::last::LastBuild;
use super::renew::renew;
use super::report::Step;
use super::{BuildError, FreshStep, fresh};
use crate::calibration::CalibrationOptions;
use crate::index::{Index, ModelRef, Record};
use crate::partition::{Candidate, PartitionOptions, Progress, Rows};

/// All that the next epoch is made of.
pub struct Successor<'a> {
    /// Row `i` is picture `ids[i]`.
    pub rows: Rows<'a>,
    pub ids: &'a [u32],
    pub records: &'a [Record],
    pub model: Option<ModelRef>,
    pub previous: Option<&'a Index>,
    pub last: Option<&'a LastBuild>,
    pub wanted: PartitionOptions,
    /// Pictures that came or went since the epoch before.
    pub churn: u64,
    /// Whether a picture that was there has the vector that it had, so that codes may stay.
    pub same_vectors: bool,
    /// Pictures of which that is not true, where it is of all others.
    pub renewed: &'a HashSet<u32>,
    /// Whether the cells go on whatever came and went.
    pub same_cells: bool,
    pub encoding: Encoding<'a>,
}

/// The epoch, what to remember of it, and the numbers of cells that were weighed; none of these when the cells are
/// those of the epoch before.
pub type Made = (Assembled, LastBuild, Option<Vec<Candidate>>);

impl Successor<'_> {
    pub fn make(&self, watch: &mut dyn FnMut(Step)) -> Result<Made, BuildError> {
        let previous = self.previous.map(Previous::new).transpose()?;
        let previous = previous.as_ref();
        let (rows, ids, records) = (self.rows, self.ids, self.records);
        let assembly = Assembly::of(rows, ids)
            .records(records)
            .model(self.model.clone())
            .after(previous)
            .encoding(self.encoding);
        if let Some((specs, last)) = self.going_on()? {
            let made = assembly.in_cells(&specs)?;
            return Ok((self.calibrated(made)?, last, None));
        }
        let mut partitioned = |progress: Progress| {
            watch(Step::Partition {
                done: progress.done,
                of: progress.total,
            });
        };
        let last = LastBuild {
            partition: format!("{:?}", self.wanted),
            wanted: Some(self.wanted),
            at_partition: rows.len() as u64,
            ..LastBuild::default()
        };
        if previous.is_none() && records.is_empty() && self.model.is_none() {
            let made = fresh(rows, ids, &self.wanted, &self.encoding, &mut |step| {
                if let FreshStep::Partition(progress) = step {
                    partitioned(progress);
                }
            })?;
            return Ok((made.assembled, last, Some(made.candidates)));
        }
        let (encoding, metric) = (&self.encoding, self.encoding.metric(self.previous));
        let layout = divide(rows, metric, &self.wanted, encoding, &mut partitioned)?;
        let made = match self.same_vectors && self.renewed.is_empty() {
            true => assembly.in_layout(&layout)?,
            false => assembly.in_layout_afresh(&layout)?,
        };
        Ok((self.calibrated(made)?, last, Some(layout.candidates)))
    }

    /// The cells of the epoch before with the rows of now, where they fit.
    fn going_on(&self) -> Result<Option<(Vec<CellSpec>, LastBuild)>, BuildError> {
        let Some((specs, last)) = self.cells_of_before() else {
            return Ok(None);
        };
        let (seed, workers) = (self.wanted.seed, self.encoding.workers);
        let specs = renew(specs, self.rows, self.ids, self.renewed, seed, workers)?;
        Ok(Some((specs, last)))
    }

    fn cells_of_before(&self) -> Option<(Vec<CellSpec>, LastBuild)> {
        let index = self.previous.filter(|_| self.same_vectors)?;
        if self.same_cells {
            let specs = cells_as_they_are(self.rows, self.ids, index)?;
            return Some((specs, self.last.cloned().unwrap_or_default()));
        }
        let last = self.last?;
        let churn = last.churn + self.churn;
        if last.partition != format!("{:?}", self.wanted) || stale(last.at_partition, churn) {
            return None;
        }
        let specs = keep_cells(self.rows, self.ids, index)?;
        let last = LastBuild {
            churn,
            ..last.clone()
        };
        Some((specs, last))
    }

    fn calibrated(&self, made: Assembled) -> Result<Assembled, BuildError> {
        let options = CalibrationOptions::default();
        let (rows, ids, encoding) = (self.rows, self.ids, &self.encoding);
        Ok(made.calibrated_as(rows, ids, self.previous, &options, encoding)?)
    }
}
