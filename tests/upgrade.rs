//! An index of pictures that moves over to another model in steps, with the program as people call it.
//!
//! The networks are small ones of `fixtures/models`: `plain` and `bytes-interleaved` see the same pictures in two ways that have nothing to do with each
//! other. Both give 8 numbers; the built-in one, which gives 192, is asked where another dimension matters.

// These tests run a program on files: on the machine, not in the browser.
#![cfg(not(target_arch = "wasm32"))]
#![cfg(feature = "embed")]

#[allow(dead_code)]
mod place;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use nearsight::feedback::{Event, Impression, Shown};
use nearsight::server::events_path;
use nearsight::store::{EventStore, SqliteStore};
use place::{Place, command, jpeg, json, ok, refused};
use serde_json::{Value, json as object};

/// Fewer, and every epoch finds the cells anew.
const MANY: u32 = 300;
const OLD: &str = "plain.onnx";
const NEW: &str = "bytes-interleaved.onnx";
/// The same layers as the old one's with coarser weights.
const THIRD: &str = "weight-only-int8.onnx";

fn fixture(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("tests/fixtures/models").join(name);
    path.to_str().unwrap().to_owned()
}

/// An index of the old network.
fn place(pictures: u32) -> Place {
    let place = Place::with(pictures);
    build(&place, OLD, &[]);
    place
}

fn build(place: &Place, model: &str, more: &[&str]) -> Value {
    build_in(place, "site", model, more)
}

fn build_in(place: &Place, folder: &str, model: &str, more: &[&str]) -> Value {
    let (photos, site, model) = (place.text("photos"), place.text(folder), fixture(model));
    let arguments = [
        "build",
        &photos,
        "-o",
        &site,
        "--no-page",
        "--model",
        &model,
    ];
    ok(&[&arguments, more].concat())
}

/// To the new network.
fn upgrade(place: &Place, more: &[&str]) -> Value {
    upgrade_to(place, NEW, more)
}

fn upgrade_to(place: &Place, model: &str, more: &[&str]) -> Value {
    let (site, model) = (place.text("site"), fixture(model));
    let pictures: &[&str] = match more.contains(&"--pictures") {
        true => &[],
        false => &["--pictures", "60"],
    };
    let arguments = ["upgrade", &site, "--model", &model, "--fit", "80"];
    ok(&[&arguments, pictures, more].concat())
}

fn manifest(site: &Path) -> Value {
    serde_json::from_slice(&fs::read(site.join("manifest.json")).unwrap()).unwrap()
}

fn names(manifest: &Value, kind: &str) -> BTreeSet<String> {
    let files = manifest[kind].as_array().unwrap().iter();
    files
        .map(|file| file["name"].as_str().unwrap().to_owned())
        .collect()
}

fn ids(place: &Place) -> BTreeMap<String, u64> {
    place.ids().into_iter().collect()
}

fn verified(place: &Place) {
    let verified = ok(&["verify", &place.text("site")]);
    assert_eq!(verified["problems"], object!([]), "{verified}");
}

/// The whole folder, as a second disk would hold it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => fs::copy(entry.path(), target).map(drop).unwrap(),
        }
    }
}

/// A rebuild by another network of what lies in `site`, in another folder.
fn rebuilt(place: &Place, name: &str, model: &str) -> Value {
    copy(&place.path("site"), &place.path(name));
    build_in(place, name, model, &[]);
    manifest(&place.path(name))
}

/// Each of some pictures is found with itself. Numbers are few, so another one may be as near.
fn finds_itself(place: &Place, numbers: &[u32]) {
    for number in numbers {
        let name = match number % 3 {
            2 => format!("more/{number}.jpg"),
            _ => format!("{number}.jpg"),
        };
        let found = place.search(&format!("photos/{name}"));
        let hits = found["hits"].as_array().unwrap();
        let own = hits.iter().find(|hit| hit["path"] == name);
        let score = own.and_then(|hit| hit["score"].as_f64());
        assert!(score.is_some_and(|score| score > 0.9999), "{name}: {found}");
    }
}

