//! The files through the public surface: what is damaged, foreign or newer is refused, never read
//! as something else; what a later epoch shares is not fetched again.

// These tests run a program, threads or files: on the machine, not in the browser.
#![cfg(not(target_arch = "wasm32"))]

mod small_index;

use nearsight::build::assemble::{Assembled, Assembly, CellSpec, Previous};
use nearsight::index::{
    CellEntry, FileRange, FileRef, GROUP_ROWS, Index, IndexError, Manifest, Part, content_name,
};
use nearsight::partition::Rows;
use nearsight::search::{SearchOptions, search};
use small_index::{assembled, records, vectors};

const DIMENSION: usize = 16;
const PICTURES: usize = 300;

fn small() -> (Vec<f32>, Assembled) {
    let values = vectors(PICTURES, DIMENSION, 12, 1);
    let assembled = assembled(&values, DIMENSION, Some(16));
    (values, assembled)
}

/// Opens an index in which one file has other bytes, as a host would serve it: the name of the file
/// in the manifest, its size and the manifest's own check are made to fit, so that nothing but the
/// file itself can give it away.
fn with_other_bytes(
    assembled: &Assembled,
    number: usize,
    bytes: Vec<u8>,
) -> Result<Index, IndexError> {
    let old = &assembled.files[number].0;
    let (stem, extension) = (
        old.split('-').next().unwrap(),
        old.rsplit('.').next().unwrap(),
    );
    let new = FileRef::of(stem, &bytes, extension);
    let mut manifest = assembled.manifest.clone();
    let all = manifest
        .segments
        .iter_mut()
        .chain(&mut manifest.records)
        .chain([&mut manifest.routing]);
    all.filter(|file| file.name == *old)
        .for_each(|file| *file = new.clone());
    let mut index = Index::open(manifest.to_json().as_bytes())?;
    for (place, (name, content)) in assembled.files.iter().enumerate() {
        if place == number {
            index.supply(&new.name, bytes.clone())?;
        } else {
            index.supply(name, content.clone())?;
        }
    }
    Ok(index)
}

#[test]
fn what_was_built_opens_and_answers() {
    let (values, assembled) = small();
    let index = assembled.index(None).unwrap();
    assert!(index.ready() && index.missing().is_empty());
    assert_eq!(index.manifest().counts.pictures, PICTURES as u64);
    for id in (0..PICTURES as u32).step_by(17) {
        let query = &values[id as usize * DIMENSION..][..DIMENSION];
        assert_eq!(
            search(&index, query, &SearchOptions::default())
                .unwrap()
                .hits[0]
                .id,
            id
        );
        assert_eq!(
            index.record(id).unwrap().title,
            Some(format!("Picture {id}"))
        );
    }
    assert_eq!(index.record(PICTURES as u32), None);
    assert_eq!(index.records().count(), PICTURES);
}

#[test]
fn every_cut_file_is_refused() {
    let (_, assembled) = small();
    for (number, (name, bytes)) in assembled.files.iter().enumerate() {
        let mut index = Index::open(assembled.manifest.to_json().as_bytes()).unwrap();
        let step = if bytes.len() <= 4096 { 1 } else { 64 };
        for length in (0..bytes.len()).step_by(step) {
            let cut = bytes[..length].to_vec();
            assert_eq!(
                index.supply(name, cut.clone()).unwrap_err().code(),
                "index_corrupt",
                "{name} at {length}"
            );
            let error = with_other_bytes(&assembled, number, cut).unwrap_err();
            assert_eq!(
                error.code(),
                "index_corrupt",
                "{name} at {length}, hash made to fit: {error}"
            );
        }
        assert!(
            index.missing().iter().any(|file| file.name == *name),
            "a refused file leaves the index as it was"
        );
    }
}

