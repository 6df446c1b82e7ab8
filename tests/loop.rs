//! The loop that learns, through public doors: an index of synthetic vectors, events as pages send them,
//! a maintenance run, and the epoch that comes of it.

#![cfg(not(target_arch = "wasm32"))]

use std::collections::BTreeSet;
use std::path::Path;

use nearsight::build::assemble::{Assembled, Assembly};
use nearsight::build::{Output, State, load_index, publish};
use nearsight::calibration::CalibrationOptions;
use nearsight::feedback::{Event, Impression, Query, Shown};
use nearsight::index::Index;
use nearsight::partition::{Method, PartitionOptions, Random, Rows, partition};
use nearsight::repartition::{Action, Policy};
use nearsight::search::{SearchOptions, exact, search};
use nearsight::server::events_path;
use nearsight::server::maintenance::{Outcome, maintain};
use nearsight::store::{EventStore, SqliteStore};

const DIMENSION: usize = 32;

/// Unit vectors about a curved sheet of four dimensions: neighbours go on everywhere, as photos do, and
/// no border is drawn by the data. `noise` lifts them off the sheet into all dimensions.
fn vectors(count: usize, seed: u64, noise: f32) -> Vec<f32> {
    let mut random = Random::new(seed);
    let waves: Vec<f32> = (0..DIMENSION * 5)
        .map(|_| 4.0 * random.unit() as f32 - 2.0)
        .collect();
    let mut values = Vec::with_capacity(count * DIMENSION);
    for _ in 0..count {
        let place: Vec<f32> = (0..4).map(|_| random.unit() as f32).collect();
        let row: Vec<f32> = waves
            .chunks(5)
            .map(|wave| {
                let turn: f32 = wave.iter().zip(&place).map(|(a, b)| a * b).sum();
                let off: f32 = (0..4).map(|_| random.unit() as f32 - 0.5).sum();
                (2.0 * turn + 3.0 * wave[4]).sin() + noise * off
            })
            .collect();
        let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
        values.extend(row.iter().map(|value| value / length));
    }
    values
}

/// A published folder of 1,280 pictures, as `build` leaves it.
fn site() -> (tempfile::TempDir, Vec<f32>) {
    site_of(None, 0.45)
}

fn site_of(cells: Option<u32>, noise: f32) -> (tempfile::TempDir, Vec<f32>) {
    let (assembled, values) = assembled(cells, noise);
    (published_with(&assembled, &values), values)
}

fn assembled(cells: Option<u32>, noise: f32) -> (Assembled, Vec<f32>) {
    let values = vectors(1_280, 5, noise);
    let rows = Rows::new(&values, DIMENSION).unwrap();
    let options = PartitionOptions {
        cells,
        seed: 1,
        method: Method::Ward,
    };
    let layout = partition(rows, &options, &mut |_| {}).unwrap();
    let ids: Vec<u32> = (0..rows.len() as u32).collect();
    let assembled = Assembly::of(rows, &ids)
        .in_layout(&layout)
        .and_then(|made| made.calibrated(rows, &ids, None, &CalibrationOptions::default()))
        .unwrap();
    (assembled, values)
}

fn published_with(assembled: &Assembled, values: &[f32]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let lock = Output::claim(folder.path()).unwrap();
    let vectors = State::keep(values, DIMENSION, folder.path()).unwrap();
    publish(folder.path(), assembled, &vectors).unwrap();
    drop(lock);
    folder
}

/// What a page reports of a search for a picture of the index.
fn impression(index: &Index, values: &[f32], picture: u32, number: usize) -> Event {
    let row = &values[picture as usize * DIMENSION..(picture as usize + 1) * DIMENSION];
    let options = SearchOptions {
        exclude: Some(picture),
        ..SearchOptions::default()
    };
    let answer = search(index, row, &options).unwrap();
    let shown = answer.hits.iter().enumerate().map(|(position, hit)| Shown {
        image_id: hit.id,
        position: position as u32,
        cell: hit.cell,
    });
    Event::Impression(Impression {
        event_id: format!("event-{}-{number}", index.epoch()),
        session: format!("session-{}", number % 4),
        search_id: format!("search-{}-{number}", index.epoch()),
        epoch: index.epoch(),
        query: Some(Query::ImageId(picture)),
        shown: shown.collect(),
        probed: answer.probed,
        scanned: answer.scanned,
        took_ms: 1.0,
        at: 1.7e12,
    })
}

