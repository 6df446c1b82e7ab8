//! A folder → a published epoch: walk, embed what is new, partition, assemble, publish.
//!
//! Runs any number of times on the same folders. What is known of a picture is taken from the log;
//! when all that goes into the index is what went in last time, nothing is published. Ids are given in
//! the order of paths, stay with a path over epochs, and are never given twice.
//! The order of writing is: thumbnails and log as they come, then model, state, page, index files, and
//! the manifest last. A crash before the last leaves the old epoch served and the log to go on with.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::assemble::{Assembled, Previous, assemble, assemble_cells};
use super::incremental::{keep_cells, stale};
use super::metadata::{self, Metadata, Row};
use super::model::Model;
use super::output::{Durable, MANIFEST, Output, put, sync_folder};
use super::publish::{prune, publish};
use super::report::{Report, Step};
use super::resume::{self, Entry, Log};
use super::state::State;
use super::walk::{Found, Problem, Walk, walk};
use super::work::{self, Done, Work, work};
use super::{BuildError, load_index, page, thumbnail};
use crate::image::Limits;
use crate::index::{Index, Record};
use crate::partition::{Method, PartitionOptions, Rows, partition};

/// How often the log is made safe against a power cut; a killed process loses nothing anyway.
const FLUSH_EVERY: Duration = Duration::from_secs(5);
const BUILD_FILE: &str = "build.json";
const REPORT_FILE: &str = "report.json";
const PRUNE_OWED: &str = "prune-owed";

pub struct BuildOptions {
    pub photos: PathBuf,
    pub output: PathBuf,
    pub model: Model,
    /// None: chosen by the number of pictures.
    pub cells: Option<u32>,
    pub seed: u64,
    pub method: Method,
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
    let (files, rows) = chosen(options, &walked, &mut report)?;

    let output = Output::claim(&options.output)?;
    let mut log = Log::open(&output.state().join("pictures.log"))?;
    let fresh_thumbs = embed_new(
        options,
        &output,
        &files,
        &mut log,
        &mut report,
        watch,
        cancelled,
    )?;

    let previous = match output.folder().join(MANIFEST).exists() {
        true => Some(load_index(output.folder())?),
        false => None,
    };
    let gathered = gather(
        options,
        &output,
        &files,
        &rows,
        &log,
        previous.as_ref(),
        &mut report,
    )?;
    let input = gathered.fingerprint(options);
    let last = LastBuild::read(&output);
    let unchanged = last.as_ref().is_some_and(|last| last.input == input);
    let index = match previous {
        Some(index) if unchanged => index,
        previous => {
            let writing = Writing {
                options,
                output: &output,
                gathered: &gathered,
                previous: previous.as_ref(),
                last,
                fresh_thumbs: &fresh_thumbs,
            };
            let (done, kept_cells) = writing.write(input, watch, cancelled)?;
            report.kept_cells = kept_cells;

            done.write(&output)?;
            report.published = true;
            load_index(output.folder())?
        }
    };
    if let Some(folder) = &options.page {
        report.page_files = Some(page::copy(folder, output.folder())?);
    }
    let owed = output.state().join(PRUNE_OWED);
    if options.prune || owed.exists() {
        let thumbs = gathered
            .records
            .iter()
            .filter_map(|record| record.thumb.clone());
        report.pruned = prune(output.folder(), &thumbs.collect())?;
    }
    if owed.exists() {
        fs::remove_file(&owed).map_err(|source| BuildError::io("remove", &owed, source))?;
        report.notes.push(
            "a published picture became private: its thumbnail and the files of earlier epochs were \
             removed here; remove them where you uploaded them, too"
                .to_string(),
        );
    }
    let live: HashSet<&str> = files.iter().map(|found| found.path.as_str()).collect();
    log.compact(|path| live.contains(path))?;
    log.flush()?;
    finish(&mut report, &index, began);
    let text = serde_json::to_vec_pretty(&report).expect("plain data");
    put(&output.state(), REPORT_FILE, &text, Durable::Later)?;
    Ok(report)
}