#[test]
fn every_flipped_byte_is_refused() {
    let (_, assembled) = small();
    for (number, (name, bytes)) in assembled.files.iter().enumerate() {
        // All of the header and the table, and a sample of the rest that meets every place in a
        // block of 16.
        let places = (0..bytes.len())
            .filter(|place| *place < 320 || place % 31 == 0 || bytes.len() - place <= 32);
        for place in places {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1 << (place % 8);
            let mut index = Index::open(assembled.manifest.to_json().as_bytes()).unwrap();
            assert_eq!(
                index.supply(name, flipped.clone()).unwrap_err().code(),
                "index_corrupt"
            );
            // With a manifest that names the changed bytes, the hash vouches for a segment's content, whose checksums are then not
            // computed again; it is read as what it says, and a search does not panic. A flip in the version may also say
            // that the file is newer.
            let error = match with_other_bytes(&assembled, number, flipped) {
                Ok(index) if name.starts_with("cells-") => {
                    let answer = search(&index, &[0.25; DIMENSION], &SearchOptions::default());
                    assert!(answer.is_ok_and(|answer| answer.hits.len() <= 24));
                    continue;
                }
                opened => opened.map(drop).unwrap_err(),
            };
            assert!(
                ["index_corrupt", "index_newer"].contains(&error.code()),
                "{name} at {place}: {error}"
            );
        }
    }
}

#[test]
fn a_changed_manifest_is_refused_or_says_the_same() {
    let (_, assembled) = small();
    let text = assembled.manifest.to_json();
    for place in 0..text.len() {
        let mut flipped = text.clone().into_bytes();
        flipped[place] ^= 1 << (place % 7);
        match Index::open(&flipped) {
            Ok(index) => assert_eq!(*index.manifest(), assembled.manifest, "byte {place}"),
            Err(error) => assert!(
                ["index_corrupt", "index_newer"].contains(&error.code()),
                "byte {place}"
            ),
        }
    }
    for length in 0..text.trim_end().len() {
        assert!(
            Index::open(&text.as_bytes()[..length]).is_err(),
            "cut at {length}"
        );
    }
}

#[test]
fn a_newer_manifest_says_what_to_do() {
    let (_, assembled) = small();
    let newer = assembled
        .manifest
        .to_json()
        .replace("\"format\": 2", "\"format\": 3");
    let error = Index::open(newer.as_bytes()).unwrap_err();
    assert_eq!(error.code(), "index_newer");
    assert!(
        error.to_string().contains("format 3") && error.to_string().contains("update nearsight"),
        "{error}"
    );
}

#[test]
fn a_page_in_place_of_a_file_is_called_a_page() {
    let (_, assembled) = small();
    let page = b"<!DOCTYPE html><html><body>Not found</body></html>".to_vec();
    let mut index = Index::open(assembled.manifest.to_json().as_bytes()).unwrap();
    for (name, _) in &assembled.files {
        let error = index.supply(name, page.clone()).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&format!("the server sent HTML in place of {name}")),
            "{error}"
        );
    }
    let error = Index::open(&page).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the server sent HTML in place of manifest.json"),
        "{error}"
    );
}

/// A container with one more section, as a later version might write it.
fn with_section(file: &[u8], required: bool) -> Vec<u8> {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let long = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap());
    let checksum = |bytes: &[u8]| blake3::hash(bytes).as_bytes()[..8].to_vec();
    let sections = word(16) as usize;
    let body = &file[32 + sections * 32..];
    let extra = [7u8; 16];
    let mut table = Vec::new();
    for row in 0..sections {
        let at = 32 + row * 32;
        table.extend_from_slice(&file[at..at + 8]);
        table.extend_from_slice(&(long(at + 8) + 32).to_le_bytes());
        table.extend_from_slice(&file[at + 16..at + 32]);
    }
    table.extend_from_slice(b"LATE");
    table.extend_from_slice(&u32::from(required).to_le_bytes());
    table.extend_from_slice(&((64 + sections * 32 + body.len()) as u64).to_le_bytes());
    table.extend_from_slice(&13u64.to_le_bytes());
    table.extend_from_slice(&checksum(&extra));
    let mut head = file[..16].to_vec();
    head.extend_from_slice(&(sections as u32 + 1).to_le_bytes());
    head.extend_from_slice(&[0; 4]);
    let check = checksum(&[head.clone(), table.clone()].concat());
    [head, check, table, body.to_vec(), extra.to_vec()].concat()
}

#[test]
fn an_unknown_section_is_skipped_when_optional_and_refused_when_required() {
    let (values, assembled) = small();
    let expected = search(
        &assembled.index(None).unwrap(),
        &values[..DIMENSION],
        &SearchOptions::default(),
    )
    .unwrap();
    for (number, (name, bytes)) in assembled.files.iter().enumerate() {
        let index = with_other_bytes(&assembled, number, with_section(bytes, false)).unwrap();
        assert_eq!(
            search(&index, &values[..DIMENSION], &SearchOptions::default()).unwrap(),
            expected
        );
        let error = with_other_bytes(&assembled, number, with_section(bytes, true)).unwrap_err();
        assert_eq!(error.code(), "index_newer", "{name}: {error}");
        assert!(error.to_string().contains("LATE"), "{error}");
    }
}

