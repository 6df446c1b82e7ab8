//! What grows with the rows while an epoch is made → files without a name in the folder of the index, mapped.
//!
//! A file that has no name is gone with the process, however that ends. Where a file cannot be removed while it is open, or not be mapped, everything stays in memory.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::BuildError;
use super::assemble::{FileBytes, InMemory, Lying, Scratch, ScratchError};
use super::mapped::Bytes;
use super::row_file::{RowFile, create};

/// Fewer bytes than this are not worth a file.
const FEW: usize = 1 << 20;
/// So many files of an epoch are mapped, and any others held: Linux lets a process map 65,530 times, and memory that is asked for is mapped, too.
const MAPS: usize = 1 << 15;

/// Room in a folder that this process has claimed.
pub struct OnDisk {
    folder: PathBuf,
    files: Mutex<Option<Files>>,
}

/// What holds the files of the epoch, one behind the other.
struct Files {
    file: File,
    end: u64,
    count: usize,
}

impl OnDisk {
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
            files: Mutex::new(None),
        }
    }

    fn append(&self, bytes: Vec<u8>) -> Result<FileBytes, BuildError> {
        let path = self
            .folder
            .join(format!(".rows.{}-files.part", std::process::id()));
        let failed = |source| BuildError::io("write", &path, source);
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let files = match &mut *files {
            Some(files) => files,
            none => {
                let file = create(&path)?;
                fs::remove_file(&path).map_err(failed)?;
                none.insert(Files {
                    file,
                    end: 0,
                    count: 0,
                })
            }
        };
        if files.count == MAPS {
            return Ok(FileBytes::Held(bytes));
        }
        files.file.write_all(&bytes).map_err(failed)?;
        let offset = files.end;
        files.end += bytes.len() as u64;
        files.count += 1;
        let bytes = Bytes::in_file(&files.file, offset, bytes);
        Ok(FileBytes::Lying(Lying::new(bytes)))
    }
}

impl Scratch for OnDisk {
    fn values(
        &self,
        length: usize,
        parts: &mut dyn Iterator<Item = Vec<f32>>,
    ) -> Result<Lying<f32>, ScratchError> {
        if !cfg!(unix) || 4 * length < FEW {
            return InMemory.values(length, parts);
        }
        let write = || {
            let mut file = RowFile::create(&self.folder)?;
            for part in parts {
                file.push(&part)?;
            }
            file.finish()
        };
        // Dropping the rest removes its name; what is mapped stays.
        Ok(Lying::new(write().map_err(error)?.values))
    }

    fn file(&self, bytes: Vec<u8>) -> Result<FileBytes, ScratchError> {
        match cfg!(unix) {
            true => self.append(bytes).map_err(error),
            false => Ok(FileBytes::Held(bytes)),
        }
    }
}

fn error(error: BuildError) -> ScratchError {
    ScratchError {
        code: error.code(),
        what: error.to_string(),
    }
}
