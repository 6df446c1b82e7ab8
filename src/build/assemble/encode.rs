//! A cell that is wanted → its centroid as stored, and its rows as codes against that centroid. All rotated.

use super::{AssembleError, CellSpec, Previous};
use crate::index::{Cell, CellEntry};
use crate::kernel;
use crate::partition::Rows;
use crate::quantize::{Centroids, CodeBits, Rotation, RowCodes};

/// A cell whose rows are encoded and whose place among the segments is open.
pub(super) struct Made {
    pub(super) entry: CellEntry,
    pub(super) cell: Cell,
    /// Segment of the epoch before, and slot there for a cell that goes on.
    pub(super) home: Option<(u32, Option<u32>)>,
    pub(super) unchanged: bool,
}

/// The centroids as they are stored, and the same decoded. A cell that goes on keeps its codes:
/// encoding decoded values again could move them, and with them every row.
pub(super) fn centroids_of(
    specs: &[CellSpec],
    rotation: &Rotation,
    previous: Option<&Previous>,
) -> Result<(Centroids, Vec<f32>), AssembleError> {
    let dimension = rotation.dimension();
    let mut codes: Vec<i8> = Vec::with_capacity(specs.len() * dimension);
    let mut scales = Vec::with_capacity(specs.len());
    for (number, spec) in specs.iter().enumerate() {
        let wrong = |what| AssembleError::Layout { cell: number, what };
        match spec.id {
            Some(id) => {
                let before = previous.and_then(|previous| Some((previous, previous.cell(id)?)));
                let (previous, (place, ..)) =
                    before.ok_or(wrong("the epoch before has no cell of its id"))?;
                let expected = previous.routing.dimension;
                if expected != dimension {
                    return Err(AssembleError::Dimension {
                        found: dimension,
                        expected,
                    });
                }
                codes.extend_from_slice(previous.routing.centroids.code(place));
                scales.push(previous.routing.centroids.scales()[place]);
            }
            None if spec.centroid.len() != dimension => {
                return Err(wrong("its centroid has another dimension"));
            }
            None => {
                let rotated = rotation.apply_rows(&spec.centroid);
                let one = Centroids::encode(Rows::new(&rotated, dimension)?);
                codes.extend_from_slice(one.codes());
                scales.extend_from_slice(one.scales());
            }
        }
    }
    let centroids =
        Centroids::from_parts(dimension, codes, scales).map_err(|_| AssembleError::Layout {
            cell: 0,
            what: "its centroid cannot be encoded",
        })?;
    let decoded = centroids.decode_all();
    Ok((centroids, decoded))
}

/// Encodes a cell's rows, or takes over the codes of a cell whose rows are those it had. The same vector against the same
/// centroid gives the same code, so a row that stays where it was keeps its code too; its factors are written anew, because
/// their range is the cell's.
pub(super) fn make_cell(
    rows: Rows,
    ids: &[u32],
    spec: &CellSpec,
    centroid: &[f32],
    bits: CodeBits,
    previous: Option<&Previous>,
    number: usize,
) -> Result<Made, AssembleError> {
    let before = spec.id.and_then(|id| previous?.cell(id));
    let mut members = spec.members.clone();
    members.sort_unstable_by_key(|&row| ids[row as usize]);
    let own: Vec<u32> = members.iter().map(|&row| ids[row as usize]).collect();
    let unchanged = before.filter(|(_, _, cell)| cell.ids == own && cell.codes.bits() == bits);
    if let Some((_, entry, cell)) = unchanged {
        return Ok(Made {
            entry,
            cell: cell.clone(),
            home: Some((entry.segment, Some(entry.slot))),
            unchanged: true,
        });
    }
    let vectors: Vec<&[f32]> = members.iter().map(|&row| rows.row(row as usize)).collect();
    let (mut radius, mut squares) = (0f32, 0f64);
    for vector in &vectors {
        let squared = kernel::squared_distance_f32(vector, centroid);
        radius = radius.max(squared.sqrt());
        squares += f64::from(squared);
    }
    let rows_count = u32::try_from(members.len()).map_err(|_| AssembleError::Layout {
        cell: number,
        what: "it has too many rows",
    })?;
    let mut entry = CellEntry {
        id: 0,
        segment: 0,
        slot: 0,
        rows: rows_count,
        radius,
        spread: (squares / members.len() as f64).sqrt() as f32,
    };
    if let Some((_, old, _)) = before {
        entry.id = old.id;
    }
    let home = match before {
        Some((_, old, _)) => Some((old.segment, Some(old.slot))),
        None => spec.segment_of.map(|segment| (segment, None)),
    };
    Ok(Made {
        entry,
        cell: Cell {
            codes: RowCodes::encode(&vectors, centroid, bits),
            ids: own,
        },
        home,
        unchanged: false,
    })
}