#[test]
fn files_that_contradict_each_other_are_refused() {
    let (values, one) = small();
    let other = assembled(&values, DIMENSION, Some(9));
    // Everything is whole and has the right hash; only it does not belong together.
    let mixed = Manifest {
        segments: other.manifest.segments.clone(),
        ..one.manifest.clone()
    };
    let mut index = Index::open(mixed.to_json().as_bytes()).unwrap();
    let outcome = one
        .files
        .iter()
        .chain(&other.files)
        .filter(|(name, _)| mixed.files().any(|file| file.name == *name))
        .try_for_each(|(name, bytes)| index.supply(name, bytes.clone()));
    assert_eq!(outcome.unwrap_err().code(), "index_corrupt");

    let spoil: [fn(&mut Manifest); 5] = [
        |manifest| manifest.counts.pictures += 1,
        |manifest| manifest.counts.cells += 1,
        |manifest| manifest.dimension += 1,
        |manifest| manifest.epoch += 1,
        |manifest| manifest.next_cell_id = 3,
    ];
    for (number, spoil) in spoil.into_iter().enumerate() {
        let mut manifest = one.manifest.clone();
        spoil(&mut manifest);
        let mut index = Index::open(manifest.to_json().as_bytes()).unwrap();
        let outcome = one
            .files
            .iter()
            .try_for_each(|(name, bytes)| index.supply(name, bytes.clone()));
        assert_eq!(
            outcome.unwrap_err().code(),
            "index_corrupt",
            "case {number}"
        );
    }
}

#[test]
fn a_picture_in_two_segments_is_refused() {
    let (_, assembled) = small();
    // The second segment's bytes under the first one's number, with one file held back.
    let mut manifest = assembled.manifest.clone();
    assert!(
        manifest.segments.len() >= 2,
        "{} segments",
        manifest.segments.len()
    );
    let bytes = &assembled
        .files
        .iter()
        .find(|(name, _)| *name == manifest.segments[1].name)
        .unwrap()
        .1;
    let twin = with_section(bytes, false);
    manifest.segments[0] = FileRef::of("cells", &twin, "nss");
    let mut index = Index::open(manifest.to_json().as_bytes()).unwrap();
    index
        .supply(&manifest.segments[1].name, bytes.clone())
        .unwrap();
    let error = index.supply(&manifest.segments[0].name, twin).unwrap_err();
    assert!(error.to_string().contains("another segment"), "{error}");
}

#[test]
fn files_may_come_in_any_order_and_twice() {
    let (values, assembled) = small();
    let expected = assembled.index(None).unwrap();
    let mut index = Index::open(assembled.manifest.to_json().as_bytes()).unwrap();
    assert_eq!(index.missing().len(), assembled.files.len());
    for (name, bytes) in assembled.files.iter().rev() {
        index.supply(name, bytes.clone()).unwrap();
        index.supply(name, bytes.clone()).unwrap();
    }
    assert!(index.ready());
    let options = SearchOptions::default();
    assert_eq!(
        search(&index, &values[..DIMENSION], &options).unwrap(),
        search(&expected, &values[..DIMENSION], &options).unwrap()
    );
    let stray = content_name("cells", b"stray", "nss");
    assert_eq!(
        index.supply(&stray, b"stray".to_vec()).unwrap_err().code(),
        "index_unknown_file"
    );
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let (_, one) = small();
    let (_, two) = small();
    assert_eq!(one, two);
    assert_eq!(one.manifest.to_json(), two.manifest.to_json());
}

/// The cells of an index as specs that go on unchanged.
fn specs_of(index: &Index) -> Vec<CellSpec> {
    let routing = index.routing().unwrap();
    let members = |entry: &CellEntry| {
        index.segment(entry.segment).unwrap().cells[entry.slot as usize]
            .ids
            .clone()
    };
    let spec = |entry: &CellEntry| CellSpec {
        id: Some(entry.id),
        segment_of: None,
        centroid: Vec::new(),
        members: members(entry),
    };
    routing.cells.iter().map(spec).collect()
}

