//! A plan and its reasons → words.

use std::fmt;

use super::{Action, Plan};
use crate::feedback::Estimates;
use crate::repartition::{Policy, Trigger};

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

/// Why a cell is looked at.
pub(super) fn reason_of(trigger: Trigger, count: usize, mean_rows: f64, policy: &Policy) -> String {
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

/// Why a plan changes nothing.
pub(super) fn why_nothing(plan: &Plan, estimates: &Estimates, policy: &Policy) -> String {
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