#[test]
fn every_step_answers_the_new_model_and_the_last_is_what_a_rebuild_makes_to_the_byte() {
    let place = place(MANY);
    let before = ids(&place);
    let fresh = rebuilt(&place, "rebuilt", NEW);
    let first = upgrade(&place, &["--epochs", "1"]);
    assert_eq!(
        (&first["finished"], &first["made"], &first["moved"]),
        (&false.into(), &80.into(), &220.into())
    );
    assert_eq!(first["agreement"]["pairs"], 80);
    let agreement = |key: &str| first["agreement"][key].as_f64().unwrap();
    assert!(agreement("moved") > agreement("chance"), "{first}");
    let mut left = 220;
    while left > 60 {
        verified(&place);
        assert_eq!(ids(&place), before);
        let step = upgrade(&place, &["--epochs", "1"]);
        let now = step["moved"].as_u64().unwrap();
        assert!(now < left && step["finished"] == false, "{step}");
        // Whole cells: at least as many as were asked for, and not all.
        assert!(left - now >= 60 && left - now < 120, "{step}");
        left = now;
    }
    let at_last = rebuilt(&place, "finished-by-build", NEW);
    let last = upgrade(&place, &[]);
    assert_eq!(
        (&last["finished"], &last["moved"], &last["left"]),
        (&true.into(), &0.into(), &0.into())
    );
    let here = manifest(&place.path("site"));
    // A build in the same state finishes the upgrade in the same way; one that never heard of it has other epochs and numbers of cells.
    assert_eq!(here, at_last);
    for kind in ["segments", "records"] {
        assert_eq!(names(&here, kind), names(&fresh, kind));
    }
    assert_eq!(here["model"], fresh["model"]);
    assert_eq!(ids(&place), before);
    finds_itself(&place, &[0, 1, 2, 77, 200]);
    verified(&place);
    assert_eq!(build(&place, NEW, &[])["published"], false);
    let state = fs::read_dir(place.path("site/.nearsight")).unwrap();
    let kept = state.filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        name.to_str().unwrap().ends_with(".rows")
    });
    assert_eq!(kept.count(), 0);
}

#[test]
fn an_upgrade_to_the_model_that_the_index_has_is_nothing_to_do() {
    let place = place(8);
    let report = upgrade_to(&place, OLD, &[]);
    assert_eq!(
        (&report["finished"], &report["steps"], &report["epoch"]),
        (&true.into(), &object!([]), &0.into())
    );
}

#[test]
fn a_small_index_is_embedded_for_one_epoch_and_another_dimension_is_no_hindrance() {
    let place = place(30);
    let before = ids(&place);
    copy(&place.path("site"), &place.path("rebuilt"));
    let (photos, rebuilt) = (place.text("photos"), place.text("rebuilt"));
    ok(&["build", &photos, "-o", &rebuilt, "--no-page"]);
    let fresh = manifest(&place.path("rebuilt"));
    assert_eq!(fresh["dimension"], 192);
    let report = ok(&["upgrade", &place.text("site")]);
    assert_eq!(
        (
            &report["finished"],
            report["steps"].as_array().unwrap().len()
        ),
        (&true.into(), 1)
    );
    assert!(report["at_once"].as_str().unwrap().contains("half"));
    assert_eq!(manifest(&place.path("site")), fresh);
    assert_eq!(ids(&place), before);
}

#[test]
fn files_without_an_embedded_picture_stay_and_what_people_look_at_comes_first() {
    // Rows of 8 numbers are small: so many fill several files.
    let place = place(1_200);
    // Before the upgrade: what is known of pictures outlives the cells.
    let looked_at = ids(&place)["more/77.jpg"] as u32;
    let shown = |number: u32| {
        Event::Impression(Impression {
            event_id: format!("event-{number}"),
            session: format!("session-{}", number % 4),
            search_id: format!("search-{number}"),
            epoch: 0,
            query: None,
            shown: vec![Shown {
                image_id: looked_at,
                position: 0,
                cell: 0,
            }],
            probed: vec![],
            scanned: 1,
            took_ms: 1.0,
            at: 1.7e12,
        })
    };
    let store = SqliteStore::open(&events_path(&place.path("site")), None).unwrap();
    let events: Vec<Event> = (0..40).map(shown).collect();
    store.append(&events, 0).unwrap();
    drop(store);
    let row = || {
        let rows = fs::read(place.full_vectors()).unwrap();
        rows[looked_at as usize * 32..][..32].to_vec()
    };
    upgrade(&place, &["--epochs", "1"]);
    let moved = row();
    let before = manifest(&place.path("site"));
    let step = upgrade(&place, &["--epochs", "1", "--pictures", "20"]);
    let after = manifest(&place.path("site"));
    let (before, after) = (names(&before, "segments"), names(&after, "segments"));
    let kept = before.intersection(&after).count();
    assert!(2 * kept > before.len(), "{kept} of {} stay", before.len());
    let step = &step["steps"][0];
    let (new, all) = (step["new_bytes"].as_u64(), step["index_bytes"].as_u64());
    assert!(2 * new.unwrap() < all.unwrap(), "{step}");
    let made = row();
    upgrade(&place, &[]);
    assert!(made != moved && made == row());
}

