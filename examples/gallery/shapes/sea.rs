//! From the water: fish and spiral shells.

use crate::cord::Cord;
use crate::draw::Draw;
use crate::materials::{Finish, Material, Motif, capital};
use crate::maths::*;
use crate::scene::Model;
use crate::sdf::*;

pub fn fish(draw: &Draw) -> Model {
    let form = draw.choice("form", 5);
    let names = ["round", "slim", "deep-bodied", "arrow-shaped", "big-headed"];
    let outline = [
        [0.10, 0.34, 0.50, 0.52, 0.42, 0.24, 0.10],
        [0.06, 0.17, 0.24, 0.26, 0.22, 0.14, 0.07],
        [0.10, 0.40, 0.66, 0.74, 0.58, 0.28, 0.09],
        [0.02, 0.12, 0.22, 0.30, 0.34, 0.26, 0.08],
        [0.26, 0.50, 0.52, 0.42, 0.28, 0.16, 0.08],
    ][form];
    let motifs = [
        Motif::Bands,
        Motif::Speckle,
        Motif::Plain,
        Motif::Flutes,
        Motif::Dots,
        Motif::Swirl,
        Motif::Zigzag,
    ];
    let skin = Material::decorated(
        draw,
        "skin",
        &[
            Finish::Glaze,
            Finish::Satin,
            Finish::Metal,
            Finish::Glaze,
            Finish::Wood,
        ],
        &motifs,
        (3.0, 6.0),
    );
    let fins = Material::drawn(draw, "fins", &[Finish::Satin, Finish::Glaze, Finish::Metal]);
    let eye = Material::plain(Finish::Glaze, &crate::palette::TINTS[8]);
    let white = Material::plain(Finish::Glaze, &crate::palette::TINTS[16]);
    let profile = Profile::new(-1.0, 0.9, &outline);
    let tail = draw.choice("tail", 3);
    let flat = draw.span("flat", 0.38, 0.62);
    let lift = draw.span("lift", 0.75, 1.15) + if form == 2 { 0.25 } else { 0.0 };
    let bend = draw.span("bend", -0.35, 0.35);
    let crest = draw.span("crest", 0.12, 0.34);
    let high = profile.widest() + crest;
    let title = capital(&format!(
        "{}, {} fins, on a stand",
        skin.phrase(&format!("{} fish", names[form])),
        fins.tint.name
    ));
    Model::new(
        v3(-1.08, 0.0, -0.52),
        v3(1.62, lift + high + 0.06, 0.52),
        move |p| {
            let stand = cylinder(v3(p.x + 0.05, p.y - 0.04, p.z), 0.36, 0.04, 0.02).min(capsule(
                p,
                v3(-0.05, 0.05, 0.0),
                v3(-0.05, lift, 0.0),
                0.032,
            ));
            // The body turned about x, pressed flat along z and bent sideways towards the tail.
            let sway = bend * (p.x + 0.3).max(0.0) * (p.x + 0.3).max(0.0) * 0.5;
            let q = v3(p.x, p.y - lift, p.z - sway);
            let r = length2(q.y, q.z / flat);
            let body = profile.solid(r, q.x) * flat.max(0.5);
            let x = q.x - 0.82;
            let spread = match tail {
                0 => q.y.abs() - 0.08 - x * 0.72,
                1 => (q.y.abs() - 0.10 - x * 0.95)
                    .max(0.22 + x * 0.2 - q.y.abs() - 0.22 * (1.0 - x * 2.2).max(0.0)),
                _ => length2(q.x - 1.14, q.y) - 0.36,
            };
            let blade = spread
                .max(x - 0.62 + q.y.abs() * if tail == 1 { -0.3 } else { 0.25 })
                .max(-x);
            let tail_fin = slab(blade * 0.7, q.z.abs() - 0.03, 0.02);
            let (top, _) = profile.at(q.x.clamp(-0.55, 0.75));
            let rise = crest * smoothstep(-0.62, -0.2, q.x) * smoothstep(0.78, 0.35, q.x);
            let comb = 0.018 * sin(q.x * 34.0);
            let back_fin = slab(
                (q.y - top - rise - comb).max(-q.y) * 0.6,
                q.z.abs() - 0.022,
                0.015,
            );
            let belly = slab(
                (-q.y - top - rise * 0.5).max(q.y).max(0.05 - q.x) * 0.6,
                q.z.abs() - 0.022,
                0.015,
            );
            let side = v3(q.x + 0.12, q.y + 0.08, q.z.abs() - flat * top * 0.86);
            let wing = ellipsoid(
                turn_y(turn_z(side, 0.5), -0.5) - v3(0.16, 0.0, 0.0),
                v3(0.24, 0.11, 0.03),
            );
            let at = -0.66;
            let (girth, _) = profile.at(at);
            let e = v3(
                q.x - at,
                q.y - girth * 0.28,
                q.z.abs() - girth * flat * 0.86,
            );
            let size = 0.06 + girth * 0.07;
            hit(body, 0)
                .or_at(tail_fin.min(back_fin).min(belly).min(wing), 1)
                .or_at(sphere(e, size), 3)
                .or_at(sphere(e - v3(-0.02, 0.0, size * 0.62), size * 0.62), 2)
                .or_at(stand, 1)
        },
    )
    .materials(&[skin, fins, eye, white])
    .step(0.65)
    .named(title, &["animal"])
    .seen((-48.0, 48.0), (4.0, 24.0))
}

