//! What assembling gives: an epoch in memory, which can be read, calibrated and published.

use super::AssembleError;
use crate::calibration::{CalibrationOptions, calibrate};
use crate::index::{FileRef, Index, IndexError, Manifest};
use crate::partition::{Alone, Rows, Workers};

/// An epoch that has not been published.
#[derive(Debug, Clone, PartialEq)]
pub struct Assembled {
    pub manifest: Manifest,
    /// Name and content of every file that the epoch before did not have; the model's are not
    /// among them.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Assembled {
    /// The epoch as a browser would hold it: what `previous` has is shared.
    pub fn index(&self, previous: Option<&Index>) -> Result<Index, IndexError> {
        let manifest = self.manifest.to_json();
        let mut index = match previous {
            Some(previous) => previous.advance(manifest.as_bytes())?,
            None => Index::open(manifest.as_bytes())?,
        };
        for (name, bytes) in &self.files {
            index.supply(name, bytes.clone())?;
        }
        Ok(index)
    }

    /// Bytes that a page lacks which holds the epoch before.
    pub fn new_bytes(&self) -> u64 {
        self.files.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    /// The same epoch with a calibration in its routing, found with the rows that it was made of; without one where they
    /// are too few (see [`calibrate`]).
    pub fn calibrated(
        self,
        rows: Rows,
        ids: &[u32],
        previous: Option<&Index>,
        options: &CalibrationOptions,
    ) -> Result<Self, AssembleError> {
        self.calibrated_on(rows, ids, previous, options, &Alone)
    }

    /// [`calibrated`](Self::calibrated), by several.
    pub fn calibrated_on(
        mut self,
        rows: Rows,
        ids: &[u32],
        previous: Option<&Index>,
        options: &CalibrationOptions,
        workers: &dyn Workers,
    ) -> Result<Self, AssembleError> {
        let index = self.index(previous)?;
        let (Some(routing), Some(calibration)) = (
            index.routing(),
            calibrate(&index, rows, ids, options, workers)?,
        ) else {
            return Ok(self);
        };
        let mut routing = routing.clone();
        routing.calibration = Some(calibration);
        let bytes = routing.write();
        self.files
            .retain(|(name, _)| *name != self.manifest.routing.name);
        self.manifest.routing = FileRef::of("routing", &bytes, "nsr");
        self.files
            .insert(0, (self.manifest.routing.name.clone(), bytes));
        Ok(self)
    }
}
