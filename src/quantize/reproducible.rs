//! The same rows give the same bytes here, there and in a browser: layout, codes and factors as one number.
//!
//! The rows are made with exact arithmetic alone, so the number depends on nothing but this library. When it changes, every
//! index built again differs from the one before it: then say so in the changelog, and put the new number here.
use super::{Centroids, CodeBits, PreparedQuery, Rotation, RowCodes};
use crate::kernel::SCAN_ROWS;
use crate::partition::{Method, PartitionOptions, Random, Rows, partition, split_cell};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
#[cfg(target_arch = "wasm32")]
wasm_bindgen_test_configure!(run_in_browser);

/// Not a multiple of 4, 8 or 16: every kernel has a rest to do.
const DIMENSION: usize = 27;
const ROWS: usize = 900;

/// FNV-1a.
fn mix(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn mix_all<const N: usize>(hash: u64, values: impl Iterator<Item = [u8; N]>) -> u64 {
    values.fold(hash, |hash, bytes| mix(hash, &bytes))
}

fn number_of(method: Method) -> u64 {
    let mut random = Random::new(42);
    let centres: Vec<f32> = (0..20 * DIMENSION)
        .map(|_| random.unit() as f32 - 0.5)
        .collect();
    let values: Vec<f32> = (0..ROWS * DIMENSION)
        .map(|i| {
            let cluster = i / DIMENSION % 20;
            centres[cluster * DIMENSION + i % DIMENSION] + 0.5 * (random.unit() as f32 - 0.5)
        })
        .collect();
    let rows = Rows::new(&values, DIMENSION).unwrap();
    let options = PartitionOptions {
        cells: Some(30),
        seed: 7,
        method,
    };
    let layout = partition(rows, &options, &mut |_| ()).unwrap();
    let mut hash = 0xcbf2_9ce4_8422_2325;
    hash = mix_all(
        hash,
        layout.centroids.iter().map(|v| v.to_bits().to_le_bytes()),
    );
    hash = mix_all(hash, layout.cell_of_row.iter().map(|v| v.to_le_bytes()));
    hash = mix_all(
        hash,
        layout.adjacency.iter().flatten().map(|v| v.to_le_bytes()),
    );
    for merge in &layout.merges {
        hash = mix_all(
            hash,
            [merge.left, merge.right, merge.height.to_bits()]
                .map(u32::to_le_bytes)
                .into_iter(),
        );
    }
    for child in split_cell(rows, &layout.members()[0], 3, 5) {
        hash = mix_all(hash, child.iter().map(|v| v.to_le_bytes()));
    }
    let rotation = Rotation::new(DIMENSION);
    let turned = rotation.apply_rows(&values);
    let rows = Rows::new(&turned, DIMENSION).unwrap();
    let centroids = rotation.apply_rows(&layout.centroids);
    let centroids = Centroids::encode(Rows::new(&centroids, DIMENSION).unwrap());
    let query = PreparedQuery::new(rows.row(0)).unwrap();
    let dots = query.centroid_dots(&centroids);
    let mut centroid = [0.0; DIMENSION];
    for (cell, members) in layout.members().iter().enumerate() {
        centroids.decode(cell, &mut centroid);
        let views: Vec<&[f32]> = members.iter().map(|&row| rows.row(row as usize)).collect();
        let codes = RowCodes::encode(&views, &centroid, CodeBits::Nine);
        let parts = codes.parts();
        for bytes in [&parts.signs, &parts.sign_scales, &parts.sign_offsets] {
            hash = mix(hash, bytes);
        }
        let low_rows = || {
            let rows = parts
                .low_rows
                .chunks_exact(CodeBits::Nine.low_row_bytes(DIMENSION));
            rows.map(|row| row.split_at(DIMENSION))
        };
        for (low, _) in low_rows() {
            hash = mix(hash, low);
        }
        for (_, factors) in low_rows() {
            hash = mix(hash, factors);
        }
        let mut bounds = [0.0; SCAN_ROWS];
        for block in 0..codes.plane().blocks() {
            query.bounds(codes.plane(), block, dots[cell], 0.1, &mut bounds);
            hash = mix_all(hash, bounds.map(|v| v.to_bits().to_le_bytes()).into_iter());
        }
        for row in 0..codes.len() {
            let score = query.estimate(&codes, row, dots[cell]);
            hash = mix(hash, &score.to_bits().to_le_bytes());
        }
    }
    hash
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn cells_codes_and_scores_have_the_same_bits_on_every_machine() {
    let numbers = [Method::Ward, Method::BinaryTree].map(number_of);
    assert_eq!(numbers, [0x9411_4c50_af34_d392, 0xc015_19a0_4606_3648]);
}
