//! A published folder → every problem that it has.
//!
//! Goes on after a problem, so that one run names them all. Checked: the manifest; size, hash and
//! checksums of every file that it names; that cells, records and counts tell of the same pictures;
//! every thumbnail against the hash in its name; the model, by computing its reference picture; the
//! full vectors against what the codes decode to, on a sample. Nothing is changed.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use serde::Serialize;

use super::load::read_named;
use super::output::{MANIFEST, STATE_FOLDER};
use super::{BuildError, Problem, State};
use crate::index::{FileRef, Index, Manifest};
use crate::kernel;

/// Codes of 8 bits decode to within a few thousandths of the vector; another picture's vector is far
/// below this.
const LEAST_COSINE: f32 = 0.9;
/// Where the Euclidean distance counts: of the squared distance to other rows, about as much as that cosine leaves of a unit vector.
const LARGEST_LOSS: f32 = 0.2;
/// Pictures whose codes are compared with their vectors.
const SAMPLE: usize = 256;

#[derive(Debug, Default, Serialize)]
pub struct Verified {
    pub epoch: u64,
    pub pictures: u64,
    /// Pieces of cells beside their bases, and rows of removed pictures that are still stored.
    pub pieces: u64,
    pub dead_rows: u64,
    /// Files looked at.
    pub files: u64,
    pub bytes: u64,
    pub problems: Vec<Problem>,
}

impl Verified {
    fn problem(&mut self, path: &str, code: &str, message: impl ToString) {
        self.problems.push(Problem {
            path: path.to_string(),
            code: code.to_string(),
            message: message.to_string(),
        });
    }

    fn failed(&mut self, path: &str, error: &BuildError) {
        self.problem(path, error.code(), error);
    }
}

/// Fails only when there is no manifest at all; everything else is a problem in the answer.
pub fn verify(dist: &Path) -> Result<Verified, BuildError> {
    let path = dist.join(MANIFEST);
    let manifest = fs::read(&path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => BuildError::IndexMissing(dist.to_path_buf()),
        _ => BuildError::io("read", &path, source),
    })?;
    let mut verified = Verified {
        files: 1,
        bytes: manifest.len() as u64,
        ..Verified::default()
    };
    let mut index = match Index::open(&manifest) {
        Ok(index) => index,
        Err(error) => {
            verified.problem(MANIFEST, error.code(), error);
            return Ok(verified);
        }
    };
    verified.epoch = index.manifest().epoch;
    verified.pictures = index.manifest().counts.pictures;

    let missing = index.missing();
    for file in &missing {
        if let Some(bytes) = file_bytes(dist, file, &mut verified)
            && let Err(error) = index.supply(&file.name, bytes)
        {
            verified.problem(&file.name, error.code(), error);
        }
    }
    model(dist, index.manifest(), &mut verified);
    thumbnails(dist, &index, &mut verified);
    if index.ready() && index.missing().is_empty() {
        records(&index, &mut verified);
        dead_records(&index, &mut verified);
        let changes = index.routing().map(|routing| &routing.changes);
        verified.pieces = changes.map_or(0, |changes| changes.pieces().len() as u64);
        verified.dead_rows = changes.map_or(0, |changes| changes.dead().rows.len());
        state(dist, &index, &mut verified);
    }
    Ok(verified)
}

fn file_bytes(dist: &Path, file: &FileRef, verified: &mut Verified) -> Option<Vec<u8>> {
    verified.files += 1;
    match read_named(dist, file) {
        Ok(bytes) => {
            verified.bytes += bytes.len() as u64;
            Some(bytes)
        }
        Err(error) => {
            verified.failed(&file.name, &error);
            None
        }
    }
}

/// The files of the model, and whether it computes here what its maker saw.
fn model(dist: &Path, manifest: &Manifest, verified: &mut Verified) {
    let Some(model) = &manifest.model else {
        return;
    };
    let sidecar = file_bytes(dist, &model.sidecar, verified);
    let onnx = file_bytes(dist, &model.onnx, verified);
    #[cfg(feature = "embed")]
    if let (Some(sidecar), Some(onnx)) = (sidecar, onnx) {
        use crate::embed::{Embedder, Sidecar};
        let loaded = Sidecar::parse(&sidecar).and_then(|sidecar| Embedder::load(&onnx, &sidecar));
        match loaded {
            Ok(embedder) if embedder.dimension() != manifest.dimension => verified.problem(
                &model.onnx.name,
                "model_mismatch",
                format!(
                    "the model gives {} numbers and the index has {}",
                    embedder.dimension(),
                    manifest.dimension
                ),
            ),
            Ok(_) => {}
            Err(error) => verified.problem(&model.onnx.name, error.code(), error),
        }
    }
    #[cfg(not(feature = "embed"))]
    drop((sidecar, onnx));
}

