//! Stacks and rows of books, and the umbrella by the door.

use crate::draw::Draw;
use crate::materials::{Finish, Material, Motif, capital};
use crate::maths::*;
use crate::noise::{hash_of, unit};
use crate::scene::Model;
use crate::sdf::*;

pub fn books(draw: &Draw) -> Model {
    let number = draw.choice("number", 5) + 2;
    let upright = draw.chance("upright", 0.4);
    let paper = Material::plain(Finish::Clay, &crate::palette::TINTS[3]);
    let mut skins = vec![paper];
    let mut tints: Vec<&crate::palette::Tint> = Vec::new();
    for i in 0..number {
        let tint = draw.tint_clear_of(
            &format!("cover {i}"),
            &tints[tints.len().saturating_sub(2)..],
        );
        tints.push(tint);
        let gold = draw.tint_clear_of(&format!("gilt {i}"), &[tint]);
        let motif = *draw.pick(
            &format!("cover motif {i}"),
            &[Motif::Plain, Motif::Bands, Motif::Plain],
        );
        skins.push(Material::plain(Finish::Satin, tint).with(
            motif,
            gold,
            if upright { 1.6 } else { 0.0 },
        ));
    }
    let seed = draw.seed("books");
    let mut placed = Vec::new();
    let mut at = 0.0;
    for i in 0..number {
        let r = |k: i32| unit(hash_of(i as i32, k, 11, seed));
        let thick = 0.09 + 0.13 * r(0);
        let size = (0.44 + 0.22 * r(1), 0.64 + 0.24 * r(2));
        let skew = (r(3) - 0.5) * if upright { 0.0 } else { 0.8 };
        placed.push((at + thick, thick, size, skew));
        at += 2.0 * thick + 0.004;
    }
    let total = at;
    let tilt = if upright && draw.chance("leaning", 0.6) {
        0.24
    } else {
        0.0
    };
    let apple = !upright && draw.chance("on top", 0.4);
    let fruit = Material::drawn(
        draw,
        "on top",
        &[Finish::Glaze, Finish::Metal, Finish::Stone],
    );
    skins.push(fruit);
    let last = (skins.len() - 1) as u8;
    let counts = ["Two", "Three", "Four", "Five", "Six"];
    let title = format!(
        "{} books {}, {} and {}{}",
        counts[number - 2],
        if upright { "in a row" } else { "in a stack" },
        tints[0].name,
        tints[1].name,
        if apple { ", with a ball on top" } else { "" }
    );
    let (low, high) = if upright {
        (
            v3(-total * 0.5 - 0.1, 0.0, -0.7),
            v3(total * 0.5 + if tilt > 0.0 { 0.45 } else { 0.1 }, 1.80, 0.7),
        )
    } else {
        (
            v3(-0.95, 0.0, -0.95),
            v3(0.95, total + if apple { 0.52 } else { 0.02 }, 0.95),
        )
    };
    Model::new(low, high, move |p| {
        let mut h = FAR;
        for (i, &(middle, thick, (w, l), skew)) in placed.iter().enumerate() {
            // Local frame: x along the thickness, y along the height of the page, z from spine to edge.
            let q = if upright {
                let mut q = v3(p.x + total * 0.5 - middle, p.y - l, p.z);
                if tilt > 0.0 && i + 1 == number {
                    q = turn_z(v3(q.x - 0.20, q.y, q.z), tilt);
                }
                v3(q.x, q.y, q.z + 0.66 - w)
            } else {
                let t = turn_y(v3(p.x, p.y - middle, p.z), skew);
                v3(t.y, t.x, t.z)
            };
            let boards = cuboid(q, v3(thick, l, w), 0.012);
            let leaves = cuboid(
                q - v3(0.0, 0.0, -0.03),
                v3(thick - 0.022, l - 0.03, w - 0.0),
                0.0,
            );
            let hollow = cuboid(
                q + v3(0.0, 0.0, 0.06),
                v3(thick - 0.022, l + 0.1, w + 0.02),
                0.0,
            );
            let cover = boards.max(-hollow);
            h = h
                .or_at(cover, i as u8 + 1)
                .or_at(leaves.max(boards + 0.008), 0);
        }
        if apple {
            h = h.or_at(sphere(v3(p.x - 0.1, p.y - total - 0.24, p.z), 0.24), last);
        }
        h
    })
    .materials(&skins)
    .step(0.85)
    .named(title, &["books", if upright { "row" } else { "stack" }])
    .seen(
        if upright {
            (130.0, 230.0)
        } else {
            (0.0, 360.0)
        },
        (10.0, 36.0),
    )
}

