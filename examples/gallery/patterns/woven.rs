//! Cloth off the loom and the needles: tartan, ikat and knitting.

use super::{Cloth, Colours, Plane, tags};
use crate::draw::Draw;
use crate::materials::capital;
use crate::maths::*;
use crate::noise::{chance, fbm, hash_of, unit, value};

/// Twill tartan: one sett of stripes, the same in warp and weft, the two mixed by a diagonal weave.
pub fn tartan(draw: &Draw) -> Cloth {
    let k = Colours::drawn(draw);
    let seed = draw.seed("sett");
    let plane = Plane {
        angle: [0.0, 0.0, 0.785, 0.30, -0.42][draw.choice("angle", 5)],
        scale: draw.span("scale", 0.6, 1.5),
        shift: (
            draw.span("shift x", 0.0, 2.0),
            draw.span("shift y", 0.0, 2.0),
        ),
    };
    let stripes = draw.choice("stripes", 5) + 4;
    let mut sett: Vec<(f32, usize)> = Vec::new();
    let mut total = 0.0;
    for i in 0..stripes {
        let r = |j: i32| unit(hash_of(i as i32, j, 1, seed));
        let wide = if i % 2 == 0 {
            0.14 + 0.26 * r(0)
        } else {
            0.02 + 0.07 * r(0)
        };
        let tone = if i % 2 == 0 {
            [1, 0, 4, 2][(r(1) * 3.99) as usize]
        } else {
            [3, 0, 2, 3][(r(1) * 3.99) as usize]
        };
        let tone = if i == 0 { 1 } else { tone };
        total += wide;
        sett.push((total, tone));
    }
    let dark = draw.chance("dark", 0.4);
    let c = k.c;
    let thread = move |t: f32| {
        // The sett runs forth and back, as in real tartan, so that it is symmetrical about its pivots.
        let u = fract(t / (2.0 * total)) * 2.0;
        let u = if u > 1.0 { 2.0 - u } else { u } * total;
        let tone = sett.iter().find(|s| u <= s.0).map_or(1, |s| s.1);
        let tone = if dark && tone == 0 { 4 } else { tone };
        c[tone]
    };
    let fine = 46.0;
    Cloth {
        colour: Box::new(move |x, y| {
            let (u, v) = plane.at(x, y);
            let twill = fract((u + v) * fine / plane.scale * 0.5);
            let over = smoothstep(0.40, 0.60, (twill - 0.5).abs() * 2.0);
            let wool = 0.9 + 0.2 * value(v3(x * 60.0, y * 60.0, 0.0), seed);
            thread(u).mix(thread(v), 0.2 + 0.6 * over) * wool
        }),
        title: format!("Tartan of {stripes} stripes in {}", k.name),
        tags: tags(&["textile", "tartan", "check", k.name]),
    }
}

/// Ikat: lozenges, zigzags or medallions whose edges bleed along the warp.
pub fn ikat(draw: &Draw) -> Cloth {
    let k = Colours::drawn(draw);
    let seed = draw.seed("dye");
    let form = draw.choice("form", 6);
    let names = [
        "lozenges",
        "zigzags",
        "medallions",
        "stripes",
        "hooks",
        "almonds",
    ];
    let across = draw.span("across", 1.2, 2.9);
    let along = draw.span("along", 0.8, 1.7);
    let bleed = draw.span("bleed", 0.10, 0.24);
    let shift = draw.span("shift", 0.0, 1.0);
    let upright = draw.chance("upright", 0.6);
    let rings = draw.span("rings", 1.6, 3.2);
    let c = k.c;
    let ground = draw.choice("ground", 3);
    let order: [usize; 4] = [[0, 1, 3, 2], [4, 2, 0, 1], [1, 0, 3, 4]][ground];
    Cloth {
        colour: Box::new(move |x, y| {
            let (x, y) = if upright { (x, y) } else { (y, x) };
            let thread = (x * 64.0).floor();
            let jag = (chance(thread as i32, 7, seed) - 0.5) * bleed
                + (value(v3(x * 9.0, y * 2.0, 0.0), seed) - 0.5) * bleed * 0.8;
            let (u, v) = (x * across + shift, (y + jag * 0.7) * along + shift * 0.7);
            let column = u.floor();
            let half = column - 2.0 * (column * 0.5).floor();
            let (a, b) = (fract(u) - 0.5, fract(v + 0.5 * half) - 0.5);
            let field = match form {
                0 => (a.abs() + b.abs()) * 1.5,
                1 => fract(v + a.abs() * 1.2 + 0.5 * half) * 1.4,
                2 => length2(a * 1.1, b) * 1.9 + 0.12 * cos(atan2(b, a) * 6.0),
                3 => (a.abs() * 2.0 + 0.35 * sin(v * TAU)).abs(),
                4 => ((a + 0.25 * sin(b * TAU)).abs() + b.abs() * 0.5) * 1.7,
                _ => (a.abs() * (1.3 + 1.5 * (b + 0.4).max(0.0)) + b.abs() * 0.9) * 1.4,
            };
            let band = (field * rings).floor().max(0.0) as usize % 4;
            let tone = c[order[band]];
            let yarn = 0.86
                + 0.14 * cos(fract(x * 64.0) * TAU)
                + 0.10 * (chance(thread as i32, (y * 14.0).floor() as i32, seed) - 0.5);
            tone * yarn
        }),
        title: format!("Ikat with {} in {}", names[form], k.name),
        tags: tags(&["textile", "ikat", names[form], k.name]),
    }
}

