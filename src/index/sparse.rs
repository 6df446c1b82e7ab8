//! Ranges of segments → cells that a query can read, each byte checked before it is used.
//!
//! A cell is here sparsely when its scan part is: ids, signs and the checks of its low rows. Low rows come group by group.
//! What lies between two ranges that are fetched in one comes along and is kept too.

use std::sync::Arc;

use super::cell::{self, Cell, GROUP_ROWS};
use super::container::checksum;
use super::names::refuse_html;
use super::spans::{Part, Run, Spans};
use super::{Index, IndexError, Piece, Routing};
use crate::quantize::RowCodes;

/// Ranges of one file closer than this are fetched as one: a request costs about as much as so many bytes. 100,000 x 128, recall 0.95, requests and bytes
/// of first answers and of later ones (`cargo bench --bench ranges`): 29 and 142 kB, 17 and 41 kB with 2 KiB; 19 and 172 kB, 9 and 39 kB with 4; 13 and 210 kB,
/// 5 and 36 kB with 8; 11 and 227 kB, 4 and 36 kB with 16. At 40 ms there and back both halve the time that 4 took (`npm run bench:visits`).
const GAP_BYTES: u64 = 8_192;

/// A part of a file, or all of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct FileRange {
    /// The file's name in the manifest.
    pub name: String,
    /// Where the range begins; none: the whole file is meant.
    pub offset: Option<u64>,
    /// How long it is.
    pub bytes: u64,
}

/// A cell without some of its low rows.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseCell {
    /// Low rows that are not here are zeros.
    cell: Cell,
    checks: Vec<u32>,
    /// By group, whether it is here.
    held: Vec<bool>,
}

impl SparseCell {
    /// Ids and signs are here; low rows where [`holds`](Self::holds) says so.
    pub fn cell(&self) -> &Cell {
        &self.cell
    }

    /// Whether the low bits of a row are here.
    pub fn holds(&self, row: u32) -> bool {
        self.held.get(row as usize / GROUP_ROWS) == Some(&true)
    }

    fn read(bytes: &[u8], routing: &Routing, spans: &Spans, place: u32) -> Result<Self, String> {
        let mut rest = bytes;
        let part =
            cell::read_scan(&mut rest, routing.dimension).ok_or("its rows are not all there")??;
        if !rest.is_empty() {
            return Err(format!("{} bytes follow its rows", rest.len()));
        }
        routing.check_rows(place, &part.ids)?;
        let rows = part.ids.len();
        let mut codes = part.codes;
        // Not more than a few times the bytes at hand: a row has signs, too.
        codes.low_rows = vec![0; rows * spans.row_bytes(routing.dimension)];
        let codes = RowCodes::from_parts(routing.dimension, spans.bits, codes);
        Ok(Self {
            held: vec![false; part.checks.len()],
            checks: part.checks,
            cell: Cell {
                ids: part.ids,
                codes: codes.map_err(|error| error.to_string())?,
            },
        })
    }

    /// Takes in a group's bytes; false if they are not the ones that were published.
    fn put(&mut self, group: u32, bytes: &[u8]) -> bool {
        let group = group as usize;
        if self.checks.get(group) != Some(&cell::group_check(bytes)) {
            return false;
        }
        self.held[group] = self.cell.codes.put_low_rows(group * GROUP_ROWS, bytes);
        self.held[group]
    }
}

/// Runs of files, in order; near ones of a file are one.
pub(super) fn joined(mut runs: Vec<(u32, Run)>) -> Vec<(u32, Run)> {
    runs.sort_unstable_by_key(|(file, run)| (*file, run.start));
    let mut joined: Vec<(u32, Run)> = Vec::new();
    for (file, run) in runs {
        match joined.last_mut() {
            Some((last, before)) if *last == file && run.start < before.end + GAP_BYTES => {
                before.end = before.end.max(run.end);
            }
            _ => joined.push((file, run)),
        }
    }
    joined
}

impl Index {
    /// What lies at a slot of a segment that is not here as a whole, if its scan part is.
    pub fn sparse_cell(&self, segment: u32, slot: u32) -> Option<&SparseCell> {
        self.sparse.get(&(segment, slot)).map(Arc::as_ref)
    }

