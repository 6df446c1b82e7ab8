//! The bundled gallery through the whole way: is a picture found again after what happens to pictures on
//! the web, and does the partition deliver the recall that exact search has, for a share of the work?

// These tests run a program, threads or files: on the machine, not in the browser.
#![cfg(not(target_arch = "wasm32"))]
#![cfg(feature = "embed")]

use nearsight::build::assemble::Assembly;
use nearsight::calibration::CalibrationOptions;
use nearsight::embed::{Embedder, Sidecar};
use nearsight::image::{self, Filter, Limits, Picture, Resize};
use nearsight::index::{Index, Record};
use nearsight::metrics::recall_at_k;
use nearsight::partition::{PartitionOptions, Rows, partition};
use nearsight::search::{SearchOptions, exact, search};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

struct Gallery {
    paths: Vec<PathBuf>,
    embedder: Embedder,
    vectors: Vec<f32>,
    index: Index,
}

/// The gallery, embedded and indexed once for all tests here.
fn gallery() -> &'static Gallery {
    static GALLERY: OnceLock<Gallery> = OnceLock::new();
    GALLERY.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut paths: Vec<PathBuf> = nearsight_pictures(&root.join("www/gallery"));
        paths.sort();
        let onnx = std::fs::read(root.join("models/nearsight-128.onnx")).unwrap();
        let sidecar = std::fs::read(root.join("models/nearsight-128.json")).unwrap();
        let embedder = Embedder::load(&onnx, &Sidecar::parse(&sidecar).unwrap()).unwrap();
        let vectors = embed_all(&embedder, &paths, |picture| picture).concat();
        let ids: Vec<u32> = (0..paths.len() as u32).collect();
        let records: Vec<Record> = ids
            .iter()
            .map(|&id| Record {
                id,
                path: id.to_string(),
                key: id.to_string(),
                width: 1,
                height: 1,
                ..Record::default()
            })
            .collect();
        let rows = Rows::new(&vectors, embedder.dimension()).unwrap();
        let layout = partition(rows, &PartitionOptions::default(), &mut |_| {}).unwrap();
        // As `nearsight build` makes an index.
        let made = Assembly::of(rows, &ids)
            .records(&records)
            .in_layout(&layout)
            .and_then(|made| made.calibrated(rows, &ids, None, &CalibrationOptions::default()))
            .unwrap();
        let mut index = Index::open(made.manifest.to_json().as_bytes()).unwrap();
        for (name, bytes) in made.files {
            index.supply(&name, bytes).unwrap();
        }
        Gallery {
            paths,
            embedder,
            vectors,
            index,
        }
    })
}

fn nearsight_pictures(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => nearsight_pictures(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|e| e == "jpg"))
        .collect()
}

/// Decode, change, embed: on two threads, in the order of `paths`.
fn embed_all(
    embedder: &Embedder,
    paths: &[PathBuf],
    change: impl Fn(Picture) -> Picture + Sync,
) -> Vec<Vec<f32>> {
    let one = |path: &PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        let picture = image::decode(&bytes, &Limits::default(), None).unwrap();
        let bytes = jpeg(&change(picture), 95);
        embedder.embed_bytes(&bytes, &Limits::default()).unwrap().0
    };
    let (first, second) = paths.split_at(paths.len() / 2);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| second.iter().map(one).collect::<Vec<_>>());
        let mut all: Vec<_> = first.iter().map(one).collect();
        all.extend(other.join().unwrap());
        all
    })
}

fn jpeg(picture: &Picture, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (width, height) = (picture.width as u16, picture.height as u16);
    jpeg_encoder::Encoder::new(&mut bytes, quality)
        .encode(&picture.rgb, width, height, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    bytes
}

/// The share of the gallery whose changed copy finds its original first.
fn found_first(change: impl Fn(Picture) -> Picture + Sync) -> f64 {
    let gallery = gallery();
    let options = SearchOptions {
        k: 1,
        ..SearchOptions::default()
    };
    let changed = embed_all(&gallery.embedder, &gallery.paths, change);
    let found = changed.iter().enumerate().filter(|(id, vector)| {
        let answer = search(&gallery.index, vector, &options).unwrap();
        answer.hits[0].id as usize == *id
    });
    let share = found.count() as f64 / gallery.paths.len() as f64;
    println!(
        "{:.2} % of {} found first",
        100.0 * share,
        gallery.paths.len()
    );
    share
}

#[test]
fn the_gallery_is_as_large_as_promised() {
    let classes: std::collections::BTreeSet<_> =
        gallery().paths.iter().map(|path| path.parent()).collect();
    assert!(gallery().paths.len() >= 600, "{}", gallery().paths.len());
    assert!(classes.len() >= 24, "{}", classes.len());
}

#[test]
fn a_picture_saved_again_at_quality_50_finds_its_original_first() {
    let share = found_first(|picture| {
        image::decode(&jpeg(&picture, 50), &Limits::default(), None).unwrap()
    });
    assert!(share >= 0.99, "{share}");
}

#[test]
fn a_picture_scaled_to_half_finds_its_original_first() {
    let share = found_first(|picture| {
        let (width, height) = (picture.width / 2, picture.height / 2);
        image::resize(&picture, width, height, Resize::Squash, Filter::Bilinear).unwrap()
    });
    assert!(share >= 0.99, "{share}");
}

#[test]
fn a_picture_cropped_to_85_percent_finds_its_original_first() {
    // 85 % of each side, which leaves 72 % of the picture; the window moves with the picture's size.
    let share = found_first(|picture| {
        let (width, height) = (picture.width * 85 / 100, picture.height * 85 / 100);
        let (left, top) = ((picture.width - width) / 2, (picture.height - height) / 2);
        let row = |y: u32| {
            let start = 3 * (y * picture.width + left) as usize;
            &picture.rgb[start..start + 3 * width as usize]
        };
        Picture {
            width,
            height,
            rgb: (top..top + height).flat_map(row).copied().collect(),
        }
    });
    assert!(share >= 0.95, "{share}");
}

#[test]
fn expansion_delivers_the_neighbours_of_exact_search_for_two_fifths_of_the_work() {
    let gallery = gallery();
    let dimension = gallery.embedder.dimension();
    let rows = Rows::new(&gallery.vectors, dimension).unwrap();
    let ids: Vec<u32> = (0..rows.len() as u32).collect();
    let options = SearchOptions {
        k: 10,
        recall: 0.99,
        ..SearchOptions::default()
    };
    let (mut recall, mut scanned) = (0.0, 0.0);
    for vector in gallery.vectors.chunks_exact(dimension) {
        let answer = search(&gallery.index, vector, &options).unwrap();
        let found: Vec<u32> = answer.hits.iter().map(|hit| hit.id).collect();
        let truth: Vec<u32> = exact(rows, &ids, vector, 10)
            .iter()
            .map(|hit| hit.id)
            .collect();
        recall += recall_at_k(&found, &truth, 10);
        scanned += answer.scanned as f64 / rows.len() as f64;
    }
    let searches = rows.len() as f64;
    let (recall, scanned) = (recall / searches, scanned / searches);
    println!("recall@10 {recall:.4}, {:.1} % scanned", 100.0 * scanned);
    assert!(recall >= 0.98, "{recall}");
    assert!(scanned <= 0.40, "{scanned}");
}
