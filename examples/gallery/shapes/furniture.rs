//! Chairs and lamps.

use crate::draw::Draw;
use crate::materials::{Finish, Material, Motif, capital};
use crate::maths::*;
use crate::scene::Model;
use crate::sdf::*;

pub fn chair(draw: &Draw) -> Model {
    let back = draw.choice("back", 6);
    let legs = draw.choice("legs", 4);
    let frame = Material::drawn(
        draw,
        "frame",
        &[Finish::Wood, Finish::Satin, Finish::Metal, Finish::Wood],
    );
    let seat = Material::drawn(
        draw,
        "seat",
        &[Finish::Matte, Finish::Satin, Finish::Wood, Finish::Matte],
    );
    let high = draw.span("seat height", 0.72, 1.0);
    let tall = high + draw.span("back height", 0.6, 1.15);
    let wide = draw.span("wide", 0.42, 0.58);
    let splay = draw.span("splay", 0.0, 0.16);
    let thick = draw.span("thick", 0.035, 0.06);
    let lean = draw.span("lean", 0.0, 0.22);
    let arms = draw.chance("arms", 0.3);
    let round = draw.chance("round seat", 0.3);
    let soft = draw.span("cushion", 0.04, 0.10);
    let names = [
        "slatted",
        "solid-back",
        "spindle",
        "hoop-back",
        "shell",
        "cross-back",
    ];
    let title = format!(
        "{} chair in {} with a {} seat",
        names[back], frame.tint.name, seat.tint.name
    );
    let reach = wide + splay + 0.12;
    let model = Model::new(
        v3(-reach, 0.0, -reach - 0.12),
        v3(reach, tall + 0.1, reach),
        move |p| {
            let m = v3(p.x.abs(), p.y, p.z);
            let q = v3(p.x, p.y - high, p.z);
            let pad = if round {
                cylinder(q, wide, soft, soft * 0.9)
            } else {
                cuboid(q, v3(wide, soft, wide), soft * 0.8)
            };
            let mut rails = f32::MAX;
            match legs {
                0 | 1 => {
                    for z in [-1.0, 1.0] {
                        let top = v3(wide * 0.78, high - soft, wide * 0.78 * z);
                        let foot = v3(wide * 0.82 + splay, thick * 0.6, (wide * 0.82 + splay) * z);
                        rails = rails.min(tapered(
                            m,
                            top,
                            foot,
                            thick,
                            if legs == 0 { thick } else { thick * 0.55 },
                        ));
                    }
                    if legs == 0 {
                        let y = high * 0.42;
                        let s = wide * 0.8 + splay * 0.5;
                        rails = rails.min(capsule(m, v3(s, y, -s), v3(s, y, s), thick * 0.6));
                    }
                }
                2 => {
                    let post = capsule(p, v3(0.0, 0.08, 0.0), v3(0.0, high, 0.0), thick * 1.2);
                    let (a, b, _) = spoke(p.x, p.z, 5.0);
                    let star = capsule(
                        v3(a, p.y, b),
                        v3(0.0, 0.16, 0.0),
                        v3(wide + 0.05, 0.05, 0.0),
                        thick * 0.85,
                    );
                    rails = blend(post, star, 0.05);
                }
                _ => {
                    // A sledge: one bent rod each side.
                    let s = wide * 0.9;
                    let run = capsule(m, v3(s, thick, -s), v3(s, thick, s), thick * 0.8);
                    let a = capsule(m, v3(s, thick, s), v3(s, high, s * 0.8), thick * 0.8);
                    let b = capsule(m, v3(s, thick, -s), v3(s, high, -s * 0.8), thick * 0.8);
                    rails = rails.min(run).min(a).min(b);
                }
            }
            // The back, in a plane that leans away from the seat.
            let y = p.y - high;
            let back_z = p.z + wide * 0.9 + lean * y.max(0.0);
            let rise = tall - high;
            let panel = v3(p.x, y, back_z);
            let post = capsule(
                v3(m.x, y, back_z),
                v3(wide * 0.86, 0.0, 0.0),
                v3(wide * 0.86, rise, 0.0),
                thick,
            );
            let mut padded = f32::MAX;
            match back {
                0 => {
                    rails = rails.min(post);
                    for i in 1..=3 {
                        let at = rise * (0.28 * i as f32 + 0.1);
                        rails = rails.min(cuboid(
                            v3(p.x, y - at, back_z),
                            v3(wide * 0.86, 0.065, 0.022),
                            0.02,
                        ));
                    }
                }
                1 => {
                    padded = cuboid(
                        v3(p.x, y - rise * 0.55, back_z),
                        v3(wide * 0.95, rise * 0.45, soft * 0.8),
                        soft * 0.7,
                    )
                }
                2 => {
                    rails = rails.min(cuboid(
                        v3(p.x, y - rise, back_z),
                        v3(wide * 0.95, 0.07, 0.04),
                        0.03,
                    ));
                    let step = wide * 0.36;
                    let k = (p.x / step).round().clamp(-2.0, 2.0);
                    rails = rails.min(capsule(
                        v3(p.x - k * step, y, back_z),
                        v3(0.0, 0.0, 0.0),
                        v3(0.0, rise, 0.0),
                        thick * 0.6,
                    ));
                }
                3 => {
                    let c = v3(
                        p.x,
                        (y - rise * 0.35) * (wide * 0.9 / (rise * 0.65)),
                        back_z,
                    );
                    let hoop = length2(length2(c.x, c.y.max(0.0)) - wide * 0.85, c.z) - thick * 0.9;
                    let hoop = hoop.max(-y);
                    let step = wide * 0.42;
                    let k = (p.x / step).round().clamp(-1.0, 1.0);
                    let limit = rise * if k == 0.0 { 0.98 } else { 0.9 };
                    rails = rails.min(hoop).min(capsule(
                        v3(p.x - k * step, y, back_z),
                        v3(0.0, 0.0, 0.0),
                        v3(0.0, limit, 0.0),
                        thick * 0.5,
                    ));
                }
                4 => {
                    let r = length2(p.x, p.z);
                    let shell = (r - wide * 1.05 - y * 0.12).abs() - 0.035;
                    let rim = y - rise * (0.62 - 0.55 * p.z / wide).clamp(0.15, 0.95);
                    padded = slab(shell, rim.max(-y - 0.05), 0.03);
                }
                _ => {
                    rails = rails.min(post);
                    let top = v3(wide * 0.8, rise, 0.0);
                    let low = v3(-wide * 0.8, rise * 0.15, 0.0);
                    rails = rails.min(capsule(panel, low, top, thick * 0.7));
                    rails = rails.min(capsule(
                        panel,
                        v3(-low.x, low.y, 0.0),
                        v3(-top.x, top.y, 0.0),
                        thick * 0.7,
                    ));
                    rails = rails.min(capsule(panel, v3(-top.x, top.y, 0.0), top, thick * 0.9));
                }
            }
            if arms && back != 4 {
                let a = v3(wide * 1.02, high + 0.32, -wide * 0.9 - lean * 0.3);
                let b = v3(wide * 1.02, high + 0.32, wide * 0.55);
                rails = rails.min(capsule(m, a, b, thick)).min(capsule(
                    m,
                    b,
                    v3(wide * 0.9, high, wide * 0.6),
                    thick * 0.8,
                ));
            }
            hit(rails, 0).or_at(pad.min(padded), 1)
        },
    );
    model
        .materials(&[frame, seat])
        .step(0.85)
        .named(capital(&title), &[names[back]])
        .seen((-70.0, 70.0), (10.0, 32.0))
}

