//! The files of an epoch → a folder that serves it, at one instant.
//!
//! Everything new is written and synced first, with the full vectors that belong to it; then `manifest.json` is replaced by one rename. Until
//! that rename a reader sees the old epoch and all its files, after it the new one, and a crash at
//! any point leaves one of the two. Old files stay, because browsers still hold the old manifest.
//! An epoch never changes: one that is not higher than the published one is refused, unless it is
//! that very one again.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use super::BuildError;
use super::assemble::Assembled;
use super::output::{Durable, MANIFEST, put};
use super::state::Kept;
use crate::index::{IndexError, Manifest};

/// Publishes `assembled` in `dist`, and `vectors` as its full vectors. The caller holds [`super::Output`]. Files that the manifest names
/// and that `assembled` does not bring (kept segments, the model) must lie there already.
pub fn publish(dist: &Path, assembled: &Assembled, vectors: &Kept) -> Result<(), BuildError> {
    let text = assembled.manifest.to_json();
    if let Some((published, manifest)) = published(dist)?
        && published != text.as_bytes()
        && manifest.epoch >= assembled.manifest.epoch
    {
        return Err(BuildError::EpochRefused {
            published: manifest.epoch,
            offered: assembled.manifest.epoch,
        });
    }
    for (name, bytes) in assembled.new_files() {
        if name != MANIFEST {
            put(dist, name, bytes, Durable::Now)?;
        }
    }
    for file in assembled.manifest.files() {
        let path = dist.join(&file.name);
        let found = fs::metadata(&path).map_err(|source| BuildError::io("read", &path, source))?;
        if found.len() != file.bytes {
            return Err(BuildError::Index(IndexError::Size {
                name: file.name.clone(),
                found_bytes: found.len(),
                expected_bytes: file.bytes,
            }));
        }
    }
    vectors.belong_to(text.as_bytes(), dist)?;
    put(dist, MANIFEST, text.as_bytes(), Durable::Now)?;
    vectors.remove_others(text.as_bytes(), dist);
    Ok(())
}

