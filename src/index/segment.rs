//! Bytes ⇄ a segment: the ids and codes of a few neighbouring cells.
//!
//! Cells are known here by their slot only. Their stable ids are in the routing, so that a segment
//! whose cells did not change keeps its bytes, its name and its place in every cache over epochs.
//!
//! Sections: `HEAD` dimension u32, bits of a code u32, cells u32 · `CELL` for each cell rows u32, bytes of its ids u32,
//! and the least and the step of its four factors f32 · `SCAN` for each cell what a scan reads: ids (see `ids`), a scale and
//! an offset of 8 bits a row, signs · `LOWS` for each cell what a rerank reads: for each row its low bits, and scale and
//! offset of 16 bits.

use super::container::{Container, Kind, Writer, read_f32, read_u32};
use super::{DIMENSION_LIMIT, IndexError, ids};
use crate::quantize::{CodeBits, CodeParts, FactorRange, FactorRanges, RowCodes, sign_bytes};

const FILE: Kind = *b"CELL";
const HEAD: Kind = *b"HEAD";
const CELLS: Kind = *b"CELL";
const SCAN: Kind = *b"SCAN";
const LOWS: Kind = *b"LOWS";
const KNOWN: [Kind; 4] = [HEAD, CELLS, SCAN, LOWS];
const WORDS: &str = "cells (.nss)";
const CELL_BYTES: usize = 40;

/// Neighbouring cells that are fetched together.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Length of a code.
    pub dimension: usize,
    /// Its width.
    pub bits: CodeBits,
    /// The cells by slot.
    pub cells: Vec<Cell>,
}

/// The rows of one cell.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cell {
    /// Picture ids, ascending.
    pub ids: Vec<u32>,
    /// Their codes, in the same order.
    pub codes: RowCodes,
}

impl Segment {
    /// Reads and checks a segment; `name` is for errors.
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
        let table = container.array(CELLS, read_u32(head, 8) as usize, CELL_BYTES)?;
        let mut scan = container.section(SCAN)?;
        let mut lows = container.section(LOWS)?;
        let mut cells = Vec::with_capacity(table.len() / CELL_BYTES);
        for (slot, row) in table.chunks_exact(CELL_BYTES).enumerate() {
            let short = || wrong(format!("the rows of slot {slot} are not all there"));
            let cell = read_cell(row, dimension, bits, &mut scan, &mut lows).ok_or_else(short)?;
            cells.push(cell.map_err(|what| wrong(format!("slot {slot}: {what}")))?);
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
        let (mut table, mut scan, mut lows) = (Vec::new(), Vec::new(), Vec::new());
        for cell in &self.cells {
            let parts = cell.codes.parts();
            let start = scan.len();
            ids::write(&cell.ids, &mut scan);
            table.extend_from_slice(&(cell.ids.len() as u32).to_le_bytes());
            table.extend_from_slice(&((scan.len() - start) as u32).to_le_bytes());
            let ranges = parts.ranges;
            for range in [
                ranges.sign_scale,
                ranges.sign_offset,
                ranges.scale,
                ranges.offset,
            ] {
                table.extend_from_slice(&range.least.to_le_bytes());
                table.extend_from_slice(&range.step.to_le_bytes());
            }
            scan.extend_from_slice(&parts.sign_scales);
            scan.extend_from_slice(&parts.sign_offsets);
            scan.extend_from_slice(&parts.signs);
            let low_bytes = self.bits.low_bytes(self.dimension).max(1);
            for (low, [scale, offset]) in parts.low.chunks_exact(low_bytes).zip(&parts.factors) {
                lows.extend_from_slice(low);
                lows.extend_from_slice(&scale.to_le_bytes());
                lows.extend_from_slice(&offset.to_le_bytes());
            }
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
        writer.required(CELLS, table);
        writer.required(SCAN, scan);
        writer.required(LOWS, lows);
        writer.finish()
    }

    /// Rows of all cells together.
    pub fn rows(&self) -> usize {
        self.cells.iter().map(|cell| cell.ids.len()).sum()
    }
}

/// Takes one cell off the front of both sections; None if they are too short for what its row of the table says.
fn read_cell(
    row: &[u8],
    dimension: usize,
    bits: CodeBits,
    scan: &mut &[u8],
    lows: &mut &[u8],
) -> Option<Result<Cell, String>> {
    let (rows, id_bytes) = (read_u32(row, 0) as usize, read_u32(row, 4) as usize);
    let range = |at: usize| FactorRange {
        least: read_f32(row, at),
        step: read_f32(row, at + 4),
    };
    let mut take = |bytes: usize| scan.split_off(..bytes);
    let coded = take(id_bytes)?;
    let (sign_scales, sign_offsets) = (take(rows)?.to_vec(), take(rows)?.to_vec());
    let signs = take(rows.checked_mul(sign_bytes(dimension))?)?.to_vec();
    let low_bytes = bits.low_bytes(dimension);
    let full = lows.split_off(..rows.checked_mul(low_bytes + 4)?)?;
    let mut low = Vec::with_capacity(rows * low_bytes);
    let mut factors = Vec::with_capacity(rows);
    for row in full.chunks_exact(low_bytes + 4) {
        let (code, pair) = row.split_at(low_bytes);
        low.extend_from_slice(code);
        factors.push([
            u16::from_le_bytes([pair[0], pair[1]]),
            u16::from_le_bytes([pair[2], pair[3]]),
        ]);
    }
    let Some(ids) = ids::read(coded, rows) else {
        return Some(Err("its ids cannot be read".to_owned()));
    };
    let parts = CodeParts {
        sign_scales,
        sign_offsets,
        signs,
        low,
        factors,
        ranges: FactorRanges {
            sign_scale: range(8),
            sign_offset: range(16),
            scale: range(24),
            offset: range(32),
        },
    };
    let codes = RowCodes::from_parts(dimension, bits, parts);
    Some(
        codes
            .map(|codes| Cell { ids, codes })
            .map_err(|error| error.to_string()),
    )
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
            writer.required(CELLS, words(&row));
            writer.required(SCAN, vec![]);
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
            writer.required(CELLS, words(&[rows, id_bytes, 0, 0, 0, 0, 0, 0, 0, 0]));
            writer.required(SCAN, vec![]);
            writer.required(LOWS, vec![]);
            assert_eq!(
                Segment::parse("s", &writer.finish()).map_err(|error| error.code()),
                Err("index_corrupt")
            );
        }
    }
}
