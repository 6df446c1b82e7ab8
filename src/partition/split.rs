//! The rows of a cell → several cells of about equal size.
//!
//! k-means inside the cell, then rows move from children above a cap to ones below it, and from large children to
//! ones below a floor, those first that lose least by moving. When rows are equal the moves cost nothing and
//! the sizes still come out: a folder with a thousand copies of one picture splits like any other.
use super::kmeans::kmeans;
use super::workers::{Alone, Workers};
use super::{Random, Rows};
use crate::kernel;

const STEPS: usize = 8;
/// No child holds more than this many times the mean child, nor less than the floor.
const CAP: f64 = 1.5;
const FLOOR: f64 = 0.5;

/// Splits `members` (numbers of rows) in `ways` children, each between half and one and a half of the mean size (rounded
/// outwards), none empty, members in rising order. There are fewer children only when there are fewer
/// members than `ways`; 0 ways count as 1; no members give no children.
///
/// # Panics
/// When a member is not a row of `rows`.
pub fn split_cell(rows: Rows, members: &[u32], ways: u32, seed: u64) -> Vec<Vec<u32>> {
    split_on(rows, members, ways, seed, &Alone)
}

/// [`split_cell`], by several.
pub(super) fn split_on(
    rows: Rows,
    members: &[u32],
    ways: u32,
    seed: u64,
    workers: &dyn Workers,
) -> Vec<Vec<u32>> {
    let ways = (ways.max(1) as usize).min(members.len());
    if ways == 0 {
        return Vec::new();
    }
    let mut members = members.to_vec();
    members.sort_unstable();
    if ways == 1 {
        return vec![members];
    }
    let means = kmeans(rows, &members, ways, STEPS, &mut Random::new(seed), workers);
    let mut children = vec![Vec::new(); ways];
    for (&member, &child) in members.iter().zip(&means.nearest) {
        children[child as usize].push(member);
    }
    let mut centroids = means.centroids;
    // Equal rows leave fewer means than ways. A child without rows may be filled from anywhere: it stands at the first row.
    while centroids.len() < ways * rows.dimension() {
        centroids.extend_from_slice(rows.row(members[0] as usize));
    }
    let mean = members.len() as f64 / ways as f64;
    let cap = (CAP * mean).ceil() as usize;
    let floor = ((FLOOR * mean).floor() as usize).max(1);
    lower_to_cap(rows, &centroids, &mut children, cap);
    raise_to_floor(rows, &centroids, &mut children, floor);
    for child in &mut children {
        child.sort_unstable();
    }
    children
}

fn lower_to_cap(rows: Rows, centroids: &[f32], children: &mut [Vec<u32>], cap: usize) {
    for from in 0..children.len() {
        while children[from].len() > cap {
            // The surplus leaves in one go, each row to the child with room where it loses least; the round repeats when
            // that child filled up meanwhile. All caps together hold half as many rows again, so there always is room.
            let surplus = children[from].len() - cap;
            let open: Vec<usize> = (0..children.len())
                .filter(|&to| to != from && children[to].len() < cap)
                .collect();
            let mut moves = cheapest_moves(rows, centroids, &children[from], from, &open);
            moves.truncate(surplus);
            let mut moved = Vec::new();
            for (_, member, to) in moves {
                if children[to].len() < cap {
                    children[to].push(member);
                    moved.push(member);
                }
            }
            moved.sort_unstable();
            children[from].retain(|member| moved.binary_search(member).is_err());
        }
    }
}

fn raise_to_floor(rows: Rows, centroids: &[f32], children: &mut [Vec<u32>], floor: usize) {
    for to in 0..children.len() {
        while children[to].len() < floor {
            // From the largest child, which stays above the floor: the mean is twice the floor.
            let from = (0..children.len())
                .rev()
                .max_by_key(|&child| children[child].len())
                .unwrap_or(to);
            let spare = children[from].len().saturating_sub(floor);
            let need = (floor - children[to].len()).min(spare.div_ceil(2));
            if from == to || need == 0 {
                break;
            }
            let mut moves = cheapest_moves(rows, centroids, &children[from], from, &[to]);
            moves.truncate(need);
            let mut moved: Vec<u32> = moves.into_iter().map(|(_, member, _)| member).collect();
            children[to].extend_from_slice(&moved);
            moved.sort_unstable();
            children[from].retain(|member| moved.binary_search(member).is_err());
        }
    }
}

