//! Place → signed distance: the primitives and joins every shape is made of.
//!
//! Distances are exact or lower bounds unless a comment says otherwise; a shape that overestimates sets `Model::step`.
//! The formulas are the usual ones of the field, derived from geometry: nothing here knows about colour or light.

use crate::maths::*;

/// Distance to the nearest surface and the number of its material.
#[derive(Clone, Copy)]
pub struct Hit {
    pub d: f32,
    pub m: u8,
}

pub const FAR: Hit = Hit { d: 1e9, m: 0 };

pub fn hit(d: f32, m: u8) -> Hit {
    Hit { d, m }
}

impl Hit {
    pub fn or(self, o: Hit) -> Hit {
        if o.d < self.d { o } else { self }
    }
    pub fn or_at(self, d: f32, m: u8) -> Hit {
        self.or(hit(d, m))
    }
}

/// Union with a fillet of radius about `k`.
pub fn blend(a: f32, b: f32, k: f32) -> f32 {
    let h = (k - (a - b).abs()).max(0.0) / k;
    a.min(b) - h * h * k * 0.25
}

/// Intersection with a rounded edge.
pub fn chamfer(a: f32, b: f32, k: f32) -> f32 {
    -blend(-a, -b, k)
}

pub fn sphere(p: V3, r: f32) -> f32 {
    p.length() - r
}

/// An ellipsoid; a first-order estimate that is safe near the surface.
pub fn ellipsoid(p: V3, r: V3) -> f32 {
    let k0 = v3(p.x / r.x, p.y / r.y, p.z / r.z).length();
    let k1 = v3(p.x / (r.x * r.x), p.y / (r.y * r.y), p.z / (r.z * r.z)).length();
    if k1 < 1e-6 {
        -r.x.min(r.y).min(r.z)
    } else {
        k0 * (k0 - 1.0) / k1
    }
}

/// A box of half-size `b` whose edges are rounded by `r` inside that size.
pub fn cuboid(p: V3, b: V3, r: f32) -> f32 {
    let q = p.abs() - b + grey(r);
    q.max(grey(0.0)).length() + q.x.max(q.y).max(q.z).min(0.0) - r
}

/// An upright cylinder of radius `r` and half-height `h`, edges rounded by `e`.
pub fn cylinder(p: V3, r: f32, h: f32, e: f32) -> f32 {
    slab(length2(p.x, p.z) - r, p.y.abs() - h, e)
}

/// Intersection of two half-spaces given by distance, with an exact outer corner rounded by `e`.
pub fn slab(a: f32, b: f32, e: f32) -> f32 {
    let (a, b) = (a + e, b + e);
    a.max(b).min(0.0) + length2(a.max(0.0), b.max(0.0)) - e
}

pub fn capsule(p: V3, a: V3, b: V3, r: f32) -> f32 {
    tapered(p, a, b, r, r)
}

/// A capsule whose radius runs from `ra` to `rb`; a slight overestimate for strong tapers.
pub fn tapered(p: V3, a: V3, b: V3, ra: f32, rb: f32) -> f32 {
    let (pa, ba) = (p - a, b - a);
    let t = (pa.dot(ba) / ba.dot(ba)).clamp(0.0, 1.0);
    (pa - ba * t).length() - mix(ra, rb, t)
}

/// A ring around the y axis.
pub fn torus(p: V3, ring: f32, tube: f32) -> f32 {
    length2(length2(p.x, p.z) - ring, p.y) - tube
}

/// An upright cone frustum, radius `r0` at y = 0 and `r1` at y = `h`.
pub fn frustum(p: V3, r0: f32, r1: f32, h: f32, e: f32) -> f32 {
    let slope = (r0 - r1) / h;
    let r = length2(p.x, p.z);
    let side = (r - (r0 - slope * p.y)) / (1.0 + slope * slope).sqrt();
    slab(side, (p.y - 0.5 * h).abs() - 0.5 * h, e)
}

