//! Scene and ray → colour: sphere tracing with soft shadows, ambient occlusion, one mirror bounce and thin refraction.
//!
//! Rays are clipped to the model's box first, which is what makes 500 pictures affordable: most pixels show floor or
//! backdrop and cost two plane tests. Nothing here is random; the same ray always gives the same colour.

use crate::floors::ground;
use crate::light::Light;
use crate::materials::Surface;
use crate::maths::*;
use crate::scene::{Model, Stage};
use crate::sdf::Hit;

pub struct World<'a> {
    pub model: &'a Model,
    pub stage: &'a Stage,
    pub light: Light,
    /// Where the camera looks, for the pool of light on the backdrop.
    pub ahead: V3,
    low: V3,
    high: V3,
    /// Colour of the light that still falls through the object: black unless it is glass.
    through: V3,
}

/// A colour and a number that changes where one thing ends and another begins, for antialiasing.
pub struct Seen {
    pub colour: V3,
    pub mark: u32,
}

impl<'a> World<'a> {
    pub fn new(model: &'a Model, stage: &'a Stage, ahead: V3) -> World<'a> {
        let pad = grey(0.02 * model.reach());
        let glass = model
            .materials
            .iter()
            .find(|m| m.finish == crate::materials::Finish::Glass);
        World {
            model,
            stage,
            light: Light::new(stage),
            ahead,
            low: model.low - pad,
            high: model.high + pad,
            through: glass.map_or(grey(0.0), |m| m.base * 0.75 + grey(0.1)),
        }
    }

    fn span(&self, from: V3, d: V3) -> Option<(f32, f32)> {
        let inverse = |x: f32| if x.abs() < 1e-9 { 1e9 } else { 1.0 / x };
        let i = v3(inverse(d.x), inverse(d.y), inverse(d.z));
        let (a, b) = ((self.low - from) * i, (self.high - from) * i);
        let (near, far) = (a.min(b), a.max(b));
        let t0 = near.x.max(near.y).max(near.z).max(0.0);
        let t1 = far.x.min(far.y).min(far.z);
        (t1 > t0).then_some((t0, t1))
    }

    fn march(&self, from: V3, d: V3, start: f32, steps: u32) -> Option<(f32, Hit)> {
        let (t0, t1) = self.span(from, d)?;
        let mut t = t0.max(start);
        let fine = 0.0006 * self.model.reach();
        for _ in 0..steps {
            let h = (self.model.distance)(from + d * t);
            if h.d < fine {
                return Some((t, h));
            }
            t += h.d * self.model.step;
            if t > t1 {
                return None;
            }
        }
        // Out of steps while grazing a surface: close enough to count, or the edge would show holes.
        let h = (self.model.distance)(from + d * t);
        (h.d < fine * 12.0).then_some((t, h))
    }

    fn normal(&self, p: V3) -> V3 {
        let e = 0.0012 * self.model.reach();
        let at = |x: f32, y: f32, z: f32| {
            let k = v3(x, y, z);
            k * (self.model.distance)(p + k * e).d
        };
        (at(1.0, -1.0, -1.0) + at(-1.0, -1.0, 1.0) + at(-1.0, 1.0, -1.0) + at(1.0, 1.0, 1.0)).unit()
    }

    /// Share of the main light that arrives, with a penumbra that widens with distance.
    fn shadow(&self, p: V3, n: V3, steps: u32) -> V3 {
        let reach = self.model.reach();
        let from = p + n * (0.006 * reach);
        let d = self.light.key_towards;
        let Some((t0, t1)) = self.span(from, d) else {
            return grey(1.0);
        };
        let mut open: f32 = 1.0;
        let mut t = t0 + 0.006 * reach;
        for _ in 0..steps {
            let h = (self.model.distance)(from + d * t).d;
            open = open.min(0.5 + 0.5 * h * 11.0 / t.max(0.05 * reach));
            if open < 0.01 {
                open = 0.0;
                break;
            }
            t += h.abs().clamp(0.012 * reach, 0.16 * reach);
            if t > t1 {
                break;
            }
        }
        let open = open.max(0.0);
        let open = open * open * (3.0 - 2.0 * open);
        self.through + (grey(1.0) - self.through) * open
    }

    /// Share of the sky seen from `p`.
    fn openness(&self, p: V3, n: V3) -> f32 {
        let reach = self.model.reach();
        let mut shut = 0.0;
        let mut weight = 1.0;
        for i in 1..=4 {
            let h = reach * (0.02 + 0.085 * (i - 1) as f32);
            let q = p + n * h;
            let d = (self.model.distance)(q)
                .d
                .min(if n.y < 0.99 { q.y } else { h });
            shut += (h - d).max(0.0) / reach * weight;
            weight *= 0.72;
        }
        (1.0 - 2.0 * shut).clamp(0.0, 1.0)
    }

    fn lit(&self, n: V3, shadow: V3, open: f32) -> V3 {
        let l = &self.light;
        let wrap = 0.5 + 0.5 * n.y;
        let key = l.key * shadow * n.dot(l.key_towards).max(0.0);
        let fill = l.fill * (0.25 + 0.75 * n.dot(l.fill_towards)).max(0.0) * open;
        key + fill + l.bounce.mix(l.sky, wrap) * open
    }

    fn glint(&self, n: V3, v: V3, roughness: f32) -> f32 {
        let h = (self.light.key_towards - v).unit();
        let a = (roughness * roughness).max(0.004);
        let c = n.dot(h).max(0.0);
        let q = c * c * (a * a - 1.0) + 1.0;
        (a * a / (q * q)).min(60.0) * 0.25 * n.dot(self.light.key_towards).max(0.0)
    }

    fn floor(&self, from: V3, d: V3, deep: bool) -> Option<(f32, V3)> {
        if d.y > -1e-4 || from.y <= 0.0 {
            return None;
        }
        let t = -from.y / d.y;
        let p = from + d * t;
        let unit = self.stage.extent;
        let fade = smoothstep(3.2, 9.5, length2(p.x, p.z) / unit);
        let behind = self.light.backdrop(d, self.ahead);
        if fade >= 1.0 {
            return Some((t, behind));
        }
        let up = v3(0.0, 1.0, 0.0);
        let g = ground(self.stage, p);
        let shadow = self.shadow(p, up, if deep { 14 } else { 40 });
        let near = p.x > self.low.x - unit
            && p.x < self.high.x + unit
            && p.z > self.low.z - unit
            && p.z < self.high.z + unit;
        let open = if near { self.openness(p, up) } else { 1.0 };
        let l = &self.light;
        let mut colour = g.albedo * (l.key * shadow * l.key_towards.y + l.sky * open);
        if g.gloss > 0.0 && !deep {
            let r = d.reflect(up);
            let fresnel = g.gloss + (1.0 - g.gloss) * pow(1.0 - r.y, 5.0) * 0.4;
            let mirrored = match self.march(p + up * 0.002, r, 0.0, 48) {
                Some((s, h)) => self.thing(p + r * s, r, h, true),
                None => l.backdrop(r, self.ahead),
            };
            colour = colour.mix(mirrored, fresnel.min(0.5));
        }
        Some((t, colour.mix(behind, fade)))
    }

    /// What a ray that left the object sees: floor, or the room.
    fn beyond(&self, from: V3, d: V3, roughness: f32) -> V3 {
        match self.floor(from, d, true) {
            Some((_, c)) => c,
            None => self.light.room(d, roughness),
        }
    }

    fn glass(&self, p: V3, n: V3, d: V3, tint: V3) -> V3 {
        let fine = 0.004 * self.model.reach();
        let Some(mut inner) = d.refract(n, 1.0 / 1.42) else {
            return tint;
        };
        let mut from = p - n * fine;
        let mut path = 0.0;
        for _ in 0..3 {
            let mut t = 0.0;
            for _ in 0..48 {
                let h = -(self.model.distance)(from + inner * t).d;
                if h < fine * 0.2 && t > 0.0 {
                    break;
                }
                t += h.max(fine * 0.5);
            }
            path += t;
            let out = from + inner * t;
            let m = -self.normal(out);
            let dim = tint + grey(0.02);
            let absorb = |c: f32| pow(c.min(0.98), path / self.model.reach() * 1.6 + 0.15);
            let left = v3(absorb(dim.x), absorb(dim.y), absorb(dim.z));
            if let Some(exit) = inner.refract(m, 1.42) {
                let start = out - m * (2.0 * fine);
                let seen = match self.march(start, exit, fine, 40) {
                    Some((s, h)) => self.thing(start + exit * s, exit, h, true),
                    None => match self.floor(start, exit, true) {
                        Some((_, c)) => c,
                        None => {
                            self.light.backdrop(exit, self.ahead)
                                + self.light.room(exit, 0.05) * 0.12
                        }
                    },
                };
                return seen * left;
            }
            from = out + m * fine;
            inner = inner.reflect(m);
        }
        self.light.room(inner, 0.2) * tint
    }

    /// The colour of the object at `p`, seen along `d`. `deep` marks a second bounce, which is kept cheap.
    fn thing(&self, p: V3, d: V3, h: Hit, deep: bool) -> V3 {
        let n = self.normal(p);
        let material = &self.model.materials[(h.m as usize).min(self.model.materials.len() - 1)];
        let s: Surface = material.surface(p);
        let shadow = self.shadow(p, n, if deep { 12 } else { 36 });
        let open = self.openness(p, n);
        let facing = (-n.dot(d)).clamp(0.0, 1.0);
        let edge = pow(1.0 - facing, 5.0) * (1.0 - s.roughness * 0.8);
        let r = d.reflect(n);
        let start = p + n * (0.006 * self.model.reach());
        let mirror = || {
            if deep || s.roughness > 0.36 {
                return self.light.room(r, s.roughness) * (0.35 + 0.65 * open);
            }
            match self.march(start, r, 0.0, 40) {
                Some((t, h)) => self.thing(start + r * t, r, h, true),
                None => self.beyond(start, r, s.roughness),
            }
        };
        let glint = self.light.key * shadow * self.glint(n, d, s.roughness);
        if s.metal {
            let f = s.albedo.mix(grey(1.0), edge);
            return mirror() * f * (0.55 + 0.45 * open)
                + glint * f * 0.5
                + s.albedo * self.lit(n, shadow, open) * 0.12;
        }
        let gloss = s.gloss + (1.0 - s.gloss) * edge * 0.8;
        if s.glass && !deep {
            let body = self.glass(p, n, d, s.albedo);
            return body * (1.0 - gloss) + mirror() * gloss + glint * 0.06;
        }
        let diffuse = s.albedo
            * (self.lit(n, shadow, open) * (1.0 - gloss) + grey(s.glow * (0.6 + 0.4 * facing)));
        if gloss < 0.03 && s.roughness > 0.6 {
            return diffuse + glint * s.gloss;
        }
        diffuse + mirror() * gloss + glint * s.gloss
    }

    /// Whether a ray meets the object at all.
    pub fn touches(&self, eye: V3, d: V3) -> bool {
        self.march(eye, d, 0.0, 70).is_some()
    }

    pub fn look(&self, eye: V3, d: V3) -> Seen {
        if let Some((t, h)) = self.march(eye, d, 0.0, 110) {
            let p = eye + d * t;
            if p.y > -0.01 {
                return Seen {
                    colour: self.thing(p, d, h, false),
                    mark: 2 + h.m as u32,
                };
            }
        }
        match self.floor(eye, d, false) {
            Some((_, colour)) => Seen { colour, mark: 1 },
            None => Seen {
                colour: self.light.backdrop(d, self.ahead),
                mark: 0,
            },
        }
    }
}
