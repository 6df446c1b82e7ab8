//! Where a caller lets lie what grows with the rows, while an epoch is made of them.
//!
//! The core does no I/O: it keeps such things in memory, unless whoever calls it has a better place. What is read of them is the same wherever they lie.

use std::fmt::{self, Debug, Formatter};
use std::ops::Deref;
use std::sync::Arc;

use super::AssembleError;

/// A place for what is read again later.
pub trait Scratch: Sync {
    /// Values, told part by part in their order; `length` in all.
    fn values(
        &self,
        length: usize,
        parts: &mut dyn Iterator<Item = Vec<f32>>,
    ) -> Result<Lying<f32>, ScratchError>;

    /// The bytes of a file of the epoch.
    fn file(&self, bytes: Vec<u8>) -> Result<FileBytes, ScratchError>;
}

/// What lies somewhere, and can be read as if it were here.
#[derive(Clone)]
pub struct Lying<T>(Arc<dyn Deref<Target = [T]> + Send + Sync>);

/// Where the bytes of a file are.
pub enum FileBytes {
    Held(Vec<u8>),
    Lying(Lying<u8>),
}

/// Why something could not be put away.
#[derive(Debug, Clone, PartialEq)]
pub struct ScratchError {
    /// Stable, as that of every error.
    pub code: &'static str,
    pub what: String,
}

impl From<ScratchError> for AssembleError {
    fn from(ScratchError { code, what }: ScratchError) -> Self {
        Self::Scratch { code, what }
    }
}

impl<T> Lying<T> {
    pub fn new(at: impl Deref<Target = [T]> + Send + Sync + 'static) -> Self {
        Self(Arc::new(at))
    }
}

impl<T> Deref for Lying<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> Debug for Lying<T> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{} lying elsewhere", self.len())
    }
}

impl<T: PartialEq> PartialEq for Lying<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

/// Keeps everything in memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct InMemory;

impl Scratch for InMemory {
    fn values(
        &self,
        length: usize,
        parts: &mut dyn Iterator<Item = Vec<f32>>,
    ) -> Result<Lying<f32>, ScratchError> {
        let mut all = Vec::with_capacity(length);
        parts.for_each(|part| all.extend(part));
        Ok(Lying::new(all))
    }

    fn file(&self, bytes: Vec<u8>) -> Result<FileBytes, ScratchError> {
        Ok(FileBytes::Held(bytes))
    }
}
