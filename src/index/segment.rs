//! Bytes ⇄ a segment: the ids, codes and factors of a few neighbouring cells.
//!
//! Cells are known here by their slot only. Their stable ids are in the routing, so that a segment
//! whose cells did not change keeps its bytes, its name and its place in every cache over epochs.
//!
//! Sections: `HEAD` dimension u32, cells u32 · `ROWS` rows of each cell u32 · `IDS ` u32 a row,
//! ascending within a cell · `CODE` dimension × i8 a row · `FACT` scale f32, offset f32 a row.

use super::container::{Container, Kind, Writer, f32_values, i8_values, read_u32, u32_values};
use super::{DIMENSION_LIMIT, IndexError};
use crate::quantize::RowFactors;

const FILE: Kind = *b"CELL";
const HEAD: Kind = *b"HEAD";
const ROWS: Kind = *b"ROWS";
const IDS: Kind = *b"IDS ";
const CODES: Kind = *b"CODE";
const FACTORS: Kind = *b"FACT";

/// Neighbouring cells that are fetched together.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Length of a code.
    pub dimension: usize,
    /// The cells by slot.
    pub cells: Vec<Cell>,
}

/// The rows of one cell.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cell {
    /// Picture ids, ascending.
    pub ids: Vec<u32>,
    /// One code of `dimension` values for each id.
    pub codes: Vec<i8>,
    /// What turns a code's product with the query into a similarity, for each id.
    pub factors: Vec<RowFactors>,
}

impl Cell {
    /// The code of a row.
    pub fn code(&self, row: usize, dimension: usize) -> &[i8] {
        &self.codes[row * dimension..(row + 1) * dimension]
    }
}

impl Segment {
    /// Reads and checks a segment; `name` is for errors.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, IndexError> {
        let known = [HEAD, ROWS, IDS, CODES, FACTORS];
        let container = Container::parse(name, bytes, FILE, "cells (.nss)", &known)?;
        let wrong = |what: String| IndexError::inconsistent(name, what);

        let head = container.array(HEAD, 2, 4)?;
        let (dimension, cell_count) = (read_u32(head, 0) as usize, read_u32(head, 4) as usize);
        if dimension == 0 || dimension > DIMENSION_LIMIT {
            return Err(wrong(format!(
                "dimension {dimension} is not in 1..={DIMENSION_LIMIT}"
            )));
        }
        let rows = u32_values(container.array(ROWS, cell_count, 4)?);
        let total: u64 = rows.iter().map(|&rows| u64::from(rows)).sum();
        let total = usize::try_from(total).map_err(|_| wrong(format!("{total} rows")))?;
        // The ids' length bounds `total` by bytes that are there; the products after it cannot be large.
        let ids = u32_values(container.array(IDS, total, 4)?);
        let codes = container.array(CODES, total, dimension)?;
        let factors = f32_values(container.array(FACTORS, total, 8)?);
        if !factors.iter().all(|value| value.is_finite()) {
            return Err(wrong("a factor is not finite".to_owned()));
        }

        let mut cells = Vec::with_capacity(rows.len());
        let mut at = 0;
        for (slot, &rows) in rows.iter().enumerate() {
            let end = at + rows as usize;
            let cell = Cell {
                ids: ids[at..end].to_vec(),
                codes: i8_values(&codes[at * dimension..end * dimension]),
                factors: factors[at * 2..end * 2]
                    .chunks_exact(2)
                    .map(|pair| RowFactors {
                        scale: pair[0],
                        offset: pair[1],
                    })
                    .collect(),
            };
            if !cell.ids.is_sorted_by(|a, b| a < b) {
                return Err(wrong(format!("the ids of slot {slot} do not ascend")));
            }
            cells.push(cell);
            at = end;
        }
        let mut sorted = ids;
        sorted.sort_unstable();
        if !sorted.is_sorted_by(|a, b| a < b) {
            return Err(wrong("a picture is in two cells".to_owned()));
        }
        Ok(Self { dimension, cells })
    }

    /// Writes it; the same segment gives the same bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut writer = Writer::new(FILE);
        let head = [self.dimension as u32, self.cells.len() as u32];
        writer.required(
            HEAD,
            head.iter().flat_map(|value| value.to_le_bytes()).collect(),
        );
        let rows = self.cells.iter().map(|cell| cell.ids.len() as u32);
        writer.required(ROWS, rows.flat_map(u32::to_le_bytes).collect());
        let ids = self.cells.iter().flat_map(|cell| &cell.ids);
        writer.required(IDS, ids.flat_map(|id| id.to_le_bytes()).collect());
        let codes = self.cells.iter().flat_map(|cell| &cell.codes);
        writer.required(CODES, codes.map(|&code| code as u8).collect());
        let factors = self.cells.iter().flat_map(|cell| &cell.factors);
        let factors = factors.flat_map(|factors| [factors.scale, factors.offset]);
        writer.required(FACTORS, factors.flat_map(f32::to_le_bytes).collect());
        writer.finish()
    }

    /// Rows of all cells together.
    pub fn rows(&self) -> usize {
        self.cells.iter().map(|cell| cell.ids.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Segment {
        let cell = |ids: &[u32]| Cell {
            ids: ids.to_vec(),
            codes: (0..ids.len() * 3).map(|value| value as i8 - 4).collect(),
            factors: ids
                .iter()
                .map(|&id| RowFactors {
                    scale: id as f32 / 8.0,
                    offset: 0.25,
                })
                .collect(),
        };
        Segment {
            dimension: 3,
            cells: vec![cell(&[1, 5, 9]), cell(&[2]), cell(&[])],
        }
    }

    #[test]
    fn what_was_written_is_read_and_written_alike() {
        let bytes = sample().write();
        let read = Segment::parse("s", &bytes).unwrap();
        assert_eq!(read, sample());
        assert_eq!(read.write(), bytes);
        assert_eq!(read.rows(), 4);
        assert_eq!(read.cells[0].code(1, 3), [-1, 0, 1]);
    }

    #[test]
    fn contradictions_inside_are_refused() {
        let spoil: [fn(&mut Segment); 6] = [
            |s| s.cells[0].ids = vec![5, 1, 9],
            |s| s.cells[1].ids = vec![9],
            |s| s.cells[0].factors[1].scale = f32::NAN,
            |s| s.cells[0].factors[1].offset = f32::INFINITY,
            |s| s.cells[0].codes.truncate(8),
            |s| s.dimension = 0,
        ];
        for (number, spoil) in spoil.into_iter().enumerate() {
            let mut segment = sample();
            spoil(&mut segment);
            let error = Segment::parse("s", &segment.write())
                .err()
                .map(|error| error.code());
            assert_eq!(error, Some("index_corrupt"), "case {number}");
        }
    }

    #[test]
    fn a_row_count_beyond_the_file_allocates_nothing() {
        let mut writer = Writer::new(FILE);
        writer.required(
            HEAD,
            [3u32, 2]
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        );
        writer.required(
            ROWS,
            [u32::MAX, u32::MAX]
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        );
        writer.required(IDS, vec![]);
        writer.required(CODES, vec![]);
        writer.required(FACTORS, vec![]);
        assert_eq!(
            Segment::parse("s", &writer.finish()).map_err(|error| error.code()),
            Err("index_corrupt")
        );
    }
}
