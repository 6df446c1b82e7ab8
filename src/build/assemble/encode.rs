//! A cell that is wanted → its centroid as stored, and its rows as codes against that centroid. All in the frame, where
//! there is one, and rotated.

use super::growth::Fate;
use super::packing::bytes_of;
use super::turned::{Space, Turned};
use super::{AssembleError, CellSpec, Previous};
use crate::index::{Cell, CellEntry};
use crate::kernel;
use crate::partition::Rows;
use crate::quantize::{Centroids, CodeBits, Metric, RowCodes};

/// A cell whose rows are encoded and whose place among the segments is open.
pub(super) struct Made {
    pub(super) entry: CellEntry,
    /// All its rows, where they are written as one slot.
    pub(super) base: Option<Cell>,
    /// Rows that come to those that stay where they are.
    pub(super) piece: Option<Cell>,
    /// Dead rows of a base that stays.
    pub(super) dead: u32,
    /// Segment of the epoch before, and slot there for a cell that goes on.
    pub(super) home: Option<(u32, Option<u32>)>,
}

impl Made {
    /// How many rows it has, about: dead ones of old pieces are not told apart.
    pub(super) fn rows(&self) -> usize {
        self.entry.rows as usize + self.piece.as_ref().map_or(0, |piece| piece.ids.len())
    }

    pub(super) fn base_bytes(&self) -> u64 {
        self.base.as_ref().map_or(0, bytes_of)
    }
}

/// The centroids as they are stored, and the same decoded. A cell that goes on keeps its codes:
/// encoding decoded values again could move them, and with them every row. `space` is where the rows are.
pub(super) fn centroids_of(
    specs: &[CellSpec],
    dimension: usize,
    space: &Space,
    previous: Option<&Previous>,
) -> Result<(Centroids, Vec<f32>), AssembleError> {
    let mut codes: Vec<i8> = Vec::with_capacity(specs.len() * dimension);
    let mut scales = Vec::with_capacity(specs.len());
    for (number, spec) in specs.iter().enumerate() {
        let wrong = |what| AssembleError::Layout { cell: number, what };
        match spec.id {
            Some(id) => {
                let before = previous.and_then(|previous| Some((previous, previous.place(id)?)));
                let (previous, place) =
                    before.ok_or(wrong("the epoch before has no cell of its id"))?;
                let place = place as usize;
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
                let rotated = space.turn(spec.centroid.clone());
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

/// Encodes what is to be written of a cell. The same vector against the same centroid gives the same code, so a row that is
/// written again keeps its code; its factors are written anew, because their range is the slot's.
pub(super) fn make_cell(
    (rows, ids, space): (Rows, &[u32], &Space),
    (spec, fate): (&CellSpec, &Fate),
    centroid: &[f32],
    (bits, metric): (CodeBits, Metric),
    previous: Option<&Previous>,
    number: usize,
) -> Result<Made, AssembleError> {
    let turned = |members: &[u32]| space.rows(rows, ids, members);
    let encode = |turned: Turned| {
        let vectors: Vec<&[f32]> = turned.values.chunks_exact(centroid.len()).collect();
        Cell {
            codes: RowCodes::encode_for(&vectors, centroid, bits, metric),
            ids: turned.ids,
        }
    };
    let before = fate.before.and_then(|place| {
        let previous = previous?;
        Some((previous, previous.routing.cells.get(place as usize)?, place))
    });
    let too_many = |_| AssembleError::Layout {
        cell: number,
        what: "it has too many rows",
    };
    let (radius, spread, all) = match before {
        Some((_, entry, _)) if fate.is_same => (entry.radius, entry.spread, None),
        _ => {
            let all = turned(&spec.members)?;
            let (radius, spread) = reach(&all.values, centroid);
            (radius, spread, Some(all))
        }
    };
    let encode_all = || match all {
        Some(all) => Ok(encode(all)),
        None => turned(&spec.members).map(encode),
    };
    let mut entry = CellEntry {
        id: before.map_or(0, |(_, entry, _)| entry.id),
        segment: 0,
        slot: 0,
        rows: u32::try_from(spec.members.len()).map_err(too_many)?,
        radius,
        spread,
    };
    let mut made = Made {
        entry,
        base: None,
        piece: None,
        dead: 0,
        home: match before {
            Some((_, entry, _)) => Some((entry.segment, Some(entry.slot))),
            None => spec.segment_of.map(|segment| (segment, None)),
        },
    };
    match before {
        Some((_, old, _)) if !fate.is_whole => {
            entry.rows = old.rows;
            made.entry = entry;
            if !fate.fresh.is_empty() {
                made.piece = Some(encode(turned(&fate.fresh)?));
            }
        }
        Some((previous, _, place)) if fate.is_same => {
            let stored = previous.index.stored(place);
            let is_all = |cell: &&Cell| {
                cell.ids.len() == spec.members.len()
                    && cell.codes.bits() == bits
                    && previous.routing.places_of(place).count() == 1
            };
            let stored = stored.filter(is_all).cloned();
            made.base = Some(match stored {
                Some(stored) => stored,
                None => encode_all()?,
            });
        }
        _ => made.base = Some(encode_all()?),
    }
    Ok(made)
}

/// How far rows lie from their centroid: the farthest, and the root of the mean square.
fn reach(rows: &[f32], centroid: &[f32]) -> (f32, f32) {
    let (mut radius, mut squares) = (0f32, 0f64);
    for row in rows.chunks_exact(centroid.len()) {
        let squared = kernel::squared_distance_f32(row, centroid);
        radius = radius.max(squared.sqrt());
        squares += f64::from(squared);
    }
    (
        radius,
        (squares / (rows.len() / centroid.len()) as f64).sqrt() as f32,
    )
}
