//! Bytes ⇄ the routing, checked.
//!
//! Sections: `HEAD` epoch u64, dimension u32, cells u32, segments u32, merges u32 · `CELL` id,
//! segment, slot, rows u32, radius, spread f32 a cell · `CENT` dimension × i8 a cell · `CSCL` f32 a
//! cell · `ADJN` neighbours of each cell u32 · `ADJC` a neighbour u16, of 65,536 cells or more u32 · `TREE` left u32,
//! right u32, height f32 a merge · which may be absent: `EUCL` where the Euclidean distance counts and not the angle: scale f32, centre dimension × f32
//! (see [`Frame`]; a reader that does not know it must not answer) · `CALI` the numbers of [`Calibration`] f32 (older ones end before the ceilings and what is for filters), `CALM` which queries are usual f32 (see `search::Usual`; without it a calibration is of the first manner), `SPAN` where cells lie (see `spans`),
//! `PIEC` and `DEAD` what came and went (see `changes`).

use super::super::container::{Container, Kind, Writer};
use super::super::numbers::{
    f32_values, i8_values, read_f32, read_u32, read_u64, u16_values, u32_values,
};
use super::super::{Changes, DIMENSION_LIMIT, IndexError, RecordBlocks, Spans};
use super::{CellEntry, Routing};
use crate::partition::Merge;
use crate::quantize::{Centroids, Frame, Rotation};
use crate::search::Calibration;

const FILE: Kind = *b"ROUT";
const HEAD: Kind = *b"HEAD";
const CELLS: Kind = *b"CELL";
const CENTROIDS: Kind = *b"CENT";
const SCALES: Kind = *b"CSCL";
const DEGREES: Kind = *b"ADJN";
const NEIGHBOURS: Kind = *b"ADJC";
const TREE: Kind = *b"TREE";
const FRAME: Kind = *b"EUCL";
const CALIBRATION: Kind = *b"CALI";
const MANNER: Kind = *b"CALM";
const SPANS: Kind = *b"SPAN";
const RECORD_BLOCKS: Kind = *b"RECB";
const PIECES: Kind = *b"PIEC";
const DEAD: Kind = *b"DEAD";
const CELL_BYTES: usize = 24;
const MERGE_BYTES: usize = 12;

impl Routing {
    /// Reads and checks the tables; `name` is for errors.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, IndexError> {
        let known = [
            HEAD,
            CELLS,
            CENTROIDS,
            SCALES,
            DEGREES,
            NEIGHBOURS,
            TREE,
            FRAME,
            CALIBRATION,
            MANNER,
            SPANS,
            RECORD_BLOCKS,
            PIECES,
            DEAD,
        ];
        let container = Container::parse(name, bytes, FILE, "routing (.nsr)", &known)?;
        let wrong = |what: String| IndexError::inconsistent(name, what);

        let head = container.array(HEAD, 6, 4)?;
        let epoch = read_u64(head, 0);
        let dimension = read_u32(head, 8) as usize;
        let count = read_u32(head, 12) as usize;
        let segments = read_u32(head, 16);
        let merge_count = read_u32(head, 20) as usize;
        if dimension == 0 || dimension > DIMENSION_LIMIT {
            return Err(wrong(format!(
                "dimension {dimension} is not in 1..={DIMENSION_LIMIT}"
            )));
        }
        if count == 0 {
            return Err(wrong("it has no cells".to_owned()));
        }

        let table = container.array(CELLS, count, CELL_BYTES)?;
        let cells: Vec<CellEntry> = table
            .chunks_exact(CELL_BYTES)
            .map(|row| CellEntry {
                id: read_u32(row, 0),
                segment: read_u32(row, 4),
                slot: read_u32(row, 8),
                rows: read_u32(row, 12),
                radius: read_f32(row, 16),
                spread: read_f32(row, 20),
            })
            .collect();
        let changes = Changes::read(&cells, container.optional(PIECES), container.optional(DEAD));
        let changes = changes.map_err(wrong)?;
        check_cells(&cells, &changes, segments).map_err(wrong)?;

