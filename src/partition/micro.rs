//! Rows → micro-clusters, several for each cell wanted: the leaves that Ward joins.
//!
//! Plain k-means with thousands of means compares every row with every mean. Here rows are first put in about √m groups,
//! each group gets its share of the m means by k-means of its own, and then two Lloyd steps over all rows look only
//! at the means nearest to a row's present one, which repairs the borders between groups. That is O(n·√m) instead of O(n·m);
//! Ward, balance and the last Lloyd steps wash out what little is lost.
use super::balance::members_of;
use super::kmeans::{Means, assign, drop_empty, half_norms, kmeans, move_to_means};
use super::workers::{Alone, Workers};
use super::{Random, Rows, adjacency_on};
use crate::kernel;

/// Below this many means one flat k-means is as fast.
const FLAT: usize = 64;
/// Rows a group is found from. More change the groups hardly, since a group is only a place to look.
const SAMPLE_PER_GROUP: usize = 256;
const GROUP_STEPS: usize = 6;
const STEPS: usize = 6;
/// Means that a border step looks at, besides a row's own.
const BORDER: usize = 24;
const BORDER_STEPS: usize = 2;
/// Groups between two reports of progress: enough for many workers.
const AT_ONCE: usize = 32;
/// Means whose rows look for a border in one piece of work.
const CHUNK: usize = 32;

/// About `wanted` means of all rows, none empty. `progress` hears how many rows' groups are done, of how many.
pub(super) fn micro_clusters(
    rows: Rows,
    wanted: usize,
    random: &mut Random,
    workers: &dyn Workers,
    progress: &mut dyn FnMut(u64, u64),
) -> Means {
    let everyone: Vec<u32> = (0..rows.len() as u32).collect();
    if wanted >= rows.len() {
        // Every row its own leaf; equal rows meet again at height 0.
        return Means {
            centroids: rows.values().to_vec(),
            nearest: everyone,
        };
    }
    if wanted <= FLAT {
        return kmeans(rows, &everyone, wanted, STEPS, random, workers);
    }
    let groups = group(rows, wanted, random, workers);
    let mut means = Means {
        centroids: Vec::with_capacity(wanted * rows.dimension()),
        nearest: vec![0; rows.len()],
    };
    let (mut given, mut done, total) = (0, 0, rows.len() as u64);
    // A seed for each group, so that no group waits for the numbers that another draws.
    let tasks: Vec<(&Vec<u32>, usize, u64)> = groups
        .iter()
        .map(|members| {
            // Rounded so that the shares add up to `wanted`, give or take the groups smaller than one share.
            let (before, after) = (given, given + members.len() as u64);
            let share = |rows: u64| (rows as u128 * wanted as u128 / u128::from(total)) as usize;
            given = after;
            let count = (share(after) - share(before)).max(1);
            (members, count, random.next_u64())
        })
        .collect();
    for tasks in tasks.chunks(AT_ONCE) {
        let found = workers.map(tasks.len(), |number| {
            let (members, count, seed) = tasks[number];
            kmeans(rows, members, count, STEPS, &mut Random::new(seed), &Alone)
        });
        for ((members, ..), own) in tasks.iter().zip(&found) {
            let first = (means.centroids.len() / rows.dimension()) as u32;
            for (&member, &nearest) in members.iter().zip(&own.nearest) {
                means.nearest[member as usize] = first + nearest;
            }
            means.centroids.extend_from_slice(&own.centroids);
            done += members.len() as u64;
        }
        progress(done, total);
    }
    for _ in 0..BORDER_STEPS {
        border_step(rows, &everyone, &mut means, workers);
    }
    drop_empty(&mut means.centroids, rows.dimension(), &mut means.nearest);
    means
}

