//! The folder of the pictures → which of the index are there, and whether any of them is still to be embedded.

use std::collections::HashSet;
use std::path::Path;

use super::Upgrading;
use crate::build::BuildError;
use crate::build::pipeline::settings;
use crate::build::resume::{Log, Outcome};
use crate::build::walk::{Found, walk};
use crate::index::Index;

impl Upgrading<'_> {
    /// Whether rows are moved that could be made by the model.
    pub(super) fn is_unfinished(&self, index: &Index) -> Result<bool, BuildError> {
        let Some(moved) = self.moved()? else {
            return Ok(false);
        };
        if !moved.is_finished() || !self.build.photos.is_dir() {
            return Ok(!moved.is_finished());
        }
        // Pictures that were gone may be back; what is known to be broken is not tried again.
        let log = Log::open(&self.output.state().join("pictures.log"))?;
        let settings = settings(&self.build);
        let is_broken = |found: &Found| {
            log.get(&found.path).is_some_and(|entry| {
                let is_broken = matches!(entry.outcome, Outcome::Broken { .. });
                is_broken && entry.holds(found, &settings)
            })
        };
        let left: HashSet<String> = index
            .records()
            .filter(|record| moved.holds(record.id))
            .map(|record| record.path)
            .collect();
        let walked = walk(&self.build.photos)?;
        let mut found = walked.found.iter();
        Ok(found.any(|found| left.contains(&found.path) && !is_broken(found)))
    }

    /// The pictures of the index that are in the folder, by path.
    pub(super) fn find_files(&mut self, index: &Index) -> Result<(), BuildError> {
        let folder = &self.build.photos;
        let nothing = |folder: &Path, why: &str| BuildError::NothingToIndex {
            folder: folder.to_owned(),
            why: format!("{why}; say where the pictures of the index are with --photos FOLDER"),
        };
        if folder.as_os_str().is_empty() {
            let site = &self.options.output;
            return Err(nothing(site, "where its pictures lie is not known"));
        }
        if !folder.is_dir() {
            return Err(nothing(folder, "no such folder is there"));
        }
        let paths: HashSet<String> = index.records().map(|record| record.path).collect();
        let walked = walk(folder)?;
        let wanted = |found: &Found| paths.contains(&found.path);
        let found = walked.found.into_iter().filter(wanted);
        self.files = found.map(|found| (found.path.clone(), found)).collect();
        if self.files.is_empty() {
            let why = format!(
                "it holds none of the {} pictures of the index under the paths that they have there",
                paths.len()
            );
            return Err(nothing(folder, &why));
        }
        Ok(())
    }
}
