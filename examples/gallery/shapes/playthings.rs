//! From the toy box: dice and rockets.

use crate::draw::Draw;
use crate::materials::{Finish, Material, Motif, capital};
use crate::maths::*;
use crate::noise::{hash_of, unit};
use crate::scene::Model;
use crate::sdf::*;

fn pips(u: f32, v: f32, face: i32) -> f32 {
    let dot = |a: f32, b: f32| length2(u - a, v - b);
    let s = 0.27;
    let mut d = f32::MAX;
    if face % 2 == 1 {
        d = d.min(dot(0.0, 0.0));
    }
    if face >= 2 {
        d = d.min(dot(-s, s)).min(dot(s, -s));
    }
    if face >= 4 {
        d = d.min(dot(s, s)).min(dot(-s, -s));
    }
    if face == 6 {
        d = d.min(dot(-s, 0.0)).min(dot(s, 0.0));
    }
    d
}

pub fn dice(draw: &Draw) -> Model {
    let number = draw.choice("number", 4) + 1;
    let round = draw.span("round", 0.04, 0.16);
    let globe = draw.chance("globe", 0.35);
    let skin = Material::drawn(
        draw,
        "skin",
        &[
            Finish::Satin,
            Finish::Glaze,
            Finish::Wood,
            Finish::Satin,
            Finish::Stone,
            Finish::Glass,
            Finish::Metal,
        ],
    );
    let dot = if skin.base.luma() > 0.3 { 8 } else { 16 };
    let ink = Material::plain(Finish::Matte, &crate::palette::TINTS[dot]);
    let other = Material::drawn(draw, "other", &[Finish::Satin, Finish::Glaze]);
    let seed = draw.seed("throw");
    let stacked = number >= 3 && draw.chance("stacked", 0.5);
    let places: Vec<(V3, f32, i32)> = (0..number)
        .map(|i| {
            let h = |k: i32| unit(hash_of(i as i32, k, 3, seed));
            let bearing = h(0) * TAU;
            let at = if stacked {
                [
                    v3(-0.56, 0.5, 0.0),
                    v3(0.56, 0.5, 0.06),
                    v3(0.02, 1.5, 0.0),
                    v3(0.1, 0.5, 1.15),
                ][i]
            } else {
                [
                    v3(0.0, 0.5, 0.0),
                    v3(1.35, 0.5, 0.5),
                    v3(-0.5, 0.5, 1.3),
                    v3(-1.25, 0.5, -0.45),
                ][i]
            };
            (
                at,
                bearing * if stacked { 0.06 } else { 1.0 },
                (h(1) * 6.0) as i32,
            )
        })
        .collect();
    let (mut low, mut high) = (v3(0.0, 0.0, 0.0), v3(0.0, 1.0, 0.0));
    for (c, _, _) in &places {
        low = low.min(*c - v3(0.66, 0.5, 0.66));
        high = high.max(*c + v3(0.66, 0.52, 0.66));
    }
    let count = ["One", "Two", "Three", "Four"][number - 1];
    let word = if number == 1 { "die" } else { "dice" };
    let stack = if stacked { " in a stack" } else { "" };
    let title = format!("{count} {}{stack}", skin.phrase(word));
    Model::new(low, high, move |p| {
        let mut h = FAR;
        for (i, &(c, bearing, up)) in places.iter().enumerate() {
            let q = turn_y(p - c, bearing);
            let mut d = cuboid(q, grey(0.5), round);
            if d > 0.4 {
                h = h.or_at(d, 0);
                continue;
            }
            if globe {
                d = chamfer(d, q.length() - 0.69, 0.03);
            }
            let a = q.abs();
            // The face this point belongs to, and where on it; opposite faces add up to seven.
            let (u, v, axis, sign) = if a.x > a.y && a.x > a.z {
                (q.y, q.z, 0, q.x)
            } else if a.y > a.z {
                (q.x, q.z, 1, q.y)
            } else {
                (q.x, q.y, 2, q.z)
            };
            let first = [1, 2, 3][((axis + up) % 3) as usize];
            let face = if (sign > 0.0) ^ (up >= 3) {
                7 - first
            } else {
                first
            };
            let dent = pips(u, v, face) - 0.085;
            let sunk = d.max(-(dent.max(-d - 0.03)));
            let mark = if dent < 0.004 {
                1
            } else if i == 1 {
                2
            } else {
                0
            };
            h = h.or_at(sunk, mark);
        }
        h
    })
    .materials(&[skin, ink, other])
    .step(0.85)
    .named(title, &["die", "game"])
    .seen((0.0, 360.0), (18.0, 46.0))
}

