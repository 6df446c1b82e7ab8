//! Chess pieces, turned and carved.

use crate::draw::Draw;
use crate::materials::{Finish, Material, capital};
use crate::maths::*;
use crate::scene::Model;
use crate::sdf::*;

pub fn chess(draw: &Draw) -> Model {
    let piece = draw.choice("piece", 5);
    let names = ["pawn", "rook", "bishop", "queen", "king"];
    let finishes = [
        Finish::Wood,
        Finish::Stone,
        Finish::Satin,
        Finish::Metal,
        Finish::Glaze,
        Finish::Glass,
    ];
    let skin = Material::drawn(draw, "skin", &finishes);
    let wide = draw.span("wide", 0.85, 1.2);
    let tall = [1.25, 1.35, 1.65, 1.85, 1.9][piece] * draw.span("tall", 0.9, 1.12);
    let waist = draw.span("waist", 0.16, 0.26);
    let neck = waist * 0.8;
    let body = tall * [0.62, 0.70, 0.66, 0.74, 0.74][piece];
    let profile = Profile::new(
        0.16,
        body,
        &[
            0.46 * wide,
            0.32 * wide,
            waist * 1.15,
            waist,
            neck,
            neck * 1.1,
            neck * 1.7,
        ],
    );
    let second = draw.chance("companion", 0.35);
    let other = Material::drawn(draw, "companion", &finishes);
    let spikes = [6.0, 8.0, 10.0][draw.choice("spikes", 3)];
    let one = move |p: V3| {
        let r = length2(p.x, p.z);
        let foot = cylinder(v3(p.x, p.y - 0.09, p.z), 0.54 * wide, 0.09, 0.05);
        let step = cylinder(v3(p.x, p.y - 0.2, p.z), 0.45 * wide, 0.05, 0.04);
        let shaft = profile.solid(r, p.y);
        let collar = cylinder(v3(p.x, p.y - body, p.z), neck * 2.1, 0.035, 0.03);
        let q = v3(p.x, p.y - body, p.z);
        let head = match piece {
            0 => sphere(v3(q.x, q.y - 0.26, q.z), 0.29),
            1 => {
                let drum = frustum(q, 0.30, 0.36, tall - body, 0.02);
                let well = cylinder(v3(q.x, q.y - (tall - body), q.z), 0.24, 0.16, 0.0);
                let (a, b, _) = spoke(q.x, q.z, 6.0);
                let slot = (b.abs() - 0.06).max(0.1 - a).max(tall - body - 0.14 - q.y);
                drum.max(-well).max(-slot)
            }
            2 => {
                let egg = ellipsoid(v3(q.x, q.y - 0.28, q.z), v3(0.24, 0.34, 0.24));
                let cut = turn_z(v3(q.x - 0.08, q.y - 0.40, q.z), -0.6);
                let ball = sphere(v3(q.x, q.y - 0.66, q.z), 0.07);
                egg.max(-(cut.x.abs() - 0.025).max(-cut.y)).min(ball)
            }
            3 => {
                let cup = frustum(q, neck * 1.1, 0.36, tall - body, 0.02);
                let (a, b, _) = spoke(q.x, q.z, spikes);
                let notch = length2(length2(a - 0.30, b), q.y - (tall - body)) - 0.09;
                let ball = sphere(v3(q.x, q.y - (tall - body) - 0.05, q.z), 0.12);
                cup.max(-notch).min(ball)
            }
            _ => {
                let cup = frustum(q, neck * 1.1, 0.33, tall - body, 0.03);
                let y = q.y - (tall - body);
                let cross = cuboid(v3(q.x, y - 0.17, q.z), v3(0.05, 0.18, 0.045), 0.012).min(
                    cuboid(v3(q.x, y - 0.20, q.z), v3(0.14, 0.045, 0.045), 0.012),
                );
                cup.min(cross).min(sphere(v3(q.x, y + 0.08, q.z), 0.17))
            }
        };
        blend(foot.min(step), shaft, 0.05).min(collar).min(head)
    };
    let high = tall + [0.1, 0.1, 0.25, 0.19, 0.38][piece];
    let r = 0.56 * wide;
    let reach = if second { r * 2.0 + 0.3 } else { 0.0 };
    let noun = format!("chess {}", names[piece]);
    let title = if second {
        format!("{} facing a {} one", skin.phrase(&noun), other.tint.name)
    } else {
        skin.phrase(&noun)
    };
    Model::new(
        v3(-r - reach * 0.5, 0.0, -r - reach * 0.2),
        v3(r + reach * 0.5, high, r + reach * 0.2),
        move |p| {
            if second {
                let a = one(v3(p.x - reach * 0.5, p.y, p.z - reach * 0.2));
                let b = one(v3(p.x + reach * 0.5, p.y, p.z + reach * 0.2));
                hit(a, 0).or_at(b, 1)
            } else {
                hit(one(p), 0)
            }
        },
    )
    .materials(&if second {
        vec![skin, other]
    } else {
        vec![skin]
    })
    .step(0.8)
    .named(capital(&title), &["chess", names[piece]])
    .seen((-45.0, 45.0), (6.0, 30.0))
}
