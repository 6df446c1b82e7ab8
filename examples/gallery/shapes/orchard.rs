//! Trees and what grows on them.

use crate::draw::Draw;
use crate::materials::{Finish, Material, Motif, capital};
use crate::maths::*;
use crate::noise::{fbm, hash_of, unit};
use crate::palette::TINTS;
use crate::scene::Model;
use crate::sdf::*;

pub fn tree(draw: &Draw) -> Model {
    let form = draw.choice("form", 6);
    let names = [
        "fir",
        "round-crowned tree",
        "poplar",
        "palm",
        "bonsai",
        "layered tree",
    ];
    let leaves = [
        &TINTS[15], &TINTS[9], &TINTS[23], &TINTS[20], &TINTS[10], &TINTS[14], &TINTS[6],
        &TINTS[12], &TINTS[0], &TINTS[22],
    ];
    let leaf = Material::plain(
        [Finish::Matte, Finish::Satin, Finish::Clay][draw.choice("leaf finish", 3)],
        leaves[draw.choice("leaf", 10)],
    );
    let bark = Material::drawn(draw, "bark", &[Finish::Wood]);
    let soil = Material::drawn(draw, "soil", &[Finish::Clay, Finish::Glaze, Finish::Stone]);
    let tall = draw.span("tall", 1.5, 2.3);
    let wide = draw.span("wide", 0.55, 0.85);
    let tiers = draw.choice("tiers", 3) as i32 + 3;
    let seed = draw.seed("leaves");
    let lobes: Vec<(V3, f32)> = (0..9)
        .map(|i| {
            let r = |k: i32| unit(hash_of(i, k, 4, seed));
            let bearing = i as f32 * 2.4 + r(0);
            let far = wide * (0.25 + 0.4 * r(1)) * if i == 0 { 0.0 } else { 1.0 };
            (
                v3(
                    far * cos(bearing),
                    tall * 0.66 + (r(2) - 0.4) * wide * 0.8,
                    far * sin(bearing),
                ),
                wide * (0.42 + 0.2 * r(3)),
            )
        })
        .collect();
    let lean = draw.span("lean", -0.3, 0.3);
    let (reach, high) = match form {
        0 => (wide + 0.05, tall + 0.05),
        1 => (wide * 1.35, tall * 0.66 + wide * 1.35),
        2 => (wide * 0.62 + 0.05, tall * 1.15),
        3 => (1.02 + lean.abs(), tall + 0.35),
        4 => (wide * 1.5 + 0.1, tall * 0.8 + 0.25),
        _ => (wide * 1.15, tall + 0.1),
    };
    let reach = reach.max(0.5);
    let fruit = draw.chance("fruit", 0.35) && (form == 1 || form == 4);
    let berries = Material::plain(Finish::Glaze, draw.tint_clear_of("fruit", &[leaf.tint]));
    let title = capital(&format!(
        "{} {} with a {} trunk{}",
        leaf.tint.name,
        names[form],
        bark.tint.name,
        if fruit { " in fruit" } else { "" }
    ));
    Model::new(v3(-reach, 0.0, -reach), v3(reach, high, reach), move |p| {
        let trunk = |to: f32, a: f32, b: f32| tapered(p, v3(0.0, 0.0, 0.0), v3(0.0, to, 0.0), a, b);
        let ground = ellipsoid(v3(p.x, p.y, p.z), v3(0.46, 0.10, 0.46));
        let rough = |d: f32, k: f32| {
            if d < 0.25 {
                d - (fbm(p * 7.0, 2, seed) - 0.5) * k
            } else {
                d - 0.5 * k
            }
        };
        let out = match form {
            0 => {
                let step = tall * 0.78 / tiers as f32;
                let mut d = f32::MAX;
                for i in 0..tiers {
                    let t = 1.0 - 0.72 * i as f32 / tiers as f32;
                    let y = tall * 0.22 + step * i as f32;
                    let wave = 0.03 * cos(atan2(p.z, p.x) * 9.0 + i as f32);
                    let q = v3(p.x, p.y - y, p.z);
                    d = d.min(frustum(q, wide * t + wave, 0.03, step * 1.5, 0.03));
                }
                hit(d * 0.85, 0).or_at(trunk(tall * 0.4, 0.11, 0.09), 1)
            }
            1 => {
                let mut d = f32::MAX;
                for &(c, s) in &lobes {
                    d = blend(d, sphere(p - c, s), 0.12);
                }
                let mut h = hit(rough(d, 0.16) * 0.8, 0).or_at(trunk(tall * 0.6, 0.13, 0.09), 1);
                if fruit {
                    for &(c, s) in &lobes[1..] {
                        let out = v3(c.x, 0.1, c.z).unit();
                        h = h.or_at(sphere(p - c - out * (s * 1.0), 0.085), 3);
                    }
                }
                h
            }
            2 => {
                let d = ellipsoid(
                    v3(p.x, p.y - tall * 0.64, p.z),
                    v3(wide * 0.52, tall * 0.48, wide * 0.52),
                );
                hit(rough(d, 0.18) * 0.8, 0).or_at(trunk(tall * 0.3, 0.09, 0.08), 1)
            }
            3 => {
                let bend = lean * (p.y / tall) * (p.y / tall);
                let q = v3(p.x - bend, p.y, p.z);
                let ring = 0.012 * cos(q.y * 30.0);
                let stem = (tapered(q, v3(0.0, 0.0, 0.0), v3(0.0, tall * 0.95, 0.0), 0.12, 0.07)
                    - ring)
                    * 0.8;
                let (a, b, k) = spoke(q.x, q.z, 8.0);
                let droop = 0.75 + 0.35 * (k - 2.0 * (k * 0.5).floor());
                let line = tall * 0.97 + 0.45 * a - droop * a * a;
                let width = 0.15 * smoothstep(0.95, 0.3, a) * (0.8 + 0.2 * cos(a * 40.0));
                let frond = ((q.y - line + b.abs() * 0.7).abs() - 0.02)
                    .max(b.abs() - width)
                    .max(a - 0.95)
                    * 0.5;
                let nut = sphere(v3(a - 0.12, q.y - tall * 0.9, b), 0.08);
                hit(frond, 0).or_at(stem, 1).or_at(nut, 1)
            }
            4 => {
                let elbow = v3(0.22 + lean * 0.4, tall * 0.34, 0.05);
                let end = v3(-0.12, tall * 0.62, -0.05);
                let limb = v3(0.62, tall * 0.46, 0.0);
                let wood = blend(
                    tapered(p, v3(0.0, 0.2, 0.0), elbow, 0.14, 0.10),
                    tapered(p, elbow, end, 0.10, 0.06),
                    0.06,
                );
                let wood = blend(wood, tapered(p, elbow, limb, 0.07, 0.04), 0.05);
                let cloud = |c: V3, s: f32| ellipsoid(p - c, v3(s * 1.25, s * 0.55, s * 1.1));
                let d = cloud(end + v3(0.0, 0.14, 0.0), wide * 0.72)
                    .min(cloud(limb + v3(0.06, 0.08, 0.0), wide * 0.46))
                    .min(cloud(v3(-0.42, tall * 0.44, 0.1), wide * 0.45));
                let tray = cuboid(v3(p.x, p.y - 0.12, p.z), v3(0.52, 0.12, 0.36), 0.04);
                let mut h = hit(rough(d, 0.14) * 0.8, 0).or_at(wood, 1).or_at(tray, 2);
                if fruit {
                    let (a, b, _) = spoke(p.x - end.x, p.z - end.z, 5.0);
                    h = h.or_at(sphere(v3(a - wide * 0.72, p.y - end.y - 0.02, b), 0.075), 3);
                }
                return h;
            }
            _ => {
                let mut d = f32::MAX;
                for i in 0..tiers {
                    let t = 1.0 - 0.62 * i as f32 / tiers as f32;
                    let y = tall * (0.36 + 0.6 * i as f32 / (tiers - 1) as f32);
                    let side = if i % 2 == 0 { 0.12 } else { -0.12 };
                    let c = v3(p.x - side * t, p.y - y, p.z + side * 0.6);
                    d = d.min(ellipsoid(c, v3(wide * t, 0.15, wide * t)));
                }
                hit(rough(d, 0.08) * 0.8, 0).or_at(trunk(tall * 0.94, 0.11, 0.05), 1)
            }
        };
        out.or_at(ground, 2)
    })
    .materials(&[leaf, bark, soil, berries])
    .step(0.75)
    .named(title, &["plant", names[form]])
    .seen((0.0, 360.0), (4.0, 26.0))
}

