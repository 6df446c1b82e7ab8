//! How alike copies of a picture are, and how alike the most similar of different pictures: what a threshold for
//! near-duplicates must lie between.
//!
//! ```text
//! cargo bench --bench copies -- DIST PHOTOS
//! ```
//!
//! DIST is a folder that `nearsight build PHOTOS` made. Every picture of it, or 400 of them, is encoded again as a JPEG of quality 60, halved
//! and so encoded, and halved twice; the cosine of each with the picture as it was, and of the picture with the one most like it, as
//! quantiles. Pairs of different pictures may be near-duplicates too: look at those named.
use std::path::Path;

use jpeg_encoder::{ColorType, Encoder};
use nearsight::build::{Model, load_index};
use nearsight::embed::Embedder;
use nearsight::image::{Filter, Limits, Picture, Resize, decode, resize};
use nearsight::search::{SearchOptions, search};

const PICTURES: usize = 400;

fn main() {
    // `cargo bench` adds `--bench`; `cargo test --benches` gives nothing, and there is nothing to measure then.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let [dist, photos] = arguments.as_slice() else {
        eprintln!("usage: cargo bench --bench copies -- DIST PHOTOS");
        return;
    };
    let index = load_index(Path::new(dist)).unwrap_or_else(|error| panic!("{error}"));
    let embedder = Model::of_index(Path::new(dist), index.manifest())
        .and_then(|model| model.load())
        .unwrap_or_else(|error| panic!("{error}"));
    let every = index.records().count().div_ceil(PICTURES).max(1);
    let mut alike: [Vec<f32>; 4] = Default::default();
    let mut pairs: Vec<(f32, String, String)> = Vec::new();
    for record in index.records().step_by(every) {
        let bytes = std::fs::read(Path::new(photos).join(&record.path))
            .unwrap_or_else(|error| panic!("{}: {error}", record.path));
        let picture = decode(&bytes, &Limits::default(), None)
            .unwrap_or_else(|error| panic!("{}: {error}", record.path));
        let original = vector(&embedder, &bytes);
        let half = halved(&picture);
        let quarter = halved(&half);
        for (kind, copy) in [&picture, &half, &quarter].into_iter().enumerate() {
            let copy = vector(&embedder, &jpeg(copy));
            alike[kind].push(cosine(&original, &copy));
        }
        let options = SearchOptions {
            k: 1,
            exact: true,
            exclude: Some(record.id),
            ..SearchOptions::default()
        };
        let answer = search(&index, &original, &options).unwrap_or_else(|error| panic!("{error}"));
        if let Some(hit) = answer.hits.first() {
            alike[3].push(hit.score);
            let other = index.record(hit.id).unwrap_or_default().path;
            pairs.push((hit.score, record.path, other));
        }
    }
    println!("cosine                        least     1 %     5 %  median    95 %    99 %    most");
    let names = [
        "encoded again",
        "halved",
        "halved twice",
        "most similar other picture",
    ];
    for (name, values) in names.into_iter().zip(&mut alike) {
        values.sort_unstable_by(f32::total_cmp);
        let at = |share: f64| values[((values.len() - 1) as f64 * share) as usize];
        let quantiles = [0.0, 0.01, 0.05, 0.5, 0.95, 0.99, 1.0].map(|q| format!("{:8.4}", at(q)));
        println!("{name:<27}{}", quantiles.concat());
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    for limit in [0.95, 0.96, 0.97, 0.98, 0.99] {
        let share = |values: &[f32]| {
            let above = values.iter().filter(|&&value| value >= limit).count();
            100.0 * above as f64 / values.len().max(1) as f64
        };
        let shares: Vec<String> = alike
            .iter()
            .map(|v| format!("{:6.1} %", share(v)))
            .collect();
        println!("at {limit} or more: {}", shares.join("  "));
    }
    for (score, one, other) in pairs.iter().take(12) {
        println!("{score:.4}  {one}  {other}");
    }
}

fn vector(embedder: &Embedder, bytes: &[u8]) -> Vec<f32> {
    let embedded = embedder.embed_bytes(bytes, &Limits::default());
    embedded.unwrap_or_else(|error| panic!("{error}")).0
}

fn halved(picture: &Picture) -> Picture {
    let (width, height) = (picture.width.div_ceil(2), picture.height.div_ceil(2));
    resize(picture, width, height, Resize::Squash, Filter::Bilinear)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn jpeg(picture: &Picture) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (width, height) = (picture.width as u16, picture.height as u16);
    Encoder::new(&mut bytes, 60)
        .encode(&picture.rgb, width, height, ColorType::Rgb)
        .unwrap_or_else(|error| panic!("{error}"));
    bytes
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