fn group(rows: Rows, wanted: usize, random: &mut Random, workers: &dyn Workers) -> Vec<Vec<u32>> {
    let count = wanted.isqrt();
    let sample: Vec<u32> = random
        .sample(rows.len(), count * SAMPLE_PER_GROUP)
        .into_iter()
        .map(|row| row as u32)
        .collect();
    let centroids = kmeans(rows, &sample, count, GROUP_STEPS, random, workers).centroids;
    let everyone: Vec<u32> = (0..rows.len() as u32).collect();
    let mut groups = vec![Vec::new(); centroids.len() / rows.dimension()];
    for (row, group) in assign(rows, &everyone, &centroids, workers)
        .into_iter()
        .enumerate()
    {
        groups[group as usize].push(row as u32);
    }
    groups.retain(|members| !members.is_empty());
    groups
}

/// One Lloyd step in which a row may move to one of the `BORDER` means nearest to its own.
fn border_step(rows: Rows, everyone: &[u32], means: &mut Means, workers: &dyn Workers) {
    let dimension = rows.dimension();
    move_to_means(
        rows,
        everyone,
        &means.nearest,
        &mut means.centroids,
        workers,
    );
    let centroids = &means.centroids;
    let near = adjacency_on(Rows::trusted(centroids, dimension), BORDER, workers);
    let half_norms = half_norms(centroids, dimension);
    // By mean, so that the candidates are gathered once for all of its rows.
    let members = members_of(means, dimension);
    let moved = workers.map_chunks(near.len(), CHUNK, |chunk| {
        let mut moved = Vec::new();
        let mut candidates = Vec::with_capacity((BORDER + 1) * dimension);
        let mut dots = Vec::with_capacity(BORDER + 1);
        for mean in chunk {
            candidates.clear();
            let numbers = || std::iter::once(mean as u32).chain(near[mean].iter().copied());
            for number in numbers() {
                let at = number as usize * dimension;
                candidates.extend_from_slice(&centroids[at..at + dimension]);
            }
            dots.resize(near[mean].len() + 1, 0.0);
            for &row in &members[mean] {
                kernel::dot_f32_rows(rows.row(row as usize), &candidates, &mut dots);
                let mut best = (mean as u32, f32::INFINITY);
                for (number, dot) in numbers().zip(&dots) {
                    let distance = half_norms[number as usize] - dot;
                    if distance < best.1 {
                        best = (number, distance);
                    }
                }
                if best.0 != mean as u32 {
                    moved.push((row, best.0));
                }
            }
        }
        moved
    });
    for (row, mean) in moved.into_iter().flatten() {
        means.nearest[row as usize] = mean;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::clustered;

    fn spread(rows: Rows, means: &Means) -> f64 {
        (0..rows.len())
            .map(|row| {
                let at = means.nearest[row] as usize * rows.dimension();
                let centroid = &means.centroids[at..at + rows.dimension()];
                f64::from(kernel::squared_distance_f32(rows.row(row), centroid))
            })
            .sum()
    }

    #[test]
    fn groups_cost_little_against_flat_k_means() {
        let values = clustered(6_000, 24, 5);
        let rows = Rows::new(&values, 24).unwrap();
        let everyone: Vec<u32> = (0..6_000).collect();
        let flat = kmeans(rows, &everyone, 300, STEPS, &mut Random::new(1), &Alone);
        let grouped = micro_clusters(rows, 300, &mut Random::new(1), &Alone, &mut |_, _| ());
        let ratio = spread(rows, &grouped) / spread(rows, &flat);
        assert!(
            ratio < 1.06,
            "the spread is {ratio} times that of flat k-means"
        );
        let count = grouped.centroids.len() / 24;
        assert!((270..=330).contains(&count), "{count} means for 300 wanted");
    }

    #[test]
    fn no_mean_is_empty_and_every_row_has_one() {
        let values = clustered(3_000, 8, 2);
        let rows = Rows::new(&values, 8).unwrap();
        let means = micro_clusters(rows, 200, &mut Random::new(3), &Alone, &mut |_, _| ());
        let mut counts = vec![0; means.centroids.len() / 8];
        for &mean in &means.nearest {
            counts[mean as usize] += 1;
        }
        assert_eq!(means.nearest.len(), 3_000);
        assert!(counts.iter().all(|&count| count > 0));
    }
}
