//! Laid and printed: mosaics, wallpaper symmetry and Truchet tiles.

use super::{Cloth, Colours, Plane, ink, tags};
use crate::draw::Draw;
use crate::maths::*;
use crate::noise::{chance, fbm, hash, hash_of, scattered, unit, value};
use crate::sdf::spoke;

/// Small stones set along a large motif: sun, waves, leaf, fish-scale, spiral or portrait of hills.
pub fn mosaic(draw: &Draw) -> Cloth {
    let k = Colours::drawn(draw);
    let seed = draw.seed("stones");
    let form = draw.choice("motif", 6);
    let names = [
        "a sun",
        "a spiral",
        "a flower",
        "rolling hills",
        "a target",
        "crossing rays",
    ];
    let scale = draw.span("scale", 6.0, 10.5);
    let jitter = draw.span("jitter", 0.45, 1.0);
    let petals = [5.0, 6.0, 8.0, 12.0][draw.choice("petals", 4)];
    let centre = (
        draw.span("centre x", -0.4, 0.4),
        draw.span("centre y", -0.35, 0.35),
    );
    let turned = draw.span("turned", 0.0, TAU);
    let c = k.c;
    Cloth {
        colour: Box::new(move |x, y| {
            let stone = scattered(x * scale, y * scale, jitter, seed);
            let (sx, sy) = (
                stone.centre.0 / scale - centre.0,
                stone.centre.1 / scale - centre.1,
            );
            let r = length2(sx, sy);
            let a = atan2(sy, sx) + turned;
            let t = match form {
                0 => {
                    if r < 0.34 {
                        3
                    } else if r < 0.85 && cos(a * petals) > (r - 0.34) * 1.9 - 0.5 {
                        1
                    } else {
                        [0, 2][(r * 3.0) as usize % 2]
                    }
                }
                1 => [0, 1, 2, 4][(fract(r * 1.6 - a / TAU) * 4.0) as usize % 4],
                2 => {
                    let edge = 0.42 + 0.28 * cos(a * petals);
                    if r < 0.16 {
                        3
                    } else if r < edge {
                        1
                    } else if r < edge + 0.16 {
                        4
                    } else {
                        [0, 2][(r * 2.4) as usize % 2]
                    }
                }
                3 => {
                    let hill =
                        |n: f32| 0.55 - 0.42 * n + 0.20 * sin(sx * (2.0 + n) + turned + n * 2.0);
                    if length2(sx - 0.3, sy - 0.62) < 0.22 {
                        3
                    } else if sy > hill(0.0) {
                        0
                    } else if sy > hill(1.0) {
                        2
                    } else if sy > hill(2.0) {
                        1
                    } else {
                        4
                    }
                }
                4 => [3, 0, 1, 0, 2, 4][(r * 4.5) as usize % 6],
                _ => {
                    let wedge = (fract(a / TAU * petals * 0.5) * 2.0) as usize;
                    if r < 0.22 {
                        3
                    } else {
                        [[1, 0], [4, 2]][(r > 0.75) as usize][wedge % 2]
                    }
                }
            };
            let tone = 0.80 + 0.40 * unit(hash(stone.id));
            let bevel = 0.86 + 0.22 * smoothstep(0.02, 0.20, stone.border);
            let grout = c[0].mix(grey(0.32), 0.6) * 0.55;
            let inside = smoothstep(0.035, 0.075, stone.border);
            grout.mix(c[t] * (tone * bevel), inside)
        }),
        title: format!("Mosaic of {} in {}", names[form], k.name),
        tags: tags(&[
            "mosaic",
            "stone",
            names[form].trim_start_matches("a "),
            k.name,
        ]),
    }
}