fn mean(values: &[f32], members: &[u32]) -> Vec<f32> {
    let mut mean = vec![0.0; DIMENSION];
    for &row in members {
        let vector = &values[row as usize * DIMENSION..][..DIMENSION];
        mean.iter_mut()
            .zip(vector)
            .for_each(|(sum, value)| *sum += value / members.len() as f32);
    }
    mean
}

/// One cell of the index is replaced by two.
fn split_epoch(values: &[f32], index: &Index, place: usize) -> Assembled {
    let mut specs = specs_of(index);
    let parent = specs.remove(place);
    let segment_of = Some(index.routing().unwrap().cells[place].segment);
    let (left, right) = parent.members.split_at(parent.members.len() / 2);
    for half in [left, right] {
        let centroid = mean(values, half);
        specs.push(CellSpec {
            id: None,
            segment_of,
            centroid,
            members: half.to_vec(),
        });
    }
    let ids: Vec<u32> = (0..PICTURES as u32).collect();
    let rows = Rows::new(values, DIMENSION).unwrap();
    Assembly::of(rows, &ids)
        .records(&records(PICTURES))
        .after(Some(&Previous::new(index).unwrap()))
        .in_cells(&specs)
        .unwrap()
}

#[test]
fn the_next_epoch_shares_what_did_not_change_and_misses_the_rest() {
    let (values, assembled) = small();
    let before = assembled.index(None).unwrap();
    let count = before.manifest().counts.cells as usize;
    let place = (0..count)
        .max_by_key(|&place| before.routing().unwrap().cells[place].rows)
        .unwrap();
    let parent = before.routing().unwrap().cells[place];
    let next = split_epoch(&values, &before, place);
    assert_eq!(
        (next.manifest.epoch, next.manifest.parent.as_deref()),
        (1, Some(before.manifest_name()))
    );

    let after = before.advance(next.manifest.to_json().as_bytes()).unwrap();
    let missing: Vec<String> = after.missing().into_iter().map(|file| file.name).collect();
    let shipped: Vec<&String> = next.files.iter().map(|(name, _)| name).collect();
    assert_eq!(
        missing.iter().collect::<Vec<_>>(),
        shipped,
        "the files of the epoch are exactly what is missing"
    );
    assert_eq!(
        missing.len(),
        2,
        "routing, and the parent's segment: {missing:?}"
    );
    for (number, file) in before.manifest().segments.iter().enumerate() {
        assert_eq!(
            next.manifest.segments.contains(file),
            number as u32 != parent.segment,
            "{}",
            file.name
        );
    }

    let after = next.index(Some(&before)).unwrap();
    let cells = &after.routing().unwrap().cells;
    assert_eq!(cells.len(), count + 1);
    assert!(
        cells.iter().all(|cell| cell.id != parent.id),
        "the parent's id is not used again"
    );
    assert_eq!(
        next.manifest.next_cell_id,
        before.manifest().next_cell_id + 2
    );
    let everything = SearchOptions {
        exact: true,
        ..SearchOptions::default()
    };
    for row in (0..PICTURES).step_by(23) {
        let query = &values[row * DIMENSION..][..DIMENSION];
        let (old, new) = (
            search(&before, query, &everything).unwrap(),
            search(&after, query, &everything).unwrap(),
        );
        assert_eq!((old.epoch, new.epoch), (0, 1));
        assert_eq!((new.hits[0].id, new.scanned), (row as u32, PICTURES as u64));
    }
}

#[test]
fn a_rebuild_that_changes_nothing_ships_routing_only() {
    let (values, assembled) = small();
    let before = assembled.index(None).unwrap();
    let ids: Vec<u32> = (0..PICTURES as u32).collect();
    let layout = small_index::layout(&values, DIMENSION, Some(16));
    let previous = Previous::new(&before).unwrap();
    let rows = Rows::new(&values, DIMENSION).unwrap();
    let next = Assembly::of(rows, &ids)
        .records(&records(PICTURES))
        .after(Some(&previous))
        .in_layout(&layout)
        .unwrap();
    assert_eq!(next.manifest.segments, before.manifest().segments);
    assert_eq!(next.files.len(), 1, "the routing states its epoch");
    assert_eq!(next.manifest.next_cell_id, before.manifest().next_cell_id);
}

