//! Material and place → surface: colour, gloss and metal at one point of an object.
//!
//! A material is a finish (how light leaves it) and a motif (how two colours share it). Motifs are functions of the
//! place in the object's own space, so no picture needs texture coordinates.

use crate::draw::Draw;
use crate::maths::*;
use crate::noise;
use crate::palette::{METALS, STONES, Tint, WOODS};

#[derive(Clone, Copy, PartialEq)]
pub enum Finish {
    Glaze,
    Matte,
    Satin,
    Metal,
    Brushed,
    Glass,
    Wood,
    Stone,
    Clay,
    Gem,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Motif {
    Plain,
    Bands,
    Flutes,
    Dots,
    Checks,
    Speckle,
    Zigzag,
    Dip,
    Swirl,
    Crackle,
}

#[derive(Clone, Copy)]
pub struct Material {
    pub finish: Finish,
    pub motif: Motif,
    pub tint: &'static Tint,
    pub base: V3,
    pub accent: V3,
    /// Repeats of the motif in one unit of length.
    pub scale: f32,
    pub seed: u32,
    /// Light given off by itself, as a share of its colour: a lit lampshade.
    pub glow: f32,
}

/// What the shading needs to know of one point.
pub struct Surface {
    pub albedo: V3,
    pub roughness: f32,
    pub metal: bool,
    pub glass: bool,
    /// Reflectance looking straight at it: 0.04 for glaze, 0 for felt.
    pub gloss: f32,
    pub glow: f32,
}

impl Finish {
    pub fn word(self) -> &'static str {
        match self {
            Finish::Glaze => "glazed",
            Finish::Matte => "matte",
            Finish::Satin => "satin",
            Finish::Metal => "polished",
            Finish::Brushed => "brushed",
            Finish::Glass => "glass",
            Finish::Wood => "wooden",
            Finish::Stone => "stone",
            Finish::Clay => "earthenware",
            Finish::Gem => "translucent",
        }
    }
}

impl Motif {
    /// All motifs, for wares that may carry any of them.
    pub const ALL: [Motif; 10] = [
        Motif::Plain,
        Motif::Bands,
        Motif::Dip,
        Motif::Zigzag,
        Motif::Speckle,
        Motif::Flutes,
        Motif::Dots,
        Motif::Checks,
        Motif::Swirl,
        Motif::Crackle,
    ];

    /// The end of a title: "with bands"; empty for plain things.
    pub fn words(self) -> &'static str {
        match self {
            Motif::Plain => "",
            Motif::Bands => "with bands",
            Motif::Flutes => "with upright stripes",
            Motif::Dots => "with dots",
            Motif::Checks => "in a check",
            Motif::Speckle => "with speckles",
            Motif::Zigzag => "with a zigzag",
            Motif::Dip => "with a dipped edge",
            Motif::Swirl => "with swirls",
            Motif::Crackle => "with a crackle net",
        }
    }
}

impl Material {
    pub fn plain(finish: Finish, tint: &'static Tint) -> Material {
        Material {
            finish,
            motif: Motif::Plain,
            tint,
            base: tint.linear(),
            accent: tint.linear(),
            scale: 4.0,
            seed: 1,
            glow: 0.0,
        }
    }

    /// A material whose finish is one of those given and whose colour suits the finish and the picture's mood.
    pub fn drawn(draw: &Draw, name: &str, finishes: &[Finish]) -> Material {
        let finish = *draw.pick(&format!("{name} finish"), finishes);
        let tint = match finish {
            Finish::Metal | Finish::Brushed => draw.clear(&format!("{name} metal"), &METALS),
            Finish::Wood => draw.clear(&format!("{name} wood"), &WOODS),
            Finish::Stone => draw.clear(&format!("{name} stone"), &STONES),
            _ => draw.tint(&format!("{name} tint")),
        };
        let mut made = Material::plain(finish, tint);
        made.seed = draw.seed(name);
        made
    }

    pub fn glowing(mut self, glow: f32) -> Material {
        self.glow = glow;
        self
    }

    pub fn with(mut self, motif: Motif, accent: &Tint, scale: f32) -> Material {
        self.motif = motif;
        self.accent = accent.linear();
        self.scale = scale;
        self
    }

