//! `nearsight add`: pictures or vectors → the next epoch of an index that has them too.

use std::path::PathBuf;
use std::process::ExitCode;

use super::interrupt;
use super::model::LimitArguments;
use super::output::Output;
use super::progress::Progress;
use super::updated;
use crate::build::{Update, UpdateOptions, VectorUpdate, update, update_vectors};

/// Add pictures or vectors to an index
///
/// Only what is named is looked at; everything else stays as it is, and open pages fetch the new rows and little more. A picture that is
/// in the index under its path already is left alone while its file is the same, and replaced when it is not.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  nearsight add site ~/Pictures/2026/may
  nearsight add site new.jpg newer.jpg --metadata shop.csv
  nearsight add site --vectors more.npy     their ids follow the highest that was ever given

Pictures below the folder that the index was built from have the path that a build gives them; others that below what was named.")]
pub struct Arguments {
    /// Folder that nearsight build wrote
    index: PathBuf,
    /// Pictures, or folders of them
    #[arg(required_unless_present = "vectors")]
    pictures: Vec<PathBuf>,
    /// Add vectors made elsewhere to an index of such
    #[arg(long, value_name = "FILE.npy|.parquet|.f32", conflicts_with_all = [
        "pictures", "metadata", "include_private", "LimitArguments",
    ])]
    vectors: Option<PathBuf>,
    /// Column of a .parquet file [default: the only one with a list of floats in each row]
    #[arg(long, value_name = "NAME", requires = "vectors")]
    column: Option<String>,
    /// Table about the pictures, as for build [default: metadata.csv or metadata.json in the folder that the index was built from]
    #[arg(long, value_name = "FILE.csv|.json")]
    metadata: Option<PathBuf>,
    /// Take private pictures too, marked; the files are then as public as all others
    #[arg(long)]
    include_private: bool,
    /// Threads [default: one a processor]
    #[arg(long)]
    jobs: Option<usize>,
    #[command(flatten)]
    limits: LimitArguments,
}

pub fn run(arguments: Arguments, output: &Output) -> anyhow::Result<ExitCode> {
    let dist = arguments.index;
    let cancelled = interrupt::flag();
    let report = match arguments.vectors {
        Some(file) => {
            let column = arguments.column;
            let added = VectorUpdate::Add { file, column };
            let mut progress = Progress::of(*output, "vector");
            let watch = &mut |step| progress.step(step);
            update_vectors(&dist, &added, arguments.jobs, false, watch, cancelled)?
        }
        None => {
            let options = UpdateOptions {
                output: dist.clone(),
                metadata: arguments.metadata,
                include_private: arguments.include_private,
                jobs: arguments.jobs,
                prune: false,
                limits: arguments.limits.limits(),
            };
            let mut progress = Progress::new(*output);
            let watch = &mut |step| progress.step(step);
            update(&Update::Add(arguments.pictures), &options, watch, cancelled)?
        }
    };
    output.result(&report, || updated::words(&report, &dist));
    Ok(ExitCode::SUCCESS)
}
