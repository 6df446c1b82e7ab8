//! Pictures that are added to an index, replaced in it and removed from it, with the program as people call it.

// These tests run a program on files: on the machine, not in the browser.
#![cfg(not(target_arch = "wasm32"))]
#![cfg(feature = "embed")]

#[allow(dead_code)]
mod place;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use place::{Place, jpeg, nearsight, ok, refused};
use serde_json::Value;

/// Fewer, and every update finds the cells anew.
const MANY: u32 = 264;

fn ids(place: &Place) -> BTreeMap<String, u64> {
    place.ids().into_iter().collect()
}

fn verified(place: &Place) {
    let verified = ok(&["verify", &place.text("site")]);
    assert_eq!(verified["problems"], Value::Array(vec![]), "{verified}");
}

fn add(place: &Place, path: &str) -> Value {
    ok(&["add", &place.text("site"), &place.text(path)])
}

fn files(place: &Place, folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(place.path(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.starts_with('.')).collect()
}

/// The files that the published manifest names.
fn named(place: &Place) -> BTreeSet<String> {
    let manifest: Value = serde_json::from_slice(&place.manifest()).unwrap();
    let lists = ["segments", "records"].map(|key| manifest[key].as_array().unwrap().clone());
    let names = lists
        .concat()
        .into_iter()
        .map(|file| file["name"].as_str().unwrap().to_string());
    names.collect()
}

#[test]
fn added_pictures_are_found_and_a_build_of_the_folder_finds_nothing_to_do() {
    let place = Place::with(12);
    place.build();
    let before = ids(&place);
    place.write("photos/more/new.jpg", &jpeg(900, 96, 80));
    place.write("photos/newer.jpg", &jpeg(901, 96, 80));
    let report = add(&place, "photos/more/new.jpg");
    assert_eq!(
        (&report["added"], &report["embedded"]),
        (&1.into(), &1.into())
    );
    // A folder: what is known in it is not embedded again.
    let report = add(&place, "photos");
    assert_eq!(
        (&report["added"], &report["embedded"]),
        (&1.into(), &1.into())
    );
    let after = ids(&place);
    assert!(after.contains_key("more/new.jpg") && after.contains_key("newer.jpg"));
    assert!(before.iter().all(|(path, id)| after[path] == *id));
    assert_eq!(
        place.search("photos/newer.jpg")["hits"][0]["path"],
        "newer.jpg"
    );
    verified(&place);
    assert_eq!(add(&place, "photos/newer.jpg")["published"], false);
    let built = place.build();
    assert_eq!(
        (&built["published"], &built["embedded"]),
        (&false.into(), &0.into())
    );
}

#[test]
fn a_picture_from_elsewhere_has_the_path_below_what_was_named() {
    let place = Place::with(6);
    place.build();
    place.write("other/shelf/a.jpg", &jpeg(910, 96, 80));
    place.write("loose.jpg", &jpeg(911, 96, 80));
    add(&place, "other");
    add(&place, "loose.jpg");
    let paths = ids(&place);
    assert!(paths.contains_key("shelf/a.jpg") && paths.contains_key("loose.jpg"));
    place.write("one/x.jpg", &jpeg(912, 96, 80));
    place.write("two/x.jpg", &jpeg(913, 96, 80));
    let (code, message) = refused(&[
        "add",
        &place.text("site"),
        &place.text("one/x.jpg"),
        &place.text("two/x.jpg"),
    ]);
    assert!(
        code == "paths_clash" && message.contains("two/x.jpg"),
        "{message}"
    );
}

#[test]
fn a_picture_whose_file_changed_gets_a_new_id_and_keeps_what_is_known_of_it() {
    let place = Place::with(8);
    place.write(
        "photos/metadata.csv",
        b"path,title,owner\n3.jpg,Third,anna\n",
    );
    place.build();
    let before = ids(&place);
    place.write("photos/3.jpg", &jpeg(920, 96, 80));
    fs::remove_file(place.path("photos/metadata.csv")).unwrap();
    let report = add(&place, "photos/3.jpg");
    assert_eq!(
        (&report["changed"], &report["added"]),
        (&1.into(), &0.into())
    );
    let after = ids(&place);
    assert_eq!(after.len(), before.len());
    assert!(after["3.jpg"] > *before.values().max().unwrap());
    let hit = &place.search("photos/3.jpg")["hits"][0];
    assert_eq!(
        (&hit["title"], &hit["owner"]),
        (&"Third".into(), &"anna".into())
    );
    verified(&place);
    // A file that is broken now leaves what was there.
    place.write("photos/4.jpg", b"\xff\xd8\xff\xe0 not a picture");
    let report = add(&place, "photos/4.jpg");
    assert_eq!(
        (
            &report["published"],
            report["problems"].as_array().unwrap().len()
        ),
        (&false.into(), 1)
    );
    assert!(ids(&place).contains_key("4.jpg"));
}

#[test]
fn pictures_are_removed_by_id_by_path_and_by_folder() {
    let place = Place::with(12);
    place.build();
    let (site, before) = (place.text("site"), ids(&place));
    let first = before["0.jpg"].to_string();
    ok(&["remove", &site, &first, &place.text("photos/1.jpg")]);
    place.write("gone.txt", b"more\n\n");
    let report = ok(&["remove", &site, "--from", &place.text("gone.txt")]);
    assert_eq!(report["removed"], 4);
    let after = ids(&place);
    assert_eq!(after.len(), 12 - 6);
    assert!(!after.contains_key("0.jpg") && !after.contains_key("1.jpg"));
    assert!(after.keys().all(|path| !path.starts_with("more/")));
    verified(&place);
    let manifest = place.manifest();
    place.write("empty/notes.txt", b"nothing to see");
    let (code, message) = refused(&["add", &site, &place.text("empty")]);
    assert_eq!(code, "nothing_to_index");
    assert!(
        message.contains("empty") && message.contains(".txt"),
        "{message}"
    );
    let unknown = ["more", &first, "9999", "photos/1.jpg", "no.jpg"];
    for name in unknown {
        let (code, message) = refused(&["remove", &site, "3.jpg", name]);
        assert_eq!(code, "picture_unknown", "{message}");
        assert!(message.contains(name), "{message}");
    }
    let rest: Vec<&str> = after.keys().map(String::as_str).collect();
    let (code, message) = refused(&[&["remove", &site], &rest[..]].concat());
    assert_eq!(code, "nothing_to_index");
    assert!(message.contains("all its pictures"), "{message}");
    assert_eq!(place.manifest(), manifest);
    // The files are still there, so a build brings them back, as others.
    place.build();
    let again = ids(&place);
    assert_eq!(again.len(), 12);
    assert!(again["0.jpg"] > *before.values().max().unwrap());
}

#[test]
fn an_epoch_ships_rows_and_records_of_what_came_and_compacting_gives_all_back() {
    let place = Place::with(MANY);
    place.build();
    let (site, before, thumbs) = (
        place.text("site"),
        named(&place),
        files(&place, "site/thumbs"),
    );
    for number in 0..4 {
        place.write(
            &format!("photos/new-{number}.jpg"),
            &jpeg(930 + number, 96, 80),
        );
    }
    let report = add(&place, "photos");
    assert_eq!(
        (&report["added"], &report["kept_cells"]),
        (&4.into(), &true.into())
    );
    assert!(report["pieces"].as_u64().unwrap() > 0, "{report}");
    let grown = named(&place);
    assert!(
        before.is_subset(&grown),
        "every file of the epoch before is still named"
    );
    assert!(report["new_bytes"].as_u64().unwrap() * 4 < report["index_bytes"].as_u64().unwrap());
    verified(&place);

    let answer = place.search("photos/7.jpg");
    let (path, id) = (
        answer["hits"][0]["path"].as_str().unwrap(),
        &answer["hits"][0]["id"],
    );
    assert_eq!(path, "7.jpg");
    let thumb = answer["hits"][0]["thumb"].as_str().unwrap().to_string();
    let report = ok(&["remove", &site, &id.to_string(), "6.jpg", "more/2.jpg"]);
    let removed = report["removed"].as_u64().unwrap();
    assert_eq!(
        (&report["new_files"], &report["dead_rows"]),
        (&1.into(), &removed.into())
    );
    assert_eq!(named(&place), grown, "what went ships a routing only");
    verified(&place);
    let inspected = ok(&["inspect", &site]);
    assert_eq!(inspected["dead_records"], removed);
    let everything = ok(&[
        "search",
        &site,
        &place.text("photos/7.jpg"),
        "-k",
        "1000",
        "--exact",
        "--include-private",
    ]);
    let hits = everything["hits"].as_array().unwrap();
    assert!(
        hits.iter()
            .all(|hit| hit["id"] != *id && hit["path"] != "7.jpg")
    );
    assert_eq!(hits.len() as u64, u64::from(MANY) + 4 - removed);
    assert!(place.path(&format!("site/{thumb}")).exists());

    let report = ok(&["compact", &site, "--prune"]);
    assert_eq!(
        (&report["pieces"], &report["dead_rows"]),
        (&0.into(), &0.into())
    );
    assert!(!place.path(&format!("site/{thumb}")).exists());
    let inspected = ok(&["inspect", &site]);
    assert_eq!(
        (&inspected["dead_records"], &inspected["pieces"]),
        (&0.into(), &0.into())
    );
    let records: String = named(&place)
        .iter()
        .filter(|name| name.starts_with("records-"))
        .map(|name| {
            String::from_utf8_lossy(&fs::read(place.path(&format!("site/{name}"))).unwrap())
                .into_owned()
        })
        .collect();
    assert!(records.contains("\"9.jpg\"") && !records.contains("\"7.jpg\""));
    verified(&place);
    let kept = files(&place, "site/thumbs");
    assert!(kept.len() < thumbs.len() + 4 && kept.len() as u64 <= u64::from(MANY) + 4 - removed);
    assert_eq!(ok(&["compact", &site])["published"], false);

    // A build of the folder ships rows, too: what was removed lies there still, one is new, one is another now.
    let before = named(&place);
    place.write("photos/last.jpg", &jpeg(940, 96, 80));
    place.write("photos/9.jpg", &jpeg(941, 96, 80));
    let report = place.build();
    assert_eq!(report["kept_cells"], true);
    assert_eq!(
        (&report["added"], &report["changed"]),
        (&(removed + 1).into(), &1.into())
    );
    assert_eq!(report["dead_rows"], 1);
    assert!(before.is_subset(&named(&place)));
    verified(&place);
}

#[test]
fn nothing_is_left_in_files_of_a_picture_that_turned_private() {
    let place = Place::with(MANY);
    place.build();
    place.write("photos/metadata.csv", b"path,private\n7.jpg,yes\n");
    let report = add(&place, "photos");
    assert_eq!(
        (&report["removed"], &report["dead_rows"]),
        (&1.into(), &0.into())
    );
    let site = files(&place, "site");
    for name in site.iter().filter(|name| name.starts_with("records-")) {
        let bytes = fs::read(place.path(&format!("site/{name}"))).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("\"7.jpg\""));
    }
    assert!(!ids(&place).contains_key("7.jpg"));
    verified(&place);
}

#[test]
fn an_index_of_the_other_kind_and_a_folder_without_one_are_refused() {
    let place = Place::with(3);
    let site = place.text("site");
    for arguments in [
        vec!["add", &site, &site],
        vec!["remove", &site, "1"],
        vec!["compact", &site],
    ] {
        assert_eq!(refused(&arguments).0, "index_missing");
        assert!(!place.path("site").exists(), "nothing was made");
    }
    place.build();
    place.write("v.f32", &[0; 512]);
    let (code, _) = refused(&["add", &site, "--vectors", &place.text("v.f32")]);
    assert_eq!(code, "output_occupied");
    assert_eq!(nearsight(&["add", &site]).status.code(), Some(2));
    assert_eq!(nearsight(&["remove", &site]).status.code(), Some(2));
}