#[test]
fn pictures_that_come_or_go_touch_only_their_cells() {
    let (values, assembled) = small();
    let before = assembled.index(None).unwrap();
    let mut grown = values.clone();
    grown.extend_from_slice(&values[..DIMENSION]);
    let mut specs = specs_of(&before);
    let home = specs
        .iter_mut()
        .find(|spec| spec.members.contains(&0))
        .unwrap();
    home.members.push(PICTURES as u32);
    let ids: Vec<u32> = (0..=PICTURES as u32).collect();
    let rows = Rows::new(&grown, DIMENSION).unwrap();
    let previous = Previous::new(&before).unwrap();
    let next = Assembly::of(rows, &ids)
        .records(&records(PICTURES + 1))
        .after(Some(&previous))
        .in_cells(&specs)
        .unwrap();
    let changed = next
        .manifest
        .segments
        .iter()
        .filter(|file| !before.manifest().segments.contains(file))
        .count();
    assert_eq!(
        (changed, next.manifest.next_cell_id),
        (1, before.manifest().next_cell_id)
    );
    let after = next.index(Some(&before)).unwrap();
    let twins: Vec<u32> = search(
        &after,
        &values[..DIMENSION],
        &SearchOptions {
            k: 2,
            ..SearchOptions::default()
        },
    )
    .unwrap()
    .hits
    .iter()
    .map(|hit| hit.id)
    .collect();
    assert_eq!(twins, [0, PICTURES as u32]);
}

#[test]
fn an_index_never_goes_back_and_two_of_one_epoch_are_a_conflict() {
    let (values, assembled) = small();
    let first = assembled.index(None).unwrap();
    let second = split_epoch(&values, &first, 0).index(Some(&first)).unwrap();
    let old = assembled.manifest.to_json();
    assert_eq!(
        second.advance(old.as_bytes()).unwrap_err().code(),
        "index_older"
    );
    assert!(
        first.advance(old.as_bytes()).unwrap().missing().is_empty(),
        "the same manifest shares everything"
    );
    let fork = Manifest {
        next_cell_id: 99,
        ..assembled.manifest
    };
    assert!(matches!(
        first.advance(fork.to_json().as_bytes()),
        Err(IndexError::Fork { epoch: 0 })
    ));
}

#[test]
fn what_cannot_be_assembled_is_refused() {
    let (values, assembled) = small();
    let before = assembled.index(None).unwrap();
    let rows = Rows::new(&values, DIMENSION).unwrap();
    let ids: Vec<u32> = (0..PICTURES as u32).collect();
    let previous = Previous::new(&before).unwrap();
    let code = |change: &dyn Fn(&mut Vec<CellSpec>)| {
        let mut specs = specs_of(&before);
        change(&mut specs);
        Assembly::of(rows, &ids)
            .after(Some(&previous))
            .in_cells(&specs)
            .map(|_| ())
            .unwrap_err()
            .code()
    };
    assert_eq!(code(&|specs| specs.clear()), "nothing_to_index");
    assert_eq!(
        code(&|specs| specs[3].members.truncate(1)),
        "layout_invalid"
    );
    assert_eq!(
        code(&|specs| specs[3].members = specs[4].members.clone()),
        "layout_invalid"
    );
    assert_eq!(
        code(&|specs| specs[3].members.push(PICTURES as u32)),
        "layout_invalid"
    );
    assert_eq!(code(&|specs| specs[3].members.clear()), "layout_invalid");
    assert_eq!(code(&|specs| specs[3].id = Some(77)), "layout_invalid");
    assert_eq!(code(&|specs| specs[3].id = None), "layout_invalid");

    let layout = small_index::layout(&values, DIMENSION, Some(16));
    let build = |values: &[f32], ids: &[u32], records: &[nearsight::index::Record]| {
        let rows = Rows::new(values, DIMENSION).unwrap();
        Assembly::of(rows, ids)
            .records(records)
            .in_layout(&layout)
            .map(|_| ())
            .unwrap_err()
            .code()
    };
    assert_eq!(build(&[], &[], &[]), "nothing_to_index");
    assert_eq!(build(&values, &ids[1..], &[]), "vectors_invalid");
    assert_eq!(build(&values, &vec![4; PICTURES], &[]), "vectors_invalid");
    assert_eq!(
        build(&values, &ids, &records(PICTURES + 1)),
        "vectors_invalid"
    );
    let longer: Vec<f32> = values.iter().map(|value| value * 1.1).collect();
    assert_eq!(build(&longer, &ids, &[]), "vectors_invalid");
}

