//! One cell ⇄ its two parts in a segment: what a scan reads of it, and what a rerank reads.
//!
//! | scan part | bytes |
//! | --- | --- |
//! | rows, bytes of the ids; the least and the step of the four factors | 2 × u32, 8 × f32 |
//! | ids (see `ids`) | about 1.4 a row |
//! | scale and offset of the signs | 1 and 1 a row |
//! | a check of each four low rows | 1 a row |
//! | signs | an eighth of the dimension a row |
//!
//! A low row is the low bits of a row, and its scale and offset of 16 bits. Four of them are a group, the least that can be
//! fetched: its check, 32 bits of BLAKE3, lies in the scan part, whose own lies in the routing. So each byte of a range is
//! covered by a checksum that came before it. Groups of one row would cost 3 bytes more a row.

use super::container::checksum;
use super::ids;
use super::numbers::{read_f32, read_u32};
use crate::quantize::{CodeBits, CodeParts, FactorRange, FactorRanges, RowCodes, sign_bytes};

/// Low rows that are fetched and checked together.
pub const GROUP_ROWS: usize = 4;
/// What a scan part begins with.
pub(super) const ROW_BYTES: usize = 40;

/// The rows of one cell.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cell {
    /// Picture ids, ascending.
    pub ids: Vec<u32>,
    /// Their codes, in the same order.
    pub codes: RowCodes,
}

/// A scan part, read.
pub(super) struct ScanPart {
    pub(super) ids: Vec<u32>,
    /// A check for each group of low rows.
    pub(super) checks: Vec<u32>,
    /// Without low rows.
    pub(super) codes: CodeParts,
}

/// The check of a group of low rows.
pub(super) fn group_check(group: &[u8]) -> u32 {
    checksum(&[group]) as u32
}

/// Adds a cell's parts.
pub(super) fn write(cell: &Cell, bits: CodeBits, scan: &mut Vec<u8>, lows: &mut Vec<u8>) {
    let dimension = cell.codes.dimension();
    let parts = cell.codes.parts();
    let mut ids = Vec::new();
    ids::write(&cell.ids, &mut ids);
    for count in [cell.ids.len(), ids.len()] {
        scan.extend_from_slice(&(count as u32).to_le_bytes());
    }
    let ranges = parts.ranges;
    for range in [
        ranges.sign_scale,
        ranges.sign_offset,
        ranges.scale,
        ranges.offset,
    ] {
        scan.extend_from_slice(&range.least.to_le_bytes());
        scan.extend_from_slice(&range.step.to_le_bytes());
    }
    scan.extend_from_slice(&ids);
    scan.extend_from_slice(&parts.sign_scales);
    scan.extend_from_slice(&parts.sign_offsets);
    for group in parts
        .low_rows
        .chunks(GROUP_ROWS * bits.low_row_bytes(dimension))
    {
        scan.extend_from_slice(&group_check(group).to_le_bytes());
    }
    scan.extend_from_slice(&parts.signs);
    lows.extend_from_slice(&parts.low_rows);
}

/// Takes a scan part off the front; None if the bytes are too few for what it begins with.
pub(super) fn read_scan(scan: &mut &[u8], dimension: usize) -> Option<Result<ScanPart, String>> {
    let row = scan.split_off(..ROW_BYTES)?;
    let (rows, id_bytes) = (read_u32(row, 0) as usize, read_u32(row, 4) as usize);
    let range = |at: usize| FactorRange {
        least: read_f32(row, at),
        step: read_f32(row, at + 4),
    };
    let mut take = |bytes: usize| scan.split_off(..bytes);
    let coded = take(id_bytes)?;
    let (sign_scales, sign_offsets) = (take(rows)?.to_vec(), take(rows)?.to_vec());
    let checks = take(rows.div_ceil(GROUP_ROWS).checked_mul(4)?)?;
    let signs = take(rows.checked_mul(sign_bytes(dimension))?)?.to_vec();
    let Some(ids) = ids::read(coded, rows) else {
        return Some(Err("its ids cannot be read".to_owned()));
    };
    Some(Ok(ScanPart {
        ids,
        checks: super::numbers::u32_values(checks),
        codes: CodeParts {
            sign_scales,
            sign_offsets,
            signs,
            ranges: FactorRanges {
                sign_scale: range(8),
                sign_offset: range(16),
                scale: range(24),
                offset: range(32),
            },
            ..CodeParts::default()
        },
    }))
}
