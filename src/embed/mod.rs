//! Pixels → vector, by a network in ONNX form and the sidecar that says how to feed it.
//!
//! Any network with one picture in and one vector out will do: planes or interleaved pixels, floats or bytes, pooled here or
//! inside. Plain ones, the default model among them, run on our own kernels (`plain`); for others there is tract (`general`, the only
//! file that names it), where the feature `any-model` is on. A network is refused, not served,
//! when this runtime does not compute the reference vector that its sidecar carries
//! ([`reference`]): quantised networks in particular come out differently from runtime to runtime, and an
//! index made elsewhere would then answer wrongly without a sign.
//!
//! Never reads a file or the network: the caller brings the bytes.

#[cfg(not(target_arch = "wasm32"))]
pub mod adapter;
mod fold;
#[cfg(feature = "any-model")]
mod general;
mod infer;
mod model;
mod onnx;
mod plain;
mod preprocess;
mod projection;
mod reference;
mod sidecar;
#[cfg(not(target_arch = "wasm32"))]
pub mod whitening;

use crate::image::{self, ImageError, Limits, Picture};
use model::Network;
pub use projection::Projection;
pub use reference::pattern;
pub use sidecar::{
    Channels, ElementType, Input, Layout, Output, Pooling, Reference, Sidecar, TRIANGLES,
};

/// A network, ready to run. Shared freely between threads.
#[derive(Debug)]
pub struct Embedder {
    network: Network,
    sidecar: Sidecar,
    checked: bool,
}

/// What was found in a network that came without a sidecar.
#[derive(Debug)]
pub struct Inferred {
    pub embedder: Embedder,
    pub sidecar: Sidecar,
    /// One sentence for each thing that was taken for granted, to be shown to a person.
    pub assumed: Vec<String>,
    /// Always false today: without a reference vector nothing can be compared. Shown, so that nobody
    /// takes an inferred model for a checked one.
    pub checked: bool,
}

impl Embedder {
    /// Loads a network and runs it once: on the sidecar's reference when it has one.
    pub fn load(onnx: &[u8], sidecar: &Sidecar) -> Result<Embedder, EmbedError> {
        sidecar.check()?;
        let network = Network::load(onnx, &sidecar.input, &sidecar.output.name)?;
        let mut embedder = Embedder {
            network,
            sidecar: sidecar.clone(),
            checked: false,
        };
        embedder.checked = reference::check(&embedder)?;
        Ok(embedder)
    }

    /// Loads a network that came without a sidecar, with the usual defaults.
    pub fn infer(onnx: &[u8]) -> Result<Inferred, EmbedError> {
        infer::infer(onnx)
    }

    /// Whether a network is plain, so that a build without the feature `any-model` runs it too. False also for what is no network, or
    /// not the sidecar's: loading it says why.
    pub fn is_plain(onnx: &[u8], sidecar: &Sidecar) -> bool {
        let plain = |parsed| model::plain(&parsed, &sidecar.input, &sidecar.output.name);
        matches!(model::parse(onnx).and_then(plain), Ok(Ok(_)))
    }

    /// The vector of a picture: of unit length, or as long as the network makes it where the sidecar says so.
    pub fn embed(&self, picture: &Picture) -> Result<Vec<f32>, EmbedError> {
        let input = &self.sidecar.input;
        let pixels = image::resize(
            picture,
            input.width,
            input.height,
            input.resize,
            input.filter,
        )?;
        let vector = self.run(&pixels)?;
        match &self.sidecar.projection {
            Some(projection) => project(projection, &vector),
            None => Ok(vector),
        }
    }