/// The pictures that shall be in the index, and what the metadata says of them.
fn chosen<'w>(
    options: &BuildOptions,
    walked: &'w Walk,
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
            let rows = table.matched(walked.found.iter().map(|found| found.path.as_str()));
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
    if files.is_empty() {
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

/// Embeds what the log does not know. Gives the thumbnails that were written.
fn embed_new(
    options: &BuildOptions,
    output: &Output,
    files: &[&Found],
    log: &mut Log,
    report: &mut Report,
    watch: &mut dyn FnMut(Step),
    cancelled: &AtomicBool,
) -> Result<Vec<String>, BuildError> {
    let settings = settings(options);
    let thumb_there = |entry: &Entry| match &entry.outcome {
        resume::Outcome::Embedded { thumb, .. } => {
            fs::metadata(output.folder().join(thumb)).is_ok_and(|found| found.len() > 0)
        }
        resume::Outcome::Broken { .. } => true,
    };
    let todo: Vec<Found> = files
        .iter()
        .filter(|found| {
            !log.get(&found.path)
                .is_some_and(|entry| entry.holds(found, &settings) && thumb_there(entry))
        })
        .map(|found| (*found).clone())
        .collect();
    let (of, reused) = (todo.len() as u64, (files.len() - todo.len()) as u64);
    let pictures = files.len() as u64;
    report.reused = reused;
    watch(Step::Walked { pictures, reused });
    if todo.is_empty() {
        return Ok(Vec::new());
    }
    watch(Step::Model);
    let embedder = options.model.load()?;

    let known: HashMap<String, Arc<Entry>> = log
        .contents(&settings)
        .filter(|(_, entry)| thumb_there(entry))
        .collect();
    let fresh = std::sync::Mutex::new(Vec::new());
    let mut flushed = Instant::now();
    let (mut done, mut failed) = (0, 0);
    let mut sink = |result: Done| {
        let found = &todo[result.index];
        done += 1;
        let outcome = match result.outcome {
            work::Outcome::Embedded {
                vector,
                width,
                height,
                thumb,
            } => {
                report.embedded += 1;
                let thumb = thumb.unwrap_or_default();
                Some((
                    resume::Outcome::Embedded {
                        width,
                        height,
                        thumb,
                    },
                    vector,
                ))
            }
            work::Outcome::Known => {
                report.reused += 1;
                known
                    .get(&result.content)
                    .map(|entry| (entry.outcome.clone(), entry.vector.clone()))
            }
            work::Outcome::Broken {
                code,
                message,
                lasting,
            } => {
                failed += 1;
                if !lasting {
                    // Not in the log, so it must be said here.
                    let path = found.path.clone();
                    report.problems.push(Problem {
                        path,
                        code,
                        message,
                    });
                    None
                } else {
                    Some((resume::Outcome::Broken { code, message }, Vec::new()))
                }
            }
        };
        watch(Step::Picture { done, of, failed });
        let Some((outcome, vector)) = outcome else {
            return Ok(());
        };
        log.append(Entry {
            path: found.path.clone(),
            bytes: found.bytes,
            modified_ns: found.modified_ns,
            settings: settings.clone(),
            content: result.content,
            outcome,
            vector,
        })?;
        if flushed.elapsed() > FLUSH_EVERY {
            log.flush()?;
            flushed = Instant::now();
        }
        Ok(())
    };
    let worked = work(
        &todo,
        &Work {
            embedder: &embedder,
            limits: &options.limits,
            thumbnail_side: Some(options.thumbnail_side),
            jobs: jobs(options.jobs),
            cancelled,
            known: &|content| known.contains_key(content),
            store: &|thumb| {
                if put(output.folder(), &thumb.name, &thumb.jpeg, Durable::Later)? {
                    let mut fresh = fresh
                        .lock()
                        .unwrap_or_else(|poisoned| poisoned.into_inner());
                    fresh.push(thumb.name.clone());
                }
                Ok(())
            },
        },
        &mut sink,
    );
    log.flush()?;
    worked?;
    Ok(fresh
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner()))
}

