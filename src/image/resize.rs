//! Pixels → pixels of another size, by convolution with a filter as wide as the shrinking asks for
//! (antialiased, as Pillow and torchvision do it).
//!
//! Integer arithmetic with fixed rounding: the same pixels natively and in wasm.

use fast_image_resize as fir;

use super::{ImageError, Picture};

/// Largest side that can be asked for; bounds the memory of a resize whatever a sidecar says.
pub(super) const LARGEST_SIDE: u32 = 16_384;

/// What becomes of a picture whose aspect is not the target's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resize {
    /// The largest centred part with the target's aspect is kept.
    #[default]
    Crop,
    /// The whole picture is kept and distorted.
    Squash,
}

/// The resampling filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Filter {
    #[default]
    Bilinear,
    Bicubic,
    Lanczos3,
}

/// Resizes to exactly `width` x `height`.
pub fn resize(
    picture: &Picture,
    width: u32,
    height: u32,
    rule: Resize,
    filter: Filter,
) -> Result<Picture, ImageError> {
    picture.check()?;
    let allowed = 1..=LARGEST_SIDE;
    if !allowed.contains(&width) || !allowed.contains(&height) {
        return Err(ImageError::Target { width, height });
    }
    if (picture.width, picture.height) == (width, height) {
        return Ok(picture.clone());
    }
    let source = fir::images::ImageRef::new(
        picture.width,
        picture.height,
        &picture.rgb,
        fir::PixelType::U8x3,
    )
    .map_err(|_| ImageError::Pixels {
        width: picture.width,
        height: picture.height,
        found: picture.rgb.len(),
    })?;
    let mut target = fir::images::Image::new(width, height, fir::PixelType::U8x3);
    let algorithm = fir::ResizeAlg::Convolution(match filter {
        Filter::Bilinear => fir::FilterType::Bilinear,
        Filter::Bicubic => fir::FilterType::CatmullRom,
        Filter::Lanczos3 => fir::FilterType::Lanczos3,
    });
    let mut options = fir::ResizeOptions::new().resize_alg(algorithm);
    if rule == Resize::Crop {
        let (left, top, crop_width, crop_height) =
            centred_box(picture.width, picture.height, width, height);
        options = options.crop(left, top, crop_width, crop_height);
    }
    fir::Resizer::new()
        .resize(&source, &mut target, &options)
        .map_err(|_| ImageError::Target { width, height })?;
    Ok(Picture {
        width,
        height,
        rgb: target.into_vec(),
    })
}

/// The largest centred box of a `width` x `height` picture with the aspect of the target.
fn centred_box(width: u32, height: u32, to_width: u32, to_height: u32) -> (f64, f64, f64, f64) {
    let (width, height) = (f64::from(width), f64::from(height));
    let aspect = f64::from(to_width) / f64::from(to_height);
    // `min` because rounding must not put the box a hair outside the picture.
    let crop_width = (height * aspect).min(width);
    let crop_height = (width / aspect).min(height);
    (
        ((width - crop_width) / 2.0).max(0.0),
        ((height - crop_height) / 2.0).max(0.0),
        crop_width,
        crop_height,
    )
}

