//! The events of a published folder → how often searches showed each picture.

use std::collections::HashMap;
use std::path::Path;

use super::events_path;
use crate::feedback::Showings;
use crate::store::{SqliteStore, StoreError, for_each_since};

/// By id of the picture; empty where no server has taken events, and then no database is made. Works while a server takes more.
pub fn shown(dist: &Path) -> Result<HashMap<u32, u64>, StoreError> {
    let mut showings = Showings::default();
    let path = events_path(dist);
    if path.exists() {
        let store = SqliteStore::open(&path, None)?;
        for_each_since(&store, 0, &mut |stored| showings.take(&stored.event))?;
    }
    Ok(showings.finish())
}
