//! Open vessels turned on a wheel: vases, bowls and mugs.

use crate::draw::Draw;
use crate::materials::{Finish, Material, Motif, capital};
use crate::maths::*;
use crate::scene::Model;
use crate::sdf::*;

pub fn vase(draw: &Draw) -> Model {
    let forms: [(&str, [f32; 8]); 7] = [
        ("tall", [0.26, 0.34, 0.42, 0.46, 0.42, 0.30, 0.20, 0.26]),
        ("round", [0.28, 0.52, 0.66, 0.68, 0.56, 0.32, 0.20, 0.28]),
        (
            "shouldered",
            [0.24, 0.30, 0.40, 0.52, 0.62, 0.54, 0.22, 0.26],
        ),
        (
            "fluted-mouth",
            [0.34, 0.26, 0.20, 0.20, 0.24, 0.32, 0.46, 0.64],
        ),
        (
            "long-necked",
            [0.40, 0.60, 0.56, 0.30, 0.15, 0.12, 0.12, 0.18],
        ),
        ("straight", [0.40, 0.42, 0.42, 0.42, 0.42, 0.42, 0.42, 0.42]),
        (
            "double-gourd",
            [0.30, 0.50, 0.52, 0.34, 0.22, 0.34, 0.32, 0.14],
        ),
    ];
    let (word, radii) = draw.pick("form", &forms);
    let wide = draw.span("girth", 0.8, 1.2);
    let tall = draw.span("tall", 1.25, 2.1);
    let radii: Vec<f32> = radii.iter().map(|r| r * wide).collect();
    let profile = Profile::new(0.0, tall, &radii);
    let finishes = [
        Finish::Glaze,
        Finish::Glaze,
        Finish::Clay,
        Finish::Stone,
        Finish::Matte,
        Finish::Brushed,
    ];
    let skin = Material::decorated(draw, "skin", &finishes, &Motif::ALL, (2.2, 6.0));
    let ribs = if draw.chance("ribbed", 0.3) {
        draw.choice("ribs", 12) as f32 + 8.0
    } else {
        0.0
    };
    let twist = draw.span("twist", -2.0, 2.0);
    let handles = draw.chance("handles", 0.3);
    let (w, base) = (profile.widest(), tall * 0.5);
    let reach = if handles { w + 0.25 } else { w } + 0.04;
    let model = Model::new(
        v3(-reach, 0.0, -w - 0.04),
        v3(reach, tall + 0.04, w + 0.04),
        move |p| {
            let r = length2(p.x, p.z);
            let groove = if ribs > 0.0 {
                0.022 * cos(atan2(p.z, p.x) * ribs + p.y * twist * 2.0)
            } else {
                0.0
            };
            let mut d = profile.vessel(r + groove * smoothstep(0.0, 0.2, r), p.y, 0.05);
            if handles {
                let (at, _) = profile.at(base * 1.25);
                let q = v3(p.x.abs() - at - 0.02, p.y - base * 1.25, p.z);
                let ring = length2(length2(q.x, q.y * 0.7) - 0.17, q.z) - 0.042;
                let outside = profile.solid(r, p.y) + 0.02;
                d = blend(d, ring.max(-outside), 0.05);
            }
            hit(d, 0)
        },
    );
    let title = capital(&format!("{word} {}", skin.phrase("vase")));
    model
        .materials(&[skin])
        .step(if ribs > 0.0 { 0.7 } else { 0.85 })
        .named(title, &[word])
        .seen(
            if handles { (-50.0, 50.0) } else { (0.0, 360.0) },
            (6.0, 26.0),
        )
}

