//! The full vectors of a published index ⇄ `.nearsight/vectors-HASH.f32` and `state-HASH.json`.
//!
//! Row i is the vector of picture i, little-endian, ids never being given twice: a removed picture
//! leaves its row behind. The published index holds codes only; whoever partitions anew needs these.
//! The rows are not read into memory where the system can map the file (`mapped`).
//!
//! The rows have the name of what they are; `state-HASH.json` has the hash of a manifest and says which rows are those of it and how to read them.
//! Both are there before their manifest is, and those of the manifest before stay until then. So the one rename that publishes an
//! epoch gives it its full vectors, too, and a process that dies at any moment leaves some that belong together.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::BuildError;
use super::mapped::Floats;
use super::output::{Durable, MANIFEST, STATE_FOLDER, put};
use super::row_file::{RowFile, Written, hash_values};

const FORMAT: u32 = 2;
/// Digits of a hash in a name.
const DIGITS: usize = 32;
const ROWS: (&str, &str) = ("vectors-", ".f32");
const ABOUT: (&str, &str) = ("state-", ".json");
/// What earlier versions kept, which nobody reads any more.
const EARLIER: [&str; 2] = ["vectors.f32", "state.json"];

/// Full vectors that lie in the folder, durably, and are those of an epoch as soon as it is published with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    format: u32,
    dimension: usize,
    rows: usize,
    /// Hash of the file of the rows, whose name begins with it.
    hash: String,
}

impl Kept {
    /// Keeps rows that were written in the folder.
    pub(super) fn written(
        written: Written,
        dimension: usize,
        dist: &Path,
    ) -> Result<Self, BuildError> {
        let kept = Self {
            format: FORMAT,
            dimension,
            rows: written.values.len().checked_div(dimension).unwrap_or(0),
            hash: written.hash.clone(),
        };
        written.keep(&kept.file(dist))?;
        Ok(kept)
    }

    /// Makes them those of the epoch with this manifest, which is not published yet.
    pub(super) fn belong_to(&self, manifest: &[u8], dist: &Path) -> Result<(), BuildError> {
        let text = serde_json::to_vec_pretty(self).expect("plain data");
        let name = about(manifest);
        put(&dist.join(STATE_FOLDER), &name, &text, Durable::Now).map(drop)
    }

