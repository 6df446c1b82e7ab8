//! What came and went since the cells were written whole: further pieces of cells, and rows that count no more.
//!
//! A cell is a base, its slot in a segment, and pieces: slots of later, smaller segments with rows that were added, encoded against
//! the same centroid. Removed rows stay where they are, and their ids stand among the dead: so an epoch that adds or removes
//! a few pictures ships their rows, and every base keeps its bytes. Whoever reads slots numbers them by *place*: the bases by
//! the cells' places, then the pieces in their order.
//!
//! Two sections of the routing, absent where there is nothing to say and else required, so that a reader which does not know
//! them refuses the file instead of answering without, or with, those rows: `PIEC` cell, segment, slot, rows u32 a piece, by cell ·
//! `DEAD` dead rows, dead records, places, bytes of the first list u32; then place and dead rows there u32, by place; then two lists of
//! ids (see `ids`): pictures of which a row is still stored, and those of which nothing is but a record.
//! As the rows at each place are counted, a dead id that is nowhere is noticed when the slots come in.

use roaring::RoaringBitmap;

use super::numbers::{read_u32, u32_values};
use super::{Cell, CellEntry, Index, Routing, ids};

const PIECE_BYTES: usize = 16;

/// Rows of a cell in one slot of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Place of the cell.
    pub cell: u32,
    /// Number of the segment.
    pub segment: u32,
    /// Its place in that segment.
    pub slot: u32,
    /// How many rows are stored there, dead ones too.
    pub rows: u32,
}

/// The dead of an epoch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dead {
    /// Place, and how many rows there are dead; ascending.
    pub places: Vec<(u32, u32)>,
    /// Pictures whose rows are still stored.
    pub rows: RoaringBitmap,
    /// Pictures of which a record is, and no row.
    pub records: RoaringBitmap,
}

/// Pieces and the dead, and what follows from them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    pieces: Vec<Piece>,
    dead: Dead,
    /// By cell, where its pieces begin, and where the last one's end; empty where there are none at all.
    first: Vec<u32>,
    /// Dead rows by place; empty where there are none at all.
    dead_at: Vec<u32>,
    /// Live rows by cell; empty where bases tell it.
    live: Vec<u32>,
}

impl Changes {
    /// Of these cells; `pieces` ascend by cell.
    pub(crate) fn new(cells: &[CellEntry], pieces: Vec<Piece>, dead: Dead) -> Result<Self, String> {
        if pieces.is_empty() && dead == Dead::default() {
            return Ok(Self::default());
        }
        if !pieces.is_sorted_by_key(|piece| piece.cell) {
            return Err("its pieces are not in the order of the cells".to_owned());
        }
        if let Some(stray) = pieces
            .iter()
            .find(|piece| piece.cell as usize >= cells.len())
        {
            let count = cells.len();
            return Err(format!(
                "a piece is of cell {}, but there are {count} cells",
                stray.cell
            ));
        }
        if let Some(empty) = pieces.iter().find(|piece| piece.rows == 0) {
            return Err(format!("a piece of cell {} has no rows", empty.cell));
        }
        let stored: Vec<u32> = cells
            .iter()
            .map(|cell| cell.rows)
            .chain(pieces.iter().map(|piece| piece.rows))
            .collect();
        let mut dead_at = Vec::new();
        if !dead.places.is_empty() {
            dead_at.resize(stored.len(), 0);
        }
        if !dead.places.is_sorted_by(|a, b| a.0 < b.0) {
            return Err("the places of its dead rows do not ascend".to_owned());
        }
        for &(place, rows) in &dead.places {
            match stored.get(place as usize) {
                Some(&stored) if (1..=stored).contains(&rows) => dead_at[place as usize] = rows,
                Some(stored) => {
                    return Err(format!("{rows} of {stored} rows at place {place} are dead"));
                }
                None => return Err(format!("rows are dead at place {place}, which is none")),
            }
        }
        let counted: u64 = dead.places.iter().map(|&(_, rows)| u64::from(rows)).sum();
        if counted != dead.rows.len() {
            let named = dead.rows.len();
            return Err(format!(
                "{counted} rows are dead, but {named} pictures are named"
            ));
        }
        if let Some(twice) = (&dead.rows & &dead.records).min() {
            return Err(format!("picture {twice} is dead twice"));
        }
        let mut live: Vec<u64> = cells.iter().map(|cell| u64::from(cell.rows)).collect();
        for piece in &pieces {
            live[piece.cell as usize] += u64::from(piece.rows);
        }
        for &(place, rows) in &dead.places {
            let cell = match (place as usize).checked_sub(cells.len()) {
                None => place,
                Some(piece) => pieces[piece].cell,
            };
            live[cell as usize] -= u64::from(rows);
        }
        let live: Result<Vec<u32>, _> = live.into_iter().map(u32::try_from).collect();
        let mut first = Vec::new();
        if !pieces.is_empty() {
            let begins = |cell| pieces.partition_point(|piece| piece.cell < cell) as u32;
            first.extend((0..=cells.len() as u32).map(begins));
        }
        Ok(Self {
            live: live.map_err(|_| "a cell has more rows than can be counted".to_owned())?,
            pieces,
            dead,
            first,
            dead_at,
        })
    }

