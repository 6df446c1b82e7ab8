//! The program as a person runs it: arguments in; files, standard output and exit status out.
//!
//! Pictures are made here, small and of many kinds, so that nothing has to be fetched. Tests that need a
//! full disk make a small one in a mount namespace of their own (Linux; they say so when the system does
//! not allow it).

// These tests run a program, threads or files: on the machine, not in the browser.
#![cfg(not(target_arch = "wasm32"))]

#[allow(dead_code)]
mod place;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use place::{PROGRAM, Place, command, jpeg, json, keys, nearsight, ok, refused};
use serde_json::Value;

#[test]
fn every_picture_finds_itself_in_the_index_that_was_built_of_it() {
    let place = Place::with(24);
    let report = place.build();
    assert!(report["epoch"].as_u64().is_some());
    assert_eq!(
        (&report["pictures"], &report["embedded"]),
        (&24.into(), &24.into())
    );
    for number in 0..24 {
        let folder = if number % 3 == 2 { "more/" } else { "" };
        let path = format!("{folder}{number}.jpg");
        let answer = place.search(&format!("photos/{path}"));
        assert_eq!(answer["hits"][0]["path"], path.as_str(), "{answer}");
        assert!(answer["hits"][0]["score"].as_f64().unwrap() > 0.99);
        let thumb = answer["hits"][0]["thumb"].as_str().unwrap();
        assert!(place.path("site").join(thumb).is_file(), "{thumb}");
    }
    assert_eq!(
        ok(&["verify", &place.text("site")])["problems"],
        Value::Array(vec![])
    );
}

#[test]
fn a_second_build_of_an_unchanged_folder_publishes_nothing() {
    let place = Place::with(7);
    let first = place.build();
    let before = place.manifest();
    let second = place.build();
    assert_eq!(second["published"], false);
    assert_eq!(
        (&second["embedded"], &second["reused"]),
        (&0.into(), &7.into())
    );
    assert_eq!(second["epoch"], first["epoch"]);
    assert_eq!(place.manifest(), before);
}

#[test]
fn a_build_over_an_index_of_an_older_format_makes_a_new_one() {
    let place = Place::with(5);
    let old = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/compat/v1");
    // What every build leaves there marks the folder as one of ours.
    fs::create_dir_all(place.path("site/.nearsight")).unwrap();
    for entry in fs::read_dir(old).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), place.path("site").join(entry.file_name())).unwrap();
    }
    let (code, message) = refused(&["inspect", &place.text("site")]);
    assert_eq!(code, "index_outdated", "{message}");
    let report = place.build();
    assert_eq!(
        (&report["published"], &report["pictures"]),
        (&true.into(), &5.into())
    );
    assert_eq!(
        ok(&["verify", &place.text("site")])["problems"],
        Value::Array(vec![])
    );
}

#[test]
fn two_builds_of_the_same_pictures_give_the_same_files() {
    let (one, two) = (Place::with(15), Place::with(15));
    ok(&[
        "build",
        &one.text("photos"),
        "-o",
        &one.text("site"),
        "--no-page",
        "--jobs",
        "1",
    ]);
    ok(&[
        "build",
        &two.text("photos"),
        "-o",
        &two.text("site"),
        "--no-page",
        "--jobs",
        "4",
    ]);
    assert_eq!(one.manifest(), two.manifest());
}

