//! Events ⇄ one SQLite file, in write-ahead mode.
//!
//! `synchronous = FULL`: in write-ahead mode NORMAL syncs only at checkpoints, so a commit could be
//! lost with the power after the page was told 202. FULL syncs the log at each commit; one sync a
//! batch of up to 100 events is what the promise costs. A reader in another process (`repartition`) does
//! not block the writer, nor the writer it.
//!
//! The table, for whoever looks into it with `sqlite3`:
//! `events(sequence, event_id UNIQUE, type, session, search_id, epoch, received_at_ms, body)`; `body`
//! is the event as JSON, the columns beside it are copies to ask by.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior, params};

use super::{Appended, EventStore, StoreError, Stored};
use crate::feedback::Event;

/// One entry brings the schema from its position to the next; entries are only added.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE events (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        event_id TEXT NOT NULL UNIQUE,
        type TEXT NOT NULL,
        session TEXT NOT NULL,
        search_id TEXT NOT NULL,
        epoch INTEGER,
        received_at_ms INTEGER NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
"];

/// How long to wait for another process that writes.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// The embedded store.
pub struct SqliteStore {
    connection: Mutex<Connection>,
    path: PathBuf,
}

impl SqliteStore {
    /// Opens or makes the database. `limit_bytes` bounds the file, because its writers are strangers:
    /// at the limit an append fails with [`StoreError::Full`].
    pub fn open(path: &Path, limit_bytes: Option<u64>) -> Result<SqliteStore, StoreError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| StoreError::Folder {
                path: folder.to_path_buf(),
                source,
            })?;
        }
        let failed = |error| classify(path, error);
        let mut connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(BUSY_WAIT).map_err(failed)?;
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .map_err(failed)?;
        connection
            .pragma_update(None, "synchronous", "FULL")
            .map_err(failed)?;
        if let Some(limit) = limit_bytes {
            let page: i64 = connection
                .pragma_query_value(None, "page_size", |row| row.get(0))
                .map_err(failed)?;
            let pages = (limit / page.max(1) as u64).clamp(1, 4_294_967_294) as i64;
            // SQLite never sets the limit below the present size; it answers with what it set.
            connection
                .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| {
                    row.get::<_, i64>(0)
                })
                .map_err(failed)?;
        }
        migrate(&mut connection, path)?;
        Ok(SqliteStore {
            connection: Mutex::new(connection),
            path: path.to_path_buf(),
        })
    }

    /// Events kept.
    pub fn len(&self) -> Result<u64, StoreError> {
        self.lock()
            .query_row("SELECT count(*) FROM events", [], |row| {
                row.get::<_, i64>(0)
            })
            .map(|count| count as u64)
            .map_err(|error| classify(&self.path, error))
    }

    /// Whether no event is kept.
    pub fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.len()? == 0)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic while the lock was held rolled its transaction back: the connection is sound.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventStore for SqliteStore {
    fn append(&self, events: &[Event], received_at_ms: i64) -> Result<Appended, StoreError> {
        let failed = |error| classify(&self.path, error);
        let mut connection = self.lock();
        // Immediate: take the write lock now, where waiting for another process is possible.
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        let mut accepted = 0;
        {
            let mut insert = transaction
                .prepare_cached(
                    "INSERT INTO events(event_id, type, session, search_id, epoch, received_at_ms, body)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT(event_id) DO NOTHING",
                )
                .map_err(failed)?;
            for event in events {
                let body =
                    serde_json::to_string(event).map_err(|error| StoreError::Unreadable {
                        path: self.path.clone(),
                        sequence: 0,
                        reason: error.to_string(),
                    })?;
                accepted += insert
                    .execute(params![
                        event.event_id(),
                        event.kind(),
                        event.session(),
                        event.search_id(),
                        event.epoch().map(|epoch| epoch as i64),
                        received_at_ms,
                        body
                    ])
                    .map_err(failed)? as u64;
            }
        }
        transaction.commit().map_err(failed)?;
        Ok(Appended {
            accepted,
            duplicates: events.len() as u64 - accepted,
        })
    }

    fn read_since(&self, sequence: i64, limit: usize) -> Result<Vec<Stored>, StoreError> {
        let failed = |error| classify(&self.path, error);
        let connection = self.lock();
        let mut select = connection
            .prepare_cached(
                "SELECT sequence, received_at_ms, body FROM events
                 WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
            )
            .map_err(failed)?;
        let rows = select
            .query_map(
                params![sequence, i64::try_from(limit).unwrap_or(i64::MAX)],
                |row| {
                    Ok((
                        row.get::<_, i64>(0)?,
                        row.get::<_, i64>(1)?,
                        row.get::<_, String>(2)?,
                    ))
                },
            )
            .map_err(failed)?;
        let mut page = Vec::new();
        for row in rows {
            let (sequence, received_at_ms, body) = row.map_err(failed)?;
            let event = serde_json::from_str(&body).map_err(|error| StoreError::Unreadable {
                path: self.path.clone(),
                sequence,
                reason: error.to_string(),
            })?;
            page.push(Stored {
                sequence,
                received_at_ms,
                event,
            });
        }
        Ok(page)
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.lock()
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(|error| classify(&self.path, error))
    }
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |error| classify(path, error);
    // One transaction over all: two processes that open a new file at once do not collide.
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    let known = MIGRATIONS.len() as i64;
    let found: i64 = transaction
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(failed)?;
    if !(0..=known).contains(&found) {
        return Err(StoreError::Newer {
            path: path.to_path_buf(),
            found,
            known,
        });
    }
    for migration in &MIGRATIONS[found as usize..] {
        transaction.execute_batch(migration).map_err(failed)?;
    }
    transaction
        .pragma_update(None, "user_version", known)
        .map_err(failed)?;
    transaction.commit().map_err(failed)
}