    /// The pieces beside the bases, by cell.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The dead.
    pub fn dead(&self) -> &Dead {
        &self.dead
    }

    /// Whether a row of this picture is stored and counts no more.
    #[inline]
    pub fn is_dead_row(&self, id: u32) -> bool {
        !self.dead_at.is_empty() && self.dead.rows.contains(id)
    }

    /// Whether there was such a picture, and something of it is still stored.
    pub fn is_dead(&self, id: u32) -> bool {
        self.dead.rows.contains(id) || self.dead.records.contains(id)
    }

    /// The content of `PIEC`; none: nothing to say.
    pub(super) fn write_pieces(&self) -> Option<Vec<u8>> {
        let words = |piece: &Piece| [piece.cell, piece.segment, piece.slot, piece.rows];
        let words = self.pieces.iter().flat_map(words);
        let bytes: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
        (!bytes.is_empty()).then_some(bytes)
    }

    /// The content of `DEAD`; none: nothing to say.
    pub(super) fn write_dead(&self) -> Option<Vec<u8>> {
        let dead = &self.dead;
        if *dead == Dead::default() {
            return None;
        }
        let mut lists = [Vec::new(), Vec::new()];
        for (list, set) in lists.iter_mut().zip([&dead.rows, &dead.records]) {
            ids::write(&set.iter().collect::<Vec<u32>>(), list);
        }
        let head = [
            dead.rows.len() as u32,
            dead.records.len() as u32,
            dead.places.len() as u32,
            lists[0].len() as u32,
        ];
        let places = dead.places.iter().flat_map(|&(place, rows)| [place, rows]);
        let mut bytes: Vec<u8> = head
            .into_iter()
            .chain(places)
            .flat_map(u32::to_le_bytes)
            .collect();
        bytes.extend(lists.concat());
        Some(bytes)
    }

    /// From both sections.
    pub(super) fn read(
        cells: &[CellEntry],
        pieces: Option<&[u8]>,
        dead: Option<&[u8]>,
    ) -> Result<Self, String> {
        let pieces = pieces.unwrap_or_default();
        if !pieces.len().is_multiple_of(PIECE_BYTES) {
            return Err(format!("section PIEC has {} bytes", pieces.len()));
        }
        let pieces = pieces.chunks_exact(PIECE_BYTES).map(|row| Piece {
            cell: read_u32(row, 0),
            segment: read_u32(row, 4),
            slot: read_u32(row, 8),
            rows: read_u32(row, 12),
        });
        let dead = match dead {
            None => Dead::default(),
            Some(bytes) => read_dead(bytes).ok_or("section DEAD cannot be read")?,
        };
        Self::new(cells, pieces.collect(), dead)
    }
}

fn read_dead(bytes: &[u8]) -> Option<Dead> {
    let (head, rest) = bytes.split_at_checked(16)?;
    let [rows, records, places, list] = [0, 4, 8, 12].map(|at| read_u32(head, at) as usize);
    let (places, rest) = rest.split_at_checked(places.checked_mul(8)?)?;
    let (first, second) = rest.split_at_checked(list)?;
    let set = |bytes: &[u8], count| Some(ids::read(bytes, count)?.into_iter().collect());
    let places = u32_values(places);
    Some(Dead {
        places: places
            .chunks_exact(2)
            .map(|pair| (pair[0], pair[1]))
            .collect(),
        rows: set(first, rows)?,
        records: set(second, records)?,
    })
}