#[test]
fn a_changed_folder_gives_a_new_epoch_in_which_unchanged_paths_keep_their_ids() {
    let place = Place::with(9);
    let first = place.build();
    let before = place.ids();
    place.write("photos/0a.jpg", &jpeg(100, 90, 90));
    place.write("photos/1.jpg", &jpeg(101, 90, 90));
    fs::remove_file(place.path("photos/3.jpg")).unwrap();
    let second = place.build();
    assert_eq!(
        second["epoch"].as_u64().unwrap(),
        first["epoch"].as_u64().unwrap() + 1
    );
    assert_eq!(
        (&second["embedded"], &second["reused"]),
        (&2.into(), &7.into())
    );
    assert_eq!(
        (&second["added"], &second["changed"], &second["removed"]),
        (&1.into(), &1.into(), &1.into())
    );
    let after = place.ids();
    for (path, id) in &before {
        match path.as_str() {
            "3.jpg" => assert!(!after.iter().any(|(path, _)| path == "3.jpg")),
            // Another picture under the same name is another picture.
            "1.jpg" => assert!(!after.contains(&(path.clone(), *id))),
            _ => assert!(after.contains(&(path.clone(), *id)), "{path}"),
        }
    }
    // The id of the removed picture is not given again, not even when another one comes.
    let fresh = after.iter().find(|(path, _)| path == "0a.jpg").unwrap().1;
    assert!(!before.iter().any(|(_, id)| *id == fresh));
    assert_eq!(place.search("photos/1.jpg")["hits"][0]["path"], "1.jpg");
    assert_eq!(
        ok(&["verify", &place.text("site")])["problems"],
        Value::Array(vec![])
    );
}

#[test]
fn a_few_new_pictures_change_the_segments_they_are_in_and_no_others() {
    let place = Place::with(300);
    place.build();
    let segments = |place: &Place| -> Vec<String> {
        let manifest: Value = serde_json::from_slice(&place.manifest()).unwrap();
        let files = manifest["segments"].as_array().unwrap();
        files
            .iter()
            .map(|file| file["name"].as_str().unwrap().to_string())
            .collect()
    };
    let before = segments(&place);
    place.write("photos/new.jpg", &jpeg(7_000, 96, 80));
    fs::remove_file(place.path("photos/0.jpg")).unwrap();
    let report = place.build();
    assert_eq!(
        (&report["kept_cells"], &report["embedded"]),
        (&true.into(), &1.into())
    );
    let after = segments(&place);
    let kept = after.iter().filter(|name| before.contains(name)).count();
    assert!(
        kept + 2 >= after.len() && kept < after.len(),
        "{kept} of {}",
        after.len()
    );
    assert_eq!(place.search("photos/new.jpg")["hits"][0]["path"], "new.jpg");
    assert_eq!(
        ok(&["verify", &place.text("site")])["problems"],
        Value::Array(vec![])
    );
    // Other options ask for other cells.
    let again = ok(&[
        "build",
        &place.text("photos"),
        "-o",
        &place.text("site"),
        "--no-page",
        "--seed",
        "9",
    ]);
    assert_eq!(
        (&again["kept_cells"], &again["published"]),
        (&false.into(), &true.into())
    );
}

#[test]
fn a_moved_picture_is_not_embedded_again() {
    let place = Place::with(6);
    place.build();
    fs::create_dir(place.path("photos/new")).unwrap();
    fs::rename(
        place.path("photos/0.jpg"),
        place.path("photos/new/first.jpg"),
    )
    .unwrap();
    let report = place.build();
    assert_eq!(
        (&report["embedded"], &report["reused"]),
        (&0.into(), &6.into())
    );
    assert_eq!(
        place.search("photos/new/first.jpg")["hits"][0]["path"],
        "new/first.jpg"
    );
}

