//! From the undergrowth and the window sill: mushrooms and cacti.

use crate::draw::Draw;
use crate::materials::{Finish, Material, Motif, capital};
use crate::maths::*;
use crate::noise::{fbm, hash_of, unit};
use crate::palette::TINTS;
use crate::scene::Model;
use crate::sdf::*;

pub fn mushroom(draw: &Draw) -> Model {
    let form = draw.choice("form", 5);
    let names = ["domed", "flat-capped", "conical", "funnel-shaped", "round"];
    let motifs = [
        Motif::Dots,
        Motif::Speckle,
        Motif::Plain,
        Motif::Dots,
        Motif::Swirl,
    ];
    let cap = Material::decorated(
        draw,
        "cap",
        &[Finish::Glaze, Finish::Satin, Finish::Matte, Finish::Glaze],
        &motifs,
        (2.0, 5.0),
    );
    let stem = Material::plain(
        Finish::Matte,
        [&TINTS[3], &TINTS[16], &TINTS[14]][draw.choice("stem", 3)],
    );
    let grass = Material::plain(
        Finish::Clay,
        [&TINTS[15], &TINTS[9], &TINTS[17]][draw.choice("mound", 3)],
    );
    let number = [1, 2, 3, 5][draw.choice("number", 4)];
    let seed = draw.seed("group");
    let warts = draw.chance("warts", 0.4);
    let mound = draw.chance("mound", 0.5);
    let tall = draw.span("tall", 0.75, 1.5);
    let wide = draw.span("wide", 0.42, 0.78);
    let fat = draw.span("fat", 0.09, 0.19);
    let group: Vec<(V3, f32, f32)> = (0..number)
        .map(|i| {
            let r = |k: i32| unit(hash_of(i, k, 2, seed));
            let size = if i == 0 { 1.0 } else { 0.40 + 0.32 * r(0) };
            let bearing = i as f32 * 2.3 + r(1);
            let far = if i == 0 {
                0.0
            } else {
                wide * 0.85 + 0.25 * r(2)
            };
            (
                v3(far * cos(bearing), 0.0, far * sin(bearing)),
                size,
                (r(3) - 0.5) * 0.4,
            )
        })
        .collect();
    let reach = group
        .iter()
        .map(|(c, s, _)| length2(c.x, c.z) + wide * s * 1.12 + 0.1)
        .fold(wide + 0.1, f32::max);
    let count = ["One", "Two", "Three", "", "Five"][number as usize - 1];
    let noun = if number == 1 { "mushroom" } else { "mushrooms" };
    let title = capital(&format!(
        "{} {} {}",
        count.to_lowercase(),
        names[form],
        cap.phrase(noun)
    ));
    let base = if mound { 0.16 } else { 0.0 };
    let one = move |p: V3, lean: f32| {
        let q = v3(p.x - lean * p.y * p.y * 0.5, p.y, p.z);
        let r = length2(q.x, q.z);
        let radius = fat * (1.0 + 0.7 * smoothstep(tall * 0.45, 0.0, q.y));
        let stalk = slab(r - radius, (q.y - tall * 0.48).abs() - tall * 0.48, 0.05);
        let skirt =
            (length2(r - fat * 1.5, q.y - tall * 0.62 - (r - fat) * -0.4) - 0.03).max(fat - r);
        let y = q.y - tall * 0.88;
        let dome = match form {
            0 => ellipsoid(v3(q.x, y, q.z), v3(wide, wide * 0.72, wide)).max(-y),
            1 => ellipsoid(v3(q.x, y, q.z), v3(wide * 1.1, wide * 0.30, wide * 1.1)).max(-y - 0.06),
            2 => {
                let cone = r * 0.78 + (y - wide * 0.95) * 0.62;
                chamfer(cone, -y, 0.12)
            }
            3 => {
                let line = 0.55 * (r * r / wide) - wide * 0.15;
                ((y - line).abs() * 0.75 - 0.06).max(r - wide * 1.05)
            }
            _ => ellipsoid(
                v3(q.x, y - wide * 0.25, q.z),
                v3(wide * 0.82, wide * 0.8, wide * 0.82),
            ),
        };
        let mut h = hit(blend(stalk, skirt, 0.03), 1).or_at(dome - 0.02, 0);
        if warts && form != 3 {
            let (a, b, k) = spoke(q.x, q.z, 7.0);
            let odd = k - 2.0 * (k * 0.5).floor();
            let at = if odd > 0.5 { 0.38 } else { 0.68 };
            let bump = length2(a - wide * at, b) - 0.06;
            h = h.or_at(slab(bump, (dome - 0.02).abs() - 0.03, 0.02), 1);
        }
        h
    };
    let high = base + tall * 0.88 + wide * 0.95 + 0.08;
    let model = Model::new(v3(-reach, 0.0, -reach), v3(reach, high, reach), move |p| {
        let mut h = FAR;
        for &(c, s, lean) in &group {
            let q = (p - c - v3(0.0, base * 0.6, 0.0)) / s;
            let o = one(q, lean);
            h = h.or_at(o.d * s, o.m);
        }
        if mound {
            let bump = fbm(p * 5.0, 2, seed) * 0.08;
            h = h.or_at(
                (ellipsoid(v3(p.x, p.y + 0.1, p.z), v3(reach * 0.9, 0.30, reach * 0.9)) - bump
                    + 0.04)
                    * 0.8,
                2,
            );
        }
        h
    });
    let used = if mound {
        vec![cap, stem, grass]
    } else {
        vec![cap, stem]
    };
    model
        .materials(&used)
        .step(0.75)
        .named(title, &["fungus", names[form]])
        .seen((0.0, 360.0), (4.0, 26.0))
}

