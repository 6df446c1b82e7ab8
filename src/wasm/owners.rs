//! Records → whose each picture is, read once: looking up a record costs some 50 µs, and a search asks for each of its hits.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::index::Index;

/// Owners by picture; those without one are not in it.
pub(super) type OwnerOf = HashMap<u32, String>;

/// The owners of the records that were there when they were asked for first.
#[derive(Default)]
pub(super) struct LastOwners(RefCell<Option<Rc<OwnerOf>>>);

impl LastOwners {
    /// Records have come in.
    pub(super) fn forget(&self) {
        *self.0.borrow_mut() = None;
    }

    pub(super) fn of(&self, index: &Index) -> Rc<OwnerOf> {
        let mut last = self.0.borrow_mut();
        let made = last.get_or_insert_with(|| {
            let owned = |record: crate::index::Record| Some((record.id, record.owner?));
            Rc::new(index.records().filter_map(owned).collect())
        });
        Rc::clone(made)
    }
}
