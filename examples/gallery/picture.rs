//! Class and number → one finished picture with its title and tags.
//!
//! Models get a plinth now and then, a camera that frames them, and a stage; patterns fill the frame as they are.

use crate::catalogue::{Class, Kind};
use crate::draw::Draw;
use crate::frame::Frame;
use crate::march::World;
use crate::materials::{Finish, Material};
use crate::scene::{Camera, Stage};

pub struct Picture {
    pub frame: Frame,
    pub title: String,
    pub tags: Vec<String>,
}

/// Picture sizes: mostly square, some upright, some wide; all of about the same area.
const SQUARE: (u32, u32) = (240, 240);
const UPRIGHT: (u32, u32) = (208, 272);
const WIDE: (u32, u32) = (272, 208);

fn once(tags: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for tag in tags {
        if !kept.contains(&tag) {
            kept.push(tag);
        }
    }
    kept
}

pub fn render(class: &Class, index: u32, count: u32, draft: bool) -> Picture {
    let draw = Draw::new(class.name, index, count);
    let small = if draft { 2 } else { 1 };
    let mut tags = vec![class.name.to_string()];
    match class.kind {
        Kind::Pattern(weave) => {
            let sizes = [SQUARE, SQUARE, SQUARE, WIDE, UPRIGHT];
            let (w, h) = *draw.pick("size", &sizes);
            let cloth = weave(&draw);
            tags.extend(cloth.tags);
            let colour = cloth.colour;
            let frame = Frame::render(w / small, h / small, !draft, 0.10, |x, y| (colour(x, y), 0));
            Picture {
                frame,
                title: cloth.title,
                tags: once(tags),
            }
        }
        Kind::Model(shape) => {
            let mut model = shape(&draw);
            if class.plinths && draw.chance("plinth", 0.22) {
                let tall = model.reach() * draw.span("plinth height", 0.16, 0.5);
                let top = Material::drawn(
                    &draw,
                    "plinth",
                    &[Finish::Stone, Finish::Wood, Finish::Matte],
                );
                model = model.on_plinth(draw.chance("plinth round", 0.5), tall, top);
            }
            let size = model.high - model.low;
            let wide = size.x.max(size.z);
            let sizes = if size.y > 1.25 * wide {
                [SQUARE, UPRIGHT, UPRIGHT, SQUARE]
            } else if wide > 1.6 * size.y {
                [SQUARE, WIDE, SQUARE, WIDE]
            } else {
                [SQUARE, SQUARE, WIDE, UPRIGHT]
            };
            let (w, h) = *draw.pick("size", &sizes);
            let bearing = draw.span("bearing", model.bearing.0, model.bearing.1);
            let height = draw.span("camera height", model.height.0, model.height.1);
            let fill = draw.span("fill", 0.66, 0.86);
            let centre = (
                draw.span("centre x", -0.09, 0.09),
                draw.span("centre y", -0.10, 0.02),
            );
            let short = w.min(h) as f32;
            let (wide, high) = (w as f32 / short, h as f32 / short);
            let mut camera = Camera::framing(&model, bearing, height, (wide, high));
            let stage = Stage::drawn(&draw, &model, bearing);
            let world = World::new(&model, &stage, camera.ray(0.0, 0.0));
            let eye = camera.eye;
            camera.tighten(|d| world.touches(eye, d), (wide, high), fill, centre);
            let frame = Frame::render(w / small, h / small, !draft, 0.16, |x, y| {
                let seen = world.look(camera.eye, camera.ray(x, y));
                (seen.colour, seen.mark)
            });
            tags.append(&mut model.tags.clone());
            tags.extend(
                model
                    .materials
                    .iter()
                    .take(2)
                    .flat_map(|m| m.tags())
                    .map(String::from),
            );
            tags.push(stage.mood.tag.to_string());
            let title = format!("{} {}", model.title, stage.mood.words);
            Picture {
                frame,
                title,
                tags: once(tags),
            }
        }
    }
}
