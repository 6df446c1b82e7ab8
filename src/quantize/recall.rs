//! What the codes lose, measured: all rows of a clustered set ranked by their estimates, against exact distances.
use super::{Centroids, CodeBits, PreparedQuery, Rotation, RowCodes};
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

struct Coded {
    queries: Vec<f32>,
    values: Vec<f32>,
    cells: Vec<(Vec<u32>, RowCodes)>,
    centroids: Centroids,
}

/// A clustered set, turned, in cells, coded.
fn coded(bits: CodeBits) -> Coded {
    let values = clustered(3_000 + QUERIES, DIMENSION, 1);
    let values = Rotation::new(DIMENSION).apply_rows(&values);
    let (queries, values) = values.split_at(QUERIES * DIMENSION);
    let rows = Rows::new(values, DIMENSION).unwrap();
    let layout = partition(rows, &PartitionOptions::default(), &mut |_| ()).unwrap();
    let centroids = Centroids::encode(Rows::new(&layout.centroids, DIMENSION).unwrap());
    let mut centroid = vec![0.0; DIMENSION];
    let encode = |(place, members): (usize, Vec<u32>)| {
        centroids.decode(place, &mut centroid);
        let views: Vec<&[f32]> = members.iter().map(|&row| rows.row(row as usize)).collect();
        let codes = RowCodes::encode(&views, &centroid, bits);
        (members, codes)
    };
    Coded {
        cells: layout
            .members()
            .into_iter()
            .enumerate()
            .map(encode)
            .collect(),
        queries: queries.to_vec(),
        values: values.to_vec(),
        centroids,
    }
}

/// Recall@10 of all rows ranked by their estimates, and the root of the mean squared error.
fn measured(bits: CodeBits) -> (f64, f64) {
    let coded = coded(bits);
    let rows = Rows::new(&coded.values, DIMENSION).unwrap();
    let (mut recall, mut squares, mut count) = (0.0, 0.0, 0.0);
    for query in coded.queries.chunks_exact(DIMENSION) {
        let prepared = PreparedQuery::new(query).unwrap();
        let dots = prepared.centroid_dots(&coded.centroids);
        let mut estimates = vec![0.0; rows.len()];
        for ((members, codes), dot) in coded.cells.iter().zip(dots) {
            for (place, &row) in members.iter().enumerate() {
                estimates[row as usize] = prepared.estimate(codes, place, dot);
            }
        }
        let exact: Vec<f32> = rows.iter().map(|row| kernel::dot_f32(row, query)).collect();
        for (estimate, exact) in estimates.iter().zip(&exact) {
            squares += f64::from(estimate - exact).powi(2);
            count += 1.0;
        }
        recall += recall_at_k(&best(&estimates), &best(&exact), K);
    }
    let measured = (recall / QUERIES as f64, f64::sqrt(squares / count));
    println!(
        "{bits:?}: recall@{K} {}, root mean square error {}",
        measured.0, measured.1
    );
    measured
}

#[test]
fn a_full_scan_of_the_codes_finds_what_their_width_allows() {
    let (nine, nine_error) = measured(CodeBits::Nine);
    let (six, six_error) = measured(CodeBits::Six);
    let (five, five_error) = measured(CodeBits::Five);
    assert!(nine >= 0.99 && nine_error < 1e-3, "{nine} {nine_error}");
    assert!(six >= 0.95 && six_error < 6e-3, "{six} {six_error}");
    assert!(five >= 0.92 && five_error < 1.2e-2, "{five} {five_error}");
}