    /// The ranges to fetch for these parts, in which near ones are joined; those of a file in order. A part of an index
    /// without spans is its whole segment.
    pub fn ranges(&self, parts: &[Part]) -> Vec<FileRange> {
        let mut whole = Vec::new();
        let mut runs: Vec<(u32, Run)> = Vec::new();
        for part in parts {
            match *part {
                Part::Segment { number } => whole.push(number),
                Part::Scan { place } | Part::Low { place, .. } => {
                    match (self.piece(place), self.run(*part)) {
                        (Some(piece), Some(run)) => runs.push((piece.segment, run)),
                        (Some(piece), None) => whole.push(piece.segment),
                        (None, _) => {}
                    }
                }
            }
        }
        whole.sort_unstable();
        whole.dedup();
        runs.retain(|(segment, _)| whole.binary_search(segment).is_err());
        let files = &self.manifest.segments;
        let whole = whole.into_iter().filter_map(|number| {
            let file = files.get(number as usize)?;
            Some(FileRange {
                name: file.name.clone(),
                offset: None,
                bytes: file.bytes,
            })
        });
        let ranged = joined(runs).into_iter().filter_map(|(number, run)| {
            Some(FileRange {
                name: files.get(number as usize)?.name.clone(),
                offset: Some(run.start),
                bytes: run.end - run.start,
            })
        });
        whole.chain(ranged).collect()
    }

    /// Takes in a range of a segment that begins with a part and ends with one, as [`ranges`](Self::ranges) makes them, or of a file of records that
    /// begins with a block and ends with one ([`record_ranges`](Self::record_ranges)).
    /// Needs the routing. A range that fails leaves the index as it was.
    pub fn supply_range(
        &mut self,
        name: &str,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), IndexError> {
        if let Some(number) = self
            .manifest
            .records
            .iter()
            .position(|file| file.name == name)
        {
            return self.supply_blocks(number, offset, bytes);
        }
        let missing = || IndexError::Missing {
            name: self.manifest.routing.name.clone(),
        };
        let number = self
            .manifest
            .segments
            .iter()
            .position(|file| file.name == name);
        let number = number.ok_or_else(|| IndexError::Unnamed {
            name: name.to_owned(),
            epoch: self.manifest.epoch,
        })?;
        let routing = Arc::clone(self.routing.as_ref().ok_or_else(missing)?);
        if self.segments[number].is_some() {
            return Ok(());
        }
        let range = offset..offset.saturating_add(bytes.len() as u64);
        let wrong = |what: String| {
            let place = format!("bytes {} to {}", range.start, range.end);
            IndexError::inconsistent(name, format!("{place}: {what}"))
        };
        let Some(spans) = &routing.spans else {
            return Err(wrong("this index is not made for ranges".to_owned()));
        };
        let inside =
            |run: &Run| range.start <= run.start && run.end <= range.end && run.start < run.end;
        let bytes_of =
            |run: Run| &bytes[(run.start - offset) as usize..(run.end - offset) as usize];
        let row_bytes = spans.row_bytes(routing.dimension);
        // First and last byte must belong to parts that are here in whole, or something was cut off.
        let (mut first, mut last) = (u64::MAX, 0);
        let mut fresh: Vec<(Piece, SparseCell)> = Vec::new();
        for (place, span) in (0..).zip(&spans.cells) {
            let here = |piece: &Piece| piece.segment as usize == number;
            let Some(piece) = routing.piece(place).filter(here) else {
                continue;
            };
            let held = self.sparse_cell(piece.segment, piece.slot);
            let mut taken = None;
            let scan = span.scan();
            if inside(&scan) {
                (first, last) = (first.min(scan.start), last.max(scan.end));
                if held.is_none() {
                    let content = bytes_of(scan);
                    if checksum(&[content]) != span.checksum {
                        refuse_html(name, bytes)?;
                        return Err(IndexError::Checksum {
                            name: name.to_owned(),
                            part: format!("scan part of slot {}", piece.slot),
                        });
                    }
                    let read = SparseCell::read(content, &routing, spans, place);
                    taken =
                        Some(read.map_err(|what| wrong(format!("slot {}: {what}", piece.slot)))?);
                }
            }
            let groups = (piece.rows as usize).div_ceil(GROUP_ROWS) as u32;
            let skipped = range.start.saturating_sub(u64::from(span.low_offset));
            let from = skipped
                .div_ceil((GROUP_ROWS * row_bytes) as u64)
                .min(u64::from(groups)) as u32;
            for group in from..groups {
                let run = span.low(group, piece.rows, row_bytes);
                if run.start >= range.end {
                    break;
                }
                if !inside(&run) {
                    continue;
                }
                (first, last) = (first.min(run.start), last.max(run.end));
                // Without the scan part there is nothing to check it against; it was fetched for its neighbours.
                if taken.is_none() {
                    match held {
                        Some(held) if !held.holds(group * GROUP_ROWS as u32) => {
                            taken = Some(held.clone())
                        }
                        _ => continue,
                    }
                }
                if let Some(cell) = &mut taken
                    && !cell.put(group, bytes_of(run))
                {
                    refuse_html(name, bytes)?;
                    return Err(IndexError::Checksum {
                        name: name.to_owned(),
                        part: format!("group {group} of slot {}", piece.slot),
                    });
                }
            }
            fresh.extend(taken.map(|cell| (piece, cell)));
        }
        if (first, last) != (range.start, range.end) {
            refuse_html(name, bytes)?;
            return Err(wrong(
                "it begins or ends inside a part; it was cut short".to_owned(),
            ));
        }
        self.take_sparse(name, fresh)
    }

