//! Networks that people bring along, the whole way: pictures and `--model` in, an index that answers as exact search by Euclidean distance does.
//!
//! They are tried where `NEARSIGHT_TEST_MODELS` names a folder that holds them (see `tests/sidecars/make.py`), and a small one of the
//! fixtures everywhere. Of vectors of unit length the nearest by Euclidean distance are those of the greatest cosine; a sidecar that says
//! `normalise: false` leaves them as long as the network makes them, and then the index compares by the distance itself.

// These tests run a program, threads or files: on the machine, not in the browser.
#![cfg(not(target_arch = "wasm32"))]
#![cfg(feature = "any-model")]

#[allow(dead_code)]
mod place;

use std::fs;
use std::path::{Path, PathBuf};

use place::{Place, ok, refused};
use serde_json::Value;

const PICTURES: u32 = 60;

/// The model's two files, side by side, in `folder`; none where no models were given.
fn brought(name: &str, folder: &Path) -> Option<PathBuf> {
    let Some(models) = std::env::var_os("NEARSIGHT_TEST_MODELS") else {
        println!("NEARSIGHT_TEST_MODELS is not set: {name} was not tried");
        return None;
    };
    let (models, file) = (Path::new(&models), format!("{name}.onnx"));
    let onnx = [models.join(&file), models.join("byo").join(&file)]
        .into_iter()
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{file} is not in {}", models.display()));
    let sidecar = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/sidecars/{name}.json"));
    fs::copy(onnx, folder.join(&file)).unwrap();
    fs::copy(sidecar, folder.join(format!("{name}.json"))).unwrap();
    Some(folder.join(file))
}

/// Row by row, as `nearsight embed` writes them.
fn rows(npy: &Path, dimension: usize) -> Vec<Vec<f32>> {
    let bytes = fs::read(npy).unwrap();
    let data = bytes.len() - PICTURES as usize * dimension * 4;
    let number = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
    let values: Vec<f32> = bytes[data..].chunks_exact(4).map(number).collect();
    values
        .chunks_exact(dimension)
        .map(<[f32]>::to_vec)
        .collect()
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    let squares = a.iter().zip(b).map(|(a, b)| (a - b).powi(2));
    squares.sum::<f32>().sqrt()
}

#[test]
fn an_index_of_a_re_identification_model_answers_as_exact_search_by_euclidean_distance() {
    an_index_answers_as_exact_search("osnet-x025-512", 512);
}

#[test]
fn an_index_of_a_re_identification_model_whose_lengths_count_answers_as_exact_search() {
    let place = Place::with(PICTURES);
    if let Some(model) = brought("osnet-x025-512", &place.path("")) {
        lengths_count(&model.with_extension("json"));
        an_index_by_distance_answers_as_exact_search(&place, &model, 512);
    }
}

#[test]
fn an_index_of_a_small_model_whose_lengths_count_answers_as_exact_search() {
    let place = Place::with(PICTURES);
    let model = fixture(&place);
    lengths_count(&model.with_extension("json"));
    an_index_by_distance_answers_as_exact_search(&place, &model, 8);
}

#[test]
fn an_index_of_a_model_of_2560_numbers_answers_as_exact_search_by_euclidean_distance() {
    an_index_answers_as_exact_search("teacher", 2560);
}

fn an_index_answers_as_exact_search(name: &str, dimension: usize) {
    let place = Place::with(PICTURES);
    let Some(model) = brought(name, &place.path("")) else {
        return;
    };
    let (photos, site, model) = (
        place.text("photos"),
        place.text("site"),
        model.to_str().unwrap(),
    );
    let report = ok(&["build", &photos, "-o", &site, "--no-page", "--model", model]);
    assert_eq!(report["dimension"], dimension, "{report}");
    let npy = place.text("rows.npy");
    ok(&["embed", &photos, "-o", &npy, "--model", model]);
    let rows = rows(Path::new(&npy), dimension);
    let names = fs::read_to_string(place.path("rows.names.txt")).unwrap();
    let names: Vec<&str> = names.lines().collect();
    assert_eq!(
        (rows.len(), names.len()),
        (PICTURES as usize, PICTURES as usize)
    );
    let (mut found, k) = (0, 5);
    for (row, name) in rows.iter().zip(&names).step_by(6) {
        assert!(
            (distance(row, &vec![0.0; dimension]) - 1.0).abs() < 1e-4,
            "{name}"
        );
        let picture = format!("{photos}/{name}");
        let answer = ok(&["search", &site, &picture, "-k", "5", "--recall", "0.99"]);
        assert_eq!(answer["hits"][0]["path"], *name, "{answer}");
        let mut nearest: Vec<usize> = (0..rows.len()).collect();
        nearest.sort_by(|a, b| distance(row, &rows[*a]).total_cmp(&distance(row, &rows[*b])));
        let hits = answer["hits"].as_array().unwrap();
        for hit in hits {
            let at = names.iter().position(|name| hit["path"] == *name).unwrap();
            let score = hit["score"].as_f64().unwrap();
            // Of unit vectors: d² = 2 - 2 cos.
            let exact = 1.0 - f64::from(distance(row, &rows[at])).powi(2) / 2.0;
            assert!((score - exact).abs() < 0.02, "{name}: {score} for {exact}");
            found += usize::from(nearest[..k].contains(&at));
        }
    }
    let asked = rows.len().div_ceil(6) * k;
    println!("{name}: {found} of the {asked} nearest");
    assert!(found * 100 >= asked * 96, "{found} of {asked}");
}

