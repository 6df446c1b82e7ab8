//! A published index of pictures, and another model → epochs that move it over, until it is what a build with that model makes.
//!
//! ```text
//! first ─▶ epoch: some rows made by the new model, all others moved into its space
//! order ─▶ epochs: whole cells embedded anew, the busiest first; all other files stay
//! last  ─▶ epoch: cells and projection found anew, as a build does
//! ```
//!
//! Every epoch names the new model, and one query searches all of it. What is still moved lies in `moved`; a picture whose row is there and whose file is looked at
//! gets a row of its own, whoever does it: this, `add`, or a build of the whole folder, which finishes the upgrade. Interrupted at any point, the
//! same call goes on. Where moved rows would answer worse than the old ones did, or save nothing, all pictures are embedded for one epoch.

mod files;
mod first;
mod order;
mod report;
mod summary;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

pub use report::{UpgradeReport, UpgradeStep};

use super::gather::Chosen;
use super::last::LastBuild;
use super::moved::{Kind, Moved};
use super::output::Output;
use super::pipeline::{BuildOptions, Task};
use super::projection::Projecting;
use super::report::{Report, Step};
use super::update::THUMBNAIL_SIDE;
use super::walk::Found;
use super::{BuildError, Model, load_index, page};
use crate::image::Limits;
use crate::index::{Index, Record};
use first::move_rows;
use order::busiest;

/// Pictures that a map is fitted on.
pub const FIT: usize = 500;
/// Pictures of an epoch: a tenth of the index, and at least so many, since every epoch costs its own making.
const SHARE: usize = 10;
const FEWEST: usize = 2_000;

/// `output` must hold an index of pictures.
pub struct UpgradeOptions {
    pub output: PathBuf,
    /// The model to move over to.
    pub model: Model,
    /// Where the pictures are, under their paths. None: where the last build had them.
    pub photos: Option<PathBuf>,
    /// How often searches showed a picture, by id.
    pub shown: HashMap<u32, u64>,
    /// Pictures that the map is fitted on.
    pub fit: usize,
    /// Pictures that an epoch embeds, about. None: a tenth of the index, at least 2,000.
    pub pictures: Option<usize>,
    /// Epochs that this call publishes at most. None: until all is done.
    pub epochs: Option<usize>,
    /// None: one a processor.
    pub jobs: Option<usize>,
    pub page: Option<PathBuf>,
    /// Remove the files of earlier epochs.
    pub prune: bool,
    pub limits: Limits,
}

/// Begins, goes on or finishes. `watch` and `cancelled` as for a build.
pub fn upgrade(
    options: &UpgradeOptions,
    watch: &mut dyn FnMut(Step),
    cancelled: &AtomicBool,
) -> Result<UpgradeReport, BuildError> {
    let began = Instant::now();
    // Before the lock, which would make a state folder in a folder that is no index.
    load_index(&options.output)?;
    if let Some(folder) = &options.page {
        page::check(folder, options.model.is_plain())?;
    }
    let output = Output::claim(&options.output)?;
    let index = load_index(output.folder())?;
    if index.manifest().model.is_none() {
        return Err(BuildError::UpgradeOfVectors(options.output.clone()));
    }
    let from = Model::of_index(output.folder(), index.manifest())?;
    let mut upgrading = Upgrading::new(options, &output)?;
    upgrading.report.from = from.name().to_owned();
    let is_begun = from.is_same_network(&upgrading.build.model);
    // A map is fitted and judged on vectors of unit length.
    let both = [&from, &upgrading.build.model];
    if !is_begun && both.iter().any(|model| !model.metric().is_cosine()) {
        return Err(BuildError::UpgradeOfLengths);
    }
    if !is_begun || upgrading.is_unfinished(&index)? {
        upgrading.find_files(&index)?;
        upgrading.run(index, is_begun, watch, cancelled)?;
    }
    upgrading.summary(began)
}

