//! Grown from rock: crystal clusters.

use crate::draw::Draw;
use crate::materials::{Finish, Material};
use crate::maths::*;
use crate::noise::{hash_of, unit};
use crate::scene::Model;
use crate::sdf::*;

struct Blade {
    foot: V3,
    tilt: f32,
    bearing: f32,
    long: f32,
    thick: f32,
    sides: f32,
}

pub fn crystal(draw: &Draw) -> Model {
    let habit = draw.choice("habit", 4);
    let gem = Material::drawn(draw, "gem", &[Finish::Gem]);
    let rock = Material::drawn(draw, "rock", &[Finish::Stone, Finish::Clay]);
    let seed = draw.seed("blades");
    let number = [9, 6, 14, 3][habit];
    let sides = [6.0, 6.0, 4.0, 8.0][draw.choice("sides", 4)];
    let spread = draw.span("spread", 0.35, 0.95);
    let blades: Vec<Blade> = (0..number)
        .map(|i| {
            let r = |k: i32| unit(hash_of(i, k, 7, seed));
            let out = if i == 0 { 0.0 } else { 0.35 + 0.65 * r(0) };
            let bearing = i as f32 * 2.399_963 + r(1) * 0.6;
            let (long, thick) = match habit {
                0 => (0.9 + 0.8 * r(2) - 0.45 * out, 0.15 + 0.12 * r(3)),
                1 => (1.0 + 0.7 * r(2) - 0.6 * out, 0.22 + 0.12 * r(3)),
                2 => (0.75 + 0.65 * r(2) - 0.1 * out, 0.08 + 0.06 * r(3)),
                _ => (1.2 + 0.5 * r(2) - 0.7 * out, 0.34 + 0.08 * r(3)),
            };
            let far = out * if habit == 3 { 0.42 } else { 0.36 };
            Blade {
                foot: v3(far * cos(bearing), 0.1, far * sin(bearing)),
                tilt: out * spread,
                bearing,
                long,
                thick,
                sides,
            }
        })
        .collect();
    let top = blades
        .iter()
        .map(|b| b.foot.y + b.long * cos(b.tilt) + 0.2)
        .fold(0.6, f32::max);
    let side = blades
        .iter()
        .map(|b| length2(b.foot.x, b.foot.z) + b.long * sin(b.tilt) + b.thick)
        .fold(0.75, f32::max);
    let names = [
        "cluster of crystals",
        "group of stout crystals",
        "spray of needle crystals",
        "group of three crystals",
    ];
    let title = format!(
        "{} {} on {} rock",
        crate::materials::capital(gem.tint.name),
        names[habit],
        rock.tint.name
    );
    let rough = draw.seed("rock");
    Model::new(v3(-side, 0.0, -side), v3(side, top, side), move |p| {
        let mut d = f32::MAX;
        for b in &blades {
            let q = turn_y(p - b.foot, b.bearing);
            let q = turn_z(q, b.tilt);
            let (a, _, _) = spoke(q.x, q.z, b.sides);
            let shaft = a - b.thick * (1.0 - 0.12 * q.y / b.long);
            let tip = a * 0.84 + (q.y - b.long) * 0.54 + b.thick * 0.1;
            d = d.min(shaft.max(tip).max(-q.y - 0.1));
        }
        let lump = crate::noise::fbm(p * 3.2, 2, rough) * 0.22;
        let base = ellipsoid(v3(p.x, p.y - 0.02, p.z), v3(0.66, 0.20, 0.60)) - lump + 0.12;
        hit(d, 0).or_at(base * 0.8, 1)
    })
    .materials(&[gem, rock])
    .step(0.8)
    .named(title, &["mineral"])
    .seen((0.0, 360.0), (6.0, 32.0))
}