/// The manifest that `dist` serves now, and its bytes; none when nothing is published that this version can read.
pub fn published(dist: &Path) -> Result<Option<(Vec<u8>, Manifest)>, BuildError> {
    let path = dist.join(MANIFEST);
    match fs::read(&path) {
        Ok(bytes) => match Manifest::parse(&bytes) {
            Ok(manifest) => Ok(Some((bytes, manifest))),
            Err(IndexError::Outdated { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(BuildError::io("read", &path, source)),
    }
}

/// Removes index files and thumbnails that the published epoch does not name: by the pattern of our own
/// names only, nothing else. Gives how many went.
pub fn prune(dist: &Path, thumbs: &HashSet<String>) -> Result<u64, BuildError> {
    remove_unnamed(dist, thumbs, &["", "thumbs", "model"])
}

/// The same of thumbnails only: the files of earlier epochs stay for pages that are open.
pub fn prune_thumbnails(dist: &Path, thumbs: &HashSet<String>) -> Result<u64, BuildError> {
    remove_unnamed(dist, thumbs, &["thumbs"])
}

fn remove_unnamed(
    dist: &Path,
    thumbs: &HashSet<String>,
    folders: &[&str],
) -> Result<u64, BuildError> {
    let Some((_, manifest)) = published(dist)? else {
        return Ok(0);
    };
    let named: HashSet<&str> = manifest
        .files()
        .map(|file| file.name.as_str())
        .chain(thumbs.iter().map(String::as_str))
        .collect();
    let mut removed = 0;
    for &folder in folders {
        let path = dist.join(folder);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => return Err(BuildError::io("read", &path, source)),
        };
        for entry in entries {
            let entry = entry.map_err(|source| BuildError::io("read", &path, source))?;
            let file = entry.file_name().to_string_lossy().into_owned();
            let name = match folder {
                "" => file.clone(),
                folder => format!("{folder}/{file}"),
            };
            if made_here(folder, &file) && !named.contains(name.as_str()) {
                fs::remove_file(entry.path())
                    .map_err(|source| BuildError::io("remove", &entry.path(), source))?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

fn made_here(folder: &str, file: &str) -> bool {
    let kinds: &[(&str, &str)] = match folder {
        "thumbs" => &[("", ".jpg")],
        "model" => &[("", ".onnx"), ("", ".json")],
        _ => &[
            ("routing-", ".nsr"),
            ("cells-", ".nss"),
            ("records-", ".nsd"),
        ],
    };
    kinds.iter().any(|(start, end)| {
        file.strip_prefix(start)
            .and_then(|rest| rest.strip_suffix(end))
            .is_some_and(|hash| {
                hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::assemble::{Assembly, Previous};
    use crate::build::{State, load_index};
    use crate::index::{Index, Record};
    use crate::partition::{Method, PartitionOptions, Rows, partition};

    /// An epoch of `pictures` pictures on a circle.
    fn epoch(pictures: u32, previous: Option<&Index>) -> Assembled {
        let angles = (0..pictures).map(|id| id as f32 * 0.37);
        let values: Vec<f32> = angles
            .flat_map(|angle| [angle.cos(), angle.sin()])
            .collect();
        let rows = Rows::new(&values, 2).unwrap();
        let ids: Vec<u32> = (0..pictures).collect();
        let record = |id: &u32| Record {
            id: *id,
            path: format!("{id}.jpg"),
            key: id.to_string(),
            ..Record::default()
        };
        let records: Vec<Record> = ids.iter().map(record).collect();
        let options = PartitionOptions {
            cells: Some(4),
            seed: 1,
            method: Method::Ward,
        };
        let layout = partition(rows, &options, &mut |_| {}).unwrap();
        let previous = previous.map(|index| Previous::new(index).unwrap());
        let assembly = Assembly::of(rows, &ids).records(&records);
        assembly
            .after(previous.as_ref())
            .in_layout(&layout)
            .unwrap()
    }

    /// The full vectors are another file's matter.
    fn publish_it(dist: &Path, assembled: &Assembled) -> Result<(), BuildError> {
        publish(dist, assembled, &State::keep(&[0.0], 1, dist).unwrap())
    }

    #[test]
    fn an_epoch_is_published_once_and_only_a_later_one_replaces_it() {
        let dist = tempfile::tempdir().unwrap();
        let first = epoch(20, None);
        publish_it(dist.path(), &first).unwrap();
        publish_it(dist.path(), &first).unwrap();
        let other = publish_it(dist.path(), &epoch(21, None)).unwrap_err();
        assert_eq!(other.code(), "epoch_refused");
        let held = load_index(dist.path()).unwrap();
        assert_eq!(held.manifest().counts.pictures, 20);
        publish_it(dist.path(), &epoch(21, Some(&held))).unwrap();
        assert_eq!(load_index(dist.path()).unwrap().epoch(), held.epoch() + 1);
        assert_eq!(
            publish_it(dist.path(), &first).unwrap_err().code(),
            "epoch_refused"
        );
    }

    #[test]
    fn a_crash_before_the_manifest_leaves_the_old_epoch_whole() {
        let dist = tempfile::tempdir().unwrap();
        publish_it(dist.path(), &epoch(20, None)).unwrap();
        let held = load_index(dist.path()).unwrap();
        let next = epoch(23, Some(&held));
        for (name, bytes) in &next.files {
            // A part of a file, then the file: what a crash may leave behind of each.
            fs::write(
                dist.path().join(format!(".{name}.part")),
                &bytes[..bytes.len() / 2],
            )
            .unwrap();
            assert_eq!(load_index(dist.path()).unwrap().manifest(), held.manifest());
            fs::write(dist.path().join(name), bytes).unwrap();
            assert_eq!(load_index(dist.path()).unwrap().manifest(), held.manifest());
        }
        publish_it(dist.path(), &next).unwrap();
        assert_eq!(
            load_index(dist.path()).unwrap().manifest().counts.pictures,
            23
        );
    }

    #[test]
    fn a_manifest_is_not_swapped_while_a_file_that_it_names_is_missing() {
        let dist = tempfile::tempdir().unwrap();
        let mut first = epoch(20, None);
        first.files.pop();
        assert_eq!(
            publish_it(dist.path(), &first).unwrap_err().code(),
            "io_failed"
        );
        assert!(published(dist.path()).unwrap().is_none());
    }

    #[test]
    fn only_old_files_of_our_own_making_are_removed() {
        let dist = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = dist.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        };
        publish_it(dist.path(), &epoch(20, None)).unwrap();
        let hash = "0123456789abcdef0123456789abcdef";
        let ours = [
            format!("thumbs/{hash}.jpg"),
            format!("cells-{hash}.nss"),
            format!("model/{hash}.onnx"),
        ];
        let others = [
            "thumbs/holiday.jpg",
            "cells-notes.nss",
            "index.html",
            "model/readme.json",
        ];
        ours.iter().for_each(|name| write(name));
        others.iter().for_each(|name| write(name));
        let kept = format!("thumbs/{}.jpg", hash.replace('0', "f"));
        write(&kept);
        assert_eq!(prune(dist.path(), &[kept.clone()].into()).unwrap(), 3);
        assert!(ours.iter().all(|name| !dist.path().join(name).exists()));
        assert!(others.iter().all(|name| dist.path().join(name).exists()));
        assert!(dist.path().join(&kept).exists());
        load_index(dist.path()).unwrap();
    }
}