#[test]
fn pictures_that_are_gone_or_broken_keep_moved_rows_and_are_told() {
    let place = place(MANY);
    let before = ids(&place);
    fs::remove_file(place.path("photos/30.jpg")).unwrap();
    place.write("photos/more/32.jpg", b"\xff\xd8\xff\xe0 not a picture");
    let report = upgrade(&place, &[]);
    assert_eq!(
        (&report["finished"], &report["left"], &report["moved"]),
        (&true.into(), &2.into(), &2.into())
    );
    let note = report["notes"][0].as_str().unwrap();
    assert!(note.contains("30.jpg") && note.contains("32.jpg"), "{note}");
    assert_eq!(report["problems"][0]["path"], "more/32.jpg");
    assert_eq!(ids(&place), before);
    verified(&place);
    // Nothing has changed, so nothing is to be done.
    assert_eq!(upgrade(&place, &[])["steps"], object!([]));
    // One is back: it gets a row of its own, under the id that it had.
    place.write("photos/30.jpg", &jpeg(30, 96, 80));
    let report = upgrade(&place, &[]);
    assert_eq!((&report["left"], &report["moved"]), (&1.into(), &1.into()));
    assert_eq!(ids(&place), before);
    finds_itself(&place, &[30]);
}

#[test]
fn pictures_come_and_go_in_the_middle_and_moved_ones_that_are_added_again_become_real() {
    let place = place(MANY);
    let before = ids(&place);
    upgrade(&place, &["--epochs", "1"]);
    place.write("elsewhere/new.jpg", &jpeg(900, 96, 80));
    let site = place.text("site");
    ok(&["add", &site, &place.text("elsewhere")]);
    ok(&["remove", &site, "4.jpg", "more/8.jpg"]);
    // All that is there: whatever is still moved is embedded, in its place.
    let report = ok(&["add", &site, &place.text("photos/more")]);
    assert!(report["embedded"].as_u64().unwrap() > 40, "{report}");
    verified(&place);
    assert_eq!(
        place.search("elsewhere/new.jpg")["hits"][0]["path"],
        "new.jpg"
    );
    finds_itself(&place, &[2, 11, 77, 200, 299]);
    ok(&["compact", &site]);
    let report = upgrade(&place, &[]);
    assert_eq!(
        (&report["finished"], &report["moved"]),
        (&true.into(), &0.into())
    );
    let mut after = ids(&place);
    assert!(after.remove("new.jpg").is_some());
    // A picture that was removed came back with the folder it lies in; it has another id.
    assert_ne!(
        after.remove("more/8.jpg"),
        before.get("more/8.jpg").copied()
    );
    let mut expected = before;
    expected.retain(|path, _| path != "4.jpg" && path != "more/8.jpg");
    assert_eq!(after, expected);
    verified(&place);
}

#[test]
fn a_build_with_the_old_model_goes_back_and_mixes_nothing() {
    let place = place(MANY);
    let before = ids(&place);
    let old = fs::read(place.full_vectors()).unwrap();
    upgrade(&place, &["--epochs", "2"]);
    build(&place, OLD, &[]);
    assert_eq!(fs::read(place.full_vectors()).unwrap(), old);
    assert_eq!(ids(&place), before);
    verified(&place);
    // And forth again.
    let report = upgrade(&place, &[]);
    assert_eq!(
        (&report["finished"], &report["moved"]),
        (&true.into(), &0.into())
    );
    finds_itself(&place, &[0, 1, 2, 77, 200]);
}

#[test]
fn a_third_model_takes_over_what_is_moved_and_what_is_not() {
    let place = place(MANY);
    let before = ids(&place);
    upgrade(&place, &["--epochs", "2"]);
    let first = upgrade_to(&place, THIRD, &["--epochs", "1"]);
    assert_eq!(
        (&first["from"], &first["finished"], &first["made"]),
        (&"bytes-interleaved".into(), &false.into(), &80.into())
    );
    verified(&place);
    assert_eq!(ids(&place), before);
    let fresh = rebuilt(&place, "rebuilt", THIRD);
    let last = upgrade_to(&place, THIRD, &["--pictures", "300"]);
    assert_eq!(
        (&last["finished"], &last["moved"]),
        (&true.into(), &0.into())
    );
    assert_eq!(manifest(&place.path("site")), fresh);
}

