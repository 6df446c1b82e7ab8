//! Names → colours: the curated tints of things, and the moods (light, backdrop, floor) they stand in.
//!
//! Every colour was chosen by eye as an sRGB hexadecimal; nothing is drawn at random from the colour cube, which
//! gives mud and neon. Shading works on linear values, so `linear` undoes the sRGB curve once.

use crate::maths::{V3, pow, v3};

#[derive(Clone, Copy)]
pub struct Tint {
    pub name: &'static str,
    pub srgb: u32,
}

pub const fn tint(name: &'static str, srgb: u32) -> Tint {
    Tint { name, srgb }
}

impl Tint {
    pub fn linear(&self) -> V3 {
        linear(self.srgb)
    }
}

/// `0xRRGGBB` → linear light.
pub fn linear(srgb: u32) -> V3 {
    let channel = |shift: u32| {
        let c = (srgb >> shift & 255) as f32 / 255.0;
        if c <= 0.04045 {
            c / 12.92
        } else {
            pow((c + 0.055) / 1.055, 2.4)
        }
    };
    v3(channel(16), channel(8), channel(0))
}

pub const TINTS: [Tint; 24] = [
    tint("celadon", 0x9CC5A1),
    tint("cobalt", 0x2447A6),
    tint("terracotta", 0xC8603D),
    tint("ivory", 0xF1E6CF),
    tint("plum", 0x6B2D5C),
    tint("ochre", 0xD9982B),
    tint("teal", 0x1F7A7A),
    tint("coral", 0xEE6F57),
    tint("charcoal", 0x33363D),
    tint("sage", 0x7C9570),
    tint("cinnabar", 0xC0281F),
    tint("powder blue", 0x9DBEDB),
    tint("mustard", 0xE3B93C),
    tint("indigo", 0x2E2F6E),
    tint("blush", 0xEBB5A9),
    tint("moss", 0x4C5F2A),
    tint("chalk", 0xF6F4EF),
    tint("rust", 0x97401E),
    tint("turquoise", 0x2FA8A4),
    tint("lavender", 0xA392CC),
    tint("tangerine", 0xEE8A2A),
    tint("slate", 0x5C7080),
    tint("rose", 0xC9506F),
    tint("jade", 0x2F8F5B),
];

pub const METALS: [Tint; 6] = [
    tint("brass", 0xE8C36A),
    tint("copper", 0xE39A73),
    tint("silver", 0xDFE1E4),
    tint("gunmetal", 0x7E858F),
    tint("rose gold", 0xEBB8A4),
    tint("bronze", 0xB98A4E),
];

pub const WOODS: [Tint; 5] = [
    tint("walnut", 0x6E4427),
    tint("oak", 0xBD8C55),
    tint("ash", 0xDDBE92),
    tint("cherry", 0x9C5230),
    tint("ebony", 0x3A2A22),
];

pub const STONES: [Tint; 5] = [
    tint("white marble", 0xEDE9E3),
    tint("green marble", 0x44695A),
    tint("black marble", 0x2B2B30),
    tint("sandstone", 0xCFAE7F),
    tint("pink granite", 0xBE8D84),
];

/// The light a picture is taken in.
pub struct Mood {
    /// How the title ends: "in dusk light".
    pub words: &'static str,
    pub tag: &'static str,
    pub floor: Tint,
    /// Backdrop near the floor and far above it.
    pub wall: Tint,
    pub high: Tint,
    pub key: Tint,
    pub fill: Tint,
    /// Share of the light that comes from everywhere: 0.2 is dramatic, 0.5 is an overcast day.
    pub ambient: f32,
    /// Height of the main light over the horizon, in degrees.
    pub elevation: f32,
}

#[allow(clippy::too_many_arguments)]
const fn mood(
    words: &'static str,
    tag: &'static str,
    floor: u32,
    wall: u32,
    high: u32,
    key: u32,
    fill: u32,
    ambient: f32,
    elevation: f32,
) -> Mood {
    Mood {
        words,
        tag,
        floor: tint("floor", floor),
        wall: tint("wall", wall),
        high: tint("high", high),
        key: tint("key", key),
        fill: tint("fill", fill),
        ambient,
        elevation,
    }
}

pub const MOODS: [Mood; 15] = [
    mood(
        "in gallery light",
        "gallery",
        0xE4DED3,
        0xD9D2C5,
        0xA9A294,
        0xFFF6E8,
        0xDDE6F2,
        0.34,
        52.0,
    ),
    mood(
        "at dusk", "dusk", 0x6F5A78, 0xE39A7B, 0x39355F, 0xFFC79A, 0x8C8FD6, 0.28, 28.0,
    ),
    mood(
        "on a clear morning",
        "morning",
        0xDCE3E2,
        0xC3DBE6,
        0x7FB0D0,
        0xFFF0D8,
        0xC4DEF5,
        0.36,
        38.0,
    ),
    mood(
        "by lamplight",
        "lamplight",
        0x7A5233,
        0x5B3A25,
        0x1F1512,
        0xFFD08A,
        0xB57A55,
        0.24,
        42.0,
    ),
    mood(
        "in north light",
        "north light",
        0xAEB8BE,
        0x93A1AA,
        0x596772,
        0xF2F7FF,
        0xC9D6E4,
        0.46,
        58.0,
    ),
    mood(
        "against deep green",
        "deep green",
        0x2F5145,
        0x24463B,
        0x0D211C,
        0xFFF3D6,
        0xA9D6C0,
        0.28,
        46.0,
    ),
    mood(
        "on apricot",
        "apricot",
        0xF2B98A,
        0xF0AD7C,
        0xD9825A,
        0xFFF4E4,
        0xFFDCC8,
        0.38,
        50.0,
    ),
    mood(
        "on powder pink",
        "pink",
        0xEBC3C4,
        0xE7B4BA,
        0xC98A9B,
        0xFFF6F0,
        0xF4D9EA,
        0.40,
        54.0,
    ),
    mood(
        "by moonlight",
        "moonlight",
        0x3C4A6B,
        0x2B3960,
        0x0E1430,
        0xCFE0FF,
        0x6C7FC4,
        0.30,
        44.0,
    ),
    mood(
        "on a lemon ground",
        "lemon",
        0xF0D97A,
        0xEFD36B,
        0xD9AE41,
        0xFFFBEA,
        0xFFF0C0,
        0.38,
        48.0,
    ),
    mood(
        "in a dark room",
        "dark room",
        0x45424A,
        0x2E2C34,
        0x121116,
        0xFFF1DE,
        0x8FA6C9,
        0.20,
        50.0,
    ),
    mood(
        "by the sea",
        "seaside",
        0xE6D5B1,
        0xA9D3D8,
        0x4C9DB8,
        0xFFF2D0,
        0xBEE6F0,
        0.38,
        46.0,
    ),
    mood(
        "on lilac", "lilac", 0xC6B7DC, 0xB7A5D3, 0x7E6BA8, 0xFFF5EE, 0xDCD4F7, 0.38, 50.0,
    ),
    mood(
        "on brick red",
        "brick red",
        0xA8483A,
        0x963B31,
        0x57201F,
        0xFFEBD4,
        0xE9B0A0,
        0.30,
        44.0,
    ),
    mood(
        "on a mint ground",
        "mint",
        0xBFE0CB,
        0xAFD6C1,
        0x6EAB95,
        0xFFFBF0,
        0xDDF5EA,
        0.40,
        50.0,
    ),
];
