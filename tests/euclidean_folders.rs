//! `build --vectors --metric euclidean` and what comes after it: a folder that searches, is evaluated, verified, repartitioned, and goes
//! on with rows that come and go; and stays what it is.

// These tests run a program on files: on the machine, not in the browser.
#![cfg(not(target_arch = "wasm32"))]
#![cfg(feature = "embed")]

// Pictures are made there, too; here only the folder and the program are needed.
#[allow(dead_code)]
mod place;

use nearsight::build::State;
use nearsight::partition::Random;
use place::{Place, nearsight, ok, raw, refused};
use serde_json::Value;

const DIMENSION: usize = 12;

/// Rows around a few centres, their lengths evenly spread over 0.2 to 20 by their logarithms.
fn rows(count: usize) -> Vec<f32> {
    let mut random = Random::new(3);
    let mut number = || random.unit() as f32 - 0.5;
    let centres: Vec<f32> = (0..9 * DIMENSION).map(|_| 4.0 * number()).collect();
    let mut values = Vec::with_capacity(count * DIMENSION);
    for row in 0..count {
        let centre = &centres[row % 9 * DIMENSION..][..DIMENSION];
        let mut point: Vec<f32> = centre.iter().map(|value| value + number()).collect();
        let length = point.iter().map(|value| value * value).sum::<f32>().sqrt();
        let wanted = 2.0 * 10f32.powf(2.0 * number());
        point.iter_mut().for_each(|value| *value *= wanted / length);
        values.extend(point);
    }
    values
}

fn build(place: &Place, values: &[f32], flags: &[&str]) -> Value {
    place.write("v.f32", &raw(values));
    let (file, site) = (place.text("v.f32"), place.text("site"));
    let mut arguments = vec!["build", "--vectors", &file, "-o", &site];
    arguments.extend(["--dimension", "12"]);
    arguments.extend(flags);
    ok(&arguments)
}

const BY_DISTANCE: [&str; 2] = ["--metric", "euclidean"];

fn search(place: &Place, row: &[f32], flags: &[&str]) -> Value {
    place.write("q.f32", &raw(row));
    let (file, site) = (place.text("q.f32"), place.text("site"));
    ok(&[&["search", &site, "--vector", &file, "-k", "5"], flags].concat())
}

fn verified(place: &Place) {
    let verified = ok(&["verify", &place.text("site")]);
    assert_eq!(verified["problems"], Value::Array(vec![]), "{verified}");
}

/// The ids and distances of the five nearest of these rows.
fn nearest(rows: &[(u32, &[f32])], query: &[f32]) -> Vec<(u32, f64)> {
    let distance = |row: &[f32]| {
        let pairs = row.iter().zip(query);
        let squares = pairs.map(|(&x, &q)| (f64::from(x) - f64::from(q)).powi(2));
        squares.sum::<f64>().sqrt()
    };
    let mut all: Vec<(u32, f64)> = rows.iter().map(|(id, row)| (*id, distance(row))).collect();
    all.sort_by(|a, b| a.1.total_cmp(&b.1));
    all.truncate(5);
    all
}

/// Every `step`-th of these rows is asked for, all cells opened, and its nearest are those of brute force.
fn answers_as_brute_force(place: &Place, rows: &[(u32, &[f32])], step: usize) {
    for (id, query) in rows.iter().step_by(step) {
        let answer = search(place, query, &["--exact"]);
        let hits = answer["hits"].as_array().unwrap();
        let truth = nearest(rows, query);
        assert_eq!(hits[0]["id"], *id, "{answer}");
        let found: Vec<u64> = hits.iter().map(|hit| hit["id"].as_u64().unwrap()).collect();
        let held = truth
            .iter()
            .filter(|near| found.contains(&u64::from(near.0)));
        assert!(held.count() >= 4, "{answer} for {truth:?}");
        let (last, exact) = (&hits[4]["distance"], truth[4].1);
        let last = last.as_f64().unwrap();
        assert!((last / exact - 1.0).abs() < 0.03, "{last} for {exact}");
        assert_eq!(answer["metric"], "euclidean");
    }
}

