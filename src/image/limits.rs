//! What a picture may cost, checked from its header before a pixel is decoded.
//!
//! Two different things are bounded. `pixels` is what the file *declares*: it bounds time.
//! `allocation_bytes` is what decoding will *hold in memory at once*, estimated for each format from
//! its header: it bounds memory. They differ widely: a 100-megapixel JPEG scan decoded at an eighth
//! of its size holds about 10 MB, while the same file saved as a progressive JPEG must keep every
//! coefficient (300 MB at 4:2:0), and as a PNG every pixel.

use super::{Format, ImageError};

/// Bounds for one picture. Lower them where many pictures are decoded at once or memory is scarce:
/// the memory of a builder is `allocation_bytes` times its threads in the worst case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Length of the file. Default 64 MiB; 0 refuses everything.
    pub file_bytes: u64,
    /// Declared width in pixels, before turning upright. Default 32,768; no format gives more than 65,535
    /// except PNG.
    pub width: u32,
    /// Declared height in pixels, before turning upright. Default 32,768.
    pub height: u32,
    /// Declared width times height. Default 200 million: twice the largest camera sensors, less than a
    /// quarter of the 30,000 x 30,000 that a decompression bomb likes to declare.
    pub pixels: u64,
    /// Most memory that decoding may hold at once, by estimate. Default 384 MiB: a 100-megapixel
    /// progressive JPEG at 4:2:0 fits, and so does a 64-megapixel WebP or PNG.
    pub allocation_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            file_bytes: 64 << 20,
            width: 32_768,
            height: 32_768,
            pixels: 200_000_000,
            allocation_bytes: 384 << 20,
        }
    }
}

impl Limits {
    pub(super) fn check_file(&self, bytes: &[u8]) -> Result<(), ImageError> {
        within(
            "file bytes",
            bytes.len() as u64,
            self.file_bytes,
            "file_bytes",
        )
    }

    pub(super) fn check_size(
        &self,
        format: Format,
        width: u32,
        height: u32,
    ) -> Result<(), ImageError> {
        if width == 0 || height == 0 {
            let reason = format!("its header declares {width} x {height} pixels");
            return Err(ImageError::broken(format, reason));
        }
        self.check_pixels(width, height)
    }

    pub(super) fn check_pixels(&self, width: u32, height: u32) -> Result<(), ImageError> {
        within("width in pixels", width.into(), self.width.into(), "width")?;
        within(
            "height in pixels",
            height.into(),
            self.height.into(),
            "height",
        )?;
        let pixels = u64::from(width) * u64::from(height);
        within("number of pixels", pixels, self.pixels, "pixels")
    }

    pub(super) fn check_allocation(&self, bytes: u64) -> Result<(), ImageError> {
        // What an allocation of the platform can hold at all, whatever the caller allows.
        let limit = self.allocation_bytes.min(isize::MAX as u64);
        within(
            "bytes of memory to decode it",
            bytes,
            limit,
            "allocation_bytes",
        )
    }
}

fn within(
    what: &'static str,
    found: u64,
    limit: u64,
    field: &'static str,
) -> Result<(), ImageError> {
    if found > limit {
        return Err(ImageError::TooLarge {
            what,
            found,
            limit,
            field,
        });
    }
    Ok(())
}
