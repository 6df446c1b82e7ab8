//! The query as a state machine: it says which parts of segments it needs, whoever holds it brings them.
//!
//! A step scans as many cells as what is at hand allows, in routing order and no further than
//! the answer needs. When something is absent the step ends with [`Step::Need`], which lists the parts to fetch in one
//! round: of cells that will probably be opened, so some may turn out to be needless (`ahead`). Where every row counts, or
//! where the index is not made for ranges, whole segments are asked for, and only those needed for certain.

mod absent;
mod ahead;
mod answer;
mod known;
mod vector;

use std::sync::Arc;

use ahead::Ahead;
use known::AtHand;
use vector::{check, unit};

use super::expand::{Decision, decide};
use super::measure::Measure;
use super::passing::Passing;
use super::route::Route;
use super::scan::{Opening, Scan, Wanted};
use super::select::{Owners, choose, more};
use super::stop::{Ground, Rule, Standing};
use super::top_k::TopK;
use super::{Answer, SearchError, SearchOptions};
use crate::index::{Cell, Index, Part, Piece, Routing, Segment, SparseCell};
use crate::quantize::PreparedQuery;

/// A query for fewer hits than this keeps as many all the same, and is judged by the worst of them:
/// the distance of a single nearest picture says too little about how far to look. Measured for
/// k = 1 on photo embeddings, strangers as queries: a recall of 0.90 with 1 and of 0.99 with 10.
const KEPT_AT_LEAST: usize = 10;

/// How wide the error bound of the signs is, in standard deviations, for a recall up to [`WIDE_FROM`] and above it. A wider
/// bound reads more rows in full and loses fewer neighbours, so that fewer cells must make up for them. 100,000 x 128
/// (`cargo bench --bench search`), rows scanned (95th centile) / read in full at 0.95: 1,723 (4,382) / 78 with 1.3, 1,607 (4,235) / 96
/// with 1.6, 1,544 (4,153) / 125 with 2.0, 1,533 (4,221) / 163 with 2.4; at 0.99: 6,377 (21,983) / 187 with 2.2, 4,922 (16,153) / 229 with
/// 2.5, 4,853 (13,447) / 328 with 3.0, 4,740 (14,310) / 467 with 3.5.
const NARROW: f32 = 2.0;
const WIDE: f32 = 3.0;
pub(crate) const WIDE_FROM: f32 = 0.95;

/// How far from the rows a query may lie, in units of the frame: 24 bits of a number tell nothing of rows around its origin there.
const FARTHEST: f32 = 1e9;

/// Lets a picture into the answer or not: tags, owner, private, whatever the caller knows by id.
pub type Filter<'a> = dyn Fn(u32) -> bool + 'a;

/// Whoever holds segments, or parts of them.
pub trait Cells {
    /// The segment of this number, if it is at hand as a whole.
    fn segment(&self, number: u32) -> Option<&Segment>;

    /// A slot of another segment, if its scan part is at hand.
    fn sparse_cell(&self, _segment: u32, _slot: u32) -> Option<&SparseCell> {
        None
    }
}

impl Cells for Index {
    fn segment(&self, number: u32) -> Option<&Segment> {
        Index::segment(self, number)
    }

    fn sparse_cell(&self, segment: u32, slot: u32) -> Option<&SparseCell> {
        Index::sparse_cell(self, segment, slot)
    }
}

/// A cell's base or one of its further pieces, as far as it is at hand.
#[derive(Clone, Copy)]
struct View<'c> {
    cell: &'c Cell,
    /// What tells which low rows are; none: all.
    sparse: Option<&'c SparseCell>,
}

/// What a query wants next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// What must be at hand before the next step; whoever fetches it may bring more, such as the whole segment of a part.
    Need(Vec<Part>),
    /// The answer; further steps give it again.
    Done(Answer),
}

/// A search that is under way. It pins the epoch of the routing it was made with.
pub struct Query<'a> {
    routing: &'a Routing,
    measure: Measure,
    /// As the measure has them inside.
    options: SearchOptions,
    vector: Arc<PreparedQuery>,
    filter: Option<&'a Filter<'a>>,
    passing: Option<&'a Passing>,
    owners: Option<&'a Owners<'a>>,
    rule: Rule,
    pub(super) route: Route,
    scan: Scan,
    ahead: Ahead,
    pub(super) opened: usize,
    scanned: u64,
    pub(super) best: TopK,
}

