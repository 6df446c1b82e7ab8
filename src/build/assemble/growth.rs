//! The cells that are wanted, and how they lie now → which slots stay, and which rows are written.
//!
//! A cell that goes on keeps its slots, as long as that is cheap: rows that came make a new piece of it, rows that went are
//! dead from now on. A segment is what a page fetches and keeps, so it stays or is written anew as a whole, and then its cells are
//! whole again, without pieces and dead rows. That happens
//!
//! - when a cell in it ends, or a row of it is stored elsewhere from now on;
//! - when what came and went exceeds [`SHARE`] of the rows of its cells. A piece costs every search that opens the cell one
//!   more block of the scan, half empty, and a page that fetches by parts one more range; a dead row costs what a live one does.
//!   Each byte of a segment is then shipped again at most once for a quarter of a byte that came or went;
//! - when everything is to be whole (`nearsight compact`).
//!
//! Segments of pieces are joined with the new ones when a cell would have more than [`PIECES`], and while they are small and hold
//! no more than what is new, so that many small epochs leave few files, and each row is shipped again a few times at most.

use std::collections::HashMap;

use super::{CellSpec, Previous};

/// What may have come and gone, of the rows of a segment's cells.
const SHARE: f64 = 0.25;
/// Pieces of a cell beside its base.
const PIECES: usize = 4;

/// What becomes of one wanted cell.
#[derive(Debug, Default)]
pub(super) struct Fate {
    /// Its place in the epoch before, if it goes on.
    pub(super) before: Option<u32>,
    /// Written as one slot; none of its old ones stays.
    pub(super) is_whole: bool,
    /// Old places that stay, the base first, each with how many of its rows are dead now.
    pub(super) kept: Vec<(u32, u32)>,
    /// Rows that make a new piece.
    pub(super) fresh: Vec<u32>,
    /// Whether its pictures are those that it had.
    pub(super) is_same: bool,
}

/// What becomes of all.
#[derive(Debug, Default)]
pub(super) struct Growth {
    /// By wanted cell.
    pub(super) fates: Vec<Fate>,
    /// By segment of the epoch before: whether its bytes stay.
    pub(super) stays: Vec<bool>,
    /// Pictures with a dead row in a slot that stays, ascending.
    pub(super) dead: Vec<u32>,
}

/// What is to be known of the epoch to come.
pub(super) struct Aims {
    /// Nothing that can be whole is in pieces.
    pub(super) whole: bool,
    /// Codes are as they were, so that slots can stay at all.
    pub(super) same_codes: bool,
    /// Rows of a segment below which it is small.
    pub(super) small: usize,
}

/// Where rows lie, and which of them stay there.
struct Lie<'a> {
    previous: &'a Previous<'a>,
    /// By place, the rows that stay; their numbers are those of the new epoch's rows.
    staying: Vec<Vec<u32>>,
    stays: Vec<bool>,
}

pub(super) fn growth(
    specs: &[CellSpec],
    ids: &[u32],
    previous: Option<&Previous>,
    aims: &Aims,
) -> Growth {
    let whole = || Fate {
        is_whole: true,
        ..Fate::default()
    };
    let mut fates: Vec<Fate> = specs.iter().map(|_| whole()).collect();
    let Some(previous) = previous else {
        let (stays, dead) = (Vec::new(), Vec::new());
        return Growth { fates, stays, dead };
    };
    let routing = previous.routing;
    for (fate, spec) in fates.iter_mut().zip(specs) {
        fate.before = spec.id.and_then(|id| previous.place(id));
        fate.is_whole = fate.before.is_none();
    }
    let mut lie = Lie {
        previous,
        staying: vec![Vec::new(); routing.places() as usize],
        stays: vec![aims.same_codes; routing.segments as usize],
    };
    lie.end_cells(&fates, specs);
    lie.sort_rows(&mut fates, specs, ids);
    lie.write_bases(&mut fates, aims);
    lie.join_pieces(&mut fates, aims);
    for (fate, spec) in fates.iter_mut().zip(specs) {
        lie.settle(fate, spec);
    }
    let mut dead = lie.dead(ids);
    dead.sort_unstable();
    let stays = lie.stays;
    Growth { fates, stays, dead }
}