pub fn fruit(draw: &Draw) -> Model {
    let form = draw.choice("form", 5);
    let names = ["apple", "pear", "lemon", "cherry", "pumpkin"];
    let plural = ["apples", "pears", "lemons", "cherries", "pumpkins"];
    let tints: [[usize; 4]; 5] = [
        [10, 23, 12, 22],
        [12, 9, 0, 5],
        [12, 20, 23, 5],
        [10, 4, 22, 8],
        [20, 5, 3, 9],
    ];
    let tint = &TINTS[tints[form][draw.choice("tint", 4)]];
    let blush = &TINTS[tints[form][(draw.choice("tint", 4) + 1) % 4]];
    let finish = [
        Finish::Glaze,
        Finish::Satin,
        Finish::Glaze,
        Finish::Glass,
        Finish::Matte,
        Finish::Metal,
    ][draw.choice("finish", 6)];
    let finish = if form == 4 && finish == Finish::Glass {
        Finish::Satin
    } else {
        finish
    };
    let mut skin = Material::plain(finish, tint);
    skin.seed = draw.seed("skin");
    if matches!(finish, Finish::Glaze | Finish::Satin | Finish::Matte) && draw.chance("blush", 0.5)
    {
        skin = skin.with(Motif::Speckle, blush, 2.2);
    }
    let skin = skin;
    let stalk = Material::plain(
        Finish::Matte,
        &crate::palette::WOODS[draw.choice("stalk", 3)],
    );
    let leaf = Material::plain(Finish::Satin, &TINTS[[15, 23, 9][draw.choice("leaf", 3)]]);
    let dish = Material::drawn(draw, "dish", &[Finish::Glaze, Finish::Wood, Finish::Stone]);
    let number = draw.choice("number", 4) + 1;
    let plate = draw.chance("plate", 0.45);
    let lobes = [8.0, 10.0, 12.0][draw.choice("lobes", 3)];
    let squat = draw.span("squat", 0.72, 1.0);
    let lift = if plate { 0.10 } else { 0.0 };
    let seed = draw.seed("lay");
    let gap = [0.62, 0.56, 0.66, 0.52, 0.72][form];
    let places: Vec<(V3, f32, f32)> = (0..number)
        .map(|i| {
            let r = |k: i32| unit(hash_of(i as i32, k, 6, seed));
            let bearing = TAU * i as f32 / number as f32 + r(0) * 0.5;
            let far = if number == 1 {
                0.0
            } else {
                gap * [0.0, 1.0, 1.2, 1.42][number - 1]
            };
            (
                v3(far * cos(bearing), lift, far * sin(bearing)),
                0.85 + 0.2 * r(1),
                (r(2) - 0.5) * 0.5,
            )
        })
        .collect();
    let one = move |p: V3, size: f32, tilt: f32| {
        let q = p / size;
        let leafy = |c: V3| {
            ellipsoid(
                turn_z(q - c - v3(0.17, 0.03, 0.0), -0.35),
                v3(0.19, 0.022, 0.085),
            )
        };
        let h = match form {
            0 => {
                let t = turn_z(v3(q.x, q.y - 0.5, q.z), tilt * 0.5);
                let r = length2(t.x, t.z);
                // A turned cardioid-like body: pinched at both poles.
                let body =
                    length2(r - 0.22, t.y * mix(1.0, 0.95, squat)) - 0.34 - 0.05 * t.y.min(0.2);
                let body = blend(
                    body,
                    ellipsoid(v3(t.x, t.y, t.z), v3(0.30, 0.28, 0.30)),
                    0.1,
                );
                hit(body, 0)
                    .or_at(
                        capsule(t, v3(0.0, 0.15, 0.0), v3(0.05, 0.5, 0.02), 0.024),
                        1,
                    )
                    .or_at(leafy(v3(0.04, 0.95, 0.0)), 2)
            }
            1 => {
                let low = sphere(v3(q.x, q.y - 0.46, q.z), 0.46);
                let top = sphere(v3(q.x - 0.04 - tilt * 0.2, q.y - 1.05, q.z), 0.22);
                let body = blend(low, top, 0.42);
                hit(body, 0)
                    .or_at(
                        capsule(
                            q,
                            v3(0.05, 1.2, 0.0),
                            v3(0.12 + tilt * 0.2, 1.48, 0.0),
                            0.026,
                        ),
                        1,
                    )
                    .or_at(leafy(v3(0.08, 1.36, 0.0)), 2)
            }
            2 => {
                let t = turn_y(v3(q.x, q.y - 0.40, q.z), tilt * 6.0);
                let body = blend(
                    ellipsoid(t, v3(0.54, 0.40, 0.40)),
                    sphere(v3(t.x.abs() - 0.55, t.y, t.z), 0.08),
                    0.16,
                );
                hit(body * 0.9, 0).or_at(leafy(v3(-0.1, 0.78, 0.0)), 2)
            }
            3 => {
                let s = 0.36;
                let a = sphere(v3(q.x + 0.30, q.y - s, q.z), s);
                let b = sphere(v3(q.x - 0.42, q.y - s, q.z - 0.12), s * 0.95);
                let knot = v3(0.05, 1.35, 0.0);
                let c = capsule(q, v3(-0.30, 0.68, 0.0), knot, 0.022).min(capsule(
                    q,
                    v3(0.42, 0.66, 0.12),
                    knot,
                    0.022,
                ));
                hit(a.min(b), 0).or_at(c, 1).or_at(leafy(knot), 2)
            }
            _ => {
                let t = v3(q.x, q.y - 0.42 * squat, q.z);
                let r = length2(t.x, t.z);
                let angle = atan2(t.z, t.x);
                let rib = 0.055 * (sin(angle * lobes * 0.5)).abs();
                let body = length2(r - 0.30 - rib, t.y / squat) - 0.38;
                let body = body.min(ellipsoid(t, v3(0.35, 0.30 * squat, 0.35)));
                let stem = tapered(
                    q,
                    v3(0.0, 0.66 * squat, 0.0),
                    v3(0.08, 1.02 * squat, 0.03),
                    0.09,
                    0.05,
                );
                hit(body * 0.8, 0).or_at(stem, 1)
            }
        };
        hit(h.d * size, h.m)
    };
    let reach = places
        .iter()
        .map(|(c, _, _)| length2(c.x, c.z))
        .fold(0.0, f32::max)
        + [0.62, 0.5, 0.66, 0.8, 0.72][form] * 1.05;
    let reach = if plate { reach.max(0.75) + 0.12 } else { reach };
    let high = lift + [1.1, 1.62, 0.9, 1.5, 1.12][form] * 1.05;
    let noun = if number == 1 {
        names[form].to_string()
    } else {
        plural[form].to_string()
    };
    let count = ["One", "Two", "Three", "Four"][number - 1];
    let title = format!(
        "{count} {}{}",
        skin.phrase(&noun).replace("with speckles", "with a blush"),
        if plate {
            format!(" on a {} plate", dish.tint.name)
        } else {
            String::new()
        }
    );
    let used = if plate {
        vec![skin, stalk, leaf, dish]
    } else {
        vec![skin, stalk, leaf]
    };
    Model::new(v3(-reach, 0.0, -reach), v3(reach, high, reach), move |p| {
        let mut h = FAR;
        for &(c, size, tilt) in &places {
            h = h.or(one(p - c, size, tilt));
        }
        if plate {
            let r = length2(p.x, p.z);
            let line = 0.06 + 0.12 * smoothstep(reach * 0.65, reach, r);
            h = h.or_at(
                slab(r - reach + 0.03, (p.y - line).abs() * 0.9 - 0.04, 0.02),
                3,
            );
        }
        h
    })
    .materials(&used)
    .step(0.75)
    .named(title, &[names[form]])
    .seen((0.0, 360.0), (14.0, 40.0))
}