        let codes = container.array(CENTROIDS, count, dimension)?;
        let scales = f32_values(container.array(SCALES, count, 4)?);
        if !scales.iter().all(|scale| scale.is_finite()) {
            return Err(wrong("the scale of a centroid is not finite".to_owned()));
        }
        let centroids = Centroids::from_parts(dimension, i8_values(codes), scales)
            .map_err(|error| wrong(format!("its centroids are invalid ({error})")))?;

        let degrees = u32_values(container.array(DEGREES, count, 4)?);
        let total: u64 = degrees.iter().map(|&degree| u64::from(degree)).sum();
        let total = usize::try_from(total).map_err(|_| wrong(format!("{total} neighbours")))?;
        let flat = match is_narrow(count) {
            true => u16_values(container.array(NEIGHBOURS, total, 2)?),
            false => u32_values(container.array(NEIGHBOURS, total, 4)?),
        };
        if let Some(stray) = flat.iter().find(|&&neighbour| neighbour as usize >= count) {
            return Err(wrong(format!(
                "cell {stray} is a neighbour, but there are {count} cells"
            )));
        }
        let mut adjacency = Vec::with_capacity(degrees.len());
        let mut rest = flat.as_slice();
        for degree in degrees {
            let (own, after) = rest.split_at(degree as usize);
            adjacency.push(own.to_vec());
            rest = after;
        }

        let tree = container.array(TREE, merge_count, MERGE_BYTES)?;
        let merges: Vec<Merge> = tree
            .chunks_exact(MERGE_BYTES)
            .map(|row| Merge {
                left: read_u32(row, 0),
                right: read_u32(row, 4),
                height: read_f32(row, 8),
            })
            .collect();
        check_tree(&merges, count).map_err(wrong)?;
        let frame = match container.optional(FRAME) {
            None => None,
            Some(_) => {
                let mut numbers = f32_values(container.array(FRAME, 1 + dimension, 4)?);
                let scale = numbers.remove(0);
                let read = Frame::from_parts(numbers, scale);
                let no_frame = || wrong("its frame holds no valid numbers".to_owned());
                Some(read.ok_or_else(no_frame)?)
            }
        };
        let calibration = match container.optional(CALIBRATION) {
            None => None,
            Some(bytes) => {
                let read = Calibration::read(bytes);
                let no_numbers = || wrong("its calibration holds no valid numbers".to_owned());
                let read = read.and_then(|read| read.with_manner(container.optional(MANNER)));
                Some(read.ok_or_else(no_numbers)?)
            }
        };
        let spans = container.optional(SPANS);
        let places = count + changes.pieces().len();
        let spans = spans.map(|bytes| Spans::read(bytes, places)).transpose();
        let record_blocks = container.optional(RECORD_BLOCKS);
        let record_blocks = record_blocks.map(RecordBlocks::read).transpose();
        Ok(Self {
            epoch,
            dimension,
            segments,
            cells,
            centroids,
            rotation: Rotation::new(dimension),
            frame,
            adjacency,
            merges,
            calibration,
            spans: spans.map_err(wrong)?,
            record_blocks: record_blocks.map_err(wrong)?,
            changes,
        })
    }

    /// Writes them; the same tables give the same bytes.
    pub fn write(&self) -> Vec<u8> {
        let words = |values: &[u32]| -> Vec<u8> {
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        };
        let mut writer = Writer::new(FILE);
        let mut head = self.epoch.to_le_bytes().to_vec();
        head.extend(words(&[
            self.dimension as u32,
            self.cells.len() as u32,
            self.segments,
            self.merges.len() as u32,
        ]));
        writer.required(HEAD, head);
        let cells = self.cells.iter().flat_map(|cell| {
            let reach = [cell.radius.to_bits(), cell.spread.to_bits()];
            words(&[
                cell.id,
                cell.segment,
                cell.slot,
                cell.rows,
                reach[0],
                reach[1],
            ])
        });
        writer.required(CELLS, cells.collect());
        writer.required(
            CENTROIDS,
            self.centroids
                .codes()
                .iter()
                .map(|&code| code as u8)
                .collect(),
        );
        writer.required(
            SCALES,
            self.centroids
                .scales()
                .iter()
                .flat_map(|scale| scale.to_le_bytes())
                .collect(),
        );
        let degrees: Vec<u32> = self.adjacency.iter().map(|own| own.len() as u32).collect();
        writer.required(DEGREES, words(&degrees));
        let flat = self.adjacency.iter().flatten();
        let neighbours = match is_narrow(self.cells.len()) {
            true => flat
                .flat_map(|&place| (place as u16).to_le_bytes())
                .collect(),
            false => flat.flat_map(|&place| place.to_le_bytes()).collect(),
        };
        writer.required(NEIGHBOURS, neighbours);
        let merges = self
            .merges
            .iter()
            .flat_map(|merge| words(&[merge.left, merge.right, merge.height.to_bits()]));
        writer.required(TREE, merges.collect());
        if let Some(frame) = &self.frame {
            let numbers = std::iter::once(frame.scale()).chain(frame.centre().iter().copied());
            writer.required(FRAME, numbers.flat_map(f32::to_le_bytes).collect());
        }
        if let Some(calibration) = &self.calibration {
            writer.optional(CALIBRATION, calibration.write());
            if let Some(manner) = calibration.write_manner() {
                writer.optional(MANNER, manner);
            }
        }
        if let Some(spans) = &self.spans {
            writer.optional(SPANS, spans.write());
        }
        if let Some(blocks) = &self.record_blocks {
            writer.optional(RECORD_BLOCKS, blocks.write());
        }
        // Not to be skipped by a reader that does not know them.
        if let Some(pieces) = self.changes.write_pieces() {
            writer.required(PIECES, pieces);
        }
        if let Some(dead) = self.changes.write_dead() {
            writer.required(DEAD, dead);
        }
        writer.finish()
    }
}

