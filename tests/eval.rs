//! `nearsight eval` as a person runs it, on a small gallery whose labels are known.
//!
//! What it says of labels is held against average precision computed here, in another way, from the vectors that
//! `nearsight embed` writes.

// These tests run a program, threads or files: on the machine, not in the browser.
#![cfg(not(target_arch = "wasm32"))]

// Other tests need what these do not.
#[allow(dead_code)]
mod place;

use std::fs;

use place::{Place, jpeg, json, keys, nearsight, ok, refused};
use serde_json::Value;

const LABELS: u32 = 7;
const EACH: u32 = 4;

/// Pictures of seven kinds in `kind-N/`, four sizes of each, and the vectors of all.
struct Gallery {
    place: Place,
    paths: Vec<String>,
    vectors: Vec<Vec<f64>>,
}

impl Gallery {
    fn built() -> Self {
        let place = Place::with(0);
        for number in 0..LABELS * EACH {
            let size = 90 + 14 * (number % EACH) as u16;
            // Not quite the same picture: the sides differ in another measure than the size.
            let picture = jpeg(number / EACH, size, 90 + 3 * (number % EACH) as u16);
            place.write(
                &format!("photos/kind-{}/{number}.jpg", number / EACH),
                &picture,
            );
        }
        place.build();
        ok(&["embed", &place.text("photos"), "-o", &place.text("v.npy")]);
        let names = fs::read_to_string(place.path("v.names.txt")).unwrap();
        let bytes = fs::read(place.path("v.npy")).unwrap();
        let paths: Vec<String> = names.lines().map(str::to_string).collect();
        let values: Vec<f64> = bytes[128..]
            .chunks_exact(4)
            .map(|value| f64::from(f32::from_le_bytes(value.try_into().unwrap())))
            .collect();
        let vectors = values
            .chunks(values.len() / paths.len())
            .map(<[f64]>::to_vec)
            .collect();
        Self {
            place,
            paths,
            vectors,
        }
    }

    fn eval(&self, more: &[&str]) -> Value {
        ok(&[&["eval", &self.place.text("site")], more].concat())
    }

    fn kind(&self, row: usize) -> &str {
        self.paths[row].split('/').next().unwrap()
    }

    /// Mean average precision and the share of first answers of the right kind, by sorting.
    fn expected(&self, asked: &[usize], against: &[usize]) -> (f64, f64) {
        let (mut precisions, mut firsts) = (0.0, 0.0);
        for &query in asked {
            let score = |row: usize| -> f64 {
                let pairs = self.vectors[query].iter().zip(&self.vectors[row]);
                pairs.map(|(a, b)| a * b).sum()
            };
            let mut order: Vec<usize> = against
                .iter()
                .copied()
                .filter(|&row| row != query)
                .collect();
            order.sort_by(|&a, &b| score(b).total_cmp(&score(a)));
            let right: Vec<bool> = order
                .iter()
                .map(|&row| self.kind(row) == self.kind(query))
                .collect();
            let places: Vec<usize> = (0..right.len()).filter(|&place| right[place]).collect();
            let sum: f64 = places
                .iter()
                .enumerate()
                .map(|(found, &place)| (found + 1) as f64 / (place + 1) as f64)
                .sum();
            precisions += sum / places.len() as f64;
            firsts += f64::from(right[0]);
        }
        let count = asked.len() as f64;
        (precisions / count, firsts / count)
    }
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("no number: {value}"))
}

fn near(found: &Value, expected: f64) {
    assert!(
        (number(found) - expected).abs() < 1e-9,
        "{found} is not {expected}"
    );
}

#[test]
fn a_recall_of_one_is_delivered_and_reads_every_row() {
    let gallery = Gallery::built();
    let found = gallery.eval(&["--recall", "1", "-k", "3"]);
    let target = &found["targets"][0];
    assert_eq!(found["targets"].as_array().unwrap().len(), 1);
    assert_eq!(target["recall"]["mean"], 1.0, "{target}");
    assert_eq!(target["scanned"]["mean"], 1.0, "{target}");
    assert_eq!(target["cells"]["mean"].as_f64(), found["cells"].as_f64());
    assert_eq!(found["queries"], LABELS * EACH);
    // All is fetched: as many bytes as the segments have.
    assert_eq!(
        target["fetched"]["segment_bytes"]["mean"].as_f64(),
        found["bytes"]["segments"]["bytes"].as_f64()
    );
    assert_eq!(target["fetched"]["rounds"]["p95"], 1.0, "{target}");
    assert_eq!(
        found["reliability"]["bins"][0]["confidence"], 1.0,
        "{found}"
    );
    near(&found["reliability"]["calibration_error"], 0.0);
}

