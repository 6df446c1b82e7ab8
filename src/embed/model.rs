//! ONNX bytes → a network that runs: a plain one by our own kernels, any other by the general runtime.

use std::collections::HashSet;

use super::EmbedError;
use super::fold::fold_stored_weights;
#[cfg(feature = "any-model")]
use super::general::General;
use super::onnx::{self, DataType, GraphProto, ValueInfoProto};
use super::plain::{Answer, Plain};
use super::preprocess::{self, Values};
use super::sidecar::{ElementType, Input, Layout};
use crate::image::Picture;

/// A network for one picture at a time.
#[derive(Debug)]
pub(super) enum Network {
    /// Of plain layers only: our own kernels run it.
    Plain(Plain),
    /// Any other.
    #[cfg(feature = "any-model")]
    General(General),
}

/// What a graph says about its input or output, before it is loaded.
#[derive(Debug, Clone)]
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) element: i32,
    /// `None`: symbolic or unknown.
    pub(super) shape: Vec<Option<i64>>,
}

/// The parsed file.
pub(super) struct Parsed<'a> {
    /// As it came, for the general runtime, which reads it in its own way.
    #[cfg_attr(not(feature = "any-model"), expect(dead_code))]
    pub(super) onnx: &'a [u8],
    /// With its stored weights as floats.
    pub(super) graph: GraphProto,
    /// Of each node in the file, whether it only made weights and is gone from `graph`.
    #[cfg_attr(not(feature = "any-model"), expect(dead_code))]
    pub(super) replaced: Vec<bool>,
    pub(super) input: Declared,
    pub(super) outputs: Vec<Declared>,
}

/// The file cannot be used, for this reason.
pub(super) fn broken(error: &impl ToString) -> EmbedError {
    let mut reason = error.to_string();
    if reason.len() > 300 {
        let cut = (0..=300).rev().find(|&at| reason.is_char_boundary(at));
        reason.truncate(cut.unwrap_or(0));
    }
    EmbedError::Broken { reason }
}

/// Reads the file and finds its one picture input.
pub(super) fn parse(onnx: &[u8]) -> Result<Parsed<'_>, EmbedError> {
    if let Some(name) = name_of_other(onnx) {
        return Err(EmbedError::Broken {
            reason: format!("it is {name}"),
        });
    }
    let file = onnx::decode(onnx).map_err(|error| broken(&error))?;
    let mut graph = file.graph.ok_or_else(|| EmbedError::Broken {
        reason: "it holds no graph".to_owned(),
    })?;
    check_names(&graph)?;
    let input = only_input(&graph)?;
    let outputs = graph.output.iter().map(declared).collect();
    let replaced = fold_stored_weights(&mut graph);
    Ok(Parsed {
        onnx,
        graph,
        replaced,
        input,
        outputs,
    })
}

/// The general runtime takes it for granted that every output of the graph exists.
fn check_names(graph: &GraphProto) -> Result<(), EmbedError> {
    let made: HashSet<&str> = graph
        .node
        .iter()
        .flat_map(|node| node.output.iter().map(String::as_str))
        .chain(
            graph
                .initializer
                .iter()
                .map(|weights| weights.name.as_str()),
        )
        .chain(graph.input.iter().map(|input| input.name.as_str()))
        .collect();
    match graph
        .output
        .iter()
        .find(|o| !made.contains(o.name.as_str()))
    {
        Some(output) => Err(EmbedError::Broken {
            reason: format!("nothing in it makes its output {:?}", output.name),
        }),
        None => Ok(()),
    }
}

fn only_input(graph: &GraphProto) -> Result<Declared, EmbedError> {
    // Old files list their weights among the inputs.
    let fed: Vec<Declared> = graph
        .input
        .iter()
        .filter(|input| graph.initializer.iter().all(|w| w.name != input.name))
        .map(declared)
        .collect();
    let describe = |fed: &[Declared]| {
        let each = |input: &Declared| format!("{:?} {}", input.name, shape_text(&input.shape));
        fed.iter().map(each).collect::<Vec<_>>().join(", ")
    };
    let expected =
        "one input with four sides: [batch, 3, height, width] or [batch, height, width, 3]";
    match fed.as_slice() {
        [only] if only.shape.len() == 4 => Ok(only.clone()),
        [] => Err(EmbedError::Unsupported {
            found: "a model without inputs".to_owned(),
            expected: expected.to_owned(),
        }),
        others => Err(EmbedError::Unsupported {
            found: format!("{} input(s): {}", others.len(), describe(others)),
            expected: expected.to_owned(),
        }),
    }
}

fn declared(info: &ValueInfoProto) -> Declared {
    let tensor = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let sides = tensor.and_then(|tensor| tensor.shape.as_ref());
    Declared {
        name: info.name.clone(),
        element: tensor.map_or(0, |tensor| tensor.elem_type),
        shape: sides.map_or(Vec::new(), |sides| {
            let side = |side: &onnx::DimensionProto| side.dim_value.filter(|&value| value > 0);
            sides.dim.iter().map(side).collect()
        }),
    }
}

