//! Updates of an index of vectors through public doors: what came and went is what is answered, by every way that a search takes,
//! and what a page fetches for it is little.

// These tests run a program, threads or files: on the machine, not in the browser.
#![cfg(not(target_arch = "wasm32"))]

mod small_index;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use nearsight::build::assemble::{Assembled, Assembly};
use nearsight::build::{
    Report, State, VectorOptions, VectorUpdate, build_vectors, load_index, update_vectors, verify,
};
use nearsight::index::{FileRange, Index};
use nearsight::kernel::dot_f32;
use nearsight::partition::{PartitionOptions, Rows};
use nearsight::search::{
    Answer, Passing, Query, SearchOptions, Step, search, search_filtered, search_passing,
};
use proptest::prelude::*;
use small_index::{Numbers, layout, vectors};

const DIMENSION: usize = 16;
/// Fewer, and every update finds the cells anew.
const BUILT: usize = 320;

/// A folder with an index, and what should be in it.
struct Site {
    folder: tempfile::TempDir,
    live: BTreeMap<u32, Vec<f32>>,
    next_id: u32,
    jobs: usize,
}

impl Site {
    fn new(values: &[f32], jobs: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let site = Self {
            live: (0..)
                .zip(values.chunks(DIMENSION).map(<[f32]>::to_vec))
                .collect(),
            next_id: (values.len() / DIMENSION) as u32,
            folder,
            jobs,
        };
        site.build(values);
        site
    }

    fn build(&self, values: &[f32]) -> Report {
        let options = VectorOptions {
            file: self.file("all.f32", values),
            dimension: Some(DIMENSION),
            column: None,
            output: self.dist().to_path_buf(),
            partition: PartitionOptions {
                cells: Some(24),
                ..PartitionOptions::default()
            },
            metric: None,
            bits: None,
            jobs: Some(self.jobs),
            page: None,
            prune: false,
        };
        build_vectors(&options, &mut |_| (), &AtomicBool::new(false)).unwrap()
    }

    fn dist(&self) -> std::path::PathBuf {
        self.folder.path().join("site")
    }

