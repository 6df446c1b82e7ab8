//! The same vectors without the index → what simpler searches would scan for the recalls asked for.
//!
//! Three: exact search, which scans all; hashing by the signs of random projections (Charikar 2002), buckets in the order of
//! the margins that a query would have to cross (Lv and others 2007); and the index's own cells, nearest first. The last two
//! open the same number of buckets for every query, the least whose mean recall is enough, so that what is compared is
//! where the rows lie and not when a search stops. Hits are compared by full vectors; nothing is written.

use std::collections::BTreeMap;
use std::time::Instant;

use rayon::prelude::*;
use serde::Serialize;

use super::gallery::{Gallery, Query};
use super::targets::Nearest;
use crate::kernel::{dot_f32, squared_distance_f32};
use crate::metrics::quantile;
use crate::partition::{Random, Rows};
use crate::search::exact_by;

/// More change the figures in the third digit.
const QUERIES: usize = 1_000;
/// Exact searches that are timed.
const TIMED: usize = 20;

#[derive(Debug, Serialize)]
pub struct Baselines {
    pub queries: usize,
    pub exact: Whole,
    pub lsh: Buckets,
    pub cells: Buckets,
}

/// A search that reads every vector.
#[derive(Debug, Serialize)]
pub struct Whole {
    pub rows: usize,
    pub latency_us: f64,
}

/// A search that opens buckets.
#[derive(Debug, Serialize)]
pub struct Buckets {
    /// Those with rows.
    pub buckets: usize,
    pub probing: Vec<Probing>,
}

#[derive(Debug, PartialEq, Serialize)]
pub struct Probing {
    /// Asked for.
    pub target: f32,
    pub recall: f64,
    /// Buckets opened by every query.
    pub opened: usize,
    /// Mean share of the rows in them.
    pub scanned: f64,
}

