//! Routings that tell wrong things of pieces and of removed rows: each is refused, at the latest when the rows come that it is wrong about,
//! whether these come as files or as ranges.

// These tests run a program, threads or files: on the machine, not in the browser.
#![cfg(not(target_arch = "wasm32"))]

mod small_index;

use nearsight::build::assemble::{Assembled, Assembly, CellSpec, Previous};
use nearsight::index::{FileRef, Index, IndexError, Manifest, Part};
use nearsight::partition::Rows;
use nearsight::search::{SearchOptions, search};
use small_index::{assembled, records, vectors};

const DIMENSION: usize = 16;
const BUILT: usize = 300;
const ADDED: usize = 9;

/// All files of an epoch with pieces and removed rows and records, and its manifest.
struct Site {
    manifest: Manifest,
    files: Vec<(String, Vec<u8>)>,
}

fn site() -> Site {
    let values = vectors(BUILT + ADDED, DIMENSION, 12, 1);
    let first: Assembled = assembled(&values[..BUILT * DIMENSION], DIMENSION, Some(12));
    let before = first.index(None).unwrap();
    let routing = before.routing().unwrap();
    let removed = |id: &u32| id % 31 == 4;
    let mut ids: Vec<u32> = (0..(BUILT + ADDED) as u32)
        .filter(|id| !removed(id))
        .collect();
    let rows: Vec<f32> = ids
        .iter()
        .flat_map(|&id| &values[id as usize * DIMENSION..][..DIMENSION])
        .copied()
        .collect();
    let row_of = |id: u32| ids.binary_search(&id).ok().map(|row| row as u32);
    let mut specs: Vec<CellSpec> = (0..routing.cells.len())
        .map(|cell| CellSpec {
            id: Some(routing.cells[cell].id),
            segment_of: None,
            centroid: Vec::new(),
            members: before
                .pictures_of(cell as u32)
                .unwrap()
                .into_iter()
                .filter_map(row_of)
                .collect(),
        })
        .collect();
    let cells = specs.len();
    for (number, id) in (BUILT..BUILT + ADDED).enumerate() {
        specs[number % (cells - 1)]
            .members
            .extend(row_of(id as u32));
    }
    let mut told = records(BUILT + ADDED);
    told.retain(|record| !removed(&record.id));
    let next = Assembly::of(Rows::new(&rows, DIMENSION).unwrap(), &ids)
        .records(&told)
        .after(Some(&Previous::new(&before).unwrap()))
        .in_cells(&specs)
        .unwrap();
    ids.clear();
    let named = |name: &str| next.manifest.files().any(|file| file.name == name);
    let files = next.files.iter().chain(&first.files);
    let site = Site {
        files: files.filter(|(name, _)| named(name)).cloned().collect(),
        manifest: next.manifest.clone(),
    };
    let index = site.open(&site.files[0].1).unwrap();
    let changes = &index.routing().unwrap().changes;
    assert!(changes.pieces().len() >= 5 && changes.dead().rows.len() >= 5);
    site
}

impl Site {
    /// The manifest that names another routing.
    fn named(&self, routing: &[u8]) -> Manifest {
        Manifest {
            routing: FileRef::of("routing", routing, "nsr"),
            ..self.manifest.clone()
        }
    }

    /// All files supplied, the routing first.
    fn open(&self, routing: &[u8]) -> Result<Index, IndexError> {
        let manifest = self.named(routing);
        let mut index = Index::open(manifest.to_json().as_bytes())?;
        index.supply(&manifest.routing.name, routing.to_vec())?;
        for (name, bytes) in &self.files[1..] {
            index.supply(name, bytes.clone())?;
        }
        Ok(index)
    }

    /// The routing last, as a page may that shared files with the epoch before.
    fn open_late(&self, routing: &[u8]) -> Result<Index, IndexError> {
        let manifest = self.named(routing);
        let mut index = Index::open(manifest.to_json().as_bytes())?;
        for (name, bytes) in &self.files[1..] {
            index.supply(name, bytes.clone())?;
        }
        index.supply(&manifest.routing.name, routing.to_vec())?;
        Ok(index)
    }

