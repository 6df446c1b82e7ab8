//! What a query has seen → how many of its nearest are still missing: the model behind the stop rule.
//!
//! Stage 1 looks at geometry. Cell c has n rows at a root mean square distance ρ from its centroid, which is D from the
//! query; a row counts if it lies within τ, the distance of the worst hit kept. Expected rows of c within τ:
//!
//! ```text
//! λ = min(n, exp(w · (1, u, u², ln rank, β, ln n, ln(D / D₁), β²)))
//! u = (D² + ρ² − τ²) / 2Dρ             the cosine that a typical row needs to lie within τ
//! β = (D² − D₁²) / (2‖c − c₁‖ τ)       how far the border to the nearest cell is, in units of τ
//! ```
//!
//! Stage 2 also looks at what the scan has shown. With M = Σλ of the cells not opened, L = Σλ of those opened, and how many of
//! the present hits came from the last quarter and the last half of the cells opened, and not from the first: the share of
//! the true nearest that is still missing, p = σ(v · z). Pure geometry spends where queries are hard, without seeing that nothing
//! more comes, and loses to a fixed number of cells. The weights are fitted on each index (`calibration`). Over which cells the sums
//! run, and whether p is also what codes lose, is a matter of the `manner` that the index was calibrated in.

use super::approximate::{exp, ln};
use super::manner::Manner;
use super::passing::Passing;
use super::route::Route;
use super::stop::Ground;

/// Weights of stage 1 and of stage 2.
pub const STAGE_1: usize = 8;
pub const STAGE_2: usize = 12;

/// Added to M and L, so that their logarithms exist.
const FLOOR_M: f32 = 0.001;
const FLOOR_L: f32 = 0.01;

/// The weights, fitted on one index.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MissingModel {
    pub geometry: [f32; STAGE_1],
    pub seen: [f32; STAGE_2],
    pub manner: Manner,
}

/// Where the present hits came from.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Origin {
    /// From the last quarter of the cells opened, the last one at least.
    pub last_quarter: u32,
    /// From the last half.
    pub last_half: u32,
    /// Not from the first cell.
    pub not_first: u32,
}

/// What the model expects.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// p: the share of the true nearest that is missing, or that closed cells hold: see `manner`.
    pub missing: f32,
    /// How many of the true nearest each unit of cost of the next cell would bring.
    pub gain: f32,
}

/// Whether the model is asked when so many cells are open: after each of the first eight, then every fifth part more. In
/// between cells are opened unasked. The fit, the calibration and the search keep to the same places.
pub fn is_asked(opened: usize) -> bool {
    opened <= 8 || {
        let mut place = 8;
        while place < opened {
            place += (place / 5).max(1);
        }
        place == opened
    }
}

/// The cells near a query as the model sees them. What does not depend on τ is worked out once.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// u = steady − slope · τ²
    steady: Vec<f32>,
    slope: Vec<f32>,
    /// β = border / τ
    border: Vec<f32>,
    /// ln rank, ln n, ln(D / D₁)
    logs: Vec<[f32; 3]>,
    /// What `logs` add to the power of λ, as far as it was worked out, and by which weights.
    fixed: Vec<f32>,
    fixed_by: [f32; STAGE_1],
    rows: Vec<f32>,
    /// The part of the rows that may be hits.
    shares: Vec<f32>,
    expected: Vec<f32>,
}

impl Surroundings {
    /// Takes in as many cells as the model wants to see when `opened` are open.
    pub(super) fn look(
        &mut self,
        ground: Ground<'_>,
        route: &mut Route,
        manner: Manner,
        opened: usize,
    ) {
        let wanted = manner.in_sight(opened, self.rows.len());
        self.look_at(ground, route, wanted);
    }

    /// Takes in so many cells, or all.
    pub(super) fn look_at(&mut self, ground: Ground<'_>, route: &mut Route, wanted: usize) {
        let Ground { routing, passing } = ground;
        let wanted = wanted.min(routing.cells.len());
        if self.rows.len() >= wanted {
            return;
        }
        route.ensure(routing, wanted);
        let ranked = route.ranked();
        let first = ranked[0];
        let centroids = &routing.centroids;
        let nearest: Vec<i16> = centroids
            .code(first.place as usize)
            .iter()
            .map(|&code| i16::from(code))
            .collect();
        let (first_scale, first_square) = (
            centroids.scales()[first.place as usize],
            centroids.squares()[first.place as usize],
        );
        let first_squared = first.distance * first.distance;
        let start = self.rows.len();
        for (rank, cell) in ranked.iter().enumerate().take(wanted).skip(start) {
            let place = cell.place as usize;
            let entry = &routing.cells[place];
            let rows = routing.live_rows(cell.place);
            let distance = cell.distance.max(1e-6);
            let spread = entry.spread.max(1e-6);
            let half = 0.5 / (distance * spread);
            self.steady
                .push((distance * distance + spread * spread) * half);
            self.slope.push(half);
            let dot = crate::kernel::dot_i8_i16(centroids.code(place), &nearest) as f32
                * (centroids.scales()[place] * first_scale);
            let apart = (centroids.squares()[place] + first_square - 2.0 * dot)
                .max(1e-12)
                .sqrt();
            let beyond = distance * distance - first_squared;
            self.border.push(if rank == 0 {
                0.0
            } else {
                beyond.max(0.0) / (2.0 * apart)
            });
            self.logs.push([
                ln((rank + 1) as f32),
                ln(rows.max(1) as f32),
                ln(distance / first.distance.max(1e-6)),
            ]);
            self.rows.push(rows as f32);
            let share = |passing: &Passing| passing.share(cell.place);
            self.shares.push(passing.map_or(1.0, share));
        }
        self.expected.resize(wanted, 0.0);
    }

