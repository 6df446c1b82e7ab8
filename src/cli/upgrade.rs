//! `nearsight upgrade`: an index and another model → epochs that move the index over to it.

use std::path::PathBuf;
use std::process::ExitCode;

use super::interrupt;
use super::model::{LimitArguments, ModelArguments};
use super::output::{Output, count, size};
use super::progress::Progress;
use crate::build::{
    FIT, STATE_FOLDER, UpgradeOptions, UpgradeReport, UpgradeStep, beside_program, upgrade,
};
use crate::server::traffic;

/// Move an index of pictures over to another model, a few pictures an epoch
///
/// Some pictures are embedded by the new model first; all other rows are moved into its space by a map that is fitted on these. From that epoch on one
/// query of the new model searches everything. Then the pictures are embedded, those that searches show most first, until the index is what a
/// build with the new model makes. It may be interrupted at any time; the same command goes on where it stopped.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  nearsight upgrade site                            to the model that is built in
  nearsight upgrade site --model mine.onnx
  nearsight upgrade site --epochs 1                 one step; again tomorrow
  nearsight upgrade site --photos /mnt/pictures     they lie elsewhere now

Pictures that are gone or cannot be read keep moved rows and are told. Private pictures stay what they are in the index.")]
pub struct Arguments {
    /// Folder that nearsight build wrote
    index: PathBuf,
    #[command(flatten)]
    model: ModelArguments,
    /// Folder with the pictures, under the paths that the index has [default: that of the last build]
    #[arg(long, value_name = "FOLDER")]
    photos: Option<PathBuf>,
    /// Pictures that an epoch embeds; whole cells, so a few more [default: a tenth of the index, at least 2,000]
    #[arg(long, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    pictures: Option<usize>,
    /// Epochs to publish at most [default: until all is done]
    #[arg(long, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    epochs: Option<usize>,
    /// Pictures that the map from the old model's rows is fitted on
    #[arg(long, value_name = "N", default_value_t = FIT, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    fit: usize,
    /// Threads [default: one a processor]
    #[arg(long)]
    jobs: Option<usize>,
    /// Folder with the page to put beside the index [default: as build has it, where the index has a page]
    #[arg(long, value_name = "FOLDER", env = "NEARSIGHT_PAGE")]
    page: Option<PathBuf>,
    /// Leave the page alone
    #[arg(long, conflicts_with = "page")]
    no_page: bool,
    /// Remove the files of earlier epochs; browsers that still hold one will have to start anew
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    limits: LimitArguments,
}

pub fn run(arguments: Arguments, output: &Output) -> anyhow::Result<ExitCode> {
    let dist = arguments.index;
    let has_page = dist.join(STATE_FOLDER).join("page.json").is_file();
    let options = UpgradeOptions {
        model: arguments.model.read(output)?,
        photos: arguments.photos,
        shown: traffic::shown(&dist)?,
        fit: arguments.fit,
        pictures: arguments.pictures,
        epochs: arguments.epochs,
        jobs: arguments.jobs,
        page: match (arguments.no_page, arguments.page) {
            (true, _) => None,
            (false, None) if has_page => beside_program(),
            (false, page) => page,
        },
        prune: arguments.prune,
        limits: arguments.limits.limits(),
        output: dist,
    };
    let mut progress = Progress::new(*output);
    let watch = &mut |step| progress.step(step);
    let report = upgrade(&options, watch, interrupt::flag())?;
    drop(progress);
    output.result(&report, || words(&report, &options));
    Ok(ExitCode::SUCCESS)
}

/// Problems shown one by one; the report file has all.
const SHOWN: usize = 5;

fn words(report: &UpgradeReport, options: &UpgradeOptions) -> String {
    let folder = options.output.display();
    let all = count(report.pictures, "picture");
    let mut lines = vec![match (report.steps.is_empty(), report.finished) {
        (true, true) => format!(
            "{folder}: nothing to do, epoch {} with {all} is of {}",
            report.epoch, report.to
        ),
        (_, true) => format!(
            "{folder}: epoch {} with {all} is of {} now; {} embedded in {:.1} s",
            report.epoch,
            report.to,
            report.embedded,
            report.took_ms as f64 / 1e3
        ),
        (_, false) => format!(
            "{folder}: epoch {} with {all} answers by {}; {} of them are embedded by it, {} moved; nearsight upgrade {folder} goes on",
            report.epoch, report.to, report.made, report.moved
        ),
    }];
    if let Some(fit) = &report.agreement {
        let percent = |share: f64| format!("{:.0} %", 100.0 * share);
        lines.push(format!(
            "  rows of {} moved by a map of {}; of {} held out, a query finds {} of its {} nearest with moved rows, the old rows gave {}, chance {} (cosine {:.2}, of others {:.2})",
            report.from,
            count(fit.pairs as u64, "picture"),
            fit.held_out,
            percent(fit.moved),
            fit.neighbours,
            percent(fit.old),
            percent(fit.chance),
            fit.cosine,
            fit.cosine_of_others
        ));
    }
    if let Some(why) = &report.at_once {
        lines.push(format!("  all embedded for one epoch: {why}"));
    }
    lines.extend(report.steps.iter().map(step));
    for problem in report.problems.iter().take(SHOWN) {
        lines.push(format!(
            "  not embedded: {}: {}",
            problem.path, problem.message
        ));
    }
    if report.problems.len() > SHOWN {
        lines.push(format!("  … {} in all", report.problems.len()));
    }
    lines.extend(report.notes.iter().map(|note| format!("  {note}")));
    lines.join("\n")
}

fn step(step: &UpgradeStep) -> String {
    format!(
        "  epoch {}: {} embedded by the new model, {} moved, in {}; an open page fetches {} of {} in {}",
        step.epoch,
        step.made,
        step.moved,
        count(step.cells, "cell"),
        size(step.new_bytes),
        size(step.index_bytes),
        count(step.new_files, "file")
    )
}
