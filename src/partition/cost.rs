//! Micro-clusters and their tree → how many cells make a query cheapest.
//!
//! More cells cost more routing and spare rows; where the sum is least depends on the vectors. So Ward's tree is cut at a few
//! numbers around 2·√n, and rows drawn as queries tell how many of the nearest cells hold 9.5 of their 10 true neighbours on
//! average, and how many rows those cells have. Each cut is taken as it would be in the end: two Lloyd steps over the
//! micro-clusters stand in for those over all rows.
//!
//! Near the least the sum hardly changes, and of numbers that cost about the same the largest is taken: it scans the fewest rows, and a
//! page that fetches cells as it needs them fetches the fewest.
//!
//! The costs are constants and not measured on the spot: on another machine, or a busy one, the same
//! seed would give other bytes.
use serde::Serialize;

use super::kmeans::{Means, assign};
use super::nearest::nearest;
use super::ward::cut;
use super::workers::Workers;
use super::{Merge, Random, Rows};
use crate::kernel;

/// Below so many rows a query is cheap whatever the number is.
pub(super) const FEWEST_ROWS: usize = 5_000;
/// Times 2·√n.
const TRIED: [f64; 6] = [0.35, 0.5, 0.7, 1.0, 1.4, 2.0];
const QUERIES: usize = 256;
const NEIGHBOURS: usize = 10;
/// The recall that the costs are compared at.
const RECALL: f64 = 0.95;
const LLOYD_STEPS: usize = 2;

/// What a search pays, in scanned rows, for each centroid that it is routed past. 100,000 x 128 on an x86-64 processor, searches that open
/// one cell of 232, 337 and 705: 3.5 ns a centroid, 1.3 rows. In wasm a product takes longer beside a row, so it is more.
const ROUTED: f64 = 2.0;

/// What it pays, in scanned rows, whatever it opens: 100,000 x 128 took 19 to 22 µs with a single cell open, rows read in full included.
const FIXED: f64 = 5_000.0;

/// Numbers whose searches cost more than the cheapest by no more than this share cost the same. 100,000 x 128, 337 and 705 cells in one run:
/// 29.0 and 29.4 µs (median) at 0.95, 46.5 and 47.4 at 0.99, where 2.3 and 1.8 % of the rows are scanned, and 6.1 and 4.5 %.
const SAME: f64 = 0.08;

/// What it pays, in scanned rows, for each cell that it opens: the one figure for the number of cells, for the rule that stops a search and for
/// the loop. 50,000 x 128 on an x86-64 processor: `cargo bench --bench costs` gave 3.8 a centroid and 165 a cell opened, where a row took 2.7 ns, rows
/// read in full included; the wasm module 4.5 and 145, and 4.3 ns (`node benches/costs.mjs`). Less than half of it is the judgement whether to go
/// on, 0.3 µs of a query's 40 each; the rest is memory that was not touched before.
pub const OPENING_COST: f64 = 150.0;

/// A number of cells, and what a query would cost with it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Candidate {
    pub cells: usize,
    /// Cells opened for a recall of 0.95, when every query opens as many.
    pub opened: f64,
    /// Rows in them.
    pub scanned: f64,
    /// In scanned rows: those, and what routing and opening cost.
    pub cost: f64,
    /// Whether this is the number that the layout was made with.
    pub chosen: bool,
}

/// The candidates around `usual`; chosen is the one with most cells of those that cost about as little as the cheapest.
pub(super) fn weigh(
    rows: Rows,
    micro: &Means,
    weights: &[f32],
    merges: &[Merge],
    usual: usize,
    seed: u64,
    workers: &dyn Workers,
) -> Vec<Candidate> {
    let drawn: Vec<u32> = Random::new(seed)
        .sample(rows.len(), QUERIES)
        .into_iter()
        .map(|row| row as u32)
        .collect();
    let truth: Vec<u32> = nearest(rows, &drawn, NEIGHBOURS, workers)
        .into_iter()
        .flat_map(|near| near.into_iter().map(|(_, row)| row))
        .collect();
    let mut candidates: Vec<Candidate> = Vec::with_capacity(TRIED.len());
    for times in TRIED {
        let cells = ((times * usual as f64).round() as usize).clamp(1, weights.len());
        if candidates.last().is_some_and(|last| last.cells == cells) {
            continue;
        }
        let (centroids, sizes) = cells_of(rows, micro, weights, merges, cells, workers);
        let (opened, scanned) = replay(rows, &drawn, &truth, &centroids, &sizes, workers);
        candidates.push(Candidate {
            cells,
            opened,
            scanned,
            cost: ROUTED * cells as f64 + OPENING_COST * opened + scanned,
            chosen: false,
        });
    }
    choose(&mut candidates);
    candidates
}

fn choose(candidates: &mut [Candidate]) {
    let costs = candidates.iter().map(|candidate| candidate.cost);
    let enough = (FIXED + costs.fold(f64::INFINITY, f64::min)) * (1.0 + SAME) - FIXED;
    let cheap = candidates.iter_mut().filter(|one| one.cost <= enough);
    if let Some(chosen) = cheap.max_by_key(|candidate| candidate.cells) {
        chosen.chosen = true;
    }
}

