//! Where each cell lies in its segment, and how its bytes are checked: what makes ranges of segments worth fetching.
//!
//! The section `SPAN` of the routing, which may be absent (then segments are fetched whole): bits of a code u32, then for
//! each place (the cells in the routing's order, then their further pieces) where its scan part begins and how long it is, where its low rows begin u32, and the
//! checksum of the scan part u64.

use super::cell::{GROUP_ROWS, ROW_BYTES};
use super::numbers::{read_u32, read_u64};
use crate::quantize::CodeBits;

const SPAN_BYTES: usize = 20;

/// One cell in its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellSpan {
    /// Where its scan part begins.
    pub scan_offset: u32,
    /// How long that is.
    pub scan_bytes: u32,
    /// Where its low rows begin.
    pub low_offset: u32,
    /// First 8 bytes of the scan part's BLAKE3.
    pub checksum: u64,
}

/// All of them, by place: the routing's cells, then their further pieces.
#[derive(Debug, Clone, PartialEq)]
pub struct Spans {
    /// Width of the codes.
    pub bits: CodeBits,
    pub cells: Vec<CellSpan>,
}

/// What a query needs of the segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// A whole segment, by number.
    Segment { number: u32 },
    /// What a scan reads at this place of the routing: of a cell's base, or of one of its further pieces.
    Scan { place: u32 },
    /// A group of the low rows there: [`GROUP_ROWS`] of them, or what is left at the end.
    Low { place: u32, group: u32 },
}

/// A run of bytes, from the first to before the last.
pub(super) type Run = std::ops::Range<u64>;

impl CellSpan {
    pub(super) fn scan(&self) -> Run {
        let start = u64::from(self.scan_offset);
        start..start + u64::from(self.scan_bytes)
    }

    /// The low rows of a group, in a cell of so many rows of so many bytes.
    pub(super) fn low(&self, group: u32, rows: u32, row_bytes: usize) -> Run {
        let at =
            |row: u64| u64::from(self.low_offset) + row.min(u64::from(rows)) * row_bytes as u64;
        let first = u64::from(group) * GROUP_ROWS as u64;
        at(first)..at(first + GROUP_ROWS as u64)
    }

    /// Where its low rows end.
    pub(super) fn end(&self, rows: u32, row_bytes: usize) -> u64 {
        u64::from(self.low_offset) + u64::from(rows) * row_bytes as u64
    }
}

impl Spans {
    /// Bytes of a low row.
    pub(super) fn row_bytes(&self, dimension: usize) -> usize {
        self.bits.low_row_bytes(dimension)
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let mut bytes = self.bits.count().to_le_bytes().to_vec();
        for span in &self.cells {
            for word in [span.scan_offset, span.scan_bytes, span.low_offset] {
                bytes.extend_from_slice(&word.to_le_bytes());
            }
            bytes.extend_from_slice(&span.checksum.to_le_bytes());
        }
        bytes
    }

    /// Of so many places.
    pub(super) fn read(bytes: &[u8], cells: usize) -> Result<Self, String> {
        if Some(bytes.len())
            != cells
                .checked_mul(SPAN_BYTES)
                .and_then(|all| all.checked_add(4))
        {
            return Err(format!(
                "section SPAN has {} bytes for {cells} cells",
                bytes.len()
            ));
        }
        let bits = read_u32(bytes, 0);
        let bits =
            CodeBits::new(bits).ok_or_else(|| format!("codes of {bits} bits are not known"))?;
        let cells: Vec<CellSpan> = bytes[4..]
            .chunks_exact(SPAN_BYTES)
            .map(|row| CellSpan {
                scan_offset: read_u32(row, 0),
                scan_bytes: read_u32(row, 4),
                low_offset: read_u32(row, 8),
                checksum: read_u64(row, 12),
            })
            .collect();
        match cells
            .iter()
            .find(|span| (span.scan_bytes as usize) < ROW_BYTES)
        {
            Some(span) => Err(format!("a scan part of {} bytes", span.scan_bytes)),
            None => Ok(Self { bits, cells }),
        }
    }
}