    /// Every scan part and all low rows as ranges.
    fn open_by_parts(&self, routing: &[u8]) -> Result<Index, IndexError> {
        let manifest = self.named(routing);
        let mut index = Index::open(manifest.to_json().as_bytes())?;
        index.supply(&manifest.routing.name, routing.to_vec())?;
        let tables = index.routing().unwrap().clone();
        let scans = (0..tables.places()).map(|place| Part::Scan { place });
        let lows = (0..tables.places()).flat_map(|place| {
            let groups = tables.piece(place).unwrap().rows.div_ceil(4);
            (0..groups).map(move |group| Part::Low { place, group })
        });
        for part in scans.chain(lows) {
            for range in index.ranges(&[part]) {
                let file = self.files.iter().find(|(name, _)| *name == range.name);
                let start = range.offset.unwrap() as usize;
                let end = (start + range.bytes as usize).min(file.unwrap().1.len());
                index.supply_range(&range.name, start as u64, &file.unwrap().1[start..end])?;
            }
        }
        Ok(index)
    }

    fn refused(&self, routing: &[u8], case: &str, words: &str) {
        let ways = [Site::open, Site::open_late, Site::open_by_parts];
        for (way, open) in ways.into_iter().enumerate() {
            let error = open(self, routing).err();
            let error = error.unwrap_or_else(|| panic!("{case}, way {way}: was taken"));
            assert_eq!(error.code(), "index_corrupt", "{case}, way {way}: {error}");
            assert!(
                error.to_string().contains(words),
                "{case}, way {way}: {error}"
            );
        }
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// The sections of a container, and the same written again with right checksums.
fn sections(file: &[u8]) -> Vec<([u8; 4], u32, Vec<u8>)> {
    let long = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
    (0..word(file, 16) as usize)
        .map(|row| 32 + row * 32)
        .map(|at| {
            let kind = file[at..at + 4].try_into().unwrap();
            let content = file[long(at + 8)..][..long(at + 16)].to_vec();
            (kind, word(file, at + 4), content)
        })
        .collect()
}

fn container(file: &[u8], sections: &[([u8; 4], u32, Vec<u8>)]) -> Vec<u8> {
    let checksum = |bytes: &[u8]| blake3::hash(bytes).as_bytes()[..8].to_vec();
    let (mut table, mut body) = (Vec::new(), Vec::new());
    let start = 32 + sections.len() * 32;
    for (kind, flags, content) in sections {
        let at = body.len();
        body.extend_from_slice(content);
        body.resize(body.len().next_multiple_of(16), 0);
        table.extend_from_slice(kind);
        table.extend_from_slice(&flags.to_le_bytes());
        table.extend_from_slice(&((start + at) as u64).to_le_bytes());
        table.extend_from_slice(&(content.len() as u64).to_le_bytes());
        table.extend_from_slice(&checksum(&body[at..]));
    }
    let mut head = file[..16].to_vec();
    head.extend_from_slice(&(sections.len() as u32).to_le_bytes());
    head.extend_from_slice(&[0; 4]);
    let check = checksum(&[head.clone(), table.clone()].concat());
    [head, check, table, body].concat()
}

/// What is wrong, words of the error, and how it is made.
type Case = (&'static str, &'static str, fn(&mut Vec<u8>));

/// The routing with one section changed.
fn with(site: &Site, kind: &[u8; 4], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let routing = &site.files[0].1;
    let mut sections = sections(routing);
    let section = sections.iter_mut().find(|(found, ..)| found == kind);
    change(&mut section.expect("the section is there").2);
    container(routing, &sections)
}

#[test]
fn a_routing_that_is_not_changed_is_taken_by_every_way() {
    let site = site();
    let routing = with(&site, b"PIEC", |_| ());
    assert_eq!(routing, site.files[0].1);
    for open in [Site::open, Site::open_late, Site::open_by_parts] {
        let index = open(&site, &routing).unwrap();
        assert_eq!(
            index.pictures().unwrap().len() as u64,
            site.manifest.counts.pictures
        );
    }
}

#[test]
fn a_reader_that_does_not_know_pieces_and_the_dead_refuses_the_file() {
    let site = site();
    let required = sections(&site.files[0].1)
        .into_iter()
        .filter(|(kind, ..)| kind == b"PIEC" || kind == b"DEAD")
        .map(|(_, flags, _)| flags);
    assert_eq!(required.collect::<Vec<u32>>(), [1, 1]);
    // An index that was never updated says nothing of either.
    let values = vectors(BUILT, DIMENSION, 12, 1);
    let fresh = assembled(&values, DIMENSION, Some(12));
    let kinds: Vec<[u8; 4]> = sections(&fresh.files[0].1)
        .iter()
        .map(|section| section.0)
        .collect();
    assert!(!kinds.contains(b"PIEC") && !kinds.contains(b"DEAD"));
    assert!(!fresh.manifest.to_json().contains("pieces"));
}

#[test]
fn pieces_that_contradict_the_files_are_refused() {
    let site = site();
    // Of a piece: cell, segment, slot, rows, four bytes each.
    let cases: [Case; 12] = [
        ("of no cell", "there are", |b| {
            let last = b.len() - 16;
            put(b, last, 10_000)
        }),
        ("of the highest cell", "there are", |b| {
            let last = b.len() - 16;
            put(b, last, u32::MAX)
        }),
        ("in another order", "order", |b| {
            let first = b[..16].to_vec();
            b.drain(..16);
            b.extend(first);
        }),
        ("in no segment", "segment", |b| put(b, 4, 999)),
        ("in the highest segment", "segment", |b| put(b, 4, u32::MAX)),
        ("in a slot of a base", "segment", |b| {
            put(b, 4, 0);
            put(b, 8, 0)
        }),
        ("in no slot", "slot", |b| put(b, 8, 77)),
        ("two in one slot", "slot", |b| {
            let slot = word(b, 8);
            put(b, 24, slot)
        }),
        ("of no rows", "no rows", |b| put(b, 12, 0)),
        ("of a row more", "rows", |b| {
            let rows = word(b, 12);
            put(b, 12, rows + 1)
        }),
        ("of all rows there can be", "", |b| put(b, 12, u32::MAX)),
        ("cut", "PIEC", |b| b.truncate(b.len() - 3)),
    ];
    for (case, words, change) in cases {
        let routing = with(&site, b"PIEC", change);
        site.refused(&routing, case, words);
    }
    let fewer = with(&site, b"PIEC", |bytes| bytes.truncate(bytes.len() - 16));
    site.refused(&fewer, "one left out", "");
    let mut none = sections(&site.files[0].1);
    none.retain(|(kind, ..)| kind != b"PIEC");
    site.refused(&container(&site.files[0].1, &none), "all left out", "");
}

#[test]
fn the_dead_that_contradict_the_rows_are_refused() {
    let site = site();
    // Dead rows, dead records, places, bytes of the first list; then place and rows.
    let cases: [Case; 11] = [
        ("more rows than are named", "DEAD", |b| {
            let rows = word(b, 0);
            put(b, 0, rows + 1)
        }),
        ("all rows there can be", "DEAD", |b| put(b, 0, u32::MAX)),
        ("all records there can be", "DEAD", |b| put(b, 4, u32::MAX)),
        ("all places there can be", "DEAD", |b| put(b, 8, u32::MAX)),
        ("a list beyond the end", "DEAD", |b| put(b, 12, u32::MAX)),
        ("at no place", "which is none", |b| {
            let last = 16 + 8 * (word(b, 8) as usize - 1);
            put(b, last, 9_999)
        }),
        ("at a place twice", "ascend", |b| {
            let first = word(b, 16);
            put(b, 24, first)
        }),
        ("more than are at the place", "are dead", |b| {
            put(b, 20, 10_000)
        }),
        ("none at a place", "are dead", |b| put(b, 20, 0)),
        ("cut", "DEAD", |b| b.truncate(b.len() - 1)),
        ("with more behind", "DEAD", |b| b.push(0)),
    ];
    for (case, words, change) in cases {
        site.refused(&with(&site, b"DEAD", change), case, words);
    }
    let mut none = sections(&site.files[0].1);
    none.retain(|(kind, ..)| kind != b"DEAD");
    site.refused(&container(&site.files[0].1, &none), "left out", "");
    // The first dead picture's id begins the list: another picture, one that lives, and one that never was.
    for (case, id) in [("a living one", 1), ("one that never was", 3)] {
        let other = with(&site, b"DEAD", |bytes| {
            let list = 16 + 8 * word(bytes, 8) as usize;
            assert_eq!(word(bytes, list), 4);
            put(bytes, list, id);
        });
        site.refused(&other, case, "dead rows where the routing says");
    }
    // Counted at another place than where they are.
    let moved = with(&site, b"DEAD", |bytes| {
        let places: Vec<u32> = (0..word(bytes, 8) as usize)
            .map(|n| word(bytes, 16 + 8 * n))
            .collect();
        let free = (0..).find(|place| !places.contains(place)).unwrap();
        let from = places
            .iter()
            .position(|&place| place > free)
            .unwrap_or(places.len() - 1);
        put(bytes, 16 + 8 * from, free);
        if from > 0 && places[from - 1] > free {
            panic!("the places must ascend");
        }
    });
    site.refused(
        &moved,
        "at another place",
        "dead rows where the routing says",
    );
}

#[test]
fn places_that_share_bytes_are_refused() {
    let site = site();
    let cells = site.manifest.counts.cells as usize;
    // Of a place: scan offset, scan bytes, low offset, checksum; behind the bits.
    let span = |place: usize| 4 + 20 * place;
    let twice = with(&site, b"SPAN", |bytes| {
        let first = bytes[span(cells)..][..20].to_vec();
        bytes[span(cells + 1)..][..20].copy_from_slice(&first);
    });
    site.refused(&twice, "two pieces at one", "share bytes");
    for (case, at) in [("scan parts", 0), ("low rows", 8)] {
        let overlapping = with(&site, b"SPAN", |bytes| {
            let start = word(bytes, span(cells) + at);
            put(bytes, span(cells + 1) + at, start + 1);
        });
        site.refused(&overlapping, case, "share bytes");
    }
    let beyond = with(&site, b"SPAN", |bytes| put(bytes, span(cells), u32::MAX));
    site.refused(&beyond, "beyond the end", "ends at byte");
    let fewer = with(&site, b"SPAN", |bytes| bytes.truncate(bytes.len() - 20));
    site.refused(&fewer, "one missing", "SPAN");
}

#[test]
fn a_manifest_that_counts_other_pieces_is_refused() {
    let site = site();
    let spoil: [fn(&mut Manifest); 3] = [
        |manifest| manifest.counts.pieces += 1,
        |manifest| manifest.counts.pieces = 0,
        |manifest| manifest.counts.pictures += manifest.counts.pictures,
    ];
    for (number, spoil) in spoil.into_iter().enumerate() {
        let mut manifest = site.manifest.clone();
        spoil(&mut manifest);
        let opened = Index::open(manifest.to_json().as_bytes());
        let error = opened.and_then(|mut index| {
            let (name, bytes) = &site.files[0];
            index.supply(name, bytes.clone())
        });
        assert_eq!(error.unwrap_err().code(), "index_corrupt", "case {number}");
    }
}

#[test]
fn a_picture_in_a_base_and_in_a_piece_is_refused() {
    let site = site();
    // A segment of pieces under two numbers.
    let mut manifest = site.manifest.clone();
    let pieces = manifest.segments.len() - 1;
    let held = site
        .files
        .iter()
        .find(|(name, _)| *name == manifest.segments[pieces].name);
    let bytes = &held.unwrap().1;
    let mut sections = sections(bytes);
    sections.push((*b"LATE", 0, vec![1; 16]));
    let twin = container(bytes, &sections);
    manifest.segments[0] = FileRef::of("cells", &twin, "nss");
    let mut index = Index::open(manifest.to_json().as_bytes()).unwrap();
    index
        .supply(&manifest.segments[pieces].name, bytes.clone())
        .unwrap();
    let error = index.supply(&manifest.segments[0].name, twin).unwrap_err();
    assert!(error.to_string().contains("another segment"), "{error}");
}

#[test]
fn every_flipped_byte_of_what_tells_of_updates_is_refused_or_harmless() {
    let site = site();
    for kind in [b"PIEC", b"DEAD"] {
        let length = sections(&site.files[0].1)
            .iter()
            .find(|(found, ..)| found == kind)
            .unwrap()
            .2
            .len();
        for place in 0..length {
            for mask in [1u8, 0x80] {
                // With right checksums, as a forger would publish it.
                let routing = with(&site, kind, |bytes| bytes[place] ^= mask);
                if let Ok(index) = site.open(&routing) {
                    // Pieces of cells whose centroids are others' are misplaced rows, not a panic.
                    let answer = search(&index, &[0.25; DIMENSION], &SearchOptions::default());
                    assert!(answer.is_ok_and(|answer| answer.hits.len() <= 24));
                }
                let mut flipped = site.files[0].1.clone();
                let at = flipped.len() - 1 - place;
                flipped[at] ^= mask;
                assert!(site.open(&flipped).is_err(), "byte {at}");
            }
        }
    }
}

#[test]
fn records_of_removed_pictures_are_not_told() {
    let site = site();
    let index = site.open(&site.files[0].1).unwrap();
    let stored: Vec<u32> = index.stored_records().collect();
    assert!(stored.contains(&4) && stored.len() > index.records().count());
    assert!(index.record(4).is_none() && index.records().all(|record| record.id != 4));
    assert_eq!(
        index.records().count() as u64,
        site.manifest.counts.pictures
    );
    let mut without = Index::open(site.manifest.to_json().as_bytes()).unwrap();
    for (name, bytes) in &site.files[1..] {
        without.supply(name, bytes.clone()).unwrap();
    }
    assert_eq!((without.records().count(), without.record(4)), (0, None));
}
