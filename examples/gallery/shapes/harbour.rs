//! Sailing boats, steamers and rowing boats.

use crate::draw::Draw;
use crate::materials::{Finish, Material, Motif, capital};
use crate::maths::*;
use crate::scene::Model;
use crate::sdf::*;

pub fn boat(draw: &Draw) -> Model {
    let rig = draw.choice("rig", 5);
    let hull = Material::decorated(
        draw,
        "hull",
        &[Finish::Satin, Finish::Wood, Finish::Glaze],
        &[Motif::Plain, Motif::Bands],
        (2.4, 4.0),
    );
    let sail = Material::decorated(
        draw,
        "sail",
        &[Finish::Matte],
        &[Motif::Plain, Motif::Bands, Motif::Plain],
        (2.0, 4.0),
    );
    let deck = Material::drawn(draw, "deck", &[Finish::Wood]);
    let trim = Material::drawn(draw, "trim", &[Finish::Satin, Finish::Metal]);
    let long = draw.span("long", 0.95, 1.35);
    let beam = draw.span("beam", 0.34, 0.5);
    let free = draw.span("freeboard", 0.32, 0.5);
    let mast = draw.span("mast", 1.3, 1.9);
    let belly = draw.span("belly", 0.10, 0.24);
    let rake = draw.span("rake", 0.15, 0.45);
    let names = ["sloop", "two-master", "steamer", "rowing boat", "dhow"];
    let title = match rig {
        2 => capital(&format!(
            "{}, {} funnel,",
            hull.phrase("steamer"),
            trim.tint.name
        )),
        3 => capital(&hull.phrase("rowing boat")),
        _ => capital(&format!(
            "{} under {} sail",
            hull.phrase(names[rig]),
            sail.tint.name
        )),
    };
    let top = match rig {
        2 => free + 1.15,
        3 => free + 0.35,
        4 => free + mast * 0.95,
        _ => free + mast + 0.02,
    };
    let reach = long + rake + 0.05;
    Model::new(v3(-reach, 0.0, -0.62), v3(reach, top, 0.62), move |p| {
        // Half-width along the length: full amidships, fine at the bow (+x), broad at the stern.
        let height = (p.y / free).clamp(0.0, 1.4);
        let s = (p.x / (long + rake * height * 0.6)).clamp(-1.1, 1.1);
        let plan = if s > 0.0 {
            1.0 - s * s
        } else {
            1.0 - 0.55 * s * s * s * s
        };
        let half = beam * plan.max(0.0) * (0.45 + 0.55 * smoothstep(0.0, 0.9, height));
        let sheer = free * (1.0 + 0.30 * s * s);
        let side = (p.z.abs() - half) * 0.8;
        let ends = (s.abs() - 1.0) * long * 0.7;
        let solid = slab(side.max(ends), (p.y - sheer).max(-p.y), 0.02);
        let well = slab(
            (side + 0.05).max(ends + 0.05),
            (free * 0.72 - p.y).max(p.y - 9.0),
            0.0,
        );
        let shell = solid.max(-well);
        let floor = slab(
            (side + 0.04).max(ends + 0.04),
            (p.y - free * if rig == 3 { 0.45 } else { 0.86 }).abs() - 0.02,
            0.0,
        );
        let mut h = hit(shell, 0).or_at(floor, 2);
        let cloth = |x: f32, y: f32, z: f32, foot: f32, tall: f32, way: f32| {
            // A triangle with its upright edge on the mast, bellied by the wind.
            let t = (y / tall).clamp(0.0, 1.0);
            let across = x * way;
            let edge = (across - foot * (1.0 - t)) * 0.8;
            let blow = belly * sin(PI * (across / foot).clamp(0.0, 1.0)) * (1.0 - t * 0.6);
            let flat = edge.max(-across).max(-y).max(y - tall);
            slab(flat, (z - blow).abs() * 0.8 - 0.012, 0.008)
        };
        match rig {
            0 | 1 => {
                let pole = |x: f32, tall: f32| {
                    capsule(p, v3(x, free * 0.6, 0.0), v3(x, free + tall, 0.0), 0.026)
                };
                let main = cloth(
                    p.x - 0.05,
                    p.y - free - 0.16,
                    p.z,
                    long * 0.82,
                    mast * 0.84,
                    -1.0,
                );
                let jib = cloth(
                    p.x - 0.16,
                    p.y - free - 0.12,
                    p.z,
                    long * 0.70,
                    mast * 0.72,
                    1.0,
                );
                h = h.or_at(pole(0.1, mast), 2).or_at(main, 1);
                if rig == 0 {
                    h = h.or_at(jib, 1);
                } else {
                    let fore = cloth(p.x - 0.62, p.y - free - 0.16, p.z, 0.46, mast * 0.62, -1.0);
                    h = h.or_at(pole(0.66, mast * 0.8), 2).or_at(fore, 1);
                }
                let flag = cuboid(
                    v3(p.x - 0.20, p.y - free - mast + 0.05, p.z),
                    v3(0.10, 0.05, 0.01),
                    0.0,
                );
                h = h.or_at(flag, 3);
            }
            2 => {
                let house = cuboid(
                    v3(p.x + 0.15, p.y - free - 0.16, p.z),
                    v3(long * 0.45, 0.18, beam * 0.6),
                    0.02,
                );
                let bridge = cuboid(
                    v3(p.x - 0.02, p.y - free - 0.44, p.z),
                    v3(long * 0.22, 0.12, beam * 0.5),
                    0.02,
                );
                let tube = cylinder(v3(p.x + 0.38, p.y - free - 0.6, p.z), 0.12, 0.38, 0.01);
                let bore = cylinder(v3(p.x + 0.38, p.y - free - 1.0, p.z), 0.09, 0.2, 0.0);
                let k = ((p.x + 0.15) / 0.2).round().clamp(-1.0, 1.0);
                let port = length2(
                    length2(p.x + 0.15 - 0.2 * k, p.y - free - 0.18) - 0.05,
                    p.z.abs() - beam * 0.6,
                ) - 0.018;
                h = h
                    .or_at(house.min(bridge), 1)
                    .or_at(tube.max(-bore), 3)
                    .or_at(port, 3);
            }
            3 => {
                let k = (p.x / 0.55).round().clamp(-1.0, 1.0);
                let bench = cuboid(
                    v3(p.x - 0.55 * k, p.y - free * 0.78, p.z),
                    v3(0.10, 0.02, beam * 0.86),
                    0.0,
                );
                let m = v3(p.x, p.y, p.z.abs());
                let oar = capsule(
                    m,
                    v3(0.1, free * 1.1, 0.05),
                    v3(-0.45, free * 1.25, beam + 0.12),
                    0.022,
                );
                let blade = cuboid(
                    turn_y(m - v3(-0.52, free * 1.25, beam + 0.14), 0.6),
                    v3(0.14, 0.012, 0.05),
                    0.01,
                );
                h = h.or_at(bench.max(side + 0.03), 2).or_at(oar.min(blade), 3);
            }
            _ => {
                let pole = capsule(
                    p,
                    v3(0.1, free * 0.6, 0.0),
                    v3(0.2, free + mast * 0.72, 0.0),
                    0.03,
                );
                let yard = capsule(
                    p,
                    v3(-long * 0.8, free + mast * 0.9, 0.02),
                    v3(long * 0.75, free + 0.25, 0.02),
                    0.022,
                );
                let x = (p.x + long * 0.8) / (long * 1.55);
                let upper = free + mast * 0.9 + (0.25 - mast * 0.9) * x;
                let blow = belly * sin(PI * x.clamp(0.0, 1.0));
                let flat = ((p.y - upper) * 0.8)
                    .max(free + 0.18 - p.y + (0.5 - x) * -0.1)
                    .max(-x)
                    .max(x - 1.0);
                let lateen = slab(flat, (p.z - blow).abs() * 0.8 - 0.012, 0.008);
                h = h.or_at(pole.min(yard), 2).or_at(lateen, 1);
            }
        }
        h
    })
    .materials(&[hull, sail, deck, trim])
    .step(0.7)
    .named(title, &["ship", names[rig]])
    .seen((-52.0, 52.0), (6.0, 30.0))
}
