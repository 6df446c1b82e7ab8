//! `nearsight build`: a folder of pictures → a folder that any web host can serve.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;

use super::interrupt;
use super::model::{LimitArguments, ModelArguments};
use super::output::{Output, count, size};
use super::progress::Progress;
use crate::build::{BuildOptions, Report, STATE_FOLDER, beside_program, build, kinds};
use crate::partition::Method;

/// Make a search index of a folder of pictures
///
/// Reads JPEG, PNG, GIF and WebP in all subfolders. Run it again whenever the folder has changed: only
/// what is new is embedded, and nothing is published when nothing changed. It may be interrupted at
/// any time; the same command goes on where it stopped.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  nearsight build ~/Pictures -o site
  nearsight build photos -o public/search --metadata shop.csv --json
  nearsight build photos -o site --model mine.onnx --save-sidecar

Files that cannot be read are listed and left out; the full list is SITE/.nearsight/report.json.
Pictures that the metadata marks private are left out, thumbnails too; see --include-private.")]
pub struct Arguments {
    /// Folder with the pictures, or one picture
    photos: PathBuf,
    /// Folder to write: new, empty, or written by nearsight before
    #[arg(long, short, value_name = "FOLDER")]
    output: PathBuf,
    #[command(flatten)]
    model: ModelArguments,
    /// Number of cells [default: about twice the square root of the number of pictures]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    cells: Option<u32>,
    /// Another seed gives other, equally good cells
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How cells are found
    #[arg(long, value_enum, default_value_t = MethodName::Ward)]
    method: MethodName,
    /// Table with a column path (or filename) and any of id, url, title, owner, uploaded, tags,
    /// private [default: metadata.csv or metadata.json in the folder, if there is one]
    #[arg(long, value_name = "FILE.csv|.json")]
    metadata: Option<PathBuf>,
    /// Index private pictures too, marked; the files are then as public as all others
    #[arg(long)]
    include_private: bool,
    /// Longer side of the thumbnails in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 256, value_parser = clap::value_parser!(u32).range(16..=4096))]
    thumbnail_side: u32,
    /// Threads [default: one a processor]
    #[arg(long)]
    jobs: Option<usize>,
    /// Folder with the page (index.html and its files) to put beside the index
    #[arg(long, value_name = "FOLDER", env = "NEARSIGHT_PAGE")]
    page: Option<PathBuf>,
    /// Write the index only, no page
    #[arg(long, conflicts_with = "page")]
    no_page: bool,
    /// Remove the files of earlier epochs; browsers that still hold one will have to start anew
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    limits: LimitArguments,
}

#[derive(Clone, Copy, ValueEnum)]
enum MethodName {
    Ward,
    BinaryTree,
}

pub fn run(arguments: Arguments, output: &Output) -> anyhow::Result<ExitCode> {
    let options = BuildOptions {
        model: arguments.model.read(output)?,
        photos: arguments.photos,
        output: arguments.output,
        cells: arguments.cells,
        seed: arguments.seed,
        method: match arguments.method {
            MethodName::Ward => Method::Ward,
            MethodName::BinaryTree => Method::BinaryTree,
        },
        metadata: arguments.metadata,
        include_private: arguments.include_private,
        thumbnail_side: arguments.thumbnail_side,
        jobs: arguments.jobs,
        page: match arguments.no_page {
            true => None,
            false => arguments.page.or_else(beside_program),
        },
        prune: arguments.prune,
        limits: arguments.limits.limits(),
    };
    let mut progress = Progress::new(*output);
    let built = build(&options, &mut |step| progress.step(step), interrupt::flag());
    drop(progress);
    let report = built?;
    output.result(&report, || words(&report, &options));
    Ok(ExitCode::SUCCESS)
}

/// Problems shown one by one; the report file has all.
const SHOWN: usize = 5;

fn words(report: &Report, options: &BuildOptions) -> String {
    let folder = options.output.display();
    let mut lines = vec![match report.published {
        true => format!(
            "{folder}: epoch {} with {} in {}, {} (and {} of model) in {:.1} s",
            report.epoch,
            count(report.pictures, "picture"),
            count(report.cells, "cell"),
            size(report.index_bytes),
            size(report.model_bytes),
            report.took_ms as f64 / 1e3
        ),
        false => format!(
            "{folder}: nothing changed, epoch {} stays ({})",
            report.epoch,
            count(report.pictures, "picture")
        ),
    }];
    if report.published {
        lines.push(format!(
            "  {} embedded now, {} known; {} added, {} changed, {} removed",
            report.embedded, report.reused, report.added, report.changed, report.removed
        ));
    }
    if report.private > 0 {
        lines.push(format!(
            "  {} left out as private",
            count(report.private, "picture")
        ));
    }
    if !report.skipped.is_empty() {
        let others: u64 = report.skipped.values().sum();
        lines.push(format!(
            "  {} of other kinds: {}",
            count(others, "file"),
            kinds(&report.skipped)
        ));
    }
    if !report.problems.is_empty() {
        lines.push(format!(
            "  {} left out:",
            count(report.problems.len() as u64, "file")
        ));
        for problem in report.problems.iter().take(SHOWN) {
            lines.push(format!("    {}: {}", problem.path, problem.message));
        }
        if report.problems.len() > SHOWN {
            let file = options.output.join(STATE_FOLDER).join("report.json");
            lines.push(format!("    … all of them in {}", file.display()));
        }
    }
    lines.extend(report.notes.iter().map(|note| format!("  {note}")));
    lines.push(match report.page_files {
        Some(_) => format!("look at it: nearsight serve {folder}"),
        None => "only the index was written, no page (--page FOLDER adds one)".to_string(),
    });
    lines.join("\n")
}
