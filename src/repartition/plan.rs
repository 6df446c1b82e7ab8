//! Triggers → actions that pay, each with the figures that decided.
//!
//! What a split or a join of a cell is worth is replayed (`worth`); what pays is taken up as far as an epoch may change (`budget`), and what
//! was decided can be read (`words`).

mod budget;
mod words;
mod worth;

use serde::Serialize;

use super::trigger::mean_cost;
use super::{Policy, Probe, RepartitionError, Snapshot, Trigger, triggers};
use crate::feedback::Estimates;
use budget::keep_within_budget;
use words::why_nothing;
use worth::{consider_merge, consider_split};

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
