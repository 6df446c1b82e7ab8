//! Country from above and afar: shaded relief maps and layered hills.

use super::{Cloth, Colours, relief, tags};
use crate::draw::Draw;
use crate::maths::*;
use crate::noise::{fbm, value};

/// A height map: shaded, tinted by height, with contour lines, rivers or sea.
pub fn terrain(draw: &Draw) -> Cloth {
    let k = Colours::drawn(draw);
    let seed = draw.seed("land");
    let form = draw.choice("form", 5);
    let names = ["islands", "ridges", "canyons", "dunes", "craters"];
    let scale = draw.span("scale", 0.8, 1.6);
    let steps = draw.choice("steps", 3);
    let lines = draw.span("lines", 7.0, 12.0);
    let level = draw.span("level", 0.40, 0.52);
    let angle = draw.span("angle", 0.0, TAU);
    let c = k.c;
    let land = move |x: f32, y: f32| {
        let (u, v) = turn(x, y, angle);
        let p = v3(u * scale + 5.0, v * scale + 5.0, 0.5);
        let base = fbm(p, 3, seed);
        match form {
            0 => base,
            1 => 0.95 - (2.0 * fbm(p, 3, seed) - 1.0).abs() * 1.5,
            2 => {
                let a = (2.0 * base - 1.0).abs() * 3.0;
                0.25 + 0.6 * (a.min(1.0) * 4.0 + 0.3 * value(p * 3.0, seed)).floor() / 4.0 + 0.1 * a
            }
            3 => {
                let t = fract(
                    u * scale * 1.3
                        + 1.6 * (fbm(v3(u * 1.2, v * 0.9, 2.0) * scale * 0.7, 2, seed) - 0.5)
                        + 0.3 * base,
                );
                0.25 + 0.5 * if t < 0.72 { t / 0.72 } else { (1.0 - t) / 0.28 }
            }
            _ => {
                let cell = crate::noise::scattered(u * scale * 1.1, v * scale * 1.1, 0.9, seed);
                let size = 0.22 + 0.22 * crate::noise::unit(cell.id);
                let t = cell.distance / size;
                let bowl = if t < 1.0 {
                    t * t * 0.5 - 0.3
                } else {
                    0.2 * exp(-(t - 1.0) * 5.0)
                };
                0.45 + 0.5 * bowl + 0.35 * (base - 0.5)
            }
        }
    };
    let styles = ["shaded relief", "contour lines", "stepped paper"];
    Cloth {
        colour: Box::new(move |x, y| {
            let h = land(x, y).clamp(0.0, 1.0);
            let lit = relief(
                &land,
                x,
                y,
                if form == 2 || form == 3 { 0.22 } else { 0.42 },
            )
            .min(1.35);
            let sea = form == 0 && h < level;
            let ramp = |t: f32| {
                let stops = [c[4].mix(c[1], 0.45), c[1], c[2], c[2].mix(c[0], 0.75)];
                let s = (t * 3.0).clamp(0.0, 2.999);
                let i = s as usize;
                stops[i].mix(stops[i + 1], s - i as f32)
            };
            let t = if form == 0 {
                ((h - level) / (0.78 - level)).clamp(0.0, 1.0)
            } else {
                smoothstep(0.12, 0.88, h)
            };
            if sea {
                let shore = smoothstep(level - 0.10, level, h);
                let deep = c[3].mix(c[0], 0.55 * shore * shore);
                let ring = smoothstep(0.42, 0.5, (fract((level - h) * 26.0) - 0.5).abs())
                    * smoothstep(level - 0.08, level, h);
                return deep.mix(c[0], 0.4 * ring);
            }
            match steps {
                0 => {
                    let f = fract(h * lines * 1.6);
                    let line = smoothstep(0.12, 0.05, f.min(1.0 - f));
                    (ramp(t) * (0.42 + 0.64 * lit)) * (1.0 - 0.22 * line)
                }
                1 => {
                    let f = fract(h * lines);
                    let line = smoothstep(0.10, 0.05, f.min(1.0 - f));
                    (ramp(t) * (0.65 + 0.38 * lit)).mix(c[4], 0.75 * line)
                }
                _ => {
                    // Layers of cut paper: each casts a soft shadow on the one below, to the lower right.
                    let n = lines * 0.8;
                    let layer = (h * n).floor();
                    let up = (land(x - 0.035, y + 0.045) * n).floor();
                    let shade = if up > layer { 0.62 } else { 1.0 };
                    ramp(smoothstep(0.2, 0.8, (layer + 0.5) / n)) * shade
                }
            }
        }),
        title: format!("Map of {} as {} in {}", names[form], styles[steps], k.name),
        tags: tags(&["terrain", "map", names[form], styles[steps], k.name]),
    }
}

