//! Vectors made elsewhere → a published epoch. A picture's id is the number of its row.
//!
//! There are no records, no thumbnails and no model: whoever made the vectors knows what row 17 is.
//! Run again with more rows at the end the cells go on, as in a build of pictures, and rows that the file no longer
//! has are removed; when a row that
//! was there has another vector now, all cells are new, because a cell that goes on keeps its codes.
//!
//! The table is read once, row by row, into the file that becomes the full vectors of the epoch, and all that follows reads that file: a table
//! need not fit into memory.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::assemble::Encoding;
use super::last::{LastBuild, forget_input};
use super::output::{Durable, Output, put};
use super::publish::{prune, publish, published};
use super::report::{Report, Step};
use super::row_file::{RowFile, Written, hash_values};
use super::scratch::OnDisk;
use super::successor::{Made, Successor};
use super::threads::Threads;
use super::{
    BuildError, Kept, Shape, State, VectorFile, VectorReader, load_index, load_previous, page,
};
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
    let reader = file.open()?;
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
    let state = State::open(output.folder()).ok();
    let table = match Table::write(reader, state.as_ref(), &output, cancelled) {
        Ok(table) => table,
        Err(error) => {
            output.abandon();
            return Err(error);
        }
    };
    watch(Step::Walked {
        pictures: table.rows as u64,
        reused: 0,
    });
    let mut next = Next::compare(&table, previous, state, &output);
    let mut report = Report {
        dimension: table.dimension,
        added: next.added,
        changed: next.changed,
        removed: next.removed,
        ..Report::default()
    };
    let workers = Threads::new(options.jobs).map_err(BuildError::threads)?;
    let scratch = OnDisk::new(&output.state());
    let encoding = Encoding {
        metric: Some(metric),
        bits: options.bits,
        whole: false,
        workers: &workers,
        scratch: &scratch,
    };
    let bits = encoding.bits(next.previous.as_ref());
    let input = fingerprint(&table, &options.partition, bits, metric);
    let unchanged = next.last.as_ref().is_some_and(|last| last.input == input);
    let index = match next.previous.take() {
        Some(index) if unchanged => index,
        previous => {
            next.previous = previous;
            let (assembled, mut last, weighed) =
                next.make(&table, &options.partition, &encoding, watch)?;
            if cancelled.load(Ordering::Relaxed) {
                return Err(BuildError::Interrupted);
            }
            watch(Step::Writing);
            let vectors = Kept::written(table.written, table.dimension, output.folder())?;
            forget_input(&output)?;
            publish(output.folder(), &assembled, &vectors)?;
            report.kept_cells = weighed.is_none();
            report.candidates = weighed.unwrap_or_default();
            report.published = true;
            report.new_files = assembled.new_files().count() as u64;
            report.new_bytes = assembled.new_bytes();
            last.input = input;
            last.write(&output)?;
            // Its codes are those of the index that is read now.
            drop((assembled, next));
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

/// The rows of now in a file, and behind them those of ids that are gone: these are never given again.
struct Table {
    written: Written,
    rows: usize,
    dimension: usize,
}

impl Table {
    fn write(
        reader: VectorReader,
        state: Option<&State>,
        output: &Output,
        cancelled: &AtomicBool,
    ) -> Result<Self, BuildError> {
        let mut file = RowFile::create(&output.state())?;
        let mut values = 0;
        let dimension = reader.rows(&mut |rows| {
            values += rows.len();
            match cancelled.load(Ordering::Relaxed) {
                true => Err(BuildError::Interrupted),
                false => file.push(rows),
            }
        })?;
        let rows = values / dimension;
        if rows >= u32::MAX as usize {
            let pictures = rows as u64;
            return Err(BuildError::TooMany { pictures });
        }
        if let Some(state) = state.filter(|state| state.vectors().1 == dimension) {
            file.push(state.vectors().0.get(values..).unwrap_or_default())?;
        }
        Ok(Self {
            written: file.finish()?,
            rows,
            dimension,
        })
    }

    fn values(&self) -> &[f32] {
        &self.written.values[..self.rows * self.dimension]
    }
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
    /// `state` is of all ids ever given.
    fn compare(
        table: &Table,
        previous: Option<Index>,
        state: Option<State>,
        output: &Output,
    ) -> Self {
        let (rows, dimension) = (table.rows, table.dimension);
        let before = previous.as_ref().and_then(Index::pictures);
        let before = before.unwrap_or_default();
        let both = before.partition_point(|&id| (id as usize) < rows);
        let row = |id: u32| &table.values()[id as usize * dimension..][..dimension];
        let state = state.filter(|state| state.vectors().1 == dimension);
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
        }
    }

    fn make(
        &self,
        table: &Table,
        wanted: &PartitionOptions,
        encoding: &Encoding,
        watch: &mut dyn FnMut(Step),
    ) -> Result<Made, BuildError> {
        let ids: Vec<u32> = (0..table.rows as u32).collect();
        let successor = Successor {
            rows: Rows::new(table.values(), table.dimension)?,
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
    table: &Table,
    partition: &PartitionOptions,
    bits: CodeBits,
    metric: Metric,
) -> String {
    let mut hasher = blake3::Hasher::new();
    if !metric.is_cosine() {
        hasher.update(metric.name().as_bytes());
    }
    hasher.update(format!("vectors {} {partition:?} {bits:?}", table.dimension).as_bytes());
    hash_values(&mut hasher, table.values());
    hasher.finalize().to_hex().to_string()
}
