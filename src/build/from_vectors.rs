//! Vectors made elsewhere → a published epoch. A picture's id is the number of its row.
//!
//! There are no records, no thumbnails and no model: whoever made the vectors knows what row 17 is.
//! Run again with more rows at the end the cells go on, as in a build of pictures, and rows that the file no longer
//! has are removed; when a row that
//! was there has another vector now, all cells are new, because a cell that goes on keeps its codes.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::assemble::Encoding;
use super::last::{LastBuild, forget_input};
use super::output::{Durable, Output, put};
use super::publish::{prune, publish, published};
use super::report::{Report, Step};
use super::successor::{Made, Successor};
use super::threads::Threads;
use super::{BuildError, Shape, State, VectorFile, Vectors, load_index, load_previous, page};
use crate::index::Index;
use crate::partition::{PartitionOptions, Rows};
use crate::quantize::{CodeBits, Metric};

pub struct VectorOptions {
    /// `.npy`, `.parquet` or `.f32`.
    pub file: PathBuf,
    /// Numbers in a row, which a raw file does not say.
    pub dimension: Option<usize>,
    /// Which column of a Parquet file.
    pub column: Option<String>,
    pub output: PathBuf,
    pub partition: PartitionOptions,
    /// What makes two rows near. None: as the epoch before has it, or the angle in the first.
    pub metric: Option<Metric>,
    /// Bits a dimension of a code. None: as the epoch before has them, or the default in the first.
    pub bits: Option<CodeBits>,
    /// None: one a processor.
    pub jobs: Option<usize>,
    /// A page to put beside the index.
    pub page: Option<PathBuf>,
    /// Remove the files of earlier epochs.
    pub prune: bool,
}

/// Builds, or publishes nothing when neither vectors nor options changed.
pub fn build_vectors(
    options: &VectorOptions,
    watch: &mut dyn FnMut(Step),
    cancelled: &AtomicBool,
) -> Result<Report, BuildError> {
    let began = Instant::now();
    let before = published(&options.output)?.map(|(_, manifest)| manifest.metric);
    let metric = options.metric.or(before).unwrap_or_default();
    let file = VectorFile {
        path: &options.file,
        dimension: options.dimension,
        column: options.column.as_deref(),
        shape: Shape::Table,
        metric,
    };
    let vectors = file.read()?;
    let rows = vectors.rows() as u64;
    if rows >= u64::from(u32::MAX) {
        return Err(BuildError::TooMany { pictures: rows });
    }
    watch(Step::Walked {
        pictures: rows,
        reused: 0,
    });
    let output = Output::claim(&options.output)?;
    let previous = load_previous(output.folder())?;
    if let Some(index) = &previous
        && (index.manifest().model.is_some() || !index.manifest().records.is_empty())
    {
        return Err(BuildError::OutputOther {
            folder: options.output.clone(),
            holds: "pictures",
        });
    }
    if let Some(index) = previous.as_ref().filter(|index| index.metric() != metric) {
        return Err(BuildError::OutputOther {
            folder: options.output.clone(),
            holds: held(index.metric()),
        });
    }
    let mut next = Next::compare(&vectors, previous, &output);
    let mut report = Report {
        dimension: vectors.dimension,
        added: next.added,
        changed: next.changed,
        removed: next.removed,
        ..Report::default()
    };
    let workers = Threads::new(options.jobs).map_err(BuildError::threads)?;
    let encoding = Encoding {
        metric: Some(metric),
        bits: options.bits,
        whole: false,
        workers: &workers,
    };
    let bits = encoding.bits(next.previous.as_ref());
    let input = fingerprint(&vectors, &options.partition, bits, metric);
    let unchanged = next.last.as_ref().is_some_and(|last| last.input == input);
    let index = match next.previous.take() {
        Some(index) if unchanged => index,
        previous => {
            next.previous = previous;
            let (assembled, mut last, weighed) =
                next.make(&vectors, &options.partition, &encoding, watch)?;
            if cancelled.load(Ordering::Relaxed) {
                return Err(BuildError::Interrupted);
            }
            watch(Step::Writing);
            next.state(vectors).save(output.folder())?;
            forget_input(&output)?;
            publish(output.folder(), &assembled)?;
            report.kept_cells = weighed.is_none();
            report.candidates = weighed.unwrap_or_default();
            report.published = true;
            report.new_files = assembled.files.len() as u64;
            report.new_bytes = assembled.new_bytes();
            last.input = input;
            last.write(&output)?;
            load_index(output.folder())?
        }
    };
    if let Some(folder) = &options.page {
        report.page_files = Some(page::copy(folder, output.folder(), None)?);
    }
    if options.prune {
        report.pruned = prune(output.folder(), &Default::default())?;
    }
    report.finish(&index, began);
    let text = serde_json::to_vec_pretty(&report).expect("plain data");
    put(&output.state(), "report.json", &text, Durable::Later)?;
    Ok(report)
}