/// Starts a build of many pictures and waits until some of them are in the log.
fn build_under_way(place: &Place, pictures: u32) -> Child {
    // One picture's bytes with something behind the end: cheap to make, and another content each.
    let bytes = jpeg(5, 640, 640);
    for number in 0..pictures {
        place.write(
            &format!("photos/{number:04}.jpg"),
            &[&bytes[..], &number.to_le_bytes()].concat(),
        );
    }
    let child = command(&[
        "build",
        &place.text("photos"),
        "-o",
        &place.text("site"),
        "--no-page",
    ])
    .args(["--jobs", "1", "--json"])
    .stdout(Stdio::piped())
    .stderr(Stdio::null())
    .spawn()
    .expect("the program starts");
    let log = place.path("site/.nearsight/pictures.log");
    let began = Instant::now();
    while fs::metadata(&log).map_or(0, |found| found.len()) < 3_000 {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "nothing was embedded"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    child
}

#[test]
fn a_killed_build_goes_on_where_it_was() {
    let place = Place::with(0);
    let mut child = build_under_way(&place, 400);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), None, "it had finished before it was killed");
    assert!(!place.path("site/manifest.json").exists());
    let report = place.build();
    let count = |key: &str| report[key].as_u64().unwrap();
    assert!(count("reused") >= 3, "{report}");
    assert_eq!(count("reused") + count("embedded"), 400);
    assert_eq!(count("pictures"), 400);
    assert_eq!(
        ok(&["verify", &place.text("site")])["problems"],
        Value::Array(vec![])
    );
}

#[cfg(unix)]
#[test]
fn an_interrupted_build_keeps_what_it_has_and_says_how_to_go_on() {
    let place = Place::with(0);
    let child = build_under_way(&place, 400);
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let error: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(error["error"]["code"], "interrupted");
    assert!(
        error["error"]["message"]
            .as_str()
            .unwrap()
            .contains("run the same command again")
    );
    let report = place.build();
    assert!(report["reused"].as_u64().unwrap() >= 3, "{report}");
    assert_eq!(report["pictures"], 400);
}

