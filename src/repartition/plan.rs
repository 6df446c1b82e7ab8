//! Triggers → actions that pay, each with the figures that decided.
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

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::trigger::mean_cost;
use super::{Policy, Probe, RepartitionError, Snapshot, Trigger, triggers};
use crate::feedback::Estimates;
use crate::partition::split_cell;

/// Numbers of children that are tried.
const WAYS: [u32; 5] = [2, 3, 4, 6, 8];

/// What becomes of a cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Into these parts: rows of the snapshot.
    Split {
        ways: usize,
        #[serde(skip)]
        children: Vec<Vec<u32>>,
    },
    /// Together with this cell, by stable id.
    Merge { with: u32 },
    /// Stays as it is.
    Leave,
}

/// One cell that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// Stable id.
    pub cell: u32,
    #[serde(skip)]
    pub place: u32,
    pub rows: usize,
    /// Share of the searches that opened it.
    pub traffic: f64,
    pub trigger: Trigger,
    pub action: Action,
    /// Expected saving a search, in rows scanned.
    pub gain: f64,
    /// In words.
    pub reason: String,
}

/// What to do with the epoch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    pub epoch: u64,
    pub cells: usize,
    pub rows: usize,
    pub mean_rows: f64,
    pub cap_rows: usize,
    pub floor_rows: usize,
    pub searches: u64,
    pub sessions: u64,
    /// Searches that could be asked again.
    pub replayed: usize,
    /// Traffic times rows, mean over the cells.
    pub mean_cost: f64,
    pub decisions: Vec<Decision>,
    /// Why there is nothing to do, if so.
    pub nothing: Option<String>,
}

/// Looks at every cell and says what to do.
pub fn plan(
    snapshot: &Snapshot,
    estimates: &Estimates,
    probes: &[Probe],
    policy: &Policy,
) -> Result<Plan, RepartitionError> {
    let mean_rows = snapshot.mean_rows();
    let mut decisions = Vec::new();
    for (place, trigger) in triggers(snapshot, estimates, policy) {
        let cell = &snapshot.cells[place as usize];
        let (action, gain, reason) = match trigger {
            Trigger::Sparse | Trigger::Busy { .. } => {
                consider_merge(snapshot, place, trigger, probes, policy)
            }
            Trigger::OverCap => consider_split(snapshot, place, trigger, probes, policy)?,
            Trigger::Hot { .. } => {
                let split = consider_split(snapshot, place, trigger, probes, policy)?;
                let merge = consider_merge(snapshot, place, trigger, probes, policy);
                match merge.0 != Action::Leave && merge.1 > split.1 {
                    true => merge,
                    false => split,
                }
            }
        };
        decisions.push(Decision {
            cell: cell.id,
            place,
            rows: cell.members.len(),
            traffic: estimates.share(cell.id),
            trigger,
            action,
            gain,
            reason,
        });
    }
    // Forced ones first, then what saves most; of equal ones the lower id.
    decisions.sort_by(|a, b| {
        let forced = |one: &Decision| one.trigger == Trigger::OverCap;
        forced(b)
            .cmp(&forced(a))
            .then(b.gain.total_cmp(&a.gain))
            .then(a.cell.cmp(&b.cell))
    });
    keep_within_budget(snapshot, policy, &mut decisions);
    let mut plan = Plan {
        epoch: snapshot.index.epoch(),
        cells: snapshot.cells.len(),
        rows: snapshot.ids.len(),
        mean_rows,
        cap_rows: policy.cap_rows(mean_rows),
        floor_rows: policy.floor_rows(mean_rows),
        searches: estimates.searches,
        sessions: estimates.sessions,
        replayed: probes.len(),
        mean_cost: mean_cost(snapshot, estimates),
        decisions,
        nothing: None,
    };
    if plan.actions().next().is_none() {
        plan.nothing = Some(why_nothing(&plan, estimates, policy));
    }
    Ok(plan)
}

type Considered = (Action, f64, String);

