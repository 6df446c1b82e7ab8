//! A cell that is wanted → its centroid as stored, and its rows as codes against that centroid. All in the frame, where
//! there is one, and rotated.

use super::growth::Fate;
use super::turned::{Space, Turned};
use super::{AssembleError, CellSpec, Previous};
use crate::index::{Cell, CellEntry};
use crate::kernel;
use crate::partition::Rows;
use crate::quantize::{Centroids, CodeBits, Metric, RowCodes};

/// A cell whose place among the segments is open, and what is to be written of it.
pub(super) struct Made {
    pub(super) entry: CellEntry,
    /// How many rows it has, where all are written as one slot.
    pub(super) base: Option<usize>,
    /// How many come to those that stay where they are.
    pub(super) piece: Option<usize>,
    /// Dead rows of a base that stays.
    pub(super) dead: u32,
    /// Segment of the epoch before, and slot there for a cell that goes on.
    pub(super) home: Option<(u32, Option<u32>)>,
}

impl Made {
    /// Takes radius and spread, where they are others now.
    pub(super) fn reaches(&mut self, reach: Option<(f32, f32)>) {
        if let Some((radius, spread)) = reach {
            (self.entry.radius, self.entry.spread) = (radius, spread);
        }
    }

    /// How many rows it has, about: dead ones of old pieces are not told apart.
    pub(super) fn rows(&self) -> usize {
        self.entry.rows as usize + self.piece.unwrap_or(0)
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

/// Makes codes when they are to be written, so that those of all rows are never held at once.
pub(super) struct Encoder<'a> {
    pub(super) rows: Rows<'a>,
    pub(super) ids: &'a [u32],
    pub(super) space: Space<'a>,
    pub(super) specs: &'a [CellSpec],
    pub(super) fates: &'a [Fate],
    /// As they are stored.
    pub(super) centroids: &'a [f32],
    pub(super) bits: CodeBits,
    pub(super) metric: Metric,
    pub(super) previous: Option<&'a Previous<'a>>,
}

/// What is written to a slot, and radius and spread of its cell where they are others now.
pub(super) type Encoded = (Cell, Option<(f32, f32)>);

impl<'a> Encoder<'a> {
    pub(super) fn dimension(&self) -> usize {
        self.rows.dimension()
    }

    /// What is to be written of a cell.
    pub(super) fn plan(&self, number: usize) -> Result<Made, AssembleError> {
        let (spec, fate) = (&self.specs[number], &self.fates[number]);
        let before = self.before(number);
        let rows = u32::try_from(spec.members.len()).map_err(|_| AssembleError::Layout {
            cell: number,
            what: "it has too many rows",
        })?;
        let old = before.map(|(_, entry, _)| entry);
        let reach = old.filter(|_| fate.is_same);
        let mut made = Made {
            entry: CellEntry {
                id: old.map_or(0, |entry| entry.id),
                segment: 0,
                slot: 0,
                rows,
                radius: reach.map_or(0.0, |entry| entry.radius),
                spread: reach.map_or(0.0, |entry| entry.spread),
            },
            base: None,
            piece: None,
            dead: 0,
            home: match old {
                Some(entry) => Some((entry.segment, Some(entry.slot))),
                None => spec.segment_of.map(|segment| (segment, None)),
            },
        };
        match old {
            Some(old) if !fate.is_whole => {
                made.entry.rows = old.rows;
                made.piece = Some(fate.fresh.len()).filter(|&rows| rows > 0);
            }
            _ => made.base = Some(spec.members.len()),
        }
        Ok(made)
    }

    /// All rows of a cell. The same vector against the same centroid gives the same code, so a row that is
    /// written again keeps its code; its factors are written anew, because their range is the slot's.
    pub(super) fn base(&self, number: usize) -> Result<Encoded, AssembleError> {
        let (spec, fate) = (&self.specs[number], &self.fates[number]);
        if let Some((previous, _, place)) = self.before(number).filter(|_| fate.is_same) {
            let is_all = |cell: &&Cell| {
                cell.ids.len() == spec.members.len()
                    && cell.codes.bits() == self.bits
                    && previous.routing.places_of(place).count() == 1
            };
            return match previous.index.stored(place).filter(is_all) {
                Some(stored) => Ok((stored.clone(), None)),
                None => Ok((self.encode(number, self.turned(&spec.members)?), None)),
            };
        }
        let all = self.turned(&spec.members)?;
        let reach = reach(&all.values, self.centroid(number));
        Ok((self.encode(number, all), Some(reach)))
    }

    /// The rows that come to a cell.
    pub(super) fn piece(&self, number: usize) -> Result<Encoded, AssembleError> {
        let fresh = self.turned(&self.fates[number].fresh)?;
        let reach = self.reach(number)?;
        Ok((self.encode(number, fresh), reach))
    }

    /// Radius and spread of a cell, where they are not those that it had.
    pub(super) fn reach(&self, number: usize) -> Result<Option<(f32, f32)>, AssembleError> {
        if self.before(number).is_some() && self.fates[number].is_same {
            return Ok(None);
        }
        let all = self.turned(&self.specs[number].members)?;
        Ok(Some(reach(&all.values, self.centroid(number))))
    }

    fn before(&self, number: usize) -> Option<(&'a Previous<'a>, &'a CellEntry, u32)> {
        let (previous, place) = (self.previous?, self.fates[number].before?);
        Some((previous, previous.routing.cells.get(place as usize)?, place))
    }

    fn centroid(&self, number: usize) -> &[f32] {
        let dimension = self.dimension();
        &self.centroids[number * dimension..(number + 1) * dimension]
    }

    fn turned(&self, members: &[u32]) -> Result<Turned, AssembleError> {
        self.space.rows(self.rows, self.ids, members)
    }

    fn encode(&self, number: usize, turned: Turned) -> Cell {
        let centroid = self.centroid(number);
        let vectors: Vec<&[f32]> = turned.values.chunks_exact(self.dimension()).collect();
        Cell {
            codes: RowCodes::encode_for(&vectors, centroid, self.bits, self.metric),
            ids: turned.ids,
        }
    }
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