    /// Decodes a picture's file and embeds it. The picture comes back for a thumbnail: it is
    /// [`image::decode_side`] pixels or more on its shorter side, not the file's full size.
    pub fn embed_bytes(
        &self,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<(Vec<f32>, Picture), EmbedError> {
        let input = &self.sidecar.input;
        let side = image::decode_side(input.width.max(input.height));
        let picture = image::decode(bytes, limits, Some(side))?;
        Ok((self.embed(&picture)?, picture))
    }

    /// Numbers in a vector.
    pub fn dimension(&self) -> usize {
        self.sidecar.dimension()
    }

    pub fn sidecar(&self) -> &Sidecar {
        &self.sidecar
    }

    /// Whether a reference vector was there and came out.
    pub fn checked(&self) -> bool {
        self.checked
    }

    /// Runs the network alone on pixels of exactly its input size: of unit length unless the sidecar says otherwise, not projected.
    fn run(&self, pixels: &Picture) -> Result<Vec<f32>, EmbedError> {
        let values = self.network.run(pixels, &self.sidecar.input)?;
        let output = &self.sidecar.output;
        let vector = values.pool(output.pooling, self.sidecar.input.layout);
        if vector.len() != output.dimension {
            return Err(EmbedError::Mismatch {
                what: "numbers in the output",
                found: format!("{} (shape {:?})", vector.len(), values.shape),
                expected: output.dimension.to_string(),
            });
        }
        match output.normalise {
            true => normalise(vector),
            false => finite(vector),
        }
    }
}

/// Refuses what is no vector.
fn finite(vector: Vec<f32>) -> Result<Vec<f32>, EmbedError> {
    match vector.iter().find(|value| !value.is_finite()) {
        Some(&length) => Err(EmbedError::Output { length }),
        None => Ok(vector),
    }
}

/// A network's vector → what an index of its projected vectors holds.
pub fn project(projection: &Projection, vector: &[f32]) -> Result<Vec<f32>, EmbedError> {
    normalise(projection.apply(vector))
}

/// Divides by the length.
fn normalise(mut vector: Vec<f32>) -> Result<Vec<f32>, EmbedError> {
    let square: f64 = vector.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
    let length = square.sqrt();
    if !length.is_finite() || length < 1e-12 {
        return Err(EmbedError::Output {
            length: length as f32,
        });
    }
    for value in &mut vector {
        *value = (f64::from(*value) / length) as f32;
    }
    Ok(vector)
}

/// Why a network was refused or gave no vector.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    #[error(
        "this is not a usable ONNX model ({reason}); export it again as one .onnx file with its weights inside"
    )]
    Broken { reason: String },
    #[error("this kind of model is not supported: {found}; expected {expected}")]
    Unsupported { found: String, expected: String },
    #[error(
        "this model is not made of plain layers only (found {found}), and this build runs no others: take one with the feature `any-model`; \
         in a page, the module nearsight/any-model/wasm, which is loaded without being asked for unless `wasm` was given"
    )]
    NeedsAnyModel { found: String },
    #[error(
        "model and sidecar disagree about the {what}: found {found}, expected {expected}; correct model.json or take the model it was written for"
    )]
    Mismatch {
        what: &'static str,
        found: String,
        expected: String,
    },
    #[error("model.json: {reason}; correct it, or leave it out to have defaults inferred")]
    Sidecar { reason: String },
    #[error(
        "the model does not compute its reference vector here: cosine {cosine:.6}, expected at least {min_cosine}; \
         this runtime and the one that wrote model.json disagree, so its vectors would be wrong: \
         export the model with float32 activations (int8 weights are fine), or write the reference anew and rebuild the index with this runtime"
    )]
    ReferenceFailed { cosine: f64, min_cosine: f64 },
    #[error(
        "the model gave no direction: an output of length {length}; the picture is degenerate or the model's mean and std are wrong"
    )]
    Output { length: f32 },
    #[error("no projection can be fitted: found {found}, expected {expected}")]
    Projection { found: String, expected: String },
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// Every code of this room's own; pictures bring theirs.
pub const CODES: &[&str] = &[
    "model_broken",
    "model_unsupported",
    "model_needs_any_model",
    "model_mismatch",
    "model_sidecar_invalid",
    "model_reference_failed",
    "model_output_invalid",
    "projection_impossible",
];

impl EmbedError {
    /// The stable name of the kind of failure.
    pub fn code(&self) -> &'static str {
        match self {
            EmbedError::Broken { .. } => "model_broken",
            EmbedError::Unsupported { .. } => "model_unsupported",
            EmbedError::NeedsAnyModel { .. } => "model_needs_any_model",
            EmbedError::Mismatch { .. } => "model_mismatch",
            EmbedError::Sidecar { .. } => "model_sidecar_invalid",
            EmbedError::ReferenceFailed { .. } => "model_reference_failed",
            EmbedError::Output { .. } => "model_output_invalid",
            EmbedError::Projection { .. } => "projection_impossible",
            EmbedError::Image(error) => error.code(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_embedder_is_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Embedder>();
    }

    #[test]
    fn an_output_without_direction_is_refused() {
        for vector in [vec![0.0; 4], vec![f32::NAN, 1.0], vec![f32::INFINITY, 1.0]] {
            assert_eq!(
                normalise(vector).unwrap_err().code(),
                "model_output_invalid"
            );
        }
        assert_eq!(normalise(vec![3.0, 4.0]).unwrap(), [0.6, 0.8]);
    }
}