    fn take_sparse(
        &mut self,
        name: &str,
        fresh: Vec<(Piece, SparseCell)>,
    ) -> Result<(), IndexError> {
        let is_new = |piece: &Piece| self.sparse_cell(piece.segment, piece.slot).is_none();
        let mut ids: Vec<u32> = fresh
            .iter()
            .filter(|(piece, _)| is_new(piece))
            .flat_map(|(_, cell)| &cell.cell.ids)
            .copied()
            .collect();
        ids.sort_unstable();
        let twice = ids
            .windows(2)
            .find(|pair| pair[0] == pair[1])
            .map(|pair| pair[0]);
        if let Some(twice) = twice.or(ids.iter().copied().find(|&id| self.ids.contains(id))) {
            return Err(IndexError::inconsistent(
                name,
                format!("picture {twice} is in another cell too"),
            ));
        }
        self.ids.extend(ids);
        for (piece, cell) in fresh {
            self.sparse
                .insert((piece.segment, piece.slot), Arc::new(cell));
        }
        Ok(())
    }

    /// Refuses a routing that does not lead to the sparse cells that are here, shared by the epoch before.
    pub(super) fn check_sparse(&self, routing: &Routing) -> Result<(), IndexError> {
        let held = (0..routing.places()).filter_map(|place| {
            let piece = routing.piece(place)?;
            let cell = self.sparse_cell(piece.segment, piece.slot)?;
            Some(routing.check_rows(place, &cell.cell.ids).is_ok())
        });
        let fitting = held.filter(|fits| *fits).count();
        if fitting == self.sparse.len() {
            return Ok(());
        }
        let what = format!(
            "it leads to {fitting} of the {} cells that are here",
            self.sparse.len()
        );
        Err(IndexError::inconsistent(&self.manifest.routing.name, what))
    }

    /// The pictures of a segment's sparse cells.
    pub(super) fn sparse_ids(&self, number: usize) -> Vec<u32> {
        let mut ids: Vec<u32> = self
            .sparse_of(number as u32)
            .flat_map(|(_, cell)| &cell.cell.ids)
            .copied()
            .collect();
        ids.sort_unstable();
        ids
    }

    /// A segment's sparse cells by slot.
    pub(super) fn sparse_of(&self, number: u32) -> impl Iterator<Item = (u32, &Arc<SparseCell>)> {
        self.sparse
            .range((number, 0)..=(number, u32::MAX))
            .map(|(&(_, slot), cell)| (slot, cell))
    }

    fn piece(&self, place: u32) -> Option<Piece> {
        self.routing.as_ref()?.piece(place)
    }

    /// Where a part lies in its file.
    fn run(&self, part: Part) -> Option<Run> {
        let routing = self.routing.as_ref()?;
        let spans = routing.spans.as_ref()?;
        match part {
            Part::Segment { .. } => None,
            Part::Scan { place } => Some(spans.cells.get(place as usize)?.scan()),
            Part::Low { place, group } => {
                let rows = routing.piece(place)?.rows;
                let row_bytes = spans.row_bytes(routing.dimension);
                Some(spans.cells.get(place as usize)?.low(group, rows, row_bytes))
            }
        }
    }
}