#[test]
fn a_projection_is_fitted_for_the_first_step_kept_between_and_fitted_anew_for_the_last() {
    let place = Place::with(MANY);
    build(&place, OLD, &["--dim", "6"]);
    let sidecar = |place: &Place| {
        let name = manifest(&place.path("site"))["model"]["sidecar"]["name"].clone();
        fs::read(place.path("site").join(name.as_str().unwrap())).unwrap()
    };
    let fresh = rebuilt(&place, "rebuilt", NEW);
    upgrade(&place, &["--epochs", "1"]);
    assert_eq!(manifest(&place.path("site"))["dimension"], 6);
    let moved = sidecar(&place);
    upgrade(&place, &["--epochs", "1"]);
    assert_eq!(sidecar(&place), moved);
    verified(&place);
    copy(&place.path("site"), &place.path("spare"));
    let report = upgrade(&place, &[]);
    assert_eq!(report["finished"], true);
    assert_ne!(sidecar(&place), moved);
    assert_eq!(manifest(&place.path("site"))["model"], fresh["model"]);
    verified(&place);
    // Rows go through the new projection without their files, too, be they moved or made.
    (0..40).filter(|number| number % 3 != 2).for_each(|number| {
        fs::remove_file(place.path(&format!("photos/{number}.jpg"))).unwrap();
    });
    let (spare, model) = (place.text("spare"), fixture(NEW));
    let report = ok(&["upgrade", &spare, "--model", &model, "--pictures", "300"]);
    let left = report["left"].as_u64().unwrap();
    assert!(left > 0 && left < 27, "{report}");
    assert_eq!(report["pictures"], MANY);
    let verified = ok(&["verify", &place.text("spare")]);
    assert_eq!(verified["problems"], object!([]), "{verified}");
}

#[test]
fn killed_at_any_moment_it_goes_on_and_comes_to_the_same_end() {
    let place = place(MANY);
    let before = ids(&place);
    let fresh = rebuilt(&place, "rebuilt", NEW);
    let (site, model) = (place.text("site"), fixture(NEW));
    for delay in [10, 40, 80, 150, 250, 400] {
        let arguments = ["upgrade", &site, "--model", &model, "--fit", "80"];
        let more = ["--pictures", "60", "--quiet"];
        let mut child = command(&[&arguments[..], &more].concat());
        let mut child = child.spawn().unwrap();
        sleep(Duration::from_millis(delay));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(ids(&place), before);
    }
    assert_eq!(upgrade(&place, &[])["finished"], true);
    assert_eq!(ids(&place), before);
    let here = manifest(&place.path("site"));
    for kind in ["segments", "records"] {
        assert_eq!(names(&here, kind), names(&fresh, kind));
    }
}

#[test]
fn full_vectors_of_an_epoch_that_was_never_published_do_no_harm() {
    let place = place(MANY);
    let before = ids(&place);
    upgrade(&place, &["--epochs", "1"]);
    copy(&place.path("site"), &place.path("spare"));
    upgrade(&place, &["--epochs", "1"]);
    fs::rename(place.path("site"), place.path("later")).unwrap();
    fs::rename(place.path("spare"), place.path("site")).unwrap();
    place.bring_full_vectors_of(&place.path("later"));
    // Nothing of these rows is in the index: a picture more does not bring them in.
    place.write("elsewhere/new.jpg", &jpeg(900, 96, 80));
    ok(&["add", &place.text("site"), &place.text("elsewhere")]);
    verified(&place);
    ok(&["remove", &place.text("site"), "new.jpg"]);
    assert_eq!(upgrade(&place, &[])["finished"], true);
    assert_eq!(ids(&place), before);
    verified(&place);
    finds_itself(&place, &[0, 1, 2, 77, 200]);
}

#[test]
fn what_cannot_be_upgraded_is_refused_and_says_what_to_do() {
    let place = place(12);
    let site = place.text("site");
    fs::rename(place.path("photos"), place.path("pictures")).unwrap();
    let (code, message) = refused(&["upgrade", &site]);
    assert!(
        code == "nothing_to_index" && message.contains("--photos"),
        "{message}"
    );
    place.write("other/x.jpg", &jpeg(900, 96, 80));
    let (code, message) = refused(&["upgrade", &site, "--photos", &place.text("other")]);
    assert!(
        code == "nothing_to_index" && message.contains("none of the 12"),
        "{message}"
    );
    assert_eq!(manifest(&place.path("site"))["epoch"], 0);
    let report = ok(&["upgrade", &site, "--photos", &place.text("pictures")]);
    assert_eq!(report["finished"], true);

    place.write("rows.f32", &[0, 0, 128, 63].repeat(8 * 40));
    let (rows, vectors) = (place.text("rows.f32"), place.text("vectors"));
    ok(&[
        "build",
        "--vectors",
        &rows,
        "--dimension",
        "8",
        "-o",
        &vectors,
    ]);
    let (code, message) = refused(&["upgrade", &vectors]);
    assert!(
        code == "model_missing" && message.contains("build --vectors"),
        "{message}"
    );
    let (code, _) = refused(&["upgrade", &place.text("other")]);
    assert_eq!(code, "index_missing");
    let (status, _) = json(&["upgrade", &place.text("rows.f32")]);
    assert_eq!(status, 1);
}
