//! Leaded glass: panes with a large figure, lit from behind.

use super::{Cloth, Colours, tags};
use crate::draw::Draw;
use crate::materials::capital;
use crate::maths::*;
use crate::noise::{fbm, hash, hash_of, scattered};
use crate::sdf::spoke;

/// Leaded glass: coloured panes in a window with a large figure, lit from behind.
pub fn stained_glass(draw: &Draw) -> Cloth {
    let k = Colours::drawn(draw);
    let seed = draw.seed("panes");
    let form = draw.choice("figure", 6);
    let names = [
        "rose window",
        "sunrise",
        "diamond lattice",
        "lancet",
        "wheel",
        "shards",
    ];
    let petals = [6.0, 8.0, 10.0, 12.0, 16.0][draw.choice("petals", 5)];
    let scale = draw.span("scale", 1.8, 3.6);
    let lead = draw.span("lead", 0.022, 0.036);
    let centre = (
        draw.span("centre x", -0.22, 0.22),
        draw.span("centre y", -0.2, 0.2),
    );
    let c = k.c;
    Cloth {
        colour: Box::new(move |x, y| {
            let (u, v) = (x - centre.0, y - centre.1);
            let r = length2(u, v);
            let (a, b, n) = spoke(u, v, petals);
            let wedge = a * sin(PI / petals) / cos(PI / petals);
            let side = (wedge - b.abs()).abs() * cos(PI / petals);
            let n = if n < 0.0 { n + petals } else { n };
            let rest = scattered(x * scale, y * scale, 0.85, seed);
            let outside = (rest.id, rest.border / scale);
            let (id, gap) = match form {
                0 => {
                    let rose = length2(a - 0.46, b) - 0.46 * sin(PI / petals) * 1.05;
                    let hub = r - 0.22;
                    if hub < 0.0 {
                        (hash(7), -hub)
                    } else if rose < 0.0 {
                        (hash(11 + n as u32 % 2), -rose)
                    } else if r < 0.78 {
                        (
                            hash(31 + (n as u32 % 2)),
                            rose.min(0.78 - r)
                                .min(hub)
                                .min(side + (r < 0.46) as i32 as f32),
                        )
                    } else {
                        (outside.0, outside.1.min(r - 0.78))
                    }
                }
                1 => {
                    let horizon = v + 0.35;
                    let disc = length2(u, v + 0.35) - 0.36;
                    let (_, q, m) = spoke(u, v + 0.35, petals * 2.0);
                    let reach = length2(u, v + 0.35);
                    let ray = (reach * sin(PI / petals / 2.0) - q.abs()).abs();
                    if horizon < 0.0 {
                        let row = (-horizon * 5.0 + 0.15 * sin(u * 6.0)).floor();
                        let line = fract(-horizon * 5.0 + 0.15 * sin(u * 6.0));
                        (
                            hash(90 + row as u32 % 3),
                            (line.min(1.0 - line) / 5.0).min(-horizon),
                        )
                    } else if disc < 0.0 {
                        (hash(3), (-disc).min(horizon))
                    } else {
                        (
                            hash(200 + ((m + 40.0) as u32 % 3)),
                            ray.min(disc).min(horizon),
                        )
                    }
                }
                2 => {
                    let (p, q) = ((x + y) * scale * 0.8, (x - y) * scale * 0.8);
                    let (ip, iq) = (p.floor(), q.floor());
                    let e = (0.5 - (fract(p) - 0.5).abs()).min(0.5 - (fract(q) - 0.5).abs());
                    (hash_of(ip as i32, iq as i32, 2, seed), e / scale * 0.9)
                }
                3 => {
                    let k = (x * 1.6).round().clamp(-1.0, 1.0);
                    let w = x - k / 1.6;
                    let arch = length2(w.abs() + 0.22, (v - 0.25).max(0.0)) - 0.49;
                    if arch < 0.0 {
                        let row = (v * 2.2 + w.abs() * 1.4).floor();
                        let line = fract(v * 2.2 + w.abs() * 1.4);
                        let id = hash_of(row as i32, k as i32, (w > 0.0) as i32, seed);
                        (id, (line.min(1.0 - line) * 0.36).min(-arch).min(w.abs()))
                    } else {
                        (outside.0, outside.1.min(arch))
                    }
                }
                4 => {
                    let ring = (r * 3.2).floor();
                    let line = fract(r * 3.2);
                    (
                        hash_of(ring as i32, n as i32, 1, seed),
                        (line.min(1.0 - line) / 3.2).min(side),
                    )
                }
                _ => outside,
            };
            let tone = c[[1, 2, 3, 0, 1, 2, 3][(id % 7) as usize]];
            let tone = if (id >> 9) % 5 == 0 {
                c[4] * 1.6 + c[1] * 0.2
            } else {
                tone
            };
            let streak = 0.75
                + 0.5
                    * fbm(
                        v3(x * 4.0 + (id % 13) as f32, y * 2.0, (id % 7) as f32),
                        3,
                        seed,
                    );
            let glow = 1.15 - 0.35 * r;
            let pane = tone * (streak * glow);
            let solder = grey(0.012) + grey(0.05) * smoothstep(lead, 0.0, gap);
            solder.mix(pane, smoothstep(lead * 0.8, lead * 1.25, gap))
        }),
        title: capital(&format!(
            "stained glass with a {} figure in {}",
            names[form], k.name
        )),
        tags: tags(&["window", "leaded glass", names[form], k.name]),
    }
}
