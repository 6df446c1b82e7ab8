//! Pixels that somebody else decoded, a browser say → a picture.

use super::decode::over_white;
use super::{ImageError, Limits, Picture};

impl Picture {
    /// Takes upright RGBA pixels, alpha not multiplied in, and lays them over white.
    ///
    /// `limits` bounds the sides and the pixels as it does for files; the bytes are there already.
    pub fn from_rgba(
        width: u32,
        height: u32,
        rgba: &[u8],
        limits: &Limits,
    ) -> Result<Picture, ImageError> {
        limits.check_pixels(width, height)?;
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 || pixels * 4 != rgba.len() as u64 {
            return Err(ImageError::Rgba {
                width,
                height,
                found: rgba.len(),
            });
        }
        let rgb = rgba
            .chunks_exact(4)
            .flat_map(|pixel| {
                [pixel[0], pixel[1], pixel[2]].map(|value| over_white(value, pixel[3]))
            })
            .collect();
        Ok(Picture { width, height, rgb })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transparent_pixels_become_white_and_opaque_ones_stay() {
        let rgba = [10, 20, 30, 255, 10, 20, 30, 0];
        let picture = Picture::from_rgba(2, 1, &rgba, &Limits::default()).unwrap();
        assert_eq!(picture.rgb, [10, 20, 30, 255, 255, 255]);
    }

    #[test]
    fn pixels_that_do_not_fill_their_size_are_refused() {
        for (width, height, length) in [(2, 2, 15), (2, 2, 17), (0, 3, 0), (30_000, 30_000, 8)] {
            let picture = Picture::from_rgba(width, height, &vec![0; length], &Limits::default());
            assert!(picture.is_err(), "{width} x {height} with {length} bytes");
        }
    }
}
