//! An ONNX file without a sidecar → a sidecar with the usual defaults, and a sentence for each.
//!
//! Most image networks are trained the same way, so guessing is mostly right; but a wrong guess gives
//! vectors that look fine and search badly. Therefore every guess is handed back to be shown.

use super::model::{self, Declared, Network, shape_text};
use super::onnx::DataType;
use super::reference::pattern;
use super::sidecar::{Channels, ElementType, Input, Layout, Output, Pooling, Sidecar};
use super::{EmbedError, Embedder, Inferred};
use crate::image::{Filter, Resize};

/// What image networks are trained at unless they say otherwise.
const USUAL_SIDE: u32 = 224;
/// Means and deviations of ImageNet's pictures, which most networks are trained with.
const USUAL_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const USUAL_STD: [f32; 3] = [0.229, 0.224, 0.225];

pub(super) fn infer(onnx: &[u8]) -> Result<Inferred, EmbedError> {
    let parsed = model::parse(onnx)?;
    let mut assumed = Vec::new();
    let input = infer_input(&parsed.input, &mut assumed)?;
    input.check()?;
    let output = parsed
        .outputs
        .first()
        .ok_or_else(|| EmbedError::Unsupported {
            found: "a model without outputs".to_owned(),
            expected: "one vector per picture".to_owned(),
        })?
        .name
        .clone();
    if parsed.outputs.len() > 1 {
        let others = parsed.outputs.len() - 1;
        assumed.push(format!(
            "the vector is the first output, {output:?}; {others} more are not read"
        ));
    }
    let network = Network::prepare(&parsed, &input, &output)?;
    let values = network.run(&pattern(input.width, input.height), &input)?;
    let pooling = infer_pooling(&values.shape, &mut assumed);
    let dimension = values.pool(pooling, input.layout).len();
    assumed.push(format!(
        "a vector has {dimension} numbers (output of shape {:?}) and is brought to unit length",
        values.shape
    ));
    assumed.push("there is no reference vector: nothing proves that this runtime computes the model as its makers did".to_owned());

    let sidecar = Sidecar {
        format: 1,
        name: "model".to_owned(),
        file: "model.onnx".to_owned(),
        sha256: String::new(),
        licence: String::new(),
        generation: "inferred-1".to_owned(),
        compatible_with: Vec::new(),
        input,
        output: Output {
            name: output,
            dimension,
            pooling,
            normalise: true,
        },
        reference: None,
        projection: None,
    };
    sidecar.check()?;
    Ok(Inferred {
        embedder: Embedder {
            network,
            sidecar: sidecar.clone(),
            checked: false,
        },
        sidecar,
        assumed,
        checked: false,
    })
}

fn infer_input(declared: &Declared, assumed: &mut Vec<String>) -> Result<Input, EmbedError> {
    let unsupported = |found: String, expected: &str| EmbedError::Unsupported {
        found,
        expected: expected.to_owned(),
    };
    let element = if declared.element == DataType::Float as i32 {
        ElementType::Float32
    } else if declared.element == DataType::Uint8 as i32 {
        ElementType::Uint8
    } else {
        return Err(unsupported(
            format!("an input of {}", DataType::text(declared.element)),
            "float32 or uint8",
        ));
    };
    let (layout, height, width) = match declared.shape.as_slice() {
        &[_, Some(3), height, width] => (Layout::Nchw, height, width),
        &[_, height, width, Some(3)] => (Layout::Nhwc, height, width),
        shape => {
            return Err(unsupported(
                format!("an input of shape {}", shape_text(shape)),
                "three colour channels, as the second or the last side",
            ));
        }
    };
    let mut side = |name: &str, side: Option<i64>| match side {
        // Sides beyond u32 are refused with the sidecar's other limits.
        Some(side) => u32::try_from(side).unwrap_or(u32::MAX),
        None => {
            assumed.push(format!("the input's {name} is open: {USUAL_SIDE} pixels"));
            USUAL_SIDE
        }
    };
    let (height, width) = (side("height", height), side("width", width));
    let (mean, std) = match element {
        ElementType::Float32 => {
            assumed.push("values are scaled with ImageNet's mean and deviation".to_owned());
            (USUAL_MEAN, USUAL_STD)
        }
        ElementType::Uint8 => {
            assumed.push("bytes are fed as they are, 0 to 255".to_owned());
            ([0.0; 3], [1.0; 3])
        }
    };
    assumed.push("channels are in the order red, green, blue".to_owned());
    assumed.push("pictures are cropped to the input's aspect and resized bilinearly".to_owned());
    Ok(Input {
        name: declared.name.clone(),
        element,
        layout,
        width,
        height,
        resize: Resize::Crop,
        filter: Filter::Bilinear,
        channels: Channels::Rgb,
        mean,
        std,
    })
}

/// An output with more than one position is averaged; that is what classifiers do before their last layer.
fn infer_pooling(shape: &[usize], assumed: &mut Vec<String>) -> Pooling {
    let wide = shape.iter().filter(|&&side| side > 1).count();
    if shape.len() < 3 || wide < 2 {
        return Pooling::None;
    }
    assumed.push(format!(
        "the output has several positions (shape {shape:?}): their mean is the vector"
    ));
    Pooling::Mean
}