    /// The words of this material for the tags.
    pub fn tags(&self) -> Vec<&'static str> {
        vec![self.finish.word(), self.tint.name]
    }

    fn share(&self, p: V3) -> f32 {
        let s = self.scale;
        let around = || atan2(p.z, p.x) / TAU;
        let edge = |x: f32| smoothstep(0.46, 0.54, (fract(x) - 0.5).abs() * 2.0);
        match self.motif {
            Motif::Plain => 0.0,
            Motif::Bands => edge(p.y * s + noise::unit(self.seed)),
            Motif::Flutes => edge(around() * (s * 4.0).floor().max(3.0)),
            Motif::Checks => {
                let a = edge(around() * (s * 3.0).floor().max(4.0));
                let b = edge(p.y * s);
                a + b - 2.0 * a * b
            }
            Motif::Dots => {
                let v = p.y * s;
                let row = v.floor();
                let u =
                    around() * (s * 4.0).floor().max(6.0) + 0.5 * (row - 2.0 * (row * 0.5).floor());
                let r = length2(fract(u) - 0.5, fract(v) - 0.5);
                1.0 - smoothstep(0.26, 0.32, r)
            }
            Motif::Speckle => {
                let n = noise::value(p * (s * 7.0), self.seed);
                smoothstep(0.68, 0.76, n)
            }
            Motif::Zigzag => {
                let u = around() * (s * 3.0).floor().max(5.0);
                let v = p.y * s + (fract(u) - 0.5).abs() * 1.1;
                edge(v)
            }
            Motif::Dip => {
                let line =
                    noise::unit(self.seed) * 0.4 + 0.35 + 0.05 * sin(around() * TAU * 3.0 + 1.0);
                smoothstep(line - 0.01, line + 0.01, p.y * s * 0.25)
            }
            Motif::Swirl => {
                let n = noise::fbm(p * (s * 0.6), 3, self.seed);
                edge(n * 4.0 + p.y * 0.6 * s)
            }
            Motif::Crackle => {
                let v = noise::scattered(around() * (s * 3.0).floor(), p.y * s, 0.9, self.seed);
                1.0 - smoothstep(0.03, 0.08, v.border)
            }
        }
    }

    pub fn surface(&self, p: V3) -> Surface {
        let share = self.share(p);
        let mut albedo = self.base.mix(self.accent, share);
        let roughness;
        let (mut gloss, mut metal, mut glass) = (0.04, false, false);
        match self.finish {
            Finish::Glaze => {
                roughness = 0.12;
                gloss = 0.055;
                albedo = albedo * (0.9 + 0.2 * noise::fbm(p * 3.0, 2, self.seed));
            }
            Finish::Matte => {
                roughness = 0.75;
                gloss = 0.02;
            }
            Finish::Satin => roughness = 0.32,
            Finish::Metal => {
                roughness = 0.10;
                metal = share < 0.5;
            }
            Finish::Brushed => {
                roughness =
                    0.34 + 0.1 * noise::value(v3(p.x * 3.0, p.y * 60.0, p.z * 3.0), self.seed);
                metal = share < 0.5;
                albedo = albedo
                    * (0.8 + 0.2 * noise::value(v3(p.x * 2.0, p.y * 45.0, p.z * 2.0), self.seed));
            }
            Finish::Glass => {
                roughness = 0.05;
                gloss = 0.06;
                glass = true;
            }
            Finish::Wood => {
                roughness = 0.42;
                let warp = noise::fbm(v3(p.x * 1.3, p.y * 0.5, p.z * 1.3), 2, self.seed);
                let ring = fract((length2(p.x + 0.9, p.z - 0.4) + 0.35 * warp) * 7.0);
                let fibre = noise::value(v3(p.x * 26.0, p.y * 2.2, p.z * 26.0), self.seed);
                albedo = albedo
                    * (0.72 + 0.3 * smoothstep(0.0, 0.8, ring)
                        - 0.25 * smoothstep(0.85, 1.0, ring))
                    * (0.85 + 0.3 * fibre);
            }
            Finish::Stone => {
                roughness = 0.28;
                let warp = noise::fbm(p * 1.7, 4, self.seed);
                let vein = (fract(warp * 3.2 + p.y * 0.35 + p.x * 0.25) - 0.5).abs();
                let line = 1.0 - smoothstep(0.0, 0.09, vein);
                let other = if self.base.luma() > 0.25 { 0.45 } else { 2.6 };
                albedo = albedo * mix(1.0, other, line * 0.75) * (0.85 + 0.3 * warp);
            }
            Finish::Gem => {
                // Light lost and found inside: soft flaws, and a pale heart near the tips.
                roughness = 0.07;
                gloss = 0.17;
                let flaw = noise::value(v3(p.x * 3.0 + p.y, p.y * 2.0, p.z * 3.0 - p.y), self.seed);
                let pale = smoothstep(0.5, 1.7, p.y) * 0.3;
                albedo = albedo.mix(grey(0.9), pale) * (0.6 + 0.6 * flaw) + grey(0.01);
            }
            Finish::Clay => {
                roughness = 0.85;
                gloss = 0.015;
                albedo = albedo * (0.78 + 0.4 * noise::fbm(p * 9.0, 2, self.seed));
            }
        }
        Surface {
            albedo,
            roughness,
            metal,
            glass,
            gloss,
            glow: self.glow,
        }
    }
}

impl Material {
    /// A drawn material that may carry a motif in a second colour.
    pub fn decorated(
        draw: &Draw,
        name: &str,
        finishes: &[Finish],
        motifs: &[Motif],
        scale: (f32, f32),
    ) -> Material {
        let made = Material::drawn(draw, name, finishes);
        let motif = *draw.pick(&format!("{name} motif"), motifs);
        if matches!(
            made.finish,
            Finish::Glass | Finish::Wood | Finish::Stone | Finish::Metal | Finish::Brushed
        ) {
            return made;
        }
        let accent = draw.tint_clear_of(&format!("{name} accent"), &[made.tint]);
        made.with(
            motif,
            accent,
            draw.span(&format!("{name} scale"), scale.0, scale.1),
        )
    }

    /// "polished brass vase", "walnut vase", "celadon vase with bands".
    pub fn phrase(&self, noun: &str) -> String {
        let name = self.tint.name;
        let mut words = match self.finish {
            Finish::Wood | Finish::Stone => format!("{name} {noun}"),
            Finish::Glass => format!("{name} glass {noun}"),
            _ => format!("{} {name} {noun}", self.finish.word()),
        };
        if self.motif != Motif::Plain {
            words = format!("{words} {}", self.motif.words());
        }
        words
    }
}

/// Starts a sentence.
pub fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters
        .next()
        .map_or(String::new(), |c| c.to_uppercase().chain(letters).collect())
}
