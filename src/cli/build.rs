//! `nearsight build`: a folder of pictures, or vectors made elsewhere → a folder that any web host can serve.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;

use super::interrupt;
use super::model::{LimitArguments, ModelArguments, ProjectionArguments};
use super::output::{Output, count, size};
use super::progress::Progress;
use crate::build::{
    BuildOptions, Report, STATE_FOLDER, VectorOptions, beside_program, build, build_vectors, kinds,
};
use crate::partition::{Candidate, Method, PartitionOptions};
use crate::quantize::{CodeBits, Metric};

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
  nearsight build photos -o site --dim 64      fewer bytes: vectors cut to the 64 axes that tell these pictures apart
  nearsight build --vectors rows.npy -o site
  nearsight build --vectors rows.f32 --dimension 512 -o site
  nearsight build --vectors rows.npy --metric euclidean -o site     near by distance: lengths count

Files that cannot be read are listed and left out; the full list is SITE/.nearsight/report.json.
Pictures that the metadata marks private are left out, thumbnails too; see --include-private.")]
pub struct Arguments {
    /// Folder with the pictures, or one picture
    #[arg(required_unless_present = "vectors")]
    photos: Option<PathBuf>,
    /// Index vectors made elsewhere instead of pictures: a table of floats, one row a vector. The id
    /// of a vector is the number of its row, the first being 0
    #[arg(long, value_name = "FILE.npy|.parquet|.f32", conflicts_with_all = [
        "photos", "ModelArguments", "ProjectionArguments", "metadata", "include_private", "thumbnail_side", "LimitArguments",
    ])]
    vectors: Option<PathBuf>,
    /// What makes two vectors near: their angle, whatever their lengths, or their Euclidean distance [default: as the epoch before has
    /// it; cosine in the first]
    #[arg(long, value_enum, requires = "vectors", conflicts_with = "photos")]
    metric: Option<MetricName>,
    /// Numbers in a row of a raw .f32 file
    #[arg(long, value_name = "NUMBERS", requires = "vectors")]
    dimension: Option<usize>,
    /// Folder to write: new, empty, or written by nearsight before
    #[arg(long, short, value_name = "FOLDER")]
    output: PathBuf,
    /// Column of a .parquet file [default: the only one with a list of floats in each row]
    #[arg(long, value_name = "NAME", requires = "vectors")]
    column: Option<String>,
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    projection: ProjectionArguments,
    /// Number of cells [default: the cheapest for a recall of 0.95 of a few about twice the square root of the
    /// number of pictures]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    cells: Option<u32>,
    /// Another seed gives other, equally good cells
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How cells are found
    #[arg(long, value_enum, default_value_t = LayoutName::Ward, alias = "method")]
    layout: LayoutName,
    /// Bits of a code for each dimension, 9, 6 or 5: fewer make a smaller index, and a recall near 1 costs more or
    /// is out of reach [default: as the epoch before has them; 9 in the first]
    #[arg(long, value_parser = code_bits)]
    bits: Option<CodeBits>,
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
enum LayoutName {
    /// Small clusters joined by Ward's criterion: scans the fewest rows
    Ward,
    /// Plain k-means, for comparison
    Kmeans,
    /// Halved again and again: builds fastest, scans the most
    #[value(alias = "binary-tree")]
    Tree,
}

#[derive(Clone, Copy, ValueEnum)]
enum MetricName {
    /// The angle: vectors are brought to unit length, scores are cosines
    Cosine,
    /// The distance: vectors stay as they are, a score is minus the distance
    Euclidean,
}

fn code_bits(text: &str) -> Result<CodeBits, String> {
    let bits = text.parse().ok().and_then(CodeBits::new);
    bits.ok_or_else(|| "expected 9, 6 or 5".to_string())
}

pub fn run(mut arguments: Arguments, output: &Output) -> anyhow::Result<ExitCode> {
    match (arguments.photos.take(), arguments.vectors.take()) {
        (_, Some(file)) => run_vectors(file, arguments, output),
        (Some(photos), None) => run_pictures(photos, arguments, output),
        (None, None) => anyhow::bail!("give a folder with pictures, or --vectors FILE"),
    }
}