fn numbered(values: &[f32]) -> Vec<(u32, &[f32])> {
    (0..).zip(values.chunks(DIMENSION)).collect()
}

#[test]
fn an_index_by_distance_answers_is_evaluated_and_says_what_it_is() {
    let place = Place::with(0);
    let values = rows(1_500);
    build(&place, &values, &BY_DISTANCE);
    answers_as_brute_force(&place, &numbered(&values), 211);
    verified(&place);
    assert_eq!(ok(&["inspect", &place.text("site")])["metric"], "euclidean");
    let site = place.text("site");
    let found = ok(&["eval", &site, "--recall", "0.95", "--baselines"]);
    assert_eq!(found["metric"], "euclidean");
    let target = &found["targets"][0];
    let recall = target["recall"]["mean"].as_f64().unwrap();
    let stated = target["confidence"].as_f64().unwrap();
    assert!(recall > 0.94 && (recall - stated).abs() < 0.03, "{found}");
    let scanned = target["scanned"]["mean"].as_f64().unwrap();
    assert!(scanned < 0.5, "{found}");
    // Strangers come as they are, too.
    let lengthened: Vec<f32> = values[..90 * DIMENSION].iter().map(|v| 1.1 * v).collect();
    place.write("q.f32", &raw(&lengthened));
    let found = ok(&[
        "eval",
        &site,
        "--recall",
        "1",
        "--queries-from",
        &place.text("q.f32"),
    ]);
    let recall = found["targets"][0]["recall"]["mean"].as_f64().unwrap();
    assert!(recall > 0.97, "{found}");
    // In words the distance stands where a cosine would.
    let query = place.text("q.f32");
    let run = nearsight(&["search", &site, "--vector", &query, "-k", "1", "-q"]);
    let words = String::from_utf8(run.stdout).unwrap();
    assert!(!words.contains('-') && words.contains("row 0"), "{words}");
}

#[test]
fn rows_that_come_and_go_are_near_as_far_as_they_are() {
    let place = Place::with(0);
    let values = rows(900);
    build(&place, &values[..800 * DIMENSION], &BY_DISTANCE);
    let site = place.text("site");
    // The last of them far outside of all that the index was built of.
    let mut more = values[800 * DIMENSION..].to_vec();
    more.extend([500.0; DIMENSION]);
    place.write("more.f32", &raw(&more));
    let added = ok(&["add", &site, "--vectors", &place.text("more.f32")]);
    assert_eq!(
        (&added["added"], &added["kept_cells"]),
        (&101.into(), &true.into())
    );
    let all: Vec<f32> = values.iter().copied().chain([500.0; DIMENSION]).collect();
    answers_as_brute_force(&place, &numbered(&all), 97);
    let far = search(&place, &[490.0; DIMENSION], &[]);
    assert_eq!(far["hits"][0]["id"], 900);
    let distance = far["hits"][0]["distance"].as_f64().unwrap();
    assert!(
        (distance / 1_200f64.sqrt() - 1.0).abs() < 0.02,
        "{distance}"
    );
    verified(&place);

    ok(&["remove", &site, "3", "801", "900"]);
    let mut left = numbered(&values);
    left.retain(|(id, _)| ![3, 801].contains(id));
    answers_as_brute_force(&place, &left, 97);
    verified(&place);
    ok(&["compact", &site]);
    answers_as_brute_force(&place, &left, 97);
    verified(&place);
    // Nothing is told apart so far out.
    place.write("far.f32", &raw(&[1e12; DIMENSION]));
    let tiny: Vec<f32> = rows(300).iter().map(|value| 1e-9 * value).collect();
    place.write("near.f32", &raw(&tiny));
    let (far, near, small) = (
        place.text("far.f32"),
        place.text("near.f32"),
        place.text("small"),
    );
    let arguments = [
        "build",
        "--vectors",
        &near,
        "--dimension",
        "12",
        "--metric",
        "euclidean",
    ];
    ok(&[&arguments[..], &["-o", &small]].concat());
    for arguments in [
        ["add", &small, "--vectors", &far],
        ["search", &small, "--vector", &far],
    ] {
        let (code, message) = refused(&arguments);
        assert!(
            ["vectors_invalid", "query_invalid"].contains(&code.as_str()),
            "{code}"
        );
        assert!(message.contains("times as far"), "{message}");
    }
    let state = State::open(&place.path("site")).unwrap();
    assert_eq!(state.row(5), Some(&values[5 * DIMENSION..6 * DIMENSION]));
    let run = ok(&["repartition", &site, "--dry-run"]);
    assert!(run["outcome"].is_string(), "{run}");
}

