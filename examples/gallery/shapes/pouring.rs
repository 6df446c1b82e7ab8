//! Vessels that pour: teapots and bottles.

use crate::draw::Draw;
use crate::materials::{Finish, Material, Motif, capital};
use crate::maths::*;
use crate::scene::Model;
use crate::sdf::*;

pub fn teapot(draw: &Draw) -> Model {
    let forms: [(&str, [f32; 6]); 4] = [
        ("round", [0.42, 0.66, 0.78, 0.76, 0.60, 0.36]),
        ("squat", [0.60, 0.84, 0.90, 0.82, 0.62, 0.40]),
        ("tall", [0.38, 0.44, 0.48, 0.46, 0.40, 0.30]),
        ("pear", [0.50, 0.72, 0.72, 0.56, 0.40, 0.32]),
    ];
    let (word, radii) = draw.pick("form", &forms);
    let tall = match *word {
        "squat" => draw.span("tall", 0.62, 0.8),
        "tall" => draw.span("tall", 1.15, 1.45),
        _ => draw.span("tall", 0.9, 1.15),
    };
    let profile = Profile::new(0.0, tall, radii);
    let finishes = [
        Finish::Glaze,
        Finish::Clay,
        Finish::Glaze,
        Finish::Metal,
        Finish::Matte,
        Finish::Brushed,
    ];
    let skin = Material::decorated(draw, "skin", &finishes, &Motif::ALL, (2.5, 6.0));
    let trim = Material::drawn(draw, "trim", &[Finish::Wood, Finish::Glaze, Finish::Metal]);
    let over = draw.chance("handle above", 0.4);
    let lift = draw.span("spout lift", 0.75, 1.05);
    let belly = profile.at(tall * 0.3).0;
    let spout = belly + draw.span("spout", 0.42, 0.62);
    let (w, lid) = (profile.widest(), radii[5]);
    let top = if over { tall + 0.72 } else { tall + 0.36 };
    let low = if over { -w } else { -w - 0.42 };
    let model = Model::new(
        v3(low - 0.02, 0.0, -w),
        v3(spout + 0.10, top, w),
        move |p| {
            let r = length2(p.x, p.z);
            let body = profile.solid(r, p.y);
            let root = v3(belly * 0.8, tall * 0.34, 0.0);
            let bend = v3(mix(belly, spout, 0.55), tall * 0.50, 0.0);
            let tip = v3(spout, tall * lift, 0.0);
            let pipe = blend(
                tapered(p, root, bend, 0.17, 0.10),
                tapered(p, bend, tip, 0.10, 0.06),
                0.08,
            );
            let bore = capsule(p, tip, tip + (tip - bend) * 0.3, 0.038);
            let body = blend(body, pipe, 0.10).max(-bore);
            let rim = torus(v3(p.x, p.y - tall, p.z), lid + 0.01, 0.03);
            let cap = ellipsoid(v3(p.x, p.y - tall, p.z), v3(lid, 0.16, lid));
            let pot = body.min(rim).min(cap);
            let knob = sphere(v3(p.x, p.y - tall - 0.22, p.z), 0.085).min(cylinder(
                v3(p.x, p.y - tall - 0.14, p.z),
                0.04,
                0.06,
                0.0,
            ));
            let ear = if over {
                let q = v3(p.x, (p.y - tall * 0.92) * 0.85, p.z);
                (length2(length2(q.x, q.y) - lid - 0.18, q.z) - 0.045)
                    .max(0.1 - q.y - 0.25)
                    .max(-body)
            } else {
                let q = v3(p.x + w * 0.93, p.y - tall * 0.52, p.z);
                (length2(length2(q.x, q.y * 0.85) - 0.30, q.z) - 0.052)
                    .max(-(profile.solid(r, p.y) + 0.02))
            };
            hit(pot, 0).or_at(ear.min(knob), 1)
        },
    );
    let title = capital(&format!("{word} {}", skin.phrase("teapot")));
    model
        .materials(&[skin, trim])
        .step(0.8)
        .named(title, &[word])
        .seen((-50.0, 50.0), (8.0, 32.0))
}

pub fn bottle(draw: &Draw) -> Model {
    let forms: [(&str, [f32; 10]); 5] = [
        (
            "wine",
            [0.34, 0.35, 0.35, 0.35, 0.35, 0.30, 0.15, 0.12, 0.12, 0.13],
        ),
        (
            "flask",
            [0.48, 0.58, 0.56, 0.40, 0.22, 0.13, 0.11, 0.11, 0.11, 0.15],
        ),
        (
            "carafe",
            [0.42, 0.46, 0.40, 0.28, 0.18, 0.15, 0.15, 0.17, 0.20, 0.24],
        ),
        (
            "apothecary",
            [0.38, 0.42, 0.42, 0.42, 0.40, 0.28, 0.14, 0.13, 0.14, 0.20],
        ),
        (
            "ball",
            [0.36, 0.60, 0.68, 0.62, 0.42, 0.18, 0.13, 0.13, 0.13, 0.16],
        ),
    ];
    let (word, radii) = draw.pick("form", &forms);
    let tall = draw.span("tall", 1.45, 2.0);
    let profile = Profile::new(0.0, tall, radii);
    let skin = Material::drawn(draw, "glass", &[Finish::Glass]);
    let cork = Material::drawn(draw, "cork", &[Finish::Wood, Finish::Metal, Finish::Satin]);
    let label = Material::drawn(draw, "label", &[Finish::Matte]);
    let stopper = draw.choice("stopper", 3);
    let labelled = draw.chance("labelled", 0.45);
    let square = draw.chance("square", 0.25);
    let w = profile.widest();
    let neck = radii[9];
    let high = tall
        + if stopper == 2 {
            0.36
        } else if stopper == 1 {
            0.14
        } else {
            0.02
        };
    let model = Model::new(v3(-w, 0.0, -w), v3(w, high, w), move |p| {
        let r = if square {
            // The fourth-power norm: a square plan with generous corners.
            let q = smoothstep(tall * 0.75, tall * 0.45, p.y);
            let fourth = (p.x * p.x * p.x * p.x + p.z * p.z * p.z * p.z)
                .sqrt()
                .sqrt();
            mix(length2(p.x, p.z), fourth * 1.08, q)
        } else {
            length2(p.x, p.z)
        };
        let glass = profile
            .solid(r, p.y)
            .min(torus(v3(p.x, p.y - tall + 0.05, p.z), neck, 0.03));
        let mut h = hit(glass, 0);
        if stopper == 1 {
            h = h.or_at(
                cylinder(v3(p.x, p.y - tall - 0.05, p.z), neck * 0.8, 0.09, 0.015),
                1,
            );
        } else if stopper == 2 {
            let ball = sphere(v3(p.x, p.y - tall - 0.19, p.z), 0.16);
            h = h.or_at(
                blend(
                    ball,
                    cylinder(v3(p.x, p.y - tall, p.z), neck * 0.7, 0.08, 0.01),
                    0.04,
                ),
                1,
            );
        }
        if labelled {
            let (lo, hi) = (tall * 0.14, tall * 0.38);
            let band = (glass - 0.008).abs() - 0.006;
            let d = band.max(lo - p.y).max(p.y - hi).max(0.05 - p.z);
            h = h.or_at(d, 2);
        }
        h
    });
    let title = capital(&format!("{word} bottle of {} glass", skin.tint.name));
    model
        .materials(&[skin, cork, label])
        .step(0.8)
        .named(title, &[word])
        .seen((-60.0, 60.0), (4.0, 22.0))
}
