//! Tables of vectors that are larger than the memory of the program that indexes them: the files are those of a build that has room for all, and
//! nothing is left behind by one that ended too early.

// These tests run a program on files: on the machine, not in the browser.
#![cfg(not(target_arch = "wasm32"))]
#![cfg(feature = "embed")]

// Pictures are made there, too; here only the folder and the program are needed.
#[allow(dead_code)]
mod place;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nearsight::build::assemble::Encoding;
use nearsight::build::{fresh, made_comparable};
use nearsight::partition::{PartitionOptions, Random, Rows};
use nearsight::quantize::Metric;
use place::{Place, command, ok, raw, refused};
use serde_json::Value;

/// Rows around a few centres, of any length.
fn rows(count: usize, dimension: usize) -> Vec<f32> {
    let mut random = Random::new(5);
    let mut number = || random.unit() as f32 - 0.5;
    let centres: Vec<f32> = (0..40 * dimension).map(|_| 2.0 * number()).collect();
    (0..count)
        .flat_map(|row| (0..dimension).map(move |place| (row % 40, place)))
        .map(|(centre, place)| centres[centre * dimension + place] + number())
        .collect()
}

fn build<'a>(place: &Place, dimension: &'a str, more: &[&'a str]) -> Vec<String> {
    let (file, site) = (place.text("v.f32"), place.text("site"));
    let arguments = ["build", "--vectors", &file, "--dimension", dimension];
    let all = [&arguments[..], &["-o", &site], more].concat();
    all.into_iter().map(str::to_owned).collect()
}

fn run(arguments: &[String]) -> Value {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    ok(&arguments)
}

/// What lies in the state folder and is no part of a state.
fn left_over(site: &Path) -> Vec<String> {
    let entries = fs::read_dir(site.join(".nearsight")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with('.')).collect()
}

#[test]
fn the_files_are_those_that_are_made_of_rows_in_memory() {
    for (name, metric) in [("cosine", Metric::Cosine), ("euclidean", Metric::Euclidean)] {
        // More than what is kept in memory because it is little.
        let (count, dimension) = (6_000, 48);
        let mut values = rows(count, dimension);
        let place = Place::with(0);
        place.write("v.f32", &raw(&values));
        run(&build(&place, "48", &["--metric", name, "--jobs", "2"]));
        made_comparable(&mut values, dimension, metric).unwrap();
        let ids: Vec<u32> = (0..count as u32).collect();
        let encoding = Encoding {
            metric: Some(metric),
            ..Encoding::default()
        };
        let rows = Rows::new(&values, dimension).unwrap();
        let options = PartitionOptions::default();
        let made = fresh(rows, &ids, &options, &encoding, &mut |_| ()).unwrap();
        // It names every file by its content.
        let manifest = made.assembled.manifest.to_json();
        assert_eq!(place.manifest(), manifest.as_bytes(), "{name}");
    }
}

/// Runs the program with less memory for data than it may have: whatever asks for more ends it.
#[cfg(target_os = "linux")]
fn run_within(kilobytes: u64, arguments: &[String]) -> Value {
    let limit = format!("ulimit -d {kilobytes} && exec \"$0\" \"$@\"");
    let output = std::process::Command::new("sh")
        .args(["-c", &limit, place::PROGRAM])
        .args(arguments)
        .args(["--json", "--quiet"])
        .output()
        .expect("there is a shell");
    assert!(
        output.status.success(),
        "{arguments:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("one object")
}

#[test]
#[cfg(target_os = "linux")]
fn a_table_larger_than_the_memory_is_indexed_and_grows_and_shrinks() {
    let (count, dimension) = (40_000, 1_536);
    // 246 MB of floats.
    let limit = 192 * 1024;
    for metric in ["cosine", "euclidean"] {
        let place = Place::with(0);
        let values = rows(count, dimension);
        place.write("v.f32", &raw(&values));
        place.write("more.f32", &raw(&values[..40 * dimension]));
        drop(values);
        let flags = [
            "--metric", metric, "--layout", "tree", "--bits", "5", "--jobs", "2",
        ];
        let report = run_within(limit, &build(&place, "1536", &flags));
        assert_eq!(report["pictures"], count, "{report}");
        let (site, more) = (place.text("site"), place.text("more.f32"));
        let told = |arguments: &[&str]| -> Vec<String> {
            arguments.iter().map(|text| text.to_string()).collect()
        };
        let report = run_within(
            limit,
            &told(&["add", &site, "--vectors", &more, "--jobs", "2"]),
        );
        assert_eq!(report["pictures"], count + 40, "{report}");
        let report = run_within(limit, &told(&["remove", &site, "3", "9000", "--jobs", "2"]));
        assert_eq!(report["pictures"], count + 38, "{report}");
        let verified = run_within(limit, &told(&["verify", &site]));
        assert_eq!(verified["problems"], Value::Array(vec![]), "{verified}");
        assert_eq!(left_over(&place.path("site")), [""; 0]);
    }
}

#[test]
fn a_build_that_is_killed_leaves_the_epoch_whole_and_the_next_one_clears_up() {
    let place = Place::with(0);
    let values = rows(60_000, 32);
    place.write("v.f32", &raw(&values[..500 * 32]));
    run(&build(&place, "32", &[]));
    let before = place.manifest();
    place.write("v.f32", &raw(&values));
    let arguments = build(&place, "32", &["--quiet"]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut child = command(&arguments).spawn().unwrap();
    let began = Instant::now();
    while left_over(&place.path("site")).is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "it ended too early");
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(place.manifest(), before);
    let verified = ok(&["verify", &place.text("site")]);
    assert_eq!(verified["problems"], Value::Array(vec![]), "{verified}");
    assert_ne!(left_over(&place.path("site")), [""; 0], "rows were there");
    place.write("v.f32", &raw(&values[..520 * 32]));
    let report = run(&build(&place, "32", &[]));
    assert_eq!(report["added"], 20, "{report}");
    assert_eq!(left_over(&place.path("site")), [""; 0]);
}

#[test]
fn a_table_that_is_refused_at_its_end_changes_nothing() {
    let place = Place::with(0);
    // Several of the parts in which a table is read.
    let mut values = rows(9_000, 32);
    place.write("v.f32", &raw(&values));
    run(&build(&place, "32", &["--layout", "tree"]));
    let state = fs::read(place.full_vectors()).unwrap();
    let before = place.manifest();
    values[8_990 * 32 + 5] = f32::NAN;
    place.write("v.f32", &raw(&values));
    for metric in ["cosine", "euclidean"] {
        let to = match metric {
            "cosine" => "site",
            _ => "other",
        };
        let (file, site) = (place.text("v.f32"), place.text(to));
        let (code, message) = refused(&[
            "build",
            "--vectors",
            &file,
            "--dimension",
            "32",
            "-o",
            &site,
            "--metric",
            metric,
        ]);
        assert_eq!(code, "vectors_invalid");
        assert!(message.contains(" 8990 "), "{message}");
        assert!(message.contains("place 5"), "{message}");
    }
    assert_eq!(place.manifest(), before);
    let now = fs::read(place.full_vectors()).unwrap();
    assert!(now == state && left_over(&place.path("site")).is_empty());
    assert!(!place.path("other").exists());
}
