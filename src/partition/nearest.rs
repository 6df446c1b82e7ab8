//! Rows as queries and all rows → the true nearest of each, itself left out.
//!
//! Rows are met in blocks that stay in the processor's cache while every query goes over them.

use super::{Rows, Workers};
use crate::kernel;

const BLOCK_ROWS: usize = 512;
/// Queries in one piece of work.
const CHUNK: usize = 64;

/// A neighbour, greater the farther it is.
type Near = (f32, u32);

/// For each query, which is a row, the numbers of the `count` rows nearest to it, nearest first, and their inner products.
pub(crate) fn nearest(
    rows: Rows,
    queries: &[u32],
    count: usize,
    workers: &dyn Workers,
) -> Vec<Vec<Near>> {
    let parts = workers.map_chunks(queries.len(), CHUNK, |chunk| {
        of_some(rows, &queries[chunk], count)
    });
    parts.into_iter().flatten().collect()
}

fn of_some(rows: Rows, queries: &[u32], count: usize) -> Vec<Vec<Near>> {
    let dimension = rows.dimension();
    let mut found: Vec<Vec<Near>> = vec![Vec::with_capacity(2 * count); queries.len()];
    let mut floors = vec![f32::NEG_INFINITY; queries.len()];
    let mut dots = vec![0.0; BLOCK_ROWS];
    for (number, block) in rows.values().chunks(BLOCK_ROWS * dimension).enumerate() {
        let first = (number * BLOCK_ROWS) as u32;
        let dots = &mut dots[..block.len() / dimension];
        for ((&query, found), floor) in queries.iter().zip(&mut found).zip(&mut floors) {
            kernel::dot_f32_rows(rows.row(query as usize), block, dots);
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
    for found in &mut found {
        keep(found, count);
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
    use crate::search::exact;

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
    fn fewer_rows_than_asked_for_are_all_of_them() {
        let values = clustered(5, 8, 4);
        let rows = Rows::new(&values, 8).unwrap();
        assert_eq!(nearest(rows, &[2], 20, &Alone)[0].len(), 4);
        assert!(nearest(rows, &[2], 0, &Alone)[0].is_empty());
    }
}
