//! The model that turns pictures into vectors: built in, a file, or the one that an index names.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::BuildError;
use super::load::read_named;
use crate::embed::{Embedder, Projection, Sidecar};
use crate::index::{FileRef, Manifest, ModelRef};
use crate::quantize::Metric;

const BUILT_IN: (&[u8], &[u8]) = (
    include_bytes!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/models/nearsight-128.onnx"
    )),
    include_bytes!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/models/nearsight-128.json"
    )),
);

/// A model's two files, not loaded yet: a build without new pictures never needs it loaded.
#[derive(Clone)]
pub struct Model {
    onnx: Vec<u8>,
    sidecar: Sidecar,
    plain: OnceLock<bool>,
    /// What was taken for granted where no sidecar said it; empty otherwise.
    pub assumed: Vec<String>,
    pub saved_sidecar: Option<PathBuf>,
}

impl Model {
    /// The project's own, part of the program.
    pub fn built_in() -> Result<Self, BuildError> {
        let (onnx, sidecar) = BUILT_IN;
        Ok(Self {
            onnx: onnx.to_vec(),
            sidecar: Sidecar::parse(sidecar)?,
            plain: OnceLock::new(),
            assumed: Vec::new(),
            saved_sidecar: None,
        })
    }

    /// `FILE.onnx` with its sidecar: `FILE.json`, else `model.json` in the same folder, else what can
    /// be inferred, which `save_sidecar` writes to `FILE.json`.
    pub fn read(file: &Path, save_sidecar: bool) -> Result<Self, BuildError> {
        let onnx = fs::read(file).map_err(|source| BuildError::io("read", file, source))?;
        let own = file.with_extension("json");
        let beside = [own.clone(), file.with_file_name("model.json")];
        if let Some(path) = beside.into_iter().find(|path| path.is_file()) {
            let text = fs::read(&path).map_err(|source| BuildError::io("read", &path, source))?;
            let sidecar = Sidecar::parse(&text).map_err(|error| BuildError::ModelBroken {
                path,
                found: error.to_string(),
            })?;
            return Ok(Self {
                onnx,
                sidecar,
                plain: OnceLock::new(),
                assumed: Vec::new(),
                saved_sidecar: None,
            });
        }
        let inferred = Embedder::infer(&onnx)?;
        let saved_sidecar = save_sidecar.then_some(own);
        if let Some(path) = &saved_sidecar {
            fs::write(path, inferred.sidecar.to_json())
                .map_err(|source| BuildError::io("write", path, source))?;
        }
        Ok(Self {
            onnx,
            sidecar: inferred.sidecar,
            plain: OnceLock::new(),
            assumed: inferred.assumed,
            saved_sidecar,
        })
    }

    /// The model that made the index in `dist`.
    pub fn of_index(dist: &Path, manifest: &Manifest) -> Result<Self, BuildError> {
        let Some(model) = &manifest.model else {
            return Err(BuildError::ModelMissing(dist.to_path_buf()));
        };
        Ok(Self {
            onnx: read_named(dist, &model.onnx)?,
            sidecar: Sidecar::parse(&read_named(dist, &model.sidecar)?)?,
            plain: OnceLock::new(),
            assumed: Vec::new(),
            saved_sidecar: None,
        })
    }

    /// Takes up to a second: the network is prepared and its reference picture computed.
    pub fn load(&self) -> Result<Embedder, BuildError> {
        Ok(Embedder::load(&self.onnx, &self.sidecar)?)
    }

    /// Whether a page runs it without the general runtime.
    pub fn is_plain(&self) -> bool {
        let plain = || Embedder::is_plain(&self.onnx, &self.sidecar);
        *self.plain.get_or_init(plain)
    }

    /// How a manifest names it.
    pub fn reference(&self) -> ModelRef {
        ModelRef {
            generation: self.sidecar.generation.clone(),
            plain: Some(self.is_plain()),
            sidecar: FileRef::of("model/", self.sidecar.to_json().as_bytes(), "json"),
            onnx: FileRef::of("model/", &self.onnx, "onnx"),
        }
    }

    /// The two files under the names of [`Model::reference`].
    pub fn files(&self) -> [(String, Vec<u8>); 2] {
        let reference = self.reference();
        [
            (reference.sidecar.name, self.sidecar.to_json().into()),
            (reference.onnx.name, self.onnx.clone()),
        ]
    }

    /// Numbers of a picture's vector: projected, where there is a projection.
    pub fn dimension(&self) -> usize {
        self.sidecar.dimension()
    }

    /// What makes two of its vectors near.
    pub fn metric(&self) -> Metric {
        self.sidecar.metric()
    }

    /// Numbers that the network gives.
    pub fn network_dimension(&self) -> usize {
        self.sidecar.output.dimension
    }

    pub fn projection(&self) -> Option<&Projection> {
        self.sidecar.projection.as_ref()
    }

    /// The same network with this projection behind it, or with none.
    pub fn projected(&self, projection: Option<Projection>) -> Self {
        let mut model = self.clone();
        model.sidecar.projection = projection;
        model
    }

    /// How a manifest would name it without its projection: what a picture's embedding depends on.
    pub fn network_reference(&self) -> ModelRef {
        self.projected(None).reference()
    }

    /// Whether it gives the same vectors before any projection. Cheap: no file is hashed.
    pub fn is_same_network(&self, other: &Self) -> bool {
        let sidecar = |model: &Self| Sidecar {
            projection: None,
            ..model.sidecar.clone()
        };
        self.onnx == other.onnx && sidecar(self) == sidecar(other)
    }

    pub fn name(&self) -> &str {
        &self.sidecar.name
    }
}
