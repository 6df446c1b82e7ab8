//! The full vectors of a published index ⇄ `.nearsight/vectors.f32` and `state.json`.
//!
//! Row i is the vector of picture i, little-endian, ids never being given twice: a removed picture
//! leaves its row behind. The published index holds codes only; whoever partitions anew needs these.
//! `state.json` says how to read the rows and holds their hash, so a build that died between writing
//! the two, or a file copied from elsewhere, is noticed and not believed.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::BuildError;
use super::output::{Durable, STATE_FOLDER, put};
use super::publish::published;
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

#[derive(Debug, Clone, PartialEq)]
pub struct State {
    vectors: Vec<f32>,
    dimension: usize,
    model: Option<String>,
    sidecar: Option<String>,
}

impl State {
    /// `model` made the vectors, and names the projection that they went through.
    pub fn new(vectors: Vec<f32>, dimension: usize, model: Option<&ModelRef>) -> Self {
        Self {
            vectors,
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
        let text = read(&path)?;
        let stale = |path: PathBuf, why| BuildError::StateStale { path, why };
        let about: About = serde_json::from_slice(&text)
            .map_err(|_| stale(path.clone(), "it is damaged or of another version"))?;
        if about.format != FORMAT {
            return Err(stale(path, "it is of another version"));
        }
        let path = vectors_file(dist);
        let bytes = read(&path)?;
        let length = about
            .rows
            .checked_mul(about.dimension)
            .and_then(|values| values.checked_mul(4));
        if length != Some(bytes.len()) || hash(&bytes) != about.vectors {
            return Err(stale(path, "its hash differs, a build was cut short"));
        }
        let vectors = bytes
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect();
        Ok(Self {
            vectors,
            dimension: about.dimension,
            model: about.model,
            sidecar: about.sidecar,
        })
    }

    pub fn save(&self, dist: &Path) -> Result<(), BuildError> {
        let folder = dist.join(STATE_FOLDER);
        // Asked for at once: the vectors are most of what a build holds, and a vector of bytes that grows is copied into ever larger ones.
        let mut bytes = Vec::with_capacity(4 * self.vectors.len());
        bytes.extend(self.vectors.iter().flat_map(|value| value.to_le_bytes()));
        let about = About {
            format: FORMAT,
            dimension: self.dimension,
            rows: self.rows(),
            vectors: hash(&bytes),
            model: self.model.clone(),
            sidecar: self.sidecar.clone(),
        };
        put(&folder, VECTORS, &bytes, Durable::Now)?;
        let text = serde_json::to_vec_pretty(&about).expect("plain data");
        put(&folder, ABOUT, &text, Durable::Now)?;
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

fn read(path: &Path) -> Result<Vec<u8>, BuildError> {
    fs::read(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => BuildError::StateMissing(path.to_path_buf()),
        _ => BuildError::io("read", path, source),
    })
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
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
        assert_eq!(opened, state());
        assert_eq!(opened.rows(), 3);
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
