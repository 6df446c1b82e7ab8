//! What was gathered → a published epoch, and a note of what it was made of.
//!
//! The order of writing is what makes a crash harmless: model, thumbnails synced, full vectors, index
//! files, and the manifest last. The note of what went in is removed before and written after, so no
//! build ever takes an epoch for what it is not.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::assemble::{Assembled, Encoding, Previous, assemble_as, assemble_cells_as};
use super::gather::Gathered;
use super::incremental::{keep_cells, stale};
use super::last::{LastBuild, forget_input};
use super::output::{Durable, Output, put, sync_folder};
use super::pipeline::{BuildOptions, PRUNE_OWED};
use super::publish::publish;
use super::report::Step;
use super::threads::Threads;
use super::{BuildError, thumbnail};
use crate::calibration::CalibrationOptions;
use crate::index::Index;
use crate::partition::{Candidate, Rows, partition_on};
use crate::quantize::CodeBits;

/// All that is needed to make and publish an epoch.
pub struct Writing<'a> {
    pub options: &'a BuildOptions,
    pub output: &'a Output,
    pub gathered: &'a Gathered,
    pub previous: Option<&'a Index>,
    pub last: Option<LastBuild>,
    pub fresh_thumbs: &'a [String],
    pub bits: CodeBits,
}

impl Writing<'_> {
    pub fn write(
        &self,
        input: String,
        watch: &mut dyn FnMut(Step),
        cancelled: &AtomicBool,
    ) -> Result<(LastBuild, Option<Vec<Candidate>>), BuildError> {
        let (options, output, gathered) = (self.options, self.output, self.gathered);
        let (assembled, mut last, weighed) = self.assemble(watch)?;
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
        Ok((last, weighed))
    }

    /// The new epoch, what to remember of it, and the numbers of cells that were weighed; none of these when the cells are
    /// those of the epoch before.
    fn assemble(
        &self,
        watch: &mut dyn FnMut(Step),
    ) -> Result<(Assembled, LastBuild, Option<Vec<Candidate>>), BuildError> {
        let (options, gathered) = (self.options, self.gathered);
        let rows = Rows::new(&gathered.vectors, gathered.dimension)?;
        let (ids, records) = (&gathered.ids, &gathered.records);
        let model = Some(options.model.reference());
        let previous = self.previous.map(Previous::new).transpose()?;
        let wanted = options.partition();
        let calibration = CalibrationOptions::default();
        let workers = Threads::new(options.jobs).map_err(BuildError::threads)?;
        let encoding = Encoding {
            bits: Some(self.bits),
            workers: &workers,
        };
        let calibrated = |assembled: Assembled| {
            assembled.calibrated_on(rows, ids, self.previous, &calibration, &workers)
        };
        if let (Some(index), Some(last)) = (self.previous, &self.last) {
            let churn = last.churn + gathered.churn;
            let usable = gathered.same_model
                && last.partition == format!("{wanted:?}")
                && !stale(last.at_partition, churn);
            let specs = usable.then(|| keep_cells(rows, ids, index)).flatten();
            if let Some(specs) = specs {
                let previous = previous.as_ref();
                let assembled =
                    assemble_cells_as(rows, ids, &specs, records, model, previous, &encoding)?;
                let assembled = calibrated(assembled)?;
                let last = LastBuild {
                    churn,
                    ..last.clone()
                };
                return Ok((assembled, last, None));
            }
        }
        let layout = partition_on(rows, &wanted, &workers, &mut |progress| {
            watch(Step::Partition {
                done: progress.done,
                of: progress.total,
            });
        })?;
        let previous = previous.as_ref();
        let assembled = assemble_as(rows, ids, records, &layout, model, previous, &encoding)?;
        let assembled = calibrated(assembled)?;
        let last = LastBuild {
            partition: format!("{wanted:?}"),
            at_partition: records.len() as u64,
            ..LastBuild::default()
        };
        Ok((assembled, last, Some(layout.candidates)))
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