/// The rows of now, held against those of the epoch before.
struct Next {
    previous: Option<Index>,
    last: Option<LastBuild>,
    /// Of all ids ever given.
    state: Option<State>,
    added: u64,
    changed: u64,
    removed: u64,
}

impl Next {
    fn compare(vectors: &Vectors, previous: Option<Index>, output: &Output) -> Self {
        let rows = vectors.rows();
        let before = previous.as_ref().and_then(Index::pictures);
        let before = before.unwrap_or_default();
        let both = before.partition_point(|&id| (id as usize) < rows);
        let most = before.last().map_or(0, |&id| id as usize + 1);
        let state = State::open(output.folder())
            .ok()
            .filter(|state| state.vectors().1 == vectors.dimension && state.rows() >= most);
        let row = |id: u32| &vectors.values[id as usize * vectors.dimension..][..vectors.dimension];
        let changed = match &state {
            Some(state) => {
                let differs = |id: &&u32| state.row(**id) != Some(row(**id));
                before[..both].iter().filter(differs).count()
            }
            // Nobody knows what the rows were.
            None => both,
        };
        Self {
            last: LastBuild::read(output),
            added: (rows - both) as u64,
            changed: changed as u64,
            removed: (before.len() - both) as u64,
            previous,
            state,
        }
    }

    fn make(
        &self,
        vectors: &Vectors,
        wanted: &PartitionOptions,
        encoding: &Encoding,
        watch: &mut dyn FnMut(Step),
    ) -> Result<Made, BuildError> {
        let ids: Vec<u32> = (0..vectors.rows() as u32).collect();
        let successor = Successor {
            rows: Rows::new(&vectors.values, vectors.dimension)?,
            ids: &ids,
            records: &[],
            model: None,
            previous: self.previous.as_ref(),
            last: self.last.as_ref(),
            wanted: *wanted,
            churn: self.added + self.removed,
            same_vectors: self.changed == 0,
            renewed: &HashSet::new(),
            same_cells: false,
            encoding: *encoding,
        };
        successor.make(watch)
    }

    /// The rows of now, and behind them those of ids that are gone: these are never given again.
    fn state(&self, vectors: Vectors) -> State {
        let Vectors {
            mut values,
            dimension,
        } = vectors;
        if let Some(state) = &self.state {
            values.extend(state.vectors().0.get(values.len()..).unwrap_or_default());
        }
        State::new(values, dimension, None)
    }
}

/// In the words of an error.
fn held(metric: Metric) -> &'static str {
    match metric {
        Metric::Cosine => "vectors that are compared by their angle (cosine)",
        Metric::Euclidean => "vectors that are compared by Euclidean distance",
    }
}

/// Hash of all that shapes the epoch.
fn fingerprint(
    vectors: &Vectors,
    partition: &PartitionOptions,
    bits: CodeBits,
    metric: Metric,
) -> String {
    let mut hasher = blake3::Hasher::new();
    if !metric.is_cosine() {
        hasher.update(metric.name().as_bytes());
    }
    hasher.update(format!("vectors {} {partition:?} {bits:?}", vectors.dimension).as_bytes());
    for value in &vectors.values {
        hasher.update(&value.to_le_bytes());
    }
    hasher.finalize().to_hex().to_string()
}
