//! Rows → k means and the nearest mean of each row: Lloyd's steps from a k-means++ start.
//!
//! The means are summed in f64 in rising row order and a tie goes to the lower mean, so the same rows
//! and the same seed give the same bits, on any number of threads. Distances are compared as ‖c‖²/2 − ⟨c,x⟩, which orders the
//! centroids of one row like the true distance and needs one dot product a pair.
use super::workers::Workers;
use super::{Random, Rows};
use crate::kernel;

/// Members that are compared with all means in one piece of work.
const CHUNK: usize = 1_024;
/// Fewer values than this are summed at once: handing them out would take longer.
const FEW_VALUES: usize = 1 << 18;

/// Centroids, row-major, and for each member (in the order given) the one nearest to it.
pub(super) struct Means {
    pub centroids: Vec<f32>,
    pub nearest: Vec<u32>,
}

/// Rows of so many values are copied to lie side by side, if they are not most of the table: every step reads all of them, and a table may lie on a disk.
const GATHERED_VALUES: usize = 1 << 23;

/// `steps` Lloyd steps over `members`. Fewer than `k` means come back when fewer distinct rows exist; none of them is empty.
pub(super) fn kmeans(
    rows: Rows,
    members: &[u32],
    k: usize,
    steps: usize,
    random: &mut Random,
    workers: &dyn Workers,
) -> Means {
    let dimension = rows.dimension();
    if members.len() * dimension <= GATHERED_VALUES && members.len() < rows.len() / 2 {
        let mut values = Vec::with_capacity(members.len() * dimension);
        for &member in members {
            values.extend_from_slice(rows.row(member as usize));
        }
        let numbers: Vec<u32> = (0..members.len() as u32).collect();
        return steps_from_spread(
            Rows::trusted(&values, dimension),
            &numbers,
            k,
            steps,
            random,
            workers,
        );
    }
    steps_from_spread(rows, members, k, steps, random, workers)
}

fn steps_from_spread(
    rows: Rows,
    members: &[u32],
    k: usize,
    steps: usize,
    random: &mut Random,
    workers: &dyn Workers,
) -> Means {
    let dimension = rows.dimension();
    let mut centroids = spread_start(rows, members, k, random);
    let mut nearest = assign(rows, members, &centroids, workers);
    for _ in 0..steps {
        move_to_means(rows, members, &nearest, &mut centroids, workers);
        let moved = assign(rows, members, &centroids, workers);
        let settled = moved == nearest;
        nearest = moved;
        if settled {
            break;
        }
    }
    drop_empty(&mut centroids, dimension, &mut nearest);
    Means { centroids, nearest }
}

/// k-means++ (Arthur and Vassilvitskii, 2007): each next centroid is a row drawn by its squared distance to those chosen. Stops
/// early when every row coincides with a chosen one.
fn spread_start(rows: Rows, members: &[u32], k: usize, random: &mut Random) -> Vec<f32> {
    let mut centroids = Vec::with_capacity(k.min(members.len()) * rows.dimension());
    if members.is_empty() || k == 0 {
        return centroids;
    }
    let mut chosen = members[random.below(members.len())];
    let mut distances = vec![f32::INFINITY; members.len()];
    for count in 1..=k.min(members.len()) {
        let centroid = rows.row(chosen as usize);
        centroids.extend_from_slice(centroid);
        if count == k.min(members.len()) {
            break;
        }
        let mut total = 0.0f64;
        for (distance, &member) in distances.iter_mut().zip(members) {
            *distance = distance.min(kernel::squared_distance_f32(
                rows.row(member as usize),
                centroid,
            ));
            total += f64::from(*distance);
        }
        if total == 0.0 {
            break;
        }
        let mut left = random.unit() * total;
        // The last row that is not chosen yet, should rounding leave a little of `left` over.
        for (&distance, &member) in distances.iter().zip(members) {
            if distance > 0.0 {
                chosen = member;
                left -= f64::from(distance);
                if left < 0.0 {
                    break;
                }
            }
        }
    }
    centroids
}