/// `count` searches around one picture: itself and what is most similar to it.
fn search_around(dist: &Path, values: &[f32], picture: u32, count: usize) {
    let index = load_index(dist).unwrap();
    let rows = Rows::new(values, DIMENSION).unwrap();
    let ids: Vec<u32> = (0..rows.len() as u32).collect();
    let near = exact(rows, &ids, rows.row(picture as usize), count);
    let events: Vec<Event> = near
        .iter()
        .enumerate()
        .map(|(number, hit)| impression(&index, values, hit.id, number))
        .collect();
    let store = SqliteStore::open(&events_path(dist), None).unwrap();
    assert_eq!(store.append(&events, 0).unwrap().accepted, count as u64);
}

fn policy() -> Policy {
    Policy::default()
}

fn recall(index: &Index, values: &[f32]) -> f64 {
    let rows = Rows::new(values, DIMENSION).unwrap();
    let ids: Vec<u32> = (0..rows.len() as u32).collect();
    let options = SearchOptions::default();
    let mut found = 0;
    for row in rows.iter().step_by(3) {
        let truth: BTreeSet<u32> = exact(rows, &ids, row, 10)
            .iter()
            .map(|hit| hit.id)
            .collect();
        let answer = search(index, row, &options).unwrap();
        found += answer
            .hits
            .iter()
            .take(10)
            .filter(|hit| truth.contains(&hit.id))
            .count();
    }
    found as f64 / (10 * rows.len().div_ceil(3)) as f64
}

#[test]
fn searches_in_one_place_make_an_epoch_that_costs_them_less() {
    let (site, values) = site();
    let before = load_index(site.path()).unwrap();
    search_around(site.path(), &values, 40, 15);
    let run = maintain(site.path(), &policy(), false).unwrap();
    let Outcome::Published {
        epoch,
        new_bytes,
        index_bytes,
        ..
    } = run.outcome
    else {
        panic!("{}\n{:?}", run.plan, run.outcome);
    };
    assert_eq!(epoch, 1);
    assert!(
        2 * new_bytes < index_bytes,
        "{new_bytes} of {index_bytes} bytes must be fetched again"
    );
    let verified = run.verification.unwrap();
    assert_eq!(verified.logged_before.queries, 15);
    assert!(verified.logged_after.cost < verified.logged_before.cost);

    // The same, measured here.
    let after = load_index(site.path()).unwrap();
    assert_eq!(
        (after.epoch(), after.manifest().parent.as_deref()),
        (1, Some(before.manifest_name()))
    );
    assert!(recall(&after, &values) >= recall(&before, &values) - 0.002);

    // Only segments with a cell of the plan differ; cells that stay keep their ids.
    let mut changed = BTreeSet::new();
    for decision in run.plan.actions() {
        changed.insert(decision.cell);
        if let Action::Merge { with } = decision.action {
            changed.insert(with);
        }
    }
    let routing = before.routing().unwrap();
    let touched: BTreeSet<u32> = routing
        .cells
        .iter()
        .filter(|cell| changed.contains(&cell.id))
        .map(|cell| cell.segment)
        .collect();
    assert!(!changed.is_empty() && touched.len() < routing.segments as usize);
    let names = |index: &Index| -> BTreeSet<String> {
        let segments = &index.manifest().segments;
        segments.iter().map(|file| file.name.clone()).collect()
    };
    let kept = names(&after);
    for number in 0..routing.segments {
        let name = &before.segment_file(number).unwrap().name;
        assert_eq!(
            kept.contains(name),
            !touched.contains(&number),
            "segment {number}"
        );
    }
    let ids_after: BTreeSet<u32> = after
        .routing()
        .unwrap()
        .cells
        .iter()
        .map(|cell| cell.id)
        .collect();
    for cell in &routing.cells {
        assert_eq!(
            ids_after.contains(&cell.id),
            !changed.contains(&cell.id),
            "cell {}",
            cell.id
        );
    }

    // A browser that holds epoch 0 needs the routing and the touched segments, nothing else.
    let manifest = std::fs::read(site.path().join("manifest.json")).unwrap();
    let missing = before.advance(&manifest).unwrap().missing();
    let bytes: u64 = missing.iter().map(|file| file.bytes).sum();
    assert_eq!(bytes, new_bytes);

    // Asked exactly, both epochs give the same pictures.
    let options = SearchOptions {
        exact: true,
        ..SearchOptions::default()
    };
    let query = &values[..DIMENSION];
    let ids = |index: &Index| -> Vec<u32> {
        let answer = search(index, query, &options).unwrap();
        answer.hits[..10].iter().map(|hit| hit.id).collect()
    };
    let truth = exact(
        Rows::new(&values, DIMENSION).unwrap(),
        &(0..1_280).collect::<Vec<_>>(),
        query,
        10,
    );
    let truth: BTreeSet<u32> = truth.iter().map(|hit| hit.id).collect();
    for found in [ids(&before), ids(&after)] {
        assert!(
            found.iter().filter(|id| truth.contains(id)).count() >= 9,
            "{found:?}"
        );
    }
}