    /// Removes what belongs to other epochs than the one with this manifest, which is published.
    pub(super) fn remove_others(&self, manifest: &[u8], dist: &Path) {
        let mine = [about(manifest), named(ROWS, &self.hash)];
        let entries = fs::read_dir(dist.join(STATE_FOLDER));
        for entry in entries.into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_state = is_named(ROWS, &name) || is_named(ABOUT, &name);
            if (is_state && !mine.contains(&name)) || EARLIER.contains(&name.as_str()) {
                // What cannot be removed takes room and does no harm.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Whether it is of this version, and names a file of this folder.
    fn is_valid(&self) -> bool {
        let is_hash = self.hash.len() >= DIGITS && self.hash.bytes().all(|b| b.is_ascii_hexdigit());
        self.format == FORMAT && is_hash
    }

    /// Of the file of the rows.
    fn bytes(&self) -> Option<u64> {
        let values = (self.rows as u64).checked_mul(self.dimension as u64)?;
        values.checked_mul(4)
    }

    fn file(&self, dist: &Path) -> PathBuf {
        dist.join(STATE_FOLDER).join(named(ROWS, &self.hash))
    }
}

#[derive(Debug)]
pub struct State {
    vectors: Floats,
    kept: Kept,
    file: PathBuf,
}

impl State {
    /// Puts rows of `dimension` numbers into the folder, which is claimed, for an epoch that is to be published.
    pub fn keep(vectors: &[f32], dimension: usize, dist: &Path) -> Result<Kept, BuildError> {
        let mut file = RowFile::create(&dist.join(STATE_FOLDER))?;
        file.push(vectors)?;
        Kept::written(file.finish()?, dimension, dist)
    }

    /// Reads the full vectors of the published epoch, and refuses what is damaged.
    pub fn open(dist: &Path) -> Result<Self, BuildError> {
        let manifest = dist.join(MANIFEST);
        let manifest = fs::read(&manifest).map_err(|source| unread(&manifest, source))?;
        let folder = dist.join(STATE_FOLDER);
        let path = folder.join(about(&manifest));
        let text = match fs::read(&path) {
            Err(_) if !path.exists() && abouts(&folder).next().is_some() => {
                let why = "those in it are of another epoch";
                return Err(BuildError::StateStale { path: folder, why });
            }
            found => found.map_err(|source| unread(&path, source))?,
        };
        let stale = |path: PathBuf, why| BuildError::StateStale { path, why };
        let kept: Kept = serde_json::from_slice(&text)
            .map_err(|_| stale(path.clone(), "it is damaged or of another version"))?;
        if !kept.is_valid() {
            return Err(stale(path, "it is of another version"));
        }
        let path = kept.file(dist);
        let mut file = File::open(&path).map_err(|source| unread(&path, source))?;
        let found = file.metadata().map(|found| found.len());
        let found = found.map_err(|source| unread(&path, source))?;
        let differs = "it was changed or cut short";
        if kept.bytes() != Some(found) {
            return Err(stale(path, differs));
        }
        let vectors = Floats::of(&mut file).map_err(|source| unread(&path, source))?;
        let mut hasher = blake3::Hasher::new();
        hash_values(&mut hasher, &vectors);
        if hasher.finalize().to_hex().as_str() != kept.hash {
            return Err(stale(path, differs));
        }
        let file = path;
        Ok(Self {
            vectors,
            kept,
            file,
        })
    }

    /// As an epoch of the same vectors is published with.
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Where the rows lie.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// All rows, and the dimension. Row i is picture i.
    pub fn vectors(&self) -> (&[f32], usize) {
        (&self.vectors, self.kept.dimension)
    }

    /// The vector of picture `id`.
    pub fn row(&self, id: u32) -> Option<&[f32]> {
        let dimension = self.kept.dimension;
        let start = (id as usize).checked_mul(dimension)?;
        self.vectors.get(start..start.checked_add(dimension)?)
    }

    pub fn rows(&self) -> usize {
        self.kept.rows
    }
}

/// How many ids were given: the rows of the longest full vectors that lie in the folder, of whichever epoch. A run that died has given its own, though it
/// published none of them.
pub fn ids_given(dist: &Path) -> usize {
    let rows = |about: PathBuf| -> Option<usize> {
        let kept: Kept = serde_json::from_slice(&fs::read(about).ok()?).ok()?;
        let bytes = fs::metadata(kept.is_valid().then(|| kept.file(dist))?).ok()?;
        (kept.bytes() == Some(bytes.len())).then_some(kept.rows)
    };
    abouts(&dist.join(STATE_FOLDER))
        .filter_map(rows)
        .max()
        .unwrap_or(0)
}

/// Name of what says which full vectors are those of a manifest.
fn about(manifest: &[u8]) -> String {
    named(ABOUT, blake3::hash(manifest).to_hex().as_str())
}

fn named((start, end): (&str, &str), hash: &str) -> String {
    format!("{start}{}{end}", &hash[..DIGITS])
}

fn is_named((start, end): (&str, &str), name: &str) -> bool {
    let hash = name
        .strip_prefix(start)
        .and_then(|rest| rest.strip_suffix(end));
    hash.is_some_and(|hash| hash.len() == DIGITS && hash.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// All that say which full vectors are those of some manifest.
fn abouts(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| is_named(ABOUT, &entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
}

fn unread(path: &Path, source: std::io::Error) -> BuildError {
    match source.kind() {
        std::io::ErrorKind::NotFound => BuildError::StateMissing(path.to_path_buf()),
        _ => BuildError::io("read", path, source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [f32; 6] = [1.0, 0.0, -0.25, 0.5, 3.5, f32::MIN];

    /// Puts a manifest, of which only the bytes matter here, in the place of the one before.
    fn publish(kept: &Kept, manifest: &[u8], dist: &Path) {
        kept.belong_to(manifest, dist).unwrap();
        fs::write(dist.join(MANIFEST), manifest).unwrap();
        kept.remove_others(manifest, dist);
    }

    fn files(dist: &Path) -> usize {
        fs::read_dir(dist.join(STATE_FOLDER)).unwrap().count()
    }

    #[test]
    fn what_was_kept_is_opened_to_the_bit() {
        let folder = tempfile::tempdir().unwrap();
        let dist = folder.path();
        publish(&State::keep(&VALUES, 2, dist).unwrap(), b"first", dist);
        let opened = State::open(dist).unwrap();
        assert_eq!(opened.vectors(), (&VALUES[..], 2));
        assert_eq!((opened.rows(), opened.row(1)), (3, Some(&VALUES[2..4])));
        // Again over themselves: what is mapped is not what is written to.
        let again = State::keep(opened.vectors().0, 2, dist).unwrap();
        assert_eq!(&again, opened.kept());
        fs::write(dist.join(STATE_FOLDER).join(EARLIER[0]), b"of old").unwrap();
        publish(&again, b"second", dist);
        assert_eq!(opened.vectors(), (&VALUES[..], 2));
        assert_eq!(State::open(dist).unwrap().vectors(), (&VALUES[..], 2));
        assert_eq!(files(dist), 2, "nothing is left beside the two files");
    }

    #[test]
    fn the_vectors_are_those_of_the_manifest_at_every_moment() {
        let folder = tempfile::tempdir().unwrap();
        let dist = folder.path();
        let opened = || State::open(dist).map(|state| state.vectors().0.to_vec());
        publish(&State::keep(&VALUES, 2, dist).unwrap(), b"first", dist);
        let next = State::keep(&VALUES[..4], 2, dist).unwrap();
        assert_eq!(opened().unwrap(), VALUES);
        assert_eq!(ids_given(dist), 3);
        let died = State::keep(&[0.5; 10], 2, dist).unwrap();
        died.belong_to(b"never published", dist).unwrap();
        assert_eq!(ids_given(dist), 5);
        assert_eq!(opened().unwrap(), VALUES);
        next.belong_to(b"second", dist).unwrap();
        assert_eq!(opened().unwrap(), VALUES);
        fs::write(dist.join(MANIFEST), b"second").unwrap();
        assert_eq!(opened().unwrap(), VALUES[..4]);
        next.remove_others(b"second", dist);
        assert_eq!(opened().unwrap(), VALUES[..4]);
        // A manifest that was brought from elsewhere has none.
        fs::write(dist.join(MANIFEST), b"third").unwrap();
        assert_eq!(opened().unwrap_err().code(), "state_stale");
    }

    #[test]
    fn a_state_that_is_torn_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let dist = folder.path();
        let code = || State::open(dist).unwrap_err().code();
        assert_eq!(code(), "state_missing");
        publish(&State::keep(&VALUES, 2, dist).unwrap(), b"first", dist);
        let (kept, file) = State::open(dist)
            .map(|state| (state.kept().clone(), state.file().to_path_buf()))
            .unwrap();
        let mut bytes = fs::read(&file).unwrap();
        bytes[5] ^= 1;
        fs::write(&file, &bytes).unwrap();
        assert_eq!(code(), "state_stale");
        fs::write(&file, &bytes[..20]).unwrap();
        assert_eq!(code(), "state_stale");
        fs::remove_file(&file).unwrap();
        assert_eq!(code(), "state_missing");
        // A name that leads out of the folder is no hash.
        let elsewhere = Kept {
            hash: "../".repeat(DIGITS),
            ..kept
        };
        elsewhere.belong_to(b"first", dist).unwrap();
        assert_eq!(code(), "state_stale");
    }
}
