//! Lifted and worn: dumbbells and finger rings.

use crate::draw::Draw;
use crate::materials::{Finish, Material, Motif, capital};
use crate::maths::*;
use crate::scene::Model;
use crate::sdf::*;

pub fn dumbbell(draw: &Draw) -> Model {
    let form = draw.choice("form", 5);
    let bar = Material::drawn(
        draw,
        "bar",
        &[Finish::Brushed, Finish::Metal, Finish::Satin],
    );
    let weight = Material::decorated(
        draw,
        "weight",
        &[Finish::Satin, Finish::Matte, Finish::Brushed, Finish::Glaze],
        &[Motif::Plain, Motif::Speckle, Motif::Plain],
        (3.0, 5.0),
    );
    let long = draw.span("long", 0.55, 1.05);
    let size = draw.span("size", 0.34, 0.56);
    let count = draw.choice("plates", 3) + 1;
    let stacked = draw.chance("pair", 0.35);
    let turned = draw.span("turned", -0.7, 0.7);
    let one = move |p: V3| {
        // Along x, centre at half the height of the weights.
        let x = p.x.abs() - long;
        let side = turn_z(v3(x, p.y, p.z), TAU / 4.0);
        let grip = length2(p.y, p.z) - 0.085 - 0.02 * cos(p.x.min(long * 0.5) * 3.0);
        let rod = grip.max(p.x.abs() - long - 0.12);
        let head = match form {
            0 => prism(side, 6.0, size * 0.92, 0.26, 0.05),
            1 => sphere(v3(x, p.y, p.z), size),
            2 => {
                let mut d = f32::MAX;
                for i in 0..count {
                    let s = size * (1.0 - 0.16 * i as f32);
                    d = d.min(cylinder(
                        v3(side.x, side.y + 0.18 - 0.17 * i as f32, side.z),
                        s,
                        0.075,
                        0.025,
                    ));
                }
                d
            }
            3 => cylinder(side, size * 0.85, 0.28, 0.12),
            _ => {
                prism(side, 8.0, size * 0.9, 0.2, 0.03).min(cylinder(side, size * 0.55, 0.28, 0.03))
            }
        };
        hit(rod, 0).or_at(head, 1)
    };
    let high = if form == 0 {
        size * 0.92
    } else if form == 4 {
        size * 0.9
    } else if form == 3 {
        size * 0.85
    } else {
        size
    };
    let names = ["hexagonal", "round-headed", "plate", "drum", "octagonal"];
    let noun = format!("{} dumbbell", names[form]);
    let reach = long + 0.42 + if form == 1 { size - 0.3 } else { 0.0 };
    let gap = if stacked { high * 1.25 + 0.12 } else { 0.0 };
    let title = if stacked {
        format!("pair of {} dumbbells in {}", names[form], weight.tint.name)
    } else {
        weight.phrase(&noun)
    };
    let depth = gap + high * 1.16 + if stacked { reach * 0.28 } else { 0.0 };
    Model::new(
        v3(-reach, 0.0, -depth),
        v3(reach, high * 2.0 + 0.02, depth),
        move |p| {
            let q = v3(p.x, p.y - high, p.z);
            if stacked {
                let a = one(turn_y(v3(q.x, q.y, q.z - gap), turned * 0.35));
                let b = one(v3(q.x, q.y, q.z + gap));
                a.or(b)
            } else {
                one(q)
            }
        },
    )
    .materials(&[bar, weight])
    .step(0.85)
    .named(capital(&title), &["weights"])
    .seen((15.0, 75.0), (14.0, 38.0))
}

pub fn finger_ring(draw: &Draw) -> Model {
    let metal = Material::drawn(
        draw,
        "metal",
        &[Finish::Metal, Finish::Metal, Finish::Brushed],
    );
    let gem = Material::drawn(draw, "gem", &[Finish::Glass, Finish::Glass, Finish::Glaze]);
    let cut = draw.choice("cut", 5);
    let size = draw.span("gem size", 0.26, 0.46);
    let band = draw.span("band", 0.07, 0.15);
    let style = draw.choice("style", 4);
    let flat = draw.chance("flat", 0.5);
    let cuts = ["brilliant", "cabochon", "square", "hexagonal", "pearl"];
    let title = capital(&format!(
        "{} ring with a {} {} stone",
        metal.phrase("").trim_end(),
        gem.tint.name,
        cuts[cut]
    ));
    let top = 1.55 + size * 1.25;
    let wide = (band * if style == 3 { 3.4 } else { 2.0 }).max(size * 1.05) + 0.03;
    Model::new(v3(-0.98, 0.0, -wide), v3(0.98, top, wide), move |p| {
        let q = v3(p.x, p.y - 0.82, p.z);
        let r = length2(q.x, q.y);
        let angle = atan2(q.x, q.y);
        let mut ring = match style {
            0 => length2(r - 0.72, q.z) - band,
            1 => slab((r - 0.74).abs() - band * 0.55, q.z.abs() - band * 1.7, 0.03),
            2 => {
                let (a, b) = turn(r - 0.74, q.z, angle * 4.0);
                length2(a.abs() - band * 0.75, b) - band * 0.62
            }
            _ => {
                let split = smoothstep(1.3, 0.2, angle.abs()) * band * 1.5;
                length2(r - 0.73, q.z.abs() - split - band * 0.3) - band * 0.75
            }
        };
        if flat && style == 0 {
            ring = ring.max(r - 0.72 - band * 0.6);
        }
        let g = v3(q.x, q.y - 0.80 - size * 0.62, q.z);
        let stone = match cut {
            0 => {
                let (a, _, _) = spoke(g.x, g.z, 8.0);
                let crown = a * 0.64 + g.y * 0.77 - size * 0.72;
                let pavilion = a * 0.72 - g.y * 0.70 - size * 0.72;
                crown.max(pavilion).max(g.y - size * 0.42)
            }
            1 => ellipsoid(g, v3(size, size * 0.72, size * 0.8)),
            2 => {
                let s = g.x.abs().max(g.z.abs());
                (s - size * 0.78)
                    .max(s * 0.7 + g.y * 0.7 - size * 0.75)
                    .max(s * 0.7 - g.y * 0.7 - size * 0.7)
                    .max(g.y - size * 0.4)
            }
            3 => prism(g, 6.0, size * 0.85, size * 0.42, 0.03)
                .max(length2(g.x, g.z) * 0.75 - g.y * 0.66 - size * 0.75),
            _ => sphere(g, size * 0.72),
        };
        let seat = v3(q.x, q.y - 0.76, q.z);
        let cup = frustum(seat, size * 0.35, size * 0.86, size * 0.55, 0.02);
        let (a, b, _) = spoke(g.x, g.z, 4.0);
        let claw = capsule(
            v3(a, g.y, b),
            v3(size * 0.62, -size * 0.6, 0.0),
            v3(size * 0.82, size * 0.25, 0.0),
            0.04,
        );
        let setting = if cut == 4 { cup } else { cup.min(claw) };
        hit(blend(ring, setting, 0.03), 0).or_at(stone, 1)
    })
    .materials(&[metal, gem])
    .step(0.75)
    .named(title, &["jewellery", cuts[cut]])
    .seen((-62.0, 62.0), (10.0, 36.0))
}
