//! Draw → cloth: classes that fill the frame with a pattern. A cloth is a colour for every place of the picture plane.
//!
//! Patterns share one habit: a palette of four or five tints that are apart in lightness, so that a pattern still reads
//! when it is scaled down or re-encoded.

pub mod flow;
pub mod land;
pub mod patchwork;
pub mod tiles;
pub mod window;
pub mod woven;

use crate::draw::Draw;
use crate::maths::*;
use crate::palette::{Tint, linear, tint};

pub struct Cloth {
    /// Linear colour at `(x, y)`, both in about -1..1.
    pub colour: Box<dyn Fn(f32, f32) -> V3 + Send + Sync>,
    pub title: String,
    pub tags: Vec<String>,
}

/// A named set of five colours, ordered: ground, main, second, accent, deepest.
pub struct Scheme {
    pub name: &'static str,
    pub tints: [Tint; 5],
}

const fn scheme(name: &'static str, a: u32, b: u32, c: u32, d: u32, e: u32) -> Scheme {
    Scheme {
        name,
        tints: [
            tint(name, a),
            tint(name, b),
            tint(name, c),
            tint(name, d),
            tint(name, e),
        ],
    }
}

pub const SCHEMES: [Scheme; 20] = [
    scheme(
        "indigo and cream",
        0xF2E8D5,
        0x2B3A67,
        0x6F83B3,
        0xD9A441,
        0x151C38,
    ),
    scheme(
        "terracotta",
        0xF3DFC7,
        0xC05A38,
        0xE39A6F,
        0x2F6F73,
        0x552318,
    ),
    scheme("forest", 0xDCE3C8, 0x35563A, 0x7E9A5B, 0xD9772E, 0x16281C),
    scheme(
        "rose garden",
        0xFBEDEA,
        0xC2476A,
        0xEBA0AE,
        0x5B8C5A,
        0x5A1B33,
    ),
    scheme(
        "sea glass",
        0xE8F3EE,
        0x2C8C8C,
        0x8CCBBE,
        0xF2B66D,
        0x134149,
    ),
    scheme(
        "mustard and slate",
        0xF4EBD2,
        0xD9A521,
        0x7B8894,
        0xB9452D,
        0x2D3640,
    ),
    scheme("plum", 0xEFE4EE, 0x6B2C66, 0xB07BAC, 0xE8B34B, 0x2E1030),
    scheme(
        "scarlet and ink",
        0xF6F0E6,
        0xC2261F,
        0x8C9AA5,
        0x1E2A3A,
        0x12161F,
    ),
    scheme("lagoon", 0x0F3B57, 0x1F7FA6, 0x7CC4CF, 0xF3E3A9, 0x081C2C),
    scheme(
        "night market",
        0x1B1A2B,
        0xE4572E,
        0xF0A83A,
        0x3BB7A6,
        0x0B0A14,
    ),
    scheme("apricot", 0xFCEBD6, 0xEE8A4A, 0xF7C08A, 0x6A7FB5, 0x7A3415),
    scheme("olive", 0xEDE7CE, 0x7A7A32, 0xB9B268, 0xA63D2F, 0x35351A),
    scheme(
        "lilac and moss",
        0xEDE6F5,
        0x8F78C4,
        0xC5B5E3,
        0x6E8B3D,
        0x36285C,
    ),
    scheme(
        "cobalt tile",
        0xF7F7F2,
        0x1F4FA8,
        0x7FA6DE,
        0xF0C23B,
        0x0D2352,
    ),
    scheme("ember", 0x2A1714, 0xB5341F, 0xE9803A, 0xF7D58B, 0x140908),
    scheme(
        "jade and gold",
        0x123D33,
        0x2E8C6A,
        0x8FC9A3,
        0xE5BE5A,
        0x081F1A,
    ),
    scheme("graphite", 0xE6E6E4, 0x4A4F57, 0x9AA1A8, 0xE0563F, 0x202328),
    scheme("sorbet", 0xFFF4E8, 0xF27C8A, 0xFBC4A8, 0x6CC3B8, 0x8C3350),
    scheme("coffee", 0xEFE2D0, 0x6F4A33, 0xB58E6B, 0x2E8073, 0x2B1A12),
    scheme(
        "wine and teal",
        0xE9DFD3,
        0x7C1F34,
        0xC7808A,
        0x1D6A72,
        0x35101A,
    ),
];

/// The five colours of a picture, as linear light.
pub struct Colours {
    pub name: &'static str,
    pub c: [V3; 5],
}

impl Colours {
    pub fn drawn(draw: &Draw) -> Colours {
        let s = draw.pick("scheme", &SCHEMES);
        Colours {
            name: s.name,
            c: s.tints.map(|t| linear(t.srgb)),
        }
    }
}

/// A frame of reference for the plane: turned, scaled and moved.
#[derive(Clone, Copy)]
pub struct Plane {
    pub angle: f32,
    pub scale: f32,
    pub shift: (f32, f32),
}

impl Plane {
    pub fn at(&self, x: f32, y: f32) -> (f32, f32) {
        let (u, v) = turn(x, y, self.angle);
        (u * self.scale + self.shift.0, v * self.scale + self.shift.1)
    }
}

/// 1 inside (`d` < 0), 0 outside, with an edge of about one pixel at scale `scale`.
pub fn ink(d: f32, scale: f32) -> f32 {
    let w = 0.006 * scale;
    1.0 - smoothstep(-w, w, d)
}

/// Light over a relief: the slope of `height` lit from the upper left.
pub fn relief(height: &dyn Fn(f32, f32) -> f32, x: f32, y: f32, strength: f32) -> f32 {
    let e = 0.006;
    let dx = (height(x + e, y) - height(x - e, y)) / (2.0 * e);
    let dy = (height(x, y + e) - height(x, y - e)) / (2.0 * e);
    let n = v3(-dx * strength, -dy * strength, 1.0).unit();
    n.dot(v3(-0.5, 0.62, 0.60).unit()).max(0.0) / 0.60
}

pub fn tags(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| w.to_string()).collect()
}