#[test]
fn an_index_of_format_1_is_refused_and_says_to_build_it_again() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/compat/v1");
    let manifest = std::fs::read(format!("{folder}/manifest.json")).unwrap();
    let error = Index::open(&manifest).unwrap_err();
    assert_eq!(error.code(), "index_outdated");
    assert!(error.to_string().contains("format 1"), "{error}");
    assert!(
        error.to_string().contains("build the index again"),
        "{error}"
    );
}

/// An index with its routing and nothing else, and the bytes of a range.
fn with_routing(assembled: &Assembled) -> Index {
    let mut index = Index::open(assembled.manifest.to_json().as_bytes()).unwrap();
    let (name, bytes) = &assembled.files[0];
    index.supply(name, bytes.clone()).unwrap();
    index
}

fn bytes_of<'a>(assembled: &'a Assembled, range: &FileRange) -> &'a [u8] {
    let file = assembled.files.iter().find(|(name, _)| *name == range.name);
    let offset = range.offset.expect("a range") as usize;
    &file.unwrap().1[offset..offset + range.bytes as usize]
}

fn scans(index: &Index) -> Vec<Part> {
    let places = 0..index.manifest().counts.cells;
    places.map(|place| Part::Scan { place }).collect()
}

fn lows(index: &Index) -> Vec<Part> {
    let cells = index.routing().unwrap().cells.iter().enumerate();
    cells
        .flat_map(|(place, cell)| {
            let groups = cell.rows.div_ceil(GROUP_ROWS as u32);
            (0..groups).map(move |group| Part::Low {
                place: place as u32,
                group,
            })
        })
        .collect()
}

/// Supplies parts one by one, so that every range is one part.
fn supply_each(index: &mut Index, assembled: &Assembled, parts: &[Part]) {
    for part in parts {
        for range in index.ranges(&[*part]) {
            let bytes = bytes_of(assembled, &range);
            index
                .supply_range(&range.name, range.offset.unwrap(), bytes)
                .unwrap();
        }
    }
}

#[test]
fn an_index_read_by_ranges_holds_what_the_files_hold() {
    let (_, assembled) = small();
    let whole = assembled.index(None).unwrap();
    for joined in [false, true] {
        let mut index = with_routing(&assembled);
        for parts in [scans(&index), lows(&index)] {
            if joined {
                for range in index.ranges(&parts) {
                    let bytes = bytes_of(&assembled, &range);
                    index
                        .supply_range(&range.name, range.offset.unwrap(), bytes)
                        .unwrap();
                }
            } else {
                supply_each(&mut index, &assembled, &parts);
            }
        }
        for (place, entry) in whole.routing().unwrap().cells.iter().enumerate() {
            let cell = &whole.segment(entry.segment).unwrap().cells[entry.slot as usize];
            let sparse = index.sparse_cell(entry.segment, entry.slot).unwrap();
            assert_eq!(sparse.cell(), cell, "place {place}");
            assert!((0..entry.rows).all(|row| sparse.holds(row)));
        }
        for id in (0..PICTURES as u32).step_by(31) {
            assert_eq!(index.vector(id), whole.vector(id));
        }
        // The whole files take their places, and the next epoch shares what is here.
        let first = whole.routing().unwrap().cells[0];
        let again = index.advance(assembled.manifest.to_json().as_bytes());
        assert!(
            again
                .unwrap()
                .sparse_cell(first.segment, first.slot)
                .is_some()
        );
        for (name, bytes) in &assembled.files {
            index.supply(name, bytes.clone()).unwrap();
        }
        assert!(index.ready());
        assert_eq!(index.vector(5), whole.vector(5));
        assert!(index.sparse_cell(first.segment, first.slot).is_none());
    }
}

#[test]
fn ranges_that_lie_near_are_one_and_far_ones_are_not() {
    let (_, assembled) = small();
    let index = with_routing(&assembled);
    let files = assembled.manifest.segments.len();
    let all: Vec<Part> = scans(&index).into_iter().chain(lows(&index)).collect();
    let ranges = index.ranges(&all);
    assert_eq!(ranges.len(), files, "scan parts and low rows lie together");
    assert!(ranges.iter().all(|range| range.offset.is_some()));
    let total: u64 = ranges.iter().map(|range| range.bytes).sum();
    assert!(
        total
            < assembled
                .manifest
                .segments
                .iter()
                .map(|file| file.bytes)
                .sum()
    );
    // A whole segment leaves nothing to fetch of its parts.
    let number = index.routing().unwrap().cells[0].segment;
    let parts = [Part::Scan { place: 0 }, Part::Segment { number }];
    let ranges = index.ranges(&parts);
    assert_eq!((ranges.len(), ranges[0].offset), (1, None));
    assert_eq!(
        ranges[0].bytes,
        assembled.manifest.segments[number as usize].bytes
    );
}

