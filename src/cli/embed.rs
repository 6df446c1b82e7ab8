//! `nearsight embed`: pictures → a NumPy file of vectors and a list of the names of its rows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use super::interrupt;
use super::model::{LimitArguments, ModelArguments};
use super::npy::NpyWriter;
use super::output::{Output, count};
use super::progress::Progress;
use crate::build::{BuildError, Done, Found, Outcome, Problem, Work, jobs, walk, work};

/// Write the vectors of pictures to a NumPy file
///
/// FILE.npy holds one row of 32-bit floats a picture, of unit length unless the sidecar says otherwise, in the order of paths;
/// FILE.names.txt holds the path of each row, one a line. Pictures that cannot be read are reported
/// and have no row.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  nearsight embed photos -o vectors.npy
  nearsight embed a.jpg b.png -o two.npy --model mine.onnx

In Python: numpy.load('vectors.npy'), open('vectors.names.txt').read().splitlines()")]
pub struct Arguments {
    /// Folders with pictures, or pictures
    #[arg(required = true)]
    pictures: Vec<PathBuf>,
    /// File to write
    #[arg(long, short, value_name = "FILE.npy")]
    output: PathBuf,
    #[command(flatten)]
    model: ModelArguments,
    /// Threads [default: one a processor]
    #[arg(long)]
    jobs: Option<usize>,
    #[command(flatten)]
    limits: LimitArguments,
}

#[derive(Serialize)]
struct Report {
    output: String,
    names: String,
    rows: u64,
    dimension: usize,
    model: String,
    problems: Vec<Problem>,
}

pub fn run(arguments: Arguments, output: &Output) -> anyhow::Result<ExitCode> {
    let model = arguments.model.read(output)?;
    let (files, mut problems) = files(&arguments.pictures)?;
    let embedder = model.load()?;
    let names_file = arguments.output.with_extension("names.txt");
    let mut npy = NpyWriter::create(&arguments.output, model.dimension())?;
    let mut names = String::new();

    // Threads finish in any order; a row waits until all before it are written.
    let mut waiting: BTreeMap<usize, Outcome> = BTreeMap::new();
    let mut next = 0;
    let mut failed = 0;
    let mut done = 0;
    let mut progress = Progress::new(*output);
    let mut sink = |result: Done| {
        waiting.insert(result.index, result.outcome);
        done += 1;
        while let Some(outcome) = waiting.remove(&next) {
            let path = &files[next].path;
            next += 1;
            match outcome {
                Outcome::Embedded { vector, .. } => {
                    npy.push(&vector)?;
                    names.push_str(path);
                    names.push('\n');
                }
                Outcome::Broken { code, message, .. } => {
                    failed += 1;
                    let path = path.clone();
                    problems.push(Problem {
                        path,
                        code,
                        message,
                    });
                }
                Outcome::Known => {}
            }
        }
        progress.pictures(done, files.len() as u64, failed);
        Ok(())
    };
    work(
        &files,
        &Work {
            embedder: &embedder,
            limits: &arguments.limits.limits(),
            thumbnail_side: None,
            jobs: jobs(arguments.jobs),
            cancelled: interrupt::flag(),
            known: &|_| false,
            store: &|_| Ok(()),
        },
        &mut sink,
    )?;
    drop(progress);
    std::fs::write(&names_file, &names)
        .map_err(|source| BuildError::io("write", &names_file, source))?;
    let report = Report {
        output: arguments.output.display().to_string(),
        names: names_file.display().to_string(),
        rows: npy.finish()?,
        dimension: model.dimension(),
        model: model.name().to_string(),
        problems,
    };
    output.result(&report, || words(&report));
    Ok(ExitCode::SUCCESS)
}

/// All that is named, each folder with its own relative paths. A file without any is named as given.
fn files(named: &[PathBuf]) -> Result<(Vec<Found>, Vec<Problem>), BuildError> {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    let several = named.len() > 1;
    let mut why = String::new();
    for place in named {
        let walked = walk(place)?;
        why = format!("{}, none is a JPEG, PNG, GIF or WebP", walked.seen());
        let folder = place.is_dir();
        let whole = |path: &str| match (folder, several) {
            (true, true) => format!("{}/{path}", shown(place)),
            (true, false) => path.to_string(),
            (false, _) => shown(place),
        };
        files.extend(walked.found.into_iter().map(|found| Found {
            path: whole(&found.path),
            ..found
        }));
        problems.extend(walked.problems.into_iter().map(|problem| Problem {
            path: whole(&problem.path),
            ..problem
        }));
    }
    if files.is_empty() {
        let folder = named.first().cloned().unwrap_or_default();
        return Err(BuildError::NothingToIndex { folder, why });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok((files, problems))
}

fn shown(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    let text = text.trim_end_matches('/');
    text.strip_prefix("./").unwrap_or(text).to_string()
}

fn words(report: &Report) -> String {
    let mut lines = vec![format!(
        "{}: {} of {} numbers; names in {}",
        report.output,
        count(report.rows, "row"),
        report.dimension,
        report.names
    )];
    if !report.problems.is_empty() {
        let problems = report.problems.len() as u64;
        lines.push(format!("  {} left out:", count(problems, "file")));
        for problem in &report.problems {
            lines.push(format!("    {}: {}", problem.path, problem.message));
        }
    }
    lines.join("\n")
}