impl Routing {
    /// How many places there are: those of the cells' bases, and those of the pieces.
    pub fn places(&self) -> u32 {
        (self.cells.len() + self.changes.pieces.len()) as u32
    }

    /// What lies at a place: the base of that cell, or a piece.
    pub fn piece(&self, place: u32) -> Option<Piece> {
        let number = place as usize;
        match self.cells.get(number) {
            Some(entry) => Some(Piece {
                cell: place,
                segment: entry.segment,
                slot: entry.slot,
                rows: entry.rows,
            }),
            None => self.changes.pieces.get(number - self.cells.len()).copied(),
        }
    }

    /// The places of a cell's rows: its base, then its pieces.
    pub fn places_of(&self, cell: u32) -> impl Iterator<Item = u32> + Clone + use<> {
        let first = &self.changes.first;
        let at = |cell: usize| first.get(cell).copied().unwrap_or_default();
        let beyond = self.cells.len() as u32;
        let pieces = at(cell as usize)..at(cell as usize + 1);
        std::iter::once(cell).chain(pieces.map(move |piece| beyond + piece))
    }

    /// How many rows of a cell count.
    pub fn live_rows(&self, cell: u32) -> u32 {
        let base = || self.cells.get(cell as usize).map_or(0, |entry| entry.rows);
        let live = self.changes.live.get(cell as usize).copied();
        live.unwrap_or_else(base)
    }

    /// How many rows at a place are dead.
    pub fn dead_rows(&self, place: u32) -> u32 {
        self.changes
            .dead_at
            .get(place as usize)
            .copied()
            .unwrap_or_default()
    }

    /// Refuses rows that are not those that lie at a place.
    pub(super) fn check_rows(&self, place: u32, ids: &[u32]) -> Result<(), String> {
        let Some(piece) = self.piece(place) else {
            return Err(format!("there is no place {place}"));
        };
        if ids.len() != piece.rows as usize {
            let found = ids.len();
            return Err(format!(
                "{found} rows where the routing says {}",
                piece.rows
            ));
        }
        let stated = self.dead_rows(place);
        let found = ids
            .iter()
            .filter(|&&id| self.changes.is_dead_row(id))
            .count();
        match found == stated as usize {
            true => Ok(()),
            false => Err(format!("{found} dead rows where the routing says {stated}")),
        }
    }
}

impl Index {
    /// The rows at a place, live and dead, as far as they are here.
    pub fn stored(&self, place: u32) -> Option<&Cell> {
        let piece = self.routing()?.piece(place)?;
        match self.segment(piece.segment) {
            Some(segment) => segment.cells.get(piece.slot as usize),
            None => Some(self.sparse_cell(piece.segment, piece.slot)?.cell()),
        }
    }

    /// The pictures of the cell at this place, ascending; none where not all of it is here.
    pub fn pictures_of(&self, cell: u32) -> Option<Vec<u32>> {
        let routing = self.routing()?;
        let mut ids = Vec::with_capacity(routing.live_rows(cell) as usize);
        for place in routing.places_of(cell) {
            let stored = self.stored(place)?.ids.iter().copied();
            ids.extend(stored.filter(|&id| !routing.changes.is_dead_row(id)));
        }
        ids.sort_unstable();
        Some(ids)
    }

    /// All pictures that count, ascending; none where not all cells are here.
    pub fn pictures(&self) -> Option<Vec<u32>> {
        let cells = 0..self.routing()?.cells.len() as u32;
        let each: Option<Vec<Vec<u32>>> = cells.map(|cell| self.pictures_of(cell)).collect();
        let mut all = each?.concat();
        all.sort_unstable();
        Some(all)
    }

    /// Whether every cell is one slot, and nothing of a removed picture is stored.
    pub fn is_whole(&self) -> bool {
        self.routing()
            .is_some_and(|routing| routing.changes == Changes::default())
    }

    /// Whether a picture of this id was removed, and something of it is still stored.
    pub fn is_removed(&self, id: u32) -> bool {
        self.routing()
            .is_some_and(|routing| routing.changes.is_dead(id))
    }
}
