//! A published folder → its index in memory, every byte of it verified.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::BuildError;
use super::output::MANIFEST;
use crate::index::{FileRef, Index, IndexError};

/// Reads the manifest of `dist` and all files that it names, and refuses whatever differs from what
/// was published.
pub fn load_index(dist: &Path) -> Result<Index, BuildError> {
    let mut index = open_index(dist)?;
    read_missing(dist, &mut index)?;
    Ok(index)
}

/// The index with nothing but its manifest.
pub fn open_index(dist: &Path) -> Result<Index, BuildError> {
    let path = dist.join(MANIFEST);
    let manifest = std::fs::read(&path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => BuildError::IndexMissing(dist.to_path_buf()),
        _ => BuildError::io("read", &path, source),
    })?;
    Ok(Index::open(&manifest)?)
}

/// Reads what an opened index lacks, each file verified.
pub fn read_missing(dist: &Path, index: &mut Index) -> Result<(), BuildError> {
    for file in index.missing() {
        index.supply(&file.name, read_named(dist, &file)?)?;
    }
    Ok(())
}

/// The epoch that a build goes on from: none where nothing is published, and none where what is published is of a format
/// that is no longer read, since no page of this version can hold it.
pub fn load_previous(dist: &Path) -> Result<Option<Index>, BuildError> {
    match load_index(dist) {
        Ok(index) => Ok(Some(index)),
        Err(BuildError::IndexMissing(_) | BuildError::Index(IndexError::Outdated { .. })) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The bytes of a file that a manifest names, verified against the hash in its name. Never reads more
/// than the manifest promises.
pub fn read_named(dist: &Path, file: &FileRef) -> Result<Vec<u8>, BuildError> {
    let path = dist.join(&file.name);
    let failed = |source| BuildError::io("read", &path, source);
    let mut bytes = Vec::new();
    File::open(&path)
        .map_err(failed)?
        .take(file.bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    file.verify(&bytes)?;
    Ok(bytes)
}
