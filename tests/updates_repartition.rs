//! The loop that learns on an index in pieces, with searches for pictures that were removed among the events.

#![cfg(not(target_arch = "wasm32"))]

mod small_index;

use std::sync::atomic::AtomicBool;

use nearsight::build::{
    VectorOptions, VectorUpdate, build_vectors, load_index, update_vectors, verify,
};
use nearsight::feedback::{Event, Impression, Query, Shown};
use nearsight::partition::PartitionOptions;
use nearsight::quantize::Metric;
use nearsight::repartition::{Policy, Snapshot, replay};
use nearsight::search::{SearchOptions, search};
use nearsight::server::events_path;
use nearsight::server::maintenance::{Outcome, maintain};
use nearsight::store::{EventStore, SqliteStore};
use small_index::vectors;

const DIMENSION: usize = 16;
const BUILT: usize = 1_200;
/// Sixteen ones.
const EMBEDDING: &str = "AQEBAQEBAQEBAQEBAQEBAQ==";

#[test]
fn cells_in_pieces_are_divided_and_no_removed_picture_comes_back() {
    cells_are_divided(Metric::Cosine);
}

#[test]
fn cells_of_vectors_that_are_near_by_distance_are_divided_likewise() {
    cells_are_divided(Metric::Euclidean);
}

fn cells_are_divided(metric: Metric) {
    let folder = tempfile::tempdir().unwrap();
    let (dist, file) = (folder.path().join("site"), folder.path().join("v.f32"));
    let mut values = vectors(BUILT + 60, DIMENSION, 9, 5);
    if metric == Metric::Euclidean {
        for (number, row) in values.chunks_mut(DIMENSION).enumerate() {
            let length = 0.5 * 1.3f32.powi((number % 13) as i32);
            row.iter_mut().for_each(|value| *value *= length);
        }
    }
    let write = |values: &[f32]| {
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        std::fs::write(&file, bytes).unwrap();
    };
    write(&values[..BUILT * DIMENSION]);
    let never = AtomicBool::new(false);
    let options = VectorOptions {
        file: file.clone(),
        dimension: Some(DIMENSION),
        column: None,
        output: dist.clone(),
        partition: PartitionOptions {
            cells: Some(6),
            ..PartitionOptions::default()
        },
        metric: Some(metric),
        bits: None,
        jobs: Some(1),
        page: None,
        prune: false,
    };
    build_vectors(&options, &mut |_| (), &never).unwrap();
    write(&values[BUILT * DIMENSION..]);
    let update = |update: VectorUpdate| {
        update_vectors(&dist, &update, Some(1), false, &mut |_| (), &never).unwrap()
    };
    let (file, column) = (file.clone(), None);
    update(VectorUpdate::Add { file, column });
    let removed: Vec<u32> = (0..BUILT as u32).step_by(12).collect();
    let report = update(VectorUpdate::Remove(removed.clone()));
    assert!(report.pieces > 0 && report.dead_rows > 0, "{report:?}");

    // Everybody searches for what lies in one cell; a part of the events name pictures that are gone.
    let index = load_index(&dist).unwrap();
    let row = |id: u32| &values[id as usize * DIMENSION..][..DIMENSION];
    let store = SqliteStore::open(&events_path(&dist), None).unwrap();
    let busy = index.pictures_of(0).unwrap();
    let queries: Vec<u32> = busy
        .iter()
        .cycle()
        .take(300)
        .chain(&removed)
        .copied()
        .collect();
    for (number, &id) in queries.iter().enumerate() {
        let answer = search(&index, row(id), &SearchOptions::default()).unwrap();
        let shown = answer.hits.iter().zip(0..).map(|(hit, position)| Shown {
            image_id: hit.id,
            position,
            cell: hit.cell,
        });
        let event = Event::Impression(Impression {
            event_id: format!("event-{number:08}-{number:016}"),
            session: format!("session-{:08}-{:016}", number % 40, number % 40),
            search_id: format!("search-{number:08}-{number:016}"),
            epoch: index.epoch(),
            // A reported embedding has no length: where that counts, the best hit stands for it.
            query: match number % 9 {
                0 if metric == Metric::Euclidean => Some(Query::Embedding(EMBEDDING.to_owned())),
                _ => Some(Query::ImageId(id)),
            },
            shown: shown.collect(),
            probed: answer.probed.clone(),
            scanned: answer.scanned,
            took_ms: 3.0,
            at: 1.7e12,
        });
        store.append(&[event], 0).unwrap();
    }
    let state = nearsight::build::State::open(&dist).unwrap();
    let (vectors, dimension) = state.vectors();
    let snapshot = Snapshot::new(&index, vectors, dimension).unwrap();
    assert_eq!(snapshot.ids, index.pictures().unwrap());
    let mut estimator = nearsight::feedback::Estimator::new(index.epoch());
    nearsight::store::for_each_since(&store, 0, &mut |stored| estimator.take(&stored.event))
        .unwrap();
    let estimates = estimator.finish();
    let probes = replay(&snapshot, &estimates.logged).unwrap();
    assert!(
        probes
            .iter()
            .all(|probe| probe.exclude.is_some_and(|id| !removed.contains(&id)))
    );
    assert!(!probes.is_empty() && probes.len() < estimates.logged.len());
    drop(store);

    let policy = Policy {
        min_searches: 50,
        min_sessions: 5,
        cost_multiple: 1.1,
        cap_multiple: 1.2,
        opening_cost: 1.0,
        cells_share: 1.0,
        ..Policy::default()
    };
    let run = maintain(&dist, &policy, false).unwrap();
    assert!(
        matches!(run.outcome, Outcome::Published { .. }),
        "{:?}",
        run.outcome
    );
    let next = load_index(&dist).unwrap();
    assert_eq!(next.epoch(), index.epoch() + 1);
    assert_eq!(next.pictures(), index.pictures());
    assert_eq!(verify(&dist).unwrap().problems, vec![]);
    let everything = SearchOptions {
        exact: true,
        k: 2_000,
        ..SearchOptions::default()
    };
    for &id in &removed[..20] {
        let answer = search(&next, row(id), &everything).unwrap();
        assert_eq!(answer.hits.len(), BUILT + 60 - removed.len());
        assert!(answer.hits.iter().all(|hit| !removed.contains(&hit.id)));
    }
}