/// A shape as a person writes it, `?` for what is open.
pub(super) fn shape_text(shape: &[Option<i64>]) -> String {
    let side = |side: &Option<i64>| side.map_or("?".to_owned(), |side| side.to_string());
    format!(
        "[{}]",
        shape.iter().map(side).collect::<Vec<_>>().join(", ")
    )
}

impl Network {
    /// Parses and prepares a network for the input that the sidecar describes.
    pub(super) fn load(
        onnx: &[u8],
        input: &Input,
        output_name: &str,
    ) -> Result<Network, EmbedError> {
        Network::prepare(&parse(onnx)?, input, output_name)
    }

    pub(super) fn prepare(
        parsed: &Parsed,
        input: &Input,
        output_name: &str,
    ) -> Result<Network, EmbedError> {
        match plain(parsed, input, output_name)? {
            Ok(plain) => Ok(Network::Plain(plain)),
            #[cfg(feature = "any-model")]
            Err(_) => Ok(Network::General(General::load(parsed, input, output_name)?)),
            #[cfg(not(feature = "any-model"))]
            Err(found) => Err(EmbedError::NeedsAnyModel { found }),
        }
    }

    /// Runs the network on pixels of exactly its input size.
    pub(super) fn run(&self, pixels: &Picture, input: &Input) -> Result<Values, EmbedError> {
        match self {
            Network::Plain(plain) => {
                let Answer { shape, values } = plain.run(&preprocess::floats(pixels, input));
                Ok(Values { shape, values })
            }
            #[cfg(feature = "any-model")]
            Network::General(general) => general.run(pixels, input),
        }
    }
}

/// The network if it is plain, or what in it is not; an error where it does not fit its sidecar.
pub(super) fn plain(
    parsed: &Parsed,
    input: &Input,
    output_name: &str,
) -> Result<Result<Plain, String>, EmbedError> {
    check_input(&parsed.input, input)?;
    if parsed.outputs.iter().all(|o| o.name != output_name) {
        let names: Vec<&str> = parsed.outputs.iter().map(|o| o.name.as_str()).collect();
        return Err(EmbedError::Mismatch {
            what: "name of the output",
            found: names.join(", "),
            expected: output_name.to_owned(),
        });
    }
    Ok(Plain::read(&parsed.graph, input, output_name))
}

pub(super) fn input_shape(input: &Input) -> [usize; 4] {
    let (width, height) = (input.width as usize, input.height as usize);
    match input.layout {
        Layout::Nchw => [1, 3, height, width],
        Layout::Nhwc => [1, height, width, 3],
    }
}

/// Holds the sidecar against what the graph declares.
fn check_input(declared: &Declared, input: &Input) -> Result<(), EmbedError> {
    let mismatch = |what, found, expected| EmbedError::Mismatch {
        what,
        found,
        expected,
    };
    if declared.name != input.name {
        return Err(mismatch(
            "name of the input",
            declared.name.clone(),
            input.name.clone(),
        ));
    }
    let element = match input.element {
        ElementType::Float32 => DataType::Float,
        ElementType::Uint8 => DataType::Uint8,
    };
    if declared.element != element as i32 {
        let found = DataType::text(declared.element);
        return Err(mismatch("type of the input", found, format!("{element:?}")));
    }
    let shape = input_shape(input);
    let fits = declared
        .shape
        .iter()
        .zip(shape)
        .all(|(declared, wanted)| declared.is_none_or(|side| side == wanted as i64));
    if !fits {
        return Err(mismatch(
            "shape of the input",
            shape_text(&declared.shape),
            format!("{shape:?}"),
        ));
    }
    Ok(())
}

/// Names what people hand over instead of an ONNX file.
fn name_of_other(bytes: &[u8]) -> Option<&'static str> {
    let magic: &[(&[u8], &str)] = &[
        (
            b"version https://git-lfs",
            "a Git LFS pointer, the model itself was not fetched",
        ),
        (
            b"PK\x03\x04",
            "a ZIP archive (a PyTorch checkpoint?), not ONNX",
        ),
        (b"\x80\x02", "a Python pickle, not ONNX"),
        (b"GGUF", "a GGUF model, not ONNX"),
        (b"\x89HDF", "an HDF5 (Keras) model, not ONNX"),
        (b"{", "JSON, not ONNX"),
        (b"<", "HTML or XML, not ONNX"),
    ];
    if bytes.is_empty() {
        return Some("empty: 0 bytes");
    }
    if bytes.get(4..8) == Some(b"TFL3") {
        return Some("a TensorFlow Lite model, not ONNX");
    }
    magic
        .iter()
        .find(|(start, _)| bytes.starts_with(start))
        .map(|(_, name)| *name)
}
