//! Vectors as they were given → as the files hold them: in the frame, where there is one, and rotated.
//!
//! Rows are turned cell by cell, when they are encoded: all of them turned would take the room of the table once more.

use super::{AssembleError, CellSpec, Lying, Previous, Scratch, ScratchError};
use crate::partition::{PartitionError, Rows};
use crate::quantize::{Frame, Metric, Rotation};

/// Rows that are put into a frame in one piece.
const FRAMED: usize = 4_096;

/// The frame of an epoch. Where a cell goes on its codes do, and with them the frame that they are in: rows that came since lie in it
/// too, wherever they are. Else it is that of the rows of now.
pub(super) fn frame_of(
    rows: Rows,
    specs: &[CellSpec],
    metric: Metric,
    previous: Option<&Previous>,
) -> Result<Option<Frame>, AssembleError> {
    let going_on = specs.iter().position(|spec| spec.id.is_some());
    match (previous, going_on) {
        (Some(previous), Some(cell)) if previous.routing.metric() != metric => {
            Err(AssembleError::Layout {
                cell,
                what: "its codes are for another metric, so it cannot go on",
            })
        }
        (Some(previous), Some(_)) => Ok(previous.routing.frame.clone()),
        _ if metric.is_cosine() => Ok(None),
        _ => Ok(Some(Frame::of(rows))),
    }
}

/// Where codes are.
pub(super) struct Space<'a> {
    pub(super) frame: Option<&'a Frame>,
    pub(super) rotation: &'a Rotation,
}

/// Some rows there, in the order of their pictures.
pub(super) struct Turned {
    pub(super) ids: Vec<u32>,
    pub(super) values: Vec<f32>,
}

impl Space<'_> {
    /// Vectors, one after the other.
    pub(super) fn turn(&self, mut values: Vec<f32>) -> Vec<f32> {
        for vector in values.chunks_exact_mut(self.rotation.dimension().max(1)) {
            if let Some(frame) = self.frame {
                frame.enter(vector);
            }
            self.rotation.apply(vector);
        }
        values
    }

    /// Row `i` is picture `ids[i]`.
    pub(super) fn rows(
        &self,
        rows: Rows,
        ids: &[u32],
        members: &[u32],
    ) -> Result<Turned, AssembleError> {
        let mut members = members.to_vec();
        members.sort_unstable_by_key(|&row| ids[row as usize]);
        let mut values = Vec::with_capacity(members.len() * rows.dimension());
        for &row in &members {
            values.extend_from_slice(rows.row(row as usize));
        }
        let values = self.turn(values);
        let ids: Vec<u32> = members.iter().map(|&row| ids[row as usize]).collect();
        match (Rows::new(&values, rows.dimension()), self.frame) {
            (Ok(_), _) => Ok(Turned { ids, values }),
            // Such a row may have come since the frame was made.
            (Err(PartitionError::NotANumber { row, .. }), Some(_)) => Err(AssembleError::Row {
                what: format!(
                    "the vector of picture {} lies more than 1e12 times as far from the mean of the rows as they usually do; leave it out, or build all rows into a new folder",
                    ids[row]
                ),
            }),
            (Err(error), _) => Err(error.into()),
        }
    }
}

/// All rows in a frame, where there is room for them.
pub(in crate::build) fn framed(
    rows: Rows,
    frame: &Frame,
    scratch: &dyn Scratch,
) -> Result<Lying<f32>, ScratchError> {
    let values = rows.values();
    let parts = values.chunks(FRAMED * rows.dimension());
    scratch.values(values.len(), &mut parts.map(|part| frame.enter_rows(part)))
}
