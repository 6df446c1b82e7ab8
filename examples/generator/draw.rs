//! Number of rows, dimension and seed → rows of unit length from clusters in families.
//!
//! In the basis of the spectrum `g`, with `g_j ~ (1+j)^-0.45` and a sum of squares of 1:
//!
//! ```text
//! family centre   0.60 g·normal          one family for about every (clusters / 2√clusters) clusters
//! cluster centre  family + 0.28 g·normal
//! row             centre + 0.85 s · Σ w_j z_j b_j + noise of length 0.25
//! ```
//!
//! with `b_j` the 24 to 32 directions of the cluster (each `g·normal`), `w_j ~ (1+j)^-0.3`, `s` its size
//! (`exp(0.2·normal)`) and `z` normal. Clusters are drawn with the weights `(1+rank)^-0.7`. A tenth of the
//! rows move to between themselves and another of their family. Then a random rotation, so that no
//! coordinate is special, and unit length.

use nearsight::kernel::dot_f32;
use nearsight::partition::Random;

const ROWS_A_CLUSTER: usize = 80;
const LEAST_CLUSTERS: usize = 8;
const LEAST_FAMILIES: usize = 4;
const WEIGHT_POWER: f64 = 0.7;
const SPECTRUM_POWER: f64 = 0.45;
const LOCAL_POWER: f64 = 0.3;
const FAMILY: f64 = 0.60;
const CLUSTER: f64 = 0.28;
const LOCAL: f64 = 0.85;
const NOISE: f64 = 0.25;
const SIZE_SPREAD: f64 = 0.20;
const BETWEEN: f64 = 0.10;

pub struct Drawn {
    /// Row-major.
    pub values: Vec<f32>,
    /// Rows of each cluster.
    pub sizes: Vec<usize>,
}

pub fn draw(rows: usize, dimension: usize, seed: u64) -> Drawn {
    let mut normal = Normal::new(seed);
    let clusters = Clusters::draw(rows, dimension, &mut normal);
    let labels: Vec<usize> = (0..rows).map(|_| clusters.pick(&mut normal)).collect();
    let mut values = Vec::with_capacity(rows * dimension);
    for &label in &labels {
        clusters.all[label].row(&mut normal, dimension, &mut values);
    }
    let values = between(&values, dimension, &clusters, &labels, &mut normal);
    let mut sizes = vec![0; clusters.all.len()];
    for &label in &labels {
        sizes[label] += 1;
    }
    Drawn {
        values: rotate(&values, dimension, &mut normal),
        sizes,
    }
}

struct Cluster {
    family: usize,
    centre: Vec<f64>,
    /// Directions, each already with its weight and the cluster's size.
    basis: Vec<Vec<f64>>,
}

struct Clusters {
    all: Vec<Cluster>,
    families: usize,
    /// Sums of the weights up to each cluster.
    cumulative: Vec<f64>,
}

impl Clusters {
    fn draw(rows: usize, dimension: usize, normal: &mut Normal) -> Self {
        let count = (rows / ROWS_A_CLUSTER).max(LEAST_CLUSTERS);
        let families = ((2.0 * (count as f64).sqrt()).round() as usize).max(LEAST_FAMILIES);
        let spectrum = falling(dimension, SPECTRUM_POWER);
        let spread = |normal: &mut Normal, scale: f64| -> Vec<f64> {
            spectrum.iter().map(|g| scale * g * normal.next()).collect()
        };
        let family_centres: Vec<Vec<f64>> = (0..families).map(|_| spread(normal, FAMILY)).collect();
        let all = (0..count)
            .map(|_| {
                let family = normal.random.below(families);
                let own = spread(normal, CLUSTER);
                let centre = own.iter().zip(&family_centres[family]);
                let centre = centre.map(|(own, family)| own + family).collect();
                let size = LOCAL * (SIZE_SPREAD * normal.next()).exp();
                let directions = 24 + normal.random.below(9);
                let basis = falling(directions, LOCAL_POWER)
                    .into_iter()
                    .map(|weight| spread(normal, size * weight))
                    .collect();
                Cluster {
                    family,
                    centre,
                    basis,
                }
            })
            .collect();
        let weights: Vec<f64> = (0..count)
            .map(|rank| (1.0 + rank as f64).powf(-WEIGHT_POWER))
            .collect();
        let total: f64 = weights.iter().sum();
        let mut sum = 0.0;
        let cumulative = weights
            .iter()
            .map(|weight| {
                sum += weight / total;
                sum
            })
            .collect();
        Self {
            all,
            families,
            cumulative,
        }
    }