pub fn umbrella(draw: &Draw) -> Model {
    let ribs = [6.0, 8.0, 8.0, 10.0, 12.0][draw.choice("ribs", 5)];
    let canopy = Material::drawn(draw, "canopy", &[Finish::Satin, Finish::Matte]);
    let second = Material::drawn(draw, "second", &[Finish::Satin]);
    let stick = Material::drawn(draw, "stick", &[Finish::Wood, Finish::Metal]);
    let motif = *draw.pick(
        "motif",
        &[
            Motif::Plain,
            Motif::Flutes,
            Motif::Bands,
            Motif::Dots,
            Motif::Plain,
        ],
    );
    let canopy = canopy.with(
        motif,
        second.tint,
        if motif == Motif::Flutes {
            ribs / 8.0 + 0.01
        } else {
            4.0
        },
    );
    let deep = draw.span("deep", 0.35, 0.75);
    let pose = draw.choice("pose", 3);
    let scallop = draw.span("scallop", 0.04, 0.14);
    let two_tone = draw.chance("panels", 0.5);
    let poses = ["upright", "resting on its side", "resting on its rim"];
    let noun = format!("{} umbrella {}", canopy.tint.name, poses[pose]);
    let title = capital(&if two_tone {
        format!("{noun}, with {} panels", second.tint.name)
    } else {
        noun
    });
    let umbrella = move |p: V3| {
        // Standing frame: tip up, rim at y = 0, handle below.
        let r = length2(p.x, p.z);
        let (a, b, number) = spoke(p.x, p.z, ribs);
        let sag =
            scallop * (1.0 - (b.abs() / (a.abs().max(0.05) * sin(0.5 * TAU / ribs))).min(1.0));
        let height = deep * (1.0 - r * r);
        let surface = (p.y - height + sag * r * r).abs() / (1.0 + 4.0 * deep * deep * r * r).sqrt();
        let cloth = surface.max((r - 1.0 + sag * 0.8) * 0.8) - 0.012;
        let pole = capsule(p, v3(0.0, -1.0, 0.0), v3(0.0, deep + 0.12, 0.0), 0.028);
        let hook = v3(p.x - 0.13, p.y + 1.0, p.z);
        let crook = (length2(length2(hook.x, hook.y) - 0.13, hook.z) - 0.045).max(hook.y);
        let odd = ((number * 0.5).fract().abs() > 0.25) && two_tone;
        hit(cloth, if odd { 2 } else { 0 }).or_at(pole.min(crook), 1)
    };
    let base = Model::new(
        match pose {
            0 => v3(-1.02, 0.0, -1.02),
            1 => v3(-1.25, 0.0, -1.02),
            _ => v3(-1.02, 0.0, -1.1),
        },
        match pose {
            0 => v3(1.02, 1.34 + deep, 1.02),
            1 => v3(1.25, 2.02, 1.02),
            _ => v3(1.02, deep + 0.16, 1.1),
        },
        move |p| match pose {
            0 => umbrella(v3(p.x, p.y - 1.19, p.z)),
            1 => {
                let lean = 1.12;
                let q = turn_z(v3(p.x - 0.25, p.y - 0.9, p.z), lean);
                umbrella(v3(q.x, q.y, q.z))
            }
            _ => {
                let h = umbrella(p);
                hit(h.d, h.m)
            }
        },
    );
    base.materials(&[canopy, stick, second])
        .step(0.7)
        .named(title, &["parasol"])
        .seen(
            (0.0, 360.0),
            if pose == 0 {
                (-2.0, 24.0)
            } else {
                (12.0, 40.0)
            },
        )
}
