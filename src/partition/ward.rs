//! Weighted centroids → the order in which Ward's criterion joins them.
//!
//! Ward (1963) joins the two clusters whose union raises the sum of squared distances to the means least: by w₁w₂/(w₁+w₂) ·
//! ‖c₁ − c₂‖². The nearest-neighbour chain (Benzécri 1982; Murtagh 1983) finds the same tree in O(m²) distances:
//! follow nearest neighbours until two clusters are each other's nearest, and join those. It keeps the centroids
//! and a chain, no matrix, so 16,000 micro-clusters need no gigabyte.
use super::Rows;
use crate::kernel;

/// Joins nodes `left` and `right` at `height`. Leaves are 0..K, merge i makes node K + i.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Merge {
    pub left: u32,
    pub right: u32,
    /// The rise of the sum of squared distances to the mean; never less than that of the merge before.
    pub height: f32,
}

/// All K − 1 merges of K centroids, lowest first, `left` being the node that holds the lower leaf. `weights` are rows a
/// centroid stands for; one below 1 counts as 1.
///
/// # Panics
/// When there is not one weight for each centroid.
pub fn merge_tree(centroids: Rows, weights: &[f32]) -> Vec<Merge> {
    assert_eq!(
        centroids.len(),
        weights.len(),
        "merge_tree needs one weight for each centroid"
    );
    let mut pairs = Chain::new(centroids, weights).run();
    // The chain finds merges out of order. Sorted (stable, so ties keep the order found), they are named anew.
    pairs.sort_by(|a, b| a.height.total_cmp(&b.height));
    let mut nodes = Nodes::new(centroids.len());
    pairs
        .iter()
        .map(|pair| {
            let (left, right) = nodes.join(pair.left, pair.right);
            Merge {
                left,
                right,
                height: pair.height,
            }
        })
        .collect()
}

/// Leaves in the order of the tree's branches: neighbours in this order are close in space. Any leaf without a merge stays, in its order.
pub fn leaf_order(leaves: usize, merges: &[Merge]) -> Vec<u32> {
    let mut order = Vec::with_capacity(leaves);
    let mut is_child = vec![false; leaves + merges.len()];
    for merge in merges {
        is_child[merge.left as usize] = true;
        is_child[merge.right as usize] = true;
    }
    // A stack, not recursion: a tree may be as deep as it has leaves.
    let mut stack: Vec<usize> = (0..is_child.len())
        .rev()
        .filter(|&node| !is_child[node])
        .collect();
    while let Some(node) = stack.pop() {
        if node < leaves {
            order.push(node as u32);
        } else {
            let merge = merges[node - leaves];
            stack.push(merge.right as usize);
            stack.push(merge.left as usize);
        }
    }
    order
}

/// Cuts the tree into `cells` branches: for each leaf the number of its branch, numbered by their lowest leaves.
pub(super) fn cut(leaves: usize, merges: &[Merge], cells: usize) -> Vec<u32> {
    let mut branch: Vec<u32> = (0..(leaves + merges.len()) as u32).collect();
    // From the top down: a node below the cut takes its parent's branch.
    let applied = leaves.saturating_sub(cells.max(1)).min(merges.len());
    for (i, merge) in merges.iter().enumerate().take(applied).rev() {
        branch[merge.left as usize] = branch[leaves + i];
        branch[merge.right as usize] = branch[leaves + i];
    }
    let mut number = vec![u32::MAX; branch.len()];
    let mut count = 0;
    branch[..leaves]
        .iter()
        .map(|&node| {
            let number = &mut number[node as usize];
            if *number == u32::MAX {
                *number = count;
                count += 1;
            }
            *number
        })
        .collect()
}

/// Joined clusters live on in the place of the one with the lower number, which is also their lowest leaf.
struct Chain {
    dimension: usize,
    centroids: Vec<f32>,
    weights: Vec<f32>,
    active: Vec<u32>,
}

impl Chain {
    fn new(centroids: Rows, weights: &[f32]) -> Chain {
        Chain {
            dimension: centroids.dimension(),
            centroids: centroids.values().to_vec(),
            weights: weights.iter().map(|w| w.max(1.0)).collect(),
            active: (0..centroids.len() as u32).collect(),
        }
    }

