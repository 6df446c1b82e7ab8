//! A cell that is wanted → its centroid as stored, and its rows as codes against that centroid.

use super::{AssembleError, CellSpec, Previous};
use crate::index::{Cell, CellEntry};
use crate::kernel;
use crate::partition::Rows;
use crate::quantize::{Centroids, RowFactors, encode_row};

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
    dimension: usize,
    previous: Option<&Previous>,
) -> Result<(Centroids, Vec<f32>), AssembleError> {
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
                let one = Centroids::encode(Rows::new(&spec.centroid, dimension)?);
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

/// Encodes a cell's rows, or takes over the codes of those it had.
pub(super) fn make_cell(
    rows: Rows,
    ids: &[u32],
    spec: &CellSpec,
    centroid: &[f32],
    previous: Option<&Previous>,
    number: usize,
) -> Result<Made, AssembleError> {
    let dimension = rows.dimension();
    let before = spec.id.and_then(|id| previous?.cell(id));
    let mut members = spec.members.clone();
    members.sort_unstable_by_key(|&row| ids[row as usize]);
    let mut cell = Cell {
        ids: members.iter().map(|&row| ids[row as usize]).collect(),
        codes: vec![0; members.len() * dimension],
        factors: vec![RowFactors::default(); members.len()],
    };
    let (mut radius, mut squares) = (0f32, 0f64);
    for (at, &row) in members.iter().enumerate() {
        let vector = rows.row(row as usize);
        let code = &mut cell.codes[at * dimension..(at + 1) * dimension];
        let kept = before.and_then(|(_, _, cell)| {
            Some((cell, cell.ids.binary_search(&ids[row as usize]).ok()?))
        });
        cell.factors[at] = match kept {
            Some((before, row)) => {
                code.copy_from_slice(before.code(row, dimension));
                before.factors[row]
            }
            None => encode_row(vector, centroid, code),
        };
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
    let mut unchanged = false;
    if let Some((_, old, old_cell)) = before {
        entry.id = old.id;
        unchanged = old_cell.ids == cell.ids;
        if unchanged {
            (entry.radius, entry.spread) = (old.radius, old.spread);
        }
    }
    let home = match before {
        Some((_, old, _)) => Some((old.segment, Some(old.slot))),
        None => spec.segment_of.map(|segment| (segment, None)),
    };
    Ok(Made {
        entry,
        cell,
        home,
        unchanged,
    })
}
