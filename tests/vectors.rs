//! An index of vectors made elsewhere: a file in; a folder that searches, verifies and goes on out.

// These tests run a program on files: on the machine, not in the browser.
#![cfg(not(target_arch = "wasm32"))]
#![cfg(feature = "embed")]

// Pictures are made there, too; here only the folder and the program are needed.
#[allow(dead_code)]
mod place;

use std::fs;
use std::path::Path;

use nearsight::build::{BuildError, Shape, State, VectorFile, Vectors};
use nearsight::partition::Random;
use nearsight::quantize::Metric;
use place::{Place, nearsight, ok, raw, refused};
use serde_json::Value;

const DIMENSION: usize = 12;

/// Rows around a few centres, of any length.
fn rows(count: usize) -> Vec<f32> {
    let mut random = Random::new(3);
    let mut number = || random.unit() as f32 - 0.5;
    let centres: Vec<f32> = (0..9 * DIMENSION).map(|_| 4.0 * number()).collect();
    let places = (0..count).flat_map(|row| (0..DIMENSION).map(move |place| (row % 9, place)));
    places
        .map(|(centre, place)| centres[centre * DIMENSION + place] + number())
        .collect()
}

fn npy(values: &[f32], order: &str, descr: &str) -> Vec<u8> {
    let rows = values.len() / DIMENSION;
    let header = format!(
        "{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({rows}, {DIMENSION}), }}\n"
    );
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(raw(values));
    bytes
}

fn build(place: &Place, values: &[f32]) -> Value {
    place.write("v.npy", &npy(values, "False", "<f4"));
    let (file, site) = (place.text("v.npy"), place.text("site"));
    ok(&["build", "--vectors", &file, "-o", &site])
}

fn search(place: &Place, row: &[f32]) -> Value {
    place.write("q.npy", &npy(row, "False", "<f4"));
    let (file, site) = (place.text("q.npy"), place.text("site"));
    ok(&["search", &site, "--vector", &file, "-k", "3"])
}

fn verified(place: &Place) {
    let verified = ok(&["verify", &place.text("site")]);
    assert_eq!(verified["problems"], Value::Array(vec![]), "{verified}");
}

#[test]
fn every_row_finds_itself_under_its_number() {
    let place = Place::with(0);
    let values = rows(400);
    let report = build(&place, &values);
    assert_eq!(
        (&report["pictures"], &report["published"]),
        (&400.into(), &true.into())
    );
    assert_eq!(report["dimension"], DIMENSION);
    for row in [0, 7, 211, 399] {
        let answer = search(&place, &values[row * DIMENSION..][..DIMENSION]);
        assert_eq!(answer["hits"][0]["id"], row, "{answer}");
        assert!(answer["hits"][0]["score"].as_f64().unwrap() > 0.99);
        assert!(answer["picture"].is_null() && answer["embed_ms"].is_null());
    }
    verified(&place);
    let found = ok(&["inspect", &place.text("site")]);
    assert_eq!(
        (&found["pictures"], &found["state"]),
        (&400.into(), &true.into())
    );
    assert!(found["model"].is_null());
}

#[test]
fn a_raw_file_gives_the_same_index_as_a_numpy_file() {
    let (one, two) = (Place::with(0), Place::with(0));
    let values = rows(300);
    build(&one, &values);
    two.write("v.f32", &raw(&values));
    let (file, site) = (two.text("v.f32"), two.text("site"));
    ok(&[
        "build",
        "--vectors",
        &file,
        "--dimension",
        "12",
        "-o",
        &site,
    ]);
    assert_eq!(one.manifest(), two.manifest());
}

#[test]
fn the_full_vectors_are_kept_so_that_the_cells_can_be_divided_anew() {
    let place = Place::with(0);
    build(&place, &rows(500));
    let state = State::open(&place.path("site")).unwrap();
    let (values, dimension) = state.vectors();
    assert_eq!((state.rows(), dimension), (500, DIMENSION));
    let length: f32 = values[..DIMENSION].iter().map(|value| value * value).sum();
    assert!((length - 1.0).abs() < 1e-5);
    let run = ok(&["repartition", &place.text("site"), "--dry-run"]);
    assert!(run["outcome"].is_string(), "{run}");
}

