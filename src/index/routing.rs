//! What a query must know before it opens the first cell.
//!
//! Cells are numbered here by their place in the tables, which may change with every epoch; what
//! stays is [`CellEntry::id`]. The numbers of `adjacency` and `merges` are places. How it lies in a file: `file`.

mod file;

pub(crate) use file::check_tree;

use super::{Changes, IndexError, Manifest, RecordBlocks, Segment, Spans};
use crate::partition::Merge;
use crate::quantize::{Centroids, Frame, Metric, Rotation};
use crate::search::Calibration;

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
        let at = bytes.windows(4).position(|four| four == b"EUCL").unwrap();
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
