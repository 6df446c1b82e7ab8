//! Cells and pieces of cells → segments: what is fetched together lies together.

use super::AssembleError;
use super::assembled::Files;
use super::encode::{Encoded, Encoder, Made};
use super::growth::Growth;
use crate::index::{CellSpan, Changes, Dead, FileRef, Piece, Segment, Spans};
use crate::partition::{Merge, Workers, leaf_order};
use crate::quantize::{CodeBits, sign_bytes};

/// Bounds of a segment's target size: smaller costs requests, larger costs bytes that a query does
/// not need. In between it is a sixteenth of all rows, so that an epoch which touches one cell
/// does not ship everything.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = 4 * 1024..=256 * 1024;
const SEGMENTS_WANTED: u64 = 16;

/// How large a segment of so many rows in all should be.
fn target_bytes(rows: usize, dimension: usize, bits: CodeBits) -> u64 {
    let total = rows as u64 * row_bytes(dimension, bits);
    (total / SEGMENTS_WANTED).clamp(*SEGMENT_BYTES.start(), *SEGMENT_BYTES.end())
}

/// A segment of so many rows or fewer is small.
pub(super) fn small_rows(rows: usize, dimension: usize, bits: CodeBits) -> usize {
    (target_bytes(rows, dimension, bits) / 2 / row_bytes(dimension, bits)) as usize
}

/// Where everything lies.
pub(super) struct Placed {
    pub(super) segments: Vec<FileRef>,
    pub(super) spans: Spans,
    pub(super) changes: Changes,
}

/// Segments whose rows are encoded before the first of them is written: enough for many workers, and far from all.
const AT_ONCE: usize = 64;

/// What becomes of a segment.
enum Task {
    /// It stays, as that of the epoch before with this number.
    Keep(u32),
    Write(Vec<Slot>),
}

/// What is written to a slot.
#[derive(Clone, Copy)]
enum Slot {
    Base(usize),
    Piece(usize),
}

/// Segments so far, and where they lie.
struct Shelf<'a, 'f> {
    encoder: &'a Encoder<'a>,
    segments: Vec<FileRef>,
    bases: Vec<Option<CellSpan>>,
    pieces: Vec<(Piece, CellSpan, u32)>,
    files: &'a mut Files<'f>,
}

/// Gives every cell a segment and a slot, and writes the segments that are new.
pub(super) fn place(
    made: &mut [Made],
    merges: &[Merge],
    encoder: &Encoder,
    growth: &Growth,
    workers: &dyn Workers,
    files: &mut Files,
) -> Result<Placed, AssembleError> {
    let total: usize = made.iter().map(|made| made.rows()).sum();
    let (dimension, bits) = (encoder.dimension(), encoder.bits);
    let target = target_bytes(total, dimension, bits);
    let bytes_of = |rows: Option<usize>| rows.map_or(0, |rows| slot_bytes(rows, dimension, bits));
    let base_bytes = |made: &[Made], n: usize| bytes_of(made[n].base);
    let mut tasks = Vec::new();
    let mut shelf = Shelf {
        encoder,
        segments: Vec::new(),
        bases: vec![None; made.len()],
        pieces: Vec::new(),
        files,
    };
    let tree: Vec<usize> = leaf_order(made.len(), merges)
        .into_iter()
        .map(|cell| cell as usize)
        .collect();
    for (number, &stays) in growth.stays.iter().enumerate() {
        if stays {
            tasks.push(Task::Keep(number as u32));
            continue;
        }
        let home = |n: usize| made[n].home.filter(|home| home.0 as usize == number);
        let mut own: Vec<usize> = tree
            .iter()
            .copied()
            .filter(|&n| made[n].base.is_some() && home(n).is_some())
            .collect();
        // Cells that go on keep their order, so that nothing but what changed moves.
        own.sort_by_key(|&n| home(n).and_then(|home| home.1).unwrap_or(u32::MAX));
        let size: u64 = own.iter().map(|&n| base_bytes(made, n)).sum();
        // One that has not outgrown its target twice stays together.
        let limit = if size <= 2 * target { u64::MAX } else { target };
        let packs = pack(&own, limit, |n| base_bytes(made, n));
        tasks.extend(packs.into_iter().map(Task::bases));
    }
    let known = growth.stays.len();
    let is_homeless = |n: &usize| made[*n].home.is_none_or(|(home, _)| home as usize >= known);
    let homeless: Vec<usize> = tree
        .iter()
        .copied()
        .filter(|n| made[*n].base.is_some() && is_homeless(n))
        .collect();
    let packs = pack(&homeless, target, |n| base_bytes(made, n));
    tasks.extend(packs.into_iter().map(Task::bases));
    let grown: Vec<usize> = tree
        .into_iter()
        .filter(|&n| made[n].piece.is_some())
        .collect();
    let packs = pack(&grown, target, |n| bytes_of(made[n].piece));
    tasks.extend(packs.into_iter().map(Task::pieces));
    for tasks in tasks.chunks(AT_ONCE) {
        let slots: Vec<Slot> = tasks.iter().flat_map(Task::slots).copied().collect();
        let encoded = workers.map(slots.len(), |at| match slots[at] {
            Slot::Base(cell) => encoder.base(cell),
            Slot::Piece(cell) => encoder.piece(cell),
        });
        let mut encoded = encoded.into_iter();
        for task in tasks {
            match task {
                Task::Keep(old) => shelf.keep(made, growth, *old),
                Task::Write(slots) => shelf.write(made, slots, &mut encoded)?,
            }
        }
    }
    // Of the others nothing is written, though rows may have gone.
    let is_left = |n: &usize| made[*n].base.is_none() && made[*n].piece.is_none();
    let left: Vec<usize> = (0..made.len()).filter(is_left).collect();
    let reaches = workers.map(left.len(), |at| encoder.reach(left[at]));
    for (n, reach) in left.into_iter().zip(reaches) {
        made[n].reaches(reach?);
    }
    shelf.finish(made, growth)
}

