//! Conditions on records → which pictures a search may return.
//!
//! The search asks once a candidate, and reading a record costs some 50 µs, so the records are read
//! once for a set of conditions, and the last set is kept: a page's filter seldom changes between searches.

use std::cell::RefCell;
use std::rc::Rc;

use super::values::Options;
use crate::index::Index;

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
    /// Bits that the page made; an id beyond them is not allowed.
    pub(super) fn from_bits(bits: Vec<u8>) -> Self {
        Self {
            bits,
            beyond: false,
            everything: false,
        }
    }

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
pub(super) struct LastAllowed(RefCell<Option<(Conditions, Rc<Allowed>)>>);

impl LastAllowed {
    /// Records have come in: what was made without them no longer holds.
    pub(super) fn forget(&self) {
        *self.0.borrow_mut() = None;
    }

    pub(super) fn of(&self, index: &Index, options: &Options) -> Rc<Allowed> {
        let conditions = Conditions {
            tags: options.tags.clone(),
            owner: options.owner.clone(),
            private: options.private,
        };
        let mut last = self.0.borrow_mut();
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