/// Shrinks to at most `longest` pixels on the longer side; never enlarges.
pub fn thumbnail(picture: &Picture, longest: u32) -> Result<Picture, ImageError> {
    picture.check()?;
    let longer = picture.width.max(picture.height);
    if longer <= longest {
        return Ok(picture.clone());
    }
    let shrunk = |side: u32| {
        let exact = u64::from(side) * u64::from(longest);
        ((exact + u64::from(longer) / 2) / u64::from(longer)).max(1) as u32
    };
    if longest == 0 {
        return Err(ImageError::Target {
            width: 0,
            height: 0,
        });
    }
    resize(
        picture,
        shrunk(picture.width),
        shrunk(picture.height),
        Resize::Squash,
        Filter::Lanczos3,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradient(width: u32, height: u32) -> Picture {
        let rgb = (0..height)
            .flat_map(|y| (0..width).flat_map(move |x| [x as u8, y as u8, (x ^ y) as u8]))
            .collect();
        Picture { width, height, rgb }
    }

    #[test]
    fn crop_keeps_the_middle_and_squash_keeps_the_edges() {
        let wide = gradient(200, 50);
        let crop = resize(&wide, 50, 50, Resize::Crop, Filter::Bilinear).unwrap();
        assert_eq!(crop.rgb[0], 75, "the left edge of the centred box");
        let squash = resize(&wide, 50, 50, Resize::Squash, Filter::Bilinear).unwrap();
        assert!(squash.rgb[0] < 4, "{}", squash.rgb[0]);
    }

    #[test]
    fn the_centred_box_has_the_aspect_of_the_target_and_lies_inside() {
        for (w, h, tw, th) in [
            (640, 480, 128, 128),
            (480, 641, 128, 256),
            (1, 999, 256, 128),
        ] {
            let (left, top, width, height) = centred_box(w, h, tw, th);
            assert!((width / height - f64::from(tw) / f64::from(th)).abs() < 1e-9);
            assert!(left >= 0.0 && left + width <= f64::from(w) + 1e-9);
            assert!(top >= 0.0 && top + height <= f64::from(h) + 1e-9);
            assert!((width - f64::from(w)).abs() < 1e-9 || (height - f64::from(h)).abs() < 1e-9);
        }
    }

    #[test]
    fn a_thumbnail_never_enlarges_and_never_vanishes() {
        assert_eq!(thumbnail(&gradient(40, 30), 64).unwrap(), gradient(40, 30));
        let thin = thumbnail(&gradient(500, 1), 100).unwrap();
        assert_eq!((thin.width, thin.height), (100, 1));
        assert_eq!(
            thumbnail(&gradient(5, 5), 0).unwrap_err().code(),
            "picture_target_invalid"
        );
    }

    #[test]
    fn impossible_targets_are_refused() {
        for (width, height) in [(0, 5), (5, 0), (LARGEST_SIDE + 1, 5), (5, u32::MAX)] {
            let error = resize(
                &gradient(8, 8),
                width,
                height,
                Resize::Crop,
                Filter::Bicubic,
            );
            assert_eq!(error.unwrap_err().code(), "picture_target_invalid");
        }
    }

    /// The plain form of the filter, in f64: what Pillow's documentation describes.
    fn plain_triangle(line: &[u8], to: usize) -> Vec<f64> {
        let scale = line.len() as f64 / to as f64;
        let support = scale.max(1.0);
        (0..to)
            .map(|at| {
                let centre = (at as f64 + 0.5) * scale;
                let weighed = line.iter().enumerate().map(|(from, &value)| {
                    let distance = (from as f64 + 0.5 - centre).abs() / support;
                    ((1.0 - distance).max(0.0), f64::from(value))
                });
                let (sum, weights) = weighed.fold((0.0, 0.0), |(sum, weights), (w, v)| {
                    (sum + w * v, weights + w)
                });
                sum / weights
            })
            .collect()
    }

    #[test]
    fn bilinear_shrinking_is_an_antialiased_triangle_filter_within_one_level() {
        let line: Vec<u8> = (0..211u32).map(|x| (x * x * 7 + x * 31) as u8).collect();
        let picture = Picture {
            width: 211,
            height: 1,
            rgb: line.iter().flat_map(|&v| [v; 3]).collect(),
        };
        let shrunk = resize(&picture, 37, 1, Resize::Squash, Filter::Bilinear).unwrap();
        for (found, expected) in shrunk.rgb.chunks_exact(3).zip(plain_triangle(&line, 37)) {
            assert!(
                (f64::from(found[0]) - expected).abs() <= 1.0,
                "{found:?} {expected}"
            );
        }
    }
}
