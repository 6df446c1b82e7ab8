//! Conditions on records → which pictures a search may return.
//!
//! The search asks once a candidate, and reading a record costs some 50 µs, so the records are read
//! once for a set of conditions, and the last set is kept: a page's filter seldom changes between searches.

use std::cell::RefCell;
use std::rc::Rc;

use super::values::Options;
use crate::index::Index;
use crate::search::Passing;

/// What a record must satisfy.
#[derive(Clone, PartialEq)]
struct Conditions {
    tags: Vec<String>,
    owner: Option<String>,
    private: bool,
}

/// One bit an id, and what holds beyond the last bit.
pub(super) struct Allowed {
    bits: Vec<u8>,
    beyond: bool,
    everything: bool,
}

impl Allowed {
    /// Whether no picture is left out.
    pub(super) fn is_everything(&self) -> bool {
        self.everything
    }

    pub(super) fn contains(&self, id: u32) -> bool {
        self.bits
            .get(id as usize / 8)
            .map_or(self.beyond, |byte| byte >> (id % 8) & 1 == 1)
    }
}

/// The allowed pictures of the conditions that were asked last.
#[derive(Default)]
pub(super) struct LastAllowed {
    conditions: RefCell<Option<(Conditions, Rc<Allowed>)>>,
    bits: RefCell<Option<Rc<Allowed>>>,
    /// Of which the rows of the cells were looked up last, and what came of it.
    passing: RefCell<Option<(Rc<Allowed>, Rc<Passing>)>>,
}

impl LastAllowed {
    /// Records have come in: what was made without them no longer holds.
    pub(super) fn forget(&self) {
        *self.conditions.borrow_mut() = None;
        *self.passing.borrow_mut() = None;
    }

    /// Bits that the page made; an id beyond them is not allowed.
    pub(super) fn of_bits(&self, bits: Vec<u8>) -> Rc<Allowed> {
        let mut last = self.bits.borrow_mut();
        if let Some(held) = last.as_ref()
            && held.bits == bits
        {
            return Rc::clone(held);
        }
        let allowed = Rc::new(Allowed {
            bits,
            beyond: false,
            everything: false,
        });
        *last = Some(Rc::clone(&allowed));
        allowed
    }

    /// The rows that are allowed, where all cells are at hand and it is not everything.
    pub(super) fn passing(&self, index: &Index, allowed: &Rc<Allowed>) -> Option<Rc<Passing>> {
        if allowed.everything {
            return None;
        }
        let mut last = self.passing.borrow_mut();
        if let Some((held, passing)) = last.as_ref()
            && Rc::ptr_eq(held, allowed)
        {
            return Some(Rc::clone(passing));
        }
        let passing = Rc::new(Passing::of(index, &|id| allowed.contains(id))?);
        *last = Some((Rc::clone(allowed), Rc::clone(&passing)));
        Some(passing)
    }

    pub(super) fn of(&self, index: &Index, options: &Options) -> Rc<Allowed> {
        let conditions = Conditions {
            tags: options.tags.clone(),
            owner: options.owner.clone(),
            private: options.private,
        };
        let mut last = self.conditions.borrow_mut();
        if let Some((held, allowed)) = last.as_ref()
            && *held == conditions
        {
            return Rc::clone(allowed);
        }
        let allowed = Rc::new(conditions.apply(index));
        *last = Some((conditions, Rc::clone(&allowed)));
        allowed
    }
}

impl Conditions {
    fn apply(&self, index: &Index) -> Allowed {
        // A picture without a record has no tag and no owner, and nobody has called it private.
        let beyond = self.tags.is_empty() && self.owner.is_none();
        let mut bits = Vec::new();
        let mut everything = beyond;
        for record in index.records() {
            let (byte, bit) = (record.id as usize / 8, 1 << (record.id % 8));
            if bits.len() <= byte {
                bits.resize(byte + 1, if beyond { u8::MAX } else { 0 });
            }
            let tagged =
                self.tags.is_empty() || record.tags.iter().any(|tag| self.tags.contains(tag));
            let owned = self.owner.is_none() || record.owner == self.owner;
            if tagged && owned && (self.private || !record.private) {
                bits[byte] |= bit;
            } else {
                bits[byte] &= !bit;
                everything = false;
            }
        }
        Allowed {
            bits,
            beyond,
            everything,
        }
    }
}
