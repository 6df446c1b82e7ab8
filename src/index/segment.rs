//! Bytes ⇄ a segment: the ids and codes of a few neighbouring cells.
//!
//! Cells are known here by their slot only. Their stable ids are in the routing, so that a segment
//! whose cells did not change keeps its bytes, its name and its place in every cache over epochs.
//!
//! Sections: `HEAD` dimension u32, bits of a code u32, cells u32 · `SCAN` for each cell what a scan reads · `LOWS` for each
//! cell what a rerank reads (both in `cell`).

use super::cell::{self, Cell};
use super::container::{Container, Kind, Writer, checksum};
use super::numbers::read_u32;
use super::{CellSpan, DIMENSION_LIMIT, IndexError};
use crate::quantize::{CodeBits, RowCodes};

const FILE: Kind = *b"CELL";
const HEAD: Kind = *b"HEAD";
const SCAN: Kind = *b"SCAN";
const LOWS: Kind = *b"LOWS";
const KNOWN: [Kind; 3] = [HEAD, SCAN, LOWS];
const WORDS: &str = "cells (.nss)";

/// Neighbouring cells that lie in one file.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Length of a code.
    pub dimension: usize,
    /// Its width.
    pub bits: CodeBits,
    /// The cells by slot.
    pub cells: Vec<Cell>,
}

