//! The output folder: whether it may be written, by whom, and how a file gets into it whole.
//!
//! A folder is used when it is new, empty, or already ours; anything else is refused, so that a
//! slip of the keyboard never mixes an index into somebody's documents. One writer at a time, by a
//! lock that the operating system drops with the process. Every file is written beside its place,
//! synced and renamed, so that no reader and no crash ever sees half of one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{BuildError, row_file};
use crate::index::Manifest;

/// Full vectors, the log and the events: never served.
pub const STATE_FOLDER: &str = ".nearsight";
pub const MANIFEST: &str = "manifest.json";

/// The right to write to a folder, for as long as this value lives.
#[derive(Debug)]
pub struct Output {
    folder: PathBuf,
    /// Whether it is there since it was claimed.
    is_new: bool,
    _lock: File,
}

impl Output {
    /// Creates the folder if need be, and locks it. Whoever writes takes this first.
    pub fn claim(folder: &Path) -> Result<Self, BuildError> {
        if folder.exists() && !ours(folder)? && !empty(folder)? {
            return Err(BuildError::OutputOccupied(folder.to_path_buf()));
        }
        let is_new = !folder.exists();
        let state = folder.join(STATE_FOLDER);
        fs::create_dir_all(&state).map_err(|source| BuildError::io("create", &state, source))?;
        let file = state.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&file)
            .map_err(|source| BuildError::io("write", &file, source))?;
        match lock.try_lock() {
            Ok(()) => row_file::sweep(&state),
            Err(TryLockError::WouldBlock) => {
                return Err(BuildError::OutputBusy(folder.to_path_buf()));
            }
            // Network file systems without locks: the rename of the manifest still keeps readers safe.
            Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(source)) => return Err(BuildError::io("lock", &file, source)),
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            is_new,
            _lock: lock,
        })
    }

    /// Gives the folder up: one that was not there before is not there afterwards, unless something lies in it.
    pub fn abandon(self) {
        if self.is_new {
            let state = self.state();
            let _ = fs::remove_file(state.join("lock"));
            let _ = fs::remove_dir(state);
            let _ = fs::remove_dir(&self.folder);
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn state(&self) -> PathBuf {
        self.folder.join(STATE_FOLDER)
    }
}

fn ours(folder: &Path) -> Result<bool, BuildError> {
    if folder.join(STATE_FOLDER).is_dir() {
        return Ok(true);
    }
    // A folder that was uploaded or copied without its hidden part.
    let manifest = folder.join(MANIFEST);
    match fs::read(&manifest) {
        Ok(bytes) => Ok(Manifest::parse(&bytes).is_ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(BuildError::io("read", &manifest, source)),
    }
}

/// Hidden files (`.gitkeep`, `.DS_Store`) do not count.
fn empty(folder: &Path) -> Result<bool, BuildError> {
    let failed = |source| BuildError::io("read", folder, source);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if !name.as_encoded_bytes().starts_with(b".") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a file's bytes must have reached the disk before the call returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durable {
    Now,
    /// The caller syncs later, or can make the file again.
    Later,
}

/// Puts `bytes` at `folder/name`, whole or not at all. `name` may lie one folder deeper.
/// A file that already has these bytes is left alone; gives whether anything was written.
pub fn put(folder: &Path, name: &str, bytes: &[u8], durable: Durable) -> Result<bool, BuildError> {
    let target = folder.join(name);
    if same_bytes(&target, bytes) {
        return Ok(false);
    }
    let parent = target.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(|source| BuildError::io("create", parent, source))?;
    // Hidden, so that no server shows it; one name a thread, so that two never share it.
    let mut beside = target.clone();
    beside.set_file_name(format!(
        ".{}.{}-{:?}.part",
        target.file_name().unwrap_or_default().to_string_lossy(),
        std::process::id(),
        std::thread::current().id()
    ));
    let written = write_synced(&beside, bytes, durable).and_then(|()| {
        fs::rename(&beside, &target).map_err(|source| BuildError::io("write", &target, source))
    });
    if let Err(error) = written {
        let _ = fs::remove_file(&beside);
        return Err(error);
    }
    if durable == Durable::Now {
        sync_folder(parent)?;
    }
    Ok(true)
}

fn write_synced(path: &Path, bytes: &[u8], durable: Durable) -> Result<(), BuildError> {
    let failed = |source| BuildError::io("write", path, source);
    let mut file = File::create(path).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    match durable {
        Durable::Now => file.sync_all().map_err(failed),
        Durable::Later => Ok(()),
    }
}

/// A rename is only durable when its folder is.
pub fn sync_folder(folder: &Path) -> Result<(), BuildError> {
    if cfg!(unix) {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| BuildError::io("sync", folder, source))?;
    }
    Ok(())
}

fn same_bytes(path: &Path, bytes: &[u8]) -> bool {
    let same_length = fs::metadata(path).is_ok_and(|found| found.len() == bytes.len() as u64);
    same_length && fs::read(path).is_ok_and(|found| found == bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_somebodys_files_is_refused_and_untouched() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
        let error = Output::claim(folder.path()).unwrap_err();
        assert_eq!(error.code(), "output_occupied");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn new_empty_and_own_folders_are_taken() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(".gitkeep"), "").unwrap();
        drop(Output::claim(root.path()).unwrap());
        fs::write(root.path().join("index.html"), "ours by now").unwrap();
        drop(Output::claim(root.path()).unwrap());
        drop(Output::claim(&root.path().join("a/b")).unwrap());
    }

    #[test]
    fn a_second_writer_is_refused_while_the_first_works() {
        let root = tempfile::tempdir().unwrap();
        let first = Output::claim(root.path()).unwrap();
        assert_eq!(
            Output::claim(root.path()).unwrap_err().code(),
            "output_busy"
        );
        drop(first);
        Output::claim(root.path()).unwrap();
    }

    #[test]
    fn a_file_is_written_once_and_leaves_no_part_behind() {
        let root = tempfile::tempdir().unwrap();
        assert!(put(root.path(), "thumbs/a.jpg", b"one", Durable::Now).unwrap());
        assert!(!put(root.path(), "thumbs/a.jpg", b"one", Durable::Now).unwrap());
        assert!(put(root.path(), "thumbs/a.jpg", b"two", Durable::Later).unwrap());
        assert_eq!(fs::read(root.path().join("thumbs/a.jpg")).unwrap(), b"two");
        assert_eq!(fs::read_dir(root.path().join("thumbs")).unwrap().count(), 1);
    }
}