    /// The merges as found, named by one leaf of each side.
    fn run(mut self) -> Vec<Merge> {
        let mut merges = Vec::with_capacity(self.active.len().saturating_sub(1));
        let mut chain: Vec<u32> = Vec::new();
        while self.active.len() > 1 {
            let Some(&top) = chain.last() else {
                chain.push(self.active[0]);
                continue;
            };
            let before = chain.len().checked_sub(2).map(|i| chain[i]);
            let (nearest, height) = self.nearest(top, before);
            if Some(nearest) != before {
                chain.push(nearest);
                continue;
            }
            let (kept, gone) = (top.min(nearest), top.max(nearest));
            self.join(kept, gone);
            merges.push(Merge {
                left: kept,
                right: gone,
                height,
            });
            // Only the two on top can be in the pair; should rounding ever bring one in twice, all of the chain above its first
            // place is stale and goes.
            let stale = chain.iter().position(|&c| c == kept || c == gone);
            chain.truncate(stale.unwrap_or(0));
        }
        merges
    }

    /// The cluster that is cheapest to join with `a`. On a tie `preferred` wins, which is what ends the chain, then the lower number.
    fn nearest(&self, a: u32, preferred: Option<u32>) -> (u32, f32) {
        let mut best = (a, f32::INFINITY);
        if let Some(b) = preferred {
            best = (b, self.rise(a, b));
        }
        for &b in &self.active {
            if b != a {
                let rise = self.rise(a, b);
                if rise < best.1 {
                    best = (b, rise);
                }
            }
        }
        best
    }

    /// Symmetric in its bits, so that two clusters agree on how near they are.
    fn rise(&self, a: u32, b: u32) -> f32 {
        let (wa, wb) = (self.weights[a as usize], self.weights[b as usize]);
        let distance = kernel::squared_distance_f32(self.centroid(a), self.centroid(b));
        (wa * wb) / (wa + wb) * distance
    }

    fn centroid(&self, a: u32) -> &[f32] {
        &self.centroids[a as usize * self.dimension..(a as usize + 1) * self.dimension]
    }

    fn join(&mut self, kept: u32, gone: u32) {
        let (wa, wb) = (self.weights[kept as usize], self.weights[gone as usize]);
        let (share_a, share_b) = (wa / (wa + wb), wb / (wa + wb));
        let (head, tail) = self.centroids.split_at_mut(gone as usize * self.dimension);
        let kept_at = kept as usize * self.dimension;
        for (a, b) in head[kept_at..kept_at + self.dimension].iter_mut().zip(tail) {
            *a = share_a * *a + share_b * *b;
        }
        self.weights[kept as usize] = wa + wb;
        if let Ok(at) = self.active.binary_search(&gone) {
            self.active.remove(at);
        }
    }
}

/// Union-find from a leaf to the node that holds it now.
struct Nodes {
    parent: Vec<u32>,
    lowest_leaf: Vec<u32>,
}

impl Nodes {
    fn new(leaves: usize) -> Nodes {
        Nodes {
            parent: (0..leaves as u32).collect(),
            lowest_leaf: (0..leaves as u32).collect(),
        }
    }

    fn root(&mut self, mut node: u32) -> u32 {
        while self.parent[node as usize] != node {
            let grandparent = self.parent[self.parent[node as usize] as usize];
            self.parent[node as usize] = grandparent;
            node = grandparent;
        }
        node
    }