/// Whether a place of so many fits into 16 bits.
fn is_narrow(cells: usize) -> bool {
    cells < 1 << 16
}

/// Ids are unique, reaches are lengths, and each segment's slots are 0, 1, 2 … without a gap.
fn check_cells(cells: &[CellEntry], changes: &Changes, segments: u32) -> Result<(), String> {
    let mut ids: Vec<u32> = cells.iter().map(|cell| cell.id).collect();
    ids.sort_unstable();
    if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("cell id {} occurs twice", twice[0]));
    }
    if let Some(cell) = cells.iter().find(|cell| {
        !(cell.radius.is_finite()
            && cell.radius >= 0.0
            && cell.spread.is_finite()
            && cell.spread >= 0.0)
    }) {
        return Err(format!("the reach of cell {} is no length", cell.id));
    }
    let bases = cells.iter().map(|cell| (cell.segment, cell.slot));
    let pieces = changes.pieces().iter();
    let mut places: Vec<(u32, u32)> = bases
        .chain(pieces.map(|piece| (piece.segment, piece.slot)))
        .collect();
    places.sort_unstable();
    let mut expected = (0, 0);
    for &place in &places {
        let opens_next = expected.1 > 0 && place == (expected.0 + 1, 0);
        if place != expected && !opens_next {
            return Err(format!(
                "segment {} has no single cell or piece at slot {}",
                place.0, place.1
            ));
        }
        expected = (place.0, place.1 + 1);
    }
    match places.last() {
        Some(last) if u64::from(last.0) + 1 == u64::from(segments) => Ok(()),
        _ => Err(format!("the cells do not fill the {segments} segments")),
    }
}

/// Every node is joined at most once, and only after it exists.
pub(crate) fn check_tree(merges: &[Merge], cells: usize) -> Result<(), String> {
    if merges.len() >= cells {
        return Err(format!("{} merges of {cells} cells", merges.len()));
    }
    let mut joined = vec![false; cells + merges.len()];
    for (number, merge) in merges.iter().enumerate() {
        for child in [merge.left as usize, merge.right as usize] {
            if child >= cells + number || joined[child] {
                return Err(format!(
                    "merge {number} joins node {child}, which is not free"
                ));
            }
            joined[child] = true;
        }
        if !merge.height.is_finite() {
            return Err(format!("the height of merge {number} is not finite"));
        }
    }
    Ok(())
}