pub fn bowl(draw: &Draw) -> Model {
    let forms: [(&str, [f32; 6]); 5] = [
        ("deep", [0.34, 0.62, 0.80, 0.90, 0.95, 0.98]),
        ("flared", [0.24, 0.34, 0.48, 0.68, 0.94, 1.24]),
        ("rounded", [0.40, 0.80, 1.00, 1.06, 1.02, 0.92]),
        ("conical", [0.20, 0.38, 0.56, 0.74, 0.92, 1.10]),
        ("shallow", [0.60, 0.86, 1.02, 1.14, 1.24, 1.32]),
    ];
    let (word, radii) = draw.pick("form", &forms);
    let tall = draw.span("tall", 0.5, 0.95) * if *word == "shallow" { 0.55 } else { 1.0 };
    let profile = Profile::new(0.08, tall, radii);
    let finishes = [
        Finish::Glaze,
        Finish::Clay,
        Finish::Wood,
        Finish::Glaze,
        Finish::Stone,
        Finish::Metal,
        Finish::Matte,
    ];
    let skin = Material::decorated(draw, "skin", &finishes, &Motif::ALL, (3.0, 7.0));
    let fruit = Material::drawn(draw, "fruit", &[Finish::Satin]);
    let filling = draw.choice("filling", 3);
    let lobes = if draw.chance("lobed", 0.35) {
        draw.choice("lobes", 5) as f32 + 5.0
    } else {
        0.0
    };
    let w = profile.widest() + if lobes > 0.0 { 0.08 } else { 0.02 };
    let seed = draw.span("arrangement", 0.0, TAU);
    let top = if filling == 1 {
        tall + 0.34
    } else {
        tall + 0.04
    };
    let model = Model::new(v3(-w, 0.0, -w), v3(w, top, w), move |p| {
        let r = length2(p.x, p.z);
        let wave = if lobes > 0.0 {
            0.06 * cos(atan2(p.z, p.x) * lobes) * smoothstep(0.1, tall, p.y)
        } else {
            0.0
        };
        let body = profile.vessel(r + wave, p.y, 0.055);
        let foot = cylinder(
            v3(p.x, p.y - 0.06, p.z),
            profile.at(0.08).0 * 0.85,
            0.06,
            0.015,
        );
        let mut h = hit(blend(body, foot, 0.05), 0);
        if filling == 1 {
            // Balls heaped in the bowl: six around, one on top.
            let size = profile.at(tall * 0.75).0 * 0.36;
            let (a, c, _) = spoke(p.x, p.z, 6.0);
            let around = sphere(
                v3(a - size * 1.55, p.y - tall * 0.78, c + 0.02 * sin(seed)),
                size * 0.84,
            );
            let top = sphere(
                v3(p.x - 0.05 * cos(seed), p.y - tall * 0.78 - size * 0.75, p.z),
                size * 0.95,
            );
            h = h.or_at(around.min(top), 1);
        } else if filling == 2 {
            let level = slab(
                r - profile.at(tall * 0.72).0 + 0.03,
                (p.y - tall * 0.70).abs() - 0.02,
                0.0,
            );
            h = h.or_at(level, 1);
        }
        h
    });
    let words = [
        skin.phrase("bowl"),
        format!("{} of {} fruit", skin.phrase("bowl"), fruit.tint.name),
        {
            format!(
                "{} filled with {} cream",
                skin.phrase("bowl"),
                fruit.tint.name
            )
        },
    ];
    let title = capital(&format!("{word} {}", words[filling]));
    let used = if filling == 0 {
        vec![skin]
    } else {
        vec![skin, fruit]
    };
    model
        .materials(&used)
        .step(0.75)
        .named(title, &[word])
        .seen((0.0, 360.0), (16.0, 44.0))
}

pub fn mug(draw: &Draw) -> Model {
    let forms: [(&str, [f32; 5]); 5] = [
        ("straight", [0.42, 0.44, 0.44, 0.44, 0.44]),
        ("tapered", [0.34, 0.38, 0.42, 0.46, 0.50]),
        ("belly", [0.36, 0.54, 0.56, 0.48, 0.44]),
        ("waisted", [0.46, 0.42, 0.37, 0.42, 0.50]),
        ("wide", [0.40, 0.60, 0.68, 0.71, 0.72]),
    ];
    let (word, radii) = draw.pick("form", &forms);
    let tall = draw.span("tall", 0.72, 1.15);
    let profile = Profile::new(0.0, tall, radii);
    let finishes = [
        Finish::Glaze,
        Finish::Matte,
        Finish::Glaze,
        Finish::Clay,
        Finish::Metal,
    ];
    let skin = Material::decorated(draw, "skin", &finishes, &Motif::ALL, (3.0, 7.0));
    let coffee = Material::plain(
        Finish::Satin,
        &crate::palette::WOODS[[0, 2, 4][draw.choice("drink", 3)]],
    );
    let inner = Material::drawn(draw, "handle", &[Finish::Glaze]);
    let two_tone = draw.chance("two tones", 0.4);
    let loop_form = draw.choice("loop", 3);
    let w = profile.widest();
    let model = Model::new(
        v3(-w - 0.02, 0.0, -w - 0.02),
        v3(w + 0.40, tall + 0.03, w + 0.02),
        move |p| {
            let r = length2(p.x, p.z);
            let cup = profile.vessel(r, p.y, 0.05);
            let middle = tall * 0.52;
            let q = v3(p.x - profile.at(middle).0 - 0.02, p.y - middle, p.z);
            let flat = match loop_form {
                0 => length2(q.x, q.y) - 0.27,
                1 => length2(q.x * 0.82, q.y * 0.72) - 0.23,
                _ => box2(q.x, q.y, 0.15, 0.17) - 0.1,
            };
            let ear = length2(flat, q.z * 0.75) - 0.045;
            let ear = ear.max(-(profile.solid(r, p.y) + 0.03));
            let drink = slab(
                r - profile.at(tall * 0.8).0 + 0.03,
                (p.y - tall * 0.8).abs() - 0.01,
                0.0,
            );
            let h = if two_tone {
                hit(cup, 0).or_at(ear, 2)
            } else {
                hit(blend(cup, ear, 0.04), 0)
            };
            h.or_at(drink, 1)
        },
    );
    let title = capital(&format!("{word} {}", skin.phrase("mug")));
    model
        .materials(&[skin, coffee, inner])
        .step(0.8)
        .named(title, &[word, "cup"])
        .seen((-75.0, 255.0), (14.0, 42.0))
}