/// The nearest centroid of every member.
pub(super) fn assign(
    rows: Rows,
    members: &[u32],
    centroids: &[f32],
    workers: &dyn Workers,
) -> Vec<u32> {
    let half_norms = half_norms(centroids, rows.dimension());
    let parts = workers.map_chunks(members.len(), CHUNK, |chunk| -> Vec<u32> {
        let mut dots = vec![0.0; half_norms.len()];
        members[chunk]
            .iter()
            .map(|&member| {
                kernel::dot_f32_rows(rows.row(member as usize), centroids, &mut dots);
                nearest_of(&half_norms, &dots)
            })
            .collect()
    });
    parts.concat()
}

pub(super) fn half_norms(centroids: &[f32], dimension: usize) -> Vec<f32> {
    centroids
        .chunks_exact(dimension)
        .map(|centroid| 0.5 * kernel::dot_f32(centroid, centroid))
        .collect()
}

fn nearest_of(half_norms: &[f32], dots: &[f32]) -> u32 {
    let (mut best, mut least) = (0, f32::INFINITY);
    for (i, (half_norm, dot)) in half_norms.iter().zip(dots).enumerate() {
        let distance = half_norm - dot;
        if distance < least {
            (best, least) = (i as u32, distance);
        }
    }
    best
}

/// Each centroid becomes the mean of its members; one without members stays where it is. Each sum runs over the members in
/// their order, by one worker, so the means do not depend on how many there are.
pub(super) fn move_to_means(
    rows: Rows,
    members: &[u32],
    nearest: &[u32],
    centroids: &mut [f32],
    workers: &dyn Workers,
) {
    let dimension = rows.dimension();
    let own = by_cell(members, nearest, centroids.len() / dimension);
    let chunk = match members.len() * dimension < FEW_VALUES {
        true => own.len(),
        false => own.len().div_ceil(64),
    };
    let parts = workers.map_chunks(own.len(), chunk, |cells| {
        let mut means = Vec::with_capacity(cells.len() * dimension);
        let mut sums = vec![0.0f64; dimension];
        for members in &own[cells] {
            sums.fill(0.0);
            for &member in members {
                for (total, &value) in sums.iter_mut().zip(rows.row(member as usize)) {
                    *total += f64::from(value);
                }
            }
            let count = members.len() as f64;
            means.extend(sums.iter().map(|total| (total / count) as f32));
        }
        means
    });
    let means = parts.iter().flat_map(|part| part.chunks_exact(dimension));
    for ((centroid, mean), members) in centroids.chunks_exact_mut(dimension).zip(means).zip(&own) {
        if !members.is_empty() {
            centroid.copy_from_slice(mean);
        }
    }
}

/// The members of each cell, in their order.
fn by_cell(members: &[u32], nearest: &[u32], cells: usize) -> Vec<Vec<u32>> {
    let mut own = vec![Vec::new(); cells];
    for (&member, &cell) in members.iter().zip(nearest) {
        own[cell as usize].push(member);
    }
    own
}

/// Takes out the centroids that no member has, and renumbers the rest in their order.
pub(super) fn drop_empty(centroids: &mut Vec<f32>, dimension: usize, nearest: &mut [u32]) {
    let k = centroids.len() / dimension;
    let mut used = vec![false; k];
    for &cell in nearest.iter() {
        used[cell as usize] = true;
    }
    let mut number = vec![0u32; k];
    let mut kept = 0;
    for i in 0..k {
        if used[i] {
            number[i] = kept as u32;
            centroids.copy_within(i * dimension..(i + 1) * dimension, kept * dimension);
            kept += 1;
        }
    }
    centroids.truncate(kept * dimension);
    for cell in nearest {
        *cell = number[*cell as usize];
    }
}
