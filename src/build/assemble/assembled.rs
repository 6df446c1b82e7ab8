//! What assembling gives: an epoch, in memory or where the caller has it lie, which can be read, calibrated and published.

use super::{AssembleError, Encoding, FileBytes, Lying, Scratch, ScratchError, framed};
use crate::calibration::{CalibrationOptions, calibrate};
use crate::index::{FileRef, Index, IndexError, Manifest};
use crate::partition::Rows;

/// An epoch that has not been published.
#[derive(Debug, Clone, PartialEq)]
pub struct Assembled {
    pub manifest: Manifest,
    /// Name and content of every file that the epoch before did not have, as far as they are in memory; the model's are not
    /// among them.
    pub files: Vec<(String, Vec<u8>)>,
    /// The others, which lie where the caller wanted them.
    pub(super) lying: Vec<(String, Lying<u8>)>,
}

/// Files as they are made.
pub(super) struct Files<'a> {
    pub(super) held: Vec<(String, Vec<u8>)>,
    pub(super) lying: Vec<(String, Lying<u8>)>,
    pub(super) scratch: &'a dyn Scratch,
}

impl Files<'_> {
    pub(super) fn put(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), ScratchError> {
        let name = name.to_owned();
        match self.scratch.file(bytes)? {
            FileBytes::Held(bytes) => self.held.push((name, bytes)),
            FileBytes::Lying(bytes) => self.lying.push((name, bytes)),
        }
        Ok(())
    }
}

impl Assembled {
    /// The epoch as a browser would hold it: what `previous` has is shared.
    pub fn index(&self, previous: Option<&Index>) -> Result<Index, IndexError> {
        let manifest = self.manifest.to_json();
        let mut index = match previous {
            Some(previous) => previous.advance(manifest.as_bytes())?,
            None => Index::open(manifest.as_bytes())?,
        };
        for (name, bytes) in self.new_files() {
            index.supply(name, bytes.to_vec())?;
        }
        Ok(index)
    }

    /// Name and content of every file that the epoch before did not have, wherever it lies.
    pub fn new_files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let held = self
            .files
            .iter()
            .map(|(name, bytes)| (name.as_str(), &bytes[..]));
        let lying = self
            .lying
            .iter()
            .map(|(name, bytes)| (name.as_str(), &bytes[..]));
        held.chain(lying)
    }

    /// Bytes that a page lacks which holds the epoch before.
    pub fn new_bytes(&self) -> u64 {
        self.new_files().map(|(_, bytes)| bytes.len() as u64).sum()
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
        self.calibrated_as(rows, ids, previous, options, &Encoding::default())
    }

    /// [`calibrated`](Self::calibrated), by the workers and in the scratch of an encoding.
    pub fn calibrated_as(
        mut self,
        rows: Rows,
        ids: &[u32],
        previous: Option<&Index>,
        options: &CalibrationOptions,
        encoding: &Encoding,
    ) -> Result<Self, AssembleError> {
        let index = self.index(previous)?;
        // In the frame, where there is one: distances are then those of the codes, and probes those of a search.
        let frame = index.routing().and_then(|routing| routing.frame.as_ref());
        let moved = frame
            .map(|frame| framed(rows, frame, encoding.scratch))
            .transpose()?;
        let rows = match &moved {
            Some(moved) => Rows::new(moved, rows.dimension()),
            None => Ok(rows),
        };
        // Rows that are none in the frame are not those that were coded in it.
        let found = match rows {
            Ok(rows) => calibrate(&index, rows, ids, options, encoding.workers)?,
            Err(_) => None,
        };
        let (Some(routing), Some(calibration)) = (index.routing(), found) else {
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