    fn file(&self, name: &str, values: &[f32]) -> std::path::PathBuf {
        let path = self.folder.path().join(name);
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn update(&self, update: &VectorUpdate) -> Result<Report, nearsight::build::BuildError> {
        let never = AtomicBool::new(false);
        update_vectors(
            &self.dist(),
            update,
            Some(self.jobs),
            false,
            &mut |_| (),
            &never,
        )
    }

    fn add(&mut self, values: &[f32]) -> Report {
        let file = self.file("more.f32", values);
        let report = self
            .update(&VectorUpdate::Add { file, column: None })
            .unwrap();
        for row in values.chunks(DIMENSION) {
            self.live.insert(self.next_id, row.to_vec());
            self.next_id += 1;
        }
        report
    }

    fn remove(&mut self, ids: &[u32]) -> Report {
        let report = self.update(&VectorUpdate::Remove(ids.to_vec())).unwrap();
        ids.iter().for_each(|id| drop(self.live.remove(id)));
        report
    }

    fn compact(&self) -> Report {
        self.update(&VectorUpdate::Compact).unwrap()
    }

    fn index(&self) -> Index {
        load_index(&self.dist()).unwrap()
    }

    /// What is in the index is what should be, and an exact search answers with it as a fresh index does.
    fn check(&self) {
        let index = self.index();
        let ids: Vec<u32> = self.live.keys().copied().collect();
        assert_eq!(index.pictures(), Some(ids.clone()));
        assert_eq!(verify(&self.dist()).unwrap().problems, vec![]);
        let values = self.live.values().flatten().copied().collect::<Vec<f32>>();
        let fresh = fresh(&values, &ids);
        let everything = SearchOptions {
            k: ids.len() + 50,
            exact: true,
            ..SearchOptions::default()
        };
        for query in [ids[0], ids[ids.len() / 2]] {
            let query = &self.live[&query];
            let answer = search(&index, query, &everything).unwrap();
            let expected = search(&fresh, query, &everything).unwrap();
            let score = |answer: &Answer| -> BTreeMap<u32, f32> {
                answer.hits.iter().map(|hit| (hit.id, hit.score)).collect()
            };
            let (found, expected) = (score(&answer), score(&expected));
            assert!(
                found.keys().eq(self.live.keys()),
                "other pictures are answered"
            );
            for (id, score) in found {
                let exact = dot_f32(query, &self.live[&id]);
                assert!((score - exact).abs() < 0.02 && (score - expected[&id]).abs() < 0.03);
            }
        }
    }
}

fn fresh(values: &[f32], ids: &[u32]) -> Index {
    let rows = Rows::new(values, DIMENSION).unwrap();
    let layout = layout(values, DIMENSION, Some(20));
    let made: Assembled = Assembly::of(rows, ids).in_layout(&layout).unwrap();
    made.index(None).unwrap()
}

/// Normalised as the builder does it, so that rows can be held against each other.
fn sample(count: usize, seed: u64) -> Vec<f32> {
    vectors(count, DIMENSION, 12, seed)
}

#[derive(Debug, Clone)]
enum Op {
    Add(usize),
    Remove(usize),
    /// A removed one comes back as another.
    Replace(usize),
    Compact,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        4 => (1usize..12).prop_map(Op::Add),
        3 => (1usize..12).prop_map(Op::Remove),
        2 => (1usize..6).prop_map(Op::Replace),
        1 => Just(Op::Compact),
    ];
    prop::collection::vec(op, 4..9)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_updates_leave_what_a_plain_map_would_hold(ops in ops(), seed in 0u64..1000) {
        let values = sample(BUILT, seed);
        let mut site = Site::new(&values, 1);
        let mut numbers = Numbers(seed);
        for op in ops {
            let some = |site: &Site, count: usize, numbers: &mut Numbers| -> Vec<u32> {
                let ids: Vec<u32> = site.live.keys().copied().collect();
                let chosen: BTreeSet<u32> = (0..count).map(|_| ids[numbers.below(ids.len())]).collect();
                chosen.into_iter().collect()
            };
            match op {
                Op::Add(count) => drop(site.add(&sample(count, numbers.next()))),
                Op::Remove(count) => {
                    let ids = some(&site, count, &mut numbers);
                    site.remove(&ids);
                }
                Op::Replace(count) => {
                    let ids = some(&site, count, &mut numbers);
                    site.remove(&ids);
                    site.add(&sample(ids.len(), numbers.next()));
                }
                Op::Compact => {
                    site.compact();
                    assert!(site.index().is_whole());
                }
            }
            site.check();
        }
    }
}

#[test]
fn added_rows_ship_as_rows_and_every_base_keeps_its_bytes() {
    let mut site = Site::new(&sample(BUILT, 1), 1);
    let before = site.index();
    let report = site.add(&sample(16, 2));
    assert!(report.kept_cells && report.pieces > 0, "{report:?}");
    let after = site.index();
    for file in &before.manifest().segments {
        assert!(
            after.manifest().segments.contains(file),
            "{} is gone",
            file.name
        );
    }
    let segments: u64 = after
        .manifest()
        .segments
        .iter()
        .map(|file| file.bytes)
        .sum();
    let routing = after.manifest().routing.bytes;
    assert!(report.new_bytes - routing < segments / 5, "{report:?}");
    // A page that held the epoch before lacks exactly what is new.
    let held = before
        .advance(after.manifest().to_json().as_bytes())
        .unwrap();
    let missing: u64 = held.missing().iter().map(|file| file.bytes).sum();
    assert_eq!(
        (missing, held.missing().len() as u64),
        (report.new_bytes, report.new_files)
    );
    site.check();
}