pub fn measure(
    gallery: &Gallery,
    queries: &[Query<'_>],
    truth: &[Nearest],
    k: usize,
    targets: &[f32],
    seed: u64,
) -> anyhow::Result<Baselines> {
    let rows = gallery.rows()?;
    let asked = queries.len().min(QUERIES);
    let (queries, truth) = (&queries[..asked], &truth[..asked]);
    let mut times: Vec<f64> = queries
        .iter()
        .take(TIMED)
        .map(|query| {
            let began = Instant::now();
            let metric = gallery.index.metric();
            std::hint::black_box(exact_by(metric, rows, &gallery.ids, query.vector, k));
            began.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_unstable_by(f64::total_cmp);

    let hashes = Hashes::new(rows, gallery.index.manifest().counts.cells, seed);
    let codes: Vec<u32> = rows.iter().map(|row| hashes.code(row)).collect();
    let lsh = Divided::new(&codes, &gallery.ids);
    let cells = gallery.index.routing().map_or_else(Vec::new, |routing| {
        let places = 0..routing.cells.len();
        places.map(|place| routing.centroid(place)).collect()
    });
    let own = Divided::new(&homes(gallery), &gallery.ids);
    let count = |found: &Divided, order: &(dyn Fn(&[f32], u32) -> f32 + Sync)| Buckets {
        buckets: found.rows.len(),
        probing: probe(found, queries, truth, k, targets, order),
    };
    Ok(Baselines {
        queries: asked,
        exact: Whole {
            rows: rows.len(),
            latency_us: quantile(&times, 0.5).unwrap_or_default(),
        },
        lsh: count(&lsh, &|query, code| hashes.margin(query, code)),
        cells: count(&own, &|query, cell| {
            squared_distance_f32(query, &cells[cell as usize])
        }),
    })
}

/// The place of the cell of each row.
fn homes(gallery: &Gallery) -> Vec<u32> {
    let mut homes = vec![0; gallery.ids.len()];
    let Some(routing) = gallery.index.routing() else {
        return homes;
    };
    for place in 0..routing.cells.len() as u32 {
        for id in gallery.index.pictures_of(place).unwrap_or_default() {
            if let Ok(row) = gallery.ids.binary_search(&id) {
                homes[row] = place;
            }
        }
    }
    homes
}

/// Random planes through the mean of all rows, as many as give about one bucket for each cell.
struct Hashes {
    dimension: usize,
    planes: Vec<f32>,
    /// Where the mean lies on each plane's axis.
    middles: Vec<f32>,
}

impl Hashes {
    fn new(rows: Rows<'_>, cells: u32, seed: u64) -> Self {
        let dimension = rows.dimension();
        let count = f64::from(cells.max(2)).log2().round() as usize;
        let mut random = Random::new(seed);
        let mut normal = || {
            let (radius, turn) = (1.0 - random.unit(), random.unit());
            ((-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * turn).cos()) as f32
        };
        let planes: Vec<f32> = (0..count * dimension).map(|_| normal()).collect();
        let mut mean = vec![0.0f64; dimension];
        for row in rows.iter() {
            for (sum, &value) in mean.iter_mut().zip(row) {
                *sum += f64::from(value) / rows.len() as f64;
            }
        }
        let mean: Vec<f32> = mean.into_iter().map(|value| value as f32).collect();
        let middles = planes.chunks_exact(dimension).map(|p| dot_f32(p, &mean));
        Self {
            dimension,
            middles: middles.collect(),
            planes,
        }
    }

    fn sides(&self, vector: &[f32]) -> impl Iterator<Item = f32> {
        let planes = self.planes.chunks_exact(self.dimension).zip(&self.middles);
        planes.map(move |(plane, middle)| dot_f32(plane, vector) - middle)
    }

    fn code(&self, vector: &[f32]) -> u32 {
        let sides = self.sides(vector).enumerate();
        sides.fold(0, |code, (bit, side)| code | (u32::from(side > 0.0) << bit))
    }

    /// The sum of the squared margins to the planes between a vector and a bucket.
    fn margin(&self, vector: &[f32], code: u32) -> f32 {
        let crossed = self.sides(vector).enumerate();
        crossed
            .filter(|(bit, side)| (code >> bit & 1 == 1) != (*side > 0.0))
            .map(|(_, side)| side * side)
            .sum()
    }
}

/// Rows by bucket.
struct Divided {
    /// Rows in each bucket that has any.
    rows: BTreeMap<u32, usize>,
    bucket_of: BTreeMap<u32, u32>,
    all: usize,
}

impl Divided {
    fn new(buckets: &[u32], ids: &[u32]) -> Self {
        let mut rows = BTreeMap::new();
        for bucket in buckets {
            *rows.entry(*bucket).or_default() += 1;
        }
        Self {
            rows,
            bucket_of: ids.iter().copied().zip(buckets.iter().copied()).collect(),
            all: ids.len(),
        }
    }
}

fn probe(
    divided: &Divided,
    queries: &[Query<'_>],
    truth: &[Nearest],
    k: usize,
    targets: &[f32],
    order: &(dyn Fn(&[f32], u32) -> f32 + Sync),
) -> Vec<Probing> {
    // Of each query, after each bucket: recall and rows so far.
    let walked: Vec<Vec<(f64, usize)>> = queries
        .par_iter()
        .zip(truth)
        .map(|(query, truth)| {
            let keys = divided.rows.keys().copied();
            let mut ranked: Vec<(f32, u32)> =
                keys.map(|key| (order(query.vector, key), key)).collect();
            ranked.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let mut held: BTreeMap<u32, usize> = BTreeMap::new();
            for (id, _) in truth {
                if let Some(&bucket) = divided.bucket_of.get(id) {
                    *held.entry(bucket).or_default() += 1;
                }
            }
            // Ties with the k-th are as right as it is, but do not count twice.
            let wanted = k.min(truth.len()).max(1);
            let (mut found, mut rows) = (0, 0);
            ranked
                .iter()
                .map(|(_, bucket)| {
                    found += held.get(bucket).copied().unwrap_or(0);
                    rows += divided.rows[bucket];
                    (found.min(wanted) as f64 / wanted as f64, rows)
                })
                .collect()
        })
        .collect();
    let count = walked.len().max(1) as f64;
    let recall = |opened: usize| walked.iter().map(|w| w[opened - 1].0).sum::<f64>() / count;
    let buckets = divided.rows.len();
    let probing = targets.iter().map(|&target| {
        // Recall only rises with buckets.
        let (mut low, mut high) = (1, buckets);
        while low < high {
            let middle = (low + high) / 2;
            match recall(middle) + 1e-9 >= f64::from(target) {
                true => high = middle,
                false => low = middle + 1,
            }
        }
        let rows: usize = walked.iter().map(|walked| walked[low - 1].1).sum();
        Probing {
            target,
            recall: recall(low),
            opened: low,
            scanned: rows as f64 / count / divided.all.max(1) as f64,
        }
    });
    probing.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_reached_after_those_with_less_to_cross() {
        let values = [1.0, 0.2, 1.0, -0.2, -1.0, 0.2, -1.0, -0.2];
        let rows = Rows::new(&values, 2).unwrap();
        let hashes = Hashes::new(rows, 4, 3);
        let query = [0.9, 0.1];
        let own = hashes.code(&query);
        assert_eq!(hashes.margin(&query, own), 0.0);
        let one = |bit: u32| hashes.margin(&query, own ^ (1 << bit));
        assert!(one(0) > 0.0 && one(1) > 0.0);
        let both = hashes.margin(&query, own ^ 3);
        assert!((both - one(0) - one(1)).abs() < 1e-6);
    }

    #[test]
    fn as_many_buckets_are_opened_as_the_recall_needs() {
        // Four buckets of one row each, met in the order of their numbers.
        let divided = Divided::new(&[0, 1, 2, 3], &[10, 11, 12, 13]);
        let vector = [0.0];
        let queries = [Query {
            vector: &vector,
            own: None,
        }];
        let truth = vec![vec![(10, 1.0), (12, 0.5)]];
        let found = probe(
            &divided,
            &queries,
            &truth,
            2,
            &[0.5, 0.9, 1.0],
            &|_, bucket| bucket as f32,
        );
        let opened: Vec<usize> = found.iter().map(|probing| probing.opened).collect();
        assert_eq!(opened, [1, 3, 3]);
        assert_eq!((found[0].recall, found[0].scanned), (0.5, 0.25));
        assert_eq!((found[1].recall, found[1].scanned), (1.0, 0.75));
    }
}
