//! A folder → a published epoch: walk, embed what is new, partition, assemble, publish.
//!
//! Runs any number of times on the same folders. What is known of a picture is taken from the log;
//! when all that goes into the index is what went in last time, nothing is published. Ids are given in
//! the order of paths, stay with a path over epochs, and are never given twice.
//! The order of writing is: thumbnails and log as they come, then model, state, page, index files, and
//! the manifest last. A crash before the last leaves the old epoch served and the log to go on with.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::assemble::Encoding;
use super::epoch::Writing;
use super::gather::{Chosen, Gathered, gather};
use super::last::LastBuild;
use super::learn::learn;
use super::metadata::{self, Metadata, Row};
use super::model::Model;
use super::moved::{self, Kind, Moved};
use super::output::{Durable, Output, put};
use super::projection::{Gallery, Projecting, of_published};
use super::publish::{prune, prune_thumbnails};
use super::report::{Report, Step};
use super::resume::{Entry, Log};
use super::walk::{Found, Walk, walk};
use super::{BuildError, load_index, load_previous, page, work};
use crate::image::Limits;
use crate::index::{Index, Record};
use crate::partition::{Method, PartitionOptions};
use crate::quantize::CodeBits;

const REPORT_FILE: &str = "report.json";
/// A picture of an earlier epoch turned private, and the files that show it are not removed yet.
pub const PRUNE_OWED: &str = "prune-owed";

#[derive(Clone)]
pub struct BuildOptions {
    pub photos: PathBuf,
    pub output: PathBuf,
    pub model: Model,
    pub projection: Projecting,
    /// None: chosen by the number of pictures.
    pub cells: Option<u32>,
    pub seed: u64,
    pub method: Method,
    /// Bits a dimension of a code. None: as the epoch before has them, or the default in the first.
    pub bits: Option<CodeBits>,
    /// None: `metadata.csv` or `metadata.json` in the photos, if there.
    pub metadata: Option<PathBuf>,
    /// Keep private pictures, marked, instead of leaving them out.
    pub include_private: bool,
    pub thumbnail_side: u32,
    /// None: one a processor.
    pub jobs: Option<usize>,
    pub page: Option<PathBuf>,
    /// Remove the files of earlier epochs.
    pub prune: bool,
    pub limits: Limits,
}

/// Builds or continues. `watch` hears of every step; `cancelled` ends the work soon, with all that is
/// done kept, as [`BuildError::Interrupted`].
pub fn build(
    options: &BuildOptions,
    watch: &mut dyn FnMut(Step),
    cancelled: &AtomicBool,
) -> Result<Report, BuildError> {
    let began = Instant::now();
    if let Some(folder) = &options.page
        && let Err(error) = page::check(folder, options.model.is_plain())
    {
        // A model that cannot be used anywhere says so itself.
        options.model.load()?;
        return Err(error);
    }
    let walked = walk(&options.photos)?;
    let mut report = Report {
        dimension: options.model.dimension(),
        model: options.model.name().to_string(),
        files_seen: walked.seen,
        hidden: walked.hidden,
        skipped: walked.skipped.clone(),
        problems: walked.problems.clone(),
        model_assumed: options.model.assumed.clone(),
        ..Report::default()
    };
    let (files, rows) = chosen(options, &walked, &[], &mut report)?;
    let output = Output::claim(&options.output)?;
    let task = Task {
        options,
        output: &output,
        chosen: Chosen {
            files: &files,
            rows: &rows,
            rest: &|_| false,
        },
        whole: true,
        compact: false,
        photos: fs::canonicalize(&options.photos).ok(),
    };
    task.run(report, began, watch, cancelled)
}

/// The work that `build` and updates of an index have in common.
pub(super) struct Task<'a> {
    pub options: &'a BuildOptions,
    pub output: &'a Output,
    pub chosen: Chosen<'a>,
    /// Whether the pictures that were chosen are all that there will be.
    pub whole: bool,
    /// Whether every cell is to be whole, and none found anew.
    pub compact: bool,
    /// The folder of all pictures, if there is one.
    pub photos: Option<PathBuf>,
}

