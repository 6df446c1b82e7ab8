//! The list of classes: name, what makes a picture of it, and how large its files may be.

use crate::draw::Draw;
use crate::patterns::{self, Cloth};
use crate::scene::Model;
use crate::shapes::*;

/// Pictures in each class.
pub const EACH: u32 = 18;

pub enum Kind {
    Model(fn(&Draw) -> Model),
    Pattern(fn(&Draw) -> Cloth),
}

pub struct Class {
    pub name: &'static str,
    pub kind: Kind,
    /// Whether its things look right on a plinth.
    pub plinths: bool,
    pub limit_bytes: usize,
}

const fn thing(name: &'static str, shape: fn(&Draw) -> Model) -> Class {
    Class {
        name,
        kind: Kind::Model(shape),
        plinths: false,
        limit_bytes: 7_500,
    }
}

const fn exhibit(name: &'static str, shape: fn(&Draw) -> Model) -> Class {
    Class {
        name,
        kind: Kind::Model(shape),
        plinths: true,
        limit_bytes: 7_500,
    }
}

const fn pattern(name: &'static str, weave: fn(&Draw) -> Cloth) -> Class {
    Class {
        name,
        kind: Kind::Pattern(weave),
        plinths: false,
        limit_bytes: 8_700,
    }
}

pub const CLASSES: [Class; 41] = [
    exhibit("vases", pottery::vase),
    exhibit("bowls", pottery::bowl),
    thing("mugs", pottery::mug),
    exhibit("teapots", pouring::teapot),
    thing("bottles", pouring::bottle),
    thing("spheres", bodies::spheres),
    exhibit("knots", bodies::knot),
    thing("gears", workshop::gear),
    thing("keys", workshop::key),
    thing("dumbbells", trinkets::dumbbell),
    exhibit("rings", trinkets::finger_ring),
    exhibit("crystals", minerals::crystal),
    thing("dice", playthings::dice),
    exhibit("chess-pieces", chess::chess),
    thing("rockets", playthings::rocket),
    exhibit("doughnuts", pastry::doughnut),
    thing("chairs", furniture::chair),
    thing("lamps", furniture::lamp),
    thing("books", study::books),
    exhibit("fish", sea::fish),
    exhibit("shells", sea::shell),
    exhibit("boats", harbour::boat),
    thing("houses", dwellings::house),
    thing("towers", towers::tower),
    thing("mushrooms", garden::mushroom),
    thing("cacti", garden::cactus),
    thing("trees", orchard::tree),
    exhibit("fruit", orchard::fruit),
    thing("umbrellas", study::umbrella),
    pattern("tartans", patterns::woven::tartan),
    pattern("ikats", patterns::woven::ikat),
    pattern("knitting", patterns::woven::knitting),
    pattern("quilts", patterns::patchwork::quilt),
    pattern("mosaics", patterns::tiles::mosaic),
    pattern("wallpapers", patterns::tiles::wallpaper),
    pattern("truchet-tiles", patterns::tiles::truchet),
    pattern("stained-glass", patterns::window::stained_glass),
    pattern("marbling", patterns::flow::marbling),
    pattern("waves", patterns::flow::waves),
    pattern("terrains", patterns::land::terrain),
    pattern("hills", patterns::land::hills),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_names_are_kebab_case_and_used_once() {
        for (i, class) in CLASSES.iter().enumerate() {
            assert!(
                class
                    .name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c == '-'),
                "{}",
                class.name
            );
            assert!(
                CLASSES[..i].iter().all(|other| other.name != class.name),
                "{}",
                class.name
            );
        }
    }

    #[test]
    fn two_renders_of_a_picture_have_the_same_bytes() {
        let bytes = |class: &Class| {
            let picture = crate::picture::render(class, 3, EACH, true);
            picture
                .frame
                .jpeg(class.limit_bytes)
                .expect("a small frame can be encoded")
        };
        for class in CLASSES
            .iter()
            .filter(|c| ["hills", "bottles"].contains(&c.name))
        {
            assert_eq!(bytes(class), bytes(class), "{}", class.name);
        }
    }
}