impl<'a> Query<'a> {
    /// Ranks the cells for a vector, as whoever asks has it: of any length. Opens none yet.
    ///
    /// Every vector that is searched for comes this way: here alone it is brought to unit length, or into the frame.
    pub fn new(
        routing: &'a Routing,
        vector: &[f32],
        options: SearchOptions,
    ) -> Result<Self, SearchError> {
        let vector = match &routing.frame {
            None => unit(vector, routing.dimension)?,
            Some(frame) => {
                check(vector, routing.dimension)?;
                let mut vector = vector.to_vec();
                frame.enter(&mut vector);
                let times = vector
                    .iter()
                    .fold(0.0f32, |most, value| most.max(value.abs()));
                if times > FARTHEST {
                    return Err(SearchError::TooFar { times });
                }
                vector
            }
        };
        Self::inside(routing, vector, options)
    }

    /// The same for a vector that is of unit length, or in the frame.
    pub(super) fn inside(
        routing: &'a Routing,
        mut vector: Vec<f32>,
        options: SearchOptions,
    ) -> Result<Self, SearchError> {
        let measure = Measure::of(routing);
        let options = measure.inside(options)?;
        routing.rotation.apply(&mut vector);
        let vector = Arc::new(PreparedQuery::new(&vector)?);
        // Rows bound the hits, whatever k says, so the room taken is bounded by the index.
        let kept = routing.rows_up_to(options.k.max(KEPT_AT_LEAST));
        Ok(Self {
            routing,
            measure,
            route: Route::new(routing, &vector),
            vector,
            filter: None,
            passing: None,
            owners: None,
            rule: Rule::new(routing, kept, options.recall_asked()),
            options,
            scan: Scan::default(),
            ahead: Ahead::default(),
            opened: 0,
            scanned: 0,
            best: TopK::new(kept),
        })
    }

    /// Answers with pictures that pass only, and opens further cells until k of them are found.
    pub fn with_filter(mut self, filter: &'a Filter<'a>) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Answers with rows that pass only, and reads no others. A filter given too holds beside it.
    pub fn with_passing(mut self, passing: &'a Passing) -> Self {
        self.passing = Some(passing);
        self
    }

    /// Says whose the pictures are; needed for `per_owner`.
    pub fn with_owners(mut self, owners: &'a Owners<'a>) -> Self {
        self.owners = Some(owners);
        self
    }

    /// Goes on as far as what is at hand allows.
    pub fn step(&mut self, cells: &dyn Cells) -> Result<Step, SearchError> {
        if self.options.per_owner.is_some() && self.owners.is_none() {
            return Err(SearchError::Option {
                option: "per_owner",
                found: "a limit without owners".to_owned(),
                expected: "the owners too, with_owners, or leave it out",
            });
        }
        if self
            .passing
            .is_some_and(|passing| !passing.fits(self.routing))
        {
            return Err(SearchError::Option {
                option: "passing",
                found: "of other cells".to_owned(),
                expected: "what was made of this epoch",
            });
        }
        loop {
            let capped = match self.decision() {
                Decision::Stop { capped } => capped,
                Decision::Open => {
                    let needed = self.needed(cells)?;
                    if !needed.is_empty() {
                        return Ok(Step::Need(needed));
                    }
                    self.open_next(cells)?;
                    continue;
                }
            };
            let hits = match self.options.chooses() {
                false => self.best.hits(self.options.k),
                true => {
                    let all = self.best.hits(self.best.len());
                    let hits = choose(&all, &self.options, self.measure, &AtHand(self, cells))?;
                    let rows = usize::try_from(self.routing.rows()).unwrap_or(usize::MAX);
                    // With room left, everything that passes has been seen, or a cap or a least score ended it.
                    if hits.len() < self.options.k
                        && all.len() == self.best.limit()
                        && all.len() < rows
                    {
                        self.begin_again(more(self.options.k, all.len(), hits.len()).min(rows));
                        continue;
                    }
                    hits
                }
            };
            return Ok(Step::Done(self.answer(hits, capped)));
        }
    }

    fn decision(&mut self) -> Decision {
        let cells = self.routing.cells.len();
        self.route.ensure(self.routing, self.opened + 1);
        let last = self
            .options
            .max_cells
            .map_or(cells, |cap| cells.min(cap as usize));
        let is_due = self.rule.is_due(self.opened) || self.opened >= last;
        let enough = self.opened > 0 && is_due && {
            let standing = self.standing();
            self.rule.enough(self.ground(), &mut self.route, &standing)
        };
        decide(&self.options, self.opened, cells, enough)
    }