impl Task<'_> {
    pub fn run(
        &self,
        mut report: Report,
        began: Instant,
        watch: &mut dyn FnMut(Step),
        cancelled: &AtomicBool,
    ) -> Result<Report, BuildError> {
        let (options, output, files) = (self.options, self.output, self.chosen.files);
        let mut log = Log::open(&output.state().join("pictures.log"))?;
        let fresh_thumbs = learn(
            options,
            output,
            files,
            &mut log,
            &mut report,
            watch,
            cancelled,
        )?;
        let previous = load_previous(output.folder())?;
        if previous
            .as_ref()
            .is_some_and(|index| index.manifest().model.is_none())
        {
            return Err(BuildError::OutputOther {
                folder: options.output.clone(),
                holds: "vectors made elsewhere",
            });
        }
        let moved = Moved::read(output, Kind::Moved, &options.model)?;
        // What is fitted on all pictures was fitted on moved rows: it is found anew with the vectors that the model made.
        let finishes = self.whole && moved.is_some();
        let options = &self.projecting(&log, previous.as_ref(), moved.as_ref())?;
        report.dimension = options.model.dimension();
        report.projection = options.model.projection().map(|p| p.kind.clone());
        let gathered = gather(
            options,
            output,
            &self.chosen,
            (&log, moved.as_ref()),
            previous.as_ref(),
            &mut report,
        )?;
        let bits = Encoding {
            bits: options.bits,
            ..Encoding::default()
        }
        .bits(previous.as_ref());
        let input = gathered.fingerprint(options, bits);
        let last = LastBuild::read(output);
        let unchanged = match (self.compact, &previous) {
            (true, Some(index)) => index.is_whole(),
            _ => !finishes && last.as_ref().is_some_and(|last| last.input == input),
        };
        let index = match previous {
            Some(index) if unchanged => index,
            previous => {
                let writing = Writing {
                    options,
                    output,
                    gathered: &gathered,
                    previous: previous.as_ref(),
                    last,
                    fresh_thumbs: &fresh_thumbs,
                    bits,
                    compact: self.compact,
                    afresh: finishes,
                    photos: self.photos.clone(),
                };
                let written = writing.write(input, watch, cancelled)?;
                report.kept_cells = written.weighed.is_none();
                report.candidates = written.weighed.unwrap_or_default();
                report.new_files = written.new_files;
                report.new_bytes = written.new_bytes;
                written.last.write(output)?;
                self.settle_moved(moved, &gathered, &options.model)?;
                report.published = true;
                load_index(output.folder())?
            }
        };
        if let Some(folder) = &options.page {
            let model = index.manifest().model.as_ref();
            report.page_files = Some(page::copy(folder, output.folder(), model)?);
        }
        self.tidy(&gathered, &mut report)?;
        // A file that cannot be read is known, too.
        let records = gathered.records.iter().map(|record| record.path.as_str());
        let live: HashSet<&str> = records
            .chain(files.iter().map(|found| found.path.as_str()))
            .collect();
        log.compact(|path| live.contains(path))?;
        log.flush()?;
        report.finish(&index, began);
        let text = serde_json::to_vec_pretty(&report).expect("plain data");
        put(&output.state(), REPORT_FILE, &text, Durable::Later)?;
        Ok(report)
    }

    /// The options with the projection in the model.
    fn projecting(
        &self,
        log: &Log,
        previous: Option<&Index>,
        moved: Option<&Moved>,
    ) -> Result<BuildOptions, BuildError> {
        let options = self.options;
        let network = options.model.projected(None);
        let manifest = previous.map(Index::manifest);
        let before = manifest.and_then(|m| of_published(self.output.folder(), m, &network));
        let before = before.map(|before| before.outdated(self.whole && moved.is_some()));
        let settings = settings(options);
        let known = |found: &&Found| {
            log.get(&found.path)
                .filter(|entry| entry.holds(found, &settings) && !entry.vector.is_empty())
        };
        let entries: Vec<&Entry> = self.chosen.files.iter().filter_map(known).collect();
        let embedded: HashSet<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
        let goes_on = |record: &Record| {
            (self.chosen.rest)(record) && !embedded.contains(record.path.as_str())
        };
        let records = previous.filter(|_| moved.is_some());
        let records = records.into_iter().flat_map(Index::records);
        let moved_rows = records
            .filter(goes_on)
            .filter_map(|record| moved.and_then(|moved| moved.row(record.id)));
        let made = entries.iter().map(|entry| entry.vector.as_slice());
        let vectors: Vec<&[f32]> = made.chain(moved_rows).collect();
        let gallery = Gallery {
            pictures: vectors.len(),
            whole: self.whole,
            vectors: || vectors.concat(),
        };
        let projecting = &options.projection;
        let projection = projecting.resolve(&network, before.as_ref(), gallery)?;
        Ok(BuildOptions {
            model: network.projected(projection),
            ..options.clone()
        })
    }

    /// After a publication: which rows of the index are still moved ones.
    fn settle_moved(
        &self,
        moved: Option<Moved>,
        gathered: &Gathered,
        model: &Model,
    ) -> Result<(), BuildError> {
        if let Some(mut moved) = moved {
            let lives: HashSet<u32> = gathered.ids.iter().copied().collect();
            moved.retain(|id| lives.contains(&id) && !gathered.made.contains(&id));
            match moved.ids().is_empty() {
                true => moved::remove_own(self.output, model)?,
                false => moved.save(self.output, Kind::Moved, model)?,
            }
        }
        // Of a model that is not the index's any more.
        match self.whole {
            true => moved::remove_others(self.output, model),
            false => Ok(()),
        }
    }

    /// Removes what nobody needs any more.
    fn tidy(&self, gathered: &Gathered, report: &mut Report) -> Result<(), BuildError> {
        let output = self.output;
        let owed = output.state().join(PRUNE_OWED);
        let thumbs: HashSet<String> = gathered
            .records
            .iter()
            .filter_map(|record| record.thumb.clone())
            .collect();
        if self.options.prune || owed.exists() {
            report.pruned = prune(output.folder(), &thumbs)?;
        } else if self.compact {
            report.pruned = prune_thumbnails(output.folder(), &thumbs)?;
        }
        if owed.exists() {
            fs::remove_file(&owed).map_err(|source| BuildError::io("remove", &owed, source))?;
            report.notes.push(
                "a published picture became private: its thumbnail and the files of earlier epochs were \
                 removed here; remove them where you uploaded them, too"
                    .to_string(),
            );
        }
        Ok(())
    }
}