#[test]
fn the_same_vectors_again_publish_nothing_and_a_few_more_keep_the_cells() {
    let place = Place::with(0);
    let values = rows(420);
    let first = build(&place, &values[..400 * DIMENSION]);
    assert_eq!(
        build(&place, &values[..400 * DIMENSION])["published"],
        false
    );
    let second = build(&place, &values);
    assert_eq!(
        (&second["added"], &second["kept_cells"]),
        (&20.into(), &true.into())
    );
    assert_eq!(
        second["epoch"].as_u64(),
        first["epoch"].as_u64().map(|epoch| epoch + 1)
    );
    let answer = search(&place, &values[410 * DIMENSION..][..DIMENSION]);
    assert_eq!(answer["hits"][0]["id"], 410, "{answer}");
    verified(&place);
}

#[test]
fn rows_that_changed_places_are_found_under_their_new_numbers() {
    let place = Place::with(0);
    let mut values = rows(400);
    build(&place, &values);
    // Two rows of one centre: the cell's members and mean stay what they were, its codes must not.
    let (a, b) = (18 * DIMENSION, 27 * DIMENSION);
    for place in 0..DIMENSION {
        values.swap(a + place, b + place);
    }
    let report = build(&place, &values);
    assert_eq!(
        (&report["changed"], &report["kept_cells"]),
        (&2.into(), &false.into())
    );
    for row in [18, 27] {
        let answer = search(&place, &values[row * DIMENSION..][..DIMENSION]);
        assert_eq!(answer["hits"][0]["id"], row, "{answer}");
    }
    verified(&place);
}

#[test]
fn a_file_that_is_not_what_it_claims_is_refused_and_nothing_is_written() {
    let place = Place::with(0);
    let values = rows(20);
    let whole = npy(&values, "False", "<f4");
    let mut zero = values.clone();
    zero[7 * DIMENSION..8 * DIMENSION].fill(0.0);
    let mut infinite = values.clone();
    infinite[5 * DIMENSION + 2] = f32::INFINITY;
    let cases: [(&str, Vec<u8>, &str); 8] = [
        ("cut.npy", whole[..whole.len() - 4].to_vec(), "cut short"),
        ("kind.npy", npy(&values, "False", "<i4"), "'<i4'"),
        ("order.npy", npy(&values, "True", "<f4"), "fortran_order"),
        ("text.npy", b"1.0 2.0".to_vec(), "no NumPy file"),
        ("unknown.f32", raw(&values), "--dimension"),
        ("ending.txt", raw(&values), ".npy"),
        ("zero.npy", npy(&zero, "False", "<f4"), "row 7 "),
        ("infinite.npy", npy(&infinite, "False", "<f4"), "row 5 "),
    ];
    for (name, bytes, words) in cases {
        place.write(name, &bytes);
        let (file, site) = (place.text(name), place.text("site"));
        let (code, message) = refused(&["build", "--vectors", &file, "-o", &site]);
        assert_eq!(code, "vectors_invalid", "{name}");
        assert!(
            message.contains(words) && message.contains(name),
            "{message}"
        );
    }
    place.write("long.f32", &raw(&values[1..]));
    let (file, site) = (place.text("long.f32"), place.text("site"));
    let (code, message) = refused(&[
        "build",
        "--vectors",
        &file,
        "--dimension",
        "12",
        "-o",
        &site,
    ]);
    assert_eq!(code, "vectors_invalid");
    assert!(message.contains("left over"), "{message}");
    assert!(!place.path("site").exists());
}

/// A Parquet file as it is, made by other programs (tests/fixtures/vectors/make.py).
fn table(path: &Path) -> Result<Vectors, BuildError> {
    VectorFile {
        path,
        dimension: None,
        column: None,
        shape: Shape::Table,
        metric: Metric::Euclidean,
    }
    .read()
}

const COMPRESSED: [&str; 5] = ["polars", "polars-array", "zstd-v2", "zstd-plain", "gzip"];

fn compressed(name: &str) -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/vectors");
    folder.join(format!("{name}.parquet"))
}

#[test]
fn tables_that_other_programs_compressed_hold_what_they_wrote() {
    let number = |place: usize| ((7 * (place / 4) + 3 * (place % 4)) % 11) as f32 - 5.0;
    let written: Vec<f32> = (0..60 * 4).map(number).collect();
    for name in COMPRESSED {
        let read = table(&compressed(name)).unwrap();
        assert_eq!(read.dimension, 4, "{name}");
        assert_eq!(read.values, written, "{name}");
    }
    let error = table(&compressed("brotli")).unwrap_err();
    assert_eq!(error.code(), "vectors_invalid");
    assert!(error.to_string().contains("with brotli; write"), "{error}");
}