#[test]
fn a_run_explains_every_decision_and_keeps_it() {
    let (site, values) = site();
    search_around(site.path(), &values, 40, 15);
    let run = maintain(site.path(), &policy(), false).unwrap();
    let words = run.plan.to_string();
    for decision in &run.plan.decisions {
        assert!(
            words.contains(&format!("cell {}:", decision.cell)),
            "{words}"
        );
        assert!(
            decision.reason.chars().any(|c| c.is_ascii_digit()),
            "{}",
            decision.reason
        );
    }
    let log = std::fs::read_to_string(site.path().join(".nearsight/decisions.jsonl")).unwrap();
    let line: serde_json::Value = serde_json::from_str(log.trim()).unwrap();
    assert_eq!(line["outcome"], "published");
    assert_eq!(line["plan"]["searches"], 15);
    assert_eq!(line["verification"]["logged_before"]["queries"], 15);
}

#[test]
fn too_few_searches_are_no_reason_to_change_anything() {
    let (site, values) = site();
    search_around(site.path(), &values, 40, 9);
    let run = maintain(site.path(), &policy(), false).unwrap();
    let Outcome::Nothing { reason } = run.outcome else {
        panic!("{:?}", run.outcome);
    };
    assert!(
        reason.contains("9 searches of epoch 0 were reported and 10 are needed"),
        "{reason}"
    );
    assert_eq!(load_index(site.path()).unwrap().epoch(), 0);
}

#[test]
fn searches_of_an_older_epoch_do_not_split_twice() {
    let (site, values) = site();
    search_around(site.path(), &values, 40, 15);
    maintain(site.path(), &policy(), false).unwrap();
    assert_eq!(load_index(site.path()).unwrap().epoch(), 1);
    let again = maintain(site.path(), &policy(), false).unwrap();
    assert!(
        matches!(again.outcome, Outcome::Nothing { .. }),
        "{:?}",
        again.outcome
    );
    assert_eq!(again.estimates.of_other_epochs, 15);
    assert_eq!(load_index(site.path()).unwrap().epoch(), 1);
}

