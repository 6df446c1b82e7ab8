//! A decoded picture → a small JPEG and the name it is stored under.
//!
//! Made from the pixels that were decoded for the embedding, so each file is decoded once. Encoding
//! anew also leaves behind whatever else the file carried: place, camera and embedded previews never
//! reach the published folder. The name is the hash of the bytes, so equal pictures share one file
//! and a browser may keep it for ever.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use crate::image::{ImageError, Picture, thumbnail};
use crate::index::content_name;

/// About 10 KB for 256 pixels; below 75 the block edges show on plain walls, above 85 only the bytes grow.
const QUALITY: u8 = 80;

/// The folder beside the manifest.
pub const FOLDER: &str = "thumbs";

pub struct Thumbnail {
    /// `thumbs/HASH.jpg`, as records name it.
    pub name: String,
    pub jpeg: Vec<u8>,
}

/// `longest` is the longer side in pixels; smaller pictures keep their size.
pub fn make(picture: &Picture, longest: u32) -> Result<Thumbnail, ImageError> {
    let small = thumbnail(picture, longest)?;
    let (width, height) = match (u16::try_from(small.width), u16::try_from(small.height)) {
        (Ok(width), Ok(height)) => (width, height),
        _ => {
            return Err(ImageError::Target {
                width: small.width,
                height: small.height,
            });
        }
    };
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_optimized_huffman_tables(true);
    encoder
        .encode(&small.rgb, width, height, ColorType::Rgb)
        .map_err(|_| ImageError::Pixels {
            width: small.width,
            height: small.height,
            found: small.rgb.len(),
        })?;
    Ok(Thumbnail {
        name: content_name(&format!("{FOLDER}/"), &jpeg, "jpg"),
        jpeg,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Limits, decode};

    fn slope(width: u32, height: u32) -> Picture {
        let rgb = (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .flat_map(|(x, y)| [(x * 255 / width) as u8, (y * 255 / height) as u8, 90])
            .collect();
        Picture { width, height, rgb }
    }

    #[test]
    fn the_longer_side_fits_and_the_picture_is_still_that_picture() {
        let made = make(&slope(800, 400), 256).unwrap();
        let read = decode(&made.jpeg, &Limits::default(), None).unwrap();
        assert_eq!((read.width, read.height), (256, 128));
        let right = &read.rgb[(64 * 256 + 250) * 3..][..3];
        assert!(
            right[0] > 230 && right[2] > 60 && right[2] < 120,
            "{right:?}"
        );
    }

    #[test]
    fn a_small_picture_is_not_enlarged() {
        let made = make(&slope(40, 60), 256).unwrap();
        let read = decode(&made.jpeg, &Limits::default(), None).unwrap();
        assert_eq!((read.width, read.height), (40, 60));
    }

    #[test]
    fn equal_pictures_share_a_name_and_others_do_not() {
        let name = |picture| make(&picture, 64).unwrap().name;
        assert_eq!(name(slope(100, 100)), name(slope(100, 100)));
        assert_ne!(name(slope(100, 100)), name(slope(100, 101)));
        assert!(name(slope(9, 9)).starts_with("thumbs/"));
    }
}