fn classify(path: &Path, error: rusqlite::Error) -> StoreError {
    let path = path.to_path_buf();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full { path },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { path },
        _ => StoreError::Database {
            path,
            source: error,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feedback::Click;
    use crate::store::for_each_since;

    fn click(id: &str) -> Event {
        Event::Click(Click {
            event_id: id.into(),
            session: "s".into(),
            search_id: "q".into(),
            image_id: 7,
            position: 0,
            at: 1.5,
        })
    }

    #[test]
    fn an_event_that_comes_twice_is_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("a/events.sqlite"), None).unwrap();
        let first = store
            .append(&[click("a"), click("b"), click("a")], 1)
            .unwrap();
        assert_eq!((first.accepted, first.duplicates), (2, 1));
        let again = store.append(&[click("b"), click("c")], 2).unwrap();
        assert_eq!((again.accepted, again.duplicates), (1, 1));
        assert_eq!(store.len().unwrap(), 3);
    }

    #[test]
    fn events_come_back_in_order_page_by_page_from_another_connection() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.sqlite");
        let store = SqliteStore::open(&path, None).unwrap();
        let events: Vec<Event> = (0..50).map(|i| click(&format!("e{i}"))).collect();
        store.append(&events, 9).unwrap();
        let reader = SqliteStore::open(&path, None).unwrap();
        assert_eq!(reader.read_since(10, 5).unwrap().len(), 5);
        let mut seen = Vec::new();
        for_each_since(&reader, 0, &mut |stored| seen.push(stored.event)).unwrap();
        assert_eq!(seen, events);
    }

    #[test]
    fn a_full_store_keeps_nothing_of_the_batch_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.sqlite");
        let store = SqliteStore::open(&path, Some(64 * 1024)).unwrap();
        let mut kept = 0;
        let error = loop {
            let batch: Vec<Event> = (0..50).map(|i| click(&format!("e{kept}-{i}"))).collect();
            match store.append(&batch, 0) {
                Ok(appended) => kept += appended.accepted,
                Err(error) => break error,
            }
            assert!(kept < 100_000, "the limit has no effect");
        };
        assert_eq!(error.code(), "disk_full");
        assert_eq!(store.len().unwrap(), kept);
        assert!(std::fs::metadata(&path).unwrap().len() <= 64 * 1024);
    }

    #[test]
    fn a_database_of_a_newer_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.sqlite");
        drop(SqliteStore::open(&path, None).unwrap());
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        drop(connection);
        let error = SqliteStore::open(&path, None).err().unwrap();
        assert_eq!(error.code(), "store_newer");
    }

    #[test]
    fn a_file_that_is_no_database_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.sqlite");
        std::fs::write(&path, "not a database, only some text that is long enough").unwrap();
        let error = SqliteStore::open(&path, None).err().unwrap();
        assert_eq!(error.code(), "store_failed");
    }

    #[test]
    fn every_commit_is_synced() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("events.sqlite"), None).unwrap();
        let connection = store.lock();
        let mode: String = connection
            .pragma_query_value(None, "journal_mode", |row| row.get(0))
            .unwrap();
        let synchronous: i64 = connection
            .pragma_query_value(None, "synchronous", |row| row.get(0))
            .unwrap();
        assert_eq!((mode.as_str(), synchronous), ("wal", 2));
    }
}
