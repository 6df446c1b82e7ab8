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
mod recognise;
mod records;
mod scratch;
mod sound;
mod turned;

pub use assembled::Assembled;
use assembled::Files;
use encode::{Encoder, centroids_of};
pub use encoding::Encoding;
pub use error::{AssembleError, CODES};
use growth::{Aims, growth};
use packing::{place, small_rows};
use recognise::{recognise, specs_of, tables_of};
use records::write_records;
pub use scratch::{FileBytes, InMemory, Lying, Scratch, ScratchError};
use sound::check_rows;
pub(super) use turned::framed;
use turned::{Space, frame_of};

use crate::index::{
    CellEntry, Changes, Counts, Dead, FORMAT, FileRef, Index, Manifest, ModelRef, Record,
    RecordBlocks, Routing, check_tree,
};
use crate::partition::{Layout, Merge, Rows, adjacency_on, merge_tree};
use crate::quantize::Rotation;

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

type Tables = (Vec<Vec<u32>>, Vec<Merge>);

/// What an epoch is made of, but for its cells. Row `i` is picture `ids[i]`, of unit length where the angle counts.
#[derive(Clone)]
pub struct Assembly<'a> {
    rows: Rows<'a>,
    ids: &'a [u32],
    records: &'a [Record],
    model: Option<ModelRef>,
    previous: Option<&'a Previous<'a>>,
    encoding: Encoding<'a>,
}

impl<'a> Assembly<'a> {
    /// A first epoch, without records and model, encoded by default.
    pub fn of(rows: Rows<'a>, ids: &'a [u32]) -> Self {
        Self {
            rows,
            ids,
            records: &[],
            model: None,
            previous: None,
            encoding: Encoding::default(),
        }
    }

    pub fn records(self, records: &'a [Record]) -> Self {
        Self { records, ..self }
    }

    /// What embeds the pictures that visitors ask with.
    pub fn model(self, model: Option<ModelRef>) -> Self {
        Self { model, ..self }
    }

    /// The epoch that this one follows.
    pub fn after(self, previous: Option<&'a Previous<'a>>) -> Self {
        Self { previous, ..self }
    }

    pub fn encoding(self, encoding: Encoding<'a>) -> Self {
        Self { encoding, ..self }
    }

    /// In the cells of a layout. Those that the epoch before had exactly so keep their ids and bytes.
    pub fn in_layout(self, layout: &Layout) -> Result<Assembled, AssembleError> {
        let mut specs = specs_of(layout)?;
        if let Some(previous) = self.previous {
            recognise(&mut specs, self.ids, layout, previous);
        }
        self.finish(&specs, Some(tables_of(layout)))
    }

    /// The same where no cell of the epoch before goes on, even if the layout made it again: for rows that are others now, and for
    /// files that are those of a first epoch of the same rows.
    pub fn in_layout_afresh(self, layout: &Layout) -> Result<Assembled, AssembleError> {
        self.finish(&specs_of(layout)?, Some(tables_of(layout)))
    }

    /// In cells given one by one, as repartitioning gives them.
    pub fn in_cells(self, specs: &[CellSpec]) -> Result<Assembled, AssembleError> {
        self.finish(specs, None)
    }

    fn finish(
        self,
        specs: &[CellSpec],
        tables: Option<Tables>,
    ) -> Result<Assembled, AssembleError> {
        let Self {
            rows,
            ids,
            records,
            model,
            previous,
            encoding,
        } = self;
        let workers = encoding.workers;
        let metric = encoding.metric(previous.map(|previous| previous.index));
        check_rows(rows, ids, specs, metric)?;
        let dimension = rows.dimension();
        // From here on everything is in the frame and rotated: what the files hold, and what is compared with it.
        let rotation = Rotation::new(dimension);
        let frame = frame_of(rows, specs, metric, previous)?;
        let space = Space {
            frame: frame.as_ref(),
            rotation: &rotation,
        };
        let bits = encoding.bits(previous.map(|previous| previous.index));
        let (centroids, decoded) = centroids_of(specs, dimension, &space, previous)?;
        let mut next_cell_id =
            previous.map_or(0, |previous| previous.index.manifest().next_cell_id);
        let aims = Aims {
            whole: encoding.whole,
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
            scratch: encoding.scratch,
        };
        let placed = place(&mut made, &merges, &encoder, &growth, workers, &mut files)?;
        let whole = encoding.whole;
        let filed = write_records(records, ids, previous, whole, &mut files)?;
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
            model,
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
