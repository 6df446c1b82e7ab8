//! A small index for the tests of this folder: clustered unit vectors, cells, records, files.
#![allow(dead_code)]

use nearsight::build::assemble::{Assembled, Assembly};
use nearsight::index::{Index, Record};
use nearsight::partition::{Layout, PartitionOptions, Rows, partition};
use nearsight::search::SearchOptions;

/// SplitMix64: the same numbers on every machine.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// About normal: the sum of twelve uniform ones less six.
    pub fn normal(&mut self) -> f32 {
        (0..12)
            .map(|_| (self.next() >> 40) as f32 / (1u64 << 24) as f32)
            .sum::<f32>()
            - 6.0
    }
}

pub fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|value| *value /= length);
    vector
}

/// Clusters of unequal size whose members differ mostly in a few directions, as photos do; a tenth
/// of the points lies between two clusters.
pub fn vectors(count: usize, dimension: usize, clusters: usize, seed: u64) -> Vec<f32> {
    let mut numbers = Numbers(seed);
    let normal =
        |numbers: &mut Numbers| -> Vec<f32> { (0..dimension).map(|_| numbers.normal()).collect() };
    let centres: Vec<Vec<f32>> = (0..clusters).map(|_| unit(normal(&mut numbers))).collect();
    let bases: Vec<Vec<Vec<f32>>> = (0..clusters)
        .map(|_| (0..12).map(|_| unit(normal(&mut numbers))).collect())
        .collect();
    let mut values = Vec::with_capacity(count * dimension);
    for _ in 0..count {
        let cluster = numbers.below(clusters).min(numbers.below(clusters));
        let mut point = centres[cluster].clone();
        if numbers.below(10) == 0 {
            let other = &centres[numbers.below(clusters)];
            point
                .iter_mut()
                .zip(other)
                .for_each(|(value, other)| *value = 0.5 * (*value + other));
        }
        for direction in &bases[cluster] {
            let amount = 0.2 * numbers.normal();
            point
                .iter_mut()
                .zip(direction)
                .for_each(|(value, part)| *value += amount * part);
        }
        point
            .iter_mut()
            .for_each(|value| *value += 0.01 * numbers.normal());
        values.extend(unit(point));
    }
    values
}

pub fn records(count: usize) -> Vec<Record> {
    let record = |id: u32| Record {
        id,
        path: format!("shelf-{}/{id}.jpg", id % 7),
        key: format!("sku-{id}"),
        title: Some(format!("Picture {id}")),
        tags: if id.is_multiple_of(5) {
            vec!["sale".to_owned()]
        } else {
            Vec::new()
        },
        width: 640,
        height: 480,
        ..Record::default()
    };
    (0..count as u32).map(record).collect()
}

pub fn layout(values: &[f32], dimension: usize, cells: Option<u32>) -> Layout {
    let options = PartitionOptions {
        cells,
        seed: 1,
        ..PartitionOptions::default()
    };
    partition(Rows::new(values, dimension).unwrap(), &options, &mut |_| {}).unwrap()
}

/// Picture `i` is row `i`.
pub fn assembled(values: &[f32], dimension: usize, cells: Option<u32>) -> Assembled {
    let count = values.len() / dimension;
    let ids: Vec<u32> = (0..count as u32).collect();
    let rows = Rows::new(values, dimension).unwrap();
    Assembly::of(rows, &ids)
        .records(&records(count))
        .in_layout(&layout(values, dimension, cells))
        .unwrap()
}

pub fn index(values: &[f32], dimension: usize, cells: Option<u32>) -> Index {
    assembled(values, dimension, cells).index(None).unwrap()
}

/// Ten hits, and otherwise as usual but for the change.
pub fn options(change: impl FnOnce(&mut SearchOptions)) -> SearchOptions {
    let mut options = SearchOptions {
        k: 10,
        ..SearchOptions::default()
    };
    change(&mut options);
    options
}
