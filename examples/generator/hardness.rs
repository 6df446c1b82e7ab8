//! Rows and queries → how far the neighbours of a query are, and how many directions they lie in.

use std::fmt;

use nearsight::kernel::dot_f32;

/// Neighbours looked at; the dimension is estimated from all of them.
const NEIGHBOURS: usize = 100;

pub struct Hardness {
    queries: usize,
    /// Mean distances.
    any: f64,
    first: f64,
    tenth: f64,
    hundredth: f64,
    /// Median of the local intrinsic dimension, by maximum likelihood over 100 neighbours.
    dimension: f64,
}

impl Hardness {
    /// None where there are no queries, or fewer than 100 rows.
    pub fn of(base: &[f32], queries: &[f32], dimension: usize) -> Option<Self> {
        let rows = base.len() / dimension;
        let count = queries.len() / dimension;
        if rows < NEIGHBOURS || count == 0 {
            return None;
        }
        let mut sums = [0.0; 4];
        let mut dimensions = Vec::with_capacity(count);
        for query in queries.chunks_exact(dimension) {
            let squares = base.chunks_exact(dimension);
            // Of unit vectors.
            let squares = squares.map(|row| (2.0 - 2.0 * dot_f32(query, row)).max(0.0));
            let mut squares: Vec<f32> = squares.collect();
            sums[0] += squares.iter().map(|s| f64::from(*s).sqrt()).sum::<f64>() / rows as f64;
            squares.select_nth_unstable_by(NEIGHBOURS - 1, f32::total_cmp);
            squares.truncate(NEIGHBOURS);
            squares.sort_unstable_by(f32::total_cmp);
            let near: Vec<f64> = squares.iter().map(|s| f64::from(*s).sqrt()).collect();
            for (sum, place) in sums[1..].iter_mut().zip([0, 9, NEIGHBOURS - 1]) {
                *sum += near[place];
            }
            let farthest = near[NEIGHBOURS - 1];
            let logs = near[..NEIGHBOURS - 1]
                .iter()
                .map(|d| (farthest / d.max(1e-9)).ln());
            dimensions.push((NEIGHBOURS - 1) as f64 / logs.sum::<f64>());
        }
        dimensions.sort_unstable_by(f64::total_cmp);
        let [any, first, tenth, hundredth] = sums.map(|sum| sum / count as f64);
        Some(Self {
            queries: count,
            any,
            first,
            tenth,
            hundredth,
            dimension: dimensions[count / 2],
        })
    }
}

impl fmt::Display for Hardness {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "from {} queries: mean distance of a row {:.2}, of the 1st, 10th and 100th neighbour {:.2}, {:.2} and {:.2}; \
             dimension of a neighbourhood {:.1} (median)",
            self.queries, self.any, self.first, self.tenth, self.hundredth, self.dimension
        )
    }
}