/// An upgrade under way.
struct Upgrading<'a> {
    options: &'a UpgradeOptions,
    output: &'a Output,
    /// With the new model.
    build: BuildOptions,
    /// The pictures of the index that are there, by path.
    files: HashMap<String, Found>,
    report: UpgradeReport,
}

/// One that is to be published.
struct Epoch {
    /// Pictures whose files are looked at. None: all.
    paths: Option<HashSet<String>>,
    /// Whether cells and projection are found anew.
    is_whole: bool,
    /// Whether the other pictures go on with the rows that they have.
    keeps_others: bool,
}

impl<'a> Upgrading<'a> {
    fn new(options: &'a UpgradeOptions, output: &'a Output) -> Result<Self, BuildError> {
        let last = LastBuild::read(output).unwrap_or_default();
        let wanted = last.wanted.unwrap_or_default();
        let photos = options.photos.clone().or(last.photos);
        let build = BuildOptions {
            photos: photos.unwrap_or_default(),
            output: options.output.clone(),
            model: options.model.projected(None),
            projection: Projecting::AsBefore,
            cells: wanted.cells,
            seed: wanted.seed,
            method: wanted.method,
            bits: None,
            metadata: None,
            // Those that are in the index were meant to be.
            include_private: true,
            thumbnail_side: last.thumbnail_side.unwrap_or(THUMBNAIL_SIDE),
            jobs: options.jobs,
            page: options.page.clone(),
            prune: options.prune,
            limits: options.limits,
        };
        let report = UpgradeReport {
            to: build.model.name().to_owned(),
            ..UpgradeReport::default()
        };
        Ok(Self {
            options,
            output,
            build,
            files: HashMap::new(),
            report,
        })
    }

    fn run(
        &mut self,
        mut index: Index,
        is_begun: bool,
        watch: &mut dyn FnMut(Step),
        cancelled: &AtomicBool,
    ) -> Result<(), BuildError> {
        let mut epochs = self.options.epochs.unwrap_or(usize::MAX);
        if !is_begun {
            let is_moved = self.first(&index, watch, cancelled)?;
            if !is_moved {
                return self.last(watch, cancelled);
            }
            epochs = epochs.saturating_sub(1);
            index = load_index(self.output.folder())?;
        }
        let tenth = index.manifest().counts.pictures as usize / SHARE;
        let share = self.options.pictures.unwrap_or(tenth.max(FEWEST)).max(1);
        while epochs > 0 {
            epochs -= 1;
            let wanted = self.wanted(&index)?;
            if wanted.len() <= share {
                return self.last(watch, cancelled);
            }
            let ids = busiest(&index, &wanted, &self.options.shown, share);
            let records = index.records().filter(|record| ids.contains(&record.id));
            let paths: HashSet<String> = records.map(|record| record.path).collect();
            let before = self.report.problems.len();
            let epoch = Epoch {
                paths: Some(paths),
                is_whole: false,
                keeps_others: true,
            };
            let is_published = self.publish(epoch, watch, cancelled)?;
            if !is_published && self.report.problems.len() == before {
                // All of them are what they were, to the bit.
                return self.last(watch, cancelled);
            }
            index = load_index(self.output.folder())?;
        }
        Ok(())
    }

