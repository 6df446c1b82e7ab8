//! A picture of the published index → its row there, and the vector that its network gave.
//!
//! The index holds projected rows, and a picture's file may be gone. What the network gave is in the log, in what an upgrade has moved, or, where
//! there is no projection, in the full vectors. Needed where rows go through another projection, or into another space, without their files.

use super::moved::{Kind, Moved};
use super::output::Output;
use super::resume::Log;
use super::state::State;
use super::{BuildError, Model};
use crate::embed::project;
use crate::index::{Index, Record};

/// What is held of the pictures of an index.
pub struct Held {
    state: State,
    /// Of the published index, with its projection.
    model: Model,
    moved: Option<Moved>,
}

impl Held {
    pub fn of(output: &Output, index: &Index) -> Result<Self, BuildError> {
        let model = Model::of_index(output.folder(), index.manifest())?;
        Ok(Self {
            state: State::open(output.folder())?,
            moved: Moved::read(output, Kind::Moved, &model)?,
            model,
        })
    }

    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Numbers of a row.
    pub fn dimension(&self) -> usize {
        self.state.vectors().1
    }

    /// The row that the index has of a picture.
    pub fn row(&self, record: &Record) -> Result<&[f32], BuildError> {
        let row = self.state.row(record.id);
        row.ok_or_else(|| self.stale("a picture of the index has no vector in it"))
    }

    /// What the network gave for a picture, or what stands for it while an upgrade is not finished. None where only the projected row is left.
    pub fn network<'v>(&'v self, record: &Record, log: &'v Log) -> Option<&'v [f32]> {
        let dimension = self.model.network_dimension();
        let moved = self.moved.as_ref().and_then(|moved| moved.row(record.id));
        if let Some(moved) = moved.filter(|moved| moved.len() == dimension) {
            return Some(moved);
        }
        let row = self.state.row(record.id)?;
        let Some(projection) = self.model.projection() else {
            return Some(row);
        };
        let entry = log.get(&record.path)?;
        // The log may know the picture by another model by now, or another picture under its path.
        let is_of_row = entry.vector.len() == dimension
            && project(projection, &entry.vector).is_ok_and(|projected| projected == row);
        is_of_row.then_some(&entry.vector)
    }

    /// The same, for an epoch of `model`. An error where there is none, or it is of another network: then it is of another space.
    pub fn of_network<'v>(
        &'v self,
        record: &Record,
        log: &'v Log,
        model: &Model,
    ) -> Result<&'v [f32], BuildError> {
        if !self.model.is_same_network(model) {
            return Err(self.stale("another model made the vectors"));
        }
        let vector = self.network(record, log);
        vector
            .ok_or_else(|| self.stale("a picture whose file is not there is not in the log either"))
    }

    fn stale(&self, why: &'static str) -> BuildError {
        let path = self.state.file().to_path_buf();
        BuildError::StateStale { path, why }
    }
}
