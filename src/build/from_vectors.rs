//! Vectors made elsewhere → a published epoch. A picture's id is the number of its row.
//!
//! There are no records, no thumbnails and no model: whoever made the vectors knows what row 17 is.
//! Run again with more rows at the end the cells go on, as in a build of pictures; when a row that
//! was there has another vector now, all cells are new, because a cell that goes on keeps its codes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::assemble::{Assembled, CellSpec, Encoding, Previous, assemble_as, assemble_cells_as};
use super::incremental::{keep_cells, stale};
use super::last::{LastBuild, forget_input};
use super::output::{Durable, Output, put};
use super::publish::{prune, publish};
use super::report::{Report, Step};
use super::threads::Threads;
use super::{
    BuildError, FreshStep, Shape, State, VectorFile, Vectors, fresh, load_index, load_previous,
    page,
};
use crate::calibration::CalibrationOptions;
use crate::index::Index;
use crate::partition::{Candidate, PartitionOptions, Progress, Rows, partition_on};
use crate::quantize::CodeBits;

pub struct VectorOptions {
    /// `.npy`, `.parquet` or `.f32`.
    pub file: PathBuf,
    /// Numbers in a row, which a raw file does not say.
    pub dimension: Option<usize>,
    /// Which column of a Parquet file.
    pub column: Option<String>,
    pub output: PathBuf,
    pub partition: PartitionOptions,
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
    let file = VectorFile {
        path: &options.file,
        dimension: options.dimension,
        column: options.column.as_deref(),
        shape: Shape::Table,
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
        bits: options.bits,
        workers: &workers,
    };
    let bits = encoding.bits(next.previous.as_ref());
    let input = fingerprint(&vectors, &options.partition, bits);
    let unchanged = next.last.as_ref().is_some_and(|last| last.input == input);
    let index = match next.previous.take() {
        Some(index) if unchanged => index,
        previous => {
            next.previous = previous;
            let (assembled, mut last, weighed) =
                next.assemble(&vectors, &options.partition, &encoding, watch)?;
            if cancelled.load(Ordering::Relaxed) {
                return Err(BuildError::Interrupted);
            }
            watch(Step::Writing);
            let Vectors { values, dimension } = vectors;
            State::new(values, dimension, None).save(output.folder())?;
            forget_input(&output)?;
            publish(output.folder(), &assembled)?;
            report.kept_cells = weighed.is_none();
            report.candidates = weighed.unwrap_or_default();
            report.published = true;
            last.input = input;
            last.write(&output)?;
            load_index(output.folder())?
        }
    };
    if let Some(folder) = &options.page {
        report.page_files = Some(page::copy(folder, output.folder())?);
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
    added: u64,
    changed: u64,
    removed: u64,
}

impl Next {
    fn compare(vectors: &Vectors, previous: Option<Index>, output: &Output) -> Self {
        let rows = vectors.rows() as u64;
        let before = previous
            .as_ref()
            .map_or(0, |index| index.manifest().counts.pictures);
        let both = rows.min(before);
        let state = State::open(output.folder()).ok().filter(|state| {
            state.vectors().1 == vectors.dimension && state.rows() as u64 == before
        });
        let changed = match &state {
            Some(state) => {
                let now = vectors.values.chunks_exact(vectors.dimension);
                let then = state.vectors().0.chunks_exact(vectors.dimension);
                now.zip(then).filter(|(now, then)| now != then).count() as u64
            }
            // Nobody knows what the rows were.
            None => both,
        };
        Self {
            previous,
            last: LastBuild::read(output),
            added: rows - both,
            changed,
            removed: before - both,
        }
    }

    /// The new epoch, what to remember of it, and the numbers of cells that were weighed; none of these when the cells are
    /// those of the epoch before.
    fn assemble(
        &self,
        vectors: &Vectors,
        wanted: &PartitionOptions,
        encoding: &Encoding,
        watch: &mut dyn FnMut(Step),
    ) -> Result<(Assembled, LastBuild, Option<Vec<Candidate>>), BuildError> {
        let rows = Rows::new(&vectors.values, vectors.dimension)?;
        let ids: Vec<u32> = (0..rows.len() as u32).collect();
        let previous = self.previous.as_ref().map(Previous::new).transpose()?;
        let previous = previous.as_ref();
        let calibrated = |assembled: Assembled| {
            let options = CalibrationOptions::default();
            let before = self.previous.as_ref();
            assembled.calibrated_on(rows, &ids, before, &options, encoding.workers)
        };
        if let (Some(index), Some(last)) = (&self.previous, &self.last) {
            let churn = last.churn + self.added + self.removed;
            let usable = self.changed == 0
                && last.partition == format!("{wanted:?}")
                && !stale(last.at_partition, churn);
            let specs = usable.then(|| keep_cells(rows, &ids, index)).flatten();
            if let Some(specs) = specs {
                let assembled = calibrated(assemble_cells_as(
                    rows,
                    &ids,
                    &specs,
                    &[],
                    None,
                    previous,
                    encoding,
                )?)?;
                let last = LastBuild {
                    churn,
                    ..last.clone()
                };
                return Ok((assembled, last, None));
            }
        }
        let mut partitioned = |progress: Progress| {
            watch(Step::Partition {
                done: progress.done,
                of: progress.total,
            });
        };
        let last = LastBuild {
            partition: format!("{wanted:?}"),
            at_partition: rows.len() as u64,
            ..LastBuild::default()
        };
        if previous.is_none() {
            let made = fresh(rows, &ids, wanted, encoding, &mut |step| {
                if let FreshStep::Partition(progress) = step {
                    partitioned(progress);
                }
            })?;
            return Ok((made.assembled, last, Some(made.candidates)));
        }
        let layout = partition_on(rows, wanted, encoding.workers, &mut partitioned)?;
        let assembled = match self.changed {
            0 => assemble_as(rows, &ids, &[], &layout, None, previous, encoding)?,
            _ => {
                let centroids = layout.centroids.chunks_exact(layout.dimension);
                let specs: Vec<CellSpec> = centroids
                    .zip(layout.members())
                    .map(|(centroid, members)| CellSpec {
                        id: None,
                        segment_of: None,
                        centroid: centroid.to_vec(),
                        members,
                    })
                    .collect();
                assemble_cells_as(rows, &ids, &specs, &[], None, previous, encoding)?
            }
        };
        let assembled = calibrated(assembled)?;
        Ok((assembled, last, Some(layout.candidates)))
    }
}

/// Hash of all that shapes the epoch.
fn fingerprint(vectors: &Vectors, partition: &PartitionOptions, bits: CodeBits) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(format!("vectors {} {partition:?} {bits:?}", vectors.dimension).as_bytes());
    for value in &vectors.values {
        hasher.update(&value.to_le_bytes());
    }
    hasher.finalize().to_hex().to_string()
}
