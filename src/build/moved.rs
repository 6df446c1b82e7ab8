//! Rows that a new model did not make ⇄ files in `.nearsight/`, for as long as an index is moved over to it.
//!
//! While `nearsight upgrade` is not finished, some rows of the index are the old model's, moved into the new model's space. Which ones, and what they are
//! there (before any projection), is kept in `moved-KEY.rows`, the key being that of the new model. The published model decides which of several files counts, so a
//! crash never makes a moved row pass for one that the model made: the file is written before the epoch that it tells of, and shortened after the next.
//! `from-KEY.rows` holds what the index had before, until that epoch is published, since the log forgets a picture's old vector when it is embedded anew.
//!
//! A file: `magic | check of all that follows | header length u32 | header JSON | rows f32…`, little-endian.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::output::{Durable, Output, put};
use super::{BuildError, Model};

const MAGIC: &[u8; 16] = b"nearsight-moved\n";
const CHECK: usize = 32;
const FORMAT: u32 = 1;

/// Which rows a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Of the index before the upgrade.
    From,
    /// Moved into the space of the new model.
    Moved,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct About {
    format: u32,
    dimension: usize,
    /// All that can be embedded anew is: what is left are pictures that are gone.
    finished: bool,
    /// Ascending; row `i` is that of picture `ids[i]`.
    ids: Vec<u32>,
}

/// Rows by picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    about: About,
    rows: Vec<f32>,
}

impl Moved {
    /// Rows in the order of ascending ids.
    pub fn new(dimension: usize, ids: Vec<u32>, rows: Vec<f32>) -> Self {
        debug_assert!(ids.is_sorted() && ids.len() * dimension == rows.len());
        let about = About {
            format: FORMAT,
            dimension,
            finished: false,
            ids,
        };
        Self { about, rows }
    }

    /// What is kept of an upgrade to `model`; none when there is none.
    pub fn read(output: &Output, kind: Kind, model: &Model) -> Result<Option<Self>, BuildError> {
        let path = output.state().join(name(kind, model));
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(BuildError::io("read", &path, source)),
        };
        match parse(&bytes) {
            Some(moved) => Ok(Some(moved)),
            None => Err(BuildError::MovedDamaged(path)),
        }
    }

    pub fn save(&self, output: &Output, kind: Kind, model: &Model) -> Result<(), BuildError> {
        let header = serde_json::to_vec(&self.about).expect("plain data");
        let mut body = Vec::with_capacity(4 + header.len() + 4 * self.rows.len());
        body.extend((header.len() as u32).to_le_bytes());
        body.extend(header);
        body.extend(self.rows.iter().flat_map(|value| value.to_le_bytes()));
        let mut bytes = MAGIC.to_vec();
        bytes.extend(blake3::hash(&body).as_bytes());
        bytes.append(&mut body);
        put(&output.state(), &name(kind, model), &bytes, Durable::Now).map(drop)
    }

    /// Keeps the rows of these pictures only.
    pub fn retain(&mut self, stays: impl Fn(u32) -> bool) {
        let of = self.rows.chunks_exact(self.about.dimension.max(1));
        let kept = self.about.ids.iter().zip(of).filter(|(id, _)| stays(**id));
        let (ids, rows): (Vec<u32>, Vec<&[f32]>) = kept.unzip();
        self.rows = rows.concat();
        self.about.ids = ids;
    }

    pub fn row(&self, id: u32) -> Option<&[f32]> {
        let at = self.about.ids.binary_search(&id).ok()?;
        let dimension = self.about.dimension;
        self.rows.get(at * dimension..(at + 1) * dimension)
    }

    pub fn holds(&self, id: u32) -> bool {
        self.about.ids.binary_search(&id).is_ok()
    }

    pub fn ids(&self) -> &[u32] {
        &self.about.ids
    }

    pub fn dimension(&self) -> usize {
        self.about.dimension
    }

    pub fn is_finished(&self) -> bool {
        self.about.finished
    }

    pub fn finish(&mut self) {
        self.about.finished = true;
    }
}