fn run_pictures(
    photos: PathBuf,
    arguments: Arguments,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let options = BuildOptions {
        model: arguments.model.read(output)?,
        projection: arguments.projection.read(arguments.model.is_built_in())?,
        photos,
        cells: arguments.cells,
        seed: arguments.seed,
        method: arguments.layout.method(),
        bits: arguments.bits,
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
        output: arguments.output,
    };
    let mut progress = Progress::new(*output);
    let built = build(&options, &mut |step| progress.step(step), interrupt::flag());
    drop(progress);
    let report = built?;
    output.result(&report, || words(&report, &options));
    Ok(ExitCode::SUCCESS)
}

fn run_vectors(file: PathBuf, arguments: Arguments, output: &Output) -> anyhow::Result<ExitCode> {
    let options = VectorOptions {
        file,
        dimension: arguments.dimension,
        column: arguments.column,
        output: arguments.output,
        partition: PartitionOptions {
            cells: arguments.cells,
            seed: arguments.seed,
            method: arguments.layout.method(),
        },
        metric: arguments.metric.map(MetricName::metric),
        bits: arguments.bits,
        jobs: arguments.jobs,
        // The page that belongs to the program shows pictures; only one that was asked for is put there.
        page: arguments.page,
        prune: arguments.prune,
    };
    let mut progress = Progress::of(*output, "vector");
    let built = build_vectors(&options, &mut |step| progress.step(step), interrupt::flag());
    drop(progress);
    let report = built?;
    output.result(&report, || vector_words(&report, &options));
    Ok(ExitCode::SUCCESS)
}

impl LayoutName {
    fn method(self) -> Method {
        match self {
            Self::Ward => Method::Ward,
            Self::Kmeans => Method::KMeans,
            Self::Tree => Method::BinaryTree,
        }
    }
}

impl MetricName {
    fn metric(self) -> Metric {
        match self {
            Self::Cosine => Metric::Cosine,
            Self::Euclidean => Metric::Euclidean,
        }
    }
}

fn vector_words(report: &Report, options: &VectorOptions) -> String {
    let folder = options.output.display();
    let vectors = count(report.pictures, "vector");
    match report.published {
        true => {
            let mut lines = vec![format!(
                "{folder}: epoch {} with {vectors} of {} numbers in {}, {} in {:.1} s; {} added, {} changed, {} removed",
                report.epoch,
                report.dimension,
                count(report.cells, "cell"),
                size(report.index_bytes),
                report.took_ms as f64 / 1e3,
                report.added,
                report.changed,
                report.removed
            )];
            lines.extend(curve(report));
            lines.push(format!(
                "ask it: nearsight search {folder} --vector FILE.npy"
            ));
            lines.join("\n")
        }
        false => format!(
            "{folder}: nothing changed, epoch {} stays ({vectors})",
            report.epoch
        ),
    }
}

/// What a query would cost with each number of cells that was weighed.
fn curve(report: &Report) -> Vec<String> {
    let line = |candidate: &Candidate| {
        format!(
            "  {:>6} cells: {:>8.0} rows scanned for a recall of 0.95 in {:>5.1} cells, cost {:>8.0}{}",
            candidate.cells,
            candidate.scanned,
            candidate.opened,
            candidate.cost,
            if candidate.chosen { "  chosen" } else { "" }
        )
    };
    report.candidates.iter().map(line).collect()
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
    if let Some(kind) = report.projection.as_ref().filter(|_| report.published) {
        let numbers = report.dimension;
        lines.push(format!(
            "  vectors of {numbers} numbers after a projection ({kind})"
        ));
    }
    if report.published && !options.model.metric().is_cosine() {
        lines.push("  vectors of any length, near by Euclidean distance: normalise is false in the model's sidecar".to_string());
    }
    lines.extend(curve(report));
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