    fn join(&mut self, a: u32, b: u32) -> (u32, u32) {
        let (mut a, mut b) = (self.root(a), self.root(b));
        if self.lowest_leaf[a as usize] > self.lowest_leaf[b as usize] {
            std::mem::swap(&mut a, &mut b);
        }
        let node = self.parent.len() as u32;
        self.parent[a as usize] = node;
        self.parent[b as usize] = node;
        self.parent.push(node);
        self.lowest_leaf.push(self.lowest_leaf[a as usize]);
        (a, b)
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// The definition: of all pairs, join the cheapest; over and over. O(m³), in f64, each cluster's mean from its leaves.
    fn naive(centroids: Rows, weights: &[f32]) -> Vec<(BTreeSet<u32>, f64)> {
        let mean = |leaves: &BTreeSet<u32>| -> (Vec<f64>, f64) {
            let mut sum = vec![0.0; centroids.dimension()];
            let mut weight = 0.0;
            for &leaf in leaves {
                let w = f64::from(weights[leaf as usize]);
                weight += w;
                for (total, &v) in sum.iter_mut().zip(centroids.row(leaf as usize)) {
                    *total += w * f64::from(v);
                }
            }
            (sum.into_iter().map(|s| s / weight).collect(), weight)
        };
        let mut clusters: Vec<BTreeSet<u32>> = (0..centroids.len() as u32)
            .map(|i| BTreeSet::from([i]))
            .collect();
        let mut joined = Vec::new();
        while clusters.len() > 1 {
            let mut best = (f64::INFINITY, 0, 0);
            for j in 1..clusters.len() {
                for i in 0..j {
                    let ((a, wa), (b, wb)) = (mean(&clusters[i]), mean(&clusters[j]));
                    let distance: f64 = a.iter().zip(&b).map(|(x, y)| (x - y) * (x - y)).sum();
                    let rise = wa * wb / (wa + wb) * distance;
                    if rise < best.0 {
                        best = (rise, i, j);
                    }
                }
            }
            let other = clusters.remove(best.2);
            clusters[best.1].extend(other);
            joined.push((clusters[best.1].clone(), best.0));
        }
        joined
    }

    fn leaves_of(leaves: usize, merges: &[Merge]) -> Vec<BTreeSet<u32>> {
        let mut sets: Vec<BTreeSet<u32>> =
            (0..leaves as u32).map(|i| BTreeSet::from([i])).collect();
        for merge in merges {
            let union = sets[merge.left as usize]
                .union(&sets[merge.right as usize])
                .copied()
                .collect();
            sets.push(union);
        }
        sets.split_off(leaves)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 60, ..ProptestConfig::default() })]

        #[test]
        fn the_chain_builds_the_tree_that_the_definition_builds(
            values in prop::collection::vec(-1f32..1.0, 3 * 24),
            weights in prop::collection::vec(1f32..30.0, 24),
            leaves in 1usize..=24,
        ) {
            let rows = Rows::new(&values[..3 * leaves], 3).unwrap();
            let truth = naive(rows, &weights[..leaves]);
            let merges = merge_tree(rows, &weights[..leaves]);
            prop_assert_eq!(merges.len(), truth.len());
            for (merge, (_, height)) in merges.iter().zip(&truth) {
                prop_assert!((f64::from(merge.height) - height).abs() <= 1e-4 * (1.0 + height));
            }
            // Heights so close that rounding may swap two merges say nothing about the order of joining.
            if truth.windows(2).all(|pair| pair[1].1 - pair[0].1 > 1e-5) {
                let truth: Vec<BTreeSet<u32>> = truth.into_iter().map(|(set, _)| set).collect();
                prop_assert_eq!(leaves_of(leaves, &merges), truth);
            }
        }

        #[test]
        fn heights_rise_and_every_node_is_joined_once(
            values in prop::collection::vec(-3i8..3, 2 * 60),
        ) {
            // Few distinct values: full of ties.
            let values: Vec<f32> = values.into_iter().map(f32::from).collect();
            let merges = merge_tree(Rows::new(&values, 2).unwrap(), &[1.0; 60]);
            prop_assert_eq!(merges.len(), 59);
            prop_assert!(merges.windows(2).all(|pair| pair[0].height <= pair[1].height));
            let mut joined: Vec<u32> = merges.iter().flat_map(|m| [m.left, m.right]).collect();
            joined.sort_unstable();
            prop_assert_eq!(joined, (0..118).collect::<Vec<u32>>());
            for (i, merge) in merges.iter().enumerate() {
                prop_assert!((merge.left.max(merge.right) as usize) < 60 + i);
            }
        }
    }

    #[test]
    fn a_cut_keeps_close_points_together() {
        let rows = Rows::new(&[0.0, 10.0, 0.1, 10.1, 20.0, 0.2], 1).unwrap();
        let merges = merge_tree(rows, &[1.0; 6]);
        assert_eq!(cut(6, &merges, 3), [0, 1, 0, 1, 2, 0]);
        assert_eq!(cut(6, &merges, 1), [0; 6]);
        assert_eq!(cut(6, &merges, 0), [0; 6]);
        assert_eq!(cut(6, &merges, 99), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn leaves_in_tree_order_are_neighbours_in_space() {
        let rows = Rows::new(&[0.0, 10.0, 0.1, 10.1, 0.3], 1).unwrap();
        let merges = merge_tree(rows, &[1.0; 5]);
        assert_eq!(leaf_order(5, &merges), [0, 2, 4, 1, 3]);
        assert_eq!(leaf_order(3, &[]), [0, 1, 2]);
        assert_eq!(leaf_order(0, &[]), [0u32; 0]);
    }

    #[test]
    fn one_centroid_or_none_has_no_merges() {
        assert_eq!(merge_tree(Rows::new(&[1.0], 1).unwrap(), &[4.0]), []);
        assert_eq!(merge_tree(Rows::new(&[], 1).unwrap(), &[]), []);
    }
}