impl Task {
    fn bases(cells: Vec<usize>) -> Self {
        Self::Write(cells.into_iter().map(Slot::Base).collect())
    }

    fn pieces(cells: Vec<usize>) -> Self {
        Self::Write(cells.into_iter().map(Slot::Piece).collect())
    }

    fn slots(&self) -> &[Slot] {
        match self {
            Self::Keep(_) => &[],
            Self::Write(slots) => slots,
        }
    }
}

impl Shelf<'_, '_> {
    /// Takes over a segment as it is.
    fn keep(&mut self, made: &mut [Made], growth: &Growth, old: u32) {
        let Some(previous) = self.encoder.previous else {
            return;
        };
        let number = self.segments.len() as u32;
        let routing = previous.routing;
        // An index without spans still has them to tell.
        let own = match (&routing.spans, previous.index.segment(old)) {
            (None, Some(segment)) => segment.write_spans().1,
            _ => Vec::new(),
        };
        for (cell, fate) in growth.fates.iter().enumerate() {
            for &(place, dead) in &fate.kept {
                let Some(piece) = routing.piece(place).filter(|piece| piece.segment == old) else {
                    continue;
                };
                let span = match &routing.spans {
                    Some(spans) => spans.cells.get(place as usize),
                    None => own.get(piece.slot as usize),
                };
                let Some(&span) = span else {
                    continue;
                };
                if fate.before == Some(place) {
                    made[cell].entry.segment = number;
                    made[cell].entry.slot = piece.slot;
                    made[cell].dead = dead;
                    self.bases[cell] = Some(span);
                } else {
                    let piece = Piece {
                        cell: cell as u32,
                        segment: number,
                        ..piece
                    };
                    self.pieces.push((piece, span, dead));
                }
            }
        }
        self.segments
            .extend(previous.index.segment_file(old).cloned());
    }

    /// What is in the slots comes next of what was encoded.
    fn write(
        &mut self,
        made: &mut [Made],
        slots: &[Slot],
        encoded: &mut dyn Iterator<Item = Result<Encoded, AssembleError>>,
    ) -> Result<(), AssembleError> {
        let number = self.segments.len() as u32;
        let mut cells = Vec::with_capacity(slots.len());
        for (slot, encoded) in slots.iter().zip(encoded) {
            let (cell, reach) = encoded?;
            cells.push(cell);
            match *slot {
                Slot::Base(of) | Slot::Piece(of) => made[of].reaches(reach),
            }
        }
        let segment = Segment {
            dimension: self.encoder.dimension(),
            bits: self.encoder.bits,
            cells,
        };
        let (bytes, spans) = segment.write_spans();
        for (slot, (&what, span)) in (0..).zip(slots.iter().zip(spans)) {
            match what {
                Slot::Base(cell) => {
                    made[cell].entry.segment = number;
                    made[cell].entry.slot = slot;
                    self.bases[cell] = Some(span);
                }
                Slot::Piece(cell) => {
                    let piece = Piece {
                        cell: cell as u32,
                        segment: number,
                        slot,
                        rows: segment.cells[slot as usize].ids.len() as u32,
                    };
                    self.pieces.push((piece, span, 0));
                }
            }
        }
        let file = FileRef::of("cells", &bytes, "nss");
        self.files.put(&file.name, bytes)?;
        self.segments.push(file);
        Ok(())
    }

    fn finish(mut self, made: &[Made], growth: &Growth) -> Result<Placed, AssembleError> {
        self.pieces
            .sort_by_key(|(piece, ..)| (piece.cell, piece.segment, piece.slot));
        let mut dead = Dead {
            rows: growth.dead.iter().copied().collect(),
            ..Dead::default()
        };
        let at_bases = made.iter().map(|made| made.dead);
        let at_pieces = self.pieces.iter().map(|(_, _, dead)| *dead);
        dead.places = (0..)
            .zip(at_bases.chain(at_pieces))
            .filter(|&(_, dead)| dead > 0)
            .collect();
        let spans: Option<Vec<CellSpan>> = self.bases.into_iter().collect();
        let mut spans = spans.ok_or(AssembleError::Layout {
            cell: 0,
            what: "it lies in no segment",
        })?;
        spans.extend(self.pieces.iter().map(|(_, span, _)| *span));
        let entries: Vec<_> = made.iter().map(|made| made.entry).collect();
        let pieces = self.pieces.into_iter().map(|(piece, ..)| piece).collect();
        let changes = Changes::new(&entries, pieces, dead);
        Ok(Placed {
            segments: self.segments,
            spans: Spans {
                bits: self.encoder.bits,
                cells: spans,
            },
            changes: changes.map_err(|what| AssembleError::Changes { what })?,
        })
    }
}

/// Code, factors and about 11 bits of id.
fn row_bytes(dimension: usize, bits: CodeBits) -> u64 {
    (sign_bytes(dimension) + bits.low_bytes(dimension) + 8) as u64
}

/// The rows, and the ranges of the factors.
fn slot_bytes(rows: usize, dimension: usize, bits: CodeBits) -> u64 {
    rows as u64 * row_bytes(dimension, bits) + 40
}

/// Cuts an order of cells into runs of at most so many bytes; a cell that is larger is a run of its own.
fn pack(order: &[usize], limit_bytes: u64, bytes_of: impl Fn(usize) -> u64) -> Vec<Vec<usize>> {
    let mut packs: Vec<Vec<usize>> = Vec::new();
    let mut room = 0;
    for &number in order {
        let bytes = bytes_of(number);
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
