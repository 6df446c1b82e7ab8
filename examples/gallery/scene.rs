//! The parts a picture is made of: an object, what it stands on and in, and from where it is seen.
//!
//! Shapes return a `Model`; `Stage` and `Camera` are drawn for it afterwards, so that every class gets the same care in
//! framing and light and a shape's file holds only the shape.

use crate::draw::Draw;
use crate::materials::Material;
use crate::maths::*;
use crate::palette::Mood;
use crate::sdf::{Hit, cuboid, cylinder, hit};

pub type Distance = Box<dyn Fn(V3) -> Hit + Send + Sync>;

/// An object standing on y = 0 near the origin.
pub struct Model {
    pub distance: Distance,
    /// Corners of a box that holds the whole object.
    pub low: V3,
    pub high: V3,
    pub materials: Vec<Material>,
    /// Share of the distance it is safe to step: 1 for exact shapes, less for bent ones.
    pub step: f32,
    /// "Tall celadon vase with bands"; the mood is added behind it.
    pub title: String,
    pub tags: Vec<String>,
    /// Range of the camera's bearing and height above the horizon, in degrees, from which the object is recognised.
    pub bearing: (f32, f32),
    pub height: (f32, f32),
}

impl Model {
    pub fn new(low: V3, high: V3, distance: impl Fn(V3) -> Hit + Send + Sync + 'static) -> Model {
        Model {
            distance: Box::new(distance),
            low,
            high,
            materials: Vec::new(),
            step: 0.9,
            title: String::new(),
            tags: Vec::new(),
            bearing: (0.0, 360.0),
            height: (12.0, 34.0),
        }
    }

    pub fn materials(mut self, list: &[Material]) -> Model {
        self.materials = list.to_vec();
        self
    }

    pub fn named(mut self, title: String, tags: &[&str]) -> Model {
        self.title = title;
        self.tags.extend(tags.iter().map(|t| t.to_string()));
        self
    }

    pub fn seen(mut self, bearing: (f32, f32), height: (f32, f32)) -> Model {
        self.bearing = bearing;
        self.height = height;
        self
    }

    pub fn step(mut self, step: f32) -> Model {
        self.step = step;
        self
    }

    /// Puts the object on a plinth made of `material`.
    pub fn on_plinth(mut self, round: bool, tall: f32, material: Material) -> Model {
        let m = self.materials.len() as u8;
        let reach = self.low.abs().max(self.high.abs());
        let (wide, deep) = (reach.x + 0.14, reach.z + 0.14);
        let radius = wide.max(deep);
        let inner = self.distance;
        self.materials.push(material);
        self.distance = Box::new(move |p| {
            let q = v3(p.x, p.y - 0.5 * tall, p.z);
            let base = if round {
                cylinder(q, radius, 0.5 * tall, 0.025)
            } else {
                cuboid(q, v3(wide, 0.5 * tall, deep), 0.025)
            };
            inner(v3(p.x, p.y - tall, p.z)).or(hit(base, m))
        });
        let (w, d) = if round {
            (radius, radius)
        } else {
            (wide, deep)
        };
        self.low = v3(-w, 0.0, -d);
        self.high = v3(w, self.high.y + tall, d);
        self
    }

    pub fn reach(&self) -> f32 {
        (self.high - self.low).length() * 0.5
    }
}

#[derive(Clone, Copy, PartialEq)]
pub enum Floor {
    Seamless,
    Planks,
    Tiles,
    Terrazzo,
    Stripes,
    Polished,
    Disc,
}

pub struct Stage {
    pub mood: &'static Mood,
    pub floor: Floor,
    /// Towards the main light.
    pub key: V3,
    /// How far the floor reaches before it becomes backdrop.
    pub extent: f32,
    pub seed: u32,
    pub turn: f32,
}

