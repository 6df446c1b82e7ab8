//! An embedder → whether it computes the vector that its sidecar promises.
//!
//! The picture is a formula (`triangles-1`), so that no file has to travel with a model and any language
//! can write a reference: `tri(t)` is a triangle wave of period 512 between 0 and 255; with
//! `X = x * 1024 / W` and `Y = y * 1024 / H` in integers, the byte of channel `c` is
//! `(tri(X(1 + c) + Y) + tri(Y(3 - c) + 2X + 97c) + tri(XY / 256 + 31c)) / 3`. It has slow and fast
//! parts in every direction and another phase in every channel, so that swapped channels, swapped
//! axes, a wrong mean or a wrongly computed layer all move the vector.

use super::{EmbedError, Embedder};
use crate::image::Picture;

/// The pattern `triangles-1` at a size.
pub fn pattern(width: u32, height: u32) -> Picture {
    let wave = |t: u64| {
        let u = t % 512;
        if u < 256 { u } else { 511 - u }
    };
    let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
    for y in 0..u64::from(height) {
        for x in 0..u64::from(width) {
            let (x, y) = (x * 1024 / u64::from(width), y * 1024 / u64::from(height));
            for c in 0..3 {
                let sum = wave(x * (1 + c) + y)
                    + wave(y * (3 - c) + 2 * x + 97 * c)
                    + wave(x * y / 256 + 31 * c);
                rgb.push((sum / 3) as u8);
            }
        }
    }
    Picture { width, height, rgb }
}

/// Runs the pattern. `true`: it came out; `false`: there is nothing to compare it with, but the network
/// runs and its output has the promised shape.
pub(super) fn check(embedder: &Embedder) -> Result<bool, EmbedError> {
    let sidecar = embedder.sidecar();
    let found = embedder.run(&pattern(sidecar.input.width, sidecar.input.height))?;
    let Some(reference) = &sidecar.reference else {
        return Ok(false);
    };
    let cosine = match sidecar.output.normalise {
        true => cosine(&found, &reference.output),
        false => likeness(&found, &reference.output),
    };
    // Written so that a cosine that is no number fails too.
    if cosine >= reference.min_cosine {
        return Ok(true);
    }
    Err(EmbedError::ReferenceFailed {
        cosine,
        min_cosine: reference.min_cosine,
    })
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(&a, &b)| f64::from(a) * f64::from(b))
            .sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// What the cosine is of unit vectors, 1 − ‖found − expected‖² / 2, in units of the expected length: where lengths count, a wrong one is as
/// wrong as a wrong angle.
fn likeness(found: &[f32], expected: &[f32]) -> f64 {
    let squared = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum();
    let pairs = found.iter().zip(expected);
    let apart: f64 = squared(&mut pairs.map(|(&a, &b)| f64::from(a) - f64::from(b)));
    let length: f64 = squared(&mut expected.iter().map(|&value| f64::from(value)));
    1.0 - apart / (2.0 * length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeness_of_unit_vectors_is_their_cosine_and_of_others_it_sees_the_length() {
        let (one, other) = ([0.6, 0.8], [1.0, 0.0]);
        assert!((likeness(&one, &other) - cosine(&one, &other)).abs() < 1e-7);
        assert!((likeness(&[30.0, 40.0], &[30.0, 40.0]) - 1.0).abs() < 1e-12);
        assert!(likeness(&[33.0, 44.0], &[30.0, 40.0]) < 0.9951);
        assert!(likeness(&[f32::NAN, 0.0], &[1.0, 0.0]).is_nan());
    }

    #[test]
    fn the_pattern_is_the_documented_formula() {
        let picture = pattern(4, 2);
        // x = 3, y = 1: X = 768, Y = 512.
        // R: tri(1280) = 255, tri(3072) = 0, tri(1536) = 0; G: tri(2048) = 0, tri(2657) = 97,
        // tri(1567) = 31; B: tri(2816) = 255, tri(2242) = 194, tri(1598) = 62.
        assert_eq!(picture.rgb[21..], [85, 42, 170]);
        assert_eq!(picture.rgb[..3], [0, 42, 85]);
    }

    #[test]
    fn the_cosine_of_nothing_is_no_pass() {
        assert!(cosine(&[0.0, 0.0], &[1.0, 0.0]).is_nan());
        assert!((cosine(&[2.0, 0.0], &[1.0, 0.0]) - 1.0).abs() < 1e-12);
    }
}