/// As many threads as asked for, or one a processor.
pub fn jobs(wanted: Option<usize>) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    wanted.unwrap_or(processors).max(1)
}

/// Everything but the file that shapes a picture's vector and thumbnail.
fn settings(options: &BuildOptions) -> String {
    let model = options.model.reference();
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

/// All that goes into an epoch.
struct Gathered {
    records: Vec<Record>,
    ids: Vec<u32>,
    /// Row i belongs to `records[i]`.
    vectors: Vec<f32>,
    dimension: usize,
    /// One more than the highest id ever given.
    next_id: u32,
    /// Pictures that came, went or became others since the epoch before.
    churn: u64,
    same_model: bool,
    /// A picture of the epoch before must not be seen any more.
    now_private: bool,
}

fn gather(
    options: &BuildOptions,
    output: &Output,
    files: &[&Found],
    rows: &HashMap<&str, Row>,
    log: &Log,
    previous: Option<&Index>,
    report: &mut Report,
) -> Result<Gathered, BuildError> {
    let settings = settings(options);
    let dimension = options.model.dimension();
    let old: HashMap<String, Record> = previous
        .iter()
        .flat_map(|index| index.records())
        .map(|record| (record.path.clone(), record))
        .collect();
    // Rows of removed pictures count: their ids were given.
    let state = State::open_any(output.folder()).ok();
    let kept_rows = state.as_ref().map_or(0, |state| state.rows() as u64);
    let highest = old.values().map(|record| u64::from(record.id) + 1).max();
    let mut next = kept_rows.max(highest.unwrap_or(0));
    let model = options.model.reference();
    let same_model = previous.is_some_and(|index| index.manifest().model.as_ref() == Some(&model));

    let mut gathered = Gathered {
        records: Vec::with_capacity(files.len()),
        ids: Vec::with_capacity(files.len()),
        vectors: Vec::with_capacity(files.len() * dimension),
        dimension,
        next_id: 0,
        churn: 0,
        same_model: false,
        now_private: false,
    };
    let mut broken = 0;
    for found in files {
        let entry = log
            .get(&found.path)
            .filter(|entry| entry.holds(found, &settings));
        let (width, height, thumb, entry) = match entry.map(|entry| (&entry.outcome, entry)) {
            Some((
                resume::Outcome::Embedded {
                    width,
                    height,
                    thumb,
                },
                entry,
            )) if entry.vector.len() == dimension => (*width, *height, thumb.clone(), entry),
            Some((resume::Outcome::Broken { code, message }, _)) => {
                broken += 1;
                report.problems.push(Problem {
                    path: found.path.clone(),
                    code: code.clone(),
                    message: message.clone(),
                });
                continue;
            }
            // Not readable in this run; `embed_new` has said so.
            _ => continue,
        };
        let before = old.get(&found.path);
        let same_picture = |record: &&Record| match &state {
            Some(state) if same_model => state.row(record.id) == Some(&entry.vector),
            _ => !same_model || record.thumb.as_deref() == Some(&thumb),
        };
        let id = match before.filter(same_picture) {
            Some(record) => record.id,
            None => {
                let id = u32::try_from(next).map_err(|_| BuildError::TooMany { pictures: next })?;
                next += 1;
                id
            }
        };
        let row = rows.get(found.path.as_str()).cloned().unwrap_or_default();
        let record = Record {
            id,
            path: found.path.clone(),
            key: row.id.unwrap_or_else(|| found.path.clone()),
            url: row.url,
            title: row.title,
            owner: row.owner,
            uploaded: row.uploaded,
            tags: row.tags,
            private: row.private,
            thumb: Some(thumb),
            width,
            height,
        };
        match before {
            Some(before) if *before != record => report.changed += 1,
            Some(_) => {}
            None => report.added += 1,
        }
        gathered.churn += u64::from(before.is_none_or(|before| before.id != id));
        gathered.records.push(record);
        gathered.ids.push(id);
        gathered.vectors.extend(&entry.vector);
    }
    report.problems.sort_by(|a, b| a.path.cmp(&b.path));
    if gathered.records.is_empty() {
        let first = report.problems.first();
        return Err(BuildError::NothingToIndex {
            folder: options.photos.clone(),
            why: format!(
                "none of {} pictures could be read ({broken} are broken){}",
                files.len(),
                first
                    .map(|first| format!("; {}: {}", first.path, first.message))
                    .unwrap_or_default()
            ),
        });
    }
    let live: HashSet<&str> = gathered
        .records
        .iter()
        .map(|record| record.path.as_str())
        .collect();
    report.removed = old
        .keys()
        .filter(|path| !live.contains(path.as_str()))
        .count() as u64;
    gathered.churn += report.removed;
    gathered.same_model = same_model;
    gathered.now_private = !options.include_private
        && old.values().any(|record| {
            rows.get(record.path.as_str())
                .is_some_and(|row| row.private)
        });
    gathered.next_id = u32::try_from(next).map_err(|_| BuildError::TooMany { pictures: next })?;
    Ok(gathered)
}

impl Gathered {
    /// Hash of all that shapes the epoch.
    fn fingerprint(&self, options: &BuildOptions) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{} {:?}", settings(options), options.partition()).as_bytes());
        for record in &self.records {
            let text = serde_json::to_vec(record).expect("plain data");
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(&text);
        }
        for value in &self.vectors {
            hasher.update(&value.to_le_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// A row for every id ever given; a removed picture keeps the one it had.
    fn state(&self, output: &Output, model: String) -> State {
        let mut all = vec![0.0; self.next_id as usize * self.dimension];
        if let Ok(before) = State::open_any(output.folder()) {
            let (vectors, dimension) = before.vectors();
            if dimension == self.dimension && vectors.len() <= all.len() {
                all[..vectors.len()].copy_from_slice(vectors);
            }
        }
        for (id, row) in self
            .ids
            .iter()
            .zip(self.vectors.chunks_exact(self.dimension))
        {
            all[*id as usize * self.dimension..][..self.dimension].copy_from_slice(row);
        }
        State::new(all, self.dimension, Some(model))
    }
}

/// All that is needed to make and publish an epoch.
struct Writing<'a> {
    options: &'a BuildOptions,
    output: &'a Output,
    gathered: &'a Gathered,
    previous: Option<&'a Index>,
    last: Option<LastBuild>,
    fresh_thumbs: &'a [String],
}

impl Writing<'_> {
    fn write(
        &self,
        input: String,
        watch: &mut dyn FnMut(Step),
        cancelled: &AtomicBool,
    ) -> Result<(LastBuild, bool), BuildError> {
        let (options, output, gathered) = (self.options, self.output, self.gathered);
        let (assembled, mut last, kept_cells) = self.assemble(watch)?;
        if cancelled.load(Ordering::Relaxed) {
            return Err(BuildError::Interrupted);
        }
        watch(Step::Writing);
        for (name, bytes) in options.model.files() {
            put(output.folder(), &name, &bytes, Durable::Now)?;
        }
        sync(output.folder(), self.fresh_thumbs)?;
        let model = options.model.reference().onnx.name;
        gathered.state(output, model).save(output.folder())?;
        if gathered.now_private {
            // Outlives a crash between the new manifest and the removal of the old files.
            put(&output.state(), PRUNE_OWED, b"", Durable::Now)?;
        }
        // While this is gone no build believes that the published epoch is what it would make.
        forget_input(output)?;
        publish(output.folder(), &assembled)?;
        last.input = input;
        Ok((last, kept_cells))
    }

    /// The new epoch, what to remember of it, and whether its cells are those of the epoch before.
    fn assemble(
        &self,
        watch: &mut dyn FnMut(Step),
    ) -> Result<(Assembled, LastBuild, bool), BuildError> {
        let (options, gathered) = (self.options, self.gathered);
        let rows = Rows::new(&gathered.vectors, gathered.dimension)?;
        let (ids, records) = (&gathered.ids, &gathered.records);
        let model = Some(options.model.reference());
        let previous = self.previous.map(Previous::new).transpose()?;
        let wanted = options.partition();
        if let (Some(index), Some(last)) = (self.previous, &self.last) {
            let churn = last.churn + gathered.churn;
            let usable = gathered.same_model
                && last.partition == format!("{wanted:?}")
                && !stale(last.at_partition, churn);
            let specs = usable.then(|| keep_cells(rows, ids, index)).flatten();
            if let Some(specs) = specs {
                let assembled =
                    assemble_cells(rows, ids, &specs, records, model, previous.as_ref())?;
                let last = LastBuild {
                    churn,
                    ..last.clone()
                };
                return Ok((assembled, last, true));
            }
        }
        let layout = partition(rows, &wanted, &mut |progress| {
            watch(Step::Partition {
                done: progress.done,
                of: progress.total,
            });
        })?;
        let assembled = assemble(rows, ids, records, &layout, model, previous.as_ref())?;
        let last = LastBuild {
            format: 1,
            input: String::new(),
            partition: format!("{wanted:?}"),
            at_partition: records.len() as u64,
            churn: 0,
        };
        Ok((assembled, last, false))
    }
}

impl BuildOptions {
    fn partition(&self) -> PartitionOptions {
        PartitionOptions {
            cells: self.cells,
            seed: self.seed,
            method: self.method,
        }
    }
}

/// By now the system has written most of them; what is left is waited for.
fn sync(dist: &Path, thumbs: &[String]) -> Result<(), BuildError> {
    for name in thumbs {
        let path = dist.join(name);
        File::open(&path)
            .and_then(|file| file.sync_data())
            .map_err(|source| BuildError::io("sync", &path, source))?;
    }
    match thumbs.is_empty() {
        true => Ok(()),
        false => sync_folder(&dist.join(thumbnail::FOLDER)),
    }
}

/// What the last build went by. Lost or damaged, the next build partitions anew.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct LastBuild {
    format: u32,
    /// Hash of all that went into the published epoch.
    input: String,
    /// The options of the last fresh partition, its pictures, and how many came and went since.
    partition: String,
    at_partition: u64,
    churn: u64,
}

