//! Pure forms: patterned spheres and torus knots.

use crate::cord::Cord;
use crate::draw::Draw;
use crate::materials::{Finish, Material, Motif, capital};
use crate::maths::*;
use crate::scene::Model;
use crate::sdf::*;

/// One to four balls of different size and material.
pub fn spheres(draw: &Draw) -> Model {
    let motifs = [
        Motif::Swirl,
        Motif::Bands,
        Motif::Checks,
        Motif::Plain,
        Motif::Dots,
        Motif::Zigzag,
        Motif::Flutes,
        Motif::Crackle,
        Motif::Speckle,
    ];
    let finishes = [
        Finish::Glaze,
        Finish::Stone,
        Finish::Metal,
        Finish::Satin,
        Finish::Glass,
        Finish::Wood,
        Finish::Glaze,
    ];
    let number = draw.choice("number", 4) + 1;
    let mut skins = Vec::new();
    for i in 0..number {
        skins.push(Material::decorated(
            draw,
            &format!("skin {i}"),
            &finishes,
            &motifs,
            (2.0, 5.0),
        ));
    }
    let start = draw.span("start", 0.0, TAU);
    let lean = draw.span("lean", -0.9, 0.9);
    let mut balls = vec![(v3(0.0, 0.8, 0.0), 0.8)];
    let mut bearing = start;
    for i in 1..number {
        // Each ball touches the first one and the floor: for radii a and b the gap of the feet is 2·sqrt(a·b).
        let r = draw.span(&format!("radius {i}"), 0.22, 0.55);
        let gap = 2.0 * (0.8f32 * r).sqrt();
        balls.push((v3(gap * cos(bearing), r, gap * sin(bearing)), r));
        bearing += 1.9 + 0.5 * i as f32;
    }
    let (mut low, mut high) = (v3(0.0, 0.0, 0.0), v3(0.0, 0.0, 0.0));
    for &(c, r) in &balls {
        low = low.min(c - grey(r));
        high = high.max(c + grey(r));
    }
    let first = &skins[0];
    let company = [
        "",
        ", one small ball beside it,",
        ", two balls beside it,",
        ", three balls around it,",
    ];
    let title = capital(&format!(
        "{}{}",
        first.phrase("sphere"),
        company[number - 1]
    ));
    let cut = draw.chance("ring", 0.25);
    let reach = if cut { 1.28 } else { 0.0 };
    let middle = v3(0.0, 0.8, 0.0);
    low = low.min(v3(-reach, 0.0, -reach));
    high = high.max(v3(reach, 0.0, reach));
    Model::new(low, high, move |p| {
        let mut h = FAR;
        for (i, &(c, r)) in balls.iter().enumerate() {
            h = h.or_at(sphere(p - c, r), i as u8);
        }
        if cut {
            let q = turn_z(p - middle, lean * 0.4);
            h = h.or_at(
                slab(
                    (length2(q.x, q.z) - 1.1).abs() - 0.14,
                    q.y.abs() - 0.02,
                    0.015,
                ),
                0,
            );
        }
        h
    })
    .materials(&skins)
    .named(title, &["balls"])
    .seen((0.0, 360.0), (6.0, 34.0))
}

/// Torus knots of several windings, lying or standing.
pub fn knot(draw: &Draw) -> Model {
    let windings = [
        (2, 3),
        (3, 2),
        (2, 5),
        (3, 4),
        (5, 2),
        (3, 5),
        (1, 4),
        (4, 3),
        (1, 0),
        (2, 7),
    ];
    let &(p_turns, q_turns) = draw.pick("winding", &windings);
    let ring = 0.78;
    let (swing, tube) = match q_turns {
        0 => (0.0, draw.span("tube", 0.22, 0.4)),
        q if q + p_turns > 7 => (0.32, draw.span("tube", 0.075, 0.11)),
        _ => (0.34, draw.span("tube", 0.10, 0.17)),
    };
    let finishes = [
        Finish::Metal,
        Finish::Glaze,
        Finish::Satin,
        Finish::Stone,
        Finish::Brushed,
        Finish::Matte,
        Finish::Glaze,
    ];
    let motifs = [
        Motif::Plain,
        Motif::Bands,
        Motif::Swirl,
        Motif::Speckle,
        Motif::Plain,
    ];
    let skin = Material::decorated(draw, "skin", &finishes, &motifs, (3.0, 7.0));
    let standing = draw.chance("standing", 0.55);
    let ribbon = draw.chance("ribbon", 0.4);
    // The curve as short straight pieces: 30 pieces a lap keep the corners under the width of a pixel.
    let pieces = 34 * p_turns.max(1) + 14 * q_turns;
    let points: Vec<(V3, f32)> = (0..=pieces)
        .map(|i| {
            let t = TAU * i as f32 / pieces as f32;
            let (a, b) = (p_turns as f32 * t, q_turns as f32 * t);
            let r = ring + swing * cos(b);
            (v3(r * cos(a), swing * 1.15 * sin(b), r * sin(a)), tube)
        })
        .collect();
    let cord = Cord::new(points);
    let outer = ring + swing + tube + 0.02;
    let thick = swing * 1.15 + tube + 0.02;
    let lift = if standing { outer } else { thick };
    let (low, high) = if standing {
        (v3(-outer, 0.0, -thick), v3(outer, 2.0 * outer, thick))
    } else {
        (v3(-outer, 0.0, -outer), v3(outer, 2.0 * thick, outer))
    };
    let turned = draw.span("turned", 0.0, TAU);
    let name = match (p_turns, q_turns) {
        (2, 3) | (3, 2) => "trefoil knot",
        (1, 0) => "ring",
        (1, _) => "coiled ring",
        (2, 5) | (5, 2) => "cinquefoil knot",
        _ => "torus knot",
    };
    let title = capital(&format!(
        "{} {}",
        if standing { "standing" } else { "lying" },
        skin.phrase(name)
    ));
    Model::new(low, high, move |p| {
        let mut q = v3(p.x, p.y - lift, p.z);
        if standing {
            q = turn_x(q, TAU / 4.0);
        }
        q = turn_y(q, turned);
        let d = cord.distance(q);
        hit(
            if ribbon {
                d.max((q.y.abs() - thick * 0.82).max(length2(q.x, q.z) - outer + tube * 0.45))
            } else {
                d
            },
            0,
        )
    })
    .materials(&[skin])
    .named(title, &["knot"])
    .seen(
        if standing {
            (-40.0, 40.0)
        } else {
            (0.0, 360.0)
        },
        if standing { (4.0, 24.0) } else { (24.0, 58.0) },
    )
}