    /// The epoch with moved rows. False where it is none that should be published: then all pictures are to be embedded first.
    fn first(
        &mut self,
        index: &Index,
        watch: &mut dyn FnMut(Step),
        cancelled: &AtomicBool,
    ) -> Result<bool, BuildError> {
        let mut learnt = Report::default();
        let moving = move_rows(self, index, &mut learnt, watch, cancelled)?;
        self.report.add(learnt, 0);
        self.report.agreement = moving.agreement;
        let pictures = index.manifest().counts.pictures;
        let gone = pictures - self.files.len() as u64;
        self.report.at_once = match &moving.agreement {
            None if gone > 0 => {
                return Err(BuildError::NothingToIndex {
                    folder: self.build.photos.clone(),
                    why: format!(
                        "it holds {} of the {pictures} pictures of the index, too few to move the rows of the others; bring them back, or remove them from the index",
                        self.files.len()
                    ),
                });
            }
            None => Some("too few pictures to fit a map on".to_owned()),
            Some(_) if 2 * moving.moved <= pictures => Some(
                "half of the pictures or more are embedded by the new model already".to_owned(),
            ),
            Some(agreement) if !agreement.is_good() => Some(format!(
                "moved rows would answer worse than the old ones: of the {} pictures that the new model finds nearest to each of {} held out, {:.0} % come with moved rows and {:.0} % came with the old ones",
                agreement.neighbours,
                agreement.held_out,
                100.0 * agreement.moved,
                100.0 * agreement.old
            )),
            Some(_) => None,
        };
        if self.report.at_once.is_some() {
            return Ok(false);
        }
        let still = self.moved()?;
        let is_moved = |record: &Record| still.as_ref().is_some_and(|m| m.holds(record.id));
        let made = index.records().filter(|record| !is_moved(record));
        let paths: HashSet<String> = made.map(|record| record.path).collect();
        let epoch = Epoch {
            paths: Some(paths),
            is_whole: true,
            keeps_others: true,
        };
        self.publish(epoch, watch, cancelled)
    }

    /// The epoch that a build makes.
    fn last(
        &mut self,
        watch: &mut dyn FnMut(Step),
        cancelled: &AtomicBool,
    ) -> Result<(), BuildError> {
        let epoch = Epoch {
            paths: None,
            is_whole: true,
            keeps_others: self.moved()?.is_some(),
        };
        self.publish(epoch, watch, cancelled)?;
        if let Some(mut moved) = self.moved()? {
            moved.finish();
            moved.save(self.output, Kind::Moved, &self.build.model)?;
        }
        Ok(())
    }

    /// Embeds its pictures where the log does not know them, and publishes it.
    fn publish(
        &mut self,
        epoch: Epoch,
        watch: &mut dyn FnMut(Step),
        cancelled: &AtomicBool,
    ) -> Result<bool, BuildError> {
        let is_looked_at = |found: &&Found| {
            let paths = epoch.paths.as_ref();
            paths.is_none_or(|paths| paths.contains(&found.path))
        };
        let mut files: Vec<&Found> = self.files.values().filter(is_looked_at).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let report = Report {
            dimension: self.build.model.dimension(),
            model: self.build.model.name().to_owned(),
            ..Report::default()
        };
        let task = Task {
            options: &self.build,
            output: self.output,
            chosen: Chosen {
                files: &files,
                rows: &HashMap::new(),
                rest: &|_| epoch.keeps_others,
            },
            whole: epoch.is_whole,
            compact: false,
            photos: fs::canonicalize(&self.build.photos).ok(),
        };
        let step = task.run(report, Instant::now(), watch, cancelled)?;
        let moved = self.moved()?.map_or(0, |moved| moved.ids().len() as u64);
        let is_published = step.published;
        self.report.add(step, moved);
        Ok(is_published)
    }

    /// Pictures whose rows are moved and whose files are there to be embedded.
    fn wanted(&self, index: &Index) -> Result<HashSet<u32>, BuildError> {
        let Some(moved) = self.moved()? else {
            return Ok(HashSet::new());
        };
        let problems = self.report.problems.iter();
        let failed: HashSet<&str> = problems.map(|problem| problem.path.as_str()).collect();
        let is_wanted = |record: &Record| {
            let path = record.path.as_str();
            moved.holds(record.id) && self.files.contains_key(path) && !failed.contains(path)
        };
        let records = index.records().filter(is_wanted);
        Ok(records.map(|record| record.id).collect())
    }

    fn moved(&self) -> Result<Option<Moved>, BuildError> {
        Moved::read(self.output, Kind::Moved, &self.build.model)
    }
}
