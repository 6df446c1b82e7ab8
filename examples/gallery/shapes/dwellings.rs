//! Toy houses under five kinds of roof.

use crate::draw::Draw;
use crate::materials::{Finish, Material, capital};
use crate::maths::*;
use crate::scene::Model;
use crate::sdf::*;

pub fn house(draw: &Draw) -> Model {
    let roof_form = draw.choice("roof", 5);
    let wall = Material::drawn(
        draw,
        "wall",
        &[
            Finish::Matte,
            Finish::Clay,
            Finish::Wood,
            Finish::Matte,
            Finish::Stone,
        ],
    );
    let roof = Material::plain(Finish::Clay, draw.tint_clear_of("roof tint", &[wall.tint]));
    let pane = Material::plain(
        Finish::Metal,
        &crate::palette::METALS[draw.choice("pane", 4)],
    );
    let door = Material::plain(
        Finish::Satin,
        draw.tint_clear_of("door tint", &[wall.tint, roof.tint]),
    );
    let w = draw.span("wide", 0.6, 1.05);
    let l = draw.span("deep", 0.5, 0.85);
    let h = draw.span("high", 0.5, 1.2);
    let pitch = draw.span("pitch", 0.45, 1.0);
    let annexe = draw.chance("annexe", 0.4);
    let columns = draw.choice("columns", 3) as f32 + 1.0;
    let floors = if h > 0.85 { 2.0 } else { 1.0 };
    let chimney = draw.chance("chimney", 0.6);
    let names = [
        "gabled",
        "hipped-roof",
        "flat-roofed",
        "lean-to",
        "steep-gabled",
    ];
    let pitch = if roof_form == 4 { pitch + 0.6 } else { pitch };
    let title = capital(&format!(
        "{} {} house with a {} roof",
        names[roof_form], wall.tint.name, roof.tint.name
    ));
    let rise = match roof_form {
        2 => 0.14,
        3 => w * 2.0 * pitch * 0.4 + 0.1,
        _ => l * pitch + 0.14,
    };
    let side = if annexe { 0.62 } else { 0.0 };
    let eave = 0.12;
    let shape = move |p: V3, w: f32, l: f32, h: f32, doors: bool| {
        let body = cuboid(v3(p.x, p.y - h * 0.5, p.z), v3(w, h * 0.5, l), 0.0);
        let y = p.y - h;
        let slope = 1.0 / (1.0 + pitch * pitch).sqrt();
        let (top, gable) = match roof_form {
            0 | 4 => {
                let plane = (y - (l - p.z.abs()) * pitch) * slope;
                let cover = (plane - 0.05).abs() - 0.045;
                (
                    cover.max(p.x.abs() - w - eave).max(p.z.abs() - l - eave),
                    plane.max(p.x.abs() - w).max(-y - 0.01).max(p.z.abs() - l),
                )
            }
            1 => {
                let in_z = (l - p.z.abs()) * pitch;
                let in_x = (w - p.x.abs()) * pitch;
                let plane = (y - in_z.min(in_x)) * slope;
                let cover = (plane - 0.05).abs() - 0.045;
                (
                    cover.max(p.x.abs() - w - eave).max(p.z.abs() - l - eave),
                    f32::MAX,
                )
            }
            2 => (
                cuboid(v3(p.x, y - 0.06, p.z), v3(w + eave, 0.06, l + eave), 0.01),
                f32::MAX,
            ),
            _ => {
                let k = pitch * 0.4;
                let plane = (y - (w - p.x) * k) / (1.0 + k * k).sqrt();
                let cover = (plane - 0.05).abs() - 0.045;
                (
                    cover.max(p.x.abs() - w - eave).max(p.z.abs() - l - eave),
                    plane.max(p.x.abs() - w).max(-y - 0.01).max(p.z.abs() - l),
                )
            }
        };
        let mut walls = body.min(gable);
        // Windows in a row on each floor, set into all four walls; the side with the door has one at each end.
        let on_side = (p.x.abs() - w) > (p.z.abs() - l);
        let (along, out, half, columns) = if on_side && !doors {
            (p.z, p.x.abs() - w, l, 1.0)
        } else if on_side {
            (p.z.abs() - l * 0.55, p.x.abs() - w, l * 0.45, 1.0)
        } else {
            (p.x, p.z.abs() - l, w, columns)
        };
        let pitch_x = 2.0 * half / (columns + 1.0);
        let k = (along / pitch_x - 0.5 * (columns + 1.0)).round() + 0.5 * (columns + 1.0);
        let k = k.clamp(-(columns - 1.0) * 0.5, (columns - 1.0) * 0.5);
        let level = if floors > 1.0 {
            if p.y > h * 0.52 { h * 0.75 } else { h * 0.32 }
        } else {
            h * 0.55
        };
        let size = (pitch_x * 0.29).min(0.17);
        let (u, v) = (along - k * pitch_x, p.y - level);
        let tall = size * 1.25;
        let opening = box2(u, v, size, tall);
        let front = out;
        let hole = slab(opening, front.abs() - 0.05, 0.0);
        walls = walls.max(-hole);
        let glass = slab(opening, (front + 0.04).abs() - 0.01, 0.0);
        let bars = slab(
            u.abs().min(v.abs()) - 0.012,
            (front + 0.02).abs() - 0.015,
            0.0,
        )
        .max(opening);
        let sill = cuboid(
            v3(u, v + tall + 0.02, front - 0.02),
            v3(size + 0.03, 0.02, 0.04),
            0.0,
        );
        let mut hit_all = hit(walls, 0)
            .or_at(top, 1)
            .or_at(glass, 2)
            .or_at(bars.min(sill), 0);
        if doors {
            let d = cuboid(v3(p.x - w, p.y - 0.22, p.z), v3(0.03, 0.22, 0.13), 0.01);
            let knob = sphere(v3(p.x - w - 0.04, p.y - 0.22, p.z - 0.09), 0.02);
            let frame = cuboid(v3(p.x - w, p.y - 0.23, p.z), v3(0.02, 0.25, 0.16), 0.0);
            hit_all = hit_all.or_at(d, 3).or_at(knob, 2).or_at(frame, 0);
        }
        hit_all
    };
    let stack = h + rise * 0.95 + 0.16;
    let high = if chimney && roof_form != 2 {
        stack + 0.03
    } else {
        h + rise + 0.05
    };
    Model::new(
        v3(-w - side - eave - 0.02, 0.0, -l - eave - 0.05),
        v3(w + eave + 0.02, high, l + eave + 0.05),
        move |p| {
            let mut out = shape(p, w, l, h, true);
            if annexe {
                out = out.or(shape(
                    v3(p.x + w + 0.24, p.y, p.z - l * 0.1),
                    0.36,
                    l * 0.62,
                    h * 0.55,
                    false,
                ));
            }
            if chimney && roof_form != 2 {
                let c = cuboid(
                    v3(p.x + w * 0.5, p.y - stack * 0.5 - 0.2, p.z - l * 0.35),
                    v3(0.09, stack * 0.5 - 0.2, 0.09),
                    0.01,
                );
                let pot = cuboid(
                    v3(p.x + w * 0.5, p.y - stack + 0.02, p.z - l * 0.35),
                    v3(0.12, 0.03, 0.12),
                    0.01,
                );
                out = out.or_at(c.min(pot), 1);
            }
            out
        },
    )
    .materials(&[wall, roof, pane, door])
    .step(0.85)
    .named(title, &["building", names[roof_form]])
    .seen((14.0, 78.0), (10.0, 34.0))
}