    /// The features of one cell for a reach τ, in the order of the weights.
    pub(super) fn features(&self, rank: usize, reach: f32) -> [f32; STAGE_1] {
        let u = self.steady[rank] - self.slope[rank] * reach * reach;
        let border = self.border[rank] / reach.max(1e-6);
        let [rank_log, rows_log, distance_log] = self.logs[rank];
        [
            1.0,
            u,
            u * u,
            rank_log,
            border,
            rows_log,
            distance_log,
            border * border,
        ]
    }

    /// How many cells it has taken in.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// M, as it was expected last.
    pub(super) fn closed(&self, opened: usize) -> f32 {
        self.expected.get(opened..).map_or(0.0, sum)
    }

    /// λ of every cell in sight, and its sums over those opened and those not: (L, M).
    fn expect(&mut self, weights: &[f32; STAGE_1], opened: usize, reach: f32) -> (f32, f32) {
        let [w0, w1, w2, w3, w4, w5, w6, w7] = *weights;
        let squared = reach * reach;
        let per_reach = 1.0 / reach.max(1e-6);
        if self.fixed_by != *weights {
            (self.fixed_by, self.fixed) = (*weights, Vec::new());
        }
        // Worked out once: with these in the loop below a compiler makes no SIMD of it.
        let logs = &self.logs[self.fixed.len()..];
        let fixed = |logs: &[f32; 3]| w0 + w3 * logs[0] + w5 * logs[1] + w6 * logs[2];
        self.fixed.extend(logs.iter().map(fixed));
        let sizes = self.rows.iter().zip(&self.shares);
        let geometry = self.steady.iter().zip(&self.slope).zip(&self.border);
        let cells = geometry.zip(&self.fixed).zip(sizes);
        for (expected, ((((steady, slope), border), fixed), (&rows, &share))) in
            self.expected.iter_mut().zip(cells)
        {
            let u = steady - slope * squared;
            let border = border * per_reach;
            let power = fixed + u * (w1 + w2 * u) + border * (w4 + w7 * border);
            let within = exp(power);
            // `f32::min` is a call in wasm, for what it does with NaN.
            *expected = if within < rows { within } else { rows } * share;
        }
        let (open, closed) = self.expected.split_at(opened.min(self.expected.len()));
        (sum(open), sum(closed))
    }
}

/// In four lanes of a fixed order.
fn sum(values: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 4];
    let (fours, rest) = values.as_chunks::<4>();
    for four in fours {
        for (lane, value) in lanes.iter_mut().zip(four) {
            *lane += value;
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane += value;
    }
    (lanes[0] + lanes[2]) + (lanes[1] + lanes[3])
}

/// A moment of a query: some cells open, some hits known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) opened: usize,
    pub(super) reach: f32,
    pub(super) origin: Origin,
    /// D₁, D of the next cell, and the rows of the next cell.
    pub(super) first: f32,
    pub(super) next: f32,
    pub(super) next_rows: f32,
    /// How many hits are kept, and which share of the rows seen passed the filter.
    pub(super) kept: f32,
    pub(super) passing: f32,
}

impl MissingModel {
    /// The features of stage 2.
    pub(super) fn features(
        &self,
        surroundings: &mut Surroundings,
        moment: &Moment,
    ) -> [f32; STAGE_2] {
        let (open, closed) = surroundings.expect(&self.geometry, moment.opened, moment.reach);
        let closed_log = ln(closed * moment.passing + FLOOR_M);
        let opened_log = ln(moment.opened as f32);
        let quarter = ln(1.0 + moment.origin.last_quarter as f32);
        [
            1.0,
            closed_log,
            ln(open * moment.passing + FLOOR_L),
            opened_log,
            quarter,
            ln(1.0 + moment.origin.last_half as f32),
            ln(1.0 + moment.origin.not_first as f32),
            ln(moment.reach.max(1e-6) / moment.first.max(1e-6)),
            ln(moment.next / moment.first.max(1e-6)),
            closed_log * opened_log,
            quarter * opened_log,
            closed_log * closed_log,
        ]
    }

    /// What is expected to be missing, and what the next cell would bring.
    pub(super) fn expected(
        &self,
        surroundings: &mut Surroundings,
        moment: &Moment,
        opening_cost: f32,
    ) -> Expected {
        let features = self.features(surroundings, moment);
        let score: f32 = features.iter().zip(&self.seen).map(|(z, v)| z * v).sum();
        let missing = 1.0 / (1.0 + exp(-score));
        let closed = surroundings.closed(moment.opened).max(1e-9);
        let next = surroundings.expected.get(moment.opened).copied();
        let share = next.unwrap_or(0.0) / closed;
        Expected {
            missing,
            gain: missing * moment.kept * share
                / self
                    .manner
                    .cost(moment.opened, moment.next_rows, opening_cost),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_asked_after_each_of_the_first_and_then_ever_more_seldom() {
        let asked: Vec<usize> = (1..60).filter(|&opened| is_asked(opened)).collect();
        assert_eq!(asked[..8], [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(asked[8..], [9, 10, 12, 14, 16, 19, 22, 26, 31, 37, 44, 52]);
    }
}
