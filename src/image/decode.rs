//! Bytes of a file → its header, or its upright pixels.

use super::sniff::sniff;
use super::{Format, ImageError, Limits, Orientation, gif, jpeg, orient, png, webp};

/// Upright pixels, 8 bits a channel, red green blue, alpha laid over white.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    /// `width * height * 3` bytes, row by row from the top left.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// Whether `rgb` has the length that the sides ask for. The fields are public, so every
    /// consumer asks.
    pub(crate) fn check(&self) -> Result<(), ImageError> {
        let expected = u64::from(self.width) * u64::from(self.height) * 3;
        if expected == 0 || expected != self.rgb.len() as u64 {
            return Err(ImageError::Pixels {
                width: self.width,
                height: self.height,
                found: self.rgb.len(),
            });
        }
        Ok(())
    }
}

/// What the first bytes of a picture file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub format: Format,
    /// As stored: before turning upright.
    pub width: u32,
    /// As stored: before turning upright.
    pub height: u32,
    pub orientation: Orientation,
}

impl Header {
    /// Width and height as a person sees the picture.
    pub fn upright_size(&self) -> (u32, u32) {
        if self.orientation.swaps_sides() {
            (self.height, self.width)
        } else {
            (self.width, self.height)
        }
    }
}

/// The `at_least` that builder and browser both hand to [`decode`] for a model of this side.
///
/// Twice the side leaves the resize filter a real choice of pixels after a JPEG was shrunk inside
/// its transform, and both using one value makes both compute the same vector.
pub const fn decode_side(model_side: u32) -> u32 {
    model_side.saturating_mul(2)
}

/// Reads format, size and orientation, and holds the size against `limits`. Decodes nothing.
pub fn probe(bytes: &[u8], limits: &Limits) -> Result<Header, ImageError> {
    limits.check_file(bytes)?;
    let format = sniff(bytes)?;
    let (width, height, exif) = match format {
        Format::Jpeg => {
            let frame = jpeg::read_frame(bytes)?;
            (frame.width.into(), frame.height.into(), frame.exif)
        }
        Format::Png => {
            let header = png::read_header(bytes, limits)?;
            (header.width, header.height, header.exif)
        }
        Format::WebP => {
            let header = webp::read_header(bytes, limits)?;
            (header.width, header.height, header.exif)
        }
        Format::Gif => {
            let (width, height) = gif::read_size(bytes)?;
            (width.into(), height.into(), None)
        }
    };
    limits.check_size(format, width, height)?;
    Ok(Header {
        format,
        width,
        height,
        orientation: orient::read(exif),
    })
}

/// Decodes a picture.
///
/// `at_least` is the shorter side that the caller needs: a JPEG is decoded at the smallest of 1/8, 1/4,
/// 1/2 and 1/1 of its size that keeps it; other formats are always decoded in full. `None` decodes
/// everything in full.
pub fn decode(bytes: &[u8], limits: &Limits, at_least: Option<u32>) -> Result<Picture, ImageError> {
    let header = probe(bytes, limits)?;
    let stored = match header.format {
        Format::Jpeg => jpeg::decode(bytes, limits, at_least)?,
        Format::Png => png::decode(bytes, limits)?,
        Format::WebP => webp::decode(bytes, limits)?,
        Format::Gif => gif::decode(bytes, limits)?,
    };
    stored.check()?;
    Ok(orient::apply(stored, header.orientation))
}

/// One channel laid over white.
pub(super) fn over_white(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_shows_through_in_proportion_to_alpha() {
        assert_eq!(over_white(10, 255), 10);
        assert_eq!(over_white(10, 0), 255);
        assert_eq!(over_white(0, 128), 127);
        assert_eq!(over_white(255, 77), 255);
    }

    #[test]
    fn pixels_that_do_not_fit_their_size_are_refused() {
        for (width, height, length) in [(2, 2, 11), (0, 4, 0), (u32::MAX, u32::MAX, 3)] {
            let picture = Picture {
                width,
                height,
                rgb: vec![0; length],
            };
            assert_eq!(
                picture.check().unwrap_err().code(),
                "picture_pixels_invalid"
            );
        }
    }
}