#[test]
fn built_again_an_index_stays_by_distance_and_its_cells_go_on() {
    let place = Place::with(0);
    let values = rows(760);
    build(&place, &values[..700 * DIMENSION], &BY_DISTANCE);
    let again = build(&place, &values[..700 * DIMENSION], &[]);
    assert_eq!(again["published"], false);
    let grown = build(&place, &values, &[]);
    assert_eq!(
        (&grown["added"], &grown["changed"], &grown["kept_cells"]),
        (&60.into(), &0.into(), &true.into())
    );
    answers_as_brute_force(&place, &numbered(&values), 83);
    // A row has another vector: all cells are new, and so is the frame.
    let mut changed = values.clone();
    changed[0] += 1.0;
    let report = build(&place, &changed, &[]);
    assert_eq!(
        (&report["changed"], &report["kept_cells"]),
        (&1.into(), &false.into())
    );
    answers_as_brute_force(&place, &numbered(&changed), 83);
    verified(&place);
}

#[test]
fn any_number_of_threads_gives_the_same_files() {
    let values = rows(6_000);
    let manifests = ["1", "3"].map(|jobs| {
        let place = Place::with(0);
        build(&place, &values, &["--metric", "euclidean", "--jobs", jobs]);
        place.manifest()
    });
    assert_eq!(manifests[0], manifests[1]);
}

#[test]
fn an_index_never_turns_from_one_metric_to_the_other() {
    let values = rows(300);
    for (first, second) in [("euclidean", "cosine"), ("cosine", "euclidean")] {
        let place = Place::with(0);
        build(&place, &values, &["--metric", first]);
        let before = place.manifest();
        let (file, site) = (place.text("v.f32"), place.text("site"));
        let arguments = [
            "build",
            "--vectors",
            &file,
            "-o",
            &site,
            "--dimension",
            "12",
            "--metric",
            second,
        ];
        let (code, message) = refused(&arguments);
        assert_eq!(code, "output_occupied");
        assert!(message.contains("compared by"), "{message}");
        assert_eq!(place.manifest(), before);
    }
}

#[test]
fn what_only_the_other_metric_has_is_refused() {
    let place = Place::with(1);
    build(&place, &rows(300), &BY_DISTANCE);
    place.write("q.f32", &raw(&[1.0; DIMENSION]));
    let (file, site) = (place.text("q.f32"), place.text("site"));
    for flag in ["--min-score=0.5", "--distinct", "--distinct=-1"] {
        let (code, message) = refused(&["search", &site, "--vector", &file, flag]);
        assert_eq!(code, "query_invalid", "{flag}");
        assert!(message.contains("Euclidean"), "{flag}: {message}");
    }
    let answer = search(
        &place,
        &[1.0; DIMENSION],
        &["--distinct=0.5", "--min-score=-30"],
    );
    assert!(answer["hits"].is_array());
    // Pictures are compared as their model says.
    let photos = place.text("photos");
    let run = nearsight(&[
        "build",
        &photos,
        "-o",
        &place.text("other"),
        "--metric",
        "euclidean",
    ]);
    assert_eq!(run.status.code(), Some(2));
    // A value that is no number has no distance either.
    place.write("bad.f32", &raw(&[f32::NAN; DIMENSION]));
    let bad = place.text("bad.f32");
    let (code, _) = refused(&["search", &site, "--vector", &bad]);
    assert_eq!(code, "vectors_invalid");
}