impl Stage {
    pub fn drawn(draw: &Draw, model: &Model, camera_bearing: f32) -> Stage {
        let mood = draw.mood();
        let floors = [
            Floor::Seamless,
            Floor::Planks,
            Floor::Seamless,
            Floor::Tiles,
            Floor::Polished,
            Floor::Terrazzo,
            Floor::Disc,
            Floor::Stripes,
        ];
        // The light stays on the camera's side, left or right, so that nothing is a mere silhouette.
        let side = draw.span("light side", 25.0, 75.0)
            * if draw.chance("light left", 0.5) {
                -1.0
            } else {
                1.0
            };
        let bearing = (camera_bearing + side) * TAU / 360.0;
        let up = (mood.elevation + draw.span("light height", -8.0, 10.0)) * TAU / 360.0;
        Stage {
            mood,
            floor: *draw.pick("floor", &floors),
            key: v3(cos(up) * sin(bearing), sin(up), cos(up) * cos(bearing)),
            extent: model.reach(),
            seed: draw.seed("floor"),
            turn: draw.span("floor turn", 0.0, TAU),
        }
    }
}

pub struct Camera {
    pub eye: V3,
    right: V3,
    up: V3,
    ahead: V3,
    zoom: f32,
    shift: (f32, f32),
}

impl Camera {
    /// Looks at the model from `bearing` and `height` (degrees) with the box it lives in inside `fill`, half the frame's width and height.
    pub fn framing(model: &Model, bearing: f32, height: f32, fill: (f32, f32)) -> Camera {
        let (b, h) = (bearing * TAU / 360.0, height * TAU / 360.0);
        let back = v3(cos(h) * sin(b), sin(h), cos(h) * cos(b));
        let ahead = -back;
        let right = ahead.cross(v3(0.0, 1.0, 0.0)).unit();
        let up = right.cross(ahead);
        let middle = (model.low + model.high) * 0.5;
        let zoom = 2.6;
        let reach = model.reach();
        // The nearest distance at which all eight corners stay inside, by bisection: perspective has no simple formula.
        let fits = |distance: f32| {
            let eye = middle + back * distance;
            (0..8).all(|i| {
                let pick = |bit: u32, a: f32, b: f32| if i >> bit & 1 == 1 { a } else { b };
                let corner = v3(
                    pick(0, model.low.x, model.high.x),
                    pick(1, model.low.y, model.high.y),
                    pick(2, model.low.z, model.high.z),
                ) - eye;
                let z = corner.dot(ahead);
                let (x, y) = (corner.dot(right) * zoom / z, corner.dot(up) * zoom / z);
                z > 0.1 && x.abs() < fill.0 && y.abs() < fill.1
            })
        };
        let (mut near, mut far) = (reach, reach * 40.0);
        for _ in 0..24 {
            let half = 0.5 * (near + far);
            if fits(half) {
                far = half;
            } else {
                near = half;
            }
        }
        Camera {
            eye: middle + back * far,
            right,
            up,
            ahead,
            zoom,
            shift: (0.0, 0.0),
        }
    }

    /// Zooms and shifts so that what is really seen, not just its box, fills `fill` of the frame around `centre`.
    ///
    /// A coarse grid of rays finds the silhouette: boxes of leaning or hollow things are half empty.
    pub fn tighten(
        &mut self,
        touches: impl Fn(V3) -> bool,
        frame: (f32, f32),
        fill: f32,
        centre: (f32, f32),
    ) {
        const GRID: i32 = 44;
        let (mut left, mut right, mut below, mut above) = (f32::MAX, f32::MIN, f32::MAX, f32::MIN);
        for j in -GRID..=GRID {
            for i in -GRID..=GRID {
                let x = i as f32 / GRID as f32 * frame.0;
                let y = j as f32 / GRID as f32 * frame.1;
                if touches(self.ray(x, y)) {
                    (left, right) = (left.min(x), right.max(x));
                    (below, above) = (below.min(y), above.max(y));
                }
            }
        }
        if left > right {
            return;
        }
        let half = (0.5 * (right - left) / frame.0)
            .max(0.5 * (above - below) / frame.1)
            .max(0.05);
        let gain = fill / half;
        let (x, y) = (0.5 * (left + right), 0.5 * (below + above));
        self.zoom *= gain;
        self.shift = (x * gain - centre.0, y * gain - centre.1);
    }

    /// Direction through the picture plane; `x` in -aspect..aspect, `y` in -1..1 upwards.
    pub fn ray(&self, x: f32, y: f32) -> V3 {
        let (x, y) = (x + self.shift.0, y + self.shift.1);
        (self.ahead * self.zoom + self.right * x + self.up * y).unit()
    }
}
