//! Machined and cast: gears and keys.

use crate::draw::Draw;
use crate::materials::{Finish, Material, capital};
use crate::maths::*;
use crate::scene::Model;
use crate::sdf::*;

pub fn gear(draw: &Draw) -> Model {
    let teeth: f32 = [8.0, 10.0, 12.0, 14.0, 16.0, 20.0, 24.0, 28.0][draw.choice("teeth", 8)];
    let thick = draw.span("thick", 0.12, 0.30);
    let spokes = [0.0, 3.0, 4.0, 5.0, 6.0][draw.choice("spokes", 5)];
    let bore = draw.span("bore", 0.12, 0.30);
    let finishes = [
        Finish::Brushed,
        Finish::Metal,
        Finish::Satin,
        Finish::Brushed,
        Finish::Wood,
        Finish::Matte,
    ];
    let skin = Material::drawn(draw, "skin", &finishes);
    let second = Material::drawn(draw, "second", &finishes);
    let layout = draw.choice("layout", 3);
    let turned = draw.span("turned", 0.0, TAU);
    let helical = draw.chance("helical", 0.3);
    let depth = (2.6 / teeth).min(0.22);
    let wheel = move |p: V3, scale: f32, teeth: f32, phase: f32| {
        let p = p / scale;
        let twist = if helical { p.y * 1.4 } else { 0.0 };
        let q = turn_y(p, phase + twist);
        let (a, b, _) = spoke(q.x, q.z, teeth);
        let half = 0.25 * TAU / teeth;
        let tooth = (a - 1.0).max(b.abs() - half * 0.92 + (a - 1.0) * 0.35);
        let r = length2(q.x, q.z);
        let mut flat = blend(r - 1.0 + depth, tooth, 0.02);
        let hole = if spokes > 0.0 {
            let (s, t, _) = spoke(q.x, q.z, spokes);
            let ring = (r - 0.80 + depth).max(bore + 0.16 - r);
            chamfer(
                ring,
                0.09 - t.abs().min(if s > 0.0 { 9.0 } else { 0.0 }),
                0.03,
            )
        } else {
            (r - 0.80 + depth)
                .max(bore + 0.16 - r)
                .max(thick * 0.6 - p.y.abs())
        };
        flat = flat.max(-hole).max(bore - r);
        let disc = slab(flat, p.y.abs() - thick, 0.02);
        let hub = slab(
            (r - bore - 0.07).abs() - 0.07,
            p.y.abs() - thick * 1.35,
            0.02,
        );
        disc.min(hub) * scale
    };
    let t = thick * 1.36;
    let noun = format!("gear with {teeth} teeth");
    let (low, high, words) = match layout {
        0 => (
            v3(-1.04, 0.0, -1.04),
            v3(1.04, 2.0 * t, 1.04),
            format!("{} lying flat", skin.phrase(&noun)),
        ),
        1 => (
            v3(-1.04, 0.0, -t),
            v3(1.04, 2.06, t),
            format!("{} on edge", skin.phrase(&noun)),
        ),
        _ => (
            v3(-1.04, 0.0, -1.04),
            v3(2.02, 2.0 * t, 1.04),
            format!(
                "{} beside a smaller {} one",
                skin.phrase(&noun),
                second.tint.name
            ),
        ),
    };
    let small = (teeth * 0.5).floor() + 1.0;
    let model = Model::new(low, high, move |p| match layout {
        0 => hit(wheel(v3(p.x, p.y - t, p.z), 1.0, teeth, turned), 0),
        1 => {
            let q = turn_x(v3(p.x, p.y - 1.03, p.z), TAU / 4.0);
            hit(wheel(q, 1.0, teeth, turned), 0)
        }
        _ => {
            let big = wheel(v3(p.x, p.y - t, p.z), 1.0, teeth, 0.0);
            let phase = 0.5 * TAU / small;
            let other = wheel(v3(p.x - 1.47, p.y - t * 0.52, p.z), 0.52, small, phase);
            hit(big, 0).or_at(other, 1)
        }
    });
    let seen = if layout == 1 {
        ((-42.0, 42.0), (6.0, 26.0))
    } else {
        ((0.0, 360.0), (28.0, 62.0))
    };
    model
        .materials(&[skin, second])
        .step(0.7)
        .named(capital(&words), &["cogwheel"])
        .seen(seen.0, seen.1)
}