#[test]
fn every_flipped_byte_and_every_cut_of_a_part_is_refused() {
    let (_, assembled) = small();
    let mut index = with_routing(&assembled);
    let (scans, lows) = (scans(&index), lows(&index));
    for (parts, before) in [(&scans[..6], &scans[..0]), (&lows[..20], &scans[..])] {
        supply_each(&mut index, &assembled, before);
        for part in parts {
            let range = index.ranges(&[*part]).remove(0);
            let (bytes, offset) = (bytes_of(&assembled, &range), range.offset.unwrap());
            let held = index.clone();
            let mut refused = |offset: u64, bytes: &[u8], what: &str| {
                let error = index.supply_range(&range.name, offset, bytes).unwrap_err();
                assert_eq!(error.code(), "index_corrupt", "{part:?} {what}: {error}");
            };
            for place in 0..bytes.len() {
                let mut flipped = bytes.to_vec();
                flipped[place] ^= 1 << (place % 8);
                refused(offset, &flipped, &format!("with byte {place} flipped"));
                refused(offset, &bytes[..place], &format!("cut at {place}"));
            }
            refused(offset + 1, bytes, "a byte too far");
            refused(u64::MAX - 3, bytes, "beyond every end");
            refused(offset, b"<!doctype html><title>Not found</title>", "a page");
            let entry = index.routing().unwrap().cells[0];
            assert_eq!(
                index.sparse_cell(entry.segment, entry.slot),
                held.sparse_cell(entry.segment, entry.slot)
            );
            assert_eq!(index.missing(), held.missing());
        }
    }
}

#[test]
fn ranges_in_the_wrong_place_or_of_another_file_are_refused() {
    let (values, assembled) = small();
    let mut index = with_routing(&assembled);
    let scans = scans(&index);
    supply_each(&mut index, &assembled, &scans);
    let part = |place, group| Part::Low { place, group };
    let one = index.ranges(&[part(0, 0)]).remove(0);
    let two = index.ranges(&[part(0, 1)]).remove(0);
    let other_bytes = bytes_of(&assembled, &two);
    let error = index
        .supply_range(&one.name, one.offset.unwrap(), other_bytes)
        .unwrap_err();
    assert!(matches!(error, IndexError::Checksum { .. }), "{error}");
    // A whole, right segment of another index at the same offset.
    let other = small_index::assembled(&values, DIMENSION, Some(9));
    let offset = one.offset.unwrap() as usize;
    let bytes = &other.files[1].1[offset..offset + one.bytes as usize];
    let error = index
        .supply_range(&one.name, offset as u64, bytes)
        .unwrap_err();
    assert!(matches!(error, IndexError::Checksum { .. }), "{error}");
    let error = index.supply_range("cells.nss", 0, bytes).unwrap_err();
    assert_eq!(error.code(), "index_unknown_file");
    let mut bare = Index::open(assembled.manifest.to_json().as_bytes()).unwrap();
    let error = bare.supply_range(&one.name, 0, bytes).unwrap_err();
    assert_eq!(error.code(), "index_missing");
}

#[test]
fn spans_that_lead_out_of_their_file_are_refused() {
    let (_, assembled) = small();
    let spoil: [fn(&mut nearsight::index::CellSpan); 3] = [
        |span| span.scan_offset = u32::MAX,
        |span| span.scan_bytes = u32::MAX,
        |span| span.low_offset = u32::MAX,
    ];
    for (number, spoil) in spoil.into_iter().enumerate() {
        let mut routing = assembled.index(None).unwrap().routing().unwrap().clone();
        spoil(&mut routing.spans.as_mut().unwrap().cells[3]);
        let error = with_other_bytes(&assembled, 0, routing.write()).unwrap_err();
        assert_eq!(error.code(), "index_corrupt", "case {number}: {error}");
    }
}
