//! Bytes ⇄ the routing: what a query must know before it opens the first cell.
//!
//! Cells are numbered here by their place in the tables, which may change with every epoch; what
//! stays is [`CellEntry::id`]. The numbers of `adjacency` and `merges` are places.
//!
//! Sections: `HEAD` epoch u64, dimension u32, cells u32, segments u32, merges u32 · `CELL` id,
//! segment, slot, rows u32, radius, spread f32 a cell · `CENT` dimension × i8 a cell · `CSCL` f32 a
//! cell · `ADJN` neighbours of each cell u32 · `ADJC` a neighbour u16, of 65,536 cells or more u32 · `TREE` left u32,
//! right u32, height f32 a merge · which may be absent: `EUCL` where the Euclidean distance counts and not the angle: scale f32, centre dimension × f32
//! (see [`Frame`]; a reader that does not know it must not answer) · `CALI` the numbers of [`Calibration`] f32 (older ones end before the ceilings and what is for filters), `CALM` which queries are usual f32 (see `search::Usual`; without it a calibration is of the first manner), `SPAN` where cells lie (see `spans`),
//! `PIEC` and `DEAD` what came and went (see `changes`).

use super::container::{
    Container, Kind, Writer, f32_values, i8_values, read_f32, read_u32, read_u64, u16_values,
    u32_values,
};
use super::{Changes, DIMENSION_LIMIT, IndexError, Manifest, RecordBlocks, Segment, Spans};
use crate::partition::Merge;
use crate::quantize::{Centroids, Frame, Metric, Rotation};
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

/// Where a cell lies and how far its rows reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CellEntry {
    /// Stable over epochs; never used for another cell of this index.
    pub id: u32,
    /// Number of the segment that holds its rows, or its base where it has further pieces.
    pub segment: u32,
    /// Its place in that segment.
    pub slot: u32,
    /// How many rows lie there, dead ones too; see [`Routing::live_rows`].
    pub rows: u32,
    /// Distance from the centroid, as decoded, to the farthest row.
    pub radius: f32,
    /// Root of the mean squared distance from the centroid to the rows.
    pub spread: f32,
}