    fn pick(&self, normal: &mut Normal) -> usize {
        let at = normal.random.unit();
        let place = self.cumulative.partition_point(|sum| *sum <= at);
        place.min(self.all.len() - 1)
    }
}

impl Cluster {
    fn row(&self, normal: &mut Normal, dimension: usize, values: &mut Vec<f32>) {
        let mut row = self.centre.clone();
        for direction in &self.basis {
            let z = normal.next();
            for (value, part) in row.iter_mut().zip(direction) {
                *value += z * part;
            }
        }
        let noise = NOISE / (dimension as f64).sqrt();
        values.extend(
            row.iter()
                .map(|value| (value + noise * normal.next()) as f32),
        );
    }
}

/// `(1+j)^-power`, with a sum of squares of 1.
fn falling(count: usize, power: f64) -> Vec<f64> {
    let values: Vec<f64> = (0..count).map(|j| (1.0 + j as f64).powf(-power)).collect();
    let length = values.iter().map(|value| value * value).sum::<f64>().sqrt();
    values.into_iter().map(|value| value / length).collect()
}

/// Moves a tenth of the rows to between themselves and another row of their family.
fn between(
    values: &[f32],
    dimension: usize,
    clusters: &Clusters,
    labels: &[usize],
    normal: &mut Normal,
) -> Vec<f32> {
    let mut members = vec![Vec::new(); clusters.families];
    for (row, &label) in labels.iter().enumerate() {
        members[clusters.all[label].family].push(row);
    }
    let mut moved = values.to_vec();
    for (row, &label) in labels.iter().enumerate() {
        if normal.random.unit() >= BETWEEN {
            continue;
        }
        let family = &members[clusters.all[label].family];
        let other = family[normal.random.below(family.len())];
        let share = (0.3 + 0.4 * normal.random.unit()) as f32;
        let other = &values[other * dimension..][..dimension];
        for (value, other) in moved[row * dimension..][..dimension].iter_mut().zip(other) {
            *value = share * *value + (1.0 - share) * other;
        }
    }
    moved
}

/// A random rotation of all rows, which then have unit length.
fn rotate(values: &[f32], dimension: usize, normal: &mut Normal) -> Vec<f32> {
    let mut axes: Vec<Vec<f64>> = Vec::with_capacity(dimension);
    while axes.len() < dimension {
        let mut axis: Vec<f64> = (0..dimension).map(|_| normal.next()).collect();
        // Gram-Schmidt twice: once leaves errors that add up.
        for _ in 0..2 {
            for other in &axes {
                let along: f64 = axis.iter().zip(other).map(|(a, b)| a * b).sum();
                for (value, other) in axis.iter_mut().zip(other) {
                    *value -= along * other;
                }
            }
        }
        let length = axis.iter().map(|value| value * value).sum::<f64>().sqrt();
        axis.iter_mut().for_each(|value| *value /= length);
        axes.push(axis);
    }
    let axes: Vec<Vec<f32>> = axes
        .into_iter()
        .map(|axis| axis.into_iter().map(|value| value as f32).collect())
        .collect();
    let mut turned = Vec::with_capacity(values.len());
    for row in values.chunks_exact(dimension) {
        let start = turned.len();
        turned.extend(axes.iter().map(|axis| dot_f32(axis, row)));
        let row: &mut [f32] = &mut turned[start..];
        let length = dot_f32(row, row).sqrt();
        row.iter_mut().for_each(|value| *value /= length);
    }
    turned
}

/// Normal numbers, two at a time (Box and Muller).
struct Normal {
    random: Random,
    spare: Option<f64>,
}

impl Normal {
    fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            spare: None,
        }
    }

    fn next(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        // Never the logarithm of 0.
        let radius = (-2.0 * (1.0 - self.random.unit()).ln()).sqrt();
        let (sine, cosine) = (std::f64::consts::TAU * self.random.unit()).sin_cos();
        self.spare = Some(radius * sine);
        radius * cosine
    }
}