/// For each member the child of `open` where it loses least: (loss, member, child), the least loss first.
fn cheapest_moves(
    rows: Rows,
    centroids: &[f32],
    members: &[u32],
    from: usize,
    open: &[usize],
) -> Vec<(f32, u32, usize)> {
    let distance = |member: u32, child: usize| {
        let at = child * rows.dimension();
        kernel::squared_distance_f32(
            rows.row(member as usize),
            &centroids[at..at + rows.dimension()],
        )
    };
    let mut moves: Vec<(f32, u32, usize)> = members
        .iter()
        .filter_map(|&member| {
            let own = distance(member, from);
            open.iter()
                .map(|&to| (distance(member, to) - own, member, to))
                .min_by(|a, b| a.0.total_cmp(&b.0))
        })
        .collect();
    moves.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    moves
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::partition::clustered;
    use proptest::prelude::*;

    fn sizes(children: &[Vec<u32>]) -> Vec<usize> {
        children.iter().map(Vec::len).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 100, ..ProptestConfig::default() })]

        #[test]
        fn children_hold_every_member_once_and_keep_their_bounds(
            values in prop::collection::vec(-2i8..2, 2..160),
            ways in 0u32..20,
            seed in any::<u64>(),
        ) {
            // Few distinct values: many equal rows.
            let values: Vec<f32> = values.into_iter().map(f32::from).collect();
            let rows = Rows::new(&values[..values.len() / 2 * 2], 2).unwrap();
            let members: Vec<u32> = (0..rows.len() as u32).collect();
            let children = split_cell(rows, &members, ways, seed);
            prop_assert_eq!(children.len(), (ways.max(1) as usize).min(members.len()));
            let mut all = children.concat();
            all.sort_unstable();
            prop_assert_eq!(all, members.clone());
            let mean = members.len() as f64 / children.len() as f64;
            for size in sizes(&children) {
                prop_assert!(size >= 1 && size as f64 >= (0.5 * mean).floor() && size as f64 <= (1.5 * mean).ceil());
            }
        }
    }

    #[test]
    fn equal_rows_split_evenly_enough() {
        let values = [0.25; 3 * 100];
        let children = split_cell(
            Rows::new(&values, 3).unwrap(),
            &(0..100).collect::<Vec<u32>>(),
            4,
            1,
        );
        assert!(
            sizes(&children).iter().all(|size| (12..=38).contains(size)),
            "{:?}",
            sizes(&children)
        );
    }

    #[test]
    fn two_clear_groups_are_found() {
        let values: Vec<f32> = (0..40)
            .map(|i| if i % 2 == 0 { 0.0 } else { 9.0 } + i as f32 * 0.01)
            .collect();
        let children = split_cell(
            Rows::new(&values, 1).unwrap(),
            &(0..40).collect::<Vec<u32>>(),
            2,
            7,
        );
        assert_eq!(sizes(&children), [20, 20]);
        assert!(
            children
                .iter()
                .all(|child| child.iter().all(|m| m % 2 == child[0] % 2))
        );
    }

    #[test]
    fn only_members_are_split_and_nothing_gives_nothing() {
        let values = clustered(50, 4, 1);
        let rows = Rows::new(&values, 4).unwrap();
        let children = split_cell(rows, &[40, 3, 17], 2, 0);
        let mut all = children.concat();
        all.sort_unstable();
        assert_eq!(all, [3, 17, 40]);
        assert!(split_cell(rows, &[], 3, 0).is_empty());
        assert_eq!(split_cell(rows, &[5], 3, 0), [[5]]);
    }

    #[test]
    fn a_seed_always_gives_the_same_children() {
        let values = clustered(500, 8, 4);
        let rows = Rows::new(&values, 8).unwrap();
        let members: Vec<u32> = (0..500).collect();
        assert_eq!(
            split_cell(rows, &members, 5, 9),
            split_cell(rows, &members, 5, 9)
        );
    }
}
