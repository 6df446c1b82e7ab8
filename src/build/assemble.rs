//! Rows and a layout → the files of an epoch. Pure: bytes come out, nothing is written.
//!
//! Cells that are neighbours in the merge tree share a segment, because a query that opens one
//! opens the next one too. With an epoch before, a cell may keep its identity: then its centroid
//! and its rows' codes stay: what came is written as a further piece of it, what went is named dead (`growth`), and
//! segments keep their bytes and their names, so that browsers keep them. Children of a split lie in their parent's segment: one file changes.
//!
//! The same input gives the same bytes: there is no clock and no random number here, and nothing
//! depends on the order of a hash table.

mod assembled;
mod encode;
mod encoding;
mod error;
mod growth;
mod packing;
mod records;
mod scratch;
mod turned;

use std::collections::BTreeMap;

pub use assembled::Assembled;
use assembled::Files;
use encode::{Encoder, centroids_of};
pub use encoding::Encoding;
pub use error::{AssembleError, CODES};
use growth::{Aims, growth};
use packing::{place, small_rows};
use records::write_records;
pub use scratch::{FileBytes, InMemory, Lying, Scratch, ScratchError};
use turned::Space;
pub(super) use turned::framed;

use crate::index::{
    CellEntry, Changes, Counts, Dead, FORMAT, FileRef, Index, Manifest, ModelRef, Record,
    RecordBlocks, Routing, check_tree,
};
use crate::kernel;
use crate::partition::{Layout, Merge, Rows, adjacency_on, merge_tree};
use crate::quantize::{Centroids, Frame, Metric, Rotation};

/// Neighbours kept of each cell: for repartitioning, which looks at few; searches read none.
const NEIGHBOURS: usize = 12;

/// The epoch that is built upon.
#[derive(Debug, Clone, Copy)]
pub struct Previous<'a> {
    index: &'a Index,
    routing: &'a Routing,
}

impl<'a> Previous<'a> {
    /// Needs routing and all segments of it.
    pub fn new(index: &'a Index) -> Result<Self, AssembleError> {
        match index.routing() {
            Some(routing) if index.ready() => Ok(Self { index, routing }),
            _ => Err(AssembleError::Previous {
                missing: index.missing_for_search().len(),
            }),
        }
    }

    /// Place in the routing of the cell with this stable id.
    fn place(&self, id: u32) -> Option<u32> {
        let place = self.routing.cells.iter().position(|cell| cell.id == id)?;
        Some(place as u32)
    }
}

/// A cell that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct CellSpec {
    /// A cell of the epoch before that goes on: its centroid stays whatever `centroid` says, and so
    /// do the codes of the rows it had: a picture whose vector changed needs a new cell. Rows may
    /// have come or gone. None: a new cell.
    pub id: Option<u32>,
    /// For a new cell: the segment of the epoch before that it should lie in, usually its parent's.
    pub segment_of: Option<u32>,
    /// Mean of the members, not needed for a cell that goes on.
    pub centroid: Vec<f32>,
    /// The rows in it, at least one.
    pub members: Vec<u32>,
}

/// The epoch of a whole layout. Row `i` is picture `ids[i]`, of unit length where the angle counts.
///
/// With an epoch before, cells that the layout made again exactly keep their ids and bytes.
pub fn assemble(
    rows: Rows,
    ids: &[u32],
    records: &[Record],
    layout: &Layout,
    model: Option<ModelRef>,
    previous: Option<&Previous>,
) -> Result<Assembled, AssembleError> {
    let encoding = Encoding::default();
    assemble_as(rows, ids, records, layout, model, previous, &encoding)
}

/// [`assemble`] with other codes, or by several.
pub fn assemble_as(
    rows: Rows,
    ids: &[u32],
    records: &[Record],
    layout: &Layout,
    model: Option<ModelRef>,
    previous: Option<&Previous>,
    encoding: &Encoding,
) -> Result<Assembled, AssembleError> {
    let given = Given {
        records,
        model,
        previous,
        encoding,
    };
    of_layout(rows, ids, layout, true, given)
}