pub fn lamp(draw: &Draw) -> Model {
    let form = draw.choice("shade", 5);
    let stand = draw.choice("stand", 4);
    let base = Material::decorated(
        draw,
        "base",
        &[
            Finish::Metal,
            Finish::Glaze,
            Finish::Wood,
            Finish::Brushed,
            Finish::Glaze,
            Finish::Stone,
        ],
        &[Motif::Plain, Motif::Bands, Motif::Zigzag, Motif::Dots],
        (3.0, 6.0),
    );
    let shade = Material::decorated(
        draw,
        "shade",
        &[Finish::Matte, Finish::Satin, Finish::Matte],
        &[Motif::Plain, Motif::Flutes, Motif::Plain, Motif::Bands],
        (2.0, 5.0),
    );
    let bulb = Material::plain(Finish::Glaze, &crate::palette::TINTS[16]);
    let tall = draw.span("tall", 1.0, 1.7);
    let wide = draw.span("wide", 0.42, 0.68);
    let names = [
        "cone-shaded",
        "drum-shaded",
        "dome-shaded",
        "globe",
        "pleated",
    ];
    let words = [
        "table lamp",
        "lamp on a turned stem",
        "desk lamp",
        "tripod lamp",
    ];
    let state = if draw.chance("lit", 0.6) { "lit " } else { "" };
    let title = capital(&format!(
        "{state}{} {} in {} and {}",
        names[form], words[stand], base.tint.name, shade.tint.name
    ));
    let reach = if stand == 2 { 0.55 } else { 0.0 };
    let top = tall + 0.62;
    let w = wide.max(0.5) + 0.06;
    let lit = draw.chance("lit", 0.6);
    let stem = Profile::new(0.06, tall, &[0.30, 0.34, 0.20, 0.09, 0.12, 0.07, 0.05]);
    Model::new(v3(-w, 0.0, -w), v3(w + reach, top, w), move |p| {
        let r = length2(p.x, p.z);
        let foot = cylinder(v3(p.x, p.y - 0.045, p.z), 0.40, 0.045, 0.025);
        let body = match stand {
            0 => blend(
                foot,
                cylinder(v3(p.x, p.y - tall * 0.5, p.z), 0.045, tall * 0.5, 0.01),
                0.06,
            ),
            1 => foot.min(stem.solid(r, p.y)),
            2 => {
                let elbow = v3(-0.34, tall * 0.62, 0.0);
                let lower = capsule(p, v3(0.0, 0.08, 0.0), elbow, 0.04);
                let upper = capsule(p, elbow, v3(reach, tall, 0.0), 0.04);
                foot.min(lower).min(upper).min(sphere(p - elbow, 0.075))
            }
            _ => {
                let (a, b, _) = spoke(p.x, p.z, 3.0);
                tapered(
                    v3(a, p.y, b),
                    v3(0.42, 0.03, 0.0),
                    v3(0.03, tall, 0.0),
                    0.03,
                    0.045,
                )
            }
        };
        let q = v3(p.x - reach, p.y - tall, p.z);
        let q = if stand == 2 { turn_z(q, -0.35) } else { q };
        let s = length2(q.x, q.z);
        let hood = match form {
            0 => frustum(v3(q.x, q.y + 0.08, q.z), wide, wide * 0.42, 0.58, 0.01).abs() - 0.012,
            1 => cylinder(v3(q.x, q.y - 0.20, q.z), wide * 0.86, 0.28, 0.01).abs() - 0.012,
            2 => (sphere(v3(q.x, q.y + 0.10, q.z), wide).abs() - 0.014).max(-0.02 - q.y),
            3 => sphere(v3(q.x, q.y - 0.16, q.z), wide * 0.75),
            _ => {
                let fold = 0.022 * cos(atan2(q.z, q.x) * 28.0);
                let side = s + fold - mix(wide, wide * 0.55, ((q.y + 0.08) / 0.56).clamp(0.0, 1.0));
                (side * 0.8).abs().max((q.y - 0.20).abs() - 0.28) - 0.012
            }
        };
        let hood = if form == 0 || form == 1 {
            hood.max((q.y - 0.2).abs() - if form == 0 { 0.275 } else { 0.276 })
        } else {
            hood
        };
        let light = sphere(v3(q.x, q.y - 0.08, q.z), 0.12);
        hit(body, 0).or_at(hood, 1).or_at(light, 2)
    })
    .materials(&[
        base,
        if lit { shade.glowing(0.55) } else { shade },
        if lit { bulb.glowing(1.4) } else { bulb },
    ])
    .step(0.8)
    .named(title, &["light", names[form]])
    .seen((-60.0, 60.0), (2.0, 20.0))
}
