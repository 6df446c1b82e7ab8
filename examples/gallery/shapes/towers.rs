//! Lighthouses, castle towers, pagodas, bell towers and water towers.

use crate::draw::Draw;
use crate::materials::{Finish, Material, Motif, capital};
use crate::maths::*;
use crate::scene::Model;
use crate::sdf::*;

pub fn tower(draw: &Draw) -> Model {
    let form = draw.choice("form", 5);
    let names = [
        "lighthouse",
        "castle tower",
        "pagoda",
        "bell tower",
        "water tower",
    ];
    let motifs = [
        Motif::Bands,
        Motif::Plain,
        Motif::Swirl,
        Motif::Bands,
        Motif::Checks,
    ];
    let skin = Material::decorated(
        draw,
        "skin",
        &[Finish::Matte, Finish::Clay, Finish::Stone, Finish::Matte],
        &motifs,
        (1.1, 2.2),
    );
    let roof = Material::plain(Finish::Satin, draw.tint_clear_of("roof", &[skin.tint]));
    let glass = Material::plain(
        Finish::Metal,
        &crate::palette::METALS[draw.choice("glass", 3)],
    );
    let tall = draw.span("tall", 1.7, 2.6);
    let wide = draw.span("wide", 0.36, 0.52);
    let tiers = draw.choice("tiers", 3) as i32 + 3;
    let sides = [4.0, 6.0, 8.0][draw.choice("sides", 3)];
    let spire = draw.span("spire", 0.35, 0.8);
    let turned = draw.span("turned", 0.0, TAU);
    let title = capital(&format!(
        "{} with a {} top",
        skin.phrase(names[form]),
        roof.tint.name
    ));
    let reach = match form {
        0 => wide * 1.25,
        1 => wide * 1.3,
        2 => wide * 2.0,
        3 => wide * 1.35,
        _ => wide * 1.9,
    } + 0.05;
    let high = match form {
        0 => tall + 0.62,
        1 => tall + 0.24 + spire * 0.9,
        2 => tall + 0.5,
        3 => tall + spire + 0.2,
        _ => tall + spire * 0.9,
    };
    Model::new(v3(-reach, 0.0, -reach), v3(reach, high, reach), move |p| {
        let q = turn_y(p, turned);
        match form {
            0 => {
                let body = frustum(q, wide, wide * 0.58, tall, 0.02);
                let y = q.y - tall;
                let deck = cylinder(v3(q.x, y, q.z), wide * 0.92, 0.04, 0.01);
                let (a, b, _) = spoke(q.x, q.z, 12.0);
                let rail = length2(length2(q.x, q.z) - wide * 0.86, y - 0.15) - 0.014;
                let post = capsule(
                    v3(a, y, b),
                    v3(wide * 0.86, 0.0, 0.0),
                    v3(wide * 0.86, 0.15, 0.0),
                    0.012,
                );
                let room = cylinder(v3(q.x, y - 0.17, q.z), wide * 0.46, 0.15, 0.01);
                let cap = frustum(v3(q.x, y - 0.31, q.z), wide * 0.60, 0.02, 0.24, 0.01);
                let ball = sphere(v3(q.x, y - 0.56, q.z), 0.045);
                let door = cuboid(
                    v3(q.x, q.y - 0.2, q.z - wide * 0.94),
                    v3(0.10, 0.2, 0.05),
                    0.02,
                );
                let k = ((q.y - tall * 0.5) / 0.5).round().clamp(-1.0, 1.0);
                let at = tall * 0.5 + 0.5 * k;
                let radius = mix(wide, wide * 0.58, at / tall);
                let window = cuboid(
                    v3(q.x, q.y - at, q.z - radius + 0.02),
                    v3(0.05, 0.08, 0.045),
                    0.01,
                );
                hit(body, 0)
                    .or_at(deck.min(rail).min(post).min(cap).min(ball).min(door), 1)
                    .or_at(room.min(window), 2)
            }
            1 => {
                let y = q.y - tall;
                let r = length2(q.x, q.z);
                let body = cylinder(v3(q.x, q.y - tall * 0.5, q.z), wide, tall * 0.5, 0.01);
                let crown = slab(
                    (r - wide * 1.1).abs() - wide * 0.14,
                    (y - 0.06).abs() - 0.18,
                    0.01,
                );
                let (_, b, _) = spoke(q.x, q.z, 10.0);
                let notch = (b.abs() - 0.075).max(0.08 - y);
                let crown = crown.max(-notch);
                let cone = frustum(
                    v3(q.x, y - 0.05, q.z),
                    wide * 0.92,
                    0.01,
                    spire + 0.15,
                    0.01,
                );
                let (a, b, _) = spoke(q.x, q.z, 5.0);
                let row = ((q.y - tall * 0.35) / 0.55).round().clamp(0.0, 2.0);
                let slit = cuboid(
                    v3(a - wide, q.y - tall * 0.35 - 0.55 * row, b),
                    v3(0.06, 0.12, 0.035),
                    0.0,
                );
                let door = cuboid(v3(q.x, q.y - 0.2, q.z - wide), v3(0.13, 0.22, 0.04), 0.03);
                hit(body.max(-slit).min(crown), 0).or_at(cone.min(door), 1)
            }
            2 => {
                let step = tall / tiers as f32;
                let mut h = FAR;
                for i in 0..tiers {
                    let t = 1.0 - 0.14 * i as f32;
                    let y = q.y - step * i as f32;
                    let body = prism(
                        v3(q.x, y - step * 0.5, q.z),
                        sides,
                        wide * t,
                        step * 0.5,
                        0.01,
                    );
                    let (a, _, _) = spoke(q.x, q.z, sides);
                    // Eaves that sweep up at the rim.
                    let out = wide * t * 1.75;
                    let line = step * 0.98 - (a - wide * t) * 0.55
                        + 0.5 * (a - wide * t) * (a - wide * t) / wide;
                    let eave = ((y - line).abs() - 0.04)
                        .max(a - out)
                        .max(wide * t * 0.5 - a)
                        * 0.75;
                    h = h.or_at(body, 0).or_at(eave, 1);
                }
                let y = q.y - tall;
                let tip = tapered(
                    v3(q.x, y, q.z),
                    v3(0.0, 0.0, 0.0),
                    v3(0.0, 0.48, 0.0),
                    0.06,
                    0.012,
                );
                let cap = frustum(v3(q.x, y + 0.04, q.z), wide * 0.6, 0.04, 0.2, 0.0);
                h.or_at(tip, 2).or_at(cap, 1)
            }
            3 => {
                let body = cuboid(
                    v3(q.x, q.y - tall * 0.5, q.z),
                    v3(wide, tall * 0.5, wide),
                    0.01,
                );
                let arch = |x: f32, z: f32| {
                    let y = q.y - tall * 0.80;
                    let flat = (length2(x, (y - 0.04).max(0.0)) - wide * 0.5).max(-0.26 - y);
                    flat.max(z.abs() - wide * 1.2)
                };
                let open = arch(q.x, q.z).min(arch(q.z, q.x));
                let body = body.max(-open);
                let ledge = |y: f32| {
                    cuboid(
                        v3(q.x, q.y - y, q.z),
                        v3(wide * 1.12, 0.04, wide * 1.12),
                        0.01,
                    )
                };
                let square = q.x.abs().max(q.z.abs());
                let k = wide * 1.2 / spire;
                let roof = ((square - (tall + 0.04 + spire - q.y) * k) / (1.0 + k * k).sqrt())
                    .max(tall + 0.02 - q.y);
                let bell = frustum(
                    v3(q.x, q.y - tall * 0.74, q.z),
                    wide * 0.34,
                    wide * 0.16,
                    0.24,
                    0.02,
                );
                let ball = sphere(v3(q.x, q.y - tall - spire - 0.06, q.z), 0.05);
                hit(body.min(ledge(tall * 0.6)).min(ledge(tall)), 0)
                    .or_at(roof, 1)
                    .or_at(bell.min(ball), 2)
            }
            _ => {
                let m = v3(q.x.abs(), q.y, q.z.abs());
                let foot = tapered(
                    m,
                    v3(wide * 1.05, 0.0, wide * 1.05),
                    v3(wide * 0.62, tall * 0.62, wide * 0.62),
                    0.05,
                    0.05,
                );
                let level = |y: f32| {
                    let s = mix(wide * 1.05, wide * 0.62, y / (tall * 0.62));
                    let side = m.x.max(m.z) - s;
                    length2(side, q.y - y) - 0.03
                };
                let tank = cylinder(
                    v3(q.x, q.y - tall * 0.80, q.z),
                    wide * 1.35,
                    tall * 0.19,
                    0.03,
                );
                let hoop = |y: f32| length2(length2(q.x, q.z) - wide * 1.36, q.y - y) - 0.025;
                let cone = frustum(
                    v3(q.x, q.y - tall * 0.985, q.z),
                    wide * 1.5,
                    0.02,
                    spire * 0.85,
                    0.01,
                );
                let pipe = cylinder(v3(q.x, q.y - tall * 0.3, q.z), 0.06, tall * 0.3, 0.0);
                hit(tank, 0)
                    .or_at(cone, 1)
                    .or_at(
                        foot.min(level(tall * 0.25))
                            .min(level(tall * 0.45))
                            .min(pipe),
                        2,
                    )
                    .or_at(hoop(tall * 0.7).min(hoop(tall * 0.9)), 2)
            }
        }
    })
    .materials(&[skin, roof, glass])
    .step(0.75)
    .named(title, &["building", names[form]])
    .seen((0.0, 360.0), (2.0, 22.0))
}