fn thumbnails(dist: &Path, index: &Index, verified: &mut Verified) {
    let mut seen = HashSet::new();
    for record in index.records() {
        let Some(name) = record.thumb else {
            continue;
        };
        if !seen.insert(name.clone()) {
            continue;
        }
        verified.files += 1;
        let length = fs::metadata(dist.join(&name)).map_or(0, |found| found.len());
        let file = FileRef {
            name,
            bytes: length,
        };
        match read_named(dist, &file) {
            Ok(_) => verified.bytes += length,
            Err(error) => verified.failed(&file.name, &error),
        }
    }
}

/// The pictures that are in cells and count.
fn held(index: &Index) -> HashSet<u32> {
    index.pictures().unwrap_or_default().into_iter().collect()
}

/// Who is named dead for the sake of a record must have one; who is for the sake of a row was held against the rows when they came.
fn dead_records(index: &Index, verified: &mut Verified) {
    let stored: HashSet<u32> = index.stored_records().collect();
    let dead = index.routing().map(|routing| routing.changes.dead());
    let unknown = |id: &u32| !stored.contains(id);
    let unknown = dead.map_or(0, |dead| dead.records.iter().filter(unknown).count());
    if unknown > 0 {
        verified.problem(
            &index.manifest().routing.name,
            "index_corrupt",
            format!("it names {unknown} removed pictures of which nothing is stored; build the index again"),
        );
    }
}

/// Cells and records must tell of the same pictures. An index of vectors made elsewhere has no records.
fn records(index: &Index, verified: &mut Verified) {
    let held = held(index);
    let manifest = index.manifest();
    let told: HashSet<u32> = match manifest.model.is_none() && manifest.records.is_empty() {
        true => held.clone(),
        false => index.records().map(|record| record.id).collect(),
    };
    let unnamed = held.difference(&told).count();
    let unreachable = told.difference(&held).count();
    if unnamed + unreachable > 0 {
        verified.problem(
            MANIFEST,
            "index_corrupt",
            format!("{unnamed} pictures have no record and {unreachable} records are in no cell; build the index again"),
        );
    }
    if held.len() as u64 != verified.pictures {
        let (found, stated) = (held.len(), verified.pictures);
        verified.problem(
            MANIFEST,
            "index_corrupt",
            format!("the cells hold {found} pictures and the manifest says {stated}; build the index again"),
        );
    }
}

/// Whether a code may stand for a vector. Also no when something is no number.
fn agree(index: &Index, row: &[f32], decoded: &[f32]) -> bool {
    let Some(frame) = index.routing().and_then(|routing| routing.frame.as_ref()) else {
        let length = kernel::dot_f32(row, row).sqrt();
        return kernel::dot_f32(row, decoded) / length.max(f32::MIN_POSITIVE) >= LEAST_COSINE;
    };
    let squared = kernel::squared_distance_f32;
    // What a code loses is a part of how far the row lies from others.
    let unit = frame.scale().powi(2) + squared(row, frame.centre());
    squared(row, decoded) <= LARGEST_LOSS * unit
}

/// The full vectors, where they are: a copy without them is complete as well.
fn state(dist: &Path, index: &Index, verified: &mut Verified) {
    let state = match State::open(dist) {
        Ok(state) => state,
        Err(BuildError::StateMissing(_)) => return,
        Err(error) => return verified.failed(STATE_FOLDER, &error),
    };
    let name = state.file().file_name().unwrap_or_default();
    let name = format!("{STATE_FOLDER}/{}", name.to_string_lossy());
    verified.files += 1;
    let (vectors, dimension) = state.vectors();
    let mut ids: Vec<u32> = held(index).into_iter().collect();
    ids.sort_unstable();
    if ids
        .last()
        .is_some_and(|last| *last as usize >= state.rows())
    {
        let message = format!(
            "{} rows, too few for the ids of the index; run nearsight build again",
            state.rows()
        );
        return verified.problem(&name, "state_stale", message);
    }
    for id in ids.iter().step_by(ids.len().div_ceil(SAMPLE).max(1)) {
        let row = &vectors[*id as usize * dimension..][..dimension];
        let Some(decoded) = index.vector(*id) else {
            continue;
        };
        if !agree(index, row, &decoded) {
            return verified.problem(
                &name,
                "state_stale",
                format!("picture {id}: the code and the vector differ; run nearsight build again"),
            );
        }
    }
}