impl Lie<'_> {
    fn segment(&self, place: u32) -> usize {
        let piece = self.previous.routing.piece(place);
        piece.map_or(0, |piece| piece.segment as usize)
    }

    fn stored(&self, place: u32) -> &[u32] {
        let cell = self.previous.index.stored(place);
        cell.map_or(&[], |cell| &cell.ids)
    }

    /// Rows at a place that are dead, as far as is known by now.
    fn dead_at(&self, place: u32) -> usize {
        self.stored(place).len() - self.staying[place as usize].len()
    }

    /// Segments in which a cell ends, or a new one is to lie; and those, not of this program's making, that hold bases and pieces.
    fn end_cells(&mut self, fates: &[Fate], specs: &[CellSpec]) {
        let routing = self.previous.routing;
        let mut goes_on = vec![false; routing.cells.len()];
        for (fate, spec) in fates.iter().zip(specs) {
            match (fate.before, spec.segment_of) {
                (Some(cell), _) => goes_on[cell as usize] = true,
                (None, Some(segment)) => {
                    if let Some(stays) = self.stays.get_mut(segment as usize) {
                        *stays = false;
                    }
                }
                (None, None) => {}
            }
        }
        let mut has_base = vec![false; self.stays.len()];
        for entry in &routing.cells {
            has_base[entry.segment as usize] = true;
        }
        for place in 0..routing.places() {
            let Some(piece) = routing.piece(place) else {
                continue;
            };
            let is_mixed = has_base[piece.segment as usize] && place != piece.cell;
            if is_mixed || !goes_on[piece.cell as usize] {
                self.stays[piece.segment as usize] = false;
            }
        }
    }

    /// Which rows stay where they are, and which are new to their cell. A row that is stored elsewhere, or that was dead and
    /// is not any more, is written anew, and what holds it now is not kept: a picture is stored once.
    fn sort_rows(&mut self, fates: &mut [Fate], specs: &[CellSpec], ids: &[u32]) {
        let routing = self.previous.routing;
        let mut homes: HashMap<u32, u32> = HashMap::with_capacity(ids.len());
        for place in 0..routing.places() {
            homes.extend(self.stored(place).iter().map(|&id| (id, place)));
        }
        for (fate, spec) in fates.iter_mut().zip(specs) {
            for &row in &spec.members {
                let id = ids[row as usize];
                let home = homes.get(&id).copied();
                let own = home.filter(|&place| {
                    let cell = routing.piece(place).map(|piece| piece.cell);
                    cell.is_some() && cell == fate.before && !routing.changes.is_dead_row(id)
                });
                if let Some(place) = own {
                    self.staying[place as usize].push(row);
                    continue;
                }
                if let Some(place) = home {
                    let segment = self.segment(place);
                    self.stays[segment] = false;
                }
                fate.fresh.push(row);
            }
            if let Some(cell) = fate.before {
                let places = routing.places_of(cell);
                let staying: usize = places.map(|p| self.staying[p as usize].len()).sum();
                let live = routing.live_rows(cell) as usize;
                fate.is_same = fate.fresh.is_empty() && staying == live;
            }
        }
    }

    /// Segments of bases that are written anew because of what came and went, and what that ends.
    fn write_bases(&mut self, fates: &mut [Fate], aims: &Aims) {
        let routing = self.previous.routing;
        let segments = self.stays.len();
        let (mut rows, mut changed) = (vec![0usize; segments], vec![0usize; segments]);
        for fate in fates.iter() {
            let Some(cell) = fate.before else {
                continue;
            };
            let segment = self.segment(cell);
            rows[segment] += self.stored(cell).len();
            let beyond = routing.places_of(cell).skip(1);
            changed[segment] += fate.fresh.len()
                + self.dead_at(cell)
                + beyond
                    .map(|place| self.stored(place).len() + self.dead_at(place))
                    .sum::<usize>();
        }
        for (segment, stays) in self.stays.iter_mut().enumerate() {
            let limit = if aims.whole {
                0.0
            } else {
                SHARE * rows[segment] as f64
            };
            *stays &= changed[segment] as f64 <= limit;
        }
        for fate in fates.iter_mut() {
            let Some(cell) = fate.before else {
                continue;
            };
            fate.is_whole = !self.stays[self.segment(cell)];
            if fate.is_whole {
                self.end_pieces(cell);
            }
        }
    }

    /// The segments of a cell's pieces are written anew. They hold no bases.
    fn end_pieces(&mut self, cell: u32) {
        for place in self.previous.routing.places_of(cell).skip(1) {
            let segment = self.segment(place);
            self.stays[segment] = false;
        }
    }

    /// Segments of pieces that are joined with what is new.
    fn join_pieces(&mut self, fates: &mut [Fate], aims: &Aims) {
        let routing = self.previous.routing;
        for fate in fates.iter().filter(|fate| !fate.is_whole) {
            let Some(cell) = fate.before else {
                continue;
            };
            let places = routing.places_of(cell).skip(1);
            let kept = places
                .filter(|&place| self.stays[self.segment(place)])
                .count();
            let is_new = !fate.fresh.is_empty() || kept < routing.places_of(cell).skip(1).count();
            if kept + usize::from(is_new) > PIECES {
                self.end_pieces(cell);
            }
        }
        let (mut new, mut of_segment) = (0, vec![0; self.stays.len()]);
        for fate in fates.iter().filter(|fate| !fate.is_whole) {
            new += fate.fresh.len();
            for place in fate
                .before
                .into_iter()
                .flat_map(|cell| routing.places_of(cell).skip(1))
            {
                let segment = self.segment(place);
                match self.stays[segment] {
                    true => of_segment[segment] += self.stored(place).len(),
                    false => new += self.staying[place as usize].len(),
                }
            }
        }
        let mut small: Vec<(usize, usize)> = of_segment
            .into_iter()
            .enumerate()
            .filter(|&(_, rows)| rows > 0 && rows <= aims.small)
            .map(|(segment, rows)| (rows, segment))
            .collect();
        small.sort_unstable();
        for (rows, segment) in small {
            if rows > new {
                break;
            }
            self.stays[segment] = false;
            new += rows;
        }
    }

    /// What is known now of every segment → what becomes of the cell.
    fn settle(&self, fate: &mut Fate, spec: &CellSpec) {
        let Some(cell) = fate.before.filter(|_| !fate.is_whole) else {
            fate.fresh = spec.members.clone();
            return;
        };
        for place in self.previous.routing.places_of(cell) {
            if self.stays[self.segment(place)] {
                fate.kept.push((place, self.dead_at(place) as u32));
            } else {
                fate.fresh.extend(&self.staying[place as usize]);
            }
        }
    }

    /// The pictures that are stored in slots that stay, and do not stay themselves.
    fn dead(&self, ids: &[u32]) -> Vec<u32> {
        let mut dead = Vec::new();
        for place in 0..self.previous.routing.places() {
            if !self.stays[self.segment(place)] || self.dead_at(place) == 0 {
                continue;
            }
            let mut staying: Vec<u32> = self.staying[place as usize]
                .iter()
                .map(|&row| ids[row as usize])
                .collect();
            staying.sort_unstable();
            let gone = |id: &u32| staying.binary_search(id).is_err();
            dead.extend(self.stored(place).iter().copied().filter(gone));
        }
        dead
    }
}