#[test]
fn a_dry_run_decides_the_same_and_writes_nothing() {
    let (site, values) = site();
    search_around(site.path(), &values, 40, 15);
    let names = || -> BTreeSet<String> {
        std::fs::read_dir(site.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect()
    };
    let before = names();
    let tried = maintain(site.path(), &policy(), true).unwrap();
    assert!(
        matches!(tried.outcome, Outcome::WouldPublish { epoch: 1, .. }),
        "{:?}",
        tried.outcome
    );
    assert_eq!(names(), before);
    let done = maintain(site.path(), &policy(), false).unwrap();
    assert_eq!(done.plan, tried.plan);
    assert_eq!(done.verification, tried.verification);
}

#[test]
fn while_one_run_holds_the_folder_another_is_refused() {
    let (site, values) = site();
    search_around(site.path(), &values, 40, 15);
    let held = Output::claim(site.path()).unwrap();
    let error = maintain(site.path(), &policy(), false).unwrap_err();
    assert_eq!(error.code(), "output_busy");
    drop(held);
    let runs: Vec<_> = std::thread::scope(|scope| {
        let start = || scope.spawn(|| maintain(site.path(), &policy(), false));
        let (one, two) = (start(), start());
        [one, two].map(|run| run.join().unwrap()).into()
    });
    let published = runs
        .iter()
        .filter(|run| {
            run.as_ref()
                .is_ok_and(|run| matches!(run.outcome, Outcome::Published { .. }))
        })
        .count();
    assert_eq!(published, 1, "{runs:?}");
    assert_eq!(load_index(site.path()).unwrap().epoch(), 1);
}

#[test]
fn small_cells_that_searches_open_together_are_joined() {
    let (site, values) = site();
    let before = load_index(site.path()).unwrap();
    search_around(site.path(), &values, 40, 15);
    let run = maintain(site.path(), &policy(), false).unwrap();
    let Outcome::Published {
        new_bytes,
        index_bytes,
        ..
    } = run.outcome
    else {
        panic!("{}\n{:?}", run.plan, run.outcome);
    };
    assert!(2 * new_bytes < index_bytes, "{new_bytes} of {index_bytes}");
    assert!(
        run.plan
            .actions()
            .any(|decision| matches!(decision.action, Action::Merge { .. }))
    );
    let verified = run.verification.unwrap();
    assert!(verified.logged_after.cells_opened < verified.logged_before.cells_opened);
    assert!(verified.logged_after.cost < verified.logged_before.cost);
    let after = load_index(site.path()).unwrap();
    assert!(after.routing().unwrap().cells.len() < before.routing().unwrap().cells.len());
    assert!(recall(&after, &values) >= recall(&before, &values) - 0.002);
}

#[test]
fn large_cells_that_are_searched_much_are_split_where_opening_is_cheap() {
    let (site, values) = site_of(Some(36), 0.0);
    search_around(site.path(), &values, 300, 15);
    let policy = Policy {
        opening_cost: 0.0,
        ..policy()
    };
    let run = maintain(site.path(), &policy, false).unwrap();
    assert!(
        matches!(run.outcome, Outcome::Published { .. }),
        "{}\n{:?}",
        run.plan,
        run.outcome
    );
    assert!(
        run.plan
            .actions()
            .all(|decision| matches!(decision.action, Action::Split { .. }))
    );
    let verified = run.verification.unwrap();
    assert!(verified.logged_after.rows_scanned < verified.logged_before.rows_scanned);
    assert!(verified.rows_after.recall >= verified.rows_before.recall - 0.002);
}

#[test]
fn a_cell_over_the_cap_is_split_without_any_search() {
    let (site, _) = site_of(Some(36), 0.0);
    let policy = Policy {
        cap_multiple: 1.2,
        ..policy()
    };
    let run = maintain(site.path(), &policy, false).unwrap();
    assert!(
        matches!(run.outcome, Outcome::Published { .. }),
        "{}\n{:?}",
        run.plan,
        run.outcome
    );
    let limit = (policy.cells_share * run.plan.cells as f64) as usize;
    assert!(run.plan.actions().count() <= limit);
    assert!(run.plan.actions().all(|decision| {
        decision.rows > run.plan.cap_rows && matches!(decision.action, Action::Split { .. })
    }));
}

#[test]
fn vectors_of_another_index_are_refused() {
    let (assembled, values) = assembled(None, 0.45);
    let site = published_with(&assembled, &values[..DIMENSION * 100]);
    let error = maintain(site.path(), &policy(), false).unwrap_err();
    assert_eq!(error.code(), "state_mismatch");
    assert_eq!(load_index(site.path()).unwrap().epoch(), 0);
}
