//! Moving liquids stopped: marbled paper and waves.

use super::{Cloth, Colours, ink, relief, tags};
use crate::draw::Draw;
use crate::maths::*;
use crate::noise::{fbm, hash_of, unit, value};

/// Marbled paper: drops of ink on water, then combed. Both steps are the exact area-preserving maps, undone backwards.
pub fn marbling(draw: &Draw) -> Cloth {
    let k = Colours::drawn(draw);
    let seed = draw.seed("drops");
    let form = draw.choice("comb", 6);
    let names = ["stone", "nonpareil", "bouquet", "wave", "swirl", "chevron"];
    let drops: Vec<(f32, f32, f32, usize)> = (0..if form == 0 || form == 4 { 110 } else { 60 })
        .map(|i| {
            let r = |j: i32| unit(hash_of(i, j, 8, seed));
            (
                r(0) * 3.0 - 1.5,
                r(1) * 3.0 - 1.5,
                if form == 0 {
                    0.10 + 0.16 * r(2) * r(2)
                } else {
                    0.14 + 0.22 * r(2) * r(2)
                },
                [1, 0, 2, 3, 4, 0, 1][(r(3) * 6.99) as usize],
            )
        })
        .collect();
    let teeth = draw.span("teeth", 2.5, 6.0);
    let pull = draw.span("pull", 0.25, 0.6);
    let angle = draw.span("angle", 0.0, TAU);
    let twist = draw.span("twist", 1.5, 4.0);
    let c = k.c;
    Cloth {
        colour: Box::new(move |x, y| {
            let (mut u, mut v) = turn(x, y, angle);
            let saw = |t: f32| (fract(t) - 0.5).abs() * 4.0 - 1.0;
            match form {
                1 => v += pull * sin(u * teeth * TAU * 0.5),
                2 => {
                    v += pull * 0.7 * sin(u * teeth * 2.0);
                    u += pull * 0.5 * sin(v * teeth * 1.6 + 1.0);
                }
                3 => {
                    v += pull * 0.5 * sin(u * 3.2);
                    u += pull * 0.6 * sin(v * 2.6);
                }
                4 => {
                    for i in 0..3 {
                        let (cx, cy) = (
                            unit(hash_of(i, 1, 9, seed)) * 1.6 - 0.8,
                            unit(hash_of(i, 2, 9, seed)) * 1.6 - 0.8,
                        );
                        let (a, b) = (u - cx, v - cy);
                        let spin = twist * exp(-3.5 * length2(a, b));
                        let (a, b) = turn(a, b, if i % 2 == 0 { spin } else { -spin });
                        (u, v) = (a + cx, b + cy);
                    }
                }
                5 => v += pull * saw(u * teeth * 0.35) + 0.08 * sin(u * teeth * 6.0),
                _ => {}
            }
            u += 0.05 * (fbm(v3(u * 3.0, v * 3.0, 1.0), 2, seed) - 0.5);
            // Undo the drops from the last to the first: each pushed everything outside it away from its centre.
            let mut tone = 0;
            for &(dx, dy, r, t) in drops.iter().rev() {
                let (a, b) = (u - dx, v - dy);
                let q = a * a + b * b;
                if q < r * r {
                    tone = t;
                    break;
                }
                let s = (1.0 - r * r / q).sqrt();
                (u, v) = (dx + a * s, dy + b * s);
            }
            c[tone] * (0.95 + 0.1 * value(v3(x * 28.0, y * 28.0, 0.0), seed))
        }),
        title: format!("Marbled paper, {} pattern, in {}", names[form], k.name),
        tags: tags(&["paper", "marbled", names[form], k.name]),
    }
}