#[test]
fn a_compressed_table_with_any_byte_changed_is_refused_or_read_and_one_cut_short_is_refused() {
    let place = Place::with(0);
    let path = place.path("changed.parquet");
    for name in COMPRESSED {
        let whole = fs::read(compressed(name)).unwrap();
        let mut refused = 0;
        for at in 0..whole.len() {
            for flip in [1, 0x80, 0xff] {
                let mut changed = whole.clone();
                changed[at] ^= flip;
                fs::write(&path, changed).unwrap();
                match table(&path) {
                    Ok(read) => assert_eq!(read.values.len() % read.dimension, 0),
                    Err(error) => {
                        assert_eq!(error.code(), "vectors_invalid", "{name} {at}: {error}");
                        refused += 1;
                    }
                }
            }
        }
        assert!(
            refused > whole.len(),
            "{name}: {refused} of {} bytes",
            whole.len()
        );
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(table(&path).is_err(), "{name} of {length} bytes");
        }
    }
}

#[test]
fn a_query_of_another_length_is_refused() {
    let place = Place::with(0);
    build(&place, &rows(50));
    place.write("q.f32", &raw(&[1.0; DIMENSION + 1]));
    let (file, site) = (place.text("q.f32"), place.text("site"));
    let (code, _) = refused(&["search", &site, "--vector", &file]);
    assert_eq!(code, "vectors_invalid");
}

#[test]
fn pictures_and_vectors_never_share_a_folder() {
    let place = Place::with(3);
    place.build();
    let before = place.manifest();
    place.write("v.npy", &npy(&rows(30), "False", "<f4"));
    let (file, site) = (place.text("v.npy"), place.text("site"));
    let (code, message) = refused(&["build", "--vectors", &file, "-o", &site]);
    assert_eq!(code, "output_occupied");
    assert!(message.contains("pictures"), "{message}");
    assert_eq!(place.manifest(), before);
    ok(&["build", "--vectors", &file, "-o", &place.text("other")]);
    let (code, message) = refused(&["build", &place.text("photos"), "-o", &place.text("other")]);
    assert_eq!(code, "output_occupied");
    assert!(message.contains("vectors"), "{message}");
}

#[test]
fn flags_that_only_pictures_have_are_wrong_usage_with_vectors() {
    let place = Place::with(0);
    place.write("v.npy", &npy(&rows(30), "False", "<f4"));
    let (file, site) = (place.text("v.npy"), place.text("site"));
    for flag in [["--model", "m.onnx"], ["--limit-width", "9"]] {
        let arguments = ["build", "--vectors", &file, "-o", &site, flag[0], flag[1]];
        assert_eq!(nearsight(&arguments).status.code(), Some(2), "{flag:?}");
    }
    for arguments in [vec!["build", "-o", &site], vec!["search", &site]] {
        assert_eq!(nearsight(&arguments).status.code(), Some(2));
    }
}

/// As `build`, with more flags.
fn build_with(place: &Place, values: &[f32], flags: &[&str]) -> Value {
    place.write("v.npy", &npy(values, "False", "<f4"));
    let (file, site) = (place.text("v.npy"), place.text("site"));
    let mut arguments = vec!["build", "--vectors", &file, "-o", &site];
    arguments.extend(flags);
    ok(&arguments)
}

#[test]
fn any_number_of_threads_gives_the_same_files() {
    let values = rows(6_000);
    let manifests = ["1", "2", "3"].map(|jobs| {
        let place = Place::with(0);
        build_with(&place, &values, &["--jobs", jobs]);
        place.manifest()
    });
    // It names every file by its content, the calibration among them.
    assert_eq!(manifests[0], manifests[1]);
    assert_eq!(manifests[0], manifests[2]);
}

#[test]
fn bits_stay_until_others_are_asked_for() {
    let place = Place::with(0);
    let values = rows(700);
    let bits = || ok(&["inspect", &place.text("site")])["bits"].clone();
    assert_eq!(build_with(&place, &values, &["--bits", "6"])["bits"], 6);
    assert_eq!(build(&place, &values)["published"], false);
    let report = build(&place, &rows(710));
    assert_eq!(
        (&report["published"], &report["kept_cells"], bits()),
        (&true.into(), &true.into(), 6.into())
    );
    let wide = build_with(&place, &rows(710), &["--bits", "9"]);
    assert_eq!((&wide["published"], bits()), (&true.into(), 9.into()));
    let (narrow, wide) = (&report["index_bytes"], &wide["index_bytes"]);
    assert!(narrow.as_u64() < wide.as_u64(), "{narrow} and {wide} bytes");
    verified(&place);
    place.write("v.npy", &npy(&values, "False", "<f4"));
    let (file, site) = (place.text("v.npy"), place.text("site"));
    let run = nearsight(&["build", "--vectors", &file, "-o", &site, "--bits", "7"]);
    assert_eq!(run.status.code(), Some(2));
}