/// Centroids of a cut, moved as Lloyd's steps would, and how many rows each has.
fn cells_of(
    rows: Rows,
    micro: &Means,
    weights: &[f32],
    merges: &[Merge],
    cells: usize,
    workers: &dyn Workers,
) -> (Vec<f32>, Vec<f64>) {
    let dimension = rows.dimension();
    let leaves = Rows::trusted(&micro.centroids, dimension);
    let everyone: Vec<u32> = (0..leaves.len() as u32).collect();
    let mut centroids = vec![0.0; cells * dimension];
    let mut cell_of = cut(leaves.len(), merges, cells);
    weighted_means(leaves, weights, &cell_of, &mut centroids);
    for _ in 0..LLOYD_STEPS {
        cell_of = assign(leaves, &everyone, &centroids, workers);
        weighted_means(leaves, weights, &cell_of, &mut centroids);
    }
    let mut sizes = vec![0.0; cells];
    for (&cell, &weight) in cell_of.iter().zip(weights) {
        sizes[cell as usize] += f64::from(weight);
    }
    (centroids, sizes)
}

fn weighted_means(leaves: Rows, weights: &[f32], cell_of: &[u32], centroids: &mut [f32]) {
    let dimension = leaves.dimension();
    let mut sums = vec![0.0f64; centroids.len()];
    let mut totals = vec![0.0f64; centroids.len() / dimension];
    for ((leaf, &weight), &cell) in leaves.iter().zip(weights).zip(cell_of) {
        let weight = f64::from(weight);
        totals[cell as usize] += weight;
        let sum = &mut sums[cell as usize * dimension..][..dimension];
        for (sum, &value) in sum.iter_mut().zip(leaf) {
            *sum += weight * f64::from(value);
        }
    }
    let means = sums.chunks_exact(dimension).zip(&totals);
    for (centroid, (sum, &total)) in centroids.chunks_exact_mut(dimension).zip(means) {
        if total > 0.0 {
            for (value, &sum) in centroid.iter_mut().zip(sum) {
                *value = (sum / total) as f32;
            }
        }
    }
}

/// How many cells all queries must open, nearest first, for the recall to be reached on average, and how many rows that
/// makes; between two whole numbers of cells the last one counts in part.
fn replay(
    rows: Rows,
    drawn: &[u32],
    truth: &[u32],
    centroids: &[f32],
    sizes: &[f64],
    workers: &dyn Workers,
) -> (f64, f64) {
    let each = truth.len() / drawn.len().max(1);
    let homes = assign(rows, truth, centroids, workers);
    let ranked = workers.map_chunks(drawn.len(), 16, |chunk| {
        let mut gained = vec![(0u32, 0.0f64); sizes.len()];
        for query in chunk {
            let homes = &homes[query * each..(query + 1) * each];
            let vector = rows.row(drawn[query] as usize);
            let order = by_distance(vector, centroids);
            for (gained, cell) in gained.iter_mut().zip(order) {
                gained.0 += homes.iter().filter(|&&home| home == cell).count() as u32;
                gained.1 += sizes[cell as usize];
            }
        }
        gained
    });
    let wanted = RECALL * truth.len() as f64;
    let (mut found, mut scanned) = (0.0, 0.0);
    for place in 0..sizes.len() {
        let here: f64 = ranked.iter().map(|part| f64::from(part[place].0)).sum();
        let of_rows: f64 = ranked.iter().map(|part| part[place].1).sum::<f64>();
        if found + here >= wanted {
            let share = ((wanted - found) / here.max(1.0)).clamp(0.0, 1.0);
            let scanned = (scanned + share * of_rows) / drawn.len().max(1) as f64;
            return (place as f64 + share, scanned);
        }
        (found, scanned) = (found + here, scanned + of_rows);
    }
    (sizes.len() as f64, rows.len() as f64)
}

fn by_distance(vector: &[f32], centroids: &[f32]) -> Vec<u32> {
    let distances: Vec<f32> = centroids
        .chunks_exact(vector.len())
        .map(|centroid| kernel::squared_distance_f32(vector, centroid))
        .collect();
    let mut order: Vec<u32> = (0..distances.len() as u32).collect();
    order.sort_unstable_by(|&a, &b| {
        distances[a as usize]
            .total_cmp(&distances[b as usize])
            .then(a.cmp(&b))
    });
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(costs: &[(usize, f64)]) -> Vec<usize> {
        let candidate = |&(cells, cost): &(usize, f64)| Candidate {
            cells,
            opened: 0.0,
            scanned: 0.0,
            cost,
            chosen: false,
        };
        let mut candidates: Vec<Candidate> = costs.iter().map(candidate).collect();
        choose(&mut candidates);
        candidates.retain(|candidate| candidate.chosen);
        candidates.iter().map(|candidate| candidate.cells).collect()
    }

    #[test]
    fn of_numbers_that_cost_about_the_same_the_largest_is_chosen() {
        let costs = [
            (200, 6_500.0),
            (300, 6_000.0),
            (600, 6_700.0),
            (900, 8_000.0),
        ];
        assert_eq!(chosen(&costs), [600]);
        assert_eq!(chosen(&costs[..2]), [300]);
        // What is the same for every number hides less where searches cost more.
        let costs = [(300, 60_000.0), (600, 66_000.0)];
        assert_eq!(chosen(&costs), [300]);
        assert_eq!(chosen(&[]), [0usize; 0]);
    }
}
