//! `nearsight compact`: an index with pieces and removed pictures → the same, whole.

use std::path::PathBuf;
use std::process::ExitCode;

use super::interrupt;
use super::output::Output;
use super::progress::Progress;
use super::updated;
use crate::build::{Update, UpdateOptions, VectorUpdate, load_index, update, update_vectors};
use crate::image::Limits;

/// Write the cells of an index whole again
///
/// Cells to which rows were added become one piece, and what is left of removed pictures goes: rows, records and thumbnails. Open pages fetch
/// the files that changed. Builds and updates do this by themselves where a quarter of a file's rows came or went.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  nearsight compact site
  nearsight compact site --prune      and give back the bytes of earlier epochs on this disk")]
pub struct Arguments {
    /// Folder that nearsight build wrote
    index: PathBuf,
    /// Remove the files of earlier epochs; browsers that still hold one will have to start anew
    #[arg(long)]
    prune: bool,
    /// Threads [default: one a processor]
    #[arg(long)]
    jobs: Option<usize>,
}

pub fn run(arguments: Arguments, output: &Output) -> anyhow::Result<ExitCode> {
    let (dist, jobs, prune) = (arguments.index, arguments.jobs, arguments.prune);
    let cancelled = interrupt::flag();
    let mut progress = Progress::new(*output);
    let watch = &mut |step| progress.step(step);
    let holds_vectors = load_index(&dist)?.manifest().model.is_none();
    let report = if holds_vectors {
        let compact = VectorUpdate::Compact;
        update_vectors(&dist, &compact, jobs, prune, watch, cancelled)?
    } else {
        let options = UpdateOptions {
            output: dist.clone(),
            metadata: None,
            include_private: false,
            jobs,
            prune,
            limits: Limits::default(),
        };
        update(&Update::Compact, &options, watch, cancelled)?
    };
    drop(progress);
    output.result(&report, || updated::words(&report, &dist));
    Ok(ExitCode::SUCCESS)
}