#[test]
fn every_layout_finds_every_row() {
    let values = rows(900);
    for layout in ["ward", "kmeans", "tree"] {
        let place = Place::with(0);
        build_with(&place, &values, &["--layout", layout]);
        for row in [0, 450, 899] {
            let answer = search(&place, &values[row * DIMENSION..][..DIMENSION]);
            assert_eq!(answer["hits"][0]["id"], row, "{layout}: {answer}");
        }
        verified(&place);
    }
}

#[test]
fn the_number_of_cells_is_the_largest_of_those_weighed_that_cost_about_as_little_as_the_cheapest() {
    let (place, values) = (Place::with(0), rows(6_000));
    let report = build(&place, &values);
    let weighed = report["candidates"].as_array().unwrap();
    assert_eq!(weighed.len(), 6, "{report}");
    let cost = |candidate: &Value| candidate["cost"].as_f64().unwrap();
    let chosen: Vec<&Value> = weighed.iter().filter(|c| c["chosen"] == true).collect();
    assert_eq!(chosen.len(), 1);
    // What a search pays whatever it opens, and what counts as the same: constants of the builder.
    let (fixed, same) = (5_000.0, 1.08);
    let cheapest = weighed.iter().map(cost).fold(f64::INFINITY, f64::min);
    let is_about_as_cheap = |one: &Value| fixed + cost(one) <= (fixed + cheapest) * same;
    assert!(is_about_as_cheap(chosen[0]), "{report}");
    let cells = |one: &Value| one["cells"].as_u64().unwrap();
    let larger = weighed.iter().filter(|one| cells(one) > cells(chosen[0]));
    assert!(!larger.into_iter().any(is_about_as_cheap), "{report}");
    // The bounds on sizes may add some cells or take some away.
    let (wanted, cells) = (chosen[0]["cells"].as_f64(), report["cells"].as_f64());
    let share = cells.unwrap() / wanted.unwrap();
    assert!((0.5..1.5).contains(&share), "{report}");
    assert!(
        weighed.is_sorted_by_key(|c| c["cells"].as_u64())
            && weighed
                .iter()
                .rev()
                .is_sorted_by_key(|c| c["scanned"].as_f64().unwrap() as u64),
        "more cells, fewer rows: {report}"
    );
    for flags in [&["--cells", "90"][..], &["--layout", "kmeans"]] {
        let given = build_with(&Place::with(0), &values, flags);
        assert_eq!(given["candidates"], Value::Array(vec![]), "{given}");
    }
    let few = build(&Place::with(0), &rows(4_999));
    assert_eq!(few["candidates"], Value::Array(vec![]));
}

#[test]
fn an_index_of_vectors_is_evaluated_beside_simpler_searches() {
    let place = Place::with(0);
    build(&place, &rows(1_500));
    let found = ok(&[
        "eval",
        &place.text("site"),
        "--queries",
        "200",
        "--recall",
        "0.9,1",
        "--baselines",
    ]);
    assert_eq!(
        (&found["pictures"], &found["queries"]),
        (&1_500.into(), &200.into())
    );
    assert_eq!(found["baselines"]["exact"]["rows"], 1_500);
    for kind in ["lsh", "cells"] {
        let probing = found["baselines"][kind]["probing"].as_array().unwrap();
        assert_eq!(probing.len(), 2);
        for (probing, target) in probing.iter().zip([0.9, 1.0]) {
            let number = |key: &str| probing[key].as_f64().unwrap();
            assert!(number("recall") >= target - 1e-6, "{kind}: {probing}");
            assert!(
                (0.0..=1.0).contains(&number("scanned")),
                "{kind}: {probing}"
            );
        }
    }
    let scanned = |kind: &str| {
        let share = &found["baselines"][kind]["probing"][0]["scanned"];
        share.as_f64().unwrap()
    };
    assert!(scanned("cells") < scanned("lsh"), "{found}");
}