impl Segment {
    /// Reads and checks a segment; `name` is for errors. The checks of single rows are left to those who fetch single rows:
    /// here the sections' own cover them.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, IndexError> {
        Self::read(name, Container::parse(name, bytes, FILE, WORDS, &KNOWN)?)
    }

    /// The same for bytes that were held against the hash in their name already.
    pub(super) fn parse_verified(name: &str, bytes: &[u8]) -> Result<Self, IndexError> {
        Self::read(
            name,
            Container::parse_verified(name, bytes, FILE, WORDS, &KNOWN)?,
        )
    }

    fn read(name: &str, container: Container<'_>) -> Result<Self, IndexError> {
        let wrong = |what: String| IndexError::inconsistent(name, what);

        let head = container.array(HEAD, 3, 4)?;
        let dimension = read_u32(head, 0) as usize;
        if dimension == 0 || dimension > DIMENSION_LIMIT {
            return Err(wrong(format!(
                "dimension {dimension} is not in 1..={DIMENSION_LIMIT}"
            )));
        }
        let bits = read_u32(head, 4);
        let bits = CodeBits::new(bits)
            .ok_or_else(|| wrong(format!("codes of {bits} bits are not known")))?;
        let mut scan = container.section(SCAN)?;
        let mut lows = container.section(LOWS)?;
        let mut cells = Vec::new();
        for slot in 0..read_u32(head, 8) {
            let short = || wrong(format!("the rows of slot {slot} are not all there"));
            let part = cell::read_scan(&mut scan, dimension).ok_or_else(short)?;
            let mut part = part.map_err(|what| wrong(format!("slot {slot}: {what}")))?;
            let rows = part.ids.len();
            let bytes = rows.checked_mul(bits.low_row_bytes(dimension));
            let low_rows = bytes.and_then(|bytes| lows.split_off(..bytes));
            part.codes.low_rows = low_rows.ok_or_else(short)?.to_vec();
            let codes = RowCodes::from_parts(dimension, bits, part.codes);
            cells.push(Cell {
                ids: part.ids,
                codes: codes.map_err(|error| wrong(format!("slot {slot}: {error}")))?,
            });
        }
        if !scan.is_empty() || !lows.is_empty() {
            let what = format!("{} bytes belong to no cell", scan.len() + lows.len());
            return Err(wrong(what));
        }
        let mut sorted: Vec<u32> = cells.iter().flat_map(|cell| &cell.ids).copied().collect();
        sorted.sort_unstable();
        if !sorted.is_sorted_by(|a, b| a < b) {
            return Err(wrong("a picture is in two cells".to_owned()));
        }
        Ok(Self {
            dimension,
            bits,
            cells,
        })
    }

    /// Writes it; the same segment gives the same bytes.
    pub fn write(&self) -> Vec<u8> {
        self.write_spans().0
    }

    /// The same, and where in it each cell lies, by slot.
    pub fn write_spans(&self) -> (Vec<u8>, Vec<CellSpan>) {
        let (mut scan, mut lows) = (Vec::new(), Vec::new());
        let mut spans = Vec::with_capacity(self.cells.len());
        for cell in &self.cells {
            let (scan_start, low_start) = (scan.len(), lows.len());
            cell::write(cell, self.bits, &mut scan, &mut lows);
            spans.push(CellSpan {
                scan_offset: scan_start as u32,
                scan_bytes: (scan.len() - scan_start) as u32,
                low_offset: low_start as u32,
                checksum: checksum(&[&scan[scan_start..]]),
            });
        }
        let mut writer = Writer::new(FILE);
        let head = [
            self.dimension as u32,
            self.bits.count(),
            self.cells.len() as u32,
        ];
        writer.required(
            HEAD,
            head.iter().flat_map(|value| value.to_le_bytes()).collect(),
        );
        writer.required(SCAN, scan);
        writer.required(LOWS, lows);
        let (bytes, starts) = writer.finish_placed();
        for span in &mut spans {
            span.scan_offset += starts[1] as u32;
            span.low_offset += starts[2] as u32;
        }
        (bytes, spans)
    }

    /// Rows of all cells together.
    pub fn rows(&self) -> usize {
        self.cells.iter().map(|cell| cell.ids.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CENTROID: [f32; 3] = [0.1, -0.2, 0.3];

    fn cell(ids: &[u32], bits: CodeBits) -> Cell {
        let vectors: Vec<[f32; 3]> = ids
            .iter()
            .map(|&id| [id as f32 / 9.0, 0.5, -(id as f32) / 11.0])
            .collect();
        let views: Vec<&[f32]> = vectors.iter().map(|v| &v[..]).collect();
        Cell {
            ids: ids.to_vec(),
            codes: RowCodes::encode(&views, &CENTROID, bits),
        }
    }

    fn sample(bits: CodeBits) -> Segment {
        let many: Vec<u32> = (0..70).map(|i| 10 + 3 * i).collect();
        let cells = [&[1, 5, 9][..], &[2], &[], &many].map(|ids| cell(ids, bits));
        Segment {
            dimension: 3,
            bits,
            cells: cells.to_vec(),
        }
    }

    #[test]
    fn what_was_written_is_read_and_written_alike() {
        for bits in [CodeBits::Nine, CodeBits::Six, CodeBits::Five] {
            let bytes = sample(bits).write();
            let read = Segment::parse("s", &bytes).unwrap();
            assert_eq!(read, sample(bits));
            assert_eq!(read.write(), bytes);
            assert_eq!(read.rows(), 74);
        }
    }

    #[test]
    fn every_span_leads_to_the_cell_it_is_of() {
        let segment = sample(CodeBits::Nine);
        let (bytes, spans) = segment.write_spans();
        for (cell, span) in segment.cells.iter().zip(spans) {
            let scan = &bytes[span.scan_offset as usize..][..span.scan_bytes as usize];
            assert_eq!(checksum(&[scan]), span.checksum);
            let part = cell::read_scan(&mut &scan[..], 3).unwrap().unwrap();
            assert_eq!(part.ids, cell.ids);
            let lows = cell.codes.parts().low_rows;
            assert_eq!(bytes[span.low_offset as usize..][..lows.len()], lows);
        }
    }

    #[test]
    fn contradictions_inside_are_refused() {
        let spoil: [fn(&mut Segment); 6] = [
            |s| s.cells[1].ids = vec![9],
            |s| s.cells[0].ids.truncate(2),
            |s| s.cells[0].ids.push(12),
            |s| s.cells[0].codes = cell(&[1, 5], CodeBits::Nine).codes,
            |s| s.dimension = 0,
            |s| s.dimension = 9,
        ];
        for (number, spoil) in spoil.into_iter().enumerate() {
            let mut segment = sample(CodeBits::Nine);
            spoil(&mut segment);
            let error = Segment::parse("s", &segment.write())
                .err()
                .map(|error| error.code());
            assert_eq!(error, Some("index_corrupt"), "case {number}");
        }
    }

    #[test]
    fn factors_that_are_no_numbers_are_refused() {
        for (least, step) in [
            (f32::NAN, 0.0),
            (0.0, f32::INFINITY),
            (0.0, -1.0),
            (0.0, 1e35),
        ] {
            let mut writer = Writer::new(FILE);
            let words = |values: &[u32]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
            writer.required(HEAD, words(&[3, 9, 1]));
            let mut row = vec![0, 0, 0, 0];
            row.extend([least.to_bits(), step.to_bits()]);
            row.extend([0; 4]);
            writer.required(SCAN, words(&row));
            writer.required(LOWS, vec![]);
            let error = Segment::parse("s", &writer.finish()).err();
            assert_eq!(error.map(|error| error.code()), Some("index_corrupt"));
        }
    }

    #[test]
    fn a_row_count_beyond_the_file_allocates_nothing() {
        for (rows, id_bytes) in [(u32::MAX, u32::MAX), (u32::MAX, 0), (1, u32::MAX)] {
            let mut writer = Writer::new(FILE);
            let words = |values: &[u32]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
            writer.required(HEAD, words(&[3, 9, 1]));
            writer.required(SCAN, words(&[rows, id_bytes, 0, 0, 0, 0, 0, 0, 0, 0]));
            writer.required(LOWS, vec![]);
            assert_eq!(
                Segment::parse("s", &writer.finish()).map_err(|error| error.code()),
                Err("index_corrupt")
            );
        }
    }
}
