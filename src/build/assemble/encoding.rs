//! What rows are compared by, how wide codes are, who makes them, and where what is large lies meanwhile.

use super::{InMemory, Scratch};
use crate::index::Index;
use crate::partition::{Alone, Workers};
use crate::quantize::{CodeBits, Metric};

/// How rows are encoded, by whom, and where.
#[derive(Clone, Copy)]
pub struct Encoding<'a> {
    /// None: as the epoch before compares, or the cosine in the first.
    pub metric: Option<Metric>,
    /// None: as the epoch before has them, or the default in the first.
    pub bits: Option<CodeBits>,
    /// Whether every cell is written as one, without further pieces and dead rows.
    pub whole: bool,
    /// They change nothing but the time.
    pub workers: &'a dyn Workers,
    /// It changes nothing but the memory that is taken.
    pub scratch: &'a dyn Scratch,
}

impl Default for Encoding<'_> {
    fn default() -> Self {
        Self {
            metric: None,
            bits: None,
            whole: false,
            workers: &Alone,
            scratch: &InMemory,
        }
    }
}

impl Encoding<'_> {
    /// The metric of an epoch built on `previous`.
    pub fn metric(&self, previous: Option<&Index>) -> Metric {
        self.metric
            .or(previous.map(Index::metric))
            .unwrap_or_default()
    }

    /// The bits of an epoch built on `previous`.
    pub fn bits(&self, previous: Option<&Index>) -> CodeBits {
        self.bits
            .or(previous.and_then(Index::code_bits))
            .unwrap_or_default()
    }
}