#[test]
fn figures_hang_together_and_come_again_for_the_same_seed() {
    let gallery = Gallery::built();
    let found = gallery.eval(&["-k", "3", "--queries", "20", "--seed", "4"]);
    let targets = found["targets"].as_array().unwrap();
    let asked: Vec<f64> = targets
        .iter()
        .map(|target| number(&target["target"]))
        .collect();
    assert_eq!(asked, [0.8, 0.9, 0.95, 0.99]);
    for target in targets {
        let recall = &target["recall"];
        assert!(
            number(&recall["low"]) <= number(&recall["mean"]),
            "{recall}"
        );
        assert!(
            number(&recall["mean"]) <= number(&recall["high"]),
            "{recall}"
        );
        assert!(number(&target["latency_us"]["median"]) > 0.0);
    }
    let answers: u64 = found["reliability"]["bins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bin| bin["answers"].as_u64().unwrap())
        .sum();
    assert_eq!((answers, &found["queries"]), (4 * 20, &20.into()));
    let parts = ["manifest", "routing", "segments", "records"];
    let sum: u64 = parts
        .iter()
        .map(|part| found["bytes"][part]["bytes"].as_u64().unwrap())
        .sum();
    assert_eq!(found["bytes"]["total"]["bytes"], sum);
    let again = gallery.eval(&["-k", "3", "--queries", "20", "--seed", "4"]);
    for (one, two) in targets.iter().zip(again["targets"].as_array().unwrap()) {
        assert_eq!(one["recall"], two["recall"]);
    }
}

#[test]
fn a_picture_finds_itself_only_where_it_may() {
    let gallery = Gallery::built();
    // With all others as hits nothing can be missed; with itself among them neither.
    for more in [&["-k", "1000"][..], &["-k", "1000", "--keep-self"]] {
        let found = gallery.eval(more);
        assert_eq!(found["targets"][3]["recall"]["mean"], 1.0, "{found}");
    }
    let kept = gallery.eval(&["-k", "1", "--keep-self", "--recall", "1"]);
    assert_eq!(
        (&kept["keep_self"], &kept["targets"][0]["recall"]["mean"]),
        (&true.into(), &1.0.into())
    );
}

#[test]
fn strangers_are_read_from_a_numpy_file() {
    let gallery = Gallery::built();
    let place = &gallery.place;
    place.write("strangers/a.jpg", &jpeg(900, 96, 96));
    place.write("strangers/b.jpg", &jpeg(901, 96, 96));
    let file = place.text("strangers.npy");
    ok(&["embed", &place.text("strangers"), "-o", &file]);
    let found = gallery.eval(&["--queries-from", &file, "--recall", "1", "-k", "2"]);
    assert_eq!(
        (&found["queries"], &found["queries_from"]),
        (&2.into(), &file.as_str().into())
    );
    assert_eq!(found["targets"][0]["recall"]["mean"], 1.0);
    for (name, bytes) in [
        ("text.npy", &b"no numbers"[..]),
        ("cut.npy", &fs::read(&file).unwrap()[..400]),
    ] {
        place.write(name, bytes);
        let (code, message) = refused(&[
            "eval",
            &place.text("site"),
            "--queries-from",
            &place.text(name),
        ]);
        assert_eq!(code, "vectors_invalid");
        assert!(message.contains(&place.text(name)), "{message}");
    }
}

#[test]
fn labels_from_folders_give_the_map_that_sorting_gives() {
    let gallery = Gallery::built();
    let all: Vec<usize> = (0..gallery.paths.len()).collect();
    let (map, first) = gallery.expected(&all, &all);
    let found = gallery.eval(&["--labels", "folders", "--recall", "1", "-k", "3"]);
    let labels = &found["labels"];
    assert_eq!(labels["protocol"], "leave-one-out");
    assert_eq!(
        (&labels["labels"], &labels["queries"]),
        (&LABELS.into(), &28.into())
    );
    near(&labels["exact"]["map"]["mean"], map);
    near(&labels["exact"]["r_at_1"]["mean"], first);
    assert!(
        map > 0.5,
        "kinds should find each other, or nothing is tested: {map}"
    );
    // Three others are to be found and three are asked for.
    assert_eq!(
        labels["exact"]["recall_at_k"],
        labels["exact"]["precision_at_k"]
    );
    near(&labels["search"][0]["r_at_1"]["mean"], first);
}

#[test]
fn a_split_ranks_queries_against_the_others_only() {
    let gallery = Gallery::built();
    let (asked, against): (Vec<usize>, Vec<usize>) =
        (0..gallery.paths.len()).partition(|row| row % 3 == 0);
    let mut table = String::from("path,label,split\n");
    for (row, path) in gallery.paths.iter().enumerate() {
        let split = if asked.contains(&row) {
            "query"
        } else {
            "gallery"
        };
        table.push_str(&format!("{path},{},{split}\n", gallery.kind(row)));
    }
    table.push_str("nowhere/1.jpg,kind-1,gallery\n");
    gallery.place.write("labels.csv", table.as_bytes());
    let (map, first) = gallery.expected(&asked, &against);
    let found = gallery.eval(&[
        "--labels",
        &gallery.place.text("labels.csv"),
        "--recall",
        "1",
    ]);
    let labels = &found["labels"];
    assert_eq!(labels["protocol"], "query-gallery");
    assert_eq!(
        (
            &labels["queries"],
            &labels["gallery"],
            &labels["unmatched_rows"]
        ),
        (&asked.len().into(), &against.len().into(), &1.into())
    );
    near(&labels["exact"]["map"]["mean"], map);
    near(&labels["exact"]["r_at_1"]["mean"], first);
    // Another query of the same kind would be the first hit, if it were let in.
    near(&labels["search"][0]["r_at_1"]["mean"], first);
}

#[test]
fn wrong_labels_are_told_what_to_become() {
    let gallery = Gallery::built();
    let place = &gallery.place;
    let alone: String = gallery
        .paths
        .iter()
        .map(|path| format!("{path},{path}\n"))
        .collect();
    for (table, words) in [
        (
            "picture,class\na,b\n",
            "give it a column label, and path, name or id",
        ),
        (
            "path,label\nelsewhere/0.jpg,b\n",
            "write paths relative to the folder that was indexed",
        ),
        (
            "name,label\nkind-0/0.jpg,a\n0.jpg,b\n",
            "give each picture one label",
        ),
        (
            &format!("path,label\n{alone}"),
            "give pictures that should find each other the same label",
        ),
    ] {
        place.write("wrong.csv", table.as_bytes());
        let (code, message) = refused(&[
            "eval",
            &place.text("site"),
            "--labels",
            &place.text("wrong.csv"),
        ]);
        assert_eq!(code, "labels_broken", "{message}");
        assert!(
            message.contains("wrong.csv") && message.contains(words),
            "{message}"
        );
    }
    let (code, message) = refused(&["eval", &place.text("site"), "--labels", "nowhere.csv"]);
    assert_eq!(
        (code.as_str(), message.contains("nowhere.csv")),
        ("io_failed", true)
    );
}

#[test]
fn an_index_without_its_vectors_says_how_to_get_them() {
    let place = Place::with(4);
    place.build();
    fs::remove_file(place.full_vectors()).unwrap();
    let (code, message) = refused(&["eval", &place.text("site")]);
    assert_eq!(code, "state_missing");
    assert!(message.contains("run nearsight build again"), "{message}");
}

#[test]
fn the_drawing_holds_a_point_for_each_recall_and_bin() {
    let gallery = Gallery::built();
    let file = gallery.place.text("eval.svg");
    let found = gallery.eval(&["--svg", &file]);
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.starts_with("<svg ") && text.ends_with("</svg>\n"),
        "{text}"
    );
    let bins = found["reliability"]["bins"].as_array().unwrap().len();
    assert_eq!(text.matches("<circle ").count(), 4 + bins);
    assert_eq!(text.matches("asked 0.").count(), 4);
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
}

