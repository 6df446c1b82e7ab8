//! Projections: vectors that are cut to fewer numbers, with the program as people call it.

// These tests run a program on files: on the machine, not in the browser.
#![cfg(not(target_arch = "wasm32"))]
#![cfg(feature = "embed")]

#[allow(dead_code)]
mod place;

use std::collections::BTreeMap;
use std::fs;

use place::{Place, jpeg, ok, refused};
use serde_json::{Value, json};

fn build(place: &Place, more: &[&str]) -> Value {
    let (photos, site) = (place.text("photos"), place.text("site"));
    let arguments = ["build", &photos, "-o", &site, "--no-page"];
    ok(&[&arguments, more].concat())
}

fn manifest(place: &Place) -> Value {
    serde_json::from_slice(&place.manifest()).unwrap()
}

fn sidecar(place: &Place) -> Value {
    let name = manifest(place)["model"]["sidecar"]["name"].clone();
    let path = format!("site/{}", name.as_str().unwrap());
    serde_json::from_slice(&fs::read(place.path(&path)).unwrap()).unwrap()
}

#[test]
fn vectors_of_fewer_numbers_find_the_same_pictures_and_embed_none_again() {
    let place = Place::with(40);
    build(&place, &[]);
    let ids: BTreeMap<String, u64> = place.ids().into_iter().collect();
    let report = build(&place, &["--dim", "16"]);
    assert_eq!(
        (&report["dimension"], &report["projection"]),
        (&16.into(), &"pca".into())
    );
    assert_eq!(
        (&report["embedded"], &report["reused"]),
        (&0.into(), &40.into())
    );
    assert_eq!(manifest(&place)["dimension"], 16);
    assert_eq!(place.ids().into_iter().collect::<BTreeMap<_, _>>(), ids);
    for number in [0, 1, 7, 31] {
        let found = place.search(&format!("photos/{number}.jpg"));
        let first = &found["hits"][0];
        assert_eq!(first["path"], format!("{number}.jpg"));
        assert!(first["score"].as_f64().unwrap() > 0.99, "{found}");
    }
    let verified = ok(&["verify", &place.text("site")]);
    assert_eq!(verified["problems"], json!([]));
}

#[test]
fn a_projection_stays_over_builds_and_updates_until_another_is_asked_for() {
    let place = Place::with(30);
    build(&place, &["--projection", "pca", "--dim", "12"]);
    let fitted = sidecar(&place)["projection"].clone();
    assert_eq!(build(&place, &[])["published"], false);
    assert_eq!(build(&place, &["--dim", "12"])["published"], false);
    place.write("photos/new.jpg", &jpeg(900, 96, 80));
    ok(&["add", &place.text("site"), &place.text("photos/new.jpg")]);
    place.write("photos/newer.jpg", &jpeg(901, 96, 80));
    assert_eq!(build(&place, &[])["added"], 1);
    ok(&["remove", &place.text("site"), "3.jpg"]);
    ok(&["compact", &place.text("site")]);
    assert_eq!(sidecar(&place)["projection"], fitted);
    for name in ["new.jpg", "newer.jpg"] {
        let found = place.search(&format!("photos/{name}"));
        assert_eq!(found["hits"][0]["path"], name);
    }
    let other = build(&place, &["--dim", "8"]);
    assert_eq!(
        (&other["dimension"], &other["embedded"]),
        (&8.into(), &1.into())
    );
    let none = build(&place, &["--projection", "none"]);
    assert_eq!(
        (&none["dimension"], &none["projection"]),
        (&192.into(), &Value::Null)
    );
    assert!(sidecar(&place).get("projection").is_none());
}

#[test]
fn full_vectors_of_another_projection_are_not_taken_for_those_of_the_index() {
    let (place, next) = (Place::with(30), Place::with(31));
    build(&place, &["--dim", "16"]);
    build(&next, &["--dim", "16"]);
    place.bring_full_vectors_of(&next.path("site"));
    place.write("photos/new.jpg", &jpeg(900, 96, 80));
    let (site, new) = (place.text("site"), place.text("photos/new.jpg"));
    assert_eq!(ok(&["add", &site, &new])["added"], 1);
    assert_eq!(ok(&["verify", &site])["problems"], json!([]));
    // And where its own are lost, they are not taken in their place.
    fs::remove_dir_all(place.path("site/.nearsight")).unwrap();
    fs::create_dir(place.path("site/.nearsight")).unwrap();
    place.bring_full_vectors_of(&next.path("site"));
    place.write("photos/newer.jpg", &jpeg(901, 96, 80));
    let before = place.manifest();
    let newer = place.text("photos/newer.jpg");
    let (code, message) = refused(&["add", &site, &newer]);
    assert_eq!(code, "state_stale");
    assert!(message.contains("another epoch"), "{message}");
    assert_eq!(place.manifest(), before);
    // As the message says.
    assert_eq!(build(&place, &[])["added"], 1);
    assert_eq!(ok(&["verify", &site])["problems"], json!([]));
}