/// The pictures that shall be in the index, and what the metadata says of them, and of `others` that are in it.
pub(super) fn chosen<'w>(
    options: &BuildOptions,
    walked: &'w Walk,
    others: &'w [String],
    report: &mut Report,
) -> Result<(Vec<&'w Found>, HashMap<&'w str, Row>), BuildError> {
    let nothing = |why: String| BuildError::NothingToIndex {
        folder: options.photos.clone(),
        why,
    };
    if walked.found.is_empty() {
        return Err(nothing(format!(
            "{}, none is a JPEG, PNG, GIF or WebP; save the pictures as one of these",
            walked.seen()
        )));
    }
    let table = options
        .metadata
        .clone()
        .or_else(|| metadata::beside(&options.photos));
    let rows = match &table {
        Some(file) => {
            let mut table = Metadata::read(file)?;
            let found = walked.found.iter().map(|found| found.path.as_str());
            let others = others.iter().map(String::as_str);
            let rows = table.matched(found.chain(others));
            report.notes.append(&mut table.notes);
            rows
        }
        None => HashMap::new(),
    };
    let private = |path: &str| rows.get(path).is_some_and(|row| row.private);
    let files: Vec<&Found> = walked
        .found
        .iter()
        .filter(|found| options.include_private || !private(&found.path))
        .collect();
    report.private = (walked.found.len() - files.len()) as u64;
    if files.is_empty() && !others.iter().any(|path| private(path)) {
        return Err(nothing(format!(
            "all {} pictures are marked private; --include-private publishes them, marked",
            report.private
        )));
    }
    if u32::try_from(files.len()).is_err() {
        let pictures = files.len() as u64;
        return Err(BuildError::TooMany { pictures });
    }
    Ok((files, rows))
}

/// Everything but the file that shapes a picture's vector and thumbnail.
pub(super) fn settings(options: &BuildOptions) -> String {
    let model = options.model.network_reference();
    let limits = &options.limits;
    let text = format!(
        "{} {} {} {} {limits:?}",
        work::PIPELINE,
        model.onnx.name,
        model.sidecar.name,
        options.thumbnail_side,
    );
    blake3::hash(text.as_bytes()).to_hex()[..16].to_string()
}

impl BuildOptions {
    pub(super) fn partition(&self) -> PartitionOptions {
        PartitionOptions {
            cells: self.cells,
            seed: self.seed,
            method: self.method,
        }
    }
}
