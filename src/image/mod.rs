//! Bytes of a picture file → upright RGB pixels, and pixels → pixels of another size.
//!
//! Every size is read from the header and held against [`Limits`] before anything is decoded or
//! allocated. The same code runs in the builder and in the browser and gives the same pixels in
//! both: no decoder that picks its arithmetic by processor is used (`tests/pictures.rs` compares).
//! JPEGs are shrunk inside the inverse cosine transform, which is what makes a photo of a phone cost
//! tens of milliseconds instead of hundreds, and a few megabytes instead of dozens.
//!
//! Never reads a file, a clock or the network; never answers from half a picture: a file that was
//! cut short is refused.

mod decode;
mod gif;
mod jpeg;
mod limits;
mod orient;
mod png;
mod resize;
mod rgba;
mod sniff;
mod webp;

pub use decode::{Header, Picture, decode, decode_side, probe};
pub use limits::Limits;
pub use orient::Orientation;
pub use resize::{Filter, Resize, resize, thumbnail};
pub use sniff::Format;

/// Why a picture was not read. The message says what was found and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    #[error("the picture is empty: 0 bytes; choose a JPEG, PNG, WebP or GIF file")]
    Empty,
    #[error("{found} is not supported; save the picture as JPEG, PNG, WebP or GIF")]
    Unsupported { found: String },
    #[error(
        "the {format} picture is damaged or was cut short ({reason}); fetch or export it again"
    )]
    Broken { format: Format, reason: String },
    #[error(
        "the picture is too large: {what} {found}, the limit is {limit}; shrink it, or raise Limits::{field}"
    )]
    TooLarge {
        what: &'static str,
        found: u64,
        limit: u64,
        field: &'static str,
    },
    #[error(
        "pixels do not fit their size: {found} bytes for {width} x {height}, expected width x height x 3"
    )]
    Pixels {
        width: u32,
        height: u32,
        found: usize,
    },
    #[error(
        "pixels do not fit their size: {found} bytes for {width} x {height}, expected width x height x 4"
    )]
    Rgba {
        width: u32,
        height: u32,
        found: usize,
    },
    #[error(
        "cannot resize to {width} x {height}: each side must be between 1 and {limit}",
        limit = resize::LARGEST_SIDE
    )]
    Target { width: u32, height: u32 },
}

/// Every code that [`ImageError::code`] gives.
pub const CODES: &[&str] = &[
    "picture_empty",
    "picture_unsupported",
    "picture_broken",
    "picture_too_large",
    "picture_pixels_invalid",
    "picture_target_invalid",
];

impl ImageError {
    /// The stable name of the kind of failure.
    pub fn code(&self) -> &'static str {
        match self {
            ImageError::Empty => "picture_empty",
            ImageError::Unsupported { .. } => "picture_unsupported",
            ImageError::Broken { .. } => "picture_broken",
            ImageError::TooLarge { .. } => "picture_too_large",
            ImageError::Pixels { .. } | ImageError::Rgba { .. } => "picture_pixels_invalid",
            ImageError::Target { .. } => "picture_target_invalid",
        }
    }

    pub(crate) fn broken(format: Format, reason: impl Into<String>) -> ImageError {
        ImageError::Broken {
            format,
            reason: reason.into(),
        }
    }

    pub(crate) fn unsupported(found: impl Into<String>) -> ImageError {
        ImageError::Unsupported {
            found: found.into(),
        }
    }
}