/// Waves: fish-scale arcs, a great breaking row, ripples or a swell in perspective.
pub fn waves(draw: &Draw) -> Cloth {
    let k = Colours::drawn(draw);
    let seed = draw.seed("water");
    let form = draw.choice("form", 5);
    let names = [
        "scale-shaped waves",
        "rolling crests",
        "ripples",
        "paper-cut waves",
        "crossing swells",
    ];
    let scale = draw.span("scale", 2.2, 4.2);
    let rings = [3.0, 4.0, 5.0][draw.choice("rings", 3)];
    let phase = draw.span("phase", 0.0, TAU);
    let sun = (
        draw.span("sun x", -0.7, 0.7),
        draw.span("sun y", 0.35, 0.75),
    );
    let c = k.c;
    let title_sun = form == 1 || form == 3;
    Cloth {
        colour: Box::new(move |x, y| {
            let paper = 0.98 + 0.04 * value(v3(x * 36.0, y * 36.0, 0.0), seed);
            let out = match form {
                0 => {
                    // Rows of discs, lower rows lying over upper ones.
                    let (u, v) = (x * scale + phase, y * scale * 2.0 + phase);
                    let mut out = c[0];
                    for j in 0..3 {
                        let row = v.floor() + 1.0 - j as f32;
                        let odd = row - 2.0 * (row * 0.5).floor();
                        let i = (u - 0.5 * odd).round() + 0.5 * odd;
                        let r = length2(u - i, (v - row) * 0.5) / 0.56;
                        if r < 1.0 {
                            let ring = fract(r * rings);
                            let band = (r * rings).floor() as usize;
                            let h = hash_of(row as i32, (i * 2.0) as i32, 0, seed);
                            let tone = if h.is_multiple_of(5) {
                                3
                            } else {
                                [1, 2][band % 2]
                            };
                            out = c[tone].mix(c[0], smoothstep(0.70, 0.78, ring));
                        }
                    }
                    out
                }
                1 | 3 => {
                    let sky = c[0].mix(c[2], 0.35 * (1.0 - y) * 0.5);
                    let mut out = sky.mix(c[3], ink(length2(x - sun.0, y - sun.1) - 0.26, 1.0));
                    let rows = 5 + rings as i32;
                    for j in 0..rows {
                        let t = j as f32 / (rows - 1) as f32;
                        let shift = phase + j as f32 * 1.9;
                        let u = x * (scale * 0.9 + t) + shift;
                        let crest = if form == 1 {
                            // A curl: the crest leans over by shifting the argument with the height.
                            let s = sin(u + 0.7 * sin(u));
                            0.5 * s.max(-0.5) * (0.22 + 0.14 * t)
                        } else {
                            (0.10 + 0.06 * t) * sin(u) + 0.04 * sin(u * 2.3 + shift)
                        };
                        let line = 0.42 - 1.45 * t + crest;
                        let d = y - line;
                        if d < 0.0 {
                            let tone = [c[2], c[1], c[2].mix(c[1], 0.5), c[4].mix(c[1], 0.4)]
                                [j as usize % 4];
                            let foam = if form == 1 {
                                ink((d + 0.03).abs() - 0.022, 1.0)
                            } else {
                                0.0
                            };
                            let stripe = if form == 1 {
                                0.14 * ink((fract(-d * 11.0) - 0.5).abs() - 0.12, 11.0)
                            } else {
                                0.0
                            };
                            let lit = 1.0 - 0.25 * smoothstep(0.0, 0.4, -d);
                            out = (tone * lit).mix(c[0], foam.max(stripe));
                        } else if form == 3 {
                            out = out * (1.0 - 0.35 * smoothstep(0.09, 0.0, d));
                        }
                    }
                    out
                }
                2 => {
                    let mut sum = 0.0;
                    for i in 0..3 {
                        let (a, b) = (
                            unit(hash_of(i, 1, 2, seed)) * 2.4 - 1.2,
                            unit(hash_of(i, 2, 2, seed)) * 2.4 - 1.2,
                        );
                        let r = length2(x - a, y - b);
                        sum += sin(r * (9.0 + 3.0 * scale) - phase) / (1.0 + 1.6 * r);
                    }
                    let t = 0.5 + 0.32 * sum;
                    let t = 0.85 * (t * 7.0).floor() / 7.0 + 0.15 * t + 0.07;
                    let tone = if t < 0.5 {
                        c[4].mix(c[1], t * 2.0)
                    } else {
                        c[1].mix(c[2], t * 2.0 - 1.0)
                    };
                    tone.mix(c[0], smoothstep(0.78, 0.92, t))
                }
                _ => {
                    let height = |a: f32, b: f32| {
                        let w = 0.25 * sin(b * 2.4 + phase);
                        0.5 * sin((a + w) * scale * 2.2 + 0.8 * sin(b * scale))
                            + 0.3 * sin((b + 0.3 * a) * scale * 1.7 + phase)
                    };
                    let h = height(x, y);
                    let lit = relief(&height, x, y, 0.16);
                    let tone = c[1].mix(c[2], smoothstep(-0.6, 0.7, h));
                    let line = smoothstep(0.09, 0.04, (fract(h * 4.5) - 0.5).abs());
                    (tone * (0.35 + 0.75 * lit)).mix(c[0], line * 0.75)
                }
            };
            out * paper
        }),
        title: format!(
            "{} in {}{}",
            crate::materials::capital(names[form]),
            k.name,
            if title_sun {
                " under a disc of sun"
            } else {
                ""
            }
        ),
        tags: tags(&["water", names[form], k.name]),
    }
}
