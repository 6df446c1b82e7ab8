//! Rows, told some at a time → a file of them beside the full vectors of an index, hashed on the way, to be read as one slice.
//!
//! What a build makes of a table it makes of this file, so no table need fit into memory. It lies where the full vectors of the epoch will lie, under
//! a name that nobody reads, until [`Written::keep`] gives it theirs: then nothing is written twice. Dropped before that it is removed; what a
//! process left behind that was killed, the next that claims the folder removes ([`sweep`]).

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::BuildError;
use super::mapped::Floats;
use super::output::sync_folder;

/// Of what is being written, so that [`sweep`] takes nothing else.
const START: &str = ".rows.";
const END: &str = ".part";
/// Values that become bytes at once.
const BATCH: usize = 1 << 14;

/// A file that is removed unless it was renamed.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Rows that are being written.
pub struct RowFile {
    out: BufWriter<File>,
    path: Temporary,
    hasher: blake3::Hasher,
    bytes: Vec<u8>,
}

/// Rows that were written.
#[derive(Debug)]
pub struct Written {
    pub values: Floats,
    /// Of the bytes of the file.
    pub hash: String,
    file: File,
    path: Temporary,
}

impl RowFile {
    /// In a folder that this process has claimed, or is about to fill alone.
    pub fn create(folder: &Path) -> Result<Self, BuildError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        fs::create_dir_all(folder).map_err(|source| BuildError::io("create", folder, source))?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{START}{}-{number}{END}", std::process::id());
        let path = folder.join(name);
        let file = create(&path)?;
        Ok(Self {
            out: BufWriter::with_capacity(1 << 18, file),
            path: Temporary(path),
            hasher: blake3::Hasher::new(),
            bytes: Vec::new(),
        })
    }

    pub fn push(&mut self, values: &[f32]) -> Result<(), BuildError> {
        let Self {
            out, hasher, bytes, ..
        } = self;
        in_bytes(values, bytes, |bytes| {
            hasher.update(bytes);
            out.write_all(bytes)
        })
        .map_err(|source| BuildError::io("write", &self.path.0, source))
    }

    pub fn finish(self) -> Result<Written, BuildError> {
        let path = self.path;
        let failed = |source| BuildError::io("write", &path.0, source);
        let mut file = self
            .out
            .into_inner()
            .map_err(|error| failed(error.into_error()))?;
        let values = Floats::of(&mut file).map_err(failed)?;
        Ok(Written {
            values,
            hash: self.hasher.finalize().to_hex().to_string(),
            file,
            path,
        })
    }
}

impl Written {
    /// Gives the file this name, when all of it is on the disk. The values stay readable.
    pub fn keep(self, target: &Path) -> Result<Floats, BuildError> {
        let Self {
            values, file, path, ..
        } = self;
        let failed = |source| BuildError::io("write", target, source);
        file.sync_all().map_err(failed)?;
        fs::rename(&path.0, target).map_err(failed)?;
        drop(path);
        sync_folder(target.parent().unwrap_or(target))?;
        Ok(values)
    }
}

/// An empty file, to be written and then read through the same handle.
pub(super) fn create(path: &Path) -> Result<File, BuildError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
        .map_err(|source| BuildError::io("write", path, source))
}

/// Removes what processes left here that are no more. Only whoever has claimed the folder may.
pub fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(START) && name.ends_with(END) {
            // What cannot be removed takes room and does no harm.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Hash of values as a file holds them, after what the hasher has seen.
pub fn hash_values(hasher: &mut blake3::Hasher, values: &[f32]) {
    let never: Result<(), std::convert::Infallible> = in_bytes(values, &mut Vec::new(), |bytes| {
        hasher.update(bytes);
        Ok(())
    });
    let Ok(()) = never;
}

/// Values as little-endian bytes, some at a time.
fn in_bytes<E>(
    values: &[f32],
    buffer: &mut Vec<u8>,
    mut tell: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    for part in values.chunks(BATCH) {
        buffer.resize(4 * part.len(), 0);
        for (bytes, value) in buffer.chunks_exact_mut(4).zip(part) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
        tell(buffer)?;
    }
    Ok(())
}