#[test]
fn removed_rows_ship_a_routing_only_and_no_way_leads_to_them() {
    let mut site = Site::new(&sample(BUILT, 3), 1);
    let ids: Vec<u32> = (0..BUILT as u32).step_by(10).collect();
    let before = site.index();
    let report = site.remove(&ids);
    assert_eq!((report.new_files, report.dead_rows), (1, ids.len() as u64));
    let after = site.index();
    assert_eq!(after.manifest().segments, before.manifest().segments);
    let removed: BTreeSet<u32> = ids.iter().copied().collect();
    let values = sample(BUILT, 3);
    let changes: [fn(&mut SearchOptions); 6] = [
        |_| (),
        |options| options.exact = true,
        |options| options.recall = 1.0,
        |options| options.k = 500,
        |options| options.min_score = Some(0.2),
        |options| options.max_cells = Some(2),
    ];
    for change in changes {
        let mut options = SearchOptions::default();
        change(&mut options);
        for query in values.chunks(DIMENSION) {
            let answer = search(&after, query, &options).unwrap();
            assert!(answer.hits.iter().all(|hit| !removed.contains(&hit.id)));
            let only = |id: u32| id.is_multiple_of(5);
            let filtered = search_filtered(&after, query, &options, &only).unwrap();
            assert!(
                filtered
                    .hits
                    .iter()
                    .all(|hit| !removed.contains(&hit.id) && only(hit.id))
            );
            let (byparts, _) = by_parts(&site.dist(), query, &options);
            assert!(byparts.hits.iter().all(|hit| !removed.contains(&hit.id)));
        }
    }
    for id in ids {
        assert!(after.is_removed(id) && after.vector(id).is_none());
    }
    assert!(!after.is_removed(1) && after.vector(1).is_some());
    site.check();
}