/// Removes what is kept of upgrades, but for the moved rows of the one to `model`.
pub fn remove_others(output: &Output, model: &Model) -> Result<(), BuildError> {
    let kept = name(Kind::Moved, model);
    let state = output.state();
    let failed = |source| BuildError::io("read", &state, source);
    for entry in fs::read_dir(&state).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let is_ours = [Kind::From, Kind::Moved].iter().any(|&kind| {
            let key = file.strip_prefix(prefix(kind));
            key.is_some_and(|key| key.ends_with(".rows"))
        });
        if is_ours && *file != *kept {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Removes the moved rows of the upgrade to `model`: there are none any more.
pub fn remove_own(output: &Output, model: &Model) -> Result<(), BuildError> {
    remove(&output.state().join(name(Kind::Moved, model)))
}

fn remove(path: &Path) -> Result<(), BuildError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(BuildError::io("remove", path, source))
        }
        _ => Ok(()),
    }
}

fn prefix(kind: Kind) -> &'static str {
    match kind {
        Kind::From => "from-",
        Kind::Moved => "moved-",
    }
}

fn name(kind: Kind, model: &Model) -> String {
    let network = model.network_reference();
    let text = format!("{} {}", network.onnx.name, network.sidecar.name);
    let key = blake3::hash(text.as_bytes()).to_hex();
    format!("{}{}.rows", prefix(kind), &key[..16])
}

fn parse(bytes: &[u8]) -> Option<Moved> {
    let (check, body) = bytes.strip_prefix(MAGIC)?.split_at_checked(CHECK)?;
    if blake3::hash(body).as_bytes() != check {
        return None;
    }
    let (length, rest) = body.split_first_chunk::<4>()?;
    let (header, values) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let about: About = serde_json::from_slice(header).ok()?;
    let expected = about.ids.len().checked_mul(about.dimension)?.checked_mul(4);
    let fits = about.format == FORMAT
        && about.dimension > 0
        && expected == Some(values.len())
        && about.ids.is_sorted_by(|a, b| a < b);
    let numbers = values
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    fits.then(|| Moved {
        about,
        rows: numbers.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Moved {
        Moved::new(2, vec![3, 5, 9], vec![1.0, 0.0, 0.5, 0.5, 0.0, -1.0])
    }

    #[test]
    fn what_was_saved_is_read_for_its_model_and_its_kind_only() {
        let folder = tempfile::tempdir().unwrap();
        let output = Output::claim(folder.path()).unwrap();
        let model = Model::built_in().unwrap();
        let read = |kind| Moved::read(&output, kind, &model).unwrap();
        assert_eq!(read(Kind::Moved), None);
        rows().save(&output, Kind::Moved, &model).unwrap();
        assert_eq!(read(Kind::Moved), Some(rows()));
        assert_eq!(read(Kind::From), None);
        rows().save(&output, Kind::From, &model).unwrap();
        remove_others(&output, &model).unwrap();
        assert_eq!((read(Kind::From), read(Kind::Moved)), (None, Some(rows())));
        remove_own(&output, &model).unwrap();
        assert_eq!(read(Kind::Moved), None);
    }

    #[test]
    fn rows_that_are_not_kept_go_and_the_others_stay_what_they_are() {
        let mut moved = rows();
        moved.retain(|id| id != 5);
        assert_eq!(moved.ids(), [3, 9]);
        assert_eq!((moved.row(5), moved.row(9)), (None, Some(&[0.0, -1.0][..])));
    }

    #[test]
    fn a_file_that_differs_in_any_bit_is_refused_and_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let output = Output::claim(folder.path()).unwrap();
        let model = Model::built_in().unwrap();
        rows().save(&output, Kind::Moved, &model).unwrap();
        let file = output.state().join(name(Kind::Moved, &model));
        let whole = fs::read(&file).unwrap();
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 4;
            assert_eq!(parse(&bytes), None, "flipped at {place}");
            assert_eq!(parse(&whole[..place]), None, "cut at {place}");
        }
        fs::write(&file, &whole[..20]).unwrap();
        let error = Moved::read(&output, Kind::Moved, &model).unwrap_err();
        assert_eq!(error.code(), "state_stale");
        assert!(error.to_string().contains("nearsight build"), "{error}");
    }
}
