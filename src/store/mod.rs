//! Where events are kept: a trait, and SQLite behind it.
//!
//! Events in, events out in the order of their arrival. [`EventStore::append`] returns only when the
//! events would survive a power failure, because the server answers 202 right after it. Never
//! forgets silently: what cannot be written is an error, and nothing of its batch is kept.

mod sqlite;

use std::path::PathBuf;

use thiserror::Error;

use crate::feedback::Event;

pub use sqlite::SqliteStore;

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Appended {
    /// Kept by this call.
    pub accepted: u64,
    /// Left out, because an event of the same id is there already.
    pub duplicates: u64,
}

/// A kept event.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Grows with arrival; never used twice.
    pub sequence: i64,
    /// By the server's clock.
    pub received_at_ms: i64,
    pub event: Event,
}

/// Keeps events. Callable from any thread.
pub trait EventStore: Send + Sync {
    /// Keeps the whole batch or nothing of it; an event whose id is known is counted, not kept again.
    fn append(&self, events: &[Event], received_at_ms: i64) -> Result<Appended, StoreError>;

    /// The next events after `sequence` (0 from the start), at most `limit`, in order of arrival.
    fn read_since(&self, sequence: i64, limit: usize) -> Result<Vec<Stored>, StoreError>;

    /// Brings everything into the main file; called once before the end.
    fn flush(&self) -> Result<(), StoreError>;
}

/// Hands every event after `sequence` to `take`, a page at a time, so that memory stays bounded.
pub fn for_each_since(
    store: &dyn EventStore,
    mut sequence: i64,
    take: &mut dyn FnMut(Stored),
) -> Result<(), StoreError> {
    const PAGE: usize = 2_000;
    loop {
        let page = store.read_since(sequence, PAGE)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        sequence = last.sequence;
        page.into_iter().for_each(&mut *take);
    }
}

/// Why events could not be kept or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    #[error("{}: the disk or the store's limit is full, nothing of this batch was kept; free some space or raise the limit", .path.display())]
    Full { path: PathBuf },
    #[error("{}: the database is busy with another process; try again", .path.display())]
    Busy { path: PathBuf },
    #[error("{}: written by a newer version (schema {found}, this version knows {known}); update nearsight", .path.display())]
    Newer {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    #[error("{}: event {sequence} cannot be read ({reason}); the database was changed by something else", .path.display())]
    Unreadable {
        path: PathBuf,
        sequence: i64,
        reason: String,
    },
    #[error("{}: {source}", .path.display())]
    Database {
        path: PathBuf,
        source: rusqlite::Error,
    },
    #[error("{}: {source}", .path.display())]
    Folder {
        path: PathBuf,
        source: std::io::Error,
    },
}

impl StoreError {
    /// Stable, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            StoreError::Full { .. } => "disk_full",
            StoreError::Busy { .. } => "store_busy",
            StoreError::Newer { .. } => "store_newer",
            StoreError::Unreadable { .. } => "store_corrupt",
            StoreError::Database { .. } => "store_failed",
            StoreError::Folder { .. } => "io_failed",
        }
    }
}

/// The codes that [`StoreError::code`] can give.
pub const CODES: &[&str] = &[
    "disk_full",
    "store_busy",
    "store_newer",
    "store_corrupt",
    "store_failed",
    "io_failed",
];