/// Stocking stitch with a colour motif: every stitch is a V of two slanted loops.
pub fn knitting(draw: &Draw) -> Cloth {
    let k = Colours::drawn(draw);
    let seed = draw.seed("yarn");
    let form = draw.choice("form", 7);
    let names = [
        "stripes",
        "diamonds",
        "snowflakes",
        "zigzags",
        "hearts",
        "checks",
        "cables",
    ];
    let gauge = draw.span("gauge", 6.5, 11.5);
    let repeat = [8.0, 10.0, 12.0][draw.choice("repeat", 3)];
    let shift = draw.choice("shift", 12) as f32;
    let c = k.c;
    let tilt = draw.span("tilt", -0.12, 0.12);
    let swap = draw.chance("swap", 0.5);
    let tone = move |col: f32, row: f32| -> usize {
        let m = |a: f32| a - repeat * (a / repeat).floor() - repeat * 0.5;
        let (a, b) = (m(col + shift), m(row + shift));
        let cell = ((row + shift) / repeat).floor();
        let other = (cell - 3.0 * (cell / 3.0).floor()) as usize;
        let on = match form {
            0 => return [0, 1, 2, 3, 1, 0, 4][(row.abs() / 2.0) as usize % 7],
            1 => a.abs() + b.abs() < repeat * 0.40 && a.abs() + b.abs() > repeat * 0.16,
            2 => {
                let (p, q) = (a.abs(), b.abs());
                let arm = (p < 0.7 || q < 0.7 || (p - q).abs() < 0.7)
                    && p.max(q) < repeat * 0.34
                    && p + q < repeat * 0.5;
                let bud = (p.max(q) - repeat * 0.26).abs() < 0.6 && p.min(q) < 1.5;
                arm || bud
            }
            3 => (b + (a.abs() - repeat * 0.25) * 1.0).abs() < 1.6,
            4 => {
                let (p, q) = (a / (repeat * 0.36), b / (repeat * 0.36));
                let w = p * p + q * q - 0.55;
                w * w * w - p * p * q * q * q * 1.4 < 0.0
            }
            5 => (a < 0.0) ^ (b < 0.0),
            _ => (a.abs() - repeat * (0.16 + 0.10 * sin(row * 0.7))).abs() < 1.0,
        };
        if on { [1, 3, 4][other] } else { 0 }
    };
    Cloth {
        colour: Box::new(move |x, y| {
            let (x, y) = turn(x, y, tilt);
            let (u, v) = (x * gauge, y * gauge * 1.25);
            let col = u.floor();
            let a = fract(u) - 0.5;
            // Each half of the stitch slants the other way; the row is taken along the slant.
            let slanted = v - a.abs() * 1.15;
            let row = slanted.floor();
            let b = fract(slanted) - 0.5;
            let i = tone(col, row);
            let i = if swap { [4, 3, 2, 0, 1][i] } else { i };
            let round = (1.0 - (a.abs() - 0.25).abs() * 3.4).clamp(0.0, 1.0)
                * (1.0 - b.abs() * 1.5).clamp(0.0, 1.0);
            let light = 0.42 + 0.72 * round.sqrt() + 0.10 * if a > 0.0 { -0.5 } else { 0.5 };
            let ply = 0.93 + 0.14 * cos((b + a.abs() * 2.0) * TAU * 1.5);
            let fuzz = 0.92 + 0.16 * fbm(v3(x * 34.0, y * 34.0, 0.0), 2, seed);
            c[i] * (light * ply * fuzz)
        }),
        title: capital(&format!("knitting with {} in {}", names[form], k.name)),
        tags: tags(&["textile", "wool", names[form], k.name]),
    }
}