    pub(super) fn ground(&self) -> Ground<'a> {
        Ground {
            routing: self.routing,
            passing: self.passing,
        }
    }

    pub(super) fn standing(&self) -> Standing {
        self.standing_with(&self.best, self.opened)
    }

    /// The standing if these were the hits after so many cells.
    fn standing_with(&self, best: &TopK, opened: usize) -> Standing {
        Standing {
            opened,
            reach: self.reach(best),
            hits: best.len(),
            kept: best.limit(),
            origin: best.origin(opened),
            passing: match self.filter {
                Some(_) => self.scan.passing(),
                None => 1.0,
            },
        }
    }

    /// How far a row may lie to change the answer: the distance of the worst hit kept, or what
    /// `min_score` allows, or any distance.
    fn reach(&self, best: &TopK) -> f32 {
        let allowed = self.options.min_score;
        let allowed = allowed.map_or(f32::INFINITY, |score| self.measure.distance(score));
        best.worst_distance(self.enough(best))
            .unwrap_or(f32::INFINITY)
            .min(allowed)
    }

    /// How many hits answer the query: k, or every picture there is; where they are chosen among, all that are kept.
    fn enough(&self, best: &TopK) -> usize {
        if self.options.chooses() {
            return best.limit();
        }
        self.routing.rows_up_to(self.options.k)
    }

    /// What lies at a place, refused where it is not what the routing leads to.
    fn view<'c>(&self, cells: &'c dyn Cells, place: u32) -> Result<Option<View<'c>>, SearchError> {
        let Some(piece) = self.routing.piece(place) else {
            return Ok(None);
        };
        let wrong = || self.wrong(place);
        let view = match cells.segment(piece.segment) {
            Some(segment) if segment.dimension == self.routing.dimension => View {
                cell: segment.cells.get(piece.slot as usize).ok_or_else(wrong)?,
                sparse: None,
            },
            Some(_) => return Err(wrong()),
            None => match cells.sparse_cell(piece.segment, piece.slot) {
                Some(sparse) => View {
                    cell: sparse.cell(),
                    sparse: Some(sparse),
                },
                None => return Ok(None),
            },
        };
        let fits = view.cell.ids.len() == piece.rows as usize;
        fits.then_some(Some(view)).ok_or_else(wrong)
    }

    /// What lies at a place is not what should.
    fn wrong(&self, place: u32) -> SearchError {
        let piece = self.routing.piece(place).unwrap_or(Piece {
            cell: place,
            segment: 0,
            slot: 0,
            rows: 0,
        });
        let cell = self.routing.cells.get(piece.cell as usize);
        SearchError::of_piece(&piece, cell.map_or(piece.cell, |entry| entry.id))
    }

    /// Whether a row that counts may be a hit.
    fn passes(&self, id: u32) -> bool {
        !self.routing.changes.is_dead_row(id)
            && Some(id) != self.options.exclude
            && self.filter.is_none_or(|filter| filter(id))
    }

    pub(super) fn open_next(&mut self, cells: &dyn Cells) -> Result<(), SearchError> {
        let ranked = self.route.ranked()[self.opened];
        let routing = self.routing;
        let entry = &routing.cells[ranked.place as usize];
        if self
            .passing
            .is_some_and(|passing| passing.is_empty(ranked.place))
        {
            self.opened += 1;
            return Ok(());
        }
        let (exclude, filter) = (self.options.exclude, self.filter);
        let passes = |id: u32| Some(id) != exclude && filter.is_none_or(|filter| filter(id));
        let is_chosen = exclude.is_some() || filter.is_some();
        let places = routing.places_of(ranked.place);
        // All further pieces must be there before the base is read: a cell is opened once.
        for place in places.clone().skip(1) {
            self.view(cells, place)?.ok_or_else(|| self.wrong(place))?;
        }
        for place in places {
            let wrong = || self.wrong(place);
            let view = self.view(cells, place)?.ok_or_else(wrong)?;
            let floor = match view.sparse {
                None => f32::NEG_INFINITY,
                // Below it low rows may be absent.
                Some(_) => self.ahead.floor(self.opened).ok_or_else(wrong)?,
            };
            let wanted = Wanted {
                measure: self.measure,
                deviations: self.deviations(self.opened),
                min_score: self.options.min_score,
                floor,
                changes: &routing.changes,
                passes: is_chosen.then_some(&passes as &dyn Fn(u32) -> bool),
            };
            let opening = Opening {
                cell: view.cell,
                entry,
                ranked,
                rank: self.opened as u32,
                masks: self.passing.map(|passing| passing.masks(place)),
            };
            self.scanned += self
                .scan
                .cell(&opening, &self.vector, &wanted, &mut self.best);
        }
        self.opened += 1;
        Ok(())
    }

    /// How wide the bound is in the cell of this rank.
    fn deviations(&self, rank: usize) -> f32 {
        match self.options.recall {
            _ if self.options.exact => f32::INFINITY,
            recall if recall >= 1.0 => f32::INFINITY,
            recall if recall > WIDE_FROM => self.rule.wide(rank, NARROW, WIDE),
            _ => NARROW,
        }
    }
}
