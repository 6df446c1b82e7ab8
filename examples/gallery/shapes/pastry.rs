//! Doughnuts, iced and sprinkled.

use crate::draw::Draw;
use crate::materials::{Finish, Material};
use crate::maths::*;
use crate::noise::{hash_of, unit};
use crate::scene::Model;
use crate::sdf::*;

pub fn doughnut(draw: &Draw) -> Model {
    let dough = Material::plain(
        Finish::Clay,
        &crate::palette::WOODS[[1, 2, 0][draw.choice("dough", 3)]],
    );
    let icing = Material::drawn(draw, "icing", &[Finish::Glaze, Finish::Satin]);
    let sprinkles = [
        Material::plain(
            Finish::Satin,
            draw.tint_clear_of("sprinkle a", &[icing.tint]),
        ),
        Material::plain(
            Finish::Satin,
            draw.tint_clear_of("sprinkle b", &[icing.tint]),
        ),
    ];
    let topping = draw.choice("topping", 4);
    let number = draw.choice("number", 3) + 1;
    let tube = draw.span("tube", 0.30, 0.42);
    let seed = draw.seed("sprinkles");
    let drips = draw.choice("drips", 6) as f32 + 5.0;
    let ring = 0.72;
    let one = move |p: V3, phase: f32| {
        let around = atan2(p.z, p.x) + phase;
        let r = length2(p.x, p.z);
        let base = length2(r - ring, p.y * 1.12) - tube;
        let edge = 0.06 * sin(around * drips) + 0.03 * sin(around * 3.0 + phase) - 0.02;
        let coat = chamfer(base - 0.035, edge - p.y, 0.05);
        let mut h = hit(base, 0).or_at(coat, 1);
        if base < 0.25 {
            let along = atan2(p.y, r - ring);
            match topping {
                0 => {
                    // Sprinkles: short rods, one a cell of the ring's own grid, turned at random.
                    let (u, v) = (around / TAU * 22.0, along / TAU * 11.0);
                    let (iu, iv) = (u.floor(), v.floor());
                    let k = hash_of(iu as i32 + 44, iv as i32, 5, seed);
                    let (cu, cv) = (
                        (u - iu - 0.5) * TAU * ring / 22.0,
                        (v - iv - 0.5) * TAU * tube / 11.0,
                    );
                    let (cu, cv) = turn(cu, cv, unit(k) * TAU);
                    let rod =
                        length2(length2((cu.abs() - 0.05).max(0.0), cv), base - 0.045) - 0.022;
                    if p.y > 0.08 && unit(k.rotate_left(9)) < 0.7 {
                        h = h.or_at(rod * 0.7, 2 + (k >> 5 & 1) as u8);
                    }
                }
                1 => {
                    let line = (r - ring - 0.16 * sin(around * drips * 2.0)).abs() * 0.5;
                    let thread = length2(line, base - 0.04) - 0.028;
                    if p.y > 0.1 {
                        h = h.or_at(thread * 0.7, 2);
                    }
                }
                _ => {}
            }
        }
        h
    };
    let half = tube / 1.12 + 0.02;
    let out = ring + tube + 0.06;
    let leaning = number == 2 && draw.chance("leaning", 0.5);
    let toppings = [" with sprinkles", " with a piped thread", "", ""];
    let noun = ["Doughnut", "Two doughnuts", "Stack of three doughnuts"][number - 1];
    let title = format!("{noun} in {} icing{}", icing.tint.name, toppings[topping]);
    let (low, high) = match (number, leaning) {
        (1, _) => (v3(-out, 0.0, -out), v3(out, 2.0 * half + 0.04, out)),
        (2, true) => (v3(-out, 0.0, -out), v3(out + 0.75, 1.9, out)),
        (2, false) => (v3(-out, 0.0, -out), v3(out, 4.0 * half + 0.04, out)),
        _ => (v3(-out, 0.0, -out), v3(out, 6.0 * half, out)),
    };
    Model::new(low, high, move |p| {
        let q = v3(p.x, p.y - half, p.z);
        let mut h = one(q, 0.0);
        if leaning {
            let s = turn_z(v3(p.x - 1.05, p.y - 0.92, p.z), -1.12);
            h = h.or(one(v3(s.x, s.y, s.z), 2.0));
        } else {
            for i in 1..number {
                let y = half * 1.92 * i as f32;
                h = h.or(one(
                    v3(q.x - 0.05 * i as f32, q.y - y, q.z + 0.03),
                    2.0 * i as f32,
                ));
            }
        }
        h
    })
    .materials(&[dough, icing, sprinkles[0], sprinkles[1]])
    .step(0.7)
    .named(title, &["pastry"])
    .seen((0.0, 360.0), (22.0, 56.0))
}