/// A tube that winds around an axis while it grows: sea snails of all builds from flat to tower-like.
pub fn shell(draw: &Draw) -> Model {
    let builds: [(&str, f32, f32, f32, f32); 5] = [
        // Name, growth a turn, climb against radius, tube against radius, turns.
        ("flat spiral", 1.75, 0.0, 0.36, 4.0),
        ("top", 1.55, 1.0, 0.42, 4.5),
        ("tower", 1.38, 2.4, 0.46, 6.5),
        ("moon snail", 2.3, 0.55, 0.52, 3.2),
        ("horn", 2.0, 0.25, 0.22, 3.0),
    ];
    let &(name, growth, climb, tube, turns) = draw.pick("build", &builds);
    let growth = growth * draw.span("growth", 0.95, 1.08);
    let tube = tube * draw.span("tube", 0.9, 1.1);
    let climb = climb * draw.span("climb", 0.85, 1.15);
    let motifs = [
        Motif::Plain,
        Motif::Speckle,
        Motif::Swirl,
        Motif::Bands,
        Motif::Flutes,
    ];
    let skin = Material::decorated(
        draw,
        "skin",
        &[
            Finish::Glaze,
            Finish::Satin,
            Finish::Stone,
            Finish::Glaze,
            Finish::Metal,
        ],
        &motifs,
        (2.5, 5.0),
    );
    let ridges = draw.choice("ridges", 4) as f32 * 5.0;
    let flat = climb == 0.0;
    let standing = flat && draw.chance("standing", 0.6);
    let rate = log2(growth) / TAU;
    let outer = 0.72;
    let high = if flat { 0.0 } else { outer * climb };
    let t = outer * tube;
    let title = shell_title(name, &skin, standing);
    let points: Vec<(V3, f32)> = {
        let pieces = (turns * 26.0) as i32;
        (0..=pieces)
            .map(|i| {
                let a = -(turns * TAU) * i as f32 / pieces as f32;
                let r = outer * exp2(rate * a);
                let bump = 1.0
                    + if ridges > 0.0 {
                        0.035 * cos(a * ridges * 0.5)
                    } else {
                        0.0
                    };
                (
                    v3(r * cos(a), high - r * climb, r * sin(a)),
                    r * tube * bump,
                )
            })
            .collect()
    };
    let mouth = points[0];
    let cord = Cord::new(points);
    let wide = outer + t + 0.04;
    let lift = if standing { wide } else { t + 0.01 };
    let tall = if standing {
        wide * 2.0
    } else {
        high + 2.0 * t + 0.02
    };
    let (low, top) = if standing {
        (v3(-wide, 0.0, -t - 0.05), v3(wide, tall, t + 0.05))
    } else {
        (v3(-wide, 0.0, -wide), v3(wide, tall, wide))
    };
    let turned = draw.span("turned", 0.0, TAU);
    let apex = high;
    Model::new(low, top, move |p| {
        let mut q = v3(p.x, p.y - lift, p.z);
        if standing {
            q = turn_z(turn_x(q, -TAU / 4.0), 0.0);
            q = turn_y(q, turned * 0.15 + 1.0);
        } else {
            q = turn_y(q, turned);
        }
        let mut d = cord.distance(q);
        if !flat {
            // The column inside, so that no light falls through the navel.
            let cone = length2(q.x, q.z) - (apex - q.y).max(0.0) / climb.max(0.3) * 0.72;
            d = d.min((cone * 0.6).max(-q.y).max(q.y - apex));
        }
        let m = q - mouth.0;
        let bore = ellipsoid(
            v3(m.x, m.y, m.z - mouth.1 * 0.45),
            v3(mouth.1 * 0.8, mouth.1 * 0.8, mouth.1 * 1.3),
        );
        hit(chamfer(d, -bore, 0.03), 0)
    })
    .materials(&[skin])
    .step(0.8)
    .named(title, &["seashell", name])
    .seen(
        if standing {
            (-40.0, 40.0)
        } else {
            (0.0, 360.0)
        },
        if standing {
            (4.0, 22.0)
        } else if flat {
            (26.0, 58.0)
        } else {
            (8.0, 36.0)
        },
    )
}

fn shell_title(name: &str, skin: &Material, standing: bool) -> String {
    let noun = format!("{name} shell");
    let end = if standing { " on its edge" } else { "" };
    capital(&format!("{}{end}", skin.phrase(&noun)))
}
