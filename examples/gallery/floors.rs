//! Floor and place → its surface: plain paper sweep, planks, tiles, terrazzo, stripes, polished stone or a round mat.
//!
//! Patterns are kept at low contrast and fade with distance: the floor says where the thing stands and no more, and
//! fine high-contrast texture would spend the file's bytes on what nobody looks at.

use crate::maths::*;
use crate::noise;
use crate::scene::{Floor, Stage};

pub struct Ground {
    pub albedo: V3,
    /// Mirror share looking straight down.
    pub gloss: f32,
}

pub fn ground(stage: &Stage, p: V3) -> Ground {
    let base = stage.mood.floor.linear();
    let unit = stage.extent;
    let (x, z) = turn(p.x / unit, p.z / unit, stage.turn);
    let seed = stage.seed;
    let mut gloss = 0.0;
    let shade = match stage.floor {
        Floor::Seamless => 1.0,
        Floor::Planks => {
            gloss = 0.03;
            let row = (x * 2.4).floor();
            let across = fract(x * 2.4);
            let shift = noise::chance(row as i32, 3, seed);
            let along = z * 0.7 + shift * 5.0;
            let tone = noise::chance(row as i32, along.floor() as i32, seed);
            let grain = noise::value(v3(x * 22.0, z * 1.6 + tone * 40.0, 0.0), seed);
            let gap = smoothstep(0.0, 0.03, across.min(1.0 - across))
                * smoothstep(0.0, 0.012, fract(along).min(1.0 - fract(along)));
            (0.78 + 0.26 * tone) * (0.9 + 0.16 * grain) * (0.55 + 0.45 * gap)
        }
        Floor::Tiles => {
            gloss = 0.05;
            let (u, v) = (x * 1.7, z * 1.7);
            let even = ((u.floor() + v.floor()) * 0.5).fract().abs() < 0.25;
            let joint = (fract(u).min(1.0 - fract(u))).min(fract(v).min(1.0 - fract(v)));
            (if even { 1.06 } else { 0.72 }) * mix(0.8, 1.0, smoothstep(0.0, 0.025, joint))
        }
        Floor::Terrazzo => {
            gloss = 0.03;
            let chip = noise::scattered(x * 4.2, z * 4.2, 1.0, seed);
            let tone = noise::unit(chip.id);
            let inside = smoothstep(0.10, 0.16, chip.border + 0.12 * (tone - 0.5));
            mix(
                1.0,
                0.55 + 0.75 * noise::unit(noise::hash(chip.id)),
                inside * if tone > 0.45 { 0.9 } else { 0.0 },
            )
        }
        Floor::Stripes => {
            let s = fract(x * 1.5);
            mix(
                0.74,
                1.06,
                smoothstep(0.47, 0.5, s) - smoothstep(0.97, 1.0, s),
            )
        }
        Floor::Polished => {
            gloss = 0.10;
            let warp = noise::fbm(v3(x * 1.2, z * 1.2, 0.0), 4, seed);
            let vein = (fract(warp * 3.0 + x * 0.3) - 0.5).abs();
            1.0 - 0.22 * (1.0 - smoothstep(0.0, 0.07, vein))
        }
        Floor::Disc => {
            let r = length2(p.x, p.z) / unit;
            let mat = 1.0 - smoothstep(1.12, 1.135, r);
            let rim = smoothstep(1.0, 1.01, r) * mat;
            let lift = if base.luma() > 0.25 { 0.66 } else { 1.9 };
            mix(1.0, lift, mat) * mix(1.0, 0.8, rim)
        }
    };
    // Far away the pattern would shimmer below the size of a pixel, so it fades into its mean.
    let far = smoothstep(2.0, 5.0, length2(p.x, p.z) / unit);
    Ground {
        albedo: base * mix(shade, 1.0, far),
        gloss: gloss * (1.0 - far),
    }
}
