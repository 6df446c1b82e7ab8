//! Patchwork quilting.

use super::{Cloth, Colours, Plane, ink, tags};
use crate::draw::Draw;
use crate::materials::capital;
use crate::maths::*;
use crate::noise::{hash_of, value};

/// Patchwork quilting: blocks of triangles and squares, stitched and puffed.
pub fn quilt(draw: &Draw) -> Cloth {
    let k = Colours::drawn(draw);
    let seed = draw.seed("patches");
    let form = draw.choice("block", 6);
    let names = [
        "pinwheel",
        "flying-geese",
        "star",
        "log-cabin",
        "nine-patch",
        "hourglass",
    ];
    let plane = Plane {
        angle: [0.0, 0.785, 0.0, 0.12][draw.choice("angle", 4)],
        scale: draw.span("scale", 0.9, 2.0),
        shift: (
            draw.span("shift x", 0.0, 1.0),
            draw.span("shift y", 0.0, 1.0),
        ),
    };
    let c = k.c;
    let mixed = draw.chance("mixed", 0.5);
    Cloth {
        colour: Box::new(move |x, y| {
            let (u, v) = plane.at(x, y);
            let (iu, iv) = (u.floor(), v.floor());
            let (a, b) = (fract(u) - 0.5, fract(v) - 0.5);
            let h = hash_of(iu as i32, iv as i32, 0, seed);
            let pick = |j: u32| {
                if mixed {
                    1 + ((h >> (j * 3)) as usize + j as usize) % 4
                } else {
                    1 + j as usize % 4
                }
            };
            // The patch's tone and the distance to its nearest seam.
            let (tone, seam) = match form {
                0 => {
                    let (p, q, n) = spoke4(a, b);
                    let up = q > 0.0;
                    (
                        if up { pick(n) } else { 0 },
                        q.abs().min((p - q.abs()).abs() * 0.7),
                    )
                }
                1 => {
                    let r = fract(b * 2.0 + 0.5);
                    let inside = r < 1.0 - 2.0 * a.abs();
                    (
                        if inside { pick((b > 0.0) as u32) } else { 0 },
                        ((r - 1.0 + 2.0 * a.abs()).abs() * 0.3).min(r.min(1.0 - r) * 0.5),
                    )
                }
                2 => {
                    let (p, q) = (a.abs(), b.abs());
                    let middle = p < 0.25 && q < 0.25;
                    let arm = (p < 0.25) ^ (q < 0.25);
                    let (near, far) = if p < 0.25 { (p, q) } else { (q, p) };
                    let tone = if middle {
                        pick(0)
                    } else if arm && (far - 0.25) < near {
                        pick(1)
                    } else {
                        0
                    };
                    (
                        tone,
                        (p - 0.25).abs().min((q - 0.25).abs()).min(if arm {
                            (far - 0.25 - near).abs() * 0.7
                        } else {
                            1.0
                        }),
                    )
                }
                3 => {
                    let r = a.abs().max(b.abs());
                    let ring = (r * 8.0).floor();
                    let side = if a.abs() > b.abs() {
                        (a > 0.0) as u32
                    } else {
                        2 + (b > 0.0) as u32
                    };
                    let tone = if ring < 1.0 {
                        3
                    } else if side % 2 == 0 {
                        [0, 2][(ring as usize) % 2]
                    } else {
                        [1, 4][(ring as usize) % 2]
                    };
                    (tone, ((fract(r * 8.0) - 0.5).abs() - 0.5).abs() / 8.0)
                }
                4 => {
                    let (p, q) = (((a + 0.5) * 3.0).floor(), ((b + 0.5) * 3.0).floor());
                    let odd = (p + q) - 2.0 * ((p + q) * 0.5).floor();
                    let edge = |t: f32| (fract((t + 0.5) * 3.0) - 0.5).abs();
                    (
                        if odd < 0.5 {
                            pick((p * 3.0 + q) as u32 % 5)
                        } else {
                            0
                        },
                        (0.5 - edge(a).max(edge(b))) / 3.0,
                    )
                }
                _ => {
                    let (_, _, n) = spoke4(a, b);
                    let odd = (iu + iv) as i32 & 1;
                    let up = (n as i32 + odd) % 2 == 0;
                    (
                        if up { pick(n / 2) } else { 0 },
                        (a.abs() - b.abs()).abs() * 0.7,
                    )
                }
            };
            let seam = seam.min(0.5 - a.abs().max(b.abs()));
            let puff = 0.72 + 0.34 * smoothstep(0.0, 0.10, seam);
            let stitch = ink((seam - 0.045).abs() - 0.006, plane.scale)
                * (fract((u + v) * 14.0) > 0.45) as i32 as f32;
            let print = 0.94 + 0.12 * value(v3(u * 16.0, v * 16.0, tone as f32 * 9.0), seed);
            (c[tone] * (puff * print)).mix(c[0], stitch * 0.5)
        }),
        title: capital(&format!("quilt of {} blocks in {}", names[form], k.name)),
        tags: tags(&["textile", "patchwork", names[form], k.name]),
    }
}

/// Folds the plane into four wedges: `(along, across, wedge 0..4)`.
fn spoke4(a: f32, b: f32) -> (f32, f32, u32) {
    if a.abs() > b.abs() {
        if a > 0.0 { (a, b, 0) } else { (-a, -b, 2) }
    } else if b > 0.0 {
        (b, -a, 1)
    } else {
        (-b, a, 3)
    }
}