/// A small network that everybody has.
fn fixture(place: &Place) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models");
    for name in ["plain.onnx", "plain.json"] {
        fs::copy(folder.join(name), place.path(name)).unwrap();
    }
    place.path("plain.onnx")
}

/// Says so in a sidecar. Its reference is of unit length, so it goes.
fn lengths_count(sidecar: &Path) {
    let mut value: Value = serde_json::from_slice(&fs::read(sidecar).unwrap()).unwrap();
    value["output"]["normalise"] = false.into();
    value.as_object_mut().unwrap().remove("reference");
    fs::write(sidecar, value.to_string()).unwrap();
}

fn an_index_by_distance_answers_as_exact_search(place: &Place, model: &Path, dimension: usize) {
    let (photos, site) = (place.text("photos"), place.text("site"));
    let model = model.to_str().unwrap();
    let build = ["build", &photos, "-o", &site, "--no-page", "--model", model];
    assert_eq!(ok(&build)["dimension"], dimension);
    assert_eq!(ok(&["inspect", &site])["metric"], "euclidean");
    let npy = place.text("rows.npy");
    ok(&["embed", &photos, "-o", &npy, "--model", model]);
    let rows = rows(Path::new(&npy), dimension);
    let names = fs::read_to_string(place.path("rows.names.txt")).unwrap();
    let names: Vec<&str> = names.lines().collect();
    let lengths: Vec<f32> = rows
        .iter()
        .map(|row| distance(row, &vec![0.0; dimension]))
        .collect();
    let (least, most) = lengths
        .iter()
        .fold((f32::MAX, 0f32), |(l, m), &x| (l.min(x), m.max(x)));
    assert!(
        most > 1.05 * least,
        "lengths from {least} to {most} prove nothing"
    );
    let all_are_answered_exactly = || {
        let (mut found, mut asked) = (0, 0);
        for (row, name) in rows.iter().zip(&names).step_by(6) {
            let picture = format!("{photos}/{name}");
            let answer = ok(&["search", &site, &picture, "-k", "5", "--recall", "0.99"]);
            assert_eq!(answer["metric"], "euclidean");
            assert_eq!(answer["hits"][0]["path"], *name, "{answer}");
            let mut nearest: Vec<usize> = (0..rows.len()).collect();
            nearest.sort_by(|a, b| distance(row, &rows[*a]).total_cmp(&distance(row, &rows[*b])));
            let unit = distance(row, &rows[nearest[1]]);
            for hit in answer["hits"].as_array().unwrap() {
                let at = names.iter().position(|name| hit["path"] == *name).unwrap();
                let told = hit["distance"].as_f64().unwrap() as f32;
                let exact = distance(row, &rows[at]);
                assert!(
                    (told - exact).abs() < 0.05 * exact.max(unit),
                    "{name}: {told} for {exact}"
                );
                found += usize::from(nearest[..5].contains(&at));
                asked += 1;
            }
        }
        println!("{model}: {found} of the {asked} nearest, lengths from {least} to {most}");
        assert!(found * 100 >= asked * 96, "{found} of {asked}");
    };
    all_are_answered_exactly();
    // What comes and goes is as long as it is.
    ok(&["remove", &site, names[3]]);
    ok(&["add", &site, &format!("{photos}/{}", names[3])]);
    all_are_answered_exactly();
    let verified = ok(&["verify", &site]);
    assert_eq!(verified["problems"], Value::Array(vec![]), "{verified}");
    let (code, message) = refused(&[&build[..], &["--dim", "4"]].concat());
    assert_eq!(code, "projection_mismatch");
    assert!(message.contains("normalise"), "{message}");
    let (code, message) = refused(&["upgrade", &site, "--no-page"]);
    assert_eq!(code, "model_mismatch");
    assert!(message.contains("normalise"), "{message}");
    // With another model the pictures are near by their angle again.
    ok(&["build", &photos, "-o", &site, "--no-page"]);
    assert_eq!(ok(&["inspect", &site])["metric"], "cosine");
    let verified = ok(&["verify", &site]);
    assert_eq!(verified["problems"], Value::Array(vec![]), "{verified}");
}
