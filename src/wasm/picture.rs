//! Bytes or pixels → a picture, and a picture → its vector.

use wasm_bindgen::prelude::*;

use super::error::Failure;
use crate::{embed, image};

/// A decoded picture, upright. JavaScript frees it as soon as it is embedded.
#[wasm_bindgen(js_name = Picture)]
pub struct PictureHandle(image::Picture);

#[wasm_bindgen(js_class = Picture)]
impl PictureHandle {
    #[wasm_bindgen(getter)]
    pub fn width(&self) -> u32 {
        self.0.width
    }

    #[wasm_bindgen(getter)]
    pub fn height(&self) -> u32 {
        self.0.height
    }
}

/// A picture's file → its pixels. `side` is what the model takes in: larger JPEGs are shrunk while
/// they are decoded, by the rule that the builder follows too.
#[wasm_bindgen]
pub fn decode(bytes: &[u8], side: u32) -> Result<PictureHandle, JsValue> {
    let at_least = image::decode_side(side);
    let picture =
        image::decode(bytes, &image::Limits::default(), Some(at_least)).map_err(Failure::from)?;
    Ok(PictureHandle(picture))
}

/// What the browser has decoded: four bytes a pixel, alpha not multiplied in.
#[wasm_bindgen]
pub fn picture_from_rgba(width: u32, height: u32, rgba: &[u8]) -> Result<PictureHandle, JsValue> {
    let picture = image::Picture::from_rgba(width, height, rgba, &image::Limits::default())
        .map_err(Failure::from)?;
    Ok(PictureHandle(picture))
}

/// The network, ready to run.
#[wasm_bindgen(js_name = Embedder)]
pub struct EmbedderHandle(embed::Embedder);

#[wasm_bindgen(js_class = Embedder)]
impl EmbedderHandle {
    /// Loads a network with its sidecar, and refuses it when the reference pair does not come out.
    #[wasm_bindgen(constructor)]
    pub fn new(onnx: &[u8], sidecar: &[u8]) -> Result<EmbedderHandle, JsValue> {
        let sidecar = embed::Sidecar::parse(sidecar).map_err(Failure::from)?;
        let embedder = embed::Embedder::load(onnx, &sidecar).map_err(Failure::from)?;
        Ok(Self(embedder))
    }

    #[wasm_bindgen(getter)]
    pub fn dimension(&self) -> u32 {
        self.0.dimension() as u32
    }

    /// What makes two of its vectors near: `cosine` or `euclidean`.
    #[wasm_bindgen(getter, unchecked_return_type = "Metric")]
    pub fn metric(&self) -> String {
        self.0.sidecar().metric().name().to_owned()
    }

    /// The side of what the network takes in, the longer one.
    #[wasm_bindgen(getter)]
    pub fn side(&self) -> u32 {
        let input = &self.0.sidecar().input;
        input.width.max(input.height)
    }

    /// A picture → its vector, of unit length unless the sidecar says otherwise.
    pub fn embed(&self, picture: &PictureHandle) -> Result<Vec<f32>, JsValue> {
        Ok(self.0.embed(&picture.0).map_err(Failure::from)?)
    }
}

/// The mark of the module that runs any network: whoever was given a module looks for this name among its exports.
#[cfg(feature = "any-model")]
#[wasm_bindgen]
pub fn runs_any_model() -> bool {
    true
}
