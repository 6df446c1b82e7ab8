//! `nearsight repartition`: events → the next epoch, with every decision in words and figures.

use std::path::PathBuf;
use std::process::ExitCode;

use super::output::{Output, size};
use crate::repartition::Policy;
use crate::server::maintenance::{Maintenance, Outcome, maintain};

/// Divide the cells anew where searches cost most, and publish the next epoch
///
/// Reads the events that `nearsight serve` kept, splits cells that are searched much or have grown
/// large, joins small ones that searches open together, and replays searches on the result. It is
/// published only if recall stays and the searches get cheaper; pages that are open fetch just the files that changed.
/// A server may go on serving the folder meanwhile. Exit status 0 also when there is nothing to do.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  nearsight repartition site --dry-run     say what would be done, and why
  nearsight repartition site               do it
  nearsight repartition site --min-searches 500 --min-sessions 20")]
pub struct Arguments {
    /// Folder that nearsight build wrote
    index: PathBuf,
    /// Decide and verify, but publish nothing
    #[arg(long)]
    dry_run: bool,
    /// Searches of the present epoch below which traffic says nothing
    #[arg(long, default_value_t = Policy::default().min_searches)]
    min_searches: u64,
    /// Visitors' sessions below which traffic says nothing; for a public site 20 or more
    #[arg(long, default_value_t = Policy::default().min_sessions)]
    min_sessions: u64,
    /// A cell is split when traffic times rows is over this many times the mean
    #[arg(long, default_value_t = Policy::default().cost_multiple)]
    cost_multiple: f64,
    /// A cell is split when it has over this many times the mean rows
    #[arg(long, default_value_t = Policy::default().cap_multiple)]
    cap_multiple: f64,
    /// What opening a cell costs, in rows scanned
    #[arg(long, default_value_t = Policy::default().opening_cost)]
    opening_cost: f64,
    /// Largest share of the cells that one epoch changes
    #[arg(long, default_value_t = Policy::default().cells_share)]
    cells_share: f64,
    /// The same seed makes the same plan
    #[arg(long, default_value_t = Policy::default().seed)]
    seed: u64,
}

pub fn run(arguments: Arguments, output: &Output) -> anyhow::Result<ExitCode> {
    for (name, value, least) in [
        ("--cost-multiple", arguments.cost_multiple, 1.0),
        ("--cap-multiple", arguments.cap_multiple, 1.0),
        ("--opening-cost", arguments.opening_cost, 0.0),
        ("--cells-share", arguments.cells_share, 0.0),
    ] {
        if !(value.is_finite() && value >= least) {
            anyhow::bail!("{name} is {value}; expected a number from {least} up");
        }
    }
    let policy = Policy {
        min_searches: arguments.min_searches,
        min_sessions: arguments.min_sessions,
        cost_multiple: arguments.cost_multiple,
        cap_multiple: arguments.cap_multiple,
        opening_cost: arguments.opening_cost,
        cells_share: arguments.cells_share.min(1.0),
        seed: arguments.seed,
        ..Policy::default()
    };
    let run = maintain(&arguments.index, &policy, arguments.dry_run)?;
    output.result(&run, || words(&run));
    Ok(ExitCode::SUCCESS)
}

fn words(run: &Maintenance) -> String {
    let mut text = format!("{}\n", run.plan);
    if let Some(verification) = &run.verification {
        text.push_str(&format!("{verification}\n"));
    }
    text.push_str(&match &run.outcome {
        Outcome::Nothing { .. } => "no new epoch".into(),
        Outcome::Refused { reason } => format!("no new epoch: {reason}"),
        Outcome::Published {
            epoch,
            new_files,
            new_bytes,
            index_bytes,
        } => format!(
            "published epoch {epoch}: {new_files} new files, {} of {}",
            size(*new_bytes),
            size(*index_bytes)
        ),
        Outcome::WouldPublish {
            epoch,
            new_files,
            new_bytes,
            index_bytes,
        } => format!(
            "would publish epoch {epoch}: {new_files} new files, {} of {}; nothing was written",
            size(*new_bytes),
            size(*index_bytes)
        ),
    });
    text
}