/// An upright prism with `n` sides, inner radius `r`, half-height `h`.
pub fn prism(p: V3, n: f32, r: f32, h: f32, e: f32) -> f32 {
    let (x, _, _) = spoke(p.x, p.z, n);
    slab(x - r, p.y.abs() - h, e)
}

/// Folds the plane into one of `n` equal wedges: `(along, across, wedge number)`.
pub fn spoke(x: f32, z: f32, n: f32) -> (f32, f32, f32) {
    let wedge = TAU / n;
    let number = (atan2(z, x) / wedge + 0.5).floor();
    let (a, b) = turn(x, z, -number * wedge);
    (a, b, number)
}

pub fn box2(x: f32, y: f32, w: f32, h: f32) -> f32 {
    let (a, b) = (x.abs() - w, y.abs() - h);
    a.max(b).min(0.0) + length2(a.max(0.0), b.max(0.0))
}

pub fn turn_y(p: V3, angle: f32) -> V3 {
    let (x, z) = turn(p.x, p.z, angle);
    v3(x, p.y, z)
}

pub fn turn_x(p: V3, angle: f32) -> V3 {
    let (y, z) = turn(p.y, p.z, angle);
    v3(p.x, y, z)
}

pub fn turn_z(p: V3, angle: f32) -> V3 {
    let (x, y) = turn(p.x, p.y, angle);
    v3(x, y, p.z)
}

/// The outline of something turned on a wheel: radii at equally spaced heights, joined by a smooth curve.
#[derive(Clone)]
pub struct Profile {
    pub bottom: f32,
    pub top: f32,
    radii: Vec<f32>,
}

impl Profile {
    pub fn new(bottom: f32, top: f32, radii: &[f32]) -> Profile {
        Profile {
            bottom,
            top,
            radii: radii.to_vec(),
        }
    }

    /// Radius at height `y` and its slope (Catmull-Rom, so both are continuous).
    pub fn at(&self, y: f32) -> (f32, f32) {
        let n = self.radii.len();
        let spacing = (self.top - self.bottom) / (n - 1) as f32;
        let s = ((y - self.bottom) / spacing).clamp(0.0, n as f32 - 1.001);
        let i = s as usize;
        let t = s - i as f32;
        let r = |j: isize| self.radii[(i as isize + j).clamp(0, n as isize - 1) as usize];
        let (a, b, c, d) = (r(-1), r(0), r(1), r(2));
        let (k1, k2, k3) = (
            0.5 * (c - a),
            a - 2.5 * b + 2.0 * c - 0.5 * d,
            0.5 * (d - a) + 1.5 * (b - c),
        );
        (
            b + t * (k1 + t * (k2 + t * k3)),
            (k1 + t * (2.0 * k2 + t * 3.0 * k3)) / spacing,
        )
    }

    pub fn widest(&self) -> f32 {
        self.radii.iter().fold(0.0f32, |a, &b| a.max(b)) * 1.06
    }

    fn side(&self, r: f32, y: f32) -> f32 {
        let (radius, slope) = self.at(y);
        (r - radius) / (1.0 + slope * slope).sqrt()
    }

    /// Distance to the filled body at distance `r` from the axis.
    pub fn solid(&self, r: f32, y: f32) -> f32 {
        let middle = 0.5 * (self.bottom + self.top);
        slab(
            self.side(r, y),
            (y - middle).abs() - (self.top - middle),
            0.01,
        )
    }

    /// Distance to a vessel with walls of the given thickness, open at the top and with a rounded lip.
    pub fn vessel(&self, r: f32, y: f32, wall: f32) -> f32 {
        let inside = (self.side(r, y) + wall).max(self.bottom + wall * 1.5 - y);
        let body = chamfer(self.solid(r, y), -inside, wall * 0.5);
        let (lip, _) = self.at(self.top);
        body.min(length2(r - lip + wall * 0.5, y - self.top) - wall * 0.62)
    }
}