#[test]
fn a_gallery_that_has_more_than_doubled_is_fitted_anew_by_a_build_alone() {
    let place = Place::with(20);
    build(&place, &["--dim", "8"]);
    let fitted = sidecar(&place)["projection"].clone();
    for number in 0..30 {
        let name = format!("photos/late{number}.jpg");
        place.write(&name, &jpeg(1000 + number, 96, 80));
    }
    ok(&["add", &place.text("site"), &place.text("photos")]);
    assert_eq!(sidecar(&place)["projection"], fitted);
    let report = build(&place, &[]);
    assert_eq!(
        (&report["embedded"], &report["dimension"]),
        (&0.into(), &8.into())
    );
    assert_eq!(sidecar(&place)["projection"]["fitted_on"], 50);
    let found = place.search("photos/late7.jpg");
    assert_eq!(found["hits"][0]["path"], "late7.jpg");
    assert_eq!(build(&place, &[])["published"], false);
}

#[test]
fn a_thousand_pictures_are_projected_unasked_and_as_asked_where_asked() {
    let place = Place::with(1000);
    let report = build(&place, &[]);
    assert_eq!(
        (&report["dimension"], &report["projection"]),
        (&64.into(), &"pca".into())
    );
    let found = place.search("photos/400.jpg");
    assert_eq!(found["hits"][0]["path"], "400.jpg");
    let sidecar = serde_json::to_vec(&sidecar(&place)).unwrap();
    assert!(sidecar.len() < 100_000, "{} bytes", sidecar.len());
    let report = build(&place, &["--projection", "none"]);
    assert_eq!(
        (&report["dimension"], &report["embedded"]),
        (&192.into(), &0.into())
    );
    // What was asked for stays.
    assert_eq!(build(&place, &[])["published"], false);
}

#[test]
fn a_projection_from_a_file_is_applied_as_it_is() {
    let place = Place::with(20);
    // The first four numbers of the model's vector.
    let row = |at: usize| (0..192).map(move |i| f64::from(u8::from(i == at)));
    let matrix: Vec<f64> = (0..4).flat_map(row).collect();
    let map = json!({"format": 1, "kind": "first", "input": 192, "output": 4, "matrix": matrix, "offset": [0, 0, 0, 0]});
    place.write("map.json", map.to_string().as_bytes());
    let file = place.text("map.json");
    let report = build(&place, &["--projection", &file]);
    assert_eq!(
        (&report["dimension"], &report["projection"]),
        (&4.into(), &"first".into())
    );
    let found = place.search("photos/4.jpg");
    assert!(
        found["hits"][0]["score"].as_f64().unwrap() > 0.99,
        "{found}"
    );
}

#[test]
fn what_cannot_be_projected_is_refused_and_says_why() {
    let place = Place::with(6);
    let (photos, site) = (place.text("photos"), place.text("site"));
    let cases: [(&str, &[&str], &str, &str); 4] = [
        (
            "few.json",
            &["--dim", "64"],
            "projection_impossible",
            "6 pictures",
        ),
        (
            "few.json",
            &["--dim", "500"],
            "projection_impossible",
            "500",
        ),
        (
            "other.json",
            &["--projection"],
            "projection_mismatch",
            "192",
        ),
        ("torn.json", &["--projection"], "model_broken", "torn.json"),
    ];
    place.write(
        "other.json",
        br#"{"format":1,"kind":"pca","input":2,"output":1,"matrix":[1,0],"offset":[0]}"#,
    );
    place.write("torn.json", br#"{"format":1,"kind":"pca","inp"#);
    for (name, flags, code, named) in cases {
        let file = place.text(name);
        let mut arguments = vec!["build", &photos, "-o", &site, "--no-page"];
        arguments.extend(flags);
        if flags == ["--projection"] {
            arguments.push(&file);
        }
        let (found, message) = refused(&arguments);
        assert!(
            found == code && message.contains(named),
            "{found}: {message}"
        );
    }
    assert!(!place.path("site/manifest.json").exists());
}