/// The tables that lead a query to cells.
#[derive(Debug, Clone)]
pub struct Routing {
    /// The epoch these tables belong to.
    pub epoch: u64,
    /// Length of a vector.
    pub dimension: usize,
    /// How many segments there are.
    pub segments: u32,
    /// The cells.
    pub cells: Vec<CellEntry>,
    /// Their centroids, in the same order, in the frame if there is one, and rotated.
    pub centroids: Centroids,
    /// What turns a query into the space of the centroids and codes; follows from the dimension, so no file holds it.
    pub rotation: Rotation,
    /// Where the Euclidean distance counts, what vectors are put in before they are rotated; none: the angle counts.
    pub frame: Option<Frame>,
    /// The nearest cells of each cell.
    pub adjacency: Vec<Vec<u32>>,
    /// How the cells join into ever larger ones: leaves are places, node `cells + i` is merge `i`.
    pub merges: Vec<Merge>,
    /// How far to search for which recall, if it was found out for this epoch.
    pub calibration: Option<Calibration>,
    /// Where the cells lie in their segments; none: these are fetched whole.
    pub spans: Option<Spans>,
    /// Where the blocks lie in the files of records; none: these are fetched whole.
    pub record_blocks: Option<RecordBlocks>,
    /// What came and went since the cells were written whole.
    pub changes: Changes,
}

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

    /// What makes two vectors near.
    pub fn metric(&self) -> Metric {
        match self.frame {
            None => Metric::Cosine,
            Some(_) => Metric::Euclidean,
        }
    }

    /// The centroid of a cell as a search sees it, turned back to where the vectors came from.
    ///
    /// # Panics
    /// When there is no such place.
    pub fn centroid(&self, place: usize) -> Vec<f32> {
        let mut centroid = vec![0.0; self.dimension];
        self.centroids.decode(place, &mut centroid);
        self.rotation.undo(&mut centroid);
        if let Some(frame) = &self.frame {
            frame.leave(&mut centroid);
        }
        centroid
    }

    /// Rows of all cells together, as far as they count.
    pub fn rows(&self) -> u64 {
        let bases = self.cells.iter().map(|cell| u64::from(cell.rows));
        let pieces = self.changes.pieces().iter();
        let stored = bases.chain(pieces.map(|piece| u64::from(piece.rows)));
        stored.sum::<u64>() - self.changes.dead().rows.len()
    }

    /// The same, but no more than `limit`, without looking at more cells than hold as many.
    pub fn rows_up_to(&self, limit: usize) -> usize {
        let mut rows = 0usize;
        for cell in 0..self.cells.len() as u32 {
            if rows >= limit {
                break;
            }
            rows = rows.saturating_add(self.live_rows(cell) as usize);
        }
        rows.min(limit)
    }

    /// Refuses spans that lead beyond the end of their file, or into each other.
    pub(super) fn check_spans(&self, manifest: &Manifest) -> Result<(), IndexError> {
        let Some(spans) = &self.spans else {
            return Ok(());
        };
        let row_bytes = spans.row_bytes(self.dimension);
        let wrong = |what| Err(IndexError::inconsistent(&manifest.routing.name, what));
        let mut runs = Vec::with_capacity(2 * spans.cells.len());
        for (place, span) in spans.cells.iter().enumerate() {
            let Some(piece) = self.piece(place as u32) else {
                continue;
            };
            let lows = u64::from(span.low_offset)..span.end(piece.rows, row_bytes);
            let file = &manifest.segments[piece.segment as usize];
            let end = span.scan().end.max(lows.end);
            if end > file.bytes {
                return wrong(format!(
                    "place {place} ends at byte {end} of {}",
                    file.bytes
                ));
            }
            for run in [span.scan(), lows] {
                if !run.is_empty() {
                    runs.push((piece.segment, run.start, run.end, place));
                }
            }
        }
        runs.sort_unstable();
        for pair in runs.windows(2) {
            let ((segment, _, end, one), (of, start, _, other)) = (pair[0], pair[1]);
            if segment == of && start < end {
                let what = format!("places {one} and {other} share bytes of segment {segment}");
                return wrong(what);
            }
        }
        Ok(())
    }

    /// Refuses a segment whose slots are not the ones that these tables lead to.
    pub(super) fn check_segment(
        &self,
        number: u32,
        name: &str,
        segment: &Segment,
    ) -> Result<(), IndexError> {
        if segment.dimension != self.dimension {
            let what = format!(
                "dimension {} where the index has {}",
                segment.dimension, self.dimension
            );
            return Err(IndexError::inconsistent(name, what));
        }
        let mut met = 0;
        for place in 0..self.places() {
            let Some(piece) = self.piece(place).filter(|piece| piece.segment == number) else {
                continue;
            };
            met += 1;
            let ids = segment.cells.get(piece.slot as usize).map(|cell| &cell.ids);
            self.check_rows(place, ids.map_or(&[], Vec::as_slice))
                .map_err(|what| {
                    IndexError::inconsistent(name, format!("slot {}: {what}", piece.slot))
                })?;
        }
        if met != segment.cells.len() {
            let what = format!("{} cells where the routing says {met}", segment.cells.len());
            return Err(IndexError::inconsistent(name, what));
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::CellSpan;
    use crate::quantize::{CodeBits, RowCodes};

    fn sample() -> Routing {
        let cell = |id, segment, slot, rows| CellEntry {
            id,
            segment,
            slot,
            rows,
            radius: 0.5,
            spread: 0.25,
        };
        Routing {
            epoch: 4,
            dimension: 2,
            segments: 2,
            cells: vec![cell(9, 1, 0, 2), cell(4, 0, 1, 1), cell(5, 0, 0, 3)],
            centroids: Centroids::from_parts(2, vec![1, 2, 3, 4, 5, -6], vec![0.5, 0.25, 0.125])
                .unwrap(),
            rotation: Rotation::new(2),
            frame: None,
            adjacency: vec![vec![1, 2], vec![0], vec![]],
            merges: vec![
                Merge {
                    left: 0,
                    right: 2,
                    height: 1.0,
                },
                Merge {
                    left: 3,
                    right: 1,
                    height: 2.0,
                },
            ],
            calibration: None,
            changes: Changes::default(),
            record_blocks: Some(RecordBlocks(vec![])),
            spans: Some(Spans {
                bits: CodeBits::Nine,
                cells: [(144, 60), (208, 50), (144, 64)]
                    .map(|(scan_offset, scan_bytes)| CellSpan {
                        scan_offset,
                        scan_bytes,
                        low_offset: 300,
                        checksum: 7,
                    })
                    .to_vec(),
            }),
        }
    }

    #[test]
    fn what_was_written_is_read_and_written_alike() {
        let bytes = sample().write();
        let read = Routing::parse("r", &bytes).unwrap();
        assert_eq!(read.write(), bytes);
        assert_eq!(
            (read.epoch, read.dimension, read.segments, read.rows()),
            (4, 2, 2, 6)
        );
        assert_eq!(read.cells, sample().cells);
        assert_eq!(read.adjacency, sample().adjacency);
        assert_eq!(read.spans, sample().spans);
        assert_eq!(read.merges[1].left, 3);
        assert_eq!(read.centroids.codes(), [1, 2, 3, 4, 5, -6]);
    }

    #[test]
    fn a_frame_is_read_as_it_was_written_and_refused_where_it_is_none() {
        let mut routing = sample();
        routing.frame = Frame::from_parts(vec![3.0, -0.25], 0.5);
        let bytes = routing.write();
        let read = Routing::parse("r", &bytes).unwrap();
        assert_eq!((read.write(), read.frame), (bytes.clone(), routing.frame));
        // By its kind, which is in the table alone: a reader that does not know it must not go on.
        let at = bytes.windows(4).position(|four| four == FRAME).unwrap();
        assert_eq!(bytes[at + 4], 1, "the section is required");
        let mut without = sample();
        without.frame = None;
        assert_eq!(Routing::parse("r", &without.write()).unwrap().frame, None);
    }

    #[test]
    fn contradictions_inside_are_refused() {
        let spoil: [fn(&mut Routing); 16] = [
            |r| r.spans.as_mut().unwrap().cells.truncate(2),
            |r| r.spans.as_mut().unwrap().cells[1].scan_bytes = 39,
            |r| r.cells[1].id = 9,
            |r| r.cells[1].slot = 0,
            |r| r.cells[1].slot = 2,
            |r| r.cells[0].segment = 2,
            |r| r.segments = 3,
            |r| r.cells.iter_mut().for_each(|cell| cell.segment += 1),
            |r| r.cells[0].radius = f32::NAN,
            |r| r.cells[0].spread = -1.0,
            |r| r.adjacency[1] = vec![3],
            |r| r.merges[1].left = 4,
            |r| r.merges[1].right = 2,
            |r| r.merges[0].height = f32::INFINITY,
            |r| {
                r.merges.push(Merge {
                    left: 4,
                    right: 4,
                    height: 3.0,
                })
            },
            |r| r.dimension = 3,
        ];
        for (number, spoil) in spoil.into_iter().enumerate() {
            let mut routing = sample();
            spoil(&mut routing);
            let error = Routing::parse("r", &routing.write())
                .err()
                .map(|error| error.code());
            assert_eq!(error, Some("index_corrupt"), "case {number}");
        }
    }

    #[test]
    fn a_segment_that_does_not_fit_the_table_is_refused() {
        let cell = |ids: &[u32]| super::super::Cell {
            ids: ids.to_vec(),
            codes: RowCodes::encode(
                &vec![&[0.5, 0.25][..]; ids.len()],
                &[0.5, 0.0],
                CodeBits::Nine,
            ),
        };
        let fits = Segment {
            dimension: 2,
            bits: CodeBits::Nine,
            cells: vec![cell(&[1, 2, 3]), cell(&[7])],
        };
        let routing = sample();
        assert_eq!(routing.check_segment(0, "s", &fits), Ok(()));
        assert!(routing.check_segment(1, "s", &fits).is_err());
        let fewer_rows = Segment {
            dimension: 2,
            bits: CodeBits::Nine,
            cells: vec![cell(&[1, 2]), cell(&[7])],
        };
        assert!(routing.check_segment(0, "s", &fewer_rows).is_err());
        let more_cells = Segment {
            dimension: 2,
            bits: CodeBits::Nine,
            cells: vec![cell(&[1, 2, 3]), cell(&[7]), cell(&[8])],
        };
        assert!(routing.check_segment(0, "s", &more_cells).is_err());
        let longer = Segment {
            dimension: 3,
            bits: CodeBits::Nine,
            cells: vec![],
        };
        assert!(routing.check_segment(0, "s", &longer).is_err());
    }
}