impl LastBuild {
    fn read(output: &Output) -> Option<Self> {
        let text = fs::read(output.state().join(BUILD_FILE)).ok()?;
        serde_json::from_slice(&text)
            .ok()
            .filter(|last: &Self| last.format == 1)
    }

    fn write(&self, output: &Output) -> Result<(), BuildError> {
        let text = serde_json::to_vec_pretty(self).expect("plain data");
        put(&output.state(), BUILD_FILE, &text, Durable::Now).map(drop)
    }
}

fn forget_input(output: &Output) -> Result<(), BuildError> {
    let path = output.state().join(BUILD_FILE);
    match fs::remove_file(&path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(BuildError::io("remove", &path, source))
        }
        _ => Ok(()),
    }
}

fn finish(report: &mut Report, index: &Index, began: Instant) {
    let manifest = index.manifest();
    report.epoch = manifest.epoch;
    report.pictures = manifest.counts.pictures;
    report.cells = u64::from(manifest.counts.cells);
    let model = manifest
        .model
        .iter()
        .flat_map(|model| [&model.onnx, &model.sidecar]);
    report.model_bytes = model.map(|file| file.bytes).sum();
    let all: u64 = manifest.files().map(|file| file.bytes).sum();
    report.index_bytes = all - report.model_bytes;
    report.took_ms = began.elapsed().as_millis() as u64;
}