/// [`assemble_as`] where no cell of the epoch before goes on, even if the layout made it again: for rows that are others now, and for
/// files that are those of a first epoch of the same rows.
pub fn assemble_afresh(
    rows: Rows,
    ids: &[u32],
    records: &[Record],
    layout: &Layout,
    model: Option<ModelRef>,
    previous: Option<&Previous>,
    encoding: &Encoding,
) -> Result<Assembled, AssembleError> {
    let given = Given {
        records,
        model,
        previous,
        encoding,
    };
    of_layout(rows, ids, layout, false, given)
}

fn of_layout(
    rows: Rows,
    ids: &[u32],
    layout: &Layout,
    recognises: bool,
    given: Given,
) -> Result<Assembled, AssembleError> {
    if rows.is_empty() {
        return Err(AssembleError::Nothing);
    }
    let centroids = Rows::new(&layout.centroids, layout.dimension)?;
    let mut specs: Vec<CellSpec> = centroids
        .iter()
        .map(|centroid| CellSpec {
            id: None,
            segment_of: None,
            centroid: centroid.to_vec(),
            members: Vec::new(),
        })
        .collect();
    for (row, &cell) in layout.cell_of_row.iter().enumerate() {
        let outside = AssembleError::Unplaced {
            row: row as u32,
            cells: 0,
        };
        specs
            .get_mut(cell as usize)
            .ok_or(outside)?
            .members
            .push(row as u32);
    }
    if let Some(previous) = given.previous.filter(|_| recognises) {
        recognise(&mut specs, ids, centroids, previous);
    }
    let tables = (layout.adjacency.clone(), layout.merges.clone());
    finish(rows, ids, &specs, Some(tables), given)
}

/// The epoch of cells given one by one, as repartitioning gives them.
pub fn assemble_cells(
    rows: Rows,
    ids: &[u32],
    specs: &[CellSpec],
    records: &[Record],
    model: Option<ModelRef>,
    previous: Option<&Previous>,
) -> Result<Assembled, AssembleError> {
    let encoding = Encoding::default();
    assemble_cells_as(rows, ids, specs, records, model, previous, &encoding)
}

/// [`assemble_cells`] with other codes, or by several.
pub fn assemble_cells_as(
    rows: Rows,
    ids: &[u32],
    specs: &[CellSpec],
    records: &[Record],
    model: Option<ModelRef>,
    previous: Option<&Previous>,
    encoding: &Encoding,
) -> Result<Assembled, AssembleError> {
    let given = Given {
        records,
        model,
        previous,
        encoding,
    };
    finish(rows, ids, specs, None, given)
}

/// Gives the cells that the epoch before had too, with the same pictures and the same centroid,
/// their ids.
fn recognise(specs: &mut [CellSpec], ids: &[u32], centroids: Rows, previous: &Previous) {
    if previous.routing.dimension != centroids.dimension() {
        return;
    }
    let frame = previous.routing.frame.as_ref();
    let rotation = &Rotation::new(centroids.dimension());
    let rotated = Space { frame, rotation }.turn(centroids.values().to_vec());
    let Ok(rotated) = Rows::new(&rotated, centroids.dimension()) else {
        return;
    };
    let encoded = Centroids::encode(rotated);
    let mut by_first_picture = BTreeMap::new();
    for (place, entry) in previous.routing.cells.iter().enumerate() {
        if let Some(pictures) = previous.index.pictures_of(place as u32) {
            by_first_picture.insert(pictures.first().copied(), (place, entry.id, pictures));
        }
    }
    for (number, spec) in specs.iter_mut().enumerate() {
        let mut own: Vec<u32> = spec
            .members
            .iter()
            .filter_map(|&row| ids.get(row as usize).copied())
            .collect();
        own.sort_unstable();
        let Some((place, id, pictures)) = by_first_picture.get(&own.first().copied()) else {
            continue;
        };
        let before = &previous.routing.centroids;
        let place = *place;
        let same_centroid = before.code(place) == encoded.code(number)
            && before.scales()[place] == encoded.scales()[number];
        if *pictures == own && same_centroid {
            spec.id = Some(*id);
        }
    }
}