/// As a page that holds the routing only: the answer, and the bytes that it fetched.
fn by_parts(dist: &Path, query: &[f32], options: &SearchOptions) -> (Answer, u64) {
    let read = |name: &str| std::fs::read(dist.join(name)).unwrap();
    let mut index = Index::open(&read("manifest.json")).unwrap();
    let routing = index.manifest().routing.name.clone();
    index.supply(&routing, read(&routing)).unwrap();
    let mut bytes = 0;
    loop {
        let routing = index.routing().unwrap().clone();
        let mut state = Query::new(&routing, query, options.clone()).unwrap();
        match state.step(&index).unwrap() {
            Step::Done(answer) => return (answer, bytes),
            Step::Need(parts) => {
                for range in index.ranges(&parts) {
                    let FileRange { name, offset, .. } = &range;
                    let file = read(name);
                    bytes += range.bytes;
                    match *offset {
                        None => index.supply(name, file).unwrap(),
                        Some(offset) => {
                            let part = &file[offset as usize..(offset + range.bytes) as usize];
                            index.supply_range(name, offset, part).unwrap();
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn an_index_in_pieces_answers_by_parts_as_it_does_when_loaded() {
    let mut site = Site::new(&sample(BUILT, 4), 1);
    site.add(&sample(20, 5));
    site.remove(&[3, 7, 100, 101, 325]);
    site.add(&sample(20, 6));
    let index = site.index();
    assert!(index.manifest().counts.pieces > 10);
    let (mut shared, mut all) = (0, 0);
    for query in sample(60, 7).chunks(DIMENSION) {
        let options = SearchOptions {
            k: 10,
            ..SearchOptions::default()
        };
        let loaded = search(&index, query, &options).unwrap();
        let (parts, _) = by_parts(&site.dist(), query, &options);
        let ids = |answer: &Answer| {
            answer
                .hits
                .iter()
                .map(|hit| hit.id)
                .collect::<BTreeSet<u32>>()
        };
        shared += ids(&loaded).intersection(&ids(&parts)).count();
        all += loaded.hits.len();
    }
    assert!(shared * 200 >= all * 199, "{shared} of {all}");
}

#[test]
fn a_filter_known_beforehand_reaches_rows_in_pieces_and_none_that_went() {
    let mut site = Site::new(&sample(BUILT, 20), 1);
    site.add(&sample(20, 21));
    site.remove(&[1, 4, 322]);
    let index = site.index();
    let filter = |id: u32| id.is_multiple_of(3) || id >= BUILT as u32;
    let passing = Passing::of(&index, &filter).unwrap();
    let live: BTreeSet<u32> = site.live.keys().copied().filter(|&id| filter(id)).collect();
    assert_eq!(passing.rows(), live.len() as u64);
    let routing = index.routing().unwrap();
    assert_eq!(routing.rows(), site.live.len() as u64);
    for limit in [0, 1, 50, site.live.len(), site.live.len() + 1, usize::MAX] {
        assert_eq!(routing.rows_up_to(limit), limit.min(site.live.len()));
    }
    let everything = SearchOptions {
        k: BUILT,
        recall: 1.0,
        ..SearchOptions::default()
    };
    for query in sample(5, 22).chunks(DIMENSION) {
        let known = search_passing(&index, query, &everything, &passing).unwrap();
        let asked = search_filtered(&index, query, &everything, &filter).unwrap();
        assert_eq!(known.hits, asked.hits);
        let found: BTreeSet<u32> = known.hits.iter().map(|hit| hit.id).collect();
        assert_eq!(found, live);
    }
}

#[test]
fn a_copy_that_was_added_later_is_left_out_where_hits_are_to_be_distinct() {
    let first = sample(BUILT, 23);
    let mut site = Site::new(&first, 1);
    let copied = &first[5 * DIMENSION..6 * DIMENSION];
    site.add(copied);
    let index = site.index();
    let options = SearchOptions {
        k: 3,
        recall: 1.0,
        distinct: Some(0.99),
        ..SearchOptions::default()
    };
    let hits = search(&index, copied, &options).unwrap().hits;
    let pair = [5, BUILT as u32];
    assert_eq!(hits.iter().filter(|hit| pair.contains(&hit.id)).count(), 1);
    let plain = SearchOptions {
        distinct: None,
        ..options
    };
    let hits = search(&index, copied, &plain).unwrap().hits;
    assert_eq!(hits.iter().filter(|hit| pair.contains(&hit.id)).count(), 2);
}

#[test]
fn compacting_gives_the_bytes_back() {
    let mut site = Site::new(&sample(BUILT, 8), 1);
    site.add(&sample(16, 9));
    let ids: Vec<u32> = (0..BUILT as u32).step_by(10).collect();
    let grown = site.remove(&ids);
    let report = site.compact();
    assert_eq!((report.pieces, report.dead_rows), (0, 0));
    assert!(report.index_bytes < grown.index_bytes);
    site.check();
    assert!(!site.compact().published, "there is nothing left to do");
    // As large as an index of what is left that never had anything else, with the same cells.
    let index = site.index();
    let routing = index.routing().unwrap();
    let rows = (0..routing.cells.len() as u32).map(|cell| routing.live_rows(cell));
    assert_eq!(rows.sum::<u32>() as usize, site.live.len());
    let stored = routing
        .cells
        .iter()
        .map(|cell| cell.rows as usize)
        .sum::<usize>();
    assert_eq!(stored, site.live.len());
}

#[test]
fn many_small_epochs_leave_few_pieces_and_few_files() {
    let mut site = Site::new(&sample(BUILT, 10), 1);
    let files = site.index().manifest().segments.len();
    let mut shipped = 0;
    for round in 0..24 {
        shipped += site.add(&sample(2, 100 + round)).new_bytes;
    }
    let index = site.index();
    let routing = index.routing().unwrap();
    let most = (0..routing.cells.len() as u32).map(|cell| routing.places_of(cell).count());
    assert!(most.max().unwrap() <= 5);
    let now = index.manifest().segments.len();
    assert!(now <= files + 8, "{files} files became {now}");
    let all: u64 = index
        .manifest()
        .segments
        .iter()
        .map(|file| file.bytes)
        .sum();
    let routings = 24 * index.manifest().routing.bytes;
    assert!(
        shipped - routings < 3 * all,
        "{shipped} bytes shipped of {all}"
    );
    site.check();
}

#[test]
fn the_same_updates_give_the_same_bytes_on_any_number_of_threads() {
    let manifests = [1, 2].map(|jobs| {
        let mut site = Site::new(&sample(450, 11), jobs);
        site.add(&sample(30, 12));
        site.remove(&(0..450).step_by(9).collect::<Vec<u32>>());
        let pieces = std::fs::read(site.dist().join("manifest.json")).unwrap();
        site.compact();
        (
            pieces,
            std::fs::read(site.dist().join("manifest.json")).unwrap(),
        )
    });
    assert_eq!(manifests[0], manifests[1]);
}

#[test]
fn an_id_is_never_given_twice_and_what_is_unknown_is_refused() {
    let mut site = Site::new(&sample(BUILT, 13), 1);
    let last = BUILT as u32 - 1;
    site.remove(&[last]);
    site.compact();
    site.add(&sample(1, 14));
    assert!(
        site.index()
            .pictures()
            .unwrap()
            .ends_with(&[last - 1, last + 1])
    );
    let before = std::fs::read(site.dist().join("manifest.json")).unwrap();
    for id in [last, 9_999] {
        let error = site.update(&VectorUpdate::Remove(vec![0, id])).unwrap_err();
        assert_eq!(error.code(), "picture_unknown", "{error}");
        assert!(error.to_string().contains(&id.to_string()), "{error}");
    }
    let all: Vec<u32> = site.live.keys().copied().collect();
    let error = site.update(&VectorUpdate::Remove(all)).unwrap_err();
    assert_eq!(error.code(), "nothing_to_index");
    assert_eq!(
        std::fs::read(site.dist().join("manifest.json")).unwrap(),
        before
    );
    site.check();
}

#[test]
fn a_build_of_the_whole_file_goes_on_from_an_index_in_pieces() {
    let values = sample(BUILT + 40, 15);
    let (first, more) = values.split_at(BUILT * DIMENSION);
    let mut site = Site::new(first, 1);
    site.add(&more[..20 * DIMENSION]);
    site.remove(&[5, 6, 7]);
    // The file has the rows that were removed, and twenty that were not added.
    let report = site.build(&values);
    assert_eq!((report.added, report.changed, report.removed), (23, 0, 0));
    site.live = (0..)
        .zip(values.chunks(DIMENSION).map(<[f32]>::to_vec))
        .collect();
    site.check();
    // And a shorter one removes, without giving ids free.
    let report = site.build(first);
    assert_eq!((report.added, report.removed), (0, 40));
    assert_eq!(State::open(&site.dist()).unwrap().rows(), BUILT + 40);
    site.live.retain(|&id, _| (id as usize) < BUILT);
    site.check();
}

#[test]
fn a_query_that_began_before_an_update_ends_on_its_own_epoch() {
    let mut site = Site::new(&sample(BUILT, 16), 1);
    let before = site.index();
    site.remove(&[0]);
    let held = before.advance(&std::fs::read(site.dist().join("manifest.json")).unwrap());
    let query = site.live[&1].clone();
    let options = SearchOptions {
        exact: true,
        k: 400,
        ..SearchOptions::default()
    };
    assert!(
        search(&before, &query, &options)
            .unwrap()
            .hits
            .iter()
            .any(|hit| hit.id == 0)
    );
    let mut after = held.unwrap();
    for file in after.missing() {
        let bytes = std::fs::read(site.dist().join(&file.name)).unwrap();
        after.supply(&file.name, bytes).unwrap();
    }
    assert!(
        search(&after, &query, &options)
            .unwrap()
            .hits
            .iter()
            .all(|hit| hit.id != 0)
    );
}

#[test]
fn an_update_that_died_before_its_manifest_leaves_the_epoch_before_and_can_be_run_again() {
    let mut site = Site::new(&sample(BUILT, 17), 1);
    let hidden = site.dist().join(".nearsight");
    let files = std::fs::read_dir(&hidden).unwrap();
    let mut before: Vec<(std::path::PathBuf, Vec<u8>)> = files
        .map(|entry| entry.unwrap().path())
        .chain([site.dist().join("manifest.json")])
        .map(|file| (file.clone(), std::fs::read(file).unwrap()))
        .collect();
    let more = sample(16, 18);
    site.add(&more);
    // Everything is written but the manifest, and the note of what it was made of is struck out.
    for (file, bytes) in &mut before {
        if file.ends_with("build.json") {
            let text = String::from_utf8(bytes.clone()).unwrap();
            *bytes = text.replace("\"input\": \"", "\"input\": \"x").into_bytes();
        }
        std::fs::write(file, bytes).unwrap();
    }
    site.live.retain(|&id, _| (id as usize) < BUILT);
    site.check();
    // The ids that were given are not given again.
    assert_eq!(site.next_id as usize, BUILT + 16);
    site.add(&more);
    site.check();
}
