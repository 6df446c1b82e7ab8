//! Cells → segments, and records → files: what is fetched together lies together.

use super::encode::Made;
use super::{AssembleError, Previous};
use crate::index::{Cell, FileRef, Record, Records, Segment};
use crate::partition::{Merge, leaf_order};
use crate::quantize::{CodeBits, sign_bytes};

/// Bounds of a segment's target size: smaller costs requests, larger costs bytes that a query does
/// not need. In between it is a sixteenth of all rows, so that an epoch which touches one cell
/// does not ship everything.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = 4 * 1024..=256 * 1024;
const SEGMENTS_WANTED: u64 = 16;

/// One file of records for each range of so many ids: fixed ranges, so that pictures added at the
/// end leave the files before them alone. About 256 KiB at 250 bytes a record.
const RECORDS_IDS: u32 = 1024;

/// Gives every cell a segment and a slot, and writes the segments that changed.
pub(super) fn place(
    made: &mut [Made],
    merges: &[Merge],
    (dimension, bits): (usize, CodeBits),
    previous: Option<&Previous>,
    files: &mut Vec<(String, Vec<u8>)>,
) -> Vec<FileRef> {
    let total: u64 = made.iter().map(|made| bytes_of(&made.cell)).sum();
    let target = (total / SEGMENTS_WANTED).clamp(*SEGMENT_BYTES.start(), *SEGMENT_BYTES.end());
    let mut segments: Vec<FileRef> = Vec::new();
    let mut write = |made: &mut [Made], cells: &[usize]| {
        for (slot, &number) in cells.iter().enumerate() {
            made[number].entry.segment = segments.len() as u32;
            made[number].entry.slot = slot as u32;
        }
        let cells = cells
            .iter()
            .map(|&number| made[number].cell.clone())
            .collect();
        let bytes = Segment {
            dimension,
            bits,
            cells,
        }
        .write();
        let file = FileRef::of("cells", &bytes, "nss");
        files.push((file.name.clone(), bytes));
        segments.push(file);
    };
    let tree: Vec<usize> = leaf_order(made.len(), merges)
        .into_iter()
        .map(|cell| cell as usize)
        .collect();
    let known = previous.map_or(0, |previous| previous.routing.segments);
    for segment in 0..known {
        let mut own: Vec<usize> = tree
            .iter()
            .copied()
            .filter(|&n| made[n].home.is_some_and(|(home, _)| home == segment))
            .collect();
        // Cells that go on keep their order, so that nothing but what changed moves.
        own.sort_by_key(|&number| {
            made[number]
                .home
                .and_then(|(_, slot)| slot)
                .unwrap_or(u32::MAX)
        });
        let size: u64 = own.iter().map(|&number| bytes_of(&made[number].cell)).sum();
        // A segment that stays as it is stays whole; so does one that has not outgrown its target twice.
        let as_before = own.iter().all(|&number| made[number].unchanged);
        let limit = if as_before || size <= 2 * target {
            u64::MAX
        } else {
            target
        };
        for cells in pack(made, &own, limit) {
            write(made, &cells);
        }
    }
    let homeless: Vec<usize> = tree
        .into_iter()
        .filter(|&n| made[n].home.is_none_or(|(home, _)| home >= known))
        .collect();
    for cells in pack(made, &homeless, target) {
        write(made, &cells);
    }
    segments
}

/// Code, factors and about 11 bits of id a row, and the ranges of the factors.
fn bytes_of(cell: &Cell) -> u64 {
    let dimension = cell.codes.dimension();
    let row = sign_bytes(dimension) + cell.codes.bits().low_bytes(dimension) + 8;
    (cell.ids.len() * row + 40) as u64
}

/// Cuts an order of cells into runs of at most so many bytes; a cell that is larger is a run of its own.
fn pack(made: &[Made], order: &[usize], limit_bytes: u64) -> Vec<Vec<usize>> {
    let mut packs: Vec<Vec<usize>> = Vec::new();
    let mut room = 0;
    for &number in order {
        let cell = &made[number].cell;
        let bytes = bytes_of(cell);
        match packs.last_mut() {
            Some(pack) if bytes <= room => pack.push(number),
            _ => {
                packs.push(vec![number]);
                room = limit_bytes;
            }
        }
        room = room.saturating_sub(bytes);
    }
    packs
}

/// Records by ranges of ids.
pub(super) fn write_records(
    records: &[Record],
    ids: &[u32],
    files: &mut Vec<(String, Vec<u8>)>,
) -> Result<(Vec<FileRef>, Vec<u32>), AssembleError> {
    let mut sorted: Vec<&Record> = records.iter().collect();
    sorted.sort_by_key(|record| record.id);
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return Err(AssembleError::Twice { id: pair[0].id });
    }
    let mut known = ids.to_vec();
    known.sort_unstable();
    if let Some(stray) = sorted
        .iter()
        .find(|record| known.binary_search(&record.id).is_err())
    {
        return Err(AssembleError::StrayRecord { id: stray.id });
    }
    let (mut refs, mut from) = (Vec::new(), Vec::new());
    for range in sorted.chunk_by(|a, b| a.id / RECORDS_IDS == b.id / RECORDS_IDS) {
        let owned: Vec<Record> = range.iter().map(|&record| record.clone()).collect();
        let bytes = Records::write(&owned);
        let file = FileRef::of("records", &bytes, "nsd");
        from.push(range[0].id / RECORDS_IDS * RECORDS_IDS);
        files.push((file.name.clone(), bytes));
        refs.push(file);
    }
    Ok((refs, from))
}
