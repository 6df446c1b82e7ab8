//! The rooms' errors, joined: one type to return, one stable code to branch on.

use crate::{feedback, index, partition, quantize, search};

/// Whatever the library refuses. The message says what was found, what was expected and what to do;
/// [`code`](Error::code) is stable and the same in the TypeScript client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[cfg(feature = "embed")]
    #[error(transparent)]
    Image(#[from] crate::image::ImageError),
    #[cfg(feature = "embed")]
    #[error(transparent)]
    Embed(#[from] crate::embed::EmbedError),
    #[error(transparent)]
    Partition(#[from] partition::PartitionError),
    #[error(transparent)]
    Quantize(#[from] quantize::QuantizeError),
    #[error(transparent)]
    Index(#[from] index::IndexError),
    #[error(transparent)]
    Search(#[from] search::SearchError),
    #[error(transparent)]
    Feedback(#[from] feedback::FeedbackError),
}

impl Error {
    /// The stable code, such as `index_corrupt` or `picture_too_large`.
    pub fn code(&self) -> &'static str {
        match self {
            #[cfg(feature = "embed")]
            Error::Image(error) => error.code(),
            #[cfg(feature = "embed")]
            Error::Embed(error) => error.code(),
            Error::Partition(error) => error.code(),
            Error::Quantize(error) => error.code(),
            Error::Index(error) => error.code(),
            Error::Search(error) => error.code(),
            Error::Feedback(error) => error.code(),
        }
    }
}
