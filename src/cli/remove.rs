//! `nearsight remove`: ids or paths → the next epoch of an index, which does not answer with them.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use super::interrupt;
use super::output::Output;
use super::progress::Progress;
use super::updated;
use crate::build::{
    BuildError, Update, UpdateOptions, VectorUpdate, load_index, update, update_vectors,
};
use crate::image::Limits;

/// Remove pictures or vectors from an index
///
/// From the new epoch on no search answers with them. Their rows, records and thumbnails stay in files until `nearsight compact`, so that
/// pages fetch little. Files on your disk are not touched: a later build of a folder that still holds them brings them back.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  nearsight remove site 17 4711              by id
  nearsight remove site may/beach.jpg        by the path in the index, or on the disk
  nearsight remove site may                  all below a folder
  nearsight remove site --from gone.txt      one id or path a line; - reads standard input")]
pub struct Arguments {
    /// Folder that nearsight build wrote
    index: PathBuf,
    /// Ids, or paths of pictures; an index of vectors knows ids only
    #[arg(value_name = "ID|FILE", required_unless_present = "from")]
    which: Vec<String>,
    /// Read more of them from a file, one a line
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Threads [default: one a processor]
    #[arg(long)]
    jobs: Option<usize>,
}

pub fn run(arguments: Arguments, output: &Output) -> anyhow::Result<ExitCode> {
    let dist = arguments.index;
    let mut which = arguments.which;
    if let Some(file) = &arguments.from {
        let text = match file.as_os_str() == "-" {
            true => std::io::read_to_string(std::io::stdin()).context("standard input")?,
            false => std::fs::read_to_string(file)
                .map_err(|source| BuildError::io("read", file, source))?,
        };
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        which.extend(lines.map(str::to_owned));
    }
    let cancelled = interrupt::flag();
    let mut progress = Progress::new(*output);
    let watch = &mut |step| progress.step(step);
    let holds_vectors = load_index(&dist)?.manifest().model.is_none();
    let report = if holds_vectors {
        let unknown = |name: &String| BuildError::Unknown {
            folder: dist.clone(),
            what: format!("vector {name:?} (a vector is known by its id, a number)"),
        };
        let id = |name: &String| name.parse().map_err(|_| unknown(name));
        let ids: Result<Vec<u32>, BuildError> = which.iter().map(id).collect();
        let removed = VectorUpdate::Remove(ids?);
        update_vectors(&dist, &removed, arguments.jobs, false, watch, cancelled)?
    } else {
        let options = UpdateOptions {
            output: dist.clone(),
            metadata: None,
            include_private: false,
            jobs: arguments.jobs,
            prune: false,
            limits: Limits::default(),
        };
        update(&Update::Remove(which), &options, watch, cancelled)?
    };
    drop(progress);
    output.result(&report, || updated::words(&report, &dist));
    Ok(ExitCode::SUCCESS)
}