pub fn cactus(draw: &Draw) -> Model {
    let form = draw.choice("form", 5);
    let names = [
        "column cactus",
        "barrel cactus",
        "prickly pear",
        "cactus with arms",
        "cluster of cacti",
    ];
    let greens = [&TINTS[15], &TINTS[9], &TINTS[23], &TINTS[6], &TINTS[0]];
    let skin = Material::plain(Finish::Satin, greens[draw.choice("green", 5)]);
    let pot = Material::decorated(
        draw,
        "pot",
        &[
            Finish::Clay,
            Finish::Glaze,
            Finish::Matte,
            Finish::Glaze,
            Finish::Brushed,
        ],
        &[
            Motif::Plain,
            Motif::Zigzag,
            Motif::Bands,
            Motif::Dip,
            Motif::Speckle,
            Motif::Checks,
        ],
        (3.0, 7.0),
    );
    let earth = Material::plain(Finish::Clay, &TINTS[17]);
    let bloom = Material::drawn(draw, "bloom", &[Finish::Satin]);
    let ribs = [8.0, 10.0, 12.0, 14.0][draw.choice("ribs", 4)];
    let tall = draw.span("tall", 0.8, 1.5);
    let fat = draw.span("fat", 0.26, 0.40);
    let flower = draw.chance("flower", 0.55);
    let pots: [[f32; 4]; 3] = [
        [0.34, 0.42, 0.50, 0.56],
        [0.50, 0.54, 0.54, 0.52],
        [0.36, 0.58, 0.60, 0.50],
    ];
    let profile = Profile::new(
        0.0,
        draw.span("pot height", 0.45, 0.75),
        &pots[draw.choice("pot form", 3)],
    );
    let turned = draw.span("turned", -0.6, 0.6);
    let p_top = profile.top;
    let rim = profile.at(p_top).0;
    let petals = if flower {
        format!(", {} flower", bloom.tint.name)
    } else {
        String::new()
    };
    let title = capital(&format!(
        "{} in a {}{petals}",
        names[form],
        pot.phrase("pot")
    ));
    let ribbed = move |p: V3, a: V3, b: V3, r: f32| {
        let (pa, ba) = (p - a, b - a);
        let t = (pa.dot(ba) / ba.dot(ba)).clamp(0.0, 1.0);
        let e = pa - ba * t;
        let up = ba.unit();
        // An angle about the limb's own axis, for the ribs.
        let side = if up.x.abs() > 0.7 {
            v3(0.0, 1.0, 0.0)
        } else {
            v3(1.0, 0.0, 0.0)
        };
        let side = (side - up * side.dot(up)).unit();
        let angle = atan2(e.dot(up.cross(side)), e.dot(side));
        e.length() - r * (1.0 + 0.09 * cos(angle * ribs))
    };
    let top = match form {
        1 => p_top + fat * 3.1,
        4 => p_top + tall * 0.95,
        2 => p_top + tall + 0.45,
        _ => p_top + tall + fat,
    } + if flower { 0.2 } else { 0.05 };
    let reach = match form {
        3 => 0.95,
        2 => 0.85,
        1 => (fat * 2.1).max(0.7),
        _ => 0.70,
    };
    Model::new(
        v3(-reach, 0.0, -reach.min(0.72)),
        v3(reach, top, reach.min(0.72)),
        move |p| {
            let r = length2(p.x, p.z);
            let jar = profile
                .vessel(r, p.y, 0.05)
                .min(length2(r - rim - 0.01, p.y - p_top + 0.04) - 0.05);
            let soil = slab(r - rim + 0.04, (p.y - p_top + 0.12).abs() - 0.03, 0.0);
            let q = turn_y(v3(p.x, p.y - p_top + 0.1, p.z), turned);
            let mut tip = v3(0.0, tall + fat * 0.9, 0.0);
            let plant = match form {
                0 => ribbed(q, v3(0.0, 0.0, 0.0), v3(0.0, tall, 0.0), fat),
                1 => {
                    tip = v3(0.0, fat * 2.75, 0.0);
                    let b = v3(q.x, q.y - fat * 1.35, q.z);
                    let angle = atan2(q.z, q.x);
                    ellipsoid(b, v3(fat * 1.75, fat * 1.45, fat * 1.75))
                        - 0.07
                            * fat
                            * cos(angle * ribs * 1.5)
                            * smoothstep(0.0, fat, length2(q.x, q.z))
                }
                2 => {
                    tip = v3(0.02, tall + 0.34, 0.0);
                    let pad = |c: V3, tilt: f32, s: f32| {
                        ellipsoid(turn_z(q - c, tilt), v3(0.32 * s, 0.42 * s, 0.11 * s))
                    };
                    pad(v3(0.0, 0.38, 0.0), 0.0, 1.1)
                        .min(pad(v3(0.34, 0.80, 0.05), -0.7, 0.8))
                        .min(pad(v3(-0.32, 0.86, -0.04), 0.6, 0.85))
                        .min(pad(v3(0.02, tall, 0.02), 0.1, 0.8))
                }
                3 => {
                    let trunk = ribbed(q, v3(0.0, 0.0, 0.0), v3(0.0, tall, 0.0), fat * 0.8);
                    let arm = |side: f32, from: f32, to: f32| {
                        let elbow = v3(0.62 * side, from + 0.08, 0.0);
                        let a = ribbed(q, v3(0.0, from, 0.0), elbow, fat * 0.5);
                        blend(
                            a,
                            ribbed(q, elbow, v3(0.66 * side, to, 0.0), fat * 0.5),
                            0.08,
                        )
                    };
                    blend(
                        trunk,
                        arm(1.0, tall * 0.35, tall * 0.85).min(arm(-1.0, tall * 0.5, tall * 0.98)),
                        0.06,
                    )
                }
                _ => {
                    tip = v3(0.0, tall * 0.72 + fat * 0.6, 0.0);
                    let (a, b, k) = spoke(q.x, q.z, 5.0);
                    let rise = tall * (0.30 + 0.12 * (k - 2.0 * (k * 0.5).floor()));
                    let ring = ribbed(
                        v3(a, q.y, b),
                        v3(0.33, 0.0, 0.0),
                        v3(0.38, rise, 0.0),
                        fat * 0.5,
                    );
                    ring.min(ribbed(
                        q,
                        v3(0.0, 0.0, 0.0),
                        v3(0.0, tall * 0.72, 0.0),
                        fat * 0.6,
                    ))
                }
            };
            let mut h = hit(plant, 0).or_at(jar, 1).or_at(soil, 2);
            if flower {
                let f = q - tip;
                let (a, b, _) = spoke(f.x, f.z, 6.0);
                let petal = ellipsoid(
                    turn_z(v3(a - 0.11, f.y - 0.05, b), 0.5),
                    v3(0.13, 0.03, 0.07),
                );
                h = h.or_at(petal.min(sphere(f - v3(0.0, 0.03, 0.0), 0.055)), 3);
            }
            h
        },
    )
    .materials(&[skin, pot, earth, bloom])
    .step(0.7)
    .named(title, &["plant", names[form]])
    .seen((-65.0, 65.0), (8.0, 28.0))
}
