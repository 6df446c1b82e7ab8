//! Place and seed → a repeatable random value: hashes, smooth noise and cell noise.
//!
//! Integer hashes only, no table and no state, so any thread may ask for any place in any order.

use crate::maths::{V3, mix};

/// A well mixed 32-bit hash (the finaliser of a multiply-xorshift generator).
pub fn hash(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

pub fn hash_of(a: i32, b: i32, c: i32, seed: u32) -> u32 {
    let x = (a as u32).wrapping_mul(0x9e37_79b1);
    let y = (b as u32).wrapping_mul(0x85eb_ca77);
    let z = (c as u32).wrapping_mul(0xc2b2_ae3d);
    hash(hash(x ^ y.rotate_left(11) ^ z.rotate_left(21)) ^ seed.wrapping_mul(0x27d4_eb2f))
}

/// Uniform in 0..1.
pub fn unit(h: u32) -> f32 {
    (h >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// Uniform in 0..1 for a place on the whole-number grid.
pub fn chance(a: i32, b: i32, seed: u32) -> f32 {
    unit(hash_of(a, b, 0, seed))
}

fn fade(t: f32) -> f32 {
    t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
}

/// Smooth noise in 0..1.
pub fn value(p: V3, seed: u32) -> f32 {
    let (fx, fy, fz) = (p.x.floor(), p.y.floor(), p.z.floor());
    let (ix, iy, iz) = (fx as i32, fy as i32, fz as i32);
    let (u, v, w) = (fade(p.x - fx), fade(p.y - fy), fade(p.z - fz));
    let at = |x, y, z| unit(hash_of(ix + x, iy + y, iz + z, seed));
    let row = |y, z| mix(at(0, y, z), at(1, y, z), u);
    mix(
        mix(row(0, 0), row(1, 0), v),
        mix(row(0, 1), row(1, 1), v),
        w,
    )
}

/// Several octaves of smooth noise, about 0..1.
pub fn fbm(p: V3, octaves: u32, seed: u32) -> f32 {
    let (mut sum, mut weight, mut total, mut q) = (0.0, 0.5, 0.0, p);
    for octave in 0..octaves {
        sum += weight * value(q, seed.wrapping_add(octave));
        total += weight;
        weight *= 0.5;
        q = V3 {
            x: q.x * 2.03 + 7.1,
            y: q.y * 2.03 + 3.7,
            z: q.z * 2.03 + 1.3,
        };
    }
    sum / total
}

/// The nearest of the scattered points: distance to it, distance to the border with its neighbour, its identity.
#[derive(Clone, Copy)]
pub struct Nearest {
    pub distance: f32,
    pub border: f32,
    pub id: u32,
    pub centre: (f32, f32),
}

/// Scattered points in the plane, one a grid square, shifted by up to half of `jitter` (0: square grid, 1: irregular).
pub fn scattered(x: f32, y: f32, jitter: f32, seed: u32) -> Nearest {
    let (ix, iy) = (x.floor() as i32, y.floor() as i32);
    let point = |a: i32, b: i32| {
        let h = hash_of(a, b, 1, seed);
        let jx = (unit(h) - 0.5) * jitter;
        let jy = (unit(hash(h)) - 0.5) * jitter;
        (a as f32 + 0.5 + jx, b as f32 + 0.5 + jy, h)
    };
    let mut best = (f32::MAX, 0, 0, (0.0, 0.0));
    for a in ix - 2..=ix + 2 {
        for b in iy - 2..=iy + 2 {
            let (px, py, _) = point(a, b);
            let d = (px - x) * (px - x) + (py - y) * (py - y);
            if d < best.0 {
                best = (d, a, b, (px, py));
            }
        }
    }
    let (cx, cy) = best.3;
    let mut border = f32::MAX;
    for a in best.1 - 2..=best.1 + 2 {
        for b in best.2 - 2..=best.2 + 2 {
            if (a, b) == (best.1, best.2) {
                continue;
            }
            let (px, py, _) = point(a, b);
            let (dx, dy) = (px - cx, py - cy);
            let length = (dx * dx + dy * dy).sqrt().max(1e-6);
            let d = ((0.5 * (px + cx) - x) * dx + (0.5 * (py + cy) - y) * dy) / length;
            border = border.min(d);
        }
    }
    Nearest {
        distance: best.0.sqrt(),
        border,
        id: point(best.1, best.2).2,
        centre: (cx, cy),
    }
}