fn consider_split(
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
fn consider_merge(
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

fn reason_of(trigger: Trigger, count: usize, mean_rows: f64, policy: &Policy) -> String {
    match trigger {
        Trigger::OverCap => format!(
            "{count} rows, more than {} ({} times the mean of {mean_rows:.1})",
            policy.cap_rows(mean_rows),
            policy.cap_multiple
        ),
        Trigger::Hot { multiple } => format!(
            "traffic times rows is {multiple:.1} times the mean, more than {}",
            policy.cost_multiple
        ),
        Trigger::Busy { share } => format!(
            "opened by {:.0} % of the searches, at least {:.0} %",
            share * 100.0,
            policy.busy_share * 100.0
        ),
        Trigger::Sparse => format!(
            "{count} rows, fewer than {} times the mean of {mean_rows:.1}",
            policy.sparse_share
        ),
    }
}

/// Leaves for a later epoch what would change too many cells, or make visitors fetch too much.
fn keep_within_budget(snapshot: &Snapshot, policy: &Policy, decisions: &mut [Decision]) {
    let cells_limit = ((policy.cells_share * snapshot.cells.len() as f64) as usize).max(1);
    let rows_limit = policy.bytes_share * snapshot.ids.len() as f64;
    let mut rows_of_segment = std::collections::BTreeMap::<u32, usize>::new();
    for cell in &snapshot.cells {
        *rows_of_segment.entry(cell.segment).or_default() += cell.members.len();
    }
    let mut taken: BTreeSet<u32> = BTreeSet::new();
    let mut segments: BTreeSet<u32> = BTreeSet::new();
    for decision in decisions {
        let mut touched = vec![decision.place];
        match &decision.action {
            Action::Leave => continue,
            Action::Split { .. } => {}
            Action::Merge { with } => {
                let other = snapshot.cells.iter().position(|cell| cell.id == *with);
                touched.extend(other.map(|place| place as u32));
            }
        }
        let leave = |decision: &mut Decision, why: String| {
            decision.reason = format!("{}; {why}", decision.reason);
            decision.action = Action::Leave;
        };
        if touched.iter().any(|place| taken.contains(place)) {
            leave(decision, "its partner changes in this epoch already".into());
            continue;
        }
        if taken.len() + touched.len() > cells_limit && !taken.is_empty() {
            let why = format!("waits for the next epoch, {cells_limit} cells may change in one");
            leave(decision, why);
            continue;
        }
        let mut wider = segments.clone();
        wider.extend(
            touched
                .iter()
                .map(|&place| snapshot.cells[place as usize].segment),
        );
        let rows: usize = wider
            .iter()
            .filter_map(|segment| rows_of_segment.get(segment))
            .sum();
        if rows as f64 > rows_limit && !segments.is_empty() && wider != segments {
            let why = format!(
                "waits for the next epoch, visitors fetch at most {:.0} % of the rows again",
                policy.bytes_share * 100.0
            );
            leave(decision, why);
            continue;
        }
        segments = wider;
        taken.extend(touched);
    }
}

fn why_nothing(plan: &Plan, estimates: &Estimates, policy: &Policy) -> String {
    if estimates.searches < policy.min_searches {
        return format!(
            "{} searches of epoch {} were reported and {} are needed before cost is acted upon, and no cell is over the cap of {} rows",
            estimates.searches, plan.epoch, policy.min_searches, plan.cap_rows
        );
    }
    if estimates.sessions < policy.min_sessions {
        return format!(
            "the searches come from {} sessions and {} are needed before cost is acted upon, and no cell is over the cap of {} rows",
            estimates.sessions, policy.min_sessions, plan.cap_rows
        );
    }
    match plan.decisions.len() {
        0 => format!(
            "no cell is over the cap of {} rows, none costs more than {} times the mean, none is opened by most searches, none is sparse",
            plan.cap_rows, policy.cost_multiple
        ),
        count => format!("{count} cells were looked at, and no change of any of them pays"),
    }
}

impl Plan {
    /// The decisions that change something, most urgent first.
    pub fn actions(&self) -> impl Iterator<Item = &Decision> {
        self.decisions
            .iter()
            .filter(|decision| decision.action != Action::Leave)
    }

    /// The same plan with only the first half of its actions, for when the whole did not stand the
    /// replay; `None` when there is only one.
    pub fn halved(&self) -> Option<Plan> {
        let count = self.actions().count();
        if count < 2 {
            return None;
        }
        let mut plan = self.clone();
        let mut left = count / 2;
        for decision in &mut plan.decisions {
            if decision.action == Action::Leave {
                continue;
            }
            if left == 0 {
                decision.action = Action::Leave;
                decision
                    .reason
                    .push_str("; left out, the plan with it did not stand the replay");
            }
            left = left.saturating_sub(1);
        }
        Some(plan)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "epoch {}: {} rows in {} cells (mean {:.1}, cap {}, floor {})",
            self.epoch, self.rows, self.cells, self.mean_rows, self.cap_rows, self.floor_rows
        )?;
        writeln!(
            out,
            "{} searches in {} sessions, {} asked again; a cell costs a search {:.2} rows on average",
            self.searches, self.sessions, self.replayed, self.mean_cost
        )?;
        for decision in &self.decisions {
            let what = match &decision.action {
                Action::Split { ways, .. } => format!("split in {ways}"),
                Action::Merge { with } => format!("join with cell {with}"),
                Action::Leave => "leave".into(),
            };
            writeln!(
                out,
                "  cell {}: {what} ({} rows, opened by {:.0} % of searches): {}",
                decision.cell,
                decision.rows,
                decision.traffic * 100.0,
                decision.reason
            )?;
        }
        match &self.nothing {
            Some(reason) => write!(out, "nothing to do, because {reason}"),
            None => write!(out, "{} cells to change", self.actions().count()),
        }
    }
}
