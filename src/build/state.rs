//! The full vectors of a published index ⇄ `.nearsight/vectors.f32` and `state.json`.
//!
//! Row i is the vector of picture i, little-endian, ids never being given twice: a removed picture
//! leaves its row behind. The published index holds codes only; whoever partitions anew needs these.
//! The rows are not read into memory where the system can map the file (`mapped`).
//! `state.json` says how to read the rows and holds their hash, so a build that died between writing
//! the two, or a file copied from elsewhere, is noticed and not believed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::BuildError;
use super::mapped::Floats;
use super::output::{Durable, STATE_FOLDER, put};
use super::publish::published;
use super::row_file::{RowFile, Written, hash_values};
use crate::index::ModelRef;

const VECTORS: &str = "vectors.f32";
const ABOUT: &str = "state.json";
const FORMAT: u32 = 1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct About {
    format: u32,
    dimension: usize,
    rows: usize,
    /// Hash of `vectors.f32`.
    vectors: String,
    /// Name of the ONNX file that made them; none when they came from elsewhere.
    model: Option<String>,
    /// Name of its sidecar, which holds the projection that they went through. None in states of earlier versions.
    #[serde(default)]
    sidecar: Option<String>,
}

#[derive(Debug)]
pub struct State {
    vectors: Floats,
    dimension: usize,
    model: Option<String>,
    sidecar: Option<String>,
}

impl State {
    /// `model` made the vectors, and names the projection that they went through.
    pub fn new(vectors: Vec<f32>, dimension: usize, model: Option<&ModelRef>) -> Self {
        Self {
            vectors: Floats::Held(vectors),
            dimension,
            model: model.map(|model| model.onnx.name.clone()),
            sidecar: model.map(|model| model.sidecar.name.clone()),
        }
    }

    /// Reads the state of `dist`, and refuses one that is damaged or belongs to another model than the
    /// published index.
    pub fn open(dist: &Path) -> Result<Self, BuildError> {
        let state = Self::open_any(dist)?;
        if let Some((_, manifest)) = published(dist)? {
            let named = Self::new(Vec::new(), manifest.dimension, manifest.model.as_ref());
            let stale = |why| BuildError::StateStale {
                path: vectors_file(dist),
                why,
            };
            if named.dimension != state.dimension || named.model != state.model {
                return Err(stale("another model made the vectors"));
            }
            if state.sidecar.is_some() && named.sidecar != state.sidecar {
                return Err(stale(
                    "its vectors went through another projection, a build was cut short",
                ));
            }
        }
        Ok(state)
    }

    /// As [`State::open`], without asking what is published.
    pub fn open_any(dist: &Path) -> Result<Self, BuildError> {
        let path = dist.join(STATE_FOLDER).join(ABOUT);
        let text = fs::read(&path).map_err(|source| unread(&path, source))?;
        let stale = |path: PathBuf, why| BuildError::StateStale { path, why };
        let about: About = serde_json::from_slice(&text)
            .map_err(|_| stale(path.clone(), "it is damaged or of another version"))?;
        if about.format != FORMAT {
            return Err(stale(path, "it is of another version"));
        }
        let path = vectors_file(dist);
        let mut file = File::open(&path).map_err(|source| unread(&path, source))?;
        let found = file.metadata().map(|found| found.len());
        let found = found.map_err(|source| unread(&path, source))?;
        let length = (about.rows as u64)
            .checked_mul(about.dimension as u64)
            .and_then(|values| values.checked_mul(4));
        let differs = "its hash differs, a build was cut short";
        if length != Some(found) {
            return Err(stale(path, differs));
        }
        let vectors = Floats::of(&mut file).map_err(|source| unread(&path, source))?;
        let mut hasher = blake3::Hasher::new();
        hash_values(&mut hasher, &vectors);
        if hasher.finalize().to_hex().as_str() != about.vectors {
            return Err(stale(path, differs));
        }
        Ok(Self {
            vectors,
            dimension: about.dimension,
            model: about.model,
            sidecar: about.sidecar,
        })
    }

    pub fn save(&self, dist: &Path) -> Result<(), BuildError> {
        let mut file = RowFile::create(&dist.join(STATE_FOLDER))?;
        file.push(&self.vectors)?;
        self.keep(file.finish()?, dist)
    }

    /// Makes a file of rows that were made elsewhere the full vectors of `dist`.
    pub(super) fn save_written(
        written: Written,
        dimension: usize,
        dist: &Path,
    ) -> Result<(), BuildError> {
        Self::new(Vec::new(), dimension, None).keep(written, dist)
    }

    /// The rows first: `state.json` with another hash says that they are not those of the published epoch.
    fn keep(&self, written: Written, dist: &Path) -> Result<(), BuildError> {
        let about = About {
            format: FORMAT,
            dimension: self.dimension,
            rows: written
                .values
                .len()
                .checked_div(self.dimension)
                .unwrap_or(0),
            vectors: written.hash.clone(),
            model: self.model.clone(),
            sidecar: self.sidecar.clone(),
        };
        written.keep(&vectors_file(dist))?;
        let text = serde_json::to_vec_pretty(&about).expect("plain data");
        put(&dist.join(STATE_FOLDER), ABOUT, &text, Durable::Now)?;
        Ok(())
    }

    /// All rows, and the dimension. Row i is picture i.
    pub fn vectors(&self) -> (&[f32], usize) {
        (&self.vectors, self.dimension)
    }

    /// The vector of picture `id`.
    pub fn row(&self, id: u32) -> Option<&[f32]> {
        let start = (id as usize).checked_mul(self.dimension)?;
        self.vectors.get(start..start.checked_add(self.dimension)?)
    }

    pub fn rows(&self) -> usize {
        self.vectors.len().checked_div(self.dimension).unwrap_or(0)
    }
}

fn vectors_file(dist: &Path) -> PathBuf {
    dist.join(STATE_FOLDER).join(VECTORS)
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

    fn state() -> State {
        State::new(vec![1.0, 0.0, -0.25, 0.5, 3.5, f32::MIN], 2, None)
    }

    #[test]
    fn what_was_saved_is_opened_to_the_bit() {
        let dist = tempfile::tempdir().unwrap();
        state().save(dist.path()).unwrap();
        let opened = State::open(dist.path()).unwrap();
        assert_eq!(opened.vectors(), state().vectors());
        assert_eq!(opened.rows(), 3);
        // Again over itself: what is mapped is not what is written to.
        opened.save(dist.path()).unwrap();
        assert_eq!(opened.vectors(), state().vectors());
        let again = State::open(dist.path()).unwrap();
        assert_eq!(again.vectors(), state().vectors());
        let folder = fs::read_dir(dist.path().join(STATE_FOLDER)).unwrap();
        assert_eq!(folder.count(), 2, "nothing is left beside the two files");
    }

    #[test]
    fn a_state_that_is_torn_is_not_believed() {
        let dist = tempfile::tempdir().unwrap();
        assert_eq!(
            State::open(dist.path()).unwrap_err().code(),
            "state_missing"
        );
        state().save(dist.path()).unwrap();
        let file = vectors_file(dist.path());
        let mut bytes = fs::read(&file).unwrap();
        bytes[5] ^= 1;
        fs::write(&file, &bytes).unwrap();
        assert_eq!(State::open(dist.path()).unwrap_err().code(), "state_stale");
        fs::write(&file, &bytes[..20]).unwrap();
        assert_eq!(State::open(dist.path()).unwrap_err().code(), "state_stale");
    }
}