pub fn rocket(draw: &Draw) -> Model {
    let forms: [(&str, [f32; 7]); 4] = [
        ("plump", [0.30, 0.46, 0.54, 0.54, 0.44, 0.26, 0.02]),
        ("slender", [0.22, 0.27, 0.29, 0.29, 0.27, 0.20, 0.02]),
        ("cigar-shaped", [0.20, 0.34, 0.40, 0.40, 0.36, 0.24, 0.02]),
        ("bell-shaped", [0.50, 0.46, 0.40, 0.36, 0.30, 0.20, 0.02]),
    ];
    let (word, radii) = forms[draw.choice("form", 4)];
    let tall = draw.span("tall", 1.5, 2.2);
    let profile = Profile::new(0.34, 0.34 + tall, &radii);
    let motifs = [
        Motif::Checks,
        Motif::Bands,
        Motif::Plain,
        Motif::Flutes,
        Motif::Dip,
        Motif::Zigzag,
    ];
    let hull = Material::decorated(
        draw,
        "hull",
        &[Finish::Satin, Finish::Glaze, Finish::Satin, Finish::Brushed],
        &motifs,
        (1.2, 2.6),
    );
    let fins = Material::drawn(draw, "fins", &[Finish::Satin, Finish::Metal, Finish::Glaze]);
    let glass = Material::plain(
        Finish::Metal,
        &crate::palette::METALS[draw.choice("window", 6)],
    );
    let number = [3.0, 4.0, 5.0][draw.choice("fins", 3)];
    let sweep = draw.span("sweep", 0.35, 0.75);
    let windows = draw.choice("windows", 3) as i32 + 1;
    let turned = draw.span("turned", -0.5, 0.5);
    let w = profile.widest() + sweep * 0.75 + 0.05;
    let title = capital(&format!(
        "{word} {}, {number} {} fins,",
        hull.phrase("rocket"),
        fins.tint.name
    ));
    Model::new(v3(-w, 0.0, -w), v3(w, 0.38 + tall, w), move |p| {
        let q = turn_y(p, turned);
        let r = length2(q.x, q.z);
        let body = profile.solid(r, q.y);
        let nozzle = frustum(
            v3(q.x, q.y - 0.14, q.z),
            radii[0] * 0.95,
            radii[0] * 0.6,
            0.24,
            0.02,
        );
        let (a, b, _) = spoke(q.x, q.z, number);
        // A swept fin: between two slanting edges, thin across.
        let (reach, _) = profile.at(0.34 + tall * 0.15);
        let x = a - reach + 0.1;
        let fin = (x - sweep)
            .max(-x)
            .max(q.y - 0.34 - tall * 0.34 + x * 0.95)
            .max(0.30 - q.y - (x - sweep) * 0.5);
        let fin = slab(fin * 0.72, b.abs() - 0.035, 0.02);
        let tip = (body - 0.006).max(0.34 + tall * 0.80 - q.y);
        let mut h = hit(body, 0).or_at(fin.min(nozzle).min(tip), 1);
        for i in 0..windows {
            let y = 0.34 + tall * (0.66 - 0.17 * i as f32);
            let (rad, _) = profile.at(y);
            let c = v3(q.x, q.y - y, q.z - rad);
            let size = 0.13 - 0.02 * i as f32;
            let frame = length2(length2(c.x, c.y) - size, c.z) - 0.03;
            let pane = ellipsoid(c, v3(size, size, 0.05));
            h = h.or_at(frame, 1).or_at(pane, 2);
        }
        h
    })
    .materials(&[hull, fins, glass])
    .step(0.7)
    .named(title, &["toy"])
    .seen((-50.0, 50.0), (2.0, 22.0))
}