/// Motifs repeated by one of six wallpaper groups.
pub fn wallpaper(draw: &Draw) -> Cloth {
    let k = Colours::drawn(draw);
    let seed = draw.seed("motif");
    let group = draw.choice("group", 6);
    let names = ["pmm", "p4m", "p6m", "pgg", "p3", "cmm"];
    let kind = draw.choice("leaf", 5);
    let motifs = ["leaves", "rosettes", "ribbons", "stars", "bells"];
    let plane = Plane {
        angle: [0.0, 0.0, 0.785, 0.26][draw.choice("angle", 4)],
        scale: draw.span("scale", 1.15, 2.0),
        shift: (
            draw.span("shift x", 0.0, 1.0),
            draw.span("shift y", 0.0, 1.0),
        ),
    };
    let r = move |j: i32| unit(hash_of(j, 1, 5, seed));
    let dark = draw.chance("dark", 0.45);
    let night = k.c[0].luma() < k.c[4].luma() + 0.2;
    let c = if dark && !night {
        [k.c[4], k.c[2], k.c[0], k.c[3], k.c[1]]
    } else if night {
        [k.c[4], k.c[2], k.c[3], k.c[1], k.c[0]]
    } else {
        k.c
    };
    let fold = move |u: f32, v: f32| -> (f32, f32) {
        match group {
            0 => ((fract(u) - 0.5).abs(), (fract(v) - 0.5).abs()),
            1 => {
                let (a, b) = ((fract(u) - 0.5).abs(), (fract(v) - 0.5).abs());
                (a.max(b), a.min(b))
            }
            2 | 4 => {
                // The nearest point of a triangular grid, then six or three wedges about it.
                let row = 0.866_025_4;
                let near = |s: f32| {
                    let j = ((v / row - s) * 0.5).round() * 2.0 + s;
                    let i = (u - 0.5 * s).round() + 0.5 * s;
                    (u - i, v - j * row)
                };
                let (p, q) = (near(0.0), near(1.0));
                let (a, b) = if length2(p.0, p.1) < length2(q.0, q.1) {
                    p
                } else {
                    q
                };
                let (a, b, _) = spoke(a, b, if group == 2 { 6.0 } else { 3.0 });
                (a, if group == 2 { b.abs() } else { b })
            }
            3 => {
                let odd = u.floor() - 2.0 * (u.floor() * 0.5).floor();
                let (a, b) = (fract(u) - 0.5, fract(v + 0.5 * odd) - 0.5);
                if odd > 0.5 { (-a, b) } else { (a, -b) }
            }
            _ => {
                let (p, q) = (u + v, u - v);
                let (a, b) = ((fract(p) - 0.5).abs(), (fract(q) - 0.5).abs());
                (0.5 * (a + b), (a - b).abs() * 0.5)
            }
        }
    };
    Cloth {
        colour: Box::new(move |x, y| {
            let (u, v) = plane.at(x, y);
            let (a, b) = fold(u, v);
            let s = plane.scale;
            let mut out = c[0];
            let mut put = |d: f32, t: usize| out = out.mix(c[t], ink(d, s));
            for i in 0..7 {
                // The motifs lie in the part of the plane that the group repeats, whose shape differs.
                let (px, py) = match group {
                    3 => (0.84 * r(i) - 0.42, 0.84 * r(i + 10) - 0.42),
                    4 => (0.06 + 0.42 * r(i), 0.56 * r(i + 10) - 0.28),
                    _ => (0.06 + 0.38 * r(i), 0.04 + 0.22 * r(i + 10)),
                };
                let (e, f) = turn(a - px, b - py, r(i + 20) * TAU);
                let size = 0.065 + 0.085 * r(i + 30);
                let tone = 1 + (i as usize + (r(40) * 4.0) as usize) % 4;
                let d = match kind {
                    0 => length2(e, f.abs() + size * 0.8) - size * 1.35,
                    1 => length2(e, f) - size * (0.8 + 0.25 * cos(atan2(f, e) * 5.0)),
                    2 => (length2(e, f) - size * 1.3).abs() - 0.022,
                    3 => {
                        let (p, q, _) = spoke(e, f, 5.0);
                        p * 0.8 + q.abs() * 0.9 - size * 0.72
                    }
                    _ => (length2(e, f) - size).max(-f - size * 0.2),
                };
                put(d - 0.014, if tone == 4 { 1 } else { 4 });
                put(d, tone);
                if kind != 2 {
                    put(length2(e, f) - size * 0.25, 0);
                }
            }
            let vine = (b - 0.10 * sin(a * TAU * 1.5 + r(50) * 3.0) - 0.05).abs() - 0.011;
            put(vine, 2);
            out * (0.985 + 0.03 * value(v3(x * 40.0, y * 40.0, 0.0), seed))
        }),
        title: format!(
            "Wallpaper with {} in {}, symmetry {}",
            motifs[kind], k.name, names[group]
        ),
        tags: tags(&["wallpaper", "symmetry", motifs[kind], names[group], k.name]),
    }
}

