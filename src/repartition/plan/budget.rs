//! Actions that pay → those that one epoch may hold.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Decision};
use crate::repartition::{Policy, Snapshot};

/// Leaves for a later epoch what would change too many cells, or make visitors fetch too much.
pub(super) fn keep_within_budget(snapshot: &Snapshot, policy: &Policy, decisions: &mut [Decision]) {
    let cells_limit = ((policy.cells_share * snapshot.cells.len() as f64) as usize).max(1);
    let rows_limit = policy.bytes_share * snapshot.ids.len() as f64;
    let mut rows_of_segment = BTreeMap::<u32, usize>::new();
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
