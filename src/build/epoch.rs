//! What was gathered → a published epoch, and a note of what it was made of.
//!
//! The order of writing is what makes a crash harmless: model, thumbnails synced, full vectors, index
//! files, and the manifest last. The note of what went in is removed before and written after, so no
//! build ever takes an epoch for what it is not.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::assemble::{Encoding, InMemory};
use super::gather::Gathered;
use super::last::{LastBuild, forget_input};
use super::output::{Durable, Output, put, sync_folder};
use super::pipeline::{BuildOptions, PRUNE_OWED};
use super::publish::publish;
use super::report::Step;
use super::successor::{Made, Successor};
use super::threads::Threads;
use super::{BuildError, thumbnail};
use crate::index::Index;
use crate::partition::{Candidate, Rows};
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
    /// Whether every cell is to be whole, without pieces and dead rows, and none found anew.
    pub compact: bool,
    /// Whether no cell goes on.
    pub afresh: bool,
    /// The folder of all pictures, if there is one.
    pub photos: Option<PathBuf>,
}

/// What was published.
pub struct Written {
    pub last: LastBuild,
    /// Numbers of cells that were weighed; none when the cells are those of the epoch before.
    pub weighed: Option<Vec<Candidate>>,
    /// Files of the index that the epoch before did not have.
    pub new_files: u64,
    pub new_bytes: u64,
}

impl Writing<'_> {
    pub fn write(
        &self,
        input: String,
        watch: &mut dyn FnMut(Step),
        cancelled: &AtomicBool,
    ) -> Result<Written, BuildError> {
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
        let vectors = gathered.keep(output)?;
        if gathered.now_private {
            // Outlives a crash between the new manifest and the removal of the old files.
            put(&output.state(), PRUNE_OWED, b"", Durable::Now)?;
        }
        // While this is gone no build believes that the published epoch is what it would make.
        forget_input(output)?;
        publish(output.folder(), &assembled, &vectors)?;
        last.input = input;
        last.photos = self.photos.clone();
        last.thumbnail_side = Some(options.thumbnail_side);
        Ok(Written {
            last,
            weighed,
            new_files: assembled.new_files().count() as u64,
            new_bytes: assembled.new_bytes(),
        })
    }

    fn assemble(&self, watch: &mut dyn FnMut(Step)) -> Result<Made, BuildError> {
        let (options, gathered) = (self.options, self.gathered);
        let workers = Threads::new(options.jobs).map_err(BuildError::threads)?;
        let successor = Successor {
            rows: Rows::new(&gathered.vectors, gathered.dimension)?,
            ids: &gathered.ids,
            records: &gathered.records,
            model: Some(options.model.reference()),
            previous: self.previous,
            last: self.last.as_ref().filter(|_| gathered.same_model),
            wanted: options.partition(),
            churn: gathered.churn,
            same_vectors: !self.afresh,
            renewed: &gathered.renewed,
            same_cells: self.compact && gathered.same_model,
            encoding: Encoding {
                metric: Some(options.model.metric()),
                bits: Some(self.bits),
                // Nothing may be left of a picture that must not be seen.
                whole: self.compact || gathered.now_private,
                workers: &workers,
                scratch: &InMemory,
            },
        };
        successor.make(watch)
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
