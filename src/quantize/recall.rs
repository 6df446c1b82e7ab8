//! What the codes lose, measured: all rows of a clustered set ranked by their estimates, against exact distances.
use super::{Centroids, PreparedQuery, encode_row};
use crate::kernel;
use crate::metrics::recall_at_k;
use crate::partition::{PartitionOptions, Rows, clustered, partition};

const DIMENSION: usize = 128;
const QUERIES: usize = 100;
const K: usize = 10;

fn best(scores: &[f32]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..scores.len() as u32).collect();
    order.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]));
    order.truncate(K);
    order
}

#[test]
fn a_full_scan_of_the_codes_finds_99_of_100_neighbours() {
    let values = clustered(3_000 + QUERIES, DIMENSION, 1);
    let (queries, values) = values.split_at(QUERIES * DIMENSION);
    let rows = Rows::new(values, DIMENSION).unwrap();
    let layout = partition(rows, &PartitionOptions::default(), &mut |_| ()).unwrap();
    let centroids = Centroids::encode(Rows::new(&layout.centroids, DIMENSION).unwrap());
    let decoded = centroids.decode_all();
    let mut codes = vec![0; values.len()];
    let mut factors = Vec::new();
    for (i, code) in codes.chunks_exact_mut(DIMENSION).enumerate() {
        let at = layout.cell_of_row[i] as usize * DIMENSION;
        factors.push(encode_row(rows.row(i), &decoded[at..at + DIMENSION], code));
    }

    let (mut recall, mut squares, mut count) = (0.0, 0.0, 0.0);
    for query in queries.chunks_exact(DIMENSION) {
        let prepared = PreparedQuery::new(query).unwrap();
        let centroid_dots = prepared.centroid_dots(&centroids);
        let estimates: Vec<f32> = codes
            .chunks_exact(DIMENSION)
            .enumerate()
            .map(|(i, code)| {
                prepared.estimate(
                    code,
                    factors[i],
                    centroid_dots[layout.cell_of_row[i] as usize],
                )
            })
            .collect();
        let exact: Vec<f32> = rows.iter().map(|row| kernel::dot_f32(row, query)).collect();
        for (estimate, exact) in estimates.iter().zip(&exact) {
            squares += f64::from(estimate - exact).powi(2);
            count += 1.0;
        }
        recall += recall_at_k(&best(&estimates), &best(&exact), K);
    }
    let recall = recall / QUERIES as f64;
    let error = (squares / count).sqrt();
    println!("recall@{K} {recall}, root mean square error {error}");
    assert!(recall >= 0.99, "recall {recall}");
    assert!(error < 1e-3, "error {error}");
}