#[test]
fn broken_files_are_reported_and_the_others_are_indexed() {
    let place = Place::with(3);
    let whole = jpeg(50, 96, 96);
    place.write("photos/cut.jpg", &whole[..whole.len() / 2]);
    place.write("photos/text.png", b"this is no picture");
    place.write("photos/empty.jpg", b"");
    place.write("photos/notes.txt", b"nothing");
    place.write("photos/.hidden.jpg", &whole);
    let report = place.build();
    assert_eq!(report["pictures"], 3);
    let problems = report["problems"].as_array().unwrap();
    let codes: Vec<(&str, &str)> = problems
        .iter()
        .map(|problem| {
            (
                problem["path"].as_str().unwrap(),
                problem["code"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        codes,
        [
            ("cut.jpg", "picture_broken"),
            ("empty.jpg", "picture_empty"),
            ("text.png", "picture_unsupported")
        ]
    );
    assert_eq!(
        (&report["skipped"]["txt"], &report["hidden"]),
        (&1.into(), &1.into())
    );
    let kept: Value =
        serde_json::from_slice(&fs::read(place.path("site/.nearsight/report.json")).unwrap())
            .unwrap();
    assert_eq!(kept["problems"], report["problems"]);
    // They are reported again, without being decoded again.
    assert_eq!(place.build()["problems"], report["problems"]);
}

#[test]
fn a_folder_without_pictures_is_explained_and_nothing_is_written() {
    let place = Place::with(0);
    place.write("photos/a.heic", b"\0\0\0\x18ftypheic");
    place.write("photos/b.txt", b"text");
    let (code, message) = refused(&["build", &place.text("photos"), "-o", &place.text("site")]);
    assert_eq!(code, "nothing_to_index");
    for part in ["2 files seen", "1 .heic", "JPEG, PNG, GIF or WebP"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(!place.path("site").exists());
}

#[test]
fn a_folder_of_somebody_else_is_not_written_to() {
    let place = Place::with(2);
    place.write("site/thesis.txt", b"years of work");
    let (code, message) = refused(&["build", &place.text("photos"), "-o", &place.text("site")]);
    assert_eq!(code, "output_occupied");
    assert!(
        message.contains("choose a new or an empty folder"),
        "{message}"
    );
    assert_eq!(fs::read_dir(place.path("site")).unwrap().count(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_may_not_be_written_is_named() {
    let place = Place::with(1);
    let (code, message) = refused(&["build", &place.text("photos"), "-o", "/sys/nearsight-site"]);
    assert_eq!(code, "permission_denied");
    assert!(message.contains("/sys/nearsight-site"), "{message}");
}

/// Runs `script` with a file system of `bytes` mounted on `disk`; none where that is not allowed.
#[cfg(target_os = "linux")]
fn with_small_disk(disk: &Path, bytes: u64, script: &str) -> Option<String> {
    let whole = format!(
        "mount -t tmpfs -o size={bytes} none '{}' || exit 99\n{script}",
        disk.display()
    );
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &whole])
        .output()
        .ok()?;
    if output.status.code() == Some(99) || (output.stdout.is_empty() && !output.status.success()) {
        eprintln!(
            "not tested here, no file system can be mounted: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        return None;
    }
    Some(String::from_utf8(output.stdout).expect("text"))
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named_and_the_old_epoch_stays_usable() {
    let place = Place::with(6);
    fs::create_dir(place.path("disk")).unwrap();
    place.write("new.jpg", &jpeg(77, 400, 400));
    let (photos, disk) = (place.text("photos"), place.text("disk"));
    // 8 KB are left for the second build: less than its files need.
    let script = format!(
        "n() {{ '{PROGRAM}' \"$@\" --json --quiet | tr -d '\\n'; echo; }}
        n build '{photos}' -o '{disk}/site' --no-page
        cp '{}' '{photos}/new.jpg'
        free=$(df --output=avail -B1 '{disk}' | tail -1)
        head -c $((free - 8192)) /dev/zero > '{disk}/filler'
        n build '{photos}' -o '{disk}/site' --no-page
        n verify '{disk}/site'
        rm '{disk}/filler'
        n build '{photos}' -o '{disk}/site' --no-page",
        place.text("new.jpg")
    );
    let Some(text) = with_small_disk(&place.path("disk"), 16 << 20, &script) else {
        return;
    };
    let answers: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let [first, full, verified, after] = &answers[..] else {
        panic!("{text}");
    };
    assert_eq!(first["pictures"], 6, "{text}");
    assert_eq!(full["error"]["code"], "disk_full", "{text}");
    assert!(
        full["error"]["message"].as_str().unwrap().contains(&disk),
        "{text}"
    );
    assert_eq!(
        (&verified["epoch"], &verified["problems"]),
        (&first["epoch"], &Value::Array(vec![]))
    );
    assert_eq!(after["pictures"], 7);
}

#[test]
fn a_missing_index_is_explained_by_every_command() {
    let place = Place::with(1);
    fs::create_dir(place.path("empty")).unwrap();
    let empty = place.text("empty");
    let picture = place.text("photos/0.jpg");
    for arguments in [
        vec!["search", &empty, &picture],
        vec!["inspect", &empty],
        vec!["verify", &empty],
        vec!["eval", &empty],
        vec!["serve", &empty, "--port", "0"],
        vec!["repartition", &empty],
    ] {
        let (code, message) = refused(&arguments);
        assert_eq!(code, "index_missing", "{arguments:?}: {message}");
        assert!(
            message.contains("nearsight build"),
            "{arguments:?}: {message}"
        );
    }
}

#[test]
fn embed_writes_a_numpy_file_and_the_names_of_exactly_its_rows() {
    let place = Place::with(5);
    place.write("photos/broken.jpg", b"\xff\xd8\xff\xe0 cut");
    let file = place.text("vectors.npy");
    let report = ok(&["embed", &place.text("photos"), "-o", &file]);
    assert_eq!(report["rows"], 5);
    assert_eq!(report["problems"][0]["path"], "broken.jpg");
    let dimension = report["dimension"].as_u64().unwrap() as usize;
    let names = fs::read_to_string(place.path("vectors.names.txt")).unwrap();
    let names: Vec<&str> = names.lines().collect();
    assert_eq!(names, ["0.jpg", "1.jpg", "3.jpg", "4.jpg", "more/2.jpg"]);

    let bytes = fs::read(&file).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert_eq!((10 + length) % 64, 0);
    let header = std::str::from_utf8(&bytes[10..10 + length]).unwrap();
    let shape = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': (5, {dimension}), }}");
    assert_eq!(header.trim_end(), shape);
    let values: Vec<f32> = bytes[10 + length..]
        .chunks_exact(4)
        .map(|value| f32::from_le_bytes(value.try_into().unwrap()))
        .collect();
    assert_eq!(values.len(), 5 * dimension);
    for row in values.chunks(dimension) {
        let length: f32 = row.iter().map(|value| value * value).sum();
        assert!((length - 1.0).abs() < 1e-4, "{length}");
    }
    // One file alone gives the row that it has among others.
    let alone = place.text("alone.npy");
    ok(&["embed", &place.text("photos/more/2.jpg"), "-o", &alone]);
    let bytes = fs::read(&alone).unwrap();
    let row: Vec<u8> = values[4 * dimension..]
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    assert_eq!(&bytes[bytes.len() - 4 * dimension..], &row[..]);
}

#[test]
fn verify_finds_a_flipped_byte_in_every_kind_of_file() {
    let place = Place::with(6);
    place.build();
    let mut kinds = Vec::new();
    for folder in ["site", "site/thumbs", "site/model", "site/.nearsight"] {
        for entry in fs::read_dir(place.path(folder)).unwrap() {
            let path = entry.unwrap().path();
            let extension = path
                .extension()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let kind = format!("{folder} {extension}");
            let data =
                ["nsr", "nss", "nsd", "jpg", "onnx", "json", "f32"].contains(&extension.as_str());
            let told = ["report.json", "build.json", "page.json"];
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if !data || told.contains(&name.as_str()) || kinds.contains(&kind) {
                continue;
            }
            let whole = fs::read(&path).unwrap();
            let mut broken = whole.clone();
            broken[whole.len() / 2] ^= 0x10;
            fs::write(&path, &broken).unwrap();
            let (status, value) = json(&["verify", &place.text("site")]);
            assert_eq!(status, 1, "{} was changed: {value}", path.display());
            let problems = value["problems"].as_array().unwrap();
            assert!(!problems.is_empty(), "{}", path.display());
            fs::write(&path, &whole).unwrap();
            kinds.push(kind);
        }
    }
    assert!(kinds.len() >= 8, "{kinds:?}");
    assert_eq!(
        ok(&["verify", &place.text("site")])["problems"],
        Value::Array(vec![])
    );
    fs::remove_file(
        fs::read_dir(place.path("site/thumbs"))
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path(),
    )
    .unwrap();
    let (status, value) = json(&["verify", &place.text("site")]);
    assert_eq!(
        (status, value["problems"].as_array().unwrap().len()),
        (1, 1),
        "{value}"
    );
}

#[test]
fn a_private_picture_leaves_no_trace_in_what_is_published() {
    let place = Place::with(5);
    place.build();
    let secret = place.search("photos/1.jpg");
    let thumb = place
        .path("site")
        .join(secret["hits"][0]["thumb"].as_str().unwrap());
    assert!(thumb.is_file());
    place.write(
        "photos/metadata.csv",
        b"path,title,private\n1.jpg,The Secret,yes\n3.jpg,Three,no\n",
    );
    let report = place.build();
    assert_eq!(
        (&report["private"], &report["pictures"]),
        (&1.into(), &4.into())
    );
    assert!(
        !thumb.exists(),
        "the thumbnail of the epoch before is still there"
    );
    let answer = ok(&[
        "search",
        &place.text("site"),
        &place.text("photos/1.jpg"),
        "--exact",
        "--include-private",
    ]);
    assert!(!answer.to_string().contains("1.jpg\",\"key"), "{answer}");
    assert!(
        answer["hits"]
            .as_array()
            .unwrap()
            .iter()
            .all(|hit| hit["path"] != "1.jpg")
    );
    for entry in walkdir::WalkDir::new(place.path("site")) {
        let entry = entry.unwrap();
        let served = !entry.path().to_string_lossy().contains(".nearsight");
        if served && entry.file_type().is_file() {
            let bytes = fs::read(entry.path()).unwrap();
            let found = bytes.windows(10).any(|window| window == b"The Secret")
                || bytes.windows(7).any(|window| window == b"\"1.jpg\"");
            assert!(!found, "{}", entry.path().display());
        }
    }
    // Kept on demand, marked, and still not shown unless asked for.
    let site = place.text("all");
    let kept = ok(&[
        "build",
        &place.text("photos"),
        "-o",
        &site,
        "--no-page",
        "--include-private",
    ]);
    assert_eq!(kept["pictures"], 5);
    let shown = |more: &[&str]| {
        let answer = ok(&[&["search", &site, &place.text("photos/1.jpg")], more].concat());
        answer["hits"][0]["path"] == "1.jpg"
    };
    assert!(!shown(&[]) && shown(&["--include-private"]));
}

#[test]
fn metadata_reaches_the_hits_and_odd_rows_are_noted() {
    let place = Place::with(4);
    place.write(
        "shop.json",
        br#"[{"path":"0.jpg","id":"sku-1","url":"https://shop.example/1","title":"Stripes","owner":"ann",
             "uploaded":"2024-05-01","tags":["a","b"]},{"path":"gone.jpg"},{"filename":"2.jpg","title":"Two"}]"#,
    );
    let report = ok(&[
        "build",
        &place.text("photos"),
        "-o",
        &place.text("site"),
        "--no-page",
        "--metadata",
        &place.text("shop.json"),
    ]);
    assert!(report["notes"].to_string().contains("gone.jpg"), "{report}");
    let hit = &place.search("photos/0.jpg")["hits"][0];
    let expected = [
        ("key", "sku-1"),
        ("url", "https://shop.example/1"),
        ("title", "Stripes"),
        ("owner", "ann"),
    ];
    for (key, value) in expected {
        assert_eq!(hit[key], value);
    }
    assert_eq!(hit["tags"], serde_json::json!(["a", "b"]));
    assert_eq!(place.search("photos/more/2.jpg")["hits"][0]["title"], "Two");
}

#[test]
fn the_page_is_put_beside_the_index() {
    let place = Place::with(3);
    place.write("page/index.html", b"<!doctype html><title>page</title>");
    place.write("page/assets/page.js", b"export {};");
    let page = place.text("page");
    let output = command(&[
        "build",
        &place.text("photos"),
        "-o",
        &place.text("site"),
        "--json",
        "-q",
    ])
    .env("NEARSIGHT_PAGE", &page)
    .output()
    .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["page_files"], 2);
    assert!(place.path("site/index.html").is_file() && place.path("site/assets/page.js").is_file());
    assert_eq!(place.build()["page_files"], Value::Null);
}

#[test]
fn a_site_gets_the_wasm_module_that_its_model_needs_and_is_not_made_without_it() {
    let place = Place::with(3);
    place.write("page/index.html", b"<!doctype html><title>page</title>");
    place.write("page/small.wasm", b"plain");
    place.write("page/large.wasm", b"any model");
    let modules = |any_model: &str| format!(r#"{{"plain":"small.wasm","any_model":{any_model}}}"#);
    place.write("page/.modules.json", modules(r#""large.wasm""#).as_bytes());
    // Takes bytes and transposes them: not plain.
    let other = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/models/bytes-interleaved.onnx"
    );
    let build = |site: &str, model: &[&str]| {
        let (photos, site, page) = (place.text("photos"), place.text(site), place.text("page"));
        let arguments = ["build", &photos, "-o", &site, "--page", &page, "--json"];
        let output = nearsight(&[&arguments, model].concat());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        report["error"]["code"].as_str().unwrap_or("").to_owned()
    };
    let there = |name: &str| place.path(name).is_file();
    assert_eq!(build("site", &[]), "");
    assert!(there("site/small.wasm") && !there("site/large.wasm"));
    assert_eq!(
        ok(&["inspect", &place.text("site")])["model"]["plain"],
        true
    );
    assert_eq!(build("other", &["--model", other]), "");
    assert!(there("other/large.wasm") && !there("other/small.wasm"));
    assert_eq!(
        ok(&["inspect", &place.text("other")])["model"]["plain"],
        false
    );

    place.write("page/.modules.json", modules("null").as_bytes());
    assert_eq!(build("site", &[]), "");
    assert_eq!(build("third", &["--model", other]), "page_incomplete");
    assert!(!there("third/manifest.json"));
    // A file that is no model at all is called that.
    place.write("broken.onnx", b"PK\x03\x04rest");
    let sidecar = fs::read(other.replace(".onnx", ".json")).unwrap();
    place.write("broken.json", &sidecar);
    assert_eq!(
        build("third", &["--model", &place.text("broken.onnx")]),
        "model_broken"
    );
}

#[test]
fn the_keys_of_each_json_object_are_those_that_are_documented() {
    let document = include_str!("../docs/cli.md");
    let place = Place::with(4);
    let site = place.text("site");
    let build = place.build();
    let search = place.search("photos/0.jpg");
    let embed = ok(&["embed", &place.text("photos"), "-o", &place.text("v.npy")]);
    let inspect = ok(&["inspect", &site]);
    let verify = ok(&["verify", &site]);
    let eval = ok(&["eval", &site]);
    for (name, value) in [
        ("build", &build),
        ("search", &search),
        ("embed", &embed),
        ("inspect", &inspect),
        ("verify", &verify),
        ("eval", &eval),
    ] {
        let section = document
            .split(&format!("\n## {name}\n"))
            .nth(1)
            .unwrap_or_else(|| panic!("no section {name}"));
        let section = section.split("\n## ").next().unwrap();
        let mut expected: Vec<String> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| `"))
            .filter_map(|line| line.split('`').next())
            .filter(|key| key.starts_with(|first: char| first.is_ascii_lowercase()))
            // What is within an object has rows of its own in some sections.
            .filter(|key| !key.contains(['.', '[']))
            .map(str::to_string)
            .collect();
        expected.sort();
        assert_eq!(keys(value), expected, "{name}");
    }
}

#[test]
fn wrong_usage_exits_with_2_and_help_has_an_example_everywhere() {
    assert_eq!(nearsight(&["build"]).status.code(), Some(2));
    assert_eq!(nearsight(&["nonsense"]).status.code(), Some(2));
    for command in [
        vec![],
        vec!["build"],
        vec!["add"],
        vec!["remove"],
        vec!["compact"],
        vec!["serve"],
        vec!["search"],
        vec!["embed"],
        vec!["inspect"],
        vec!["verify"],
        vec!["eval"],
        vec!["repartition"],
    ] {
        let output = nearsight(&[&command[..], &["--help"]].concat());
        assert_eq!(output.status.code(), Some(0), "{command:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("Example"), "{command:?}: {text}");
    }
}

#[test]
fn words_are_for_people_and_go_where_they_belong() {
    let place = Place::with(3);
    let output = nearsight(&[
        "build",
        &place.text("photos"),
        "-o",
        &place.text("site"),
        "--no-page",
    ]);
    let (out, err) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert!(
        out.contains("3 pictures") && out.contains("only the index was written"),
        "{out}"
    );
    assert!(err.contains("3 of 3 pictures"), "{err}");
    let output = nearsight(&["search", &place.text("site"), "nowhere.jpg"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: cannot read nowhere.jpg"));
}
