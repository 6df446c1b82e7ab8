//! Rows as queries and all rows → the true nearest of each, itself left out.
//!
//! Rows are met in blocks that stay in the processor's cache while every query goes over them. Near is what a small distance is from; of
//! rows that are all of unit length, as they are where the angle counts, the inner product says the same and nothing else is computed.

use super::{Rows, Workers};
use crate::kernel;

const BLOCK_ROWS: usize = 512;
/// Queries in one piece of work.
const CHUNK: usize = 64;

/// A neighbour, greater the farther it is.
type Near = (f32, u32);

/// How far a length may be from 1, as for the rows of an index.
const TOLERANCE: f32 = 1e-3;

/// For each query, which is a row, the numbers of the `count` rows nearest to it, nearest first, and 1 − d² / 2 of the distance d: of rows
/// of unit length their inner product.
pub(crate) fn nearest(
    rows: Rows,
    queries: &[u32],
    count: usize,
    workers: &dyn Workers,
) -> Vec<Vec<Near>> {
    let halves = half_squares(rows);
    let parts = workers.map_chunks(queries.len(), CHUNK, |chunk| {
        of_some(rows, halves.as_deref(), &queries[chunk], count)
    });
    parts.into_iter().flatten().collect()
}

/// Half the squared length of every row; none where all of them are of unit length.
fn half_squares(rows: Rows) -> Option<Vec<f32>> {
    let halves: Vec<f32> = rows
        .iter()
        .map(|row| 0.5 * kernel::dot_f32(row, row))
        .collect();
    let is_unit = |half: &f32| ((2.0 * half).sqrt() - 1.0).abs() <= TOLERANCE;
    (!halves.iter().all(is_unit)).then_some(halves)
}

fn of_some(rows: Rows, halves: Option<&[f32]>, queries: &[u32], count: usize) -> Vec<Vec<Near>> {
    let dimension = rows.dimension();
    let mut found: Vec<Vec<Near>> = vec![Vec::with_capacity(2 * count); queries.len()];
    let mut floors = vec![f32::NEG_INFINITY; queries.len()];
    let mut dots = vec![0.0; BLOCK_ROWS];
    for (number, block) in rows.values().chunks(BLOCK_ROWS * dimension).enumerate() {
        let first = (number * BLOCK_ROWS) as u32;
        let dots = &mut dots[..block.len() / dimension];
        for ((&query, found), floor) in queries.iter().zip(&mut found).zip(&mut floors) {
            kernel::dot_f32_rows(rows.row(query as usize), block, dots);
            if let Some(halves) = halves {
                // ⟨q, x⟩ − ‖x‖² / 2, which is −d² / 2 but for what is the same for all rows.
                let halves = &halves[first as usize..];
                dots.iter_mut()
                    .zip(halves)
                    .for_each(|(dot, half)| *dot -= half);
            }
            for (place, &dot) in dots.iter().enumerate() {
                let row = first + place as u32;
                if dot > *floor && row != query {
                    found.push((dot, row));
                }
            }
            if found.len() >= 2 * count {
                *floor = keep(found, count);
            }
        }
    }
    for (&query, found) in queries.iter().zip(&mut found) {
        keep(found, count);
        if halves.is_some() {
            // Anew: what is left of the difference of large numbers would say little of near ones.
            let query = rows.row(query as usize);
            for (dot, row) in found.iter_mut() {
                let squared = kernel::squared_distance_f32(query, rows.row(*row as usize));
                *dot = 1.0 - 0.5 * squared;
            }
        }
        found.sort_unstable_by(farther);
    }
    found
}

/// Leaves the best; gives the product below which a row is none of them. Of equal ones the lower row is better, so that
/// the answer does not depend on the blocks.
fn keep(found: &mut Vec<Near>, count: usize) -> f32 {
    if found.len() <= count || count == 0 {
        found.truncate(count);
        return f32::NEG_INFINITY;
    }
    found.select_nth_unstable_by(count - 1, farther);
    found.truncate(count);
    found[count - 1].0
}

fn farther(a: &Near, b: &Near) -> std::cmp::Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::{Alone, clustered};
    use crate::quantize::Metric;
    use crate::search::{exact, exact_by};

    #[test]
    fn they_are_those_of_exact_search_without_the_query_itself() {
        let (dimension, count) = (24, 1_300);
        let values = clustered(count, dimension, 4);
        let rows = Rows::new(&values, dimension).unwrap();
        let ids: Vec<u32> = (0..count as u32).collect();
        for (query, found) in
            [0, 511, 512, 1_299]
                .into_iter()
                .zip(nearest(rows, &[0, 511, 512, 1_299], 20, &Alone))
        {
            let expected: Vec<u32> = exact(rows, &ids, rows.row(query), 21)
                .iter()
                .map(|hit| hit.id)
                .filter(|&id| id != query as u32)
                .take(20)
                .collect();
            let found: Vec<u32> = found.iter().map(|near| near.1).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn of_rows_of_any_length_they_are_the_nearest_by_distance() {
        let (dimension, count) = (24, 1_300);
        let mut values = clustered(count, dimension, 4);
        for (number, row) in values.chunks_mut(dimension).enumerate() {
            let length = 0.2 + (number % 17) as f32;
            row.iter_mut().for_each(|value| *value *= length);
        }
        let rows = Rows::new(&values, dimension).unwrap();
        let ids: Vec<u32> = (0..count as u32).collect();
        let queries = [0, 511, 512, 1_299];
        for (query, found) in queries.into_iter().zip(nearest(rows, &queries, 20, &Alone)) {
            let expected = exact_by(Metric::Euclidean, rows, &ids, rows.row(query as usize), 21);
            let expected: Vec<(f32, u32)> = expected[1..]
                .iter()
                .map(|hit| (1.0 - 0.5 * hit.distance * hit.distance, hit.id))
                .collect();
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found.1, expected.1);
                assert!((found.0 - expected.0).abs() < 1e-4 * expected.0.abs().max(1.0));
            }
        }
    }

    #[test]
    fn fewer_rows_than_asked_for_are_all_of_them() {
        let values = clustered(5, 8, 4);
        let rows = Rows::new(&values, 8).unwrap();
        assert_eq!(nearest(rows, &[2], 20, &Alone)[0].len(), 4);
        assert!(nearest(rows, &[2], 0, &Alone)[0].is_empty());
    }
}
