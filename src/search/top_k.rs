//! The k best hits so far, the worst of them at hand: what the rest of a search is held against.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::Hit;
use super::missing::Origin;

/// The k best hits: higher scores first, of equal ones the lower id.
#[derive(Debug, Clone)]
pub(super) struct TopK {
    k: usize,
    /// The worst of them on top.
    heap: BinaryHeap<Ordered>,
}

/// A hit that is greater the worse it is, and the rank of the cell it came from.
#[derive(Debug, Clone)]
struct Ordered(Hit, u32);

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .0
            .score
            .total_cmp(&self.0.score)
            .then(self.0.id.cmp(&other.0.id))
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ordered {}

impl TopK {
    /// `k` is at most the number of rows, so the room taken is bounded by what is there.
    pub(super) fn new(k: usize) -> Self {
        Self {
            k,
            heap: BinaryHeap::new(),
        }
    }

    pub(super) fn offer(&mut self, hit: Hit, rank: u32) {
        let offered = Ordered(hit, rank);
        if self.heap.len() < self.k {
            self.heap.push(offered);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && offered < *worst
        {
            *worst = offered;
        }
    }

    /// How many are kept at most.
    pub(super) fn limit(&self) -> usize {
        self.k
    }

    /// Which of the cells opened the hits came from.
    pub(super) fn origin(&self, opened: usize) -> Origin {
        let quarter = opened.saturating_sub((opened / 4).max(1)) as u32;
        let half = opened.saturating_sub((opened / 2).max(1)) as u32;
        self.heap
            .iter()
            .fold(Origin::default(), |sums, hit| Origin {
                last_quarter: sums.last_quarter + u32::from(hit.1 >= quarter),
                last_half: sums.last_half + u32::from(hit.1 >= half),
                not_first: sums.not_first + u32::from(hit.1 > 0),
            })
    }

    /// The score below which a hit would not be kept.
    pub(super) fn floor(&self) -> f32 {
        match self.heap.peek() {
            Some(worst) if self.room() == 0 => worst.0.score,
            _ => f32::NEG_INFINITY,
        }
    }

    /// How many hits more are kept whatever their score.
    pub(super) fn room(&self) -> usize {
        self.k - self.heap.len()
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    /// The distance of the worst hit kept; none before there are `enough` of them.
    pub(super) fn worst_distance(&self, enough: usize) -> Option<f32> {
        if self.heap.len() < enough {
            return None;
        }
        self.heap.peek().map(|worst| worst.0.distance)
    }

    /// How many hits are better than this one.
    pub(super) fn rank_of(&self, hit: &Hit) -> usize {
        let hit = Ordered(*hit, 0);
        self.heap.iter().filter(|&other| *other < hit).count()
    }

    /// The best `limit` of them, as if no more had been kept.
    pub(super) fn first(&self, limit: usize) -> Self {
        let mut hits = self.heap.clone().into_sorted_vec();
        hits.truncate(limit);
        Self {
            k: limit,
            heap: hits.into(),
        }
    }

    pub(super) fn into_hits(self) -> Vec<Hit> {
        self.heap
            .into_sorted_vec()
            .into_iter()
            .map(|ordered| ordered.0)
            .collect()
    }

    /// The best `limit` hits so far, best first.
    pub(super) fn hits(&self, limit: usize) -> Vec<Hit> {
        let mut hits: Vec<&Ordered> = self.heap.iter().collect();
        hits.sort();
        hits.into_iter()
            .take(limit)
            .map(|ordered| ordered.0)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::measure::of_cosine;

    fn hit(id: u32, score: f32) -> Hit {
        Hit {
            id,
            score,
            distance: of_cosine(score),
            cell: 0,
        }
    }

    #[test]
    fn the_best_are_kept_and_ties_go_to_the_lower_id_whatever_the_order() {
        let offers = [
            hit(5, 0.5),
            hit(3, 0.9),
            hit(4, 0.5),
            hit(9, 0.5),
            hit(1, 0.1),
            hit(2, 0.5),
        ];
        for rotation in 0..offers.len() {
            let mut best = TopK::new(3);
            for number in 0..offers.len() {
                best.offer(offers[(number + rotation) % offers.len()], 0);
            }
            let ids: Vec<u32> = best.hits(3).iter().map(|hit| hit.id).collect();
            assert_eq!(ids, [3, 2, 4], "rotation {rotation}");
            assert_eq!(best.worst_distance(3), Some(of_cosine(0.5)));
            assert_eq!(
                best.into_hits()
                    .iter()
                    .map(|hit| hit.id)
                    .collect::<Vec<_>>(),
                ids
            );
        }
    }

    #[test]
    fn no_distance_is_named_while_there_is_room() {
        let mut best = TopK::new(2);
        best.offer(hit(1, 0.5), 0);
        assert_eq!((best.len(), best.worst_distance(2)), (1, None));
        best.offer(hit(2, 0.25), 0);
        assert_eq!(best.worst_distance(2), Some(of_cosine(0.25)));
    }

    #[test]
    fn the_origin_counts_hits_by_the_cell_they_came_from() {
        let mut best = TopK::new(5);
        for rank in [0, 0, 3, 6, 7] {
            best.offer(hit(rank * 10 + best.len() as u32, 0.5), rank);
        }
        let origin = best.origin(8);
        assert_eq!(
            (origin.last_quarter, origin.last_half, origin.not_first),
            (2, 2, 3)
        );
        let origin = best.origin(1);
        assert_eq!((origin.last_quarter, origin.last_half), (5, 5));
    }

    #[test]
    fn none_wanted_keeps_none() {
        let mut best = TopK::new(0);
        best.offer(hit(1, 0.5), 0);
        assert_eq!(best.len(), 0);
    }
}
