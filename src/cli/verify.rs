//! `nearsight verify`: every hash, checksum and cross-reference of an index.

use std::path::PathBuf;
use std::process::ExitCode;

use super::output::{Output, count, size};
use crate::build::{Verified, verify};

/// Check every file of an index against its hash, and the files against each other
///
/// Names every problem that it finds. Exit status 1 when there is one.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  nearsight verify site
  nearsight verify site --json && rsync -a --exclude .nearsight site/ host:/srv/search/")]
pub struct Arguments {
    /// Folder that nearsight build wrote, or a copy of it
    index: PathBuf,
}

pub fn run(arguments: Arguments, output: &Output) -> anyhow::Result<ExitCode> {
    let verified = verify(&arguments.index)?;
    output.result(&verified, || words(&verified));
    Ok(match verified.problems.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn words(verified: &Verified) -> String {
    let about = format!(
        "epoch {}, {} in cells with {}, {} dead: {}, {} read",
        verified.epoch,
        count(verified.pictures, "picture"),
        count(verified.pieces, "further piece"),
        count(verified.dead_rows, "row"),
        count(verified.files, "file"),
        size(verified.bytes)
    );
    if verified.problems.is_empty() {
        return format!("{about}; all is as it was published");
    }
    let mut lines = vec![format!(
        "{about}; {}:",
        count(verified.problems.len() as u64, "problem")
    )];
    for problem in &verified.problems {
        // Messages of the index begin with the file's name.
        lines.push(match problem.message.contains(&problem.path) {
            true => format!("  {}", problem.message),
            false => format!("  {}: {}", problem.path, problem.message),
        });
    }
    lines.join("\n")
}