pub fn key(draw: &Draw) -> Model {
    let bow = draw.choice("bow", 6);
    let long = draw.span("long", 1.1, 1.7);
    let bits = draw.choice("bits", 5);
    let skin = Material::drawn(
        draw,
        "skin",
        &[Finish::Metal, Finish::Brushed, Finish::Metal, Finish::Satin],
    );
    let fob = Material::drawn(draw, "fob", &[Finish::Satin, Finish::Glaze, Finish::Wood]);
    let pair = draw.chance("fob", 0.4);
    let standing = draw.chance("standing", 0.35);
    let names = [
        "ring-bow",
        "trefoil-bow",
        "heart-bow",
        "diamond-bow",
        "oval-bow",
        "hexagon-bow",
    ];
    let seed = draw.seed("teeth");
    let t = 0.085;
    // Drawn along x: bow at the left, bit at the right, in the plane z.
    let shape = move |p: V3| {
        let (x, y) = (p.x + 0.5 * long, p.y);
        let c = (x + 0.30, y);
        let outline = match bow {
            0 => (length2(c.0, c.1) - 0.36).abs() - 0.075,
            1 => {
                let leaf = |a: f32, b: f32| (length2(c.0 - a, c.1 - b) - 0.20).abs() - 0.065;
                leaf(-0.24, 0.0)
                    .min(leaf(0.08, 0.25))
                    .min(leaf(0.08, -0.25))
            }
            2 => {
                let lobe = |b: f32| length2(c.0 + 0.16, c.1 - b) - 0.24;
                let body = blend(
                    lobe(0.18).min(lobe(-0.18)),
                    (c.0.abs() + c.1.abs() - 0.36) * 0.707,
                    0.1,
                );
                body.abs() - 0.06
            }
            3 => ((c.0.abs() + c.1.abs() - 0.46) * 0.707).abs() - 0.065,
            4 => (length2(c.0 * 0.75, c.1 * 1.25) - 0.34).abs() - 0.07,
            _ => {
                let (a, _, _) = spoke(c.0, c.1, 6.0);
                (a - 0.34).abs() - 0.075
            }
        };
        let head =
            length2(outline.max(0.0), (p.z.abs() - 0.03).max(0.0)) - 0.055 + outline.min(0.0) * 0.4;
        let shaft = capsule(
            p,
            v3(-0.5 * long + 0.02, 0.0, 0.0),
            v3(0.5 * long, 0.0, 0.0),
            t,
        );
        let collar = |at: f32| {
            cylinder(
                turn_z(v3(p.x - at, p.y, p.z), TAU / 4.0),
                t * 1.55,
                0.05,
                0.02,
            )
        };
        let collars = collar(-0.5 * long + 0.16)
            .min(collar(-0.5 * long + 0.30))
            .min(collar(0.5 * long - 0.44));
        let mut bit = cuboid(
            v3(p.x - 0.5 * long + 0.18, p.y + 0.24, p.z),
            v3(0.19, 0.24, 0.055),
            0.015,
        );
        for i in 0..3 {
            let h = crate::noise::hash_of(i, bits as i32, 0, seed);
            let deep = 0.08 + 0.16 * crate::noise::unit(h);
            let x = p.x - 0.5 * long + 0.30 - 0.125 * i as f32;
            bit = bit.max(-box2(x, p.y + 0.50, 0.028, deep));
        }
        blend(head, shaft, 0.06).min(collars).min(bit)
    };
    let (reach, deep) = (0.5 * long + 0.78, if pair { 0.95 } else { 0.55 });
    let noun = format!("{} key", names[bow]);
    let title = match (standing, pair) {
        (true, _) => capital(&format!("upright {}", skin.phrase(&noun))),
        (_, true) => capital(&format!(
            "{} with a {} fob",
            skin.phrase(&noun),
            fob.tint.name
        )),
        _ => capital(&skin.phrase(&noun)),
    };
    if standing {
        return Model::new(
            v3(-0.5, 0.0, -0.3),
            v3(0.55, 2.0 * reach + 0.05, 0.3),
            move |p| {
                let q = turn_z(v3(p.x, p.y - reach - 0.06, p.z), TAU / 4.0);
                let foot = cuboid(v3(p.x, p.y - 0.05, p.z), v3(0.34, 0.06, 0.24), 0.02);
                hit(shape(v3(-q.x, q.y, q.z)), 0).or_at(foot, 1)
            },
        )
        .materials(&[skin, fob])
        .step(0.75)
        .named(title, &["metalwork"])
        .seen((-35.0, 35.0), (4.0, 20.0));
    }
    let model = Model::new(
        v3(-reach, 0.0, -0.55),
        v3(reach - 0.55, 0.26, deep),
        move |p| {
            let q = v3(p.x, p.z, p.y - 0.10);
            let mut h = hit(shape(v3(q.x, -q.y, q.z)), 0);
            if pair {
                let c = v3(p.x + 0.5 * long + 0.30, p.y - 0.09, p.z - 0.42);
                let link = length2(length2(c.x, c.z) - 0.16, c.y) - 0.025;
                let disc = slab(
                    length2(c.x + 0.28, c.z - 0.24) - 0.26,
                    c.y.abs() - 0.05,
                    0.02,
                );
                h = h.or_at(link, 0).or_at(disc, 1);
            }
            h
        },
    );
    model
        .materials(&[skin, fob])
        .step(0.75)
        .named(title, &["metalwork"])
        .seen((-50.0, 50.0), (36.0, 68.0))
}
