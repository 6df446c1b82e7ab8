//! What can be wrong with the labels that an evaluation is given.

use std::path::PathBuf;

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// A table of labels that does not fit the index, or folders that are no labels.
    #[error("{from}{}: {found}; {todo}", .row.map(|row| format!(", row {row}")).unwrap_or_default())]
    Labels {
        from: String,
        row: Option<u64>,
        found: String,
        todo: String,
    },
    /// An index without a picture to ask with.
    #[error("{} holds no picture, so there is nothing to measure; build it from a folder with pictures", .0.display())]
    Empty(PathBuf),
}

impl EvalError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Labels { .. } => "labels_broken",
            Self::Empty(_) => "nothing_to_measure",
        }
    }
}
