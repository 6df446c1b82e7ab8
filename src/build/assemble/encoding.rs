//! How wide codes are, and who makes them.

use crate::index::Index;
use crate::partition::{Alone, Workers};
use crate::quantize::CodeBits;

/// How rows are encoded, and by whom.
#[derive(Clone, Copy)]
pub struct Encoding<'a> {
    /// None: as the epoch before has them, or the default in the first.
    pub bits: Option<CodeBits>,
    /// Whether every cell is written as one, without further pieces and dead rows.
    pub whole: bool,
    /// They change nothing but the time.
    pub workers: &'a dyn Workers,
}

impl Default for Encoding<'_> {
    fn default() -> Self {
        Self {
            bits: None,
            whole: false,
            workers: &Alone,
        }
    }
}

impl Encoding<'_> {
    /// The bits of an epoch built on `previous`.
    pub fn bits(&self, previous: Option<&Index>) -> CodeBits {
        self.bits
            .or(previous.and_then(Index::code_bits))
            .unwrap_or_default()
    }
}