/// Hills behind hills under a wide sky, paler with distance.
pub fn hills(draw: &Draw) -> Cloth {
    let k = Colours::drawn(draw);
    let seed = draw.seed("hills");
    let form = draw.choice("form", 4);
    let names = [
        "rounded hills",
        "mountain peaks",
        "wooded ridges",
        "terraced hills",
    ];
    let rows = draw.choice("rows", 4) + 4;
    let horizon = draw.span("horizon", -0.05, 0.55);
    let disc = (
        draw.span("disc x", -0.75, 0.75),
        draw.span("disc y", 0.1, 0.5),
        draw.span("disc", 0.10, 0.30),
    );
    let rough = draw.span("rough", 0.7, 1.5);
    let night = draw.chance("night", 0.35);
    let stripes = draw.chance("clouds", 0.5);
    let c = k.c;
    let lightest = if c[0].luma() > c[4].luma() {
        c[0]
    } else {
        c[3]
    };
    Cloth {
        colour: Box::new(move |x, y| {
            let (top, low) = if night {
                (c[4] * 0.8, c[1])
            } else {
                (c[2].mix(lightest, 0.35), lightest)
            };
            let mut sky = low.mix(top, smoothstep(horizon - 0.2, 1.1, y));
            let d = length2(x - disc.0, y - horizon - disc.1) - disc.2;
            let glow = exp(-(d.max(0.0)) * 4.0);
            sky = sky
                .mix(c[3], 0.22 * glow)
                .mix(if night { lightest } else { c[3] }, super::ink(d, 1.0));
            if stripes {
                let cloud = fbm(v3(x * 1.4, y * 7.0, 3.0), 3, seed);
                sky = sky.mix(lightest, 0.55 * smoothstep(0.54, 0.66, cloud));
            }
            let mut out = sky;
            for j in 0..rows {
                let t = j as f32 / (rows - 1) as f32;
                let base = horizon - (horizon + 0.92) * t * t.sqrt();
                let u = x * (0.9 + 0.5 * t) * rough + j as f32 * 9.7;
                let n = match form {
                    0 | 3 => 0.42 * (fbm(v3(u * 0.9, j as f32, 0.0), 2, seed) - 0.5),
                    1 => {
                        0.75 * (0.5
                            - (2.0 * fbm(v3(u * 0.8, j as f32, 0.0), 4, seed) - 1.0).abs() * 1.6)
                            - 0.1
                    }
                    _ => {
                        let hill = 0.40 * (fbm(v3(u * 0.8, j as f32, 0.0), 2, seed) - 0.5);
                        let tooth = (fract(u * (7.0 - 2.0 * t)) - 0.5).abs();
                        hill + (0.06 + 0.10 * t)
                            * (0.5 - tooth)
                            * value(v3((u * (7.0 - 2.0 * t)).floor(), 3.0, 0.0), seed)
                            * 2.0
                    }
                };
                let line = base + n;
                if y < line {
                    let depth = line - y;
                    let near = c[4].mix(c[1], 0.25);
                    let far = c[1].mix(low, 0.62);
                    let tone = far
                        .mix(c[1], (t * 2.0).min(1.0))
                        .mix(near, (t * 2.0 - 1.0).max(0.0));
                    let tone = if j == rows / 2 {
                        tone.mix(c[2], 0.35)
                    } else {
                        tone
                    };
                    let mist = smoothstep(0.0, 0.55, depth) * (1.0 - t) * 0.55;
                    let step = if form == 3 {
                        0.88 + 0.12 * smoothstep(0.35, 0.5, (fract(depth * 16.0) - 0.5).abs())
                    } else {
                        1.0
                    };
                    let snow = if form == 1 && t < 0.7 {
                        smoothstep(
                            0.10,
                            0.02,
                            depth + 0.09 * (value(v3(u * 5.0, depth * 6.0, 0.0), seed) - 0.4),
                        )
                    } else {
                        0.0
                    };
                    out = (tone * step).mix(low, mist).mix(lightest, snow * 0.8);
                }
            }
            out
        }),
        title: format!(
            "{}{} in {}",
            crate::materials::capital(names[form]),
            if night { " at night" } else { "" },
            k.name
        ),
        tags: tags(&["landscape", names[form], k.name]),
    }
}
