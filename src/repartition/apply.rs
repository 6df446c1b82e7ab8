//! A plan → the cells of the next epoch, for the assembler.
//!
//! Cells that are not in the plan go on with their id, centroid and codes. Parts of a split lie in
//! their parent's segment, so that one file changes; their centroids are the means of their rows.

use std::collections::BTreeMap;

use super::{Action, Plan, Snapshot};
use crate::build::assemble::CellSpec;

/// All cells of the next epoch; every row is in exactly one of them.
pub fn apply(snapshot: &Snapshot, plan: &Plan) -> Vec<CellSpec> {
    let mut replaced: BTreeMap<u32, Vec<CellSpec>> = BTreeMap::new();
    let new_cell = |members: Vec<u32>, segment: u32| CellSpec {
        id: None,
        segment_of: Some(segment),
        centroid: snapshot.mean(&members),
        members,
    };
    for decision in plan.actions() {
        let cell = &snapshot.cells[decision.place as usize];
        match &decision.action {
            Action::Leave => {}
            Action::Split { children, .. } => {
                let parts = children
                    .iter()
                    .map(|part| new_cell(part.clone(), cell.segment))
                    .collect();
                replaced.insert(cell.id, parts);
            }
            Action::Merge { with } => {
                let Some(other) = snapshot.cells.iter().find(|other| other.id == *with) else {
                    continue;
                };
                let mut members: Vec<u32> =
                    cell.members.iter().chain(&other.members).copied().collect();
                members.sort_unstable();
                // In the larger one's place: fewer bytes move.
                replaced.insert(other.id, vec![new_cell(members, other.segment)]);
                replaced.insert(cell.id, Vec::new());
            }
        }
    }
    let mut specs = Vec::new();
    for cell in &snapshot.cells {
        match replaced.remove(&cell.id) {
            Some(parts) => specs.extend(parts),
            None => specs.push(CellSpec {
                id: Some(cell.id),
                segment_of: None,
                centroid: Vec::new(),
                members: cell.members.clone(),
            }),
        }
    }
    specs
}
