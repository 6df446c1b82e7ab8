//! A cell → what splitting it, or joining it with a neighbour, saves a search.
//!
//! A split is tried in 2, 3, 4, 6 and 8 ways. Which of its children a search would open is replayed:
//! a search opens cells in order of distance up to a reach, so a child is opened when its centroid
//! lies within the reach that the search had, or when it holds one of its hits. The saving is (rows + openings) of the parent less those
//! of the children, a mean over all replayed searches; the best number of ways wins, and only when it saves.
//! A cell over the cap is split in any case, into parts of about the mean.
//!
//! Opening a cell costs as much as reading some thirty rows, so the same sum also says when two small
//! neighbours that searches open together are better one: that is what pays in an index of a few hundred
//! pictures, as splitting does in one of many thousands.

use super::Action;
use super::words::reason_of;
use crate::partition::split_cell;
use crate::repartition::{Policy, Probe, RepartitionError, Snapshot, Trigger};

/// Numbers of children that are tried.
const WAYS: [u32; 5] = [2, 3, 4, 6, 8];

/// What to do, what it saves a search, and why.
pub(super) type Considered = (Action, f64, String);

pub(super) fn consider_split(
    snapshot: &Snapshot,
    place: u32,
    trigger: Trigger,
    probes: &[Probe],
    policy: &Policy,
) -> Result<Considered, RepartitionError> {
    let cell = &snapshot.cells[place as usize];
    let rows = snapshot.rows()?;
    let (count, mean_rows) = (cell.members.len(), snapshot.mean_rows());
    let floor = policy.floor_rows(mean_rows);
    let forced = (trigger == Trigger::OverCap).then(|| {
        ((count as f64 / mean_rows).ceil() as u32).clamp(2, (count / floor).max(2) as u32)
    });
    let mut best: Option<(f64, Vec<Vec<u32>>)> = None;
    for ways in forced.into_iter().chain(WAYS) {
        let enough_rows = count / ways as usize >= floor;
        if Some(ways) != forced && (!enough_rows || forced.is_some()) {
            continue;
        }
        let seed = policy.seed ^ (u64::from(cell.id) << 32) ^ u64::from(ways);
        let children = split_cell(rows, &cell.members, ways, seed);
        if children.len() < 2 {
            continue;
        }
        let gain = split_gain(snapshot, place, &children, probes, policy);
        if best.as_ref().is_none_or(|(most, _)| gain > *most) {
            best = Some((gain, children));
        }
    }
    let why = reason_of(trigger, count, mean_rows, policy);
    let Some((gain, children)) = best else {
        return Ok((
            Action::Leave,
            0.0,
            format!("{why}; no split leaves {floor} rows a part"),
        ));
    };
    let ways = children.len();
    if forced.is_none() && gain < policy.min_gain {
        let reason = format!(
            "{why}; the best split ({ways} ways) would save {gain:.2} rows a search, less than {}",
            policy.min_gain
        );
        return Ok((Action::Leave, gain, reason));
    }
    let reason = format!("{why}; {ways} parts save {gain:.2} rows a search");
    Ok((Action::Split { ways, children }, gain, reason))
}

/// Rows and openings saved a search, a mean over all replayed searches.
fn split_gain(
    snapshot: &Snapshot,
    place: u32,
    children: &[Vec<u32>],
    probes: &[Probe],
    policy: &Policy,
) -> f64 {
    let centroids: Vec<Vec<f32>> = children.iter().map(|part| snapshot.mean(part)).collect();
    let parent = snapshot.cells[place as usize].members.len() as f64 + policy.opening_cost;
    let mut saved = 0.0;
    for probe in probes {
        let before = match probe.opened.contains(&place) {
            true => parent,
            false => 0.0,
        };
        let after: f64 = centroids
            .iter()
            .zip(children)
            .filter(|(centroid, part)| probe.would_open(centroid, part))
            .map(|(_, part)| part.len() as f64 + policy.opening_cost)
            .sum();
        saved += before - after;
    }
    saved / (probes.len() as f64).max(1.0)
}

/// Joins the cell with the neighbour with which it saves most.
pub(super) fn consider_merge(
    snapshot: &Snapshot,
    place: u32,
    trigger: Trigger,
    probes: &[Probe],
    policy: &Policy,
) -> Considered {
    let cell = &snapshot.cells[place as usize];
    let (count, mean_rows) = (cell.members.len(), snapshot.mean_rows());
    let why = reason_of(trigger, count, mean_rows, policy);
    let cap = policy.cap_rows(mean_rows);
    let neighbours = snapshot
        .index
        .routing()
        .and_then(|routing| routing.adjacency.get(place as usize))
        .map_or(&[][..], Vec::as_slice);
    let mut best: Option<(f64, u32, usize)> = None;
    for &other_place in neighbours {
        let Some(other) = snapshot.cells.get(other_place as usize) else {
            continue;
        };
        let together = count + other.members.len();
        if together > cap {
            continue;
        }
        let gain = merge_gain(snapshot, place, other_place, probes, policy);
        // Of equal ones the nearer, which comes first.
        if best.is_none_or(|(most, ..)| gain > most) {
            best = Some((gain, other.id, together));
        }
    }
    let Some((gain, with, together)) = best else {
        let reason = format!("{why}; with any neighbour it would be over the cap of {cap} rows");
        return (Action::Leave, 0.0, reason);
    };
    if gain < policy.min_gain {
        let reason = format!(
            "{why}; joined with cell {with} it would save {gain:.2} rows a search, less than {}",
            policy.min_gain
        );
        return (Action::Leave, gain, reason);
    }
    let reason = format!(
        "{why}; joined with cell {with} to {together} rows it saves {gain:.2} rows a search"
    );
    (Action::Merge { with }, gain, reason)
}

/// Rows and openings saved a search by one cell in place of two, a mean over all replayed searches.
fn merge_gain(
    snapshot: &Snapshot,
    place: u32,
    other_place: u32,
    probes: &[Probe],
    policy: &Policy,
) -> f64 {
    let cell = &snapshot.cells[place as usize].members;
    let other = &snapshot.cells[other_place as usize].members;
    let union: Vec<u32> = cell.iter().chain(other).copied().collect();
    let centroid = snapshot.mean(&union);
    let mut saved = 0.0;
    for probe in probes {
        for (place, rows) in [(place, cell.len()), (other_place, other.len())] {
            if probe.opened.contains(&place) {
                saved += rows as f64 + policy.opening_cost;
            }
        }
        if probe.would_open(&centroid, &union) {
            saved -= union.len() as f64 + policy.opening_cost;
        }
    }
    saved / (probes.len() as f64).max(1.0)
}
