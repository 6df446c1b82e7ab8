//! Colour function → pixels → JPEG bytes: antialiasing, tone curve, vignette and a size limit.
//!
//! One sample a pixel first; only pixels that differ from a neighbour get four more. On the gallery that is about one
//! pixel in six, for the look of five samples everywhere.

use crate::maths::*;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

pub struct Frame {
    pub width: u32,
    pub height: u32,
    /// Display values, 0..255, three a pixel.
    pub rgb: Vec<u8>,
}

/// Linear light → display value 0..1: straight up to 0.7, then a shoulder that never clips hard.
fn tone(x: f32) -> f32 {
    let x = (x * 1.06).max(0.0);
    let y = if x < 0.62 {
        x
    } else {
        0.62 + 0.38 * (1.0 - exp(-(x - 0.62) / 0.55))
    };
    if y <= 0.003_130_8 {
        y * 12.92
    } else {
        1.055 * pow(y, 1.0 / 2.4) - 0.055
    }
}

fn display(c: V3) -> V3 {
    v3(tone(c.x), tone(c.y), tone(c.z))
}

/// Offsets of the four extra samples: a rotated grid, so that near-level and near-upright edges gain most.
const EXTRA: [(f32, f32); 4] = [
    (-0.125, -0.375),
    (0.375, -0.125),
    (0.125, 0.375),
    (-0.375, 0.125),
];

impl Frame {
    /// Renders `look(x, y)`, `x` in -aspect..aspect and `y` in -1..1 upwards, in a frame whose shorter side spans 2. `smooth` turns antialiasing on.
    pub fn render(
        width: u32,
        height: u32,
        smooth: bool,
        vignette: f32,
        look: impl Fn(f32, f32) -> (V3, u32),
    ) -> Frame {
        let short = width.min(height) as f32;
        let place = |px: f32, py: f32| {
            (
                (2.0 * px - width as f32) / short,
                (height as f32 - 2.0 * py) / short,
            )
        };
        let sample = |px: f32, py: f32| {
            let (x, y) = place(px, py);
            let (c, mark) = look(x, y);
            (display(c), mark)
        };
        let (w, h) = (width as usize, height as usize);
        let first: Vec<(V3, u32)> = (0..w * h)
            .map(|i| sample((i % w) as f32 + 0.5, (i / w) as f32 + 0.5))
            .collect();
        let differs = |i: usize, j: usize| {
            let ((a, m), (b, n)) = (first[i], first[j]);
            let d = (a - b).abs();
            m != n || d.x.max(d.y).max(d.z) > 0.055
        };
        let mut rgb = Vec::with_capacity(w * h * 3);
        for y in 0..h {
            for x in 0..w {
                let i = y * w + x;
                let edge = smooth
                    && ((x > 0 && differs(i, i - 1))
                        || (x + 1 < w && differs(i, i + 1))
                        || (y > 0 && differs(i, i - w))
                        || (y + 1 < h && differs(i, i + w)));
                let mut c = first[i].0;
                if edge {
                    for (dx, dy) in EXTRA {
                        c += sample(x as f32 + 0.5 + dx, y as f32 + 0.5 + dy).0;
                    }
                    c = c / 5.0;
                }
                let (u, v) = (
                    2.0 * (x as f32 + 0.5) / w as f32 - 1.0,
                    2.0 * (y as f32 + 0.5) / h as f32 - 1.0,
                );
                c = c * (1.0 - vignette * smoothstep(0.5, 2.1, u * u + v * v));
                for channel in [c.x, c.y, c.z] {
                    rgb.push((channel.clamp(0.0, 1.0) * 255.0 + 0.5) as u8);
                }
            }
        }
        Frame { width, height, rgb }
    }

    /// The best quality of 88, 85 … 40 whose file stays under `limit_bytes`; the last one if none does.
    pub fn jpeg(&self, limit_bytes: usize) -> Result<Vec<u8>, jpeg_encoder::EncodingError> {
        let mut quality = 88;
        loop {
            let mut bytes = Vec::new();
            let mut encoder = Encoder::new(&mut bytes, quality);
            encoder.set_sampling_factor(SamplingFactor::F_2_2);
            encoder.set_optimized_huffman_tables(true);
            encoder.encode(
                &self.rgb,
                self.width as u16,
                self.height as u16,
                ColorType::Rgb,
            )?;
            if bytes.len() <= limit_bytes || quality <= 40 {
                return Ok(bytes);
            }
            quality -= 3;
        }
    }
}