/// Truchet tiles: a square tile with arcs, lines or triangles, turned at random.
pub fn truchet(draw: &Draw) -> Cloth {
    let k = Colours::drawn(draw);
    let seed = draw.seed("turns");
    let form = draw.choice("form", 6);
    let names = [
        "arcs",
        "double arcs",
        "triangles",
        "mazes",
        "quarter discs",
        "ribbons",
    ];
    let plane = Plane {
        angle: [0.0, 0.785, 0.0, 0.35][draw.choice("angle", 4)],
        scale: draw.span("scale", 1.8, 3.8),
        shift: (
            draw.span("shift x", 0.0, 1.0),
            draw.span("shift y", 0.0, 1.0),
        ),
    };
    let wide = draw.span("wide", 0.08, 0.17);
    let ground = draw.choice("ground", 3);
    let c = [
        [k.c[0], k.c[1], k.c[2], k.c[3]],
        [k.c[4], k.c[2], k.c[1], k.c[3]],
        [k.c[1], k.c[0], k.c[4], k.c[3]],
    ][ground];
    Cloth {
        colour: Box::new(move |x, y| {
            let (u, v) = plane.at(x, y);
            let (iu, iv) = (u.floor() as i32, v.floor() as i32);
            let (mut a, b) = (fract(u), fract(v));
            let flip = chance(iu, iv, seed) < 0.5;
            if flip {
                a = 1.0 - a;
            }
            let s = plane.scale;
            let odd = (iu + iv) & 1 == 1;
            let (p, q) = (length2(a, b), length2(1.0 - a, 1.0 - b));
            let arc = (p - 0.5).abs().min((q - 0.5).abs());
            let sheen = 0.95 + 0.10 * fbm(v3(x * 3.0, y * 3.0, 0.0), 2, seed);
            let out = match form {
                0 => {
                    // The two sides of the arcs are coloured like a map: inside and outside change with each tile.
                    let inside = (p < 0.5) || (q < 0.5);
                    let side = inside ^ odd ^ flip;
                    let base = if side { c[2] } else { c[0] };
                    base.mix(c[1], ink(arc - wide * 0.8, s))
                }
                1 => {
                    let two = (arc - 0.17).abs().min(arc);
                    c[0].mix(c[2], ink((arc - 0.17).abs() - wide * 0.42, s))
                        .mix(c[1], ink(two.min(arc) - wide * 0.45, s))
                }
                2 => {
                    let h = hash_of(iu, iv, 3, seed);
                    let tone = if h & 3 == 0 {
                        c[3]
                    } else if h & 1 == 1 {
                        c[1]
                    } else {
                        c[2]
                    };
                    c[0].mix(tone, ink((a + b - 1.0) * 0.7, s))
                }
                3 => {
                    let d = (a - b).abs() * 0.707 - wide * 0.7;
                    let tone = if hash_of(iu / 3, iv / 3, 1, seed) & 1 == 0 {
                        c[1]
                    } else {
                        c[2]
                    };
                    c[0].mix(tone, ink(d, s))
                }
                4 => {
                    let h = hash_of(iu, iv, 3, seed);
                    let tone = [c[1], c[2], c[3], c[1]][(h >> 4 & 3) as usize];
                    let base = if odd { c[0] } else { c[0] * 0.86 };
                    base.mix(tone, ink(p - 1.0, s))
                        .mix(c[0], ink(p - 0.55, s))
                        .mix(tone, ink(p - 0.28, s))
                }
                _ => {
                    let first = (p - 0.5).abs();
                    let second = (q - 0.5).abs();
                    let band = |base: V3, d: f32, tone: V3| {
                        base.mix(c[0] * 0.45, ink(d - wide * 1.7, s))
                            .mix(tone, ink(d - wide * 1.4, s))
                            .mix(c[0], ink(d - wide * 0.3, s))
                    };
                    band(band(c[0], first, c[1]), second, c[3])
                }
            };
            out * sheen
        }),
        title: format!("Truchet tiles with {} in {}", names[form], k.name),
        tags: tags(&["tiles", "truchet", names[form], k.name]),
    }
}
