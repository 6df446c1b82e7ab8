//! A seed → unit vectors in clusters of uneven size and direction: what the tests of cells and codes run on.
//!
//! Clusters lie in families, each has a basis of its own (24 to 32 directions, as real neighbourhoods have), one point in ten
//! lies between two clusters, and a random rotation sees to it that no coordinate is special. Made harder than plain
//! Gaussian blobs on purpose: on those every method is perfect.
use super::Random;

pub(crate) fn clustered(n: usize, dimension: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed);
    let clusters = (n / 80).max(8);
    let families = ((2.0 * (clusters as f64).sqrt()) as usize).max(4);
    let spectrum = unit(
        (0..dimension)
            .map(|j| ((1 + j) as f64).powf(-0.45))
            .collect(),
    );
    let direction = |random: &mut Random, scale: f64| -> Vec<f64> {
        spectrum
            .iter()
            .map(|g| scale * g * normal(random))
            .collect()
    };
    let family_centres: Vec<Vec<f64>> =
        (0..families).map(|_| direction(&mut random, 0.6)).collect();
    let centres: Vec<(Vec<f64>, f64, Vec<Vec<f64>>)> = (0..clusters)
        .map(|c| {
            let centre = sum(&family_centres[c % families], &direction(&mut random, 0.28));
            let scale = 0.85 * (0.2 * normal(&mut random)).exp();
            let directions = 24 + random.below(9);
            let weights = unit(
                (0..directions)
                    .map(|j| ((1 + j) as f64).powf(-0.3))
                    .collect(),
            );
            let basis = weights
                .iter()
                .map(|&w| direction(&mut random, w * scale))
                .collect();
            (centre, scale, basis)
        })
        .collect();
    // Sizes fall like rank^-0.7.
    let shares: Vec<f64> = (0..clusters)
        .scan(0.0, |sum, c| {
            *sum += ((1 + c) as f64).powf(-0.7);
            Some(*sum)
        })
        .collect();
    let point = |random: &mut Random, cluster: usize| -> Vec<f64> {
        let (centre, _, basis) = &centres[cluster];
        let mut x = centre.clone();
        for direction in basis {
            let z = normal(random);
            x = x.iter().zip(direction).map(|(x, b)| x + z * b).collect();
        }
        let noise = 0.25 / (dimension as f64).sqrt();
        x.iter().map(|x| x + noise * normal(random)).collect()
    };
    let rotation = rotation(dimension, &mut random);
    let mut values = Vec::with_capacity(n * dimension);
    for i in 0..n {
        let draw = random.unit() * shares[clusters - 1];
        let cluster = shares
            .partition_point(|&share| share < draw)
            .min(clusters - 1);
        let mut x = point(&mut random, cluster);
        if i % 10 == 9 {
            let sibling = (cluster + families) % clusters;
            let (other, t) = (point(&mut random, sibling), 0.3 + 0.4 * random.unit());
            x = x
                .iter()
                .zip(&other)
                .map(|(a, b)| t * a + (1.0 - t) * b)
                .collect();
        }
        let turned = rotation
            .iter()
            .map(|axis| axis.iter().zip(&x).map(|(a, x)| a * x).sum())
            .collect();
        values.extend(unit(turned).into_iter().map(|v| v as f32));
    }
    values
}

fn normal(random: &mut Random) -> f64 {
    let (u, v) = (1.0 - random.unit(), random.unit());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

fn unit(values: Vec<f64>) -> Vec<f64> {
    let length = values.iter().map(|v| v * v).sum::<f64>().sqrt();
    values.into_iter().map(|v| v / length).collect()
}

fn sum(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// Random directions made orthogonal one after another (Gram-Schmidt).
fn rotation(dimension: usize, random: &mut Random) -> Vec<Vec<f64>> {
    let mut axes: Vec<Vec<f64>> = Vec::with_capacity(dimension);
    for _ in 0..dimension {
        let mut axis = unit((0..dimension).map(|_| normal(random)).collect());
        for earlier in &axes {
            let along: f64 = axis.iter().zip(earlier).map(|(a, b)| a * b).sum();
            axis = axis
                .iter()
                .zip(earlier)
                .map(|(a, b)| a - along * b)
                .collect();
        }
        axes.push(unit(axis));
    }
    axes
}