#[test]
fn words_tell_the_same_and_wrong_numbers_are_wrong_usage() {
    let gallery = Gallery::built();
    let site = gallery.place.text("site");
    let output = nearsight(&["eval", &site, "--labels", "folders"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "recall@10 (95 % interval)",
        "calibration error",
        "bytes a vector",
        "mAP",
        "nDCG@10",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    for wrong in [
        &["--recall", "1.5"][..],
        &["--recall", "0"],
        &["-k", "0"],
        &["--queries", "0"],
        &["--queries-from", "a.npy", "--keep-self"],
    ] {
        let status = nearsight(&[&["eval", &site], wrong].concat()).status;
        assert_eq!(status.code(), Some(2), "{wrong:?}");
    }
}

/// The keys in braces in the row of `key`: of the first object there.
fn documented(section: &str, key: &str) -> Vec<String> {
    let row = section
        .lines()
        .find(|line| line.starts_with(&format!("| `{key}`")))
        .unwrap_or_else(|| panic!("no row {key}"));
    let inside = row
        .split('{')
        .nth(1)
        .and_then(|rest| rest.split('}').next());
    let names = inside
        .unwrap_or_else(|| panic!("no keys in {row}"))
        .split(',');
    let mut names: Vec<String> = names.map(|name| name.trim().to_string()).collect();
    names.sort();
    names
}

#[test]
fn keys_at_every_depth_are_those_that_are_documented() {
    let document = include_str!("../docs/cli.md");
    let section = document.split("\n## eval\n").nth(1).expect("a section");
    let section = section.split("\n## ").next().unwrap();
    let gallery = Gallery::built();
    let (status, found) = json(&["eval", &gallery.place.text("site"), "--labels", "folders"]);
    assert_eq!(status, 0, "{found}");
    let target = &found["targets"][0];
    for (key, value) in [
        ("targets", target),
        ("targets[].recall", &target["recall"]),
        ("targets[].scanned", &target["scanned"]),
        ("targets[].scanned", &target["cells"]),
        ("targets[].latency_us", &target["latency_us"]),
        ("targets[].fetched", &target["fetched"]),
        ("targets[].scanned", &target["fetched"]["rounds"]),
        ("reliability", &found["reliability"]),
        ("reliability.bins", &found["reliability"]["bins"][0]),
        ("bytes", &found["bytes"]),
        ("bytes.total", &found["bytes"]["total"]),
        ("labels", &found["labels"]),
        ("labels.exact", &found["labels"]["exact"]),
        ("targets[].recall", &found["labels"]["exact"]["map"]),
        ("labels.search", &found["labels"]["search"][0]),
    ] {
        assert_eq!(keys(value), documented(section, key), "{key}");
    }
}
