//! Mood and direction → light: the lamps' strengths, what a mirror would see, and what the camera sees behind it all.
//!
//! Strengths are normalised so that a white, unshadowed floor comes out white in every mood. That makes the curated
//! floor colours appear as chosen, and keeps fifteen moods free of over- and underexposure without a meter.

use crate::maths::*;
use crate::scene::Stage;

pub struct Light {
    pub key_towards: V3,
    pub key: V3,
    pub fill_towards: V3,
    pub fill: V3,
    pub sky: V3,
    pub bounce: V3,
    wall: V3,
    high: V3,
    floor: V3,
    across: V3,
    upright: V3,
}

impl Light {
    pub fn new(stage: &Stage) -> Light {
        let mood = stage.mood;
        let towards = stage.key;
        // Two fifths of white keep a warm lamp from turning every colour orange.
        let warm = |c: V3| (c / c.luma()).mix(grey(1.0), 0.4);
        let key = warm(mood.key.linear()) * ((1.0 - mood.ambient) / towards.y);
        let fill_tone = warm(mood.fill.linear());
        let across = towards.cross(v3(0.0, 1.0, 0.0)).unit();
        Light {
            key_towards: towards,
            key,
            fill_towards: v3(-towards.x, 0.35, -towards.z).unit() + across * 0.5,
            fill: fill_tone * 0.16,
            sky: fill_tone * mood.ambient,
            bounce: (mood.floor.linear() + grey(0.06)) * (0.8 * mood.ambient + 0.12),
            wall: mood.wall.linear(),
            high: mood.high.linear(),
            floor: mood.floor.linear(),
            across,
            upright: across.cross(towards),
        }
    }

    /// The backdrop in the direction `d`; `ahead` is where the camera looks.
    pub fn backdrop(&self, d: V3, ahead: V3) -> V3 {
        let up = smoothstep(-0.02, 0.42, d.y);
        let base = self
            .floor
            .mix(self.wall, smoothstep(-0.10, 0.06, d.y))
            .mix(self.high, up);
        // A pool of light on the wall behind the thing, as a spot would leave.
        let flat = v3(ahead.x, 0.0, ahead.z).unit();
        let pool = d.dot((flat + v3(0.0, 0.12, 0.0)).unit()).max(0.0);
        base * (0.86 + 0.34 * pow(pool, 14.0))
    }

    /// What a mirror of the given roughness would see in the direction `d`: the room, a window and a strip light.
    pub fn room(&self, d: V3, roughness: f32) -> V3 {
        let up = smoothstep(-0.25 - roughness, 0.7 + roughness, d.y);
        let dim = self.wall.mix(grey(self.wall.luma()), 0.35) + grey(0.03);
        let below = self.floor * 0.7;
        let base = below
            .mix(dim, smoothstep(-0.2 - roughness, 0.15 + roughness, d.y))
            .mix(self.high + self.sky * 0.35, up);
        let soft = 0.05 + roughness * 0.9;
        let panel = |axis: V3, right: V3, above: V3, w: f32, h: f32| {
            let c = d.dot(axis);
            if c <= 0.02 {
                return 0.0;
            }
            let (u, v) = (d.dot(right) / c, d.dot(above) / c);
            let side = |x: f32, half: f32| 1.0 - smoothstep(half - soft, half + soft, x.abs());
            side(u, w) * side(v, h) * smoothstep(0.0, 0.3, c)
        };
        let spread = 1.0 / (1.0 + 2.5 * roughness);
        let window = panel(self.key_towards, self.across, self.upright, 0.42, 0.42);
        let strip_axis = (self.across * -0.9 + v3(0.0, 0.25, 0.0) + self.key_towards * 0.15).unit();
        let strip_right = strip_axis.cross(v3(0.0, 1.0, 0.0)).unit();
        let strip = panel(
            strip_axis,
            strip_right,
            strip_right.cross(strip_axis),
            0.16,
            1.1,
        );
        base + self.key * (2.1 * window * spread) + self.sky * (4.0 * strip * spread)
    }
}