type Tables = (Vec<Vec<u32>>, Vec<Merge>);

/// What goes into an epoch beside rows and cells.
struct Given<'a> {
    records: &'a [Record],
    model: Option<ModelRef>,
    previous: Option<&'a Previous<'a>>,
    encoding: &'a Encoding<'a>,
}

/// The frame of an epoch. Where a cell goes on its codes do, and with them the frame that they are in: rows that came since lie in it
/// too, wherever they are. Else it is that of the rows of now.
fn frame_of(
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

fn finish(
    rows: Rows,
    ids: &[u32],
    specs: &[CellSpec],
    tables: Option<Tables>,
    given: Given,
) -> Result<Assembled, AssembleError> {
    let (previous, workers) = (given.previous, given.encoding.workers);
    let metric = given
        .encoding
        .metric(previous.map(|previous| previous.index));
    check_rows(rows, ids, specs, metric)?;
    let dimension = rows.dimension();
    // From here on everything is in the frame and rotated: what the files hold, and what is compared with it.
    let rotation = Rotation::new(dimension);
    let frame = frame_of(rows, specs, metric, previous)?;
    let space = Space {
        frame: frame.as_ref(),
        rotation: &rotation,
    };
    let bits = given.encoding.bits(previous.map(|previous| previous.index));
    let (centroids, decoded) = centroids_of(specs, dimension, &space, previous)?;
    let mut next_cell_id = previous.map_or(0, |previous| previous.index.manifest().next_cell_id);
    let aims = Aims {
        whole: given.encoding.whole,
        same_codes: previous.is_some_and(|previous| {
            previous.routing.dimension == dimension && previous.index.code_bits() == Some(bits)
        }),
        small: small_rows(rows.len(), dimension, bits),
    };
    let growth = growth(specs, ids, previous, &aims);
    let encoder = Encoder {
        rows,
        ids,
        space,
        specs,
        fates: &growth.fates,
        centroids: &decoded,
        bits,
        metric,
        previous,
    };
    let mut made = Vec::with_capacity(specs.len());
    for (number, spec) in specs.iter().enumerate() {
        let mut cell = encoder.plan(number)?;
        if spec.id.is_none() {
            cell.entry.id = next_cell_id;
            next_cell_id = next_cell_id.checked_add(1).ok_or(AssembleError::Layout {
                cell: number,
                what: "no cell id is left; build a new index",
            })?;
        }
        made.push(cell);
    }

    let decoded_rows = Rows::new(&decoded, dimension)?;
    let (mut adjacency, merges) = tables.unwrap_or_else(|| {
        let weights: Vec<f32> = specs.iter().map(|spec| spec.members.len() as f32).collect();
        (
            adjacency_on(decoded_rows, NEIGHBOURS, workers),
            merge_tree(decoded_rows, &weights),
        )
    });
    adjacency
        .iter_mut()
        .for_each(|nearest| nearest.truncate(NEIGHBOURS));
    check_tree(&merges, specs.len()).map_err(|what| AssembleError::Tree { what })?;
    let mut files = Files {
        held: Vec::new(),
        lying: Vec::new(),
        scratch: given.encoding.scratch,
    };
    let placed = place(&mut made, &merges, &encoder, &growth, workers, &mut files)?;
    let whole = given.encoding.whole;
    let filed = write_records(given.records, ids, previous, whole, &mut files)?;
    let cells: Vec<CellEntry> = made.iter().map(|cell| cell.entry).collect();
    let routing = Routing {
        epoch: previous.map_or(0, |previous| previous.index.epoch() + 1),
        dimension,
        segments: placed.segments.len() as u32,
        changes: with_dead_records(&cells, placed.changes, &filed.dead)?,
        cells,
        centroids,
        frame,
        rotation,
        adjacency,
        merges,
        calibration: None,
        spans: Some(placed.spans),
        record_blocks: (!filed.blocks.is_empty()).then_some(RecordBlocks(filed.blocks)),
    };
    let routing_bytes = routing.write();
    let manifest = Manifest {
        format: FORMAT,
        epoch: routing.epoch,
        parent: previous.map(|previous| previous.index.manifest_name().to_owned()),
        dimension,
        metric,
        counts: Counts {
            pictures: routing.rows(),
            cells: routing.cells.len() as u32,
            pieces: routing.changes.pieces().len() as u32,
        },
        model: given.model,
        routing: FileRef::of("routing", &routing_bytes, "nsr"),
        segments: placed.segments,
        records: filed.files,
        records_from: filed.from,
        next_cell_id,
    };
    files
        .held
        .insert(0, (manifest.routing.name.clone(), routing_bytes));
    if let Some(previous) = previous {
        let had: Vec<&str> = previous
            .index
            .manifest()
            .files()
            .map(|file| file.name.as_str())
            .collect();
        files.held.retain(|(name, _)| !had.contains(&name.as_str()));
        files
            .lying
            .retain(|(name, _)| !had.contains(&name.as_str()));
    }
    let assembled = Assembled {
        manifest,
        files: files.held,
        lying: files.lying,
    };
    // What was made is read back before anybody publishes it: a layout with a contradiction in it
    // is refused here and not by every visitor.
    assembled.index(previous.map(|previous| previous.index))?;
    Ok(assembled)
}

/// The changes with the pictures of which nothing is left but a record.
fn with_dead_records(
    cells: &[CellEntry],
    changes: Changes,
    records: &[u32],
) -> Result<Changes, AssembleError> {
    let dead = Dead {
        records: records
            .iter()
            .copied()
            .filter(|&id| !changes.is_dead_row(id))
            .collect(),
        ..changes.dead().clone()
    };
    Changes::new(cells, changes.pieces().to_vec(), dead)
        .map_err(|what| AssembleError::Changes { what })
}

/// One id, and where the angle counts a unit length, for every row, and every row in exactly one cell.
fn check_rows(
    rows: Rows,
    ids: &[u32],
    specs: &[CellSpec],
    metric: Metric,
) -> Result<(), AssembleError> {
    if rows.is_empty() || specs.is_empty() {
        return Err(AssembleError::Nothing);
    }
    if rows.len() != ids.len() {
        return Err(AssembleError::Ids {
            rows: rows.len(),
            ids: ids.len(),
        });
    }
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(AssembleError::Twice { id: pair[0] });
    }
    let of_unit_length = rows.iter().zip(ids).filter(|_| metric.is_cosine());
    for (row, &id) in of_unit_length {
        let length = kernel::dot_f32(row, row).sqrt();
        if length.is_nan() || (length - 1.0).abs() > 1e-3 {
            return Err(AssembleError::NotUnit { id, length });
        }
    }
    let mut cells_of = vec![0u32; rows.len()];
    for (number, spec) in specs.iter().enumerate() {
        if spec.members.is_empty() {
            return Err(AssembleError::Layout {
                cell: number,
                what: "it has no rows; leave it out",
            });
        }
        for &row in &spec.members {
            match cells_of.get_mut(row as usize) {
                Some(cells) => *cells += 1,
                None => {
                    return Err(AssembleError::Layout {
                        cell: number,
                        what: "it has a row that does not exist",
                    });
                }
            }
        }
    }
    match cells_of.iter().position(|&cells| cells != 1) {
        Some(row) => Err(AssembleError::Unplaced {
            row: row as u32,
            cells: cells_of[row],
        }),
        None => Ok(()),
    }
}
